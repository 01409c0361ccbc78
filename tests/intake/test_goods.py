"""The cost of goods has one source, an unknown cost is not zero,
and the ledger's result is the result.
"""

import datetime as dt

import duckdb
import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.customers.accounts.profits import margins_of
from carnet.customers.series import (
    audit_buckets,
    audit_series,
    ledger_lines,
    margin_lines,
    margin_rates_of,
    moved,
    period_series,
)
from carnet.engagement.profiles import chart_of_accounts
from carnet.errors import CarnetError
from carnet.intake.checks import TableCheck
from carnet.intake.goods import (
    account_mapping,
    choose_goods,
    estimate_costs,
    mark_goods,
    sold_costs,
)
from carnet.intake.ledger import classify_costs
from carnet.measures.costs import accounts
from carnet.sections.missing import unmeasured

from tests.conftest import write_engagement
from tests.intake.test_fec import fec

SALES = ["customer_id", "date", "amount", "cost"]
COSTS = ["period_start", "period_end", "category", "account", "amount", "behaviour"]
AS_OF = "2024-12-31"


def monthly(*customers):
    """Lines on the 10th of every month of 2023 and 2024: (customer, amount, cost or '')."""
    return [
        [customer, f"{year}-{month:02d}-10", amount, cost]
        for customer, amount, cost in customers
        for year in (2023, 2024)
        for month in range(1, 13)
    ]


def yearly(*lines):
    """Cost lines of 2023 and 2024: (category, account, amount a year, behaviour)."""
    return [[f"{year}-01-01", f"{year}-12-31", *line] for year in (2023, 2024) for line in lines]


def without(rows, *columns):
    """The rows, the header first, without these columns."""
    kept = [position for position, name in enumerate(rows[0]) if name not in columns]
    return [[row[position] for position in kept] for row in rows]


def told(book):
    return [book.wording.tell(notice) for notice in book.goods.notices]


# --- sale lines without a cost


@pytest.mark.long
def test_an_unknown_cost_is_not_zero(make_engagement):
    """100 a month with a cost of 70, 80 without: 100 ÷ 180 is known, all of it at 30 %:
    0.3 × 12 × 180 = 648, not 1,320 as if B's cost nothing.

    A credit note of 10 without a cost takes 3 of margin away, and is no revenue whose cost
    is known or not.
    """
    rows = [SALES, *monthly(("A", 100, 70), ("B", 80, "")), ["B", "2024-05-20", -10, ""]]
    book = open_book(make_engagement(tables={"sales": rows}), as_of=AS_OF)
    before, now = audit_series(book).itertuples()
    assert before.costed_revenue_share == now.costed_revenue_share == pytest.approx(100 / 180)
    assert before.gross_margin == pytest.approx(648)
    assert now.gross_margin == pytest.approx(645) and now.margin_rate == pytest.approx(0.3)
    margins = (
        margins_of(book, moved(book), audit_series(book).iloc[1])
        .execute()
        .set_index("customer_id")
        .margin
    )
    assert margins.to_dict() == pytest.approx({"A": 360, "B": 285}), (
        "whoever has no cost earns what the others earn"
    )
    rates = margin_rates_of(book).execute().set_index("customer_id").margin_rate
    assert rates.to_dict() == pytest.approx({"A": 0.3, "B": 0.3})
    assert told(book) == [
        (
            "sales: 44.4% of revenue has no cost; its margin is estimated at the cost rate of the "
            "lines of the same offer, else of the same customer, else of all."
        )
    ]


@pytest.mark.long
def test_half_is_enough_and_less_is_unknown_with_its_reason(make_engagement):
    """2023: of 100 and 100 half is known, a margin of 0.3 × 2,400 = 720.

    2024: of 100 and 101 less than half is, no margin and no profit.
    """
    rows = [
        SALES,
        *monthly(("A", 100, 70), ("B", 100, "")),
        *[["B", f"2024-{month:02d}-11", 1, ""] for month in range(1, 13)],
    ]
    costs = [COSTS, *yearly(("Rent", "", 300, "fixed"))]
    book = open_book(make_engagement(tables={"sales": rows, "costs": costs}), as_of=AS_OF)
    half, less = (row for _, row in audit_series(book).iterrows())
    assert (
        half.costed_revenue_share == 0.5
        and half.gross_margin == pytest.approx(720)
        and half.net_margin == pytest.approx(420)
    )
    assert less.costed_revenue_share == pytest.approx(100 / 201) and less.revenue == 12 * 201
    for name in (
        "variable_cost",
        "gross_margin",
        "net_margin",
        "total_cost",
        "margin_rate",
        "break_even_revenue",
    ):
        assert np.isnan(less[name]), name
    assert less.fixed_cost == pytest.approx(300), "what is known stays known"
    assert "50.2% of revenue has no cost: no margin is told" in unmeasured(
        book, less.gross_margin, "costs"
    )
    assert unmeasured(book, half.gross_margin, "costs") == ""


ESTIMATED = [  # customer, offer, amount, cost
    ("A", "x", 200, 100),
    ("A", "y", 100, 80),
    ("C", "y", 100, 90),
    ("B", "x", 40, None),
    ("A", "z", 30, None),
    ("B", "z", 10, None),
    ("B", "x", -20, None),
    ("B", None, 100, None),
]


def estimated(rows, *columns):
    """The costs that `estimate_costs` gives lines of these columns, in their order."""
    con = duckdb.connect()
    con.execute(
        f"CREATE TABLE accepted_sales (customer_id VARCHAR, "
        f"{', '.join(f'{name} VARCHAR' for name in columns)}, amount DECIMAL(18, 4), "
        f"cost DECIMAL(18, 4))"
    )
    con.executemany(
        f"INSERT INTO accepted_sales VALUES ({', '.join('?' * (3 + len(columns)))})", rows
    )
    estimate_costs(con)
    kept = con.execute("SELECT estimated_cost, cost FROM accepted_sales ORDER BY rowid").fetchall()
    assert [cost for _, cost in kept] == [row[-1] for row in rows], (
        "the lines themselves stay without a cost"
    )
    return [float(cost) for cost, _ in kept]


@pytest.mark.parametrize("column", ["offer", "product"])
def test_a_cost_is_estimated_from_the_nearest_lines_that_have_one(column):
    """x costs 100 ÷ 200; A 180 ÷ 300; all 270 ÷ 400.

    By hand: 40 of x → 20, a credit note of it → −10; z of A → 30 × 0.6; z of B → 10 × 0.675.
    """
    assert estimated(ESTIMATED, column) == pytest.approx([100, 80, 90, 20, 18, 6.75, -10, 67.5])


def test_the_offer_goes_before_the_product():
    """One product in two offers at 50 % and 90 %: a line of the first offer costs half of it."""
    assert estimated(
        [("A", "x", "p", 100, 50), ("A", "y", "p", 100, 90), ("A", "x", "p", 100, None)],
        "offer",
        "product",
    ) == [50, 90, 50]


# --- one cost, one source

LINES = [SALES, *monthly(("A", 600, 432), ("B", 400, 288))]  # 12,000 a year at 72 %: goods 8,640
GOODS = ("Achats de marchandises", "607000", 8640, "variable")
OTHERS = (
    ("Salaires", "641000", 1000, "fixed"),
    ("Transports sur ventes", "624200", 160, "variable"),
    ("Publicité", "623000", 200, "acquisition"),
)
# 9,000 bought, 360 of it in stock: 8,640 used
STOCKED = (("Achats", "607000", 9000, ""), ("Variation des stocks", "603700", -360, ""))
SAME = {  # costs, goods_cost
    "in the table, by accounts": (without([COSTS, *yearly(*STOCKED, *OTHERS)], "behaviour"), None),
    "on the lines only": ([COSTS, *yearly(*OTHERS)], None),
    "twice, and the lines are chosen": (
        [COSTS, *yearly((*GOODS[:2], 9000, "variable"), *OTHERS)],
        "sales",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("case", SAME)
def test_goods_are_counted_once_however_they_are_given(make_engagement, case):
    """12,000 − 8,640 − 1,360 = 2,000 of profit, 12,000 − 8,640 − 160 = 3,200 of margin.

    Issue: −346,358 where both were added.
    """
    given, chosen = SAME[case]
    keys = {"goods_cost": chosen} if chosen else {}
    book = open_book(make_engagement(tables={"sales": LINES, "costs": given}, **keys), as_of=AS_OF)
    now = audit_series(book).iloc[1]
    expected = {
        "net_margin": 2000,
        "gross_margin": 3200,
        "total_cost": 10000,
        "variable_cost": 8800,
        "fixed_cost": 1000,
        "acquisition_cost": 200,
    }
    assert now[list(expected)].to_dict() == pytest.approx(expected)
    assert margins_of(book, moved(book), now).execute().margin.sum() == pytest.approx(3200)
    assert len(ledger_lines(book)) == len(margin_lines(book)) == 0, (
        "there is no ledger to reconcile with"
    )
    sums = (
        "The cost of goods is told twice: €8,640 by the sale lines, €9,000 by the table of costs, "
        "over the audit period. "
    )
    sums += "Counted once, by the sale lines; goods_cost in engagement.yml chooses."
    assert told(book) == ([sums] if chosen else [])


def chosen_goods(chosen, **sums):
    """`choose_goods` of 2024 where each source tells a sum of goods, or none (None);
    a source `filled` is a ledger that filled the costs.
    """
    con, checks = duckdb.connect(), {}
    columns = {"sales": ["amount", "cost"], "costs": ["amount"], "ledger": ["account"]}
    con.execute(
        "CREATE TABLE accepted_sales (date DATE, amount DECIMAL(18, 4), cost DECIMAL(18, 4), "
        "estimated_cost DECIMAL(18, 4))"
    )
    con.execute(
        "CREATE TABLE accepted_costs (period_end DATE, amount DECIMAL(18, 4), goods BOOLEAN, "
        "behaviour VARCHAR DEFAULT 'fixed')"
    )
    con.execute(
        "CREATE TABLE accepted_ledger (date DATE, account VARCHAR, debit DECIMAL(18, 4), credit "
        "DECIMAL(18, 4), closing BOOLEAN)"
    )
    for name, total in sums.items():
        table = "costs" if name == "filled" else name
        checks[table] = TableCheck(
            table, None, columns[table], {}, source="ledger" if name == "filled" else None
        )
        if table == "sales":
            con.execute(
                "INSERT INTO accepted_sales VALUES ('2024-05-01', 9999, ?, ?)", [total, total]
            )
        elif table == "costs":
            con.execute(
                "INSERT INTO accepted_costs (period_end, amount, goods) VALUES ('2024-05-31', 77, "
                "false), ('2023-05-31', 5, true), ('2024-05-31', ?, ?)",
                [total or 8, total is not None],
            )
        else:
            con.execute(
                "INSERT INTO accepted_ledger VALUES ('2024-05-01', '641000', 77, 0, false), "
                "('2024-12-31', '607000', 0, ?, true)",
                [total or 8],
            )
            con.execute(
                "INSERT INTO accepted_ledger VALUES ('2024-05-01', ?, ?, 0, false)",
                ["607000" if total is not None else "606000", total or 8],
            )
    period = dt.date(2024, 1, 1), dt.date(2024, 12, 31)
    sold = sold_costs(con, *period) if "sales" in checks else None
    return choose_goods(con, checks, chosen, *period, sold)


@pytest.mark.parametrize(
    ("chosen", "sums", "source", "both"),
    [
        (None, {"sales": 8640}, "sales", None),
        (None, {"sales": 8640, "costs": 9000}, "costs", (9000, 8640)),
        ("costs", {"sales": 8640, "costs": 9000}, "costs", (9000, 8640)),
        ("sales", {"sales": 8640, "costs": 9000}, "sales", (8640, 9000)),
        (None, {"sales": 8640, "costs": 8640}, "costs", None),
        (None, {"sales": 8640, "costs": None}, "sales", None),
        (None, {"sales": None, "costs": None}, "", None),
        (None, {"sales": 8640, "filled": 9000, "ledger": 9000}, "ledger", (9000, 8640)),
        ("sales", {"sales": 8640, "filled": 9000, "ledger": 9000}, "sales", (8640, 9000)),
        (None, {"sales": 8640, "costs": None, "ledger": 9000}, "sales", (8640, 9000)),
        ("ledger", {"sales": None, "costs": 8640, "ledger": 9000}, "ledger", None),
    ],
)
def test_one_table_gives_the_cost_of_goods(chosen, sums, source, both):
    """The table of costs, or the ledger that filled it, before the lines;
    what is chosen before all. Two sums that differ are told, the one counted first.
    """
    goods = chosen_goods(chosen, **sums)
    assert goods.source == source
    twice = [
        (notice.values["counted_sum"], notice.values["other_sum"])
        for notice in goods.notices
        if "counted_sum" in notice.values
    ]
    assert twice == ([both] if both else [])


@pytest.mark.parametrize(
    ("chosen", "sums", "others"),
    [
        ("ledger", {"sales": 8640, "costs": 9000}, "sales, costs does"),
        ("sales", {"sales": None, "costs": 9000}, "costs does"),
        ("costs", {"sales": 8640, "costs": None}, "sales does"),
        ("costs", {"sales": 8640, "filled": 9000, "ledger": 9000}, "sales, ledger does"),
        ("costs", {"sales": None}, "no table does"),
    ],
)
def test_a_source_that_tells_no_cost_of_goods_is_refused(chosen, sums, others):
    with pytest.raises(CarnetError) as raised:
        chosen_goods(chosen, **sums)
    message = (
        f"goods_cost: {chosen} tells no cost of goods in this engagement; {others}. Change "
        f"goods_cost in engagement.yml."
    )
    assert str(raised.value) == message


def test_goods_cost_names_a_table_that_may_tell_it(make_engagement):
    with pytest.raises(CarnetError, match="goods_cost"):
        open_book(make_engagement(tables={"sales": LINES}, goods_cost="purchases"))


def classed(lines, cost_behaviour=None, columns=("category", "account", "behaviour")):
    """(behaviour, goods) of each cost line, as the book classes and marks them:
    lines of texts in `columns`, '' where nothing is given.
    """
    con = duckdb.connect()
    con.execute(f"CREATE TABLE accepted_costs ({', '.join(f'{name} VARCHAR' for name in columns)})")
    con.executemany(
        f"INSERT INTO accepted_costs VALUES ({', '.join('?' * len(columns))})",
        [[text or None for text in line] for line in lines],
    )
    classify_costs(con, cost_behaviour or {}, *account_mapping(con))
    mark_goods(con)
    return con.execute("SELECT behaviour, goods FROM accepted_costs ORDER BY rowid").fetchall()


NAMES = {
    "Achats": True, "achats de marchandises": True, "Coût des marchandises vendues": True,
    "Coût des produits vendus": True, "Variation de stock": False, "Matières premières": True,
    "Cost of goods sold": True, "COGS": True, "Purchases": True, "Coût des ventes": True,
    "Loyers": False, "Salaires": False, "Marketing": False, "Fournitures": False,
    "Transports": False,
}  # fmt: skip


def test_purchases_are_told_by_name_where_no_account_is_given():
    """What is named as goods is variable; what has another behaviour is none."""
    columns = ("category", "behaviour")
    assert classed([(name, "") for name in NAMES], columns=columns) == [
        ("variable" if goods else None, goods) for goods in NAMES.values()
    ]
    assert classed([(name, "variable") for name in NAMES], columns=columns) == [
        ("variable", goods) for goods in NAMES.values()
    ]
    assert classed([(name, "fixed") for name in NAMES], columns=columns) == [
        ("fixed", False)
    ] * len(NAMES)


@pytest.mark.parametrize("name", ["Salaires du service achats", "Purchases department wages"])
def test_wages_of_buyers_are_no_goods(name):
    assert classed([(name,)], columns=("category",)) == [(None, False)]


# --- accounts of the French chart

CHART = {  # account → behaviour, goods
    "601000": ("variable", True),
    "602600": ("variable", True),
    "603700": ("variable", True),
    "604000": ("variable", False),
    "606100": ("fixed", False),
    "607000": ("variable", True),
    "608000": ("variable", True),
    "609700": ("variable", True),
    "611000": ("variable", False),
    "613200": ("fixed", False),
    "621100": ("variable", False),
    "622200": ("acquisition", False),
    "623000": ("acquisition", False),
    "624200": ("variable", False),
    "624700": ("fixed", False),
    "625100": ("acquisition", False),
    "641100": ("fixed", False),
    "645000": ("fixed", False),
    "661100": ("fixed", False),
    "665000": ("variable", False),
    "681000": ("fixed", False),
}


def test_accounts_are_classed_by_the_french_chart():
    """Purchases 601, 602 and 607, their stocks 603, costs 608 and rebates 609 are goods;
    energy 606 and studies 604 are not.
    """
    assert (
        dict(
            zip(
                CHART, classed([(f"Account {number}", number, "") for number in CHART]), strict=True
            )
        )
        == CHART
    )


def test_the_account_decides_before_the_name_and_the_engagement_before_the_chart():
    lines = [
        ("Achats", "641000", ""),
        ("Loyers", "607000", ""),
        ("Transports", "624100", ""),
        ("Transports", "624200", ""),
        ("Achats", "", ""),
    ]
    found = classed(lines, {"6241": "fixed"})
    assert found == [
        ("fixed", False),
        ("variable", True),
        ("fixed", False),
        ("variable", False),
        ("variable", True),
    ]


@pytest.mark.parametrize(("strangers", "read"), [(1, True), (2, False)])
def test_numbers_are_accounts_where_four_in_five_look_like_it(strangers, read):
    """1 of 5 numbers that is none leaves the chart in force, 2 of 6 do not:
    their numbers may be anything.
    """
    numbers = ["613000", "613100", "613200", "613500", "X0", "X1"][: 4 + strangers]
    assert classed([("a", number, "") for number in numbers]) == [
        *[("fixed" if read else None, False)] * 4,
        *[(None, False)] * strangers,
    ]


def test_accounts_in_the_category_are_classed_too():
    """A table without a column of accounts whose categories are the numbers:
    as good as a column of accounts.
    """
    assert (
        dict(
            zip(CHART, classed([(number,) for number in CHART], columns=("category",)), strict=True)
        )
        == CHART
    )


# --- the result of the ledger

TITLES = {
    "411000": "Clients", "416000": "Clients douteux", "512000": "Banque", "401000": "Fournisseurs",
    "445710": "TVA", "120000": "Résultat", "706000": "Prestations", "707000": "Ventes",
    "758000": "Produits divers", "601000": "Matières", "607000": "Achats",
    "603700": "Stocks variation", "370000": "Stocks", "624200": "Transports", "641100": "Salaires",
    "613200": "Loyers", "654000": "Pertes",
}  # fmt: skip


def entry(journal, number, day, *parts):
    """Lines of one entry: parts are (account, auxiliary, debit − credit)."""
    assert sum(part[2] for part in parts) == 0
    return [
        (
            journal,
            journal,
            str(number),
            day,
            account,
            TITLES[account],
            auxiliary,
            auxiliary,
            f"P{number}",
            day,
            "Facture",
            max(value, 0),
            max(-value, 0),
            "",
            "",
        )
        for account, auxiliary, value in parts
    ]


def sale(number, day, customer, net, account="707000"):
    return entry(
        "VE",
        number,
        day,
        ("411000", customer, net * 6 // 5),
        (account, "", -net),
        ("445710", "", -(net // 5)),
    )


def year_of(year, scale):
    """12 × 150 × scale to C1 and C2 and 60 of services; goods 700, carriage 50,
    wages 300 and rent 100 a month; material 400, stocks down by 150; 300 sold for cash to nobody
    and 40 of other income.
    """
    lines, month = [], [f"{year}{month:02d}" for month in range(1, 13)]
    for n, start in enumerate(month):
        lines += sale(10 * n + 1, f"{start}05", "C1", 100 * scale) + sale(
            10 * n + 2, f"{start}06", "C2", 50 * scale
        )
        for m, (account, value) in enumerate(
            (("607000", 700), ("624200", 50), ("641100", 300), ("613200", 100))
        ):
            lines += entry(
                "HA", 10 * n + m, f"{start}25", (account, "", value), ("401000", "", -value)
            )
    lines += sale(200, f"{year}0615", "C1", 60, "706000")
    lines += entry("BQ", 1, f"{year}1220", ("512000", "", 300), ("707000", "", -300))
    lines += entry("BQ", 2, f"{year}1221", ("512000", "", 40), ("758000", "", -40))
    lines += entry("OD", 1, f"{year}1231", ("603700", "", 150), ("370000", "", -150))
    return lines + entry("HA", 900, f"{year}0410", ("601000", "", 400), ("401000", "", -400))


def result_of(lines):
    """Class 7 − class 6 by the lines themselves."""
    return sum(line[12] - line[11] for line in lines if line[4][0] in "67")


BOTH = {2023: year_of(2023, 10), 2024: year_of(2024, 12)}


def audited(home, years, **keys):
    tables = {"ledger": {"files": "*FEC*.txt"}, **keys.pop("tables", {})}
    folder = write_engagement(home, tables=tables, **keys)
    for year, lines in years.items():
        (folder / f"123456789FEC{year}1231.txt").write_bytes(fec(lines).encode("iso8859-15"))
    return open_book(folder, as_of=AS_OF)


@pytest.fixture(scope="module")
def both_years(tmp_path_factory):
    return audited(tmp_path_factory.mktemp("both"), BOTH)


def steps(frame):
    assert frame.amount[:-1].sum() == pytest.approx(frame.amount.iloc[-1], abs=0.005), (
        "the last step is the sum of the others"
    )
    return dict(zip(frame.step, frame.amount, strict=True))


@pytest.mark.long
def test_the_result_is_class_7_minus_class_6(both_years):
    """2024: 21,600 + 60 + 300 + 40 − 12 × 1,150 − 150 − 400 = 7,650; 2023: 18,400 − 14,350 = 4,050.

    No bank, tax or stock is in it.
    """
    assert (result_of(BOTH[2023]), result_of(BOTH[2024])) == (4050, 7650)
    t = audit_series(both_years)
    assert t.net_margin.tolist() == t.ledger_result.tolist() == [4050, 7650]
    assert t.revenue.tolist() == [18060, 21660], "what names a customer"
    assert t.ledger_revenue.tolist() == [18360, 21960] and t.other_income.tolist() == pytest.approx(
        [40, 40]
    )
    results = accounts.account_results(
        both_years.table("ledger"), audit_buckets(both_years)
    ).execute()
    balances = accounts.intermediate_balances(
        results, chart_of_accounts()["balances"], 2
    ).set_index("name")
    assert balances.loc["net_result"].tolist() == pytest.approx([4050, 7650])
    assert period_series(both_years, "year").net_margin.tolist() == pytest.approx([4050, 7650])


def test_the_result_is_reached_line_by_line(both_years):
    """21,660 of customers + 300 for cash − 14,350 of costs + 40 of other income = 7,650;
    nothing is left to explain.
    """
    expected = {
        "customers": 21660,
        "unlinked": 300,
        "own_costs": -14350,
        "costs": 0,
        "other_income": 40,
        "result": 7650,
    }
    assert steps(ledger_lines(both_years)) == pytest.approx(expected, abs=0.005)


def test_two_margins_are_told_apart_line_by_line(both_years):
    """Variable costs 8,400 + 150 + 400 + 600 of 21,960: 12,410.

    Marge commerciale: 707 of 21,900 − 8,400 − 150 = 13,350: carriage back, services out, material
    601 back, since it is no purchase for resale.
    """
    frame = margin_lines(both_years)
    assert frame.label[frame.step == "not_goods"].tolist() == ["Transports"]
    expected = {
        "contribution": 12410,
        "not_goods": 600,
        "services": -60,
        "goods": 400,
        "trading_margin": 13350,
    }
    assert steps(frame) == pytest.approx(expected, abs=0.005)


@pytest.mark.long
def test_a_sales_file_beside_the_ledger_is_reconciled_with_its_result(tmp_path):
    """A file of 20,000 at a cost of 15,000, chosen: the result stays 7,650.

    Own costs 15,000 + 5,400 beside goods; the ledger has 6,050 less of them.
    """
    rows = [
        SALES,
        *[
            [customer, f"{year}-05-10", 10000, 7500]
            for customer in ("C1", "C2")
            for year in (2023, 2024)
        ],
    ]
    book = audited(tmp_path, BOTH, tables={"sales": rows}, goods_cost="sales")
    assert "€15,000 by the sale lines, €8,950 by the legal ledger" in told(book)[0]
    assert audit_series(book).net_margin.tolist() == [4050, 7650]
    expected = {
        "customers": 20000,
        "unlinked": 1960,
        "own_costs": -20400,
        "costs": 6050,
        "other_income": 40,
        "result": 7650,
    }
    assert steps(ledger_lines(book)) == pytest.approx(expected, abs=0.005)


@pytest.fixture(scope="module")
def last_year_only(tmp_path_factory):
    """Lines and costs beside goods of both years; a ledger of 2024 that gives the goods."""
    tables = {"sales": without(LINES, "cost"), "costs": SAME["on the lines only"][0]}
    return audited(
        tmp_path_factory.mktemp("last"), {2024: BOTH[2024]}, tables=tables, goods_cost="ledger"
    )


def test_the_ledger_may_give_the_goods_beside_a_table_of_costs(last_year_only):
    """1,360 in a table, goods 8,400 + 150 + 400 by the ledger: 10,310 of own costs;
    the result is the ledger's, of the year that it covers.
    """
    t = audit_series(last_year_only)
    assert t.total_cost[1] == pytest.approx(10310) and t.fixed_cost[1] == pytest.approx(1000)
    assert (
        t.ledger_result.tolist() == pytest.approx([np.nan, 7650], nan_ok=True)
        and t.net_margin[1] == 7650
    )
    found = steps(ledger_lines(last_year_only))
    assert (found["own_costs"], found["costs"], found["result"]) == pytest.approx(
        (-10310, 10310 - 14350, 7650)
    )


def test_goods_of_a_year_without_its_ledger_are_unknown(last_year_only):
    """2023 has costs of 1,360 beside goods, and no ledger to tell the goods:
    neither a margin of 11,840 nor a profit of 10,640.
    """
    before = audit_series(last_year_only).iloc[0]
    assert before[["variable_cost", "total_cost", "gross_margin", "net_margin"]].isna().all()


# --- what is carried forward


def closing_entry(lines, year):
    """The accounts of classes 6 and 7 emptied into account 120 on the last day."""
    sums = {}
    for line in lines:
        if line[4][0] in "67":
            sums[line[4]] = sums.get(line[4], 0) + line[11] - line[12]
    parts = [(account, "", -value) for account, value in sorted(sums.items())]
    return entry("OD", 99, f"{year}1231", *parts, ("120000", "", sum(sums.values())))


def opening_entry(lines, year):
    """The balances of classes 1 to 5, by customer, carried forward on the first day."""
    sums = {}
    for line in lines:
        if line[4][0] in "12345":
            sums[line[4], line[6]] = sums.get((line[4], line[6]), 0) + line[11] - line[12]
    parts = [
        (account, auxiliary, value) for (account, auxiliary), value in sorted(sums.items()) if value
    ]
    return entry("AN", 1, f"{year}0101", *parts)


DOUBT = entry("OD", 50, "20231230", ("416000", "C2", 600), ("411000", "C2", -600))
LOSS = entry("OD", 50, "20240630", ("654000", "", 600), ("416000", "C2", -600))
FIRST = BOTH[2023] + DOUBT + closing_entry(BOTH[2023], 2023)
CARRIED = {2023: FIRST, 2024: opening_entry(FIRST, 2024) + BOTH[2024] + LOSS}
BALANCES = {
    "12": -4050,
    "37": -300,
    "41": 1.2 * (18060 + 21660) - 600,
    "51": 680,
}  # nobody paid: all that was invoiced with tax, less what is lost


@pytest.fixture(scope="module")
def two_exercises(tmp_path_factory):
    return audited(tmp_path_factory.mktemp("carried"), CARRIED)


def test_closing_and_opening_entries_are_no_result(two_exercises):
    """What empties classes 6 and 7 into the result, and what carries balances forward,
    earns and loses nothing; a loss of 600 does.
    """
    assert audit_series(two_exercises).net_margin.tolist() == [4050, 7650 - 600]
    assert steps(ledger_lines(two_exercises))["result"] == 7050


def test_balances_carried_forward_are_counted_once(two_exercises):
    """Issue: 416 at 8,606 where it is empty, class 41 twice.

    Here class 41 would be 21,672 too much, once more what 2023 left open.
    """
    ledger = two_exercises.table("ledger")
    classes = accounts.account_classes(ledger).execute().set_index("account_class").balance
    assert classes[list(BALANCES)].to_dict() == pytest.approx(BALANCES)
    doubtful = accounts.doubtful_accounts(ledger).execute().set_index("account").balance
    assert doubtful.to_dict() == pytest.approx({"416000": 0, "654000": 600})


def test_the_opening_of_the_first_year_given_counts(two_exercises):
    """Of 2024 alone the opening entries tell what came before: the same balances at the end."""
    ledger = two_exercises.table("ledger").filter(lambda line: line.exercise == "2024-12-31")
    classes = accounts.account_classes(ledger).execute().set_index("account_class").balance
    assert classes[list(BALANCES)].to_dict() == pytest.approx(BALANCES)
    assert accounts.doubtful_accounts(ledger).execute().set_index("account").balance["416000"] == 0


def test_who_was_doubted_or_lost_is_known_on_the_day(two_exercises):
    """C2 is doubted on 30 December 2023 and written off on 30 June 2024;
    from then on nothing is due from it, and it is nobody's last chance.
    """
    for day, names in (
        ("2023-12-29", []),
        ("2023-12-30", ["C2"]),
        ("2023-12-31", ["C2"]),
        ("2024-06-29", ["C2"]),
        ("2024-12-31", ["C2"]),
    ):
        found = accounts.doubtful_customers(
            two_exercises.table("ledger"), dt.date.fromisoformat(day)
        ).execute()
        assert found.customer_id.tolist() == names, day


def test_who_paid_after_all_is_not_doubted_any_more():
    """600 doubted in 2023, carried forward to 2024, paid in June: account 416 is at 0."""
    columns = {
        "date": "date",
        "account": "string",
        "auxiliary": "string",
        "customer_id": "string",
        "debit": "float64",
        "credit": "float64",
        "exercise": "string",
        "opening": "boolean",
        "entry": "string",
    }
    lines = [
        (dt.date(2023, 1, 2), "411000", "C1", "C1", 120.0, 0.0, "2023-12-31", False, "sale"),
        (dt.date(2023, 12, 30), "416000", "C2", "C2", 600.0, 0.0, "2023-12-31", False, "doubt"),
        (dt.date(2024, 1, 1), "416000", "C2", None, 600.0, 0.0, "2024-12-31", True, "opening"),
        (dt.date(2024, 6, 30), "416000", "C2", None, 0.0, 600.0, "2024-12-31", False, "paid"),
    ]
    ledger = ibis.memtable(pd.DataFrame(lines, columns=list(columns)), schema=columns)
    assert accounts.doubtful_customers(
        ledger, dt.date(2024, 1, 31)
    ).execute().customer_id.tolist() == ["C2"]
    assert (
        accounts.doubtful_customers(ledger, dt.date(2024, 12, 31)).execute().customer_id.tolist()
        == []
    )


@pytest.mark.long
def test_variable_costs_as_large_as_the_goods_of_the_lines_are_an_alarm(make_engagement):
    """600 of 1,000 on every line, and a yearly 7,200 that is called by no name of purchases:
    told with both sums, since they may be the same goods.
    """
    sales = [
        ["customer_id", "date", "amount", "cost"],
        *(
            ["A", f"{year}-{month:02d}-10", "1000", "600"]
            for year in (2023, 2024)
            for month in range(1, 13)
        ),
    ]
    beside = [
        ["period_start", "period_end", "category", "amount", "behaviour"],
        ["2024-01-01", "2024-12-31", "Divers selon le comptable", "7200", "variable"],
    ]
    book = open_book(make_engagement(tables={"sales": sales, "costs": beside}, as_of="2024-12-31"))
    assert any(
        "Beside €7,200 of cost of goods on the sale lines, the table of costs has €7,200"
        in book.wording.tell(n)
        for n in book.notices
    )
    beside[1][3] = "3000"
    book = open_book(
        make_engagement(name="other", tables={"sales": sales, "costs": beside}, as_of="2024-12-31")
    )
    assert not any("Beside" in book.wording.tell(n) for n in book.notices)
