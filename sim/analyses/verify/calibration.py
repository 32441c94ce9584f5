"""Checks of the fit behind the calibrated inputs, as it is installed and as its results say."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import pandas as pd

from sim.analyses.verify.check import MOST_STANDARD_ERRORS, Finding, Group, does_not_apply, none_of
from sim.analyses.verify.subject import Subject
from sim.catalog.distribution import Posterior
from sim.catalog.parameter import CALIBRATED, PRIOR, PRIOR_FROM
from sim.catalog.posterior import POSTERIOR, load_identification, load_posterior
from sim.clinic.units import PERCENT
from sim.errors import UserError
from sim.evidence.calibration import DIAGNOSTICS, evidence_hash, read_fit, read_provenance
from sim.evidence.sampler import worst
from sim.evidence.validation import RESULTS, usual_protocol

CALIBRATION: Final = Group("calibration")
LARGEST_R_HAT: Final = 1.01
FEWEST_DRAWS: Final = 400.0
NOMINAL: Final = 0.95
"""The share of endpoints that a model without fault has inside its predictive intervals."""
VALIDATION: Final = "validation.csv"
NO_RESULTS: Final = "the results of the fit are not beside the protocol"
NONE_FITTED: Final = "the scenario uses no fitted input"


def results() -> Path | None:
    """Return the folder of the results of the fit; None where there is none."""
    folder = usual_protocol().parent / RESULTS
    return folder if folder.is_dir() else None


def fitted_inputs(subject: Subject) -> list[str]:
    """Name the inputs that the scenario uses and that were fitted."""
    question = subject.question
    return [
        name
        for name in sorted(question.used)
        if isinstance(question.parameters[name].distribution, Posterior)
    ]


@CALIBRATION.check(
    "The installed draws are those of the fit, and the fit is of the protocol and evidence that are "
    "here.",
    standard="Vanni 1-2; ISPOR-SMDM 7",
    advice="Fit again: python -m sim calibrate calibration/adult_rr.yaml --install.",
)
def fit_belongs_to_its_evidence(subject: Subject) -> Finding:
    """Compare the hashes that the fit left with those of the files."""
    del subject
    folder = results()
    if folder is None:
        return does_not_apply(NO_RESULTS)
    try:
        read_fit(folder, POSTERIOR)
    except UserError as error:
        return Finding(str(error), "one whole fit", False)
    left, here = read_provenance(folder).get("evidence"), evidence_hash(usual_protocol())
    observed = "the fit is of this evidence" if left == here else "the fit is of other evidence"
    return Finding(observed, "the fit is of this evidence", left == here)


@CALIBRATION.check(
    "The chains of the fit agree, and hold enough draws that are independent.",
    standard="Vanni 5-6",
    advice="Look at calibration/results/diagnostics.csv; longer chains may be needed.",
)
def chains_converged(subject: Subject) -> Finding:
    """Look at the largest R-hat and the fewest effective draws."""
    del subject
    folder = results()
    if folder is None:
        return does_not_apply(NO_RESULTS)
    r_hat, effective = worst(pd.read_csv(folder / DIAGNOSTICS))
    text = f"largest R-hat {r_hat:.3f}, fewest effective draws {effective:,.0f}"
    allowed = f"at most {LARGEST_R_HAT:g}; at least {FEWEST_DRAWS:g}"
    return Finding(text, allowed, r_hat <= LARGEST_R_HAT and effective >= FEWEST_DRAWS)


@CALIBRATION.check(
    "Every fitted input has the median of its posterior as its base value, and the draws of the "
    "posterior as its distribution.",
    standard="Vanni 7; ISPOR-SMDM 6",
    advice="Look at the catalogue entry of the input: its value is 'posterior'.",
)
def base_values_are_medians(subject: Subject) -> Finding:
    """Compare each fitted input with its column of the installed draws."""
    draws, names = load_posterior(), fitted_inputs(subject)
    if draws is None or not names:
        return does_not_apply(NONE_FITTED)
    parameters = [subject.question.parameters[name] for name in names]
    wrong = sum(
        each.name not in draws
        or not math.isclose(each.value, float(draws[each.name].median()))
        or not isinstance(each.distribution, Posterior)
        or each.distribution.draws != tuple(sorted(draws[each.name].tolist()))
        for each in parameters
    )
    return none_of(wrong, len(names), "fitted inputs")


@CALIBRATION.check(
    "No input is called calibrated of which the fit says little more than its prior.",
    standard="Vanni 5; ISPOR-SMDM 6",
    advice="Look at spread_left in calibration/results/identification.csv.",
)
def named_by_what_informs_them(subject: Subject) -> Finding:
    """Compare the status of each fitted input with the spread that the fit has left of its prior."""
    names, table = fitted_inputs(subject), load_identification()
    if not names or table.empty:
        return does_not_apply(NONE_FITTED)
    left = table["spread_left"].astype(float)
    known = [name for name in names if name in left.index]
    statuses = {name: subject.question.parameters[name].status for name in known}
    wrong = sum(
        statuses[name] != (PRIOR if float(left[name]) >= PRIOR_FROM else CALIBRATED)
        for name in known
    )
    return none_of(wrong + len(names) - len(known), len(names), "fitted inputs")


def coverage(role: str) -> Finding:
    """Compare the share of endpoints inside their predictive interval with the nominal one."""
    folder = results()
    if folder is None or not (folder / VALIDATION).is_file():
        return does_not_apply(NO_RESULTS)
    table = pd.read_csv(folder / VALIDATION)
    mine = table.loc[table["role"] == role, "inside"].astype(bool)
    if mine.empty:
        return does_not_apply(f"no endpoint has the role '{role}'")
    least = NOMINAL - MOST_STANDARD_ERRORS * math.sqrt(NOMINAL * (1.0 - NOMINAL) / len(mine))
    share = float(mine.mean())
    text = f"{int(mine.sum()):,} of {len(mine):,} endpoints ({PERCENT * share:.0f} %)"
    return Finding(text, f"at least {PERCENT * least:.0f} %", share >= least)


@CALIBRATION.check(
    "Endpoints that the model was fitted to are inside their 95 % predictive interval.",
    standard="Vanni 3; ISPOR-SMDM 7; AdViSHE D4",
    advice="python -m sim validate shows which are outside.",
)
def fitted_endpoints(subject: Subject) -> Finding:
    """Count the fitted endpoints of the stored validation."""
    del subject
    return coverage("fit")


@CALIBRATION.check(
    "Endpoints that were held out are inside their 95 % predictive interval.",
    standard="ISPOR-SMDM 7; AdViSHE D4",
    advice="python -m sim validate shows which are outside, and of which studies.",
)
def held_out_endpoints(subject: Subject) -> Finding:
    """Count the endpoints of the stored validation that no fit has seen."""
    del subject
    return coverage("held_out")
