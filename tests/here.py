"""An audit whose notebooks run in the test's own process, cell by cell: what pages say does not
hang on kernels, which take a third of a small audit. `tests/report/test_publishing.py` holds that
the report is the same, to the byte, as the one that kernels make.
"""

import contextlib
import io
import json
import os
import time

import nbformat
from carnet.engagement.running import RUN_VARIABLE
from carnet.report import notebook as shown
from carnet.report.execution import Executed, cleaned, source_of
from carnet.report.pages import notebook_page
from ipykernel.ipkernel import IPythonKernel
from jupyter_client.jsonutil import json_default
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook


def execute_all(book, jobs, choice, how, watch):
    """In the place of `publishing._execute_all`: one notebook after the other, here."""
    executed = []
    for job in jobs:
        watch.began(job.path.stem)
        executed.append(run_here(job))
        watch.ended(job.path.stem)
    pages = {run.name: notebook_page(book, run, choice) for run in executed}
    return sorted(executed, key=lambda run: run.name), pages


def run_here(job):
    """What `execution.execute_notebook` gives of a notebook that only shows, records and prints;
    what a cell raises is raised.
    """
    started, parameters = time.monotonic(), job.parameters
    notebook = parameterize_notebook(
        load_notebook_node(source_of(job.path, job.wording)), parameters
    )
    notebook.metadata["language_info"] = dict(IPythonKernel.language_info)
    names, count = {"__name__": "__main__"}, 0
    with in_place_of_a_kernel(job):
        for cell in notebook.cells:
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            count += 1
            cell.outputs, cell.execution_count = outputs_of(cell.source, names), count
    return Executed(job.path.stem, cleaned(notebook, parameters), time.monotonic() - started)


@contextlib.contextmanager
def in_place_of_a_kernel(job):
    """The folder and the environment that a kernel has."""
    before = os.environ.get(RUN_VARIABLE)
    os.environ[RUN_VARIABLE] = str(job.run)
    try:
        with contextlib.chdir(job.path.parent):
            yield
    finally:
        if before is None:
            del os.environ[RUN_VARIABLE]
        else:
            os.environ[RUN_VARIABLE] = before


def outputs_of(source, names):
    """What a cell prints and displays."""
    outputs = []

    class Printed(io.TextIOBase):
        """Text in its place among what is displayed."""

        def write(self, text):
            if outputs and outputs[-1].output_type == "stream":
                outputs[-1].text += text
            else:
                outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
            return len(text)

    def display(bundle, metadata=None, raw=True):
        sent = json.loads(json.dumps([bundle, metadata or {}], default=json_default))
        outputs.append(nbformat.v4.new_output("display_data", data=sent[0], metadata=sent[1]))

    real, shown.display = shown.display, display
    try:
        with contextlib.redirect_stdout(Printed()):
            exec(compile(source, "<cell>", "exec"), names)
    finally:
        shown.display = real
    return outputs
