"""Machine code in the user's cache folder, checked before it is loaded.

numba's own cache loads any file in its place, and a wrong byte in machine code ends the process.
Here each function and signature has one file, whose checksum is verified before anything in it is
unpickled (`sim.files.cache_folder`). A file belongs to its key: the signature, the processor, the
function and its source file. Anything that the key leaves out must be in the name of the folder
(`sim.engine.compiled.compiler.use_cache_folder`).
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from sim.engine.data import Data
from sim.files.cache_folder import read_or_remove, remove, write

SUFFIX: Final = ".nbc"
DAMAGED: Final = "the cached machine code was damaged; compiling again"
HASH_LENGTH: Final = 20


class MachineCode:
    """The cache of one function, in the form that a numba dispatcher requires."""

    def __init__(self, function: Callable[..., Data], folder: Path) -> None:
        self.cache_path = str(folder)
        self._folder = folder
        self._name = f"{function.__module__}.{function.__name__}"
        code = function.__code__
        source = hashlib.sha256(Path(inspect.getfile(function)).read_bytes()).digest()
        self._function = (code.co_qualname, code.co_firstlineno, code.co_code, source)

    def load_overload(self, signature: Data, target: Data) -> Data:
        """Return the compiled function for a signature; None where it has to be compiled."""
        target.refresh()
        key = self._key(signature, target.codegen())
        path = self._path(key)
        content = read_or_remove(path, DAMAGED)
        if content is None:
            return None
        try:
            found, reduced = pickle.loads(content)
            return CompileResult._rebuild(target, *reduced) if found == key else None
        except Exception:  # noqa: BLE001 - code that cannot be loaded can be compiled
            remove(path, DAMAGED)
            return None

    def save_overload(self, signature: Data, result: Data) -> None:
        """Write the compiled function for a signature, where it can be cached; or do without."""
        if result.lifted or result.library.has_dynamic_globals:
            return
        key = self._key(signature, result.codegen)
        with suppress(OSError):
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


def use_cached_code(dispatcher: Data, folder: Path | None) -> None:
    """Let a compiled function read its machine code from a folder; without one, do without."""
    function = dispatcher.py_func
    # The values in a closure are no part of the key, and there may be no source file.
    if folder is not None and function.__closure__ is None:
        with suppress(OSError, TypeError):
            dispatcher._cache = MachineCode(function, folder)
