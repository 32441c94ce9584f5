"""Changes of a valid file: of its bytes, of its lines and cells, and of the values in it."""

from __future__ import annotations

import copy

TEXTS = (
    *(
        "",
        " ",
        "~",
        "null",
        "true",
        "no",
        "nan",
        ".nan",
        "inf",
        "-.inf",
        "1e400",
        "-1e308",
        "1e-320",
    ),
    *("0", "-0", "-1", "1", "2", "0.5", "1_000", "0x1F", "0o7", "1e5", "9" * 25, "9" * 500),
    *(
        "&a",
        "*a",
        "!!python/object:os.system",
        "<<: *a",
        "---",
        "...",
        "%YAML 3.0",
        "@",
        "`",
        "? :",
    ),
    *(
        "[",
        "]",
        "{",
        "}",
        "[[",
        "- -",
        ": :",
        "# no",
        "'",
        '"',
        '"\\ud800"',
        "\\",
        "\t",
        "\r",
        "|",
        ">-",
    ),
    *(
        "é",
        "日本",
        "\u202e",
        "\ufeff",
        "\u2028",
        "\x85",
        "\U0001f600",
        "a\u0301",
        "١٢",
        "\x00",
        "\x1b[31m",
    ),
    *("blinatumomab", "usual_care", "lifetime", "2024-01-01", "../..", "nowhere.csv", "x" * 300),
)
"""Pieces of text that a reader may take for something else."""
VALUES = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e300, -1e300, 1e-320, 2**64, 10**30, 10**400),
    *(float("nan"), float("inf"), float("-inf"), "", " ", "nan", "1", "x" * 300, "é", "\x00"),
    *([], {}, [[]], [None], {"": None}, {"a": 1}, [1, "a"], [0] * 100),
)
"""Values of every type and of extreme sizes."""


def changed_bytes(luck, content):
    """Change a file's bytes in one to three ways."""
    changes = (
        _cut,
        _flip,
        _insert,
        _line_twice,
        _line_away,
        _lines_swapped,
        _indented,
        _word,
        _word,
    )
    for _ in range(luck.randint(1, 3)):
        content = luck.choice((*changes, _cell, _cell, _foreign))(luck, content)
    return content


def _cut(luck, content):
    return content[: luck.randrange(len(content) + 1)]


def _flip(luck, content):
    changed = bytearray(content)
    for place in luck.choices(range(len(changed)), k=luck.randint(1, 4)) if changed else ():
        changed[place] = luck.randrange(256)
    return bytes(changed)


def _insert(luck, content):
    place = luck.randrange(len(content) + 1)
    return content[:place] + piece(luck) + content[place:]


def _foreign(luck, content):
    whole = (
        b"",
        b"\x00\xff",
        b"\xff\xfe" + content,
        b"\x1f\x8b" + content,
        b"[" * 5000,
        content * 2,
    )
    return luck.choice((*whole, b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r\n")))


def _lines(luck, content):
    lines = content.split(b"\n")
    return lines, luck.randrange(len(lines)), luck.randrange(len(lines))


def _line_twice(luck, content):
    lines, place, to = _lines(luck, content)
    lines.insert(to, lines[place])
    return b"\n".join(lines)


def _line_away(luck, content):
    lines, place, to = _lines(luck, content)
    del lines[place : max(place + 1, to if luck.random() < 0.2 else 0)]
    return b"\n".join(lines)


def _lines_swapped(luck, content):
    lines, place, to = _lines(luck, content)
    lines[place], lines[to] = lines[to], lines[place]
    return b"\n".join(lines)


def _indented(luck, content):
    lines, place, _ = _lines(luck, content)
    lines[place] = luck.choice((b"\t", b" ", b"  ", b"- ", b"   ")) + lines[place]
    return b"\n".join(lines)


def _word(luck, content):
    """Replace a word by another of the file, or by a piece of text."""
    words = content.split(b" ")
    words[luck.randrange(len(words))] = luck.choice((piece(luck), luck.choice(words)))
    return b" ".join(words)


def _cell(luck, content):
    """Replace a cell of a line by another of the file, or by a piece of text."""
    lines, place, to = _lines(luck, content)
    cells = lines[place].split(b",")
    other = luck.choice(lines[to].split(b","))
    cells[luck.randrange(len(cells))] = luck.choice((piece(luck), other))
    lines[place] = b",".join(cells)
    return b"\n".join(lines)


def piece(luck):
    """Return a piece of text as bytes."""
    return luck.choice(TEXTS).encode("utf-8", "surrogatepass")


def changed_tree(luck, tree):
    """Return a copy of keys and values with one to three changes."""
    found = copy.deepcopy(tree)
    for _ in range(luck.choice((1, 1, 1, 2, 3))):
        places = list(_places(found))
        if not places:
            return found
        holder, key = luck.choice(places)
        other, another = luck.choice(places)
        luck.choice((_dropped, _misspelt, _valued, _valued, _nested, _exchanged))(
            luck, holder, key, copy.deepcopy(other[another])
        )
    return found


def _places(tree):
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(pairs):
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _dropped(luck, holder, key, other):
    del holder[key]


def _misspelt(luck, holder, key, other):
    if isinstance(holder, dict):
        letters = list(key) or ["x"]
        letters[luck.randrange(len(letters))] = luck.choice(("", "x", "_", "é", " "))
        holder["".join(letters)] = holder.pop(key)


def _valued(luck, holder, key, other):
    holder[key] = copy.deepcopy(luck.choice(VALUES))


def _nested(luck, holder, key, other):
    holder[key] = luck.choice(
        ([holder[key]], {"a": holder[key]}, [copy.deepcopy(holder[key]) for _ in range(3)])
    )


def _exchanged(luck, holder, key, other):
    holder[key] = other
