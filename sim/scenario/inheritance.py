"""Scenarios that extend others: a chain of files laid over each other.

``extends: base.yaml`` starts from another file. Mappings are merged key by key; lists and
single values of the child replace those of its parent; a what-if that the child writes as null
is taken out. Every value remembers the file and
the line that it came from.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sim.documents import Document, Scalar, Steps, exists, missing_file, read_yaml
from sim.errors import UserError
from sim.scenario.schema import WHAT_IFS

EXTENDS: Final = "extends"


@dataclass(frozen=True)
class Origin:
    """Where a value was written; `rank` 0 is the scenario itself, 1 its parent, and so on.

    `line` is 0 where it was not written in a file.
    """

    file: str
    line: int
    rank: int
    folder: Path

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
    """Read the scenario at `path` and everything it extends, and merge them.

    Raises
    ------
    UserError
        When a file cannot be read, a parent is missing, or the chain bites its own tail.
    """
    folder = path.parent
    document = read_yaml(path)
    layers = [_layer(document, folder, 0)]
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
        layers.append(_layer(document, folder, len(layers)))
    top = layers.pop()
    while layers:
        child = layers.pop()
        top = _without_removed(top, child, laid_over(top, child))
    return Lineage(top, tuple(files))


def _without_removed(base: Node, child: Node, merged: Node) -> Node:
    """Take out the what-ifs of the base that the child writes as null."""
    known = _what_ifs(base)
    removed = [n for n, node in _what_ifs(child).items() if node.content is None and n in known]
    if not removed:
        return merged
    kept = {name: node for name, node in _what_ifs(merged).items() if name not in removed}
    top = {name: node for name, node in _mapping(merged).items() if name != WHAT_IFS}
    return replace(merged, content={**top, WHAT_IFS: Node(kept, base.origin)} if kept else top)


def _what_ifs(top: Node) -> dict[str, Node]:
    found = top.child(WHAT_IFS)
    return {} if found is None else _mapping(found)


def _mapping(node: Node) -> dict[str, Node]:
    return node.content if isinstance(node.content, dict) else {}


def _parent(document: Document, folder: Path) -> tuple[Path, str]:
    """Return the path of the file that `document` extends, and how to show it."""
    given = document.data[EXTENDS]
    if not isinstance(given, str) or not given:
        raise _bad_parent(document, "must be the name of a scenario file")
    path = folder / given
    if not exists(path):
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


def _layer(document: Document, folder: Path, rank: int) -> Node:
    def node(value: Any, path: Steps) -> Node:  # noqa: ANN401
        origin = Origin(document.file, document.line(*path), rank, folder)
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
