"""Data: facts of the real files, statistics by another route, the stand-in, and folders of pictures."""

import tracemalloc

import numpy as np
import pytest
import torch

from helpers import paths
from helpers.data import cifar, find, stand_in
from helpers.data.cifar import describe, load_cifar
from helpers.data.image_set import channel_statistics, split_train_val
from helpers.data.stand_in import make_stand_in

REAL = find.find_official("cifar10", "test", paths.ROOT / "data") is not None
needs_files = pytest.mark.skipif(not REAL, reason="needs the real CIFAR files in data/ or CIFAR_ROOT")


@pytest.fixture(autouse=True)
def no_profile(monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "quick")


@needs_files
@pytest.mark.parametrize("name, classes", [("cifar10", 10), ("cifar100", 100)])
def test_sizes_and_balance(name, classes):
    train, test = load_cifar(name, "train"), load_cifar(name, "test")
    assert train.images.shape == (50_000, 3, 32, 32) and test.images.shape == (10_000, 3, 32, 32)
    assert train.images.dtype == torch.uint8 and train.labels.dtype == torch.int64 and train.real
    assert torch.bincount(train.labels).tolist() == [50_000 // classes] * classes
    assert torch.bincount(test.labels).tolist() == [10_000 // classes] * classes and train.num_classes == classes


@needs_files
@pytest.mark.parametrize("name, known_mean, known_std", [
    ("cifar10", [0.49140, 0.48216, 0.44653], [0.24703, 0.24349, 0.26159]),
    ("cifar100", [0.50708, 0.48655, 0.44092], [0.26733, 0.25644, 0.27615])])
def test_the_known_statistics(name, known_mean, known_std):
    train = load_cifar(name, "train").images
    mean, std = channel_statistics(train)
    assert np.allclose(mean, known_mean, atol=6e-6) and np.allclose(std, known_std, atol=6e-6)
    pixels = train.numpy()  # the same sums, exactly, in whole numbers
    count, total = pixels[:, 0].size, pixels.sum((0, 2, 3), dtype=np.int64)
    squares = np.array([np.square(pixels[:, c], dtype=np.int64).sum() for c in range(3)])
    assert np.allclose(mean, total / count / 255, atol=1e-6)
    assert np.allclose(std, np.sqrt(squares / count - (total / count) ** 2) / 255, atol=1e-6)


def test_statistics_against_numpy():
    images = make_stand_in("train", 123).images
    mean, std = channel_statistics(images)
    pixels = images.numpy().astype(np.float64) / 255
    assert np.allclose(mean, pixels.mean((0, 2, 3)), atol=1e-6) and np.allclose(std, pixels.std((0, 2, 3)), atol=1e-6)


def test_split_is_stratified_disjoint_and_fixed():
    whole = make_stand_in("train", 1000)
    train, val = split_train_val(whole)
    assert len(val) == 100 and torch.bincount(val.labels).tolist() == [10] * 10
    together = torch.cat([train.images, val.images]).flatten(1).tolist()
    assert sorted(together) == sorted(whole.images.flatten(1).tolist())
    assert torch.equal(split_train_val(whole)[1].images, val.images)
    assert not torch.equal(split_train_val(whole, seed=1)[1].images, val.images)


def test_stand_in_repeats_and_says_what_it_is():
    one, two, other = make_stand_in("train", 50), make_stand_in("train", 50), make_stand_in("test", 50)
    assert torch.equal(one.images, two.images) and not torch.equal(one.images, other.images)
    assert not one.real and "not CIFAR" in describe(one)


@pytest.mark.parametrize("split", ["val", "", None])
def test_the_stand_in_has_no_other_splits(split):
    with pytest.raises(ValueError, match=rf"split {split!r}: choose from \['test', 'train'\]"):
        make_stand_in(split, 5)


def test_smoke_profile_never_touches_real_files(monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    assert load_cifar("cifar10").name == "shapes10"


@pytest.fixture
def offline(monkeypatch):
    """No files and no mirror."""
    monkeypatch.setattr(cifar, "_find_or_fetch", lambda *arguments: None)


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_the_stand_in_is_as_large_as_the_official_set(offline, monkeypatch, profile):
    monkeypatch.setenv("CIFAR_PROFILE", profile)
    monkeypatch.setattr(cifar, "make_stand_in", lambda split, count: (split, count))
    assert load_cifar("cifar10", "train") == ("train", 50_000)
    assert load_cifar("cifar10", "test") == ("test", 10_000)
    assert load_cifar("cifar10", "train", count=70) == ("train", 70)


def test_the_stand_in_grows_to_what_is_asked_for(offline):
    found = load_cifar("cifar10", "test", count=10_500)
    assert len(found) == 10_500 and not found.real
    assert torch.bincount(found.labels).tolist() == [1050] * 10


def test_stand_in_pictures_do_not_depend_on_the_block(monkeypatch):
    monkeypatch.setattr(stand_in, "BLOCK", 7)
    in_blocks = make_stand_in("train", 100)
    monkeypatch.setattr(stand_in, "BLOCK", 100)
    at_once = make_stand_in("train", 100)
    assert torch.equal(in_blocks.images, at_once.images) and torch.equal(in_blocks.labels, at_once.labels)


def test_a_large_stand_in_fits_into_a_small_memory():
    def peak(count):
        tracemalloc.start()
        make_stand_in("test", count)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    fewer, more = peak(1000), peak(3000)
    assert fewer + (more - fewer) / 2000 * 50_000 < 1e9, "bytes for 50,000 images"


@pytest.mark.parametrize("count", [-1, 51])
def test_more_images_than_there_are(count):
    with pytest.raises(ValueError, match=f"count={count}: must be between 1 and 50, the number of images"):
        make_stand_in("train", 50).first(count)


@pytest.mark.parametrize("arguments", [("cifar11", "train"), ("cifar10", "val")])
def test_bad_names_are_refused(arguments):
    with pytest.raises(ValueError, match="choose from"):
        load_cifar(*arguments)
