"""Checks of uncertainty: what is drawn, from which distribution, and what is made of the draws."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.analyses.psa.acceptability import ceac, ceaf, switching_thresholds
from sim.analyses.psa.draws_run import Psa
from sim.analyses.shared.paired_runs import Samples, with_values
from sim.analyses.shared.ranges import uncertain_ranges
from sim.analyses.verify.check import (
    MOST_STANDARD_ERRORS,
    ROUNDING,
    Finding,
    Group,
    does_not_apply,
    never_above,
    none_of,
)
from sim.analyses.verify.draws import NOTHING_UNCERTAIN, drawn, psa
from sim.analyses.verify.engines import different_bits
from sim.analyses.verify.subject import Subject
from sim.analyses.voi.information import evpi, evppi
from sim.catalog.distribution import (
    Beta,
    Distribution,
    Gamma,
    Lognormal,
    Normal,
    Posterior,
    Uniform,
)
from sim.catalog.parameter import SCENARIO, Parameter
from sim.catalog.posterior import STUDY
from sim.catalog.values import UNITS
from sim.economics.estimates import Array
from sim.economics.ledger import Account
from sim.scenario.domain import allowed_interval
from sim.simulation.parameter_draws import FIXED, PARTS, fitted_draws
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import Question
from sim.simulation.summary import outcomes
from sim.simulation.tally import COST, DISCOUNTED, EFS_LANDMARK_MONTHS, QALY

UNCERTAINTY: Final = Group("uncertainty")
MOVED: Final = 0.01
"""An input that a rule moves in more draws than that has no longer the moments of its distribution."""
FAR_IN_SD: Final = 6.0
"""A limit that a normal distribution meets nowhere in practice."""
STEPS: Final = 21
"""Thresholds at which acceptability and information are examined, from 0 on."""
FARTHEST: Final = 2.0
"""The last of them, against the highest of the scenario and of those where the choice changes."""
SETS: Final = 17
"""Other parameter sets before that of the base values: one more than are simulated together."""
FEW: Final = 100
"""Patients of a run of which only equality matters."""
GROUP_SIZE: Final = 3
"""Inputs on which partial information is examined."""
LADDER: Final = (1_000, 16_000)
"""Patients of a short and of a long run."""
SLOPE: Final = -0.5
LIGHT_TAILS: Final = 2.0
"""A kurtosis below it is taken for as much, since it is estimated itself."""
WHOLE: Final = 1.0
PAIR: Final = 2
MIX: Final = ".mix."
OF_SPREAD: Final = ("sigma", "shape")
"""Units of what says how patients vary around a median."""
POPULATION: Final = "population."


def most_standard_errors(numbers: int) -> float:
    """Return how far the farthest of many numbers may be, with the false alarms of a single one."""
    from scipy.stats import norm

    return float(norm.isf(norm.sf(MOST_STANDARD_ERRORS) / max(numbers, 1)))


def columns_of(table: pd.DataFrame) -> list[str]:
    """Name the inputs that were drawn."""
    return [str(name) for name in table.columns]


def rows_of(table: pd.DataFrame, draws: int) -> list[dict[str, float]]:
    """Return the first draws, by input; none where nothing was drawn."""
    names = columns_of(table)
    values = table.head(draws).to_numpy(dtype=np.float64).tolist()
    return [dict(zip(names, each, strict=True)) for each in values] if names else []


def drawn_names(question: Question) -> set[str]:
    """Name the inputs that have to be drawn: used, uncertain, and as the catalogue has them."""
    fitted = fitted_draws(question)
    known = set() if fitted is None else set(fitted.columns)
    return {
        name
        for name in question.used
        for parameter in (question.parameters[name],)
        if parameter.distribution.family != FIXED
        or (STUDY in name and name in known and parameter.status != SCENARIO)
        if question.numbers[name] == parameter.value
    }


@UNCERTAINTY.check(
    "Every uncertain input is drawn, and none that is fixed or set by the scenario.",
    standard="ISPOR-SMDM 6; TECH-VER",
    advice="Look at the distribution of the input: python -m sim parameters.",
)
def right_inputs_are_drawn(subject: Subject) -> Finding:
    """Compare the inputs drawn with those whose catalogue entry says so."""
    question, columns = subject.question, set(drawn(subject).columns)
    wrong = columns ^ drawn_names(question)
    # Of no variation: drawn in name only.
    wrong |= {name for name in columns if np.ptp(drawn(subject)[name].to_numpy()) == 0.0}
    return none_of(len(wrong), len(question.used), "inputs")


@UNCERTAINTY.check(
    "Every draw of every input is within the limits of its unit and of the rules between inputs.",
    standard="TECH-VER; ISPOR-SMDM 6",
    advice="Look at the distribution of the input and at sim.scenario.domain.",
)
def draws_within_limits(subject: Subject) -> Finding:
    """Look at the smallest and largest draw, and at each rule in the first draws."""
    table, question = drawn(subject), subject.question
    if table.empty:
        return does_not_apply(NOTHING_UNCERTAIN)
    wrong = sum(
        question.parameters[name].check(float(end)) is not None
        for name in columns_of(table)
        for end in (table[name].min(), table[name].max())
    )
    rules = [rule for rule in question.rules if any(name in table for name in rule.names)]
    for row in rows_of(table, FEW):
        numbers = {**question.numbers, **row}
        wrong += sum(rule.problem(numbers) is not None for rule in rules)
    return none_of(wrong, 2 * len(table.columns) + FEW * len(rules), "limits and rules")


def reference(parameter: Parameter) -> Any:  # noqa: ANN401 - a distribution of scipy
    """Return the distribution as scipy has it, of a lognormal that of the logarithm."""
    from scipy import stats

    match parameter.distribution:
        case Beta(alpha, beta):
            return stats.beta(alpha, beta)
        case Gamma(shape, scale):
            return stats.gamma(shape, scale=scale)
        case Lognormal(median, sigma):
            return stats.norm(math.log(median), sigma)
        case Normal(mean, sd):
            return stats.norm(mean, sd)
        case Uniform(low, high):
            return stats.uniform(low, high - low)
    return None


def moments(subject: Subject) -> Iterator[tuple[str, float, float]]:
    """Yield of each input how far mean and SD of its draws are off, in standard errors.

    The error of an SD is ``sd sqrt((kurtosis - 1) / (4 n))``.
    """
    table, question = drawn(subject), subject.question
    fitted = fitted_draws(question)
    for name in columns_of(table):
        parameter = question.parameters[name]
        values = table[name].to_numpy(dtype=np.float64)
        if UNITS[parameter.unit].whole or _is_moved(question, parameter):
            continue
        if fitted is not None and name in fitted and (_is_fitted(parameter) or STUDY in name):
            draws = fitted[name].to_numpy(dtype=np.float64)
            mean, sd = float(draws.mean()), float(draws.std())
            kurtosis = float(np.mean((draws - mean) ** 4)) / sd**4
        else:
            wanted = reference(parameter)
            mean, variance, excess = (float(each) for each in wanted.stats(moments="mvk"))
            sd, kurtosis = math.sqrt(variance), excess + 3.0
            values = np.log(values) if isinstance(parameter.distribution, Lognormal) else values
        n = len(values)
        off_mean = (float(values.mean()) - mean) / (sd / math.sqrt(n))
        sd_error = sd * math.sqrt((kurtosis - 1.0) / (4.0 * n))
        yield name, off_mean, (float(values.std(ddof=1)) - sd) / sd_error


def _is_fitted(parameter: Parameter) -> bool:
    return isinstance(parameter.distribution, Posterior)


def _is_moved(question: Question, parameter: Parameter) -> bool:
    """Whether another input limits it, in more than a few draws."""
    low, high = allowed_interval(parameter, question.rules, question.numbers)
    ends = (parameter.distribution.quantile(each) for each in (MOVED, 1.0 - MOVED))
    return not all(low <= end <= high for end in ends)


@UNCERTAINTY.check(
    "Mean and standard deviation of the draws of each input are those of its distribution.",
    standard="TECH-VER; Dasbach and Elbasha; ISPOR-SMDM 6",
    advice="Look for a standard deviation taken for a standard error, or a distribution on another "
    "scale.",
)
def moments_of_draws(subject: Subject) -> Finding:
    """Compare with scipy's moments; more numbers may be farther off by chance."""
    found = {name: max(abs(mean), abs(sd)) for name, mean, sd in moments(subject)}
    if not found:
        return does_not_apply(NOTHING_UNCERTAIN)
    worst = max(found, key=lambda name: found[name])
    most = most_standard_errors(2 * len(found))
    text = f"farthest of {len(found):,} inputs: {worst}, {found[worst]:.1f} standard errors"
    return Finding(text, f"within {most:.1f} standard errors", found[worst] <= most)


@UNCERTAINTY.check(
    "The family of each distribution fits the kind of quantity: shares between 0 and 1, ratios and "
    "costs above 0.",
    standard="ISPOR-SMDM 6; TECH-VER",
    advice="Choose a beta for shares, a gamma or lognormal for costs and times, a lognormal for ratios.",
)
def families_fit(subject: Subject) -> Finding:
    """Look whether the support of each family holds only values that the quantity can have."""
    question = subject.question
    names = drawn_names(question)
    wrong = sum(not _fits(question.parameters[name]) for name in names)
    return none_of(wrong, len(names), "distributions")


def _fits(parameter: Parameter) -> bool:
    unit = UNITS[parameter.unit]
    low, high = _support(parameter.distribution)
    # The upper limits of other units are there against slips of the pen.
    return (unit.low < 0.0 or low >= 0.0) and (unit.high > WHOLE or high <= WHOLE)


def _support(distribution: Distribution) -> tuple[float, float]:
    match distribution:
        case Gamma() | Lognormal():
            return 0.0, math.inf
        case Normal(mean, sd):
            return mean - FAR_IN_SD * sd, mean + FAR_IN_SD * sd
    return distribution.quantile(0.0), distribution.quantile(1.0)


@UNCERTAINTY.check(
    "Shares of one whole never add up to more than the whole, in any draw.",
    standard="TECH-VER; ISPOR-SMDM 6",
    advice="Shares counted in the same patients are drawn together: look at Whole.",
)
def shares_of_a_whole(subject: Subject) -> Finding:
    """Add up the shares of each whole, draw by draw; those that are fixed have their value."""
    table, question = drawn(subject), subject.question
    of_one: dict[str, list[Any]] = defaultdict(list)
    for name in sorted(question.used):
        found = next((match for part in PARTS if (match := part.fullmatch(name))), None)
        # The shares of a mix are relative to their sum, whatever it is.
        if found is not None and MIX not in name:
            shares = table[name].to_numpy() if name in table else question.numbers[name]
            of_one["".join(group or "" for group in found.groups())].append(shares)
    totals = [np.broadcast_to(sum(shares), len(table)) for shares in of_one.values()]
    wrong = sum(int(np.count_nonzero(total > WHOLE + ROUNDING)) for total in totals)
    return none_of(wrong, sum(total.size for total in totals), "sums of shares")


@UNCERTAINTY.check(
    "Inputs that were fitted together are drawn together: their correlations are those of the joint "
    "posterior.",
    standard="TECH-VER; ISPOR-SMDM 6",
    advice="A draw is one row of the posterior: look for columns that are drawn one by one.",
)
def correlations_are_kept(subject: Subject) -> Finding:
    """Compare correlations by rank, on the scale of Fisher."""
    from scipy.stats import spearmanr

    table, fitted = drawn(subject), fitted_draws(subject.question)
    together = (
        []
        if fitted is None
        else [
            name
            for name in columns_of(table)
            if name in fitted and (_is_fitted(subject.question.parameters[name]) or STUDY in name)
            if np.ptp(table[name].to_numpy()) > 0.0
        ]
    )
    if fitted is None or len(together) < PAIR:
        return does_not_apply("no two inputs were fitted together")
    ours, theirs = (
        np.atleast_2d(spearmanr(each[together].to_numpy()[:, :]).statistic)
        for each in (table, fitted)
    )
    if len(together) == PAIR:
        ours, theirs = (np.array([[1.0, each[0, 0]], [each[0, 0], 1.0]]) for each in (ours, theirs))
    off = [
        abs(math.atanh(_inside(ours[i, j])) - math.atanh(_inside(theirs[i, j])))
        * math.sqrt((len(table) - 3.0) / (1.0 + 0.5 * theirs[i, j] ** 2))
        for i, j in combinations(range(len(together)), PAIR)
    ]
    most = most_standard_errors(len(off))
    text = f"farthest of {len(off):,} correlations: {max(off):.1f} standard errors"
    return Finding(text, f"within {most:.1f} standard errors", max(off) <= most)


def _inside(correlation: float) -> float:
    """Return a correlation of which Fisher's transform is finite."""
    return min(max(float(correlation), ROUNDING - 1.0), 1.0 - ROUNDING)


@UNCERTAINTY.check(
    "Without variance the answer is the deterministic one, exactly.",
    standard="TECH-VER",
    advice="Parameter sets are written over one another: look at Rebinder for one that is not restored.",
)
def no_variance(subject: Subject) -> Finding:
    """Simulate the base values as a parameter set, after sets that were drawn."""
    table, question = drawn(subject), replace(subject.question, patients=FEW)
    # On one thread, so that the base values follow drawn ones in the same place.
    *_, last = run_sets(question, [*rows_of(table, SETS), {}], threads=1)
    base = subject.simulated(question).tally
    ours, theirs = (
        np.concatenate([each.ravel() for each in tally.sums]) for tally in (last.tally, base)
    )
    return none_of(different_bits(ours, theirs), ours.size, "sums")


def changes(found: Psa) -> list[float]:
    """Return the thresholds at which the strategy of the most expected net benefit changes."""
    means = (found.values(name).mean(axis=0) for name in ("cost", "qalys"))
    return [change.threshold for change in switching_thresholds(*means)]


def grid(found: Psa) -> Array:
    """Return the thresholds at which acceptability and information are examined."""
    return np.linspace(0.0, FARTHEST * max([*found.question.thresholds, *changes(found)]), STEPS)


@UNCERTAINTY.check(
    "Acceptability is a share: between 0 and 1, of all strategies 1 at each threshold, and that of "
    "the draws in which each has the most net benefit.",
    standard="TECH-VER; ISPOR-SMDM 6",
    advice="Look at sim.analyses.psa.acceptability.ceac.",
)
def acceptability_is_a_share(subject: Subject) -> Finding:
    """Count the best strategy of each draw anew."""
    found = psa(subject)
    if found is None:
        return does_not_apply(NOTHING_UNCERTAIN)
    costs, qalys, thresholds = found.values("cost"), found.values("qalys"), grid(found)
    shares = ceac(costs, qalys, thresholds)
    wrong = int(np.count_nonzero((shares < 0.0) | (shares > WHOLE)))
    wrong += int(np.count_nonzero(np.abs(shares.sum(axis=1) - WHOLE) > ROUNDING))
    for row, threshold in zip(shares, thresholds, strict=True):
        benefits = threshold * qalys - costs
        best = benefits >= benefits.max(axis=1, keepdims=True)
        mine = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
        wrong += int(np.count_nonzero(np.abs(mine - row) > ROUNDING))
    return none_of(wrong, 2 * shares.size + len(shares), "shares and sums")


@UNCERTAINTY.check(
    "Perfect information is never worth less than nothing, and nothing where one strategy is always "
    "the best.",
    standard="TECH-VER; ISPOR-SMDM 6; Strong",
    advice="Look at sim.analyses.voi.information.evpi.",
)
def information_is_worth_something(subject: Subject) -> Finding:
    """Compute the value from the draws anew, then where the dearest strategy costs far more."""
    found = psa(subject)
    if found is None:
        return does_not_apply(NOTHING_UNCERTAIN)
    costs, qalys = found.values("cost"), found.values("qalys")
    # Each strategy as the first, and dearer than the one before it by more than anything is worth.
    dearer = costs[:, [0]] + 2.0 * float(costs.max()) * np.arange(costs.shape[1])
    wrong = 0
    for threshold in grid(found).tolist():
        benefits = threshold * qalys - costs
        wanted = float(benefits.max(axis=1).mean() - benefits.mean(axis=0).max())
        value = evpi(costs, qalys, threshold).mean
        scale = max(float(np.abs(benefits).max()), 1.0)
        wrong += value < 0.0 or abs(value - wanted) > ROUNDING * scale
        wrong += evpi(dearer, np.broadcast_to(qalys[:, [0]], qalys.shape), threshold).mean != 0.0
    return none_of(wrong, 2 * STEPS, "values of information")


@UNCERTAINTY.check(
    "The acceptability frontier follows the strategy with the most expected net benefit.",
    standard="ISPOR-SMDM 6; TECH-VER",
    advice="Look at sim.analyses.psa.acceptability.ceaf.",
)
def frontier_has_the_most_expected_benefit(subject: Subject) -> Finding:
    """Compare it with the largest mean over the draws, and its share with that of the curve."""
    found = psa(subject)
    if found is None:
        return does_not_apply(NOTHING_UNCERTAIN)
    costs, qalys, thresholds = found.values("cost"), found.values("qalys"), grid(found)
    best = ceaf(costs, qalys, thresholds)
    shares = ceac(costs, qalys, thresholds)
    wrong = 0
    for k, threshold in enumerate(thresholds.tolist()):
        means = (threshold * qalys - costs).mean(axis=0).tolist()
        chosen = int(best.strategy[k])
        wrong += means[chosen] < max(means) - ROUNDING * max(*map(abs, means), 1.0)
        wrong += abs(float(best.probability[k] - shares[k, chosen])) > ROUNDING
    return none_of(wrong, 2 * len(thresholds), "choices and shares")


@UNCERTAINTY.check(
    "Information on some inputs is worth no more than on all, and on none of them nothing.",
    standard="ISPOR-SMDM 6; Strong",
    advice="Look at sim.analyses.voi.information.evppi; more draws make the regression more certain.",
)
def some_information_is_worth_less(subject: Subject) -> Finding:
    """Regress net benefit on the inputs that go most with it, and on one that does not vary."""
    found = psa(subject)
    if found is None:
        return does_not_apply(NOTHING_UNCERTAIN)
    costs, qalys = found.values("cost"), found.values("qalys")
    thresholds = [*found.question.thresholds, *changes(found)]
    group = found.parameters.to_numpy(dtype=np.float64)[:, _strongest(found, thresholds[-1])]
    nothing = np.zeros((len(costs), 1))
    excess = -math.inf
    wrong = 0
    for threshold, some, none in zip(
        thresholds,
        evppi(group, costs, qalys, thresholds),
        evppi(nothing, costs, qalys, thresholds),
        strict=True,
    ):
        everything = evpi(costs, qalys, threshold)
        above = some.value - everything.mean
        # Never of no error where it is above at all, but by a fault.
        error = max(math.hypot(some.se, everything.se), ROUNDING)
        excess = max(excess, above / error)
        wrong += some.value < 0.0 or none.value != 0.0
    text = f"{excess:+.1f} standard errors from that of all; {wrong} below 0, or of nothing"
    allowed = f"at most {MOST_STANDARD_ERRORS:g}; none"
    return Finding(text, allowed, excess <= MOST_STANDARD_ERRORS and wrong == 0)


def _strongest(found: Psa, threshold: float) -> list[int]:
    """Return the columns of the inputs that correlate most with the strategies' net benefits."""
    benefits = found.inmb(threshold) if len(found.strategies) > 1 else found.values("qalys")
    inputs = found.parameters.to_numpy(dtype=np.float64)
    varied = np.flatnonzero(np.ptp(inputs, axis=0) > 0.0)
    standard = (inputs[:, varied] - inputs[:, varied].mean(axis=0)) / inputs[:, varied].std(axis=0)
    strength = ((standard.T @ (benefits - benefits.mean(axis=0))) ** 2).sum(axis=1)
    return [int(column) for column in varied[np.argsort(-strength, kind="stable")[:GROUP_SIZE]]]


@UNCERTAINTY.check(
    "In every draw, not only on average, EFS is no more than OS, and QALYs no more than life-years.",
    standard="NICE TSD 19; TECH-VER",
    advice="Look at the outcomes of the draw: python -m sim psa writes them.",
)
def possible_in_every_draw(subject: Subject) -> Finding:
    """Compare the outcomes of each draw."""
    found = psa(subject)
    if found is None:
        return does_not_apply(NOTHING_UNCERTAIN)
    pairs = [
        (f"efs_{EFS_LANDMARK_MONTHS}_months_percent", f"os_{EFS_LANDMARK_MONTHS}_months_percent"),
        ("qalys", "life_years"),
        ("qalys_undiscounted", "life_years_undiscounted"),
        ("complete_remission_percent", "response_percent"),
        ("hct_in_remission_percent", "hct_ever_percent"),
    ]
    lower, upper = (
        np.concatenate([found.values(pair[side]) for pair in pairs]) for side in range(PAIR)
    )
    # OS after the horizon is not known.
    known = ~np.isnan(upper)
    return never_above(lower[known], upper[known], "outcomes")


@UNCERTAINTY.check(
    "Monte Carlo errors fall with the square root of the number of patients.",
    standard="ISPOR-SMDM 4; NICE TSD 15",
    advice="Look at the errors in sim.simulation.summary.",
)
def errors_fall(subject: Subject) -> Finding:
    """Compare the errors of a short and of a long run; long tails make the comparison uncertain.

    The relative error of a standard error is ``sqrt((kurtosis - 1) / (4 n))``.
    """
    from scipy.stats import kurtosis

    few, many = (
        subject.simulated(replace(subject.question, patients=patients)) for patients in LADDER
    )
    steps = math.log(LADDER[1] / LADDER[0])
    horizon = subject.question.settings.horizon_days
    errors = [outcomes(each.tally, horizon) for each in (few, many)]
    found: list[tuple[float, float]] = []
    for name, account in (("qalys", Account.QALY), ("cost", Account.COST)):
        short, long = (each[name].se for each in errors)
        varied = (short > 0.0) & (long > 0.0)
        tails = np.maximum(kurtosis(many.total(account), axis=0, fisher=False), LIGHT_TAILS)
        uncertain = np.sqrt((tails - 1.0) / 4.0 * sum(1.0 / each for each in LADDER)) / steps
        for s in np.flatnonzero(varied):
            exponent = math.log(long[s] / short[s]) / steps
            found.append((exponent, abs(exponent - SLOPE) / float(uncertain[s])))
    if not found:
        return does_not_apply("costs and QALYs do not vary between patients")
    exponent, off = max(found, key=lambda each: each[1])
    most = most_standard_errors(len(found))
    text = f"exponent {exponent:.3f}, {off:.1f} standard errors from {SLOPE:g}"
    return Finding(text, f"within {most:.1f} standard errors", off <= most)


@UNCERTAINTY.check(
    "An input moved to its base value changes exactly nothing.",
    standard="TECH-VER; ISPOR-SMDM 6",
    advice="A one-way analysis does not restore an input, or its base is not the scenario's value.",
)
def base_value_changes_nothing(subject: Subject) -> Finding:
    """Move each input of the one-way analysis to its upper end, then to its base value."""
    question = replace(subject.question, patients=FEW)
    ends = {each.name: each.high for each in uncertain_ranges(question, fitted_draws(question))}
    if not ends:
        return does_not_apply(NOTHING_UNCERTAIN)
    values = [
        {name: value} for name, end in ends.items() for value in (end, question.numbers[name])
    ]
    moved = [with_values(question, each) for each in values]
    samples = list(Samples((), together=1)(moved))
    base = subject.simulated(question).tally
    wanted = (base.sums.values[:, DISCOUNTED] / FEW)[:, [COST, QALY]].T
    wrong = sum(
        different_bits(np.stack([each.cost, each.qalys]), wanted) > 0 for each in samples[1::2]
    )
    return none_of(wrong, len(ends), "inputs")


@UNCERTAINTY.check(
    "How much patients vary is uncertain itself: the spreads and shapes of their times are drawn.",
    standard="ISPOR-SMDM 6; Degeling",
    advice="Give the sigma or the shape a distribution; those that describe the cohort may be fixed.",
)
def spread_is_uncertain(subject: Subject) -> Finding:
    """Look for fixed sigmas and shapes, but for those of the population and of the scenario."""
    question = subject.question
    names = [
        name
        for name in question.used
        if question.parameters[name].unit in OF_SPREAD
        and not name.startswith(POPULATION)
        and question.parameters[name].status != SCENARIO
    ]
    fixed = sum(question.parameters[name].distribution.family == FIXED for name in names)
    return none_of(fixed, len(names), "spreads and shapes")
