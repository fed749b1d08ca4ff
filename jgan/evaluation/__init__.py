"""What is measured, and how: image sets through feature networks, also while a run trains."""
