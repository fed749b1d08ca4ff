"""How the pages of jgan look: colours for light and dark, letters, and what tables and pictures share."""

from __future__ import annotations

LIGHT = {
    "ink": "#202020",
    "paper": "#ffffff",
    "raised": "#f6f6f4",
    "faint": "#636363",
    "line": "#d8d8d8",
    "accent": "#1f5fa8",
    "bad": "#b3261e",
}
DARK = {
    "ink": "#e8e8e8",
    "paper": "#16181d",
    "raised": "#1f2229",
    "faint": "#a0a0a0",
    "line": "#3a3d44",
    "accent": "#8ab8f0",
    "bad": "#ff8a80",
}
LETTERS = ("system-ui", "sans-serif")  # that the reader's system has: a page asks nobody for any


def variables(colors: dict[str, str]) -> str:
    """Colours as CSS variables: "--ink: #202020; ..."."""
    return " ".join(f"--{name}: {value};" for name, value in colors.items())


STYLE = f"""
:root {{ color-scheme: light dark; {variables(LIGHT)} }}
@media (prefers-color-scheme: dark) {{
  :root {{ {variables(DARK)} }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; padding: 0.8rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 {", ".join(LETTERS)}; overflow-wrap: anywhere; }}
a {{ color: var(--accent); }}
h1 {{ font-size: 1.4rem; margin: 0.3rem 0; }}
h2 {{ font-size: 1.15rem; margin: 2rem 0 0.5rem; padding-bottom: 0.15rem; border-bottom: 1px solid var(--line); }}
.faint {{ margin: 0.3rem 0; }}
.scroll {{ overflow-x: auto; margin: 0.3rem 0 1rem; }}
table {{ border-collapse: collapse; font-size: 0.9rem; overflow-wrap: normal; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.25rem 0.7rem 0.25rem 0;
  border-bottom: 1px solid var(--line); }}
td {{ white-space: nowrap; }}
td.text {{ white-space: normal; overflow-wrap: anywhere; min-width: min(13rem, 42vw); }}
.cards {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }}
.card {{ border: 1px solid var(--line); border-radius: 6px; padding: 0.8rem; background: var(--raised); }}
.card h2 {{ margin: 0 0 0.3rem; padding: 0; border: 0; font-size: 1.05rem; }}
figure {{ margin: 0; min-width: 0; }}
figcaption, .faint {{ color: var(--faint); font-size: 0.85rem; }}
img {{ max-width: 100%; height: auto; display: block; }}
.samples img {{ width: 100%; image-rendering: pixelated; }}
.bad {{ color: var(--bad); }}
.key {{ display: inline-block; width: 0.7rem; height: 0.7rem; border-radius: 50%; margin-right: 0.35rem; }}
summary {{ cursor: pointer; padding: 0.3rem 0; }}
"""
