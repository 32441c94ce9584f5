"""Elementary functions whose bits are the same on every machine.

The results of the C library's ``log``, ``exp`` and ``pow`` differ in the last bit between
platforms, and one bit is enough to reverse the order of two events. The functions below use only
operations that IEEE 754 rounds exactly (``+ - * /``, square root, comparison) and exact scaling by
powers of two, so any implementation with the same order of operations returns the same 64 bits. Two
remarks for such an implementation:

- ``frexp`` and ``ldexp`` may be replaced by arithmetic on the bits of the number; the two
  agree for normal numbers (magnitude 2.2e-308 to 1.8e308), and no others occur here.
- Multiplications and additions must not be fused, and sums not be reordered.

Measured error: `log` and `exp` below 1 unit in the last place, `log1p` and `expm1` below 2,
`normal_quantile` below 1e-15 relative.

Sources
-------
Logarithm and exponential: Sun Microsystems, fdlibm 5.3 (1993), ``e_log.c``, ``e_exp.c``.
``log1p``: Hewlett-Packard, HP-15C Advanced Functions Handbook (1982), appendix.
Normal quantile: Wichura MJ, Algorithm AS 241, Applied Statistics 1988;37(3):477-484,
doi:10.2307/2347330, routine PPND16.
"""

from math import frexp, ldexp, sqrt
from typing import Final

INFINITY: Final = float("inf")
NOT_A_NUMBER: Final = float("nan")

LN2: Final = 0.6931471805599453
LOG2_E: Final = 1.4426950408889634
SQRT_HALF: Final = 0.7071067811865476

# ln 2 in two parts; the first has 21 trailing zero bits, so that its product with any
# binary exponent is exact.
LN2_HIGH: Final = 6.93147180369123816490e-01
LN2_LOW: Final = 1.90821492927058770002e-10

# Adding and subtracting 1.5 * 2**52 rounds a number below 2**51 to the nearest integer,
# ties to even.
ROUNDING_SHIFT: Final = 6755399441055744.0

# Between these limits exp(x) is a finite normal number.
EXP_LOWEST: Final = -708.0
EXP_HIGHEST: Final = 709.0

# log((1 + s) / (1 - s)) = 2 s + s z (L1 + L2 z + ...), z = s**2; fdlibm e_log.c.
L1: Final = 6.666666666666735130e-01
L2: Final = 3.999999999940941908e-01
L3: Final = 2.857142874366239149e-01
L4: Final = 2.222219843214978396e-01
L5: Final = 1.818357216161805012e-01
L6: Final = 1.531383769920937332e-01
L7: Final = 1.479819860511658591e-01

# r (exp(r) + 1) / (exp(r) - 1) = 2 + P1 z + P2 z**2 + ..., z = r**2; fdlibm e_exp.c.
P1: Final = 1.66666666666666019037e-01
P2: Final = -2.77777777770155933842e-03
P3: Final = 6.61375632143793436117e-05
P4: Final = -1.65339022054652515390e-06
P5: Final = 4.13813679705723846039e-08

# AS 241, PPND16: the numerator's and the denominator's coefficients of rising power, for
# the centre (|p - 1/2| <= 0.425), the shoulder and the far tail (p < exp(-25)).
CENTRE_HALF_WIDTH: Final = 0.425
CENTRE_OFFSET: Final = 0.180625
SHOULDER_OFFSET: Final = 1.6
TAIL_OFFSET: Final = 5.0
Coefficients = tuple[float, float, float, float, float, float, float, float]
CENTRE_NUMERATOR: Final[Coefficients] = (
    3.3871328727963666080e0,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
)
CENTRE_DENOMINATOR: Final[Coefficients] = (
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
)
SHOULDER_NUMERATOR: Final[Coefficients] = (
    1.42343711074968357734e0,
    4.63033784615654529590e0,
    5.76949722146069140550e0,
    3.64784832476320460504e0,
    1.27045825245236838258e0,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
)
SHOULDER_DENOMINATOR: Final[Coefficients] = (
    1.0,
    2.05319162663775882187e0,
    1.67638483018380384940e0,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)
TAIL_NUMERATOR: Final[Coefficients] = (
    6.65790464350110377720e0,
    5.46378491116411436990e0,
    1.78482653991729133580e0,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
)
TAIL_DENOMINATOR: Final[Coefficients] = (
    1.0,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
)


def log(x: float) -> float:
    """Return the natural logarithm.

    ``x = 2**k (1 + f)`` with ``1 + f`` in [sqrt(1/2), sqrt(2)), ``s = f / (2 + f)`` and
    ``log(x) = k ln 2 + f - f**2 / 2 + s (f**2 / 2 + R(s**2))``.

    The domain is x > 0; ``log(0)`` is minus infinity, ``log(inf)`` is infinity, and a
    negative number gives nan. Nothing is raised.
    """
    if not 0.0 < x < INFINITY:
        if x == 0.0:
            return -INFINITY
        return x if x > 0.0 else NOT_A_NUMBER
    mantissa, k = frexp(x)
    if mantissa < SQRT_HALF:
        mantissa += mantissa
        k -= 1
    f = mantissa - 1.0
    s = f / (2.0 + f)
    z = s * s
    remainder = z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * (L6 + z * L7))))))
    half_square = 0.5 * f * f
    return k * LN2_HIGH - ((half_square - (s * (half_square + remainder) + k * LN2_LOW)) - f)


def log1p(x: float) -> float:
    """Return ``log(1 + x)``, accurate also where x is close to 0.

    ``log(y) + (x - (y - 1)) / y`` with ``y`` the rounded ``1 + x``: the second term restores the
    rounding error. The domain is x > -1; ``log1p(-1)`` is minus infinity.
    """
    y = 1.0 + x
    if not 0.0 < y < INFINITY:
        return log(y)
    return log(y) + (x - (y - 1.0)) / y


def _expm1_reduced(high: float, low: float) -> float:
    """Return ``exp(r) - 1`` for ``r = high - low``, ``|r| <= ln(2) / 2``.

    ``r + r c / (2 - c)`` with ``c = r - r**2 (P1 + P2 r**2 + ...)``.
    """
    r = high - low
    z = r * r
    c = r - z * (P1 + z * (P2 + z * (P3 + z * (P4 + z * P5))))
    return high - (low - r * c / (2.0 - c))


def exp(x: float) -> float:
    """Return the exponential.

    ``exp(x) = 2**k exp(x - k ln 2)`` with k the integer nearest to ``x / ln 2``. Below -708
    the result is 0 and above 709 infinity, so that it never is a subnormal number.
    """
    if not EXP_LOWEST <= x <= EXP_HIGHEST:
        if x < EXP_LOWEST:
            return 0.0
        return INFINITY if x > EXP_HIGHEST else NOT_A_NUMBER
    k = (x * LOG2_E + ROUNDING_SHIFT) - ROUNDING_SHIFT
    power_of_two = ldexp(1.0, int(k))
    return (1.0 + _expm1_reduced(x - k * LN2_HIGH, k * LN2_LOW)) * power_of_two


def expm1(x: float) -> float:
    """Return ``exp(x) - 1``, accurate also where x is close to 0.

    ``2**k (exp(r) - 1) + (2**k - 1)`` with k and ``r = x - k ln 2`` as in `exp`, whose limits
    apply: -1 below -708, infinity above 709.
    """
    if not EXP_LOWEST <= x <= EXP_HIGHEST:
        return exp(x) - 1.0
    k = (x * LOG2_E + ROUNDING_SHIFT) - ROUNDING_SHIFT
    power_of_two = ldexp(1.0, int(k))
    reduced = _expm1_reduced(x - k * LN2_HIGH, k * LN2_LOW)
    return reduced * power_of_two + (power_of_two - 1.0)


def power(base: float, exponent: float) -> float:
    """Return ``base ** exponent = exp(exponent log(base))``.

    The domain is base > 0; a base of 0 gives 0 for a positive exponent. The relative error
    grows with the logarithm of the result, to about 1e-16 times that logarithm.
    """
    return exp(exponent * log(base))


def logistic(x: float) -> float:
    """Return the probability with log odds x: ``1 / (1 + exp(-x))``."""
    return 1.0 / (1.0 + exp(-x))


def logit(p: float) -> float:
    """Return the log odds of a probability: ``log(p / (1 - p))``.

    The domain is [0, 1]; its ends give minus and plus infinity.
    """
    if p == 1.0:
        return INFINITY
    return log(p / (1.0 - p))


def _rational(x: float, numerator: Coefficients, denominator: Coefficients) -> float:
    """Return the ratio of two polynomials of degree 7, by Horner's rule."""
    a0, a1, a2, a3, a4, a5, a6, a7 = numerator
    b0, b1, b2, b3, b4, b5, b6, b7 = denominator
    above = ((((((a7 * x + a6) * x + a5) * x + a4) * x + a3) * x + a2) * x + a1) * x + a0
    below = ((((((b7 * x + b6) * x + b5) * x + b4) * x + b3) * x + b2) * x + b1) * x + b0
    return above / below


def normal_quantile(p: float) -> float:
    """Return the z with ``Phi(z) = p``, the quantile of the standard normal distribution.

    With ``q = p - 1/2``, a rational function of ``q**2`` in the centre and of
    ``sqrt(-log(min(p, 1 - p)))`` beyond it (AS 241). The domain is [0, 1]; its ends give
    minus and plus infinity.
    """
    q = p - 0.5
    if -CENTRE_HALF_WIDTH <= q <= CENTRE_HALF_WIDTH:
        return q * _rational(CENTRE_OFFSET - q * q, CENTRE_NUMERATOR, CENTRE_DENOMINATOR)
    tail = p if q < 0.0 else 1.0 - p
    if not 0.0 < tail:
        return INFINITY * q if tail == 0.0 else NOT_A_NUMBER
    r = sqrt(-log(tail))
    if r <= TAIL_OFFSET:
        z = _rational(r - SHOULDER_OFFSET, SHOULDER_NUMERATOR, SHOULDER_DENOMINATOR)
    else:
        z = _rational(r - TAIL_OFFSET, TAIL_NUMERATOR, TAIL_DENOMINATOR)
    return -z if q < 0.0 else z
