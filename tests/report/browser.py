"""A page in a real headless browser: what it logs, what it asks the network for, what its document becomes."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-default-apps --hide-scrollbars --enable-logging=stderr "
    "--virtual-time-budget=5000"
)  # fmt: skip
BROWSER_ITSELF = "not an origin"
"""The initiator of what a browser asks for on its own account; it gets no answer (no name is resolved)."""
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@dataclass(frozen=True)
class Visit:
    """The document after its scripts ran, console messages, and addresses asked for besides the page itself."""

    document: str
    console: list[str]
    requests: list[str]


def visit(page: Path, folder: Path, width: int = 1280, act: str = "") -> Visit:
    """Open ``page``. ``act`` is a script run at the end in a copy of the page that allows it (policy removed)."""
    assert CHROMIUM is not None
    if act:
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
        page = folder / "act.html"
        page.write_text(text.replace("</body>", f"<script>{act}</script></body>"), encoding="utf-8")
    log = folder / "net.json"
    profile = f"--user-data-dir={folder / 'profile'}"
    no_names = "--host-resolver-rules=MAP * ~NOTFOUND"
    command = [CHROMIUM, no_names, *FLAGS.split(), profile, f"--log-net-log={log}", f"--window-size={width},1800"]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    asked = re.findall(r'"initiator":"([^"]*)".*?"url":"([^"]*)"', log.read_text(encoding="utf-8"))
    urls = [url for initiator, url in asked if initiator != BROWSER_ITSELF and url != page.as_uri()]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(done.stdout, console, urls)


def result(seen: Visit) -> object:
    """What the acting script left in ``document.title`` as JSON."""
    title = re.search(r"<title>(.*?)</title>", seen.document, re.DOTALL)
    assert title is not None
    return json.loads(title[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


WIDE = "document.title = JSON.stringify([document.documentElement.scrollWidth, window.innerWidth, " \
       "document.querySelector('svg.plot').getBoundingClientRect().width])"  # fmt: skip
"""Script for `visit`: widths of the content, of the window, and of the first plot."""
