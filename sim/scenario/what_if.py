"""What-ifs: the scenario with some of its keys changed, checked as a scenario of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

from sim.scenario.inheritance import Node, laid_over
from sim.scenario.mistakes import Mistake
from sim.scenario.schema import WHAT_IFS, Scenario, WhatIf

PARAMETERS: Final = "parameters"
MOVES: Final[Mapping[str, Callable[[float, float], float]]] = {
    "factors": operator.mul,
    "shifts": operator.add,
}

Check = Callable[[Node], tuple[Scenario | None, list[Mistake]]]
"""Validates a whole scenario: it is None when its form is wrong."""
Amounts = Callable[[Scenario], Mapping[str, float]]
"""The values of all parameters that a scenario may use, its own overrides included."""


def without_what_ifs(top: Node) -> Node:
    """Return the scenario alone."""
    assert isinstance(top.content, dict)
    return replace(top, content={k: v for k, v in top.content.items() if k != WHAT_IFS})


def changed_top(
    top: Node, name: str, what_if: WhatIf, check: Check
) -> tuple[Node, Scenario | None, list[Mistake]]:
    """Lay the keys of a what-if over the scenario; its factors and shifts are not yet applied.

    Returned with what `check` says of it.

    A parameter that the scenario sets and that the changed one does not use, since another
    perspective or population has others, is left out.
    """
    written = top.find((WHAT_IFS, name))
    assert written is not None
    assert isinstance(written.content, dict)
    changes = {key: written.content[key] for key in what_if.changes}
    changed = laid_over(without_what_ifs(top), replace(written, content=changes))
    asked, mistakes = check(changed)
    own = written.find((PARAMETERS,))
    unused = {
        str(mistake.path[-1])
        for mistake in mistakes
        if mistake.is_unused and (own is None or own.child(mistake.path[-1]) is None)
    }
    if unused:
        changed = _without_parameters(changed, unused)
        asked, mistakes = check(changed)
    return changed, asked, mistakes


def _without_parameters(top: Node, names: Collection[str]) -> Node:
    assert isinstance(top.content, dict)
    parameters = top.content[PARAMETERS]
    assert isinstance(parameters.content, dict)
    kept = {name: node for name, node in parameters.content.items() if name not in names}
    return replace(top, content={**top.content, PARAMETERS: replace(parameters, content=kept)})


def moved_top(top: Node, changed: Node, name: str, values: Mapping[str, float]) -> Node:
    """Write factors times `values`, and shifts plus `values`, into a changed scenario."""
    values = dict(values)
    for key, move in MOVES.items():
        moves = top.find((WHAT_IFS, name, key))
        if moves is None:
            continue
        assert isinstance(moves.content, dict)
        for parameter, node in moves.content.items():
            # A name that is not known is found to be unknown by what follows.
            values[parameter] = move(values.get(parameter, 1.0), node.plain())
        moved = {
            parameter: replace(node, content=values[parameter])
            for parameter, node in moves.content.items()
        }
        written = replace(moves, content={PARAMETERS: replace(moves, content=moved)})
        changed = laid_over(changed, written)
    return changed


def mistakes_in_what_ifs(
    scenario: Scenario, top: Node, check: Check, values: Amounts
) -> Iterator[Mistake]:
    """Find what is wrong with each what-if; the scenario itself is known to be right."""
    for name, what_if in scenario.what_ifs.items():
        changed, asked, mistakes = changed_top(top, name, what_if, check)
        if asked is None or mistakes:
            for mistake in mistakes:
                yield replace(mistake, path=(WHAT_IFS, name, *mistake.path))
            continue
        if [arm.name for arm in asked.strategies] != [arm.name for arm in scenario.strategies]:
            problem = "must keep the names and the order of the scenario's strategies"
            yield Mistake((WHAT_IFS, name, "strategies"), problem)
        _, mistakes = check(moved_top(top, changed, name, values(asked)))
        for mistake in mistakes:
            parameter = mistake.path[-1]
            key = "factors" if parameter in what_if.factors else "shifts"
            yield replace(mistake, path=(WHAT_IFS, name, key, parameter))
