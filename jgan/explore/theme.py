"""The look of the page: that of `jgan report`, as Gradio takes it."""

from __future__ import annotations

import inspect
from typing import Any

from jgan.explore.offline import Base
from jgan.reports.look import DARK, LETTERS, LIGHT, variables

CSS = f"""
:root {{ {variables(LIGHT)} --primary-500: var(--accent); --primary-600: var(--accent); }}
.dark {{ {variables(DARK)} --primary-500: var(--accent); --primary-600: var(--accent); }}
.gradio-container {{ width: 100% !important; min-width: 0 !important; max-width: 76rem !important;
  margin: 0 auto !important; padding: 0.8rem !important; overflow-wrap: anywhere; }}
.gradio-container main {{ gap: 0.5rem; }}
footer {{ display: none !important; }}
h1.title {{ font-size: 1.4rem; font-weight: 600; margin: 0.3rem 0 0; color: var(--ink); }}
p.faint {{ color: var(--faint); font-size: 0.85rem; margin: 0.2rem 0; }}
p.bad {{ color: var(--bad); margin: 0.2rem 0; }}
.picture img {{ width: 100%; max-width: 24rem; max-height: 70vh; object-fit: contain; image-rendering: pixelated;
  border: 1px solid var(--line); border-radius: 6px; display: block; margin: 0 auto; background: var(--raised); }}
.picture .nothing {{ display: grid; place-items: center; aspect-ratio: 1; max-width: 24rem; margin: 0 auto;
  border: 1px dashed var(--line); border-radius: 6px; color: var(--faint); text-align: center; padding: 0.5rem; }}
.pixels img {{ image-rendering: pixelated; }}
.curves {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }}
.curves img {{ width: 100%; }}
.dark .curves .light, html:not(.dark) body:not(.dark) .curves .darkly {{ display: none; }}
.samples img {{ width: 100%; max-width: 40rem; image-rendering: pixelated; }}
button:focus-visible, input:focus-visible, textarea:focus-visible, [tabindex]:focus-visible {{
  outline: 2px solid var(--accent) !important; outline-offset: 2px; }}
.html-container {{ padding: 0.2rem 0 !important; }}
.tabitem {{ padding: 0.6rem 0 !important; }}
.min_value, .max_value {{ white-space: nowrap; }}
input[type="range"] {{ --neutral-200: var(--line); --neutral-600: var(--line); }}
.caption-label {{ font-size: 0.75rem !important; padding: 0.1rem 0.3rem !important; }}
.row-of-two {{ flex-wrap: nowrap !important; }}
@media (max-width: 40rem) {{
  .gradio-container {{ padding: 0.3rem !important; }}
  .gradio-container .main, .gradio-container .wrap {{ padding-left: 0 !important; padding-right: 0 !important; }}
  .min_value, .max_value {{ display: none; }}
  .pixels .grid-wrap {{ overflow: hidden !important; max-height: none !important; }}
  .pixels .grid-container {{ grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)) !important; }}
}}
"""


def look() -> dict[str, Any]:
    """What `serve` takes."""
    return {"theme": _theme(), "css": CSS}


def _theme() -> Any:
    theme = Base(font=list(LETTERS), font_mono=["ui-monospace", "monospace"])
    names = {
        "body_background_fill": "paper",
        "background_fill_primary": "paper",
        "background_fill_secondary": "raised",
        "block_background_fill": "raised",
        "body_text_color": "ink",
        "body_text_color_subdued": "faint",
        "block_label_text_color": "faint",
        "block_title_text_color": "ink",
        "block_info_text_color": "faint",
        "border_color_primary": "line",
        "block_border_color": "line",
        "input_border_color": "line",
        "input_background_fill": "paper",
        "slider_color": "accent",
        "link_text_color": "accent",
        "button_primary_background_fill": "accent",
        "button_primary_background_fill_hover": "accent",
        "button_primary_text_color": "paper",
        "button_secondary_background_fill": "raised",
        "button_secondary_text_color": "ink",
        "button_secondary_border_color": "line",
        "checkbox_background_color_selected": "accent",
        "checkbox_border_color_selected": "accent",
    }
    values = {name: LIGHT[color] for name, color in names.items()}
    known = inspect.signature(theme.set).parameters  # not all have another in the dark
    values |= {f"{name}_dark": DARK[color] for name, color in names.items() if f"{name}_dark" in known}
    return theme.set(**values, block_shadow="none", block_label_background_fill="*block_background_fill")
