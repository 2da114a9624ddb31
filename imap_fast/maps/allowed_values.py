"""The possible values of settings."""

CHOICES = {
    "match": ("concepts", "prompt"),
    "surrogates": ("argmax", "frame", "clip"),
    "head_score": ("chi", "fisher", "dbi", "silhouette"),
    "normalize": ("none", "softmax"),
    "pooling": ("first", "mean"),
    "runs": ("last", "mean"),
    "backend": ("auto", "triton", "reference"),
}
"""The settings of a trace that are names."""

MOST_PIXELS = 8_192
"""The largest side of a video: that of 8K, and a little."""
