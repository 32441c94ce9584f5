"""Every number that the catalogue has from evidence was derived a second time, blind; see blind/README.md."""

import math
from pathlib import Path

import pytest

from sim.catalog import load_catalogue
from tests.support.each import for_each
from tests.support.places import ROOT
from tests.support.read_once import indirections, plain

BLIND = ROOT / "tests" / "blind"
FILES = sorted(BLIND.glob("*.yaml"))
RELATIVE_TOLERANCE = 1e-5
FEWEST = 100
"""There were 148 when this was written; far fewer would mean that the comparison lost them."""

READINGS = [(path.name, name, reading) for path in FILES for name, reading in plain(path).items()]
BLIND_VALUES = {name: reading["value"] for _, name, reading in READINGS}


def catalogue_name(entry):
    """Populations and perspectives define the same names: the file tells them apart."""
    folder, stem = Path(entry.file).parent.name, Path(entry.file).stem
    return f"{stem}/{entry.name}" if folder in {"populations", "perspectives"} else entry.name


CATALOGUE = {
    catalogue_name(entry): entry
    for entry in load_catalogue().parameters()
    if entry.status == "evidence"
}
BOTH = sorted(set(CATALOGUE) & set(BLIND_VALUES))


@for_each({name: {"name": name} for name in BOTH})
def test_second_reading_gives_the_value_of_the_catalogue(name):
    """Relative tolerance 1e-5: rounding of either reader, not another reading of the source."""
    ours, theirs = CATALOGUE[name].value, BLIND_VALUES[name]
    assert math.isclose(ours, theirs, rel_tol=RELATIVE_TOLERANCE, abs_tol=0.0)


def test_comparison_covers_the_evidence():
    assert len(BOTH) > FEWEST


def test_every_entry_from_evidence_has_a_second_reading():
    assert sorted(set(CATALOGUE) - set(BLIND_VALUES)) == []


def test_every_second_reading_has_an_entry_from_evidence():
    assert sorted(set(BLIND_VALUES) - set(CATALOGUE)) == []


def test_no_name_is_read_twice():
    names = [name for _, name, _ in READINGS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_key_is_written_twice(path):
    """YAML keeps the last of two equal keys without a word: the keys are counted in the text."""
    lines = path.read_text(encoding="utf-8").splitlines()
    keys = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert len(keys) == len(set(keys)) == sum(file == path.name for file, _, _ in READINGS)


@for_each({f"{file}:{name}": {"reading": reading} for file, name, reading in READINGS})
def test_second_reading_is_a_plain_number_and_says_how(reading):
    """A sum of the catalogue's own arithmetic would be text; a reference, more keys."""
    assert set(reading) == {"value", "how"}
    assert type(reading["value"]) in (int, float)
    assert math.isfinite(reading["value"])
    assert len(reading["how"].split()) >= 3


def test_readings_are_data_that_nothing_computes():
    """A YAML tag, anchor or alias could pull a value in from elsewhere; a program could write it."""
    files = {path.name for path in FILES}
    assert {path.name for path in BLIND.iterdir()} == {"README.md", "evidence", *files}
    for path in FILES:
        assert indirections(path) == []
