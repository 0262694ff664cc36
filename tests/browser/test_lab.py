"""Notebooks in a real JupyterLab, as a reader has them: run all, read the figures, answer an exercise."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from copies import solution_cells, solution_copy
from jupyter_lab import ROOT, OpenNotebook, errors_in

NOTEBOOKS = ("01", "05", "11")


def copy_without_outputs(number: str, folder: Path) -> Path:
    """A copy of the committed notebook as a reader opens it the first time."""
    source, = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    copy = folder / source.name
    shutil.copy(source, copy)
    notebook = nbformat.read(copy, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, copy)
    return copy


def figure_names(path: Path) -> list[str]:
    """The names under which a notebook saves its figures, in order."""
    code = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
    return re.findall(r'save_figure\(\w+, "(\w+)"', code)


@pytest.fixture(scope="module", params=NOTEBOOKS)
def path(lab, request):
    return copy_without_outputs(request.param, lab.notebooks)


@pytest.fixture(scope="module")
def opened(browser, lab, path):
    """A notebook in which all cells have run."""
    notebook = OpenNotebook(browser, lab, path.name)
    notebook.run_all()
    return notebook


def test_all_cells_run_without_an_error(opened, path, take_picture):
    take_picture(f"{path.stem[:2]}_after_run_all")
    cells = opened.cells()
    assert errors_in(cells) == []
    assert [cell["prompt"] for cell in cells] == [f"[{place + 1}]:" for place in range(len(cells))]


def test_each_figure_is_seen_and_said_in_words(opened, path, lab, take_picture):
    """The words stand below each picture, since JupyterLab gives its `img` no alt text."""
    names = figure_names(path)
    assert len(names) >= 3
    for name in names:
        place = opened.find_cell(f'"{name}"')
        opened.show(place)
        take_picture(name)
        outputs = opened.cells()[place]["outputs"]
        widths = [width for output in outputs for width in output["pictures"]]
        words = [output["text"].strip() for output in outputs if output["text"].startswith("In words:")]
        written = (lab.figures / f"{name}.txt").read_text(encoding="utf-8").strip()
        assert len(widths) == 1 and widths[0] >= 300, name
        assert words == [f"In words: {written}"], name


def solutions(path: Path) -> dict[str, str]:
    """A notebook's folded solutions, by the line that checks them; each ends with that line."""
    cells = solution_cells(solution_copy(nbformat.read(path, as_version=4)))
    return {cell.source.splitlines()[-1]: cell.source for cell in cells}


def test_a_wrong_answer_gets_a_hint(opened, path, take_picture):
    check = next(iter(solutions(path)))
    place = opened.find_cell(check)
    said = opened.type_and_run(place, f"answer = 'a guess'; {check}")
    take_picture(f"{path.stem[:2]}_wrong_answer")
    assert "✗" in said and "not answered" not in said and "✓" not in said
    assert errors_in(opened.cells()) == []


def test_each_solution_gets_its_tick(opened, path, take_picture):
    found = solutions(path)
    assert len(found) >= 2
    for check, source in found.items():
        place = opened.find_cell(check)
        said = opened.paste_and_run(place, source)
        opened.show(place)
        take_picture(f"{path.stem[:2]}_right_answer")
        assert "✓" in said and "✗" not in said, (source, said)
