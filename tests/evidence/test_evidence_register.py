"""Every endpoint of the register adds up as printed, has a source, and a reason for its use."""

from sim.evidence.register import FOLDER, SOURCES
from sim.evidence.study import BASELINE, ENDPOINTS, LANDMARKS
from tests.support.each import for_each
from tests.support.places import ROOT
from tests.support.read_once import REGISTER, TYPED, plain

FILES = sorted(path for path in (ROOT / FOLDER).glob("*.yaml") if path.name != SOURCES)
# Read a second time with every number as the text that was typed, to know its decimals.
AS_TYPED = {path.stem: plain(path, TYPED) for path in FILES}
ENDPOINTS_BY_ID = {
    f"{name}:{key}": (endpoint, AS_TYPED[name]["endpoints"][key])
    for name, study in REGISTER.items()
    for key, endpoint in study.endpoints.items()
}
ROUNDING = 1e-9


def for_every_endpoint(wanted):
    """Test a claim about the endpoints that are wanted."""
    return for_each(
        {
            key: {"key": key, "endpoint": endpoint}
            for key, (endpoint, _) in ENDPOINTS_BY_ID.items()
            if wanted(endpoint)
        }
    )


for_every_study = for_each({path.stem: {"name": path.stem} for path in FILES})


def half_unit(text):
    """Return half a unit of the last digit that was typed: 0.05 for 43.9."""
    return 0.5 * 10.0 ** -len(text.partition(".")[2])


def nearest_share(endpoint):
    """Return the per cent of whole patients that is nearest to the value."""
    return 100 * round(endpoint.value / 100 * endpoint.n) / endpoint.n


def is_share(endpoint):
    """Say whether a per cent counts patients, and is no estimate from a curve."""
    return endpoint.kind == "percent" and None is endpoint.at_months and endpoint.n is not None


def broken_arithmetic(endpoint, typed):
    """Say which printed numbers do not fit together."""
    broken = []
    if endpoint.value is None:
        return broken
    if endpoint.percent is not None:
        distance = abs(endpoint.percent - endpoint.value)
        if distance > half_unit(typed["value"]) + ROUNDING:
            broken.append(f"{endpoint.events}/{endpoint.n} is {endpoint.percent:.3f}")
    elif is_share(endpoint):
        distance = abs(nearest_share(endpoint) - endpoint.value)
        if distance > half_unit(typed["value"]) + ROUNDING:
            broken.append(f"no count of {endpoint.n} is {endpoint.value} per cent")
    low, high = endpoint.interval or (None, None)
    if low is not None and endpoint.value < low:
        broken.append(f"{endpoint.value} is below {low}")
    if high is not None and endpoint.value > high:
        broken.append(f"{endpoint.value} is above {high}")
    return broken


# Files


def test_register_holds_every_file_and_nothing_else():
    assert len(FILES) > 0
    assert list(REGISTER) == [path.stem for path in FILES]
    assert all(path.stem == path.stem.lower() and path.stem.isidentifier() for path in FILES)
    assert {path.suffix for path in (ROOT / FOLDER).iterdir()} == {".yaml"}


def test_every_typed_endpoint_is_loaded():
    typed = {f"{name}:{key}" for name, study in AS_TYPED.items() for key in study["endpoints"]}
    assert typed == set(ENDPOINTS_BY_ID)


@for_every_study
def test_file_names_its_keys_once(name):
    text = (ROOT / FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    for key in REGISTER[name].endpoints:
        lines = [line for line in text.splitlines() if line.strip() in (f"{key}:", f'"{key}":')]
        assert len(lines) == 1


@for_every_study
def test_sources_are_declared(name):
    study = REGISTER[name]
    used = {endpoint.source for endpoint in study.endpoints.values()}
    assert set(study.sources) <= set(REGISTER.sources)
    assert used <= set(study.sources)


def test_every_source_of_the_register_is_used():
    typed = plain(ROOT / FOLDER / SOURCES)
    used = {key for study in REGISTER.values() for key in study.sources}
    assert set(typed) <= used


@for_every_study
def test_overlaps_are_seen_from_both_sides(name):
    for other in REGISTER[name].overlaps:
        assert other in REGISTER
        assert name in REGISTER.overlaps(other)


# Endpoints


@for_every_endpoint(lambda endpoint: True)
def test_endpoint_is_what_its_name_says(key, endpoint):
    name, _, key = key.partition(":")
    arm, word = endpoint.arm, endpoint.endpoint
    assert arm in REGISTER[name].arms
    assert key == f"{arm}.{word}" or key.startswith(f"{arm}.{word}.")
    assert word in ENDPOINTS or endpoint.definition
    assert endpoint.place.strip()
    assert endpoint.source in REGISTER.sources


@for_every_endpoint(lambda endpoint: endpoint.endpoint == "response")
def test_response_says_what_counts_as_one(key, endpoint):
    assert endpoint.definition


@for_every_endpoint(lambda endpoint: endpoint.printed_exception is None)
def test_printed_numbers_fit_together(key, endpoint):
    assert broken_arithmetic(endpoint, ENDPOINTS_BY_ID[key][1]) == []


def test_printed_exceptions_are_real():
    excused = {
        key: pair for key, pair in ENDPOINTS_BY_ID.items() if pair[0].printed_exception is not None
    }
    assert [key for key, pair in excused.items() if not broken_arithmetic(*pair)] == []


@for_every_endpoint(lambda endpoint: endpoint.interval is not None)
def test_interval_has_a_level(key, endpoint):
    low, high = endpoint.interval
    assert None in (low, high) or low <= high
    assert 50 < endpoint.level < 100


@for_every_endpoint(lambda endpoint: endpoint.kind == "percent")
def test_per_cent_is_possible(key, endpoint):
    interval = endpoint.known_interval or ()
    for number in (endpoint.best, *interval):
        assert number is None or 0 <= number <= 100
    assert endpoint.at_months is not None or endpoint.endpoint not in LANDMARKS


@for_every_endpoint(lambda endpoint: endpoint.n is not None and endpoint.printed_exception is None)
def test_denominator_is_not_larger_than_the_arm(key, endpoint):
    patients = REGISTER[key.partition(":")[0]].arms[endpoint.arm].n
    assert patients is None or endpoint.n <= patients


def test_used_endpoint_has_a_reason_and_a_weight():
    used = {k: e for k, (e, _) in ENDPOINTS_BY_ID.items() if e.role in ("fit", "held_out")}
    for endpoint in used.values():
        assert endpoint.why.strip()
        assert endpoint.n is not None or endpoint.interval is not None


def test_no_quantity_is_used_twice():
    # Two prints of one number may both be in the register, but only one can be fitted or judged.
    told = ("arm", "endpoint", "subset", "definition", "time_origin", "against", "at_months")
    used = {}
    for key, (endpoint, _) in ENDPOINTS_BY_ID.items():
        if endpoint.role != "described":
            quantity = (key.partition(":")[0], *(getattr(endpoint, name) for name in told))
            used.setdefault(quantity, []).append(key)
    assert [keys for keys in used.values() if len(keys) > 1] == []


@for_every_endpoint(lambda endpoint: endpoint.contradiction is not None)
def test_contradiction_shows_what_is_quoted_and_chosen(key, endpoint):
    assert endpoint.chosen
    assert endpoint.quote
    assert "\n" not in endpoint.quote.strip()


@for_every_study
def test_survival_falls_with_time(name):
    curves = {}
    for endpoint in REGISTER[name].endpoints.values():
        if endpoint.endpoint in LANDMARKS and endpoint.best is not None:
            curve = (endpoint.arm, endpoint.endpoint, endpoint.subset, endpoint.time_origin)
            curves.setdefault(curve, []).append((endpoint.at_months, endpoint.best))
    for curve, points in curves.items():
        by_time = [percent for _, percent in sorted(points)]
        assert by_time == sorted(by_time, reverse=True), curve


@for_every_study
def test_baseline_is_possible(name):
    for arm in REGISTER[name].arms.values():
        baseline = arm.baseline
        assert all(key in BASELINE or key.startswith("other_") for key in baseline)
        assert all(0 <= v <= 100 for key, v in baseline.items() if key.endswith("_percent"))
        ages = [f"age_{part}_years" for part in ("low", "median", "high")]
        known = [baseline[key] for key in ages if key in baseline]
        assert known == sorted(known)
        assert all(0 <= age <= 110 for age in known)
        lines = ("first_salvage_percent", "later_salvage_percent")
        assert sum(baseline.get(key, 0) for key in lines) <= 100.5
