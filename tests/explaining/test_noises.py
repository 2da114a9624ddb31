"""Several noises: each is a run by itself, their mean is the map, and how much they differ tells how sure it is."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.explaining.checkpoint import Checkpoint
from imap_fast.explaining.explainer import Explainer
from imap_fast.explaining.gpu_memory import PeakMeter
from imap_fast.maps.agreement import agreement, sums_of_repeats
from imap_fast.maps.names import MAP_NAMES
from imap_fast.maps.run_state import read_state, write_state
from imap_fast.models.real_video.noise import Noise
from imap_fast.models.registry import adapter_for
from tests.architectures import Architecture
from tests.assertions import assert_close
from tests.explaining.runs import Killed, contents, refused
from tests.explaining.test_explain import ARGUMENTS, READ, clip
from tests.pipelines import PROMPT
from tests.precision import in_fp64
from tests.tiny import HEIGHT, WIDTH, tiny_pipeline

NOISES = 3
VIDEO = clip(25)  # three windows


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
    return imap_fast.explain(pipeline, VIDEO, *ARGUMENTS, folder=folder, **{**READ, "noises": NOISES, **changed})


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def alone(pipeline, whole: SaliencyMaps, **changed: object) -> list[SaliencyMaps]:
    """The maps of each noise, from its recorded seed."""
    seeds = [run["seed"] for run in whole.settings["runs"]]
    return [explain(pipeline, noises=1, generator=seeded(seed), **changed) for seed in seeds]


def same(one: SaliencyMaps, other: SaliencyMaps) -> bool:
    mine, theirs = one.tensors(), other.tensors()
    equal = mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    return equal and one.record() == other.record()


@pytest.fixture(scope="module")
def in_one_go(pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explain(pipeline, folder)
    return folder


@pytest.mark.slow
def test_the_map_is_the_mean_of_runs_with_each_noise(pipeline) -> None:
    """Where windows are blended, too: with the same bits. Spread and agreement are those of the runs."""
    maps = explain(pipeline, maps=MAP_NAMES)
    runs = alone(pipeline, maps, maps=MAP_NAMES)
    assert maps.settings["video"]["windows"] == 3
    assert maps.settings["repeats"] == {"of": "noises", "count": NOISES}
    assert [run["prompt"] for run in maps.settings["runs"]] == ["a red cat"] * NOISES
    for name, values in maps.maps.items():
        repeats = torch.stack([run.maps[name] for run in runs]).double()
        assert torch.equal(values, repeats.mean(0).float())
        assert_close(maps.spreads[name], repeats.std(0), 1e-6)
        table = sums_of_repeats(repeats.permute(2, 0, 1, 3, 4))
        assert_close(maps.agreements[name], agreement(table, values[0].numel()), 1e-5)
        assert 0 < maps.agreements[name].max() < 1
    assert_close(maps.head_scores, torch.stack([run.head_scores for run in runs]).mean(0), 1e-6)
    assert maps.agreement is maps.agreements["imap"]
    assert maps.spread is maps.spreads["imap"]


def test_motion_heads_are_voted_for_in_each_window_of_each_noise(pipeline, monkeypatch) -> None:
    read, of_video = [], SaliencyMaps.video
    monkeypatch.setattr(SaliencyMaps, "video", lambda maps, row: read.append(of_video(maps, row)) or read[-1])
    whole = explain(pipeline, top_k=3, windows_per_batch=4)
    assert len(read) == 3 * NOISES
    for layer, selected in enumerate(whole.selected_heads.tolist()):
        votes = torch.zeros(4)
        for maps in read:
            votes[maps.selected_heads[layer]] += torch.tensor([3.0, 2, 1])  # the best head first
        mean = torch.stack([maps.head_scores[layer] for maps in read]).mean(0)
        assert selected == sorted(range(4), key=lambda head: (-votes[head], -mean[head]))[:3]


@pytest.mark.slow
def test_one_noise_is_what_it_always_was(pipeline) -> None:
    """And of the steps of a real video, which share it, nothing follows for another noise."""
    maps = explain(pipeline, noises=1, steps=[10, 30])
    assert same(maps, imap_fast.explain(pipeline, VIDEO, *ARGUMENTS, steps=[10, 30], **READ))
    assert (maps.agreements, maps.spreads) == (None, None)
    assert "repeats" not in maps.settings


@pytest.mark.slow
def test_several_steps_of_several_noises(pipeline) -> None:
    maps = explain(pipeline, steps=[10, 30])
    runs = torch.stack([run.imap for run in alone(pipeline, maps, steps=[10, 30])]).double()
    assert torch.equal(maps.imap, runs.mean(0).float())
    assert_close(maps.spread, runs.std(0), 1e-6)
    assert maps.settings["repeats"] == {"of": "noises", "count": NOISES}


@pytest.mark.parametrize(
    ("rows", "encoded", "passed"),
    [
        (1, [1] * 3, [1] * 9),
        (2, [1] * 3, [2, 1] * 3),
        (3, [1] * 3, [3] * 3),
        (5, [1] * 3, [3] * 3),
        (6, [2, 1], [6, 3]),
        (9, [3], [9]),
    ],
)
def test_a_window_is_encoded_once_and_counts_once_for_each_noise(rows, encoded, passed, monkeypatch) -> None:
    pipeline, windows, batches, calls = tiny_pipeline(), [], [], []
    encode, run = pipeline.vae.encode, Explainer._pass
    monkeypatch.setattr(pipeline.vae, "encode", lambda pixels: calls.append(len(pixels)) or encode(pixels))
    monkeypatch.setattr(Explainer, "_pass", lambda *given: windows.append(len(given[1])) or run(*given))
    pipeline.transformer.register_forward_pre_hook(
        lambda module, args, given: batches.append(len(given["hidden_states"])), with_kwargs=True
    )
    explain(pipeline, windows_per_batch=rows)
    assert (windows, batches, sum(calls)) == (encoded, passed, 3)


@pytest.mark.slow
def test_the_batch_hardly_matters(architecture: Architecture) -> None:
    read = {**architecture.arguments, "layers": [0, 1], "height": HEIGHT, "width": WIDTH, "window": 9, "noises": 2}
    pipeline = in_fp64(architecture.pipeline())
    one, *others = (
        imap_fast.explain(pipeline, clip(17), PROMPT, ["cat", "running"], windows_per_batch=rows, **read)
        for rows in (1, 3, 4)
    )
    for maps in others:
        for name, values in one.tensors().items():
            if values.is_floating_point():
                assert_close(maps.tensors()[name], values, 1e-6)


def test_auto_measures_one_row_first(pipeline, monkeypatch) -> None:
    monkeypatch.setattr(PeakMeter, "windows_that_fit", lambda meter: 2 * NOISES)
    batches, forward = [], adapter_for(pipeline).video_forward_class.forward
    monkeypatch.setattr(
        adapter_for(pipeline).video_forward_class,
        "forward",
        lambda self, step, rows: batches.append(len(rows["latents"])) or forward(self, step, rows),
    )
    explain(pipeline, windows_per_batch="auto")
    assert batches == [1] * NOISES + [2 * NOISES]


def test_neighbouring_seeds_share_no_noise() -> None:
    """Not even those that are derived: nor the blocks of a long video."""
    like, drawn = torch.zeros(1, 4, 3, 4, 6), []
    for seed in range(6):
        noise = Noise(seeded(seed))
        for each in (noise, *noise.others(5)):
            drawn += [each.draw(like, block, dim=2) for block in (0, 3)]
    rows = torch.stack(drawn).flatten(1)
    assert len(rows) == 72
    # Independent noise of 288 values correlates by less than 6 / √288.
    assert (torch.corrcoef(rows) - torch.eye(72)).abs().max() < 0.35


def test_other_noises_follow_from_the_whole_state_of_the_generator() -> None:
    used = seeded(1)
    torch.randn(5, generator=used)
    seeds = [[other.generator.initial_seed() for other in Noise(each).others(3)] for each in (seeded(1), used)]
    assert len({*seeds[0], *seeds[1]}) == 6
    assert seeds[0] == [other.generator.initial_seed() for other in Noise(seeded(1)).others(4)][:3]
    assert all(0 <= seed < 2**63 for row in seeds for seed in row)


def test_a_generator_in_use_has_no_seed_and_the_others_have(pipeline) -> None:
    used = seeded(1)
    torch.randn(5, generator=used)
    first, *others = explain(pipeline, generator=used).settings["runs"]
    assert first["seed"] is None
    assert all(isinstance(run["seed"], int) for run in others)


def test_a_warning_names_what_another_noise_would_change(pipeline) -> None:
    says = r"^another noise would give another map of '.* \(agreement 0\.\d\d\).*; average more with noises=8$"
    with pytest.warns(UserWarning, match=says) as told:
        maps = explain(pipeline)
    assert maps.agreement.min() < 0.5
    assert [warning.filename for warning in told] == [__file__], "it is told of the line of the user"


@pytest.mark.parametrize("noises", [0, -1, 2.0, True, "2"])
def test_impossible_numbers(pipeline, noises: object) -> None:
    with pytest.raises(ValueError, match=rf"^noises={noises!r} is not possible; give a number from 1$"):
        explain(pipeline, noises=noises)


# On disk.


def test_the_folder_holds_the_same(pipeline, in_one_go: Path, tmp_path: Path) -> None:
    on_disk = SaliencyMaps.load(in_one_go)
    assert same(on_disk, explain(pipeline))
    names = ["gramcol.npy", "imap.npy", "seconds.npy", "spread.gramcol.npy", "spread.imap.npy", "state.safetensors"]
    assert sorted(contents(in_one_go)) == [".lock", *names]
    for suffix in (".npz", ".safetensors"):
        on_disk.save(tmp_path / f"maps{suffix}")
        assert same(SaliencyMaps.load(tmp_path / f"maps{suffix}"), on_disk)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 4, 6])
@pytest.mark.parametrize("commits", [1, 2, 3])
def test_it_goes_on_from_any_window_to_the_same_bytes(pipeline, rows, commits, tmp_path, monkeypatch) -> None:
    commit, committed = Checkpoint.commit, []

    def stop(run: Checkpoint) -> None:
        if len(committed) == commits:
            raise Killed
        committed.append(run.state.windows)
        commit(run)

    explain(pipeline, tmp_path / "whole", windows_per_batch=rows)
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "commit", stop)
        try:
            explain(pipeline, tmp_path / "cut", windows_per_batch=rows)
        except Killed:
            assert not read_state(tmp_path / "cut").finished
    explain(pipeline, tmp_path / "cut", windows_per_batch=rows)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.parametrize("noises", [1, 2, 4])
def test_another_number_of_noises_is_another_run(pipeline, in_one_go: Path, noises: int) -> None:
    with pytest.raises(ValueError, match=f"{in_one_go} holds a run with other settings: noises was 3 and is {noises};"):
        explain(pipeline, in_one_go, noises=noises)


def test_a_damaged_spread_is_refused(pipeline, in_one_go: Path) -> None:
    path = in_one_go / "spread.imap.npy"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        for attempt in (lambda: SaliencyMaps.load(in_one_go), lambda: explain(pipeline, in_one_go)):
            assert "spread.imap.npy is damaged" in (refused(attempt) or "")
        path.unlink()
        assert "spread.imap.npy is missing" in (refused(lambda: SaliencyMaps.load(in_one_go)) or "")
    finally:
        path.write_bytes(whole)


def test_a_spread_without_its_state_is_no_new_run(pipeline, tmp_path: Path) -> None:
    (tmp_path / "spread.gramcol.npy").touch()
    with pytest.raises(ValueError, match=r"state\.safetensors is missing beside spread\.gramcol\.npy"):
        explain(pipeline, tmp_path)


def test_a_state_without_one_of_its_tensors_is_refused(pipeline, tmp_path: Path, monkeypatch) -> None:
    def stop(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Explainer, "_finish", stop)
        with pytest.raises(Killed):
            explain(pipeline, tmp_path)
    whole = (tmp_path / "state.safetensors").read_bytes()
    for field, name in (("tensors", "repeats.imap"), ("tensors", "votes"), ("pending", "gramcol")):
        state = read_state(tmp_path)
        getattr(state, field).pop(name)
        write_state(tmp_path, state)
        assert "is damaged" in (refused(lambda: read_state(tmp_path)) or "")
        (tmp_path / "state.safetensors").write_bytes(whole)
    state = read_state(tmp_path)
    state.arrays["spread.imap"].shape[1] += 1
    write_state(tmp_path, state)
    assert "pending imap does not continue its array" in (refused(lambda: read_state(tmp_path)) or "")
    (tmp_path / "state.safetensors").write_bytes(whole)
    state = read_state(tmp_path)
    assert state.tensors["repeats.imap"].shape == (NOISES + 2, 2)
    assert state.pending["imap"].shape == (3, NOISES, 2, 2, 3)
    state.pending["imap"] = state.pending["imap"][..., :2]
    write_state(tmp_path, state)
    assert "pending imap does not continue its array" in (refused(lambda: read_state(tmp_path)) or "")
