"""The possible values of the settings of a trace that are names."""

CHOICES = {
    "match": ("concepts", "prompt"),
    "head_score": ("chi", "fisher", "dbi", "silhouette"),
    "normalize": ("none", "softmax"),
    "pooling": ("first", "mean"),
    "runs": ("last", "mean"),
    "backend": ("auto", "triton", "reference"),
}
