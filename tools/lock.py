"""Resolve pyproject.toml into requirements.txt (hashes, no URLs),
requirements-spark.txt (what the extra `spark` adds, half a gigabyte that few need) and
environment.yml (the same pins as requirements.txt for conda): `make lock`.

pip refuses an editable project in a file with hashes, so environment.yml repeats the pins without
them; a test holds the two together.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("dev", "lab", "grocery", "mysql", "postgres", "verbatims")
# jsonschema's optional URL grammar builds its parsers at import: a second in every process that
# opens a notebook
UPGRADE = tuple(word for word in sys.argv[1:] if word == "--upgrade")
OVERRIDES = "rfc3987-syntax ; sys_platform == 'never'\n"
HEAD = """# The same versions as requirements.txt, for conda: conda env create -f environment.yml
# Written by `make lock`; a test holds it against requirements.txt.
name: carnet
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def pins(lock: str) -> list[str]:
    """Requirement lines of a lock without their hashes."""
    return [line.rstrip(" \\") for line in lock.splitlines() if re.match(r"[a-z0-9]", line)]


def environment(lock: str) -> str:
    """Text of environment.yml for a lock."""
    return HEAD + "".join(f'      - "{pin}"\n' for pin in pins(lock)) + '      - "-e ."\n'


def added(whole: str, lock: str) -> str:
    """The requirements of a lock, hashes included, that another one does not have."""
    there = set(pins(lock))
    parts = re.split(r"\n(?=[a-z0-9])", whole.strip())
    return "".join(f"{part}\n" for part in parts if pins(part)[0] not in there)


def resolved(extras: tuple[str, ...]) -> str:
    """The lock of pyproject.toml with these extras; versions of the present one are kept where
    they still fit.
    """
    with tempfile.TemporaryDirectory() as folder:
        overrides, lock = Path(folder) / "overrides.txt", Path(folder) / "requirements.txt"
        overrides.write_text(OVERRIDES, encoding="utf-8")
        shutil.copy(ROOT / "requirements.txt", lock)
        command = [
            Path(sys.executable).with_name("uv"),
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--python-version",
            "3.11",
            "--generate-hashes",
            "--no-emit-index-url",
            "--no-header",
            "--no-annotate",
            "--override",
            overrides,
            *UPGRADE,
            *(f"--extra={extra}" for extra in extras),
            "pyproject.toml",
            "-o",
            lock,
        ]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return lock.read_text(encoding="utf-8")


def main() -> None:
    """Resolve and write the files; `--upgrade` takes the newest versions that fit."""
    lock = resolved(EXTRAS)
    (ROOT / "requirements.txt").write_text(lock, encoding="utf-8")
    (ROOT / "requirements-spark.txt").write_text(
        added(resolved((*EXTRAS, "spark")), lock), encoding="utf-8"
    )
    (ROOT / "environment.yml").write_text(environment(lock), encoding="utf-8")


if __name__ == "__main__":
    main()
