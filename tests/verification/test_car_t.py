"""CAR-T cells beside what ZUMA-3 and ELIANA published, and the limits of the regimens.

Each published count lies in the 95 % predictive interval of the simulated share: the binomial of the
trial's patients. 20,000 patients of `car_t` and `car_t_young_adults`, the Monte Carlo error of which
(at most 0.5 percentage points among those infused) is small against it. Single arms: three kinds of
numbers were placed so that the model gives them, and their tests only say that they are in the right
role (marked *placed*); the others were not.
"""

from collections import Counter
from functools import cache

import pytest
from scipy.stats import binom

from sim.clinic.cells import Cells
from sim.clinic.events import EventKind
from sim.engine.compiled import core
from sim.errors import UserError
from sim.simulation.question import ask as read_question
from tests.support.places import SCENARIOS

PATIENTS, SEED = 20_000, 11
MONTH = 30.4375


@cache
def counts(scenario, strategy, line=0):
    """Count patients by what happened in a line; those with cells, where it says so."""
    question = read_question(SCENARIOS / f"{scenario}.yaml", patients=PATIENTS, seed=SEED)
    (arm,) = (each for each in question.model.strategies if each.name == strategy)
    found = Counter()
    for _, log in core.simulate(question.model, arm, seed=SEED, patients=PATIENTS):
        events = {event.kind: event for event in log if event.line == line}
        if EventKind.LEUKAPHERESIS not in events:
            continue
        found["leukapheresed"] += 1
        reason = events.get(EventKind.CELLS_NOT_GIVEN)
        found["not made"] += reason is not None and reason.detail == Cells.NOT_MADE
        if EventKind.CELLS_INFUSED not in events:
            continue
        found["infused"] += 1
        found["crs"] += any(
            e.line == line and e.kind == EventKind.TOXICITY and e.detail == 0 for e in log
        )
        response = events.get(EventKind.RESPONSE)
        if response is None:
            continue
        found["response"] += 1
        found["complete"] += response.detail == 1
        found["mrd negative"] += response.value == 1.0
        found["transplanted"] += EventKind.TRANSPLANT in events
        relapse = events.get(EventKind.RELAPSE)
        found["relapse"] += relapse is not None
        found["lost cd19"] += relapse is not None and EventKind.CD19_LOSS in events
    return found


ZUMA_3 = ("car_t", "brexucabtagene", 0)
AFTER_BLINATUMOMAB = ("car_t", "blinatumomab_brexucabtagene", 1)
ELIANA = ("car_t_young_adults", "tisagenlecleucel", 0)


@pytest.mark.parametrize(
    ("group", "what", "of", "hits", "patients"),
    [
        pytest.param(ZUMA_3, "infused", "leukapheresed", 55, 71, id="ZUMA-3, infused of enrolled"),
        pytest.param(
            ZUMA_3, "response", "infused", 33, 40, id="ZUMA-3, placed, not after blinatumomab"
        ),
        pytest.param(ZUMA_3, "complete", "response", 31, 39, id="ZUMA-3, CR of CR/CRi"),
        pytest.param(ZUMA_3, "mrd negative", "response", 38, 39, id="ZUMA-3, MRD-negative"),
        pytest.param(ZUMA_3, "transplanted", "response", 14, 57, id="ZUMA-3, placed, transplanted"),
        pytest.param(ZUMA_3, "crs", "infused", 72, 78, id="ZUMA-3, CRS"),
        pytest.param(
            AFTER_BLINATUMOMAB, "response", "infused", 24, 38, id="ZUMA-3, after blinatumomab"
        ),
        pytest.param(
            AFTER_BLINATUMOMAB, "response", "infused", 12, 21, id="phase 1, after blinatumomab"
        ),
        pytest.param(
            AFTER_BLINATUMOMAB, "mrd negative", "response", 24, 24, id="all responders negative"
        ),
        pytest.param(ELIANA, "infused", "leukapheresed", 79, 97, id="ELIANA, infused of enrolled"),
        pytest.param(ELIANA, "not made", "leukapheresed", 8, 97, id="ELIANA, manufacture"),
        pytest.param(ELIANA, "response", "infused", 65, 79, id="ELIANA, placed, CR/CRi"),
        pytest.param(ELIANA, "mrd negative", "response", 64, 65, id="ELIANA, MRD-negative"),
        pytest.param(ELIANA, "transplanted", "response", 8, 65, id="ELIANA, placed, transplanted"),
        pytest.param(ELIANA, "crs", "infused", 58, 75, id="ELIANA, CRS"),
        pytest.param(ELIANA, "lost cd19", "relapse", 68, 166, id="CD19-negative relapses"),
    ],
)
def test_a_published_count_lies_in_the_predictive_interval(group, what, of, hits, patients):
    found = counts(*group)
    share = found[what] / found[of]
    low, high = binom.interval(0.95, patients, share)
    assert low <= hits <= high, f"{hits} of {patients}, predicted {low:.0f} to {high:.0f}"


@pytest.mark.parametrize(("hits", "patients", "after"), [(57, 78, 38), (39, 55, 25), (31, 45, 21)])
def test_response_of_all_infused_in_zuma_3_is_predicted(hits, patients, after):
    """Both phases at the pivotal dose, phase 2 and phase 1 at any dose; so many after blinatumomab.

    25 of the 55 of phase 2 are remembered, the other two counts are read.
    """
    share = {
        group: counts(*group)["response"] / counts(*group)["infused"]
        for group in (ZUMA_3, AFTER_BLINATUMOMAB)
    }
    mean = (after * share[AFTER_BLINATUMOMAB] + (patients - after) * share[ZUMA_3]) / patients
    low, high = binom.interval(0.95, patients, mean)
    assert low <= hits <= high, f"{hits} of {patients}, predicted {low:.0f} to {high:.0f}"


def test_of_all_leukapheresed_fewer_respond_than_of_the_infused():
    """In ZUMA-3 39 of 71 enrolled and 39 of 55 infused; here both counts have their own name."""
    found = counts(*ZUMA_3)
    assert found["response"] / found["leukapheresed"] == pytest.approx(
        found["response"] / found["infused"] * found["infused"] / found["leukapheresed"]
    )
    low, high = binom.interval(0.95, 71, found["response"] / found["leukapheresed"])
    assert low <= 39 <= high


def test_a_population_older_than_the_label_allows_is_refused(ask):
    """The tests' own `ask` writes a scenario, which is read with all its checks."""
    with pytest.raises(UserError, match=r"must be at most tisagenlecleucel.cells.oldest_age_years"):
        ask("car_t_young_adults", population="zuma_3", patients=1)
