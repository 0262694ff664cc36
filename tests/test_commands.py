"""Script mode: every field is an option, every recipe trains, and errors are what users of the command line expect."""

import csv
import importlib
import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
import torch

from helpers.cli import commands
from helpers.cli.options import main, make_parser
from helpers.data.cifar import load_cifar
from helpers.data.image_set import split_train_val
from helpers.data.stand_in import make_stand_in
from helpers.experiments.load import load_model
from helpers.experiments.run_folder import RunFolder
from helpers.models.depthwise import DepthwiseDilatedNet
from helpers.training.checkpoints import load_checkpoint
from helpers.training.config import TrainConfig
from helpers.training.fit import evaluate
from helpers.training.presets import PRESETS
from helpers.training.range_test import RangeTest, lr_range_test

ROOT = Path(__file__).parent.parent
TINY = ["--train-images", "100", "--batch-size", "32", "--micro-batch-size", "32", "--image-sizes", "0:8",
        "--precision", "float32"]
NET = ["--model", "depthwise_dilated", *TINY]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of one run of three epochs, trained from the command line."""
    folder = tmp_path_factory.mktemp("trained") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIFAR_PROFILE", "smoke")
        patch.setenv("CIFAR_RUNS", str(folder))
        assert main(["train", "--experiment", "mine", "--num-epochs", "3", *NET]) == 0
    return folder


def only(folder, pattern):
    found = list(folder.glob(pattern))
    assert len(found) == 1, found
    return found[0]


def flat(model_state):
    return torch.cat([t.double().flatten() for t in model_state.values()])


# --- options ----------------------------------------------------------------------------------------------------

OTHER = {"dataset": "cifar100", "model": "se_resnet", "optimizer": "adam", "scheduler": "cosine", "mix": "cutmix",
         "augment": "none", "precision": "float32", "image_sizes": ((0, 24), (16, 32))}


def other(field):
    """A value that differs from the default, and how it is written on the command line."""
    name = f"--{field.name.replace('_', '-')}"
    if field.type == "bool":
        return not field.default, [name if not field.default else name.replace("--", "--no-")]
    if field.name == "image_sizes":
        return OTHER[field.name], [name, "0:24,16:32"]
    value = OTHER.get(field.name) or {"int": int, "float": float}[field.type](field.default / 2 + 0.25 + (
        3 if field.type == "int" else 0))
    return value, [name, str(value)]


@pytest.mark.parametrize("field", fields(TrainConfig), ids=lambda field: field.name)
@pytest.mark.parametrize("command", ["train", "lr-range-test"])
def test_every_field_is_an_option(field, command):
    value, words = other(field)
    assert value != field.default
    assert commands.read_config(make_parser().parse_args([command, *words])) == replace(
        TrainConfig(), **{field.name: value})


@pytest.mark.parametrize("name", PRESETS)
def test_options_change_only_what_they_name(name):
    arguments = make_parser().parse_args(["train", "--preset", name, "--epochs", "7", "--seed", "3"])
    assert commands.read_config(arguments) == replace(PRESETS[name], num_epochs=7, seed=3)


def test_help_names_every_field_with_its_meaning(capsys):
    with pytest.raises(SystemExit) as left:
        main(["train", "--help"])
    text = "".join(capsys.readouterr().out.split())
    assert left.value.code == 0
    for field in fields(TrainConfig):
        meaning = field.metadata["meaning"]
        assert f"--{field.name.replace('_', '-')}" in text
        written, see, table = meaning.partition("see ")
        assert written.rstrip(" ,").replace(" ", "") in text
        assert f"default:{field.default}" in text
        if see:
            known = getattr(importlib.import_module(f"helpers.{table.split('.')[0]}"), table.split(".")[1])
            assert "oneof" + ",".join(known) in text, field.name
    assert "'cifar10'or'cifar100'" in text and "as0:24,16:32" in text and all(name in text for name in PRESETS)


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in ("train", "evaluate", "predict", "lr-range-test", "results", "bench"))


# --- train ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_trains(runs, capsys, name):
    size = 16 if PRESETS[name].model.startswith("whitened") else 8  # it halves the map three times
    assert main(["train", "--preset", name, "--num-epochs", "1", *TINY, "--image-sizes", f"0:{size}"]) == 0
    folder = only(runs, f"{name}/*")
    state, said = load_checkpoint(folder / "checkpoints" / "last.pt"), capsys.readouterr().out.splitlines()
    assert state["config"] == asdict(replace(
        PRESETS[name], num_epochs=1, train_images=100, batch_size=32, micro_batch_size=32, image_sizes=((0, size),),
        precision="float32"))
    assert json.loads((folder / "config.json").read_text())["model"] == PRESETS[name].model
    assert len(said) == 2 and said[0].startswith("stand-in data, not CIFAR, 100 images; ") and str(folder) in said[0]
    row = dict(zip(*[iter(said[1].split())] * 2, strict=True))
    assert {"epoch", "train_loss", "val_accuracy", "lr"} <= row.keys()
    assert float(row["val_accuracy"]) == pytest.approx(state["history"][-1]["val_accuracy"], rel=1e-3)
    assert 1.5 < state["history"][-1]["train_loss"] < 6 and load_model(folder / "checkpoints" / "last.pt").epoch == 1


def test_an_interrupted_run_goes_on(runs, trained, monkeypatch, capsys):
    words = ["train", "--experiment", "mine", "--num-epochs", "3", *NET]

    class Stops(RunFolder):
        def save(self, state):
            super().save(state)
            if len(state["history"]) == 2:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(commands, "RunFolder", Stops)
        assert main(words) == 130
    assert capsys.readouterr().err == "stopped: interrupted in epoch 3 of 3\n"
    last = only(runs, "mine/*/checkpoints/last.pt")
    assert len(load_checkpoint(last)["history"]) == 2
    for how in (["--resume"], ["--resume", str(last)]):  # the second finds nothing left to do
        assert main([*words, *how]) == 0
        resumed, whole = (load_checkpoint(only(folder, "mine/*/checkpoints/last.pt")) for folder in (runs, trained))
        assert [r["val_loss"] for r in resumed["history"]] == [r["val_loss"] for r in whole["history"]]
        assert torch.equal(flat(resumed["model"]), flat(whole["model"]))
    assert main(["train", "--experiment", "mine", "--num-epochs", "4", "--resume", *NET]) == 2
    assert re.search(r"^error: .*num_epochs: 3 there, 4 here", capsys.readouterr().err)


def test_the_best_epoch_can_be_resumed(trained, runs):
    first = only(trained, "mine/*/checkpoints/epoch_001*")
    copied = runs / "mine" / "20260101-000000" / "checkpoints" / first.name
    copied.parent.mkdir(parents=True)
    copied.write_bytes(first.read_bytes())
    assert main(["train", "--experiment", "mine", "--num-epochs", "3", "--resume", "best", *NET]) == 0
    resumed, whole = (load_checkpoint(only(folder, "mine/*/checkpoints/last.pt")) for folder in (runs, trained))
    assert len(resumed["history"]) == 3 and torch.equal(flat(resumed["model"]), flat(whole["model"]))


@pytest.mark.parametrize("words, named", [
    (["--resume", ""], "is a folder, not a checkpoint"), (["--resume", "nope.pt"], "No such file.*nope.pt"),
    (["--resume", "."], "is a folder, not a checkpoint"),
    (["--resume", "--all"], "other images .*all: False there, True here")])
def test_what_cannot_be_resumed_is_named(runs, trained, monkeypatch, capsys, words, named):
    monkeypatch.setenv("CIFAR_RUNS", str(trained))
    before = sorted(trained.rglob("*"))
    assert main(["train", "--experiment", "mine", "--num-epochs", "3", *NET, *words]) == 2
    assert re.search(named, capsys.readouterr().err) and sorted(trained.rglob("*")) == before


def test_a_folder_called_best_is_not_taken_for_the_best(trained, runs, tmp_path, monkeypatch):
    shutil.copytree(trained, runs)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best").mkdir()
    assert main(["train", "--experiment", "mine", "--num-epochs", "3", "--resume", "best", *NET]) == 0


def test_other_data_are_not_mixed_into_a_run(trained, runs, monkeypatch, capsys):
    monkeypatch.setenv("CIFAR_RUNS", str(trained))
    other = replace(make_stand_in("train", 600), name="cifar10", classes=tuple("abcdefghij"))
    monkeypatch.setattr(commands, "load_cifar", lambda *given: other)
    assert main(["train", "--experiment", "mine", "--num-epochs", "3", *NET, "--resume"]) == 2
    assert "data: 'shapes10' there, 'cifar10' here" in capsys.readouterr().err
    assert main(["evaluate", "--experiment", "mine"]) == 2
    assert re.search(r"knows the classes \('disk', .* not those of .*(CIFAR-|cifar)10", capsys.readouterr().err)


def test_images_too_small_for_the_network_are_bad_input(runs, capsys):
    assert main(["train", "--num-epochs", "1", *TINY, "--image-sizes", "0:4"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_all_images_and_the_test_set_once(runs, capsys):
    assert main(["train", "--all", "--num-epochs", "1", "--experiment", "all", *NET[:2], *TINY[2:],
                 "--train-images", "130"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3 and "130 images" in said[0] and "val_accuracy" not in said[1]
    numbers = dict(zip(*[iter(said[2].split(": ")[1].split())] * 2, strict=True))
    state = load_checkpoint(only(runs, "all/*/checkpoints/*.pt"))
    loss, accuracy, top5 = slow_measure(state, make_stand_in("test", 200))
    assert {k: float(v) for k, v in numbers.items()} == pytest.approx(
        {"loss": loss, "accuracy": accuracy, "top5_accuracy": top5}, abs=6e-3)
    for split, learned in (("val", True), ("test", False)):  # a validation accuracy it is not
        assert main(["evaluate", "--experiment", "all", "--which", "newest", "--split", split]) == 0
        assert ("it learned from these" in capsys.readouterr().out) == learned


def slow_measure(state, images):
    """Loss, accuracy and top-5 accuracy of a checkpoint's content, in float64."""
    logits = slow_logits(state, images.images)
    ranks = (logits > logits.gather(1, images.labels[:, None])).sum(1)
    loss = (logits.logsumexp(1) - logits.gather(1, images.labels[:, None])[:, 0]).mean()
    return float(loss), float((ranks == 0).double().mean()), float((ranks < 5).double().mean())


def slow_logits(state, images):
    model = DepthwiseDilatedNet(10).double().eval()
    model.load_state_dict(state["model"])
    mean, std = (torch.tensor(state["about"][name], dtype=torch.float64).view(3, 1, 1)
                 for name in ("channel_mean", "channel_std"))
    with torch.no_grad():
        return torch.cat([model((part.double() / 255 - mean) / std) for part in images.split(50)])


# --- evaluate, predict, lr-range-test ---------------------------------------------------------------------------

@pytest.fixture
def exact(monkeypatch, trained):
    """The run trained in float32, and its files."""
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    monkeypatch.setenv("CIFAR_RUNS", str(trained))
    return RunFolder(only(trained, "mine/*"))


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluate(exact, capsys, split):
    assert main(["evaluate", "--experiment", "mine", "--which", "newest", "--split", split]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"last.pt, epoch 3, on {split}: stand-in data, not CIFAR")
    images = load_cifar(split="test") if split == "test" else split_train_val(load_cifar())[1]
    loss, accuracy, top5 = slow_measure(load_checkpoint(exact.checkpoints / "last.pt"), images)
    read = {k: float(v) for k, v in zip(*[iter(second.split())] * 2, strict=True)}
    assert read == pytest.approx({"loss": loss, "accuracy": accuracy, "top5_accuracy": top5}, abs=2e-4)


def test_evaluate_takes_the_best_by_itself(exact, capsys):
    assert main(["evaluate", "--experiment", "mine"]) == 0
    name = capsys.readouterr().out.split(",")[0]
    assert name == exact.ranked()[0].name
    assert main(["evaluate", "--checkpoint", str(exact.ranked()[1])]) == 0
    assert capsys.readouterr().out.startswith(exact.ranked()[1].name)


@pytest.mark.parametrize("words, members", [([], 1), (["--top", "3"], 3), (["--flip"], 1)], ids=str)
def test_predict_a_hidden_file(exact, trained, tmp_path, capsys, words, members):
    hidden = make_stand_in("test", 60)
    ids = torch.randperm(1000, generator=torch.Generator().manual_seed(0))[:60].numpy()
    path = tmp_path / "hidden.pkl"
    path.write_bytes(pickle.dumps({b"data": hidden.images.permute(0, 2, 3, 1).reshape(60, 3072).numpy(), b"ids": ids}))
    assert main(["predict", str(path), "--experiment", "mine", *words]) == 0
    said = capsys.readouterr().out
    written = Path(said.splitlines()[-1].removeprefix("wrote "))
    views = [hidden.images, hidden.images.flip(3)] if "--flip" in words else [hidden.images]
    logits = torch.stack([slow_logits(load_checkpoint(p), v) for p in exact.ranked()[:members] for v in views]).mean(0)
    header, *rows = written.read_text().splitlines()
    assert header == "ID,Label"
    assert rows == [f"{i},{label}" for i, label in zip(ids.tolist(), logits.argmax(1).tolist(), strict=True)]
    assert f"60 images, {members} checkpoint(s)" in said
    assert f"id {ids[0]}: {hidden.classes[logits[0].argmax()]}" in said
    best = exact.ranked()[0]
    assert (written.parent / "model.pt").resolve() == best.resolve()
    val = re.search(r"val_(\d\.\d+)", best.name)[1]
    assert written.parent.name.startswith(f"mine_val_acc_{val}_") and written.parent.parent == trained / "evaluations"


def test_predictions_are_filed_under_the_experiment_of_their_checkpoint(exact, trained, tmp_path, capsys):
    path = tmp_path / "hidden.pkl"
    path.write_bytes(pickle.dumps({b"data": make_stand_in("test", 3).images.numpy(), b"ids": ["a,b", 'c"', "d"]}))
    assert main(["predict", str(path), "--checkpoint", str(exact.ranked()[1])]) == 0
    written = Path(capsys.readouterr().out.splitlines()[-1].removeprefix("wrote "))
    assert written.parent.name.startswith("mine_val_acc_")
    with open(written, newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["ID", "a,b", 'c"', "d"]


def test_lr_range_test_suggests_what_the_helper_does(runs, capsys):
    words = ["lr-range-test", "--steps", "60", *NET, "--train-images", "40", "--batch-size", "10"]
    words += ["--micro-batch-size", "10"]
    assert main(words) == 0
    said = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    config = commands.read_config(make_parser().parse_args(words))
    images = split_train_val(load_cifar())[0].first(40)
    torch.manual_seed(config.seed)
    batches = commands.make_loaders(images, None, replace(config, image_sizes=()), torch.device("cpu")).train
    expected = lr_range_test(DepthwiseDilatedNet(10), batches, config, num_steps=60).suggestions
    assert {name.strip(): float(lr) for name, lr in said.items()} == pytest.approx(expected, rel=0.01)


def test_lr_range_test_prepares_the_first_layer(runs, monkeypatch):
    """Whitened: over all patches, each of the twelve outputs has variance 1, and no two of them move together."""
    tested = {}

    def keep(model, batches, config, **options):
        tested.update(model=model, images=next(iter(batches))[0])
        return RangeTest([0.1, 1.0], [2.0, 1.0], {"steepest": 0.1}, "")

    monkeypatch.setattr(commands, "lr_range_test", keep)
    assert main(["lr-range-test", "--model", "whitened_net", *TINY, "--augment", "none"]) == 0
    with torch.no_grad():
        maps = torch.nn.functional.conv2d(tested["images"].float(), tested["model"].whiten.weight[:12])
    outputs = maps.transpose(0, 1).flatten(1).double()
    assert torch.allclose(outputs @ outputs.T / outputs.shape[1], torch.eye(12).double(), atol=0.4)


# --- errors and exit codes --------------------------------------------------------------------------------------

@pytest.mark.parametrize("words, named", [
    (["evaluate", "--experiment", "unheard-of"], "no best checkpoint of 'unheard-of'"),
    (["evaluate", "--experiment", ""], "experiment '' cannot name"),
    (["evaluate", "--experiment", "/"], "experiment '/' cannot name"),
    (["evaluate", "--experiment", ".."], "experiment '..' cannot name"),
    (["train", "--experiment", "../../escape", *NET], "experiment '../../escape' cannot name"),
    (["train", "--experiment", "", *NET], "experiment '' cannot name"),
    (["evaluate", "--checkpoint", "absent.pt"], "absent.pt"), (["predict", "absent.pkl"], "absent.pkl"),
    (["evaluate", "--checkpoint", ""], "is a folder"),
    (["lr-range-test", "--preset", "fast"], "'muon' has one learning rate per group"),
    (["evaluate", "--checkpoint", "."], "is a folder, not a checkpoint"),
    (["predict", str(ROOT / "Makefile")], "not a pickle"),
    (["bench", "--repeats", "0"], "repeats=0: at least 1"), (["bench", "--steps", "0"], "steps=0, .*at least 1"),
    (["train", "--resume", *NET], "no newest checkpoint of 'depthwise_dilated'"),
    (["train", "--resume", str(ROOT / "README.md"), *NET], "not a checkpoint"),
    (["train", "--num-epochs", "0", *NET], "num_epochs=0 must be greater than 0"),
    (["train", "--model", "resnet19", *TINY], "unknown model 'resnet19'"),
    (["train", *NET, "--train-images", "541"], "count=541: must be between 1 and 540"),
    (["train", *NET, "--optimizer", "lion"], "unknown optimizer 'lion': choose from .*sgd"),
    (["train", *NET, "--augment", "blur"], "'blur'"), (["train", *NET, "--mix", "blend"], "'blend'"),
    (["train", *NET, "--batch-size", "0"], "batch_size=0 must be greater than 0"),
    (["train", *NET, "--dataset", "cifar11"], "cifar11"),
    (["train", *NET, "--num-epochs", "1", "--pct-start", "0.25"], "leaves a warm-up of no length"),
    (["lr-range-test", "--steps", "3", *NET], "at least 20 steps")], ids=lambda v: " ".join(v[:5]) if v[2:] else None)
def test_bad_input_is_one_line_and_code_2(runs, capsys, words, named):
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ") and said.err.count("\n") == 1 and re.search(named, said.err)
    assert "Errno" not in said.err


@pytest.mark.parametrize("words", [["evaluate"], ["predict", "x.pkl"], ["lr-range-test"], ["reference"], ["bench"]],
                         ids=lambda words: words[0])
def test_what_would_run_once_per_process_refuses_torchrun(runs, monkeypatch, capsys, words):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(words) == 2
    assert re.search(f"^error: {words[0]} runs in one process.*without torchrun", capsys.readouterr().err)


@pytest.mark.parametrize("words", [["--model", "nope"], ["--augment", "nope"], ["--mix", "nope"]], ids=" ".join)
def test_an_unknown_name_leaves_no_run_folder(runs, words):
    assert main(["train", *NET, *words]) == 2
    assert not list(runs.rglob("*"))


def test_a_checkpoint_without_a_usable_configuration_is_named(trained, runs, tmp_path, capsys):
    content = load_checkpoint(only(trained, "mine/*/checkpoints/last.pt"))
    for config, named in ((None, "holds no configuration"), ({"warp": 9}, "another version of TrainConfig .*warp")):
        torch.save({**content, "config": config}, tmp_path / "odd.pt")
        assert main(["train", "--experiment", "mine", "--resume", str(tmp_path / "odd.pt")]) == 2
        assert re.search(f"^error: .*odd.pt .*{named}", capsys.readouterr().err)
    assert main(["evaluate", "--checkpoint", str(tmp_path / "odd.pt")]) == 2
    assert re.search("^error: .*odd.pt .*another version of TrainConfig .*warp", capsys.readouterr().err)


def test_a_batch_that_leaves_a_process_idle_is_bad_input(runs, monkeypatch, capsys):
    monkeypatch.setattr(commands.distributed, "world_size", lambda: 3)
    assert main(["train", "--num-epochs", "1", *NET, "--batch-size", "64"]) == 2
    assert "error: batch_size=64 is less than 3 processes" in capsys.readouterr().err
    assert not runs.exists()


def test_a_resumed_run_needs_no_options(trained, runs, capsys):
    shutil.copytree(trained, runs)
    assert main(["train", "--experiment", "mine", "--resume"]) == 0
    assert "continuing" in capsys.readouterr().out


def test_a_resumed_run_keeps_its_options_and_takes_those_that_change_no_result(trained, runs, capsys):
    shutil.copytree(trained, runs)
    assert main(["train", "--experiment", "mine", "--resume", "--no-keep-memory"]) == 0
    assert main(["train", "--experiment", "mine", "--resume", "--max-lr", "0.1", "--no-keep-memory"]) == 2
    assert re.search(r"configuration \(max_lr: 0.4 there, 0.1 here\)", capsys.readouterr().err)
    assert main(["train", "--experiment", "mine", "--resume", "--preset", "s10", "--num-epochs", "3", *NET]) == 2
    assert "optimizer: 'sgd' there, 'adam' here" in capsys.readouterr().err


def test_a_damaged_checkpoint_costs_one_line(trained, runs):
    shutil.copytree(trained, runs)
    last = only(runs, "mine/*/checkpoints/last.pt")
    last.write_bytes(last.read_bytes()[:200])
    done = subprocess.run([sys.executable, "-m", "helpers", "evaluate", "--experiment", "mine", "--which", "newest"],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "epoch_003" in done.stdout
    assert re.fullmatch(r"warning: passed over: .*last.pt: not a checkpoint that can be read .*\n", done.stderr)


@pytest.mark.parametrize("found", [{}, {"steepest": 0.02}], ids=["none", "one"])
def test_lr_range_test_says_why_a_rule_is_missing(runs, monkeypatch, capsys, found):
    result = RangeTest([0.1, 1.0], [2.0, 1.0], found, "the curve is odd: raise max_lr")
    monkeypatch.setattr(commands, "lr_range_test", lambda *given, **options: result)
    assert main(["lr-range-test", *NET]) == (0 if found else 2)
    said = capsys.readouterr()
    if found:
        assert said.out.split("\n")[:2] == ["steepest       0.02", "no more than that: the curve is odd: raise max_lr"]
    else:
        assert said.out == ""
        assert said.err == "error: this curve suggests no learning rate: the curve is odd: raise max_lr\n"


def test_a_cycle_of_one_step_is_bad_input(runs, capsys):
    assert main(["train", "--num-epochs", "1", *NET, "--batch-size", "128"]) == 2
    assert re.search("one_cycle.*more than one step.*lower batch_size", capsys.readouterr().err)
    assert main(["train", "--num-epochs", "1", *NET, "--batch-size", "128", "--scheduler", "constant"]) == 0


def test_a_reader_that_has_enough_is_no_error():
    command = f"{shlex.quote(sys.executable)} -m helpers results | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "0\n" and done.stderr == ""


def test_no_command_hides_a_function_of_the_library():
    assert commands.evaluate is evaluate and commands.lr_range_test is lr_range_test


def test_a_place_that_cannot_be_written_to_is_bad_input(runs, capsys):
    runs.write_text("a file where the folder should be")
    assert main(["train", "--num-epochs", "1", *NET]) == 2
    assert re.fullmatch(r"error: Not a directory \(set CIFAR_RUNS to .*runs.*\n", capsys.readouterr().err)


@pytest.mark.parametrize("words, named", [
    (["train", "--preset", "s11"], "s10.*se-resnet"), (["train", "--max-lr", "high"], "invalid float value: 'high'"),
    (["train", "--image-sizes", "0-16"], "--image-sizes: '0-16': .*as 0:24,16:32"),
    (["dance"], "lr-range-test"), ([], "required: command"),
    (["predict"], "required: file"), (["evaluate", "--split", "train"], "choose from .*val.*test")], ids=str)
def test_what_the_parser_refuses_has_code_2(capsys, words, named):
    with pytest.raises(SystemExit) as left:
        main(words)
    said = capsys.readouterr().err
    assert left.value.code == 2 and "usage: python -m helpers" in said
    assert re.search(named, said.splitlines()[-1])


def test_more_members_than_there_are(exact, tmp_path, capsys):
    path = tmp_path / "hidden.pkl"
    path.write_bytes(pickle.dumps({b"data": make_stand_in("test", 5).images.numpy()}))
    for count, named in (("4", "keeps 3 ranked checkpoints, 4 were asked for"), ("0", "at least 1")):
        assert main(["predict", str(path), "--experiment", "mine", "--top", count]) == 2
        assert re.search(f"^error: .*{named}.*\n$", capsys.readouterr().err)
    assert main(["predict", str(path), "--experiment", "mine"]) == 0  # ids count up where there are none
    written = Path(capsys.readouterr().out.splitlines()[-1].removeprefix("wrote "))
    assert [row.split(",")[0] for row in written.read_text().split()] == ["ID", "0", "1", "2", "3", "4"]


def test_quiet_when_piped_and_codes_reach_the_shell(tmp_path):
    def start(name, *words):
        environment = {**os.environ, "CIFAR_PROFILE": "smoke", "CIFAR_RUNS": str(tmp_path / name)}
        return subprocess.Popen([sys.executable, "-m", "helpers", "train", *NET, *words], cwd=ROOT, env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    good = start("good", "--num-epochs", "2")
    bad = start("bad", "--num-epochs", "2", "--scheduler", "constant", "--max-lr", "1e38")
    out, err = good.communicate()
    assert good.returncode == 0 and err == "" and len(out.splitlines()) == 2 and "\r" not in out
    out, err = bad.communicate()
    assert bad.returncode == 1 and re.fullmatch(r"diverged: loss is (nan|-?inf) at step \d+ .*\n", err)
    assert not (tmp_path / "bad").exists() or not list((tmp_path / "bad").rglob("*.pt"))
