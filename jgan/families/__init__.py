"""Families: one paper, one file - its networks and the preset of a game."""
