"""Data sets as they come, and what is refused of them."""

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imap_fast.demo import world
from imap_fast.evaluate.datasets import demo_world, open_dataset, palette_masks, video_list
from imap_fast.video import Clip
from tests.evaluate.folders import CAPTIONS, davis, masks_of, write_json, youtube_vos
from tests.video.media import draw_frames


def test_the_demo_world_knows_objects_and_motions():
    dataset = demo_world(3)
    assert list(dataset.clips) == ["held_out-0", "held_out-1", "held_out-2"]
    shown, scene = dataset.clips["held_out-1"](), world.sample(1, "held_out")
    np.testing.assert_array_equal(shown.video.frames, scene.frames)
    assert all(label in shown.caption for label in shown.concepts if label != "background")
    kinds = {truth.label: truth.kind for truth in shown.truths}
    assert kinds == {thing.label: "object" for thing in scene.objects} | {
        thing.motion: "motion" for thing in scene.objects if np.any(thing.moving)
    }
    assert shown.concepts == (*kinds, "background")
    for truth in shown.truths:
        if truth.kind == "motion":
            np.testing.assert_array_equal(truth.mask.any((1, 2)), truth.active)


@pytest.mark.parametrize("resolutions", [("480p",), ("1080p", "480p"), ("1080p", "Full-Resolution")])
def test_davis(tmp_path, resolutions):
    davis(tmp_path, resolutions)
    dataset = palette_masks(tmp_path, captions=write_json(tmp_path / "captions.json", CAPTIONS))
    assert list(dataset.clips) == ["bear", "dogs"]
    shown = dataset.clips["dogs"]()
    assert shown.caption == "two dogs chase a ball"
    assert shown.concepts == ("dog", "ball", "background")
    dog, ball = shown.truths
    masks = masks_of("dogs")
    np.testing.assert_array_equal(dog.mask, (masks == 1) | (masks == 3), "objects of one name are one concept")
    np.testing.assert_array_equal(ball.mask, masks == 2)
    assert shown.annotated.tolist() == list(range(len(masks)))
    expected = "1080p" if "480p" not in resolutions else "480p"
    assert shown.video.frames.mean() == pytest.approx(100 if expected == "480p" else 200, abs=3)


def test_blanks_around_a_name_are_no_part_of_it(tmp_path):
    davis(tmp_path)
    names = {"1": " dog", "2": "ball ", "3": "dog\n"}
    captions = write_json(tmp_path / "captions.json", {"dogs": {"caption": "dogs", "concepts": names}})
    shown = palette_masks(tmp_path, captions=captions).clips["dogs"]()
    assert shown.concepts == ("dog", "ball", "background")
    assert [truth.label for truth in shown.truths] == ["dog", "ball"]


def test_davis_does_not_say_what_is_in_it(tmp_path):
    davis(tmp_path)
    with pytest.raises(ValueError, match=r"has no meta\.json that describes its clips; give captions"):
        palette_masks(tmp_path)


def test_youtube_vos_has_categories_and_masks_of_some_frames(tmp_path):
    youtube_vos(tmp_path)
    dataset = palette_masks(tmp_path)
    assert list(dataset.clips) == ["0043f083b5"]
    shown = dataset.clips["0043f083b5"]()
    assert shown.caption == "giant panda, person"
    assert shown.concepts == ("giant panda", "person", "background")
    assert shown.annotated.tolist() == [0, 5]
    assert len(shown.video.frames) == 9
    assert shown.truths[1].mask.shape == (2, *shown.video.frames.shape[1:3])


def test_a_meta_json_of_other_videos_is_told(tmp_path):
    youtube_vos(tmp_path)
    content = json.loads((tmp_path / "meta.json").read_text())
    content["videos"]["../0043f083b5"] = content["videos"]["0043f083b5"]
    write_json(tmp_path / "meta.json", content)
    (tmp_path / "JPEGImages" / "other").mkdir()
    dataset = palette_masks(tmp_path, concepts=write_json(tmp_path / "concepts.json", {"giant_panda": "panda"}))
    assert list(dataset.clips) == ["0043f083b5"]
    assert dataset.clips["0043f083b5"]().caption == "panda, person"
    assert dataset.skipped(dataset.clips) == {
        "described videos that are not there": ["../0043f083b5"],
        "videos that nothing describes": ["other"],
    }
    content["videos"]["0043f083b5"]["objects"] = {}
    write_json(tmp_path / "meta.json", content)
    with pytest.raises(ValueError, match=r"is not the meta\.json of YouTube-VOS \(.*'0043f083b5' has no object"):
        palette_masks(tmp_path)


def test_captions_name_clips_that_are_there(tmp_path):
    davis(tmp_path)
    captions = write_json(tmp_path / "captions.json", CAPTIONS | {"cat": CAPTIONS["bear"]})
    with pytest.raises(ValueError, match="names the clip 'cat', which"):
        palette_masks(tmp_path, captions=captions)


NOT_CAPTIONS = (
    "dog",
    {"caption": "a dog"},
    {"caption": "", "concepts": {"1": "dog"}},
    {"caption": "a", "concepts": {}},
    {"caption": "a", "concepts": {"one": "dog"}},
    {"caption": "a", "concepts": {"1": 2}},
)


@pytest.mark.parametrize("given", NOT_CAPTIONS, ids=str)
def test_captions_of_another_form_are_refused(tmp_path, given):
    davis(tmp_path)
    with pytest.raises(ValueError, match="write 'bear' like"):
        palette_masks(tmp_path, captions=write_json(tmp_path / "captions.json", {"bear": given}))


def test_broken_clips_say_what_is_wrong(tmp_path):
    davis(tmp_path)
    read = palette_masks(tmp_path, captions=write_json(tmp_path / "captions.json", CAPTIONS)).clips["bear"]
    masks = tmp_path / "Annotations" / "480p" / "bear"
    Image.new("LA", (24, 16)).save(masks / "00001.png")
    with pytest.raises(
        ValueError, match=r"00001\.png has the mode LA; give opaque masks, grey, RGB, or with a palette"
    ):
        read()
    Image.new("P", (4, 4)).save(masks / "00001.png")
    with pytest.raises(ValueError, match=r"00001\.png is \[4, 4\] and its frame \[16, 24\], which is another shape"):
        read()
    for mask in masks.iterdir():
        mask.unlink()
    with pytest.raises(ValueError, match="holds no mask of a frame"):
        read()


RECORD = {"video_path": "a/cat.mp4", "caption": "a cat jumps", "concepts": ["cat", "jumps"], "object": "cat"}


def test_a_list_of_videos_has_no_truths(tmp_path):
    path = write_json(tmp_path / "list.json", [RECORD, {**RECORD, "object": "whiskers"}])
    dataset = video_list(path)
    assert list(dataset.clips) == ["0000-cat.mp4", "0001-cat.mp4"]
    first, second = (read() for read in dataset.clips.values())
    assert first.video == tmp_path / "a" / "cat.mp4"
    assert first.truths == ()
    assert first.concepts == ("cat", "jumps")
    assert second.concepts == ("cat", "jumps", "whiskers")
    (elsewhere, _) = video_list(path, videos=tmp_path / "b").clips.values()
    assert elsewhere().video == tmp_path / "b" / "a" / "cat.mp4"


def test_masks_beside_the_videos_of_a_list_show_the_object(tmp_path):
    (tmp_path / "a").mkdir()
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "a" / "cat.mp4")
    folder = tmp_path / "masks" / "cat"
    folder.mkdir(parents=True)
    for number in (3, 7):
        mask = np.zeros((32, 48), np.uint8)
        mask[:number] = 255
        Image.fromarray(mask).save(folder / f"{number:05d}.png")
    (read,) = video_list(write_json(tmp_path / "list.json", [RECORD])).clips.values()
    shown = read()
    assert shown.concepts == ("cat", "jumps", "background")
    assert shown.annotated.tolist() == [3, 7]
    assert [truth.label for truth in shown.truths] == ["cat"]
    assert shown.truths[0].mask.sum((1, 2)).tolist() == [3 * 48, 7 * 48]
    (folder / "00003.png").rename(folder / "00009.png")
    with pytest.raises(ValueError, match=r"00009\.png is not named by a frame; the frames of the video are 0 to 8"):
        read()


def test_a_label_that_is_only_typed_in_another_way_is_no_second_one(tmp_path):
    (tmp_path / "a").mkdir()
    Clip(draw_frames(9, 32, 48, seed=1), 12).save(tmp_path / "a" / "cat.mp4")
    folder = tmp_path / "masks" / "cat"
    folder.mkdir(parents=True)
    Image.fromarray(np.full((32, 48), 255, np.uint8)).save(folder / "3.png")
    typed = {"concepts": ["caf\u00e9", "jumps", "Background"], "object": "Cafe\u0301 "}
    (read,) = video_list(write_json(tmp_path / "list.json", [{**RECORD, **typed}])).clips.values()
    assert read().concepts == ("caf\u00e9", "jumps", "background")
    assert [truth.label for truth in read().truths] == ["caf\u00e9"]


def test_a_record_may_name_a_stretch(tmp_path):
    given = [{**RECORD, "start": "1:20.5", "end": 95}, {**RECORD, "start": 3}]
    first, second = (read() for read in video_list(write_json(tmp_path / "list.json", given)).clips.values())
    assert (first.start, first.end) == (80.5, 95)
    assert (second.start, second.end) == (3, None)
    for wrong, said in (
        ({"start": "soon"}, "'soon' is no time"),
        ({"start": 3, "end": 2}, "end=2 is not after start=3"),
    ):
        with pytest.raises(ValueError, match=f"record 1 has no stretch of a video: {said}"):
            video_list(write_json(tmp_path / "list.json", [RECORD, {**RECORD, **wrong}]))
    (tmp_path / "masks" / "cat").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"record 0 has a stretch, but .*cat has masks of the whole video; omit start"):
        video_list(write_json(tmp_path / "list.json", given))


NOT_RECORDS = (
    "cat.mp4",
    {},
    {**RECORD, "concepts": []},
    {**RECORD, "concepts": " , "},
    {**RECORD, "object": ","},
    {**RECORD, "concepts": ["cat", 3]},
    {**RECORD, "caption": None},
    {**RECORD, "object": ["cat"]},
)


@pytest.mark.parametrize("record", NOT_RECORDS, ids=str)
def test_records_of_another_form_are_refused(tmp_path, record):
    with pytest.raises(ValueError, match="record 1 is incomplete"):
        video_list(write_json(tmp_path / "list.json", [RECORD, record]))


@pytest.mark.parametrize("content", ["", "{}", "[]", "[{", '"text"'])
def test_a_file_that_is_no_list_is_refused(tmp_path, content):
    (tmp_path / "list.json").write_text(content)
    with pytest.raises(ValueError, match=r"list\.json (cannot be read as JSON|holds no list)"):
        video_list(tmp_path / "list.json")


def test_a_folder_around_a_data_set_is_that_data_set(tmp_path):
    davis(tmp_path / "outer" / "DAVIS")
    (tmp_path / "outer" / "data").mkdir()
    captions = write_json(tmp_path / "captions.json", CAPTIONS)
    outer, inner = (open_dataset(str(tmp_path / name), captions=captions) for name in ("outer", "outer/DAVIS"))
    assert outer.source == inner.source
    assert outer.digest("bear") == inner.digest("bear")


def test_data_is_told_by_its_form(tmp_path):
    davis(tmp_path)
    captions = write_json(tmp_path / "captions.json", CAPTIONS)
    assert len(open_dataset("demo").clips) == 200
    assert len(open_dataset("demo", clips=3).clips) == 3
    assert list(open_dataset(str(tmp_path), captions=captions, clips=1).clips) == ["bear"]
    videos = write_json(tmp_path / "list.json", [RECORD] * 3)
    assert len(open_dataset(str(videos), clips=2).clips) == 2
    for data, options, says in (
        ("demo", {"captions": captions}, "captions are for a folder"),
        ("demo", {"videos": tmp_path}, "videos is the folder"),
        (str(tmp_path / "nowhere"), {}, "is no data set; give demo"),
        (str(tmp_path / "JPEGImages"), {}, "does not have the layout of DAVIS"),
    ):
        with pytest.raises(ValueError, match=says):
            open_dataset(data, **options)


def png_of(side):
    """The file of a PNG that says it has `side` × `side` pixels, and has none."""
    parts = [b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(b""), b"IEND"]
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("name", ["JPEGImages/480p/bear/00003.jpg", "Annotations/480p/bear/00003.png"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (png_of(20_000), "has more than 67,108,864 pixels; make it smaller"),
        (png_of(9_000), "has more than 67,108,864 pixels; make it smaller"),
        (png_of(16), "cannot be read as a picture"),
        (b"torn", "cannot be read as a picture"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\1IHDR", "cannot be read as a picture"),
        (png_of(16).replace(b"IEND", b"\xff\xff\xff\xff"), "cannot be read as a picture"),
        (None, "is not a regular file; copy it again"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_picture_that_cannot_be_read_is_named(tmp_path, name, content, says):
    davis(tmp_path)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name) if content is None else (tmp_path / name).write_bytes(content)
    read = palette_masks(tmp_path, captions=write_json(tmp_path / "captions.json", CAPTIONS)).clips["bear"]
    with pytest.raises(ValueError, match=says) as raised:
        read()
    assert str(raised.value).startswith(f"{tmp_path / name} ")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("list.json", "a JSON list"), ("captions.json", "a JSON object"), ("meta.json", "a JSON object")],
)
def test_a_description_that_is_too_large_is_not_read(tmp_path, name, remedy):
    davis(tmp_path)
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(2**40)
    data, captions = (path, None) if name == "list.json" else (tmp_path, path if name == "captions.json" else None)
    with pytest.raises(ValueError, match=rf"{name} cannot be read as JSON \(.*is larger than 64 MiB\); give {remedy}"):
        open_dataset(str(data), captions=captions)


@pytest.mark.parametrize("field", ["caption", "concepts", "object", "video_path"])
def test_a_text_that_is_not_valid_unicode_is_refused_with_the_number_of_its_record(tmp_path, field):
    text = "a \ud800 cat"
    record = {**RECORD, field: [text] if field == "concepts" else text}
    with pytest.raises(ValueError, match="record 1 is incomplete or not valid Unicode"):
        video_list(write_json(tmp_path / "list.json", [RECORD, record]))


@pytest.mark.parametrize(
    "names", [{"x": "dog"}, {"-1": "dog"}, {"65536": "dog"}, {"1" * 40: "dog"}, {"1": "\ud800"}, {"1": " "}], ids=ascii
)
def test_numbers_and_names_that_no_mask_has_are_refused(tmp_path, names):
    davis(tmp_path)
    captions = write_json(tmp_path / "captions.json", {"bear": {"caption": "a bear", "concepts": names}})
    with pytest.raises(ValueError, match=r"captions\.json: write 'bear' like"):
        palette_masks(tmp_path, captions=captions)
    objects = {number: {"category": name} for number, name in names.items()}
    write_json(tmp_path / "meta.json", {"videos": {"bear": {"objects": objects}}})
    with pytest.raises(ValueError, match=r"meta\.json is not the meta\.json of YouTube-VOS"):
        palette_masks(tmp_path)


def test_the_files_of_a_clip_are_those_that_it_is_read_from(tmp_path):
    davis(tmp_path / "davis")
    captions = write_json(tmp_path / "captions.json", CAPTIONS)
    dataset = palette_masks(tmp_path / "davis", captions=captions)
    moved = palette_masks((tmp_path / "davis").rename(tmp_path / "moved"), captions=captions)
    with pytest.raises(ValueError, match="holds no"):
        dataset.clips["bear"]()
    before = {clip: moved.digest(clip) for clip in moved.clips}
    frames, masks = (tmp_path / "moved" / kind / "480p" / "bear" for kind in ("JPEGImages", "Annotations"))
    (masks / "notes.txt").write_text("no mask")
    assert {clip: moved.digest(clip) for clip in moved.clips} == before
    for file in (frames / "00003.jpg", masks / "00003.png"):
        content = file.read_bytes()
        file.write_bytes(content + b"\0")
        assert moved.digest("bear") != before["bear"]
        assert moved.digest("dogs") == before["dogs"]
        file.write_bytes(content)
    (masks / "00003.png").unlink()
    assert moved.digest("bear") != before["bear"]


def test_what_is_written_of_a_data_set_names_no_folder_of_the_machine(tmp_path, monkeypatch):
    davis(tmp_path / "davis")
    captions = write_json(tmp_path / "captions.json", CAPTIONS)
    path = write_json(tmp_path / "list.json", [RECORD])
    monkeypatch.chdir(tmp_path / "davis")
    for dataset in (
        palette_masks(tmp_path / "davis", captions=captions),
        palette_masks(Path("."), captions=captions),
        video_list(path, videos=tmp_path / "davis"),
    ):
        assert {"data", "videos"} & dataset.source.keys()
        assert str(tmp_path.parent) not in json.dumps(dataset.source)
        assert "davis" in dataset.source.values()
    assert video_list(path).source["data"] == "list.json"


def test_the_files_of_a_listed_video_are_itself_and_its_masks(tmp_path):
    path = write_json(tmp_path / "list.json", [RECORD, {key: RECORD[key] for key in RECORD if key != "object"}])
    dataset = video_list(path)
    digests = {dataset.digest("0000-cat.mp4")}
    for name in ("a/cat.mp4", "masks/cat/0.png", "masks/cat/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        digests.add(dataset.digest("0000-cat.mp4"))
    assert len(digests) == 4
    assert [file.name for file in dataset.files["0000-cat.mp4"]()] == ["cat.mp4", "0.png", "1.png"]
    assert [file.name for file in dataset.files["0001-cat.mp4"]()] == ["cat.mp4"], "no object, so no masks"
