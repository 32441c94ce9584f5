"""The model in vectorised NumPy: all patients of an arm at once, straightforward and fast."""

import numpy as np

from bench.illness_death.parameters import DAYS_PER_YEAR, RESPONSE_DAY, estimate


def simulate_arm(parameters, arm, variates):
    """Return the estimates of one arm from uniform and exponential variates."""
    uniform, relapse_variate, death_variate = variates
    responds = uniform < arm.response_probability
    refractory = ~responds
    remission_end = np.full(len(uniform), RESPONSE_DAY)
    remission_end[responds] += arm.relapse.days(relapse_variate[responds])
    death = np.empty(len(uniform))
    death[responds] = remission_end[responds] + parameters.relapsed_death.days(
        death_variate[responds]
    )
    death[refractory] = parameters.refractory_death.days(death_variate[refractory])
    treatment_end = np.minimum(RESPONSE_DAY, death)
    np.minimum(remission_end, death, out=remission_end)

    force = parameters.force_per_day
    # Discounted days from 0 to the end of each state.
    treated, remitted, lived = (
        -np.expm1(-force * end) / force for end in (treatment_end, remission_end, death)
    )

    def total(amounts):
        in_treatment, in_remission, progressed = amounts
        return (
            (in_treatment - in_remission) * treated
            + (in_remission - progressed) * remitted
            + progressed * lived
        )

    return {
        "life_years": estimate(death, 1.0 / DAYS_PER_YEAR),
        "qalys": estimate(total(parameters.qaly_weight), 1.0 / DAYS_PER_YEAR),
        "cost": estimate(total(parameters.cost_per_day), shift=arm.drug_cost),
    }


def run(parameters, n, seed):
    """Simulate `n` patients under both arms with common random numbers."""
    generator = np.random.default_rng(seed)
    variates = (
        generator.random(n),
        generator.standard_exponential(n),
        generator.standard_exponential(n),
    )
    return {name: simulate_arm(parameters, arm, variates) for name, arm in parameters.arms.items()}


def psa(sets, n, seed):
    """Simulate `n` patients of their own under each parameter set."""
    seeds = np.random.SeedSequence(seed).spawn(len(sets))
    return [run(parameters, n, one) for parameters, one in zip(sets, seeds, strict=True)]
