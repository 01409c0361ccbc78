"""On PYTHONPATH, Python reads this before anything else: carnet then sees an `os` and a `signal`
without what Windows does not have, in every process. Other libraries see theirs.
"""

import builtins
import os
import signal
from types import ModuleType

MISSING = {
    "os": (
        "WNOHANG chown fchown fork forkpty getegid geteuid getgid getpgid getpgrp getsid getuid "
        "killpg lchown mkfifo mknod nice openpty pread pwrite sched_getaffinity setegid seteuid "
        "setgid setpgid setsid setuid statvfs sync tcgetpgrp uname wait wait3 wait4"
    ),
    "signal": (
        "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGUSR1 SIGUSR2 alarm "
        "pause pthread_kill pthread_sigmask setitimer siginterrupt sigwait"
    ),
}
NO_MODULES = {"fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}


class Without(ModuleType):
    """A module without some of its names."""

    def __init__(self, module, **changed):
        super().__init__(module.__name__)
        self.__dict__.update(changed)
        self._module = module

    def __getattr__(self, name):
        if name in MISSING[self._module.__name__].split():
            raise AttributeError(f"module {self._module.__name__!r} has no attribute {name!r}")
        return getattr(self._module, name)


SEEN = {"os": Without(os, name="nt"), "signal": Without(signal)}
imported = builtins.__import__


def imported_by(name, names=None, *rest, **options):
    if (names or {}).get("__name__", "").partition(".")[0] != "carnet":
        return imported(name, names, *rest, **options)
    if name in NO_MODULES:
        raise ModuleNotFoundError(f"No module named {name!r}")
    return SEEN.get(name) or imported(name, names, *rest, **options)


if __name__ == "sitecustomize":  # read at the start, not by a test
    builtins.__import__ = imported_by
