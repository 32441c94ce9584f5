"""The draws of a probabilistic analysis as tables for other programs, and the noise in them.

Costs and effects are absolute, discounted and per patient, one row a draw in the same order. Each
is a mean over the patients of its draw, so it carries Monte Carlo noise, and what other programs
compute from it does too: they see a variance ``between + noise``, and an EVPI above that of the
inputs' uncertainty alone. The share of the noise falls with the patients of a draw n::

    share = noise / (between + noise),    noise proportional to 1 / n

so that a share of s asks for ``n noise / between (1 - s) / s`` patients.

Source: O'Hagan A, Stevenson M, Madan J, Health Econ 2007;16:1009-23.
"""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.psa.acceptability import expected_loss, switching_thresholds, threshold_grid
from sim.analyses.psa.allocation import NOISE_SHARE, rounded_up
from sim.analyses.psa.analysis import Answer
from sim.analyses.psa.draws_run import Psa
from sim.analyses.psa.text import NOISY
from sim.analyses.shared.outcomes import middle_threshold
from sim.analyses.shared.text import money, print_notes, strategy_label
from sim.analyses.voi.analysis import perfect
from sim.clinic.units import PERCENT
from sim.errors import UserError
from sim.layout.cells import NOTHING, patients_in_words
from sim.layout.schema import Schema, count, number, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_question
from sim.limits import MOST_PATIENTS

FEWEST_VALUES: Final = 5
"""Distinct values of a parameter, below which SAVI refuses it and no regression can use it."""
FORMULA: Final = ("=", "+", "-", "@")
"""Beginnings with which a spreadsheet takes a text for a formula."""
COLUMNS: Final = Schema(
    "columns.csv",
    (
        text("file", "in which the column is"),
        text("column"),
        text("label"),
        text("unit"),
        text("distribution", "of a parameter"),
        text("status", "of a parameter"),
    ),
)
"""The columns of the draws explained."""
SETTINGS: Final = Schema(
    "settings.csv",
    (
        text(
            "setting",
            "``comparator``, ``currency``, ``price_year``, ``threshold`` (a row each), "
            "``evppi_threshold``, and ``highest_threshold`` of the curves",
        ),
        text("value"),
    ),
)
"""What the scripts read beside the draws."""
NOISE: Final = Schema(
    "noise.csv",
    (
        text("strategy", "minus the comparator; empty for the EVPI"),
        text("quantity", words=("cost", "qalys", "nmb", "evpi")),
        number("threshold", "of ``nmb`` and ``evpi``, in `currency` per QALY"),
        number("noise_share", "of Monte Carlo noise in the variance between draws, 0 to 1"),
        number("from_draws", "the EVPI of the draws as they are, in `currency` per patient"),
        number("without_noise", "the EVPI with the noise taken out"),
        text("currency"),
    ),
)
"""How much of what other programs will see is Monte Carlo noise."""
LONG: Final = Schema(
    "hesim.csv",
    (
        count("sample", "the draw, from 1"),
        text("strategy"),
        text("grp", "one group: all patients"),
        number("qalys"),
        number("costs"),
    ),
)
"""A row a draw and strategy, as ``cea()`` of hesim takes them."""


def on_one_line(text: str) -> str:
    """Return text with a space for each sign that cannot be printed."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def harmless(text: str) -> str:
    """Return text on one line that no spreadsheet takes for a formula."""
    shown = on_one_line(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown


class LeftOut(NamedTuple):
    """A parameter with too few distinct values, and their number."""

    name: str
    values: int


@dataclass(frozen=True)
class DrawTables:
    """The draws of an analysis of two strategies or more as tables."""

    answer: Answer

    @property
    def psa(self) -> Psa:
        """The draws."""
        return self.answer.psa

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of the strategies as headings of columns, by name."""
        return {name: harmless(name) for name in self.psa.strategies}

    @cached_property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The drawn parameters with fewer than `FEWEST_VALUES` distinct values."""
        counts = ((str(name), values.nunique()) for name, values in self.psa.parameters.items())
        return tuple(LeftOut(*each) for each in counts if each[1] < FEWEST_VALUES)

    @cached_property
    def parameters(self) -> pd.DataFrame:
        """The parameters, a column each."""
        drawn = self.psa.parameters
        return drawn.drop(columns=[each.name for each in self.left_out]).reset_index(drop=True)

    def outcome(self, name: str) -> pd.DataFrame:
        """Return an outcome, a column a strategy."""
        return pd.DataFrame(self.psa.values(name), columns=list(self.names.values()))

    @cached_property
    def columns(self) -> pd.DataFrame:
        """The table `COLUMNS`."""
        question = self.psa.question
        perspective = question.perspective
        money = f"{perspective.currency} of {perspective.price_year}, discounted, per patient"
        rows = []
        for name in map(str, self.parameters):
            parameter = question.parameters[name]
            words = (parameter.label, parameter.unit, str(parameter.distribution))
            rows.append(("parameters.csv", name, *map(harmless, words), parameter.status))
        for file, unit in (("costs.csv", money), ("effects.csv", "QALYs, discounted, per patient")):
            rows += [
                (file, self.names[each.name], harmless(each.shown_name), unit, "", "")
                for each in question.scenario.strategies
            ]
        return COLUMNS.table(rows)

    @cached_property
    def highest_threshold(self) -> float:
        """The end of the curves: beyond the thresholds, as far as the choice changes."""
        return float(threshold_grid(self.psa, self.psa.question.thresholds)[-1])

    @cached_property
    def switches(self) -> list[float]:
        """The thresholds on the curves at which the best strategy by expected net benefit changes."""
        means = (self.psa.values(name).mean(axis=0) for name in ("cost", "qalys"))
        found = (each.threshold for each in switching_thresholds(*means))
        return [threshold for threshold in found if threshold <= self.highest_threshold]

    @cached_property
    def evppi_threshold(self) -> float:
        """The threshold of EVPPI: where information is worth most, if it is worth anything there.

        Else the first at which the choice changes, else the middle one.
        """
        thresholds = self.psa.question.thresholds
        worth = {threshold: self._drawn_evpi(threshold) for threshold in thresholds}
        leading = max(thresholds, key=worth.__getitem__)
        found = leading if worth[leading] > 0.0 else next(iter(self.switches), None)
        return float(middle_threshold(self.psa.question.thresholds) if found is None else found)

    @cached_property
    def settings(self) -> pd.DataFrame:
        """The table `SETTINGS`."""
        psa, perspective = self.psa, self.psa.question.perspective
        thresholds = sorted(psa.question.thresholds)
        rows = [
            ("comparator", self.names[psa.question.scenario.comparator_name]),
            ("currency", perspective.currency),
            ("price_year", str(perspective.price_year)),
            *(("threshold", repr(float(each))) for each in thresholds),
            ("evppi_threshold", repr(self.evppi_threshold)),
            ("highest_threshold", repr(self.highest_threshold)),
        ]
        return SETTINGS.table(rows)

    @cached_property
    def long(self) -> pd.DataFrame:
        """The table `LONG`."""
        psa = self.psa
        costs, qalys = psa.values("cost").tolist(), psa.values("qalys").tolist()
        rows = [
            (draw + 1, heading, "all", qalys[draw][s], costs[draw][s])
            for draw in range(psa.draws)
            for s, heading in enumerate(self.names.values())
        ]
        return LONG.table(rows)

    @cached_property
    def noise(self) -> pd.DataFrame:
        """The table `NOISE`."""
        psa, currency = self.psa, self.psa.question.perspective.currency
        rows: list[tuple[object, ...]] = []
        for gain in self.answer.gains:
            name = self.names[gain.increment.strategy]
            for quantity in ("cost", "qalys"):
                share = gain.splits[quantity].noise_share
                rows.append((name, quantity, None, share, None, None, currency))
            rows += [
                (name, "nmb", threshold, found.noise_share, None, None, currency)
                for threshold, found in gain.nmb.items()
            ]
        for threshold in sorted({*psa.question.thresholds, *self.switches}):
            values = (self._drawn_evpi(threshold), perfect(psa, threshold).mean)
            rows.append(("", "evpi", threshold, None, *values, currency))
        return NOISE.table(rows)

    def _drawn_evpi(self, threshold: float) -> float:
        """Return the EVPI of the draws as they are, in currency per patient."""
        costs, qalys = self.psa.values("cost"), self.psa.values("qalys")
        return float(expected_loss(costs, qalys, [threshold]).value[0].min())

    @property
    def noise_share(self) -> float:
        """The largest share of noise; nan where none is known."""
        shares = self.noise["noise_share"].to_numpy()
        return float(np.nanmax(shares)) if np.isfinite(shares).any() else math.nan

    @property
    def is_noisy(self) -> bool:
        """Whether so much is noise that the reader is warned."""
        return self.noise_share > NOISY

    @property
    def quiet_patients(self) -> int | None:
        """Patients of a draw with which about `NOISE_SHARE` is noise; None where there are none."""
        share = self.noise_share
        if not share < 1.0:
            return None
        factor = share / (1.0 - share) * (1.0 - NOISE_SHARE) / NOISE_SHARE
        patients = rounded_up(factor * self.psa.question.patients)
        return patients if patients <= MOST_PATIENTS else None

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return the tables by the name of their file, without its suffix."""
        return {
            "parameters": self.parameters,
            "costs": self.outcome("cost"),
            "effects": self.outcome("qalys"),
            "columns": self.columns,
            "settings": self.settings,
            "noise": self.noise,
        }


def draw_tables(answer: Answer) -> DrawTables:
    """Return the draws as tables.

    Raises
    ------
    UserError
        When there are fewer draws than a parameter needs values, or nothing to compare.
    """
    if len(answer.psa.strategies) == 1:
        raise UserError("needs a strategy beside the comparator", key="strategies")
    if answer.psa.draws < FEWEST_VALUES:
        problem = f"other programs need {FEWEST_VALUES} draws or more"
        raise UserError(problem, key="--draws", value=answer.psa.draws)
    return DrawTables(answer)


WIDTH: Final = 100
USES: Final = {
    "savi": "Upload parameters.csv, costs.csv and effects.csv at https://savi.shef.ac.uk/SAVI as "
    "they are, with names of columns in the first row. Rscript r.R draws the same on your own "
    "machine.",
    "bcea": "In this folder: Rscript bcea.R, with the package BCEA. It gives the package matrices, "
    "and a grid of thresholds, because its own ends at 50,000.",
    "dampack": "In this folder: Rscript dampack.R, with the package dampack, which changes names by "
    "make.names.",
    "voi": "In this folder: Rscript voi.R, with the package voi.",
    "hesim": "In this folder: Rscript hesim.R, with the package hesim. hesim.csv is the long table "
    "that its cea() and cea_pw() take.",
    "r": "In this folder: Rscript r.R. It needs no package but mgcv, which comes with R.",
    "excel": "Open export.xlsx. Yellow cells may be changed, and everything that follows from them "
    "changes.",
    "word": "Open export.docx. What no model knows is left to the authors and marked.",
}
"""How each export is used."""
TABLES: Final = (
    "parameters.csv, costs.csv and effects.csv hold one row a draw, in the same order. Costs and "
    "effects (QALYs) are absolute, discounted, per patient, with one column a strategy by its name. "
    "Numbers have all their digits. columns.csv explains every column, settings.csv holds the "
    "comparator and the thresholds for the scripts."
)
RAW: Final = (
    "Other programs cannot tell the noise from uncertainty: acceptability curves nearer to the "
    "middle and a higher EVPI are what they make of it."
)
CITE: Final = (
    "Cite the program and the sources of its inputs: citations.txt. Version, commit and settings: "
    "provenance.json."
)


def again(tables: DrawTables, to: str) -> str | None:
    """Return the command that exports draws with about `NOISE_SHARE` of noise; None without one."""
    patients = tables.quiet_patients
    if patients is None:
        return None
    psa = tables.psa
    words = ["python", "-m", "sim", "export", psa.question.loaded.file, "--to", to]
    words += ["--draws", f"{psa.draws}", "--patients", f"{patients}", "--out", "DIR"]
    return shlex.join(words)


def noise_note(tables: DrawTables, to: str) -> str | None:
    """Return the warning where more than a tenth of a variance is noise."""
    if not tables.is_noisy:
        return None
    said = (
        f"up to {tables.noise_share:.0%} of the variance between draws is Monte Carlo noise, more "
        f"than {NOISY:.0%}. {RAW}"
    )
    command = again(tables, to)
    return f"{said} About {NOISE_SHARE:.0%} with: {command}" if command else said


def print_export(console: Console, tables: DrawTables, to: str) -> None:
    """Print what the export holds and how noisy the draws are."""
    psa = tables.psa
    exported = (
        f"{psa.draws:,} draws of {len(tables.parameters.columns)} uncertain parameters; each draw in "
        f"{patients_in_words(psa.question.patients)} of its own; seed {psa.question.seed}"
    )
    print_question(console, psa.question, ("Exported", exported), ("For", to), ("Use", USES[to]))
    print_table(console, _noise(tables))
    print_table(console, _information(tables))
    print_notes(console, *_notes(tables))


def _noise(tables: DrawTables) -> Table:
    gains, question = tables.answer.gains, tables.psa.question

    def cell(share: float) -> Cell:
        return Cell(f"{PERCENT * share:.1f}" if math.isfinite(share) else NOTHING)

    rows = [
        Row(words, [cell(gain.splits[name].noise_share) for gain in gains])
        for name, words in (("cost", "Cost"), ("qalys", "QALYs"))
    ]
    for threshold in gains[0].nmb if gains else ():
        label = f"Net monetary benefit at {money(question, threshold)} per QALY"
        rows.append(Row(label, [cell(gain.nmb[threshold].noise_share) for gain in gains]))
    headings = [strategy_label(question, gain.increment.strategy) for gain in gains]
    corner = "Monte Carlo noise in the variance of a difference between draws, %"
    return Table(corner, headings, [rows])


def _information(tables: DrawTables) -> Table:
    found = tables.noise[tables.noise["quantity"] == "evpi"]
    columns = found[["threshold", "from_draws", "without_noise"]].itertuples(index=False)
    amounts = [[money(tables.psa.question, amount) for amount in row] for row in columns]
    rows = [Row(f"At {at} per QALY", list(map(Cell, values))) for at, *values in amounts]
    return Table("EVPI per patient", ["From the draws as they are", "Without noise"], [rows])


def _notes(tables: DrawTables) -> Iterator[str]:
    yield f"Every draw is a mean over its patients and carries their Monte Carlo noise. {RAW}"
    if tables.left_out:
        names = ", ".join(f"{each.name} ({each.values})" for each in tables.left_out)
        yield (
            f"Left out, with fewer than {FEWEST_VALUES} distinct values, which SAVI refuses and no "
            f"regression can use: {names}."
        )


def readme(tables: DrawTables, to: str) -> str:
    """Return the text of README.txt."""
    psa = tables.psa
    scenario, perspective = psa.question.scenario, psa.question.perspective
    warning = noise_note(tables, to)
    parts = [
        scenario.title,
        USES[to],
        *([] if to in ("excel", "word") else [TABLES]),
        (
            f"{psa.draws:,} draws, each in {patients_in_words(psa.question.patients)} of its own, the "
            f"same under each strategy; seed {psa.question.seed}. Money is in {perspective.currency} "
            f"at the prices of {perspective.price_year}."
        ),
        *_notes(tables),
        "How much of each variance is noise, and the EVPI with and without it: noise.csv.",
        *([f"{warning[0].upper()}{warning[1:]}"] if warning else []),
        CITE,
        DISCLAIMER,
    ]
    filled = partial(textwrap.fill, width=WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n\n".join(filled(on_one_line(part)) for part in parts) + "\n"
