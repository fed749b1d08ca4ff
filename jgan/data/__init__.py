"""Data sets: sources by one string, transforms, and batches as a pure function of the step."""
