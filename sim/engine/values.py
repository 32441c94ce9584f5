"""Numbers by name, and the clinic's records filled from them.

A record such as `Relapse` is filled from the names ``relapse.<field>``; where a name with the
setting appended exists (``blinatumomab.crs.severe_probability.real_world``), that one is used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

Data: TypeAlias = Any
"""Arrays, records, 32-bit words and compiled functions: numba infers their types, mypy cannot."""


Record = TypeVar("Record")
Getter: TypeAlias = Callable[[Mapping[str, float]], tuple[float, ...]]


class Names:
    """How names are read in a setting: resolved once for all parameter sets of a question.

    Parameters
    ----------
    known
        Names that have a number.
    setting
        ``trial`` or ``real_world``.
    """

    def __init__(self, known: Collection[str], setting: str) -> None:
        self._known = known
        self._setting = setting
        self._found: dict[str, str] = {}
        self._records: dict[tuple[type[Any], str], tuple[tuple[str, ...], Getter]] = {}

    def found(self, name: str) -> str:
        """Return the name under which the number for `name` is stored in this setting."""
        found = self._found.get(name)
        if found is None:
            variant = f"{name}.{self._setting}"
            found = self._found[name] = variant if variant in self._known else name
        return found

    def of_record(self, kind: type[Any], prefix: str) -> tuple[tuple[str, ...], Getter]:
        """Return the names of a record's numbers, and a getter for them from a mapping."""
        known = self._records.get((kind, prefix))
        if known is None:
            names = tuple(self.found(f"{prefix}.{field}") for field in fields_of(kind))
            known = self._records[kind, prefix] = names, itemgetter(*names)
        return known


class Values:
    """Numbers by name, recording the names that were read.

    Parameters
    ----------
    numbers
        Every parameter that the scenario may use.
    setting
        ``trial`` or ``real_world``.
    names
        The names as resolved for other parameter sets of the same question.
    """

    def __init__(
        self, numbers: Mapping[str, float], setting: str, names: Names | None = None
    ) -> None:
        self._numbers = numbers
        self._names = names or Names(numbers.keys(), setting)
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> float:
        """Return the number for `name` in this setting.

        Raises
        ------
        KeyError
            When the catalogue holds neither the name nor its variant for the setting.
        """
        found = self._names.found(name)
        value = self._numbers[found]
        self.used.add(found)
        return value

    def has(self, name: str) -> bool:
        """Whether there is a parameter of this name."""
        return name in self._numbers

    def record(self, kind: type[Record], prefix: str) -> Record:
        """Fill a named tuple from the parameters ``prefix.<field>``."""
        names, getter = self._names.of_record(kind, prefix)
        record: Record = kind._make(getter(self._numbers))  # type: ignore[attr-defined]
        self.used.update(names)
        return record

    def record_but(self, kind: type[Record], prefix: str, **given: float) -> Record:
        """Fill a named tuple from the parameters, but for the `given` fields."""
        asked = {name: self[f"{prefix}.{name}"] for name in fields_of(kind) if name not in given}
        return kind(**asked, **given)


def fields_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a named tuple's fields."""
    fields: tuple[str, ...] = kind._fields
    return fields
