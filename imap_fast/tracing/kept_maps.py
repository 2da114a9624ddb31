"""Maps of single layers and steps. They leave the device as they are finished, and no step waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from imap_fast.tracing.kept_stores import Store


class KeptMaps:
    """Keeps the maps of each layer, of each step, or of each layer in each step.

    A page holds what one forward pass gives. It is filled on a stream of its own, while the model goes on. Once it is
    complete, the store gets it.

    Args:
        axes: which of `imap_fast.maps.names.AXES` are kept. A mean is taken over the other ones.
        layers: L, the number of layers read.
        shape: of the running sum of the maps, `[V, M, K, N]`.
        device: of the running sum.
        select: gives the maps of C concepts, `[…, M, C, N]`, from those of text rows, `[…, M, K, N]`.
        store: collects the pages of steps, or of their mean.
    """

    def __init__(
        self,
        axes: Sequence[str],
        layers: int,
        shape: torch.Size,
        device: torch.device,
        select: Callable[[Tensor], Tensor],
        store: Store,
    ) -> None:
        self.of_layers, self.of_steps = "layers" in axes, "steps" in axes
        self.layers, self.select, self.store = layers, select, store
        self.shape, self.device = shape, device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._page = self._step_sum = torch.empty(0)  # of the running pass
        self._step = 0
        self._in_flight: deque[tuple[int, Tensor, torch.cuda.Event | None]] = deque()

    def begin_pass(self, step: int) -> None:
        """Prepare for a forward pass.

        Args:
            step: its position among the steps that are read in a run.
        """
        rows = self.layers if self.of_layers else 1
        pinned = self._stream is not None
        with torch.inference_mode(False):
            self._page = torch.empty((rows, *self.shape), dtype=torch.float32, device="cpu", pin_memory=pinned)
            if not self.of_layers:
                self._step_sum = torch.zeros(self.shape, dtype=torch.float32, device=self.device)
        self._step = step

    def add(self, position: int, video: int, maps: Tensor) -> None:
        """Keep the maps of one layer of one video, `[M, K, N]`.

        Args:
            position: of the layer among those read.
            video: index of the video.
            maps: they must not change afterwards.
        """
        if self.of_layers:
            self._send(maps, self._page[position, video])
        else:
            self._step_sum[video] += maps

    def end_pass(self) -> None:
        """Count a forward pass whose layers are all added."""
        if not self.of_layers:
            self._send(self._step_sum / self.layers, self._page[0])
        sent = None if self._stream is None else self._stream.record_event()
        self._in_flight.append((self._step, self._page, sent))
        self._receive(waits=False)

    def _send(self, maps: Tensor, into: Tensor) -> None:
        """Copy maps to the host once they are made."""
        if self._stream is None:
            into.copy_(maps)
            return
        self._stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._stream):
            into.copy_(maps, non_blocking=True)
        maps.record_stream(self._stream)

    def _receive(self, *, waits: bool) -> None:
        """Add the pages that have arrived to the values, in order."""
        while self._in_flight:
            step, page, sent = self._in_flight[0]
            if sent is not None and not sent.query():
                if not waits:
                    return
                sent.synchronize()
            self._in_flight.popleft()
            self.store.add(step if self.of_steps else 0, self.select(page))

    def maps(self) -> dict[str, Tensor]:
        """What is kept, by map, fp32 `[S, L, V, C, N]` on the CPU: the mean over runs, and over what is not kept.

        An axis that is not kept has size 1. It waits for the device. Further passes do not change the values.
        """
        self._receive(waits=True)
        return self.store.maps()
