"""Folders of one's own pictures: colors say which class is which; the old order is that of torchvision."""

import os
from dataclasses import replace

import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from helpers.data.cifar import describe
from helpers.data.folder import load_image_folder
from helpers.data.stand_in import make_stand_in

COLORS = {"ant": (0, 0, 0), "bee": (255, 0, 0), "cat": (0, 255, 0), "dog": (0, 0, 255)}


def paint(path, color=(9, 9, 9)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (57, 40), color).save(path)


def make(root, split, names):
    """One picture for each class, of that class's color."""
    for name in names.split():
        paint(root / split / name / "1.png", COLORS[name])
    return root


def test_labels_follow_the_names(tmp_path):
    found = load_image_folder(make(tmp_path, "train", "dog bee cat"))
    assert found.classes == ("bee", "cat", "dog") and found.labels.tolist() == [0, 1, 2] and not found.real
    assert found.images.shape == (3, 3, 32, 32)
    colors = [tuple(image[:, 9, 9].tolist()) for image in found.images]
    assert colors == [COLORS[name] for name in found.classes]


def test_the_order_is_that_of_torchvision(tmp_path):
    """A gray level for each file; names that sort differently as text, as numbers and whatever their case."""
    names = ["b/10.png", "b/9.png", "b/Q.png", "b/p.png", "b/sub/0.png", "b/sub-2/0.png", "C/x.jpg",
             "C/Z.PNG", "a b/1.png", "a/1.png", "ä/1.png", "b/sub/deep/0.png", "b/zz.png"]
    for level, name in enumerate(names):
        paint(tmp_path / "train" / name, (level * 16,) * 3)
    found = load_image_folder(tmp_path)
    reference = ImageFolder(tmp_path / "train")
    assert list(found.classes) == reference.classes and found.labels.tolist() == reference.targets
    levels = [picture.getpixel((9, 9))[0] for picture, _ in reference]
    assert found.images[:, 0, 9, 9].tolist() == levels and len(set(levels)) == len(names)


@pytest.mark.parametrize("ending", ["GIF", "jfif", "Jpe", "jp2", "TGA", "tif", "qoi", "ico", "apng"])
def test_every_ending_that_pillow_opens(tmp_path, ending):
    folder = make(tmp_path, "train", "ant bee") / "train" / "bee"
    Image.new("RGB", (40, 40), (0, 200, 0)).save(folder / f"0.{ending}")
    found = load_image_folder(tmp_path)
    assert len(found) == 3 and abs(int(found.images[1, 1, 9, 9]) - 200) < 4


# --- what is passed over, and what is refused --------------------------------------------------------------

@pytest.mark.parametrize("leftover", [
    ".DS_Store", "Thumbs.db", "desktop.ini", "._bee", ".hidden/1.png", ".ipynb_checkpoints/1-checkpoint.png",
    "__MACOSX/._1.png", "bee/.DS_Store", "bee/._1.png", "bee/THUMBS.DB", "bee/Desktop.ini", "bee/1.png~",
    "bee/.ipynb_checkpoints/1-checkpoint.png", "bee/__MACOSX/bee/1.png", "bee/.1.png.swp"])
def test_leftovers_are_passed_over(tmp_path, leftover):
    path = make(tmp_path, "train", "ant bee") / "train" / leftover
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\0\5\x16\7")
    found = load_image_folder(tmp_path)
    assert found.classes == ("ant", "bee") and len(found) == 2


def test_a_hidden_folder_above_is_none_of_our_business(tmp_path):
    assert len(load_image_folder(make(tmp_path / ".cache", "train", "ant bee"))) == 2


@pytest.mark.parametrize("name", ["notes.txt", "1.jpg.json", "1.svg", "1.heic", "sub/clip.mp4", "README"])
def test_other_files_in_a_class_are_named(tmp_path, name):
    path = make(tmp_path, "train", "ant bee") / "train" / "bee" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"something")
    with pytest.raises(ValueError, match=f"bee/{name}: .*not among the endings.*move it out"):
        load_image_folder(tmp_path)


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (make(tmp_path, "train", "ant bee") / "train" / "bee" / "2.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="bee/2.png: not an image.*replace or delete"):
        load_image_folder(tmp_path)


def test_a_link_to_nowhere_is_named(tmp_path):
    os.symlink(tmp_path / "gone.png", make(tmp_path, "train", "ant bee") / "train" / "bee" / "2.png")
    with pytest.raises(ValueError, match="bee/2.png: .*No such file"):
        load_image_folder(tmp_path)


def test_a_picture_outside_the_classes_is_named(tmp_path):
    paint(make(tmp_path, "train", "ant bee") / "train" / "lost.png")
    with pytest.raises(ValueError, match="train/lost.png: a picture beside the class folders; move it"):
        load_image_folder(tmp_path)


@pytest.mark.parametrize("inside", [None, ".DS_Store", "sub/Thumbs.db"])
def test_a_class_without_pictures_is_named(tmp_path, inside):
    path = make(tmp_path, "train", "ant bee") / "train" / "eel"
    path.mkdir()
    if inside:
        (path / inside).parent.mkdir(exist_ok=True)
        (path / inside).touch()
    with pytest.raises(FileNotFoundError, match="train/eel: no picture in it; add some, or remove"):
        load_image_folder(tmp_path)


def test_too_few_classes(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing/train: .*two classes, found \[\]; put them"):
        load_image_folder(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"two classes, found \['bee'\]"):
        load_image_folder(make(tmp_path, "train", "bee"))


# --- labels mean the same in every split -------------------------------------------------------------------

@pytest.mark.parametrize("train, test, said", [
    ("bee cat dog", "cat dog", r"missing: \['bee'\], not in train: \[\]"),
    ("bee cat dog", "bee dog", r"missing: \['cat'\], not in train: \[\]"),
    ("bee cat dog", "ant bee cat dog", r"missing: \[\], not in train: \['ant'\]"),
    ("bee cat dog", "ant cat dog", r"missing: \['bee'\], not in train: \['ant'\]"),
    ("bee cat", "cat", r"missing: \['bee'\], not in train: \[\]")])
@pytest.mark.parametrize("split", ["test", "val"])
def test_other_classes_than_train(tmp_path, train, test, said, split):
    make(make(tmp_path, "train", train), split, test)
    with pytest.raises(ValueError, match=f"/{split}: its classes must be those of .*/train.*{said}; add"):
        load_image_folder(tmp_path, split)
    assert load_image_folder(tmp_path).classes == tuple(train.split())


def test_the_same_classes_get_the_same_labels(tmp_path):
    make(make(tmp_path, "train", "dog ant cat"), "test", "cat dog ant")
    train, test = load_image_folder(tmp_path), load_image_folder(tmp_path, "test")
    assert train.classes == test.classes
    assert train.labels.equal(test.labels) and train.images.equal(test.images)


def test_a_class_that_is_empty_in_test_is_named(tmp_path):
    make(make(tmp_path, "train", "ant bee cat"), "test", "ant cat")
    (tmp_path / "test" / "bee").mkdir()
    with pytest.raises(FileNotFoundError, match="test/bee: no picture"):
        load_image_folder(tmp_path, "test")


def test_a_lone_test_folder_is_its_own_measure(tmp_path):
    assert load_image_folder(make(tmp_path, "test", "cat bee"), "test").classes == ("bee", "cat")


# --- names -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["cifar10", "cifar100", "shapes10", "mine"])
def test_a_folder_passes_for_nothing_else(tmp_path, name):
    found = load_image_folder(make(tmp_path / name, "train", "ant bee"))
    assert describe(found) == f"own pictures in {name}, 2 images"


@pytest.mark.parametrize("root, name", [(".", "mine"), ("..", "above"), ("../mine", "mine")])
def test_relative_folders_have_their_real_names(tmp_path, root, name, monkeypatch):
    make(make(tmp_path / "above", "train", "ant bee") / "mine", "train", "ant bee")
    monkeypatch.chdir(tmp_path / "above" / "mine")
    assert load_image_folder(root).name == f"own pictures in {name}"


def test_only_official_files_pass_for_cifar():
    shapes = make_stand_in("test", 10)
    assert describe(shapes) == "stand-in data, not CIFAR, 10 images"
    assert describe(replace(shapes, name="cifar10", real=True)) == "CIFAR-10, 10 images"
    assert describe(replace(shapes, name="cifar100", real=True)) == "CIFAR-100, 10 images"
    said = describe(replace(shapes, name="cifar10"))
    assert said == "a set named cifar10, not the official files, 10 images"
