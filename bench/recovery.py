"""Print how often the fit's intervals hold a truth that it was not told.

    python -m bench.recovery [--first 0] [--repetitions 20] [--out FILE.csv]

One wave of points over the prior gives the surfaces; they depend on no published value and serve
every repetition. Each repetition draws a truth from the prior, simulates what the cohorts would
have published, and samples the posterior from that.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from sim.evidence.calibration import (
    LEVEL,
    coverage,
    draw_truth,
    prepared,
    publish,
    surfaces,
    with_values,
)
from sim.evidence.protocol import load_protocol
from sim.evidence.register import load_register
from sim.evidence.sampler import Chains, worst

PROTOCOL = Path(__file__).resolve().parent.parent / "calibration" / "adult_rr.yaml"
SEED = 20110
POINTS = 2400
CHAINS, WARMUP, SAMPLES = 2, 400, 400


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
        truth = draw_truth(protocol, [each.study for each in evidence], SEED, number)
        observed = publish(protocol, cohorts, truth, SEED, number)
        posterior = chains.run(with_values(evidence, observed))
        table = coverage(protocol, posterior, truth)
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
