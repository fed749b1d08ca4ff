"""Flax modules used by two or more families."""
