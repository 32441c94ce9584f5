"""The model in SimPy as one would first write it: a process per patient, one timeout per state."""

import math
import random
import statistics

import simpy

from bench.illness_death.parameters import DAYS_PER_YEAR, OUTCOMES, RESPONSE_DAY, Estimate


class Account:
    """What one patient has accrued."""

    def __init__(self, parameters, arm):
        self.parameters = parameters
        self.totals = dict.fromkeys(OUTCOMES, 0.0)
        self.totals["cost"] = arm.drug_cost

    def stay(self, state, start, end):
        """Accrue a stay in a state, discounted in continuous time."""
        force = self.parameters.force_per_day
        days = (math.exp(-force * start) - math.exp(-force * end)) / force
        self.totals["life_years"] += (end - start) / DAYS_PER_YEAR
        self.totals["qalys"] += self.parameters.qaly_weight[state] * days / DAYS_PER_YEAR
        self.totals["cost"] += self.parameters.cost_per_day[state] * days


def draw(generator, weibull):
    return generator.weibullvariate(weibull.scale_days, weibull.shape)


def stay(env, account, state, days):
    start = env.now
    yield env.timeout(days)
    account.stay(state, start, env.now)


def patient(env, parameters, arm, generator, account):
    """Live one life: treatment, remission if there is one, progressed disease, death."""
    treatment, remission, progressed = range(3)
    if generator.random() < arm.response_probability:
        yield from stay(env, account, treatment, RESPONSE_DAY)
        yield from stay(env, account, remission, draw(generator, arm.relapse))
        yield from stay(env, account, progressed, draw(generator, parameters.relapsed_death))
    else:
        survival = draw(generator, parameters.refractory_death)
        yield from stay(env, account, treatment, min(survival, RESPONSE_DAY))
        if survival > RESPONSE_DAY:
            yield from stay(env, account, progressed, survival - RESPONSE_DAY)


def run(parameters, n, seed):
    """Simulate `n` patients under each arm."""
    generator = random.Random(seed)
    result = {}
    for name, arm in parameters.arms.items():
        env = simpy.Environment()
        accounts = [Account(parameters, arm) for _ in range(n)]
        for account in accounts:
            env.process(patient(env, parameters, arm, generator, account))
        env.run()
        result[name] = {}
        for outcome in OUTCOMES:
            values = [account.totals[outcome] for account in accounts]
            mean = statistics.fmean(values)
            result[name][outcome] = Estimate(mean, statistics.stdev(values, mean) / math.sqrt(n))
    return result


def psa(sets, n, seed):
    """Simulate `n` patients of their own under each parameter set."""
    return [run(parameters, n, f"{seed} {i}") for i, parameters in enumerate(sets)]
