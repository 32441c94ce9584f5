"""``validate``: predict published endpoints with the fitted model.

The files, the printed answer (every endpoint by study, then how many are inside) and the function
that answers with them. Names and columns of the files are part of the interface.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import pandas as pd
from rich.console import Console

from sim.analyses.psa.variance import PriorEffect, prior_effects, variance_by_status, variance_words
from sim.analyses.shared.arguments import (
    Cluster,
    Option,
    Out,
    Threads,
    Whole,
    checked,
    rename_options,
)
from sim.analyses.shared.result import Result, folder_of, written
from sim.analyses.shared.work import spread
from sim.errors import UserError
from sim.evidence.validation import Prediction, bias, predict, usual_protocol
from sim.layout.cells import NOTHING, estimate_json, estimate_of
from sim.layout.cells import number as number_cell
from sim.layout.endpoint_words import labelled
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.progress import patients_progress
from sim.layout.schema import Schema, count, flag, in_csv, number, read_json, records, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph
from sim.limits import FEWEST_PREDICTIONS, MOST_PREDICTIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INDENT: Final = 2
PRIORS_SHOWN: Final = 8
PRIORS: Final = (
    "A prior that the endpoints outweigh does not move the gain, wherever its mean is put; the "
    "largest effects are shown, with Monte Carlo standard errors."
)
DECISION_DRAWS: Final = 1000
DECISION_PATIENTS: Final = 2000
VALIDATION: Final = "validation"
TABLE: Final = Schema(
    f"{VALIDATION}.csv",
    (
        text("study"),
        text("endpoint"),
        text("role", "``fit`` or ``held_out``"),
        text("topic", "what the endpoint is of"),
        number("published", "in `unit`"),
        number("low", "ends of its 95 % interval"),
        number("high"),
        number("predicted", "the median of the prediction"),
        number("predicted_low", "ends of its 95 % interval"),
        number("predicted_high"),
        number("z", "the standardized difference"),
        flag("inside", "whether the published value is in the predicted interval"),
        number("width_ratio", "width of that interval against that from sampling error alone"),
        text("unit", "%, months or ratio"),
    ),
)
"""One row per endpoint."""
SURVIVAL: Final = Schema(
    f"{VALIDATION}_curves.csv",
    (
        text("study"),
        text("endpoint", "the first that is read from the curve"),
        text("curve", "``os`` or ``rfs``"),
        count("months", "from 0"),
        number("low", "ends of the 95 % interval of the predicted survival, in per cent"),
        number("middle", "its median"),
        number("high"),
    ),
)
"""The predicted curves."""
SUMMARY: Final = f"{VALIDATION}.json"
FOREST: Final = "validation_forest"
CURVES: Final = "validation_curves"
PROVENANCE: Final = "provenance.json"
NAMES: Final = (TABLE.file, SURVIVAL.file, SUMMARY, *figure_names((FOREST, CURVES)), PROVENANCE)
ROLE_WORDS: Final = {"fit": "used in the fit", "held_out": "held out"}


@dataclass(frozen=True)
class RestsOn:
    """What a gain in QALYs rests on: its variance by status, and the effects of the priors."""

    variance: Mapping[str, float]
    priors: tuple[PriorEffect, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written."""
        return {
            "variance_of_qalys": dict(self.variance),
            "qalys_per_prior_sd": {
                each.parameter: estimate_json(each.qalys) for each in self.priors
            },
        }

    @classmethod
    def of_json(cls, told: Mapping[str, Any] | None) -> RestsOn | None:
        """Return it as it was written."""
        if told is None:
            return None
        priors = told["qalys_per_prior_sd"].items()
        return cls(
            told["variance_of_qalys"],
            tuple(PriorEffect(name, estimate_of(each)) for name, each in priors),
        )


def drawn_validation(found: Prediction) -> dict[str, Figure]:
    """Return the figures by name; that of the curves only where a study has some."""
    from sim.analyses.validate.figure import curves_figure, forest_figure
    from sim.layout.style import styled

    table = labelled(found.validation, found.register)
    with styled():
        figures = {FOREST: forest_figure(table, counts(found.summary))}
        if found.validation.curves:
            figures[CURVES] = curves_figure(found.validation, table)
    return figures


def counts(summary: pd.DataFrame) -> str:
    """Say how many published values are inside, by role."""
    parts = [
        f"{one.inside} of {one.endpoints} {ROLE_WORDS[str(one.group)]}"
        for one in summary.itertuples()
        if one.group in ROLE_WORDS
    ]
    return f"Published value inside the predicted interval:\n{', '.join(parts)}"


def survival_table(found: Prediction) -> pd.DataFrame:
    """Return the predicted curves as `SURVIVAL`."""
    return SURVIVAL.table(
        (curve.target.study, curve.target.endpoint, curve.endpoint, months, *band)
        for curve in found.validation.curves
        for months, band in enumerate(zip(curve.low, curve.middle, curve.high, strict=True))
    )


def read_prediction(folder: Path, protocol: Path | None) -> Prediction:
    """Return the prediction that is stored in a folder.

    Raises
    ------
    UserError
        When a file is missing or broken, or protocol, cohorts or register are not those of the
        prediction.
    """
    # Imported here: the table alone, as in a report, is read without the compiler.
    from sim.evidence.calibration import evidence_hash
    from sim.evidence.cohorts import targets
    from sim.evidence.protocol import load_protocol
    from sim.evidence.register import load_register
    from sim.evidence.validation import PredictedCurve, Validation, is_stale, summary

    told = read_json(folder / SUMMARY)
    path = usual_protocol() if protocol is None else protocol
    evidence = evidence_hash(path)
    if told["provenance"]["evidence"] != evidence:
        problem = f"holds other predictions than {path.name} gives now; run it again"
        raise UserError(problem, file=folder / SUMMARY, key="evidence")
    register = load_register()
    known = {target.name: target for target in targets(load_protocol(path, register), register)}
    table, survival = TABLE.read(folder), SURVIVAL.read(folder)
    validation = Validation(
        targets=tuple(known[name] for name in _names(table)),
        table=table,
        curves=tuple(
            PredictedCurve(
                known[str(name)], str(curve), *band[["low", "middle", "high"]].to_numpy().T
            )
            for (name, curve), band in survival.groupby([_names(survival), "curve"], sort=False)
        ),
        draws=told["draws"],
    )
    return Prediction(
        register, validation, summary(table, register), is_stale(path, evidence), told["provenance"]
    )


def _names(table: pd.DataFrame) -> pd.Series[str]:
    """Return the names of the targets in rows of a table."""
    return table["study"] + "/" + table["endpoint"]


DIGITS: Final = {"percent": 1, "months": 1, "ratio": 2}
UNITS: Final = {"percent": "%", "months": "months, median", "ratio": "hazard ratio"}
ROLES: Final = {"fit": "fit", "held_out": "held out"}
GROUPS: Final = {
    "fit": "Used in the fit",
    "held_out": "Held out",
    "held_out_other_studies": "… of studies with nothing in the fit",
    "held_out_other_patients": "… and no patients in common with it",
}
LARGEST: Final = 1000.0
"""Months: a median beyond is not reached."""
MEANS: Final = (
    "Published values with 95 % intervals; medians of the prediction with intervals that hold the "
    "uncertainty of the parameters, the differences between studies and the sampling error of a "
    "cohort of the published size. Width is the interval's against that of sampling error alone. "
    "Inside says whether the published value lies in the predicted interval."
)


def print_validation(console: Console, found: Prediction, rests: RestsOn | None) -> None:
    """Print the table by study, the summary, and what the decision's uncertainty rests on."""
    table = labelled(found.validation, found.register)
    interval = "95 % interval"
    headings = ("n", "Role", "Published", interval, "Predicted", interval, "Width", "Inside")
    print_table(console, Table("Study and endpoint", headings, [_rows(table)]))
    print_table(console, _summary(found.summary))
    print_table(console, _bias(bias(found.validation.table)))
    print_paragraph(console, f"{found.validation.draws:,} draws of the posterior. {MEANS}")
    if rests is not None:
        print_table(console, _priors(rests.priors))
        print_paragraph(console, f"{variance_words(rests.variance)} {PRIORS}")
    print_paragraph(console, DISCLAIMER)


def _bias(table: pd.DataFrame) -> Table:
    rows = []
    for one in table.to_dict("records"):
        means = [one[name] for name in ("mean_z", "mean_z_fit", "mean_z_held_out")]
        cells = [f"{value:+.2f}" if math.isfinite(value) else NOTHING for value in means]
        shown = [Cell(text) for text in (str(one["endpoints"]), *cells)]
        rows.append(Row(str(one["topic"]).capitalize(), shown))
    headings = ("Endpoints", "All", "Fitted", "Held out")
    return Table("Mean standardized difference, published less predicted", headings, [rows])


def _priors(effects: Sequence[PriorEffect]) -> Table:
    rows = [
        Row(effect.parameter, [number_cell(effect.qalys, 3)]) for effect in effects[:PRIORS_SHOWN]
    ]
    return Table("Change of the gain for a prior mean one SD higher", ("QALYs",), [rows])


def _rows(table: pd.DataFrame) -> list[Row]:
    rows: list[Row] = []
    last = ""
    for one in table.itertuples():
        heading = str(one.heading)
        if heading != last:
            rows.append(Row(heading, strong=True))
            last = heading
        rows.append(_endpoint(one))
    return rows


def _endpoint(one: Any) -> Row:  # noqa: ANN401 - a row of mixed types
    kind = str(one.kind)
    cells = [
        NOTHING if pd.isna(one.n) else str(one.n),
        ROLES[one.role],
        _number(one.published, kind),
        f"{_number(one.low, kind)} to {_number(one.high, kind)}",
        _number(one.predicted, kind),
        f"{_number(one.predicted_low, kind)} to {_number(one.predicted_high, kind)}",
        f"{one.width_ratio:.2f}",
        "yes" if one.inside else "no *",
    ]
    return Row(f"  {one.label}, {UNITS[kind]}", [Cell(text) for text in cells])


def _number(value: float, kind: str) -> str:
    if kind == "months" and not value < LARGEST:
        return "not reached"
    return NOTHING if math.isnan(value) else f"{value:.{DIGITS[kind]}f}"


def _summary(summary: pd.DataFrame) -> Table:
    rows = []
    for one in summary.itertuples():
        shares = (f"{one.inside_percent:.0f} %", f"{one.median_width_ratio:.2f}")
        texts = (str(one.studies), str(one.endpoints), str(one.inside), *shares)
        rows.append(Row(GROUPS[str(one.group)], [Cell(text) for text in texts]))
    headings = ("Studies", "Endpoints", "Inside", "Inside, %", "Median width")
    return Table("95 % predictive intervals", headings, [rows])


class ValidateResult(Result):
    """Published endpoints and their predictions.

    Figures are ``validation_forest``, the endpoints by study, and ``validation_curves``, survival
    where a study published its curves.

    Attributes
    ----------
    studies
        The names of the studies; empty for all that the protocol names.
    rests_on
        What the gain in QALYs rests on in the scenario that the protocol decides on; None where it
        was not asked for.
    """

    COMMAND = "validate"
    FILES = NAMES
    FIGURES = (FOREST, CURVES)

    def __init__(
        self, studies: tuple[str, ...], found: Prediction, rests_on: RestsOn | None = None
    ) -> None:
        self.studies = studies
        self.rests_on = rests_on
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
        found = read_prediction(Path(folder), None if protocol is None else Path(protocol))
        told = read_json(Path(folder) / SUMMARY)
        return cls(tuple(found.provenance["studies"]), found, RestsOn.of_json(told.get("decision")))

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
        return {TABLE.stem: self.endpoints, SURVIVAL.stem: self.curves}

    @property
    def endpoints(self) -> pd.DataFrame:
        """A row per endpoint, as in validation.csv: `sim.analyses.validate.result.TABLE`."""
        return self._found.validation.table.copy()

    @property
    def curves(self) -> pd.DataFrame:
        """Predicted survival by month (`sim.analyses.validate.result.SURVIVAL`)."""
        return survival_table(self._found)

    @property
    def coverage(self) -> pd.DataFrame:
        """The endpoints inside their intervals, by role (`sim.evidence.validation.SUMMARY_COLUMNS`)."""
        return self._found.summary.copy()

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        tables = {f"{name}.csv": in_csv(table) for name, table in self.tables.items()}
        provenance = json.dumps(self._found.provenance, indent=INDENT) + "\n"
        figures = figure_files(drawn_validation(self._found))
        return {**tables, SUMMARY: self.json(), **figures, PROVENANCE: provenance}

    def json(self) -> str:
        """Return summary and endpoints as JSON text; values that are not finite are null."""
        found, table = self._found, self._found.validation.table
        content = {
            "draws": found.validation.draws,
            "provenance": found.provenance,
            "decision": None if self.rests_on is None else self.rests_on.as_json(),
            "summary": records(found.summary),
            "bias": records(bias(table)),
            "endpoints": records(table),
        }
        return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"

    def print_to(self, console: Console) -> None:
        """Print the endpoints by study, and the number inside."""
        print_validation(console, self._found, self.rests_on)

    def _draw(self, name: str) -> Figure:
        found = drawn_validation(self._found)
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
    cluster: Cluster = None,
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
    out, threads, cluster
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
    path = usual_protocol() if protocol is None else Path(protocol)
    with spread(cluster):
        found = predict(studies, path, draws=draws, threads=threads, bar=patients_progress)
        rests = None if studies else decision_rests_on(path, threads)
    return written(ValidateResult(studies, found, rests), folder)


def decision_rests_on(protocol: Path, threads: int | None = None) -> RestsOn | None:
    """Return what the gain in QALYs of the protocol's decision rests on.

    Of the first strategy that is not the comparator, in `DECISION_DRAWS` draws; None where the
    protocol names no scenario.
    """
    from sim.analyses.psa.draws_run import run_psa
    from sim.evidence.protocol import load_protocol
    from sim.simulation.question import ask

    decision = load_protocol(protocol).decision
    if decision is None:
        return None
    question = ask(protocol.parent / decision)
    psa = run_psa(question, DECISION_DRAWS, patients=DECISION_PATIENTS, threads=threads)
    others = [s for s in range(len(psa.strategies)) if s != psa.comparator]
    if not others:
        return None
    return RestsOn(variance_by_status(psa, others[0]), tuple(prior_effects(psa, others[0])))
