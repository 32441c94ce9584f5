"""Each check of survival passes on the main scenario and fails under a fault made for it."""

import pytest

from sim.analyses.verify import survival
from sim.analyses.verify.check import Subject, checks_of
from sim.analyses.verify.survival import Shares
from sim.clinic import disease, distributions, mortality, remission, transplant
from sim.economics.ledger import Category
from sim.simulation.question import ask, with_numbers
from tests.support.faulty_lives import examined, names_of, with_amount, with_counts, with_outcome
from tests.support.places import SCENARIOS

SURVIVAL = checks_of(["survival"])


def sooner(patch, module, name):
    """Let a function of the clinic return times that are a millionth shorter."""
    right = getattr(module, name)
    patch.setattr(module, name, lambda *given, **named: right(*given, **named) * 0.999999)


def backwards(patch, subject):
    right = disease.relapsed_survival_days
    patch.setattr(
        disease, "relapsed_survival_days", lambda numbers, ratio, e: right(numbers, ratio, 1.0 / e)
    )


def hit_too_often(patch, subject):
    patch.setattr(remission, "hit", lambda u, probability: u < probability + 0.001)


def ratio_of_one_matters(patch, subject):
    patch.setattr(distributions, "proportional_hazards", lambda u, ratio: u * 1.000001)


def survivors_die_less(patch, subject):
    """A patient in a hundred lives as if the mortality of the old were halved."""
    longer = with_outcome(subject.lives, "horizon_days", lambda days: 200.0 * 365.25, of=7)
    patch.setattr(subject, "lives", longer)


def longer_than_people_live(patch, subject):
    years = with_amount(subject.lives, Category.LIFE, lambda years: years + 40.0)
    patch.setattr(subject, "lives", years)


def event_free_after_death(patch, subject):
    patch.setattr(
        subject, "lives", with_outcome(subject.lives, "efs_days", lambda days: days + 1e6, of=3)
    )


def as_others(patch, subject, **changes):
    """Let the patients have other probabilities than those they are drawn with."""
    lives, own = survival.without_deaths(subject)
    wrong = [
        shares._replace(**{name: change(getattr(shares, name)) for name, change in changes.items()})
        for shares in own
    ]
    patch.setattr(survival, "without_deaths", lambda _: (lives, wrong))


FAULTS = {
    "leukaemic_survival": lambda patch, _: sooner(patch, disease, "refractory_survival_days"),
    "time_to_relapse": lambda patch, _: sooner(patch, remission, "lognormal_quantile"),
    "times_after_transplant": lambda patch, _: sooner(patch, transplant, "exponential_of"),
    "plateaus": hit_too_often,
    "special_cases": ratio_of_one_matters,
    "survival_falls": backwards,
    "background_death": lambda patch, _: sooner(patch, mortality, "age_at_total"),
    "no_hazard_below_the_population": survivors_die_less,
    "life_expectancy_of_the_cohort": longer_than_people_live,
    "event_free_is_alive": event_free_after_death,
    "shares_of_responders": lambda patch, subject: as_others(
        patch, subject, mrd_negative=lambda p: 0.8 * p
    ),
    "shares_transplanted": lambda patch, subject: as_others(
        patch, subject, most_transplanted=lambda p: 0.3 * p
    ),
}


def test_the_main_scenario_passes(subject):
    assert [c.identifier for c in SURVIVAL if c.examine(subject).passed is not True] == []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_the_check_that_it_was_made_for(name, subject, monkeypatch):
    FAULTS[name](monkeypatch, subject)
    assert examined(SURVIVAL, name, subject).passed is False


def test_every_check_has_a_fault():
    assert set(FAULTS) == names_of(SURVIVAL)


def test_a_response_lost_on_the_way_is_found(subject, monkeypatch):
    """One responder in ten is not counted."""
    lives, own = survival.without_deaths(subject)
    fewer = with_outcome(lives, "response", lambda hits: 0.0 * hits, of=slice(None, None, 10))
    monkeypatch.setattr(survival, "without_deaths", lambda _: (fewer, own))
    assert examined(SURVIVAL, "shares_of_responders", subject).passed is False


def test_more_event_free_than_alive_at_a_landmark_is_found(subject, monkeypatch):
    counts = subject.lives.tally.counts
    wrong = with_counts(subject.lives, failures=counts.failures * 0)
    monkeypatch.setattr(subject, "lives", wrong)
    assert examined(SURVIVAL, "event_free_is_alive", subject).passed is False


def test_survivors_who_die_less_often_than_others_are_found():
    """A standardized mortality ratio of 0.1 in place of one above 1."""
    question = ask(SCENARIOS / "first_salvage.yaml")
    safe = Subject(with_numbers(question, {"survivor.mortality_ratio": 0.1}))
    assert examined(SURVIVAL, "no_hazard_below_the_population", safe).passed is False


def test_checks_of_what_is_switched_off_do_not_apply(tmp_path):
    path = tmp_path / "off.yaml"
    path.write_text(
        f"title: off\nextends: {SCENARIOS / 'first_salvage.yaml'}\nhorizon_years: 5\n"
        "switches: {background_mortality: false, transplant: false}\n",
        encoding="utf-8",
    )
    off = Subject(ask(path))
    found = {check.name: check.examine(off) for check in SURVIVAL}
    idle = {name for name, finding in found.items() if finding.passed is None}
    assert idle == {
        "times_after_transplant",
        "background_death",
        "no_hazard_below_the_population",
        "life_expectancy_of_the_cohort",
        "shares_transplanted",
    }
    assert all(found[name].why for name in idle)
    assert all(finding.passed is not False for finding in found.values())


@pytest.mark.parametrize("name", ["mrd_positive", "real_world", "ph_positive_tki"])
def test_patients_own_probabilities_explain_the_shares_of_other_scenarios(name):
    other = Subject(ask(SCENARIOS / f"{name}.yaml"))
    for check in ("shares_of_responders", "shares_transplanted"):
        assert examined(SURVIVAL, check, other).passed


def test_probabilities_are_those_of_each_patient(subject):
    """A patient older than candidates may be has no chance of a transplant."""
    _, own = survival.without_deaths(subject)
    oldest = subject.question.model.rules.candidacy.maximum_age_years
    assert isinstance(own[0], Shares)
    for patient, chance in zip(subject.patients, own[0].most_transplanted, strict=True):
        assert (chance == 0.0) == (patient.age_years > oldest)
