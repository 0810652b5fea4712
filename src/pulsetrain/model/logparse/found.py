"""What is gathered from one line, and where a named number belongs: a position in the training, or a metric."""

from __future__ import annotations

import math
import re

import msgspec

NUMBER = (
    r"[-+]?(?:\d{1,30}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?"
    r"|[-+]?(?:nan|NaN|NAN|inf|Inf|INF|infinity|Infinity)"
)
END = r"(?=%?(?:$|[\s;|)\]}\"'±]|,(?!\d\d\d(?:\D|$))|\.(?:\s|$)))"
"""What may follow a number."""

_NO_METRIC = frozenset(
    re.findall(
        r"\w+",
        """port pid ppid seed version host localhost line lineno id rank code status date timestamp ts year note
        device cuda gpu address thread errno asctime created levelno http https ip usage example
        step iter iteration batch epoch epochs progress percent params parameters flops mode""",
    )
)
"""Last words of keys whose numbers measure nothing."""
_NO_METRICS = frozenset({"v_num"})
"""Whole keys of that kind: Lightning numbers its logs in its bar."""

_EPOCHS_KEYS = frozenset({"epochs", "total_epochs", "num_epochs", "max_epochs", "n_epochs"})
_STEP_KEYS = frozenset({"step", "global_step", "iteration", "iter", "batch"})
_STEPS_KEYS = frozenset({"steps", "total_steps", "max_steps", "num_steps", "total_iterations"})
_PERCENT_KEYS = frozenset({"percent", "progress_percent", "percentage"})


class Found(msgspec.Struct):
    """What is being gathered from one line."""

    metrics: dict[str, float] = {}
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    percent: float | None = None
    epochs_done: float | None = None
    """Where the line gives a broken number of epochs: it says nothing of where its steps begin."""
    epochs_over: int | None = None
    """Where a bar counts epochs: those that are over."""
    rate: float | None = None
    unit: str | None = None
    later: bool = False
    """Whether the step is that of the bar which is drawn next."""


def metric_name(text: str) -> str:
    """`text` in snake_case: `Generator Loss`, `generatorLoss` and `generator/loss` are all `generator_loss`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[\W_]+", "_", words).strip("_").lower()


def take(name: str, value: float, found: Found) -> None:
    """Put a named number where it belongs."""
    whole = int(value) if math.isfinite(value) and 0 <= value < 1e12 else None
    if name in _EPOCHS_KEYS:
        found.epochs = found.epochs if found.epochs is not None else whole
    elif name in _STEPS_KEYS:
        found.steps = found.steps if found.steps is not None else whole
    elif name == "epoch":
        if found.epoch is None:
            found.epoch = whole if whole == value or whole is None else whole + 1
            found.epochs_done = value if whole != value else None
    elif name in _STEP_KEYS:
        found.step = found.step if found.step is not None else whole
    elif name in _PERCENT_KEYS or (name == "progress" and (value == 0 or value > 1)):
        # `progress: 0.5` may be a share or half a percent, so it is left unread.
        found.percent = value if 0 <= value <= 100 else found.percent
    elif name and name not in _NO_METRIC | _NO_METRICS and name.rsplit("_", 1)[-1] not in _NO_METRIC:
        found.metrics[name] = value


def number_of(text: str) -> float | None:
    """None for one that is too large."""
    value = float(text)
    # A number too large for a float is not infinite.
    return value if math.isfinite(value) or not any(character.isdigit() for character in text) else None
