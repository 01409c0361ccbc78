"""The workbook of the lists, read back by another reader than the one that writes it."""

import csv
import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import xlsxwriter
from carnet.engagement.records import BATCH_ROWS
from carnet.report import folder
from carnet.report.workbook import PERSONAL_ROWS, SHEET_ROWS, write_annex
from carnet.wording import Wording

AS_OF = dt.date(2024, 12, 31)


def write_list(path, heading, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([heading, *rows])


def sheets_of(path):
    return pd.read_excel(path, sheet_name=None, header=None, engine="calamine")


def test_a_long_list_shows_its_first_rows_and_every_column_that_any_row_tells(tmp_path):
    """What only the last row tells is a column too; a column that no row tells is none; the
    rows that have no place are counted.
    """
    count = 2 * BATCH_ROWS + 1
    rows = [[f"{number:05d}", "", "", ""] for number in range(count)]
    rows[-1][2] = "3.5"
    heading = ["customer_id", "name", "revenue", "salesperson"]
    write_list(tmp_path / "strategy.csv", heading, rows)
    assert write_annex(Wording("en", "EUR"), tmp_path, tmp_path / "a.xlsx", "Client", AS_OF)
    contents, strategy = sheets_of(tmp_path / "a.xlsx").values()
    assert contents.iloc[-1].tolist()[1] == count
    shown = strategy.dropna(how="all")
    assert list(strategy.iloc[0]) == ["Customer no.", "Revenue"]
    assert shown[0].tolist()[1:-1] == [f"{number:05d}" for number in range(SHEET_ROWS)]
    assert shown[0].iloc[-1] == "15,001 rows more are in the list of the report."


def test_each_salesperson_has_a_sheet_of_the_customers_behind(tmp_path):
    """In the order of the list, whatever part of it a row stands in; customers without a
    salesperson have one too; who is ahead stands in none.
    """
    count = BATCH_ROWS + 600
    rows = [
        [str(number), ("Ann", "Bo", "")[number % 3], str(-1 if number % 2 else 1)]
        for number in range(count)
    ]
    write_list(tmp_path / "sales_gaps.csv", ["customer_id", "salesperson", "sales_gap"], rows)
    assert write_annex(Wording("en", "EUR"), tmp_path, tmp_path / "a.xlsx", "Client", AS_OF)
    sheets = sheets_of(tmp_path / "a.xlsx")
    assert list(sheets) == ["Contents", "No salesperson", "Ann", "Bo"]
    for name, owner in (("Ann", "Ann"), ("Bo", "Bo"), ("No salesperson", "")):
        behind = [row[0] for row in rows if row[1] == owner and row[2] == "-1"]
        shown = sheets[name][0].dropna().astype(str).tolist()[1:]
        assert shown[:PERSONAL_ROWS] == behind[:PERSONAL_ROWS]
        assert shown[PERSONAL_ROWS:] == [
            f"{len(behind) - PERSONAL_ROWS} rows more are in the list of the report."
        ]


class Killed:
    """A process that ended before its time, in the middle of a workbook."""

    def __init__(self, context, alone, write):
        self.killed = False
        target = write.args[2]
        (target.parent / ".rows-x").mkdir()
        (target.parent / ".rows-x" / "tmp1").write_text("rows of a client")

    def result(self):
        raise EOFError

    def kill(self):
        self.killed = True


@pytest.mark.long
@pytest.mark.parametrize("beside", [None, Killed])
def test_a_long_workbook_is_written_beside_the_rest(tmp_path, monkeypatch, beside):
    """By a process of its own or, where that was killed, here: the same bytes."""
    named = SimpleNamespace(client="Client", firm_profile=SimpleNamespace(colours={}))
    book = SimpleNamespace(wording=Wording("fr", "EUR"), engagement=named, as_of=AS_OF)
    written = []
    if beside is not None:
        monkeypatch.setattr(folder, "Apart", beside)
    for name, most in (("here", 10**9), ("beside", 0)):
        (tmp_path / name / "lists").mkdir(parents=True)
        rows = [[str(number), str(number / 2)] for number in range(500)]
        write_list(tmp_path / name / "lists" / "strategy.csv", ["customer_id", "revenue"], rows)
        monkeypatch.setattr(folder, "LONG_LISTS", most)
        with folder._annexed(book, tmp_path / name):
            pass
        written.append((tmp_path / name / "annex.xlsx").read_bytes())
        assert {path.name for path in (tmp_path / name).iterdir()} == {"annex.xlsx", "lists"}
    assert written[0] == written[1] and len(written[0]) > 10_000


def test_a_report_that_fails_waits_for_no_workbook(tmp_path, monkeypatch):
    named = SimpleNamespace(client="Client", firm_profile=SimpleNamespace(colours={}))
    book = SimpleNamespace(wording=Wording("fr", "EUR"), engagement=named, as_of=AS_OF)
    monkeypatch.setattr(folder, "LONG_LISTS", 0)
    begun = []
    monkeypatch.setattr(folder, "Apart", lambda *told: begun.append(Killed(*told)) or begun[-1])
    with pytest.raises(OSError, match="disk"), folder._annexed(book, tmp_path):
        raise OSError("disk")
    assert begun[0].killed and not list(tmp_path.iterdir()), "no rows of a client stay behind"


def test_rows_of_a_workbook_stand_beside_it_alone(tmp_path, monkeypatch):
    """A killed process leaves them where the next run sweeps, not in the system's folder."""
    (tmp_path / "lists").mkdir()
    write_list(tmp_path / "lists" / "strategy.csv", ["customer_id", "revenue"], [["1", "2"]])
    opened, plain = [], xlsxwriter.Workbook
    monkeypatch.setattr(
        xlsxwriter, "Workbook", lambda *told: opened.append(told[1]["tmpdir"]) or plain(*told)
    )
    write_annex(Wording("en", "EUR"), tmp_path / "lists", tmp_path / "a.xlsx", "Client", AS_OF)
    (rows,) = map(Path, opened)
    assert rows.parent == tmp_path and not rows.exists()
