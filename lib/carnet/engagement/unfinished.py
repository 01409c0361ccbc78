"""Folders of work that is not finished: private, named after the process that fills them,
swept once that process is gone.
"""

import atexit
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psutil

CACHE_NAME = ".carnet"  # of an engagement: its cache
PREFIX = ".building-"
PRIVATE = 0o077  # umask: what carnet writes is its user's alone


@contextmanager
def building(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, gone at the end unless it was renamed;
    what killed processes left there is removed first.
    """
    sweep(parent)
    with tempfile.TemporaryDirectory(
        prefix=f"{PREFIX}{_here()}-{os.getpid()}-", dir=parent, ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def spill_folder(parent: Path) -> Path:
    """Where this process may put what its memory does not hold; gone at its end, or swept like
    the others.
    """
    return _spill_folder(parent, os.getpid())


@cache
def _spill_folder(parent: Path, process: int) -> Path:
    folder = parent / f"{PREFIX}{_here()}-{process}-spill"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def sweep(parent: Path) -> None:
    """Remove the folders of processes of this machine that are no more."""
    prefix = f"{PREFIX}{_here()}-"
    for left in parent.glob(f"{prefix}*"):
        number = left.name.removeprefix(prefix).split("-")[0]
        if re.fullmatch("[0-9]{1,9}", number) and not psutil.pid_exists(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _here() -> str:
    """The machine's name: a folder may be shared with another one,
    whose processes are not known here.
    """
    return re.sub(r"\W", "", socket.gethostname()) or "here"
