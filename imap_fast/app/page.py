"""The page: a form, and the report below it."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from html import escape
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import gradio as gr

from imap_fast.app.help import HELP, LINK
from imap_fast.app.job import run_job
from imap_fast.app.live import live_html
from imap_fast.app.models import Models
from imap_fast.app.results import Results
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.text.words import check_concepts, check_motions
from imap_fast.video import read_clip

HEADING = f"""<header><h1>Where and when is a word in this video?</h1>
<p>Saliency maps of a video diffusion transformer. Upload a clip, or describe one to generate.
{LINK}</p></header>"""

EMPTY = '<p class="empty">The report appears here.</p>'


def build_page(models: Models, results: Results, examples: Mapping[str, list[str | None]]) -> gr.Blocks:
    """The page of the app.

    Args:
        models: the choices.
        results: keeps the results of jobs.
        examples: the path of a video or None, a prompt, concepts and motions of each example, by its label.
    """
    with gr.Blocks(title="imap-fast", analytics_enabled=False) as page:
        gr.HTML(HEADING, apply_default_css=False)
        with gr.Row():
            video = gr.File(label="Video", file_types=["video"], scale=1)
            with gr.Column(scale=2):
                model = gr.Dropdown(models.names, label="Model", visible=len(models.names) > 1)
                prompt = gr.Textbox(
                    label="What the video shows", info="Without a video, one is generated from these words.", lines=2
                )
                with gr.Row():
                    concepts = gr.Textbox(label="Concepts to look for", info="Separated by commas.")
                    motions = gr.Textbox(label="Motions to look for", info="Separated by commas, or empty.")
                button = gr.Button("Show where and when", variant="primary")
        if examples:
            labels, rows = zip(*examples.items(), strict=True)
            gr.Examples(list(rows), [video, prompt, concepts, motions], example_labels=list(labels), label="Try")
        gr.HTML(HELP, apply_default_css=False)
        shown = gr.HTML(EMPTY, elem_id="result", apply_default_css=False)
        gr.on(
            [button.click, concepts.submit, motions.submit],
            form_handler(models, results),
            [model, video, prompt, concepts, motions],
            shown,
            concurrency_limit=1,
            concurrency_id="job",
            api_visibility="private",
            trigger_mode="once",
        )
    return page


def form_handler(models: Models, results: Results) -> Callable[..., Iterator[str]]:
    """The handler of the button. It takes the values of the form, and yields HTML: maps while a video is generated, and
    then the report or an error.
    """

    def handle(
        model: str,
        video: str | None,
        prompt: str,
        concepts: str,
        motions: str,
        progress=gr.Progress(),  # noqa: B008
    ) -> Iterator[str]:
        shown: SimpleQueue[str | None] = SimpleQueue()

        def on_progress(task: str, share: float) -> None:
            progress(share, desc=task)

        clip = None if video is None else Path(video)

        def told(message: Warning | Exception | str) -> str:
            """A message as HTML, without the folders of the machine that the app runs on."""
            text = models.without_folders(str(message))
            return escape(text if clip is None else text.replace(str(clip), clip.name))

        def on_maps(step: int, total: int, maps: SaliencyMaps) -> None:
            shown.put(live_html(step, total, maps))

        def job() -> str:
            with warnings.catch_warnings(record=True) as caught, results.new() as folder:
                if not prompt.strip():
                    raise ValueError("say what the video shows: the model reads it with these words")
                words = _words(concepts, motions)
                if clip is not None:
                    read_clip(clip, num_frames=1)  # raises before the model is loaded, if it is no video
                on_progress("Loading the model", 0)
                run_job(models.load(model), clip, prompt, words, folder, on_progress, on_maps)
            notes = "".join(f'<p class="notice">{told(warning.message)}</p>' for warning in caught)
            return notes + _results(folder)

        with ThreadPoolExecutor(1) as worker:
            done = worker.submit(copy_context().run, job)  # the context knows whose progress it is
            done.add_done_callback(lambda _: shown.put(None))
            while (page := shown.get()) is not None:
                yield page
            try:
                yield done.result()
            except (ValueError, TypeError) as error:
                yield f'<p class="notice trouble" role="alert">{told(error)}</p>'

    return handle


def _words(concepts: str, motions: str) -> dict[str, Any]:
    """`concepts` and `motions` as arguments of `imap_fast.trace`. One of the two fields may be empty."""
    moving = motions.split(",") if motions.strip() else []
    things = check_concepts(concepts.split(",")) if concepts.strip() or not moving else None
    return {"concepts": things, "motions": check_motions(moving, things or ())}


def _results(folder: Path) -> str:
    """The links to the files of a job, and its report if there is one."""
    address = f"results/{folder.name}"
    maps = f'<a href="{address}/maps.npz" download>maps.npz</a>'
    if not (folder / "report.html").exists():
        return f'<p class="links">{maps}</p>'
    return f"""<p class="links">
<a href="{address}/report.html" target="_blank" rel="noopener">Open on its own</a>
<a href="{address}/report.html" download>report.html</a>
{maps}
</p>
<iframe title="Saliency report" src="{address}/report.html" sandbox="allow-scripts allow-downloads"></iframe>"""
