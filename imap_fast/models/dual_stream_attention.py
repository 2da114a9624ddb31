"""Joint attention in which text rows have projections of their own."""

from __future__ import annotations

from torch import Tensor, nn

from imap_fast.models.joint_attention import JointAttention


class DualStreamAttention(JointAttention):
    """A block that projects visual rows by `to_q`, `to_k` and `to_v`, and text rows by `add_q_proj` and so on."""

    def project_visual(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project visual rows `[B, S, D]` to q, k, v `[B, S, A, d]`, after QK norm and before RoPE."""
        attn = self.attention
        query, key = self.project(rows, attn.to_q, attn.norm_q), self.project(rows, attn.to_k, attn.norm_k)
        return query, key, self.project(rows, attn.to_v)

    def project_text(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Project text rows `[B, S, D]` to q, k, v `[B, S, A, d]`, after QK norm."""
        return self.text_query(rows), self.text_key(rows), self.text_value(rows)

    def text_query(self, rows: Tensor) -> Tensor:
        """The queries of text rows; see `project_text`."""
        return self.project(rows, self.attention.add_q_proj, self.attention.norm_added_q)

    def text_key(self, rows: Tensor) -> Tensor:
        """The keys of text rows; see `project_text`."""
        return self.project(rows, self.attention.add_k_proj, self.attention.norm_added_k)

    def text_value(self, rows: Tensor) -> Tensor:
        """The values of text rows; see `project_text`."""
        return self.project(rows, self.attention.add_v_proj)

    def project(self, rows: Tensor, linear: nn.Module, norm: nn.Module | None = None) -> Tensor:
        """Project rows `[B, S, D]`, split them by heads, and apply the norm if there is one: `[B, S, A, d]`."""
        projected = linear(rows).unflatten(2, (self.attention.heads, -1))
        return projected if norm is None else norm(projected)
