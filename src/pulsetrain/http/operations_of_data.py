"""The routes of data sets, their examples and uploads, described."""

from __future__ import annotations

from pulsetrain.model.examples import Example

from . import answers
from .examples import ExamplesRequest
from .operation import BYTES, CSV, FORM, Operation, Parameter
from .uploads import UploadRequest

_VERSION = Parameter("version", "An older version; the newest without it.", {"type": "integer", "minimum": 1})
_OFFSET = Parameter("offset", "So many are skipped.", {"type": "integer", "minimum": 0})
_EXAMPLES = Parameter("limit", "At most so many.", {"type": "integer", "minimum": 1, "maximum": 1000})
_IF_MATCH = Parameter("If-Match", "The digest that the change is made for; another is refused.", where="header")

DATA = (
    Operation("GET", "/api/datasets", "Data", "The data sets", answers.DatasetList),
    Operation(
        "POST",
        "/api/datasets",
        "Data",
        "Upload a CSV, JSON Lines or Parquet file",
        answers.DatasetPage,
        201,
        body=answers.Upload,
        body_media=(FORM,),
        parameters=(Parameter("replace", "The data set whose next version the file is."),),
        errors=("bad_request", "bad_table", "wrong_format", "dataset_not_found", "too_large"),
    ),
    Operation(
        "POST",
        "/api/datasets/path",
        "Data",
        "Make a file of the server's machine a data set",
        answers.DatasetPage,
        201,
        about="The file stays where it is, below a folder that the server was started with (`--data-path`).",
        body=answers.PathRequest,
        errors=("bad_request", "bad_table", "forbidden"),
    ),
    Operation(
        "POST",
        "/api/datasets/order-book",
        "Data",
        "Make a sample order book",
        answers.DatasetPage,
        201,
        body=answers.OrderBookRequest,
        errors=("bad_request", "bad_parameters"),
    ),
    Operation("GET", "/api/datasets/{id}", "Data", "One data set", answers.DatasetPage, errors=("dataset_not_found",)),
    Operation(
        "DELETE",
        "/api/datasets/{id}",
        "Data",
        "Delete a data set",
        answers.Deleted,
        errors=("dataset_not_found", "dataset_in_use"),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/preview",
        "Data",
        "What is in a data set",
        answers.Preview,
        parameters=(_VERSION,),
        errors=("dataset_not_found", "bad_table"),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/file",
        "Data",
        "The file itself",
        media=CSV,
        about="CSV, JSON Lines (`application/jsonl`) or Parquet, as the data set is.",
        parameters=(_VERSION,),
        errors=("dataset_not_found",),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/versions",
        "Data",
        "The versions of a data set",
        answers.VersionList,
        errors=("dataset_not_found",),
    ),
    Operation(
        "GET",
        "/api/datasets/{id}/examples",
        "Data",
        "Examples for language understanding",
        answers.ExampleList,
        parameters=(_OFFSET, _EXAMPLES, Parameter("q", "Words that must all occur in text, intent or labels.")),
        errors=("bad_request", "dataset_not_found"),
    ),
    Operation(
        "POST",
        "/api/datasets/{id}/examples",
        "Data",
        "Add examples: all of them, or none",
        answers.DatasetPage,
        201,
        body=ExamplesRequest,
        parameters=(_IF_MATCH,),
        errors=("bad_request", "bad_table", "dataset_not_found", "dataset_changed", "too_large"),
    ),
    Operation(
        "PUT",
        "/api/datasets/{id}/examples/{index}",
        "Data",
        "Change an example",
        answers.DatasetPage,
        body=Example,
        parameters=(_IF_MATCH,),
        errors=("bad_request", "bad_table", "dataset_not_found", "dataset_changed"),
    ),
    Operation(
        "DELETE",
        "/api/datasets/{id}/examples/{index}",
        "Data",
        "Remove an example",
        answers.DatasetPage,
        parameters=(_IF_MATCH,),
        errors=("bad_request", "dataset_not_found", "dataset_changed"),
    ),
    Operation(
        "POST",
        "/api/uploads",
        "Data",
        "Begin an upload in pieces",
        answers.UploadBegun,
        201,
        about="It survives broken connections and restarts of the server, for a day.",
        body=UploadRequest,
        errors=("bad_request", "dataset_not_found", "too_large", "busy"),
    ),
    Operation(
        "GET",
        "/api/uploads/{id}",
        "Data",
        "How much of an upload is there",
        answers.UploadState,
        about="The header `Upload-Offset` says so too, so that HEAD is enough.",
        errors=("upload_not_found",),
    ),
    Operation(
        "PATCH",
        "/api/uploads/{id}",
        "Data",
        "Send a piece of an upload",
        answers.DatasetPage,
        201,
        about="204 and `Upload-Offset` as long as bytes are missing, 201 and the data set with the last one. "
        "An empty piece at the end asks for that answer once more.",
        body=bytes,
        body_media=(BYTES,),
        parameters=(Parameter("Upload-Offset", "Where the bytes begin.", where="header", required=True),),
        errors=(
            "bad_request",
            "bad_table",
            "wrong_format",
            "upload_corrupt",
            "upload_not_found",
            "upload_offset",
            "too_large",
        ),
    ),
    Operation(
        "DELETE",
        "/api/uploads/{id}",
        "Data",
        "Give an upload up",
        status=204,
        media=BYTES,
        errors=("upload_not_found",),
    ),
)
