"""One question → one judgement: from the answers kept, or from the endpoint."""

from imap_fast.judge.answer import Verdict, read_answer
from imap_fast.judge.cache import Answers
from imap_fast.judge.endpoint import Endpoint
from imap_fast.judge.question import Question

TRIES = 3
"""Answers that are waited for until one can be read."""


def ask(question: Question, endpoint: Endpoint, answers: Answers) -> dict[str, Verdict] | None:
    """The judgement by criterion; None where no answer could be read.

    A new judgement is kept in `answers` before it is returned.

    Raises:
        EndpointError: of `Endpoint.complete`.
        OSError: the answer cannot be kept.
    """
    judgement = answers.get(endpoint.url, question.body)
    if judgement is not None:
        return judgement
    for _ in range(TRIES):
        judgement = read_answer(endpoint.complete(question.body))
        if judgement is not None:
            answers.keep(endpoint.url, question.body, judgement)
            return judgement
    return None
