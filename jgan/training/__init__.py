"""The loop over stages, and the dry run."""
