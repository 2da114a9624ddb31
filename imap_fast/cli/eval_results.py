"""The schema of results.json: what `imap-fast eval` prints of a finished evaluation."""

from typing import Any

from pydantic import BaseModel, ConfigDict, FiniteFloat, NonNegativeInt, ValidationError, model_validator

from imap_fast.evaluate.evaluation import ESTIMATED
from imap_fast.maps.schema import first_fault


class _Object(BaseModel):
    """A JSON object that may have further entries."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Score(_Object):
    mean: FiniteFloat | None
    low: FiniteFloat | None
    high: FiniteFloat | None
    values: NonNegativeInt
    left_out: NonNegativeInt


class _Clips(_Object):
    measured: NonNegativeInt
    unmasked: NonNegativeInt
    failed: dict[str, str]


class _Picture(_Object):
    clip: str
    picture: str | None


class _Results(_Object):
    options: dict[str, Any]
    clips: _Clips
    metrics: dict[str, dict[str, dict[str, _Score]]]
    worst: list[_Picture]
    not_written: dict[str, str] = {}
    journal: str

    @model_validator(mode="after")
    def _has_every_measure_of_every_method(self) -> "_Results":
        measures = {kind: tuple(of_kind) for kind, of_kind in self.metrics.items()}
        methods = {tuple(scores) for of_kind in self.metrics.values() for scores in of_kind.values()}
        if measures != ESTIMATED or len(methods) != 1 or (self.clips.measured and methods == {()}):
            raise ValueError("metrics: a measure is missing, or it is not one of every method")
        return self


def check_results(record: dict[str, Any]) -> None:
    """Raise a ValueError of one line, which names the first entry that is wrong, unless a record is one of results."""
    try:
        _Results.model_validate(record)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error
