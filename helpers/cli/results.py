"""The tables of results in the README and in ``figures/records/README.md``, written from the committed records."""

import json
import re
from pathlib import Path

import numpy as np

from helpers.analysis.report import training_images
from helpers.analysis.statistics import mean_interval
from helpers.cli.bench import speed_table
from helpers.experiments.records import RECORDS, device_of, load_record
from helpers.paths import write_text

# The rows of the README's table of results: what a row is called, and the records that it is made from.
RESULTS = {
    "reference: custom ResNet": ("custom_resnet",),
    "custom ResNet / ResNet-34": ("cifar100_custom_resnet", "cifar100_resnet34"),
    "`fast`, cut for two processor cores": ("fast",),
    "`jordan`, the straight port that it recuts": ("jordan",),
    "SE / stochastic depth": ("se_resnet", "stochastic_depth_resnet"),
}

# The command that trains the runs of a record again, where one does; `reference` also writes the record.
COMMANDS = {
    "custom_resnet":
        "python -m helpers reference --seeds 0 1 2",
    "cifar100_custom_resnet":
        "python -m helpers train --dataset cifar100 --num-epochs 20 --image-sizes 0:24,14:32 --pct-start 0.2 "
        "--all --experiment cifar100",
    "fast":
        "python -m helpers reference --preset fast --seeds 0 1 2 3",
    "fast_label_smoothing_0":
        "python -m helpers reference --preset fast --label-smoothing 0",
    "jordan":
        "python -m helpers reference --preset jordan --seeds 0 1 2 3 4 5 6 7 8",
    "se_resnet":
        "python -m helpers train --preset se-resnet --epochs 18 --image-sizes 0:16,10:24,16:32 --all",
    "stochastic_depth_resnet":
        "python -m helpers train --preset stochastic-depth --epochs 22 --image-sizes 0:16,13:24,20:32 --all",
    "se_resnet_8_epochs":
        "python -m helpers train --preset se-resnet --epochs 8 --image-sizes 0:16,3:24,6:32 --all",
    "stochastic_depth_resnet_12_epochs":
        "python -m helpers train --preset stochastic-depth --epochs 12 --image-sizes 0:16,6:24,10:32 --all",
    "cifar100_resnet34":
        "python -m helpers train --model resnet34 --dataset cifar100 --num-epochs 28 --image-sizes 0:16,26:24,27:32 "
        "--pct-start 0.2 --batch-size 500 --micro-batch-size 250 --max-lr 0.4 --all --experiment cifar100_resnet34",
    "cifar100_resnet34_one_epoch":
        "python -m helpers train --preset cifar100-resnet34 --epochs 1",
    "fast_six_and_four":
        "python -m helpers train --preset fast --epochs 10 --image-sizes 0:24,6:32 --all",
    "fast_fewer_products":
        "python -m helpers train --preset fast --epochs 10 --image-sizes 0:24,5:32 --all",
    "fast_untrimmed":
        "python -m helpers train --preset jordan --image-sizes 0:24,4:28,5:32 --keep-memory --all",
    "fast_untrimmed_24_32":
        "python -m helpers train --preset jordan --image-sizes 0:24,4:32 --keep-memory --all",
    "fast_24_32":
        "python -m helpers train --preset jordan --model whitened_net_passes_of_500 --micro-batch-size 500 "
        "--image-sizes 0:24,4:32 --keep-memory --all",
    "training_speed":
        "python -m helpers bench --suite speed --write",
}


def find_record(name: str) -> dict:
    """The committed record of this name; `ValueError` names a missing one, and the command that trains it."""
    if not (RECORDS / f"{name}.json").exists():
        raise ValueError(f"no record {name}.json in figures/records/: `{COMMANDS[name]}` trains it")
    return load_record(name)


def finished_runs(record: dict) -> list[dict]:
    """The runs of a record that reached their last epoch."""
    return [run for run in record["runs"] if run["status"] == "finished"]


def read_final(runs: list[dict], name: str) -> list[float]:
    """What the runs measured under this name in ``final``; a run that did not measure it is left out."""
    return [run["final"][name] for run in runs if name in run["final"]]


def describe_accuracies(values: list[float]) -> tuple[str, str]:
    """The mean in percent, and what to know of it: ``("93.32 % ± 0.17", "95 %, n = 4")``.

    ± is half the 95 % t interval of the mean, from three values on. Two values are named, one stands alone.
    """
    if not values:
        return "–", ""
    mean = f"{100 * np.mean(values):.2f} %"
    if len(values) == 1:
        return mean, "n = 1"
    if len(values) == 2:
        low, high = sorted(100 * value for value in values)
        return mean, f"{low:.2f} and {high:.2f}, n = 2"
    return f"{mean} ± {100 * half_interval(values):.2f}", f"95 %, n = {len(values)}"


def half_interval(values: list[float]) -> float:
    """Half the 95 % t interval of the mean of at least three values."""
    about = mean_interval(values)
    return about.high - about.mean


def accuracy_cell(groups: list[list[float]]) -> str:
    """The accuracies of one record or several: ``82.96 % / 78.01 % (n = 1)``, a dash if none has any."""
    described = [describe_accuracies(values) for values in groups]
    if not any(groups):
        return "–"
    if len({about for _, about in described}) == 1:  # said once for all
        return f"{' / '.join(number for number, _ in described)} ({described[0][1]})"
    return " / ".join(f"{number} ({about})" if about else number for number, about in described)


def name_data(record: dict) -> str:
    return record["data"]["name"].replace("cifar", "CIFAR-")


def minutes_cell(record: dict) -> str:
    """The mean minutes of the runs that had the machine for themselves; a run's ``note`` says that it had not."""
    runs = finished_runs(record)
    alone = [run for run in runs if "note" not in run] or runs
    return f"{np.mean([run['seconds'] for run in alone]) / 60:.0f}"


def device_cell(record: dict) -> str:
    """The devices of a record's runs, each once; runs that name none have the record's."""
    devices = dict.fromkeys(device_of(run, record) for run in finished_runs(record))
    return " + ".join(devices)


def table_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def results_table() -> str:
    """The README's Markdown table: one row for each of `RESULTS`, from the committed records."""
    rows = ["| | data | test accuracy | with flips and shifts | minutes per run | device |",
            "|---|---|---|---|---|---|"]
    for label, names in RESULTS.items():
        records = [find_record(name) for name in names]
        accuracies = [accuracy_cell([read_final(finished_runs(record), key) for record in records])
                      for key in ("test_accuracy", "tta_test_accuracy")]
        rows.append(table_row([
            label,
            " / ".join(dict.fromkeys(name_data(record) for record in records)),
            *accuracies,
            " / ".join(minutes_cell(record) for record in records),
            " / ".join(dict.fromkeys(device_cell(record) for record in records)),
        ]))
    return "\n".join(rows)


def group_by_recipe(runs: list[dict]) -> list[list[dict]]:
    """Runs that differ in seed alone stand together (and in ``keep_memory``, which changes no result)."""
    groups: dict[str, list[dict]] = {}
    for run in runs:
        changes = dict(run["changes"])
        changes.pop("seed", None)
        changes.pop("keep_memory", None)
        groups.setdefault(json.dumps(changes, sort_keys=True), []).append(run)
    return list(groups.values())


def record_accuracy(record: dict, name: str) -> str:
    """A record's accuracies in one cell; of several recipes the smallest and the largest mean."""
    groups = [read_final(runs, name) for runs in group_by_recipe(finished_runs(record))]
    groups = [values for values in groups if values]
    if len(groups) <= 1:
        return accuracy_cell(groups)
    means = [100 * np.mean(values) for values in groups]
    return f"{min(means):.2f} to {max(means):.2f} % ({len(groups)} recipes, n = {sum(map(len, groups))})"


def images_cell(record: dict) -> str:
    """How many images the runs learned from; ``1,500 to 5,000``, the fewest and the most, where they differ."""
    settings = [run["changes"] for run in finished_runs(record)] or [{}]
    counts = {training_images(record, changes) for changes in settings}
    return " to ".join(f"{count:,}" for count in sorted({min(counts), max(counts)}))


def measured_cells(record: dict, accuracy: str) -> list[str]:
    """Accuracy without and with flips and shifts, minutes per run, and device."""
    return [
        record_accuracy(record, accuracy),
        record_accuracy(record, f"tta_{accuracy}"),
        minutes_cell(record),
        device_cell(record),
    ]


def records_table() -> str:
    """A Markdown table with one row for each committed record, for ``figures/records/README.md``."""
    header = ["record", "trained on", "judged on", "accuracy", "with flips and shifts", "minutes per run",
              "device"]
    rows = [table_row(header), "|---|---|---|---|---|---|---|"]
    for path in sorted(RECORDS.glob("*.json")):
        record = load_record(path.stem)
        data = f"{name_data(record)}, {images_cell(record)}"
        runs = finished_runs(record)
        if not runs:
            measured = ["–", "times only: below", "–", "–", record["device"]]
        elif read_final(runs, "test_accuracy"):
            measured = ["test", *measured_cells(record, "test_accuracy")]
        else:
            measured = ["validation", *measured_cells(record, "val_accuracy")]
        rows.append(table_row([f"`{path.stem}`", data, *measured]))
    return "\n".join(rows)


def pace_sentence() -> str:
    """How long `fast` took, as a share of the run of `jordan` in the same hour; a run with a note was disturbed."""
    port = {run["seed"]: run["seconds"] for run in find_record("jordan")["runs"]}
    runs = [run for run in find_record("fast")["runs"] if "beside" in run and "note" not in run]
    shares = [run["seconds"] / port[run["beside"]] for run in runs]
    ends = " to ".join(sorted({f"{min(shares):.2f}", f"{max(shares):.2f}"}))
    return (f"`fast` took {ends} times as long as the port in the same hour "
            f"(n = {len(shares)} runs, against {len({run['beside'] for run in runs})} of the port).")


def write_between(text: str, name: str, content: str) -> str:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    text, found = re.subn(pattern, lambda m: f"{m[1]}{content}\n{m[2]}", text, flags=re.S)
    if not found:
        raise ValueError(f"no lines <!-- {name}:begin --> … <!-- {name}:end --> to write between: put them "
                         "where the table belongs")
    return text


def write_tables(path: Path, tables: dict[str, str]) -> None:
    """Write each table between its marks in a Markdown file, all of them or none."""
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        try:
            text = write_between(text, name, table)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    write_text(path, text)


def write_records_page(path: Path) -> None:
    """Write all records' results, and the speed table, into the page about the records."""
    record = load_record("training_speed")
    where = f"Measured on {record['device']}, torch {record['versions']['torch']}."
    write_tables(path, {
        "records": records_table(),
        "pace": pace_sentence(),
        "bench": f"{speed_table(record['measured'])}\n\n{where}",
    })
