"""The speed suite counts operations and shares as it says, and its table says what was measured."""

import itertools
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils import benchmark

from helpers.cli import bench
from helpers.models.registry import make_model
from helpers.models.trace import count_macs
from helpers.training.config import TrainConfig


def test_epochs_by_image_size_by_a_slow_loop():
    for sizes in ((), ((0, 24), (4, 28), (6, 32)), ((2, 16), (5, 24)), ((0, 24), (3, 32), (5, 24))):
        config = TrainConfig(num_epochs=8, image_sizes=sizes)
        counted = {}
        for epoch in range(8):
            size = 32
            for first, pixels in sizes:
                size = pixels if epoch >= first else size
            counted[size] = counted.get(size, 0) + 1
        assert bench.epochs_by_size(config) == counted


def test_ceiling_is_the_rate_of_a_matrix_product(monkeypatch):
    clock = itertools.count()  # each look at the clock is a second later, so that a product takes one
    monkeypatch.setattr(benchmark, "Timer", partial(benchmark.Timer, timer=lambda: float(next(clock))))
    assert bench.measure_ceiling("float32", torch.device("cpu"), size=8, seconds=0.5) == 2 * 8**3


def test_one_measurement_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    monkeypatch.setattr(bench, "WAYS", {"fast recipe": None})
    found, = bench.run_speed(steps=1, repeats=1)["fast recipe"]
    shares = {24: 5 / 9, 32: 4 / 9}
    net = make_model("whitened_net_winograd")
    operations = sum(6 * share * sum(count_macs(net, (3, size, size)).values()) for size, share in shares.items())
    assert found["operations_per_image"] == pytest.approx(operations)
    assert found["images_per_second"] * found["seconds_per_epoch"] == pytest.approx(50_000)
    # Work and ceiling are timed one after the other: on a busy machine the ceiling may meet the worse moment.
    assert 0 < found["fraction"] < 20
    assert 50 < found["peak_memory_mb"] < 64_000


def test_unknown_way():
    with pytest.raises(ValueError, match="unknown way 'slow': choose from .*fast recipe"):
        bench.measure("slow", 1)


def test_table_holds_medians_and_spread():
    runs = [{"images_per_second": 50_000 / s, "seconds_per_epoch": s, "operations_per_image": 3e8,
             "fraction": 0.25, "peak_memory_mb": 1500.0} for s in (30.0, 10.0, 20.0)]
    row = bench.speed_table({"fast recipe": runs}).splitlines()[-1]
    assert row == "| fast recipe | 20 (10–30) | 2,500 | 300 | 25% | 1.5 GB |"


def test_help_imports_nothing_heavy():
    """Some of these write to the terminal, and each takes its time."""
    script = """if True:
        import contextlib, io, runpy, sys
        sys.argv = ["helpers", "--help"]
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
            runpy.run_module("helpers", run_name="__main__")
        print("usage" in said.getvalue(), *sys.modules, sep="\\n")"""
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    printed, *modules = done.stdout.split()
    assert printed == "True" and done.stderr == ""
    heavy = {"torch.utils.benchmark", "torch.utils.tensorboard", "tensorboard", "torch_lr_finder",
             "albumentations"}
    assert not heavy.intersection(modules)
