"""What can be tried here of Windows and macOS: names that only POSIX has, and file names that
Windows refuses. A whole audit without them: tests/report/test_publishing.py.
"""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from carnet.engagement.records import slug
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.other_system.sitecustomize import MISSING, NO_MODULES

HOOK = ROOT / "tests" / "other_system"
# only where `CAN_FORK` holds; those of the last behind `hasattr`
KNOWN = {
    "report/kernels.py": {"WNOHANG", "fork", "setsid", "SIGKILL"},
    "report/printing.py": {"geteuid", "killpg", "SIGKILL"},
}
DEVICES = ("con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10)))


def refused_by_windows(path):
    """The parts of a path that Windows cannot hold."""
    return [
        part
        for part in path.parts
        if part.partition(".")[0].rstrip().lower() in DEVICES
        or re.search(r'[<>:"|?*\\\x00-\x1f]|[. ]$', part)
    ]


def test_names_of_posix_stand_only_where_they_are_asked_for():
    found = {}
    for path in (ROOT / "lib" / "carnet").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        used = {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.attr in MISSING.get(node.value.id, "").split()
        }
        if used:
            found[path.relative_to(ROOT / "lib" / "carnet").as_posix()] = used
        for node in nodes:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
                assert not names & NO_MODULES, path
    assert found == KNOWN


def test_the_other_system_has_none_of_them():
    """The hook of the whole audit takes them away, from carnet alone."""
    code = (
        "import os, carnet.report.kernels as k, carnet.report.printing as p;"
        "print(hasattr(k.os, 'fork'), hasattr(k.signal, 'SIGKILL'), hasattr(p.os, 'geteuid'),"
        " k.os.name, k.CAN_FORK, hasattr(os, 'fork'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(HOOK), "CARNET_FORK": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "False", "False", "nt", "False", "True"]


@given(st.text(max_size=80))
@example("Con")
@example(" AUX. ")
@example("nul\n")
@example("LPT1")
def test_law_a_slug_is_a_name_on_every_system(text):
    assert refused_by_windows(Path(slug(text))) == [] and len(slug(text)) < 64


@pytest.mark.parametrize("device", DEVICES)
def test_devices_of_windows_are_no_names(device):
    assert refused_by_windows(Path(device)) and refused_by_windows(Path(f"{device}.csv"))
    assert slug(device.title()) == f"{device}-"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_file_of_a_report_can_lie_on_windows(demo_reports, language):
    """Names that it takes, and short enough for a folder of a hundred letters above them."""
    home = demo_reports[language].parents[1]
    paths = [path.relative_to(home) for path in demo_reports[language].rglob("*")]
    assert len(paths) > 50
    assert {str(path): refused_by_windows(path) for path in paths if refused_by_windows(path)} == {}
    assert max(len(str(path)) for path in paths) < 160


def test_links_of_a_report_have_slashes(demo_reports):
    page = (demo_reports["en"] / "annex.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#:]+)"', page)
    assert len(links) > 20
    assert [
        link for link in links if not (demo_reports["en"] / link.partition("#")[0]).is_file()
    ] == []
