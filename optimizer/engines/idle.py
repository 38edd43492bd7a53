"""Children that wait for their next task, in processes that run many batches one after another: imports are paid once.

Outside such a process (`keep_children`) a child that is no longer needed ends at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from optimizer.engines.worker import Child

HIGHS = "highs"
"""The kind of all children that use nothing but HiGHS: one engine per process, but many tasks."""

Key = tuple[str, int, int | None, int]
_waiting: dict[Key, list[Child]] = {}
_keeping = threading.Event()


def keep_children() -> None:
    """From now on children of this process wait for more tasks; they end with it."""
    _keeping.set()


def end_children() -> None:
    """End all that wait, and keep no more."""
    _keeping.clear()
    for children in _waiting.values():
        for child in children:
            child.close()
    _waiting.clear()


@contextmanager
def child_of(kind: str, *, threads: int = 1, memory_limit_mb: int | None = None) -> Iterator[Child]:
    """A child for tasks of one kind: one that waits, or a new one."""
    child = hire(kind, threads=threads, memory_limit_mb=memory_limit_mb)
    try:
        yield child
    finally:
        dismiss(kind, child)


def hire(kind: str, *, threads: int = 1, memory_limit_mb: int | None = None) -> Child:
    """A child that waits, if one of this kind does and lives, or a new one; the caller must `dismiss` it."""
    waiting = _waiting.get(_key(kind, threads, memory_limit_mb), [])
    while waiting:
        child = waiting.pop()
        if child.is_alive:
            return child
        child.close()
    return Child(threads=threads, memory_limit_mb=memory_limit_mb)


def dismiss(kind: str, child: Child) -> None:
    """Let it wait for its next task, where children are kept; else end it."""
    if _keeping.is_set() and child.is_alive:
        _waiting.setdefault(_key(kind, child.threads, child.memory_limit_mb), []).append(child)
    else:
        child.close()


def _key(kind: str, threads: int, memory_limit_mb: int | None) -> Key:
    """Children belong to the thread that made them: with it they end."""
    return kind, threads, memory_limit_mb, threading.get_ident()
