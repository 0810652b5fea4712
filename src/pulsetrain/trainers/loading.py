"""Finding trainers: the built-in ones, those of installed packages, and those in modules that the user names."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from pulsetrain.model.trainers import Trainer

from .registry import Registered, registered

GROUP = "pulsetrain.trainers"
BUILT_IN = tuple(f"{GROUP}.{name}" for name in ("tabular_gan", "classifier", "nlu", "finetune", "command"))
"""In the order in which they are offered."""


def load(modules: Sequence[str] = ()) -> tuple[dict[str, Registered], list[Trainer]]:
    """All trainers by name, and a description of each source that could not be loaded, with its traceback as problem.

    `modules` are names of modules or paths of `.py` files.
    """
    broken: list[Trainer] = []
    sources: dict[str, Callable[[], object]] = {module: partial(importlib.import_module, module) for module in BUILT_IN}
    for entry in importlib.metadata.entry_points(group=GROUP):
        sources.setdefault(entry.value, entry.load)
    sources |= {module: partial(_import, module) for module in modules}
    for name, source in sources.items():
        problem = _attempt(source)
        if problem is not None:
            title = Path(name).name if name.endswith(".py") else name
            broken.append(Trainer(name=name, title=title, available=False, problem=problem))
    return registered(), broken


def _attempt(source: Callable[[], object]) -> str | None:
    """Run foreign import code; what it prints goes to stderr, what it raises becomes the answer."""
    try:
        with redirect_stdout(sys.stderr):
            source()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # code of other people may raise anything
        return f"It cannot be loaded.\n{_told(error)}"
    return None


def _told(error: BaseException) -> str:
    """The traceback of `error` from where other people's code begins."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith((__file__, "<frozen importlib")):
        trace = trace.tb_next
    if trace is None:
        return "".join(traceback.format_exception_only(error))
    return "".join(traceback.format_exception(type(error), error, trace))


def _import(module: str) -> object:
    if not module.endswith(".py"):
        # A program that `python -m` starts has its own folder first; the user's folder belongs there too.
        if "" not in sys.path:
            sys.path.insert(0, "")
        return importlib.import_module(module)
    path = Path(module).resolve()
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None or not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    loaded = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = loaded
    specification.loader.exec_module(loaded)
    return loaded
