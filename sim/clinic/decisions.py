"""Every random choice of the model, registered by name.

Contract C1: a random number is ``uniform(seed, patient, decision, occurrence)``. The
numbers below are part of every published result: never renumber, never reuse; a new
decision gets a new number. ``occurrence`` says which line, cycle or repeat is meant.
"""

from enum import IntEnum, unique
from typing import Final

CYCLES_PER_LINE: Final = 64
"""Room kept for the cycles of one line when line and cycle share an occurrence."""


@unique
class Decision(IntEnum):
    """A named random choice; the value is its place in the key."""

    # At entry, once per patient.
    AGE = 1
    SEX = 2
    WEIGHT = 3
    HEIGHT = 4
    SALVAGE_LINE = 5
    PRIOR_HCT = 6
    PHILADELPHIA = 7
    KMT2A = 8
    HIGH_BLASTS = 9
    CNS_DISEASE = 10
    EXTRAMEDULLARY = 11
    PRIMARY_REFRACTORY = 12
    FIRST_REMISSION = 13
    BACKGROUND_DEATH = 14
    MRD_ONLY = 15

    # Once per line of treatment.
    RESPONSE = 20
    RESPONSE_CYCLE = 21
    RESPONSE_DEPTH = 22
    MRD = 23
    PROGRESSION_AFTER_FIRST_CYCLE = 24
    REFRACTORY_SURVIVAL = 25
    CONSOLIDATION = 26
    MAINTENANCE = 27
    TRANSPLANT_ELIGIBILITY = 28
    TRANSPLANT_TIME = 29
    CURE_IN_REMISSION = 30
    RELAPSE_TIME = 31
    DEATH_IN_REMISSION = 32
    CD19_LOSS = 33
    NEXT_LINE = 34
    RESCUE = 35
    RESCUE_TIME = 36
    SURVIVAL_AFTER_RELAPSE = 37

    # Once per transplant.
    TRANSPLANT_DEATH = 40
    TRANSPLANT_DEATH_TIME = 41
    ACUTE_GVHD = 42
    ACUTE_GVHD_ONSET = 43
    CHRONIC_GVHD = 44
    CHRONIC_GVHD_ONSET = 45
    TRANSPLANT_VOD = 46
    TRANSPLANT_INFECTION = 47
    LATE_TRANSPLANT_DEATH = 48
    CURE_AFTER_TRANSPLANT = 49
    RELAPSE_AFTER_TRANSPLANT = 50

    # Once per cycle and kind of toxicity: occurrence(line, cycle).
    CRS = 60
    CRS_ONSET = 61
    CRS_DURATION = 62
    NEUROTOXICITY = 63
    NEUROTOXICITY_ONSET = 64
    NEUROTOXICITY_DURATION = 65
    SEIZURE = 66
    HEPATOTOXICITY = 67
    HEPATOTOXICITY_ONSET = 68
    HEPATOTOXICITY_DURATION = 69
    INFECTION = 70
    INFECTION_ONSET = 71
    INFECTION_DURATION = 72
    FEBRILE_NEUTROPENIA = 73
    FEBRILE_NEUTROPENIA_ONSET = 74
    FEBRILE_NEUTROPENIA_DURATION = 75


def occurrence(line: int, cycle: int = 0) -> int:
    """Return the number of the `cycle` of the `line` (both counted from 0): ``64 line + cycle``."""
    return line * CYCLES_PER_LINE + cycle
