"""The settings of the maps of a trace, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imap_fast.models.adapter import Adapter
from imap_fast.text.concepts import Concepts
from imap_fast.text.model_name import model_name
from imap_fast.tracing.run import Run
from imap_fast.tracing.settings import Settings
from imap_fast.version import versions

OF_THE_RESULT = ("layers", "steps", "maps", "runs")
"""Settings that a result has as fields of its own."""


def trace_record(
    adapter: Adapter,
    settings: Settings,
    concepts: Concepts,
    runs: Sequence[Run],
    *,
    repeats: Mapping[str, Any],
    regions: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What a result tells of its trace.

    Args:
        adapter: of the model.
        settings: of the trace.
        concepts: of the trace.
        runs: that were read.
        repeats: what they are, `of`, and their `count`.
        regions: as JSON values. None: there are none.
    """
    prompts = [run.prompt for run in runs]
    return {
        "model": model_name(adapter.name),
        "prompt": prompts[0] if prompts.count(prompts[0]) == len(prompts) else None,
        "runs": [run.record() for run in runs],
        **({"repeats": repeats} if repeats["count"] > 1 else {}),
        **concepts.record(),
        **({} if regions is None else {"regions": regions}),
        **{name: value for name, value in settings.record().items() if name not in OF_THE_RESULT},
        "temporal_compression": adapter.temporal_compression,
        "patch_size_t": adapter.patch_size[0],
        "rest_in_first_latent": adapter.rest_in_first_latent,
        "versions": versions(),
    }
