"""Damaged and hostile files: each is refused, or gives maps that can be drawn. Nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.maps.mutations import mutated_files
from tests.maps.raw_files import SUFFIXES
from tests.maps.test_maps import same
from tests.render.synthetic import make_maps

FEW = settings(max_examples=300, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"maps{suffix}"
    maps = make_maps(("a",), grid=(1, 2, 2))
    maps.save(path)
    whole, refused = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            assert same(SaliencyMaps.load(path), maps), place
        except ValueError:
            refused += 1
    assert refused > 0.5 * len(whole)


@pytest.mark.slow
@given(data=st.data())
@FEW
def test_a_mutated_file_is_refused_or_can_be_drawn(data: st.DataObject, tmp_path_factory) -> None:
    kind, unharmed, path = data.draw(mutated_files(tmp_path_factory.getbasetemp()))
    try:
        maps = SaliencyMaps.load(path)
    except ValueError as error:
        message = str(error)
        assert str(path) in message
        assert "\n" not in message
        assert len(message) < len(str(path)) + 300
        return
    if kind == "bytes":
        assert same(maps, unharmed)
    write_again(maps, path)
    draw_all(maps)


def write_again(maps: SaliencyMaps, path: Path) -> None:
    """What could be read can be written, and gives the same."""
    for suffix in SUFFIXES:
        maps.save(path.with_name(f"again{suffix}"))
        assert same(SaliencyMaps.load(path.with_name(f"again{suffix}")), maps)


def draw_all(maps: SaliencyMaps) -> None:
    repr(maps)
    one = maps.video(0)
    for picture in (one.grid_figure, one.timeline, one.heads):
        picture().canvas.draw()
