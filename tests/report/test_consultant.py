"""What the consultant chooses and says, and what the analyst changes, in the published report."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from carnet.report.publishing import find_notebooks

from tests.conftest import page_text, run_carnet

ROWS = [[f"C{n % 9}", f"{2023 + n % 2}-{1 + n % 12:02d}-15", str(10 + n)] for n in range(180)]
SALES = [["customer_id", "date", "amount"], *ROWS]


def audit(folder, out, *options):
    done = run_carnet("run", folder, "--out", out, "-n", "portfolio_audit", *options)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


def test_words_stand_beside_their_section_with_figures_filled_in(make_engagement, tmp_path):
    folder = make_engagement(
        tables={"sales": SALES}, as_of="2024-12-31", signed={"name": "Zoé B.", "date": "2025-01-20"}
    )
    (folder / "comments.md").write_text(
        "# Notes\n\n## index\nRevenue was **{revenue}** <script>alert(1)</script>.\n\n"
        "## portfolio_audit.concentration (Max M., 2025-01-12)\nOne customer too many.\n",
        encoding="utf-8",
    )
    report = audit(folder, tmp_path / "out", "--deck")
    figures = json.loads((report / "figures.json").read_text())["figures"]
    index, page = (page_text(report / f"{name}.html") for name in ("index", "portfolio_audit"))
    told = f"€{figures['revenue']['value']:,.0f}"
    words = index[index.index('<div class="comment">') :][:400]
    assert f"<strong>{told}</strong>" in words and "<script" not in words
    assert "Zoé B., 20 January 2025" in words and "Signed: Zoé B., 20 January 2025" in index
    place = page.index("One customer too many.")
    assert page.index("How-concentrated") < place < page.index("What-if-the-largest")
    assert "Max M., 12 January 2025" in page[place : place + 200]
    from pptx import Presentation

    slides = Presentation(report / "deck.pptx").slides
    assert any(
        told in shape.text_frame.text for s in slides for shape in s.shapes if shape.has_text_frame
    )


def test_a_comment_whose_figure_has_moved_is_told(make_engagement, tmp_path):
    folder = make_engagement(tables={"sales": SALES}, as_of="2024-12-31")
    (folder / "comments.md").write_text("## index\nWe count {revenue}.\n", encoding="utf-8")
    first = page_text(audit(folder, tmp_path / "out") / "index.html")
    assert "Moved since these words were written" not in first
    more = [*SALES, ["C1", "2024-12-20", "5000"]]
    folder = make_engagement(tables={"sales": more}, as_of="2024-12-31")
    report = audit(folder, tmp_path / "out")
    second = page_text(report / "index.html")
    old = json.loads((report.parent / "2024-12-31" / "figures.json").read_text())["figures"]
    then = old["revenue"]["value"]
    now = then + 5000
    assert (
        f"Moved since these words were written: Revenue: €{then:,.0f} then, €{now:,.0f} now."
        in (
            second.replace(f"€{then:,.2f}", f"€{then:,.0f}").replace(f"€{now:,.2f}", f"€{now:,.0f}")
        )
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "## portfolio_audit.concentrations\nx",
            "section 'portfolio_audit.concentrations'",
        ),
        ("## index\n{revenu}", "figure 'revenu'; did you mean 'revenue'"),
        ("## index\nx\n## index\ny", "line 3: 'index' has a comment already"),
        ("## index (Max, tomorrow)\nx", "'tomorrow' is no date"),
        ("hello\n## index\nx", "words before the first heading"),
        ("## Index page!\nx", "a heading such as ## index"),
    ],
)
def test_faulty_comments_are_refused_before_anything_runs(make_engagement, tmp_path, text, told):
    folder = make_engagement(tables={"sales": SALES}, as_of="2024-12-31")
    (folder / "comments.md").write_text(text, encoding="utf-8")
    done = run_carnet("run", folder, "--out", tmp_path / "out", "-n", "portfolio_audit")
    assert done.returncode == 2 and told in done.stderr
    assert not list((tmp_path / "out").glob("*/2*"))


def test_sections_are_hidden_and_come_first(make_engagement, tmp_path):
    folder = make_engagement(
        tables={"sales": SALES},
        as_of="2024-12-31",
        sections={"hide": ["portfolio_audit.orders"], "first": ["portfolio_audit.progression"]},
    )
    page = page_text(audit(folder, tmp_path / "out") / "portfolio_audit.html")
    heads = re.findall(r'<h2 id="([^"]+)"', page)
    assert not any(head.startswith("How-do-they-buy") for head in heads)
    assert heads[0].startswith("Main-points") and heads[1].startswith("Who-buys-more")
    folder = make_engagement(tables={"sales": SALES}, sections={"hide": ["portfolio_audit.order"]})
    done = run_carnet("run", folder, "--out", tmp_path / "o")
    assert done.returncode == 2
    assert "sections.hide: 'portfolio_audit.order'; did you mean 'portfolio_audit.orders'" in (
        done.stderr
    )


def test_parameters_are_kept_with_the_engagement(make_engagement, tmp_path):
    kept = {"portfolio_audit": {"top_count": 3}, "sales_gaps": {"tracked_share": 0.5}}
    folder = make_engagement(tables={"sales": SALES}, as_of="2024-12-31", parameters=kept)
    report = audit(folder, tmp_path / "out")
    assert 'data-first="3"' in page_text(report / "portfolio_audit.html")
    over = audit(folder, tmp_path / "over", "-p", "top_count=4")
    assert 'data-first="4"' in page_text(over / "portfolio_audit.html")
    for wrong, told in (
        ({"portfolio_audit": {"top_cont": 3}}, "parameters.portfolio_audit: 'top_cont'; did you"),
        ({"portfolio_audit": {"top_count": -1}}, "-1 is outside 1 to 1000"),
        (
            {"portfolio_audit": {"abc_cut_a": 0.5}, "sales_gaps": {"abc_cut_a": 0.6}},
            "'abc_cut_a' decides on accounts in every notebook and has two values",
        ),
    ):
        folder = make_engagement(tables={"sales": SALES}, parameters=wrong)
        done = run_carnet("run", folder, "--out", tmp_path / "o")
        assert done.returncode == 2 and told in done.stderr


def test_the_analyst_s_notebooks_are_published(make_engagement, tmp_path):
    """A changed one in the place of carnet's, an added one as a page of its own; an untouched copy
    is carnet's.
    """
    folder = make_engagement(tables={"sales": SALES}, as_of="2024-12-31")
    assert run_carnet("lab", folder, "--no-launch").returncode == 0
    report = audit(folder, tmp_path / "same")
    origins = json.loads((report / "manifest.json").read_text())["notebooks"]
    assert {name: origin["from"] for name, origin in origins.items()} == {
        "portfolio_audit": "carnet"
    }
    copy = folder / "notebooks" / "portfolio_audit.ipynb"
    notebook = nbformat.read(copy, 4)
    notebook.cells.insert(6, nbformat.v4.new_markdown_cell("## A look of our own"))
    notebook.cells.insert(7, nbformat.v4.new_code_cell("print('seen by the analyst', 6 * 7)"))
    nbformat.write(notebook, copy)
    own = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Our own page\n\nWhat else?"),
            nbformat.v4.new_code_cell(
                "engagement = '..'\nas_of = ''\nlanguage = ''", metadata={"tags": ["parameters"]}
            ),
            nbformat.v4.new_markdown_cell("## One number"),
            nbformat.v4.new_code_cell("import pandas as pd\npd.DataFrame({'answer': [42]})"),
        ],
        metadata=nbformat.read(find_notebooks()[0], 4).metadata,
    )
    nbformat.write(own, folder / "notebooks" / "our_own.ipynb")
    done = run_carnet(
        "run", folder, "--out", tmp_path / "own", "-n", "portfolio_audit", "-n", "our_own"
    )
    assert done.returncode == 0, done.stderr
    report = next((tmp_path / "own").glob("*/2024-12-31"))
    origins = json.loads((report / "manifest.json").read_text())["notebooks"]
    assert {name: origin["from"] for name, origin in origins.items()} == {
        "our_own": "engagement",
        "portfolio_audit": "engagement",
    }
    assert "seen by the analyst 42" in page_text(report / "portfolio_audit.html")
    assert "42" in page_text(report / "our_own.html")
    assert "Our own page" in page_text(report / "index.html")


def test_lists_in_the_form_of_a_french_spreadsheet(make_engagement, tmp_path):
    folder = make_engagement(
        tables={"sales": SALES},
        as_of="2024-12-31",
        lists={"language": "fr", "delimiter": ";", "bom": True},
    )
    report = audit(folder, tmp_path / "out")
    raw = (report / "lists" / "abc.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    head, first = raw.decode("utf-8-sig").splitlines()[:2]
    assert {"Rang", "N° client", "Client"} <= set(head.split(";")) and re.search(r"\d,\d", first)
    machine = (report / "lists" / "machine" / "abc.csv").read_text(encoding="utf-8")
    assert "rank" in machine.splitlines()[0].split(",")
    again = run_carnet("run", folder, "--out", tmp_path / "out", "-n", "sales_gaps")
    later = run_carnet(
        "run", folder, "--out", tmp_path / "out", "-n", "sales_gaps", "--as-of", "2025-01-31"
    )
    assert again.returncode == later.returncode == 0, later.stderr
    manifest = json.loads(
        (next((tmp_path / "out").glob("*/2025-01-31")) / "manifest.json").read_text()
    )
    assert manifest["earlier_report"], "the next audit reads the machine's form"
