"""Print how often the fit's intervals hold a truth that it was not told.

    python -m bench.recovery [--first 0] [--repetitions 20] [--out FILE.csv]

One wave of points over the prior gives the surfaces; they depend on no published value and serve
every repetition. Each repetition draws a truth from the prior, simulates the cohorts with it,
samples their publications with the error of the published sizes, and samples the posterior from
those. The share of intervals that contain the truth should be their level.
"""

import argparse
import math
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import binom

from sim.engine.streams import uniforms
from sim.evidence.calibration import prepared, surfaces
from sim.evidence.cohorts import simulate
from sim.evidence.observables import logit_of
from sim.evidence.protocol import load_protocol
from sim.evidence.register import load_register
from sim.evidence.sampler import Chains, correlation, curves, worst
from sim.simulation.parameter_draws import Draw, stable_hash

PROTOCOL = Path(__file__).resolve().parent.parent / "calibration" / "adult_rr.yaml"
SEED = 20110
POINTS = 2400
CHAINS, WARMUP, SAMPLES = 2, 400, 400
LEVEL = 0.9
PATIENTS = 20_000
"""Of a simulated cohort, so that its own Monte Carlo error is small next to the sampling error."""


def draw_truth(protocol, studies, number):
    """Draw truth `number` from the prior: scores, spread of the study effects, effects by study."""

    def normal(name):
        key = stable_hash(f"truth {name}")
        return float(ndtri(uniforms(SEED, number, 1, Draw.PARAMETER, key)[0]))

    kinds = protocol.heterogeneity
    spread = np.array([plan.scale * abs(normal(f"spread.{kind}")) for kind, plan in kinds.items()])
    effects = {
        study: spread * np.array([normal(f"{study}.{kind}") for kind in kinds])
        for study in dict.fromkeys(studies)
    }
    return np.array([normal(name) for name in protocol.priors]), spread, effects


def publish(protocol, cohorts, scores, effects, number):
    """Return simulated publications of the cohorts, on the scales of the targets, by name.

    Counts are binomial at their published size. Endpoints of a curve are as in the likelihood:
    normal with the published standard errors, correlated within a curve. The patients differ from
    those of the fit.
    """
    published = {}
    for cohort in cohorts:
        asked = replace(cohort.question, patients=PATIENTS, seed=SEED + number)
        fresh = replace(cohort, question=asked)
        (exact,) = simulate(protocol, fresh, scores[None], effects[cohort.study][None])
        names = [target.name for target in cohort.targets]
        published |= zip(names, with_error(exact, cohort, number).tolist(), strict=True)
    return published


def with_error(exact, cohort, number):
    """Return the endpoints of a cohort with the error of a sample of the published size."""
    shown = exact.copy()
    for place, target in enumerate(cohort.targets):
        if target.is_count and target.n is not None:
            u = uniforms(SEED, number, 1, Draw.SAMPLING, stable_hash(target.name))[0]
            share = 1.0 / (1.0 + np.exp(-exact[place]))
            shown[place] = logit_of(int(binom.ppf(u, target.n, share)), target.n)
    for group in curves(cohort.targets):
        shown[group] = exact[group] - residuals([cohort.targets[k] for k in group], number)
    return shown


def residuals(chosen, number):
    """Draw prediction minus value of the endpoints of a curve.

    Their density is normal in units of the standard errors below and above. A normal draw is
    stretched to that and accepted with the ratio of the volumes.
    """
    root = np.linalg.cholesky(correlation(chosen))
    below = np.array([target.below for target in chosen])
    above = np.array([target.above for target in chosen])
    for attempt in count():
        key = stable_hash(f"{chosen[0].name} {attempt}")
        u = uniforms(SEED, number * (len(chosen) + 1), len(chosen) + 1, Draw.SAMPLING, key)
        standard = root @ ndtri(u[1:])
        error = np.where(standard > 0.0, above, below)
        if u[0] < np.prod(error / np.maximum(below, above)):
            break
    return standard * error


def with_values(evidence, observed):
    """Return the same surfaces with other values of the endpoints, by name, and counts to match."""

    def changed(target):
        value = observed[target.name]
        counted = target.is_count and target.n is not None
        events = target.n / (1.0 + math.exp(-value)) if counted else None
        return replace(target, value=value, events=events)

    return [replace(each, targets=tuple(map(changed, each.targets))) for each in evidence]


def coverage(protocol, posterior, scores, spread):
    """Return for each prior score and each spread of the effects whether its interval has the truth."""
    names = [*protocol.priors, *posterior.spread.columns]
    draws = pd.concat([posterior.scores, posterior.spread], axis=1)[names].to_numpy()
    low, high = np.quantile(draws, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0], axis=0)
    truth = np.concatenate([scores, spread])
    inside = (low <= truth) & (truth <= high)
    return pd.DataFrame(
        {"quantity": names, "truth": truth, "low": low, "high": high, "inside": inside}
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.recovery")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    register = load_register()
    protocol, cohorts = prepared(
        load_protocol(PROTOCOL, register), register, PROTOCOL.parent, quick=True
    )
    protocol = protocol.model_copy(
        update={
            "design": protocol.design.model_copy(update={"waves": (POINTS,)}),
            "sampler": protocol.sampler.model_copy(
                update={"chains": CHAINS, "warmup": WARMUP, "samples": SAMPLES}
            ),
        }
    )
    evidence = surfaces(protocol, cohorts, 0, None, say=say)
    chains = Chains(protocol, evidence)
    tables = []
    for number in range(asked.first, asked.first + asked.repetitions):
        studies = [each.study for each in evidence]
        scores, spread, effects = draw_truth(protocol, studies, number)
        observed = publish(protocol, cohorts, scores, effects, number)
        posterior = chains.run(with_values(evidence, observed))
        table = coverage(protocol, posterior, scores, spread)
        tables.append(table.assign(repetition=number))
        r_hat, effective = worst(posterior.diagnostics)
        inside = f"{table['inside'].sum()} of {len(table)} inside"
        say(f"{number + 1}: {inside}; largest R-hat {r_hat:.3f}, fewest draws {effective:.0f}")
    found = pd.concat(tables)
    rates = found.groupby("repetition")["inside"].mean()
    error = rates.std(ddof=1) / np.sqrt(len(rates)) if len(rates) > 1 else np.nan
    print(
        f"{found['inside'].sum()} of {len(found)} intervals of {LEVEL:.0%} hold the truth: "
        f"{found['inside'].mean():.1%} (standard error between repetitions {error:.1%})"
    )
    by_quantity = found.groupby("quantity", sort=False)["inside"].mean()
    print(f"by quantity from {by_quantity.min():.0%} to {by_quantity.max():.0%}")
    if asked.out is not None:
        found.to_csv(asked.out, index=False, float_format="%.6g", lineterminator="\n")


def say(line):
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
