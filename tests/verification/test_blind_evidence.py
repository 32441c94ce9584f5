"""Every endpoint of the five main sources was read a second time, blind; see blind/README.md."""

import pytest

from sim.files.documents import read_yaml
from tests.support.each import for_each
from tests.support.places import ROOT
from tests.support.read_once import REGISTER, indirections, plain

BLIND = ROOT / "tests" / "blind" / "evidence"
READERS = ("reader_a.yaml", "reader_b.yaml")
SETTLED = "settled.yaml"
MAIN_SOURCES = {"badar_2020", "sigmund_2020", "topp_2021", "kantarjian_2023", "wudhikarn_2022"}
COMPARED = ("value", "n", "events", "interval")
COUNTS = ("n", "events")
HALF_A_UNIT = 0.05 + 1e-9
"""A per cent that a reader computed from counts has one decimal."""
FEWEST_AGREEING = 0.98
FEWEST = 600
"""There were 680 when this was written; far fewer would mean that the comparison lost them."""


def by_endpoint(studies):
    return {f"{study}:{key}": kept for study, keys in studies.items() for key, kept in keys.items()}


READINGS_BY_READER = {name: by_endpoint(plain(BLIND / name)) for name in READERS}
READINGS = {key: kept for keys in READINGS_BY_READER.values() for key, kept in keys.items()}
SETTLEMENTS = by_endpoint(plain(BLIND / SETTLED))
ENDPOINTS = by_endpoint({name: study.endpoints for name, study in REGISTER.items()})
MAIN = {key: kept for key, kept in ENDPOINTS.items() if kept.source in MAIN_SOURCES}


def written(endpoint, name):
    """Return a number of the register as YAML would hold it: an interval is a list there."""
    kept = getattr(endpoint, name)
    return list(kept) if isinstance(kept, tuple) else kept


def agree(name, ours, theirs, computed):
    """Say whether two readers agree; a count that only one of them gives is no difference."""
    if name in COUNTS and None in (ours, theirs):
        return True
    if name == "value" and computed and None not in (ours, theirs):
        return abs(ours - theirs) <= HALF_A_UNIT
    return ours == theirs


def differences(key):
    """Return what the register and the second reading of an endpoint do not share."""
    reading = READINGS[key]
    pairs = {name: (written(ENDPOINTS[key], name), reading.get(name)) for name in COMPARED}
    computed = reading.get("computed", False)
    return {
        name: {"register": ours, "reading": theirs}
        for name, (ours, theirs) in pairs.items()
        if not agree(name, ours, theirs, computed)
    }


DIFFERENCES = {key: differences(key) for key in READINGS if key in ENDPOINTS and differences(key)}


def test_every_endpoint_of_the_main_sources_has_a_second_reading():
    assert len(MAIN) > FEWEST
    assert sorted(set(MAIN) - set(READINGS)) == []


def test_every_second_reading_has_an_endpoint_of_the_main_sources():
    assert sorted(set(READINGS) - set(MAIN)) == []


def test_no_endpoint_is_read_by_both_second_readers():
    first, second = READINGS_BY_READER.values()
    assert sorted(set(first) & set(second)) == []


def test_register_and_second_reading_agree_for_98_of_100_endpoints():
    assert 1 - len(DIFFERENCES) / len(MAIN) >= FEWEST_AGREEING


def test_every_remaining_difference_is_settled_with_both_values():
    settled = {
        key: {name: kept for name, kept in entry.items() if name != "reason"}
        for key, entry in SETTLEMENTS.items()
    }
    assert {key: settled.get(key) for key in DIFFERENCES} == DIFFERENCES


def test_every_settlement_still_differs():
    assert sorted(set(SETTLEMENTS) - set(DIFFERENCES)) == []


@for_each({key: {"key": key} for key in SETTLEMENTS})
def test_settlement_has_a_reason(key):
    assert len(SETTLEMENTS[key]["reason"].split()) > len(COMPARED)


@for_each({key: {"key": key} for key in DIFFERENCES})
def test_register_itself_tells_what_is_odd_where_the_readers_differ(key):
    assert ENDPOINTS[key].contradiction
    assert ENDPOINTS[key].quote
    assert ENDPOINTS[key].chosen


def test_second_readings_hold_numbers_only():
    for reading in READINGS.values():
        assert set(reading) <= {*COMPARED, "computed"}
        numbers = [reading["value"], *reading.get("interval", ())]
        numbers += [reading[name] for name in COUNTS if name in reading]
        assert all(kept is None or type(kept) in (int, float) for kept in numbers)
        assert reading.get("computed", True) is True


@pytest.mark.parametrize("name", [*READERS, SETTLED])
def test_second_readings_are_data_that_nothing_computes(name):
    """A key written twice, a tag, an anchor or an alias could hide or pull in a value."""
    assert read_yaml(BLIND / name, shown_as=name)
    assert indirections(BLIND / name) == []


def test_folder_of_second_readings_holds_nothing_else():
    assert {path.name for path in BLIND.iterdir()} == {*READERS, SETTLED}
