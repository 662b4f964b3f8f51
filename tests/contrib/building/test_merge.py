"""A three-way merge of the fields of a room."""

from __future__ import annotations

import pytest

from cletus.contrib.building import merged


@pytest.mark.parametrize(
    ("base", "live", "file", "result", "conflicts"),
    [
        ({"name": "A"}, {"name": "A"}, {"name": "B"}, {"name": "B"}, []),
        ({"name": "A"}, {"name": "B"}, {"name": "A"}, {"name": "B"}, []),
        ({"name": "A"}, {"name": "B"}, {"name": "B"}, {"name": "B"}, []),
        ({"name": "A"}, {"name": "B"}, {"name": "C"}, {"name": "B"}, ["name"]),
        ({"name": "A"}, {}, {"name": "C"}, {}, ["name"]),
        ({"name": "A"}, {}, {"name": "A"}, {}, []),
        ({}, {}, {"name": "C"}, {"name": "C"}, []),
        ({}, {"name": "B"}, {"name": "C"}, {"name": "B"}, ["name"]),
        ({"name": "A"}, {"name": "A"}, {}, {"name": "A"}, []),
    ],
)
def test_what_one_side_has_changed_is_taken_and_what_both_have_is_a_conflict(
    base, live, file, result, conflicts
):
    assert merged(base, live, file) == (result, conflicts)


@pytest.mark.parametrize(
    ("base", "live", "file", "result", "conflicts"),
    [
        ({"n": "a"}, {"n": "a", "up": "b"}, {"n": "a"}, {"n": "a", "up": "b"}, []),
        ({"n": "a"}, {"n": "a"}, {}, {}, []),
        ({"n": "a"}, {}, {"n": "a"}, {}, []),
        ({"n": "a"}, {"n": "b"}, {"n": "c"}, {"n": "b"}, ["exits n"]),
        ({"n": "a"}, {}, {"n": "c"}, {}, ["exits n"]),
        ({"n": "a"}, {"n": "b"}, {}, {"n": "b"}, ["exits n"]),
        ({}, {"n": "a"}, {"s": "b"}, {"s": "b", "n": "a"}, []),
    ],
)
def test_exits_are_merged_one_by_one(base, live, file, result, conflicts):
    assert merged({"exits": base}, {"exits": live}, {"exits": file}) == (
        {"exits": result},
        conflicts,
    )
