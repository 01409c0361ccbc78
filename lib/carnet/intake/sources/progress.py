"""Progress bars on long reads: on a terminal only, on stderr."""

import threading

import duckdb
from tqdm import tqdm

# the default one is a semaphore for processes that draw the same bar: there are none, and it
# outlives this one
tqdm.set_lock(threading.RLock())


def progress_bar(total: int, label: str) -> tqdm:
    """A bar over bytes that stays silent when stderr is not a terminal or the read is short."""
    return tqdm(
        total=total, desc=label, unit="B", unit_scale=True, leave=False, disable=None, delay=1.0
    )


def run_with_progress(con: duckdb.DuckDBPyConnection, sql: str, label: str) -> None:
    """Execute one statement while a bar follows DuckDB's own progress."""
    done = threading.Event()
    with tqdm(total=100, desc=label, unit="%", leave=False, disable=None, delay=1.0) as bar:

        def follow() -> None:
            while not done.wait(0.5):
                bar.update(max(con.query_progress(), 0) - bar.n)

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            con.execute(sql)
        finally:
            done.set()
            follower.join()
