"""The documentation says what is: reference pages as the code gives them, links that lead
somewhere, commands and options that exist, output as it is printed.
"""

import importlib
import re
import shlex

import click
import nbformat
import pytest
import yaml
from carnet.cli import cli
from carnet.intake.proposal import write_proposal
from carnet.shipped import report_notebooks

from tests.conftest import DEMO, ROOT, run_carnet
from tests.report.test_faults import run_those_of, small_notebook
from tools import reference, results, tasks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BILINGUAL = ("guide", "reading", "results")


def names(page):
    return page.relative_to(ROOT).as_posix()


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", reference.PAGES)
def test_reference_pages_are_what_the_code_says(name):
    written = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "run `make reference`"


def test_what_one_may_build_upon_is_documented():
    """Every verb of the notebooks, and each name with a sentence of its own."""
    page = reference.api_page()
    assert {f"carnet.report.notebook.{verb}" for verb in ("open_book", "show", "record")} <= (
        reference.called_in_notebooks()
    )
    assert re.findall(r"^\| `.*` \| *\|$", page, re.M) == []
    assert page.count("\n| `") > 120


def test_every_key_of_the_engagement_file_is_described():
    page = reference.engagement_page()
    assert page.count("\n| `") > 80
    assert re.findall(r"^\| `.* \|  \|$", page, re.M) == []


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, place = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_file(), target
        if place:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
            assert place in {anchor(heading) for heading in headings}, target


def known_options(command):
    return {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_commands_exist_with_their_options(page):
    for line in "\n".join(blocks(page.read_text(encoding="utf-8"), "sh")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert set(words[1:]) <= tasks.TASKS.keys(), line
        if words and words[0].endswith("carnet"):
            command: click.Command = cli
            rest = words[1:]
            while isinstance(command, click.Group):
                command = command.commands[rest.pop(0)]
            given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
            assert given <= known_options(command), line


# what cannot run here: a server of the reader's, an experiment of half a year ago, make itself
ELSEWHERE = ("postgresql://", "experiment read", "experiment plan", "make ", "mkdir ")


def as_on_a_client(line, folder, out):
    """The words of a command of the documentation, on a client's folder of the test."""
    words = shlex.split(line, comments=True)[1:]
    given = {"data/client": folder, "FOLDER": folder, "DOSSIER": folder, "carnet-demo": folder}
    words = [str(given.get(word, word)) for word in words]
    words = [word.replace("reports/client", str(out / "client")) for word in words]
    if words[0] in ("run", "reports", "schedule"):
        words = [word for word in words if word != "--out" and not word.endswith("/reports")]
        words += ["--out", str(out)]
    alone = {"lab": "--no-launch", "demo": str(folder)}
    return [*words, alone[words[0]]] if words[0] in alone and len(words) < 3 else words


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/sources.md"])
@pytest.mark.long
def test_the_commands_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    """On a small client, with one small notebook in the place of carnet's seven."""
    lines = "\n".join(blocks((ROOT / page).read_text(encoding="utf-8"), "sh")).splitlines()
    folder, out = tmp_path / "client", tmp_path / "reports"
    folder.mkdir()
    rows = ["Code client;Date facture;Montant HT"]
    rows += [
        f"C{i};15/0{i + 1}/{year};{100 + i},00" for i in range(9) for year in (2023, 2024, 2025)
    ]
    (folder / "ventes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run_those_of(small_notebook(tmp_path / "notebooks", parameters="top_count = 10"), monkeypatch)
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    monkeypatch.setattr("carnet.shipped.copy_demo", write_proposal)
    ran = [line for line in lines if line.strip() and not any(w in line for w in ELSEWHERE)]
    assert len(ran) > 3
    for line in ran:
        words = as_on_a_client(line, folder, out)
        if words[0] == "compare":
            for day in ("2024-12-31", "2025-12-31"):
                run_carnet("run", folder, "--as-of", day, "--out", out)
        if words[0] in ("init", "demo"):
            (folder / "engagement.yml").unlink(missing_ok=True)
        done = run_carnet(*words)
        assert done.returncode in (0, 1), f"{line}\n{done.stderr}"
    assert not any("--open" in line for line in ran) or opened


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_blocks_of_yaml_are_yaml(page):
    for block in blocks(page.read_text(encoding="utf-8"), "yaml"):
        assert isinstance(yaml.safe_load(block), dict), block


@pytest.mark.parametrize(("page", "language"), [("guide", "en"), ("guide.fr", "fr")])
def test_the_guide_prints_what_check_prints(page, language):
    (block,) = blocks((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8"), "text")
    told = re.sub(r"\s+", " ", run_carnet("check", DEMO, "--language", language).stderr)
    for line in block.splitlines():
        assert re.sub(r"\s+", " ", line.partition("…")[0]).strip() in told, line


def test_pages_for_clients_are_in_both_languages():
    """The same headings, and the same commands."""
    for name in BILINGUAL:
        english, french = (
            (ROOT / "docs" / f"{name}{end}.md").read_text(encoding="utf-8") for end in ("", ".fr")
        )
        levels = [re.findall(r"^(#+) ", text, re.M) for text in (english, french)]
        assert levels[0] == levels[1] and len(levels[0]) > 5
        ran = [
            [
                line.split("#")[0]
                .replace(" --language en", "")
                .replace("DOSSIER", "FOLDER")
                .strip()
                for line in "\n".join(blocks(text, "sh")).splitlines()
            ]
            for text in (english, french)
        ]
        assert ran[0] == ran[1]


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 120
    assert sum(len(line) > 100 for line in lines if not line.startswith("|")) == 0


def test_make_only_calls_the_tasks():
    """One place for what a target does; the Makefile names the tasks and nothing more."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (told,) = re.findall(r"^TASKS := (.*)$", makefile, re.M)
    assert set(told.split()) == tasks.TASKS.keys()
    recipes = re.findall(r"^\t(.*)$", makefile, re.M)
    assert all(recipe.startswith("@$(PYTHON) tools/tasks.py") for recipe in recipes)


def test_the_messages_of_the_faq_are_those_of_carnet():
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "lib/carnet").rglob("*.py")
    )
    said = re.sub(r'"\s*\n\s*f?"', "", sources)  # of strings over several lines
    page = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    keys = re.findall(r"^\| (`.*?`) \|", page, re.M)
    assert len(keys) > 12
    for message in re.findall(r"`([^`]+)`", " ".join(keys)):
        for part in message.split("…"):
            assert part.strip(" '") in said, message


def test_every_result_says_what_it_does_not_say():
    """In both languages, for each section that shows something; none for one that is no more."""
    assert set(results.LIMITS) == {path.stem for path in report_notebooks()}
    for path in report_notebooks():
        told = results.LIMITS[path.stem]
        shown = {
            section: question.heading
            for question in results.questions(nbformat.read(path, as_version=4))
            for section in question.sections
        }
        assert shown.keys() <= told.keys()
        module = importlib.import_module(f"carnet.sections.{path.stem}")
        assert all(hasattr(module, section) for section in told)
        assert all(
            {"en", "fr"} == said.keys() and min(map(len, said.values())) > 30
            for said in told.values()
        )
        page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
        for section, heading in shown.items():
            assert f"### {heading}" in page
            for language, name in results.PAGES.items():
                picture = f"{path.stem}-{section}-{language}.png"
                assert (results.IMAGES / picture).is_file()
                text = (ROOT / "docs" / name).read_text(encoding="utf-8")
                assert f"(images/results/{picture})" in text and told[section][language] in text


@pytest.mark.parametrize("group", [cli, cli.commands["experiment"]], ids=["carnet", "experiment"])
def test_the_help_of_a_command_fits_on_its_line(group):
    lines = group.get_help(click.Context(group, info_name="carnet", terminal_width=80)).splitlines()
    told = lines[lines.index("Commands:") + 1 :]
    assert len(told) == len(group.commands)
    assert [line for line in told if line.endswith("...") or not line.endswith(".")] == []
