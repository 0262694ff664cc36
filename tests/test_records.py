"""Records can be read back, tables of results come from them, and the reference run is what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from helpers.analysis.predict import predict_logits
from helpers.cli import commands, reference, results
from helpers.cli.options import main
from helpers.data.cifar import load_cifar
from helpers.data.stand_in import make_stand_in
from helpers.experiments import records, sweeps
from helpers.training.config import RECIPE_VERSION, TrainConfig
from helpers.training.fit import DivergedError
from helpers.training.presets import get_preset

RECORDED = sorted(records.RECORDS.glob("*.json"))
TINY = TrainConfig(num_epochs=1, batch_size=64, micro_batch_size=64, augment="none")


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: p.stem)
def test_records_hold_the_form(path):
    record = json.loads(path.read_text())
    assert {"experiment", "profile", "data", "config", "device", "versions", "created", "runs"} <= record.keys()
    assert record["experiment"] == path.stem and record["data"]["real"] is True
    for run in record["runs"]:
        assert {"seed", "changes", "status", "history", "final", "seconds", "recipe_version"} <= run.keys()
        assert not run["status"].startswith("failed")
        if run["status"].startswith("diverged"):
            assert run["final"] == {} and run["history"] == []
            continue
        curves_kept = "of its epochs were not kept" not in record.get("note", "")
        assert len(run["history"]) == curves_kept * (record["config"] | run["changes"])["num_epochs"]
        assert run["final"].keys() & {"test_accuracy", "val_accuracy"}  # a comparison never opens the test set
        assert all(0 <= value <= 1 for name, value in run["final"].items() if name.endswith("accuracy"))


def test_one_seed_has_no_interval():
    assert results.describe_accuracies([0.9386]) == ("93.86 %", "n = 1")
    assert results.describe_accuracies([]) == ("–", "")


def test_two_seeds_are_both_shown_and_have_no_interval():
    assert results.describe_accuracies([0.94, 0.93]) == ("93.50 %", "93.00 and 94.00, n = 2")


@pytest.mark.parametrize("values", [
    [0.9386, 0.94, 0.9371],
    [0.9316, 0.9341, 0.9339, 0.9332],
    [0.5, 0.5, 0.5, 0.6, 0.7],
], ids=len)
def test_interval_is_students(values):
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    number, about = results.describe_accuracies(values)
    assert number == f"{100 * np.mean(values):.2f} % ± {100 * (high - low) / 2:.2f}"
    assert about == f"95 %, n = {len(values)}"


def test_interval_by_hand():
    """Three values 0, 1, 2: s.d. 1, and Student's t for two degrees of freedom is 4.303."""
    assert results.half_interval([0.0, 1.0, 2.0]) == pytest.approx(4.3027 / 3**0.5, rel=1e-4)


def test_two_records_share_a_cell():
    assert results.accuracy_cell([[0.8296], [0.7801]]) == "82.96 % / 78.01 % (n = 1)"
    assert results.accuracy_cell([[0.82, 0.84], [0.78]]) == (
        "83.00 % (82.00 and 84.00, n = 2) / 78.00 % (n = 1)")
    assert results.accuracy_cell([[], [0.78]]) == "– / 78.00 % (n = 1)"
    assert results.accuracy_cell([[], []]) == "–"


def test_a_run_that_did_not_measure_it_or_finish_is_not_counted():
    runs = [{"status": "finished", "final": {"test_accuracy": 0.9, "tta_test_accuracy": 0.91}},
            {"status": "finished", "final": {"test_accuracy": 0.8}},
            {"status": "diverged: loss is nan", "final": {}}]
    finished = results.finished_runs({"runs": runs})
    assert finished == runs[:2]
    assert results.read_final(finished, "test_accuracy") == [0.9, 0.8]
    assert results.read_final(finished, "tta_test_accuracy") == [0.91]


def test_minutes_are_of_the_runs_that_had_the_machine_alone():
    alone = [{"status": "finished", "seconds": 60}, {"status": "finished", "seconds": 180}]
    beside = [{"status": "finished", "seconds": 3000, "note": "beside other work"}]
    assert results.minutes_cell({"runs": alone + beside}) == "2"
    assert results.minutes_cell({"runs": beside}) == "50"  # better than none


def test_devices_of_a_record_are_all_named():
    runs = [{"status": "finished", "device": "NVIDIA T4"}, {"status": "finished"}, {"status": "finished"}]
    assert results.device_cell({"device": "CPU, 1 threads", "runs": runs}) == "NVIDIA T4 + CPU, 1 thread"


def test_a_missing_record_is_named_with_its_command(tmp_path, monkeypatch, capsys):
    for path in RECORDED:
        if path.stem != "fast":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(results, "RECORDS", tmp_path)
    assert main(["results"]) == 2
    said = capsys.readouterr().err
    assert "no record fast.json" in said
    assert "`python -m helpers reference --preset fast --seeds 0 1 2 3` trains it" in said


def test_every_row_of_results_has_a_command():
    assert {name for names in results.RESULTS.values() for name in names} <= set(results.COMMANDS)


def test_results_command_prints_the_table(capsys):
    assert main(["results"]) == 0
    assert capsys.readouterr().out.strip() == results.results_table()


def test_reference_trains_recipes_in_turn_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path))
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    recipes = {"one": replace(TINY, model="depthwise_dilated", precision="float32"),
               "two": replace(TINY, model="depthwise_dilated", precision="float32", max_lr=0.1)}
    first = [json.loads(path.read_text()) for path in reference.run_reference(recipes, [0, 3])]
    assert [[run["seed"] for run in record["runs"]] for record in first] == [[0, 3], [0, 3]]
    assert first[1]["config"]["max_lr"] == 0.1 and first[0]["runs"][1]["changes"] == {"seed": 3}
    with np.load(tmp_path / "records" / "two-stand-in_test_logits.npz") as file:
        share = (file["logits"].argmax(1) == load_cifar("cifar10", "test").labels.numpy()).mean()
    assert share == pytest.approx(first[1]["runs"][0]["final"]["test_accuracy"], abs=0.011)
    again = [json.loads(path.read_text()) for path in reference.run_reference(recipes, [0, 3])]  # nothing to train
    assert [record["runs"] for record in again] == [record["runs"] for record in first]


@pytest.fixture
def measure(tmp_path, monkeypatch):
    """`run_reference` of one recipe without any training; each run's logits are all equal to its seed."""
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path))
    data = {"real": False}

    def run_seed(train, test, config, **options):
        run = {"seed": config.seed, "changes": {}, "status": "finished", "history": [], "seconds": 1.0,
               "final": {"test_accuracy": 0.9}, "recipe_version": RECIPE_VERSION}
        return run, None, config.seed

    def predict(model, seed, **options):
        return torch.full((4, 2), float(seed)), torch.zeros(4, dtype=torch.int64)

    def run(seeds, real=True):
        data["real"] = real
        path, = reference.run_reference({"one": TINY}, seeds)
        return path.name, [run["seed"] for run in json.loads(path.read_text())["runs"]]

    monkeypatch.setattr(reference, "run_seed", run_seed)
    monkeypatch.setattr(reference, "predict_logits", predict)
    monkeypatch.setattr(reference, "load_cifar",
                        lambda name, split: replace(make_stand_in(split, 20), real=data["real"]))
    return run


def test_reference_adds_other_seeds_to_the_readers_record(measure):
    assert measure([0]) == ("one.json", [0])
    assert measure([1, 2]) == ("one.json", [0, 1, 2])
    assert sorted(measure([1])[1]) == [0, 1, 2]  # measured again, it is there once


def test_reference_logits_are_of_seed_0_whatever_comes_first(measure, tmp_path):
    path = tmp_path / "records" / "one_test_logits.npz"
    measure([3])
    assert not path.exists()
    measure([2, 0, 1])
    measure([3])
    with np.load(path) as file:
        assert (file["logits"] == 0).all()


def test_reference_on_stand_in_data_has_a_file_of_its_own(measure, tmp_path):
    assert measure([0], real=False) == ("one-stand-in.json", [0])
    assert measure([1]) == ("one.json", [1])
    assert not (tmp_path / "records" / "one_test_logits.npz").exists()


def test_reference_with_another_smoothing_has_a_name_of_its_own(monkeypatch, capsys):
    asked = {}
    monkeypatch.setattr(commands, "run_reference", lambda recipes, seeds: asked.update(recipes) or [])
    assert main(["reference", "--preset", "fast", "sweep", "--label-smoothing", "0"]) == 0
    assert list(asked) == ["fast_label_smoothing_0", "sweep_label_smoothing_0"]
    assert asked["fast_label_smoothing_0"] == replace(get_preset("fast"), label_smoothing=0.0)
    assert main(["reference", "--label-smoothing", "2"]) == 2
    assert "label_smoothing=2.0" in capsys.readouterr().err


def test_a_diverged_reference_says_so_and_gives_no_logits(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path))
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    recipe = replace(TINY, model="depthwise_dilated", precision="float32", max_lr=1e30)
    with pytest.raises(DivergedError, match="^wild, seed 3, diverged: loss is "):
        reference.run_reference({"wild": recipe}, [3])
    assert not list(tmp_path.rglob("*.json")) and not list(tmp_path.rglob("*.npz"))


def test_reference_record_is_the_reference_recipe():
    record = records.load_record("custom_resnet")
    recorded = TrainConfig(**record["config"])  # from before memory was kept, which changes no result
    assert replace(recorded, keep_memory=True) == reference.REFERENCE
    assert record["data"]["train_images"] == 50_000
    assert np.mean([run["final"]["test_accuracy"] for run in record["runs"]]) >= 0.935


def test_reference_logits_give_the_recorded_accuracy():
    test = load_cifar("cifar10", "test")
    if not test.real:
        pytest.skip("needs the real CIFAR-10 files in data/")
    logits = records.load_reference_logits("custom_resnet")
    accuracy = (logits.argmax(1) == test.labels.numpy()).mean()
    recorded = records.load_record("custom_resnet")["runs"][0]["final"]["test_accuracy"]
    assert accuracy == pytest.approx(recorded, abs=3e-4)  # float16 rounding can turn a tie or two


def test_unknown_record_lists_the_known():
    with pytest.raises(ValueError, match="unknown record 'no_such_experiment': choose from .*'custom_resnet'"):
        records.load_record("no_such_experiment")
    with pytest.raises(ValueError, match="'learning_rate': choose from .*'custom_resnet', 'fast'"):
        records.load_reference_logits("learning_rate")


def followed(seed, changes, accuracies, status="finished"):
    return {"seed": seed, "changes": changes, "status": status, "history": [{"val_accuracy": a} for a in accuracies]}


def test_curves_are_of_finished_runs_a_row_per_seed():
    record = {"experiment": "made_up", "runs": [
        followed(2, {"max_lr": 0.1}, [0.3, 0.5]), followed(0, {"max_lr": 0.1}, [0.2, 0.4]),
        followed(1, {"max_lr": 0.1}, [0.1], "diverged in epoch 2"), followed(0, {"max_lr": 9.0}, [], "diverged")]}
    epochs, values = records.curves_of(record, {"max_lr": 0.1})
    assert epochs == [1, 2] and values.tolist() == [[0.2, 0.4], [0.3, 0.5]]
    with pytest.raises(ValueError, match="no run of {'max_lr': 9.0} in 'made_up' has finished"):
        records.curves_of(record, {"max_lr": 9.0})
    with pytest.raises(ValueError, match="no run of {'max_lr': 1}"):
        records.curves_of(record, {"max_lr": 1})


def test_a_record_of_some_seeds_keeps_all_else():
    record = {"experiment": "made_up", "config": {"max_lr": 0.1}, "runs": [followed(s, {}, []) for s in (10, 0, 1, 0)]}
    some = records.of_seeds(record, [0, 10, 99])
    assert [run["seed"] for run in some["runs"]] == [10, 0, 0] and some["config"] == record["config"]
    assert len(record["runs"]) == 4 and not records.of_seeds(record, range(5, 9))["runs"]


def test_run_seed_and_record_round_trip(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "run_dir", lambda: tmp_path)
    monkeypatch.setattr(sweeps, "run_dir", lambda: tmp_path)
    monkeypatch.setattr(sweeps, "make_model", lambda name, **kw: make_tiny(**kw))
    train, test = make_stand_in("train", 200), make_stand_in("test", 100)
    run, model, batches = sweeps.run_seed(train, test, TINY)
    logits = predict_logits(model, batches)[0].numpy()
    assert run["status"] == "finished" and logits.shape == (100, 10)
    assert run["final"]["test_accuracy"] == pytest.approx((logits.argmax(1) == test.labels.numpy()).mean())
    record = records.new_record("tiny", train, TINY) | {"runs": [run]}
    assert json.loads(records.save_record(record).read_text()) == json.loads(json.dumps(record))


def test_a_diverged_run_is_recorded_as_such(monkeypatch):
    monkeypatch.setattr(sweeps, "make_model", lambda name, **kw: make_tiny(**kw))
    wild = replace(TINY, max_lr=1e38, scheduler="constant", num_epochs=3)
    run, *_ = sweeps.run_seed(make_stand_in("train", 200), make_stand_in("test", 50), wild)
    assert run["status"].startswith("diverged") and run["final"] == {}


def make_tiny(num_classes):
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes))


def test_write_between_refuses_a_readme_without_marks():
    assert results.write_between("<!-- a:begin -->\nold\n<!-- a:end -->", "a", "new").split("\n")[1] == "new"
    with pytest.raises(ValueError, match="begin"):
        results.write_between("no marks", "a", "new")


def test_bad_command_line_exits_with_two(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["no-such-command"])
    assert stop.value.code == 2
