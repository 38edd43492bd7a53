"""One attempt to deliver one event: a POST or a command. No secret, address or answer gets into what is said of it."""

from __future__ import annotations

import base64
import binascii
import email.utils
import hashlib
import hmac
import http.client
import os
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optimizer import __version__
from optimizer.errors import UsageError
from optimizer.nightly.hooks.outbox import DELIVERED, FAILED, REFUSED
from optimizer.nightly.hooks.settings import Hook
from optimizer.nightly.store import Row

NOT_THIS_EVENT = frozenset({400, 409, 410, 413, 415, 422})
"""Answers that mean the event and not the receiver: asking again would bring the same answer."""
NOT_TONIGHT = frozenset({401, 403, 404, 405})
"""Answers that a person must do something about: not tried again in this night."""
LONGEST_WAIT_S = 60.0
"""A receiver that wants to be left alone for longer gets the event from the next start."""
ENCODED_SECRET = "whsec_"
"""What base64 secrets of Standard Webhooks begin with."""


class Attempt:
    """What an attempt came to; ``again``: whether another one in the same night is worth it, after ``wait_s`` seconds
    or more if the receiver asked for that.
    """

    def __init__(self, outcome: str, reason: str = "", *, again: bool = False, wait_s: float = 0.0) -> None:
        self.outcome, self.reason, self.again, self.wait_s = outcome, reason, again, wait_s


def send(hook: Hook, event: Row, folder: Path) -> Attempt:
    """Try once, within ``timeout_s`` as a whole. Commands run in ``folder``."""
    if hook.command is not None:
        return _command(hook, hook.command, event, folder)
    try:
        address, key = hook.address(), hook.key()
    except UsageError as error:
        return Attempt(FAILED, str(error))
    headers, body, seconds = _headers(event, key), event["body"].encode(), float(hook.timeout_s)
    return _within(seconds, lambda: _post(address, headers, body, seconds))


def signature(key: str, event_id: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over id, time and body, as Standard Webhooks 1 writes it."""
    try:
        known = (
            base64.b64decode(key.removeprefix(ENCODED_SECRET), validate=True) if key.startswith(ENCODED_SECRET) else b""
        )
    except binascii.Error:
        known = b""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(known or key.encode(), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _headers(event: Row, key: str) -> dict[str, str]:
    """The same id at every attempt; the time is that of the attempt."""
    event_id, now = event["event_id"], int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"allot/{__version__}",
        "Idempotency-Key": event_id,
        "Webhook-Id": event_id,
        "Webhook-Timestamp": str(now),
    }
    return headers | ({"Webhook-Signature": signature(key, event_id, now, event["body"].encode())} if key else {})


def _within(seconds: float, post: Callable[[], Attempt]) -> Attempt:
    """A POST that is given up after so many seconds, however slowly the receiver answers."""
    found: list[Attempt] = []
    worker = threading.Thread(target=lambda: found.append(post()), daemon=True)
    worker.start()
    worker.join(seconds)
    return found[0] if found else Attempt(FAILED, f"no answer within {seconds:g} s", again=True)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the POST into a GET, or send the event to somebody else."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _post(address: str, headers: dict[str, str], body: bytes, seconds: float) -> Attempt:
    try:
        request = urllib.request.Request(address, body, headers, method="POST")
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds):
            return Attempt(DELIVERED)
    except urllib.error.HTTPError as error:
        error.close()
        outcome = REFUSED if error.code in NOT_THIS_EVENT else FAILED
        wait_s = retry_after(error.headers.get("Retry-After"), time.time())
        again = error.code not in NOT_TONIGHT and wait_s <= LONGEST_WAIT_S
        return Attempt(outcome, f"it answered {error.code}", again=again, wait_s=wait_s)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Attempt(FAILED, f"it could not be reached: {_unreached(error)}", again=True)


def retry_after(value: str | None, now: float) -> float:
    """Seconds that a header ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date) asks to wait; 0 if it says none."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - now, 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _unreached(error: Exception) -> str:
    """Why there was no answer. What TLS says of a certificate names the host, which may be secret."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    told = isinstance(reason, OSError) and not isinstance(reason, ssl.SSLError) and reason.strerror
    return str(told or type(reason).__name__)


def _command(hook: Hook, command: tuple[str, ...], event: Row, folder: Path) -> Attempt:
    """A program of its own process group, without a shell; what it says is its own affair.

    It reads the event from a file without a name: of a pipe it might get a part, or nothing, if we are killed.
    """
    environment = {**os.environ, "ALLOT_EVENT_ID": event["event_id"], "ALLOT_EVENT_KIND": event["kind"]}
    try:
        with tempfile.TemporaryFile() as body:
            body.write(event["body"].encode())
            body.seek(0)
            child = subprocess.Popen(command, stdin=body, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                     cwd=folder, env=environment, start_new_session=True)  # fmt: skip
    except (OSError, ValueError) as error:
        return Attempt(FAILED, f"it could not be started: {getattr(error, 'strerror', None) or type(error).__name__}")
    try:
        child.wait(timeout=float(hook.timeout_s))
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return Attempt(FAILED, f"it did not end within {hook.timeout_s:f} s", again=True)
    if child.returncode:
        return Attempt(FAILED, f"it ended with {child.returncode}", again=True)
    return Attempt(DELIVERED)
