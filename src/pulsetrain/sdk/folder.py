"""The spool folder of one run (PROTOCOL §7): which file is what."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec

CONTROL_SIZE = 4096
SUPERVISOR = "supervisor"
"""The producer that the supervisor itself writes as; all others belong to the training process."""


class Note(msgspec.Struct, kw_only=True):
    """`run.json`: all that is needed to go on with a run after its supervisor has died."""

    id: str
    token: str
    attempt: int = 1
    url: str
    name: str | None = None
    register: dict[str, Any] | None = None
    """Body of `POST /api/runs`, for a run that no server started."""
    registered: bool = False
    """Whether the server has taken it."""
    attached: str | None = None
    """`pid-starttime` of a training process that its supervisor did not start."""
    shipped: bool = False
    """Whether the server has everything, the end included."""


class Outcome(msgspec.Struct, frozen=True):
    """How a training process says that it ends."""

    state: str
    message: str | None = None
    return_code: int | None = None


def home() -> Path:
    """Where pulsetrain keeps a person's files: `$PULSETRAIN_HOME`, else `~/.pulsetrain`."""
    return Path(os.environ.get("PULSETRAIN_HOME") or Path.home() / ".pulsetrain")


class SpoolFolder:
    """Names of the files in a spool folder, and the small ones that are replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note_file = path / "run.json"
        self.ack = path / "ack.json"
        self.commands = path / "commands.spool"
        self.control = path / "control"
        self.artifacts = path / "artifacts"
        self.lock = path / "supervisor.lock"
        self.outcome_file = path / "outcome.json"

    def create(self) -> None:
        """Make the folder and an empty control page, where there is none. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, size in ((self.commands, 0), (self.control, CONTROL_SIZE)):
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Written, not truncated to length: a hole in a mapped page could meet a full disk.
                if os.fstat(descriptor).st_size < size:
                    os.write(descriptor, bytes(size))
            finally:
                os.close(descriptor)

    def producer(self, name: str) -> Path:
        return self.path / f"{name}.spool"

    def producers(self) -> list[str]:
        """Names of those who have written here, the supervisor last."""
        names = [file.name.removesuffix(".spool") for file in self.path.glob("*.spool") if file != self.commands]
        return sorted(names, key=lambda name: (name == SUPERVISOR, name))

    def note(self) -> Note:
        """Raises OSError, or msgspec.DecodeError if it is damaged."""
        return msgspec.json.decode(self.note_file.read_bytes(), type=Note)

    def write_note(self, note: Note) -> None:
        _replace(self.note_file, msgspec.json.encode(note))

    def outcome(self) -> Outcome | None:
        try:
            return msgspec.json.decode(self.outcome_file.read_bytes(), type=Outcome)
        except (OSError, msgspec.DecodeError):
            return None

    def add_outcome(self, outcome: Outcome) -> None:
        """Take how one of the run's processes ended; one that failed speaks for all. Raises OSError."""
        earlier = self.outcome()
        if earlier is None or earlier.state == "succeeded":
            self.write_outcome(outcome)

    def write_outcome(self, outcome: Outcome) -> None:
        _replace(self.outcome_file, msgspec.json.encode(outcome))

    def acknowledged(self) -> dict[str, int]:
        """Producer → last row that the server has said it has. Only a shortcut: the server knows for itself."""
        try:
            return msgspec.json.decode(self.ack.read_bytes(), type=dict[str, int])
        except (OSError, msgspec.DecodeError):
            return {}

    def write_acknowledged(self, rows: dict[str, int]) -> None:
        _replace(self.ack, msgspec.json.encode(rows))

    def claim(self, command: str) -> bool:
        """True for the first one that asks, in whichever process: it answers the command. Raises OSError."""
        try:
            os.close(os.open(self._answered(command), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def claimed(self, command: str) -> bool:
        """Whether somebody has answered the command."""
        return self._answered(command).exists()

    def _answered(self, command: str) -> Path:
        # The id comes over the network: it may name a file, and no other place.
        return self.path / f"answered-{''.join(letter for letter in command if letter.isalnum())}"


def _replace(file: Path, content: bytes) -> None:
    """Write `file` in one step: whoever reads it sees the old or the new whole."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
        temporary.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
