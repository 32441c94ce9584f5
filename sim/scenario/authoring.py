"""Files for those who write scenarios: one resolved, one to begin with, and the JSON schema."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from sim.catalog import Catalogue
from sim.catalog.catalogue import ALWAYS_NEEDED, LifeTable, Perspective, Population, Regimen, Topic
from sim.catalog.parameter import Entry, IndexFile, SourceFile
from sim.catalog.reading import KINDS_OF_FILES
from sim.errors import UserError
from sim.files.documents import Steps, plain_scalar
from sim.scenario.inheritance import REMOVABLE
from sim.scenario.loading import DEFAULT, Loaded
from sim.scenario.schema import WHAT_IFS, Discounting, Scenario, WhatIf

Row = tuple[str, str]
"""A line of YAML and the origin of its value, or nothing."""

WIDEST_VALUE: Final = 56
_LONGEST_WHOLE: Final = 1e15
_INDENT: Final = "  "
_DISCOUNT_RATE_COSTS: Final = "perspective.discount_rate_costs"
_DISCOUNT_RATE_EFFECTS: Final = "perspective.discount_rate_effects"
_THRESHOLDS: Final = "perspective.threshold_"
_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_+.%/,-]*( [A-Za-z0-9_+.%/,-]+)*")


def listing(loaded: Loaded, inherited: Mapping[Steps, Row] | None = None) -> str:
    """Write the scenario as YAML, with the origin of every value in a comment.

    `inherited` gives the values that the scenario leaves to others (as YAML) and their origins. The
    text is itself a scenario of the same question.
    """
    scenario = loaded.scenario
    left_open: dict[Steps, Row] = {("comparator",): (written(scenario.comparator_name), DEFAULT)}
    left_open.update(inherited or {})
    rows: list[Row] = []
    for key, value in scenario.model_dump(mode="json").items():
        rows += _entry(loaded, left_open, (key,), value)
    width = min(WIDEST_VALUE, max(len(text) for text, _ in rows))
    lines = [f"{text:<{width}}  # {origin}" if origin else text for text, origin in rows]
    return "\n".join([f"# {', which extends '.join(loaded.files)}", *lines]) + "\n"


def perspective_values(loaded: Loaded, perspective: Perspective) -> dict[Steps, Row]:
    """Return the values that the scenario leaves to its perspective, in the form for `listing`.

    An override of the perspective's parameter has the scenario as its origin.
    """
    whose = f"perspective {perspective.name}"
    overrides = loaded.scenario.numbers

    def row(name: str) -> Row:
        if name in overrides:
            return written(overrides[name]), loaded.origin("parameters", name)
        return written(perspective.parameters[name].value), whose

    thresholds = [row(name) for name in perspective.parameters if name.startswith(_THRESHOLDS)]
    origins = dict.fromkeys(origin for _, origin in thresholds)
    values = sorted((value for value, _ in thresholds), key=float)
    return {
        ("discounting", "costs"): row(_DISCOUNT_RATE_COSTS),
        ("discounting", "effects"): row(_DISCOUNT_RATE_EFFECTS),
        ("thresholds",): (f"[{', '.join(values)}]", ", ".join(origins)),
        ("life_table",): (written(perspective.life_table), whose),
    }


def written(value: object) -> str:
    """Write a scalar, or a list of scalars, as YAML on one line."""
    if isinstance(value, str):
        plain = _PLAIN_TEXT.fullmatch(value) and plain_scalar(value) == value
        return value if plain else _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(item) for item in value)}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < _LONGEST_WHOLE:
        return str(int(value))
    return json.dumps(value)


def _quoted(text: str) -> str:
    # JSON leaves some separators and controls as they are that YAML would fold or refuse.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _entry(
    loaded: Loaded, left_open: Mapping[Steps, Row], path: Steps, value: object
) -> Iterator[Row]:
    indent = _INDENT * (len(path) - 1)
    if value is None and path in left_open:
        text, origin = left_open[path]
        yield f"{indent}{path[-1]}: {text}", origin
    elif isinstance(value, dict) and value:
        yield f"{indent}{path[-1]}:", ""
        for key, below in value.items():
            yield from _entry(loaded, left_open, (*path, key), below)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield f"{indent}{path[-1]}:", ""
        for position, item in enumerate(value):
            yield from _item(loaded, left_open, (*path, position), item)
    else:
        yield f"{indent}{path[-1]}: {written(value)}", loaded.origin(*path)


def _item(
    loaded: Loaded, left_open: Mapping[Steps, Row], path: Steps, item: Mapping[str, Any]
) -> Iterator[Row]:
    dash, indent = _INDENT * (len(path) - 1) + "- ", _INDENT * len(path)
    for key, value in item.items():
        for text, origin in _entry(loaded, left_open, (*path, key), value):
            yield dash + text.removeprefix(indent), origin
            dash = " " * len(dash)


WIDTH = 100
PATIENTS = 100_000
SEED = 1


def template(
    name: str,
    population: str,
    perspective: str,
    sequences: Sequence[Sequence[str]],
    catalogue: Catalogue,
) -> str:
    """Return the text of a scenario file whose strategies have these sequences of regimens.

    The title is made from `name`. Keys that may be left out stand there as comments with the value
    that they then have.

    Raises
    ------
    UserError
        When there is no such population, perspective or regimen.
    """
    for kind, asked, known in (
        ("population", [population], catalogue.populations),
        ("perspective", [perspective], catalogue.perspectives),
        ("sequence", [regimen for each in sequences for regimen in each], catalogue.regimens),
    ):
        for each in asked:
            if each not in known:
                raise UserError("no such entry", key=f"--{kind}", value=each, choices=known)
    values = {
        "title": written(name.replace("_", " ").capitalize()),
        "population": f"{population}  # {catalogue.populations[population].label}",
        "patients": str(PATIENTS),
        "seed": str(SEED),
        "setting": "trial",
        "perspective": f"{perspective}  # {catalogue.perspectives[perspective].label}",
        "horizon_years": "lifetime",
        "strategies": "".join(_strategy(each, catalogue) for each in sequences),
    }
    spaced = {key: text if text.startswith("\n") else f" {text}" for key, text in values.items()}
    others = {
        "population": sorted(catalogue.populations),
        "perspective": sorted(catalogue.perspectives),
        "strategies": sorted(set(catalogue.regimens) - set(ALWAYS_NEEDED)),
    }
    return "\n".join(_lines(spaced, others)) + "\n"


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent=indent)


def _lines(values: dict[str, str], others: dict[str, list[str]]) -> Iterator[str]:
    for key, field in Scenario.model_fields.items():
        yield from _comment(f"{field.description}", "# ")
        if key in others:
            kind = "Regimens" if key == "strategies" else "Names"
            yield from _comment(f"{kind}: {', '.join(others[key])}", "#   ")
        yield f"{key}:{values[key]}" if key in values else f"# {key}: {UNSAID[key]}"
        yield ""


UNSAID = {
    "description": written(""),
    "catalogue": "[my_hospital.yaml]",
    "study": "average",
    "discounting": f"{{{', '.join(f'{key}: 0.03' for key in Discounting.model_fields)}}}",
    "thresholds": "[100000]",
    "comparator": "the_first",
    "parameters": "{cost.inpatient_day: 2500}",
    "switches": "{toxicity: false}",
    "life_table": "my_country.csv",
    "capacity": "{transplant_beds: 12}",
    "subgroups": "{age_years: [18, 35, 55]}",
    "budget": "{first_year: 2026, patients_per_year: 100, uptake: {the_second: [0.2, 0.4, 0.6, 0.7, 0.7]}}",
    "what_ifs": "{cheaper: {label: Half the price, factors: {cost.blinatumomab.vial: 0.5}}}",
}
"""Examples of keys that may be left out."""


def _strategy(sequence: Sequence[str], catalogue: Catalogue) -> str:
    name = "_then_".join(sequence)
    label = ", then ".join(catalogue.regimens[each].label for each in sequence)
    return (
        f"\n  - name: {name}\n    label: {written(label)}\n"
        f"    sequence: [{', '.join(sequence)}]\n    then: usual_care"
    )


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
        definitions[model.__name__] = _schema_of(definitions[model.__name__])
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


def _schema_of(found: Json) -> Json:
    """Return the schema of an entry: its name may be that of its key, and one may extend another."""
    properties = {k: v for k, v in found["properties"].items() if k not in OF_THE_PROGRAM}
    if "parameters" in properties:
        properties["parameters"] = {"type": "object", "additionalProperties": {"$ref": _ref(Entry)}}
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
