"""Last-chance proposals: to whom, worth how much, when to stop,
and who is left out at random so that the effect can be measured.
"""

from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.measures.register import Figure, measure
from carnet.measures.retention.defection import silence_band
from carnet.measures.statistics.intervals import wilson_interval
from carnet.wording import N_

SILENCE_BANDS = (2.0, 4.0, 8.0, 16.0)  # days since the last order ÷ own rhythm: lower ends
PRIOR_CUSTOMERS = 4  # customers of the whole group that a band's rate is shrunk with
LEAST_ELIGIBLE = 8  # customers that could be left alone
ARMS = ("contact", "hold-out", "essential")


@measure(N_("Customers on the way out: deep fall, long silence"))
def candidates(gaps: Any, deep_share: float) -> Any:
    """Customers of a gap list that are on the way out.

    Formula     sales_gap < 0, due (status not 'not_due'), gap_rate ≤ −deep_share, and silent for
                twice their own rhythm or longer (silence_ratio ≥ 2, the first of SILENCE_BANDS)
    Unit        as in the gap list
    Population  one row a customer of the gap list for which all hold
    Undefined   a customer whose gap rate or silence is not known has no row
    Source      source B of the method (last-chance proposals); definition of the workbook

    Parameters  gaps: sales_gap, status, gap_rate, silence_ratio; a frame, or a table of an engine
    """
    found = (
        (gaps.sales_gap < 0)
        & (gaps.status != "not_due")
        & (gaps.gap_rate <= -deep_share)
        & (gaps.silence_ratio >= SILENCE_BANDS[0])
    )
    return gaps[found] if isinstance(gaps, pd.DataFrame) else gaps.filter(found)


@measure(N_("How often customers this silent came back, in earlier years"))
def recoverability(earlier: ir.Table, back_share: float) -> pd.DataFrame:
    """How often customers this silent came back within a year, whatever was done.

    Formula     back = regained at least `back_share` of the gap a year later; back_rate = back ÷
                customers, Wilson interval; recoverability = (back + 4 × overall rate) ÷ (customers
                + 4)
    Unit        counts, rates 0 to 1
    Population  one row a band of silence met among the candidates of earlier years
    Undefined   no row without history
    Source      source B of the method (most recoverable); the shrinkage is a definition of the
                workbook (PRIOR_CUSTOMERS); interval: E. B. Wilson, JASA, 1927

    Parameters  earlier: silence_ratio, revenue_previous, revenue, revenue_next of `candidates`
    Columns     band and band_end (lower end of the silence ratio, and of the next band; NaN of the
                last), customer_count, back_count, back_rate, back_rate_low, back_rate_high
                (Wilson), recoverability; no row without history
    """
    t = earlier
    back = t.revenue_next - t.revenue >= back_share * (t.revenue_previous - t.revenue)
    band = t.silence_ratio.bucket(SILENCE_BANDS, close_extreme=False, include_over=True)
    alike = t.group_by(place=band).agg(count=t.count(), back=t.count(where=back)).execute()
    overall = alike.back.sum() / alike["count"].sum() if len(alike) else float("nan")
    rows, ends = [], (*SILENCE_BANDS[1:], np.nan)
    for place, count, back in alike.dropna().sort_values("place").astype(int).to_numpy():
        low, high = wilson_interval(back, count)
        rows.append(
            dict(
                band=SILENCE_BANDS[place],
                band_end=ends[place],
                customer_count=count,
                back_count=back,
                back_rate=back / count,
                back_rate_low=low,
                back_rate_high=high,
                recoverability=(back + PRIOR_CUSTOMERS * overall) / (count + PRIOR_CUSTOMERS),
            )
        )
    columns = (
        "band band_end customer_count back_count back_rate back_rate_low "
        "back_rate_high recoverability"
    )
    return pd.DataFrame(rows, columns=columns.split())


@measure(
    N_("Last-chance proposals worth more than they cost"),
)
def last_chance(
    candidates: pd.DataFrame, rates: pd.DataFrame, assumed: float, cost: float, most: int
) -> pd.DataFrame:
    """Candidates worth a last proposal, most valuable first.

    Formula     expected_value = recoverability × margin_at_stake − cost of the proposal; kept while
                it is above zero, `most` at most; value_low, value_high: the same at both ends of
                the band's Wilson interval (unknown where the rate is assumed)
    Unit        currency, rates 0 to 1
    Population  one row a candidate whose expected value is above zero
    Undefined   a candidate whose margin at stake is not known has no row; value_low and value_high
                are NaN where the rate is assumed
    Source      source B of the method (last-chance proposals to the most recoverable)

    Note        it is what comes back at past rates, a customer that is back counting with its whole
                gap: what the proposal adds, the hold-out tells
    Parameters  candidates: margin_at_stake, silence_ratio; rates: `recoverability`; `assumed`
                stands in for a band without history
    Returns     candidates with recoverability, proposal_cost, expected_value, value_low, value_high
    """
    band, by_band = silence_band(candidates.silence_ratio, SILENCE_BANDS), rates.set_index("band")
    # a band nobody was in: the stated assumption
    rate = band.map(by_band.recoverability).astype(float).fillna(assumed)
    low, high = (
        band.map(by_band[name]).astype(float) * candidates.margin_at_stake - cost
        for name in ("back_rate_low", "back_rate_high")
    )
    value = rate * candidates.margin_at_stake - cost
    t = candidates.assign(
        recoverability=rate,
        proposal_cost=float(cost),
        expected_value=value,
        value_low=low,
        value_high=high,
    )
    return (
        t[t.expected_value > 0]
        .sort_values(["expected_value", "customer_id"], ascending=[False, True])
        .head(most)
    )


@measure(
    N_("Expected gain of the proposals that are made"),
    {
        "last_chance_value": Figure(
            N_("Expected gain of last-chance proposals"),
            "currency",
            N_(
                "Σ of recoverability × margin at stake − cost of the proposal, where above zero, "
                "customers left alone not counted: what comes back at past rates, not what "
                "the proposals add"
            ),
            good="up",
            source="B",
            compares=True,
        ),
    },
)
def value_in_play(chosen: pd.DataFrame) -> float:
    """What the proposals that are made bring at past rates, customers left alone not counted.

    Formula     Σ expected_value of `last_chance` where arm is not 'hold-out'
    Unit        currency
    Population  proposals chosen, essential customers included
    Undefined   never: without a proposal it is 0
    Source      definition of the workbook (method §1, source B)
    """
    return float(chosen.expected_value[chosen.arm != "hold-out"].sum())


@measure(N_("Who is contacted and who is left alone, drawn at random"))
def draw_hold_out(chosen: pd.DataFrame, share: float, seed: int) -> pd.Series:
    """The arm of each customer: contacted, left alone at random, or never left alone.

    Formula     'essential' where essential; of the n others round(share × n) drawn at random are
                'hold-out', the rest 'contact'
    Unit        text: a name of ARMS
    Population  one value a customer chosen for a proposal
    Undefined   never: nobody is held out when fewer than LEAST_ELIGIBLE (8) customers could be
    Source      source D of the method, with the control group that it lacks; R. A. Fisher, The
                Design of Experiments, 1935

    'hold-out' is left alone, 'essential' never left alone and not compared. Fewer than
    LEAST_ELIGIBLE customers are too few to measure anything. The draw depends on the seed and on
    the customers, not on the order of rows.
    """
    essential = chosen.essential.astype(bool)
    arms = pd.Series(np.where(essential, "essential", "contact"), chosen.index, dtype=object)
    eligible = chosen[~essential].sort_values("customer_id").index
    if len(eligible) >= LEAST_ELIGIBLE:
        drawn = np.random.default_rng(seed).permutation(len(eligible))[
            : round(share * len(eligible))
        ]
        arms.loc[eligible[drawn]] = "hold-out"
    return arms


@measure(N_("Smallest effect that the customers left alone can show"))
def detectable_effect(earlier: pd.DataFrame, contacted: int, held: int) -> float:
    """Smallest mean effect a customer that these arms show at the next audit in 8 cases of 10.

    Formula     (1.96 + 0.84) × s × √(1 ÷ contacted + 1 ÷ held), tested at 5 %; s: standard
                deviation of what such customers moved in earlier years
    Unit        currency a customer
    Population  candidates of earlier years for s; the two arms
    Undefined   NaN under 8 candidates of earlier years, or with an empty arm
    Source      J. Cohen, Statistical Power Analysis, 1988

    Parameters  earlier: revenue, revenue_next of `candidates` of earlier years
    """
    if len(earlier) < 8 or not contacted or not held:
        return float("nan")
    spread = (earlier.revenue_next - earlier.revenue).std()
    return float((1.959964 + 0.841621) * spread * np.sqrt(1 / contacted + 1 / held))
