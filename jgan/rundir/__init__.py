"""What a run directory holds: checkpoints, the lock, metrics, events, pictures, files."""
