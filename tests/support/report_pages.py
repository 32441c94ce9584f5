"""A report with everything in it, made small, and a reader of its page: what the tests of it share."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

import sim
from sim.report.page import page
from sim.report.results import read_analyses, read_results
from tests.support.places import ROOT

SCENARIO = ROOT / "scenarios" / "first_salvage.yaml"
VALIDATED = ROOT / "calibration" / "results" / "validation.csv"
VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})


@cache
def asked(patients=300):
    """The main question in few patients."""
    return sim.Scenario.load(SCENARIO).with_(patients=patients, seed=3)


def write_run(folder):
    """Write the files of a run alone."""
    sim.run(asked(), threads=1).write(folder)


def write_everything(folder):
    """Write a run, and beside it every analysis that the report shows."""
    write_run(folder)
    drawn = {"draws": 60, "patients": 40, "cached": False, "threads": 1}
    sim.psa(asked(), **drawn).write(folder)
    sim.voi(asked(), thresholds=[250_000], **drawn).write(folder)
    sim.trial(asked(), n="20,40", thresholds=[380_000], **drawn).write(folder)
    sim.price(asked(), "blinatumomab", **drawn).write(folder)
    sim.tornado(asked(), threads=1).write(folder)
    sim.explain(asked(), find="responded to blinatumomab only").write(folder)
    sim.what_if(asked(), threads=1).write(folder)
    sim.threshold(asked(), "cost.blinatumomab.vial", threads=1).write(folder)
    sim.verify(asked(), threads=1).write(folder)
    (folder / "validation.csv").write_bytes(VALIDATED.read_bytes())


def page_of(folder):
    """Return the report on a folder of results as text."""
    results = read_results(folder, asked().question)
    return page(results, read_analyses(results))


class Element:
    """An element of a page, with its text and what is in it."""

    def __init__(self, tag, attributes, parent):
        self.tag = tag
        self.attributes = attributes
        self.parent = parent
        self.children = []
        self.parts = []

    def __iter__(self):
        yield self
        for child in self.children:
            yield from child

    @property
    def text(self):
        """All text in it, with single spaces."""
        return re.sub(r"\s+", " ", " ".join(self.parts)).strip()

    def all(self, tag):
        """Return the elements of a tag in it, itself left out."""
        return [each for each in self if each is not self and each.tag == tag]

    def has_class(self, name):
        """Whether it is of a class."""
        return name in (self.attributes.get("class") or "").split()


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = self.open = Element("page", {}, None)

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs), self.open)
        self.open.children.append(element)
        if tag not in VOID:
            self.open = element

    def handle_startendtag(self, tag, attrs):
        self.open.children.append(Element(tag, dict(attrs), self.open))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open.tag == tag, f"</{tag}> closes <{self.open.tag}>"
        self.open = self.open.parent

    def handle_data(self, data):
        element = self.open
        while element is not None:
            element.parts.append(data)
            element = element.parent


def read(text):
    """Return the page as a tree; an element that is not closed where it should be is an error."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open is reader.root, f"<{reader.open.tag}> is not closed"
    return reader.root


def section(tree, name):
    """Return a section of the report by its id."""
    (found,) = (each for each in tree.all("section") if each.attributes["id"] == name)
    return found
