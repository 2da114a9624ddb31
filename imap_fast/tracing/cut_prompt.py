"""Whether a model reads the whole prompt."""

import warnings
from collections.abc import Mapping
from typing import Any

from imap_fast.models.adapter import Adapter


def warn_of_cut_prompt(adapter: Adapter, arguments: Mapping[str, Any]) -> None:
    """Warn if the end of a prompt is cut off. Pipelines only log it, and some do not.

    Args:
        adapter: of the pipeline.
        arguments: of the call of its `encode_prompt`, by name.
    """
    prompts = arguments["prompt"] or ()
    for prompt in [prompts] if isinstance(prompts, str) else prompts:
        try:
            tokens = adapter.read_prompt(prompt, arguments)
        except ValueError:  # a template of which only a trace of the prompt needs to know more
            return
        if tokens.cut:
            warnings.warn(
                f"the model reads {tokens.length} tokens of the prompt, and not the last {tokens.cut}; shorten it",
                stacklevel=1,  # attributed to this package, whose warnings the command line shows
            )
