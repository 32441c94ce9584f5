"""The catalogue of parameters: every number with its source, read from YAML."""

from sim.catalog.catalogue import Catalogue, LifeTable, Perspective, Population, Regimen
from sim.catalog.distribution import Distribution
from sim.catalog.parameter import Parameter, PriceIndex, Source
from sim.catalog.reading import extended, load_catalogue, read_catalogue
from sim.catalog.values import UNITS, Unit

__all__ = [
    "UNITS",
    "Catalogue",
    "Distribution",
    "LifeTable",
    "Parameter",
    "Perspective",
    "Population",
    "PriceIndex",
    "Regimen",
    "Source",
    "Unit",
    "extended",
    "load_catalogue",
    "read_catalogue",
]
