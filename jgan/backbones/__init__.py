"""Published networks whose features serve metrics and losses, and the readers of their weights."""
