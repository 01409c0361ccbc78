"""The cost of goods: which table gives it, and what a sale line without a cost is
estimated to have cost.

One cost has one source. Sale lines may carry costs, a table of costs may hold purchases, a ledger
its accounts 60: one of them counts, the others are told beside it.
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import ibis
import ibis.expr.types as ir

from carnet.engagement.profiles import chart_of_accounts
from carnet.engagement.schema import TABLE_LABELS
from carnet.errors import CarnetError, Message
from carnet.intake.checks import TableCheck
from carnet.intake.held import as_money
from carnet.intake.sources.base import quoted
from carnet.wording import N_, Notice

LEAST_COSTED = 0.5  # share of the revenue whose cost is known, below which no margin is told
# purchases for resale and of materials, their stocks, costs and rebates
GOODS_ACCOUNTS = "60[12378]|609[1278]"
GOODS_WORDS = (  # the whole name of a category, without accents
    r"(variations? (de |des )?stocks? (de |des )?)?(achats?|marchandises?|matieres? "
    r"premieres?|approvisionnements?|raw materials?|materials?|goods( "
    r"purchased)?|merchandise|purchases?|cogs|product costs?|cost of (goods|sales)|couts? "
    r"(d.achat|de revient|des (ventes|marchandises|produits)))( "
    r"(consommes?|revendus?|vendue?s?|fournisseurs?|marchandises|sold|for resale|de negoce|(de "
    r"|des |of )?(marchandises?|matieres?|produits?|goods|materials?|merchandise)\b.*))*"
)
# variable costs beside the goods of the sale lines, as a share of these, from which they may be
# the same goods
SAME_ORDER = "0.5"
# share of the numbers of a costs table that look like accounts of class 6, from which they
# are read as such
ACCOUNT_LIKE = 0.8
SOURCES = {
    "sales": N_("the sale lines"),
    "costs": N_("the table of costs"),
    "ledger": N_("the legal ledger"),
}


@dataclass(frozen=True)
class Goods:
    """Where the cost of goods comes from ('sales', 'costs', 'ledger' or '' where nothing tells it)
    and what there is to know of it.
    """

    source: str
    notices: list[Notice]


def estimate_costs(con: duckdb.DuckDBPyConnection) -> None:
    """Add `estimated_cost` to `accepted_sales`: the cost of the line,
    else its amount × the cost rate of the costed lines of the same offer (product where no offer
    is given), else of the same customer, else of all.
    """
    present = _columns(con, "sales")
    if "cost" not in present:
        return
    con.execute("ALTER TABLE accepted_sales ADD COLUMN estimated_cost DECIMAL(18, 4)")
    con.execute("UPDATE accepted_sales SET estimated_cost = cost")
    if not con.execute("SELECT count(*) FROM accepted_sales WHERE cost IS NULL").fetchall()[0][0]:
        return
    rate = "sum(cost)::DOUBLE / nullif(sum(amount), 0)::DOUBLE"
    known = "FROM accepted_sales WHERE cost IS NOT NULL"
    keys = [*[name for name in ("offer", "product") if name in present][:1], "customer_id"]
    rates = [f"(SELECT {rate} {known} AND {key} = s.{key} HAVING sum(amount) > 0)" for key in keys]
    con.execute(
        f"UPDATE accepted_sales s SET estimated_cost = TRY_CAST(amount "
        f"* coalesce({', '.join(rates)}, (SELECT {rate} {known} HAVING sum(amount) > 0)) "
        f"AS DECIMAL(18, 4)) WHERE cost IS NULL"
    )


def with_estimated_costs(sales: ir.Table) -> ir.Table:
    """`estimate_costs` on rows that an engine holds; where no cost is given, the rows alone."""
    if "cost" not in sales.columns:
        return sales
    known = sales.filter(sales.cost.notnull())
    sums = {"cost": known.cost.sum().cast("float64"), "sold": known.amount.sum().cast("float64")}
    keys = [*[name for name in ("offer", "product") if name in sales.columns][:1], "customer_id"]
    joined, rates = sales, []
    for key in keys:
        own = known.group_by(key).agg(**sums).filter(ibis._.sold > 0)
        rate = own.select(**{f"_{key}": own[key], f"_rate_{key}": own.cost / own.sold})
        joined = joined.left_join(rate, joined[key] == rate[f"_{key}"])
        rates.append(joined[f"_rate_{key}"])
    whole = known.agg(**sums)
    joined = joined.cross_join(
        whole.select(_rate=(whole.sold > 0).ifelse(whole.cost / whole.sold, ibis.null("float64")))
    )
    rate = ibis.coalesce(*(joined[f"_rate_{key}"] for key in keys), joined._rate)
    told = as_money(joined.amount.cast("float64") * rate, sales.get_backend().name)
    estimated = ibis.coalesce(joined.cost, told)
    return joined.select(*sales.columns, estimated_cost=estimated)


@dataclass(frozen=True)
class SoldCosts:
    """What the sale lines of a period say of their cost: Σ of their costs, estimated where a line
    has none (NULL where nothing tells it), lines with one, and of the positive lines the revenue
    and that of the lines with one.
    """

    cost: Decimal | None
    costed_lines: int
    revenue: float
    costed_revenue: float


def sold_costs(con: duckdb.DuckDBPyConnection, start: dt.date, end: dt.date) -> SoldCosts:
    """`SoldCosts` of `accepted_sales` with estimated costs."""
    found = con.execute(
        "SELECT sum(estimated_cost), count(cost), sum(amount) FILTER (amount > 0)::DOUBLE, "
        "sum(amount) FILTER (amount > 0 AND cost IS NOT NULL)::DOUBLE FROM accepted_sales "
        "WHERE date BETWEEN ? AND ?",
        [start, end],
    ).fetchall()[0]
    return SoldCosts(found[0], found[1], found[2] or 0.0, found[3] or 0.0)


def held_costs(sales: ir.Table, start: dt.date, end: dt.date) -> SoldCosts:
    """`SoldCosts` of rows that an engine holds, with estimated costs."""
    lines = sales.filter(sales.date.between(ibis.date(start), ibis.date(end)))
    positive = lines.amount > 0
    row = lines.agg(
        cost=lines.estimated_cost.sum(),
        costed_lines=lines.cost.count(),
        revenue=lines.amount.sum(where=positive).cast("float64").fill_null(0.0),
        costed_revenue=lines.amount.sum(where=positive & lines.cost.notnull())
        .cast("float64")
        .fill_null(0.0),
    )
    return SoldCosts(**row.to_pyarrow().to_pylist()[0])


def mark_goods(con: duckdb.DuckDBPyConnection) -> None:
    """Add `goods` to `accepted_costs`: True for purchases of what is sold,
    by the number of the account, else by the name of the category.
    """
    number = _number(con)
    plain = "strip_accents(lower(category))"
    by_name = (
        f"(regexp_full_match({plain}, {quoted(GOODS_WORDS)}) AND coalesce(behaviour, "
        f"'variable') = 'variable')"
    )
    told = (
        (
            f"CASE WHEN {number} IS NOT NULL THEN regexp_matches({number}, '^({GOODS_ACCOUNTS})') "
            f"ELSE {by_name} END"
        )
        if number
        else by_name
    )
    con.execute("ALTER TABLE accepted_costs ADD COLUMN goods BOOLEAN")
    con.execute(f"UPDATE accepted_costs SET goods = coalesce({told}, false)")
    con.execute(
        "UPDATE accepted_costs SET behaviour = 'variable' WHERE goods AND behaviour IS NULL"
    )


def account_mapping(con: duckdb.DuckDBPyConnection) -> list[dict[str, str]]:
    """The behaviours of the French chart, where the numbers of `accepted_costs` are accounts
    of it; nothing else.
    """
    return [chart_of_accounts()["behaviour"]] if _number(con) else []


def _number(con: duckdb.DuckDBPyConnection) -> str:
    """The column of `accepted_costs` whose texts are accounts of class 6: account, else category;
    '' where none is.
    """
    for name in ("account", "category"):
        if name in _columns(con, "costs"):
            alike, given = con.execute(
                f"SELECT count(*) FILTER (regexp_matches({name}, '^6[0-9]{{2,}}')), count({name}) "
                f"FROM accepted_costs"
            ).fetchall()[0]
            if given and alike >= ACCOUNT_LIKE * given:
                return name
    return ""


def choose_goods(
    con: duckdb.DuckDBPyConnection,
    checks: dict[str, TableCheck],
    chosen: str | None,
    start: dt.date,
    end: dt.date,
    sold: SoldCosts | None,
) -> Goods:
    """Decide which table gives the cost of goods of a period, and tell it; `sold` is what its sale
    lines say, None where they carry no costs.

    Rule        `chosen` (goods_cost of the engagement); else the table of costs, or the ledger that
                filled it, where it holds purchases; else the sale lines where they carry costs;
                else the table of costs where it has variable ones
    Notices     what was chosen; both sums over the audit period where two tables give the cost
                of goods; the share of revenue without a cost
    Raises      CarnetError where the table chosen does not tell it
    """
    period = f"BETWEEN {quoted(str(start))} AND {quoted(str(end))}"
    sums: dict[str, Decimal] = {}
    if sold and sold.costed_lines:
        sums["sales"] = sold.cost or Decimal(0)
    filled = checks["costs"].source == "ledger" if "costs" in checks else False
    if "costs" in checks:
        name = "ledger" if filled else "costs"
        sums |= _known(
            name,
            con,
            f"SELECT sum(amount) FILTER (goods), count(*) FILTER (goods) FROM accepted_costs "
            f"WHERE period_end {period}",
        )
    if "ledger" in checks and not filled:
        query = (
            f"SELECT sum(debit - credit), count(*) FROM accepted_ledger WHERE NOT closing "
            f"AND regexp_matches(account, '^({GOODS_ACCOUNTS})') AND date {period}"
        )
        sums |= _known("ledger", con, query)
    if chosen and chosen not in sums:
        raise CarnetError(
            "goods_cost: {chosen} tells no cost of goods in this "
            "engagement; {listed} does. Change goods_cost in "
            "engagement.yml.",
            chosen=chosen,
            listed=", ".join(sums) or Message("no table"),
        )
    accounts = [
        name
        for name in ("costs", "ledger")
        if name in sums and not (name == "ledger" and "costs" in checks and not filled)
    ]
    source = chosen or next(iter([*accounts, *(name for name in ("sales",) if name in sums)]), "")
    notices = []
    others = [
        name
        for name in sums
        if name != source
        and (source == "sales" or name == "sales")
        and abs(sums[name] - sums[source]) >= 1
    ]
    if others:
        other = others[0]
        message = N_(
            "The cost of goods is told twice: {counted_sum} by {counted}, {other_sum} by {other}, "
            "over the audit period. Counted once, by {counted}; goods_cost in "
            "engagement.yml chooses."
        )
        notices.append(
            Notice(
                message,
                {
                    "counted": Notice(SOURCES[source]),
                    "other": Notice(SOURCES[other]),
                    "counted_sum": float(round(sums[source])),
                    "other_sum": float(round(sums[other])),
                },
            )
        )
    if source == "sales" and "costs" in checks:
        query = (
            f"SELECT sum(amount) FROM accepted_costs WHERE behaviour = 'variable' AND NOT goods "
            f"AND period_end {period}"
        )
        beside = con.execute(query).fetchall()[0][0] or Decimal(0)
        if beside >= sums["sales"] * Decimal(SAME_ORDER) > 0:
            message = N_(
                "Beside {goods_sum} of cost of goods on the sale lines, the table of costs has "
                "{beside_sum} of variable costs. If they hold purchases, these count twice: "
                "name their category purchases, and set goods_cost in engagement.yml."
            )
            notices.append(
                Notice(
                    message,
                    {"goods_sum": float(round(sums["sales"])), "beside_sum": float(round(beside))},
                )
            )
    return Goods(source, notices + _uncosted(sold))


def _known(name: str, con: duckdb.DuckDBPyConnection, query: str) -> dict[str, Decimal]:
    total, count = con.execute(query).fetchall()[0]
    return {name: total} if count else {}


def _uncosted(sold: SoldCosts | None) -> list[Notice]:
    """How much of the period's revenue has no cost, and what stands in its place."""
    if sold is None or not sold.revenue or sold.costed_revenue >= sold.revenue:
        return []
    table, share = TABLE_LABELS["sales"], 1 - sold.costed_revenue / sold.revenue
    if share > 1 - LEAST_COSTED:
        message = N_(
            "{table}: {missing_share} of revenue has no cost: no margin is told by the sale lines, "
            "since less than half of it could be measured."
        )
    else:
        message = N_(
            "{table}: {missing_share} of revenue has no cost; its margin is estimated at the cost "
            "rate of the lines of the same offer, else of the same customer, else of all."
        )
    return [Notice(message, {"table": table, "missing_share": share}, share)]


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    return {row[0] for row in con.execute(f"DESCRIBE accepted_{table}").fetchall()}
