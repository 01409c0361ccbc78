"""SQL that was compiled before is what Ibis would compile now, for every expression and book."""

import datetime as dt
from functools import reduce

import ibis
import ibis.backends.duckdb
import pytest
from carnet.book import queries
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
        assert backend.compile(expr) == ibis.to_sql(expr, dialect="duckdb", pretty=False)
    backend.compile(expr, pretty=True)
    backend.compile(expr, limit=3)
    count = len(compiled)
    assert len({str(expr.op()) for expr in asked}) == len(asked) and count >= len(asked) + 2
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
        assert sql == ibis.backends.duckdb.Backend.compile(backend, t) == backend.compile(t)
