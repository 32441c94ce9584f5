"""What to cite: the program, and every source behind a number that a run used."""

from __future__ import annotations

from collections import defaultdict

from sim import __version__
from sim.catalog.source import INTERNAL
from sim.study.question import Question

PROGRAM = (
    f"The blinsim developers. blinsim: discrete-event microsimulation of treatment sequences in "
    f"relapsed or refractory B-cell ALL, version {__version__}. 2026."
)


def sources_used(question: Question) -> dict[str, list[str]]:
    """Return the parameters that were used by the key of their source."""
    used: dict[str, list[str]] = defaultdict(list)
    for name in sorted(question.used):
        for key in question.parameters[name].sources:
            used[key].append(name)
    table = question.scenario.life_table or question.perspective.life_table
    if table in question.catalogue.life_tables:
        for key in question.catalogue.life_tables[table].sources:
            used[key].append(f"life table {table}")
    return dict(sorted(used.items()))


def citations(question: Question) -> str:
    """Return the text of citations.txt: each source with the parameters that rest on it."""
    lines = ["Please cite the program and the sources of its numbers.", "", PROGRAM, ""]
    for key, names in sources_used(question).items():
        source = question.catalogue.sources[key]
        if source.kind == INTERNAL:
            continue
        identifier = f" {source.doi}" if source.doi else ""
        lines += [f"{source.citation}{identifier}", f"    for {', '.join(names)}", ""]
    return "\n".join(lines)


def published_sources(question: Question) -> int:
    """Count the published sources behind the run."""
    kinds = [question.catalogue.sources[key].kind for key in sources_used(question)]
    return sum(1 for kind in kinds if kind != INTERNAL)
