"""``python -m tests.fuzz``: try inputs of every kind, and save those that fail."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

from tests.fuzz.trial import ANSWERED, FAILED, KINDS, REFUSED, numbers_of, opened, tried, try_all

EVERY = 1000


@click.command()
@click.option(
    "--inputs", type=click.IntRange(1), default=100_000, show_default=True, help="Of all kinds."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--kind", type=click.Choice(list(KINDS)), help="All inputs of this kind.")
@click.option("--again", type=click.Path(exists=True, path_type=Path), help="Try a saved input.")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    default=Path("fuzz-failures"),
    show_default=True,
    help="Folder for inputs that fail.",
)
def main(inputs: int, seed: int, kind: str | None, again: Path | None, save: Path) -> None:
    """Try inputs; each is answered, or refused with one clear message."""
    if again is not None:
        sys.exit(try_again(again))
    failed = 0
    counts = {kind: inputs} if kind else numbers_of(inputs)
    click.echo(f"{'kind':8} {'inputs':>7} {ANSWERED:>8} {REFUSED:>8} {FAILED:>7}  slowest, s")
    for name, count in counts.items():
        ends, slowest = Counter(), 0.0
        for found in try_all(name, seed, count):
            ends[found.end] += 1
            slowest = max(slowest, found.seconds)
            if found.end == FAILED:
                path = saved(save, name, seed, found)
                click.echo(f"{path}: {found.why.strip().splitlines()[-1]}", err=True)
            if sys.stderr.isatty() and not (found.number + 1) % EVERY:
                click.echo(f"{name}: {found.number + 1:,} of {count:,}", err=True)
        numbers = (count, *(ends[end] for end in (ANSWERED, REFUSED, FAILED)))
        click.echo("{:8} {:7} {:8} {:8} {:7}  {:.1f}".format(name, *numbers, slowest))
        failed += ends[FAILED]
    sys.exit(1 if failed else 0)


def saved(folder, kind, seed, found):
    """Write an input that failed into a file of its own; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{seed}-{found.number}.json"
    content = {"kind": kind, "why": found.why, "input": found.given}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def try_again(path):
    """Try a saved input, and print what became of it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        found = tried(opened(content["kind"], Path(folder)), content["input"])
    click.echo(found.why or found.end)
    return 1 if found.end == FAILED else 0


if __name__ == "__main__":
    main()
