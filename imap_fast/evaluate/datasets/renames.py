"""What is looked for in place of the names of a data set."""

from pathlib import Path

from imap_fast.evaluate.datasets.descriptions import can_name_object, read_object


class Renames:
    """The file of `concepts`: a JSON object {name in the data set: what to look for}.

    Args:
        path: of the file. None: each name stays what it is.

    Raises:
        ValueError: the file is no such object, or looks for the background, which is always measured.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._concept_of = {} if path is None else read_object(path)
        self._unused = dict.fromkeys(self._concept_of)
        for name, concept in self._concept_of.items():
            if not can_name_object(concept):
                raise ValueError(
                    f"{path}: {name!r} is to be {concept!r}; give a text in valid Unicode that is not the background"
                )

    def __contains__(self, name: str) -> bool:
        return name in self._concept_of

    def __call__(self, name: str, otherwise: str | None = None) -> str:
        """What to look for in place of a name. Without an entry, that is `otherwise`, or the name itself."""
        self._unused.pop(name, None)
        return self._concept_of.get(name, name if otherwise is None else otherwise).strip()

    @property
    def unused(self) -> list[str]:
        """The names that nothing has."""
        return list(self._unused)
