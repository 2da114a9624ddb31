"""The variants of the method that are tried. Each differs from the published method in what its name says."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
        cosine_match: whether the match is of unit q and unit κ.
        cosine_columns: whether the columns are products of unit surrogates and unit o.
        padding: how often the contrast counts the padding key: "all", as often as it occurs; "once"; or "never".
        columns: "gram": products of surrogates and o. "products": q · κ, without surrogates.
    """

    surrogates: str = "argmax"
    t: float = 3.0
    noises: int = 1
    steps: tuple[int, ...] | None = None
    heads: str = "best"
    top_k: int | None = None
    cosine_match: bool = False
    cosine_columns: bool = False
    padding: str = "all"
    columns: str = "gram"

    @property
    def maps(self) -> tuple[str, ...]:
        """The maps that the variant changes: `gramcol` sums all heads, so their weights do not matter to it."""
        return ("imap", "gramcol") if (self.heads, self.top_k) == ("best", None) else ("imap",)


PUBLISHED = "argmax"
"""The name of the published method."""

SHARPNESS = (1, 2, 3, 4, 6)
OF_BOTH = {PUBLISHED: Variant(), "clip": Variant(surrogates="clip")}
"""What the other changes are tried on: one patch of each frame, and the mean over the clip at t = 3."""

CHANGES = {
    "2 noises": {"noises": 2},
    "4 noises": {"noises": 4},
    "8 noises": {"noises": 8},
    "1 head": {"top_k": 1},
    "2 heads": {"top_k": 2},
    "5 heads": {"top_k": 5},
    "heads in proportion to their score": {"heads": "proportional"},
    "heads by the softmax of their standardized score": {"heads": "softmax"},
    "heads of each concept, the most peaked": {"heads": "peaked"},
    "heads of each concept, the best separated": {"heads": "separated"},
    "unit q and κ": {"cosine_match": True},
    "unit s and o": {"cosine_columns": True},
    "steps 40, 45": {"steps": (40, 45)},
    "steps 30, 40, 45": {"steps": (30, 40, 45)},
    "padding counted once": {"padding": "once"},
    "padding not counted": {"padding": "never"},
}

VARIANTS: dict[str, Variant] = {
    **OF_BOTH,
    **{f"{over}, t = {t}": Variant(surrogates=over, t=t) for over in ("frame", "clip") for t in SHARPNESS},
    **{
        f"{name}, {change}": replace(base, **fields)
        for name, base in OF_BOTH.items()
        for change, fields in CHANGES.items()
    },
    "contrast of q · κ, no surrogates": Variant(columns="products"),
}
del VARIANTS["clip"]  # it is t = 3
