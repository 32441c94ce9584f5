"""The server of the explorer: its answers are those of the commands, and what must fail does."""

from __future__ import annotations

import io
import signal
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from click.testing import CliRunner

from sim import Scenario, run
from sim.cli import commands
from sim.errors import UserError
from sim.explore.answer import Desk, Superseded, fragment
from sim.explore.controls import as_scenario, changed, checked_name, controls, in_words, read_state
from tests.support.explorer import running

VIAL = "cost.blinatumomab.vial"
PATIENTS = 1500


@pytest.fixture(scope="module")
def scenario():
    return Scenario.load("first_salvage").with_(patients=PATIENTS)


@pytest.fixture(scope="module")
def moved(scenario):
    return controls(scenario, {"cost.inpatient_day": 2.0, VIAL: 3.0})


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    with running(folder, "first_salvage", "--patients", str(PATIENTS)) as found:
        yield found


def test_inputs_that_move_the_answer_most_come_first(moved):
    assert moved.sliders[0].name == VIAL
    assert all(each.low <= each.base <= each.high for each in moved.sliders)


def test_a_price_can_be_moved_down_to_nothing_and_a_probability_never_beyond_one(moved):
    assert moved.slider(VIAL).low == 0.0
    for each in moved.sliders:
        if each.unit == "probability":
            assert 0.0 <= each.low < each.high <= 1.0


def test_every_place_of_every_slider_is_a_value_that_the_scenario_takes(scenario, moved):
    for each in moved.sliders:
        for value in (each.low, each.high):
            changed(scenario, {"parameters": {each.name: value}})


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"life_table": "/etc/passwd"},
        {"patients": {"file": "/etc/passwd"}},
        {"strategies": []},
        {"parameters": {VIAL: 1e9}},
        {"parameters": {VIAL: -1.0}},
        {"parameters": {VIAL: "5"}},
        {"parameters": {VIAL: True}},
        {"parameters": {VIAL: {"value": 1.0}}},
        {"parameters": {"no.such": 1.0}},
        {"parameters": 3},
        {"thresholds": []},
        {"thresholds": [1e12]},
        {"switches": {"transplant": "../x"}},
        {"switches": {"transplant": 0}},
        {"horizon_years": 7},
        {"population": "nobody"},
    ],
)
def test_a_state_that_no_control_can_make_is_refused(content, moved):
    with pytest.raises(UserError):
        read_state(content, moved)


def test_what_was_changed_is_said_in_words(moved):
    state = {"parameters": {VIAL: 1800.0}, "switches": {"transplant": False}}
    assert in_words(state, moved) == [
        "Blinatumomab, vial: 1,800 instead of 5,169 USD",
        "Transplant: No allo-HCT",
    ]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x.yaml", "a" * 65, 3, None, "a\n"])
def test_a_name_that_could_leave_its_folder_is_refused(name):
    with pytest.raises(UserError):
        checked_name(name)


def test_answer_is_that_of_run_to_the_last_digit(scenario, moved, tmp_path):
    desk = Desk(scenario, moved, tmp_path)
    state = {"parameters": {VIAL: 2000.0}, "switches": {"transplant": False}}
    found = desk.answer(state, exact=True, check=lambda: None)
    told = run(scenario.with_(**state))
    pd.testing.assert_frame_equal(found.result.strategies, told.strategies)
    pd.testing.assert_frame_equal(found.result.increments, told.increments)
    assert found.exact
    assert told.to_dict() == found.result.to_dict()


def test_saved_state_is_a_scenario_with_the_same_answer(scenario, tmp_path):
    state = {"parameters": {VIAL: 2000.0}, "horizon_years": 5, "thresholds": [90_000.0]}
    path = tmp_path / "mine.yaml"
    path.write_text(as_scenario("first_salvage", "Mine", state), encoding="utf-8")
    saved = Scenario.load(path).with_(patients=PATIENTS)
    pd.testing.assert_frame_equal(run(saved).strategies, run(scenario.with_(**state)).strategies)


def test_an_answer_that_is_no_longer_wanted_stops_while_it_simulates(moved, tmp_path):
    desk = Desk(Scenario.load("first_salvage").with_(patients=200_000), moved, tmp_path)
    first = desk.wanted("answer", 1)
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 3:
            desk.wanted("answer", 2)
        first()

    with pytest.raises(Superseded):
        desk.answer({}, exact=True, check=check)
    assert len(calls) == 3
    # The next one is not held up, nor is anything of the first remembered.
    found = desk.answer({}, exact=False, check=desk.wanted("answer", 2))
    assert not found.exact


def test_quick_answer_says_that_it_is_one(moved, tmp_path):
    desk = Desk(Scenario.load("first_salvage"), moved, tmp_path)
    found = desk.answer({}, exact=False, check=lambda: None)
    shown = fragment(desk, {}, found)
    assert shown["exact"] is False
    assert "10,000 patients" in shown["html"]


def test_page_is_whole_and_lets_nothing_in_from_outside(explorer):
    found = explorer.send("GET", f"/?token={explorer.token}")
    assert found.status == 200
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert found.headers["cache-control"] == "no-store"
    assert found.headers["x-frame-options"] == "DENY"
    assert "http://" not in found.text.replace("http://www.w3.org", "")
    assert "Research" in found.text or "research model" in found.text


def test_table_of_the_page_is_the_file_of_run(explorer, tmp_path):
    state = {"parameters": {VIAL: 1234.0}}
    found = explorer.post("/table", state=state, name="increments", number=1, page=1)
    scenario = Scenario.load("first_salvage").with_(patients=PATIENTS, **state)
    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(found.text)), run(scenario).increments, check_exact=True
    )


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_wrong_token_is_refused(explorer, token):
    headers = {"x-token": token.encode()} if token else {}
    assert explorer.send("POST", "/answer", b"{}", headers).status == 403
    assert explorer.send("GET", "/").status == 403
    assert explorer.send("GET", "/?token=wrong").status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_requests_of_other_pages_are_refused(explorer, origin):
    headers = {"x-token": explorer.token, "origin": origin}
    assert explorer.send("POST", "/answer", b"{}", headers).status == 403


def test_another_name_that_leads_here_is_refused(explorer):
    headers = {"x-token": explorer.token, "host": f"evil.example:{explorer.port}"}
    assert explorer.send("POST", "/answer", b"{}", headers).status == 421


def test_a_body_of_ten_megabytes_is_refused_with_and_without_its_length(explorer):
    headers = {"x-token": explorer.token}
    large = b"x" * 10_000_000
    try:
        assert explorer.send("POST", "/answer", large, headers).status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before it was sent
    parts = (large[i : i + 65536] for i in range(0, len(large), 65536))
    try:
        assert explorer.send("POST", "/answer", parts, headers).status == 413
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert explorer.post("/answer", number=2, page=2).status == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"number": NaN}', b"[" * 60_000, b"\xff"])
def test_what_is_no_object_in_json_is_refused_or_empty(explorer, body):
    found = explorer.send("POST", "/jobs", body, {"x-token": explorer.token})
    assert found.status == (200 if not body else 400)


@pytest.mark.parametrize("path", ["/../etc/passwd", "/static/x", "/answer/../..", "/%2e%2e/x"])
def test_no_path_reaches_a_file(explorer, path):
    for method in ("GET", "POST"):
        headers = {"x-token": explorer.token}
        assert explorer.send(method, path, b"{}", headers).status in (404, 405)


@pytest.mark.parametrize("name", ["../mine", "/tmp/mine", "a.b", "", None])
def test_save_as_never_leaves_its_folder(explorer, name):
    before = sorted(explorer.folder.rglob("*"))
    assert explorer.post("/save", state={}, name=name).status == 422
    assert sorted(explorer.folder.rglob("*")) == before


def test_save_as_writes_a_scenario_once_and_never_over_another(explorer):
    state = {"parameters": {VIAL: 999.0}}
    found = explorer.post("/save", state=state, name="cheaper")
    assert found.json()["command"] == "python -m sim run cheaper.yaml"
    path = explorer.folder / "cheaper.yaml"
    text = path.read_text(encoding="utf-8")
    assert Scenario.load(path).question.numbers[VIAL] == 999.0
    assert explorer.post("/save", state={}, name="cheaper").status == 422
    assert path.read_text(encoding="utf-8") == text


def test_value_beyond_its_range_is_refused_in_words(explorer):
    found = explorer.post("/answer", state={"parameters": {VIAL: 1e9}}, number=3, page=3)
    assert found.status == 422
    assert "must be from 0 to" in found.json()["problem"]


def test_a_hundred_requests_at_once_end_and_the_next_is_answered(explorer):
    def one(number):
        state = {"parameters": {VIAL: 1000.0 + number}}
        return explorer.post("/answer", state=state, number=number, page=4).status

    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(one, range(1, 101)))
    assert set(found) <= {200, 204, 503}
    assert explorer.post("/answer", number=1000, page=4).status == 200


def test_one_patient_is_shown_under_every_strategy(explorer):
    found = explorer.post("/patient", state={}, patient=17)
    assert found.status == 200
    assert "man of 41" in found.text
    assert found.text.count("Ledger under") >= 2
    assert explorer.post("/patient", state={}, patient=-1).status == 422
    assert explorer.post("/patient", state={}, patient="1").status == 422


def test_figures_are_listed_and_drawn(explorer):
    names = [each["name"] for each in explorer.post("/figures", state={}, page=5).json()]
    assert {"plane", "net_benefit", "survival_os", "flow_1", "costs_discounted"} <= set(names)
    drawn = explorer.post("/figure", state={}, name="net_benefit", page=5)
    assert drawn.text.startswith("<svg")
    assert explorer.post("/figure", state={}, name="../x", page=5).status == 422


def test_end_of_the_terminal_ends_it(tmp_path):
    with running(tmp_path, "first_salvage", "--patients", "200") as found:
        found.process.send_signal(signal.SIGHUP)
        assert found.process.wait(60) == 0


def test_port_that_is_taken_is_one_clear_message(explorer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = f"explore first_salvage --patients 50 --no-browser --port {explorer.port}"
    done = CliRunner().invoke(commands, asked.split())
    assert done.exit_code == 2
    assert "cannot serve at" in done.stderr
