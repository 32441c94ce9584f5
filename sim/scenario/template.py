"""A scenario to begin with: every key that a question needs, each with a comment."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from sim.catalog import Catalogue
from sim.catalog.catalogue import ALWAYS_NEEDED
from sim.errors import UserError
from sim.scenario.listing import written
from sim.scenario.schema import Discounting, Scenario

WIDTH = 100
PATIENTS = 100_000
SEED = 1


def template(
    name: str,
    population: str,
    perspective: str,
    sequences: Sequence[Sequence[str]],
    catalogue: Catalogue,
) -> str:
    """Return the text of a scenario file.

    Keys that may be left out stand there as comments with the value that they then have.

    Parameters
    ----------
    name
        From which the title is made.
    population, perspective
        By their names in the catalogue.
    sequences
        The regimens of each strategy.

    Raises
    ------
    UserError
        When there is no such population, perspective or regimen.
    """
    for kind, asked, known in (
        ("population", [population], catalogue.populations),
        ("perspective", [perspective], catalogue.perspectives),
        ("sequence", [regimen for each in sequences for regimen in each], catalogue.regimens),
    ):
        for each in asked:
            if each not in known:
                raise UserError("no such entry", key=f"--{kind}", value=each, choices=known)
    values = {
        "title": written(name.replace("_", " ").capitalize()),
        "population": f"{population}  # {catalogue.populations[population].label}",
        "patients": str(PATIENTS),
        "seed": str(SEED),
        "setting": "trial",
        "perspective": f"{perspective}  # {catalogue.perspectives[perspective].label}",
        "horizon_years": "lifetime",
        "strategies": "".join(_strategy(each, catalogue) for each in sequences),
    }
    spaced = {key: text if text.startswith("\n") else f" {text}" for key, text in values.items()}
    others = {
        "population": sorted(catalogue.populations),
        "perspective": sorted(catalogue.perspectives),
        "strategies": sorted(set(catalogue.regimens) - set(ALWAYS_NEEDED)),
    }
    return "\n".join(_lines(spaced, others)) + "\n"


def _lines(values: dict[str, str], others: dict[str, list[str]]) -> Iterator[str]:
    for key, field in Scenario.model_fields.items():
        yield from textwrap.wrap(
            f"{field.description}", WIDTH, initial_indent="# ", subsequent_indent="# "
        )
        if key in others:
            kind = "Regimens" if key == "strategies" else "Names"
            yield from textwrap.wrap(
                f"{kind}: {', '.join(others[key])}",
                WIDTH,
                initial_indent="# ",
                subsequent_indent="#   ",
            )
        yield f"{key}:{values[key]}" if key in values else f"# {key}: {UNSAID[key]}"
        yield ""


UNSAID = {
    "description": written(""),
    "catalogue": "[my_hospital.yaml]",
    "study": "average",
    "discounting": f"{{{', '.join(f'{key}: 0.03' for key in Discounting.model_fields)}}}",
    "thresholds": "[100000]",
    "comparator": "the_first",
    "parameters": "{cost.inpatient_day: 2500}",
    "switches": "{toxicity: false}",
    "life_table": "my_country.csv",
    "capacity": "{transplant_beds: 12}",
    "subgroups": "{age_years: [18, 35, 55]}",
    "budget": "{first_year: 2026, patients_per_year: 100, uptake: {the_second: [0.2, 0.4, 0.6, 0.7, 0.7]}}",
    "what_ifs": "{cheaper: {label: Half the price, factors: {cost.blinatumomab.vial: 0.5}}}",
}
"""Examples of keys that may be left out."""


def _strategy(sequence: Sequence[str], catalogue: Catalogue) -> str:
    name = "_then_".join(sequence)
    label = ", then ".join(catalogue.regimens[each].label for each in sequence)
    return (
        f"\n  - name: {name}\n    label: {written(label)}\n"
        f"    sequence: [{', '.join(sequence)}]\n    then: usual_care"
    )
