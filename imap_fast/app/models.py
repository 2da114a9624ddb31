"""The models that the app offers. One of them is in memory at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from imap_fast.demo.shipped_model import best_settings
from imap_fast.loading.pipeline import load_pipeline
from imap_fast.maps.names import MAP_NAMES
from imap_fast.models.registry import adapter_for


@dataclass(frozen=True)
class Model:
    """A loaded pipeline, and the settings to read it with.

    Attributes:
        name: as the user gave it.
        pipe: on its device.
        trace_arguments: of `imap_fast.trace`: all maps of the architecture, and the best layers.
        explained_steps: steps to read of a real video. None: the published one.
    """

    name: str
    pipe: Any
    trace_arguments: dict[str, Any]
    explained_steps: list[int] | None


class Models:
    """Loads models by name, and keeps the last one.

    Args:
        names: the choices: folders, Hugging Face ids, or `"demo"`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._loaded: Model | None = None

    def load(self, name: str) -> Model:
        """The model with this name, one of `names`.

        Raises:
            ValueError: the model does not exist.
            TypeError: it cannot be traced.
        """
        if self._loaded is None or self._loaded.name != name:
            self._loaded = None  # freed before the next one is loaded
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
