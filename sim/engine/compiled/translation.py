"""Translate the clinic's rules, from their own source, to object code, by way of numba.

`compiled` makes the numba function of a rule and of every rule that it calls; nothing is written
twice. Members of an enumeration become plain numbers: their own, or their places where they have
none.

``math.frexp`` and ``math.ldexp``, which take a number apart into its bits, are replaced by
operations on the bits that give the same result for every normal number.

Only this module and `inlining` import numba, which takes longer than a run of 10,000 patients.
"""

from __future__ import annotations

import dis
import types
from collections import namedtuple
from collections.abc import Callable, Sequence
from enum import Enum, IntEnum
from functools import cache
from math import frexp, ldexp
from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba import types as nbtypes
from numba.extending import intrinsic

from sim.engine.compiled.forms import CALLED, COMPILED_FORMS, unit_number
from sim.engine.compiled.machine_code import ObjectCode
from sim.engine.values import Data

EXPONENT_BITS: Final = np.int64(0x7FF)
EXPONENT_SHIFT: Final = np.int64(52)
EXPONENT_OF_HALF: Final = np.int64(1022)
BIAS: Final = np.int64(1023)
WITHOUT_EXPONENT: Final = np.int64(-0x7FF0000000000001)
HALF_BITS: Final = np.int64(0x3FE0000000000000)
ONE_BITS: Final = np.int64(0x3FF0000000000000)
BELOW_ONE: Final = 1.0 - 2.0**-53


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
WORD: Final = ir.IntType(64)
PARTS_OF_ARRAY: Final = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
INSTRUCTIONS: Final = ("llvm.", "sqrt")
"""Beginnings of the names of what becomes instructions, or memory filled and copied by the system."""
_ENTRY: Final = {"error_model": "numpy", "nogil": True, "_nrt": False}

BIT_OPERATIONS: Final[dict[Callable[..., Any], Callable[..., Data]]] = {
    frexp: _frexp,
    ldexp: _ldexp,
    unit_number: _unit_number,
}
"""Functions that have a separate compiled form, while numba is switched on."""


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


def plain_entry(function: Callable[..., Data]) -> Data:
    """Return the function that numba calls by itself, or the uncompiled one where it is switched off."""
    copy = _with_compiled_calls(function)
    return copy if _configuration.DISABLE_JIT else _compile(**_ENTRY)(copy)


def object_code(
    function: Callable[..., Data], arguments: Sequence[Data], words: int
) -> ObjectCode | None:
    """Return the machine code of a function that returns nothing, for arguments like these.

    Its entry point takes the address of the arguments, which are so many `words`
    (`sim.engine.compiled.machine_code`). None where this version of numba takes arguments apart in
    another way or compiles nothing, or the code needs more than itself; `plain_entry` serves then.
    """
    if _configuration.DISABLE_JIT:
        return None
    body = _compile(**_HELPER, forceinline=False)(_with_compiled_calls(function))
    try:
        put_together = _from_words([numba.typeof(each) for each in arguments], words)
    except (ImportError, AttributeError):
        return None
    if put_together is None:
        return None

    def enter(address: Data) -> None:
        body(*put_together(address))

    entry = _compile(**_ENTRY, no_cpython_wrapper=True, no_cfunc_wrapper=True)(enter)
    entry.compile((nbtypes.intp,))
    (made,) = entry.overloads.values()
    try:
        library, module = made.library, made.library._final_module
        outside = [
            each.name
            for each in (*module.functions, *module.global_variables)
            if each.is_declaration and not each.name.startswith(INSTRUCTIONS)
        ]
        if outside or library.has_dynamic_globals:
            return None
        return ObjectCode(made.fndesc.llvm_func_name, library._get_compiled_object())
    except AttributeError:
        return None


def _from_words(kinds: Sequence[Data], words: int) -> Data:
    """Return the function for compiled code that puts arguments together from words at an address.

    None where numba does not take arguments of these types apart into so many words.
    """
    from numba.core.datamodel import default_manager
    from numba.core.datamodel.packer import ArgPacker

    packer = ArgPacker(default_manager, kinds)
    parts = packer.argument_types
    of_array = default_manager.lookup(nbtypes.Array(nbtypes.float64, 1, "C"))._fields
    fitting = all(isinstance(part, ir.PointerType | ir.IntType | ir.DoubleType) for part in parts)
    if of_array != PARTS_OF_ARRAY or len(parts) != words or not fitting:
        return None
    result = nbtypes.Tuple(kinds)

    def put_together(typing_context: Data, address: Data) -> Data:  # noqa: ARG001 - numba's form
        def generate(context: Data, builder: Data, _: Data, given: Data) -> Data:
            start = builder.inttoptr(given[0], WORD.as_pointer())
            found = []
            for place, part in enumerate(parts):
                word = builder.load(builder.gep(start, [ir.Constant(WORD, place)]))
                found.append(_of_word(builder, word, part))
            values = packer.from_arguments(builder, found)
            return context.make_tuple(builder, result, values)

        return result(address), generate

    return intrinsic(put_together)


def _of_word(builder: Data, word: Data, part: Data) -> Data:
    if isinstance(part, ir.PointerType):
        return builder.inttoptr(word, part)
    if isinstance(part, ir.DoubleType):
        return builder.bitcast(word, part)
    return word if part == WORD else builder.trunc(word, part)


def _with_compiled_calls(function: Callable[..., Data]) -> Callable[..., Data]:
    copy = _copy(function)
    _use_compiled_calls(copy, function)
    return copy


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
