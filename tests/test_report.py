"""What a record allows one to report, and a class's files as one record."""

import copy
import json
import re

import numpy as np
import pytest
from scipy import stats

from helpers.analysis.class_record import describe_devices, merge_class
from helpers.analysis.report import compare_run, report
from helpers.cli.options import main, seed_ranges
from helpers.experiments import load_record
from helpers.experiments.records import RECORDS, settings_of


def a_run(seed, accuracy=0.9, changes=None, *, metric="test_accuracy", device="CPU, 2 threads, AVX512", **more):
    return {"seed": seed, "changes": changes or {}, "status": "finished", "history": [], "seconds": 1.0,
            "final": {metric: accuracy}, "device": device, "recipe_version": 2, **more}


def a_record(runs, *, real=True, images=50_000, config=None, **data):
    return {"experiment": "e", "data": {"name": "cifar10", "real": real, "train_images": images, **data},
            "config": {"model": "custom_resnet", "num_epochs": 24, **(config or {})}, "runs": runs,
            "device": "CPU, 2 threads, AVX512"}


ACCURACIES = [0.931, 0.933, 0.934, 0.932]


def test_a_result_is_told_with_interval_n_split_epoch_view_data_and_device():
    told = report(a_record([a_run(seed, value) for seed, value in enumerate(ACCURACIES)]))
    low, high = stats.t.interval(0.95, 3, np.mean(ACCURACIES), stats.sem(ACCURACIES))
    assert told.reasons == ()
    assert str(told) == (f"93.2 ± {100 * (high - low) / 2:.1f} % (mean and 95 % interval, n = 4 seeds), CIFAR-10 test "
                         "set, last of 24 epochs, one view, custom_resnet trained on 50,000 images, CPU, 2 threads, "
                         "AVX512")


def test_the_images_are_those_that_the_runs_of_the_setting_learned_from():
    fewer, all_of_them = {"train_images": 1500}, {"train_images": 0}
    runs = [a_run(seed, 0.7, changes) for changes in (fewer, all_of_them) for seed in range(3)]
    record = a_record(runs, config={"train_images": 5000})
    assert "trained on 1,500 images" in str(report(record, fewer))
    assert "1,500 training images are a subset" in str(report(record, fewer))
    told = report(record, all_of_them)
    assert "trained on 50,000 images" in told.sentence and told.reasons == ()


def test_views_settings_and_devices_are_named():
    runs = [a_run(seed, 0.9, {"model": "resnet18", "num_epochs": 3}, metric="tta_test_accuracy", device=device)
            for seed, device in enumerate(["Tesla T4", "CPU, 1 threads, AVX2", "Tesla T4"])]
    told = str(report(a_record(runs), {"model": "resnet18", "num_epochs": 3}, "tta_test_accuracy"))
    assert "last of 3 epochs, mean over flips and shifts of each image, resnet18 trained" in told
    assert told.endswith("Tesla T4, CPU, 1 thread, AVX2")


VALIDATION = [a_run(seed, 0.7, metric="val_accuracy") for seed in range(3)]
BEST = [a_run(seed, 0.95, history=[{"test_accuracy": 0.95}, {"test_accuracy": 0.94}]) for seed in range(3)]
LAST = [a_run(seed, 0.94, history=[{"test_accuracy": 0.95}, {"test_accuracy": 0.94}]) for seed in range(3)]
RISES = [a_run(seed, 0.95, history=[{"test_accuracy": 0.94}, {"test_accuracy": 0.95}]) for seed in range(3)]
LOST = {**a_run(3), "status": "diverged: loss is nan", "final": {}}
GOOD = [a_run(seed) for seed in range(3)]


@pytest.mark.parametrize("record, metric, reason", [
    (a_record(GOOD[:1]), None, "n = 1: it takes 3 seeds"),
    (a_record(GOOD[:2]), None, "n = 2: it takes 3 seeds"),
    (a_record(GOOD, real=False), None, "stand-in data, not CIFAR"),
    (a_record(GOOD, images=10_000), None, "10,000 training images are a subset"),
    (a_record(GOOD, config={"train_images": 5_000}), None, "5,000 training images are a subset"),
    (a_record(VALIDATION, images=45_000, val_images=5_000), None, "validation chose between settings"),
    (a_record(VALIDATION, images=45_000), "test_accuracy", "test images were not looked at"),
    (a_record(BEST), None, "best epoch was chosen by the images that judge it"),
    (a_record([*GOOD, LOST]), None, "1 of 4 runs diverged or failed, which the mean"),
    (a_record([LOST]), None, "1 of 1 runs diverged or failed."),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_no_result_says_why(record, metric, reason):
    told = report(record, metric=metric)
    assert told.reasons and reason in str(told) and str(told).startswith("Not a result to report: ")


@pytest.mark.parametrize("record", [a_record(LAST), a_record(RISES), a_record(GOOD, images=45_000)])
def test_what_is_a_result_has_nothing_against_it(record):
    assert report(record).reasons == ()


def test_validation_is_never_called_test():
    told = report(a_record(VALIDATION, images=45_000, val_images=5_000)).sentence
    assert "5,000 validation images of CIFAR-10" in told and "test" not in told


def test_an_unknown_setting_or_metric_is_refused_by_name():
    with pytest.raises(ValueError, match="no run of {'max_lr': 3} in 'e': it has {}"):
        report(a_record(GOOD), {"max_lr": 3})
    with pytest.raises(ValueError, match="metric='accuracy': choose from"):
        report(a_record(GOOD), metric="accuracy")


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDS.glob("*.json")))
def test_every_committed_record_has_its_reports(name):
    record = load_record(name)
    for changes in settings_of(record):
        assert str(report(record, changes))


def test_a_new_run_is_compared_by_the_prediction_interval():
    reference = a_record([a_run(seed, value) for seed, value in enumerate(ACCURACIES)])
    half = stats.t.ppf(0.975, 3) * np.std(ACCURACIES, ddof=1) * np.sqrt(1 + 1 / 4)
    inside, outside = 0.9325 + half - 1e-4, 0.9325 + half + 1e-4
    assert "compatible with 92.8 to 93.7 %" in compare_run(a_run(100, inside), reference)
    assert "outside of 92.8 to 93.7 %" in compare_run(a_run(100, outside), reference)
    assert "too few to predict" in compare_run(a_run(100), a_record(GOOD[:2]))
    assert "no number to compare" in compare_run(LOST, reference)


# --- a class ----------------------------------------------------------------------------------------------------

def hand_in(tmp_path, name, runs, **more):
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(a_record(runs, images=45_000, **more)))
    return path


def both(seed, first=0.7, second=0.71, **more):
    return [a_run(seed, first, {"max_lr": 0.1}, metric="val_accuracy", **more),
            a_run(seed, second, {"max_lr": 0.4}, metric="val_accuracy", **more)]


def test_a_class_is_merged_and_what_is_missing_or_not_assigned_is_named(tmp_path):
    ann, bob = hand_in(tmp_path, "ann", both(100)), hand_in(tmp_path, "bob", [*both(101)[:1], *both(7)])
    merged = merge_class([ann, bob], seeds=range(100, 104))
    assert [run["seed"] for run in merged.record["runs"]] == [100, 100, 101]
    said = "\n".join(merged.notes)
    assert f"{bob}: seeds 7 were not assigned" in said
    assert "missing seeds: 102, 103" in said and "incomplete seeds: 101 (lacks 1 of 2 settings)" in said


def test_equal_and_conflicting_duplicates_are_told_apart_and_the_first_stays(tmp_path):
    paths = [hand_in(tmp_path, "ann", both(100)), hand_in(tmp_path, "bob", both(100)),
             hand_in(tmp_path, "eve", both(100, first=0.99))]
    merged = merge_class(paths)
    assert [run["final"]["val_accuracy"] for run in merged.record["runs"]] == [0.7, 0.71]
    assert f"{paths[1]} repeats seed 100 of {paths[0]} (2 settings), with the same results" in merged.notes
    assert f"{paths[2]} CONFLICTS with seed 100 of {paths[0]}: other results; the first are kept" in merged.notes


def test_diverged_runs_are_kept_and_shown(tmp_path):
    lost = {**both(101)[1], "status": "diverged: loss is nan", "final": {}}
    merged = merge_class([hand_in(tmp_path, "ann", [*both(100), lost])])
    assert merged.record["runs"][-1] == lost
    assert "seed 101, {'max_lr': 0.4}: diverged: loss is nan (kept)" in merged.notes


@pytest.mark.parametrize("change, reason", [
    ({"config": {"batch_size": 7}}, "eve.json does not fit .*ann.json: .*batch_size is 512 in one, 7 in the other"),
    ({"val_images": 4000}, "does not fit .*data is .* in the other"), ({"real": False}, "stand-in data, not CIFAR"),
], ids=["configuration", "split", "stand-in"])
def test_another_configuration_split_or_data_is_refused(tmp_path, change, reason):
    paths = [hand_in(tmp_path, "ann", both(100)), hand_in(tmp_path, "eve", both(101), **change)]
    with pytest.raises(ValueError, match=reason):
        merge_class(paths)


def test_another_version_of_the_recipe_is_refused(tmp_path):
    older = [{**run, "recipe_version": 1} for run in both(101)]
    with pytest.raises(ValueError, match=r"eve.json and .*ann.json hold runs of recipe versions \[1, 2\]"):
        merge_class([hand_in(tmp_path, "ann", both(100)), hand_in(tmp_path, "eve", older)])


@pytest.mark.parametrize("content", [
    "", "[]", "{}", '{"runs": []}', "\x00\xff", '{"experiment": "e", "data": {}, "config": {}, "runs": []}',
    '{"experiment": "e", "data": "cifar10", "config": {}, "runs": []}',
    '{"experiment": "e", "data": {"real": true}, "config": {}, "runs": 3}'])
def test_rubbish_is_no_record(tmp_path, content):
    path = tmp_path / "rubbish.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match="rubbish.json is no record"):
        merge_class([path])


@pytest.mark.parametrize("name", ["absent.json", "."])
def test_what_is_no_file_is_named_with_a_way_out(tmp_path, name):
    with pytest.raises(ValueError, match=r"cannot be read \(.*directory\): name the file of each record"):
        merge_class([tmp_path / name])


def test_the_devices_are_tested_as_by_hand():
    """With one setting the F test of the two models is one-way ANOVA, which SciPy has."""
    values = {"CPU, 2 threads, AVX512": [0.70, 0.72, 0.71], "Tesla T4": [0.73, 0.72, 0.74, 0.73], "Odd": [0.1]}
    runs = [a_run(seed, value, metric="val_accuracy", device=device)
            for seed, (device, value) in enumerate((device, value) for device in values for value in values[device])]
    p = stats.f_oneway(values["Tesla T4"], values["CPU, 2 threads, AVX512"]).pvalue
    said = describe_devices(a_record(runs))
    assert f"p = {p:.2g}, they differ" in said and "Odd (n = 1)" in said


def test_a_difference_of_settings_is_none_of_devices():
    """Each device has both settings equally often; the settings differ by far, the devices do not."""
    random = np.random.default_rng(0)
    runs = [run for seed in range(10) for run in both(
        seed, 0.5 + 0.01 * random.normal(), 0.9 + 0.01 * random.normal(), device=("Tesla T4", "Apple MPS")[seed % 2])]
    assert "no difference is seen" in describe_devices(a_record(runs))
    moved = copy.deepcopy(runs)
    for run in moved:
        run["final"]["val_accuracy"] += 0.05 * (run["device"] == "Tesla T4")
    assert "they differ" in describe_devices(a_record(moved))
    assert describe_devices(a_record(runs[:2])) == "device: Tesla T4 (n = 2)"


def test_seeds_of_the_command_line():
    assert seed_ranges("100-102,110") == [100, 101, 102, 110] and seed_ranges("5") == [5]
    assert seed_ranges("7-7, 9") == [7, 9]


@pytest.mark.parametrize("given, way_out", [
    ("130-101", "101-130"), ("1,130-101", "101-130"), ("a-b", "100-129"), ("5-", "100-129"), ("", "100-129"),
    ("1-2-3", "100-129")])
def test_seeds_that_make_no_sense_are_refused_with_a_way_out(tmp_path, capsys, given, way_out):
    out = tmp_path / "class.json"
    with pytest.raises(SystemExit):
        main(["merge", str(hand_in(tmp_path, "ann", both(100))), "--out", str(out), "--seeds", given])
    said = capsys.readouterr().err.splitlines()[-1]
    assert "argument --seeds: " in said and "invalid" not in said and way_out in said and not out.exists()


def test_seeds_that_nobody_has_leave_nothing_to_merge(tmp_path, capsys):
    out = tmp_path / "class.json"
    assert main(["merge", str(hand_in(tmp_path, "ann", both(100))), "--out", str(out), "--seeds", "301-303"]) == 2
    said = capsys.readouterr().err
    assert "no run has a seed that was assigned" in said and "100" in said and not out.exists()


def test_the_commands_write_the_class_record_and_report_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path / "runs"))
    paths = [str(hand_in(tmp_path, name, both(seed))) for name, seed in (("ann", 100), ("bob", 101), ("eve", 102))]
    out = tmp_path / "class.json"
    assert main(["merge", *paths, "--out", str(out), "--seeds", "100-103"]) == 0
    said = capsys.readouterr().out
    assert "missing seeds: 103" in said and f"wrote {out}: 6 runs of 3 files" in said
    assert said.count("validation chose between settings") == 1 and "{'max_lr': 0.4}: 71.0" in said
    before = out.read_bytes()
    assert main(["merge", *paths, "--out", str(out)]) == 2
    assert "is already there" in capsys.readouterr().err and out.read_bytes() == before
    assert main(["results", "fast"]) == 0
    assert "CIFAR-10 test set, last of 9 epochs" in capsys.readouterr().out
    assert main(["results", "unheard-of"]) == 2
    assert "unknown record 'unheard-of'" in capsys.readouterr().err


def test_a_class_without_a_run_has_nothing_to_report(tmp_path, capsys):
    assert main(["merge", str(hand_in(tmp_path, "ann", [])), "--out", str(tmp_path / "class.json")]) == 0
    assert "nothing to report" in capsys.readouterr().out


@pytest.fixture
def tell(tmp_path, capsys, monkeypatch):
    """What `results` says of a reader's record that lies in a file of this name, and its exit code."""
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path))
    (tmp_path / "records").mkdir()

    def told(record, name="learning_rate"):
        (tmp_path / "records" / f"{name}.json").write_text(json.dumps(record))
        code = main(["results", name])
        said = capsys.readouterr()
        return code, said.out + said.err

    return told


def own_run(rate, **more):
    """A run of notebook 11 on a seed that the reference does not have."""
    record = load_record("learning_rate")
    run = next(run for run in record["runs"] if run["status"] == "finished")
    return {**run, "seed": 100, "changes": {"max_lr": rate}, **more}


@pytest.mark.parametrize("name", ["learning_rate", "learning_rate-2"])  # the second: of an experiment begun anew
def test_a_readers_runs_are_compared_with_the_reference(tell, name):
    code, said = tell({**load_record("learning_rate"), "runs": [own_run(0.8, final={"val_accuracy": 0.2})]}, name)
    assert code == 0 and "seed 100: 20.0 %, outside of" in said


def test_a_rate_of_the_readers_own_costs_no_other_comparison(tell):
    """The reference never trained at 0.3, and always diverged at 25.6."""
    runs = [own_run(0.3), own_run(25.6), own_run(0.8), own_run(0.3, status="diverged: loss is nan", final={})]
    code, said = tell({**load_record("learning_rate"), "runs": runs})
    compared = [line for line in said.splitlines() if line.startswith("seed 100")]
    assert code == 0 and len(compared) == 4
    assert all("no finished run of this setting" in line for line in compared[:2])
    assert re.search("(compatible with|outside of) ", compared[2]) and "no number to compare" in compared[3]


@pytest.mark.parametrize("change, named", [
    ({"data": {"name": "shapes10", "real": False, "train_images": 540, "val_images": 60}}, "data is .*shapes10"),
    ({"config": {**load_record("learning_rate")["config"], "batch_size": 77}}, "batch_size is .*77"),
], ids=["stand-in", "batch_size"])
def test_what_measures_another_thing_is_not_compared(tell, change, named):
    code, said = tell({**load_record("learning_rate"), "runs": [own_run(0.8)], **change})
    assert code == 0 and "compatible" not in said and "outside" not in said
    assert re.search(f"not compared with the reference: .*{named}", said)


def test_kept_memory_changes_no_result_and_hinders_no_comparison(tell):
    """The reference runs are from before memory was kept."""
    record = load_record("custom_resnet")
    assert record["config"]["keep_memory"] is False
    own = {**record, "config": {**record["config"], "keep_memory": True}, "runs": [{**record["runs"][0], "seed": 100}]}
    code, said = tell(own, "custom_resnet")
    assert code == 0 and "seed 100: " in said and "not compared" not in said
