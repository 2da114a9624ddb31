"""Whether a model reads the whole prompt."""

import warnings
from collections.abc import Mapping
from typing import Any

from imap_fast.models.adapter import Adapter


def warn_of_cut_prompt(adapter: Adapter, arguments: Mapping[str, Any]) -> None:
    """Warn if the end of a prompt is cut off. Pipelines tell it in their logs, if at all.

    Args:
        adapter: of the pipeline.
        arguments: of the call of its `encode_prompt`, by name.
    """
    prompts = arguments["prompt"]
    tokenizer = getattr(adapter.pipeline, "tokenizer", None)
    # With another tokenizer a trace of words is refused, and one of embeddings needs none.
    if prompts is None or tokenizer is None or tokenizer.padding_side != "right":
        return
    for prompt in [prompts] if isinstance(prompts, str) else prompts:
        tokens = adapter.read_prompt(prompt, arguments)
        if tokens.cut:
            warnings.warn(
                f"the model reads {len(tokens.names)} tokens of the prompt, and not the last {tokens.cut}; shorten it, "
                "or raise max_sequence_length if the model was trained with more",
                stacklevel=1,  # attributed to this package, whose warnings the command line shows
            )
