"""States of a dispute by hand, what comes back by age against a plain count, and claims in a ledger
of three entries a year.
"""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
from carnet.engagement.periods import Period, buckets
from carnet.measures.costs import accounts, disputes, receivables

AS_OF = dt.date(2024, 12, 31)
D = dt.date


def invoices(*rows):
    """Invoices customer, invoiced, due, paid, amount, status."""
    columns = ["customer_id", "invoice_date", "due_date", "paid_date", "amount", "status"]
    kinds = dict(
        customer_id="string",
        invoice_date="date",
        due_date="date",
        paid_date="date",
        amount="float64",
        status="string",
    )
    return ibis.memtable(pd.DataFrame(rows, columns=columns), schema=kinds)


ROWS = [
    ("A", D(2024, 9, 1), D(2024, 10, 1), None, 100.0, "disputed"),
    ("A", D(2024, 9, 1), D(2024, 10, 1), None, 100.0, "disputed"),  # alike, and another one
    ("B", D(2024, 1, 1), D(2024, 2, 1), None, 400.0, "collection"),
    ("C", D(2023, 1, 1), D(2023, 2, 1), None, 50.0, "written_off"),
    ("D", D(2023, 1, 1), D(2023, 2, 1), D(2024, 6, 1), 70.0, "written_off"),  # came back
    ("E", D(2022, 1, 1), D(2022, 2, 1), D(2023, 6, 1), 70.0, "collection"),  # long ago
    ("F", D(2024, 11, 1), D(2024, 12, 1), None, 30.0, None),  # late
    ("G", D(2024, 12, 1), D(2024, 12, 31), None, 30.0, "open"),  # due today: not late
    ("H", D(2024, 1, 1), D(2024, 2, 1), D(2024, 3, 1), 999.0, "paid"),
    ("I", D(2024, 1, 1), D(2024, 2, 1), None, -20.0, "disputed"),  # a credit note
    ("J", D(2024, 1, 1), D(2024, 2, 1), D(2025, 3, 1), 10.0, "paid"),  # paid later than today
]


def stuck():
    return receivables.stuck_invoices(invoices(*ROWS), AS_OF).execute()


def test_states_by_hand():
    t = stuck()
    told = {row.customer_id: row.state for row in t.itertuples()}
    assert told == {
        "A": "disputed",
        "B": "collection",
        "C": "written_off",
        "D": "came_back",
        "F": "past_due",
        "J": "past_due",
    }
    assert t[t.customer_id == "D"].days_past_due.item() == 486  # 2023-02-01 to its payment
    assert sorted(t["copy"][t.customer_id == "A"]) == [0, 1]
    states = disputes.dispute_states(t).set_index("state")
    assert list(states.index) == list(disputes.STATES)
    assert states.amount.to_dict() == {
        "past_due": 40,
        "disputed": 200,
        "collection": 400,
        "written_off": 50,
        "came_back": 70,
    }
    assert states.loc["disputed", ["customer_count", "invoice_count"]].tolist() == [1, 2]
    assert states.median_past_due["disputed"] == 91


def test_without_a_status_what_is_unpaid_is_past_due():
    t = receivables.stuck_invoices(invoices(*ROWS).drop("status"), AS_OF).execute()
    assert set(t.state) == {"past_due"} and set(t.customer_id) == {"A", "B", "C", "F", "J"}


def test_flow_between_two_audits_by_hand():
    """Then A's two invoices were past due and X's was disputed; now A's are disputed, X is paid,
    B and the others came since.
    """
    now = stuck()
    before = now[now.customer_id == "A"].assign(state="past_due")
    gone = before.head(1).assign(customer_id="X", state="disputed", amount=5.0)
    t = disputes.dispute_flow(pd.concat([before, gone]), now)
    told = {(r.state_before, r.state): (r.invoice_count, r.amount) for r in t.itertuples()}
    assert told[("past_due", "disputed")] == (2, 200) and told[("disputed", "settled")] == (1, 5)
    assert told[("not_stuck", "collection")] == (1, 400)
    assert t.invoice_count.sum() == len(now) + 1


def test_what_comes_back_equals_a_plain_count():
    """2,000 random invoices, counted one by one."""
    rng, rows = np.random.default_rng(4), []
    for n in range(2000):
        due = D(2023, 1, 1) + dt.timedelta(days=int(rng.integers(730)))
        wait = int(rng.integers(-20, 400))
        paid = due + dt.timedelta(days=wait) if rng.random() < 0.8 else None
        rows.append((f"C{n}", due - dt.timedelta(days=30), due, paid, float(n % 97 + 1), None))
    t = receivables.recovery_by_age(invoices(*rows), AS_OF).set_index("age")
    for age in receivables.FOLLOWED_AGES:
        there, back = [], []
        for _, _, due, paid, amount, _ in rows:
            known = paid if paid and paid <= AS_OF else None
            if (AS_OF - due).days < age + 90 or (known and (known - due).days <= age):
                continue
            there.append(amount)
            if known and (known - due).days <= age + 90:
                back.append(amount)
        row = t.loc[age]
        assert (row.invoice_count, row.recovered_count) == (len(there), len(back))
        assert row.recovered_share == pytest.approx(sum(back) / sum(there))
        assert row.recovery_low < row.recovery_rate < row.recovery_high


def test_claims_in_the_ledger_by_hand():
    """2023: 120 invoiced, 20 turns doubtful, impaired by 8. 2024: opening entries carry it all; 15
    is lost, 5 comes back, 60 is paid.
    """
    lines = [
        ("2023-12-31", "2023-05-01", "411000", 120, 0, False),
        ("2023-12-31", "2023-05-01", "706000", 0, 120, False),
        ("2023-12-31", "2023-09-01", "416000", 20, 0, False),
        ("2023-12-31", "2023-09-01", "411000", 0, 20, False),
        ("2023-12-31", "2023-12-31", "491000", 0, 8, False),
        ("2024-12-31", "2024-01-01", "411000", 100, 0, True),
        ("2024-12-31", "2024-01-01", "416000", 20, 0, True),
        ("2024-12-31", "2024-01-01", "491000", 0, 8, True),
        ("2024-12-31", "2024-03-01", "654000", 15, 0, False),
        ("2024-12-31", "2024-03-01", "416000", 0, 15, False),
        ("2024-12-31", "2024-04-01", "771400", 0, 5, False),
        ("2024-12-31", "2024-05-01", "411000", 0, 60, False),
    ]
    t = pd.DataFrame(lines, columns=["exercise", "date", "account", "debit", "credit", "opening"])
    t = t.assign(date=pd.to_datetime(t.date).dt.date, closing=False)
    kinds = dict(
        exercise="string",
        date="date",
        account="string",
        debit="float64",
        credit="float64",
        opening="bool",
        closing="bool",
    )
    years = buckets(D(2023, 1, 1), D(2024, 12, 31), "year")
    told = accounts.ledger_claims(ibis.memtable(t, schema=kinds), years).set_index("account")
    assert told["0"].to_dict() == {"411": 100, "416": 20, "491": -8, "654": 0, "7714": 0}
    assert told["1"].to_dict() == {"411": 40, "416": 5, "491": -8, "654": 15, "7714": -5}
    spring = accounts.ledger_claims(ibis.memtable(t, schema=kinds), years, D(2024, 3, 31))
    assert spring.set_index("account")["1"].to_dict() == {
        "411": 100,
        "416": 5,
        "491": -8,
        "654": 15,
    }
    longer = buckets(D(2022, 1, 1), D(2024, 12, 31), "year")
    early = accounts.ledger_claims(ibis.memtable(t, schema=kinds), longer).set_index("account")
    assert early["0"].isna().all(), "no ledger of that year, no balance of it"
    gap = accounts.ledger_claims(ibis.memtable(t[t.date < D(2024, 1, 1)], schema=kinds), years)
    assert gap.set_index("account")["1"].isna().all(), "nor the last one carried on"


def test_complaints_are_open_until_their_day():
    """Six complaints and a visit, 31 December 2024: one closed after 10 days, one told to be
    closed without a day, one closed only in January, one new, one of 2023 open since; one annulled.
    """
    rows = [
        ("A", "2024-01-10", "Réclamation", None, "2024-01-20"),
        ("B", "2024-06-01", "Réclamation", " Résolue", None),
        ("C", "2024-12-01", "Réclamation", "closed", "2025-01-05"),
        ("D", "2024-12-21", "Réclamation", "new", None),
        ("A", "2023-02-01", "Réclamation", "open", None),
        ("A", "2024-02-01", "Visite", "planned", "2024-02-03"),
        ("E", "2024-03-01", "Réclamation", "annulée", None),  # neither open nor closed
    ]
    t = pd.DataFrame(rows, columns=["customer_id", "date", "activity", "status", "closed"])
    for name in ("date", "closed"):
        t[name] = pd.to_datetime(t[name]).dt.date
    schema = {
        "customer_id": "string", "date": "date", "activity": "string", "status": "string",
        "closed": "date",
    }  # fmt: skip
    service, as_of = ibis.memtable(t, schema=schema), dt.date(2024, 12, 31)
    files = disputes.complaint_files(service, ["Réclamation"], as_of).execute()
    told = {
        (row.customer_id, str(row.date)[:10]): (row.state, row.open_days)
        for row in files.itertuples()
    }
    assert told.pop(("B", "2024-06-01"))[0] == "closed"
    assert told == {
        ("A", "2023-02-01"): ("open", 699), ("A", "2024-01-10"): ("closed", 10),
        ("C", "2024-12-01"): ("open", 30), ("D", "2024-12-21"): ("open", 10),
    }  # fmt: skip
    period = Period(dt.date(2024, 1, 1), as_of)
    states = disputes.complaint_states(files, period).set_index("state")
    assert states.complaint_count.to_dict() == {"closed": 2, "open": 3}
    assert states.customer_count.to_dict() == {"closed": 2, "open": 3}
    assert states.timed_count.to_dict() == {"closed": 1, "open": 3}
    assert states.median_days.to_dict() == {"closed": 10, "open": 30}
    assert states.longest_days["open"] == 699, "open since 2023, noted before the period"
    silent = service.drop("closed")
    assert set(disputes.complaint_files(silent, ["Réclamation"], as_of).execute().customer_id) == {
        "A", "B", "C", "D",
    }, "a word that says neither, and no day"  # fmt: skip
    dated = disputes.complaint_files(service.drop("status"), ["Réclamation"], as_of).execute()
    assert dated.state.tolist() == ["open", "closed", "open", "open", "open", "open"]
