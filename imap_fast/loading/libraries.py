"""The log messages and progress bars of diffusers and transformers."""

from diffusers.utils import logging as diffusers_logging
from rich.console import Console
from transformers.utils import logging as transformers_logging


def keep_libraries_quiet(console: Console) -> None:
    """Let diffusers and transformers log errors only, and show progress bars only on a terminal."""
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        if not console.is_terminal:
            logging.disable_progress_bar()
