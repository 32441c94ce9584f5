"""What-ifs: the scenario with some of its keys changed, checked as a scenario of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from sim.files.documents import Steps
from sim.files.schema import Mistake
from sim.scenario.inheritance import PARAMETERS, Node, laid_over
from sim.scenario.schema import WHAT_IFS, Scenario, WhatIf

FACTORS: Final = "factors"
MOVES: Final[Mapping[str, Callable[[float, float], float]]] = {
    FACTORS: operator.mul,
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


class Changed(NamedTuple):
    """The scenario as a what-if changes it.

    `scenario` is None where its form is wrong; `mistakes` are named by their place in the changed
    scenario, those in factors and shifts and in the what-if itself by their place there. `left_out`
    holds, in words, the values that are left out.
    """

    top: Node
    scenario: Scenario | None
    mistakes: list[Mistake]
    left_out: tuple[str, ...]


def changed_by(top: Node, name: str, what_if: WhatIf, check: Check, values: Amounts) -> Changed:
    """Return the scenario as a what-if changes it, its factors and shifts applied.

    A value of the scenario or of an inherited what-if that has no meaning in the changed scenario is
    left out: a parameter that it does not use, an amount in other money. In a what-if of the
    scenario's own file it is a mistake.
    """
    written = top.find((WHAT_IFS, name))
    assert written is not None
    assert isinstance(written.content, dict)
    changes = {key: written.content[key] for key in what_if.changes}
    changed = laid_over(without_what_ifs(top), replace(written, content=changes))
    asked, mistakes = check(changed)
    foreign = [each for each in mistakes if each.belongs_elsewhere and _may_go(written, each.path)]
    left_out = [_in_words(each) for each in foreign]
    if foreign:
        changed = without(changed, foreign)
        asked, mistakes = check(changed)
    if asked is None or mistakes:
        found = [_placed(name, mistake) for mistake in mistakes]
        return Changed(changed, asked, found, tuple(left_out))
    moves = list(_moves(written, values(asked)))
    moved = _moved(changed, moves)
    asked, mistakes = check(moved)
    foreign = [each for each in mistakes if each.belongs_elsewhere and _is_inherited(moves, each)]
    if foreign:
        left_out += [_in_words(each) for each in foreign]
        dropped = {each.path[-1] for each in foreign}
        moves = [move for move in moves if move.parameter not in dropped]
        moved = _moved(changed, moves)
        asked, mistakes = check(moved)
    keys = {move.parameter: move.key for move in moves}
    found = []
    for mistake in mistakes:
        parameter = mistake.path[-1]
        key = keys.get(str(parameter), PARAMETERS)
        found.append(replace(mistake, path=(WHAT_IFS, name, key, parameter)))
    return Changed(moved, asked, found, tuple(left_out))


class _Move(NamedTuple):
    """A factor or a shift of a parameter: its key, the value that it gives, and its place."""

    key: str
    parameter: str
    node: Node


def _moves(written: Node, values: Mapping[str, float]) -> Iterator[_Move]:
    """Yield the factors and shifts of a what-if, each with the value that it gives."""
    moved = dict(values)
    for key, move in MOVES.items():
        given = written.child(key)
        if given is None:
            continue
        assert isinstance(given.content, dict)
        for parameter, node in given.content.items():
            # An unknown name is found to be unknown by the check that follows.
            moved[parameter] = move(moved.get(parameter, 1.0), node.plain())
            # A factor has no unit, so that its product is in the money of the parameter.
            money = None if key == FACTORS else node.origin.perspective
            origin = replace(node.origin, perspective=money)
            yield _Move(key, parameter, Node(moved[parameter], origin))


def _moved(changed: Node, moves: Sequence[_Move]) -> Node:
    if not moves:
        return changed
    nodes = {move.parameter: move.node for move in moves}
    origin = changed.origin
    return laid_over(changed, Node({PARAMETERS: Node(nodes, origin)}, origin))


def _may_go(written: Node, path: Steps) -> bool:
    """Whether a value comes from the scenario that is changed, or from an inherited what-if."""
    own = written.find(path)
    return own is None or own.origin.rank > 0


def _is_inherited(moves: Sequence[_Move], mistake: Mistake) -> bool:
    return any(move.parameter == mistake.path[-1] and move.node.origin.rank > 0 for move in moves)


def _placed(name: str, mistake: Mistake) -> Mistake:
    return replace(mistake, path=(WHAT_IFS, name, *mistake.path))


def _in_words(mistake: Mistake) -> str:
    """Return the value that is left out, and why, in a few words."""
    return f"{mistake.path[-1]}: {mistake.problem.partition(':')[0].partition(';')[0]}"


def without(top: Node, mistakes: Sequence[Mistake]) -> Node:
    """Return a scenario without the values that the mistakes are about."""
    assert isinstance(top.content, dict)
    content = dict(top.content)
    for mistake in mistakes:
        key, *below = mistake.path
        if not below:
            content.pop(str(key), None)
            continue
        node = content[str(key)]
        assert isinstance(node.content, dict)
        kept = {name: each for name, each in node.content.items() if name != below[0]}
        content[str(key)] = replace(node, content=kept)
    return replace(top, content=content)


def mistakes_in_what_ifs(
    scenario: Scenario, top: Node, check: Check, values: Amounts
) -> Iterator[Mistake]:
    """Find the mistakes of each what-if; the scenario itself is known to be right."""
    for name, what_if in scenario.what_ifs.items():
        changed = changed_by(top, name, what_if, check, values)
        yield from changed.mistakes
        asked = changed.scenario
        if asked is None:
            continue
        if [arm.name for arm in asked.strategies] != [arm.name for arm in scenario.strategies]:
            problem = "must keep the names and the order of the scenario's strategies"
            yield Mistake((WHAT_IFS, name, "strategies"), problem)
