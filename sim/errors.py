"""Mistakes of a user, reported once and completely."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

NOT_GIVEN = object()
_LONGEST_VALUE_SHOWN = 60
_MOST_CHOICES_SHOWN = 12


def nearest(name: object, choices: Iterable[str]) -> str | None:
    """Return the choice that is spelt most like `name`, or None when none is close."""
    matches = difflib.get_close_matches(str(name), list(choices), n=1, cutoff=0.5)
    return matches[0] if matches else None


class UserError(Exception):
    """A mistake in a question; ends the program with exit code 2 and this one message.

    The message reads ``file:line: key: problem (got value); did you mean 'x'? allowed: a, b``,
    with the parts that are known.

    `original` is the mistake as first raised, where it has been reworded since.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        key: str | None = None,
        value: object = NOT_GIVEN,
        choices: Iterable[str] | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.line = line
        self.key = key
        self.value = value
        self.choices = None if choices is None else sorted(choices)
        self.original: UserError = self
        super().__init__(self._message())

    def _message(self) -> str:
        place = self.file or ""
        if place and self.line is not None:
            place += f":{self.line}"
        parts = [part for part in (place, self.key) if part]
        text = ": ".join([*parts, self.problem])
        if self.value is not NOT_GIVEN:
            shown = repr(self.value)
            if len(shown) > _LONGEST_VALUE_SHOWN:
                shown = shown[: _LONGEST_VALUE_SHOWN - 1] + "…"
            text += f" (got {shown})"
        if self.choices:
            wanted = self.value if self.value is not NOT_GIVEN else self.key
            close = nearest(wanted, self.choices)
            if close is not None:
                text += f"; did you mean '{close}'?"
            shown_choices = self.choices[:_MOST_CHOICES_SHOWN]
            more = len(self.choices) - len(shown_choices)
            text += f" Allowed: {', '.join(shown_choices)}"
            text += f" and {more} more" if more else ""
        return text
