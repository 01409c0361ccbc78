"""Who leaves without a word, and what a chain of unhappy customers who say nothing costs once its
premises are ranges instead of slogans.

Sources: the quoted chain "100 unhappy, 4 complain, 96 leave in silence, each tells 15" and the
correction of its premises by J. Goodman, Basic Facts on Customer Complaint Behavior (1999); TARP,
Consumer Complaint Handling in America (1979). Values: benchmarks.yml.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from unidecode import unidecode

from carnet.measures.register import Figure, measure
from carnet.wording import N_

COMPLAINT_WORDS = ("complain", "claim", "dispute", "reclam", "litige", "plainte")
SIGNS = ("complained", "answered", "recorded")  # what a customer may have left behind
CHAIN = ("silent", "leave", "told", "convert")  # in the order of the chain
UNHAPPY = 100.0  # the chain is told of a hundred unhappy customers
DRAWS = 20_000
LEAST_TRIALS = 10  # customers, below which this book does not tell a link


@measure(N_("Kinds of activity that are complaints"))
def complaint_activities(
    activities: Sequence[str], words: Sequence[str] = COMPLAINT_WORDS
) -> list[str]:
    """The kinds of activity that are complaints, by the words in their names.

    Formula     the names that hold one of `words`, accents and case aside
    Unit        text
    Population  the kinds of activity given, in their order
    Undefined   never: an empty list when no name holds one
    Source      source C of the method (complaints as a state of the customer); the words are a
                definition of the workbook (COMPLAINT_WORDS)

    >>> complaint_activities(["Visite", "Réclamation", "Customer complaint"])
    ['Réclamation', 'Customer complaint']
    """
    folded = [unidecode(word).lower().strip() for word in words]
    return [name for name in activities if any(word in unidecode(name).lower() for word in folded)]


@measure(N_("Customers that left a sign in their window"))
def spoke(events: ir.Table, windows: ir.Table) -> ir.Table:
    """Customers with an event inside their own window.

    Formula     window_start ≤ date ≤ window_end for at least one event of the customer
    Unit        identifiers
    Population  one row a customer with a window and an event in it
    Undefined   a customer without such an event has no row
    Source      definition of the workbook

    Parameters  events: customer_id, date; windows: customer_id, window_start, window_end (both days
                included)
    Columns     customer_id
    """
    t = events.select("customer_id", "date").join(windows, "customer_id")
    inside = t.filter(t.date.between(t.window_start, t.window_end))
    # grouped, since Ibis 12 loses the columns of distinct().order_by() where Spark or
    # PostgreSQL computes it
    return (
        inside.group_by("customer_id")
        .agg(told=inside.count())
        .select("customer_id")
        .order_by("customer_id")
    )


@measure(
    N_("Customers that left no sign"),
)
def silent_customers(signs: pd.DataFrame) -> pd.Series:
    """True for customers that left none of the signs that were looked for.

    Formula     no sign of SIGNS (complained, answered, recorded) that is given is True
    Unit        True or False
    Population  one value a row of `signs`
    Undefined   NULL where one of the signs is not told and no other was seen, and where no sign was
                looked for
    Source      source C of the method (customers who leave in silence); definition of the workbook

    Parameters  signs: those of complained, answered, recorded whose table was given (True, False,
                NULL where it does not cover the time)
    """
    given = signs[[name for name in SIGNS if name in signs]].astype("boolean")
    # what a table does not tell is not seen; the rows below are taken back
    seen = given.fillna(False).any(axis=1)
    not_told = ~seen & (given.isna().any(axis=1) | (given.shape[1] == 0))
    return (~seen).astype("boolean").mask(not_told)


@dataclass(frozen=True)
class Premise:
    """One link of the chain: what is quoted, what is known better, and the range that is drawn:
    Beta from `hits` of `trials` where this book counted them, else uniform between low and high.
    `origin`: 'book', 'corrected' or 'assumed'.
    """

    quoted: float
    low: float
    high: float
    origin: str
    hits: int = 0
    trials: int = 0

    def draw(self, rng: np.random.Generator, draws: int) -> np.ndarray:
        """Values of this link: a share counted in this book has the Beta law of Jeffreys' prior."""
        if self.trials:
            return rng.beta(self.hits + 0.5, self.trials - self.hits + 0.5, draws)
        return rng.uniform(self.low, self.high, draws)


@measure(N_("The chain of unhappy customers who say nothing"))
def silent_chain(
    premises: Mapping[str, Premise], draws: int = DRAWS, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """What a hundred unhappy customers cost in customers and prospects, the premises drawn.

    Formula     lost customers = 100 × silent × leave; lost prospects = lost customers × told ×
                convert
    Unit        customers and prospects, of a hundred unhappy customers; premises as shares, told as
                a number of people
    Population  `draws` draws of the four premises (CHAIN)
    Undefined   never
    Source      quoted chain: source C; premises: J. Goodman, Basic Facts on Customer Complaint
                Behavior, 1999; TARP, Consumer Complaint Handling in America, 1979

    Returns     results: step ('lost_customers', 'lost_prospects'), quoted, median, low, high
                (middle 95 % of the draws); tornado: premise, low, high (its middle 95 %),
                result_low, result_high (prospects with the premise at each end and the others at
                their median), swing; widest first; and the drawn prospects
    """
    rng = np.random.default_rng(seed)
    drawn = {name: premises[name].draw(rng, draws) for name in CHAIN}
    middle = {name: float(np.median(values)) for name, values in drawn.items()}
    quoted = {name: premises[name].quoted for name in CHAIN}
    customers = UNHAPPY * drawn["silent"] * drawn["leave"]
    prospects = customers * drawn["told"] * drawn["convert"]
    said = (
        UNHAPPY * quoted["silent"] * quoted["leave"],
        UNHAPPY * float(np.prod(list(quoted.values()))),
    )
    rows = []
    for step, told, values in zip(
        ("lost_customers", "lost_prospects"), said, (customers, prospects), strict=True
    ):
        low, median, high = np.quantile(values, [0.025, 0.5, 0.975])
        rows.append(
            dict(step=step, quoted=told, median=float(median), low=float(low), high=float(high))
        )
    whole = UNHAPPY * float(np.prod(list(middle.values())))
    swings = []
    for name, values in drawn.items():
        low, high = (float(v) for v in np.quantile(values, [0.025, 0.975]))
        ends = [whole * end / middle[name] if middle[name] else 0.0 for end in (low, high)]
        swings.append(
            dict(
                premise=name,
                low=low,
                high=high,
                result_low=ends[0],
                result_high=ends[1],
                swing=ends[1] - ends[0],
            )
        )
    tornado = pd.DataFrame(swings).sort_values(
        ["swing", "premise"], ascending=[False, True], ignore_index=True
    )
    return pd.DataFrame(rows), tornado, prospects


@measure(N_("Premises of the chain"))
def chain_premises(
    quoted: Mapping[str, float],
    better: Mapping[str, float],
    ranges: Mapping[str, tuple[float, float]],
    spread: float,
    counted: Mapping[str, tuple[int, int]],
) -> dict[str, Premise]:
    """The links of the chain: counted in this book, else known better, else assumed.

    Formula     Beta law from (hits, trials) where at least 10 customers (LEAST_TRIALS) tell; else
                the published range; else better value × (1 ± spread), shares at most 1
    Unit        shares, told as a number of people
    Population  one premise a link of CHAIN
    Undefined   raises KeyError for a link without a quoted or a better value
    Source      quoted chain: source C; better values: benchmarks.yml; Beta law with Jeffreys' prior
                (H. Jeffreys, 1946)

    Parameters  quoted, better: value of each link; ranges: links of which a range was published;
                what has neither a count nor a range is drawn within ± `spread` of the better value,
                shares at most 1; counted: link → (hits, trials) of this book
    """
    made = {}
    for name in CHAIN:
        hits, trials = counted.get(name, (0, 0))
        top = math.inf if name == "told" else 1.0
        low, high = ranges.get(
            name, (better[name] * (1 - spread), min(top, better[name] * (1 + spread)))
        )
        if trials >= LEAST_TRIALS:
            made[name] = Premise(quoted[name], low, high, "book", hits, trials)
        else:
            made[name] = Premise(
                quoted[name], low, high, "assumed" if name == "convert" else "corrected"
            )
    return made


@measure(N_("Windows of customers"))
def windows_of(customers: pd.DataFrame) -> ir.Table:
    """The windows of customers, from a frame to a table of the engine.

    Formula     customer_id, window_start and window_end as they are, days without time
    Unit        dates
    Population  one row a row of `customers`
    Undefined   a day that is not known stays NULL
    Source      definition of the workbook

    Columns     customer_id, window_start, window_end (dates)
    """
    days = customers[["customer_id", "window_start", "window_end"]].assign(
        window_start=pd.to_datetime(customers.window_start).dt.date,
        window_end=pd.to_datetime(customers.window_end).dt.date,
    )
    return ibis.memtable(
        days, schema={"customer_id": "string", "window_start": "date", "window_end": "date"}
    )


@measure(
    N_("Customers lost in silence, and what they were worth"),
    {
        "silent_leaver_count": Figure(
            N_("Customers lost in silence"),
            "count",
            N_(
                "Customers without an order in the last 12 months, and with one in the years read, "
                "that left no complaint, survey answer or departure note from a year before their "
                "last order on; those that a table does not reach back to are not judged"
            ),
            good="down",
            source="C",
        ),
        "silent_leaver_share": Figure(
            N_("Customers lost in silence, share"),
            "ratio",
            N_("The same ÷ customers lost that were judged"),
            good="down",
            decimals=1,
            source="C",
        ),
        "silent_leaver_revenue": Figure(
            N_("Revenue lost in silence"),
            "currency",
            N_("Σ of their revenue in the 12 months up to their last order, where known"),
            good="down",
            source="C",
        ),
    },
)
def silent_figures(silent: pd.DataFrame, judged: pd.DataFrame) -> dict[str, float]:
    """How many customers were lost without a sign, of those judged, and their revenue.

    Formula     silent_leaver_count = rows of silent; silent_leaver_share = those ÷ rows of judged;
                silent_leaver_revenue = Σ revenue_lost of silent
    Unit        count; ratio 0 to 1; currency
    Population  customers lost of whom it is known whether they left a sign
    Undefined   the revenue is NaN where it is known of none of them; nobody silent: 0
    Source      source C of the method

    Parameters  silent: revenue_lost; judged: at least one row
    """
    revenue = silent.revenue_lost.sum(min_count=1) if len(silent) else 0.0
    return {
        "silent_leaver_count": len(silent),
        "silent_leaver_share": len(silent) / len(judged),
        "silent_leaver_revenue": revenue,
    }
