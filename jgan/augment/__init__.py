"""Differentiable augmentation of generated and real images."""
