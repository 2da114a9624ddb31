"""Tapped attention in blocks whose text and visual rows attend to each other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from imap_fast.models.concept_stream import ConceptStream
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.tap import TappedAttention
from imap_fast.models.text_rows import AttendingRows, TextRows
from imap_kernels import concept_attention


class JointAttention(TappedAttention):
    """A block with joint attention, in which concepts can have a stream of their own beside the prompt.

    The concept stream passes the block inside of the block's own forward pass: only there are the weights certainly on
    the device, however the model is offloaded.

    Attributes:
        stream_uses_output: whether the concept rows after the block depend on their attention output. If not, the
            output is computed only for maps that need it.
        temb: the timestep embedding of the running forward pass.
    """

    stream_uses_output: ClassVar[bool] = True
    temb: Tensor

    @contextmanager
    def inserted(self) -> Iterator[None]:
        hook = self.block.register_forward_pre_hook(self._keep_temb, with_kwargs=True)
        try:
            with super().inserted():
                yield
        finally:
            hook.remove()

    def _keep_temb(self, block: nn.Module, args: tuple, kwargs: dict) -> None:
        """Forward pre-hook of the block. The timestep embedding modulates the concepts as it does the prompt."""
        self.temb = kwargs["temb"] if "temb" in kwargs else args[2]

    @abstractmethod
    def concepts_to_qkv(self, rows: Tensor, attends: bool) -> tuple[tuple[Any, Tensor, Any], Any]:
        """Project concept rows for attention, with the text-side weights of the block.

        Args:
            rows: `[V, K, D]`, before the block.
            attends: whether q and v are needed.

        Returns:
            q, k, v `[V, A, K, d]`, and the modulation that `concepts_after_attention` needs. q and v may be None if
            they are not needed.
        """

    @abstractmethod
    def concepts_after_attention(self, rows: Tensor, output: list[Tensor], modulation: Any) -> Tensor:
        """The concept rows `[V, K, D]` after the block.

        Args:
            rows: `[V, K, D]`, before the block.
            output: the attention output of the concepts of each video, `[A, K, d]`. Empty if it was not computed.
            modulation: result of `concepts_to_qkv`.
        """

    @torch.no_grad()
    def read_layer(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        output: Tensor,
        *,
        text: slice,
        visual: slice,
        mask: Tensor | None = None,
    ) -> None:
        """Pass the concept stream through this block, and give the layer to the reader.

        Args:
            query: `[B, A, S, d]` of all rows, like `key`, `value` and `output`.
            key: after QK norm and RoPE, like `query`.
            value: of all rows.
            output: attention output, before the output projection.
            text: the text rows among S.
            visual: the visual rows among S, those of the video and of references.
            mask: which rows are attended to, bool `[B, 1, 1, S]`. None: all.
        """
        tap = self.tap
        query, key, value, output = (rows[tap.videos] for rows in (query, key, value, output))
        concepts = None
        if tap.concepts is not None:
            if tap.stream is None:  # before the first block
                tap.stream = tap.new_stream(tap.concepts, value)
            concepts = self._advance_stream(tap.stream, key[:, :, visual], value[:, :, visual])
        if self.layer not in tap.settings.layers:
            return
        for video in range(len(query)):
            own = None if concepts is None else concepts[video]
            text_query, text_key, text_output = (
                self.prompt_rows(rows[video, :, text], video) for rows in (query, key, output)
            )
            of_text = None if mask is None else self.prompt_rows(mask[tap.videos][video, 0, :, text], video)[0]
            prompt = TextRows(text_key, text_output, self.prompt_counts(of_text, video))
            if own is None:
                other_keys = self.other_keys(key[video, :, visual], key[video, :, text], video)
                own = prompt = self._attending(prompt, text_query, other_keys, of_text)
            matched = own if tap.settings.match == "concepts" else prompt
            tap.read(
                ReadLayer(
                    layer=self.layer,
                    video=video,
                    query=tap.forward.of_video(query[video, :, visual]),
                    features=tap.forward.of_video(output[video, :, visual]),
                    text=matched,
                    concepts=own,
                    visual_key=tap.forward.of_video(key[video, :, visual]),
                )
            )

    def prompt_rows(self, text: Tensor, video: int) -> Tensor:
        """Those of the text rows `[…, S, d]` or `[…, S]` of a block that are tokens of the prompt. By default, all."""
        return text

    def prompt_counts(self, mask: Tensor | None, video: int) -> Tensor:
        """How often the key of each token of the prompt counts, fp32 `[K]`.

        By default, it counts also if a mask leaves it out.

        `mask` says which of them are attended to, bool `[K]`. None: all.
        """
        return self.tap.forward.multiplicity

    def other_keys(self, visual: Tensor, text: Tensor, video: int) -> Tensor:
        """The keys `[A, N, d]` that text rows attend to, besides those of the prompt. By default, the visual ones."""
        return visual

    def _attending(self, rows: TextRows, query: Tensor, visual_key: Tensor, mask: Tensor | None = None) -> TextRows:
        """The same rows with what their attention to each other is computed from, if it is needed.

        `mask` says which of them are attended to, bool `[K]`. None: all.
        """
        if not self.tap.settings.text_attention:
            return rows
        counts = rows.multiplicity if mask is None else rows.multiplicity * mask
        return replace(rows, attending=AttendingRows(query, rows.key, visual_key, counts))

    def _advance_stream(self, stream: ConceptStream, visual_key: Tensor, visual_value: Tensor) -> list[TextRows]:
        """Pass the concept stream through this block, beside visual keys and values `[V, A, N, d]`.

        Returns:
            the rows of the concepts in this block, for each video.
        """
        settings = self.tap.settings
        is_read = self.layer in settings.layers
        continues = self.layer < settings.layers[-1]
        attends = (is_read and "concept_attention" in settings.maps) or (continues and self.stream_uses_output)
        shows = is_read and settings.text_attention
        (query, key, value), modulation = self.concepts_to_qkv(stream.rows, attends or shows)
        output: list[Tensor] = []
        if attends:
            output = [
                # In autocast, norms leave queries and keys in fp32. Attention is in the dtype of the values.
                concept_attention(
                    *(part.to(value.dtype) for part in rows), multiplicity=stream.multiplicity, backend=settings.backend
                )
                for rows in zip(query, key, value, visual_key, visual_value, strict=True)
            ]
        if continues:
            stream.rows = self.concepts_after_attention(stream.rows, output, modulation)
        rows = [TextRows(k, o, stream.multiplicity) for k, o in zip_longest(key, output)]
        if not shows:
            return rows
        return [
            self._attending(of_video, q, visual_k)
            for of_video, q, visual_k in zip(rows, query, visual_key, strict=True)
        ]
