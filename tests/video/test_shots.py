"""Shots: where they begin, where none begins, and that each is found without what was before it."""

import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imap_fast.video.shots import BETWEEN, FLASH, LOOKAHEAD, SHORTEST, find_shots
from tests.video.media import draw_frames

HEIGHT, WIDTH = 48, 64


def starts(frames, fps=24):
    return [number for number, (_, begins) in enumerate(find_shots(timed(frames, fps))) if begins]


def timed(frames, fps=24):
    return ((frame, number / fps) for number, frame in enumerate(frames))


def picture(seed, height=HEIGHT, width=WIDTH):
    """A picture with large and small structures, uint8 `[height, width, 3]`."""
    large = draw_frames(1, height, width, seed)[0].astype(int)
    small = np.random.default_rng(seed).integers(-40, 41, (height // 6 + 1, width // 6 + 1, 1))
    return (
        (large * 3 // 5 + 50 + np.kron(small, np.ones((6, 6, 1), int))[:height, :width]).clip(8, 247).astype(np.uint8)
    )


def still(seed, count, height=HEIGHT, width=WIDTH):
    return [picture(seed, height, width)] * count


def pan(seed, count, speed=1):
    """A camera that turns over a large picture, in pixels a frame."""
    wide = picture(seed, HEIGHT, WIDTH + abs(speed) * count)
    return [wide[:, speed * number : speed * number + WIDTH] for number in range(count)]


def mixed(before, after, count):
    parts = (np.arange(count) + 1) / (count + 1)
    return [np.rint(before[-1] * (1 - part) + after[0] * part).astype(np.uint8) for part in parts]


def faded(frames, gains, level=0):
    return [
        np.rint(level + (frame.astype(float) - level) * gain).astype(np.uint8)
        for frame, gain in zip(frames, gains, strict=True)
    ]


def barred(frames, axis, bar):
    """Frames between two black bars."""
    result = [frame.copy() for frame in frames]
    for frame in result:
        along = frame.swapaxes(0, axis)
        along[:bar], along[-bar:] = 0, 0
    return result


def card(level, count):
    return [np.full((HEIGHT, WIDTH, 3), level, np.uint8)] * count


def flashed(frames, gain=6):
    return [(frame * float(gain)).clip(0, 255).astype(np.uint8) for frame in frames]


def through(level, before, after, half=8):
    """Two shots, of which one fades to a level of brightness and the other comes from it."""
    down = np.arange(half, 0, -1) / half
    return before[:-half] + faded(before[-half:], down, level) + faded(after[:half], 1 - down, level) + after[half:]


@pytest.mark.parametrize(("height", "width"), [(48, 64), (96, 96), (71, 203)])
def test_a_cut_is_found_at_its_frame(height, width):
    assert starts(still(1, 20, height, width) + still(2, 20, height, width)) == [0, 20]


def test_what_comes_with_frames_comes_as_it_is():
    frames = list(timed(still(1, 70) + still(2, 70), fps=11))
    assert [seconds for seconds, _ in find_shots(frames)] == [seconds for _, seconds in frames]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_first_frame_begins_a_shot(count):
    assert [begins for _, begins in find_shots(timed(still(1, count)))] == [True, False][:count]


def test_every_shot_of_a_montage_is_found():
    assert starts([frame for seed in range(8) for frame in still(seed, 8)]) == list(range(0, 64, 8))


def test_moving_shots_are_cut_where_they_are():
    assert starts(pan(1, 30) + pan(2, 30, 2) + pan(3, 30)) == [0, 30, 60]


def test_a_small_thing_on_an_even_ground_is_another_shot_elsewhere():
    before, after = (np.full((HEIGHT, WIDTH, 3), 60, np.uint8) for _ in range(2))
    before[8:20, 8:20], after[28:40, 40:52] = (200, 40, 40), (40, 200, 40)
    assert starts([before] * 20 + [after] * 20) == [0, 20]


@pytest.mark.parametrize("length", [6, 12, 24, 48, 60])
def test_a_dissolve_is_cut_in_its_middle(length):
    before, after = still(1, 40), still(2, 60)
    first, second = starts(before + mixed(before, after, length) + after)
    assert first == 0
    assert abs(second - (40 + length / 2)) <= 1


@pytest.mark.parametrize("bar", [2, 7, 8, 9, 10, 11, 12])
@pytest.mark.parametrize("axis", [0, 1], ids=["above and below", "beside"])
def test_black_bars_hide_no_cut(axis, bar):
    assert starts(barred(still(1, 20) + still(2, 20) + pan(3, 20), axis, bar)) == [0, 20, 40]


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_small_picture_in_black_is_cut(seed):
    frames = still(seed, 20) + still(seed + 8, 20)
    assert starts(barred(barred(frames, 0, 17), 1, 23)) == [0, 20]


@pytest.mark.parametrize("bar", [7, 8, 9, 10])
def test_black_bars_hide_no_dissolve(bar):
    before, after = still(1, 40), still(2, 60)
    for axis in (0, 1):
        first, second = starts(barred(before + mixed(before, after, 12) + after, axis, bar))
        assert first == 0
        assert abs(second - 46) <= 1


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("speed", [0, 2])
@pytest.mark.parametrize("join", ["blended", "combed", "two blended"])
def test_frames_of_both_shots_hide_no_cut(join, speed, seed):
    before, after = pan(seed, 30, speed), pan(seed + 50, 30, speed)
    if join == "combed":
        between = [before[-1].copy()]
        between[0][1::2] = after[0][1::2]
    else:
        between = mixed(before, after, 1 if join == "blended" else 2)
    assert starts(before + between + after) == [0, 30 + len(between)]


@pytest.mark.parametrize("length", range(1, BETWEEN + 1))
def test_another_picture_between_two_shots_is_one_cut(length):
    assert starts(still(1, 30) + still(2, length) + still(3, 30)) == [0, 30 + length]


@pytest.mark.parametrize(("darkest", "brightest"), [(6, 24), (0, 30), (230, 255)])
def test_shots_of_few_levels_are_shots(darkest, brightest):
    def dim(frames):
        return [(darkest + frame.astype(int) * (brightest - darkest) // 255).astype(np.uint8) for frame in frames]

    bright, other, dark, darker = pan(1, 60), still(3, 60), dim(pan(2, 100)), dim(still(4, 100))
    assert starts(bright + dark + other) == [0, 60, 160]
    assert starts(dark + bright) == [0, 100]
    assert starts(bright + dark) == [0, 60]
    assert starts(dark + darker) == [0, 100]


def test_a_dissolve_of_moving_shots_is_cut_near_its_middle():
    before, after = pan(1, 40), pan(2, 60)
    frames = before[:28] + [
        np.rint(one * (1 - part) + other * part).astype(np.uint8)
        for one, other, part in zip(before[28:], after, (np.arange(12) + 1) / 13, strict=False)
    ]
    first, second = starts(frames + after[12:])
    assert (first, abs(second - 34) <= 3) == (0, True)


def test_dissolves_at_the_end_of_a_film_are_found():
    shots = [still(seed, 16) for seed in range(3)]
    frames = shots[0] + mixed(shots[0], shots[1], 6) + shots[1] + mixed(shots[1], shots[2], 6) + shots[2]
    assert starts(frames) == [0, 19, 41]


@pytest.mark.parametrize("level", [0, 255])
def test_a_fade_is_one_cut_at_its_deepest_frame(level):
    first, second = starts(through(level, still(1, 40), still(2, 40)))
    assert (first, second) == (0, 40)


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("length", [6, 2 * LOOKAHEAD])
def test_a_card_between_hard_cuts_begins_the_next_shot(length, level):
    assert starts(still(1, 40) + card(level, length) + still(2, 40)) == [0, 40]


def test_black_with_a_fade_on_one_side_is_cut_at_the_hard_step():
    fade = np.linspace(1, 0, 12)
    assert starts(still(1, 40) + faded(still(1, 12), fade) + card(0, 10) + still(2, 40)) == [0, 62]
    assert starts(still(1, 40) + card(0, 10) + faded(still(2, 12), 1 - fade) + still(2, 40)) == [0, 40]


def test_a_long_black_between_fades_is_one_cut_in_it():
    fade = np.linspace(1, 0, 12)
    black = card(0, 2 * LOOKAHEAD)
    first, second = starts(faded(still(1, 12), fade) + black + faded(still(2, 12), 1 - fade) + still(2, 40))
    assert first == 0
    assert 12 <= second < 12 + len(black)


def test_a_shot_has_the_least_frames_at_a_fade_too():
    assert starts(still(1, 1) + card(0, 1) + still(2, 30)) == [0]
    assert starts(still(1, 30) + card(0, 1) + still(2, 1)) == [0]
    for length in range(1, 9):
        found = starts(still(1, 30) + faded(still(1, 3), [0.7, 0.4, 0.1]) + card(0, 3) + still(2, length))
        assert all(36 + length - begin >= SHORTEST for begin in found)


@pytest.mark.parametrize("length", range(1, 8))
def test_a_cut_near_the_end_or_the_start_is_found(length):
    found = length >= SHORTEST
    assert starts(pan(1, 30) + pan(2, length)) == ([0, 30] if found else [0])
    assert starts(pan(1, length) + pan(2, 30)) == ([0, length] if found else [0])


@pytest.mark.parametrize("length", range(1, FLASH + 1))
@pytest.mark.parametrize("gain", [0.3, 2, 6])
def test_a_flash_at_the_end_or_the_start_is_no_cut(gain, length):
    shot = pan(1, 40)
    assert starts(shot[:-length] + flashed(shot[-length:], gain)) == [0]
    assert starts(flashed(shot[:length], gain) + shot[length:]) == [0]


def test_black_at_the_start_and_at_the_end_is_no_cut():
    black = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 10
    shot = still(1, 60)
    fading = faded(shot, [*np.linspace(0, 1, 12), *[1] * 36, *np.linspace(1, 0, 12)])
    assert starts(black + fading + black) == [0]
    assert starts(black + shot) == [0]


@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize("gain", [0.3, 2.0, 6.0])
def test_a_flash_is_no_cut(length, gain):
    shot = pan(1, 60)
    shot[25 : 25 + length] = [(frame * gain).clip(0, 255).astype(np.uint8) for frame in shot[25 : 25 + length]]
    assert starts(shot) == [0]


@pytest.mark.parametrize("speed", [4, 6])
def test_a_flash_in_a_fast_pan_is_no_cut(speed):
    shot = pan(1, 60, speed)
    assert starts(shot[:30] + flashed(shot[30:34], gain=1.6) + shot[34:]) == [0]


def test_another_picture_for_a_moment_is_no_cut():
    assert starts(still(1, 30) + still(2, FLASH) + still(1, 30)) == [0]


def test_white_for_a_moment_is_no_cut():
    white = [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * (FLASH)
    assert starts(still(1, 30) + white + still(1, 30)) == [0]


def test_a_picture_that_comes_back_after_an_explosion_is_in_the_same_shot():
    fire = [(picture(2) // 4 + np.array([170, 150, 120])).astype(np.uint8)] * 8
    assert starts(still(1, 40) + mixed(still(1, 1), fire, 4) + fire + mixed(fire, still(1, 1), 12) + still(1, 60)) == [
        0
    ]


def test_a_flash_at_a_cut_is_one_cut():
    white = [np.full((HEIGHT, WIDTH, 3), 255, np.uint8)] * 2
    _, second = starts(still(1, 30) + white + still(2, 30))
    assert 30 <= second <= 32


@pytest.mark.parametrize("gain", [0.4, 0.7, 1.6])
@pytest.mark.parametrize("ramp", [1, 12])
def test_another_exposure_is_no_cut(gain, ramp):
    gains = np.interp(np.arange(80), [30, 30 + ramp], [1, gain])
    shot = [(frame * each).clip(0, 255).astype(np.uint8) for frame, each in zip(pan(1, 80), gains, strict=True)]
    assert starts(shot) == [0]


@pytest.mark.parametrize("speed", [1, 3, 6])
def test_a_pan_is_no_cut(speed):
    assert starts(pan(1, 80, speed)) == [0]


def test_noise_is_no_cut():
    draw = np.random.default_rng(0)
    shot = [(frame + draw.normal(0, 20, frame.shape)).clip(0, 255).astype(np.uint8) for frame in pan(1, 60)]
    assert starts(shot) == [0]


@pytest.mark.parametrize("seed", range(4))
def test_a_key_frame_that_is_sharper_and_elsewhere_is_no_cut(seed):
    shot = pan(seed, 60)
    small = [Image.fromarray(frame).resize((WIDTH // 8, HEIGHT // 8)) for frame in shot[:30]]
    assert starts([np.asarray(frame.resize((WIDTH, HEIGHT))) for frame in small] + shot[33:]) == [0]


def test_a_window_that_opens_is_no_cut():
    before = picture(1)
    after = before.copy()
    after[10:40, 6:40] = picture(2)[10:40, 6:40]
    assert starts([before] * 30 + [after] * 30) == [0]


def test_times_and_the_layout_in_memory_do_not_matter():
    frames = pan(1, 30) + pan(2, 30)
    assert starts(frames, fps=6) == starts(frames, fps=60) == [0, 30]
    turned = [np.ascontiguousarray(frame[::-1, ::-1])[::-1, ::-1] for frame in frames]
    assert starts(turned) == [0, 30]


def test_at_most_the_lookahead_is_in_memory():
    alive = weakref.WeakSet()
    most = 0

    class Frame(np.ndarray):
        __hash__ = object.__hash__

    def frames():
        nonlocal most
        for number in range(300):
            frame = picture(number // 25).view(Frame)
            alive.add(frame)
            most = max(most, len(alive))
            yield frame, frame

    found = 0
    for frame, begins in find_shots(frames()):
        del frame
        found += begins
    assert found == 12
    assert most <= LOOKAHEAD + 1  # and the one that is being yielded
    assert not alive


KINDS = ("cut", "blended cut", "dissolve", "fade", "flash", "flash at a cut", "black")


@st.composite
def films(draw):
    """Frames of up to five shots, which are still or turn, joined in all ways."""
    frames = pan(0, draw(st.integers(1, 50)), draw(st.integers(0, 2)))
    for seed in range(1, draw(st.integers(2, 5))):
        shot = pan(seed, draw(st.integers(2, 60)), draw(st.integers(0, 2)))
        kind = draw(st.sampled_from(KINDS))
        white = [np.full((HEIGHT, WIDTH, 3), 230, np.uint8)] * draw(st.integers(1, 4))
        if kind == "dissolve":
            frames += mixed(frames, shot, draw(st.integers(6, 48))) + shot
        elif kind == "blended cut":
            frames += mixed(frames, shot, draw(st.integers(1, 3))) + shot
        elif kind == "fade":
            frames = through(draw(st.sampled_from((0, 255))), frames, shot, min(8, len(frames), len(shot)))
        elif kind == "flash":
            frames += white + still(seed - 1, 6) + shot
        elif kind == "flash at a cut":
            frames += white + shot
        elif kind == "black":
            frames += [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * draw(st.integers(1, 70)) + shot
        else:
            frames += shot
    return frames


@pytest.mark.slow
@settings(max_examples=5, deadline=None, derandomize=True)
@given(films())
def test_each_shot_is_found_without_what_was_before_it(frames):
    found = starts(frames)
    for begin in found:
        assert starts(frames[begin:]) == [number - begin for number in found if number >= begin]
    assert all(length >= SHORTEST for length in np.diff([*found, max(len(frames), SHORTEST)]))


def test_the_second_half_of_a_dissolve_is_not_found_again():
    before, after = still(1, 60), still(2, 90)
    for length in range(6, 49, 6):
        frames = before + mixed(before, after, length) + after
        for begin in range(60 + length // 4, 60 + length, 3):
            assert starts(frames[begin:]) == [0]
