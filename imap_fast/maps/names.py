"""The names of the maps."""

CONTRASTED = ("imap", "gramcol")
"""The method's own maps: contrasts over the text keys (docs/method.md, "Maps of a layer")."""

MAP_NAMES = (*CONTRASTED, "cross_attention", "concept_attention")
"""All maps, the two baselines last. The first one that a result has is its default."""

AGREEMENT, SPREAD = "agreement.", "spread."
"""Before the name of a map: its tensors in files that say how sure it is."""
