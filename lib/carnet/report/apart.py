"""Work in a process of its own: what it returns is handed back, what it raises is raised here."""

import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from carnet.engagement.interpreter import keep_imported, with_room
from carnet.engagement.unfinished import PRIVATE


class Apart:
    """One function with its arguments, begun at once in another process."""

    def __init__(self, context: BaseContext, work: Callable[..., Any], *arguments: Any) -> None:
        self._receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(sender, work, arguments))  # type: ignore[attr-defined]
        self._process: BaseProcess = process
        process.start()
        sender.close()

    def result(self) -> Any:
        """Wait for what the function returns, or raises; EOFError where its process ended before:
        killed, by the system when memory ran out for instance.
        """
        try:
            outcome = self._receiver.recv()
        except OSError as error:  # it ended while it told
            raise EOFError(str(error)) from error
        self._process.join()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def kill(self) -> None:
        """End it, if it still runs, and wait until it is gone."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()


def _work(sender: Connection, work: Callable[..., Any], arguments: tuple) -> None:
    keep_imported()  # a kernel that this process forks does not look through it either
    os.umask(PRIVATE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began it ends it
    try:
        outcome = with_room(work, *arguments)
    except Exception as error:  # whatever it is: raised where the result is waited for
        outcome = error
    sender.send(outcome)
