"""See where and when a word lives inside a video diffusion transformer.

`trace` reads saliency maps from a running diffusers pipeline, and `explain` from a real video. Both give
`SaliencyMaps`. `compare` shows two of them side by side, and `choose_layers` finds the layers of a checkpoint to read.
"""

import lazy_loader

# The names of __init__.pyi. They are imported on first use, because torch and diffusers take seconds to load.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
