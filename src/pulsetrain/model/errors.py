"""What can go wrong and what to do about it. `http/errors.py` maps each code to a status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from .rows import RowProblem


class PulsetrainError(Exception):
    """Base of all errors that a user of pulsetrain may see.

    `message` says what is wrong, `hint` what to do; `code` is for programs and never changes.
    """

    code: ClassVar[str] = "error"
    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint


class BadRequest(PulsetrainError):
    """The request is not of the form that the route takes."""

    code = "bad_request"


class BadParameters(PulsetrainError):
    """A parameter is missing, unknown, of the wrong type or out of its bounds."""

    code = "bad_parameters"


class BadTable(PulsetrainError):
    """The file cannot be used as a table; the message names the row where it can, `problems` more of them."""

    code = "bad_table"

    def __init__(self, message: str, *, hint: str | None = None, problems: Sequence[RowProblem] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = list(problems)


class WrongFormat(PulsetrainError):
    """The data set is of a format that the trainer does not take."""

    code = "wrong_format"


class RunNotFound(PulsetrainError):
    """There is no such run."""

    code = "run_not_found"
    hint = "GET /api/runs lists the runs."


class RunNotActive(PulsetrainError):
    """The run has ended, so it takes no commands."""

    code = "run_not_active"


class RunActive(PulsetrainError):
    """The run has not ended, so it cannot be tried again or continued."""

    code = "run_active"
    hint = "Stop it first, or wait for its end."


class RunNotQueued(PulsetrainError):
    """The run does not wait, so it cannot be moved in the queue."""

    code = "run_not_queued"
    hint = "GET /api/queue lists those that wait."


class DoesNotFit(PulsetrainError):
    """The run asks for more than this machine has, so it could never start."""

    code = "does_not_fit"
    hint = "Ask for less in 'resources', or start the server with more: --slots, --cores, --memory, --gpus."


class RunExists(PulsetrainError):
    """A run with this id exists and belongs to somebody else."""

    code = "run_exists"


class Gap(PulsetrainError):
    """Records are missing between the last one that the log has and the first one sent."""

    code = "gap"

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(
            f"The log has the rows before {expected}, and the first one sent is {got}.",
            hint=f"Send again from row {expected}.",
        )
        self.expected = expected


class Fenced(PulsetrainError):
    """A newer attempt of this run is alive; this producer must stop sending."""

    code = "fenced"
    hint = "Stop sending: a newer attempt of this run has taken over."


class DatasetNotFound(PulsetrainError):
    """There is no such data set."""

    code = "dataset_not_found"
    hint = "GET /api/datasets lists the data sets; upload one with POST /api/datasets."


class DatasetInUse(PulsetrainError):
    """A run that has not ended needs the data set."""

    code = "dataset_in_use"


class DatasetChanged(PulsetrainError):
    """The data set is no longer what the request was made for."""

    code = "dataset_changed"
    hint = "Load it again, and make the change once more."


class UploadNotFound(PulsetrainError):
    """There is no such upload, or it was given up: unfinished ones are kept for a day."""

    code = "upload_not_found"
    hint = "Begin anew with POST /api/uploads."


class UploadOffset(PulsetrainError):
    """The bytes that were sent do not follow those that are there."""

    code = "upload_offset"

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, hint=f"HEAD tells where to go on; it was at {offset} just now.")
        self.offset = offset


class UploadCorrupt(PulsetrainError):
    """What arrived is not the file that was announced; it is thrown away."""

    code = "upload_corrupt"
    hint = "Send the file again from its start."


class TrainerNotFound(PulsetrainError):
    """There is no such trainer."""

    code = "trainer_not_found"
    hint = "GET /api/trainers lists the trainers."


class TrainerUnavailable(PulsetrainError):
    """The trainer is known and cannot run on this machine."""

    code = "trainer_unavailable"


class ArtifactNotFound(PulsetrainError):
    """The run has no such artifact."""

    code = "artifact_not_found"


class ModelNotFound(PulsetrainError):
    """There is no such model."""

    code = "model_not_found"
    hint = "GET /api/models?native=1 lists the models."


class ModelDeployed(PulsetrainError):
    """A deployment needs the model."""

    code = "model_deployed"


class ModelCannotPredict(PulsetrainError):
    """The trainer that made the model has not said how to ask it, or is not here any more."""

    code = "model_cannot_predict"


class PredictorFailed(PulsetrainError):
    """The model's process ended or failed while it answered."""

    code = "predictor_failed"


class DeploymentNotFound(PulsetrainError):
    """There is no such deployment."""

    code = "deployment_not_found"
    hint = "GET /api/deployments lists them."


class NothingToRollBack(PulsetrainError):
    """The deployment has served one model alone, or the one before is gone."""

    code = "nothing_to_roll_back"


class TooLarge(PulsetrainError):
    """The body is larger than the limit."""

    code = "too_large"


class Unauthorized(PulsetrainError):
    """No token, or not a valid one."""

    code = "unauthorized"


class Forbidden(PulsetrainError):
    """The request comes from a place that may not do this."""

    code = "forbidden"


class TooManyAttempts(PulsetrainError):
    """Too many wrong tokens came from this address."""

    code = "too_many_attempts"

    def __init__(self, retry_seconds: int) -> None:
        super().__init__("Too many wrong tokens.", hint=f"Try again in {retry_seconds} seconds.")
        self.retry_seconds = retry_seconds


class LogUnavailable(PulsetrainError):
    """The log cannot be written, so nothing can be accepted; a full disk, most often."""

    code = "log_unavailable"
    hint = "Free space on the disk of the data folder, then try again; no acknowledged event is lost."


class NotAcceptable(PulsetrainError):
    """The route does not serve the media type that was asked for."""

    code = "not_acceptable"


class Busy(PulsetrainError):
    """As many readers are connected as this server takes."""

    code = "busy"
    hint = "Try again in some seconds."


class Closing(PulsetrainError):
    """The server is shutting down."""

    code = "closing"
    hint = "Try again in some seconds."


class DataFolderInUse(PulsetrainError):
    """Another server owns this data folder."""

    code = "data_folder_in_use"


class DataFolderUnusable(PulsetrainError):
    """The data folder cannot be written."""

    code = "data_folder_unusable"


class PortInUse(PulsetrainError):
    """Something else listens on this port."""

    code = "port_in_use"


class TokenRequired(PulsetrainError):
    """The server would be reachable from other machines, and no token guards it."""

    code = "token_required"
