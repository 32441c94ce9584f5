"""Ways in which a file of a cache can be damaged."""

import os
import shutil


def truncate(path, numbers):
    """Cut the file off at any place before its end."""
    os.truncate(path, numbers.randrange(path.stat().st_size))


def empty(path, numbers):
    """Leave the file without content."""
    path.write_bytes(b"")


def flip(path, numbers):
    """Change one to eight bytes anywhere."""
    content = bytearray(path.read_bytes())
    for place in numbers.sample(range(len(content)), numbers.randint(1, 8)):
        content[place] ^= numbers.randint(1, 255)
    path.write_bytes(content)


def put_a_folder(path, numbers):
    """Put a folder where the file was."""
    path.unlink()
    path.mkdir()
    (path / "file").write_bytes(b"content")


def swap(path, numbers):
    """Exchange the file with another of the same cache folder."""
    above = path.parent.parent if path.parent.parent.name == "results" else path.parent
    others = [each for each in sorted(above.rglob("*")) if each.is_file() and each != path]
    other, aside = numbers.choice(others), path.with_name("aside")
    path.rename(aside)
    other.rename(path)
    aside.rename(other)


def write_foreign(path, numbers):
    """Put what another program has written."""
    path.write_bytes(numbers.randbytes(300))


def link_elsewhere(path, numbers):
    """Put a link to a copy of the file."""
    copy = path.parents[2] / "copy"
    shutil.copy(path, copy)
    path.unlink()
    path.symlink_to(copy)


def put_a_pipe(path, numbers):
    """Put a pipe, from which reading would wait for ever."""
    path.unlink()
    os.mkfifo(path)


KINDS = (truncate, empty, flip, put_a_folder, swap)
MORE_KINDS = (*KINDS, write_foreign, link_elsewhere, put_a_pipe)
