"""Families bought by the same customers more often than chance makes, and the next one
for each account.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import measure
from carnet.measures.statistics.intervals import newcombe_paired_difference, wilson_interval
from carnet.wording import N_

LEAST_BOTH = 5  # customers with both families, below which a pair is not told
LEAST_TRIED = 10  # accounts of the trial, for its rate to foretell money
LEAST_ADOPTERS = 5  # customers that began with a family, for it to have its own first year
LEAST_LIFT = 1.1  # at least so many times chance, by the lower end: who buys much buys everything
FALSE_SHARE = 0.05  # of the pairs named, expected to be chance at most
Z = 1.959963984540054
BLOCK = 20_000  # customers, whose scores of 200 families take 32 MB
SCORE_DIGITS = 12  # by which families are compared
WORD = 62  # families in one whole number of 64 bits, whose sums stay numbers
NEXT = {"customer_id": "string", "family": "string"} | dict.fromkeys(
    ("score", "adoption_rate", "first_revenue", "expected_margin", "expected_low", "expected_high"),
    "float64",
)


@dataclass(frozen=True)
class Together:
    """What customers own: families, customers, and how many of them have each pair of families,
    each family with itself on the diagonal.
    """

    names: list[str]
    customer_count: int
    both: np.ndarray

    def named(self, owned: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
        """The family to expect of each customer (row of truths, by the names) among those that it
        does not have, the first of equal ones, and its score; −1 where it has all. `popular`: the
        share of customers with the family; `associated`: the mean confidence of those that it owns.
        """
        blocks = np.array_split(owned, max(1, -(-len(owned) // BLOCK)))
        first, score = zip(*(self._named(block, method) for block in blocks), strict=True)
        return np.concatenate(first), np.concatenate(score)

    def _named(self, owned: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
        if not owned.size:
            return np.zeros(0, dtype=int), np.zeros(0)
        if method == "popular":
            popular = np.diag(self.both) / max(self.customer_count, 1)
            found = np.broadcast_to(popular, owned.shape)
        else:
            counts = np.maximum(np.diag(self.both), 1)
            held = np.maximum(owned.sum(axis=1), 1)
            found = owned @ (self.both / counts[:, None]) / held[:, None]
        # the last digit of a product hangs on the rows beside: it parts no equals
        found = np.where(owned, -1.0, found.round(SCORE_DIGITS))
        first = found.argmax(axis=1)
        return first, found[np.arange(len(first)), first]


@measure(N_("Families that the same customers own"))
def together(owned: ir.Table) -> Together:
    """How many customers own each family, and each two of them.

    Formula     customers counted by pair of families
    Unit        counts
    Population  customers with a row of `owned`
    Undefined   never: without a row there is no family
    Source      definition of the workbook

    Parameters  owned: customer_id, family; each pair of them once
    """
    t = owned.select("customer_id", "family")
    other = t.select("customer_id", other="family")
    pairs = t.join(other, "customer_id").group_by("family", "other").agg(count=lambda t: t.count())
    counts = pairs.execute()
    names = sorted(counts.family.unique())
    places = pd.Index(names)
    both = np.zeros((len(names), len(names)))
    both[places.get_indexer(counts.family), places.get_indexer(counts.other)] = counts["count"]
    customers = t.agg(count=t.customer_id.nunique()).execute()
    return Together(names, int(customers["count"][0]), both)


@measure(N_("Families bought by the same customers"))
def associations(bought: Together) -> pd.DataFrame:
    """Families that the same customers buy: support, confidence, lift.

    Formula     support = both ÷ n; confidence = both ÷ count_a; lift = both × n ÷ (count_a ×
                count_b); interval of the lift: exp(log lift ± 1.96 s), s² by the delta method of
                the four cells; p_value: hypergeometric, both or more; q_value: p-values under the
                Benjamini-Yekutieli bound over all pairs of families
    Unit        counts, shares 0 to 1, a ratio, probabilities
    Population  n customers of `bought`; one row an ordered pair of families (A → B)
                with LEAST_BOTH customers or more in common; `q_value` counts every pair
    Undefined   the interval is NaN where all customers have both
    Source      support, confidence, lift: R. Agrawal et al., SIGMOD, 1993, and S. Brin et al.,
                SIGMOD, 1997, as openretailscience defines them; bound: Y. Benjamini and
                D. Yekutieli, Annals of Statistics, 2001

    Parameters  bought: `together` of the families bought in the last 12 months
    Columns     family_a, family_b, customer_count (n), count_a, count_b, count_both, support,
                confidence, lift, lift_low, lift_high, p_value, q_value, told (q_value at most
                FALSE_SHARE, lift_low at least LEAST_LIFT)
    """
    names, n, both = bought.names, bought.customer_count, bought.both
    first, second = np.triu_indices(len(names), 1)
    counts, common = np.diag(both), both[first, second]
    a, b = counts[first], counts[second]
    p_value = scipy.stats.hypergeom.sf(common - 1, n, a, b)
    q_value = scipy.stats.false_discovery_control(p_value, method="by") if len(p_value) else p_value
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = common * n / (a * b)
        own = n / common - n / a - n / b
        spread = common * own**2 + (a - common) * (n / a) ** 2 + (b - common) * (n / b) ** 2
        s = np.sqrt(np.maximum(spread / n - 1, 0) / n)
    t = pd.DataFrame(
        {
            "a": first, "b": second, "count_a": a, "count_b": b, "count_both": common,
            "lift": lift, "lift_low": lift * np.exp(-Z * s), "lift_high": lift * np.exp(Z * s),
            "p_value": p_value, "q_value": q_value,
        }
    )  # fmt: skip
    t = t[t.count_both >= LEAST_BOTH]
    turned = t.rename(columns={"a": "b", "b": "a", "count_a": "count_b", "count_b": "count_a"})
    t = pd.concat([t, turned], ignore_index=True)
    t = t.assign(
        family_a=np.array(names, dtype=object)[t.a],
        family_b=np.array(names, dtype=object)[t.b],
        customer_count=n,
        support=t.count_both / n,
        confidence=t.count_both / t.count_a,
        told=(t.q_value <= FALSE_SHARE) & (t.lift_low >= LEAST_LIFT),
    )
    whole = (t.count_both == n) | (t.count_a == n) | (t.count_b == n)
    t[["lift_low", "lift_high"]] = t[["lift_low", "lift_high"]].mask(whole)
    for name in ("count_a", "count_b", "count_both"):
        t[name] = t[name].astype(int)
    columns = (
        "family_a family_b customer_count count_a count_b count_both support confidence lift "
        "lift_low lift_high p_value q_value told"
    )
    order = ["told", "lift", "family_a", "family_b"]
    return t.sort_values(order, ascending=[False, False, True, True], ignore_index=True)[
        columns.split()
    ]


def _baskets(pairs: ir.Table, names: Sequence[str], **told: ir.BooleanValue) -> ir.Table:
    """One row a customer: what is told of its families as numbers whose bits are the families, WORD
    of them a number (`told_0`, `told_1`, …), and what it bought of all in 12 months (`revenue`).
    """
    places = ibis.memtable(
        {
            "family": list(names),
            "word": [place // WORD for place in range(len(names))],
            "bit": [1 << place % WORD for place in range(len(names))],
        },
        schema={"family": "string", "word": "int64", "bit": "int64"},
    )
    t = pairs.mutate(**told).left_join(places, "family")
    return t.group_by("customer_id").agg(
        revenue=t.revenue.sum(),
        **{
            column: (t[column.rpartition("_")[0]] & (t.word == word))
            .ifelse(t.bit, 0)
            .sum()
            .cast("int64")
            for word in range(-(-len(names) // WORD))
            for column in (f"{name}_{word}" for name in told)
        },
    )


def _unpacked(t: pd.DataFrame, name: str, count: int) -> np.ndarray:
    """Truths, a row of `_baskets` and a column a family."""
    words = [t[column].to_numpy(dtype=np.int64) for column in t if column.startswith(f"{name}_")]
    bits = [(word[:, None] >> np.arange(WORD)) & 1 for word in words]
    return np.hstack(bits)[:, :count].astype(bool) if bits else np.zeros((len(t), 0), dtype=bool)


@dataclass(frozen=True)
class Trial:
    """How often the first family named was bought for the first time in the year that was held
    out: accounts, hits of both methods, their rates, the interval of the difference, and the
    method to go by.
    """

    customer_count: int
    popular_count: int
    associated_count: int
    low: float
    high: float

    @property
    def method(self) -> str:
        """`associated` where it did better than the most bought family, by more than luck."""
        return "associated" if self.low > 0 else "popular"

    @property
    def hits(self) -> int:
        """Of the method to go by."""
        return self.associated_count if self.method == "associated" else self.popular_count

    @property
    def rate(self) -> float:
        """hits ÷ customers; NaN without one."""
        return self.hits / self.customer_count if self.customer_count else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson interval of the rate."""
        return wilson_interval(self.hits, self.customer_count)


@measure(N_("The next family, tried on the last year"))
def next_family_trial(pairs: ir.Table) -> Trial:
    """What the associations known a year ago foretold of the last 12 months, against the most
    bought family.

    Formula     each method names one family that the customer had not bought up to a year ago; a
                hit where it bought it in the last 12 months; interval of the difference of both
                shares of hits: Newcombe, paired
    Unit        counts; a difference of shares
    Population  customers that bought something in the 12 months before the last 12, and had not
                bought every family that anybody bought up to a year ago: those that `next_families`
                would have named then, whether they bought anything since or not
    Undefined   the interval is NaN without such a customer
    Source      hold-out: definition of the workbook (method §6: judged against a baseline);
                interval: R. G. Newcombe, Statistics in Medicine, 1998

    Parameters  pairs: `families.family_years`
    """
    law = together(pairs.filter(pairs.owned_before))
    if not law.names:
        return Trial(0, 0, 0, np.nan, np.nan)
    t = _baskets(
        pairs,
        law.names,  # a family that nobody had could not be named
        owned=pairs.owned_before,
        began=pairs.bought & ~pairs.owned_before,
    )
    buying = pairs.filter(pairs.bought_previous).select("customer_id").distinct()
    t = t.semi_join(buying, "customer_id").drop("customer_id", "revenue")
    t = t.group_by(*t.columns).agg(customers=lambda t: t.count()).execute()
    count = len(law.names)
    owned, began = (_unpacked(t, name, count) for name in ("owned", "began"))
    kept = ~owned.all(axis=1)
    customers, hits = t.customers.to_numpy()[kept], {}
    for method in ("popular", "associated"):
        first, _ = law.named(owned[kept], method)
        hits[method] = began[kept][np.arange(len(first)), first]
    a, p = hits["associated"], hits["popular"]
    if not len(a):
        return Trial(0, 0, 0, np.nan, np.nan)
    cells = [int(customers[cell].sum()) for cell in (a & p, a & ~p, ~a & p, ~a & ~p)]
    low, high = newcombe_paired_difference(*cells)
    return Trial(sum(cells), cells[0] + cells[2], cells[0] + cells[1], low, high)


@measure(N_("The next family for each account"))
def next_families(pairs: ir.Table, trial: Trial, margin_rates: pd.Series) -> ir.Table:
    """One family that each customer has not bought, and what it may bring in a first year.

    Formula     the family with the highest score of the method that the trial chose; first_revenue
                = revenue of the customer × median share that the family made of it, in the last 12
                months, with the customers that had bought before and began with the family in them
                (with any family, under LEAST_ADOPTERS; revenue above 0); expected_margin =
                adoption_rate × first_revenue × margin rate; adoption_rate = share of hits of the
                trial
    Unit        currency; rates 0 to 1
    Population  customers that bought something in the last 12 months, and not every family; nobody
                where the trial had fewer than LEAST_TRIED accounts
    Undefined   expected_margin and its ends are NaN where no margin rate of the family is known, or
                nobody began with a family
    Source      definition of the workbook

    Parameters  pairs: `families.family_years`; margin_rates: by family
    Columns     customer_id, family, score, adoption_rate, first_revenue, expected_margin,
                expected_low, expected_high (by the interval of the rate alone)
    """
    law = together(pairs.filter(pairs.bought | pairs.owned_before))
    if trial.customer_count < LEAST_TRIED or not law.names:
        return pairs.limit(0).select(**{name: ibis.null(kind) for name, kind in NEXT.items()})
    t = _baskets(pairs, law.names, known=pairs.bought | pairs.owned_before, bought=pairs.bought)
    words = [column for column in t.columns if column.startswith("known_")]
    buying = [t[column.replace("known", "bought")] > 0 for column in words]
    t = t.filter(reduce(operator.or_, buying))
    alike = t.select(*words).distinct().execute()
    first, score = law.named(_unpacked(alike, "known", len(law.names)), trial.method)
    named = alike.assign(family=np.array(law.names, dtype=object)[first], score=score)
    kinds = dict.fromkeys(words, "int64") | {"family": "string", "score": "float64"}
    t = t.join(ibis.memtable(named[named.score > 0], schema=kinds), words)
    shares = _first_shares(pairs, law.names)
    rates = pd.Series(law.names, dtype=object).map(margin_rates.to_dict()).astype(float)
    money = {"share": shares, "margin_rate": rates, "adoption_rate": trial.rate}
    kinds = {"family": "string"} | dict.fromkeys(money, "float64")
    t = t.join(ibis.memtable(pd.DataFrame({"family": law.names} | money), schema=kinds), "family")
    low, high = trial.interval
    t = t.mutate(first_revenue=t.share * ibis.greatest(t.revenue, 0.0))
    worth = t.first_revenue * t.margin_rate
    t = t.mutate(
        expected_margin=worth * trial.rate,
        expected_low=worth * low,
        expected_high=worth * high,
    )
    order = (t.expected_margin.isnull(), t.expected_margin.desc(), t.score.desc(), t.customer_id)
    return t.order_by(*order).select(*NEXT)


def _first_shares(pairs: ir.Table, names: Sequence[str]) -> list[float]:
    """The median share that a family made of the revenue of those that had bought before and began
    with it in the last 12 months; with any, under LEAST_ADOPTERS.
    """
    customer = ibis.window(group_by=pairs.customer_id)
    t = pairs.mutate(whole=pairs.revenue.sum().over(customer),
                     before=pairs.owned_before.any().over(customer))  # fmt: skip
    t = t.filter(t.bought & ~t.owned_before & (t.revenue > 0) & t.before & (t.whole > 0))
    t = t.select("family", share=t.revenue / t.whole)
    own = t.group_by("family").agg(share=t.share.quantile(0.5), count=t.count())
    own = own.filter(own["count"] >= LEAST_ADOPTERS).execute().set_index("family").share
    any_share = float(t.agg(share=t.share.quantile(0.5)).execute().astype(float).share[0])
    return [float(own.get(name, any_share)) for name in names]
