"""A check and a command that end in time, whatever they meet.

A hung file system, a library that crashes when imported and a launcher that waits for ever
cost one line of the examination each.
"""

import multiprocessing
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from tempfile import TemporaryFile
from types import FrameType
from typing import IO, NamedTuple

from .site import Line, Site, failed

Check = Callable[[Site], Iterator[Line]]
GRACE_SECONDS = 10.0  # between SIGTERM and SIGKILL
LONGEST = 300  # characters that are shown of what a command said
NOT_FOUND = 127  # a shell's exit status


def lines_of(name: str, check: Check, site: Site, seconds: float) -> Iterator[Line]:
    """What a check says, in a process of its own; a line says if it fails, dies or hangs."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, name, check, site))
    process.start()
    theirs.close()
    deadline = time.monotonic() + seconds
    try:
        while ours.poll(max(0.0, deadline - time.monotonic())):
            line = ours.recv()
            if line is None:
                return
            yield line
        yield failed(name, f"no answer within {seconds:g} s", "see what it hangs on")
    except EOFError:
        process.join(GRACE_SECONDS)
        code = process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        yield failed(name, f"the check died: {how}", "a library is broken on this machine")
    finally:
        ours.close()
        process.terminate()
        process.join(GRACE_SECONDS)
        process.kill()  # not waited for: what hangs in a file system cannot be killed


def _serve(pipe: Connection, name: str, check: Check, site: Site) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):  # so that commands are ended too
        signal.signal(number, _leave)
    try:
        for line in check(site):
            pipe.send(line)
    except Exception as error:  # a check that fails never stops the others
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        pipe.send(failed(name, what, "the check could not be made"))
    for number in (signal.SIGTERM, signal.SIGINT):  # nothing is left to be ended
        signal.signal(number, signal.SIG_DFL)
    pipe.send(None)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


class Answer(NamedTuple):
    """What a command said."""

    status: int | None  # None: it took too long and was ended
    out: str
    err: str

    @property
    def said(self) -> str:
        """The last line that says something, errors first."""
        last = [text.strip().splitlines()[-1] for text in (self.err, self.out) if text.strip()]
        return last[0][:LONGEST] if last else "without a word"


def ask(command: list[str] | str, seconds: float, **environment: str) -> Answer:
    """Run a command, a string in a shell, and end it and all that it started in time."""
    shell = "/bin/bash" if isinstance(command, str) else None
    with TemporaryFile() as out, TemporaryFile() as err:  # a pipe would wait for grandchildren
        try:
            process = subprocess.Popen(
                command,
                shell=shell is not None,
                executable=shell,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as error:
            return Answer(NOT_FOUND, "", str(error))
        status: int | None = None
        try:
            with suppress(subprocess.TimeoutExpired):
                status = process.wait(seconds)
        finally:
            _end(process)
        return Answer(status, _text(out), _text(err))


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):  # srun gives its job up at the first
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
