"""Gets the judgement of a question, from the cache or from the endpoint."""

from imap_fast.judge.answer import Verdict, read_answer
from imap_fast.judge.cache import Answers
from imap_fast.judge.endpoint import Endpoint
from imap_fast.judge.question import Question

TRIES = 3
"""The number of requests until an answer can be parsed."""


def ask(question: Question, endpoint: Endpoint, answers: Answers) -> dict[str, Verdict] | None:
    """The judgement by criterion. None if no answer could be parsed.

    A new judgement is saved in `answers` before it is returned.

    Raises:
        EndpointError: see `Endpoint.complete`.
        OSError: the answer cannot be saved.
    """
    judgement = answers.get(endpoint.url, question.body)
    if judgement is not None:
        return judgement
    for _ in range(TRIES):
        judgement = read_answer(endpoint.complete(question.body))
        if judgement is not None:
            answers.save(endpoint.url, question.body, judgement)
            return judgement
    return None
