"""Hidden test files: read without running what is in them, predicted, and written as ``predictions.csv``."""

import os
import pickle
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas
import torch
from torch import Tensor

from helpers.analysis.predict import predict_logits
from helpers.data.image_set import ImageSet
from helpers.data.loader import MemoryLoader
from helpers.experiments.load import LoadedModel, load_model
from helpers.experiments.run_folder import RunFolder
from helpers.paths import run_dir, write_text


class _Kind:
    """Stands for ``numpy.dtype``, which believes all that a pickle says of it: plain numbers, text and objects only."""

    def __init__(self, name, *_):
        name = name.decode() if isinstance(name, bytes) else name
        if not re.fullmatch(r"[<>|=]?(\?|[biufc]\d{1,2}|[SU][1-9]\d{0,3}|O8?)", name):
            raise pickle.UnpicklingError(f"it asks for numpy.dtype {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state):
        if state[1] in (">", b">"):
            self.dtype = self.dtype.newbyteorder(">")


class _Array:
    """Stands for an array until its content arrives; numpy's own would take numbers of a pickle for addresses."""

    def __setstate__(self, state):
        _, shape, kind, by_columns, content = state
        self.array = _array(content, kind, shape, "F" if by_columns else "C")


def _array(content, kind: _Kind, shape: tuple, order: str) -> np.ndarray:
    """An array of these bytes, or of objects from a list of them."""
    flat = np.fromiter(content, object) if isinstance(content, list) else np.frombuffer(content, kind.dtype).copy()
    return flat.reshape(shape, order=order)


# The few callables that a pickle of arrays needs, by every name that NumPy 1 and 2 give them.
KNOWN = {("numpy", "ndarray"): None, ("numpy", "dtype"): _Kind, ("_codecs", "encode"): lambda t, _: t.encode("latin1")}
for _package in ("numpy.core", "numpy._core"):
    KNOWN[f"{_package}.multiarray", "_reconstruct"] = lambda *_: _Array()
    KNOWN[f"{_package}.multiarray", "scalar"] = lambda kind, content: _array(content, kind, (), "C")[()]
    KNOWN[f"{_package}.numeric", "_frombuffer"] = _array


class RestrictedUnpickler(pickle.Unpickler):
    """Knows arrays, bytes, strings, numbers, lists and dicts, and nothing else: a pickle cannot run code through it."""

    def find_class(self, module: str, name: str):
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        found = KNOWN[module, name]
        # A pickle can set attributes of what it gets, as __array_interface__, which gives away memory: this has none.
        return found and type("Known", (), {"__slots__": (), "__call__": staticmethod(found)})()


def read_pickle(path: str | Path):
    """The object in a pickle of plain data; raises `ValueError` for a damaged file or one that would run code."""
    try:
        with open(path, "rb") as file:
            found = RestrictedUnpickler(file, encoding="bytes").load()
        plain = {key: value.array if isinstance(value, _Array) else value for key, value in
                 (found if isinstance(found, dict) else {0: found}).items()}
        return plain if isinstance(found, dict) else plain[0]
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a pickle of plain arrays, bytes, strings, numbers, lists and dicts: ask for one "
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
    if not isinstance(content["data"], np.ndarray):  # nested lists can unfold to more than any memory
        raise ValueError(f"{path}: data of type {type(content['data']).__name__}, expected an array")
    images = _to_images(content["data"], path)
    ids = content.get("ids", range(len(images)))
    if not isinstance(ids, np.ndarray):
        ids = np.fromiter(ids if isinstance(ids, list | tuple | range) else [ids], object)
    plain = [i.decode(errors="replace") if isinstance(i, bytes) else i for i in ids.ravel().tolist()]  # Python 2's text
    if not all(isinstance(i, int | float | str | np.generic) for i in plain):
        raise ValueError(f"{path}: ids that are neither numbers nor text; give each image one")
    if ids.shape != (len(images),) or len(set(plain)) != len(plain):
        raise ValueError(f"{path}: {len(images)} images but ids of shape {ids.shape}, {len(set(plain))} different; "
                         "each image needs its own id")
    return images, np.asarray(plain, object)  # else large whole numbers become floats


def _to_images(data: np.ndarray, path) -> Tensor:
    """uint8 (N, 3, 32, 32) from any of the layouts."""
    if data.dtype != np.uint8 or not data.size or data.shape[1:] not in ((3072,), (32, 32, 3), (3, 32, 32)):
        raise ValueError(f"{path}: data of type {data.dtype}, shape {data.shape}; expected at least one image, uint8: "
                         "(N, 3072), (N, 32, 32, 3) or (N, 3, 32, 32)")
    readings = [data.reshape(-1, 3, 32, 32), data.reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2)]
    planes = readings[int(data.shape[-1] == 3)]
    if data.ndim == 2:
        steps = [sum(np.abs(np.diff(reading[:1000].astype(np.int16), axis=axis)).mean() for axis in (2, 3))
                 for reading in readings]  # between neighboring pixels, down and right
        if not min(steps) < 0.8 * max(steps):
            raise ValueError(f"{path}: rows of 3072 are as rough in planes as pixel by pixel (mean steps "
                             f"{steps[0]:.0f} and {steps[1]:.0f}): no photographs; save (N, 32, 32, 3)")
        planes = readings[int(np.argmin(steps))]
    return torch.from_numpy(np.ascontiguousarray(planes))


def predict_images(images: Tensor, models: list[LoadedModel], device: torch.device, *, flip: bool = False) -> Tensor:
    """Mean logits (N, num_classes) of one or several models, each with its own statistics; `flip`: mirrored too."""
    data = ImageSet(images, torch.zeros(len(images), dtype=int), models[0].classes, "hidden", real=False).to(device)
    return sum(predict_logits(one.model.to(device), MemoryLoader(data, 1000, statistics=one.statistics),
                              precision=one.config.precision, flip=flip)[0] for one in models) / len(models)


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
    val = "unknown" if val_accuracy is None else f"{val_accuracy:.4f}"
    folder = (root or run_dir()) / "evaluations" / f"{experiment}_val_acc_{val}_{datetime.now():%Y%m%d-%H%M%S-%f}"
    write_text(folder / "predictions.csv", pandas.DataFrame({"ID": ids, "Label": labels.tolist()}).to_csv(index=False))
    try:
        os.symlink(os.path.relpath(checkpoint.resolve(), folder.resolve()), folder / "model.pt")
    except OSError:  # links are not allowed here
        write_text(folder / "model.txt", f"{checkpoint}\n")
    return folder / "predictions.csv"
