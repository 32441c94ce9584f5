"""What the tests share: the settings of the property tests, and questions to put to the model."""

from __future__ import annotations

import gc
import os
from functools import cache
from itertools import count

import pytest
import yaml
from hypothesis import settings
from hypothesis import strategies as st

from sim.engine.compiled import core
from sim.scenario.loading import load_scenario
from sim.simulation.question import ask as read_question
from sim.simulation.question import prepare, with_numbers
from sim.simulation.run import run
from tests.support import report_pages
from tests.support.browser import running_browser
from tests.support.figures import drawn, sketched
from tests.support.places import SCENARIOS

# The same examples on every run, and more of them where CI is set.
settings.register_profile("dev", max_examples=100, derandomize=True, deadline=None)
settings.register_profile("ci", max_examples=200, derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

SEQUENCES = (
    "blinatumomab",
    "blinatumomab inotuzumab",
    "inotuzumab blinatumomab salvage_chemotherapy",
    "salvage_chemotherapy blinatumomab",
    "blinatumomab salvage_chemotherapy blinatumomab",
    "inotuzumab inotuzumab",
    "brexucabtagene blinatumomab brexucabtagene",
    "blinatumomab_mrd blinatumomab_tki",
    "",
)
BASES = (
    "first_salvage",
    "later_salvage",
    "real_world",
    "tower",
    "nhs_first_salvage",
    "mrd_positive",
)


def pytest_configure(config):
    """Compile the core engine once, before the workers start that would all compile it.

    With a worker per processor further threads of BLAS only wait for each other, at full load.
    """
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        question = read_question(SCENARIOS / "first_salvage.yaml", patients=1)
        run(question)
        for strategy in question.model.strategies:
            list(core.simulate(question.model, strategy, seed=0, patients=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Sketch the figures of a test that is not marked to draw them."""
    with drawn() if item.get_closest_marker("draws") else sketched():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef):
    """Sketch what several tests share: whichever of them comes first, the bytes are the same.

    A shared fixture that draws says so itself, by `drawn`.
    """
    if fixturedef.scope == "function":
        return (yield)
    with sketched():
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _without_waiting_for_the_disk():
    """What a test writes need not outlast a power cut: small analyses would wait most of the time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def ask(tmp_path_factory):
    """Return a function that asks a shipped scenario's question with some keys changed.

    A change is written as in a scenario file: mappings are merged, all else is replaced. With
    new strategies and no comparator, the first of them is the comparator.
    """
    folder = tmp_path_factory.mktemp("scenarios")
    numbers = count()

    @cache
    def loaded(text):
        path = folder / f"{next(numbers)}.yaml"
        path.write_text(text)
        return load_scenario(path)

    def asked(name, *, patients, seed=0, **changes):
        if "strategies" in changes:
            changes = {"comparator": changes["strategies"][0]["name"], **changes}
        text = yaml.safe_dump({"extends": str(SCENARIOS / f"{name}.yaml"), **changes})
        return prepare(loaded(text), patients=patients, seed=seed)

    return asked


@pytest.fixture(scope="session")
def simulated(ask):
    """Return a function that simulates a shipped scenario as it is, once.

    n = 1000 patients per strategy by the core engine; log and ledger of the first 400 by the
    reference engine.
    """

    @cache
    def answer(name, seed=0):
        simulation = run(ask(name, patients=1000, seed=seed), trace=400)
        # These traces stay to the end: the garbage collector need not look through them again.
        gc.freeze()
        return simulation

    return answer


@st.composite
def drawn_questions(draw):
    """Draw a scenario's name, a seed, the keys that change, and moves of parameters."""
    horizon = draw(st.sampled_from(["lifetime", 7.5, "lifetime", 1, 0.1]))
    background = draw(st.booleans()) or horizon == "lifetime"
    changes = {
        "horizon_years": horizon,
        "setting": draw(st.sampled_from(["trial", "real_world"])),
        "strategies": [
            {
                "name": "drawn",
                "sequence": draw(st.sampled_from(SEQUENCES)).split(),
                "then": draw(st.sampled_from(["usual_care", "supportive_care"])),
                "maintenance": draw(st.booleans()),
            }
        ],
        "switches": {
            "background_mortality": background,
            "toxicity": draw(st.sampled_from([True, True, True, False])),
            "cure_point_years": draw(st.sampled_from([None, None, 2.0, 0.25])),
            "survivor_mortality_ratio": draw(st.booleans()),
            **draw(
                st.sampled_from(
                    [
                        {},
                        {"benefit_after_stopping": False},
                        {"benefit_fades_from_years": 0.0, "benefit_fades_to_years": 1.0},
                        {"benefit_fades_from_years": 0.5},
                    ]
                )
            ),
        },
    }
    moves = draw(
        st.lists(st.tuples(st.integers(0, 10**6), st.floats(0.001, 0.999)), min_size=5, max_size=15)
    )
    return draw(st.sampled_from(BASES)), draw(st.integers(0, 2**64 - 1)), changes, moves


@pytest.fixture(scope="session")
def walk(ask):
    """Return a function that simulates a question drawn from Hypothesis data, once.

    The question is a shipped scenario with a drawn sequence of regimens, care after it, horizon
    and switches, and with 5 to 15 parameters moved to quantiles between 0.1 % and 99.9 % of
    their own distributions. n = 60, with every trace kept.
    """
    answers = {}

    def walked(data):
        drawn = data.draw(drawn_questions())
        if repr(drawn) not in answers:
            answers[repr(drawn)] = simulated(*drawn)
        return answers[repr(drawn)]

    def simulated(name, seed, changes, moves):
        question = ask(name, patients=60, seed=seed, **changes)
        entries = question.parameters.values()
        varied = [entry for entry in entries if entry.distribution.family != "fixed"]
        moved = {}
        for place, probability in moves:
            entry = varied[place % len(varied)]
            moved[entry.name] = entry.distribution.quantile(probability)
        return run(with_numbers(question, moved), trace=60)

    return walked


@pytest.fixture(scope="session")
def ran_folder(tmp_path_factory):
    """A folder with the results of a run alone."""
    folder = tmp_path_factory.mktemp("ran") / "results"
    report_pages.write_run(folder)
    return folder


@pytest.fixture(scope="session")
def full_folder(tmp_path_factory):
    """A folder with every analysis beside a run."""
    folder = tmp_path_factory.mktemp("full") / "results"
    with drawn():
        report_pages.write_everything(folder)
    return folder


@pytest.fixture(scope="session")
def ran_page(ran_folder):
    """The report on a run alone."""
    with drawn():
        return report_pages.read(report_pages.page_of(ran_folder))


@pytest.fixture(scope="session")
def full_page(full_folder):
    """The report on everything."""
    with drawn():
        return report_pages.read(report_pages.page_of(full_folder))


@pytest.fixture(scope="module")
def browser():
    """A running browser, of a module alone: while it runs, its thread has an event loop."""
    with running_browser() as found:
        yield found
