"""Hidden test files: read without running what is in them, predicted, and written as ``predictions.csv``."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas
import torch
from torch import Tensor

from helpers.analysis.inputs import as_whole_numbers
from helpers.analysis.predict import predict_logits
from helpers.analysis.unpickle import read_pickle
from helpers.data.image_set import ImageSet
from helpers.data.loader import MemoryLoader
from helpers.experiments.load import LoadedModel, load_model
from helpers.experiments.run_folder import RunFolder
from helpers.paths import run_dir, write_text

NPY_START, ZIP_START = b"\x93NUMPY", b"PK\x03\x04"  # the first bytes of these files


def read_hidden_test(path: str | Path) -> tuple[Tensor, np.ndarray]:
    """Images uint8 (N, 3, 32, 32) and ids (N,) of a hidden test file.

    That is a Kaggle-style pickle ``{b"data": …, b"ids": …}``, or the images alone: an array in a pickle, or in an
    ``.npy`` file as CIFAR-10.1 and CIFAR-10-C are published. Images without ids are numbered from 0.

    The data may be (N, 3072), (N, 32, 32, 3) or (N, 3, 32, 32). Rows of 3072 are either three planes or
    pixel by pixel: of both readings the smoother is taken, and noise, which favors neither, is refused.

    Raises
    ------
    ValueError
        For any other content; the message says what to save instead.
    """
    content = _read_content(path)
    if "data" not in content:
        raise ValueError(f"{path}: no b'data' in it, only {sorted(map(str, content))}")
    data = content["data"]
    if not isinstance(data, np.ndarray):  # nested lists can unfold to more than any memory
        raise ValueError(f"{path}: data of type {type(data).__name__}, expected an array")
    images = _to_images(data, path)
    ids = _to_ids(content.get("ids", range(len(images))), len(images), path)
    return images, ids


def _read_content(path) -> dict:
    """What is in the file by name; the images alone are its ``data``."""
    with open(path, "rb") as file:
        start = file.read(len(NPY_START))
    if start.startswith(ZIP_START):
        raise ValueError(f"{path}: a zip archive (.npz, or of torch.save); expected a pickle or an .npy file: "
                         "np.save('images.npy', np.load(path)['data']) writes its images alone")
    content = _read_npy(path) if start == NPY_START else read_pickle(path)
    if isinstance(content, np.ndarray):
        return {"data": content}
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__}, expected a dict with b'data' and b'ids'")
    return {key.decode() if isinstance(key, bytes) else key: value for key, value in content.items()}


def _read_npy(path) -> np.ndarray:
    """The array of an ``.npy`` file, never its pickles; mapped, as then NumPy compares its size with the file's."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise ValueError(f"{path}: a damaged .npy file, or one of objects: save the images as np.uint8 "
                         f"({type(error).__name__}: {error}); nothing in it was run") from error


def _to_ids(ids, count: int, path) -> np.ndarray:
    """The ids (N,) as Python's own numbers and text; each image needs one of its own."""
    if not isinstance(ids, np.ndarray):
        listed = ids if isinstance(ids, list | tuple | range) else [ids]
        ids = np.fromiter(listed, object)
    plain = [i.decode(errors="replace") if isinstance(i, bytes) else i for i in ids.ravel().tolist()]  # Python 2's text
    if not all(isinstance(i, int | float | str | np.generic) for i in plain):
        raise ValueError(f"{path}: ids that are neither numbers nor text; give each image one")
    if ids.shape != (count,) or len(set(plain)) != len(plain):
        raise ValueError(f"{path}: {count} images but ids of shape {ids.shape}, {len(set(plain))} different; "
                         "each image needs its own id")
    return np.asarray(plain, object)  # else large whole numbers become floats


def _to_images(data: np.ndarray, path) -> Tensor:
    """uint8 (N, 3, 32, 32) from any of the layouts."""
    if data.dtype != np.uint8 or not data.size or data.shape[1:] not in ((3072,), (32, 32, 3), (3, 32, 32)):
        way_out = "; give the file of the images, not of the labels" if data.ndim == 1 else ""
        raise ValueError(f"{path}: data of type {data.dtype}, shape {data.shape}; expected at least one image, uint8: "
                         f"(N, 3072), (N, 32, 32, 3) or (N, 3, 32, 32){way_out}")
    if data.ndim == 2:
        planes = _smoother_reading(data, path)
    elif data.shape[-1] == 3:
        planes = data.transpose(0, 3, 1, 2)
    else:
        planes = data
    return torch.from_numpy(np.array(planes, order="C"))  # a copy: a mapped file cannot be written to


def _smoother_reading(rows: np.ndarray, path) -> np.ndarray:
    """Rows of 3072 as (N, 3, 32, 32), read as three planes or pixel by pixel: photographs are smooth."""
    as_planes = rows.reshape(-1, 3, 32, 32)
    by_pixel = rows.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)
    steps = [_mean_step(as_planes[:1000]), _mean_step(by_pixel[:1000])]
    if not min(steps) < 0.8 * max(steps):
        raise ValueError(f"{path}: rows of 3072 are as rough in planes as pixel by pixel (mean steps "
                         f"{steps[0]:.0f} and {steps[1]:.0f}): no photographs; save (N, 32, 32, 3)")
    return as_planes if steps[0] < steps[1] else by_pixel


def _mean_step(images: np.ndarray) -> float:
    """Mean difference between neighboring pixels, down plus right."""
    wide = images.astype(np.int16)  # differences of uint8 would wrap around
    return sum(np.abs(np.diff(wide, axis=axis)).mean() for axis in (2, 3))


def predict_images(images: Tensor, models: list[LoadedModel], device: torch.device, *, flip: bool = False) -> Tensor:
    """Mean logits (N, num_classes) of one or several models, each with its own statistics; `flip`: mirrored too."""
    if not models:
        raise ValueError("models is empty: give at least one loaded model")
    if len({one.classes for one in models}) > 1:
        names = [one.classes[:3] for one in models]
        raise ValueError(f"models of different classes {names} …: a mean of their logits says nothing")
    unknown = torch.zeros(len(images), dtype=torch.int64)  # a set of images has labels; these are not looked at
    data = ImageSet(images, unknown, models[0].classes, "hidden", real=False).to(device)
    total = 0
    for one in models:
        batches = MemoryLoader(data, 1000, statistics=one.statistics)
        logits, _ = predict_logits(one.model.to(device), batches, precision=one.config.precision, flip=flip)
        total = total + logits
    return total / len(models)


def load_ensemble(best: Path, count: int) -> list[tuple[Path, LoadedModel]]:
    """The `count` best checkpoints of the run that `best` belongs to, or `best` alone."""
    if count < 1:
        raise ValueError(f"top={count}: an ensemble needs at least 1 checkpoint")
    paths = [best] if count == 1 else RunFolder(best.resolve().parent.parent).ranked()[:count]
    if len(paths) < count:
        raise ValueError(f"the run of {best} keeps {len(paths)} ranked checkpoints, {count} were asked for")
    return [(path, load_model(path)) for path in paths]


def write_predictions(ids: np.ndarray, labels: Tensor, experiment: str, checkpoint: Path, *, val_accuracy: float | None,
                      root: Path | None = None) -> Path:
    """Write ``predictions.csv`` (``ID,Label``) to a new folder of ``evaluations/``, beside a link to the checkpoint."""
    numbers = as_whole_numbers(np.asarray(labels))
    if numbers.shape != (len(ids),):
        raise ValueError(f"labels of shape {numbers.shape} for {len(ids)} ids: expected one per image")
    val = "unknown" if val_accuracy is None else f"{val_accuracy:.4f}"
    folder = (root or run_dir()) / "evaluations" / f"{experiment}_val_acc_{val}_{datetime.now():%Y%m%d-%H%M%S-%f}"
    table = pandas.DataFrame({"ID": ids, "Label": numbers})
    write_text(folder / "predictions.csv", table.to_csv(index=False, lineterminator="\n"))
    _name_the_model(folder, checkpoint.resolve())
    return folder / "predictions.csv"


def _name_the_model(folder: Path, checkpoint: Path) -> None:
    """Link to the checkpoint, relative so that both can move together; else write where it lies."""
    try:
        os.symlink(os.path.relpath(checkpoint, folder.resolve()), folder / "model.pt")
    except (OSError, ValueError):  # links are not allowed here; or on Windows, no relative path to another drive
        write_text(folder / "model.txt", f"{checkpoint}\n")
