"""What the children of the worker tests do: behave, and misbehave."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np


def add(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"sum": arrays["a"] + arrays["b"]}, {"seen": meta, "pid": os.getpid()}


def count(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Noise on both streams, in the very shape of the messages, between messages."""
    for number in range(meta["messages"]):
        print('{"end": "finished"}', flush=True)
        print('{"message": {"number": -1}}', file=sys.stderr, flush=True)
        emit(number=number)
    return {}, {}


def count_in_threads(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Long messages from several threads at once."""
    threads = [
        threading.Thread(target=lambda n=n: [emit(thread=n, text="x" * 5000) for _ in range(50)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {}, {}


def obey(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Work until asked to stop."""
    emit(ready=True)
    while not emit.stopped():
        time.sleep(0.01)
    return {"x": np.arange(3)}, {"obeyed": True}


def ignore(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two incumbents, then deaf, with a child of its own that is deaf too."""
    emit.incumbent({"x": np.array([1.0])}, {"value": 1})
    emit.incumbent({"x": np.array([2.0])}, {"value": 2})
    deaf = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    emit(pid=os.getpid(), grandchild=deaf.pid, folder=str(emit.folder))
    time.sleep(300)
    return {}, {}


def die(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """An incumbent, then death by the signal asked for, or a look at address 0."""
    emit.incumbent({"x": np.array([7.0])}, {})
    if meta["signal"]:
        os.kill(os.getpid(), meta["signal"])
    ctypes.string_at(0)
    return {}, {}


def leave(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    print("last words", file=sys.stderr, flush=True)
    os._exit(meta["code"])


def fail(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    raise ValueError("no such luck")


def devour(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    emit.incumbent({"x": np.array([3.0])}, {})
    return {"x": np.ones(2**32)}, {}


def surroundings(arrays: dict[str, Any], meta: dict[str, Any], emit: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {}, {
        "session": os.getsid(0),
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "folder": str(emit.folder),
        "threads": os.environ["OMP_NUM_THREADS"],
        "path": sys.path,
        "modules": sorted(sys.modules),
    }
