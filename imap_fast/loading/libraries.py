"""The log messages and progress bars of diffusers, transformers and the Hugging Face hub."""

from logging import CRITICAL

from diffusers.utils import logging as diffusers_logging
from huggingface_hub.utils import logging as hub_logging
from rich.console import Console
from transformers.utils import logging as transformers_logging


def keep_libraries_quiet(console: Console) -> None:
    """Let libraries log nothing, and show progress bars only on a terminal. What they raise is told in one line."""
    for logging in (diffusers_logging, transformers_logging, hub_logging):
        logging.set_verbosity(CRITICAL)
    if not console.is_terminal:
        diffusers_logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()
