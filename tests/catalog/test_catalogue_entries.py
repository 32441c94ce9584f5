"""Every entry of the shipped catalogue is complete, sourced and possible: one test per claim."""

import math
import re
from pathlib import Path

import pytest

from sim.catalog import UNITS, load_catalogue
from sim.catalog.parameter import INTERNAL, STATUSES
from tests.support.each import for_each
from tests.support.places import ROOT
from tests.support.read_once import plain

DATA = ROOT / "sim" / "catalog" / "data"
FILES = sorted(DATA.rglob("*.y*ml"))
CATALOGUE = load_catalogue()
ENTRIES = list(CATALOGUE.parameters())

WRITTEN = {path: plain(path) for path in FILES}


def of(entries):
    """Return entries as cases, each under the name of its file and its own."""
    return {f"{Path(entry.file).stem}:{entry.name}": {"entry": entry} for entry in entries}


for_every_entry = for_each(of(ENTRIES))


# Entries


@for_every_entry
def test_entry_says_where_it_comes_from(entry):
    assert entry.sources
    assert all(key in CATALOGUE.sources for key in entry.sources)
    assert entry.place.strip()
    assert entry.label.strip()
    assert (ROOT / entry.file).is_file()
    line = (ROOT / entry.file).read_text(encoding="utf-8").splitlines()[entry.line - 1]
    assert line.strip().startswith((f"{entry.name}:", f'"{entry.name}":'))


@for_every_entry
def test_status_is_honest(entry):
    assert entry.status in STATUSES
    if entry.status == "evidence":
        assert any(CATALOGUE.sources[key].kind != INTERNAL for key in entry.sources)
    if entry.status in {"assumption", "provisional"}:
        assert entry.note or entry.derivation
    if entry.status == "definition":
        assert entry.distribution.family == "fixed"


@for_every_entry
def test_value_is_allowed_by_its_unit(entry):
    assert entry.unit in UNITS
    assert entry.check(entry.value) is None
    assert entry.check(math.nan) is not None
    assert entry.check(math.inf) is not None


@for_every_entry
def test_distribution_surrounds_the_value_and_stays_possible(entry):
    low, high = entry.distribution.interval()
    if entry.distribution.family == "fixed":
        assert low == entry.value == high
        assert entry.distribution.why.strip()
        return
    assert -math.inf < low < entry.value < high < math.inf
    assert entry.check(low) is None
    assert entry.check(high) is None


@for_every_entry
def test_range_surrounds_the_value_and_stays_possible(entry):
    assert -math.inf < entry.low <= entry.value <= entry.high < math.inf
    assert entry.check(entry.low) is None
    assert entry.check(entry.high) is None


@for_each(of(entry for entry in ENTRIES if entry.arithmetic is not None))
def test_visible_arithmetic_gives_the_amount(entry):
    """Python's own evaluation is the second route."""
    names = {"ln": math.log, "exp": math.exp, "sqrt": math.sqrt}
    names["logit"] = lambda p: math.log(p) - math.log1p(-p)
    again = eval(entry.arithmetic, {"__builtins__": {}}, names)
    assert entry.amount == pytest.approx(again, rel=1e-12, abs=1e-12)


@for_each(of(entry for entry in ENTRIES if UNITS[entry.unit].currency is not None))
def test_money_is_in_the_prices_of_its_perspective(entry):
    """The ratio of the index is taken from the YAML files themselves."""
    perspective = WRITTEN[ROOT / entry.file]
    own = perspective["parameters"][entry.name]
    ratio = 1.0
    if own.get("inflate", perspective.get("defaults", {}).get("inflate", False)):
        levels = WRITTEN[DATA / "price_indices.yaml"]["indices"][perspective["price_index"]]
        levels = levels["values"]
        ratio = levels[str(perspective["price_year"])] / levels[str(entry.price_year)]
    assert entry.value == pytest.approx(entry.amount * ratio, rel=1e-12)


# The whole


def test_every_written_entry_is_tested():
    """Entries are counted in the text of the files: none may vanish on the way here."""
    written = []
    for path, content in WRITTEN.items():
        written += [(path.stem, name) for name in content.get("parameters", {})]
    assert len(written) > 0
    assert sorted(written) == sorted((Path(entry.file).stem, entry.name) for entry in ENTRIES)


def test_every_file_is_loaded():
    named = {
        "populations": CATALOGUE.populations,
        "regimens": CATALOGUE.regimens,
        "perspectives": CATALOGUE.perspectives,
        "life_tables": CATALOGUE.life_tables,
    }
    loaded = {f"{folder}/{name}.yaml" for folder, parts in named.items() for name in parts}
    loaded |= {entry.file.removeprefix("sim/catalog/data/") for entry in ENTRIES}
    loaded |= {"sources.yaml", "price_indices.yaml"}
    assert {path.relative_to(ROOT / "sim/catalog/data").as_posix() for path in FILES} == loaded


def test_every_source_is_used():
    used = {key for entry in ENTRIES for key in entry.sources}
    used |= {key for table in CATALOGUE.life_tables.values() for key in table.sources}
    used |= {key for index in CATALOGUE.indices.values() for key in index.sources}
    assert set(CATALOGUE.sources) - used == set()


def test_every_price_index_is_used():
    used = {perspective.price_index for perspective in CATALOGUE.perspectives.values()}
    assert set(CATALOGUE.indices) - used == set()


def test_every_life_table_is_used():
    used = {perspective.life_table for perspective in CATALOGUE.perspectives.values()}
    assert set(CATALOGUE.life_tables) - used == set()


@for_each({key: {"key": key} for key in CATALOGUE.sources})
def test_source_can_be_looked_up(key):
    source = CATALOGUE.sources[key]
    if source.year is not None:
        assert 1900 < source.year < 2100
    if source.doi is not None:
        assert re.fullmatch(r"10\.\d{4,9}/\S+|PMC\d+|PMID \d+|https?://\S+", source.doi)
    assert 0 < len(source.short) <= 41


@pytest.mark.parametrize("name", sorted(CATALOGUE.life_tables))
def test_life_table_covers_adults_and_women_live_longer(name):
    table = CATALOGUE.life_tables[name]
    assert table.ages[0] <= 18
    assert table.ages[-1] >= 95
    assert all(f < m for f, m in zip(table.female, table.male, strict=True))


def differences(names_by_part):
    """Return what each part has more or less than the first."""
    first = next(iter(names_by_part.values()))
    return {part: names ^ first for part, names in names_by_part.items() if names != first}


def test_populations_describe_the_same_things():
    parts = CATALOGUE.populations.values()
    assert differences({part.name: set(part.parameters) for part in parts}) == {}


def test_perspectives_price_the_same_things():
    """Thresholds and age bands of the population norm are each perspective's own."""
    priced = ("cost.", "hospital.")
    parts = CATALOGUE.perspectives.values()
    names = {
        part.name: {name for name in part.parameters if name.startswith(priced)} for part in parts
    }
    assert differences(names) == {}


@pytest.mark.parametrize("regimen", sorted(CATALOGUE.regimens))
def test_question_about_a_regimen_finds_its_parameters_and_those_of_later_care(regimen):
    population, perspective = next(iter(CATALOGUE.populations)), next(iter(CATALOGUE.perspectives))
    selected = CATALOGUE.select(population, [regimen], perspective)
    for needed in {regimen, "usual_care", "supportive_care"}:
        assert set(CATALOGUE.regimens[needed].parameters) <= set(selected)
    assert {name.split(".")[0] for name in selected} >= {"cost", "perspective", "population"}
