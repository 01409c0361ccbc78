"""The tables an engagement may fill: their columns, kinds and keys.

Data only; `contracts` applies them.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from carnet.wording import N_, Notice

Kind = Literal["id", "text", "date", "money", "number", "share", "bool", "choice"]


@dataclass(frozen=True)
class Column:
    """One column: its kind, whether a table is unusable without it,
    and the values it accepts (kind `choice`).
    """

    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSchema:
    """One table: columns by name, the key that must not repeat,
    the dates that may not pass `as_of`, the summed column.
    """

    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    past_dates: tuple[str, ...] = ()
    total: str | None = None
    derived: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # role → the header that a law or standard gives it
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def required(self) -> list[str]:
        """Names of the columns the table cannot do without."""
        return [name for name, column in self.columns.items() if column.required]


def _columns(required: str, optional: str = "") -> dict[str, Column]:
    """Read `name:kind` words; a choice is written `name:choice=a|b|c`."""
    columns = {}
    for words, needed in ((required, True), (optional, False)):
        for word in words.split():
            name, _, kind = word.partition(":")
            kind, _, choices = kind.partition("=")
            columns[name] = Column(
                kind or "text",  # type: ignore[arg-type]
                needed,
                tuple(choices.split("|")) if choices else (),
            )
    return columns


# what a period summary may hold: a flow adds up over periods, a count of customers
# or a price does not
SUMMARY_MEASURES = {
    "revenue": "flow",
    "quantity": "flow",
    "order_count": "flow",
    "unit_price": "level",
    "unit_variable_cost": "level",
    "active_customer_count": "level",
    "repeat_customer_count": "level",
    "new_customer_count": "level",
    "recovered_customer_count": "level",
    "kept_customer_count": "level",
    "lost_customer_count": "level",
    "fixed_cost": "flow",
    "variable_cost": "flow",
    "acquisition_cost": "flow",
    "marketing_salaries": "flow",
    "sales_salaries": "flow",
    "other_salaries": "flow",
    "marketing_expenses": "flow",
    "other_expenses": "flow",
}
LEDGER_HEADERS = {  # the legal names of LPF art. A.47 A-1, VII
    "journal": "JournalCode",
    "journal_label": "JournalLib",
    "number": "EcritureNum",
    "date": "EcritureDate",
    "account": "CompteNum",
    "account_label": "CompteLib",
    "auxiliary": "CompAuxNum",
    "auxiliary_label": "CompAuxLib",
    "piece": "PieceRef",
    "piece_date": "PieceDate",
    "label": "EcritureLib",
    "debit": "Debit",
    "credit": "Credit",
    "letter": "EcritureLet",
    "letter_date": "DateLet",
}

TABLES: dict[str, TableSchema] = {
    "sales": TableSchema(
        _columns(
            "customer_id:id date:date amount:money",
            (
                "order_id:id line_id:id product offer quantity:number unit_price:number "
                "list_price:number discount:share cost:money margin:money salesperson contact "
                "channel currency"
            ),
        ),
        key=("customer_id", "date", "order_id", "line_id"),
        past_dates=("date",),
        total="amount",
        derived={"amount": ("quantity", "unit_price"), "cost": ("margin",)},
    ),
    "customers": TableSchema(
        _columns(
            "customer_id:id",
            (
                "name segment sector region salesperson since:date until:date contract:bool "
                "potential:money contacts:number"
            ),
        ),
        key=("customer_id",),
        past_dates=("since",),
    ),
    "costs": TableSchema(
        _columns(
            "period_start:date period_end:date category amount:money",
            "behaviour:choice=fixed|variable|acquisition label account:id customer_id:id",
        ),
        past_dates=("period_start",),
        total="amount",
    ),
    "service": TableSchema(
        _columns(
            "customer_id:id date:date activity",
            "quantity:number minutes:number cost:money contact salesperson quality:number "
            "status closed:date",
        ),
        past_dates=("date",),
        total="cost",
    ),
    "opportunities": TableSchema(
        _columns(
            "customer_id:id opened:date",
            "salesperson closed:date stage:choice=open|won|lost amount:money discount:share "
            "product competitor",
        ),
        past_dates=("opened",),
        total="amount",
    ),
    "receivables": TableSchema(
        _columns(
            "customer_id:id invoice_date:date amount:money",
            (
                "due_date:date paid_date:date "
                "status:choice=open|paid|disputed|collection|written_off currency"
            ),
        ),
        past_dates=("invoice_date",),
        total="amount",
    ),
    "satisfaction": TableSchema(
        _columns(
            "customer_id:id date:date score:number",
            (
                "kind:choice=nps|csat|ces scale:number respondent reliability:number "
                "responsiveness:number assurance:number empathy:number tangibles:number comment"
            ),
        ),
        past_dates=("date",),
    ),
    "departures": TableSchema(
        _columns(
            "customer_id:id date:date",
            "reason verbatim told_by:choice=customer|salesperson competitor revenue_at_stake:money",
        ),
        past_dates=("date",),
        total="revenue_at_stake",
    ),
    "contracts": TableSchema(
        _columns(
            "customer_id:id start:date amount:money",
            "end:date period:choice=month|quarter|year product quantity:number notice:number "
            "status:choice=running|paused|ended",
        ),
        past_dates=(),
        total="amount",
    ),
    "summary": TableSchema(
        _columns(
            f"period_start:date period_end:date measure:choice={'|'.join(SUMMARY_MEASURES)} "
            f"value:number"
        ),
        key=("period_start", "period_end", "measure"),
        past_dates=("period_start",),
    ),
    "ledger": TableSchema(
        _columns(
            "date:date account:id debit:money credit:money",
            (
                "journal journal_label number account_label auxiliary:id auxiliary_label piece "
                "piece_date:date label letter letter_date:date"
            ),
        ),
        total="debit",
        headers=LEDGER_HEADERS,
    ),
}

# of exchange: what one unit of a currency is worth in the engagement's own, from a day on
RATES = TableSchema(_columns("date:date currency rate:number"), headers={})
# accepted, and kept with the row only
UNUSED = {"costs": {"label"}, "service": {"quantity", "contact"}, "satisfaction": {"respondent"}}
USED_WITH = {  # column → the one without which nothing uses it
    ("sales", "list_price"): "unit_price",
}
# column → the one beside which nothing uses it
USED_WITHOUT = {("sales", "margin"): "cost", ("sales", "list_price"): "discount"}


def unused_columns(table: str, given: Collection[str]) -> list[str]:
    """The columns of a table, of those given, that no measure reads."""
    lonely = [
        column
        for (name, column), other in USED_WITH.items()
        if name == table and column in given and other not in given
    ]
    doubled = [
        column
        for (name, column), other in USED_WITHOUT.items()
        if name == table and column in given and other in given
    ]
    if (
        table == "sales"
        and {"amount", "unit_price"} <= set(given)
        and ("list_price" not in given or "discount" in given)
    ):
        lonely.append("unit_price")  # the amount is given, and no list price to compare with
    return sorted({*(UNUSED.get(table, set()) & set(given)), *lonely, *doubled})


CHOICE_WORDS = {  # what French and English exports write for an accepted value, without accents
    "fixed": ("fixe",),
    "acquisition": ("commercial", "marketing"),
    "open": (
        "ouverte",
        "ouvert",
        "impayee",
        "impaye",
        "non payee",
        "non reglee",
        "a payer",
        "unpaid",
        "due",
        "overdue",
        "outstanding",
        "en retard",
        "en cours",
        "nouveau",
        "nouvelle",
        "qualification",
        "proposition",
        "negociation",
        "devis envoye",
        "new",
        "prospecting",
        "qualified",
        "needs analysis",
        "value proposition",
        "proposal",
        "proposal/price quote",
        "negotiation",
        "negotiation/review",
        "in progress",
        "appointment scheduled",
        "qualified to buy",
        "presentation scheduled",
        "decision maker bought-in",
        "contract sent",
    ),
    "paid": (
        "payee",
        "paye",
        "reglee",
        "regle",
        "soldee",
        "solde",
        "acquittee",
        "settled",
        "closed",
        "paid in full",
    ),
    "disputed": ("litige", "en litige", "contestee", "conteste", "dispute", "in dispute"),
    "collection": (
        "contentieux",
        "recouvrement",
        "en recouvrement",
        "douteux",
        "douteuse",
        "in collection",
        "doubtful",
    ),
    "written_off": (
        "written off",
        "write-off",
        "bad debt",
        "irrecouvrable",
        "passee en perte",
        "perte",
        "creance irrecouvrable",
    ),
    "won": ("gagnee", "gagne", "closed won", "fermee gagnee", "cloturee gagnee"),
    "lost": (
        "perdue",
        "perdu",
        "closed lost",
        "fermee perdue",
        "cloturee perdue",
        "abandonnee",
        "abandonne",
    ),
    "nps": ("net promoter score", "promoter score", "recommandation", "recommendation"),
    "csat": ("satisfaction", "customer satisfaction", "satisfaction globale"),
    "ces": ("customer effort score", "effort", "effort client"),
    "month": ("monthly", "mensuel", "mensuelle", "mois", "m"),
    "quarter": ("quarterly", "trimestriel", "trimestrielle", "trimestre"),
    "year": ("yearly", "annual", "annually", "annuel", "annuelle", "an", "annee"),
    "running": ("active", "actif", "en cours", "current", "live"),
    "paused": ("suspendu", "suspendue", "en pause", "on hold"),
    "ended": ("termine", "terminee", "resilie", "resiliee", "cancelled", "canceled", "expired"),
    "customer": ("client",),
    "salesperson": ("commercial", "vendeur"),
    "revenue": ("chiffre d'affaires", "ca", "turnover", "sales"),
    "quantity": ("units", "units sold", "units_sold", "unites", "unites vendues", "quantite"),
    "order_count": ("orders", "commandes", "nombre de commandes"),
    "unit_price": ("prix unitaire", "price"),
    "unit_variable_cost": (
        "raw material cost per unit",
        "cout matieres premieres par unite",
        "cout variable unitaire",
    ),
    "active_customer_count": (
        "customers",
        "unique customers",
        "clients",
        "clients uniques",
        "nombre de clients uniques",
    ),
    "repeat_customer_count": ("repeat customers", "clients recurrents"),
    "new_customer_count": ("new customers", "nouveaux clients", "ajout sur le crm sur la periode"),
    "recovered_customer_count": ("recovered customers", "clients repeches"),
    "kept_customer_count": ("kept customers", "clients conserves", "clients herites"),
    "lost_customer_count": ("lost customers", "clients perdus"),
    "fixed_cost": ("fixed costs", "charges fixes"),
    "variable_cost": ("variable costs", "charges variables"),
    "acquisition_cost": ("acquisition costs", "couts d'acquisition"),
    "marketing_salaries": ("salaires marketing",),
    "sales_salaries": ("salaires commerciaux",),
    "other_salaries": ("salaires autres",),
    "marketing_expenses": ("budgets marketing", "budget marketing"),
    "other_expenses": ("budgets autres", "budget autres"),
}
CURRENCY_HEADERS = ("devise", "currency", "waers", "currency code", "code devise", "monnaie")
# what exports write of a document that takes an amount back
CREDIT_WORDS = ("avoir", "avoirs", "credit note", "credit memo")
NO_SALE_WORDS = (  # and of rows that are no sale, or no longer one
    "refund",
    "refunded",
    "rembourse",
    "remboursee",
    "remboursement",
    "void",
    "voided",
    "cancelled",
    "canceled",
    "annule",
    "annulee",
    "failed",
    "echec",
    "echoue",
    "quote",
    "quotation",
    "devis",
    "draft",
    "brouillon",
    "proforma",
    "pro forma",
)
REFUNDED_HEADERS = ("refunded amount", "amount refunded", "montant remboursé", "montant rembourse")
CREDIT_KIND = (  # kinds of documents, as regular expressions on texts without accents and capitals
    r"(.*[^a-z])?(avoirs?|credit ?(notes?|memos?)|notes? "
    r"de credit|retours?|returns?)([^a-z].*)?|credit|av|accreccredit"
)
NO_SALE_KIND = (
    r"(.*[^a-z])?(refund(s|ed)?|rembourse[a-z]*|void(ed)?|cancel(l?ed)?|annule[a-z]*|annulations?|"
    r"fail(ed)?|echec|echoue[a-z]*|quotes?|quotations?|devis|drafts?|brouillons?|pro "
    r"?forma|abandonne[a-z]*)([^a-z].*)?"
)
TRUTH_WORDS = (
    ("true", "yes", "y", "oui", "o", "vrai", "1", "x"),
    ("false", "no", "n", "non", "faux", "0"),
)

TABLE_LABELS = {
    "sales": Notice(N_("sales")),
    "customers": Notice(N_("customers")),
    "costs": Notice(N_("costs")),
    "service": Notice(N_("service")),
    "opportunities": Notice(N_("opportunities")),
    "receivables": Notice(N_("receivables")),
    "satisfaction": Notice(N_("satisfaction")),
    "departures": Notice(N_("departures")),
    "contracts": Notice(N_("contracts")),
    "summary": Notice(N_("summary")),
    "ledger": Notice(N_("ledger")),
    "rates": Notice(N_("exchange rates")),
}
