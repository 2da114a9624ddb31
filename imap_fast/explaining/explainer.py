"""`Explainer`: passes the windows of a real video through a traced pipeline, and joins their maps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from imap_fast.ahead import ahead
from imap_fast.explaining.blending import Blender
from imap_fast.explaining.carried_regions import carry_regions
from imap_fast.explaining.checkpoint import Checkpoint
from imap_fast.explaining.fingerprint import fingerprint_of, schedule_of, tiling_of
from imap_fast.explaining.gpu_memory import PeakMeter, release_text_encoders
from imap_fast.explaining.kept_room import check_room_of_run
from imap_fast.explaining.read_frames import FrameReader
from imap_fast.explaining.read_record import read_record, warn_of_the_rest
from imap_fast.explaining.repeats import agreements, count_window, inside_of, mean_and_spread, stacked
from imap_fast.explaining.shot_windows import ShotStart, ShotWindows, Window
from imap_fast.explaining.windows import Windows
from imap_fast.maps.names import FRAME_NUMBERS, TEXT_ATTENTION
from imap_fast.maps.run_folder import result_of
from imap_fast.maps.run_state import RunState, ShotState
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.models.attention_backend import active_backend
from imap_fast.models.real_video.noise import Noise
from imap_fast.models.registry import adapter_for
from imap_fast.models.vae_compression import spatial_compression
from imap_fast.tracing.most_chosen import most_chosen
from imap_fast.tracing.not_finite import NotFiniteError
from imap_fast.tracing.run import seed_of
from imap_fast.tracing.settings import indices
from imap_fast.tracing.trace import trace
from imap_fast.upsampling.latent_time import LatentTime
from imap_fast.version import versions
from imap_fast.video import Clip, VideoFile
from imap_fast.video.rate import check_fps, passed_rate
from imap_fast.video.times import check_shots, check_stretch


class Explainer:
    """`explain` for several videos: the text is encoded once, and the model stays traced until the `with` ends.

    The other arguments and the errors are those of `imap_fast.explain`.

    Args:
        release_text_encoder: whether to remove the text encoders from the pipeline after the text is encoded.
    """

    def __init__(
        self,
        pipe: Any,
        prompt: str,
        concepts: Sequence[str] | Tensor | None,
        *,
        steps: Iterable[int] | None = None,
        num_inference_steps: int | None = None,
        height: int | None = None,
        width: int | None = None,
        window: int | None = None,
        overlap: int | None = None,
        shots: str | Sequence[float | str] = "auto",
        fps: str | float = "model",
        windows_per_batch: int | str = 1,
        noises: int = 1,
        generator: torch.Generator | None = None,
        vae: str | os.PathLike | Any = None,
        release_text_encoder: bool = False,
        **trace_arguments: Any,
    ) -> None:
        if not isinstance(prompt, str):
            raise TypeError(f"prompt must be one text for the whole video, not {prompt!r}")
        self.pipe, self.prompt = pipe, prompt
        self.adapter = adapter = adapter_for(pipe)
        self.forward = forward = adapter.video_forward(num_inference_steps, height, width, vae)
        self.steps = indices("steps", [forward.default_step] if steps is None else steps)
        scheduled = forward.num_inference_steps
        if self.steps[-1] >= scheduled:
            raise ValueError(
                f"step {self.steps[-1]} is outside the schedule of {scheduled} steps; give 0 to {scheduled - 1}"
            )
        time = forward.temporal_compression, adapter.patch_size[0]
        length = forward.num_frames if window is None else window
        self.windows = Windows(length, overlap, *time)
        if windows_per_batch != "auto" and (type(windows_per_batch) is not int or windows_per_batch < 1):
            raise ValueError(
                f"windows_per_batch={windows_per_batch!r} is not possible; give a number from 1, or 'auto'"
            )
        self.windows_per_batch = windows_per_batch
        self.shots, self.fps = check_shots(shots), check_fps(fps)
        if type(noises) is not int or noises < 1:
            raise ValueError(f"noises={noises!r} is not possible; give a number from 1")
        noise = Noise(generator or torch.Generator().manual_seed(0))
        self.noises = [noise, *noise.others(noises - 1)]
        self.seeds = [seed_of(each.generator) for each in self.noises]
        if unfit := [name for name in ("on_step", "folder") if name in trace_arguments]:
            raise ValueError(f"{unfit[0]} is for trace, whose steps make one video; omit it")
        self.tracer = trace(pipe, concepts, guided=False, **trace_arguments)
        # A copy, because with match="prompt" the tokens of the prompt may replace them.
        self.labels = self.tracer.concepts.baseline_labels
        self.release_text_encoder = release_text_encoder
        self._encoded_for: ShotStart | None = None
        self._fingerprint: dict[str, Any] = {}
        self._exits = ExitStack()

    def __enter__(self) -> Explainer:
        with torch.no_grad(), ExitStack() as exits:
            exits.enter_context(self.tracer)
            exits.enter_context(self.adapter.stopped_after(self.tracer.settings.layers[-1]))
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exits.close()
        self.pipe.maybe_free_model_hooks()

    @torch.no_grad()
    def explain(
        self,
        video: str | os.PathLike | Clip | Any,
        *,
        num_frames: int | None = None,
        start: float | str | None = None,
        end: float | str | None = None,
        stream: int | None = None,
        folder: str | os.PathLike | None = None,
        on_progress: Callable[[int, int | None], None] = lambda done, expected: None,
    ) -> SaliencyMaps:
        """The maps of one video.

        Args:
            video: as in `imap_fast.explain`, like the arguments up to `folder`.
            num_frames: the largest number of frames to read.
            start: of the stretch that is read.
            end: of the stretch.
            stream: of a file.
            folder: of the checkpoint.
            on_progress: called with the number of frames whose windows are finished, and of all frames (None if
                unknown).
        """
        if num_frames is not None and num_frames < 1:
            raise ValueError(f"num_frames={num_frames} is not possible; read at least 1 frame")
        start, end = check_stretch(start, end)
        if isinstance(video, (str, os.PathLike)):
            video = VideoFile(video, start, end, stream)
        elif stream is not None:
            raise ValueError(f"stream={stream!r} chooses a film of a file, and the video is frames; omit it")
        else:
            video = Clip.of(video).stretch(start, end)
        expected = video.expected_frames and min(video.expected_frames, num_frames or video.expected_frames)
        digest = video.fingerprint()
        if folder is not None and not self._fingerprint:
            # Before text encoders are released.
            self._fingerprint = fingerprint_of(self.pipe, self.forward.encoder.module)
        options = {} if folder is None else self._options(digest, num_frames, start, end, stream)
        with Checkpoint(folder, options) as checkpoint:
            state = checkpoint.state
            on_progress(state.num_frames, expected)
            if not state.finished:
                state.passed_fps = passed_rate(self.fps, video.fps, self.forward.fps)
                self._carry_regions(video, num_frames, state)
                with ahead(self._windows(video, num_frames, state), 2) as windows:
                    for batch in self._batches(windows, state):
                        self._encode_text(batch[0].shot)
                        read = self._pass(batch, state)
                        check_room_of_run(read[0], state, expected, video.fps, self.windows.span, checkpoint.folder)
                        self._blend(batch, read, checkpoint)
                        on_progress(state.num_frames, expected)
                self._finish(video, (start, end), stream, digest, checkpoint)
            return SaliencyMaps.from_record(*result_of(state, checkpoint.arrays()))

    def frames_covered(self, clip: Clip) -> int:
        """How many frames of a clip its maps will cover: all, or all but those at its end that fill no latent frame."""
        if passed_rate(self.fps, clip.fps, self.forward.fps) is not None:
            return len(clip.frames)
        *_, last = self._windows(clip, None, RunState(options={}))
        return last.frames[-1].number + 1

    def _carry_regions(self, video: VideoFile | Clip, num_frames: int | None, state: RunState) -> None:
        """Read the rows of the regions, each in its window, before any window is finished."""
        if (reader := self.tracer.regions) is None:
            return

        def pass_window(window: Window) -> None:
            self._encode_text(window.shot)
            self._pass([window], RunState(options={}, windows_per_batch=1))

        self.tracer.marks_regions = False
        patch = [spatial_compression(self.pipe) * side for side in self.adapter.patch_size[1:]]
        seen, time = (self.forward.height, self.forward.width), LatentTime(*self.windows.compression)
        windows = self._windows(video, num_frames, RunState(options={}, passed_fps=state.passed_fps))
        carry_regions(reader, windows, seen, patch, time, self.pipe._execution_device, pass_window)

    def _options(
        self, digest: str, num_frames: int | None, start: float | None, end: float | None, stream: int | None
    ) -> dict[str, Any]:
        """Everything that determines the result, as JSON values."""
        concepts, device = self.tracer.concepts, self.pipe._execution_device.type
        wanted: Any = concepts.words
        if wanted is None and concepts.embeddings is not None:
            wanted = hashlib.sha256(concepts.embeddings.cpu().float().numpy().tobytes()).hexdigest()
        return {
            "video": digest,
            "num_frames": num_frames,
            "start": start,
            "end": end,
            "stream": stream,
            "shots": self.shots,
            "fps": self.fps,
            "prompt": self.prompt,
            "concepts": wanted,
            **concepts.record(),
            **({} if self.tracer.regions is None else {"regions": self.tracer.regions.identity()}),
            "labels": self.labels,
            **self.tracer.settings.record(),
            "steps": self.steps,
            "num_inference_steps": self.forward.num_inference_steps,
            "height": self.forward.height,
            "width": self.forward.width,
            "window": self.windows.length,
            "overlap": self.windows.overlap,
            "windows_per_batch": self.windows_per_batch,
            "noise": self.noises[0].fingerprint(),
            "noises": len(self.noises),
            "model": self.adapter.name,
            **self._fingerprint,
            "schedule": schedule_of(self.forward.scheduler),
            "dtype": str(self.pipe.transformer.dtype),
            "vae": self.forward.encoder.options,
            "vae_tiling": tiling_of(self.forward.encoder.vae),
            "active_attention_backend": active_backend(),
            "autocast": str(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else None,
            "device": device,
            "versions": versions(),
        }

    def _encode_text(self, shot: ShotStart) -> None:
        """Encode the text once, or for each shot if the text encoder sees its first frame."""
        if self._encoded_for is shot or (self._encoded_for is not None and not self.forward.text_sees_video):
            return
        self.tracer.reset()
        self.forward.encode_text(self.prompt, shot.pixels)
        self._encoded_for = shot
        if self.release_text_encoder and not self.forward.text_sees_video:
            release_text_encoders(self.pipe)

    def _windows(self, video: VideoFile | Clip, num_frames: int | None, state: RunState) -> Iterator[Window]:
        """The windows of the video that are not finished."""
        current = state.shots[-1] if state.shots else None
        begin, skipped = (current.first_frame, self.windows.resume_frame(current.windows)) if current else (0, 0)
        reader = FrameReader(
            self.forward.height, self.forward.width, state.passed_fps, finds_shots=self.shots == "auto"
        )
        frames = reader.read(islice(video.pictures(), num_frames), begin, skipped)
        return ShotWindows(self.windows, self.shots, fills=state.passed_fps is not None).split(frames, current)

    def _batches(self, windows: Iterator[Window], state: RunState) -> Iterator[list[Window]]:
        """Group windows of the same length, and of the same text, into batches.

        A resumed run has the same batches as one without interruption: same bits.
        """
        if isinstance(self.windows_per_batch, int):
            state.windows_per_batch = self.windows_per_batch
        batch: list[Window] = []
        for window in windows:
            is_of_one_text = not self.forward.text_sees_video or (batch and window.shot is batch[0].shot)
            if batch and not (is_of_one_text and len(window.frames) == len(batch[0].frames)):
                yield batch
                batch = []
            batch.append(window)
            # One row until the number that fits is known.
            if len(batch) == max(1, (state.windows_per_batch or 1) // len(self.noises)):
                yield batch
                batch = []
        if batch:
            yield batch

    def _pass(self, batch: list[Window], state: RunState) -> list[SaliencyMaps]:
        """The maps of a batch of windows, of each window and noise."""
        meter = PeakMeter(self.pipe._execution_device)
        rows = [row for window in batch for row in self._encoded(window)]
        together = state.windows_per_batch or 1
        read = []
        for first in range(0, len(rows), together):
            chunk = rows[first : first + together]
            if self.tracer.regions is not None:
                self.tracer.regions.noises = [number % len(self.noises) for number in range(first, first + len(chunk))]
            read += self._read(chunk)
        # A window of a short shot needs less memory than another.
        if state.windows_per_batch is None and len(batch[0].frames) == self.windows.length:
            state.windows_per_batch = meter.windows_that_fit()
        return read

    def _blend(self, batch: list[Window], read: list[SaliencyMaps], checkpoint: Checkpoint) -> None:
        """Blend windows with those before them, and commit the latent frames that are now final."""
        count, state = len(self.noises), checkpoint.state
        for number, window in enumerate(batch):
            repeats = read[number * count :][:count]
            values = stacked([maps.maps for maps in repeats]) | inside_of(repeats)
            values["seconds"] = self.windows.latent_means([frame.seconds for frame in window.frames])
            if state.passed_fps is not None:
                values[FRAME_NUMBERS] = self.windows.latent_means([frame.number for frame in window.frames])
            shot = self._shot_of(window, checkpoint)
            blender = Blender(state.latent_frames - shot.first_latent, state.pending)
            self._append(blender.add(window.begin, values), checkpoint)
            state.pending = blender.pending
            for maps in repeats:
                count_window(maps, state.tensors)
            state.windows += 1
            shot.windows += 1
            shot.num_frames = window.last + 1 - shot.first_frame
            state.num_frames = shot.first_frame + shot.num_frames
        state.record = self._record(read[-1])
        checkpoint.commit()

    def _shot_of(self, window: Window, checkpoint: Checkpoint) -> ShotState:
        """The shot of the next window. If it begins one, the latent frames of the shot before are final."""
        state = checkpoint.state
        if not state.shots or state.shots[-1].first_frame != window.shot.number:
            if state.pending:
                self._append(state.pending, checkpoint)
                state.pending = {}
            shot = ShotState(
                first_frame=window.shot.number, first_latent=state.latent_frames, seconds=window.shot.seconds
            )
            state.shots.append(shot)
        return state.shots[-1]

    def _encoded(self, window: Window) -> list[dict[str, Tensor]]:
        """What the forward passes of a window need: a row for each noise. It is encoded once."""
        encoded = self.forward.encode(window.pixels)
        begin = window.begin * self.windows.patch_size_t
        return [self.forward.with_noise(encoded, begin, noise) for noise in self.noises]

    def _read(self, rows: list[dict[str, Tensor]]) -> list[SaliencyMaps]:
        """The maps of rows that pass the transformer together."""
        together = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
        self.tracer.reset()
        for step in self.steps:
            self.forward.forward(step, together)
        try:
            maps = self.tracer.maps
        except NotFiniteError as error:  # the trace counts passes
            raise NotFiniteError(error.layer, self.steps[error.step]) from None
        return [maps.video(row) for row in range(len(rows))]

    def _append(self, final: dict[str, Tensor], checkpoint: Checkpoint) -> None:
        """Add latent frames that no later window changes to the checkpoint."""
        checkpoint.append(final if len(self.noises) == 1 else mean_and_spread(final, checkpoint.state.tensors))

    def _record(self, maps: SaliencyMaps) -> dict[str, Any]:
        """The record of the result, without what is known only at the end."""
        settings = {
            **maps.settings,
            "runs": [{"prompt": self.prompt, "seed": seed} for seed in self.seeds],
            "num_inference_steps": self.forward.num_inference_steps,
            "rest_in_first_latent": False,  # of a window, which has no rest
        }
        if self.tracer.regions is not None:
            settings["regions"] = self.tracer.regions.record()
        # The steps of a real video share a noise, so they do not say what another one would give.
        settings.pop("repeats", None)
        if len(self.noises) > 1:
            settings["repeats"] = {"of": "noises", "count": len(self.noises)}
        return maps.record() | {"steps": self.steps, "settings": settings}

    def _finish(
        self,
        video: VideoFile | Clip,
        stretch: tuple[float | None, float | None],
        stream: int | None,
        digest: str,
        checkpoint: Checkpoint,
    ) -> None:
        """Commit the remaining latent frames, and complete the record."""
        state, settings = checkpoint.state, self.tracer.settings
        self._append(state.pending, checkpoint)
        sums, pending = state.tensors, state.pending
        count, votes = state.windows * len(self.noises), sums["votes"]
        scores = sums["head_scores"] / count
        chosen = most_chosen(votes, scores, head_score=settings.head_score, top_k=settings.top_k)
        state.pending, state.tensors = {}, {"head_scores": scores, "selected_heads": chosen}
        if settings.text_attention:
            state.tensors[TEXT_ATTENTION] = sums[TEXT_ATTENTION] / count
        if len(self.noises) > 1:
            height, width = pending[state.record["maps"][0]].shape[-2:]
            state.tensors |= agreements(sums, state.record["maps"], state.latent_frames * height * width)
        state.record["settings"]["video"] = read_record(
            video, state, self.forward, self.windows, stretch=stretch, stream=stream, digest=digest
        )
        state.finished = True
        checkpoint.commit()
        warn_of_the_rest(video, self.shots if stretch == (None, None) else "off", state)
