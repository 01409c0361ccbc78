"""What notebooks read of lists: heads, sums and counts, however many customers there are."""

import inspect
import traceback

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pytest
import yaml
from carnet.book import once, queries, tables
from carnet.book.book import open_book
from carnet.customers.accounts.study import AccountStudy
from carnet.customers.contact_plan import ContactPlan
from carnet.customers.costs.study import CostStudy
from carnet.customers.decisions import decisions
from carnet.customers.gaps.memory import Memory
from carnet.customers.gaps.study import Gaps
from carnet.customers.growth.pipeline import Pipeline
from carnet.customers.growth.study import GrowthStudy
from carnet.customers.indicators.recurring import RecurringStudy
from carnet.customers.indicators.study import KpiStudy
from carnet.customers.portfolio.study import PortfolioStudy
from carnet.customers.reasons.departures import Departures
from carnet.customers.reasons.opinions import Opinions
from carnet.customers.reasons.risks import Risks
from carnet.customers.retention.study import RetentionStudy
from carnet.engagement.file import Engagement
from carnet.engagement.parameters import read_parameters
from carnet.engagement.records import LIST_LIMIT
from carnet.sections import (
    churn_reasons,
    cost_structure,
    growth_plan,
    kpi_tracking,
    portfolio_audit,
    retention_plan,
    sales_gaps,
)

CUSTOMERS = 700
NOTEBOOKS = (
    portfolio_audit, sales_gaps, growth_plan, churn_reasons, retention_plan, cost_structure,
    kpi_tracking,
)  # fmt: skip
FEW = 4  # columns of numbers or keys: what laws and ranks are told from


@pytest.fixture
def many(make_engagement):
    """Customers by their hundreds, some of whom buy less, some no more; families, salespeople,
    costs, discounts.
    """
    rows = [["customer_id", "date", "amount", "cost", "discount", "salesperson", "offer"]]
    rows += [
        [f"C{c:03}", f"{year}-{month:02}-{1 + c % 27:02}", 50 + c % 13 * 10 + month, 30 + c % 5,
         0.05, f"S{c % 4}", f"F{month % 3}"]
        for c in range(CUSTOMERS)
        for year in (2021, 2022, 2023, 2024)
        for month in range(1, 13, 1 + c % 5)
        if not (year == 2024 and c % 7 == 0 and month > 3)
        and not (year == 2024 and c % 5 < 2)
    ]  # fmt: skip
    return open_book(make_engagement(tables={"sales": rows}, as_of="2024-12-31"))


@pytest.fixture
def read(monkeypatch):
    """(rows, columns, who asked) of every table that comes to this process."""
    found = []

    def watched(name):
        asked = getattr(ir.Table, name)

        def told(table, *arguments, **named):
            rows = asked(table, *arguments, **named)
            count = rows.num_rows if name == "to_pyarrow" else len(rows)
            found.append((count, len(rows.columns), "".join(traceback.format_stack(limit=4))))
            return rows

        return told

    for name in ("to_pyarrow", "execute"):
        monkeypatch.setattr(ir.Table, name, watched(name))
    return found


def sections_of(module):
    return [
        made
        for name, made in vars(module).items()
        if inspect.isfunction(made)
        and not name.startswith("_")
        and hasattr(made, "__wrapped__")
        and made.__module__ == module.__name__
    ]


def shown_by(book, parameters, module):
    """Every section of a notebook, made; returns how many."""
    gaps = Gaps(book, parameters)
    portfolio, accounts = PortfolioStudy(book, parameters), AccountStudy(book, parameters)
    growth = [GrowthStudy(book, parameters), Pipeline(book, parameters)]
    left = Departures(book, parameters)
    others = [left, Opinions(left), Risks(left)]
    others += [kind(book, parameters) for kind in (KpiStudy, RecurringStudy, CostStudy)]
    others.append(RetentionStudy(book, parameters))
    studies = [gaps, portfolio, accounts, Memory(gaps), ContactPlan(gaps), *growth, *others]
    by_kind = {type(study): study for study in studies}
    made = sections_of(module)
    for section in made:
        asked = inspect.signature(section.__wrapped__).parameters.values()
        section(*(by_kind[each.annotation] for each in asked))
    return len(made)


class Blind(Engagement):
    """An engagement that refuses to tell what is shown while something is computed to be kept."""

    def __getattribute__(self, name):
        if computing and name in once.SHOWN:
            raise AssertionError(f"{name} is read by what is kept")
        return super().__getattribute__(name)


computing = []


@pytest.fixture
def watched(monkeypatch):
    """Names of the tables that each query of DuckDB reads."""
    asked, own = [], queries.DuckDB._asked

    def told(backend, expr, **named):
        asked.append({table.name for table in expr.op().find(ops.DatabaseTable)})
        return own(backend, expr, **named)

    monkeypatch.setattr(queries.DuckDB, "_asked", told)
    for module, name in ((once, "_compute"), (tables, "_write")):
        made = getattr(module, name)

        def flagged(*arguments, made=made):
            computing.append(made)
            try:
                return made(*arguments)
            finally:
                computing.pop()

        monkeypatch.setattr(module, name, flagged)
    return asked


@pytest.mark.long
def test_heads_of_lists_are_read_and_a_rerun_takes_no_measure_again(many, read, watched):
    """A page holds 250 rows of a list: of all customers a few columns are read, never their list;
    the decisions are there before.

    With another number of names, and other keys of the engagement that say what is shown, only
    heads of lists are read again; what was kept did not hang on any of these keys.
    """
    object.__setattr__(many.engagement, "__class__", Blind)
    parameters = read_parameters({})
    decisions(many, parameters.policy)
    read.clear()
    count = sum(shown_by(many, parameters, module) for module in NOTEBOOKS)
    assert count > 60 and any(rows == LIST_LIMIT for rows, _, _ in read)
    long = [f"{rows} rows, {columns} columns: {who}" for rows, columns, who in read
            if rows > LIST_LIMIT and columns > FEW]  # fmt: skip
    assert not long, "\n".join(long)
    assert any("orders" in names for names in watched) and any("cube" in n for n in watched)
    watched.clear()
    file = many.engagement.folder / "engagement.yml"
    told = yaml.safe_load(file.read_text()) | {"signed": {"name": "X"}, "audience": "sales"}
    told["parameters"] = {"sales_gaps": {"name_count": 2}}
    file.write_text(yaml.safe_dump(told))
    again = open_book(file.parent)
    shown_by(again, read_parameters({"name_count": 2}), sales_gaps)
    assert watched and set.union(*watched) <= {"followed_list", "_decisions"}, watched
