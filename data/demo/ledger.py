"""The demonstration company's legal ledgers (FEC): one file a year, by the rules of LPF art.

A.47 A-1.

18 columns, tabulated, ISO 8859-15, decimal comma, one continuous numbering of balanced entries,
lettrage of paid invoices, opening entries that carry the balances of classes 1 to 5 into
the next year.
"""

import datetime as dt
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np

SIREN = "999999998"  # not a valid number: its check digit is wrong on purpose
COLUMNS = [
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib",
    "CompAuxNum", "CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit",
    "EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise",
]  # fmt: skip
JOURNALS = {
    "AN": "À-nouveaux",
    "VE": "Ventes",
    "HA": "Achats",
    "BQ": "Banque",
    "OD": "Opérations diverses",
}
LABELS = {
    "101300": "Capital", "120000": "Résultat de l'exercice", "218300": "Matériel",
    "281830": "Amortissements du matériel", "401000": "Fournisseurs", "411000": "Clients",
    "421000": "Personnel", "431000": "Sécurité sociale", "445660": "TVA déductible",
    "445710": "TVA collectée", "447000": "Autres impôts", "512000": "Banque",
    "707000": "Ventes de marchandises", "709700": "Rabais et retours sur ventes",
}  # fmt: skip
VAT = Decimal("0.20")
PAYABLE = {
    "641": "421000",
    "645": "431000",
    "635": "447000",
    "661": "512000",
    "627": "512000",
    "681": "281830",
}


def write_ledgers(
    rng: np.random.Generator,
    folder: Path,
    customers: list[dict],
    lines: list[dict],
    costs: list[dict],
) -> list[dict]:
    """Write the yearly files; returns the receivables (customer, date, due, paid, amount) behind
    their 411 lines.
    """
    entries, receivables = _sales_entries(rng, lines)
    for cost in costs:
        entries += _cost_entries(cost)
    opening = {
        ("101300", ""): Decimal(-150000),
        ("218300", ""): Decimal(110000),
        ("512000", ""): Decimal(40000),
    }
    labels = LABELS | {c["account"]: c["label"] for c in costs}
    names = {c["code"]: c["name"] for c in customers}
    for year in (2023, 2024, 2025):
        first = dt.date(year, 1, 1)
        carried = [
            (account, aux, balance, "", None)
            for (account, aux), balance in sorted(opening.items())
            if balance
        ]
        book = [
            dict(
                journal="AN", date=first, ref=f"AN{year}", label=f"À-nouveaux {year}", lines=carried
            )
        ]
        book += sorted(
            (e for e in entries if e["date"].year == year),
            key=lambda e: (e["date"], e["journal"], e["ref"]),
        )
        opening = _write_year(folder / f"{SIREN}FEC{year}1231.txt", book, labels, names)
    return receivables


def _sales_entries(rng: np.random.Generator, lines: list[dict]) -> tuple[list[dict], list[dict]]:
    """Invoices and credit notes in VE, payments in BQ, matched by a lettrage code."""
    invoices = defaultdict(list)
    for line in lines:
        invoices[line["invoice"]].append(line)
    entries, receivables = [], []
    for number, (ref, items) in enumerate(invoices.items()):
        code, date = items[0]["customer"]["code"], items[0]["date"]
        net = sum((i["amount"] for i in items), Decimal(0))
        tax = (net * VAT).quantize(Decimal("0.01"), ROUND_HALF_UP)
        delay = 30 + int(rng.gamma(2.0, 6.0)) + (45 if code == "C0012" else 0)
        paid = date + dt.timedelta(days=delay)
        settled = paid if paid <= dt.date(2025, 12, 31) and rng.random() > 0.01 else None
        mark = _letters(number) if settled else ""
        account = "707000" if net >= 0 else "709700"
        label = f"{'Facture' if net >= 0 else 'Avoir'} {ref}"
        entries.append(
            dict(
                journal="VE",
                date=date,
                ref=ref,
                label=label,
                lines=[
                    ("411000", code, net + tax, mark, settled),
                    (account, "", -net, "", None),
                    ("445710", "", -tax, "", None),
                ],
            )
        )
        if settled:
            entries.append(
                dict(
                    journal="BQ",
                    date=settled,
                    ref=f"R{ref}",
                    label=f"Règlement {ref}",
                    lines=[
                        ("512000", "", net + tax, "", None),
                        ("411000", code, -(net + tax), mark, settled),
                    ],
                )
            )
        receivables.append(
            dict(
                customer=code,
                date=date,
                due=date + dt.timedelta(days=30),
                paid=settled,
                amount=net + tax,
            )
        )
    return entries, receivables


def _cost_entries(cost: dict) -> list[dict]:
    """A month's charge on its last day; suppliers are paid a month later within the year."""
    account, amount, date = cost["account"], cost["amount"], cost["end"]
    ref = f"{account}-{date:%Y%m}"
    counter = PAYABLE.get(account[:3])
    if counter:
        return [
            dict(
                journal="BQ" if counter == "512000" else "OD",
                date=date,
                ref=ref,
                label=cost["label"],
                lines=[(account, "", amount, "", None), (counter, "", -amount, "", None)],
            )
        ]
    tax = (amount * VAT).quantize(Decimal("0.01"), ROUND_HALF_UP)
    bill = dict(
        journal="HA",
        date=date,
        ref=ref,
        label=cost["label"],
        lines=[
            (account, "", amount, "", None),
            ("445660", "", tax, "", None),
            ("401000", "", -(amount + tax), "", None),
        ],
    )
    paid = date + dt.timedelta(days=30)
    payment = dict(
        journal="BQ",
        date=paid,
        ref=f"P{ref}",
        label=f"Règlement {cost['label']}",
        lines=[("401000", "", amount + tax, "", None), ("512000", "", -(amount + tax), "", None)],
    )
    return [bill, payment] if paid <= dt.date(2025, 12, 31) else [bill]


def _write_year(
    path: Path, book: list[dict], labels: dict[str, str], names: dict[str, str]
) -> dict[tuple[str, str], Decimal]:
    """Write one file; returns the closing balances to carry forward (the result goes
    to account 120).
    """
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with path.open("w", encoding="iso8859-15", newline="") as stream:
        stream.write("\t".join(COLUMNS) + "\r\n")
        for number, entry in enumerate(book, 1):
            assert sum(line[2] for line in entry["lines"]) == 0, entry
            for account, aux, amount, mark, marked in entry["lines"]:
                balances[(account, aux) if account[0] in "12345" else ("120000", "")] += amount
                debit, credit = (amount, Decimal(0)) if amount >= 0 else (Decimal(0), -amount)
                stamp = f"{entry['date']:%Y%m%d}"
                fields = [
                    entry["journal"],
                    JOURNALS[entry["journal"]],
                    str(number),
                    stamp,
                    account,
                    labels[account],
                    aux,
                    names.get(aux, ""),
                    entry["ref"],
                    stamp,
                    entry["label"],
                    _amount(debit),
                    _amount(credit),
                    mark,
                    f"{marked:%Y%m%d}" if marked else "",
                    stamp,
                    "",
                    "",
                ]
                stream.write("\t".join(fields) + "\r\n")
    return balances


def _amount(value: Decimal) -> str:
    return f"{value:.2f}".replace(".", ",")


def _letters(number: int) -> str:
    """0 → AAA, 1 → AAB, …"""
    return "".join(chr(65 + number // 26**power % 26) for power in (2, 1, 0))
