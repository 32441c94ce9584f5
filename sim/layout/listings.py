"""The parameters of the catalogue and the published endpoints: tables to read, files to work with."""

from __future__ import annotations

import csv
import difflib
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.catalog import Catalogue, Parameter, load_catalogue
from sim.catalog.parameter import SCENARIO, STATUSES
from sim.errors import UserError
from sim.evidence.register import Register, load_register
from sim.evidence.study import USUAL_LEVEL, Arm, Endpoint, Interval, Role, Study
from sim.layout.cells import number_text, write_plain
from sim.simulation.question import Question, ask, with_capacity

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    *("from", "name", "label", "value", "distribution, 95 % interval"),
    *("status", "source", "place"),
)
_COLUMN_LAYOUT: Final = ((1, 2, 0), (3, 4), (5,), (6, 7))
_FIELDS: Final = {
    "from": "origin",
    "name": "parameter.name",
    "label": "parameter.label",
    "value": "catalogue_value",
    "unit": "parameter.unit",
    "scenario_value": "scenario_value",
    "distribution": "distribution",
    "interval_low": "low",
    "interval_high": "high",
    "range_low": "parameter.low",
    "range_high": "parameter.high",
    "status": "parameter.status",
    "source": "sources",
    "citation": "citations",
    "place": "parameter.place",
    "derivation": "parameter.derivation",
    "arithmetic": "parameter.arithmetic",
    "note": "parameter.note",
    "price_year": "parameter.price_year",
    "amount": "parameter.amount",
    "file": "parameter.file",
    "line": "parameter.line",
}
CSV_COLUMNS: Final = tuple(_FIELDS)
"""Of ``--csv``: `from` is the file of the catalogue, `value` the catalogue's, `scenario_value` that
of the scenario instead. `interval_*` are quantiles of the distribution, `range_*` the ends of a
one-way analysis. `amount` is in the prices of `price_year`."""
DIGITS: Final = 4
_NEAREST_SHOWN: Final = 5
ALIKE: Final = 0.7
"""How alike a word of a name is to what was looked for; ``bed`` is not ``end``."""
STUDY_COLUMNS: Final = ("study", "title", "patients", *get_args(Role))
ARM_COLUMNS: Final = ("arm", "patients", "treatment")
ENDPOINT_COLUMNS: Final = ("endpoint", "of", "value", "interval", "role", "source", "place")
_STUDY_LAYOUT: Final = ((0, 1), (2,), (3,), (4,), (5,))
_ARM_LAYOUT: Final = ((0,), (1,), (2,))
_ENDPOINT_LAYOUT: Final = ((0, 1), (2, 3), (4,), (5, 6))
_ENDPOINT_FIELDS: Final = {
    "study": "study",
    "endpoint_id": "name",
    "arm": "endpoint.arm",
    "endpoint": "endpoint.endpoint",
    "kind": "endpoint.kind",
    "subset": "endpoint.subset",
    "definition": "endpoint.definition",
    "from": "endpoint.time_origin",
    "against": "endpoint.against",
    "at_months": "endpoint.at_months",
    "n": "endpoint.n",
    "events": "endpoint.events",
    "value": "endpoint.value",
    "interval_low": "low",
    "interval_high": "high",
    "level": "endpoint.level",
    "computed_percent": "endpoint.percent",
    "known_low": "known_low",
    "known_high": "known_high",
    "standard_error": "endpoint.standard_error",
    "source": "endpoint.source",
    "citation": "citation",
    "place": "endpoint.place",
    "quote": "endpoint.quote",
    "contradiction": "endpoint.contradiction",
    "chosen": "endpoint.chosen",
    "printed_exception": "endpoint.printed_exception",
    "note": "endpoint.note",
    "role": "endpoint.role",
    "why": "endpoint.why",
}
ENDPOINT_CSV_COLUMNS: Final = tuple(_ENDPOINT_FIELDS)
"""Columns of ``--csv``.

- `value`, `interval_low`, `interval_high` and `level` are as printed, in per cent, months or as
  a ratio by `kind`; an end or a median that was not reached is empty.
- `computed_percent` is events / n. `known_low` and `known_high` are the printed interval, or the
  exact 95 % interval of events out of n where none was printed.
- `standard_error` is on the logit scale where `kind` is percent, as it is where `kind` is
  difference, and else on the log scale.
"""
NOT_REACHED: Final = "not reached"
_UNITS: Final = {"percent": " %", "months": " months"}
_STYLES: Final = {
    "prior": "yellow",
    "assumption": "yellow",
    "provisional": "bold red",
    "fit": "bold green",
    "held_out": "bold cyan",
}
"""Of cells with these words: a status or a role."""
_COMPUTED: Final = "*"
_REMARKED: Final = "!"
_EXPLAINED: Final = {
    _COMPUTED: "* exact 95 % interval of the counts; the source prints none",
    _REMARKED: "! see the remarks below",
}


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

    @property
    def distribution(self) -> str:
        """The distribution in words."""
        return str(self.parameter.distribution)

    @property
    def low(self) -> float:
        """The 2.5 % quantile of the distribution."""
        return self.parameter.distribution.interval()[0]

    @property
    def high(self) -> float:
        """The 97.5 % quantile of the distribution."""
        return self.parameter.distribution.interval()[1]

    @property
    def sources(self) -> str:
        """The keys of the sources."""
        return "; ".join(self.parameter.sources)


def show_parameters(filter_text: str | None, scenario: Path | None, as_csv: bool) -> None:
    """Write the parameters to standard output: a table, or all fields `as_csv`.

    Only those are shown that the `scenario` uses, when there is one, and that have
    `filter_text` in their name, label, source, status or file name, whatever the case.

    Raises
    ------
    UserError
        When no parameter has the text, or the scenario has a mistake.
    """
    listed = _catalogued() if scenario is None else _used_by(ask(scenario))
    chosen = listed if filter_text is None else _matching(listed, filter_text)
    if as_csv:
        _write_csv(_FIELDS, chosen)
        return
    _print_table(COLUMNS, [_cells(item) for item in chosen], _COLUMN_LAYOUT)
    _print_lines([_summary(chosen)])


def parameters_frame(question: Question) -> pd.DataFrame:
    """Return the parameters that a question uses, in the columns `CSV_COLUMNS`."""
    import pandas as pd

    frame = pd.DataFrame(_rows(_FIELDS, _used_by(question)), columns=list(CSV_COLUMNS))
    return frame.astype({"scenario_value": "float64", "amount": "float64", "price_year": "Int64"})


def _catalogued() -> list[_Listed]:
    """List every parameter of the program's catalogue."""
    catalogue = load_catalogue()
    return _listed(catalogue, catalogue.parameters())


def _used_by(question: Question) -> list[_Listed]:
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


def _cells(item: _Listed) -> tuple[str, ...]:
    parameter = item.parameter
    value = f"{_number(item.catalogue_value)} {parameter.unit}"
    if item.scenario_value is not None:
        value = f"{_number(item.scenario_value)} (catalogue: {value})"
    spread = f", {_number(item.low)} to {_number(item.high)}" if item.low < item.high else ""
    return (
        *(item.origin, parameter.name, parameter.label, value, f"{item.distribution}{spread}"),
        *(parameter.status, item.short_sources, parameter.place),
    )


def _number(value: float) -> str:
    return number_text(value, DIGITS)


def _summary(chosen: Sequence[_Listed]) -> str:
    counts = Counter(item.parameter.status for item in chosen)
    parts = [f"{counts[status]} {status}" for status in (*STATUSES, SCENARIO) if counts[status]]
    noun = "parameter" if len(chosen) == 1 else "parameters"
    return f"{len(chosen)} {noun}: {', '.join(parts)}"


@dataclass(frozen=True)
class _ListedEndpoint:
    """An endpoint of a study with its name and its source in words."""

    study: str
    name: str
    endpoint: Endpoint
    citation: str

    @property
    def low(self) -> float | None:
        """The lower end of the printed interval."""
        return _ends(self.endpoint.interval)[0]

    @property
    def high(self) -> float | None:
        """The upper end of the printed interval."""
        return _ends(self.endpoint.interval)[1]

    @property
    def known_low(self) -> float | None:
        """The lower end of the printed interval, else of that of the counts."""
        return _ends(self.endpoint.known_interval)[0]

    @property
    def known_high(self) -> float | None:
        """The upper end of the printed interval, else of that of the counts."""
        return _ends(self.endpoint.known_interval)[1]


def _ends(interval: Interval | None) -> Interval:
    return (None, None) if interval is None else interval


def show_evidence(study: str | None, role: str | None, as_csv: bool) -> None:
    """Write the register, or one `study` of it, to standard output.

    Only endpoints of `role` are shown, when there is one. `as_csv` writes all fields of the
    endpoints.

    Raises
    ------
    UserError
        When there is no such study, or the register has a mistake or cannot be found.
    """
    register = load_register()
    chosen = dict(register) if study is None else {study: register.find(study)}
    listed = [
        _ListedEndpoint(name, endpoint_name, endpoint, _citation(register, endpoint.source))
        for name, each in chosen.items()
        for endpoint_name, endpoint in each.endpoints.items()
        if role in (None, endpoint.role)
    ]
    if as_csv:
        _write_csv(_ENDPOINT_FIELDS, listed)
    elif study is None:
        _show_studies(register, listed)
    else:
        _show_study(study, register, listed)


def _show_studies(register: Register, listed: Sequence[_ListedEndpoint]) -> None:
    counts = Counter((item.study, item.endpoint.role) for item in listed)
    rows = [
        (
            name,
            study.study,
            " + ".join(_size(arm) for arm in study.arms.values()),
            *(str(counts[name, role]) for role in get_args(Role)),
        )
        for name, study in register.items()
        if any(counts[name, role] for role in get_args(Role))
    ]
    _print_table(STUDY_COLUMNS, rows, _STUDY_LAYOUT)
    _print_lines([f"{len(rows)} studies, {_counted(listed)}"])


def _show_study(name: str, register: Register, listed: Sequence[_ListedEndpoint]) -> None:
    study = register[name]
    heading = [name, study.study, f"{study.design}; {study.patients}"]
    heading += [f"shares patients with {o}: {how}" for o, how in register.overlaps(name).items()]
    _print_lines([*heading, ""])
    arms = [(f"{n}: {arm.label}", _size(arm), arm.treatment) for n, arm in study.arms.items()]
    _print_table(ARM_COLUMNS, arms, _ARM_LAYOUT)
    _print_lines(["", *_baselines(study), ""])
    rows = [_endpoint_row(item) for item in listed]
    _print_table(ENDPOINT_COLUMNS, rows, _ENDPOINT_LAYOUT)
    signs = {cell[-1] for row in rows for cell in row if cell}
    explained = [text for sign, text in _EXPLAINED.items() if sign in signs]
    remarks = [line for item in listed for line in _remarks(item)]
    cited = [f"{key}: {_citation(register, key)}" for key in study.sources]
    _print_lines([_counted(listed), *explained, "", *remarks, "", "Sources", *cited])


def _counted(listed: Sequence[_ListedEndpoint]) -> str:
    counts = Counter(item.endpoint.role for item in listed)
    parts = [f"{counts[role]} {role}" for role in get_args(Role) if counts[role]]
    return f"{len(listed)} endpoints: {', '.join(parts)}" if parts else "no endpoints"


def _baselines(study: Study) -> list[str]:
    return [
        f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in arm.baseline.items())
        for name, arm in study.arms.items()
        if arm.baseline
    ]


def _size(arm: Arm) -> str:
    return "?" if arm.n is None else str(arm.n)


def _endpoint_row(item: _ListedEndpoint) -> tuple[str, ...]:
    endpoint = item.endpoint
    name = item.name + (_REMARKED if next(_remarks(item), None) else "")
    shown = (name, _patients(endpoint), _value(endpoint), _interval(endpoint))
    return (*shown, endpoint.role, endpoint.source, endpoint.place)


def _patients(endpoint: Endpoint) -> str:
    parts = [endpoint.subset] if endpoint.subset else []
    if endpoint.events is not None:
        parts.append(f"{endpoint.events}/{endpoint.n}")
    elif endpoint.n is not None:
        parts.append(f"n = {endpoint.n}")
    return ", ".join(parts)


def _value(endpoint: Endpoint) -> str:
    if endpoint.best is None:
        return NOT_REACHED
    text = f"{endpoint.best:.4g}{_UNITS.get(endpoint.kind, '')}"
    text += f" at {endpoint.at_months:g} months" if endpoint.at_months else ""
    text += f" from {endpoint.time_origin}" if endpoint.time_origin else ""
    return text + (f" against {endpoint.against}" if endpoint.against else "")


def _interval(endpoint: Endpoint) -> str:
    interval = endpoint.known_interval
    if interval is None:
        return ""
    low, high = ("…" if end is None else f"{end:.4g}" for end in interval)
    if endpoint.interval is None:
        return f"{low} to {high} {_COMPUTED}"
    unusual = endpoint.level not in (None, USUAL_LEVEL)
    return f"{low} to {high}" + (f" ({endpoint.level:g} %)" if unusual else "")


def _remarks(item: _ListedEndpoint) -> Iterator[str]:
    endpoint = item.endpoint
    if endpoint.contradiction:
        yield f"{item.name}: {endpoint.contradiction} Quoted: “{endpoint.quote}”"
        yield f"{item.name}: chosen: {endpoint.chosen}"
    if endpoint.printed_exception:
        yield f"{item.name}: the printed numbers disagree: {endpoint.printed_exception}"


def _citation(register: Register, key: str) -> str:
    source = register.sources[key]
    return " ".join(part for part in (source.citation, source.address) if part)


def _print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], layout: Sequence[Sequence[int]]
) -> None:
    """Print a table: one line for each row in a pipe, columns together by `layout` on a screen."""
    if not sys.stdout.isatty():
        write_plain([headings, *rows])
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for columns in layout:
        table.add_column("\n".join(headings[column] for column in columns), overflow="fold")
    for row in rows:
        table.add_row(*(_stacked([row[column] for column in columns]) for columns in layout))
    Console().print(table)


def _stacked(cells: Sequence[str]) -> Text:
    """Return cells one below the other, the last of several faint."""
    *before, last = ((cell, _STYLES.get(cell, "")) for cell in cells)
    styled = [*before, (last[0], "dim") if before else last]
    return Text("\n").join(Text(*each) for each in styled)


def _print_lines(lines: Iterable[str]) -> None:
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    for line in lines:
        console.print(Text(" ".join(line.split())))


def _rows(fields: Mapping[str, str], listed: Iterable[Any]) -> Iterator[tuple[object, ...]]:
    """Yield the fields of each, by the paths of their attributes."""
    return map(attrgetter(*fields.values()), listed)


def _write_csv(fields: Mapping[str, str], listed: Iterable[Any]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(_rows(fields, listed))
