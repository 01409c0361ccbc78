"""Stable keyed pseudonyms for customers, contacts and salespeople, in the tables themselves:
whatever starts from them names nobody.

A pseudonym is a letter for the kind of person and the first 12 hexadecimal digits of a nested keyed
SHA-256 of the value (48 bits): the same key gives the same pseudonym in every table and every
report, and without it nobody gets back to the name. The key stands in the engagement's folder,
never in a report. Free text is withheld, once its reason has been read.
"""

import contextlib
import hashlib
import os
import re
import secrets
import tempfile
from pathlib import Path

import duckdb

from carnet.engagement.file import Engagement
from carnet.errors import CarnetError
from carnet.intake.sources.base import quoted

KEY_FILE = "anonymise.key"
DIGITS = 12
KINDS = {  # column: letter of the kind
    "customer_id": "C",
    "auxiliary": "C",
    "salesperson": "S",
    "contact": "K",
    "respondent": "K",
    "competitor": "X",
}
NUMBERS = ("order_id", "entry")  # may be made of a piece's name; only counted
# texts of accounting lines; those of departures and surveys are withheld once read
WITHHELD = ("label", "auxiliary_label", "piece")
# accounts of third parties and of losses on them may bear their names
OWN_ACCOUNT = "regexp_matches(account, '^(4[0-6]|491|654)')"


def load_key(folder: Path) -> str:
    """The engagement's key, drawn at the first use: 64 hexadecimal digits in a file that only
    its owner reads.
    """
    path = folder / KEY_FILE
    if not path.exists():
        handle, drawn = tempfile.mkstemp(dir=folder)  # of mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(secrets.token_hex(32) + "\n")
                stream.flush()
                os.fsync(handle)
            # refused where another run has drawn one meanwhile: that one counts
            with contextlib.suppress(FileExistsError):
                (os.rename if os.name == "nt" else os.link)(drawn, path)
        finally:
            Path(drawn).unlink(missing_ok=True)
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise CarnetError(
            "{path}: 64 hexadecimal digits are expected. Restore the key, "
            "or delete the file: other pseudonyms are drawn then.",
            path=path,
        )
    return key


def fingerprint(key: str) -> str:
    """Tells two keys apart and gives neither away."""
    return hashlib.sha256(f"carnet {key}".encode()).hexdigest()[:16]


def pseudonym(key: str, kind: str, value: str) -> str:
    """The pseudonym of one value, as `hide` writes it.

    >>> pseudonym("0" * 64, "C", "C0007")
    'C-a3b7a3296d73'
    """
    inner = hashlib.sha256(f"{key}{kind}{value}".encode()).hexdigest()
    return f"{kind}-{hashlib.sha256(f'{inner}{key}'.encode()).hexdigest()[:DIGITS]}"


def hide(con: duckdb.DuckDBPyConnection, key: str, tables: set[str]) -> None:
    """Replace people in `accepted_<table>` of the tables, and every original value
    of the quarantine.

    A customer's name becomes its pseudonym too. Raises CarnetError when two values get
    one pseudonym.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP MACRO pseudonym(kind, value) AS kind || '-' || "
        f"sha256(sha256({quoted(key)} || kind || value) || {quoted(key)})[:{DIGITS}]"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP MACRO number_of(value) AS sha256({quoted(key)} || value)[:32]"
    )
    for table in sorted(tables):
        columns = [row[0] for row in con.execute(f"DESCRIBE accepted_{table}").fetchall()]
        _check_distinct(con, table, [column for column in columns if column in KINDS])
        made = {
            column: f"pseudonym('{KINDS[column]}', {column})"
            for column in columns
            if column in KINDS
        }
        made |= {column: f"number_of({column})" for column in columns if column in NUMBERS}
        made |= {column: "NULL::VARCHAR" for column in columns if column in WITHHELD}
        if table == "customers" and "name" in columns:
            made["name"] = "pseudonym('C', customer_id)"
        if table == "ledger":
            made["account"] = (
                f"CASE WHEN {OWN_ACCOUNT} THEN account[:3] || pseudonym('', account) "
                f"ELSE account END"
            )
            made["account_label"] = (
                f"CASE WHEN {OWN_ACCOUNT} THEN account[:3] ELSE account_label END"
            )
        if made:
            con.execute(
                f"CREATE OR REPLACE TABLE accepted_{table} AS "
                f"SELECT * REPLACE ({', '.join(f'{sql} AS {c}' for c, sql in made.items())}) "
                f"FROM accepted_{table}"
            )
    con.execute("UPDATE quarantine SET original_values = '{}'")


def hidden_engagement(engagement: Engagement, key: str, withheld: str) -> Engagement:
    """The engagement without the people that it names: owners of objectives,
    evidence given in free text.
    """
    targets = [
        target.model_copy(update={"owner": target.owner and pseudonym(key, "S", target.owner)})
        for target in engagement.targets
    ]
    answers = {
        name: answer and answer.model_copy(update={"evidence": answer.evidence and withheld})
        for name, answer in engagement.maturity
    }
    return engagement.model_copy(
        update={"targets": targets, "maturity": engagement.maturity.model_copy(update=answers)}
    )


def _check_distinct(con: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> None:
    for column in columns:
        kind = KINDS[column]
        given, made = con.execute(
            f"SELECT count(DISTINCT {column}), count(DISTINCT pseudonym('{kind}', {column})) "
            f"FROM accepted_{table}"
        ).fetchall()[0]
        if given != made:
            raise CarnetError(
                "--anonymise: two values of {table}.{column} get one "
                "pseudonym. Delete {key_file}: another key tells them apart.",
                table=table,
                column=column,
                key_file=KEY_FILE,
            )
