"""The in-memory loader against a loop over single images."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers.data.image_set import channel_statistics
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.training.config import TrainConfig

CPU = torch.device("cpu")
DATA = make_stand_in("train", 110)
STATISTICS = channel_statistics(DATA.images)


def all_of(loader):
    return tuple(map(torch.cat, zip(*loader, strict=True)))


def test_batches_are_the_images_normalized_in_order():
    images, labels = all_of(MemoryLoader(DATA, 32, statistics=STATISTICS))
    mean, std = (np.asarray(s, np.float64)[:, None, None] for s in STATISTICS)
    expected = np.stack([(image.astype(np.float64) / 255 - mean) / std for image in DATA.images.numpy()])
    assert np.allclose(images.numpy(), expected, atol=1e-5) and torch.equal(labels, DATA.labels)
    assert images.dtype == torch.float32 and labels.dtype == torch.int64
    assert np.allclose(images.mean((0, 2, 3)), 0, atol=1e-4)
    assert np.allclose(images.std((0, 2, 3), correction=0), 1, atol=1e-4)


@pytest.mark.parametrize("batch_size, sizes", [(50, [37, 37, 36]), (110, [110]), (1000, [110]), (55, [55, 55])])
def test_images_are_spread_evenly_over_the_batches(batch_size, sizes):
    loader = MemoryLoader(DATA, batch_size, statistics=STATISTICS, shuffle=True)
    assert [len(labels) for _, labels in loader] == sizes and len(loader) == len(sizes)


def test_images_keep_their_labels_when_shuffled():
    loader = MemoryLoader(DATA, 40, statistics=STATISTICS, shuffle=True)
    known = {tuple(image.flatten()[:50].tolist()): int(label)
             for image, label in zip(*all_of(MemoryLoader(DATA, 40, statistics=STATISTICS)), strict=True)}
    images, labels = all_of(loader)
    assert [known[tuple(image.flatten()[:50].tolist())] for image in images] == labels.tolist()
    assert not torch.equal(labels, DATA.labels)


def test_order_and_augmentation_come_from_seed_and_epoch_alone():
    def batches(seed, epoch, noise=0):
        loader = make_loaders(DATA, None, TrainConfig(batch_size=40, seed=seed), CPU).train
        torch.manual_seed(noise)
        for earlier in range(noise):
            loader.set_epoch(earlier)
            next(iter(loader))  # an epoch begun and left
        loader.set_epoch(epoch)
        return all_of(loader)[0]

    before = torch.get_rng_state()
    assert torch.equal(batches(0, 3), batches(0, 3, noise=2))
    for other in ((0, 4), (1, 3)):
        assert not torch.equal(batches(0, 3), batches(*other))
    torch.set_rng_state(before)
    all_of(make_loaders(DATA, None, TrainConfig(), CPU).train)
    assert torch.equal(before, torch.get_rng_state())


def test_smaller_images_are_the_large_ones_resized():
    large = all_of(MemoryLoader(DATA, 110, statistics=STATISTICS))[0]
    loader = MemoryLoader(DATA, 110, statistics=STATISTICS, image_sizes=((0, 16), (2, 24), (5, 32)))
    for epoch, size in enumerate((16, 16, 24, 24, 24, 32, 32)):
        loader.set_epoch(epoch)
        images, _ = next(iter(loader))
        assert loader.image_size == images.shape[-1] == images.shape[-2] == size
        expected = F.interpolate(large, size=size, mode="bilinear", antialias=True) if size < 32 else large
        assert torch.allclose(images, expected, atol=1e-6)


def test_half_the_size_is_close_to_the_mean_of_four_pixels():
    loader = MemoryLoader(DATA, 110, statistics=STATISTICS, image_sizes=((0, 16),))
    pooled = F.avg_pool2d(all_of(MemoryLoader(DATA, 110, statistics=STATISTICS))[0], 2)
    small = next(iter(loader))[0]
    assert np.corrcoef(small.flatten(), pooled.flatten())[0, 1] > 0.97


def test_statistics_are_those_of_the_training_images():
    dark = DATA.subset(torch.arange(50))
    loaders = make_loaders(DATA, dark, TrainConfig(image_sizes=((0, 16),)), CPU)
    assert all(torch.equal(a, b) for a, b in zip(loaders.val.statistics, STATISTICS, strict=True))
    images, labels = all_of(loaders.val)
    assert images.shape == (50, 3, 32, 32) and torch.equal(labels, dark.labels)
    assert make_loaders(DATA, None, TrainConfig(), CPU).val is None


def test_batches_come_in_channels_last():
    images, _ = next(iter(make_loaders(DATA, None, TrainConfig(batch_size=16), CPU).train))
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("rows, batch_size", [(110, 0), (0, 32)])
def test_nothing_to_load_is_refused(rows, batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size} for {rows} images"):
        MemoryLoader(DATA.subset(torch.arange(rows)), batch_size, statistics=STATISTICS)
