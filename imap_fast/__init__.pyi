from . import evaluate as evaluate
from . import masks as masks
from . import video as video
from .comparing.compare import compare as compare
from .explaining.explain import explain as explain
from .layers.by_tracking import choose_layers_by_tracking as choose_layers_by_tracking
from .layers.choose import choose_layers as choose_layers
from .maps.saliency_maps import SaliencyMaps as SaliencyMaps
from .tracing.trace import trace as trace
from .version import __version__ as __version__

__all__ = [
    "SaliencyMaps",
    "__version__",
    "choose_layers",
    "choose_layers_by_tracking",
    "compare",
    "evaluate",
    "explain",
    "masks",
    "trace",
    "video",
]
