"""How many tokens a request would take, before it is sent."""

import json
import math

from imap_fast.judge.question import Question

CHARACTERS = 4
"""In a token of text, about."""

ANSWER_TOKENS = 250
"""Five scores, five sentences and the JSON around them. A model that thinks aloud writes more."""

FITS, SHORT_SIDE, TILE, TILE_TOKENS, BASE_TOKENS = 2048, 768, 512, 170, 85

RULE = (
    f"text: characters / {CHARACTERS}; a picture: {BASE_TOKENS} + {TILE_TOKENS} for each tile of {TILE} × {TILE}, "
    f"OpenAI's rule for GPT-4o; an answer: {ANSWER_TOKENS}, more where the model thinks aloud"
)


def tokens_in(question: Question) -> int:
    """Of a request: its texts, the form of the answer, and the picture."""
    system, user = question.body["messages"]
    form = json.dumps(question.body["response_format"])
    characters = len(system["content"]) + len(user["content"][0]["text"]) + len(form)
    return math.ceil(characters / CHARACTERS) + image_tokens(*question.size)


def image_tokens(width: int, height: int) -> int:
    """Tokens of a picture by the rule that OpenAI gives for GPT-4o at high detail.

    A picture is shrunk into 2048 × 2048, then to 768 on its short side. Each tile of 512 × 512 that it touches is 170
    tokens, and 85 come on top.
    """
    scale = min(1.0, FITS / max(width, height), SHORT_SIDE / min(width, height))
    across, down = (math.ceil(round(side * scale) / TILE) for side in (width, height))
    return BASE_TOKENS + TILE_TOKENS * across * down
