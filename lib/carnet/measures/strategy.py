"""One strategy an account: protect, serve, rekindle, renegotiate (source E), each by stated rules; relationships and the signs that tell them.

Every rule is a number of the sector's profile (`sectors.yml`, strategy). A list to sign off, never an automatic decision.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

STRATEGIES = ("protect", "serve", "rekindle", "renegotiate", "gone")
SIGNS = ("contract", "long_standing", "breadth", "several_persons", "steady", "supported", "full_price", "flow")
LEVERS = ("price", "conformity", "delivery", "availability")
LEAST_DECIDED = 2  # opportunities decided, below which a win rate says nothing


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


def relationships(signs: pd.DataFrame, abc_class: pd.Series, rules: Mapping[str, float]) -> pd.Series:
    """Accounts that are relationships with a capital R: class A or B now, and the stated share of the signs measured; NULL where too few are measured."""
    measured = signs.measured_sign_count
    shown = signs.sign_count >= rules["relationship_sign_share"] * measured - 1e-9
    told = (shown & abc_class.isin(["A", "B"])).astype("boolean")
    return told.mask((measured < rules["relationship_sign_least"]) & abc_class.isin(["A", "B"]))


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


def choose_strategies(accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.Series:
    """The strategy of each account, first rule that holds.

    Rules       renegotiate: active, long-standing (tenure ≥ long_standing_years) and costs more than it brings for certain (profit_high < 0: over the
                range of rates; margin < 0 where no cost to serve is known)
                rekindle: once bigger: the last 12 months are down by peak_fall_share or more from the best 12 months, which were worth a class A or B
                now (peak_revenue ≥ class_b_revenue)
                gone: nothing bought in the audit period, and not rekindled
                protect: a relationship; serve: every other account
    Parameters  accounts: active, tenure_years, profit_high, rolling_year_revenue, peak_revenue, class_b_revenue, relationship
    """
    dear = accounts.active & (accounts.tenure_years >= rules["long_standing_years"]) & (accounts.profit_high < 0)
    fallen = accounts.rolling_year_revenue <= (1 - rules["peak_fall_share"]) * accounts.peak_revenue
    bigger = fallen & (accounts.peak_revenue >= accounts.class_b_revenue) & (accounts.peak_revenue > 0)
    conditions = [dear.fillna(False), bigger.fillna(False), ~accounts.active.astype(bool), accounts.relationship.fillna(False)]
    found = np.select([c.to_numpy(dtype=bool) for c in conditions], ["renegotiate", "rekindle", "gone", "protect"], "serve")
    return pd.Series(found, accounts.index, dtype=object)


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


def relationship_load(accounts: pd.DataFrame, cap: float) -> pd.DataFrame:
    """Relationships of each salesperson against what one can look after: salesperson, relationship_count, relationship_revenue, cap, over_cap."""
    held = accounts[accounts.relationship.fillna(False) & accounts.salesperson.notna()]
    t = held.groupby("salesperson", as_index=False).agg(relationship_count=("customer_id", "size"), relationship_revenue=("revenue", "sum"))
    t = t.assign(cap=float(cap), over_cap=t.relationship_count > cap)
    return t.sort_values(["relationship_count", "salesperson"], ascending=[False, True], ignore_index=True)


def potential_classes(potential: pd.Series, cut_a: float, cut_b: float) -> pd.Series:
    """ABC classes by potential, cut like those by revenue; None without a potential above zero."""
    known = potential[potential > 0].sort_values(ascending=False, kind="stable")
    larger = known.cumsum().shift(fill_value=0.0) / known.sum()
    classes = pd.Series(np.select([larger < cut_a - 1e-12, larger < cut_b - 1e-12], ["A", "B"], "C"), known.index, dtype=object)
    return classes.reindex(potential.index).where(lambda s: s.notna(), None)


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
