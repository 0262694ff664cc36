"""One process for each run folder: a second one is refused until the first gives its claim up, or ends."""

from __future__ import annotations

import contextlib
import errno
import os
import warnings
import weakref
from pathlib import Path

UNKNOWN_TO_FILE_SYSTEM = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_held: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


class RunInUseError(RuntimeError):
    """Another process trains into this run folder."""


class _Claim:
    """An open and locked file; the lock ends with this object, at the latest with the process."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+", encoding="utf-8")
        try:
            lock_file(file)
        except OSError as error:
            if error.errno in UNKNOWN_TO_FILE_SYSTEM:
                warnings.warn(f"{path.parent}: this file system knows no locks; let one process at a time train here",
                              stacklevel=4)
            else:
                file.close()
                raise RunInUseError(f"{path.parent} is in use by another process that trains this run: wait until it "
                                    "ends, or begin a run of your own, without --resume") from None
        # Not __del__: at the end of Python that is called when nothing can be imported any more, this before.
        weakref.finalize(self, _give_up, file, os.getpid())


def _give_up(file, process: int) -> None:
    """Unlock and close a file that `process` has locked; another process, forked from it, closes its copy only."""
    if os.getpid() == process:
        # Closing is not enough: a worker that was forked in the meantime holds the same lock.
        with contextlib.suppress(OSError):
            unlock_file(file)
    file.close()


def lock_file(file) -> None:
    """Lock an open file for this process, at once or not at all (`OSError`)."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def unlock_file(file) -> None:
    """Take back what `lock_file` did, in every process that shares the open file."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        return
    fcntl.flock(file, fcntl.LOCK_UN)


def claim_folder(folder: Path) -> _Claim:
    """Claim a run folder for this process for as long as the result is kept; `RunInUseError` if another has it.

    Within one process every claim of a folder is the same one.
    """
    key = os.getpid(), folder.resolve()  # a forked process must not take its parent's claim for its own
    claim = _held.get(key)
    if claim is None:
        claim = _Claim(folder / ".lock")
        _held[key] = claim
    return claim
