"""Why customers leave: reason shares with simultaneous intervals, the test against quoted shares,
who says what, and what nobody said.

Sources: L. A. Goodman, "On simultaneous confidence intervals for multinomial proportions",
Technometrics 7 (1965) 247-254; L. Kish, Survey Sampling (1965) §11.7 for the effective number
of weighted answers; C. F. Manski, Identification Problems in the Social Sciences (1995) ch. 2 for
worst-case bounds.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import Figure, measure
from carnet.measures.statistics.intervals import (
    CONFIDENCE,
    newcombe_difference,
    newcombe_paired_difference,
    wilson_interval,
)
from carnet.wording import N_

UNKNOWN = "unknown"
TELLERS = ("customer", "salesperson")
EPISODE_DAYS = 92  # notes on one customer closer than this are about one departure
DRAWS = 9_999


@measure(
    N_("Departures from the notes on them"),
)
def departure_episodes(notes: pd.DataFrame, trusted: str = "customer") -> pd.DataFrame:
    """Departures from the notes on them: one row a customer and episode, with the reason believed.

    Formula     notes on a customer are one episode when less than 92 days (EPISODE_DAYS) lie
                between them, or no order (order_count_before, orders up to each note, where known);
                within it the first known reason counts, the trusted teller's first, then the
                earliest; revenue_at_stake is the largest noted
    Unit        dates, counts, currency
    Population  one row a customer and episode
    Undefined   reason is 'unknown' where no note of the episode has one; reason_customer and
                reason_salesperson are NULL when silent
    Source      definition of the workbook (method §4, churn reasons)

    Parameters  notes: customer_id, date, reason (a class, 'unknown' when none), and whatever else
                was noted, told_by and revenue_at_stake where given; trusted: the teller whose word
                counts when several spoke, 'customer' or 'salesperson'
    Columns     those of notes, note_count, date (the first), reason_customer and reason_salesperson
                (what each said; NULL when silent)
    """
    t = notes.sort_values(["customer_id", "date"], kind="stable").reset_index(drop=True)
    told = t.told_by if "told_by" in t else pd.Series(None, index=t.index, dtype=object)
    apart = t.groupby("customer_id").date.diff().dt.days
    ordered = (
        t.groupby("customer_id").order_count_before.diff() != 0
        if "order_count_before" in t
        else True
    )
    t["episode"] = (apart.isna() | ((apart >= EPISODE_DAYS) & ordered)).cumsum()
    t["rank"] = 2 * (t.reason == UNKNOWN).astype(int) + (told != trusted).astype(int)
    best = (
        t.sort_values(["episode", "rank", "date"], kind="stable")
        .drop_duplicates("episode")
        .set_index("episode")
    )
    grouped = t.groupby("episode")
    best["date"], best["note_count"] = grouped.date.min(), grouped.size()
    if "revenue_at_stake" in t:
        best["revenue_at_stake"] = grouped.revenue_at_stake.max()
    for teller in TELLERS:
        said = (
            t[(told == teller) & (t.reason != UNKNOWN)]
            .drop_duplicates("episode")
            .set_index("episode")
            .reason
        )
        best[f"reason_{teller}"] = said.reindex(best.index)
    return best.drop(columns="rank").reset_index(drop=True)


@measure(N_("Simultaneous intervals of shares"))
def goodman_intervals(
    shares: np.ndarray, n: float | np.ndarray, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """Simultaneous intervals of multinomial shares: all of them hold at once.

    Formula     Goodman 1965, eq. 2.7 with χ²(1) at 1 − (1 − confidence) ÷ k, k classes: the score
                interval of each at a stricter level
    Unit        shares, 0 to 1
    Population  one interval a class
    Undefined   NaN without observations; at least one class must be given
    Source      L. A. Goodman, Technometrics 7 (1965) 247-254

    Parameters  shares: of k classes; n: observations, or effective observations of weighted ones

    Of four classes each interval is Wilson's at 1 − 0.05 ÷ 4:

    >>> low, high = goodman_intervals(np.array([0.1, 0.2, 0.3, 0.4]), 50)
    >>> np.allclose((low[1], high[1]), wilson_interval(10, 50, 1 - 0.05 / 4))
    True
    """
    n = np.where(np.asarray(n) > 0, n, np.nan)
    z2 = scipy.stats.chi2.ppf(1 - (1 - confidence) / len(shares), 1)
    centre, spread = shares + z2 / (2 * n), np.sqrt(z2 * (shares * (1 - shares) + z2 / (4 * n)) / n)
    scale = 1 + z2 / n
    return np.clip((centre - spread) / scale, 0, 1), np.clip((centre + spread) / scale, 0, 1)


@measure(N_("Effective number of weighted observations"))
def effective_count(weights: np.ndarray) -> float:
    """Observations of equal weight that would be as precise as the weighted ones.

    Formula     (Σ w)² ÷ Σ w²
    Unit        number of observations (not whole)
    Population  the weights given
    Undefined   never: 0 without a weight above zero
    Source      L. Kish, Survey Sampling, 1965, §11.7

    >>> effective_count(np.array([2.0, 2, 2])), round(effective_count(np.array([8.0, 1, 1])), 2)
    (3.0, 1.52)
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


@measure(N_("Effective number of observations behind a share of money"))
def class_count(weights: np.ndarray, chosen: np.ndarray) -> float:
    """Observations of equal weight that would tell the chosen rows' share of the weights as well.

    Formula     p (1 − p) (Σ w)² ÷ Σ w² (x − p)², x = 1 for the chosen, never more than
                `effective_count`: the variance of a ratio, which is larger where they are the heavy
                ones
    Unit        number of observations (not whole)
    Population  the weights given
    Undefined   never: `effective_count` where all rows or none are chosen, 0 without a weight
    Source      definition of the workbook, after the effective number of L. Kish, Survey Sampling,
                1965
    """
    n = effective_count(weights)
    if not n or chosen.all() or not chosen.any():
        return n
    p = weights[chosen].sum() / weights.sum()
    return min(n, float(p * (1 - p) * weights.sum() ** 2 / (weights**2 * (chosen - p) ** 2).sum()))


@measure(
    N_("Share of the money"),
    {
        "ours_revenue_share": Figure(
            N_("Departures in our own hands, by money"),
            "ratio",
            N_("The same by revenue lost, over departures with a known reason and amount"),
            good="down",
            decimals=1,
            source="A",
        ),
    },
)
def weighted_share(chosen: pd.Series, amounts: pd.Series) -> tuple[float, tuple[float, float]]:
    """Share of the known, positive amounts that the chosen rows have, with its interval.

    Formula     Σ amount of the chosen ÷ Σ amount, Wilson interval at `class_count`
    Unit        share, 0 to 1
    Population  rows with an amount above 0
    Undefined   (NaN, (NaN, NaN)) without such an amount
    Source      interval: E. B. Wilson, JASA, 1927; effective number: L. Kish, Survey Sampling, 1965

    Returns     (share, (low, high))
    """
    known = (amounts > 0).to_numpy()
    weights, inside = amounts.to_numpy(dtype=float)[known], chosen.to_numpy(dtype=bool)[known]
    n = effective_count(weights)
    if not n:
        return np.nan, (np.nan, np.nan)
    share = float(weights[inside].sum() / weights.sum())
    low, high = goodman_intervals(np.array([share]), class_count(weights, inside))
    return share, (float(low[0]), float(high[0]))


@measure(
    N_("Shares of the reasons, by number and by money"),
)
def reason_shares(
    departures: pd.DataFrame, classes: Sequence[str], quoted: Mapping[str, float]
) -> pd.DataFrame:
    """Shares of the reasons by count and by money lost, beside the quoted shares.

    Formula     share = departures of the reason ÷ all; revenue_share the same by revenue_lost, over
                those whose amount is known and positive; intervals: Goodman on counts, and for
                money with `class_count` in place of n; benchmark_share = quoted ÷ Σ quoted;
                share_of_quoted = share among the departures with one of the quoted reasons, Goodman
                interval
    Unit        counts, shares 0 to 1, currency
    Population  one row a class of `classes` that is quoted or met, and 'unknown': departures
                without a known reason
    Undefined   shares are NaN without departures, revenue shares without an amount; revenue_lost is
                NaN where no amount of the class is known, 0 where nobody left for it; benchmark and
                share_of_quoted are NaN of classes that are not quoted
    Source      L. A. Goodman, Technometrics 7 (1965) 247-254; L. Kish, Survey Sampling, 1965,
                §11.7; quoted shares: source A

    Parameters  departures: reason, reason_by ('codebook' where a text was read), revenue_lost (NaN
                when not known); classes: every reason, in order; quoted: class → published share,
                renormalised here to sum to 1
    Columns     reason, count, proposed_count, share, share_low, share_high, revenue_lost,
                amount_count, revenue_share, revenue_share_low, revenue_share_high, benchmark_share,
                share_of_quoted, share_of_quoted_low, share_of_quoted_high; classes that are neither
                quoted nor met are left out, 'unknown' never is
    """
    counts = departures.reason.value_counts()
    met = [name for name in classes if name in quoted or name == UNKNOWN or counts.get(name, 0)]
    t = pd.DataFrame({"reason": met})
    t["count"] = t.reason.map(counts).fillna(0).astype(int)  # no departure of this class: none
    proposed = departures.reason[departures.reason_by == "codebook"].value_counts()
    t["proposed_count"] = t.reason.map(proposed).fillna(0).astype(int)  # none proposed
    total = int(t["count"].sum())
    t["share"] = t["count"] / total if total else np.nan
    t["share_low"], t["share_high"] = goodman_intervals(t.share.to_numpy(dtype=float), total)
    priced = departures[departures.revenue_lost > 0]
    money = priced.groupby("reason").revenue_lost.agg(["sum", "size"])
    known = departures.groupby("reason").revenue_lost.sum(min_count=1)
    t["revenue_lost"] = t.reason.map(known)
    t.loc[t["count"] == 0, "revenue_lost"] = 0.0  # nobody left for it: nothing was lost
    t["amount_count"] = t.reason.map(money["size"]).fillna(0).astype(int)  # no amount known
    whole = money["sum"].sum()
    # a class met only without amounts has no share of the amounts known
    t["revenue_share"] = t.reason.map(money["sum"]).fillna(0.0) / whole if whole else np.nan
    sizes = [
        class_count(priced.revenue_lost.to_numpy(dtype=float), (priced.reason == name).to_numpy())
        for name in t.reason
    ]
    ends = goodman_intervals(t.revenue_share.to_numpy(dtype=float), np.array(sizes))
    t["revenue_share_low"], t["revenue_share_high"] = ends
    t["benchmark_share"] = t.reason.map(quoted).astype(float) / (sum(quoted.values()) or np.nan)
    inside = t.benchmark_share.notna()
    among = t["count"].where(inside)
    t["share_of_quoted"] = among / among.sum() if among.sum() else np.nan
    t["share_of_quoted_low"] = t["share_of_quoted_high"] = np.nan
    if inside.any():
        low, high = goodman_intervals(t.share_of_quoted[inside].to_numpy(dtype=float), among.sum())
        t.loc[inside, "share_of_quoted_low"], t.loc[inside, "share_of_quoted_high"] = low, high
    return t


@measure(N_("Shares of the client’s own reason codes"))
def code_shares(departures: pd.DataFrame) -> pd.DataFrame:
    """Shares of the client's own reason codes, most frequent first, each with its class beside it.

    Formula     `reason_shares` with the code as the reason, nothing quoted; a departure without a
                code is told by the class that its text proposes, else as 'unknown'
    Unit        counts, shares 0 to 1, currency
    Population  one row a code or proposed class, and 'unknown'
    Undefined   as `reason_shares`; reason_class is 'unknown' where no class is known
    Source      definition of the workbook (method §6, reasons)

    Parameters  departures: code (NULL without one), reason (its class), reason_by, revenue_lost
    Columns     those of `reason_shares` without benchmark and quoted shares, and reason_class
    """
    code = (
        departures.code
        if "code" in departures
        else pd.Series(None, index=departures.index, dtype=object)
    )
    t = departures.assign(
        reason_class=departures.reason, reason=code.where(code.notna(), departures.reason)
    )
    names = [
        name
        for name in t.reason.value_counts()
        .sort_index(kind="stable")
        .sort_values(ascending=False, kind="stable")
        .index
        if name != UNKNOWN
    ]
    shares = reason_shares(t, [*names, UNKNOWN], {}).drop(
        columns=["benchmark_share", *(f"share_of_quoted{end}" for end in ("", "_low", "_high"))]
    )
    named = (
        t.reason_class.mask(code.notna(), departures.coded)
        if "coded" in departures
        else t.reason_class
    )  # a code has one class, whatever its texts say
    beside = t.assign(named=named).drop_duplicates("reason").set_index("reason").named
    return shares.assign(reason_class=shares.reason.map(beside).fillna(UNKNOWN))


@measure(N_("Reasons against quoted shares"))
def goodness_of_fit(
    counts: np.ndarray, expected: np.ndarray, draws: int = DRAWS, seed: int = 1
) -> float:
    """p-value of counts against expected shares, right at any size.

    Formula     (1 + draws whose Σ (count − n p)² ÷ n p reaches the observed one) ÷ (1 + draws):
                Pearson's χ² with its law drawn from the multinomial
    Unit        probability, 0 to 1
    Population  the counts given
    Undefined   NaN without counts
    Source      K. Pearson, 1900 (χ²); its law by simulation is a definition of the workbook
    """
    n, p = int(counts.sum()), expected / expected.sum()
    if not n:
        return float("nan")
    drawn = np.random.default_rng(seed).multinomial(n, p, size=draws)
    observed, law = (((c - n * p) ** 2 / (n * p)).sum(axis=-1) for c in (counts, drawn))
    return float((1 + (law >= observed - 1e-9).sum()) / (1 + draws))


@measure(N_("Whether answers are spread alike over groups"))
def independence_p_value(
    groups: pd.Series, answers: pd.Series, draws: int = DRAWS, seed: int = 1
) -> float:
    """p-value of answers being spread alike over groups.

    Formula     (1 + draws whose χ² of the table reaches the observed one) ÷ (1 + draws), answers
                dealt anew at random with both margins kept
    Unit        probability, 0 to 1
    Population  rows of which group and answer are known
    Undefined   NaN with fewer than two groups or two answers
    Source      K. Pearson, 1900 (χ²); R. A. Fisher, The Design of Experiments, 1935 (random
                dealing)
    """
    known = groups.notna() & answers.notna()
    table = pd.crosstab(groups[known], answers[known]).to_numpy()
    if min(table.shape, default=0) < 2:
        return float("nan")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    drawn = scipy.stats.random_table(table.sum(axis=1), table.sum(axis=0)).rvs(
        draws, random_state=seed
    )
    observed, law = (((t - expected) ** 2 / expected).sum(axis=(-2, -1)) for t in (table, drawn))
    return float((1 + (law >= observed - 1e-9).sum()) / (1 + draws))


@measure(N_("Departures in our own hands, group by group"))
def reasons_by_group(
    departures: pd.DataFrame, dimensions: Sequence[str], ours: Sequence[str]
) -> pd.DataFrame:
    """What lies in the company's own hands, group by group.

    Formula     ours_share = departures for a reason in `ours` ÷ departures with a known reason,
                Wilson interval; p_value (one a dimension): all reasons spread alike over its groups
                (`independence_p_value`)
    Unit        counts, shares and p-value 0 to 1, currency
    Population  one row a dimension and group, by name, those without a name last; departures
    Undefined   ours_share and interval are NaN without a known reason, revenue_lost without a known
                amount, p_value with fewer than two groups or reasons
    Source      definition of the workbook (method §4, churn reasons); interval: E. B. Wilson, JASA,
                1927

    Columns     dimension, group, departure_count, known_count, ours_count, ours_share, ours_low,
                ours_high, revenue_lost, p_value
    """
    rows = []
    for dimension in dimensions:
        known = departures[departures.reason != UNKNOWN]
        p_value = independence_p_value(known[dimension], known.reason)
        for name, part in departures.groupby(dimension, dropna=False, sort=True):
            told = part[part.reason != UNKNOWN]
            count = int(told.reason.isin(ours).sum())
            low, high = wilson_interval(count, len(told))
            rows.append(
                dict(
                    dimension=dimension,
                    group=None if pd.isna(name) else name,
                    departure_count=len(part),
                    known_count=len(told),
                    ours_count=count,
                    ours_share=count / len(told) if len(told) else np.nan,
                    ours_low=low,
                    ours_high=high,
                    revenue_lost=part.revenue_lost.sum(min_count=1),
                    p_value=p_value,
                )
            )
    columns = (
        "dimension group departure_count known_count ours_count ours_share ours_low ours_high "
        "revenue_lost p_value"
    )
    return pd.DataFrame(rows, columns=columns.split())


@measure(
    N_("What salespeople say against what customers say"),
    {
        "contact_perception_gap": Figure(
            N_("Too little contact: salespeople − customers"),
            "ratio",
            N_(
                "Share of departures that salespeople put down to too little contact − the share "
                "that customers do; of the same departures where both spoke, else of different ones"
            ),
            decimals=1,
            source="A",
        ),
    },
)
def perception_gap(departures: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """What salespeople say against what customers say, reason by reason.

    Formula     gap = share of the reason told by salespeople − by customers. 'apart': departures
                told by one of them, Newcombe's interval; 'paired': departures told by both,
                Newcombe's interval for paired shares, p_value of McNemar's exact test. The
                intervals hold for all reasons at once (Bonferroni)
    Unit        counts, shares 0 to 1, gap −1 to 1, p-value 0 to 1
    Population  one row a sample ('apart', 'paired') and reason that either told
    Undefined   a sample in which one of them is silent has no row; p_value is NaN of 'apart'
    Source      R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890 and 2635-2650; Q. McNemar,
                1947; the gap is a definition of the workbook (method §4)

    Parameters  departures: reason_customer, reason_salesperson (classes, NULL when silent)
    Columns     sample, reason, customer_count, customer_share, salesperson_count,
                salesperson_share, gap, gap_low, gap_high, p_value
    """
    said = {teller: departures[f"reason_{teller}"] for teller in TELLERS}
    both = said["customer"].notna() & said["salesperson"].notna()
    met = [name for name in classes if any((s == name).any() for s in said.values())]
    level = 1 - (1 - CONFIDENCE) / max(len(met), 1)
    rows = []
    for sample, chosen in (("apart", ~both), ("paired", both)):
        customer, seller = (said[teller][chosen].dropna() for teller in TELLERS)
        if not (len(customer) and len(seller)):
            continue
        for name in met:
            by_customer, by_seller = customer == name, seller == name
            if sample == "paired":
                cells = [
                    int((by_seller & by_customer).sum()),
                    int((by_seller & ~by_customer).sum()),
                    int((~by_seller & by_customer).sum()),
                    int((~by_seller & ~by_customer).sum()),
                ]
                low, high = newcombe_paired_difference(
                    cells[0], cells[1], cells[2], cells[3], level
                )
                p_value = (
                    float(scipy.stats.binomtest(cells[1], cells[1] + cells[2]).pvalue)
                    if cells[1] + cells[2]
                    else 1.0
                )
            else:
                low, high = newcombe_difference(
                    by_seller.sum(), len(seller), by_customer.sum(), len(customer), level
                )
                p_value = float("nan")
            rows.append(
                dict(
                    sample=sample,
                    reason=name,
                    customer_count=len(customer),
                    customer_share=by_customer.mean(),
                    salesperson_count=len(seller),
                    salesperson_share=by_seller.mean(),
                    gap=by_seller.mean() - by_customer.mean(),
                    gap_low=low,
                    gap_high=high,
                    p_value=p_value,
                )
            )
    columns = (
        "sample reason customer_count customer_share salesperson_count salesperson_share gap "
        "gap_low gap_high p_value"
    )
    return pd.DataFrame(rows, columns=columns.split())


@measure(
    N_("Leavers whose reason is known, group by group"),
    {
        "reason_response_rate": Figure(
            N_("Leavers whose reason is known"),
            "ratio",
            N_(
                "Leavers with a known reason ÷ leavers, noted or lost without a note, "
                "up to 12 months before the audit date"
            ),
            good="up",
            decimals=1,
            source="A",
        ),
    },
)
def response_rates(leavers: pd.DataFrame, dimensions: Sequence[str]) -> pd.DataFrame:
    """Of how many leavers a reason is known, group by group.

    Formula     response_rate = leavers with a known reason ÷ leavers, Wilson interval; p_value: all
                groups answer alike (`independence_p_value`)
    Unit        counts, rates and p-value 0 to 1
    Population  one row a dimension and group; leavers, noted or not
    Undefined   p_value is NaN with fewer than two groups, or where all answer or none does
    Source      definition of the workbook (method §4, churn reasons); interval: E. B. Wilson, JASA,
                1927

    Parameters  leavers: reason ('unknown' for those of whom nothing is known, whether noted or not)
                and the dimensions
    Columns     dimension, group, leaver_count, known_count, response_rate, response_low,
                response_high, p_value (all groups answer alike)
    """
    rows = []
    for dimension in dimensions:
        p_value = independence_p_value(leavers[dimension], leavers.reason != UNKNOWN)
        for name, part in leavers.groupby(dimension, dropna=False, sort=True):
            known = int((part.reason != UNKNOWN).sum())
            low, high = wilson_interval(known, len(part))
            rows.append(
                dict(
                    dimension=dimension,
                    group=None if pd.isna(name) else name,
                    leaver_count=len(part),
                    known_count=known,
                    response_rate=known / len(part),
                    response_low=low,
                    response_high=high,
                    p_value=p_value,
                )
            )
    return pd.DataFrame(
        rows,
        columns=[
            "dimension",
            "group",
            "leaver_count",
            "known_count",
            "response_rate",
            "response_low",
            "response_high",
            "p_value",
        ],
    )


@measure(N_("Shares of the reasons allowing for those not known"))
def corrected_shares(leavers: pd.DataFrame, dimension: str, classes: Sequence[str]) -> pd.DataFrame:
    """Reason shares of all leavers: as known, reweighted by group, and between worst-case bounds.

    Formula     known_share = count ÷ leavers with a known reason. reweighted_share: each known
                reason of a group counts for leavers ÷ known reasons of that group
                (post-stratification), Goodman interval with the effective count. bound_low = count
                ÷ leavers; bound_high = (count + those not known) ÷ leavers: they hold whatever the
                others would have said
    Unit        counts, shares 0 to 1
    Population  one row a known reason, over all leavers; groups of which no reason is known are
                represented by nobody
    Undefined   no row when no reason is known
    Source      C. F. Manski, Identification Problems in the Social Sciences, 1995, ch. 2 (bounds);
                L. A. Goodman, Technometrics 7 (1965) 247-254; L. Kish, Survey Sampling, 1965, §11.7

    Columns     reason, count, known_share, reweighted_share, reweighted_low, reweighted_high,
                bound_low, bound_high; represented_share = share of the leavers in groups with a
                known reason; no row when no reason is known
    """
    columns = [
        "reason",
        "count",
        "known_share",
        "reweighted_share",
        "reweighted_low",
        "reweighted_high",
        "bound_low",
        "bound_high",
    ]
    known = leavers[leavers.reason != UNKNOWN]
    if not len(known):
        return pd.DataFrame(columns=[*columns, "represented_share"])
    group = leavers[dimension].astype(object).where(leavers[dimension].notna(), "")
    size, answered = group.value_counts(), group[known.index].value_counts()
    weights = (size / answered).reindex(group[known.index]).to_numpy(dtype=float)
    t = pd.DataFrame({"reason": [name for name in classes if (known.reason == name).any()]})
    t["count"] = t.reason.map(known.reason.value_counts())
    t["known_share"] = t["count"] / len(known)
    t["reweighted_share"] = (
        t.reason.map(pd.Series(weights, index=known.index).groupby(known.reason).sum())
        / weights.sum()
    )
    t["reweighted_low"], t["reweighted_high"] = goodman_intervals(
        t.reweighted_share.to_numpy(dtype=float), effective_count(weights)
    )
    t["bound_low"], t["bound_high"] = (
        t["count"] / len(leavers),
        (t["count"] + len(leavers) - len(known)) / len(leavers),
    )
    return t.assign(represented_share=size[answered.index].sum() / len(leavers))


@measure(
    N_("Departures noted, and those with a known reason"),
    {
        "departure_count": Figure(
            N_("Departures noted"),
            "count",
            N_(
                "Leavings noted, of the years read, of customers that did not order again; "
                "notes on a customer less than 92 days apart, or without an order between, are one"
            ),
            good="down",
            source="A",
        ),
        "known_reason_count": Figure(
            N_("Departures with a known reason"),
            "count",
            N_("Departures whose reason was given, or proposed from the text where none was"),
            good="up",
            source="A",
        ),
    },
)
def departure_figures(departures: pd.DataFrame, known: pd.DataFrame) -> dict[str, int]:
    """How many departures are noted, and of how many the reason is known.

    Formula     departure_count = rows of departures; known_reason_count = rows of known
    Unit        counts
    Population  departures noted of customers that did not order again (`leavers.find_leavers`)
    Undefined   never: without a departure both are 0
    Source      source A of the method
    """
    return {"departure_count": len(departures), "known_reason_count": len(known)}


@measure(
    N_("Departures in our own hands"),
    {
        "ours_share": Figure(
            N_("Departures in our own hands"),
            "ratio",
            N_(
                "Departures for too little contact or poor attention ÷ departures with "
                "a known reason"
            ),
            good="down",
            decimals=1,
            source="A",
        ),
    },
)
def share_in_hands(known: pd.DataFrame, ours: Sequence[str]) -> dict[str, float | None]:
    """Departures for a reason in the company's own hands, of those with a known reason.

    Formula     value = departures whose reason is one of `ours` ÷ departures; Wilson interval
    Unit        count; ratio 0 to 1
    Population  departures with a known reason
    Undefined   value is None, its interval NaN, without a departure
    Source      source A of the method; interval: E. B. Wilson, JASA, 1927

    Returns     count, value, low, high
    """
    count = int(known.reason.isin(ours).sum())
    low, high = wilson_interval(count, len(known))
    value = count / len(known) if len(known) else None
    return {"count": count, "value": value, "low": low, "high": high}
