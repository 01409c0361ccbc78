"""What is offered, and to whom it goes when it is lost: opportunities of each account, competitors
by name, share of wallet.
"""

import datetime as dt

import ibis
import ibis.expr.types as ir
import pandas as pd

from carnet.engagement.periods import years_earlier
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_


def _stage_on(opportunities: ir.Table, as_of: dt.date) -> ir.StringValue:
    """The stage on a day: what is decided later is still open; without a stage it is open where it
    is not closed, and not known where it is.
    """
    t = opportunities
    stage = t.stage if "stage" in t.columns else ibis.null("string")
    if "closed" not in t.columns:
        return stage.fill_null("open")
    later = (t.closed > ibis.date(as_of)).fill_null(False)
    return ibis.cases((later, "open"), (stage.isnull() & t.closed.isnull(), "open"), else_=stage)


@measure(N_("Opportunities won without an order since"))
def won_unsold(opportunities: ir.Table, orders: ir.Table, as_of: dt.date) -> ir.Table:
    """Accounts with an opportunity won in a year, and no order since the first one was opened.

    Formula     won_amount = Σ amount of those opened in the 12 months up to `as_of` and won by it
    Unit        currency
    Population  one row an account whose last order up to `as_of` lies before the opening of the
                first of them, or that has none
    Undefined   won_amount is NULL where none of them tells an amount
    Source      definition of the workbook (a CRM held against the orders)

    Columns     customer_id, won_amount; largest first
    """
    t = opportunities.mutate(decided=_stage_on(opportunities, as_of))
    year = ibis.date(years_earlier(as_of, 1))
    t = t.filter((t.decided == "won") & (t.opened > year) & (t.opened <= ibis.date(as_of)))
    amount = t.amount.cast("float64") if "amount" in t.columns else ibis.null("float64")
    t = t.select("customer_id", "opened", amount=amount)
    won = t.group_by("customer_id").agg(opened=t.opened.min(), won_amount=t.amount.sum())
    known = orders.filter(orders.date <= ibis.date(as_of))
    last = known.group_by("customer_id").agg(last=known.date.max())
    both = won.left_join(last, "customer_id")
    both = both.filter(both["last"].isnull() | (both["last"] < both.opened))
    return both.select("customer_id", "won_amount").order_by(ibis.desc("won_amount"), "customer_id")


@measure(N_("Opportunities of each account"))
def opportunity_flow(opportunities: ir.Table, as_of: dt.date) -> pd.DataFrame:
    """What was offered each account in two years, what was decided, what is open.

    Formula     opened_count, opened_previous: opened in the last 12 months, and in the 12 before;
                of those opened in both: decided_count (won or lost), won_count, won_amount,
                win_rate = won ÷ decided, Wilson interval; won_discount = mean discount of those
                won, by amount; open_count, pipe_amount, oldest_days of all that are open
    Unit        counts; currency; days; rates 0 to 1
    Population  one row an account with an opportunity opened in both times, or open; up to `as_of`
    Undefined   win_rate and its interval are NaN where nothing was decided, won_discount where none
                of those won tells one; oldest_days without an open one
    Source      source E of the method (flow and regularity of opportunities, win rate, discount);
                interval: E. B. Wilson, JASA, 1927

    Columns     customer_id, opened_count, opened_previous, decided_count, won_count, won_amount,
                win_rate, win_low, win_high, won_discount, open_count, pipe_amount, oldest_days
    """
    t = opportunities.filter(opportunities.opened <= ibis.date(as_of))
    stage = _stage_on(t, as_of).fill_null("")  # closed, and nobody says how: no stage counts it
    amount = t.amount.cast("float64") if "amount" in t.columns else ibis.null("float64")
    discount = t.discount.cast("float64") if "discount" in t.columns else ibis.null("float64")
    age = ibis.literal(as_of).delta(t.opened, unit="day")
    year, before = (ibis.date(years_earlier(as_of, n)) for n in (1, 2))
    t = t.select(
        "customer_id",
        stage=stage,
        amount=amount,
        discount=discount,
        age=age,
        this_year=t.opened > year,
        recent=t.opened > before,
    )
    recent = t.recent
    won, opened = recent & (t.stage == "won"), t.stage == "open"
    priced = won & t.discount.notnull()
    sums = t.group_by("customer_id").agg(
        opened_count=t.this_year.sum(),
        opened_previous=(recent & ~t.this_year).sum(),
        decided_count=(recent & t.stage.isin(["won", "lost"])).sum(),
        won_count=won.sum(),
        won_amount=t.amount.sum(where=won),
        won_discount=(t.amount * t.discount).sum(where=priced)
        / t.amount.sum(where=priced).nullif(0.0),
        open_count=opened.sum(),
        pipe_amount=t.amount.sum(where=opened),
        oldest_days=t.age.max(where=opened),
    )
    found = sums.order_by("customer_id").execute()
    found = found[(found.opened_count + found.opened_previous + found.open_count) > 0]
    ends = [
        wilson_interval(won, decided)
        for won, decided in zip(found.won_count, found.decided_count, strict=True)
    ]
    return found.assign(
        win_rate=found.won_count / found.decided_count.where(found.decided_count > 0),
        win_low=[low for low, _ in ends],
        win_high=[high for _, high in ends],
    ).reset_index(drop=True)


@measure(N_("Competitors by name, and what they took"))
def competitors(departures: pd.DataFrame, offers: pd.DataFrame) -> pd.DataFrame:
    """To whom accounts and offers went, as departures and lost opportunities name it.

    Formula     counts and sums by the name told (compared without case and spaces around it)
    Unit        counts; currency
    Population  one row a name told by a departure or a lost opportunity; those that name none are
                left out
    Undefined   left_revenue and lost_amount are NaN where none of theirs is known
    Source      source C of the method (competitors' alternatives)

    Parameters  departures: customer_id, competitor, revenue (what the account bought in its last 12
                months); offers: customer_id, competitor, amount (of those lost)
    Columns     competitor, left_account_count, left_revenue, lost_offer_count, lost_amount
    """

    def named(t: pd.DataFrame) -> pd.DataFrame:
        told = t.competitor.astype(object).fillna("").astype(str).str.strip()
        return t.assign(competitor=told, key=told.str.casefold())[told != ""]

    left, lost = named(departures).drop_duplicates(["customer_id", "key"]), named(offers)
    names = pd.concat([left, lost]).groupby("key").competitor.first()
    t = pd.DataFrame({"competitor": names}).join(
        [
            left.groupby("key").agg(
                left_account_count=("customer_id", "size"),
                left_revenue=("revenue", lambda values: values.sum(min_count=1)),
            ),
            lost.groupby("key").agg(
                lost_offer_count=("customer_id", "size"),
                lost_amount=("amount", lambda values: values.sum(min_count=1)),
            ),
        ]
    )
    # nothing of its kind names it: none
    t = t.fillna({"left_account_count": 0, "lost_offer_count": 0}).astype(
        {"left_account_count": int, "lost_offer_count": int}
    )
    t = t.assign(worth=t[["left_revenue", "lost_amount"]].sum(axis=1))  # by what is told of each
    order = t.sort_values(
        ["worth", "left_account_count", "competitor"], ascending=[False, False, True]
    )
    return order.drop(columns="worth").reset_index(drop=True)


@measure(N_("Share of wallet, and what it and the market made of the change"))
def wallet(now: pd.DataFrame, then: pd.DataFrame) -> pd.DataFrame:
    """Potential and share of wallet of the accounts of both audits, and their part in the change.

    Formula     share = Σ revenue ÷ Σ potential; market_effect = (P₁ − P₀) × (s₀ + s₁) ÷ 2,
                share_effect = (s₁ − s₀) × (P₀ + P₁) ÷ 2, which add up to the change of revenue
    Unit        currency; shares (above 1 where more is bought than was noted)
    Population  one row: accounts with a potential above 0 at both audits
    Undefined   shares and effects are NaN without such an account
    Source      share of wallet: R. T. Rust, K. N. Lemon & V. A. Zeithaml, Journal of Marketing,
                2004; midpoint decomposition: definition of the workbook

    Parameters  now, then: customer_id, revenue, potential
    Columns     customer_count, potential_then, potential, revenue_then, revenue, share_then, share,
                market_effect, share_effect
    """
    both = now.merge(then, on="customer_id", suffixes=("", "_then"))
    both = both[(both.potential > 0) & (both.potential_then > 0)]
    p0, p1 = both.potential_then.sum(), both.potential.sum()
    r0, r1 = both.revenue_then.sum(), both.revenue.sum()
    s0, s1 = (r0 / p0, r1 / p1) if len(both) else (float("nan"), float("nan"))
    row = {
        "customer_count": len(both),
        "potential_then": p0,
        "potential": p1,
        "revenue_then": r0,
        "revenue": r1,
        "share_then": s0,
        "share": s1,
        "market_effect": (p1 - p0) * (s0 + s1) / 2,
        "share_effect": (s1 - s0) * (p0 + p1) / 2,
    }
    return pd.DataFrame([row])
