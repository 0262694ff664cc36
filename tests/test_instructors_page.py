"""The instructors' page names every notebook, its commands and links work, its numbers are the records'."""

import json
import re

import nbformat
import numpy as np
import pytest
from address import numbered_notebooks
from scipy import stats
from test_readme import README, ROOT, between, code_lines, helpers_commands, section, table_rows

from helpers.cli.expectations import EXPECTATIONS, expectation_row, expectations_table
from helpers.cli.options import make_parser

PAGE = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
RECORDS = ROOT / "figures" / "records"
COMMITTED = [expected for expected in EXPECTATIONS if (RECORDS / f"{expected.record}.json").exists()]


def notebook_rows():
    return table_rows(section(PAGE, "What each notebook teaches").strip().split("\n\n")[-1])


def expected_rows():
    return table_rows(between(PAGE, "expected"))


# --- the notebooks ------------------------------------------------------------------------------------------

def test_all_twenty_have_a_row():
    rows = notebook_rows()
    assert [row[0] for row in rows] == [f"{number:02d}" for number in range(1, 21)]
    names = {row[0]: row[1].rstrip(" ★") for row in rows}
    for path in numbered_notebooks():
        assert f"{path.stem[:2]}_{names[path.stem[:2]]}" == path.stem


def test_minutes_on_a_laptop_are_those_of_the_front_page():
    map_rows = table_rows(section(README, "The notebooks").split("\n\n")[-1].strip())
    minutes = {row[0]: row[-1] for row in map_rows}
    for number, _, _, laptop, _ in notebook_rows():
        assert number not in minutes or minutes[number].endswith(f" {laptop} min")


@pytest.mark.parametrize("path", numbered_notebooks(), ids=lambda path: path.stem[:2])
def test_minutes_on_a_gpu_are_those_that_the_notebook_names(path):
    named = nbformat.read(path, as_version=4).cells[0].source.partition("**Time**")[2].split("\n\n")[0]
    on_gpu = re.search(r"(?:about|under|cores,|to) ([\d½ to]+) minutes? on Colab", named.replace("\n", " "))
    if not on_gpu:
        pytest.skip("this notebook names no minutes on a GPU")
    stated, = (row[-1] for row in notebook_rows() if row[0] == path.stem[:2])
    assert stated == on_gpu[1].split(" to ")[-1]


# --- links and commands -------------------------------------------------------------------------------------

def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGE):
        assert ((ROOT / "notebooks") / link).exists(), link


def test_the_front_page_links_it():
    assert "(notebooks/README.md)" in README


def test_commands_are_understood():
    found = helpers_commands(re.sub("^ +", "", PAGE, flags=re.M))  # one stands in a list
    assert {words[0] for words in found} == {"merge", "results"}
    for words in found:
        make_parser().parse_args(words)


def test_options_of_the_notebooks_command_exist():
    source = (ROOT / "notebooks" / "execute.py").read_text(encoding="utf-8")
    options = set(re.findall(r"execute\.py[^\n`]*?(--\w+)", PAGE))
    assert {"--student", "--solutions", "--address"} <= options
    assert all(f'"{option}"' in source for option in options)


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    used = {line.split()[1] for line in code_lines(PAGE) if line.startswith("make ")}
    used |= set(re.findall(r"`make (\w[\w-]*)", PAGE))
    assert used == {"figures", "notebooks"}
    assert all(re.search(rf"^{target}:", makefile, flags=re.M) for target in used)


# --- what to expect -----------------------------------------------------------------------------------------

def values_by_hand(expected, changes):
    """Accuracy by seed, read from the file without any helper."""
    record = json.loads((RECORDS / f"{expected.record}.json").read_text())
    found = {}
    for run in record["runs"]:
        wanted = {name: value for name, value in run["changes"].items() if name != "seed"} == changes
        if wanted and run["status"] == "finished" and run["seed"] not in expected.tuning:
            found[run["seed"]] = run["final"].get("test_accuracy", run["final"].get("val_accuracy"))
    return found


def hundredfold(cell):
    """The numbers of a cell."""
    return [float(number) for number in re.findall(r"[+-]?\d+\.\d", cell)]


def test_there_is_a_row_for_each_committed_record():
    named = [[expected.notebook, expected.what] for expected in COMMITTED]
    assert [row[:2] for row in expected_rows()] == named
    assert between(PAGE, "expected") == expectations_table()


@pytest.mark.parametrize("expected", COMMITTED, ids=lambda expected: f"{expected.notebook} {expected.what}")
def test_a_row_says_what_its_record_says(expected):
    row, = (row for row in expected_rows() if row[:2] == [expected.notebook, expected.what])
    reached = values_by_hand(expected, expected.changes)
    if expected.against is not None:
        others = values_by_hand(expected, expected.against)
        reached = {seed: reached[seed] - others[seed] for seed in reached.keys() & others.keys()}
    values = 100 * np.array(list(reached.values()))
    assert int(row[5]) == len(values)
    assert hundredfold(row[3])[0] == pytest.approx(values.mean(), abs=0.051)
    if len(values) < 3:
        assert len(hundredfold(row[3])) == 1 and row[4] == "too few to tell"
        return
    mean = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    spread_of_one_more = values.std(ddof=1) * (1 + 1 / len(values)) ** 0.5
    next_one = stats.t.interval(0.95, len(values) - 1, values.mean(), spread_of_one_more)
    assert hundredfold(row[3])[1:] == pytest.approx(mean, abs=0.051)
    assert hundredfold(row[4]) == pytest.approx(next_one, abs=0.051)


@pytest.mark.parametrize("path", numbered_notebooks(), ids=lambda path: path.stem[:2])
def test_the_rows_of_a_notebook_are_of_what_its_reader_trains(path):
    """Where a notebook calls `sweep`, the record of that name has the configuration of the reader's runs."""
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    trained = set(re.findall(r'\bsweep\(\s*"(\w+)"', "\n".join(code)))
    if not trained:
        pytest.skip("this notebook trains without `sweep`")
    assert {expected.record for expected in EXPECTATIONS if expected.notebook == path.stem[:2]} <= trained


def test_notebook_17_has_a_row_of_the_two_optimizers_that_its_reader_trains():
    """AdamW and Nesterov, each in the setting that was best with the seed that tuned."""
    runs = json.loads((RECORDS / "optimizer_comparison.json").read_text())["runs"]

    def tuned(**kind):
        tried = [run for run in runs if run["seed"] == 10 and kind.items() <= run["changes"].items()]
        return max(tried, key=lambda run: run["final"]["val_accuracy"])["changes"]

    rows = [(expected.changes, expected.against) for expected in EXPECTATIONS if expected.notebook == "17"]
    assert (tuned(optimizer="adamw"), tuned(optimizer="sgd", nesterov=True)) in rows


def test_results_outside_the_table_are_not_typed_by_hand():
    prose = PAGE.replace(between(PAGE, "expected"), "")
    assert not re.search(r"\d\s?%|\d+\.\d+ points", prose)


def test_unfinished_runs_and_tuning_seeds_are_left_out():
    runs = [{"seed": seed, "changes": {"a": 1}, "status": "finished", "final": {"val_accuracy": value}}
            for seed, value in [(0, 0.5), (1, 0.6), (2, 0.7), (10, 0.9)]]
    runs.append({"seed": 3, "changes": {"a": 1}, "status": "diverged: loss is nan", "final": {}})
    expected = EXPECTATIONS[0]._replace(notebook="99", what="a", changes={"a": 1}, tuning=(10,))
    row = expectation_row(expected, {"experiment": "e", "runs": runs})
    assert row.startswith("| 99 | a | validation | 60.0 % (") and row.endswith("| 3 |")


def test_changes_that_a_record_lacks_are_named():
    record = json.loads((RECORDS / "fast.json").read_text())
    with pytest.raises(ValueError, match="no run of .*'max_lr': 7.* in 'fast'"):
        expectation_row(EXPECTATIONS[0]._replace(changes={"max_lr": 7}), record)


def test_the_pace_of_a_sweep_is_that_of_its_record():
    runs = json.loads((ROOT / "figures" / "records" / "sweep_pace.json").read_text())["runs"]
    for threads, workers in (("1 thread,", 2), ("2 threads", 1)):
        seconds = [run["seconds"] for run in runs if threads in run["device"]]
        per_hour = workers * 3600 * len(seconds) / sum(seconds)
        assert f" {per_hour:.0f} " in PAGE.split("Planning a longer sweep?")[1].split("\n\n")[0]
