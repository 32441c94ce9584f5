"""Scenarios that extend others: a chain of files laid over each other.

``extends: base.yaml`` starts from another file. Mappings are merged key by key; lists and single
values of the child replace those of its parent; a parameter or a what-if that the child writes as
null is taken out. Every value stores its file and line, and the perspective in whose money it was
written.

A what-if is the scenario with some of its keys changed, checked as a scenario of its own.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from sim.errors import UserError
from sim.files.documents import Document, Scalar, Steps, exists, missing_file, read_yaml
from sim.files.schema import Mistake
from sim.files.shipped import SCENARIOS, YAML, find_file, shipped_files
from sim.scenario.schema import WHAT_IFS, Scenario, WhatIf

EXTENDS: Final = "extends"
PERSPECTIVE: Final = "perspective"
PARAMETERS: Final = "parameters"
REMOVABLE: Final = (PARAMETERS, WHAT_IFS)
"""Keys whose inherited entries a child takes out by writing null."""


@dataclass(frozen=True)
class Origin:
    """Where a value was written; `rank` 0 is the scenario itself, 1 its parent, and so on.

    `line` is 0 where it was not written in a file. `perspective` is the one in force where the
    value was written: an amount is in its money. None where the value is no amount, or its
    perspective is unknown.
    """

    file: str
    line: int
    rank: int
    folder: Path
    perspective: object = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Node:
    """A value with its origin; lists and mappings hold nodes."""

    content: dict[str, Node] | list[Node] | Scalar
    origin: Origin

    def plain(self) -> Any:  # noqa: ANN401
        """Return the value without the origins."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def child(self, step: str | int) -> Node | None:
        """Return the node one step below, or None when nothing was written there."""
        if isinstance(self.content, dict) and isinstance(step, str):
            return self.content.get(step)
        if isinstance(self.content, list) and isinstance(step, int):
            return self.content[step] if step < len(self.content) else None
        return None

    def find(self, path: Steps) -> Node | None:
        """Return the node at `path`, or None when nothing was written there."""
        node: Node | None = self
        for step in path:
            node = node.child(step) if node is not None else None
        return node

    def nearest_origin(self, path: Steps) -> Origin:
        """Return the origin of the value at `path`, or of its nearest known ancestor."""
        node = self
        for step in path:
            below = node.child(step)
            if below is None:
                break
            node = below
        return node.origin


@dataclass(frozen=True)
class Lineage:
    """A scenario file merged with its ancestors; `files` lists them, the child first."""

    top: Node
    files: tuple[str, ...]


def read_lineage(path: Path) -> Lineage:
    """Read the scenario at `path`, or of this name, and everything it extends, and merge them.

    Raises
    ------
    UserError
        When a file cannot be read, a parent is missing, or the chain is circular.
    """
    path, shown = find_file(path, SCENARIOS)
    folder = path.parent
    document = read_yaml(path, shown_as=shown)
    documents = [(document, folder)]
    files = [document.file]
    visited = [_identity(path)]
    while EXTENDS in document.data:
        path, shown = _parent(document, folder)
        files.append(shown)
        if _identity(path) in visited:
            raise _bad_parent(document, f"extends itself: {' -> '.join(files)}")
        visited.append(_identity(path))
        folder = path.parent
        document = read_yaml(path, shown_as=shown)
        documents.append((document, folder))
    perspectives: dict[str | None, object] = {}
    top: Node | None = None
    for rank in reversed(range(len(documents))):
        document, folder = documents[rank]
        _note_perspectives(document, perspectives)
        child = _layer(document, folder, rank, perspectives)
        top = child if top is None else _extended(top, child)
    assert top is not None
    return Lineage(top, tuple(files))


def _note_perspectives(document: Document, perspectives: dict[str | None, object]) -> None:
    """Record the perspectives that a document names: its own, and by name those of its what-ifs."""
    if PERSPECTIVE in document.data:
        perspectives[None] = document.data[PERSPECTIVE]
    what_ifs = document.data.get(WHAT_IFS)
    for name, what_if in what_ifs.items() if isinstance(what_ifs, dict) else ():
        if isinstance(what_if, dict) and PERSPECTIVE in what_if:
            perspectives[name] = what_if[PERSPECTIVE]


def _extended(base: Node, child: Node) -> Node:
    """Lay a child over its base, without the entries of the base that the child writes as null."""
    merged = laid_over(base, child)
    top = dict(_mapping(merged))
    for key in REMOVABLE:
        known, written_here = _entries(base, key), _entries(child, key)
        removed = {n for n, node in written_here.items() if node.content is None and n in known}
        if removed:
            kept = {
                name: node for name, node in _entries(merged, key).items() if name not in removed
            }
            top[key] = Node(kept, base.origin)
            if not kept:
                del top[key]
    return replace(merged, content=top) if isinstance(merged.content, dict) else merged


def _entries(top: Node, key: str) -> dict[str, Node]:
    found = top.child(key)
    return {} if found is None else _mapping(found)


def _mapping(node: Node) -> dict[str, Node]:
    return node.content if isinstance(node.content, dict) else {}


def _parent(document: Document, folder: Path) -> tuple[Path, str]:
    """Return the path of the file that `document` extends, and how to show it.

    A file wins that exists; else a scenario that comes with the program is found by its name.
    """
    given = document.data[EXTENDS]
    if not isinstance(given, str) or not given:
        raise _bad_parent(document, "must be the name of a scenario file")
    path = folder / given
    if not exists(path):
        shipped = shipped_files(SCENARIOS)
        name = given.removesuffix(YAML)
        if name in shipped:
            return shipped[name], f"{name}{YAML}"
        raise _bad_parent(document, missing_file(path))
    if path.is_dir():
        raise _bad_parent(document, "is a directory, not a scenario file")
    return path, os.path.normpath(Path(document.file).parent / given)


def _bad_parent(document: Document, problem: str) -> UserError:
    return UserError(
        problem,
        file=document.file,
        line=document.line(EXTENDS),
        key=EXTENDS,
        value=document.data[EXTENDS],
    )


def _identity(path: Path) -> Path:
    return path.resolve()


def _layer(
    document: Document, folder: Path, rank: int, perspectives: Mapping[str | None, object]
) -> Node:
    def node(value: Any, path: Steps) -> Node:  # noqa: ANN401
        # A what-if may have a perspective of its own.
        scope = str(path[1]) if path[:1] == (WHAT_IFS,) and len(path) > 1 else None
        perspective = perspectives.get(scope, perspectives.get(None))
        origin = Origin(document.file, document.line(*path), rank, folder, perspective)
        if isinstance(value, dict):
            return Node({key: node(below, (*path, key)) for key, below in value.items()}, origin)
        if isinstance(value, list):
            return Node([node(below, (*path, i)) for i, below in enumerate(value)], origin)
        return Node(value, origin)

    own = {key: value for key, value in document.data.items() if key != EXTENDS}
    return node(own, ())


def written(value: Any, origin: Origin) -> Node:  # noqa: ANN401
    """Return plain data as nodes that all come from one place."""
    if isinstance(value, dict):
        return Node({key: written(below, origin) for key, below in value.items()}, origin)
    if isinstance(value, list | tuple):
        return Node([written(below, origin) for below in value], origin)
    return Node(value, origin)


def laid_over(base: Node, child: Node) -> Node:
    """Merge two mappings key by key, the child's values in front; anything else is replaced."""
    if not isinstance(base.content, dict) or not isinstance(child.content, dict):
        return child
    merged = dict(base.content)
    for key, node in child.content.items():
        merged[key] = laid_over(merged[key], node) if key in merged else node
    return Node(merged, child.origin)


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
    if not moves:
        return Changed(changed, asked, [], tuple(left_out))
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
    for mistake in mistakes:
        top = _without(top, mistake.path)
    return top


def _without(node: Node, path: Steps) -> Node:
    step, below = path[0], path[1:]
    content = node.content
    if isinstance(content, list):
        items = [
            _without(each, below) if place == step else each for place, each in enumerate(content)
        ]
        return replace(node, content=items)
    assert isinstance(content, dict)
    left = {
        key: _without(each, below) if key == step else each
        for key, each in content.items()
        if below or key != step
    }
    return replace(node, content=left)


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
