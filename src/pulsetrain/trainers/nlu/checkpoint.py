"""What a training leaves so that it can go on as if it had not been interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pulsetrain.model.errors import BadParameters

from .arrays import Arrays, read_arrays, write_arrays
from .course import Course, Place

if TYPE_CHECKING:
    from pulsetrain.sdk.run import Run

    from .trainer import Settings

FORMAT = "a checkpoint of nlu-train, version 1"
FILE = "checkpoint.npz"
_FIXED = ("batch_size", "validation_split", "optimizer", "least", "seed")
"""Parameters that say what is learnt from and how: going on with others would be another training."""


@dataclass(frozen=True)
class Checkpoint:
    """Courses at a safe point, and what they learn from."""

    digest: str
    """SHA-256 of the file of examples."""
    settings: dict[str, Any]
    places: dict[str, Place]
    arrays: Arrays

    @staticmethod
    def of(courses: dict[str, Course], settings: Settings, digest: str) -> Checkpoint:
        arrays = {
            f"{name}/{key}": array
            for name, course in courses.items()
            if course.place.epoch or course.place.batch
            for key, array in course.lessons.state().items()
        }
        fixed = {name: getattr(settings, name) for name in _FIXED}
        return Checkpoint(digest, fixed, {name: course.place for name, course in courses.items()}, arrays)

    @staticmethod
    def find(run: Run) -> Checkpoint | None:
        """The checkpoint that `run` shall go on from: its own of an earlier attempt, else that of another run."""
        own = run.dir / FILE
        path = own if own.is_file() else run.checkpoint
        return None if path is None else Checkpoint.load(path)

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        places = msgspec.to_builtins(self.places)
        header = {"format": FORMAT, "digest": self.digest, "settings": self.settings, "places": places}
        write_arrays(path, header, self.arrays)

    @staticmethod
    def load(path: Path) -> Checkpoint:
        """The checkpoint in a file. Raises BadParameters where it is none, or OSError if it cannot be read."""
        header, arrays = read_arrays(path, FORMAT)
        places = msgspec.convert(header["places"], dict[str, Place])
        return Checkpoint(header["digest"], header["settings"], places, arrays)

    def check(self, digest: str, settings: Settings) -> None:
        """Raise BadParameters unless it was made from the file with this digest, and alike."""
        if self.digest != digest:
            raise BadParameters(
                "The checkpoint was made from other data than this run's.",
                hint="Resume with the same data set, or start anew.",
            )
        for name, value in self.settings.items():
            if value != getattr(settings, name):
                raise BadParameters(
                    f"The checkpoint was made with {name}={value}, and this run has {name}={getattr(settings, name)}.",
                    hint="Resume with the same value, or start anew.",
                )

    def restore(self, name: str, course: Course) -> None:
        """Bring a course to where it was."""
        place = self.places[name]
        if place.epoch or place.batch:
            start = f"{name}/"
            state = {key.removeprefix(start): array for key, array in self.arrays.items() if key.startswith(start)}
            course.lessons.load(state)
        course.place = place
