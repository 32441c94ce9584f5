"""Scenario files and life tables that are damaged or say impossible things, read as ``check`` does."""

from __future__ import annotations

import functools
import shutil

import yaml

from sim.catalog import load_catalogue
from sim.scenario.binding import Inputs
from sim.scenario.life_table_file import read_life_table
from sim.scenario.loading import load_scenario, what_if
from sim.simulation.question import prepare
from sim.simulation.run import run
from tests.fuzz.mutation import changed_bytes, changed_tree
from tests.fuzz.watch import nothing_written_outside, refused_with_one_message
from tests.support.places import SCENARIOS

PATIENTS = 3
SIMULATED = 0.02
"""Share of the inputs that are simulated, where they are not refused."""
WHAT_IFS = 2
"""Of a scenario, so that thirty valid ones are not read again each time."""
TREES, BYTES = 0.6, 0.9


@functools.cache
def catalogue():
    """The catalogue, read once."""
    return load_catalogue()


@functools.cache
def names():
    """The names and ranges of the parameters in the catalogue."""
    return {each.name: each for each in catalogue().parameters()}


class ScenarioFiles:
    """Scenario files, made from those that are shipped."""

    def __init__(self, folder):
        self.folder = folder
        self.trees = []
        for path in sorted(SCENARIOS.glob("*.yaml")):
            tree = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
            self.trees.append(tree)
            few = {"what_ifs": dict(list(tree.get("what_ifs", {}).items())[:WHAT_IFS])}
            # Those that extend it read it again each time.
            (folder / path.name).write_bytes(_dumped(tree | (few if "what_ifs" in tree else {})))

    def draw(self, luck):
        """Return an input."""
        tree = dict(luck.choice(self.trees))
        if "what_ifs" in tree:
            drawn = luck.sample(sorted(tree["what_ifs"]), luck.randint(0, WHAT_IFS))
            tree["what_ifs"] = {name: tree["what_ifs"][name] for name in drawn}
        if luck.random() < 0.3:
            drawn = luck.sample(sorted(names()), luck.randint(1, 3))
            tree["parameters"] = {name: _value(luck, names()[name]) for name in drawn}
        how = luck.random()
        if how < TREES:
            content = _dumped(changed_tree(luck, tree))
        elif how < BYTES:
            content = changed_bytes(luck, _dumped(tree))
        else:
            content = changed_bytes(luck, _dumped(changed_tree(luck, tree)))
        return {"content": content.decode("latin-1"), "simulated": luck.random() < SIMULATED}

    def attempt(self, given):
        """Check the file; simulate it where the input says so."""
        path = self.folder / "fuzzed.yaml"
        path.write_bytes(given["content"].encode("latin-1"))
        check(path, simulated=given["simulated"])


class LifeTables:
    """Life tables of a scenario's own, made from valid ones in every measure."""

    def __init__(self, folder):
        self.folder = folder
        self.tables = [_table(*each) for each in _MEASURES]
        self.scenario = folder / "scenario.yaml"
        shutil.copy(SCENARIOS / "tower.yaml", folder)
        shutil.copy(SCENARIOS / "first_salvage.yaml", folder)
        self.scenario.write_text("extends: tower.yaml\nlife_table: fuzzed.csv\n", encoding="utf-8")

    def draw(self, luck):
        """Return an input."""
        content = changed_bytes(luck, luck.choice(self.tables))
        return {"content": content.decode("latin-1"), "simulated": luck.random() < SIMULATED}

    def attempt(self, given):
        """Check a scenario with the table; simulate it where the input says so."""
        path = self.folder / "fuzzed.csv"
        path.write_bytes(given["content"].encode("latin-1"))
        loaded = self._loaded
        with refused_with_one_message(), nothing_written_outside():
            # Most tables are refused here, without the rest of the scenario.
            read_life_table(path)
            question = prepare(loaded, patients=PATIENTS)
            if given["simulated"]:
                run(question)

    @functools.cached_property
    def _loaded(self):
        return load_scenario(self.scenario, catalogue())


_MEASURES = (("qx", 1, ""), ("nqx", 5, ""), ("mx", 1, ""), ("qx", 5, "nqx"), ("qx", 1, "qx"))


def _table(measure, step, unit):
    """Return a valid table with ages in steps, and a column `unit` where one is given."""
    lines = [f"age,{measure}_male,{measure}_female" + (",unit" if unit else "")]
    for age in range(0, 101, step):
        yearly = min(0.9, 1e-4 * 1.09**age)
        row = (str(age), f"{yearly:.6g}", f"{0.7 * yearly:.6g}", *([unit] if unit else []))
        lines.append(",".join(row))
    return ("\n".join(lines) + "\n").encode()


def _dumped(tree):
    text = yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=False)
    return text.encode("utf-8", "surrogatepass")


def _value(luck, parameter):
    return luck.choice((parameter.low, parameter.high, parameter.value, 0, 1, 0.5, -1, 1e9))


def check(path, *, simulated):
    """Do what the command ``check`` does, and simulate a few patients on request."""
    # New for each file, for it holds what it found.
    known = Inputs(catalogue())
    with refused_with_one_message(), nothing_written_outside():
        loaded = load_scenario(path, known)
        question = prepare(loaded, patients=PATIENTS)
        for name in question.scenario.what_ifs:
            prepare(what_if(loaded, name, known), patients=PATIENTS)
        if simulated:
            run(question)
