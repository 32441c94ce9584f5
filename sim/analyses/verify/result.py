"""``verify``: the checks that reviewers ask for, run on a scenario.

An error inside a check is its finding: a scenario that cannot be right is reported
check by check and by name, and ends in no error of its own.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import Option, Out, Seed, Threads, checked
from sim.analyses.shared.result import Result, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import summary_json
from sim.analyses.verify import partition
from sim.analyses.verify.check import Check, Finding, checks_of
from sim.analyses.verify.subject import Subject
from sim.layout.progress import steps_progress
from sim.layout.schema import Schema, in_csv, records, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph

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


@dataclass(frozen=True)
class Examined:
    """A check with its finding."""

    check: Check
    finding: Finding

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.finding.passed]

    @property
    def problem(self) -> str:
        """The reason of a failure, where the finding gives one, and the advice."""
        why = f" {self.finding.why.rstrip('.')}." if self.finding.why else ""
        return f"{self.check.identifier}:{why} {self.check.advice}"

    @property
    def row(self) -> tuple[str, ...]:
        """The row of `TABLE`."""
        check, found = self.check, self.finding
        return (
            *(check.identifier, check.group, check.claim, check.standard),
            *(found.observed, found.allowed, self.verdict, found.why, check.advice),
        )


def examined(check: Check, subject: Subject) -> Examined:
    """Return what a check finds; an error on the way is its finding."""
    try:
        return Examined(check, check.examine(subject))
    except Exception as error:  # noqa: BLE001 - whatever a scenario provokes is reported by name
        why = f"{type(error).__name__}: {error}"
        return Examined(check, Finding(ENDED, "a result", passed=False, why=why))


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
        self,
        scenario: Scenario,
        subject: Subject,
        found: Sequence[Examined],
        partitioned: pd.DataFrame | None = None,
    ) -> None:
        self.scenario = scenario
        self._question = subject.question
        self._found = tuple(found)
        self._partition = partitioned

    @property
    def _subject(self) -> str:
        return self.scenario.name

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The table by the name of its file, without its suffix."""
        partitioned = {} if self._partition is None else {PARTITION: self._partition}
        return {VERIFY: self.verify, **partitioned}

    @property
    def verify(self) -> pd.DataFrame:
        """A row for each check: `TABLE`."""
        return TABLE.table(each.row for each in self._found)

    @property
    def counts(self) -> dict[str, int]:
        """Checks by verdict."""
        counted = Counter(each.verdict for each in self._found)
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
        for group, found in groupby(self._found, key=lambda each: each.check.group):
            print_table(console, _table(group, found))
        if self._partition is not None:
            print_table(console, partition.screen_table(self._partition))
            for sentence in partition.sentences(self._partition):
                print_paragraph(console, sentence)
        for each in self._found:
            if each.finding.passed is False:
                print_paragraph(console, each.problem)
        print_paragraph(console, DISCLAIMER)
        passed, idle, failed = self.counts.values()
        words = f"{passed} passed, {idle} do{'es' * (idle == 1)} not apply, {failed} failed"
        print_paragraph(console, f"{len(self._found)} checks: {words}")


def _table(group: str, found: Iterable[Examined]) -> Table:
    """Return the table of a group."""
    rows = [
        Row(_label(each), [Cell(each.verdict)], strong=each.finding.passed is False)
        for each in found
    ]
    return Table(group.capitalize(), ("Verdict",), [rows])


def _label(each: Examined) -> str:
    """Return the claim of a check, and below it what was observed and what is allowed."""
    check, found = each.check, each.finding
    words = found.why if found.passed is None else f"{found.observed} (allowed: {found.allowed})"
    start = f"{check.identifier}  "
    indent = " " * len(start)
    claim = textwrap.wrap(check.claim, CLAIM_WIDTH, initial_indent=start, subsequent_indent=indent)
    below = textwrap.wrap(words, CLAIM_WIDTH, initial_indent=indent, subsequent_indent=indent)
    return "\n".join([*claim, *below])


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
    found = []
    with steps_progress(len(checks), "checks") as advance:
        for check in checks:
            found.append(examined(check, subject))
            advance(1)
    return written(VerifyResult(chosen, subject, found, _partition(subject, found)), folder)


def _partition(subject: Subject, found: Iterable[Examined]) -> pd.DataFrame | None:
    """Return the table of partitioned survival, where its checks were examined to their end."""
    of_group = [each.finding for each in found if each.check.group == INDEPENDENT]
    if not of_group or any(finding.observed == ENDED for finding in of_group):
        return None
    return partition.table_of(subject)
