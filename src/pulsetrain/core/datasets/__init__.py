"""The data sets: files in one folder, or known by their path, described once, kept by version, announced in the log."""

from .catalog import Datasets
from .dataset import Dataset, Version
from .examples import ExamplePage, Examples, ListedExample
from .samples import ORDER_BOOK_ROWS
from .uploads import CHUNK_BYTES, Upload, Uploads

__all__ = [
    "CHUNK_BYTES",
    "ORDER_BOOK_ROWS",
    "Dataset",
    "Datasets",
    "ExamplePage",
    "Examples",
    "ListedExample",
    "Upload",
    "Uploads",
    "Version",
]
