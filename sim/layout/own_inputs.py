"""The user's own inputs in words: patients, parameters, and a life table, also as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sim.catalog.distribution import Fixed
from sim.catalog.parameter import SCENARIO, Parameter
from sim.layout.cells import number_text
from sim.simulation.question import SUSPICIOUS_FACTOR, OwnLifeTable, Question, own_life_table

if TYPE_CHECKING:
    from sim.scenario.own_patients import OwnPatients

OWN_PATIENTS: Final = "Own patients"
MOST_NAMED: Final = 6
"""Of the columns that are not read."""
HEAVY_KG: Final = 120.0
"""No cohort weighs as much in the mean, and any in pounds does."""
DIGITS: Final = 4
LIFE_TABLE: Final = "Life table"
FIXED: Final = Fixed.family
FIXED_SHOWN: Final = 4
OWN_SHOWN: Final = 30


def own_patients_lines(question: Question) -> list[tuple[str, str]]:
    """Return the line about the user's own patients with its name; none where there are none."""
    own = question.own_patients
    return [] if own is None else [(OWN_PATIENTS, own_patients_sentence(own))]


def row_of(question: Question, patient: int) -> str:
    """Return, to follow a patient, the row of the user's own file; nothing where there is none."""
    own = question.own_patients
    return "" if own is None else f", row {own.row_numbers(patient, 1)[0]:,} of {own.file}"


def own_patients_sentence(own: OwnPatients) -> str:
    """Return the file, its rows, and which characteristics are given, derived, drawn and not read.

    Patients treated for MRD only are counted, and weights that look like pounds are named.
    """
    rows = "1 row" if own.number == 1 else f"{own.number:,} rows, used in order and repeated"
    empty = [f"{name} of {n:,}" for name, n in own.given.items() if n]
    derived = [f"{name} from {source}" for name, source in own.derived.items()]
    parts = (
        ("given", own.given),
        ("derived", derived),
        ("drawn from the population", own.drawn),
        ("drawn where the cell is empty", empty),
        ("not read", _some(own.not_read)),
    )
    said = [f"{name}: {', '.join(columns)}" for name, columns in parts if columns]
    return "; ".join([f"{own.file}, {rows}", *_remarks(own), *said])


def _remarks(own: OwnPatients) -> list[str]:
    """Return what a reader has to know of rows that may hold something other than was meant."""
    said = []
    if own.mrd_only:
        said.append(f"in remission, treated for MRD only: {own.mrd_only:,} of {own.number:,}")
    if own.mean_weight_kg > HEAVY_KG:
        said.append(
            f"Warning: the mean weight is {own.mean_weight_kg:.0f} kg; this looks like pounds: "
            "divide by 2.2046"
        )
    return said


def _some(names: Sequence[str]) -> list[str]:
    more = len(names) - MOST_NAMED
    return [*names[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]


def life_table_lines(question: Question) -> list[tuple[str, str]]:
    """Return the line about the user's life table with its name; none where there is none."""
    found = own_life_table(question)
    return [] if found is None else [(LIFE_TABLE, life_table_sentence(found))]


def own_lines(question: Question) -> list[tuple[str, str]]:
    """Return lines about inputs of the user's own, with their names; none where there are none.

    One counts those of an own catalogue by file. The other names the values of the scenario that are
    fixed, so that neither draws nor ranges vary them.
    """
    used = [question.parameters[name] for name in sorted(question.used)]
    files = Counter(each.file for each in used if each.is_own and each.status != SCENARIO)
    fixed = [e.name for e in used if e.status == SCENARIO and e.distribution.family == FIXED]
    lines = []
    if files:
        counts = ", ".join(f"{count} from {file}" for file, count in files.items())
        lines.append(("Own inputs", counts))
    if fixed:
        more = f" and {len(fixed) - FIXED_SHOWN} more" if len(fixed) > FIXED_SHOWN else ""
        shown = ", ".join(fixed[:FIXED_SHOWN]) + more
        lines.append(("Set", f"{shown}: by the scenario without a distribution, so not varied"))
    return lines


def own_inputs_lines(question: Question) -> list[tuple[str, str]]:
    """Return a line for each input of the user's own: value, interval and place."""
    used = [question.parameters[name] for name in sorted(question.used)]
    own = [each for each in used if each.is_own or each.status == SCENARIO]
    lines = [(each.name, _own_input(each)) for each in own[:OWN_SHOWN]]
    more = len(own) - OWN_SHOWN
    ending = [("Own inputs", f"{more} more; blinsim parameters --scenario lists all")]
    return [*lines, *(ending if more > 0 else [])]


def _own_input(each: Parameter) -> str:
    low, high = each.distribution.interval()
    spread = f"{number_text(low, DIGITS)} to {number_text(high, DIGITS)}" if low < high else "fixed"
    return f"{number_text(each.value, DIGITS)} {each.unit} ({spread}), {each.file}:{each.line}"


def life_table_sentence(found: OwnLifeTable) -> str:
    """Return life expectancy of men and women under both tables, with a warning where far apart."""
    (men, women), (men_there, women_there) = found.own, found.usual
    whose = "the perspective's" if found.is_of_perspective else "the program's"
    warning = (
        f". Warning: they differ by more than a factor of {SUSPICIOUS_FACTOR:g}; look at the "
        "units of the file and at what its columns hold"
        if found.is_suspicious
        else ""
    )
    return (
        f"{found.file}; life expectancy at {found.age_years:g}: men {men:.1f}, women {women:.1f} "
        f"years ({whose} {found.beside}: {men_there:.1f} and {women_there:.1f}){warning}"
    )


def life_table_json(question: Question) -> dict[str, Any]:
    """Return the entry of summary.json on the user's own life table; empty where there is none."""
    found = own_life_table(question)
    if found is None:
        return {}
    sexes = ("male", "female")
    whose = "perspective" if found.is_of_perspective else "program"
    return {
        "life_table": {
            "file": found.file,
            "age_years": found.age_years,
            "life_expectancy_years": dict(zip(sexes, found.own, strict=True)),
            f"{whose}_life_table": found.beside,
            f"{whose}_life_expectancy_years": dict(zip(sexes, found.usual, strict=True)),
            "differs_suspiciously": found.is_suspicious,
            "sentence": life_table_sentence(found),
        }
    }
