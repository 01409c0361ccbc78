"""The same measures on DuckDB, Spark and PostgreSQL: every registered measure that reads tables
gives the same rows.
"""

import datetime as dt
import importlib
import inspect
import numbers
import os
import shutil
import subprocess
import sys
from unittest.mock import Mock

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
import yaml
from carnet.book import engines, queries
from carnet.book.book import open_book
from carnet.book.mapped import frame
from carnet.customers import customer_years
from carnet.customers.accounts.capital import account_capital, axes_of
from carnet.customers.accounts.history import leave_history
from carnet.customers.decisions import account_budgets, decided_frame
from carnet.customers.gaps.gap_list import earlier_lists, followed_list, gap_list
from carnet.customers.growth.next_family import margin_rates
from carnet.customers.indicators.study import to_come
from carnet.customers.retention.customer_value import portfolio_of
from carnet.engagement.parameters import Policy
from carnet.engagement.periods import buckets
from carnet.measures import register
from carnet.measures.costs import (
    accounts,
    concessions,
    cost_to_serve,
    costs,
    disputes,
    price_volume,
    receivables,
)
from carnet.measures.gaps import contacts, gap_figures, gaps, salespeople, tasks
from carnet.measures.growth import associations, migration, pipeline, reorders
from carnet.measures.growth import families as bought_families
from carnet.measures.indicators import cohorts, kpi, lifetimes, recurring
from carnet.measures.portfolio import (
    account_history,
    after_sale,
    baskets,
    concentration,
    customer_capital,
    cuts,
    exposure,
    movement,
    progression,
    segments,
    strategy,
)
from carnet.measures.reasons import satisfaction, service_quality, silence
from carnet.measures.retention import (
    clockwork,
    defection,
    last_chance,
    purchases,
    retention_budget,
    spend,
)

from tests.conftest import DEMO, measure_modules

AS_OF = dt.date(2025, 12, 31)
QUARTERS = buckets(dt.date(2024, 1, 1), AS_OF, "quarter")
MONTHS = list(range(12))
FAST = """spark.master local[1]
spark.sql.adaptive.enabled false
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.buffer.pageSize 1m
spark.driver.defaultJavaOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
spark.driver.extraJavaOptions -XX:ReservedCodeCacheSize=240m -Xmn256m \\
  -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote
"""  # Spark's own settings for queries on few rows


def kept(make):
    """Computed once a book, by the engine: others start from it."""
    return lambda b: b.kept(f"kept_{make.__name__}", make(b), "as asked")


@kept
def moved(b):
    return movement.customer_movement(b.cube, b.periods)


@kept
def activity(b):
    return segments.customer_activity(moved(b), b.as_of)


@kept
def scores(b):
    return segments.rfm_scores(activity(b))


@kept
def families(b):
    return defection.family_orders(
        b.table("sales").mutate(offer=b.table("sales").product), b.periods, MONTHS
    )


@kept
def pairs(b):
    return bought_families.family_years(b.table("sales"), "offer", b.periods)


@kept
def by_channel(b):
    return cuts.line_pairs(b.table("sales"), moved(b), b.periods, "channel")


def earned(b):
    return cost_to_serve.customer_margins(
        moved(b),
        b.cube,
        b.periods.in_current(b.cube),
        1e6,
        2e6,
        costs.own_costs(charged_costs(b), b.periods.current),
    )


def owned(b):
    return pairs(b).filter(pairs(b).bought)


def together_of(t):
    both = pd.DataFrame(t.both, t.names, t.names).stack().reset_index()
    return both.set_axis(["family", "other", "count"], axis=1).assign(customers=t.customer_count)


def worth(b):
    """The account list with strategies and capital."""
    return account_capital(b, Policy(), 15, 0.2)


def behind(b):
    """The gap list with whom the rules flag, and a decision by hand."""
    plan, since = (("A", 12.0), ("B", 6.0), ("C", 2.0)), dt.date(2024, 12, 31)
    t = followed_list(b, Policy(), ("Visite", "Appel"), plan, since)
    return t.mutate(action=(t.abc_class == "A").ifelse("last_chance", "call"))


def foretold(b):
    """What models of made-up parameters expect of each customer."""
    clock = clockwork.ClockworkModel(2, 1.2, 5.0, 0.6, 2.5, 0.0)
    return to_come(b, clock, spend.SpendModel(6.25, 3.74, 15.44, 0.0), 13, AS_OF)


def windows():
    days = {"window_start": dt.date(2025, 1, 1), "window_end": AS_OF}
    return silence.windows_of(
        pd.DataFrame({"customer_id": [f"C{i:04}" for i in range(1, 60)]}).assign(**days)
    )


def doubtful_ledger(b):
    """The ledger as if its customers' accounts were doubtful: the demonstration has none."""
    ledger = b.table("ledger")
    return ledger.mutate(account=ledger.account.replace("411", "416"))


def charged_costs(b):
    """The cost lines as if each were of one of two customers:
    the demonstration charges none to a customer.
    """
    lines = b.table("costs")
    return lines.mutate(customer_id=(lines.behaviour == "fixed").ifelse("C0001", "C0002"))


def yearly(b):
    """Years that end with the last four months of the audit, numbered back from 0."""
    cube, orders = (
        b.cube.mutate(position=-b.cube.audit_month),
        b.orders.mutate(position=-b.periods.audit_month(b.orders.date)),
    )
    return kpi.yearly_movement(cube, orders, [-3, -2, -1, 0], 90.0, 50)


def first_orders(b):
    return b.orders.group_by("customer_id").agg(first=b.orders.date.min())


def held_out(b):
    cut = dt.date(2024, 12, 31)
    history = (
        purchases.purchase_history(b.orders, cut, 52)
        .execute()
        .sort_values("customer_id", ignore_index=True)
    )
    model = purchases.PurchaseModel(0.55, 10.6, 0.76, 2.42, -9.6)
    expected = purchases.expected_orders(model, history, (AS_OF - cut).days / 7)
    return purchases.hold_out(b.orders, ibis.memtable(expected), cut, AS_OF)


def contracts_of(b):
    """A contract a sale line: 200 days, brought to a month out of a quarter."""
    t = b.table("sales")
    day = t.date.cast("date")
    return t.select(
        "customer_id",
        start=day,
        end=(day + ibis.interval(days=200)).cast("date"),
        amount=t.amount,
        period=ibis.literal("quarter"),
        product=t.product,
        notice=ibis.literal(30.0),
    )


CALLS = {
    gaps.most_late_first: lambda b: gaps.most_late_first(behind(b), 0.2, "rate"),
    gaps.gap_groups: lambda b: gaps.gap_groups(behind(b), {"late": "late", "few": "unlikely"}),
    gap_figures.gap_figures: lambda b: gap_figures.gap_figures(behind(b), families_known=True),
    defection.chance_stopped_count: lambda b: defection.chance_stopped_count(
        families(b), behind(b), 3
    ),
    salespeople.late_by_salesperson: lambda b: salespeople.late_by_salesperson(
        behind(b).mutate(salesperson="gap_salesperson"), ["abc_class_previous"]
    ),
    retention_budget.budget_figures: lambda b: retention_budget.budget_figures(
        behind(b).mutate(
            chase=behind(b).late,
            at_most="margin_at_stake",
            action=behind(b).late.ifelse("call", "do_not_chase"),
        )
    ),
    retention_budget.leave_rates: lambda b: retention_budget.leave_rates(leave_history(b)),
    last_chance.recoverability: lambda b: last_chance.recoverability(
        last_chance.candidates(earlier_lists(b), 0.3), 0.5
    ),
    purchases.order_figures: lambda b: purchases.order_figures(foretold(b)),
    tasks.first_in_line: lambda b: tasks.first_in_line(behind(b), 3),
    customer_capital.axis_scores: lambda b: customer_capital.axis_scores(worth(b), axes_of(b)),
    customer_capital.capital_index: lambda b: customer_capital.capital_index(
        worth(b).select("customer_id", "place", "loyalty", "solvency"),
        {"loyalty": 0.6, "solvency": 0.4},
    ),
    customer_capital.portfolio_capital: lambda b: customer_capital.portfolio_capital(worth(b)),
    strategy.strategy_table: lambda b: strategy.strategy_table(worth(b)),
    strategy.strategy_figures: lambda b: strategy.strategy_figures(worth(b)),
    strategy.relationship_load: lambda b: strategy.relationship_load(worth(b), 5),
    strategy.crossed_matrix: lambda b: strategy.crossed_matrix(worth(b)),
    accounts.account_classes: lambda b: accounts.account_classes(b.table("ledger")),
    account_history.account_months: lambda b: account_history.account_months(b.cube, 36),
    account_history.family_revenue: lambda b: account_history.family_revenue(
        b.table("sales"), "product", b.periods
    ),
    bought_families.family_months: lambda b: bought_families.family_months(
        b.table("sales"), "offer", b.periods
    ),
    bought_families.family_years: lambda b: bought_families.family_years(
        b.table("sales"), "product", b.periods
    ),
    reorders.family_rhythms: lambda b: reorders.family_rhythms(
        b.table("sales"), "product", b.as_of
    ),
    associations.together: lambda b: together_of(associations.together(owned(b))),
    associations.next_family_trial: lambda b: pd.DataFrame(
        [vars(associations.next_family_trial(pairs(b)))]
    ),
    associations.next_families: lambda b: associations.next_families(
        pairs(b), associations.next_family_trial(pairs(b)), margin_rates(pairs(b))
    ),
    bought_families.loyalty_by_families: lambda b: bought_families.loyalty_by_families(
        pairs(b), moved(b)
    ),
    bought_families.contract_attachment: lambda b: bought_families.contract_attachment(
        pairs(b), b.table("contracts").select("customer_id").distinct()
    ),
    bought_families.penetration: lambda b: bought_families.penetration(
        pairs(b), b.table("customers").select("customer_id", group="segment")
    ),
    bought_families.price_moves: lambda b: bought_families.price_moves(pairs(b)),
    bought_families.price_by_family: lambda b: bought_families.price_by_family(
        bought_families.price_moves(pairs(b))
    ),
    reorders.reorders_due: lambda b: reorders.reorders_due(
        reorders.family_rhythms(b.table("sales"), "product", b.as_of)
    ),
    migration.basket_frequency: lambda b: migration.basket_frequency(moved(b), [100.0, 500.0]),
    migration.migration: lambda b: migration.migration(
        migration.basket_frequency(moved(b), [100.0, 500.0]).rename(
            before="basket_band_previous", after="basket_band"
        )
    ),
    migration.class_changes: lambda b: migration.class_changes(
        b.table("customers").limit(0).select("customer_id", **{"class": "segment"}),
        b.table("customers").select("customer_id", **{"class": "segment"}),
    ),
    recurring.contract_states: lambda b: recurring.contract_states(contracts_of(b), AS_OF),
    recurring.recurring_products: lambda b: recurring.recurring_products(contracts_of(b), [AS_OF]),
    recurring.monthly_recurring: lambda b: recurring.monthly_recurring(
        contracts_of(b), [dt.date(2024, 12, 31), dt.date(2025, 6, 30), AS_OF]
    ),
    spend.spend_history: lambda b: spend.spend_history(b.orders, b.as_of),
    recurring.contract_terms: lambda b: recurring.contract_terms(contracts_of(b)),
    spend.revenue_hold_out: lambda b: spend.revenue_hold_out(
        b.orders,
        ibis.memtable({"customer_id": ["C0007", "C0012"], "expected_revenue": [10.0, 20.0]}),
        dt.date(2025, 6, 30),
        AS_OF,
    ),
    recurring.renewals: lambda b: recurring.renewals(contracts_of(b), AS_OF),
    receivables.recovery_by_age: lambda b: receivables.recovery_by_age(
        b.table("receivables"), b.as_of
    ),
    disputes.complaint_files: lambda b: disputes.complaint_files(
        b.table("service"), ["Réclamation"], b.as_of
    ),
    receivables.stuck_invoices: lambda b: receivables.stuck_invoices(
        b.table("receivables"), b.as_of
    ),
    receivables.open_invoices: lambda b: receivables.open_invoices(b.table("receivables"), b.as_of),
    accounts.ledger_claims: lambda b: accounts.ledger_claims(b.table("ledger"), QUARTERS),
    accounts.account_results: lambda b: accounts.account_results(b.table("ledger"), QUARTERS),
    accounts.doubtful_accounts: lambda b: accounts.doubtful_accounts(doubtful_ledger(b)),
    accounts.doubtful_customers: lambda b: accounts.doubtful_customers(doubtful_ledger(b), b.as_of),
    accounts.ledger_revenue_by_bucket: lambda b: accounts.ledger_revenue_by_bucket(
        b.table("ledger"), QUARTERS
    ),
    accounts.ledger_totals: lambda b: accounts.ledger_totals(b.table("ledger")),
    baskets.basket_bands: lambda b: baskets.basket_bands(b.orders, [100.0, 500.0, 2000.0]),
    baskets.basket_bounds: lambda b: baskets.basket_bounds(b.orders),
    baskets.order_drop_off: lambda b: baskets.order_drop_off(b.orders, b.as_of),
    baskets.orders_in_current: lambda b: baskets.orders_in_current(b.orders, b.periods),
    baskets.purchase_summary: lambda b: baskets.purchase_summary(moved(b)),
    cohorts.cohort_counts: lambda b: cohorts.cohort_counts(b.orders, QUARTERS),
    concentration.abc_classes: lambda b: concentration.abc_classes(moved(b)),
    concentration.abc_table: lambda b: concentration.abc_table(moved(b)),
    concentration.concentration_summary: lambda b: concentration.concentration_summary(moved(b)),
    concentration.potential_classes: lambda b: concentration.potential_classes(
        b.table("customers"), 0.8, 0.95
    ),
    concentration.lorenz_curve: lambda b: concentration.lorenz_curve(moved(b)),
    contacts.contact_counts: lambda b: contacts.contact_counts(
        b.table("service"), ["Visite", "Appel"], windows()
    ),
    contacts.proposal_counts: lambda b: contacts.proposal_counts(
        b.table("opportunities"), dt.date(2024, 12, 31), b.as_of
    ),
    contacts.win_rates: lambda b: contacts.win_rates(
        b.table("opportunities"), first_orders(b), dt.date(2024, 1, 1), b.as_of
    ),
    contacts.salesperson_activity: lambda b: contacts.salesperson_activity(
        b.table("service"), b.table("opportunities"), b.periods.current
    ),
    cost_to_serve.activity_costs: lambda b: cost_to_serve.activity_costs(
        b.table("service"), b.periods.current, 45.0
    ),
    cost_to_serve.customer_margins: lambda b: cost_to_serve.customer_margins(
        moved(b), b.cube, b.periods.in_current(b.cube), 2.1e6, 3.5e6
    ),
    cost_to_serve.waiting_costs: lambda b: cost_to_serve.waiting_costs(
        b.table("receivables"), b.periods.current, ibis.date(b.as_of), 0.06
    ),
    costs.costs_by_bucket: lambda b: costs.costs_by_bucket(b.table("costs"), QUARTERS),
    costs.own_costs: lambda b: costs.own_costs(charged_costs(b), b.periods.current),
    after_sale.first_days: lambda b: after_sale.first_days(
        b.orders,
        b.table("service").select("customer_id", "date"),
        None,
        dt.date(2024, 1, 1),
    ),
    concessions.concessions: lambda b: concessions.concessions(b.table("sales"), b.periods.current),
    pipeline.won_unsold: lambda b: pipeline.won_unsold(b.table("opportunities"), b.orders, b.as_of),
    pipeline.opportunity_flow: lambda b: pipeline.opportunity_flow(
        b.table("opportunities"), b.as_of
    ),
    cohorts.cohort_months: lambda b: cohorts.cohort_months(b.cube, QUARTERS),
    cohorts.first_orders: lambda b: cohorts.first_orders(
        b.table("sales"), "channel", dt.date(2023, 1, 1), b.as_of
    ),
    cuts.customer_pairs: lambda b: cuts.customer_pairs(
        moved(b), None, b.table("customers").select("customer_id", group="segment")
    ),
    cuts.line_pairs: by_channel,
    cuts.spread_margins: lambda b: cuts.spread_margins(by_channel(b), earned(b)),
    cuts.cut: lambda b: cuts.cut(cuts.spread_margins(by_channel(b), earned(b))),
    defection.family_orders: families,
    defection.order_rhythm: lambda b: defection.order_rhythm(b.orders, b.as_of),
    defection.overdue: lambda b: defection.overdue(
        defection.order_rhythm(b.orders, b.as_of).mutate(rarely=True)
    ),
    defection.usual_interval_days: lambda b: defection.usual_interval_days(b.orders).as_table(),
    defection.peak_years: lambda b: defection.peak_years(b.cube),
    defection.stopped_families: lambda b: defection.stopped_families(families(b), 2),
    exposure.contact_exposure: lambda b: exposure.contact_exposure(b.table("sales"), b.periods),
    exposure.revenue_by_salesperson: lambda b: exposure.revenue_by_salesperson(
        moved(b), b.customers
    ),
    exposure.revenue_without_top: lambda b: exposure.revenue_without_top(moved(b)),
    gaps.false_discovery_shares: lambda b: gaps.false_discovery_shares(
        moved(b).mutate(order_p_value=1 / (moved(b).order_count + 1.0))
    ),
    gaps.sales_gaps: lambda b: gaps.sales_gaps(b.cube, b.periods, MONTHS),
    kpi.sales_by_bucket: lambda b: kpi.sales_by_bucket(b.cube, b.periods.audit_index(b.cube)),
    kpi.yearly_movement: yearly,
    lifetimes.contract_lifetimes: lambda b: lifetimes.contract_lifetimes(
        b.table("customers"), b.table("departures"), dt.date(2020, 1, 1), b.as_of
    ),
    movement.customer_movement: lambda b: movement.customer_movement(b.cube, b.periods),
    movement.monthly_revenue: lambda b: movement.monthly_revenue(b.cube, b.periods, b.first_sale),
    movement.movement_summary: lambda b: movement.movement_summary(moved(b)),
    movement.revenue_bridge: lambda b: movement.revenue_bridge(moved(b)),
    price_volume.price_volume_mix: lambda b: price_volume.price_volume_mix(
        price_volume.product_sales(b.table("sales"), moved(b), b.periods), moved(b)
    ),
    price_volume.product_sales: lambda b: price_volume.product_sales(
        b.table("sales"), moved(b), b.periods
    ),
    progression.progress_totals: lambda b: progression.progress_totals(
        progression.purchase_progression(moved(b))
    ),
    progression.progression_summary: lambda b: progression.progression_summary(
        progression.purchase_progression(moved(b))
    ),
    progression.purchase_progression: lambda b: progression.purchase_progression(moved(b)),
    purchases.hold_out: held_out,
    purchases.purchase_history: lambda b: purchases.purchase_history(b.orders, b.as_of, 52),
    purchases.regularity: lambda b: purchases.regularity(b.orders),
    receivables.aged_balance: lambda b: receivables.aged_balance(b.table("receivables"), b.as_of),
    receivables.customer_payment: lambda b: receivables.customer_payment(
        b.table("receivables"), b.periods.current, b.as_of
    ),
    receivables.given_up_customers: lambda b: receivables.given_up_customers(
        b.table("receivables").mutate(
            status=(b.table("receivables").amount > 900).ifelse("collection", "open")
        ),
        b.as_of,
    ),
    receivables.paid_in_time: lambda b: receivables.paid_in_time(
        b.table("receivables"), b.periods.current, b.as_of
    ).as_table(),
    receivables.receivable_summary: lambda b: receivables.receivable_summary(
        b.table("receivables"), b.periods.current, b.as_of
    ),
    salespeople.sellers: lambda b: salespeople.sellers(b.table("sales"), b.periods),
    segments.customer_activity: lambda b: segments.customer_activity(moved(b), b.as_of),
    segments.rfm_cut_points: lambda b: segments.rfm_cut_points(activity(b)),
    segments.rfm_matrix: lambda b: segments.rfm_matrix(scores(b)),
    segments.rfm_scores: lambda b: segments.rfm_scores(activity(b)),
    segments.rfm_segments: lambda b: segments.rfm_segments(scores(b)),
    satisfaction.last_answers: lambda b: satisfaction.last_answers(
        customer_years.scaled_satisfaction(b), 0.8
    ),
    service_quality.customer_answers: lambda b: service_quality.customer_answers(
        customer_years.scaled_satisfaction(b)
    ),
    silence.spoke: lambda b: silence.spoke(b.table("service"), windows()),
}


def table_measures():
    """Registered measures that read tables of an engine; `windows_of` only makes one
    out of a frame.
    """
    for module in measure_modules():
        for name, function in inspect.getmembers(
            importlib.import_module(module), inspect.isfunction
        ):
            kinds = [
                parameter.annotation
                for parameter in inspect.signature(function).parameters.values()
            ]
            if name in register.MEASURES and any(
                kind in (ir.Table, ir.Table | None) for kind in kinds
            ):
                yield function


@pytest.fixture(scope="session")
def engine_book(tmp_path_factory):
    """Opens the demonstration book on an engine, once each."""
    opened = {}

    def on(engine):
        if engine not in opened:
            folder = tmp_path_factory.mktemp("engine") / "demo"
            shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".carnet"))
            document = yaml.safe_load((folder / "engagement.yml").read_text(encoding="utf-8")) | {
                "engine": engine
            }
            (folder / "engagement.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
            opened[engine] = open_book(folder)
        return opened[engine]

    return on


def test_a_cluster_is_given_back_by_who_began(monkeypatch):
    """Once, and neither another engine nor a server of sessions."""
    application = Mock()
    monkeypatch.setattr(engines, "_applications", [application])
    engines.release("duckdb")
    monkeypatch.setenv("SPARK_REMOTE", "sc://elsewhere")
    engines.release("spark")
    assert not application.stop.called
    monkeypatch.delenv("SPARK_REMOTE")
    engines.release("spark")
    engines.release("spark")
    assert application.stop.call_count == 1


RELEASED = """
import sys
import psutil
from carnet.book.book import open_book
book = open_book(sys.argv[1])
for _ in range(2):
    java = [each for each in psutil.Process().children(recursive=True) if "java" in each.name()]
    print(float(book.cube.revenue.sum().execute()), len(java))
    print(book.orders.count().execute())
    book.release()
left = psutil.Process().children(recursive=True)
print([each.name() for each in left if each.name() == "java" and each.status() != "zombie"])
"""
ONE_SALE = [["customer_id", "date", "amount"], ["C1", "2024-03-05", 120]]


@pytest.mark.long
def test_java_ends_with_its_application_and_begins_anew(make_engagement, tmp_path_factory):
    engine = available("spark", tmp_path_factory)
    home = make_engagement(tables={"sales": ONE_SALE}, engine=engine)
    command = [sys.executable, "-c", RELEASED, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == ["120.0 1", "1", "120.0 0", "1", "[]"], done.stderr


@pytest.mark.long
def test_of_an_application_that_somebody_else_began_nothing_ends(
    engine_book, make_engagement, tmp_path_factory, monkeypatch
):
    engine = available("spark", tmp_path_factory)
    engine_book(engine)
    from pyspark import SparkContext

    own = SparkContext._active_spark_context
    monkeypatch.setattr(engines, "_applications", [])  # as if it had been there before carnet
    book = open_book(make_engagement(tables={"sales": ONE_SALE}, engine=engine))
    assert float(book.cube.revenue.sum().execute()) == 120
    book.release()
    assert engines._applications == [] and SparkContext._active_spark_context is own
    assert own._gateway.proc.poll() is None and book.orders.count().execute() == 1


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.long) for name in ("spark", "postgres")]
)
def other_engine(request, tmp_path_factory):
    """The name of an engine that this machine has, skipped with what it lacks."""
    return available(request.param, tmp_path_factory)


def available(name, tmp_path_factory):
    """What an engagement names an engine by; the test is skipped with what the machine lacks."""
    if name == "postgres":
        url = os.environ.get("CARNET_POSTGRES")
        if not url:
            pytest.skip("CARNET_POSTGRES does not name a PostgreSQL server")
        password = url.rpartition("@")[0].rpartition(":")[2]
        os.environ["CARNET_TEST_PASSWORD"] = password
        return url.replace(f":{password}@", ":${CARNET_TEST_PASSWORD}@")
    pytest.importorskip("pyspark", reason="PySpark is not installed: make spark")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java")
    if "SPARK_CONF_DIR" not in os.environ:
        folder = tmp_path_factory.mktemp("spark")
        (folder / "spark-defaults.conf").write_text(FAST, encoding="utf-8")
        os.environ["SPARK_CONF_DIR"] = str(folder)
    return "spark"


def as_frame(value):
    """What a measure returns as a frame, rows in an order that hangs on their values alone."""
    if isinstance(value, ir.Table):
        value = value.execute()
    frame = (
        value if isinstance(value, pd.DataFrame) else pd.DataFrame({"value": np.atleast_1d(value)})
    )
    frame = frame.apply(
        lambda column: (
            pd.to_numeric(column, errors="coerce").astype(float)
            if is_number(column)
            else column.astype(object).where(column.notna(), None).astype(str)
        )
    )
    keys = [column for column in frame.columns if frame[column].dtype != float]
    return frame.sort_values([*keys, *frame.columns.difference(keys)], ignore_index=True)


def is_number(column):
    """True for a column of numbers, decimals and counts with gaps among them."""
    return (
        all(
            isinstance(value, numbers.Number) and not isinstance(value, bool)
            for value in column.dropna()
        )
        and column.notna().any()
    )


def assert_same(one, other, name):
    assert list(one.columns) == list(other.columns) and len(one) == len(other) > 0, (
        name,
        len(one),
        len(other),
    )
    for column in one.columns:
        if one[column].dtype == float:
            np.testing.assert_allclose(
                other[column], one[column], rtol=1e-9, atol=1e-6, err_msg=f"{name}.{column}"
            )
        else:
            assert other[column].tolist() == one[column].tolist(), f"{name}.{column}"


def test_every_measure_that_reads_tables_is_compared():
    assert set(table_measures()) == set(CALLS)


@pytest.mark.long
def test_measures_agree_with_duckdb(other_engine, engine_book, demo_book):
    """1e-9 for money and ratios, exact for counts, dates and texts."""
    book, differing = engine_book(other_engine), {}
    for function, call in CALLS.items():
        try:
            assert_same(as_frame(call(demo_book)), as_frame(call(book)), function.__name__)
        except Exception as error:  # all are told, not the first alone
            differing[function.__name__] = f"{type(error).__name__}: {str(error)[:300]}"
    assert not differing, "\n".join(f"{name}: {told}" for name, told in differing.items())
    assert book.engine.backend.name == ("pyspark" if other_engine == "spark" else "postgres")


@pytest.mark.long
def test_cube_and_orders_agree_with_duckdb(other_engine, engine_book, demo_book):
    book = engine_book(other_engine)
    for name in ("cube", "orders", "sales", "customers", "quarantine"):
        assert_same(as_frame(demo_book.table(name)), as_frame(book.table(name)), name)


@pytest.mark.long
def test_a_book_that_foretells_nothing_is_decided_alike(other_engine, make_engagement):
    """No line names a family: there is nothing to offer, on any engine."""
    rows = [["customer_id", "date", "amount"]]
    rows += [
        [f"C{c}", f"{year}-{month:02}-1{c}", 100 + month]
        for c in range(9)
        for year in (2023, 2024)
        for month in range(1, 13, 1 + c % 4)
        if (c, year) != (3, 2024)
    ]
    books = [
        open_book(make_engagement(name=place, tables={"sales": rows}, engine=engine))
        for place, engine in (("here", "duckdb"), ("there", other_engine))
    ]
    told = [decided_frame(book, Policy()) for book in books]
    assert_same(*told, "decisions")
    assert len(told[0]) == 9 and told[0].next_family.isna().all()


@pytest.mark.long
def test_lists_agree_with_duckdb(other_engine, engine_book, demo_book):
    """Accounts with their strategies and budgets, gaps, and the customers of 24 months, computed by
    the engine: every column alike.
    """
    books, p = (demo_book, engine_book(other_engine)), Policy()
    for name, listed in (
        ("account_budgets", lambda book: account_budgets(book, p)),
        ("account_capital", worth),
        ("followed_list", behind),
        ("portfolio", lambda book: portfolio_of(book, p.abc_cut_a, p.abc_cut_b).customers),
        ("gap_list", lambda book: gap_list(book, p.abc_cut_a, p.abc_cut_b, 2)),
    ):
        one, other = (frame(listed(book).order_by("customer_id")) for book in books)
        assert_same(one, other, name)


@pytest.mark.long
def test_a_table_of_this_process_may_be_part_of_what_is_kept(other_engine, engine_book, demo_book):
    """The classes of an earlier report are one, and who changed class is kept."""

    def placed(book):
        here = ibis.memtable({"customer_id": ["C0012", "C0007"], "place": [2, 1]})
        named = here.inner_join(book.table("customers"), "customer_id")
        kept = book.kept("placed", named.select("place", "customer_id", "name"), "Customers")
        return kept.order_by("place")

    one, other = (as_frame(placed(book)) for book in (demo_book, engine_book(other_engine)))
    assert_same(one, other, "placed")
    assert one.customer_id.tolist() == ["C0007", "C0012"] and one.name.iloc[0].startswith("Groupe")


def test_ties_are_broken_alike(other_engine, make_engagement):
    """Customers of equal revenue, salespeople of one day: in the order of code points on every
    engine, no value lost on the way.
    """
    names = [
        "émile",
        "Zoé",
        "a",
        "B",
        "ab-c",
        "abd",
        "",
        "É",
        "z z",
        'quo"te',
        "back\\slash",
        "new\nline",
        "é",
    ]
    sales = [["customer_id", "date", "amount", "salesperson"]]
    sales += [
        [name or "nobody", f"{year}-06-15", "100.10", seller]
        for name in names
        for year in (2023, 2024)
        for seller in (name, "Émile", "emile", "")
    ]
    books = [
        open_book(make_engagement(f"ties{number}", tables={"sales": sales}, engine=engine))
        for number, engine in enumerate(("duckdb", other_engine))
    ]
    ranked = [
        concentration.abc_classes(moved(book)).order_by("rank").execute().customer_id.tolist()
        for book in books
    ]
    assert ranked[0] == ranked[1] == sorted(name or "nobody" for name in names)
    sellers = [book.customers.order_by("customer_id").execute() for book in books]
    assert_same(as_frame(sellers[0]), as_frame(sellers[1]), "customers")
    assert set(sellers[1].salesperson) == {max(name, "Émile", "emile") for name in names}


def test_another_process_finds_the_rows_that_were_asked(other_engine, make_engagement, monkeypatch):
    """Of tables, of kept ones and of rows of this process: as they were, and DuckDB's."""
    rows = [["customer_id", "date", "amount", "salesperson"],
            ["C1", "2024-03-05", 120, "é"], ["C1", "2023-03-05", 80.5, ""],
            ["C2", "2023-07-01", -3, ""]]  # fmt: skip
    monkeypatch.setattr(queries, "_compiled", {})

    def answers(engine):
        asked, book = [], open_book(make_engagement(tables={"sales": rows}, engine=engine))
        backend = book.engine.backend
        if engine != "duckdb":
            own = backend._asked
            monkeypatch.setattr(backend, "_asked", lambda t, **n: asked.append(t) or own(t, **n))
        one = ibis.memtable({"customer_id": ["C1", None], "day": [dt.date(2024, 1, 1), None]})
        t, kept, sales = book.cube, moved(book), book.table("sales")
        told = [t, sales, sales.amount.mean(), sales.date.delta(dt.date(2023, 1, 1), unit="day"),
                sales.group_by("customer_id").agg(mean=sales.amount.mean()),
                sales.mutate(thirds=sales.amount / 3, none=ibis.null("int64")),
                t.filter(t.customer_id == "nobody"), t.semi_join(one, "customer_id"), one,
                t.group_by("customer_id").agg(last=t.month.max()),
                kept, kept.status.nunique(), t.revenue.sum(), t.salesperson]  # fmt: skip
        found = [each.order_by(*sorted(each.columns)) if isinstance(each, ir.Table) else each
                 for each in told]  # fmt: skip
        return [(each.execute(), each.to_pyarrow()) for each in found], len(asked)

    (first, count), (again, none), (here, _) = map(answers, (other_engine, other_engine, "duckdb"))
    assert count > 12 and none == 0
    for (one, rows), (same, equal), (own, _) in zip(first, again, here, strict=True):
        assert rows == equal
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, same)
            pd.testing.assert_frame_equal(one, own, check_dtype=False)
        elif isinstance(one, pd.Series):
            pd.testing.assert_series_equal(one, same)
        else:
            assert one == same == own


def test_tables_of_the_server_are_not_in_the_way(make_engagement):
    """A schema that holds tables of the same names, with other columns: the book's own are read,
    and the server's are left alone.
    """
    url = os.environ.get("CARNET_POSTGRES")
    if not url:
        pytest.skip("CARNET_POSTGRES does not name a PostgreSQL server")
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        if not server.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone()[0]:
            pytest.skip("the role of CARNET_POSTGRES may create no table in the schema public")
        server.execute(
            "DROP TABLE IF EXISTS sales; CREATE TABLE sales (amount text, vat int); INSERT INTO "
            "sales VALUES ('x', 1)"
        )
        try:
            password = url.rpartition("@")[0].rpartition(":")[2]
            os.environ["CARNET_TEST_PASSWORD"] = password
            sales = [
                ["customer_id", "date", "amount"],
                ["A", "2024-01-15", "10"],
                ["B", "2024-02-15", "20"],
            ]
            book = open_book(
                make_engagement(
                    tables={"sales": sales},
                    engine=url.replace(f":{password}@", ":${CARNET_TEST_PASSWORD}@"),
                )
            )
            assert book.table("sales").columns == ("customer_id", "date", "amount", "_file", "_row")
            assert (
                float(book.table("sales").amount.sum().execute())
                == float(book.cube.revenue.sum().execute())
                == 30
            )
            assert server.execute("SELECT amount, vat FROM sales").fetchall() == [("x", 1)]
        finally:
            server.execute("DROP TABLE sales")
