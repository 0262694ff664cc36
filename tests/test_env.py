"""Where the code runs: GPUs that torch cannot use, what the first cell says, and packages that cannot be installed."""

import subprocess
import sys

import pytest
import torch

from helpers import env

WHEEL_2026 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]  # a CUDA 13 wheel's list


@pytest.mark.parametrize("capability, architectures, runs", [
    ((6, 0), WHEEL_2026, False),                 # Kaggle's P100: the case in question
    ((7, 0), WHEEL_2026, False),                 # V100: sm_75 is code for later chips of its family only
    ((7, 5), WHEEL_2026, True),                  # T4
    ((8, 9), WHEEL_2026, True),                  # L4 runs code for 8.6
    ((12, 1), WHEEL_2026, True), ((13, 0), WHEEL_2026, True),  # compiled from compute_120
    ((10, 3), ["sm_100a"], False), ((10, 0), ["sm_100a"], True),  # "a" is for one chip alone
    ((9, 0), ["gfx90a", "gfx1100"], True), ((9, 0), [], True),  # ROCm: nothing is known
])
def test_kernels_for_a_gpu(capability, architectures, runs):
    assert env.has_kernels(capability, architectures) == runs


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that there is a CUDA GPU of a given name and compute capability."""
    def pretend(name, capability):
        monkeypatch.delenv("CIFAR_PROFILE", raising=False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda *device: name)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *device: capability)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: WHEEL_2026)
    return pretend


def test_a_gpu_without_kernels_is_not_used_and_named(gpu):
    gpu("Tesla P100-PCIE-16GB", (6, 0))
    assert env.get_device().type == "cpu" and env.get_profile() == "quick"
    assert "Tesla P100-PCIE-16GB" in env.environment_verdict()
    assert "has no kernels in this torch" in env.environment_verdict()
    assert "running on the CPU" in env.environment_verdict()


def test_a_usable_gpu_gets_the_full_profile_and_its_own_name(gpu):
    gpu("Tesla T4", (7, 5))
    assert env.get_device().type == "cuda" and env.get_profile() == "full"
    assert env.device_name() == "Tesla T4"  # one GPU trains, though two are there
    assert env.environment_verdict() == "all is well"


@pytest.mark.parametrize("variable, said", [("COLAB_RELEASE_TAG", "choose Runtime → Change runtime type → T4"),
                                            ("KAGGLE_KERNEL_RUN_TYPE", "choose Settings → Accelerator → GPU T4 x2")])
def test_a_hosted_cpu_says_how_to_get_a_gpu(variable, said, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(variable, "x")
    assert env.environment_verdict().endswith(said)
    monkeypatch.delenv(variable)
    assert env.environment_verdict() == "all is well"


def pip(monkeypatch, returncode, stderr=""):
    calls = []
    monkeypatch.setattr(env, "ADDED", {"no_such_module_anywhere": "no-such-package>=1", "torch": "torch"})
    monkeypatch.setattr(subprocess, "run", lambda command, **options: calls.append(command) or
                        subprocess.CompletedProcess(command, returncode, "", stderr))
    return calls


def test_only_what_is_missing_is_asked_for(monkeypatch):
    calls = pip(monkeypatch, 0)
    assert env.install_missing() == ""
    assert calls[0][:4] == [sys.executable, "-m", "pip", "install"]
    assert "no-such-package>=1" in calls[0] and "torch" not in calls[0]


def test_a_failing_pip_is_a_sentence_and_the_cell_goes_on(monkeypatch, capsys):
    pip(monkeypatch, 1, "WARNING: Retrying\nERROR: No matching distribution found for no-such-package")
    env.set_up()
    printed = capsys.readouterr().out
    assert "pip could not install no-such-package>=1 (ERROR: No matching distribution found" in printed
    assert "[OK] profile" in printed


def test_a_missing_package_is_in_the_verdict(monkeypatch):
    monkeypatch.setattr(env, "PACKAGES", ("torch", "no-such-package"))
    assert env.environment_verdict().startswith("missing: no-such-package;")
