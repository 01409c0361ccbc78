"""Frames kept beside a book come back exactly, or are not kept."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from carnet.book import frames


def exact():
    """Columns of every kind that comes back; and `name`, which does not."""
    return pd.DataFrame(
        {
            "customer_id": ["A", "B", None],
            "name": pd.Series(["Ann", None, np.nan], dtype=object),
            "amount": [0.1 + 0.2, np.nan, -0.0],
            "count": [1, 2, 3],
            "day": [dt.date(2024, 2, 29), None, dt.date(1900, 1, 1)],
            "stamp": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "told": pd.array([True, None, False], dtype="boolean"),
            "sure": [True, False, True],
            "nothing": None,
            # texts that pandas would read as another type
            "code": pd.Series(["retain", None, "call"], dtype=object),
        }
    )


def test_a_frame_comes_back_as_it_was(tmp_path):
    """Floats to the last bit, days, unknowns of each kind; and its note."""
    frame, path = exact().drop(columns="name"), tmp_path / "computed" / "one.arrow"
    assert frames.write_frame(path, frame, {"measure": ["label", None, "SELECT 1"]})
    found, note = frames.read_frame(path)
    assert note == {"measure": ["label", None, "SELECT 1"]}
    pd.testing.assert_frame_equal(found, frame, check_exact=True)
    assert np.signbit(found.amount[2]) and found.amount[0] == 0.1 + 0.2
    assert found.day[0] == dt.date(2024, 2, 29) and found.nothing[0] is None


@pytest.mark.parametrize(
    "frame",
    [
        exact()[["name"]],  # None and NaN in one column
        pd.DataFrame({"mixed": [1, "a"]}),
        pd.DataFrame({"sets": [{1}, {2}]}),
        pd.DataFrame({"pairs": [(1, 2), (3, 4)]}),  # would come back as arrays
    ],
)
def test_what_would_come_back_changed_is_not_kept(tmp_path, frame):
    assert not frames.write_frame(tmp_path / "one.arrow", frame, {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_cut_or_of_another_kind_is_not_read(tmp_path):
    path = tmp_path / "one.arrow"
    assert frames.read_frame(path) is None
    frames.write_frame(path, exact().drop(columns="name"), {})
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    for damaged in (whole[:-30], whole[:40], b"", b"import os", bytes(flipped)):
        path.write_bytes(damaged)
        assert frames.read_frame(path) is None


def test_the_frames_used_longest_ago_go(tmp_path, monkeypatch):
    monkeypatch.setattr(frames, "KEPT", 2)
    for name in ("a", "b", "c"):
        frames.write_frame(tmp_path / f"{name}.arrow", pd.DataFrame({"x": [1]}), {})
        if name == "b":
            frames.read_frame(tmp_path / "a.arrow")
    assert {path.stem for path in tmp_path.glob("*.arrow")} == {"a", "c"}


def test_an_editor_s_lock_is_no_code(tmp_path, monkeypatch):
    """A link to nowhere, and a folder called like code."""
    (tmp_path / "carnet" / "book").mkdir(parents=True)
    (tmp_path / "carnet" / "a.py").write_text("x = 1")
    monkeypatch.setattr(frames, "__file__", str(tmp_path / "carnet" / "book" / "frames.py"))
    before = frames._code()
    (tmp_path / "carnet" / ".#a.py").symlink_to("somebody@somewhere.1")
    (tmp_path / "carnet" / "b.py").mkdir()
    assert frames._code() == before
    for name in ("b.po", "c.mplstyle", "d.yml"):
        (tmp_path / "carnet" / name).write_text("x")
        assert frames._code() != before, "words and styles are code, too"
