"""From data to a config: what the images of a source are, and what a run on them should be."""
