"""A protocol of a few parameters, and an endpoint of it, for tests of the fit."""

from typing import Any

from sim.evidence.cohorts import Target
from sim.evidence.observables import Measure, Observed
from sim.evidence.protocol import Protocol
from sim.simulation.observables import BITS, Moment, Observable

SHARE = Observed(Measure.SHARE, (Observable(0, 0, BITS["response"], Moment.START, 0, 0),))


def toy_protocol(
    names: tuple[str, ...],
    *,
    prior: tuple[float, float] = (0.0, 1.0),
    weights: dict[str, float],
    scale: float,
    sampler: tuple[int, int, int] = (1, 1, 1),
) -> Protocol:
    """Return a protocol with a prior (mean, sd) on each name and one kind of heterogeneity."""
    mean, sd = prior
    return Protocol.model_validate(
        {
            "title": "Toy",
            "seed": 7,
            "design": {"waves": [1], "spread": 1.0},
            "sampler": dict(zip(("chains", "warmup", "samples"), sampler, strict=True)),
            "weights": {study: {"weight": w, "why": "toy"} for study, w in weights.items()},
            "heterogeneity": {"kind": {"parameters": ["effect"], "scale": scale, "why": "toy"}},
            "toxicity": {"sd": 0.2, "why": "toy"},
            "cohorts": [{"scenario": "c", "study": "s", "arms": {"a": "a"}}],
            "priors": {
                name: {"scale": "identity", "mean": mean, "sd": sd, "why": "toy"} for name in names
            },
        }
    )


def toy_target(**changes: Any) -> Target:
    """Return an endpoint: a share of responders that is fitted, but for the changes."""
    usual = {
        "study": "toy",
        "endpoint": "e",
        "word": "response",
        "cohort": "toy",
        "arm": {"a": 1.0},
        "against": None,
        "observed": SHARE,
        "at_months": None,
        "role": "fit",
        "value": 0.0,
        "below": 0.2,
        "above": 0.6,
        "events": None,
        "n": 100,
        "curve": "",
        "survival": None,
    }
    return Target(**{**usual, **changes})
