"""What an export says of customers, lines, costs and salespeople is used:
groups add up, a customer bears its own costs, what nothing reads is told.
"""

import datetime as dt
import math
import re
from pathlib import Path

import carnet
import ibis
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.book.mapped import frame
from carnet.customers.accounts.account_list import account_list
from carnet.customers.accounts.groups import cuts_of
from carnet.customers.accounts.profits import Rates, margins_of
from carnet.customers.accounts.valued import accounts_of, valued_accounts
from carnet.customers.series import audit_series, margin_rates_of, moved, own_costs
from carnet.engagement import schema
from carnet.engagement.parameters import Policy
from carnet.engagement.periods import Period
from carnet.measures.costs import costs
from carnet.measures.gaps import contacts
from carnet.measures.portfolio import cuts
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import write_engagement

AS_OF, YEAR = "2024-12-31", Period(dt.date(2024, 1, 1), dt.date(2024, 12, 31))
SECTORS = [
    "Hotels",
    "Hotels",
    "Bakeries",
    "Bakeries",
    "Bakeries",
    "Bakeries",
    "Bakeries",
    "Schools",
    "Schools",
    "Schools",
    "Schools",
    "Hotels",
]
HEADER = ["customer_id", "date", "amount", "cost", "channel"]


def quarterly(customer, amount, channel, *years):
    """One line on the 10th of February, May, August and November, at a cost of 70 %."""
    return [
        [customer, f"{year}-{month:02d}-10", amount, 0.7 * amount, channel]
        for year in years
        for month in (2, 5, 8, 11)
    ]


def portfolio():
    """C00 … C11, even ones by the Webshop, of which C00 and C02 leave with 2023;
    TWO buys by both, MOVED goes from the Webshop to the Fieldforce.

    OUT is in no customer list and names no channel; NEW comes by the Webshop in 2024.
    """
    rows = []
    for n in range(12):
        rows += quarterly(
            f"C{n:02d}",
            100 + 10 * n,
            ("Webshop", "Fieldforce")[n % 2],
            *((2022, 2023) if n in (0, 2) else (2022, 2023, 2024)),
        )
    rows += quarterly("TWO", 50, "Webshop", 2023, 2024) + quarterly(
        "TWO", 70, "Fieldforce", 2023, 2024
    )
    rows += quarterly("MOVED", 30, "Webshop", 2023) + quarterly("MOVED", 30, "Fieldforce", 2024)
    return rows + quarterly("OUT", 25, "", 2023, 2024) + quarterly("NEW", 15, "Webshop", 2024)


LISTED = [
    ["customer_id", "region", "sector"],
    *[[f"C{n:02d}", "North" if n < 7 else "South", SECTORS[n]] for n in range(12)],
    *[[name, "South", ""] for name in ("TWO", "MOVED", "NEW")],
]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    tables = {"sales": [HEADER, *portfolio()], "customers": LISTED}
    return open_book(write_engagement(tmp_path_factory.mktemp("cuts"), tables=tables), as_of=AS_OF)


@pytest.fixture(scope="module")
def cut_up(book):
    return cuts_of(book)


def groups(cut_up, dimension):
    return cut_up[cut_up.dimension == dimension].set_index(
        cut_up.group[cut_up.dimension == dimension].fillna("–")
    )


def wilson(hits, trials, z=1.959963984540054):
    """Wilson (1927): (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) ÷ (1 + z²/n)."""
    p = hits / trials
    middle, spread = (
        p + z * z / (2 * trials),
        z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)),
    )
    return (middle - spread) / (1 + z * z / trials), (middle + spread) / (1 + z * z / trials)


# --- groups of lines and of customers


def test_groups_add_up_to_the_book(book, cut_up):
    """Whatever the column, the money of its groups is that of the book, of both years,
    with its gap, shares and margin (30 % of all).
    """
    lines = pd.DataFrame(portfolio(), columns=HEADER)
    now, before = (lines.amount[lines.date.str.startswith(year)].sum() for year in ("2024", "2023"))
    assert set(cut_up.dimension) == {"channel", "region", "sector"}, "no segment is given"
    for dimension, t in cut_up.groupby("dimension"):
        assert t.revenue.sum() == pytest.approx(now) and t.revenue_previous.sum() == pytest.approx(
            before
        ), dimension
        assert t.sales_gap.sum() == pytest.approx(
            now - before
        ) and t.revenue_share.sum() == pytest.approx(1), dimension
        assert (
            t.margin.sum()
            == pytest.approx(0.3 * now)
            == pytest.approx(audit_series(book).gross_margin[1])
        ), dimension
        assert t.margin_rate.tolist() == pytest.approx([0.3] * len(t)), dimension


def test_money_goes_to_the_channel_of_its_line(cut_up):
    """2024 by hand: Webshop 4 × (4 × 100 + 10 × (4 + 6 + 8 + 10)) + 4 × (50 + 15) = 2,980;
    Fieldforce 4 × (600 + 360) + 4 × (70 + 30) = 4,240.
    """
    t = groups(cut_up, "channel")
    assert t.revenue.to_dict() == pytest.approx({"Fieldforce": 4240, "Webshop": 2980, "–": 100})
    assert list(t.index) == ["Fieldforce", "Webshop", "–"], "largest first"
    assert t.revenue_previous.to_dict() == pytest.approx(
        {"Fieldforce": 4120, "Webshop": 3920, "–": 100}
    )


def test_a_customer_of_two_channels_is_in_both(cut_up):
    """Active in 2024 by the Webshop: C04, C06, C08, C10, TWO, NEW; by the Fieldforce:
    six, TWO, MOVED. 15 in all for 14 customers and OUT's 1.
    """
    t = groups(cut_up, "channel")
    assert t.customer_count.to_dict() == {"Fieldforce": 8, "Webshop": 6, "–": 1}
    assert groups(cut_up, "region").customer_count.sum() == 14


def test_retention_of_a_channel_is_of_its_customers_of_the_year_before(cut_up):
    """By the Webshop in 2023: six, TWO, MOVED, of whom C00 and C02 are gone and MOVED still
    a customer: 6 of 8. Fieldforce: six and TWO, all 7.
    """
    t = groups(cut_up, "channel")
    assert t.loc["Webshop", ["opening_count", "kept_count", "retention_rate"]].tolist() == [
        8,
        6,
        0.75,
    ]
    assert t.loc["Fieldforce", ["opening_count", "kept_count", "retention_rate"]].tolist() == [
        7,
        7,
        1,
    ]
    for name, hits, trials in (("Webshop", 6, 8), ("Fieldforce", 7, 7)):
        assert t.loc[name, ["retention_low", "retention_high"]].tolist() == pytest.approx(
            wilson(hits, trials)
        )


def test_retention_is_blank_under_five_opening_customers(cut_up):
    """Bakeries C02 to C06: 4 of 5 kept.

    Schools are 4, whoever has no sector are TWO, MOVED and OUT: too few to tell. Hotels C00,
    C01, C11: 2 of 3.
    """
    t = groups(cut_up, "sector")
    assert t.opening_count.to_dict() == {"Bakeries": 5, "Schools": 4, "Hotels": 3, "–": 3}
    assert t.kept_count.to_dict() == {"Bakeries": 4, "Schools": 4, "Hotels": 2, "–": 3}
    told = ["retention_rate", "retention_low", "retention_high"]
    assert t.loc["Bakeries", told].tolist() == pytest.approx([0.8, *wilson(4, 5)])
    assert t.loc[["Schools", "Hotels", "–"], told].isna().all(axis=None)


def test_whoever_no_list_names_is_a_group_of_its_own(cut_up):
    """OUT bought for 100; TWO, MOVED and NEW are listed without a sector and buy
    for 480 + 120 + 60.
    """
    assert groups(cut_up, "region").revenue["–"] == pytest.approx(100)
    assert groups(cut_up, "sector").revenue["–"] == pytest.approx(760)


STATUSES = [None, "kept", "lost", "new", "recovered", "not_due"]
PAIR = st.tuples(
    st.sampled_from(["a", "b", "c", None]),
    st.sampled_from(STATUSES),
    st.booleans(),
    *[st.integers(-50, 500)] * 3,
)

PAIRS = {
    "group": "string",
    "status": "string",
    "active": "boolean",
    **dict.fromkeys(("revenue", "revenue_previous", "margin"), "float64"),
}


@settings(max_examples=25)
@given(st.lists(PAIR, min_size=1, max_size=40))
def test_a_cut_loses_no_money_and_no_opening_customer(rows):
    pairs = pd.DataFrame(
        rows, columns=["group", "status", "active", "revenue", "revenue_previous", "margin"]
    ).astype({"group": object})
    t = cuts.cut(ibis.memtable(pairs, schema=PAIRS))
    for name in ("revenue", "revenue_previous"):
        assert t[name].sum() == pairs[name].sum()
    assert t.customer_count.sum() == pairs.active.sum() and t.group.is_unique
    told = t[t.opening_count >= cuts.LEAST_OPENING]
    assert told.retention_rate.between(told.retention_low, told.retention_high).all()
    assert t.retention_rate[t.opening_count < cuts.LEAST_OPENING].isna().all()
    for row in t.itertuples():
        mine = pairs[pairs.group.isna() if pd.isna(row.group) else pairs.group == row.group]
        assert row.opening_count == mine.status.isin(["kept", "lost"]).sum(), (
            "not due is neither kept nor lost"
        )


def test_groups_have_no_margin_where_too_few_lines_have_a_cost(make_engagement):
    """A third of the revenue has a cost: revenue and customers by channel, no margin."""
    rows = [
        [*row[:3], row[3] if row[0] in ("C01", "C03", "C05") else "", row[4]] for row in portfolio()
    ]
    t = cuts_of(open_book(make_engagement(tables={"sales": [HEADER, *rows]}), as_of=AS_OF))
    assert set(t.dimension) == {"channel"} and t.revenue.sum() == pytest.approx(7320)
    assert t[["margin", "margin_rate"]].isna().all(axis=None)


def test_every_cut_adds_up_to_the_same_margin(make_engagement):
    """Lines of two customers without a cost, carriage of 10 %, 300 of its own for C01: what lines
    do not bear is spread, and channels add up to what regions do.
    """
    rows = [[*row[:3], "" if row[0] in ("C05", "TWO") else row[3], row[4]] for row in portfolio()]
    own = ["2024-01-01", "2024-12-31", "Fitting", 300, "variable", "C01"]
    tables = {"sales": [HEADER, *rows], "customers": LISTED, "costs": [COSTS, CARRIAGE, own]}
    opened = open_book(make_engagement(tables=tables), as_of=AS_OF)
    t = cuts_of(opened)
    known = margins_of(opened, moved(opened), audit_series(opened).iloc[1]).execute().margin.sum()
    sums = t.groupby("dimension").margin.sum()
    assert sums.to_dict() == pytest.approx(dict.fromkeys(["channel", "region", "sector"], known))


def spread(pairs, known):
    """Margins of rows of customer, group, revenue and margin of the lines, spread; by group."""
    t = pd.DataFrame(pairs, columns=["customer_id", "group", "revenue", "margin"])
    told = None if known is None else ibis.memtable(pd.DataFrame(known.items(), columns=KNOWN))
    found = cuts.spread_margins(ibis.memtable(t), told).order_by("customer_id", "group").execute()
    assert found.columns.tolist() == [*t.columns]
    return found.margin


KNOWN = ["customer_id", "margin"]


def test_margin_is_spread_over_the_groups_of_a_customer_by_hand():
    """A earned 40 and 20 on lines of 100 and 200, and 30 after its other costs: 30 less is spread
    by revenue, 10 and 20. Of B no margin is known, of C no cost of a line.
    """
    pairs = [
        ("A", "s", 100.0, 40.0),
        ("A", "t", 200.0, 20.0),
        ("B", "s", 50.0, 10.0),
        ("C", "s", 60.0, math.nan),
    ]
    told = spread(pairs, {"A": 30.0, "C": 6.0})
    assert told[:2].tolist() == pytest.approx([30, 0]) and told[2:].isna().all()
    assert spread(pairs, None).isna().all()


def test_what_a_customer_sends_back_through_another_group_bears_nothing_more():
    """1,000 by the web at a margin of 400, 900 back through the shop at −360; 50 of other costs
    stay with the web. Where all groups net to nothing they are spread by size.
    """
    known = {"A": -10.0}
    web, shop = ("A", "s", 1000.0, 400.0), ("A", "t", -900.0, -360.0)
    assert spread([web, shop], known).tolist() == pytest.approx([350, -360])
    web, shop = ("A", "s", -100.0, 400.0), ("A", "t", -300.0, -360.0)
    assert spread([web, shop], known).sum() == pytest.approx(-10)


def test_a_group_of_which_nothing_was_sold_bears_no_margin_and_hides_none():
    """A bought nothing in t, whose lines tell no cost: s bears all. What nets to nothing whole is
    spread nowhere.
    """
    pairs = [("A", "s", 100.0, 40.0), ("A", "t", 0.0, math.nan), ("B", "s", 0.0, 5.0)]
    told = spread(pairs, {"A": 30.0, "B": 1.0})
    assert told[:2].tolist() == pytest.approx([30, 0]) and math.isnan(told[2])


# --- a customer's own costs

COSTS = ["period_start", "period_end", "category", "amount", "behaviour", "customer_id"]
RENT = ["2024-01-01", "2024-12-31", "Rent", 300, "fixed", ""]
# 10 % of the revenue of 7,320
CARRIAGE = ["2024-01-01", "2024-12-31", "Carriage", 732, "variable", ""]


def margins(home, name, *lines, **keys):
    """Margin of each customer of 2024, and the row of the year,
    of the portfolio with these cost lines.
    """
    tables = {"sales": [HEADER, *portfolio()], "costs": [COSTS, RENT, CARRIAGE, *lines]}
    opened = open_book(write_engagement(home, name, tables=tables, **keys), as_of=AS_OF)
    now = audit_series(opened).iloc[1]
    return (
        margins_of(opened, moved(opened), now).execute().set_index("customer_id").margin,
        now,
        opened,
    )


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Nobody has costs of its own: everybody earns 20 % after goods and carriage."""
    return margins(tmp_path_factory.mktemp("shared"), "shared")


@pytest.mark.long
def test_a_customer_bears_its_own_costs_and_nobody_else_does(shared, tmp_path):
    """Issue: a line of 20,000 for one customer, spread over all.

    Here C01 earns 20 % of 440 = 88, less 20,000; C03, 20 % of 520 = 104, less 90 that are fixed;
    the others earn what they did. 500 for C00, who bought nothing in 2024, are no cost of the
    others either.
    """
    before, _, _ = shared
    lines = [("C01", 20000, "variable"), ("C03", 90, "fixed"), ("C00", 500, "variable")]
    after, now, opened = margins(
        tmp_path,
        "own",
        *[[*RENT[:2], f"For {who}", amount, behaviour, who] for who, amount, behaviour in lines],
    )
    assert (before["C01"], before["C03"]) == pytest.approx((88, 104))
    assert (after["C01"], after["C03"]) == pytest.approx((88 - 20000, 104 - 90))
    assert after.drop(["C01", "C03"]).to_dict() == pytest.approx(
        before.drop(["C01", "C03"]).to_dict()
    )
    assert now.variable_cost == pytest.approx(
        0.8 * 7320 + 20500
    ) and now.net_margin == pytest.approx(0.2 * 7320 - 300 - 20590)
    told = own_costs(opened).execute().set_index("customer_id")
    assert told.own_cost.to_dict() == pytest.approx({"C00": 500, "C01": 20000, "C03": 90})
    assert told.own_variable_cost.to_dict() == pytest.approx({"C00": 500, "C01": 20000, "C03": 0})


def test_margins_without_costs_of_their_own_are_those_of_the_company(shared):
    """20 % of what each bought, and no customer is named."""
    before, now, opened = shared
    assert before.sum() == pytest.approx(now.gross_margin) == pytest.approx(0.2 * 7320)
    assert own_costs(opened).execute().empty


def test_cost_lines_that_name_no_customer_leave_the_company_s_margin_rate(tmp_path):
    """Sale lines tell no cost: of 7,320 a year 10 % are carriage, so everybody's rate is 90 %."""
    told = [row[:3] for row in [HEADER, *portfolio()]]
    tables = {"sales": told, "costs": [COSTS, RENT, CARRIAGE]}
    opened = open_book(write_engagement(tmp_path, "uncosted", tables=tables), as_of=AS_OF)
    rates = margin_rates_of(opened).execute().margin_rate
    assert len(rates) and rates.tolist() == pytest.approx([0.9] * len(rates))


@pytest.mark.long
def test_purchases_for_a_customer_are_not_charged_beside_the_cost_of_its_lines(shared, tmp_path):
    """C01's goods of 308 stand on its lines, which are chosen, and in the table of costs,
    which is not: its margin stays 88.
    """
    bought = ["2024-01-01", "2024-12-31", "Purchases", 308, "variable", "C01"]
    after, now, _ = margins(tmp_path, "bought", bought, goods_cost="sales")
    assert now.variable_cost == pytest.approx(0.8 * 7320), "the company counts them once"
    assert after.to_dict() == pytest.approx(shared[0].to_dict())


def test_own_costs_are_shared_out_by_days():
    """366 from July 2023 to June 2024, 182 days of it in 2024;
    31 of December 2024 and January 2025, half of 62 days; 5 of 2023 none.
    """
    rows = [
        ("A", dt.date(2023, 7, 1), dt.date(2024, 6, 30), 366.0, "fixed"),
        ("A", dt.date(2024, 12, 1), dt.date(2025, 1, 31), 62.0, "variable"),
        ("A", dt.date(2024, 2, 29), dt.date(2024, 2, 29), -2.0, None),
        ("B", dt.date(2023, 5, 1), dt.date(2023, 12, 31), 5.0, "variable"),
        (None, dt.date(2024, 1, 1), dt.date(2024, 12, 31), 1000.0, "variable"),
    ]
    kinds = {
        "customer_id": "string",
        "period_start": "date",
        "period_end": "date",
        "amount": "float64",
        "behaviour": "string",
    }
    t = costs.own_costs(
        ibis.memtable(pd.DataFrame(rows, columns=list(kinds)), schema=kinds), YEAR
    ).execute()
    assert t.customer_id.tolist() == ["A"] and t.own_cost.tolist() == pytest.approx([182 + 31 - 2])
    assert t.own_variable_cost.tolist() == pytest.approx([31])


def test_a_table_of_costs_without_customers_has_none_of_their_own(book):
    assert own_costs(book) is None


# --- what salespeople noted


def noted(rows, **kinds):
    return ibis.memtable(pd.DataFrame(rows, columns=list(kinds)), schema=kinds)


VISITS = noted(
    [
        ("A", dt.date(2024, 1, 1), "Sam", 4.0),
        ("A", dt.date(2024, 12, 31), "Sam", 1.0),
        ("B", dt.date(2024, 5, 1), "Sam", None),
        ("B", dt.date(2024, 5, 1), "Tess", None),
        ("B", dt.date(2023, 12, 31), "Sam", 5.0),
        ("C", dt.date(2025, 1, 1), "Sam", 5.0),
        ("C", dt.date(2024, 5, 1), None, 5.0),
    ],
    customer_id="string",
    date="date",
    salesperson="string",
    quality="float64",
)
OFFERS = noted(
    [
        ("A", dt.date(2024, 3, 1), "Sam", "won", 500.0),
        ("B", dt.date(2024, 12, 31), "Sam", "lost", 70.0),
        ("C", dt.date(2024, 3, 1), "Sam", "open", 9.0),
        ("C", dt.date(2024, 3, 1), "Sam", None, 9.0),
        ("C", dt.date(2024, 3, 1), "Olga", "open", 9.0),
        ("C", dt.date(2023, 3, 1), "Sam", "won", 9.0),
        ("C", dt.date(2024, 3, 1), None, "won", 9.0),
    ],
    customer_id="string",
    opened="date",
    salesperson="string",
    stage="string",
    amount="float64",
)
COUNTS = [
    "activity_count",
    "visited_count",
    "quality",
    "opened_count",
    "decided_count",
    "won_count",
    "won_amount",
    "win_rate",
]


def test_what_salespeople_noted_in_the_year():
    """Sam in 2024: three activities with A and B, marks 4 and 1; four opportunities, two decided,
    one won at 500. Who is not named is nobody.
    """
    t = contacts.salesperson_activity(VISITS, OFFERS, YEAR).set_index("salesperson")
    assert t.index.tolist() == ["Olga", "Sam", "Tess"]
    assert t.loc["Sam", COUNTS].tolist() == pytest.approx([3, 2, 2.5, 4, 2, 1, 500, 0.5])
    assert t.loc["Sam", ["win_low", "win_high"]].tolist() == pytest.approx(wilson(1, 2))
    assert t.loc["Olga", ["opened_count", "decided_count", "won_count"]].tolist() == [1, 0, 0]
    assert (
        t.loc["Olga", ["activity_count", "win_rate", "win_low", "win_high", "won_amount"]]
        .isna()
        .all()
    ), "nothing decided is no rate"
    assert (
        t.loc["Tess", ["activity_count", "visited_count"]].tolist() == [1, 1]
        and t.loc["Tess", COUNTS[2:]].isna().all()
    )


def test_a_table_that_names_nobody_tells_nothing():
    visits = contacts.salesperson_activity(VISITS, None, YEAR).set_index("salesperson")
    assert visits.activity_count.to_dict() == {"Sam": 3, "Tess": 1} and visits[
        COUNTS[3:]
    ].isna().all(axis=None)
    offers = contacts.salesperson_activity(None, OFFERS.drop("amount"), YEAR).set_index(
        "salesperson"
    )
    assert offers.won_count.to_dict() == {"Olga": 0, "Sam": 1} and offers[
        [*COUNTS[:3], "won_amount"]
    ].isna().all(axis=None)
    assert contacts.salesperson_activity(None, None, YEAR).empty


def test_opportunities_without_a_stage_are_opened_and_not_decided():
    t = contacts.salesperson_activity(None, OFFERS.drop("stage"), YEAR).set_index("salesperson")
    assert (
        t.opened_count.to_dict() == {"Olga": 1, "Sam": 4}
        and t.decided_count.tolist() == [0, 0]
        and t.win_rate.isna().all()
    )


# --- every column is used, or told

KEPT_ONLY = {"costs": ["label"], "service": ["contact", "quantity"], "satisfaction": ["respondent"]}
VALUES = {
    "id": "A",
    "text": "word",
    "money": "100",
    "number": "1",
    "share": "0.1",
    "bool": "yes",
    "date": "2024-06-01",
}


def test_of_all_columns_only_those_are_told_that_nothing_reads():
    """The margin of a line says nothing that its cost does not,
    nor its prices beside its amount and discount.
    """
    for name, table in schema.TABLES.items():
        doubled = ["list_price", "margin", "unit_price"] if name == "sales" else []
        assert schema.unused_columns(name, table.columns) == sorted(
            [*KEPT_ONLY.get(name, []), *doubled]
        ), name
    assert "margin" not in schema.unused_columns(
        "sales", set(schema.TABLES["sales"].columns) - {"cost"}
    )


@pytest.mark.parametrize("table", schema.TABLES)
def test_a_column_is_told_where_its_partner_is_missing_and_only_there(table):
    """One column after the other is left out of all: what nothing reads then is what rested on it,
    beside what never was read.
    """
    every = set(schema.TABLES[table].columns)
    for without in every:
        prices = {"discount": set(), "unit_price": {"list_price"}, "amount": {"list_price"}}.get(
            without, {"list_price", "unit_price"}
        )
        expected = (
            {*KEPT_ONLY.get(table, []), *(["margin"] if without != "cost" else []), *prices}
            if table == "sales"
            else KEPT_ONLY.get(table, [])
        )
        expected = set(expected) - {without}
        assert schema.unused_columns(table, every - {without}) == sorted(expected), without


@pytest.mark.long
def test_a_book_tells_the_headers_of_the_columns_that_nothing_uses(make_engagement):
    """Every column of five tables, in a book: told by the client's own header,
    and by nothing else.
    """
    tables = {}
    for name in ("sales", "customers", "costs", "service", "satisfaction"):
        columns = schema.TABLES[name].columns
        tables[name] = [
            list(columns),
            [
                column.choices[0]
                if column.choices
                else "EUR"
                if role == "currency"
                else VALUES[column.kind]
                for role, column in columns.items()
            ],
        ]
    home = make_engagement(tables=tables)
    text = (home / "costs.csv").read_text(encoding="utf-8").replace("label", "Libellé interne")
    (home / "costs.csv").write_text(text, encoding="utf-8")
    mapped = (home / "engagement.yml").read_text(encoding="utf-8")
    columns = ", ".join(
        f"{name}: {'Libellé interne' if name == 'label' else name}"
        for name in schema.TABLES["costs"].columns
    )
    mapped = mapped.replace("files: costs.csv", f"files: costs.csv\n    columns: {{{columns}}}")
    (home / "engagement.yml").write_text(mapped, encoding="utf-8")
    # read, then out of its cache
    for opened in (open_book(home, as_of=AS_OF), open_book(home, as_of=AS_OF)):
        told = {name: check.unused for name, check in opened.checks.items() if check.unused}
        assert told == {
            "sales": ["list_price", "margin", "unit_price"],
            **KEPT_ONLY,
            "costs": ["Libellé interne"],
        }
        assert all(check.accepted_rows == 1 for check in opened.checks.values())


def test_every_column_that_is_not_told_is_read_somewhere():
    """The name of each accepted column stands in the code of a measure or a reader,
    beside those that only carry, hide or head columns.
    """
    home = Path(carnet.__file__).parent
    aside = {"schema.py", "headings.py", "pseudonyms.py", "wording.py"}
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted(home.rglob("*.py"))
        if path.name not in aside and "proposal" not in path.parts
    )
    words = set(re.findall(r"[a-z_]+", code))
    missing = [
        (name, column)
        for name, table in schema.TABLES.items()
        for column in table.columns
        if column not in words
    ]
    assert [pair for pair in missing if pair[1] not in KEPT_ONLY.get(pair[0], [])] == []


@pytest.mark.parametrize(
    "given", [{"amount", "unit_price"}, {"amount", "discount", "list_price", "unit_price"}]
)
def test_prices_that_nothing_reads_are_told(given):
    """The amount is given, so no price makes it; the discount of a line is read where one is given,
    else price ÷ list price.
    """
    assert schema.unused_columns("sales", {"customer_id", "date", *given}) == sorted(
        given - {"amount", "discount"}
    )


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    """A and B buy 100 a month at a list price of 125; A's contract ended in June, B's goes on,
    in a list without `since`.
    """
    days = [f"{year}-{month:02d}-10" for year in (2023, 2024) for month in range(1, 13)]
    rows = [
        ["customer_id", "date", "amount", "unit_price", "list_price"],
        *[[name, day, 100, 100, 125] for name in "AB" for day in days],
    ]
    listed = [
        ["customer_id", "contract", "until"],
        ["A", "yes", "2024-06-30"],
        ["B", "yes", "2025-06-30"],
    ]
    opened = open_book(
        write_engagement(
            tmp_path_factory.mktemp("list"), tables={"sales": rows, "customers": listed}
        ),
        as_of=AS_OF,
    )
    return opened.checks, frame(
        account_list(opened, 0.8, 0.95, Rates()).order_by("customer_id")
    ).set_index("customer_id")


def test_a_list_price_tells_a_discount_beside_a_unit_price(accounts):
    """1 − 100 ÷ 125 = 20 %."""
    checks, t = accounts
    assert checks["sales"].unused == [] and t.line_discount.tolist() == pytest.approx([0.2, 0.2])


def test_an_end_is_read_without_a_beginning(accounts):
    """A's contract is over, B's is not, and `until` is not told as unused."""
    checks, t = accounts
    assert t.contract.tolist() == [False, True] and checks["customers"].unused == []


@pytest.mark.long
def test_the_rate_of_all_holds_no_cost_that_names_a_customer(make_engagement):
    """Ten equal customers of 12,000 a year; 36,000 of handling shared,
    24,000 of transport for C0 alone: 70 % for each on what is shared, 8,400, and C0 24,000 less.
    """
    sales = [
        ["customer_id", "date", "amount"],
        *(
            [f"C{i}", f"{year}-{month:02d}-10", 1000]
            for i in range(10)
            for year in (2023, 2024)
            for month in range(1, 13)
        ),
    ]
    lines = [["period_start", "period_end", "category", "amount", "behaviour", "customer_id"]]
    lines += [
        ["2024-01-01", "2024-12-31", "Handling", 36000, "variable", ""],
        ["2024-01-01", "2024-12-31", "Transport", 24000, "variable", "C0"],
    ]
    book = open_book(make_engagement(tables={"sales": sales, "costs": lines}, as_of="2024-12-31"))
    t = frame(valued_accounts(book, 0.8, 0.95, "", Rates()))
    margins = dict(zip(t.customer_id, t.yearly_margin, strict=True))
    assert margins == pytest.approx({"C0": -15600.0} | {f"C{i}": 8400.0 for i in range(1, 10)})


def test_complaints_are_those_that_the_engagement_names(make_engagement):
    """`complaint_activities` holds in the account list, too: a customer with four orders and three
    tickets of the year, one older, has 0.75 complaints an order; by their words a claim alone is.
    """
    days = ["2024-02-01", "2024-05-01", "2024-08-01", "2024-11-01"]
    noted = [("Ticket", day) for day in ("2023-06-01", "2024-03-01", "2024-06-01", "2024-09-01")]
    folder = make_engagement(
        as_of="2024-12-31",
        tables={
            "sales": [
                ["customer_id", "date", "amount"],
                ["A", "2022-01-15", "50"],
                *(["A", day, "100"] for day in days),
            ],
            "service": [
                ["customer_id", "date", "activity"],
                ["A", "2022-01-20", "Visit"],
                *(["A", day, kind] for kind, day in noted),
                ["A", "2024-10-01", "Claim"],
                ["A", "2024-12-30", "Visit"],
            ],
        },
    )
    book = open_book(folder)
    rates = {
        named: frame(accounts_of(book, Policy(complaint_activities=named))).complaint_rate.iloc[0]
        for named in ("", "Ticket", "Ticket, Claim")
    }
    assert rates == {"": 0.25, "Ticket": 0.75, "Ticket, Claim": 1.0}
