"""YAML files read safely, with the line on which every value was written.

The language is a small, predictable part of YAML 1.2: one document per file, a mapping at
the top, text keys, and scalars of the core schema (``no`` is text, ``1e5`` is a number,
``010`` is ten, a date is text). Anchors, aliases and tags are refused, so a file can
neither grow when it is read nor cause code to be run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from yaml.reader import Reader

from sim.errors import UserError, nearest

Steps = tuple[str | int, ...]
"""Keys and list positions (from 0) that lead from the top of a document to a value."""

Scalar = str | int | float | bool | None

LARGEST_FILE_BYTES: Final = 1024 * 1024
DEEPEST_NESTING: Final = 32
LONGEST_NUMBER: Final = 400
"""Digits of the longest number that is read; a float64 needs at most 309 before its point."""

_LONGEST_KEY_SHOWN: Final = 60

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DECIMAL_INTEGER = re.compile(r"[-+]?[0-9]+")
_PREFIXED_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_YAML_TAG = "tag:yaml.org,2002:"
_GROUP = re.compile(r"[0-9]{3}")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def dotted(path: Steps) -> str:
    """Spell a path as a user writes it: ``strategies[1].sequence[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{_shown(step)}" if text else _shown(step)
    return text


def _shown(key: str) -> str:
    """Return `key` fit for one line of a message."""
    printable = key if key.isprintable() and key else repr(key)
    if len(printable) > _LONGEST_KEY_SHOWN:
        printable = printable[: _LONGEST_KEY_SHOWN - 1] + "…"
    return printable


@dataclass(frozen=True)
class Document:
    """The content of one YAML file and the line of each of its values."""

    data: dict[str, Any]
    file: str
    _lines: dict[Steps, int] = field(repr=False)
    folder: Path = Path()
    """The folder of the file, to which the paths in it are relative."""
    name: str | None = None
    """The name of the entry that the document is, in a file of several."""

    def line(self, *path: str | int) -> int:
        """Return the line of the value at `path`, or of its nearest known ancestor."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def part(self, *path: str, within: str | None = None, named: str | None = None) -> Document:
        """Return the value at a path as a document of its own, under the key `within` if that is given.

        `named` is the name of the entry, which the part need not repeat.
        """
        data: Any = self.data
        for key in path:
            data = data[key]
        top = () if within is None else (within,)
        lines = {
            (*top, *place[len(path) :]): line
            for place, line in self._lines.items()
            if place[: len(path)] == path
        }
        lines[()] = self.line(*path)
        if within is not None:
            data = {within: data}
        elif not isinstance(data, dict):
            problem = "must hold keys and values"
            raise UserError(problem, file=self.file, line=lines[()], key=dotted(path))
        elif named is not None:
            data = {"name": named, **data}
        return Document(data, self.file, lines, self.folder, named)

    def knows(self, *path: str | int) -> bool:
        """Say whether a value was written at `path`."""
        return path in self._lines


def read_yaml(path: Path, shown_as: str | None = None) -> Document:
    """Read the YAML file at `path`; messages name it `shown_as` (default: as given).

    Raises
    ------
    UserError
        When the file cannot be read, is not UTF-8 text, is empty, is larger than
        `LARGEST_FILE_BYTES`, is not valid YAML, or uses features that this program's YAML excludes:
        tags, anchors and aliases, several documents, keys that are not text, keys written twice,
        nesting deeper than `DEEPEST_NESTING`.
    """
    file = str(path) if shown_as is None else shown_as
    text = _read_text(path, file)
    builder = _Builder(text, file)
    try:
        data = builder.build()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    return Document(data, file, builder.lines, path.parent)


def exists(path: Path) -> bool:
    """Say whether there is a file or folder at `path`, whatever the name contains."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def missing_file(path: Path) -> str:
    """Say that `path` does not exist, and which file in its folder may have been meant."""
    try:
        beside = {file.stem: file.name for file in path.parent.glob(f"*{path.suffix}")}
    except (OSError, ValueError):
        beside = {}
    close = nearest(path.stem, beside)
    return "no such file" if close is None else f"no such file; did you mean '{beside[close]}'?"


def separator_hint(names: Sequence[str]) -> str | None:
    """Say, of the first line of a CSV file, that something else than commas separates its columns."""
    if len(names) != 1 or not any(mark in names[0] for mark in ";\t"):
        return None
    mark = "semicolons" if ";" in names[0] else "tabs"
    return f"its columns are separated by {mark}: save it with commas, and decimals with points"


def _read_text(path: Path, file: str) -> str:
    try:
        # Bounded, so that a device or an endless pipe cannot fill the memory.
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        raise UserError(missing_file(path), file=file) from None
    except IsADirectoryError:
        raise UserError("is a directory, not a YAML file", file=file) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"cannot be read ({reason})", file=file) from None
    if len(content) > LARGEST_FILE_BYTES:
        raise UserError(f"is larger than {LARGEST_FILE_BYTES // 1024**2} MiB", file=file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError("is not UTF-8 text", file=file, line=line) from None
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable is not None:
        line = text.count("\n", 0, unprintable.start()) + 1
        code = f"U+{ord(unprintable.group()):04X}"
        raise UserError(f"is not a text file: it holds the character {code}", file=file, line=line)
    return text


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> UserError:
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    line = min(mark.line + 1, max(len(lines), 1)) if mark else 1
    problem = f"not valid YAML: {error.problem or error.context or 'unreadable'}"
    if error.context and error.context_mark:
        # A mark behind the last line end is on no line of the file.
        started = min(error.context_mark.line + 1, max(len(lines), 1))
        if started != line:
            problem += f", {error.context} that starts on line {started}"
    written = lines[line - 1] if lines else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        problem = "not valid YAML: the line is indented with a tab; use spaces"
    return UserError(problem, file=file, line=line)


class _Builder:
    """Turns parser events into plain data, noting the line of every value."""

    def __init__(self, text: str, file: str) -> None:
        self.lines: dict[Steps, int] = {}
        self._file = file
        self._events: Iterator[Event] = yaml.parse(text, Loader=_LOADER)

    def _error(self, problem: str, event: Event | None = None, path: Steps = ()) -> UserError:
        line = None if event is None else _line_of(event)
        return UserError(problem, file=self._file, line=line, key=dotted(path) or None)

    def build(self) -> dict[str, Any]:
        """Return the mapping at the top of the only document."""
        next(self._events)  # the start of the stream
        if not isinstance(next(self._events), DocumentStartEvent):
            raise self._error("is empty")
        top = next(self._events)
        if isinstance(top, ScalarEvent) and top.implicit[0] and top.value in _NULLS:
            raise self._error("is empty")
        self.lines[()] = _line_of(top)
        data = self._value(top, ())
        if not isinstance(data, dict):
            kind = "a list" if isinstance(data, list) else "a single value"
            raise self._error(f"must hold keys and values at its top level, not {kind}", top)
        if not isinstance(next(self._events), DocumentEndEvent):
            raise self._error("is not one YAML document")
        after = next(self._events)
        if isinstance(after, DocumentStartEvent):
            raise self._error("holds a second YAML document; one per file", after)
        return data

    def _value(self, event: Event, path: Steps) -> Any:  # noqa: ANN401
        self._refuse_indirection(event, path)
        if len(path) > DEEPEST_NESTING:
            raise self._error(f"nested deeper than {DEEPEST_NESTING} levels", event)
        if isinstance(event, ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        return self._sequence(path)

    def _mapping(self, path: Steps) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event, path)
            place = (*path, key)
            if key in mapping:
                problem = f"the key is written twice, first on line {self.lines[place]}"
                raise self._error(problem, event, place)
            self.lines[place] = _line_of(event)
            mapping[key] = self._value(next(self._events), place)
        return mapping

    def _key(self, event: Event, path: Steps) -> str:
        self._refuse_indirection(event, path)
        key = self._scalar(event, path) if isinstance(event, ScalarEvent) else [...]
        if not isinstance(key, str):
            shown = event.value if isinstance(event, ScalarEvent) else "a list or mapping"
            problem = f"keys must be text, and {shown or 'nothing'} is not; put it in quotes"
            if _GROUP.fullmatch(shown):
                problem += "; a number has no comma between its thousands"
            raise self._error(problem, event, path)
        return key

    def _sequence(self, path: Steps) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            place = (*path, len(items))
            self.lines[place] = _line_of(event)
            items.append(self._value(event, place))
        return items

    def _scalar(self, event: ScalarEvent, path: Steps) -> Scalar:
        text: str = event.value
        if not event.implicit[0]:
            return text
        try:
            return plain_scalar(text)
        except ValueError:
            problem = f"the number is longer than {LONGEST_NUMBER} digits"
            raise self._error(problem, event, path) from None

    def _refuse_indirection(self, event: Event, path: Steps) -> None:
        if not isinstance(event, NodeEvent):
            return
        tag = getattr(event, "tag", None)
        if isinstance(event, AliasEvent):
            problem = f"aliases are not supported: write the value out instead of *{event.anchor}"
        elif event.anchor is not None:
            problem = f"anchors and aliases are not supported: remove &{event.anchor}"
        elif tag is not None:
            problem = f"tags are not supported: remove {tag.replace(_YAML_TAG, '!!')}"
        else:
            return
        raise self._error(problem, event, path)


def plain_scalar(text: str) -> Scalar:
    """Read unquoted `text` by the core schema of YAML 1.2.

    Raises
    ------
    ValueError
        When a number has more than `LONGEST_NUMBER` digits.
    """
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    decimal = _DECIMAL_INTEGER.fullmatch(text)
    prefixed = _PREFIXED_INTEGER.fullmatch(text)
    if not (decimal or prefixed or _FLOAT.fullmatch(text)):
        return text
    if len(text) > LONGEST_NUMBER:
        raise ValueError(text)
    if decimal:
        return int(text)
    return int(text, 0) if prefixed else float(text)


def _line_of(event: Event) -> int:
    mark = event.start_mark
    return 1 if mark is None else mark.line + 1
