"""What each format has is what the masks were, read by the public reader and by our own."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from hypothesis import given, settings
from PIL import Image
from pycocotools.coco import COCO

from imap_fast.evaluate.datasets import open_dataset
from imap_fast.evaluate.datasets.mask_numbers import read_numbers
from imap_fast.evaluate.datasets.rle import decode_rle
from imap_fast.masks.formats import FORMATS
from imap_fast.masks.formats.names import safe_names
from imap_fast.masks.formats.saving import save_clips
from imap_fast.masks.masks import Masks
from imap_fast.text.normalized import compared
from imap_fast.video import VideoFile
from tests.masks.clips import NASTY, drawn_clips, masks_of, stacked

NUMBERED = ("davis", "youtube-vos", "vspw")
FIRST_COLOURS = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128], [0, 128, 128]]

drawn = settings(max_examples=15, deadline=None)


def written(clips: dict[str, Masks], format: str, folder: Path) -> Path:
    save_clips(clips, folder / "made", format)
    return folder / "made"


def numbers_in(folder: Path, clip: Masks) -> np.ndarray:
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [f"{number:05d}.png" for number in range(clip.num_frames)]
    return np.stack([np.asarray(Image.open(file)) for file in files])


def check_truths(dataset, clip: str, masks: Masks) -> None:
    """A data set has a clip whose truths are the masks that are not empty."""
    example, pixels = dataset.clips[clip](), stacked(masks)
    seen = {
        compared(label.replace("_", " ")): mask
        for label, mask in zip(masks.labels, pixels.swapaxes(0, 1), strict=True)
        if mask.any()
    }
    truths = {compared(truth.label.replace("_", " ")): truth.mask for truth in example.truths}
    assert truths.keys() == seen.keys()
    for label, mask in seen.items():
        np.testing.assert_array_equal(truths[label], mask)
    assert example.annotated.tolist() == list(range(masks.num_frames))
    assert example.clip.frames.shape == (masks.num_frames, masks.height, masks.width, 3)


def shown(clips: dict[str, Masks]) -> dict[str, Masks]:
    """The clips with a mask that is not empty, by the names of their folders."""
    named = safe_names(clips)
    return {named[clip]: masks for clip, masks in clips.items() if stacked(masks).any()}


@pytest.mark.slow
@given(drawn_clips())
@drawn
def test_davis_has_the_masks(clips):
    with TemporaryDirectory() as folder:
        made = written(clips, "davis", Path(folder))
        for clip, name in safe_names(clips).items():
            masks = clips[clip]
            place = made / "Annotations" / "Full-Resolution" / name
            numbers = numbers_in(place, masks)
            for number, expected in enumerate(stacked(masks).swapaxes(0, 1), 1):
                np.testing.assert_array_equal(numbers == number, expected)
            picture = Image.open(place / "00000.png")
            assert picture.mode == "P"
            assert np.reshape(picture.getpalette(), (-1, 3))[:7].tolist() == FIRST_COLOURS
        if shown(clips):
            dataset = open_dataset(str(made), captions=made / "captions.json")
            assert dataset.clips.keys() == shown(clips).keys()
            for clip, masks in shown(clips).items():
                check_truths(dataset, clip, masks)


@pytest.mark.slow
@given(drawn_clips())
@drawn
def test_youtube_vos_has_the_masks(clips):
    with TemporaryDirectory() as folder:
        made = written(clips, "youtube-vos", Path(folder))
        videos = json.loads((made / "meta.json").read_text())["videos"]
        assert videos.keys() == shown(clips).keys()
        for clip, masks in shown(clips).items():
            numbers = numbers_in(made / "Annotations" / clip, masks)
            for number, each in videos[clip]["objects"].items():
                expected = masks[each["category"]]
                np.testing.assert_array_equal(numbers == int(number), expected)
                assert each["frames"] == [f"{place:05d}" for place, mask in enumerate(expected) if mask.any()]
        if videos:
            dataset = open_dataset(str(made))
            for clip, masks in shown(clips).items():
                check_truths(dataset, clip, masks)


@pytest.mark.slow
@given(drawn_clips(most=3))
@drawn
def test_vspw_has_the_masks(clips):
    with TemporaryDirectory() as folder:
        made = written(clips, "vspw", Path(folder))
        number_of = json.loads((made / "label_num_dic_final.json").read_text())
        for clip, name in safe_names(clips).items():
            numbers = numbers_in(made / "data" / name / "mask", clips[clip])
            for label in clips[clip].labels:
                np.testing.assert_array_equal(numbers == number_of[label], clips[clip][label])
            np.testing.assert_array_equal(numbers == 0, ~stacked(clips[clip]).any(1))
        assert (made / "val.txt").read_text().splitlines() == list(shown(clips))
        # Labels of two clips may differ in a blank alone, which the reader takes for one.
        if shown(clips):
            assert open_dataset(str(made)).clips.keys() == shown(clips).keys()
        if len(clips) == 1:
            for clip, masks in shown(clips).items():
                check_truths(open_dataset(str(made)), clip, masks)


@pytest.mark.slow
@given(drawn_clips(exclusive=False))
@drawn
def test_coco_has_the_masks(clips):
    with TemporaryDirectory() as folder:
        made = written(clips, "coco", Path(folder))
        coco = COCO(str(made / "annotations.json"))
        labels = {category["id"]: category["name"] for category in coco.dataset["categories"]}
        assert sorted(labels) == list(range(1, len(labels) + 1))
        found = {clip: np.zeros_like(stacked(masks)) for clip, masks in clips.items()}
        for annotation in coco.anns.values():
            image = coco.imgs[annotation["image_id"]]
            mask = coco.annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(mask, decode_rle(annotation["segmentation"], mask.shape))
            rows, columns = np.nonzero(mask)
            left, top, width, height = annotation["bbox"]
            assert annotation["area"] == len(rows) > 0
            assert (left, top) == (columns.min(), rows.min())
            assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
            place = clips[image["video"]].labels.index(labels[annotation["category_id"]])
            assert not found[image["video"]][image["frame"], place].any()
            found[image["video"]][image["frame"], place] = mask
        for clip, masks in clips.items():
            np.testing.assert_array_equal(found[clip], stacked(masks))
        files = {image["file_name"] for image in coco.imgs.values()}
        assert files == {path.relative_to(made / "images").as_posix() for path in made.glob("images/*/*")}
        assert len(files) == sum(masks.num_frames for masks in clips.values())


@pytest.mark.slow
@pytest.mark.parametrize("format", ["video", "ffv1"])
@given(drawn_clips(exclusive=False))
@drawn
def test_videos_have_the_masks(format, clips):
    with TemporaryDirectory() as folder:
        made = written(clips, format, Path(folder))
        index = json.loads((made / "masks.json").read_text())
        assert index.keys() == clips.keys()
        files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
        assert files == {"masks.json", *(file for each in index.values() for file in each)}
        for clip, masks in clips.items():
            assert list(index[clip].values()) == list(masks.labels)
            for file, label in index[clip].items():
                with av.open(str(made / file)) as container:
                    stream = container.streams.video[0]
                    assert stream.codec_context.pix_fmt == ("yuv420p" if format == "video" else "gray")
                    decoded = list(container.decode(stream))
                assert decoded[0].color_range == (ColorRange.MPEG if format == "video" else ColorRange.JPEG)
                grey = np.stack([frame.to_ndarray(format="rgb24") for frame in decoded])
                if format == "ffv1":
                    assert set(np.unique(grey)) <= {0, 255}
                seen = grey[:, : masks.height, : masks.width]
                np.testing.assert_array_equal(seen >= 128, np.repeat(masks[label][..., None], 3, 3))
                assert [frame.time for frame in decoded] == pytest.approx(
                    [number / 8 for number in range(masks.num_frames)], abs=0.001
                )


@pytest.mark.parametrize("format", ["video", "ffv1"])
def test_noise_comes_back_from_a_video_and_odd_sides_are_repeated(format, tmp_path):
    pixels = np.random.default_rng(3).random((6, 1, 63, 95)) < 0.5
    made = written({"noise": masks_of(pixels, ["dust"], seconds=[0, 1, 1.01, 2, 7, 7.5])}, format, tmp_path)
    frames = list(VideoFile(next(made.glob("videos/noise/dust.*"))).timed_frames())
    assert [seconds for _, seconds in frames] == pytest.approx([0, 1, 1.01, 2, 7, 7.5], abs=0.001)
    seen = np.stack([frame[..., 0] for frame, _ in frames])
    stored = pixels[:, 0] if format == "ffv1" else np.pad(pixels[:, 0], ((0, 0), (0, 1), (0, 1)), mode="edge")
    # Half is 127 levels away. Noise is the hardest, and three off; it was 86 at the quality of other videos.
    assert np.abs(seen - 255.0 * stored).max() <= (0 if format == "ffv1" else 8)


def test_a_mask_video_plays_in_browsers(tmp_path):
    made = written({"clip": masks_of(np.ones((2, 1, 8, 8), bool), ["cat"])}, "video", tmp_path)
    with av.open(str(made / "videos" / "clip" / "cat.mp4")) as container:
        assert container.streams.video[0].profile in {"High", "Main", "Baseline", "Constrained Baseline"}


@pytest.mark.slow
@given(drawn_clips(exclusive=False))
@drawn
def test_npz_has_the_masks(clips):
    with TemporaryDirectory() as folder:
        made = written(clips, "npz", Path(folder))
        for clip, name in safe_names(clips).items():
            masks, read = clips[clip], Masks.load(made / f"{name}.masks.npz")
            for field in ("labels", "num_frames", "height", "width", "fps", "exclusive", "caption"):
                assert getattr(read, field) == getattr(masks, field)
            np.testing.assert_array_equal(stacked(read), stacked(masks))
            assert [frame.seconds for frame in read.frames()] == [frame.seconds for frame in masks.frames()]
            with np.load(made / f"{name}.masks.npz", allow_pickle=False) as arrays:
                bits = np.unpackbits(arrays["masks"], axis=-1, count=masks.height * masks.width)
            np.testing.assert_array_equal(bits.reshape(stacked(masks).shape), stacked(masks))


@pytest.mark.parametrize("format", FORMATS)
def test_labels_and_clips_of_users_are_names_inside_of_the_folder(format, tmp_path):
    pixels = np.zeros((1, len(NASTY), 1, 16), bool)
    for place in range(len(NASTY)):
        pixels[0, place, 0, place] = True
    clips = {name: masks_of(pixels, NASTY) for name in NASTY}
    made = written(clips, format, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    for path in made.rglob("*"):
        assert not path.name.startswith((".", "-"))
        assert not path.is_symlink()
        assert len(path.name.encode()) < 200
    assert len([path for path in made.rglob("*") if path.is_file()]) >= len(NASTY)


def test_names_that_agree_stay_apart():
    names = safe_names(["a cat", "a/cat", "A CAT", "a cat-2", "e\u0301", "\u00e9", "..", "🦙", "straße", "STRASSE"])
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert names["a cat"] == "a_cat"
    assert names["a/cat"] == "a_cat-2"
    assert names["🦙"] == "unnamed-2"


def test_names_stay_readable_in_every_script():
    for text in ("alpaca", "אלפקה", "चलती", "羊驼", "Ünïcödé", "cat.mp4"):
        assert safe_names([text])[text] == text


@pytest.mark.parametrize("format", NUMBERED)
def test_masks_that_may_overlap_are_refused(format, tmp_path):
    masks = masks_of(np.ones((1, 2, 3, 3), bool), exclusive=False)
    with pytest.raises(ValueError, match="exclusive=True"):
        masks.save(tmp_path / "made", format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", NUMBERED)
def test_masks_that_overlap_although_they_should_not_are_refused(format, tmp_path):
    pixels = np.zeros((3, 2, 3, 3), bool)
    pixels[1, :, 2, 2] = True
    with pytest.raises(ValueError, match="masks of frame 1 overlap"):
        masks_of(pixels).save(tmp_path / "made", format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", NUMBERED)
def test_the_background_has_no_mask_of_its_own(format, tmp_path):
    with pytest.raises(ValueError, match="no mask of the Background, which is 0 there"):
        masks_of(np.zeros((1, 1, 3, 3), bool), ["Background"]).save(tmp_path / "made", format)


def one_pixel_each(count: int) -> np.ndarray:
    return np.eye(count, dtype=bool).reshape(1, count, 1, count)


@pytest.mark.parametrize("format", ["davis", "youtube-vos"])
def test_more_concepts_than_numbers_are_refused(format, tmp_path):
    with pytest.raises(ValueError, match="has numbers for 254 concepts, not for 255; name fewer"):
        masks_of(one_pixel_each(255)).save(tmp_path / "made", format)
    assert not list(tmp_path.iterdir())


def test_the_last_number_of_a_palette_is_read_again(tmp_path):
    masks, made = masks_of(one_pixel_each(254)), tmp_path / "made"
    masks.save(made, "davis")
    check_truths(open_dataset(str(made), captions=made / "captions.json"), "video", masks)


@pytest.mark.parametrize(("count", "mode"), [(254, "L"), (255, "I;16"), (300, "I;16")])
def test_vspw_takes_16_bits_and_passes_by_void(count, mode, tmp_path):
    masks = masks_of(one_pixel_each(count))
    masks.save(tmp_path / "made", "vspw")
    file = tmp_path / "made" / "data" / "video" / "mask" / "00000.png"
    assert Image.open(file).mode == mode
    numbers = json.loads((tmp_path / "made" / "label_num_dic_final.json").read_text())
    assert not {0, 255, 65535} & set(numbers.values())
    found, void = read_numbers([file], (1, count), {}, are_labels=True)
    assert not void.any()
    assert found[0, 0].tolist() == list(numbers.values())
    check_truths(open_dataset(str(tmp_path / "made")), "video", masks)


def test_vspw_has_one_number_for_a_label_of_several_clips(tmp_path):
    clips = {
        "one": masks_of(one_pixel_each(2), ["cat", "dog"]),
        "two": masks_of(one_pixel_each(2), ["bird", "cat"]),
    }
    made = written(clips, "vspw", tmp_path)
    assert json.loads((made / "label_num_dic_final.json").read_text()) == {"cat": 1, "dog": 2, "bird": 3}
    for clip, masks in clips.items():
        check_truths(open_dataset(str(made)), clip, masks)


def test_the_palette_is_that_of_davis(tmp_path):
    masks_of(one_pixel_each(3)).save(tmp_path / "made", "davis")
    picture = Image.open(tmp_path / "made" / "Annotations" / "Full-Resolution" / "video" / "00000.png")
    colours = np.reshape(picture.getpalette(), (-1, 3)).tolist()
    assert colours[7:10] == [[128, 128, 128], [64, 0, 0], [191, 0, 0]]
    assert colours[21:24] == [[128, 64, 128], [22, 22, 22], [23, 23, 23]]
    assert colours[255] == [255, 255, 255]


def test_the_caption_is_what_the_video_shows(tmp_path):
    pixels = one_pixel_each(2)
    save_clips({"told": masks_of(pixels, caption="a cat runs"), "untold": masks_of(pixels)}, tmp_path / "made", "davis")
    captions = json.loads((tmp_path / "made" / "captions.json").read_text())
    assert captions["told"]["caption"] == "a cat runs"
    assert captions["untold"]["caption"] == "thing 0, thing 1"


@pytest.mark.parametrize("format", FORMATS)
def test_without_a_video_there_are_masks_alone(format, tmp_path):
    masks_of(one_pixel_each(2), has_pictures=False).save(tmp_path / "made.npz", format)
    assert not list(tmp_path.rglob("*.jpg"))


def test_coco_needs_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr("imap_fast.masks.formats.coco.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install 'imap-fast\\[masks\\]'"):
        masks_of(one_pixel_each(2)).save(tmp_path / "made", "coco")
    assert not list(tmp_path.iterdir())
