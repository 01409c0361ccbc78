"""What each customer brings against what it costs to serve:
margins, activities, waiting for payment; how sure the sign is.
"""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from carnet.engagement.periods import Period
from carnet.measures.register import Figure, measure
from carnet.wording import N_

GRID = 101  # points of the whale curve
SLICE = 10_000  # customers whose draws are held at once


@measure(N_("Contribution margin of each customer"))
def customer_margins(
    movement: ir.Table,
    cube: ir.Table,
    in_period: ir.BooleanValue,
    variable_cost: float,
    revenue: float,
    own: ir.Table | None = None,
) -> ir.Table:
    """Contribution margin of each customer of the period.

    Formula     margin = revenue − cost of its own sale lines − cost lines that name it − (variable
                cost of the company − Σ costs of sale lines − Σ variable cost lines that name a
                customer) × its revenue ÷ the company's revenue; without costs on the sale lines
                every customer has the company's rate. Σ margin = revenue − variable cost − other
                cost lines that name a customer, when the company's revenue is that of its customers
    Unit        currency
    Population  one row a customer whose revenue of the period is not 0
    Undefined   margin is NaN where variable_cost is; the company's revenue must not be 0;
                goods_cost is NULL where no line of the customer tells a cost; own_cost is 0 where
                no cost line names it
    Source      definition of the workbook (method §6, unknown cost)

    Parameters  own: `costs.own_costs` of the period
    Columns     customer_id, revenue, goods_cost, own_cost, margin
    """
    costs = cube.filter(in_period).group_by("customer_id").agg(goods_cost=lambda t: t.cost.sum())
    t = (
        movement.filter(movement.revenue != 0)
        .select("customer_id", "revenue")
        .left_join(costs, "customer_id")
        .drop("customer_id_right")
    )
    # a customer without costed lines has the company's rate through the rest
    known = t.goods_cost.fill_null(0.0)
    if own is None:
        rest = (ibis.literal(variable_cost) - known.sum().over()) / ibis.literal(revenue)
        return t.mutate(own_cost=0.0, margin=t.revenue - known - rest * t.revenue)
    # of the company, those included whose customer bought nothing; no line that names a customer:
    # no cost of its own
    spread = known.sum().over() + own.own_variable_cost.sum().as_scalar().fill_null(0.0)
    t = t.left_join(own, "customer_id").drop("customer_id_right")
    mine = t.own_cost.fill_null(0.0)
    rest = (ibis.literal(variable_cost) - spread) / ibis.literal(revenue)
    t = t.mutate(
        own_cost=mine, margin=t.revenue - t.goods_cost.fill_null(0.0) - mine - rest * t.revenue
    )
    return t.drop("own_variable_cost")


@measure(N_("Cost of each kind of activity per customer"))
def activity_costs(service: ir.Table, period: Period, hourly_rate: float) -> ir.Table:
    """Cost of each kind of activity with each customer in the period.

    Formula     Σ of the cost noted beside the activity, else its minutes ÷ 60 × hourly_rate; an
                activity with neither is in unpriced_count and in no cost
    Unit        currency, minutes, counts
    Population  one row a customer and kind of activity noted in the period
    Undefined   cost is NULL where no activity of the row has a price, minutes where none is noted
    Source      source E of the method (cost to serve)

    Columns     customer_id, activity, activity_count, minutes, cost, unpriced_count
    """
    given = set(service.columns)
    inside = service.filter(service.date.between(ibis.date(period.start), ibis.date(period.end)))
    minutes = inside.minutes if "minutes" in given else ibis.null("float64")
    noted = inside.cost.cast("float64") if "cost" in given else ibis.null("float64")
    inside = inside.mutate(spent=minutes, priced=ibis.coalesce(noted, minutes / 60 * hourly_rate))
    return (
        inside.group_by("customer_id", "activity")
        .agg(
            activity_count=inside.count(),
            minutes=inside.spent.sum(),
            cost=inside.priced.sum(),
            unpriced_count=inside.priced.isnull().sum(),
        )
        .order_by("customer_id", "activity")
    )


@measure(N_("Cost of waiting for payment per customer"))
def waiting_costs(
    receivables: ir.Table, period: Period, as_of: ir.DateScalar, yearly_rate: float
) -> ir.Table:
    """What waiting for payment cost, customer by customer.

    Formula     Σ amount × days from invoice to payment (to `as_of` where it was unpaid on that day;
                never below 0) ÷ 365 × yearly_rate
    Unit        currency
    Population  one row a customer with an invoice of the period; those paid on a day that nobody
                noted are left out
    Undefined   a customer without such an invoice has no row
    Source      source E of the method (payment delay as a cost to serve)

    Columns     customer_id, cost, activity ('payment delay')
    """
    inside = receivables.filter(
        receivables.invoice_date.between(ibis.date(period.start), ibis.date(period.end))
    )
    if {"status", "paid_date"} <= set(inside.columns):
        inside = inside.filter(
            ~((inside.status == "paid").fill_null(False) & inside.paid_date.isnull())
        )
    # a payment after the audit day was not known on it
    end = ibis.least(inside.paid_date, as_of) if "paid_date" in receivables.columns else as_of
    days = ibis.greatest(end.delta(inside.invoice_date, unit="day"), 0)
    inside = inside.mutate(carried=inside.amount.cast("float64") * days / 365 * yearly_rate)
    return (
        inside.group_by("customer_id")
        .agg(cost=inside.carried.sum())
        .mutate(activity=ibis.literal("payment delay"))
        .order_by("customer_id")
    )


@measure(
    N_("Margin against cost to serve, customer by customer"),
)
def customer_profit(
    margins: pd.DataFrame,
    activities: pd.DataFrame,
    low: float,
    high: float,
    draws: int,
    seed: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Profit of each customer with its interval, and the whale curve with its band.

    Formula     profit = margin − cost_to_serve, Σ of its activities; interval: middle 95 % over
                `draws` of the rates; unpaid_service = max(cost_to_serve − max(margin, 0), 0);
                curve: cumulated profit, most profitable first
    Unit        currency, a share of customers 0 to 1
    Population  customers: one row a customer of `margins`; curve: 101 points (GRID) from no
                customer to all
    Undefined   profit, interval and unpaid service are NaN where the margin is, and certain False;
                an activity that is not noted costs 0
    Source      source E (cost to serve, whale curve); the band is a definition of the workbook

    Parameters  margins: customer_id, margin, revenue of those who bought (activities of others are
                in `idle_services`); activities: customer_id, activity, cost (at the middle rate);
                the true rate of each kind of activity lies anywhere between `low` and `high` times
                the middle one (uniform, one draw for all customers)
    Returns     customers: customer_id, revenue, margin, cost_to_serve, profit, profit_low,
                profit_high, certain (the 95 % interval excludes zero), unpaid_service (the part of
                the cost to serve that the margin does not pay), most profitable first; curve:
                customer_share, profit (cumulated), low, high: 95 % band of the curve drawn anew
                each time
    """
    table = activities.pivot_table(
        index="customer_id", columns="activity", values="cost", aggfunc="sum"
    )
    everyone = margins.set_index("customer_id")[["revenue", "margin"]].sort_index()
    # no such activity noted: no cost of it
    costs = table.reindex(everyone.index).fillna(0.0).to_numpy()
    margin = everyone.margin.to_numpy()
    grid = np.linspace(0, 1, GRID)
    ranks = np.minimum((grid * len(margin)).round().astype(int), len(margin))
    curves, sums = np.empty((draws, GRID)), np.empty((draws, len(margin)), dtype=np.float32)
    for draw, profit in enumerate(_drawn_profits(margin, costs, low, high, draws, seed)):
        sums[draw] = profit
        curves[draw] = np.concatenate([[0.0], np.cumsum(np.sort(profit)[::-1])])[ranks]
    served = costs.sum(axis=1)
    bounds = _middle(sums)
    t = everyone.assign(
        cost_to_serve=served,
        profit=margin - served,
        profit_low=bounds[0],
        profit_high=bounds[1],
        certain=(bounds[0] > 0) | (bounds[1] < 0),
        unpaid_service=np.clip(served - np.clip(margin, 0, None), 0, None),
    )
    t = t.reset_index().sort_values(
        ["profit", "customer_id"], ascending=[False, True], ignore_index=True
    )
    middle = np.concatenate([[0.0], np.cumsum(t.profit.to_numpy())])[ranks]
    band = np.quantile(curves, [0.025, 0.975], axis=0)
    curve = pd.DataFrame(
        {"customer_share": grid, "profit": middle, "low": band[0], "high": band[1]}
    )
    return t, curve


@measure(N_("Profit of each customer over the drawn rates"))
def profit_bounds(
    margin: np.ndarray, costs: np.ndarray, low: float, high: float, draws: int, seed: int = 1
) -> np.ndarray:
    """The interval of each customer's profit: that of `customer_profit`, customer by customer.

    Formula     middle 95 % of margin − Σ costs × rate over `draws` of the rates
    Unit        currency
    Population  two values a customer: the lower bounds, the upper ones
    Undefined   NaN where the margin is
    Source      definition of the workbook

    Parameters  costs: a row a customer, a column a kind of activity in the order of their names,
                at the middle rate
    """
    bounds = np.empty((2, len(margin)))
    for first in range(0, len(margin), SLICE):
        rows = slice(first, first + SLICE)
        drawn = _drawn_profits(margin[rows], costs[rows], low, high, draws, seed)
        bounds[:, rows] = _middle(np.array([profit.astype(np.float32) for profit in drawn]))
    return bounds


def _drawn_profits(
    margin: np.ndarray, costs: np.ndarray, low: float, high: float, draws: int, seed: int
) -> Iterator[np.ndarray]:
    """The profits of all customers at each draw of the rates, one rate a kind of activity."""
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield margin - costs @ rng.uniform(low, high, costs.shape[1])


def _middle(sums: np.ndarray) -> np.ndarray:
    return np.quantile(sums, [0.025, 0.975], axis=0).astype(float)


@measure(N_("Cost of serving customers who bought nothing"))
def idle_services(margins: pd.DataFrame, activities: pd.DataFrame) -> pd.DataFrame:
    """What serving customers cost who bought nothing in the period, largest cost first.

    Formula     cost_to_serve = Σ cost of the activities; unpaid_service is all of it, margin 0
    Unit        currency
    Population  one row a customer with an activity that is not in `margins`
    Undefined   never: without such a customer the table is empty
    Source      source E of the method (unpaid services)

    Columns     customer_id, cost_to_serve, margin (0), unpaid_service
    """
    idle = activities[~activities.customer_id.isin(margins.customer_id)]
    t = idle.groupby("customer_id", as_index=False).agg(cost_to_serve=("cost", "sum"))
    t = t.assign(margin=0.0, unpaid_service=t.cost_to_serve)
    return t.sort_values(
        ["unpaid_service", "customer_id"], ascending=[False, True], ignore_index=True
    )


@measure(
    N_("What serving costs, how much of it is certain, what nobody pays for"),
    {
        "cost_to_serve": Figure(
            N_("Cost to serve"),
            "currency",
            N_("Σ activities at their rate, and waiting for payment, customers of the period"),
            good="down",
            source="E",
        ),
        "certain_sign_share": Figure(
            N_("Customers whose sign is certain"),
            "ratio",
            N_(
                "Customers whose profit, over the middle 95 % of the drawn rates, keeps its "
                "sign ÷ customers"
            ),
            decimals=1,
            source="E",
        ),
        "unpaid_service_cost": Figure(
            N_("Unpaid services"),
            "currency",
            N_("Σ of the cost to serve that a customer's own margin does not pay"),
            good="down",
            source="E",
        ),
    },
)
def whale_figures(profits: pd.DataFrame, unpaid: pd.DataFrame) -> dict[str, float]:
    """What serving costs in all, whose sign is certain, what margins do not pay.

    Formula     cost_to_serve = Σ cost_to_serve; certain_sign_share = customers with a certain sign
                ÷ customers; unpaid_service_cost = Σ unpaid_service
    Unit        currency, ratio 0 to 1
    Population  customers of the period (`customer_profit`), and for what is unpaid those served
                without buying, too (`idle_services`)
    Undefined   the share is NaN without a customer
    Source      source E of the method

    Parameters  profits: cost_to_serve, certain; unpaid: unpaid_service
    """
    return {
        "cost_to_serve": profits.cost_to_serve.sum(),
        "certain_sign_share": profits.certain.mean(),
        "unpaid_service_cost": unpaid.unpaid_service.sum(),
    }
