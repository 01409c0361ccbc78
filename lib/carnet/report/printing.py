"""Pages → PDF through a headless Chromium: A4, page numbers and repeated headings come from the
pages' own print style.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from carnet.errors import CarnetError, Message

# first those that can open no window: they print in less than half the time
BROWSERS = (
    "chromium-headless-shell", "chrome-headless-shell",
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
)  # fmt: skip
TIMEOUT_SECONDS = 180
QUIET = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-dev-shm-usage", "--no-pdf-header-footer", "--virtual-time-budget=10000",
)  # fmt: skip


def find_browser() -> str:
    """The browser that prints. Raises CarnetError naming what to install."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise CarnetError(
            "--pdf needs Chromium: none of {listed} is on the PATH. On "
            "Debian: apt-get install chromium. The HTML pages print from "
            "any browser too.",
            listed=", ".join(BROWSERS),
        )
    return found


def print_pages(browser: str, pages: Iterable[Path]) -> None:
    """Write NAME.pdf beside each NAME.html. Raises CarnetError when the browser does not.

    Links to other files are taken out first: a PDF would hold them with the paths of this machine.
    """
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    for page in pages:
        target = page.with_suffix(".pdf")
        with tempfile.TemporaryDirectory(prefix="carnet-", ignore_cleanup_errors=True) as scratch:
            copy, printed = Path(scratch) / "page.html", Path(scratch) / "page.pdf"
            copy.write_text(
                re.sub(r'(<a\b[^>]*?) href="[^#"][^"]*"', r"\1", page.read_text(encoding="utf-8")),
                encoding="utf-8",
            )
            command = [
                browser,
                *QUIET,
                *as_root,
                f"--user-data-dir={scratch}/profile",
                f"--print-to-pdf={printed}",
                copy.as_uri(),
            ]
            told = _run(command)
            if told or not printed.is_file():
                raise CarnetError(
                    "--pdf: {browser} did not print {page}: {told}. Print the page from a browser.",
                    browser=browser,
                    page=page.name,
                    told=told or Message("no message"),
                )
            shutil.copyfile(printed, target)


def _run(command: list[str]) -> str:
    """Run the browser; empty when it is done, else what it told.

    Nothing of it outlives a time-out.
    """
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # where there are sessions: what lost its parent is in it too
    )
    try:
        _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    except BaseException as ended:  # a time-out, or a person who interrupts
        _kill(process.pid)
        process.communicate()
        if not isinstance(ended, subprocess.TimeoutExpired):
            raise
        return Message("nothing after {seconds} seconds", seconds=TIMEOUT_SECONDS)
    return (
        (errors.strip().splitlines() or [f"exit {process.returncode}"])[-1]
        if process.returncode
        else ""
    )


def _kill(pid: int) -> None:
    """The first process of a session and all that it started, on any system."""
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        for process in [*first.children(recursive=True), first]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
