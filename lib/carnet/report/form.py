"""An engagement as a form in JupyterLab: pick the client's files, see their first rows, say which
column is what, read what the check says while it changes, run the audit, open the report.

What is shown is `Draft`; every change is written to engagement.yml and checked. The same for the
parameters of a notebook, within their bounds.
"""

import html
import math
import os
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from IPython.display import FileLink, display

from carnet.book.book import open_book
from carnet.customers.objectives import check_objectives
from carnet.engagement.parameters import Parameters, Policy
from carnet.engagement.schema import TABLE_LABELS, TABLES
from carnet.engagement.unfinished import PRIVATE
from carnet.errors import CarnetError, tell
from carnet.intake.proposal.draft import Draft, FileChanged, first_rows, roles_of
from carnet.report.execution import RESERVED, Parameter, notebook_parameters
from carnet.report.notebooks import (
    check_kept_parameters,
    find_notebooks,
    kept_parameters,
    with_own,
)
from carnet.report.progress import Watch, ledger_lines
from carnet.report.publishing import run_audit
from carnet.report.refusals import is_expected, refusal
from carnet.wording import LOCALES, N_, Wording

PAUSE_SECONDS = 0.6  # without a change, until the check begins
DOUBTFUL = 0.8  # a guess less sure than this is marked
WIDE = {"description_width": "14em"}
ROWS = "overflow-x:auto;max-width:68em;white-space:nowrap;font-size:85%;line-height:1.4"
ROW = widgets.Layout(width="36em")
ACCEPTED = {rule.name: rule.metadata["accepted"] for rule in fields(Parameters) if rule.metadata}
FACTS = {"client": N_("Client"), "currency": N_("Currency"), "as_of": N_("Audit date (YYYY-MM-DD)")}


class Form:
    """The widgets of one engagement, `box` in all; `out` is the folder of the reports."""

    def __init__(self, folder: str | Path, out: str | Path = "", language: str = "en") -> None:
        self.language = language  # until the engagement has one
        self.folder = Path(folder).resolve()
        self.out = Path(out) if out else self.folder / "reports"
        self.draft = Draft(self.folder)
        self.checking: threading.Timer | None = None
        self.busy, self.auditing = threading.Lock(), False
        self.report: Path | None = None
        self.box = widgets.VBox()
        self.verdict, self.progress = widgets.HTML(), widgets.HTML()
        self.bar = widgets.IntProgress(layout=widgets.Layout(width="24em", display="none"))
        self.link = widgets.Output()
        self.draw()

    @property
    def w(self) -> Wording:
        """Words in the language of the engagement."""
        said, currency = (self.draft.plain.get(key) for key in ("language", "currency"))
        spoken = said if isinstance(said, str) and said in LOCALES else self.language
        return Wording(spoken, str(currency or "EUR"))

    def draw(self, check: bool = True) -> None:
        """All of it, as the draft stands."""
        w = self.w
        self.files = widgets.SelectMultiple(
            options=self.draft.data_files, rows=min(10, max(3, len(self.draft.data_files))),
            description=w._("Files"), style=WIDE, layout=ROW,
        )  # fmt: skip
        self.proposing = _button(w._("Propose which file is what"), self.propose)
        self.running = _button(w._("Run the audit"), self.run, style="primary")
        self.running.disabled = self.auditing or not self.draft.tables
        self.proposing.disabled = self.auditing
        parts = [widgets.HTML(f"<h2>{html.escape(self.folder.name)}</h2>"), self.files]
        parts += [widgets.HBox([self.proposing, self._said_of_files()])]
        if self.draft.tables:
            parts += [*self._facts(), self._tables(), self._parameters()]
        run = widgets.HBox([self.running, self.bar, self.progress])
        self.box.children = [*parts, self.verdict, run, self.link]
        if check and self.draft.tables:
            self.changed()

    def _said_of_files(self) -> widgets.HTML:
        w = self.w
        told = w._("Several with Ctrl; none chosen: all of them. Put more into the folder first.")
        return widgets.HTML(f"<small>{html.escape(told)}</small>")

    def _facts(self) -> list[widgets.Widget]:
        """What the report is called, in which language, at which date."""
        w, document = self.w, self.draft.plain
        language = widgets.Dropdown(
            options=list(LOCALES), value=w.language, description=w._("Language"), style=WIDE
        )
        language.observe(self._language, "value")
        texts = []
        for key, label in FACTS.items():
            text = widgets.Text(
                value=str(document.get(key) or ""), description=w._(label),
                continuous_update=False, style=WIDE, layout=ROW,
            )  # fmt: skip
            text.observe(partial(self._fact, key), "value")
            texts.append(text)
        return [texts[0], language, *texts[1:]]

    def _fact(self, key: str, change: Mapping[str, Any]) -> None:
        self._change(partial(self.draft.put, key, change["new"].strip()))

    def _language(self, change: Mapping[str, Any]) -> None:
        if self._change(partial(self.draft.put, "language", change["new"])):
            self.draw()

    def _tables(self) -> widgets.Accordion:
        """A fold for each table: its rows and its roles."""
        tables = list(self.draft.tables)
        folds = widgets.Accordion([self._table(name) for name in tables])
        for place, name in enumerate(tables):
            part = self.draft.part(name)
            told = self.w.tell(TABLE_LABELS[name]) if name in TABLE_LABELS else name
            folds.set_title(place, f"{told} ← {part.label if part else '—'}")
        return folds

    def _table(self, name: str) -> widgets.Widget:
        part, w = self.draft.part(name), self.w
        if part is None or name not in TABLES:
            return widgets.HTML(html.escape(w._("Not read from a file of this folder.")))
        rows = first_rows(part).to_html(index=False, border=0, escape=True)
        seen = widgets.HTML(f'<div style="{ROWS}">{rows}</div>')
        if name == "ledger":
            return widgets.VBox([seen, widgets.HTML(w._("The law says what its columns are."))])
        headers = [str(header) for header in part.values.columns]
        return widgets.VBox([seen, *(self._role(name, role, headers) for role in roles_of(name))])

    def _role(self, table: str, role: str, headers: list[str]) -> widgets.Widget:
        """Which header plays a role; how sure the guess is."""
        named = self.draft.columns(table).get(role, "")
        if not isinstance(named, str):
            return widgets.HTML(html.escape(f"{role}: {named}"))  # several headers, by hand
        header, by_name = self.draft.header(table, role, headers)
        needed = TABLES[table].columns[role].required
        # one of another file, or that is nowhere, is shown as the engagement names it
        offered = [*headers, header] if header and header not in headers else headers
        none = [] if by_name else [("—", "")]
        choice = widgets.Dropdown(
            options=[*none, *((each, each) for each in offered)], value=header,
            description=f"{role} *" if needed else role, style=WIDE, layout=ROW,
        )  # fmt: skip
        choice.observe(partial(self._chosen, table, role), "value")
        sure = self.draft.confidence(table, role)
        told = ""
        if sure is not None:
            share = self.w.percent(sure)
            told = self.w._("sure to {share}: look at it", share=share) if sure < DOUBTFUL else ""
        return widgets.HBox([choice, widgets.HTML(f"<small>{html.escape(told)}</small>")])

    def _chosen(self, table: str, role: str, change: Mapping[str, Any]) -> None:
        self._change(partial(self.draft.choose, table, role, change["new"]))

    def _parameters(self) -> widgets.Accordion:
        """The parameters of one notebook at a time, within their bounds."""
        try:
            chosen = with_own(find_notebooks(), self.folder)
            declared = {path.stem: notebook_parameters(path) for path in chosen}
        except CarnetError as error:  # an own notebook that is none: the check says so, too
            told = html.escape(str(error.told(self.w._)))
            return widgets.Accordion([widgets.HTML(told)])
        choice = widgets.Dropdown(
            options=list(declared), description=self.w._("Notebook"), style=WIDE
        )
        rows = widgets.VBox()

        def fill(_: object = None) -> None:
            kept = self._kept_values(declared)[choice.value]
            rows.children = [
                self._parameter(choice.value, name, rule, kept.get(name, rule.default))
                for name, rule in declared[choice.value].items()
                if name not in RESERVED
            ]

        choice.observe(fill, "value")
        fill()
        fold = widgets.Accordion([widgets.VBox([choice, rows])])
        fold.set_title(0, self.w._("Parameters"))
        return fold

    def _kept_values(self, declared: dict[str, dict[str, Parameter]]) -> dict[str, Mapping]:
        """What a run takes by notebook, a shared rule wherever it is kept; as the file says where a
        run would refuse it.
        """
        said = {name: self.draft.parameters(name) for name in declared}
        try:
            return {**kept_parameters({name: dict(kept) for name, kept in said.items()}, declared)}
        except CarnetError:  # the check says so
            return {**said}

    def _parameter(self, notebook: str, name: str, rule: Parameter, value: Any) -> widgets.Widget:
        """A field that takes what the parameter accepts; its default takes the key out again."""
        accepted = ACCEPTED.get(name, rule.accepted)
        try:
            value = accepted.checked(name, value)
        except CarnetError:  # the check says so
            value = rule.default
        how = {"value": value, "description": name, "style": WIDE, "layout": ROW}
        if accepted.words:
            field = widgets.Dropdown(options=accepted.words, **how)
        elif accepted.kind is str:
            field = widgets.Text(continuous_update=False, **how)
        elif not math.isfinite(accepted.high - accepted.low):
            field = widgets.FloatText(**how)
        else:
            kind = widgets.BoundedIntText if accepted.kind is int else widgets.BoundedFloatText
            step = 1 if accepted.kind is int else 0.01
            field = kind(min=accepted.low, max=accepted.high, step=step, **how)
        ends = ""
        if accepted.kind in (int, float):
            low, high = (f"{end:,.12g}" for end in (accepted.low, accepted.high))
            ends = f"{low} … {high}".replace(",", "\N{NARROW NO-BREAK SPACE}")

        def put(change: Mapping[str, Any]) -> None:
            new = change["new"]
            self._change(partial(self._keep, notebook, name, None if new == rule.default else new))

        field.observe(put, "value")
        return widgets.HBox([field, widgets.HTML(f"<small>{ends}</small>")])

    def _keep(self, notebook: str, name: str, value: Any) -> None:
        """One value of a parameter for every run: what decides on accounts is kept once."""
        kept = self.draft.plain.get("parameters")
        sharing = list(kept) if isinstance(kept, dict) and hasattr(Policy, name) else []
        for other in sharing:
            self.draft.put_parameter(other, name, None)
        self.draft.put_parameter(notebook, name, value)

    # --- what happens

    def propose(self, _: object = None) -> None:
        """Guess anew, for the files chosen."""
        if self._change(partial(self.draft.propose, self.files.value)):
            self.draw()

    def _change(self, change: Callable[[], None]) -> bool:
        """Change the draft and write the file; what stands against it is told, and False."""
        try:
            change()
            self.draft.save()
        except (CarnetError, OSError) as error:
            told = refusal(error).told(self.w._)
            if isinstance(error, FileChanged):
                self.draft.reload()
            self.draw(check=False)
            self._refuse(told)
            return False
        self.changed()
        return True

    def changed(self) -> None:
        """Check the file once nothing changes any more."""
        if self.checking:
            self.checking.cancel()
        self.checking = threading.Timer(PAUSE_SECONDS, self.check)
        self.checking.start()

    def check(self) -> bool:
        """What `carnet check` says of the file as it stands; True where a report can be made."""
        with self.busy:
            try:
                book = open_book(self.folder)
                check_objectives(book)
                check_kept_parameters(book.engagement, self.folder)
            except Exception as error:
                self.running.disabled = True
                self._refuse(error)
                return False
            told = [tell(line, self.w._) for line in self.draft.told]
            self._say("\n".join([*self._kept(), *ledger_lines(book), *told]))
            self.running.disabled = self.auditing
            return True

    def _kept(self) -> list[str]:
        """Where the file is that stood there before the proposal."""
        name = self.draft.kept.name if self.draft.kept else ""
        told = self.w._("The engagement.yml that stood there is kept as {name}.", name=name)
        return [told] if name else []

    def _refuse(self, error: Exception) -> None:
        """Tell it, whatever it is: a thread has nobody else to tell. Where a fault of carnet's own
        happened stands in the log of the kernel.
        """
        if not is_expected(error):
            traceback.print_exception(error)
        self._say(str(refusal(error).told(self.w._)), wrong=True)

    def _say(self, text: str, wrong: bool = False) -> None:
        colour = "#a11" if wrong else "inherit"
        self.verdict.value = (
            f'<pre style="white-space:pre-wrap;color:{colour}">{html.escape(text)}</pre>'
        )

    def run(self, _: object = None) -> None:
        """Audit beside the form, which goes on answering."""
        if self.auditing:
            return
        self.auditing = True
        self.running.disabled, self.proposing.disabled = True, True
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self.link.outputs = ()
        self.progress.value = ""
        try:
            notebooks = with_own(find_notebooks(), self.folder)
            with self.busy:
                published, _ = run_audit(self.folder, self.out, notebooks, {}, watch=Bar(self))
            self.report = published.resolve() / "index.html"
            self.progress.value = html.escape(str(self.report))
            self._show_link(self.report)
        except Exception as error:
            self._refuse(error)
        finally:
            self.auditing = False
            self.bar.layout.display = "none"
            self.running.disabled = self.proposing.disabled = False

    def _show_link(self, page: Path) -> None:
        """A link that JupyterLab opens, where the report lies under its folder."""
        here = Path.cwd()
        if page.is_relative_to(here) or page.is_relative_to(here.parent):
            path = Path("..") / page.relative_to(here.parent)
            self.link.append_display_data(FileLink(path.as_posix(), result_html_prefix="→ "))


class Bar(Watch):
    """The steps of a run as the form's bar."""

    def __init__(self, form: Form) -> None:
        self.form, self.done = form, 0

    def warn(self, text: str) -> None:
        """Below the bar."""
        self.form.progress.value = html.escape(text)

    def running(self, expected: Mapping[str, float], side_by_side: int) -> "Bar":
        """Empty, and seen."""
        bar = self.form.bar
        bar.max, bar.value, bar.layout.display = len(expected), 0, ""
        return self

    def ended(self, notebook: str, unchanged: bool = False) -> None:
        """One more."""
        self.done += 1
        self.form.bar.value = self.done
        self.form.progress.value = html.escape(notebook)


def _button(label: str, pressed: Callable, style: str = "") -> widgets.Button:
    button = widgets.Button(
        description=label, button_style=style, layout=widgets.Layout(width="auto")
    )
    button.on_click(pressed)
    return button


def show_form(folder: str | Path, reports: str | Path = "", language: str = "en") -> None:
    """Show the form of an engagement's folder; what it writes is its user's alone."""
    os.umask(PRIVATE)
    try:
        display(Form(folder, reports, language).box)
    except CarnetError as error:
        display(
            widgets.HTML(f"<pre>{html.escape(str(error.told(Wording(language, 'EUR')._)))}</pre>")
        )
