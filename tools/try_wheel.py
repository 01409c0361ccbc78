"""Build the source archive and from it the wheel, install the wheel into a fresh environment, and
audit the demonstration company in an empty folder: what a user without a checkout does.

Prints sizes and seconds; ends with status 1 where a step does not do what it should.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
UV = Path(sys.executable).with_name("uv")


def timed(told: str, *command: object, **options: object) -> str:
    """Run a command, print its seconds, return what it prints."""
    started = time.monotonic()
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, **options
    )
    print(f"{told}: {time.monotonic() - started:.1f} s", flush=True)
    if done.returncode not in (0, 1) or (done.returncode and "carnet" not in str(command[0])):
        sys.exit(f"{told} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def built(folder: Path) -> Path:
    """The wheel, from the source archive; both hold the notebooks and the demonstration."""
    timed("build", sys.executable, "-m", "build", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    shipped = [Path(name).name for name in names if name.startswith("carnet/_shipped/")]
    assert set(NOTEBOOKS) <= set(shipped) and "engagement.yml" in shipped, shipped
    assert not any("tests/" in name or ".carnet" in name for name in names)
    for archive in sorted(folder.iterdir()):
        print(f"{archive.name}: {archive.stat().st_size / 1e6:.1f} MB")
    return wheel


def main() -> None:
    """Build, install, audit."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        wheel = built(home / "dist")
        timed("environment", UV, "venv", "--quiet", "--python", sys.executable, home / "venv")
        python = home / "venv" / "bin" / "python"
        timed(
            "install", UV, "pip", "install", "--quiet", "--python", python,
            "--constraint", ROOT / "requirements.txt", wheel,
        )  # fmt: skip
        empty = home / "empty"
        empty.mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(empty), "LANG": "C.UTF-8"}
        carnet = home / "venv" / "bin" / "carnet"
        printed = timed("demo", carnet, "demo", "--no-open", cwd=empty, env=environment)
        report = empty / printed.strip().splitlines()[-1]
        manifest = json.loads((report / "manifest.json").read_text(encoding="utf-8"))
        run = {f"{name}.ipynb" for name in manifest["notebooks"]}
        assert run == set(NOTEBOOKS) - {"engagement.ipynb"}  # the form is no part of a report
        assert (report / "index.html").stat().st_size > 10_000
        again = timed(
            "run", carnet, "run", "carnet-demo", "-n", "sales_gaps", cwd=empty, env=environment
        )
        assert (empty / again.strip().splitlines()[-1] / "sales_gaps.html").is_file()
        print("the wheel is whole")


if __name__ == "__main__":
    main()
