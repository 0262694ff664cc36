"""The in-memory loader against a loop over single images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers.data.augment import BATCH_AUGMENTS
from helpers.data.image_set import channel_statistics
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.data.mixing import make_mix
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


def slow_batches(config, epoch):
    """What `make_loaders` promises, step by step: the same draws in the same order, arithmetic in NumPy."""
    coins = torch.Generator().manual_seed(config.seed)
    heads = torch.rand(len(DATA), generator=coins).numpy() < 0.5
    generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch)
    order = torch.randperm(len(DATA), generator=generator).numpy()
    augment, mix = BATCH_AUGMENTS[config.augment], make_mix(config, DATA.num_classes)
    mean, std = (values.numpy().reshape(3, 1, 1) * np.float32(255) for values in STATISTICS)
    size = [size for first, size in config.image_sizes if first <= epoch][-1:]
    for rows in np.array_split(order, -(-len(DATA) // config.batch_size)):
        images, labels = DATA.images[rows], DATA.labels[rows]
        if augment is not None:
            flip = heads[rows] if epoch % 2 == 0 else ~heads[rows]
            known = {"flip": torch.from_numpy(flip)} if "alternating" in config.augment else {}
            images = augment(images, generator, torch.from_numpy(mean.flatten()), **known)
        images = torch.from_numpy((images.numpy().astype(np.float32) - mean) * (np.float32(1) / std))
        if size:
            images = F.interpolate(images, size=size[0], mode="bilinear", antialias=True)
        yield (images, labels) if mix is None else mix(images, labels, generator)


@pytest.mark.parametrize("change", [
    {"augment": "none"}, {}, {"augment": "crop_alternating_flip_cutout", "seed": 7},
    {"augment": "crop_flip_jitter"}, {"mix": "mixup_or_cutmix", "image_sizes": ((1, 24),)}],
    ids=["plain", "reference", "alternating", "transforms", "mixed and smaller"])
@pytest.mark.parametrize("epoch", [0, 1])
def test_batches_are_those_that_records_rest_on(change, epoch):
    config = TrainConfig(batch_size=40, micro_batch_size=40, **change)
    loader = make_loaders(DATA, None, config, CPU).train
    loader.set_epoch(epoch)
    for (images, labels), (known_images, known_labels) in zip(loader, slow_batches(config, epoch), strict=True):
        assert torch.equal(labels, known_labels)
        if loader.image_size == 32:
            assert torch.equal(images, known_images), "to the last bit"
        else:  # resizing rounds differently in another layout of the memory
            assert torch.allclose(images, known_images, atol=1e-5)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_channel_that_never_changes_is_zero(value):
    images = DATA.images.clone()
    images[:, 1] = value
    flat = replace(DATA, images=images)
    loaders = make_loaders(flat, flat, TrainConfig(batch_size=40), CPU)
    for loader in loaders:
        found = all_of(loader)[0]
        assert found.isfinite().all() and found[:, 1].abs().max() < 1e-4
    others = all_of(make_loaders(DATA, DATA, TrainConfig(batch_size=40), CPU).val)[0][:, [0, 2]]
    assert torch.equal(all_of(loaders.val)[0][:, [0, 2]], others), "the other channels are as ever"
    differs = all_of(make_loaders(flat, DATA, TrainConfig(), CPU).val)[0][:, 1]  # of what validation alone shows
    assert np.allclose(differs, (DATA.images[:, 1].numpy() - float(value)) / 255, atol=1e-5)


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


@pytest.mark.parametrize("channels_last", [True, False])
def test_both_loaders_have_the_layout_that_is_asked_for(channels_last):
    loaders = make_loaders(DATA, DATA, TrainConfig(batch_size=16, channels_last=channels_last), CPU)
    for loader in loaders:
        images, _ = next(iter(loader))
        assert images.is_contiguous(memory_format=torch.channels_last) == channels_last
        assert images.is_contiguous() != channels_last


@pytest.mark.parametrize("rows, batch_size", [(110, 0), (0, 32)])
def test_nothing_to_load_is_refused(rows, batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size} for {rows} images"):
        MemoryLoader(DATA.subset(torch.arange(rows)), batch_size, statistics=STATISTICS)
