"""One run from its start to its end: the loop that everything else hangs on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from pulsetrain.sdk.control import Command, CommandWriter
from pulsetrain.sdk.folder import SUPERVISOR, Note, SpoolFolder, home
from pulsetrain.sdk.spool import SpoolWriter

from . import ending, sample
from .capture import Capture, Levels, Stream
from .control import Listener
from .launch import CannotStart, environment, launch
from .orders import Orders
from .sample import Sampler
from .ship import Shipper
from .target import Attached, Started, Target
from .tree import adopt_orphans

_TICK = 0.5
_REST_SECONDS = 10.0
"""Between looks at a run that is paused."""
_TIDY_SECONDS = 2.0
_DRAIN_SECONDS = 2.0
FENCED = 75
"""Exit code of a supervisor whose run another attempt has taken over."""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """All that one supervisor is told."""

    folder: SpoolFolder
    note: Note
    command: list[str]
    """Empty for a process that runs already."""
    process: int | None = None
    """Its process id."""
    cores: int = 1
    linger: float = 3600.0
    """Seconds to wait for the server after the run's end."""
    echo: bool = False
    """Whether the run's output is passed on to this process's own."""


class SpoolInUse(Exception):
    """Another supervisor lives and holds the spool."""


def lock(folder: SpoolFolder) -> int:
    """Hold the spool as long as the descriptor is open. Raises SpoolInUse or OSError."""
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SpoolInUse(f"Another supervisor is at work in {folder.path}.") from None
    return descriptor


class Supervisor:
    """Runs in the main thread of its process. `say` takes what a person at the terminal should know."""

    def __init__(
        self, given: Assignment, say: Callable[[str], None], on_registered: Callable[[], None] = lambda: None
    ) -> None:
        self._given = given
        self._say = say
        self._folder = given.folder
        self._writer = SpoolWriter(self._folder.producer(SUPERVISOR))
        self._commands = CommandWriter(self._folder)
        self._inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._shipper = Shipper(
            self._folder,
            given.note,
            say=say,
            set_link=self._commands.set_link,
            fix=Levels().fill if given.process is not None else lambda _: None,
            on_registered=on_registered,
        )
        self._listener = Listener(given.note.url, given.note.id, given.note.token, self._deliver)
        self._capture = Capture(self._writer, self._sdk, self._complain)
        self._selector = selectors.DefaultSelector()
        self._streams: dict[int, Stream] = {}
        self._orders = Orders(
            self._folder,
            self._commands,
            record=self._record,
            has_sdk=lambda: self._sdk()[0],
            drain=self._drain,
            complain=self._complain,
        )
        self._at_rest = False
        self._signals: list[int] = []
        self._complained = False
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def run(self) -> int:
        """Supervise to the end, and ship. The exit code is the run's."""
        self._catch_signals()
        adopt_orphans()
        try:
            target = self._begin()
        except CannotStart as problem:
            self._start_threads()
            data = {"state": "failed", "message": str(problem), "return_code": problem.code, "ended_by": "itself"}
            self._say(str(problem))
            self._status({**data, "signal": None, "processes_left": 0})
            return self._ship(problem.code)
        self._status({"state": "running", "message": None})
        self._start_threads()
        try:
            self._watch(target)
        finally:
            self._orders.release(target)
        if self._shipper.fenced.is_set():
            target.tree.kill()
            return FENCED
        return self._ship(self._end(target))

    # ---- beginning ----

    def _begin(self) -> Target:
        given = self._given
        if given.process is not None:
            return Attached(given.process, given.note.attached, self._folder)
        additions = {
            "PULSETRAIN_URL": given.note.url,
            "PULSETRAIN_RUN": given.note.id,
            "PULSETRAIN_RUN_TOKEN": given.note.token,
            "PULSETRAIN_ATTEMPT": str(given.note.attempt),
            "PULSETRAIN_SPOOL": str(self._folder.path),
        }
        additions.setdefault("PULSETRAIN_DIR", os.environ.get("PULSETRAIN_DIR") or str(self._folder.path))
        child = launch(given.command, environment(os.environ, additions, given.cores))
        self._add_stream(child, "stdout", 1)
        self._add_stream(child, "stderr", 2)
        return Started(child)

    def _add_stream(self, child: subprocess.Popen[bytes], name: str, echo: int) -> None:
        pipe = getattr(child, name)
        os.set_blocking(pipe.fileno(), False)
        stream = Stream(pipe.fileno(), name, echo if self._given.echo else None)
        self._streams[stream.descriptor] = stream
        self._selector.register(stream.descriptor, selectors.EVENT_READ)

    def _start_threads(self) -> None:
        self._shipper.start()
        self._listener.start()

    def _catch_signals(self) -> None:
        def caught(number: int, _: Any) -> None:
            self._signals.append(number)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # `nohup` and shells that start things in the background mean it when they have a signal ignored.
            if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, caught)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    # ---- the loop ----

    def _watch(self, target: Target) -> None:
        """Until the process has ended, or a newer attempt has taken the run over."""
        sampler = Sampler(target.tree)
        sampler.sample()
        next_sample = time.monotonic() + sample.SECONDS / 2
        if target.descriptor is not None:
            self._selector.register(target.descriptor, selectors.EVENT_READ)
        while not target.ended() and not self._shipper.fenced.is_set():
            now = time.monotonic()
            due = min(now + min(_TICK, target.poll_seconds), next_sample, *self._orders.due(now))
            self._serve(max(0.0, due - now))
            self._obey(target)
            self._orders.tick(target)
            now = time.monotonic()
            if not self._orders.halted:
                self._at_rest = False
                next_sample = min(next_sample, now + sample.SECONDS)
            if now >= next_sample:
                self._sample(sampler, target)
                next_sample = now + (_REST_SECONDS if self._at_rest else sample.SECONDS)
        if target.descriptor is not None:
            self._selector.unregister(target.descriptor)

    def _sample(self, sampler: Sampler, target: Target) -> None:
        if self._orders.halted:
            target.tree.halt()  # somebody else may have let one go on
        data = sampler.sample()
        if data is not None and not self._at_rest:
            self._record("run.system", data)
            # Once it was said that a paused run uses nothing, there is nothing new to say.
            self._at_rest = self._orders.halted and data["cpu_percent"] == 0

    def _serve(self, seconds: float) -> None:
        """Wait for output, commands, signals or the end, and take what came."""
        ready = {key.fd for key, _ in self._selector.select(seconds)}
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        if ready & self._streams.keys():
            self._read()
        self._capture.tick(list(self._streams.values()))

    def _drain(self) -> None:
        """Take all the output that is there, of processes that write no more."""
        while any(key.fd in self._streams for key, _ in self._selector.select(0)):
            self._serve(0)

    def _read(self) -> None:
        """Read stderr before stdout: a line that a bar was drawn behind is then here when the bar is."""
        pieces: list[tuple[Stream, str]] = []
        ended: list[Stream] = []
        for stream in sorted(self._streams.values(), key=lambda stream: stream.name):
            text = stream.read()
            if text is None:
                ended.append(stream)
            elif text:
                pieces.append((stream, text))
        self._capture.hear(pieces)
        for stream in ended:
            self._selector.unregister(stream.descriptor)
            del self._streams[stream.descriptor]
            self._capture.finish(stream)

    def _deliver(self, command: Command) -> None:
        """Called by the listener's thread."""
        self._inbox.put(command)
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"\0")

    def _obey(self, target: Target) -> None:
        while self._signals:
            self._orders.stop_for(signal.Signals(self._signals.pop(0)).name, target)
        with contextlib.suppress(queue.Empty):
            while True:
                self._orders.take(self._inbox.get_nowait(), target)

    # ---- ending ----

    def _end(self, target: Target) -> int:
        """Leave nothing behind, and say how the run ended."""
        self._listener.close()
        left = self._tidy(target)
        deadline = time.monotonic() + _DRAIN_SECONDS
        while self._streams and time.monotonic() < deadline:
            self._serve(0.1)
        self._capture.end(list(self._streams.values()))
        how = target.exit()
        asked = self._orders.asked()
        self._orders.close()
        data = ending.status(how, asked, self._folder.outcome(), self._capture.words.text)
        self._status({**data, "processes_left": left})
        return how.shell_code

    def _tidy(self, target: Target) -> int | None:
        """End what the run left running; the answer is how many would not end. None where nobody asked for an end."""
        sent = self._orders.sent
        if not target.owned and sent not in ("SIGTERM", "SIGKILL"):
            # A process of its own that says it is done may have other things to do, or be about to end.
            return None if sent is None else len(self._until_empty(target))
        living = target.tree.members()
        if living and sent != "SIGKILL":
            count = "a process" if len(living) == 1 else f"{len(living)} processes"
            self._capture.note(f"The run has left {count} behind; ending them.", "warning")
            target.tree.signal(signal.SIGTERM)
            self._until_empty(target)
        return target.tree.kill()

    def _until_empty(self, target: Target) -> list[psutil.Process]:
        """Wait a little for the processes to end; the answer is those that have not."""
        deadline = time.monotonic() + _TIDY_SECONDS
        while (living := target.tree.members()) and time.monotonic() < deadline:
            self._serve(0.05)
        return living

    def _ship(self, code: int) -> int:
        """Wait until everything is shipped, or until it is clear that it cannot be now."""
        self._writer.close()
        self._shipper.finish(self._given.linger)
        self._signals.clear()
        while not self._shipper.done.wait(0.05):
            if self._signals:
                break  # asked to end while waiting for a server: the spool is safe
        if self._shipper.shipped:
            forget(self._folder, self._given.note)
        elif not self._shipper.fenced.is_set():
            self._say(f"Not everything could be shipped. `pulsetrain sync {self._folder.path}` does it later.")
        return code

    # ---- small things ----

    def _sdk(self) -> tuple[bool, bool, bool]:
        present, metrics, progress = self._shipper.sdk_state()
        # The shipper looks every few milliseconds; what is printed right after init() may be faster.
        return present or any(name != SUPERVISOR for name in self._folder.producers()), metrics, progress

    def _status(self, data: dict[str, Any]) -> None:
        self._record("run.status", data)

    def _record(self, type: str, data: dict[str, Any]) -> None:
        try:
            self._writer.record(type, data)
            self._shipper.rest(self._orders.halted)
        except OSError as problem:
            self._complain(f"The spool cannot be written: {problem.strerror or problem}.")

    def _complain(self, text: str) -> None:
        if not self._complained:
            self._complained = True
            self._say(text)


def forget(folder: SpoolFolder, note: Note) -> None:
    """The server has everything: give the disk back. What the run itself put into the folder stays."""
    note.shipped = True
    with contextlib.suppress(OSError):
        folder.write_note(note)
        for file in (*folder.path.glob("*.spool"), *folder.path.glob("answered-*"), folder.ack, folder.control):
            file.unlink(missing_ok=True)
        shutil.rmtree(folder.artifacts, ignore_errors=True)
        if folder.path.parent == home() / "spool":
            for file in (folder.outcome_file, folder.path / "supervisor.log", folder.lock, folder.note_file):
                file.unlink(missing_ok=True)
            folder.path.rmdir()


def begin_attempt(folder: SpoolFolder, note: Note) -> None:
    """Make the spool ready for `note`, and put what an earlier attempt left out of the way. Raises OSError.

    What the folder says already about how this run is entered at the server goes into `note`.
    """
    with contextlib.suppress(OSError, msgspec.DecodeError):
        old = folder.note()
        if old.attempt != note.attempt or old.id != note.id:
            _archive(folder, folder.path / f"attempt-{old.attempt}")
        note.name, note.register, note.registered = old.name, old.register, old.registered
    folder.create()
    folder.write_note(note)


def _archive(folder: SpoolFolder, place: Path) -> None:
    place.mkdir(exist_ok=True)
    own = (folder.ack, folder.control, folder.outcome_file, folder.artifacts, folder.note_file)
    for file in (*folder.path.glob("*.spool"), *folder.path.glob("answered-*"), *own):
        if file.exists():
            file.replace(place / file.name)
