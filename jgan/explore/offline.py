"""Gradio, imported so that it asks nobody for anything. What needs it imports it from here."""

from __future__ import annotations

import os
import warnings

# Gradio looks at these when it is imported; each would send something somewhere.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_RUN_HISTORY"] = "False"  # it would keep what was done in the browser's storage

from jgan.types import UserError

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what Gradio imports
        import gradio as gr
        from gradio.themes import Base
except ImportError as error:
    raise UserError(f'the page needs Gradio ({error}); install it by pip install "jgan[web]"') from None

__all__ = ["Base", "gr"]
