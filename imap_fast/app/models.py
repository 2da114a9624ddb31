"""The models that the app offers. One of them is in memory at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from imap_fast.demo.shipped_model import best_settings
from imap_fast.loading.pipeline import load_pipeline
from imap_fast.maps.names import MAP_NAMES, WITHOUT_STREAM
from imap_fast.models.registry import adapter_for
from imap_fast.text.distinct import distinct
from imap_fast.text.model_name import model_name


@dataclass(frozen=True)
class Model:
    """A loaded pipeline, and the settings to read it with.

    Attributes:
        name: by which people know it, without a folder of this machine.
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
        sources: the choices: folders, Hugging Face ids, or `"demo"`.

    Attributes:
        names: the names of the choices, in their order. They name no folder of this machine.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        sources = list(dict.fromkeys(sources))
        self._sources = dict(zip(distinct(map(model_name, sources)), sources, strict=True))
        self.names = tuple(self._sources)
        self._loaded: Model | None = None

    def load(self, name: str) -> Model:
        """The model with this name, one of `names`.

        Raises:
            ValueError: the model does not exist.
            TypeError: it cannot be traced.
        """
        if self._loaded is None or self._loaded.name != name:
            self._loaded = None  # freed before the next one is loaded
            self._loaded = _load(name, self._sources[name])
        return self._loaded

    def without_folders(self, text: str) -> str:
        """A text that may name the folder of a model, with its name instead.

        What a library says of a model is in parentheses. They are left out, because it can name other folders.
        """
        for name, source in self._sources.items():
            prefix = f"--model {source}:"
            if text.startswith(prefix):
                text = f"--model {name}:{re.sub(r' [(].*[)]', '', text.removeprefix(prefix), flags=re.DOTALL)}"
            folder = Path(source).expanduser().absolute()
            if folder.is_dir():
                text = text.replace(str(folder), name)
        return text


def _load(name: str, source: str) -> Model:
    pipe = load_pipeline(source, dtype="auto", device="auto", console=Console(stderr=True))
    arguments: dict[str, Any] = {"maps": MAP_NAMES}
    if not adapter_for(pipe).has_concept_stream:
        arguments = {"maps": WITHOUT_STREAM, "match": "prompt"}
    if source != "demo":
        return Model(name, pipe, arguments, None)
    reading = best_settings()
    steps = reading.pop("steps")
    return Model(name, pipe, arguments | reading, steps)
