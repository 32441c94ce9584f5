"""Compile an entry point of the core engine once, and keep its machine code.

Machine code is cached in a folder of the user whose name is a hash of all source files from which
it comes, of the programs that make it and of the processor: code of another version can never run.
A wrong byte in machine code ends the process, so each function and form of arguments has one file,
whose checksum is verified before anything in it is used (`sim.files.cache_folder`).

Code from the cache runs without numba (`sim.engine.compiled.machine_code`), whose import takes
longer than a small run; it is imported where code has to be compiled.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Final, TextIO

from sim.engine.compiled.machine_code import (
    Call,
    Form,
    Words,
    host,
    joined,
    loaded,
    parted,
    taken_apart,
)
from sim.engine.values import Data
from sim.files.cache_folder import read_or_remove, remove, usable_folder, write

SUFFIX: Final = ".nbc"
DAMAGED: Final = "the cached machine code was damaged; compiling again"
PACKAGE: Final = Path(__file__).resolve().parents[2]
COMPILED_PARTS: Final = ("clinic", "engine", "economics", "simulation")
"""Folders of the package from which compiled code is made."""
COMPILERS: Final = ("numba", "llvmlite", "numpy")
SETTINGS: Final = "NUMBA_"
"""Environment variables of this beginning are settings of numba."""
HASH_LENGTH: Final = 20


class Kernel:
    """An entry point of compiled code, called with arrays, records, numbers and tuples of them.

    It returns nothing. For each form of its arguments there is one piece of machine code
    (`sim.engine.compiled.machine_code.Form`).

    Attributes
    ----------
    compilations
        How often its code was not in the cache.
    """

    def __init__(self, function: Callable[..., Data]) -> None:
        self.compilations = 0
        self._function = function
        self._ready: dict[Form, Call] = {}
        self._lock = Lock()

    def __call__(self, *arguments: Data) -> None:
        """Run the code."""
        form, words = taken_apart(arguments)
        call = self._ready.get(form)
        if call is None:
            with self._lock:
                call = self._ready.get(form) or self._made_ready(form, words, arguments)
                self._ready[form] = call
        call(words, arguments)

    def _made_ready(self, form: Form, words: Words, arguments: Sequence[Data]) -> Call:
        path = cache_path(self._function, form)
        call = from_cache(path)
        if call is not None:
            return call
        from sim.engine.compiled.translation import object_code, plain_entry

        self.compilations += 1
        made = object_code(self._function, arguments, len(words))
        if made is None:
            plain = plain_entry(self._function)
            return lambda _, given: plain(*given)
        if path is not None:
            with suppress(OSError):
                write(path, joined(made))
        return loaded(made)


def kernel(function: Callable[..., Data]) -> Callable[..., None]:
    """Return the compiled form of an entry point; its machine code is cached."""
    if not switched_off():
        return Kernel(function)
    from sim.engine.compiled.translation import plain_entry

    plain: Callable[..., None] = plain_entry(function)
    return plain


def switched_off() -> bool:
    """Return whether the user has told numba to compile nothing."""
    return os.environ.get("NUMBA_DISABLE_JIT", "") not in ("", "0")


def cache_path(function: Callable[..., Data], form: Form) -> Path | None:
    """Return the file of the machine code of a function for a form of its arguments.

    None where there can be no cache.
    """
    folder = use_cache_folder()
    # The values in a closure are no part of the key, and there may be no source file.
    if folder is None or function.__closure__ is not None:
        return None
    code = function.__code__
    try:
        source = hashlib.sha256(Path(inspect.getfile(function)).read_bytes()).digest()
    except (OSError, TypeError):
        return None
    key = repr((code.co_qualname, code.co_firstlineno, code.co_code, source, form))
    hashed = hashlib.sha256(key.encode()).hexdigest()[:HASH_LENGTH]
    return folder / f"{function.__module__}.{function.__name__}-{hashed}{SUFFIX}"


def from_cache(path: Path | None) -> Call | None:
    """Return the function that calls the machine code in a file; None where there is none."""
    content = None if path is None else read_or_remove(path, DAMAGED)
    if path is None or content is None:
        return None
    try:
        return loaded(parted(bytes(content)))
    except (RuntimeError, ValueError):  # code that cannot be loaded can be compiled
        remove(path, DAMAGED)
        return None


@cache
def use_cache_folder() -> Path | None:
    """Return the folder of this source's machine code; None when there can be none."""
    return usable_folder(source_hash())


@cache
def source_hash() -> str:
    """Hash every source file that compiled code may come from, with what makes and runs machine code."""
    digest = hashlib.sha256()
    for path in sorted(path for part in COMPILED_PARTS for path in (PACKAGE / part).rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    settings = sorted(each for each in os.environ.items() if each[0].startswith(SETTINGS))
    for part in (*map(version, COMPILERS), sys.version, *host(), repr(settings)):
        digest.update(part.encode())
    return digest.hexdigest()[:HASH_LENGTH]


@contextmanager
def first_compilation(stream: TextIO) -> Iterator[None]:
    """Report on `stream` that code is being compiled, when none of this source is cached."""
    folder = use_cache_folder()
    if switched_off() or (folder is not None and any(folder.glob(f"*{SUFFIX}"))):
        yield
        return
    started = time.monotonic()
    lasting = folder is not None and os.access(folder, os.W_OK)
    often = "once for this version" if lasting else "for this run alone: there is no cache"
    print(f"compiling the core engine, {often} …", file=stream, flush=True)
    yield
    print(f"compiled in {time.monotonic() - started:.0f} s", file=stream, flush=True)
