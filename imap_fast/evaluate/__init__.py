"""Evaluation: how well the maps find their concepts, measured against masks, with confidence intervals."""

import lazy_loader

# The names of __init__.pyi. They are imported on first use, because torch and diffusers take seconds to load.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
