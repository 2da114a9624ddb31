"""What is on disk is what was written: damage is refused in one line, and never gives another map."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from imap_fast import SaliencyMaps
from imap_fast.explaining.checkpoint import Checkpoint
from imap_fast.explaining.explainer import Explainer
from imap_fast.maps.run_state import STATE, RunState, read_state, write_state
from tests.explaining.runs import ARRAYS, HEADER, contents, explain, flip_bit, options_of, refused, same, size_of
from tests.tiny import tiny_pipeline

REMEDY = r"; remove .* and run again$"


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


def flip(draw: random.Random, folder: Path, path: Path, others: list[Path]) -> None:
    flip_bit(path, draw.randrange(path.stat().st_size), draw.randrange(8))


def cut(draw: random.Random, folder: Path, path: Path, others: list[Path]) -> None:
    os.truncate(path, draw.randrange(path.stat().st_size))


def delete(draw: random.Random, folder: Path, path: Path, others: list[Path]) -> None:
    path.unlink()


def zero(draw: random.Random, folder: Path, path: Path, others: list[Path]) -> None:
    content = bytearray(path.read_bytes())
    begin = draw.randrange(len(content))
    size = min(draw.randrange(1, 513), len(content) - begin)
    content[begin : begin + size] = bytes(size)
    path.write_bytes(content)


def lengthen(draw: random.Random, folder: Path, path: Path, others: list[Path]) -> None:
    with path.open("ab") as file:
        file.write(draw.randbytes(draw.choice([1, 4, 8, 96, 4096])))


def exchange(draw: random.Random, folder: Path, path: Path, others: list[Path]) -> None:
    """With another file of the folder."""
    other = draw.choice([each for each in sorted(folder.iterdir()) if each.name not in (path.name, ".lock")])
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


def exchange_between(draw: random.Random, folder: Path, path: Path, others: list[Path]) -> None:
    """With the file of the same name of another run."""
    shutil.copyfile(draw.choice(others) / path.name, path)


DAMAGES = (flip, cut, delete, zero, lengthen, exchange, exchange_between)


def resumed_state(folder: Path, options: dict[str, Any]) -> tuple[RunState, dict[str, bytes]]:
    """What a run would go on from: its state, and the committed bytes of its arrays."""
    with Checkpoint(folder, options) as checkpoint:
        state = checkpoint.state
        arrays = {
            name: (folder / f"{name}.npy").read_bytes()[HEADER:][: size_of(array)]
            for name, array in state.arrays.items()
        }
        return state, arrays


def is_same_state(one: RunState, other: RunState) -> bool:
    equal = one.model_dump() == other.model_dump()
    for mine, theirs in ((one.tensors, other.tensors), (one.pending, other.pending)):
        equal &= mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    return equal


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["finished", "unfinished"])
def test_of_250_damages_none_gives_another_map(kind: str, pipeline, runs: Path, tmp_path: Path) -> None:
    draw, told, run_to_the_end = random.Random(17), Counter(), 0
    options, others = options_of(runs / kind), [path for path in sorted(runs.iterdir()) if path.name != kind]
    whole, expected = SaliencyMaps.load(runs / "finished"), contents(runs / "finished")
    if kind == "unfinished":
        state, arrays = resumed_state(shutil.copytree(runs / kind, tmp_path / "untouched"), options)
        assert (state.windows, *map(len, arrays.values())) == (2, 96, 96, 16)
    for number in range(250):
        folder = shutil.copytree(runs / kind, tmp_path / str(number))
        damage, name = draw.choice(DAMAGES), draw.choice([*ARRAYS, STATE])
        damage(draw, folder, folder / name, others)
        if kind == "finished":
            loaded: list[SaliencyMaps] = []
            said = refused(lambda folder=folder, loaded=loaded: loaded.append(SaliencyMaps.load(folder)))
            assert said is not None or same(loaded[0], whole), (damage.__name__, name)
        else:
            found: list[Any] = []
            said = refused(lambda folder=folder, found=found: found.append(resumed_state(folder, options)))
            if said is None and found[0][0].finished:  # the state of the finished run, whose arrays are another's
                said = refused(lambda folder=folder: SaliencyMaps.load(folder))
                assert said is not None, (damage.__name__, name)
            elif said is None:
                assert is_same_state(found[0][0], state), (damage.__name__, name)
                assert found[0][1] == arrays, (damage.__name__, name)
                if run_to_the_end < 6:
                    run_to_the_end += 1
                    explain(pipeline, folder)
                    assert contents(folder) == expected, (damage.__name__, name)
        told[damage.__name__, said is not None] += 1
        shutil.rmtree(folder)
    assert all(told[damage.__name__, True] >= 5 for damage in DAMAGES), told
    if kind == "unfinished":
        assert run_to_the_end == 6, "what follows the committed part does not matter"


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (flip, r"is damaged: its (values|header)"),
        (cut, r"is damaged: it has \d+ bytes, not \d+"),
        (lengthen, r"is damaged: it has \d+ bytes, not \d+"),
        (delete, "is missing"),
    ],
)
def test_the_damaged_array_is_named_with_the_remedy(name: str, damage: Callable, says: str, pipeline, finished) -> None:
    damage(random.Random(0), finished, finished / name, [])
    for attempt in (lambda: SaliencyMaps.load(finished), lambda: explain(pipeline, finished)):
        with pytest.raises(ValueError, match=rf"{re.escape(str(finished / name))} {says}.*{REMEDY}"):
            attempt()


def test_the_committed_part_of_an_unfinished_array_is_verified(pipeline, unfinished, monkeypatch) -> None:
    monkeypatch.setattr(Explainer, "_pass", lambda *_: pytest.fail("went on"))
    flip_bit(unfinished / "imap.npy", 130)
    with pytest.raises(ValueError, match=rf"imap\.npy is damaged: its values are not what was written{REMEDY}"):
        explain(pipeline, unfinished)


def test_what_follows_the_committed_part_is_written_again(pipeline, runs, unfinished) -> None:
    for name in ARRAYS:
        content = (unfinished / name).read_bytes()
        (unfinished / name).write_bytes(bytes(128) + content[128:] + bytes(5000))
    explain(pipeline, unfinished)
    assert contents(unfinished) == contents(runs / "finished")


def test_a_header_that_claims_terabytes_is_refused_before_anything_is_mapped(finished) -> None:
    path = finished / "imap.npy"
    content = path.read_bytes()
    claimed = content[:128].replace(b"(7, 2, 2, 3)", b"(9999999999999, 2, 2, 3)")
    path.write_bytes(claimed[:117] + b" " * (128 - len(claimed[:117]) - 1) + b"\n" + content[128:])
    with pytest.raises(ValueError, match=r"imap\.npy is damaged: its header is not what was written"):
        SaliencyMaps.load(finished)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_without_its_state_is_no_new_run(name: str, pipeline, finished) -> None:
    for path in (finished / STATE, *(finished / other for other in ARRAYS if other != name)):
        path.unlink()
    before = contents(finished)
    with pytest.raises(ValueError, match=rf"state\.safetensors is missing beside {name}{REMEDY}"):
        explain(pipeline, finished)
    assert contents(finished) == before


FORGED = [
    ("windows", -1, "windows: Input should be greater"),
    ("latent_frames", 6, "Value error, arrays do not have 6 latent frames"),
    ("num_frames", "25", "num_frames: Input should be a valid integer"),
    ("windows_per_batch", 0, "windows_per_batch: Input should be greater"),
    ("finished", 1, "finished: Input should be a valid boolean"),
    ("record", [], "record: Input should be a valid dictionary"),
    ("options", None, "options: Input should be a valid dictionary"),
    ("arrays", {}, "Value error, it names the maps"),
    ("unknown", 1, "unknown: Extra inputs are not permitted"),
]


@pytest.mark.parametrize(("name", "value", "says"), FORGED, ids=[name for name, *_ in FORGED])
def test_a_state_with_an_impossible_field_is_refused(
    name: str, value: object, says: str, pipeline, finished, monkeypatch
) -> None:
    """Though its digest is right."""
    state = read_state(finished)
    forged = state.model_dump() | {name: value}
    with monkeypatch.context() as patched:
        patched.setattr(RunState, "model_dump", lambda _: forged)
        write_state(finished, state)
    for attempt in (lambda: SaliencyMaps.load(finished), lambda: explain(pipeline, finished)):
        with pytest.raises(ValueError, match=rf"state\.safetensors is damaged: {says}.*{REMEDY}"):
            attempt()


@pytest.mark.parametrize("field", ["tensors", "pending"])
def test_a_state_without_one_of_its_tensors_is_refused(field: str, unfinished) -> None:
    for name in getattr(read_state(unfinished), field):
        state = read_state(unfinished)
        tensors = getattr(state, field)
        for changed in ({}, {name: tensors[name][:0]}):
            setattr(state, field, {each: tensor for each, tensor in tensors.items() if each != name} | changed)
            write_state(unfinished, state)
            with pytest.raises(ValueError, match=rf"state\.safetensors is damaged: .*{REMEDY}"):
                read_state(unfinished)
            write_state(unfinished, RunState.model_validate(state.model_dump() | vars(state) | {field: tensors}))


def test_a_state_of_wild_json_is_damaged(unfinished) -> None:
    for text in ("", "nothing", "[" * 100_000, "{}", json.dumps({"options": {}}), "1" * 5000):
        (unfinished / STATE).write_bytes(save({}, {"state": text}))
        with pytest.raises(ValueError, match=r"state\.safetensors is damaged: ") as told:
            read_state(unfinished)
        assert len(str(told.value)) < 600


def test_another_value_in_a_state_is_damage(unfinished) -> None:
    flip_bit(unfinished / STATE, -1)
    with pytest.raises(ValueError, match=rf"damaged: its content is not what was written{REMEDY}"):
        read_state(unfinished)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["finished", "unfinished"])
def test_no_flipped_bit_of_a_state_gives_another_state(kind: str, runs: Path, tmp_path: Path) -> None:
    content, state = (runs / kind / STATE).read_bytes(), read_state(runs / kind)
    for place in range(0, len(content), 5):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        (tmp_path / STATE).write_bytes(flipped)
        assert refused(lambda: read_state(tmp_path)) or is_same_state(read_state(tmp_path), state), place


@settings(derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_of_a_state_give_another_state(unfinished: Path, runs: Path, data: st.DataObject) -> None:
    content = (runs / "unfinished" / STATE).read_bytes()
    begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2), label="replaced"))
    (unfinished / STATE).write_bytes(content[:begin] + data.draw(st.binary(max_size=40)) + content[end:])
    states: list[RunState] = []
    if refused(lambda: states.append(read_state(unfinished))) is None:
        assert is_same_state(states[0], read_state(runs / "unfinished"))
