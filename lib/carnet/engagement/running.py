"""How the notebooks of one report run: written by whoever publishes,
read by every process of the run.

One file holds it, and one environment variable names the file. Where it is unset, as in JupyterLab,
nothing is published: the defaults hold.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RUN_VARIABLE = "CARNET_RUN"
PICTURES_VARIABLE = "CARNET_PICTURES"  # "off": no chart is printed, for tests of what pages say


@dataclass(frozen=True)
class Run:
    """What the processes of one report share.

    `lists` is the folder of the lists (empty: lists are only shown), `shared` that of what one
    notebook computes for all (empty: each computes for itself), `given` what was chosen of the
    `parameters.Policy`, by which every notebook decides. `opened` is the file where a notebook
    tells what it opened (empty: it does not). `anonymise` hides people behind
    pseudonyms; `memory` is the part of the machine's memory that a database of one process may
    fill; without `pictures` charts are drawn and not printed, for tests of what pages say.
    """

    lists: str = ""
    shared: str = ""
    opened: str = ""
    anonymise: bool = False
    memory: str = "50%"
    given: dict[str, Any] = field(default_factory=dict)
    pictures: bool = True

    def write(self, path: Path) -> None:
        """Write it where `RUN_VARIABLE` will point to."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """What was written there."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def this_run() -> Run:
    """The run that this process belongs to; the defaults where it belongs to none."""
    path = os.environ.get(RUN_VARIABLE)
    return Run.read(Path(path)) if path else Run()
