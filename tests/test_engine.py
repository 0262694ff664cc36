"""One update with loss scaling, on a CPU: what the scaler must do before, during and after it."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from helpers.data.loader import make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.training.checkpoints import load_checkpoint
from helpers.training.config import TrainConfig
from helpers.training.engine import Engine
from helpers.training.fit import fit

CPU = torch.device("cpu")
DATA = make_stand_in("train", 120)
CONFIG = TrainConfig(num_epochs=2, batch_size=40, micro_batch_size=40, max_lr=0.5, scheduler="constant", momentum=0.0,
                     weight_decay=0.0, precision="fp16", augment="none", channels_last=False)


class Linear(nn.Module):
    """Ten classes from three mean colors; passes of some numbers overflow, at one the reader presses Ctrl-C."""

    def __init__(self, overflowing=(), interrupted=None):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 10)
        self.overflowing = overflowing
        self.interrupted = interrupted
        self.count = 0

    def forward(self, x):
        self.count += 1
        if self.count - 1 == self.interrupted:
            raise KeyboardInterrupt
        factor = math.inf if self.count - 1 in self.overflowing else 1
        return self.linear(x.mean((2, 3))) * factor


def change_of(config):
    """All weights' changes in one update."""
    model = Linear()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    images, labels = torch.randn(40, 3, 4, 4) + 3, torch.zeros(40, dtype=torch.int64)
    engine = Engine(model, config, 6, CPU)
    engine.scaler = torch.amp.GradScaler("cpu", init_scale=128.0, enabled=config.precision == "fp16")  # no overflow
    engine.step(images, labels)
    return torch.cat([(new - old).flatten() for new, old in zip(model.parameters(), before, strict=True)])


@pytest.mark.parametrize("precision", ["fp16", "float32"])
def test_gradients_are_clipped_without_the_scale_of_the_loss(precision):
    """What is clipped by the norm c moves the weights by lr · c; clipped while scaled, by a tiny part of it."""
    by_norm = change_of(replace(CONFIG, precision=precision, clip_norm=0.01))
    assert by_norm.norm().item() == pytest.approx(0.5 * 0.01, rel=1e-3)
    by_value = change_of(replace(CONFIG, precision=precision, clip_value=0.001))
    assert by_value.abs().max().item() == pytest.approx(0.5 * 0.001, rel=1e-3)


def test_a_resumed_run_has_the_scale_of_the_interrupted_one(tmp_path):
    """The scale halves at each overflow: a new scaler would begin at the top again."""
    path = tmp_path / "a.pt"
    loaders = make_loaders(DATA, None, CONFIG, CPU)
    cut = Linear(overflowing=(0, 1), interrupted=len(loaders.train))
    fit(cut, loaders, CONFIG, device=CPU, progress=False, checkpoint=path)
    quarter = torch.amp.GradScaler("cpu").get_scale() / 4
    assert len(load_checkpoint(path)["history"]) == 1 and load_checkpoint(path)["scaler"]["scale"] == quarter

    fit(Linear(), loaders, CONFIG, device=CPU, progress=False, checkpoint=path, resume=True)
    assert len(load_checkpoint(path)["history"]) == 2 and load_checkpoint(path)["scaler"]["scale"] == quarter
