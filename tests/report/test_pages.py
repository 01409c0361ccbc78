"""The report as a client sees it: one language, a real browser, paper,
and no client in another's pages.
"""

import ast
import csv
import html
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from babel import Locale
from carnet.engagement.profiles import benchmarks
from carnet.report.pages import ORDER, SCRIPTS, TEMPLATES
from carnet.report.printing import BROWSERS
from carnet.wording import LOCALES, messages
from spellchecker import SpellChecker
from unidecode import unidecode

from tests.conftest import DEMO, ROOT, run_carnet

PAGES = ["index", *ORDER]
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no Chromium ({', '.join(BROWSERS)}) on the PATH"
)
FAR_COMMONER = 50
MACHINE_WORDS = {  # names of files, parameters, software and methods, alike in every language
    "amount",  # and of columns that page one asks for
    "status",
    "start",
    "carnet",
    "bootstrap",
    "csv",
    "xlsx",
    "json",
    "html",
    "sql",
    "papermill",
    "nbconvert",
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "matplotlib",
    "duckdb",
    "ibis",
    "framework",
    "python",
}
TITLES = sorted(
    {text for quoted in benchmarks().values() for text in quoted.source.values()},
    key=len,
    reverse=True,
)


def visible_text(page: str) -> str:
    """What a reader can see or hear: text, alternative texts and labels; no code, style, script,
    or name of a file.
    """
    page = re.sub(r"<(style|script|pre|code)[^>]*>.*?</\1>", " ", page, flags=re.S)
    # names and values as one types them after -p
    page = re.sub(r'<table[^>]*id="(?:parameters|run)".*?</table>', " ", page, flags=re.S)
    page = re.sub(r"<summary>[a-z_]+: ", "<summary>", page)  # a query is called like its function
    page = re.sub(r'<p>[^<]*<a href="#sql-.*?</p>', " ", page)
    for title in TITLES:  # publications keep theirs
        page = page.replace(html.escape(title, quote=False).replace("'", "&#39;"), " ").replace(
            html.escape(title, quote=False), " "
        )
    spoken = re.findall(r'(?:alt|aria-label|data-(?:search|every|all|shown)|title)="([^"]*)"', page)
    return html.unescape(re.sub(r"{\w+}", " ", " ".join([re.sub(r"<[^>]+>", " ", page), *spoken])))


def words_of(text: str) -> set[str]:
    """Words of three letters and more, without names of files and parameters."""
    text = re.sub(
        r"\b\w+\.(csv|xlsx|json|ics|txt|html|pdf)\b|\b\w+_\w+\b|\b\w+=\S+|\blists/|\bcalendars/",
        " ",
        text,
    )
    return set(
        re.findall(
            r"(?<![\w’'])[a-zà-öø-ÿœ]{3,}(?![\w])", text.lower().replace("’", " ").replace("'", " ")
        )
    )


@pytest.fixture(scope="module")
def vocabulary():
    """Words known of each language (a word list of the language, and those of carnet's own
    sentences), and carnet's sentences without fields.
    """
    from babel.messages.pofile import read_po

    with (ROOT / "lib/carnet/locale/fr/LC_MESSAGES/carnet.po").open("rb") as stream:
        own = [
            m.string if isinstance(m.string, tuple) else (m.string,)
            for m in read_po(stream, locale="fr")
            if m.id
        ]
    french = words_of(re.sub(r"{\w*}", " ", " ".join(text for texts in own for text in texts)))
    english = words_of(re.sub(r"{\w*}", " ", " ".join(messages())))
    share = {}
    for language in ("fr", "en"):
        counts = SpellChecker(language).word_frequency
        share[language] = {word: counts[word] / counts.total_words for word in counts.words()}
    # a word list holds strangers (`les` is an English name): a word far commoner in the other
    # language is that one's
    pairs = (("fr", "en"), ("en", "fr"))
    lists = {
        one: {
            word for word, p in share[one].items() if FAR_COMMONER * p >= share[other].get(word, 0)
        }
        for one, other in pairs
    }
    for language in lists:
        lists[language] |= words_of(
            " ".join(Locale.parse(LOCALES[language]).months["format"]["abbreviated"].values())
        )
    whole = {
        "fr": {text for texts in own for text in texts if "{" not in text},
        "en": {text for text in messages() if "{" not in text},
    }
    return {"fr": lists["fr"] | french, "en": lists["en"] | english}, whole


@pytest.fixture(scope="module")
def client_words():
    """Every word of the client's own values, and the names that the engagement gives;
    no heading, no key.
    """
    import python_calamine

    cells = [
        yaml.safe_load((DEMO / "engagement.yml").read_text(encoding="utf-8"))["client"],
        DEMO.name,
    ]
    for path in DEMO.glob("*.csv"):
        content = path.read_bytes()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = content.decode("cp1252")
        if path.name != "verbatims.csv":  # the texts that the books hold are in departs.csv
            cells += [
                cell
                for row in list(
                    csv.reader(
                        io.StringIO(text), delimiter=";" if ";" in text.partition("\n")[0] else ","
                    )
                )[1:]
                for cell in row
            ]
            # French headings are quoted in messages
            cells += text.partition("\n")[0].split(";") if ";" in text.partition("\n")[0] else []
    for path in DEMO.glob("*FEC*.txt"):
        cells += {
            line.split("\t")[5]
            for line in path.read_bytes().decode("iso8859-15").split("\r\n")[1:]
            if line
        }
    book = python_calamine.CalamineWorkbook.from_path(str(DEMO / "crm.xlsx"))
    cells += [
        str(cell)
        for name in book.sheet_names
        for row in book.get_sheet_by_name(name).to_python()[1:]
        for cell in row
    ]
    engagement = yaml.safe_load((DEMO / "engagement.yml").read_text(encoding="utf-8"))
    cells += [str(answer.get("evidence", "")) for answer in engagement["maturity"].values()] + [
        str(target["owner"]) for target in engagement["targets"]
    ]
    words = words_of(" ".join(cells))
    # a calendar is called by a name without accents
    return words | {unidecode(word) for word in words}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("language", "other"), [("fr", "en"), ("en", "fr")])
def test_no_word_of_the_other_language(
    demo_reports, vocabulary, client_words, language, other, page
):
    """A word is of the other language when that one knows it and the reader's does not."""
    known, own = vocabulary
    text = (demo_reports[language] / f"{page}.html").read_text(encoding="utf-8")
    read = visible_text(text)
    shown = words_of(read)
    assert len(shown) > 100
    foreign = {
        word
        for word in shown - client_words - MACHINE_WORDS
        if word in known[other] and word not in known[language]
    }
    assert foreign == set()
    sentences = [sentence for sentence in own[other] - own[language] if len(words_of(sentence)) > 1]
    said = [
        sentence
        for sentence in sentences
        if sentence in read and re.search(rf"(?<!\w){re.escape(sentence)}(?!\w)", read)
    ]
    assert len(sentences) > 900 and said == []


@pytest.mark.parametrize(("language", "other"), [("fr", "en"), ("en", "fr")])
def test_files_beside_the_pages_are_in_the_language_of_the_report(
    demo_reports, vocabulary, client_words, language, other
):
    import icalendar
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_path(str(demo_reports[language] / "annex.xlsx"))
    cells = [
        cell
        for name in book.sheet_names
        for row in book.get_sheet_by_name(name).to_python()
        for cell in row
        if isinstance(cell, str)
    ]
    calendars = [
        icalendar.Calendar.from_ical(path.read_bytes())
        for path in (demo_reports[language] / "calendars").iterdir()
    ]
    cells += [
        str(event.get(key, ""))
        for calendar in calendars
        for event in calendar.walk("VEVENT")
        for key in ("summary", "description")
    ]
    with (demo_reports[language] / "quarantine.csv").open(encoding="utf-8") as stream:
        cells += [row["reason"] for row in csv.DictReader(stream)]
    cells += [
        figure["definition"]
        for figure in json.loads(
            (demo_reports[language] / "figures.json").read_text(encoding="utf-8")
        )["figures"].values()
    ]
    cells.append(
        visible_text(
            (demo_reports[language].parent.parent / "index.html").read_text(encoding="utf-8")
        )
    )
    shown = words_of(" ".join([*cells, *book.sheet_names])) - client_words - MACHINE_WORDS
    known, _ = vocabulary
    assert len(shown) > 60
    assert {word for word in shown if word in known[other] and word not in known[language]} == set()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "lib/carnet/exhibits/charts").glob("*.py")), ids=lambda path: path.stem
)
def test_charts_write_no_word_that_is_not_translated(path):
    """Pictures are not read here; their texts are: every literal given to a text,
    label or legend is inside `w._` or has no word in it.
    """
    writing = {
        "text",
        "set_xlabel",
        "set_ylabel",
        "set_title",
        "annotate",
        "suptitle",
        "set_xticks",
        "set_yticks",
        "set_xticklabels",
        "set_yticklabels",
        "legend",
        "frame",
        "finish",
    }

    def literals(node):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
            "_",
            "ngettext",
            "date",
            "period",
        ):
            return
        if isinstance(node, ast.keyword) and node.arg not in (
            "label",
            "s",
            "text",
            "title",
            "labels",
            None,
        ):
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        for child in ast.iter_child_nodes(node):
            if not (isinstance(node, ast.Subscript) and child is node.slice):
                yield from literals(child)

    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    written = [
        call
        for call in calls
        if (getattr(call.func, "attr", "") or getattr(call.func, "id", "")) in writing
    ]
    found = [
        text
        for call in written
        for argument in (*call.args, *call.keywords)
        for text in literals(argument)
    ]
    assert path.stem in ("__init__",) or written
    assert [text for text in found if re.search(r"[^\W\d_]{3,}", text)] == []


def test_the_language_test_finds_a_foreign_word(vocabulary, client_words):
    known, _ = vocabulary
    assert {"the", "customers", "beyond", "average"} <= known["en"] - known["fr"]
    assert {"les", "chiffre", "périmètre", "avec"} <= known["fr"] - known["en"]
    assert not {"customers", "about", "from", "amount", "rows", "lignes"} & client_words
    assert words_of(
        visible_text('<p title="Beyond">l’écart <pre>code</pre><img alt="customers"></p>')
    ) == {"écart", "beyond", "customers"}


def test_every_script_of_a_page_is_ours_and_hashed(demo_reports):
    import base64
    import hashlib

    page = (demo_reports["fr"] / "sales_gaps.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.S)
    assert scripts == [(TEMPLATES / name).read_text(encoding="utf-8").strip() for name in SCRIPTS]
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])
    assert "default-src 'none'" in policy
    for script in scripts:
        assert (
            f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
            in policy
        )


@pytest.mark.parametrize("page", ORDER)
def test_behind_every_table_and_figure_stands_how_it_was_made(demo_reports, page):
    text = (demo_reports["en"] / f"{page}.html").read_text(encoding="utf-8")
    annex = (demo_reports["en"] / "annex.html").read_text(encoding="utf-8")
    methods = re.findall(r'<details class="method">.*?</details>', text, flags=re.S)
    shown = re.split(r'<details class="method">.*?</details>', text, flags=re.S)
    assert len(methods) + annex.count('<details class="method">') > 30 and not re.search(
        r"<figure|<table", shown[-1]
    ), "something is shown without its method"
    for method in methods:
        assert "<pre" in method and (
            "Rows accepted of rows read" in method and "annex.html#row-ledger" in method
        )
    linked = re.findall(r'href="annex\.html#made-(\w+)"', "".join(methods))
    assert len(linked) > 5, "a measure that ran is one click away"
    for measure in linked:
        assert f'id="made-{measure}"' in annex, measure
    for anchor in re.findall(r'href="#([^"]+)"', text):
        assert f'id="{anchor}"' in text, anchor


@pytest.mark.parametrize("name", ORDER)
def test_every_query_that_ran_for_an_exhibit_is_in_its_appendix(demo_reports, name):
    """Measures that were recorded for an exhibit and that return a table of the engine have
    their SQL there.
    """
    import importlib
    import inspect

    import ibis.expr.types as ir
    from carnet.measures.catalogue import MEASURES

    notebook = json.loads(
        (demo_reports["en"] / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    )
    records = [
        output["metadata"]["carnet"].get("made_by", [])
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "carnet" in output.get("metadata", {})
    ]
    ran = {measure for made_by in records for measure in made_by if measure in MEASURES}
    assert len(ran) > 5
    queried = set()
    for measure in ran:
        function = getattr(importlib.import_module(MEASURES[measure].module), measure)
        if inspect.signature(function).return_annotation is ir.Table:
            queried.add(measure)
    page = (demo_reports["en"] / "annex.html").read_text(encoding="utf-8")
    assert {measure for measure in queried if f'id="sql-{measure}"' not in page} == set()


def test_summary_leads_to_the_names_and_the_annex_tells_scope(demo_reports):
    page = (demo_reports["en"] / "index.html").read_text(encoding="utf-8")
    linked = re.findall(r'href="(\w+)\.html#([\w-]+)"', page)
    behind = {anchor for name, anchor in linked if name not in ("accounts", "annex")}
    assert {
        "lost-customers", "shrinking-customers", "new-customers", "growing-customers", "tracked",
    } <= behind  # fmt: skip
    for name, anchor in linked:
        there = (demo_reports["en"] / f"{name}.html").read_text(encoding="utf-8")
        assert f'id="{anchor}"' in there, (name, anchor)
        table = re.search(rf'<table[^>]*id="{anchor}".*?</table>', there, flags=re.S)
        assert anchor not in behind or (table and len(re.findall("<tr>", table[0])) > 1)
    annex = (demo_reports["en"] / "annex.html").read_text(encoding="utf-8")
    manifest = json.loads((demo_reports["en"] / "manifest.json").read_text(encoding="utf-8"))
    for file in manifest["inputs"]:
        assert file["name"] in annex and file["sha256"][:16] in annex
    assert manifest["versions"]["pandas"] in annex and "No earlier audit of this client" in page


@pytest.mark.long
def test_one_report_tells_nothing_of_another_client(tmp_path, make_engagement):
    """Two engagements in one command: names, figures and paths of each stay in its own report;
    only the list of reports names both.
    """
    folders = []
    for client, customer, amount in (
        ("Alpha Unique", "Zanzibar", "123457"),
        ("Beta Single", "Quetzal", "765431"),
    ):
        sales = [
            ["customer_id", "date", "amount"],
            [customer, "2023-06-30", "100"],
            [customer, "2024-06-30", amount],
        ]
        folders.append(
            make_engagement(
                name=client.split()[0].lower() + "_folder",
                client=client,
                tables={"sales": sales},
                as_of="2024-12-31",
            )
        )
    done = run_carnet("run", *folders, "-n", "sales_gaps", "--out", tmp_path / "out", kernels=False)
    assert done.returncode == 0, done.stderr
    secrets = {
        "alpha-unique": ["Beta Single", "Quetzal", "765431", "765,431", "beta_folder"],
        "beta-single": ["Alpha Unique", "Zanzibar", "123457", "123,457", "alpha_folder"],
    }
    for slug, others in secrets.items():
        files = [path for path in (tmp_path / "out" / slug).rglob("*") if path.is_file()]
        assert len(files) > 8
        for path in files:
            content = path.read_bytes()
            for secret in [*others, str(tmp_path)]:
                assert secret.encode() not in content, (path.name, secret)
    listed = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert all(
        name in listed
        for name in (
            "Alpha Unique",
            "Beta Single",
            "alpha-unique/2024-12-31/index.html",
            "beta-single/2024-12-31/index.html",
        )
    )


@pytest.mark.long
def test_firm_signs_with_its_name_colours_logo_and_words(tmp_path, make_engagement):
    firm = tmp_path / "firm"
    firm.mkdir()
    (firm / "firm.yml").write_text(
        "name: Cabinet Exemple\ncolours: {focus: '#5B2333'}\n"
        "wording: {fr: {Main points: Ce qu’il faut retenir}}\n",
        encoding="utf-8",
    )
    (firm / "logo.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect '
        'width="40" height="20"/></svg>'
    )
    (firm / "style.css").write_text("h2 { letter-spacing: .01em; }")
    sales = [
        ["customer_id", "date", "amount"],
        ["A", "2023-06-30", "100"],
        ["A", "2024-06-30", "90"],
        ["B", "2023-06-30", "50"],
    ]
    folder = make_engagement(
        tables={"sales": sales}, as_of="2024-12-31", language="fr", firm="../firm"
    )
    done = run_carnet(
        "run", folder, "-n", "portfolio_audit", "--out", tmp_path / "out", kernels=False
    )
    assert done.returncode == 0, done.stderr
    report = tmp_path / "out" / "test-sa" / "2024-12-31"
    page = (report / "portfolio_audit.html").read_text(encoding="utf-8")
    assert "Ce qu’il faut retenir" in page and "L’essentiel" not in page
    assert (
        "--focus: #5B2333" in page
        and "letter-spacing" in page
        and 'alt="Cabinet Exemple"' in page
        and "data:image/svg+xml" in page
    )
    inputs = json.loads((report / "manifest.json").read_text())["inputs"]
    assert [file["name"] for file in inputs if file["table"] == "firm"] == [
        "firm.yml",
        "logo.svg",
        "style.css",
    ]


def test_style_of_a_firm_must_be_text(tmp_path, make_engagement):
    from carnet.engagement.file import load_engagement
    from carnet.errors import CarnetError

    (tmp_path / "firm").mkdir()
    (tmp_path / "firm" / "firm.yml").write_text("name: x")
    (tmp_path / "firm" / "style.css").write_bytes(b"/* \xe9 */")
    folder = make_engagement(
        tables={"sales": [["customer_id", "date", "amount"], ["A", "2024-01-01", "1"]]},
        firm="../firm",
    )
    with pytest.raises(CarnetError, match=r"style\.css: not UTF-8"):
        load_engagement(folder)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("colours: {focus: '#ABCDEF'}", "#ABCDEF is too light"),
        ("colours: {focus: blue}", "a colour such as #12436D"),
        ("colors: {}", "did you mean 'colours'"),
        ("wording: {fr: {Main point: x}}", "did you mean 'Main points'"),
        ("wording: {fr: {'As of {date}': x}}", "must hold the same fields"),
        ("- a", "a mapping is expected"),
        ("colours: {contrast: '#FFFFFF'}", "#FFFFFF is too light"),
        (
            "wording: {fr: {'{count} task more in the workbook.': '{count:d} de plus'}}",
            "must hold the same fields",
        ),
    ],
)
def test_faulty_firm_is_refused(tmp_path, make_engagement, content, told):
    from carnet.engagement.file import load_engagement
    from carnet.errors import CarnetError

    (tmp_path / "firm").mkdir()
    (tmp_path / "firm" / "firm.yml").write_text(content, encoding="utf-8")
    folder = make_engagement(
        tables={"sales": [["customer_id", "date", "amount"], ["A", "2024-01-01", "1"]]},
        firm="../firm",
    )
    with pytest.raises(CarnetError, match=re.escape(told)):
        load_engagement(folder)


# --- in Chromium


@pytest.fixture(scope="module")
def chromium():
    if BROWSER is None:
        pytest.skip("no Chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=BROWSER,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def opened(chromium, path: Path, width: int = 1200):
    """A page in a window of its own, with what it wrote on the console and what it asked
    of the network.
    """
    page = chromium.new_context(viewport={"width": width, "height": 900}).new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on(
        "request",
        lambda request: (
            told.append(request.url) if not request.url.startswith(("file:", "data:")) else None
        ),
    )
    page.goto(path.as_uri())
    return page, told


@needs_browser
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.long
def test_page_in_a_browser(chromium, demo_reports, name, language):
    """No console message, no request, no violation of the accessibility rules,
    nothing wider than the window at three widths.
    """
    from axe_playwright_python.sync_playwright import Axe

    page, told = opened(chromium, demo_reports[language] / f"{name}.html")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    for width in (400, 800, 1200):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    # the pages of both languages have the same structure; the rules take seconds
    if language == "fr" or name == "index":
        result = Axe().run(page)
        assert len(result.response["passes"]) > 15
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in result.response["violations"]] == []
    assert told == []
    page.context.close()


@needs_browser
@pytest.mark.long
def test_contents_follow_the_scroll(chromium, demo_reports):
    # polls from outside: wait_for_function needs eval, which the policy forbids
    from playwright.sync_api import expect

    page, _ = opened(chromium, demo_reports["en"] / "portfolio_audit.html")
    headings = page.locator("main h2").count()
    for position in (0, headings // 2, headings - 1):
        heading = page.locator("main h2").nth(position)
        heading.evaluate("element => element.scrollIntoView()")
        expect(page.locator("nav a[aria-current]")).to_have_attribute(
            "href", f"#{heading.get_attribute('id')}"
        )
    page.context.close()


@needs_browser
@pytest.mark.long
def test_lists_are_sorted_and_filtered(chromium, demo_reports):
    """The gap list: by salesperson, by words, by number and by name;
    what is shown and counted is what the list holds.
    """
    import csv

    from playwright.sync_api import expect

    with (demo_reports["en"] / "lists" / "sales_gaps.csv").open(encoding="utf-8") as stream:
        late = [row for row in csv.DictReader(stream) if float(row["sales_gap"]) < 0]
    page, _ = opened(chromium, demo_reports["en"] / "sales_gaps.html")
    table = page.locator("#sales-gaps")
    first_name = table.locator("tbody tr:first-child td:first-child")
    tools = page.locator(
        "xpath=//table[@id='sales-gaps']/ancestor::div[1]/preceding-sibling::div[1]"
    )

    def column(number: int) -> list[str]:
        return table.locator(f"tbody tr:not([hidden]) td:nth-child({number})").all_inner_texts()

    assert (
        len(column(1)) == 15
        and tools.locator("[role=status]").inner_text() == f"Rows shown: 15 of {len(late)}"
    )
    person = "Claire Besson"
    tools.locator("select").first.select_option(person)
    mine = [row["name"] for row in late if row["salesperson"] == person]
    assert column(1) == mine and set(column(2)) == {person}
    tools.locator("select").first.select_option("")
    tools.get_by_role("button").first.click()
    assert len(column(1)) == len(late)
    table.get_by_role("button", name="Previous revenue").click()
    by_revenue = sorted(late, key=lambda row: -float(row["revenue_previous"]))
    expect(first_name).to_have_text(by_revenue[0]["name"])
    assert column(1)[:5] == [row["name"] for row in by_revenue[:5]]
    table.get_by_role("button", name="Customer").click()
    by_name = sorted((row["name"] for row in late), key=lambda name: unidecode(name).casefold())
    expect(first_name).to_have_text(by_name[0])
    assert column(1)[:3] == by_name[:3]
    tools.locator("input").fill("Hotel ")  # accents and case do not matter
    assert (
        set(column(1))
        == {row["name"] for row in late if "hotel" in unidecode(row["name"]).lower()}
        != set()
    )
    page.locator("#folds").click()
    assert (
        page.locator("details.method[open]").count() == page.locator("details.method").count() > 5
    )
    page.context.close()


@needs_browser
@pytest.mark.long
def test_a_search_minds_no_kind_of_space(chromium, demo_reports):
    """French thousands stand apart by a narrow no-break space; a reader types a plain one."""
    page, _ = opened(chromium, demo_reports["fr"] / "sales_gaps.html")
    page.locator(
        "xpath=//table[@id='sales-gaps']/ancestor::div[1]/preceding-sibling::div[1]//input"
    ).fill("174 399")
    assert page.locator("#sales-gaps tbody tr:not([hidden]) td:first-child").all_inner_texts() == [
        "Groupe Hôtelier Brévent"
    ]
    page.context.close()


@needs_browser
@pytest.mark.skipif(
    shutil.which("pdfinfo") is None or shutil.which("pdftotext") is None,
    reason="pdfinfo and pdftotext (poppler-utils) read the PDF",
)
@pytest.mark.long
def test_print_to_pdf(demo_reports, tmp_path):
    """Pages are numbered to their count, headings of cut tables are repeated,
    methods stay on screen, no path of the machine is left.
    """
    from carnet.report.printing import find_browser, print_pages

    page = shutil.copy(demo_reports["fr"] / "portfolio_audit.html", tmp_path)
    print_pages(find_browser(), [Path(page)])
    printed = tmp_path / "portfolio_audit.pdf"
    information = subprocess.run(
        ["pdfinfo", printed], capture_output=True, text=True, check=True
    ).stdout
    count = int(re.search(r"Pages:\s+(\d+)", information)[1])
    assert 8 <= count <= 20 and "A4" in information
    text = subprocess.run(
        ["pdftotext", "-layout", printed, "-"], capture_output=True, text=True, check=True
    ).stdout
    sheets = text.split("\f")[:-1]
    assert len(sheets) == count
    assert all(re.search(rf"\b{n} ?/ ?{count}\b", sheet) for n, sheet in enumerate(sheets, 1))
    assert all(
        "Fournitures Vauban SAS (fictive) – Audit du portefeuille clients" in sheet
        for sheet in sheets[1:]
    )
    assert "draw_table" not in text and "Comment c’est mesuré" not in text
    assert (
        str(tmp_path).encode() not in printed.read_bytes()
        and b"file:///" not in printed.read_bytes()
    )


def test_pdf_without_a_browser_is_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("carnet.report.printing.shutil.which", lambda name: None)
    done = run_carnet("run", DEMO, "--pdf", "--out", tmp_path / "out")
    assert (
        done.returncode == 2
        and "apt-get install chromium" in done.stderr
        and not (tmp_path / "out").exists()
    )


@pytest.mark.parametrize(
    ("there", "prints"),
    [
        (["google-chrome", "chromium"], "chromium"),
        (["chromium", "chromium-headless-shell"], "chromium-headless-shell"),
    ],
)
def test_a_browser_without_windows_prints_where_there_is_one(monkeypatch, there, prints):
    from carnet.report.printing import find_browser

    monkeypatch.setattr(
        "carnet.report.printing.shutil.which", lambda name: name if name in there else None
    )
    assert find_browser() == prints


@pytest.mark.long
def test_a_browser_that_fails_costs_the_pdf_and_not_the_audit(
    make_engagement, tmp_path, monkeypatch
):
    stand_in = tmp_path / "chromium"
    stand_in.write_text("#!/bin/sh\necho it broke >&2\nexit 7\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr("carnet.report.printing.shutil.which", lambda name: str(stand_in))
    sales = [
        ["customer_id", "date", "amount"],
        ["A", "2023-06-30", "100"],
        ["A", "2024-06-30", "90"],
    ]
    done = run_carnet(
        "run",
        make_engagement(tables={"sales": sales}, as_of="2024-12-31"),
        "-n",
        "kpi_tracking",
        "--pdf",
        "--out",
        tmp_path / "out",
        kernels=False,
    )
    report = tmp_path / "out" / "test-sa" / "2024-12-31"
    assert (
        done.returncode == 2
        and "is published, without PDF" in done.stderr
        and "it broke" in done.stderr
    )
    assert (
        (report / "kpi_tracking.html").is_file()
        and ".pdf" not in (report / "index.html").read_text(encoding="utf-8")
        and not list(report.glob("*.pdf"))
    )


@needs_browser
@pytest.mark.long
def test_pdf_of_a_report(make_engagement, tmp_path):
    sales = [
        ["customer_id", "date", "amount"],
        ["A", "2023-06-30", "100"],
        ["A", "2024-06-30", "90"],
    ]
    done = run_carnet(
        "run",
        make_engagement(tables={"sales": sales}, as_of="2024-12-31"),
        "-n",
        "portfolio_audit",
        "--pdf",
        "--out",
        tmp_path / "out",
        kernels=False,
    )
    assert done.returncode == 0, done.stderr
    report = tmp_path / "out" / "test-sa" / "2024-12-31"
    for name in ("index", "portfolio_audit", "annex"):
        assert (report / f"{name}.pdf").read_bytes()[:5] == b"%PDF-"
    assert 'href="portfolio_audit.pdf"' in (report / "annex.html").read_text(encoding="utf-8")


def test_no_two_places_of_a_page_bear_one_name(demo_reports):
    """A link leads to one place; what Matplotlib names inside its drawings is its own."""
    for page in sorted(demo_reports["fr"].glob("*.html")):
        text = re.sub(r"<svg.*?</svg>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        names = Counter(re.findall(r'\sid="([^"]+)"', text))
        assert [name for name, count in names.items() if count > 1] == [], page.name
