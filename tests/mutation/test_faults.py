"""The list of faults fits the program, and the runner can tell a fault that is noticed from one that is not."""

import ast
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from tests.mutation.__main__ import chosen, score
from tests.mutation.faults import Fault, load_faults
from tests.mutation.runner import HUNG, NEAREST, NOTICED, SURVIVED, Outcome, examined, is_compiled
from tests.support.each import for_each
from tests.support.places import ROOT

FAULTS = load_faults()
NAMED = {each.name: {"each": each} for each in FAULTS}
FEWEST = 140
AREAS = ("clinic", "economics", "engine", "analyses", "simulation", "catalog", "evidence")
TEXT = "def f():\n    a = 1\n    b = a\n\n\ndef g():\n    b = a\n"


def fault(**changed):
    plain = Fault("f.1", "sim/clinic/f.py", "a = 1", "a = 2", "a is 2", ("tests/test_f.py",))
    return replace(plain, **changed)


@cache
def tree_of(text):
    return ast.dump(ast.parse(text))


@for_each(NAMED)
def test_a_fault_applies_to_the_program_and_changes_it(each):
    """One line of valid Python becomes another: neither a comment nor the same code differently set."""
    text = (ROOT / each.file).read_text(encoding="utf-8")
    wrong = each.applied(text)
    changed = [
        (old, new)
        for old, new in zip(text.splitlines(), wrong.splitlines(), strict=True)
        if old != new
    ]
    assert [(old.strip(), new.strip()) for old, new in changed] == [(each.old, each.new)]
    assert ast.dump(ast.parse(wrong)) != tree_of(text)


@for_each(NAMED)
def test_the_nearest_tests_of_a_fault_are_there(each):
    assert each.tests
    assert each.wrong
    for test in each.tests:
        file, _, name = test.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {name.partition('[')[0]}" in text


def test_the_faults_are_many_all_different_and_in_every_area():
    areas = Counter(each.file.split("/")[1] for each in FAULTS)
    assert len(FAULTS) >= FEWEST
    assert len({(each.file, each.old, each.after, each.new) for each in FAULTS}) == len(FAULTS)
    assert min(areas[area] for area in AREAS) >= 5


def test_the_line_is_the_one_that_is_meant():
    assert fault().applied(TEXT) == TEXT.replace("a = 1", "a = 2")
    second = fault(old="b = a", new="b = 0", after="def g():")
    assert second.applied(TEXT) == "def f():\n    a = 1\n    b = a\n\n\ndef g():\n    b = 0\n"


@pytest.mark.parametrize(("old", "times"), [("b = a", 2), ("c = a", 0)])
def test_a_line_that_is_not_there_once_is_refused(old, times):
    with pytest.raises(ValueError, match=f"stands there {times} times: {old}"):
        fault(old=old).applied(TEXT)


def test_only_parts_that_are_compiled_run_as_plain_python():
    assert is_compiled(fault())
    assert not is_compiled(fault(file="sim/analyses/voi/analysis.py"))


def test_faults_are_chosen_by_name_file_or_phrase_number_and_part():
    listed = [fault(name=f"f.{n}", wrong=f"phrase {n}") for n in range(1, 8)]
    assert [each.name for each in chosen(listed, "f.[23]", None, (1, 1))] == ["f.2", "f.3"]
    assert [each.name for each in chosen(listed, "phrase 7", None, (1, 1))] == ["f.7"]
    assert [each.name for each in chosen(listed, None, 5, (2, 2))] == ["f.2", "f.4"]
    assert chosen(listed, "sim/clinic", 3, (1, 1)) == listed[:3]


def test_a_fault_that_a_test_notices_is_put_in_and_taken_out_again(tmp_path):
    program, test = tmp_path / "sim" / "clinic" / "f.py", tmp_path / "tests" / "test_f.py"
    program.parent.mkdir(parents=True)
    test.parent.mkdir()
    for folder in program.parents[:2]:
        (folder / "__init__.py").touch()
    program.write_text("a = 1\n")
    test.write_text("from sim.clinic.f import a\n\n\ndef test_a():\n    assert a == 1\n")
    found = examined(tmp_path, fault(), limit=120.0)
    assert (found.result, found.by) == (NOTICED, NEAREST)
    assert "test_a" in found.evidence
    assert program.read_text() == "a = 1\n"


def test_the_score_leaves_out_what_no_test_can_notice():
    outcomes = [
        Outcome(fault(), NOTICED, "nearest tests", 1.0, ""),
        Outcome(fault(), HUNG, "nearest tests", 300.0, ""),
        Outcome(fault(), SURVIVED, "", 1.0, ""),
        Outcome(fault(equivalent="the same"), SURVIVED, "", 1.0, ""),
    ]
    found = score(outcomes)
    assert found == "2 of 3 faults noticed (66.7 %); 1 that change no answer left out"
