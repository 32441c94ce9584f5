"""Apply one fault at a time to a copy of the tree and see whether a test notices.

Where a fault is in a part of the program that is compiled, numba is switched off: the same source
then runs as plain Python, and nothing is compiled for each fault anew.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sim.engine.compiled.compiler import COMPILED_PARTS
from tests.mutation.faults import Fault
from tests.support.places import ROOT

COPIED: Final = ("sim", "tests", "scenarios", "calibration", "docs", "pyproject.toml", "README.md")
LEFT_OUT: Final = ("__pycache__", ".*")
PYTEST: Final = (
    *("-m", "pytest", "-n", "0", "-q", "-x", "--no-header", "--tb=line"),
    *("-p", "no:cacheprovider", "--hypothesis-seed=0"),
)
HAND: Final = tuple(
    f"tests/verification/test_{name}.py"
    for name in (
        "three_patients_crs",
        "three_patients_refractory",
        "three_patients_transplanted",
        "usual_care",
        "frozen_lives",
    )
)
WIDER: Final = {
    True: (*PYTEST, *HAND, "-k", "not core"),
    False: ("-m", "sim", "verify", "scenarios/first_salvage.yaml"),
}
"""Asked where the nearest tests notice nothing: of a compiled part lives by hand and frozen lives."""
NEAREST, WIDE = "nearest tests", "wider step"
NOTICED, HUNG, SURVIVED = "noticed", "did not end", "survived"
COLUMNS: Final = ("fault", "file", "wrong", "result", "by", "seconds", "evidence", "equivalent")


@dataclass(frozen=True)
class Outcome:
    """The result of a fault: noticed or not, by which step, after how long, and the failed test."""

    fault: Fault
    result: str
    by: str
    seconds: float
    evidence: str

    @property
    def row(self) -> tuple[str, ...]:
        """The row of the table."""
        fault = self.fault
        return (
            *(fault.name, fault.file, fault.wrong, self.result, self.by),
            *(f"{self.seconds:.0f}", self.evidence, fault.equivalent),
        )


def copy_tree(folder: Path) -> Path:
    """Copy the tree into a folder and return its root."""
    tree = folder / "tree"
    tree.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy(source, tree / name)
    return tree


def is_compiled(fault: Fault) -> bool:
    """Whether the fault is in a part of the program that is compiled."""
    return Path(fault.file).parts[1] in COMPILED_PARTS


def asked(tree: Path, arguments: Sequence[str], *, interpreted: bool, limit: float) -> str | None:
    """Return what Python printed where it failed, empty where it did not; None where it hung."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    if interpreted:
        environment["NUMBA_DISABLE_JIT"] = "1"
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tree,
            env=environment,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return None
    return (done.stdout + done.stderr or "no output") if done.returncode else ""


def unfaulty(tree: Path, faults: Sequence[Fault], limit: float) -> Iterator[str]:
    """Yield what the nearest tests print where they fail without any fault."""
    for interpreted in (True, False):
        mine = [fault for fault in faults if is_compiled(fault) == interpreted]
        tests = list(dict.fromkeys(test for fault in mine for test in fault.tests))
        if tests:
            printed = asked(tree, (*PYTEST, *tests), interpreted=interpreted, limit=limit)
            if printed != "":
                yield printed or "did not end"


def examined(tree: Path, fault: Fault, *, limit: float) -> Outcome:
    """Put a fault into the tree, ask the nearest tests and then the wider step, and take it out."""
    path, interpreted = tree / fault.file, is_compiled(fault)
    sound = path.read_text(encoding="utf-8")
    path.write_text(fault.applied(sound), encoding="utf-8")
    started = time.monotonic()
    result, by, printed = SURVIVED, "", ""
    try:
        for by, arguments in (
            (NEAREST, (*PYTEST, *fault.tests)),
            (WIDE, WIDER[interpreted]),
        ):
            answer = asked(tree, arguments, interpreted=interpreted, limit=limit)
            if answer != "":
                result, printed = (HUNG, "") if answer is None else (NOTICED, _evidence(answer))
                break
    finally:
        path.write_text(sound, encoding="utf-8")
    by = "" if result == SURVIVED else by
    return Outcome(fault, result, by, time.monotonic() - started, printed)


def _evidence(printed: str) -> str:
    """Return the line that names the failed test or check, else the last one."""
    lines = [line for line in printed.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("FAILED", "ERROR", "E "))]
    return (named or lines)[-1][:200].strip()


def write(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write the table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(outcome.row for outcome in outcomes)
