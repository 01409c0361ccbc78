"""Dated rates of exchange: a file of date, currency and rate, each rate in force until the next."""

import duckdb

from carnet.engagement.file import Engagement, Table
from carnet.errors import CarnetError, examples
from carnet.intake.sources import load_table, sha256_of
from carnet.intake.sources.base import SourceFile, identifier, plain_header
from carnet.intake.sources.reading import ColumnReader

HEADERS = {  # role → headers, French and English
    "date": ("date", "jour", "day"),
    "currency": ("currency", "devise", "code devise", "currency code", "monnaie"),
    "rate": ("rate", "taux", "cours", "exchange rate", "taux de change"),
}


def load_rates(con: duckdb.DuckDBPyConnection, engagement: Engagement) -> None:
    """Create `accepted_rates` (date, currency, rate: what one unit is worth in the engagement's
    own) from the file that `rates` names.

    Raises CarnetError naming the rows that do not read: a rate left out would be another one's.
    """
    path = engagement.rates_file
    if path is None:
        return
    spec = Table.model_validate({"files": [path.name], "format": engagement.rates_format})
    refused = load_table(con, "rates", spec, [SourceFile(path.name, path, sha256_of(path))])
    headers = [row[0] for row in con.execute("DESCRIBE raw_rates").fetchall()]
    columns = {
        role: header
        for role, words in HEADERS.items()
        for header in headers
        if plain_header(header) in words
    }
    if columns.keys() != HEADERS.keys():
        raise CarnetError(
            "rates: {name}: the columns date, currency and rate are expected, not {examples}.",
            name=path.name,
            examples=examples(headers[2:]),
        )
    reader = ColumnReader(
        con, "rates", spec.model_copy(update={"columns": columns}), engagement.currency
    )
    typed = ", ".join(f"{reader.read(role)} AS {identifier(role)}" for role in HEADERS)
    con.execute(f"CREATE TABLE accepted_rates AS SELECT _row, {typed} FROM {reader.relation}")
    bad = con.execute(
        "SELECT _row FROM accepted_rates WHERE date IS NULL OR currency IS NULL OR coalesce(rate, "
        "0) <= 0 ORDER BY 1"
    ).fetchall()
    rows = [*(row[0] for row in bad), *(reject.row for reject in refused)]
    twice = con.execute(
        "SELECT date || ' ' || currency FROM accepted_rates GROUP BY date, currency "
        "HAVING count(DISTINCT rate) > 1 ORDER BY 1"
    ).fetchall()
    if twice:
        raise CarnetError(
            "rates: {name}: several rates for {examples}. Leave one of each.",
            name=path.name,
            examples=examples(row[0] for row in twice),
        )
    if rows:
        raise CarnetError(
            "rates: {name} row {examples}: a date, a currency and a positive rate are expected.",
            name=path.name,
            examples=examples(sorted(rows)),
        )
