"""WooCommerce, prefix `wp_`: order 1 of a registered customer (7: 80 + 20, 120 with tax
and shipping), its refund of one line (-20); order 2 of a guest (50), its refund without lines (-30
of 60 with tax, half of the products: -25); one on hold, one failed.

`schema(hpos)` and `rows(hpos)`: orders in tables of their own, or as WordPress posts.
"""

LINES = """
wp_options: option_id int, option_name text, option_value text
wp_terms: term_id int, name text
wp_term_taxonomy: term_taxonomy_id int, term_id int, taxonomy text
wp_term_relationships: object_id int, term_taxonomy_id int
wp_woocommerce_order_items: order_item_id int, order_item_name text, order_item_type text, order_id int
wp_woocommerce_order_itemmeta: meta_id int, order_item_id int, meta_key text, meta_value text
wp_posts: id int, post_type text, post_status text, post_parent int, post_date datetime
wp_postmeta: meta_id int, post_id int, meta_key text, meta_value text
"""  # noqa: E501
HPOS = """
wp_wc_orders: id int, status text, type text, currency text, total_amount money, customer_id int, billing_email text, date_created_gmt datetime, parent_order_id int
wp_wc_order_operational_data: id int, order_id int, created_via text
wp_wc_order_addresses: id int, order_id int, address_type text, first_name text, last_name text, company text, country text
"""  # noqa: E501
ORDERS = [  # id, type, status, parent, customer, email, total, day
    (1, "shop_order", "wc-completed", 0, 7, "a@x.fr", 120, "2024-01-15 10:00:00"),
    (2, "shop_order", "wc-processing", 0, 0, "Bob@X.fr", 60, "2024-02-10 10:00:00"),
    (3, "shop_order_refund", "wc-completed", 1, 0, "", -20, "2024-02-01 10:00:00"),
    (4, "shop_order_refund", "wc-completed", 2, 0, "", -30, "2024-03-01 10:00:00"),
    (5, "shop_order", "wc-on-hold", 0, 7, "a@x.fr", 500, "2024-03-02 10:00:00"),
    (6, "shop_order", "wc-failed", 0, 7, "a@x.fr", 999, "2024-03-03 10:00:00"),
]
ITEMS = [
    (1, "Sac", 1, 100, 8, 80), (2, "Boîte", 1, 101, 2, 20), (3, "Sac", 2, 100, 5, 50),
    (4, "Boîte", 3, 101, -2, -20), (5, "Sac", 5, 100, 50, 500), (6, "Sac", 6, 100, 99, 999),
]  # fmt: skip


def schema(hpos):
    """SCHEMA of either store."""
    return LINES + (HPOS if hpos else "")


def rows(hpos):
    """ROWS of either store."""
    metas = [
        (item, key, value)
        for item, _, _, product, count, total in ITEMS
        for key, value in (("_product_id", product), ("_qty", count), ("_line_total", total))
    ]
    told = {1: ("A", "Ada", "Lovelace"), 2: ("", "Bob", "Martin")}
    posted = [
        (order, key, value)
        for order, _, _, _, customer, email, total, _ in ORDERS
        for key, value in (
            ("_customer_user", customer),
            ("_billing_email", email),
            ("_order_total", total),
            ("_order_currency", "EUR"),
            ("_created_via", "checkout"),
            *(
                zip(
                    (
                        "_billing_company",
                        "_billing_first_name",
                        "_billing_last_name",
                        "_billing_country",
                    ),
                    (*told.get(order, ("", "", "")), "FR"),
                    strict=True,
                )
            ),
        )
    ]
    there = {
        "wp_options": [
            (1, "blogname", "Vauban"),
            (2, "woocommerce_currency", "EUR"),
            (3, "WPLANG", "fr_FR"),
            (4, "woocommerce_custom_orders_table_enabled", "yes" if hpos else "no"),
        ],
        "wp_terms": [(7, "Emballage"), (8, "simple")],
        "wp_term_taxonomy": [(70, 7, "product_cat"), (80, 8, "product_type")],
        "wp_term_relationships": [(100, 70), (100, 80)],
        "wp_woocommerce_order_items": [
            *((item, name, "line_item", order) for item, name, order, *_ in ITEMS),
            (9, "Livraison", "shipping", 1),
        ],
        "wp_woocommerce_order_itemmeta": [(n, *meta) for n, meta in enumerate(metas, 1)],
    }
    if not hpos:
        return there | {
            "wp_posts": [
                (order, kind, state, parent, day)
                for order, kind, state, parent, _, _, _, day in ORDERS
            ],
            "wp_postmeta": [(n, *meta) for n, meta in enumerate(posted, 1)],
        }
    return there | {
        "wp_wc_orders": [
            (order, state, kind, "EUR", total, customer, email, day, parent)
            for order, kind, state, parent, customer, email, total, day in ORDERS
        ],
        "wp_wc_order_operational_data": [(order, order, "checkout") for order, *_ in ORDERS],
        "wp_wc_order_addresses": [
            (order, order, "billing", first, last, company, "FR")
            for order, (company, first, last) in told.items()
        ],
    }


SALES = [
    ("7", "2024-01-15", 80.0, "Sac", "Emballage", None),
    ("7", "2024-01-15", 20.0, "Boîte", None, None),
    ("7", "2024-02-01", -20.0, "Boîte", None, None),
    ("bob@x.fr", "2024-02-10", 50.0, "Sac", "Emballage", None),
    ("bob@x.fr", "2024-03-01", -25.0, None, None, None),
]
NAMES = {"7": "A", "bob@x.fr": "Bob Martin"}
RECEIVABLES = STAGES = CONTACTS = None
