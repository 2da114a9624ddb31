"""The version of this package, and the versions of the packages that the maps depend on."""

from importlib.metadata import version

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """The versions of imap-fast, torch and diffusers. Other versions may give other maps."""
    return {"imap-fast": __version__, **{name: version(name) for name in ("torch", "diffusers")}}
