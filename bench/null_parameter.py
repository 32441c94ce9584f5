"""How far does a parameter without effect move the result of a one-way analysis?

``python -m bench.null_parameter`` prints the change of the incremental net benefit between the two
ends of such a parameter, for heormodel's individual-level engine and for this program.

heormodel keys a random stream by the number of the scenario of its design, so that a scenario
meets other people with other luck. Its three-state model of the quick start is used, as a
microsimulation, in the ways that its interface offers: the design of `one_at_a_time` in one call,
and each scenario in a call of its own under the same number, which gives it the same stream.
"""

import math
import statistics

import numpy as np
import pandas as pd

from bench.workloads import MAIN
from sim.analyses.shared.outcomes import change, outcome_named
from sim.analyses.shared.paired_runs import middle_threshold, sample, with_values
from sim.simulation.question import ask

PATIENTS = (1_000, 10_000)
SEEDS = range(10)
WORTH = 50_000.0
BASE = {
    "p_progress": 0.1,
    "rr_treat": 0.6,
    "p_die": 0.005,
    "p_die_sick": 0.1,
    "c_sick": 25_000.0,
    "c_treat": 8_000.0,
    "u_sick": 0.75,
    "without_effect": 0.5,
}
STATES = ("Healthy", "Sick", "Dead")
ARMS = ("Standard care", "Treatment")
HEALTHY, SICK, DEAD = range(3)
CYCLES = 40
OURS = ("candidacy.real_world_log_odds_ratio", -3.0, 3.0)
"""Read by the model, and without effect in a scenario of trial patients."""


def probabilities(params, intervention, state, attrs, rng):
    del attrs, rng
    progress = params["p_progress"] * (params["rr_treat"] if intervention == ARMS[1] else 1.0)
    rows = np.array(
        [
            [1.0 - progress - params["p_die"], progress, params["p_die"]],
            [0.0, 1.0 - params["p_die_sick"], params["p_die_sick"]],
            [0.0, 0.0, 1.0],
        ]
    )
    return rows[state]


def rewards(params, intervention, state, attrs):
    del attrs
    cost = np.where(state == SICK, params["c_sick"], 0.0)
    if intervention == ARMS[1]:
        cost = cost + np.where(state == DEAD, 0.0, params["c_treat"])
    return cost, np.array([1.0, params["u_sick"], 0.0])[state]


def gains(design, patients, seed, **settings):
    """Return the incremental net benefit of each scenario."""
    from heormodel.cea import nmb
    from heormodel.models import MicrosimModel
    from heormodel.run import run_psa

    model = MicrosimModel.discrete(
        states=STATES,
        transition_probabilities=probabilities,
        state_rewards=rewards,
        interventions=ARMS,
        n_cycles=CYCLES,
        n_individuals=patients,
        **settings,
    )
    outcomes = run_psa(model, design, seed=seed, sequential=True, progress=False).outcomes
    benefit = nmb(outcomes, WORTH)
    return (benefit[ARMS[1]] - benefit[ARMS[0]]).to_numpy()


def theirs(patients, seed):
    """Return the base, the move between the ends in one call, and in calls of their own."""
    from heormodel.dsa import one_at_a_time

    design, _ = one_at_a_time(pd.Series(BASE), {"without_effect": (0.0, 1.0)})
    base, low, high = gains(design, patients, seed)
    alone = [
        gains(design.loc[[row]].set_axis([0], axis=0), patients, seed)[0] for row in design.index
    ]
    return base, high - low, alone[2] - alone[1]


def ours(patients, seed):
    """Return the base and the move between the ends."""
    question = ask(MAIN, patients=patients, seed=seed)
    threshold = middle_threshold(question)
    outcome = outcome_named("nmb", threshold=threshold, currency=question.perspective.currency)
    name, low, high = OURS
    base, *ends = (
        outcome.read(sample(asked, outcome.columns).pair("blinatumomab"))
        for asked in (
            question,
            with_values(question, {name: low}),
            with_values(question, {name: high}),
        )
    )
    return base.value, change(ends[1], ends[0]).mean


def root_mean_square(moves):
    return math.sqrt(statistics.fmean(move * move for move in moves))


def main():
    print(
        f"Change of the incremental net benefit by a parameter without effect, {len(SEEDS)} seeds"
    )
    for patients in PATIENTS:
        found = [theirs(patients, seed) for seed in SEEDS]
        own = [ours(patients, seed) for seed in SEEDS]
        for name, base, moves in (
            ("heormodel, one call", [row[0] for row in found], [row[1] for row in found]),
            ("heormodel, call by call", [row[0] for row in found], [row[2] for row in found]),
            ("blinsim", [row[0] for row in own], [row[1] for row in own]),
        ):
            print(
                f"  {patients:>6,} patients  {name:24} base {statistics.fmean(base):>10,.0f}  "
                f"root mean square {root_mean_square(moves):>8,.0f}  "
                f"largest {max(map(abs, moves)):>8,.0f}"
            )


if __name__ == "__main__":
    main()
