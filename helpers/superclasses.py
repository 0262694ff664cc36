"""The 20 superclasses of CIFAR-100: five classes each, as the official files group them."""

import json
from pathlib import Path

import torch
from torch import Tensor

_TABLES = json.loads(Path(__file__).with_suffix(".json").read_text())
SUPERCLASSES, STAND_IN_SUPERCLASSES = (
    {name: tuple(members) for name, members in _TABLES[data].items()} for data in ("cifar100", "shapes10"))


def group_classes(classes) -> tuple[dict[str, tuple[str, ...]], Tensor]:
    """Name of each superclass → its classes; and the place there of each class's own, int64 (num_classes,).

    `classes` are CIFAR-100's, or the stand-in's, so that all that groups classes runs offline too.
    """
    for groups in (SUPERCLASSES, STAND_IN_SUPERCLASSES):
        place = {name: number for number, members in enumerate(groups.values()) for name in members}
        if set(classes) == set(place):
            return groups, torch.tensor([place[name] for name in classes])
    raise ValueError(f"no superclasses are known for {list(classes)[:3]} …: need the classes of CIFAR-100")
