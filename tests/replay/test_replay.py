"""A patient lived again: the life of any other run, and every number behind it as it was used."""

from functools import partial
from math import exp, inf, log

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from sim.analyses.verify.by_hand import CRS, PATIENTS
from sim.clinic.draws import DRAWS, RandomDraw, Time
from sim.clinic.events import Event, EventKind
from sim.clinic.units import DAYS_PER_MONTH
from sim.economics.ledger import Account, Category
from sim.engine import reference, streams
from sim.replay.recorder import DrawRecorder
from sim.replay.replay import check_core, core_amounts, replay, replay_life
from sim.simulation.question import ask as ask_file
from sim.simulation.run import run
from tests.support.hand_ledger import SCENARIO, ScriptedStreams, assert_ledger, assert_log

CASES = [
    ("first_salvage", 3),
    ("tower", 2**64 - 1),
    pytest.param("nhs_first_salvage", 0, marks=pytest.mark.slow),
    pytest.param("real_world", 11, marks=pytest.mark.slow),
]
N = 250
"""Patients of each case: 1,000 in all, half of them in the default run, under two strategies."""

every_case = pytest.mark.parametrize(("name", "seed"), CASES)
WITH_A_TKI = ("ph_positive_tki", 3)
"""Times of leukaemia are moved there by a drug that goes on after its line."""
with_a_tki_too = pytest.mark.parametrize(("name", "seed"), [*CASES, WITH_A_TKI])


@pytest.fixture(scope="module")
def replayed_patient(ask):
    """Return a function that retells the first 250 patients of a case, once."""
    answers = {}

    def told(name, seed):
        if (name, seed) not in answers:
            question = ask(name, patients=N, seed=seed)
            answers[name, seed] = question, [replay(question, number) for number in range(N)]
        return answers[name, seed]

    return told


# The same life and the same books.


@every_case
def test_running_totals_end_exactly_in_the_row_of_the_results(replayed_patient, name, seed):
    """To the last bit: undiscounted and discounted, by account and by category."""
    question, patients = replayed_patient(name, seed)
    for place, arm in enumerate(run(question, engine="reference").arms):
        lives = [patient.lives[place] for patient in patients]
        for column, category in enumerate(Category):
            totals = [life.categories[category] for life in lives]
            assert [each.undiscounted for each in totals] == list(arm.undiscounted[:, column])
            assert [each.discounted for each in totals] == list(arm.discounted[:, column])
        for account in Account:
            ends = [
                [each for each in life.postings if each.entry.category.account == account][-1]
                for life in lives
            ]
            assert [each.discounted for each in ends] == list(arm.total(account))
            assert [each.undiscounted for each in ends] == list(
                arm.total(account, discounted=False)
            )


@every_case
def test_a_life_that_is_looked_at_is_lived_no_differently(replayed_patient, name, seed):
    question, patients = replayed_patient(name, seed)
    for place, strategy in enumerate(question.model.strategies):
        simulated = reference.simulate(question.model, strategy, seed=seed, patients=N)
        for number, (patient, told) in enumerate(simulated):
            assert patients[number].patient == patient
            assert patients[number].lives[place].log == told


def test_a_patient_is_the_same_beyond_the_number_of_the_scenario(ask):
    few, many = (ask("first_salvage", patients=n, seed=5) for n in (1, 1100))
    trace = list(reference.simulate(many.model, many.model.strategies[1], seed=5, patients=1100))
    patient, told = trace[1099]
    found = replay(few, 1099)
    assert (found.patient, found.lives[1].log) == (patient, told)


def test_every_entry_belongs_to_an_event_that_has_happened(replayed_patient):
    _, patients = replayed_patient(*CASES[0])
    for patient in patients:
        for life in patient.lives:
            positions = [posting.position for posting in life.postings]
            assert positions == sorted(positions)
            for posting in life.postings:
                event = life.log[posting.position]
                entry = posting.entry
                # In the books the lines of usual care are one.
                line = min(event.line, len(life.regimens))
                assert entry.line == line or entry.category.account != Account.COST
                if entry.category == Category.DRUG:
                    assert entry.start_days >= event.time_days


def test_both_engines_give_the_same_explanation(ask):
    """20 patients of the scenario with five strategies; the core engine looked at from outside."""
    question = ask("blinatumomab_then_inotuzumab", patients=20, seed=4)
    from sim.engine.compiled import core

    for place, strategy in enumerate(question.model.strategies):
        simulated = core.simulate(question.model, strategy, seed=4, patients=20)
        for number, (patient, told) in enumerate(simulated):
            found = replay(question, number)
            assert (found.patient, found.lives[place].log) == (patient, told)
    asked = check_core(replay(question, 19))
    assert asked.lives == replay(question, 19).lives


@pytest.mark.slow
def test_both_engines_explain_a_thousand_patients_alike(ask):
    """Events and times bit for bit, amounts to 1e-9 relative, n = 1,000 under two strategies."""
    from sim.engine.compiled import core

    question = ask("first_salvage", patients=1000, seed=77)
    replayed_patient = [replay(question, number) for number in range(1000)]
    answer = run(question)
    for place, strategy in enumerate(question.model.strategies):
        simulated = core.simulate(question.model, strategy, seed=77, patients=1000)
        for found, (patient, told) in zip(replayed_patient, simulated, strict=True):
            assert (found.patient, found.lives[place].log) == (patient, told)
        for column, category in enumerate(Category):
            totals = [found.lives[place].categories[category] for found in replayed_patient]
            for kind in ("undiscounted", "discounted"):
                np.testing.assert_allclose(
                    getattr(answer.arms[place], kind)[:, column],
                    [getattr(each, kind) for each in totals],
                    rtol=1e-9,
                    atol=1e-12,
                )


def test_an_engine_that_differs_is_noticed(ask, monkeypatch):
    question = ask("first_salvage", patients=5, seed=1)
    replayed = replay(question, 4)
    amounts = core_amounts(question)
    monkeypatch.setattr("sim.replay.replay.core_amounts", lambda _: amounts * (1 + 1e-8))
    with pytest.raises(ArithmeticError, match="drug of patient 4 under salvage_chemotherapy"):
        check_core(replayed)
    del replayed.lives[1].log[-1]
    monkeypatch.setattr("sim.replay.replay.core_amounts", lambda _: amounts)
    with pytest.raises(ArithmeticError, match="events of patient 4 under blinatumomab"):
        check_core(replayed)


# What was drawn.


def draws_of(patient):
    yield from patient.entry
    for life in patient.lives:
        yield from life.draws


@every_case
def test_every_number_is_that_of_its_key(replayed_patient, name, seed):
    """Through the scalar function of the generator and its arrays."""
    _, patients = replayed_patient(name, seed)
    for patient in patients:
        for draw in draws_of(patient):
            occurrence = 64 * draw.line + draw.cycle
            number = patient.patient.number
            key = seed, number, draw.decision, occurrence
            assert draw.uniform == streams.uniform(*key)
    last = patients[-1]
    block = streams.Streams(seed, N - 10, 10)
    for draw in draws_of(last):
        occurrence = 64 * draw.line + draw.cycle
        assert draw.uniform == block.uniform(N - 1, draw.decision, occurrence)


@every_case
def test_all_lives_of_a_patient_share_their_numbers(replayed_patient, name, seed):
    _, patients = replayed_patient(name, seed)
    for patient in patients:
        one, other = ({draw.key: draw.uniform for draw in life.draws} for life in patient.lives)
        assert all(other[key] == number for key, number in one.items() if key in other)


@every_case
def test_a_comparison_says_on_which_side_the_number_lies(replayed_patient, name, seed):
    _, patients = replayed_patient(name, seed)
    for patient in patients:
        for draw in draws_of(patient):
            for comparison in draw.comparisons:
                assert 0.0 <= comparison.limit <= 1.0
                assert comparison.below == (draw.uniform < comparison.limit)


@every_case
def test_nothing_is_drawn_in_vain_but_what_another_answer_made_idle(replayed_patient, name, seed):
    """A time is drawn with its chance and idle where the chance says no, and so is a cycle."""
    idle = {
        RandomDraw.RESPONSE_CYCLE,
        RandomDraw.RELAPSE_TIME,
        RandomDraw.TRANSPLANT_TIME,
        RandomDraw.TRANSPLANT_DEATH_TIME,
        RandomDraw.ACUTE_GVHD_ONSET,
        RandomDraw.CHRONIC_GVHD_ONSET,
        RandomDraw.RELAPSE_AFTER_TRANSPLANT,
        RandomDraw.PRIMARY_REFRACTORY,
        RandomDraw.FIRST_REMISSION,
    }
    _, patients = replayed_patient(name, seed)
    unused = {draw.decision for patient in patients for draw in draws_of(patient) if not draw.used}
    assert unused <= idle


def test_every_decision_of_the_model_is_witnessed(ask):
    """400 patients of a scenario with all regimens and maintenance; nothing is left untold."""
    question = ask(
        "tower",
        patients=400,
        seed=1,
        strategies=[
            {
                "name": "long",
                "sequence": ["blinatumomab", "brexucabtagene", "inotuzumab"],
                "then": "usual_care",
                "maintenance": True,
            }
        ],
    )
    used = {
        draw.decision
        for number in range(400)
        for draw in draws_of(replay(question, number))
        if draw.used
    }
    assert used == set(RandomDraw)


FAMILIES = {
    "uniform": lambda u, low, high: low + u * (high - low),
    "lognormal": lambda u, median, sigma, hazard_ratio=1.0: stats.lognorm.isf(
        (1.0 - u) ** (1.0 / hazard_ratio), sigma, scale=median
    ),
    "exponential": lambda u, rate: stats.expon.ppf(u, scale=1.0 / rate),
    "weibull": lambda u, median, shape, hazard_ratio=1.0: stats.weibull_min.isf(
        (1.0 - u) ** (1.0 / hazard_ratio), shape, scale=median / log(2.0) ** (1.0 / shape)
    ),
    "normal": lambda u, mean, sd: stats.norm.ppf(u, mean, sd),
    "piecewise uniform": lambda u, minimum, median, maximum: (
        minimum + 2 * u * (median - minimum)
        if u < 0.5
        else median + (2 * u - 1) * (maximum - median)
    ),
}


@with_a_tki_too
def test_a_value_is_the_quantile_of_the_distribution_that_is_told(replayed_patient, name, seed):
    """SciPy's quantiles of the parameters told, at the number told.

    1e-9 relative; in the far tail of a low hazard 1e-7, where the uniform has few digits left.
    """
    _, patients = replayed_patient(name, seed)
    told = 0
    for patient in patients:
        for draw in draws_of(patient):
            found = draw.distribution
            if found is None or found.family == "life table":
                continue
            u = draw.uniform
            if found.family == "uniform" and draw.comparisons:
                # An onset: what is left of the number, after the share of early onsets.
                (comparison,) = draw.comparisons
                early = comparison.limit
                u = u / early if comparison.below else (u - early) / (1.0 - early)
            expected = FAMILIES[found.family](u, **found.parameters)
            survival = (1.0 - u) ** (1.0 / found.parameters.get("hazard_ratio", 1.0))
            assert found.value == pytest.approx(expected, rel=1e-9 if survival > 1e-5 else 1e-7)
            told += 1
    assert told > 10 * N


def test_the_chance_of_response_is_that_of_the_logistic_model(ask):
    """The log odds added up here from the parameters by name; n = 200."""
    question = ask("real_world", patients=1, seed=2)
    numbers = question.numbers
    for number in range(200):
        patient = replay(question, number)
        who = patient.patient
        for life, chain in zip(
            patient.lives,
            [("salvage_chemotherapy", "blinatumomab"), ("blinatumomab",)],
            strict=True,
        ):
            odds = numbers["response.baseline_logit"] + numbers["response.study_log_odds_ratio"]
            odds += sum(numbers[f"{link}.response.log_odds_ratio"] for link in chain)
            odds += numbers["response.real_world_log_odds_ratio"]
            for trait, present in (
                ("later_salvage", who.salvage_line > 1),
                ("prior_hct", who.prior_hct),
                ("ph_positive", who.ph_positive),
                ("kmt2a", who.kmt2a),
                ("high_blasts", who.high_blasts),
                ("extramedullary", who.extramedullary),
                ("cns", who.cns),
            ):
                odds += present * numbers[f"response.{trait}_log_odds_ratio"]
            draw = next(each for each in life.draws if each.decision == RandomDraw.RESPONSE)
            assert draw.comparisons[0].limit == pytest.approx(expit(odds), rel=1e-12)


@with_a_tki_too
def test_a_time_that_came_true_is_the_day_of_an_event(replayed_patient, name, seed):
    _, patients = replayed_patient(name, seed)
    happened = 0
    for patient in patients:
        for life in patient.lives:
            days = {event.time_days for event in life.log}
            for draw in life.draws:
                if life.came_true(draw):
                    assert life.due_day(draw) in days
                    happened += 1
            # Whoever dies dies of a time that was drawn.
            death = life.log[-1]
            toxic = death.kind == EventKind.DEATH and death.detail == 1
            if death.kind == EventKind.DEATH and not toxic:
                assert any(life.due_day(draw) == death.time_days for draw in life.draws)
    assert happened > N


def test_every_clock_of_the_model_has_a_day(replayed_patient):
    _, patients = replayed_patient(*CASES[0])
    with_a_day = {
        draw.decision
        for patient in patients
        for life in patient.lives
        for draw in life.draws
        if life.due_day(draw) not in (None, inf)
    }
    assert with_a_day == {decision for decision, facts in DRAWS.items() if isinstance(facts, Time)}


def test_everything_that_decided_anything_is_told_with_an_event(replayed_patient):
    _, patients = replayed_patient(*CASES[1])
    for patient in patients:
        for life in patient.lives:
            told = [draw for draws in life.drawn_with() for draw in draws]
            assert sorted(map(id, told)) == sorted(id(draw) for draw in life.draws if draw.used)
            for event, draws in zip(life.log, life.drawn_with(), strict=True):
                if event.kind == EventKind.RESPONSE:
                    assert {RandomDraw.RESPONSE_DEPTH, RandomDraw.MRD} <= {
                        d.decision for d in draws
                    }


def test_looking_on_ends_with_the_life(ask):
    import sys

    before = sys.getprofile()
    replay(ask("first_salvage", patients=1, seed=1), 0)
    assert sys.getprofile() is before


def test_a_witness_forgets_nothing_of_a_number_used_twice():
    """A clinical rule by hand: two chances of one number, and the time of another."""
    from sim.clinic import remission

    recorder = DrawRecorder(ScriptedStreams({(RandomDraw.CURE_IN_REMISSION, 0): 0.3}))
    rules = remission.Relapse(
        *[0.0] * len(remission.Relapse._fields),
    )._replace(median_months_mrd_positive=4.0, sigma=1.0, cured_probability_mrd_positive=0.2)
    draw = partial(recorder.uniform, 0)
    with recorder.recording():
        days = remission.relapse_days(
            rules,
            2.0,
            1.0,
            False,
            draw(RandomDraw.CURE_IN_REMISSION),
            draw(RandomDraw.RELAPSE_TIME),
        )
    cure, time = recorder.draws
    assert [(each.limit, each.below) for each in cure.comparisons] == [(0.2, False)]
    assert cure.result == time.result == days
    assert time.distribution is not None
    assert time.distribution.family == "lognormal"
    assert time.distribution.parameters["median"] == 8.0 * DAYS_PER_MONTH
    assert time.distribution.value == days == pytest.approx(243.5 * exp(stats.norm.isf(2**-53)))


# Three patients computed by hand.


@pytest.fixture(params=PATIENTS, ids=lambda patient: patient.name)
def by_hand(request):
    """Return a hand-computed patient and the life as it is replayed."""
    by_hand = request.param
    question = ask_file(SCENARIO, overrides=by_hand.overrides)
    strategy = question.model.strategies[0]
    luck = ScriptedStreams(by_hand.luck)
    return by_hand, replay_life(question, strategy, by_hand.patient, luck)


def test_the_hand_computed_history_is_told(by_hand):
    patient, life = by_hand
    assert_log(life.log, patient.log)
    assert all(isinstance(event, Event) for event in life.log)


def test_the_hand_computed_ledger_is_told(by_hand):
    patient, life = by_hand
    entries = [posting.entry for posting in life.postings]
    assert_ledger(entries, patient.ledger, costs=patient.costs, effects=patient.effects)


def test_the_luck_written_by_hand_is_what_was_drawn(by_hand):
    patient, life = by_hand
    drawn = {(draw.decision, 64 * draw.line + draw.cycle): draw for draw in life.draws}
    for key, number in patient.luck.items():
        assert drawn[key].uniform == number


def test_the_chances_written_by_hand_are_those_told():
    """Of the woman with CRS: the comments of her luck, as numbers."""
    overrides = CRS.overrides
    question = ask_file(SCENARIO, overrides=overrides)
    strategy = question.model.strategies[0]
    life = replay_life(question, strategy, CRS.patient, ScriptedStreams(CRS.luck))
    told = {draw.decision: draw for draw in life.draws if draw.line == 0 and draw.cycle == 0}
    limits = {
        RandomDraw.RESPONSE: 0.5,
        RandomDraw.RESPONSE_CYCLE: 0.8,
        RandomDraw.RESPONSE_DEPTH: 0.75,
        RandomDraw.MRD: 0.75,
        RandomDraw.CURE_IN_REMISSION: 0.1,
        RandomDraw.TRANSPLANT_ELIGIBILITY: 0.5,
        RandomDraw.CONSOLIDATION: 0.5,
    }
    for decision, limit in limits.items():
        (comparison,) = told[decision].comparisons
        assert comparison.limit == pytest.approx(limit, rel=1e-12)
    assert sorted(each.limit for each in told[RandomDraw.CRS].comparisons) == pytest.approx(
        [0.01, 0.03, 0.08, 0.48]
    )
    relapse = told[RandomDraw.RELAPSE_TIME].distribution
    assert relapse.parameters == pytest.approx({"median": 121.75, "sigma": 1.0, "hazard_ratio": 2})
    assert life.due_day(told[RandomDraw.RELAPSE_TIME]) == pytest.approx(159.75)
    assert life.came_true(told[RandomDraw.RELAPSE_TIME])
    assert life.due_day(told[RandomDraw.SURVIVAL_AFTER_RELAPSE]) == pytest.approx(403.25)
