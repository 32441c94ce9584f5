"""``psa``: answer a scenario under the uncertainty of its inputs.

The files and their figures, each drawn when it is asked for, and the function that answers with
them. Names and columns of the files are part of the interface.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import numpy as np
import pandas as pd

from sim.analyses.psa import text as psa_text
from sim.analyses.psa.acceptability import (
    acceptability_curves,
    quiet_increments,
    switching_thresholds,
)
from sim.analyses.psa.allocation import NAIVE_PATIENTS, Allocation, Variances, rounded_up
from sim.analyses.psa.analysis import (
    Answer,
    Choice,
    Gain,
    Planned,
    Size,
    Work,
    answer,
    choose_size,
    results,
)
from sim.analyses.psa.draws_run import Psa
from sim.analyses.psa.noise import INTERVAL, Split, quantile_error
from sim.analyses.psa.stored_draws import DETERMINISTIC, TABLE, draws_table, read_psa, result_files
from sim.analyses.shared.arguments import (
    Cached,
    Cluster,
    Draws,
    Option,
    Out,
    Part,
    PatientsPerDraw,
    Positive,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.result import StoredResult
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.store import (
    MANIFEST,
    Chunks,
    check_unfinished,
    manifest,
    manifest_text,
    opened,
)
from sim.analyses.shared.stored import INDENT, Stored, in_bytes
from sim.analyses.shared.work import Place, place_of_work, spread
from sim.economics.incremental import Increment
from sim.errors import UserError
from sim.files.atomic import Content
from sim.files.results_folder import beside_others
from sim.layout.cells import SYMBOLS, estimate_json, finite
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.progress import patients_progress
from sim.layout.run_tables import inputs_table
from sim.layout.schema import Schema, in_csv, number, text
from sim.limits import LARGEST_AMOUNT
from sim.simulation.provenance import fingerprint, provenance
from sim.simulation.question import Question
from sim.spread.order import one_thread

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

PLANE: Final = "plane"
CURVES: Final = "acceptability"
LOSSES: Final = "expected_loss"
FIGURE_NAMES: Final = (
    f"{CURVES}.csv",
    *figure_names((PLANE, CURVES, LOSSES)),
)


def psa_figures(psa: Psa) -> dict[str, Content]:
    """Return the files by name; none where there is nothing to choose."""
    if len(psa.strategies) == 1:
        return {}
    curves = acceptability_curves(psa)
    return {f"{CURVES}.csv": in_csv(curves), **figure_files(drawn_psa(psa, curves))}


def drawn_psa(psa: Psa, curves: pd.DataFrame) -> dict[str, Figure]:
    """Return the figures by name; there are two strategies or more.

    Parameters
    ----------
    psa
        The draws.
    curves
        Their acceptability curves.
    """
    from sim.analyses.psa.figure import (
        Cloud,
        acceptability_figure,
        expected_loss_figure,
        plane_figure,
    )
    from sim.layout.style import styled

    names, question = psa.strategies, psa.question
    comparator = names[psa.comparator]
    labels = {each.name: each.shown_name for each in question.scenario.strategies}
    symbol = SYMBOLS[question.perspective.currency]
    means = [psa.values(column).mean(axis=0) for column in ("cost", "qalys")]
    clouds = [
        Cloud(name, labels[name], *quiet_increments(psa, name).T)
        for name in names
        if name != comparator
    ]
    with styled():
        return {
            PLANE: plane_figure(
                clouds,
                names,
                labels[comparator],
                question.thresholds,
                symbol=symbol,
                year=question.perspective.price_year,
            ),
            CURVES: acceptability_figure(
                curves,
                names,
                labels,
                question.thresholds,
                [switch.threshold for switch in switching_thresholds(*means)],
                symbol=symbol,
            ),
            LOSSES: expected_loss_figure(curves, names, labels, question.thresholds, symbol=symbol),
        }


SUMMARY: Final = "psa.json"
DRAWN: Final = Schema(
    "psa_inputs.csv",
    (
        text("name"),
        text("label"),
        text("unit"),
        text("status"),
        text("distribution"),
        number("value", "that of a deterministic run; the rest is of the draws"),
        number("mean"),
        number("sd"),
        number("low", "the 2.5 % quantile"),
        number("low_se", "its error as an estimate of that of the distribution"),
        number("high", "the 97.5 % quantile"),
        number("high_se"),
    ),
)
"""The columns of psa.parquet are those of `sim.analyses.psa.draws_run.Psa.outcomes`, then
``parameter:NAME`` of each drawn parameter."""

NAMES: Final = (
    TABLE,
    DETERMINISTIC,
    SUMMARY,
    DRAWN.file,
    "inputs.csv",
    "provenance.json",
    "citations.txt",
    *FIGURE_NAMES,
    MANIFEST,
)


def psa_files(answer: Answer) -> dict[str, Content]:
    """Return the files of an analysis by name, all but the manifest."""
    # Imported here: it looks for the libraries of linear algebra.

    psa = answer.psa
    with one_thread():
        drawn = in_csv(drawn_table(psa))
    texts = {
        SUMMARY: psa_json(answer),
        DRAWN.file: drawn,
        "inputs.csv": in_csv(inputs_table(psa.question)),
        "provenance.json": json.dumps(_provenance(psa), indent=INDENT) + "\n",
        "citations.txt": citations(psa.question),
    }
    return {**result_files(psa), **texts, **psa_figures(psa)}


def psa_json(answer: Answer) -> str:
    """Return the answer as JSON text; values that cannot be estimated are null."""
    psa = answer.psa
    question = psa.question
    scenario = question.scenario
    labels = {s.name: s.shown_name for s in scenario.strategies}
    content = {
        "scenario": Path(question.loaded.file).stem,
        "title": scenario.title,
        "population": scenario.population,
        "setting": scenario.setting,
        "perspective": scenario.perspective,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "thresholds": list(question.thresholds),
        "draws": psa.draws,
        "patients": question.patients,
        "base_case_patients": psa.base_patients,
        "seed": question.seed,
        "scenario_sha256": fingerprint(question),
        "parameters_drawn": len(psa.parameters.columns),
        "chosen": _planned(answer.planned),
        "strategies": [
            {
                "name": name,
                "label": labels[name],
                "outcomes": {
                    outcome: {
                        **_split(psa, found),
                        "deterministic": estimate_json(psa.expected(outcome)[s]),
                    }
                    for outcome, found in answer.outcomes[name].items()
                },
            }
            for s, name in enumerate(psa.strategies)
        ],
        "increments": [_gain(psa, gain) for gain in answer.gains],
        "decision": [_choice(choice, psa.strategies) for choice in answer.choices],
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def drawn_table(psa: Psa) -> pd.DataFrame:
    """Describe the draws of each parameter, as the table `DRAWN`."""
    rows = []
    for name, values in psa.parameters.items():
        parameter = psa.question.parameters[str(name)]
        drawn = psa.drawn(str(name))
        low, high = np.quantile(drawn, INTERVAL)
        low_se, high_se = (quantile_error(drawn, p) for p in INTERVAL)
        rows.append(
            (
                name,
                parameter.label,
                parameter.unit,
                parameter.status,
                str(parameter.distribution),
                parameter.value,
                values.mean(),
                values.std(),
                low,
                low_se,
                high,
                high_se,
            )
        )
        psa.forget()
    return DRAWN.table(rows)


def _provenance(psa: Psa) -> dict[str, Any]:
    found = provenance(psa.question)
    return {**found, "analysis": "psa", "draws": psa.draws, "patients_of": "one draw"}


def _planned(planned: Planned | None) -> dict[str, Any] | None:
    if planned is None:
        return None
    variances, allocation = planned.variances, planned.allocation
    return {
        "strategy": variances.strategy,
        "threshold": variances.threshold,
        "between_draws_sd": math.sqrt(variances.between),
        "between_patients_sd": math.sqrt(variances.within),
        "expected_se": allocation.se,
        "expected_noise_share": allocation.noise_share,
        "customary_draws": allocation.naive_draws,
        "customary_patients": NAIVE_PATIENTS,
        "customary_expected_se": allocation.naive_se,
        "work_saved": allocation.saved,
    }


def _gain(psa: Psa, gain: Gain) -> dict[str, Any]:
    base = gain.deterministic
    return {
        "strategy": gain.increment.strategy,
        "comparator": gain.increment.comparator,
        **{
            name: {**_split(psa, found), "deterministic": estimate_json(getattr(base, name))}
            for name, found in gain.splits.items()
        },
        **_ratio(gain.increment),
        "deterministic": _ratio(base),
        "nmb": {
            f"{threshold:g}": {
                **_split(psa, found),
                "deterministic": estimate_json(base.nmb(threshold)),
            }
            for threshold, found in gain.nmb.items()
        },
        "variance_of_qalys": dict(gain.variance),
    }


def _ratio(increment: Increment) -> dict[str, Any]:
    error = increment.icer_se
    return {
        "icer": increment.icer,
        "icer_se": finite(error),
        "quadrant": increment.quadrant,
    }


def _choice(choice: Choice, strategies: list[str]) -> dict[str, Any]:
    return {
        "threshold": choice.threshold,
        "strategies": [
            {
                "name": name,
                "probability": {
                    "mean": choice.probability[s],
                    "se": choice.probability_se[s],
                    "without_noise": choice.probability_without_noise[s],
                    "without_noise_se": finite(choice.probability_without_noise_se[s]),
                },
                "expected_loss": {"mean": choice.loss[s], "se": finite(choice.loss_se[s])},
            }
            for s, name in enumerate(strategies)
        ],
    }


def _split(psa: Psa, found: Split) -> dict[str, Any]:
    """Return a split; where there is no interval, also the numbers that would give one."""
    known = {name: finite(value) for name, value in found._asdict().items()}
    factors = {"draws": known.pop("more_draws"), "patients": known.pop("more_patients")}
    if found.has_interval or not math.isfinite(found.mean):
        return {**known, "interval_needs": None}
    now = {"draws": psa.draws, "patients": psa.question.patients}
    needs = {
        name: None if factor is None else rounded_up(factor * now[name])
        for name, factor in factors.items()
    }
    return {**known, "interval_needs": needs}


def read_answer(stored: Stored) -> Answer:
    """Return the answer whose draws are stored in a folder; errors as for `read_psa`."""
    return answer(read_psa(stored), _read_planned(stored.summary))


def _read_planned(told: Mapping[str, Any]) -> Planned | None:
    chosen = told["chosen"]
    if chosen is None:
        return None
    between, within = (chosen[f"between_{name}_sd"] ** 2 for name in ("draws", "patients"))
    return Planned(
        Variances(chosen["strategy"], chosen["threshold"], between, within),
        Allocation(
            told["draws"],
            told["patients"],
            chosen["expected_se"],
            chosen["expected_noise_share"],
            chosen["customary_draws"],
            chosen["customary_expected_se"],
        ),
    )


class PsaResult(StoredResult):
    """Outcomes under draws of the uncertain parameters, and the decision under them.

    Figures are ``acceptability``, the curves with their frontier, ``plane``, the
    cost-effectiveness plane, and ``expected_loss``.
    """

    COMMAND = "psa"
    FILES = NAMES
    FIGURES = (CURVES, PLANE, LOSSES)

    def __init__(self, scenario: Scenario, found: Answer) -> None:
        super().__init__(scenario)
        self._answer = found

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        return cls(scenario, read_answer(stored))

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        psa = self._answer.psa
        return {
            "psa": draws_table(psa),
            "deterministic": psa.deterministic,
            "psa_inputs": drawn_table(psa),
            CURVES: acceptability_curves(psa),
            "inputs": inputs_table(psa.question),
        }

    @property
    def draws(self) -> pd.DataFrame:
        """Outcomes of every strategy in every draw, as in psa.parquet.

        Columns ``draw``, ``strategy``, a column per outcome of summary.json, its Monte Carlo error
        in ``se:OUTCOME``, and the drawn value of each parameter in ``parameter:NAME``.
        """
        return draws_table(self._answer.psa)

    @property
    def parameters(self) -> pd.DataFrame:
        """How each uncertain parameter was drawn, as in psa_inputs.csv: `sim.analyses.psa.result.DRAWN`."""
        return drawn_table(self._answer.psa)

    @property
    def ceac(self) -> pd.DataFrame:
        """Acceptability curves and expected losses over thresholds: `sim.analyses.psa.acceptability.CURVES`."""
        return acceptability_curves(self._answer.psa)

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        return in_bytes(self._contents())

    def _contents(self) -> Mapping[str, Content]:
        psa = self._answer.psa
        asked = manifest(psa.question, psa.draws, psa.base_patients)
        found = psa_files(self._answer)
        return {**found, MANIFEST: manifest_text(asked, found)}

    def json(self) -> str:
        """Return the summary as JSON text."""
        return psa_json(self._answer)

    def _print(self, console: Console) -> None:
        """Print the answer."""
        psa_text.print_psa(console, self._answer)

    def _draw(self, name: str) -> Figure:
        if len(self.scenario.strategies) == 1:
            raise UserError("needs a strategy beside the comparator", key="strategies")
        return drawn_psa(self._answer.psa, self.ceac)[name]


@checked
def psa(
    scenario: Asked,
    *,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    se: Annotated[float | None, Option("S", Positive(LARGEST_AMOUNT))] = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    cached: Cached = True,
    threads: Threads = None,
    cluster: Cluster = None,
    part: Part = None,
) -> PsaResult:
    """Run a probabilistic sensitivity analysis: the answer under the uncertainty of the inputs.

    Each draw gives every uncertain parameter a value from its distribution and simulates patients
    of its own, the same under each strategy. The variance between draws is split into uncertainty
    and Monte Carlo noise, and intervals are given without the noise.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients does not matter.
    draws
        Draws of the uncertain parameters; chosen by a small pilot unless given.
    patients
        Patients of each draw under each strategy. Unless they are given, a small pilot chooses the
        number that takes least work or, with ``draws``, leaves 5 % Monte Carlo noise.
    se
        Wanted standard error of the mean net monetary benefit at the middle threshold, in
        currency; by default 2.5 % of its standard deviation between draws.
    seed, out, resume, threads, cluster, part
        As for `tornado`.
    cached
        Use cached results, and cache these.

    Raises
    ------
    UserError
        When an argument is not allowed, or the folder cannot be used.

    Examples
    --------
    >>> from sim import Scenario, psa
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=1000)
    >>> found = psa(scenario, draws=10, patients=50, cached=False)
    >>> found.draws.groupby("strategy", sort=False).size().to_dict()
    {'salvage_chemotherapy': 10, 'blinatumomab': 10}
    """
    chosen = asked(scenario, seed=seed)
    question = chosen.question
    place = place_of_work(NAMES, out, resume=resume, part=part, cluster=cluster)
    if place.folder is not None:
        check_unfinished(place.folder, NAMES, resume=resume or part is not None)
    with spread(cluster):
        work = Work(threads, cached=cached, bar=patients_progress)
        size = chosen_size(question, work, draws=draws, patients=patients, se=se)
        found = _answered(question, size, work, place)
    return PsaResult(chosen, found)


def _answered(question: Question, size: Size, work: Work, place: Place) -> Answer:
    """Return the answer, with its files in the folder if there is one."""
    asked = replace(question, patients=size.patients)
    # A part has no results of its own, and shares the folder of all.
    work = replace(work, cached=work.cached and place.part is None)
    with _chunks(asked, size.draws, place) as chunks:
        found = answer(results(asked, size.draws, work, chunks=chunks), size.planned)
        if chunks is not None:
            chunks.finish(beside_others(chunks.folder, PsaResult.COMMAND, psa_files(found)))
    return found


def chosen_size(
    question: Question,
    work: Work,
    *,
    draws: int | None,
    patients: int | None,
    se: float | None = None,
) -> Size:
    """Return the numbers of draws and patients, chosen where they are None.

    Raises
    ------
    UserError
        When a standard error is wanted although both are given, or it cannot be reached.
    """
    return choose_size(question, work, draws=draws, patients=patients, se=se)


def _chunks(question: Question, draws: int, place: Place) -> AbstractContextManager[Chunks | None]:
    if place.folder is None:
        return nullcontext()
    asked = manifest(question, draws, question.scenario.number_of_patients)
    return opened(place.folder, asked, NAMES, resume=place.resume, part=place.part)
