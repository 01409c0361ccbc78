"""The tables an engagement may fill: their columns, kinds and keys. Data only; `contracts` applies them."""

from dataclasses import dataclass, field
from typing import Literal

from carnet.wording import N_, Notice

Kind = Literal["id", "text", "date", "money", "number", "share", "bool", "choice"]


@dataclass(frozen=True)
class Column:
    """One column: its kind, whether a table is unusable without it, and the values it accepts (kind `choice`)."""

    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSchema:
    """One table: columns by name, the key that must not repeat, the dates that may not pass `as_of`, the summed column."""

    columns: dict[str, Column]
    key: tuple[str, ...] = ()
    past_dates: tuple[str, ...] = ()
    total: str | None = None
    derived: dict[str, tuple[str, ...]] = field(default_factory=dict)

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
            columns[name] = Column(kind or "text", needed, tuple(choices.split("|")) if choices else ())  # type: ignore[arg-type]
    return columns


TABLES: dict[str, TableSchema] = {
    "sales": TableSchema(
        _columns(
            "customer_id:id date:date amount:money",
            "order_id:id line_id:id product offer quantity:number unit_price:number list_price:number discount:share "
            "cost:money margin:money salesperson contact channel",
        ),
        key=("customer_id", "date", "order_id", "line_id"),
        past_dates=("date",),
        total="amount",
        derived={"amount": ("quantity", "unit_price"), "cost": ("margin",)},
    ),
    "customers": TableSchema(
        _columns(
            "customer_id:id",
            "name segment sector region salesperson since:date until:date contract:bool potential:money contacts:number",
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
        _columns("customer_id:id date:date activity", "quantity:number minutes:number cost:money contact salesperson quality:number"),
        past_dates=("date",),
        total="cost",
    ),
    "opportunities": TableSchema(
        _columns("customer_id:id opened:date", "salesperson closed:date stage:choice=open|won|lost amount:money discount:share"),
        past_dates=("opened",),
        total="amount",
    ),
    "receivables": TableSchema(
        _columns("customer_id:id invoice_date:date amount:money", "due_date:date paid_date:date"),
        past_dates=("invoice_date",),
        total="amount",
    ),
    "satisfaction": TableSchema(
        _columns(
            "customer_id:id date:date score:number",
            "scale:number respondent reliability:number responsiveness:number assurance:number empathy:number tangibles:number comment",
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
    "summary": TableSchema(_columns("period_start:date period_end:date measure value:number"), past_dates=("period_start",)),
}

CHOICE_WORDS = {  # what French and English exports write for an accepted value, without accents
    "fixed": ("fixe",),
    "acquisition": ("commercial", "marketing"),
    "open": ("ouverte", "ouvert", "en cours"),
    "won": ("gagnee", "gagne"),
    "lost": ("perdue", "perdu"),
    "customer": ("client",),
    "salesperson": ("commercial", "vendeur"),
}
TRUTH_WORDS = (("true", "yes", "y", "oui", "o", "vrai", "1", "x"), ("false", "no", "n", "non", "faux", "0"))

TABLE_LABELS = {
    "sales": Notice(N_("sales")),
    "customers": Notice(N_("customers")),
    "costs": Notice(N_("costs")),
    "service": Notice(N_("service")),
    "opportunities": Notice(N_("opportunities")),
    "receivables": Notice(N_("receivables")),
    "satisfaction": Notice(N_("satisfaction")),
    "departures": Notice(N_("departures")),
    "summary": Notice(N_("summary")),
}
