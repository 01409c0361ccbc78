"""What to do with each account, decided once: every list, task,
budget and sentence reads it here (source E: a list to sign off, never automatic).
"""

import numpy as np
import pandas as pd

from carnet.measures.register import measure
from carnet.wording import N_

ACTIONS = (
    "leave_alone",
    "do_not_chase",
    "last_chance",
    "renegotiate",
    "renew",
    "rekindle",
    "call",
    "retain",
    "protect",
    "wait",
    "develop",
    "serve",
)
CALLED = (
    "last_chance",
    "renew",
    "rekindle",
    "call",
)  # actions that are a call or a visit of a salesperson
REASONS = (  # why an account is not to be chased, first one that holds
    "insolvent", "closed", "contract_over", "unprofitable", "gone", "small",
)  # fmt: skip


@measure(N_("One action an account"))
def choose_actions(t: pd.DataFrame, action_cost: float) -> pd.DataFrame:
    """One action an account: the first rule that holds, and what may be spent on it.

    Formula     leave_alone, do_not_chase, last_chance, renegotiate, renew, wait, rekindle, call,
                protect, retain, develop, serve: the first of these rules that holds;
                action_value and at_most by Money
    Unit        text; currency
    Population  one row an account of `t`
    Undefined   action_reason is None of any action but do_not_chase; action_value and at_most are
                NaN where what they read is not known; 0 where nothing is spent beside a call
    Source      source E of the method (a list to sign off, never automatic); one instruction an
                account: definition of the workbook (method §6)

    Rules       leave_alone: drawn into the hold-out of the last-chance proposals; do_not_chase:
                insolvent, closed, its contract over, unprofitable (and not to be renegotiated),
                gone or too small for an action to pay (and not chosen for a proposal); last_chance:
                chosen for a proposal; renegotiate: its strategy; renew: a contract of it ends, or
                may be ended, soon; wait: not due by its own rhythm; rekindle: its strategy; call:
                among the most late; protect: its strategy; retain: something may be spent on it;
                develop: it does not buy less than the year before, and the family it does not buy
                may bring at least the price of an action; serve: all others
    Money       action_value: what the action may bring (for a proposal: back_value); at_most: what
                may be spent on it, never more than that value or the cap; the price of the proposal
                for a proposal; 0 where nothing is spent beside a call (of develop, too, whose value
                is next_margin), NaN where not known
    Parameters  t: arm (of a proposal; NULL), chosen, tracked, strategy, status, insolvent, closed,
                contract_end, chase_reason, uncapped_budget, cap (most that may be spent),
                back_value (recoverability × margin at stake) and proposal_cost (NaN for who gets no
                proposal), next_margin (of the next family; NaN: none), sales_gap, renewal_date
                (NaT: no contract ends soon); action_cost: of the smallest action
    Columns     those of `t`, action, action_reason, at_most, action_value
    """
    why = np.select(
        [
            t.insolvent,
            t.closed,
            (t.strategy == "gone") & t.contract_end.notna(),
            (t.chase_reason == "unprofitable") & (t.strategy != "renegotiate"),
            t.chase_reason == "gone",
            t.chase_reason == "small",
        ],
        REASONS,
        "",
    )
    why = pd.Series(why, t.index, dtype=object).where(lambda s: s != "", None)
    hard, over = why.isin(REASONS[:4]), why.isin(REASONS[:3])
    chosen = t.chosen & ~hard
    rules = [
        (chosen & (t.arm == "hold-out"), "leave_alone"),
        (over | (why.notna() & ~chosen & (t.strategy != "renegotiate")), "do_not_chase"),
        (chosen, "last_chance"),
        (t.strategy == "renegotiate", "renegotiate"),
        (t.renewal_date.notna(), "renew"),
        (t.status == "not_due", "wait"),
        (t.strategy == "rekindle", "rekindle"),
        (t.tracked, "call"),
        (t.strategy == "protect", "protect"),
    ]
    action = pd.Series(
        np.select(
            [rule.to_numpy(dtype=bool) for rule, _ in rules], [name for _, name in rules], "serve"
        ),
        t.index,
        dtype=object,
    )
    proposal, spent = (
        action == "last_chance",
        action.isin(["last_chance", "renew", "rekindle", "call", "protect", "serve"]),
    )
    value = t.uncapped_budget.astype(float).mask(proposal, t.back_value.astype(float))
    limit, chased = np.minimum(value, t.cap.astype(float)), t.chase_reason.eq("chase")
    worth = limit.where(chased & (limit >= action_cost), 0.0).mask(
        limit.isna() & t.chase_reason.isin(["chase", "unknown"])
    )
    # nothing is to be spent: zero; a proposal has its own price
    at_most = worth.where(spent, 0.0).mask(proposal, t.proposal_cost.astype(float))
    action = action.where(~((action == "serve") & (at_most > 0)), "retain")
    offered = (action == "serve") & (t.next_margin.astype(float) >= action_cost)
    offered &= ~(t.sales_gap.astype(float) < 0)
    action, value = action.mask(offered, "develop"), value.mask(offered, t.next_margin)
    return t.assign(
        action=action,
        action_reason=why.where(action == "do_not_chase", None),
        at_most=at_most,
        action_value=value.where(spent, 0.0).astype(float),
    )
