"""The judge: a multimodal language model scores saliency maps by the five criteria of the paper."""

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
