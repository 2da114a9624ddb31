"""Tapped attention in blocks whose visual tokens attend to text rows, which do not attend."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import Tensor

from imap_fast.models import adapter
from imap_fast.models.kept_value import KeptValue
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.tap import TappedAttention
from imap_fast.models.text_rows import TextRows


class CrossAttention(TappedAttention):
    """A block with cross-attention to the text. κ are the text keys, and o is the attention output over the text rows.

    A subclass names its `stock_processors`, and says what is different in one of the methods. Blocks that are not read
    run the stock processor.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> Tensor:
        if not self.is_read(encoder_hidden_states.shape[1]):
            return self.stock(attn, hidden_states, encoder_hidden_states, attention_mask, image_rotary_emb)
        query = self.project(hidden_states, attn.to_q, attn.norm_q)
        key = self.project(encoder_hidden_states, attn.to_k, attn.norm_k)
        value = self.project(encoder_hidden_states, attn.to_v)
        mask = self.prepare_mask(attention_mask, encoder_hidden_states)
        return self.project_output(self.attend_and_read(query, key, value, mask))

    def prepare_mask(self, mask: Tensor | None, text: Tensor) -> Tensor | None:
        """The mask of the attention call, from that of the processor and the text rows `[B, T, D]`."""
        return mask

    def is_read(self, text_rows: int) -> bool:
        """Count this block, with so many text rows, in a forward pass that is read. Return whether it is read, too."""
        if self.reads:
            self.tap.enter(self.layer, text_rows)
        return self.reads and self.layer in self.tap.settings.layers

    def project(self, rows: Tensor, linear: Any, norm: Any = None) -> Tensor:
        """Project rows `[B, S, D]`, apply the norm if there is one, and split them by heads: `[B, S, A, d]`."""
        rows = linear(rows)
        if norm is not None:
            rows = norm(rows)
        return rows.unflatten(2, (self.attention.heads, -1))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Call the attention of rows `[B, S, A, d]`, with the backend that diffusers is set to."""
        # Before version 0.36, some processors of diffusers have no choice of attention backend.
        backend = getattr(self.stock, "_attention_backend", None)
        return dispatch_attention_fn(query, key, value, attn_mask=mask, backend=backend)

    def attend_and_read(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Call the attention of rows `[B, S, A, d]`, and give the layer to the reader.

        Returns:
            the output of the heads side by side, `[B, S, D]`.
        """
        output = self.attend(query, key, value, mask)
        self.read_layer(query, key, output)
        return output.flatten(2, 3).type_as(query)

    def project_output(self, output: Tensor) -> Tensor:
        """Project the outputs of the heads `[B, S, D]` to rows `[B, S, D]`."""
        linear, dropout = self.attention.to_out
        return dropout(linear(output))

    @torch.no_grad()
    def read_layer(self, query: Tensor, key: Tensor, output: Tensor) -> None:
        """Give the layer, rows `[B, S, A, d]`, to the reader, with only the text rows that differ."""
        forward, multiplicity = self.tap.forward, self.tap.forward.multiplicity
        query, key, output = (rows[self.tap.videos].transpose(1, 2) for rows in (query, key, output))
        for video in range(len(query)):
            text = TextRows(key[video, :, : len(multiplicity)], None, multiplicity)
            self.tap.read(
                ReadLayer(
                    layer=self.layer,
                    video=video,
                    query=forward.of_video(query[video]),
                    features=forward.of_video(output[video]),
                    text=text,
                    concepts=text,
                )
            )


def padding_as_one_row(text: Tensor) -> Tensor:
    """`Forward.multiplicity` of text embeddings `[B, T, D_text]`, in which equal rows at the end are carried as one."""
    like_last = (text == text[:, -1:]).all(-1).all(0)
    padding = max(1, int(like_last.flip(0).int().cumprod(0).sum()))  # a row of NaN is not even like itself
    multiplicity = torch.ones(text.shape[1] - padding + 1, dtype=torch.float32, device=text.device)
    multiplicity[-1] = padding
    return multiplicity


class CrossAttentionAdapter(adapter.Adapter):
    """An architecture with cross-attention to the text; see `Adapter`.

    Text rows pass through the model one by one, so equal ones at their end, which are padding, stay equal.
    """

    attention = "attn2"
    has_concept_stream = False

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._multiplicity = KeptValue(padding_as_one_row)
        self.kept_values = (self._multiplicity,)

    def text_multiplicity(self, text: Tensor) -> Tensor:
        """The rows of the prompt, and one row for those after it that are equal."""
        # A run passes the same tensor at each step, so the device is synchronized once for each prompt.
        return self._multiplicity.of(text)
