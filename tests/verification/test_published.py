"""The published cohorts, predicted and as published.

These are the cohorts that many of the numbers come from, so that agreement shows that the parts
fit together and predicts nothing. The bands are those of the publications.

20,000 patients, seed 1. A band is the published 95 % interval; of a share, whose interval was
not printed, the exact binomial one; of response in routine practice, where cohorts differ by
more than chance, the interval of one cohort of many. The Monte Carlo error, about 0.35 percentage points and
0.15 months, is small against every band, so none is added.
"""

import functools
import math
from typing import NamedTuple

import pytest
from scipy.stats import binomtest

from sim.simulation.question import ask
from sim.simulation.run import run
from sim.simulation.summary import summarise
from tests.support.places import ROOT

pytestmark = pytest.mark.slow

PATIENTS = 20_000
BLINATUMOMAB = "blinatumomab"
CHEMOTHERAPY = "salvage_chemotherapy"
ALL_OF_BADAR = "badar_2020_relapsed_refractory"


class Interval(NamedTuple):
    """A published 95 % interval; infinite where its upper end was not reached."""

    low: float
    high: float


class Count(NamedTuple):
    """Patients to whom it happened, of so many."""

    hits: int
    patients: int

    @property
    def interval(self):
        limits = binomtest(self.hits, self.patients).proportion_ci(0.95, method="exact")
        return Interval(100 * limits.low, 100 * limits.high)


class OneOfMany(NamedTuple):
    """Responders in one of several cohorts, whose average the scenario is of."""

    hits: int
    patients: int

    @property
    def interval(self):
        within = 1 / self.hits + 1 / (self.patients - self.hits)
        half = 1.96 * math.sqrt(within + BETWEEN_COHORTS**2)
        middle = math.log(self.hits / (self.patients - self.hits))
        return Interval(*(100 / (1 + math.exp(-(middle + end))) for end in (-half, half)))


BETWEEN_COHORTS = 0.32
"""Standard deviation of the logit of response between nine cohorts of routine practice, as DerSimonian
and Laird estimate it (the prior's reason in calibration/adult_rr.yaml)."""


class Published(NamedTuple):
    """One endpoint of one arm; `population` stands in for that of the scenario."""

    scenario: str
    strategy: str
    outcome: str
    said: Interval | Count | OneOfMany
    place: str
    population: str | None = None

    @property
    def band(self):
        return self.said if isinstance(self.said, Interval) else self.said.interval


RESPONSE, MRD = "response_percent", "mrd_negative_percent"
HCT, HCT_IN_REMISSION = "hct_ever_percent", "hct_in_remission_percent"
OS, RFS = "os_median_months", "rfs_median_months"
EFS = "efs_6_months_percent"
CRS, NEUROTOXICITY = "severe_crs_percent", "severe_neurotoxicity_percent"

TOPP = "Topp 2021, abstract; medians of Kantarjian 2023, Table 1"
TOWER = "TOWER (Kantarjian 2017)"
BADAR = "Badar 2020"

HELD = [
    Published("first_salvage", BLINATUMOMAB, RESPONSE, Count(89, 165), TOPP),
    Published("first_salvage", BLINATUMOMAB, MRD, Count(68, 165), TOPP),
    Published("first_salvage", BLINATUMOMAB, HCT, Count(60, 165), TOPP),
    Published("first_salvage", BLINATUMOMAB, HCT_IN_REMISSION, Count(33, 165), TOPP),
    Published("first_salvage", BLINATUMOMAB, OS, Interval(8.3, 14.3), TOPP),
    Published("first_salvage", BLINATUMOMAB, RFS, Interval(7.4, 18.0), TOPP),
    Published("later_salvage", BLINATUMOMAB, RESPONSE, Count(150, 367), TOPP),
    Published("later_salvage", BLINATUMOMAB, MRD, Count(118, 367), TOPP),
    Published("later_salvage", BLINATUMOMAB, HCT, Count(88, 367), TOPP),
    Published("later_salvage", BLINATUMOMAB, HCT_IN_REMISSION, Count(52, 367), TOPP),
    Published("later_salvage", BLINATUMOMAB, OS, Interval(4.3, 7.1), TOPP),
    Published("later_salvage", BLINATUMOMAB, RFS, Interval(5.7, 9.6), TOPP),
    Published("tower", BLINATUMOMAB, RESPONSE, Count(119, 271), TOWER),
    Published("tower", BLINATUMOMAB, HCT, Count(65, 271), TOWER),
    Published("tower", BLINATUMOMAB, OS, Interval(5.6, 9.6), TOWER),
    Published("tower", CHEMOTHERAPY, RESPONSE, Count(33, 134), TOWER),
    Published("tower", CHEMOTHERAPY, HCT, Count(32, 134), TOWER),
    Published("tower", CHEMOTHERAPY, OS, Interval(2.9, 5.3), TOWER),
    # 31 % and 12 % of the curves at 6 months, as if nobody had been censored before.
    Published("tower", BLINATUMOMAB, EFS, Count(84, 271), TOWER),
    Published("tower", CHEMOTHERAPY, EFS, Count(16, 134), TOWER),
    Published("real_world", BLINATUMOMAB, RESPONSE, OneOfMany(90, 126), f"{BADAR}, Table 2"),
    # Toxicity is of all 236 evaluable patients, whatever their line.
    Published("real_world", BLINATUMOMAB, CRS, Count(8, 236), f"{BADAR}, Table 3"),
    Published("real_world", BLINATUMOMAB, NEUROTOXICITY, Count(17, 236), f"{BADAR}, Table 3"),
    Published("real_world", BLINATUMOMAB, RESPONSE, OneOfMany(149, 227), BADAR, ALL_OF_BADAR),
    Published("real_world", BLINATUMOMAB, MRD, Count(109, 227), BADAR, ALL_OF_BADAR),
    Published("real_world", BLINATUMOMAB, OS, Interval(9.2, 17.9), BADAR, ALL_OF_BADAR),
]

MISSED = [
    # Reported RFS is longer than the OS of the same responders (32.1 and 28.5 months): no one
    # set of patients followed alike can show that, and RFS of the model is never above its OS.
    Published("real_world", BLINATUMOMAB, RFS, Interval(9.5, math.inf), BADAR, ALL_OF_BADAR),
    # 57 % of the responders were transplanted at these centres; the model has too few.
    Published("real_world", BLINATUMOMAB, HCT_IN_REMISSION, Count(85, 227), BADAR, ALL_OF_BADAR),
]
"""Endpoints that the model does not reproduce, with the reason where it is known."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Simulate one strategy alone: a patient's luck does not depend on the others."""

    @functools.cache
    def simulated(scenario, strategy, population):
        shipped = ROOT / "scenarios" / f"{scenario}.yaml"
        question = ask(shipped).scenario
        plan = next(plan for plan in question.strategies if plan.name == strategy)
        path = tmp_path_factory.mktemp(scenario) / "one_strategy.yaml"
        path.write_text(
            f"extends: {shipped}\n"
            f"population: {population or question.population}\n"
            f"comparator: {strategy}\n"
            f"strategies: [{plan.model_dump_json(exclude_none=True)}]\n",
            encoding="utf-8",
        )
        (arm,) = summarise(run(ask(path, patients=PATIENTS, seed=1))).arms
        return arm.outcomes

    return simulated


def each(endpoints):
    return pytest.mark.parametrize(
        "published",
        endpoints,
        ids=lambda p: f"{p.population or p.scenario}-{p.strategy}-{p.outcome}",
    )


@each(HELD)
def test_endpoint_lies_in_the_published_interval(published, outcomes):
    found = outcomes(published.scenario, published.strategy, published.population)
    low, high = published.band
    assert low <= found[published.outcome].mean <= high, published.place


@each(MISSED)
def test_endpoint_that_the_model_is_said_to_miss_is_missed(published, outcomes):
    """When the model comes to reproduce one of these, it belongs among the others."""
    found = outcomes(published.scenario, published.strategy, published.population)
    low, high = published.band
    assert not low <= found[published.outcome].mean <= high, published.place


def test_median_of_cycles_is_two_in_routine_practice(outcomes):
    """Badar 2020: 2 cycles. A median of whole numbers has no interval to compare."""
    assert outcomes("real_world", BLINATUMOMAB, None)["cycles_median"].mean == 2.0


def test_bands_are_those_that_were_worked_out_by_hand():
    """Exact intervals of 54 % of 165, 24 % of 367 and 3 % of 236, to one decimal."""
    rounded = [
        tuple(round(limit, 1) for limit in Count(hits, patients).interval)
        for hits, patients in ((89, 165), (88, 367), (8, 236))
    ]
    assert rounded == [(46.0, 61.7), (19.7, 28.7), (1.5, 6.6)]
