"""The publish folder: whole plans side by side, a link to the current one of each scenario, and what the night came to.

    plans/PLAN_ID/        run folders, each put in place by one rename and never changed
    current/SCENARIO      a link to the plan that counts; it is moved in one step
    failed/SCENARIO/      what the last attempt without a plan left: the conflict, or the checks that failed
    status.json           the last night in a few lines; replaced in one step
    .work/                of the run that is at work; empty otherwise

The store decides what is published. Everything here follows from it, and `recover` makes it so after a crash.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from optimizer.errors import naming
from optimizer.report.place import make_durable, write_file
from optimizer.report.write import foreign_content

PLANS, CURRENT, FAILED, WORK, STATUS = "plans", "current", "failed", ".work", "status.json"


CLEAR_S = 10
"""How long the work folder may resist its removal."""


class Shelf:
    """Only for who holds the lock of the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.work = self.folder / WORK

    def prepare(self) -> None:
        """An empty work folder, whatever an earlier run left there, and the folders that stay."""
        self.clear()
        for name in (PLANS, CURRENT, WORK):
            with naming("create", self.folder / name):
                (self.folder / name).mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove the work folder. Processes of a killed attempt may need a moment to die, and write until then."""
        until = time.monotonic() + CLEAR_S
        while self.work.exists():
            with naming("remove", self.work):
                try:
                    shutil.rmtree(self.work)
                except OSError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.05)

    def plan_folder(self, plan_id: str) -> Path:
        return self.folder / PLANS / plan_id

    def recover(self, current: Mapping[str, str], abandoned: Collection[str]) -> None:
        """Let the links say what the store says; remove plans that were never published, or were pruned."""
        for plan_id in abandoned:
            self.remove(plan_id)
        for scenario, plan_id in current.items():
            if self.plan_folder(plan_id).is_dir():
                self.point(scenario, plan_id)

    def remove(self, plan_id: str) -> None:
        """Remove the folder of a plan, if it is there and ours: out of the way first, in one step."""
        left, aside = self.plan_folder(plan_id), self.work / f"{plan_id}.removed"
        if left.is_dir() and self.is_ours(left):
            with naming("remove", left):
                os.rename(left, aside)
                shutil.rmtree(aside)

    def is_ours(self, folder: Path) -> bool:
        """Whether a folder among the plans is what we put there, and nothing else."""
        return not foreign_content(folder)

    def place(self, made: Path, plan_id: str) -> Path:
        """Put a finished folder among the plans; it is not published yet."""
        target = self.plan_folder(plan_id)
        with naming("put the plan in place at", target):
            os.rename(made, target)
        make_durable(target.parent)
        return target

    def point(self, scenario: str, plan_id: str) -> None:
        """Move the link of a scenario to a plan; a reader sees the old one or the new one."""
        link, aside = self.folder / CURRENT / scenario, self.work / f"{scenario}.link"
        wanted = f"../{PLANS}/{plan_id}"
        with naming("move the link", link):
            if link.is_symlink() and os.readlink(link) == wanted:
                return
            aside.unlink(missing_ok=True)
            aside.symlink_to(wanted)
            os.replace(aside, link)
        make_durable(link.parent)

    def keep_failed(self, made: Path, scenario: str) -> None:
        """Keep what an attempt without a plan left, in place of what the last one did."""
        target = self.folder / FAILED / scenario
        with naming("keep", target):
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                shutil.rmtree(target)
            os.rename(made, target)

    def forget_failed(self, scenario: str) -> None:
        """A newer plan is published: what failed before it is of no interest."""
        left = self.folder / FAILED / scenario
        if left.exists():
            with naming("remove", left):
                shutil.rmtree(left)

    def say(self, status: Mapping[str, Any]) -> None:
        """Replace the status in one step."""
        aside, target = self.work / STATUS, self.folder / STATUS
        aside.unlink(missing_ok=True)
        write_file(aside, [json.dumps(status, indent=1, ensure_ascii=False).encode() + b"\n"])
        with naming("write", target):
            os.replace(aside, target)
        make_durable(self.folder)
