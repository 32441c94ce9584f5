"""The reporting standard CHEERS 2022, item by item: the report's answer, and its section.

Source: Husereau D et al., Consolidated Health Economic Evaluation Reporting Standards 2022, Value
Health 2022;25:3-9. Topics are those of the standard, the words are ours.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sim.report.analyses import Analyses
from sim.report.question import horizon
from sim.report.results import Results
from sim.report.words import listed, rate, spaced

STANDARD: Final = "CHEERS 2022"
TO_ADD: Final = "To be added by the authors of the study: no model knows it."


class Item(NamedTuple):
    """An item of the standard: its part and topic, the section that answers it, and how."""

    part: str
    topic: str
    section: str
    text: str


class Row(NamedTuple):
    """An item with its number and the title of its section."""

    number: int
    part: str
    topic: str
    section: str
    title: str
    text: str


def rows(results: Results, analyses: Analyses, titles: dict[str, str]) -> list[Row]:
    """Return the checklist; `titles` are those of the sections, by their ids."""
    return [
        Row(number, item.part, item.topic, item.section, titles[item.section], item.text)
        for number, item in enumerate(items(results, analyses), start=1)
    ]


def items(results: Results, analyses: Analyses) -> list[Item]:
    """Return the report's answer to each item, in the order of the standard."""
    return [
        *_opening(results),
        *_methods(results),
        *_methods_of_analysis(analyses),
        *_findings(results, analyses),
    ]


def _opening(results: Results) -> list[Item]:
    summary, scenario = results.summary, results.question.scenario
    labels = list(results.labels.values())
    population = results.question.catalogue.populations[scenario.population].label
    return [
        Item("Title", "Title", "question", f"“{summary['title']}”, a model-based evaluation."),
        Item(
            "Abstract", "Abstract", "answer", "The answer sums up question, result and uncertainty."
        ),
        Item(
            "Introduction",
            "Background and objectives",
            "question",
            scenario.description or "The title and the strategies say what is to be decided.",
        ),
        Item("Methods", "Analysis plan", "assumptions", TO_ADD),
        Item("Methods", "Study population", "question", f"{population}."),
        Item(
            "Methods",
            "Setting and location",
            "question",
            f"{spaced(scenario.setting).capitalize()} setting; {results.question.perspective.country}.",
        ),
        Item("Methods", "Comparators", "question", f"{listed(labels)}."),
    ]


def _methods(results: Results) -> list[Item]:
    summary, perspective = results.summary, results.question.perspective
    costs, effects = summary["discount_rate_costs"], summary["discount_rate_effects"]
    return [
        Item("Methods", "Perspective", "question", f"{perspective.label}."),
        Item("Methods", "Time horizon", "question", f"{horizon(results)}."),
        Item(
            "Methods",
            "Discount rate",
            "question",
            f"{rate(costs)} a year for costs and {rate(effects)} for effects; results are given "
            "without discounting as well.",
        ),
        Item(
            "Methods",
            "Selection of outcomes",
            "results",
            "Response, MRD, allo-HCT, RFS and OS as in trials; life-years and QALYs.",
        ),
        Item(
            "Methods",
            "Measurement of outcomes",
            "survival",
            "Simulated patient by patient; survival beside published medians and landmarks.",
        ),
        Item(
            "Methods",
            "Valuation of outcomes",
            "inputs",
            "Utilities of health states and decrements, each with its source, among the inputs.",
        ),
        Item(
            "Methods",
            "Measurement and valuation of resources and costs",
            "inputs",
            "Doses, days in hospital, procedures and their unit costs, among the inputs.",
        ),
        Item(
            "Methods",
            "Currency, price date and conversion",
            "question",
            f"{summary['currency']} at the prices of {summary['price_year']}; {_conversion(results)}.",
        ),
        Item(
            "Methods",
            "Rationale and description of model",
            "assumptions",
            "A discrete-event simulation of single patients; its structure in words.",
        ),
        Item(
            "Methods",
            "Analytics and assumptions",
            "assumptions",
            "The structural choices of this scenario, and those that the model always makes.",
        ),
    ]


def _conversion(results: Results) -> str:
    index = results.question.perspective.price_index
    if index is None:
        return "no amount is brought from another year"
    return f"amounts of other years are brought to it with the index {spaced(index)}"


def _methods_of_analysis(analyses: Analyses) -> list[Item]:
    ran = "" if analyses.probabilistic is not None else " It was not run for this report."
    return [
        Item(
            "Methods",
            "Characterising heterogeneity",
            "question",
            "Patients differ in age, sex, line, genetics and disease; results are their average. "
            "Subgroups are scenarios of their own.",
        ),
        Item(
            "Methods",
            "Characterising distributional effects",
            "assumptions",
            "Not looked at; named among the limits.",
        ),
        Item(
            "Methods",
            "Characterising uncertainty",
            "probabilistic",
            f"A probabilistic analysis over the distributions of the inputs.{ran}",
        ),
        Item("Methods", "Approach to engagement", "assumptions", TO_ADD),
    ]


def _findings(results: Results, analyses: Analyses) -> list[Item]:
    inputs = len(results.tables["inputs.csv"])
    ran = "" if analyses.one_way is not None else " It was not run for this report."
    return [
        Item(
            "Results",
            "Study parameters",
            "inputs",
            f"All {inputs} inputs with value, range, distribution, source and status.",
        ),
        Item(
            "Results",
            "Summary of main results",
            "results",
            "Means by category with their errors, differences, and the ratio of cost to effect.",
        ),
        Item(
            "Results",
            "Effect of uncertainty",
            "one_way",
            f"What moves the answer, one input and one structural choice at a time.{ran}",
        ),
        Item("Results", "Effect of engagement", "assumptions", TO_ADD),
        Item(
            "Discussion",
            "Findings, limitations, generalisability and current knowledge",
            "assumptions",
            "What the answer rests on and what it cannot tell; published results beside it.",
        ),
        Item("Other information", "Source of funding", "assumptions", TO_ADD),
        Item("Other information", "Conflicts of interest", "assumptions", TO_ADD),
    ]
