"""YAML is read by the core schema of YAML 1.2, with the line of every value."""

from __future__ import annotations

import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import UserError
from sim.files import documents
from sim.files.documents import (
    DEEPEST_NESTING,
    LARGEST_FILE_BYTES,
    LONGEST_NUMBER,
    Document,
    _Builder,
    dotted,
    plain_scalar,
    read_yaml,
)

PLACES = """\
# A comment.
name: x

list:
  - one
  - {a: 1,
     b: 2}
  -
    c: |
      long
      text
    d: 4
"two words": {}
"""


@pytest.fixture
def read(tmp_path):
    """Read text as a document that is shown as ``doc.yaml``."""

    def read_text(text: str) -> Document:
        path = tmp_path / "doc.yaml"
        path.write_bytes(text.encode())
        return read_yaml(path, shown_as="doc.yaml")

    return read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("null", None),
        ("~", None),
        ("", None),
        ("none", "none"),
        ("12", 12),
        ("+12", 12),
        ("-012", -12),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2021-06-04", "2021-06-04"),
        ("1e5", 1e5),
        ("1E-3", 1e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1.25", -1.25),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("<<", "<<"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text, value):
    read = plain_scalar(text)
    assert read == value
    assert type(read) is type(value)


def test_not_a_number_is_a_float():
    assert math.isnan(plain_scalar(".nan"))


def test_quotes_make_text_of_anything(read):
    data = read("a: '1'\nb: \"true\"\nc: ''\nd: |\n  5\n").data
    assert data == {"a": "1", "b": "true", "c": "", "d": "5\n"}


@given(st.integers())
def test_every_integer_is_read_as_itself(number):
    read = plain_scalar(str(number))
    assert read == number
    assert type(read) is int


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_as_itself(number):
    assert plain_scalar(repr(number)) == number


def test_a_number_may_have_400_digits_and_no_more():
    assert plain_scalar("9" * LONGEST_NUMBER) == 10**LONGEST_NUMBER - 1
    with pytest.raises(ValueError, match="9999"):
        plain_scalar("9" * (LONGEST_NUMBER + 1))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("name",), 2),
        (("list",), 4),
        (("list", 0), 5),
        (("list", 1), 6),
        (("list", 1, "a"), 6),
        (("list", 1, "b"), 7),
        (("list", 2), 9),
        (("list", 2, "c"), 9),
        (("list", 2, "d"), 12),
        (("two words",), 13),
        (("two words", "missing", "deeper"), 13),
        (("list", 2, "missing"), 9),
        (("list", 9), 4),
        (("missing", 0), 2),
    ],
)
def test_a_value_has_the_line_of_its_key_or_of_its_nearest_ancestor(read, path, line):
    assert read(PLACES).line(*path) == line


def test_a_document_knows_what_was_written(read):
    document = read(PLACES)
    assert document.knows("list", 2, "d")
    assert not document.knows("list", 2, "missing")
    assert document.file == "doc.yaml"


KEYS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | KEYS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_json_is_read_as_json_reads_it(mapping):
    """JSON with escaped text is YAML; Python's own reader is the second route."""
    text = json.dumps(mapping)
    assert _Builder(text, "doc.yaml").build() == json.loads(text)


def test_the_parser_in_python_reads_the_same(read, monkeypatch):
    """Where libyaml is missing, PyYAML's own parser takes its place."""
    fast = read(PLACES)
    monkeypatch.setattr(documents, "_LOADER", yaml.SafeLoader)
    slow = read(PLACES)
    assert slow == fast
    with pytest.raises(UserError, match=r"^doc.yaml:2: not valid YAML: "):
        read("a: [1\nb: 2\n")


def test_a_byte_order_mark_and_foreign_line_ends_are_read(read):
    document = read("\ufeffa: 1\r\nb:\r\n  c: 2\r\n")
    assert document.data == {"a": 1, "b": {"c": 2}}
    assert document.line("b", "c") == 3


def test_a_file_of_exactly_the_limit_is_read(read):
    text = "a: 1\n#"
    assert read(text + "x" * (LARGEST_FILE_BYTES - len(text))).data == {"a": 1}


def test_nesting_up_to_the_limit_is_read(read):
    lists = DEEPEST_NESTING - 1
    assert read(f"a: {'[' * lists}{']' * lists}").line("a", *[0] * (lists - 1)) == 1
    with pytest.raises(UserError, match=r"^doc.yaml:1: nested deeper than 32 levels$"):
        read(f"a: {'[' * (lists + 2)}{']' * (lists + 2)}")


def test_an_unclosed_bracket_names_where_it_was_opened(read):
    with pytest.raises(UserError, match=r"^doc.yaml:3: not valid YAML: .*starts on line 1$"):
        read("a: [1,\n  2\nb: 3\n")


def test_the_same_key_is_allowed_in_different_mappings(read):
    assert read("a: {x: 1}\nb: {x: 2}\nx: 3\n").data == {"a": {"x": 1}, "b": {"x": 2}, "x": 3}


def test_keys_are_compared_as_they_are_read(read):
    with pytest.raises(UserError, match=r"^doc.yaml:2: a: the key is written twice, first on"):
        read("a: 1\n'a': 2\n")


def test_a_file_is_shown_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    path = (tmp_path / "sub" / "doc.yaml").relative_to(tmp_path)
    path.write_text("a: 1\n")
    assert read_yaml(path).file == "sub/doc.yaml"


def test_an_unreadable_path_is_a_users_mistake(tmp_path):
    for path in (tmp_path / ("x" * 300), tmp_path / "a\0b", tmp_path / "no" / "such.yaml"):
        with pytest.raises(UserError, match="cannot be read|no such file"):
            read_yaml(path)


def test_a_path_is_spelt_with_dots_and_brackets():
    assert dotted(("strategies", 1, "sequence", 0)) == "strategies[1].sequence[0]"
    assert dotted(("parameters", "hct.day_100")) == "parameters.hct.day_100"
    assert dotted((0, "a")) == "[0].a"
    assert dotted(()) == ""


def test_a_key_that_would_break_the_line_is_quoted_and_a_long_one_cut():
    assert dotted(("a", "b\n\x1b[31m")) == r"a.'b\n\x1b[31m'"
    assert dotted(("k" * 1000,)) == "k" * 59 + "…"
