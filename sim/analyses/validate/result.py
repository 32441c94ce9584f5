"""``validate``: predict published endpoints with the fitted model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from sim.analyses.shared.arguments import Option, Out, Threads, Whole, checked, rename_options
from sim.analyses.shared.result import Result, folder_of, written
from sim.analyses.validate import tables
from sim.analyses.validate.tables import print_validation
from sim.errors import UserError
from sim.evidence.validation import Prediction, predict
from sim.layout.progress import patients_progress
from sim.limits import FEWEST_PREDICTIONS, MOST_PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console


class ValidateResult(Result):
    """Published endpoints and their predictions.

    Figures are ``validation_forest``, the endpoints by study, and ``validation_curves``, survival
    where a study published its curves.

    Attributes
    ----------
    studies
        The names of the studies; empty for all that the protocol names.
    """

    COMMAND = "validate"
    FILES = tables.NAMES
    FIGURES = (tables.FOREST, tables.CURVES)

    def __init__(self, studies: tuple[str, ...], found: Prediction) -> None:
        self.studies = studies
        self._found = found

    @classmethod
    @rename_options
    def read(cls, folder: str | Path, *, protocol: str | Path | None = None) -> Self:
        """Return the answer that `write`, or the command with ``--out``, has put into a folder.

        Parameters
        ----------
        folder
            Of the files.
        protocol
            As for `validate`.

        Raises
        ------
        UserError
            When a file is missing or broken, or protocol, cohorts or register have changed.
        """
        found = tables.read_prediction(Path(folder), None if protocol is None else Path(protocol))
        return cls(tuple(found.provenance["studies"]), found)

    @property
    def _subject(self) -> str:
        return ", ".join(self.studies) or "all studies"

    @property
    def is_stale(self) -> bool:
        """Whether protocol, cohorts or register have changed since the fit."""
        return self._found.is_stale

    @property
    def notes(self) -> tuple[str, ...]:
        """Whether the fit is stale."""
        said = "protocol, cohorts or register have changed since the fit"
        return (said,) if self.is_stale else ()

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return {tables.VALIDATION: self.endpoints, tables.CURVES: self.curves}

    @property
    def endpoints(self) -> pd.DataFrame:
        """A row per endpoint, as in validation.csv: `sim.analyses.validate.tables.TABLE`."""
        return self._found.validation.table.copy()

    @property
    def curves(self) -> pd.DataFrame:
        """Predicted survival by month (`sim.analyses.validate.tables.SURVIVAL`)."""
        return tables.survival_table(self._found)

    @property
    def coverage(self) -> pd.DataFrame:
        """The endpoints inside their intervals, by role (`sim.evidence.validation.SUMMARY_COLUMNS`)."""
        return self._found.summary.copy()

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        return tables.validation_files(self._found)

    def json(self) -> str:
        """Return the summary as JSON text."""
        return tables.validation_json(self._found)

    def print_to(self, console: Console) -> None:
        """Print the endpoints by study, and the number inside."""
        print_validation(console, self._found)

    def _draw(self, name: str) -> Figure:
        found = tables.drawn_validation(self._found)
        if name not in found:
            raise UserError("none of the studies has a curve", key="name", value=name)
        return found[name]


@checked
def validate(
    *studies: str,
    protocol: str | Path | None = None,
    draws: Annotated[int, Option("N", Whole(FEWEST_PREDICTIONS, MOST_PREDICTIONS))] = 300,
    out: Out = None,
    threads: Threads = None,
) -> ValidateResult:
    """Predict the published endpoints of studies, or of all, with the fitted model.

    Each cohort is simulated with draws of the installed posterior. A published value should be
    inside 95 of 100 predicted 95 % intervals, which hold the sampling error of its size.

    Parameters
    ----------
    *studies
        Names of studies; by default all that the protocol names.
    protocol
        Protocol of the fit, by default calibration/adult_rr.yaml.
    draws
        Draws of the posterior with which each cohort is simulated.
    out, threads
        As for `run`.

    Raises
    ------
    UserError
        When an argument is not allowed, the protocol has no cohort of a study, or there is no fit.

    Examples
    --------
    >>> from sim import validate
    >>> validate("zhou", draws=50).endpoints["study"].unique().tolist()
    ['zhou']
    """
    folder = folder_of(ValidateResult, out)
    found = predict(
        studies,
        None if protocol is None else Path(protocol),
        draws=draws,
        threads=threads,
        bar=patients_progress,
    )
    return written(ValidateResult(studies, found), folder)
