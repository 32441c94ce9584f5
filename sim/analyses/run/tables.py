"""The files of a run, and its figures, each drawn when it is asked for.

The names of the files are part of the interface, and so are the columns of the tables.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.analyses.shared.stored import INDENT, Stored
from sim.economics.estimates import Estimate
from sim.economics.incremental import FrontierRow, Increment
from sim.economics.ledger import COST_CATEGORIES, Account
from sim.errors import UserError
from sim.files.documents import exists
from sim.layout.cells import SYMBOLS, estimate_json, finite, known
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.own_inputs import life_table_json
from sim.layout.run_columns import EVENTS, INCREMENTS, OPTIONAL, STRATEGIES, TABLES
from sim.layout.schema import Entries, in_csv
from sim.layout.text import cost_name
from sim.simulation.provenance import fingerprint, own_patients_json, provenance
from sim.simulation.run import Simulation, traces
from sim.simulation.summary import ArmSummary, Comparison, Step, Summary

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.simulation.question import Question

SURVIVAL: Final = {"survival_os": "os", "survival_rfs": "rfs"}
COSTS: Final = "costs"
FLOW: Final = "flow"
FRONTIER: Final = "frontier"
NOBODY: Final = "Nobody was at risk long enough for a curve."
FIGURE_NAMES: Final = (*SURVIVAL, COSTS, FLOW, FRONTIER)


def drawn_run(
    name: str, question: Question, summary: Summary, tables: Mapping[str, pd.DataFrame]
) -> Figure:
    """Return a figure of `FIGURE_NAMES`.

    Parameters
    ----------
    name
        Of the figure.
    question, summary
        What was asked, and the answer.
    tables
        Of the run by file name, see `sim.layout.run_tables`.
    """
    # The plotting library is slow to load and not needed to print.
    from sim.analyses.run.figure import (
        TICK_MONTHS,
        TITLES,
        costs_figure,
        flows_figure,
        survival_figure,
    )
    from sim.analyses.shared.figure import Place, Plane, frontier_figure, words_figure
    from sim.layout.style import styled

    labels = {arm.name: arm.label for arm in summary.arms}
    money = question.perspective
    symbol = SYMBOLS[money.currency]
    with styled():
        if name == FLOW:
            return flows_figure(tables["flow.csv"], labels)
        if name == FRONTIER:
            places = [
                Place(labels[row.name], row.effect, row.cost, row.status, row.icer)
                for row in summary.frontier
            ]
            return frontier_figure([Plane("Expected cost and QALYs", places, question)])
        if name == COSTS:
            ledger = tables["ledger.csv"]
            return costs_figure(
                ledger[ledger["account"] == Account.COST.value].rename(
                    columns={"discounted": "amount"}
                ),
                labels,
                {each.label: cost_name(each.label) for each in COST_CATEGORIES},
                symbol=symbol,
                title=f"Cost per patient, discounted, {money.currency} of {money.price_year}",
            )
        survival, endpoint = tables["survival.csv"], SURVIVAL[name]
        curves = survival[survival["endpoint"] == endpoint].dropna(subset="survival_percent")
        if not (curves["months"] >= TICK_MONTHS).any():
            return words_figure(TITLES[endpoint], NOBODY)
        return survival_figure(curves, (), labels, endpoint=endpoint)


SUMMARY: Final = "summary.json"
CATEGORY: Final = "cost."
TEXTS: Final = (SUMMARY, "provenance.json", "citations.txt")
NAMES: Final = (*TEXTS, *TABLES, *figure_names(FIGURE_NAMES))
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
        **own_patients_json(question),
        "seed": question.seed,
        "engine": simulation.engine,
        "scenario_sha256": fingerprint(question),
        **life_table_json(question),
        "strategies": arms_json(summary),
        "increments": [_comparison(comparison) for comparison in summary.comparisons],
        "frontier": [{**row._asdict(), **_step(summary, row.name)} for row in summary.frontier],
        "inputs": dict(summary.inputs),
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def arms_json(summary: Summary) -> list[dict[str, Any]]:
    """Return the outcomes of each strategy."""
    return [
        {
            "name": arm.name,
            "label": arm.label,
            "outcomes": {name: estimate_json(value) for name, value in arm.outcomes.items()},
        }
        for arm in summary.arms
    ]


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
        "covariance": finite(gain.covariance),
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
    return {
        "icer_se": None if step is None else finite(step.icer_se),
        "icer_interval": None if step is None else step.icer_interval,
        "against": None if step is None else step.against,
    }


def run_files(
    simulation: Simulation,
    summary: Summary,
    tables: Mapping[str, pd.DataFrame],
    *,
    drawn: bool = True,
) -> dict[str, str | bytes]:
    """Return the files of the run by name, with the tables of `run_tables`; not `drawn`, no figures."""
    texts: dict[str, str | bytes] = {
        SUMMARY: summary_json(simulation, summary),
        "provenance.json": json.dumps(
            provenance(simulation.question, simulation.engine), indent=INDENT
        )
        + "\n",
        "citations.txt": citations(simulation.question),
    }
    texts |= {name: in_csv(table) for name, table in tables.items()}
    return texts | figure_files(
        {
            name: drawn_run(name, simulation.question, summary, tables)
            for name in (FIGURE_NAMES if drawn else ())
        }
    )


def read_run(stored: Stored) -> tuple[Simulation, Summary, dict[str, pd.DataFrame]]:
    """Return the run that is stored in a folder: its question, its summary and its tables.

    The single patients are not stored; those that were traced are simulated again.

    Raises
    ------
    UserError
        When a file is missing or broken.
    """
    told = stored.summary
    tables = {
        name: stored.table(schema)
        for name, schema in TABLES.items()
        if schema not in OPTIONAL or exists(stored.folder / name)
    }
    traced = 0
    if EVENTS.file in tables:
        patients = tables[EVENTS.file]["patient"].unique()
        traced = len(patients)
        if sorted(patients) != list(range(traced)) or traced > stored.question.patients:
            raise UserError(
                "must be the numbers of the traced patients, from 0",
                file=stored.folder / EVENTS.file,
                key="patient",
            )
    simulation = Simulation(stored.question, (), traces(stored.question, traced), told["engine"])
    found, gains = (
        by_strategy(tables[each.file], stored.folder / each.file)
        for each in (STRATEGIES, INCREMENTS)
    )
    return simulation, _read_summary(told, found, gains), tables


def _read_summary(
    told: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Estimate]],
    gains: Mapping[str, Mapping[str, Estimate]],
) -> Summary:
    comparisons = (
        Comparison(
            Increment(
                each["strategy"],
                each["comparator"],
                gain["cost"],
                gain["qalys"],
                gain["life_years"],
                known(each["covariance"]),
            ),
            {
                name.removeprefix(CATEGORY): value
                for name, value in gain.items()
                if name.startswith(CATEGORY)
            },
            {threshold: gain[f"nmb_at_{threshold:g}"] for threshold in told["thresholds"]},
        )
        for each in told["increments"]
        for gain in (gains[each["strategy"]],)
    )
    return Summary(
        arms=tuple(
            ArmSummary(arm["name"], arm["label"], _with_medians(found[arm["name"]]))
            for arm in told["strategies"]
        ),
        comparisons=tuple(comparisons),
        frontier=tuple(
            FrontierRow(*(row[key] for key in FrontierRow._fields)) for row in told["frontier"]
        ),
        steps={
            row["name"]: Step(*(row[key] for key in Step._fields))
            for row in told["frontier"]
            if row["against"] is not None
        },
        inputs=told["inputs"],
    )


def by_strategy(table: pd.DataFrame, file: Path) -> dict[str, dict[str, Estimate]]:
    """Return the estimates of strategies.csv or increments.csv, by strategy and outcome.

    One that is looked up and not there is an error of the file.
    """
    found: dict[str, dict[str, Estimate]] = Entries((), file)
    rows = (table[name].tolist() for name in ("strategy", "outcome", "mean", "se"))
    for strategy, outcome, mean, se in zip(*rows, strict=True):
        found.setdefault(strategy, Entries((), file))[outcome] = Estimate(mean, se)
    return found


def _with_medians(outcomes: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return the outcomes with infinite medians, which tables leave empty: those not reached.

    Without responders there is no median of their survival.
    """
    found = dict(outcomes)
    for name, patients in (("os", math.inf), ("rfs", outcomes["response_percent"].mean)):
        median = f"{name}_median_months"
        if patients > 0.0 and math.isnan(found[median].mean):
            found[median] = Estimate(math.inf, math.nan)
    return found
