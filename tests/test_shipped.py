"""What travels with carnet."""

import pytest
from carnet.errors import CarnetError
from carnet.shipped import DEMO, FORM, NOTEBOOKS, copy_demo, report_notebooks


def test_the_demonstration_is_copied_and_what_is_there_is_left(tmp_path):
    """The raw files alone: no generator, no cache; a second copy changes nothing; a folder with
    something else is refused.
    """
    folder = tmp_path / "mine"
    copy_demo(folder)
    names = {path.name for path in folder.iterdir()}
    assert {"engagement.yml", "crm.xlsx", "ventes_2025.csv", "contrats.csv"} <= names
    assert not {name for name in names if name.endswith(".py") or name.startswith(".")}
    assert all((folder / name).read_bytes() == (DEMO / name).read_bytes() for name in names)
    (folder / "engagement.yml").write_text("client: mine\n")
    copy_demo(folder)
    assert (folder / "engagement.yml").read_text() == "client: mine\n"
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("private")
    with pytest.raises(CarnetError, match="not empty"):
        copy_demo(other)
    assert [path.name for path in other.iterdir()] == ["letter.txt"]


def test_the_notebooks_are_found():
    assert len(report_notebooks()) == 7 and (NOTEBOOKS / f"{FORM}.ipynb").is_file()
