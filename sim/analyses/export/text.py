"""What an export says of itself: on the screen and in its README.txt."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterator
from typing import Final

from rich.console import Console

from sim.analyses.export.draws import FEWEST_VALUES, DrawTables, on_one_line
from sim.analyses.psa.allocation import NOISE_SHARE
from sim.analyses.psa.text import NOISY
from sim.clinic.units import PERCENT
from sim.layout.cells import NOTHING, SYMBOLS, money_text, patients_in_words
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph, print_question

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
    for paragraph in _notes(tables):
        print_paragraph(console, paragraph)
    print_paragraph(console, DISCLAIMER)


def _noise(tables: DrawTables) -> Table:
    gains = tables.answer.gains
    labels = {each.name: each.shown_name for each in tables.psa.question.scenario.strategies}

    def cell(share: float) -> Cell:
        return Cell(f"{PERCENT * share:.1f}" if math.isfinite(share) else NOTHING)

    rows = [
        Row(words, [cell(gain.splits[name].noise_share) for gain in gains])
        for name, words in (("cost", "Cost"), ("qalys", "QALYs"))
    ]
    rows += [
        Row(
            f"Net monetary benefit at {_money(tables, threshold)} per QALY",
            [cell(gain.nmb[threshold].noise_share) for gain in gains],
        )
        for threshold in (gains[0].nmb if gains else ())
    ]
    headings = [labels[gain.increment.strategy] for gain in gains]
    corner = "Monte Carlo noise in the variance of a difference between draws, %"
    return Table(corner, headings, [rows])


def _information(tables: DrawTables) -> Table:
    found = tables.noise[tables.noise["quantity"] == "evpi"]
    rows = [
        Row(
            f"At {_money(tables, row['threshold'])} per QALY",
            [Cell(_money(tables, row[name])) for name in ("from_draws", "without_noise")],
        )
        for row in found.to_dict("records")
    ]
    return Table("EVPI per patient", ["From the draws as they are", "Without noise"], [rows])


def _money(tables: DrawTables, amount: float) -> str:
    return money_text(amount, SYMBOLS[tables.psa.question.perspective.currency])


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
    return "\n\n".join(_filled(on_one_line(part)) for part in parts) + "\n"


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
