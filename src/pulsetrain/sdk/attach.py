"""A plain `python train.py`: make a spool, start a supervisor beside this process, and notice how this process ends."""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import msgspec

from pulsetrain.model.ids import new_run_id, new_token
from pulsetrain.model.lines import Lines

from .folder import Note, Outcome, SpoolFolder, home


class Begun(msgspec.Struct, frozen=True):
    id: str
    folder: SpoolFolder


def begin(
    url: str,
    *,
    project: str | None,
    name: str | None,
    parameters: dict[str, Any],
    tags: list[str],
    watchdogs: list[dict[str, Any]] | None = None,
) -> Begun:
    """Make the spool of a new run. Its supervisor enters it at the server. Raises OSError."""
    id, token = new_run_id(), new_token()
    folder = SpoolFolder(home() / "spool" / id)
    folder.create()
    command = [Path(sys.executable).name, *sys.argv] if sys.argv and sys.argv[0] else [Path(sys.executable).name]
    name = name or (Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else None)
    register: dict[str, Any] = {
        "command": [word.encode("utf-8", "replace").decode() for word in command],
        "name": name,
        "project": project,
        "parameters": parameters,
        "tags": tags,
        "id": id,
        "token": token,
    }
    if watchdogs is not None:
        register["watchdogs"] = watchdogs
    note = Note(id=id, token=token, url=url, name=name, register=register, attached=identity(os.getpid()))
    folder.write_note(note)
    return Begun(id, folder)


def identity(pid: int) -> str:
    """A name for a process that no later one with the same number has. Raises OSError if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        if Path("/proc/self").exists():
            raise
        os.kill(pid, 0)
        return f"{pid}-0"
    # The name in brackets may hold blanks; the start time is the 20th field after it.
    return f"{pid}-{stat.rpartition(b')')[2].split()[19].decode()}"


def start_supervisor(folder: SpoolFolder) -> None:
    """Start it so that it is no child of this process: it outlives it, and nobody waits for it. Raises OSError."""
    command = [sys.executable, "-m", "pulsetrain.supervisor.main", "--attach", str(os.getpid()), "--spool"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PULSETRAIN_")}
    for key in ("PULSETRAIN_TOKEN", "PULSETRAIN_URL", "PULSETRAIN_HOME"):
        if key in os.environ:
            environment[key] = os.environ[key]
    output = str(folder.path / "supervisor.log")
    # The shell ends at once, and what it leaves in the background belongs to nobody here.
    shell = ["/bin/sh", "-c", '"$@" &', "sh", *command, str(folder.path)]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(shell[0], shell, environment, file_actions=actions, setsid=True)
    os.waitpid(pid, 0)


def outcome_of(error: BaseException) -> Outcome:
    """How a run ended that `error` ended."""
    if isinstance(error, KeyboardInterrupt):
        return Outcome("stopped", "Interrupted from the keyboard.")
    if isinstance(error, SystemExit):
        return _exit(error.code)
    said = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    name = type(error).__qualname__
    # A message may have several lines, the first of which has the name; of a syntax error it is the last.
    message = next((line for line in said if line.partition(":")[0].endswith(name)), said[-1] if said else name)
    return Outcome("failed", message.encode("utf-8", "replace").decode()[:2000], 1)


def _exit(code: object) -> Outcome:
    if code is None or code == 0:
        return Outcome("succeeded", None, 0)
    if isinstance(code, int):
        return Outcome("failed", f"The process ended with exit code {code}.", code)
    return Outcome("failed", str(code).encode("utf-8", "replace").decode()[:2000], 1)


class Hooks:
    """Notices how this process ends and what it prints, without a thread. `remove()` takes everything back."""

    def __init__(self, ended: Callable[[Outcome], None], printed: Callable[[str, list[str]], None]) -> None:
        self._ended = ended
        self._printed = printed
        self._outcome: Outcome | None = None
        self._excepthook, sys.excepthook = sys.excepthook, self._on_exception
        self._exit, sys.exit = sys.exit, self._on_exit
        atexit.register(self._at_exit)
        self._streams = [
            watched
            for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr))
            if (watched := _Watched.of(name, stream, printed)) is not None
        ]

    def remove(self) -> None:
        for stream in self._streams:
            stream.release()
        if sys.excepthook == self._on_exception:
            sys.excepthook = self._excepthook
        if sys.exit == self._on_exit:
            sys.exit = self._exit
        atexit.unregister(self._at_exit)

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        self._outcome = outcome_of(error)
        self._excepthook(kind, error, trace)

    def _on_exit(self, code: Any = None) -> Any:
        # A code other than 0 can be seen nowhere else by those who did not start this process.
        self._outcome = _exit(code)
        return self._exit(code)

    def _at_exit(self) -> None:
        for stream in self._streams:
            stream.flush_rest()
        self._ended(self._outcome or Outcome("succeeded"))


class _Watched:
    """One of the process's own text streams, whose lines go into the log as well."""

    def __init__(self, name: str, stream: TextIO, printed: Callable[[str, list[str]], None]) -> None:
        self._name, self._stream, self._printed = name, stream, printed
        self._write = stream.write
        self._lines = Lines()
        self._inside = False
        stream.write = self.write  # type: ignore[method-assign]

    @classmethod
    def of(cls, name: str, stream: TextIO | None, printed: Callable[[str, list[str]], None]) -> _Watched | None:
        """None for a stream that is closed, missing, or of a kind that cannot be watched."""
        try:
            return None if stream is None else cls(name, stream, printed)
        except AttributeError:
            return None

    def write(self, piece: str, /) -> int:
        written = self._write(piece)
        # A warning about the log is printed too: it must not be logged by what it complains of.
        if not self._inside and isinstance(piece, str):
            self._inside = True
            try:
                lines = self._lines.feed(piece)
                if lines:
                    self._printed(self._name, lines)
            except Exception:  # noqa: BLE001  # never into training
                self._lines = Lines()
            finally:
                self._inside = False
        return written

    def flush_rest(self) -> None:
        self._printed(self._name, self._lines.rest())

    def release(self) -> None:
        if self._stream.__dict__.get("write") == self.write:
            del self._stream.write
