"""What was drawn, in words: the decision, the number, and what it was held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sim.clinic.decisions import Decision
from sim.clinic.patient import Patient
from sim.clinic.toxicity import (
    DURATION_DECISION,
    GRADE_DECISION,
    MILD,
    NONE,
    ONSET_DECISION,
    Toxicity,
)
from sim.clinic.units import NEVER
from sim.report.trace import SALVAGE, toxicity_name
from sim.study.replay import RetoldLife
from sim.study.witness import Distribution, Draw

DIGITS: Final = 4
MOST_DIGITS: Final = 17
"""Enough to tell any two numbers apart."""
BELOW: Final = "<"
NOT_BELOW: Final = "≥"

CHANCES: Final[Mapping[Decision, tuple[str, str]]] = {
    Decision.RESPONSE: ("responds", "does not respond"),
    Decision.RESPONSE_CYCLE: ("in the first cycle", "in the second cycle"),
    Decision.RESPONSE_DEPTH: ("CR", "CRh/CRi"),
    Decision.MRD: ("MRD-negative", "MRD-positive"),
    Decision.PROGRESSION_AFTER_FIRST_CYCLE: (
        "one cycle only, if refractory",
        "may have more cycles",
    ),
    Decision.CONSOLIDATION: ("goes on to consolidation", "no consolidation"),
    Decision.MAINTENANCE: ("goes on to maintenance", "no maintenance"),
    Decision.TRANSPLANT_ELIGIBILITY: ("candidate for allo-HCT", "no candidate for allo-HCT"),
    Decision.CURE_IN_REMISSION: ("cured without allo-HCT", "not cured without allo-HCT"),
    Decision.CD19_LOSS: ("loses CD19", "keeps CD19"),
    Decision.NEXT_LINE: ("fit for another line", "not fit for another line"),
    Decision.RESCUE: ("rescued by later lines", "not rescued by later lines"),
    Decision.TRANSPLANT_DEATH: ("early transplant death", "no early transplant death"),
    Decision.ACUTE_GVHD: ("acute GVHD", "no acute GVHD"),
    Decision.CHRONIC_GVHD: ("chronic GVHD", "no chronic GVHD"),
    Decision.TRANSPLANT_VOD: ("VOD", "no VOD"),
    Decision.TRANSPLANT_INFECTION: ("infection", "no infection"),
    Decision.CURE_AFTER_TRANSPLANT: ("cured by allo-HCT", "not cured by allo-HCT"),
    Decision.SEIZURE: ("with a seizure", "without a seizure"),
}
"""What a chance decides: when the number lies below it, and when it does not."""

TIMES: Final[Mapping[Decision, str]] = {
    Decision.BACKGROUND_DEATH: "death of another cause",
    Decision.REFRACTORY_SURVIVAL: "death of leukaemia",
    Decision.TRANSPLANT_TIME: "allo-HCT",
    Decision.RELAPSE_TIME: "relapse",
    Decision.DEATH_IN_REMISSION: "death in remission",
    Decision.RESCUE_TIME: "allo-HCT",
    Decision.SURVIVAL_AFTER_RELAPSE: "death of leukaemia",
    Decision.TRANSPLANT_DEATH_TIME: "transplant death",
    Decision.LATE_TRANSPLANT_DEATH: "late transplant death",
    Decision.RELAPSE_AFTER_TRANSPLANT: "relapse",
    Decision.ACUTE_GVHD_ONSET: "acute GVHD",
    Decision.CHRONIC_GVHD_ONSET: "chronic GVHD",
    **dict.fromkeys(ONSET_DECISION.values(), "onset"),
}
"""What happens at the end of a time that is drawn."""

GRADED: Final = {decision: kind for kind, decision in GRADE_DECISION.items()}
ONSETS: Final = {decision: kind for kind, decision in ONSET_DECISION.items()}
LASTING: Final = {decision: kind for kind, decision in DURATION_DECISION.items()}

Traits = Mapping[Decision, tuple[str, Callable[[Patient], str]]]
ENTRY: Final[Traits] = {
    Decision.AGE: ("age", lambda patient: f"{patient.age_years:.1f} years"),
    Decision.SEX: ("sex", lambda patient: "man" if patient.male else "woman"),
    Decision.WEIGHT: ("weight", lambda patient: f"{patient.weight_kg:.1f} kg"),
    Decision.HEIGHT: ("height", lambda patient: f"{patient.height_cm:.1f} cm"),
    Decision.SALVAGE_LINE: ("salvage line", lambda patient: SALVAGE[patient.salvage_line]),
    Decision.PRIOR_HCT: ("earlier allo-HCT", lambda patient: _yes(patient.prior_hct)),
    Decision.PHILADELPHIA: ("Ph-positive", lambda patient: _yes(patient.ph_positive)),
    Decision.KMT2A: ("KMT2A-rearranged", lambda patient: _yes(patient.kmt2a)),
    Decision.HIGH_BLASTS: ("high blast burden", lambda patient: _yes(patient.high_blasts)),
    Decision.CNS_DISEASE: ("CNS disease", lambda patient: _yes(patient.cns)),
    Decision.EXTRAMEDULLARY: (
        "extramedullary disease",
        lambda patient: _yes(patient.extramedullary),
    ),
    Decision.MRD_ONLY: ("MRD only", lambda patient: _yes(patient.mrd_only)),
    Decision.PRIMARY_REFRACTORY: (
        "primary refractory",
        lambda patient: _yes(patient.primary_refractory),
    ),
    Decision.FIRST_REMISSION: (
        "first remission",
        lambda patient: (
            "none" if patient.primary_refractory else f"{patient.first_remission_months:.1f} months"
        ),
    ),
}
"""The characteristics at entry, by the decision that draws them."""
UNITS: Final = {
    Decision.AGE: " years",
    Decision.WEIGHT: " kg",
    Decision.HEIGHT: " cm",
    Decision.FIRST_REMISSION: " months",
}
DAYS: Final = " days"


def _yes(present: bool) -> str:
    return "yes" if present else "no"


def words(draw: Draw, life: RetoldLife) -> str:
    """Say what the decision came to: ``responds``, ``relapse on day 127.4``."""
    if draw.decision in GRADED:
        return _grade(GRADED[draw.decision], int(draw.result))
    if draw.decision in LASTING:
        return f"lasts {draw.result:.1f} days"
    if draw.decision in TIMES:
        return _time(draw, life)
    yes, no = CHANCES[draw.decision]
    return yes if draw.verdict[0] else no


def _grade(kind: Toxicity, grade: int) -> str:
    name = toxicity_name(kind)
    if grade == NONE:
        return f"no {name}"
    return f"{name}, grade 1-2" if grade == MILD else f"{name}, grade {grade}"


def _time(draw: Draw, life: RetoldLife) -> str:
    """Say on which day it is due, or was: something else may have come first."""
    what, due = TIMES[draw.decision], life.due_day(draw)
    if due is None or due == NEVER:
        return f"{what}: never"
    return f"{what} {'on' if life.came_true(draw) else 'due'} day {due:,.1f}"


def held(draw: Draw, name: str = "") -> str:
    """Show the number and the limits on either side of it: ``0.4127 < 0.5031``.

    A `name` stands before the number.
    """
    below = min((each.limit for each in draw.comparisons if each.below), default=None)
    above = max((each.limit for each in draw.comparisons if not each.below), default=None)
    limits = [limit for limit in (above, below) if limit is not None]
    digits = next(
        digits
        for digits in range(DIGITS, MOST_DIGITS + 1)
        if digits == MOST_DIGITS
        or all(f"{limit:.{digits}f}" != f"{draw.uniform:.{digits}f}" for limit in limits)
    )
    number = f"{name}{draw.uniform:.{digits}f}"
    if below is None:
        return number if above is None else f"{number} {NOT_BELOW} {above:.{digits}f}"
    bracket = "" if above is None else f"{above:.{digits}f} ≤ "
    return f"{bracket}{number} {BELOW} {below:.{digits}f}"


def shape(draw: Draw) -> str:
    """Describe the distribution that the number was put to; nothing where there was none."""
    found = draw.distribution
    return "" if found is None else _DESCRIBED[found.family](found, UNITS.get(draw.decision, DAYS))


def _uniform(found: Distribution, unit: str) -> str:
    return f"uniform, {_number(found, 'low')} to {_number(found, 'high')}{unit}"


def _piecewise(found: Distribution, unit: str) -> str:
    low, median, high = (_number(found, name) for name in ("minimum", "median", "maximum"))
    return f"minimum {low}, median {median}, maximum {high}{unit}"


def _normal(found: Distribution, unit: str) -> str:
    return f"normal, mean {_number(found, 'mean')}, SD {_number(found, 'sd')}{unit}"


def _lognormal(found: Distribution, unit: str) -> str:
    sigma = found.parameters["sigma"]
    return f"lognormal, median {_number(found, 'median')}{unit}, σ {sigma:.2f}{_ratio(found)}"


def _exponential(found: Distribution, unit: str) -> str:
    rate = found.parameters["rate"]
    return f"exponential, mean {1.0 / rate:,.0f}{unit}" if rate > 0.0 else "no hazard"


def _weibull(found: Distribution, unit: str) -> str:
    form = found.parameters["shape"]
    return f"Weibull, median {_number(found, 'median')}{unit}, shape {form:.2f}{_ratio(found)}"


def _life_table(found: Distribution, _: str) -> str:
    text = f"life table from age {found.parameters['age_years']:.1f}"
    ratio, since = found.parameters["ratio"], found.parameters["ratio_from_days"]
    if ratio == 1.0 or since == NEVER:
        return text
    return f"{text}, × {ratio:g} from day {since:,.1f}"


def _ratio(found: Distribution) -> str:
    ratio = found.parameters.get("hazard_ratio", 1.0)
    return "" if ratio == 1.0 else f", HR {ratio:.2f}"


def _number(found: Distribution, name: str) -> str:
    return f"{found.parameters[name]:,.1f}".removesuffix(".0")


_DESCRIBED: Final[Mapping[str, Callable[[Distribution, str], str]]] = {
    "uniform": _uniform,
    "piecewise uniform": _piecewise,
    "normal": _normal,
    "lognormal": _lognormal,
    "exponential": _exponential,
    "weibull": _weibull,
    "life table": _life_table,
}
