"""The patients who enter are those of the cohort's baseline table.

Statistical tests use seed 20261120 of the keyed streams, n = 20,000 for every population, and
pass within 4 standard errors.
"""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.catalog import load_catalogue
from sim.clinic.arithmetic import normal_quantile
from sim.clinic.draws import RandomDraw
from sim.clinic.patient import Population, admit, salvage_line
from sim.engine.streams import Streams
from sim.engine.values import Values
from tests.support.hand_ledger import somebody

SEED, N = 20261120, 20_000
CATALOGUE = load_catalogue()


def population(name) -> Population:
    parameters = CATALOGUE.populations[name].parameters
    numbers = {key: parameter.value for key, parameter in parameters.items()}
    return Values(numbers, "trial").record(Population, "population")


@pytest.fixture(scope="module", params=sorted(CATALOGUE.populations))
def cohort(request):
    """A shipped population, and the columns of its sampled patients as arrays by name."""
    rules = population(request.param)
    streams = Streams(SEED, 0, N)
    patients = [
        admit(i, rules, partial(streams.uniform, i), partial(streams.normal, i)) for i in range(N)
    ]
    columns = dict(
        zip(patients[0]._fields, map(np.array, zip(*patients, strict=True)), strict=True)
    )
    return rules, columns, patients


def assert_share(flags, probability, name=None):
    """Compare a share with its probability; all or none must be exactly that."""
    n = len(flags)
    if probability in (0.0, 1.0):
        assert np.mean(flags) == probability, name
        return
    z = (np.sum(flags) - n * probability) / math.sqrt(n * probability * (1.0 - probability))
    assert abs(z) < 4.0, name


def assert_mean(values, mean, sd):
    assert abs((np.mean(values) - mean) / (sd / math.sqrt(len(values)))) < 4.0


def test_patients_keep_their_numbers(cohort):
    _, columns, _ = cohort
    assert columns["number"].tolist() == list(range(N))


def test_age_has_the_published_minimum_median_and_maximum(cohort):
    """Half on either side of the median, evenly spread; the quarters lie at the midpoints."""
    rules, columns, _ = cohort
    ages = [rules.age_minimum_years, rules.age_median_years, rules.age_maximum_years]
    halves = stats.rv_histogram((np.array([0.5, 0.5]), np.array(ages)), density=False)
    age = columns["age_years"]
    assert ages[0] <= age.min() < ages[0] + 0.1
    assert ages[2] - 0.1 < age.max() <= ages[2]
    assert_mean(age, halves.mean(), halves.std())
    for limit, share in (
        ((ages[0] + ages[1]) / 2, 0.25),
        (ages[1], 0.5),
        ((ages[1] + ages[2]) / 2, 0.75),
    ):
        assert_share(age < limit, share)


TRAITS = (
    *("male", "prior_hct", "ph_positive", "kmt2a", "high_blasts", "cns", "extramedullary"),
    *("primary_refractory", "mrd_only"),
)


def test_characteristics_are_as_frequent_as_in_the_cohort(cohort):
    rules, columns, _ = cohort
    for trait in TRAITS:
        assert_share(columns[trait], getattr(rules, f"{trait}_probability"), trait)


def test_salvage_lines_are_as_frequent_as_in_the_cohort(cohort):
    rules, columns, _ = cohort
    first, second = rules.first_salvage_probability, rules.second_salvage_probability
    for line, share in ((1, first), (2, second), (3, 1.0 - first - second)):
        assert_share(columns["salvage_line"] == line, min(max(share, 0.0), 1.0))


@pytest.mark.parametrize("male", [True, False])
def test_height_is_normal_by_sex(cohort, male):
    rules, columns, _ = cohort
    sex = "male" if male else "female"
    mean, sd = (getattr(rules, f"height_{sex}_{what}_cm") for what in ("mean", "sd"))
    height = columns["height_cm"][columns["male"] == male]
    assert_mean(height, mean, sd)
    assert_share(height < mean + sd, stats.norm.cdf(1.0))
    assert_share(height < mean - sd, stats.norm.cdf(-1.0))


@pytest.mark.parametrize("male", [True, False])
def test_weight_is_normal_by_sex_and_not_below_the_minimum(cohort, male):
    rules, columns, _ = cohort
    sex = "male" if male else "female"
    mean, sd = (getattr(rules, f"weight_{sex}_{what}_kg") for what in ("mean", "sd"))
    weight = columns["weight_kg"][columns["male"] == male]
    assert weight.min() >= rules.weight_minimum_kg
    assert_share(
        weight == rules.weight_minimum_kg, stats.norm(mean, sd).cdf(rules.weight_minimum_kg)
    )
    assert_share(weight < mean, 0.5)
    assert_share(weight < mean + sd, stats.norm.cdf(1.0))


def test_first_remission_is_lognormal_among_those_who_had_one(cohort):
    rules, columns, _ = cohort
    months = columns["first_remission_months"]
    refractory = columns["primary_refractory"]
    assert np.all(months[refractory] == 0.0)
    relapsed = months[~refractory]
    assert relapsed.min() > 0.0
    for z in (-1.0, 0.0, 1.0):
        limit = rules.first_remission_median_months * math.exp(rules.first_remission_sigma * z)
        assert_share(relapsed < limit, stats.norm.cdf(z))


def test_nobody_was_transplanted_without_ever_being_in_remission(cohort):
    _, columns, _ = cohort
    assert not np.any(columns["prior_hct"] & columns["primary_refractory"])


def test_characteristics_are_independent_but_for_those_that_imply_one_another(cohort):
    """Correlations of 20,000 patients; 4 standard errors are 4 / sqrt(n) = 0.028."""
    _, columns, _ = cohort
    names = ("age_years", "male", "prior_hct", "kmt2a", "high_blasts", "extramedullary")
    table = np.array([columns[name] for name in names if np.ptp(columns[name].astype(float)) > 0.0])
    correlations = np.corrcoef(table.astype(float))
    assert np.max(np.abs(correlations - np.eye(len(table)))) < 4.0 / math.sqrt(N)


def test_early_relapse_is_a_first_remission_of_less_than_a_year(cohort):
    _, columns, patients = cohort
    expected = ~columns["primary_refractory"] & (columns["first_remission_months"] < 12.0)
    assert [patient.early_relapse for patient in patients] == expected.tolist()


@pytest.mark.parametrize(
    ("u", "line"), [(0.0, 1), (0.441, 1), (0.442, 2), (0.801, 2), (0.803, 3), (0.999, 3)]
)
def test_salvage_line_at_its_limits(u, line):
    """TOWER: 179/405 = 0.4420 in first salvage, 0.36 in second."""
    assert salvage_line(population("tower"), u) == line


@pytest.mark.parametrize(
    ("height_cm", "weight_kg", "bsa_m2"),
    [(180.0, 80.0, 2.0), (160.0, 90.0, 2.0), (144.0, 36.0, 1.2), (162.0, 72.0, 1.8)],
)
def test_body_surface_by_hand(height_cm, weight_kg, bsa_m2):
    """Mosteller, m2 squared: 180 x 80 / 3600 = 4, 160 x 90 / 3600 = 4, then 1.44 and 3.24."""
    assert somebody(height_cm=height_cm, weight_kg=weight_kg).bsa_m2 == pytest.approx(
        bsa_m2, rel=1e-15
    )


@given(
    st.sampled_from(sorted(CATALOGUE.populations)),
    st.dictionaries(st.sampled_from(RandomDraw), st.floats(2.0**-53, 1.0 - 2.0**-53)),
)
def test_whatever_the_numbers_a_patient_is_possible(name, numbers):
    rules = population(name)
    patient = admit(
        7,
        rules,
        lambda decision: numbers.get(decision, 0.5),
        lambda decision: normal_quantile(numbers.get(decision, 0.5)),
    )
    assert rules.age_minimum_years <= patient.age_years <= rules.age_maximum_years
    assert patient.weight_kg >= rules.weight_minimum_kg
    assert patient.salvage_line in {1, 2, 3}
    assert not (patient.prior_hct and patient.primary_refractory)
    assert (patient.first_remission_months == 0.0) == patient.primary_refractory
