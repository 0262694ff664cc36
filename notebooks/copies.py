"""Copies of a notebook for a class: without solutions for students, with solutions as cells for whoever teaches."""

from __future__ import annotations

import copy
import re

import nbformat
from address import with_badges

FOLDED = re.compile(r"\n*<details>\s*<summary>(?P<summary>.*?)</summary>(?P<inside>.*?)</details>\n*", re.S)
CODE = re.compile(r"```python\n(.*?)```", re.S)
CHECK = re.compile(r"^(checks\.\w+\(answer.*\));$", re.M)


def student_copy(notebook):
    """The notebook without outputs, folded answers and badges; a question that stands as a summary stays."""
    found = _without_outputs(notebook)
    for cell in found.cells:
        if cell.cell_type == "markdown":
            cell.source = FOLDED.sub(_only_the_question, cell.source).strip()
    found.cells = [cell for cell in found.cells if cell.source]
    return found


def _only_the_question(match: re.Match) -> str:
    summary = match["summary"].strip()
    return f"\n\n- {summary}\n\n" if summary.endswith("?") else "\n\n"


def solution_copy(notebook):
    """The notebook without outputs, in which each folded solution is a code cell that hands it to its check."""
    found = _without_outputs(notebook)
    cells, check = [], ""
    for cell in found.cells:
        check = next(iter(reversed(CHECK.findall(cell.source))), check) if cell.cell_type == "code" else check
        cells += _split(cell, check) if cell.cell_type == "markdown" else [cell]
    found.cells = cells
    return found


def _split(cell, check: str) -> list:
    """A text cell, cut where a solution stands; each solution as a code cell of its own."""
    parts, end = [], 0
    for match in FOLDED.finditer(cell.source):
        solution = CODE.search(match["inside"])
        if not solution:
            continue
        text = cell.source[end:match.start()].strip()
        parts += [nbformat.v4.new_markdown_cell(text)] if text else []
        parts.append(nbformat.v4.new_code_cell(f"{solution[1].rstrip()}\n{check};", metadata={"tags": ["solution"]}))
        end = match.end()
    rest = cell.source[end:].strip()
    parts += [nbformat.v4.new_markdown_cell(rest)] if rest or not parts else []
    for number, part in enumerate(parts):
        part.id = f"{cell.id}-{number}" if number else cell.id
    return parts


def solution_cells(notebook) -> list:
    """The cells that `solution_copy` made of solutions."""
    return [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]


def failed_solutions(notebook) -> list[str]:
    """Of an executed copy, the solutions that did not pass their check: what their cells printed."""
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in solution_cells(notebook)]
    return [text.strip() or "printed nothing" for text in printed if "✓" not in text or "✗" in text]


def _without_outputs(notebook):
    found = copy.deepcopy(notebook)
    for cell in found.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    found.cells[0].source = with_badges(found.cells[0].source, "")
    return found
