"""jgan from Python: runs opened, trained and used; docs/python.md shows it by examples."""
