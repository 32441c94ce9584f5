"""Every implementation against the closed form, then its CPU time per patient and arm."""

import dataclasses
import math
import statistics
import time

import pytest

from bench.illness_death.engines import (
    ARMS,
    ENGINES,
    FULL,
    MANY_SETS,
    SEED,
    check_estimates,
    check_many_sets,
    check_one_run,
    many_sets,
    one_run,
    size,
)
from bench.illness_death.heormodel_version import life_years
from bench.illness_death.parameters import BASE, DAYS_PER_YEAR, RESPONSE_DAY, exact_means

ROUNDS = 7


def mean_weibull(time_to_event):
    return time_to_event.scale_days * math.gamma(1.0 + 1.0 / time_to_event.shape)


def test_integrated_life_years_are_those_of_the_gamma_function():
    for name, truth in exact_means(BASE).items():
        arm = BASE.arms[name]
        responder = RESPONSE_DAY + mean_weibull(arm.relapse) + mean_weibull(BASE.relapsed_death)
        p = arm.response_probability
        days = p * responder + (1.0 - p) * mean_weibull(BASE.refractory_death)
        assert truth["life_years"] == pytest.approx(days / DAYS_PER_YEAR, rel=1e-9)


# Patients: 10^6, SimPy 20,000; 4 standard errors; the seed is fixed.
@pytest.mark.parametrize("name", ENGINES)
def test_means_of_one_run_are_those_of_the_closed_form(name):
    check_one_run(name)


# 1,000 sets of 1,000 patients, SimPy 20 sets; 4 standard errors of the mean error.
@pytest.mark.parametrize("name", MANY_SETS)
def test_means_of_many_sets_are_those_of_the_closed_form(name):
    check_many_sets(name)


# At 80 % a year (1 + r)^-t and exp(-r t) differ by far more than 4 standard errors.
@pytest.mark.parametrize("name", ENGINES)
def test_discounting_is_at_an_effective_annual_rate(name):
    parameters = dataclasses.replace(BASE, annual_rate=0.8)
    check_estimates(ENGINES[name](parameters, 20_000, SEED), exact_means(parameters))


def test_life_years_of_heormodel_are_those_of_the_closed_form():
    check_estimates(life_years(BASE, FULL.patients, SEED), exact_means(BASE))


def note_time_per_patient(benchmark, patients):
    if benchmark.stats is None:  # not timed: --benchmark-disable
        return
    ns = [seconds / patients / ARMS * 1e9 for seconds in benchmark.stats.stats.data]
    low, median, high = statistics.quantiles(ns, n=4)
    benchmark.extra_info["cpu_ns_per_patient_and_arm"] = {
        "median": median,
        "quartiles": [low, high],
    }


@pytest.mark.benchmark(timer=time.process_time, group="one run")
@pytest.mark.parametrize("name", ENGINES)
def test_one_run(benchmark, name):
    check_one_run(name)
    benchmark.pedantic(one_run(name), rounds=ROUNDS, warmup_rounds=1)
    note_time_per_patient(benchmark, size(name).patients)


@pytest.mark.benchmark(timer=time.process_time, group="many parameter sets")
@pytest.mark.parametrize("name", MANY_SETS)
def test_many_sets(benchmark, name):
    check_many_sets(name)
    benchmark.pedantic(many_sets(name), rounds=ROUNDS, warmup_rounds=1)
    note_time_per_patient(benchmark, size(name).sets * size(name).set_patients)
