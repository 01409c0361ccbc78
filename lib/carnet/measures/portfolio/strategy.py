"""One strategy an account: protect, serve, rekindle, renegotiate (source E), each by stated rules;
relationships and the signs that tell them.

Every rule is a number of the sector's profile (`sectors.yml`, strategy). A list to sign off, never
an automatic decision.
"""

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy

from carnet.measures.register import Figure, measure
from carnet.wording import N_

STRATEGIES = ("protect", "serve", "rekindle", "renegotiate", "gone")
SIGNS = (
    "contract",
    "long_standing",
    "breadth",
    "several_persons",
    "steady",
    "supported",
    "full_price",
    "flow",
)
LEVERS = ("price", "conformity", "delivery", "availability")
LEAST_DECIDED = 2  # opportunities decided, below which a win rate says nothing


@measure(N_("Signs that make it dear to switch"))
def switching_signs(accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.DataFrame:
    """What would make it dear for each customer to switch, one column a sign.

    Formula     each sign by a threshold of the sector's profile, see Signs; sign_count = signs that
                are True; measured_sign_count = signs that are known
    Unit        True or False a sign, counts
    Population  one row an account
    Undefined   a sign is NULL where what it reads is not known; the counts never are
    Source      source E of the method (capital-R relationships); signs and thresholds: the sector's
                profile (sectors.yml, strategy)

    Signs       contract; long_standing: tenure_years ≥ rule; breadth: family_share ≥ rule;
                several_persons: contact_person_count ≥ rule; steady: order_quarter_count ≥ rule;
                supported: contact_count ≥ rule; full_price: mean_discount ≤ rule; flow:
                opportunity_count ≥ rule and half of those decided won
    Columns     the names of SIGNS, sign_count, measured_sign_count
    """

    def reached(column: str, least: float) -> pd.Series:
        value = accounts[column].astype(float)
        return (value >= least).astype("boolean").mask(value.isna())

    discount = accounts.mean_discount.astype(float)
    won = (accounts.win_rate.astype(float) >= 0.5).astype("boolean").mask(accounts.win_rate.isna())
    opened = reached("opportunity_count", rules["opportunity_count"])
    t = pd.DataFrame(
        {
            "contract": accounts.contract.astype("boolean"),
            "long_standing": reached("tenure_years", rules["tenure_years"]),
            "breadth": reached("family_share", rules["breadth_share"]),
            "several_persons": reached("contact_person_count", rules["contact_person_count"]),
            "steady": reached("order_quarter_count", rules["steady_quarter_count"]),
            "supported": reached("contact_count", rules["supported_contact_count"]),
            "full_price": (discount <= rules["full_price_discount"])
            .astype("boolean")
            .mask(discount.isna()),
            "flow": opened & won,
        },
        index=accounts.index,
    )
    signs = t[list(SIGNS)]
    return t.assign(
        sign_count=signs.fillna(False).sum(axis=1).astype(int),
        measured_sign_count=signs.notna().sum(axis=1).astype(int),
    )


@measure(N_("Accounts that are relationships"))
def relationships(
    signs: pd.DataFrame, abc_class: pd.Series, rules: Mapping[str, float]
) -> pd.Series:
    """Accounts that are relationships with a capital R.

    Formula     class A or B now, and sign_count ≥ relationship_sign_share × measured_sign_count
    Unit        True or False
    Population  one value an account; class C and accounts without a class are False
    Undefined   NULL for an account of class A or B with fewer than relationship_sign_least signs
                measured
    Source      source E of the method (capital-R relationships); thresholds: the sector's profile
                (sectors.yml, strategy)
    """
    measured = signs.measured_sign_count
    shown = signs.sign_count >= rules["relationship_sign_share"] * measured - 1e-9
    told = (shown & abc_class.isin(["A", "B"])).astype("boolean")
    return told.mask((measured < rules["relationship_sign_least"]) & abc_class.isin(["A", "B"]))


@measure(N_("What transactional accounts are served on"))
def serve_levers(accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.Series:
    """What a transactional account is served on, by what the book shows of it.

    Formula     each lever by a threshold of the sector's profile, see Rules
    Unit        text: names of LEVERS joined by spaces
    Population  one value an account
    Undefined   never: '' where nothing tells; what is not known shows no lever
    Source      source E of the method (served on price, conformity, delivery, availability);
                thresholds: the sector's profile

    Rules       price: mean_discount ≥ rule; conformity: return_share ≥ rule, or reliability under
                weak_mark; delivery: rush_count ≥ rule; availability: responsiveness under weak_mark
    """

    def under(column: str) -> pd.Series:
        return (accounts[column].astype(float) < rules["weak_mark"]).fillna(False)

    told = {
        "price": accounts.mean_discount.astype(float) >= rules["price_discount"],
        "conformity": (accounts.return_share.astype(float) >= rules["return_share"])
        | under("reliability"),
        "delivery": accounts.rush_count.astype(float) >= rules["rush_count"],
        "availability": under("responsiveness"),
    }
    columns = [np.where(told[name].fillna(False), name + " ", "") for name in LEVERS]
    return pd.Series(
        [("".join(row)).strip() for row in zip(*columns, strict=True)], accounts.index, dtype=object
    )


@measure(N_("One strategy an account"))
def choose_strategies(accounts: pd.DataFrame, rules: Mapping[str, float]) -> pd.Series:
    """The strategy of each account: the first rule that holds.

    Formula     contract over → gone; else renegotiate, rekindle, gone, protect, serve, by the rules
                below in this order
    Unit        text: a name of STRATEGIES
    Population  one value an account
    Undefined   never: an account that no rule tells is served; a rule that reads an unknown does
                not hold
    Source      source E of the method; thresholds: the sector's profile (sectors.yml, strategy)

    Rules       gone (first): its contract ended and nothing was bought since
                renegotiate: active, long-standing (tenure ≥ long_standing_years) and costs more
                than it brings for certain (profit_high < 0: over the range of rates; of the margin
                where no cost to serve is known)
                rekindle: once bigger and not waiting for its own rhythm: the last 12 months are
                down by peak_fall_share or more from the best 12 months, which were worth a class A
                or B now (peak_revenue ≥ class_b_revenue), and hold fewer orders than all the time
                before foretells (`fall_p_values` ≤ fall_p_value): a best year is picked after the
                fact, which alone makes falls
                gone: not active though it was due, and not rekindled
                protect: a relationship; serve: every other account
    Parameters  accounts: active, status, last_order_date, contract_end (of a contract that has
                ended; NULL: none), tenure_years, profit_high, rolling_year_revenue, peak_revenue,
                class_b_revenue, fall_p_value, relationship
    """
    dear = (
        accounts.active
        & (accounts.tenure_years >= rules["long_standing_years"])
        & (accounts.profit_high < 0)
    )
    fallen = accounts.rolling_year_revenue <= (1 - rules["peak_fall_share"]) * accounts.peak_revenue
    fallen &= accounts.fall_p_value <= rules["fall_p_value"]
    bigger = (
        fallen & (accounts.peak_revenue >= accounts.class_b_revenue) & (accounts.peak_revenue > 0)
    )
    waiting = accounts.status == "not_due"
    # no end, or an order after it: not over
    over = pd.to_datetime(accounts.last_order_date) <= pd.to_datetime(accounts.contract_end)
    gone = ~accounts.active.astype(bool) & ~waiting
    conditions = [
        over,
        dear.fillna(False),
        bigger.fillna(False) & ~waiting,
        gone,
        accounts.relationship.fillna(False),
    ]
    found = np.select(
        [c.to_numpy(dtype=bool) for c in conditions],
        ["gone", "renegotiate", "rekindle", "gone", "protect"],
        "serve",
    )
    return pd.Series(found, accounts.index, dtype=object)


@measure(N_("Chance of as few orders at an unchanged pace"))
def fall_p_values(recent: np.ndarray, every: np.ndarray, months: np.ndarray) -> np.ndarray:
    """Chance of as few orders in the last 12 months had the customer always ordered at one pace.

    Formula     P(X ≤ recent), X ~ Binomial(orders ever, 12 ÷ months since the first order):
                one-sided exact binomial
    Unit        probability, 0 to 1
    Population  one value a customer
    Undefined   NaN under 24 months since the first order
    Source      conditional test of Poisson counts: J. Przyborowski & H. Wilenski, Biometrika 31
                (1940) 313-323

    >>> fall_p_values(np.array([0, 4]), np.array([6, 12]), np.array([36, 36])).round(4).tolist()
    [0.0878, 0.6315]
    """
    known = np.asarray(months) >= 24
    share = np.where(known, 12 / np.maximum(months, 1), 0.5)
    return np.where(known, scipy.stats.binom.cdf(recent, every, share), np.nan)


@measure(N_("Accounts that luck alone makes look once bigger"))
def chance_fallen(
    orders: pd.DataFrame,
    month_count: pd.Series,
    least_peak: float,
    rules: Mapping[str, float],
    seed: int = 1,
) -> float:
    """Accounts that would look once bigger had nothing changed, by the luck of orders alone.

    Formula     mean, over 4 to 40 draws, of the number of accounts with revenue of the last 12
                months ≤ (1 − peak_fall_share) × best 12 months, best 12 months ≥ `least_peak` and
                `fall_p_values` ≤ fall_p_value
    Unit        number of accounts (a mean, not whole)
    Population  accounts with 24 audit months or more since their first order
    Undefined   never: 0 where no account is that old
    Source      definition of the workbook; thresholds: the sector's profile (sectors.yml, strategy)

    Method      every order of an account is put into a month drawn evenly from those since its
                first order, then `choose_strategies`' rule for rekindle is applied; mean number of
                accounts over the draws
    Parameters  orders: customer_id, revenue, one row an order; month_count: audit months since the
                first order, by customer_id
    """
    long = month_count[month_count >= 24]
    t = orders[orders.customer_id.astype(object).isin(long.index)].sort_values(
        ["customer_id", "revenue"], ignore_index=True
    )
    if not len(t):
        return 0.0
    account, names = pd.factorize(t.customer_id)
    months = long.reindex(names).to_numpy(dtype=int)
    every = np.bincount(account, minlength=len(names))
    rng, draws = np.random.default_rng(seed), int(np.clip(2_000_000 // len(t), 4, 40))
    width, revenue, counted = int(months.max()), t.revenue.to_numpy(dtype=float), 0
    for _ in range(draws):
        # 0: the month that ends on the audit date
        month = (rng.random(len(t)) * months[account]).astype(int)
        cells = np.bincount(
            account * width + month, weights=revenue, minlength=len(names) * width
        ).reshape(len(names), width)
        sums = np.cumsum(np.concatenate([np.zeros((len(names), 1)), cells], axis=1), axis=1)
        years = sums[:, 12:] - sums[:, :-12]
        peak, recent = (
            years.max(axis=1),
            np.bincount(account, weights=month < 12, minlength=len(names)),
        )
        low = fall_p_values(recent, every, months) <= rules["fall_p_value"]
        counted += int(
            (
                (years[:, 0] <= (1 - rules["peak_fall_share"]) * peak) & (peak >= least_peak) & low
            ).sum()
        )
    return counted / draws


@measure(
    N_("Accounts and money by strategy"),
)
def strategy_table(accounts: ir.Table) -> ir.Table:
    """Accounts and money by strategy, in the order of STRATEGIES.

    Formula     accounts counted and Σ of their money; single_thread_revenue = Σ revenue of the
                accounts with one person ordering
    Unit        counts, currency
    Population  one row a strategy that an account has
    Undefined   sums are NULL where nothing is known; single_thread_revenue where it is known of no
                account of the strategy
    Source      source E of the method

    Columns     strategy, customer_count, revenue, revenue_previous, margin, profit,
                relationship_count, single_thread_revenue (revenue that hangs on one person
                ordering)
    """
    alone = accounts.single_thread.fill_null(False)
    held = alone.ifelse(accounts.revenue, 0.0).sum()
    money = ("revenue", "revenue_previous", "margin", "profit")
    t = accounts.group_by("strategy").agg(
        customer_count=accounts.count(),
        **{name: accounts[name].sum() for name in money},
        relationship_count=accounts.relationship.fill_null(False).sum(),
        single_thread_revenue=(accounts.single_thread.count() > 0).ifelse(
            held, ibis.null("float64")
        ),
    )
    place = ibis.cases(*((t.strategy == name, at) for at, name in enumerate(STRATEGIES)))
    return t.order_by(place)


@measure(N_("Relationships of each salesperson"))
def relationship_load(accounts: ir.Table, cap: float) -> ir.Table:
    """Relationships of each salesperson against the number that one can look after.

    Formula     over_cap = relationship_count > cap
    Unit        counts, currency
    Population  one row a salesperson with a relationship, most relationships first; accounts
                without a salesperson are left out
    Undefined   never: without a relationship the table is empty
    Source      source E of the method (R accounts per salesperson against a cap)

    Columns     salesperson, relationship_count, relationship_revenue, cap, over_cap
    """
    held = accounts.filter(accounts.relationship & accounts.salesperson.notnull())
    t = held.group_by("salesperson").agg(
        relationship_count=held.count(), relationship_revenue=held.revenue.sum()
    )
    t = t.mutate(cap=ibis.literal(float(cap)), over_cap=t.relationship_count > cap)
    return t.order_by(ibis.desc("relationship_count"), "salesperson")


@measure(N_("Revenue class against potential class"))
def crossed_matrix(accounts: ir.Table) -> ir.Table:
    """Customers and money by revenue class and potential class.

    Formula     customers counted, Σ revenue and Σ untapped of each pair of classes; untapped =
                potential − revenue, 0 where negative
    Unit        counts, currency
    Population  one row a pair of classes, over accounts with a class of potential
    Undefined   never: without a potential the table is empty
    Source      source C of the method; the matrix is a definition of the workbook

    Columns     abc_class (– where nothing was bought), potential_class, customer_count, revenue,
                untapped (Σ potential − revenue, where positive)
    """
    t = accounts.filter(accounts.potential_class.notnull())
    t = t.group_by(abc_class=t.abc_class.fill_null("–"), potential_class="potential_class").agg(
        customer_count=t.count(), revenue=t.revenue.sum(), untapped=t.untapped.sum()
    )
    return t.order_by("abc_class", "potential_class")


@measure(
    N_("Accounts by strategy, relationships, what hangs on one person, what is not bought yet"),
    {
        "protect_customer_count": Figure(
            N_("Accounts to protect"),
            "count",
            N_(
                "Relationships by their switching signs that are neither renegotiated nor rekindled"
            ),
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
                "Accounts down by the stated share from their best 12 months, with fewer orders "
                "than before beyond luck (rules of the sector)"
            ),
            good="down",
            source="E",
            moves=True,
        ),
        "renegotiate_customer_count": Figure(
            N_("Accounts to renegotiate"),
            "count",
            N_(
                "Long-standing accounts that cost more than they bring over the whole "
                "range of rates"
            ),
            good="down",
            source="E",
            moves=True,
        ),
        "relationship_customer_count": Figure(
            N_("Relationships"),
            "count",
            N_(
                "Accounts of class A or B that show the stated share of the switching "
                "signs measured"
            ),
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
            N_(
                "Σ revenue of the last 12 months of accounts with one distinct person "
                "behind their orders"
            ),
            good="down",
            source="E",
        ),
        "potential_share": Figure(
            N_("Share of the potential bought"),
            "ratio",
            N_(
                "Σ revenue of the last 12 months ÷ Σ potential, customers of the last 24 months of "
                "which a potential is noted"
            ),
            good="up",
            decimals=1,
            source="C",
        ),
    },
)
def strategy_figures(accounts: ir.Table) -> ir.Table:
    """Accounts by strategy, relationships and what hangs on them, share of the potential bought.

    Formula     counts of strategy; relationship_unpaid_count = relationships with profit_high < 0;
                single_thread_revenue = Σ revenue of accounts with one person; potential_share = Σ
                revenue ÷ Σ potential of those with a potential
    Unit        counts, currency, ratio
    Population  the account list: customers with a sale in the last 24 months
    Undefined   NULL without an account; protect_customer_count and relationship_customer_count
                where of no account of class A or B it is known; renegotiate_customer_count and
                relationship_unpaid_count where no profit is; single_thread_revenue where no person
                is noted; potential_share without a potential above zero
    Source      source E of the method; potential: source C

    Parameters  accounts: strategy, relationship, abc_class, profit_high, single_thread, revenue,
                potential
    """
    t, unknown = accounts, ibis.null("float64")
    held = t.relationship.fill_null(False)
    # of smaller accounts it is known that they are none
    told = (t.abc_class.isin(["A", "B"]) & t.relationship.notnull()).fill_null(False).sum() > 0
    priced = (held & t.profit_high.notnull()).sum() > 0
    counts = {name: (t.strategy == name).sum() for name in STRATEGIES}
    alone = t.single_thread.fill_null(False) & (t.revenue > 0)
    possible = t.potential > 0
    bought = possible.ifelse(t.revenue, 0.0).sum()
    noted = possible.ifelse(t.potential, 0.0).sum()
    return t.agg(
        protect_customer_count=told.ifelse(counts["protect"], unknown),
        serve_customer_count=counts["serve"],
        rekindle_customer_count=counts["rekindle"],
        renegotiate_customer_count=(t.profit_high.count() > 0).ifelse(
            counts["renegotiate"], unknown
        ),
        relationship_customer_count=told.ifelse(held.sum(), unknown),
        relationship_unpaid_count=priced.ifelse((held & (t.profit_high < 0)).sum(), unknown),
        single_thread_revenue=(t.single_thread.count() > 0).ifelse(
            alone.ifelse(t.revenue, 0.0).sum(), unknown
        ),
        potential_share=bought / noted.nullif(0.0),
    )
