"""The error of values that are not finite."""


class NotFiniteError(ValueError):
    """A layer of the model held NaN or an infinity.

    Args:
        layer: index of the first such block among those read.
        step: the denoising step in which it was first read.
    """

    def __init__(self, layer: int, step: int) -> None:
        self.layer, self.step = layer, step
        super().__init__(
            f"block {layer} held NaN or an infinity in step {step}, so there are no maps; load the model in "
            "torch.bfloat16 or torch.float32 (torch.float16 overflows), or try another attention_backend"
        )
