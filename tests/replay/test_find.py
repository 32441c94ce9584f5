"""Patients found by what happened to them, checked against the results of a run."""

import itertools

import numpy as np
import pytest

from sim.clinic.events import Cause, EventKind
from sim.engine import reference
from sim.errors import UserError
from sim.replay.search import ALIASES, WORDS, find, lives_of, parse
from sim.simulation.run import run

N = 400
BLINA, CHEMO = "blinatumomab", "salvage_chemotherapy"


@pytest.fixture(scope="module")
def question(ask):
    return ask("first_salvage", patients=N, seed=6)


@pytest.fixture(scope="module")
def rows(question):
    """Return the outcome rows of a run by strategy: what the core engine says of each patient."""
    return {arm.strategy.name: arm.outcomes for arm in run(question).arms}


@pytest.fixture(scope="module")
def logs(question):
    """Return for each patient the lives by strategy, as they are searched."""
    strategies = question.model.strategies
    simulated = [
        reference.simulate(question.model, strategy, seed=6, patients=N) for strategy in strategies
    ]
    return [lives_of(strategies, lived) for lived in zip(*simulated, strict=True)]


@pytest.fixture(scope="module")
def numbers(question, logs):
    """Return a function that names every patient of whom a search is true."""

    def found(text):
        search = parse(text, question)
        return [number for number, lives in enumerate(logs) if search.matches(lives)]

    return found


def where(condition):
    return list(np.flatnonzero(condition))


@pytest.mark.parametrize(
    ("words", "column"),
    [
        ("transplanted", "hct_ever"),
        ("severe CRS", "severe_crs"),
        ("severe neurotoxicity", "severe_neurotoxicity"),
    ],
)
def test_a_word_finds_whom_the_outcomes_name(numbers, rows, words, column):
    for strategy in (BLINA, CHEMO):
        found = numbers(f"{words} under {strategy}")
        assert found == where(rows[strategy][column])


def test_responders_of_the_first_line_are_those_of_the_outcomes(numbers, rows):
    """The scenario has one regimen a strategy; all later responses are to usual care."""
    blina, chemo = (rows[name]["response"].to_numpy() for name in (BLINA, CHEMO))
    assert numbers("responded to blinatumomab") == where(blina)
    assert numbers("responded to blinatumomab only") == where(blina & ~chemo)
    assert numbers("not responded to blinatumomab only") == where(~(blina & ~chemo))


def test_a_response_to_usual_care_is_a_response_and_one_to_no_regimen(numbers, logs, rows):
    """Counted in the logs: some respond to usual care alone."""
    ever = [
        {name for name, life in lives.items() if life.has(EventKind.RESPONSE)} for lives in logs
    ]
    blina = [BLINA in names for names in ever]
    assert numbers("responded under blinatumomab") == where(blina)
    assert numbers("responded") == where([bool(names) for names in ever])
    to_usual_care_alone = np.array(blina) & ~rows[BLINA]["response"].to_numpy()
    words = "responded under blinatumomab and not responded to blinatumomab under blinatumomab"
    assert numbers(words) == where(to_usual_care_alone)
    assert to_usual_care_alone.sum() > 3


def test_causes_of_death_are_those_of_the_outcomes(numbers, rows):
    causes = {
        "died of leukaemia": Cause.LEUKAEMIA,
        "died of treatment": Cause.TOXICITY,
        "died of transplant": Cause.TRANSPLANT,
        "died in remission": Cause.IN_REMISSION,
        "died of another cause": Cause.BACKGROUND,
    }
    for words, cause in causes.items():
        found = numbers(f"{words} under {CHEMO}")
        assert found == where(rows[CHEMO]["cause_of_death"] == cause)


def test_who_is_bridged_and_relapses_after_is_in_the_outcomes(numbers, rows):
    found = numbers("bridged to HCT and relapsed after under blinatumomab")
    outcomes = rows[BLINA]
    assert len(found) > 3
    for number in found:
        assert outcomes["hct_in_remission"][number]
        assert np.isfinite(outcomes["relapse_days"][number])
        assert outcomes["relapse_days"][number] > outcomes["remission_days"][number]


def test_deaths_in_the_first_cycle_are_early_and_of_one_cycle(numbers, rows):
    found = numbers("died in first cycle under blinatumomab")
    outcomes = rows[BLINA].iloc[found]
    assert len(found) > 3
    assert (outcomes["cycles_first_line"] == 1).all()
    assert not outcomes["response"].any()
    # The first cycle of blinatumomab takes 42 days, and an interruption may prolong it.
    assert (outcomes["death_days"] < 80).all()


def test_the_cured_live_long(question, numbers, rows):
    found = numbers("cured under blinatumomab")
    years = question.numbers["survivor.threshold_years"]
    assert (rows[BLINA].iloc[found]["horizon_days"] > years * 365.25).all()
    assert len(found) > 20


def test_who_lived_longest_has_the_later_end(numbers, rows):
    one, other = (rows[name]["horizon_days"].to_numpy() for name in (BLINA, CHEMO))
    assert numbers("lived longest under blinatumomab") == where(one > other)
    assert numbers("not lived longest") == where((one <= other) | (other <= one))


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_true_of_someone_and_false_of_someone(logs, word):
    """400 patients, 800 lives; what the population rules out is named."""
    never = {
        "ph positive",  # the trials of this scenario had Ph-negative patients
        "mrd only",  # and overt leukaemia
        "treated again",  # one regimen a strategy
    }
    always = {"died"}  # the horizon is a lifetime
    held = [WORDS[word](life) for lives in logs for life in lives.values()]
    assert any(held) == (word not in never)
    assert all(held) == (word in always)


@pytest.mark.parametrize("alias", ALIASES)
def test_another_word_for_the_same_finds_the_same(question, alias):
    assert parse(alias, question).clauses[0].name == ALIASES[alias]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("transplanted and cured", "cured and transplanted"),
        ("not transplanted and cured", "cured AND Not  transplanted"),
        (
            "cured under blinatumomab and not under salvage_chemotherapy",
            "cured only under blinatumomab",
        ),
        ("cured under blinatumomab only", "cured only under Blinatumomab"),
        ("crs under Salvage chemotherapy", "CRS under salvage-chemotherapy"),
        ("relapsed-after-transplant", "relapsed after HCT"),
        (
            "bridged to HCT and relapsed after under blinatumomab",
            "bridged under blinatumomab and relapsed after under blinatumomab",
        ),
        (
            "crs and cured under blinatumomab and refractory under salvage_chemotherapy",
            "cured and CRS under blinatumomab and no response under Salvage chemotherapy",
        ),
    ],
)
def test_the_same_may_be_said_in_several_ways(numbers, one, other):
    assert numbers(one) == numbers(other)


def test_claims_without_a_strategy_hold_in_one_and_the_same_life(numbers, logs):
    found = numbers("responded and died of leukaemia and not transplanted")
    expected = [
        number
        for number, lives in enumerate(logs)
        if any(
            life.has(EventKind.RESPONSE)
            and life.has(EventKind.DEATH, Cause.LEUKAEMIA)
            and not life.has(EventKind.TRANSPLANT)
            for life in lives.values()
        )
    ]
    assert found == expected
    apart = [
        number
        for number, lives in enumerate(logs)
        if any(WORDS["responded"](life) for life in lives.values())
        and any(WORDS["died of leukaemia"](life) for life in lives.values())
        and not all(WORDS["transplanted"](life) for life in lives.values())
    ]
    assert set(found) < set(apart)


def test_turning_a_claim_round_finds_the_others(numbers):
    for words in ("crs under blinatumomab", "cured only under blinatumomab"):
        found, others = numbers(words), numbers(f"not {words}")
        assert sorted([*found, *others]) == list(range(N))


def test_a_search_ends_with_the_last_that_is_wanted(question, numbers):
    everyone = numbers("transplanted")
    found = find(question, parse("transplanted", question), first=3)
    assert found.patients == tuple(everyone[:3])
    assert found.searched == everyone[2] + 1
    assert found.meaning == "transplanted"


def test_progress_counts_the_patients_looked_at(question):
    counted = itertools.count()
    found = find(question, parse("seizure", question), first=N, progress=lambda _: next(counted))
    assert next(counted) == found.searched == N


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Bridged and HCT", "bridged to hct and transplanted"),
        (
            "crs and not cured under Blinatumomab and seizure",
            "crs under blinatumomab and not cured under blinatumomab and seizure",
        ),
        (
            "responded to salvage chemotherapy and cured only under blinatumomab",
            "responded to salvage_chemotherapy and cured under blinatumomab only",
        ),
        (
            "cured under blinatumomab and not under salvage_chemotherapy",
            "cured under blinatumomab and not cured under salvage_chemotherapy",
        ),
        ("not responded to blinatumomab only", "not responded to blinatumomab only"),
    ],
)
def test_a_search_says_what_it_means(question, text, meaning):
    assert str(parse(text, question)) == meaning
    assert str(parse(meaning, question)) == meaning


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("transplantd", "did you mean 'transplanted'"),
        ("cured and relapsd", "'relapsd' is no word of the search; did you mean 'relapsed'"),
        ("cured under blinatumomb", "no strategy of the scenario; did you mean 'blinatumomab'"),
        ("responded to imatinib", "no regimen of the scenario"),
        ("responded to inotuzumab", "Allowed: blinatumomab, salvage_chemotherapy"),
        ("cured only", "'only' stands after"),
        ("", "'' is no word of the search"),
        ("cured and", "'cured and' is no word"),
        ("and cured", "'and cured' is no word"),
        ("not", "'' is no word"),
        ("under blinatumomab", "'' is no word"),
        ("cured under", "'cured under' is no word"),
    ],
)
def test_what_cannot_be_understood_is_said(question, text, problem):
    with pytest.raises(UserError, match="--find") as refused:
        parse(text, question)
    assert problem in str(refused.value)


def test_an_unknown_word_lists_every_word(question):
    with pytest.raises(UserError) as refused:
        parse("xyzzy", question)
    assert all(word in str(refused.value) for word in WORDS)
    assert "did you mean" not in str(refused.value)


def test_every_other_word_stands_for_a_word_and_is_none():
    assert set(ALIASES.values()) <= set(WORDS)
    assert not set(ALIASES) & set(WORDS)
