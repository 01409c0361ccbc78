"""Resolve pyproject.toml into requirements.txt (hashes, no URLs) and environment.yml (the same pins for conda): `make lock`.

pip refuses an editable project in a file with hashes, so environment.yml repeats the pins without them; a test holds the
two together.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("dev", "lab", "grocery", "postgres", "verbatims")
# jsonschema's optional URL grammar builds its parsers at import: a second in every process that opens a notebook
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


def main() -> None:
    """Resolve and write both files."""
    lock = ROOT / "requirements.txt"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as overrides:
        overrides.write(OVERRIDES)
        overrides.flush()
        command = [Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url",
                   "--no-header", "--no-annotate", "--override", overrides.name, *(f"--extra={extra}" for extra in EXTRAS), "pyproject.toml", "-o", lock]  # fmt: skip
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (ROOT / "environment.yml").write_text(environment(lock.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
