"""The table agrees with a scan, and does not make one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cletus.contrib.commands.prefix_table import PrefixTable


@given(
    st.sets(st.text(alphabet="abcé\U0010ffff", max_size=5)), st.text(alphabet="abcé", max_size=3)
)
def test_a_prefix_finds_what_a_scan_would_find(names, prefix):
    table = PrefixTable()
    for name in names:
        table.add(name, name.upper())
    expected = sorted(name for name in names if name.startswith(prefix))
    assert [name for name, _ in table.starting_with(prefix)] == expected
    assert all(table.get(name) == name.upper() for name in names)


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0

    def __lt__(self, other):
        Counted.compared += 1
        return str.__lt__(self, other)


def test_ten_thousand_names_are_not_looked_at_one_by_one():
    table = PrefixTable()
    for number in range(10_000):
        table.add(Counted(f"name{number:05}"), number)
    Counted.compared = 0
    assert table.starting_with("name04999") == [("name04999", 4999)]
    assert Counted.compared < 60
