"""Saliency maps scored by a multimodal language model, by the five criteria of the paper.

The paper (arXiv 2603.02919) has such a model score maps for spatial localization, temporal localization, prompt
relevance, sparseness and object shape. The criteria are the paper's, and the scale, whole numbers from 1 to 5, is that
of its published code; the rubric's wording, the contact sheets and the way of asking are ours. So scores compare
between maps that were judged alike, here and by one model, and not with the paper's table.

The judge is not told which method made a map.
"""

from imap_fast.judge.answer import Verdict, read_answer
from imap_fast.judge.ask import ask
from imap_fast.judge.cache import Answers
from imap_fast.judge.endpoint import Endpoint, EndpointError
from imap_fast.judge.means import means
from imap_fast.judge.question import Question, questions
from imap_fast.judge.rubric import CRITERIA, SCALE

__all__ = [
    "CRITERIA",
    "SCALE",
    "Answers",
    "Endpoint",
    "EndpointError",
    "Question",
    "Verdict",
    "ask",
    "means",
    "questions",
    "read_answer",
]
