"""The model as a scenario of this program, through the interface that its own analyses use.

Every event, cost and QALY of a patient goes through the general engine and ledger; `scenario.yaml`
switches off what the model does not have. All parameter sets move the same patients.
"""

import functools
import itertools
import math
from pathlib import Path

from bench.illness_death.parameters import DAYS_PER_MONTH, Estimate
from sim.simulation.parameter_sets import SetsJob, read_sets
from sim.simulation.question import ask, with_numbers
from sim.simulation.run import run as simulate
from sim.simulation.summary import LIFE_YEARS, mean_of
from sim.simulation.tally import COST, QALY

SCENARIO = Path(__file__).with_name("scenario.yaml")
REGIMENS = {"A": "salvage_chemotherapy", "B": "inotuzumab"}
DRUGS = {"A": "cost.salvage_chemotherapy.flag_cycle", "B": "cost.inotuzumab.vial"}
OUTCOMES = {"life_years": (LIFE_YEARS, False), "qalys": (QALY, True), "cost": (COST, True)}
MANY = 4
"""Axes of the sums of many sets: set, strategy, undiscounted or discounted, value."""


@functools.cache
def question(n, seed):
    return ask(SCENARIO, patients=n, seed=seed)


def months(weibull):
    """Return the median of a Weibull time."""
    return weibull.scale_days * math.log(2.0) ** (1.0 / weibull.shape) / DAYS_PER_MONTH


def numbers(parameters):
    """Return the numbers of the model by the names of this program."""
    a, b = parameters.arms["A"], parameters.arms["B"]
    assert a.relapse.shape == b.relapse.shape
    logits = {name: logit(arm.response_probability) for name, arm in parameters.arms.items()}
    treatment, remission, progressed = parameters.cost_per_day
    on_treatment, in_remission, with_disease = parameters.qaly_weight
    drugs = {DRUGS[name]: arm.drug_cost for name, arm in parameters.arms.items()}
    return {
        # Effects are relative: inotuzumab's to those of chemotherapy.
        "salvage_chemotherapy.response.log_odds_ratio": logits["A"],
        "inotuzumab.response.log_odds_ratio": logits["B"] - logits["A"],
        "relapse.shape": a.relapse.shape,
        "relapse.median_months_mrd_negative": months(a.relapse),
        "inotuzumab.remission_duration_ratio": b.relapse.scale_days / a.relapse.scale_days,
        "disease.refractory_median_months": months(parameters.refractory_death),
        "disease.refractory_shape": parameters.refractory_death.shape,
        "disease.relapsed_median_months": months(parameters.relapsed_death),
        "disease.relapsed_shape": parameters.relapsed_death.shape,
        **drugs,
        "cost.inpatient_day": treatment,
        "cost.follow_up_per_month": remission * DAYS_PER_MONTH,
        "cost.after_failure_per_month": progressed * DAYS_PER_MONTH,
        "utility.on_treatment": on_treatment,
        "utility.complete_remission": in_remission,
        "utility.relapsed_refractory": with_disease,
        "perspective.discount_rate_costs": parameters.annual_rate,
        "perspective.discount_rate_effects": parameters.annual_rate,
    }


def logit(p):
    return math.log(p / (1.0 - p))


def estimates(question, tally):
    """Return the estimates of a tally, or a list of them where it is of many sets."""
    sums = tally.sums
    every = mean_of(sums.values, sums.squares, tally.patients)
    names = [strategy.name for strategy in question.scenario.strategies]
    means, errors = every.mean.tolist(), every.se.tolist()

    def of(mean, se):
        return {
            name: {
                outcome: Estimate(mean[s][discounted][column], se[s][discounted][column])
                for outcome, (column, discounted) in OUTCOMES.items()
            }
            for s, name in enumerate(names)
        }

    if every.mean.ndim == MANY:
        return [of(mean, se) for mean, se in zip(means, errors, strict=True)]
    return of(means, errors)


def run(parameters, n, seed):
    """Simulate `n` patients under both arms."""
    asked = with_numbers(question(n, seed), numbers(parameters))
    return estimates(asked, simulate(asked, keep_patients=False, threads=1).tally)


def psa(sets, n, seed):
    """Simulate the same `n` patients under each parameter set."""
    wanted = (numbers(parameters) for parameters in sets)
    asked = question(n, seed)
    job = SetsJob(asked, dict, lambda batch: estimates(asked, batch.tally))
    return [
        one
        for batch in read_sets(job, zip(wanted, itertools.repeat(0)), threads=1)
        for one in batch
    ]
