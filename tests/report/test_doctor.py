"""What a machine has and what it lacks."""

import shlex
from pathlib import Path

import pytest
from carnet.report import doctor
from carnet.report.schedule import schedule_line
from carnet.wording import Wording

from tests.conftest import run_carnet

EN = Wording("en", "EUR")


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("Linux", "apt-get install chromium"),
        ("Darwin", "brew install --cask chromium"),
        ("Windows", "winget install Google.Chrome"),
    ],
)
def test_what_is_missing_is_named_with_the_command_of_the_system(monkeypatch, system, command):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    told = doctor.report(EN, system)
    assert f"- Chromium (carnet run --pdf): not found; {command}" in told
    assert "needs nothing more" in told


def test_what_is_missing_is_told_in_french(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "findSystemFonts", lambda: [])
    told = doctor.report(Wording("fr", "EUR"), "Linux")
    assert "L’audit lui-même ne demande rien de plus." in told
    assert (
        "- Polices (pages imprimées et diapositives)\u00a0: introuvable\u202f; "
        "apt-get install fonts-liberation" in told
    )


def test_what_is_there_is_told_with_its_place(monkeypatch):
    places = {"java": "/opt/java"}
    monkeypatch.setattr(doctor.shutil, "which", places.get)
    assert "+ Java (engine: spark): /opt/java" in doctor.report(EN, "Linux")


def test_reports_lists_clients_and_dates(make_engagement, tmp_path):
    sales = [["customer_id", "date", "amount"], ["A", "2023-06-30", "9"], ["A", "2024-06-30", "8"]]
    folder = make_engagement(tables={"sales": sales}, as_of="2024-12-31")
    for _ in range(2):
        run_carnet("run", folder, "--out", tmp_path / "out", "-n", "growth_plan", kernels=False)
    done = run_carnet("reports", "--out", tmp_path / "out")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert sorted(line.rsplit(" · ", 1)[0] for line in lines) == [
        "Test SA · 2024-12-31",
        "Test SA · 2024-12-31 (2)",
    ]


def test_the_line_of_a_monthly_audit_is_one_that_the_system_reads(make_engagement, tmp_path):
    sales = [["customer_id", "date", "amount"], ["A", "2024-06-30", "8"]]
    folder = make_engagement(name="client of 100 %", tables={"sales": sales})
    done = run_carnet("schedule", folder, "--out", tmp_path / "out", "--day", "3", "--hour", "7")
    assert done.returncode == 0
    when, program = done.stdout.strip().split(" * * ")
    assert when == "0 7 3" and "\\%" in program
    words = shlex.split(program.replace("\\%", "%"))
    assert words[1:] == ["run", str(folder), "--out", str(tmp_path / "out")]
    assert Path(words[0]).is_file()
    windows = schedule_line(folder, tmp_path / "out", 3, 7, "Windows")
    assert windows.startswith("schtasks /Create /SC MONTHLY /D 3 /ST 07:00 /TN ")
    assert windows.count('\\"') >= 2, "the path with spaces is quoted inside the command"
    assert run_carnet("schedule", tmp_path / "nothing").returncode == 2
