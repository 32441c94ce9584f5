"""The elementary functions are accurate, and their bits do not depend on the machine."""

import ast
import hashlib
import math
import random
import struct
from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

import sim.clinic
from sim.clinic import arithmetic
from sim.clinic.arithmetic import (
    exp,
    expm1,
    log,
    log1p,
    logistic,
    logit,
    normal_quantile,
    power,
)

Function = Callable[[float], float]
INFINITY = math.inf
probabilities = st.floats(min_value=1e-300, max_value=1.0 - 2.0**-53)


def worst_error_in_ulp(
    function: Function, truth: Callable[[Decimal], Decimal], points: Iterable[float]
) -> float:
    """Compare with 45 digits, in units in the last place of the result."""
    with localcontext(prec=45):
        return max(
            float(abs(Decimal(value) - truth(Decimal(x))) / Decimal(math.ulp(value)))
            for x, value in ((x, function(x)) for x in points)
        )


def positive_numbers(n: int) -> list[float]:
    """Half near 1, where a logarithm is hard, half over all normal magnitudes."""
    draw = random.Random(1)
    near_one = [draw.uniform(0.5, 2.0) for _ in range(n // 2)]
    return near_one + [math.ldexp(draw.uniform(1, 2), draw.randint(-1022, 1023)) for _ in near_one]


def exponents(n: int) -> list[float]:
    """Half of moderate size, half over all that have a normal exponential."""
    draw = random.Random(2)
    moderate = [draw.uniform(-3.0, 3.0) for _ in range(n // 2)]
    return moderate + [draw.uniform(-708.0, 709.0) for _ in moderate]


def small_numbers(n: int) -> list[float]:
    """Both signs, magnitudes from 2**-60 to 1/2."""
    draw = random.Random(3)
    return [draw.choice((-1, 1)) * 2.0 ** draw.uniform(-60, -1) for _ in range(n)]


# Accuracy. The reference is decimal arithmetic, whose ln and exp are correctly rounded.


def test_log_is_within_one_ulp_of_the_exact_value():
    """n = 2000."""
    assert worst_error_in_ulp(log, Decimal.ln, positive_numbers(2000)) < 1


def test_exp_is_within_one_ulp_of_the_exact_value():
    """n = 2000."""
    assert worst_error_in_ulp(exp, Decimal.exp, exponents(2000)) < 1


def test_log1p_is_within_two_ulp_of_the_exact_value():
    """n = 2000, on both sides of 0 and towards -1."""
    draw = random.Random(4)
    points = small_numbers(1000) + [-draw.random() for _ in range(1000)]
    assert worst_error_in_ulp(log1p, lambda x: (1 + x).ln(), points) < 2


def test_expm1_is_within_two_ulp_of_the_exact_value():
    """n = 2000, on both sides of 0."""
    draw = random.Random(5)
    points = small_numbers(1000) + [draw.uniform(-40.0, 40.0) for _ in range(1000)]
    assert worst_error_in_ulp(expm1, lambda x: x.exp() - 1, points) < 2


@pytest.mark.parametrize(
    ("ours", "theirs", "points"),
    [(log, math.log, positive_numbers), (exp, math.exp, exponents)],
    ids=["log", "exp"],
)
def test_the_c_library_agrees_within_two_ulp(ours, theirs, points):
    """n = 100 000; each side may be off by one."""
    for x in points(100_000):
        assert abs(ours(x) - theirs(x)) <= 2 * math.ulp(theirs(x)), x


def test_power_is_as_accurate_as_the_logarithm_of_its_result_allows():
    """n = 10 000; relative tolerance 2**-52 (2 + |log of the result|)."""
    draw = random.Random(6)
    for _ in range(10_000):
        base, exponent = 2.0 ** draw.uniform(-50, 50), draw.uniform(-8, 8)
        expected = math.pow(base, exponent)
        tolerance = 2.0**-52 * (2 + abs(exponent * math.log(base)))
        assert power(base, exponent) == pytest.approx(expected, rel=tolerance)


def test_logistic_and_logit_agree_with_scipy():
    """n = 2000; logit has an absolute error near its zero."""
    for x in np.linspace(-700.0, 700.0, 2000).tolist():
        assert logistic(x) == pytest.approx(float(special.expit(x)), rel=1e-15)
    for p in np.linspace(0.0, 1.0, 2002)[1:-1].tolist():
        assert logit(p) == pytest.approx(float(special.logit(p)), rel=4e-16, abs=4e-16)


@given(p=probabilities)
def test_logistic_undoes_logit(p):
    # A rounded logit of 690 is off by 1e-13, the relative error of the probability.
    assert logistic(logit(p)) == pytest.approx(p, rel=2e-13)


@pytest.mark.parametrize(
    ("p", "z"),
    [
        (0.25, -0.6744897501960817),
        (0.001, -3.090232306167814),
        (1e-20, -9.262340089798408),
    ],
)
def test_normal_quantile_gives_the_values_printed_with_the_algorithm(p, z):
    assert normal_quantile(p) == pytest.approx(z, rel=4e-16)


def test_normal_quantile_agrees_with_scipy():
    """n = 20 000 over the centre, the shoulders and the tails to 1e-300."""
    draw = random.Random(7)
    points = [draw.random() for _ in range(10_000)]
    points += [10.0 ** draw.uniform(-300, -1) for _ in range(10_000)]
    expected = special.ndtri(np.array(points))
    np.testing.assert_allclose([normal_quantile(p) for p in points], expected, rtol=2e-15)


@given(st.integers(0, 2**52 - 1))
def test_normal_quantile_is_exactly_antisymmetric_on_the_grid_of_uniforms(step):
    u = (step + 0.5) * 2.0**-52
    assert normal_quantile(u) == -normal_quantile(1.0 - u)


# Ends of the domains.


@pytest.mark.parametrize(
    ("function", "argument", "expected"),
    [
        (log, 0.0, -INFINITY),
        (log, 1.0, 0.0),
        (log, INFINITY, INFINITY),
        (log1p, -1.0, -INFINITY),
        (log1p, 0.0, 0.0),
        (log1p, INFINITY, INFINITY),
        (exp, 0.0, 1.0),
        (exp, -708.1, 0.0),
        (exp, 709.1, INFINITY),
        (exp, -INFINITY, 0.0),
        (exp, INFINITY, INFINITY),
        (expm1, 0.0, 0.0),
        (expm1, -INFINITY, -1.0),
        (expm1, INFINITY, INFINITY),
        (logistic, -INFINITY, 0.0),
        (logistic, 0.0, 0.5),
        (logistic, INFINITY, 1.0),
        (logit, 0.0, -INFINITY),
        (logit, 0.5, 0.0),
        (logit, 1.0, INFINITY),
        (normal_quantile, 0.0, -INFINITY),
        (normal_quantile, 0.5, 0.0),
        (normal_quantile, 1.0, INFINITY),
    ],
)
def test_the_ends_of_the_domain_have_their_limits(function, argument, expected):
    assert function(argument) == expected


@pytest.mark.parametrize(
    ("function", "argument"),
    [(log, -1.0), (log1p, -1.1), (logit, -0.1), (logit, 1.1)]
    + [(normal_quantile, -0.1), (normal_quantile, 1.1)]
    + [(function, math.nan) for function in (log, log1p, exp, expm1, logistic, normal_quantile)],
)
def test_outside_of_the_domain_is_not_a_number(function, argument):
    assert math.isnan(function(argument))


@given(exponent=st.floats(min_value=1e-3, max_value=1e3))
def test_zero_to_a_positive_power_is_zero(exponent):
    assert power(0.0, exponent) == 0.0


# Bits.


def same_bits(left: Iterable[float], right: Iterable[float]) -> bool:
    return np.array_equal(
        np.asarray(left, dtype=np.float64).view(np.int64),
        np.asarray(right, dtype=np.float64).view(np.int64),
    )


def log_by_reinterpretation(x):
    """Compute the logarithm of an array, its exponent taken from the bits of the numbers."""
    bits = x.view(np.int64)
    above = bits - np.float64(arithmetic.SQRT_HALF).view(np.int64)
    k = (above >> 52).astype(np.float64)
    f = (bits - (above & -(1 << 52))).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    remainder = np.full_like(x, arithmetic.L7)
    for number in (6, 5, 4, 3, 2, 1):
        remainder = getattr(arithmetic, f"L{number}") + z * remainder
    half_square = 0.5 * f * f
    tail = s * (half_square + z * remainder) + k * arithmetic.LN2_LOW
    return k * arithmetic.LN2_HIGH - ((half_square - tail) - f)


def exp_by_reinterpretation(x):
    """Compute the exponential of an array, its power of two made from the bits of k."""
    shift = arithmetic.ROUNDING_SHIFT
    k = (x * arithmetic.LOG2_E + shift) - shift
    high, low = x - k * arithmetic.LN2_HIGH, k * arithmetic.LN2_LOW
    r = high - low
    z = r * r
    series = np.full_like(x, arithmetic.P5)
    for number in (4, 3, 2, 1):
        series = getattr(arithmetic, f"P{number}") + z * series
    c = r - z * series
    power_of_two = ((k.astype(np.int64) + 1023) << 52).view(np.float64)
    return (1.0 + (high - (low - r * c / (2.0 - c)))) * power_of_two


def test_log_by_bit_reinterpretation_has_the_same_bits():
    """n = 50 000 and the numbers around which the exponent changes."""
    edges = [math.sqrt(0.5), math.sqrt(2.0), 1.0, 2.0, 2.0**-1022, 1.5 * 2.0**1023]
    neighbours = [math.nextafter(x, 1.5) for x in edges] + [math.nextafter(x, 3) for x in edges[:4]]
    points = positive_numbers(50_000) + edges + neighbours
    assert same_bits([log(x) for x in points], log_by_reinterpretation(np.array(points)))


def test_exp_by_bit_reinterpretation_has_the_same_bits():
    """n = 50 000 and the numbers around which the exponent changes."""
    halves = [(k + 0.5) * math.log(2.0) for k in range(-1000, 1000)]
    points = [*exponents(50_000), *halves, -708.0, 709.0, 0.0]
    assert same_bits([exp(x) for x in points], exp_by_reinterpretation(np.array(points)))


def grid(n: int) -> list[float]:
    """Return numbers in (0, 1) in golden-section steps, exact on every machine."""
    return [((i * 0x9E3779B97F4A7C15 % 2**64 >> 12) + 0.5) * 2.0**-52 for i in range(1, n + 1)]


@pytest.mark.parametrize(
    ("function", "digest"),
    [
        (log, "2fbffd84b93b1bcf"),
        (log1p, "336172ec33962297"),
        (logit, "25e7861b1d20bf78"),
        (normal_quantile, "19ad6f446b08353c"),
        (lambda u: exp(1400.0 * u - 700.0), "badb76629ac5d906"),
        (lambda u: expm1(20.0 * u - 10.0), "930fab89265a7630"),
        (lambda u: logistic(80.0 * u - 40.0), "b78105fa189a2f90"),
        (lambda u: power(u, 4.0 * u - 2.0), "5b1b368d480cc0cb"),
    ],
    ids=["log", "log1p", "logit", "normal_quantile", "exp", "expm1", "logistic", "power"],
)
def test_the_bits_are_those_of_every_other_machine(function, digest):
    """SHA-256 of 10 000 results, little-endian; changing it changes published results."""
    results = struct.pack("<10000d", *map(function, grid(10_000)))
    assert hashlib.sha256(results).hexdigest()[:16] == digest


PLATFORM_FUNCTIONS = {
    *("log", "log2", "log10", "log1p", "exp", "exp2", "expm1", "pow", "power", "cbrt"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "erfc", "gamma", "lgamma"),
}


def platform_calls(tree: ast.AST) -> list[str]:
    """List what leaves the last bit to the platform: libm, NumPy's functions, and ``**``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"math", "cmath", "numpy"}:
            found += [name.name for name in node.names if name.name in PLATFORM_FUNCTIONS]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            library = node.value.id in {"math", "cmath", "np", "numpy", "special"}
            found += [node.attr] if library and node.attr in PLATFORM_FUNCTIONS else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found += ["pow"] if node.func.id == "pow" else []
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            # A power of two numbers written out is made once, by the compiler, and exact
            # for the powers of two that occur.
            written_out = all(
                isinstance(part.operand if isinstance(part, ast.UnaryOp) else part, ast.Constant)
                for part in (node.left, node.right)
            )
            found += [] if written_out else ["**"]
    return found


def test_the_search_for_platform_functions_finds_them():
    source = (
        "import math\nfrom math import exp, sqrt\ny = math.log(x) + x**2 + pow(x, 2) + 2.0**-52"
    )
    assert sorted(platform_calls(ast.parse(source))) == ["**", "exp", "log", "pow"]


def test_clinic_leaves_no_result_to_the_c_library():
    files = sorted(Path(sim.clinic.__file__).parent.glob("*.py"))
    assert Path(arithmetic.__file__) in files
    found = {file.name: platform_calls(ast.parse(file.read_text("utf-8"))) for file in files}
    assert {name: calls for name, calls in found.items() if calls} == {}
