"""Values that are precomputed for a whole block of patients before the first is simulated.

One loop a quantity, which the compiler turns into vector instructions. Each applies the clinic's
own function to every patient, whether or not the value will be used.
"""

from __future__ import annotations

from sim.clinic.arithmetic import NOT_A_NUMBER
from sim.clinic.disease import disease_hazard_ratio, refractory_survival_days
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
    salvage_line_at,
    weight_at_entry,
)
from sim.clinic.response import response_probability
from sim.clinic.units import DAYS_PER_YEAR, NEVER
from sim.engine.compiled.draw_plan import LINES_AHEAD, place
from sim.engine.compiled.forms import called
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
    SALVAGE_LINE,
    WEIGHT,
    person_in,
)
from sim.engine.compiled.subsets import lines_ahead, precompute_toxicities, prepare_subsets
from sim.engine.values import Data


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
    most_lines, most_induction, treated, untreated = 0, 0, False, False
    for strategy in range(world.plans.shape[0]):
        plan = world.plans[strategy]
        most_lines = max(most_lines, lines_ahead(plan))
        for line in range(lines_ahead(plan)):
            precompute_response(world, body, count, strategy, line)
        if plan.lines > 0:
            treated = True
            regimen = world.regimens[plan.regimens[0]]
            most_induction = max(most_induction, int(regimen.schedule.induction_cycles))
        else:
            untreated = True
    for line in range(max(most_lines, 1)):
        precompute_refractory(world, body, count, line)
    toxic = treated and world.rules.toxicity
    if toxic:
        precompute_toxicities(world, body, count, 0)
    draws = not everything
    prepare_subsets(
        world, body, keys, first, count, untreated, toxic, most_lines, most_induction, draws
    )


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


def precompute_refractory(world: Data, body: Data, count: int, line: int) -> None:
    """Precompute survival without response to a line."""
    rules, row = world.rules, body.people[REFRACTORY_DAYS + line]
    drawn_in = body.rows[RandomDraw.REFRACTORY_SURVIVAL, place(line, 0)]
    if drawn_in < 0:
        for column in range(count):
            row[column] = NOT_A_NUMBER
        return
    drawn = body.drawn[drawn_in]
    for column in range(count):
        patient = person_in(body, column)
        row[column] = disease_hazard_ratio(
            rules.disease, patient, salvage_line=salvage_line_at(patient, line)
        )
    for column in range(count):
        row[column] = refractory_survival_days(rules.disease, row[column], drawn[column])


def precompute_response(world: Data, body: Data, count: int, strategy: int, line: int) -> None:
    """Precompute the probability of response to a line, without a transplant before it."""
    rules, plan = world.rules, world.plans[strategy]
    regimen = world.regimens[plan.regimens[min(line, plan.lines)]]
    row = body.chances[strategy * LINES_AHEAD + line]
    for column in range(count):
        patient = person_in(body, column)
        row[column] = response_probability(
            rules.response,
            regimen.response_log_odds_ratio,
            patient,
            salvage_line=salvage_line_at(patient, line),
            prior_hct=patient.prior_hct,
            real_world=rules.real_world,
            target_lost=False,
        )
