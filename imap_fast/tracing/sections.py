"""The sections of a video that a run makes in several denoising loops, one after the other."""

from __future__ import annotations

from imap_fast.tracing.readout import Readout, joined
from imap_fast.tracing.settings import Settings


class Sections:
    """What was read of the sections that ended. Most runs make their video in one section.

    Attributes:
        comes_before: whether the running section comes before those that ended. If not, it comes behind them.
    """

    def __init__(self) -> None:
        self._ended: list[Readout] = []
        self.comes_before = False

    def end(self, section: Readout) -> None:
        """Keep what was read of the running section."""
        self._ended = self._in_time(section)

    def joined(self, section: Readout, head_score: str) -> Readout:
        """What was read of all sections, with the running one."""
        return joined(self._in_time(section), head_score)

    def _in_time(self, section: Readout) -> list[Readout]:
        return [section, *self._ended] if self.comes_before else [*self._ended, section]


def refuse_in_sections(settings: Settings, *, has_regions: bool) -> None:
    """Raise ValueError if a trace cannot read a video of several sections."""
    of_one = {
        "regions": has_regions,
        f"keep={list(settings.keep)}": bool(settings.keep),
        'runs="mean"': settings.runs == "mean",
        'surrogates="clip"': settings.surrogates == "clip",
    }
    for what, is_given in of_one.items():
        if is_given:
            raise ValueError(
                f"{what} is possible for a video of one section, and this run begins a second one; omit it, or make "
                "fewer frames: one section has latent_window_size latent frames"
            )
