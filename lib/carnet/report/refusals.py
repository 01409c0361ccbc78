"""What stops a command or the form, as one message with its remedy."""

import duckdb

from carnet.engagement.unfinished import CACHE_NAME
from carnet.errors import CarnetError
from carnet.report.execution import NotebookFailed
from carnet.wording import N_

ENGINE_LIBRARIES = ("psycopg", "pyspark", "py4j", "ibis")  # their errors share no base class
ENGINE_REFUSED = N_("engine: it refused ({kind}: {said}). Nothing was published.")
FAULT = N_("This is a fault of carnet ({kind}: {said}). Nothing was published.")
EXPECTED = (CarnetError, NotebookFailed, OSError, duckdb.Error, MemoryError)


def is_expected(error: Exception) -> bool:
    """False for a fault of carnet's own, which is shown whole."""
    return isinstance(error, EXPECTED) or type(error).__module__.split(".")[0] in ENGINE_LIBRARIES


def refusal(error: Exception) -> CarnetError:
    """An error as it is told: a refusal as it stands, a failed notebook, or what the machine or
    an engine refused and what to do.
    """
    if isinstance(error, CarnetError):
        return error
    if isinstance(error, NotebookFailed):
        return _failed(error)
    said = (str(error).splitlines() or [type(error).__name__])[0]
    if not isinstance(error, EXPECTED):
        template = ENGINE_REFUSED if is_expected(error) else FAULT
        return CarnetError(template, kind=type(error).__name__, said=said)
    if isinstance(error, MemoryError) or "Out of Memory" in said:
        return CarnetError(
            "memory ran out ({said}). Close other programs, or give the engagement fewer rows.",
            said=said,
        )
    if "No space left" in said or "File too large" in said or "Disk quota" in said:
        return CarnetError(
            "the disk is full ({said}). Nothing was published. Free some space, or name another "
            "disk with --out; the cache stands in {cache} of the engagement's folder.",
            said=said,
            cache=CACHE_NAME,
        )
    if isinstance(error, PermissionError) or "Read-only" in said:
        return CarnetError(
            "not allowed to write ({said}). carnet writes its cache into {cache} of the "
            "engagement's folder and reports into --out: make both writable, or copy the "
            "engagement.",
            said=said,
            cache=CACHE_NAME,
        )
    return CarnetError("the machine refused ({said}). Nothing was published.", said=said)


def _failed(failure: NotebookFailed) -> CarnetError:
    name = failure.notebook
    if failure.refusal:
        return CarnetError("{notebook}: {refusal}", notebook=name, refusal=failure.refusal)
    log = failure.log
    if failure.cell < 0 and log:
        return CarnetError(
            "{notebook} failed at its kernel: {error}\n"
            "Nothing was published; the executed notebook is in {log}",
            notebook=name,
            error=failure.error,
            log=log,
        )
    if log:
        return CarnetError(
            "{notebook} failed at cell {cell}: {error}\n"
            "Nothing was published; the executed notebook is in {log}",
            notebook=name,
            cell=failure.cell,
            error=failure.error,
            log=log,
        )
    return CarnetError(
        "{notebook} failed: {error}\n"
        "Nothing was published; the executed notebook could not be kept",
        notebook=name,
        error=failure.error,
    )
