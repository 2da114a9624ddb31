"""The one place that says which version this is, and beside which others it runs."""

from importlib.metadata import version

__version__ = "0.1.0"


def versions() -> dict[str, str]:
    """Those that maps may depend on."""
    return {"imap-fast": __version__, **{name: version(name) for name in ("torch", "diffusers")}}
