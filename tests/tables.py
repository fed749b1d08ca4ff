"""Tables of tests that need a row for each config, loss, option ...: a forgotten row fails with the table's name."""

import pytest


def mark_slow(names, slow):
    """Parameters of a test, of which those of `slow` are run by `make proofs` alone."""
    assert set(slow) <= set(names), slow
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in names]


def row_of(table, name, place):
    """The row of `name`; `place` says which table of which file it is."""
    assert name in table, f"{place} has no row for {name!r}: add one"
    return table[name]


def assert_rows(names, expected, place):
    """The table has a row for all that is expected, and no other."""
    missing, stray = set(expected) - set(names), set(names) - set(expected)
    assert not missing, f"{place} has no row for {', '.join(sorted(map(repr, missing)))}: add one"
    assert not stray, f"{place} has a row for {', '.join(sorted(map(repr, stray)))}, which is not there: remove it"
