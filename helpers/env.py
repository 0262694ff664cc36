"""Where the code runs: profile, device, precision, seeds and the environment table."""

import contextlib
import ctypes
import importlib.util
import os
import platform
import random
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from helpers.compat import mend_torchvision

PROFILES = ("smoke", "quick", "full")
PRECISIONS = {"auto": None, "bf16": torch.bfloat16, "fp16": torch.float16, "float32": None}
PACKAGES = ("torch", "torchvision", "numpy", "albumentations", "torch-lr-finder", "torchsummary", "matplotlib",
            "pandas", "scikit-learn")
# What a hosted notebook may lack: module → what pip is asked for. torch and numpy are never touched there.
ADDED = {
    "albumentations": "albumentations>=2.0.8,<2.1",
    "torch_lr_finder": "torch-lr-finder",
    "torchsummary": "torchsummary",
}

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # settings of glibc's `mallopt`, as its header malloc.h numbers them


def get_profile() -> str:
    """``$CIFAR_PROFILE`` if set, else ``full`` with a CUDA GPU that can be used and ``quick`` without.

    ``smoke`` is for tests (seconds), ``quick`` for two cores (½ to 2½ minutes per notebook), ``full`` for a GPU.
    """
    profile = os.environ.get("CIFAR_PROFILE") or ("full" if get_device().type == "cuda" else "quick")
    if profile not in PROFILES:
        raise ValueError(f"CIFAR_PROFILE={profile!r}: choose one of {', '.join(PROFILES)}")
    return profile


def by_profile(smoke, quick, full):
    """Pick one of three values by `get_profile`; how a notebook states its three sizes in one line."""
    return {"smoke": smoke, "quick": quick, "full": full}[get_profile()]


def has_kernels(capability: tuple[int, int], architectures: list[str]) -> bool:
    """Whether a torch that was built for `architectures` can compute on a GPU of this compute capability.

    ``sm_75`` is machine code for 7.5 and for later chips of the same major version; ``compute_90`` is compiled
    when it is needed, for 9.0 and everything later (CUDA C++ Programming Guide, "Binary Compatibility").
    A list that names no CUDA architecture, as ROCm's, decides nothing.
    """
    named = [re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name) for name in architectures]
    known = [match.groups() for match in named if match]
    for kind, major, minor, suffix in known:
        built_for = int(major), int(minor)
        if suffix == "a":  # uses features of exactly this chip
            runs = built_for == capability
        elif kind == "compute":
            runs = built_for <= capability
        else:
            runs = built_for[0] == capability[0] and built_for[1] <= capability[1]
        if runs:
            return True
    return not known


def unusable_gpu() -> str:
    """Why the CUDA GPU that is here cannot be used, in words; "" if it can, or if there is none."""
    if not torch.cuda.is_available():
        return ""
    capability = torch.cuda.get_device_capability()
    if has_kernels(capability, torch.cuda.get_arch_list()):
        return ""
    name = torch.cuda.get_device_name()
    return (f"this GPU ({name}, compute capability {capability[0]}.{capability[1]}) has no kernels in this torch "
            f"(built for {', '.join(torch.cuda.get_arch_list())}): running on the CPU")


def get_device() -> torch.device:
    """The best device present that this torch has kernels for: CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available() and not unusable_gpu():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_name(device: torch.device | None = None) -> str:
    """The device as torch reports it, for records and captions: ``"CPU, 2 threads, AVX512"``, a GPU's name.

    Under torchrun a GPU's name is followed by the number of processes, each of which has one.
    """
    device = device or get_device()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        together = torch.distributed.is_available() and torch.distributed.is_initialized()
        return f"{name} × {torch.distributed.get_world_size()}" if together else name
    if device.type == "mps":
        return "Apple MPS"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}, {torch.backends.cpu.get_cpu_capability()}"


def resolve_precision(precision: str, device: torch.device) -> str:
    """``"auto"`` → ``"bf16"``, ``"fp16"`` or ``"float32"``, the fastest that the hardware supports; other names pass.

    bf16 has float32's range and needs no loss scaling; where it is emulated, it is slow.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    native = device.type == "cpu" and any(check() for check in checks if check)
    return "bf16" if native else "float32"


def autocast(precision: str, device: torch.device):
    """Context in which matrix products run in `precision`; does nothing for float32."""
    dtype = PRECISIONS[precision]
    return torch.autocast(device.type, dtype) if dtype else contextlib.nullcontext()


def keep_freed_memory() -> None:
    """Let this process keep memory that it frees; the C library of Linux otherwise returns large blocks at once.

    Every new tensor then is handed out by the system again, page by page, each page zeroed.
    """
    with contextlib.suppress(AttributeError, TypeError):  # no such function; no C library to open
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_MAX, 0)  # no block is borrowed from the system alone, to be returned at once
        mallopt(M_TRIM_THRESHOLD, -1)  # and of what is freed none is given back


def look_up(table: dict, name: str, kind: str):
    """What `table` holds under a name; an unknown one raises `ValueError` that lists the known."""
    if name not in table:
        raise ValueError(f"unknown {kind} {name!r}: choose from {sorted(table)}")
    return table[name]


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on all devices."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def package_versions() -> dict[str, str]:
    """Installed version of each package that a result depends on, and Python's."""
    found = {"python": platform.python_version()} | dict.fromkeys(PACKAGES, "missing")
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def install_missing() -> str:
    """Ask pip for those of `ADDED` that are not installed; returns "" or, in words, what went wrong."""
    missing = [package for module, package in ADDED.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return ""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=1"]
    done = subprocess.run([*pip, *missing], capture_output=True, text=True)
    importlib.invalidate_caches()  # else this process does not see what has just been installed
    if done.returncode == 0:
        return ""
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return (f"pip could not install {', '.join(missing)} ({reason}).\n"
            "What needs it will stop and name it, everything else works; to try again, run this cell again.")


def hosted_on() -> str:
    """``"colab"``, ``"kaggle"``, or "" anywhere else."""
    if "COLAB_RELEASE_TAG" in os.environ or "COLAB_JUPYTER_IP" in os.environ:
        return "colab"
    return "kaggle" if "KAGGLE_KERNEL_RUN_TYPE" in os.environ or Path("/kaggle/input").exists() else ""


def environment_verdict() -> str:
    """What a reader should know, or do, about this environment, in one sentence."""
    missing = [name for name, found in package_versions().items() if found == "missing"]
    if missing:
        return f"missing: {', '.join(missing)}; only what needs it stops, and names it"
    if unusable_gpu():
        return unusable_gpu()
    if get_device().type == "cpu":
        choose = {"colab": "CPU runtime: choose Runtime → Change runtime type → T4",
                  "kaggle": "CPU session: choose Settings → Accelerator → GPU T4 x2"}
        if hosted_on():
            return choose[hosted_on()]
    return "all is well"


def print_environment() -> None:
    """Print one ``[OK]`` or ``[FAIL]`` line for each package, then device, precision and profile, and a verdict."""
    device = f"{device_name()}, trains in {resolve_precision('auto', get_device())}"
    place = {"torchvision ops": mend_torchvision(), "device": device, "profile": get_profile()}
    for name, found in (package_versions() | place).items():
        hint = f"   → pip install {name}" if found == "missing" else ""
        print(f"[{'FAIL' if hint else 'OK'}] {name:16s} {found}{hint}")
    print(environment_verdict())


def set_up() -> None:
    """What the first cell of every notebook does once it has found the repository."""
    if failure := install_missing():
        print(failure)
    print_environment()
