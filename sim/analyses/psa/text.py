"""The answer of a probabilistic analysis as it is printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from sim.analyses.psa.allocation import (
    NAIVE_PATIENTS,
    NOISE_SHARE,
    PILOT_DRAWS,
    PILOT_PATIENTS,
    Allocation,
    rounded_up,
)
from sim.analyses.psa.analysis import Answer, Choice, Planned
from sim.analyses.psa.draws_run import INCREMENTS
from sim.analyses.psa.noise import FEWEST_DRAWS, LARGEST_ERROR, MOST_NOISE, Split
from sim.analyses.psa.variance import variance_words
from sim.analyses.shared.outcomes import middle_threshold
from sim.clinic.units import PERCENT
from sim.economics.estimates import Estimate
from sim.economics.incremental import Increment
from sim.layout.cells import NOTHING, SYMBOLS, patients_in_words
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph, print_question

OUTCOMES: Final = (
    ("response_percent", "CR/CRh/CRi, %", 1),
    ("mrd_negative_percent", "MRD-negative remission, %", 1),
    ("hct_ever_percent", "Allo-HCT ever, %", 1),
    ("os_24_months_percent", "OS at 2 years, %", 1),
    ("life_years", "Life-years", 3),
    ("qalys", "QALYs", 3),
)
VALUES: Final = (("life_years", "Life-years"), ("qalys", "QALYs"), ("cost", "Cost"))
SHOWN: Final = (*(name for name, _, _ in OUTCOMES), "cost")
ENDS: Final = "95 % interval (errors of its ends)"
WHY: Final = (
    f"where there are fewer than {FEWEST_DRAWS} draws, where more than {MOST_NOISE:.0%} of their "
    f"variance is Monte Carlo noise, or where an end has an error above {LARGEST_ERROR:.0%} of the "
    "interval's width"
)
"""Why an interval is not given."""
SHARE: Final = "{:.1f}"
NOISY: Final = 0.1
"""A share of noise that is reported with probabilities."""
MEANS: Final = (
    "Standard errors are those of the means and, after a 95 % interval, of its low and high end: "
    "of the number of draws and of patients. Intervals are quantiles of the draws with the Monte "
    "Carlo noise taken out (analysis of variance, O'Hagan 2007): the uncertainty of the inputs. "
    "Mean over draws and deterministic run need not "
    "agree, where the model is not linear in its inputs."
)
LOSS: Final = (
    "Expected loss is what a strategy is expected to forgo, per patient, against choosing the best "
    "one in each draw; that of the best strategy is the expected value of perfect information. "
    "The noise is taken out."
)
NO_INTERVAL: Final = "no interval"
CONSTANT: Final = "does not vary"
Format = Callable[[float], str]


def print_psa(console: Console, answer: Answer) -> None:
    """Print the whole answer."""
    psa = answer.psa
    question = psa.question
    symbol = SYMBOLS[question.perspective.currency]
    simulated = (
        f"{psa.draws:,} draws of {len(psa.parameters.columns)} uncertain parameters; each draw in "
        f"{patients_in_words(question.patients)} of its own, the same under each strategy; "
        f"seed {question.seed}"
    )
    benefit = "incremental net monetary benefit" if answer.gains else "net monetary benefit"
    chosen = [("Chosen", _reason(answer.planned, symbol, benefit))] if answer.planned else []
    print_question(console, question, ("Simulated", simulated), *chosen)
    print_table(console, _strategies(answer, symbol))
    if answer.gains:
        print_table(console, _increments(answer, symbol))
        print_table(console, _decision(answer, symbol))
        print_table(console, _noise(answer, symbol))
    _notes(console, answer)


def _reason(planned: Planned, symbol: str, benefit: str) -> str:
    """Describe the chosen numbers, their reason, and the work saved."""
    found, chosen = planned.variances, planned.allocation
    money = _money(symbol)
    return (
        f"{chosen.draws:,} draws of {chosen.patients:,} patients. In a pilot of {PILOT_DRAWS} "
        f"draws of {PILOT_PATIENTS:,} patients, the {benefit} of {found.strategy} at "
        f"{money(found.threshold)} per QALY had a standard deviation of "
        f"{money(math.sqrt(found.between))} between draws and of {money(math.sqrt(found.within))} "
        f"between patients. The chosen numbers leave its mean a standard error of about "
        f"{money(chosen.se)}, and make {chosen.noise_share:.0%} of the variance between draws "
        f"Monte Carlo noise. {_saving(chosen, money)}"
    ).rstrip()


def _saving(chosen: Allocation, money: Format) -> str:
    if chosen.saved <= 0.0:
        return ""
    saved = f"this takes {chosen.saved:.0%} less work."
    if chosen.naive_draws == chosen.draws:
        return (
            f"The same draws with the customary {NAIVE_PATIENTS:,} patients each would leave it "
            f"{money(chosen.naive_se)}: {saved}"
        )
    return (
        f"With the customary {NAIVE_PATIENTS:,} patients in each, the same error needs "
        f"{chosen.naive_draws:,} draws: {saved}"
    )


def _strategies(answer: Answer, symbol: str) -> Table:
    psa = answer.psa
    perspective = psa.question.perspective
    labels = {s.name: s.shown_name for s in psa.question.scenario.strategies}
    found = [answer.outcomes[name] for name in psa.strategies]
    means = [
        Row(label, [_split(outcomes[name], _fixed(digits)) for outcomes in found])
        for name, label, digits in OUTCOMES
    ]
    cost = f"Cost in {perspective.currency} of {perspective.price_year}"
    means.append(Row(cost, [_split(outcomes["cost"], _money(symbol)) for outcomes in found]))
    base = [Row(_deterministic(answer))]
    base += [
        Row(f"  {label}", [_estimate(each, _format(name, symbol)) for each in psa.expected(name)])
        for name, label in VALUES
    ]
    headings = [labels[name] for name in psa.strategies]
    return Table(f"Mean over draws (standard error), {ENDS}", headings, [means, base])


def _increments(answer: Answer, symbol: str) -> Table:
    gains = answer.gains
    money = _money(symbol)
    labels = {s.name: s.shown_name for s in answer.psa.question.scenario.strategies}
    means = [
        Row(label, [_split(gain.splits[name], _format(name, symbol)) for gain in gains])
        for name, label in VALUES
    ]
    means.append(Row("ICER, ratio of the means", [_icer(gain.increment, symbol) for gain in gains]))
    benefits = [
        Row(_benefit(threshold, symbol), [_split(gain.nmb[threshold], money) for gain in gains])
        for threshold in gains[0].nmb
    ]
    base = [Row(_deterministic(answer))]
    base += [
        Row(
            f"  {label}",
            [_estimate(getattr(gain.deterministic, name), _format(name, symbol)) for gain in gains],
        )
        for name, label in VALUES
    ]
    base.append(Row("  ICER", [_icer(gain.deterministic, symbol) for gain in gains]))
    base += [
        Row(
            f"  {_benefit(threshold, symbol)}",
            [_estimate(gain.deterministic.nmb(threshold), money) for gain in gains],
        )
        for threshold in gains[0].nmb
    ]
    return Table(
        f"Difference from {labels[gains[0].increment.comparator]}, mean over draws "
        f"(standard error), {ENDS}",
        [labels[gain.increment.strategy] for gain in gains],
        [means, benefits, base],
    )


def _decision(answer: Answer, symbol: str) -> Table:
    psa = answer.psa
    labels = {s.name: s.shown_name for s in psa.question.scenario.strategies}
    return Table(
        "Which strategy is the most cost-effective (standard error)",
        [labels[name] for name in psa.strategies],
        [_choice(choice, symbol) for choice in answer.choices],
    )


def _choice(choice: Choice, symbol: str) -> list[Row]:
    money = _money(symbol)
    shares = zip(choice.probability, choice.probability_se, strict=True)
    losses = zip(choice.loss, choice.loss_se, strict=True)
    silent = zip(choice.probability_without_noise, choice.probability_without_noise_se, strict=True)
    percent, without_noise = (
        [Estimate(PERCENT * share, PERCENT * error) for share, error in each]
        for each in (shares, silent)
    )
    return [
        Row(f"At {money(choice.threshold)} per QALY"),
        Row("  Probability, %", [_estimate(each, SHARE.format) for each in percent]),
        Row(
            "  Probability without Monte Carlo noise, %",
            [_estimate(each, SHARE.format) for each in without_noise],
        ),
        Row("  Expected loss", [_estimate(Estimate(*each), money) for each in losses]),
    ]


def _noise(answer: Answer, symbol: str) -> Table:
    gains = answer.gains
    labels = {s.name: s.shown_name for s in answer.psa.question.scenario.strategies}

    names = dict(VALUES)
    rows = [Row(names[name], [_share(gain.splits[name]) for gain in gains]) for name in INCREMENTS]
    rows += [
        Row(_benefit(threshold, symbol), [_share(gain.nmb[threshold]) for gain in gains])
        for threshold in gains[0].nmb
    ]
    return Table(
        "Monte Carlo noise in the variance of a difference between draws, %",
        [labels[gain.increment.strategy] for gain in gains],
        [rows],
    )


def _notes(console: Console, answer: Answer) -> None:
    notes = [MEANS, LOSS] if answer.gains else [MEANS]
    several = len(answer.gains) > 1
    for gain in answer.gains:
        if words := variance_words(gain.variance):
            notes.append(f"{gain.increment.strategy}: {words}" if several else words)
    middle = middle_threshold(answer.psa.question.thresholds)
    if any(gain.nmb[middle].noise_share > NOISY for gain in answer.gains):
        notes.append(
            f"More than {NOISY:.0%} of a variance is Monte Carlo noise, so shares of draws lie "
            "nearer to the middle than probabilities do. With --draws N --patients auto about "
            f"{NOISE_SHARE:.0%} is."
        )
    for note in [*notes, *missing_intervals(answer), DISCLAIMER]:
        print_paragraph(console, note)


def missing_intervals(answer: Answer) -> list[str]:
    """Say why intervals of the tables are not given, and the numbers that would give them."""
    psa = answer.psa
    shown = [answer.outcomes[name][key] for name in psa.strategies for key in SHOWN]
    for gain in answer.gains:
        shown += [*gain.splits.values(), *gain.nmb.values()]
    missing = [found for found in shown if math.isfinite(found.mean) and not found.has_interval]
    if not missing:
        return []
    reason = f"{NO_INTERVAL.capitalize()} is given ({len(missing)} of {len(shown)}) {WHY}. "
    return [reason + remedy(psa.draws, psa.question.patients, missing)]


def remedy(draws: int, patients: int, missing: Sequence[Split]) -> str:
    """Say how many more draws, or patients in each, would give the intervals."""
    more = [max(found.more_patients for found in missing), max(f.more_draws for f in missing)]
    if math.isnan(more[0]) or math.isnan(more[1]):
        return "The noise of some is not known."
    ways = []
    if math.isfinite(more[0]):
        ways.append(f"about {rounded_up(more[0] * patients):,} patients in each of as many draws")
    if math.isfinite(more[1]):
        ways.append(f"about {rounded_up(more[1] * draws):,} draws of as many patients")
    if not ways:
        ways.append(f"more draws, at least {max(FEWEST_DRAWS, draws):,}, of more patients")
    return f"For all of them it takes {' or '.join(ways)}."


def _share(found: Split) -> Cell:
    return Cell(_or_nothing(PERCENT * found.noise_share, SHARE.format))


def _deterministic(answer: Answer) -> str:
    return f"Deterministic run, {patients_in_words(answer.psa.base_patients)}"


def _benefit(threshold: float, symbol: str) -> str:
    return f"Net monetary benefit at {_money(symbol)(threshold)} per QALY"


def _icer(increment: Increment, symbol: str) -> Cell:
    if increment.icer is None or increment.quadrant in ("dominant", "dominated", "equal"):
        return Cell(increment.quadrant)
    error = increment.icer_se
    cell = _estimate(Estimate(increment.icer, math.nan if error is None else error), _money(symbol))
    saved = " saved per QALY given up" if increment.qalys.mean < 0.0 else ""
    return Cell(cell.value, cell.error + saved)


def _split(found: Split, shown: Format) -> Cell:
    if math.isnan(found.mean):
        return Cell(NOTHING)
    return Cell(shown(found.mean), f" ({_error(found.se, shown)}), {_interval(found, shown)}")


def _interval(found: Split, shown: Format) -> str:
    if found.is_constant:
        return CONSTANT
    if not found.has_interval:
        return NO_INTERVAL
    ends = ((found.low, found.low_se), (found.high, found.high_se))
    return " to ".join(f"{shown(end)} ({_error(error, shown)})" for end, error in ends)


def _error(error: float, shown: Format) -> str:
    return shown(error).lstrip("$£")


def _estimate(estimate: Estimate, shown: Format) -> Cell:
    error = "" if math.isnan(estimate.se) else f" ({_error(estimate.se, shown)})"
    return Cell(_or_nothing(estimate.mean, shown), error)


def _or_nothing(value: float, shown: Format) -> str:
    return shown(value) if math.isfinite(value) else NOTHING


def _format(name: str, symbol: str) -> Format:
    return _money(symbol) if name == "cost" else _fixed(3)


def _fixed(digits: int) -> Format:
    return f"{{:.{digits}f}}".format


def _money(symbol: str) -> Format:
    def shown(amount: float) -> str:
        return f"{'-' if round(amount) < 0 else ''}{symbol}{abs(amount):,.0f}"

    return shown
