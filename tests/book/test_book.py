import datetime as dt
import gc
import os
import signal
import subprocess
import sys

import ibis
import pandas as pd
import pytest
from carnet.book import book as book_module
from carnet.book import building, cache, engines
from carnet.book.book import open_book
from carnet.customers.series import audit_series
from carnet.engagement import interpreter
from carnet.engagement.periods import Periods
from carnet.errors import CarnetError

HEADER = ["customer_id", "date", "amount", "order_id", "salesperson"]
ROWS = [
    HEADER, ["A", "2024-01-10", "100", "F1", "Zoé"], ["A", "2024-01-10", "50", "F1", "Zoé"],
    ["A", "2024-01-25", "-30", "AV1", "Zoé"], ["A", "2024-02-01", "20", "F2", "Yann"],
    ["B", "2023-06-30", "5", "F3", "Yann"], ["B", "2024-06-30", "7", "", "Yann"],
    ["B", "2024-06-30", "8", "", "Yann"],
]  # fmt: skip


@pytest.fixture
def book(make_engagement):
    return open_book(make_engagement(tables={"sales": ROWS}))


def test_cube_is_one_row_per_customer_and_month(book):
    cube = book.cube.order_by("customer_id", "month").execute()
    january = cube.iloc[0]
    assert (
        january.customer_id,
        january.revenue,
        january.order_count,
        january.line_count,
        january.positive_line_count,
    ) == (
        "A",
        120,
        1,
        3,
        2,
    )
    assert (january.last_date, january.salesperson) == (pd.Timestamp("2024-01-10"), "Zoé")
    assert list(cube.revenue) == [120, 20, 5, 15]
    assert list(cube.order_count) == [1, 1, 1, 1], (
        "lines without an order number make one order a customer and day"
    )


@pytest.mark.long
def test_an_audit_date_that_the_sales_hardly_reach_is_told(make_engagement):
    """Two lines a day up to 31 December 2024, and one stray line of 5 January: 10 were usual by
    then, too few to say anything; of 20 lines a day, 100. At their own end nothing is told.
    """
    every = [dt.date(2023, 1, 1) + dt.timedelta(days=n) for n in range(731)]

    def told(lines_a_day, stray=None, **content):
        rows = [["customer_id", "date", "amount"]]
        rows += [[f"C{n}", str(day), "10"] for day in every for n in range(lines_a_day)]
        rows += [["C1", stray, "10"]] if stray else []
        book = open_book(make_engagement(tables={"sales": rows}, **content))
        return [n for n in map(book.wording.tell, book.notices) if "write as_of" in n]

    assert told(2, "2025-01-05") == told(20) == []
    few = (
        "The month of the audit date ({day} January 2025) holds few sale lines up to it: {count}, "
        "where about {usual} are usual. If the sales given end before, write as_of: 2024-12-31."
    )
    assert told(20, "2025-01-05") == [few.format(day=5, count=1, usual=100)]
    assert told(20, as_of="2025-01-20") == [few.format(day=20, count=0, usual=400)]
    closed = [day for day in every if day.month != 1]  # as every January
    every = [*closed, dt.date(2025, 1, 31)]
    # 20 lines on 335 days of 2024, 31 of 366 of them: 567
    assert told(20) == [few.format(day=31, count=20, usual=567)]
    every = closed
    assert told(20, as_of="2025-01-31") == []
    assert told(2, as_of="2025-03-01") == [
        "The last sale given is of 31 December 2024, 60 days before the audit date (1 March 2025): "
        "the days since count as days without a sale. If the sales given end there, write "
        "as_of: 2024-12-31."
    ]


def test_an_order_across_two_audit_periods_is_an_order_of_each(make_engagement):
    rows = [
        HEADER,
        ["A", "2023-12-30", "50", "F1", ""],
        ["A", "2024-01-05", "60", "F1", ""],
        ["A", "2024-12-31", "1", "F2", ""],
    ]
    orders = open_book(make_engagement(tables={"sales": rows})).orders.order_by("date").execute()
    assert list(zip(orders.order_id, orders.revenue, strict=True)) == [
        ("F1", 50),
        ("F1", 60),
        ("F2", 1),
    ]


def test_a_late_start_is_judged_by_the_rhythm_of_the_book(make_engagement):
    """Sales every few days from March on do not cover January;
    two sales a year do not say that they started late.
    """
    dense = [
        HEADER[:3],
        *(
            ["A", f"{year}-{month:02d}-15", "1"]
            for year in (2023, 2024)
            for month in range(1, 13)
            if (year, month) > (2023, 3)
        ),
    ]
    sparse = [HEADER[:3], ["A", "2023-04-01", "1"], ["A", "2024-04-01", "1"]]
    assert not open_book(
        make_engagement("dense", tables={"sales": dense}), as_of="2024-12-31"
    ).previous_is_complete
    assert open_book(
        make_engagement("sparse", tables={"sales": sparse}), as_of="2024-12-31"
    ).previous_is_complete


def test_a_previous_period_that_was_not_given_is_said(make_engagement):
    rows = [
        HEADER[:3],
        *(["A", f"{year}-{month:02d}-15", "1"] for year in (2022, 2024) for month in range(1, 13)),
    ]
    book = open_book(make_engagement(tables={"sales": rows}), as_of="2024-12-31")
    assert not book.previous_is_complete
    assert any("No sale of the previous period" in notice.message for notice in book.notices)


def test_queries_are_fetched_once_for_a_report(make_engagement, monkeypatch):
    import sqlite3

    from carnet.engagement.running import RUN_VARIABLE, Run

    folder = make_engagement(
        tables={"sales": {"files": "sqlite:///e.db", "query": "select * from v"}}
    )
    with sqlite3.connect(folder / "e.db") as con:
        con.execute(
            "create table v as select 'A' as customer_id, '2024-01-31' as date, 5.0 as amount"
        )
    assert open_book(folder).checks["sales"].rows == 1
    with sqlite3.connect(folder / "e.db") as con:
        con.execute("insert into v values ('B', '2024-02-01', 1.0)")
    Run(shared=str(folder)).write(folder / "run.json")
    monkeypatch.setenv(RUN_VARIABLE, str(folder / "run.json"))
    assert open_book(folder).checks["sales"].rows == 1
    monkeypatch.delenv(RUN_VARIABLE)
    assert open_book(folder).checks["sales"].rows == 2


@pytest.mark.long
def test_no_progress_bar_where_duckdb_takes_the_process_for_a_terminal(make_engagement):
    """Without a script, as in a kernel, DuckDB draws a bar on stdout for whatever takes two
    seconds: neither building, reading nor writing lists may.
    """
    code = """
import sys, duckdb
from carnet.book import book, building
from carnet.report import notebook
of = "SELECT current_setting('enable_progress_bar')"
built = []
choose_goods = building.choose_goods
def read(con):
    return con.execute(of).fetchall()[0][0]
def noted(con, *given):
    built.append(read(con))
    return choose_goods(con, *given)
building.choose_goods = noted
opened = book.open_book(sys.argv[1])
print(read(duckdb.connect()), built, read(opened.engine.backend.con), read(notebook._frames().con))
"""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            make_engagement(tables={"sales": [HEADER[:3], ["A", "2024-01-15", "1"]]}),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "[False]", "False", "False"], (
        "on by itself, off in both connections of a book and in that of lists"
    )


def test_orders(book):
    orders = book.orders.order_by("customer_id", "date").execute()
    assert list(orders.revenue) == [150, 20, 5, 15]
    assert list(orders.line_count) == [2, 1, 1, 2]


def test_salesperson_is_the_one_of_the_last_line(book):
    assert dict(book.customers.select("customer_id", "salesperson").execute().to_numpy()) == {
        "A": "Yann",
        "B": "Yann",
    }


def test_customer_list_wins_over_sales(make_engagement):
    listed = [["customer_id", "name", "salesperson"], ["A", "Alpha", "Xavier"], ["C", "Gamma", ""]]
    customers = (
        open_book(make_engagement(tables={"sales": ROWS, "customers": listed}))
        .customers.order_by("customer_id")
        .execute()
    )
    assert [tuple(row) for row in customers.fillna("-").to_numpy()] == [
        ("A", "Alpha", "Xavier"),
        ("B", "B", "Yann"),
        ("C", "Gamma", "-"),
    ]


def test_second_opening_reads_the_cache(make_engagement, monkeypatch):
    folder = make_engagement(tables={"sales": ROWS})
    first = open_book(folder)
    monkeypatch.setattr(book_module, "build", lambda *_: pytest.fail("the cache was not read"))
    assert open_book(folder).cube.execute().equals(first.cube.execute())
    assert open_book(folder).checks["sales"] == first.checks["sales"]


@pytest.mark.parametrize(("few", "held"), [(3, "python"), (2, "pyarrow")])
def test_texts_are_held_as_the_number_of_customers_asks(make_engagement, monkeypatch, few, held):
    """Two customers: fewer than three, and not fewer than two."""
    monkeypatch.setattr(interpreter, "FEW_CUSTOMERS", few)
    with pd.option_context("mode.string_storage", "auto"):
        book = open_book(make_engagement(tables={"sales": ROWS}))
        texts = book.customers.order_by("customer_id").execute().customer_id
        assert texts.tolist() == ["A", "B"] and texts.dtype.storage == held


@pytest.mark.long
def test_cache_is_left_when_input_mapping_or_date_changes(make_engagement):
    folder = make_engagement(tables={"sales": ROWS})
    homes = {open_book(folder).folder, open_book(folder, as_of="2024-03-01").folder}
    (folder / "sales.csv").write_text("customer_id,date,amount\nA,2024-01-10,1\n")
    homes.add(open_book(folder).folder)
    assert len(homes) == 3
    assert open_book(folder).cube.revenue.sum().execute() == 1


@pytest.mark.long
def test_the_cache_keeps_the_books_opened_last(make_engagement):
    folder = make_engagement(tables={"sales": ROWS})
    homes = [open_book(folder, as_of=f"2024-{month:02d}-28").folder for month in range(2, 11)]
    kept = {path.name for path in (folder / ".carnet").iterdir()}
    assert kept == {home.name for home in homes[-cache.KEPT_BOOKS :]}


@pytest.mark.long
def test_a_build_that_dies_leaves_no_cache(make_engagement, monkeypatch):
    folder = make_engagement(tables={"sales": ROWS})
    monkeypatch.setattr(building, "cube_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        open_book(folder)
    assert list((folder / ".carnet").iterdir()) == []
    monkeypatch.undo()
    assert open_book(folder).cube.count().execute() == 4


def test_as_of_that_is_no_date(make_engagement):
    with pytest.raises(CarnetError, match="YYYY-MM-DD"):
        open_book(make_engagement(tables={"sales": ROWS}), as_of="31/12/2024")


def test_history_that_does_not_cover_the_previous_period_is_said(make_engagement, demo_book):
    book = open_book(make_engagement(tables={"sales": ROWS}), as_of="2024-06-30")
    assert not book.previous_is_complete
    assert any("incomplete" in notice.message for notice in book.notices)
    assert demo_book.previous_is_complete


def test_book_without_sales_has_an_empty_cube(make_engagement):
    book = open_book(
        make_engagement(
            tables={"customers": [["customer_id", "name"], ["A", "Alpha"]]}, as_of="2024-12-31"
        )
    )
    assert book.cube.count().execute() == 0
    assert list(book.customers.execute().name) == ["Alpha"]


@pytest.mark.parametrize(
    ("as_of", "comparison", "start", "current", "previous"),
    [
        (
            "2025-12-31",
            "rolling_year",
            1,
            ("2025-01-01", "2025-12-31"),
            ("2024-01-01", "2024-12-31"),
        ),
        (
            "2011-12-09",
            "rolling_year",
            1,
            ("2010-12-10", "2011-12-09"),
            ("2009-12-10", "2010-12-09"),
        ),
        (
            "2024-02-29",
            "rolling_year",
            1,
            ("2023-03-01", "2024-02-29"),
            ("2022-03-01", "2023-02-28"),
        ),
        (
            "2025-02-28",
            "rolling_year",
            1,
            ("2024-03-01", "2025-02-28"),
            ("2023-03-01", "2024-02-29"),
        ),
        (
            "2025-02-28",
            "year_to_date",
            1,
            ("2025-01-01", "2025-02-28"),
            ("2024-01-01", "2024-02-29"),
        ),
        (
            "2025-05-15",
            "year_to_date",
            1,
            ("2025-01-01", "2025-05-15"),
            ("2024-01-01", "2024-05-15"),
        ),
        (
            "2025-05-15",
            "year_to_date",
            7,
            ("2024-07-01", "2025-05-15"),
            ("2023-07-01", "2024-05-15"),
        ),
    ],
)
def test_periods(as_of, comparison, start, current, previous):
    periods = Periods(dt.date.fromisoformat(as_of), comparison, start)
    assert (str(periods.current.start), str(periods.current.end)) == current
    assert (str(periods.previous.start), str(periods.previous.end)) == previous


def test_what_a_book_computes_once_is_of_its_own_periods(make_engagement):
    """The same book over the last 12 months instead of the year to date:
    nothing of the one is taken for the other, and a frame changed stays its owner's.
    """
    rows = [
        HEADER[:3],
        *(
            ["A", f"{year}-{month:02d}-10", "1"]
            for year in (2022, 2023, 2024)
            for month in range(1, 13)
        ),
    ]
    book = open_book(
        make_engagement(as_of="2024-03-31", comparison="year_to_date", tables={"sales": rows})
    )
    assert audit_series(book).revenue.tolist() == [3, 3]
    rolled = book.rolling
    assert audit_series(rolled).revenue.tolist() == [12, 12] and (
        book.previous_order_count,
        rolled.previous_order_count,
    ) == (3, 12)
    changed = audit_series(book)
    changed["revenue"] = 0.0
    assert audit_series(book).revenue.tolist() == [3, 3]
    # each once; what is said per year is counted in the book of years alone
    asked = [sorted(name for _, name, *_ in b.computed) for b in (book, rolled)]
    assert asked == [["audit_series"], ["_years_moved", "audit_series"]]


@pytest.mark.long
def test_what_one_notebook_of_a_report_computed_the_others_read(
    make_engagement, tmp_path, monkeypatch
):
    """Frame, types and the queries that are shown, whoever came first, in this report or a later
    one; another question, or another date, is computed for itself; so is what a careless hand cut.
    """
    from carnet.book.once import once
    from carnet.engagement.running import RUN_VARIABLE, Run
    from carnet.measures.register import recording

    computed = []

    @once
    def revenues(book, least):
        computed.append(least)
        kept = book.kept(
            "named_customers",
            book.cube.group_by("customer_id").agg(revenue=book.cube.revenue.sum()),
            "all",
        )
        return (
            kept.filter(kept.revenue >= least)
            .execute()
            .assign(first=dt.date(2024, 1, 1), gone=None)
        )

    folder = make_engagement(
        tables={"sales": [HEADER[:3], ["A", "2024-01-10", "1"], ["B", "2024-03-10", "5"]]}
    )

    def runs_in(shared):
        shared.mkdir(exist_ok=True)
        Run(shared=str(shared)).write(shared / "run.json")
        monkeypatch.setenv(RUN_VARIABLE, str(shared / "run.json"))

    runs_in(tmp_path)
    first, second = open_book(folder), open_book(folder)
    with recording() as making:
        one = revenues(first, 2)
    with recording() as reading:
        other = revenues(second, 2)
    assert (
        computed == [2]
        and one.to_dict() == other.to_dict()
        and list(one.dtypes) == list(other.dtypes)
    )
    assert making.ran == reading.ran and set(reading.ran) == {"named_customers"}
    assert reading.ran["named_customers"].query.startswith("SELECT")
    assert len(revenues(second, 1)) == 2 and computed == [2, 1]
    runs_in(tmp_path / "other")
    later = revenues(open_book(folder), 2)
    assert computed == [2, 1] and later.to_dict() == one.to_dict()
    assert list(later.dtypes) == list(one.dtypes)
    revenues(open_book(folder, as_of="2024-02-01"), 2)
    assert computed == [2, 1, 2]
    kept = list((open_book(folder).folder / "computed").glob("*.arrow"))
    assert len(kept) == 2
    for path in kept:
        path.write_bytes(path.read_bytes()[:-40])
    revenues(open_book(folder), 2)
    assert computed == [2, 1, 2, 2]


@pytest.mark.long
def test_what_memory_does_not_hold_stands_in_the_cache_and_is_swept(make_engagement, tmp_path):
    """A process with 60 MB for its database, killed while its rows stand on the disk:
    in the engagement's cache alone, gone when the book is opened again.
    """
    from carnet.engagement.running import RUN_VARIABLE, Run

    folder = make_engagement(tables={"sales": [HEADER[:3], ["A", "2024-01-15", "1"]]})
    code = """
import os, sys
from carnet.book.book import open_book
con = open_book(sys.argv[1]).engine.backend.con
con.execute("CREATE TEMP TABLE large AS SELECT i, 'a text that is not short' || i AS text FROM range(4000000) t(i)")
print(con.execute("SELECT current_setting('memory_limit')").fetchall()[0][0], flush=True)
os.kill(os.getpid(), 9)
"""  # noqa: E501
    run = tmp_path / "run.json"
    Run(memory="60MB").write(run)
    command, room = [sys.executable, "-c", code, folder], os.environ | {RUN_VARIABLE: str(run)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=room
    )
    assert done.returncode == -signal.SIGKILL and done.stdout.split() == ["57.2", "MiB"], (
        done.stderr
    )
    cache = folder / ".carnet"
    (left,) = cache.glob(".building-*-spill")
    assert (
        sum(path.stat().st_size for path in left.iterdir()) > 10_000_000
        and cache.stat().st_mode & 0o077 == 0
    )
    assert {path.name for path in folder.iterdir()} == {".carnet", "engagement.yml", "sales.csv"}, (
        "nothing where the process happened to be"
    )
    open_book(folder)
    assert not list(cache.glob(".building-*"))


def test_a_table_kept_for_other_parameters_leaves_the_first_as_it_was(book):
    large, small = (book.cube.filter(book.cube.revenue > least) for least in (10, 0))
    first = book.kept("chosen", large, "Large")
    second = book.kept("chosen", small, "Small")
    assert first.revenue.sum().execute() < second.revenue.sum().execute()
    assert book.kept("chosen", large, "Large").equals(first)


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        ("2024-06-01", "2024-06-30", True),
        ("2024-05-05", "2024-06-10", True),  # the first row may come 31 days later
        ("2024-04-30", "2024-06-10", False),
        ("2024-06-20", "2024-07-31", True),  # the last one may come 31 days earlier
        ("2024-06-20", "2024-08-01", False),
        ("2024-05-20", "2024-05-25", False),  # nothing was noted on any side of it
        ("2024-07-02", "2024-07-09", False),
    ],
)
def test_a_time_is_covered_by_rows_that_reach_it(make_engagement, start, end, told):
    noted = [["customer_id", "date", "activity"], ["A", "2024-06-01", "visit"]]
    noted.append(["A", "2024-06-30", "visit"])
    book = open_book(make_engagement(tables={"sales": ROWS, "service": noted}))
    days = dt.date.fromisoformat(start), dt.date.fromisoformat(end)
    assert bool(book.covers("service", *days)) is told
    assert book.covers("service", *(pd.Series([day]) for day in days)).tolist() == [told]
    assert book.covers("service", days[0]) is (start > "2024-04-30")


def test_a_table_without_rows_covers_nothing(make_engagement):
    empty = [["customer_id", "date", "activity"]]
    book = open_book(make_engagement(tables={"sales": ROWS, "service": empty}))
    assert not book.covers("service", dt.date(2024, 6, 1))


def test_orders_and_cube_are_stored_in_one_order(demo_book):
    """Several threads give groups in another order each time, and sums of floats hang on it: two
    builds of the same rows would differ in the last digits.
    """
    cube = pd.read_parquet(demo_book.folder / "cube.parquet")
    orders = pd.read_parquet(demo_book.folder / "orders.parquet")
    for table, keys in (
        (cube, ["customer_id", "month", "audit_month"]),
        (orders, ["customer_id", "order_id"]),
    ):
        assert len(table) > 1000
        in_order = table.sort_values(keys, kind="stable").index
        assert (in_order == table.index).all()


def test_a_small_book_leaves_nothing_in_the_database_that_the_next_one_takes(
    make_engagement, monkeypatch
):
    """Neither what built it nor what asked it; one that is refused in the middle leaves none, and
    one that wrote to disk since it was left is not taken.
    """
    gc.collect()  # of other tests
    monkeypatch.setattr(engines, "_left", {})

    def opened(name, amount):
        rows = [["customer_id", "date", "amount"], ["A", "2024-01-05", amount]]
        return open_book(make_engagement(name, tables={"sales": rows}))

    there = (
        "SELECT table_name FROM duckdb_tables() UNION ALL "
        "SELECT view_name FROM duckdb_views() WHERE NOT internal UNION ALL "
        "SELECT database_name FROM duckdb_databases() WHERE NOT internal"
    )
    one = opened("one", "1")
    ((left,),) = engines._left.values()
    assert left.execute(there).fetchall() == [("memory",)]
    zone = "SELECT current_setting('TimeZone')"
    first = left.execute(zone).fetchone()
    assert one.cube.revenue.sum().execute() == 1
    assert one.kept("twice", one.cube, "kept").revenue.sum().execute() == 1
    here = ibis.memtable({"customer_id": ["A", "B"]})
    assert here.semi_join(one.cube, "customer_id").count().execute() == 1
    assert not engines._left[os.getpid()]
    with pytest.raises(CarnetError, match="none of"):
        opened("refused", "x")
    assert not engines._left[os.getpid()]
    other = opened("other", "3")
    assert other.cube.revenue.sum().execute() == 3 and one.cube.revenue.sum().execute() == 1
    del one
    gc.collect()
    assert engines._left[os.getpid()] == [left] and left.execute(there).fetchall() == [("memory",)]
    assert left.execute(zone).fetchone() == first and other.cube.revenue.sum().execute() == 3
    # whoever holds the connection of a book that is gone may have it write to disk
    kept = other.engine.backend.con
    del other
    gc.collect()
    kept.execute("SET memory_limit = '40MB'")
    kept.execute("CREATE TEMP TABLE t AS SELECT repeat('x', 20) || i FROM range(2000000) t(i)")
    assert [opened(name, "3").orders.count().execute() for name in "abc"] == [1, 1, 1]


FORKED = """
import gc, os, sys
from carnet.book.book import open_book
book = open_book(sys.argv[1])
print(book.orders.count().execute(), flush=True)
child = os.fork()
if not child:
    del book
    gc.collect()
    print(open_book(sys.argv[1]).orders.count().execute(), flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1], book.orders.count().execute())
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_book_may_be_garbage_in_a_fork(make_engagement):
    """Its database is a copy there, and to end it would end the process."""
    folder = make_engagement(tables={"sales": ROWS})
    command = [sys.executable, "-c", FORKED, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    count, in_fork, status, again = done.stdout.split()
    assert status == "0" and count == in_fork == again, done.stderr
