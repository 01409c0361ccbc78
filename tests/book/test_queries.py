"""SQL that was compiled before is what Ibis would compile now, for every expression and book; rows
that were kept are those that DuckDB would give.
"""

import datetime as dt
import gc
import weakref
from decimal import Decimal
from functools import reduce

import duckdb
import ibis
import ibis.backends.duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from carnet.book import queries
from carnet.book.engines import Engine
from carnet.book.frames import forget_beyond, write_whole
from hypothesis import given
from hypothesis import strategies as some

KINDS = {"customer_id": "string", "day": "date", "amount": "float64", "count": "int64"}


STEPS = {  # a table, the place of the step, a number → a table
    "filter": lambda t, n, number: t.filter(t.amount > number),
    "sum": lambda t, n, number: t.group_by("customer_id").agg(amount=t.amount.sum()),
    "named": lambda t, n, number: t.mutate(**{f"c{n}": t.amount * number}),
    "first": lambda t, n, number: t.order_by("amount").limit(n + 1),
    "rank": lambda t, n, number: t.mutate(**{f"c{n}": ibis.rank().over(order_by=t.amount)}),
    "join": lambda t, n, number: t.join(summed(t).rename(**{f"t{n}": "total"}), "customer_id"),
    "cut": lambda t, n, number: t.select("customer_id", "amount"),
}


@pytest.fixture
def compiled(monkeypatch):
    """Expressions that Ibis itself compiled, since the test began; nothing is known before it."""
    found, own = [], ibis.backends.duckdb.Backend.compile

    def told(backend, expr, /, **named):
        found.append(expr)
        return own(backend, expr, **named)

    monkeypatch.setattr(ibis.backends.duckdb.Backend, "compile", told)
    monkeypatch.setattr(queries, "_compiled", {})
    return found


def book(name="sales", kinds=None, **values):
    """A backend with one table, and the table."""
    backend = queries.DuckDB()
    backend.do_connect()
    columns = ", ".join(f'"{c}" {backend.compiler.type_mapper.to_string(ibis.dtype(k))}'
                        for c, k in (kinds or KINDS).items())  # fmt: skip
    backend.con.execute(f"CREATE TABLE {name} ({columns})")
    return backend, backend.table(name)


def summed(t, least=1.0):
    return t.filter(t.amount >= least).group_by("customer_id").agg(total=t.amount.sum())


def test_two_books_compile_an_expression_once(compiled):
    (one, t), (other, same) = book(), book()
    assert one.compile(summed(t)) == other.compile(summed(same)) and len(compiled) == 1


def test_what_differs_in_anything_is_compiled_by_itself(compiled):
    _, t = book()
    by_year = {**KINDS, "day": "int64"}
    asked = [
        summed(t), summed(t, 1), summed(t, 2.0), summed(t).limit(1),
        summed(t).order_by("total"), summed(t).order_by(ibis.desc("total")),
        summed(book("orders")[1]), summed(book(kinds=by_year)[1]), t.select("day", "count"),
        t.select("count", "day"), t.select(day=t["count"]), t.filter(t.day < dt.date(2024, 1, 1)),
        t.filter(t.day < dt.date(2024, 1, 2)), t.filter(t.customer_id.isin(["a", "b"])),
        t.filter(t.customer_id.isin(["b"])), t.count(), t.amount.sum(), t.amount.cast("int64"),
    ]  # fmt: skip
    for expr in asked:
        backend = expr.get_backend()
        assert backend.compile(expr) == ibis.to_sql(expr, dialect="duckdb")
    backend.compile(expr, limit=3)
    backend.compile(expr, limit=4)
    count = len(compiled)
    assert len({str(expr.op()) for expr in asked}) == len(asked) and count >= len(asked) + 2
    # what readers are shown, and how Ibis asks for rows, are one text
    shown, run = backend.compile(expr, pretty=True), backend.compile(expr, limit="default")
    assert shown == run == backend.compile(expr, params=None)
    for expr in asked:
        expr.get_backend().compile(expr)
    assert len(compiled) == count


def test_tables_of_this_process_keep_their_own_rows(compiled):
    """Their names are others each time: the SQL names those that are asked."""
    for values in ([1, 2], [30, 40, 50]):
        backend, _ = book()
        here = ibis.memtable({"a": values}, schema={"a": "int64"})
        twice = ibis.memtable({"a": [v * 2 for v in values]}, schema={"a": "int64"})
        both = ibis.union(here, twice, distinct=False)
        assert backend.execute(both.a.sum()) == 3 * sum(values)
        # the other way round is another query
        assert list(backend.execute(here.anti_join(twice, "a")).a) == [
            v for v in values if v not in [w * 2 for w in values]
        ]
    assert len(compiled) == 2


def test_queries_are_kept_for_the_next_process_and_damaged_ones_compiled_anew(compiled, tmp_path):
    def process():
        queries._compiled.clear()
        backend, t = book()
        backend.folder = tmp_path / "queries"
        return backend.compile(summed(t))

    first = process()
    assert process() == first and len(compiled) == 1
    (kept,) = (tmp_path / "queries").iterdir()
    assert oct(kept.parent.stat().st_mode)[-3:] == "700"
    kept.write_bytes(kept.read_bytes().replace(b">=", b"<="))
    assert process() == first and len(compiled) == 2
    assert process() == first and len(compiled) == 2  # and it is whole again


def test_nothing_is_kept_where_nothing_may_be_written(compiled, tmp_path):
    (tmp_path / "a file").write_text("x")
    backend, t = book()
    backend.folder = tmp_path / "a file" / "queries"
    assert "SUM" in backend.compile(summed(t)) and len(compiled) == 1


def test_what_is_not_known_is_compiled_each_time(compiled):
    backend, t = book()
    backend.con.execute("INSERT INTO sales VALUES ('a', NULL, 5, 1), ('b', NULL, 7, 1)")
    least = ibis.param("float64")
    asked = t.filter(t.amount >= least).count()
    assert [backend.execute(asked, params={least: value}) for value in (6.0, 1.0)] == [1, 2]
    assert len(compiled) == 2 and not queries._compiled


def test_a_deep_expression_is_asked_again_and_nothing_of_it_is_held():
    """Made anew it is equal to the last one, which to find out takes more frames than there are."""

    def deep(t):
        column = t["count"]
        for number in range(400):
            column = column + number
        return t.mutate(deep=column)

    backend, t = book()
    first = backend.compile(deep(t))
    assert backend.compile(deep(t)) == first and "399" in first
    here = ibis.memtable({"a": [1]})
    assert backend.execute(here.a.sum()) == 1
    gone, there = weakref.ref(here.op()), weakref.ref(backend)
    del here, backend, t
    gc.collect()
    assert gone() is None and there() is None


def test_a_book_in_a_folder_that_looks_like_a_partition(tmp_path):
    """DuckDB takes `year=2024` above a file for a column of it."""
    home = tmp_path / "year=2024"
    home.mkdir()
    pq.write_table(pa.table({"a": [1, 2], "day": [dt.date(2024, 1, 5), None]}), home / "t.parquet")
    backend, _ = book()
    t = backend.read_parquet(home / "t.parquet", table_name="t")
    assert list(t.execute()) == ["a", "day"] == list(backend.table("t").columns)


def test_columns_of_a_file_are_what_the_engine_says(tmp_path):
    backend, _ = book()
    kinds = """1::BIGINT AS n, 2::INTEGER AS i, 'x' AS text, DATE '2024-01-05' AS day, true AS yes,
        1.5::DOUBLE AS d, 1.5::DECIMAL(18, 4) AS amount, TIMESTAMP '2024-01-05 10:00' AS at"""
    for number, rows in enumerate((f"SELECT {kinds}", f"SELECT {kinds} LIMIT 0")):
        path = tmp_path / f"{number}.parquet"
        backend.con.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet)")
        read = backend.read_parquet(path, table_name=f"t{number}")
        assert read.schema() == backend.table(f"t{number}").schema()


# --- rows


@pytest.fixture
def asked(monkeypatch):
    """Expressions that DuckDB was asked, since the test began."""
    found, own = [], queries.DuckDB._asked

    def told(backend, expr, **named):
        found.append(expr)
        return own(backend, expr, **named)

    monkeypatch.setattr(queries.DuckDB, "_asked", told)
    return found


@pytest.fixture
def process(tmp_path):
    """A process that reads a book's file of sales, which is written once."""
    kinds = {
        "customer_id": pa.string(),
        "day": pa.date32(),
        "amount": pa.decimal128(18, 4),
        "count": pa.int64(),
        "true": pa.bool_(),
    }
    rows = [
        ["a", dt.date(2024, 1, 5), Decimal("10.05"), 1, True],
        ["b", None, Decimal("3"), 2, None],
        [None, dt.date(2024, 3, 1), None, 3, False],
        ["a", dt.date(2024, 2, 9), Decimal("-1.25"), None, True],
    ]
    written = tmp_path / "sales.parquet"
    told = [dict(zip(kinds, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(told, pa.schema(kinds)), written)

    def begin(place=written):
        engine = Engine(queries.DuckDB.from_connection(duckdb.connect()))
        engine.backend.folder = tmp_path / "queries"
        return engine, engine.read("sales", place)

    return begin


def test_rows_are_asked_once_and_come_back_as_they_were(asked, process):
    for expr in (
        lambda t: t,
        lambda t: t.group_by("customer_id").agg(total=t.amount.sum(), last=t.day.max()),
        lambda t: t.amount.sum(),
        lambda t: t.filter(t.customer_id == "nobody"),
        lambda t: t["true"],
    ):
        first, again = (expr(process()[1]) for _ in range(2))
        assert first.to_pyarrow() == again.to_pyarrow()
        one, other = first.execute(), again.execute()
        if hasattr(one, "equals"):
            assert one.equals(other)
            assert repr(one.dtypes) == repr(other.dtypes)
        else:
            assert one == other and type(one) is type(other)
    assert len(asked) == 10  # five as Arrow, five as frames


def test_rows_hang_on_tables_of_the_process_and_on_where_the_others_are(asked, process, tmp_path):
    def kept_by(customers, place):
        _, t = process(place)
        return t.semi_join(ibis.memtable({"customer_id": customers}), "customer_id").execute()

    here = tmp_path / "sales.parquet"
    moved = tmp_path / "others.parquet"
    moved.write_bytes(here.read_bytes())
    for customers, place in ((["a"], here), (["b"], here), (["a"], moved)):
        assert set(kept_by(customers, place).customer_id) == set(customers)
    assert len(asked) == 3
    assert list(kept_by(["b"], here)["count"]) == [2] and len(asked) == 3


def test_a_temporary_table_is_made_when_it_is_read(asked, process):
    for least, count in ((0, 2), (5, 1), (0, 2)):
        engine, t = process()
        kept, sql = engine.keep("large", t.filter(t.amount > least))
        assert kept.count().execute() == count and "amount" in sql
    tables = engine.backend.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert len(asked) == 2 and tables == []
    twice, _ = engine.keep("larger", kept.mutate(twice=kept.amount * 2))
    assert float(twice.twice.max().execute()) == 20.1
    tables = engine.backend.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    assert sorted(tables) == [("large",), ("larger",)]
    # another one of that name takes its place
    kept, _ = engine.keep("large", t.filter(t.amount < 0))
    assert kept.count().execute() == 1 and kept.amount.max().execute() < 0


def test_a_temporary_table_is_of_what_its_query_named_when_it_was_kept(asked, process):
    """Whatever takes that name before it is made, also itself; the next process reads the same."""
    for redefined in (True, False, True):
        engine, t = process()
        first, _ = engine.keep("first", t.filter(t.amount > 0))
        over, _ = engine.keep("over", first.mutate(twice=first.amount * 2))
        if redefined:
            engine.keep("first", t.filter(t.amount < 0))
        assert sorted(map(float, over.twice.execute())) == [6.0, 20.1]
    engine, t = process()
    one, _ = engine.keep("one", t.select(n=t["count"]))
    one, _ = engine.keep("one", one.mutate(n=one.n + 1))
    one, _ = engine.keep("one", one.mutate(n=one.n * 10))
    assert sorted(one.filter(one.n.notnull()).n.execute()) == [20, 30, 40]


def test_a_temporary_table_that_fails_is_tried_again(process):
    engine, t = process()
    failing, _ = engine.keep("failing", t.select(day=t.customer_id.cast("date")))
    for _ in range(2):
        with pytest.raises(duckdb.ConversionException, match="date"):
            failing.execute()
    month, _ = engine.keep("month", t.select(month=t.day.truncate("M"), many=t.amount.mean()))
    assert engine.backend.con.execute("SELECT 1").fetchall()
    assert month.month.execute().dropna().iloc[0] == pd.Timestamp("2024-01-01")
    made = engine.backend.con.execute("DESCRIBE month").fetchall()
    assert made[0][1] == "DATE"


def test_what_hangs_on_more_than_its_question_is_asked_each_time(asked, process):
    _, t = process()
    for expr in (ibis.random(), ibis.now(), t.mutate(at=ibis.today()), ibis.uuid()):
        with pytest.raises(queries.Unknown):
            queries.shape_of(expr.op())
    backend = process()[0].backend
    numbers = {float(backend.execute(ibis.random())) for _ in range(3)}
    assert len(numbers) == 3 and len(asked) == 3


def test_a_file_that_is_no_rows_is_asked_again(asked, process):
    first = process()[1].execute()
    (kept,) = process()[0].backend.folder.glob("*.arrow")
    write_whole(kept, b"")
    assert process()[1].execute().equals(first) and len(asked) == 2


def test_damaged_rows_are_asked_again_and_large_ones_every_time(asked, process, monkeypatch):
    first = process()[1].execute()
    (kept,) = process()[0].backend.folder.glob("*.arrow")
    kept.write_bytes(kept.read_bytes()[:-9])
    assert process()[1].execute().equals(first) and len(asked) == 2
    assert process()[1].execute().equals(first) and len(asked) == 2
    monkeypatch.setattr(queries, "MOST_BYTES", 10)
    kept.unlink()
    for count in (3, 4):
        assert process()[1].execute().equals(first) and len(asked) == count


def test_what_was_used_longest_ago_goes(asked, process):
    engine, t = process()
    for number in range(4):
        assert t.limit(number).count().execute() == number
    folder = engine.backend.folder
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert process()[1].limit(0).count().execute() == 0 and len(asked) == 4  # used again
    forget_beyond(folder, size)
    assert sum(path.stat().st_size for path in folder.iterdir()) == size
    forget_beyond(folder, size // 2)
    assert 0 < sum(path.stat().st_size for path in folder.iterdir()) <= size // 2
    assert process()[1].limit(0).count().execute() == 0 and len(asked) == 4
    assert process()[1].limit(1).count().execute() == 1 and len(asked) == 5


@pytest.mark.long
@given(
    some.lists(
        some.sampled_from(list(STEPS)),
        min_size=1,
        max_size=6,
    ),
    some.floats(allow_nan=False, allow_infinity=False),
)
def test_law_what_is_remembered_is_what_ibis_compiles(steps, number):
    """Steps in any order: the SQL of the cache is that of Ibis, and so is a second backend's."""
    for backend, start in (book(), book()):
        t = reduce(lambda t, step: STEPS[step[1]](t, step[0], number), enumerate(steps), start)
        sql = backend.compile(t)
        again = ibis.backends.duckdb.Backend.compile(backend, t, pretty=True)
        assert sql == again == backend.compile(t)
