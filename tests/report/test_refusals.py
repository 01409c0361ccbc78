"""What stops a command: told once, in the language of the engagement, wherever it stopped."""

import ast
import json
import os
import pickle
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from carnet.engagement.file import load_engagement, spoken_in
from carnet.errors import CarnetError, Message
from carnet.report.execution import NotebookFailed
from carnet.report.refusals import is_expected, refusal
from carnet.wording import Wording

from tests.conftest import ROOT, run_carnet
from tests.report.test_faults import run_those_of, small_notebook

SALES = [["customer_id", "date", "amount"], ["A", "2023-06-30", "100"], ["A", "2024-06-30", "90"]]
FRENCH = Wording("fr", "EUR")._


def plain(text):
    """Without the spaces that do not break."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def calls_of(name):
    for path in sorted((ROOT / "lib" / "carnet").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name and node.args:
                yield path, node


@pytest.mark.long
def test_every_refusal_can_be_told_in_another_language():
    """None is an f-string, which no catalogue can hold; what validators refuse are messages."""
    made = list(calls_of("CarnetError"))
    assert len(made) > 150
    for path, call in made:
        assert not isinstance(call.args[0], ast.JoinedStr), f"{path}:{call.lineno}"
    for path, call in calls_of("ValueError"):
        if path.parent.name in ("engagement", "profiles"):
            assert not isinstance(call.args[0], ast.JoinedStr | ast.Constant), path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clint": "x"}, "engagement.yml, ligne 2 : clint : clé inconnue « clint » ; vouliez-vous"),
        ({"as_of": "hier"}, "as_of : une date AAAA-MM-JJ est attendue, par exemple 2024-12-31"),
        ({"currency": "EURO"}, "un code ISO 4217 de trois lettres tel que EUR, USD, GBP ou CHF"),
        ({"comparison": "yearly"}, "'yearly' n’est pas accepté ; Valeurs acceptées : rolling_year"),
        ({"fiscal_year_start": 13}, "un nombre d’au plus 12 est attendu (trouvé : '13')"),
        ({"client": [1]}, "client : un texte est attendu"),
        ({"sector": "fishing"}, "'fishing' n’est ni un secteur ni un fichier (.yml) du dossier"),
        ({"tables": {"salez": SALES}}, "table inconnue « salez » ; vouliez-vous dire"),
        ({"parameters": {"kpi_tracking": {"top_count": 5000}}}, "5000 sort de 1 à 1000"),
        ({"source": "postgresql://me:secret@h/x"}, "aucun mot de passe ne s’écrit dans ce fichier"),
    ],
)
def test_faults_of_the_file_in_french(make_engagement, change, said):
    folder = make_engagement(**{"language": "fr", "tables": {"sales": SALES}, **change})
    done = run_carnet("check", folder)
    assert done.returncode == 2
    assert said in plain(done.stderr) and "secret" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-n", "sales_gap"), "carnet: notebook inconnu « sales_gap » ; vouliez-vous dire"),
        (("-p", "foo=1"), "paramètre inconnu « foo » ; "),
        (("-p", "top_count=0"), "paramètre « top_count » : 0 sort de 1 à 1000."),
        (("-p", "top_count"), "-p top_count : écrivez NOM=VALEUR."),
        (("--as-of", "soon"), "as_of : 'soon' n’est pas une date."),
    ],
)
def test_options_refused_in_french(make_engagement, tmp_path, arguments, said):
    folder = make_engagement(language="fr", tables={"sales": SALES})
    done = run_carnet("run", folder, *arguments, "--out", tmp_path / "out")
    assert done.returncode == 2 and said in plain(done.stderr)


def test_the_language_asked_for_wins_and_each_folder_has_its_own(make_engagement, tmp_path):
    french = make_engagement(language="fr", tables={"sales": SALES})
    english = tmp_path / "english"
    shutil.copytree(french, english)
    for folder, language in ((english, "en"), (french, "fr")):
        text = (folder / "engagement.yml").read_text(encoding="utf-8")
        text = text.replace("language: fr", f"language: {language}") + "clint: x\n"
        (folder / "engagement.yml").write_text(text, encoding="utf-8")
    assert "clé inconnue" in run_carnet("check", french).stderr
    assert "unknown key" in run_carnet("check", french, "--language", "en").stderr
    assert "unknown key" in run_carnet("check", english).stderr


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("language: fr\n", "fr"),
        ("client: [\nlanguage: 'fr'  # mine\n", "fr"),
        ("\ufefflanguage: fr\n", "fr"),
        ("tables:\n  language: fr\n", "en"),
        ("language: de\n", "en"),
        ("language : fr\n", "fr"),
        ("{client: X, language: fr}\n", "fr"),
    ],
)
def test_the_language_of_a_faulty_file(tmp_path, text, language):
    (tmp_path / "engagement.yml").write_text(text, encoding="utf-8")
    assert spoken_in(tmp_path) == language
    assert spoken_in(tmp_path / "nowhere") == ""


@pytest.mark.long
def test_what_a_notebook_refuses_in_french(make_engagement, tmp_path):
    folder = make_engagement(language="fr", tables={"sales": SALES}, as_of="2024-12-31")
    asked = ("-n", "portfolio_audit", "-p", "strategy_rules=luck=1")
    done = run_carnet("run", folder, *asked, "--out", tmp_path / "out")
    assert done.returncode == 2
    said = "carnet: portfolio_audit : règles de stratégie : aucune règle ne s’appelle 'luck' ; "
    assert said in plain(done.stderr)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "la mémoire a manqué (MemoryError)."),
        (OSError(28, "No space left on device"), "le disque est plein ([Errno 28] No space left"),
        (PermissionError(13, "Permission denied"), "écriture refusée ([Errno 13]"),
        (OSError("odd"), "la machine a refusé (odd)."),
        (NotebookFailed("kpi_tracking", -1, "CarnetError: non", ""), "kpi_tracking : non"),
        (NotebookFailed("kpi_tracking", 3, "KeyError: 'x'", ""), "kpi_tracking a échoué : KeyErr"),
        (KeyError("x"), "C’est une faute de carnet (KeyError : 'x')."),
    ],
)
def test_what_the_machine_refuses(error, said):
    assert plain(str(refusal(error).told(FRENCH))).startswith(said)
    assert is_expected(error) is not isinstance(error, KeyError)


def test_a_message_keeps_its_parts_in_another_process():
    inner = Message("a number is expected")
    error = CarnetError("{what} (found {found})", what=inner, found=ROOT)
    sent = pickle.loads(pickle.dumps(error))
    assert str(sent) == f"a number is expected (found {ROOT})"
    assert plain(str(sent.told(FRENCH))) == f"un nombre est attendu (trouvé : {ROOT})"
    assert str(CarnetError("{braces} stay").told(FRENCH)) == "{braces} stay"


def answered(command, answer, cwd):
    """The output of a command in a terminal, its questions answered, and its exit."""
    import pty

    own, other = pty.openpty()
    process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, cwd=cwd)
    os.close(other)
    os.write(own, answer.encode())
    told, until = b"", time.monotonic() + 120
    while time.monotonic() < until:
        if select.select([own], [], [], 0.2)[0]:
            try:
                told += os.read(own, 65536)
            except OSError:  # the other end is closed
                break
        elif process.poll() is not None:
            break
    os.close(own)
    return told.decode(), process.wait(timeout=10)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "code"), [("\n", 0), ("n\n", 2)])
@pytest.mark.long
def test_run_offers_a_proposal_to_a_person(tmp_path, answer, code):
    folder = tmp_path / "ventes"
    folder.mkdir()
    rows = "customer;date;net amount\nA;2024-01-31;10,50\nB;2024-02-29;20,00\n"
    (folder / "sales.csv").write_text(rows, encoding="utf-8")
    command = [sys.executable, "-m", "carnet", "run", str(folder)]
    told, ended = answered(command, answer, tmp_path)
    assert "has no engagement.yml yet. Propose one from the files there? [Y/n]" in told
    assert ended == code and not (tmp_path / "reports").exists()
    assert (folder / "engagement.yml").is_file() is (code == 0)
    if code == 0:
        assert load_engagement(folder).tables["sales"].columns["amount"] == "net amount"
    else:
        assert "has data and no engagement.yml yet: carnet init" in told


@pytest.mark.long
def test_a_rerun_says_what_moved(make_engagement, tmp_path, monkeypatch):
    """The revenue of 2024 is 90, then 130 by the rows themselves."""
    run_those_of(small_notebook(tmp_path / "notebooks", parameters="limit = 3"), monkeypatch)
    folder, out = make_engagement(tables={"sales": SALES}, as_of="2024-12-31"), tmp_path / "out"
    asked = ("run", folder, "--out", out)
    assert "Against the run before" not in run_carnet(*asked, kernels=False).stderr
    again = run_carnet(*asked, kernels=False)
    assert again.stdout.strip().endswith("2024-12-31.2")
    assert "Against the run before (2024-12-31), no figure moved." in again.stderr
    text = (folder / "sales.csv").read_text(encoding="utf-8")
    (folder / "sales.csv").write_text(text.replace(",90", ",130"), encoding="utf-8")
    third = run_carnet(*asked, kernels=False).stderr
    assert "Against the run before (2024-12-31.2), 1 figure moved:" in third
    assert "  Revenue: €90.00 → €130.00\n" in third
    assert "Files that differ: sales.csv." in third
    told = run_carnet(*asked, "-p", "limit=4", kernels=False).stderr
    assert "no figure moved" in told and "Parameters differ: limit." in told


@pytest.mark.long
def test_two_runs_that_cannot_be_compared(make_engagement, tmp_path, monkeypatch):
    """In another currency, of another client, or damaged: told, and the report is there."""
    run_those_of(small_notebook(tmp_path / "notebooks"), monkeypatch)
    folder, out = make_engagement(tables={"sales": SALES}, as_of="2024-12-31"), tmp_path / "out"
    run_carnet("run", folder, "--out", out, kernels=False)
    yml = folder / "engagement.yml"
    yml.write_text(yml.read_text(encoding="utf-8").replace("EUR", "USD"), encoding="utf-8")
    other = run_carnet("run", folder, "--out", out, kernels=False)
    assert (
        other.returncode == 0 and "the currency of that report is 'EUR', here 'USD'" in other.stderr
    )
    manifest = Path(other.stdout.strip()) / "manifest.json"
    kept = json.loads(manifest.read_text(encoding="utf-8"))
    for damage in ({"notebooks": 3}, {"inputs": [{}]}):
        manifest.write_text(json.dumps(kept | damage), encoding="utf-8")
        done = run_carnet("run", folder, "--out", out, kernels=False)
        assert done.returncode == 0 and Path(done.stdout.strip()).is_dir()
        assert "manifest.json: not the manifest of a report of carnet." in done.stderr
        shutil.rmtree(done.stdout.strip())


@pytest.mark.long
def test_a_run_of_other_notebooks_moved_nothing(make_engagement, tmp_path, monkeypatch):
    """One records the revenue, the other nothing."""
    notebooks = small_notebook(tmp_path / "notebooks")
    text = (notebooks / "small.ipynb").read_text(encoding="utf-8")
    (notebooks / "other.ipynb").write_text(text.replace("record(", "print("), encoding="utf-8")
    run_those_of(notebooks, monkeypatch)
    folder, out = make_engagement(tables={"sales": SALES}, as_of="2024-12-31"), tmp_path / "out"
    run_carnet("run", folder, "-n", "small", "--out", out, kernels=False)
    done = run_carnet("run", folder, "-n", "other", "--out", out, kernels=False)
    assert "no figure moved" in done.stderr
    first, second = sorted((out / "test-sa").glob("2024*"))
    told = run_carnet("compare", first, second)
    assert told.returncode == 0 and "no figure moved" in told.stdout
    assert run_carnet("compare", second, first).returncode == 2


def test_more_that_a_consultant_does_wrong(make_engagement, tmp_path):
    folder = make_engagement(language="fr", tables={"sales": SALES})
    yml = folder / "engagement.yml"
    whole = yml.read_text(encoding="utf-8")
    for change, said in (
        ("lists: {tasks: 5}\n", "clé inconnue « tasks » ; Valeurs acceptées : language"),
        ("sections: {hid: []}\n", "clé inconnue « hid » ; vouliez-vous dire « hide »"),
        ("sections: {hide: [sales_gaps.luk]}\n", "section inconnue « sales_gaps.luk »"),
        ("account_page_count: 1.5\n", "un nombre entier est attendu"),
        ("parameters: {portfolio_audit: {top_count: x}}\n", "une valeur de type nombre entier"),
        ("parameters: {portfolio_audit: {top_cout: 3}}\n", "paramètre inconnu « top_cout »"),
        ("comparison: postgresql://u:pw@h/d\n", "'postgresql://…@h/d' n’est pas accepté"),
        ("sector: A: B\n", "ligne 7 : illisible comme YAML"),
        ("as_of: '2020-01-01'\n", "2 × date : date postérieure à la date d’audit"),
    ):
        yml.write_text(whole + change, encoding="utf-8")
        told = plain(run_carnet("check", folder).stderr)
        assert said in told and "pw@" not in told, (change, told)
    yml.write_text(whole, encoding="utf-8")
    assert "existe déjà" in run_carnet("init", folder).stderr
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "mine.ipynb").write_text("{broken", encoding="utf-8")
    assert "mine.ipynb : illisible comme notebook." in plain(run_carnet("check", folder).stderr)
    assert (
        "aucun rapport dans" in plain(run_carnet("reports", "--out", tmp_path / "no").stderr)
        or "no report in" in run_carnet("reports", "--out", tmp_path / "no").stderr
    )
