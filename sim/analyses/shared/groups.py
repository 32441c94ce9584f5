"""Groups of related parameters, for global sensitivity analysis."""

from __future__ import annotations

import re
from typing import Final

from sim.clinic.toxicity import Toxicity

TOXICITIES: Final = "|".join(kind.name.lower() for kind in Toxicity)
GROUPS: Final = tuple(
    (re.compile(pattern), group)
    for pattern, group in (
        (r"cost\.(transplant|acute_gvhd|chronic_gvhd)\w*", "costs of allo-HCT"),
        (r"cost\.(mild|severe)_\w+", "costs of toxicity"),
        (r"cost\.(\w+)\..*", r"prices of \1"),
        (r"cost\.(usual_care|supportive_care|end_of_life)\w*", "costs of later care"),
        (r"cost\..*", "costs of hospital and visits"),
        (r"hospital\..*", "days in hospital"),
        (r"utility\..*", "utilities"),
        (r"decrement\..*", "utility decrements"),
        (r"norm\..*", "utilities of the population"),
        (r"response\..*", "response"),
        (r"candidacy\..*|.*\.transplant_log_odds_ratio", "candidacy for allo-HCT"),
        (r"transplant\.(cured|relapse)\w*", "relapse after allo-HCT"),
        (r"transplant\..*", "death and complications after allo-HCT"),
        (r"relapse\..*", "relapse"),
        (r"survivor\..*", "mortality of survivors"),
        (r"disease\..*", "survival after failure"),
        (r"(later|usual_care|supportive_care)\..*", "later lines"),
        (r"toxicity\..*", "course of toxicity"),
        (rf"(\w+)\.({TOXICITIES})\..*", r"toxicity of \1"),
        (r"(\w+)\.mix\..*", r"prices of \1"),
        (r"(\w+)\..*", r"effect of \1"),
    )
)
"""Pattern of a whole name and its group, the first that fits."""
FITTED: Final = "fitted parameters"


def group_of(name: str) -> str:
    """Return the group of a parameter; a name that fits no pattern is a group of its own."""
    for pattern, group in GROUPS:
        match = pattern.fullmatch(name)
        if match is not None:
            return match.expand(group).replace("_", " ")
    return name
