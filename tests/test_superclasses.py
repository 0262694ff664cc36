"""The superclasses against the official files, which hold a coarse and a fine label for each image."""

import pickle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

from helpers.data import SHAPES  # noqa: E402
from helpers.plots.grids import plot_grouped_confusion  # noqa: E402
from helpers.superclasses import STAND_IN_SUPERCLASSES, SUPERCLASSES, group_classes  # noqa: E402

FILES = Path(__file__).parent.parent / "data" / "cifar-100-python"
FINE = sorted(name for members in SUPERCLASSES.values() for name in members)


def read(name):
    with open(FILES / name, "rb") as file:
        return pickle.load(file, encoding="bytes")


@pytest.mark.skipif(not (FILES / "meta").exists(), reason="needs the files of CIFAR-100 in data/")
def test_superclasses_are_those_of_the_files():
    meta = read("meta")
    fine = [name.decode() for name in meta[b"fine_label_names"]]
    coarse = [name.decode() for name in meta[b"coarse_label_names"]]
    assert list(SUPERCLASSES) == coarse and fine == FINE
    groups, superclass = group_classes(fine)
    for split in ("train", "test"):
        labels = read(split)
        assert superclass[torch.tensor(labels[b"fine_labels"])].tolist() == labels[b"coarse_labels"]


@pytest.mark.parametrize("groups, classes", [(SUPERCLASSES, FINE), (STAND_IN_SUPERCLASSES, SHAPES)])
def test_every_class_belongs_to_exactly_one(groups, classes):
    found, superclass = group_classes(classes)
    assert found is groups
    for name, number in zip(classes, superclass.tolist(), strict=True):
        assert [n for n, members in enumerate(groups.values()) if name in members] == [number]
    assert len(set(superclass.bincount().tolist())) == 1, "groups of one size, which chance levels rely on"


def test_other_classes_are_refused():
    with pytest.raises(ValueError, match="classes of CIFAR-100"):
        group_classes(("cat", "dog"))


def test_a_sorted_confusion_matrix_gathers_errors_inside_a_group_on_the_diagonal():
    _, superclass = group_classes(FINE)
    same = (superclass[:, None] == superclass).numpy()
    ax = plot_grouped_confusion(np.where(same, 7, 0) + 90 * np.eye(100, dtype=int), superclass, list(SUPERCLASSES))
    blocks = np.kron(np.eye(20), np.ones((5, 5))) - np.eye(100)
    assert np.array_equal(ax.images[0].get_array(), np.where(blocks > 0, 7, 0.5))
    assert [t.get_text() for t in ax.get_yticklabels()][:2] == ["aquatic mammals", "fish"]
    assert ax.get_yticks()[:2].tolist() == [2, 7] and len(ax.get_xticks()) == 20
    with pytest.raises(ValueError, match="do not fit"):
        plot_grouped_confusion(np.eye(100), superclass[:50], list(SUPERCLASSES))
    plt.close("all")
