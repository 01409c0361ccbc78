"""What a test of each strategy could show, from what its accounts bought."""

import datetime as dt

import pandas as pd

from carnet.book.book import Book
from carnet.customers.accounts.units import units_of
from carnet.customers.experiments.drawing import PAIRS_UNDER
from carnet.engagement.periods import years_earlier
from carnet.measures.portfolio.strategy import STRATEGIES
from carnet.measures.retention import experiments


def feasibility(book: Book, accounts: pd.DataFrame, days: int) -> pd.DataFrame:
    """What an experiment of so many days on half of each strategy's accounts could show,
    from their revenue of the last `days` and the 12 months before.

    The accounts are chosen by what they are today, those to rekindle by the very fall that
    is measured: a first idea, the plan itself looks a year back.

    Columns     strategy, treated, control, usual_mean, usual_spread, explained, detectable_effect,
                detectable_share (of the usual mean), needed_per_arm (customers in each arm
                that a quarter more takes); strategies with 8 accounts or more, where the sales
                given reach back
    """
    columns = [
        "strategy",
        "treated",
        "control",
        "usual_mean",
        "usual_spread",
        "explained",
        "detectable_effect",
        "detectable_share",
        "needed_per_arm",
    ]
    start = book.as_of - dt.timedelta(days=days - 1)
    before = years_earlier(start, 1)
    covered = book.covers("sales", before)
    rows = []
    for strategy in STRATEGIES:
        part = accounts[accounts.strategy == strategy]
        half = len(part) // 2
        if strategy == "gone" or half < experiments.LEAST_ARM or not covered:
            continue
        outcome = units_of(book, part, "revenue", start, book.as_of).to_numpy()
        adjusted, explained = experiments.cuped(
            outcome,
            units_of(book, part, "revenue", before, start - dt.timedelta(days=1)).to_numpy(),
        )
        mean, spread = float(outcome.mean()), float(adjusted.std(ddof=1))
        effect = (
            experiments.detectable_difference(spread, half, half, 2 * half < PAIRS_UNDER)
            if spread > 0
            else float("nan")
        )
        positive = mean > 0 and spread > 0
        rows.append(
            (
                strategy,
                half,
                half,
                mean,
                float(outcome.std(ddof=1)),
                explained,
                effect,
                effect / mean if mean > 0 else float("nan"),
                experiments.arm_size_for_difference(spread, 0.25 * mean)
                if positive
                else float("nan"),
            )
        )
    return pd.DataFrame(rows, columns=columns)
