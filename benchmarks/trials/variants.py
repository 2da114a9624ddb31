"""The variants of the method that are tried. Each differs from the published method in what its name says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

MOST_NOISES = 8
"""The largest number of noises of a variant. Agreement needs as many again."""


@dataclass(frozen=True)
class Variant:
    """A way to compute the maps. The defaults are the published method.

    Attributes:
        surrogates: "argmax"; or "frame" or "clip", what the softmax of soft surrogates runs over.
        t: sharpness of the softmax: its scale is `t/√d`.
        noises: the number of noises whose maps are averaged.
        steps: denoising steps whose maps are averaged, with the same noises. None: the step chosen for the model.
        heads: how the heads of `imap` are weighted; see `benchmarks.trials.heads.WEIGHTS`.
        top_k: the number of heads of `imap`. None: as chosen for the model.
        match: "product": of q and κ; "cosine": of unit q and unit κ; "centred": of q and κ minus the mean of all text
            keys.
        cosine_columns: whether the columns are products of unit surrogates and unit o.
        padding: how often the contrast counts the padding key: "all", as often as it occurs; "once"; or "never".
        divided: whether the contrast is divided by the standard deviation over the text keys.
        columns: "gram": products of surrogates and o. "products": q · κ, without surrogates.
    """

    surrogates: str = "argmax"
    t: float = 3.0
    noises: int = 1
    steps: tuple[int, ...] | None = None
    heads: str = "best"
    top_k: int | None = None
    match: str = "product"
    cosine_columns: bool = False
    padding: str = "all"
    divided: bool = True
    columns: str = "gram"

    @property
    def maps(self) -> tuple[str, ...]:
        """The maps that the variant changes: `gramcol` sums all heads, so their weights do not matter to it."""
        return ("imap", "gramcol") if (self.heads, self.top_k) == ("best", None) else ("imap",)


PUBLISHED = "argmax"
"""The name of the published method."""

SHARPNESS = (1, 2, 3, 4, 6)
BASES = {PUBLISHED: Variant(), "clip": Variant(surrogates="clip")}
"""What changes are tried on: the published method, and soft surrogates over the clip at t = 3."""

CENTRED = {"match": "centred"}
UNIT = {"cosine_columns": True}
LINEAR = {"divided": False}
ALL_THREE: dict[str, Any] = {**CENTRED, **UNIT, **LINEAR}
"""The changes that find more, together. They were found on validation scenes."""

CHANGES: dict[str, dict[str, Any]] = {
    "2 noises": {"noises": 2},
    "4 noises": {"noises": 4},
    "8 noises": {"noises": 8},
    "4 noises, steps 40 and 45": {"noises": 4, "steps": (40, 45)},
    "4 noises, steps 30, 40 and 45": {"noises": 4, "steps": (30, 40, 45)},
    "1 head": {"top_k": 1},
    "2 heads": {"top_k": 2},
    "5 heads": {"top_k": 5},
    "heads in proportion to their score": {"heads": "proportional"},
    "heads by the softmax of their standardized score": {"heads": "softmax"},
    "heads of each concept, the most peaked": {"heads": "peaked"},
    "heads of each concept, the best separated": {"heads": "separated"},
    "steps 40 and 45": {"steps": (40, 45)},
    "steps 30, 40 and 45": {"steps": (30, 40, 45)},
    "padding counted once": {"padding": "once"},
    "padding not counted": {"padding": "never"},
    "unit q and κ": {"match": "cosine"},
    "unit s and o": UNIT,
    "κ minus its mean": CENTRED,
    "z not divided": LINEAR,
    "κ minus its mean, unit s and o": {**CENTRED, **UNIT},
    "κ minus its mean, z not divided": {**CENTRED, **LINEAR},
    "all three": ALL_THREE,
}

VARIANTS: dict[str, Variant] = {
    PUBLISHED: Variant(),
    **{f"{over}, t = {t}": Variant(surrogates=over, t=t) for over in ("frame", "clip") for t in SHARPNESS},
    **{f"{base}, {name}": replace(BASES[base], **change) for base in BASES for name, change in CHANGES.items()},
    **{
        f"{over}, t = {t}, all three{suffix}": Variant(surrogates=over, t=t, noises=noises, **ALL_THREE)
        for over, t in (("frame", 1), ("frame", 2), ("clip", 2))
        for noises, suffix in ((1, ""), (4, ", 4 noises"))
    },
    "no surrogates, z of q · κ": Variant(columns="products"),
    "no surrogates, z of q · κ not divided": Variant(columns="products", divided=False),
}
