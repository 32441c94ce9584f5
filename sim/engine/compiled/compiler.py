"""Compile the clinic's rules, from their own source, for the core engine.

The rules are plain Python functions of numbers. `compiled` makes the numba function of a rule and
of every rule that it calls; nothing is written twice. Where Python and compiled code must differ,
`compiled_form_of` registers the function that compiled code calls in place of a Python function.
Members of an enumeration become plain numbers: their own, or their places where they have none.

``math.frexp`` and ``math.ldexp``, which take a number apart into its bits, are replaced by
operations on the bits that give the same result for every normal number.

Machine code is cached in a folder of the user whose name is a hash of all source files of the
package, of numba's version and of the processor: code of another version can never run. numba's own
cache loads any file in its place, and a wrong byte in machine code ends the process. Here each
function and signature has one file, whose checksum is verified before anything in it is unpickled
(`sim.files.cache_folder`).
"""

from __future__ import annotations

import dis
import hashlib
import inspect
import os
import pickle
import platform
import sys
import time
import types
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, IntEnum
from functools import cache, partial
from math import frexp, ldexp
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import numba
import numpy as np
from numba import types as nbtypes
from numba.extending import intrinsic

from sim.engine.values import Data
from sim.files.cache_folder import read_or_remove, remove, usable_folder, write

SUFFIX: Final = ".nbc"
DAMAGED: Final = "the cached machine code was damaged; compiling again"


class MachineCode:
    """The cache of one function, in the form that a numba dispatcher requires.

    `prepare` is called where the code has to be compiled, before that.
    """

    def __init__(
        self, function: Callable[..., Data], folder: Path, prepare: Callable[[], None]
    ) -> None:
        self.cache_path = str(folder)
        self._folder = folder
        self._prepare = prepare
        self._name = f"{function.__module__}.{function.__name__}"
        code = function.__code__
        source = hashlib.sha256(Path(inspect.getfile(function)).read_bytes()).digest()
        self._function = (code.co_qualname, code.co_firstlineno, code.co_code, source)

    def load_overload(self, signature: Data, target: Data) -> Data:
        """Return the compiled function for a signature; None where it has to be compiled."""
        target.refresh()
        loaded = self._loaded(self._key(signature, target.codegen()), target)
        if loaded is None:
            self._prepare()
        return loaded

    def _loaded(self, key: tuple[Data, ...], target: Data) -> Data:
        path = self._path(key)
        content = read_or_remove(path, DAMAGED)
        if content is None:
            return None
        try:
            from numba.core.compiler import CompileResult

            found, reduced = pickle.loads(content)
            return CompileResult._rebuild(target, *reduced) if found == key else None
        except Exception:  # noqa: BLE001 - code that cannot be loaded can be compiled
            remove(path, DAMAGED)
            return None

    def save_overload(self, signature: Data, result: Data) -> None:
        """Write the compiled function for a signature, where it can be cached; or do without."""
        if result.lifted or result.library.has_dynamic_globals:
            return
        # Another version of numba may have no such parts: it compiles each time.
        with suppress(OSError, ImportError, AttributeError):
            from numba.core.serialize import dumps

            key = self._key(signature, result.codegen)
            write(self._path(key), dumps((key, result._reduce())))

    def flush(self) -> None:
        """Remove everything of this function."""
        for path in self._folder.glob(f"{self._name}-*{SUFFIX}"):
            path.unlink(missing_ok=True)

    def _key(self, signature: Data, codegen: Data) -> tuple[Data, ...]:
        return signature, codegen.magic_tuple(), self._function

    def _path(self, key: tuple[Data, ...]) -> Path:
        hashed = hashlib.sha256(repr(key).encode()).hexdigest()[:HASH_LENGTH]
        return self._folder / f"{self._name}-{hashed}{SUFFIX}"


def use_cached_code(
    dispatcher: Data, folder: Path | None, prepare: Callable[[], None] = lambda: None
) -> None:
    """Let a compiled function read its machine code from a folder; without one, do without.

    `prepare` is called before the function is compiled: at once, where there is no cache.
    """
    function = dispatcher.py_func
    # The values in a closure are no part of the key, and there may be no source file.
    if folder is not None and function.__closure__ is None:
        with suppress(OSError, TypeError):
            dispatcher._cache = MachineCode(function, folder, prepare)
            return
    prepare()


PACKAGE: Final = Path(__file__).resolve().parents[2]
COMPILED_PARTS: Final = ("clinic", "engine", "economics", "simulation")
"""Folders of the package from which compiled code is made."""
HASH_LENGTH: Final = 20

EXPONENT_BITS: Final = np.int64(0x7FF)
EXPONENT_SHIFT: Final = np.int64(52)
EXPONENT_OF_HALF: Final = np.int64(1022)
BIAS: Final = np.int64(1023)
WITHOUT_EXPONENT: Final = np.int64(-0x7FF0000000000001)
HALF_BITS: Final = np.int64(0x3FE0000000000000)
ONE_BITS: Final = np.int64(0x3FF0000000000000)
BELOW_ONE: Final = 1.0 - 2.0**-53
HALF: Final = 0.5
SPACING: Final = 2.0**-52


def _bitcast(source: Data, target: Data) -> Data:
    def cast(typing_context: Data, value: Data) -> Data:  # noqa: ARG001 - numba's form
        def generate(context: Data, builder: Data, _: Data, arguments: Data) -> Data:
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


def unit_number(grid: Data) -> float:
    """Return ``(grid + 1/2) / 2**52`` of a whole number below ``2**52``.

    The form for compiled code vectorizes and gives the same bits.
    """
    return (np.float64(np.int64(grid)) + HALF) * SPACING


def _unit_number(grid: Data) -> float:
    # 1 + grid / 2**52 has just these bits, and the subtraction is exact.
    return _from_bits(np.int64(grid) | ONE_BITS) - BELOW_ONE


_compile: Data = numba.njit
_configuration: Data = numba.config
KNOWN_NUMBA: Final = "0.68."
"""The version whose passes `sim.engine.compiled.inlining` stands on."""


def inlining_pipeline(version: str) -> dict[str, Data]:
    """Return the options with which this version of numba compiles for callers alone.

    None where it is another version or its parts have moved: every function then gets machine code
    of its own, which takes longer to compile and gives the same results.
    """
    if not version.startswith(KNOWN_NUMBA):
        return {}
    try:
        from sim.engine.compiled.inlining import Inlined
    except (ImportError, AttributeError):
        return {}
    return {"pipeline_class": Inlined}


# Without reference counts: the functions own nothing, and counting would cost most of the time. Helpers
# are called by compiled code alone; a way in from Python would take half of the compilation.
_HELPER: Final = {
    "error_model": "numpy",
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    **inlining_pipeline(numba.__version__),
}
_ENTRY: Final = {"error_model": "numpy", "nogil": True, "_nrt": False}

Function = TypeVar("Function", bound=Callable[..., Any])
BIT_OPERATIONS: Final[dict[Callable[..., Any], Callable[..., Data]]] = {
    frexp: _frexp,
    ldexp: _ldexp,
    unit_number: _unit_number,
}
"""Functions that have a separate compiled form, while numba is switched on."""
COMPILED_FORMS: Final[dict[Callable[..., Any], Callable[..., Data]]] = {}
"""The compiled form of each Python function that has one; also where numba is switched off."""


CALLED: Final[set[Callable[..., Any]]] = set()
"""Functions that stay functions in compiled code: rare or large ones, which it calls."""


def called(function: Function) -> Function:
    """Let compiled code call a function instead of inlining it at each of its places.

    A rare call costs nothing, while many copies of a large function take long to compile and crowd
    what runs often out of the fastest memory.
    """
    CALLED.add(function)
    return function


def compiled_form_of(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Register the decorated function as the form of `function` in compiled code."""

    def register(form: Function) -> Function:
        COMPILED_FORMS[function] = form
        return form

    return register


@cache
def compiled(function: Callable[..., Data]) -> Data:
    """Return the compiled form of a function of this package and of all that it calls.

    It becomes part of its callers unless it is one of those that are `called`.
    """
    copy = _copy(function)
    _use_compiled_calls(copy, function)
    if _configuration.DISABLE_JIT:
        return copy
    helper = _compile(**_HELPER, forceinline=function not in CALLED)(copy)
    pipeline = _HELPER.get("pipeline_class")
    return helper if pipeline is None else pipeline.without_literals(helper)


def kernel(function: Callable[..., Data]) -> Data:
    """Return the compiled form of an entry point; its machine code is cached."""
    copy = _copy(function)
    if _configuration.DISABLE_JIT:
        _use_compiled_calls(copy, function)
        return copy
    entry = _compile(**_ENTRY)(copy)
    # Machine code from the cache holds its callees; to make numba's form of each takes a while.
    use_cached_code(entry, use_cache_folder(), partial(_use_compiled_calls, copy, function))
    return entry


def _use_compiled_calls(copy: Callable[..., Data], function: Callable[..., Data]) -> None:
    """Put the compiled form of each function that `function` calls into its copy."""
    names = copy.__globals__
    for name in _globals_read(function.__code__):
        value = names.get(name)
        if isinstance(value, type) and issubclass(value, Enum):
            names[name] = _plain_numbers(value)
            continue
        form = _form_of(value, function)
        if isinstance(form, types.FunctionType) and form.__module__.startswith("sim."):
            names[name] = compiled(form)


def _copy(function: Callable[..., Data]) -> Callable[..., Data]:
    """Return a function with globals of its own."""
    code = function.__code__
    # numba cannot bind keyword-only arguments; in the copy they are ordinary ones.
    code = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
    copy = types.FunctionType(
        code,
        dict(function.__globals__),
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__module__ = function.__module__
    return copy


def _form_of(value: Any, within: Callable[..., Data]) -> Any:  # noqa: ANN401 - any global
    """Return the compiled form of a global value.

    The compiled form of a function may call the function itself.
    """
    if not isinstance(value, types.FunctionType | types.BuiltinFunctionType):
        return value
    if value in BIT_OPERATIONS and not _configuration.DISABLE_JIT:
        return BIT_OPERATIONS[value]
    form = COMPILED_FORMS.get(value, value)
    return value if form is within else form


@cache
def _plain_numbers(enumeration: type[Enum]) -> tuple[int, ...]:
    """Return the members by name as plain numbers, which numba folds into constants."""
    members = namedtuple(enumeration.__name__, enumeration.__members__)  # type: ignore[misc]
    if issubclass(enumeration, IntEnum):
        return members(*map(int, enumeration.__members__.values()))
    return members(*map(list(enumeration).index, enumeration.__members__.values()))


def _globals_read(code: types.CodeType) -> set[str]:
    """Return the global names that code reads; attributes may have the same names."""
    return {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}


@cache
def use_cache_folder() -> Path | None:
    """Return the folder of this source's machine code; None when there can be none."""
    return usable_folder(source_hash())


@cache
def source_hash() -> str:
    """Hash every source file that compiled code may come from, with the versions that make machine code."""
    digest = hashlib.sha256()
    for path in sorted(path for part in COMPILED_PARTS for path in (PACKAGE / part).rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    for part in (numba.__version__, np.__version__, sys.version, platform.processor()):
        digest.update(part.encode())
    return digest.hexdigest()[:HASH_LENGTH]


@contextmanager
def first_compilation(stream: TextIO) -> Iterator[None]:
    """Report on `stream` that code is being compiled, when none of this source is cached."""
    folder = use_cache_folder()
    if _configuration.DISABLE_JIT or (folder is not None and any(folder.glob(f"*{SUFFIX}"))):
        yield
        return
    started = time.monotonic()
    lasting = folder is not None and os.access(folder, os.W_OK)
    often = "once for this version" if lasting else "for this run alone: there is no cache"
    print(f"compiling the core engine, {often} …", file=stream, flush=True)
    yield
    print(f"compiled in {time.monotonic() - started:.0f} s", file=stream, flush=True)
