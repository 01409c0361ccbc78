"""PrestaShop, prefix `ps_`: order 1 (A: 80 + 20, a voucher of 10 and free shipping of 5),
order 2 in USD at 2 (B: 100 USD = 50), its slip of 20 USD at 2.5 (= 8), a cancelled order, a paid
backorder (B: 30).
"""

SCHEMA = """
ps_configuration: id_configuration int, name text, value text
ps_lang: id_lang int, iso_code text
ps_currency: id_currency int, iso_code text
ps_shop: id_shop int, name text
ps_orders: id_order int, id_shop int, id_customer int, id_currency int, id_address_invoice int, current_state int, conversion_rate money, total_discounts_tax_excl money, total_paid_tax_excl money, total_products money, total_shipping_tax_excl money, invoice_number int, invoice_date datetime, valid int, date_add datetime
ps_order_detail: id_order_detail int, id_order int, product_id int, product_name text, product_quantity int, total_price_tax_excl money, purchase_supplier_price money, original_wholesale_price money
ps_order_state: id_order_state int, invoice int, logable int, paid int
ps_order_slip: id_order_slip int, id_order int, conversion_rate money, date_add datetime
ps_order_slip_detail: id_order_slip int, id_order_detail int, product_quantity int, total_price_tax_excl money, amount_tax_excl money
ps_order_cart_rule: id_order_cart_rule int, id_order int, value_tax_excl money, free_shipping int
ps_customer: id_customer int, company text, firstname text, lastname text, ape text, id_default_group int, date_add datetime
ps_group_lang: id_group int, id_lang int, name text
ps_address: id_address int, id_country int
ps_country: id_country int, iso_code text
ps_product: id_product int, id_category_default int, id_shop_default int
ps_category_lang: id_category int, id_shop int, id_lang int, name text
ps_customer_thread: id_customer_thread int, id_customer int, id_contact int, id_lang int, date_add datetime
ps_contact_lang: id_contact int, id_lang int, name text
"""  # noqa: E501
ROWS = {
    "ps_configuration": [
        (1, "PS_SHOP_NAME", "Vauban"), (2, "PS_CURRENCY_DEFAULT", "1"), (3, "PS_LANG_DEFAULT", "2"),
    ],
    "ps_lang": [(1, "en"), (2, "fr")],
    "ps_currency": [(1, "EUR"), (2, "USD")],
    "ps_shop": [(1, "Boutique")],
    "ps_orders": [
        (1, 1, 10, 1, 1, 2, 1, 15, 95, 100, 5, 1, "2024-01-15 10:00:00", 1, "2024-01-14 10:00:00"),
        (2, 1, 12, 2, 1, 2, 2, 0, 100, 100, 0, 2, "2024-02-10 10:00:00", 1, "2024-02-09 10:00:00"),
        (3, 1, 12, 1, 1, 6, 1, 0, 999, 999, 0, 0, "2024-02-11 00:00:00", 0, "2024-02-11 10:00:00"),
        (4, 1, 12, 1, 1, 9, 1, 0, 30, 30, 0, 0, "2024-02-12 00:00:00", 0, "2024-02-12 10:00:00"),
    ],
    "ps_order_detail": [
        (1, 1, 100, "Sac", 8, 80, 4, 0), (2, 1, 101, "Boîte", 2, 20, 0, 0),
        (3, 2, 100, "Sac", 10, 100, 4, 0), (4, 3, 100, "Sac", 1, 999, 4, 0),
        (5, 4, 100, "Sac", 3, 30, 4, 0),
    ],
    "ps_order_state": [(2, 1, 1, 1), (6, 0, 0, 0), (9, 1, 0, 1)],
    "ps_order_slip": [(1, 2, 2.5, "2024-03-01 10:00:00"), (2, 3, 1, "2024-03-01 10:00:00")],
    "ps_order_slip_detail": [(1, 3, 2, 0, 20), (2, 4, 1, 999, 999)],
    "ps_order_cart_rule": [(1, 1, 15, 1)],
    "ps_customer": [
        (10, "A", "Ada", "Lovelace", "47.11", 3, "2023-01-01 00:00:00"),
        (12, "", "Bob", "Martin", None, 3, "2023-01-02 00:00:00"),
        (13, "Never", "N", "N", None, 3, "2023-01-02 00:00:00"),
    ],
    "ps_group_lang": [(3, 1, "Customer"), (3, 2, "Client")],
    "ps_address": [(1, 8)],
    "ps_country": [(8, "FR")],
    "ps_product": [(100, 7, 1)],
    "ps_category_lang": [(7, 1, 1, "Bags"), (7, 1, 2, "Emballage")],
    "ps_customer_thread": [
        (1, 10, 1, 2, "2024-03-01 10:00:00"), (2, 0, 1, 2, "2024-03-02 10:00:00"),
    ],
    "ps_contact_lang": [(1, 1, "Service"), (1, 2, "Service client")],
}  # fmt: skip
SALES = [
    ("10", "2024-01-15", 72.0, "Sac", "Emballage", None),
    ("10", "2024-01-15", 18.0, "Boîte", None, None),
    ("12", "2024-02-10", 50.0, "Sac", "Emballage", None),
    ("12", "2024-02-12", 30.0, "Sac", "Emballage", None),
    ("12", "2024-03-01", -8.0, "Sac", "Emballage", None),
]
CUSTOMERS = {"10": ("A", "Client", "FR"), "12": ("Bob Martin", "Client", "FR")}
RECEIVABLES = STAGES = None
CONTACTS = [("10", "2024-03-01")]
