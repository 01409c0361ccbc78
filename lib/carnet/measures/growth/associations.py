"""Families bought by the same customers more often than chance makes, and the next one
for each account.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom

from carnet.measures.register import measure
from carnet.measures.statistics.intervals import newcombe_paired_difference, wilson_interval
from carnet.wording import N_

LEAST_BOTH = 5  # customers with both families, below which a pair is not told
LEAST_TRIED = 10  # accounts of the trial, for its rate to foretell money
LEAST_ADOPTERS = 5  # customers that began with a family, for it to have its own first year
LEAST_LIFT = 1.1  # at least so many times chance, by the lower end: who buys much buys everything
FALSE_SHARE = 0.05  # of the pairs named, expected to be chance at most
Z = 1.959963984540054
NEXT_COLUMNS = [
    "customer_id", "family", "score", "adoption_rate", "first_revenue", "expected_margin",
    "expected_low", "expected_high",
]  # fmt: skip


@measure(N_("Families bought by the same customers"))
def associations(bought: pd.DataFrame) -> pd.DataFrame:
    """Families that the same customers buy: support, confidence, lift.

    Formula     support = both ÷ n; confidence = both ÷ count_a; lift = both × n ÷ (count_a ×
                count_b); interval of the lift: exp(log lift ± 1.96 s), s² by the delta method of
                the four cells; p_value: hypergeometric, both or more; q_value: p-values under the
                Benjamini-Yekutieli bound over all pairs of families
    Unit        counts, shares 0 to 1, a ratio, probabilities
    Population  n customers with a row of `bought`; one row an ordered pair of families (A → B)
                with LEAST_BOTH customers or more in common; `q_value` counts every pair
    Undefined   the interval is NaN where all customers have both
    Source      support, confidence, lift: R. Agrawal et al., SIGMOD, 1993, and S. Brin et al.,
                SIGMOD, 1997, as openretailscience defines them; bound: Y. Benjamini and
                D. Yekutieli, Annals of Statistics, 2001

    Parameters  bought: customer_id, family
    Columns     family_a, family_b, customer_count (n), count_a, count_b, count_both, support,
                confidence, lift, lift_low, lift_high, p_value, q_value, told (q_value at most
                FALSE_SHARE, lift_low at least LEAST_LIFT)
    """
    names, _, owned = _matrix(bought)
    n, both = len(owned), owned.T.astype(float) @ owned
    first, second = np.triu_indices(len(names), 1)
    counts, together = np.diag(both), both[first, second]
    a, b = counts[first], counts[second]
    p_value = hypergeom.sf(together - 1, n, a, b)
    q_value = false_discovery_control(p_value, method="by") if len(p_value) else p_value
    with np.errstate(divide="ignore", invalid="ignore"):
        lift = together * n / (a * b)
        own = n / together - n / a - n / b
        spread = together * own**2 + (a - together) * (n / a) ** 2 + (b - together) * (n / b) ** 2
        s = np.sqrt(np.maximum(spread / n - 1, 0) / n)
    t = pd.DataFrame(
        {
            "a": first, "b": second, "count_a": a, "count_b": b, "count_both": together,
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


def _matrix(bought: pd.DataFrame) -> tuple[list[str], list[str], np.ndarray]:
    """Families, customers, and a truth a customer (row) and family (column): it bought it."""
    families, customers = sorted(bought.family.unique()), sorted(bought.customer_id.unique())
    owned = np.zeros((len(customers), len(families)), dtype=bool)
    rows = pd.Index(customers).get_indexer(bought.customer_id)
    owned[rows, pd.Index(families).get_indexer(bought.family)] = True
    return families, customers, owned


def _scores(learnt: np.ndarray, owned: np.ndarray, method: str) -> np.ndarray:
    """How much each family (column) is to be expected of each customer (row) that has not bought
    it; −1 where it has. `popular`: the share of customers of `learnt` with the family;
    `associated`: the mean confidence of the families that it owns.
    """
    popular = learnt.mean(axis=0) if len(learnt) else np.zeros(owned.shape[1])
    if method == "popular":
        found = np.broadcast_to(popular, owned.shape)
    else:
        both = learnt.T.astype(float) @ learnt
        counts = np.maximum(np.diag(both), 1)
        held = np.maximum(owned.sum(axis=1), 1)
        found = owned @ (both / counts[:, None]) / held[:, None]
    return np.where(owned, -1.0, found)


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
def next_family_trial(pairs: pd.DataFrame) -> Trial:
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
    names, owned, began = _years(pairs)
    buying = pairs.groupby("customer_id").bought_previous.any().to_numpy(dtype=bool)
    # a family that nobody had could not be named
    kept = ~owned[:, owned.any(axis=0)].all(axis=1) & buying if len(names) else buying[:0]
    hits = {}
    for method in ("popular", "associated"):
        found = _scores(owned, owned, method)[kept]
        first = found.argmax(axis=1) if len(found) else np.array([], dtype=int)
        hits[method] = began[kept][np.arange(len(first)), first]
    a, p = hits["associated"], hits["popular"]
    if not len(a):
        return Trial(0, 0, 0, np.nan, np.nan)
    cells = (int((a & p).sum()), int((a & ~p).sum()), int((~a & p).sum()), int((~a & ~p).sum()))
    low, high = newcombe_paired_difference(*cells)
    return Trial(len(a), int(p.sum()), int(a.sum()), low, high)


def _years(pairs: pd.DataFrame) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Families; customer × family: owned up to a year ago; begun with in the last 12 months."""
    families = sorted(pairs.family.unique())
    wide = pairs.assign(
        owned=pairs.owned_before.astype(bool), began=pairs.bought & ~pairs.owned_before
    ).pivot(index="customer_id", columns="family", values=["owned", "began"])
    told = wide.astype(object).where(wide.notna(), False).astype(bool)
    return (
        families,
        told["owned"].reindex(columns=families).to_numpy(),
        told["began"].reindex(columns=families).to_numpy(),
    )


@measure(N_("The next family for each account"))
def next_families(pairs: pd.DataFrame, trial: Trial, margin_rates: pd.Series) -> pd.DataFrame:
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
    known = pairs[(pairs.bought | pairs.owned_before).astype(bool)]
    buying = set(pairs.customer_id[pairs.bought.astype(bool)])
    if not len(known) or trial.customer_count < LEAST_TRIED:
        return pd.DataFrame(columns=NEXT_COLUMNS)
    names, customers, owned = _matrix(known)
    found = _scores(owned, owned, trial.method)
    first = found.argmax(axis=1)
    t = pd.DataFrame(
        {
            "customer_id": customers,
            "family": np.array(names, dtype=object)[first],
            "score": found[np.arange(len(first)), first],
        }
    )
    t = t[(t.score > 0) & t.customer_id.astype(object).isin(buying)]
    whole = pairs.groupby("customer_id").revenue.sum()
    began = pairs[(pairs.bought & ~pairs.owned_before).astype(bool) & (pairs.revenue > 0)]
    before = pairs.groupby("customer_id").owned_before.any().astype(bool)
    began = began[began.customer_id.astype(object).isin(whole.index[before & (whole > 0)])]
    # nobody began: pandas maps no row to texts
    share = began.revenue / began.customer_id.map(whole).astype(float)
    by_family = share.groupby(began.family).agg(["median", "size"])
    own = by_family["median"].where(by_family["size"] >= LEAST_ADOPTERS)
    first_share = t.family.map(own).fillna(share.median())
    t["first_revenue"] = first_share * t.customer_id.map(whole).clip(lower=0)
    low, high = trial.interval
    worth = t.first_revenue * t.family.map(margin_rates).astype(float)
    t = t.assign(
        adoption_rate=trial.rate,
        expected_margin=trial.rate * worth,
        expected_low=low * worth,
        expected_high=high * worth,
    )
    order = ["expected_margin", "score", "customer_id"]
    return t.sort_values(order, ascending=[False, False, True], ignore_index=True)[NEXT_COLUMNS]
