"""Hidden test files: read without running what is in them, predicted, and written as ``predictions.csv``."""

from __future__ import annotations

import os
import pickle
from datetime import datetime
from pathlib import Path
from types import FunctionType

import numpy as np
import torch
from torch import Tensor

from helpers.data import ImageSet
from helpers.loader import MemoryLoader
from helpers.predict import predict_logits
from helpers.runs import LoadedModel, load_model, run_dir, write_text


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """What Python 2 pickles call to make bytes; any other encoding is refused."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r} is not expected")
    return text.encode("latin1")


def _known() -> dict[tuple[str, str], object]:
    """The few callables that a pickle of arrays needs, by every name that NumPy 1 and 2 give them."""
    array, number = np.array(0).__reduce__()[0], np.float64(0).__reduce__()[0]
    names = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("_codecs", "encode"): _latin1}
    for package in ("numpy.core", "numpy._core"):
        names |= {(f"{package}.multiarray", "_reconstruct"): array, (f"{package}.multiarray", "scalar"): number,
                  (f"{package}.numeric", "_frombuffer"): np.empty(0).__reduce_ex__(5)[0]}
    return names


class RestrictedUnpickler(pickle.Unpickler):
    """Knows arrays, bytes, strings, numbers, lists and dicts, and nothing else: a pickle cannot run code through it."""

    known = _known()

    def find_class(self, module: str, name: str):
        if (module, name) not in self.known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        found = self.known[module, name]
        if isinstance(found, FunctionType):  # a pickle can set attributes of what it gets: a throw-away
            return lambda *given: found(*given)
        return found


def read_pickle(path: str | Path):
    """The object in a pickle of plain data; raises `ValueError` for a damaged file or one that would run code."""
    try:
        with open(path, "rb") as file:
            return RestrictedUnpickler(file, encoding="bytes").load()
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a pickle of plain arrays, bytes, strings, numbers, lists and dicts "
                         f"({type(error).__name__}: {error}); nothing in it was run") from error


def read_hidden_test(path: str | Path) -> tuple[Tensor, np.ndarray]:
    """Images uint8 (N, 3, 32, 32) and ids (N,) of a Kaggle-style file ``{b"data": …, b"ids": …}``.

    The data may be (N, 3072), (N, 32, 32, 3) or (N, 3, 32, 32). Rows of 3072 are either three planes or
    pixel by pixel: of both readings the smoother is taken, and noise, which favors neither, is refused.
    """
    content = read_pickle(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds a {type(content).__name__}, expected a dict with b'data' and b'ids'")
    content = {key.decode() if isinstance(key, bytes) else key: value for key, value in content.items()}
    if "data" not in content:
        raise ValueError(f"{path}: no b'data' in it, only {sorted(map(str, content))}")
    images = _to_images(np.asarray(content["data"]), path)
    ids = np.asarray(content.get("ids", np.arange(len(images))))
    if ids.dtype.kind in "SO":  # what Python 2 wrote as text is bytes here
        ids = np.asarray([i.decode() if isinstance(i, bytes) else i for i in ids.tolist()])
    if ids.shape != (len(images),) or len(np.unique(ids)) != len(ids):
        raise ValueError(f"{path}: {len(images)} images but ids of shape {ids.shape}, {len(np.unique(ids))} different; "
                         "each image needs its own id")
    return images, ids


def _to_images(data: np.ndarray, path) -> Tensor:
    """uint8 (N, 3, 32, 32) from any of the layouts."""
    if data.dtype != np.uint8 or not len(data):
        raise ValueError(f"{path}: data of type {data.dtype}, shape {data.shape}; expected uint8, at least one")
    if data.shape[1:] == (3, 32, 32):
        planes = data
    elif data.shape[1:] == (32, 32, 3):
        planes = data.transpose(0, 3, 1, 2)
    elif data.shape[1:] == (3072,):
        readings = [data.reshape(-1, 3, 32, 32), data.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)]
        roughness = [_roughness(reading[:1000]) for reading in readings]
        if not min(roughness) < 0.8 * max(roughness):
            raise ValueError(f"{path}: rows of 3072 are as rough in planes as pixel by pixel (mean steps "
                             f"{roughness[0]:.0f} and {roughness[1]:.0f}): no photographs; save (N, 32, 32, 3)")
        planes = readings[int(np.argmin(roughness))]
    else:
        raise ValueError(f"{path}: data of shape {data.shape}; expected (N, 3072), (N, 32, 32, 3) or (N, 3, 32, 32)")
    return torch.from_numpy(np.ascontiguousarray(planes))


def _roughness(images: np.ndarray) -> float:
    """Mean absolute step between neighboring pixels, right and down."""
    values = images.astype(np.int16)
    return float(np.abs(np.diff(values, axis=2)).mean() + np.abs(np.diff(values, axis=3)).mean())


def predict_images(images: Tensor, models: list[LoadedModel], device: torch.device, *, flip: bool = False) -> Tensor:
    """Mean logits (N, num_classes) of one or several models, each with its own statistics; `flip`: mirrored too."""
    total = 0.0
    for loaded in models:
        data = ImageSet(images, torch.zeros(len(images), dtype=torch.long), loaded.classes, "hidden", real=False)
        batches = MemoryLoader(data.to(device), 1000, statistics=loaded.statistics)
        total = total + predict_logits(loaded.model.to(device), batches, flip=flip)[0]
    return total / len(models)


def load_ensemble(best: Path, count: int) -> list[tuple[Path, LoadedModel]]:
    """The `count` best checkpoints of the run that `best` belongs to, or `best` alone."""
    from helpers.runs import RunFolder

    if count < 1:
        raise ValueError(f"top={count}: an ensemble needs at least 1 checkpoint")
    paths = [best] if count == 1 else RunFolder(best.parent.parent).ranked()[:count]
    if len(paths) < count:
        raise ValueError(f"the run of {best} keeps {len(paths)} ranked checkpoints, {count} were asked for")
    return [(path, load_model(path)) for path in paths]


def write_predictions(ids: np.ndarray, labels: Tensor, experiment: str, checkpoint: Path, *, val_accuracy: float | None,
                      root: Path | None = None) -> Path:
    """``predictions.csv`` (``ID,Label``) in a new folder ``evaluations/{experiment}_val_acc_{val}_{time}/``.

    A link ``model.pt`` beside it points to the checkpoint; where links are not allowed, ``model.txt`` names it.
    """
    val = "unknown" if val_accuracy is None else f"{val_accuracy:.4f}"
    name = f"{experiment}_val_acc_{val}_{datetime.now():%Y%m%d-%H%M%S-%f}"
    folder = (root or run_dir()) / "evaluations" / name
    rows = [f"{i},{label}" for i, label in zip(ids.tolist(), labels.tolist(), strict=True)]
    write_text(folder / "predictions.csv", "\n".join(["ID,Label", *rows]) + "\n")
    try:
        os.symlink(os.path.relpath(checkpoint, folder), folder / "model.pt")
    except OSError:
        write_text(folder / "model.txt", f"{checkpoint}\n")
    return folder / "predictions.csv"
