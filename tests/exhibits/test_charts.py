"""Title, labels, drawn values, zero baseline, alt text; no pixels."""

import io
import itertools

import pandas as pd
import pytest
from carnet.exhibits import charts
from carnet.exhibits.charts import base
from carnet.exhibits.charts.base import as_svg, narrow
from carnet.exhibits.exhibit import Exhibit
from carnet.exhibits.forms import Drawn
from carnet.findings import portfolio as words
from carnet.measures.gaps import salespeople
from carnet.wording import Wording
from matplotlib.colors import to_hex

EN, FR = Wording("en", "EUR"), Wording("fr", "EUR")
BRIDGE = pd.DataFrame(
    {
        "step": ["previous", "new", "recovered", "expansion", "contraction", "lost", "current"],
        "amount": [1000.0, 100.0, 50.0, 200.0, -300.0, -150.0, 900.0],
    }
)


def ranked(names, amounts, notes):
    return pd.DataFrame({"name": names, "amount": amounts, "note": notes})


TEXTS = charts.Texts("Title", "Subtitle", "source")


def titled(title, subtitle="Subtitle"):
    return charts.Texts(title, subtitle, "source")


def bridge(w):
    return charts.draw_waterfall(
        w, words.bridge_steps(w, BRIDGE), titled(words.bridge_title(w, BRIDGE))
    )


def texts(chart):
    found = [text.get_text() for text in chart.figure.texts]
    for axes in chart.figure.axes:
        found += [
            text.get_text()
            for text in [*axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()]
        ]
    return found


def test_bridge_draws_each_step_from_where_the_last_one_ended():
    chart = bridge(EN)
    bars = chart.figure.axes[0].patches
    assert [(bar.get_y(), bar.get_height()) for bar in bars] == [
        (0, 1000),
        (1000, 100),
        (1100, 50),
        (1150, 200),
        (1350, -300),
        (1050, -150),
        (0, 900),
    ]
    assert "€350 gained, €450 given up" in texts(chart)
    assert "source" in texts(chart)
    assert chart.figure.axes[0].get_ylim()[0] <= 0
    assert "Lost: −€150.00" in chart.alt


def test_chart_speaks_the_readers_language():
    chart = bridge(FR)
    assert "350\u00a0€ gagnés, 450\u00a0€ cédés" in texts(chart)
    assert "Période\nprécédente" in texts(chart)


def test_ranking_keeps_order_values_and_zero():
    chart = charts.draw_ranking(EN, ranked(["Alpha", "Beta"], [-5.0, 3.0], ["-€5", "+€3"]), TEXTS)
    axes = chart.figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [-5, 3]
    assert axes.get_xlim()[0] < 0 < axes.get_xlim()[1]
    assert "Alpha" in texts(chart) and "-€5" in texts(chart)


@pytest.mark.parametrize("name", ["Joe $\\bad$ Ltd", "A_b^{", "100 % $", "\\frac", "نص", "a" * 300])
def test_hostile_names_are_drawn_as_text(name):
    chart = charts.draw_ranking(EN, ranked([name], [1.0], ["1"]), charts.Texts(name, name, name))
    chart.figure.savefig(io.BytesIO(), format="png")
    assert name in chart.alt


def test_lorenz_marks_half_of_the_revenue():
    curve = pd.DataFrame(
        {"rank": [1, 2, 4], "customer_share": [0.25, 0.5, 1.0], "revenue_share": [0.6, 0.8, 1.0]}
    )
    chart = charts.draw_lorenz(EN, curve, titled(words.half_of_revenue(EN, curve)))
    assert "Half of the revenue comes from 25.0% of customers" in texts(chart)
    assert list(chart.figure.axes[0].lines[0].get_ydata()) == [0, 0.6, 0.8, 1.0]


def test_monthly_revenue_starts_at_zero_and_counts_months():
    months = pd.DataFrame(
        {"audit_month": [1, 0], "revenue": [5.0, 7.0], "revenue_previous": [6.0, 1.0]}
    )
    drawn = months.assign(label=["Nov", "Dec"])
    chart = charts.draw_monthly_revenue(EN, drawn, titled(words.months_title(EN, months)))
    assert "1 months of 2 are above the same month a year earlier" in texts(chart)
    assert chart.figure.axes[0].get_ylim()[0] == 0
    assert "Nov" in texts(chart)


def test_drop_off_draws_its_intervals():
    steps = pd.DataFrame(
        {
            "step": [1, 2],
            "customer_count": [50, 40],
            "continued_count": [40, 10],
            "continued_rate": [0.8, 0.25],
        }
    )
    steps = steps.assign(continued_low=[0.67, 0.14], continued_high=[0.89, 0.4])
    chart = charts.draw_drop_off(EN, steps, titled(words.ordering_again(EN, steps, 180)))
    assert [bar.get_height() for bar in chart.figure.axes[0].patches] == [0.8, 0.25]
    segments = chart.figure.axes[0].collections[0].get_segments()
    assert segments[0][:, 1].tolist() == pytest.approx([0.67, 0.89])
    assert any("n = 40" in text for text in texts(chart))


def test_rfm_shows_empty_cells_as_zero_customers():
    matrix = pd.DataFrame(
        {
            "recency_score": [5, 1],
            "frequency_score": [5, 4],
            "customer_count": [3, 2],
            "revenue": [9.0, 4.0],
        }
    )
    chart = charts.draw_rfm(EN, matrix, titled(words.frequent_least_recent(EN, matrix)))
    assert "2 frequent customers are among the least recent: €4 of revenue" in texts(chart)
    assert texts(chart).count("0") == 23


def test_drawing_leaves_the_callers_settings_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    bridge(EN)
    assert dict(mpl.rcParams) == before


def test_cost_blocks_draw_both_periods_and_no_bar_for_the_unknown():
    blocks = pd.DataFrame(
        {"label": ["variable", "fixed"], "before": [10.0, float("nan")], "now": [12.0, 5.0]}
    )
    chart = charts.draw_cost_blocks(EN, blocks, TEXTS)
    bars = chart.figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [10, 12, 5] and chart.figure.axes[0].get_ylim()[
        0
    ] == 0
    assert "variable: €10.00, €12.00" in chart.alt


def test_break_even_chart_has_both_lines_from_zero():
    months = pd.DataFrame(
        {"label": ["Jan", "Feb"], "revenue": [100.0, 200.0], "cost": [150.0, 180.0]}
    )
    chart = charts.draw_break_even(EN, months, TEXTS)
    lines = [list(line.get_ydata()) for line in chart.figure.axes[0].lines]
    assert [100, 200] in lines and [150, 180] in lines and chart.figure.axes[0].get_ylim()[0] == 0
    assert {"revenue", "costs"} <= {text.get_text() for text in chart.figure.axes[0].texts}


def test_whale_curve_marks_its_peak():
    curve = pd.DataFrame(
        {
            "customer_share": [0, 0.5, 1],
            "profit": [0.0, 80.0, 74.0],
            "low": [0.0, 70.0, 60.0],
            "high": [0.0, 90.0, 88.0],
        }
    )
    chart = charts.draw_whale(EN, curve, TEXTS)
    assert "peak €80, end €74" in texts(chart) and "50%: peak €80, end €74" in chart.alt


def test_control_chart_shows_limits_and_marks_signals():
    limits = pd.DataFrame(
        {"value": [1.0, 9.0], "mean": 3.0, "low": 0.5, "high": 5.5, "signal": ["", "above"]}
    )
    chart = charts.draw_control(EN, limits, TEXTS, labels=["Jan 2024", "Feb 2024"], write=EN.number)
    axes = chart.figure.axes[0]
    assert {"3", "6", "0"} <= {text.get_text() for text in axes.texts}, (
        "mean and limits are labelled"
    )
    marked = [tuple(point) for scatter in axes.collections for point in scatter.get_offsets()]
    assert marked == [(1.0, 9.0)]


def test_cohorts_leave_the_future_blank():
    cells = pd.DataFrame(
        {
            "cohort": [0, 0, 1],
            "age": [0, 1, 0],
            "label": ["2024-Q1", "2024-Q1", "2024-Q2"],
            "customer_count": [4, 4, 2],
            "active_rate": [1.0, 0.5, 1.0],
        }
    )
    chart = charts.draw_cohorts(FR, cells, charts.Texts("Titre", "Sous-titre", "source"))
    shown = [text.get_text() for text in chart.figure.axes[0].texts]
    assert "50" in shown and "0" not in shown
    assert [label.get_text() for label in chart.figure.axes[0].get_yticklabels()] == [
        "2024-T1 (n = 4)",
        "2024-T2 (n = 2)",
    ]


def test_survival_chart_starts_at_one_and_shows_numbers_at_risk():
    curve = pd.DataFrame(
        {
            "years": [1.0, 3.0],
            "at_risk": [20, 9],
            "survival": [0.8, 0.5],
            "low": [0.6, 0.3],
            "high": [0.9, 0.7],
            "endings": [4, 3],
        }
    )
    chart = charts.draw_survival(EN, curve, TEXTS, horizon_years=5)
    assert chart.figure.axes[0].lines[0].get_ydata()[0] == 1 and any(
        "n = 20" in text for text in texts(chart)
    )


def test_hold_out_chart_sets_predicted_beside_actual():
    fifths = pd.DataFrame(
        {
            "fifth": [1, 2],
            "customer_count": [40, 40],
            "predicted_rate": [0.1, 0.4],
            "actual_rate": [0.05, 0.5],
        }
    )
    chart = charts.draw_hold_out(EN, fifths, TEXTS)
    assert [bar.get_height() for bar in chart.figure.axes[0].patches] == [0.05, 0.5]
    assert list(chart.figure.axes[0].lines[0].get_ydata()) == [0.1, 0.4]


PEOPLE = pd.DataFrame(
    {
        "salesperson": ["Anna $\\bad$", "Bob", "Carl"],
        "customer_count": [20, 40, 30],
        "late_share": [0.5, 0.4, 0.9],
        "expected_share": [0.4, 0.4, 0.45],
        "signal": ["none", "95", "99.8"],
    }
)


def test_funnel_draws_observed_less_expected_between_exact_limits():
    limits = salespeople.funnel_limits(46, 0.4)
    axes = charts.draw_funnel(EN, PEOPLE, TEXTS, limits=limits, share=0.4).figure.axes[0]
    inside, near, outside = (collection.get_offsets().tolist() for collection in axes.collections)
    assert (
        inside == [[20, pytest.approx(0.5)]]
        and near == [[40, pytest.approx(0.4)]]
        and outside == [[30, pytest.approx(0.85)]]
    )
    drawn = {tuple(line.get_ydata()) for line in axes.lines}
    assert {tuple(limits[name]) for name in ("low_95", "high_95", "low_998", "high_998")} <= drawn
    names = [text for text in axes.texts if text.get_text() in (r"Anna \$\\bad\$", "Bob", "Carl")]
    heights = sorted(text.get_position()[1] for text in names)
    assert len(names) == 3 and min(b - a for a, b in itertools.pairwise(heights)) >= 0.05, (
        "labels do not overlap"
    )


def test_quadrants_put_deep_falls_below_and_few_contacts_left():
    t = pd.DataFrame(
        {
            "name": list("ABCD"),
            "noted_contact_count": [1.0, 12, 40, 6],
            "planned_contact_count": [12.0] * 4,
            "gap_rate": [-0.9, -0.9, -0.1, -0.1],
            "sales_gap": [-50.0, -100.0, -25.0, -10.0],
            "quadrant": ["few_contacts", "competition", "demand", None],
        }
    )
    labels = {"few_contacts": "n", "competition": "c", "demand": "d", "watch": "w"}
    axes = charts.draw_quadrants(EN, t, TEXTS, deep_share=0.5, labels=labels).figure.axes[0]
    deep, mild = (collection.get_offsets().tolist() for collection in axes.collections)
    assert deep == [[pytest.approx(1 / 12), -0.9], [1.0, -0.9]] and mild == [[2.5, -0.1]], (
        "the unknown one is not drawn, 40 of 12 stands at the edge"
    )
    assert axes.collections[0].get_sizes().tolist() == [215, 400], "area follows the money"


def test_heat_strip_shows_revenue_and_colours_the_gap():
    months = pd.DataFrame(
        {
            "customer_id": ["A", "A", "B", "B"],
            "audit_month": [1, 0, 1, 0],
            "revenue": [12_000.0, 0.0, 3000.0, 50.0],
            "revenue_previous": [0.0, 24_000.0, 3000.0, 0.0],
        }
    )
    axes = charts.draw_heat_strip(
        EN, months, TEXTS, names={"A": "Alpha", "B": "Beta"}, labels=["Nov", "Dec"]
    ).figure.axes[0]
    assert axes.collections[0].get_array().reshape(2, 2).tolist() == [
        [0.5, -1.0],
        [0.0, pytest.approx(50 / 3000)],
    ]
    assert [text.get_text() for text in axes.texts] == ["12", "", "3.0", "0.1"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Alpha", "Beta"]


def test_ranking_leaves_room_for_its_longest_note():
    for notes in (["-€120,250 · p <\u00a00.1%", "+€71,483 · p 11.4%"], ["-€5", "+€3"]):
        chart = charts.draw_ranking(
            EN, ranked(["Alpha", "Beta"], [-120250.0, 71483.0], notes), TEXTS
        )
        chart.figure.canvas.draw()
        axes = chart.figure.axes[0]
        frame = axes.get_window_extent()
        for text in axes.texts:
            box = text.get_window_extent()
            assert frame.x0 - 2 <= box.x0 and box.x1 <= frame.x1 + 2


LABELS = {"price": "Price $x$", "contact": "Contact", "unknown": "Unknown"}


def offsets(collections):
    return [
        collection.get_offsets().tolist()
        for collection in collections
        if len(collection.get_offsets()) and hasattr(collection, "get_sizes")
    ]


def test_reasons_draw_both_shares_their_intervals_and_the_quoted_stroke():
    nan = float("nan")
    shares = pd.DataFrame(
        {
            "reason": ["price", "contact", "unknown"],
            "count": [6, 3, 1],
            "share": [0.6, 0.3, 0.1],
            "share_low": [0.3, 0.1, 0.0],
            "share_high": [0.8, 0.6, 0.5],
            "revenue_share": [0.9, 0.1, nan],
            "revenue_share_low": [0.5, 0.0, nan],
            "revenue_share_high": [1.0, 0.5, nan],
            "benchmark_share": [0.15, 0.2, nan],
        }
    )
    chart = charts.draw_reasons(EN, shares, TEXTS, labels=LABELS)
    number, money, quoted = offsets(chart.figure.axes[0].collections)
    assert (
        [x for x, _ in number] == [0.6, 0.3, 0.1]
        and [x for x, _ in money] == [0.9, 0.1]
        and quoted == [[0.15, 0.0], [0.2, 1.0]]
    )
    lines = [
        segment.tolist()
        for c in chart.figure.axes[0].collections
        if hasattr(c, "get_segments")
        for segment in c.get_segments()
    ]
    assert [[a[0], b[0]] for a, b in lines] == [
        [0.3, 0.8],
        [0.1, 0.6],
        [0.0, 0.5],
        [0.5, 1.0],
        [0.0, 0.5],
    ]
    assert (
        r"Price \$x\$ (6)" in texts(chart)
        and "Price $x$: 60%" in chart.alt
        and chart.figure.axes[0].get_xlim()[0] == 0
    )


def test_two_accounts_stand_on_the_row_of_their_reason():
    gap = pd.DataFrame(
        {
            "reason": ["price", "contact"],
            "customer_share": [0.1, 0.5],
            "salesperson_share": [0.4, 0.2],
        }
    )
    chart = charts.draw_two_accounts(FR, gap, TEXTS, labels=LABELS)
    customers, sellers = offsets(chart.figure.axes[0].collections)
    assert (
        customers == [[0.1, 0.0], [0.5, 1.0]]
        and sellers == [[0.4, 0.0], [0.2, 1.0]]
        and "Contact: 50" in chart.alt
    )


def test_tornado_draws_each_swing_and_marks_the_quoted_chain():
    tornado = pd.DataFrame(
        {
            "premise": ["told", "leave"],
            "low": [5, 0.4],
            "high": [15, 0.9],
            "result_low": [10.0, 20.0],
            "result_high": [60.0, 40.0],
        }
    )
    results = pd.DataFrame(
        {
            "step": ["lost_customers", "lost_prospects"],
            "quoted": [96.0, 1440],
            "median": [20.0, 30],
            "low": [10.0, 8],
            "high": [50.0, 90],
        }
    )
    axes = charts.draw_tornado(
        EN, tornado, TEXTS, results=results, labels=["told", "leave"]
    ).figure.axes[0]
    assert [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches] == [
        (10, 60),
        (20, 40),
        (8, 90),
    ]
    assert (
        offsets(axes.collections) == [[[1440, 2]]]
        and axes.get_xlim()[1] > 1440
        and any("1,440" in text.get_text() for text in axes.texts)
    )


def test_importance_marks_what_to_act_on():
    t = pd.DataFrame(
        {
            "dimension": ["price", "contact"],
            "importance": [0.7, 0.3],
            "importance_low": [0.6, 0.2],
            "importance_high": [0.8, 0.4],
            "performance": [0.6, 0.9],
            "performance_low": [0.5, 0.8],
            "performance_high": [0.65, 0.95],
            "position": ["act", "enough"],
        }
    )
    axes = charts.draw_importance(EN, t, TEXTS, labels=LABELS, satisfied_from=0.7).figure.axes[0]
    others, act = offsets(axes.collections)
    assert others == [[0.9, 0.3]] and act == [[0.6, 0.7]] and axes.get_ylim()[0] == 0


def test_drivers_stand_on_a_logarithmic_axis_around_one():
    effects = pd.DataFrame(
        {
            "attribute": ["a"],
            "odds_ratio": [2.0],
            "odds_low": [1.2],
            "odds_high": [3.0],
            "raw_odds_ratio": [0.5],
            "raw_low": [0.3],
            "raw_high": [0.9],
        }
    )
    axes = charts.draw_drivers(EN, effects, TEXTS, labels=["A"]).figure.axes[0]
    adjusted, raw = offsets(axes.collections)
    assert (
        adjusted[0][0] == 2
        and raw[0][0] == 0.5
        and axes.get_xscale() == "log"
        and axes.lines[0].get_xdata()[0] == 1
    )


def test_incidence_starts_at_zero_and_shows_numbers_at_risk():
    curves = pd.DataFrame(
        {
            "years": [0.5, 1.0],
            "at_risk": [40, 30],
            "ours": [0.1, 0.2],
            "other": [0.0, 0.05],
            "staying": [0.9, 0.75],
        }
    )
    chart = charts.draw_incidence(EN, curves, TEXTS, labels={"ours": "ours", "other": "other"})
    drawn = [list(line.get_ydata()) for line in chart.figure.axes[0].lines]
    assert (
        [0.0, 0.1, 0.2] in drawn
        and [0.0, 0.0, 0.05] in drawn
        and "40 at risk" in texts(chart)
        and "ours 20%" in texts(chart)
    )


def test_sums_taken_in_another_order_are_drawn_the_same():
    """An engine adds rows as they come: the last digits of a sum move from run to run, and with
    them the room that the notes of a narrow chart leave it.
    """
    names, drawn = ["Occitanie", "Auvergne-Rhône-Alpes"], []
    for small in (0.0, 3e-9):
        table = ranked(names, [-218170.12 - small, 82198.33 + small], ["−€218,170", "+€82,198"])
        exhibit = Exhibit("ranking", "Title", table, Drawn(charts.draw_ranking))
        with narrow():
            drawn.append(as_svg(exhibit.rendered(EN), "ranking", "narrow"))
    assert drawn[0] == drawn[1]


def test_a_second_book_takes_its_own_colours():
    """What was looked up for the first is forgotten."""
    shown = []
    for own in ({"focus": "#5B2333"}, {}):
        base.use_colours(own)
        shown.append(to_hex("carnet:focus"))
    assert shown == ["#5b2333", base.COLOURS["focus"].lower()]
