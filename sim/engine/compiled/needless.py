"""Draws whose numbers change nothing under the parameter sets at hand, and need not be made."""

from __future__ import annotations

from typing import Final

from sim.clinic.distributions import MEDIAN
from sim.clinic.draws import RandomDraw
from sim.clinic.patient import ENTRY_DECISIONS
from sim.clinic.toxicity import GRADE_DECISION, Toxicity
from sim.engine.compiled.forms import called
from sim.engine.compiled.memory import BLOCK
from sim.engine.values import Data

KINDS: Final = len(Toxicity)
GRADE: Final = tuple(int(GRADE_DECISION[kind]) for kind in Toxicity)

CHECKED: Final = (
    *(int(decision) for decision in ENTRY_DECISIONS),
    *GRADE,
    int(RandomDraw.RESPONSE_CYCLE),
    int(RandomDraw.RESPONSE_DEPTH),
    int(RandomDraw.MRD),
    int(RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE),
    int(RandomDraw.CONSOLIDATION),
    int(RandomDraw.MAINTENANCE),
    int(RandomDraw.CURE_IN_REMISSION),
    int(RandomDraw.DEATH_IN_REMISSION),
    int(RandomDraw.CD19_LOSS),
    int(RandomDraw.NEXT_LINE),
)
"""Draws that may be found needless."""


def is_certain(probability: float) -> bool:
    """Return whether any uniform number gives the same."""
    return probability <= 0.0 or probability >= 1.0


@called
def find_needless(
    rules: Data, regimens: Data, aged: bool, observed: bool, keys: Data, body: Data
) -> None:
    """Flag the draws that are needless in every parameter set, and make them all alike.

    Parameters
    ----------
    rules, regimens
        Of the parameter sets, as in `sim.engine.compiled.records.Compiled`.
    aged
        Whether utilities depend on age and sex.
    observed
        Whether patients are counted by their baseline.
    """
    for decision in CHECKED:
        body.needless[decision] = 1
    for k in range(len(rules)):
        keep_baseline(rules[k], aged, observed, body.needless, body.rows)
        keep_course(rules[k], regimens[k], body.needless)
    for i in range(keys.shape[0]):
        if body.needless[keys[i, 0]] == 1:
            for column in range(BLOCK):
                body.drawn[keys[i, 2], column] = MEDIAN


def keep(needless: Data, decision: int, needed: bool) -> None:
    """Keep a draw that is needed."""
    if needed:
        needless[decision] = 0


def keep_baseline(rules: Data, aged: bool, observed: bool, needless: Data, rows: Data) -> None:
    """Keep the draws of the characteristics that a rule reads."""
    population, response, relapse, disease = (
        rules.population,
        rules.response,
        rules.relapse,
        rules.disease,
    )
    aged = aged or observed or rules.background_mortality
    sized = rows[RandomDraw.WEIGHT, 0] >= 0
    early = observed or disease.early_relapse_hazard_ratio != 1.0
    keep(needless, RandomDraw.AGE, aged or rules.transplant_allowed)
    keep(needless, RandomDraw.SEX, aged or sized)
    keep(needless, RandomDraw.WEIGHT, sized)
    keep(needless, RandomDraw.HEIGHT, sized)
    keep(needless, RandomDraw.SALVAGE_LINE, not population.first_salvage_probability >= 1.0)
    keep(needless, RandomDraw.PRIOR_HCT, not is_certain(population.prior_hct_probability))
    keep(needless, RandomDraw.PHILADELPHIA, not is_certain(population.ph_positive_probability))
    kmt2a = response.kmt2a_log_odds_ratio != 0.0 or relapse.kmt2a_hazard_ratio != 1.0
    kmt2a = (observed or kmt2a) and not is_certain(population.kmt2a_probability)
    keep(needless, RandomDraw.KMT2A, kmt2a)
    blasts = observed or response.high_blasts_log_odds_ratio != 0.0
    blasts = blasts and not is_certain(population.high_blasts_probability)
    keep(needless, RandomDraw.HIGH_BLASTS, blasts)
    cns = response.cns_log_odds_ratio != 0.0 or relapse.cns_hazard_ratio != 1.0
    cns = (observed or cns) and not is_certain(population.cns_probability)
    keep(needless, RandomDraw.CNS_DISEASE, cns)
    outside = observed or response.extramedullary_log_odds_ratio != 0.0
    outside = outside and not is_certain(population.extramedullary_probability)
    keep(needless, RandomDraw.EXTRAMEDULLARY, outside)
    refractory = early and not is_certain(population.primary_refractory_probability)
    keep(needless, RandomDraw.PRIMARY_REFRACTORY, refractory)
    keep(needless, RandomDraw.FIRST_REMISSION, early)
    keep(needless, RandomDraw.MRD_ONLY, not is_certain(population.mrd_only_probability))


def keep_course(rules: Data, regimens: Data, needless: Data) -> None:
    """Keep the draws of the course whose probability or rate is not certain, and all times."""
    relapse, later = rules.relapse, rules.later
    overt = rules.population.mrd_only_probability <= 0.0
    keep(needless, RandomDraw.DEATH_IN_REMISSION, relapse.death_rate_per_month != 0.0)
    cured = not is_certain(relapse.cured_probability_mrd_negative) or not is_certain(
        relapse.cured_probability_mrd_positive
    )
    keep(needless, RandomDraw.CURE_IN_REMISSION, cured or not overt)
    keep(needless, RandomDraw.NEXT_LINE, not is_certain(later.next_line_probability))
    for r in range(len(regimens)):
        regimen = regimens[r]
        response, schedule = regimen.response, regimen.schedule
        depth, mrd = response.complete_share, response.mrd_negative_probability
        consolidates = schedule.consolidation_probability
        progresses = response.progression_after_first_cycle_probability
        keep(needless, RandomDraw.RESPONSE_CYCLE, not is_certain(response.first_cycle_share))
        keep(needless, RandomDraw.RESPONSE_DEPTH, not is_certain(depth))
        keep(needless, RandomDraw.MRD, not is_certain(mrd) or not overt)
        keep(needless, RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE, not is_certain(progresses))
        keep(needless, RandomDraw.CONSOLIDATION, not is_certain(consolidates))
        maintained = not is_certain(schedule.maintenance_probability) and consolidates > 0.0
        keep(needless, RandomDraw.MAINTENANCE, maintained)
        lost = regimen.targets_cd19 and (
            regimen.cell_therapy or not is_certain(later.cd19_loss_probability)
        )
        keep(needless, RandomDraw.CD19_LOSS, lost)
        for kind in range(KINDS):
            risk = regimen.risks[kind]
            keep(needless, GRADE[kind], risk.severe_probability + risk.mild_probability > 0.0)
