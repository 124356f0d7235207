"""How a shell text runs on this machine: Invoke's own runner, but for how text reaches the shell and returns.

Linux takes 131,072 bytes for one argument, and whoever is on the machine may read arguments: the shell reads
its text from a file without a name, by descriptor. The output is decoded as one text.
"""

from __future__ import annotations

import codecs
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import Any

from invoke.context import Context
from invoke.runners import Local

from sandbox.printable import line_of_output

_PIECE = 65536  # bytes; Invoke's own 1,000 cost more than what they carry
_DECODER = codecs.getincrementaldecoder("utf-8")


@contextmanager
def script(text: str, shell: str = "/bin/bash") -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """The words of a command that runs a shell text, and the descriptors that it must be given."""
    with _file() as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.seek(0)
        yield [shell, f"/dev/fd/{file.fileno()}"], (file.fileno(),)


def _file() -> Any:
    if hasattr(os, "memfd_create"):  # a full disk must not keep anybody from looking
        return os.fdopen(os.memfd_create("dolibarr-sandbox"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _unheard() -> bool:
    """Whether a terminal's signals are ignored, as `nohup` and a script's `&` have it.

    psql, and some others, would handle them all the same: they must not reach them.
    """
    return any(signal.getsignal(number) is signal.SIG_IGN for number in (signal.SIGHUP, signal.SIGINT))


class Process(Local):
    """Invoke's runner; output is UTF-8, whatever the locale says, and a character may be cut by a read.

    Bytes that are no UTF-8, such as a file's name may have, stay what they are: as surrogates, which become
    the same bytes again when the text is encoded with `surrogateescape`, as an argument is.
    """

    def read_proc_output(self, reader: Callable[[int], bytes | None]) -> Iterator[str]:  # type: ignore[override]
        """See Invoke: the pieces of the decoded output, as they come."""
        decoder = _DECODER("surrogateescape")
        while data := reader(_PIECE):
            if text := decoder.decode(data):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text

    def _unify_kwargs_with_config(self, kwargs: Any) -> None:
        """See Invoke, which prints a command that is not run, whatever it was told of printing."""
        echo = kwargs.get("echo")
        super()._unify_kwargs_with_config(kwargs)
        if echo is not None:
            self.opts["echo"] = echo

    def echo(self, command: str) -> None:
        """See Invoke: print a command, as `--dry` does; names in it are other people's."""
        super().echo("\n".join(map(line_of_output, command.split("\n"))))

    def respond(self, buffer_: list[str]) -> None:
        """See Invoke, which joins all that came so far, at each piece, even for nobody."""
        if self.watchers:
            super().respond(buffer_)

    def start(self, command: Any, shell: str, env: dict[str, Any]) -> None:
        """See Invoke; a name in the text that is no UTF-8 reaches the shell as the bytes that it is."""
        if self.using_pty:
            super().start(command.encode("utf-8", "surrogateescape"), shell, env)
            return
        with script(command, shell) as (words, descriptors):
            self.process = Popen(
                words,
                pass_fds=descriptors,
                start_new_session=_unheard(),
                env=env,
                stdout=PIPE,
                stderr=PIPE,
                stdin=PIPE,
            )

    def stop(self) -> None:
        """See Invoke, which leaves closing its pipes to the garbage collector."""
        super().stop()
        process = getattr(self, "process", None)  # a dry run starts none
        for pipe in (process.stdin, process.stdout, process.stderr) if process else ():
            if pipe is not None:
                pipe.close()


def exact(context: Context) -> Context:
    """The context, whose commands run so from now on."""
    context.config.runners.local = Process
    return context
