"""Odoo: three customers of one company in EUR.

Posted invoice INV/1 (A: 100 + 50), credit note RINV/1 (A: -30), INV/2 in USD (B: 90 EUR),
a draft, a bill.

`schema(version)` gives the shapes of 13 (column `type`, product lines by exclude_from_invoice_tab,
plain texts) and of 16 (move_type, display_type, JSON).
"""

BASE = """
ir_module_module: id int, name text, latest_version text
res_company: id int, name text, partner_id int, currency_id int
res_currency: id int, name text
res_partner: id int, name text, commercial_partner_id int, user_id int, industry_id int, state_id int, country_id int, lang text
res_users: id int, login text, partner_id int
res_partner_industry: id int, name {translated}
res_partner_category: id int, name {translated}
res_partner_res_partner_category_rel: category_id int, partner_id int
res_country: id int, name {translated}
res_country_state: id int, name text
product_product: id int, product_tmpl_id int
product_template: id int, name {translated}, categ_id int
product_category: id int, name text
account_partial_reconcile: id int, debit_move_id int, credit_move_id int, amount money{exchange}
account_full_reconcile: id int, exchange_move_id int
crm_team: id int, name {translated}
crm_stage: id int, name {translated}, is_won bool
crm_lead: id int, type text, partner_id int, user_id int, stage_id int, active bool, probability money, create_date datetime, date_closed datetime, {revenue} money
mail_activity_type: id int, name {translated}
mail_message: id int, model text, res_id int, date datetime, author_id int, mail_activity_type_id int
account_move: id int, name text, state text, {kind} text, invoice_date date, invoice_date_due date, commercial_partner_id int, invoice_user_id int, company_id int, amount_total_signed money, {paid} text, team_id int
account_move_line: id int, move_id int, account_id int, product_id int, name text, quantity money, price_unit money, discount money, balance money, date date, display_type text{tab}
"""  # noqa: E501


def schema(version):
    """SCHEMA of a version."""
    new = version >= 16
    return BASE.format(
        translated="json" if new else "text",
        exchange=", exchange_move_id int" if new else "",
        revenue="expected_revenue" if new else "planned_revenue",
        kind="move_type" if new else "type",
        paid="payment_state" if new else "invoice_payment_state",
        tab="" if new else ", exclude_from_invoice_tab bool",
    )


def text(version, english, french):
    """A translated text as the version stores it."""
    return f'{{"en_US": "{english}", "fr_FR": "{french}"}}' if version >= 16 else french


def rows(version):
    """ROWS of a version."""
    t = lambda english, french: text(version, english, french)  # noqa: E731
    line = lambda id_, move, product, quantity, balance, kind, tab, day, discount=0: (  # noqa: E731
        id_,
        move,
        70 if product else 41,
        product,
        "texte",
        quantity,
        10,
        discount,
        balance,
        day,
        (kind if version >= 16 else None),
        *(() if version >= 16 else (tab,)),
    )
    exchange = (None,) if version >= 16 else ()
    return {
        "ir_module_module": [(1, "base", f"{version}.0.1.3")],
        "res_company": [(1, "Vauban", 1, 1)],
        "res_currency": [(1, "EUR"), (2, "USD")],
        "res_partner": [
            (1, "Vauban", 1, None, None, None, 1, "fr_FR"),
            (2, "Zoé", 2, None, None, None, None, None),
            (10, "A", 10, 5, 1, 1, 1, None),
            (11, "A, achats", 10, None, None, None, None, None),
            (12, "B", 12, 5, None, None, 1, None),
            (13, "C", 13, None, None, None, None, None),
        ],
        "res_users": [(5, "zoe", 2)],
        "res_partner_industry": [(1, t("Food", "Alimentation"))],
        "res_partner_category": [(1, t("Gold", "Or"))],
        "res_partner_res_partner_category_rel": [(1, 10)],
        "res_country": [(1, t("France", "France"))],
        "res_country_state": [(1, "Bretagne")],
        "product_product": [(100, 1000)],
        "product_template": [(1000, t("Bag", "Sac"), 7)],
        "product_category": [(7, "Emballage")],
        "crm_team": [(1, t("Web", "Internet"))],
        "crm_stage": [(1, t("New", "Nouveau"), False), (2, t("Won", "Gagné"), True)],
        "crm_lead": [
            (
                1,
                "opportunity",
                11,
                5,
                2,
                True,
                100,
                "2024-01-02 09:00:00",
                "2024-02-02 09:00:00",
                500,
            ),
            (
                2,
                "opportunity",
                12,
                5,
                1,
                False,
                0,
                "2024-01-03 09:00:00",
                "2024-02-03 09:00:00",
                300,
            ),
            (3, "opportunity", 12, 5, 1, True, 20, "2024-01-04 09:00:00", None, 200),
            (4, "lead", 12, 5, 1, True, 20, "2024-01-04 09:00:00", None, 1),
        ],
        "mail_activity_type": [(1, t("Call", "Appel"))],
        "mail_message": [
            (1, "res.partner", 11, "2024-03-01 10:00:00", 2, 1),
            (2, "crm.lead", 3, "2024-03-02 10:00:00", 2, 1),
            (3, "crm.lead", 3, "2024-03-02 10:00:00", 2, None),
        ],
        "account_move": [
            (
                1,
                "INV/1",
                "posted",
                "out_invoice",
                "2024-01-15",
                "2024-02-14",
                10,
                5,
                1,
                180,
                "paid",
                1,
            ),
            (
                2,
                "RINV/1",
                "posted",
                "out_refund",
                "2024-02-01",
                "2024-02-01",
                10,
                5,
                1,
                -36,
                "paid",
                1,
            ),
            (
                3,
                "INV/2",
                "posted",
                "out_invoice",
                "2024-02-10",
                "2024-03-11",
                12,
                None,
                1,
                108,
                "not_paid",
                None,
            ),
            (4, "/", "draft", "out_invoice", "2024-02-11", None, 12, 5, 1, 999, "not_paid", None),
            (
                5,
                "BILL/1",
                "posted",
                "in_invoice",
                "2024-02-12",
                None,
                13,
                None,
                1,
                -77,
                "not_paid",
                None,
            ),
            (6, "BNK/1", "posted", "entry", "2024-02-20", None, None, None, 1, 0, None, None),
        ],
        "account_move_line": [
            line(1, 1, 100, 10, -100, "product", False, "2024-01-15", 20),
            line(2, 1, None, 5, -50, "product", False, "2024-01-15"),
            line(3, 1, None, 0, -30, "tax", True, "2024-01-15"),
            line(4, 1, None, 0, 180, "payment_term", True, "2024-01-15"),
            line(5, 2, 100, 3, 30, "product", False, "2024-02-01"),
            line(6, 2, None, 0, -36, "payment_term", True, "2024-02-01"),
            line(7, 3, 100, 9, -90, "product", False, "2024-02-10"),
            line(8, 3, None, 0, 108, "payment_term", True, "2024-02-10"),
            line(9, 4, 100, 9, -999, "product", False, "2024-02-11"),
            line(10, 5, 100, 9, 77, "product", False, "2024-02-12"),
            line(11, 6, None, 0, -144, None, True, "2024-02-20"),
        ],
        "account_partial_reconcile": [(1, 4, 6, 36, *exchange), (2, 4, 11, 144, *exchange)],
    }


SALES = [
    ("10", "2024-01-15", 100.0, "Sac", "Emballage", "Zoé"),
    ("10", "2024-01-15", 50.0, "texte", None, "Zoé"),
    ("10", "2024-02-01", -30.0, "Sac", "Emballage", "Zoé"),
    ("12", "2024-02-10", 90.0, "Sac", "Emballage", None),
]
CUSTOMERS = {"10": ("A", "Or", "Bretagne"), "12": ("B", None, "France")}
# invoiced with tax; the day of the last payment, None while open
RECEIVABLES = {"10": (144.0, "2024-02-20"), "12": (108.0, None)}
STAGES = {"won": 500.0, "lost": 300.0, "open": 200.0}
CONTACTS = [("10", "2024-03-01"), ("12", "2024-03-02")]
