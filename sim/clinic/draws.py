"""Every random draw of the model, registered by name.

Contract C1: a random number is ``uniform(seed, patient, decision, occurrence)``, where `decision`
is the draw. The numbers below are part of every published result: never renumber, never reuse; a
new draw gets a new number. ``occurrence`` numbers the line, cycle or repeat.

`DRAWS` has a row for each, the only description of a random draw: engines, replay and reports
derive their own tables from it. Compiled code reads the members alone, never the rows.
A `CalendarDraw` belongs to the hospital, not to the pathway, and has no row.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum, Flag, IntEnum, auto, unique
from typing import Final

CYCLES_PER_LINE: Final = 64
"""Occurrence numbers reserved for the cycles of a line when both share an occurrence."""


@unique
class RandomDraw(IntEnum):
    """A named random draw; the value is its number in the key."""

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
    # 35 and 36 are retired.
    SURVIVAL_AFTER_RELAPSE = 37
    CELL_MANUFACTURE = 38
    FIT_FOR_CELLS = 39

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


@unique
class CalendarDraw(IntEnum):
    """A random draw of patients who share a hospital, made by `sim.engine.waiting` alone.

    The numbers are of the same register as those of `RandomDraw`: none is in both.
    """

    # At entry, once per patient.
    ARRIVAL = 90

    # Once per line of treatment.
    BED_DAYS = 91
    SLOT_DAYS = 92


class Patients(Flag):
    """The patients whose course can depend on a draw."""

    ENTERING = auto()
    """Everybody, at entry."""
    TREATED = auto()
    """On a line of treatment."""
    IN_CYCLE = auto()
    """Given a cycle of a line."""
    WITH_TOXICITY = auto()
    """With a toxicity in the cycle."""
    REFRACTORY = auto()
    """Untreated, or without response to a line."""
    RESPONDERS = auto()
    """With a response to a line, whose depth is assessed."""
    IN_REMISSION = auto()
    CANDIDATES = auto()
    """In remission, and assessed for allo-HCT."""
    RELAPSED = auto()
    BETWEEN_LINES = auto()
    """After failure of a line, and assessed for another."""
    TRANSPLANTED = auto()


@unique
class Once(Enum):
    """How often a draw is made; a transplant is counted by the line that it belongs to."""

    ENTRY = auto()
    LINE = auto()
    TRANSPLANT = auto()
    CYCLE = auto()


ONCE: Final = {
    Patients.ENTERING: Once.ENTRY,
    Patients.IN_CYCLE: Once.CYCLE,
    Patients.WITH_TOXICITY: Once.CYCLE,
    Patients.TRANSPLANTED: Once.TRANSPLANT,
}
"""How often a draw is made for these patients; for all others it is once a line."""


@unique
class Form(IntEnum):
    """The standard distribution in which the clinic's formulas take a draw."""

    UNIFORM = 0
    EXPONENTIAL = 1
    NORMAL = 2


@dataclass(frozen=True)
class DrawFacts:
    """A row of `DRAWS`.

    Attributes
    ----------
    word
        The meaning of a hit, the event after a time, or the name of a characteristic or toxicity.
    rare
        Whether only few of `needed_by` need it.
    """

    needed_by: Patients
    word: str
    _: KW_ONLY
    form: Form
    rare: bool = False

    @property
    def once(self) -> Once:
        """The unit in which it is drawn once."""
        return ONCE.get(self.needed_by, Once.LINE)


@dataclass(frozen=True)
class Chance(DrawFacts):
    """A draw that is compared with a probability; `otherwise` is the meaning of a miss."""

    otherwise: str
    _: KW_ONLY
    form: Form = Form.UNIFORM


@dataclass(frozen=True)
class Time(DrawFacts):
    """Days until an event, counted from the day of the draw or, `from_entry`, from entry."""

    form: Form
    _: KW_ONLY
    from_entry: bool = False


@dataclass(frozen=True)
class Characteristic(DrawFacts):
    """A characteristic at entry.

    Attributes
    ----------
    attribute
        Its name in a `sim.clinic.patient.Patient`.
    unit
        Of an amount.
    present, absent
        Its values as shown, where it is present or absent.
    """

    attribute: str
    unit: str = ""
    _: KW_ONLY
    present: str = "yes"
    absent: str = "no"
    needed_by: Patients = Patients.ENTERING
    form: Form = Form.UNIFORM


@dataclass(frozen=True)
class Grade(DrawFacts):
    """Whether a toxicity occurs in a cycle, and its grade."""

    _: KW_ONLY
    needed_by: Patients = Patients.IN_CYCLE
    form: Form = Form.UNIFORM


@dataclass(frozen=True)
class Duration(DrawFacts):
    """Days from the onset of a toxicity to its end."""

    _: KW_ONLY
    form: Form = Form.NORMAL


ONSET: Final = Time(Patients.WITH_TOXICITY, "onset", Form.UNIFORM)
DURATION: Final = Duration(Patients.WITH_TOXICITY, "duration")

DRAWS: Final[Mapping[RandomDraw, DrawFacts]] = {
    RandomDraw.AGE: Characteristic("age", "age_years", " years"),
    RandomDraw.SEX: Characteristic("sex", "male", present="man", absent="woman"),
    RandomDraw.WEIGHT: Characteristic("weight", "weight_kg", " kg", form=Form.NORMAL),
    RandomDraw.HEIGHT: Characteristic("height", "height_cm", " cm", form=Form.NORMAL),
    RandomDraw.SALVAGE_LINE: Characteristic("salvage line", "salvage_line"),
    RandomDraw.PRIOR_HCT: Characteristic("earlier allo-HCT", "prior_hct"),
    RandomDraw.PHILADELPHIA: Characteristic("Ph-positive", "ph_positive"),
    RandomDraw.KMT2A: Characteristic("KMT2A-rearranged", "kmt2a"),
    RandomDraw.HIGH_BLASTS: Characteristic("high blast burden", "high_blasts"),
    RandomDraw.CNS_DISEASE: Characteristic("CNS disease", "cns"),
    RandomDraw.EXTRAMEDULLARY: Characteristic("extramedullary disease", "extramedullary"),
    RandomDraw.PRIMARY_REFRACTORY: Characteristic("primary refractory", "primary_refractory"),
    RandomDraw.FIRST_REMISSION: Characteristic(
        "first remission", "first_remission_months", " months", form=Form.NORMAL
    ),
    RandomDraw.BACKGROUND_DEATH: Time(
        Patients.ENTERING, "death of another cause", Form.EXPONENTIAL, from_entry=True
    ),
    RandomDraw.MRD_ONLY: Characteristic("MRD only", "mrd_only"),
    RandomDraw.RESPONSE: Chance(Patients.TREATED, "responds", "does not respond"),
    RandomDraw.RESPONSE_CYCLE: Chance(
        Patients.TREATED, "in the first cycle", "in the second cycle"
    ),
    RandomDraw.RESPONSE_DEPTH: Chance(Patients.RESPONDERS, "CR", "CRh/CRi"),
    RandomDraw.MRD: Chance(Patients.RESPONDERS, "MRD-negative", "MRD-positive"),
    RandomDraw.PROGRESSION_AFTER_FIRST_CYCLE: Chance(
        Patients.TREATED, "one cycle only, if refractory", "may have more cycles"
    ),
    RandomDraw.REFRACTORY_SURVIVAL: Time(
        Patients.REFRACTORY, "death of leukaemia", Form.EXPONENTIAL
    ),
    RandomDraw.CONSOLIDATION: Chance(
        Patients.IN_REMISSION, "goes on to consolidation", "no consolidation"
    ),
    RandomDraw.MAINTENANCE: Chance(
        Patients.IN_REMISSION, "goes on to maintenance", "no maintenance"
    ),
    RandomDraw.TRANSPLANT_ELIGIBILITY: Chance(
        Patients.CANDIDATES, "candidate for allo-HCT", "no candidate for allo-HCT"
    ),
    RandomDraw.TRANSPLANT_TIME: Time(Patients.CANDIDATES, "allo-HCT", Form.NORMAL),
    RandomDraw.CURE_IN_REMISSION: Chance(
        Patients.IN_REMISSION, "cured without allo-HCT", "not cured without allo-HCT"
    ),
    # A standard exponential where time to relapse is Weibull.
    RandomDraw.RELAPSE_TIME: Time(Patients.IN_REMISSION, "relapse", Form.UNIFORM),
    RandomDraw.DEATH_IN_REMISSION: Time(
        Patients.IN_REMISSION, "death in remission", Form.EXPONENTIAL
    ),
    RandomDraw.CD19_LOSS: Chance(Patients.TREATED, "loses CD19", "keeps CD19"),
    RandomDraw.NEXT_LINE: Chance(
        Patients.BETWEEN_LINES, "fit for another line", "not fit for another line"
    ),
    RandomDraw.SURVIVAL_AFTER_RELAPSE: Time(
        Patients.RELAPSED, "death of leukaemia", Form.EXPONENTIAL
    ),
    RandomDraw.CELL_MANUFACTURE: Chance(
        Patients.TREATED, "manufacture of cells fails", "cells are made", rare=True
    ),
    RandomDraw.FIT_FOR_CELLS: Chance(
        Patients.TREATED, "not infused with the cells made", "infused", rare=True
    ),
    RandomDraw.TRANSPLANT_DEATH: Chance(
        Patients.TRANSPLANTED, "early transplant death", "no early transplant death"
    ),
    RandomDraw.TRANSPLANT_DEATH_TIME: Time(Patients.TRANSPLANTED, "transplant death", Form.UNIFORM),
    RandomDraw.ACUTE_GVHD: Chance(Patients.TRANSPLANTED, "acute GVHD", "no acute GVHD"),
    RandomDraw.ACUTE_GVHD_ONSET: Time(Patients.TRANSPLANTED, "acute GVHD", Form.UNIFORM),
    RandomDraw.CHRONIC_GVHD: Chance(Patients.TRANSPLANTED, "chronic GVHD", "no chronic GVHD"),
    RandomDraw.CHRONIC_GVHD_ONSET: Time(Patients.TRANSPLANTED, "chronic GVHD", Form.UNIFORM),
    RandomDraw.TRANSPLANT_VOD: Chance(Patients.TRANSPLANTED, "VOD", "no VOD"),
    RandomDraw.TRANSPLANT_INFECTION: Chance(Patients.TRANSPLANTED, "infection", "no infection"),
    RandomDraw.LATE_TRANSPLANT_DEATH: Time(
        Patients.TRANSPLANTED, "late transplant death", Form.EXPONENTIAL
    ),
    RandomDraw.CURE_AFTER_TRANSPLANT: Chance(
        Patients.TRANSPLANTED, "cured by allo-HCT", "not cured by allo-HCT"
    ),
    RandomDraw.RELAPSE_AFTER_TRANSPLANT: Time(Patients.TRANSPLANTED, "relapse", Form.UNIFORM),
    RandomDraw.CRS: Grade("CRS"),
    RandomDraw.CRS_ONSET: ONSET,
    RandomDraw.CRS_DURATION: DURATION,
    RandomDraw.NEUROTOXICITY: Grade("neurotoxicity"),
    RandomDraw.NEUROTOXICITY_ONSET: ONSET,
    RandomDraw.NEUROTOXICITY_DURATION: DURATION,
    RandomDraw.SEIZURE: Chance(Patients.WITH_TOXICITY, "with a seizure", "without a seizure"),
    RandomDraw.HEPATOTOXICITY: Grade("hepatotoxicity"),
    RandomDraw.HEPATOTOXICITY_ONSET: ONSET,
    RandomDraw.HEPATOTOXICITY_DURATION: DURATION,
    RandomDraw.INFECTION: Grade("infection"),
    RandomDraw.INFECTION_ONSET: ONSET,
    RandomDraw.INFECTION_DURATION: DURATION,
    RandomDraw.FEBRILE_NEUTROPENIA: Grade("febrile neutropenia"),
    RandomDraw.FEBRILE_NEUTROPENIA_ONSET: ONSET,
    RandomDraw.FEBRILE_NEUTROPENIA_DURATION: DURATION,
}


def occurrence(line: int, cycle: int = 0) -> int:
    """Return the number of the `cycle` of the `line` (both counted from 0): ``64 line + cycle``."""
    return line * CYCLES_PER_LINE + cycle
