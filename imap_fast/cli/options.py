"""The options of the commands, one type each, and how their text is parsed."""

import math
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer

from imap_fast.files import read_up_to
from imap_fast.loading.memory_modes import MODES, QUANTIZED
from imap_fast.maps.allowed_values import CHOICES, MOST_PIXELS
from imap_fast.maps.names import POSSIBLE_MAPS
from imap_fast.text.words import check_concepts, check_motions
from imap_fast.video.rate import LEAST_FPS, MOST_FPS, RATES, check_fps
from imap_fast.video.times import SHOTS, check_stretch, seconds_of

LARGEST = 2**20
"""The largest number that an option takes: a million frames, heads or clips."""

LONGEST_CLIP = 2**12
"""The most frames that a model takes at once. Models are trained on less than four hundred."""

LARGEST_SIDE = MOST_PIXELS
"""The largest height and width, in pixels."""

LARGEST_INDEX = 9_999
"""The largest index of a layer or a step. Schedules have a thousand steps."""

MOST_NOISES = 1_000
"""The largest number of noises. Each is a forward pass of its own."""

CONCEPTS_BYTES = 2**20
"""The largest file of concepts. A model takes a few hundred."""

DTYPES = ("auto", "float32", "float16", "bfloat16")

READING, SAMPLING, RUNNING = "What is read", "Size and sampling", "Machine and output"
"""The panels of `--help`."""


def _option(panel: str | None, help: str, *flags: str, **settings: Any) -> Any:
    return typer.Option(*flags, rich_help_panel=panel, help=help, **settings)


def one_of(choices: tuple[str, ...], panel: str | None, help: str) -> Any:
    """A name from some."""

    def known(text: str | None) -> str | None:
        if text is not None and text not in choices:
            raise typer.BadParameter(f"{text!r} is unknown; choose one of {', '.join(choices)}")
        return text

    return _option(panel, f"{help} One of {', '.join(choices)}.", callback=known, metavar="NAME")


def number(panel: str | None, help: str, *flags: str, least: int = 1, most: int = LARGEST) -> Any:
    """A whole number."""
    return _option(panel, help, *flags, metavar="N", min=least, max=most)


def finite(number: float | None) -> float | None:
    """The callback of an option for a real number: neither infinite, nor no number.

    Raises:
        BadParameter: another value.
    """
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"{number} is not finite; give a number such as 6.0")
    return number


Model = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="A folder, a Hugging Face id such as THUDM/CogVideoX-2b, or demo: the small model in this package.",
    ),
]
OptionalModel = Annotated[
    str | None,
    _option(READING, "The model for videos that are no runs yet, as in explain.", "--model", metavar="MODEL"),
]
Vae = Annotated[
    str | None,
    _option(
        RUNNING,
        "Another encoder for the model's latents: a folder or a Hugging Face id of a VAE. Default: the model's.",
        "--vae",
        metavar="MODEL",
    ),
]
OptionalPrompt = Annotated[
    str | None, _option(READING, "What the videos show that are no runs yet.", "--prompt", metavar="TEXT")
]
Prompt = Annotated[str, typer.Option(metavar="TEXT", help="What the video shows.")]
Concepts = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,C",
        help="What to look for, such as 'alpaca, running'. Optional with --motions, and with --match prompt.",
    ),
]
Motions = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,C", help="Motions to look for beside the concepts. They are shown by imap, concepts by gramcol."
    ),
]
ConceptsFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A text file with one concept on each line, instead of --concepts.")
]

Match = Annotated[str, one_of(CHOICES["match"], READING, "Whose text keys are matched.")]
Layers = Annotated[
    str | None,
    _option(READING, "Transformer layers, such as 4,6,10-23. Default: the published ones.", metavar="LIST"),
]
Steps = Annotated[str | None, _option(READING, "Denoising steps, counted from 0, such as 30 or 20-29.", metavar="LIST")]
Surrogates = Annotated[
    str,
    one_of(CHOICES["surrogates"], READING, "What represents a concept: its best patch, or a soft mean of patches."),
]
HeadScore = Annotated[str, one_of(CHOICES["head_score"], READING, "The score that chooses motion heads.")]
TopK = Annotated[int | None, number(READING, "Motion heads in each layer. Default: 5.")]
Maps = Annotated[
    str | None,
    _option(
        READING,
        f"The maps to make, from {', '.join(POSSIBLE_MAPS)}. Default: imap,gramcol of words, region_cosine of regions.",
        metavar="LIST",
    ),
]
Normalize = Annotated[str, one_of(CHOICES["normalize"], READING, "What is applied over the text keys of a layer.")]
Pooling = Annotated[str, one_of(CHOICES["pooling"], READING, "Which of its tokens represent a concept.")]
NoBackground = Annotated[bool, _option(READING, "Do not add 'background' to a single concept.", "--no-background")]

Watch = Annotated[bool, _option(RUNNING, "Draw the maps in the terminal while the video is made.", "--watch")]

Height = Annotated[int | None, number(SAMPLING, "In pixels. Default: the size of the model.", most=LARGEST_SIDE)]
Width = Annotated[int | None, number(SAMPLING, "In pixels. Default: the size of the model.", most=LARGEST_SIDE)]
NumFrames = Annotated[
    int | None,
    number(SAMPLING, "Frames of the video. Default: the clip length of the model.", most=LONGEST_CLIP),
]
MaxFrames = Annotated[int | None, number(SAMPLING, "Frames to read at most. Default: all.", "--num-frames")]
Starts = Annotated[
    list[str] | None,
    _option(
        READING, "Where to begin, such as 80.5 or 1:20.5. Repeat both for several stretches.", "--start", metavar="TIME"
    ),
]
Stream = Annotated[
    int | None,
    number(READING, "Which film of a file with several, from 0. Default: the one that players show.", least=0),
]
Ends = Annotated[
    list[str] | None, _option(READING, "Where to end: the first time that is not read.", "--end", metavar="TIME")
]
Shots = Annotated[
    str,
    _option(
        READING,
        "Cuts: auto finds them, off has none; or the times at which shots begin, such as 12.5,1:20. Times are those of "
        "the file, also in a stretch.",
        metavar="LIST",
    ),
]
Fps = Annotated[
    str | None,
    _option(
        READING,
        "Frames per second that pass the model: model for its own rate, all or a number. Default: model; all for eval.",
        metavar="RATE",
    ),
]
NumInferenceSteps = Annotated[
    int | None, number(SAMPLING, "Denoising steps in the schedule. Default: the number of the model.")
]
GuidanceScale = Annotated[
    float | None,
    _option(
        SAMPLING, "Guidance scale; 1 is no guidance. Default: the scale of the model.", metavar="X", callback=finite
    ),
]
Window = Annotated[
    int | None, number(SAMPLING, "Frames that the model sees at once. Default: its clip length.", most=LONGEST_CLIP)
]
Overlap = Annotated[int | None, number(SAMPLING, "Latent frames that windows share. Default: 1.", least=0)]
WindowsPerBatch = Annotated[
    str, _option(RUNNING, "Windows in one forward pass; auto: as many as fit into the GPU's memory.", metavar="N")
]
Noises = Annotated[
    int, number(SAMPLING, "Noises to average over. From 2 on, it is known how sure the maps are.", most=MOST_NOISES)
]
Seed = Annotated[int, number(SAMPLING, "Seed of the noise.", least=0, most=2**63 - 1)]

Output = Annotated[Path, _option(RUNNING, "Folder for the results. It is created if missing.", metavar="FOLDER")]
Overwrite = Annotated[
    bool, _option(RUNNING, "Replace existing results, after the new ones are complete.", "--overwrite")
]
Dtype = Annotated[
    str, one_of(DTYPES, RUNNING, "Dtype of the weights; auto: float32 on a CPU, half precision on a GPU.")
]
Device = Annotated[
    str, _option(RUNNING, "A torch device such as cpu or cuda:1; auto: the GPU if there is one.", metavar="NAME")
]
Memory = Annotated[
    str, one_of(("auto", *MODES), RUNNING, "Where the weights are; auto: what fits the free memory of the GPU.")
]
Quantize = Annotated[str, one_of(QUANTIZED, RUNNING, "8-bit weights of the transformer; needs the extra quantize.")]
Backend = Annotated[
    str, one_of(CHOICES["backend"], RUNNING, "Implementation of the kernels; auto: Triton on a GPU, else reference.")
]
AttentionBackend = Annotated[
    str | None,
    _option(
        RUNNING,
        "Attention backend by its name in diffusers, such as flash. Default: the model's.",
        metavar="NAME",
    ),
]
Json = Annotated[bool, _option(RUNNING, "Print one JSON object instead of text.", "--json")]


def concept_words(
    concepts: str | None, match: str, file: Path | None = None, *, alone: bool = True
) -> list[str] | None:
    """The words of `--concepts`, or of the file of `--concepts-file`.

    None reads what else is looked for, or every token of the prompt. `alone` says that nothing else is.

    Raises:
        BadParameter: both options, none of them although `--match` needs words, or a file that cannot be read.
        TypeError, ValueError: an empty or repeated concept.
    """
    if concepts is not None and file is not None:
        raise typer.BadParameter("give concepts either here or in a file", param_hint="--concepts-file")
    if file is not None:
        try:
            lines = read_up_to(file, CONCEPTS_BYTES).decode("utf-8-sig").splitlines()  # editors write a mark first
        except UnicodeDecodeError as error:
            raise typer.BadParameter(
                f"{file} is no text in UTF-8; save it as UTF-8", param_hint="--concepts-file"
            ) from error
        except OSError as error:
            reason = f"{file} cannot be read ({error.strerror}); give a text file"
            raise typer.BadParameter(reason, param_hint="--concepts-file") from error
        except ValueError as error:
            raise typer.BadParameter(f"{error}; give a text file", param_hint="--concepts-file") from error
        return list(check_concepts([line for line in lines if line.strip()]))
    if concepts is not None:
        return list(check_concepts(concepts.split(",")))
    if match == "concepts" and alone:
        raise typer.BadParameter("name some, such as 'alpaca, running', or mark a --point", param_hint="--concepts")
    return None


def motion_words(motions: str | None, concepts: list[str] | None) -> list[str]:
    """The words of `--motions`, beside those of `concept_words`.

    Raises:
        ValueError: an empty or repeated motion, or one that is a concept.
    """
    return [] if motions is None else list(check_motions(motions.split(","), concepts or ()))


def stretches(starts: list[str] | None, ends: list[str] | None) -> list[tuple[float | None, float | None]]:
    """The stretches of `--start` and `--end`, in seconds: the first of both, the second of both, and so on.

    Raises:
        BadParameter: a time that is none, an end that is not after its start, or several of which some miss a side.
    """
    starts, ends = starts or [], ends or []
    if max(len(starts), len(ends)) > 1 and len(starts) != len(ends):
        reason = f"it is given {len(ends)} ×, and --start {len(starts)} ×; give both for each stretch"
        raise typer.BadParameter(reason, param_hint="--end")
    pairs = list(zip_longest(starts, ends)) or [(None, None)]
    for option, times in (("--start", starts), ("--end", ends)):
        try:
            for time in times:
                seconds_of(time)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=option) from error
    try:
        stretches = [check_stretch(start, end) for start, end in pairs]
    except ValueError as error:  # an end that is not after its start
        raise typer.BadParameter(str(error), param_hint="--end") from error
    if len(set(stretches)) < len(stretches):
        raise typer.BadParameter("a stretch is given twice; give each once", param_hint="--start")
    return stretches


def shots(text: str) -> str | list[float]:
    """`"auto"`, `"off"`, or times: `"12.5,1:20"` → `[12.5, 80.0]`.

    Raises:
        BadParameter: anything else.
    """
    if text in SHOTS:
        return text
    seconds = []
    for time in text.split(","):
        try:
            seconds.append(seconds_of(time.strip()))
        except ValueError as error:
            reason = f"{time.strip()!r} is no time in a video; give auto, off, or times such as 12.5,1:20"
            raise typer.BadParameter(reason, param_hint="--shots") from error
    if any(later <= earlier for earlier, later in pairwise(seconds)):
        raise typer.BadParameter(f"the times {text!r} do not ascend; give each once, in order", param_hint="--shots")
    return seconds


def map_names(text: str) -> list[str]:
    """`"imap,gramcol"` → `["imap", "gramcol"]`.

    Raises:
        BadParameter: an unknown map.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in POSSIBLE_MAPS:
            raise typer.BadParameter(
                f"{name!r} is unknown; choose from {', '.join(POSSIBLE_MAPS)}", param_hint="--maps"
            )
    return names


def fps(text: str) -> str | float:
    """Parse "model", "all" or frames per second.

    Raises:
        BadParameter: something else.
    """
    try:
        return check_fps(text if text in RATES else float(text))
    except ValueError:
        reason = f"{text!r} is no rate; give model, all, or {LEAST_FPS} to {MOST_FPS} frames per second"
        raise typer.BadParameter(reason, param_hint="--fps") from None


def windows_per_batch(text: str) -> int | str:
    """`"auto"`, or a number from 1.

    Raises:
        BadParameter: anything else.
    """
    if text == "auto":
        return text
    number = _index(text)
    if not number:
        reason = f"{text!r} is no number from 1 to {LARGEST_INDEX}; give one, or auto"
        raise typer.BadParameter(reason, param_hint="--windows-per-batch")
    return number


def indices(text: str, option: str) -> list[int]:
    """`"4,6,10-12"` → `[4, 6, 10, 11, 12]`.

    Raises:
        BadParameter: anything else.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        begin, end = _index(first), _index(last if dash else first)
        if begin is None or end is None or begin > end:
            raise typer.BadParameter(
                f"{part.strip()!r} is no index and no range up to {LARGEST_INDEX}; write them like 4,6,10-23",
                param_hint=option,
            )
        numbers.extend(range(begin, end + 1))
    return numbers


def _index(text: str) -> int | None:
    """A whole number from 0 to `LARGEST_INDEX`. None if the text is none."""
    is_short = text.isdecimal() and len(text) <= len(str(LARGEST_INDEX))
    return int(text) if is_short else None
