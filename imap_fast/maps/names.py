"""The names of the maps."""

CONTRASTED = ("imap", "gramcol")
"""The method's own maps: contrasts over the text keys (docs/method.md, "Maps of a layer")."""

MAP_NAMES = (*CONTRASTED, "cross_attention", "concept_attention")
"""All maps, the two baselines last. The first one that a result has is its default."""

WITHOUT_STREAM = tuple(name for name in MAP_NAMES if name != "concept_attention")
"""The maps of a model without a concept stream."""

AGREEMENT, SPREAD = "agreement.", "spread."
"""Before the name of a map: its tensors in files that say how sure it is."""

FRAME_NUMBERS = "frame_numbers"
TIMES = ("seconds", FRAME_NUMBERS)
"""When latent frames are: in seconds, and in frames of the video if not all of them passed the model."""
