"""Response: whether the leukaemia goes into remission, and in which cycle."""

from typing import Final, NamedTuple

from sim.clinic.arithmetic import logistic, logit
from sim.clinic.distributions import hit
from sim.clinic.patient import FIRST_SALVAGE, Patient

NO_RESPONSE_CYCLE: Final = -1


class Response(NamedTuple):
    """Predictors of CR/CRh/CRi under every regimen: parameters ``response.*``."""

    baseline_logit: float
    later_salvage_log_odds_ratio: float
    prior_hct_log_odds_ratio: float
    ph_positive_log_odds_ratio: float
    kmt2a_log_odds_ratio: float
    high_blasts_log_odds_ratio: float
    extramedullary_log_odds_ratio: float
    cns_log_odds_ratio: float
    real_world_log_odds_ratio: float
    study_log_odds_ratio: float
    mrd_only_conversion_probability: float


class RegimenResponse(NamedTuple):
    """The response to a regimen: parameters ``<regimen>.response.*``."""

    first_cycle_share: float
    complete_share: float
    mrd_negative_probability: float
    progression_after_first_cycle_probability: float


def response_probability(
    response: Response,
    regimen_log_odds_ratio: float,
    patient: Patient,
    *,
    salvage_line: int,
    prior_hct: bool,
    real_world: bool,
    target_lost: bool,
) -> float:
    """Return the probability of CR/CRh/CRi within induction.

    ``logit p = baseline + log OR of the regimen + Σ log OR × characteristic``; the baseline is
    blinatumomab in the trial setting, first salvage, no characteristic present. The study's log
    odds ratio is the part that the characteristics of its patients do not explain. Leukaemia that
    has lost the antigen the regimen binds to cannot respond.
    """
    if target_lost:
        return 0.0
    return logistic(
        response.baseline_logit
        + regimen_log_odds_ratio
        + response.later_salvage_log_odds_ratio * (salvage_line > FIRST_SALVAGE)
        + response.prior_hct_log_odds_ratio * prior_hct
        + response.ph_positive_log_odds_ratio * patient.ph_positive
        + response.kmt2a_log_odds_ratio * patient.kmt2a
        + response.high_blasts_log_odds_ratio * patient.high_blasts
        + response.extramedullary_log_odds_ratio * patient.extramedullary
        + response.cns_log_odds_ratio * patient.cns
        + response.real_world_log_odds_ratio * real_world
        + response.study_log_odds_ratio
    )


def mrd_conversion_probability(response: Response, regimen_log_odds_ratio: float) -> float:
    """Return the probability that MRD only has become negative at the end of the first cycle.

    ``logit p = logit p_blinatumomab + log OR of the regimen``: a regimen is as much better or worse
    than blinatumomab against MRD as it is against overt leukaemia. The characteristics of overt
    leukaemia play no part. A patient who stays MRD-positive stays in haematological remission.
    """
    return logistic(logit(response.mrd_only_conversion_probability) + regimen_log_odds_ratio)


def response_cycle(regimen: RegimenResponse, u_cycle: float) -> int:
    """Return the induction cycle (0 or 1) at whose end a responder responds."""
    return 0 if hit(u_cycle, regimen.first_cycle_share) else 1
