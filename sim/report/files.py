"""The files of a run. Column names are part of the interface; see `COLUMNS`.

Files are written into a fresh folder beside the wanted one and moved into place when all of
them are complete: an interrupted or failed run leaves what was there before.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.clinic.units import DAYS_PER_MONTH, PERCENT
from sim.economics.estimates import Estimate, survival_curve
from sim.errors import UserError
from sim.report.citations import citations
from sim.report.trace import events_table
from sim.study.provenance import provenance
from sim.study.simulation import Arm, Simulation
from sim.study.summary import Comparison, Summary

SURVIVAL_MONTHS: Final = 120
INDENT: Final = 2

COLUMNS: Final = {
    "strategies.csv": ("strategy", "outcome", "mean", "se"),
    "increments.csv": ("strategy", "comparator", "outcome", "mean", "se"),
    "survival.csv": ("strategy", "endpoint", "months", "survival_percent", "at_risk"),
    "ledger.csv": (
        "strategy",
        "account",
        "category",
        "line",
        "state",
        "undiscounted",
        "discounted",
    ),
    "inputs.csv": ("name", "label", "value", "unit", "status", "source", "place", "changed"),
    "events.csv": ("strategy", "patient", "day", "event", "line", "cycle", "detail"),
}
"""Columns of each file. Means are per patient; `line` counts from 1; `at_risk` is the number
of simulated patients still free of the event; RFS is counted from remission among responders
of the first line; events.csv is written for traced patients only."""


def summary_json(simulation: Simulation, summary: Summary) -> str:
    """Return the summary as JSON text; what cannot be estimated is null."""
    question = simulation.question
    scenario = question.scenario
    costs, effects = question.discount_rates
    content = {
        "scenario": Path(question.loaded.file).stem,
        "title": scenario.title,
        "population": scenario.population,
        "setting": scenario.setting,
        "perspective": scenario.perspective,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "horizon_years": scenario.horizon_years,
        "discount_rate_costs": costs,
        "discount_rate_effects": effects,
        "thresholds": list(question.thresholds),
        "patients": question.patients,
        "seed": question.seed,
        "engine": simulation.engine,
        "strategies": [
            {
                "name": arm.name,
                "label": arm.label,
                "outcomes": {name: _json(value) for name, value in arm.outcomes.items()},
            }
            for arm in summary.arms
        ],
        "increments": [_comparison(comparison) for comparison in summary.comparisons],
        "frontier": [row._asdict() for row in summary.frontier],
        "inputs": dict(summary.inputs),
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def _comparison(comparison: Comparison) -> dict[str, Any]:
    gain = comparison.increment
    return {
        "strategy": gain.strategy,
        "comparator": gain.comparator,
        "cost": _json(gain.cost),
        "qalys": _json(gain.qalys),
        "life_years": _json(gain.life_years),
        **{f"cost.{name}": _json(value) for name, value in comparison.cost_categories.items()},
        "icer": gain.icer,
        "icer_se": gain.icer_se,
        "quadrant": gain.quadrant,
        "nmb": {f"{threshold:g}": _json(value) for threshold, value in comparison.nmb.items()},
    }


def _json(estimate: Estimate) -> dict[str, float | None]:
    return {"mean": _finite(estimate.mean), "se": _finite(estimate.se)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _strategies(summary: Summary) -> pd.DataFrame:
    rows = [
        (arm.name, name, value.mean, value.se)
        for arm in summary.arms
        for name, value in arm.outcomes.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS["strategies.csv"]))


def _increments(summary: Summary) -> pd.DataFrame:
    rows: list[tuple[str, str, str, float | None, float | None]] = []
    for comparison in summary.comparisons:
        gain = comparison.increment
        names = (gain.strategy, gain.comparator)
        rows += [
            (*names, "cost", *gain.cost),
            (*names, "qalys", *gain.qalys),
            (*names, "life_years", *gain.life_years),
        ]
        rows += [(*names, f"cost.{n}", *v) for n, v in comparison.cost_categories.items()]
        rows.append((*names, "icer", gain.icer, gain.icer_se))
        rows += [(*names, f"nmb_at_{t:g}", *v) for t, v in comparison.nmb.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS["increments.csv"]))


def _survival(simulation: Simulation) -> pd.DataFrame:
    months = np.arange(SURVIVAL_MONTHS + 1)
    frames = []
    for arm in simulation.arms:
        for endpoint, times in _endpoints(arm).items():
            curve = survival_curve(times, months * DAYS_PER_MONTH)
            frames.append(
                pd.DataFrame(
                    {
                        "strategy": arm.strategy.name,
                        "endpoint": endpoint,
                        "months": months,
                        "survival_percent": PERCENT * curve,
                        "at_risk": np.rint(np.nan_to_num(curve) * len(times)).astype(int),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _endpoints(arm: Arm) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    rows = arm.outcomes
    responders = rows["response"].to_numpy(dtype=bool)
    return {
        "os": rows["death_days"].to_numpy(),
        "efs": rows["efs_days"].to_numpy(),
        "rfs": rows["rfs_days"].to_numpy()[responders],
    }


def _ledger(simulation: Simulation) -> pd.DataFrame:
    n = simulation.question.patients
    rows = [
        (
            arm.strategy.name,
            category.account.value,
            category.label,
            line + 1,
            state.value,
            plain / n,
            present / n,
        )
        for arm in simulation.arms
        for (category, line, state), (plain, present) in sorted(
            arm.cells.items(), key=lambda cell: (cell[0][0].value, cell[0][1], cell[0][2])
        )
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS["ledger.csv"]))


def _inputs(simulation: Simulation) -> pd.DataFrame:
    question = simulation.question
    rows = [
        (
            name,
            parameter.label,
            question.numbers[name],
            parameter.unit,
            parameter.status,
            "; ".join(parameter.sources),
            parameter.place,
            question.numbers[name] != parameter.value,
        )
        for name in sorted(question.used)
        for parameter in (question.parameters[name],)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS["inputs.csv"]))


def check_output(folder: Path) -> None:
    """Refuse a folder that cannot be written, before hours are spent on its content.

    Raises
    ------
    UserError
        When `folder` is a file, or it or its nearest existing parent cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError("is a file, not a folder", key="--out", value=str(folder))
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise UserError(
            f"lies below '{existing}', which is not a folder", key="--out", value=str(folder)
        )
    try:
        with tempfile.TemporaryDirectory(dir=existing):
            pass
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror}", key="--out", value=str(folder)
        ) from None


def write(simulation: Simulation, summary: Summary, folder: Path) -> list[Path]:
    """Write all files of the run into `folder`, whole or not at all; return their paths.

    Files of an earlier run in the folder are replaced; others are left alone.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    tables: dict[str, Callable[[], pd.DataFrame]] = {
        "strategies.csv": lambda: _strategies(summary),
        "increments.csv": lambda: _increments(summary),
        "survival.csv": lambda: _survival(simulation),
        "ledger.csv": lambda: _ledger(simulation),
        "inputs.csv": lambda: _inputs(simulation),
    }
    if simulation.traces:
        tables["events.csv"] = lambda: events_table(simulation.traces, COLUMNS["events.csv"])
    texts = {
        "summary.json": summary_json(simulation, summary),
        "provenance.json": json.dumps(provenance(simulation), indent=INDENT) + "\n",
        "citations.txt": citations(simulation.question),
    }
    check_output(folder)
    staging: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name, text in texts.items():
            (staging / name).write_text(text, encoding="utf-8")
        for name, table in tables.items():
            table().to_csv(staging / name, index=False, lineterminator="\n")
        folder.mkdir(exist_ok=True)
        written = []
        for path in sorted(staging.iterdir()):
            path.replace(folder / path.name)
            written.append(folder / path.name)
    except OSError as error:
        raise UserError(
            f"cannot be written: {error.strerror}", key="--out", value=str(folder)
        ) from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return written
