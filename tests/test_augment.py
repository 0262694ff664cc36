"""Augmentation: a slow loop over images as the oracle, and distributions of both pipelines."""

import contextlib
import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from helpers.data.augment import BATCH_AUGMENTS, PARTS, BatchAugment, TransformAugment, combine, seeded_by
from helpers.data.image_set import channel_statistics
from helpers.data.per_image import AlbumentationsDataset, make_albumentations, seed_worker, strict_albumentations
from helpers.data.stand_in import make_stand_in

DATA = make_stand_in("train", 200)
MEAN, STD = channel_statistics(DATA.images)
FILL = torch.tensor([10.0, 20.0, 30.0])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def one_by_one(image, draws, i, augment):
    """Pad with NumPy, slice, reverse, fill: one image, nothing batched."""
    array = np.pad(image.numpy(), [(0, 0), (augment.padding,) * 2, (augment.padding,) * 2], mode="reflect")
    top, left = augment.padding + int(draws.shift_y[i]), augment.padding + int(draws.shift_x[i])
    height, width = image.shape[1:]
    array = array[:, top:top + height, left:left + width]
    array = (array[:, :, ::-1] if draws.flip[i] else array).copy()
    y, x, size = int(draws.hole_y[i]), int(draws.hole_x[i]), augment.cutout
    for channel in range(3):
        array[channel, y:y + size, x:x + size] = int(FILL[channel])
    return array


@pytest.mark.parametrize("augment", [BatchAugment(), BatchAugment(padding=0, cutout=0), BatchAugment(2, False, 5)])
def test_batched_equals_one_by_one(augment):
    before = DATA.images.clone()
    draws = augment.draw(200, 32, generator())
    batched = augment.apply(DATA.images, draws, FILL)
    for i in range(200):
        assert np.array_equal(batched[i].numpy(), one_by_one(DATA.images[i], draws, i, augment))
    assert torch.equal(DATA.images, before) and batched.dtype == torch.uint8


def test_draws_are_uniform():
    draws = BatchAugment().draw(90_000, 32, generator())
    assert torch.bincount(draws.shift_y + 4).tolist() == pytest.approx([10_000] * 9, rel=0.05)
    assert torch.bincount(draws.hole_x).tolist() == pytest.approx([3600] * 25, rel=0.08)
    assert draws.flip.float().mean() == pytest.approx(0.5, abs=0.01)


def test_seeds_repeat_and_differ():
    augment = BatchAugment()
    one, two, other = (augment(DATA.images, generator(seed), FILL) for seed in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, other)


def test_equal_in_distribution_to_albumentations():
    pipeline = make_albumentations("crop_flip_cutout", MEAN, STD)
    pipeline.set_random_seed(0)
    array, count = DATA.images[0].permute(1, 2, 0).numpy(), 4000
    theirs = torch.stack([pipeline(image=array)["image"] for _ in range(count)])
    images = BATCH_AUGMENTS["crop_flip_cutout"](DATA.images[:1].repeat(count, 1, 1, 1), generator(), MEAN * 255)
    ours = (images.float() / 255 - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1)
    error = (theirs.var(0) + ours.var(0)).div(count).sqrt() + 1e-3
    z = (theirs.mean(0) - ours.mean(0)) / error
    assert z.abs().mean() < 1.2 and z.abs().max() < 5.5
    assert (theirs.std(0) - ours.std(0)).abs().max() < 0.1


@pytest.mark.parametrize("name, changes", [("none", False), ("flip", True), ("crop_flip", True),
                                           ("crop_flip_cutout", True)])
def test_presets_change_what_they_say(name, changes):
    plain = make_albumentations("none", MEAN, STD)
    pipeline = make_albumentations(name, MEAN, STD)
    arrays = DATA.images[:50].permute(0, 2, 3, 1).numpy()
    moved = [not torch.equal(pipeline(image=a)["image"], plain(image=a)["image"]) for a in arrays]
    assert any(moved) == changes
    batch = BATCH_AUGMENTS[name]
    assert (batch is None) != changes


def test_cutout_leaves_a_square_of_zeros():
    pipeline = make_albumentations("crop_flip_cutout", MEAN, STD)
    white = np.full((32, 32, 3), 255, np.uint8)
    for _ in range(20):
        hole = (pipeline(image=white)["image"].abs() < 0.02).all(0)
        rows, columns = hole.any(1).nonzero()[:, 0], hole.any(0).nonzero()[:, 0]
        assert hole.sum() == 64 and len(rows) == len(columns) == 8 and rows[-1] - rows[0] == 7


def test_ignored_arguments_raise():
    import albumentations as A

    for name, arguments in (("RandomCrop", {"height": 32, "width": 32, "pad": 4}), ("CoarseDropout", {"max_holes": 1}),
                            ("HorizontalFlip", {"always_apply": True})):
        with pytest.raises(ValueError, match="documentation"), strict_albumentations():
            getattr(A, name)(**arguments)


def test_workers_and_epochs_differ_and_a_seed_repeats():
    def epochs(seed):
        torch.manual_seed(seed)
        same = DATA.subset(torch.zeros(40, dtype=torch.int64))
        dataset = AlbumentationsDataset(same, make_albumentations("crop_flip_cutout", MEAN, STD))
        loader = DataLoader(dataset, batch_size=20, num_workers=2, worker_init_fn=seed_worker)
        return [torch.cat([images for images, _ in loader]) for _ in range(2)]

    first, second = epochs(0)
    assert not torch.equal(first[:20], first[20:]), "the two workers repeat each other"
    assert not torch.equal(first, second), "epochs repeat each other"
    assert all(torch.equal(a, b) for a, b in zip(epochs(0), [first, second], strict=True))


def test_unknown_and_impossible_are_refused():
    with pytest.raises(ValueError, match="crop_flip_cutout"):
        make_albumentations("mosaic", MEAN, MEAN)
    with pytest.raises(ValueError, match="padding=-1"):
        BatchAugment(padding=-1)
    with pytest.raises(ValueError, match="too large"):
        BatchAugment(cutout=40).draw(1, 32, generator())


# --- images that are not square ---------------------------------------------------------------------------

@pytest.mark.parametrize("height, width", [(32, 48), (48, 32), (24, 64), (9, 31)])
@pytest.mark.parametrize("augment", [BatchAugment(), BatchAugment(0, True, 0), BatchAugment(3, False, 5)], ids=str)
def test_oblong_images_equal_the_loop_too(height, width, augment):
    images = torch.randint(0, 256, (60, 3, height, width), generator=generator(1), dtype=torch.uint8)
    draws = augment.draw(60, (height, width), generator())
    batched = augment(images, generator(), FILL)
    assert batched.shape == images.shape
    for i in range(60):
        assert np.array_equal(batched[i].numpy(), one_by_one(images[i], draws, i, augment))


def test_holes_and_shifts_reach_both_ends_of_either_axis():
    draws = BatchAugment().draw(5000, (24, 64), generator())
    for shift in (draws.shift_y, draws.shift_x):
        assert (shift.min(), shift.max()) == (-4, 4)
    assert (draws.hole_y.min(), draws.hole_y.max()) == (0, 24 - 8)
    assert (draws.hole_x.min(), draws.hole_x.max()) == (0, 64 - 8)


@pytest.mark.parametrize("size", [(8, 64), (64, 8)])
def test_the_shorter_side_is_what_must_suffice(size):
    BatchAugment(padding=7, cutout=8).draw(1, size, generator())
    for too_large in (BatchAugment(padding=8, cutout=0), BatchAugment(padding=0, cutout=9)):
        with pytest.raises(ValueError, match=f"too large for images of {size[0]} × {size[1]} pixels; choose .* 8 and"):
            too_large.draw(1, size, generator())


# --- what committed records rest on -----------------------------------------------------------------------

RECORDED = {  # name → start of the SHA-256 of 60 random images after the augmentation with seed 3, on a CPU
    "flip": "d74aaa822f1a6fe1",
    "crop_flip": "a120324959dadbeb",
    "crop_flip_cutout": "3eb99734bd351cdb",
    "shift_alternating_flip": "84ec2e9dd4ae359b",
    "crop_alternating_flip_cutout": "ee89ac3890ccfb1e",
    "crop_flip_erasing": "9f6da696df4a5dda",
}


@pytest.mark.parametrize("name", RECORDED)
def test_draws_on_square_images_are_those_of_the_records(name):
    images = torch.randint(0, 256, (60, 3, 32, 32), generator=generator(5), dtype=torch.uint8)
    out = BATCH_AUGMENTS[name](images, generator(3), torch.tensor([1.4, 2.5, 3.5]))
    assert hashlib.sha256(out.contiguous().numpy().tobytes()).hexdigest()[:16] == RECORDED[name]


# --- torch's global generators ----------------------------------------------------------------------------

@pytest.fixture
def apple(monkeypatch):
    """A GPU of Apple's, as far as random numbers go: its generator's state, which ``torch.manual_seed`` changes."""
    state = {"now": torch.tensor([7], dtype=torch.uint8)}
    seed_cpu = torch.manual_seed

    def seed_both(seed):
        state["now"] = torch.tensor([99], dtype=torch.uint8)
        return seed_cpu(seed)

    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda device="mps": state["now"].clone())
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda new, device="mps": state.update(now=new))
    monkeypatch.setattr(torch, "manual_seed", seed_both)
    return state


def bound_of_seed(monkeypatch, kind):
    """The bound below which `seeded_by` draws its seed from a generator on a device of this kind."""
    bounds = []

    def draw(bound, size, *, generator, device):
        bounds.append(bound)
        return torch.tensor(5)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "randint", draw)
        patch.setattr(torch.random, "fork_rng", lambda **options: contextlib.nullcontext())
        with seeded_by(SimpleNamespace(device=torch.device(kind))):
            pass
    return bounds


def test_a_seed_fits_what_the_device_draws(monkeypatch):
    assert bound_of_seed(monkeypatch, "mps") == [2**31 - 1]  # MPS draws int32
    assert bound_of_seed(monkeypatch, "cpu") == bound_of_seed(monkeypatch, "cuda") == [2**62]  # records rest on it


@pytest.mark.parametrize("kind", ["mps", "cpu"])
def test_apples_generator_is_put_back(apple, monkeypatch, kind):
    source = SimpleNamespace(device=torch.device(kind))
    monkeypatch.setattr(torch, "randint", lambda *given, **options: torch.tensor(5))
    cpu = torch.get_rng_state()
    with pytest.raises(KeyError), seeded_by(source):
        assert apple["now"].tolist() == [99]
        raise KeyError
    assert apple["now"].tolist() == [7] and torch.equal(torch.get_rng_state(), cpu)


def test_unknown_parts_and_transforms_list_the_known():
    with pytest.raises(ValueError, match=r"unknown parts \['croop'\]: choose from crop, flip, cutout, jitter"):
        combine("croop", "flip")
    with pytest.raises(ValueError, match="unknown transforms 'colour': choose from .*'erasing'.*'rotation'"):
        TransformAugment("colour")


def test_every_choice_of_the_parts_has_a_name_and_what_it_says():
    chosen = {name: augment for name, augment in BATCH_AUGMENTS.items() if set(name.split("_")) <= {*PARTS}}
    assert len(chosen) == 15
    for name, augment in chosen.items():
        first = getattr(augment, "first", augment)
        assert first.padding == 4 * ("crop" in name)
        assert first.flip == ("flip" in name)
        assert first.cutout == 8 * ("cutout" in name)
        assert isinstance(augment, TransformAugment) == ("jitter" in name)
    assert BATCH_AUGMENTS["crop_flip_cutout"] == BatchAugment()
    assert BATCH_AUGMENTS["crop_flip"] == BatchAugment(cutout=0)
    assert BATCH_AUGMENTS["crop_flip_jitter"] == TransformAugment("jitter")
