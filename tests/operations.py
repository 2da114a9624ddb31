"""The kernels' operations with their insides in view of a `TorchDispatchMode`, which `torch.library` hides."""

from __future__ import annotations

import sys

import pytest

OPERATIONS = ("qk_match", "frame_separation", "gram_column", "concept_attention", "head_similarity", "qk_norm_rope")


def unwrap_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every operation call its implementation directly."""
    for name in OPERATIONS:
        module = sys.modules[f"imap_kernels.{name}"]
        monkeypatch.setattr(module, f"_{name}", getattr(module, f"_{name}")._init_fn)
