"""What may be spent on keeping each customer: chance to save it × what it would still bring,
capped; and whom not to chase (source A).
"""

from dataclasses import dataclass

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.measures.indicators.lifetime_value import survival_years
from carnet.measures.register import Figure, measure
from carnet.measures.retention.defection import silence_band
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

BANDS = (0.0, 1.0, 2.0, 4.0, 8.0)  # days since the last order ÷ own rhythm: lower ends
PRIOR_CUSTOMERS = 4  # customers of the whole group that a band's rate is shrunk with


@measure(N_("How many customers this silent left, in earlier years"))
def leave_rates(earlier: ir.Table) -> pd.DataFrame:
    """How many customers this silent bought nothing in the following 12 months, in earlier years.

    Formula     leave_rate = (left + 4 × rate of the band) ÷ (customers + 4), that of the band
                likewise shrunk with the overall one (PRIOR_CUSTOMERS = 4); leave_low, leave_high:
                Wilson interval of left ÷ customers
    Unit        counts, rates 0 to 1
    Population  one row a band of silence (BANDS) and kind, fading or not, seen or not; customers
                active in the 12 months before an earlier audit date
    Undefined   no row without history; leave_low and leave_high are NaN of a pair that nobody was
                in
    Source      definition of the workbook; interval: E. B. Wilson, JASA, 1927

    Parameters  earlier: silence_ratio, fading, left (True, False), one row a customer active in the
                12 months before an earlier audit date
    Columns     band (lower end of the silence ratio), fading, customer_count, left_count,
                leave_rate, leave_low, leave_high: one row for each band and kind, seen or not; no
                row without history
    """
    columns = [
        "band",
        "fading",
        "customer_count",
        "left_count",
        "leave_rate",
        "leave_low",
        "leave_high",
    ]
    t = earlier.filter(earlier.silence_ratio.notnull())
    band = t.silence_ratio.bucket(BANDS, close_extreme=False, include_over=True)  # its place
    counted = t.group_by(band=band, fading=t.fading).agg(
        count=t.count(), left=t.count(where=t.left)
    )
    alike = counted.execute()
    if not len(alike):
        return pd.DataFrame(columns=columns)
    overall, rows = alike.left.sum() / alike["count"].sum(), []
    for place, band in enumerate(BANDS):
        inside = alike[alike.band == place]
        usual = (inside.left.sum() + PRIOR_CUSTOMERS * overall) / (
            inside["count"].sum() + PRIOR_CUSTOMERS
        )
        for kind in (False, True):
            part = inside[inside.fading == kind]
            count, left = int(part["count"].sum()), int(part.left.sum())
            rows.append(
                (
                    band,
                    kind,
                    count,
                    left,
                    (left + PRIOR_CUSTOMERS * usual) / (count + PRIOR_CUSTOMERS),
                    *wilson_interval(left, count),
                )
            )
    return pd.DataFrame(rows, columns=columns)


@dataclass(frozen=True)
class Terms:
    """What an action is assumed to do and may cost: the shares that it keeps and brings back, the
    share of a year's margin that no customer gets more than, the cost of the smallest one, and the
    years and the rate by which later margins count.
    """

    save_rate: float
    win_back_rate: float
    cap_share: float
    action_cost: float
    horizon_years: int
    discount_rate: float


@measure(N_("What may be spent on each customer"))
def retention_budgets(
    accounts: pd.DataFrame, rates: pd.DataFrame, retention_rate: float, terms: Terms
) -> pd.DataFrame:
    """What may be spent on each customer, and whether it is worth chasing.

    Formula     leave_probability = rate of its band and kind (1 for a customer lost);
                save_probability = leave_probability × save_rate (win_back_rate for those gone): of
                those about to leave, the share that an action keeps, an assumption until an
                experiment tells; residual_margin = yearly_margin × survival_years(retention,
                horizon, discount); uncapped_budget = save_probability × max(residual_margin, 0) +
                win_back_rate × regain_margin × the same years: what an account that was once bigger
                no longer buys; budget = at most cap_share × yearly_margin, 0 unless chased. chase:
                out of its rhythm, fading or once bigger, and the budget reaches the cost of one
                action
    Unit        currency, probabilities 0 to 1
    Population  one row an account
    Undefined   budget is NaN where the yearly margin or the chance is not known; leave_probability
                where no rate of its band is known
    Source      source A of the method (p(save) × residual value; customers not worth chasing)

    Reason      the first that holds: unknown (margin or chance not known) · unprofitable (yearly
                margin not above zero) · chase · gone (left already: winning back is not worth an
                action) · safe (in its own rhythm, not fading and never bigger) · small (too little
                to gain)
    Parameters  accounts: yearly_margin, silence_ratio, fading, status, regain_margin (a year; 0
                where it was never bigger)
    Columns     accounts with leave_probability, save_probability, residual_margin, uncapped_budget,
                budget, chase, chase_reason
    """
    gone = accounts.status == "lost"
    band = silence_band(accounts.silence_ratio, BANDS)
    kind = accounts.fading.astype(bool)
    fading, steady = (
        band.map(rates[rates.fading.eq(told)].set_index("band").leave_rate).astype(float)
        for told in (True, False)
    )
    leave = fading.where(kind, steady).mask(gone, 1.0)
    save = (leave * terms.save_rate).mask(gone, terms.win_back_rate)
    margin = accounts.yearly_margin.astype(float)
    years = survival_years(retention_rate, terms.horizon_years, terms.discount_rate)
    residual, regain = margin * years, accounts.regain_margin.astype(float)
    uncapped = save * residual.clip(lower=0) + terms.win_back_rate * regain * years
    allowed = np.minimum(uncapped, terms.cap_share * margin.clip(lower=0))
    safe = (band < BANDS[1]) & ~kind & ~gone & ~(regain > 0)
    chase = (allowed >= terms.action_cost) & (margin > 0) & ~safe
    reason = np.select(
        [margin.isna() | save.isna(), margin <= 0, chase, gone, safe],
        ["unknown", "unprofitable", "chase", "gone", "safe"],
        "small",
    )
    # not chased: nothing is to be spent on it, which is zero; where margin or chance are unknown
    # so is the budget
    budget = allowed.where(chase, 0.0).mask(margin.isna() | save.isna())
    return accounts.assign(
        leave_probability=leave,
        save_probability=save,
        residual_margin=residual,
        uncapped_budget=uncapped,
        budget=budget,
        chase=chase,
        chase_reason=reason,
    )


@measure(
    N_("The budget in all, and how many accounts it is for"),
    {
        "retention_budget": Figure(
            N_("Retention budget"),
            "currency",
            N_(
                "Σ over customers worth an action of chance to save × residual margin, capped at "
                "the stated share of a year’s margin"
            ),
            source="A",
        ),
        "chase_customer_count": Figure(
            N_("Customers worth an action"),
            "count",
            N_("Customers whose budget reaches the cost of an action"),
            source="A",
        ),
        "do_not_chase_customer_count": Figure(
            N_("Customers not to be chased"),
            "count",
            N_("Customers that cost more than they bring, left already, or would bring too little"),
            source="A",
        ),
    },
)
def budget_figures(decided: ir.Table) -> ir.Table:
    """What may be spent in all, on how many accounts, and how many are not to be chased.

    Formula     retention_budget = Σ at_most of those to chase; chase_customer_count = how many they
                are; do_not_chase_customer_count = rows whose action is do_not_chase
    Unit        currency, counts
    Population  one row: accounts with a decision (`actions.choose_actions`)
    Undefined   never: without accounts all are 0
    Source      source A of the method

    Parameters  decided: chase, action, at_most
    """
    return decided.agg(
        retention_budget=decided.at_most.sum(where=decided.chase).fill_null(0.0),
        chase_customer_count=decided.count(where=decided.chase),
        do_not_chase_customer_count=decided.count(where=decided.action == "do_not_chase"),
    )
