"""What a wheel holds beside the package: the notebooks without their outputs, and the
demonstration engagement (`carnet.shipped` finds them).
"""

import json
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "lib"))
from carnet.shipped import copy_demo  # noqa: E402  # of the checkout: it needs no other package


class BuildWithShipped(build_py):
    """The package, with carnet/_shipped."""

    def run(self):
        """Build, then copy what travels with it; a checkout that is installed in place needs no
        copy.
        """
        super().run()
        if self.editable_mode:
            return
        home = Path(self.build_lib) / "carnet" / "_shipped"
        (home / "notebooks").mkdir(parents=True, exist_ok=True)
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            notebook = json.loads(path.read_text(encoding="utf-8"))
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code":
                    cell["outputs"], cell["execution_count"] = [], None
            written = json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"
            (home / "notebooks" / path.name).write_text(written, encoding="utf-8")
        copy_demo(home / "demo")


setup(cmdclass={"build_py": BuildWithShipped})
