"""A user's own life table in words and as JSON: life expectancy next to the perspective's.

The parameters of the catalogue as a table to read and as a file to work with.
"""

from __future__ import annotations

import csv
import difflib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.catalog import Catalogue, Parameter, load_catalogue
from sim.catalog.distribution import Fixed
from sim.catalog.parameter import SCENARIO, STATUSES
from sim.errors import UserError
from sim.layout.cells import write_plain
from sim.simulation.question import (
    SUSPICIOUS_FACTOR,
    OwnLifeTable,
    Question,
    ask,
    own_life_table,
    with_capacity,
)

if TYPE_CHECKING:
    import pandas as pd


NAME = "Life table"
FIXED: Final = Fixed.family
FIXED_SHOWN: Final = 4
OWN_SHOWN: Final = 30


def life_table_lines(question: Question) -> list[tuple[str, str]]:
    """Return the line about the user's life table with its name; none where there is none."""
    found = own_life_table(question)
    return [] if found is None else [(NAME, life_table_sentence(found))]


def own_lines(question: Question) -> list[tuple[str, str]]:
    """Return lines about inputs of the user's own, with their names; none where there are none.

    One counts those of an own catalogue by file. The other names the values of the scenario that are
    fixed, so that neither draws nor ranges vary them.
    """
    used = [question.parameters[name] for name in sorted(question.used)]
    files = Counter(each.file for each in used if each.is_own and each.status != SCENARIO)
    fixed = [e.name for e in used if e.status == SCENARIO and e.distribution.family == FIXED]
    lines = []
    if files:
        counts = ", ".join(f"{count} from {file}" for file, count in files.items())
        lines.append(("Own inputs", counts))
    if fixed:
        more = f" and {len(fixed) - FIXED_SHOWN} more" if len(fixed) > FIXED_SHOWN else ""
        shown = ", ".join(fixed[:FIXED_SHOWN]) + more
        lines.append(("Set", f"{shown}: by the scenario without a distribution, so not varied"))
    return lines


def own_inputs_lines(question: Question) -> list[tuple[str, str]]:
    """Return a line for each input of the user's own: value, interval and place."""
    used = [question.parameters[name] for name in sorted(question.used)]
    own = [each for each in used if each.is_own or each.status == SCENARIO]
    lines = [(each.name, _own_input(each)) for each in own[:OWN_SHOWN]]
    more = len(own) - OWN_SHOWN
    ending = [("Own inputs", f"{more} more; blinsim parameters --scenario lists all")]
    return [*lines, *(ending if more > 0 else [])]


def _own_input(each: Parameter) -> str:
    low, high = each.distribution.interval()
    spread = f"{_shown_number(low)} to {_shown_number(high)}" if low < high else "fixed"
    return f"{_shown_number(each.value)} {each.unit} ({spread}), {each.file}:{each.line}"


def life_table_sentence(found: OwnLifeTable) -> str:
    """Return life expectancy of men and women under both tables, with a warning where far apart."""
    (men, women), (men_there, women_there) = found.own, found.usual
    whose = "the perspective's" if found.is_of_perspective else "the program's"
    warning = (
        f". Warning: they differ by more than a factor of {SUSPICIOUS_FACTOR:g}; look at the "
        "units of the file and at what its columns hold"
        if found.is_suspicious
        else ""
    )
    return (
        f"{found.file}; life expectancy at {found.age_years:g}: men {men:.1f}, women {women:.1f} "
        f"years ({whose} {found.beside}: {men_there:.1f} and {women_there:.1f}){warning}"
    )


def life_table_json(question: Question) -> dict[str, Any]:
    """Return the entry of summary.json on the user's own life table; empty where there is none."""
    found = own_life_table(question)
    if found is None:
        return {}
    sexes = ("male", "female")
    whose = "perspective" if found.is_of_perspective else "program"
    return {
        "life_table": {
            "file": found.file,
            "age_years": found.age_years,
            "life_expectancy_years": dict(zip(sexes, found.own, strict=True)),
            f"{whose}_life_table": found.beside,
            f"{whose}_life_expectancy_years": dict(zip(sexes, found.usual, strict=True)),
            "differs_suspiciously": found.is_suspicious,
            "sentence": life_table_sentence(found),
        }
    }


COLUMNS: Final = (
    "from",
    "name",
    "label",
    "value",
    "distribution, 95 % interval",
    "status",
    "source",
    "place",
)
CSV_COLUMNS: Final = (
    "from",
    "name",
    "label",
    "value",
    "unit",
    "scenario_value",
    "distribution",
    "interval_low",
    "interval_high",
    "range_low",
    "range_high",
    "status",
    "source",
    "citation",
    "place",
    "derivation",
    "arithmetic",
    "note",
    "price_year",
    "amount",
    "file",
    "line",
)
"""Of ``--csv``: `from` is the file of the catalogue, `value` the catalogue's, `scenario_value` that
of the scenario instead. `interval_*` are quantiles of the distribution, `range_*` the ends of a
one-way analysis. `amount` is in the prices of `price_year`."""
_THOUSAND: Final = 1000.0
_NEAREST_SHOWN: Final = 5
ALIKE: Final = 0.7
"""How alike a word of a name is to what was looked for; ``bed`` is not ``end``."""
_STATUS_STYLES: Final = {"prior": "yellow", "assumption": "yellow", "provisional": "bold red"}


@dataclass(frozen=True)
class _Listed:
    """A parameter with its sources in words."""

    parameter: Parameter
    short_sources: str
    citations: str

    @property
    def scenario_value(self) -> float | None:
        """The value that the scenario gives in place of the catalogue's."""
        return self.parameter.value if self.parameter.status == SCENARIO else None

    @property
    def catalogue_value(self) -> float:
        """The value of the catalogue."""
        return (self.parameter.replaces or self.parameter).value

    @property
    def origin(self) -> str:
        """Name the file: populations, and perspectives, define the same names."""
        return Path(self.parameter.file).stem


def show_parameters(filter_text: str | None, scenario: Path | None, as_csv: bool) -> None:
    """Write the parameters to standard output: a table, or all fields `as_csv`.

    Only those are shown that the `scenario` uses, when there is one, and that have
    `filter_text` in their name, label, source, status or file name, whatever the case.

    Raises
    ------
    UserError
        When no parameter has the text, or the scenario has a mistake.
    """
    listed = catalogued() if scenario is None else used_by(ask(scenario))
    chosen = listed if filter_text is None else _matching(listed, filter_text)
    if as_csv:
        _write_csv(chosen)
    elif sys.stdout.isatty():
        _print_table(chosen)
    else:
        _write_plain(chosen)


def parameters_frame(question: Question) -> pd.DataFrame:
    """Return the parameters that a question uses, in the columns `CSV_COLUMNS`."""
    import pandas as pd

    rows = _csv_rows(used_by(question))
    frame = pd.DataFrame(rows, columns=list(CSV_COLUMNS))
    return frame.astype({"scenario_value": "float64", "amount": "float64", "price_year": "Int64"})


def catalogued() -> list[_Listed]:
    """List every parameter of the program's catalogue."""
    catalogue = load_catalogue()
    return _listed(catalogue, catalogue.parameters())


def used_by(question: Question) -> list[_Listed]:
    """List the parameters that a question uses, those of shared places too, sorted by name."""
    used = (question.parameters[name] for name in sorted(with_capacity(question).used))
    return _listed(question.catalogue, used)


def _listed(catalogue: Catalogue, parameters: Iterable[Parameter]) -> list[_Listed]:
    names = _short_names(catalogue)
    return [
        _Listed(
            parameter,
            short_sources="; ".join(names[key] for key in parameter.sources),
            citations=" ".join(catalogue.sources[key].citation for key in parameter.sources),
        )
        for parameter in parameters
    ]


def _short_names(catalogue: Catalogue) -> dict[str, str]:
    """Name each source by its author and year, and by its key too where these are shared."""
    shared = Counter(source.short for source in catalogue.sources.values())
    return {
        key: source.short if shared[source.short] == 1 else f"{source.short} ({key})"
        for key, source in catalogue.sources.items()
    }


def _matching(listed: Sequence[_Listed], text: str) -> list[_Listed]:
    wanted = text.casefold()
    chosen = [item for item in listed if wanted in _searched_text(item).casefold()]
    if not chosen:
        problem = f"no parameter has '{text}' in its name, label, source or status"
        near = _nearest_names(text, [item.parameter.name for item in listed])
        raise UserError(f"{problem}; the nearest names: {', '.join(near)}" if near else problem)
    return chosen


def _searched_text(item: _Listed) -> str:
    parameter = item.parameter
    fields = (parameter.name, parameter.label, parameter.status, item.origin)
    return "\n".join([*fields, *parameter.sources, item.short_sources, item.citations])


def _nearest_names(text: str, names: Sequence[str]) -> list[str]:
    # Someone who looks for "relpase" means a word of a name, not a whole name.
    words: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        for word in {name, *name.split("."), *name.replace(".", "_").split("_")}:
            words.setdefault(word, []).append(name)
    close = difflib.get_close_matches(text.casefold(), words, n=_NEAREST_SHOWN, cutoff=ALIKE)
    found = dict.fromkeys(name for word in close for name in words[word])
    return list(found)[:_NEAREST_SHOWN]


def _shown_number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _THOUSAND else f"{value:.4g}"


def _cells(item: _Listed) -> tuple[str, ...]:
    parameter = item.parameter
    value = f"{_shown_number(item.catalogue_value)} {parameter.unit}"
    if item.scenario_value is not None:
        value = f"{_shown_number(item.scenario_value)} (catalogue: {value})"
    distribution = str(parameter.distribution)
    low, high = parameter.distribution.interval()
    if low < high:
        distribution += f", {_shown_number(low)} to {_shown_number(high)}"
    return (
        item.origin,
        parameter.name,
        parameter.label,
        value,
        distribution,
        parameter.status,
        item.short_sources,
        parameter.place,
    )


def _summary(chosen: Sequence[_Listed]) -> str:
    counts = Counter(item.parameter.status for item in chosen)
    parts = [f"{counts[status]} {status}" for status in (*STATUSES, SCENARIO) if counts[status]]
    noun = "parameter" if len(chosen) == 1 else "parameters"
    return f"{len(chosen)} {noun}: {', '.join(parts)}"


def _print_table(chosen: Sequence[_Listed]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in (
        "name\nlabel\nfrom",
        "value\ndistribution, 95 % interval",
        "status",
        "source\nplace",
    ):
        table.add_column(heading, overflow="fold")
    for item in chosen:
        origin, name, label, value, distribution, status, source, place = _cells(item)
        table.add_row(
            Text.assemble(name, "\n", label, "\n", (origin, "dim")),
            Text.assemble(value, "\n", (distribution, "dim")),
            Text(status, _STATUS_STYLES.get(status, "")),
            Text.assemble(source, "\n", (place, "dim")),
        )
    console = Console()
    console.print(table)
    console.print(Text(_summary(chosen)))


def _write_plain(chosen: Sequence[_Listed]) -> None:
    write_plain([COLUMNS, *(_cells(item) for item in chosen)])
    sys.stdout.write(_summary(chosen) + "\n")


def _write_csv(chosen: Sequence[_Listed]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_csv_rows(chosen))


def _csv_rows(chosen: Sequence[_Listed]) -> Iterator[tuple[object, ...]]:
    for item in chosen:
        parameter = item.parameter
        yield (
            item.origin,
            parameter.name,
            parameter.label,
            item.catalogue_value,
            parameter.unit,
            item.scenario_value,
            str(parameter.distribution),
            *parameter.distribution.interval(),
            parameter.low,
            parameter.high,
            parameter.status,
            "; ".join(parameter.sources),
            item.citations,
            parameter.place,
            parameter.derivation,
            parameter.arithmetic,
            parameter.note,
            parameter.price_year,
            parameter.amount,
            parameter.file,
            parameter.line,
        )
