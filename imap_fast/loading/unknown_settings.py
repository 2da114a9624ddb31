"""Settings in the configs of a model that the installed diffusers does not know, and leaves out."""

import inspect
import warnings
from typing import Any

from diffusers import ConfigMixin


def warn_of_unknown_settings(pipe: Any, source: str) -> None:
    """Warn of each part with settings that its class does not take. A newer diffusers may compute something else."""
    for name, part in pipe.components.items():
        if isinstance(part, ConfigMixin) and (unknown := unknown_settings(part)):
            warnings.warn(
                f"the config of the {name} of {source} has settings that this version of diffusers does not know "
                f"({', '.join(unknown)}), and they do nothing; check whether a newer one does",
                stacklevel=3,
            )


def unknown_settings(part: ConfigMixin) -> list[str]:
    """The settings of a part that neither its class takes nor one that could take its place, sorted."""
    classes = [type(part), *getattr(part, "compatibles", [])]  # schedulers keep the settings of others
    known = {name for each in classes for name in inspect.signature(each.__init__).parameters}
    return sorted(name for name in part.config if name not in known and not name.startswith("_"))
