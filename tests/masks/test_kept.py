"""Masks that are kept on disk while they are made."""

from dataclasses import replace

import numpy as np
import pytest

from imap_fast.masks.kept import kept
from imap_fast.masks.masks import MaskFrame, Masks


class Made:
    """Random masks that count how often a frame is made, and fail at one."""

    def __init__(self, frames: int, fails_at: int | None = None) -> None:
        rng = np.random.default_rng(0)
        self.frames = [MaskFrame(rng.random((3, 5, 7)) < 0.3, number / 7) for number in range(frames)]
        self.fails_at, self.made = fails_at, []
        self.masks = Masks(("a", "b", "c"), frames, 5, 7, 7.0, False, self.from_number)

    def from_number(self, first):
        for number in range(first, len(self.frames)):
            if number == self.fails_at:
                raise ValueError("the disk is on fire")
            self.made.append(number)
            yield self.frames[number]


def same(masks, made, first=0) -> bool:
    found = list(masks.frames(first))
    expected = made.frames[first:]
    return len(found) == len(expected) and all(
        (one.masks == other.masks).all() and one.seconds == other.seconds and one.masks.dtype == bool
        for one, other in zip(found, expected, strict=True)
    )


def test_each_frame_is_made_once(tmp_path):
    made = Made(6)
    masks = kept(made.masks, tmp_path / "new" / "a.masks")
    assert same(masks, made)
    assert same(masks, made, 4)
    assert made.made == list(range(6))


def test_an_interruption_loses_no_frame(tmp_path):
    path, seen = tmp_path / "a.masks", []
    made = Made(6, fails_at=4)
    with pytest.raises(ValueError, match="on fire"):
        kept(made.masks, path, lambda: seen.append(1))
    assert len(seen) == 4
    again = Made(6)
    assert same(kept(again.masks, path, lambda: seen.append(1)), again)
    assert again.made == [4, 5]
    assert len(seen) == 10
    finished = Made(6)
    assert same(kept(finished.masks, path), finished)
    assert finished.made == []


def test_what_was_cut_off_or_damaged_is_made_again(tmp_path):
    path = tmp_path / "a.masks"
    kept(Made(6).masks, path)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        again = Made(6)
        assert same(kept(again.masks, path), again)
        assert path.read_bytes() == whole
        assert again.made == list(range(6 - len(again.made), 6))
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        again = Made(6)
        masks = kept(again.masks, path)
        assert same(masks, again)


def test_frames_behind_the_last_one_are_cut_off(tmp_path):
    path = tmp_path / "a.masks"
    kept(Made(6).masks, path)
    shorter = Made(6)
    masks = replace(shorter.masks, num_frames=4)
    assert len(list(kept(masks, path).frames())) == 4
