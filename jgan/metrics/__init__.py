"""Metrics of generated images: pure functions of arrays, and the networks whose features they take."""
