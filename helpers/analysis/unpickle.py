"""An unpickler for files of strangers: it knows arrays, bytes, strings, numbers, lists and dicts."""

import pickle
import re
from pathlib import Path

import numpy as np


class _Kind:
    """Stands for ``numpy.dtype``, which believes all that a pickle says of it: plain numbers, text and objects only."""

    def __init__(self, name, *_):
        if isinstance(name, bytes):  # Python 2's text
            name = name.decode()
        if not re.fullmatch(r"[<>|=]?(\?|[biufc]\d{1,2}|[SU][1-9]\d{0,3}|O8?)", name):
            raise pickle.UnpicklingError(f"it asks for numpy.dtype {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state):
        byte_order = state[1]
        if byte_order in (">", b">"):
            self.dtype = self.dtype.newbyteorder(">")


class _Array:
    """Stands for an array until its content arrives; numpy's own would take numbers of a pickle for addresses."""

    def __setstate__(self, state):
        _, shape, kind, by_columns, content = state
        order = "F" if by_columns else "C"
        self.array = _make_array(content, kind, shape, order)


def _make_array(content, kind: _Kind, shape: tuple, order: str) -> np.ndarray:
    """An array of these bytes, or of objects from a list of them."""
    if isinstance(content, list):
        flat = np.fromiter(content, object)
    else:
        flat = np.frombuffer(content, kind.dtype).copy()
    return flat.reshape(shape, order=order)


# The few callables that a pickle of arrays needs. A pickle can also set attributes of what it is given, such as
# __array_interface__, which gives away memory: with empty __slots__ these have none, and each use gets a new one.

class _Encode:
    """Called as ``_codecs.encode``: bytes, which older protocols write as Latin-1 text."""

    __slots__ = ()

    def __call__(self, text, _encoding):
        return text.encode("latin1")


class _MakeKind:
    """Called as ``numpy.dtype``."""

    __slots__ = ()

    def __call__(self, name, *more):
        return _Kind(name, *more)


class _Reconstruct:
    """Called as numpy's ``_reconstruct``: an array that is still empty, whatever class and shape it is to have."""

    __slots__ = ()

    def __call__(self, *_class_and_shape):
        return _Array()


class _Scalar:
    """Called as numpy's ``scalar``: a single number, from its bytes."""

    __slots__ = ()

    def __call__(self, kind, content):
        return _make_array(content, kind, (), "C")[()]


class _FromBuffer:
    """Called as numpy's ``_frombuffer``: an array, from its bytes (protocol 5)."""

    __slots__ = ()

    def __call__(self, content, kind, shape, order):
        return _make_array(content, kind, shape, order)


# What a pickle may ask for, by module and name. The class of arrays is only handed to _reconstruct: None will do.
KNOWN = {
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): _MakeKind,
    ("_codecs", "encode"): _Encode,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,  # numpy.core until NumPy 1, numpy._core since NumPy 2
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy.core.multiarray", "scalar"): _Scalar,
    ("numpy._core.multiarray", "scalar"): _Scalar,
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer,
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer,
}


class RestrictedUnpickler(pickle.Unpickler):
    """Knows arrays, bytes, strings, numbers, lists and dicts, and nothing else: a pickle cannot run code through it."""

    def find_class(self, module: str, name: str):
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        stand_in = KNOWN[module, name]
        return None if stand_in is None else stand_in()


def read_pickle(path: str | Path):
    """The object in a pickle of plain data; raises `ValueError` for a damaged file or one that would run code."""
    try:
        with open(path, "rb") as file:
            found = RestrictedUnpickler(file, encoding="bytes").load()
        if isinstance(found, dict):
            return {key: _finished(value) for key, value in found.items()}
        return _finished(found)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a pickle of plain arrays, bytes, strings, numbers, lists and dicts: ask for one "
                         f"({type(error).__name__}: {error}); nothing in it was run") from error


def _finished(value):
    """The array that an `_Array` stands for; anything else as it is."""
    return value.array if isinstance(value, _Array) else value
