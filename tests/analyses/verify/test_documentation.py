"""The document that maps the items of each standard to checks is that of the checks there are.

    python -m tests.analyses.verify.test_documentation

writes it anew.
"""

from itertools import groupby
from pathlib import Path

from sim.analyses.verify.check import checks_of

CHECKS = checks_of()
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "verification.md"
HEAD = """\
# Checks and the standards that ask for them

`python -m sim verify SCENARIO` runs these checks on any scenario, a user's own entries included, and prints claim, observation, limit and
verdict of each; `--out DIR` writes them as a table. A check that does not apply to a scenario says why. This page is made from the checks.

A mapped item says that a check addresses it, not that the item is settled: what a program cannot judge (is the question the right one, are
the sources the best ones) stays with the reviewer. The items of a standard without an entry here are of that kind, or are answered in
`README.md`, `calibration/README.md` and `tests/verification/README.md`.
"""


def standards():
    """Return the identifiers of the checks by the item of a standard that asks for them."""
    found = {}
    for check in CHECKS:
        for item in check.standard.split(";"):
            found.setdefault(item.strip(), []).append(check.identifier)
    return dict(sorted(found.items()))


def document():
    lines = [HEAD, "## By standard", "", "| standard and item | checks |", "|---|---|"]
    lines += [f"| {item} | {', '.join(checks)} |" for item, checks in standards().items()]
    for name, group in groupby(CHECKS, key=lambda check: check.group):
        lines += ["", f"## {name.capitalize()}", "", "| check | claim | asked for by |"]
        lines += ["|---|---|---|"]
        lines += [f"| {each.identifier} | {each.claim} | {each.standard} |" for each in group]
    return "\n".join(lines) + "\n"


def test_the_document_holds_every_check_as_it_is():
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_every_check_names_a_standard_and_a_claim_of_its_own():
    assert len({check.claim for check in CHECKS}) == len(CHECKS) >= 60
    assert all(check.standard and check.advice for check in CHECKS)
    assert {"TECH-VER", "AdViSHE C4", "ISPOR-SMDM 6", "Philips C1"} <= standards().keys()


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
