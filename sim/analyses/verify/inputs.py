"""Checks of the inputs: each number has its origin and its limits, and acts in its direction."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sim.analyses.verify.changes import none_of_these, times
from sim.analyses.verify.check import Finding, Group, does_not_apply, equal, never_above
from sim.analyses.verify.subject import Subject
from sim.catalog import Parameter
from sim.catalog.distribution import LOWER_TAIL, UPPER_TAIL
from sim.catalog.parameter import INTERNAL
from sim.catalog.values import UNITS
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR, MONTHS_PER_YEAR
from sim.economics.ledger import Category
from sim.economics.prices import Delivery
from sim.errors import UserError
from sim.layout.citations import sources_used
from sim.scenario.domain import allowed_interval
from sim.simulation.parameter_sets import run_sets
from sim.simulation.question import Question

INPUTS: Final = Group("inputs")
ASSUMPTION: Final = "assumption"
FIXED: Final = "fixed"
ONE_SD_BELOW: Final = 0.158655
ONE_SD_ABOVE: Final = 0.841345
"""Probabilities of a normal one standard deviation to either side of its centre."""
ROUNDING_OF_SUMS: Final = 1e-9
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


def _entries(subject: Subject) -> list[Parameter]:
    """Return the entries of the catalogue that the scenario uses."""
    return [subject.question.parameters[name] for name in sorted(subject.question.used)]


def _uncertain(subject: Subject) -> list[Parameter]:
    """Return the entries that have a distribution."""
    return [entry for entry in _entries(subject) if entry.distribution.family != FIXED]


def _has_origin(entry: Parameter) -> bool:
    """Whether an entry has a unit and a place in a source, and an assumption its reason."""
    reason = entry.status != ASSUMPTION or bool(entry.derivation or entry.note)
    return entry.unit in UNITS and bool(entry.sources) and bool(entry.place.strip()) and reason


@INPUTS.check(
    "Each number used has a unit and its place in a source, and each assumption its reason.",
    standard="CHEERS 22; AdViSHE B1; Philips D1",
    advice="Complete the entry in sim/catalog/data; python -m sim parameters lists it.",
)
def numbers_have_an_origin(subject: Subject) -> Finding:
    """Look for entries without unit, source, place, or the reason of an assumption."""
    entries = _entries(subject)
    wrong = [entry.name for entry in entries if not _has_origin(entry)]
    return none_of_these(wrong, len(entries), "numbers used")


@INPUTS.check(
    "Each published source can be found: it has its year of print or an address.",
    standard="CHEERS 22; Philips D1",
    advice="Complete the entry of the source in sim/catalog/data/sources.yaml.",
)
def sources_can_be_found(subject: Subject) -> Finding:
    """Look for sources with neither year nor address."""
    sources = subject.question.catalogue.sources
    cited = [key for key in sources_used(subject.question) if sources[key].kind != INTERNAL]
    wrong = [key for key in cited if not (sources[key].year or sources[key].doi)]
    return none_of_these(wrong, len(cited), "sources cited")


@INPUTS.check(
    "Each source of the catalogue is that of a number.",
    standard="Philips D1",
    advice="Remove the source from sim/catalog/data/sources.yaml, or name it where it belongs.",
)
def no_source_is_idle(subject: Subject) -> Finding:
    """Look for sources that no parameter, life table or price index names."""
    catalogue = subject.question.catalogue
    holders: Sequence[Any] = (
        *catalogue.parameters(),
        *catalogue.life_tables.values(),
        *catalogue.indices.values(),
    )
    cited = {key for holder in holders for key in holder.sources}
    return none_of_these(
        sorted(catalogue.sources.keys() - cited), len(catalogue.sources), "sources"
    )


@INPUTS.check(
    "Each number used is within the limits of its unit: probabilities from 0 to 1, utilities at "
    "most 1, costs and ratios not negative.",
    standard="TECH-VER; Philips C1",
    advice="Correct the value in the scenario or in the catalogue; python -m sim show SCENARIO "
    "says where it was written.",
)
def numbers_are_within_their_units(subject: Subject) -> Finding:
    """Look for values that their units do not allow."""
    numbers, entries = subject.question.numbers, _entries(subject)
    wrong = [
        f"{entry.name} is {numbers[entry.name]:g}"
        for entry in entries
        if entry.check(numbers[entry.name])
    ]
    return none_of_these(wrong, len(entries), "numbers used")


@INPUTS.check(
    "Shares that exclude each other, such as the grades of a toxicity, add up to at most 1.",
    standard="TECH-VER; Philips C1",
    advice="Lower one of the shares in the scenario or in the catalogue.",
)
def shares_of_one_whole_fit_in_it(subject: Subject) -> Finding:
    """Add the shares up by what they are shares of."""
    totals: dict[str, float] = defaultdict(float)
    for place, pattern in enumerate(SHARES_OF_ONE_WHOLE):
        for name in subject.question.used:
            if found := pattern.fullmatch(name):
                totals[f"{found[1]} ({place + 1})"] += subject.question.numbers[name]
    wrong = [f"{key}: {total:g}" for key, total in totals.items() if total > 1 + ROUNDING_OF_SUMS]
    return none_of_these(wrong, len(totals), "sums of shares")


@INPUTS.check(
    "Numbers that limit each other fit together: a minimum is not above its maximum, a stay in "
    "hospital not longer than its cycle.",
    standard="TECH-VER; ISPOR-SMDM 7",
    advice="Correct one of the numbers that the finding names.",
)
def numbers_fit_together(subject: Subject) -> Finding:
    """Look for rules between the parameters that their values break."""
    rules = subject.question.rules
    problems = [rule.problem(subject.question.numbers) for rule in rules]
    return none_of_these([each for each in problems if each], len(rules), "rules")


@INPUTS.check(
    "Each value of the catalogue lies in its own range.",
    standard="TECH-VER; ISPOR-SMDM 6",
    advice="Correct value or range of the entry in sim/catalog/data.",
)
def values_lie_in_their_ranges(subject: Subject) -> Finding:
    """Look for values outside of their stated range, or of the middle 95 % of the distribution."""
    entries = _uncertain(subject)
    wrong = [entry.name for entry in entries if not entry.low <= entry.value <= entry.high]
    return none_of_these(wrong, len(entries), "uncertain numbers")


@INPUTS.check(
    "Each value of the catalogue is near the centre of its distribution.",
    standard="ISPOR-SMDM 6; Dasbach and Elbasha",
    advice="Value and distribution of the entry in sim/catalog/data were read from two places.",
)
def values_are_near_their_centres(subject: Subject) -> Finding:
    """Look for values more than a standard deviation away from the median."""
    entries = _uncertain(subject)
    wrong = [
        entry.name
        for entry in entries
        if not entry.distribution.quantile(ONE_SD_BELOW)
        <= entry.value
        <= entry.distribution.quantile(ONE_SD_ABOVE)
    ]
    return none_of_these(wrong, len(entries), "uncertain numbers")


@INPUTS.check(
    "Each distribution stays within the limits of its unit.",
    standard="TECH-VER; ISPOR-SMDM 6",
    advice="Choose another family, such as a beta for a probability, or a smaller spread.",
)
def distributions_stay_within_their_units(subject: Subject) -> Finding:
    """Look for distributions whose middle 95 % reach beyond what the unit allows."""
    entries = _uncertain(subject)
    wrong = [
        entry.name
        for entry in entries
        if any(entry.check(entry.distribution.quantile(p)) for p in (LOWER_TAIL, UPPER_TAIL))
    ]
    return none_of_these(wrong, len(entries), "uncertain numbers")


@INPUTS.check(
    "Money that was converted is the amount of its source times the rise of the price index.",
    standard="CHEERS 15; TECH-VER",
    advice="Look at sim/catalog/data/price_indices.yaml and at the price year of the entry.",
)
def money_follows_the_price_index(subject: Subject) -> Finding:
    """Convert the amounts again."""
    question = subject.question
    converted = [
        entry
        for entry in _entries(subject)
        if entry.currency is not None and entry.value != entry.amount
    ]
    if not converted or question.perspective.price_index is None:
        return does_not_apply("no amount of money was converted")
    levels = question.catalogue.indices[question.perspective.price_index].values
    level = levels[question.perspective.price_year]
    expected = [entry.amount * level / levels[entry.price_year or 0] for entry in converted]
    return equal([entry.value for entry in converted], expected, "converted amounts")


@INPUTS.check(
    "Four years are 1,461 days, and a year is 12 months.",
    standard="TECH-VER",
    advice="Look at sim/clinic/units.py.",
)
def calendars_agree(subject: Subject) -> Finding:
    """Compare the lengths of months and years; the scenario does not matter."""
    del subject
    years = [4 * DAYS_PER_YEAR, 4 * MONTHS_PER_YEAR * DAYS_PER_MONTH]
    return equal(years, DAYS_OF_FOUR_YEARS, "conversions of time")


@INPUTS.check(
    "A misspelt key is refused, and the nearest one is named.",
    standard="Philips C1; STRESS-DES 6",
    advice="Look at sim/files/schema.py: an unknown key must not pass in silence.",
)
def misspelt_keys_are_refused(subject: Subject) -> Finding:
    """Misspell a key."""
    said = _refusal(subject, MISSPELT)
    passed = said is not None and MEANT in said
    return Finding("accepted" if said is None else "refused", "refused", passed, said or "")


@INPUTS.check(
    "A number outside the limits of its unit is refused when a scenario is read.",
    standard="Philips C1; TECH-VER",
    advice="Look at sim/scenario/loading.py and at the limits in sim/catalog/values.py.",
)
def impossible_numbers_are_refused(subject: Subject) -> Finding:
    """Try a number above the limit of each unit that the scenario uses."""
    of_unit = {entry.unit: entry for entry in _entries(subject)}
    accepted = [
        entry.name
        for entry in of_unit.values()
        if _refusal(subject, {"parameters": {entry.name: UNITS[entry.unit].high + 1.0}}) is None
    ]
    return none_of_these(accepted, len(of_unit), "impossible numbers accepted")


def _refusal(subject: Subject, changes: dict[str, Any]) -> str | None:
    """Return why a changed scenario is refused; None where it is accepted."""
    try:
        subject.asked({}, changes)
    except UserError as error:
        return str(error)
    return None


@INPUTS.check(
    "Heavier patients never need less of a drug that is dosed by body surface.",
    standard="TECH-VER",
    advice="Look at bsa_m2 in sim/clinic/patient.py and at inject in sim/economics/clerk.py.",
)
def heavier_patients_need_no_less(subject: Subject) -> Finding:
    """Compare drug costs with those of heavier patients."""
    if all(each.delivery != Delivery.INJECTIONS for each in subject.question.deliveries):
        return does_not_apply("no drug is dosed by body surface")
    heavier = subject.under(times(subject, filter(subject.uses, WEIGHTS), HEAVIER))
    drug = Category.DRUG
    return never_above(subject.lives.amount(drug), heavier.amount(drug), "drug costs")


@INPUTS.check(
    "Shared vials are never dearer than whole ones.",
    standard="TECH-VER",
    advice="Look at vials in sim/economics/posting.py.",
)
def shared_vials_are_never_dearer(subject: Subject) -> Finding:
    """Compare drug costs with and without sharing of vials."""
    if all(each.delivery not in VIALS for each in subject.question.deliveries):
        return does_not_apply("no drug comes in vials")
    shared, whole = (
        subject.under({}, {"switches": {"vial_sharing": sharing}}) for sharing in (True, False)
    )
    return never_above(shared.amount(Category.DRUG), whole.amount(Category.DRUG), "drug costs")


@INPUTS.check(
    "Higher log odds of response cost nobody the response.",
    standard="TECH-VER",
    advice="An odds ratio is applied the wrong way round; see sim/clinic/response.py.",
)
def higher_odds_keep_every_response(subject: Subject) -> Finding:
    """Compare the responses of the first line."""
    if not subject.uses(RESPONSE_LOGIT):
        return does_not_apply("nobody's response is drawn")
    more = subject.under({RESPONSE_LOGIT: subject.question.numbers[RESPONSE_LOGIT] + MORE_RESPONSE})
    return never_above(
        subject.lives.outcome("response"), more.outcome("response"), "responses lost"
    )


@INPUTS.check(
    "A higher hazard ratio of active leukaemia lengthens nobody's life.",
    standard="TECH-VER",
    advice="A hazard ratio is applied the wrong way round; see sim/clinic/disease.py.",
)
def higher_hazards_lengthen_no_life(subject: Subject) -> Finding:
    """Compare the lives under a higher hazard ratio."""
    if not subject.uses(STUDY_HAZARD):
        return does_not_apply("no leukaemia is active")
    worse = subject.under(times(subject, [STUDY_HAZARD], MORE_HAZARD))
    return never_above(
        worse.outcome("horizon_days"), subject.lives.outcome("horizon_days"), "lives"
    )


@INPUTS.check(
    "Each number may be as small or as large as it is allowed to be, and every result stays "
    "possible.",
    standard="AdViSHE C2; ISPOR-SMDM 7; Philips C1",
    advice="Narrow the limits of the unit in sim/catalog/values.py, or add a rule to "
    "sim/scenario/domain.py.",
)
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
