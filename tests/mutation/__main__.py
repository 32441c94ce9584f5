"""``python -m tests.mutation``: how many of the listed faults the tests notice.

Takes about a quarter of a minute for each fault; nothing outside a temporary folder is changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import click

from tests.mutation.faults import Fault, load_faults
from tests.mutation.runner import SURVIVED, Outcome, copy_tree, examined, unfaulty, write


class Part(click.ParamType):
    name = "K/N"

    def convert(self, value, param, ctx):
        number, _, parts = str(value).partition("/")
        if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
            self.fail(f"'{value}' is not a part such as 2/3", param, ctx)
        return int(number), int(parts)


def chosen(
    faults: Sequence[Fault], only: str | None, first: int | None, part: tuple[int, int]
) -> list[Fault]:
    """Return the faults that fit the options; `only` is part of a name, file or phrase."""
    pattern = f"*{only or ''}*"
    fitting = [
        fault
        for fault in faults
        if any(fnmatchcase(text, pattern) for text in (fault.name, fault.file, fault.wrong))
    ]
    number, parts = part
    return fitting[:first][number - 1 :: parts]


def score(outcomes: Sequence[Outcome]) -> str:
    """Say how many faults were noticed, those left out that no test can notice."""
    counted = [each for each in outcomes if not each.fault.equivalent]
    noticed = sum(each.result != SURVIVED for each in counted)
    share = f" ({100 * noticed / len(counted):.1f} %)" if counted else ""
    same = len(outcomes) - len(counted)
    beside = f"; {same} that change no answer left out" if same else ""
    return f"{noticed} of {len(counted)} faults noticed{share}{beside}"


@click.command()
@click.option("--only", metavar="PATTERN", help="Part of a name, file or phrase; * fits anything.")
@click.option("--first", type=click.IntRange(min=1), help="The first so many of them.")
@click.option("--part", type=Part(), default="1/1", help="Every N-th from the K-th on.")
@click.option("--limit", type=float, default=300.0, help="Seconds for each step of a fault.")
@click.option("--out", type=click.Path(path_type=Path), default="mutation.csv", help="The table.")
def main(only, first, part, limit, out):
    """Put each listed fault into a copy of the program and see whether the tests notice."""
    faults = chosen(load_faults(), only, first, part)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_tree(Path(folder))
        for printed in unfaulty(tree, faults, limit * max(len(faults), 1)):
            raise click.ClickException(f"a test fails without any fault:\n{printed}")
        for number, fault in enumerate(faults, start=1):
            found = examined(tree, fault, limit=limit)
            outcomes.append(found)
            write(out, outcomes)
            click.echo(
                f"{number}/{len(faults)} {fault.name}: {found.result}, {found.seconds:.0f} s, "
                f"{fault.wrong}"
            )
    for each in outcomes:
        if each.result == SURVIVED:
            click.echo(f"survived: {each.fault.name}, {each.fault.wrong}")
    click.echo(score(outcomes))


if __name__ == "__main__":
    main()
