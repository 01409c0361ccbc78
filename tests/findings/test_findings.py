import datetime as dt
import math

import pandas as pd
import pytest
from carnet import findings
from carnet.findings import Finding, costs, gaps, indicators, reasons
from carnet.measures.indicators import control_limits
from carnet.wording import Wording

EN, FR = Wording("en", "EUR"), Wording("fr", "EUR")
FIGURES = {
    "revenue": 120_000.0, "revenue_previous": 100_000.0, "opening_customer_count": 50,
    "not_due_customer_count": 0, "lost_customer_count": 3, "kept_customer_count": 47,
    "revenue_lost": 5000.0, "attrition_rate": 0.06, "retention_rate": 0.94,
    "revenue_contraction": 7000.0, "revenue_expansion": 9000.0, "revenue_new": 4000.0,
    "revenue_recovered": 500.0, "new_customer_count": 2, "recovered_customer_count": 1,
    "top_1_share": 0.2,
}  # fmt: skip
NAN = (math.nan, math.nan)


@pytest.mark.parametrize(
    ("interval", "complete", "word"),
    [
        ((1, 40_000), True, "rose by €20,000 (20.0%)"),
        ((-5000, 40_000), True, "can come from a few customers"),
        (NAN, True, "too few of them moved"),
        ((1, 2), False, "no complete previous period"),
    ],
)
def test_direction_is_written_only_when_the_interval_supports_it(interval, complete, word):
    sentence = findings.revenue_change(EN, FIGURES, interval, complete).sentence
    assert word in sentence
    if "rose" not in word:
        assert "rose" not in sentence and "fell" not in sentence


def test_fall():
    sentence = findings.revenue_change(
        EN, FIGURES | {"revenue": 80_000.0}, (-30_000, -10_000), True
    ).sentence
    assert sentence.startswith("Revenue fell by €20,000 (20.0%) to €80,000")


def test_french_sentences_have_their_own_directions():
    assert (
        "a augmenté de 20\u202f000\u00a0€"
        in findings.revenue_change(FR, FIGURES, (1, 2), True).sentence
    )
    assert (
        "a baissé"
        in findings.revenue_change(FR, FIGURES | {"revenue": 1.0}, (-2, -1), True).sentence
    )


def test_lost_customers_names_and_interval():
    finding = findings.lost_customers(EN, FIGURES, ["Alpha", "Beta"], (0.02, 0.16))
    assert (
        "3 customers" in finding.sentence
        and "Alpha, Beta" in finding.sentence
        and "6.0% [2.0% to 16.0%] of 50" in finding.sentence
    )
    assert finding.amount == -5000
    assert (
        "1 customer of"
        in findings.lost_customers(
            EN, FIGURES | {"lost_customer_count": 1}, ["Alpha"], (0, 1)
        ).sentence
    )
    assert (
        findings.lost_customers(EN, FIGURES | {"lost_customer_count": 0}, [], (0, 1)).sentence
        == "Every customer of the year before that was due bought again."
    )
    assert findings.lost_customers(EN, FIGURES | {"opening_customer_count": 0}, [], NAN) is None


def test_arrivals_are_set_against_what_left():
    assert "less than" in findings.arrivals(EN, FIGURES).sentence
    assert "as much as or more" in findings.arrivals(EN, FIGURES | {"revenue_new": 9000.0}).sentence
    assert (
        findings.arrivals(EN, FIGURES | {"new_customer_count": 0, "recovered_customer_count": 0})
        is None
    )


def test_dependence_takes_as_many_customers_as_there_are():
    rows = [
        {"top_count": n, "customer_count": min(n, 2), "revenue_at_risk": 9.0, "share": 0.9}
        for n in (1, 3, 5)
    ]
    finding = findings.dependence(EN, rows, ["Alpha", "Beta"])
    assert finding.sentence == "The largest customer (Alpha) carries €9.00, 90.0% of revenue."
    assert findings.dependence(EN, [], []) is None


def test_kept_customers_who_buy_less_are_told_with_their_own_money():
    assert (
        "€10.00 of revenue missing" in findings.shrinking_customers(EN, 10.0, 1, ["Alpha"]).sentence
    )
    assert (
        findings.shrinking_customers(EN, 0.0, 0, []) is None
        and findings.growing_customers(EN, 0.0, 0, []) is None
    )


def test_findings_are_ranked_by_money_whatever_its_sign():
    made = [Finding("a", "", 5), None, Finding("b", "", -9), Finding("c", "", 7)]
    assert [finding.key for finding in findings.ranked(made, limit=2)] == ["b", "c"]


def test_retention_beside_the_quoted_half_life():
    sentence = findings.retention(EN, FIGURES, (0.84, 0.98), 11.2)
    assert "94.0% [84.0% to 98.0%]" in sentence and "11.2 years" in sentence and "87.1%" in sentence
    assert "not measured" in findings.retention(
        EN, FIGURES | {"opening_customer_count": 0}, NAN, math.nan
    )


@pytest.mark.parametrize(
    ("attrition", "part"),
    [
        ((0.2, 0.3), "even at the low end"),
        ((0.1, 0.3), "does not rule out the alert"),
        ((0.01, 0.1), None),
        ((None, None), None),
    ],
)
def test_recommendations_are_triggered_by_thresholds(attrition, part):
    first = {"lost": [], "shrinking": [], "growing": []}
    made = findings.recommendations(
        EN, FIGURES | {"top_1_share": 0.01}, first, [], 0.10, 0.15, attrition
    )
    assert (
        part in made[0] if part else made == ["No alert threshold among the parameters is crossed."]
    )


def test_exposure_recommendation_names_the_account():
    made = findings.recommendations(
        EN,
        FIGURES,
        {"lost": ["X"], "shrinking": ["Y"], "growing": []},
        ["Alpha"],
        0.10,
        0.15,
        (0.0, 0.1),
    )
    assert [text for text in made if "Alpha alone carries 20.0%" in text]
    assert [text for text in made if "starting with X" in text] and [
        text for text in made if "starting with Y" in text
    ]


# --- costs and indicators

YEAR = {
    "revenue": 1_000_000.0, "accounted_revenue": 1_000_000.0, "net_margin": 50_000.0,
    "total_cost": 950_000.0, "break_even_revenue": 900_000.0, "safety_margin_rate": 0.1,
    "gross_margin": 400_000.0, "fixed_cost_deck": 350_000.0, "ltv_to_cac": 1.8,
    "ltv_to_cac_deck": 8.1, "cac_standard": 15.76, "new_customer_count": 100,
    "acquisition_cost": 1576.0,
}  # fmt: skip
BEFORE = {
    "revenue": 900_000.0,
    "accounted_revenue": 900_000.0,
    "net_margin": 70_000.0,
    "total_cost": 830_000.0,
}


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        ((-30_000, -10_000), "fell by €20,000"),
        ((-50_000, 10_000), "within what ordinary months produce"),
        (NAN, "too few months"),
    ],
)
def test_net_margin_moves_only_when_months_support_it(interval, word):
    sentence = costs.net_margin(EN, YEAR, BEFORE, interval).sentence
    assert (
        word in sentence and "rose" not in sentence and (("fell" in sentence) == ("fell" in word))
    )


def test_growth_that_costs_more_than_it_brings():
    assert (
        "additional €100,000 of revenue cost €120,000"
        in costs.growth_cost(EN, YEAR, BEFORE).sentence
    )
    assert costs.growth_cost(EN, YEAR, BEFORE).amount == -20_000
    assert costs.growth_cost(EN, YEAR | {"total_cost": 900_000.0}, BEFORE) is None
    assert "the additional sales did not pay" in indicators.profit_growth(EN, YEAR, BEFORE).sentence


def test_break_even_says_how_it_was_dated():
    import datetime as dt

    day = dt.date(2024, 11, 3)
    assert "was reached on 3 November 2024" in costs.break_even(EN, YEAR, day, True).sentence
    assert "if revenue came in evenly" in costs.break_even(EN, YEAR, day, False).sentence
    short = YEAR | {"break_even_revenue": 1_200_000.0, "safety_margin_rate": -0.2}
    assert "does not cover the costs" in costs.break_even(EN, short, None, True).sentence
    losing = YEAR | {"break_even_revenue": math.nan, "gross_margin": -5.0}
    assert "Every sale loses money" in costs.break_even(EN, losing, None, True).sentence
    assert costs.break_even(EN, YEAR | {"break_even_revenue": math.nan}, None, True) is None


def test_stress_names_the_customers_whose_loss_turns_the_margin():
    rows = [
        {"top_count": 0, "net_margin": 50.0, "safety_margin_rate": 0.1},
        {"top_count": 1, "net_margin": 20.0, "safety_margin_rate": 0.05},
        {"top_count": 3, "net_margin": -10.0, "safety_margin_rate": -0.02},
    ]
    assert (
        "loss of the 3 largest customers (A, B, C)"
        in costs.stress(EN, rows, list("ABCDE")).sentence
    )
    assert "Even without the largest customer" in costs.stress(EN, rows[:2], list("AB")).sentence
    assert costs.stress(EN, [rows[0] | {"safety_margin_rate": -0.1}], ["A"]) is None


def test_receivables_without_due_dates_speak_of_no_delay():
    owed = {"open_amount": 1000.0, "dso_days": 40.0, "payment_delay_days": 30.0}
    assert (
        "past due" not in costs.receivables(EN, owed, None).sentence
        and "no due date" in costs.receivables(EN, owed, None).sentence
    )
    assert "of which €10.00 is past due" in costs.receivables(EN, owed, 10.0).sentence


def course_of(values):
    """Months of three years with their limits and pattern: as `signals` takes them."""
    series = pd.Series(
        values, index=[f"{2023 + i // 12}-{i % 12 + 1:02d}" for i in range(len(values))]
    )
    return control_limits.limits_around(series, [i % 12 + 1 for i in range(len(values))])


def test_signals_are_of_the_audited_year_and_firm_limits_need_periods():
    steady = [100.0 + (7 * i) % 5 for i in range(36)]
    audited = [f"2025-{month:02d}" for month in range(1, 13)]
    few = indicators.signals(EN, "revenue", [1.0, 2.0], *course_of(steady[:7]), audited)
    assert "too few for firm limits" in few and "€1.00 → €2.00" in few
    calm = indicators.signals(EN, "revenue", [1.0, 2.0], *course_of(steady), audited)
    assert "none of them calls for a cause of its own" in calm
    spike = [*steady[:30], 200.0, *steady[31:]]
    assert "1 period of the 12 of the audited year leaves the limits" in indicators.signals(
        EN, "revenue", [1.0], *course_of(spike), audited
    )
    earlier = [*steady[:5], 200.0, *steady[6:]]
    assert "none of them calls" in indicators.signals(
        EN, "revenue", [1.0], *course_of(earlier), audited
    ), "that was two years ago"


def test_pace_of_a_rate_is_in_points():
    from carnet.measures.catalogue import FIGURES

    assert findings.write_pace(EN, 0.021, FIGURES["retention_rate"]) == "+2.1 points"
    assert findings.write_pace(EN, -20_000, FIGURES["net_margin"]) == "−€20,000"
    assert findings.write_pace(EN, math.nan, FIGURES["net_margin"]) == "–"


# --- the gap list


def people_of(*rows):
    return pd.DataFrame(
        rows, columns=["salesperson", "late_share", "expected_share", "signal", "sales_gap"]
    )


def test_nobody_is_singled_out_within_the_outer_limits():
    calm = gaps.salespeople(
        EN, people_of(("Anna", 0.3, 0.4, "none", -5.0), ("Bob", 0.5, 0.4, "none", -9.0))
    )
    assert (
        calm.sentence.endswith("nobody is singled out.")
        and calm.amount == 0
        and "Anna" not in calm.sentence
        and "Bob" not in calm.sentence
    )
    watched = gaps.salespeople(
        EN, people_of(("Anna", 0.3, 0.4, "none", -5.0), ("Bob", 0.6, 0.4, "95", -9.0))
    )
    assert (
        "outside the 95 % limits: 1, where chance puts up to 0.1" in watched.sentence
        and "Bob" not in watched.sentence
        and watched.amount == 0
    )
    out = gaps.salespeople(
        EN, people_of(("Anna", 0.1, 0.4, "99.8", 5.0), ("Bob", 0.9, 0.4, "99.8", -9.0))
    )
    assert (
        "(99.8 % limits): Bob; fewer: Anna. Look at the accounts first" in out.sentence
        and out.amount == -9
    )
    better = gaps.salespeople(
        EN, people_of(("Anna", 0.1, 0.4, "99.8", 5.0), ("Bob", 0.5, 0.4, "none", -9.0))
    )
    assert (
        better.sentence.endswith("Nobody has more.")
        and "Look at" not in better.sentence
        and better.amount == 0
    )
    assert gaps.salespeople(EN, people_of(("Anna", 0.3, 0.4, "none", -5.0))) is None, (
        "one person is compared with nobody"
    )


def test_expected_rebound_says_how_it_is_known():
    known = {"rebound_share": 0.2, "rebound_low": -0.1, "rebound_high": 0.5, "method": "history"}
    assert "lands within [0% to 50%]" in gaps.expected_rebound(EN, known), (
        "nobody regains less than nothing of a gap"
    )
    assert "too few of them, for an interval" in gaps.expected_rebound(
        EN, known | {"rebound_low": math.nan, "rebound_high": math.nan}
    )
    assert "at most" in gaps.expected_rebound(EN, known | {"method": "luck"})
    assert "not measured" in gaps.expected_rebound(EN, known | {"rebound_share": math.nan})


@pytest.mark.parametrize(
    ("verdict", "low", "english", "french"),
    [
        ("more", 0.1, "more than the 30% that such groups", "plus que les 30\u00a0%"),
        ("less", 0.1, "less than the 30%", "moins que"),
        ("same", 0.1, "not told apart", "ne se distingue pas"),
        ("unknown", 0.1, "is not known", "n’est pas connu"),
        ("more", math.nan, "luck of orders gives back at most", "au plus le hasard"),
        ("same", math.nan, "no more than luck", "pas plus que ce que peut rendre le hasard"),
    ],
)
def test_memory_has_a_sentence_for_every_verdict(verdict, low, english, french):
    outcomes = pd.DataFrame(
        {
            "outcome": ["back", "still_late", "lost", "all"],
            "customer_count": [1, 2, 3, 6],
            "revenue_progress": [5.0, 1, -3, 3],
        }
    )
    for w, word in ((EN, english), (FR, french)):
        finding = gaps.followed(
            w, outcomes, (0.1, math.nan, math.nan), (0.3, low, 0.5), verdict, "31/12/2024", 1.0
        )
        assert (
            word in finding.sentence
            and finding.amount == 3
            and "  " not in finding.sentence
            and " ," not in finding.sentence
        )
    half_a_year = gaps.followed(
        EN, outcomes, (0.1, 0.0, 0.2), (0.3, 0.1, 0.5), "more", "31/12/2024", 0.5
    ).sentence
    assert "more than the 15% that" in half_a_year


def test_effect_of_the_contacts_is_told_only_beyond_chance_and_if_they_were_made():
    effect = {
        "contact_count": 9,
        "hold_out_count": 4,
        "effect": 50.0,
        "low": -10.0,
        "high": 110.0,
        "contact_contacts": 3.0,
        "hold_out_contacts": 0.5,
    }
    assert gaps.arm_effect(EN, effect).endswith(
        "no effect is told from chance. They had 3.0 contacts each, those left alone 0.5."
    )
    assert "an effect beyond chance" in gaps.arm_effect(EN, effect | {"low": 10.0})
    assert "this measures nothing" in gaps.arm_effect(EN, effect | {"hold_out_contacts": 5.0})
    assert "is not noted" in gaps.arm_effect(EN, effect | {"contact_contacts": math.nan})
    assert "Too few" in gaps.arm_effect(EN, effect | {"low": math.nan})
    assert "No hold-out" in gaps.arm_effect(EN, effect | {"hold_out_count": 0})


def task_of(w, row):
    (told,) = gaps.task(w, pd.DataFrame([row]), 3)
    return told


@pytest.mark.parametrize("reading", ["few_contacts", "competition", "demand", "watch", None])
def test_every_reading_has_its_task(reading):
    row = {
        "sales_gap": -1200.0,
        "at_most": 0.0,
        "action": "call",
        "quadrant": reading,
        "noted_contact_count": 2.0,
        "planned_contact_count": 12.0,
    }
    english, french = task_of(EN, row), task_of(FR, row)
    assert "€1,200" in english and "1\u202f200\u00a0€" in french and "{" not in english + french
    assert "Spend at most" not in english and task_of(EN, row | {"at_most": 60.0}).endswith(
        "Spend at most €60 on it."
    )
    assert "3 contacts without an order, or on 31 March 2026" in task_of(
        EN, row | {"action": "last_chance", "stop_date": dt.date(2026, 3, 31)}
    )


def test_an_offer_that_the_crm_knows_comes_first():
    """Won and nothing ordered, whatever the task; open, before a last chance is proposed."""
    row = {
        "sales_gap": -1200.0, "at_most": 60.0, "action": "last_chance", "quadrant": "watch",
        "noted_contact_count": 2.0, "planned_contact_count": 12.0,
        "stop_date": dt.date(2026, 3, 31), "opportunity_amount": 0.0, "won": False,
        "won_amount": math.nan,
    }  # fmt: skip
    assert task_of(EN, row).startswith("Make a last-chance proposal")
    pending = row | {"opportunity_amount": 3822.0}
    assert task_of(EN, pending).startswith("An offer of €3,822 is open: close it first. Make")
    assert task_of(EN, pending | {"action": "call"}).startswith("Call")
    told = pending | {"action": "call", "won": True}
    won = task_of(EN, told | {"won_amount": 9620.0})
    assert won.startswith("An offer of €9,620 was won and nothing ordered since: ask about it")
    assert task_of(EN, told).startswith("An offer was won and nothing ordered since")


# --- reasons

REASONS = {
    "price": "cheaper",
    "contact": "no contact",
    "attention": "poor attention",
    "unknown": "not known",
}


def told_shares(counts, low, high):
    n = sum(counts)
    return pd.DataFrame(
        {
            "reason": ["price", "contact", "attention"],
            "count": counts,
            "benchmark_share": [0.3, 0.2, 0.5],
            "share_of_quoted": [c / n for c in counts],
            "share_of_quoted_low": low,
            "share_of_quoted_high": high,
        }
    )


@pytest.mark.parametrize(
    ("counts", "low", "high", "p_value", "words"),
    [
        (
            [50, 50, 100],
            [0.2] * 3,
            [0.6] * 3,
            0.4,
            "not told apart from them (p = 40%; departures with one of these four reasons: 200).",
        ),
        ([3, 3, 6], [0.1] * 3, [0.7] * 3, 0.4, "which so few could hardly be"),
        (
            [150, 20, 30],
            [0.6, 0.05, 0.1],
            [0.8, 0.2, 0.2],
            0.0001,
            (
                "p <\u00a00.1%; departures with one of these four reasons: 200); outside its "
                "interval: cheaper, poor attention."
            ),
        ),
        (
            [9, 1, 2],
            [0.2, 0.0, 0.0],
            [0.9, 0.4, 0.6],
            0.03,
            "as a whole (p = 3.0%; departures: 12), though no single reason stands out",
        ),
        ([0, 0, 0], [math.nan] * 3, [math.nan] * 3, math.nan, "nothing is compared"),
    ],
)
def test_quoted_shares_are_told_apart_only_beyond_chance(counts, low, high, p_value, words):
    shares = (
        told_shares([max(c, 0) for c in counts], low, high)
        if sum(counts)
        else told_shares([1, 1, 1], low, high).assign(count=0)
    )
    assert words in reasons.against_quoted(EN, shares, p_value, REASONS)


@pytest.mark.parametrize(
    ("sample", "count", "low", "high", "words"),
    [
        (
            "paired",
            21,
            -0.62,
            -0.06,
            (
                "Of the same 21 departures salespeople put 14% down to “no contact”, their "
                "customers 52%: 38 points apart [6 to 62], more than chance."
            ),
        ),
        ("paired", 21, -0.7, 0.1, "[−10 to 70], not told from chance"),
        (
            "apart",
            21,
            -0.62,
            -0.06,
            "customers 52% of 21 others: 38 points apart [6 to 62], more than chance",
        ),
        (
            "apart",
            21,
            -0.7,
            0.1,
            "customers 52% of 21 others: 38 points apart [−10 to 70], not told from chance",
        ),
        ("paired", 4, -0.62, -0.06, "Told by so few"),
    ],
)
def test_perception_gap_is_told_with_its_interval(sample, count, low, high, words):
    gap = pd.DataFrame(
        [
            dict(
                sample=sample,
                reason="contact",
                customer_count=count,
                customer_share=0.52,
                salesperson_count=count,
                salesperson_share=0.14,
                gap=-0.38,
                gap_low=low,
                gap_high=high,
            )
        ]
    )
    assert words in reasons.perception(EN, gap, REASONS)


@pytest.mark.parametrize(
    ("kappa", "words"),
    [
        ((0.0, -0.05, 0.04), "agree no more than chance would: kappa 0.00 [−0.05 to 0.04]"),
        ((-0.3, -0.4, -0.2), "agree no more than chance would"),
        ((0.1, 0.02, 0.18), "agree little more than chance: kappa 0.10"),
        ((0.5, 0.3, 0.7), "agree beyond chance"),
        ((0.9, 0.8, 1.0), "agree well beyond chance"),
        ((math.nan,) * 3, "are not compared"),
    ],
)
def test_kappa_is_told_by_its_interval(kappa, words):
    assert words in reasons.agreement(EN, kappa, 40, 1)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        ((0.3, 0.1, 0.5, 0.01), "more often, by [10 to 50] points"),
        ((-0.3, -0.5, -0.1, 0.01), "less often, by [−50 to −10] points"),
        ((0.1, -0.1, 0.3, 0.4), "not told apart, [−10 to 30] points"),
    ],
)
def test_satisfied_leavers_are_compared_with_the_others(effect, words):
    leaving = pd.DataFrame(
        {
            "answer": ["satisfied", "unsatisfied", "no answer"],
            "customer_count": [50, 20, 5],
            "lost_count": [5, 8, 0],
            "leaving_rate": [0.1, 0.4, 0.0],
            "leaving_low": [0.04, 0.2, 0.0],
            "leaving_high": [0.2, 0.6, 0.4],
            "revenue_lost": [900.0, 1.0, 0.0],
        }
    )
    finding = reasons.satisfaction(EN, leaving, effect, ["Alpha"])
    assert (
        words in finding.sentence
        and "5 of 50 satisfied customers left all the same: 10% [4% to 20%], worth €900"
        in finding.sentence
        and finding.amount == -900
    )


def test_risk_that_foretells_nothing_says_so():
    good, bad, last = (
        {"auc": a, "auc_low": a - 0.1, "auc_high": a + 0.1} for a in (0.75, 0.55, 0.9)
    )
    assert "in 75% [65% to 85%] of pairs" in reasons.foretold(EN, good, last)
    assert "no more often than chance: 55% [45% to 65%]" in reasons.foretold(EN, bad, last)
    effects = pd.DataFrame(
        {"attribute": ["score", "trend", "segment: Santé"], "told_apart": ["less", "", "more"]}
    )
    assert (
        reasons.drivers(EN, effects)
        == "With leaving goes more of: segment Santé; with staying more of: satisfaction score"
    )
    assert (
        reasons.drivers(EN, effects.assign(told_apart=""))
        == "No attribute is told to go with leaving, the others held fixed"
    )


def test_silent_leavers_without_a_known_year_are_not_worth_zero():
    lost = pd.DataFrame(
        {
            "silent": pd.array([True, True, False], dtype="boolean"),
            "revenue_lost": [100.0, math.nan, 5.0],
            "reason": "unknown",
        }
    )
    finding = reasons.silent_leavers(EN, lost, ["complained"], ["Alpha"])
    assert (
        finding.amount == -100
        and "The revenue of 1 of them is not known and not in it." in finding.sentence
    )
    unpriced = reasons.silent_leavers(
        EN, lost.assign(revenue_lost=math.nan), ["complained"], ["Alpha"]
    )
    assert "€" not in unpriced.sentence and unpriced.amount == 0
    assert reasons.silent_leavers(EN, lost, [], []) is None, "no table could show a sign"
