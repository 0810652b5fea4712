"""Supervisors as processes of this machine, in sessions of their own: they outlive the server."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from pulsetrain.ports import Launch

logger = logging.getLogger(__name__)

_PULSETRAIN = [sys.executable, "-m", "pulsetrain.cli.main"]


class LocalExecutor:
    """Starts `pulsetrain exec` for each run; `url` says where the server can be reached once it listens."""

    def __init__(self, folder: Path, url: Callable[[], str]) -> None:
        self._folder = folder
        self._url = url
        self._watchers: set[asyncio.Task[None]] = set()
        self._closing = False

    async def start(self, launch: Launch) -> None:
        """Start the supervisor of `launch`. Raises OSError if it cannot be started."""
        spool = launch.folder / "spool"
        await asyncio.to_thread(spool.mkdir, parents=True, exist_ok=True)
        environment = {
            **os.environ,
            **launch.environment,
            "PULSETRAIN_URL": self._url(),
            "PULSETRAIN_RUN": launch.run,
            "PULSETRAIN_RUN_TOKEN": launch.token,
            "PULSETRAIN_ATTEMPT": str(launch.attempt),
            "PULSETRAIN_SPOOL": str(spool),
            "PULSETRAIN_DIR": str(launch.folder),
            "PULSETRAIN_CORES": str(launch.cores),
        }
        environment.pop("PULSETRAIN_TOKEN", None)
        command = [*_PULSETRAIN, "exec", "--run", launch.run, "--spool", str(spool), "--", *launch.command]
        process = await asyncio.to_thread(_spawn, command, environment, launch.folder)
        _pid_file(launch.folder).write_text(str(process.pid))
        self._watch(launch.run, process, recover=True)

    async def recover(self, run: str) -> bool:
        """Ship what a dead supervisor left behind and say how its run ended; false if it is alive or was never here."""
        folder = self._folder / run
        spool = folder / "spool"
        if self._closing or _alive(folder, run) or not spool.is_dir():
            return False
        environment = {**os.environ, "PULSETRAIN_URL": self._url()}
        process = await asyncio.to_thread(_spawn, [*_PULSETRAIN, "sync", str(spool)], environment, folder)
        _pid_file(folder).write_text(str(process.pid))
        self._watch(run, process, recover=False)
        return True

    def pid(self, run: str) -> int | None:
        """The supervisor's process id, if it runs here."""
        folder = self._folder / run
        return _read_pid(folder) if _alive(folder, run) else None

    def is_gone(self, run: str) -> bool:
        """Whether the run had a supervisor here and has it no longer. One that lives would hold what it has noted."""
        folder = self._folder / run
        return (folder / "spool" / "run.json").is_file() and not _alive(folder, run)

    async def close(self) -> None:
        """Stop watching. The supervisors and their runs go on."""
        self._closing = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    def _watch(self, run: str, process: subprocess.Popen[bytes], *, recover: bool) -> None:
        task = asyncio.create_task(self._wait(run, process, recover), name=f"supervisor of {run}")
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _wait(self, run: str, process: subprocess.Popen[bytes], recover: bool) -> None:
        await _ended(process)
        code = process.wait()
        if recover and code < 0:
            logger.warning("The supervisor of run %s was killed by signal %d; shipping what it left.", run, -code)
            await self.recover(run)


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of `process` without a thread, since a thread would outlive a cancelled server."""
    if not hasattr(os, "pidfd_open"):
        while process.poll() is None:  # noqa: ASYNC110 (no event tells of it here)
            await asyncio.sleep(0.5)
        return
    ended = asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _spawn(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "supervisor.log").open("ab") as output:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _pid_file(folder: Path) -> Path:
    return folder / "supervisor.pid"


def _read_pid(folder: Path) -> int | None:
    try:
        return int(_pid_file(folder).read_text())
    except (OSError, ValueError):
        return None


def _alive(folder: Path, run: str) -> bool:
    """Whether the supervisor in the pid file lives; a pid that another program got since does not count."""
    pid = _read_pid(folder)
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and any(run in word for word in process.cmdline())
    except psutil.Error:
        return False
