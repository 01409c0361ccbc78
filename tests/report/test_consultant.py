"""What the consultant chooses and says, and what the analyst changes, in the published report."""

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from carnet.report.notebooks import find_notebooks
from carnet.wording import Wording
from pptx import Presentation

from tests.conftest import page_text, run_carnet

ROWS = [[f"C{n % 9}", f"{2023 + n % 2}-{1 + n % 12:02d}-15", str(10 + n)] for n in range(180)]
SALES = [["customer_id", "date", "amount"], *ROWS]


def audit(folder, out, *options):
    done = run_carnet("run", folder, "--out", out, "-n", "portfolio_audit", *options, kernels=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.mark.report
def test_the_consultant_s_choices_in_one_report(make_engagement, tmp_path):
    """Words beside their section with figures filled in and signed, sections hidden and first,
    parameters kept, lists as a French spreadsheet opens them, slides; then the same words
    over a figure that has moved, and the next audit, which reads the lists in the machine's form.
    """
    choices = {
        "signed": {"name": "Zoé B.", "date": "2025-01-20"},
        "sections": {"hide": ["portfolio_audit.orders"], "first": ["portfolio_audit.progression"]},
        "parameters": {"portfolio_audit": {"top_count": 3}, "sales_gaps": {"tracked_share": 0.5}},
        "lists": {"language": "fr", "delimiter": ";", "bom": True},
    }
    folder = make_engagement(tables={"sales": SALES}, as_of="2024-12-31", **choices)
    (folder / "comments.md").write_text(
        "# Notes\n\n## index\nRevenue was **{revenue}** <script>alert(1)</script>.\n\n"
        "## portfolio_audit.concentration (Max M., 2025-01-12)\nOne customer too many.\n",
        encoding="utf-8",
    )
    report = audit(folder, tmp_path / "out", "--deck")
    words_are_there(report)
    page = page_text(report / "portfolio_audit.html")
    heads = re.findall(r'<h2 id="([^"]+)"', page)
    assert not any(head.startswith("How-do-they-buy") for head in heads)
    assert heads[0].startswith("Main-points") and heads[1].startswith("Who-buys-more")
    assert 'data-first="3"' in page
    raw = (report / "lists" / "abc.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    head, first = raw.decode("utf-8-sig").splitlines()[:2]
    assert {"Rang", "N° client", "Client"} <= set(head.split(";")) and re.search(r"\d,\d", first)
    machine = (report / "lists" / "machine" / "abc.csv").read_text(encoding="utf-8")
    assert "rank" in machine.splitlines()[0].split(",")

    then = figures_of(report)["revenue"]["value"]
    more = [*SALES, ["C1", "2024-12-20", "5000"]]
    folder = make_engagement(tables={"sales": more}, as_of="2024-12-31", **choices)
    told = page_text(audit(folder, tmp_path / "out", "-p", "top_count=4") / "index.html")
    assert "Moved since these words were written" not in page_text(report / "index.html")
    money = Wording("en", "EUR").money
    moved = f"Revenue: {money(then)} then, {money(then + 5000)} now."
    assert f"Moved since these words were written: {moved}" in told
    changed = report.with_name("2024-12-31.2") / "portfolio_audit.html"
    assert 'data-first="4"' in page_text(changed), "-p comes before what is kept"


def words_are_there(report):
    index, page = (page_text(report / f"{name}.html") for name in ("index", "portfolio_audit"))
    told = Wording("en", "EUR").money(figures_of(report)["revenue"]["value"])
    words = index[index.index('<div class="comment">') :][:400]
    assert f"<strong>{told}</strong>" in words and "<script" not in words
    assert "Zoé B., 20 January 2025" in words and "Signed: Zoé B., 20 January 2025" in index
    place = page.index("One customer too many.")
    around = (page.index(f'<h2 id="{head}') for head in ("How-concentrated", "What-if-the-largest"))
    before, after = around
    assert before < place < after
    assert "Max M., 12 January 2025" in page[place : place + 200]
    texts = [
        shape.text_frame.text
        for slide in Presentation(report / "deck.pptx").slides
        for shape in slide.shapes
        if shape.has_text_frame
    ]
    assert any(told in text for text in texts)


def figures_of(report):
    return json.loads((report / "figures.json").read_text(encoding="utf-8"))["figures"]


def test_the_next_audit_reads_the_machine_s_form(make_engagement, tmp_path):
    lists = {"language": "fr", "delimiter": ";"}
    folder = make_engagement(tables={"sales": SALES}, as_of="2024-12-31", lists=lists)
    for day in ("2024-12-31", "2025-01-31"):
        options = ("--out", tmp_path / "out", "-n", "sales_gaps", "--as-of", day)
        done = run_carnet("run", folder, *options, kernels=False)
        assert done.returncode == 0, done.stderr
    manifest = next((tmp_path / "out").glob("*/2025-01-31")) / "manifest.json"
    assert json.loads(manifest.read_text())["earlier_report"] == "2024-12-31"


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
    done = run_carnet(
        "run", folder, "--out", tmp_path / "out", "-n", "portfolio_audit", kernels=False
    )
    assert done.returncode == 2 and told in done.stderr
    assert not list((tmp_path / "out").glob("*/2*"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            {"sections": {"hide": ["portfolio_audit.order"]}},
            (
                "sections.hide: unknown section 'portfolio_audit.order'; did you mean "
                "'portfolio_audit.orders'"
            ),
        ),
        ({"parameters": {"portfolio_audit": {"top_cont": 3}}}, "'top_cont'; did you mean"),
        ({"parameters": {"portfolio_audit": {"top_count": -1}}}, "-1 is outside 1 to 1000"),
        (
            {
                "parameters": {
                    "portfolio_audit": {"abc_cut_a": 0.5},
                    "sales_gaps": {"abc_cut_a": 0.6},
                }
            },
            "'abc_cut_a' decides on accounts in every notebook and has two values",
        ),
        ({"audience": "managers"}, "did you mean 'management'"),
        ({"parameters": {"portfolio_audi": {}}}, "'portfolio_audi'; did you mean 'portfolio_a"),
    ],
)
def test_faulty_choices_are_refused_before_anything_runs(make_engagement, tmp_path, content, told):
    folder = make_engagement(tables={"sales": SALES}, **content)
    done = run_carnet("run", folder, "--out", tmp_path / "out")
    assert done.returncode == 2 and told in done.stderr
    assert not list((tmp_path / "out").glob("*/2*"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_notebook_whose_name_is_not_utf_8_is_refused(make_engagement, tmp_path):
    folder = make_engagement(tables={"sales": SALES}, as_of="2024-12-31")
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / os.fsdecode(b"\xe9tude.ipynb")).write_text("{}")
    for command in ("run", folder, "--out", tmp_path / "out"), ("check", folder):
        done = run_carnet(*command)
        assert done.returncode == 2 and "\ufffdtude.ipynb: the name is not UTF-8" in done.stderr
    assert not (tmp_path / "out").exists()


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
            nbformat.v4.new_code_cell(
                "from pathlib import Path\nfrom carnet.engagement.running import this_run\n"
                "lists = Path(this_run().lists)\n(lists / 'sub').mkdir()\n"
                "(lists / 'extra.json').write_text('{}')\n"
                "(lists / 'sub' / 'a.csv').write_text('a')"
            ),
            nbformat.v4.new_code_cell(
                "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n"
                "import pandas as pd\npd.DataFrame({'answer': [42]})"
            ),
        ],
        metadata=nbformat.read(find_notebooks()[0], 4).metadata,
    )
    nbformat.write(own, folder / "notebooks" / "our_own.ipynb")
    done = run_carnet(
        "run",
        folder,
        "--out",
        tmp_path / "own",
        "-n",
        "portfolio_audit",
        "-n",
        "our_own",
    )
    assert done.returncode == 0, done.stderr
    report = next((tmp_path / "own").glob("*/2024-12-31"))
    origins = json.loads((report / "manifest.json").read_text())["notebooks"]
    assert {name: origin["from"] for name, origin in origins.items()} == {
        "our_own": "engagement",
        "portfolio_audit": "engagement",
    }
    assert "seen by the analyst 42" in page_text(report / "portfolio_audit.html")
    own_page = (report / "our_own.html").read_text(encoding="utf-8")
    assert "42" in own_page and own_page.count("data:image/png") == 1
    assert (report / "lists" / "extra.json").read_text(encoding="utf-8") == "{}"
    assert (report / "lists" / "sub" / "a.csv").is_file(), "whatever it puts beside its lists"
    assert "Our own page" in page_text(report / "index.html")


def test_a_notebook_named_twice_runs_once():
    assert [path.stem for path in find_notebooks(("sales_gaps", "sales_gaps"))] == ["sales_gaps"]


def test_hidden_sections_are_hidden_everywhere_and_no_link_is_dead(make_engagement, tmp_path):
    """Page one, the slides and the links; comments on what stands on no page stand in the annex;
    a customer called like a place for words is only a customer.
    """
    rows = [["\ue000index\ue001" if n == 3 else a, b, c] for n, (a, b, c) in enumerate(ROWS)]
    folder = make_engagement(
        tables={"sales": [SALES[0], *rows]},
        as_of="2024-12-31",
        sections={"hide": ["portfolio_audit.revenue_bridge"]},
    )
    text = "## portfolio_audit.indicators\nNine are *too many*.\n"
    (folder / "comments.md").write_text(text, encoding="utf-8")
    report = audit(folder, tmp_path / "out", "--deck")
    index = page_text(report / "index.html")
    assert '<h2 id="bridge">' not in index and '<h2 id="points">' in index
    titles = [slide.shapes.title.text for slide in Presentation(report / "deck.pptx").slides]
    assert not any("gained" in title for title in titles)
    assert "Nine are <em>too many</em>." in page_text(report / "annex.html")
    for path in report.glob("*.html"):
        html = path.read_text(encoding="utf-8")
        for file, anchor in re.findall(r'href="([\w./-]+)(?:#([\w-]+))?"', html):
            assert (report / file).is_file(), (path.name, file)
            if anchor:
                assert f'id="{anchor}"' in (report / file).read_text(encoding="utf-8"), anchor
    (folder / "comments.md").write_text("# Notes\n", encoding="utf-8")
    assert (
        run_carnet(
            "run", folder, "-n", "sales_gaps", "--out", tmp_path / "o", kernels=False
        ).returncode
        == 0
    )
