"""Files and folders that are written whole or not at all.

Each is written into a hidden folder on the same disk and moved into place when it is complete. A
program that fails or is interrupted leaves what was there before, and nothing else.

Only what costs hours is flushed to the disk (`lasting`): the chunks of an analysis, and the results
that take their place. Everything else is quick to make again, or is checked when it is read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO, Final
from weakref import finalize

DRAFT: Final = ".blinsim-draft-"
"""Start of the name of a hidden folder of what is not complete yet."""
FOR_THE_USER_ALONE: Final = 0o700
BLOCK: Final = 2**20
Content = str | bytes | Iterable[bytes]
"""Text, bytes, or blocks of bytes, which can be read more than once."""


class Blocks:
    """The content of an open file block by block, from its beginning whenever it is read.

    The file is closed when the blocks are no longer used.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        finalize(self, stream.close)

    def __iter__(self) -> Iterator[bytes]:
        """Return the blocks."""
        self._stream.seek(0)
        return blocks_in(self._stream)


def blocks_in(stream: IO[bytes]) -> Iterator[bytes]:
    """Return what is left of an open file, in blocks."""
    return iter(partial(stream.read, BLOCK), b"")


def blocks_of(content: Content) -> Iterable[bytes]:
    """Return text in UTF-8, and bytes as they are, in blocks."""
    if isinstance(content, str):
        return (content.encode(),)
    return (content,) if isinstance(content, bytes) else content


def encoded(content: Content) -> bytes:
    """Return text in UTF-8, and bytes as they are."""
    return b"".join(blocks_of(content))


@contextmanager
def drafts_in(folder: Path) -> Iterator[Path]:
    """Make a hidden folder in `folder`, for the user alone, that is removed in the end."""
    with TemporaryDirectory(prefix=DRAFT, dir=folder, ignore_cleanup_errors=True) as drafts:
        yield Path(drafts)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that comes into place when the block ends, unless it fails.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    with drafts_in(path.parent) as drafts:
        draft = drafts / path.name
        stream = draft.open("xb")
        try:
            yield stream
            stream.close()
        except BaseException:
            # The first failure is the one to report; on a full disk closing fails too.
            with suppress(OSError):
                stream.close()
            raise
        draft.replace(path)


def write_file(
    path: Path, content: Content, *, lasting: bool = False, private: bool = False
) -> None:
    """Write a file; see `write_files`."""
    write_files(path.parent, {path.name: content}, lasting=lasting, private=private)


def write_files(
    folder: Path,
    contents: Mapping[str, Content],
    *,
    lasting: bool = False,
    private: bool = False,
    place: Path | None = None,
) -> None:
    """Write files into a folder: none comes into place before all are complete, then in their order.

    Parameters
    ----------
    folder
        Must be there.
    contents
        By file name; text is written in UTF-8.
    lasting
        They are on the disk for good when this returns.
    private
        The user alone may read them.
    place
        Where the drafts are, on the same disk; `folder` by default.

    Raises
    ------
    OSError
        When they cannot be written.
    """
    with drafts_in(place or folder) as drafts:
        for name, content in contents.items():
            with (drafts / name).open("xb") as stream:
                if private:
                    (drafts / name).chmod(0o600)
                stream.writelines(blocks_of(content))
                if lasting:
                    stream.flush()
                    os.fsync(stream.fileno())
        for name in contents:
            (drafts / name).replace(folder / name)
    if lasting:
        _flush_folder(folder)


def write_new_folder(
    folder: Path, contents: Mapping[str, Content], *, private: bool = False
) -> None:
    """Write a folder that is not there yet, as `write_files` writes files.

    Raises
    ------
    OSError
        When it cannot be written, or is there by now.
    """
    with drafts_in(folder.parent) as drafts:
        draft = drafts / folder.name
        # A temporary folder is for its owner alone; the one made in it is as any other.
        draft.mkdir(*((FOR_THE_USER_ALONE,) if private else ()))
        write_files(draft, contents, private=private)
        draft.rename(folder)


def _flush_folder(folder: Path) -> None:
    """Flush a folder to the disk: a renamed file is safe when its folder is."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
