"""`compare` trains what is not yet in the reader's record, and nothing twice."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.data.loader import make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.experiments import records, sweep
from helpers.experiments.sweep import compare
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
    monkeypatch.setattr(sweep, "make_model", lambda name, **options: small_net(**options))
    monkeypatch.setattr(sweep, "get_device", lambda: CPU)
    monkeypatch.setattr(sweep, "fit", counted)
    return seen


def on_disk(tmp_path, name="lr"):
    return json.loads((tmp_path / "records" / f"{name}.json").read_text())


def plainly(record):
    """A record as it is read back, without the time that it was begun."""
    return {key: value for key, value in json.loads(json.dumps(record)).items() if key != "created"}


def test_each_change_is_trained_with_each_seed_once(trained, tmp_path):
    changes = [{}, {"max_lr": 0.2}]
    first = compare("lr", TRAIN, VAL, CONFIG, changes, seeds=(0, 1))
    assert trained == [(0, 0.05), (1, 0.05), (0, 0.2), (1, 0.2)]
    assert [(run["seed"], run["changes"]) for run in first["runs"]] == [(0, {}), (1, {}), (0, changes[1]),
                                                                       (1, changes[1])]
    again = compare("lr", TRAIN, VAL, CONFIG, changes, seeds=(0, 1))
    assert len(trained) == 4 and plainly(again) == plainly(first) == plainly(on_disk(tmp_path))
    more = compare("lr", TRAIN, VAL, CONFIG, [*changes, {"momentum": 0.5}], seeds=(0, 1, 2))
    assert trained[4:] == [(2, 0.05), (2, 0.2), (0, 0.05), (1, 0.05), (2, 0.05)]
    assert plainly(more)["runs"][:4] == plainly(first)["runs"] and len(on_disk(tmp_path)["runs"]) == 9


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


def test_another_configuration_or_other_data_start_anew(trained, tmp_path):
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    compare("lr", TRAIN, VAL, replace(CONFIG, momentum=0.8), [{}])
    assert len(trained) == 2 and on_disk(tmp_path)["config"]["momentum"] == 0.8
    fewer = TRAIN.subset(torch.arange(120))
    record = compare("lr", fewer, VAL, replace(CONFIG, momentum=0.8), [{}])
    assert len(trained) == 3 and record["data"]["train_images"] == 120 and len(record["runs"]) == 1


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
    (tmp_path / "records" / "lr.json").write_text(json.dumps(record))
    assert len(compare("lr", TRAIN, VAL, CONFIG, [{}])["runs"]) == 1 and len(trained) == 2


def test_records_of_two_experiments_do_not_mix(trained, tmp_path):
    compare("lr", TRAIN, VAL, CONFIG, [{}])
    compare("other", TRAIN, VAL, CONFIG, [{}])
    assert len(trained) == 2 and on_disk(tmp_path, "other")["experiment"] == "other"
    assert not list(records.RECORDS.glob("other.json"))  # the committed ones are left alone


def test_a_diverged_run_stays_marked(trained, tmp_path):
    for _ in range(2):
        record = compare("wild", TRAIN, VAL, CONFIG, [WILD, {}])
        wild, tame = record["runs"]
        assert wild["status"].startswith("diverged: loss is") and wild["final"] == {} and wild["history"] == []
        assert tame["status"] == "finished" and np.isfinite(tame["final"]["val_loss"])
    assert len(trained) == 2 and on_disk(tmp_path, "wild")["runs"][0]["status"].startswith("diverged")


def test_after_ctrl_c_the_finished_runs_are_kept(trained, tmp_path, monkeypatch):
    counted = sweep.fit

    def stopped(model, data, config, **options):
        if config.seed == 1:
            return History(stopped="interrupted in epoch 1 of 1")
        return counted(model, data, config, **options)

    monkeypatch.setattr(sweep, "fit", stopped)
    with pytest.raises(KeyboardInterrupt, match="interrupted in epoch 1"):
        compare("cut", TRAIN, VAL, CONFIG, [{}], seeds=(0, 1, 2))
    assert [run["seed"] for run in on_disk(tmp_path, "cut")["runs"]] == [0]
    monkeypatch.setattr(sweep, "fit", counted)
    record = compare("cut", TRAIN, VAL, CONFIG, [{}], seeds=(0, 1, 2))
    assert [run["seed"] for run in record["runs"]] == [0, 1, 2] and len(trained) == 3
