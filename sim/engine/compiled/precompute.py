"""Values that are precomputed for a whole block of patients before the first is simulated.

One loop a quantity, which the compiler turns into vector instructions. Each applies the clinic's
own function to every patient, whether or not the value will be used.
"""

from __future__ import annotations

from typing import Final

from sim.clinic import disease, response, toxicity
from sim.clinic.distributions import hit
from sim.clinic.draws import RandomDraw
from sim.clinic.mortality import age_within, hazard_within
from sim.clinic.patient import (
    age_at_entry,
    given_or,
    given_or_hit,
    height_at_entry,
    prior_hct_at_entry,
    refractory_at_entry,
    remission_before_entry,
    salvage_line,
    weight_at_entry,
)
from sim.clinic.toxicity import GRADE_DECISION, Toxicity, toxicity_occurs
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.compiled.compiler import called
from sim.engine.compiled.draw_plan import CYCLES_AHEAD
from sim.engine.compiled.memory import (
    AGE,
    BACKGROUND_DEATH_DAYS,
    CNS,
    EXTRAMEDULLARY,
    FIRST_REMISSION,
    HEIGHT,
    HIGH_BLASTS,
    KMT2A,
    MALE,
    MRD_ONLY,
    PHILADELPHIA,
    PRIMARY_REFRACTORY,
    PRIOR_HCT,
    REFRACTORY_DAYS,
    RELAPSED_DAYS,
    SALVAGE_LINE,
    WEIGHT,
    person_in,
)
from sim.engine.compiled.subsets import DURATION, draw_for_subsets
from sim.engine.values import Data

duration_days = toxicity.duration_days
disease_hazard_ratio = disease.disease_hazard_ratio
refractory_survival_days = disease.refractory_survival_days
relapsed_survival_days = disease.relapsed_survival_days
response_probability = response.response_probability

KINDS: Final = len(Toxicity)
GRADE: Final = tuple(int(GRADE_DECISION[kind]) for kind in Toxicity)


@called
def precompute_block(
    world: Data, body: Data, keys: Data, first: int, count: int, everything: bool
) -> None:
    """Precompute, for the `count` patients of the block, the values that most of them need.

    Unless `everything` has been drawn for everyone, draws for subsets of them follow.
    """
    precompute_baseline(world, body, count)
    if world.rules.background_mortality:
        precompute_background_death(world, body, count)
    else:
        for column in range(count):
            body.people[BACKGROUND_DEATH_DAYS, column] = NEVER
    precompute_leukaemic_death(world, body, count)
    strategies = world.plans.shape[0]
    most_lines, most_induction, untreated = 0, 0, False
    for strategy in range(strategies):
        lines = world.plans[strategy].lines
        most_lines = max(most_lines, lines)
        if lines > 0 or world.plans[strategy].usual_care:
            precompute_response(world, body, count, strategy)
        if lines > 0:
            regimen = world.regimens[world.plans[strategy].regimens[0]]
            most_induction = max(most_induction, int(regimen.schedule.induction_cycles))
        else:
            untreated = True
    if most_lines > 0 and world.rules.toxicity:
        precompute_first_toxicity(world, body, count)
    if everything and world.rules.toxicity:
        precompute_durations(world, body, count)
    elif not everything:
        draw_for_subsets(world, body, keys, first, count, untreated, most_induction)
    if most_lines > 0 and world.rules.toxicity:
        precompute_later_toxicity(world, body, count)


def precompute_baseline(world: Data, body: Data, count: int) -> None:
    """Draw the baseline; the counterpart of `sim.clinic.patient.baseline`."""
    population, people, drawn = world.rules.population, body.people, body.drawn
    given = body.given
    for column in range(count):
        age = age_at_entry(population, drawn[RandomDraw.AGE, column])
        people[AGE, column] = given_or(given[AGE, column], age)
    share(body, count, MALE, RandomDraw.SEX, population.male_probability)
    share(body, count, PHILADELPHIA, RandomDraw.PHILADELPHIA, population.ph_positive_probability)
    share(body, count, KMT2A, RandomDraw.KMT2A, population.kmt2a_probability)
    share(body, count, HIGH_BLASTS, RandomDraw.HIGH_BLASTS, population.high_blasts_probability)
    share(body, count, CNS, RandomDraw.CNS_DISEASE, population.cns_probability)
    share(
        body,
        count,
        EXTRAMEDULLARY,
        RandomDraw.EXTRAMEDULLARY,
        population.extramedullary_probability,
    )
    share(body, count, MRD_ONLY, RandomDraw.MRD_ONLY, population.mrd_only_probability)
    for column in range(count):
        line = salvage_line(population, drawn[RandomDraw.SALVAGE_LINE, column])
        people[SALVAGE_LINE, column] = given_or(given[SALVAGE_LINE, column], line)
    precompute_history(world, body, count)
    for column in range(count):
        weight = weight_at_entry(
            population, drawn[RandomDraw.WEIGHT, column], people[MALE, column] > 0.0
        )
        people[WEIGHT, column] = given_or(given[WEIGHT, column], weight)
    for column in range(count):
        height = height_at_entry(
            population, drawn[RandomDraw.HEIGHT, column], people[MALE, column] > 0.0
        )
        people[HEIGHT, column] = given_or(given[HEIGHT, column], height)


def precompute_history(world: Data, body: Data, count: int) -> None:
    """Draw prior allo-HCT, then whether the first treatment failed, then the first remission."""
    population, people, drawn = world.rules.population, body.people, body.drawn
    given = body.given
    for column in range(count):
        prior_hct = prior_hct_at_entry(
            population, drawn[RandomDraw.PRIOR_HCT, column], given[PRIMARY_REFRACTORY, column]
        )
        people[PRIOR_HCT, column] = (
            1.0 if given_or_hit(given[PRIOR_HCT, column], prior_hct) else 0.0
        )
    for column in range(count):
        refractory = given_or_hit(
            given[PRIMARY_REFRACTORY, column],
            refractory_at_entry(
                population,
                drawn[RandomDraw.PRIMARY_REFRACTORY, column],
                people[PRIOR_HCT, column] > 0.0,
            ),
        )
        people[PRIMARY_REFRACTORY, column] = 1.0 if refractory else 0.0
    for column in range(count):
        remission = remission_before_entry(
            population,
            drawn[RandomDraw.FIRST_REMISSION, column],
            people[PRIMARY_REFRACTORY, column] > 0.0,
        )
        people[FIRST_REMISSION, column] = given_or(given[FIRST_REMISSION, column], remission)


def share(body: Data, count: int, trait: int, decision: int, probability: float) -> None:
    """Draw a characteristic that is present or not."""
    for column in range(count):
        drawn = hit(body.drawn[decision, column], probability)
        body.people[trait, column] = 1.0 if given_or_hit(body.given[trait, column], drawn) else 0.0


def find_intervals(body: Data, count: int, row: int, knots: Data) -> None:
    """Find the interval of the life table, as `interval_of` does, by counting knots passed.

    `knots` are those of men, then those of women; the intervals are counted through both.
    """
    each = len(knots) // 2
    for column in range(count):
        body.intervals[column] = 0 if body.people[MALE, column] > 0.0 else each
    for knot in range(1, each):
        of_men, of_women = knots[knot], knots[each + knot]
        for column in range(count):
            limit = of_men if body.people[MALE, column] > 0.0 else of_women
            body.intervals[column] += 0 if body.people[row, column] < limit else 1


def precompute_background_death(world: Data, body: Data, count: int) -> None:
    """Precompute background death without survivorship; see `background_death_days`."""
    table, people = world.life_table, body.people
    find_intervals(body, count, AGE, table.ages)
    for column in range(count):
        people[BACKGROUND_DEATH_DAYS, column] = (
            hazard_within(table, body.intervals[column], people[AGE, column])
            + body.drawn[RandomDraw.BACKGROUND_DEATH, column]
        )
    find_intervals(body, count, BACKGROUND_DEATH_DAYS, table.cumulative)
    for column in range(count):
        age = age_within(table, body.intervals[column], people[BACKGROUND_DEATH_DAYS, column])
        people[BACKGROUND_DEATH_DAYS, column] = (age - people[AGE, column]) * DAYS_PER_YEAR


def precompute_leukaemic_death(world: Data, body: Data, count: int) -> None:
    """Precompute survival without response to the first line, and after a relapse from it."""
    rules, people = world.rules, body.people
    for column in range(count):
        ratio = disease_hazard_ratio(
            rules.disease, person_in(body, column), salvage_line=int(people[SALVAGE_LINE, column])
        )
        people[REFRACTORY_DAYS, column] = ratio
    for column in range(count):
        people[RELAPSED_DAYS, column] = relapsed_survival_days(
            rules.disease,
            people[REFRACTORY_DAYS, column],
            body.drawn[RandomDraw.SURVIVAL_AFTER_RELAPSE, column],
        )
    for column in range(count):
        people[REFRACTORY_DAYS, column] = refractory_survival_days(
            rules.disease,
            people[REFRACTORY_DAYS, column],
            body.drawn[RandomDraw.REFRACTORY_SURVIVAL, column],
        )


def precompute_response(world: Data, body: Data, count: int, strategy: int) -> None:
    """Precompute the probability of response to the first line."""
    rules, people = world.rules, body.people
    regimen = world.regimens[world.plans[strategy].regimens[0]]
    for column in range(count):
        body.chances[strategy, column] = response_probability(
            rules.response,
            regimen.response_log_odds_ratio,
            person_in(body, column),
            salvage_line=int(people[SALVAGE_LINE, column]),
            prior_hct=people[PRIOR_HCT, column] > 0.0,
            real_world=rules.real_world,
            target_lost=False,
        )


def precompute_first_toxicity(world: Data, body: Data, count: int) -> None:
    """Flag the toxicities that occur in the first cycle, under each strategy and under any."""
    for column in range(count):
        body.occurring_first[column] = 0
    for strategy in range(world.plans.shape[0]):
        if world.plans[strategy].lines > 0:
            precompute_toxicity(world, body, count, strategy, 0)
            for column in range(count):
                body.occurring_first[column] |= body.occurring[strategy * CYCLES_AHEAD, column]


def precompute_durations(world: Data, body: Data, count: int) -> None:
    """Precompute durations of the toxicities of the first cycle, alike for all regimens."""
    for kind in range(KINDS):
        course = world.rules.courses[kind]
        for column in range(count):
            body.durations[kind, column] = duration_days(course, body.drawn[DURATION[kind], column])


def precompute_later_toxicity(world: Data, body: Data, count: int) -> None:
    """Flag the toxicities that occur in the cycles after the first, under each strategy."""
    for strategy in range(world.plans.shape[0]):
        if world.plans[strategy].lines > 0:
            for cycle in range(1, CYCLES_AHEAD):
                precompute_toxicity(world, body, count, strategy, cycle)


def precompute_toxicity(world: Data, body: Data, count: int, strategy: int, cycle: int) -> None:
    """Flag the toxicities that occur in a cycle of the first line, a bit each."""
    regimen = world.regimens[world.plans[strategy].regimens[0]]
    row = strategy * CYCLES_AHEAD + cycle
    for column in range(count):
        body.occurring[row, column] = 0
    for kind in range(KINDS):
        decision = GRADE[kind]
        drawn_in = decision if cycle == 0 else body.rows[decision, cycle]
        for column in range(count):
            occurs = toxicity_occurs(
                regimen.risks[kind], body.drawn[drawn_in, column], first_cycle=cycle == 0
            )
            body.occurring[row, column] |= (1 << kind) if occurs else 0
