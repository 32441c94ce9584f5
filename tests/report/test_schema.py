"""Tables of results: what is written is what is read."""

import math

import pytest

from sim.errors import UserError
from sim.layout.schema import Schema, count, flag, in_csv, number, read_json, records, text

THING = Schema(
    "thing.csv",
    (text("name"), text("words"), number("value"), count("patients"), flag("inside")),
)
ROWS = [("007", None, 0.1 + 0.2, 3, True), ("nan", "a, b", math.nan, 2**53 - 1, False)]


def written(folder, table):
    (folder / THING.file).write_text(in_csv(table), encoding="utf-8")
    return folder


def test_every_value_comes_back_as_it_was(tmp_path):
    """Names that look like numbers stay names, and numbers keep their last bit."""
    again = THING.read(written(tmp_path, THING.table(ROWS)))
    assert again["name"].tolist() == ["007", "nan"]
    assert again["words"].tolist() == ["", "a, b"]
    assert again["value"][0] == 0.1 + 0.2
    assert math.isnan(again["value"][1])
    assert again["patients"].tolist() == [3, 2**53 - 1]
    assert again["inside"].tolist() == [True, False]


def test_a_column_that_is_missing_is_named(tmp_path):
    written(tmp_path, THING.table(ROWS).drop(columns="value"))
    with pytest.raises(UserError, match="has no such column; run the scenario again") as refused:
        THING.read(tmp_path)
    assert refused.value.key == "value"


@pytest.mark.parametrize("content", ["name\n\x00", "", "name,words,value\na,b,c\n"])
def test_a_file_that_is_no_such_table_is_refused(tmp_path, content):
    (tmp_path / THING.file).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"is not a table|has no such column"):
        THING.read(tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="is missing; write it with"):
        THING.read(tmp_path)


def test_a_number_that_cannot_be_estimated_is_null_in_json():
    table = THING.table([("a", None, math.inf, 1, True), ("b", "c", math.nan, 1, False)])
    assert [row["value"] for row in records(table)] == [None, None]
    assert records(table)[0] == {
        "name": "a",
        "words": None,
        "value": None,
        "patients": 1,
        "inside": True,
    }


def test_a_key_that_an_older_file_lacks_is_named_with_its_file(tmp_path):
    path = tmp_path / "psa.json"
    path.write_text('{"draws": 3, "size": {"patients": 5}}', encoding="utf-8")
    content = read_json(path)
    assert content == {"draws": 3, "size": {"patients": 5}}
    for each, key in ((content, "seed"), (content["size"], "seed")):
        with pytest.raises(
            UserError, match=r"psa\.json: seed: has no such entry; run the scenario"
        ):
            each[key]
        assert each.get(key) is None
