"""Compile the clinic's rules, from their own source, for the core engine.

The rules are plain Python functions of numbers. `compiled` makes the numba function of a rule
and of every rule that it calls; nothing is written twice. Only `frexp` and `ldexp`, which take
a number apart into its bits, are replaced by operations on the bits that give the same result
for every normal number.

Machine code is cached in a folder of the user whose name is a hash of all source files of the
package, of numba's version and of the processor: code of another version can never run.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
from numba import njit
from numba.core import types as nbtypes
from numba.extending import intrinsic

PACKAGE: Final = Path(__file__).resolve().parents[1]
CACHE_NAME: Final = "blinsim"
HASH_LENGTH: Final = 20
JIT: Final = not numba.config.DISABLE_JIT

EXPONENT_BITS: Final = np.int64(0x7FF)
EXPONENT_SHIFT: Final = np.int64(52)
EXPONENT_OF_HALF: Final = np.int64(1022)
BIAS: Final = np.int64(1023)
WITHOUT_EXPONENT: Final = np.int64(-0x7FF0000000000001)
HALF_BITS: Final = np.int64(0x3FE0000000000000)


def _bitcast(source: Any, target: Any) -> Any:  # noqa: ANN401 - numba's types are untyped
    def cast(typing_context: Any, value: Any) -> Any:  # noqa: ANN401, ARG001
        def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:  # noqa: ANN401
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return intrinsic(cast)


_bits = _bitcast(nbtypes.float64, nbtypes.int64)
_from_bits = _bitcast(nbtypes.int64, nbtypes.float64)


def _frexp(x: float) -> tuple[float, int]:
    bits = _bits(x)
    exponent = ((bits >> EXPONENT_SHIFT) & EXPONENT_BITS) - EXPONENT_OF_HALF
    return _from_bits((bits & WITHOUT_EXPONENT) | HALF_BITS), exponent


def _ldexp(x: float, exponent: int) -> float:
    return x * _from_bits((np.int64(exponent) + BIAS) << EXPONENT_SHIFT)


REPLACED: Final[dict[str, Callable[..., Any]]] = {"frexp": _frexp, "ldexp": _ldexp}


@cache
def compiled(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - a numba dispatcher
    """Return the compiled form of a function of this package and of all that it calls."""
    if not JIT:
        return function
    return njit(error_model="numpy", forceinline=True, _nrt=False)(_with_compiled_calls(function))


def kernel(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - a numba dispatcher
    """Return the compiled form of an entry point; its machine code is kept for the next run."""
    if not JIT:
        return function
    use_cache_folder()
    return njit(error_model="numpy", nogil=True, cache=True, _nrt=False)(
        _with_compiled_calls(function)
    )


def _with_compiled_calls(function: Callable[..., Any]) -> Callable[..., Any]:
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        value = names.get(name)
        if name in REPLACED:
            names[name] = compiled(REPLACED[name])
        elif isinstance(value, types.FunctionType) and value.__module__.startswith("sim."):
            names[name] = compiled(value)
    code = function.__code__
    # numba cannot bind keyword-only arguments; in the copy they are ordinary ones.
    code = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
    copy = types.FunctionType(
        code, names, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__module__ = function.__module__
    return copy


@cache
def use_cache_folder() -> Path | None:
    """Point numba at the cache folder of this source; None when no folder can be written."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / CACHE_NAME / source_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return None
    numba.config.CACHE_DIR = str(folder)
    return folder


@cache
def source_hash() -> str:
    """Hash every source file of the package with the versions that make machine code."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    for part in (numba.__version__, np.__version__, sys.version, platform.processor()):
        digest.update(part.encode())
    return digest.hexdigest()[:HASH_LENGTH]
