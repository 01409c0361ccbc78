"""Write the synthetic subscription company: `python data/saas/generate.py`. Same seed, same bytes.

Nuage Lacustre does not exist: planning software by the month and by the year, 2023 to 2025. Its
stories are planted on purpose and listed in README.md; tests look for them there.
"""

import csv
import datetime as dt
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SEED, COUNT = 20, 160
START, END = dt.date(2023, 1, 1), dt.date(2025, 12, 31)
PLANS = {"Essentiel": 49, "Équipe": 149, "Entreprise": 480}
REASONS = ["prix", "fonction manquante", "rachat", "fermeture", "concurrent"]
GROWN, SHRUNK, RETURNED, NOTICE = "S001", "S002", "S003", "S004"


def month_end(day, months):
    """The last day of a term of so many months that starts on the first of a month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, 1) - dt.timedelta(days=1)


def first_of(rng):
    """The first day of a month, more often a late one: the company grows."""
    return dt.date(2023 + int(rng.choice(3, p=[0.3, 0.3, 0.4])), int(rng.integers(1, 13)), 1)


def stories():
    """Contracts with a known course: customer, start, end, amount, period, plan, status."""
    yearly = [dt.date(year, 4, 1) for year in (2023, 2024, 2025)]
    return [
        (GROWN, dt.date(2023, 2, 1), None, 149, "mensuel", "Équipe", "en cours"),
        (GROWN, dt.date(2025, 3, 1), None, 480, "mensuel", "Entreprise", "en cours"),
        (
            SHRUNK,
            dt.date(2023, 5, 1),
            dt.date(2025, 6, 30),
            480,
            "mensuel",
            "Entreprise",
            "résilié",
        ),
        (SHRUNK, dt.date(2025, 7, 1), None, 149, "mensuel", "Équipe", "en cours"),
        (RETURNED, dt.date(2023, 1, 1), dt.date(2024, 6, 30), 149, "mensuel", "Équipe", "résilié"),
        (RETURNED, dt.date(2025, 9, 1), None, 149, "mensuel", "Équipe", "en cours"),
        *(
            (NOTICE, day, month_end(day, 12), 5760, "annuel", "Entreprise", "en cours")
            for day in yearly
        ),
    ]


def course(rng, customer):
    """The contracts of a customer: a monthly one until it leaves, or yearly terms, each renewed
    with chance 0.85.
    """
    start, plan = first_of(rng), str(rng.choice(list(PLANS), p=[0.5, 0.35, 0.15]))
    if rng.random() < 0.65:
        months = int(rng.geometric(0.025))
        end = month_end(start, months)
        ended = end <= END
        status = "résilié" if ended else "en cours"
        yield (customer, start, end if ended else None, PLANS[plan], "mensuel", plan, status)
        return
    while start <= END:
        end = month_end(start, 12)
        yield (customer, start, end, 10 * PLANS[plan], "annuel", plan, "en cours")
        if rng.random() > 0.85:
            return
        start = end + dt.timedelta(days=1)


def write(name, header, rows):
    """One file, semicolons, dates as in France."""
    with (HERE / name).open("w", encoding="utf-8", newline="") as stream:
        made = csv.writer(stream, delimiter=";", lineterminator="\n")
        made.writerow(header)
        for row in rows:
            made.writerow(
                [f"{cell:%d/%m/%Y}" if isinstance(cell, dt.date) else cell for cell in row]
            )


def main():
    """Contracts, customers, departures."""
    rng = np.random.default_rng(SEED)
    contracts = stories()
    for number in range(5, COUNT + 1):
        contracts += course(rng, f"S{number:03d}")
    sectors, regions = ["Agences", "Bâtiment", "Conseil", "Santé"], ["Nord", "Ouest", "Sud"]
    known = sorted({row[0] for row in contracts})
    customers = [
        (c, f"Client {c[1:]}", str(rng.choice(sectors)), str(rng.choice(regions))) for c in known
    ]
    customers[0] = (GROWN, "Atelier Belvédère", "Agences", "Nord")
    customers[1] = (SHRUNK, "Bureau Vallon", "Conseil", "Sud")
    customers[2] = (RETURNED, "Charpentes Morvan", "Bâtiment", "Ouest")
    customers[3] = (NOTICE, "Clinique des Ormes", "Santé", "Nord")
    last = {}
    for customer, _, end, *_ in contracts:
        last[customer] = None if end is None else max(end, last.get(customer) or end)
    left = [
        (c, end, str(rng.choice(REASONS))) for c, end in sorted(last.items()) if end and end < END
    ]
    header = ["N° client", "Début", "Fin", "Montant", "Périodicité", "Formule", "Statut", "Préavis"]
    rows = [
        (*row[:2], row[2] or "", *row[3:], 90 if row[4] == "annuel" else 30) for row in contracts
    ]
    write("contrats.csv", header, rows)
    write("clients.csv", ["N° client", "Raison sociale", "Secteur", "Région"], customers)
    write("departs.csv", ["N° client", "Date", "Motif"], left)


if __name__ == "__main__":
    main()
