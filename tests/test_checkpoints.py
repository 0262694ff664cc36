"""Checkpoints are whole or absent, plain data only, and restore random numbers exactly."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.experiments.run_folder import RunFolder
from helpers.training import checkpoints
from helpers.training.checkpoints import (
    CheckpointFile,
    load_checkpoint,
    load_weights,
    restore_rng_state,
    rng_state,
    save_checkpoint,
)

STATE = {"w": torch.arange(5000.0), "config": {"sizes": ((0, 24), (16, 32)), "name": "a"}, "history": [{"lr": 0.1}]}


def test_round_trip_keeps_values_and_types(tmp_path):
    path = save_checkpoint(tmp_path / "new" / "folder" / "a.pt", STATE)
    state = load_checkpoint(str(path))
    assert torch.equal(state["w"], STATE["w"]) and state["config"] == STATE["config"]
    assert isinstance(state["config"]["sizes"], tuple) and state["history"] == [{"lr": 0.1}]
    assert [p.name for p in path.parent.iterdir()] == ["a.pt"]


def test_a_full_disk_leaves_the_last_good_one(tmp_path, monkeypatch):
    path = save_checkpoint(tmp_path / "a.pt", STATE)

    def full(state, file):
        file.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"w": torch.zeros(3)})
    assert torch.equal(load_checkpoint(path)["w"], STATE["w"])
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.skipif(os.name == "nt", reason="needs the limits of POSIX")
@pytest.mark.parametrize("room", [0, 100, 3000, 70_000])
def test_what_the_system_says_gets_through_torchs_writer(tmp_path, room):
    """The system itself refuses to let a file grow, as it does on a full disk."""
    import resource

    path = save_checkpoint(tmp_path / "a.pt", STATE)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OSError, match="File too large.*a.pt"):
            save_checkpoint(path, {f"w{i}": torch.zeros(1000) for i in range(30)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert torch.equal(load_checkpoint(path)["w"], STATE["w"]) and [p.name for p in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("moment", ["save", "fsync", "replace"])
def test_ctrl_c_inside_a_save_waits_until_it_is_done(tmp_path, monkeypatch, moment):
    place = checkpoints.torch if moment == "save" else os
    honest = getattr(place, moment)
    done = []

    def interrupted(*given):
        signal.raise_signal(signal.SIGINT)
        result = honest(*given)
        done.append(moment)
        return result

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(place, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path / "a.pt", STATE)
    monkeypatch.undo()
    assert done == [moment] and signal.getsignal(signal.SIGINT) is handler
    assert torch.equal(load_checkpoint(tmp_path / "a.pt")["w"], STATE["w"])
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


INTERRUPTED = """
import random, signal, sys, threading, time
import torch
from helpers.training.checkpoints import load_checkpoint, save_checkpoint

path, count = sys.argv[1], int(sys.argv[2])
state = {f"w{i}": torch.zeros(20_000) for i in range(40)}
save_checkpoint(path, state)
for _ in range(count):
    sender = threading.Timer(random.uniform(0, 0.01), signal.raise_signal, (signal.SIGINT,))
    try:
        sender.start()
        while True:
            save_checkpoint(path, state)
    except KeyboardInterrupt:
        sender.join()
    assert len(load_checkpoint(path)) == 40
print("alive")
"""


@pytest.mark.parametrize("count", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_a_process_outlives_many_interrupts(tmp_path, count):
    root = Path(checkpoints.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path / "a.pt"), str(count)], cwd=root,
                          capture_output=True, text=True)
    assert done.stdout == "alive\n" and done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", [np.float64(0.9), np.float32(0.5), np.int64(3), np.bool_(True)], ids=repr)
def test_numbers_of_numpy_are_read_back_as_numbers(tmp_path, value):
    state = load_checkpoint(save_checkpoint(tmp_path / "a.pt", {"a": {"b": [value], "c": (value,)}}))
    assert state == {"a": {"b": [value.item()], "c": (value.item(),)}}
    assert type(state["a"]["b"][0]) is type(value.item())


@pytest.mark.parametrize("value", [np.zeros(3), Path("x"), torch.nn.Linear(2, 2)], ids=["array", "path", "module"])
def test_what_could_not_be_read_back_is_refused_by_field(tmp_path, value):
    path = save_checkpoint(tmp_path / "a.pt", STATE)
    with pytest.raises(TypeError, match=rf"a.pt: could not be read back.*config.deep\[1\] is a {type(value).__name__}"):
        save_checkpoint(path, {"config": {"deep": [1, value]}})
    assert torch.equal(load_checkpoint(path)["w"], STATE["w"]) and [p.name for p in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module.", "model.", "model.module."])
def test_weights_of_a_wrapped_network_load(prefix):
    one, two = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    load_weights(two, {prefix + name: tensor for name, tensor in one.state_dict().items()}, "a.pt")
    assert torch.equal(one.weight, two.weight) and torch.equal(one.bias, two.bias)
    load_weights(torch.nn.DataParallel(two), one.state_dict(), "a.pt")


def test_bytes_are_on_disk_before_the_name_is_taken(tmp_path, monkeypatch):
    calls = []
    fsync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), rename(a, b))[1])
    save_checkpoint(tmp_path / "a.pt", STATE)
    assert calls == ["fsync", "replace"]


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
def test_a_cut_file_is_refused_with_the_way_out(tmp_path, keep):
    path = save_checkpoint(tmp_path / "a.pt", STATE)
    content = path.read_bytes()
    path.write_bytes(content[:int(keep * len(content))] if isinstance(keep, float) else content[:keep])
    with pytest.raises(ValueError, match="cut short or of another origin; delete it") as refused:
        load_checkpoint(path)
    assert str(path) in str(refused.value)


def test_other_objects_than_data_are_refused(tmp_path):
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "whole_module.pt")
    with pytest.raises(ValueError, match="whole_module.pt: not a checkpoint"):
        load_checkpoint(tmp_path / "whole_module.pt")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.pt"):
        load_checkpoint(tmp_path / "absent.pt")


def test_random_numbers_go_on_where_they_were(tmp_path):
    torch.manual_seed(3)
    torch.rand(7)
    path = save_checkpoint(tmp_path / "rng.pt", {"rng": rng_state()})
    expected = torch.rand(5), torch.randn(5), torch.randperm(9)
    torch.manual_seed(99)
    restore_rng_state(load_checkpoint(path)["rng"])
    again = torch.rand(5), torch.randn(5), torch.randperm(9)
    assert all(torch.equal(a, b) for a, b in zip(expected, again, strict=True))


@pytest.fixture
def two_gpus(monkeypatch):
    """Generators of two GPUs, as far as torch.cuda tells of them."""
    states = [torch.tensor([1], dtype=torch.uint8), torch.tensor([2], dtype=torch.uint8)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(states))
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [state.clone() for state in states])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", lambda new: states.__setitem__(slice(None), new))
    return states


def test_the_random_numbers_of_every_gpu_go_on_too(tmp_path, two_gpus):
    path = save_checkpoint(tmp_path / "rng.pt", {"rng": rng_state()})
    two_gpus[:] = [torch.tensor([8], dtype=torch.uint8), torch.tensor([9], dtype=torch.uint8)]
    restore_rng_state(load_checkpoint(path)["rng"])
    assert [state.item() for state in two_gpus] == [1, 2]


def test_those_of_another_number_of_gpus_are_left_alone(two_gpus):
    state = rng_state()
    two_gpus[:] = [torch.tensor([8], dtype=torch.uint8)]
    restore_rng_state(state)
    assert [state.item() for state in two_gpus] == [8]


@pytest.mark.parametrize("store", [CheckpointFile, RunFolder])
def test_a_wrapped_network_is_saved_under_plain_names(tmp_path, store):
    """So that any program loads them, whatever the network was wrapped in while it trained."""
    network = torch.nn.Linear(3, 2)
    wrapped = torch.nn.DataParallel(network).state_dict()
    row = {"epoch": 1, "val_accuracy": 0.5}
    store(tmp_path / "a.pt").save({"model": wrapped, "history": [row], "config": {}})
    saved = sorted(tmp_path.rglob("*.pt"))
    files = [path for path in saved if path.is_file()]
    assert files
    for path in files:
        assert list(torch.load(path, weights_only=True)["model"]) == ["weight", "bias"]
