from .masks import MaskFrame as MaskFrame
from .masks import Masks as Masks
from .refinement import Refinement as Refinement
from .refinement.sam2 import Sam2 as Sam2
