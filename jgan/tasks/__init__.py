"""Image-to-image tasks that need no pairs: what a photo's degraded side is, as pure functions on the device."""
