"""The line that has a system audit an engagement every month: of cron, or of the Windows task
scheduler.
"""

import platform
import shlex
import subprocess
import sys
from pathlib import Path

DAYS = range(1, 29)  # every month has them


def schedule_line(folder: Path, out: Path, day: int, hour: int, system: str = "") -> str:
    """What to add to `crontab -e`, or on Windows to run once in a console; each by full paths, for
    a scheduler starts in a folder of its own.
    """
    windows = (system or platform.system()) == "Windows"
    program = Path(sys.executable).with_name("carnet.exe" if windows else "carnet")
    command = [str(program), "run", str(folder.resolve()), "--out", str(out.resolve())]
    if windows:
        task = ["schtasks", "/Create", "/SC", "MONTHLY", "/D", str(day), "/ST", f"{hour:02d}:00"]
        named = ["/TN", f"carnet {folder.resolve().name}"]
        return subprocess.list2cmdline([*task, *named, "/TR", subprocess.list2cmdline(command)])
    # cron takes a bare per cent sign for the end of the line
    return f"0 {hour} {day} * * {shlex.join(command)}".replace("%", r"\%")
