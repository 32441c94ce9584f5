"""The JSON schema of scenarios and of the files of a catalogue, for editors and for the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from sim.catalog import Catalogue
from sim.catalog.catalogue import LifeTable, Perspective, Population, Regimen, Topic
from sim.catalog.parameter import Entry, IndexFile, SourceFile
from sim.catalog.reading import KINDS_OF_FILES
from sim.scenario.inheritance import REMOVABLE
from sim.scenario.schema import WHAT_IFS, Scenario, WhatIf

Json = dict[str, Any]
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ENTRIES: Final[Mapping[str, type[BaseModel]]] = {
    "life_table": LifeTable,
    "population": Population,
    "perspective": Perspective,
    "regimen": Regimen,
    "clinical": Topic,
}
"""In the order of `KINDS_OF_FILES`."""
FILES: Final[Mapping[str, type[BaseModel]]] = {"sources": SourceFile, "price_indices": IndexFile}
KINDS: Final = ("scenario", "catalogue", *FILES, *ENTRIES)
OF_THE_PROGRAM: Final = ("inherited", "path")
"""Fields that are no keys of a file."""


def json_schema(kind: str, catalogue: Catalogue) -> Json:
    """Return the JSON schema of a kind of file, one of `KINDS`.

    Names of the catalogue are offered, and others allowed, since a catalogue of the user's own may
    have them.
    """
    if kind == "scenario":
        return _scenario(catalogue)
    models: list[type[BaseModel]] = [*ENTRIES.values(), *FILES.values(), Entry]
    _, whole = models_json_schema(
        [(model, "validation") for model in models], schema_generator=_WithoutParameters
    )
    definitions = whole["$defs"]
    for model in ENTRIES.values():
        definitions[model.__name__] = _entry(definitions[model.__name__])
    # Defaults of the file stand in for keys that its entries leave out.
    definitions[Entry.__name__].pop("required")
    tops = {**ENTRIES, **FILES}
    if kind != "catalogue":
        return {"$schema": DIALECT, "$ref": _ref(tops[kind]), "$defs": definitions}
    properties: Json = {
        plural: {"type": "object", "additionalProperties": {"$ref": _ref(model)}}
        for plural, model in zip(KINDS_OF_FILES, ENTRIES.values(), strict=True)
    }
    properties["sources"] = definitions["SourceFile"]["properties"]["sources"]
    properties["price_indices"] = definitions["IndexFile"]["properties"]["indices"]
    return {
        "$schema": DIALECT,
        "title": "A catalogue of the user's own, in one file",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }


def _ref(model: type[BaseModel]) -> str:
    return f"#/$defs/{model.__name__}"


class _WithoutParameters(GenerateJsonSchema):
    """Names the written form of a parameter where a model holds the parameter itself."""

    def is_instance_schema(self, schema: Any) -> Json:  # noqa: ANN401, ARG002 - pydantic's form
        return {"$ref": _ref(Entry)}


def _entry(found: Json) -> Json:
    """Return the schema of an entry: its name may be that of its key, and one may extend another."""
    properties = {k: v for k, v in found["properties"].items() if k not in OF_THE_PROGRAM}
    if "parameters" in properties:
        properties["parameters"] = {
            "type": "object",
            "additionalProperties": {"$ref": _ref(Entry)},
        }
    return {
        **found,
        "properties": properties,
        "required": ["label"] if "label" in properties else [],
    }


def _scenario(catalogue: Catalogue) -> Json:
    found = Scenario.model_json_schema()
    properties = found["properties"]
    properties["extends"] = {
        "type": "string",
        "description": "Another scenario file: this one holds only what differs from it.",
    }
    for key, names in (
        ("population", catalogue.populations),
        ("perspective", catalogue.perspectives),
        ("life_table", catalogue.life_tables),
    ):
        properties[key] = {**properties[key], "anyOf": _offered(names)}
        properties[key].pop("type", None)
    strategy = found["$defs"]["Strategy"]["properties"]
    strategy["sequence"]["items"] = {"anyOf": _offered(catalogue.regimens)}
    for key in REMOVABLE:
        entry = properties[key]["additionalProperties"]
        properties[key]["additionalProperties"] = {"anyOf": [entry, {"type": "null"}]}
    value = properties["parameters"]["additionalProperties"]
    properties["parameters"]["properties"] = {
        each.name: {**value, "description": f"{each.label}, {each.unit}"}
        for each in sorted(catalogue.parameters(), key=lambda each: each.name)
    }
    changed = found["$defs"][WhatIf.__name__]["properties"]
    for key in changed:
        if key in properties and key != WHAT_IFS:
            changed[key] = {"$ref": f"#/properties/{key}"}
    required = found.pop("required")
    return {
        "$schema": DIALECT,
        **found,
        "anyOf": [{"required": ["extends"]}, {"required": required}],
    }


def _offered(names: Iterable[str]) -> list[Json]:
    return [{"enum": sorted(names)}, {"type": "string"}]
