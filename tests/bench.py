"""Time the audit of generated books: `make bench` (or python tests/bench.py 1000000). Prints seconds: build, cached, report."""

import itertools
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import duckdb
from carnet.book import open_book
from carnet.publish import find_notebooks, run_audit

ENGAGEMENT = """client: Bench {lines}
tables:
  sales: {{files: "sales.{kind}"}}
"""


def write_book(folder: Path, lines: int, kind: str) -> None:
    """Three years of `lines` sale lines: about 40 lines a customer and year, 5 lines an order."""
    customers = max(lines // 120, 10)
    rows = f"""SELECT 'C' || (hash(i // 5) % {customers}) AS customer_id, DATE '2023-01-01' + CAST((i * 1096) // {lines} AS INTEGER) AS date,
        CAST((hash(i) % 50000) / 100.0 - 10 AS DECIMAL(18, 2)) AS amount, 'F' || (i // 5) AS order_id FROM range({lines}) t(i)"""
    options = "(HEADER, DELIMITER ';')" if kind == "csv" else ""
    duckdb.sql(f"COPY ({rows}) TO '{folder}/sales.{kind}' {options}")
    (folder / "engagement.yml").write_text(ENGAGEMENT.format(lines=lines, kind=kind), encoding="utf-8")


def main() -> None:
    """One line per size and kind of file."""
    print(f"{'lines':>12} {'file':>8} {'build s':>8} {'cached s':>9} {'report s':>9}")
    for lines in map(int, sys.argv[1:] or ("100000", "1000000")):
        for kind in ("csv", "parquet"):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                write_book(folder, lines, kind)
                clock = [time.perf_counter()]
                steps = (
                    partial(open_book, folder),
                    partial(open_book, folder),
                    partial(run_audit, folder, folder / "out", find_notebooks(), {}),
                )
                for step in steps:
                    step()
                    clock.append(time.perf_counter())
                build, cached, report = (after - before for before, after in itertools.pairwise(clock))
                print(f"{lines:12,} {kind:>8} {build:8.2f} {cached:9.2f} {report:9.2f}", flush=True)


if __name__ == "__main__":
    main()
