"""engagement.yml changed key by key: comments kept, guesses told, nothing else touched."""

import os
import shutil
import stat

import pytest
import yaml
from carnet.engagement.file import load_engagement
from carnet.errors import CarnetError

from tests.conftest import DEMO

pytest.importorskip("ruamel.yaml", reason="ruamel.yaml is in the extra `lab`")
from carnet.intake.proposal.draft import Draft, FileChanged, first_rows, roles_of


@pytest.fixture
def demo(tmp_path):
    for path in DEMO.iterdir():
        if path.suffix in (".yml", ".csv", ".xlsx", ".txt"):
            shutil.copy(path, tmp_path)
    return tmp_path


def lines_changed(folder, change):
    draft = Draft(folder)
    before = draft.path.read_text(encoding="utf-8").splitlines()
    change(draft)
    draft.save()
    after = draft.path.read_text(encoding="utf-8").splitlines()
    return [line for line in before if line not in after], [
        line for line in after if line not in before
    ]


def test_a_file_that_is_saved_unchanged_keeps_every_byte(demo):
    before = (demo / "engagement.yml").read_bytes()
    Draft(demo).save()
    assert (demo / "engagement.yml").read_bytes() == before
    assert [path.name for path in demo.glob(".engagement*")] == []


def test_one_key_changes_one_line(demo):
    gone, new = lines_changed(demo, lambda draft: draft.choose("sales", "cost", "PU net HT"))
    assert (gone, new) == (["      cost: Coût de revient"], ["      cost: PU net HT"])
    gone, new = lines_changed(demo, lambda draft: draft.choose("sales", "contact", ""))
    assert (gone, new) == (["      contact: Contact"], [])
    gone, new = lines_changed(demo, lambda draft: draft.put("language", "en"))
    assert [line.split("#")[1] for line in gone] == [line.split("#")[1] for line in new]
    assert new[0].startswith("language: en ")


def test_parameters_come_and_go(demo):
    before = yaml.safe_load((demo / "engagement.yml").read_text(encoding="utf-8"))
    _, new = lines_changed(demo, lambda draft: draft.put_parameter("kpi_tracking", "top_count", 5))
    assert new == ["parameters:", "  kpi_tracking:", "    top_count: 5"]
    lines_changed(demo, lambda draft: draft.put_parameter("kpi_tracking", "top_count", None))
    assert yaml.safe_load((demo / "engagement.yml").read_text(encoding="utf-8")) == before


def test_what_is_shown_of_a_table(demo):
    draft = Draft(demo)
    part = draft.part("opportunities")
    assert part.label == "crm.xlsx (Opportunités)" and len(first_rows(part)) == 10
    assert draft.columns("opportunities")["opened"] == "Ouverte le"
    assert draft.confidence("opportunities", "opened") is None  # written by hand
    assert roles_of("sales")[:3] == ["customer_id", "date", "amount"]


def test_a_guess_is_told_until_it_is_changed(tmp_path):
    (tmp_path / "sales.csv").write_text(
        "customer;date;net amount;town\nA;2024-01-31;10,50;x\nB;2024-02-29;20,00;y\n",
        encoding="utf-8",
    )
    draft = Draft(tmp_path)
    assert draft.data_files == ["sales.csv"] and draft.tables == {}
    draft.propose([])
    assert draft.columns("sales")["amount"] == "net amount"
    assert 0 < draft.confidence("sales", "amount") <= 1
    draft.choose("sales", "amount", "town")
    assert draft.confidence("sales", "amount") is None
    draft.save()
    text = draft.path.read_text(encoding="utf-8")
    assert "amount: town\n" in text.replace("town  \n", "town\n") and "date: date  # " in text
    assert Draft(tmp_path).columns("sales")["amount"] == "town"


@pytest.mark.parametrize("behind", ["", "  # why"])
def test_comments_below_a_key_that_goes_stay(tmp_path, behind):
    text = (
        f"client: x\ntables:\n  sales:\n    files: s.csv\n    columns:\n      date: d{behind}\n"
        "      cost: c  # 0.50, usual header\n    # mine\n    # and this\n  costs:\n"
        "    files: t.csv\n"
    )
    (tmp_path / "engagement.yml").write_text(text, encoding="utf-8")
    gone, new = lines_changed(tmp_path, lambda draft: draft.choose("sales", "cost", ""))
    assert (len(gone), new) == (1, []) and "cost: c" in gone[0]


@pytest.mark.parametrize(
    "text", ["no", "On", "12:30", "2024-01-31", "1_000", "0o7", "a: b", "# x", "'q", "[x]", "~"]
)
def test_a_text_stays_a_text(demo, text):
    """ruamel writes YAML 1.2; what reads engagement.yml knows 1.1."""
    draft = Draft(demo)
    draft.put("client", text)
    draft.choose("sales", "offer", text)
    draft.save()
    read = yaml.safe_load(draft.path.read_text(encoding="utf-8"))
    assert read["client"] == read["tables"]["sales"]["columns"]["offer"] == text


def test_what_is_written_in_another_shape_is_not_shown(tmp_path):
    (tmp_path / "engagement.yml").write_text(
        "client: x\ntables:\n  sales: sales.csv\n  costs: {files: /etc/*.csv}\nparameters: 3\n",
        encoding="utf-8",
    )
    draft = Draft(tmp_path)
    assert draft.part("sales") is draft.part("costs") is None
    assert draft.columns("sales") == draft.parameters("kpi_tracking") == {}


@pytest.mark.long
def test_a_proposal_keeps_the_file_that_somebody_wrote(demo):
    text = (demo / "engagement.yml").read_bytes()
    for number in ("", "2"):
        draft = Draft(demo)
        draft.propose(["departs.csv"])
        draft.propose([])  # its own proposal is not kept
        draft.save()
        assert draft.kept.name == f"engagement.yml.before{number}"
    assert (demo / "engagement.yml.before").read_bytes() == text
    assert len(list(demo.glob("*.before*"))) == 2


def test_a_date_is_read_as_one(demo):
    draft = Draft(demo)
    draft.put("as_of", "2024-12-31")
    draft.save()
    assert str(load_engagement(demo).as_of) == "2024-12-31"


def test_what_cannot_be_read_is_told(tmp_path):
    (tmp_path / "engagement.yml").write_text("client: [", encoding="utf-8")
    with pytest.raises(CarnetError, match="not YAML"):
        Draft(tmp_path)
    (tmp_path / "engagement.yml").write_text("- a\n", encoding="utf-8")
    with pytest.raises(CarnetError, match="keys and values"):
        Draft(tmp_path)
    (tmp_path / "engagement.yml").unlink()
    with pytest.raises(CarnetError, match="no table is recognised"):
        Draft(tmp_path).propose([])


def engagement(folder, text):
    (folder / "engagement.yml").write_bytes(text.encode())
    return Draft(folder)


def test_a_change_by_hand_is_not_lost(demo):
    draft, hand = Draft(demo), (demo / "engagement.yml").read_text(encoding="utf-8") + "# mine\n"
    (demo / "engagement.yml").write_text(hand, encoding="utf-8")
    draft.put("client", "Other")
    with pytest.raises(FileChanged):
        draft.save()
    assert (demo / "engagement.yml").read_text(encoding="utf-8") == hand
    draft.reload()
    draft.put("client", "Other")
    draft.save()
    text = (demo / "engagement.yml").read_text(encoding="utf-8")
    assert "# mine" in text and "client: Other" in text


def test_a_second_proposal_keeps_what_was_changed_since_the_first(tmp_path):
    rows = "customer;date;net amount\nA;2024-01-31;10,50\nB;2024-02-29;20,00\n"
    (tmp_path / "sales.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "engagement.yml.before2").write_text("precious", encoding="utf-8")
    draft = Draft(tmp_path)
    draft.propose([])
    draft.propose([])
    assert draft.kept is None
    draft.put("client", "Vauban")
    draft.save()
    draft.propose([])
    assert "Vauban" in (tmp_path / "engagement.yml.before").read_text(encoding="utf-8")
    draft.put("client", "Vauban again")
    draft.save()
    draft.propose([])
    assert draft.kept.name == "engagement.yml.before3"
    assert (tmp_path / "engagement.yml.before2").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("header", ["2024-02-30", "1:75", "2024-13-01"])
def test_a_text_that_looks_like_an_impossible_day(demo, header):
    draft = Draft(demo)
    draft.choose("sales", "offer", header)
    draft.put("as_of", header)
    draft.save()
    assert Draft(demo).columns("sales")["offer"] == header
    with pytest.raises(CarnetError, match="as_of: a date as YYYY-MM-DD is expected"):
        load_engagement(demo)


def test_the_header_of_a_role_is_found_as_the_reader_finds_it(tmp_path):
    draft = engagement(
        tmp_path,
        "client: x\ntables:\n  sales:\n    files: s.csv\n    columns: {date: ' DATE facture ', "
        "offer: Elsewhere}\n",
    )
    headers = ["Date Facture", "Cost", "customer_id"]
    assert draft.header("sales", "date", headers) == ("Date Facture", False)
    assert draft.header("sales", "offer", headers) == ("Elsewhere", False)
    assert draft.header("sales", "cost", headers) == ("Cost", True)
    assert draft.header("sales", "amount", headers) == ("", False)
    draft.choose("sales", "offer", "Cost")  # a header plays one role
    assert draft.header("sales", "cost", headers) == ("", False)


@pytest.mark.parametrize(
    "spec",
    [
        "{files: ../outside.csv}", "{files: /etc/*.csv}", "{files: 3}", "{files: .}",
        "{files: 'a**/b'}", "{files: s.csv, format: 3}", "{files: s.csv, format: {header_row: x}}",
        "{files: s.csv, format: {header_row: -1}}", "{files: folder.csv}", "[1]", "3", "",
    ],
)  # fmt: skip
def test_tables_of_any_shape_are_drawn(tmp_path, spec):
    """And no row from outside the folder is shown."""
    (tmp_path / "outside.csv").write_text("a;b\nTOPSECRET;1\n", encoding="utf-8")
    inner = tmp_path / "client"
    (inner / "folder.csv").mkdir(parents=True)
    (inner / "s.csv").write_text("a;b\n1;2\n", encoding="utf-8")
    assert engagement(inner, f"client: x\ntables:\n  sales: {spec}\n").part("sales") is None


@pytest.mark.parametrize("written", ["3", "", "[1]", "{kpi_tracking: }", "{kpi_tracking: 3}"])
def test_parameters_of_any_shape(tmp_path, written):
    draft = engagement(tmp_path, f"client: x\nparameters: {written}\n")
    assert draft.parameters("kpi_tracking") == {}
    if written in ("", "{kpi_tracking: }"):
        draft.put_parameter("kpi_tracking", "top_count", 5)
        draft.save()
        assert Draft(tmp_path).parameters("kpi_tracking") == {"top_count": 5}
    else:
        with pytest.raises(CarnetError, match="keys and values are expected"):
            draft.put_parameter("kpi_tracking", "top_count", 5)


def test_what_one_anchor_names_twice_is_not_changed_twice(tmp_path):
    text = (
        "client: x\ntables:\n  sales:\n    files: s.csv\n    columns: &c {date: d}\n"
        "  service:\n    files: t.csv\n    columns: *c\n"
    )
    draft = engagement(tmp_path, text)
    draft.choose("sales", "amount", "a")
    with pytest.raises(CarnetError, match="Change it by hand"):
        draft.save()
    assert (tmp_path / "engagement.yml").read_text(encoding="utf-8") == text
    assert draft.columns("sales") == {"date": "d"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_ends_of_lines_indents_and_mark_stay(tmp_path, mark, end):
    text = f"{mark}client: x{end}tables:{end}  sales:{end}    files:{end}    - a.csv{end}"
    draft = engagement(tmp_path, text)
    draft.save()
    assert (tmp_path / "engagement.yml").read_bytes() == text.encode()
    draft.put("client", "y")
    draft.save()
    changed = text.replace("client: x", "client: y")
    assert (tmp_path / "engagement.yml").read_bytes() == changed.encode()


@pytest.mark.parametrize("amount", ["-012", "1_000.50", "1_2e5", "~", "0x1F"])
def test_no_other_value_changes(tmp_path, amount):
    text = f"client: x\nrates: {{USD: {amount}}}\n"
    draft = engagement(tmp_path, text)
    draft.put("client", "y")
    try:
        draft.save()
    except CarnetError as refused:
        assert "Change it by hand" in str(refused)
    read = yaml.safe_load((tmp_path / "engagement.yml").read_text(encoding="utf-8"))
    assert read["rates"] == yaml.safe_load(text)["rates"]


def test_where_a_comment_would_be_lost_the_file_is_kept(tmp_path):
    text = (
        "client: x\nparameters:\n  # agreed on 3 May\n  kpi_tracking:\n    top_count: 5  # five\n"
    )
    draft = engagement(tmp_path, text)
    draft.put_parameter("kpi_tracking", "top_count", None)
    draft.save()
    assert "parameters" not in Draft(tmp_path).plain
    assert draft.kept.read_text(encoding="utf-8") == text


@pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")
def test_a_link_stays_one_and_the_mode_too(tmp_path):
    own = tmp_path / "elsewhere.yml"
    own.write_text("client: x\n", encoding="utf-8")
    own.chmod(0o640)
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "engagement.yml").symlink_to(own)
    draft = Draft(tmp_path / "client")
    draft.put("client", "y")
    draft.save()
    assert (tmp_path / "client" / "engagement.yml").is_symlink()
    assert own.read_text(encoding="utf-8") == "client: y\n"
    assert stat.S_IMODE(own.stat().st_mode) == 0o640


def test_a_file_that_cannot_be_written_is_told_and_stays(demo, monkeypatch):
    draft, before = Draft(demo), (demo / "engagement.yml").read_bytes()
    monkeypatch.setattr(os, "access", lambda *_: False)
    draft.put("client", "y")
    with pytest.raises(PermissionError):
        draft.save()
    assert (demo / "engagement.yml").read_bytes() == before
    assert [path.name for path in demo.glob(".engagement*")] == []


def test_comments_of_a_file_of_windows(tmp_path):
    text = "# hi\r\nclient: X # yo\r\n\r\n# there\r\ntables:\r\n  sales: {files: s.csv}\r\n"
    draft = engagement(tmp_path, text)
    draft.put("client", "Y")
    draft.save()
    assert (tmp_path / "engagement.yml").read_bytes() == text.replace("X", "Y").encode()


@pytest.mark.parametrize("value", [1e-05, 1e22, 0.1, 2.5e-7])
def test_numbers_small_and_large_stay_numbers(tmp_path, value):
    draft = engagement(tmp_path, "client: x\n")
    draft.put_parameter("kpi_tracking", "x", value)
    draft.save()
    assert Draft(tmp_path).parameters("kpi_tracking") == {"x": value}
