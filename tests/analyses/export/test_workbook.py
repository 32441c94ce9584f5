"""The workbook: our numbers, calculated again by another program, and moving as they should."""

from dataclasses import replace

import numpy as np
import pytest

import sim
from sim.analyses.export.sheets import Model
from sim.analyses.psa.acceptability import ceac
from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.result import PsaResult
from sim.layout.progress import patients_progress
from tests.support.places import SMALLER
from tests.support.spreadsheet import OFFICE, calculated, cells, number, place_of, sheet_names

MAIN = SMALLER / "first_salvage.yaml"
EXACT = 1e-9
"""Relative: sums of some hundred amounts in another order."""
SIZES = {"draws": 12, "patients": 40}
needs_office = pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
VIAL = "cost.blinatumomab.vial"


class Written:
    """A scenario, the folder of its results, and the workbook."""

    def __init__(self, scenario, folder):
        self.scenario = scenario
        self.results = folder / "results"
        sim.psa(scenario, **SIZES, out=self.results, cached=False)
        sim.run(scenario, out=self.results)
        sim.export(scenario, to="excel", from_=self.results, out=folder / "out", cached=False)
        self.path = folder / "out" / "export.xlsx"
        self.psa = PsaResult.read(scenario, self.results)._answer.psa

    def row_of(self, sheet, text):
        """Return the row and the cells of the first line that begins with a text."""
        found = cells(self.path, sheet)
        address = next(a for a, c in found.items() if c.value == text and a.startswith("A"))
        return place_of(address)[0]


@pytest.fixture(scope="module")
def main(tmp_path_factory):
    """Two strategies, whose choice changes within the curves."""
    scenario = sim.Scenario.load(MAIN)
    return Written(scenario, tmp_path_factory.mktemp("main"))


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Five strategies, some of them dominated."""
    scenario = sim.Scenario.load("scenarios/blinatumomab_then_inotuzumab.yaml")
    return Written(scenario.with_(patients=400), tmp_path_factory.mktemp("several"))


@pytest.fixture(params=["main", "several"])
def book(request):
    return request.getfixturevalue(request.param)


# The numbers that are stored


def test_the_sheets_hold_results_inputs_flow_and_draws(main):
    assert sheet_names(main.path) == [
        *("Read me", "Results", "Unit costs", "Acceptability", "Frontier", "Flow", "Outcomes"),
        *("Inputs", "Draws", "Cost parts", "Parameters"),
    ]
    inputs = cells(main.path, "Inputs")
    assert inputs["I1"].value == "Source"
    assert len({a for a in inputs if a.startswith("A")}) == len(main.scenario.question.used) + 1
    flow = cells(main.path, "Flow")
    counts = [c.value for a, c in flow.items() if a.startswith("G") and a != "G1"]
    assert sum(counts) == 2 * 2000


def test_stored_results_are_ours(book):
    base, found = book.psa.deterministic, cells(book.path, "Results")
    run = sim.RunResult.read(book.scenario, book.results).summary
    comparator = book.psa.comparator
    icers = {each["strategy"]: each["icer"] for each in run["increments"]}
    steps = {each["name"]: each for each in run["frontier"]}
    for s, name in enumerate(book.psa.strategies):
        row = 7 + s
        assert found[f"D{row}"].value == pytest.approx(base["cost"][s], rel=EXACT)
        assert found[f"B{row}"].value == base["qalys"][s]
        assert found[f"J{row}"].value == steps[name]["status"]
        icer = steps[name]["icer"]
        wanted = "" if icer is None else pytest.approx(icer, rel=EXACT)
        assert found[f"K{row}"].value == wanted
        if s != comparator:
            assert found[f"G{row}"].value == pytest.approx(icers[name], rel=EXACT)


def test_numbers_of_the_draws_are_stored_to_the_last_bit(main):
    found = cells(main.path, "Draws")
    qalys = main.psa.values("qalys")
    for k in range(main.psa.draws):
        assert [found[f"{column}{k + 3}"].value for column in "BC"] == qalys[k].tolist()
    drawn, first = main.psa.parameters, cells(main.path, "Parameters")
    for column in (0, len(drawn.columns) - 1):
        read = [
            cell.value
            for address, cell in first.items()
            if place_of(address)[1] == column + 1 and place_of(address)[0] > 0
        ]
        assert read == drawn.iloc[:, column].tolist()


# Calculated by LibreOffice


@needs_office
@pytest.mark.slow
def test_every_formula_gives_its_stored_value(book, tmp_path):
    rows = calculated(book.path, tmp_path)
    compared = 0
    for sheet in sheet_names(book.path):
        for address, cell in cells(book.path, sheet).items():
            if cell.formula is None:
                continue
            row, column = place_of(address)
            text = rows[sheet][row][column]
            if isinstance(cell.value, float):
                # Differences and sums around 0 are rounding errors of amounts near 1e6.
                assert number(text) == pytest.approx(cell.value, rel=EXACT, abs=1e-6), address
            else:
                assert text == cell.value, address
            compared += 1
    assert compared > 300


@needs_office
@pytest.mark.slow
def test_a_threshold_moves_net_benefit_and_probability(book, tmp_path):
    threshold = float(ratio_of_means(book))
    rows = calculated(book.path, tmp_path, {"Results": {"B3": threshold}})["Results"]
    base, psa = book.psa.deterministic, book.psa
    shares = ceac(psa.values("cost"), psa.values("qalys"), [threshold])[0]
    assert 0.0 < shares.max() < 1.0
    benefits = threshold * psa.values("qalys") - psa.values("cost")
    drawn = book.row_of("Results", f"Over {psa.draws:,} draws of the uncertain inputs") + 2
    for s in range(len(psa.strategies)):
        assert number(rows[drawn + s][7]) == pytest.approx(shares[s], rel=EXACT)
        if s != psa.comparator:
            more = [base[name][s] - base[name][psa.comparator] for name in ("qalys", "cost")]
            worth = threshold * more[0] - more[1]
            assert number(rows[6 + s][8]) == pytest.approx(worth, rel=EXACT, abs=1e-6)
    evpi = benefits.max(axis=1).mean() - benefits.mean(axis=0).max()
    assert number(rows[drawn + len(psa.strategies)][8]) == pytest.approx(evpi, rel=1e-7)


def ratio_of_means(book):
    """Return a threshold at which the choice is open: the ICER of the first against the comparator."""
    psa = book.psa
    s = next(s for s in range(len(psa.strategies)) if s != psa.comparator)
    return psa.increments("cost")[:, s].mean() / psa.increments("qalys")[:, s].mean()


@needs_office
@pytest.mark.slow
def test_a_unit_cost_moves_costs_as_a_run_at_that_price_does(main, tmp_path):
    """A fixed price, of the vial, and an uncertain one, of the day in hospital, at other values."""
    price, day = 1234.5, 9000.0
    rows = calculated(
        main.path,
        tmp_path,
        {
            "Unit costs": {
                f"E{main.row_of('Unit costs', VIAL) + 1}": price,
                f"E{main.row_of('Unit costs', 'cost.inpatient_day') + 1}": day,
            }
        },
    )
    at_price = sim.run(main.scenario.with_(parameters={VIAL: price, "cost.inpatient_day": day}))
    costs = at_price.strategies.query("outcome == 'cost'")["mean"].tolist()
    for s in range(2):
        assert number(rows["Results"][6 + s][3]) == pytest.approx(costs[s], rel=EXACT)
    icer = at_price.summary["increments"][0]["icer"]
    assert number(rows["Results"][7][6]) == pytest.approx(icer, rel=EXACT)
    assert number(rows["Frontier"][4][7]) == pytest.approx(icer, rel=EXACT)


@needs_office
@pytest.mark.slow
def test_the_price_of_a_vial_moves_the_draws_as_an_analysis_at_that_price_does(main, tmp_path):
    price = 2000.0
    cell = {f"E{main.row_of('Unit costs', VIAL) + 1}": price}
    rows = calculated(main.path, tmp_path, {"Unit costs": cell})
    question = main.scenario.with_(parameters={VIAL: price}).question
    work = Work(None, False, patients_progress)
    psa = results(replace(question, patients=SIZES["patients"]), SIZES["draws"], work)
    costs = psa.values("cost")
    found = np.array([[number(text) for text in row[3:5]] for row in rows["Draws"][2:]])
    assert found == pytest.approx(costs, rel=EXACT)
    grid = [number(row[0]) for row in rows["Acceptability"][4:45]]
    shares = np.array([[number(text) for text in row[1:3]] for row in rows["Acceptability"][4:45]])
    assert shares == pytest.approx(ceac(costs, psa.values("qalys"), grid), rel=EXACT)
    assert len(np.unique(shares)) > 2


def test_parts_of_the_cost_add_up_and_all_of_it_depends_on_unit_costs(main):
    """In the main scenario every item has a unit cost, so that hardly a cent is left."""
    found = cells(main.path, "Unit costs")
    row = main.row_of("Unit costs", "All else") + 1
    assert abs(found[f"G{row}"].value) < 1e-6
    assert found[f"G{row + 1}"].value == pytest.approx(main.psa.deterministic["cost"][0], rel=EXACT)


# Labels


ODD = (
    '=HYPERLINK("http://x";"y")',
    "+1",
    "-1",
    "@SUM(A1)",
    "a\tb\rc",
    "<b>&amp;\"'",
    "_x0000_ \x07",
)


def test_no_label_becomes_a_formula_or_breaks_the_file(tmp_path):
    scenario = sim.Scenario.load(MAIN).with_(
        title=ODD[0],
        patients=50,
        strategies=[
            {"name": "usual", "sequence": ["salvage_chemotherapy"], "then": "usual_care"},
            *(
                {"name": f"s{i}", "label": text, "sequence": ["blinatumomab"], "then": "usual_care"}
                for i, text in enumerate(ODD)
            ),
        ],
        comparator="usual",
    )
    sim.export(scenario, to="excel", draws=5, patients=10, out=tmp_path, cached=False)
    path = tmp_path / "export.xlsx"
    for sheet in sheet_names(path):
        for cell in cells(path, sheet).values():
            assert cell.formula is None or not any(text[:6] in cell.formula for text in ODD)
    found = cells(path, "Results")
    assert found["A1"].value == ODD[0]
    assert found["A9"].value == ODD[1]
    assert found["A12"].value == "a b c"


def test_a_draw_in_which_strategies_are_equal_is_shared(main):
    model = Model(sim.export(MAIN, to="r", from_=main.results)._draws, None, 1.0)
    assert model.shares([0.0]).sum() == pytest.approx(1.0, rel=1e-15)


def test_the_same_analysis_gives_the_same_workbook(main, tmp_path):
    sim.export(main.scenario, to="excel", from_=main.results, out=tmp_path, cached=False)
    assert (tmp_path / "export.xlsx").read_bytes() == main.path.read_bytes()


def test_a_run_of_other_patients_than_the_base_case_is_refused(main, tmp_path):
    sim.psa(main.scenario, **SIZES, out=tmp_path, cached=False)
    sim.run(main.scenario.with_(patients=100), out=tmp_path)
    with pytest.raises(sim.UserError, match="other patients than the base case"):
        sim.export(main.scenario, to="excel", from_=tmp_path, out=tmp_path / "x", cached=False)
    assert not (tmp_path / "x").exists()
