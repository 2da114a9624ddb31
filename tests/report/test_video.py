"""The video of the report: the frames that the maps cover, playable in every browser, never all in memory."""

import subprocess
import sys

import av
import numpy as np
import pytest
from PIL import Image

from imap_fast.report.video import embed_video
from imap_fast.video import Clip, VideoFile, read_clip
from tests.report import moving


@pytest.fixture
def clip():
    return moving.make_clip()


@pytest.fixture
def maps():
    read = {"fps": 8.0, "num_frames": moving.FRAMES, "height": moving.HEIGHT, "width": moving.WIDTH}
    return moving.make_maps(video=read)


def encode(path, clip, codec, rate=8, **options):
    """Write `clip` like another program."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = *clip.frames.shape[1:3], "yuv420p"
        for picture in clip.frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def retimed(path, other, *, uneven, sound):
    """Write the same pictures with other timestamps for the last ones, or with a silent audio stream."""
    with av.open(str(path)) as source, av.open(str(other), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        silence = target.add_stream("aac", rate=48000) if sound else None
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                packet.pts += 3 * packet.duration // 2 if uneven and packet.pts >= 8 * packet.duration else 0
                target.mux(packet)
        if sound:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.rate = 48000
            target.mux(silence.encode(frame))
            target.mux(silence.encode(None))
    return other


def packets(path):
    with av.open(str(path)) as container:
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(video=0) if packet.size]


def test_the_packets_of_a_file_that_plays_are_taken_as_they_are(tmp_path, clip, maps):
    clip.save(tmp_path / "clip.mp4")
    (tmp_path / "out").mkdir()
    shown = embed_video(VideoFile(tmp_path / "clip.mp4"), maps.settings["video"], tmp_path / "out")
    assert packets(shown.file) == packets(tmp_path / "clip.mp4")
    assert (shown.num_frames, shown.height, shown.width, shown.fps) == (17, 96, 160, 8)
    np.testing.assert_allclose(shown.stills, clip.frames[[0, 3, 6, 10, 13, 16]], atol=30)


@pytest.mark.parametrize(("name", "codec"), [("clip.avi", "mpeg4"), ("clip.mkv", "libx264"), ("clip.mp4", "mpeg4")])
def test_another_file_becomes_one_that_plays(tmp_path, clip, maps, name, codec):
    encode(tmp_path / name, clip, codec)
    (tmp_path / "out").mkdir()
    shown = embed_video(VideoFile(tmp_path / name), maps.settings["video"], tmp_path / "out")
    with av.open(str(shown.file)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt, stream.frames) == ("h264", "yuv420p", 17)
    assert np.abs(read_clip(shown.file).frames.astype(int) - clip.frames).mean() < 6


def test_an_animation_becomes_a_film_that_plays(tmp_path, clip, maps):
    """FFmpeg cannot decode it."""
    first, *others = map(Image.fromarray, clip.frames)
    first.save(tmp_path / "clip.webp", save_all=True, append_images=others, duration=125, lossless=True)
    (tmp_path / "out").mkdir()
    shown = embed_video(VideoFile(tmp_path / "clip.webp"), maps.settings["video"], tmp_path / "out")
    assert np.abs(read_clip(shown.file).frames.astype(int) - clip.frames).mean() < 6


@pytest.mark.parametrize("other", ["longer", "larger", "uneven", "sounding"])
def test_only_what_was_read_is_shown(tmp_path, clip, maps, other):
    path = tmp_path / "clip.mp4"
    frames = np.concatenate([clip.frames] * 2) if other == "longer" else clip.frames
    Clip(frames.repeat(2, 1).repeat(2, 2) if other == "larger" else frames, 8).save(path)
    if other in ("uneven", "sounding"):
        path = retimed(path, tmp_path / "other.mp4", uneven=other == "uneven", sound=other == "sounding")
    (tmp_path / "out").mkdir()
    shown = embed_video(VideoFile(path), maps.settings["video"], tmp_path / "out")
    with av.open(str(shown.file)) as container:
        assert len(container.streams) == 1
        times = [frame.time * shown.fps for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(17), atol=0.01)
    assert np.abs(read_clip(shown.file).frames.astype(int) - clip.frames).mean() < 6


def test_a_shorter_file_is_refused(tmp_path, maps):
    Clip(moving.make_clip().frames[:9], 8).save(tmp_path / "clip.mp4")
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match=r"clip\.mp4 has 9 frames, but the maps were read from 17"):
        embed_video(VideoFile(tmp_path / "clip.mp4"), maps.settings["video"], tmp_path / "out")


def test_a_file_that_is_no_video_is_refused(tmp_path, maps):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"text\.mp4"):
        embed_video(VideoFile(tmp_path / "text.mp4"), maps.settings["video"], tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none\.mp4"):
        embed_video(VideoFile(tmp_path / "none.mp4"), maps.settings["video"], tmp_path)


MEASURE = """
import resource, sys
from tests.render.synthetic import make_maps

def peak(frames):
    maps = make_maps(("cat", "dog"), grid=((frames - 1) // 4 + 1, 6, 10))
    maps.report(f"{sys.argv[1]}/{frames}.html", f"{sys.argv[1]}/{frames}.avi")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

few, many = peak(101), peak(1001)
print(many - few, sys.platform)
"""


@pytest.mark.slow
def test_a_report_of_1000_frames_takes_hardly_more_memory_than_one_of_100(tmp_path):
    for frames in (101, 1001):
        clip = Clip(np.broadcast_to(np.uint8(90), (frames, 96, 160, 3)))
        encode(tmp_path / f"{frames}.avi", clip, "mpeg4")
    done = subprocess.run([sys.executable, "-c", MEASURE, tmp_path], capture_output=True, text=True, check=True)
    growth, platform = done.stdout.split()
    unit = 1 if platform == "darwin" else 1024
    assert int(growth) * unit < 1001 * 96 * 160 * 3 / 4  # of all frames as pictures
