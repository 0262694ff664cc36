"""Address and badges: written everywhere by one command, taken out by another, and nothing else is touched."""

import re
import shutil
from pathlib import Path

import address
import nbformat
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The notebooks and the README in a folder of their own, for `write_address` to work on."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.setattr(address, "ROOT", tmp_path)
    return tmp_path


def sources(folder):
    paths = sorted((folder / "notebooks").glob("*.ipynb"))
    return {path.stem: [cell.source for cell in nbformat.read(path, as_version=4).cells] for path in paths}


def test_committed_files_have_one_address_and_badges_that_fit_it():
    """None at all as long as the series has no home; after `--address` the same everywhere."""
    here = address.present_address()
    for name, cells in sources(ROOT).items():
        setup = next(source for source in cells if source.startswith("# Set-up"))
        assert setup == address.set_up_cell(here), name
        line = address.badges(name, here)
        assert ("Open in Colab" in cells[0]) == bool(line) and line in cells[0], name
    assert ("Open in Colab" in (ROOT / "README.md").read_text("utf-8")) == bool(here)


def test_there_and_back_again(copy):
    address.write_address("")
    before, readme = sources(copy), (copy / "README.md").read_text("utf-8")
    address.write_address("ann/series@fix/mps")
    for name, cells in sources(copy).items():
        assert f"colab.research.google.com/github/ann/series/blob/fix/mps/notebooks/{name}.ipynb" in cells[0]
        assert f"kaggle.com/kernels/welcome?src=https://github.com/ann/series/blob/fix/mps/notebooks/{name}" in cells[0]
        assert sum('ADDRESS = "ann/series@fix/mps"' in cell for cell in cells) == 1
    assert "ann/series" in (copy / "README.md").read_text("utf-8")
    assert address.present_address() == "ann/series@fix/mps"
    address.write_address("bob/fork")  # one address replaces another
    assert "ann" not in re.sub(r"\w*ann\w+|\w+ann\w*", "", "".join(cells[0] for cells in sources(copy).values()))
    address.write_address("")
    assert sources(copy) == before and (copy / "README.md").read_text("utf-8") == readme


def test_outputs_survive(copy):
    def outputs():
        paths = sorted((copy / "notebooks").glob("*.ipynb"))
        return [[cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells] for path in paths]

    before = outputs()
    address.write_address("ann/series")
    assert outputs() == before


@pytest.mark.parametrize("given, expected", [
    ("ann/series", "ann/series"), ("ann/series@fix/mps", "ann/series@fix/mps"), ("none", ""),
    ("https://github.com/ann/series", "ann/series"), ("https://github.com/ann/series.git@dev", "ann/series@dev"),
    ("git@github.com:ann/my.series.git", "ann/my.series"), ("ssh://git@github.com/ann/series.git", "ann/series"),
    ("https://gitlab.com/ann/series", "https://gitlab.com/ann/series"), ("file:///a/b", "file:///a/b"),
])
def test_how_an_address_may_be_given(given, expected):
    assert address.read_address(given) == expected


@pytest.mark.parametrize("given", ["series", "/home/ann/series", "a/b/c"])
def test_anything_else_is_refused_by_name(given):
    with pytest.raises(ValueError, match=re.escape(repr(given))):
        address.read_address(given)


def test_the_remote_is_asked_when_no_address_is_given(monkeypatch):
    monkeypatch.setattr(address, "_git", lambda *a: "git@github.com:ann/series.git" if a[0] == "remote" else "")
    assert address.read_address("origin") == "ann/series"
    assert "/ann/series/blob/main/" in address.badges("05_x", "ann/series")
    monkeypatch.setattr(address, "_git", lambda *a: "")
    with pytest.raises(ValueError, match="no remote called origin"):
        address.read_address("origin")


def test_the_default_branch_of_the_remote_stands_in_badges(monkeypatch):
    monkeypatch.setattr(address, "_git", lambda *a: "origin/trunk" if a[0] == "symbolic-ref" else "")
    assert "/ann/series/blob/trunk/notebooks/05_x.ipynb" in address.badges("05_x", "ann/series")


def test_a_repository_elsewhere_gets_an_address_but_no_badges():
    assert address.badges("05_x", "https://gitlab.com/ann/series") == ""
    assert 'ADDRESS = "https://gitlab.com/ann/series"' in address.set_up_cell("https://gitlab.com/ann/series")


@pytest.mark.parametrize("code, wants", [("history = fit(model, data, config)", True), ("describe(train)", False),
                                         ("record = sweep('a', train, val)", True), ("profit(3)", False)])
def test_notebooks_that_train_ask_colab_for_a_gpu(code, wants):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    address.ask_for_gpu(notebook)
    assert (notebook.metadata.get("accelerator") == "GPU") == wants
    assert (notebook.metadata.get("colab", {}).get("gpuType") == "T4") == wants
