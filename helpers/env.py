"""Where the code runs: profile, device, precision, seeds and the environment table."""

import contextlib
import ctypes
import os
import platform
import random
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

from helpers.compat import mend_torchvision

PROFILES = ("smoke", "quick", "full")
PRECISIONS = {"auto": None, "bf16": torch.bfloat16, "fp16": torch.float16, "float32": None}
PACKAGES = ("torch", "torchvision", "numpy", "albumentations", "torch-lr-finder", "torchsummary", "matplotlib",
            "pandas", "scikit-learn")


def get_profile() -> str:
    """``$CIFAR_PROFILE`` if set, else ``full`` with a CUDA GPU and ``quick`` without.

    ``smoke`` is for tests (seconds), ``quick`` for a laptop (≤ 90 s a notebook), ``full`` for a GPU.
    """
    profile = os.environ.get("CIFAR_PROFILE") or ("full" if torch.cuda.is_available() else "quick")
    if profile not in PROFILES:
        raise ValueError(f"CIFAR_PROFILE={profile!r}: choose one of {', '.join(PROFILES)}")
    return profile


def by_profile(smoke, quick, full):
    """Pick one of three values by `get_profile`; how a notebook states its three sizes in one line."""
    return {"smoke": smoke, "quick": quick, "full": full}[get_profile()]


def get_device() -> torch.device:
    """The best device present: CUDA, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_name(device: torch.device | None = None) -> str:
    """The device as torch reports it, for records and captions: ``"CPU, 2 threads, AVX512"``, a GPU's name."""
    device = device or get_device()
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} × {torch.cuda.device_count()}"
    if device.type == "mps":
        return "Apple MPS"
    return f"CPU, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"


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
        mallopt(-4, 0), mallopt(-1, -1)  # M_MMAP_MAX: none; M_TRIM_THRESHOLD: never


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


def print_environment() -> None:
    """Print one ``[OK]`` or ``[FAIL]`` line for each package, then device, precision and profile."""
    device = f"{device_name()}, trains in {resolve_precision('auto', get_device())}"
    place = {"torchvision ops": mend_torchvision(), "device": device, "profile": get_profile()}
    for name, found in (package_versions() | place).items():
        hint = f"   → pip install {name}" if found == "missing" else ""
        print(f"[{'FAIL' if hint else 'OK'}] {name:16s} {found}{hint}")
