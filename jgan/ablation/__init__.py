"""The runs of a sweep, and their processes."""
