"""Masks in an .npz: a reader trusts nothing in it."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from imap_fast.masks.masks import Masks
from tests.masks.clips import masks_of, stacked

PIXELS = np.random.default_rng(1).random((5, 2, 3, 7)) < 0.5


@pytest.fixture
def file(tmp_path):
    masks_of(PIXELS, ["cat", "dog"], exclusive=False, caption="a cat and a dog").save(tmp_path / "masks.npz")
    return tmp_path / "masks.npz"


def rewrite(file, **changed) -> None:
    """Write the file anew, with other arrays or fields of the record."""
    with np.load(file) as arrays:
        content = dict(arrays)
    record = json.loads(content["record"].tobytes())
    fields = {name: changed.pop(name) for name in list(changed) if name not in content}
    record |= fields
    content["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    np.savez(file, **{name: value for name, value in (content | changed).items() if value is not None})


def test_frames_are_read_from_any_number_on(file):
    masks = Masks.load(file)
    for first in (0, 1, 4, 5, 9, -3):
        expected = PIXELS[max(first, 0) :]
        found = [frame.masks for frame in masks.frames(first)]
        assert len(found) == len(expected)
        for each, other in zip(found, expected, strict=True):
            assert each.dtype == bool
            np.testing.assert_array_equal(each, other)
    np.testing.assert_array_equal(masks["dog"], PIXELS[:, 1])


def test_equal_masks_give_equal_bytes(file, tmp_path):
    Masks.load(file).save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == file.read_bytes()


def test_the_file_as_it_is_passes_the_rewriting(file):
    rewrite(file)
    np.testing.assert_array_equal(stacked(Masks.load(file)), PIXELS)


BITS = np.zeros((5, 2, 3), np.uint8)


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": ["cat"]},
        {"labels": []},
        {"labels": ["cat", "cat"]},
        {"labels": "no"},
        {"height": 2**40},
        {"height": 0},
        {"width": -7},
        {"width": 7.5},
        {"fps": 0},
        {"fps": "8"},
        {"exclusive": 1},
        {"caption": None},
        {"format": 0},
        {"format": "1"},
        {"more": 1},
        {"masks": BITS[:4]},
        {"masks": BITS[:, :1]},
        {"masks": BITS.astype(np.float32)},
        {"masks": np.asfortranarray(BITS)},
        {"masks": np.array([[None]])},
        {"masks": None},
        {"seconds": np.zeros(4)},
        {"seconds": np.array([0, 1, 2, 1, 4.0])},
        {"seconds": np.array([0, 1, np.nan, 3, 4])},
        {"seconds": np.zeros((5, 1))},
        {"seconds": None},
        {"record": None},
        {"record": np.frombuffer(b"[", np.uint8)},
        {"masks": BITS[:0], "seconds": np.zeros(0)},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_on_one_line(file, changed):
    rewrite(file, **changed)
    with pytest.raises(ValueError, match="is damaged or holds no masks") as refused:
        Masks.load(file)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_the_reason_names_the_field(file):
    rewrite(file, fps=-1)
    with pytest.raises(ValueError, match=r"no masks \(fps: Input should be greater than 0\); make or copy it again"):
        Masks.load(file)


def test_an_npz_of_something_else_is_told(file):
    np.savez(file, masks=BITS)
    with pytest.raises(ValueError, match=r"holds no masks \(its arrays are others\)"):
        Masks.load(file)


def test_a_file_of_a_later_version_is_not_damaged(file):
    rewrite(file, format=2, more=1)
    with pytest.raises(ValueError, match="has a newer format than 1, which this version reads; upgrade imap-fast"):
        Masks.load(file)


def test_every_flipped_byte_is_seen_or_does_no_harm(file):
    content = file.read_bytes()
    before = Masks.load(file)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x24
        file.write_bytes(changed)
        try:
            masks = Masks.load(file)
        except ValueError:
            continue
        np.testing.assert_array_equal(stacked(masks), PIXELS)
        assert (masks.labels, masks.fps, masks.caption) == (before.labels, before.fps, before.caption)


def test_damage_far_inside_is_seen_at_once(tmp_path):
    masks_of(np.zeros((40, 1, 64, 64), bool)).save(tmp_path / "masks.npz")  # zipfile reads ahead by 4 KiB
    content = bytearray((tmp_path / "masks.npz").read_bytes())
    content[15_000] ^= 1
    (tmp_path / "masks.npz").write_bytes(content)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        Masks.load(tmp_path / "masks.npz")


def test_a_file_that_ends_early_is_refused(file):
    content = file.read_bytes()
    for size in range(0, len(content), 7):
        file.write_bytes(content[:size])
        with pytest.raises(ValueError, match="is damaged or holds no masks"):
            Masks.load(file)


def test_a_header_cannot_claim_memory(file):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (2**40, 2, 3)})
    with zipfile.ZipFile(file) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    members["masks.npy"] = head.getvalue() + bytes(30)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"masks\.npy is not as large as its shape"):
        Masks.load(file)


def test_compressed_members_are_refused(file):
    with np.load(file) as arrays:
        np.savez_compressed(file, **arrays)
    with pytest.raises(ValueError, match="its members are compressed"):
        Masks.load(file)


def test_another_file_in_its_place_is_seen(file):
    masks = Masks.load(file)
    masks_of(PIXELS[:4], ["cat", "dog"], exclusive=False).save(file)
    with pytest.raises(ValueError, match="another file than the one that was loaded"):
        list(masks.frames())
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="is damaged"):
        list(masks.frames())


def test_other_paths_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"give one that Masks\.save wrote"):
        Masks.load(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="is a folder or a device"):
        Masks.load(tmp_path)
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(ValueError, match="is a folder or a device"):
        Masks.load(tmp_path / "pipe.npz")
