"""Bytes with their checksum before them, so that a damaged or foreign file is recognised.

``line + SHA-256(length of the name, name, content) + content``. The name is hashed too: content
that has come under another name is as wrong as content with another byte.
"""

from __future__ import annotations

import hashlib
from typing import Final

FIRST_LINE: Final = b"blinsim, SHA-256, version 1\n"
DIGEST_BYTES: Final = 32
LENGTH_BYTES: Final = 8


class Damaged(ValueError):
    """The bytes are not those that were written under this name."""


def with_checksum(name: str, content: bytes) -> bytes:
    """Return `content` behind a first line and its checksum under `name`."""
    return b"".join((FIRST_LINE, _digest(name, content), content))


def verified(name: str, written: bytes) -> memoryview:
    """Return the content of bytes from `with_checksum` for `name`.

    Raises
    ------
    Damaged
        When `written` is anything else.
    """
    start = len(FIRST_LINE) + DIGEST_BYTES
    if not written.startswith(FIRST_LINE):
        raise Damaged(name)
    content = memoryview(written)[start:]
    if _digest(name, content) != written[len(FIRST_LINE) : start]:
        raise Damaged(name)
    return content


def _digest(name: str, content: bytes | memoryview) -> bytes:
    spelled = name.encode()
    digest = hashlib.sha256(len(spelled).to_bytes(LENGTH_BYTES, "big") + spelled)
    digest.update(content)
    return digest.digest()
