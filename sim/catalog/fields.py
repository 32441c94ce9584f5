"""The keys of one mapping in a catalogue file, each read with errors that name its line."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sim.catalog import arithmetic
from sim.errors import NOT_GIVEN, UserError
from sim.files.documents import Document, Steps, dotted

PAIR: Final = 2


@dataclass(frozen=True)
class Fields:
    """The mapping at `path` of a document; missing keys come from the one at `defaults`.

    A key written as ``null`` is absent, and no default takes its place.
    """

    document: Document
    path: Steps = ()
    defaults: Steps | None = None

    def only(self, allowed: Collection[str]) -> None:
        """Refuse a value that is no mapping, and every key that is not `allowed`."""
        for path in (self.path, self.defaults):
            if path is None:
                continue
            mapping = self._mapping(path)
            for key in mapping:
                if key not in allowed:
                    raise UserError(
                        "unknown key",
                        file=self.document.file,
                        line=self.document.line(*path, key),
                        key=dotted(path) or None,
                        value=key,
                        choices=allowed,
                    )

    def __iter__(self) -> Iterator[str]:
        """Go through the keys written in the mapping itself."""
        return iter(self._mapping(self.path))

    def origin(self, key: str) -> Steps:
        """Return the path at which the value of `key` was written, own or default."""
        own = (*self.path, key)
        if self.defaults is not None and not self.document.knows(*own):
            default = (*self.defaults, key)
            if self.document.knows(*default):
                return default
        return own

    def get(self, key: str) -> Any:  # noqa: ANN401 - any YAML value
        """Return the value of `key` as written, or None."""
        *parents, last = self.origin(key)
        return self._mapping(tuple(parents)).get(str(last))

    def error(
        self,
        problem: str,
        key: str,
        value: object = NOT_GIVEN,
        choices: Iterable[str] | None = None,
    ) -> UserError:
        """Return the error about the value of `key`."""
        path = self.origin(key)
        return UserError(
            problem,
            file=self.document.file,
            line=self.document.line(*path),
            key=dotted(path),
            value=value,
            choices=choices,
        )

    def nested(self, key: str) -> Fields:
        """Return the fields of the mapping under `key`, which must be there."""
        if self.get(key) is None:
            raise self.error("is missing", key)
        fields = Fields(self.document, self.origin(key))
        iter(fields)  # refuses anything but a mapping
        return fields

    def text(self, key: str) -> str:
        """Return the text of `key`, which must be there and not be empty."""
        text = self.optional_text(key)
        if text is None:
            raise self.error("is missing", key)
        return text

    def optional_text(self, key: str) -> str | None:
        """Return the text of `key` without its surrounding blanks, or None."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error("must be text", key, value)
        if not value.strip():
            raise self.error("is empty", key)
        return value.strip()

    def choice(self, key: str, choices: Collection[str]) -> str:
        """Return the text of `key`, which must be one of `choices`."""
        text = self.text(key)
        if text not in choices:
            raise self.error("is not known", key, text, choices)
        return text

    def optional_choice(self, key: str, choices: Collection[str]) -> str | None:
        """Return None when `key` is absent, else the result of `choice`."""
        return None if self.get(key) is None else self.choice(key, choices)

    def flag(self, key: str) -> bool:
        """Return the truth of `key`, false when it is absent."""
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.error("must be true or false", key, value)
        return bool(value)

    def optional_year(self, key: str) -> int | None:
        """Return the calendar year of `key`, or None."""
        value = self.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.error("must be a year such as 2020", key, value)
        return value

    def year(self, key: str) -> int:
        """Return the calendar year of `key`, which must be there."""
        value = self.optional_year(key)
        if value is None:
            raise self.error("is missing", key)
        return value

    def number(self, key: str) -> float:
        """Return the number of `key`, plain or the result of its visible arithmetic."""
        value = self.get(key)
        if value is None:
            raise self.error("is missing", key)
        return self._number(value, key)

    def numbers(self, key: str) -> tuple[float, ...]:
        """Return the list of numbers of `key`."""
        values = self.get(key)
        if values is None:
            raise self.error("is missing", key)
        if not isinstance(values, list):
            raise self.error("must be a list of numbers", key, values)
        return tuple(self._number(value, key) for value in values)

    def optional_pair(self, key: str) -> tuple[float, float] | None:
        """Return the interval [low, high] of `key`, or None."""
        if self.get(key) is None:
            return None
        pair = self.numbers(key)
        if len(pair) != PAIR or not pair[0] < pair[1]:
            raise self.error("must be [low, high] with low below high", key, self.get(key))
        return pair[0], pair[1]

    def sum_text(self, key: str) -> str | None:
        """Return the sum behind the number of `key` as written, or None for a plain number."""
        value = self.get(key)
        return value.strip().removeprefix(arithmetic.MARK).strip() if _is_sum(value) else None

    def _number(self, value: object, key: str) -> float:
        if isinstance(value, str) and _is_sum(value):
            try:
                return arithmetic.evaluate(value)
            except ValueError as error:
                raise self.error(str(error), key, value) from None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error("must be a number, or arithmetic that starts with '='", key, value)
        if not math.isfinite(value):
            raise self.error("must be a finite number", key, value)
        return float(value)

    def _mapping(self, path: Steps) -> Mapping[str, Any]:
        value: Any = self.document.data
        for step in path:
            value = value.get(step, {})
        if not isinstance(value, dict):
            raise UserError(
                "must hold keys and values",
                file=self.document.file,
                line=self.document.line(*path),
                key=dotted(path),
                value=value,
            )
        return value


def _is_sum(value: object) -> bool:
    return isinstance(value, str) and value.lstrip().startswith(arithmetic.MARK)
