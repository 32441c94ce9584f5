"""Cell therapy: from leukapheresis to the infusion of the patient's own changed T cells."""

from enum import IntEnum, unique
from typing import Final, NamedTuple

from sim.clinic.units import NEVER


@unique
class Cells(IntEnum):
    """The fate of the cells of a patient."""

    INFUSED = 0
    NOT_MADE = 1
    """Manufacture failed."""
    NOT_FIT = 2
    """The patient died, progressed or had another illness before the day of infusion."""
    NO_TARGET = 3
    """The leukaemia had lost CD19 before; no cells were collected."""


class CellTherapy(NamedTuple):
    """From leukapheresis to relapse: parameters ``<regimen>.cells.*``.

    Attributes
    ----------
    days_to_infusion
        From leukapheresis to the infusion.
    manufacturing_failure_probability
        Of patients whose cells were collected.
    not_fit_probability
        Of patients whose cells were made: death, progression and other illness before the infusion.
    after_blinatumomab_log_odds_ratio
        Of response, after an earlier line of blinatumomab.
    cd19_loss_at_relapse_probability
        Of relapses from the remission that the cells brought.
    fatal_ratio
        Deaths of severe toxicity against those under blinatumomab.
    oldest_age_years
        The oldest patient for whom the cells are licensed.
    """

    days_to_infusion: float
    manufacturing_failure_probability: float
    not_fit_probability: float
    after_blinatumomab_log_odds_ratio: float
    cd19_loss_at_relapse_probability: float
    fatal_ratio: float
    oldest_age_years: float


NO_CELLS: Final = CellTherapy(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, NEVER)
"""Of a regimen without cells; toxicity kills as under blinatumomab."""


def infused_probability(cells: CellTherapy) -> float:
    """Return the probability that cells which are collected will be infused."""
    return (1.0 - cells.manufacturing_failure_probability) * (1.0 - cells.not_fit_probability)
