"""Recipes by name, the fields they are made of, and the schedules and clipping that they ask for."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from helpers.data.augment import BATCH_AUGMENTS
from helpers.data.loader import make_loaders
from helpers.data.mixing import make_mix
from helpers.data.stand_in import make_stand_in
from helpers.models.registry import make_model
from helpers.training.config import TrainConfig, field_help
from helpers.training.fit import fit
from helpers.training.optimizers import make_optimizer
from helpers.training.presets import PRESETS, get_preset
from helpers.training.schedules import make_scheduler

CPU = torch.device("cpu")
DATA = make_stand_in("train", 90)
CONFIG = TrainConfig(num_epochs=2, batch_size=30, micro_batch_size=30, max_lr=0.05, precision="float32",
                     augment="none", channels_last=False)


def learning_rates(config, total_steps):
    """Learning rate at every step of a run, and after its last one."""
    model = make_model(config.model) if config.optimizer == "muon" else nn.Linear(1, 1)
    optimizer = make_optimizer(model, config)
    scheduler, rates = make_scheduler(optimizer, config, total_steps), []
    for step in range(total_steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < total_steps - 1:
            scheduler.step()
    return rates


def small_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
                         nn.Linear(128, 10))


# --- presets ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_all_it_names(name):
    config = get_preset(name)
    assert isinstance(config, TrainConfig) and config.batch_size % config.micro_batch_size == 0
    classes = {"cifar10": 10, "cifar100": 100}[config.dataset]
    with torch.device("meta"):
        model = make_model(config.model, num_classes=classes)
        assert model(torch.empty(2, 3, 32, 32)).shape == (2, classes)
    steps = config.num_epochs * -(-50_000 // config.batch_size)
    optimizer = make_optimizer(model, config)
    assert sum(p.numel() for g in optimizer.param_groups for p in g["params"]) == sum(
        p.numel() for p in model.parameters() if p.requires_grad)
    assert 0 < make_scheduler(optimizer, config, steps).get_last_lr()[0] <= config.max_lr
    assert config.augment in BATCH_AUGMENTS
    make_mix(config, classes)


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_ends_in_the_middle_of_its_schedule(name):
    config = get_preset(name)
    rates = learning_rates(config, config.num_epochs * 20)
    assert max(rates) == pytest.approx(config.max_lr, rel=0.02)
    assert rates[-1] <= config.max_lr / 9.9  # eva11 ends at the learning rate that it began with


@pytest.mark.parametrize("name, facts", [  # as the five systems state them
    ("s10", {"optimizer": "adam", "scheduler": "one_cycle", "num_epochs": 24, "augment": "crop_flip_cutout"}),
    ("eva11", {"optimizer": "sgd", "num_epochs": 24, "batch_size": 512, "pct_start": 5 / 24}),
    ("kaggle-resnet", {"num_epochs": 50, "batch_size": 128, "max_lr": 0.001, "momentum": 0.9, "nesterov": True,
                       "weight_decay": 5e-4, "label_smoothing": 0.05, "scheduler": "cosine"}),
    ("se-resnet", {"max_lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "label_smoothing": 0.1, "clip_norm": 1.0,
                   "mix": "cutmix", "mix_probability": 0.7}),
    ("stochastic-depth", {"max_lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "clip_norm": 1.0,
                          "mix_probability": 0.7}),
    ("cifar100-resnet34", {"dataset": "cifar100", "model": "resnet34", "num_epochs": 120, "batch_size": 400,
                           "optimizer": "sgd", "scheduler": "cosine_warm_restarts", "clip_value": 0.1})])
def test_presets_hold_what_is_recorded_of_their_systems(name, facts):
    config = get_preset(name)
    assert {key: getattr(config, key) for key in facts} == facts


def test_recorded_traces_of_the_runs_come_out():
    assert -(-50_000 // get_preset("s10").batch_size) == 196  # "196/196" in its progress bar
    rates = learning_rates(get_preset("eva11"), 24 * 98)
    assert rates[0] == pytest.approx(0.004) and rates[-1] == pytest.approx(0.004)  # "no annihilation"
    assert int(np.argmax(rates)) // 98 in (4, 5)  # the peak at epoch 5
    warm = get_preset("cifar100-resnet34")
    assert warm.restart_epochs * (1 + 2 + 4 + 8) == warm.num_epochs  # whole cycles


def test_an_unknown_preset_lists_the_known():
    with pytest.raises(ValueError, match="unknown preset 's11'.*eva11.*s10"):
        get_preset("s11")


# --- fields -----------------------------------------------------------------------------------------------------

def test_every_field_has_its_meaning():
    meaning = field_help()
    assert list(meaning) == [field.name for field in fields(TrainConfig)]
    assert all(len(text.split()) >= 2 for text in meaning.values())
    assert meaning["dataset"].startswith("'cifar10' or 'cifar100'")
    assert meaning["clip_value"].startswith("largest absolute entry of a gradient, ")
    assert meaning["pct_start"].startswith("fraction of all steps")


@pytest.mark.parametrize("field, bad, good", [
    ("mix_probability", (-0.01, 1.01, math.nan), (0.0, 1.0)), ("mix_alpha", (0.0, -1.0, math.nan), (1e-3, 8.0)),
    ("restart_epochs", (0, -3), (1, 50)), ("clip_value", (-0.1, math.nan, math.inf), (0.0, 0.1)),
    ("clip_norm", (-0.1, math.nan), (0.0, 5.0)), ("train_images", (-1,), (0, 500))])
def test_bad_values_of_the_new_fields_are_named(field, bad, good):
    for value in good:
        assert getattr(TrainConfig(**{field: value}), field) == value
    for value in bad:
        with pytest.raises(ValueError) as refused:
            TrainConfig(**{field: value})
        assert f"{field}={value!r}" in str(refused.value)


# --- schedules --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("total_steps", [1, 2, 7, 250])
def test_cosine_at_every_step(total_steps):
    config = replace(CONFIG, scheduler="cosine")
    expected = [config.max_lr * (1 + math.cos(math.pi * step / total_steps)) / 2 for step in range(total_steps)]
    assert learning_rates(config, total_steps) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("num_epochs, restart_epochs, steps_per_epoch", [(15, 1, 7), (24, 10, 9), (30, 2, 3),
                                                                         (5, 10, 4)])
def test_warm_restarts_at_every_step(num_epochs, restart_epochs, steps_per_epoch):
    config = replace(CONFIG, scheduler="cosine_warm_restarts", num_epochs=num_epochs, restart_epochs=restart_epochs)
    rates, expected, length = learning_rates(config, num_epochs * steps_per_epoch), [], restart_epochs * steps_per_epoch
    while len(expected) < len(rates):
        expected += [config.max_lr * (1 + math.cos(math.pi * step / length)) / 2 for step in range(length)]
        length *= 2
    assert rates == pytest.approx(expected[:len(rates)], rel=1e-9, abs=1e-12)


def test_fit_steps_the_schedule_once_an_update():
    config = replace(CONFIG, scheduler="cosine_warm_restarts", num_epochs=7, restart_epochs=1)
    history = fit(small_net(), make_loaders(DATA, None, config, CPU), config, device=CPU, progress=False)
    # Cycles of 1, 2 and 4 epochs: the first epoch of each begins at max_lr, the middle of a cycle at its half.
    shares = [1, 1, 0.5, 1, (1 + math.cos(math.pi / 4)) / 2, 0.5, (1 - math.cos(math.pi / 4)) / 2]
    assert history.column("lr") == pytest.approx([config.max_lr * share for share in shares])


# --- updates ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_sgd_by_hand(nesterov, momentum):
    layer = nn.Linear(3, 1, bias=False).double()
    config = TrainConfig(max_lr=0.1, momentum=momentum, nesterov=nesterov, weight_decay=0.01)
    optimizer, generator = make_optimizer(layer, config), torch.Generator().manual_seed(0)
    w, velocity = layer.weight.detach().clone(), torch.zeros(1, 3, dtype=torch.float64)
    for _ in range(5):
        gradient = torch.randn(1, 3, generator=generator, dtype=torch.float64)
        layer.weight.grad = gradient.clone()
        optimizer.step()
        slope = gradient + 0.01 * w
        velocity = momentum * velocity + slope
        w = w - 0.1 * (slope + momentum * velocity if nesterov else velocity)
        assert torch.allclose(layer.weight, w, atol=1e-12)


@pytest.mark.parametrize("clip_value, clip_norm", [(0.003, 0.0), (0.003, 0.01), (0.0, 0.01)])
def test_gradients_are_clipped_by_value_then_by_norm(clip_value, clip_norm):
    config = replace(CONFIG, scheduler="constant", momentum=0.0, weight_decay=0.0, batch_size=90, num_epochs=1,
                     clip_value=clip_value, clip_norm=clip_norm)
    ours, theirs, loaders = small_net(), small_net(), make_loaders(DATA, None, config, CPU)
    images, labels = next(iter(loaders.train))
    nn.functional.cross_entropy(theirs(images), labels, label_smoothing=0.1).backward()
    gradients = [p.grad.numpy().astype(np.float64) for p in theirs.parameters()]
    assert max(abs(g).max() for g in gradients) > 0.01  # there is something to clip
    if clip_value:
        gradients = [np.minimum(np.maximum(g, -clip_value), clip_value) for g in gradients]
    norm = math.sqrt(sum((g**2).sum() for g in gradients))
    if clip_norm:
        assert norm > clip_norm
        gradients = [g * clip_norm / norm for g in gradients]
    before = [p.detach().numpy().copy() for p in ours.parameters()]
    fit(ours, loaders, config, device=CPU, progress=False)
    for old, new, gradient in zip(before, ours.parameters(), gradients, strict=True):
        assert np.allclose(new.detach().numpy() - old, -config.max_lr * gradient, atol=2e-7)
