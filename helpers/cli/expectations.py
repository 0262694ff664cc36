"""What a class should see: results of the committed records, and where one more run lies."""

from typing import NamedTuple

from helpers.analysis.statistics import ENOUGH, Interval, mean_interval, new_run_interval, values_by_seed
from helpers.experiments.records import RECORDS, load_record

USUAL = {"batch_size": 128, "weight_decay": 5e-4, "clip_norm": 0.0}  # notebook 12
DEEP = {"model": "deep_net_32_8", "train_images": 1500, "max_lr": 0.1}  # notebook 14
NOTHING = {"augment": "none", "mix": "none", "mix_probability": 1.0}  # notebook 13
ALL_SIX = {"augment": "crop_flip_cutout_jitter", "mix": "mixup_or_cutmix", "mix_probability": 0.5}
NESTEROV = {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}  # notebook 17
ADAM = {"optimizer": "adam", "momentum": 0.9, "nesterov": False, "weight_decay": 5e-4, "max_lr": 0.01}
ADAMW = {"optimizer": "adamw", "momentum": 0.9, "nesterov": False, "weight_decay": 0.5, "max_lr": 0.01}


class Expectation(NamedTuple):
    """One row: the runs of a record with these changes, or what they gain over `against`, paired by seed."""

    notebook: str
    what: str
    record: str
    changes: dict
    against: dict | None = None
    tuning: tuple[int, ...] = ()  # seeds that chose something, and so judge nothing


EXPECTATIONS = (
    Expectation("05", "the reference recipe", "custom_resnet", {}),
    Expectation("07", "custom ResNet, one epoch", "resnet_variants", {"model": "custom_resnet"}),
    Expectation("08", "without mixing", "regularization", {}),
    Expectation("08", "CutMix over none", "regularization", {"mix": "cutmix"}, {}),
    Expectation("09", "custom ResNet on CIFAR-100", "cifar100_custom_resnet", {}),
    Expectation("11", "peak rate 0.8", "learning_rate", {"max_lr": 0.8}),
    Expectation("11", "rate 0.8 over 0.1", "learning_rate", {"max_lr": 0.8}, {"max_lr": 0.1}),
    Expectation("12", "batches of 128", "hyperparameter_sensitivity", USUAL),
    Expectation("12", "batches of 512 over 128", "hyperparameter_sensitivity",
                {**USUAL, "batch_size": 512}, USUAL),
    Expectation("13", "no augmentation, 12 epochs", "augmentation_ablation_12_epochs", NOTHING),
    Expectation("13", "all six over none, 12 epochs", "augmentation_ablation_12_epochs", ALL_SIX, NOTHING),
    Expectation("14", "32 layers with skips", "loss_landscape", {**DEEP, "skip": True}),
    Expectation("14", "skips over none", "loss_landscape", {**DEEP, "skip": True}, {**DEEP, "skip": False}),
    Expectation("15", "7 × 7 filters, CIFAR-100", "convolution_filters", {"first_layer": 7}),
    Expectation("15", "7 × 7 over 3 × 3", "convolution_filters", {"first_layer": 7}, {"first_layer": 3}),
    Expectation("16", "stride 1", "stride_and_padding", {"model": "mini_s1_p1_d1"}),
    Expectation("16", "stride 2 over 1", "stride_and_padding",
                {"model": "mini_s2_p1_d1"}, {"model": "mini_s1_p1_d1"}),
    Expectation("17", "Adam over Nesterov, both at 0.01", "optimizer_comparison", ADAM,
                {**NESTEROV, "max_lr": 0.01}, tuning=(10,)),
    Expectation("17", "Adam over Nesterov, both tuned", "optimizer_comparison", ADAM,
                {**NESTEROV, "max_lr": 0.8}, tuning=(10,)),
    Expectation("17", "AdamW over Nesterov, both tuned", "optimizer_comparison", ADAMW,
                {**NESTEROV, "max_lr": 0.8}, tuning=(10,)),
    Expectation("18", "constant rate 0.1", "schedule_comparison", {"scheduler": "constant", "max_lr": 0.1},
                tuning=(10,)),
    Expectation("18", "one-cycle over constant", "schedule_comparison",
                {"scheduler": "one_cycle", "max_lr": 1.6}, {"scheduler": "constant", "max_lr": 0.1},
                tuning=(10,)),
    Expectation("19", "`fast`", "fast", {}),
    Expectation("20", "rate 0.4 over 0.2", "class_record", {"max_lr": 0.4}, {"max_lr": 0.2}),
)


def expectations_table() -> str:
    """A Markdown table with a row for each of `EXPECTATIONS` whose record is committed."""
    rows = ["| | runs of | judged on | reference, 95 % interval of the mean | one more run, 95 % | n |",
            "|---|---|---|---|---|---|"]
    for expected in EXPECTATIONS:
        if (RECORDS / f"{expected.record}.json").exists():
            rows.append(expectation_row(expected, load_record(expected.record)))
    return "\n".join(rows)


def expectation_row(expected: Expectation, record: dict) -> str:
    part = "test" if "test_accuracy" in record["runs"][0]["final"] else "validation"
    values = expected_values(expected, record, "test_accuracy" if part == "test" else "val_accuracy")
    show = percent if expected.against is None else points
    cells = [expected.notebook, expected.what, part, mean_cell(values, show),
             range_cell(new_run_interval(values), show), str(len(values))]
    return f"| {' | '.join(cells)} |"


def expected_values(expected: Expectation, record: dict, metric: str) -> list[float]:
    """What the finished runs reached, seed by seed; of a comparison, how much more than `against`."""
    reached = judged_values(expected, record, expected.changes, metric)
    if expected.against is None:
        return list(reached.values())
    others = judged_values(expected, record, expected.against, metric)
    return [value - others[seed] for seed, value in reached.items() if seed in others]


def judged_values(expected: Expectation, record: dict, changes: dict, metric: str) -> dict[int, float]:
    """What each seed reached with these changes, without unfinished runs and without the seeds that tuned."""
    reached = values_by_seed(record, changes, metric)
    return {seed: value for seed, value in reached.items()
            if value is not None and seed not in expected.tuning}


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f} points"  # + 0.0 makes a zero of minus zero


def mean_cell(values: list[float], show) -> str:
    """``78.3 % (77.9 to 78.6)``; without an interval below three values."""
    about = mean_interval(values)
    if about.n < ENOUGH:
        return show(about.mean)
    return f"{show(about.mean)} ({range_cell(about, show)})"


def range_cell(about: Interval, show) -> str:
    """``77.9 to 78.6``, or that there are too few runs to tell."""
    if about.n < ENOUGH:
        return "too few to tell"
    low, high = (show(end).partition(" ")[0] for end in (about.low, about.high))
    return f"{low} to {high}"
