"""Every notebook keeps the anatomy, runs in the smoke profile, and its folded solutions pass its checks."""

import json
import re
from pathlib import Path
from statistics import median

import execute
import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.S)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def insert_solutions(notebook):
    """After each folded solution a cell that runs it and repeats the check of the exercise before it."""
    cells, check, count = [], None, 0
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            found = re.findall(r"^(checks\.\w+\(answer.*\));$", cell.source, re.M)
            check = found[-1] if found else check
        for solution in SOLUTION.findall(cell.source) if cell.cell_type == "markdown" else []:
            cells.append(nbformat.v4.new_code_cell(f"{solution}\nassert {check}", id=f"solution-{count}"))
            count += 1
    notebook.cells = cells
    return count


def assert_every_picture_has_words(notebook):
    """Alt text in the metadata, as plain text, and in a line below it that every renderer shows."""
    for cell in code_cells(notebook):
        for number, output in enumerate(cell.outputs):
            if "image/png" in output.get("data", {}):
                alt = output.metadata["image/png"]["alt"]
                assert len(alt) > 20 and output.data["text/plain"] == alt
                assert cell.outputs[number + 1].data["text/plain"] == f"In words: {alt}"


@every_notebook
def test_runs_in_smoke_and_solutions_pass(path, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    monkeypatch.setenv("CIFAR_FIGURES", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    assert insert_solutions(notebook) >= 2, "an exercise needs a folded solution"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert list(tmp_path.glob("*.png")), "saves no figure"
    assert_every_picture_has_words(notebook)


@every_notebook
def test_anatomy(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code, text = code_cells(notebook), "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    lengths = [len(cell.source.splitlines()) for cell in code[1:]]
    assert 25 <= len(notebook.cells) <= 60, len(notebook.cells)
    assert median(lengths) <= 6 and max(lengths) <= 25, lengths
    assert notebook.cells[0].source.startswith("# ") and notebook.cells[0].source.splitlines()[0].endswith("?")
    assert text.count("Predict before you run") >= 2 and "## Your turn" in text and "Recap" in text
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@every_notebook
def test_committed_outputs_are_a_clean_run_on_real_data(path):
    notebook = nbformat.read(path, as_version=4)
    code = code_cells(notebook)
    outputs = [output for cell in code for output in cell.outputs]
    printed = json.dumps([o.get("text", o.get("data", {}).get("text/plain", "")) for o in outputs])
    assert path.stat().st_size <= 900_000
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [o for o in outputs if o.output_type == "error"]
    assert "widgets" not in notebook.metadata and "HBox(" not in printed
    assert "stand-in" not in printed.lower() and not re.search(r"/(root|home|tmp|Users)/", printed)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert_every_picture_has_words(notebook)


def test_normalize_drops_progress_and_paths():
    cell = nbformat.v4.new_code_cell("1", outputs=[
        nbformat.v4.new_output("stream", name="stderr", text=" 10%|█  | 1/10\r"),
        nbformat.v4.new_output("stream", name="stderr", text="USDT:2026-11-21 1:1 Handler.cpp:52] profiler_start\n"),
        nbformat.v4.new_output("stream", name="stdout", text=f"wrote {ROOT}/runs/a.png\n")])
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}})
    execute.normalize(notebook)
    assert [o.text for o in cell.outputs] == ["wrote runs/a.png\n"] and "widgets" not in notebook.metadata


def test_a_failing_notebook_is_named_with_cell_and_error(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1"),
                                               nbformat.v4.new_code_cell("y = x / 0")])
    path = tmp_path / "99_fails.ipynb"
    nbformat.write(notebook, path)
    failure = execute.execute(path, tmp_path / "out")
    assert "code cell 2" in failure and "y = x / 0" in failure and "ZeroDivisionError" in failure
    assert (tmp_path / "out" / path.name).exists()
