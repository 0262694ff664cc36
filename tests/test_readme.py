"""The front page is short, its links and commands work, and its numbers are those of the records."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from helpers.cli import commands
from helpers.cli.bench import speed_table
from helpers.cli.options import main, make_parser
from helpers.cli.reference import REFERENCE
from helpers.cli.results import COMMANDS, RESULTS
from helpers.training.config import TrainConfig
from helpers.training.presets import PRESETS

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "figures" / "records"
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECORDS_PAGE = (RECORDS / "README.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, "figures/records/README.md": RECORDS_PAGE}
INSTRUCTORS_PAGE = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
WRITTEN = {**PAGES, "notebooks/README.md": INSTRUCTORS_PAGE}  # what `results --write` writes

both_pages = pytest.mark.parametrize("page", PAGES)


def read_record(name):
    return json.loads((RECORDS / f"{name}.json").read_text())


def between(text, name):
    """What stands between two marks, each of which is there once."""
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    assert text.count(begin) == text.count(end) == 1, name
    return text.split(begin)[1].split(end)[0].strip()


def table_rows(table):
    """The cells of each row below the header."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def section(text, title):
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def code_lines(text):
    """The lines of all code blocks, those that end in a backslash joined with the next."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.M | re.S)
    return "".join(blocks).replace("\\\n", " ").splitlines()


def helpers_commands(text):
    """The words after ``python -m helpers`` of each command in a code block, and in the prose."""
    lines = [line for line in code_lines(text) if line.startswith("python -m helpers")]
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    lines += [" ".join(found.split()) for found in re.findall(r"`(python -m helpers [^`]*)`", prose)]
    return [shlex.split(line, comments=True)[3:] for line in lines]


# --- form ---------------------------------------------------------------------------------------------------

def test_the_front_page_is_short():
    assert len(README.splitlines()) <= 130  # a line for each of the notebooks that it lists


@both_pages
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", PAGES[page])
    assert len(links) >= 2
    for link in links:
        target, _, heading = link.partition("#")
        if target.startswith(("https://", "http://")):
            continue
        assert ((ROOT / page).parent / target).exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", PAGES[page], flags=re.M)
            plain = [re.sub(r"[^\w -]", "", title).lower() for title in titles]
            assert heading in [title.replace(" ", "-") for title in plain], link


@both_pages
def test_no_address_is_made_up(page):
    rest = re.sub(r"--address\s+OWNER/NAME", "", PAGES[page])
    assert "OWNER" not in rest


def test_badges_have_a_place():
    line = between(README, "badges")
    assert not line or line.startswith("[![")
    assert README.index("<!-- badges:begin -->") < README.index("## The notebooks")


@both_pages
def test_spelling_is_american(page):
    assert not re.search(r"licence|colour|centre|normalis|initialis|optimis", PAGES[page], flags=re.I)


# --- commands -----------------------------------------------------------------------------------------------

@both_pages
def test_commands_are_understood(page):
    found = helpers_commands(PAGES[page])
    assert len(found) >= 5
    for words in found:
        make_parser().parse_args(words)


def test_make_knows_its_targets():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ((?:test|notebooks)[\w-]*)", README))
    assert targets == {"notebooks", "test", "test-all"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.M), target


def test_the_records_page_has_every_command_and_no_other():
    written = [words for words in helpers_commands(RECORDS_PAGE) if words != ["results", "--write"]]
    assert sorted(written) == sorted(shlex.split(command)[3:] for command in COMMANDS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_recipe_of_its_record(name):
    record = read_record(name)
    arguments = make_parser().parse_args(shlex.split(COMMANDS[name])[3:])
    recorded = TrainConfig(**record["config"])
    if arguments.command == "bench":
        assert record["experiment"] == "training_speed" and arguments.write
        return
    if arguments.command == "reference":
        preset, = arguments.preset
        recipe, everything = REFERENCE if preset == "best" else PRESETS[preset], True
        if arguments.label_smoothing is not None:
            recipe = replace(recipe, label_smoothing=arguments.label_smoothing)
        assert {run["seed"] for run in record["runs"]} <= set(arguments.seeds)
    else:
        recipe, everything = commands.read_config(arguments), arguments.all
    same = {"keep_memory": recorded.keep_memory}  # changes no result, and older records were made without
    assert vars(recipe) | same == vars(recorded)
    assert record["data"]["train_images"] == (50_000 if everything else 45_000)


# --- what the tables say ------------------------------------------------------------------------------------

def test_the_map_lists_the_notebooks_that_exist():
    rows = table_rows(section(README, "The notebooks").split("\n\n")[-1].strip())
    paths = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    assert [link for _, link, *_ in rows] == [f"[{path.stem[3:]}](notebooks/{path.name})" for path in paths]
    assert all(link.split("/")[1].startswith(f"{number}_") for number, link, *_ in rows)
    assert all(question.endswith("?") and minutes.endswith("min") for *_, question, minutes in rows)


def test_the_projects_are_presets():
    table = next(part for part in README.split("\n\n") if part.startswith("| project |"))
    rows = table_rows(table.strip())
    named = [name for *_, presets in rows for name in re.findall(r"`([\w-]+)`", presets)]
    assert len(rows) == 5
    of_the_series = {"best", "jordan", "fast", "fast96", "sweep"}
    assert set(named) | of_the_series == set(PRESETS)


def slow_cell(values):
    """Mean and interval of one record, by SciPy's own test against zero."""
    mean = f"{100 * np.mean(values):.2f} %"
    if len(values) > 2:
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        return f"{mean} ± {100 * (high - low) / 2:.2f} (95 %, n = {len(values)})"
    both = " and ".join(f"{100 * value:.2f}" for value in sorted(values))
    return f"{mean} ({both}, n = 2)" if len(values) == 2 else f"{mean} (n = 1)"


def slow_values(name, key):
    return [run["final"][key] for run in read_record(name)["runs"] if key in run["final"]]


def test_results_of_the_front_page_are_those_of_its_records():
    rows = table_rows(between(README, "results"))
    assert len(rows) == 5
    for name, row in zip(("custom_resnet", "fast", "jordan"), (rows[0], *rows[2:4]), strict=True):
        shifted = slow_values(name, "tta_test_accuracy")
        alone = [run["seconds"] for run in read_record(name)["runs"] if "beside other work" not in run.get("note", "")]
        minutes = np.mean(alone) / 60
        assert row[2] == slow_cell(slow_values(name, "test_accuracy"))
        assert row[3] == (slow_cell(shifted) if shifted else "–")
        assert float(row[4]) == pytest.approx(minutes, abs=0.51)
        assert row[1] == "CIFAR-10"
    pairs = {1: ("cifar100_custom_resnet", "cifar100_resnet34"), 4: ("se_resnet", "stochastic_depth_resnet")}
    for number, names in pairs.items():
        both = [slow_values(name, "test_accuracy")[0] for name in names]
        assert rows[number][2] == f"{100 * both[0]:.2f} % / {100 * both[1]:.2f} % (n = 1)"
    assert [row[1] for row in rows] == ["CIFAR-10", "CIFAR-100", "CIFAR-10", "CIFAR-10", "CIFAR-10"]


@pytest.mark.parametrize("name", [name for names in RESULTS.values() for name in names])
def test_results_come_from_all_training_images_and_the_test_set(name):
    record = read_record(name)
    assert record["data"]["real"] and record["data"]["train_images"] == 50_000
    assert all("test_accuracy" in run["final"] for run in record["runs"])


def test_the_records_page_has_a_row_for_every_record():
    rows = {row[0].strip("`"): row[1:] for row in table_rows(between(RECORDS_PAGE, "records"))}
    assert sorted(rows) == sorted(path.stem for path in RECORDS.glob("*.json"))
    for name, (_, judged, accuracy, *_) in rows.items():
        tested = slow_values(name, "test_accuracy")
        assert judged == ("test" if tested else "validation" if slow_values(name, "val_accuracy") else "–")
        if tested:
            assert accuracy == slow_cell(tested)
    assert "times only" in rows["training_speed"][2]


def test_the_images_of_a_row_are_those_that_its_runs_learned_from():
    for name, data, *_ in table_rows(between(RECORDS_PAGE, "records")):
        record = read_record(name.strip("`"))
        counts = set()
        for run in [run for run in record["runs"] if run["status"] == "finished"] or [{"changes": {}}]:
            asked_for = run["changes"].get("train_images", record["config"].get("train_images", 0))
            counts.add(asked_for if asked_for else record["data"]["train_images"])
        shown = {int(count.replace(",", "")) for count in data.partition(", ")[2].split(" to ")}
        assert shown == {min(counts), max(counts)}, name


def test_a_comparison_shows_its_lowest_and_highest_mean():
    means = {}
    for run in read_record("regularization")["runs"]:
        means.setdefault(str(run["changes"]), []).append(run["final"]["val_accuracy"])
    middle = [100 * np.mean(values) for values in means.values()]
    runs = sum(map(len, means.values()))
    cell = f"{min(middle):.2f} to {max(middle):.2f} % ({len(means)} recipes, n = {runs})"
    assert f"| `regularization` | CIFAR-10, 5,000 | validation | {cell} |" in RECORDS_PAGE


def test_the_pace_is_that_of_the_pairs():
    port = {run["seed"]: run["seconds"] for run in read_record("jordan")["runs"]}
    ours = [run for run in read_record("fast")["runs"] if "note" not in run]  # a note: beside other work
    shares = sorted(run["seconds"] / port[run["beside"]] for run in ours)
    sentence = between(RECORDS_PAGE, "pace")
    assert set(re.findall(r"\d\.\d\d", sentence)) == {f"{shares[0]:.2f}", f"{shares[-1]:.2f}"}
    assert f"n = {len(shares)} runs, against {len({run['beside'] for run in ours})} of the port" in sentence


def test_the_speed_table_is_the_recorded_one():
    record = read_record("training_speed")
    found = between(RECORDS_PAGE, "bench")
    assert found.startswith(speed_table(record["measured"]))
    assert found.endswith(f"Measured on {record['device']}, torch {record['versions']['torch']}.")


def test_numbers_in_the_prose_of_the_records_page():
    """Sizes that the text names and no command shows."""
    ladder, levers = read_record("speed_ladder"), read_record("fast_levers")
    variants = read_record("resnet_variants")
    assert (ladder["data"]["train_images"], ladder["config"]["num_epochs"]) == (10_000, 4)
    assert ladder["config"]["image_sizes"] == [[0, 16]] and ladder["device"].startswith("CPU, 1 thread")
    assert (levers["data"]["train_images"], levers["val_images"]) == (40_000, 10_000)
    assert variants["data"]["train_images"] == 45_000
    assert {run["seed"] for run in variants["runs"]} == {0, 1, 2}
    assert {run["seed"] for run in read_record("regularization")["runs"]} == {0, 1, 2, 3}


# --- the command that writes them ---------------------------------------------------------------------------

@pytest.fixture
def copies(tmp_path, monkeypatch):
    """The pages without their tables, in a folder of their own that `results --write` writes to."""
    for page, text in WRITTEN.items():
        path = tmp_path / page
        path.parent.mkdir(parents=True, exist_ok=True)
        blank = re.sub(r"(<!-- (?!badges)\w+:begin -->\n).*?(<!-- \w+:end -->)", r"\1\2", text, flags=re.S)
        path.write_text(blank, encoding="utf-8")
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    monkeypatch.setattr(commands, "RECORDS", tmp_path / "figures" / "records")
    return tmp_path


def test_results_write_makes_all_pages(copies, capsys):
    assert main(["results", "--write"]) == 0
    for page, text in WRITTEN.items():
        assert (copies / page).read_text(encoding="utf-8") == text
    assert capsys.readouterr().out.strip() == between(README, "results")


def test_help_names_every_page_that_is_written(capsys):
    with pytest.raises(SystemExit):
        main(["results", "--help"])
    said = set(re.split(r"[\s,]+", capsys.readouterr().out))
    assert WRITTEN.keys() <= said


def test_results_write_refuses_a_page_without_marks_and_leaves_it(copies, capsys):
    path = copies / "figures" / "records" / "README.md"
    text = path.read_text(encoding="utf-8").replace("<!-- bench:begin -->\n", "")
    path.write_text(text, encoding="utf-8")
    assert main(["results", "--write"]) == 2
    assert "records/README.md: no lines <!-- bench:begin -->" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == text
