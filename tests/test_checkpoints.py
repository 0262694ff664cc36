"""Checkpoints are whole or absent, plain data only, and restore random numbers exactly."""

import errno
import io
import os

import pytest
import torch

from helpers.training import checkpoints
from helpers.training.checkpoints import load_checkpoint, restore_rng_state, rng_state, save_checkpoint

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
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"w": torch.zeros(3)})
    assert torch.equal(load_checkpoint(path)["w"], STATE["w"])
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("room", [0, 100, 3000, 70_000])
def test_what_the_system_says_gets_through_torchs_writer(tmp_path, monkeypatch, room):
    path = save_checkpoint(tmp_path / "a.pt", STATE)

    class Full(io.FileIO):
        def write(self, content):
            if self.tell() + len(content) > room:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    monkeypatch.setattr("builtins.open", lambda name, mode="r", *more, **options: Full(name, mode.replace("b", "")))
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {f"w{i}": torch.zeros(1000) for i in range(30)})
    monkeypatch.undo()
    assert torch.equal(load_checkpoint(path)["w"], STATE["w"]) and [p.name for p in tmp_path.iterdir()] == ["a.pt"]


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
