"""A corpus of malformed engagements: name → what is written into a folder,
and what must come of it.

An outcome is the part of an error message, or the accepted rows of `sales` and their sum. GOOD rows
stand around every bad one.
"""

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

GOOD = ["A,2024-01-15,10", "B,2024-02-20,20.50"]
HEADER = "customer_id,date,amount"
KEPT = (2, 30.5)
SALES = {"sales": {"files": "sales.csv"}}


@dataclass(frozen=True)
class Case:
    """`write` fills the folder; `outcome` is part of the message,
    or (accepted sales, their sum).
    """

    name: str
    write: Callable[[Path], None]
    outcome: str | tuple[int, float]


def engagement(folder: Path, **keys: object) -> None:
    """A sound engagement file but for `keys`."""
    document = {"client": "Test SA", "as_of": "2024-12-31", "tables": SALES} | keys
    (folder / "engagement.yml").write_text(
        yaml.safe_dump(document, allow_unicode=True), encoding="utf-8"
    )


def csv_case(
    name: str, content: str | bytes, outcome: str | tuple[int, float], **keys: object
) -> Case:
    """A sales.csv of this content."""

    def write(folder: Path) -> None:
        engagement(folder, **keys)
        (folder / "sales.csv").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )

    return Case(name, write, outcome)


def row_case(name: str, row: str, outcome: str | tuple[int, float] = KEPT, **keys: object) -> Case:
    """One row between good ones."""
    return csv_case(name, "\n".join([HEADER, GOOD[0], row, GOOD[1]]) + "\n", outcome, **keys)


AMOUNTS = [
    "nan", "NaN", "inf", "-inf", "Infinity", "1e30", "1E400", "99999999999999999999", "n.d.", "-",
    "–", "1.2.3", "--5", "+-5", "0x10", "½", "1/2", "=1+1", "#REF!", "#N/A", "#DIV/0!", "NULL",
    "None", "true", "ten", "١٢", "5 %", "1 2 3", "12.3.", ".", "$", "€", "5;6", "1_000", "5e",
    "\u200b",
]  # fmt: skip
DATES = [
    "", "0000-00-00", "2024-02-30", "2024-13-01", "2023-02-29", "1899-12-31", "1800-01-01",
    "9999-12-31", "2025-01-01", "20240230", "yesterday", "45291.5.1", "2024", "2024-06", "nan",
    "12:30", "32/01/2024", "15-06-24", "\u200b2024-06-15x", "=TODAY()", "-1",
]  # fmt: skip
IDS = ["", " ", "\t", "\u00a0"]


def values() -> list[Case]:
    """One bad value in a row of its own."""
    cases = [row_case(f"amount {value!r}", f"C,2024-06-15,{value}") for value in AMOUNTS]
    cases += [row_case(f"date {value!r}", f"C,{value},7") for value in DATES]
    cases += [
        row_case("a zero byte behind an amount", "C,2024-06-15,5\0", (3, 35.5)),
        row_case("a time of day that is none", "C,2024-06-15T99:00,7", (3, 37.5)),
    ]
    return cases + [row_case(f"customer {value!r}", f"{value},2024-06-15,7") for value in IDS]


def texts() -> list[Case]:
    """Text files that are not what they should be."""
    good = "\n".join([HEADER, *GOOD]) + "\n"
    wide = ",".join([HEADER, *(f"c{i}" for i in range(100_000))])
    return [
        csv_case("empty file", b"", "no header"),
        csv_case("white space only", b" \n\n\t\n", "sales"),
        csv_case("byte-order mark only", b"\xef\xbb\xbf", "sales"),
        csv_case("header only", HEADER + "\n", "no rows"),
        csv_case("header without line end", HEADER, "no rows"),
        csv_case("zeros", b"\x00" * 500, "sales"),
        csv_case("a zero byte inside a value", good.replace("B,", "B\x00,"), KEPT),
        csv_case("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "sales"),
        csv_case("a compressed file", gzip.compress(good.encode()), "sales"),
        csv_case("a workbook named csv", workbook(), "sales"),
        csv_case(
            "a page named csv",
            "<html><body><table><tr><td>x</td></tr></table></body></html>",
            "sales",
        ),
        csv_case("UTF-16", good.encode("utf-16"), KEPT),
        csv_case("UTF-16 without mark", good.encode("utf-16-le"), KEPT),
        csv_case("UTF-16 cut in a character", good.encode("utf-16")[:-1], "sales.csv"),
        csv_case("UTF-32", good.encode("utf-32"), "sales"),
        csv_case("UTF-7 letters", good.replace("A,", "+AOk-,"), KEPT),
        csv_case("half a UTF-8 character at the end", good.encode() + b"C\xc3", KEPT),
        csv_case(
            "UTF-8 and cp1252 on one line",
            good.encode()
            + "é,2024-03-01,1\n".encode() * 300
            + "é".encode()
            + "é,2024-03-01,1\n".encode("cp1252"),
            "sales.csv",
        ),
        csv_case(
            "encoding that is not",
            good,
            "encoding",
            tables={"sales": {"files": "sales.csv", "format": {"encoding": "klingon"}}},
        ),
        csv_case(
            "encoding of bytes, not of text",
            good,
            "encoding",
            tables={"sales": {"files": "sales.csv", "format": {"encoding": "base64"}}},
        ),
        csv_case("old Mac line ends", good.replace("\n", "\r"), KEPT),
        csv_case("mixed line ends", f"{HEADER}\r\n{GOOD[0]}\n{GOOD[1]}\r\n", KEPT),
        csv_case("no line end at the end", good.rstrip("\n"), KEPT),
        csv_case("blank lines between", good.replace("\n", "\n\n"), KEPT),
        csv_case("cut in a row", good + "C,2024-0", KEPT),
        csv_case("a quotation mark never closed", good + 'C,2024-06-15,"7\n', KEPT),
        csv_case("a quotation mark closed twice", good + 'C,2024-06-15,"7""\n', KEPT),
        csv_case("a row too wide", good + "C,2024-06-15,7,8,9\n", KEPT),
        csv_case("a row too narrow", good + "C\n", KEPT),
        csv_case("header twice", f"{HEADER},amount\n{GOOD[0]},1\n", "amount"),
        csv_case("header twice but for case", f"{HEADER},Amount\n{GOOD[0]},1\n", "mount"),
        csv_case("header without names", ",,\n" + "\n".join(GOOD), "sales"),
        csv_case("header of spaces", " , , \n" + "\n".join(GOOD), "sales"),
        csv_case("no header at all", "\n".join(GOOD) + "\n", "customer_id"),
        csv_case("header repeated among the rows", f"{good}{HEADER}\n", KEPT),
        csv_case("one column", "customer_id\nA\nB\n", "sales"),
        csv_case(
            "a wrong delimiter",
            good,
            "sales",
            tables={"sales": {"files": "sales.csv", "format": {"delimiter": "|"}}},
        ),
        csv_case("two delimiters", good.replace(GOOD[1], GOOD[1].replace(",", ";")), (1, 10)),
        csv_case("100 000 columns", f"{wide}\n{GOOD[0]}\n", "100,003 columns"),
        csv_case(
            "a header of 80 kB",
            (
                f"{HEADER},{','.join(f'column {i:03} ' + 'x' * 100 for i in range(700))}\n"
                f"{GOOD[0]}{',' * 700}\n"
            ),
            (1, 10),
        ),
        csv_case("a value of 20 MB", f"{good}C,2024-06-15,{'9' * 20_000_000}\n", KEPT),
        csv_case("a name of 1 MB", f"{good}{'C' * 1_000_000},2024-06-15,7\n", (3, 37.5)),
        csv_case(
            "both decimal marks",
            (
                f"customer_id;date;amount\n"
                f"{'A;2024-01-15;1,50' + chr(10)}{'B;2024-01-15;2.50' + chr(10)}"
            )
            * 1,
            "decimal",
        ),
        csv_case(
            "thousand or fraction",
            "customer_id;date;amount\nA;2024-01-15;1,234\nB;2024-01-16;2,345\n",
            "decimal",
        ),
        csv_case(
            "day or month", "customer_id,date,amount\nA,01/02/2024,1\nB,03/04/2024,2\n", "date"
        ),
        csv_case(
            "days and months", "customer_id,date,amount\nA,13/02/2024,1\nB,02/13/2024,2\n", "date"
        ),
        csv_case("all rows refused", f"{HEADER}\nA,x,1\nB,y,2\n", "sales"),
        csv_case(
            "amounts that sum beyond the type",
            HEADER + "\n" + "".join(f"A,2024-01-15,{99999999999999}\n" for _ in range(3)),
            (3, 299999999999997),
        ),
        csv_case(
            "a repeated line number", f"{HEADER},line_id\n{GOOD[0]},1\n{GOOD[1]},1\n", (1, 10)
        ),
        csv_case("exact duplicates", f"{HEADER}\n{GOOD[0]}\n{GOOD[0]}\n", (2, 20)),
        csv_case("audit date before every sale", good, "as_of", as_of="2020-01-01"),
    ]


def workbook(
    *names: str,
    rows: tuple = ((*HEADER.split(","),), ("A", "2024-01-15", 10), ("B", "2024-02-20", 20.5)),
    formula: str = "",
) -> bytes:
    """An Excel file of these sheets."""
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for name in names or ("Sheet1",):
            sheet = book.add_worksheet(name)
            for row, content in enumerate(rows):
                sheet.write_row(row, 0, content)
            if formula:
                sheet.write_row(len(rows), 0, ("C", "2024-06-15"))
                sheet.write_formula(len(rows), 2, formula, value="")
    return buffer.getvalue()


def bomb() -> bytes:
    """A workbook whose sheet unpacks to a gigabyte."""
    source, buffer = zipfile.ZipFile(io.BytesIO(workbook())), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            if name.endswith("sheet1.xml"):
                with target.open(name, "w", force_zip64=True) as stream:
                    stream.write(
                        b'<?xml version="1.0"?><worksheet '
                        b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                        b"<sheetData>"
                    )
                    for _ in range(64):
                        stream.write(b" " * 2**24)
                    stream.write(b"</sheetData></worksheet>")
            else:
                target.writestr(name, source.read(name))
    return buffer.getvalue()


def file_case(
    name: str,
    file: str,
    content: bytes | Callable[[], bytes],
    outcome: str | tuple[int, float],
    **spec: object,
) -> Case:
    """One file that a sales table reads; a large one is made when it is written."""

    def write(folder: Path) -> None:
        engagement(folder, tables={"sales": {"files": file} | spec})
        (folder / file).write_bytes(content() if callable(content) else content)

    return Case(name, write, outcome)


def parquet(**columns: object) -> bytes:
    """A Parquet file of these columns."""
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def binaries() -> list[Case]:
    """Workbooks and Parquet files that are not what they should be."""
    import datetime as dt

    days = [dt.date(2024, 1, 15), dt.date(2024, 2, 20)]
    plain = zipfile.ZipFile(hollow := io.BytesIO(), "w")
    plain.writestr("readme.txt", "nothing")
    plain.close()
    whole = parquet(customer_id=["A", "B"], date=days, amount=[10.0, 20.5])
    return [
        file_case("workbook cut", "sales.xlsx", workbook()[:2000], "sales.xlsx"),
        file_case("workbook empty", "sales.xlsx", b"", "sales.xlsx"),
        file_case("archive that is no workbook", "sales.xlsx", hollow.getvalue(), "sales.xlsx"),
        file_case("text named xlsx", "sales.xlsx", HEADER.encode(), "sales.xlsx"),
        file_case("page named xls", "sales.xls", b"<html></html>", "sales.xls"),
        file_case("workbook that unpacks to a gigabyte", "sales.xlsx", bomb, "sales.xlsx"),
        file_case(
            "sheet that is not there", "sales.xlsx", workbook("One", "Two"), "Three", sheet="Three"
        ),
        file_case("several sheets and none named", "sales.xlsx", workbook("One", "Two"), KEPT),
        file_case("sheet without rows", "sales.xlsx", workbook(rows=()), "sales.xlsx"),
        file_case(
            "sheet with its header only",
            "sales.xlsx",
            workbook(rows=((*HEADER.split(","),),)),
            "no rows",
        ),
        file_case("formula without a value", "sales.xlsx", workbook(formula="=1/0"), KEPT),
        file_case(
            "header of a workbook twice",
            "sales.xlsx",
            workbook(rows=(("customer_id", "date", "amount", "amount"), ("A", "2024-01-15", 1, 2))),
            "amount",
        ),
        file_case(
            "dates as serial numbers of 1900",
            "sales.xlsx",
            workbook(rows=((*HEADER.split(","),), ("A", 45306, 10), ("B", 45342, 20.5))),
            (2, 30.5),
        ),
        file_case("parquet cut", "sales.parquet", whole[: len(whole) // 2], "sales.parquet"),
        file_case("parquet empty", "sales.parquet", b"", "sales.parquet"),
        file_case(
            "parquet without rows",
            "sales.parquet",
            parquet(
                customer_id=pa.array([], "string"),
                date=pa.array([], "date32"),
                amount=pa.array([], "float64"),
            ),
            "no rows",
        ),
        file_case(
            "parquet with NaN and infinity",
            "sales.parquet",
            parquet(
                customer_id=["A", "B", "C", "D"],
                date=[*days, *days],
                amount=[10.0, 20.5, float("nan"), float("inf")],
            ),
            KEPT,
        ),
        file_case(
            "parquet with an amount too large",
            "sales.parquet",
            parquet(customer_id=["A", "B", "C"], date=[*days, days[0]], amount=[10.0, 20.5, 1e30]),
            KEPT,
        ),
        file_case(
            "parquet with lists",
            "sales.parquet",
            parquet(customer_id=[["A"], ["B"]], date=days, amount=[10.0, 20.5]),
            (2, 30.5),
        ),
        file_case(
            "parquet with amounts as truths",
            "sales.parquet",
            parquet(customer_id=["A", "B"], date=days, amount=[True, False]),
            "sales",
        ),
        file_case(
            "parquet with dates as numbers",
            "sales.parquet",
            parquet(customer_id=["A", "B"], date=[20240115, 20240220], amount=[10.0, 20.5]),
            KEPT,
        ),
        file_case(
            "parquet without the column",
            "sales.parquet",
            parquet(customer_id=["A"], date=days[:1]),
            "amount",
        ),
        file_case("unknown kind of file", "sales.json", b"[]", "sales.json"),
    ]


def places() -> list[Case]:
    """Files that are not files of the folder."""

    def linked(target: str) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            engagement(folder)
            (folder / "sales.csv").symlink_to(target)

        return write

    def directory(folder: Path) -> None:
        engagement(folder)
        (folder / "sales.csv").mkdir()

    def pipe(folder: Path) -> None:
        engagement(folder)
        os.mkfifo(folder / "sales.csv")

    def loop(folder: Path) -> None:
        engagement(folder)
        (folder / "sales.csv").symlink_to("sales.csv")

    def pattern(text: str) -> Callable[[Path], None]:
        return lambda folder: engagement(folder, tables={"sales": {"files": text}})

    return [
        Case("link out of the folder", linked("/etc/passwd"), "sales"),
        Case("link to nothing", linked("nothing.csv"), "sales"),
        Case("link to itself", loop, "sales"),
        Case("a folder named like the file", directory, "sales"),
        Case("a pipe named like the file", pipe, "sales"),
        Case("pattern to the parent", pattern("../*.csv"), "sales"),
        Case("absolute pattern", pattern("/etc/*"), "sales"),
        Case("pattern of the home folder", pattern("~/x.csv"), "sales"),
        Case("pattern with a zero byte", pattern("a\x00b.csv"), "sales"),
        Case(
            "key with a zero byte",
            lambda folder: engagement(folder, cost_behaviour={"re\x00nt": "fixed"}),
            "zero byte",
        ),
        Case("firm with a zero byte", lambda folder: engagement(folder, firm="a\x00b"), "firm"),
        Case("pattern that is empty", pattern(""), "files"),
        Case("pattern that never ends", pattern("**/**/**/*.csv"), "sales"),
        Case("unknown scheme", pattern("gopher://x/y"), "sales"),
        Case("a password in the URL", pattern("postgresql://me:secret@db/x"), "password"),
    ]


WRONG = {
    "a list": [1, 2],
    "a mapping": {"x": 1},
    "a truth": True,
    "a negative number": -7,
    "a long text": "x" * 500,
}
FIELDS = {
    "client": ("a list", "a mapping"), "language": tuple(WRONG), "currency": tuple(WRONG),
    "as_of": ("a list", "a mapping", "a long text"), "comparison": tuple(WRONG),
    "fiscal_year_start": ("a list", "a mapping", "a negative number", "a long text"),
    "engine": tuple(WRONG), "sector": tuple(WRONG),
    "cost_behaviour": ("a list", "a truth", "a negative number", "a long text"),
    "linked_share_minimum": ("a list", "a mapping", "a negative number", "a long text"),
    "firm": tuple(WRONG), "tables": ("a list", "a truth", "a negative number", "a long text"),
    "targets": ("a mapping", "a truth", "a negative number", "a long text"),
    "maturity": ("a list", "a mapping", "a truth", "a long text"), "stranger": ("a list",),
}  # fmt: skip


def keys() -> list[Case]:
    """Every field of the engagement with a value of another type."""
    good = "\n".join([HEADER, *GOOD]) + "\n"
    cases = [
        csv_case(f"{field}: {kind}", good, field, **{field: WRONG[kind]})
        for field, kinds in FIELDS.items()
        for kind in kinds
    ]
    inner = {
        "files a number": {"files": 5},
        "files null": {"files": None},
        "files none": {"files": []},
        "columns a list": {"files": "sales.csv", "columns": ["a"]},
        "column a number": {"files": "sales.csv", "columns": {"date": 5}},
        "column null": {"files": "sales.csv", "columns": {"date": None}},
        "column empty": {"files": "sales.csv", "columns": {"date": ""}},
        "format a text": {"files": "sales.csv", "format": "csv"},
        "delimiter too long": {"files": "sales.csv", "format": {"delimiter": ";;"}},
        "delimiter empty": {"files": "sales.csv", "format": {"delimiter": ""}},
        "decimal a letter": {"files": "sales.csv", "format": {"decimal": "x"}},
        "date without a year": {"files": "sales.csv", "format": {"date": "%d/%m"}},
        "header row zero": {"files": "sales.csv", "format": {"header_row": 0}},
        "header row beyond the end": {"files": "sales.csv", "format": {"header_row": 999}},
        "sheet a mapping": {"files": "sales.csv", "sheet": {"a": 1}},
        "stranger": {"files": "sales.csv", "stranger": 1},
        "table a text": "sales.csv",
        "table null": None,
    }
    return cases + [
        csv_case(f"sales: {name}", good, "sales", tables={"sales": spec})
        for name, spec in inner.items()
    ]


def documents() -> list[Case]:
    """Engagement files that are no engagement files."""
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
    )
    sound = "client: Test SA\nas_of: 2024-12-31\ntables:\n  sales:\n    files: sales.csv\n"
    contents: dict[str, tuple[str | bytes, str | tuple[int, float]]] = {
        "empty": ("", "mapping"),
        "a number": ("5", "mapping"),
        "a list": ("- a\n- b\n", "mapping"),
        "a text": ("hello", "mapping"),
        "null": ("null", "mapping"),
        "a tab": ("client:\tX\n\ttables: 1\n", "YAML"),
        "a mark never closed": ('client: "X\n', "YAML"),
        "a Python object": ("!!python/object/apply:os.system ['true']\n", "YAML"),
        "a Python name": ("client: !!python/name:os.system\ntables: {}\n", "YAML"),
        "an unknown tag": ("client: !vault X\ntables: {}\n", "YAML"),
        "a binary tag": (sound.replace("Test SA", "!!binary aGVsbG8="), KEPT),
        "a set": (sound.replace("Test SA", "!!set {a, b}"), "client"),
        "an alias without an anchor": ("client: *x\n", "YAML"),
        "aliases that multiply": (laughs + sound, "aliases"),
        "an alias of itself": (sound + "x: &x [*x]\n", "aliases"),
        "two documents": (sound + "---\n" + sound, "YAML"),
        "key twice": (sound + "client: Other\n", "twice"),
        "bytes": (bytes(range(256)), "engagement.yml"),
        "UTF-16": (sound.encode("utf-16"), "UTF-8"),
        "deep": ("[" * 3000, "YAML"),
        "a megabyte": ("#" * 1_100_000, "larger"),
        "a key that is a list": (sound + "? [a, b]\n: 1\n", "engagement.yml"),
        "a key that is a number": (sound + "5: 1\n", "5"),
        "a date that is none": (sound.replace("2024-12-31", "2024-13-45"), "engagement.yml"),
        "anchors within reason": (sound.replace("sales.csv", "&f sales.csv"), KEPT),
        "a merge key": (
            "base: &b {files: sales.csv}\n" + sound.replace("    files: sales.csv", "    <<: *b"),
            "base",
        ),
        "control characters": (sound.replace("Test SA", "Te\x01st"), "YAML"),
    }

    def write(content: str | bytes) -> Callable[[Path], None]:
        def fill(folder: Path) -> None:
            (folder / "engagement.yml").write_bytes(
                content if isinstance(content, bytes) else content.encode()
            )
            (folder / "sales.csv").write_text("\n".join([HEADER, *GOOD]) + "\n", encoding="utf-8")

        return fill

    return [
        Case(f"document: {name}", write(content), outcome)
        for name, (content, outcome) in contents.items()
    ]


FEC = (
    "JournalCode\tJournalLib\tEcritureNum\tEcritureDate\tCompteNum\tCompteLib\tCompAuxNum\t"
    "CompAuxLib\tPieceRef\tPieceDate\tEcritureLib\tDebit\tCredit\tEcritureLet\tDateLet\tValidDate\t"
    "Montantdevise\tIdevise"
)


def entry(
    account: str,
    debit: str,
    credit: str,
    customer: str = "",
    number: str = "1",
    day: str = "20240115",
) -> str:
    """One line of a ledger."""
    return (
        f"VE\tVentes\t{number}\t{day}\t{account}\tCompte\t{customer}\t{customer}\tF1\t{day}\t"
        f"Facture\t{debit}\t{credit}\t\t\t{day}\t\t"
    )


def ledgers() -> list[Case]:
    """Ledgers that do not balance or do not read."""
    sale = [
        entry("411000", "120,00", "0,00", "C1"),
        entry("707000", "0,00", "100,00"),
        entry("445710", "0,00", "20,00"),
    ]

    def case(
        name: str, lines: list[str], outcome: str | tuple[int, float], head: str = FEC
    ) -> Case:
        def write(folder: Path) -> None:
            engagement(folder, tables={"ledger": {"files": "*FEC*.txt"}})
            (folder / "123456789FEC20241231.txt").write_text(
                "\n".join([head, *lines]) + "\n", encoding="utf-8"
            )

        return Case(f"ledger: {name}", write, outcome)

    return [
        case("balanced", sale, (1, 100)),
        case(
            "an entry that does not balance",
            [sale[0], sale[1].replace("100,00", "90,00"), sale[2]],
            (1, 90),
        ),
        case("an amount that is none", [*sale, entry("707000", "x", "0,00")], (1, 100)),
        case(
            "a date that is none",
            [*sale, entry("707000", "0,00", "5,00", day="20241399")],
            (1, 100),
        ),
        case("without lines", [], "ledger"),
        case("without the accounts", sale, "CompteNum", FEC.replace("CompteNum", "Compte")),
        case("cut in a line", [*sale, "VE\tVentes\t2\t2024"], (1, 100)),
        case(
            "debit and credit on one line",
            [*sale, entry("707000", "5,00", "5,00", number="2")],
            (1, 100),
        ),
    ]


CASES = [*values(), *texts(), *binaries(), *places(), *keys(), *documents(), *ledgers()]
