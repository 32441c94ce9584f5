"""Figures of sensitivity analyses: nothing overlaps, nothing is cut off, everything is named."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from sim import run
from sim.analyses.morris import result as screening
from sim.analyses.morris.figure import morris_figure
from sim.analyses.morris.result import morris_table
from sim.analyses.shared.cube import cube
from sim.analyses.shared.figure import balanced
from sim.analyses.shared.ranges import asked_range
from sim.analyses.shared.target import aimed
from sim.analyses.sobol import analysis as sobol
from sim.analyses.sobol.figure import sobol_figure
from sim.analyses.threshold.analysis import Search
from sim.analyses.threshold.figure import threshold_figure
from sim.analyses.tornado.analysis import shown_sections, tornado
from sim.analyses.tornado.figure import tornado_figure
from sim.analyses.twoway.analysis import two_way
from sim.analyses.twoway.figure import two_way_figure
from sim.analyses.voi.figure import Worth, evppi_figure
from sim.analyses.what_if.analysis import scenario_matrix
from sim.analyses.what_if.figure import what_ifs_figure
from sim.layout.cells import money_text, short_texts, typeset
from sim.layout.style import styled
from sim.simulation.parameter_draws import fitted_draws
from sim.simulation.question import ask
from tests.support.places import SCENARIOS

MAIN = SCENARIOS / "first_salvage.yaml"
SEVERAL = SCENARIOS / "blinatumomab_then_inotuzumab.yaml"
GAINS, FLIPS = 550_000.0, 350_000.0
"""Worth of a QALY at which blinatumomab is optimal, and at which an input decides of five."""
VIAL, OTHER_VIAL = "cost.blinatumomab.vial", "cost.inotuzumab.vial"


def asked(path=MAIN, patients=300):
    return ask(path, patients=patients, seed=1)


def varied(question, name, low, high):
    return asked_range(question, name, (low, high), None, "--parameter")


def looked_at(question):
    target, _ = aimed(question, "nmb", None, None)
    return target, cube(question, fitted_draws(question))


@cache
def varied_alone(path, outcome, threshold):
    question = asked(path)
    posterior = fitted_draws(question)
    return tornado(question, outcome=outcome, threshold=threshold, posterior=posterior).run()


def drawn_tornado(path=MAIN, outcome="nmb", threshold=GAINS, top=20):
    found = varied_alone(path, outcome, threshold)
    return found, tornado_figure(found, top=top)


def drawn_morris():
    looked = looked_at(asked(patients=100))
    found = screening.screen(screening.design(*looked, grouped=False, trajectories=2)).run()
    return morris_figure(found, morris_table(found), 20)


def drawn_sobol():
    looked = looked_at(asked(patients=50))
    return sobol_figure(
        sobol.sobol(sobol.design(*looked, grouped=True, draws=4), check=False).run()
    )


def drawn_two_way(path, x, y):
    question = asked(path)
    return two_way_figure(two_way(question, *(varied(question, *v) for v in (x, y)), steps=3).run())


def drawn_threshold(path):
    question = asked(path)
    return threshold_figure(Search(question, varied(question, VIAL, 0.0, 8000.0)).run())


def drawn_run_of_several(name):
    found = run(SEVERAL, patients=300)
    assert {row.status for row in found._summary.frontier} > {"frontier"}
    return found.figure(name)


FIGURES = {
    "frontier of several": lambda: drawn_run_of_several("frontier"),
    "survival of several": lambda: drawn_run_of_several("survival"),
    "costs of several": lambda: drawn_run_of_several("costs"),
    "tornado": lambda: drawn_tornado()[1],
    "tornado of an ICER": lambda: drawn_tornado(outcome="icer")[1],
    "tornado of a percentage": lambda: drawn_tornado(outcome="hct_ever_percent", top=5)[1],
    "tornado that flips": lambda: drawn_tornado(SEVERAL, threshold=FLIPS)[1],
    "two-way": lambda: drawn_two_way(
        MAIN, (VIAL, 0.0, 6000.0), ("cost.inpatient_day", 0.0, 6000.0)
    ),
    "two-way of several": lambda: drawn_two_way(
        SEVERAL, (VIAL, 0.0, 6000.0), (OTHER_VIAL, 0.0, 25_000.0)
    ),
    "threshold": lambda: drawn_threshold(MAIN),
    "threshold of several": lambda: drawn_threshold(SEVERAL),
    "what-ifs": lambda: what_ifs_figure(scenario_matrix(asked()).run()),
    "what-ifs of several": lambda: what_ifs_figure(scenario_matrix(asked(SEVERAL)).run()),
    "morris": drawn_morris,
    "sobol": drawn_sobol,
}


SLOW = {"tornado of an ICER", "sobol", "threshold of several"}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in FIGURES
    ],
)
def figure(request):
    with styled():
        made = FIGURES[request.param]()
        made.draw_without_rendering()
        yield made


def texts(figure: Figure) -> list[Text]:
    """Return what is written in a figure, without the ticks beyond the ends of an axis."""
    unseen = {id(text) for axes in figure.axes for text in unseen_of(axes)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in unseen
    ]


def unseen_of(axes):
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)


def test_no_text_overlaps_another_or_is_cut_off(figure):
    """Boxes of the drawn letters, less 1 point of their leading on each side."""
    shown = [(text, text.get_window_extent()) for text in texts(figure)]
    assert len(shown) > 10
    page = figure.bbox
    for text, box in shown:
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text.get_text()
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text.get_text()
    point = figure.dpi / 72.0
    for (one, box), (other, beside) in combinations(shown, 2):
        assert not box.padded(-point).overlaps(beside.padded(-point)), (
            one.get_text(),
            other.get_text(),
        )


def test_labels_are_words_and_not_names_of_the_program(figure):
    for text in texts(figure):
        words = text.get_text().replace("\n", " ").split()
        assert not [word for word in words if "_" in word], text.get_text()
        assert not [
            w for w in words if "." in w.strip(".…") and not w.strip("−$£%,;")[:1].isdigit()
        ]


def test_error_bars_and_ends_lie_inside_the_axes():
    with styled():
        found, figure = drawn_tornado(outcome="hct_ever_percent", top=5)
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    for section in shown_sections(found, 5):
        for bar in section.bars:
            for end in bar.ends:
                reach = 1.96 * end.change.se
                assert low < end.outcome - reach
                assert end.outcome + reach < high


def test_a_tornado_says_base_unit_and_who_is_optimal_where():
    with styled():
        found, figure = drawn_tornado(SEVERAL, threshold=FLIPS)
    said = [text.get_text() for text in texts(figure)]
    assert f"base {money_text(found.base.mean, '$')}".replace("-", "\N{MINUS SIGN}") in said
    whole = " ".join(" ".join(said).split())
    assert "Optimal at the base, at $350,000 per QALY: Chemotherapy" in whole
    assert "Incremental net monetary benefit at 350,000 USD per QALY, 2022 USD" in said
    assert "Incremental net monetary benefit at 350,000 USD per QALY, one input at a time" in said
    assert "Inpatient day, leukaemia or transplant: 2,402 to 6,497" in whole
    assert "Inotuzumab" in said
    assert "A assumption, C calibrated, E evidence, P prior" in said
    assert {"A", "C", "E", "P"} <= set(said)
    assert "another strategy is optimal" in said
    with styled():
        _, figure = drawn_tornado()
    assert "Blinatumomab is optimal" in [text.get_text() for text in texts(figure)]


def test_bars_smaller_than_their_error_are_left_white():
    with styled():
        found, figure = drawn_tornado(top=20)
    (axes,) = figure.axes
    bars = [bar for section in shown_sections(found, 20) for bar in section.bars]
    filled = {bar.within_error for bar in bars}
    assert filled == {True, False}
    white = [patch for patch in axes.patches if to_rgb(patch.get_facecolor()) == (1.0, 1.0, 1.0)]
    assert len(white) == sum(len(bar.ends) for bar in bars if bar.within_error)
    assert "smaller than its error" in [text.get_text() for text in texts(figure)]


def test_an_area_without_room_for_its_name_has_a_letter():
    with styled():
        figure = drawn_two_way(MAIN, (VIAL, 0.0, 2500.0), ("cost.inpatient_day", 0.0, 8000.0))
        said = [text.get_text() for text in texts(figure)]
        assert "Blinatumomab\noptimal" in said
        small = drawn_two_way(MAIN, (VIAL, 2300.0, 60_000.0), ("cost.inpatient_day", 0.0, 3200.0))
        said = [text.get_text() for text in texts(small)]
    assert "Blinatumomab\noptimal" not in said
    assert "Salvage chemotherapy\noptimal" in said


def test_components_of_the_fit_are_drawn_only_when_asked_for():
    with styled():
        found, figure = drawn_tornado()
        asked_for = tornado_figure(found, top=5, components=True)
    assert not [text for text in texts(figure) if "Component" in text.get_text()]
    assert [text for text in texts(asked_for) if "Component" in text.get_text()]


def test_icers_stand_beside_net_benefit_and_nothing_else():
    with styled():
        found, figure = drawn_tornado()
        _, other = drawn_tornado(outcome="hct_ever_percent", top=5)
    said = [text.get_text() for text in texts(figure)]
    (widest,) = shown_sections(found, 1)[0].bars
    low, high = (end.icer / 1000.0 for end in widest.ends)
    assert f"{low:,.0f} | {high:,.0f}" in said
    assert not [text for text in texts(other) if "ICER" in text.get_text()]


def test_information_within_its_noise_is_not_drawn():
    bars = [Worth("Costs", "", 900.0, 10.0, True), Worth("Age", "age", 1.0, 5.0, False)]
    with styled():
        drawn = evppi_figure(bars, symbol="$", threshold=1e5, evpi=1000.0)
        nothing = evppi_figure(bars[1:], symbol="$", threshold=1e5, evpi=1000.0)
    said = [text.get_text() for text in texts(drawn)]
    assert "Costs" in said
    assert "Age" not in said
    assert not nothing.axes[0].patches
    assert "worth more than the noise" in " ".join(text.get_text() for text in texts(nothing))


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((0.0899, 0.3812), ["0.09", "0.38"]),
        ((0.981, 0.984), ["0.981", "0.984"]),
        ((-1.25, 99.6), ["-1.2", "100"]),
        ((2029.4, 123456.0), ["2,029", "123,456"]),
        ((7.0, 7.0), ["7", "7"]),
    ],
)
def test_ends_of_an_interval_have_as_few_digits_as_tell_them_apart(values, shown):
    assert short_texts(values) == shown


def test_only_numbers_get_a_minus_sign():
    assert typeset("MRD-negative: -0.5 to -$3") == "MRD-negative: −0.5 to −$3"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("short", 20, ["short"]),
        ("a label of two lines that are alike", 20, ["a label of two lines", "that are alike"]),
        ("MRD-negative never breaks", 12, ["MRD-negative", "never breaks"]),
    ],
)
def test_lines_of_a_label_are_about_as_long(text, width, lines):
    assert balanced(text, width).splitlines() == lines


def test_what_does_not_fit_into_a_label_is_said_to_be_left_out():
    long = "one two three four five six seven eight nine ten"
    shown = balanced(long, 12)
    assert shown.endswith("…")
    assert len(shown.splitlines()) == 2
    assert max(map(len, shown.splitlines())) <= 12


def test_colours_of_gain_and_loss_are_the_same_on_both_sides():
    """The bar shows only what occurs, but white is nothing gained and nothing lost."""
    with styled():
        figure = drawn_two_way(MAIN, (VIAL, 0.0, 6000.0), ("cost.inpatient_day", 0.0, 6000.0))
    mesh = figure.axes[0].collections[0]
    assert mesh.norm(0.0) == pytest.approx(0.5)
    values = np.asarray(mesh.get_array())
    low, high = figure.axes[1].get_ylim()
    assert (low, high) == pytest.approx((values.min(), values.max()))
