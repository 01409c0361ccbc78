"""The pictures of README and documentation, and the pages of every result: from reports of the
demonstration company in both languages, by `make pictures`, after what a page shows has changed.
"""

import json
import sys
import tempfile
from pathlib import Path

from carnet.cli import main as carnet
from carnet.report.printing import find_browser
from playwright.sync_api import Page, sync_playwright

from tools.results import write_page

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1000, 760
TABLE_WIDTH = 1800  # what is cut on a page may be pushed aside, on a picture it may not
# picture → notebook and exhibit
CHARTS = {
    "bridge": ("portfolio_audit", "bridge"),
    "lorenz": ("portfolio_audit", "lorenz"),
    "strategies": ("portfolio_audit", "strategies-chart"),
    "gaps": ("sales_gaps", "gap-ranking"),
    "reasons": ("churn_reasons", "reasons-chart"),
    "margins": ("cost_structure", "margin-steps"),
    "whale": ("cost_structure", "whale"),
    "profit": ("retention_plan", "profit-effect"),
    "control": ("kpi_tracking", "control-revenue"),
    "cohorts": ("kpi_tracking", "cohorts"),
}


def audited(language: str, out: Path) -> Path:
    """The report of the demonstration company."""
    sys.argv = ["carnet", "run", str(ROOT / "data/demo"), "--language", language, "--out", str(out)]
    try:
        carnet()
    except SystemExit as ended:
        assert ended.code in (0, 1), ended
    (report,) = out.glob("*/2*")
    return report


def titles(report: Path, notebook: str) -> dict[str, str]:
    """Titles of the exhibits of a page, by key."""
    told = json.loads((report / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8"))
    records = [
        output["data"]["application/vnd.carnet.exhibit+json"]
        for cell in told["cells"]
        for output in cell.get("outputs", [])
        if "application/vnd.carnet.exhibit+json" in output.get("data", {})
    ]
    return {record["key"]: record["title"] for record in records}


def take(page: Page, report: Path, language: str) -> None:
    """Page one and the tasks as a reader first sees them, then every chart."""
    page.goto((report / "index.html").as_uri())
    page.screenshot(path=IMAGES / f"index-{language}.png")
    page.goto((report / "sales_gaps.html").as_uri() + "#tasks")
    page.locator("#tasks").scroll_into_view_if_needed()
    page.screenshot(path=IMAGES / f"tasks-{language}.png")
    for name, (notebook, key) in CHARTS.items():
        title = titles(report, notebook)[key]
        page.goto((report / f"{notebook}.html").as_uri())
        chart = page.locator(
            f"svg.chart.wide[aria-label^={json.dumps(title, ensure_ascii=False)}]"
        ).first
        chart.screenshot(path=IMAGES / f"{name}-{language}.png")


def main() -> None:
    """Both languages; for everybody to read, which reports are not."""
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(executable_path=find_browser())
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for language in ("en", "fr"):
            report = audited(language, Path(scratch) / language)
            take(page, report, language)
            wide = browser.new_page(viewport={"width": TABLE_WIDTH, "height": HEIGHT})
            write_page(wide, report, language)
        browser.close()
    for picture in IMAGES.glob("*.png"):
        picture.chmod(0o644)


if __name__ == "__main__":
    main()
