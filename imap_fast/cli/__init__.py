"""`imap-fast`: the command line. Each command is a file; this one runs them and sets the exit code.

Exit code 0: success. 1: failure. 2: wrong use, with one line on stderr that names the value and the fix.
"""

import json
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import typer

from imap_fast.cli.app import app
from imap_fast.cli.compare import compare
from imap_fast.cli.demo import demo
from imap_fast.cli.doctor import doctor
from imap_fast.cli.eval import eval
from imap_fast.cli.events import events
from imap_fast.cli.explain import explain
from imap_fast.cli.generate import generate
from imap_fast.cli.judge import judge
from imap_fast.cli.layers import layers
from imap_fast.cli.models import models
from imap_fast.cli.option_groups import with_option_groups
from imap_fast.cli.report import report
from imap_fast.cli.results import SomeFailed
from imap_fast.cli.segment import segment
from imap_fast.cli.streams import complain, discard_stdout, escaped_output, occupy_closed_streams, one_line

# Torch, diffusers and matplotlib take seconds to load. Commands import them only after all checks of their input.

commands = typer.Typer(
    help="See where and when a word lives inside a video diffusion transformer.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, generate, explain, segment, events, layers, report, compare, judge, app, eval, models, doctor):
    commands.command()(with_option_groups(command))

USAGE_ERROR: Any = typer.BadParameter.__base__
"""The error of a wrong option: click's UsageError. Newer versions of Typer have their own copy of it."""

WRONG_INPUT = (ValueError, TypeError, FileNotFoundError, PermissionError, FileExistsError, NotADirectoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `imap-fast` and return its exit code.

    Args:
        arguments: of the command line. None: those of the process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    occupy_closed_streams()
    if sys.stdout is None:
        return _end("stdout is closed, so nobody would see the results; redirect it to /dev/null instead", 1, arguments)
    with warnings.catch_warnings(), escaped_output():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="imap_fast")
        warnings.showwarning = lambda message, *_: complain(str(message))
        try:
            # Commands return None. Typer itself returns a number after Ctrl-C.
            if commands(arguments, prog_name="imap-fast", standalone_mode=False):
                raise KeyboardInterrupt
            sys.stdout.flush()
            return 0
        except USAGE_ERROR as error:
            return _end(error.format_message(), 2, arguments)
        except SomeFailed as error:
            for message in error.args:
                complain(message)
            return 1
        except (BrokenPipeError, SystemExit):  # for a broken pipe, Typer raises SystemExit
            return _end("the reader of stdout ended before everything was printed", 1, arguments)
        except WRONG_INPUT as error:
            return _end(str(error), 2, arguments)
        except OSError as error:
            return _end(str(error), 1, arguments)
        except (typer.Abort, KeyboardInterrupt):
            return _end("interrupted; no results were written", 1, arguments)
        except RecursionError:
            return _end("a file is nested too deeply to be read; restore it", 1, arguments)
        except Exception as error:
            if is_out_of_memory(error):
                remedy = "fewer frames, a smaller height and width, --dtype bfloat16 or explain's --memory need less"
                return _end(f"the memory is full ({str(error).split('. ')[0]}); {remedy}", 1, arguments)
            traceback.print_exc()  # a bug: a report of it needs the traceback
            return _end(f"{type(error).__name__}: {error}", 1, arguments)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that the memory of the GPU, or of the machine, is full."""
    torch = sys.modules.get("torch")
    on_gpu = torch is not None and isinstance(error, torch.OutOfMemoryError)
    # On a CPU, torch raises a RuntimeError.
    return on_gpu or isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)


def _end(message: str, code: int, arguments: list[str]) -> int:
    complain(message)
    with suppress(OSError, ValueError):  # nobody reads it
        if "--json" in arguments:
            print(json.dumps({"error": one_line(message), "exit_code": code}))
        if sys.stdout is not None:
            sys.stdout.flush()
            return code
    discard_stdout()
    return code
