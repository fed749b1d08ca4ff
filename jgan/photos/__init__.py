"""Image files in and out: formats of any depth, colour profiles, tiles."""
