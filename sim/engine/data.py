"""The type of values that only compiled code reads."""

from typing import Any, TypeAlias

Data: TypeAlias = Any
"""Arrays, records, 32-bit words and compiled functions: numba infers their types, mypy cannot."""
