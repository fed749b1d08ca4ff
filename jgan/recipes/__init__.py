"""Recipes: whole configs but for the few values that set one run apart, where several files of configs/ share them."""
