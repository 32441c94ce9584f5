"""Remission without transplant: mixture cure, hazard ratios, candidacy, competing clocks.

The independent routes are scipy's distributions and numerical integration. Statistical tests
use seed 20261120 of the keyed streams, n = 20,000, and pass within 4 standard errors.
"""

import itertools
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit, logit

from sim.clinic.arithmetic import normal_quantile
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, EventKind
from sim.clinic.patient import MRD_TREATMENT
from sim.clinic.remission import (
    Candidacy,
    Relapse,
    candidate_probability,
    cured_log_odds_ratio,
    death_in_remission_days,
    relapse_days,
    relapse_hazard_ratio,
    shifted,
    waiting_days,
    without_further_benefit,
)
from sim.clinic.units import NEVER
from sim.engine.patient_pathway import relapse_or_cure
from sim.engine.streams import uniforms
from tests.support.hand_ledger import live, somebody

SEED, N = 20261120, 20_000
MONTH = 30.4375
ALMOST_ONE = 1.0 - 2.0**-53
RELAPSE = Relapse(
    cured_probability_mrd_negative=0.19,
    cured_probability_mrd_positive=0.07,
    median_months_mrd_negative=10.6,
    median_months_mrd_positive=3.0,
    sigma=1.11,
    shape=math.nan,
    later_salvage_hazard_ratio=1.38,
    ph_positive_hazard_ratio=0.7,
    kmt2a_hazard_ratio=3.38,
    cns_hazard_ratio=2.44,
    mrd_only_hazard_ratio=0.5,
    mrd_only_cured_log_odds_ratio=1.2,
    mrd_only_later_remission_cured_log_odds_ratio=-0.6,
    study_hazard_ratio=1.0,
    death_rate_per_month=0.007,
    weibull=False,
)
WEIBULL = RELAPSE._replace(sigma=math.nan, shape=0.9, weibull=True)
CANDIDACY = Candidacy(
    baseline_logit=0.6,
    later_salvage_log_odds_ratio=-0.4,
    prior_hct_log_odds_ratio=-1.9,
    mrd_only_log_odds_ratio=0.6,
    real_world_log_odds_ratio=0.8,
    study_log_odds_ratio=0.0,
    maximum_age_years=75.0,
    waiting_median_months=2.07,
    waiting_sigma=0.67,
)
MRD = {True: (0.19, 10.6), False: (0.07, 3.0)}
both_depths = pytest.mark.parametrize("mrd_negative", [True, False], ids=["MRD-neg", "MRD-pos"])


def numbers(decision):
    return uniforms(SEED, 0, N, decision).tolist()


def standard_errors(count, probability):
    """How far a count is from its expectation."""
    return (count - N * probability) / math.sqrt(N * probability * (1.0 - probability))


# Relapse


def exponential(u):
    return -math.log1p(-u)


@both_depths
@pytest.mark.parametrize("hazard_ratio", [0.5, 1.0, 1.38, 3.38])
@pytest.mark.parametrize("duration_ratio", [0.72, 1.0])
def test_hazard_ratio_raises_survival_of_the_uncured_to_a_power(
    mrd_negative, hazard_ratio, duration_ratio
):
    """S_u(t)^HR = 1 - u at the drawn t, S_u from scipy; rtol 1e-10."""
    cured, months = MRD[mrd_negative]
    uncured = stats.lognorm(1.11, scale=months * MONTH * duration_ratio)
    for u in (0.001, 0.1, 0.5, 0.9, 0.999):
        day = relapse_days(RELAPSE, duration_ratio, hazard_ratio, mrd_negative, cured, u)
        assert uncured.sf(day) ** hazard_ratio == pytest.approx(1.0 - u, rel=1e-10)


def weibull_with_median(months, shape):
    return stats.weibull_min(shape, scale=months * MONTH / math.log(2.0) ** (1.0 / shape))


@both_depths
@pytest.mark.parametrize("hazard_ratio", [0.5, 1.0, 1.38, 3.38])
@pytest.mark.parametrize("shape", [0.6, 1.0, 1.7])
def test_a_weibull_relapse_keeps_the_median_and_takes_the_hazard_ratio(
    mrd_negative, hazard_ratio, shape
):
    """S_u(t)^HR = 1 - u at the drawn t, S_u from scipy; rtol 1e-10."""
    cured, months = MRD[mrd_negative]
    relapse = WEIBULL._replace(shape=shape)
    uncured = weibull_with_median(months * 0.72, shape)
    for u in (0.001, 0.1, 0.5, 0.9, 0.999):
        day = relapse_days(relapse, 0.72, hazard_ratio, mrd_negative, cured, exponential(u))
        assert uncured.sf(day) ** hazard_ratio == pytest.approx(1.0 - u, rel=1e-10)
    median = relapse_days(relapse, 1.0, 1.0, mrd_negative, cured, math.log(2.0))
    assert median == pytest.approx(months * MONTH, rel=1e-12)


@both_depths
@pytest.mark.parametrize(
    ("relapse", "uncured"),
    [
        (RELAPSE, lambda months: stats.lognorm(1.11, scale=months * MONTH)),
        (WEIBULL, lambda months: weibull_with_median(months, 0.9)),
    ],
    ids=["lognormal", "Weibull"],
)
def test_relapse_is_a_mixture_cure(mrd_negative, relapse, uncured):
    """S(t) = p + (1 - p) S_u(t)^HR with HR 1.38 at 1 month to 10 years, and its limit p."""
    cured, months = MRD[mrd_negative]
    u_cure, u_time = numbers(RandomDraw.CURE_IN_REMISSION), numbers(RandomDraw.RELAPSE_TIME)
    form = exponential if relapse.weibull else float
    times = [
        relapse_days(relapse, 1.0, 1.38, mrd_negative, cure, form(time))
        for cure, time in zip(u_cure, u_time, strict=True)
    ]
    uncured = uncured(months)
    for month in (1, 3, 6, 12, 24, 120):
        survival = cured + (1.0 - cured) * uncured.sf(month * MONTH) ** 1.38
        free = sum(time > month * MONTH for time in times)
        assert abs(standard_errors(free, survival)) < 4.0
    assert abs(standard_errors(times.count(NEVER), cured)) < 4.0


@both_depths
def test_the_cured_are_those_below_the_cured_probability(mrd_negative):
    cured, _ = MRD[mrd_negative]
    below = math.nextafter(cured, 0.0)
    assert relapse_days(RELAPSE, 1.0, 1.0, mrd_negative, below, 0.5) == NEVER
    assert relapse_days(RELAPSE, 1.0, 1.0, mrd_negative, cured, 0.5) < NEVER


@given(st.floats(1e-6, 1.0 - 1e-6), st.floats(-5.0, 5.0))
def test_a_log_odds_ratio_moves_a_probability_on_the_logit_scale(probability, log_odds_ratio):
    """Against scipy; none leaves it to the last bit as it is."""
    moved = shifted(probability, log_odds_ratio)
    assert moved == pytest.approx(expit(logit(probability) + log_odds_ratio), rel=1e-9)
    assert shifted(probability, 0.0) == probability


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_what_never_or_always_happens_does_so_under_any_log_odds_ratio(probability):
    assert [shifted(probability, each) for each in (-2.0, 0.0, 2.0)] == [probability] * 3


@pytest.mark.parametrize(("line_of_relapse", "expected"), [(1, 1.2), (2, 1.2 - 0.6), (3, 0.6)])
def test_cure_is_likelier_where_only_mrd_is_treated_and_less_so_in_a_later_remission(
    line_of_relapse, expected
):
    """In that remission alone: those after a relapse have the chance of all others."""
    patient = somebody(mrd_only=True, salvage_line=line_of_relapse)
    ratio = cured_log_odds_ratio(RELAPSE, patient, salvage_line=MRD_TREATMENT)
    assert ratio == pytest.approx(expected, rel=1e-14)
    for after in (1, 2, 3):
        assert cured_log_odds_ratio(RELAPSE, patient, salvage_line=after) == 0.0


@both_depths
@pytest.mark.parametrize("log_odds_ratio", [-0.6, 1.2])
def test_the_log_odds_ratio_moves_who_is_cured_and_no_time_to_relapse(mrd_negative, log_odds_ratio):
    cured, _ = MRD[mrd_negative]
    chance = expit(logit(cured) + log_odds_ratio)
    below, above = chance - 1e-12, chance + 1e-12
    arguments = (RELAPSE, 1.0, 1.38, mrd_negative)
    assert relapse_days(*arguments, below, 0.3, log_odds_ratio) == NEVER
    day = relapse_days(*arguments, above, 0.3, log_odds_ratio)
    assert day == relapse_days(*arguments, ALMOST_ONE, 0.3) < NEVER


@given(st.floats(0.01, 0.99), st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.booleans())
def test_a_worse_prognosis_never_postpones_relapse(u, hazard_ratio, more, mrd_negative):
    day = relapse_days(RELAPSE, 1.0, hazard_ratio, mrd_negative, 0.5, u)
    assert relapse_days(RELAPSE, 1.0, hazard_ratio * (1.0 + more), mrd_negative, 0.5, u) <= day
    assert relapse_days(RELAPSE, 1.0, hazard_ratio, False, 0.5, u) <= day


def test_hazard_ratios_of_all_characteristics_multiply():
    """Every combination of line, Ph, KMT2A and CNS disease."""
    for later, ph, kmt2a, cns in itertools.product([False, True], repeat=4):
        patient = somebody(ph_positive=ph, kmt2a=kmt2a, cns=cns)
        expected = 1.38**later * 0.7**ph * 3.38**kmt2a * 2.44**cns
        ratio = relapse_hazard_ratio(RELAPSE, patient, salvage_line=2 if later else 1)
        assert ratio == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("line_of_relapse", "expected"), [(1, 0.5), (2, 0.5 * 1.38)])
def test_a_remission_treated_for_mrd_only_has_a_ratio_of_its_own(line_of_relapse, expected):
    """Times that of later salvage from the second remission on."""
    patient = somebody(mrd_only=True, salvage_line=line_of_relapse)
    ratio = relapse_hazard_ratio(RELAPSE, patient, salvage_line=MRD_TREATMENT)
    assert ratio == pytest.approx(expected, rel=1e-14)
    later = relapse_hazard_ratio(RELAPSE, patient, salvage_line=line_of_relapse)
    assert later == {1: 1.0, 2: 1.38}[line_of_relapse]


def test_second_and_third_salvage_have_the_same_hazard_ratio():
    second = relapse_hazard_ratio(RELAPSE, somebody(), salvage_line=2)
    assert relapse_hazard_ratio(RELAPSE, somebody(), salvage_line=3) == second == 1.38


def test_death_in_remission_is_exponential():
    """Against scipy, rtol 1e-12."""
    expected = stats.expon(scale=MONTH / 0.007)
    for k in range(1, 1000):
        day = death_in_remission_days(RELAPSE, exponential(k / 1000))
        assert day == pytest.approx(expected.ppf(k / 1000), rel=1e-12)


# Candidates for allo-HCT


def test_candidacy_is_logistic_in_line_earlier_transplant_setting_and_regimen():
    for later, prior, real_world in itertools.product([False, True], repeat=3):
        probability = candidate_probability(
            CANDIDACY,
            0.25,
            age_years=50.0,
            salvage_line=3 if later else 1,
            prior_hct=prior,
            real_world=real_world,
        )
        log_odds = 0.6 + 0.25 - 0.4 * later - 1.9 * prior + 0.8 * real_world
        assert probability == pytest.approx(expit(log_odds), rel=1e-14)


def test_candidacy_of_those_treated_for_mrd_only_has_a_ratio_of_its_own():
    probability = candidate_probability(
        CANDIDACY,
        0.0,
        age_years=50.0,
        salvage_line=MRD_TREATMENT,
        prior_hct=False,
        real_world=False,
    )
    assert probability == pytest.approx(expit(0.6 + 0.6), rel=1e-14)


@pytest.mark.parametrize(("age", "eligible"), [(75.0, True), (75.001, False), (18.0, True)])
def test_nobody_beyond_the_age_limit_is_a_candidate(age, eligible):
    probability = candidate_probability(
        CANDIDACY, 0.0, age_years=age, salvage_line=1, prior_hct=False, real_world=False
    )
    assert (probability > 0.0) == eligible


def test_wait_for_the_transplant_is_lognormal():
    """Against scipy, rtol 1e-12."""
    expected = stats.lognorm(0.67, scale=2.07 * MONTH)
    for k in range(1, 1000):
        day = waiting_days(CANDIDACY, normal_quantile(k / 1000))
        assert day == pytest.approx(expected.ppf(k / 1000), rel=1e-12)


# Competing clocks


def test_transplants_in_continuous_remission_are_the_integral_over_the_other_clocks():
    """HCT(t) = p integral of f_wait S_relapse S_death; 2, 4 and 12 months after remission."""
    draws = (
        RandomDraw.TRANSPLANT_ELIGIBILITY,
        RandomDraw.TRANSPLANT_TIME,
        RandomDraw.CURE_IN_REMISSION,
        RandomDraw.RELAPSE_TIME,
        RandomDraw.DEATH_IN_REMISSION,
    )
    transplanted = []
    for u_candidate, u_wait, u_cure, u_relapse, u_death in zip(*map(numbers, draws), strict=True):
        day = waiting_days(CANDIDACY, normal_quantile(u_wait)) if u_candidate < 0.65 else NEVER
        relapse = relapse_days(RELAPSE, 1.0, 1.0, True, u_cure, u_relapse)
        if day < min(relapse, death_in_remission_days(RELAPSE, exponential(u_death))):
            transplanted.append(day)

    wait, uncured = stats.lognorm(0.67, scale=2.07 * MONTH), stats.lognorm(1.11, scale=10.6 * MONTH)

    def density(day):
        free = (0.19 + 0.81 * uncured.sf(day)) * math.exp(-0.007 * day / MONTH)
        return 0.65 * wait.pdf(day) * free

    for months in (2, 4, 12):
        expected = quad(density, 0.0, months * MONTH, epsabs=1e-10)[0]
        count = sum(day <= months * MONTH for day in transplanted)
        assert abs(standard_errors(count, expected)) < 4.0


# The same in a life. Response on day 28, MRD-negative: median 487 days; see three_patients.yaml.

RESPONDS = {
    (RandomDraw.RESPONSE, 0): 0.4,
    (RandomDraw.RESPONSE_CYCLE, 0): 0.5,
    (RandomDraw.MRD, 0): 0.5,
    (RandomDraw.CURE_IN_REMISSION, 0): 0.5,
}


def first(log, *kinds):
    return next(event for event in log if event.kind in kinds)


@pytest.mark.parametrize(
    ("relapse", "wait", "kind", "day"),
    [
        (0.5, ALMOST_ONE, EventKind.RELAPSE, 28.0 + 487.0),
        (0.5, 0.5, EventKind.TRANSPLANT, 28.0 + 60.875),
        (stats.norm.cdf(-3.0), 0.5, EventKind.RELAPSE, 28.0 + 487.0 * math.exp(-3.0)),
    ],
)
def test_the_first_clock_ends_the_remission(relapse, wait, kind, day):
    script = RESPONDS | {
        (RandomDraw.RELAPSE_TIME, 0): relapse,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,
        (RandomDraw.TRANSPLANT_TIME, 0): wait,
    }
    ended = first(live(somebody(), script).log, EventKind.RELAPSE, EventKind.TRANSPLANT)
    assert ended.kind == kind
    assert ended.time_days == pytest.approx(day, rel=1e-12)


def test_a_transplant_on_the_day_of_the_next_cycle_comes_first():
    """Waiting 14 days from day 28, when cycle 2 is due on day 42."""
    script = RESPONDS | {
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,
        (RandomDraw.TRANSPLANT_TIME, 0): 0.5,
    }
    log = live(somebody(), script, {"candidacy.waiting_median_months": 14.0 / MONTH}).log
    assert first(log, EventKind.TRANSPLANT).time_days == 42.0
    assert [event.time_days for event in log if event.kind == EventKind.CYCLE_STARTED] == [0.0]


def test_relapse_before_two_years_leaves_no_excess_of_survivors():
    """Relapse on day 515; death after four years at -ln(0.99), not fourfold from day 758.5 on."""
    script = RESPONDS | {
        (RandomDraw.RELAPSE_TIME, 0): 0.5,
        (RandomDraw.BACKGROUND_DEATH, 0): 1.0 - 0.99**4,
    }
    end = live(somebody(age_years=40.0), script).log[-1]
    assert (end.kind, end.detail) == (EventKind.DEATH, Cause.BACKGROUND)
    assert end.time_days == pytest.approx(4 * 365.25, rel=1e-9)


def test_two_years_in_remission_make_a_long_term_survivor():
    cured = RESPONDS | {(RandomDraw.CURE_IN_REMISSION, 0): 0.1}
    log = live(somebody(), cured).log
    assert first(log, EventKind.LONG_TERM_SURVIVOR).time_days == 28.0 + 2 * 365.25


@pytest.mark.parametrize(
    ("remission", "odds", "relapses"),
    [(1, 3.0, False), (1, 2.0, True), (2, 3.0, True), (2, 6.0, False)],
)
def test_the_odds_of_cure_of_a_patient_with_mrd_only_depend_on_the_remission(
    remission, odds, relapses
):
    """One in five is cured after overt relapse: odds 1/4, with a ratio of 3 they are 3/4.

    0.4 lies between 1/3, odds 2/4, and 3/7, odds 3/4. In a second remission the ratio is halved.
    """
    script = {
        (RandomDraw.MRD, 0): 0.5,
        (RandomDraw.CURE_IN_REMISSION, 0): 0.4,
        (RandomDraw.RELAPSE_TIME, 0): 0.5,
    }
    ratios = {
        "relapse.mrd_only_cured_log_odds_ratio": math.log(odds),
        "relapse.mrd_only_later_remission_cured_log_odds_ratio": math.log(0.5),
    }
    patient = somebody(mrd_only=True, salvage_line=remission)
    log = live(patient, script, ratios, strategy="blinatumomab_mrd").log
    assert (EventKind.RELAPSE in {event.kind for event in log}) == relapses


@pytest.mark.parametrize(("day", "dies"), [(730.0, True), (731.0, False)])
def test_death_in_remission_stops_at_long_term_survival(day, dies):
    """0.007 a month for so many days since remission; two years are 730.5 days."""
    u = 1.0 - math.exp(-0.007 * day / MONTH)
    script = RESPONDS | {
        (RandomDraw.CURE_IN_REMISSION, 0): 0.1,
        (RandomDraw.DEATH_IN_REMISSION, 0): u,
    }
    end = live(somebody(), script, {"relapse.death_rate_per_month": 0.007}).log[-1]
    assert (end.kind == EventKind.DEATH) == dies
    if dies:
        assert end.time_days == pytest.approx(28.0 + day, rel=1e-9)


@pytest.mark.parametrize(
    ("days", "expected"), [(40.0, 40.0), (100.0, 100.0), (101.0, 100.5), (300.0, 200.0)]
)
def test_only_what_is_left_of_a_remission_after_the_stop_of_benefit_is_halved(days, expected):
    """The benefit stops on day 100; a relapse that comes before stays where it is."""
    assert without_further_benefit(days, 100.0, 0.5) == expected


@pytest.mark.parametrize(("days", "expected"), [(729.0, 729.0), (730.0, 730.0), (730.5, NEVER)])
def test_a_relapse_beyond_the_cure_point_never_comes(days, expected):
    world = SimpleNamespace(rules=SimpleNamespace(cure_point_days=730.0))
    assert relapse_or_cure(world, days) == expected
