"""The question, the assumptions of its answer, and what the reporting standard asks of both.

The standard is CHEERS 2022. Source: Husereau D et al., Consolidated Health Economic Evaluation
Reporting Standards 2022, Value Health 2022;25:3-9. Topics are those of the standard, the words of
the template are ours.
"""

from __future__ import annotations

from typing import Any, Final

from sim.layout.cells import (
    capital,
    listed,
    money_text,
    number_text,
    patients_in_words,
    rate,
    spaced,
)
from sim.layout.own_inputs import LIFE_TABLE, own_lines, own_patients_lines
from sim.layout.text import agreement_lines, capacity_lines
from sim.report.results import Analyses, Results
from sim.scenario.schema import LIFETIME, Strategy

STANDARD: Final = "CHEERS 2022"
STUDIES: Final = {
    "average": "of the average study",
    "new": "of a study to come, as a prediction",
}


def question(results: Results) -> dict[str, Any]:
    """Return the context of the section of the question."""
    asked, summary = results.question, results.summary
    scenario, perspective = asked.scenario, asked.perspective
    population = asked.catalogue.populations[scenario.population]
    described = f"{population.label}. {population.description}"
    own = own_patients_lines(asked)
    facts = [
        *own,
        ("For what the file lacks" if own else "Patients", described),
        ("Setting", f"{capital(spaced(scenario.setting))}; results are {STUDIES[scenario.study]}"),
        ("Perspective", f"{perspective.label}. {perspective.description}"),
        ("Money", f"{summary['currency']} at the prices of {summary['price_year']}"),
        ("Horizon", _horizon(results)),
        (
            "Discounting",
            (
                f"{rate(summary['discount_rate_costs'])} a year for costs, "
                f"{rate(summary['discount_rate_effects'])} for life-years and QALYs"
            ),
        ),
        (
            "Thresholds",
            f"{listed(money_text(t, results.symbol) for t in results.thresholds)} per QALY",
        ),
        *((name, capital(text)) for name, text in capacity_lines(asked)),
        *((LIFE_TABLE, each["sentence"]) for each in (summary.get("life_table"),) if each),
        *agreement_lines(asked),
        *own_lines(asked),
        (
            "Simulated",
            f"{patients_in_words(summary['patients'])}, the same under each strategy; seed {summary['seed']}",
        ),
    ]
    return {
        "description": scenario.description,
        "facts": [(name, text.rstrip(". ") + ".") for name, text in facts],
        "strategies": [_strategy(results, each) for each in scenario.strategies],
        "changed": [
            f"{row['label']}: {number_text(float(row['value']))} {row['unit']}"
            for row in results.tables["inputs.csv"].to_dict("records")
            if row["changed"]
        ],
    }


def _horizon(results: Results) -> str:
    """Return the horizon in words."""
    years = results.summary["horizon_years"]
    return "Lifetime" if years == LIFETIME else f"{years:g} years"


def _strategy(results: Results, strategy: Strategy) -> dict[str, Any]:
    regimens = results.question.catalogue.regimens
    lines = [regimens[name].label for name in strategy.sequence]
    return {
        "label": results.labels[strategy.name],
        "lines": lines,
        "then": regimens[strategy.then].label,
        "maintenance": strategy.maintenance,
        "is_comparator": strategy.name == results.comparator,
    }


def assumptions(results: Results) -> dict[str, Any]:
    """Return the context of the section of assumptions."""
    statuses = results.tables["inputs.csv"]["status"]
    scenario = results.question.scenario
    return {
        "switches": scenario.switches,
        "relapse": spaced(scenario.switches.relapse_distribution),
        "is_prediction": scenario.study == "new",
        "horizon": _horizon(results).lower(),
        "assumed": int((statuses == "assumption").sum()),
        "provisional": int((statuses == "provisional").sum()),
        "total": len(statuses),
    }


def checklist(results: Results, analyses: Analyses) -> dict[str, Any]:
    """Return the context of the checklist."""
    scenario, perspective = results.question.scenario, results.question.perspective
    return {
        "standard": STANDARD,
        "summary": results.summary,
        "description": scenario.description
        or "The title and the strategies say what is to be decided.",
        "population": results.question.catalogue.populations[scenario.population].label,
        "setting": capital(spaced(scenario.setting)),
        "strategies": listed(results.labels.values()),
        "perspective": perspective,
        "horizon": _horizon(results),
        "rates": [rate(results.summary[f"discount_rate_{each}"]) for each in ("costs", "effects")],
        "index": None if perspective.price_index is None else spaced(perspective.price_index),
        "inputs": len(results.tables["inputs.csv"]),
        "has_draws": analyses.probabilistic is not None,
        "has_bars": analyses.one_way is not None,
    }
