"""engagement.yml changed key by key: comments kept, guesses told, nothing else touched."""

import shutil

import pytest
import yaml
from carnet.engagement.file import load_engagement
from carnet.errors import CarnetError

from tests.conftest import DEMO

pytest.importorskip("ruamel.yaml", reason="ruamel.yaml is in the extra `lab`")
from carnet.intake.proposal.draft import Draft, first_rows, roles_of


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
