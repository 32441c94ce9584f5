"""Command lines with options that are wrong, missing, repeated or extreme, through the entry point."""

from __future__ import annotations

import contextlib
import json
import shutil

import click
from click.testing import CliRunner

from sim import registry
from sim.cli import EXIT_USER_ERROR, commands
from tests.fuzz.scenario_files import names
from tests.fuzz.watch import (
    Fault,
    Refused,
    check_message,
    content_of,
    nothing_written_outside,
    temporary_files_in,
    whole_or_nothing,
)
from tests.support.figures import sketched
from tests.support.places import SCENARIOS

UNCHANGED = 3
"""Options that a command line has at most, apart from those that make it small."""
SCENARIO, MAIN, BROKEN = GIVEN = ("small.yaml", "first_salvage.yaml", "broken.yaml")
BY_DEFAULT = "small.html"
"""What the command ``report`` writes where no file is named."""
SMALL = """\
extends: first_salvage.yaml
patients: 3
capacity: {transplant_beds: 1, warm_up_years: 0.01, window_years: 0.02}
what_ifs:
  half_price:
    factors: {cost.blinatumomab.vial: 0.5}
"""
SIZES = {
    "psa": ("--draws=2", "--patients=2", "--no-cache"),
    "price": ("--draws=2", "--patients=2", "--no-cache", "--regimen=blinatumomab"),
    "agreement": ("--draws=2", "--patients=2"),
    "severity": ("--draws=2", "--patients=2", "--no-cache"),
    "budget": ("--draws=2", "--patients=2", "--no-cache"),
    "voi": ("--draws=2", "--patients=2", "--no-cache"),
    "trial": ("--n=5,6", "--draws=2", "--patients=2", "--no-cache"),
    "threshold": ("--parameter=cost.blinatumomab.vial",),
    "twoway": ("--x=cost.blinatumomab.vial", "--y=cost.inpatient_day", "--steps=2"),
    "sobol": ("--draws=2",),
    "morris": ("--trajectories=2",),
    "explain": ("--patient=0", "--among=5"),
    "run": ("--patients=3",),
    "compare": ("--patients=3",),
}
"""Options that keep a command to less than a second or two; those that follow may take them back."""
NOT_RUN = ("calibrate", "validate", "evaluations", "verify", "cache", "explore")
"""They take long, remove the user's cache or wait for a browser: only their wrong options are tried."""
SLOW = (
    "psa",
    "price",
    "agreement",
    "severity",
    "budget",
    "voi",
    "trial",
    "tornado",
    "sobol",
    "morris",
    "report",
    "what-if",
    "twoway",
    "capacity",
)
WRONG_NUMBERS = (
    "0",
    "-1",
    "1.5",
    "nan",
    "inf",
    "-inf",
    "1e3",
    "",
    " ",
    "x",
    "1_000",
    "0x1",
    "١٢",
    "9" * 30,
)
SMALL_NUMBERS = ("1", "2", "3", "4", "+2", "02", " 2")
SEEDS = ("0", "1", str(2**64 - 1), str(2**64), "7")
AMOUNTS = ("1", "1e-300", "0.5", "50000", "1e12", "1.1e12", "1e308", "100000.5")
RANGES = (
    "0,1",
    "1,0",
    "1,1",
    "0,1e9",
    "nan,1",
    "-1,1",
    "inf,inf",
    "1",
    "1,2,3",
    ",",
    "1,",
    "0.1,0.2",
    "1e-300,1e300",
)
PATHS = (SCENARIO, MAIN, "nowhere.yaml", ".", "", BROKEN, "results", "/", "x" * 300)
PLACES = (
    "out/a",
    "out/a",
    "out/b/c",
    "out/file",
    "out/file/below",
    "",
    " ",
    "out/results",
    "out/x.html",
)
FILES = (
    "out/page.html",
    "out/figure.svg",
    "out/figure.xyz",
    "out/a.csv",
    "out/a.parquet",
    "out/results",
    "out/file",
    "out/no/a.png",
    "",
)
WORDS = (
    "blinatumomab",
    "salvage_chemotherapy",
    "inotuzumab",
    "nmb",
    "icer",
    "qalys",
    "cost",
    "x",
    "",
    "é",
    "*",
    "cost.*",
    "died",
    "responded to blinatumomab only",
    "first=second",
    "population.*=population.*",
    "g=cost.*,utility.*",
    "psa",
    "tornado,,x",
    "all,",
)


class CommandLines:
    """Command lines of every command."""

    def __init__(self, folder):
        self.folder = folder = folder / "here"
        folder.mkdir()
        text = (SCENARIOS / MAIN).read_text(encoding="utf-8")
        (folder / MAIN).write_text(text.replace("patients: 1000000", "patients: 3"), "utf-8")
        (folder / SCENARIO).write_text(SMALL, encoding="utf-8")
        (folder / BROKEN).write_text("population: [\n", encoding="utf-8")
        self.params = {
            each.name: commands.get_command(None, each.name).params for each in registry.COMMANDS
        }

    def draw(self, luck):
        """Return an input."""
        name = luck.choice(sorted(self.params))
        if name in SLOW and luck.random() < 0.5:
            name = luck.choice(sorted(set(self.params) - set(SLOW)))
        line = [name, *self._arguments(luck, name), *SIZES.get(name, ())]
        for param in luck.choices(self.params[name], k=luck.randint(0, UNCHANGED)):
            if isinstance(param, click.Option):
                line += _option(luck, param)
        how = luck.random()
        if how < 0.08:
            line.insert(
                luck.randrange(len(line) + 1),
                luck.choice(("--no-such", "-x", "--", "--out", *WORDS)),
            )
        elif how < 0.14:
            del line[luck.randrange(len(line))]
        elif how < 0.17:
            line += line[luck.randrange(len(line)) :]
        if name in NOT_RUN:
            line.append("--wrong")
        return {"arguments": line}

    def _arguments(self, luck, name):
        if name in ("evidence", "parameters", *NOT_RUN):
            return [luck.choice(WORDS)] if luck.random() < 0.5 else []
        right = luck.random() < 0.85
        given = [SCENARIO if right else luck.choice(PATHS)]
        return [*given, luck.choice((*given, *PATHS))] if name == "compare" else given

    def attempt(self, given):
        """Run the command in a folder of its own; it writes what it is asked to, and nothing else."""
        temporary = self.folder.parent / "temporary"
        line = given["arguments"]
        self._fresh()
        before = content_of(self.folder)
        with (
            contextlib.chdir(self.folder),
            sketched(),
            temporary_files_in(temporary),
            whole_or_nothing(self.folder),
            nothing_written_outside(self.folder, temporary),
        ):
            check_answer(CliRunner().invoke(commands, line), line)
        after = content_of(self.folder)
        named = [self.folder / each.partition("=")[2] for each in line if each.startswith("--")]
        named += [self.folder / each for each in (*line, BY_DEFAULT) if each.strip()]
        for path in {path for path in before.keys() | after if before.get(path) != after.get(path)}:
            if not any(path.is_relative_to(each) or each.is_relative_to(path) for each in named):
                raise Fault(f"wrote {path.name}, which was not asked for")

    def _fresh(self):
        """Put a file and a folder in the way of the output, and nothing else."""
        out = self.folder / "out"
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in GIVEN:
                path.unlink()
        (out / "results").mkdir(parents=True)
        (out / "file").write_bytes(b"of the user")


def check_answer(done, line):
    """Raise `Refused` where a command refused as it should, and `Fault` where it ended otherwise."""
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    if done.exit_code == EXIT_USER_ERROR:
        said = done.stderr.strip().splitlines()
        if not line or "Usage:" in done.stderr:
            raise Refused
        if done.stdout or len(said) != 1:
            raise Fault(f"refused with {len(said)} lines and an answer of {len(done.stdout)} signs")
        check_message(said[0])
        raise Refused
    if done.exit_code != 0:
        raise Fault(f"exit code {done.exit_code}: {done.stderr[-300:]}")
    if "--json" in line and "--help" not in line and "-h" not in line:
        json.loads(done.stdout, parse_constant=_not_json)


def _not_json(text):
    raise Fault(f"{text} in JSON")


def _option(luck, param):
    """Return an option with a value, often a wrong one."""
    name = luck.choice((*param.opts, *param.secondary_opts))
    if param.is_flag:
        return [name] if luck.random() < 0.95 else [f"{name}=x"]
    return [name, _value(luck, param.name)]


def _value(luck, name):
    if luck.random() < 0.2:
        return luck.choice(WRONG_NUMBERS + WORDS)
    match name:
        case "seed":
            return luck.choice(SEEDS)
        case "threshold" | "thresholds" | "se" | "incidence" | "years":
            return luck.choice(AMOUNTS)
        case "beds":
            return luck.choice(("1", "1:2", "2:1", "0:1", ":", "1:", "1,2", "9" * 30))
        case "range" | "x_range" | "y_range":
            return luck.choice(RANGES)
        case "out" if luck.random() < 0.9:
            return luck.choice(PLACES)
        case "out" | "report" | "figure" | "figures" | "patients_out":
            return luck.choice(FILES)
        case "folder" | "scenario":
            return luck.choice(PATHS)
        case "parameter" | "x" | "y":
            return luck.choice((*sorted(names()), *WORDS))
        case "engine" | "groups" | "role":
            return luck.choice(("core", "reference", "none", "default", "fit", "Core"))
        case "kinds":
            return luck.choice(("explain", "what-if", "x", "", "explain,what-if"))
    if name in ("regimen", "strategy", "outcome", "find", "names", "group", "studies", "study"):
        return luck.choice(WORDS)
    return luck.choice(SMALL_NUMBERS)
