"""Checks of the inputs: each number has its origin and its limits, acts in its direction, and is fitted."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sim.analyses.verify.check import (
    MOST_STANDARD_ERRORS,
    ROUNDING,
    DoesNotApply,
    Finding,
    Subject,
    equal,
    never_above,
    none_of,
    none_of_these,
    only_where,
)
from sim.catalog import Parameter
from sim.catalog.distribution import LOWER_TAIL, UPPER_TAIL, Posterior
from sim.catalog.parameter import CALIBRATED, INTERNAL, PRIOR, PRIOR_FROM
from sim.catalog.posterior import POSTERIOR, load_identification, load_posterior
from sim.catalog.values import UNITS
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR, MONTHS_PER_YEAR, PERCENT
from sim.economics.ledger import Category
from sim.economics.prices import Delivery
from sim.errors import UserError
from sim.evidence.calibration import DIAGNOSTICS, evidence_hash, read_fit, read_provenance
from sim.evidence.sampler import worst
from sim.evidence.validation import RESULTS, usual_protocol
from sim.layout.citations import sources_used
from sim.scenario.domain import allowed_interval
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import Question

ASSUMPTION: Final = "assumption"
FIXED: Final = "fixed"
ONE_SD: Final = (0.158655, 0.841345)
"""Probabilities of a normal one standard deviation to either side of its centre."""
DAYS_OF_FOUR_YEARS: Final = 1461
SHARES_OF_ONE_WHOLE: Final = (
    re.compile(r"(.+)\.(?:mild|severe)_probability(?:\.\w+)?"),
    re.compile(r"(toxicity\.\w+)\.(?:stop|grade_5)_share"),
    re.compile(r"(population)\.(?:first|second)_salvage_probability"),
    re.compile(r"(population)\.(?:prior_hct|primary_refractory)_probability"),
)
"""Names of shares that exclude each other; those with the same first group belong together."""
MISSPELT: Final = {"switches": {"toxicty": False}}
MEANT: Final = "toxicity"
MORE_RESPONSE: Final = 0.5
"""Added to a log odds."""
MORE_HAZARD: Final = 1.5
HEAVIER: Final = 1.2
EXTREME_PATIENTS: Final = 100
WEIGHTS: Final = ("population.weight_male_mean_kg", "population.weight_female_mean_kg")
STUDY_HAZARD: Final = "disease.study_hazard_ratio"
RESPONSE_LOGIT: Final = "response.baseline_logit"
VIALS: Final = (Delivery.CONTINUOUS_INFUSION, Delivery.INJECTIONS)
LARGEST_R_HAT: Final = 1.01
FEWEST_DRAWS: Final = 400.0
NOMINAL: Final = 0.95
"""The share of endpoints that a model without fault has inside its predictive intervals."""
VALIDATION: Final = "validation.csv"
NO_RESULTS: Final = "the results of the fit are not beside the protocol"
NONE_FITTED: Final = "the scenario uses no fitted input"


def _entries(subject: Subject) -> list[Parameter]:
    """Return the entries of the catalogue that the scenario uses."""
    return [subject.question.parameters[name] for name in sorted(subject.question.used)]


def _none_uncertain(subject: Subject, wrong: Callable[[Parameter], bool]) -> Finding:
    """Return a finding that names the entries with a distribution that are wrong."""
    entries = [entry for entry in _entries(subject) if entry.distribution.family != FIXED]
    return none_of_these(
        [entry.name for entry in entries if wrong(entry)], len(entries), "uncertain numbers"
    )


def numbers_have_an_origin(subject: Subject) -> Finding:
    """Look for entries without unit, source, place, or the reason of an assumption."""

    def has_origin(entry: Parameter) -> bool:
        reason = entry.status != ASSUMPTION or bool(entry.derivation or entry.note)
        return entry.unit in UNITS and bool(entry.sources) and bool(entry.place.strip()) and reason

    entries = _entries(subject)
    wrong = [entry.name for entry in entries if not has_origin(entry)]
    return none_of_these(wrong, len(entries), "numbers used")


def sources_can_be_found(subject: Subject) -> Finding:
    """Look for sources with neither year nor address."""
    sources = subject.question.catalogue.sources
    cited = [key for key in sources_used(subject.question) if sources[key].kind != INTERNAL]
    wrong = [key for key in cited if not (sources[key].year or sources[key].doi)]
    return none_of_these(wrong, len(cited), "sources cited")


def no_source_is_idle(subject: Subject) -> Finding:
    """Look for sources that no parameter, life table or price index names."""
    catalogue = subject.question.catalogue
    tables, indices = catalogue.life_tables.values(), catalogue.indices.values()
    holders: Sequence[Any] = (*catalogue.parameters(), *tables, *indices)
    cited = {key for holder in holders for key in holder.sources}
    idle = sorted(catalogue.sources.keys() - cited)
    return none_of_these(idle, len(catalogue.sources), "sources")


def numbers_are_within_their_units(subject: Subject) -> Finding:
    """Look for values that their units do not allow."""
    entries = [(entry, subject.question.numbers[entry.name]) for entry in _entries(subject)]
    wrong = [f"{entry.name} is {value:g}" for entry, value in entries if entry.check(value)]
    return none_of_these(wrong, len(entries), "numbers used")


def shares_of_one_whole_fit_in_it(subject: Subject) -> Finding:
    """Add the shares up by what they are shares of."""
    totals: dict[str, float] = defaultdict(float)
    for place, pattern in enumerate(SHARES_OF_ONE_WHOLE, start=1):
        for name in subject.question.used:
            if found := pattern.fullmatch(name):
                totals[f"{found[1]} ({place})"] += subject.question.numbers[name]
    wrong = [f"{key}: {total:g}" for key, total in totals.items() if total > 1 + ROUNDING]
    return none_of_these(wrong, len(totals), "sums of shares")


def numbers_fit_together(subject: Subject) -> Finding:
    """Look for rules between the parameters that their values break."""
    rules = subject.question.rules
    problems = [rule.problem(subject.question.numbers) for rule in rules]
    return none_of_these([each for each in problems if each], len(rules), "rules")


def values_lie_in_their_ranges(subject: Subject) -> Finding:
    """Look for values outside of their stated range, or of the middle 95 % of the distribution."""
    return _none_uncertain(subject, lambda entry: not entry.low <= entry.value <= entry.high)


def values_are_near_their_centres(subject: Subject) -> Finding:
    """Look for values more than a standard deviation away from the median."""

    def is_far(entry: Parameter) -> bool:
        low, high = (entry.distribution.quantile(p) for p in ONE_SD)
        return not low <= entry.value <= high

    return _none_uncertain(subject, is_far)


def distributions_stay_within_their_units(subject: Subject) -> Finding:
    """Look for distributions whose middle 95 % reach beyond what the unit allows."""

    def reaches_beyond(entry: Parameter) -> bool:
        ends = (entry.distribution.quantile(p) for p in (LOWER_TAIL, UPPER_TAIL))
        return any(entry.check(end) is not None for end in ends)

    return _none_uncertain(subject, reaches_beyond)


def money_follows_the_price_index(subject: Subject) -> Finding:
    """Convert the amounts again."""
    money = [entry for entry in _entries(subject) if entry.currency is not None]
    converted = [entry for entry in money if entry.value != entry.amount]
    perspective = subject.question.perspective
    if not converted or perspective.price_index is None:
        raise DoesNotApply("no amount of money was converted")
    levels = subject.question.catalogue.indices[perspective.price_index].values
    level = levels[perspective.price_year]
    expected = [entry.amount * level / levels[entry.price_year or 0] for entry in converted]
    return equal([entry.value for entry in converted], expected, "converted amounts")


def calendars_agree(_: Subject) -> Finding:
    """Compare the lengths of months and years; the scenario does not matter."""
    years = [4 * DAYS_PER_YEAR, 4 * MONTHS_PER_YEAR * DAYS_PER_MONTH]
    return equal(years, DAYS_OF_FOUR_YEARS, "conversions of time")


def misspelt_keys_are_refused(subject: Subject) -> Finding:
    """Misspell a key."""
    said = _refusal(subject, MISSPELT)
    passed = said is not None and MEANT in said
    return Finding("accepted" if said is None else "refused", "refused", passed, said or "")


def impossible_numbers_are_refused(subject: Subject) -> Finding:
    """Try a number above the limit of each unit that the scenario uses."""
    of_unit = {entry.unit: entry for entry in _entries(subject)}
    accepted = [
        entry.name
        for unit, entry in of_unit.items()
        if _refusal(subject, {"parameters": {entry.name: UNITS[unit].high + 1.0}}) is None
    ]
    return none_of_these(accepted, len(of_unit), "impossible numbers accepted")


def _refusal(subject: Subject, changes: dict[str, Any]) -> str | None:
    """Return why a changed scenario is refused; None where it is accepted."""
    try:
        subject.asked({}, changes)
    except UserError as error:
        return str(error)
    return None


# ---------------------------------------------------------------- numbers act in their direction


def heavier_patients_need_no_less(subject: Subject) -> Finding:
    """Compare drug costs with those of heavier patients."""
    injected = any(each.delivery == Delivery.INJECTIONS for each in subject.question.deliveries)
    only_where(injected, "no drug is dosed by body surface")
    heavier = subject.under(subject.times(subject.named(*WEIGHTS), HEAVIER))
    drug = Category.DRUG
    return never_above(subject.lives.amount(drug), heavier.amount(drug), "drug costs")


def shared_vials_are_never_dearer(subject: Subject) -> Finding:
    """Compare drug costs with and without sharing of vials."""
    in_vials = any(each.delivery in VIALS for each in subject.question.deliveries)
    only_where(in_vials, "no drug comes in vials")
    shared, whole = (
        subject.under(changes={"switches": {"vial_sharing": sharing}}).amount(Category.DRUG)
        for sharing in (True, False)
    )
    return never_above(shared, whole, "drug costs")


def higher_odds_keep_every_response(subject: Subject) -> Finding:
    """Compare the responses of the first line."""
    only_where(RESPONSE_LOGIT in subject.question.used, "nobody's response is drawn")
    logit = subject.question.numbers[RESPONSE_LOGIT] + MORE_RESPONSE
    more, before = subject.under({RESPONSE_LOGIT: logit}), subject.lives
    return never_above(before.outcome("response"), more.outcome("response"), "responses lost")


def higher_hazards_lengthen_no_life(subject: Subject) -> Finding:
    """Compare the lives under a higher hazard ratio."""
    only_where(STUDY_HAZARD in subject.question.used, "no leukaemia is active")
    worse, before = subject.under(subject.times([STUDY_HAZARD], MORE_HAZARD)), subject.lives
    return never_above(worse.outcome("horizon_days"), before.outcome("horizon_days"), "lives")


def extreme_values_give_possible_results(subject: Subject) -> Finding:
    """Put each number at both ends of what it may be; look for amounts that cannot be."""
    question = replace(subject.question, patients=EXTREME_PATIENTS)
    # Refused where the scenario as it stands is impossible: then each extreme would be.
    _ = subject.lives
    extremes = [
        {entry.name: value}
        for entry in _entries(subject)
        for value in allowed_interval(entry, question.rules, question.numbers)
        if not entry.check(value)
    ]
    wrong = [
        f"{name} = {value:g}"
        for numbers in _impossible(question, extremes)
        for name, value in numbers.items()
    ]
    return none_of_these(wrong, len(extremes), "extreme values")


def _impossible(question: Question, sets: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return the sets of numbers whose results are refused, found by halving."""
    try:
        for _ in run_sets(question, sets, threads=1):
            pass
    except UserError:
        if len(sets) == 1:
            return sets
        half = len(sets) // 2
        return _impossible(question, sets[:half]) + _impossible(question, sets[half:])
    return []


# ------------------------------------------------------- the fit behind the calibrated inputs


def results() -> Path:
    """Return the folder of the results of the fit."""
    folder = usual_protocol().parent / RESULTS
    only_where(folder.is_dir(), NO_RESULTS)
    return folder


def _fitted(subject: Subject) -> list[Parameter]:
    """Return the inputs that the scenario uses and that were fitted."""
    fitted = [each for each in _entries(subject) if isinstance(each.distribution, Posterior)]
    only_where(fitted, NONE_FITTED)
    return fitted


def fit_belongs_to_its_evidence(_: Subject) -> Finding:
    """Compare the hashes that the fit left with those of the files."""
    folder = results()
    try:
        read_fit(folder, POSTERIOR)
    except UserError as error:
        return Finding(str(error), "one whole fit", False)
    same = read_provenance(folder).get("evidence") == evidence_hash(usual_protocol())
    observed = "the fit is of this evidence" if same else "the fit is of other evidence"
    return Finding(observed, "the fit is of this evidence", same)


def chains_converged(_: Subject) -> Finding:
    """Look at the largest R-hat and the fewest effective draws."""
    r_hat, effective = worst(pd.read_csv(results() / DIAGNOSTICS))
    text = f"largest R-hat {r_hat:.3f}, fewest effective draws {effective:,.0f}"
    allowed = f"at most {LARGEST_R_HAT:g}; at least {FEWEST_DRAWS:g}"
    return Finding(text, allowed, r_hat <= LARGEST_R_HAT and effective >= FEWEST_DRAWS)


def base_values_are_medians(subject: Subject) -> Finding:
    """Compare each fitted input with its column of the installed draws."""
    draws, fitted = load_posterior(), _fitted(subject)
    if draws is None:
        raise DoesNotApply(NONE_FITTED)
    wrong = [
        each.name not in draws
        or not math.isclose(each.value, float(draws[each.name].median()))
        or not isinstance(each.distribution, Posterior)
        or each.distribution.draws != tuple(sorted(draws[each.name].tolist()))
        for each in fitted
    ]
    return none_of(wrong, "fitted inputs")


def named_by_what_informs_them(subject: Subject) -> Finding:
    """Compare the status of each fitted input with the spread that the fit has left of its prior."""
    table = load_identification()
    only_where(not table.empty, NONE_FITTED)
    left = table["spread_left"].astype(float).to_dict()
    wrong = [
        each.name not in left
        or each.status != (PRIOR if left[each.name] >= PRIOR_FROM else CALIBRATED)
        for each in _fitted(subject)
    ]
    return none_of(wrong, "fitted inputs")


def fitted_endpoints(_: Subject) -> Finding:
    """Count the fitted endpoints of the stored validation."""
    return _coverage("fit")


def held_out_endpoints(_: Subject) -> Finding:
    """Count the endpoints of the stored validation that no fit has seen."""
    return _coverage("held_out")


def _coverage(role: str) -> Finding:
    """Compare the share of endpoints inside their predictive interval with the nominal one."""
    path = results() / VALIDATION
    only_where(path.is_file(), NO_RESULTS)
    table = pd.read_csv(path)
    mine = table.loc[table["role"] == role, "inside"].astype(bool)
    only_where(len(mine), f"no endpoint has the role '{role}'")
    least = NOMINAL - MOST_STANDARD_ERRORS * math.sqrt(NOMINAL * (1.0 - NOMINAL) / len(mine))
    share = float(mine.mean())
    text = f"{int(mine.sum()):,} of {len(mine):,} endpoints ({PERCENT * share:.0f} %)"
    return Finding(text, f"at least {PERCENT * least:.0f} %", share >= least)
