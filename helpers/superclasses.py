"""The 20 superclasses of CIFAR-100: five classes each, as the official files group them."""

from __future__ import annotations

import torch
from torch import Tensor

SUPERCLASSES = {
    "aquatic_mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food_containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit_and_vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household_electrical_devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household_furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large_carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large_man-made_outdoor_things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large_natural_outdoor_scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large_omnivores_and_herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium_mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect_invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small_mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles_1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles_2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}
STAND_IN_SUPERCLASSES = {  # of shapes10, so that all that groups classes runs offline too
    "four_corners": ("square", "diamond"), "patterned": ("bars", "checker"), "pointed": ("cross", "star"),
    "round": ("disk", "ring"), "standing": ("triangle", "arch"),
}


def group_classes(classes) -> tuple[dict[str, tuple[str, ...]], Tensor]:
    """The superclasses of CIFAR-100's classes, or of the stand-in's, and which of them each class belongs to.

    Returns
    -------
    groups : dict
        `SUPERCLASSES` or `STAND_IN_SUPERCLASSES`: name of a superclass → names of its classes.
    superclass : Tensor
        int64 (num_classes,): the place of each class's superclass in `groups`.
    """
    for groups in (SUPERCLASSES, STAND_IN_SUPERCLASSES):
        place = {name: number for number, members in enumerate(groups.values()) for name in members}
        if set(classes) == set(place):
            return groups, torch.tensor([place[name] for name in classes])
    raise ValueError(f"no superclasses are known for {list(classes)[:3]} …: need the classes of CIFAR-100")
