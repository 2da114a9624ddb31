"""Every fault in a record or in an array is refused in one line that names the file and the entry.

The files are whole, and their checksums are right: somebody wrote them like this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.maps.raw_files import SUFFIXES, Arrays, assert_refused, full_maps, parts_of, write_file

Change = Callable[[dict[str, Any], Arrays], object]
"""Changes a record and arrays in place."""


def setting(value: object, *keys: str) -> Change:
    """Puts a value into the settings."""

    def change(record: dict[str, Any], arrays: Arrays) -> None:
        place = record["settings"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def marked(**region: object) -> Change:
    """Records a region of the second 0."""
    return setting({"a": {"seconds": 0.0, **region}}, "regions")


def entry(name: str, value: object) -> Change:
    """Puts a value into the record."""
    return lambda record, arrays: record.update({name: value})


def array(name: str, value: object, place: object = (0, 0)) -> Change:
    """Puts a value into an array."""
    return lambda record, arrays: arrays[name].__setitem__(place, value)


def other(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Puts another array in its place."""
    return lambda record, arrays: arrays.update({name: change(arrays[name])})


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


NAN, INFINITY = float("nan"), float("inf")

FAULTS: dict[str, tuple[Change, str]] = {
    # Values.
    "a NaN in a map": (array("map.imap", NAN, (2, 2, 4, 6)), "the map imap has values that are not finite"),
    "an infinity in a map": (array("map.gramcol", INFINITY, (0, 0, 0, 0)), "the map gramcol has values that are not"),
    "a negative infinity in a map": (array("map.gramcol", -INFINITY, (1, 1, 1, 1)), "the map gramcol"),
    "a NaN score": (array("head_scores", NAN), "head_scores has values that are not finite"),
    "an infinite score": (array("head_scores", INFINITY), "head_scores has values that are not finite"),
    "a NaN second": (array("seconds", NAN, 1), "seconds must be finite"),
    "an infinite second": (array("seconds", INFINITY, 2), "seconds must be finite"),
    "seconds that go back": (array("seconds", 0.5, 1), "never decrease"),
    "a negative head": (array("selected_heads", -1), "selected_heads must be different heads.* from 0 to 5"),
    "a head that no layer has": (array("selected_heads", 6), "selected_heads must be different heads"),
    "a head of another age": (array("selected_heads", 2**62), "selected_heads must be different heads"),
    "a head that is selected twice": (array("selected_heads", 3, 1), "selected_heads must be different heads"),
    # Types and shapes.
    "a map in fp64": (other("map.imap", lambda old: old.astype(np.float64)), "imap must be torch.float32"),
    "scores in fp64": (other("head_scores", lambda old: old.astype(np.float64)), "head_scores must be torch.float32"),
    "seconds in fp32": (other("seconds", lambda old: old.astype(np.float32)), "seconds must be torch.float64"),
    "heads that are no integers": (other("selected_heads", lambda old: old.astype(np.float32)), "torch.int64"),
    "a map in fp16": (other("map.imap", lambda old: old.astype(np.float16)), "map.imap"),
    "a complex map": (other("map.imap", lambda old: old.astype(np.complex64)), "map.imap"),
    "big-endian numbers": (other("head_scores", lambda old: old.astype(">i2")), "head_scores"),
    "a map of three dimensions": (other("map.imap", lambda old: old[0]), r"imap is \[3, 5, 7\]"),
    "maps of different sizes": (other("map.imap", lambda old: old[:, :, 1:]), "maps must all be"),
    "a map without frames": (other("map.imap", lambda old: old[:, :0]), r"\[3, 0, 5, 7\]"),
    "a map of very many patches": (other("map.imap", lambda old: np.zeros((3, 3, 1, 513), "f4")), "."),
    "a concept too few": (other("map.imap", lambda old: old[1:]), "imap needs 2 different labels"),
    "a layer too few": (other("head_scores", lambda old: old[1:]), "head_scores .* row for each of 4 layers"),
    "heads of too few layers": (other("selected_heads", lambda old: old[1:]), "selected_heads .* row for each of 4"),
    "no heads": (other("head_scores", lambda old: old[:, :0]), "2 selected heads of 0 are not possible"),
    "no selected heads": (other("selected_heads", lambda old: old[:, :0]), "0 selected heads of 6"),
    "more selected heads than heads": (other("selected_heads", lambda old: old.repeat(4, 1)), "8 selected heads of 6"),
    "very many heads": (other("head_scores", lambda old: old.repeat(200, 1)), "a layer has 1 to 1000 heads"),
    "a second too many": (other("seconds", lambda old: np.append(old, 9)), "one entry for each of 3 frames"),
    "seconds of each concept": (other("seconds", lambda old: old[None]), "one entry for each of 3 frames"),
    "a number in place of an array": (other("head_scores", lambda old: old[0, 0]), "head_scores"),
    "an agreement of NaN": (array("agreement.imap", NAN, 1), "agreement.imap must be numbers from 0 to 1"),
    "an agreement above 1": (array("agreement.gramcol", 1.01, 2), "agreement.gramcol must be numbers from 0 to 1"),
    "an agreement below 0": (array("agreement.imap", -0.01, 0), "agreement.imap must be numbers from 0 to 1"),
    "an agreement in fp64": (other("agreement.imap", lambda old: old.astype("f8")), "agreement.imap must be torch.flo"),
    "an agreement of too few": (other("agreement.imap", lambda old: old[1:]), r"agreement.imap \[2\] must be \[3\]"),
    "a spread of NaN": (array("spread.imap", NAN, (2, 2, 4, 6)), "spread.imap has values that are negative or not fin"),
    "an infinite spread": (array("spread.gramcol", INFINITY, (0, 0, 0, 0)), "spread.gramcol has values that are neg"),
    "a negative spread": (array("spread.imap", -0.1, (1, 1, 1, 1)), "spread.imap has values that are negative"),
    "a spread of another size": (other("spread.imap", lambda old: old[:, :, 1:]), r"spread.imap .* must be \[3, 3, 5"),
    "a NaN of a layer": (array("kept.imap", NAN, (3, 0, 2, 2, 4, 6)), "kept.imap has values that are not finite"),
    "an infinity of a head": (array("single_heads", INFINITY, (1, 2, 2, 4, 6)), "single_heads has values that are not"),
    "a layer too few inside": (other("kept.imap", lambda old: old[1:]), r"kept.imap .* must be \[4, 1, 3, 3, 5, 7\]"),
    "a step too many inside": (other("kept.gramcol", lambda old: old.repeat(2, 1)), "kept.gramcol .* must be"),
    "a head too few": (other("single_heads", lambda old: old[1:]), r"single_heads .* must be \[2, 3, 3, 5, 7\]"),
    "layers in fp64": (other("kept.imap", lambda old: old.astype("f8")), "kept.imap must be torch.float32"),
    "heads in fp64": (other("single_heads", lambda old: old.astype("f8")), "single_heads must be torch.float32"),
    # Members.
    "layers of one map": (
        lambda record, arrays: arrays.pop("kept.imap"),
        "settings.keep needs kept maps of gramcol, i",
    ),
    "layers of no map": (lambda record, arrays: arrays.update({"kept.x": np.zeros(3)}), "kept.x belongs"),
    "a share above 1": (array("text_attention", 1.1), "text_attention has values outside of 0 to 1"),
    "a share that is NaN": (array("text_attention", NAN), "text_attention has values outside of 0 to 1"),
    "a negative share": (array("text_attention", -0.1, (2, 2)), "text_attention has values outside of 0 to 1"),
    "shares of too few": (other("text_attention", lambda old: old[1:]), r"text_attention \[2, 3\] must be \[3, 3\]"),
    "shares in fp64": (other("text_attention", lambda old: old.astype("f8")), "text_attention must be torch.float32"),
    "shares that are missing": (lambda record, arrays: arrays.pop("text_attention"), "one of text_attention and sett"),
    "shares that nobody read": (setting(False, "text_attention"), "one of text_attention and settings.text_attention"),
    "heads that are missing": (lambda record, arrays: arrays.pop("single_heads"), "single_heads does not hold"),
    "a spread that is missing": (
        lambda record, arrays: arrays.pop("spread.imap"),
        "spread.<map> for each of imap, gram",
    ),
    "an agreement of one map": (lambda record, arrays: arrays.pop("agreement.gramcol"), "agreement.<map> for each"),
    "an agreement of no map": (
        lambda record, arrays: arrays.update({"agreement.x": np.zeros(3)}),
        "agreement.x belongs",
    ),
    "a map that is missing": (lambda record, arrays: arrays.pop("map.imap"), "map.imap is missing"),
    "scores that are missing": (lambda record, arrays: arrays.pop("head_scores"), "head_scores is missing"),
    "an array of nothing": (lambda record, arrays: arrays.update(weights=np.zeros(3)), "weights belongs to no map"),
    "a map that is not named": (entry("maps", ["gramcol"]), "map.imap.* belongs to no map"),
    # The record.
    "no labels": (lambda record, arrays: record.pop("labels"), "labels: Field required"),
    "an unknown entry": (entry("more", 1), "more: Extra inputs"),
    "a map of another name": (entry("maps", ["imap", "heat"]), "maps: must be some of"),
    "no map": (entry("maps", []), "maps: must be some of"),
    "a map named twice": (entry("maps", ["imap", "gramcol", "imap"]), "maps: a value is there twice"),
    "maps that are no list": (entry("maps", "imap"), "maps: Input should be a valid list"),
    "a label too few": (entry("labels", ["a", "b"]), "3 different labels"),
    "a label that is there twice": (entry("labels", ["a", "b", "a"]), "3 different labels"),
    "an empty label": (entry("labels", ["a", "b", ""]), "labels.2: String should have at least 1 character"),
    "a long label": (entry("labels", ["a", "b", "c" * 1001]), "labels.2: String should have at most 1000 characters"),
    "an endless label": (entry("labels", ["a", "b", "c" * 3_000_000]), "labels.2: .* at most 1000 characters"),
    "very many labels": (entry("labels", list(map(str, range(10_001)))), "labels: .* at most 10000 items"),
    "half a surrogate pair": (entry("labels", ["a", "b", "\ud800"]), "hex escape"),
    "a label that is no text": (entry("labels", ["a", "b", 3]), "labels.2: Input should be a valid string"),
    "a label that is a list": (entry("labels", ["a", "b", ["c"]]), "labels.2: Input should be a valid string"),
    "labels that are text": (entry("labels", "abc"), "labels: Input should be a valid list"),
    "no label of a baseline": (entry("baseline_labels", None), "baseline_labels: Input should be a valid list"),
    "a negative layer": (entry("layers", [-1, 3, 5, 8]), "layers.0: .* greater than or equal to 0"),
    "a layer that is there twice": (entry("layers", [1, 3, 3, 8]), "layers: a value is there twice"),
    "a layer that is a fraction": (entry("layers", [1, 3.0, 5, 8]), "layers.1: Input should be a valid integer"),
    "a layer that is true": (entry("layers", [True, 3, 5, 8]), "layers.0: Input should be a valid integer"),
    "no layers": (entry("layers", []), "layers: List should have at least 1 item"),
    "a giant step": (entry("steps", [10**4000]), "steps.0: .* less than 2147483648"),
    "a step that is there twice": (entry("steps", [3, 3]), "steps: a value is there twice"),
    "steps that are text": (entry("steps", "30"), "steps: Input should be a valid list"),
    "settings that are a list": (entry("settings", [1]), "settings: Input should be a valid dictionary"),
    "settings that are text": (entry("settings", "x" * 3_000_000), "settings: Input should be a valid dictionary"),
    "no format": (lambda record, arrays: record.pop("format"), "no object with a format"),
    "a format that is text": (entry("format", "1"), "no object with a format"),
    "format 0": (entry("format", 0), "no object with a format"),
    # Settings.
    "a model that is a number": (setting(5, "model"), "settings.model: Input should be a valid string"),
    "an endless model": (setting("m" * 1001, "model"), "settings.model: .* at most 1000 characters"),
    "a prompt that is a number": (setting(5, "prompt"), "settings.prompt: Input should be a valid string"),
    "prompts that are numbers": (setting([5], "prompt"), "settings.prompt"),
    "an endless prompt": (setting("p" * 100_001, "prompt"), "settings.prompt: .* at most 100000 characters"),
    "runs that are an object": (setting({}, "runs"), "settings.runs: Input should be a valid list"),
    "a giant seed": (setting([{"seed": 2**64}], "runs"), "settings.runs.0.seed: .* less than"),
    "a seed that is text": (setting([{"seed": "1"}], "runs"), "settings.runs.0.seed"),
    "a single repeat": (setting({"of": "noises", "count": 1}, "repeats"), "settings.repeats.count: .* greater"),
    "repeats of nothing": (setting({"of": "days", "count": 2}, "repeats"), "settings.repeats.of"),
    "repeats that are a number": (setting(2, "repeats"), "settings.repeats: Input should be a valid dictionary"),
    "an unknown score": (setting("accuracy", "head_score"), "settings.head_score: must be one of chi, fisher"),
    "no score": (setting(None, "head_score"), "settings.head_score: Input should be a valid string"),
    "an unknown match": (setting("words", "match"), "settings.match: must be one of concepts, prompt"),
    "an unknown normalization": (setting(["none"], "normalize"), "settings.normalize: Input should be a valid string"),
    "an unknown pooling": (setting("p" * 3_000_000, "pooling"), "settings.pooling: must be one of first, mean"),
    "an unknown backend": (setting("cuda", "backend"), "settings.backend: must be one of auto"),
    "fast attention that is a number": (setting(1, "fast_attention"), "settings.fast_attention"),
    "an axis that nobody keeps": (setting(["heads"], "keep"), "settings.keep.0: Input should be 'layers' or 'steps'"),
    "an axis twice": (setting(["steps", "steps"], "keep"), "settings.keep: a value is there twice"),
    "layers that are not kept": (setting(["steps"], "keep"), r"kept.imap .* must be \[1, 1, 3, 3, 5, 7\]"),
    "nothing kept": (setting(None, "keep"), "settings.keep needs kept maps of none, not of imap, gramcol"),
    "no single heads": (setting(None, "heads"), "settings.heads names 0 single heads"),
    "a head of another layer": (setting([[2, 0], [3, 0]], "heads"), "settings.heads names the layer 2, which is none"),
    "a head without a layer": (setting([[3], [1, 0]], "heads"), "settings.heads.0"),
    "a single head that no layer has": (
        setting([[3, 6], [1, 0]], "heads"),
        "settings.heads names the head 6",
    ),
    "a head that is there twice": (setting([[3, 0], [3, 0]], "heads"), "settings.heads: a value is there twice"),
    "a region that is nowhere": (marked(), "settings.regions.a: must be one of point, box and mask"),
    "a region that is two": (marked(point=[1, 1], box=[1, 1, 2, 2]), "settings.regions.a: must be one of point, box"),
    "a mask without a size": (marked(mask="0" * 64), "settings.regions.a: must have a size if it is a mask"),
    "a point with a size": (marked(point=[1, 1], size=[3, 3]), "settings.regions.a: must have a size if it is a mask"),
    "a region after the end": (marked(point=[1, 1], latent_frame=3), "the region a is in latent frame 3, and the maps"),
    "no motion heads": (setting(0, "top_k"), "settings.top_k: .* greater than or equal to 1"),
    "a negative motion head": (setting([[-1]], "motion_heads"), "settings.motion_heads.0.0"),
    "no time in a latent frame": (setting(0, "temporal_compression"), "settings.temporal_compression"),
    "much time in a latent frame": (setting(10**9, "temporal_compression"), "settings.temporal_compression"),
    "a fraction of time": (setting(4.0, "temporal_compression"), "settings.temporal_compression"),
    "a negative patch": (setting(-1, "patch_size_t"), "settings.patch_size_t"),
    "a patch of text": (setting("1", "patch_size_t"), "settings.patch_size_t"),
    "no steps of inference": (setting(0, "num_inference_steps"), "settings.num_inference_steps"),
    "versions that are numbers": (setting({"torch": 2}, "versions"), "settings.versions"),
    "a video that is a list": (setting([], "video"), "settings.video: Input should be a valid dictionary"),
    "a video without a length": (setting({"height": 8, "width": 8}, "video"), "settings.video.num_frames: Field"),
    "a video of another length": (setting(33, "video", "num_frames"), "settings.video.num_frames does not fit"),
    "an endless video": (setting(2**30, "video", "num_frames"), "settings.video.num_frames does not fit"),
    "a video without frames": (setting(0, "video", "num_frames"), "settings.video.num_frames"),
    "a very high video": (setting(10**7, "video", "height"), "settings.video.height: .* less than or equal to 8192"),
    "a video that is large for its patches": (setting(641, "video", "height"), "settings.video.height does not fit"),
    "a video that is small for its patches": (
        setting(6, "video", "width"),
        "settings.video.width does not fit",
    ),
    "a video without width": (setting(0, "video", "width"), "settings.video.width"),
    "no frames in a second": (setting(0, "video", "fps"), "settings.video.fps"),
    "very many frames in a second": (setting(1e300, "video", "fps"), "settings.video.fps"),
    "frames in a second as text": (setting("8", "video", "fps"), "settings.video.fps"),
    "gaps that are numbers": (setting([1.0], "video", "gaps"), "settings.video.gaps.0"),
    "a digest that is none": (setting("0" * 63, "video", "sha256"), "settings.video.sha256"),
    "a window of text": (setting("49", "video", "window"), "settings.video.window"),
    "a giant integer": (setting([{"deep": 2**64}], "anything"), "settings.anything: an integer has more than 64 bits"),
    "deep nesting": (setting(nested(17), "anything"), "settings.anything: values are nested deeper than 16 levels"),
    "very deep nesting": (setting(nested(900), "anything"), "recursion limit"),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_by_name(fault, suffix, tmp_path):
    change, says = FAULTS[fault]
    record, arrays = parts_of(full_maps())
    change(record, arrays)
    assert_refused(write_file(tmp_path / f"maps{suffix}", record, arrays), says)
