"""An audit on a Spark cluster of this machine, a master and two workers: `make spark-cluster`, or
python tools/spark_cluster.py 10000000 (sale lines).

The same generated book is audited by DuckDB and on the cluster, where one worker is killed in the
middle: every figure must be the same to nine digits, or this stops. Memory is the peak of what the
audit itself holds (Python, and the Java of its driver), not of the workers.

python tools/spark_cluster.py 100000000 intake: the book is only opened (read, checked, stored,
orders and cube) on both, and one worker is killed once accepted rows are stored; rows, sums and
the cube's revenue must be equal. In both cases the bytes that workers sent each other are told.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyspark

from tools.bench import PeakMemory, write_book

HOME = Path(pyspark.__file__).parent
HOST, PORT = "127.0.0.1", 17077
WORKERS = 2
CONFIGURATION = f"""spark.master spark://{HOST}:{PORT}
spark.driver.host {HOST}
spark.driver.memory 640m
spark.driver.extraJavaOptions -XX:+UseSerialGC -XX:ReservedCodeCacheSize=96m
spark.shuffle.io.preferDirectBufs false
spark.rpc.io.preferDirectBufs false
spark.files.io.preferDirectBufs false
spark.executor.memory 4g
spark.executor.cores 1
spark.sql.shuffle.partitions 4
spark.eventLog.enabled true
spark.eventLog.rolling.enabled false
spark.eventLog.compress false
"""
OPENED = """
import json, sys
from carnet.book.book import open_book
book = open_book(sys.argv[1])
check, cube = book.checks["sales"], book.cube
row = cube.agg(rows=cube.count(), revenue=cube.revenue.sum()).to_pyarrow().to_pylist()[0]
print(json.dumps([check.rows, str(check.accepted_amount), check.duplicate_rows, row["rows"],
    round(row["revenue"], 2)]))
"""
KILLED_AFTER = 3  # notebooks; and so many seconds of the next
SECONDS = 4
BYTES = {  # what a task tells: what it read, and what it sent for others
    "read": ("Input Metrics", "Bytes Read"),
    "sent": ("Shuffle Write Metrics", "Shuffle Bytes Written"),
}
LONGEST = 7_200  # seconds that a cell may take: one of 100,000,000 lines takes more than 15 minutes
PATIENCE = 60  # seconds for the cluster to stand


def spark_process(log: Path, kind: str, *arguments: str) -> psutil.Popen:
    """A daemon of Spark; its output goes to a file."""
    command = [HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{kind}", *arguments]
    with log.open("w") as output:
        return psutil.Popen(
            [*map(str, command), "--host", HOST, "--webui-port", "0"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def until(log: Path, word: str) -> None:
    """Wait until a log holds a word."""
    for _ in range(PATIENCE * 2):
        if word in log.read_text():
            return
        time.sleep(0.5)
    raise SystemExit(f"Spark did not start: {log.read_text()[-2000:]}")


@contextmanager
def cluster(home: Path) -> Iterator[list[psutil.Popen]]:
    """The workers of a cluster that stands; this process's children find its configuration."""
    (home / "conf").mkdir()
    (home / "events").mkdir()
    events = f"spark.eventLog.dir file://{home / 'events'}\n"
    (home / "conf" / "spark-defaults.conf").write_text(CONFIGURATION + events)
    os.environ |= {"SPARK_CONF_DIR": str(home / "conf"), "SPARK_LOCAL_IP": HOST}
    os.environ["MALLOC_ARENA_MAX"] = "2"  # a driver of 2 GB: no more is held than asked for
    os.environ["PYSPARK_PYTHON"] = sys.executable  # the workers' too: it has carnet
    started = []
    try:
        started.append(spark_process(home / "master.log", "master.Master", "--port", str(PORT)))
        until(home / "master.log", "New state: ALIVE")
        for number in range(WORKERS):
            log, place = home / f"worker{number}.log", ("--work-dir", str(home / f"work{number}"))
            own = ("--cores", "1", "--memory", "4600M", *place, f"spark://{HOST}:{PORT}")
            started.append(spark_process(log, "worker.Worker", *own))
            until(log, "Successfully registered")
        yield started[1:]
    finally:
        for process in started:
            end(process)


def end(process: psutil.Popen) -> None:
    """Kill a process and what it started."""
    family = [*process.children(recursive=True), process] if process.is_running() else []
    for each in family:
        each.kill()


def audit(folder: Path, victim: psutil.Popen | None = None) -> tuple[dict, float, float]:
    """Figures, seconds and peak memory of an audit; the victim is killed in the middle."""
    command = [sys.executable, "-m", "carnet", "run", str(folder), "--out", f"{folder}-out"]
    command += ["--timeout", str(LONGEST)]
    before = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        memory = PeakMemory(process.pid)
        memory.start()
        told = []
        for line in process.stderr or ():
            told.append(line)
            ended = re.match(r"\s*(\d+) of \d+: ", line)
            if victim and ended and int(ended[1]) == KILLED_AFTER:
                time.sleep(SECONDS)
                print(f"a worker is killed after {line.strip()!r}", flush=True)
                end(victim)
        published = (process.stdout.read() if process.stdout else "").splitlines()
    seconds = time.perf_counter() - before
    memory.done.set()
    memory.join()
    if process.returncode:
        raise SystemExit(f"the audit ended with {process.returncode}:\n{''.join(told[-20:])}")
    document = json.loads((Path(published[-1]) / "figures.json").read_text(encoding="utf-8"))
    return document["figures"], seconds, memory.peak


def intake(folder: Path, victim: psutil.Popen | None = None) -> tuple[list, float, float]:
    """What a book tells once it is opened, seconds and peak memory; the victim is killed."""
    before = time.perf_counter()
    command = [sys.executable, "-c", OPENED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        memory = PeakMemory(process.pid)
        memory.start()
        while victim and process.poll() is None:
            if any((folder / ".carnet").rglob("sales.parquet")):
                print("a worker is killed, once the accepted rows are stored", flush=True)
                end(victim)
                break
            time.sleep(0.2)
        told = process.stdout.read() if process.stdout else ""
    memory.done.set()
    memory.join()
    if process.returncode:
        raise SystemExit(f"opening the book ended with {process.returncode}")
    return json.loads(told.splitlines()[-1]), time.perf_counter() - before, memory.peak


def bytes_moved(home: Path) -> dict[str, int]:
    """Bytes that the tasks of a cluster read and sent each other."""
    moved = dict.fromkeys(BYTES, 0)
    for log in (home / "events").iterdir():
        for line in log.open():
            metrics = json.loads(line).get("Task Metrics") or {}
            for name, (group, key) in BYTES.items():
                moved[name] += metrics.get(group, {}).get(key, 0)
    return moved


def agree(one: dict, other: dict) -> int:
    """How many figures are known; stops where two differ."""
    assert one.keys() == other.keys()
    apart = {
        name: (one[name]["value"], other[name]["value"])
        for name in one
        if not _same(one[name]["value"], other[name]["value"])
    }
    if apart:
        raise SystemExit(f"the engines do not agree: {apart}")
    return sum(figure["value"] is not None for figure in one.values())


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)


def main() -> None:
    """Both audits, or both intakes, and what they took."""
    lines = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    alone_in = "intake" in sys.argv[2:]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        write_book(home / "duckdb", lines)
        shutil.copytree(home / "duckdb", home / "spark")
        with (home / "spark" / "engagement.yml").open("a") as document:
            document.write("engine: spark\n")
        run: Callable = intake if alone_in else audit
        alone = run(home / "duckdb")
        with cluster(home) as workers:
            spread = run(home / "spark", workers[-1])
        moved = bytes_moved(home)
        if not alone_in:
            known = agree(alone[0], spread[0])
            print(f"{lines:,} lines, {known} figures equal to nine digits")
        elif alone[0] == spread[0]:
            print(f"{lines:,} lines, alike: {alone[0]}")
        else:
            raise SystemExit(f"the engines do not agree: {alone[0]}, {spread[0]}")
    for engine, (_, seconds, peak) in (("DuckDB", alone), ("Spark cluster", spread)):
        print(f"{engine:16}{seconds:8.1f} s{peak:10,.0f} MB")
    print(f"the cluster read {moved['read'] / 1e6:,.0f} MB and sent {moved['sent'] / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
