"""Checks of uncertainty: what is drawn, from which distribution, and what is made of the draws."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from sim.analyses.psa.acceptability import ceac, ceaf, switching_thresholds
from sim.analyses.psa.draws_run import Psa, run_psa
from sim.analyses.shared.paired_runs import Samples, with_values
from sim.analyses.shared.ranges import uncertain_ranges
from sim.analyses.verify.check import (
    MOST_STANDARD_ERRORS,
    ROUNDING,
    Finding,
    Subject,
    never_above,
    none_of,
    once,
    only_where,
)
from sim.analyses.verify.engines import different_bits, flat
from sim.analyses.voi.information import evpi, evppi
from sim.catalog import distribution as families
from sim.catalog.parameter import SCENARIO, Parameter
from sim.catalog.posterior import STUDY
from sim.catalog.values import UNITS
from sim.economics.estimates import Array
from sim.economics.ledger import Account
from sim.scenario.domain import allowed_interval
from sim.simulation.parameter_draws import FIXED, PARTS, draw_parameters, fitted_draws, uncertain
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import Question
from sim.simulation.summary import outcomes
from sim.simulation.tally import COST, DISCOUNTED, EFS_LANDMARK_MONTHS, QALY

DRAWS: Final = 1_000
"""Of the inputs alone."""
PSA_DRAWS: Final = 200
PSA_PATIENTS: Final = 100
NOTHING_UNCERTAIN: Final = "no input that the scenario uses is uncertain"
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
ALMOST_ONE: Final = 1.0 - ROUNDING
MIX: Final = ".mix."
OF_SPREAD: Final = ("sigma", "shape")
"""Units of what says how patients vary around a median."""
POPULATION: Final = "population."


def most_standard_errors(numbers: int) -> float:
    """Return how far the farthest of many numbers may be, with the false alarms of a single one."""
    from scipy.stats import norm

    return float(norm.isf(norm.sf(MOST_STANDARD_ERRORS) / max(numbers, 1)))


@once
def drawn(subject: Subject) -> pd.DataFrame:
    """Draw the inputs: a row a draw, a column an input; no columns where nothing is uncertain."""
    question = subject.question
    if not uncertain(question, fitted_draws(question)):
        return pd.DataFrame(index=range(DRAWS))
    return draw_parameters(question, DRAWS, question.seed)


@once
def psa(subject: Subject) -> Psa:
    """Run a small probabilistic analysis."""
    question = replace(subject.question, patients=PSA_PATIENTS)
    only_where(uncertain(question, fitted_draws(question)), NOTHING_UNCERTAIN)
    return run_psa(question, PSA_DRAWS, patients=PSA_PATIENTS)


def rows_of(table: pd.DataFrame, draws: int) -> list[dict[str, float]]:
    """Return the first draws, by input; none where nothing was drawn."""
    values = table.head(draws).to_numpy(dtype=np.float64).tolist()
    return [dict(zip(table.columns, row, strict=True)) for row in values if row]


def fitted_inputs(subject: Subject) -> pd.DataFrame:
    """Return the joint posterior of the inputs that were fitted together and are drawn."""
    question, fitted = subject.question, fitted_draws(subject.question)
    if fitted is None:
        return pd.DataFrame()
    names = [
        name
        for name in drawn(subject).columns
        if name in fitted
        and (
            isinstance(question.parameters[name].distribution, families.Posterior) or STUDY in name
        )
    ]
    return fitted[names]


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


def _within(text: str, off: float, numbers: int) -> Finding:
    """Return a finding on the farthest of many numbers; more may be farther off by chance."""
    most = most_standard_errors(numbers)
    return Finding(text, f"within {most:.1f} standard errors", off <= most)


def right_inputs_are_drawn(subject: Subject) -> Finding:
    """Compare the inputs drawn with those whose catalogue entry says so."""
    question, table = subject.question, drawn(subject)
    wrong = set(table.columns) ^ drawn_names(question)
    # Of no variation: drawn in name only.
    wrong |= {name for name in table.columns if np.ptp(table[name].to_numpy()) == 0.0}
    return none_of(len(wrong), "inputs", len(question.used))


def draws_within_limits(subject: Subject) -> Finding:
    """Look at the smallest and largest draw, and at each rule in the first draws."""
    table, question = drawn(subject), subject.question
    only_where(not table.empty, NOTHING_UNCERTAIN)
    wrong = [
        question.parameters[name].check(float(end)) is not None
        for name in table.columns
        for end in (table[name].min(), table[name].max())
    ]
    rules = [rule for rule in question.rules if any(name in table for name in rule.names)]
    for row in rows_of(table, FEW):
        numbers = {**question.numbers, **row}
        wrong += [rule.problem(numbers) is not None for rule in rules]
    return none_of(wrong, "limits and rules")


def reference(parameter: Parameter) -> Any:  # noqa: ANN401 - a distribution of scipy
    """Return the distribution as scipy has it, of a lognormal that of the logarithm."""
    from scipy import stats

    match parameter.distribution:
        case families.Beta(alpha, beta):
            return stats.beta(alpha, beta)
        case families.Gamma(shape, scale):
            return stats.gamma(shape, scale=scale)
        case families.Lognormal(median, sigma):
            return stats.norm(math.log(median), sigma)
        case families.Normal(mean, sd):
            return stats.norm(mean, sd)
        case families.Uniform(low, high):
            return stats.uniform(low, high - low)
    return None


def moments(subject: Subject) -> Iterator[tuple[str, float, float]]:
    """Yield of each input how far mean and SD of its draws are off, in standard errors.

    The error of an SD is ``sd sqrt((kurtosis - 1) / (4 n))``.
    """
    table, question = drawn(subject), subject.question
    fitted = fitted_inputs(subject)
    for name in table.columns:
        parameter = question.parameters[name]
        values = table[name].to_numpy(dtype=np.float64)
        if UNITS[parameter.unit].whole or _is_moved(question, parameter):
            continue
        if name in fitted:
            draws = fitted[name].to_numpy(dtype=np.float64)
            mean, sd = float(draws.mean()), float(draws.std())
            kurtosis = float(np.mean((draws - mean) ** 4)) / sd**4
        else:
            mean, variance, excess = map(float, reference(parameter).stats(moments="mvk"))
            sd, kurtosis = math.sqrt(variance), excess + 3.0
            values = (
                np.log(values) if isinstance(parameter.distribution, families.Lognormal) else values
            )
        n = len(values)
        off_mean = (float(values.mean()) - mean) / (sd / math.sqrt(n))
        sd_error = sd * math.sqrt((kurtosis - 1.0) / (4.0 * n))
        yield name, off_mean, (float(values.std(ddof=1)) - sd) / sd_error


def _is_moved(question: Question, parameter: Parameter) -> bool:
    """Whether another input limits it, in more than a few draws."""
    low, high = allowed_interval(parameter, question.rules, question.numbers)
    ends = (parameter.distribution.quantile(each) for each in (MOVED, 1.0 - MOVED))
    return not all(low <= end <= high for end in ends)


def moments_of_draws(subject: Subject) -> Finding:
    """Compare with scipy's moments."""
    found = {name: max(abs(mean), abs(sd)) for name, mean, sd in moments(subject)}
    only_where(found, NOTHING_UNCERTAIN)
    worst = max(found, key=lambda name: found[name])
    text = f"farthest of {len(found):,} inputs: {worst}, {found[worst]:.1f} standard errors"
    return _within(text, found[worst], 2 * len(found))


def families_fit(subject: Subject) -> Finding:
    """Look whether the support of each family holds only values that the quantity can have."""

    def fits(parameter: Parameter) -> bool:
        unit = UNITS[parameter.unit]
        low, high = _support(parameter.distribution)
        # The upper limits of other units are there against slips of the pen.
        return (unit.low < 0.0 or low >= 0.0) and (unit.high > WHOLE or high <= WHOLE)

    question = subject.question
    wrong = [not fits(question.parameters[name]) for name in drawn_names(question)]
    return none_of(wrong, "distributions")


def _support(distribution: families.Distribution) -> tuple[float, float]:
    match distribution:
        case families.Gamma() | families.Lognormal():
            return 0.0, math.inf
        case families.Normal(mean, sd):
            return mean - FAR_IN_SD * sd, mean + FAR_IN_SD * sd
    return distribution.quantile(0.0), distribution.quantile(1.0)


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
    return none_of(np.array(totals) > WHOLE + ROUNDING, "sums of shares")


def correlations_are_kept(subject: Subject) -> Finding:
    """Compare correlations by rank, on the scale of Fisher."""
    table, fitted = drawn(subject), fitted_inputs(subject)
    varied = [name for name in fitted if np.ptp(table[name].to_numpy()) > 0.0]
    only_where(len(varied) > 1, "no two inputs were fitted together")
    ours, theirs = (_rank_correlations(each[varied]) for each in (table, fitted))
    # Within limits of which Fisher's transform is finite.
    mine, wanted = (np.arctanh(np.clip(each, -ALMOST_ONE, ALMOST_ONE)) for each in (ours, theirs))
    off = np.abs(mine - wanted) * np.sqrt((len(table) - 3.0) / (1.0 + 0.5 * theirs**2))
    text = f"farthest of {len(off):,} correlations: {off.max():.1f} standard errors"
    return _within(text, float(off.max()), len(off))


def _rank_correlations(table: pd.DataFrame) -> Array:
    """Return the correlations by rank of all pairs of columns."""
    from scipy.stats import rankdata

    correlations: Array = np.corrcoef(rankdata(table.to_numpy(), axis=0), rowvar=False)
    return correlations[np.triu_indices_from(correlations, k=1)]


def no_variance(subject: Subject) -> Finding:
    """Simulate the base values as a parameter set, after sets that were drawn."""
    table, question = drawn(subject), replace(subject.question, patients=FEW)
    # On one thread, so that the base values follow drawn ones in the same place.
    *_, last = run_sets(question, [*rows_of(table, SETS), {}], threads=1)
    ours, theirs = flat(last.tally.sums), flat(subject.simulated(question).tally.sums)
    return none_of(different_bits(ours, theirs), "sums", ours.size)


def _costs_and_qalys(found: Psa) -> tuple[Array, Array]:
    """Return cost and QALYs of each draw: (draw, strategy)."""
    return found.values("cost"), found.values("qalys")


def changes(found: Psa) -> list[float]:
    """Return the thresholds at which the strategy of the most expected net benefit changes."""
    means = (values.mean(axis=0) for values in _costs_and_qalys(found))
    return [change.threshold for change in switching_thresholds(*means)]


def grid(found: Psa) -> Array:
    """Return the thresholds at which acceptability and information are examined."""
    return np.linspace(0.0, FARTHEST * max([*found.question.thresholds, *changes(found)]), STEPS)


def acceptability_is_a_share(subject: Subject) -> Finding:
    """Count the best strategy of each draw anew."""
    found = psa(subject)
    (costs, qalys), thresholds = _costs_and_qalys(found), grid(found)
    shares = ceac(costs, qalys, thresholds)
    benefits = thresholds[:, None, None] * qalys - costs
    best = benefits >= benefits.max(axis=2, keepdims=True)
    mine = (best / best.sum(axis=2, keepdims=True)).mean(axis=1)
    wrong = np.count_nonzero((shares < 0.0) | (shares > WHOLE))
    wrong += np.count_nonzero(np.abs(shares.sum(axis=1) - WHOLE) > ROUNDING)
    wrong += np.count_nonzero(np.abs(mine - shares) > ROUNDING)
    return none_of(wrong, "shares and sums", 2 * shares.size + len(shares))


def information_is_worth_something(subject: Subject) -> Finding:
    """Compute the value from the draws anew, then where the dearest strategy costs far more."""
    found = psa(subject)
    costs, qalys = _costs_and_qalys(found)
    # Each strategy as the first, and dearer than the one before it by more than anything is worth.
    dearer = costs[:, [0]] + 2.0 * float(costs.max()) * np.arange(costs.shape[1])
    alike = np.broadcast_to(qalys[:, [0]], qalys.shape)
    wrong = []
    for threshold in grid(found).tolist():
        benefits = threshold * qalys - costs
        wanted = float(benefits.max(axis=1).mean() - benefits.mean(axis=0).max())
        value = evpi(costs, qalys, threshold).mean
        scale = max(float(np.abs(benefits).max()), 1.0)
        wrong.append(value < 0.0 or abs(value - wanted) > ROUNDING * scale)
        wrong.append(evpi(dearer, alike, threshold).mean != 0.0)
    return none_of(wrong, "values of information")


def frontier_has_the_most_expected_benefit(subject: Subject) -> Finding:
    """Compare it with the largest mean over the draws, and its share with that of the curve."""
    found = psa(subject)
    (costs, qalys), thresholds = _costs_and_qalys(found), grid(found)
    best = ceaf(costs, qalys, thresholds)
    shares = ceac(costs, qalys, thresholds)
    wrong = []
    for k, threshold in enumerate(thresholds.tolist()):
        means = (threshold * qalys - costs).mean(axis=0).tolist()
        chosen = int(best.strategy[k])
        wrong.append(means[chosen] < max(means) - ROUNDING * max(*map(abs, means), 1.0))
        wrong.append(abs(float(best.probability[k] - shares[k, chosen])) > ROUNDING)
    return none_of(wrong, "choices and shares")


def some_information_is_worth_less(subject: Subject) -> Finding:
    """Regress net benefit on the inputs that go most with it, and on one that does not vary."""
    found = psa(subject)
    costs, qalys = _costs_and_qalys(found)
    thresholds = [*found.question.thresholds, *changes(found)]
    group = found.parameters.to_numpy(dtype=np.float64)[:, _strongest(found, thresholds[-1])]
    on_some = evppi(group, costs, qalys, thresholds)
    on_none = evppi(np.zeros((len(costs), 1)), costs, qalys, thresholds)
    excess, wrong = -math.inf, 0
    for threshold, some, none in zip(thresholds, on_some, on_none, strict=True):
        everything = evpi(costs, qalys, threshold)
        # Never of no error where it is above at all, but by a fault.
        error = max(math.hypot(some.se, everything.se), ROUNDING)
        excess = max(excess, (some.value - everything.mean) / error)
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


def possible_in_every_draw(subject: Subject) -> Finding:
    """Compare the outcomes of each draw."""
    found, landmark = psa(subject), f"{EFS_LANDMARK_MONTHS}_months_percent"
    pairs = {
        f"efs_{landmark}": f"os_{landmark}",
        "qalys": "life_years",
        "qalys_undiscounted": "life_years_undiscounted",
        "complete_remission_percent": "response_percent",
        "hct_in_remission_percent": "hct_ever_percent",
    }
    lower, upper = (
        np.concatenate([found.values(name) for name in names])
        for names in (pairs.keys(), pairs.values())
    )
    # OS after the horizon is not known.
    known = ~np.isnan(upper)
    return never_above(lower[known], upper[known], "outcomes")


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
        tails = np.maximum(kurtosis(many.total(account), axis=0, fisher=False), LIGHT_TAILS)
        blur = np.sqrt((tails - 1.0) / 4.0 * sum(1.0 / each for each in LADDER)) / steps
        for s in np.flatnonzero((short > 0.0) & (long > 0.0)):
            exponent = math.log(long[s] / short[s]) / steps
            found.append((abs(exponent - SLOPE) / float(blur[s]), exponent))
    only_where(found, "costs and QALYs do not vary between patients")
    off, exponent = max(found)
    text = f"exponent {exponent:.3f}, {off:.1f} standard errors from {SLOPE:g}"
    return _within(text, off, len(found))


def base_value_changes_nothing(subject: Subject) -> Finding:
    """Move each input of the one-way analysis to its upper end, then to its base value."""
    question = replace(subject.question, patients=FEW)
    ends = {each.name: each.high for each in uncertain_ranges(question, fitted_draws(question))}
    only_where(ends, NOTHING_UNCERTAIN)
    moved = [
        with_values(question, {name: value})
        for name, end in ends.items()
        for value in (end, question.numbers[name])
    ]
    samples = list(Samples((), together=1)(moved))
    base = subject.simulated(question).tally
    wanted = (base.sums.values[:, DISCOUNTED] / FEW)[:, [COST, QALY]].T
    wrong = [
        different_bits(np.stack([each.cost, each.qalys]), wanted) > 0 for each in samples[1::2]
    ]
    return none_of(wrong, "inputs")


def spread_is_uncertain(subject: Subject) -> Finding:
    """Look for fixed sigmas and shapes, but for those of the population and of the scenario."""
    used = [subject.question.parameters[name] for name in subject.question.used]
    spreads = [
        each
        for each in used
        if each.unit in OF_SPREAD
        and not each.name.startswith(POPULATION)
        and each.status != SCENARIO
    ]
    return none_of([each.distribution.family == FIXED for each in spreads], "spreads and shapes")
