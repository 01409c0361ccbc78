"""Growth split into customers, order frequency and basket,
without a residual and without an order of factors.
"""

from itertools import permutations

import pandas as pd

from carnet.measures.register import measure
from carnet.wording import N_

FACTORS = ("active_customer_count", "purchase_frequency", "average_basket")


@measure(N_("Growth by customers, frequency and basket"))
def growth_decomposition(before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """How much of the change of revenue each of three factors explains.

    Formula     revenue = customers × orders per customer × basket; the effect of a factor is the
                mean, over the 6 orders in which the three may change, of what revenue moves when it
                does. Σ effects = change of revenue; swapping the periods flips every sign
    Unit        before and after in the unit of the factor; effect in currency
    Population  one row a factor: active_customer_count, purchase_frequency, average_basket
    Undefined   every effect is NaN where a factor is unknown in either period
    Source      L. S. Shapley, 1953

    Columns     factor, before, after, effect
    """
    effects = dict.fromkeys(FACTORS, 0.0)
    orders = list(permutations(FACTORS))
    for order in orders:
        state = before[list(FACTORS)].astype(float)
        for factor in order:
            level = state.prod(skipna=False)
            state[factor] = after[factor]
            effects[factor] += (state.prod(skipna=False) - level) / len(orders)
    rows = [
        (factor, float(before[factor]), float(after[factor]), effects[factor]) for factor in FACTORS
    ]
    return pd.DataFrame(rows, columns=["factor", "before", "after", "effect"])
