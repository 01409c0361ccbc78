"""Time and memory of audits of generated books: `make bench`,
or python tools/bench.py 100000 1000000 10000000 (100000000 too, with time).

For each size: the bare scan of the file, load and cube (of the lines as Parquet, as a French text
and as the legal ledger that holds them), each measure (Ibis on DuckDB, as the
notebooks call it; the same by hand in DuckDB's SQL; the same in pandas), then the whole report set,
cold and again, beside the floor: as many notebooks that import and draw as many pictures,
and nothing else. Seconds of measures are medians of 5 (above 1,000,000 lines: 3) runs after a first
one, those of reports of as many as the line tells; a book is loaded once. Memory is the peak
of a process (of all processes of a report: the sum of their proportional set sizes, sampled).
A measure gives one number in each of the three ways, which must agree, or the bench stops.
"""

import datetime as dt
import json
import math
import multiprocessing
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import duckdb
import nbformat
import pandas as pd
import psutil
from carnet.book.book import open_book
from carnet.engagement.periods import Bucket, buckets
from carnet.measures.indicators import cohorts
from carnet.measures.portfolio import concentration, movement
from carnet.measures.retention import defection
from carnet.report import publishing, unchanged

ENGAGEMENT = (
    "client: Bench {lines}\nas_of: 2025-12-31\ncurrency: EUR\ntables:\n"
    '  {table}: {{files: "{files}"}}\n'
)
AS_OF = dt.date(2025, 12, 31)
QUARTERS: list[Bucket] = buckets(dt.date(2023, 1, 1), AS_OF, "quarter")
REPEATS = 5


def write_book(folder: Path, lines: int) -> None:
    """Three years of `lines` sale lines: about 40 lines a customer and year, 5 lines an order."""
    folder.mkdir(parents=True)
    customers = max(lines // 120, 10)
    rows = f"""SELECT 'C' || (hash(i // 5) % {customers}) AS customer_id, DATE '2023-01-01' + CAST((i * 1096) // {lines} AS INTEGER) AS date,
        CAST((hash(i) % 50000) / 100.0 - 10 AS DECIMAL(18, 2)) AS amount, 'F' || (i // 5) AS order_id FROM range({lines}) t(i)"""  # noqa: E501
    duckdb.sql(f"COPY ({rows}) TO '{folder}/sales.parquet'")
    write_engagement(folder, lines, "sales", "sales.parquet")


def write_engagement(folder: Path, lines: int, table: str, files: str) -> None:
    text = ENGAGEMENT.format(lines=lines, table=table, files=files)
    (folder / "engagement.yml").write_text(text, encoding="utf-8")


def as_text(folder: Path, lines: int) -> Path:
    """The lines of a book as a French spreadsheet writes them, with a salesperson's accents."""
    written = folder.with_name(f"{folder.name}-text")
    written.mkdir()
    write_engagement(written, lines, "sales", "sales.csv")
    duckdb.sql(f"""COPY (SELECT customer_id, strftime(date, '%d/%m/%Y') AS date,
        replace(amount::VARCHAR, '.', ',') AS amount, order_id,
        'Région Rhône-Alpes ' || right(customer_id, 1) AS salesperson
        FROM '{folder}/sales.parquet') TO '{written}/sales.csv' (DELIMITER ';', HEADER)""")
    return written


def as_ledger(folder: Path, lines: int) -> Path:
    """The lines of a book as its legal ledger has them: an entry an order, one line of the customer
    and one of revenue for each of sale; a file a year.
    """
    written = folder.with_name(f"{folder.name}-ledger")
    written.mkdir()
    write_engagement(written, lines, "ledger", "999999998FEC*.txt")
    amount = "replace(abs(amount)::VARCHAR, '.', ',')"
    more, less = (f"CASE WHEN amount {sign} 0 THEN {amount} ELSE '0,00' END" for sign in "><")
    line = """SELECT 'VE' AS JournalCode, 'Ventes' AS JournalLib, order_id AS EcritureNum,
        strftime(date, '%Y%m%d') AS EcritureDate, {account} AS CompteNum, 'Opérations' AS CompteLib,
        {customer} AS CompAuxNum, {customer} AS CompAuxLib, order_id AS PieceRef,
        strftime(date, '%Y%m%d') AS PieceDate, 'Facture' AS EcritureLib, {debit} AS Debit,
        {credit} AS Credit, '' AS EcritureLet, '' AS DateLet, strftime(date, '%Y%m%d') AS ValidDate,
        '' AS Montantdevise, '' AS Idevise FROM {rows}"""
    for year in (2023, 2024, 2025):
        sales = f"(FROM '{folder}/sales.parquet' WHERE year(date) = {year})"
        whole = (
            f"(SELECT customer_id, order_id, date, sum(amount) AS amount FROM {sales} GROUP BY ALL)"
        )
        sold = line.format(account="701000", customer="''", debit=less, credit=more, rows=sales)
        owed = line.format(
            account="411000", customer="customer_id", debit=more, credit=less, rows=whole
        )
        duckdb.sql(
            f"COPY (SELECT * FROM ({sold} UNION ALL {owed}) ORDER BY EcritureNum, CompteNum) TO "
            f"'{written}/999999998FEC{year}1231.txt' (DELIMITER '\t', HEADER, QUOTE '')"
        )
    return written


WRITTEN = {"load: a text of the lines": as_text, "load: the legal ledger": as_ledger}


# --- the same measures three times: each returns one number that tells whether they agree

NOW, BEFORE = "audit_month BETWEEN 0 AND 11", "audit_month BETWEEN 12 AND 23"
LATE_SQL = f"""SELECT sum(gap) FROM (SELECT coalesce(sum(revenue) FILTER ({NOW}), 0) - coalesce(sum(revenue) FILTER ({BEFORE}), 0) AS gap
    FROM cube GROUP BY customer_id) WHERE round(gap, 2) < 0"""  # noqa: E501
GINI_SQL = f"""SELECT 1 - sum((2 * rank - 1) * r) / (count(*) * sum(r)) + 0 FROM (SELECT r, row_number() OVER (ORDER BY r DESC, customer_id) AS rank FROM
    (SELECT customer_id, sum(revenue) FILTER ({NOW}) AS r FROM cube GROUP BY customer_id) WHERE r > 0)"""  # noqa: E501
COHORT_SQL = """SELECT sum(n) FROM (SELECT first, quarter, count(DISTINCT customer_id) AS n FROM (SELECT customer_id, date_trunc('quarter', date) AS quarter,
    min(date_trunc('quarter', date)) OVER (PARTITION BY customer_id) AS first FROM orders) GROUP BY ALL)"""  # noqa: E501
RHYTHM_SQL = """WITH t AS (SELECT customer_id, count(*) - 1 AS n, max(date) - min(date) AS span, max(date) AS last FROM (SELECT DISTINCT customer_id, date FROM orders
    WHERE date <= DATE '2025-12-31') GROUP BY customer_id), u AS (SELECT quantile_cont(span / n, 0.5) AS usual FROM t WHERE n > 0)
    SELECT sum((DATE '2025-12-31' - last) / nullif((span + usual) / (n + 1), 0)) FROM t, u"""  # noqa: E501


def late_pandas(cube: pd.DataFrame, _: pd.DataFrame) -> float:
    now, before = cube[cube.audit_month.between(0, 11)], cube[cube.audit_month.between(12, 23)]
    gap = (
        now.groupby("customer_id")
        .revenue.sum()
        .sub(before.groupby("customer_id").revenue.sum(), fill_value=0)
    )
    return float(gap[gap.round(2) < 0].sum())


def gini_pandas(cube: pd.DataFrame, _: pd.DataFrame) -> float:
    revenue = cube[cube.audit_month.between(0, 11)].groupby("customer_id").revenue.sum()
    revenue = revenue[revenue > 0].sort_values(ascending=False)
    rank = pd.Series(range(1, len(revenue) + 1), index=revenue.index)
    return float(1 - ((2 * rank - 1) * revenue).sum() / (len(revenue) * revenue.sum()))


def cohorts_pandas(_: pd.DataFrame, orders: pd.DataFrame) -> float:
    dated = orders.assign(quarter=pd.to_datetime(orders.date).dt.to_period("Q").astype("int64"))[
        ["customer_id", "quarter"]
    ].drop_duplicates()
    return float(
        dated.assign(first=dated.groupby("customer_id").quarter.transform("min"))
        .groupby(["first", "quarter"])
        .size()
        .sum()
    )


def rhythm_pandas(_: pd.DataFrame, orders: pd.DataFrame) -> float:
    days = orders[["customer_id", "date"]].drop_duplicates()
    days = days.assign(date=pd.to_datetime(days.date))
    t = days.groupby("customer_id").date.agg(["min", "max", "size"])
    span, intervals = (t["max"] - t["min"]).dt.days, t["size"] - 1
    usual = (span / intervals)[intervals > 0].median()
    rhythm = (span + usual) / (intervals + 1)
    return float(((pd.Timestamp(AS_OF) - t["max"]).dt.days / rhythm.where(rhythm > 0)).sum())


def moved(book):
    return movement.customer_movement(book.cube, book.periods)


MEASURES: dict[str, tuple[Callable, str, Callable]] = {
    "late revenue gap": (
        lambda b: moved(b).sales_gap.clip(upper=0).sum().execute(),
        LATE_SQL,
        late_pandas,
    ),
    "Gini index": (
        lambda b: concentration.concentration_summary(moved(b)).gini_index.max().execute(),
        GINI_SQL,
        gini_pandas,
    ),
    "cohorts": (
        lambda b: cohorts.cohort_counts(b.orders, QUARTERS).active_count.sum().execute(),
        COHORT_SQL,
        cohorts_pandas,
    ),
    "order rhythm": (
        lambda b: defection.order_rhythm(b.orders, AS_OF).silence_ratio.sum().execute(),
        RHYTHM_SQL,
        rhythm_pandas,
    ),
}


def cube_by_hand(folder: Path) -> float:
    """Orders and cube of the lines, in SQL, written like the book's."""
    con = duckdb.connect()
    con.execute(f"CREATE VIEW sales AS FROM read_parquet('{folder}/sales.parquet')")
    month = "(2025 * 12 + 12 - (year(date) * 12 + month(date)) - CAST(day(date) > 31 AS INTEGER))"
    con.execute(f"""COPY (SELECT customer_id, order_id, min(date) FILTER (amount > 0) AS date, sum(amount)::DOUBLE AS revenue, count(*) FILTER (amount > 0) AS line_count
        FROM sales GROUP BY customer_id, order_id, {month} // 12 HAVING date IS NOT NULL) TO '{folder}/hand_orders.parquet'""")  # noqa: E501
    con.execute(f"""COPY (SELECT customer_id, date_trunc('month', date) AS month, {month} AS audit_month, sum(amount)::DOUBLE AS revenue, count(*) AS line_count,
        count(*) FILTER (amount > 0) AS positive_line_count, min(date) FILTER (amount > 0) AS first_date, max(date) FILTER (amount > 0) AS last_date
        FROM sales GROUP BY ALL) TO '{folder}/hand_cube.parquet'""")  # noqa: E501
    return con.execute(f"SELECT sum(revenue) FROM '{folder}/hand_cube.parquet'").fetchall()[0][0]


def cube_in_pandas(folder: Path) -> float:
    lines = pd.read_parquet(folder / "sales.parquet")
    lines = lines.assign(amount=lines.amount.astype(float), date=pd.to_datetime(lines.date))
    lines = lines.assign(month=lines.date.dt.to_period("M"), positive=lines.amount > 0)
    lines.groupby(["customer_id", "order_id"]).agg(
        date=("date", "min"), revenue=("amount", "sum"), line_count=("positive", "sum")
    )
    cube = lines.groupby(["customer_id", "month"], observed=True).agg(
        revenue=("amount", "sum"),
        line_count=("amount", "size"),
        first=("date", "min"),
        last=("date", "max"),
    )
    return float(cube.revenue.sum())


# --- measuring


def apart(work: Callable, *arguments) -> tuple[float, float, float]:
    """What a function returns, its seconds, and the peak memory of the process of its own that
    ran it, in MB.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (work, arguments))


def _measured(work: Callable, arguments: tuple) -> tuple[float, float, float]:
    before = time.perf_counter()
    result = work(*arguments)
    # ru_maxrss would start from the size of the parent
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return result, time.perf_counter() - before, int(peak[1]) / 1024


def median(work: Callable, repeats: int = REPEATS) -> tuple[float, float]:
    """What a function returns, and the median of its seconds, the first run left out."""
    result, seconds = work(), []
    for _ in range(repeats):
        before = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - before)
    return result, statistics.median(seconds)


def scan(folder: Path) -> float:
    return float(
        duckdb.connect()
        .execute(
            f"SELECT sum(amount), max(date), max(customer_id), max(order_id) "
            f"FROM '{folder}/sales.parquet'"
        )
        .fetchall()[0][0]
    )


def build(folder: Path) -> float:
    return float(open_book(folder).checks["sales"].accepted_amount)


class PeakMemory(threading.Thread):
    """The largest sum of the proportional set sizes of a process and its children, in MB,
    sampled twice a second.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.done = pid, 0.0, threading.Event()

    def run(self) -> None:
        with suppress(psutil.NoSuchProcess):  # it ended while it was looked at
            this = psutil.Process(self.pid)
            while not self.done.wait(0.5):
                family = [this, *this.children(recursive=True)]
                self.peak = max(self.peak, sum(map(_own_memory, family)) / 2**20)


def _own_memory(process: psutil.Process) -> int:
    """Bytes of the proportional set size; 0 of a process that ended."""
    try:
        return process.memory_full_info().pss
    except psutil.Error:
        return 0


def report(folder: Path, notebooks: Path, *options: str) -> tuple[float, float, Path]:
    """Seconds, peak memory and folder of one audit: a command of its own,
    with its start and its imports.
    """
    command = f"""
import sys
from pathlib import Path
from carnet import cli
from carnet.report import notebooks
find = notebooks.find_notebooks
notebooks.find_notebooks = lambda names=(): find(names, Path({str(notebooks)!r}))
if __name__ == "__main__":
    sys.argv = ["carnet", "run", {str(folder)!r}, "--out", {str(folder / "out")!r}, *{options!r}]
    cli.console()
"""
    before = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    memory = PeakMemory(process.pid)
    memory.start()
    told, trouble = process.communicate()
    seconds = time.perf_counter() - before
    memory.done.set()
    memory.join()
    if process.returncode:
        raise SystemExit(f"the audit of {folder} ended with {process.returncode}:\n{trouble}")
    return seconds, memory.peak, Path(told.splitlines()[-1])


FLOOR = """import pandas as pd
import seaborn as sns
from carnet.exhibits import charts, tables
from carnet.exhibits.exhibit import Exhibit, Section
from carnet.exhibits.forms import Drawn
from carnet.report.notebook import open_book, record, show
from carnet.wording import Wording
w, amounts = Wording("en", "EUR"), [3, 5, 2, 8, 1, 9, 4, 7]
steps = pd.DataFrame({{"label": list("abcdefgh"), "amount": amounts, "total": False}})
form = Drawn(charts.draw_waterfall)
show(Section("floor", w, tuple(
    Exhibit(f"picture_{{n}}", "A title", steps, form, "A measure", "A source")
    for n in range({pictures})
)))
"""


def pictures(published: Path) -> dict[str, int]:
    """Pictures that each notebook of a report drew, each wide and narrow."""
    counts = {}
    for path in sorted((published / "notebooks").glob("*.ipynb")):
        code = (
            cell
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            if cell["cell_type"] == "code"
        )
        counts[path.stem] = sum(
            "image/svg+xml" in output.get("data", {}) for cell in code for output in cell["outputs"]
        )
    return counts


def floor_notebooks(published: Path, folder: Path) -> Path:
    """As many notebooks as the report has, each drawing as many pictures."""
    folder.mkdir()
    for name, count in pictures(published).items():
        made = nbformat.v4.new_notebook(
            cells=[
                nbformat.v4.new_markdown_cell("# Floor\n\nImports and pictures."),
                nbformat.v4.new_code_cell(
                    'engagement = ""\nas_of = ""\nlanguage = "en"',
                    metadata={"tags": ["parameters"]},
                ),
                nbformat.v4.new_code_cell(FLOOR.format(pictures=count)),
            ]
        )
        made.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        nbformat.write(made, folder / f"{name}.ipynb")
    return folder


def answer(con: duckdb.DuckDBPyConnection, sql: str) -> float:
    """The single value of a query."""
    return con.execute(sql).fetchall()[0][0]


def same(*values: float) -> None:
    """Stop when ways of measuring the same do not agree."""
    if not all(math.isclose(value, values[0], rel_tol=1e-9, abs_tol=1e-6) for value in values):
        raise SystemExit(f"the ways do not agree: {values}")


RUNS = {
    "floor": "floor: imports and pictures",
    "cold": "report set, nothing computed before",
    "rows": "again, every notebook run, from kept rows",
    "changed": "again, a parameter of one notebook changed",
    "same": "again, the same",
}


def bench(home: Path, lines: int) -> None:
    """The table of one size."""
    folder, repeats = home / str(lines), REPEATS if lines <= 1_000_000 else 3
    write_book(folder, lines)
    print(
        f"\n{lines:,} lines, {(folder / 'sales.parquet').stat().st_size / 2**20:,.0f} MB "
        f"of Parquet",
        flush=True,
    )
    print(
        f"{'':28}{'carnet s':>10}{'SQL s':>10}{'pandas s':>10}{'÷ SQL':>8}{'MB':>8}"
        f"{'SQL MB':>8}{'pandas MB':>10}"
    )
    print(
        f"{'bare scan of the file':28}{median(lambda: scan(folder), repeats)[1]:10.3f}", flush=True
    )
    in_memory = lines <= 10_000_000
    built, by_hand = apart(build, folder), apart(cube_by_hand, folder)
    framed = apart(cube_in_pandas, folder) if in_memory else (built[0], math.nan, math.nan)
    same(built[0], by_hand[0], framed[0])
    print(
        f"{'load, checks, orders, cube':28}{built[1]:10.2f}{by_hand[1]:10.2f}{framed[1]:10.2f}"
        f"{built[1] / by_hand[1]:8.1f}{built[2]:8,.0f}{by_hand[2]:8,.0f}{framed[2]:10,.0f}",
        flush=True,
    )
    for name, write in WRITTEN.items() if lines <= 1_000_000 else ():
        read = apart(build, write(folder, lines))
        same(built[0], read[0])
        print(f"{name:28}{read[1]:10.2f}{'':28}{read[2]:8,.0f}", flush=True)
    book = open_book(folder)
    book.engine.backend.folder = None  # asked each time: no rows that were kept
    con = duckdb.connect()
    con.execute(
        f"CREATE VIEW cube AS FROM '{book.folder}/cube.parquet'; CREATE VIEW orders AS "
        f"FROM '{book.folder}/orders.parquet'"
    )
    frames = (
        [pd.read_parquet(book.folder / f"{name}.parquet") for name in ("cube", "orders")]
        if in_memory
        else []
    )
    for name, (ours, sql, framed_measure) in MEASURES.items():
        one, hand = median(partial(ours, book), repeats), median(partial(answer, con, sql), repeats)
        other = median(partial(framed_measure, *frames), repeats) if frames else (one[0], math.nan)
        same(one[0], hand[0], other[0])
        print(
            f"{name:28}{one[1]:10.3f}{hand[1]:10.3f}{other[1]:10.3f}{one[1] / hand[1]:8.1f}",
            flush=True,
        )
    frames.clear()
    first = report(folder, publishing.NOTEBOOKS)
    floor_folder = floor_notebooks(first[2], home / f"floor{lines}")
    if not sum(pictures(first[2]).values()):
        raise SystemExit("the report draws nothing: its floor would be none")
    kinds: dict[str, list[tuple[float, float, Path]]] = {name: [] for name in RUNS}
    # one after the other, so that a slow minute is everybody's
    for _ in range(3 if lines <= 1_000_000 else 1):
        kinds["floor"].append(report(folder, floor_folder))
        if in_memory:  # beyond, loading is told above
            shutil.rmtree(folder / ".carnet")
            kinds["cold"].append(report(folder, publishing.NOTEBOOKS))
        for kept in (folder / ".carnet").glob(f"*/{unchanged.KEPT}"):
            shutil.rmtree(kept)
        kinds["rows"].append(report(folder, publishing.NOTEBOOKS))
        kinds["changed"].append(report(folder, publishing.NOTEBOOKS, "-p", "quarter_count=6"))
        kinds["same"].append(report(folder, publishing.NOTEBOOKS))
    if pictures(kinds["floor"][0][2]) != pictures(first[2]):
        raise SystemExit("the floor does not draw what the report draws")
    floor = statistics.median(seconds for seconds, _, _ in kinds["floor"])
    for name, runs in ((name, runs) for name, runs in kinds.items() if runs):
        seconds = statistics.median(seconds for seconds, _, _ in runs)
        print(
            f"{RUNS[name]:48}{seconds:10.1f}{'':10}{max(peak for _, peak, _ in runs):8,.0f}   "
            f"{seconds / floor:.2f} × floor, of {len(runs)}",
            flush=True,
        )


def main() -> None:
    """One table a size."""
    with tempfile.TemporaryDirectory() as name:
        for lines in map(int, sys.argv[1:] or ("100000", "1000000", "10000000")):
            bench(Path(name), lines)


if __name__ == "__main__":
    main()
