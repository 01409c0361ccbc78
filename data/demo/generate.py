"""Write the synthetic demonstration company: `python data/demo/generate.py`. Same seed, same bytes.

Fournitures Vauban SAS does not exist: a French distributor of hygiene and packaging supplies,
2023 to 2025, about 250 customers and 6 salespeople. Its stories are planted on purpose and listed
in README.md; tests look for them there.
"""

import csv
import datetime as dt
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import xlsxwriter
from ledger import write_ledgers
from relations import (
    complaint_ends,
    dispute_states,
    make_contracts,
    make_recommendations,
    monthly_orders,
)

HERE = Path(__file__).parent
SEED = 2025
START, END = dt.date(2023, 1, 1), dt.date(2025, 12, 31)
DAYS = (END - START).days + 1
SALESPEOPLE = [
    "Claire Besson",
    "Marc Delorme",
    "Nadia Haddad",
    "Julien Roche",
    "Inès Caron",
    "Paul Meyer",
]
NEGLECTED, UNPROFITABLE, SEASONAL, POACHED, RETURNED = "C0007", "C0012", "C0031", "C0019", "C0044"
STORIES = {
    NEGLECTED: ("Groupe Hôtelier Brévent", "Hôtellerie", 44, 2900, "2009-03-02", 0),
    UNPROFITABLE: ("Imprimerie Vasseur & Fils", "Industrie", 30, 420, "1998-09-14", 1),
    SEASONAL: ("Stations Alpines Réunies", "Hôtellerie", 30, 2200, "2014-11-03", 2),
    POACHED: ("Cliniques de l'Estuaire", "Santé", 26, 2500, "2012-05-21", 3),
    RETURNED: ("Traiteur Océane", "Restauration", 14, 1240, "2016-02-08", 0),
}
SEGMENTS = {
    "Restauration": 0.30,
    "Hôtellerie": 0.18,
    "Santé": 0.14,
    "Industrie": 0.20,
    "Collectivité": 0.18,
}
REGIONS = [
    "Île-de-France",
    "Auvergne-Rhône-Alpes",
    "Bretagne",
    "Occitanie",
    "Hauts-de-France",
    "Grand Est",
]
FAMILIES = {
    "Hygiène": 28,
    "Emballage": 16,
    "Vaisselle jetable": 12,
    "Papier": 20,
    "Équipement": 95,
    "Protection": 34,
    "Entretien": 24,
    "Accueil": 18,
}
KINDS = [
    "Restaurant",
    "Hôtel",
    "Clinique",
    "Ateliers",
    "Cantine",
    "Brasserie",
    "Résidence",
    "Conserverie",
    "Laboratoire",
    "Lycée",
    "Maison",
    "Boulangerie",
]
PLACES = [
    "Montclar",
    "Saint-Aubin",
    "du Vieux Port",
    "Bellerive",
    "des Tilleuls",
    "Kermadec",
    "de la Garenne",
    "Rochebrune",
    "d'Hautecombe",
    "du Lavoir",
    "Valmy",
    "des Forges",
    "Grandchamp",
    "du Moulin",
    "Sainte-Odile",
    "de l'Orme",
    "Pontivy",
    "des Arcades",
    "Fontenelle",
    "du Parc",
    "Beaulieu",
]
REASONS = {
    "prix": [
        "Le concurrent est 12 % moins cher à qualité égale.",
        "Vos hausses de tarif ne passent plus.",
        "Trop cher pour notre budget cette année.",
    ],
    "produit": [
        "La gamme d'en face correspond mieux à nos besoins.",
        "Vos sacs ne tiennent pas la charge.",
        "Nous avons trouvé un produit plus résistant.",
    ],
    "manque de contact": [
        "Plus personne ne passe nous voir.",
        "Six mois sans nouvelle de notre commercial.",
        "On a l'impression d'avoir été oubliés.",
    ],
    "qualité de l'attention": [
        "Réclamation restée sans réponse.",
        "Erreurs de livraison à répétition et aucun suivi.",
        "Le ton au téléphone n'était pas acceptable.",
    ],
    "cessation d'activité": [
        "Fermeture du site en juin.",
        "Départ à la retraite, pas de repreneur.",
    ],
    "": ["", "Ne souhaite pas répondre."],
}
CODES = {
    "prix": "price",
    "produit": "product",
    "manque de contact": "contact",
    "qualité de l'attention": "attention",
    "cessation d'activité": "closure",
}
REASON_WEIGHTS = [0.20, 0.12, 0.24, 0.24, 0.10, 0.10]


def cents(value: float) -> Decimal:
    """A euro amount with two decimals."""
    return Decimal(repr(round(float(value), 6))).quantize(Decimal("0.01"), ROUND_HALF_UP)


def day(offset: float) -> dt.date:
    """The working day at or after an offset in days from START."""
    date = START + dt.timedelta(days=int(offset))
    return date + dt.timedelta(days=(7 - date.weekday()) % 7 if date.weekday() >= 5 else 0)


def contact_of(customer: dict, rng: np.random.Generator) -> str:
    """One of the persons of a customer, drawn at random."""
    return f"{customer['code']}-{int(rng.integers(1, customer['contacts'] + 1))}"


def make_customers(rng: np.random.Generator) -> list[dict]:
    """250 customers: who they are, how often and how much they buy, when they come and go."""
    names = [f"{kind} {place}" for kind in KINDS for place in PLACES]
    rng.shuffle(names)
    customers = []
    for number in range(1, 251):
        code = f"C{number:04d}"
        since = START - dt.timedelta(days=int(rng.integers(200, 7000)))
        arrival, departure = -1.0, float("inf")
        if rng.random() < 0.24:
            arrival = float(rng.uniform(0, DAYS - 60))
            since = day(arrival)
        hazard = rng.exponential(365 / 0.13)
        if max(arrival, 0) + hazard < DAYS:
            departure = max(arrival, 0) + hazard
        rate = float(np.clip(rng.lognormal(2.25, 0.75), 1, 60))
        basket = float(np.clip(rng.lognormal(6.95, 0.7), 150, 8000))
        segment, seller = (
            str(rng.choice(list(SEGMENTS), p=list(SEGMENTS.values()))),
            int(rng.integers(0, 6)),
        )
        name, drift = names[number], float(rng.normal(0.0, 0.12))
        if code in STORIES:
            name, segment, rate, basket, since_text, seller = STORIES[code]
            since, arrival, departure, drift = (
                dt.date.fromisoformat(since_text),
                -1.0,
                float("inf"),
                0.0,
            )
        customers.append(
            dict(
                code=code,
                name=name,
                segment=segment,
                seller=seller,
                since=since,
                arrival=arrival,
                departure=departure,
                rate=rate,
                basket=basket,
                drift=drift,
                region=str(rng.choice(REGIONS)),
                contacts=int(rng.integers(1, 5)),
                discount=float(
                    rng.choice([0, 0.03, 0.05, 0.08, 0.10], p=[0.35, 0.25, 0.2, 0.12, 0.08])
                ),
            )
        )
    return customers


def intensity(customer: dict, offset: float) -> float:
    """How much of its usual rhythm a customer keeps at a date: the stories live here."""
    date, code = START + dt.timedelta(days=int(offset)), customer["code"]
    if code == NEGLECTED:
        return 1.0 if date < dt.date(2025, 1, 1) else 0.62 if date < dt.date(2025, 7, 1) else 0.30
    if code == SEASONAL:
        return 2.4 if date.month in (11, 12, 1, 2, 3) else 0.0
    if code == POACHED:
        return 1.0 if date < dt.date(2024, 12, 15) else 0.0
    if code == RETURNED:
        return 0.0 if dt.date(2023, 10, 1) <= date < dt.date(2025, 3, 1) else 1.0
    if not customer["arrival"] <= offset < customer["departure"]:
        return 0.0
    return max(0.2, 1 + customer["drift"] * (offset / 365 - 1.5))


def make_sales(rng: np.random.Generator, customers: list[dict]) -> list[dict]:
    """Order lines: Poisson orders thinned by `intensity`, lines of a few articles,
    some credit notes.
    """
    articles = [
        (
            f"{family[:3].upper()}{n:03d}",
            family,
            price * float(rng.uniform(0.4, 2.2)),
            float(rng.uniform(0.58, 0.72)),
        )
        for family, price in FAMILIES.items()
        for n in range(1, 16)
    ]
    events = []
    for customer in customers:
        top = customer["rate"] * 2.6 / 365
        offset = float(rng.exponential(1 / top))
        while offset < DAYS:
            if rng.random() < intensity(customer, offset) / 2.6:
                events.append((day(offset), customer))
            offset += float(rng.exponential(1 / top))
    events = sorted((e for e in events if e[0] <= END), key=lambda e: (e[0], e[1]["code"]))
    lines, counters = [], defaultdict(int)
    for date, customer in events:
        counters[date.year] += 1
        invoice, count = f"FA{date.year}{counters[date.year]:05d}", int(rng.poisson(5.2)) + 1
        target = customer["basket"] * float(rng.lognormal(0, 0.35)) / count
        chosen = rng.choice(len(articles), size=count, replace=False)
        for number, index in enumerate(chosen, 1):
            code, family, price, cost_rate = articles[index]
            extra = 0.16 if customer["code"] == UNPROFITABLE else 0.0
            unit = cents(price * 1.03 ** (date.year - 2023) * (1 - customer["discount"] - extra))
            quantity = max(1, round(target / float(unit)))
            lines.append(
                dict(
                    invoice=invoice,
                    line=number,
                    date=date,
                    customer=customer,
                    article=code,
                    family=family,
                    quantity=quantity,
                    unit=unit,
                    amount=unit * quantity,
                    cost=cents(price * 1.025 ** (date.year - 2023) * cost_rate * quantity),
                    contact=contact_of(customer, rng),
                    channel=str(
                        rng.choice(["Commercial", "Téléphone", "Site web"], p=[0.5, 0.3, 0.2])
                    ),
                )
            )
        back = day((date - START).days + 9)
        if rng.random() < 0.022 and back <= END and back.year == date.year:
            counters["AV", date.year] += 1
            returned = lines[-1]
            part = max(1, returned["quantity"] // 2)
            lines.append(
                {
                    **returned,
                    "invoice": f"AV{date.year}{counters['AV', date.year]:05d}",
                    "line": 1,
                    "date": back,
                    "quantity": -part,
                    "amount": -returned["unit"] * part,
                    "cost": -cents(float(returned["cost"]) * part / returned["quantity"]),
                }
            )
    return sorted(lines, key=lambda line: (line["date"], line["invoice"], line["line"]))


def share_luck(rng: np.random.Generator, customers: list[dict], lines: list[dict]) -> None:
    """Deal the accounts of the two equal salespeople at random until luck alone makes their late
    shares differ by 18 points.
    """
    revenue = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in lines:
        if line["date"].year > 2023:
            revenue[line["customer"]["code"]][line["date"].year - 2024] += line["amount"]
    pool = [c for c in customers if c["seller"] in (4, 5) and c["code"] not in STORIES]
    while True:
        rng.shuffle(pool)
        half = len(pool) // 2
        for rank, customer in enumerate(pool):
            customer["seller"] = 4 if rank < half else 5
        late = [
            [
                b < a
                for c in pool
                if c["seller"] == s and any(revenue[c["code"]])
                for a, b in [revenue[c["code"]]]
            ]
            for s in (4, 5)
        ]
        if 0.18 <= np.mean(late[1]) - np.mean(late[0]) < 0.24:
            return


def french(number: Decimal | float) -> str:
    """1234.5 → '1 234,50' with a no-break space, as the ERP prints it."""
    return f"{number:,.2f}".replace(",", "\u00a0").replace(".", ",")


def write_csv(
    name: str, header: list[str], rows: list[list], encoding: str = "cp1252", delimiter: str = ";"
) -> None:
    """One export with Windows line ends."""
    with (HERE / name).open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
        writer.writerows([header, *rows])


def write_sales(lines: list[dict]) -> None:
    """One file a year, as the ERP exports them, with a few dirty rows that carnet
    must set aside.
    """
    header = [
        "N° facture",
        "N° ligne",
        "Date facture",
        "Code client",
        "Code article",
        "Famille",
        "Quantité",
        "PU net HT",
        "Montant HT",
        "Coût de revient",
        "Commercial",
        "Contact",
        "Canal",
    ]
    for year in (2023, 2024, 2025):
        rows = [
            [
                l["invoice"],
                l["line"],
                f"{l['date']:%d/%m/%Y}",
                l["customer"]["code"],
                l["article"],
                l["family"],
                l["quantity"],
                french(l["unit"]),
                french(l["amount"]),
                french(l["cost"]),
                SALESPEOPLE[l["customer"]["seller"]],
                l["contact"],
                l["channel"],
            ]
            for l in lines
            if l["date"].year == year
        ]
        if year == 2025:
            sample = rows[100]
            rows.insert(500, [*sample[:3], "", *sample[4:]])  # no customer
            rows.insert(900, [*sample[:3], "NULL", *sample[4:]])  # no customer either
            rows.insert(1500, [*sample[:2], "n.d.", *sample[3:]])  # no date
            rows.insert(2100, [*sample[:8], "à facturer", *sample[9:]])  # no amount
            rows.insert(2700, list(rows[2699]))  # the same invoice line twice
            rows.insert(3300, [*sample[:2], "31/02/2025", *sample[3:]])  # no such day
            # invoiced after the audit date
            rows.append(["FA202600001", 1, "05/01/2026", *sample[3:]])
        write_csv(f"ventes_{year}.csv", header, rows)


def make_service(rng: np.random.Generator, customers: list[dict], lines: list[dict]) -> list[list]:
    """Visits, calls, quotes, rush deliveries, complaints: more for big accounts,
    none lately for the neglected one.
    """
    minutes = {"Visite": 75, "Appel": 12, "Devis": 35, "Livraison urgente": 50, "Réclamation": 40}
    active = monthly_orders(lines)
    rows = []
    for customer in customers:
        yearly = customer["rate"] * customer["basket"]
        monthly = {
            "Visite": 0.15 + min(yearly / 40_000, 1.2),
            "Appel": 0.5,
            "Devis": 0.12,
            "Livraison urgente": 0.05,
            "Réclamation": 0.03,
        }
        if customer["code"] == UNPROFITABLE:
            monthly = {
                "Visite": 1.5,
                "Appel": 5.0,
                "Devis": 2.5,
                "Livraison urgente": 2.2,
                "Réclamation": 0.8,
            }
        for year in (2023, 2024, 2025):
            for month in range(1, 13):
                if (year, month) not in active[customer["code"]] and rng.random() < 0.8:
                    continue
                neglected = customer["code"] == NEGLECTED and (year, month) >= (2024, 10)
                for activity, rate in monthly.items():
                    for _ in range(
                        int(
                            rng.poisson(
                                0.03 if neglected and activity in ("Visite", "Appel") else rate
                            )
                        )
                    ):
                        spent = max(5, round(minutes[activity] * float(rng.lognormal(0, 0.3))))
                        rows.append(
                            [
                                customer["code"],
                                dt.date(year, month, int(rng.integers(1, 29))),
                                activity,
                                spent,
                                round(spent * 0.85, 2),
                                contact_of(customer, rng),
                                SALESPEOPLE[customer["seller"]],
                                int(np.clip(rng.normal(3.6, 0.9), 1, 5)),
                            ]
                        )
    rows.sort(key=lambda row: (row[1], row[0], row[2], row[3]))
    return [*rows[:40], rows[39], *rows[40:]]  # the same call noted twice: kept, and reported


def make_opportunities(rng: np.random.Generator, customers: list[dict]) -> list[list]:
    """Quotes in play: won, lost or still open."""
    rows = []
    for customer in customers:
        for _ in range(int(rng.poisson(2.4))):
            opened = day(float(rng.uniform(0, DAYS - 10)))
            closed = opened + dt.timedelta(days=int(rng.gamma(2, 22)))
            stage = (
                str(rng.choice(["gagnée", "perdue"], p=[0.46, 0.54]))
                if closed <= END
                else "ouverte"
            )
            rows.append(
                [
                    customer["code"],
                    opened,
                    closed if closed <= END else None,
                    SALESPEOPLE[customer["seller"]],
                    stage,
                    float(cents(customer["basket"] * float(rng.uniform(0.5, 4)))),
                    float(rng.choice([0, 0.02, 0.05, 0.1])),
                ]
            )
    return sorted(rows, key=lambda row: (row[1], row[0]))


def make_satisfaction(rng: np.random.Generator, customers: list[dict]) -> list[list]:
    """Two survey waves a year; about one customer in four answers."""
    rows = []
    for year in (2023, 2024, 2025):
        for month in (5, 11):
            for customer in customers:
                if (
                    rng.random() > 0.24
                    or intensity(customer, (dt.date(year, month, 10) - START).days) == 0
                ):
                    continue
                base = 5.5 if customer["code"] == NEGLECTED and year == 2025 else 7.6
                marks = [int(np.clip(round(float(rng.normal(base, 1.5))), 0, 10)) for _ in range(6)]
                comment = str(
                    rng.choice(
                        [
                            "",
                            "",
                            "",
                            "Livraisons ponctuelles, merci.",
                            "Catalogue clair.",
                            "Délais à revoir en fin de mois.",
                            "Nous voyons peu notre commercial.",
                        ]
                    )
                )
                rows.append(
                    [
                        customer["code"],
                        dt.date(year, month, int(rng.integers(5, 26))).isoformat(),
                        marks[0],
                        10,
                        f"{customer['code']}-1",
                        *marks[1:],
                        comment,
                        "csat",
                    ]
                )
    return rows


def make_departures(
    rng: np.random.Generator, customers: list[dict], lines: list[dict]
) -> list[list]:
    """What was written down about about two departures in three,
    by the customer or by the salesperson.
    """
    last, yearly = {}, defaultdict(Decimal)
    for line in lines:
        last[line["customer"]["code"]] = line["date"]
        yearly[line["customer"]["code"]] += line["amount"] / 3
    rows = []
    for customer in customers:
        code = customer["code"]
        gone = code in last and (customer["departure"] < DAYS - 90 or code == POACHED)
        if not gone or (rng.random() > 0.65 and code != POACHED):
            continue
        reason = "prix" if code == POACHED else str(rng.choice(list(REASONS), p=REASON_WEIGHTS))
        teller = "commercial" if rng.random() < 0.6 else "client"
        if teller == "commercial" and reason == "manque de contact" and rng.random() < 0.6:
            reason = "prix"  # what salespeople write when contact was missing
        competitor = (
            "Hygistock"
            if code == POACHED
            else str(rng.choice(["", "", "Hygistock", "Pro-Net", "Web"]))
        )
        date = min(last[code] + dt.timedelta(days=int(rng.integers(30, 90))), END)
        rows.append(
            [
                code,
                date.isoformat(),
                reason,
                str(rng.choice(REASONS[reason])),
                teller,
                competitor,
                str(cents(yearly[code])),
            ]
        )
    return sorted(rows, key=lambda row: (row[1], row[0]))


def add_own_words(rng: np.random.Generator, departures: list[list]) -> list[list]:
    """Texts as people write them (verbatims.csv, coded by hand),
    and the customers' own answers to an exit survey.

    Nine in ten of the customers whose salesperson told the departure answer for themselves,
    some weeks later; three in four of those said to have left for the price then name the missing
    contact. One text in eight is about another reason than its code.
    """
    with (HERE / "verbatims.csv").open(encoding="utf-8", newline="") as stream:
        coded = [row for row in csv.DictReader(stream) if row["language"] == "fr"]
    texts = {
        code: [row["verbatim"] for row in coded if row["reason"] == code] for code in CODES.values()
    }

    def said(reason: str) -> str:
        other = rng.random() < 0.125
        code = str(rng.choice(list(CODES.values()))) if other else CODES.get(reason, "")
        return str(rng.choice(texts[code])) if code and reason else ""

    rows = []
    for row in departures:
        code, date, reason, _, teller, *_ = row
        rows.append([*row[:3], said(reason), *row[4:]])
        if teller != "commercial" or not reason or code == POACHED or rng.random() > 0.9:
            continue
        own = reason if rng.random() < 0.85 else str(rng.choice(list(CODES)))
        if reason == "prix" and rng.random() < 0.75:
            own = "manque de contact"
        later = min(dt.date.fromisoformat(date) + dt.timedelta(days=int(rng.integers(7, 45))), END)
        rows.append([code, later.isoformat(), own, said(own), "client", "", ""])
    return sorted(rows, key=lambda row: (row[1], row[0]))


def make_costs(lines: list[dict]) -> list[dict]:
    """Monthly charges by account; purchases and outbound transport follow the
    sales of the month.
    """
    fixed = [
        ("641100", "Salaires administratifs et logistique", "fixed", 21500),
        ("641200", "Salaires commerciaux", "acquisition", 21800),
        ("645000", "Charges sociales administratives", "fixed", 9000),
        ("645200", "Charges sociales commerciales", "acquisition", 9150),
        ("613200", "Loyers", "fixed", 7200),
        ("615500", "Entretien du matériel", "fixed", 950),
        ("616000", "Assurances", "fixed", 780),
        ("622600", "Honoraires", "fixed", 1250),
        ("623100", "Publicité et salons", "acquisition", 3100),
        ("625100", "Déplacements commerciaux", "acquisition", 2650),
        ("626000", "Poste et télécommunications", "fixed", 640),
        ("627000", "Services bancaires", "fixed", 210),
        ("635110", "Contribution économique territoriale", "fixed", 900),
        ("681120", "Dotations aux amortissements", "fixed", 1800),
        ("661160", "Intérêts des emprunts", "fixed", 420),
    ]
    cost, revenue = defaultdict(Decimal), defaultdict(Decimal)
    for line in lines:
        month = (line["date"].year, line["date"].month)
        cost[month] += line["cost"]
        revenue[month] += line["amount"]
    rows = []
    for year, month in sorted(cost):
        start = dt.date(year, month, 1)
        end = dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)
        rows.append(
            dict(
                start=start,
                end=end,
                account="607000",
                label="Achats de marchandises",
                behaviour="variable",
                amount=cost[year, month],
            )
        )
        rows.append(
            dict(
                start=start,
                end=end,
                account="624200",
                label="Transports sur ventes",
                behaviour="variable",
                amount=cents(float(revenue[year, month]) * 0.034),
            )
        )
        for account, label, behaviour, amount in fixed:
            rows.append(
                dict(
                    start=start,
                    end=end,
                    account=account,
                    label=label,
                    behaviour=behaviour,
                    amount=cents(amount * 1.025 ** (year - 2023)),
                )
            )
    return rows


def write_workbook(customers: list[dict], service: list[list], opportunities: list[list]) -> None:
    """The CRM's export: one workbook, three sheets, real dates and numbers."""
    book = xlsxwriter.Workbook(HERE / "crm.xlsx")
    book.set_properties({"created": dt.datetime(2026, 1, 5), "title": "CRM (synthetic)"})
    date = book.add_format({"num_format": "dd/mm/yyyy"})
    sheets = {
        "Clients": [
            [
                "Code client",
                "Raison sociale",
                "Segment",
                "Région",
                "Commercial",
                "Client depuis",
                "Contrat",
                "Potentiel annuel",
                "Nb contacts",
            ]
        ]
        + [
            [
                c["code"],
                c["name"],
                c["segment"],
                c["region"],
                SALESPEOPLE[c["seller"]],
                c["since"],
                "oui" if c["discount"] >= 0.08 else "non",
                round(c["rate"] * c["basket"] * 1.6, -2),
                c["contacts"],
            ]
            for c in customers
            if c["code"] != "C0250"
        ],  # the ERP knows one more customer than the CRM
        "Activités": [
            [
                "Code client",
                "Date",
                "Activité",
                "Minutes",
                "Coût",
                "Contact",
                "Commercial",
                "Qualité",
                "Statut",
                "Clôturée le",
            ],
            *service,
        ],
        "Opportunités": [
            ["Code client", "Ouverte le", "Close le", "Commercial", "Statut", "Montant", "Remise"],
            *opportunities,
        ],
    }
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if isinstance(value, dt.date):
                    sheet.write_datetime(r, c, dt.datetime.combine(value, dt.time()), date)
                elif value is not None:
                    sheet.write(r, c, value)
    book.close()


def main() -> None:
    """Write every file of the engagement but `engagement.yml` and `README.md`."""
    rng, beside = np.random.default_rng(SEED), np.random.default_rng(SEED + 2)
    customers = make_customers(rng)
    lines = make_sales(rng, customers)
    share_luck(rng, customers, lines)
    write_sales(lines)
    service = make_service(rng, customers, lines)
    opportunities = make_opportunities(rng, customers)
    ends = complaint_ends(np.random.default_rng(SEED + 3), service)
    told = [[*row, *end] for row, end in zip(service, ends, strict=True)]
    write_workbook(customers, told, opportunities)
    write_csv(
        "satisfaction.csv",
        [
            "customer_id",
            "date",
            "score",
            "scale",
            "respondent",
            "reliability",
            "responsiveness",
            "assurance",
            "empathy",
            "tangibles",
            "comment",
            "kind",
        ],
        sorted(
            make_satisfaction(rng, customers)
            + make_recommendations(beside, customers, monthly_orders(lines)),
            key=lambda row: (row[1], row[0]),
        ),
        "utf-8",
        ",",
    )
    write_csv(
        "departs.csv",
        ["customer_id", "date", "reason", "verbatim", "told_by", "competitor", "revenue_at_stake"],
        add_own_words(np.random.default_rng(SEED + 1), make_departures(rng, customers, lines)),
        "utf-8",
        ",",
    )
    costs = make_costs(lines)
    labels = {"fixed": "fixe", "variable": "variable", "acquisition": "acquisition"}
    write_csv(
        "charges.csv",
        ["Début", "Fin", "Compte", "Nature", "Comportement", "Montant"],
        [
            [
                f"{c['start']:%d/%m/%Y}",
                f"{c['end']:%d/%m/%Y}",
                c["account"],
                c["label"],
                labels[c["behaviour"]],
                french(c["amount"]),
            ]
            for c in costs
        ],
    )
    receivables = write_ledgers(rng, HERE, customers, lines, costs)
    states = dispute_states(receivables, monthly_orders(lines))
    write_csv(
        "creances.csv",
        ["Code client", "Date facture", "Échéance", "Réglée le", "Montant TTC", "Statut"],
        [
            [
                r["customer"],
                f"{r['date']:%d/%m/%Y}",
                f"{r['due']:%d/%m/%Y}",
                f"{r['paid']:%d/%m/%Y}" if r["paid"] else "",
                french(r["amount"]),
                state,
            ]
            for r, state in zip(receivables, states, strict=True)
        ],
    )
    write_csv(
        "contrats.csv",
        ["Code client", "Début", "Fin", "Montant HT", "Périodicité", "Objet", "Préavis", "Statut"],
        [
            [
                f"{cell:%d/%m/%Y}"
                if isinstance(cell, dt.date)
                else french(cents(cell))
                if isinstance(cell, float)
                else ""
                if cell is None
                else cell
                for cell in row
            ]
            for row in make_contracts(beside, customers, lines)
        ],
    )
    yearly = [
        [
            f"{year}-01-01",
            f"{year}-12-31",
            "revenue",
            str(sum(l["amount"] for l in lines if l["date"].year == year)),
        ]
        for year in (2023, 2024, 2025)
    ]
    write_csv(
        "synthese.csv", ["period_start", "period_end", "measure", "value"], yearly, "utf-8", ","
    )
    print(
        f"{len(lines):,} lines, {sum(l['amount'] for l in lines):,.2f} €, "
        f"{len({l['customer']['code'] for l in lines})} customers"
    )


if __name__ == "__main__":
    main()
