"""The command line: each verb parses, calls one public function, prints. One module a group of verbs."""

from __future__ import annotations

import os
import sys

import typer

from untrim.cli import about, imports, judge, learn, reproduce, tune, weights  # noqa: F401
from untrim.cli.app import app
from untrim.errors import UntrimError

_STOPPED = 130


def main() -> None:
    """Run the command line: a wrong call or input is one line and exit code 2, work that failed is 1."""
    try:
        result = app(standalone_mode=False, prog_name="untrim")
        code = result if isinstance(result, int) else 0
    except UntrimError as error:
        code = _complain(str(error), error.exit_code)
    except typer.TyperException as error:
        code = _complain(f"{error.format_message()} (see untrim --help)", 2)
    except typer.Abort:
        code = _STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    if code == _STOPPED:  # How typer ends a command on Ctrl-C.
        _complain("stopped; the same command goes on from here (train: with --resume)", code)
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    print(f"untrim: {' '.join(message.split())}", file=sys.stderr)
    return code
