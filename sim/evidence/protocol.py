"""The protocol of a fit: priors, heterogeneity, cohorts, design and sampler, as its file says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.errors import NOT_GIVEN, UserError
from sim.files.documents import Document, Steps, dotted, read_yaml
from sim.scenario.mistakes import Mistake, keys_of, mistakes_in

if TYPE_CHECKING:
    from sim.evidence.study import Study

COHORTS: Final = "cohorts"
Scale = Literal["identity", "log", "logit"]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Reason = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """What every part of a protocol keeps: no unknown key, no conversion, no change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Prior(_Part):
    """Normal on `scale`, around `mean` (natural scale) with `sd` (on the scale)."""

    scale: Scale
    mean: float
    sd: Positive
    why: Reason

    def to_scale(self, value: float) -> float:
        """Return a natural value on the scale of the prior."""
        if self.scale == "log":
            return math.log(value)
        return math.log(value / (1.0 - value)) if self.scale == "logit" else value

    def value(self, z: float) -> float:
        """Return the natural value that lies `z` prior standard deviations from the mean."""
        x = self.to_scale(self.mean) + self.sd * z
        if self.scale == "log":
            return math.exp(x)
        return 1.0 / (1.0 + math.exp(-x)) if self.scale == "logit" else x


class Heterogeneity(_Part):
    """What studies differ by: the parameters that carry it, and the scale of its prior.

    An effect is added to a log odds ratio and multiplies a hazard ratio by its exponential; its
    standard deviation between studies has a half-normal prior.
    """

    parameters: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    scale: Positive
    why: Reason


class Weight(_Part):
    """The power of a study's likelihood."""

    weight: Annotated[float, Field(gt=0, le=1)]
    why: Reason


class CohortPlan(_Part):
    """Which scenario stands for which arms of a study; `endpoints` when not for all of them."""

    scenario: str
    study: str
    arms: Mapping[str, str]
    endpoints: Annotated[tuple[str, ...], Field(strict=False)] | None = None


class Design(_Part):
    """Points per wave, and their spread around the posterior of the wave before."""

    waves: Annotated[tuple[Count, ...], Field(min_length=1, strict=False)]
    spread: Positive


class SamplerPlan(_Part):
    """Chains of the sampler, with steps of warm-up and draws each."""

    chains: Count
    warmup: Count
    samples: Count


class Protocol(_Part):
    """Everything that decides a fit but the evidence itself."""

    title: str
    seed: Annotated[int, Field(ge=1)]
    design: Design
    sampler: SamplerPlan
    weights: Mapping[str, Weight] = Field(default_factory=dict)
    heterogeneity: Mapping[str, Heterogeneity]
    cohorts: Annotated[tuple[CohortPlan, ...], Field(min_length=1, strict=False)]
    priors: Annotated[Mapping[str, Prior], Field(min_length=1)]

    def weight(self, study: str) -> float:
        """Return the power of a study's likelihood, 1 unless said."""
        return self.weights[study].weight if study in self.weights else 1.0


PARTS: Final[Mapping[str, type[BaseModel]]] = {
    "design": Design,
    "sampler": SamplerPlan,
    "weights": Weight,
    "heterogeneity": Heterogeneity,
    "cohorts": CohortPlan,
    "priors": Prior,
}


def load_protocol(path: Path, register: Mapping[str, Study] | None = None) -> Protocol:
    """Read the protocol at `path`; its cohorts are in the folder `COHORTS` beside it.

    Raises
    ------
    UserError
        With file, line, key and value, at the first mistake: in the protocol itself or, where
        there is a `register`, in what it names of register, catalogue and cohorts.
    """
    document = read_yaml(path)
    try:
        protocol = Protocol.model_validate(document.data)
    except ValidationError as error:
        raise _first(mistakes_in(error, _known_keys), document) from None
    if register is not None:
        from sim.evidence.protocol_names import wrong_names

        wrong = list(wrong_names(protocol, register, path.parent / COHORTS))
        if wrong:
            raise _first(wrong, document)
    return protocol


def _known_keys(path: Steps) -> list[str]:
    """Return the keys that may stand where the unknown key of `path` stands."""
    return keys_of(Protocol if len(path) == 1 else PARTS[str(path[0])])


def _first(mistakes: Sequence[Mistake], document: Document) -> UserError:
    """Return the first mistake of the file; a missing key may be there, misspelt, and is last."""
    mistake = min(mistakes, key=lambda each: (each.is_missing, document.line(*each.path)))
    return UserError(
        mistake.problem,
        file=document.file,
        line=document.line(*mistake.path),
        key=dotted(mistake.path) or None,
        value=NOT_GIVEN if mistake.value is None else mistake.value,
        choices=mistake.choices,
    )
