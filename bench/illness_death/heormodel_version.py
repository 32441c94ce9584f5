"""The model with heormodel: its continuous-time microsimulation, its fastest engine for it.

`MicrosimModel.continuous` moves all patients at once from event to event and discounts by
``exp(-rate t)``, so it is given ``ln(1 + r)``. Each patient's variates are attributes drawn once,
as both arms then share them and a time drawn in one state can be read in the next. The engine
carries a cost and one effect: QALYs. It has no one-off costs; the drug's, at day 0 and the same
for everyone, is added to the result. Life-years come from a second engine, see `life_years`.
"""

import math

import numpy as np
import pandas as pd
from heormodel.models import MicrosimModel
from heormodel.run import run_psa

from bench.illness_death.parameters import DAYS_PER_YEAR, RESPONSE_DAY, STATES, Estimate, estimate

TREATMENT, REMISSION, PROGRESSED, DEAD = range(4)
RESPONSE_YEAR = RESPONSE_DAY / DAYS_PER_YEAR
HORIZON_YEARS = 1_000.0


def population(generator, n):
    return pd.DataFrame(
        {
            "uniform": generator.random(n),
            "relapse_variate": generator.standard_exponential(n),
            "death_variate": generator.standard_exponential(n),
        }
    )


def weibull_years(params, name, variate):
    return params[f"{name}_scale_years"] * variate ** (1.0 / params[f"{name}_shape"])


def event_times(params, intervention, state, attrs, rng):  # noqa: ARG001
    """Return years to each next state: only the state that will be entered is finite."""
    times = np.full((len(state), len(STATES) + 1), np.inf)
    responds = attrs["uniform"].to_numpy() < params[f"response_{intervention}"]
    death_variate = attrs["death_variate"].to_numpy()

    treated = np.flatnonzero((state == TREATMENT) & responds)
    times[treated, REMISSION] = RESPONSE_YEAR

    refractory = np.flatnonzero((state == TREATMENT) & ~responds)
    death = weibull_years(params, "refractory", death_variate[refractory])
    times[refractory, DEAD] = death
    times[refractory[death > RESPONSE_YEAR], PROGRESSED] = RESPONSE_YEAR

    remitted = np.flatnonzero(state == REMISSION)
    times[remitted, PROGRESSED] = weibull_years(
        params, f"relapse_{intervention}", attrs["relapse_variate"].to_numpy()[remitted]
    )

    progressed = state == PROGRESSED
    refractory = np.flatnonzero(progressed & ~responds)
    times[refractory, DEAD] = (
        weibull_years(params, "refractory", death_variate[refractory]) - RESPONSE_YEAR
    )
    relapsed = np.flatnonzero(progressed & responds)
    times[relapsed, DEAD] = weibull_years(params, "relapsed", death_variate[relapsed])
    return times


def rates_per_year(params, intervention, state, attrs):  # noqa: ARG001
    cost = np.array([params[f"cost_{name}"] for name in STATES] + [0.0])
    weight = np.array([params[f"weight_{name}"] for name in STATES] + [0.0])
    return cost[state], weight[state]


def alive(params, intervention, state, attrs):  # noqa: ARG001
    living = (state != DEAD).astype(float)
    return living, living


def row(parameters):
    """Return the parameters as heormodel wants them: one flat row, here in years."""
    cells = {
        "refractory": parameters.refractory_death,
        "relapsed": parameters.relapsed_death,
        **{f"relapse_{name}": arm.relapse for name, arm in parameters.arms.items()},
    }
    flat = {f"{name}_shape": weibull.shape for name, weibull in cells.items()}
    flat |= {
        f"{name}_scale_years": weibull.scale_days / DAYS_PER_YEAR for name, weibull in cells.items()
    }
    flat |= {f"response_{name}": arm.response_probability for name, arm in parameters.arms.items()}
    for i, state in enumerate(STATES):
        flat[f"cost_{state}"] = parameters.cost_per_day[i] * DAYS_PER_YEAR
        flat[f"weight_{state}"] = parameters.qaly_weight[i]
    return flat


def draws(sets):
    return pd.DataFrame(
        [row(parameters) for parameters in sets], index=pd.RangeIndex(len(sets), name="iteration")
    )


def engine(parameters, n, annual_rate, rewards):
    return MicrosimModel.continuous(
        states=(*STATES, "dead"),
        event_times=event_times,
        state_reward_rates=rewards,
        interventions=list(parameters.arms),
        horizon=HORIZON_YEARS,
        population=population,
        n_individuals=n,
        discount_rate=math.log1p(annual_rate),
    )


def individuals(parameters, n, seed, annual_rate, rewards):
    """Return each patient's cost and effect by arm, of one run with the base numbers."""
    model = engine(parameters, n, annual_rate, rewards)
    done = run_psa(model, draws([parameters]), seed=seed, collect="individuals", sequential=True)
    # Rows come arm by arm.
    columns = done.individuals[["cost", "qaly"]].to_numpy().reshape(len(parameters.arms), n, 2)
    return {name: columns[i].T for i, name in enumerate(parameters.arms)}


def run(parameters, n, seed):
    """Simulate `n` patients under both arms; single patients are kept for the standard errors."""
    found = individuals(parameters, n, seed, parameters.annual_rate, rates_per_year)
    return {
        name: {
            "qalys": estimate(qalys),
            "cost": estimate(cost, shift=parameters.arms[name].drug_cost),
        }
        for name, (cost, qalys) in found.items()
    }


def life_years(parameters, n, seed):
    """Return the estimates of undiscounted life-years by arm, from an engine of its own."""
    found = individuals(parameters, n, seed, 0.0, alive)
    return {name: {"life_years": estimate(years)} for name, (years, _) in found.items()}


def psa(sets, n, seed):
    """Simulate `n` patients of their own under each parameter set: means, no standard errors."""
    model = engine(sets[0], n, sets[0].annual_rate, rates_per_year)
    outcomes = run_psa(model, draws(sets), seed=seed, sequential=True).outcomes
    costs, qalys = outcomes.costs_wide(), outcomes.effects_wide()
    return [
        {
            name: {
                "qalys": Estimate(qalys.at[i, name], math.nan),
                "cost": Estimate(arm.drug_cost + costs.at[i, name], math.nan),
            }
            for name, arm in parameters.arms.items()
        }
        for i, parameters in enumerate(sets)
    ]
