"""The catalogue of parameters: every number with its source, read from YAML."""

from sim.catalog.catalogue import Catalogue, Perspective, Population, Regimen
from sim.catalog.distribution import Distribution
from sim.catalog.life_table import LifeTable
from sim.catalog.loading import load_catalogue, read_catalogue
from sim.catalog.parameter import Parameter
from sim.catalog.price_index import PriceIndex
from sim.catalog.source import Source
from sim.catalog.units import UNITS, Unit

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
    "load_catalogue",
    "read_catalogue",
]
