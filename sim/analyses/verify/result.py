"""``verify``: the checks that reviewers ask for, run on a scenario.

An error inside a check is its finding: a scenario that cannot be right is reported
check by check and by name, and ends in no error of its own.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Annotated, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import Option, Out, Seed, Threads, checked
from sim.analyses.shared.result import Result, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import summary_json
from sim.analyses.verify import partition
from sim.analyses.verify.check import Check, Finding, Subject, checks_of
from sim.layout.progress import steps_progress
from sim.layout.schema import Schema, in_csv, records, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph
from sim.simulation.question import Question

VERIFY: Final = "verify"
PASSED: Final = "passed"
FAILED: Final = "failed"
NOT_APPLICABLE: Final = "does not apply"
VERDICTS: Final = {True: PASSED, False: FAILED, None: NOT_APPLICABLE}
ENDED: Final = "ended in an error"
CLAIM_WIDTH: Final = 62
"""Signs of a line of a claim, so that the table fits a screen of 80."""
TABLE: Final = Schema(
    f"{VERIFY}.csv",
    (
        text("identifier", "group and number"),
        text("group"),
        text("claim", "true of a correct model"),
        text("standard", "the checklists that ask for it"),
        text("observed"),
        text("allowed"),
        text("verdict", f"``{PASSED}``, ``{FAILED}`` or ``{NOT_APPLICABLE}``"),
        text("why", "it does not apply, or what is wrong"),
        text("advice", "what to look at when it fails"),
    ),
)
"""A row for each check."""
SUMMARY: Final = f"{VERIFY}.json"
INDEPENDENT: Final = "independent"
"""The group that compares with partitioned survival."""
PARTITION: Final = partition.TABLE.file.removesuffix(".csv")


class VerifyResult(Result):
    """The checks of a scenario, what each of them found, and partitioned survival beside it.

    Attributes
    ----------
    scenario
        The question.
    """

    COMMAND = VERIFY
    FILES = (TABLE.file, partition.TABLE.file, SUMMARY)

    def __init__(
        self, scenario: Scenario, question: Question, tables: Mapping[str, pd.DataFrame]
    ) -> None:
        self.scenario = scenario
        self._tables = tables
        self._question = question

    @property
    def _subject(self) -> str:
        return self.scenario.name

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return self._tables

    @property
    def verify(self) -> pd.DataFrame:
        """A row for each check: `TABLE`."""
        return self.tables[VERIFY]

    @property
    def counts(self) -> dict[str, int]:
        """Checks by verdict."""
        counted = Counter(self.verify["verdict"])
        return {verdict: counted[verdict] for verdict in (PASSED, NOT_APPLICABLE, FAILED)}

    @property
    def failed(self) -> bool:
        """Whether a check failed."""
        return self.counts[FAILED] > 0

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        tables = {f"{name}.csv": in_csv(table) for name, table in self.tables.items()}
        return {**tables, SUMMARY: self.json()}

    def json(self) -> str:
        """Return the counts and the table as JSON text."""
        counts = {verdict.replace(" ", "_"): count for verdict, count in self.counts.items()}
        tables = {name: records(table) for name, table in self.tables.items()}
        summary = {**counts, "checks": tables.pop(VERIFY), **tables}
        return summary_json(self._question, VERIFY, summary)

    def print_to(self, console: Console) -> None:
        """Print a table for each group, the advice of what failed, and the count of verdicts."""
        print_paragraph(console, self.scenario.title, style="bold")
        checks = self.verify.to_dict("records")
        for group, members in groupby(checks, key=lambda check: str(check["group"])):
            rows = [
                Row(_label(each), [Cell(each["verdict"])], strong=each["verdict"] == FAILED)
                for each in members
            ]
            print_table(console, Table(group.capitalize(), ("Verdict",), [rows]))
        if PARTITION in self.tables:
            print_table(console, partition.screen_table(self.tables[PARTITION]))
            for sentence in partition.sentences(self.tables[PARTITION]):
                print_paragraph(console, sentence)
        for each in checks:
            if each["verdict"] == FAILED:
                why = f" {each['why'].rstrip('.')}." if each["why"] else ""
                print_paragraph(console, f"{each['identifier']}:{why} {each['advice']}")
        print_paragraph(console, DISCLAIMER)
        passed, idle, failed = self.counts.values()
        words = f"{passed} passed, {idle} do{'es' * (idle == 1)} not apply, {failed} failed"
        print_paragraph(console, f"{len(checks)} checks: {words}")


def _label(check: Mapping[Hashable, str]) -> str:
    """Return the claim of a check, and below it what was observed and what is allowed."""
    idle = check["verdict"] == NOT_APPLICABLE
    words = check["why"] if idle else f"{check['observed']} (allowed: {check['allowed']})"
    start = f"{check['identifier']}  "
    indent = " " * len(start)
    wrapped = partial(textwrap.wrap, width=CLAIM_WIDTH, subsequent_indent=indent)
    claim = wrapped(check["claim"], initial_indent=start)
    return "\n".join([*claim, *wrapped(words, initial_indent=indent)])


@checked
def verify(
    scenario: Asked,
    *,
    groups: Annotated[Sequence[str] | None, Option("NAME")] = None,
    seed: Seed = None,
    out: Out = None,
    threads: Threads = None,
) -> VerifyResult:
    """Check a scenario as reviewers of health technology do, claim by claim.

    Each check is a claim that is true of a correct model, with the checklist that asks for it: TECH-VER,
    AdViSHE, Drummond, Philips and ISPOR-SMDM. The command ends with exit code 1 where one fails.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients does not matter.
    groups
        Only the checks of this group, such as flow.
    seed
        In place of the scenario's.
    out
        Folder for the files: the checks with what was observed, as a table and as JSON, and
        partitioned survival beside the simulation.
    threads
        As for `run`.

    Raises
    ------
    UserError
        When an argument is not allowed, or the scenario cannot be read.

    Examples
    --------
    >>> from sim import verify
    >>> answer = verify("scenarios/first_salvage.yaml", groups=["inputs"])
    >>> answer.counts["failed"]
    0
    """
    folder = folder_of(VerifyResult, out)
    chosen = asked(scenario, seed=seed)
    subject = Subject(chosen.question, threads)
    # Imports the compiler, which reading results does not need.
    checks = checks_of(groups)
    rows = []
    with steps_progress(len(checks), "checks") as advance:
        for check in checks:
            rows.append(_examined(check, subject))
            advance(1)
    tables = {VERIFY: TABLE.table(rows)}
    observed = tables[VERIFY].loc[tables[VERIFY]["group"] == INDEPENDENT, "observed"]
    if len(observed) and ENDED not in set(observed):
        tables[PARTITION] = partition.table_of(subject)
    return written(VerifyResult(chosen, subject.question, tables), folder)


def _examined(check: Check, subject: Subject) -> tuple[str, ...]:
    """Return the row of `TABLE` of a check; an error on the way is its finding."""
    try:
        found = check.examine(subject)
    except Exception as error:  # noqa: BLE001 - whatever a scenario provokes is reported by name
        why = f"{type(error).__name__}: {error}"
        found = Finding(ENDED, "a result", passed=False, why=why)
    return (
        *(check.identifier, check.group, check.claim, check.standard),
        *(found.observed, found.allowed, VERDICTS[found.passed], found.why, check.advice),
    )
