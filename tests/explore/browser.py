"""The page of a run in Debian's Chromium."""

import contextlib
import re
import signal
from pathlib import Path

import pytest
from runs import start

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]


@contextlib.contextmanager
def served(*flags):
    """The address of a page that `jgan explore` serves, which Ctrl-C then ends cleanly."""
    process = start("jgan.explore", *flags, "--port", 0, PYTHONWARNINGS="default")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not (found := re.match(r"(http://\S+)  \(Ctrl-C ends it\)", line)):
            process.kill()
            pytest.fail(f"no address: {line!r} {process.communicate()[1]}")
        yield found[1]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "the page is closed\n"), err
        assert "Traceback" not in err
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def opened(address, width=1000, **options):
    """A page of Chromium at an address; what it asks for is all of this machine."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}, Debian's package chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install jgan[browser]")
    asked = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        yield page
        browser.close()
    own = ("data:", "blob:", address.partition("?")[0])
    assert not [url for url in asked if not url.startswith(own)]
