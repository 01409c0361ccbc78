"""carnet lab: the notebooks beside the client's data, parameters set,
in a JupyterLab that answers.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from carnet.report.lab import prepare
from carnet.report.notebooks import find_notebooks
from carnet.shipped import FORM

from tests.conftest import DEMO, run_carnet

SALES = [["customer_id", "date", "amount"], ["A", "2023-06-30", "100"], ["A", "2024-06-30", "90"]]


def parameters_of(path):
    notebook = nbformat.read(path, 4)
    assert all(
        not cell.outputs and cell.execution_count is None
        for cell in notebook.cells
        if cell.cell_type == "code"
    ), "no outputs of another client"
    return next(
        cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])
    )


def test_copies_have_the_engagement_its_language_and_the_parameters_given(make_engagement):
    folder = make_engagement(tables={"sales": SALES}, language="fr")
    done = run_carnet(
        "lab",
        folder,
        "--no-launch",
        "-p",
        "top_count=5",
        "-p",
        "tracked_by=rate",
        "--as-of",
        "2024-12-31",
    )
    assert done.returncode == 0 and done.stdout.strip() == str(folder / "notebooks")
    assert {path.stem for path in (folder / "notebooks").iterdir()} == {
        FORM,
        *(path.stem for path in find_notebooks()),
    }
    source = parameters_of(folder / "notebooks" / "sales_gaps.ipynb")
    for line in (
        "engagement = '..'  # folder",
        "as_of = '2024-12-31'  # ",
        "language = 'fr'  # ",
        "top_count = 5  # rows, 1 to 1000",
        "tracked_by = 'rate'  # ",
    ):
        assert line in source, line
    assert source.count("\n") == parameters_source("sales_gaps").count("\n")


def parameters_source(name):
    notebook = nbformat.read(find_notebooks([name])[0], 4)
    return next(
        cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])
    )


def test_work_in_a_copy_is_kept_and_new_parameters_for_it_are_refused(make_engagement):
    folder = make_engagement(tables={"sales": SALES})
    copies, kept = prepare(folder, find_notebooks(["kpi_tracking"]), {})
    assert kept == []
    copies[0].write_text("mine", encoding="utf-8")
    assert (
        prepare(folder, find_notebooks(["kpi_tracking"]), {}) == (copies, copies)
        and copies[0].read_text(encoding="utf-8") == "mine"
    )
    refused = run_carnet("lab", folder, "-n", "kpi_tracking", "-p", "top_count=3", "--no-launch")
    assert refused.returncode == 2 and "keeps its parameters" in refused.stderr


def test_another_engagement_file_of_the_folder_has_its_own_copies(tmp_path):
    for name in ("engagement.yml", "fec_alone.yml"):
        shutil.copy(DEMO / name, tmp_path)
    (one,), _ = prepare(tmp_path, find_notebooks(["kpi_tracking"]), {})
    (other,), kept = prepare(tmp_path / "fec_alone.yml", find_notebooks(["kpi_tracking"]), {})
    assert (
        kept == [] and one.parent.name == "notebooks" and other.parent.name == "notebooks-fec_alone"
    )
    assert "engagement = '../fec_alone.yml'  # " in parameters_of(other)


@pytest.mark.long
def test_jupyterlab_opens_on_the_copy(make_engagement):
    pytest.importorskip("jupyterlab", reason="JupyterLab is in the extra `lab`")
    folder = make_engagement(tables={"sales": SALES})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.allow_root=True",
        "--IdentityProvider.token=secret",
    ]
    command = [
        sys.executable,
        "-m",
        "carnet",
        "lab",
        str(folder),
        "-n",
        "kpi_tracking",
        *options,
    ]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/contents/notebooks/kpi_tracking.ipynb",
        headers={"Authorization": "token secret"},
    )
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        assert json.load(answer)["name"] == "kpi_tracking.ipynb"
                    break
                except urllib.error.URLError:
                    assert server.poll() is None and time.monotonic() < deadline, (
                        "JupyterLab does not answer"
                    )
                    time.sleep(0.3)
        finally:
            server.terminate()
            server.wait(30)
