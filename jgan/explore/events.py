"""How the page's events run: those of sliders while they move, the last one at the latest, and those of buttons."""

from __future__ import annotations

from typing import Any

QUICK: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "hidden", "api_visibility": "private"}
BUTTON: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
LONG: dict[str, Any] = {"show_progress": "full", "api_visibility": "private", "concurrency_limit": 1}
