"""What a machine has and what it lacks."""

import pytest
from carnet.report import doctor

from tests.conftest import run_carnet


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
    told = doctor.report(system)
    assert f"- Chromium (carnet run --pdf): not found; {command}" in told
    assert "needs nothing more" in told


def test_what_is_there_is_told_with_its_place(monkeypatch):
    places = {"java": "/opt/java"}
    monkeypatch.setattr(doctor.shutil, "which", places.get)
    assert "+ Java (engine: spark): /opt/java" in doctor.report("Linux")


def test_reports_lists_clients_and_dates(make_engagement, tmp_path):
    sales = [["customer_id", "date", "amount"], ["A", "2023-06-30", "9"], ["A", "2024-06-30", "8"]]
    folder = make_engagement(tables={"sales": sales}, as_of="2024-12-31")
    for _ in range(2):
        run_carnet("run", folder, "--out", tmp_path / "out", "-n", "growth_plan")
    done = run_carnet("reports", "--out", tmp_path / "out")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert sorted(line.rsplit(" · ", 1)[0] for line in lines) == [
        "Test SA · 2024-12-31",
        "Test SA · 2024-12-31 (2)",
    ]
