"""MixUp, CutMix and torchvision's transforms against loops; what training does with mixed labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.data.augment import BATCH_AUGMENTS, V2_TRANSFORMS, BatchAugment, TransformAugment
from helpers.data.image_set import channel_statistics
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.data.mixing import Mix, make_mix
from helpers.data.stand_in import make_stand_in
from helpers.training.config import TrainConfig
from helpers.training.fit import fit

CPU = torch.device("cpu")
DATA = make_stand_in("train", 96)
STATISTICS = channel_statistics(DATA.images)
LABELS = torch.tensor([0, 1, 2, 2, 3, 4, 0, 5])
# Every pixel of every image has a number of its own, so that each one can be told where it came from.
NUMBERED = torch.arange(8 * 3 * 32 * 32, dtype=torch.float32).view(8, 3, 32, 32)
FILL = torch.tensor([10.0, 20.0, 30.0])
STILL = BatchAugment(padding=0, flip=False, cutout=0)
CONFIG = TrainConfig(num_epochs=2, batch_size=40, micro_batch_size=40, max_lr=0.05, precision="float32",
                     augment="none", channels_last=False)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def kept_share(labels):
    """Share of its own label that the first image kept; the one before it, the last, is of another class."""
    return labels[0, LABELS[0]].item()


def label_loop(share):
    rows = torch.zeros(8, 6, dtype=torch.float64)
    for i, label in enumerate(LABELS):
        rows[i, label] += share
        rows[i, LABELS[i - 1]] += 1 - share
    return rows


def is_cutmix(images):
    return bool(((images == NUMBERED) | (images == NUMBERED.roll(1, 0))).all())


# --- mixing -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(5))
def test_mixup_is_the_loop(seed):
    images, labels = Mix(("MixUp",), 6)(NUMBERED, LABELS, generator(seed))
    share = kept_share(labels)
    assert 0 < share < 1 and torch.allclose(labels.double(), label_loop(share), atol=1e-6)
    for i in range(8):
        expected = share * NUMBERED[i].double() + (1 - share) * NUMBERED[i - 1].double()
        assert torch.allclose(images[i].double(), expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_cutmix_takes_each_pixel_from_one_of_two_images(seed):
    images, labels = Mix(("CutMix",), 6)(NUMBERED, LABELS, generator(seed))
    own = images == NUMBERED
    assert torch.equal(images, torch.where(own, NUMBERED, NUMBERED.roll(1, 0)))
    assert torch.equal(own, own[:1, :1].expand_as(own))  # one hole for the batch, through all channels
    rows, columns = ((~own[0, 0]).any(dim) for dim in (1, 0))
    assert torch.equal(~own[0, 0], rows[:, None] & columns)  # it is a rectangle
    share = own[0, 0].sum().item() / 1024
    assert kept_share(labels) == share and torch.equal(labels.double(), label_loop(share))


@pytest.mark.parametrize("name", ["mixup", "cutmix", "mixup_or_cutmix"])
@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_labels_sum_to_one_mixed_or_not(name, probability):
    mix, source = make_mix(TrainConfig(mix=name, mix_probability=probability), 6), generator()
    for _ in range(20):
        _, labels = mix(NUMBERED, LABELS, source)
        assert labels.shape == (8, 6) and labels.dtype == torch.float32 and labels.min() >= 0
        assert torch.allclose(labels.sum(1), torch.ones(8), atol=1e-6)


def test_probability_is_the_share_of_mixed_batches():
    for probability in (0.0, 0.3, 1.0):
        mix, source, count = Mix(("MixUp",), 6, probability=probability), generator(), 300
        batches = [mix(NUMBERED, LABELS, source) for _ in range(count)]
        plain = [labels for images, labels in batches if torch.equal(images, NUMBERED)]
        spread = (count * probability * (1 - probability)) ** 0.5
        assert abs(count - len(plain) - count * probability) <= 4 * spread
        assert all(torch.equal(labels, torch.eye(6)[LABELS]) for labels in plain)


def test_both_kinds_occur_about_equally():
    mix, source = make_mix(TrainConfig(mix="mixup_or_cutmix"), 6), generator()
    cut = sum(is_cutmix(mix(NUMBERED, LABELS, source)[0]) for _ in range(200))
    assert abs(cut - 100) < 4 * 50**0.5


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_alpha_sets_the_spread_of_the_shares(alpha):
    mix, source, small = Mix(("MixUp",), 6, alpha), generator(), torch.zeros(8, 3, 1, 1)
    shares = np.array([kept_share(mix(small, LABELS, source)[1]) for _ in range(900)])
    assert shares.mean() == pytest.approx(0.5, abs=0.04)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.2)  # the variance of Beta(alpha, alpha)


@pytest.mark.parametrize("call", [
    lambda source: Mix(("MixUp", "CutMix"), 6, probability=0.8)(NUMBERED, LABELS, source),
    lambda source: (TransformAugment("geometry_color_erasing")(DATA.images[:24], source, FILL),),
    lambda source: (TransformAugment("randaugment")(DATA.images[:24], source, FILL),)], ids=["mix", "several", "rand"])
def test_a_generator_repeats_and_the_global_one_is_left_alone(call):
    def sequence(seed, noise):
        torch.manual_seed(noise)
        before, source = torch.get_rng_state(), generator(seed)
        results = [part for _ in range(4) for part in call(source)]
        assert torch.equal(torch.get_rng_state(), before)
        return results

    first, again, other = sequence(0, 1), sequence(0, 2), sequence(5, 1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert not torch.equal(first[0], first[-len(first) // 4])  # one call is not the next


def test_an_unknown_mix_lists_the_known():
    assert make_mix(TrainConfig(), 10) is None
    with pytest.raises(ValueError, match="unknown mix 'mosaic'.*cutmix.*mixup_or_cutmix"):
        make_mix(TrainConfig(mix="mosaic"), 10)


@pytest.mark.parametrize("changes, named", [
    ({"alpha": 0.0}, "alpha=0.0: must be above 0"), ({"alpha": float("nan")}, "alpha=nan"),
    ({"probability": 1.5}, r"probability=1.5: must be between 0 and 1"), ({"transforms": ()}, "transforms is empty"),
    ({"transforms": ("Mixup",)}, "unknown transform 'Mixup'.*CutMix.*MixUp")], ids=str)
def test_a_mix_that_cannot_be_is_refused_when_made(changes, named):
    with pytest.raises(ValueError, match=named):
        replace(Mix(("MixUp",), 6), **changes)


# --- torchvision's transforms -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", V2_TRANSFORMS)
def test_transforms_keep_dtype_and_shape_and_change_pixels(name):
    images, before = DATA.images[:19], DATA.images[:19].clone()
    out = TransformAugment(name, STILL, group=1)(images, generator(), FILL)
    assert out.dtype == torch.uint8 and out.shape == images.shape and torch.equal(images, before)
    changed = (out != images).flatten(1).any(1)
    assert 3 <= changed.sum()  # with probability one half, fewer than 3 of 19 would be a chance of 1 in 2,700


@pytest.mark.parametrize("name", BATCH_AUGMENTS)
def test_every_augmentation_but_none_changes_pixels(name):
    augment = BATCH_AUGMENTS[name]
    assert (augment is None) == (name == "none")
    if augment:
        out = augment(DATA.images, generator(), FILL)
        assert out.dtype == torch.uint8 and out.shape == DATA.images.shape
        assert (out != DATA.images).flatten(1).any(1).float().mean() > 0.3


@pytest.mark.parametrize("group", [1, 4, 8])
def test_a_group_shares_its_random_numbers_and_groups_differ(group):
    same = DATA.images[:1].repeat(22, 1, 1, 1)  # one image many times, the last group not full
    parts = TransformAugment("rotation", STILL, group)(same, generator(), FILL).split(group)
    assert len(parts) == -(-22 // group)
    assert all(torch.equal(part, part[:1].expand_as(part)) for part in parts)
    firsts = [part[0] for part in parts]
    distinct = [a for i, a in enumerate(firsts) if not any(torch.equal(a, b) for b in firsts[:i])]
    assert len(distinct) > len(parts) / 2  # two angles may be too close to tell apart


def test_erasing_blanks_a_rectangle_in_half_of_the_groups():
    white = torch.full((300, 3, 32, 32), 255, dtype=torch.uint8)
    out = TransformAugment("erasing", STILL, group=1)(white, generator(), FILL)
    holes = out == 0
    assert torch.equal(out, torch.where(holes, 0, 255)) and torch.equal(holes, holes[:, :1].expand_as(holes))
    for hole in holes[:, 0]:
        assert torch.equal(hole, hole.any(1)[:, None] & hole.any(0))
    assert abs(holes.flatten(1).any(1).sum().item() - 150) < 4 * 75**0.5


def test_rotation_stays_within_15_degrees():
    row, column = torch.meshgrid(torch.arange(32) - 15.5, torch.arange(32) - 15.5, indexing="ij")
    right = ((column > 0) & (row.abs() < 1)).expand(200, 3, 32, 32).to(torch.uint8) * 255  # a hand pointing right
    out = TransformAugment("rotation", STILL, group=1)(right, generator(), FILL)[:, 0].bool()
    angles = torch.stack([torch.atan2(row[hand].mean(), column[hand].mean()).rad2deg() for hand in out])
    assert angles.abs().max() < 17 and angles.max() > 12 and angles.min() < -12  # uniform, to a pixel's rounding


def test_jitter_keeps_grey_grey_within_a_tenth():
    grey = torch.full((60, 3, 32, 32), 128, dtype=torch.uint8)
    out = TransformAugment("jitter", STILL, group=1)(grey, generator(), FILL).float()
    assert torch.equal(out, out[:, :1, :1, :1].expand_as(out))
    level = out[:, 0, 0, 0]
    assert 113 <= level.min() < 120 and 136 < level.max() <= 143  # 128 × 0.9 … 1.1, and rounding


# --- training with mixed labels ---------------------------------------------------------------------------------

def soft_loss(logits, rows, smoothing=0.0):
    """Cross-entropy against a whole distribution, written out."""
    rows = rows * (1 - smoothing) + smoothing / rows.shape[1]
    log_p = logits - logits.exp().sum(1, keepdim=True).log()
    return -(rows * log_p).sum(1).mean()


def small_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
                         nn.Linear(128, 10))


def test_the_loader_mixes_what_it_would_have_yielded():
    plain = MemoryLoader(DATA, 40, statistics=STATISTICS)
    mixed = MemoryLoader(DATA, 40, statistics=STATISTICS, mix=Mix(("MixUp",), 10))
    for (images, labels), (blend, rows) in zip(plain, mixed, strict=True):
        assert rows.dtype == torch.float32 and rows.shape == (len(labels), 10)
        i = next(i for i in range(len(labels)) if labels[i] != labels[i - 1])
        share = rows[i, labels[i]].item()
        assert torch.allclose(blend[i], share * images[i] + (1 - share) * images[i - 1], atol=1e-4)
    validation = make_loaders(DATA, DATA, replace(CONFIG, mix="mixup"), CPU).val
    assert next(iter(validation))[1].dtype == torch.int64  # only training images are mixed


def test_a_mixed_epoch_comes_from_its_seed_alone():
    loader = make_loaders(DATA, None, replace(CONFIG, mix="mixup_or_cutmix", augment="crop_flip_jitter"), CPU).train

    def epoch(number):
        loader.set_epoch(number)
        return torch.cat([images.flatten(1) for images, _ in loader]), torch.cat([rows for _, rows in loader])

    first, second, again = epoch(0), epoch(1), epoch(0)
    assert all(map(torch.equal, first, again)) and not torch.equal(first[0], second[0])


@pytest.mark.parametrize("changes", [{}, {"micro_batch_size": 16}, {"label_smoothing": 0.0, "mix_probability": 0.5}],
                         ids=str)
def test_fit_minimizes_the_soft_label_loss(changes):
    config = replace(CONFIG, mix="mixup_or_cutmix", momentum=0.0, weight_decay=0.0, scheduler="constant", **changes)
    ours, theirs, loaders = small_net(), small_net(), make_loaders(DATA, None, config, CPU)
    history = fit(ours, loaders, config, device=CPU, progress=False)
    for epoch in range(2):
        loaders.train.set_epoch(epoch)
        total = right = 0
        for images, rows in loaders.train:
            theirs.zero_grad()
            logits = theirs(images)
            loss = soft_loss(logits, rows, config.label_smoothing)
            loss.backward()
            total += loss.item() * len(images)
            right += sum(int(logits[i].argmax() == rows[i].argmax()) for i in range(len(images)))
            with torch.no_grad():
                for parameter in theirs.parameters():
                    parameter -= config.max_lr * parameter.grad
        assert history.epochs[epoch]["train_loss"] == pytest.approx(total / len(DATA), rel=1e-5)
        assert history.epochs[epoch]["train_accuracy"] == pytest.approx(right / len(DATA))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
