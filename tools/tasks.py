"""Everything that the Makefile does, for machines without make:
`python tools/tasks.py audit`, `test`, … Each task is a function below; its first line is its help.

Only the standard library: `setup` makes the environment in which the rest runs.
"""

import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
DONE = VENV / ".done"
FRENCH = ROOT / "lib/carnet/locale/fr/LC_MESSAGES/carnet.po"
KEYWORDS = ("_", "sentences", "N_", "Message", "CarnetError", "ngettext:1,2")
TASKS: dict[str, Callable[[], None]] = {}


def task(function: Callable[[], None]) -> Callable[[], None]:
    """A function that a user may ask for by its name."""
    TASKS[function.__name__.replace("_", "-")] = function
    return function


def start(name: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A program of the environment, in the project's folder."""
    environment = {"OPENBLAS_NUM_THREADS": "1"}  # as of carnet's own processes
    environment |= os.environ | {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}
    return subprocess.Popen([str(BIN / name), *map(str, arguments)], cwd=ROOT, env=environment)


def run(name: str, *arguments: object, accepted: tuple[int, ...] = (0,)) -> None:
    """The same, to its end; ends with its status where it is none of those accepted."""
    with start(name, *arguments) as program:
        status = program.wait()
    if status not in accepted:
        sys.exit(status)


def python(*arguments: object) -> None:
    """The environment's Python."""
    run("python", *arguments)


@task
def setup() -> None:
    """create .venv with the locked versions"""
    given = [ROOT / "requirements.txt", ROOT / "pyproject.toml"]
    if DONE.is_file() and all(DONE.stat().st_mtime >= path.stat().st_mtime for path in given):
        return
    if sys.version_info < (3, 11):  # noqa: UP036  # the machine's Python, not the environment's
        sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 audit")
    pins = given[0].read_text(encoding="utf-8").splitlines()
    uv = next(line.split()[0] for line in pins if line.startswith("uv=="))
    venv.create(VENV, with_pip=True, symlinks=os.name != "nt")
    python("-m", "pip", "install", "--quiet", "--disable-pip-version-check", uv)
    interpreter = BIN / ("python.exe" if os.name == "nt" else "python")
    locked = ("--require-hashes", "--compile-bytecode", given[0])
    run("uv", "pip", "sync", "--quiet", "--python", interpreter, *locked)
    run("uv", "pip", "install", "--quiet", "--python", interpreter, "--no-deps", "--editable", ".")
    DONE.touch()


@task
def audit() -> None:
    """audit data/demo; the last line printed is the dated report"""
    python("-m", "compileall", "-q", "lib/carnet")
    run("carnet", "run", "data/demo", accepted=(0, 1))  # 1: some rows were set aside


@task
def test() -> None:
    """lint, unit tests, doctests, notebooks"""
    python("-m", "compileall", "-q", "lib/carnet")
    every = ("-m", "pytest", "-n", 3, "--dist", "loadfile", "--no-loadscope-reorder")
    with (
        start("python", "tools/supply_chain.py") as asking,  # it waits for the network
        start("python", *every) as testing,
    ):
        try:
            style()
        except (SystemExit, OSError):  # who reads of it need not wait for ten minutes of tests
            # as Ctrl-C does: the processes of pytest end with it, and what their tests began
            testing.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
            raise
        status = testing.wait() or asking.wait()
    if status:
        sys.exit(status)


@task
def check() -> None:
    """style, types and the unit tests that need no report: a minute and a half, while working"""
    style()
    python("-m", "pytest", "-n", 2, "-q", "-m", "not report and not long", "tests", "lib")


@task
def lint() -> None:
    """style, types, the one-way order of imports, known vulnerabilities, licences"""
    style()
    python("tools/supply_chain.py")


def style() -> None:
    """What needs no network."""
    with start("mypy") as types:  # the longest, beside the others
        run("ruff", "check", ".")
        run("ruff", "format", "--check", ".")
        run("lint-imports")
        docs()
        status = types.wait()
    if status:
        sys.exit(status)


@task
def spark() -> None:
    """add PySpark, for `engine: spark` (half a gigabyte; Java 17 or newer comes from the system)"""
    given = ("--require-hashes", "--no-deps", "-r", "requirements-spark.txt")
    run("uv", "pip", "install", "--quiet", "--python", BIN / "python", *given)


@task
def spark_cluster() -> None:
    """audit a generated book on a Spark cluster of this machine, one of its workers killed"""
    spark()
    python("-m", "tools.spark_cluster")


@task
def lab() -> None:
    """JupyterLab on the demonstration company, parameters set; for a client: carnet lab FOLDER"""
    run("carnet", "lab", "data/demo")


@task
def wheel() -> None:
    """build the wheel and try it in a fresh environment, without the checkout"""
    python("tools/try_wheel.py")


@task
def bench() -> None:
    """time the audit of generated books"""
    python("tools/bench.py")


@task
def notebooks() -> None:
    """run the notebooks again and store their outputs, which nbval compares"""
    python("tools/refresh_notebooks.py")


@task
def reference() -> None:
    """write docs/engagement.md and docs/method.md from the code"""
    python("tools/reference.py")


@task
def docs() -> None:
    """build the documentation as a site, into .site"""
    run("mkdocs", "build", "--strict", "--quiet", "--site-dir", ".site")


@task
def pictures() -> None:
    """take the pictures of README and documentation again"""
    python("-m", "tools.pictures")


@task
def demo() -> None:
    """write the demonstration company again (same seed, same bytes)"""
    python("data/demo/generate.py")


@task
def wording() -> None:
    """bring new sentences into the French catalogue; translate the empty ones by hand"""
    template, made = ROOT / "carnet.pot", ROOT / "carnet.po"
    keywords = [part for keyword in KEYWORDS for part in ("-k", keyword)]
    plain = ("--no-location", "--no-wrap")
    extract = ("extract", "-F", "babel.cfg", *keywords, "--sort-output", *plain)
    run("pybabel", "-q", *extract, "-o", template, ".")
    head = FRENCH.read_text(encoding="utf-8").partition("\n\n")[0] + "\n\n"
    update = ("--no-fuzzy-matching", "--ignore-obsolete", "--no-wrap", "--omit-header")
    run("pybabel", "-q", "update", "-i", template, "-o", FRENCH, "-l", "fr", *update)
    made.write_text(head + FRENCH.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    made.replace(FRENCH)
    template.unlink()


@task
def lock() -> None:
    """resolve the versions again into requirements.txt and environment.yml"""
    python("tools/lock.py")


@task
def clean() -> None:
    """remove the environment, reports and caches"""
    for folder in (VENV, ROOT / "reports", *(ROOT / "data").glob("*/.carnet")):
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """The tasks named, one after the other; without a name, or of a wrong one, the list."""
    asked = sys.argv[1:]
    if not asked or set(asked) - TASKS.keys():
        for name, function in TASKS.items():
            print(f"{name} - {function.__doc__}")
        sys.exit(0 if not asked or asked == ["help"] else 2)
    for name in asked:
        if name != "clean":
            setup()
        TASKS[name]()


if __name__ == "__main__":
    main()
