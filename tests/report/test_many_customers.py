"""Every notebook on 200,000 customers, in a time told by a loop on the same machine:
no sentence, budget or draw may go through them one by one again.
"""

import json
import time
from pathlib import Path

import duckdb
import psutil
import pytest
from carnet.report.kernels import process_context
from carnet.shipped import report_notebooks

from tests.conftest import run_carnet

CUSTOMERS, LINES = 200_000, 500_000
# times the loop that all notebooks together may take, in time of the processor: other tests beside
# this one do not slow it. Measured 45 to 51; the sentences of one list took 95 more when each
# number was written by itself, two fits 10 when they took customers that are alike one by one
BUDGET = 80


def loop_seconds():
    """Processor seconds of a loop over so many rows in plain Python."""
    before = time.process_time()
    told = {f"C{number}": f"{number * 0.37:,.2f}" for number in range(5 * CUSTOMERS)}
    assert len(told) == 5 * CUSTOMERS
    return time.process_time() - before


def notebook_seconds():
    """Processor seconds of the processes that this one started, those that have ended too."""
    started = psutil.Process().children(recursive=True)
    return sum(sum(process.cpu_times()[:4]) for process in started)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """The folder of a book with many customers and few lines of each."""
    folder = tmp_path_factory.mktemp("wide") / "wide"
    folder.mkdir()
    rows = f"""SELECT 'C' || (i * 7919 % {CUSTOMERS}) AS customer_id, 'F' || i AS order_id,
        DATE '2023-01-01' + CAST((i * 1096) // {LINES} AS INTEGER) AS date,
        CAST((hash(i) % 50000) / 100.0 + 5 AS DECIMAL(18, 2)) AS amount,
        'P' || (hash(i * 3) % 5) AS product, 'S' || (i * 7919 % {CUSTOMERS} % 3) AS salesperson
        FROM range({LINES}) t(i)"""
    duckdb.sql(f"COPY ({rows}) TO '{folder}/sales.parquet'")
    (folder / "engagement.yml").write_text(
        "client: Wide\nas_of: 2025-12-31\nlanguage: en\ntables:\n"
        '  sales: {files: "sales.parquet"}\n',
        encoding="utf-8",
    )
    return folder


@pytest.mark.long
def test_every_notebook_keeps_its_time(wide, tmp_path):
    process_context()  # the server that the notebooks' processes come from
    unit, before = loop_seconds(), notebook_seconds()
    done = run_carnet("run", wide, "--out", tmp_path)
    taken = (notebook_seconds() - before) / ((unit + loop_seconds()) / 2)
    assert done.returncode == 0, done.stderr
    report = Path(done.stdout.splitlines()[-1])
    seconds = json.loads((report / "manifest.json").read_text(encoding="utf-8"))["seconds"]
    assert set(seconds) == {path.stem for path in report_notebooks()} | {"total"}
    assert 20 < taken < BUDGET, (taken, seconds)
    listed = duckdb.sql(
        f"SELECT count(*), count(DISTINCT customer_id), count(*) FILTER (decision = '' OR why = '')"
        f" FROM read_csv('{report}/lists/actions.csv', all_varchar = true)"
    ).fetchall()[0]
    active = duckdb.sql(
        f"SELECT count(DISTINCT customer_id) FROM '{wide}/sales.parquet' WHERE date > '2023-12-31'"
    )
    assert listed == (active.fetchall()[0][0],) * 2 + (0,) and listed[0] > 180_000
