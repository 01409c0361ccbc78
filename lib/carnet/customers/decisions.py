"""One decision an account, computed once from the book and a policy: what every notebook, list,
task, calendar and budget reads.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.book.book import Book
from carnet.book.mapped import Mapped, frame
from carnet.book.once import once
from carnet.book.tables import tabled
from carnet.customers.accounts.history import leave_history
from carnet.customers.accounts.valued import accounts_of
from carnet.customers.columns import Part, everybody, joined
from carnet.customers.gaps.gap_list import earlier_lists, gap_list, tracked
from carnet.customers.growth.next_family import next_families_of
from carnet.customers.reasons.leavers import closed_customers
from carnet.customers.retention.customer_value import portfolio_of
from carnet.engagement.parameters import Policy
from carnet.measures.costs import accounts as ledger_accounts
from carnet.measures.costs import receivables
from carnet.measures.indicators import recurring
from carnet.measures.register import Column, composed
from carnet.measures.retention import actions, last_chance, retention_budget
from carnet.wording import N_

ACTION_COLUMNS = [
    "customer_id", "name", "salesperson", "gap_salesperson", "action", "action_reason", "due_date",
    "at_most", "action_value", "strategy", "chase_reason", "arm", "sales_gap", "margin_at_stake",
    "yearly_margin", "leave_probability", "recoverability", "next_family", "next_margin",
    "renewal_date", "renewal_end", "renewal_amount",
]  # fmt: skip

BUDGETED = {
    "leave_probability": "float64", "save_probability": "float64", "residual_margin": "float64",
    "uncapped_budget": "float64", "budget": "float64", "chase": "boolean", "chase_reason": "string",
}  # fmt: skip
MADE = ("action", "action_reason", "at_most", "action_value")  # by what is decided
NAMED = ("customer_id", "action")  # what tells whom a sentence may name
HELD = ("leave_alone",)  # drawn at random: named nowhere but in their list
LEFT_ALONE = (*HELD, "do_not_chase")  # whom a sentence tells nobody to call
RENEW_DAYS = 120  # before a contract ends, or may be ended, in which it is spoken about
WEIGHED = dict.fromkeys(
    ("recoverability", "proposal_cost", "expected_value", "value_low", "value_high"), "float64"
)
DECIDED = {
    "action": "string", "action_reason": "string", "at_most": "float64", "action_value": "float64",
    "budget": "float64", "chase": "boolean",
}  # fmt: skip
STATED = {"chosen": "boolean", "cap": "float64", "back_value": "float64"}
NAMES = ("name", "salesperson", "status")  # of the account list, else of the gap list
GAPS_OWN = (*(f"{name}_gap" for name in (*NAMES, "silence_ratio")), "gap_rate")
TEXTS = ("customer_id", *NAMES, "action", "action_reason", "strategy", "next_family")
# what bars a proposal
READ = (
    "customer_id", "strategy", "contract_end", "chase_reason", "yearly_margin", "recoverability",
    "margin_at_stake", "expected_value", "essential",
)  # fmt: skip
RENEWALS = {
    "customer_id": "string", "renewal_date": "date", "renewal_end": "date",
    "renewal_amount": "float64",
}  # fmt: skip


@composed(
    {
        "insolvent": Column(
            "truth",
            "On accounts 416 or 654 of the ledger, or with an invoice in collection or written off",
        ),
        "closed": Column(
            "truth", "Noted as closed, sold or in liquidation, and without an order since"
        ),
        "cap": Column("currency", "budget_cap_share of the yearly margin, at least 0"),
        "back_value": Column(
            "currency", "recoverability times margin_at_stake of those chosen for a proposal"
        ),
        "budget": Column("currency", "at_most, under the name that lists publish"),
        "chase": Column("truth", "Its action is a call, or something may be spent on it"),
        "next_family": Column("text", "The family to offer it: associations.next_families"),
        "next_margin": Column("currency", "expected_margin of that family"),
        "renewal_date": Column("date", "The day until which a contract that ends soon is open"),
        "renewal_end": Column("date", "The day on which that contract ends"),
        "renewal_amount": Column("currency", "What that contract brings a year"),
    },
    N_("One decision per account"),
)
def decisions(book: Book, policy: Policy) -> ir.Table:
    """One row a customer of the account list or the gap list, or with a contract that ends soon,
    with its one action: the columns of `actions.choose_actions` and of what it rests on.

    Beside ACTION_COLUMNS without due_date: chosen, tracked, the columns
    of `account_list.with_strategies`, `retention_budget.retention_budgets` and of the proposals
    (proposal_cost, expected_value, value_low, value_high)
    """
    if book.has("sales"):
        return _decisions(book, policy)
    alone = _decided_alone(book, policy)
    untold = [name for name in alone.select_dtypes("object") if alone[name].isna().all()]
    kinds = dict.fromkeys(untold, "float64") | dict.fromkeys(TEXTS, "str")
    return ibis.memtable(alone.astype(kinds))


@once
def _decided_alone(book: Book, policy: Policy) -> pd.DataFrame:
    """`decisions` of a book without sales."""
    return _decided(policy.action_cost, _contracts_alone(book))


def decided_frame(book: Book, policy: Policy, *columns: str) -> pd.DataFrame:
    """`decisions` in this process, by customer_id; these columns of it, or all."""
    t = decisions(book, policy)
    return frame(t.select(*(columns or t.columns)).order_by("customer_id"))


def held_out(book: Book, policy: Policy) -> pd.DataFrame:
    """The accounts drawn to be left alone: NAMED."""
    t = decisions(book, policy)
    return frame(t.filter(t.action.isin(HELD)).select(*NAMED))


def decided_of(book: Book, policy: Policy, customers: Iterable[str]) -> pd.DataFrame:
    """`decisions` of these customers: NAMED."""
    t = decisions(book, policy).semi_join(_named(set(customers)), "customer_id")
    return frame(t.select(*NAMED).order_by("customer_id"))


@tabled
def _decisions(book: Book, policy: Policy) -> Mapped:
    """`decisions` of a book with sales."""
    # no proposal hangs on these shares: one table for all that are tried
    apart = replace(policy, save_rate=0.0, win_back_rate=0.0)
    t = everybody(account_budgets(book, policy), _proposals(book, apart))
    soon = _renewals(book)
    soon = soon.assign(**{name: soon[name].dt.date for name in ("renewal_date", "renewal_end")})
    kinds = {name: kind for name, kind in RENEWALS.items() if name != "customer_id"}
    states = [
        Part(_named(customers).mutate(**{name: True}), {name: "boolean"})
        for name, customers in (("insolvent", _doubtful(book)), ("closed", closed_customers(book)))
    ]
    t = joined(
        t,
        Part(_next(book), {"next_family": "string", "next_margin": "float64"}),
        Part(ibis.memtable(soon, schema=RENEWALS), kinds),
        *states,
        Part(_drawn(joined(t.select(*READ), *states), policy), {"arm": "string"}),
    )
    return Mapped(t, partial(_stated, policy), STATED | DECIDED, GAPS_OWN)


def _named(customers: Collection[str]) -> ir.Table:
    """A table of these customers."""
    return ibis.memtable({"customer_id": sorted(customers)}, schema={"customer_id": "string"})


def _stated(policy: Policy, t: pd.DataFrame) -> pd.DataFrame:
    """Rows of the accounts and gaps side by side with what is decided of each: STATED, DECIDED."""
    t = t.assign(**{name: t[name].fillna(t[f"{name}_gap"]) for name in NAMES})
    t = t.assign(
        # of the gap list only: it bought nothing in the last 12 months, nor in the 12 before
        strategy=t.strategy.fillna("gone"),
        **{name: t[name].fillna(False).astype(bool) for name in ("tracked", "insolvent", "closed")},
        chosen=t.arm.notna(),
        cap=policy.budget_cap_share * t.yearly_margin.clip(lower=0),
        back_value=(t.recoverability * t.margin_at_stake).where(t.expected_value.notna()),
    )
    return _decided(policy.action_cost, t)


def _decided(action_cost: float, t: pd.DataFrame) -> pd.DataFrame:
    """Rows with their one action: DECIDED."""
    t = actions.choose_actions(t, action_cost)
    return t.assign(budget=t.at_most, chase=t.action.isin(actions.CALLED) | (t.at_most > 0))


def _contracts_alone(book: Book) -> pd.DataFrame:
    """The accounts of a book without sales: those with a contract that ends soon; only departures
    and receivables tell more of them.
    """
    t = _renewals(book).sort_values("customer_id", ignore_index=True)
    names = contract_names(book).reindex(t.customer_id)
    t = t.assign(name=names.name.to_numpy(), salesperson=names.salesperson.to_numpy())
    read = [*ACTION_COLUMNS, *WEIGHED, "contract_end", "status", "uncapped_budget", "cap"]
    unknown = [name for name in (*read, "back_value") if name not in t and name not in MADE]
    flags = {
        "chosen": False,
        "tracked": False,
        "closed": t.customer_id.isin(closed_customers(book)),
    }
    flags["insolvent"] = t.customer_id.isin(_doubtful(book))
    # what an account is worth, and what may be spent on it, only sales tell
    return t.assign(**dict.fromkeys(unknown, None), **flags).assign(chase_reason="unknown")


def contract_names(book: Book) -> pd.DataFrame:
    """Name and salesperson by customer_id of a book without sales: of the customer list, the number
    where it names none.
    """
    if not book.has("contracts"):
        return pd.DataFrame(columns=["name", "salesperson"])
    ids = book.table("contracts").customer_id.as_table().distinct().execute().customer_id
    if not book.has("customers"):
        return pd.DataFrame({"name": ids.to_numpy(), "salesperson": None}, ids)
    listed = book.table("customers").execute().drop_duplicates("customer_id")
    t = listed.set_index("customer_id").reindex(index=ids, columns=["name", "salesperson"])
    return t.assign(name=t.name.fillna(pd.Series(ids.to_numpy(), t.index)))


@tabled
def account_budgets(book: Book, policy: Policy) -> Mapped:
    """`valued_accounts` with what each account would be worth spending:
    `retention_budget.retention_budgets`.
    """
    t = accounts_of(book, policy)
    leaving = retention_budget.leave_rates(leave_history(book))
    portfolio = portfolio_of(book, policy.abc_cut_a, policy.abc_cut_b)
    terms = retention_budget.Terms(
        policy.save_rate,
        policy.win_back_rate,
        policy.budget_cap_share,
        policy.action_cost,
        policy.horizon_years,
        policy.discount_rate,
    )
    budget = partial(
        retention_budget.retention_budgets,
        rates=leaving,
        retention_rate=portfolio.retention_rate,
        terms=terms,
    )
    return Mapped(t, budget, BUDGETED)


def recoverability_rates(book: Book, policy: Policy) -> pd.DataFrame:
    """`last_chance.recoverability` of the lists of earlier years."""
    return last_chance.recoverability(
        last_chance.candidates(earlier_lists(book), policy.deep_fall_share), policy.back_share
    )


@tabled
def _proposals(book: Book, policy: Policy) -> Mapped:
    """The gap list with who is tracked and what a last-chance proposal would be worth; who gets one
    is decided in `_drawn`.
    """
    t = gap_list(book, policy.abc_cut_a, policy.abc_cut_b, policy.family_order_count)
    comparable = bool(book.comparable_months) and not book.orders_too_rarely
    first = tracked(t, policy).select("customer_id", tracked=True) if comparable else None
    t = joined(t, Part(first, {"tracked": "boolean"}))
    t = t.select(
        *("customer_id", "gap_salesperson", "sales_gap", "gap_rate", "margin_at_stake"),
        *("essential", "tracked"),
        **{f"{name}_gap": t[name] for name in (*NAMES, "silence_ratio")},
    )
    rates = recoverability_rates(book, policy)
    return Mapped(t, partial(_weighed, policy, rates, comparable), WEIGHED)


def _weighed(
    policy: Policy, rates: pd.DataFrame, comparable: bool, t: pd.DataFrame
) -> pd.DataFrame:
    """Rows of the gap list with what a last-chance proposal would be worth: WEIGHED."""
    gaps = t.rename(columns={"status_gap": "status", "silence_ratio_gap": "silence_ratio"})
    worth = last_chance.last_chance(
        last_chance.candidates(gaps, policy.deep_fall_share) if comparable else gaps.head(0),
        rates,
        policy.assumed_recoverability,
        policy.proposal_cost,
        len(t),
    )
    return t.join(worth[list(WEIGHED)])


def _next(book: Book) -> ir.Table:
    """The family to offer each account, and the margin to expect of it."""
    t = next_families_of(book)
    return t.select("customer_id", next_family="family", next_margin="expected_margin")


def _renewals(book: Book) -> pd.DataFrame:
    """The first contract of each account that ends, or may be ended, in the coming RENEW_DAYS."""
    columns = ["customer_id", "renewal_date", "renewal_end", "renewal_amount"]
    if not book.has("contracts", "end"):
        return pd.DataFrame(columns=columns).astype(
            dict.fromkeys(("renewal_date", "renewal_end"), "datetime64[ns]")
        )
    t = recurring.renewals(book.table("contracts"), book.as_of).execute()
    day = pd.Timestamp(book.as_of)
    monday = day + pd.Timedelta(days=7 - day.weekday())  # nobody speaks to it before
    notice, end = pd.to_datetime(t.notice_date), pd.to_datetime(t.end)
    t = t.assign(
        renewal_date=notice.where(notice >= monday, end),
        renewal_end=end,
        renewal_amount=t.yearly_amount,
    )
    t = t[t.renewal_date.between(monday, day + pd.Timedelta(days=RENEW_DAYS))]
    first = t.sort_values(["renewal_date", "renewal_amount"], ascending=[True, False])
    return first.drop_duplicates("customer_id")[columns]


def _drawn(t: ir.Table, policy: Policy) -> ir.Table:
    """Who gets a proposal, of those worth one: not who is insolvent, closed, without a contract or
    unprofitable, nor who may not be spent its cost on; the most valuable `proposal_count`, some
    drawn to be left alone. Columns: customer_id, arm.
    """
    gone = t.strategy.isnull() | (t.strategy == "gone")  # of the gap list only: see `_stated`
    barred = (
        t.insolvent.fill_null(False)
        | t.closed.fill_null(False)
        | (gone & t.contract_end.notnull())
        | (t.chase_reason == "unprofitable").fill_null(False)
        | (t.strategy == "renegotiate").fill_null(False)
    )
    cap = policy.budget_cap_share * ibis.greatest(t.yearly_margin, 0.0)
    most = ibis.least(cap, t.recoverability * t.margin_at_stake)
    affordable = t.yearly_margin.isnull() | (most >= policy.proposal_cost)
    worth = t.filter(t.expected_value.notnull() & ~barred & affordable)
    first = worth.order_by(ibis.desc("expected_value"), "customer_id").limit(policy.proposal_count)
    chosen = frame(first.select("customer_id", "essential"))
    arms = last_chance.draw_hold_out(chosen, policy.hold_out_share, policy.hold_out_seed)
    drawn = {"customer_id": list(chosen.customer_id), "arm": list(arms)}
    return ibis.memtable(drawn, schema={"customer_id": "string", "arm": "string"})


def _doubtful(book: Book) -> set[str]:
    """Customers on accounts 416 or 654 of the ledger, or whose invoices are in collection
    or written off.
    """
    found = []
    if book.has("ledger"):
        found.append(ledger_accounts.doubtful_customers(book.table("ledger"), book.as_of))
    if book.has("receivables", "status"):
        found.append(receivables.given_up_customers(book.table("receivables"), book.as_of))
    return {customer for table in found for customer in table.execute().customer_id}


def but(t: ir.Table, actions: Collection[str]) -> ir.Table:
    """The customers of a table whose action is none of these: of whom a sentence may speak."""
    return t.filter(~t.action.isin(actions).fill_null(False))


def open_names(decided: pd.DataFrame, customers: pd.DataFrame, count: int) -> list[str]:
    """The first names of a list that a sentence may quote:
    accounts left alone at random are named nowhere but in their list.
    """
    held = set(decided.customer_id[decided.action.isin(HELD)])
    return list(customers.name[~customers.customer_id.isin(held)].head(count))


def may_be_called(decided: pd.DataFrame, customers: pd.Series) -> pd.Series:
    """True for customers that a sentence may tell somebody to call or to ask:
    not those left alone at random, nor those not to be chased.
    """
    kept = decided.customer_id[decided.action.isin(LEFT_ALONE)]
    return ~customers.isin(set(kept))
