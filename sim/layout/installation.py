"""Posterior draws copied into the catalogue, where every run finds them."""

from __future__ import annotations

from typing import Final

from sim.catalog import load_catalogue
from sim.catalog.posterior import POSTERIOR
from sim.errors import UserError
from sim.evidence.protocol import Protocol
from sim.files.results_folder import check_folder, write_folder

OPTION: Final = "--install"
CALIBRATED: Final = "calibrated"


def check_installation(protocol: Protocol) -> None:
    """Refuse a protocol whose draws would not serve the catalogue, or cannot be written there.

    Raises
    ------
    UserError
        When a calibrated parameter of the catalogue is not fitted, or the folder is read-only.
    """
    fitted = {name for plan in protocol.heterogeneity.values() for name in plan.parameters}
    fitted |= set(protocol.priors)
    for parameter in load_catalogue().parameters():
        if parameter.status == CALIBRATED and parameter.name not in fitted:
            problem = "is calibrated in the catalogue, and the protocol has no prior on it"
            raise UserError(problem, key=OPTION, value=parameter.name)
    try:
        check_folder(POSTERIOR.parent, [POSTERIOR.name])
    except UserError as error:
        raise UserError(error.problem, key=OPTION, value=str(POSTERIOR.parent)) from None


def install_draws(draws: str) -> None:
    """Write the draws into the catalogue, whole or not at all."""
    write_folder(POSTERIOR.parent, {POSTERIOR.name: draws}, [POSTERIOR.name])
