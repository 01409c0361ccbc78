"""The command line: `carnet demo`, `init`, `check`, `run`, `reports`, `schedule`, `compare`,
`experiment`, `lab` and `doctor`.

Exit 0 done, 1 done with quarantined rows, 2 refused, 3 a notebook failed.
"""

import atexit
import datetime as dt
import locale
import os
import signal
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from carnet import __version__
from carnet.engagement.databases import is_database_url, without_secret
from carnet.engagement.file import FILE_NAME, load_engagement, spoken_in
from carnet.engagement.interpreter import keep_imported, with_room
from carnet.engagement.unfinished import PRIVATE
from carnet.errors import CarnetError, Message
from carnet.report.execution import CELL_TIMEOUT_SECONDS, NotebookFailed
from carnet.report.refusals import is_expected, refusal
from carnet.wording import LOCALES, Wording

# books import ibis and pandas, for two seconds: `run` starts its fork server before,
# help does without
if TYPE_CHECKING:
    from collections.abc import Sequence

    from carnet.book.book import Book
    from carnet.intake.proposal.matching import Match

DONE, WITH_QUARANTINE, REFUSED, FAILED = 0, 1, 2, 3
# one of these tables is enough to start
ENOUGH = {"sales", "ledger", "summary", "contracts", "departures", "satisfaction"}


def _system_language() -> str:
    """The language of this machine's user, where carnet speaks it."""
    told = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    first = next(filter(None, told), "") or locale.getlocale()[0] or ""
    return next((language for language in LOCALES if first.startswith(language)), "en")


@dataclass
class Reader:
    """Whom a command speaks to: errors are told in the language of the engagement at hand, before
    one is known in that of the machine.
    """

    language: str = field(default_factory=_system_language)

    def tell(self, message: Message | CarnetError) -> str:
        """A message or an error in that language."""
        return str(message.told(Wording(self.language, "EUR")._))


def _speak(folder: Path, language: str | None = None) -> None:
    """From here on, speak the language asked for, else that of an engagement."""
    reader = click.get_current_context().ensure_object(Reader)
    reader.language = language or spoken_in(folder) or _system_language()


class Command(click.Command):
    """A command that speaks the language of the engagement that it is given."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does; `folder` and `language` are parameters by these names."""
        given = ctx.params.get("folder")
        folders = ctx.params.get("folders") or ([given] if given else [])
        language = ctx.params.get("language")
        if folders:
            _speak(folders[0], language)
        return super().invoke(ctx)


class Commands(click.Group):
    """The group of such commands."""

    command_class = Command
    group_class = type


reports_folder = click.option(
    "--out",
    default="reports",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of the reports.",
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """carnet: the customer-portfolio audit workbook."""


@cli.command(short_help="Propose engagement.yml for a folder of exports.")
@click.argument("source", metavar="FOLDER | URL FOLDER")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--ask", is_flag=True, help="Numbered questions, with sample rows, for what is in doubt."
)
def init(source: str, files: tuple[Path, ...], ask: bool) -> None:
    """Propose engagement.yml for the exports in a folder: which file is which table,
    which header which column, how sure.

    With the URL of a database before the folder: for what that database holds.
    """
    # scipy is slow to import: `check` does without
    from carnet.intake.proposal import write_proposal

    url = source if is_database_url(source) else ""
    if url and len(files) != 1:
        raise CarnetError(
            "init {url}: name the folder of the engagement behind the URL: carnet init URL FOLDER.",
            url=without_secret(url),
        )
    folder = files[0] if url else Path(source)
    _speak(folder)
    proposal = write_proposal(folder, () if url else files, url, _ask if ask else None)
    for found in proposal.matches:
        told = ", ".join(
            f"{role} ← {guess.header} ({guess.confidence:.2f})"
            for role, guess in found.roles.items()
        )
        click.echo(
            f"{found.table}: {', '.join(part.label for part in [found.part, *found.others])}\n  "
            f"{told}",
            err=True,
        )
    _speak(folder)
    tell = click.get_current_context().ensure_object(Reader).tell
    notes = [Message("left out: {what}", what=line) for line in proposal.left_out]
    notes += [Message("look at: {what}", what=line) for line in proposal.doubts]
    if not ENOUGH & {found.table for found in proposal.matches}:
        lacking = Message(
            "none of the files is taken for sales, a ledger (FEC), a summary, contracts, "
            "departures or a survey: one of them is needed for an audit."
        )
        notes.append(lacking)
    for note in notes:
        click.echo(f"  ! {tell(note)}", err=True)
    then = Message("Read and correct the file, then: carnet check {folder}", folder=folder)
    click.echo(tell(then), err=True)
    click.echo(folder / FILE_NAME)


def _ask(matches: "Sequence[Match]", language: str) -> None:
    """The questions of `init --ask`, in a terminal."""
    from carnet.intake.proposal.questions import ask

    ask(
        matches,
        Wording(language, "EUR"),
        partial(click.echo, err=True),
        lambda prompt, most: click.prompt(
            prompt, default=1, type=click.IntRange(0, most), show_default=False, err=True
        ),
    )


@cli.command(short_help="What is accepted, what is set aside, and why.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--as-of", help="Audit date, YYYY-MM-DD.")
@click.option("--language", type=click.Choice(list(LOCALES)), help="Of what is said.")
def check(folder: Path, as_of: str | None, language: str | None) -> None:
    """Load and validate an engagement; print what was accepted, what was set aside and why."""
    from carnet.book.book import open_book
    from carnet.customers.objectives import check_objectives
    from carnet.report.comments import read_comments_of
    from carnet.report.notebooks import check_kept_parameters

    book = open_book(folder, as_of, language)
    check_objectives(book)
    check_kept_parameters(book.engagement, folder)
    read_comments_of(book)
    print_ledger(book)
    sys.exit(exit_code(book))


@cli.command(short_help="Audit engagements; publish a dated folder each.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-n", "--notebook", "names", multiple=True, help="Notebook to run, by name; default: all."
)
@click.option(
    "--as-of", help="Audit date, YYYY-MM-DD; default: engagement.yml, else the last sale."
)
@click.option("--language", type=click.Choice(list(LOCALES)), help="Default: engagement.yml.")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Notebook parameter.",
)
@reports_folder
@click.option(
    "--anonymise",
    is_flag=True,
    help="Pseudonyms for customers, contacts and salespeople; free text withheld.",
)
@click.option("--pdf", is_flag=True, help="Print every page to PDF too, through Chromium.")
@click.option("--deck", is_flag=True, help="Also write deck.pptx: the report as slides.")
@click.option(
    "--timeout",
    default=CELL_TIMEOUT_SECONDS,
    show_default=True,
    type=click.IntRange(min=1),
    help="Seconds that one cell may run.",
)
@click.option("--open", "opened", is_flag=True, help="Open page one in a browser.")
def run(  # noqa: PLR0913  # click: an argument an option
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    as_of: str | None,
    language: str | None,
    parameters: tuple[str, ...],
    out: Path,
    anonymise: bool,
    pdf: bool,
    deck: bool,
    timeout: int,
    opened: bool,
) -> None:
    """Audit engagements: execute the notebooks, publish one dated folder each;
    the last line is that folder.
    """
    # nbconvert and papermill are slow to import: `check` does without
    from carnet.report.comparison import told_since
    from carnet.report.kernels import process_context
    from carnet.report.notebooks import find_notebooks, is_packaged, own_names, with_own
    from carnet.report.printing import find_browser
    from carnet.report.progress import Shown
    from carnet.report.publishing import Settings, run_audit

    process_context(alone=True)  # what notebooks need beside is imported while the book is opened
    given = _read_parameters(parameters)
    browser = find_browser() if pdf else None
    watch = Shown(print_ledger)
    settings = Settings(as_of, language, browser, timeout, anonymise, deck)
    code = DONE
    for folder in folders:
        _speak(folder, language)
        _offer_proposal(folder)
        own = own_names(folder)
        asked = [name for name in names if name not in own or is_packaged(name)]
        packaged = find_notebooks(asked) if asked or not names else []
        notebooks = with_own(packaged, folder, names)
        published, book = run_audit(folder, out, notebooks, given, settings, watch)
        for line in told_since(book.wording, published):
            click.echo(line, err=True)
        click.echo(published)
        code = max(code, exit_code(book))
        if opened:
            click.launch((published / "index.html").resolve().as_uri())
    sys.exit(code)


@cli.command(short_help="The demonstration company, copied and audited.")
@click.argument("folder", default="carnet-demo", type=click.Path(path_type=Path))
@click.option("--language", type=click.Choice(list(LOCALES)), help="Default: fr.")
@click.option(
    "--open/--no-open",
    "opened",
    default=None,
    help="Open page one in a browser; by default where a person looks on.",
)
@click.pass_context
def demo(context: click.Context, folder: Path, language: str | None, opened: bool | None) -> None:
    """Copy the demonstration engagement into a folder and audit it; its reports stand there."""
    from carnet.shipped import copy_demo

    copy_demo(folder)
    seen = sys.stdout.isatty() if opened is None else opened
    context.invoke(run, folders=(folder,), language=language, out=folder / "reports", opened=seen)


@cli.command(short_help="What is installed, what is missing, how to get it.")
@click.pass_obj
def doctor(reader: Reader) -> None:
    """What is installed, what is missing for PDF, Spark or databases, and how to get it here."""
    from carnet.report.doctor import report

    click.echo(report(Wording(reader.language, "EUR")))


@cli.command(short_help="Clients and dates of the reports in a folder.")
@reports_folder
def reports(out: Path) -> None:
    """The clients and dates of the reports in a folder."""
    from carnet.book.earlier import find_reports

    found = find_reports(out)
    if not found:
        raise CarnetError("no report in {folder}.", folder=out)
    for client, dated in found.items():
        for folder, as_of, number in dated:
            click.echo(f"{client} · {as_of}{f' ({number})' if number > 1 else ''} · {folder}")


@cli.command(short_help="The line that audits an engagement every month.")
@click.argument("folder", type=click.Path(path_type=Path))
@reports_folder
@click.option("--day", type=click.IntRange(1, 28), default=2, show_default=True, help="Of a month.")
@click.option("--hour", type=click.IntRange(0, 23), default=6, show_default=True, help="Of a day.")
def schedule(folder: Path, out: Path, day: int, hour: int) -> None:
    """The line that has this system audit an engagement every month: nothing is changed here."""
    from carnet.report.schedule import schedule_line

    load_engagement(folder)
    click.echo(schedule_line(folder, out, day, hour))


@cli.command(short_help="What changed between two dated reports.")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def compare(old: Path, new: Path) -> None:
    """What changed between two dated reports: the tracked customers, then every figure,
    signal told from noise.
    """
    # tables and findings are slow to import: `check` does without
    from carnet.book.earlier import open_published
    from carnet.report.comparison import compare_reports

    _speak(new, open_published(new).language)
    click.echo(compare_reports(old, new))


@cli.group(short_help="Test one strategy at a time.")
def experiment() -> None:
    """Test one strategy at a time: plan it before any outcome is known,
    read it once it has ended.
    """


@experiment.command("plan", short_help="Draw who is treated and who is left alone.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--strategy",
    required=True,
    help="protect, serve, rekindle or renegotiate: whose accounts are drawn.",
)
@click.option(
    "--measure",
    default="revenue",
    show_default=True,
    help="revenue, margin, orders or retention: of each account, over the dates.",
)
@click.option("--days", default=180, show_default=True, help="Length, 7 to 365 days.")
@click.option("--start", help="First day, YYYY-MM-DD; default: tomorrow.")
@click.option(
    "--share", default=0.5, show_default=True, help="Share of the accounts that is treated."
)
@click.option("--seed", default=1, show_default=True, help="Number that draws the arms.")
@click.option(
    "--effect",
    type=float,
    help=(
        "Effect wished for, a customer: money, orders, or a share such as 0.05; says how many "
        "customers it takes."
    ),
)
@click.option("--rules", default="", help="Rules of the sector to replace: name=value, name=value.")
@click.option(
    "--dry-run", is_flag=True, help="Say what the arms could show; draw and write nothing."
)
def plan_command(  # noqa: PLR0913  # click: an argument an option
    folder: Path,
    strategy: str,
    measure: str,
    days: int,
    start: str | None,
    share: float,
    seed: int,
    effect: float | None,
    rules: str,
    dry_run: bool,
) -> None:
    """Size, smallest visible effect, and the arms; the last line is the plan written."""
    from carnet.book.book import open_book
    from carnet.customers.experiments.drawing import Question, plan_experiment
    from carnet.findings.experiments import size

    book = open_book(folder)
    first = parse_date("--start", start) if start else None
    question = Question(strategy, measure, days, first, share, seed, effect, rules)
    plan, path = plan_experiment(book, question, dt.date.today(), write=not dry_run)
    for sentence in size(book.wording, plan):
        click.echo(sentence)
    if not dry_run:
        click.echo(path)


@experiment.command("read", short_help="What came of an experiment that has ended.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--measure", help="Refused unless it is the plan's own.")
@click.option(
    "--as-of", help="Audit date, YYYY-MM-DD; default: engagement.yml, else the last sale."
)
def read_command(folder: Path, plan: Path, measure: str | None, as_of: str | None) -> None:
    """What came of an experiment that has ended; the last line is the result written."""
    from carnet.book.book import open_book
    from carnet.customers.experiments.files import load_plan
    from carnet.customers.experiments.reading import read_experiment
    from carnet.findings.experiments import result

    book = open_book(folder, as_of)
    found, path = read_experiment(book, plan, measure)
    for sentence in result(book.wording, load_plan(plan), found):
        click.echo(sentence)
    click.echo(path)


@cli.command(
    short_help="JupyterLab on an engagement, or the form that makes one.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "-n", "--notebook", "names", multiple=True, help="Notebook to open, by name; default: all."
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Notebook parameter.",
)
@click.option("--as-of", help="Audit date, YYYY-MM-DD.")
@click.option("--language", type=click.Choice(list(LOCALES)), help="Default: engagement.yml.")
@click.option("--no-launch", is_flag=True, help="Copy the notebooks only.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(
    folder: Path,
    names: tuple[str, ...],
    parameters: tuple[str, ...],
    as_of: str | None,
    language: str | None,
    no_launch: bool,
    options: tuple[str, ...],
) -> None:
    """JupyterLab on an engagement: the notebooks copied into its folder, parameters set; on a
    folder without one, the form that makes it. OPTIONS go to JupyterLab.
    """
    from carnet.report.lab import launch, prepare, prepare_form
    from carnet.report.notebooks import find_notebooks

    asked = names or parameters or as_of  # of notebooks that need an engagement
    if folder.is_dir() and not (folder / FILE_NAME).is_file() and not asked:
        form = prepare_form(folder, language or "en")
        click.echo(form)
        sys.exit(0 if no_launch else launch(form, options))
    copies, kept = prepare(
        folder, find_notebooks(names), _read_parameters(parameters), as_of, language
    )
    if folder.is_dir():
        prepare_form(folder, load_engagement(folder, language=language).language)
    for copy in kept:
        click.echo(f"{copy} was there already and is kept as it is.", err=True)
    click.echo(copies[0].parent)
    sys.exit(0 if no_launch else launch(copies[0], options))


def _offer_proposal(folder: Path) -> None:
    """Where a person looks on: propose the engagement.yml that a folder of exports lacks, and stop,
    since somebody must read it.
    """
    lacks = folder.is_dir() and not (folder / FILE_NAME).is_file()
    if not (lacks and sys.stdin.isatty() and sys.stderr.isatty()):
        return
    context = click.get_current_context()
    ask = Message(
        "{folder} has no {file} yet. Propose one from the files there?",
        folder=folder,
        file=FILE_NAME,
    )
    if _confirmed(context.ensure_object(Reader), ask):
        context.invoke(init, source=str(folder), files=(), ask=False)
        sys.exit(DONE)


def _confirmed(reader: Reader, question: Message) -> bool:
    """True where a person says yes in either language, or presses Enter."""
    choices = reader.tell(Message("[Y/n]"))
    said = click.prompt(f"{reader.tell(question)} {choices}", "", show_default=False, err=True)
    return said.strip().casefold() in ("", "y", "yes", "o", "oui")


def _read_parameters(texts: tuple[str, ...]) -> dict[str, str]:
    """`-p name=value` texts by name."""
    unreadable = [text for text in texts if "=" not in text]
    if unreadable:
        raise CarnetError("-p {unreadable}: write NAME=VALUE.", unreadable=unreadable[0])
    return dict(text.split("=", 1) for text in texts)


def parse_date(option: str, text: str) -> dt.date:
    """An ISO date of the command line."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise CarnetError(
            "{option} {text}: a date as YYYY-MM-DD is expected.", option=option, text=text
        ) from None


def exit_code(book: "Book") -> int:
    """1 when rows were set aside, else 0."""
    return (
        WITH_QUARANTINE if any(check.quarantined_rows for check in book.checks.values()) else DONE
    )


def print_ledger(book: "Book") -> None:
    """What was read, accepted and set aside, on stderr."""
    from carnet.report.progress import ledger_lines

    for line in ledger_lines(book):
        click.echo(line, err=True)


def main() -> None:
    """Entry point: errors are told in one message, never as a traceback;
    SIGTERM cleans up like an error.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.umask(PRIVATE)
    reader = Reader()
    try:
        with_room(cli, standalone_mode=False, obj=reader)
    except click.ClickException as error:
        error.show()
        sys.exit(REFUSED)
    except click.exceptions.Abort:
        sys.exit(REFUSED)
    except Exception as error:
        if not is_expected(error):
            raise
        click.echo(f"carnet: {reader.tell(refusal(error))}", err=True)
        sys.exit(FAILED if isinstance(error, NotebookFailed) and not error.refusal else REFUSED)


def console() -> None:
    """The command `carnet`: `main`, then the end of its process at once. Python would first look
    through a million objects for garbage, which takes longer than to open a small book.
    """
    keep_imported()
    status = DONE
    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code or DONE
    atexit._run_exitfuncs()  # what libraries and carnet itself leave for the end
    for stream in filter(None, (sys.stdout, sys.stderr)):  # one that was closed is None
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    console()
