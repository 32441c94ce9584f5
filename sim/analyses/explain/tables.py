"""The files of an explanation. Their names and columns are part of the interface; see `COLUMNS`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.explain.divergences import ENTRY, sentences, words
from sim.analyses.explain.text import print_explanation
from sim.analyses.run.tables import INDENT
from sim.clinic.patient import Patient
from sim.economics.ledger import Account
from sim.layout.cells import finite
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.text import WIDTH_IN_A_PIPE
from sim.layout.trace import describe, entry_name
from sim.replay.recorder import Distribution, Draw
from sim.replay.replay import Posting, Replay, ReplayedLife
from sim.replay.search import Found
from sim.simulation.comparison import account_unit
from sim.simulation.provenance import fingerprint, provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS: Final = {
    "explain_events.csv": ("strategy", "event", "day", "kind", "line", "cycle", "words"),
    "explain_draws.csv": (
        "strategy",
        "event",
        "day",
        "decision",
        "line",
        "cycle",
        "uniform",
        "used",
        "limits",
        "below",
        "family",
        "parameters",
        "value",
        "due_day",
        "came_true",
        "words",
    ),
    "explain_ledger.csv": (
        "strategy",
        "event",
        "account",
        "category",
        "state",
        "line",
        "start_day",
        "end_day",
        "undiscounted",
        "discounted",
        "undiscounted_so_far",
        "discounted_so_far",
        "words",
        "unit",
    ),
}
"""Columns of each table, which are also the keys of the lists in explain.json.

- `event` is the number of the event in the life, from 0: that of a draw or of an entry of the
  ledger. Draws at entry have no strategy and no event.
- `line` and `cycle` count from 1. `uniform` is the number of the draw's key.
- `limits` are those with which the number was compared, in that order, and `below` whether it was
  below; in a cell of a table there is a semicolon between two of them.
- `family`, `parameters` and `value` are of the distribution of the draw; times are in days.
  `due_day` is the day on which a time ends, and `came_true` whether an event happened then.
  Infinite or missing values are empty in a table and null in JSON.
- `undiscounted_so_far` and `discounted_so_far` are totals of the account, this entry included;
  the last of them is the patient's result. All amounts of a row are in its `unit`.
"""
ANALYSIS: Final = "explain"
TEXTS: Final = ("explain.json", "explain.txt", "provenance.json", "citations.txt")
NAMES: Final = (*TEXTS, *figure_names([ANALYSIS]), *COLUMNS)


def explain_files(
    replayed: Replay, found: Found | None, *, every_entry: bool
) -> dict[str, str | bytes]:
    """Return the files of an explanation by name."""
    question = replayed.question
    origin = provenance(question, replayed.engine)
    origin |= {"analysis": "explain", "patient": replayed.patient.number}
    tables = {
        name: table.to_csv(index=False, lineterminator="\n")
        for name, table in explain_tables(replayed).items()
    }
    return {
        "explain.json": explain_json(replayed, found),
        "explain.txt": _text(replayed, found, every_entry=every_entry),
        "provenance.json": json.dumps(origin, indent=INDENT) + "\n",
        "citations.txt": citations(question),
        **figure_files({ANALYSIS: drawn_lives(replayed)}),
        **tables,
    }


def explain_tables(replayed: Replay) -> dict[str, pd.DataFrame]:
    """Return the tables of an explanation by file name, in the columns `COLUMNS`."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    currency = replayed.question.perspective.currency
    rows["explain_draws.csv"] += [
        {"strategy": None, **_entry(draw, replayed.patient)} for draw in replayed.entry
    ]
    for life in replayed.lives:
        name = {"strategy": life.strategy.name}
        rows["explain_events.csv"] += [{**name, **row} for row in _events(life)]
        rows["explain_draws.csv"] += [{**name, **_draw(draw, life)} for draw in life.draws]
        rows["explain_ledger.csv"] += [
            {**name, **_posting(each, currency)} for each in life.postings
        ]
    return {
        name: pd.DataFrame(
            [{key: _cell(value) for key, value in row.items()} for row in rows[name]],
            columns=list(columns),
        )
        for name, columns in COLUMNS.items()
    }


def _cell(value: Any) -> Any:  # noqa: ANN401 - any value of a row
    """Join several values into one cell."""
    if isinstance(value, dict):
        return "; ".join(f"{name}={each}" for name, each in value.items())
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def drawn_lives(replayed: Replay) -> Figure:
    """Return the figure of an explanation."""
    # The plotting library is slow to load and not needed to print.
    from sim.analyses.explain.figure import timelines_figure
    from sim.layout.style import styled

    with styled():
        return timelines_figure(replayed)


def explain_json(replayed: Replay, found: Found | None) -> str:
    """Return the explanation as JSON text."""
    question = replayed.question
    costs, effects = question.discount_rates
    comparator = replayed.comparator
    content = {
        "analysis": "explain",
        "scenario": Path(question.loaded.file).stem,
        "title": question.scenario.title,
        "patients": question.patients,
        "seed": question.seed,
        "scenario_sha256": fingerprint(question),
        "engine": replayed.engine,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "discount_rate_costs": costs,
        "discount_rate_effects": effects,
        "found": None
        if found is None
        else {
            "search": found.meaning,
            "patients": list(found.patients),
            "searched": found.searched,
        },
        "patient": replayed.patient._asdict(),
        "entry": [_entry(draw, replayed.patient) for draw in replayed.entry],
        "partings": [
            {
                "strategy": life.strategy.name,
                "comparator": comparator.strategy.name,
                "told": [
                    {"about": name, "text": text} for name, text in sentences(life, comparator)
                ],
            }
            for life in replayed.lives
            if life is not comparator
        ],
        "strategies": [_life(life, question.perspective.currency) for life in replayed.lives],
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def _life(life: ReplayedLife, currency: str) -> dict[str, Any]:
    return {
        "name": life.strategy.name,
        "label": life.label,
        "totals": {
            account.value: {
                "undiscounted": life.total(account).undiscounted,
                "discounted": life.total(account).discounted,
            }
            for account in Account
        },
        "categories": {
            f"{category.account.value}.{category.label}": {
                "undiscounted": total.undiscounted,
                "discounted": total.discounted,
            }
            for category, total in life.categories.items()
        },
        "events": list(_events(life)),
        "draws": [_draw(draw, life) for draw in life.draws],
        "ledger": [_posting(posting, currency) for posting in life.postings],
    }


def _events(life: ReplayedLife) -> Iterator[dict[str, Any]]:
    for number, event in enumerate(life.log):
        yield {
            "event": number,
            "day": event.time_days,
            "kind": event.kind.name.lower(),
            "line": event.line + 1,
            "cycle": event.cycle + 1 if event.cycle >= 0 else None,
            "words": describe(event, life.regimens),
        }


def _entry(draw: Draw, patient: Patient) -> dict[str, Any]:
    name, value = ENTRY[draw.decision]
    return {"event": None, "day": draw.day, **_drawn(draw), "words": f"{name}: {value(patient)}"}


def _draw(draw: Draw, life: ReplayedLife) -> dict[str, Any]:
    return {
        "event": max(draw.position - 1, 0),
        "day": draw.day,
        **_drawn(draw),
        "due_day": finite(life.due_day(draw)),
        "came_true": life.came_true(draw) if life.due_day(draw) is not None else None,
        "words": words(draw, life) if draw.used else None,
    }


def _drawn(draw: Draw) -> dict[str, Any]:
    return {
        "decision": draw.decision.name,
        "line": draw.line + 1,
        "cycle": draw.cycle + 1 if draw.is_of_a_cycle else None,
        "uniform": draw.uniform,
        "used": draw.used,
        "limits": [each.limit for each in draw.comparisons],
        "below": [each.below for each in draw.comparisons],
        **_distribution(draw.distribution),
    }


def _distribution(found: Distribution | None) -> dict[str, Any]:
    if found is None:
        return {"family": None, "parameters": None, "value": None}
    parameters = {name: finite(value) for name, value in found.parameters.items()}
    return {"family": found.family, "parameters": parameters, "value": finite(found.value)}


def _posting(posting: Posting, currency: str) -> dict[str, Any]:
    entry = posting.entry
    return {
        "event": posting.position,
        "account": entry.category.account.value,
        "category": entry.category.label,
        "state": entry.state.value,
        "line": entry.line + 1,
        "start_day": entry.start_days,
        "end_day": entry.end_days,
        "undiscounted": entry.undiscounted,
        "discounted": entry.discounted,
        "undiscounted_so_far": posting.undiscounted,
        "discounted_so_far": posting.discounted,
        "words": entry_name(entry),
        "unit": account_unit(entry.category.account, currency),
    }


def _text(replayed: Replay, found: Found | None, *, every_entry: bool) -> str:
    written = io.StringIO()
    console = Console(
        file=written,
        width=WIDTH_IN_A_PIPE,
        no_color=True,
        highlight=False,
        markup=False,
        emoji=False,
    )
    print_explanation(console, replayed, found, every_entry=every_entry)
    return written.getvalue()
