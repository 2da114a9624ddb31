"""The file of the report: complete, self-contained, small, and safe with any labels."""

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace

import av
import numpy as np
import pytest
import torch

from imap_fast.maps.names import ALL_MAPS, MAP_NAMES, REGION_MAPS
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.render.heatmap import heat
from imap_fast.report.meanings import MEANINGS, meaning
from imap_fast.report.video import embed_video
from imap_fast.video import Clip, VideoFile
from tests.render.synthetic import NASTY_LABELS, make_maps
from tests.report import moving
from tests.report.shots import in_shots
from tests.video.media import draw_frames

HOSTILE = ("</script><img src=x onerror=alert(1)>", "../../x", "<!--<script>", *NASTY_LABELS)


def block(page: str, name: str) -> str:
    return re.search(rf'<script type="[a-z/]+" id="{re.escape(name)}">([^<]*)</script>', page)[1]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("report") / "new" / "report.html"
    maps = moving.lose_a_score(moving.make_maps())
    maps.report(path, moving.make_clip(), {"seed": 7, "dtype": "float32", "labels": ["hidden"]})
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path.read_text("utf-8")


@pytest.mark.slow
def test_the_policy_names_the_style_and_the_script_that_are_there_and_nothing_else(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    for directive, tag in (
        ("script-src", r'<script type="module">(.*?)</script>'),
        ("style-src", r"<style>(.*?)</style>"),
    ):
        (found,) = re.findall(tag, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(found.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert not re.search(r'(src|action)="|href="(?!#)', page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}  # a namespace, not an address


def test_it_says_what_is_known_of_the_run(page):
    told = json.loads(block(page, "content"))
    assert told["title"] == "a square slides right"
    assert told["run"] == [
        ["model", "a/model"],
        ["seed", "7"],
        ["steps", "30"],
        ["temporal compression", "1"],
        ["dtype", "float32"],
        ["agreement", "unknown: the maps are of one noise, or of one step"],
    ]
    assert told["video"] == {"frames": 17, "fps": 8.0, "height": 96, "width": 160}
    assert told["heads"]["scores"] == [[3, 1, 2, None], [40, 10, 30, 20]]
    assert told["heads"]["colours"][0][3] == "#8c8c8c"
    assert told["heads"]["chosen"] == [[0, 2], [0, 2]]
    assert told["maps"][0]["saliency"][1] == [0.0] * 9 + [1.0] * 8


@pytest.mark.parametrize(
    ("maps", "facts"),
    [
        (in_shots(0.0), {"shots": "1"}),
        (in_shots(1.0, 1.25, start=1.0), {"start": "1.0 s", "shots": "2, which begin at 1.0 s, 1.25 s"}),
        (in_shots(80.5, start=80.25, end=3600.0), {"start": "1:20.25", "end": "60:00.0", "shots": "1"}),
        (in_shots(*range(13)), {"shots": f"13, which begin at {', '.join(f'{i}.0 s' for i in range(12))}, …"}),
        (make_maps(grid=(1, 3, 4)), {}),
    ],
)
def test_it_says_which_stretch_and_which_shots_were_read(maps, facts, tmp_path):
    maps.report(tmp_path / "report.html")
    told = dict(json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))["run"])
    assert {name: told[name] for name in ("start", "end", "shots") if name in told} == facts


def test_it_says_how_sure_each_map_is(tmp_path):
    maps = moving.make_maps()
    sure = {name: torch.linspace(0.123, 1, len(maps.labels_of(name))) for name in maps.maps}
    spreads = {name: values.abs() for name, values in maps.maps.items()}
    settings = maps.settings | {"repeats": {"of": "noises", "count": 4}}
    replace(maps, agreements=sure, spreads=spreads, settings=settings).report(tmp_path / "a.html", moving.make_clip())
    told = json.loads(block((tmp_path / "a.html").read_text("utf-8"), "content"))
    assert told["maps"][0]["agreement"][0] == 0.12
    assert [len(each["agreement"]) for each in told["maps"]] == [len(each["labels"]) for each in told["maps"]]
    run = dict(told["run"])
    assert (run["repeats of"], run["repeats count"]) == ("noises", "4")
    assert "agreement" not in run


def test_the_planes_are_the_heat_in_8_bits(page):
    for concept, values in enumerate(moving.make_maps().imap):
        plane = np.frombuffer(zlib.decompress(base64.b64decode(block(page, f"planes-0-{concept}"))), np.uint8)
        np.testing.assert_array_equal(plane, np.rint(heat(values[None]).numpy() * 255).ravel())


@pytest.mark.slow
def test_labels_stay_text(tmp_path):
    maps = make_maps(HOSTILE, grid=(2, 3, 4), prompt=HOSTILE[0], model="<b>")
    maps.report(tmp_path / "report.html", draw_frames(5, 24, 32, seed=1), {"seed": "</script>"})
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "<img" not in page
    assert "onerror=alert(1)>" not in page
    told = json.loads(block(page, "content"))
    assert told["maps"][0]["labels"] == list(HOSTILE)
    assert told["title"] == HOSTILE[0]
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.slow
def test_49_frames_and_8_concepts_stay_under_5_megabytes_beside_the_video(tmp_path):
    noise = torch.randn(8, 13, 30, 45, generator=torch.Generator().manual_seed(0))  # which compresses badly
    labels = tuple(f"concept {i}" for i in range(8))
    scores = torch.rand(17, 30) * 100
    maps = SaliencyMaps(
        {name: noise * (i + 1) for i, name in enumerate(MAP_NAMES)},
        labels,
        tuple(range(17)),
        (30,),
        scores,
        scores.topk(5).indices,
        {"temporal_compression": 4},
    )
    maps.report(tmp_path / "report.html", draw_frames(49, 480, 720, seed=2))
    page = (tmp_path / "report.html").read_text("utf-8")
    beside = len(page) - len(block(page, "video"))
    assert 500_000 < beside < 5_000_000


@pytest.mark.parametrize(
    ("name", "frames", "says"),
    [
        ("report.pdf", 17, r"\.html, not 'report\.pdf'"),
        ("report.html", 16, "16 video frames give 16 latent frames, but the maps cover 17"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_what_was_there(tmp_path, name, frames, says):
    (tmp_path / name).write_text("old")
    with pytest.raises(ValueError, match=says):
        moving.make_maps().report(tmp_path / name, moving.make_clip().frames[:frames])
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "old")]


def test_maps_of_several_videos_ask_for_one(tmp_path):
    with pytest.raises(ValueError, match=r"2 videos.*maps\.video\(0\)\.report"):
        make_maps(videos=2).report(tmp_path / "report.html")


@pytest.mark.slow
def test_without_a_video_the_maps_are_shown_on_a_plain_ground(tmp_path):
    make_maps(grid=(3, 4, 6)).report(tmp_path / "report.html")
    told = json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))
    assert told["video"] == {"frames": 9, "fps": 8.0, "height": 64, "width": 96}
    assert told["title"] == "alpaca, running, grass"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "prompt", "title"),
    [
        (("cat", "dog"), ["a cat", "a dog"], "a cat, a dog"),
        (tuple("abcdefghij"), None, "a, b, c, d, e, f, g, h"),
    ],
)
def test_a_run_without_one_prompt_has_a_title(tmp_path, labels, prompt, title):
    make_maps(labels, grid=(1, 2, 3), prompt=prompt).report(tmp_path / "report.html")
    told = json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))
    assert told["title"] == title


@pytest.mark.slow
@pytest.mark.parametrize(
    "run",
    [
        {},
        {"model": "/home/jane/models/CogVideoX-2b"},
        {"video": "../../home/jane/cat.mp4", "options": {"video": "/home/jane"}, "sha256": {}, "digest": "0"},
        {"video": "C:\\Users\\jane\\cat.mp4"},
    ],
)
def test_a_page_names_no_folder_of_the_machine_that_it_was_made_on(tmp_path, run):
    maps = make_maps(grid=(1, 2, 3), model="/home/jane/models/CogVideoX-2b")
    maps.report(tmp_path / "report.html", run=run)
    page = (tmp_path / "report.html").read_text("utf-8")
    told = dict(json.loads(block(page, "content"))["run"])
    assert told["model"] == "CogVideoX-2b"
    assert told.get("video") == ("cat.mp4" if "video" in run else None)
    assert "jane" not in page
    assert not told.keys() & {"options", "options video", "digest"}


def test_the_video_in_a_page_keeps_its_frames_and_says_nothing_of_its_file(tmp_path):
    path = tmp_path / "clip.mp4"
    moving.make_clip().save(tmp_path / "plain.mp4")
    with av.open(str(tmp_path / "plain.mp4")) as source, av.open(str(path), "w") as container:
        container.metadata.update({"title": "/home/jane/x", "location": "+47.1+008.5/"})
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    assert b"jane" in path.read_bytes()
    embedded = embed_video(VideoFile(path), {}, tmp_path)
    written = embedded.file.read_bytes()
    assert b"jane" not in written
    assert b"+47.1" not in written
    with av.open(str(embedded.file)) as container, av.open(str(path)) as source:
        assert len(container.streams) == 1
        pairs = zip(container.decode(video=0), source.decode(video=0), strict=True)
        assert all((a.to_ndarray() == b.to_ndarray()).all() and a.time == b.time for a, b in pairs)


def test_every_map_has_a_meaning_that_says_how_it_is_drawn():
    assert tuple(MEANINGS) == ALL_MAPS
    for name in ALL_MAPS:
        assert meaning(name, {}).startswith(f"Shown is {name}: ")
        assert meaning(name, {}).endswith("from the 5th to the 99.5th percentile of its values in this clip.")
    assert "softmax" in meaning("imap", {"normalize": "softmax"})
    assert "softmax" not in meaning("imap", {"normalize": "none"})
    for name in REGION_MAPS:
        assert "softmax" not in meaning(name, {"normalize": "softmax"}), "a softmax over text keys does not change it"


def test_the_seed_of_one_run_and_all_of_several_are_shown(tmp_path) -> None:
    def facts(*runs: dict[str, object]) -> list[list[str]]:
        maps = moving.make_maps()
        maps = replace(maps, settings={**maps.settings, "runs": list(runs)})
        maps.report(tmp_path / "report.html", moving.make_clip())
        return json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))["run"]

    one, other = {"prompt": "a cat", "seed": 7}, {"prompt": "a dog", "seed": None}
    assert ["seed", "7"] in facts(one)
    assert ["seeds", "7, 8"] in facts(one, one | {"seed": 8}), "noises of one prompt, which is the title"
    both = facts(one, other)
    assert ["run 1", "of a cat with seed 7"] in both
    assert ["run 2", "of a dog"] in both
    assert "seed" not in dict(both)


def test_a_clip_that_the_model_saw_in_part_is_shown_in_part(tmp_path) -> None:
    """The heat is over the part that the model saw, not stretched over the whole clip."""
    read = {"num_frames": moving.FRAMES, "height": moving.HEIGHT, "width": moving.WIDTH}
    wide = Clip(np.pad(moving.make_clip().frames, ((0, 0), (0, 0), (40, 40), (0, 0))), 8.0)
    moving.make_maps(video=read).report(tmp_path / "report.html", wide)
    video = json.loads(block((tmp_path / "report.html").read_text("utf-8"), "content"))["video"]
    assert (video["height"], video["width"]) == (moving.HEIGHT, moving.WIDTH)
