"""``tornado``: vary one parameter at a time.

The analysis as files and as it is printed, and the function that answers with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import (
    BARS,
    Cluster,
    Out,
    Part,
    Patients,
    Seed,
    Threads,
    Threshold,
    Top,
    checked,
)
from sim.analyses.shared.outcomes import DOES_NOT_VARY, ICER
from sim.analyses.shared.result import Layout, RankedResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.store import MANIFEST
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.target import stored_target
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    amount,
    estimate_cell,
    folded,
    money,
    print_notes,
    strategy_label,
)
from sim.analyses.shared.work import place_of_work
from sim.analyses.tornado import analysis
from sim.analyses.tornado.analysis import (
    COMPONENT,
    FITTED,
    MARKS,
    PARAMETER,
    STRUCTURE,
    Bar,
    Found,
    Tornado,
    shown_sections,
)
from sim.economics.estimates import Estimate
from sim.layout.cells import finite, number_text
from sim.layout.schema import Schema, flag, number, records, strategy_name, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


ANALYSIS: Final = "tornado"
NAMES: Final = names_of(ANALYSIS)
ENDS: Final = ("low", "high")
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        text(
            "group",
            "one of `sim.analyses.tornado.analysis.GROUPS`; ``structure`` has a low end only",
        ),
        text("parameter", "its name, or that of the component or the choice"),
        text("label"),
        text("unit", "of `low` and `high`: of a component of the fit, standard deviations"),
        *(number(end, "end of the interval") for end in ENDS),
        number("base", "outcome of the strategy minus that of the comparator"),
        *(number(f"outcome_{end}", "the same there") for end in ENDS),
        *(number(f"se_{end}", "Monte Carlo error of the change from the base") for end in ENDS),
        *(
            strategy_name(f"optimal_{end}", "with the most net benefit there", is_given=False)
            for end in ENDS
        ),
        *(
            text(f"state_{end}", "why the outcome has no value, such as ``dominant``")
            for end in ENDS
        ),
        *(number(f"benefit_{end}", "change of net benefit, in currency") for end in ENDS),
        *(number(f"change_{end}", "of the outcome from the base") for end in ENDS),
        number("swing", "how far the ends and the base are apart"),
        flag("within_error", "whether no end differs from the base by more than 1.96 errors"),
        flag("flips", "whether another strategy than at the base is optimal at an end"),
        text("outcome_unit", "of outcomes, their errors, changes and `swing`"),
        text("status", "of the parameter in the catalogue; empty for components and structures"),
        *(
            number(f"icer_{end}", "cost per QALY there, empty where it is not the cost of a gain")
            for end in ENDS
        ),
    ),
)
"""One row per bar; bars with an end without an outcome come first, by the change of net benefit."""
NOTHING_CHANGES: Final = f"{DOES_NOT_VARY.capitalize()}: no parameter and no structural choice changes it for any patient."
NO_PARAMETER: Final = (
    f"{DOES_NOT_VARY.capitalize()} with any parameter: structural choices alone change it."
)
WITHIN: Final = "~"
FLIPPED: Final = "*"
BLOCK: Final = "█"
BLOCKS: Final = 8
"""Of the widest bar."""


def tornado_table(result: Tornado) -> pd.DataFrame:
    """Return the bars as `TABLE`."""
    return TABLE.table(
        (
            bar.group,
            bar.name,
            bar.label,
            bar.unit,
            *_pair(bar, lambda end: end.value),
            finite(result.base.mean),
            *_pair(bar, lambda end: finite(end.outcome)),
            *_pair(bar, lambda end: finite(end.change.se)),
            *_pair(bar, lambda end: end.optimal),
            *_pair(bar, lambda end: end.state or None),
            *_pair(bar, lambda end: finite(end.benefit)),
            *_pair(bar, lambda end: finite(end.change.mean)),
            finite(bar.swing),
            bar.within_error,
            result.flips(bar),
            result.outcome.file_unit,
            MARKS.get(result.mark(bar)),
            *_pair(bar, lambda end: finite(end.icer)),
        )
        for bar in result.bars
    )


def _pair(bar: Bar, read: Any) -> tuple[Any, Any]:  # noqa: ANN401
    found = [read(end) for end in bar.ends]
    return found[0], found[1] if len(found) > 1 else None


def tornado_summary(result: Tornado) -> dict[str, Any]:
    """Return the content of tornado.json after its heading."""
    return {
        **result.summary(optimal=result.optimal),
        "state": result.state or None,
        "bars": records(tornado_table(result)),
    }


def read_tornado(stored: Stored) -> Tornado:
    """Return the analysis that is stored in a folder; raise `UserError` where a file is broken."""
    return Tornado(
        **stored_target(stored),
        state=stored.summary["state"] or "",
        optimal=stored.summary["optimal"],
        bars=tuple(_read_bar(row) for row in stored.table(TABLE).to_dict("records")),
    )


def _read_bar(row: Mapping[Any, Any]) -> Bar:
    ends = [
        Found(
            value=None if math.isnan(row[side]) else row[side],
            outcome=row[f"outcome_{side}"],
            change=Estimate(row[f"change_{side}"], row[f"se_{side}"]),
            optimal=row[f"optimal_{side}"],
            benefit=row[f"benefit_{side}"],
            state=row[f"state_{side}"],
            icer=row[f"icer_{side}"],
        )
        for side in ENDS
        # A structural choice has one end.
        if row[f"optimal_{side}"]
    ]
    return Bar(row["group"], row["parameter"], row["label"], row["unit"], tuple(ends))


def _figure(result: Tornado, top: int, components: bool = False) -> Figure:
    from sim.analyses.tornado.figure import tornado_figure

    return tornado_figure(result, top=top, components=components)


def print_tornado(console: Console, result: Tornado, top: int, components: bool = False) -> None:
    """Print the `top` widest bars and structural choices."""
    question = result.question
    result.print_heading(
        console,
        ("Base", result.state or "".join(estimate_cell(result.outcome, result.base))),
        said=f"; optimal at {money(question, result.threshold)} per QALY: "
        f"{strategy_label(question, result.optimal)}",
    )
    if result.is_constant:
        print_notes(console, f"{NOTHING_CHANGES} {SAME_PATIENTS}")
        return
    for title, bars in shown_sections(result, top, components=components):
        if bars[0].group == STRUCTURE:
            rows = [_choice(result, bar) for bar in bars]
            headings = ["Outcome", "Change (its error)", "Optimal"]
        else:
            most = max((bar.swing for bar in bars if not bar.is_undefined), default=0.0)
            rows = [_bar(result, bar, most) for bar in bars]
            headings = ["Outcome at low", "Outcome at high", "Swing"]
            if result.has_icers:
                headings.insert(2, f"ICER, 1,000 {result.question.perspective.currency}")
        first = "First" if any(bar.is_undefined for bar in bars) else "Widest"
        widest = f"{first} {len(bars)} of {_varied(result)} (error of the change)"
        print_table(console, Table(title or widest, headings, [rows]))
    print_notes(console, *_notes(result, components=components))


def _varied(result: Tornado) -> int:
    return sum(1 for bar in result.bars if bar.group in (PARAMETER, FITTED))


def _bar(result: Tornado, bar: Bar, widest: float) -> Row:
    mark = WITHIN if bar.within_error else ""
    swing = amount(result.outcome, bar.swing, mark=mark)
    length = 0 if bar.is_undefined or not widest else math.ceil(BLOCKS * bar.swing / widest)
    cells = [*(_end(result, end) for end in bar.ends)]
    cells += [Cell(bar.icers)] if result.has_icers else []
    cells.append(swing._replace(error=f" {BLOCK * length}"))
    return Row(folded(f"{result.mark(bar):1} {bar.described}"), cells)


def _end(result: Tornado, end: Found) -> Cell:
    mark = FLIPPED if end.optimal != result.optimal else ""
    if end.state:
        return Cell(f"{mark}{end.state}")
    return amount(result.outcome, end.outcome, end.change.se, mark=mark)


def _choice(result: Tornado, bar: Bar) -> Row:
    (end,) = bar.ends
    mark = WITHIN if bar.within_error else ""
    change = amount(result.outcome, end.change.mean, end.change.se, mark=mark)
    optimal = Cell(strategy_label(result.question, end.optimal))
    return Row(folded(bar.label), [_end(result, end)._replace(error=""), change, optimal])


def _notes(result: Tornado, *, components: bool) -> list[str]:
    without = sum(bar.swing == 0.0 for bar in result.bars)
    small = sum(bar.within_error and bar.swing > 0.0 for bar in result.bars)
    flips = [_flip(result, bar) for bar in result.bars if result.flips(bar)]
    notes = [NO_PARAMETER] if result.is_fixed else []
    marks = ", ".join(f"{mark} {status}" for mark, status in MARKS.items())
    notes += [
        f"Status of the inputs: {marks}.",
        f"{SAME_PATIENTS} Errors are those of the change from the base, patient by patient.",
        (
            f"{without} of {len(result.bars)} bars are exactly 0: the parameter changes nothing for "
            f"any patient here. {small} more are smaller than 1.96 of their errors ({WITHIN})."
        ),
        f"Another strategy is optimal ({FLIPPED}) at an end of {len(flips)} bars"
        + (f": {'; '.join(flips)}." if flips else "."),
    ]
    together = sum(bar.group == COMPONENT for bar in result.bars)
    if together:
        shown = "the widest are shown" if components else "the files hold them (--components)"
        notes.append(
            f"{together} components, directions of the joint posterior that hold 95 % of its "
            f"variance, were varied over 1.96 standard deviations (sd): {shown}."
        )
    undefined = sum(bar.is_undefined for bar in result.bars)
    if undefined:
        notes.append(
            f"{undefined} bars have no outcome at an end, and come first: {why_undefined(result)}. "
            "They are in the order of how far net benefit moves."
        )
    return notes


def why_undefined(result: Tornado) -> str:
    """Say why an outcome may have no value."""
    if result.outcome.name == ICER:
        return "an ICER exists only for a strategy that is more effective and costlier"
    return "it cannot be told from these patients"


def _flip(result: Tornado, bar: Bar) -> str:
    """Say which strategy is optimal instead, and at which end."""
    ends = [
        f"{strategy_label(result.question, end.optimal)}"
        + ("" if end.value is None else f" at {number_text(end.value)}")
        for end in bar.ends
        if end.optimal != result.optimal
    ]
    return f"{bar.label} ({', '.join(ends)})"


FILE_LAYOUT: Final = Layout(
    ANALYSIS, tornado_table, tornado_summary, _figure, print_tornado, read_tornado
)


class TornadoResult(RankedResult[Tornado]):
    """An outcome at both ends of every parameter's interval, and under other structures."""

    COMMAND = "tornado"
    FILES = (*NAMES, MANIFEST)
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def bars(self) -> pd.DataFrame:
        """A row per bar, as in tornado.csv: `sim.analyses.tornado.result.TABLE`."""
        return tornado_table(self._found)

    @property
    def _next_words(self) -> Mapping[str, str]:
        """The parameter of the widest bar, if there is one."""
        alone = (analysis.PARAMETER, analysis.FITTED)
        bars = [bar for bar in self._found.bars if bar.group in alone and bar.swing > 0.0]
        widest = max(bars, key=lambda bar: bar.swing, default=None)
        return {} if widest is None else {"WIDEST": widest.name}


@checked
def tornado(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: Threshold = None,
    strategy: str | None = None,
    top: Top = BARS,
    components: bool = False,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
    cluster: Cluster = None,
    part: Part = None,
) -> TornadoResult:
    """Run a one-way sensitivity analysis: vary each parameter and each structural choice alone.

    Uncertain parameters go to the ends of their intervals, all others stay at the base.

    Parameters
    ----------
    scenario, seed, threads, cluster
        As for `run`.
    outcome
        Of strategy minus comparator: ``nmb``, ``icer``, ``cost`` or any other of summary.json.
    threshold
        Currency per QALY, of the net benefit; by default the middle one of the perspective.
    strategy
        Compared with the comparator; by default the best of the others at the base.
    top
        Bars, and structural choices, that are printed and drawn; the files hold all.
    components
        Show the principal components of the fitted parameters as well.
    patients
        Of each parameter set; by default the scenario's number, at most 10,000.
    out
        Write all files into this folder, and meanwhile finished work.
    resume
        Continue the unfinished work in the folder of ``out``.
    part
        Do only part K of N of the work in the folder of ``out``; ``resume`` joins the parts.

    Raises
    ------
    UserError
        When an argument is not allowed, the comparator is alone, or the folder cannot be used.

    Examples
    --------
    >>> from sim import tornado
    >>> bool(tornado("scenarios/first_salvage.yaml", patients=20).bars["swing"].min() >= 0.0)
    True
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    place = place_of_work(NAMES, out, resume=resume, part=part, cluster=cluster)
    settings: dict[str, Any] = {"outcome": outcome, "threshold": threshold, "strategy": strategy}
    runs = analysis.tornado(chosen.question, **settings, posterior=fitted_draws(chosen.question))
    shown = {"top": top, "components": components}
    return TornadoResult.of(chosen, runs, settings | shown, place, threads, *shown.values())
