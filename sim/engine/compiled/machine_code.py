"""Machine code that runs without the compiler that made it.

An entry point takes one address, that of its arguments as words of eight bytes, in the order in
which numba takes a function's arguments apart: an array is two unused words, its size, the size of
an element, its address, its shape and its strides; a record is its address; a number is its bits; a
tuple is its elements. The `Form` of the arguments is what the words do not say; machine code is for one form.

To load the code takes LLVM alone, and a tenth of the time of an import of numba.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence
from operator import attrgetter
from struct import Struct
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from sim.engine.values import Data

Form: TypeAlias = tuple[Any, ...]
Words: TypeAlias = "array[int]"
Call: TypeAlias = Callable[[Words, Sequence[Data]], None]
"""Runs machine code on the words of its arguments, which must stay in memory meanwhile."""
WHOLE_NUMBERS: Final = (int, bool, np.int64, np.bool_)
FRACTION: Final = Struct("d")
BITS: Final = Struct("q")
LENGTHS: Final = Struct(">II")
"""Of the name and of the code, before both of them in a file."""
UNUSED: Final = (0, 0)
"""Of an array, the words for who owns its memory."""
BY_ROWS: Final = 0x1
BY_COLUMNS: Final = 0x2
ALIGNED_OR_WRITEABLE: Final = 0x100 | 0x400
IN_ROWS: Final = BY_ROWS | ALIGNED_OR_WRITEABLE
NOT_IN_ROWS: Final = BY_COLUMNS | ALIGNED_OR_WRITEABLE
"""Flags of an array that machine code depends on; one that is by rows may be by columns too."""
_PARTS: Final = attrgetter("dtype", "ndim", "flags.num", "size", "itemsize", "shape", "strides")


class ObjectCode(NamedTuple):
    """Machine code to be linked, and the name of its entry point there."""

    name: str
    code: bytes


def joined(made: ObjectCode) -> bytes:
    """Return object code as the content of a file."""
    name = made.name.encode()
    return LENGTHS.pack(len(name), len(made.code)) + name + made.code


def parted(content: bytes) -> ObjectCode:
    """Return the object code that `joined` wrote.

    Raises
    ------
    ValueError
        When it wrote something else: LLVM ends the process where it is given less than an object.
    """
    name, code = LENGTHS.unpack_from(content.ljust(LENGTHS.size))
    start = LENGTHS.size + name
    if len(content) != start + code:
        message = "this is no object code"
        raise ValueError(message)
    return ObjectCode(content[LENGTHS.size : start].decode(), content[start:])


def taken_apart(arguments: Sequence[Data]) -> tuple[Form, Words]:
    """Return the form of arguments, and their words.

    Raises
    ------
    TypeError
        When there is anything but arrays, records in arrays, numbers and tuples of these.
    """
    form: list[Any] = []
    words: list[int] = []
    for each in arguments:
        _take_apart(each, form, words)
    return tuple(form), array("q", words)


def _take_apart(value: Data, form: list[Any], words: list[int]) -> None:
    if isinstance(value, np.ndarray):
        dtype, dimensions, flags, size, itemsize, shape, strides = _PARTS(value)
        form += (dtype, dimensions, flags & (IN_ROWS if flags & BY_ROWS else NOT_IN_ROWS))
        words += (*UNUSED, size, itemsize, address_of(value))
        words += shape
        words += strides
    elif isinstance(value, tuple):
        form += (type(value), len(value))
        for each in value:
            _take_apart(each, form, words)
    elif isinstance(value, np.void) and not value.flags.owndata:
        form.append(value.dtype)
        words.append(address_of(np.asarray(value)))
    elif type(value) in WHOLE_NUMBERS:
        form.append(type(value))
        words.append(int(value))
    elif isinstance(value, np.uint64):
        form.append(np.uint64)
        words.append(int(value.view(np.int64)))
    elif isinstance(value, float):
        form.append(float)
        words += BITS.unpack(FRACTION.pack(value))
    else:
        message = f"compiled code takes no {type(value).__name__}"
        raise TypeError(message)


def address_of(values: Data) -> int:
    """Return the address of an array's data, ten times as fast as ``values.ctypes.data``.

    It is the first thing in an array behind what every object has.
    """
    found: int = ctypes.c_size_t.from_address(id(values) + object.__basicsize__).value
    return found


def host() -> tuple[str, str, str]:
    """Return the system, the processor and its features as LLVM names them."""
    import llvmlite.binding as llvm

    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:
        features = ""
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), features


def loaded(made: ObjectCode) -> Call:
    """Return the function that calls the object code with the words of its arguments.

    Other threads run meanwhile. Each has an engine of its own: object code from several processes
    may use one name for different functions.

    Raises
    ------
    RuntimeError
        When LLVM cannot read it, or it has no such entry point.
    """
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(made.code))
    engine.finalize_object()
    address = engine.get_function_address(made.name)
    if not address:
        message = f"the machine code has no {made.name}"
        raise RuntimeError(message)
    enter = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
        address
    )

    def call(words: Words, _: Sequence[Data], engine: Data = engine) -> None:  # noqa: ARG001
        # The engine owns the code. Numba's functions take two addresses first: for what they return,
        # which is nothing here, and for an exception.
        unread = array("q", (0, 0))
        start = unread.buffer_info()[0]
        status = enter(start, start + unread.itemsize, words.buffer_info()[0])
        if status:
            message = f"compiled code ended with status {status}"
            raise RuntimeError(message)

    return call
