"""What stands behind every shown result, read from the code that made it: the measures of the register, the figures, the tables.

The notebook's own statements are followed with `ast`, and so are the functions of this package that it calls: nothing is written
by hand that could drift from the code. A variable carries all that went into it, so an origin may name more than one column needs.
"""

import ast
import importlib
import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from textwrap import dedent
from types import FunctionType, ModuleType

from carnet.measures.register import FIGURES
from carnet.measures.register import TABLES as MEASURES
from carnet.schema import TABLES
from carnet.wording import N_

COMPOSED = {  # what the composing modules bring together, and the tables kept on the way; a sentence each
    "account_movements": N_("One row per customer over the last 12 months and those before: revenue, orders, what became of the customer"),
    "named_customers": N_("Name and salesperson of every customer: of the customer list, else of the last sale"),
    "account_list": N_("Accounts of the last 12 months: class, margin, cost to serve, contacts, payment, survey, opportunities, potential"),
    "cuts_of": N_("Revenue, customers, margin and retention by channel, region, sector and segment"),
    "with_strategies": N_("Accounts with their switching signs and the strategy that the rules of the sector give them"),
    "decisions": N_("One action an account, and what it rests on"),
    "account_budgets": N_("Accounts with their strategies and what each would be worth spending"),
    "recoverability_rates": N_("How often customers this silent came back, in earlier years"),
    "closed_customers": N_("Customers noted as closed that have not ordered since"),
    "leave_history": N_("Customers of earlier years by how silent they were, and who had left a year later"),
    "margins_of": N_("Contribution margin of each customer, at the cost of the sales or of the margin rate of its periods"),
    "effects_of": N_("Extra profit of half the attrition, of 5 points and of 5 % more retention, with bootstrap intervals"),
    "portfolio_of": N_("Customers, retention and margins of the last 12 months on which the what-if stands"),
    "replacement_of": N_("Good customers lost and newcomers, their margins and the years they stay"),
    "win_rates_of": N_("Opportunities won of those decided, with customers and with prospects"),
    "yearly_margins": N_("Margin of the 12 months up to each customer’s last order, after cost to serve where it is known"),
    "regain_margins": N_("Margin a year that would come back: today’s, or the best year’s of accounts once bigger"),
    "answers": N_("Answers to the survey, marks as shares of their scale"),
    "driver_panel": N_("Customers of earlier years, what was known of them before, and whether they left"),
    "opening_customers": N_("Customers of the 12 months before the last: satisfaction, margin, retained or not"),
    "feasibility": N_("Smallest effect that an experiment on each strategy’s accounts could show"),
    "planned": N_("Experiments planned in the engagement’s folder, and what came of those that have ended"),
    "gap_list": N_(
        "One row per customer: gap, class, margin at stake, order-count p-value, rhythm, families no longer bought, contacts, proposals"
    ),
    "overdue": N_("Customers that order less often than twice a year and are late by their own rhythm"),
    "families_of": N_("Orders of each customer by family, in both periods"),
    "monthly_gaps": N_("Revenue of the most late by month, and of the same month a year earlier"),
    "standing": N_("Where every customer stands today: revenue of the period and of the last 12 months, silence"),
    "with_contacts": N_("Contacts and proposals noted with each customer since a date"),
    "expected_rebounds": N_("What the groups flagged by each rule regained in earlier years"),
    "earlier_lists": N_("The gap lists that earlier years would have given, and what became of them"),
    "flagged_then": N_("The customers that the last report tracked"),
    "proposed_then": N_("The last report’s last-chance proposals and hold-out"),
    "departure_notes": N_("Departure notes with the reason given or read from their text"),
    "find_leavers": N_("Customers without an order in the last 12 months or noted as gone, with what is known of why"),
    "low_marks": N_("Survey answers with a low mark, of customers not known to have left"),
    "note_list": N_("Texts of departures and surveys with the code given, the reason proposed and the words that decided"),
    "spells": N_("How long each customer stayed, and what for it left"),
    "survey_comments": N_("Comments of the survey with the reasons that their words touch"),
    "with_signs": N_("Customers lost, with the complaints, answers and notes of the year before"),
    "audit_series": N_("Every quantity of both periods: revenue, customers, units, costs by behaviour"),
    "period_series": N_("Every quantity of each fiscal period: revenue, customers, units, costs by behaviour"),
}
BOOK_TABLES = {"cube": "sales", "orders": "sales", "customers": "customers", "first_sale": "sales", "last_sale": "sales"}
SILENT = {"w", "periods", "source", "figures", "ranges"}  # wording and dictionaries of all figures: they tell nothing of one result
COMPOSING = {
    "account_list",
    "customer_value",
    "customer_years",
    "decisions",
    "experiment",
    "findings",
    "gap_list",
    "leavers",
    "measures",
    "series",
}  # modules followed
SHOWN = {"show", "say"}
FIGURE_NAMES = {"f", "figures", "now"}  # what dictionaries of figures are called


@dataclass(frozen=True)
class Origin:
    """Names of the register's measures and figures, and of the engagement's tables, behind a result; `inner` are measures inside composed ones."""

    measures: frozenset[str] = frozenset()
    figures: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    inner: frozenset[str] = frozenset()

    def __or__(self, other: "Origin") -> "Origin":
        return Origin(self.measures | other.measures, self.figures | other.figures, self.tables | other.tables, self.inner | other.inner)


def cell_origins(sources: Iterable[str]) -> list[Origin]:
    """The origin of what each code cell shows, cells in the order in which they ran."""
    trace, origins = _Trace({}, {}), []
    for source in sources:
        trace.shown = Origin()
        trace.run(ast.parse(source).body)
        origins.append(trace.shown)
    return origins


class _Trace:
    """Variables and what went into them, statement after statement; `modules` are the imported modules and functions by name."""

    def __init__(self, variables: dict[str, Origin], modules: dict[str, object]) -> None:
        self.variables, self.modules, self.shown = variables, modules, Origin()

    def run(self, statements: Iterable[ast.stmt]) -> None:
        """Follow the statements in their order, whichever branch they stand in."""
        for statement in statements:
            if isinstance(statement, ast.ImportFrom | ast.Import):
                self._import(statement)
            elif isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) and statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for target in targets:
                    self._bind(
                        target,
                        self.origin(statement.value),
                        grows=not (isinstance(statement, ast.Assign) and isinstance(target, ast.Name | ast.Tuple)),
                    )
            elif isinstance(statement, ast.For):
                self._bind(statement.target, self.origin(statement.iter), grows=False)
                self.run(statement.body)
            elif isinstance(statement, ast.If):
                self.run([*statement.body, *statement.orelse])
            elif isinstance(statement, ast.Expr):
                for call in ast.walk(statement.value):
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in SHOWN:
                        self.shown |= self.origin(call)

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for alias in statement.names:
            name = alias.asname or alias.name
            if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("carnet"):
                self.modules[name] = _imported(str(statement.module), alias.name)

    def _bind(self, target: ast.expr, origin: Origin, grows: bool) -> None:
        """Names of the target carry the origin; what is assigned to a part of a variable is added to it."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and (isinstance(node.ctx, ast.Store) or grows):
                self.variables[node.id] = origin | self.variables.get(node.id, Origin()) if grows else origin

    def origin(self, node: ast.AST, inner: frozenset[str] = frozenset()) -> Origin:
        """All that an expression reads, directly or through the functions it calls; `inner` are names of its own comprehensions and lambdas."""
        found = Origin()
        if isinstance(node, ast.Name) and node.id not in SILENT | inner:
            found = self.variables.get(node.id, Origin()) | _called(self.modules.get(node.id))
        elif isinstance(node, ast.Attribute):
            found = self._attribute(node)
        elif isinstance(node, ast.Call):
            found = _book_tables(node)
        elif isinstance(node, ast.Subscript):
            found = _subscripted_figure(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = _listed_figures(node.value)
        elif isinstance(node, ast.Lambda):
            inner |= {argument.arg for argument in node.args.args}
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            inner |= {name.id for part in node.generators for name in ast.walk(part.target) if isinstance(name, ast.Name)}
        for child in ast.iter_child_nodes(node):
            found |= self.origin(child, inner)
        return found

    def _attribute(self, node: ast.Attribute) -> Origin:
        owner = self.modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(owner, ModuleType):
            return _called(getattr(owner, node.attr, None))
        return _book_attribute(node)


def _imported(module: str, name: str) -> object:
    found = getattr(importlib.import_module(module), name, None)
    return found if found is not None else importlib.import_module(f"{module}.{name}")


def _is_book(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "book"


def _book_tables(call: ast.Call) -> Origin:
    """`book.table("sales")` names a table of the engagement."""
    of_book = isinstance(call.func, ast.Attribute) and _is_book(call.func.value) and call.func.attr == "table"
    names = (
        {argument.value for argument in call.args if isinstance(argument, ast.Constant) and argument.value in TABLES} if of_book else set()
    )
    return Origin(tables=frozenset(names))


def _book_attribute(node: ast.Attribute) -> Origin:
    """`book.cube` reads sales."""
    return Origin(tables=frozenset({BOOK_TABLES[node.attr]})) if _is_book(node.value) and node.attr in BOOK_TABLES else Origin()


def _listed_figures(text: str) -> Origin:
    """A text that lists figures by name: two at least, since a column may be called like a figure."""
    words = text.split()
    return Origin(figures=frozenset(words)) if len(words) > 1 and all(word in FIGURES for word in words) else Origin()


def _subscripted_figure(node: ast.Subscript) -> Origin:
    """`figures["retention_rate"]`: a figure taken from a dictionary of them."""
    of_figures = isinstance(node.value, ast.Name) and node.value.id in FIGURE_NAMES
    named = {node.slice.value} & FIGURES.keys() if of_figures and isinstance(node.slice, ast.Constant) else set()
    return Origin(figures=frozenset(map(str, named)))


def _called(named: object) -> Origin:
    return function_origin(named) if inspect.isfunction(named) else Origin()


@cache
def function_origin(function: FunctionType) -> Origin:
    """What a function of this package computes or reads, and what those that it calls do; nothing for what only draws or words."""
    module = sys.modules[function.__module__]
    top, _, inner = module.__name__.removeprefix("carnet.").partition(".")
    if not module.__name__.startswith("carnet.") or top not in COMPOSING:
        return Origin()
    if top == "measures" and inner and function.__name__ in MEASURES:
        return Origin(measures=frozenset({function.__name__}))
    read = _body_origin(function, vars(module))
    composed = Origin(frozenset({function.__name__}), read.figures, read.tables, read.measures | read.inner)
    return composed if function.__name__ in COMPOSED else read


def _body_origin(function: FunctionType, names: dict[str, object]) -> Origin:
    """What the body of a function reads and calls; `names` are those of its module."""
    found = Origin()
    for node in ast.walk(ast.parse(dedent(inspect.getsource(function)))):
        called: object = None
        if isinstance(node, ast.Name):
            called = names.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = names.get(node.value.id)
            called = getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
            found |= _book_attribute(node)
        elif isinstance(node, ast.Call):
            found |= _book_tables(node)
        elif isinstance(node, ast.Subscript):
            found |= _subscripted_figure(node)
        if called is not function:
            found |= _called(called)
    return found
