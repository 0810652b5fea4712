"""The routes of models and deployments, described."""

from __future__ import annotations

from typing import Any

from . import answers
from .models import DeployRequest, PredictRequest
from .operation import Operation, Parameter

_MODELS = "Models"
_PREDICTING = ("bad_request", "bad_parameters", "model_cannot_predict", "predictor_failed")

MODELS = (
    Operation(
        "GET",
        "/api/models",
        _MODELS,
        "The models, newest first",
        list[answers.Model],
        about="A list in the GAN dashboard's form; with `native=1` it is `{cursor, models: […]}` of the models as "
        "`GET /api/models/{id}` shows them.",
        parameters=(Parameter("native", "1: this server's own form.", {"type": "integer", "enum": [0, 1]}),),
        errors=("bad_request",),
    ),
    Operation(
        "GET", "/api/models/{id}", _MODELS, "One version of a model", answers.ModelPage, errors=("model_not_found",)
    ),
    Operation(
        "DELETE",
        "/api/models/{id}",
        _MODELS,
        "Delete a model that is not deployed",
        answers.Done,
        errors=("model_not_found", "model_deployed"),
    ),
    Operation(
        "GET",
        "/api/models/{id}/input",
        _MODELS,
        "What a row must look like",
        answers.ModelInput,
        errors=("model_not_found", "model_cannot_predict", "predictor_failed"),
    ),
    Operation(
        "POST",
        "/api/models/{id}/predict",
        _MODELS,
        "Ask a model",
        dict[str, Any],
        about="`row` answers `{prediction, …}`, `rows` answers `{predictions: […]}`. The model answers in a process of "
        "its own; one that is not deployed is loaded for this and a minute more.",
        body=PredictRequest,
        errors=("model_not_found", *_PREDICTING),
    ),
    Operation(
        "POST",
        "/api/models/{id}/deploy",
        _MODELS,
        "Serve a model under a name",
        answers.Deployed,
        about="Answers once it serves; what served under that name before goes on until then.",
        body=DeployRequest,
        errors=("model_not_found", "bad_request", "model_cannot_predict", "predictor_failed"),
    ),
    Operation("GET", "/api/deployments", _MODELS, "What is deployed", answers.DeploymentList),
    Operation(
        "POST",
        "/api/deployments/{name}/predict",
        _MODELS,
        "Ask what is deployed",
        dict[str, Any],
        body=PredictRequest,
        errors=("deployment_not_found", *_PREDICTING),
    ),
    Operation(
        "POST",
        "/api/deployments/{name}/rollback",
        _MODELS,
        "Serve the model before again",
        answers.Deployed,
        errors=("deployment_not_found", "nothing_to_roll_back", "model_not_found", "predictor_failed"),
    ),
    Operation(
        "DELETE",
        "/api/deployments/{name}",
        _MODELS,
        "Serve nothing under the name any more",
        answers.Deleted,
        errors=("deployment_not_found",),
    ),
)
