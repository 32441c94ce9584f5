"""Scarce beds as an analysis: what is counted, its errors, the value of one more bed, wrong questions."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from sim import CapacityResult, Scenario, UserError, capacity, run
from sim.analyses.capacity import analysis
from sim.analyses.capacity.analysis import (
    UNLIMITED,
    Replications,
    hospital_of,
    replicate,
    replications,
)
from sim.cli import commands
from sim.clinic.events import EventKind
from sim.clinic.units import DAYS_PER_MONTH, DAYS_PER_YEAR
from sim.economics.clerk import entries
from sim.economics.discounting import discounted_days
from sim.economics.ledger import Account
from sim.engine.waiting import End, Order, Place, arrivals, simulate_hospital
from sim.scenario.binding import ARRIVALS
from sim.scenario.schema import Capacity, Queue
from sim.simulation.question import ask as read_question
from sim.simulation.run import run as simulate
from tests.support.places import ROOT, SMALLER
from tests.support.programs import contents
from tests.support.unfinished import ending_after

SHIPPED = ROOT / "scenarios" / "transplant_beds.yaml"
SMALL = SMALLER / "transplant_beds.yaml"
BEDS = [1, 2, 3]
PATIENTS = 240
"""About 60 counted in each of 4 calendars; seed 1."""


@pytest.fixture(scope="module")
def question():
    return read_question(SMALL, patients=PATIENTS)


@pytest.fixture(scope="module")
def rows(question):
    """What is counted in each calendar."""
    return [
        pd.DataFrame(replicate(question, BEDS, number)) for number in range(replications(question))
    ]


@pytest.fixture(scope="module")
def found(question):
    return Replications(question, BEDS, 100_000.0).run()


def invoke(*arguments):
    return CliRunner().invoke(commands, [str(each) for each in arguments])


def level(found, strategy, beds):
    return next(each for each in found.of(strategy) if each.beds == beds).estimates


# What is counted


def test_patients_of_the_window_are_counted_and_no_others(question, rows):
    for number, table in enumerate(rows):
        entered = arrivals(1, number * 1_000_000, 60.0, 2.0 * DAYS_PER_YEAR)
        inside = [day for day in entered if 0.5 <= day / DAYS_PER_YEAR < 1.5]
        assert set(table["patients"]) == {len(inside)}


def test_without_limit_amounts_are_those_of_the_same_patients_in_a_run(question, rows):
    """Of the reference engine: sums over those who enter in the window, to rounding."""
    entered = np.array(arrivals(1, 0, 60.0, 2.0 * DAYS_PER_YEAR))
    inside = (entered >= 0.5 * DAYS_PER_YEAR) & (entered < 1.5 * DAYS_PER_YEAR)
    same = read_question(ROOT / "scenarios" / "first_salvage.yaml", patients=len(entered))
    arms = simulate(same, engine="reference").arms
    for place, arm in enumerate(arms):
        (row,) = _of(rows[0], place, UNLIMITED).to_dict("records")
        for name, account in (
            ("cost", Account.COST),
            ("qalys", Account.QALY),
            ("life_years", Account.LIFE_YEARS),
        ):
            assert row[name] == pytest.approx(arm.total(account)[inside].sum(), rel=1e-9)
        assert row["transplants"] == row["needed"]
        assert row["waited"] == row["bridging"] == row["wait_days"] == 0.0


def _of(table, place, beds):
    return table[(table["strategy"] == place) & (table["beds"] == beds)]


@pytest.mark.parametrize("beds", BEDS)
@pytest.mark.parametrize("place", [0, 1])
def test_amounts_are_those_of_all_lives_simulated_anew(question, rows, place, beds):
    """Lives that do not wait are not simulated again: here all are, and each is valued."""
    strategy = question.model.strategies[place]
    visitors = simulate_hospital(
        question.model,
        strategy,
        hospital_of(question, beds),
        seed=1,
        first=0,
        entries=arrivals(1, 0, 60.0, 2.0 * DAYS_PER_YEAR),
    )
    seen = [v for v in visitors if 0.5 <= v.entered_days / DAYS_PER_YEAR < 1.5]
    waits = [w for v in seen for w in v.waits if w.place == Place.TRANSPLANT_BED]
    regimens = tuple(regimen.name for regimen in strategy.regimens)
    posted = [
        entry
        for visitor in seen
        for entry in entries(question.accounts, regimens, visitor.patient, visitor.log)
    ]
    rate = question.accounts.costs.annual_rate
    bridging = 3000.0 / DAYS_PER_MONTH
    bridging *= sum(discounted_days(w.since_days, w.until_days, rate) for w in waits)
    sums = {
        account: sum(e.discounted for e in posted if e.category.account == account)
        for account in Account
    }
    (row,) = _of(rows[0], place, beds).to_dict("records")
    assert row["bridging"] == pytest.approx(bridging, rel=1e-9, abs=1e-9)
    assert row["cost"] == pytest.approx(sums[Account.COST] + bridging, rel=1e-9)
    assert row["qalys"] == pytest.approx(sums[Account.QALY], rel=1e-9)
    assert row["life_years"] == pytest.approx(sums[Account.LIFE_YEARS], rel=1e-9)
    assert row["transplants"] == sum(
        event.kind == EventKind.TRANSPLANT for v in seen for event in v.log
    )
    treated = [wait.days for wait in waits if wait.end == End.TREATED]
    assert row["wait_days"] == pytest.approx(np.mean(treated))
    assert row["wait_days_90"] == pytest.approx(np.percentile(treated, 90.0))


def test_who_needs_a_bed_gets_it_or_leaves_the_list(rows):
    """Nobody waits until the horizon here."""
    for table in rows:
        left = table[["left_by_relapse", "left_by_death", "left_after_longest_wait"]].sum(axis=1)
        assert (table["needed"] == table["transplants"] + left).all()
    assert sum(table["left_by_relapse"].sum() for table in rows) > 0


def test_slots_are_counted_where_they_are_limited(written, tmp_path):
    """Four calendars of 40 patients a year: waits and cell therapies against the lives themselves."""
    path = tmp_path / "slots.yaml"
    path.write_text(
        f"extends: {ROOT}/scenarios/car_t.yaml\n"
        "capacity: {transplant_beds: 2, cell_therapy_slots: 2, window_years: 1}\n"
        "parameters: {capacity.arrivals_per_year: 40}\n",
        encoding="utf-8",
    )
    answer = capacity(path, beds="2", patients=1)
    question = read_question(path, patients=1)
    levels = answer.levels[answer.levels["beds"] == 2].set_index("strategy")
    for strategy in question.model.strategies[2:]:
        given, days, lost = [], [], []
        for number in range(4):
            visitors, free = (
                simulate_hospital(
                    question.model,
                    strategy,
                    hospital_of(question, beds),
                    seed=1,
                    first=number * 1_000_000,
                    entries=arrivals(1, number * 1_000_000, 40.0, 3.0 * DAYS_PER_YEAR),
                )
                for beds in (2, UNLIMITED)
            )
            treated, all_treated = (
                [
                    wait.days
                    for visitor in each
                    for wait in visitor.waits
                    if 1.0 <= visitor.entered_days / DAYS_PER_YEAR < 2.0
                    and (wait.place, wait.end) == (Place.CELL_THERAPY_SLOT, End.TREATED)
                ]
                for each in (visitors, free)
            )
            given.append(len(treated))
            lost.append(len(all_treated) - len(treated))
            days.append(np.mean(treated) if treated else math.nan)
        row = levels.loc[strategy.name]
        assert row["cell_therapies_per_year"] == pytest.approx(np.mean(given))
        assert row["cell_therapies_lost_per_year"] == pytest.approx(np.mean(lost))
        assert row["slot_wait_days"] == pytest.approx(np.nanmean(days))
        assert row["slots_in_use"] <= 2.0
    assert "therapies" in str(answer)
    assert "therapies" not in str(written[0])


# Estimates


def test_estimates_are_means_of_calendars_with_their_errors(question, rows, found):
    assert found.replications == len(rows) == 4
    assert found.patients == sum(table["patients"].iloc[0] for table in rows)
    names = [strategy.name for strategy in question.scenario.strategies]
    for place, name in enumerate(names):
        here = [_of(table, place, 2).iloc[0] for table in rows]
        free = [_of(table, place, UNLIMITED).iloc[0] for table in rows]
        one_more = [_of(table, place, 3).iloc[0] for table in rows]
        expected = {
            "wait_days": [row["wait_days"] for row in here],
            "beds_in_use": [row["bed_days"] / DAYS_PER_YEAR for row in here],
            "utilisation_percent": [50.0 * row["bed_days"] / DAYS_PER_YEAR for row in here],
            "qalys_lost_per_year": [
                a["qalys"] - b["qalys"] for a, b in zip(free, here, strict=True)
            ],
            "extra_cost_per_year": [b["cost"] - a["cost"] for a, b in zip(free, here, strict=True)],
            "next_bed_nmb_per_year": [
                100_000.0 * (b["qalys"] - a["qalys"]) - (b["cost"] - a["cost"])
                for a, b in zip(here, one_more, strict=True)
            ],
            "qalys_per_patient": [row["qalys"] / row["patients"] for row in here],
        }
        estimates = level(found, name, 2)
        for measure, values in expected.items():
            assert estimates[measure].mean == pytest.approx(np.mean(values), rel=1e-9), measure
            error = np.std(values, ddof=1) / math.sqrt(len(values))
            assert estimates[measure].se == pytest.approx(error, rel=1e-6, abs=1e-9), measure


def test_values_of_the_next_beds_add_up_to_the_difference(found):
    for strategy in found.strategies:
        first, last = level(found, strategy, 1), level(found, strategy, 3)
        gained = sum(level(found, strategy, n)["next_bed_qalys_per_year"].mean for n in (1, 2))
        lost = [each["qalys_lost_per_year"].mean for each in (first, last)]
        assert gained == pytest.approx(lost[0] - lost[1], rel=1e-9)
        assert math.isnan(last["next_bed_qalys_per_year"].mean)


def test_without_limit_nothing_is_lost_and_use_is_the_offered_load(found):
    for strategy in found.strategies:
        free = level(found, strategy, None)
        assert free["wait_days"].mean == free["transplants_lost_per_year"].mean == 0.0
        assert free["qalys_lost_per_year"] == free["extra_cost_per_year"] == (0.0, 0.0)
        assert math.isnan(free["utilisation_percent"].mean)
        assert free["beds_in_use"].mean > level(found, strategy, 1)["beds_in_use"].mean


def test_fewer_beds_make_longer_waits_and_fewer_transplants_on_average(found):
    for strategy in found.strategies:
        waits = [level(found, strategy, n)["wait_days"].mean for n in BEDS]
        given = [level(found, strategy, n)["transplants_per_year"].mean for n in BEDS]
        assert waits == sorted(waits, reverse=True)
        assert given == sorted(given)


def test_the_number_of_calendars_follows_from_that_of_patients(question):
    assert replications(replace(question, patients=600)) == 10
    assert replications(replace(question, patients=1)) == 4
    huge = replace(question, numbers={**question.numbers, ARRIVALS: 1e5}, patients=1)
    assert replications(huge) == 4
    with pytest.raises(UserError, match="patients of a replication"):
        replications(_over(question, 10.0))


def _over(question, years):
    scenario = question.scenario.model_copy(
        update={"capacity": Capacity(window_years=years, transplant_beds=2)}
    )
    loaded = replace(question.loaded, scenario=scenario)
    return replace(question, loaded=loaded, numbers={**question.numbers, ARRIVALS: 1e5})


# Files


def test_a_single_number_of_beds_has_no_next_one():
    answer = capacity(SMALL, beds="2", patients=60)
    assert answer.levels["beds"].dropna().unique().tolist() == [2]
    assert answer.levels["next_bed_nmb_per_year"].isna().all()
    assert len(answer.figure().axes) == 2


def test_beds_around_those_of_the_scenario_are_tried_by_default():
    answer = capacity(SMALL, patients=20)
    assert answer.levels["beds"].dropna().unique().tolist() == [1, 2, 3, 4, 5, 6]


def test_an_interrupted_analysis_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    arguments = ("capacity", SMALL, "--beds", "1:2", "--patients", 180)
    assert invoke(*arguments, "--out", tmp_path / "whole").exit_code == 0
    with ending_after(1):
        assert invoke(*arguments, "--out", tmp_path / "part").exit_code == 130
    simulated = []
    original_replicate = analysis.replicate
    monkeypatch.setattr(
        analysis,
        "replicate",
        lambda q, beds, number: simulated.append(number) or original_replicate(q, beds, number),
    )
    assert invoke(*arguments, "--out", tmp_path / "part", "--resume").exit_code == 0
    assert simulated == [1, 2, 3]
    assert contents(tmp_path / "part") == contents(tmp_path / "whole")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """An answer from 4 small calendars, and the folder of its files."""
    folder = tmp_path_factory.mktemp("written")
    return capacity(SMALL, beds="1:2", patients=20, out=folder), folder


def test_an_answer_is_read_back_as_it_was(written):
    answer, folder = written
    again = CapacityResult.read(SMALL, folder)
    pd.testing.assert_frame_equal(again.levels, answer.levels, check_exact=True)
    assert str(again) == str(answer)
    assert again.json() == answer.json()
    assert answer.summary["engine"] == "reference"


@pytest.mark.parametrize("left_out", [0, 2, 3])
def test_a_table_that_lacks_a_row_is_refused(written, tmp_path, left_out):
    shutil.copytree(written[1], tmp_path, dirs_exist_ok=True)
    path = tmp_path / "capacity.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
    del rows[left_out]
    path.write_text(head + "".join(rows), encoding="utf-8")
    with pytest.raises(UserError, match="must have a row for each strategy and number of beds"):
        CapacityResult.read(SMALL, tmp_path)


def test_the_parameters_of_the_limits_are_listed_and_cited(written):
    scenario = Scenario.load(SMALL)
    assert "capacity.transplant_bed.median_days" in set(scenario.parameters["name"])
    assert "Maziarz" in (written[1] / "citations.txt").read_text(encoding="utf-8")
    assert not {name for name in scenario.question.used if name.startswith("capacity.")}


def test_other_limits_are_another_question(written):
    later = Scenario.load(SMALL).with_(capacity={"queue": "younger_first"})
    with pytest.raises(UserError, match="holds other results"):
        CapacityResult.read(later, written[1])


# Other commands


def test_a_run_of_the_scenario_says_that_its_beds_are_no_limit():
    limited, free = (run(path, patients=50) for path in (SMALL, SMALLER / "first_salvage.yaml"))
    assert "Capacity     no limit in these results, nobody waits" in str(limited)
    assert "Capacity" not in str(free)
    for name in ("strategies", "increments"):
        pd.testing.assert_frame_equal(limited.tables[name], free.tables[name])


def test_limits_are_in_the_hash_of_the_question_and_their_absence_is_not():
    base = Scenario.load(SMALLER / "first_salvage.yaml")
    hashes = {
        run(each.with_(patients=2)).summary["scenario_sha256"]
        for each in (base, base.with_(capacity={"transplant_beds": 3}), base.with_(capacity=None))
    }
    assert len(hashes) == 2


# Wrong questions


def test_orders_of_the_scenario_are_those_of_the_engine():
    assert set(Queue.__args__) == set(map(str, Order))


@pytest.mark.parametrize("beds", ["0", "8:7", "0:3", "1:2:3", "x", "1,3", "-1:2", "1:101", "²"])
def test_numbers_of_beds_that_make_no_sense_are_refused(beds):
    result = invoke("capacity", SMALL, f"--beds={beds}")
    assert result.exit_code == 2
    assert "--beds: must be LO:HI" in result.stderr
    with pytest.raises(UserError, match="beds: must be LO:HI"):
        capacity(SMALL, beds=beds)


def test_a_scenario_without_limits_is_refused_with_what_to_write():
    result = invoke("capacity", ROOT / "scenarios" / "first_salvage.yaml", "--beds", "3")
    assert result.exit_code == 2
    assert "capacity: is missing: say there how many beds there are" in result.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("capacity: {beds: 3}", "capacity.beds: unknown key"),
        ("capacity: {transplant_beds: 0}", "capacity.transplant_beds: must be at least 1"),
        ("capacity: {transplant_beds: 2.5}", "capacity.transplant_beds: must be a whole number"),
        ("capacity: {queue: first}", "capacity.queue: is not one of the allowed words"),
        ("capacity: {window_years: 0}", "capacity.window_years: must be above 0"),
        ("capacity: {longest_wait_days: -3}", "capacity.longest_wait_days: must be above 0"),
        ("switches: {transplant: false}", "switches.transplant: must be true"),
        ("parameters: {capacity.cell_therapy_slot.shape: 2}", "uses no such parameter"),
    ],
)
def test_a_mistake_in_the_limits_is_named_with_its_place(tmp_path, text, says):
    path = tmp_path / "wrong.yaml"
    path.write_text(f"extends: {SMALL}\n{text}\n", encoding="utf-8")
    result = invoke("capacity", path)
    assert result.exit_code == 2
    assert says in result.stderr
    assert f"{path}:2" in result.stderr


def test_without_beds_in_the_scenario_they_are_asked_for(tmp_path):
    path = tmp_path / "open.yaml"
    path.write_text(
        f"extends: {ROOT}/scenarios/first_salvage.yaml\ncapacity: {{queue: first_come}}\n",
        encoding="utf-8",
    )
    result = invoke("capacity", path)
    assert result.exit_code == 2
    assert "capacity.transplant_beds: is missing in the scenario" in result.stderr
