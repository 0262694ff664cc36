"""Oracles for the path from data to trained model: slow, independent versions of what the helpers do fast."""

import itertools
import math
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from helpers.analysis.errors import confusion_matrix, per_class_accuracy
from helpers.analysis.predict import predict_logits
from helpers.analysis.statistics import wilson_interval
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.models.custom_resnet import CustomResNet
from helpers.models.registry import make_model
from helpers.models.trace import count_macs, count_parameters, evaluating, receptive_field
from helpers.training.checkpoints import load_checkpoint, save_checkpoint
from helpers.training.config import TrainConfig
from helpers.training.fit import DivergedError, evaluate, fit
from helpers.training.optimizers import make_optimizer
from helpers.training.range_test import lr_range_test, suggest_lrs
from helpers.training.schedules import make_scheduler

CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent
CONFIG = TrainConfig(num_epochs=3, batch_size=50, micro_batch_size=50, max_lr=0.05, precision="float32")


def tiny(dropout=0.2):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Dropout(dropout), nn.Linear(8, 10))


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


DATA = make_stand_in("train", 230)


# --- models ---------------------------------------------------------------------------------------------------

def test_custom_resnet_is_the_published_one():
    torch.manual_seed(0)
    model = CustomResNet()
    assert count_parameters(model) == 6_573_120
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == 8
    logits = model(torch.randn(64, 3, 32, 32))
    assert logits.shape == (64, 10)
    loss = nn.functional.cross_entropy(logits, torch.arange(64) % 10)
    assert abs(loss.item() - math.log(10)) < 0.15


def test_macs_by_hand():
    by_hand = (27 * 64 + 9 * 64 * 128) * 32**2 + 2 * 9 * 128**2 * 16**2 + 9 * 128 * 256 * 16**2
    by_hand += 9 * 256 * 512 * 8**2 + 2 * 9 * 512**2 * 4**2 + 5120
    assert sum(count_macs(CustomResNet()).values()) == by_hand


def test_one_batch_can_be_learned_by_heart():
    few = DATA.subset(torch.arange(64))
    config = replace(CONFIG, num_epochs=40, max_lr=0.1, batch_size=64, micro_batch_size=64, augment="none")
    model = make_model("custom_resnet", width=8)
    assert fit(model, make_loaders(few, None, config, CPU), config, progress=False).last["train_accuracy"] == 1.0


def test_receptive_field_against_the_gradient():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 1, 3, dilation=2))
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.1)
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    out = nn.Sequential(*[nn.AvgPool2d(2) if isinstance(m, nn.MaxPool2d) else m for m in net])(image)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    touched = image.grad.abs().sum((0, 1)).nonzero()[:, 0]
    field = int(touched.max() - touched.min()) + 1
    assert receptive_field(net, (3, 64, 64))[-1]["receptive_field"] == field


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="custom_resnet"):
        make_model("no_such_net")
    for field, known in (("optimizer", "sgd"), ("scheduler", "one_cycle"), ("augment", "crop_flip")):
        config = replace(CONFIG, **{field: "nonsense"})
        with pytest.raises(ValueError, match=known):
            fit(tiny(), make_loaders(DATA, None, config, CPU), config, progress=False)


# --- schedules and range test ---------------------------------------------------------------------------------

@pytest.mark.parametrize("final_div_factor", [1.0, 1e4])
def test_one_cycle_at_every_step(final_div_factor):
    config = TrainConfig(final_div_factor=final_div_factor, cycle_momentum=True)
    optimizer = make_optimizer(nn.Linear(1, 1), config)
    scheduler, total = make_scheduler(optimizer, config, 240), 240
    peak, first = config.pct_start * total - 1, config.max_lr / config.div_factor
    for step in range(total):
        up = step <= peak
        share = step / peak if up else (step - peak) / (total - 1 - peak)
        lr_ends = (first, config.max_lr) if up else (config.max_lr, first / final_div_factor)
        momentum_ends = (0.95, 0.85) if up else (0.85, 0.95)
        group = optimizer.param_groups[0]
        assert group["lr"] == pytest.approx(lr_ends[0] + share * (lr_ends[1] - lr_ends[0]), rel=1e-6)
        assert group["momentum"] == pytest.approx(momentum_ends[0] + share * (momentum_ends[1] - momentum_ends[0]))
        optimizer.step()
        if step < total - 1:
            scheduler.step()


def test_a_warm_up_of_no_length_is_refused():
    config = TrainConfig(pct_start=0.25)
    with pytest.raises(ValueError, match="pct_start=0.25 of 4 steps"):
        make_scheduler(make_optimizer(nn.Linear(1, 1), config), config, 4)


def test_range_test_leaves_all_as_it_was():
    model, loader = tiny(), make_loaders(DATA, None, CONFIG, CPU).train
    before, rng = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    result = lr_range_test(model, loader, CONFIG, num_steps=25)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(rng, torch.get_rng_state()) and model.training
    assert len(result.lrs) == len(result.losses) >= 20
    broken = itertools.chain([next(iter(loader))], (1 / 0 for _ in range(1)))
    with pytest.raises(ZeroDivisionError):
        lr_range_test(model, broken, CONFIG, num_steps=25)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(rng, torch.get_rng_state())


def test_range_test_ends_at_nan():
    seen = []

    class Poisoned(nn.Linear):
        def forward(self, x):
            seen.append(1)
            return super().forward(x.flatten(1)[:, :4]) * (float("nan") if len(seen) > 12 else 1)

    result = lr_range_test(Poisoned(4, 10), make_loaders(DATA, None, CONFIG, CPU).train, CONFIG, num_steps=60)
    assert len(result.lrs) == 12 and len(seen) <= 14 and all(map(math.isfinite, result.losses))


def test_suggestions_on_a_curve_with_a_known_answer():
    lrs = np.geomspace(1e-5, 10, 121)
    x = np.log10(lrs)
    losses = 2.3 - 1.5 / (1 + np.exp(-6 * (x + 2))) + 3 * np.clip(x + 0.5, 0, None) ** 2
    found = suggest_lrs(lrs, losses)
    assert found["steepest"] == pytest.approx(1e-2, rel=0.15)
    assert found["minimum / 10"] == pytest.approx(lrs[losses.argmin()] / 10)
    assert 1e-3 < found["valley"] < lrs[losses.argmin()]


LRS = np.geomspace(1e-5, 10, 121)
FALLING = 2.3 - 1.5 / (1 + np.exp(-6 * (np.log10(LRS) + 2))) + 3 * np.clip(np.log10(LRS) + 0.5, 0, None) ** 2


@pytest.mark.parametrize("spike", [2 * np.exp(-np.arange(121) / 5), 2.0 * (np.arange(121) == 0)], ids=["slow", "one"])
def test_a_spike_at_the_start_of_the_sweep_fools_no_rule(spike):
    for rule, lr in suggest_lrs(LRS, FALLING + spike).items():
        assert lr == pytest.approx(suggest_lrs(LRS, FALLING)[rule], rel=0.3), rule


NOISE = np.random.default_rng(0).normal(size=121)


@pytest.mark.parametrize("losses, reason", [
    (np.full(121, 2.3), "never falls"), (np.linspace(1, 9, 121), "never falls"), (2.3 + 0.1 * NOISE, "flat"),
    (np.where(np.arange(121) == 60, np.nan, FALLING), "not all finite")], ids=["flat", "rising", "noise", "nan"])
def test_a_curve_that_supports_no_learning_rate_suggests_none(losses, reason):
    with pytest.raises(ValueError, match=reason):
        suggest_lrs(LRS, losses)


def test_a_range_test_without_a_suggestion_says_why(capsys):
    class Deaf(nn.Linear):
        def forward(self, x):
            return super().forward(0 * x.flatten(1)[:, :4]) * 0

    batches = make_loaders(DATA, None, CONFIG, CPU).train
    result = lr_range_test(Deaf(4, 10), batches, CONFIG, num_steps=25, progress=True)
    assert len(result.lrs) == 25 and result.suggestions == {}
    with pytest.raises(ValueError, match="suggests no learning rate: the loss never falls|the curve is flat"):
        _ = result.suggestion
    assert "range test" in capsys.readouterr().err
    lr_range_test(Deaf(4, 10), batches, CONFIG, num_steps=25)
    assert capsys.readouterr().err == ""


def test_evaluating_gives_every_module_its_own_mode_back():
    model = tiny().train()
    model[1].eval()  # a frozen batch norm
    modes = [module.training for module in model.modules()]
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == modes


# --- loader ---------------------------------------------------------------------------------------------------

def test_loader_normalizes_and_covers_everything_once():
    loader = MemoryLoader(DATA, 64, statistics=make_loaders(DATA, None, CONFIG, CPU).train.statistics, shuffle=True)
    images, labels = map(torch.cat, zip(*loader, strict=True))
    assert len(loader) == 4 and len(images) == 230
    assert torch.equal(labels.sort().values, DATA.labels.sort().values)
    assert images.mean((0, 2, 3)).abs().max() < 1e-4 and (images.std((0, 2, 3)) - 1).abs().max() < 1e-3


def test_loader_depends_on_seed_and_epoch_alone():
    first, second = (make_loaders(DATA, None, CONFIG, CPU).train for _ in range(2))
    first.set_epoch(1)
    one = [x for x, _ in first]
    list(second)
    second.set_epoch(1)
    assert all(torch.equal(a, b) for a, (b, _) in zip(one, second, strict=True))
    second.set_epoch(2)
    assert not torch.equal(one[0], next(iter(second))[0])


def test_image_sizes_change_with_the_epoch():
    config = replace(CONFIG, image_sizes=((0, 16), (2, 32)))
    loader, sizes = make_loaders(DATA, None, config, CPU).train, []
    for epoch in range(3):
        loader.set_epoch(epoch)
        sizes.append(next(iter(loader))[0].shape[-1])
    assert sizes == [16, 16, 32]


# --- training -------------------------------------------------------------------------------------------------

def test_micro_batches_give_the_gradient_of_the_whole():
    nets = []
    for size in (50, 16):
        config = replace(CONFIG, micro_batch_size=size, augment="none")
        nets.append(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)))
        torch.manual_seed(1)
        nn.init.normal_(nets[-1][1].weight, std=0.01)
        nn.init.zeros_(nets[-1][1].bias)
        fit(nets[-1], make_loaders(DATA, None, config, CPU), config, progress=False)
    assert (nets[0][1].weight - nets[1][1].weight).abs().max() < 1e-5


def test_a_plain_data_loader_trains_the_same():
    config = replace(CONFIG, augment="none")
    memory = MemoryLoader(DATA, 46, statistics=make_loaders(DATA, None, config, CPU).train.statistics)
    images, labels = map(torch.cat, zip(*memory, strict=True))
    plain = DataLoader(TensorDataset(images, labels), batch_size=46)
    one, two = tiny(dropout=0.0), tiny(dropout=0.0)
    torch.manual_seed(3)
    first = fit(one, (memory, memory), config, progress=False).last
    torch.manual_seed(3)
    second = fit(two, (plain, plain), config, progress=False).last
    assert first["train_loss"] == pytest.approx(second["train_loss"], rel=1e-4)
    assert first["val_accuracy"] == pytest.approx(second["val_accuracy"], abs=0.01)


def test_evaluate_against_a_loop():
    model, loader = tiny().train(), MemoryLoader(DATA, 64, statistics=(torch.zeros(3), torch.ones(3)))
    measured = evaluate(model, loader, precision="float32")
    assert model.training
    losses, right, top5 = [], 0, 0
    model.eval()
    for image, label in zip(DATA.images, DATA.labels, strict=True):
        logits = model(image[None].float() / 255)[0].detach().double()
        losses.append(float(torch.logsumexp(logits, 0) - logits[label]))
        order = sorted(range(10), key=lambda c: -float(logits[c]))
        right, top5 = right + (order[0] == int(label)), top5 + (int(label) in order[:5])
    assert measured["loss"] == pytest.approx(np.mean(losses), abs=1e-5)
    assert measured["accuracy"] == pytest.approx(right / 230, abs=5e-3)
    assert measured["top5_accuracy"] == pytest.approx(top5 / 230, abs=5e-3)


def test_train_loss_is_averaged_by_sample():
    config = replace(CONFIG, num_epochs=1, max_lr=1e-12, augment="none", label_smoothing=0.0, batch_size=200)
    model, loaders = tiny(dropout=0.0), make_loaders(DATA, None, config, CPU)
    history = fit(model, loaders, config, progress=False)
    model.train()
    total = sum(nn.functional.cross_entropy(model(x[i:i + n]), y[i:i + n], reduction="sum").item()
                for x, y in loaders.train for i, n in ((0, 39), (39, 38), (77, 38)))
    assert history.last["train_loss"] == pytest.approx(total / 230, rel=1e-4)


def test_resume_is_bit_equal(tmp_path):
    loaders = make_loaders(DATA, None, CONFIG, CPU)
    whole, parts = tiny(), tiny()
    torch.manual_seed(5)
    expected = fit(whole, loaders, CONFIG, progress=False)
    interrupted = _StopAfter(loaders.train, epochs=2)
    torch.manual_seed(5)
    first = fit(parts, (interrupted, None), CONFIG, progress=False, checkpoint=tmp_path / "last.pt")
    assert first.stopped == "interrupted in epoch 3 of 3" and len(first.epochs) == 2
    fresh = tiny()
    torch.manual_seed(99)
    resumed = fit(fresh, loaders, CONFIG, progress=False, checkpoint=tmp_path / "last.pt", resume=True)
    assert same(whole, fresh)
    assert [r["train_loss"] for r in resumed.epochs] == [r["train_loss"] for r in expected.epochs]


class _StopAfter:
    """Batches that act as if Ctrl-C were pressed in the epoch after `epochs`."""

    def __init__(self, batches, epochs):
        self.batches, self.epochs, self.set_epoch = batches, epochs, batches.set_epoch

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        if self.batches.epoch == self.epochs:
            raise KeyboardInterrupt
        return iter(self.batches)


def test_a_kill_leaves_a_whole_checkpoint(tmp_path):
    code = (f"import torch; from helpers.training.checkpoints import save_checkpoint\nfor i in range(100000):\n"
            f"    save_checkpoint({str(tmp_path / 'a.pt')!r}, {{'i': i, 'w': torch.full((200000,), float(i))}})\n"
            f"    print(i, flush=True)")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "OMP_NUM_THREADS": "1"})
    reached = [int(process.stdout.readline()) for _ in range(5)][-1]
    process.send_signal(signal.SIGKILL)
    process.wait()
    state = load_checkpoint(tmp_path / "a.pt")
    assert state["i"] >= reached and (state["w"] == state["i"]).all()


def test_bad_checkpoints_are_refused(tmp_path):
    path = save_checkpoint(tmp_path / "a.pt", {"w": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="delete it"):
        load_checkpoint(path)

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'owned'}",)

    (tmp_path / "b.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="b.pt"):
        load_checkpoint(tmp_path / "b.pt")
    assert not (tmp_path / "owned").exists()


def test_resume_refuses_another_configuration(tmp_path):
    loaders, path = make_loaders(DATA, None, CONFIG, CPU), tmp_path / "last.pt"
    fit(tiny(), loaders, replace(CONFIG, num_epochs=1), progress=False, checkpoint=path)
    with pytest.raises(ValueError, match="num_epochs: 1 there, 3 here"):
        fit(tiny(), loaders, CONFIG, progress=False, checkpoint=path, resume=True)


def test_divergence_names_step_and_lr():
    wild = replace(CONFIG, max_lr=1e30, scheduler="constant")
    with pytest.raises(DivergedError, match=r"step \d+ .* lr 1e\+30"):
        fit(tiny(), make_loaders(DATA, None, wild, CPU), wild, progress=False)


@pytest.mark.parametrize("field, value", [("max_lr", 0), ("momentum", 1.0), ("label_smoothing", -0.1),
                                          ("num_epochs", 0), ("precision", "int4")])
def test_bad_configurations_name_field_and_value(field, value):
    with pytest.raises(ValueError, match=f"{field}={value!r}"):
        replace(CONFIG, **{field: value})


# --- predictions ----------------------------------------------------------------------------------------------

def test_predictions_against_loops():
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(300, 5, generator=generator), torch.arange(300) % 5
    matrix = np.zeros((5, 5), int)
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        matrix[label][row.index(max(row))] += 1
    assert np.array_equal(confusion_matrix(logits, labels, 5), matrix)
    table = per_class_accuracy(logits, labels, 5)
    assert np.allclose(table["accuracy"], [matrix[c][c] / 60 for c in range(5)])


def test_wilson_interval_is_where_the_score_test_turns():
    low, high = wilson_interval(45, 50)
    for bound in (low, high):
        assert abs(0.9 - bound) / math.sqrt(bound * (1 - bound) / 50) == pytest.approx(1.96)
    assert low == pytest.approx(0.7864, abs=1e-3) and 0 <= wilson_interval(0, 5)[0] < wilson_interval(5, 5)[1] <= 1


def test_predict_logits_keeps_order_and_mode():
    model, loader = tiny().train(), MemoryLoader(DATA, 64, statistics=(torch.zeros(3), torch.ones(3)))
    logits, labels = predict_logits(model, loader, precision="float32")
    assert model.training and torch.equal(labels, DATA.labels)
    expected = model.eval()(DATA.images.float() / 255)
    assert torch.allclose(logits, expected, atol=1e-4)
