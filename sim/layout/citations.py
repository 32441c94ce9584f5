"""The citations of a run: the program, and every source behind a number that the run used."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from typing import Final

from sim.catalog.parameter import INTERNAL, SCENARIO, Source
from sim.simulation.question import Question
from sim.version import __version__

PROGRAM: Final = (
    "The blinsim developers. blinsim: a discrete-event patient microsimulation of relapsed or "
    f"refractory B-cell acute lymphoblastic leukaemia, version {__version__}. 2026."
)
WIDTH: Final = 100
INDENT: Final = "    "


def sources_used(question: Question) -> dict[str, list[str]]:
    """Return by source key the numbers that rest on it, both in the order of their names.

    These are the parameters that the run used with the catalogue's value, the price index that
    converted money to the prices of the perspective, and the life table. A value that overrides the
    catalogue's rests on no source of the catalogue.
    """
    used: dict[str, list[str]] = defaultdict(list)
    inflated = False
    for name in sorted(question.used - set(own_values(question))):
        parameter = question.parameters[name]
        inflated |= parameter.amount != parameter.value
        for key in parameter.sources:
            used[key].append(name)
    index = question.perspective.price_index
    if inflated and index is not None:
        for key in question.catalogue.indices[index].sources:
            used[key].append(f"price index {index}")
    table = question.scenario.life_table or question.perspective.life_table
    if question.scenario.switches.background_mortality and table in question.catalogue.life_tables:
        for key in question.catalogue.life_tables[table].sources:
            used[key].append(f"life table {table}")
    return dict(sorted(used.items()))


def own_values(question: Question) -> list[str]:
    """Name the parameters that were used with a value of the scenario's or of an analysis' own."""
    return [
        name
        for name in sorted(question.used)
        for parameter in (question.parameters[name],)
        if parameter.status == SCENARIO or question.numbers[name] != parameter.value
    ]


def published_sources(question: Question) -> dict[Source, list[str]]:
    """Return the numbers that rest on each published source, in the order of the citations."""
    found = {question.catalogue.sources[key]: what for key, what in sources_used(question).items()}
    published = [source for source in found if source.kind != INTERNAL]
    return {source: found[source] for source in sorted(published, key=lambda s: s.citation)}


def citations(*questions: Question) -> str:
    """Return the text of citations.txt: each source with the numbers that rest on it."""
    lines = ["Please cite the program and the sources of its numbers.", ""]
    lines += [*_wrapped(PROGRAM), ""]
    found: dict[Source, dict[str, None]] = defaultdict(dict)
    for question in questions:
        for source, what in published_sources(question).items():
            found[source] |= dict.fromkeys(what)
    for source in sorted(found, key=lambda s: s.citation):
        lines += _wrapped(f"{source.citation} {source.doi or ''}".rstrip())
        lines += [*_wrapped(f"for {', '.join(found[source])}", INDENT), ""]
    own = list(dict.fromkeys(name for question in questions for name in own_values(question)))
    if own:
        lines += _wrapped("Set by the scenario, and not from these sources:")
        lines += [*_wrapped(", ".join(own), INDENT), ""]
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "") -> list[str]:
    # Names and identifiers stay whole, so that they can be searched and copied.
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
