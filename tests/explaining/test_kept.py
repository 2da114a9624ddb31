"""A real video keeps single layers, steps and heads, too. Windows are blended, and runs resume."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining import kept_room
from imap_fast.tracing.tracer import Tracer
from tests.assertions import assert_close
from tests.explaining.runs import contents, killed_after, refused, same
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.tiny import tiny_pipeline

VIDEO = clip(25)  # three windows
KEPT = {"keep": ["layers", "steps"], "heads": [(2, 1), (0, 0)], "steps": [20, 30], "layers": [0, 2]}
TEXT = {"maps": ["imap", "gramcol", "text_attention"]}


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture(autouse=True)
def _unsure() -> Iterator[None]:
    """Maps of random weights are not sure, and say so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "another noise would")
        yield


def explain(pipeline, folder: Path | None = None, **changed: object) -> SaliencyMaps:
    return imap_fast.explain(pipeline, VIDEO, *ARGUMENTS, folder=folder, **{**READ, **KEPT, **changed})


def plain(pipeline, **changed: object) -> SaliencyMaps:
    return explain(pipeline, **{"keep": (), "heads": (), **changed})


def test_layers_and_steps_of_all_windows(pipeline) -> None:
    maps = explain(pipeline)
    assert maps.settings["video"]["windows"] == 3
    assert maps.kept["imap"].shape == (2, 2, *maps.imap.shape)
    for position, layer in enumerate(KEPT["layers"]):
        for place, step in enumerate(KEPT["steps"]):
            alone = plain(pipeline, layers=[layer], steps=[step])
            for name, values in alone.maps.items():
                assert torch.equal(maps.by_layer_and_step[name][position, place], values)
    unkept = plain(pipeline)
    for name, values in unkept.maps.items():
        assert torch.equal(maps.maps[name], values)
        assert_close(maps.by_layer[name].mean(0), values, 1e-6)


def test_heads_of_all_windows(pipeline) -> None:
    heads = [(2, head) for head in range(pipeline.transformer.config.num_attention_heads)]
    maps = explain(pipeline, layers=[2], heads=heads)
    assert_close(maps.single_heads.sum(0), maps.gramcol, 1e-5)


def test_noises_are_averaged(pipeline) -> None:
    maps = explain(pipeline, noises=2)
    first, second = (
        explain(pipeline, generator=torch.Generator().manual_seed(run["seed"])) for run in maps.settings["runs"]
    )
    for name, values in maps.kept.items():
        assert_close(values, (first.kept[name] + second.kept[name]) / 2, 1e-6)
    assert_close(maps.single_heads, (first.single_heads + second.single_heads) / 2, 1e-6)


@pytest.mark.parametrize("noises", [1, 2])
def test_a_folder_holds_the_same_bits(pipeline, tmp_path: Path, noises: int) -> None:
    on_disk, in_memory = explain(pipeline, tmp_path / "run", noises=noises), explain(pipeline, noises=noises)
    assert same(on_disk, in_memory)
    assert same(SaliencyMaps.load(tmp_path / "run"), in_memory)
    one = np.load(tmp_path / "run" / "kept.imap.npy", mmap_mode="r")[:, 1, 0]  # a layer in a step
    assert np.array_equal(one.swapaxes(0, 1), in_memory.by_layer_and_step["imap"][1, 0].numpy())


def test_text_attention_is_the_mean_over_windows_and_noises(pipeline, tmp_path: Path) -> None:
    maps = {"maps": ["gramcol", "text_attention"], "windows_per_batch": 1}
    whole = plain(pipeline, folder=tmp_path, noises=2, **maps)
    assert same(SaliencyMaps.load(tmp_path), whole)
    alone = [
        plain(pipeline, generator=torch.Generator().manual_seed(run["seed"]), **maps) for run in whole.settings["runs"]
    ]
    assert_close(whole.text_attention, (alone[0].text_attention + alone[1].text_attention) / 2, 1e-6)
    read, windows = Tracer.maps.fget, []

    def observe(tracer: Tracer) -> SaliencyMaps:
        windows.append(read(tracer))
        return windows[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tracer, "maps", property(observe))
        found = plain(pipeline, **maps)
    assert len(windows) == 3
    assert_close(found.text_attention, sum(window.text_attention for window in windows) / 3, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("noises", [1, 2])
def test_a_run_resumes(pipeline, tmp_path: Path, noises: int) -> None:
    explain(pipeline, tmp_path / "whole", noises=noises, **TEXT)
    for commits in range(5):
        if not killed_after(commits, lambda: explain(pipeline, tmp_path / "cut", noises=noises, **TEXT)):
            break
    else:
        raise AssertionError("it is never finished")
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_other_settings_are_refused(pipeline, tmp_path: Path) -> None:
    explain(pipeline, tmp_path)
    assert "keep was ['layers', 'steps'] and is ['layers']" in refused(
        lambda: explain(pipeline, tmp_path, keep=["layers"])
    )
    assert "heads was [[2, 1], [0, 0]] and is None" in refused(lambda: explain(pipeline, tmp_path, heads=()))


def test_without_keep_a_run_is_as_before(pipeline, tmp_path: Path) -> None:
    maps = plain(pipeline, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.npy")) == ["gramcol.npy", "imap.npy", "seconds.npy"]
    assert not {"keep", "heads"} & maps.settings.keys()


def test_a_damaged_array_is_found(pipeline, tmp_path: Path) -> None:
    explain(pipeline, tmp_path)
    file = tmp_path / "kept.imap.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "its values are not what was written" in refused(lambda: SaliencyMaps.load(tmp_path))
    (tmp_path / "state.safetensors").unlink()
    for name in ("gramcol", "imap", "seconds", "single_heads"):
        (tmp_path / f"{name}.npy").unlink()
    assert "is missing beside kept." in refused(lambda: explain(pipeline, tmp_path))


def test_room_is_checked_before_it_is_taken(pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latents = explain(pipeline).grid[0]
    first = explain(pipeline, num_frames=9).kept  # what passes in a window is less than what the video needs
    needed = sum(values.nbytes for values in first.values()) // first["imap"].shape[-3] * latents
    assert needed > 1.5 * sum(values.nbytes for values in first.values())
    for kind, of in (("virtual_memory", {}), ("disk_usage", {"folder": tmp_path / "run"})):
        for room, fits in ((needed - 1, False), (needed + 5000, True)):
            with monkeypatch.context() as patch:
                found = SimpleNamespace(available=room, free=room)
                patch.setattr(psutil, kind, lambda *_, found=found: found)
                if fits:
                    explain(pipeline, **of)
                else:
                    assert "are free; keep one axis" in refused(lambda of=of: explain(pipeline, **of))


@pytest.mark.parametrize(
    ("frames", "fps", "passed_fps", "latents"),
    [
        (97, 8.0, None, 25),
        (97, None, 8.0, 25),
        (95, 24.0, 8.0, 8),  # 32 of them pass
        (5, 8.0, None, 3),  # those of the window
        (None, 24.0, 8.0, 3),
    ],
)
def test_room_is_that_of_the_frames_that_pass(monkeypatch, frames, fps, passed_fps, latents) -> None:
    taken = []
    monkeypatch.setattr(kept_room, "check_room", lambda *arguments: taken.append(arguments))
    window = SimpleNamespace(keep=("steps",), grid=(3, 2, 5), kept={"imap": torch.zeros(2, 1, 4, 3, 2, 5)})
    for done in (0, 1):
        state = SimpleNamespace(windows=done, passed_fps=passed_fps)
        kept_room.check_room_of_run(window, state, frames, fps, 4, None)
    assert taken == [(("steps",), 2 * 4 * latents * 10 * 4, None)], "it is said once"
