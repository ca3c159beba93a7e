"""The command line: each verb parses, calls one public function, prints. One module per group of verbs."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import typer

from untrim.cli import (  # noqa: F401
    about,
    exchange,
    handover,
    imports,
    judge,
    learn,
    reproduce,
    studio,
    suggest,
    tune,
    watch,
    weights,
)
from untrim.cli.app import app
from untrim.cli.printing import complain, write_out_what_the_console_lacks
from untrim.errors import Stopped, UntrimError, WorkFailed


def main() -> None:
    """Run the command line: a wrong call or input is one line and exit code 2, work that failed is 1."""
    write_out_what_the_console_lacks()
    try:
        result = app(standalone_mode=False, prog_name="untrim")
        code = result if isinstance(result, int) else 0
    except UntrimError as error:
        code = _complain(str(error), error.exit_code)
    except typer.TyperException as error:
        what = error.format_message().replace(": Value error, ", ": ")  # pydantic's words, which newer typer passes on
        code = _complain(f"{what} (see {_verb_of(error)} --help)", 2)
    except Stopped as error:
        code = error.exit_code
    except typer.Abort as error:
        code = _complain("the input ends too early", 2) if isinstance(error.__cause__, EOFError) else Stopped.exit_code
    except SystemExit as error:  # So typer ends where nobody reads what is printed.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (OSError, MemoryError, UnicodeError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not isinstance(error, RecursionError) and not _lacks_memory(error):
            raise
        foreseen = _in_words(error)
        code = _complain(str(foreseen), foreseen.exit_code)
    if code == Stopped.exit_code:  # It is how typer ends a command on Ctrl-C, too.
        _complain("stopped; the same command resumes from here (train: with --resume)", code)
    sys.exit(code)


def _verb_of(error: typer.TyperException) -> str:
    """The command whose help tells more: that in which the error was made."""
    context = getattr(error, "ctx", None)
    return "untrim" if context is None else str(context.command_path)


def _complain(message: str, code: int) -> int:
    complain(f"untrim: {' '.join(message.split())}")
    return code


def _in_words(error: Exception) -> UntrimError:
    """What a person can do about an error that no reader or writer has foreseen."""
    if isinstance(error, OSError):
        from untrim.support.files import unwritten

        refused = unwritten(error, Path(error.filename or "the work"))
        known = refused.exit_code == 1 or error.errno == errno.ENAMETOOLONG
        return refused if known else UntrimError(error.strerror or str(error), where=error.filename)
    if isinstance(error, MemoryError) or _lacks_memory(error):
        return WorkFailed(f"the memory is full: {error}", fix="use fewer workers or smaller batches")
    if isinstance(error, UnicodeError):
        return UntrimError(f"a text cannot be read or written: {error}", fix="save it as UTF-8")
    return UntrimError("something in the input is nested too deeply")


def _lacks_memory(error: Exception) -> bool:
    """Whether torch wanted more memory than there is, on the CPU or a GPU; it has no error of its own for the first."""
    return isinstance(error, RuntimeError) and ("allocate memory" in str(error) or "out of memory" in str(error))
