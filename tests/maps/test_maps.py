"""The result: what it accepts, how it is asked, and that a file gives it back exactly."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.maps.storage import FORMAT
from tests.maps.raw_files import with_repeats
from tests.render.synthetic import NASTY_LABELS, make_maps


def same(one: SaliencyMaps, other: SaliencyMaps) -> bool:
    mine, theirs = one.tensors(), other.tensors()
    tensors = [(mine[name], theirs[name]) for name in mine.keys() & theirs.keys()]
    fields = ("labels", "baseline_labels", "layers", "steps", "settings")
    return (
        list(one.maps) == list(other.maps)
        and mine.keys() == theirs.keys()
        and all(a.dtype == b.dtype and a.shape == b.shape for a, b in tensors)
        and all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in tensors)
        and all(getattr(one, field) == getattr(other, field) for field in fields)
    )


def test_maps_are_found_by_name_and_by_label():
    maps = make_maps()
    assert maps.grid == (3, 5, 7)
    assert maps.imap is maps.maps["imap"]
    assert torch.equal(maps["running"], maps.imap[1])
    assert maps.index("grass") == 2
    only_gramcol = replace(maps, maps={"gramcol": maps.gramcol})
    assert torch.equal(only_gramcol["running"], maps.gramcol[1])


def test_what_is_not_there_is_named_with_what_is():
    maps = make_maps()
    with pytest.raises(AttributeError, match=r"trace with maps=\('imap', 'gramcol', 'cross_attention'\)"):
        _ = maps.cross_attention
    with pytest.raises(KeyError, match=r"'cat'.*'alpaca', 'running', 'grass'"):
        _ = maps["cat"]


def test_baselines_may_follow_other_concepts():
    maps = make_maps(("a", "red", "cat"))
    maps = replace(
        maps, maps={**maps.maps, "cross_attention": torch.rand(2, 3, 5, 7)}, baseline_labels=("cat", "grass")
    )
    assert maps.index("cat") == 2
    assert maps.index("cat", "cross_attention") == 0
    assert maps.labels_of("cross_attention") == ("cat", "grass")
    assert (maps.map_of("grass"), maps.index("grass")) == ("cross_attention", 1), "the first map that has it"
    assert torch.equal(maps["grass"], maps.cross_attention[1])
    with pytest.raises(KeyError, match="'grass' has no imap; it has cross_attention"):
        maps.index("grass", "imap")
    with pytest.raises(KeyError, match="no concept 'dog'; there are 'a', 'red', 'cat'"):
        maps.index("dog")


def test_one_of_several_videos():
    maps = make_maps(videos=2)
    assert maps["grass"].shape == (2, 3, 5, 7)
    second = maps.video(1)
    assert torch.equal(second["grass"], maps["grass"][1])
    assert torch.equal(second.head_scores, maps.head_scores[1])
    assert torch.equal(second.selected_heads, maps.selected_heads[1])
    assert second.video(0) is second
    with pytest.raises(IndexError, match="no video 2"):
        maps.video(2)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"maps": {}}, ValueError, "none"),
        ({"maps": {"heat": torch.zeros(3, 3, 5, 7)}}, ValueError, "heat"),
        ({"maps": {"imap": torch.zeros(3, 3, 5, 7).double()}}, TypeError, "float64"),
        ({"maps": {"imap": torch.zeros(3, 3, 5, 7, device="meta")}}, TypeError, "meta"),
        ({"maps": {"imap": torch.zeros(3, 5, 7)}}, ValueError, r"\[3, 5, 7\]"),
        ({"maps": {"imap": torch.zeros(3, 3, 5, 7), "gramcol": torch.zeros(3, 3, 5, 8)}}, ValueError, "gramcol"),
        ({"labels": ("a", "b")}, ValueError, "3 different labels"),
        ({"labels": ("a", "b", "a")}, ValueError, "3 different labels"),
        ({"layers": (1, 2)}, ValueError, "head_scores"),
        ({"selected_heads": torch.zeros(2, 2, dtype=torch.int64)}, ValueError, "selected_heads"),
        ({"settings": {"dtype": torch.float16}}, TypeError, "dtype"),
        ({"settings": {"scale": float("nan")}}, ValueError, "JSON"),
        ({"agreements": {}}, ValueError, r"agreement\.<map> for each of imap, gramcol or for none, not for none"),
        ({"spreads": {"imap": torch.ones(3, 3, 5, 7)}}, ValueError, r"spread\.<map> for each .*, not for imap$"),
    ],
    ids=lambda value: None if isinstance(value, (str, type)) else next(iter(value)),
)
def test_what_does_not_fit_together_is_refused(change, error, says):
    with pytest.raises(error, match=says):
        replace(make_maps(), **change)


def test_it_is_told_in_a_line():
    assert repr(make_maps(("a", "b\n"), videos=2)) == r"SaliencyMaps(imap, gramcol: 2 × 3 × 5 × 7, of 'a', 'b\n')"


def test_how_sure_the_default_map_is():
    maps = with_repeats(make_maps())
    assert maps.agreement is maps.agreements["imap"]
    assert maps.spread is maps.spreads["imap"]
    several = with_repeats(make_maps(videos=2))
    assert several.agreement.shape == (2, 3)
    assert torch.equal(several.video(1).agreement, several.agreement[1])
    assert torch.equal(several.video(1).spreads["gramcol"], several.spreads["gramcol"][1])


def test_of_one_repeat_nothing_is_known():
    maps = make_maps(videos=2)
    for each in (maps, maps.video(1)):
        assert each.agreement is None
        with pytest.raises(AttributeError, match=r"^these maps hold no spread.*; explain with noises=2 or more$"):
            _ = each.spread


def test_a_file_of_an_older_version_holds_no_repeats(tmp_path, monkeypatch):
    monkeypatch.setattr("imap_fast.maps.storage.FORMAT", 1)
    make_maps().save(tmp_path / "maps.npz")
    monkeypatch.undo()
    loaded = SaliencyMaps.load(tmp_path / "maps.npz")
    assert (loaded.agreements, loaded.spreads) == (None, None)
    assert same(loaded, make_maps())


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("videos", [None, 2])
@pytest.mark.parametrize("repeats", [False, True])
def test_a_file_gives_back_everything(tmp_path, suffix, videos, repeats):
    maps = make_maps(NASTY_LABELS, videos=videos, prompt="“quoted” 猫", layers=(1, 2), top_k=5, empty=None)
    maps = replace(
        maps,
        maps={
            "imap": maps.imap,
            "gramcol": maps.gramcol.mT.contiguous().mT,
            "cross_attention": maps.imap[..., :2, :, :, :],
        },
        baseline_labels=("cat", "dog"),
    )
    maps = with_repeats(maps) if repeats else maps
    maps.save(tmp_path / f"maps{suffix}")
    assert same(SaliencyMaps.load(tmp_path / f"maps{suffix}"), maps)
    assert [path.name for path in tmp_path.iterdir()] == [f"maps{suffix}"]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_damaged_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"maps{suffix}"
    make_maps().save(path)
    whole = path.read_bytes()
    for size in (0, 3, len(whole) // 3, len(whole) - 5):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="damaged"):
            SaliencyMaps.load(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    with pytest.raises(ValueError, match="damaged"):
        SaliencyMaps.load(path)


def test_a_foreign_file_is_refused(tmp_path):
    from safetensors.torch import save_file

    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    save_file({"weights": torch.zeros(3)}, tmp_path / "other.safetensors")
    np.savez(tmp_path / "objects.npz", imap_fast=np.array([{}], dtype=object))
    np.save(tmp_path / "array", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    for name in ("other.npz", "other.safetensors", "objects.npz", "array.npz"):
        with pytest.raises(ValueError, match=r"no saliency maps|not written by SaliencyMaps\.save"):
            SaliencyMaps.load(tmp_path / name)


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("imap_fast.maps.storage.FORMAT", FORMAT + 1)
    make_maps().save(tmp_path / "maps.npz")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="upgrade"):
        SaliencyMaps.load(tmp_path / "maps.npz")


def test_where_no_file_can_be(tmp_path):
    with pytest.raises(ValueError, match=r"\.npz or \.safetensors, not '\.pt'"):
        make_maps().save(tmp_path / "maps.pt")
    with pytest.raises(ValueError, match=r"\.pt"):
        SaliencyMaps.load(tmp_path / "maps.pt")
    with pytest.raises(FileNotFoundError, match=r"maps\.npz"):
        SaliencyMaps.load(tmp_path / "maps.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ValueError, match="folder"):
        SaliencyMaps.load(tmp_path / "folder.npz")


def test_pictures_of_several_videos_ask_for_one():
    maps = make_maps(videos=2)
    for picture in (lambda: maps.overlay(np.zeros((9, 8, 8, 3), np.uint8)), maps.grid_figure, maps.heads):
        with pytest.raises(ValueError, match=r"2 videos.*maps\.video\(0\)"):
            picture()
