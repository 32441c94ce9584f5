"""The evidence register as tables to read and as a file to work with."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.evidence.register import Arm, Endpoint, Register, Study, load_register
from sim.evidence.study import USUAL_LEVEL, Interval, Role
from sim.layout.cells import write_plain

STUDY_COLUMNS: Final = ("study", "title", "patients", *get_args(Role))
ARM_COLUMNS: Final = ("arm", "patients", "treatment")
ENDPOINT_COLUMNS: Final = ("endpoint", "of", "value", "interval", "role", "source", "place")
_STUDY_LAYOUT: Final = ((0, 1), (2,), (3,), (4,), (5,))
_ARM_LAYOUT: Final = ((0,), (1,), (2,))
_ENDPOINT_LAYOUT: Final = ((0, 1), (2, 3), (4,), (5, 6))
CSV_COLUMNS: Final = (
    "study",
    "endpoint_id",
    "arm",
    "endpoint",
    "kind",
    "subset",
    "definition",
    "from",
    "against",
    "at_months",
    "n",
    "events",
    "value",
    "interval_low",
    "interval_high",
    "level",
    "computed_percent",
    "known_low",
    "known_high",
    "standard_error",
    "source",
    "citation",
    "place",
    "quote",
    "contradiction",
    "chosen",
    "printed_exception",
    "note",
    "role",
    "why",
)
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
_ROLE_STYLES: Final = {"fit": "bold green", "held_out": "bold cyan"}
_COMPUTED: Final = "*"
_REMARKED: Final = "!"
_EXPLAINED: Final = {
    _COMPUTED: "* exact 95 % interval of the counts; the source prints none",
    _REMARKED: "! see the remarks below",
}


@dataclass(frozen=True)
class _Listed:
    """An endpoint of a study with its name."""

    study: str
    name: str
    endpoint: Endpoint


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
        _Listed(name, endpoint_name, endpoint)
        for name, each in chosen.items()
        for endpoint_name, endpoint in each.endpoints.items()
        if role in (None, endpoint.role)
    ]
    if as_csv:
        _write_csv(listed, register)
    elif study is None:
        _show_studies(register, listed)
    else:
        _show_study(study, register, listed)


def _show_studies(register: Register, listed: Sequence[_Listed]) -> None:
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


def _show_study(name: str, register: Register, listed: Sequence[_Listed]) -> None:
    study = register[name]
    heading = [name, study.study, f"{study.design}; {study.patients}"]
    heading += [f"shares patients with {o}: {how}" for o, how in register.overlaps(name).items()]
    _print_lines([*heading, ""])
    _print_table(ARM_COLUMNS, _arm_rows(study), _ARM_LAYOUT)
    _print_lines(["", *_baselines(study), ""])
    rows = [_endpoint_row(item) for item in listed]
    _print_table(ENDPOINT_COLUMNS, rows, _ENDPOINT_LAYOUT)
    signs = {cell[-1] for row in rows for cell in row if cell}
    explained = [text for sign, text in _EXPLAINED.items() if sign in signs]
    remarks = [line for item in listed for line in _remarks(item)]
    cited = [f"{key}: {_citation(register, key)}" for key in study.sources]
    _print_lines([_counted(listed), *explained, "", *remarks, "", "Sources", *cited])


def _counted(listed: Sequence[_Listed]) -> str:
    counts = Counter(item.endpoint.role for item in listed)
    parts = [f"{counts[role]} {role}" for role in get_args(Role) if counts[role]]
    return f"{len(listed)} endpoints: {', '.join(parts)}" if parts else "no endpoints"


def _arm_rows(study: Study) -> list[tuple[str, ...]]:
    return [(f"{n}: {arm.label}", _size(arm), arm.treatment) for n, arm in study.arms.items()]


def _baselines(study: Study) -> list[str]:
    return [
        f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in arm.baseline.items())
        for name, arm in study.arms.items()
        if arm.baseline
    ]


def _size(arm: Arm) -> str:
    return "?" if arm.n is None else str(arm.n)


def _endpoint_row(item: _Listed) -> tuple[str, ...]:
    endpoint = item.endpoint
    return (
        item.name + (_REMARKED if next(_remarks(item), None) else ""),
        _patients(endpoint),
        _value(endpoint),
        _interval(endpoint),
        endpoint.role,
        endpoint.source,
        endpoint.place,
    )


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


def _remarks(item: _Listed) -> Iterator[str]:
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
    first, *others = cells
    text = Text(first, _ROLE_STYLES.get(first, ""))
    for other in others:
        text.append(f"\n{other}", "dim")
    return text


def _print_lines(lines: Iterable[str]) -> None:
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    for line in lines:
        console.print(Text(" ".join(line.split())))


def _write_csv(listed: Sequence[_Listed], register: Register) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for item in listed:
        endpoint = item.endpoint
        writer.writerow(
            (
                item.study,
                item.name,
                endpoint.arm,
                endpoint.endpoint,
                endpoint.kind,
                endpoint.subset,
                endpoint.definition,
                endpoint.time_origin,
                endpoint.against,
                endpoint.at_months,
                endpoint.n,
                endpoint.events,
                endpoint.value,
                *_ends(endpoint.interval),
                endpoint.level,
                endpoint.percent,
                *_ends(endpoint.known_interval),
                endpoint.standard_error,
                endpoint.source,
                _citation(register, endpoint.source),
                endpoint.place,
                endpoint.quote,
                endpoint.contradiction,
                endpoint.chosen,
                endpoint.printed_exception,
                endpoint.note,
                endpoint.role,
                endpoint.why,
            )
        )


def _ends(interval: Interval | None) -> Interval:
    return (None, None) if interval is None else interval
