"""What a command says of a scenario beside its answer."""

from sim import Scenario

NOT_COUNTED = (
    "note: results are at the price without an agreement; python -m sim agreement compares those of "
    "the scenario\n"
)


def remarks_on(path):
    """Return what goes to standard error where nothing is wrong."""
    return NOT_COUNTED if Scenario.load(path).agreements else ""
