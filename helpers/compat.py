"""Make a CPU-only torch and a torchvision built for CUDA, as `pip install torchvision` brings it, work together.

Without CUDA libraries its compiled part cannot load, and `import torchvision` stops at ``operator torchvision::nms
does not exist``. Data sets, transforms v2 and models need none of those operators: declaring them is enough.
"""

import importlib.util
import os
from functools import cache
from pathlib import Path

_alive = []  # the declarations vanish with their library


@cache
def mend_torchvision() -> str:
    """Declare torchvision's missing operators; returns what was found and done, for the environment table."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # albumentations asks the network for its version
    for name in ("torch", "torchvision"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed"
    import torch  # not above: figures can be drawn where there is no torch

    spec = importlib.util.find_spec("torchvision")
    extensions = [path for path in Path(spec.origin).parent.glob("_C*") if path.suffix in (".so", ".pyd", ".dylib")]
    try:
        for path in extensions:
            torch.ops.load_library(str(path))  # harmless if done twice
    except (ImportError, OSError):
        extensions = []
    if extensions:
        return "compiled operators load"
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):  # the ones torchvision registers before it checks its extension
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _alive.append(library)
    return "declared nms and qnms: torchvision is a CUDA build, torch is not"
