"""Sections and exhibits: what is missing is said once, lists and checks hold all the same,
what ran is recorded.
"""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers.catalogue import COMPOSED
from carnet.customers.contact_plan import ContactPlan
from carnet.customers.costs.study import CostStudy
from carnet.customers.gaps.study import Gaps
from carnet.customers.indicators.recurring import RecurringStudy
from carnet.customers.portfolio.study import PortfolioStudy
from carnet.engagement.parameters import read_parameters
from carnet.errors import CarnetError
from carnet.exhibits.exhibit import Exhibit, Kept, Said, Section
from carnet.exhibits.forms import Columns
from carnet.exhibits.published import published
from carnet.measures.catalogue import MEASURES
from carnet.measures.register import computed, measure, recording
from carnet.report import notebook
from carnet.sections import cost_structure, kpi_tracking, portfolio_audit, sales_gaps
from carnet.sections.section import section
from carnet.wording import Wording

from tests.conftest import ROOT

EN = Wording("en", "EUR")
TABLE = pd.DataFrame({"name": ["Alpha", "Beta"], "revenue": [5.0, 3.0]})


class OneBook:
    def __init__(self, book):
        self.book = book


@pytest.fixture(scope="module")
def sales_only(tmp_path_factory):
    """A book of one year of sales: no previous period, no other table."""
    folder = tmp_path_factory.mktemp("one-year")
    rows = [f"C{n % 5},2024-{1 + n % 12:02d}-15,{10 + n}" for n in range(60)]
    (folder / "sales.csv").write_text(
        "\n".join(["customer_id,date,amount", *rows]), encoding="utf-8"
    )
    (folder / "engagement.yml").write_text(
        "client: One year\ncurrency: EUR\nlanguage: en\ntables:\n  sales: {files: sales.csv}\n",
        encoding="utf-8",
    )
    return open_book(folder, "2024-12-31")


@pytest.mark.long
def test_what_is_missing_is_said_once_and_lists_and_checks_remain(sales_only):
    """The gap list of a book without a previous period: one line, its CSV lists, its checks."""
    shown = sales_gaps.behind(Gaps(sales_only, read_parameters({}))).shown
    sentences = [item for item in shown if isinstance(item, Said)]
    assert [item.sentence for item in sentences] == [
        "Not compared: the sales given cover no month of both years."
    ]
    assert sentences[0].kind == "missing" and not [e for e in shown if isinstance(e, Exhibit)]
    kept = [item for item in shown if isinstance(item, Kept)]
    assert {name for item in kept for name in item.lists} == {"sales_gaps", "standing"}
    assert all(holds for item in kept for holds, _ in item.checks)


def test_a_section_without_its_table_names_it(sales_only):
    study = CostStudy(sales_only, read_parameters({}))
    (line,) = cost_structure.payment(study).shown
    assert line == Said(
        "Not measured: this section needs the table receivables with paid_date.", "missing"
    )


def test_an_exhibit_holds_what_ran_for_it_and_nothing_else(demo_book):
    """Recorded as it ran: nested measures too, whoever computed the frame first;
    not what another section asked for.
    """
    parameters = read_parameters({})
    study = PortfolioStudy(demo_book, parameters)
    first = portfolio_audit.concentration(study).exhibits
    again = portfolio_audit.concentration(study).exhibits
    assert {key: exhibit.made_by for key, exhibit in first.items()} == {
        key: exhibit.made_by for key, exhibit in again.items()
    }
    made = {key: set(exhibit.made_by) for key, exhibit in first.items()}
    book = {"sales", "customer_movement", "customer_history", "order_rhythm"}
    assert made["lorenz"] - book == {"lorenz_curve", "concentration_summary", "abc_classes"}
    assert made["concentration-figures"] - book == {"concentration_summary", "abc_classes"}
    assert made["abc"] - book == {"abc_table", "abc_classes"}
    people = sales_gaps.salespeople(Gaps(demo_book, parameters)).exhibits["funnel"].made_by
    assert {"late_by_salesperson", "funnel_limits", "sales_gaps", "dealt_p_value"} <= set(people)


def test_no_local_variable_carries_data_from_one_exhibit_to_the_next():
    """What an exhibit shows is read while it is made, or its measures would be those of another."""
    carried = []
    for path in sorted(Path(portfolio_audit.__file__).parent.glob("*.py")):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(function, ast.FunctionDef):
                carried += [f"{path.stem}.{function.name}: {n}" for n in _carried(function)]
    assert carried == []


def _carried(function):
    """Names set before another item was yielded, and read by an exhibit's title, table or form."""
    ends = [n.end_lineno for n in ast.walk(function) if isinstance(n, ast.Yield | ast.YieldFrom)]
    plain = {"w", "p", "book", "first", "d", "since"}
    for shown in ast.walk(function):
        if isinstance(shown, ast.Call) and ast.unparse(shown.func) == "Exhibit":
            names = {n.id for a in shown.args for n in ast.walk(a) if isinstance(n, ast.Name)}
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    passed = [end for end in ends if node.lineno < end < shown.lineno]
                    if node.id in names - plain and passed:
                        yield node.id


def test_every_measure_recorded_is_declared(demo_book):
    gaps = Gaps(demo_book, read_parameters({}))
    plan = ContactPlan(gaps)
    made = {
        name
        for part in (
            sales_gaps.luck(gaps),
            sales_gaps.proposals(plan),
            sales_gaps.whom_to_call(plan),
        )
        for exhibit in part.exhibits.values()
        for name in exhibit.made_by
    }
    assert len(made) > 20 and made - set(MEASURES) - set(COMPOSED) <= {
        "named_customers",
        "account_movements",
    }


def test_a_frame_notes_its_measures_whenever_it_is_read():
    ran = []

    class Study:
        @computed
        def frame(self):
            """A frame that is computed once."""
            ran.append(1)
            return MEASURED(2)

    study = Study()
    with recording() as one:
        assert study.frame == 3
    with recording() as other:
        assert study.frame == 3
    assert ran == [1] and list(one.ran) == list(other.ran) == ["one_more"]


def one_more(value):
    """The value and one.

    Formula     value + 1
    """
    return value + 1


MEASURED = measure("a test's measure")(one_more)


def test_exhibits_are_signed_with_what_ran_before_them(sales_only):
    @section()
    def two(study):
        """Two exhibits, a measure before each."""
        yield Exhibit("first", "First", TABLE, Columns("name revenue"))
        MEASURED(1)
        yield Exhibit("second", "Second", TABLE, Columns("name revenue"))

    exhibits = two(OneBook(sales_only)).exhibits
    assert exhibits["first"].made_by == () and exhibits["second"].made_by == ("one_more",)
    assert {exhibit.question for exhibit in exhibits.values()} == {"two"}
    told = published(exhibits["first"], exhibits["first"].rendered(EN))
    assert (told["question"], told["alt"], told["n"]) == ("two", "First", len(TABLE))


def test_a_check_that_does_not_hold_stops_with_its_message():
    broken = Exhibit("t", "T", TABLE, Columns("name revenue"), checks=[(False, "sums differ")])
    with pytest.raises(AssertionError, match="sums differ"):
        notebook.show(Section("broken", EN, (broken,)))


def test_checks_hold_where_an_exhibit_is_not_shown():
    broken = Exhibit(
        "t", "T", TABLE, Columns("name revenue"), missing="no rows", checks=[(False, "sums differ")]
    )
    with pytest.raises(AssertionError, match="sums differ"):
        notebook.show(Section("broken", EN, (broken,)))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tracked_share": 5}, "parameter 'tracked_share': 5 is outside 0 to 1."),
        ({"top_count": 2.5}, "parameter 'top_count': 2.5 is not accepted; a whole number is."),
        ({"top_count": True}, "parameter 'top_count': True is not accepted; a whole number is."),
        (
            {"tracked_by": "amonut"},
            (
                "parameter 'tracked_by': 'amonut' is not accepted; did you mean 'amount'? "
                "Accepted: amount, rate."
            ),
        ),
        ({"hold_out_share": "a"}, "parameter 'hold_out_share': 'a' is not accepted; a number is."),
        ({"chance_level": float("nan")}, "parameter 'chance_level': nan is outside 0 to 1."),
    ],
)
def test_parameters_are_checked_inside_the_notebook(given, told):
    with pytest.raises(CarnetError) as error:
        read_parameters(given)
    assert str(error.value) == told
    assert error.value._render_traceback_() == [f"CarnetError: {told}"], "one line, no traceback"


def test_a_misspelt_parameter_is_told_and_a_number_of_numpy_is_a_number():
    with pytest.raises(CarnetError, match="'tracked_shar' is not known; did you mean 'tracked_sha"):
        read_parameters({"tracked_shar": 0.2})
    assert read_parameters({"top_count": 5, "top_counts": 9}).top_count == 5
    read = read_parameters({"tracked_share": np.float64(0.2), "top_count": np.int64(7)})
    assert (read.tracked_share, read.top_count, type(read.top_count)) == (0.2, 7, int)


def test_a_whole_number_stands_for_a_number_and_other_names_are_left_alone():
    parameters = read_parameters({"proposal_cost": 60, "book": object(), "engagement": "x"})
    assert parameters.proposal_cost == 60.0 and type(parameters.proposal_cost) is float
    assert parameters.named == ("proposal_cost",) and parameters.named_values == {
        "proposal_cost": 60.0
    }


def test_one_notebook_alone_writes_the_tasks_of_a_book_of_contracts():
    """Notebooks run side by side: a list that two of them wrote would be that of the slower one."""
    book = open_book(ROOT / "data" / "saas")
    parameters = read_parameters({})
    shown = sales_gaps.whom_to_call(ContactPlan(Gaps(book, parameters))).shown
    assert not any(getattr(item, "lists", None) for item in shown)
    written = kpi_tracking.renewals(RecurringStudy(book, parameters)).exhibits["renewal-tasks"]
    assert len(written.lists["tasks"]) == len(written.lists["actions"]) == 27
