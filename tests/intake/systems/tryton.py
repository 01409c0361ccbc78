"""Tryton 7: invoice 1 (A: 100 + 50 and a title), refunded credit note 2 of invoice 3
(A: 30 cancelled, -30 paid), invoice 4 in USD (B: 400 USD that are 80 EUR in the ledger), a draft,
one cancelled by a plain move.
"""

SCHEMA = """
ir_module: id int, name text, state text
ir_lang: id int, code text
company_company: id int, party int, currency int
company_employee: id int, party int
currency_currency: id int, code text, name text
party_party: id int, name text, code text, active bool
party_party_lang: id int, party int, lang int
party_category: id int, name text
party_category_rel: id int, party int, category int
party_address: id int, party int, subdivision int, country int, active bool
country_subdivision: id int, name text
country_country: id int, name text
product_product: id int, template int
product_template: id int, name text
product_category: id int, name text
product_template-product_category: id int, template int, category int
product_cost_price: id int, product int, company int, cost_price money
account_invoice: id int, number text, type text, state text, party int, company int, currency int, invoice_date date, move int, cancel_move int, account int
account_invoice_line: id int, invoice int, type text, product int, description text, quantity money, unit_price money
account_move_line: id int, move int, account int, debit money, credit money, origin text, maturity_date date, reconciliation int
account_move_reconciliation: id int, date date
sale_opportunity: id int, party int, employee int, amount money, start_date date, end_date date, state text
"""  # noqa: E501
ROWS = {
    "ir_module": [(1, "account_invoice", "activated")],
    "ir_lang": [(1, "fr")],
    "company_company": [(1, 1, 1)],
    "company_employee": [(1, 2)],
    "currency_currency": [(1, "EUR", "Euro"), (2, "USD", "US Dollar")],
    "party_party": [
        (1, "Vauban", None, True), (2, "Zoé", None, True), (10, "A", "10", True),
        (12, "B", "12", True), (13, "C", "13", True),
    ],
    "party_party_lang": [(1, 1, 1)],
    "party_category": [(1, "Or")],
    "party_category_rel": [(1, 10, 1)],
    "party_address": [(1, 10, 1, 1, True), (2, 12, None, 1, True)],
    "country_subdivision": [(1, "Bretagne")],
    "country_country": [(1, "France")],
    "product_product": [(100, 1000)],
    "product_template": [(1000, "Sac")],
    "product_category": [(7, "Emballage")],
    "product_template-product_category": [(1, 1000, 7)],
    "product_cost_price": [(1, 100, 1, 4)],
    "account_invoice": [
        (1, "1", "out", "posted", 10, 1, 1, "2024-01-15", 1, None, 41),
        (2, "2", "out", "paid", 10, 1, 1, "2024-02-01", 2, None, 41),
        (3, "3", "out", "cancelled", 10, 1, 1, "2024-01-20", 3, 2, 41),
        (4, "4", "out", "posted", 12, 1, 2, "2024-02-10", 4, None, 41),
        (5, None, "out", "draft", 12, 1, 1, None, None, None, 41),
        (6, "6", "out", "cancelled", 12, 1, 1, "2024-02-12", 6, 99, 41),
        (7, "7", "in", "posted", 13, 1, 1, "2024-02-12", 7, None, 40),
    ],
    "account_invoice_line": [
        (1, 1, "line", 100, "Sac", 10, 10), (2, 1, "line", None, "Pose", 1, 50),
        (3, 1, "title", None, "Titre", None, None), (4, 2, "line", 100, "Sac", -3, 10),
        (5, 3, "line", 100, "Sac", 3, 10), (6, 4, "line", 100, "Sac", 8, 50),
        (7, 5, "line", 100, "Sac", 1, 999), (8, 6, "line", 100, "Sac", 7, 10),
        (9, 7, "line", 100, "Sac", 7, 11),
    ],
    "account_move_line": [
        (1, 1, 70, 0, 100, "account.invoice.line,1", None, None),
        (2, 1, 70, 0, 50, "account.invoice.line,2", None, None),
        (3, 1, 41, 180, 0, None, "2024-02-14", None),
        (4, 2, 70, 30, 0, "account.invoice.line,4", None, None),
        (5, 2, 41, 0, 36, None, "2024-02-01", 1),
        (6, 3, 70, 0, 30, "account.invoice.line,5", None, None),
        (7, 3, 41, 36, 0, None, "2024-01-20", 1),
        (8, 4, 70, 0, 80, "account.invoice.line,6", None, None),
        (9, 4, 41, 96, 0, None, "2024-03-11", 2),
        (10, 6, 70, 0, 70, "account.invoice.line,8", None, None),
        (11, 6, 41, 84, 0, None, "2024-02-12", 3),
    ],
    "account_move_reconciliation": [(1, "2024-02-01"), (2, "2024-03-01"), (3, "2024-02-13")],
    "sale_opportunity": [
        (1, 10, 1, 500, "2024-01-02", "2024-02-02", "won"),
        (2, 12, 1, 300, "2024-01-03", "2024-02-03", "lost"),
        (3, 12, 1, 200, "2024-01-04", None, "converted"),
    ],
}  # fmt: skip
SALES = [
    ("10", "2024-01-15", 100.0, "Sac", "Emballage", None),
    ("10", "2024-01-15", 50.0, "Pose", None, None),
    ("10", "2024-01-20", 30.0, "Sac", "Emballage", None),
    ("10", "2024-02-01", -30.0, "Sac", "Emballage", None),
    ("12", "2024-02-10", 80.0, "Sac", "Emballage", None),
]
CUSTOMERS = {"10": ("A", "Or", "Bretagne"), "12": ("B", None, "France")}
RECEIVABLES = {"10": (180.0 - 36.0 + 36.0, "2024-02-01"), "12": (96.0 + 84.0, "2024-03-01")}
STAGES = {"won": 500.0, "lost": 300.0, "open": 200.0}
CONTACTS = None
