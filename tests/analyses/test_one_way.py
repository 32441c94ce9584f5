"""One parameter at a time: nothing moves without an effect, and what moves is told with its error."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from sim.analyses.shared.outcomes import change, known_columns, outcome_named, outcome_names
from sim.analyses.shared.paired_runs import sample, with_values
from sim.analyses.shared.ranges import (
    CHOICES,
    asked_range,
    components,
    moved_along,
    range_of,
)
from sim.analyses.tornado import analysis as one_way
from sim.analyses.tornado.analysis import (
    COMPONENT,
    FITTED,
    PARAMETER,
    STRUCTURE,
    Bar,
    Found,
    shown_sections,
    tornado,
)
from sim.analyses.tornado.result import FILE_LAYOUT, TABLE, print_tornado, tornado_table
from sim.economics.estimates import NORMAL_97_5, Estimate
from sim.economics.ledger import Account
from sim.errors import UserError
from sim.scenario.schema import Switches
from sim.simulation.question import ask, with_numbers
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import SCENARIOS

MAIN = SCENARIOS / "first_salvage.yaml"
SEVERAL = SCENARIOS / "blinatumomab_then_inotuzumab.yaml"
STRATEGY = "blinatumomab"
WITHOUT_EFFECT = (
    # Trials, Philadelphia-negative, nobody treated for MRD only, no inotuzumab.
    ("candidacy.real_world_log_odds_ratio", 3.0),
    ("response.real_world_log_odds_ratio", -3.0),
    ("transplant.vod_after_inotuzumab_probability", 0.9),
    ("response.ph_positive_log_odds_ratio", 2.0),
    ("disease.ph_positive_hazard_ratio", 0.1),
    ("relapse.mrd_only_hazard_ratio", 3.0),
)
LARGEST_SEED = 2**64 - 1


def asked(path=MAIN, patients=500, seed=1):
    return ask(path, patients=patients, seed=seed)


def readings(question, names):
    """Return every outcome of the question, by name."""
    outcomes = {name: outcome_named(name, threshold=1e5, currency="USD") for name in names}
    columns = [column for outcome in outcomes.values() for column in outcome.columns]
    pair = sample(question, columns).pair(STRATEGY)
    return {name: outcome.read(pair) for name, outcome in outcomes.items()}


# Nothing without an effect


@pytest.mark.parametrize("seed", [0, 1, LARGEST_SEED])
@pytest.mark.parametrize("patients", [1, 7, 500, 4097])
def test_a_parameter_without_effect_changes_no_outcome_by_a_single_bit(patients, seed):
    """Every outcome of the command, over several numbers of patients and seeds."""
    question = asked(patients=patients, seed=seed)
    names = outcome_names()
    base = readings(question, names)
    for parameter, value in WITHOUT_EFFECT:
        assert parameter in question.used
        moved = readings(with_values(question, {parameter: value}), names)
        for name in names:
            found = change(moved[name], base[name])
            assert moved[name].influence.tobytes() == base[name].influence.tobytes()
            if math.isfinite(base[name].value) and np.isfinite(base[name].influence).all():
                assert found == (0.0, 0.0), name
            else:
                assert repr(moved[name].value) == repr(base[name].value)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(
    patients=st.integers(1, 400),
    seed=st.integers(0, LARGEST_SEED),
    parameter=st.sampled_from([name for name, _ in WITHOUT_EFFECT]),
    share=st.floats(0.0, 1.0),
)
def test_no_number_of_patients_and_no_seed_gives_a_bar_to_what_has_no_effect(
    patients, seed, parameter, share
):
    """Every outcome of the command, at a value anywhere in the parameter's interval."""
    question = asked(patients=patients, seed=seed)
    ends = range_of(question, parameter)
    value = ends.low + share * (ends.high - ends.low)
    names = outcome_names()
    base = readings(question, names)
    moved = readings(with_values(question, {parameter: value}), names)
    for name in names:
        assert moved[name].influence.tobytes() == base[name].influence.tobytes(), name
        if math.isfinite(base[name].value) and np.isfinite(base[name].influence).all():
            assert change(moved[name], base[name]) == (0.0, 0.0), name


@pytest.mark.parametrize("name", outcome_names())
def test_no_outcome_of_the_tornado_gives_a_bar_to_what_has_no_effect(name, monkeypatch):
    """The whole analysis, its rows included; n = 40, seed 5."""
    only = {parameter for parameter, _ in WITHOUT_EFFECT}
    ranges = one_way.uncertain_ranges
    monkeypatch.setattr(
        one_way, "uncertain_ranges", lambda *given: [r for r in ranges(*given) if r.name in only]
    )
    monkeypatch.setattr(one_way, "alternatives", lambda _: iter(()))
    found = tornado(asked(patients=40, seed=5), outcome=name).run(threads=1)
    assert {bar.name for bar in found.bars} == only
    table = tornado_table(found)
    assert math.isfinite(found.base.mean)
    assert (table["swing"] == 0.0).all()
    assert (table[["outcome_low", "outcome_high"]] == found.base.mean).all().all()
    assert (table[["se_low", "se_high"]] == 0.0).all().all()


def test_parameters_without_effect_have_bars_of_exactly_zero(analysis):
    bars = {bar.name: bar for bar in analysis.bars}
    for parameter, _ in WITHOUT_EFFECT:
        assert bars[parameter].swing == 0.0
        assert bars[parameter].within_error
        for end in bars[parameter].ends:
            assert end.change == (0.0, 0.0)
            assert end.outcome == analysis.base.mean


# Monotone pairs: raised by a factor (or a shift, for a logit), the column of each patient moves
# one way or not at all. n = 1000.

EACH_PATIENT = [
    ("cost.blinatumomab.vial", "cost.drug", 1),
    ("cost.salvage_chemotherapy.flag_cycle", "cost.drug", 1),
    ("cost.inpatient_day", "cost", 1),
    ("cost.outpatient_visit", "cost", 1),
    ("cost.transplant", "cost.transplant", 1),
    ("cost.acute_gvhd", "cost", 1),
    ("cost.follow_up_per_month", "cost.follow_up", 1),
    ("cost.end_of_life", "cost.end_of_life", 1),
    ("cost.after_failure_per_month", "cost.later_lines", 1),
    ("cost.severe_infection", "cost.toxicity", 1),
    ("utility.complete_remission", "qalys", 1),
    ("utility.relapsed_refractory", "qalys", 1),
    ("utility.on_treatment", "qalys", 1),
    ("decrement.severe_toxicity", "qalys", -1),
    ("decrement.chronic_gvhd", "qalys", -1),
    ("survivor.mortality_ratio", "life_years", -1),
    ("transplant.early_mortality", "life_years", -1),
    ("transplant.late_mortality_per_month", "life_years", -1),
    ("relapse.death_rate_per_month", "life_years", -1),
    ("disease.refractory_median_months", "life_years", 1),
    ("disease.relapsed_median_months", "life_years", 1),
    ("response.baseline_logit", "response_percent", 1),
    ("candidacy.baseline_logit", "hct_in_remission_percent", 1),
]


@pytest.mark.parametrize(("parameter", "column", "sign"), EACH_PATIENT)
def test_a_known_direction_holds_for_each_patient(parameter, column, sign):
    question = asked(patients=1000)
    value = question.numbers[parameter]
    raised = value + 0.7 if parameter.endswith("logit") else 1.15 * value
    before = sample(question, [column]).columns[column]
    after = sample(with_values(question, {parameter: raised}), [column]).columns[column]
    moved = sign * (after - before)
    # Sums of a patient's entries may differ in the last digit.
    assert (moved >= -1e-9 * np.abs(before)).all()
    assert (moved > 0.0).any()


ON_AVERAGE = [
    ("salvage_chemotherapy.response.log_odds_ratio", "response_percent", -1),
    ("cost.blinatumomab.vial", "nmb", -1),
    ("cost.salvage_chemotherapy.clofarabine_cycle", "nmb", 1),
    ("relapse.cured_probability_mrd_negative", "qalys", 1),
    ("blinatumomab.response.mrd_negative_probability", "mrd_negative_percent", 1),
]


@pytest.mark.parametrize(("parameter", "outcome", "sign"), ON_AVERAGE)
def test_a_known_direction_holds_for_the_difference(parameter, outcome, sign):
    """Low to high end of the interval, n = 2000: the change is at least 4 of its errors."""
    question = asked(patients=2000)
    ends = range_of(question, parameter)
    low, high = (
        readings(with_values(question, {parameter: value}), [outcome])[outcome]
        for value in (ends.low, ends.high)
    )
    found = change(high, low)
    assert sign * found.mean > 4.0 * found.se


def test_values_that_were_put_in_stay_in_force_when_others_change():
    question = ask(MAIN, patients=10, seed=1, overrides={"cost.end_of_life": 1.0})
    for moved in (
        with_numbers(question, {"cost.inpatient_day": 2.0}),
        with_values(question, {"cost.inpatient_day": 2.0}),
    ):
        assert moved.numbers["cost.end_of_life"] == 1.0
        assert moved.numbers["cost.inpatient_day"] == 2.0
        assert moved.patients == 10


# Outcomes and their errors


@pytest.mark.parametrize("name", ["nmb", "nhb", "icer", "cost", "qalys", "life_years", "cost.drug"])
def test_the_base_is_what_a_run_reports(name):
    question = asked()
    reading = readings(question, [name])[name]
    (comparison,) = summarise(run(question)).comparisons
    gain = comparison.increment
    expected = {
        "nmb": gain.nmb(1e5),
        "nhb": gain.nhb(1e5),
        "icer": (gain.icer, gain.icer_se),
        "cost": gain.cost,
        "qalys": gain.qalys,
        "life_years": gain.life_years,
        "cost.drug": comparison.cost_categories["drug"],
    }[name]
    # The same sums in another order.
    assert (reading.value, reading.se) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["os_median_months", "rfs_median_months"])
def test_medians_and_their_errors_are_those_of_a_run(name):
    question = asked(patients=2000)
    reading = readings(question, [name])[name]
    ours, theirs = (
        summarise(run(question)).arm(arm).outcomes[name]
        for arm in (STRATEGY, "salvage_chemotherapy")
    )
    assert reading.value == pytest.approx(ours.mean - theirs.mean, rel=1e-12)
    # The error of the paired difference is at most that of two independent medians together.
    assert 0.3 * ours.se < reading.se < math.hypot(ours.se, theirs.se) * 1.05


def test_the_columns_are_the_outcomes_of_a_run():
    question = asked(patients=300)
    found = sample(question, tuple(known_columns()))
    summary = summarise(run(question))
    for place, arm in enumerate(summary.arms):
        for name in known_columns():
            if name in arm.outcomes and name != "cycles_median":
                values = found.columns[name][:, place]
                assert values.mean() == pytest.approx(arm.outcomes[name].mean, rel=1e-9), name


def test_the_error_of_a_change_is_that_of_the_paired_difference():
    """By hand: two runs that keep their patients, net benefits, their differences."""
    question = asked(patients=800)
    moved = with_numbers(question, {"relapse.cured_probability_mrd_negative": 0.35})
    benefits = []
    for one in (question, moved):
        ours, theirs = (run(one).arm(name) for name in (STRATEGY, "salvage_chemotherapy"))
        qalys = ours.total(Account.QALY) - theirs.total(Account.QALY)
        benefits.append(1e5 * qalys - (ours.total(Account.COST) - theirs.total(Account.COST)))
    difference = benefits[1] - benefits[0]
    found = change(*(readings(one, ["nmb"])["nmb"] for one in (moved, question)))
    assert found.mean == pytest.approx(difference.mean(), rel=1e-9)
    assert found.se == pytest.approx(difference.std(ddof=1) / math.sqrt(800), rel=1e-9)


@pytest.mark.parametrize("name", ["icer", "os_median_months"])
def test_the_error_of_a_change_of_a_ratio_or_median_agrees_with_the_bootstrap(name):
    """n = 3000 patients, 400 samples of patients, the same for both questions; within 30 %."""
    question = asked(patients=3000)
    moved = with_values(question, {"disease.refractory_median_months": 6.0})
    outcome = outcome_named(name, threshold=1e5, currency="USD")
    pairs = [sample(one, outcome.columns).pair(STRATEGY) for one in (moved, question)]
    found = change(*map(outcome.read, pairs))
    generator = np.random.default_rng(7)
    changes = []
    for _ in range(400):
        rows = generator.integers(3000, size=3000)
        drawn = [
            outcome.read({key: (a[rows], b[rows]) for key, (a, b) in pair.items()}).value
            for pair in pairs
        ]
        changes.append(drawn[0] - drawn[1])
    assert found.se == pytest.approx(float(np.std(changes, ddof=1)), rel=0.3)


def test_a_ratio_exists_only_for_a_gain_at_a_price():
    question = asked()
    free = with_values(question, {"cost.blinatumomab.vial": 0.0})
    assert math.isnan(readings(free, ["icer"])["icer"].value)


# The analysis: n = 300, seed 1, in two threads.


@pytest.fixture(scope="module")
def analysis():
    return tornado(asked(patients=300)).run(threads=2)


def test_every_uncertain_parameter_that_is_used_has_one_bar(analysis):
    question = analysis.question
    uncertain = {
        name
        for name in question.used
        if question.parameters[name].distribution.family != "fixed"
        or question.parameters[name].stated_range is not None
    }
    names = [bar.name for bar in analysis.bars if bar.group == PARAMETER]
    assert sorted(names) == sorted(uncertain)
    assert len(names) > 150
    for bar in analysis.bars:
        if bar.group == PARAMETER:
            parameter = question.parameters[bar.name]
            # A stay is no longer than its cycle.
            most = 28.0 if bar.name.startswith("hospital.salvage_chemotherapy") else math.inf
            ends = [parameter.low, min(parameter.high, most)]
            assert [end.value for end in bar.ends] == ends


def test_a_bar_is_what_two_runs_of_their_own_give(analysis):
    bars = {bar.name: bar for bar in analysis.bars}
    for name in ("cost.inpatient_day", "response.baseline_logit"):
        for end in bars[name].ends:
            alone = with_numbers(analysis.question, {name: end.value})
            (comparison,) = summarise(run(alone)).comparisons
            assert end.outcome == pytest.approx(comparison.nmb[1e5].mean, rel=1e-9)


def test_bars_are_in_the_order_of_their_swing(analysis):
    for group in (PARAMETER, STRUCTURE):
        swings = [bar.swing for bar in analysis.bars if bar.group == group]
        assert swings == sorted(swings, reverse=True)
    widest, choices = shown_sections(analysis, 5)
    assert len(widest.bars) == 5
    assert all(bar.swing > 0.0 for bar in choices.bars)


def test_structural_choices_are_answered_as_scenarios_of_their_own(analysis, ask):
    bars = {bar.label: bar for bar in analysis.bars if bar.group == STRUCTURE}
    for label, changes in {
        "Horizon 5 years": {"horizon_years": 5},
        "Cured after 2 years in remission": {"switches": {"cure_point_years": 2}},
        "No discounting": {"discounting": {"costs": 0, "effects": 0}},
        "No toxicity of the regimens": {"switches": {"toxicity": False}},
        "Weibull time to relapse": {"switches": {"relapse_distribution": "weibull"}},
        "No allo-HCT": {"switches": {"transplant": False}},
        "Survivors die as the general population": {
            "switches": {"survivor_mortality_ratio": False}
        },
        "No background mortality, horizon 10 years": {
            "horizon_years": 10,
            "switches": {"background_mortality": False},
        },
    }.items():
        alone = ask("first_salvage", patients=300, seed=1, **changes)
        (comparison,) = summarise(run(alone)).comparisons
        (end,) = bars[label].ends
        assert end.outcome == pytest.approx(comparison.nmb[1e5].mean, rel=1e-9), label


def test_every_switch_and_every_other_structure_can_be_chosen(analysis):
    offered = {choice.name for choice in CHOICES}
    assert offered == {
        # When it ends is chosen together with when it begins.
        *(f"switches.{name}" for name in Switches.model_fields if name != "benefit_fades_to_years"),
        "horizon_years",
        "discounting",
    }
    shown = {bar.name for bar in analysis.bars if bar.group == STRUCTURE}
    assert shown == offered


def test_what_the_scenario_chose_is_no_alternative(ask):
    question = ask(
        "first_salvage",
        patients=20,
        seed=1,
        horizon_years=5,
        switches={"cure_point_years": 3},
        discounting={"costs": 0.05, "effects": 0.05},
    )
    labels = [bar.label for bar in tornado(question).run().bars if bar.group == STRUCTURE]
    assert "Horizon 5 years" not in labels
    assert "Cured after 3 years in remission" not in labels
    assert "Discount rate 5 %" not in labels
    assert {"Lifetime horizon", "No point of cure", "No background mortality"} <= set(labels)


def test_a_parameter_that_the_scenario_sets_is_its_own_choice(ask):
    question = ask("first_salvage", patients=20, seed=1, parameters={"cost.inpatient_day": 1})
    assert "cost.inpatient_day" not in [bar.name for bar in tornado(question).run().bars]


def test_the_answer_is_the_same_bytes_at_any_number_of_threads(analysis):
    again = tornado(asked(patients=300)).run(threads=1)
    assert FILE_LAYOUT.json(again) == FILE_LAYOUT.json(analysis)
    assert tornado_table(again).to_csv() == tornado_table(analysis).to_csv()


@pytest.mark.slow
def test_all_files_are_the_same_bytes_at_any_number_of_threads(analysis):
    again = tornado(asked(patients=300)).run(threads=1)
    assert FILE_LAYOUT.files(again, 20) == FILE_LAYOUT.files(analysis, 20)


def test_the_table_has_its_documented_columns(analysis):
    table = tornado_table(analysis)
    assert tuple(table.columns) == TABLE.names
    assert len(table) == len(analysis.bars)
    choices = table[table["group"] == STRUCTURE]
    assert choices[["outcome_high", "se_high"]].isna().all().all()
    assert (choices["optimal_high"] == "").all()
    assert choices["outcome_low"].notna().all()


def test_a_decision_that_flips_is_marked():
    """At a threshold just above the least ICER a little of anything changes the decision."""
    question = asked(SEVERAL, patients=400)
    gains = [each.increment for each in summarise(run(question)).comparisons]
    assert any(each.qalys.mean > 0.0 for each in gains)
    least = min(each.cost.mean / each.qalys.mean for each in gains if each.qalys.mean > 0.0)
    found = tornado(question, threshold=1.02 * least).run(threads=2)
    assert found.strategy != question.scenario.comparator_name
    flips = [bar for bar in found.bars if found.flips(bar)]
    assert flips
    for bar in flips:
        assert {end.optimal for end in bar.ends} != {found.optimal}
    printed = io.StringIO()
    print_tornado(Console(file=printed, width=120), found, 20, components=False)
    shown = " ".join(printed.getvalue().split())
    assert f"is optimal (*) at an end of {len(flips)} bars" in shown
    labels = {strategy.name: strategy.label for strategy in question.scenario.strategies}
    for bar in flips:
        ends = [end for end in bar.ends if end.optimal != found.optimal]
        assert f"{bar.label} ({labels[ends[0].optimal]}" in shown
    assert {bar.group for bar in flips} >= {PARAMETER, STRUCTURE}


def test_the_named_strategy_is_compared():
    found = tornado(asked(SEVERAL, patients=50), strategy="inotuzumab", outcome="cost").run()
    question = found.question
    comparison = next(
        each
        for each in summarise(run(question)).comparisons
        if each.increment.strategy == "inotuzumab"
    )
    assert found.base == pytest.approx(comparison.increment.cost, rel=1e-9)


def bar_of(*changes):
    """Return a bar whose ends change by so much, each with an error of 1."""
    ends = tuple(Found(0.0, 10.0 + each, Estimate(each, 1.0), "a") for each in changes)
    return Bar(PARAMETER, "p", "P", "days", ends)


@pytest.mark.parametrize(
    ("changes", "swing", "within"),
    [
        ((-1.0, 3.0), 4.0, False),
        ((1.0, 3.0), 3.0, False),
        ((-1.9, 1.9), 3.8, True),
        ((0.0,), 0.0, True),
    ],
)
def test_a_bar_knows_its_swing_and_whether_it_is_noise(changes, swing, within):
    bar = bar_of(*changes)
    assert bar.swing == swing
    assert bar.within_error == within


# Parameters that were fitted together


@pytest.fixture(scope="module")
def posterior():
    """Two correlated parameters and one that does not vary; 500 draws."""
    generator = np.random.default_rng(3)
    first = generator.standard_normal(500)
    second = 0.8 * first + 0.6 * generator.standard_normal(500)
    return pd.DataFrame(
        {
            "response.baseline_logit": 0.96 + 0.16 * first,
            "candidacy.baseline_logit": 0.6 + 0.25 * second,
            "relapse.sigma": 1.11,
        }
    )


def test_principal_components_are_those_of_the_correlations(posterior):
    """Against numpy's singular values of the standardised draws."""
    varying = posterior.iloc[:, :2]
    standardised = ((varying - varying.mean()) / varying.std()).to_numpy()
    singular = np.linalg.svd(standardised, compute_uv=False)
    found = components(posterior)
    shares = singular**2 / (singular**2).sum()
    assert [each.variance_share for each in found] == pytest.approx(shares.tolist())
    assert found[0].scores.std(ddof=1) == pytest.approx(1.0)
    assert all(step > 0.0 for step in found[0].steps.values())
    assert "relapse.sigma" not in found[0].steps


def test_steps_of_all_components_make_up_the_covariance_of_the_draws():
    """Two columns of very different spread: the sum of the steps' products is what pandas finds."""
    generator = np.random.default_rng(8)
    first, second = generator.standard_normal((2, 3000))
    draws = pd.DataFrame({"wide": 1.0 + 5.0 * first, "narrow": 0.1 * (0.3 * first + second)})
    steps = pd.DataFrame([each.steps for each in components(draws)])[["wide", "narrow"]]
    assert len(steps) == 2
    np.testing.assert_allclose(steps.T.to_numpy() @ steps.to_numpy(), draws.cov(), rtol=1e-9)


def test_components_hold_95_percent_of_the_variance():
    """Twelve independent columns: all but none can be left out; a constant one is."""
    generator = np.random.default_rng(4)
    columns = {f"p{i}": generator.standard_normal(4000) for i in range(12)}
    found = components(pd.DataFrame({**columns, "fixed": 1.0}))
    assert len(found) == 12
    assert sum(each.variance_share for each in found) >= 0.95
    tied = pd.DataFrame({f"p{i}": columns["p0"] + 0.01 * columns[f"p{i}"] for i in range(12)})
    (only,) = components(tied)
    assert only.variance_share > 0.95
    assert only.strongest in tied.columns


def test_a_component_never_leaves_the_draws(posterior):
    base = {"response.baseline_logit": 0.96, "candidacy.baseline_logit": 0.6}
    (first, _) = components(posterior)
    far = moved_along(first, base, 50.0)
    assert far == {name: float(posterior[name].max()) for name in base}
    near = moved_along(first, base, 0.5)
    assert near == {name: pytest.approx(base[name] + 0.5 * first.steps[name]) for name in base}


def test_fitted_parameters_are_varied_between_quantiles_and_together(posterior):
    found = tornado(asked(patients=50), posterior=posterior).run()
    bars = {bar.name: bar for bar in found.bars}
    fitted = bars["response.baseline_logit"]
    assert fitted.group == FITTED
    assert [end.value for end in fitted.ends] == pytest.approx(
        np.quantile(posterior["response.baseline_logit"], [0.025, 0.975]).tolist()
    )
    assert bars["component_1"].group == COMPONENT
    assert [end.value for end in bars["component_1"].ends] == [-NORMAL_97_5, NORMAL_97_5]
    assert bars["cost.inpatient_day"].group == PARAMETER


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"outcome": "nbm"}, ("--outcome: no such outcome (got 'nbm')", "did you mean 'nmb'?")),
        ({"strategy": "blina"}, ("--strategy: no such strategy", "'blinatumomab'")),
        ({"strategy": "salvage_chemotherapy"}, ("--strategy: is the comparator",)),
    ],
)
def test_a_mistake_is_named(arguments, says):
    with pytest.raises(UserError) as caught:
        tornado(asked(patients=10), **arguments)
    for text in says:
        assert text in str(caught.value)


def test_one_strategy_alone_cannot_be_compared(ask):
    one = {"name": "a", "sequence": [], "then": "supportive_care"}
    with pytest.raises(UserError, match="needs a strategy beside the comparator"):
        tornado(ask("tower", patients=10, strategies=[one]))


@pytest.mark.parametrize(
    ("name", "ends", "says"),
    [
        ("cost.vial", None, "--x: this scenario uses no such parameter"),
        ("relapse.sigma", (2.0, 1.0), "--x-range: the second number must be above the first"),
        ("relapse.cured_probability_mrd_negative", (0.5, 1.5), "at most 1"),
    ],
)
def test_a_range_that_cannot_be_is_refused(name, ends, says):
    with pytest.raises(UserError, match=says):
        asked_range(asked(patients=10), name, ends, None, "--x")


def test_a_fixed_parameter_is_varied_from_zero_to_twice_its_value():
    question = asked(patients=10)
    found = range_of(question, "hospital.blinatumomab.first_cycle_days")
    assert (found.low, found.high) == (0.0, 18.0)
