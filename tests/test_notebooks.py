"""Every notebook keeps the anatomy, runs in the smoke profile, and its folded solutions pass its checks."""

import json
import re
import tokenize
from io import StringIO
from pathlib import Path
from statistics import median

import execute
import figure_judge
import nbformat
import pytest
from copies import failed_solutions, solution_cells, solution_copy, student_copy
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))

JUDGE = f"""import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import figure_judge
figure_judge.install()"""

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def steps(cell):
    """Statements and lines of comment: a call on three short lines is one, as it is on a line of 200 characters."""
    tokens = list(tokenize.generate_tokens(StringIO(cell.source + "\n").readline))
    own_line = [token for token in tokens if token.type == tokenize.COMMENT and token.line.strip() == token.string]
    return sum(token.type == tokenize.NEWLINE for token in tokens) + len(own_line)


def filled_lines(cell):
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def assert_every_picture_has_words(notebook):
    """Alt text in the metadata, as plain text, and in a line below it that every renderer shows."""
    for cell in code_cells(notebook):
        for number, output in enumerate(cell.outputs):
            if "image/png" in output.get("data", {}):
                alt = output.metadata["image/png"]["alt"]
                assert len(alt) > 20 and output.data["text/plain"] == alt
                assert cell.outputs[number + 1].data["text/plain"] == f"In words: {alt}"


def assert_every_figure_can_be_read_in_every_theme(folder):
    """As `figure_judge` found when they were saved: by the contrast of text, its size on slides, and colors."""
    judged = figure_judge.read_judged(folder)
    assert judged.keys() == {path.stem for path in folder.glob("*.png")}
    assert {name: found for name, found in judged.items() if found} == {}


@every_notebook
def test_runs_in_smoke_and_solutions_pass(path, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    monkeypatch.setenv("CIFAR_FIGURES", str(tmp_path))
    notebook = solution_copy(nbformat.read(path, as_version=4))
    assert len(solution_cells(notebook)) >= 2, "an exercise needs a folded solution"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(JUDGE, id="judge"))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert failed_solutions(notebook) == []
    assert list(tmp_path.glob("*.png")), "saves no figure"
    assert_every_picture_has_words(notebook)
    assert_every_figure_can_be_read_in_every_theme(tmp_path)


@every_notebook
def test_anatomy(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code, text = code_cells(notebook), "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    lengths = [steps(cell) for cell in code[1:]]
    assert 25 <= len(notebook.cells) <= 60, len(notebook.cells)
    assert median(lengths) <= 6, lengths
    assert max(filled_lines(cell) for cell in code[1:]) <= 14, [filled_lines(cell) for cell in code]
    assert max(len(line) for cell in code[1:] for line in cell.source.splitlines()) <= 110, "no reader scrolls sideways"
    assert len(text.split()) <= 2_200
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


@every_notebook
def test_a_student_copy_keeps_the_exercises_and_gives_nothing_away(path):
    whole = nbformat.read(path, as_version=4)
    copy = student_copy(whole)
    nbformat.validate(copy)
    text = "\n".join(cell.source for cell in copy.cells)
    assert "<details>" not in text and "colab-badge" not in text
    solutions = [cell.source.rpartition("\n")[0] for cell in solution_cells(solution_copy(whole))]
    assert solutions and not [solution for solution in solutions if solution in text]
    assert not [cell for cell in code_cells(copy) if cell.outputs or cell.execution_count]
    assert [cell.source for cell in code_cells(copy)] == [cell.source for cell in code_cells(whole)]
    exercises = [cell.source for cell in code_cells(copy) if re.search(r"^checks\.", cell.source, re.M)]
    assert exercises and all(re.search(r"^answer = None\b", source, re.M) for source in exercises)
    assert set(re.findall(r"^\*\*\d\.\*\*", text, re.M)) == set(re.findall(
        r"^\*\*\d\.\*\*", "\n".join(cell.source for cell in whole.cells), re.M))


FOLDED = """**1.** What is it?
<details><summary>One way</summary>

```python
answer = 2
```
</details>

**2.** And now?
<details><summary>Why so?</summary>Because.</details>
"""


def folded():
    exercise = nbformat.v4.new_code_cell("answer = None\nchecks.first(answer);", id="b")
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Which?", id="a"), exercise,
                                           nbformat.v4.new_markdown_cell(FOLDED, id="c")])


def test_copies_of_a_folded_solution():
    student, teacher = student_copy(folded()), solution_copy(folded())
    assert student.cells[2].source == "**1.** What is it?\n\n**2.** And now?\n\n- Why so?"
    assert [cell.source for cell in teacher.cells[2:]] == [
        "**1.** What is it?", "answer = 2\nchecks.first(answer);",
        "**2.** And now?\n<details><summary>Why so?</summary>Because.</details>"]
    nbformat.validate(teacher)
    assert len({cell.id for cell in teacher.cells}) == len(teacher.cells)


@pytest.mark.parametrize("printed, failed", [("✓\n", []), ("✗ twice\n", ["✗ twice"]), ("", ["printed nothing"])])
def test_a_solution_that_does_not_pass_is_named(printed, failed):
    notebook = solution_copy(folded())
    (cell,) = solution_cells(notebook)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=printed)]
    assert failed_solutions(notebook) == failed


def test_a_solutions_copy_that_fails_its_check_is_a_failure(tmp_path):
    notebook = folded()
    notebook.cells[1].source = "class checks:\n    first = staticmethod(print)\nanswer = None\nchecks.first(answer);"
    nbformat.write(notebook, tmp_path / "99_folded.ipynb")
    assert execute.execute(tmp_path / "99_folded.ipynb", tmp_path / "out") == ""
    failure = execute.execute(tmp_path / "99_folded.ipynb", tmp_path / "out", solutions=True)
    assert failure == "1 solutions do not pass: 2"


def test_the_notebooks_themselves_are_never_replaced_by_copies(capsys):
    with pytest.raises(SystemExit, match="holds the notebooks themselves"):
        execute.write_student_copies(NOTEBOOKS[:1], ROOT / "notebooks")
