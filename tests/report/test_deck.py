"""deck.pptx: native, described, in the firm's layouts, and nothing that overflows."""

import json
import re
import shutil
import subprocess

import pytest
from pptx import Presentation
from pptx.util import Emu

from tests.conftest import run_carnet

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")


def frames_of(deck):
    return [
        (number, shape)
        for number, slide in enumerate(deck.slides, 1)
        for shape in slide.shapes
        if shape.has_chart or shape.has_table
    ]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_slides_have_one_message_native_charts_notes_and_alternative_texts(demo_reports, language):
    deck = Presentation(demo_reports[language] / "deck.pptx")
    assert 10 <= len(deck.slides) <= 14
    titles = [slide.shapes.title.text for slide in deck.slides]
    assert all(titles) and len(set(titles)) == len(titles)
    frames = frames_of(deck)
    assert sum(shape.has_chart for _, shape in frames) >= 5
    assert sum(shape.has_table for _, shape in frames) >= 3
    assert not any(shape.shape_type == 13 for s in deck.slides for shape in s.shapes), "no picture"
    for _, shape in frames:
        assert shape._element.nvGraphicFramePr.cNvPr.get("descr")
    noted = [slide for slide in deck.slides if slide.has_notes_slide]
    assert len(noted) >= 7
    assert all("n = " in slide.notes_slide.notes_text_frame.text for slide in noted)


def test_the_bridge_holds_the_report_s_own_numbers(demo_reports):
    """Σ of what is drawn of each step is the step of lists/bridge.csv."""
    deck = Presentation(demo_reports["en"] / "deck.pptx")
    chart = next(shape.chart for _, shape in frames_of(deck) if shape.has_chart)
    series = {s.name: list(s.values) for s in chart.plots[0].series}
    lines = (demo_reports["en"] / "lists" / "bridge.csv").read_text().splitlines()[1:]
    amounts = [abs(float(line.split(",")[1])) for line in lines]
    drawn = [
        sum(abs(values[n]) for name, values in series.items() if name != "base")
        for n in range(len(amounts))
    ]
    assert drawn == pytest.approx(amounts, abs=0.01)


def long_book(make_engagement, firm=None):
    """Names of 60 letters and amounts of nine digits."""
    names = {f"C{n}": f"Société industrielle et commerciale {n} " + "x" * 22 for n in range(30)}
    sales = [["customer_id", "date", "amount"]]
    for n, key in enumerate(names):
        for year, factor in ((2023, 1.0), (2024, 0.4 + 0.05 * n)):
            for month in range(1, 13):
                sales.append([key, f"{year}-{month:02d}-15", f"{123_456_789.12 * factor:.2f}"])
    people = [["customer_id", "name", "salesperson"]]
    people += [
        [k, name, f"Marie-Antoinette de Saint-Exupéry {n % 3}"]
        for n, (k, name) in enumerate(names.items())
    ]
    extra = {"firm": firm} if firm else {}
    return make_engagement(
        language="fr", tables={"sales": sales, "customers": people}, as_of="2024-12-31", **extra
    )


@pytest.mark.skipif(OFFICE is None, reason="no LibreOffice on the PATH")
def test_nothing_overflows_with_long_names_and_large_amounts(make_engagement, tmp_path):
    """Rendered by LibreOffice: a page a slide, every word on it; every shape inside its slide."""
    folder = long_book(make_engagement)
    done = run_carnet("run", folder, "--deck", "--out", tmp_path / "out", kernels=False)
    assert done.returncode == 0, done.stderr
    path = next((tmp_path / "out").glob("*/*/deck.pptx"))
    deck = Presentation(path)
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0 and shape.top >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [OFFICE, "--headless", profile, "--convert-to", "pdf", "--outdir", tmp_path, path]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    told = subprocess.check_output(["pdftotext", "-bbox", tmp_path / "deck.pdf", "-"], text=True)
    pages = re.findall(r'<page width="([\d.]+)" height="([\d.]+)">(.*?)</page>', told, re.S)
    assert len(pages) == len(deck.slides)
    for width, height, words in pages:
        boxes = re.findall(
            r'xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)"', words
        )
        assert boxes, "an empty slide"
        assert min(float(b[0]) for b in boxes) >= 0 and min(float(b[1]) for b in boxes) >= 0
        assert max(float(b[2]) for b in boxes) <= float(width)
        assert max(float(b[3]) for b in boxes) <= float(height)


def test_the_firm_s_own_template_gives_layouts_and_size(make_engagement, tmp_path):
    firm = tmp_path / "firm"
    firm.mkdir()
    (firm / "firm.yml").write_text("name: Cabinet\n", encoding="utf-8")
    template = Presentation()  # 4 : 3, python-pptx's own layouts
    template.slide_width, template.slide_height = Emu(9_144_000), Emu(6_858_000)
    template.save(firm / "template.pptx")
    folder = long_book(make_engagement, "../firm")
    done = run_carnet(
        "run", folder, "--deck", "-n", "portfolio_audit", "--out", tmp_path / "out", kernels=False
    )
    assert done.returncode == 0, done.stderr
    path = next((tmp_path / "out").glob("*/*/deck.pptx"))
    deck = Presentation(path)
    assert (deck.slide_width, deck.slide_height) == (9_144_000, 6_858_000)
    assert deck.slides[0].slide_layout.name == "Title Slide"
    assert {slide.slide_layout.name for slide in list(deck.slides)[1:]} == {"Title Only"}
    manifest = json.loads((path.parent / "manifest.json").read_text(encoding="utf-8"))
    assert "template.pptx" in {file["name"] for file in manifest["inputs"]}
    (firm / "template.pptx").write_bytes(b"no presentation")
    refused = run_carnet("run", folder, "--deck", "-n", "portfolio_audit", "--out", tmp_path / "o")
    assert refused.returncode == 2 and "template.pptx\u00a0: illisible" in refused.stderr
