"""Folders of results with damaged, missing or foreign files, read by the report and from Python."""

from __future__ import annotations

import functools
import io
import json
import shutil
from unittest import mock

import pandas as pd

import sim
from sim.analyses.agreement.analysis import DEALS
from sim.analyses.agreement.result import MORE
from sim.analyses.shared.large_table import parquet
from sim.commands.report import write_report
from sim.report import checks, results
from tests.fuzz.mutation import VALUES, changed_bytes, changed_tree
from tests.fuzz.watch import nothing_written_outside, refused_with_one_message, whole_or_nothing
from tests.support.figures import sketched
from tests.support.places import ROOT, SMALLER

SCENARIO = SMALLER / "agreements.yaml"
READERS = {
    "run": sim.RunResult,
    "psa": sim.PsaResult,
    "price": sim.PriceResult,
    "agreement": sim.AgreementResult,
    "voi": sim.VoiResult,
    "trial": sim.TrialResult,
    "tornado": sim.TornadoResult,
    "threshold": sim.ThresholdResult,
    "scenarios": sim.WhatIfResult,
    "twoway": sim.TwowayResult,
    "sobol": sim.SobolResult,
    "morris": sim.MorrisResult,
}
REPORT = "report"
OF_THE_READER = {
    "run": (
        *("summary.json", "strategies.csv", "increments.csv", "survival.csv", "ledger.csv"),
        *("flow.csv", "inputs.csv", "events.csv"),
    ),
    "psa": ("psa.json", "psa.parquet", "deterministic.parquet"),
    "price": ("price.json", "price.csv", "price_curve.csv", "price_line.csv"),
    "agreement": ("agreement.json", *(schema.file for schema in (DEALS, *MORE))),
    "voi": ("voi.json", "voi.csv", "evpi.csv"),
    **{name: (f"{name}.json", f"{name}.csv") for name in ("tornado", "threshold", "scenarios")},
    **{name: (f"{name}.json", f"{name}.csv") for name in ("twoway", "sobol", "morris")},
    "trial": ("trial.json", "trial.csv"),
}
"""The files that each of them reads."""
MORE_OF_A_REPORT = (
    *(
        "provenance.json",
        "provenance_psa.json",
        "citations.txt",
        "acceptability.csv",
        "explain.json",
    ),
    *("explain.svg", "verify.csv", "verify.json", "validation.csv", "scenarios.svg"),
)
REPORTS = 0.25
"""Share of the inputs that are read by a report, which takes seconds."""


@functools.cache
def question():
    """The main question in few patients, with one what-if."""
    loaded = sim.Scenario.load(SCENARIO)
    return loaded.with_(patients=40, seed=3)


def write_results(folder):
    """Write a run and beside it every analysis, all as small as they may be."""
    asked = question()
    drawn = {"draws": 6, "patients": 5, "cached": False, "threads": 1}
    sim.run(asked, trace=2, threads=1).write(folder)
    sim.psa(asked, **drawn).write(folder)
    sim.voi(asked, thresholds=[250_000], **drawn).write(folder)
    sim.trial(asked, n="5,6", thresholds=[250_000], **drawn).write(folder)
    sim.price(asked, "blinatumomab", **drawn).write(folder)
    sim.agreement(asked, draws=2, patients=20).write(folder)
    sim.tornado(asked, threads=1).write(folder)
    sim.explain(asked, 1).write(folder)
    sim.what_if(asked, threads=1).write(folder)
    sim.threshold(asked, "cost.blinatumomab.vial", threads=1).write(folder)
    sim.twoway(asked, "cost.blinatumomab.vial", "cost.inpatient_day", steps=2, threads=1).write(
        folder
    )
    sim.sobol(asked, draws=2, threads=1).write(folder)
    sim.morris(asked, trajectories=2, threads=1).write(folder)
    sim.verify(asked, threads=1).write(folder)
    shutil.copy(ROOT / "calibration" / "results" / "validation.csv", folder)


class StoredResults:
    """Folders of results in which one to three files are not as they were written."""

    def __init__(self, folder):
        self.folder = folder / "results"
        self.out = folder / "out"
        self.out.mkdir()
        with sketched():
            write_results(self.folder)
        self.whole = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        published = results.published
        self.published = functools.cache(lambda: published(question().question))
        self.register = functools.cache(checks.load_register)

    def draw(self, luck):
        """Return an input."""
        reader = REPORT if luck.random() < REPORTS else luck.choice(sorted(READERS))
        files = OF_THE_READER.get(reader) or [
            *MORE_OF_A_REPORT,
            *(name for each in OF_THE_READER.values() for name in each),
        ]
        files = [name for name in files if name in self.whole]
        drawn = luck.sample(files, min(len(files), luck.choice((1, 1, 1, 2, 3))))
        return {"reader": reader, "files": {name: self._changed(luck, name) for name in drawn}}

    def _changed(self, luck, name):
        """Return a damaged content, or None for a file that is missing."""
        content = self.whole[name]
        how = luck.random()
        if how < 0.05:
            return None
        if how < 0.15:
            like = [each for each in self.whole if each.endswith(name.rpartition(".")[2])]
            return self.whole[luck.choice(like)].decode("latin-1")
        if how < 0.4:
            return changed_bytes(luck, content).decode("latin-1")
        if name.endswith(".json"):
            return json.dumps(changed_tree(luck, json.loads(content)))
        if name.endswith(".csv"):
            table = pd.read_csv(io.BytesIO(content), dtype=object, keep_default_na=False)
            text = _changed_table(luck, table).to_csv(index=False)
            return text.encode("utf-8", "surrogatepass").decode("latin-1")
        if name.endswith(".parquet"):
            changed = _changed_table(luck, pd.read_parquet(io.BytesIO(content)))
            # Such a file has no column twice.
            return parquet(changed.loc[:, ~changed.columns.duplicated()]).decode("latin-1")
        return changed_bytes(luck, content).decode("latin-1")

    def attempt(self, given):
        """Read the folder in the way that the input says."""
        for name, content in given["files"].items():
            path = self.folder / name
            path.unlink() if content is None else path.write_bytes(content.encode("latin-1"))
        try:
            with whole_or_nothing(self.out), nothing_written_outside(self.out):
                self._read(given["reader"])
        finally:
            for name in given["files"]:
                (self.folder / name).write_bytes(self.whole[name])

    def _read(self, reader):
        with sketched(), refused_with_one_message():
            if reader == REPORT:
                known = {"published": lambda asked: self.published()}
                with (
                    mock.patch.multiple(results, **known),
                    mock.patch.object(checks, "load_register", self.register),
                ):
                    write_report(question().question, self.folder, self.out / "page.html", None)
                return
            found = READERS[reader].read(question(), self.folder)
            str(found)
            found.json()
            found.tables  # noqa: B018 - they are made when they are asked for


def _changed_table(luck, table):
    """Return a table with rows or columns that are lost, twice or exchanged, or with other values."""
    for _ in range(luck.choice((1, 1, 2))):
        column = luck.choice(list(table.columns)) if len(table.columns) else None
        how = luck.randrange(8)
        if how == 0 and column is not None:
            table = table.drop(columns=column)
        elif how == 1 and column is not None:
            table = table.rename(columns={column: luck.choice((f"{column}_x", "", *table.columns))})
        elif how == 2:
            table = table.iloc[: luck.randrange(len(table) + 1)]
        elif how == 3 and len(table):
            table = table.drop(index=luck.choice(list(table.index)))
        elif how == 4 and len(table):
            table = pd.concat([table, table.sample(1, random_state=luck.randrange(2**32))])
        elif how == 5:
            table = table.sample(frac=1.0, random_state=luck.randrange(2**32))
        elif len(table) and column is not None and table.columns.is_unique:
            table = _with_another_value(luck, table.reset_index(drop=True), column)
    return table


def _with_another_value(luck, table, column):
    plain = [each for each in VALUES if each is None or isinstance(each, int | float | str)]
    plain = [
        float(each) if isinstance(each, int) and 2**63 < each < 10**300 else each for each in plain
    ]
    plain.remove(10**400)
    value = luck.choice((luck.choice(plain), luck.choice(table[column].tolist())))
    changed = table.copy()
    cells = changed[column].astype(object).tolist()
    cells[luck.randrange(len(cells))] = value
    if luck.random() < 0.3:
        cells = [value] * len(cells)
    # Text, where a column cannot hold both.
    same = len({type(each) for each in cells}) == 1
    changed[column] = pd.Series(cells if same else [str(each) for each in cells], dtype=None)
    return changed
