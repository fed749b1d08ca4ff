"""Weights trained elsewhere: read from their files, nothing executed."""
