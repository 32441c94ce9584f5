"""The files of a run. Their names are part of the interface, and so are the columns of the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from sim.analyses.run import figures
from sim.files.results_folder import check_folder, write_analysis
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.life_table import life_table_json
from sim.layout.run_columns import COLUMNS
from sim.layout.values import estimate_json, finite
from sim.simulation.flow import Flow
from sim.simulation.provenance import fingerprint, provenance
from sim.simulation.run import Simulation
from sim.simulation.summary import Comparison, Summary

INDENT: Final = 2

TEXTS: Final = ("summary.json", "provenance.json", "citations.txt")
NAMES: Final = (*TEXTS, *COLUMNS, *figure_names(figures.NAMES))
"""Every name that a run may write: files of an earlier run under these names are removed."""


def summary_json(simulation: Simulation, summary: Summary) -> str:
    """Return the summary as JSON text; values that cannot be estimated are null."""
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
        "scenario_sha256": fingerprint(question),
        **life_table_json(question),
        "strategies": [
            {
                "name": arm.name,
                "label": arm.label,
                "outcomes": {name: estimate_json(value) for name, value in arm.outcomes.items()},
            }
            for arm in summary.arms
        ],
        "increments": [_comparison(comparison) for comparison in summary.comparisons],
        "frontier": [{**row._asdict(), **_step(summary, row.name)} for row in summary.frontier],
        "inputs": dict(summary.inputs),
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def _comparison(comparison: Comparison) -> dict[str, Any]:
    gain = comparison.increment
    return {
        "strategy": gain.strategy,
        "comparator": gain.comparator,
        "cost": estimate_json(gain.cost),
        "qalys": estimate_json(gain.qalys),
        "life_years": estimate_json(gain.life_years),
        **{
            f"cost.{name}": estimate_json(value)
            for name, value in comparison.cost_categories.items()
        },
        "icer": gain.icer,
        "icer_se": finite(gain.icer_se),
        "quadrant": gain.quadrant,
        "nmb": {
            f"{threshold:g}": estimate_json(value) for threshold, value in comparison.nmb.items()
        },
    }


def _step(summary: Summary, name: str) -> dict[str, Any]:
    """Return error and limits of the ICER of a step along the frontier, where they are known."""
    step = summary.steps.get(name)
    error = None if step is None else step.icer_se
    return {
        "icer_se": finite(error),
        "icer_interval": None if step is None else step.icer_interval,
        "against": None if step is None else step.comparator,
    }


def check_output(folder: Path) -> None:
    """Refuse a folder that cannot take the files of a run.

    Raises
    ------
    UserError
        When it cannot.
    """
    check_folder(folder, NAMES)


def run_files(
    simulation: Simulation, summary: Summary, flow: Flow | None = None
) -> dict[str, str | bytes]:
    """Return the files of the run by name; the `flow` as for `run_tables`."""
    from sim.layout.run_tables import run_tables

    texts: dict[str, str | bytes] = {
        "summary.json": summary_json(simulation, summary),
        "provenance.json": json.dumps(provenance(simulation), indent=INDENT) + "\n",
        "citations.txt": citations(simulation.question),
    }
    tables = run_tables(simulation, summary, flow)
    drawn = {
        name: figures.drawn_run(name, simulation.question, summary, tables)
        for name in figures.NAMES
    }
    return (
        texts
        | {name: table.to_csv(index=False, lineterminator="\n") for name, table in tables.items()}
        | figure_files(drawn)
    )


def write(simulation: Simulation, summary: Summary, folder: Path, flow: Flow | None = None) -> None:
    """Write all files of the run into `folder`, whole or not at all.

    Files of an earlier run in the folder are replaced; others are left alone. The `flow` as for
    `run_tables`.

    Raises
    ------
    UserError
        When the folder cannot be written.
    """
    write_analysis(folder, "run", run_files(simulation, summary, flow), NAMES)
