"""A user's own life table in words and as JSON: life expectancy next to the perspective's."""

from __future__ import annotations

from typing import Any

from sim.simulation.life_expectancy import SUSPICIOUS_FACTOR, OwnLifeTable, own_life_table
from sim.simulation.question import Question

NAME = "Life table"


def life_table_lines(question: Question) -> list[tuple[str, str]]:
    """Return the line about the user's life table with its name; none where there is none."""
    found = own_life_table(question)
    return [] if found is None else [(NAME, life_table_sentence(found))]


def life_table_sentence(found: OwnLifeTable) -> str:
    """Return life expectancy of men and women under both tables, with a warning where far apart."""
    (men, women), (men_there, women_there) = found.own, found.usual
    warning = (
        f". Warning: they differ by more than a factor of {SUSPICIOUS_FACTOR:g}; look at the "
        "units of the file and at what its columns hold"
        if found.is_suspicious
        else ""
    )
    return (
        f"{found.file}; life expectancy at {found.age_years:g}: men {men:.1f}, women {women:.1f} "
        f"years (the perspective's {found.beside}: {men_there:.1f} and {women_there:.1f}){warning}"
    )


def life_table_json(question: Question) -> dict[str, Any]:
    """Return the entry of summary.json on the user's own life table; empty where there is none."""
    found = own_life_table(question)
    if found is None:
        return {}
    sexes = ("male", "female")
    return {
        "life_table": {
            "file": found.file,
            "age_years": found.age_years,
            "life_expectancy_years": dict(zip(sexes, found.own, strict=True)),
            "perspective_life_table": found.beside,
            "perspective_life_expectancy_years": dict(zip(sexes, found.usual, strict=True)),
            "differs_suspiciously": found.is_suspicious,
            "sentence": life_table_sentence(found),
        }
    }
