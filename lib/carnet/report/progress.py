"""What is told while an audit runs: the row ledger first, then which notebooks run and how long it
will take, as a bar in a terminal and as plain lines elsewhere; always on stderr.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType

import click
from tqdm import tqdm

from carnet.book.book import Book
from carnet.engagement.schema import TABLE_LABELS
from carnet.wording import Wording

UNMEASURED_SECONDS = 10.0  # of a notebook that never ran here
REFRESH_SECONDS = 0.5


class Watch:
    """Told of the steps of a run; this one says nothing."""

    def warn(self, text: str) -> None:
        """Something to look at."""

    def opened(self, book: Book) -> None:
        """The book is read and checked."""

    def running(self, expected: Mapping[str, float], side_by_side: int) -> "Watch":
        """The notebooks begin, with the seconds that each is expected to take."""
        return self

    def began(self, notebook: str) -> None:
        """A notebook begins."""

    def ended(self, notebook: str, unchanged: bool = False) -> None:
        """A notebook has ended, or did not have to run again."""

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


SILENT = Watch()


class Shown(Watch):
    """Shown to the person who waits; `ledger` prints the row ledger of a book."""

    def __init__(self, ledger: Callable[[Book], object]) -> None:
        self.ledger = ledger
        self.expected: dict[str, float] = {}
        self.side_by_side, self.began_at = 1, 0.0
        self.live: dict[str, float] = {}
        self.done: list[str] = []
        self.bar: tqdm | None = None
        self.over = threading.Event()
        self.follower: threading.Thread | None = None
        self.w = Wording("en", "EUR")

    def warn(self, text: str) -> None:
        """A line on stderr."""
        click.echo(text, err=True)

    def opened(self, book: Book) -> None:
        """The row ledger."""
        self.w = book.wording
        self.ledger(book)

    def running(self, expected: Mapping[str, float], side_by_side: int) -> "Watch":
        """The bar begins, in a terminal."""
        self.expected, self.side_by_side = dict(expected), side_by_side
        self.began_at, self.done, self.live = time.monotonic(), [], {}
        self.over.clear()
        if sys.stderr.isatty():
            self.bar = tqdm(
                total=round(sum(self.expected.values())),
                bar_format="{percentage:3.0f}%|{bar:24}| {desc}",
                leave=False,
            )
            self.follower = threading.Thread(target=self._follow, daemon=True)
            self.follower.start()
        return self

    def began(self, notebook: str) -> None:
        """It stands beside the bar."""
        self.live[notebook] = time.monotonic()

    def ended(self, notebook: str, unchanged: bool = False) -> None:
        """A plain line, where there is no bar."""
        seconds = time.monotonic() - self.live.pop(notebook, self.began_at)
        self.done.append(notebook)
        if self.bar is None:
            told = dict(
                done=self.w.number(len(self.done)),
                all=self.w.number(len(self.expected)),
                notebook=notebook,
                seconds=self.w.number(seconds),
                left=self.w.number(self.left()),
            )
            line = (
                self.w._("{done} of {all}: {notebook} unchanged since an earlier run", **told)
                if unchanged
                else self.w._(
                    "{done} of {all}: {notebook} took {seconds} s, about {left} s left", **told
                )
                if len(self.done) < len(self.expected)
                else self.w._("{done} of {all}: {notebook} took {seconds} s", **told)
            )
            click.echo(f"  {line}", err=True)

    def left(self) -> float:
        """Seconds that are left, by what the notebooks were expected to take and by what they took
        so far.
        """
        now = time.monotonic()
        waiting = [s for name, s in self.expected.items() if name not in {*self.done, *self.live}]
        live = [max(self.expected[name] - (now - at), 1.0) for name, at in self.live.items()]
        return max([*live, 0.0, (sum(waiting) + sum(live)) / self.side_by_side])

    def _follow(self) -> None:
        """Move the bar while the notebooks run."""
        while not self.over.wait(REFRESH_SECONDS):
            if self.bar is not None:
                now = time.monotonic()
                part = sum(min(self.expected[n], now - at) for n, at in list(self.live.items()))
                self.bar.n = min(
                    sum(self.expected[name] for name in self.done) + part, self.bar.total
                )
                names = ", ".join(list(self.live))
                self.bar.set_description_str(f"{names} · {self.left():.0f} s")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        if self.follower is not None:
            self.follower.join()
        if self.bar is not None:
            self.bar.close()
        self.bar = self.follower = None


def ledger_lines(book: Book) -> list[str]:
    """The row ledger, the reasons and the warnings, in the engagement's language."""
    w = book.wording
    told = [f"{book.engagement.client} · {book.as_of}"]
    for name, table in book.checks.items():
        counts = w._(
            "{rows} rows read, {kept} accepted, {aside} set aside",
            rows=w.number(table.rows),
            kept=w.number(table.accepted_rows),
            aside=w.number(table.quarantined_rows),
        )
        sums = (
            w._(
                "{column}: {read} read = {kept} accepted + {aside} set aside",
                column=table.mapping.get(table.total, table.total),
                read=w.number(table.amount, 2),
                kept=w.number(table.accepted_amount, 2),
                aside=w.number(table.quarantined_amount, 2),
            )
            if table.total
            else ""
        )
        label = w.tell(TABLE_LABELS[name])
        label = w._("{table}, from the ledger", table=label) if table.source else label
        line = w._("{table}: {counts}", table=label, counts=counts)
        told.append(f"  {line}{' · ' if sums else ''}{sums}")
        for reason, count in table.reasons.items():
            told.append(f"    {w.number(count)} × {table.tell_reason(w, reason)}")
        if table.unused:
            unused = w._("columns that nothing uses: {columns}", columns=", ".join(table.unused))
            told.append(f"    {unused}")
    for notice in book.notices:
        told.append(f"  ! {w.tell(notice)}")
    return told


def expected_seconds(
    notebooks: Iterable[Path], measured: Mapping[str, float] | None
) -> dict[str, float]:
    """The seconds that each notebook is expected to take: those of the last report."""
    known = measured or {}
    return {path.stem: float(known.get(path.stem, UNMEASURED_SECONDS)) for path in notebooks}
