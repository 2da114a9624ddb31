"""Masks of concepts, from their maps: the result of `SaliencyMaps.masks`."""

import lazy_loader

# The names of __init__.pyi. They are imported on first use, because torch takes seconds to load.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
