"""Latents of a run: walked through, edited, looked for."""
