"""The question: patients, strategies, perspective, horizon."""

from __future__ import annotations

from typing import Any

from sim.layout.cells import patients_in_words
from sim.layout.own_patients import own_patients_lines
from sim.layout.parameter_table import NAME, own_lines
from sim.layout.text import agreement_lines, capacity_lines
from sim.report.analyses import Analyses
from sim.report.results import Results
from sim.report.words import capital, listed, money, plain, rate, spaced
from sim.scenario.schema import LIFETIME, Strategy

STUDIES = {
    "average": "of the average study",
    "new": "of a study to come, as a prediction",
}


def context(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    """Return the context of the section of the question."""
    question, summary = results.question, results.summary
    scenario, perspective = question.scenario, question.perspective
    population = question.catalogue.populations[scenario.population]
    described = f"{population.label}. {population.description}"
    own = own_patients_lines(question)
    facts = [
        *own,
        ("For what the file lacks" if own else "Patients", described),
        ("Setting", f"{capital(spaced(scenario.setting))}; results are {STUDIES[scenario.study]}"),
        ("Perspective", f"{perspective.label}. {perspective.description}"),
        ("Money", f"{summary['currency']} at the prices of {summary['price_year']}"),
        ("Horizon", horizon(results)),
        (
            "Discounting",
            (
                f"{rate(summary['discount_rate_costs'])} a year for costs, "
                f"{rate(summary['discount_rate_effects'])} for life-years and QALYs"
            ),
        ),
        (
            "Thresholds",
            f"{listed(money(t, results.symbol) for t in results.thresholds)} per QALY",
        ),
        *((name, capital(text)) for name, text in capacity_lines(question)),
        *((NAME, each["sentence"]) for each in (summary.get("life_table"),) if each),
        *agreement_lines(question),
        *own_lines(question),
        (
            "Simulated",
            f"{patients_in_words(summary['patients'])}, the same under each strategy; seed {summary['seed']}",
        ),
    ]
    return {
        "description": scenario.description,
        "facts": [(name, text.rstrip(". ") + ".") for name, text in facts],
        "strategies": [_strategy(results, each) for each in scenario.strategies],
        "changed": changed(results),
    }


def horizon(results: Results) -> str:
    """Return the horizon in words."""
    years = results.summary["horizon_years"]
    return "Lifetime" if years == LIFETIME else f"{years:g} years"


def changed(results: Results) -> list[str]:
    """Name the inputs that the scenario sets itself, with their values."""
    table = results.tables["inputs.csv"]
    rows = table[table["changed"].astype(bool)]
    return [
        f"{row['label']}: {plain(float(row['value']))} {row['unit']}"
        for row in rows.to_dict("records")
    ]


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
