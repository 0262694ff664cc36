"""`sweep` trains what no record has yet, and nothing twice; what goes wrong in a run is a row of the record."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.data.loader import make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.experiments import cost, grid, records, sweep, sweeps
from helpers.paths import ROOT
from helpers.training.config import RECIPE_VERSION, TrainConfig
from helpers.training.fit import History, evaluate, fit

CPU = torch.device("cpu")
TRAIN, VAL = make_stand_in("train", 160), make_stand_in("test", 60)
CONFIG = TrainConfig(num_epochs=1, batch_size=40, micro_batch_size=40, max_lr=0.05, precision="float32",
                     augment="none", channels_last=False)
WILD = {"max_lr": 1e38, "scheduler": "constant", "num_epochs": 3}


def small_net(num_classes=10, **_):
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
                         nn.Linear(128, num_classes))


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """What was trained, as (seed, max_lr) pairs, with small networks and records under `tmp_path`."""
    seen = []

    def counted(model, data, config, **options):
        seen.append((config.seed, config.max_lr))
        return fit(model, data, config, **options)

    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path))
    monkeypatch.setattr(sweeps, "make_model", lambda name, **options: small_net(**options))
    monkeypatch.setattr(sweeps, "get_device", lambda: CPU)
    monkeypatch.setattr(sweeps, "fit", counted)
    return seen


def compare(name, train, val, config, changes, seeds=(0,)):
    """A sweep in this process, where `trained` can count."""
    return sweep(name, train, val, config, changes, seeds, workers=1, progress=False)


def on_disk(tmp_path, name="lr-stand-in"):
    return json.loads((tmp_path / "records" / f"{name}.json").read_text())


def plainly(record):
    """A record as it is read back, without the time that it was begun."""
    return {key: value for key, value in json.loads(json.dumps(record)).items() if key != "created"}


def test_each_change_is_trained_with_each_seed_once(trained, tmp_path):
    changes = [{}, {"max_lr": 0.2}]
    first = compare("lr", TRAIN, VAL, CONFIG, changes, seeds=(0, 1))
    assert trained == [(0, 0.05), (0, 0.2), (1, 0.05), (1, 0.2)]  # a seed is complete before the next begins
    assert [(run["seed"], run["changes"]) for run in first["runs"]] == [(0, {}), (0, changes[1]), (1, {}),
                                                                       (1, changes[1])]
    again = compare("lr", TRAIN, VAL, CONFIG, changes, seeds=(0, 1))
    assert len(trained) == 4 and plainly(again) == plainly(first) == plainly(on_disk(tmp_path))
    more = compare("lr", TRAIN, VAL, CONFIG, [*changes, {"momentum": 0.5}], seeds=(0, 1, 2))
    assert trained[4:] == [(0, 0.05), (1, 0.05), (2, 0.05), (2, 0.2), (2, 0.05)]
    assert len(more["runs"]) == len(on_disk(tmp_path)["runs"]) == 9
    one = compare("lr", TRAIN, VAL, CONFIG, [{}], seeds=(2,))
    assert [(run["seed"], run["changes"]) for run in one["runs"]] == [(2, {})] and len(trained) == 9


def test_a_run_is_what_one_would_train_by_hand(trained):
    change = {"max_lr": 0.1, "train_images": 80, "num_epochs": 2, "image_sizes": ((0, 24), (1, 32))}
    run = compare("hand", TRAIN, VAL, CONFIG, [change], seeds=(3,))["runs"][0]
    few, config = TRAIN.first(80), replace(CONFIG, **change, seed=3)
    torch.manual_seed(3)
    model = small_net()
    loaders = make_loaders(few, VAL, config, CPU)
    history = fit(model, (loaders.train, None), config, device=CPU, progress=False)
    val = evaluate(model, loaders.val, precision="float32")  # as it was trained
    mean, std = (s.view(3, 1, 1) for s in loaders.train.statistics)
    plain = few.first(60)  # as many as there are validation images, un-augmented
    with torch.no_grad():
        answers = model((plain.images / 255 - mean) / std).argmax(1)
    assert run["status"] == "finished" and run["seed"] == 3 and run["changes"]["image_sizes"] == [[0, 24], [1, 32]]
    assert run["final"]["val_accuracy"] == pytest.approx(val["accuracy"])
    assert run["final"]["val_loss"] == pytest.approx(val["loss"], rel=1e-5)
    assert run["final"]["train_accuracy"] == pytest.approx((answers == plain.labels).float().mean().item(), abs=0.04)
    assert [row["train_loss"] for row in run["history"]] == pytest.approx(history.column("train_loss"), rel=1e-5)
    assert run["seconds"] == pytest.approx(sum(row["seconds"] for row in run["history"]))
    compare("hand", TRAIN, VAL, CONFIG, [change], seeds=(3,))
    assert len(trained) == 1  # a tuple that became a list in the file is the same change


def test_settings_of_one_name_have_a_file_each_and_nothing_is_lost(trained, tmp_path):
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    compare("lr", TRAIN, VAL, replace(CONFIG, momentum=0.8), [{}])
    fewer = TRAIN.subset(torch.arange(120))
    record = compare("lr", fewer, VAL, replace(CONFIG, momentum=0.8), [{}])
    assert len(trained) == 3 and record["data"]["train_images"] == 120 and len(record["runs"]) == 1
    assert on_disk(tmp_path)["config"]["momentum"] == CONFIG.momentum
    assert on_disk(tmp_path, "lr-stand-in-2")["config"]["momentum"] == 0.8
    assert on_disk(tmp_path, "lr-stand-in-3")["data"]["train_images"] == 120
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    assert len(trained) == 3  # back to the first settings: their runs are still there


def test_stand_in_data_never_take_the_name_of_the_record_on_cifar(trained, tmp_path):
    """Whatever came first: a student hands in the file with the plain name."""
    real = replace(TRAIN, name="cifar10", real=True)
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    compare("lr", real, VAL, CONFIG, [{}])
    assert on_disk(tmp_path, "lr")["data"]["real"] is True
    assert on_disk(tmp_path, "lr-stand-in")["data"]["real"] is False
    compare("lr", real, VAL, replace(CONFIG, momentum=0.8), [{}])
    assert on_disk(tmp_path, "lr-2")["config"]["momentum"] == 0.8
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    assert len(trained) == 3 and len(list((tmp_path / "records").iterdir())) == 3


OTHERS = {"dataset": "cifar100", "model": "resnet18", "optimizer": "adam", "scheduler": "constant",
          "image_sizes": ((0, 24),), "mix": "mixup", "augment": "flip", "precision": "bf16"}


def other_value(field):
    """A value that the field may have, and does not have in `CONFIG`."""
    now = getattr(CONFIG, field.name)
    if field.name in OTHERS:
        return OTHERS[field.name]
    return not now if isinstance(now, bool) else now / 2 if isinstance(now, float) and now else now + 1


@pytest.mark.parametrize("field", [field for field in fields(TrainConfig) if field.name not in ("seed", "clip_norm",
                         "clip_value")], ids=lambda field: field.name)
def test_a_change_of_any_field_misses_the_cache(trained, monkeypatch, field):
    trained_configs = []

    def untrained(model, data, config, **options):
        trained_configs.append(config)
        return History(epochs=[{"epoch": 1, "seconds": 0.0}])

    monkeypatch.setattr(sweeps, "fit", untrained)
    other = replace(CONFIG, **{field.name: other_value(field)})
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    compare("lr", TRAIN, VAL, other, [{}])
    compare("lr", TRAIN, VAL, CONFIG, [{field.name: other_value(field)}])
    assert trained_configs == [CONFIG, other, other]
    compare("lr", TRAIN, VAL, other, [{}])
    assert len(trained_configs) == 3


@pytest.mark.parametrize("change", [{"max_lr": 0.2}, {"momentum": 0.5}])
def test_a_run_of_the_committed_record_is_not_repeated(trained, tmp_path, monkeypatch, change):
    committed = compare("lr", TRAIN, VAL, CONFIG, [{}, change], seeds=(0, 1))
    (tmp_path / "records" / "lr-stand-in.json").rename(tmp_path / "records" / "lr.json")
    monkeypatch.setattr(sweeps, "RECORDS", tmp_path / "records")
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path / "reader"))
    record = compare("lr", TRAIN, VAL, CONFIG, [{}, change], seeds=(1, 7))
    assert len(trained) == 4 + 2
    assert [run["seed"] for run in on_disk(tmp_path / "reader")["runs"]] == [7, 7]
    assert record["runs"][:2] == plainly(committed)["runs"][2:]


def test_each_run_says_how_it_was_made(trained):
    run = compare("lr", TRAIN, VAL, CONFIG, [{}])["runs"][0]
    assert run["device"].startswith("CPU") and run["versions"]["torch"] == torch.__version__.split("+")[0] or (
        run["versions"]["torch"] == torch.__version__)
    assert run["precision"] == "float32" and run["recipe_version"] == RECIPE_VERSION


@pytest.mark.parametrize("version", [None, RECIPE_VERSION - 1])
def test_runs_of_another_recipe_version_are_trained_again(trained, tmp_path, version):
    record = json.loads(json.dumps(compare("lr", TRAIN, VAL, CONFIG, [{}])))
    record["runs"][0].pop("recipe_version")
    if version:
        record["runs"][0]["recipe_version"] = version
    (tmp_path / "records" / "lr-stand-in.json").write_text(json.dumps(record))
    assert len(compare("lr", TRAIN, VAL, CONFIG, [{}])["runs"]) == 1 and len(trained) == 2


def test_records_of_two_experiments_do_not_mix(trained, tmp_path):
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    compare("other", TRAIN, VAL, CONFIG, [{}])
    assert len(trained) == 2 and on_disk(tmp_path, "other-stand-in")["experiment"] == "other"
    assert not list(records.RECORDS.glob("other.json"))  # the committed ones are left alone


def test_a_diverged_run_stays_marked(trained, tmp_path):
    for _ in range(2):
        record = compare("wild", TRAIN, VAL, CONFIG, [WILD, {}])
        wild, tame = record["runs"]
        assert wild["status"].startswith("diverged: loss is") and wild["final"] == {} and wild["history"] == []
        assert tame["status"] == "finished" and np.isfinite(tame["final"]["val_loss"])
    assert len(trained) == 2 and on_disk(tmp_path, "wild-stand-in")["runs"][0]["status"].startswith("diverged")


def test_after_ctrl_c_the_finished_runs_are_kept(trained, tmp_path, monkeypatch):
    counted = sweeps.fit

    def stopped(model, data, config, **options):
        if config.seed == 1:
            return History(stopped="interrupted in epoch 1 of 1")
        return counted(model, data, config, **options)

    monkeypatch.setattr(sweeps, "fit", stopped)
    with pytest.raises(KeyboardInterrupt, match="interrupted in epoch 1"):
        compare("cut", TRAIN, VAL, CONFIG, [{}], seeds=(0, 1, 2))
    assert [run["seed"] for run in on_disk(tmp_path, "cut-stand-in")["runs"]] == [0]
    monkeypatch.setattr(sweeps, "fit", counted)
    record = compare("cut", TRAIN, VAL, CONFIG, [{}], seeds=(0, 1, 2))
    assert [run["seed"] for run in record["runs"]] == [0, 1, 2] and len(trained) == 3


def test_changes_that_name_nothing_are_refused_before_the_first_run(trained):
    for change, said in [({"max_rate": 0.1}, "a change names 'max_rate'.*max_lr"), ({"seed": 1}, "seeds as `seeds`"),
                         ({"augment": "crops"}, "unknown augment 'crops'"), ({"model": "x"}, "unknown model 'x'"),
                         ({"max_lr": -1.0}, "max_lr=-1.0")]:
        with pytest.raises(ValueError, match=said):
            compare("lr", TRAIN, VAL, CONFIG, [{}, change])
    assert not trained


def test_a_failed_run_is_a_row_that_says_so_and_is_tried_again(trained, monkeypatch):
    counted = sweeps.fit

    def breaks(model, data, config, **options):
        if config.seed == 1:
            raise RuntimeError("out of memory")
        return counted(model, data, config, **options)

    monkeypatch.setattr(sweeps, "fit", breaks)
    record = compare("lr", TRAIN, VAL, CONFIG, [{}], seeds=(0, 1, 2))
    expected = ["finished", "failed: RuntimeError: out of memory", "finished"]
    assert [run["status"] for run in record["runs"]] == expected == records.table(record)["status"].tolist()
    assert records.table(record)["val_accuracy"].isna().tolist() == [False, True, False]
    monkeypatch.setattr(sweeps, "fit", counted)
    again = compare("lr", TRAIN, VAL, CONFIG, [{}], seeds=(0, 1, 2))
    assert [run["status"] for run in again["runs"]] == ["finished"] * 3 and len(trained) == 3


def test_runs_that_another_process_wrote_meanwhile_stay(trained, tmp_path):
    begun = compare("lr", TRAIN, VAL, CONFIG, [{}]) | {"runs": []}
    path = tmp_path / "records" / "lr-stand-in.json"
    theirs = {**on_disk(tmp_path)["runs"][0], "seed": 5}
    sweeps.add_run(path, begun, theirs)
    assert [run["seed"] for run in on_disk(tmp_path)["runs"]] == [0, 5]


def test_grid_has_every_combination_once():
    assert grid(max_lr=[0.1, 0.4], batch_size=[32, 64]) == [
        {"max_lr": 0.1, "batch_size": 32}, {"max_lr": 0.1, "batch_size": 64},
        {"max_lr": 0.4, "batch_size": 32}, {"max_lr": 0.4, "batch_size": 64}]
    assert grid() == [{}] and grid(max_lr=[]) == []


def test_the_bar_says_what_a_sweep_will_cost(trained, monkeypatch, capsys):
    monkeypatch.setattr(cost, "seconds_per_megapixel", lambda config, train: 600.0)
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    sweep("lr", TRAIN, VAL, CONFIG, [{}, {"max_lr": 0.1}, {"num_epochs": 2}], workers=1)
    # 160 images of 32 × 32 pixels, for one epoch and for two: 0.49 million pixels of ten minutes each
    assert "2 runs, about 5 min here, 1 already there" in capsys.readouterr().err


def test_a_change_that_fails_is_a_row_with_a_bar_and_without(trained, monkeypatch, capsys):
    """Muon asks for groups of parameters, which this network has not; the other run's cost is told all the same."""
    monkeypatch.setattr(cost, "make_model", lambda name, **options: small_net(**options))
    monkeypatch.setattr(cost, "get_device", lambda: CPU)
    monkeypatch.setattr(cost, "_pace", lambda engine, images, labels: 600.0)
    statuses = {}
    for progress in (True, False):
        record = sweep(f"bar_{progress}", TRAIN, VAL, CONFIG, [{"optimizer": "muon"}, {}], workers=1, progress=progress)
        statuses[progress] = [run["status"] for run in record["runs"]]
    assert statuses[True] == statuses[False]
    assert statuses[True][0].startswith("failed: ValueError: ") and statuses[True][1] == "finished"
    # 160 images of 32 × 32 pixels: 0.16 million pixels of ten minutes each
    assert "2 runs, about 2 min here, 0 already there" in capsys.readouterr().err


def test_a_longer_run_costs_more_and_a_smaller_picture_less():
    assert cost.megapixels(CONFIG, TRAIN) == pytest.approx(160 * 32 * 32 / 1e6)
    growing = replace(CONFIG, num_epochs=4, image_sizes=((0, 16), (3, 32)))
    assert cost.megapixels(growing, TRAIN) == pytest.approx(160 * (3 * 16**2 + 32**2) / 1e6)


def test_the_curve_is_of_the_first_validation_images_in_the_size_of_the_epoch(trained, monkeypatch):
    monkeypatch.setattr(sweeps, "CURVE_IMAGES", 20)
    seen = []

    def looked_at(model, data, config, **options):
        for epoch in range(2):
            data[1].set_epoch(epoch)
            seen.append(next(iter(data[1]))[0].shape)
        return fit(model, data, config, **options)

    monkeypatch.setattr(sweeps, "fit", looked_at)
    run = compare("lr", TRAIN, VAL, replace(CONFIG, image_sizes=((0, 16), (1, 24)), num_epochs=2), [{}])["runs"][0]
    assert seen == [(20, 3, 16, 16), (20, 3, 24, 24)] and len(run["history"]) == 2
    accuracies = 20 * np.array([row["val_accuracy"] for row in run["history"]])
    assert accuracies == pytest.approx(accuracies.round(), abs=1e-5)


SWEEP = """
import sys, torch
from helpers.data import make_stand_in
from helpers.experiments import grid, sweep
from helpers.training import TrainConfig
torch.set_num_threads(1)
config = TrainConfig(model="custom_resnet_16", num_epochs=1, batch_size=50, micro_batch_size=50, precision="float32",
                     image_sizes=((0, 16),))
train, val = make_stand_in("train", 400), make_stand_in("test", 100)
if __name__ == "__main__":
    sweep("kill", train, val, config, grid(max_lr=[0.1, 0.2]), seeds=range(int(sys.argv[2])), workers=int(sys.argv[1]))
"""


def start_sweep(tmp_path, workers, seeds=2, code=SWEEP, folder="runs", **more):
    script = tmp_path / "my sweep.py"
    script.write_text(code)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path[1:]]),
                                "CIFAR_RUNS": str(tmp_path / folder), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, script, str(workers), str(seeds)], env=environment,
                            stderr=subprocess.PIPE, text=True, start_new_session=True, **more)


def runs_of(tmp_path, folder="runs", name="kill-stand-in"):
    path = tmp_path / folder / "records" / f"{name}.json"
    return json.loads(path.read_text())["runs"] if path.exists() else []


def without_time(runs):
    """Runs as they would be on another clock, in the order of their keys."""
    found = [{**run, "seconds": 0, "history": [{**row, "seconds": 0} for row in run["history"]]} for run in runs]
    return sorted(found, key=records.run_key)


def test_after_a_kill_the_sweep_goes_on_where_it_stopped_and_two_workers_find_the_same(tmp_path):
    begun = start_sweep(tmp_path, 1, seeds=3)
    while not runs_of(tmp_path) and begun.poll() is None:
        time.sleep(0.02)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.communicate()
    before = runs_of(tmp_path)
    assert 1 <= len(before) < 6
    said = start_sweep(tmp_path, 2, seeds=3).communicate(timeout=120)[1]
    assert f"{6 - len(before)} runs, about" in said and f"{len(before)} already there" in said
    after = runs_of(tmp_path)
    assert len(after) == 6 and after[:len(before)] == before
    serial = start_sweep(tmp_path, 1, seeds=3, folder="serial")
    serial.communicate(timeout=120)
    assert without_time(after) == without_time(runs_of(tmp_path, "serial"))


def test_a_worker_that_is_killed_costs_its_runs_only_and_the_error_says_how_to_go_on(tmp_path):
    begun = start_sweep(tmp_path, 2, seeds=3)
    while not runs_of(tmp_path) and begun.poll() is None:
        time.sleep(0.02)
    found = subprocess.run(["pgrep", "-P", str(begun.pid), "-f", "popen_loky"], capture_output=True, text=True)
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    said = begun.communicate(timeout=120)[1]
    assert begun.returncode == 1 and "RuntimeError: a process that trained was ended" in said
    before = runs_of(tmp_path)
    assert 1 <= len(before) < 6
    start_sweep(tmp_path, 2, seeds=3).communicate(timeout=120)
    after = runs_of(tmp_path)
    assert len(after) == 6 and after[:len(before)] == before


ON_DASK = SWEEP.replace("workers=int(sys.argv[1])", "progress=False").replace('if __name__ == "__main__":', """
import joblib, os, signal, threading, time, pathlib
from dask.distributed import Client, LocalCluster

def kill_a_worker(cluster):
    record = pathlib.Path(os.environ["CIFAR_RUNS"], "records", "kill-stand-in.json")
    while not record.exists():
        time.sleep(0.02)
    os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    print("killed", file=sys.stderr, flush=True)

if __name__ == "__main__":
  with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
   threading.Thread(target=kill_a_worker, args=[cluster], daemon=True).start()
   with joblib.parallel_config("dask"):""")


@pytest.mark.slow
def test_a_cluster_of_dask_that_loses_a_worker_finds_the_same(tmp_path):
    pytest.importorskip("dask.distributed", reason="needs Dask: pip install distributed")
    said = start_sweep(tmp_path, 0, seeds=5, code=ON_DASK).communicate(timeout=300)[1]
    assert "killed" in said
    start_sweep(tmp_path, 1, seeds=5, folder="serial").communicate(timeout=300)
    found = runs_of(tmp_path)
    assert len(found) == 10 and {run["status"] for run in found} == {"finished"}
    assert without_time(found) == without_time(runs_of(tmp_path, "serial"))
