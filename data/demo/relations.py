"""What the demonstration company notes beside sales: annual agreements, recommendations, disputes.

Drawn after everything else with a seed of their own, so that the other files stay as they are.
"""

import datetime as dt
from collections import defaultdict

import numpy as np

END = dt.date(2025, 12, 31)
GROWN, RENEWABLE, ENDED, UNANSWERED = "C0111", "C0222", "C0021", "C0222"
AGREEMENTS = {
    "Restauration": "Accord annuel vaisselle",
    "Hôtellerie": "Accord annuel accueil",
    "Santé": "Accord annuel hygiène",
    "Industrie": "Accord annuel protection",
    "Collectivité": "Accord annuel hygiène",
}
REFILLS = "Abonnement recharges"
OLD_DAYS = 120  # past the due date, from which an unpaid invoice is more than late


def first_of_month(day: dt.date, months: int = 0) -> dt.date:
    """The first day of the month of a day, or of so many months later."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, 1)


def agreement(
    customer: dict, start: dt.date, amount: float, product: str, last: dt.date | None = None
) -> list[list]:
    """A yearly agreement and its renewals at 3 % more, up to the last term that starts before
    `last` (the audit date where none is told).
    """
    rows, number = [], 0
    while (begins := first_of_month(start, 12 * number)) <= (last or END):
        ends = first_of_month(begins, 12) - dt.timedelta(days=1)
        status = "terminé" if ends <= END else "en cours"
        price = round(amount * 1.03**number, -1)
        rows.append([customer["code"], begins, ends, price, "annuel", product, 60, status])
        number += 1
    return rows


def make_contracts(rng: np.random.Generator, customers: list[dict], lines: list[dict]) -> list:
    """Agreements of the customers that the CRM says are under contract: what each commits itself to
    buy in a year, seven tenths of its usual purchases; three in ten also have refills sent monthly.
    Both are invoiced with the other lines of `ventes_*.csv`.
    """
    last = {}
    for line in lines:
        last[line["customer"]["code"]] = line["date"]
    rows = []
    for customer in customers:
        code, told = customer["code"], customer["discount"] >= 0.08
        start = dt.date(2022, int(rng.integers(1, 13)), 1)
        amount = 0.7 * customer["rate"] * customer["basket"]
        refills, monthly = rng.random() < 0.3, float(rng.integers(4, 25) * 10)
        begins = first_of_month(start, int(rng.integers(12, 40)))
        if not told or code not in last:
            continue
        gone = customer["departure"] < 1096
        stops = last[code] if gone else None
        start = max(start, first_of_month(customer["since"], 1))
        product = AGREEMENTS[customer["segment"]]
        if code == GROWN:
            rows += agreement(customer, dt.date(2022, 3, 1), 36_000, product, dt.date(2025, 2, 1))
            rows += agreement(customer, dt.date(2025, 3, 1), 78_000, product)
        elif code == RENEWABLE:
            rows += agreement(customer, dt.date(2022, 4, 1), 40_000, product)
        elif code == ENDED:
            rows += agreement(customer, dt.date(2022, 7, 1), 62_000, product, dt.date(2024, 7, 1))
        else:
            rows += agreement(customer, start, amount, product, stops)
        if refills and begins <= (stops or END) and begins >= start:
            until = first_of_month(stops, 1) - dt.timedelta(days=1) if stops else None
            status = "terminé" if until else "en cours"
            rows.append([code, begins, until, monthly, "mensuel", REFILLS, 30, status])
    return sorted(rows, key=lambda row: (row[1], row[0], row[5]))


def make_recommendations(rng: np.random.Generator, customers: list[dict], active: dict) -> list:
    """“Would you recommend us?”, each March to one buying customer in three: 8 on average, 5 where
    nobody calls any more (`active`: months with an order, by customer).
    """
    rows = []
    for year in (2024, 2025):
        for customer in customers:
            code, answers = customer["code"], rng.random() < 0.33
            mean = 5.0 if code == "C0007" and year == 2025 else 8.0
            mark = int(np.clip(round(float(rng.normal(mean, 1.8))), 0, 10))
            day = dt.date(year, 3, int(rng.integers(4, 29)))
            if answers and any(month[0] == year for month in active[code]):
                rows.append([code, day.isoformat(), mark, 10, f"{code}-1", *[""] * 6, "nps"])
    return rows


def dispute_states(receivables: list[dict], active: dict) -> list[str]:
    """The state of each invoice, in the words of the ERP. Of those unpaid for long, the largest of
    a customer that bought in 2025 is in dispute with one customer in four; with customers that did
    not, it is in collection or, every third time, written off. The others are open.
    """
    unpaid = defaultdict(list)
    for number, bill in enumerate(receivables):
        late = (END - bill["due"]).days > OLD_DAYS
        if bill["paid"] is None and late and bill["amount"] > 0:
            unpaid[bill["customer"]].append((bill["amount"], number))
    states = ["payée" if bill["paid"] else "ouverte" for bill in receivables]
    turns = {"buys": 0, "gone": 0}
    for customer in sorted(unpaid):
        kind = "buys" if any(year == END.year for year, _ in active[customer]) else "gone"
        turns[kind] += 1
        number = max(unpaid[customer])[1]
        if kind == "gone":
            states[number] = "passée en perte" if turns[kind] % 3 == 0 else "contentieux"
        elif turns[kind] % 4 == 1:
            states[number] = "litige"
    return states


def complaint_ends(rng: np.random.Generator, service: list[list]) -> list[list]:
    """Beside each activity, of a complaint its state and the day on which it was closed, some two
    weeks later; one in twelve is still open, all of the UNANSWERED customer's since 2025.
    """
    found = []
    for customer, noted, activity, *_ in service:
        days, waits = int(rng.gamma(2.0, 8.0)), rng.random() < 1 / 12
        waits |= customer == UNANSWERED and noted.year == END.year
        closed = noted + dt.timedelta(days=days)
        if activity != "Réclamation":
            found.append(["", None])
        elif waits or closed > END:
            found.append(["ouverte", None])
        else:
            found.append(["clôturée", closed])
    return found


def monthly_orders(lines: list[dict]) -> dict:
    """Months (year, month) with an order, by customer."""
    found = defaultdict(set)
    for line in lines:
        found[line["customer"]["code"]].add((line["date"].year, line["date"].month))
    return found
