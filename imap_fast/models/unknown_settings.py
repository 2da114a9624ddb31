"""Settings of a model that the installed diffusers does not know, and leaves out."""

import inspect
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import diffusers
from diffusers import SchedulerMixin


def warn_of_unknown_settings(part: str, source: str, config: Mapping[str, Any], kind: type) -> None:
    """Warn if a config has settings that do nothing. A newer diffusers may compute something else.

    Args:
        part: what the model is in its pipeline.
        source: its folder or its Hugging Face id.
        config: as it is stored.
        kind: the class that is made of it.
    """
    if unknown := unknown_settings(config, kind):
        warnings.warn(
            f"the config of the {part} of {source} has settings that this version of diffusers does not know "
            f"({', '.join(unknown)}), and they do nothing; check whether a newer one does",
            stacklevel=1,  # attributed to this package, whose warnings the command line shows
        )


def unknown_settings(config: Mapping[str, Any], kind: type) -> list[str]:
    """The settings that a class does not take, sorted."""
    # A pipeline writes a part that it does not have as [null, null].
    named = {name for name, value in config.items() if value not in ([None, None], (None, None))}
    unknown = {name for name in named if not name.startswith("_")} - _settings_of([kind])
    if unknown and issubclass(kind, SchedulerMixin):
        # A scheduler that is made from the config of another one keeps its settings.
        unknown -= _settings_of(getattr(diffusers.schedulers, name) for name in dir(diffusers.schedulers))
    return sorted(unknown)


def _settings_of(kinds: Iterable[Any]) -> set[str]:
    """The names of the arguments of the classes among some values."""
    return {name for kind in kinds if inspect.isclass(kind) for name in inspect.signature(kind.__init__).parameters}
