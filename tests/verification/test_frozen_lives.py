"""Both engines give the lives that were frozen.

`sim/analyses/verify/frozen/README.md` says what the 50,557 events are, and of how many two independent engines
are the witness.

A change of the clinical model moves these lives, as it should. Then the file is written anew by
`python -m tests.verification.test_frozen_lives`, and the change is explained where results change.
"""

import pandas as pd
import pytest

from sim.analyses.verify.independent import (
    COLUMNS,
    LIVES,
    first_difference,
    frozen_events,
    scenarios,
    simulated,
)
from sim.engine import reference
from sim.engine.compiled import core

ENGINES = {"reference": reference, "core": core}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scenario", scenarios())
def test_the_lives_are_those_that_were_frozen(scenario, engine):
    """200 patients a strategy; every time, kind, line, cycle, detail, grade and value to the bit."""
    pd.testing.assert_frame_equal(
        simulated(ENGINES[engine].simulate, scenario),
        frozen_events()[scenario],
        check_exact=True,
        obj=f"lives of {scenario}",
    )


def test_a_life_that_ends_a_second_later_is_noticed():
    expected = frozen_events()[scenarios()[0]]
    found = expected.copy()
    found.loc[len(found) - 1, "time_days"] += 1 / 86_400
    count, where = first_difference(found, expected)
    assert count == 1
    assert where.startswith(f"patient {expected['patient'].iloc[-1]} under ")


@pytest.mark.parametrize("missing", ["found", "expected"])
def test_an_event_too_few_or_too_many_is_noticed(missing):
    whole = frozen_events()[scenarios()[0]]
    shorter = whole.head(len(whole) - 1)
    pair = (shorter, whole) if missing == "found" else (whole, shorter)
    count, where = first_difference(*pair)
    assert count == 1
    assert where.endswith(f"day {whole['time_days'].iloc[-1]:g}")


def test_lives_differ_in_nothing_from_themselves():
    whole = frozen_events()[scenarios()[0]]
    assert first_difference(whole, whole.copy()) == (0, "")


def write():
    """Write the lives of the present reference engine."""
    parts = [simulated(reference.simulate, name).assign(scenario=name) for name in scenarios()]
    table = pd.concat(parts, ignore_index=True)[["scenario", *COLUMNS]]
    whole = dict.fromkeys(["kind", "line", "cycle", "detail", "grade"], "int8")
    kinds = {"scenario": "category", "strategy": "category", "patient": "int16"} | whole
    table.astype(kinds).to_parquet(LIVES, compression="zstd", index=False)


if __name__ == "__main__":
    write()
