"""Training against slow, plain versions of the same, and what must hold when a run is disturbed."""

import copy
import importlib
import math
import os
import platform
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from helpers import env
from helpers.data.image_set import channel_statistics
from helpers.data.loader import MemoryLoader, make_loaders, memory_format
from helpers.data.per_image import AlbumentationsDataset, make_albumentations
from helpers.data.stand_in import make_stand_in
from helpers.models.whitened import WhitenedNet
from helpers.training.checkpoints import load_checkpoint, save_checkpoint
from helpers.training.config import RECIPE_VERSION, TrainConfig
from helpers.training.engine import Engine
from helpers.training.fit import DivergedError, History, evaluate, fit

# Not by from … import: the folder hands out a function of that name.
fit_module = importlib.import_module("helpers.training.fit")
engine_module = importlib.import_module("helpers.training.engine")

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
DATA = make_stand_in("train", 130)
CONFIG = TrainConfig(num_epochs=3, batch_size=50, micro_batch_size=50, max_lr=0.05, precision="float32",
                     augment="none", channels_last=False)


def small_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
                         nn.Linear(128, 10))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def plain_tensors():
    batches = MemoryLoader(DATA, 50, statistics=channel_statistics(DATA.images))
    return tuple(map(torch.cat, zip(*batches, strict=True)))


# --- against a loop of one's own --------------------------------------------------------------------------------

@pytest.mark.parametrize("changes", [
    {}, {"optimizer": "adam", "max_lr": 0.003}, {"cycle_momentum": True, "final_div_factor": 1.0},
    {"clip_norm": 0.1}, {"scheduler": "constant", "weight_decay": 0.01}], ids=str)
def test_fit_is_the_loop_that_one_would_write(changes):
    config = replace(CONFIG, **changes)
    ours, theirs, loaders = small_net(), small_net(), make_loaders(DATA, None, config, CPU)
    history = fit(ours, loaders, config, progress=False)
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[config.optimizer](
        theirs.parameters(), lr=config.max_lr, weight_decay=config.weight_decay,
        **({"momentum": 0.9, "nesterov": True} if config.optimizer == "sgd" else {}))
    schedule = None if config.scheduler == "constant" else torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.max_lr, total_steps=9, pct_start=5 / 24, anneal_strategy="linear", div_factor=25,
        final_div_factor=config.final_div_factor, cycle_momentum=config.cycle_momentum)
    rates = []
    for epoch in range(3):
        loaders.train.set_epoch(epoch)
        rates.append(optimizer.param_groups[0]["lr"])
        for images, labels in loaders.train:
            optimizer.zero_grad()
            nn.functional.cross_entropy(theirs(images), labels, label_smoothing=0.1).backward()
            if config.clip_norm:
                nn.utils.clip_grad_norm_(theirs.parameters(), config.clip_norm)
            optimizer.step()
            if schedule:
                schedule.step()
    assert torch.allclose(weights(ours), weights(theirs), atol=1e-6)
    assert history.column("lr") == pytest.approx(rates)
    assert history.column("epoch") == [1, 2, 3] and min(history.column("seconds")) > 0


def test_micro_batches_of_any_size_give_the_same_step():
    results = []
    for size in (50, 17, 1):
        config, model = replace(CONFIG, num_epochs=1, micro_batch_size=size), small_net()
        last = fit(model, make_loaders(DATA, None, config, CPU), config, progress=False).last
        results.append((weights(model), last["train_loss"], last["train_accuracy"]))
    for result, loss, accuracy in results[1:]:
        assert torch.allclose(result, results[0][0], atol=1e-6)
        assert (loss, accuracy) == pytest.approx(results[0][1:], rel=1e-5)


def test_batches_of_unequal_size_count_by_sample():
    seen = []

    class Counted(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(10))

        def forward(self, x):
            seen.append(len(x))
            return 0 * self.bias + (torch.zeros(len(x), 10) if len(x) == 43 else torch.eye(10)[[3] * len(x)])

    config = replace(CONFIG, num_epochs=1, max_lr=1e-20, label_smoothing=0.0)
    loaders = make_loaders(DATA, None, config, CPU)
    row = fit(Counted(), loaders, config, progress=False).last
    assert seen == [44, 43, 43]
    loaders.train.set_epoch(0)
    labels = [y for _, y in loaders.train]
    total = sum(torch.tensor(10.0).log().item() * 43 for _ in range(2))
    total += sum(float(torch.logsumexp(torch.eye(10)[3], 0)) - (label == 3) for label in labels[0].tolist())
    right = sum(int((y == 0).sum()) for y in labels[1:]) + int((labels[0] == 3).sum())
    assert row["train_loss"] == pytest.approx(total / 130, rel=1e-5)
    assert row["train_accuracy"] == pytest.approx(right / 130)


def test_evaluate_does_not_depend_on_the_batches_and_survives_an_error():
    model, statistics = small_net().train(), channel_statistics(DATA.images)
    results = [evaluate(model, MemoryLoader(DATA, size, statistics=statistics), precision="float32")
               for size in (130, 50, 7)]
    for result in results[1:]:
        assert result == pytest.approx(results[0], rel=1e-5)

    def broken():
        yield DATA.images[:5].float(), DATA.labels[:5]
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        evaluate(model, broken())
    assert model.training


def test_evaluate_with_fewer_classes_than_five():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))
    result = evaluate(model, [(torch.randn(8, 3, 32, 32), torch.arange(8) % 3)], precision="float32")
    assert result["top5_accuracy"] == 1.0


# --- any loader -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [0, 1])
def test_plain_loaders_and_ours_train_the_same(workers):
    memory = MemoryLoader(DATA, 65, statistics=channel_statistics(DATA.images))
    plain = DataLoader(TensorDataset(*plain_tensors()), batch_size=65, num_workers=workers)
    one, two = small_net(), small_net()
    first = fit(one, (memory, memory), CONFIG, progress=False)
    second = fit(two, (plain, plain), CONFIG, progress=False)
    assert torch.allclose(weights(one), weights(two), atol=1e-6)
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        assert first.column(name) == pytest.approx(second.column(name), rel=1e-5)


def test_albumentations_through_a_plain_loader_trains():
    pipeline = make_albumentations("none", *channel_statistics(DATA.images))
    plain = DataLoader(AlbumentationsDataset(DATA, pipeline), batch_size=65)
    memory = MemoryLoader(DATA, 65, statistics=channel_statistics(DATA.images))
    one, two = small_net(), small_net()
    first = fit(one, (plain, None), CONFIG, progress=False)
    second = fit(two, (memory, None), CONFIG, progress=False)
    assert torch.allclose(weights(one), weights(two), atol=1e-4)
    assert first.last["train_loss"] == pytest.approx(second.last["train_loss"], rel=1e-3)
    assert "val_accuracy" not in first.last


def test_an_empty_loader_is_named():
    empty = DataLoader(TensorDataset(*plain_tensors()), batch_size=500, drop_last=True)
    with pytest.raises(ValueError, match="no batches to train on"):
        fit(small_net(), (empty, None), CONFIG, progress=False)


class UsedUp:
    """What says that it has three batches, and has none left."""

    def __len__(self):
        return 3

    def __iter__(self):
        return iter(())


@pytest.mark.parametrize("batches, named", [
    (UsedUp(), "they have a length and yield none"), ((pair for pair in ()), "of type generator have no length")])
def test_batches_that_cannot_be_counted_or_are_used_up_are_named(batches, named):
    with pytest.raises(ValueError, match=named):
        fit(small_net(), (batches, None), CONFIG, progress=False)


def test_an_epoch_has_the_quantities_that_its_docstring_lists():
    history = fit(small_net(), make_loaders(DATA, DATA, CONFIG, CPU), CONFIG, progress=False)
    assert set(history.last) == set(re.findall(r"``(\w+)``", History.__doc__))


# --- precision --------------------------------------------------------------------------------------------------

def test_bf16_trains_close_to_float32():
    losses = [fit(small_net(), make_loaders(DATA, None, CONFIG, CPU), replace(CONFIG, precision=precision),
                  progress=False).last["train_loss"] for precision in ("float32", "bf16")]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.parametrize("capability, chosen", [((7, 5), "fp16"), ((6, 1), "fp16"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_precision_by_gpu(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert env.resolve_precision("auto", torch.device("cuda")) == chosen
    assert fit_module.resolve_precision("float32", torch.device("cuda")) == "float32"


@pytest.mark.parametrize("avx, amx, chosen", [(True, False, "bf16"), (False, True, "bf16"), (False, False, "float32")])
def test_precision_by_cpu(monkeypatch, avx, amx, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert fit_module.resolve_precision("auto", CPU) == chosen


# --- disturbed runs ---------------------------------------------------------------------------------------------

class Interrupted:
    """Batches in whose epoch `epoch` Ctrl-C is pressed after `after` of them."""

    def __init__(self, batches, epoch, after, error=KeyboardInterrupt):
        self.batches, self.at, self.after, self.error = batches, epoch, after, error
        self.set_epoch = batches.set_epoch

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        for number, batch in enumerate(self.batches):
            if self.batches.epoch == self.at and number == self.after:
                raise self.error
            yield batch


@pytest.mark.parametrize("epoch, after", [(0, 0), (1, 0), (2, 2)])
def test_ctrl_c_returns_the_finished_epochs(epoch, after):
    loaders = make_loaders(DATA, DATA, CONFIG, CPU)
    history = fit(small_net(), (Interrupted(loaders.train, epoch, after), loaders.val), CONFIG, progress=False)
    assert len(history.epochs) == epoch
    assert history.stopped == f"interrupted in epoch {epoch + 1} of 3"
    if epoch == 0:
        with pytest.raises(ValueError, match="no epoch was finished"):
            _ = history.last


def test_other_errors_pass():
    loaders = make_loaders(DATA, None, CONFIG, CPU)
    with pytest.raises(OSError):
        fit(small_net(), (Interrupted(loaders.train, 1, 1, OSError), None), CONFIG, progress=False)


def test_gradients_from_before_do_not_enter_the_first_step():
    one, two = small_net(), small_net()
    (two(torch.randn(4, 3, 32, 32)).sum() * 1e3).backward()
    for model in (one, two):
        fit(model, make_loaders(DATA, None, CONFIG, CPU), CONFIG, progress=False)
    assert torch.equal(weights(one), weights(two))


def test_resume_with_a_shuffled_plain_loader_is_bit_equal(tmp_path):
    config, path = replace(CONFIG, cycle_momentum=True), tmp_path / "last.pt"
    plain = DataLoader(TensorDataset(*plain_tensors()), batch_size=50, shuffle=True)
    net = nn.Sequential(small_net(), nn.Dropout(0.2))
    whole, cut, fresh = copy.deepcopy(net), copy.deepcopy(net), copy.deepcopy(net)
    torch.manual_seed(7)
    expected = fit(whole, (plain, plain), config, progress=False)

    class StopsInThirdEpoch:
        epochs = 0

        def __len__(self):
            return len(plain)

        def __iter__(self):
            self.epochs += 1
            if self.epochs == 3:
                raise KeyboardInterrupt
            return iter(plain)

    torch.manual_seed(7)
    assert fit(cut, (StopsInThirdEpoch(), plain), config, progress=False, checkpoint=path).stopped
    resumed = fit(fresh, (plain, plain), config, progress=False, checkpoint=path, resume=True)
    assert torch.equal(weights(whole), weights(fresh)) and not resumed.stopped
    for name in ("train_loss", "train_accuracy", "val_loss", "lr", "momentum"):
        assert resumed.column(name) == expected.column(name)


KILLED = """
import os, sys, torch
sys.path.insert(0, "tests")
from test_fit import CONFIG, CPU, DATA, Interrupted, fit, make_loaders, small_net, weights

class Killed(Interrupted):
    def __iter__(self):
        try:
            yield from super().__iter__()
        except KeyboardInterrupt:
            os._exit(9)

path, batches = sys.argv[1], make_loaders(DATA, DATA, CONFIG, CPU)
train = Killed(batches.train, 1, 1) if sys.argv[2] == "kill" else batches.train
model = small_net()
fit(model, (train, batches.val), CONFIG, progress=False, checkpoint=path, resume=True)
torch.save(weights(model), path + ".weights")
"""


def test_a_killed_process_resumes_bit_equal(tmp_path):
    def run(name, how):
        return subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / name), how], cwd=ROOT,
                              env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)

    assert run("cut", "kill").returncode == 9
    assert len(load_checkpoint(tmp_path / "cut")["history"]) == 1
    for name in ("cut", "whole"):
        done = run(name, "live")
        assert done.returncode == 0, done.stderr
    assert torch.equal(torch.load(tmp_path / "cut.weights"), torch.load(tmp_path / "whole.weights"))
    cut, whole = load_checkpoint(tmp_path / "cut"), load_checkpoint(tmp_path / "whole")
    assert [r["val_loss"] for r in cut["history"]] == [r["val_loss"] for r in whole["history"]]


def test_a_finished_run_is_not_trained_again(tmp_path):
    loaders, path = make_loaders(DATA, None, CONFIG, CPU), tmp_path / "last.pt"
    model, again = small_net(), small_net()
    first = fit(model, loaders, CONFIG, progress=False, checkpoint=path)
    second = fit(again, loaders, CONFIG, progress=False, checkpoint=path, resume=True)
    assert first.epochs == second.epochs and torch.equal(weights(model), weights(again))


def test_without_resume_a_checkpoint_is_begun_anew(tmp_path):
    loaders, path = make_loaders(DATA, None, CONFIG, CPU), tmp_path / "last.pt"
    for _ in range(2):
        history = fit(small_net(), loaders, CONFIG, progress=False, checkpoint=path)
        assert len(history.epochs) == len(load_checkpoint(path)["history"]) == 3


def test_resume_refuses_other_settings_other_data_and_foreign_files(tmp_path):
    loaders, path = make_loaders(DATA, None, CONFIG, CPU), tmp_path / "last.pt"
    fit(small_net(), loaders, CONFIG, progress=False, checkpoint=path)

    def resume(config, batches=loaders):
        fit(small_net(), batches, config, progress=False, checkpoint=path, resume=True)

    with pytest.raises(ValueError) as refused:
        resume(replace(CONFIG, max_lr=0.1, seed=4))
    assert "max_lr: 0.05 there, 0.1 here" in str(refused.value) and "seed: 0 there, 4 here" in str(refused.value)
    assert "momentum" not in str(refused.value) and "another checkpoint path" in str(refused.value)
    few = make_loaders(DATA.subset(torch.arange(50)), None, CONFIG, CPU)
    with pytest.raises(ValueError, match="total_steps: 9 there, 3 here"):
        resume(CONFIG, few)
    save_checkpoint(path, {"model": small_net().state_dict(), "width": 8})
    with pytest.raises(ValueError, match="holds no run to resume.*'optimizer'"):
        resume(CONFIG)


def test_divergence_names_the_first_bad_step_and_its_lr(tmp_path):
    images, labels = plain_tensors()
    images[70] = float("nan")
    poisoned = DataLoader(TensorDataset(images, labels), batch_size=50)
    model, config = small_net(), replace(CONFIG, scheduler="constant")
    with pytest.raises(DivergedError, match=r"loss is nan at step 1 of this epoch with lr 0\.05: lower max_lr"):
        fit(model, (poisoned, None), config, progress=False, checkpoint=tmp_path / "last.pt")
    assert not (tmp_path / "last.pt").exists()


# --- memory -----------------------------------------------------------------------------------------------------

FAULTS = """
import resource, sys, torch
from helpers.training.config import RECIPE_VERSION, TrainConfig
from helpers.training.fit import fit
batches = [(torch.zeros(4, 8), torch.zeros(4, dtype=torch.long))]
config = TrainConfig(num_epochs=1, precision="float32", channels_last=False, scheduler="constant",
                     keep_memory=sys.argv[1] == "keep")
fit(torch.nn.Linear(8, 2), (batches, None), config, device=torch.device("cpu"), progress=False)
for round in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.zeros(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_kept_memory_is_not_faulted_in_again():
    faults = {choice: int(subprocess.run([sys.executable, "-c", FAULTS, choice], capture_output=True, text=True,
                                         check=True, cwd=ROOT).stdout) for choice in ("return", "keep")}
    assert faults["return"] >= 5 * 40e6 / 2**21  # five tensors of 40 MB, in pages of 2 MB at the most
    assert faults["keep"] < 5


def test_memory_is_kept_only_if_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(engine_module, "keep_freed_memory", lambda: asked.append(True))
    for keep in (False, True):
        fit(small_net(), ([(torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.long))], None),
            replace(CONFIG, num_epochs=1, scheduler="constant", keep_memory=keep), device=CPU, progress=False)
        assert bool(asked) == keep


def test_systems_without_such_a_library_go_on(monkeypatch):
    for library in (object(), None):  # macOS: no mallopt; Windows: no library to open
        monkeypatch.setattr(env.ctypes, "CDLL", lambda name, library=library: library or name + 1)
        env.keep_freed_memory()


# --- configuration ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("field, value", [
    ("num_epochs", -1), ("batch_size", 0), ("micro_batch_size", 0), ("max_lr", -0.1), ("max_lr", float("nan")),
    ("momentum", 1.5), ("weight_decay", -1e-4), ("pct_start", 1.0), ("div_factor", 0), ("final_div_factor", -1),
    ("label_smoothing", 1.0), ("clip_norm", -1.0), ("precision", "fp8"),
    ("image_sizes", ((16, 24), (0, 32))), ("image_sizes", ((0, 0),)), ("image_sizes", ((0, 24, 3),))])
def test_a_bad_value_is_named_with_its_field(field, value):
    with pytest.raises(ValueError) as refused:
        TrainConfig(**{field: value})
    assert f"{field}={value!r}" in str(refused.value)


def test_configurations_cannot_be_changed_in_place():
    with pytest.raises(AttributeError):
        CONFIG.max_lr = 1.0
    assert TrainConfig(image_sizes=[[0, 24], [16, 32]]).image_sizes == ((0, 24), (16, 32))


def test_history_columns():
    history = History([{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0, "val_loss": 3.0}])
    assert history.column("train_loss") == [2.0, 1.0] and history.column("val_loss") == [None, 3.0]
    assert history.last["epoch"] == 2


# --- what a configuration means ---------------------------------------------------------------------------------

def test_the_recipe_version_is_raised_when_a_configuration_changes_its_meaning():
    config = replace(CONFIG, num_epochs=1, augment="crop_flip_cutout", micro_batch_size=20)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net = nn.Sequential(nn.BatchNorm2d(3), small_net())
        loss = fit(net, make_loaders(DATA, None, config, CPU), config, device=CPU, progress=False).last
    finally:
        torch.set_num_threads(threads)
    assert (RECIPE_VERSION, loss["train_loss"]) == (2, pytest.approx(2.3381175114558292, abs=1e-4)), (
        "the same configuration trains in another way than before: if you mean it, raise RECIPE_VERSION in "
        "helpers/training/config.py, say there what has changed, and write the new loss here")


@pytest.mark.parametrize("field, value", [
    ("max_lr", "0.1"), ("max_lr", math.inf), ("div_factor", math.nan), ("final_div_factor", math.inf),
    ("num_epochs", 2.5), ("batch_size", True), ("nesterov", 1), ("model", None), ("image_sizes", 24),
    ("image_sizes", ((0, 100_000),)), ("seed", 10**20), ("seed", -1)])
def test_a_value_of_another_kind_is_named_with_its_field(field, value):
    with pytest.raises(ValueError) as refused:
        TrainConfig(**{field: value})
    assert f"{field}={value!r}" in str(refused.value)


@pytest.mark.parametrize("ignored", [
    {"scheduler": "constant", "cycle_momentum": True}, {"optimizer": "muon", "momentum": 0.8},
    {"optimizer": "muon", "weight_decay": 0.1}], ids=str)
def test_a_setting_without_effect_is_refused(ignored):
    with pytest.raises(ValueError, match="|".join(ignored)):
        TrainConfig(**ignored)


def test_a_batch_of_one_image_names_the_setting_where_it_cannot_be_normalized():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4), nn.Flatten())
    one = [(torch.zeros(1, 3, 8, 8), torch.zeros(1, dtype=torch.long))]
    with pytest.raises(ValueError, match="batch_size"):
        fit(net, (one, None), replace(CONFIG, num_epochs=1, scheduler="constant"), progress=False)


def test_odd_data_is_refused_in_words():
    flat = [(torch.zeros(4, 8), torch.zeros(4, dtype=torch.long))]
    config = replace(CONFIG, num_epochs=1, scheduler="constant", channels_last=True)
    with pytest.raises(ValueError, match=r"shape \(4, 8\).*channels_last=False"):
        fit(nn.Linear(8, 2), (flat, None), config, device=CPU, progress=False)
    with pytest.raises(ValueError, match="no images to evaluate on"):
        evaluate(small_net(), [])


def test_labels_without_an_output_are_named():
    odd = [(torch.randn(4, 3, 8, 8), torch.tensor([0, 3, 12, 1]))]
    config = replace(CONFIG, num_epochs=1, scheduler="constant")
    with pytest.raises(ValueError, match="labels from 0 to 12.*num_classes=13 or more"):
        fit(small_net(), (odd, None), config, device=CPU, progress=False)
    with pytest.raises(ValueError, match="labels from 0 to 12.*num_classes=13 or more"):
        evaluate(small_net(), odd)


def test_a_cycle_of_one_step_is_refused():
    one = [(torch.randn(4, 3, 8, 8), torch.tensor([0, 3, 2, 1]))]
    config = replace(CONFIG, num_epochs=1, scheduler="one_cycle")
    with pytest.raises(ValueError, match="more than one step.*raise num_epochs, lower batch_size.*'constant'"):
        fit(small_net(), (one, None), config, device=CPU, progress=False)
    seen = fit(small_net(), (one, None), replace(config, num_epochs=2), device=CPU, progress=False)
    assert len(seen.epochs) == 2


def test_ctrl_c_in_the_last_save_names_no_epoch_beyond_the_last():
    class Store:
        saved = 0

        def newest(self):
            return None

        def save(self, state):
            self.saved += 1
            if self.saved == CONFIG.num_epochs:
                raise KeyboardInterrupt

    history = fit(small_net(), make_loaders(DATA, None, CONFIG, CPU), CONFIG, progress=False, checkpoint=Store())
    assert len(history.epochs) == 3 and "epoch 4" not in history.stopped and "last epoch" in history.stopped


# --- fp16 -------------------------------------------------------------------------------------------------------

class Overflows(nn.Module):
    """A network whose forward passes of these numbers give infinity."""

    def __init__(self, passes):
        super().__init__()
        self.linear, self.passes, self.count = nn.Linear(3, 10), passes, 0

    def forward(self, x):
        logits = self.linear(x.mean((2, 3)))
        self.count += 1
        return logits * math.inf if self.count - 1 in self.passes else logits


@pytest.mark.parametrize("scheduler", ["cosine", "one_cycle"])
@pytest.mark.parametrize("passes", [(0,), (1, 2)])
def test_a_step_that_loss_scaling_skips_is_left_out(scheduler, passes):
    config = replace(CONFIG, precision="fp16", scheduler=scheduler, num_epochs=2)
    model, loaders = Overflows(passes), make_loaders(DATA, None, config, CPU)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(model, loaders, config, device=CPU, progress=False)
    assert all(math.isfinite(loss) for loss in history.column("train_loss"))
    engine = Engine(Overflows(passes), config, 6, CPU)
    for images, labels in [*loaders.train, *loaders.train]:
        engine.step(images, labels)
    assert engine.scheduler.last_epoch == 6 - len(passes)  # torch's word for steps


def test_without_loss_scaling_an_infinite_loss_ends_the_run():
    with pytest.raises(DivergedError, match="step 1"):
        fit(Overflows((1,)), make_loaders(DATA, None, CONFIG, CPU), CONFIG, device=CPU, progress=False)
    poisoned = Overflows(())
    poisoned.linear.weight.data.fill_(math.nan)
    config = replace(CONFIG, precision="fp16")
    with pytest.raises(DivergedError, match="step 0"):
        fit(poisoned, make_loaders(DATA, None, config, CPU), config, device=CPU, progress=False)


# --- Apple's MPS, without one -----------------------------------------------------------------------------------

def test_on_mps_the_layout_is_contiguous():
    mps = torch.device("mps")
    assert memory_format(TrainConfig(), mps) == torch.contiguous_format
    assert memory_format(TrainConfig(), CPU) == torch.channels_last
    assert memory_format(replace(TrainConfig(), channels_last=False), CPU) == torch.contiguous_format


def test_batch_norm_gets_the_layout_that_was_chosen(monkeypatch):
    for layout in (torch.contiguous_format, torch.channels_last):
        for module in (engine_module, importlib.import_module("helpers.data.loader")):
            monkeypatch.setattr(module, "memory_format", lambda config, device, layout=layout: layout)
        norm, met = nn.BatchNorm2d(3), []
        norm.register_forward_pre_hook(lambda _, x, met=met: met.append(x[0]))
        net = nn.Sequential(norm, small_net())
        config = replace(CONFIG, num_epochs=1, channels_last=True, image_sizes=((0, 16),), augment="crop_flip_cutout")
        fit(net, make_loaders(DATA, None, config, CPU), config, device=CPU, progress=False)
        assert met and all(x.is_contiguous(memory_format=layout) for x in met)


@pytest.mark.parametrize("kind, waits", [("mps", True), ("cpu", True), ("cuda", False)])
def test_only_cuda_copies_without_waiting(kind, waits):
    class Batch:
        shape, asked = (1, 3, 8, 8), []

        def dim(self):
            return 4

        def to(self, device, non_blocking=False):
            self.asked.append(non_blocking)
            return self

        def contiguous(self, memory_format):
            return self

    engine, batch = Engine(small_net(), CONFIG, 10, CPU), Batch()
    engine.device = torch.device(kind)
    engine._to_device(batch, batch)
    assert batch.asked == [not waits] * 2


# --- whitening --------------------------------------------------------------------------------------------------

def test_two_runs_from_one_loader_are_the_same():
    config = TrainConfig(num_epochs=2, batch_size=65, optimizer="muon", max_lr=0.1, scheduler="linear",
                         precision="float32")
    loaders, found = make_loaders(DATA, None, config, CPU), []
    for _ in range(2):
        torch.manual_seed(0)
        net = WhitenedNet(widths=(8, 8, 8))
        fit(net, loaders, config, device=CPU, progress=False)
        found.append(torch.cat([weights(net), net.whiten.weight.flatten()]))
    assert torch.equal(*found)


def test_a_resumed_run_does_not_compute_its_first_layer_again(tmp_path, monkeypatch):
    config = TrainConfig(num_epochs=1, batch_size=65, optimizer="muon", max_lr=0.1, scheduler="linear",
                         precision="float32")
    loaders = make_loaders(DATA, None, config, CPU)
    fit(WhitenedNet(widths=(8, 8, 8)), loaders, config, device=CPU, progress=False, checkpoint=tmp_path / "a.pt")
    monkeypatch.setattr(WhitenedNet, "prepare", lambda self, images: 1 / 0)
    fit(WhitenedNet(widths=(8, 8, 8)), loaders, config, device=CPU, progress=False, checkpoint=tmp_path / "a.pt",
        resume=True)
