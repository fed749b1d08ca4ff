"""Images out of a run: sampling, translating, captions."""
