"""One strategy an account: protect, serve, rekindle, renegotiate (source E), each by stated rules; relationships and the signs that tell them.

Every rule is a number of the sector's profile (`sectors.yml`, strategy). A list to sign off, never an automatic decision.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import Figure, measure
from carnet.wording import N_

STRATEGIES = ("protect", "serve", "rekindle", "renegotiate", "gone")
SIGNS = ("contract", "long_standing", "breadth", "several_persons", "steady", "supported", "full_price", "flow")
LEVERS = ("price", "conformity", "delivery", "availability")
LEAST_DECIDED = 2  # opportunities decided, below which a win rate says nothing


@measure(N_("Signs that make it dear to switch"))
def switching_signs(accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.DataFrame:
    """What would make it dear for a customer to switch: one column a sign (True, False, NULL where not measured), then sign_count, measured_sign_count.

    Signs       contract; long_standing: tenure_years ≥ rule; breadth: family_share ≥ rule; several_persons: contact_person_count ≥ rule; steady:
                order_quarter_count ≥ rule; supported: contact_count ≥ rule; full_price: mean_discount ≤ rule; flow: opportunity_count ≥
                rule and half of those decided won
    """

    def reached(column: str, least: float) -> pd.Series:
        value = accounts[column].astype(float)
        return (value >= least).astype("boolean").mask(value.isna())

    discount = accounts.mean_discount.astype(float)
    won = (accounts.win_rate.astype(float) >= 0.5).astype("boolean").mask(accounts.win_rate.isna())
    opened = reached("opportunity_count", rules["opportunity_count"])
    t = pd.DataFrame({
        "contract": accounts.contract.astype("boolean"),
        "long_standing": reached("tenure_years", rules["tenure_years"]),
        "breadth": reached("family_share", rules["breadth_share"]),
        "several_persons": reached("contact_person_count", rules["contact_person_count"]),
        "steady": reached("order_quarter_count", rules["steady_quarter_count"]),
        "supported": reached("contact_count", rules["supported_contact_count"]),
        "full_price": (discount <= rules["full_price_discount"]).astype("boolean").mask(discount.isna()),
        "flow": opened & won,
    }, index=accounts.index)  # fmt: skip
    signs = t[list(SIGNS)]
    return t.assign(sign_count=signs.fillna(False).sum(axis=1).astype(int), measured_sign_count=signs.notna().sum(axis=1).astype(int))


@measure(N_("Accounts that are relationships"))
def relationships(signs: pd.DataFrame, abc_class: pd.Series, rules: Mapping[str, float]) -> pd.Series:
    """Accounts that are relationships with a capital R: class A or B now, and the stated share of the signs measured; NULL where too few are measured."""
    measured = signs.measured_sign_count
    shown = signs.sign_count >= rules["relationship_sign_share"] * measured - 1e-9
    told = (shown & abc_class.isin(["A", "B"])).astype("boolean")
    return told.mask((measured < rules["relationship_sign_least"]) & abc_class.isin(["A", "B"]))


@measure(N_("What transactional accounts are served on"))
def serve_levers(accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.Series:
    """What a transactional account is served on, by what the book shows of it: names of LEVERS joined by spaces, '' where nothing tells.

    Rules       price: mean_discount ≥ rule; conformity: return_share ≥ rule, or reliability under weak_mark; delivery: rush_count ≥ rule;
                availability: responsiveness under weak_mark
    """

    def under(column: str) -> pd.Series:
        return (accounts[column].astype(float) < rules["weak_mark"]).fillna(False)

    told = {
        "price": accounts.mean_discount.astype(float) >= rules["price_discount"],
        "conformity": (accounts.return_share.astype(float) >= rules["return_share"]) | under("reliability"),
        "delivery": accounts.rush_count.astype(float) >= rules["rush_count"],
        "availability": under("responsiveness"),
    }
    columns = [np.where(told[name].fillna(False), name + " ", "") for name in LEVERS]
    return pd.Series([("".join(row)).strip() for row in zip(*columns, strict=True)], accounts.index, dtype=object)


@measure(N_("One strategy an account"))
def choose_strategies(accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.Series:
    """The strategy of each account, first rule that holds.

    Rules       renegotiate: active, long-standing (tenure ≥ long_standing_years) and costs more than it brings for certain (profit_high < 0: over the
                range of rates; margin < 0 where no cost to serve is known)
                rekindle: once bigger: the last 12 months are down by peak_fall_share or more from the best 12 months, which were worth a class A or B
                now (peak_revenue ≥ class_b_revenue), and hold fewer orders than all the time before foretells (`fall_p_values` ≤ fall_p_value): a
                best year is picked after the fact, which alone makes falls
                gone: nothing bought in the last 12 months though it was due, and not rekindled; or its contract ended and nothing was bought since
                protect: a relationship; serve: every other account
    Parameters  accounts: active, status, last_order_date, contract_end, tenure_years, profit_high, rolling_year_revenue, peak_revenue, class_b_revenue, fall_p_value, relationship
    """
    dear = accounts.active & (accounts.tenure_years >= rules["long_standing_years"]) & (accounts.profit_high < 0)
    fallen = accounts.rolling_year_revenue <= (1 - rules["peak_fall_share"]) * accounts.peak_revenue
    fallen &= accounts.fall_p_value <= rules["fall_p_value"]
    bigger = fallen & (accounts.peak_revenue >= accounts.class_b_revenue) & (accounts.peak_revenue > 0)
    waiting = accounts.status == "not_due"
    over = pd.to_datetime(accounts.last_order_date) <= pd.to_datetime(accounts.contract_end)  # no end, or an order after it: not over
    gone = ~accounts.active.astype(bool) & ~waiting
    conditions = [over, dear.fillna(False), bigger.fillna(False) & ~waiting, gone, accounts.relationship.fillna(False)]
    found = np.select([c.to_numpy(dtype=bool) for c in conditions], ["gone", "renegotiate", "rekindle", "gone", "protect"], "serve")
    return pd.Series(found, accounts.index, dtype=object)


@measure(N_("Chance of as few orders at an unchanged pace"))
def fall_p_values(recent: np.ndarray, every: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Chance of as few orders in the last 12 months had the customer always ordered at one pace: one-sided exact binomial.

    Formula     P(X ≤ recent), X ~ Binomial(orders ever, 12 ÷ months since the first order); NaN under 24 months

    >>> fall_p_values(np.array([0, 4]), np.array([6, 12]), np.array([36, 36])).round(4).tolist()
    [0.0878, 0.6315]
    """
    known = np.asarray(months) >= 24
    share = np.where(known, 12 / np.maximum(months, 1), 0.5)
    return np.where(known, scipy.stats.binom.cdf(recent, every, share), np.nan)


@measure(N_("Accounts that luck alone makes look once bigger"))
def chance_fallen(orders: pd.DataFrame, month_count: pd.Series, least_peak: float, rules: Mapping[str, float], seed: int = 1) -> float:
    """Accounts that would look once bigger had nothing changed: their orders fell where luck put them.

    Method      every order of an account is put into a month drawn evenly from those since its first order, then `choose_strategies`' rule for
                rekindle is applied; mean number of accounts over the draws
    Parameters  orders: customer_id, revenue, one row an order; month_count: audit months since the first order, by customer_id
    """
    long = month_count[month_count >= 24]
    t = orders[orders.customer_id.isin(long.index)].sort_values(["customer_id", "revenue"], ignore_index=True)
    if not len(t):
        return 0.0
    account, names = pd.factorize(t.customer_id)
    months = long.reindex(names).to_numpy(dtype=int)
    every = np.bincount(account, minlength=len(names))
    rng, draws = np.random.default_rng(seed), int(np.clip(2_000_000 // len(t), 4, 40))
    width, revenue, counted = int(months.max()), t.revenue.to_numpy(dtype=float), 0
    for _ in range(draws):
        month = (rng.random(len(t)) * months[account]).astype(int)  # 0: the month that ends on the audit date
        cells = np.bincount(account * width + month, weights=revenue, minlength=len(names) * width).reshape(len(names), width)
        sums = np.cumsum(np.concatenate([np.zeros((len(names), 1)), cells], axis=1), axis=1)
        years = sums[:, 12:] - sums[:, :-12]
        peak, recent = years.max(axis=1), np.bincount(account, weights=month < 12, minlength=len(names))
        low = fall_p_values(recent, every, months) <= rules["fall_p_value"]
        counted += int(((years[:, 0] <= (1 - rules["peak_fall_share"]) * peak) & (peak >= least_peak) & low).sum())
    return counted / draws


@measure(
    N_("Accounts and money by strategy"),
    {
        "protect_customer_count": Figure(
            N_("Accounts to protect"),
            "count",
            N_("Relationships by their switching signs that are neither renegotiated nor rekindled"),
            good="up",
            source="E",
            moves=True,
        ),
        "serve_customer_count": Figure(
            N_("Accounts to serve"),
            "count",
            N_("Active accounts that are neither relationships, once bigger nor renegotiated"),
            source="E",
            moves=True,
        ),
        "rekindle_customer_count": Figure(
            N_("Accounts to rekindle"),
            "count",
            N_(
                "Accounts down by the stated share from their best 12 months, with fewer orders than before beyond luck (rules of the sector)"
            ),
            good="down",
            source="E",
            moves=True,
        ),
        "renegotiate_customer_count": Figure(
            N_("Accounts to renegotiate"),
            "count",
            N_("Long-standing accounts that cost more than they bring over the whole range of rates"),
            good="down",
            source="E",
            moves=True,
        ),
        "relationship_customer_count": Figure(
            N_("Relationships"),
            "count",
            N_("Accounts of class A or B that show the stated share of the switching signs measured"),
            good="up",
            source="E",
        ),
        "relationship_unpaid_count": Figure(
            N_("Relationships that do not pay"),
            "count",
            N_("Relationships that cost more than they bring over the whole range of rates"),
            good="down",
            source="E",
        ),
        "single_thread_revenue": Figure(
            N_("Revenue that hangs on one person"),
            "currency",
            N_("Σ revenue of the last 12 months of accounts with one distinct person behind their orders"),
            good="down",
            source="E",
        ),
    },
)
def strategy_table(accounts: pd.DataFrame) -> pd.DataFrame:
    """Accounts and money by strategy, in the order of STRATEGIES: strategy, customer_count, revenue, revenue_previous, margin, profit, relationship_count,
    single_thread_revenue (revenue that hangs on one person ordering); sums are NaN where nothing is known.
    """  # fmt: skip
    rows = []
    for name in STRATEGIES:
        part = accounts[accounts.strategy == name]
        if len(part):
            rows.append(dict(strategy=name, customer_count=len(part), relationship_count=int(part.relationship.fillna(False).sum()),
                             **{field: part[field].sum(min_count=1) for field in ("revenue", "revenue_previous", "margin", "profit")},
                             single_thread_revenue=part.revenue[part.single_thread.fillna(False)].sum() if part.single_thread.notna().any() else np.nan))  # fmt: skip
    columns = [
        "strategy",
        "customer_count",
        "revenue",
        "revenue_previous",
        "margin",
        "profit",
        "relationship_count",
        "single_thread_revenue",
    ]
    return pd.DataFrame(rows, columns=columns)


@measure(N_("Relationships of each salesperson"))
def relationship_load(accounts: pd.DataFrame, cap: float) -> pd.DataFrame:
    """Relationships of each salesperson against what one can look after: salesperson, relationship_count, relationship_revenue, cap, over_cap."""
    held = accounts[accounts.relationship.fillna(False) & accounts.salesperson.notna()]
    t = held.groupby("salesperson", as_index=False).agg(relationship_count=("customer_id", "size"), relationship_revenue=("revenue", "sum"))
    t = t.assign(cap=float(cap), over_cap=t.relationship_count > cap)
    return t.sort_values(["relationship_count", "salesperson"], ascending=[False, True], ignore_index=True)


@measure(
    N_("Classes by potential"),
    {
        "potential_share": Figure(
            N_("Share of the potential bought"),
            "ratio",
            N_("Σ revenue of the last 12 months ÷ Σ potential, customers of the last 24 months of which a potential is noted"),
            good="up",
            decimals=1,
            source="C",
        ),
    },
)
def potential_classes(potential: pd.Series, cut_a: float, cut_b: float) -> pd.Series:
    """ABC classes by potential, cut like those by revenue; None without a potential above zero."""
    known = potential[potential > 0].sort_values(ascending=False, kind="stable")
    larger = known.cumsum().shift(fill_value=0.0) / known.sum()
    classes = pd.Series(np.select([larger < cut_a - 1e-12, larger < cut_b - 1e-12], ["A", "B"], "C"), known.index, dtype=object)
    return classes.reindex(potential.index).where(lambda s: s.notna(), None)


@measure(N_("Revenue class against potential class"))
def crossed_matrix(accounts: pd.DataFrame) -> pd.DataFrame:
    """Revenue class against potential class: abc_class (– where nothing was bought), potential_class, customer_count, revenue, untapped (Σ potential − revenue,
    where positive).
    """  # fmt: skip
    t = accounts[accounts.potential_class.notna()]
    t = t.assign(abc_class=t.abc_class.where(t.abc_class.notna(), "–"))
    t = t.groupby(["abc_class", "potential_class"], as_index=False).agg(
        customer_count=("customer_id", "size"), revenue=("revenue", "sum"), untapped=("untapped", "sum")
    )
    return t.sort_values(["abc_class", "potential_class"], ignore_index=True)
