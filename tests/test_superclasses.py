"""The superclasses against the official files, which hold a coarse and a fine label for each image."""

import json
import pickle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

from helpers.data.stand_in import SHAPES  # noqa: E402
from helpers.plots.grids import plot_grouped_confusion  # noqa: E402

ROOT = Path(__file__).parent.parent
FILES = ROOT / "data" / "cifar-100-python"
SUPERCLASSES, STAND_IN_SUPERCLASSES = json.loads((ROOT / "helpers" / "data" / "superclasses.json").read_text()).values()
FINE = sorted(name for members in SUPERCLASSES.values() for name in members)


def group_of(classes, groups):
    """Place of each class's superclass."""
    place = {name: number for number, members in enumerate(groups.values()) for name in members}
    return torch.tensor([place[name] for name in classes])


def read(name):
    with open(FILES / name, "rb") as file:
        return pickle.load(file, encoding="bytes")


@pytest.mark.skipif(not (FILES / "meta").exists(), reason="needs the files of CIFAR-100 in data/")
def test_superclasses_are_those_of_the_files():
    meta = read("meta")
    fine = [name.decode() for name in meta[b"fine_label_names"]]
    coarse = [name.decode() for name in meta[b"coarse_label_names"]]
    assert list(SUPERCLASSES) == coarse and fine == FINE
    superclass = group_of(fine, SUPERCLASSES)
    for split in ("train", "test"):
        labels = read(split)
        assert superclass[torch.tensor(labels[b"fine_labels"])].tolist() == labels[b"coarse_labels"]


@pytest.mark.parametrize("groups, classes", [(SUPERCLASSES, FINE), (STAND_IN_SUPERCLASSES, SHAPES)])
def test_every_class_belongs_to_exactly_one(groups, classes):
    superclass = group_of(classes, groups)
    for name, number in zip(classes, superclass.tolist(), strict=True):
        assert [n for n, members in enumerate(groups.values()) if name in members] == [number]
    assert len(set(superclass.bincount().tolist())) == 1, "groups of one size, which chance levels rely on"


def test_a_sorted_confusion_matrix_gathers_errors_inside_a_group_on_the_diagonal():
    superclass = group_of(FINE, SUPERCLASSES)
    same = (superclass[:, None] == superclass).numpy()
    ax = plot_grouped_confusion(np.where(same, 7, 0) + 90 * np.eye(100, dtype=int), superclass, list(SUPERCLASSES))
    blocks = np.kron(np.eye(20), np.ones((5, 5))) - np.eye(100)
    assert np.array_equal(ax.images[0].get_array(), np.where(blocks > 0, 7, 0.5))
    assert [t.get_text() for t in ax.get_yticklabels()][:2] == ["aquatic mammals", "fish"]
    assert ax.get_yticks()[:2].tolist() == [2, 7] and len(ax.get_xticks()) == 20
    with pytest.raises(ValueError, match="do not fit"):
        plot_grouped_confusion(np.eye(100), superclass[:50], list(SUPERCLASSES))
    plt.close("all")
