from .datasets import demo_world as demo_world
from .datasets import mevis as mevis
from .datasets import palette_masks as palette_masks
from .datasets import point_clips as point_clips
from .datasets import referring as referring
from .datasets import video_list as video_list
from .datasets import vspw as vspw
from .evaluation import Evaluation as Evaluation
from .journal import Journal as Journal
from .run import evaluate as evaluate

__all__ = [
    "Evaluation",
    "Journal",
    "demo_world",
    "evaluate",
    "mevis",
    "palette_masks",
    "point_clips",
    "referring",
    "video_list",
    "vspw",
]
