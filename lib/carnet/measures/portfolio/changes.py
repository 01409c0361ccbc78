"""Two reports side by side: every figure then and now, and whether the difference
is more than noise.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from carnet.measures.gaps.gaps import order_p_values
from carnet.measures.register import measure
from carnet.measures.statistics.intervals import bootstrap_total
from carnet.wording import N_

LEVEL = 0.05
COUNTED = {
    "new_customer_count",
    "lost_customer_count",
    "recovered_customer_count",
    "late_customer_count",
    "unlikely_gap_count",
}  # events of their own


@measure(N_("Every figure of two reports, signal told from noise"))
def figure_changes(
    then: Mapping[str, Mapping[str, Any]],
    now: Mapping[str, Mapping[str, Any]],
    paired: pd.Series | None,
) -> pd.DataFrame:
    """Every figure of two reports, then and now, with a verdict: signal or noise.

    Formula     change = value_now − value_then; the verdict comes from the test that applies, see
                Tests
    Unit        value_then, value_now and change in the unit of the figure (column unit)
    Population  one row a figure that either report holds
    Undefined   value and change are NaN where a report does not measure the figure (verdict 'not
                measured'); 'not judged' where no test applies
    Source      bootstrap: B. Efron, 1979; equal Poisson rates: J. Przyborowski & H. Wilenski,
                Biometrika 31 (1940) 313-323; the choice of the test is a definition of the workbook

    Tests       the first of these that applies:
                customers  revenue: 95 % bootstrap interval over customers of their changes
                           (`paired`: one per customer) without zero
                intervals  both figures have one: |change| > √(half-width² + half-width²),
                           about 95 % for independent estimates
                counts     customers that came, went or fell behind (COUNTED): exact test of
                           equal Poisson rates, p ≤ LEVEL (0.05)
                none       nothing of these: the change is shown and not judged
    Note        reports less than two years apart share months: their estimates are not independent,
                a signal is then a little too easy
    Verdict     'equal' when nothing changed, 'not measured' when one of the values is unknown
    Columns     figure, unit, value_then, value_now, change, test, verdict
    """
    rows = []
    for name in dict.fromkeys([*then, *now]):
        old, new = then.get(name, {}), now.get(name, {})
        test, verdict = _judged(name, old, new, paired)
        values = [float("nan") if f.get("value") is None else float(f["value"]) for f in (old, new)]
        unit = (new or old).get("unit")
        rows.append(
            dict(
                figure=name,
                unit=unit,
                value_then=values[0],
                value_now=values[1],
                change=values[1] - values[0],
                test=test,
                verdict=verdict,
            )
        )
    return pd.DataFrame(
        rows, columns=["figure", "unit", "value_then", "value_now", "change", "test", "verdict"]
    )


def _judged(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any], paired: pd.Series | None
) -> tuple[str, str]:
    """The test that applies to a figure, and its verdict."""
    before, after = old.get("value"), new.get("value")
    if before is None or after is None:
        return "none", "not measured"
    if before == after:
        return "none", "equal"
    if name == "revenue" and paired is not None:
        low, high = bootstrap_total(paired.to_numpy())
        return (
            ("none", "not judged")
            if np.isnan(low)
            else ("customers", "noise" if low <= 0 <= high else "signal")
        )
    if None not in (old.get("low"), old.get("high"), new.get("low"), new.get("high")):
        spread = np.hypot(*((f["high"] - f["low"]) / 2 for f in (old, new)))
        return "intervals", "signal" if abs(after - before) > spread else "noise"
    if name in COUNTED:
        return "counts", "signal" if float(
            order_p_values([after], [before])[0]
        ) <= LEVEL else "noise"
    return "none", "not judged"


@measure(N_("Change of revenue of each customer between two reports"))
def paired_changes(then: pd.DataFrame, now: pd.DataFrame) -> pd.Series:
    """Change of revenue of each customer between two lists of customers.

    Formula     revenue of the list `now` − revenue of the list `then`
    Unit        currency
    Population  one value a customer of either list
    Undefined   never: a customer that a list lacks, or names without a revenue, counts as 0 there
    Source      definition of the workbook

    Note        a customer of one list only had nothing, or has nothing, invoiced in the other
                period
    Parameters  then, now: customer_id, revenue, one row a customer
    """
    old, new = (t.set_index("customer_id").revenue for t in (then, now))
    everyone = old.index.union(new.index)
    # not on a list: nothing invoiced in its period
    return new.reindex(everyone).fillna(0.0) - old.reindex(everyone).fillna(0.0)
