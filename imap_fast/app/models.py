"""The models that the app offers, of which one at a time is in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from imap_fast.demo.shipped import best_settings
from imap_fast.loading.pipeline import load_pipeline
from imap_fast.maps.names import MAP_NAMES
from imap_fast.models.registry import adapter_for


@dataclass(frozen=True)
class Model:
    """A pipeline that is ready, and how it is read.

    Attributes:
        name: as it was given.
        pipe: on its device.
        trace_arguments: of `imap_fast.trace`: every map that the architecture gives, of the layers that suit it.
        explained_steps: of a real video; None: the published one.
    """

    name: str
    pipe: Any
    trace_arguments: dict[str, Any]
    explained_steps: list[int] | None


class Models:
    """Loads models by name and holds on to the last one.

    Args:
        names: what there is to pick from: folders, Hugging Face ids, or `"demo"`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._loaded: Model | None = None

    def load(self, name: str) -> Model:
        """The model of that name, which is one of `names`.

        Raises:
            ValueError: no such model. TypeError: one that cannot be traced.
        """
        if self._loaded is None or self._loaded.name != name:
            self._loaded = None  # before the next one takes its memory
            self._loaded = _load(name)
        return self._loaded


def _load(name: str) -> Model:
    pipe = load_pipeline(name, dtype="auto", device="auto", console=Console(stderr=True))
    arguments: dict[str, Any] = {"maps": MAP_NAMES}
    if not adapter_for(pipe).has_concept_stream:
        arguments = {"maps": [name for name in MAP_NAMES if name != "concept_attention"], "match": "prompt"}
    if name != "demo":
        return Model(name, pipe, arguments, None)
    reading = best_settings()
    steps = reading.pop("steps")
    return Model(name, pipe, arguments | reading, steps)
