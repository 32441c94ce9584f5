"""Where patients went: every patient on one path, the same as the outcomes say, at any size."""

import numpy as np
import pandas as pd
import pytest

from sim.simulation.flow import COURSES, RESPONSES, STATES, TRANSPLANTS, Flow, counted, flow_of
from sim.simulation.question import ask
from sim.simulation.run import run
from sim.simulation.summary import summarise
from sim.simulation.tally import ROW
from tests.support.places import ROOT
from tests.support.run_folder import write

SCENARIO = ROOT / "scenarios" / "first_salvage.yaml"
DAYS_PER_MONTH = 30.4375
N = 3000


@pytest.fixture(scope="module")
def simulation():
    return run(ask(SCENARIO, patients=N, seed=3))


def table(flow):
    return pd.DataFrame(flow.paths())


def row(**changes):
    """Return one outcome row: a patient who never responds and dies on day 100."""
    values = dict.fromkeys(ROW, 0.0)
    values |= {"remission_days": np.inf, "relapse_days": np.inf, "death_days": 100.0}
    values |= {"rfs_days": np.nan, "efs_days": 0.0}
    return np.array([[{**values, **changes}[name] for name in ROW]])


def words(rows, months=60.0):
    (places,) = np.argwhere(counted(rows, months))
    names = (RESPONSES, TRANSPLANTS, COURSES, STATES)
    return tuple(each[place] for each, place in zip(names, places, strict=True))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("none", "none", "no_remission", "dead")),
        ({"hct_ever": 1.0, "death_days": np.inf}, ("none", "later", "no_remission", "alive")),
        # A later line may relapse: that is no relapse of the first remission.
        ({"hct_ever": 1.0, "relapse_days": 50.0}, ("none", "later", "no_remission", "dead")),
        ({"response": 1.0, "relapse_days": 50.0}, ("mrd_positive", "none", "relapsed", "dead")),
        (
            {
                "response": 1.0,
                "mrd_negative": 1.0,
                "hct_ever": 1.0,
                "hct_in_remission": 1.0,
                "death_days": 5000.0,
            },
            ("mrd_negative", "in_remission", "in_remission", "alive"),
        ),
        (
            {"response": 1.0, "mrd_negative": 1.0},
            ("mrd_negative", "none", "died_in_remission", "dead"),
        ),
        # What happens after the landmark is not looked at.
        (
            {"response": 1.0, "relapse_days": 2000.0, "death_days": 3000.0},
            ("mrd_positive", "none", "in_remission", "alive"),
        ),
    ],
)
def test_a_patient_takes_the_path_that_the_outcome_says(changes, expected):
    assert words(row(**changes)) == expected


def test_the_landmark_itself_counts_as_by_then():
    day = 60 * DAYS_PER_MONTH
    assert words(row(death_days=day))[-1] == "dead"
    assert words(row(death_days=np.nextafter(day, np.inf)))[-1] == "alive"


def test_every_patient_is_on_one_path(simulation):
    assert table(flow_of(simulation)).groupby("strategy")["patients"].sum().eq(N).all()


def test_flow_agrees_with_the_shares_of_the_summary(simulation):
    """Counts against percentages of the same patients: equal but for rounding."""
    found = table(flow_of(simulation))
    for arm in summarise(simulation).arms:
        paths = found[found["strategy"] == arm.name]

        def share(chosen, paths=paths):
            return 100 * paths.loc[chosen(paths), "patients"].sum() / N

        percent = {name: value.mean for name, value in arm.outcomes.items()}
        assert share(lambda p: p["response"] != "none") == pytest.approx(
            percent["response_percent"]
        )
        assert share(lambda p: p["response"] == "mrd_negative") == pytest.approx(
            percent["mrd_negative_percent"]
        )
        assert share(lambda p: p["transplant"] == "in_remission") == pytest.approx(
            percent["hct_in_remission_percent"]
        )
        assert share(lambda p: p["transplant"] != "none") == pytest.approx(
            percent["hct_ever_percent"]
        )
        assert share(lambda p: p["state"] == "alive") == pytest.approx(
            percent["os_60_months_percent"]
        )


def test_counting_unit_by_unit_gives_what_counting_kept_patients_gives(simulation):
    question = ask(SCENARIO, patients=N, seed=3)
    flow = Flow(question)
    run(question, keep_patients=False, sink=flow)
    assert flow.paths() == flow_of(simulation).paths()


def test_engines_agree_on_the_flow():
    question = ask(SCENARIO, patients=150, seed=8)
    assert flow_of(run(question)).paths() == flow_of(run(question, engine="reference")).paths()


def test_a_short_horizon_is_the_landmark(ask):
    flow = flow_of(run(ask("first_salvage", patients=50, horizon_years=2)))
    assert flow.months == pytest.approx(24.0)
    assert table(flow)["months"].eq(flow.months).all()


def test_flow_is_written_beside_the_other_files(simulation, tmp_path):
    write(simulation, summarise(simulation), tmp_path / "out")
    written = pd.read_csv(tmp_path / "out" / "flow.csv")
    assert written["patients"].tolist() == table(flow_of(simulation))["patients"].tolist()
    assert list(written.columns) == list(table(flow_of(simulation)).columns)
