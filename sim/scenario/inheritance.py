"""Scenarios that extend others: a chain of files laid over each other.

``extends: base.yaml`` starts from another file. Mappings are merged key by key; lists and single
values of the child replace those of its parent; a parameter or a what-if that the child writes as
null is taken out. Every value stores its file and line, and the perspective in whose money it was
written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sim.errors import UserError
from sim.files.documents import Document, Scalar, Steps, exists, missing_file, read_yaml
from sim.files.shipped import SCENARIOS, YAML, find_file, shipped_files
from sim.scenario.schema import WHAT_IFS

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


def read_merged(path: Path) -> tuple[Node, tuple[str, ...]]:
    """Read the scenario at `path`, or of this name, merged with everything it extends.

    Returns its top, and the files, the child first.

    Raises
    ------
    UserError
        When a file cannot be read, a parent is missing, or the chain is circular.
    """
    path, shown = find_file(path, SCENARIOS)
    documents = [read_yaml(path, shown_as=shown)]
    files, visited = [documents[0].file], [path.resolve()]
    while EXTENDS in (child := documents[-1]).data:
        path, shown = _parent(child)
        files.append(shown)
        if path.resolve() in visited:
            raise _bad_parent(child, f"extends itself: {' -> '.join(files)}")
        visited.append(path.resolve())
        documents.append(read_yaml(path, shown_as=shown))
    perspectives: dict[str | None, object] = {}
    top: Node | None = None
    for rank, document in reversed(list(enumerate(documents))):
        _note_perspectives(document, perspectives)
        layer = _layer(document, rank, perspectives)
        top = layer if top is None else _extended(top, layer)
    assert top is not None
    return top, tuple(files)


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
    for key in REMOVABLE:
        known, written_here = _entries(base, key), _entries(child, key)
        for name, node in written_here.items():
            if node.content is None and name in known:
                merged = without(merged, (key, name))
        if written_here and not _entries(merged, key):
            merged = without(merged, (key,))
    return merged


def _entries(top: Node, key: str) -> dict[str, Node]:
    found = top.child(key)
    return found.content if found is not None and isinstance(found.content, dict) else {}


def _parent(document: Document) -> tuple[Path, str]:
    """Return the path of the file that `document` extends, and how to show it.

    A file wins that exists; else a scenario that comes with the program is found by its name.
    """
    given = document.data[EXTENDS]
    if not isinstance(given, str) or not given:
        raise _bad_parent(document, "must be the name of a scenario file")
    path = document.folder / given
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


def _layer(document: Document, rank: int, perspectives: Mapping[str | None, object]) -> Node:
    def node(value: Any, path: Steps) -> Node:  # noqa: ANN401
        # A what-if may have a perspective of its own.
        scope = str(path[1]) if path[:1] == (WHAT_IFS,) and len(path) > 1 else None
        perspective = perspectives.get(scope, perspectives.get(None))
        origin = Origin(document.file, document.line(*path), rank, document.folder, perspective)
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


def without(node: Node, path: Steps) -> Node:
    """Return a value without the one at `path` in it."""
    step, below = path[0], path[1:]
    content = node.content
    if isinstance(content, list):
        items = [
            without(each, below) if place == step else each for place, each in enumerate(content)
        ]
        return replace(node, content=items)
    assert isinstance(content, dict)
    left = {
        key: without(each, below) if key == step else each
        for key, each in content.items()
        if below or key != step
    }
    return replace(node, content=left)
