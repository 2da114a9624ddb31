"""`imap-fast`: the command line. One file per command; here is what they share: how a run ends.

Exit code 0: done; 1: failed; 2: wrong use, with one line on stderr that names the value and the remedy.
"""

import json
import sys
import traceback
import warnings
from collections.abc import Sequence

import torch
import typer

from imap_fast.cli.app import app
from imap_fast.cli.demo import demo
from imap_fast.cli.doctor import doctor
from imap_fast.cli.eval import eval
from imap_fast.cli.explain import explain
from imap_fast.cli.generate import generate
from imap_fast.cli.judge import judge
from imap_fast.cli.layers import layers
from imap_fast.cli.report import report
from imap_fast.cli.results import SomeFailed

commands = typer.Typer(
    help="See where and when a word lives inside a video diffusion transformer.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, generate, explain, layers, report, judge, app, eval, doctor):
    commands.command()(command)

USAGE_ERROR = typer.BadParameter.__base__
"""What a wrong option raises: click's UsageError, of which newer typers carry their own copy."""

WRONG_INPUT = (ValueError, TypeError, FileNotFoundError, PermissionError, FileExistsError, NotADirectoryError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `imap-fast` with `arguments`, or those of the process, and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", module="imap_fast")
        warnings.showwarning = lambda message, *_: print(f"imap-fast: {message}", file=sys.stderr)
        try:
            # Commands return nothing; a number is typer's own, after Ctrl-C.
            if commands(arguments, prog_name="imap-fast", standalone_mode=False):
                raise KeyboardInterrupt
            return 0
        except USAGE_ERROR as error:
            return _end(error.format_message(), 2, arguments)
        except WRONG_INPUT as error:
            return _end(str(error), 2, arguments)
        except SomeFailed as error:
            print(f"imap-fast: {error}", file=sys.stderr)
            return 1
        except torch.OutOfMemoryError as error:
            remedy = "fewer frames, a smaller height and width, --dtype bfloat16 or explain's --memory need less"
            return _end(f"the GPU's memory is full ({str(error).split('.')[0]}); {remedy}", 1, arguments)
        except OSError as error:
            return _end(str(error), 1, arguments)
        except (typer.Abort, KeyboardInterrupt):
            return _end("interrupted; no results were written", 1, arguments)
        except Exception as error:  # a fault of the program: whoever reports it needs all of it
            traceback.print_exc()
            return _end(f"{type(error).__name__}: {error}", 1, arguments)


def _end(message: str, code: int, arguments: list[str]) -> int:
    line = " ".join(message.split())
    print(f"imap-fast: {line}", file=sys.stderr)
    if "--json" in arguments:
        print(json.dumps({"error": line, "exit_code": code}))
    return code
