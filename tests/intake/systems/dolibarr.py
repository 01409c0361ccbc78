"""Dolibarr, under the prefix `dol_`: FA1 (A: 100 less 10 of discount + 50 of a service),
its title line, credit note AV1 (A: -20), a deposit AC1 and the final FA2 that deducts it (B:
300 - 100), a draft, an abandoned one.
"""

SCHEMA = """
dol_const: rowid int, name text, value text
dol_facture: rowid int, ref text, entity int, type int, fk_soc int, datef date, paye int, close_code text, total_ht money, total_ttc money, fk_statut int, date_lim_reglement date, date_closing datetime, module_source text
dol_facturedet: rowid int, fk_facture int, fk_product int, label text, description text, qty money, remise_percent money, fk_remise_except int, subprice money, total_ht money, product_type int, buy_price_ht money
dol_societe: rowid int, nom text, code_client text, client int, fk_typent int, ape text, fk_departement int, fk_pays int
dol_societe_commerciaux: rowid int, fk_soc int, fk_user int
dol_user: rowid int, lastname text
dol_product: rowid int, ref text, label text
dol_categorie: rowid int, label text, type int
dol_categorie_product: fk_categorie int, fk_product int
dol_paiement: rowid int, datep datetime, amount money
dol_paiement_facture: rowid int, fk_paiement int, fk_facture int, amount money
dol_societe_remise_except: rowid int, fk_soc int, description text
dol_propal: rowid int, fk_soc int, datep date, date_cloture datetime, fk_statut int, total_ht money
dol_actioncomm: id int, datep datetime, fk_action int, code text, fk_soc int, fk_user_action int, label text
dol_c_actioncomm: id int, code text, libelle text
dol_c_typent: id int, code text, libelle text
dol_c_departements: rowid int, nom text
dol_c_country: rowid int, code text
"""  # noqa: E501
ROWS = {
    "dol_const": [
        (1, "MAIN_INFO_SOCIETE_NOM", "Vauban"), (2, "MAIN_MONNAIE", "EUR"),
        (3, "MAIN_LANG_DEFAULT", "fr_FR"),
    ],
    "dol_facture": [
        (1, "FA1", 1, 0, 10, "2024-01-15", 1, None, 140, 168, 2, "2024-02-14", None, "takepos"),
        (2, "AV1", 1, 2, 10, "2024-02-01", 1, None, -20, -24, 2, None, "2024-02-05 08:00:00", None),
        (3, "AC1", 1, 3, 12, "2024-02-02", 1, None, 100, 120, 2, None, None, None),
        (4, "FA2", 1, 0, 12, "2024-02-10", 0, None, 200, 240, 1, "2024-03-11", None, None),
        (5, "(PROV5)", 1, 0, 12, "2024-02-11", 0, None, 999, 999, 0, None, None, None),
        (6, "FA3", 1, 0, 12, "2024-02-12", 0, "badcustomer", 70, 84, 3, None, None, None),
        (7, "FA4", 1, 0, 12, "2024-02-12", 0, "replaced", 70, 84, 3, None, None, None),
    ],
    "dol_facturedet": [
        (1, 1, 100, None, None, 10, 10, None, 10, 90, 0, 4),
        (2, 1, None, None, "Pose", 1, 0, None, 50, 50, 1, 0),
        (3, 1, None, "Titre", None, 0, 0, None, 0, 0, 9, 0),
        (4, 2, 100, None, None, -2, 0, None, 10, -20, 0, 4),
        (5, 3, None, None, "Acompte", 1, 0, None, 100, 100, 0, 0),
        (6, 4, 100, None, None, 30, 0, None, 10, 300, 0, 4),
        (7, 4, None, None, "(DEPOSIT)", 1, 0, 1, -100, -100, 0, 0),
        (8, 5, 100, None, None, 1, 0, None, 999, 999, 0, 4),
    ],
    "dol_societe": [
        (10, "A", "CU10", 1, 1, "47.11", 1, 1),
        (12, "B", "CU12", 3, None, None, None, 1),
        (13, "Prospect", "CU13", 2, None, None, None, 1),
    ],
    "dol_societe_commerciaux": [(1, 10, 5), (2, 10, 6)],
    "dol_user": [(5, "Zoé"), (6, "Max")],
    "dol_product": [(100, "S1", "Sac")],
    "dol_categorie": [(7, "Emballage", 0), (8, "Client", 2), (9, "Zone", 0)],
    "dol_categorie_product": [(7, 100), (9, 100)],
    "dol_paiement": [(1, "2024-02-20 10:00:00", 168)],
    "dol_paiement_facture": [(1, 1, 1, 168)],
    "dol_societe_remise_except": [(1, 12, "(DEPOSIT)")],
    "dol_propal": [
        (1, 10, "2024-01-02", "2024-02-02 09:00:00", 2, 500),
        (2, 12, "2024-01-03", "2024-02-03 09:00:00", 3, 300),
        (3, 12, "2024-01-04", None, 1, 200),
        (4, 12, "2024-01-04", None, 0, 1),
    ],
    "dol_actioncomm": [
        (1, "2024-03-01 10:00:00", 1, "AC_TEL", 10, 5, "Appel"),
        (2, "2024-03-02 10:00:00", 2, "AC_OTH_AUTO", 10, 5, "Facture validée"),
    ],
    "dol_c_actioncomm": [(1, "AC_TEL", "Appel"), (2, "AC_OTH_AUTO", "Autre")],
    "dol_c_typent": [(1, "TE_WHOLE", "Grossiste")],
    "dol_c_departements": [(1, "Finistère")],
    "dol_c_country": [(1, "FR")],
}  # fmt: skip
SALES = [
    ("10", "2024-01-15", 90.0, "Sac", "Emballage", "Max"),
    ("10", "2024-01-15", 50.0, "Pose", None, "Max"),
    ("10", "2024-02-01", -20.0, "Sac", "Emballage", "Max"),
    ("12", "2024-02-10", 300.0, "Sac", "Emballage", None),
]
CUSTOMERS = {"10": ("A", "Grossiste", "Finistère"), "12": ("B", None, "FR")}
RECEIVABLES = {"10": (144.0, "2024-02-20"), "12": (120.0 + 240.0 + 84.0, None)}
STAGES = {"won": 500.0, "lost": 300.0, "open": 200.0}
CONTACTS = [("10", "2024-03-01")]
