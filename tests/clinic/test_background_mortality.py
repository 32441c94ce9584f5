"""Where nothing else kills, patients live as long as the life table says.

The reference integrates the catalogue's hazards by the trapezium rule on a grid of 1/500 year,
over knots of log hazards that numpy interpolates; it shares no code with `sim.clinic.mortality`.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid, trapezoid

from sim.catalog import load_catalogue
from sim.clinic.draws import RandomDraw
from sim.clinic.events import Cause, EventKind
from sim.economics.ledger import Account
from sim.engine.streams import uniforms
from sim.simulation.run import run

DAYS_PER_YEAR = 365.25
TABLES = ["us_2019", "uk_2017_2019"]
NOBODY_TREATED = [{"name": "nobody", "sequence": [], "then": "supportive_care"}]
HARMLESS = {"disease.refractory_median_months": 1200.0, "disease.study_hazard_ratio": 1e-6}
EVERYBODY_CURED = {
    "response.baseline_logit": 50.0,
    "relapse.cured_probability_mrd_negative": 1.0,
    "relapse.cured_probability_mrd_positive": 1.0,
    "relapse.death_rate_per_month": 0.0,
    "candidacy.maximum_age_years": 0.0,
}


def aged(age):
    """Return the parameters of a population of one age."""
    return {f"population.age_{place}_years": age for place in ("minimum", "median", "maximum")}


class Reference:
    """Cumulative hazard and life expectancy of one sex from one age, for 100 years."""

    def __init__(self, table, age, *, male):
        knots, hazards = np.array(table.ages), np.log(table.male if male else table.female)
        # Beyond the last knot the last slope goes on.
        slope = (hazards[-1] - hazards[-2]) / (knots[-1] - knots[-2])
        knots = np.append(knots, 200.0)
        hazards = np.append(hazards, hazards[-1] + slope * (200.0 - knots[-2]))
        self.years = np.linspace(0.0, 100.0, 50_001)
        hazard = np.exp(np.interp(age + self.years, knots, hazards))
        self.cumulative = cumulative_trapezoid(hazard, self.years, initial=0.0)

    @property
    def expectancy(self):
        return trapezoid(np.exp(-self.cumulative), self.years)

    def hazard_until(self, years):
        return np.interp(years, self.years, self.cumulative)


@pytest.mark.parametrize(
    ("table", "male", "published"),
    [
        ("us_2019", True, 59.05),
        ("us_2019", False, 63.99),
        ("uk_2017_2019", True, 61.85),
        ("uk_2017_2019", False, 65.45),
    ],
)
def test_table_gives_the_published_life_expectancy_at_18(table, male, published):
    """e(18), fitted hazards against published table; tolerance 0.03 years, 11 days."""
    reference = Reference(load_catalogue().life_tables[table], 18.0, male=male)
    assert reference.expectancy == pytest.approx(published, abs=0.03)


@pytest.fixture(scope="module")
def untreated(ask):
    """Return a function that simulates 1000 people of one age whom only the background kills."""

    def answer(table, age, seed):
        question = ask(
            "first_salvage",
            patients=1000,
            seed=seed,
            strategies=NOBODY_TREATED,
            life_table=table,
            parameters={**HARMLESS, **aged(age), "population.male_probability": 0.5},
            switches={"survivor_mortality_ratio": False},
        )
        return run(question, trace=1000)

    return answer


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("age", "seed"), [(18.0, 0), (48.0, 1), (75.0, 2)])
def test_where_only_the_background_kills_lives_are_those_of_the_table(untreated, table, age, seed):
    """n = 1000, about 500 of each sex.

    Exact: the cumulative hazard at death is −ln(1 − u), to 1e-6 or 1e-8, the error of the
    reference's own interpolation. On average: life expectancy
    within 4 standard errors; a false alarm in 16 000, and 12 comparisons.
    """
    answer = untreated(table, age, seed)
    catalogue_table = answer.question.catalogue.life_tables[table]
    male = np.array([trace.patient.male for trace in answer.traces])
    luck = uniforms(seed, 0, 1000, RandomDraw.BACKGROUND_DEATH)
    arm = answer.arms[0]
    assert set(arm.outcomes["cause_of_death"]) == {Cause.BACKGROUND}
    years = arm.total(Account.LIFE_YEARS, discounted=False)
    for sex in (True, False):
        reference = Reference(catalogue_table, age, male=sex)
        lived = years[male == sex]
        assert reference.hazard_until(lived) == pytest.approx(
            -np.log1p(-luck[male == sex]), rel=1e-6, abs=1e-8
        )
        error = lived.std(ddof=1) / np.sqrt(lived.size)
        assert abs(lived.mean() - reference.expectancy) < 4.0 * error


@pytest.mark.parametrize("seed", [0, 5])
def test_long_term_survivors_die_at_the_multiplied_hazard(ask, seed):
    """n = 300, all cured in their first remission; cumulative hazard at death to 1e-6.

    The ratio of 4 counts from two years after the remission on.
    """
    question = ask(
        "first_salvage",
        patients=300,
        seed=seed,
        strategies=[{"name": "b", "sequence": ["blinatumomab"], "then": "supportive_care"}],
        parameters={
            **EVERYBODY_CURED,
            **aged(40.0),
            "survivor.mortality_ratio": 4.0,
            "population.male_probability": 0.0,
        },
        switches={"toxicity": False},
    )
    outcomes = run(question).arms[0].outcomes
    assert set(outcomes["cause_of_death"]) == {Cause.BACKGROUND}
    reference = Reference(question.catalogue.life_tables["us_2019"], 40.0, male=False)
    death = outcomes["death_days"].to_numpy() / DAYS_PER_YEAR
    remission = outcomes["remission_days"].to_numpy() / DAYS_PER_YEAR
    as_others = reference.hazard_until(np.minimum(death, remission + 2.0))
    as_survivor = reference.hazard_until(death) - as_others
    luck = uniforms(seed, 0, 300, RandomDraw.BACKGROUND_DEATH)
    assert as_others + 4.0 * as_survivor == pytest.approx(-np.log1p(-luck), rel=1e-6, abs=1e-8)
    assert (as_survivor > 0.0).mean() > 0.95


@pytest.mark.parametrize("horizon", [0.5, 10, 50])
@pytest.mark.parametrize("sequence", [[], ["blinatumomab"]])
def test_where_nothing_kills_everyone_reaches_the_horizon(ask, horizon, sequence):
    """n = 100. Days are exact; a day over 365.25 rounds, hence 1e-15 for years."""
    question = ask(
        "first_salvage",
        patients=100,
        horizon_years=horizon,
        strategies=[{"name": "s", "sequence": sequence, "then": "supportive_care"}],
        parameters={**HARMLESS, **EVERYBODY_CURED},
        switches={"background_mortality": False, "toxicity": False},
    )
    answer = run(question, trace=100)
    for trace in answer.traces:
        end = trace.log[-1]
        assert (end.kind, end.time_days) == (EventKind.HORIZON, horizon * DAYS_PER_YEAR)
    years = answer.arms[0].total(Account.LIFE_YEARS, discounted=False)
    assert years == pytest.approx(horizon, rel=1e-15)


@pytest.mark.parametrize(("name", "seed"), [("tower", 0), ("nhs_first_salvage", 2**64 - 1)])
def test_background_mortality_spares_those_whom_leukaemia_kills_first(ask, simulated, name, seed):
    """n = 400: without it, whoever died of anything else lives and dies as before."""
    answer = run(
        ask(
            name,
            patients=400,
            seed=seed,
            horizon_years=100,
            switches={"background_mortality": False},
        ),
        trace=400,
    )
    assert len(answer.traces) == 800
    spared = 0
    for without, trace in zip(answer.traces, simulated(name, seed).traces, strict=True):
        assert without.log[-1].detail != Cause.BACKGROUND
        if trace.log[-1].detail == Cause.BACKGROUND:
            assert without.log[-1].time_days > trace.log[-1].time_days
            spared += 1
        else:
            assert without.log == trace.log
    assert spared > 0


@pytest.mark.parametrize(("name", "seed"), [("first_salvage", 0), ("real_world", 2**64 - 1)])
def test_doubled_hazards_never_lengthen_a_life(ask, tmp_path, name, seed):
    """n = 400. A table of one-year deaths against one with every hazard twice as high.

    Until death everything happens as before, since nothing else depends on the background.
    """
    table = load_catalogue().life_tables["us_2019"]
    answers = []
    for factor in (1.0, 2.0):
        rows = ["age,qx_male,qx_female"]
        for age in range(18, 121):
            hazards = np.exp(
                [np.interp(age, table.ages, np.log(sex)) for sex in (table.male, table.female)]
            )
            rows.append(",".join([str(age), *(str(q) for q in -np.expm1(-factor * hazards))]))
        path = tmp_path / f"times_{factor:g}.csv"
        path.write_text("\n".join(rows) + "\n")
        question = ask(name, patients=400, seed=seed, life_table=str(path))
        answers.append(run(question, trace=400))
    shorter = 0
    for once, twice in zip(*(answer.traces for answer in answers), strict=True):
        end = twice.log[-1].time_days
        assert end <= once.log[-1].time_days
        shorter += end < once.log[-1].time_days
        before = [event for event in once.log if event.time_days < end]
        assert before == [event for event in twice.log if event.time_days < end]
    assert shorter > 50
