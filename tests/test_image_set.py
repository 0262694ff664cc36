"""`ImageSet`: what it takes from others and what it refuses; and the split, against slow ways to the same end."""

import hashlib
import re
import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from helpers import paths
from helpers.data import find
from helpers.data.cifar import load_cifar
from helpers.data.image_set import ImageSet, channel_statistics, split_train_val

REAL = find.find_official("cifar10", "train", paths.ROOT / "data") is not None
needs_files = pytest.mark.skipif(not REAL, reason="needs the real CIFAR files in data/ or CIFAR_ROOT")

IMAGES = torch.randint(0, 256, (6, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = [2, 0, 1, 1, 0, 2]
DATA = ImageSet(IMAGES, torch.tensor(LABELS), ("ant", "bee", "cat"), "mine", real=False)


# --- what it takes --------------------------------------------------------------------------------------------

WHOLE_NUMBERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FOREIGN_LABELS = {
    "list": LABELS,
    "tuple": tuple(LABELS),
    "list of NumPy integers": list(np.array(LABELS)),
    "every other one": np.repeat(LABELS, 2)[::2],
    "backward": np.array(LABELS[::-1])[::-1],
    **{f"array of {name}": np.array(LABELS, name) for name in WHOLE_NUMBERS},
    **{f"tensor of {name}": torch.tensor(LABELS).to(getattr(torch, name)) for name in WHOLE_NUMBERS},
}


@pytest.mark.parametrize("labels", FOREIGN_LABELS.values(), ids=FOREIGN_LABELS)
def test_labels_of_any_whole_numbers_become_int64(labels):
    found = replace(DATA, labels=labels).labels
    assert isinstance(found, torch.Tensor) and found.dtype == torch.int64 and found.tolist() == LABELS


def read_only(array):
    array = array.copy()
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("change", [np.array, np.asfortranarray, read_only, lambda array: array.copy()[::-1][::-1]],
                         ids=["array", "Fortran order", "read-only", "backward"])
def test_images_may_be_an_array(change):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns of memory that cannot be written to
        found = replace(DATA, images=change(IMAGES.numpy())).images
    assert found.dtype == torch.uint8 and found.tolist() == IMAGES.tolist()


def test_a_mapped_file_is_read(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES.numpy())
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert torch.equal(replace(DATA, images=mapped).images, IMAGES)


def test_tensors_are_neither_copied_nor_laid_out_anew():
    images = torch.zeros(6, 4, 5, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    found = ImageSet(images, DATA.labels, DATA.classes, "mine", real=False)
    assert found.images is images and found.labels is DATA.labels


@pytest.mark.parametrize("classes", [["ant", "bee", "cat"], np.array(["ant", "bee", "cat"])], ids=["list", "array"])
def test_classes_become_a_tuple_of_plain_texts(classes):
    found = replace(DATA, classes=classes).classes
    assert found == ("ant", "bee", "cat") and all(type(name) is str for name in found)


def test_empty_and_small_sets_are_sets():
    nothing = DATA.subset(torch.arange(0))
    assert len(nothing) == 0 and nothing.images.shape == (0, 3, 4, 5) and nothing.num_classes == 3
    assert DATA.first(3).labels.tolist() == [2, 0, 1] and DATA.first(0) is DATA
    assert torch.equal(DATA.subset(torch.tensor([5, 0])).images, IMAGES[[5, 0]])
    assert DATA.subset(torch.tensor([1, 0, 0, 0, 0, 1]).bool()).labels.tolist() == [2, 2]


class Watch(TorchDispatchMode):
    """Counts operations, and those that get a tensor of images."""

    def __init__(self):
        super().__init__()
        self.operations = self.on_images = 0

    def __torch_dispatch__(self, operation, types, arguments=(), options=None):
        self.operations += 1
        self.on_images += any(isinstance(one, torch.Tensor) and one.ndim == 4 for one in arguments)
        return operation(*arguments, **(options or {}))


def test_the_check_never_looks_at_pixels():
    with Watch() as watch:
        replace(DATA, name="copy")
    assert watch.on_images == 0 and watch.operations <= 5


# --- what it refuses ------------------------------------------------------------------------------------------

REFUSED = {
    "float images": ({"images": IMAGES / 255}, "images float32 (6, 3, 4, 5): must be uint8"),
    "int64 images": ({"images": IMAGES.long()}, "images int64 (6, 3, 4, 5): must be uint8"),
    "channels last": ({"images": IMAGES.permute(0, 2, 3, 1)}, "images uint8 (6, 4, 5, 3): must be (N, 3, H, W)"),
    "gray": ({"images": IMAGES[:, :1]}, "images.expand(-1, 3, -1, -1)"),
    "one image": ({"images": IMAGES[0]}, "images uint8 (3, 4, 5): must be uint8 (N, 3, H, W)"),
    "rows": ({"images": IMAGES.flatten(1)}, "images uint8 (6, 60): must be"),
    "ragged images": ({"images": [[1], [2, 3]]}, "images of type list: must be a tensor or an array of numbers"),
    "nothing for images": ({"images": None}, "images of type NoneType: must be"),
    "too few labels": ({"labels": LABELS[:4]}, "labels int64 (4,) for 6 images"),
    "too many labels": ({"labels": LABELS * 2}, "labels int64 (12,) for 6 images"),
    "labels from 1": ({"labels": [3, 1, 2, 2, 1, 3]}, "labels from 1 to 3: must be from 0 to 2"),
    "negative labels": ({"labels": [2, 0, 1, 1, 0, -1]}, "labels from -1 to 2: must be from 0 to 2"),
    "too few classes": ({"classes": ("ant", "bee")}, "labels from 0 to 2: must be from 0 to 1"),
    "float labels": ({"labels": torch.tensor(LABELS).float()}, "labels float32 (6,): must be whole numbers"),
    "true or false": ({"labels": [True] * 6}, "labels bool (6,): must be whole numbers"),
    "one-hot labels": ({"labels": torch.eye(3, dtype=torch.int64)[LABELS]}, "labels.argmax(1)"),
    "a column": ({"labels": torch.tensor(LABELS)[:, None]}, "labels int64 (6, 1): must be (6,)"),
    "a number": ({"labels": 1}, "labels int64 (): must be (6,)"),
    "names for labels": ({"labels": ["ant"] * 6}, "labels of type list: must be"),
    "one text of classes": ({"classes": "abc"}, "classes='abc': must be the names"),
    "no classes": ({"classes": ()}, "classes=(): must be the names"),
    "a number of classes": ({"classes": 3}, "classes=3: must be the names"),
}


@pytest.mark.parametrize("changes, message", REFUSED.values(), ids=REFUSED)
def test_what_would_be_wrong_is_refused_by_field(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(DATA, **changes)


# --- the split ------------------------------------------------------------------------------------------------

def labelled(labels, num_classes) -> ImageSet:
    """Images that show where they stood: the number of the image in their pixels."""
    number = torch.arange(len(labels))
    pixels = torch.stack([number % 256, number // 256, number * 0], 1)
    images = pixels.to(torch.uint8)[:, :, None, None]
    return ImageSet(images, labels, [str(k) for k in range(num_classes)], "mine", real=False)


def numbers(data) -> list[int]:
    low, high, _ = data.images[:, :, 0, 0].long().unbind(1)
    return (low + 256 * high).tolist()


def split_evenly(labels: list[int], val_size: int, seed: int) -> list[int]:
    """Shuffle; then round after round the next image of each class, until there are enough: for balanced classes."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).tolist()
    rounds = {}
    for index in order:
        rounds.setdefault(labels[index], []).append(index)
    place = {index: place for place, index in enumerate(order)}
    chosen = []
    for members in zip(*rounds.values(), strict=True):
        chosen += sorted(members, key=place.get)
    return sorted(chosen[:val_size])


@pytest.mark.parametrize("num_classes, per_class, val_size, expected", [
    (10, 5000, 5000, 5000), (100, 500, 5000, 5000), (10, 60, 5000, 60), (10, 40, 5000, 40), (10, 8, 5000, 8),
    (10, 600, 234, 234), (100, 5, 5000, 50), (7, 30, 13, 13), (1, 30, 2, 2), (10, 10, 1, 1)])
@pytest.mark.parametrize("seed", [0, 3])
def test_balanced_classes_are_split_as_ever(num_classes, per_class, val_size, expected, seed):
    shuffled = torch.randperm(num_classes * per_class, generator=torch.Generator().manual_seed(11))
    labels = shuffled % num_classes
    train, val = split_train_val(labelled(labels, num_classes), val_size, seed)
    assert len(val) == expected and numbers(val) == split_evenly(labels.tolist(), expected, seed)
    assert sorted(numbers(train) + numbers(val)) == list(range(len(labels)))


@needs_files
@pytest.mark.parametrize("name, count, digest", [
    ("cifar10", None, "aff45797274568de"), ("cifar100", None, "b26b79148a02fd2e"),
    ("cifar10", 6000, "8d13bb515a2eaf72"), ("cifar100", 10_000, "02318489e4735d79")])
def test_the_official_images_are_split_as_ever(monkeypatch, name, count, digest):
    monkeypatch.setenv("CIFAR_PROFILE", "quick")
    whole = load_cifar(name, "train", count=count)
    train, val = split_train_val(labelled(whole.labels, whole.num_classes))
    found = hashlib.sha256(np.array(numbers(val), "<i4").tobytes()).hexdigest()[:16]
    assert found == digest, "records and trained weights rest on this split"


def shares(counts, val_size):
    """What each class would give, as fractions: classes of one image give nothing."""
    able = [n if n > 1 else 0 for n in counts]
    return [Fraction(val_size * n, sum(able)) for n in able]


def held_out(counts, val_size, seed=0):
    labels = torch.tensor([label for label, n in enumerate(counts) for _ in range(n)])
    train, val = split_train_val(labelled(labels, len(counts)), val_size, seed)
    return [part.labels.bincount(minlength=len(counts)).tolist() for part in (train, val)]


@pytest.mark.parametrize("seed", range(20))
def test_each_class_keeps_its_share(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(60, 60 + 400 * (seed + 1), rng.integers(2, 12)).tolist()
    val_size = int(rng.integers(sum(counts) // 20, sum(counts) // 10))
    _, val = held_out(counts, val_size, seed)
    quotas = shares(counts, val_size)
    more = [held > int(quota) for held, quota in zip(val, quotas, strict=True)]
    assert sum(val) == val_size and all(held - int(quota) in (0, 1) for held, quota in zip(val, quotas, strict=True))
    smallest_up = min((quota % 1 for quota, up in zip(quotas, more, strict=True) if up), default=1)
    largest_down = max((quota % 1 for quota, up in zip(quotas, more, strict=True) if not up), default=0)
    assert smallest_up >= largest_down, "the largest remainders are rounded up"


@pytest.mark.parametrize("counts, val_size, expected", [
    ([900, 100], 5000, [90, 10]), ([900, 90, 10], 5000, [90, 9, 1]), ([500, 50], 50, [45, 5]),
    ([1000, 2, 2, 2], 5000, [97, 1, 1, 1]), ([2, 2, 2, 1000, 2, 3], 10, [1, 1, 1, 5, 1, 1]),
    ([100, 1], 5000, [10, 0]), ([1, 40, 1, 60, 0], 5000, [0, 4, 0, 6, 0]), ([1] * 50 + [2], 5000, [0] * 50 + [1])])
def test_rare_classes_are_on_both_sides(counts, val_size, expected):
    train, val = held_out(counts, val_size)
    assert val == expected and [a + b for a, b in zip(train, val, strict=True)] == counts
    assert all(left > 0 for left, n in zip(train, counts, strict=True) if n)


@pytest.mark.parametrize("shape", [(0, 3, 32, 32), (5, 3, 0, 0)])
def test_no_pixels_have_no_statistics(shape):
    with pytest.raises(ValueError, match=r"images uint8 \(.* have no pixels, and so no mean"):
        channel_statistics(torch.zeros(shape, dtype=torch.uint8))


def test_classes_of_one_image_each_cannot_be_split():
    with pytest.raises(ValueError, match=r"\['1', '2'\] have one image each"):
        split_train_val(labelled(torch.tensor([1, 2]), 3))


def test_labels_of_32_bits_are_split_as_those_of_64():
    whole = labelled(torch.arange(200) % 10, 10)
    narrow = replace(whole, labels=whole.labels.int())
    assert numbers(split_train_val(narrow)[1]) == numbers(split_train_val(whole)[1])
