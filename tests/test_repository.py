"""The repository keeps its own promises: lock and environment agree, nothing hidden,
notebooks well formed, demo reproducible.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import fields

import pytest
import yaml
from carnet.engagement.parameters import Parameters
from carnet.report.execution import RESERVED, notebook_parameters
from carnet.shipped import report_notebooks

from tests.conftest import DEMO, ROOT
from tools.lock import environment, pins

LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
NOTEBOOKS = report_notebooks()


def test_environment_gives_the_same_versions_as_the_lock():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert text == environment(LOCK), "run `make lock`"
    document = yaml.safe_load(text)
    assert document["channels"] == ["conda-forge"]
    python, pip, inner = document["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    assert inner["pip"] == [*pins(LOCK), "-e ."]


def test_lock_is_hashed_holds_every_dependency_and_no_url():
    spark = (ROOT / "requirements-spark.txt").read_text(encoding="utf-8")
    assert "://" not in LOCK + spark
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK.strip() + "\n" + spark.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    locked = {re.split(r"[=\[; ]", pin)[0] for pin in pins(LOCK) + pins(spark)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(d for extra in project["optional-dependencies"].values() for d in extra),
    ]
    assert {re.split(r"[=<>\[; ]", name)[0].lower() for name in wanted} <= locked


def test_nothing_of_the_project_is_ignored():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    for path in (
        "lib",
        "lib/carnet",
        "data/demo",
        "data/demo/ventes_2025.csv",
        "data/grocery",
        "data/deck/summary.csv",
        "data/saas/contrats.csv",
        "notebooks",
        "requirements.txt",
    ):
        assert (
            subprocess.run(
                ["git", "check-ignore", path], cwd=ROOT, capture_output=True, check=False
            ).stdout
            == b""
        ), path
    for path in ("data/client/sales.csv", "data/demo/.carnet/x", "reports/x"):
        assert (
            subprocess.run(
                ["git", "check-ignore", path], cwd=ROOT, capture_output=True, check=False
            ).stdout
            != b""
        ), path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_anatomy(path):
    """House style: a title, one parameters cell of commented literals, outputs committed,
    no text that belongs elsewhere.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert "".join(cells[0]["source"]).startswith("# ")
    assert sum("parameters" in cell["metadata"].get("tags", []) for cell in code) == 1
    for cell in code:
        source = "".join(cell["source"])
        assert cell["execution_count"], source
        if "parameters" in cell["metadata"].get("tags", []):
            assert all("  # " in line for line in source.splitlines())


FORBIDDEN = (  # what stands in the library, where it is typed and tested
    ast.FunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.For,
    ast.While,
    ast.If,
    ast.IfExp,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.Subscript,
    ast.JoinedStr,
    ast.Assert,
    ast.Try,
    ast.With,
    ast.AugAssign,
)


def breaches(source):
    """What of a code cell breaks the law of the notebooks: 6 lines of 100 columns,
    calls and names only.
    """
    lines = source.splitlines()
    found = [f"line of {len(line)} columns" for line in lines if len(line) > 100]
    found += [f"{len(lines)} lines"] if len(lines) > 6 else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, FORBIDDEN):
            found.append(type(node).__name__)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            found.append(f"sentence {node.value!r}")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_of_a_notebook_only_ask_and_show(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            assert breaches(source) == [], source


@pytest.mark.parametrize(
    ("source", "breach"),
    [
        ("a = b if c else d", "IfExp"),
        ("show(refused or table)", "BoolOp"),
        ("x = [row for row in t]", "ListComp"),
        ("late = t[t.gap < 0]", "Subscript"),
        ("share = late / all", "BinOp"),
        ("say('Nobody is behind.')", "sentence 'Nobody is behind.'"),
        ("for name in names:\n    show(name)", "For"),
        ("a = 1\n" * 7, "7 lines"),
        (f"show({'a' * 100})", "line of 106 columns"),
    ],
)
def test_the_law_of_the_notebooks_finds_its_breaches(source, breach):
    assert breach in breaches(source)


def test_parameters_of_the_notebooks_are_those_of_the_register():
    """The same default and the same accepted values; the length of a list may start elsewhere."""
    declared = {rule.name: rule for rule in fields(Parameters) if rule.metadata}
    stated = {
        name: rule
        for path in NOTEBOOKS
        for name, rule in notebook_parameters(path).items()
        if name not in RESERVED
    }
    assert set(stated) == set(declared)
    for path in NOTEBOOKS:
        for name, parameter in notebook_parameters(path).items():
            if name in declared:
                assert parameter.accepted == declared[name].metadata["accepted"], (path.stem, name)
                assert name == "top_count" or parameter.default == declared[name].default, (
                    path.stem,
                    name,
                )


LOADED = """
import sys
from carnet.cli import main

sys.argv = ["carnet", "check", sys.argv[1]]
try:
    main()
finally:
    print(*sys.modules)
"""


@pytest.mark.long
def test_a_check_loads_nothing_that_it_does_without(make_engagement):
    """It did: scipy, for models that a check does not fit, took a third of its time."""
    folder = make_engagement(
        tables={"sales": [["customer_id", "date", "amount"], ["A", "2024-06-30", "9"]]}
    )
    command = [sys.executable, "-c", LOADED, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    slow = {"scipy.stats", "scipy.optimize", "matplotlib", "nbconvert", "sqlalchemy", "icalendar"}
    assert "carnet.book.building" in loaded and not slow & loaded


WITHOUT_SPARK = """
import sys
import pytest

sys.modules["pyspark"] = None
sys.exit(pytest.main(["--collect-only", "-q", "-rs", "-n0", "lib"]))
"""


@pytest.mark.long
def test_without_spark_the_examples_of_all_other_modules_are_found():
    command = [sys.executable, "-c", WITHOUT_SPARK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    without = re.findall(r"unable to import module .*?lib/carnet/(\S+\.py)", done.stdout)
    assert without == ["book/on_spark.py"]


@pytest.mark.long
def test_demo_is_what_its_generator_writes(tmp_path):
    for name in ("generate.py", "ledger.py", "relations.py", "verbatims.csv"):
        shutil.copy(DEMO / name, tmp_path)
    subprocess.run([sys.executable, "generate.py"], cwd=tmp_path, check=True, capture_output=True)
    written = sorted(
        path.name
        for path in tmp_path.iterdir()
        if path.suffix in (".csv", ".txt", ".xlsx") and path.name != "verbatims.csv"
    )
    assert len(written) == 13
    for name in written:
        assert (tmp_path / name).read_bytes() == (DEMO / name).read_bytes(), (
            f"{name} differs: run `make demo`"
        )


def test_demo_ledger_follows_the_rules_and_agrees_with_the_sales(demo_book):
    """18 columns, balanced entries, continuous numbers, and Σ credit − debit of accounts 70 = Σ
    of the accepted sales.
    """
    from collections import defaultdict
    from decimal import Decimal

    revenue = Decimal(0)
    for path in sorted(DEMO.glob("*FEC*.txt")):
        assert re.fullmatch(r"\d{9}FEC\d{8}\.txt", path.name)
        header, *lines = path.read_bytes().decode("iso8859-15").split("\r\n")
        assert len(header.split("\t")) == 18 and lines.pop() == ""
        balance, numbers = defaultdict(Decimal), []
        for line in lines:
            fields = dict(zip(header.split("\t"), line.split("\t"), strict=True))
            debit, credit = (
                Decimal(fields[side].replace(",", ".")) for side in ("Debit", "Credit")
            )
            balance[fields["EcritureNum"]] += debit - credit
            numbers.append(int(fields["EcritureNum"]))
            if fields["CompteNum"].startswith("70"):
                revenue += credit - debit
        assert set(balance.values()) == {0}
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    assert revenue == demo_book.checks["sales"].accepted_amount


def test_no_machine_path_or_registry_in_tracked_files():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    found = subprocess.run(
        [
            "git",
            "grep",
            "-nIE",
            r"/(root|home/[a-z]+|work)/|https?://[^ ]+/(simple|packages)/",
            "--",
            ":!tests/test_repository.py",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
