"""After allo-HCT: complications, non-relapse mortality and relapse, against scipy and integrals.

Statistical tests use seed 20261120 of the keyed streams, n = 20,000, and pass within 4
standard errors.
"""

import math

import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import expit, logit

from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, EventKind
from sim.clinic.transplant import (
    Transplant,
    acute_gvhd_day,
    chronic_gvhd_day,
    early_death_days,
    late_death_days,
    relapse_after_transplant_days,
    vod,
)
from sim.clinic.units import NEVER
from sim.engine.streams import uniforms
from tests.support.hand_ledger import LATER_LINE, live, somebody

SEED, N = 20261120, 20_000
MONTH = 30.4375
RULES = Transplant(
    early_days=100.0,
    early_mortality=0.07,
    early_mortality_after_inotuzumab_ratio=1.5,
    vod_probability=0.02,
    vod_after_inotuzumab_probability=0.14,
    vod_mortality_ratio=3.0,
    acute_gvhd_probability=0.33,
    acute_gvhd_first_day=14.0,
    acute_gvhd_days=90.0,
    chronic_gvhd_probability=0.16,
    chronic_gvhd_last_day=365.0,
    chronic_gvhd_days=365.0,
    infection_probability=0.14,
    infection_days=14.0,
    late_mortality_per_month=0.015,
    cured_probability_mrd_negative=0.49,
    cured_probability_mrd_positive=0.29,
    relapse_median_months=6.1,
    relapse_sigma=1.0,
    study_hazard_ratio=1.0,
)
ALMOST_ONE = 1.0 - 2.0**-53


def numbers(decision):
    return uniforms(SEED, 0, N, decision).tolist()


def standard_errors(count, probability):
    """How far a count is from its expectation."""
    return (count - N * probability) / math.sqrt(N * probability * (1.0 - probability))


def just_below(x):
    return math.nextafter(x, 0.0)


def test_inotuzumab_before_the_transplant_raises_the_risk_of_vod():
    assert vod(RULES, just_below(0.02), prior_inotuzumab=False)
    assert not vod(RULES, 0.02, prior_inotuzumab=False)
    assert vod(RULES, just_below(0.14), prior_inotuzumab=True)
    assert not vod(RULES, 0.14, prior_inotuzumab=True)


@pytest.mark.parametrize(
    ("has_vod", "prior_inotuzumab", "mortality"),
    [
        (False, False, 0.07),
        (True, False, 0.07 * 3.0),
        (False, True, 0.07 * 1.5),
        (True, True, 0.07 * 3.0 * 1.5),
    ],
)
def test_early_death_is_uniform_over_the_first_hundred_days(has_vod, prior_inotuzumab, mortality):
    """Its chance is multiplied by VOD and by inotuzumab before the transplant."""
    before = {"has_vod": has_vod, "prior_inotuzumab": prior_inotuzumab}
    for u in (0.01, 0.25, 0.5, 0.99):
        assert early_death_days(RULES, mortality - 1e-9, u, **before) == 100.0 * u
        assert early_death_days(RULES, mortality + 1e-9, u, **before) == NEVER


@pytest.mark.parametrize(("has_vod", "prior_inotuzumab"), [(True, False), (False, True)])
def test_early_death_becomes_certain_at_most(has_vod, prior_inotuzumab):
    rules = RULES._replace(early_mortality=0.8)
    day = early_death_days(
        rules, ALMOST_ONE, 0.5, has_vod=has_vod, prior_inotuzumab=prior_inotuzumab
    )
    assert day == 50.0


def test_inotuzumab_multiplies_early_deaths_by_its_ratio_and_moves_none_of_their_days():
    """0.07 and 1.5 times as many, n = 20,000, the same random numbers; against the binomial."""
    u_deaths, u_times = (
        numbers(draw) for draw in (RandomDraw.TRANSPLANT_DEATH, RandomDraw.TRANSPLANT_DEATH_TIME)
    )
    plain, exposed = (
        [
            early_death_days(RULES, u, time, has_vod=False, prior_inotuzumab=exposed)
            for u, time in zip(u_deaths, u_times, strict=True)
        ]
        for exposed in (False, True)
    )
    for days, chance in ((plain, 0.07), (exposed, 0.07 * 1.5)):
        assert abs(standard_errors(N - days.count(NEVER), chance)) < 4.0
    died = [(day, other) for day, other in zip(plain, exposed, strict=True) if day < NEVER]
    assert died
    assert all(day == other for day, other in died)


def test_late_death_is_exponential_from_day_100():
    """Against scipy, rtol 1e-12."""
    expected = stats.expon(loc=100.0, scale=MONTH / 0.015)
    for k in range(1, 1000):
        day = late_death_days(RULES, -math.log1p(-k / 1000))
        assert day == pytest.approx(expected.ppf(k / 1000), rel=1e-12)


@pytest.mark.parametrize(
    ("day_of", "probability", "first", "last"),
    [(acute_gvhd_day, 0.33, 14.0, 100.0), (chronic_gvhd_day, 0.16, 100.0, 365.0)],
)
def test_gvhd_is_acute_before_day_100_and_chronic_after_it(day_of, probability, first, last):
    for u in (2.0**-53, 0.25, 0.5, ALMOST_ONE):
        expected = stats.uniform(first, last - first).ppf(u)
        assert day_of(RULES, just_below(probability), u) == pytest.approx(expected, rel=1e-12)
        assert day_of(RULES, probability, u) == NEVER


@pytest.mark.parametrize("hazard_ratio", [1.0, 0.35])
@pytest.mark.parametrize(("mrd_negative", "cured"), [(True, 0.49), (False, 0.29)])
def test_relapse_after_transplant_is_a_mixture_cure(mrd_negative, cured, hazard_ratio):
    """S(t) = p + (1 - p) S_u(t)^HR at 1 month to 5 years, and its limit p."""
    times = [
        relapse_after_transplant_days(RULES, hazard_ratio, mrd_negative, u_cure, u_time)
        for u_cure, u_time in zip(
            numbers(RandomDraw.CURE_AFTER_TRANSPLANT),
            numbers(RandomDraw.RELAPSE_AFTER_TRANSPLANT),
            strict=True,
        )
    ]
    uncured = stats.lognorm(1.0, scale=6.1 * MONTH)
    for months in (1, 3, 6, 12, 24, 60):
        survival = cured + (1.0 - cured) * uncured.sf(months * MONTH) ** hazard_ratio
        free = sum(time > months * MONTH for time in times)
        assert abs(standard_errors(free, survival)) < 4.0
    assert abs(standard_errors(times.count(NEVER), cured)) < 4.0


@pytest.mark.parametrize(("mrd_negative", "cured"), [(True, 0.49), (False, 0.29)])
def test_a_log_odds_ratio_moves_who_is_cured_by_transplant_and_no_time_to_relapse(
    mrd_negative, cured
):
    chance = expit(logit(cured) + 0.8)
    arguments = (RULES, 0.35, mrd_negative)
    assert relapse_after_transplant_days(*arguments, chance - 1e-12, 0.3, 0.8) == NEVER
    day = relapse_after_transplant_days(*arguments, chance + 1e-12, 0.3, 0.8)
    assert day == relapse_after_transplant_days(*arguments, ALMOST_ONE, 0.3) < NEVER


def test_cumulative_incidence_of_death_without_relapse_is_its_integral():
    """NRM(t) = integral of f_nrm S_relapse at 3 months, 1 and 2 years, early death first."""
    deaths = []
    for u_death, u_early, u_late, u_cure, u_relapse in zip(
        numbers(RandomDraw.TRANSPLANT_DEATH),
        numbers(RandomDraw.TRANSPLANT_DEATH_TIME),
        numbers(RandomDraw.LATE_TRANSPLANT_DEATH),
        numbers(RandomDraw.CURE_AFTER_TRANSPLANT),
        numbers(RandomDraw.RELAPSE_AFTER_TRANSPLANT),
        strict=True,
    ):
        death = min(
            early_death_days(RULES, u_death, u_early, has_vod=False, prior_inotuzumab=False),
            late_death_days(RULES, -math.log1p(-u_late)),
        )
        if death < relapse_after_transplant_days(RULES, 1.0, True, u_cure, u_relapse):
            deaths.append(death)

    uncured, late = stats.lognorm(1.0, scale=6.1 * MONTH), stats.expon(100.0, MONTH / 0.015)

    def density(day):
        nrm = 0.07 / 100.0 if day < 100.0 else (1.0 - 0.07) * late.pdf(day)
        return nrm * (0.49 + 0.51 * uncured.sf(day))

    for months in (3, 12, 24):
        end = months * MONTH
        expected = quad(density, 0.0, end, points=[min(100.0, end)], epsabs=1e-10)[0]
        count = sum(death <= end for death in deaths)
        assert abs(standard_errors(count, expected)) < 4.0


# The same in a life. Response on day 28 and allo-HCT 60.875 days later; see three_patients.yaml.

TRANSPLANTED = {
    (RandomDraw.RESPONSE, 0): 0.4,
    (RandomDraw.RESPONSE_CYCLE, 0): 0.5,
    (RandomDraw.RESPONSE_DEPTH, 0): 0.5,
    (RandomDraw.MRD, 0): 0.5,
    (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,
    (RandomDraw.TRANSPLANT_TIME, 0): 0.5,
}
GVHD = {
    (RandomDraw.ACUTE_GVHD, 0): 0.1,
    (RandomDraw.ACUTE_GVHD_ONSET, 0): 0.5,  # 14 + 86 / 2 = 57 days
    (RandomDraw.CHRONIC_GVHD, 0): 0.1,
    (RandomDraw.CHRONIC_GVHD_ONSET, 0): 0.5,  # 100 + 265 / 2 = 232.5 days
}
CURED = {(RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.1}
HCT = 28 + 60.875


def days_since_transplant(log):
    return {event.kind: event.time_days - HCT for event in log if event.time_days >= HCT}


@pytest.mark.parametrize(
    ("u_time", "day", "complications"),
    [
        (0.5, 50.0, set()),
        (0.6, 60.0, {EventKind.ACUTE_GVHD}),
    ],
)
def test_only_the_living_have_complications(u_time, day, complications):
    death = {(RandomDraw.TRANSPLANT_DEATH, 0): 0.05, (RandomDraw.TRANSPLANT_DEATH_TIME, 0): u_time}
    log = live(somebody(), TRANSPLANTED | GVHD | death).log
    happened = days_since_transplant(log)
    assert (log[-1].kind, log[-1].detail) == (EventKind.DEATH, Cause.TRANSPLANT)
    assert happened[EventKind.DEATH] == pytest.approx(day, rel=1e-9)
    assert happened.keys() & {EventKind.ACUTE_GVHD, EventKind.CHRONIC_GVHD} == complications


@pytest.mark.parametrize(
    ("days", "end"), [(630.0, EventKind.DEATH), (631.0, EventKind.HORIZON)], ids=["day 730", "731"]
)
def test_late_death_comes_within_two_years_of_the_transplant_or_not_at_all(days, end):
    """Day 100 and then -ln(1 - u) / 0.015 months; two years are 730.5 days."""
    u = 1.0 - math.exp(-0.015 * days / MONTH)
    script = TRANSPLANTED | CURED | {(RandomDraw.LATE_TRANSPLANT_DEATH, 0): u}
    log = live(somebody(), script, {"transplant.late_mortality_per_month": 0.015}).log
    assert log[-1].kind == end
    happened = days_since_transplant(log)
    if end == EventKind.DEATH:
        assert log[-1].detail == Cause.TRANSPLANT
        assert happened[EventKind.DEATH] == pytest.approx(100.0 + days, rel=1e-9)
    else:
        assert happened[EventKind.LONG_TERM_SURVIVOR] == pytest.approx(730.5, rel=1e-12)


def test_relapse_after_transplant_ends_in_death_of_leukaemia():
    """Median of 6.1 months to relapse, then of 243.5 days."""
    median = {"transplant.relapse_median_months": 6.1}
    relapse = {
        (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.5,
        (RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0): 0.5,
        (RandomDraw.SURVIVAL_AFTER_RELAPSE, 0): 0.5,
    }
    log = live(somebody(), TRANSPLANTED | relapse, median).log
    happened = days_since_transplant(log)
    assert happened[EventKind.RELAPSE] == pytest.approx(6.1 * MONTH, rel=1e-12)
    assert happened[EventKind.DEATH] == pytest.approx(6.1 * MONTH + 243.5, rel=1e-12)
    assert log[-1].detail == Cause.LEUKAEMIA


def test_vod_triples_early_mortality():
    """0.25 lies between 0.1 and 0.3."""
    death = {(RandomDraw.TRANSPLANT_DEATH, 0): 0.25, (RandomDraw.TRANSPLANT_DEATH_TIME, 0): 0.5}
    risk = {"transplant.vod_probability": 0.02, "transplant.vod_mortality_ratio": 3.0}
    without = live(somebody(), TRANSPLANTED | CURED | death, risk).log
    with_vod = TRANSPLANTED | CURED | death | {(RandomDraw.TRANSPLANT_VOD, 0): 0.01}
    log = live(somebody(), with_vod, risk).log
    assert without[-1].kind == EventKind.HORIZON
    assert log[-1].detail == Cause.TRANSPLANT
    assert days_since_transplant(log)[EventKind.TRANSPLANT_VOD] == 0.0


@pytest.mark.parametrize(
    ("strategy", "u", "dies"),
    [
        ("blinatumomab", 0.15, False),
        ("inotuzumab", 0.15, True),
        ("inotuzumab", 0.2, False),
    ],
)
def test_inotuzumab_doubles_early_mortality(strategy, u, dies):
    """0.1 of those who never had it and 0.2 of those who did."""
    death = {(RandomDraw.TRANSPLANT_DEATH, 0): u, (RandomDraw.TRANSPLANT_DEATH_TIME, 0): 0.5}
    log = live(somebody(), TRANSPLANTED | CURED | death, strategy=strategy).log
    happened = days_since_transplant(log)
    assert happened[EventKind.TRANSPLANT] == 0.0
    assert (log[-1].kind == EventKind.DEATH and log[-1].detail == Cause.TRANSPLANT) == dies
    if dies:
        assert happened[EventKind.DEATH] == pytest.approx(50.0, rel=1e-9)


def test_inotuzumab_of_an_earlier_line_counts_too():
    """It fails; usual care in the second line brings the remission of the transplant."""
    script = {
        (RandomDraw.NEXT_LINE, LATER_LINE): 0.4,
        (RandomDraw.RESPONSE, LATER_LINE): 0.2,
        (RandomDraw.MRD, LATER_LINE): 0.4,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, LATER_LINE): 0.2,
        (RandomDraw.TRANSPLANT_TIME, LATER_LINE): 0.5,
        (RandomDraw.CURE_AFTER_TRANSPLANT, LATER_LINE): 0.1,
        (RandomDraw.TRANSPLANT_DEATH, LATER_LINE): 0.15,
        (RandomDraw.TRANSPLANT_DEATH_TIME, LATER_LINE): 0.5,
    }
    ends = [
        live(somebody(), script, strategy=each).log[-1] for each in ("inotuzumab", "blinatumomab")
    ]
    assert [(end.kind, end.detail) for end in ends] == [
        (EventKind.DEATH, Cause.TRANSPLANT),
        (EventKind.HORIZON, 0),
    ]


@pytest.mark.parametrize(("u", "relapses"), [(0.7, False), (0.76, True)])
def test_the_odds_of_cure_by_transplant_are_higher_where_only_mrd_was_treated(u, relapses):
    """Even odds after overt relapse, MRD-negative; a ratio of 3 makes them three in four."""
    script = {
        (RandomDraw.MRD, 0): 0.5,
        (RandomDraw.TRANSPLANT_ELIGIBILITY, 0): 0.4,
        (RandomDraw.TRANSPLANT_TIME, 0): 0.5,
        (RandomDraw.CURE_AFTER_TRANSPLANT, 0): u,
        (RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0): 0.5,
    }
    ratio = {"relapse.mrd_only_cured_log_odds_ratio": math.log(3.0)}
    log = live(somebody(mrd_only=True), script, ratio, strategy="blinatumomab_mrd").log
    kinds = {event.kind for event in log}
    assert EventKind.TRANSPLANT in kinds
    assert (EventKind.RELAPSE in kinds) == relapses


def test_relapse_after_transplant_has_the_hazard_ratio_of_the_study():
    """With a ratio of 1/2 the number of the median is 1 - sqrt(1/2)."""
    script = TRANSPLANTED | {
        (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.5,
        (RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0): 1.0 - math.sqrt(0.5),
    }
    log = live(somebody(), script, {"transplant.study_hazard_ratio": 0.5}).log
    assert days_since_transplant(log)[EventKind.RELAPSE] == pytest.approx(182.625, rel=1e-12)


def transplant_costs(lived):
    """First and last day since the transplant, and the amount, of its entries in the ledger."""
    return sorted(
        (round(e.start_days - HCT, 9), round(e.end_days - HCT, 9), round(e.undiscounted, 6))
        for e in lived.ledger
        if e.category.label == "transplant"
    )


def test_follow_up_of_a_transplant_ends_with_relapse():
    """Relapse on day 500: 265.25 days at 100, then 134.75 days of the second year at 20."""
    relapse = {
        (RandomDraw.CURE_AFTER_TRANSPLANT, 0): 0.5,
        (RandomDraw.RELAPSE_AFTER_TRANSPLANT, 0): 0.5,
    }
    lived = live(
        somebody(), TRANSPLANTED | relapse, {"transplant.relapse_median_months": 500.0 / MONTH}
    )
    assert transplant_costs(lived) == [
        (0.0, 0.0, 100_000.0),
        (100.0, 365.25, 26_525.0),
        (365.25, 500.0, 134.75 * 20),
    ]
    stays = {
        e.state.value: e.undiscounted * 365.25 for e in lived.ledger if e.category.label == "life"
    }
    assert stays["transplant_first_year"] == pytest.approx(365.25)
    assert stays["after_transplant"] == pytest.approx(134.75)


def test_vod_and_infection_are_paid_for_on_the_day_of_the_transplant():
    script = TRANSPLANTED | {
        (RandomDraw.TRANSPLANT_DEATH, 0): 0.05,
        (RandomDraw.TRANSPLANT_DEATH_TIME, 0): 0.5,
        (RandomDraw.TRANSPLANT_VOD, 0): 0.01,
        (RandomDraw.TRANSPLANT_INFECTION, 0): 0.05,
    }
    rules = {
        "transplant.vod_probability": 0.02,
        "transplant.infection_probability": 0.1,
        "transplant.infection_days": 14.0,
        "cost.transplant_vod": 50_000.0,
        "cost.transplant_infection": 9_000.0,
    }
    lived = live(somebody(), script, rules)
    assert [event.value for event in lived.log if event.kind == EventKind.TRANSPLANT_INFECTION] == [
        14.0
    ]
    assert transplant_costs(lived) == [
        (0.0, 0.0, 9_000.0),
        (0.0, 0.0, 50_000.0),
        (0.0, 0.0, 100_000.0),
    ]
