"""The options that commands share, and how their text is read."""

from pathlib import Path
from typing import Annotated, Any

import typer

from imap_fast.concepts import check_concepts
from imap_fast.demo.shipped import chosen
from imap_fast.maps import MAP_NAMES
from imap_fast.memory import MODES, QUANTIZED
from imap_fast.settings import CHOICES

DTYPES = ("auto", "float32", "float16", "bfloat16")

READING, SAMPLING, RUNNING = "What is read", "Size and sampling", "Machine and output"


def _option(panel: str, help: str, *flags: str, **settings: Any) -> Any:
    return typer.Option(*flags, rich_help_panel=panel, help=help, **settings)


def _one_of(choices: tuple[str, ...], panel: str, help: str) -> Any:
    def known(text: str) -> str:
        if text not in choices:
            raise typer.BadParameter(f"{text!r} is unknown; choose one of {', '.join(choices)}")
        return text

    return _option(panel, f"{help} One of {', '.join(choices)}.", callback=known, metavar="NAME")


Model = Annotated[
    str,
    typer.Option(
        metavar="MODEL",
        help="A folder, a Hugging Face id such as THUDM/CogVideoX-2b, or demo: the small model shipped here.",
    ),
]
Prompt = Annotated[str, typer.Option(metavar="TEXT", help="What the video shows.")]
Concepts = Annotated[
    str | None,
    typer.Option(metavar="A,B,C", help="What to look for, such as 'alpaca, running'. Only --match prompt needs none."),
]

ConceptsFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The same from a text file, one concept on a line.")
]

Match = Annotated[str, _one_of(CHOICES["match"], READING, "Whose text keys are matched.")]
Layers = Annotated[
    str | None, _option(READING, "Transformer layers, such as 4,6,10-23; else the published ones.", metavar="LIST")
]
Steps = Annotated[str | None, _option(READING, "Denoising steps, counted from 0, such as 30 or 20-29.", metavar="LIST")]
HeadScore = Annotated[str, _one_of(CHOICES["head_score"], READING, "How motion heads are told.")]
TopK = Annotated[int | None, _option(READING, "Motion heads in a layer; else 5.", metavar="N", min=1)]
Maps = Annotated[str, _option(READING, f"Maps to make, out of {', '.join(MAP_NAMES)}.", metavar="LIST")]
Normalize = Annotated[str, _one_of(CHOICES["normalize"], READING, "What is done over the text keys of a layer.")]
Pooling = Annotated[str, _one_of(CHOICES["pooling"], READING, "Which of a concept's tokens stand for it.")]
NoBackground = Annotated[
    bool, _option(READING, "Leave one concept alone, without 'background' beside it.", "--no-background")
]

Height = Annotated[int | None, _option(SAMPLING, "In pixels; else the model's own.", metavar="N", min=1)]
Width = Annotated[int | None, _option(SAMPLING, "In pixels; else the model's own.", metavar="N", min=1)]
NumFrames = Annotated[int | None, _option(SAMPLING, "Frames of the video; else the model's own.", metavar="N", min=1)]
NumInferenceSteps = Annotated[
    int | None,
    _option(SAMPLING, "Denoising steps of the schedule; the model's own where not given.", metavar="N", min=1),
]
GuidanceScale = Annotated[
    float | None, _option(SAMPLING, "Guidance; 1 is none. The model's own where not given.", metavar="X")
]
MostFrames = Annotated[
    int | None, _option(SAMPLING, "Frames to read at most; else all.", "--num-frames", metavar="N", min=1)
]
WindowFrames = Annotated[
    int | None, _option(SAMPLING, "Frames that the model sees at once; else its own.", "--window", metavar="N", min=1)
]
Overlap = Annotated[
    int | None, _option(SAMPLING, "Latent frames that windows share; else a third of one.", metavar="N", min=0)
]
WindowsPerBatch = Annotated[
    str, _option(RUNNING, "Windows in one forward; auto is as many as the GPU's memory takes.", metavar="N")
]
Seed = Annotated[int, _option(SAMPLING, "Of the noise.", metavar="N")]

Output = Annotated[Path, _option(RUNNING, "Folder for the results, made if missing.", metavar="FOLDER")]
Overwrite = Annotated[
    bool,
    _option(
        RUNNING, "Replace results that the folder holds, once the new ones are whole. Else refused.", "--overwrite"
    ),
]
Dtype = Annotated[str, _one_of(DTYPES, RUNNING, "Of the weights; auto is float32 on a CPU, half precision on a GPU.")]
Device = Annotated[str, _option(RUNNING, "Such as cpu or cuda:1; auto is a GPU where there is one.", metavar="NAME")]
Memory = Annotated[
    str,
    _one_of(("auto", *MODES), RUNNING, "Where weights are; auto picks what fits the GPU's free memory, and says so."),
]
Quantize = Annotated[str, _one_of(QUANTIZED, RUNNING, "The transformer's weights; needs the extra quantize.")]
Backend = Annotated[str, _one_of(CHOICES["backend"], RUNNING, "auto is Triton on a GPU, else the reference.")]
AttentionBackend = Annotated[
    str | None,
    _option(
        RUNNING, "Diffusers' name for the attention call: flash, _native_cudnn …; else the model's.", metavar="NAME"
    ),
]
Json = Annotated[bool, _option(RUNNING, "Print one JSON object instead of text.", "--json")]


def concept_words(concepts: str | None, match: str, file: Path | None = None) -> list[str] | None:
    """The words behind `--concepts`, or in the file of `--concepts-file`.

    Raises:
        BadParameter: none, where `--match` needs some; or both. ValueError: an empty one, or one that is there twice.
        OSError: no such file.
    """
    if concepts is not None and file is not None:
        raise typer.BadParameter("give concepts either here or in a file", param_hint="--concepts-file")
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise typer.BadParameter(f"{file} is no text in UTF-8", param_hint="--concepts-file") from error
        return list(check_concepts([line for line in lines if line.strip()]))
    if concepts is not None:
        return list(check_concepts(concepts.split(",")))
    if match == "concepts":
        raise typer.BadParameter("name some, such as 'alpaca, running'", param_hint="--concepts")
    return None


def windows_per_batch(text: str) -> int | str:
    """`"auto"`, or a number from 1.

    Raises:
        BadParameter: anything else.
    """
    if text == "auto":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is no number from 1; give one, or auto", param_hint="--windows-per-batch")
    return int(text)


def trace_arguments(
    model: str,
    *,
    match: str,
    layers: str | None,
    steps: str | None,
    head_score: str,
    top_k: int | None,
    normalize: str,
    maps: str,
    pooling: str,
    no_background: bool,
    backend: str,
    attention_backend: str | None,
) -> dict[str, Any]:
    """The arguments of `imap_fast.trace` behind the options, lists read.

    Layers and k that were not asked for are those that suit the demo's model, or the usual ones.

    Raises:
        BadParameter: a list that cannot be read, or an unknown map.
    """
    map_names = [name.strip() for name in maps.split(",")]
    for name in map_names:
        if name not in MAP_NAMES:
            raise typer.BadParameter(f"{name!r} is unknown; choose out of {', '.join(MAP_NAMES)}", param_hint="--maps")
    suits = chosen() if model == "demo" else {"layers": None, "top_k": 5}
    return {
        "match": match,
        "layers": suits["layers"] if layers is None else indices(layers, "--layers"),
        "steps": None if steps is None else indices(steps, "--steps"),
        "head_score": head_score,
        "top_k": suits["top_k"] if top_k is None else top_k,
        "normalize": normalize,
        "maps": map_names,
        "pooling": pooling,
        "background": None if no_background else "background",
        "backend": backend,
        "attention_backend": attention_backend,
    }


def explained_steps(model: str, steps: list[int] | None, num_inference_steps: int | None) -> list[int] | None:
    """The steps to read of a real video; of the demo's model those that suit it, if nothing else was asked."""
    asked = model != "demo" or steps is not None or num_inference_steps is not None
    return steps if asked else chosen()["steps"]


def indices(text: str, option: str) -> list[int]:
    """`"4,6,10-12"` → `[4, 6, 10, 11, 12]`.

    Raises:
        BadParameter: anything else.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise typer.BadParameter(
                f"{part.strip()!r} is no index and no range; write them like 4,6,10-23", param_hint=option
            )
        found.extend(range(int(first), int(last) + 1))
    return found
