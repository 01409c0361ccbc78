"""Kernels forked from a process that has the heavy imports behind it:
they are paid once a run instead of once a notebook (Linux only).

`multiprocessing`'s fork server holds `PRELOADED`; every notebook's process is forked from it,
and forks its kernel first of all, before it has threads, sockets or an event loop of its own.
The kernel waits in a pipe for its connection file. The server itself is forked from the command
line, with what that has imported, and imports the rest beside it.

jupyter_client starts it as it starts any kernel: by a provisioner (`ForkProvisioner`) that
pyproject.toml declares as an entry point. Where kernels cannot be forked, its own provisioner
starts a new interpreter.
"""

import importlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, NoReturn, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from carnet.engagement.interpreter import with_room

PROVISIONER = "carnet-fork"  # its name in pyproject.toml
FORK_VARIABLE = "CARNET_FORK"  # "off": start interpreters anew here, too, as on other systems
CAN_FORK = (
    sys.platform == "linux" and os.environ.get(FORK_VARIABLE) != "off"
)  # elsewhere system libraries forbid work between fork and exec
PRELOADED = (
    "carnet.report.publishing", "carnet.report.notebook", "carnet.customers.experiments.reading",
    "carnet.customers.decisions", "ibis.backends.duckdb", "ipykernel.kernelapp",
    "matplotlib.pyplot", "papermill", "scipy.stats", "seaborn", "carnet.report.warm",
)  # fmt: skip


def process_context(alone: bool = False) -> BaseContext:
    """How the processes of notebooks start: from the fork server, started here if it does not
    run yet, where kernels can be forked, else anew.

    `alone` promises that this process has no Python thread beside this one (the pools of numerical
    libraries are made for forks), and holds nothing that a fork of it must not have: the server
    begins as its copy, else as a new interpreter.
    """
    if not CAN_FORK:
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver, resource_tracker

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    # the server starts it if it does not run: as a copy of this process it would hold 85 MB
    resource_tracker.ensure_running()
    with _forked_server() if alone else nullcontext():
        forkserver.ensure_running()  # it imports while this process goes on
    return context


@contextmanager
def _forked_server() -> Iterator[None]:
    """`multiprocessing` starts its server as a copy of this process: what is imported here is not
    imported again there.
    """

    def fork(_: bytes, arguments: Sequence[str], passed: Sequence[int]) -> int:
        pid = os.fork()
        if not pid:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                from multiprocessing import forkserver

                # copied while this thread held it: nobody would ever give it back there
                cast(Any, forkserver)._forkserver._lock = threading.Lock()
                _close_all_but((0, 1, 2, *passed))
                exec(arguments[-1], {})  # the line that a new interpreter would run
            finally:
                os._exit(0)
        return pid

    module: Any = importlib.import_module("multiprocessing.util")
    spawn, module.spawnv_passfds = module.spawnv_passfds, fork
    try:
        yield
    finally:
        module.spawnv_passfds = spawn


def _close_all_but(kept: Sequence[int]) -> None:
    """The files that a new interpreter would not have inherited."""
    for number in {int(path.name) for path in Path("/proc/self/fd").iterdir()} - set(kept):
        with suppress(OSError):  # the listing's own
            os.close(number)


class ForkedKernel:
    """A kernel as a forked child of this process, with what jupyter_client asks of a `Popen`."""

    stdin = stdout = stderr = None

    def __init__(self) -> None:
        self.returncode: int | None = None
        told, self._tell = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._tell)
            _serve(told, parent)
        os.close(told)

    def start(self, connection_file: str, environment: dict[str, str], folder: str) -> None:
        """Let the kernel begin."""
        with os.fdopen(self._tell, "w", encoding="utf-8") as pipe:
            json.dump([connection_file, environment, folder], pipe)

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self.wait(os.WNOHANG)

    def wait(self, options: int = 0) -> int | None:
        """Wait for the end; the exit status."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal the kernel, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class ForkProvisioner(LocalProvisioner):
    """Starts the kernel that this process forked (`fork_kernel`) instead of a new interpreter."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Let the waiting kernel begin with its connection file;
        the command of the kernelspec is not used.
        """
        kernel = _waiting.pop()
        folder = str(kwargs.get("cwd") or Path.cwd())
        manager: Any = self.parent
        kernel.start(manager.connection_file, kwargs["env"], folder)
        self.process = cast(Any, kernel)
        self.pid, self.pgid, self.cwd = kernel.pid, kernel.pid, folder
        return self.connection_info


_waiting: list[ForkedKernel] = []


def prepare_kernel(scratch: Path, fork: bool = True) -> None:
    """Fork the kernel of this process where that can be done (an analyst's own notebook gets one
    started anew, in which plots show as in JupyterLab); let nothing of the user's reach it.

    Startup files and profiles of IPython, PYTHONSTARTUP, matplotlibrc and kernelspecs of the
    user's own are left out: the same input gives the same report for everybody.
    """
    os.environ["IPYTHONDIR"] = str(scratch / "ipython")
    os.environ["JUPYTER_CONFIG_DIR"] = str(scratch / "jupyter")
    os.environ["JUPYTER_DATA_DIR"] = str(scratch / "data")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    style = scratch / "matplotlibrc"  # empty: the house style is set in the notebook
    style.parent.mkdir(parents=True, exist_ok=True)
    style.write_text("")
    os.environ["MATPLOTLIBRC"] = str(style)
    for name in ("PYTHONSTARTUP", "JUPYTER_PATH"):
        os.environ.pop(name, None)
    if CAN_FORK and fork:
        os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] = PROVISIONER
        _waiting.append(ForkedKernel())


def end_with_parent() -> None:
    """End this process when the one that started it is gone, killed for instance:
    nobody waits for its notebook any more.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _serve(told: int, parent: int) -> NoReturn:
    """In the forked child: a session and signals of its own, then the kernel until it ends;
    nothing where the parent never tells.
    """
    status = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        with os.fdopen(told, encoding="utf-8") as pipe:
            words = pipe.read()
        if words:
            connection_file, environment, folder = json.loads(words)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            # nobody debugs a report: no debugger; where no kernel is forked it is loaded as ever
            sys.modules["debugpy"] = None  # type: ignore[assignment]
            from ipykernel.kernelapp import IPKernelApp

            with_room(
                IPKernelApp.launch_instance,
                argv=["-f", connection_file, "--log-level=ERROR", "--HistoryManager.enabled=False"],
                parent_handle=parent,
            )
        status = 0
    finally:
        os._exit(status)
