"""Leukaemia that treatment does not control: survival, antigen loss, later lines.

What happens at a failure or relapse is in `sim.engine.patient_pathway`.
"""

from typing import NamedTuple

from sim.clinic.arithmetic import power
from sim.clinic.distributions import weibull_hazard_of
from sim.clinic.patient import FIRST_SALVAGE, Patient, early_relapse
from sim.clinic.units import DAYS_PER_MONTH


class Disease(NamedTuple):
    """Survival with active leukaemia: parameters ``disease.*``."""

    refractory_median_months: float
    refractory_shape: float
    relapsed_median_months: float
    relapsed_shape: float
    later_salvage_hazard_ratio: float
    ph_positive_hazard_ratio: float
    early_relapse_hazard_ratio: float
    study_hazard_ratio: float


class LaterLines(NamedTuple):
    """The course after a failed line: parameters ``later.*``."""

    next_line_probability: float
    next_line_gap_days: float
    cd19_loss_probability: float


def disease_hazard_ratio(disease: Disease, patient: Patient, *, salvage_line: int) -> float:
    """Multiply the study's hazard ratio by those of the characteristics that are present."""
    ratio = disease.study_hazard_ratio
    # While MRD is treated, the line of a relapse is that of entry.
    if max(salvage_line, patient.salvage_line) > FIRST_SALVAGE:
        ratio *= disease.later_salvage_hazard_ratio
    if patient.ph_positive:
        ratio *= disease.ph_positive_hazard_ratio
    if early_relapse(patient.primary_refractory, patient.first_remission_months):
        ratio *= disease.early_relapse_hazard_ratio
    return ratio


def refractory_survival_days(disease: Disease, hazard_ratio: float, e: float) -> float:
    """Return days from the start of a line to death of a non-responder: Weibull under the HR."""
    return weibull_hazard_of(
        e,
        disease.refractory_median_months * DAYS_PER_MONTH,
        disease.refractory_shape,
        hazard_ratio,
    )


def relapsed_survival_days(disease: Disease, hazard_ratio: float, e: float) -> float:
    """Return days from relapse to death of leukaemia: Weibull under the HR."""
    return weibull_hazard_of(
        e,
        disease.relapsed_median_months * DAYS_PER_MONTH,
        disease.relapsed_shape,
        hazard_ratio,
    )


def under_hazard_ratio(days: float, shape: float, hazard_ratio: float) -> float:
    """Return Weibull survival under a further hazard ratio: ``t r^(-1/k)`` with the shape k."""
    return days if hazard_ratio == 1.0 else days * power(hazard_ratio, -1.0 / shape)
