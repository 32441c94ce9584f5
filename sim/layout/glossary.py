"""The abbreviations of the field, each with its meaning: the only place where they are spelt out."""

from __future__ import annotations

import re
from typing import Final

GLOSSARY: Final = {
    "ALL": "acute lymphoblastic leukaemia",
    "Allo-HCT": "allogeneic haematopoietic cell transplantation, from a donor",
    "CEAC": "cost-effectiveness acceptability curve: by threshold, the probability that a strategy "
    "is the most cost-effective",
    "CEAF": "cost-effectiveness acceptability frontier: the probability of the strategy that has "
    "the most expected net benefit",
    "CHEERS": "Consolidated Health Economic Evaluation Reporting Standards",
    "CR": "complete remission",
    "CRh": "complete remission with partial recovery of the blood counts",
    "CRi": "complete remission with incomplete recovery of the blood counts",
    "CRS": "cytokine release syndrome",
    "ENBS": "expected net benefit of sampling: the value of a trial to all patients, less its cost",
    "EVPI": "expected value of perfect information, per patient",
    "EVPPI": "expected value of perfect information about a part of the inputs, per patient",
    "EVSI": "expected value of sample information: that of the results of a trial, per patient",
    "GVHD": "graft-versus-host disease, after a transplant from a donor",
    "HCT": "haematopoietic cell transplantation",
    "ICER": "incremental cost-effectiveness ratio: the extra cost of each QALY gained",
    "MRD": "measurable residual disease: leukaemia below what a microscope shows",
    "NMB": "net monetary benefit: QALYs at the threshold, less the cost",
    "OS": "overall survival",
    "PSA": "probabilistic sensitivity analysis: all uncertain inputs drawn at once, many times",
    "QALY": "quality-adjusted life-year: a year of life in full health, or as much in longer time "
    "of less than full health",
    "RFS": "relapse-free survival, of patients in remission",
    "SD": "standard deviation",
    "SE": "standard error, of the simulation unless another is named",
}
SPELLINGS: Final = GLOSSARY | {"allo-HCT": GLOSSARY["Allo-HCT"]}
"""The meaning of each abbreviation, also as spelt within a sentence."""
WORD: Final = re.compile(
    rf"(?<![\w-])(?P<word>{'|'.join(sorted(SPELLINGS, key=len, reverse=True))})(?P<plural>s?)(?!\w)"
)
"""An abbreviation in a text, and the ``s`` of its plural."""
