"""Saliency kernels: tensors in, tensors out, one folder per operation.

In each folder, `reference.py` is the equation in PyTorch, `triton.py` is the fused kernel, and `__init__.py` is the
operation: its checks, its registration with `torch.library`, and its dispatch. Importing this package compiles nothing
and does not need Triton.
"""

from imap_kernels.concept_attention import concept_attention
from imap_kernels.frame_separation import SCORES, frame_separation
from imap_kernels.gram_column import gram_column
from imap_kernels.gram_separation import gram_separation
from imap_kernels.head_similarity import head_similarity
from imap_kernels.motion_heads import motion_heads
from imap_kernels.qk_match import qk_match
from imap_kernels.qk_norm_rope import qk_norm_rope
from imap_kernels.region_rows import region_rows
from imap_kernels.select_heads import select_heads
from imap_kernels.soft_surrogates import SEGMENTS, soft_surrogates
from imap_kernels.text_attention import text_attention

__all__ = [
    "SCORES",
    "SEGMENTS",
    "concept_attention",
    "frame_separation",
    "gram_column",
    "gram_separation",
    "head_similarity",
    "motion_heads",
    "qk_match",
    "qk_norm_rope",
    "region_rows",
    "select_heads",
    "soft_surrogates",
    "text_attention",
]
