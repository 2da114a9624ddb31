"""The names of formats and refinements. Nothing is imported, because torch is slow to load."""

NONE, SAM2 = "none", "sam2"

SAM2_MODEL = "facebook/sam2.1-hiera-small"
"""The SAM 2 that is used if none is named: an id on the Hugging Face hub."""

REFINEMENTS = (NONE, "guided", "crf", SAM2)
"""What makes masks as sharp as the picture; see `imap_fast.masks.refinement`."""

NUMBERED = ("davis", "youtube-vos", "vspw")
"""The formats that have one number for each pixel, so that masks cannot overlap."""

FORMATS = (*NUMBERED, "coco", "video", "ffv1", "npz")
"""The files that other tools take; see `imap_fast.masks.formats`."""
