"""Figures in tests: sketched in a moment, or drawn as they are for readers.

Drawing a figure in three formats takes longer than most of the analyses of the tests, which look
at numbers and words. So figures are made, but their files hold a digest of what is in them: other
numbers, words or colours give other bytes. A test marked `draws` has them drawn.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest

STARTS = {
    "svg": b'<?xml version="1.0"?>\n<svg viewBox="0 0 9 9"><desc>%s</desc></svg>\n',
    "png": b"\x89PNG\r\n\x1a\n%s",
    "pdf": b"%%PDF-1.4\n%s",
}


def parts(figure):
    """Yield what a figure shows, as it was handed over to be drawn."""
    from matplotlib.collections import QuadMesh  # loaded late, for it is heavy

    yield figure.get_size_inches()
    for axes in figure.axes:
        yield axes.get_position().bounds
        yield (*axes.get_xlim(), *axes.get_ylim())
        for where in ("left", "center", "right"):
            yield axes.get_title(loc=where)
        yield axes.get_xlabel()
        yield axes.get_ylabel()
        for line in axes.lines:
            yield line.get_xydata()
            yield f"{line.get_color()} {line.get_linestyle()} {line.get_label()}"
        for patch in axes.patches:
            yield patch.get_transform().transform_path(patch.get_path()).vertices
            yield patch.get_facecolor()
        for collection in axes.collections:
            yield collection.get_offsets()
            yield collection.get_facecolor()
            if isinstance(collection, QuadMesh):
                yield collection.get_coordinates()
            else:
                yield from (path.vertices for path in collection.get_paths())
            if collection.get_array() is not None:
                yield collection.get_array()
    for holder in (figure, *figure.axes):
        for text in holder.texts:
            yield f"{text.get_text()} {text.get_position()} {text.get_color()}"
        for legend in (*getattr(holder, "legends", ()), getattr(holder, "legend_", None)):
            if legend is not None:
                yield from (text.get_text() for text in legend.get_texts())


def sketch(figure, format_name):
    """Stand for `sim.layout.style.rendered`: the same figure, the same bytes."""
    digest = hashlib.sha256()
    for part in parts(figure):
        given = part.encode() if isinstance(part, str) else np.ma.filled(part, np.nan).tobytes()
        digest.update(len(given).to_bytes(8) + given)
    return STARTS[format_name] % digest.hexdigest().encode()


@cache
def _drawing():
    """Return the modules that draw and what they draw with; loaded late, for they are heavy."""
    from sim.layout import style
    from sim.report import drawing

    return [
        (style, "rendered", style.rendered),
        (style, "laid_out", style.laid_out),
        (drawing, "rendered", drawing.rendered),
    ]


@contextmanager
def sketched():
    """Have figures sketched within this context."""
    stand_ins = {"rendered": sketch, "laid_out": lambda figure: figure}
    with pytest.MonkeyPatch.context() as patched:
        for module, name, _ in _drawing():
            patched.setattr(module, name, stand_ins[name])
        yield


@contextmanager
def drawn():
    """Have figures drawn within this context."""
    with pytest.MonkeyPatch.context() as patched:
        for module, name, real in _drawing():
            patched.setattr(module, name, real)
        yield
