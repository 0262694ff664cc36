"""Build, execute and normalize the notebooks of the series, and tell them where they live.

    python notebooks/execute.py                         every notebook into runs/notebooks/
    python notebooks/execute.py --only 05 --profile smoke
    python notebooks/execute.py --write                 into notebooks/ and figures/: what is committed
    python notebooks/execute.py --build 05_topic.py     a percent script (jupytext) into notebooks/05_topic.ipynb
    python notebooks/execute.py --address               badges and address, as `git remote get-url origin` says
    python notebooks/execute.py --address user/repository@branch
    python notebooks/execute.py --address none          takes them out again: so they are committed
    python notebooks/execute.py --student DIR           copies without outputs and solutions
    python notebooks/execute.py --solutions DIR         copies with solutions as cells, executed, checks passed
    python notebooks/execute.py --figures DIR --formats png,svg --theme slide
                                                        figures alone, with manifest.json and index.html
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import nbformat
from address import (
    ask_for_gpu,
    badges,
    numbered_notebooks,
    present_address,
    read_address,
    set_up_cell,
    with_badges,
    write_address,
)
from copies import failed_solutions, solution_copy, student_copy
from export import Export, advice
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 3 * 3600  # seconds a cell may take, in the longest profile


def build(script: Path) -> Path:
    """Turn a percent script into ``notebooks/<name>.ipynb``, with set-up cell, badges and stable ids."""
    import jupytext

    notebook, address = jupytext.read(script, fmt="py:percent"), present_address()
    notebook.cells[0].source = with_badges(notebook.cells[0].source, badges(script.stem, address))
    for number, cell in enumerate(notebook.cells):
        cell.metadata.clear()
        if cell.source.strip() == "# SETUP":
            cell.source = set_up_cell(address)
        cell["id"] = f"cell-{number:02d}"
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                         "language_info": {"name": "python"}}
    ask_for_gpu(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    path = ROOT / "notebooks" / f"{script.stem}.ipynb"
    nbformat.write(notebook, path)
    return path


def normalize(notebook) -> None:
    """Keep what a reader needs: no progress bars, widgets, timings, or paths of this machine."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type != "code":
            continue
        cell.outputs = [o for o in cell.outputs if not _is_progress(o)]
        for output in cell.outputs:
            if "text" in output:
                output["text"] = output["text"].replace(f"{ROOT}{os.sep}", "").replace(str(ROOT), ".")


def _is_progress(output) -> bool:
    text = output.get("text", "")
    return output.get("name") == "stderr" and (not text.strip() or bool(re.search(r"\r|\d+%\||^USDT:", text)))


def execute(path: Path, folder: Path, *, solutions: bool = False) -> str:
    """Run one notebook and write it to `folder`, also when it fails; returns "" or what failed, with its cell.

    With `solutions`, its folded solutions run as well, and one that does not pass its check is a failure.
    """
    notebook = nbformat.read(path, as_version=4)
    if solutions:
        notebook = solution_copy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=LIMIT_S, kernel_name="python3", record_timing=False,
                            extra_arguments=["--IPKernelApp.log_level=40"],
                            resources={"metadata": {"path": str(path.parent)}})
    failure = ""
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        failure = _describe(error, notebook)
    if not failure and (failed := failed_solutions(notebook)):
        failure = f"{len(failed)} solutions do not pass: {'; '.join(failed)}"
    normalize(notebook)
    folder.mkdir(parents=True, exist_ok=True)
    if not (failure and folder == path.parent):  # a failed run never replaces a committed notebook
        nbformat.write(notebook, folder / path.name)
    return failure


def _describe(error: Exception, notebook) -> str:
    """Cell number, first line and error of the cell that stopped a notebook."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    failed = next((i for i, cell in enumerate(code)
                   if any(o.output_type == "error" for o in cell.outputs)), None)
    name, value = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", str(error))
    if failed is None:
        return f"{name}: {str(value)[:300]}"
    return f"code cell {failed + 1} ({code[failed].source.splitlines()[0][:60]!r}): {name}: {str(value)[:300]}"


def find_notebooks(only: str) -> list[Path]:
    """The numbered notebooks in order, narrowed by comma-separated numbers or beginnings of names."""
    found = numbered_notebooks()
    wanted = [part.strip() for part in only.split(",") if part.strip()]
    unknown = [part for part in wanted if not any(path.name.startswith(part.zfill(2)) for path in found)]
    if unknown:
        sys.exit(f"no notebook matches {', '.join(map(repr, unknown))}: there are {', '.join(p.stem for p in found)}")
    return [p for p in found if not wanted or any(p.name.startswith(part.zfill(2)) for part in wanted)]


def write_student_copies(paths: list[Path], folder: Path) -> None:
    """Write each notebook's `student_copy`, and say what its first cell needs."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() == ROOT / "notebooks":
        sys.exit(f"{folder} holds the notebooks themselves: name another folder")
    for path in paths:
        nbformat.write(student_copy(nbformat.read(path, as_version=4)), folder / path.name)
    print(f"wrote {len(paths)} copies to {folder}")
    if not present_address() and not folder.resolve().is_relative_to(ROOT):
        print("They run inside a clone of this repository. To let them fetch it, write its address first: "
              "python notebooks/execute.py --address")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="numbers of notebooks, for example 05 or 01,02")
    parser.add_argument("--profile", default="", choices=["", "smoke", "quick", "full"], help="size of the runs")
    parser.add_argument("--write", action="store_true", help="replace the committed notebooks and figures")
    parser.add_argument("--build", type=Path, metavar="SCRIPT", help="make a notebook from a percent script")
    parser.add_argument("--address", nargs="?", const="origin", metavar="user/repository[@branch]",
                        help="write address and badges into notebooks and README; without a value, origin's")
    parser.add_argument("--student", type=Path, metavar="DIR", help="copies without outputs and solutions, not run")
    parser.add_argument("--solutions", type=Path, metavar="DIR", help="copies with solutions as cells, executed")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="run the notebooks for their figures alone")
    parser.add_argument("--formats", default="", help="of these figures: png, svg, pdf, by commas (default: png)")
    parser.add_argument("--theme", default="", help="of these figures: print, slide or dark (default: print)")
    parser.add_argument("--dpi", default="", help="dots per inch of their PNG files")
    return parser


def main() -> int:
    parser = make_parser()
    arguments = parser.parse_args()
    if arguments.write and (arguments.student or arguments.solutions or arguments.figures):
        parser.error("--write is for the committed notebooks: copies and figures go to the folder that you name")
    if (arguments.formats or arguments.theme or arguments.dpi) and not arguments.figures:
        parser.error("--formats, --theme and --dpi are for --figures DIR")
    if arguments.student:
        write_student_copies(find_notebooks(arguments.only), arguments.student)
        return 0
    if arguments.address:
        return change_address(parser, arguments.address)
    if arguments.build:
        print(f"wrote {build(arguments.build).relative_to(ROOT)}")
        return 0
    return run_notebooks(parser, arguments)


def change_address(parser, given: str) -> int:
    """Write this address into notebooks and README."""
    try:
        address = read_address(given)
    except ValueError as error:
        parser.error(str(error))
    written = write_address(address)
    print(f"address {address or 'none'}: wrote {len(written)} files")
    return 0


def run_notebooks(parser, arguments) -> int:
    """Run the notebooks that are asked for, each to its end or its first error; 1 where one failed."""
    profile, paths = choose_profile(parser, arguments), find_notebooks(arguments.only)
    export = choose_export(parser, arguments)
    figures = figure_folder(write=arguments.write)
    folder = ROOT / "notebooks" if arguments.write else arguments.solutions or ROOT / "runs" / "notebooks"
    with tempfile.TemporaryDirectory() if export else nullcontext(folder) as place:  # figures alone: copies go
        rows = [run_one(path, Path(place), solutions=bool(arguments.solutions)) for path in paths]
    print_results(rows, profile)
    print(export.finish() if export else
          f"executed copies: {os.path.relpath(folder, ROOT)}, figures: {os.path.relpath(figures, ROOT)}")
    return int(any(failure for *_, failure in rows))


def figure_folder(*, write: bool) -> Path:
    """Where this run's figures go, for the notebooks too: ``$CIFAR_FIGURES`` if that is set."""
    usual = ROOT / "figures" if write else ROOT / "runs" / "figures"
    chosen = os.environ.get("CIFAR_FIGURES") or str(usual)
    os.environ["CIFAR_FIGURES"] = chosen
    return Path(chosen)


def choose_profile(parser, arguments) -> str:
    """The profile that is asked for, or that this machine has."""
    sys.path.insert(0, str(ROOT))
    from helpers.env import get_profile

    if arguments.profile:
        os.environ["CIFAR_PROFILE"] = arguments.profile
    profile = get_profile()
    if arguments.write and profile == "smoke":
        parser.error("--write with profile smoke would commit stand-in results; use quick or full")
    return profile


def choose_export(parser, arguments) -> Export | None:
    """What `--figures` asks for, ready for notebooks; None without it."""
    if not arguments.figures:
        return None
    export = Export(arguments.figures.absolute(), arguments.formats, arguments.theme, arguments.dpi)
    try:
        export.prepare()
    except ValueError as error:
        parser.error(str(error))
    return export


def run_one(path: Path, folder: Path, *, solutions: bool) -> tuple[str, float, str]:
    """Run one notebook and say how it went: its name, its seconds, and "" or what failed."""
    print(f"{path.stem} … ", end="", flush=True)
    os.environ["CIFAR_NOTEBOOK"] = path.stem
    started = time.perf_counter()
    failure = execute(path, folder, solutions=solutions)
    if todo := advice(failure):
        failure += f"\n    {todo}"
    seconds = time.perf_counter() - started
    print(f"failed in {seconds:.0f} s\n    {failure}" if failure else f"ok in {seconds:.0f} s", flush=True)
    return path.stem, seconds, failure


def print_results(rows: list[tuple[str, float, str]], profile: str) -> None:
    print(f"\n{'notebook':30s} {'profile':8s} {'seconds':>8s}  result")
    for name, seconds, failure in rows:
        print(f"{name:30s} {profile:8s} {seconds:8.1f}  {'failed: ' + failure if failure else 'ok'}")


if __name__ == "__main__":
    sys.exit(main())
