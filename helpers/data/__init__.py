"""The images: found, split, augmented, mixed, and handed out in batches."""

from helpers.data.augment import BATCH_AUGMENTS, V2_TRANSFORMS, BatchAugment, TransformAugment
from helpers.data.cifar import describe, load_cifar
from helpers.data.download import fetch_cifar
from helpers.data.folder import load_image_folder
from helpers.data.image_set import ImageSet, channel_statistics, split_train_val
from helpers.data.loader import Loaders, MemoryLoader, make_loaders
from helpers.data.mixing import MIXES, Mix, make_mix
from helpers.data.per_image import AlbumentationsDataset, make_albumentations, seed_worker, strict_albumentations
from helpers.data.stand_in import make_stand_in

__all__ = [
    "AlbumentationsDataset", "BATCH_AUGMENTS", "BatchAugment", "ImageSet", "Loaders", "MIXES", "MemoryLoader",
    "Mix", "TransformAugment", "V2_TRANSFORMS", "channel_statistics", "describe", "fetch_cifar", "load_cifar",
    "load_image_folder", "make_albumentations", "make_loaders", "make_mix", "make_stand_in", "seed_worker",
    "split_train_val", "strict_albumentations",
]
