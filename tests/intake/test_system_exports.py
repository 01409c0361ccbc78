"""Exports of known systems as their users make them: small files with the headers and furniture
of each, and the sums that must come out.
"""

import pytest
import yaml
from carnet.book.book import open_book
from carnet.intake.proposal import write_proposal

SHOPIFY = """Name,Email,Financial Status,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Refunded Amount,Source,Cancelled at
#1,a@x.fr,paid,EUR,30.00,5.00,6.00,35.00,2024-01-15 10:00:00 +0100,2,Mug,10.00,0.00,web,
#1,a@x.fr,,,,,,,,1,Bol,12.00,,,
#2,b@x.fr,refunded,EUR,50.00,0.00,10.00,50.00,2024-01-16 10:00:00 +0100,1,Mug,50.00,50.00,web,
#3,b@x.fr,pending,EUR,70.00,0.00,10.00,70.00,2024-01-17 10:00:00 +0100,1,Mug,70.00,0.00,web,
#4,b@x.fr,partially_refunded,EUR,20.00,0.00,4.00,20.00,2024-02-17 23:30:00 +0100,1,Mug,20.00,0.00,web,
"""  # noqa: E501
STRIPE = """id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Converted Amount,Converted Amount Refunded,Converted Currency,Fee,Mode,Status,Customer ID
ch_1,2024-01-15 10:00:00,100.00,0.00,usd,true,90.00,0.00,eur,1.00,Live,Paid,cus_1
ch_2,2024-01-16 10:00:00,50.00,0.00,eur,true,50.00,0.00,eur,1.00,Live,Failed,cus_2
ch_3,2024-02-16 10:00:00,40.00,0.00,eur,true,40.00,0.00,eur,1.00,Live,Paid,cus_2
ch_4,2024-02-17 10:00:00,70.00,0.00,eur,true,70.00,0.00,eur,1.00,Test,Paid,cus_2
"""  # noqa: E501
QUICKBOOKS = """Vauban,,,,,,,,,
Sales by Customer Detail,,,,,,,,,
January-February 2024,,,,,,,,,
,,,,,,,,,
,Transaction date,Transaction type,Num,Product/Service full name,Description,Quantity,Sales price,Amount,Balance
Ada,,,,,,,,,
,01/15/2024,Invoice,1,Bag,,2,50.00,100.00,100.00
,01/20/2024,Credit Memo,2,Bag,,-1,30.00,-30.00,70.00
,01/25/2024,Estimate,3,Bag,,1,999.00,999.00,999.00
Total for Ada,,,,,,,,"1,069.00",
Bob,,,,,,,,,
,02/10/2024,Sales Receipt,4,Box,,1,90.00,90.00,90.00
,02/13/2024,Invoice,5,Box,,1,5.00,5.00,95.00
Total for Bob,,,,,,,,95.00,
TOTAL,,,,,,,,"1,164.00",
"""  # noqa: E501
XERO = """ContactName,EmailAddress,InvoiceNumber,Reference,InvoiceDate,DueDate,Total,TaxTotal,InventoryItemCode,Description,Quantity,UnitAmount,Discount,LineAmount,AccountCode,TaxType,TaxAmount,Currency,Type,Sent,Status
Ada,a@x.fr,INV-1,,15/01/2024,14/02/2024,180.00,30.00,BAG,Bag,2,50.00,,100.00,200,VAT,20.00,EUR,Sales invoice,Sent,Paid
Ada,a@x.fr,INV-1,,15/01/2024,14/02/2024,180.00,30.00,BOX,Box,1,50.00,,50.00,200,VAT,10.00,EUR,Sales invoice,Sent,Paid
Ada,a@x.fr,CN-1,,20/01/2024,,-36.00,-6.00,BAG,Bag,-1,30.00,,-30.00,200,VAT,-6.00,EUR,Sales credit note,,Awaiting Payment
Bob,b@x.fr,INV-2,,10/02/2024,,108.00,18.00,BAG,Bag,1,90.00,,90.00,200,VAT,18.00,EUR,Sales invoice,,Voided
Sup,s@x.fr,BILL-1,,10/02/2024,,108.00,18.00,BAG,Bag,1,90.00,,90.00,400,VAT,18.00,EUR,Bill,,Paid
"""  # noqa: E501
PENNYLANE = """Identifiant facture,Numéro de facture,Date,Échéance,Tiers,Identifiant tiers,Total TTC,Total TVA,Total HT,Devise,Statut,Brouillon,Montant restant (TTC),Date de paiement
1,F-1,15/01/2024,14/02/2024,Ada,u-1,"1 200,00 €","200,00 €","1 000,00 €",€,Encaissée,FALSE,"0,00 €",20/02/2024
2,F-2,20/01/2024,14/02/2024,Bob,u-2,"120,00 €","20,00 €","100,00 €",€,Annulée,FALSE,"0,00 €",
3,A-1,25/01/2024,14/02/2024,Bob,u-2,"-120,00 €","-20,00 €","-100,00 €",€,Annulée,FALSE,"0,00 €",
4,F-3,10/02/2024,14/03/2024,Bob,u-2,"60,00 €","10,00 €","50,00 €",€,À venir,FALSE,"60,00 €",
5,,11/02/2024,,Bob,u-2,"999,00 €","1,00 €","998,00 €",€,À venir,TRUE,"999,00 €",
"""  # noqa: E501
ODOO = """Number,Invoice/Bill Date,Commercial Entity,Type,Status,Salesperson,Invoice lines/Product,Invoice lines/Quantity,Invoice lines/Subtotal
INV/1,2024-01-15,Ada,Customer Invoice,Posted,Zoé,Bag,10,100.0
,,,,,,Box,5,50.0
RINV/1,2024-01-20,Ada,Customer Credit Note,Posted,Zoé,Bag,3,30.0
INV/2,2024-02-10,Bob,Customer Invoice,Draft,Zoé,Bag,99,999.0
INV/3,2024-02-10,Bob,Customer Invoice,Posted,Max,Bag,9,90.0
"""  # noqa: E501
TRYTON = """Numéro;Date de facturation;Tiers/Code;Devise/Code;État;Type;Lignes/Type;Lignes/Produit/Nom d'enregistrement;Lignes/Quantité;Lignes/Montant
1;15/01/2024;10;EUR;posted;out;line;Sac;10;100,00
;;;;;;title;;;
;;;;;;line;Pose;1;50,00
2;20/01/2024;10;EUR;paid;out;line;Sac;-3;-30,00
3;10/02/2024;12;EUR;draft;out;line;Sac;99;999,00
4;13/02/2024;12;EUR;posted;out;line;Sac;9;90,00
"""  # noqa: E501
EBP = """Document - Numéro du document;Document - Date;Document - Code client;Document - Nom du client;Ligne - Code ligne de document;Ligne - Code article;Ligne - Quantité;Ligne - PV HT;Ligne - Montant Net HT;Document - Code commercial/collaborateur
FA1;15/01/2024;A;Ada;g1;SAC;2;50,00;100,00;ZOE
FA1;15/01/2024;A;Ada;g2;;;;;ZOE
AV1;20/01/2024;A;Ada;g3;SAC;-1;30,00;-30,00;ZOE
FA2;13/02/2024;B;Bob;g4;SAC;1;90,00;90,00;
"""  # noqa: E501
SAGE = """DO_Type;DO_Domaine;DO_Piece;DO_Date;CT_Num;DL_No;AR_Ref;DL_Qte;DL_MontantHT
7;0;FA1;15/01/2024;A;1;SAC;2;100,00
3;0;BL1;14/01/2024;A;2;SAC;2;100,00
6;0;FA2;13/02/2024;B;3;SAC;1;90,00
17;1;FF1;13/02/2024;S;4;SAC;1;45,00
"""
SAGE_50 = """Type de Ligne\tType de pièce\tN° pièce\tDate pièce\tCode client\tCode représentant pièce\tN° ligne\tCode article\tQuantité\tPU HT
E\tFacture\tF1\t15/01/2024\tA\tZ\t\t\t\t
L\t\t\t\t\t\t1\tSAC\t2\t50.00
E\tBon de livraison\tB1\t16/01/2024\tA\tZ\t\t\t\t
L\t\t\t\t\t\t2\tSAC\t2\t50.00
E\tAvoir\tV1\t20/01/2024\tB\tZ\t\t\t\t
L\t\t\t\t\t\t3\tSAC\t1\t30.00
"""  # noqa: E501
CEGID = """GP_NATUREPIECEG;GP_TIERS;GP_DATEPIECE;GP_NUMERO;GL_NUMLIGNE;GL_TYPELIGNE;GL_CODEARTICLE;GL_QTEFACT;GL_TOTALHT
FAC;A;15/01/2024;1;1;ART;SAC;2;100,00
FAC;A;15/01/2024;1;2;COM;;0;0,00
AVC;A;20/01/2024;2;1;ART;SAC;-1;-30,00
CC;B;10/02/2024;3;1;ART;SAC;9;999,00
FAC;B;13/02/2024;4;1;ART;SAC;1;90,00
"""  # noqa: E501
WOO = """Date,"Order #","N. Revenue (formatted)",Status,Customer,"Customer type",Product(s),"Items sold",Coupon(s),"Net Sales",Attribution
2024-01-15 10:00:00,1,€120.00,completed,Ada,new,2× Bag,2,,100.00,Direct
2024-01-20 10:00:00,1,€120.00,completed,Ada,new,,-1,,-30.00,Direct
2024-02-10 10:00:00,2,€999.00,on-hold,Bob,new,1× Bag,1,,999.00,Direct
2024-02-13 10:00:00,3,€108.00,processing,Bob,new,1× Bag,1,,90.00,Direct
"""  # noqa: E501
DOLIBARR = """Réf. facture;Date facturation;Code client;Nom du tiers;Réf. produit;Quantité;Montant HT ligne
FA1;15/01/2024;CU1;Ada;SAC;2;100,00
AV1;20/01/2024;CU1;Ada;SAC;-1;-30,00
FA2;13/02/2024;CU2;Bob;SAC;1;90,00
"""  # noqa: E501
SALES = {  # system → file, Σ by customer
    "shopify": ("orders_export.csv", SHOPIFY, {"a@x.fr": 30.0, "b@x.fr": 20.0}),
    "stripe": ("unified_payments.csv", STRIPE, {"cus_1": 90.0, "cus_2": 40.0}),
    "quickbooks": ("Sales by Customer Detail.csv", QUICKBOOKS, {"Ada": 70.0, "Bob": 95.0}),
    "xero": ("invoices.csv", XERO, {"Ada": 120.0}),
    "pennylane": ("factures.csv", PENNYLANE, {"u-1": 1000.0, "u-2": 50.0}),
    "odoo": ("account.move.csv", ODOO, {"Ada": 120.0, "Bob": 90.0}),
    "tryton": ("factures.csv", TRYTON, {"10": 120.0, "12": 90.0}),
    "ebp": ("listedefactures.csv", EBP, {"A": 70.0, "B": 90.0}),
    "sage 100": ("lignes.csv", SAGE, {"A": 100.0, "B": 90.0}),
    "sage 50": ("pieces.txt", SAGE_50, {"A": 100.0, "B": -30.0}),
    "cegid": ("lignes.csv", CEGID, {"A": 70.0, "B": 90.0}),
    "woocommerce": ("wc-orders-report-export.csv", WOO, {"Ada": 70.0, "Bob": 90.0}),
    "dolibarr": ("export_facture_1.csv", DOLIBARR, {"CU1": 70.0, "CU2": 90.0}),
}


def proposed(folder, name, content):
    """What `carnet init` proposes for one file: the engagement file, and the book it opens."""
    (folder / name).write_text(content, encoding="utf-8")
    write_proposal(folder)
    return yaml.safe_load((folder / "engagement.yml").read_text(encoding="utf-8")), open_book(
        folder, "2024-12-31"
    )


@pytest.mark.parametrize("system", SALES)
@pytest.mark.long
def test_an_export_gives_its_sales_to_the_cent(tmp_path, system):
    name, content, expected = SALES[system]
    engagement, book = proposed(tmp_path, name, content)
    assert "an export of" in (tmp_path / "engagement.yml").read_text(encoding="utf-8")
    sums = book.table("sales").execute().groupby("customer_id").amount.sum()
    assert {customer: float(amount) for customer, amount in sums.items()} == expected, engagement
    lost = {
        reason: count
        for reason, count in book.checks["sales"].reasons.items()
        if reason.split(":")[0] not in ("where", "heading", "total", "header")
    }
    assert not lost


@pytest.mark.long
def test_one_export_fills_two_tables(tmp_path):
    engagement, book = proposed(tmp_path, "factures.csv", PENNYLANE)
    assert set(engagement["tables"]) == {"sales", "receivables"}
    owed = book.table("receivables").execute().set_index("amount").status
    assert {float(amount): status for amount, status in owed.items()} == {
        1200: "paid",
        120: "paid",
        -120: "paid",
        60: "open",
    }


HUBSPOT = [
    (
        "Record ID,Deal Name,Deal Stage,Close Date,Amount,Deal owner,Create Date,Associated "
        "Company IDs (Primary)"
    ),
    (
        "ID de fiche d'informations,Nom de la transaction,Phase de la transaction,Date "
        "de fermeture,Montant,Propriétaire de la transaction,Date de création,Associated "
        "Company IDs (Primary)"
    ),
]
SALESFORCE = [
    (
        "Opportunity ID,Opportunity Name,Stage,Close Date,Amount,Opportunity Owner,Created "
        "Date,Account ID"
    ),
    (
        "ID,Nom,Étape,Date de clôture,Montant,Propriétaire de l'opportunité,Date de "
        "création,Nom du compte"
    ),
]
PIPEDRIVE = [
    (
        "Deal - ID,Deal - Title,Deal - Status,Deal - Deal closed on,Deal - Value,Deal - Owner,Deal "
        "- Deal created,Deal - Organization"
    ),
    (
        "Affaire - ID,Affaire - Titre,Affaire - Statut,Affaire - Date de gain,Affaire "
        "- Valeur,Affaire - Propriétaire,Affaire - Affaire créée,Affaire - Organisation"
    ),
]
WORDS = {  # won, lost, open: as the system writes them in either language
    "hubspot": [
        ("Closed Won", "Closed Lost", "Contract Sent"),
        ("Fermé gagné", "Fermé perdu", "Contrat envoyé"),
    ],
    "salesforce": [
        ("Closed Won", "Closed Lost", "Perception Analysis"),
        ("Fermée gagnée", "Fermée perdue", "Qualification"),
    ],
    "pipedrive": [("Won", "Lost", "Open"), ("Gagnée", "Perdue", "En cours")],
}


@pytest.mark.parametrize("language", [0, 1])
@pytest.mark.parametrize(
    ("system", "headers"),
    [("hubspot", HUBSPOT), ("salesforce", SALESFORCE), ("pipedrive", PIPEDRIVE)],
)
@pytest.mark.long
def test_an_export_of_deals_is_of_opportunities(tmp_path, system, headers, language):
    """Beside sales, whose customers the deals name."""
    rows = [
        (
            f"{number},Deal {number},{word},2024-02-{number:02d},{100 * number},Zoé,"
            f"2024-01-{number:02d},C{number}"
        )
        for number, word in enumerate(WORDS[system][language], 1)
    ]
    (tmp_path / "sales.csv").write_text(
        "Code client;Date;Montant HT\n" + "".join(f"C{n};2024-01-1{n};10\n" for n in range(1, 4)),
        encoding="utf-8",
    )
    _, book = proposed(tmp_path, "export.csv", "\n".join([headers[language], *rows]))
    deals = book.table("opportunities").execute()
    assert dict(zip(deals.customer_id, deals.stage, strict=True)) == {
        "C1": "won",
        "C2": "lost",
        "C3": "open",
    }
    assert deals.amount.astype(float).tolist() == [100, 200, 300] and set(deals.salesperson) == {
        "Zoé"
    }
    assert deals.opened.astype(str).tolist() == ["2024-01-01", "2024-01-02", "2024-01-03"]
