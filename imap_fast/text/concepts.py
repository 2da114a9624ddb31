"""The concepts of a trace: words, embeddings, or the tokens of a prompt."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from imap_fast.text.normalized import compared
from imap_fast.text.prompt_tokens import PromptTokens
from imap_fast.text.words import check_concepts, check_motions, check_texts, labels_of


class TextModel(Protocol):
    """What `Concepts` needs to know of a model. `imap_fast.models.adapter.Adapter` provides it."""

    model: ClassVar[type]
    has_concept_stream: ClassVar[bool]
    pipeline: Any

    @property
    def embedding_width(self) -> int:
        """Width of the text embeddings that the transformer takes."""

    def embed_concepts(self, concepts: tuple[str, ...], pooling: str) -> Tensor:
        """Text embeddings `[C, embedding_width]` of concepts."""


class Concepts:
    """What a trace looks for, and the labels of its maps.

    Arguments and errors are those of `imap_fast.trace`. `regions` are the names of what is marked in the video, which
    are the labels if there are no concepts.

    Attributes:
        words: the concepts and motions as text. None if concepts were given as a tensor, or if every token is read.
        motions: those of the words that are motions.
        embeddings: `[C, D]`, the input of the concept stream. None without a stream.
        labels: of `imap` and `gramcol`. If they are the tokens of the prompt, None until the prompt is known.
        baseline_labels: of the two baselines. They differ from `labels` if `concepts` is a tensor and
            `match="prompt"`.
    """

    def __init__(
        self,
        concepts: Sequence[str] | Tensor | None,
        *,
        motions: Sequence[str] | None = None,
        match: str,
        labels: Sequence[str] | None,
        background: str | None,
        model: TextModel,
        regions: Sequence[str] = (),
    ) -> None:
        self.match, self.regions = match, tuple(regions)
        self.motions = () if motions is None else check_motions(motions)
        self.words: tuple[str, ...] | None = None
        self.embeddings: Tensor | None = None
        self.labels = None if labels is None else check_labels(labels)
        self._prompt: str | None = None
        self._tokens: list[list[int]] | None = None
        if isinstance(concepts, Tensor):
            if self.motions:
                raise ValueError("motions are words, and concepts is a tensor; give both as words, or omit motions")
            if not model.has_concept_stream:
                raise TypeError(
                    f"{model.model.__name__} has no concept stream that could start from a tensor; give words of the "
                    "prompt, or concepts=None for every text token"
                )
            # A copy, because its owner may change the tensor while the trace runs.
            self.embeddings = check_embeddings(concepts, model.embedding_width, background is not None).clone()
            names: tuple[str, ...] = self.labels or tuple(f"concept {i}" for i in range(len(concepts)))
            if len(names) != len(concepts):
                raise ValueError(f"{len(names)} labels name {len(concepts)} concepts; give one for each")
            self.baseline_labels: tuple[str, ...] | None = names
            self.labels = names if match == "concepts" else None
            self._refuse_names_of_regions(names)
            self._before_prompt: tuple[tuple[str, ...] | None, ...] = (self.labels, names)
            return
        if concepts is None and not self.motions:
            if match == "concepts" and regions:  # nothing else is looked for
                if labels is not None:
                    raise ValueError("labels are for a tensor of concepts; regions have their own names")
                self.labels = self.baseline_labels = self.regions
                self._before_prompt = (self.labels, self.labels)
                return
            if match != "prompt":
                raise ValueError(
                    'concepts is None; name some, mark regions, or use match="prompt" to read every token of the prompt'
                )
        elif model.pipeline is None:
            raise TypeError("a bare transformer embeds no text; give concepts as a tensor [C, D] of text embeddings")
        else:
            if labels is not None:
                raise ValueError("labels are for a tensor of concepts; words are their own labels")
            things = () if concepts is None else check_concepts(concepts)
            self.motions = check_motions(self.motions, things)
            words = labels_of(things, self.motions)
            self.words = with_background(words, background) if match == "concepts" else words
            self.labels = self.words
        self._refuse_names_of_regions(self.labels or ())
        self.baseline_labels = self.labels
        self._before_prompt = (self.labels, self.baseline_labels)

    def _refuse_names_of_regions(self, labels: Sequence[str]) -> None:
        names = {compared(name, fold=False): name for name in self.regions}
        for label in labels:
            if (name := names.get(compared(label, fold=False))) is not None:
                raise ValueError(f"{name!r} is the name of a concept and of a region; give the region another one")

    @property
    def tokens(self) -> list[list[int]] | None:
        """The tokens of each word in the prompt. None if words are not looked for in it."""
        return self._tokens

    def record(self) -> dict[str, list[str]]:
        """Which labels are motions, as JSON values. Nothing if there are none."""
        return {"motions": list(self.motions)} if self.motions else {}

    def embed(self, model: TextModel, pooling: str) -> None:
        """Compute the embeddings that the concept stream starts from, if there is one.

        Raises:
            ValueError: an embedding is not finite.
        """
        if self.words is not None and self.match == "concepts":
            self.embeddings = model.embed_concepts(self.words, pooling)
        if self.embeddings is not None and not self.embeddings.is_meta:
            finite = self.embeddings.isfinite().all(1).tolist()
            if not all(finite):
                name = (self.baseline_labels or ())[finite.index(False)]
                raise ValueError(
                    f"the embedding of {name!r} holds NaN or an infinity; load the text encoder in torch.bfloat16 or "
                    "torch.float32"
                )

    def read_prompt(self, prompt: str | list[str] | None, tokens_of: Callable[[str], PromptTokens]) -> None:
        """Find the words in the prompt of a run, or take its tokens as labels.

        Args:
            prompt: of the run; None if the pipeline was given embeddings.
            tokens_of: returns the tokens of a prompt.

        Raises:
            ValueError: several prompts, no prompt as text, or a word is missing from it.
        """
        prompts = {prompt} if prompt is None or isinstance(prompt, str) else set(prompt)
        if len(prompts) > 1:
            raise ValueError('match="prompt" reads one prompt in a run; run each prompt by itself')
        (self._prompt,) = prompts
        (self.labels, self.baseline_labels), self._tokens = self._before_prompt, None
        if self._prompt is None:
            if self.words is not None:
                raise ValueError("words cannot be found in prompt_embeds; give the prompt as text, or concepts=None")
            return
        tokens = tokens_of(self._prompt)
        if self.words is not None:
            self._tokens = [tokens.find(word) for word in self.words]
            refuse_same_tokens(self.words, self._tokens)
            return
        if self._before_prompt[0] is not None:
            raise ValueError("labels name text embeddings; the tokens of a prompt have their own names, so omit labels")
        self._refuse_names_of_regions(tokens.labels)
        self.labels = tokens.labels
        if self.embeddings is None:
            self.baseline_labels = self.labels

    def map_counts(self, text_length: int) -> tuple[int, int]:
        """The number of text rows to keep for `imap` and `gramcol`, and for the baselines.

        Args:
            text_length: text tokens of the model, padding included.

        Raises:
            ValueError: more concepts than text tokens, a number of labels that is not that of the tokens, or words
                without a prompt.
        """
        if self.embeddings is not None and len(self.embeddings) > text_length:
            raise ValueError(
                f"{len(self.embeddings)} concepts do not fit the model's {text_length} text tokens; name fewer"
            )
        if self._tokens is not None:
            rows = 1 + max(max(tokens) for tokens in self._tokens)
            return rows, rows
        if self.match == "prompt" and self.words is not None:
            raise ValueError("no prompt was encoded in which words could be found; encode it inside the `with`")
        if self.labels is None:
            self.labels = tuple(f"token {i}" for i in range(text_length))
            self.baseline_labels = self.baseline_labels or self.labels
        elif self.match == "prompt" and self._prompt is None and len(self.labels) != text_length:
            raise ValueError(f"{len(self.labels)} labels name {text_length} text tokens; give one for each")
        return len(self.labels), len(self.baseline_labels or self.labels)

    def select(self, rows: Tensor, count: int) -> Tensor:
        """The maps of concepts or tokens, from the maps `[V, K, …]` of text rows.

        The map of a word is the mean over its tokens. If `count` is larger than K, the remaining tokens are padding,
        and have the map of the last row.
        """
        if self._tokens is not None:
            return torch.stack([rows[:, tokens].mean(1) for tokens in self._tokens], dim=1)
        return rows[:, torch.arange(count, device=rows.device).clamp(max=rows.shape[1] - 1)]

    def attention(self, rows: Tensor, count: int) -> Tensor:
        """How much concepts attend to each other, `[V, C, C]`, from what text rows do, `[V, K, K]`.

        Of a word it is the mean over its tokens, and to a word the sum over its tokens. If `count` is larger than K,
        the remaining tokens are padding: each attends like the last row, and has its share of what attends to that row.
        """
        if self._tokens is None:
            index = torch.arange(count, device=rows.device).clamp(max=rows.shape[1] - 1)
            return (rows / index.bincount())[:, index][:, :, index]
        of_words = torch.stack([rows[:, tokens].mean(1) for tokens in self._tokens], dim=1)
        return torch.stack([of_words[:, :, tokens].sum(2) for tokens in self._tokens], dim=2)


def refuse_same_tokens(words: Sequence[str], tokens: Sequence[list[int]]) -> None:
    """Raise ValueError if two words of a prompt have the same tokens, because they have the same map."""
    for one, other in combinations(range(len(words)), 2):
        if tokens[one] == tokens[other]:
            raise ValueError(f"{words[one]!r} and {words[other]!r} are the same tokens of the prompt; name one of them")


def check_embeddings(concepts: Tensor, width: int, warn: bool) -> Tensor:
    """Text embeddings `[C, width]` of at least one concept, or a ValueError."""
    if concepts.ndim != 2 or concepts.shape[1] != width or not len(concepts):
        raise ValueError(f"concepts has the shape {list(concepts.shape)}; the model takes text embeddings [C, {width}]")
    if len(concepts) == 1 and warn:
        warnings.warn("one concept alone gives a map of signs: add the embedding of a second one", stacklevel=4)
    return concepts


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels as a tuple, or a ValueError if one is repeated, empty, too long, or not valid Unicode."""
    if isinstance(labels, str):
        raise ValueError(f"labels={labels!r} is one text; give a list of labels")
    check_texts("label", labels)
    if len({compared(label, fold=False) for label in labels}) < len(labels):
        raise ValueError(f"labels must differ from each other; got {list(labels)!r}")
    return tuple(labels)


def with_background(concepts: tuple[str, ...], background: str | None) -> tuple[str, ...]:
    """The concepts. If there is only one, `background` is added as a second one.

    Against identical padding the contrast of a single concept is only a sign (docs/method.md, "Known weak points").
    """
    if len(concepts) > 1:
        return concepts
    remedy = "name a second concept for a graded map"
    if background is None or compared(background) == compared(concepts[0]):
        warnings.warn(f"{concepts[0]!r} alone gives a map of signs: {remedy}", stacklevel=4)
        return concepts
    warnings.warn(
        f"{concepts[0]!r} alone would give a map of signs, so the concept {background!r} was added; {remedy}, "
        "or pass background=None",
        stacklevel=4,
    )
    return (*concepts, background)
