"""Models on the Hugging Face Hub: a folder with a model card to upload, and runs that are opened from there."""
