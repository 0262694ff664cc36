"""Augmentation image by image: workers of data sets that are parts or unions of others, and other sizes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, StackDataset, Subset, TensorDataset, random_split

from helpers.data.image_set import channel_statistics
from helpers.data.per_image import AlbumentationsDataset, make_albumentations, seed_worker
from helpers.data.stand_in import make_stand_in

DATA = make_stand_in("train", 40)
STATISTICS = channel_statistics(DATA.images)
SAME = DATA.subset(torch.zeros(40, dtype=torch.int64))  # one image, forty times


def whole():
    return AlbumentationsDataset(SAME, make_albumentations("crop_flip_cutout", *STATISTICS))


def subset_of_subset():
    return Subset(Subset(whole(), range(40)), range(40))


def joined():
    images = whole()
    return ConcatDataset([Subset(images, range(20)), Subset(images, range(20))])


def joined_of_two():
    return ConcatDataset([Subset(whole(), range(20)), Subset(whole(), range(20))])


def part_of_joined():
    return Subset(ConcatDataset([Subset(whole(), range(20)), Subset(whole(), range(20))]), range(40))


def two_epochs(dataset, seed=0):
    torch.manual_seed(seed)
    loader = DataLoader(dataset, batch_size=10, num_workers=2, worker_init_fn=seed_worker)
    return torch.cat([images for _ in range(2) for images, _ in loader])


@pytest.mark.parametrize("make", [whole, subset_of_subset, lambda: random_split(whole(), [40, 0])[0], joined,
                                  joined_of_two, part_of_joined],
                         ids=["whole", "subset of subset", "random_split", "joined", "joined of two", "part of joined"])
def test_no_worker_and_no_epoch_repeats_another_and_a_seed_repeats_all(make):
    images = two_epochs(make())
    assert len(images.unique(dim=0)) > 70  # of 80; two draws are rarely the same by chance
    assert torch.equal(images, two_epochs(make()))
    assert not torch.equal(images, two_epochs(make(), seed=1))


def seeds_given(monkeypatch, make_dataset):
    """What each transform of a data set is seeded with, in the order of the calls."""
    given = []

    def part():
        transform = SimpleNamespace(set_random_seed=lambda seed: given.append((id(transform), seed)))
        return AlbumentationsDataset(SAME, transform)

    dataset = make_dataset(part)
    monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda: SimpleNamespace(dataset=dataset))
    monkeypatch.setattr(torch, "initial_seed", lambda: 2**32 + 11)
    seed_worker(0)
    return given


def test_one_transform_gets_torchs_seed_once(monkeypatch):
    def shared(part):
        images = part()
        return ConcatDataset([images, Subset(images, range(3))])

    assert [seed for _, seed in seeds_given(monkeypatch, shared)] == [11]


@pytest.mark.parametrize("join", [lambda parts: ConcatDataset(parts), lambda parts: StackDataset(*parts),
                                  lambda parts: StackDataset(a=parts[0], b=parts[1], c=parts[2])],
                         ids=["joined", "stacked", "stacked by name"])
def test_each_of_several_transforms_gets_a_seed_of_its_own(monkeypatch, join):
    given = seeds_given(monkeypatch, lambda part: join([part(), Subset(part(), range(40)), part()]))
    assert len({transform for transform, _ in given}) == len({seed for _, seed in given}) == 3
    assert given[0][1] == 11 and all(0 <= seed < 2**32 for _, seed in given)


@pytest.mark.parametrize("make", [lambda: TensorDataset(torch.zeros(3)),
                                  lambda: Subset(TensorDataset(torch.zeros(3)), [0])], ids=["tensors", "a part"])
def test_a_loader_without_such_images_is_told(monkeypatch, make):
    dataset = make()
    with pytest.raises(TypeError, match=f"{type(dataset).__name__} holds no AlbumentationsDataset.*leave out"):
        seeds_given(monkeypatch, lambda part: dataset)


def test_images_of_another_size_keep_it():
    pipeline = make_albumentations("crop_flip_cutout", *STATISTICS, size=(24, 60))
    image = np.zeros((24, 60, 3), np.uint8)
    assert pipeline(image=image)["image"].shape == (3, 24, 60)
