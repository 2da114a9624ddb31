"""Estimates the tokens of a request before it is sent."""

import json
import math

from imap_fast.judge.question import Question

CHARACTERS_PER_TOKEN = 4
"""The approximate length of a token, in characters."""

ANSWER_TOKENS = 250
"""The approximate length of an answer in tokens: five scores and five reasons, as JSON. Reasoning models write more."""

MAX_SIDE, SHORT_SIDE, TILE, TILE_TOKENS, BASE_TOKENS = 2048, 768, 512, 170, 85
"""The rule of OpenAI for images; see `image_tokens`."""

RULE = (
    f"text: characters / {CHARACTERS_PER_TOKEN}; an image: {BASE_TOKENS} + {TILE_TOKENS} for each tile of "
    f"{TILE} × {TILE}, OpenAI's rule for GPT-4o; an answer: {ANSWER_TOKENS}, more from a reasoning model"
)


def tokens_in(question: Question) -> int:
    """The tokens of a request: its texts, the format of the answer, and the image."""
    system, user = question.body["messages"]
    schema = json.dumps(question.body["response_format"])
    characters = len(system["content"]) + len(user["content"][0]["text"]) + len(schema)
    return math.ceil(characters / CHARACTERS_PER_TOKEN) + image_tokens(*question.size)


def image_tokens(width: int, height: int) -> int:
    """The tokens of an image by the rule of OpenAI for GPT-4o at high detail.

    The image is reduced to fit 2048 × 2048, then to 768 on its short side. It costs 85 tokens, and 170 for each tile of
    512 × 512 that it touches.
    """
    scale = min(1.0, MAX_SIDE / max(width, height), SHORT_SIDE / min(width, height))
    across, down = (math.ceil(round(side * scale) / TILE) for side in (width, height))
    return BASE_TOKENS + TILE_TOKENS * across * down
