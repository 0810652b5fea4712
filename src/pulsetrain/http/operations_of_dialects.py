"""The routes that older clients rely on (CONTRACTS A, B and C), described."""

from __future__ import annotations

from typing import Any

from . import answers
from .mlops_dashboard import TrainRequest
from .operation import EVENT_STREAM, FORM, Operation, Parameter
from .training_jobs import ChangedDataset, NewDataset, NewExamples, NewJob

_LAST = Parameter("limit", "At most so many.", {"type": "integer", "minimum": 1})

_DIALECT = "GAN dashboard (older clients)"
_IN_CHANNEL = "Unnamed server-sent events; each has an id, so a client that reconnects misses nothing."

GAN_DASHBOARD = (
    Operation("GET", "/events/training", _DIALECT, "Status, losses and scores", media=EVENT_STREAM, about=_IN_CHANNEL),
    Operation("GET", "/events/progress", _DIALECT, "Progress, as flat objects", media=EVENT_STREAM, about=_IN_CHANNEL),
    Operation("GET", "/events/logs", _DIALECT, "Lines of output", media=EVENT_STREAM, about=_IN_CHANNEL),
    Operation(
        "POST",
        "/api/start_training",
        _DIALECT,
        "Start training a GAN",
        answers.TrainingStarted,
        body=answers.StartTraining,
        about="Answers 409 while one runs. Errors are `{success: false, error}`.",
    ),
    Operation(
        "POST",
        "/api/stop_training",
        _DIALECT,
        "Stop the training",
        answers.Success,
        about="Answers 409 where nothing runs. Errors are `{success: false, message}`.",
    ),
    Operation(
        "GET",
        "/api/preview_csv",
        _DIALECT,
        "What is in a data set",
        answers.CsvPreview,
        parameters=(Parameter("filename", "Name of the data set.", required=True),),
    ),
    Operation(
        "POST",
        "/api/upload_csv",
        _DIALECT,
        "Upload a CSV file",
        answers.CsvUploaded,
        body=answers.Upload,
        body_media=(FORM,),
    ),
    Operation("POST", "/api/generate_sample", _DIALECT, "Make a sample order book", answers.SampleMade),
    Operation(
        "POST",
        "/training_data",
        _DIALECT,
        "Hand in a training event",
        answers.Broadcast,
        body=dict[str, Any],
        errors=("bad_request", "unauthorized"),
        secret="run token",
    ),
    Operation(
        "POST",
        "/progress_data",
        _DIALECT,
        "Hand in a progress event",
        answers.Broadcast,
        body=dict[str, Any],
        errors=("bad_request", "unauthorized"),
        secret="run token",
    ),
)


_MLOPS = "MLOps dashboard (older clients)"

MLOPS_DASHBOARD = (
    Operation(
        "POST",
        "/api/upload",
        _MLOPS,
        "Upload a CSV file",
        dict[str, Any],
        about="Answers `{message, filename, rows, columns, file_path}`.",
        body=answers.Upload,
        body_media=(FORM,),
        errors=("bad_request", "too_large"),
    ),
    Operation(
        "POST",
        "/api/train",
        _MLOPS,
        "Train on an uploaded file",
        dict[str, Any],
        about="Answers `{job_id, message}`.",
        body=TrainRequest,
        errors=("bad_request", "bad_parameters", "dataset_not_found", "trainer_unavailable"),
    ),
    Operation(
        "GET",
        "/api/training/{job_id}",
        _MLOPS,
        "How a training is",
        dict[str, Any],
        about="The polling fallback of the WebSocket at `/ws`.",
        errors=("run_not_found",),
    ),
    Operation(
        "GET", "/api/activity", _MLOPS, "What happened lately, newest first", list[dict[str, Any]], parameters=(_LAST,)
    ),
    Operation("GET", "/api/status", _MLOPS, "Counts, and how well the machine is", dict[str, Any]),
)

_JOBS = "Training jobs (older clients)"
_A_JOB = "A job is a run: `{id, kind, datasetId, agentId, status, progress, createdAt, updatedAt, …}`, in milliseconds."
_JOB = dict[str, Any]
_COMMANDED = ("run_not_found", "run_not_active", "bad_parameters")

TRAINING_JOBS = (
    Operation("GET", "/training/jobs", _JOBS, "The jobs, newest first", list[_JOB], about=_A_JOB, parameters=(_LAST,)),
    Operation(
        "POST",
        "/training/jobs",
        _JOBS,
        "Create a job",
        _JOB,
        201,
        about="It starts by itself as soon as the machine has room. Of the common settings in `config`, those that the "
        "trainer does not have are left out.",
        body=NewJob,
        errors=("bad_request", "bad_parameters", "trainer_not_found", "trainer_unavailable", "dataset_not_found"),
    ),
    Operation("GET", "/training/jobs/{id}", _JOBS, "One job", _JOB, errors=("run_not_found",)),
    Operation("POST", "/training/jobs/{id}/start", _JOBS, "Start a job", _JOB, errors=_COMMANDED),
    Operation("POST", "/training/jobs/{id}/pause", _JOBS, "Pause a job", _JOB, errors=_COMMANDED),
    Operation("POST", "/training/jobs/{id}/resume", _JOBS, "Resume a job", _JOB, errors=_COMMANDED),
    Operation("POST", "/training/jobs/{id}/stop", _JOBS, "Stop a job", _JOB, errors=_COMMANDED),
    Operation(
        "POST",
        "/training/jobs/{id}/retry",
        _JOBS,
        "Try a job again",
        _JOB,
        201,
        about="Answers the new job.",
        errors=("run_not_found", "run_active", "bad_request"),
    ),
    Operation("GET", "/training/datasets", _JOBS, "The data sets", list[_JOB]),
    Operation(
        "POST",
        "/training/datasets",
        _JOBS,
        "Make a data set of examples",
        _JOB,
        201,
        body=NewDataset,
        errors=("bad_request", "bad_table"),
    ),
    Operation(
        "POST",
        "/training/datasets/upload",
        _JOBS,
        "Upload a data set",
        _JOB,
        201,
        body=answers.Upload,
        body_media=(FORM,),
        errors=("bad_request", "bad_table", "too_large"),
    ),
    Operation("GET", "/training/datasets/{id}", _JOBS, "One data set", _JOB, errors=("dataset_not_found",)),
    Operation(
        "PUT",
        "/training/datasets/{id}",
        _JOBS,
        "Rename a data set",
        _JOB,
        body=ChangedDataset,
        errors=("bad_request", "dataset_not_found"),
    ),
    Operation(
        "DELETE",
        "/training/datasets/{id}",
        _JOBS,
        "Delete a data set",
        _JOB,
        errors=("dataset_not_found", "dataset_in_use"),
    ),
    Operation(
        "GET",
        "/training/datasets/{id}/examples",
        _JOBS,
        "The examples of a data set",
        list[_JOB],
        errors=("bad_request", "dataset_not_found"),
    ),
    Operation(
        "POST",
        "/training/datasets/{id}/examples/bulk",
        _JOBS,
        "Add examples, all or none",
        _JOB,
        201,
        body=NewExamples,
        errors=("bad_request", "bad_table", "dataset_not_found"),
    ),
)
