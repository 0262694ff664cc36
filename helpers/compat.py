"""Make a CPU-only torch and a torchvision built for CUDA work together.

`pip install torchvision` brings a build whose compiled part needs CUDA libraries. Beside a CPU-only torch
that part cannot load, and `import torchvision` stops at ``operator torchvision::nms does not exist``.
Data sets, transforms v2 and models need none of those operators: declaring them is enough.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch

_DETECTION_OPERATORS = ("nms", "qnms")  # the ones torchvision registers before it checks its extension
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_library: torch.library.Library | None = None  # alive as long as the process, or the declarations vanish


def _extension_loads() -> bool:
    """True if torchvision's compiled operators load beside this torch (loading twice is harmless)."""
    spec = importlib.util.find_spec("torchvision")
    folder = Path(spec.submodule_search_locations[0]) if spec else Path()
    candidates = [*folder.glob("_C*.so"), *folder.glob("_C*.pyd"), *folder.glob("_C*.dylib")]
    try:
        for path in candidates:
            torch.ops.load_library(str(path))
    except (ImportError, OSError):
        return False
    return bool(candidates)


def mend_torchvision() -> str:
    """Declare torchvision's missing operators, once and only where they are missing.

    Returns
    -------
    str
        One line for the environment table: what was found and done.
    """
    global _library
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # albumentations asks the network for its version
    if _library is not None:
        return f"declared {' and '.join(_DETECTION_OPERATORS)}: torchvision is a CUDA build, torch is not"
    if importlib.util.find_spec("torchvision") is None:
        return "torchvision is not installed"
    if _extension_loads():
        return "compiled operators load"
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _DETECTION_OPERATORS:
        _library.define(name + _SCHEMA)
    return mend_torchvision()
