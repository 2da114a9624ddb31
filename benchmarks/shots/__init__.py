"""How well cuts are found: rendered transitions and distractions, and the detectors that are compared on them."""
