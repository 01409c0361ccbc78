"""Run every notebook on the demonstration company and store its outputs:
`make notebooks`. nbval compares against them.
"""

import nbformat
from carnet.shipped import NOTEBOOKS, report_notebooks
from nbclient import NotebookClient


def main() -> None:
    """Execute in place; ids and timings are not stored, so that an unchanged notebook
    stays byte-identical.
    """
    for path in report_notebooks():
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook,
            timeout=600,
            record_timing=False,
            resources={"metadata": {"path": str(NOTEBOOKS)}},
        ).execute()
        notebook.metadata = {
            "kernelspec": notebook.metadata["kernelspec"],
            "language_info": {"name": "python"},
        }
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
