"""One decision an account: laws over the demonstration book and over a made-up one whose every
decision is worked out by hand.
"""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from carnet.book.book import open_book
from carnet.book.mapped import frame
from carnet.customers.accounts.account_list import account_list
from carnet.customers.accounts.profits import Rates
from carnet.customers.decisions import ACTION_COLUMNS, decided_frame, may_be_called, open_names
from carnet.customers.gaps.gap_list import gap_frame
from carnet.customers.indicators.recurring import RecurringStudy
from carnet.customers.retention.study import RetentionStudy
from carnet.engagement.parameters import Policy, read_parameters
from carnet.engagement.running import RUN_VARIABLE, Run
from carnet.errors import CarnetError
from carnet.findings import decisions as words
from carnet.measures.gaps import tasks
from carnet.measures.retention import actions, retention_budget
from carnet.wording import Wording
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import write_engagement
from tests.intake.test_fec import bill, entries, fec, payment

ENGLISH, FRENCH = Wording("en", "EUR"), Wording("fr", "EUR")
CENT = 0.005
POLICIES = [
    Policy(),
    Policy(proposal_count=12, hold_out_share=0.5, hold_out_seed=7, budget_cap_share=0.10),
    Policy(
        proposal_cost=5.0,
        proposal_count=200,
        hold_out_share=1.0,
        action_cost=200.0,
        budget_cap_share=0.05,
    ),
]


def same(one, other):
    pd.testing.assert_frame_equal(
        one.reset_index(drop=True), other.reset_index(drop=True), check_dtype=False
    )


def check_laws(book, policy):
    """What holds in every book under every policy; returns the decisions."""
    t = decided_frame(book, policy)
    gaps = gap_frame(book, policy.abc_cut_a, policy.abc_cut_b, policy.family_order_count)
    rates = Rates(policy.hourly_rate_low, policy.hourly_rate_high, policy.capital_rate)
    accounts = frame(account_list(book, policy.abc_cut_a, policy.abc_cut_b, rates))
    assert t.customer_id.is_unique and set(t.customer_id) == set(accounts.customer_id) | set(
        gaps.customer_id
    ), "one row a customer"
    assert set(ACTION_COLUMNS) - {"due_date"} <= set(t.columns)
    assert t.action.isin(actions.ACTIONS).all(), "one action of the register each"
    assert (
        t.action_reason.notna() == (t.action == "do_not_chase")
    ).all() and t.action_reason.dropna().isin(actions.REASONS).all()

    spent, value, cap = t.at_most.astype(float), t.action_value.astype(float), t.cap.astype(float)
    assert (spent.dropna() >= 0).all(), "nothing is taken from an account"
    assert (spent.isna() | (spent <= value + CENT)).all(), "never more than the action may bring"
    assert (spent.isna() | cap.isna() | (spent <= cap + CENT)).all(), "never more than the cap"
    proposals = t.action == "last_chance"
    assert (spent[proposals] == policy.proposal_cost).all(), "a proposal has its price"
    assert (spent[~proposals & (spent > 0)] >= policy.action_cost).all(), (
        "less than an action costs buys none"
    )
    assert (spent[t.action.isin(["leave_alone", "do_not_chase", "renegotiate", "wait"])] == 0).all()
    assert (spent[t.action == "retain"] > 0).all() and not (spent[t.action == "serve"] > 0).any()
    assert (
        t.budget.equals(t.at_most)
        and not t.chase[t.action.isin(["leave_alone", "do_not_chase"])].any()
    )

    barred = t.insolvent | t.closed | (t.action_reason == "contract_over")
    assert not (barred & t.chosen).any() and (spent[barred] == 0).all(), (
        "neither a proposal nor a budget"
    )
    assert not t.action[barred].isin([*actions.CALLED, "leave_alone", "retain", "protect"]).any()

    assert (t.chosen == t.action.isin(["last_chance", "leave_alone"])).all(), (
        "whoever is chosen gets the proposal, or is left alone"
    )
    assert (
        t.chosen.sum() <= policy.proposal_count
        and ((t.arm == "hold-out") == (t.action == "leave_alone")).all()
    )
    eligible = int((t.chosen & ~t.essential.eq(True)).sum())
    assert (t.action == "leave_alone").sum() == (
        round(policy.hold_out_share * eligible) if eligible >= 8 else 0
    )
    assert not (t.essential.eq(True) & (t.action == "leave_alone")).any(), (
        "essential accounts are not gambled with"
    )

    held, dropped = (
        set(t.customer_id[t.action == "leave_alone"]),
        set(t.customer_id[t.action == "do_not_chase"]),
    )
    todo = tasks.task_list(gaps, t)
    assert todo.customer_id.is_unique and not set(todo.customer_id) & (held | dropped)
    assert todo.action.isin(actions.CALLED).all() and set(
        t.customer_id[t.action.isin(actions.CALLED)]
    ) >= set(todo.customer_id)
    assert (
        not set(open_names(t, t, len(t))) & set(t.name[t.customer_id.isin(held)])
        or t.name.duplicated().any()
    )
    assert set(t.customer_id[~may_be_called(t, t.customer_id)]) == held | dropped
    return t


# --- the demonstration company


@pytest.mark.parametrize("policy", POLICIES, ids=range(len(POLICIES)))
@pytest.mark.long
def test_laws_hold_over_the_demonstration_book(demo_book, policy):
    check_laws(demo_book, policy)


@pytest.mark.long
def test_law_names_of_those_left_alone_are_never_quoted(demo_book):
    t = decided_frame(demo_book, Policy())
    held = t[t.action == "leave_alone"]
    assert len(held) >= 2, "the book has some"
    assert open_names(t, held, 9) == [] and not may_be_called(t, held.customer_id).any()
    mixed = pd.concat([held, t[t.action == "call"]])
    assert open_names(t, mixed, 2) == list(t.name[t.action == "call"].head(2)), (
        "the order of the list stays"
    )
    assert open_names(t.head(0), held, 1) == [held.name.iloc[0]], "nothing decided: nothing to hide"


@pytest.mark.long
def test_law_another_seed_leaves_as_many_others_alone(demo_book):
    one, other = (decided_frame(demo_book, Policy(hold_out_seed=seed)) for seed in (1, 2))
    first, second = (set(t.customer_id[t.action == "leave_alone"]) for t in (one, other))
    assert len(first) == len(second) > 0 and first != second
    elsewhere = ~one.customer_id.isin(first | second)
    same(one[elsewhere], other[elsewhere])


# --- a made-up book: everybody bought every month for four years at 40 % of margin; the fallen
# stopped at the end of March 2025

FALLEN = 20


def made_up_tables():
    """28 large customers at 3,000 a month, 20 small ones (F) at 500 a month that stopped."""
    sales = [["customer_id", "date", "order_id", "amount", "cost"]]
    for number in range(28 + FALLEN):
        name, amount = (f"L{number:02}", 3000) if number < 28 else (f"F{number - 28:02}", 500)
        for month in pd.period_range(
            "2022-01", "2025-12" if name[0] == "L" else "2025-03", freq="M"
        ):
            sales.append(
                [name, f"{month}-{1 + number % 27:02}", f"{name}/{month}", amount, amount * 0.6]
            )
    customers = [["customer_id", "name", "salesperson", "since", "until", "contract"]]
    for name in [f"L{n:02}" for n in range(28)] + [f"F{n:02}" for n in range(FALLEN)]:
        until = {"F06": "2025-04-30", "F07": "2026-12-31"}.get(name, "")
        customers.append(
            [
                name,
                f"Company {name}",
                "Ann" if int(name[1:]) % 2 else "Bob",
                "2022-01-01",
                until,
                "yes" if until else "no",
            ]
        )
    departures = [
        ["customer_id", "date", "reason"],
        ["F04", "2025-05-01", "Fermeture"],
        ["F05", "2024-05-01", "Fermeture"],
    ]
    return {"sales": sales, "customers": customers, "departures": departures}


def doubtful_ledger():
    """F01 is doubtful (416), F02 written off (654), F03 was doubtful and paid."""
    rows = [
        bill("1", "20250115", "F00", 500),
        ("OD", "1", "20250630", "D1", [("416000", "F01", 600, ""), ("411000", "F01", -600, "")]),
        ("OD", "2", "20250630", "D2", [("654000", "", 600, ""), ("411000", "F02", -600, "")]),
        ("OD", "3", "20250630", "D3", [("416000", "F03", 600, ""), ("411000", "F03", -600, "")]),
        ("BQ", "4", "20250930", "P3", [("512000", "", 600, ""), ("416000", "F03", -600, "")]),
        payment("5", "20250331", "F00", 600),
    ]
    return fec(entries(*rows)).encode("iso8859-15")


def made_up(home, name="made", shuffle=None):
    tables = made_up_tables()
    if shuffle is not None:
        rng = np.random.default_rng(shuffle)
        tables = {
            table: [rows[0], *(rows[1 + i] for i in rng.permutation(len(rows) - 1))]
            for table, rows in tables.items()
        }
    folder = write_engagement(
        home,
        name,
        tables=tables | {"ledger": {"files": "*.txt"}},
        as_of="2025-12-31",
        goods_cost="sales",
        linked_share_minimum=0.0,
    )
    (folder / "123456789FEC20251231.txt").write_bytes(doubtful_ledger())
    return open_book(folder)


@pytest.fixture(scope="module")
def made_up_book(tmp_path_factory):
    return made_up(tmp_path_factory.mktemp("decisions"))


PLAIN = [f"F{n:02}" for n in range(FALLEN) if n not in (1, 2, 4, 6)]
NO_HOLD_OUT = Policy(hold_out_share=0.0)


@pytest.mark.long
def test_every_decision_of_the_made_up_book_is_the_one_worked_out_by_hand(made_up_book):
    """Each fallen account lacks 4,500 at 40 % = 1,800 of margin;
    a tenth of that is assumed to come back: 180 > 60. A year is worth 2,400, its cap 600.

    Two are doubtful (416, 654), one closed, one out of contract; paid up, ordering again, and under
    contract are as good as any.
    """
    t = check_laws(made_up_book, NO_HOLD_OUT).set_index("customer_id")
    reasons = {"F01": "insolvent", "F02": "insolvent", "F04": "closed", "F06": "contract_over"}
    assert t.action_reason.dropna().to_dict() == reasons
    assert (
        t.action[list(reasons)].eq("do_not_chase").all() and t.action[PLAIN].eq("last_chance").all()
    )
    assert t.action[[f"L{n:02}" for n in range(28)]].eq("serve").all(), (
        "nobody who buys every month is due anything"
    )
    money = t.loc[PLAIN, ["at_most", "action_value", "cap", "expected_value"]].drop_duplicates()
    assert money.values.tolist() == [
        [60.0, pytest.approx(180), pytest.approx(600), pytest.approx(120)]
    ]
    assert (t.at_most.sum(), t.action_value.sum()) == (16 * 60, pytest.approx(16 * 180))
    assert t.strategy["F06"] == "gone" and t.strategy["F07"] != "gone", (
        "a contract over, a contract running"
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({"proposal_cost": 179.0}, 16),
        ({"proposal_cost": 181.0}, 0),
        ({"assumed_recoverability": 0.03}, 0),
        ({"budget_cap_share": 0.0249}, 0),
        ({"proposal_count": 5}, 5),
        ({"proposal_count": 0}, 0),
        ({"deep_fall_share": 0.76}, 0),
    ],
)
def test_a_proposal_is_made_while_it_is_worth_its_price(made_up_book, changed, count):
    """Worth 1,800 × the share that comes back, capped at a share of 2,400;
    the accounts fell by 75 %.
    """
    t = check_laws(made_up_book, replace(NO_HOLD_OUT, **changed))
    assert (t.action == "last_chance").sum() == count
    assert list(t.customer_id[t.chosen]) == (PLAIN[:count] if count else []), (
        "of equals the first by number"
    )


@pytest.mark.long
@pytest.mark.parametrize(("share", "seed"), [(0.25, 1)])
def test_of_sixteen_proposals_a_share_is_left_alone(made_up_book, share, seed):
    """25 % of 16 is 4; those keep no budget, no task, no mention,
    and the others are decided as before.
    """
    t = check_laws(made_up_book, replace(NO_HOLD_OUT, hold_out_share=share, hold_out_seed=seed))
    held = t[t.action == "leave_alone"]
    assert (
        len(held) == 16 * share and set(held.customer_id) <= set(PLAIN) and held.at_most.sum() == 0
    )
    without = decided_frame(made_up_book, NO_HOLD_OUT)
    others = ~t.customer_id.isin(held.customer_id)
    same(t[others].drop(columns="arm"), without[others].drop(columns="arm"))


@pytest.mark.long
def test_seven_that_could_be_left_alone_are_too_few(made_up_book):
    t = check_laws(made_up_book, Policy(proposal_count=7, hold_out_share=0.5))
    assert (t.action == "last_chance").sum() == 7 and not (t.action == "leave_alone").any()


@pytest.mark.long
def test_decisions_do_not_depend_on_the_order_of_rows(made_up_book, tmp_path):
    shuffled = made_up(tmp_path, shuffle=4)
    policy = Policy(proposal_count=9, hold_out_share=0.5, hold_out_seed=5)
    same(decided_frame(made_up_book, policy), decided_frame(shuffled, policy))


def test_contracts_alone_are_spoken_about_before_they_end(make_engagement):
    """Without sales: of contracts that end on 15 March, in a year, and on 20 January (its notice of
    60 days is over), the first and the last are called, before the notice where one can be given.
    """
    contracts = [
        ["customer_id", "start", "end", "amount", "period", "notice"],
        ["A", "2025-03-16", "2026-03-15", "1200", "year", "30"],
        ["B", "2026-01-01", "2026-12-31", "600", "year", "30"],
        ["C", "2025-01-21", "2026-01-20", "900", "year", "60"],
    ]
    listed = [["customer_id", "name", "salesperson"], ["A", "Ann Ltd", "Bob"]]
    tables = {"contracts": contracts, "customers": listed}
    book = open_book(make_engagement(tables=tables, as_of="2025-12-31"))
    t = decided_frame(book, Policy()).set_index("customer_id")
    assert t.action.to_dict() == {"A": "renew", "C": "renew"} and t.at_most.isna().all()
    assert t.name.to_dict() == {"A": "Ann Ltd", "C": "C"}
    assert t.salesperson["A"] == "Bob" and t.renewal_amount.to_dict() == {"A": 1200, "C": 900}
    days = {"A": pd.Timestamp("2026-02-13"), "C": pd.Timestamp("2026-01-20")}  # notice; end
    assert t.renewal_date.to_dict() == days
    planned = RecurringStudy(book, read_parameters({})).tasks.set_index("customer_id")
    assert set(map(str, planned.due_date)) == {"2026-01-05"}, "one each, in the first week"


def test_contracts_of_the_closed_and_of_the_insolvent_are_not_spoken_about(make_engagement):
    """Without sales; and a notice that ends before anybody calls is past: the end counts."""
    end = ["2026-03-31", "1200", "year", "90"]  # notice by Wednesday 31 December
    contracts = [
        ["customer_id", "start", "end", "amount", "period", "notice"],
        *([customer, "2025-04-01", *end] for customer in "ABC"),
    ]
    departures = [["customer_id", "date", "reason"], ["A", "2025-12-01", "liquidation"]]
    owed = [["customer_id", "invoice_date", "amount", "status"], ["B", "2025-01-01", "5", "perte"]]
    tables = {"contracts": contracts, "departures": departures, "receivables": owed}
    book = open_book(make_engagement(tables=tables, as_of="2025-12-30"))
    t = decided_frame(book, Policy()).set_index("customer_id")
    assert t.action.to_dict() == {"A": "do_not_chase", "B": "do_not_chase", "C": "renew"}
    assert t.action_reason.dropna().to_dict() == {"A": "closed", "B": "insolvent"}
    assert t.name.to_dict() == {"A": "A", "B": "B", "C": "C"}
    assert t.renewal_date["C"] == pd.Timestamp("2026-03-31")


def test_what_ends_soon_has_a_task_before_what_is_large():
    """More contracts than the weeks hold: the small one that ends first is among the tasks."""
    large = [(f"L{n}", 12_000.0 + n, "2026-04-30") for n in range(60)]
    rows = [*large, ("SOON", 500.0, "2026-01-12")]
    t = pd.DataFrame(rows, columns=["customer_id", "renewal_amount", "renewal_date"]).assign(
        renewal_date=lambda d: pd.to_datetime(d.renewal_date), name="", salesperson=None,
        action="renew", at_most=np.nan, sales_gap=np.nan, margin_at_stake=np.nan,
    )  # fmt: skip
    planned = tasks.schedule(tasks.called_alone(t, 60), dt.date(2025, 12, 31), 5, 12)
    due = planned.set_index("customer_id").due_date
    assert len(due) == 60 and due["SOON"] == dt.date(2026, 1, 5)
    assert due["L59"] == dt.date(2026, 1, 5), "the largest first"


def test_nothing_is_decided_without_sales(make_engagement):
    only = {"departures": [["customer_id", "date", "reason"], ["A", "2025-05-01", "Fermeture"]]}
    book = open_book(make_engagement(tables=only, as_of="2025-12-31"))
    t, study = decided_frame(book, Policy()), RetentionStudy(book, read_parameters({}))
    assert not len(t) and set(ACTION_COLUMNS) <= set(t.columns)
    assert (
        words.spending(ENGLISH, study.totals, list(study.chased.name)) is None
        and words.not_chased(ENGLISH, study.drop_reasons, study.largest_dropped)
        == "Nobody is on the do-not-chase list."
    )


# --- a company as they come: every table, drawn at random


def drawn_book(home, seed, comparison):
    """50 customers of all sizes, rhythms and margins over five years; some shrink, some leave,
    a tenth each is doubtful, written off, closed, out of contract.
    """
    rng, start, end = (
        np.random.default_rng(seed),
        pd.Timestamp("2021-01-01"),
        pd.Timestamp("2025-11-30"),
    )
    sales = [["customer_id", "date", "order_id", "offer", "amount", "cost", "salesperson"]]
    customers, departures = (
        [["customer_id", "name", "salesperson", "since", "until", "contract"]],
        [["customer_id", "date", "reason"]],
    )
    service, ledger = (
        [["customer_id", "date", "activity", "minutes"]],
        [bill("1", "20250115", "C00", 500)],
    )
    for number in range(50):
        name, rep = f"C{number:02}", ["Ann", "Bob", "Cleo"][number % 3]
        rate, size, margin = (
            rng.choice([2, 6, 14]),
            float(np.exp(rng.normal(6.6, 0.9))),
            rng.choice([0.35, 0.25, -0.05], p=[0.6, 0.3, 0.1]),
        )
        leaves, shrinks = start + pd.Timedelta(days=rng.exponential(365 / 0.15)), rng.random() < 0.3
        day = start + pd.Timedelta(days=365 * rng.random() / rate)
        while day <= min(end, leaves):
            amount = round(
                size
                * (0.3 if shrinks and day.year == 2025 else 1)
                * float(np.exp(rng.normal(0, 0.4))),
                2,
            )
            offer = rng.choice(["Paper", "Hygiene", "Packing"])
            sales.append(
                [
                    name,
                    day.date(),
                    f"{name}/{len(sales)}",
                    offer,
                    amount,
                    round(amount * (1 - margin), 2),
                    rep,
                ]
            )
            day += pd.Timedelta(days=rng.gamma(3, 365 / rate / 3))
        kind = ["", "contract", "", "over", "", "closed", "", "416", "", "654"][number % 10]
        until = (
            str(min(leaves, end).date())
            if kind == "over"
            else "2027-12-31"
            if kind == "contract"
            else ""
        )
        customers.append(
            [name, f"Company {name}", rep, "2020-06-01", until, "yes" if until else "no"]
        )
        if kind == "closed":
            departures.append([name, min(leaves, end).date() + pd.Timedelta(days=3), "liquidation"])
        if kind in ("416", "654"):
            named = ("416000", name, 90, "") if kind == "416" else ("654000", "", 90, "")
            ledger.append(
                (
                    "OD",
                    str(len(ledger) + 1),
                    "20250630",
                    f"D{number}",
                    [named, ("411000", name, -90, "")],
                )
            )
        service += [
            [name, start.date() + pd.Timedelta(days=int(d)), "visit", 60]
            for d in rng.integers(1400, 1790, rng.integers(0, 6))
        ]
    tables = {
        "sales": sales,
        "customers": customers,
        "departures": departures,
        "service": service,
        "ledger": {"files": "*.txt"},
    }
    folder = write_engagement(
        home,
        f"drawn{seed}{comparison}",
        tables=tables,
        as_of="2025-11-30",
        comparison=comparison,
        goods_cost="sales",
        linked_share_minimum=0.0,
    )
    (folder / "123456789FEC20251231.txt").write_bytes(fec(entries(*ledger)).encode("iso8859-15"))
    return open_book(folder)


@pytest.mark.long
def test_laws_hold_over_a_company_drawn_at_random_that_compares_its_fiscal_year_so_far(tmp_path):
    book = drawn_book(tmp_path, 2, "year_to_date")
    t = check_laws(book, Policy(proposal_cost=30.0, action_cost=30.0))
    assert {"insolvent", "closed", "contract_over"} <= set(t.action_reason.dropna()), (
        "the draw holds every kind"
    )


# --- precedence, account by account

USUAL = dict(
    arm=None,
    chosen=False,
    tracked=False,
    strategy="serve",
    status="kept",
    insolvent=False,
    closed=False,
    contract_end=None,
    chase_reason="safe",
    uncapped_budget=0.0,
    cap=600.0,
    back_value=np.nan,
    proposal_cost=np.nan,
    next_family=None,
    next_margin=np.nan,
    sales_gap=0.0,
    renewal_date=pd.NaT,
    renewal_amount=np.nan,
)
SOON = dict(renewal_date=pd.Timestamp("2025-03-31"), renewal_amount=900.0)
CHASED = dict(chase_reason="chase", uncapped_budget=500.0)
PROPOSED = dict(
    chosen=True, arm="contact", back_value=180.0, proposal_cost=60.0, chase_reason="small"
)


def decide(*accounts, action_cost=60.0):
    t = pd.DataFrame([USUAL | account for account in accounts])
    return actions.choose_actions(
        t.astype({"uncapped_budget": float, "cap": float, "contract_end": "datetime64[ns]"}),
        action_cost,
    )


@pytest.mark.parametrize(
    ("account", "action", "reason", "at_most"),
    [
        ({}, "serve", None, 0),
        ({"next_margin": 60.0}, "develop", None, 0),
        ({"next_margin": 59.0}, "serve", None, 0),
        ({"next_margin": 60.0, "sales_gap": -0.01}, "serve", None, 0),
        ({"next_margin": 60.0, "sales_gap": np.nan}, "develop", None, 0),
        (CHASED | {"next_margin": 900.0}, "retain", None, 500),
        ({"next_margin": 900.0, "tracked": True}, "call", None, 0),
        (SOON, "renew", None, 0),
        (SOON | CHASED | {"tracked": True}, "renew", None, 500),
        (SOON | {"status": "not_due"}, "renew", None, 0),
        (SOON | {"insolvent": True}, "do_not_chase", "insolvent", 0),
        ({"next_margin": 900.0, "status": "not_due"}, "wait", None, 0),
        ({"next_margin": 900.0, "strategy": "protect"}, "protect", None, 0),
        (PROPOSED | {"next_margin": 900.0, "arm": "hold-out"}, "leave_alone", None, 0),
        ({"next_margin": 900.0, "closed": True}, "do_not_chase", "closed", 0),
        (CHASED, "retain", None, 500),
        (CHASED | {"uncapped_budget": 900.0}, "retain", None, 600),
        (CHASED | {"cap": 59.0}, "serve", None, 0),
        (CHASED | {"strategy": "protect"}, "protect", None, 500),
        (CHASED | {"strategy": "rekindle"}, "rekindle", None, 500),
        (CHASED | {"strategy": "renegotiate"}, "renegotiate", None, 0),
        (CHASED | {"tracked": True}, "call", None, 500),
        (CHASED | {"status": "not_due"}, "wait", None, 0),
        ({"strategy": "rekindle", "tracked": True}, "rekindle", None, 0),
        ({"strategy": "protect", "tracked": True}, "call", None, 0),
        (PROPOSED, "last_chance", None, 60),
        (PROPOSED | {"tracked": True}, "last_chance", None, 60),
        (PROPOSED | {"arm": "essential"}, "last_chance", None, 60),
        (PROPOSED | {"arm": "hold-out", "tracked": True}, "leave_alone", None, 0),
        (PROPOSED | CHASED | {"arm": "hold-out", "strategy": "protect"}, "leave_alone", None, 0),
        (PROPOSED | CHASED, "last_chance", None, 60),
        (PROPOSED | {"chase_reason": "gone"}, "last_chance", None, 60),
        ({"chase_reason": "small", "tracked": True}, "do_not_chase", "small", 0),
        ({"chase_reason": "gone", "strategy": "gone"}, "do_not_chase", "gone", 0),
        (CHASED | {"insolvent": True}, "do_not_chase", "insolvent", 0),
        (CHASED | {"closed": True, "tracked": True}, "do_not_chase", "closed", 0),
        (PROPOSED | {"insolvent": True}, "do_not_chase", "insolvent", 0),
        (PROPOSED | {"closed": True, "arm": "hold-out"}, "do_not_chase", "closed", 0),
        (
            CHASED | {"strategy": "gone", "contract_end": "2025-03-31"},
            "do_not_chase",
            "contract_over",
            0,
        ),
        (CHASED | {"contract_end": "2025-03-31"}, "retain", None, 500),
        ({"chase_reason": "unprofitable"}, "do_not_chase", "unprofitable", 0),
        ({"chase_reason": "unprofitable", "strategy": "renegotiate"}, "renegotiate", None, 0),
        (
            {"insolvent": True, "closed": True, "chase_reason": "unprofitable"},
            "do_not_chase",
            "insolvent",
            0,
        ),
    ],
)
def test_the_first_rule_that_holds_decides(account, action, reason, at_most):
    t = decide(account).iloc[0]
    assert (t.action, t.action_reason, t.at_most) == (action, reason, at_most)


@pytest.mark.parametrize("reason", ["insolvent", "closed"])
def test_nobody_renegotiates_with_a_company_that_cannot_pay_or_is_closed(reason):
    """The register: insolvent, closed, its contract over come before;
    only the unprofitable one is left to its renegotiation.
    """
    t = decide({reason: True, "strategy": "renegotiate"}).iloc[0]
    assert (t.action, t.action_reason) == ("do_not_chase", reason)


def test_what_is_not_known_is_not_zero():
    t = decide(
        CHASED | {"cap": np.nan},
        CHASED | {"uncapped_budget": np.nan},
        {"chase_reason": "unknown", "uncapped_budget": np.nan},
    )
    assert t.at_most.isna().all() and t.action.tolist() == ["serve"] * 3


MONEY = st.floats(0, 5_000)


@st.composite
def accounts(draw):
    """An account as `decisions` hands it over: who is chosen is worth the price of the proposal."""
    account = dict(
        tracked=draw(st.booleans()),
        strategy=draw(st.sampled_from(["protect", "serve", "rekindle", "renegotiate", "gone"])),
        status=draw(st.sampled_from(["kept", "lost", "new", "not_due"])),
        insolvent=draw(st.booleans()),
        closed=draw(st.booleans()),
        contract_end=draw(st.sampled_from([None, "2025-03-31"])),
        uncapped_budget=draw(MONEY),
        cap=draw(MONEY),
        next_margin=draw(st.one_of(st.just(np.nan), MONEY)),
        sales_gap=draw(st.sampled_from([-100.0, 0.0, 100.0])),
        renewal_date=draw(st.sampled_from([pd.NaT, pd.Timestamp("2025-03-31")])),
        renewal_amount=900.0,
        chase_reason=draw(
            st.sampled_from(["unprofitable", "unknown", "chase", "gone", "safe", "small"])
        ),
    )
    if draw(st.booleans()) and account["cap"] >= 60:
        account |= dict(
            chosen=True,
            arm=draw(st.sampled_from(["contact", "hold-out", "essential"])),
            back_value=60 + draw(MONEY),
            proposal_cost=60.0,
        )
    return account


@settings(max_examples=25)
@given(
    st.lists(accounts(), min_size=1, max_size=30),
    st.floats(0, 300),
    st.randoms(use_true_random=False),
)
@pytest.mark.long
def test_law_one_action_each_within_its_means_whatever_the_account(rows, action_cost, random):
    t = decide(*rows, action_cost=action_cost)
    assert (
        t.action.isin(actions.ACTIONS).all()
        and (t.action_reason.notna() == (t.action == "do_not_chase")).all()
    )
    assert (
        (t.at_most >= 0) & (t.at_most <= t.action_value + CENT) & (t.at_most <= t.cap + CENT)
    ).all()
    assert (t.at_most[(t.at_most > 0) & (t.action != "last_chance")] >= action_cost).all()
    assert (t.at_most[t.action == "last_chance"] == 60).all()
    assert not t.at_most[
        t.insolvent | t.closed | ((t.strategy == "gone") & t.contract_end.notna())
    ].any()
    order = random.sample(range(len(rows)), len(rows))
    same(t.iloc[order], decide(*(rows[i] for i in order), action_cost=action_cost))


# --- the policy


@pytest.fixture
def given(tmp_path, monkeypatch):
    """What -p gave to the run that this process belongs to."""

    def give(**values):
        Run(given=values).write(tmp_path / "run.json")
        monkeypatch.setenv(RUN_VARIABLE, str(tmp_path / "run.json"))

    return give


def test_the_policy_is_what_was_given_to_the_run_and_a_notebook_has_the_last_word(
    given, monkeypatch
):
    given(proposal_cost=80.0, hold_out_seed=9, weekly_task_count=5)
    policy = read_parameters({}).policy
    assert policy == Policy(proposal_cost=80.0, hold_out_seed=9), (
        "a parameter that decides nothing is left out"
    )
    own = read_parameters({"proposal_cost": 45.0, "language": "fr"})
    assert own.policy == Policy(proposal_cost=45.0, hold_out_seed=9) and own.named == (
        "proposal_cost",
    )
    given()
    assert read_parameters({}).policy == Policy()
    monkeypatch.delenv(RUN_VARIABLE)
    assert read_parameters({"abc_cut_a": 0.7}).policy == Policy(abc_cut_a=0.7)


@pytest.mark.long
def test_a_given_price_decides(made_up_book, given):
    """A proposal at 181 is worth nobody's 180."""
    given(proposal_cost=181.0, hold_out_share=0.0)
    usual = decided_frame(made_up_book, read_parameters({}).policy)
    assert not (usual.action == "last_chance").any()
    own = read_parameters({"proposal_cost": 60.0}).policy
    assert (decided_frame(made_up_book, own).action == "last_chance").sum() == 16


# --- in words


def test_every_action_and_reason_has_its_words_in_both_languages():
    assert (
        tuple(words.ACTION_LABELS) == actions.ACTIONS
        and tuple(words.REASON_LABELS) == actions.REASONS
    )
    for label in (*words.ACTION_LABELS.values(), *words.REASON_LABELS.values()):
        assert ENGLISH._(label) == label != FRENCH._(label)


def test_a_decision_is_one_sentence_with_its_price_or_its_reason(made_up_book):
    t = decided_frame(made_up_book, NO_HOLD_OUT).set_index("customer_id")
    told = words.worded(ENGLISH, t)
    assert told.decision[["F00", "F01", "F04", "F06", "L00"]].to_dict() == {
        "F00": "last-chance proposal, at most €60",
        "F01": "do not chase: claims doubtful, in collection or written off",
        "F04": "do not chase: noted as closed, sold or in liquidation",
        "F06": "do not chase: its contract is over",
        "L00": "serve as ever",
    }
    assert told.why["F01"].startswith(
        "claims doubtful, in collection or written off · €4,500 behind the year before · "
    )
    assert told.why["F01"].endswith("€2,400 of margin a year")
    unknown = t.loc[["L00"]].copy()
    unknown[["sales_gap", "leave_probability", "yearly_margin", "at_most"]] = np.nan
    assert words.worded(ENGLISH, unknown)[["decision", "why"]].to_numpy().tolist() == [
        ["serve as ever", ""]
    ]


def test_what_is_spent_and_who_is_dropped_are_counted(made_up_book):
    """16 proposals of 60 for 16 × 180; four dropped, all of them of the same 1,500 of a year."""
    study = RetentionStudy(made_up_book, read_parameters(vars(NO_HOLD_OUT)))
    finding = words.spending(ENGLISH, study.totals, list(study.chased.name.head(3)))
    assert (
        finding.amount == 960
        and "16 accounts are worth an action: at most €960 in all" in finding.sentence
        and "€2,880" in finding.sentence
    )
    assert len(study.chased) == 16
    figures = retention_budget.budget_figures(study.decided).execute().iloc[0]
    assert figures.to_dict() == {
        "retention_budget": 960,
        "chase_customer_count": 16,
        "do_not_chase_customer_count": 4,
    }
    dropped = words.not_chased(ENGLISH, study.drop_reasons, study.largest_dropped)
    assert dropped.startswith(
        "4 customers are not to be chased (claims doubtful, in collection or written off: 2 · "
        "noted as closed, sold or in liquidation: 1 · its contract is over: 1)."
    )
    assert (
        all(f"Company {name}" in dropped for name in ("F01", "F02", "F04"))
        and "Company F06" not in dropped
    )
    none = study.totals.copy()
    none[["worth", "spent", "action_value"]] = 0.0
    nothing = words.spending(ENGLISH, none, [])
    assert nothing.amount == 0 and "stays under its cost" in nothing.sentence
    none["told"] = 0.0
    assert words.spending(ENGLISH, none, []) is None


def test_a_number_too_large_for_any_use_is_refused_in_one_line():
    for name in ("proposal_cost", "top_count"):
        with pytest.raises(CarnetError, match=name):
            read_parameters({name: 10**400})
