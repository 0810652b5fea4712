"""Progress bars and round counters of well-known programs: tqdm, Keras, Rich (Lightning), XGBoost, LightGBM."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from .found import NUMBER, Found, metric_name, number_of

Of = Literal["training", "epochs", "else"]


class Bar(msgspec.Struct, frozen=True):
    """What a bar counts. `keras` where it is drawn by Keras, which begins each epoch with a line of its own."""

    done: int
    total: int
    of: Of
    rest: str
    """What stands behind it: where it names numbers they may be metrics."""
    epoch: int | None = None
    epochs: int | None = None
    rate: float | None = None
    unit: str | None = None
    keras: bool = False


_TQDM = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)%\|[^|]{0,500}\|\s{0,3}(\d{1,12})/(\d{1,12})(?=\s)")
_TQDM_RATE = re.compile(
    r"\s\[[\d:?]{1,12}<[\d:? a-z,]{1,24}, {1,3}(?:([\d.]{1,16})(\w{1,20})/s|([\d.]{1,16})s/(\w{1,20}))"
)
_TQDM_UNKNOWN = re.compile(r"(?:\|\s{0,12}\||:)\s{0,3}\d{1,12}(?:/\?|it) \[")
"""A bar that does not know its end, or counts what is not known yet."""
_KERAS = re.compile(r"\s{0,8}(\d{1,9})/(\d{1,9})\s{0,3}(?:\[[=>.\-]{1,200}\]|[━╸╺\x20]{2,200}|- \d{1,6}s -)")
_KERAS_RATE = re.compile(r"\s(\d{1,9})(us|ms|s)/(step|epoch)")
_RICH = re.compile(r"(?P<about>[^━╸╺]{0,80})\s[━╸╺ ]{2,400}\s(\d{1,12})/(\d{1,12}) \d{1,4}:\d\d:\d\d •")
_RICH_RATE = re.compile(r"\s([\d.]{1,16})(it)/s")
_LIGHTNING_EPOCH = re.compile(r"Epoch (\d{1,9})/(\d{1,9})\s*$")

_EPOCHS = re.compile(r"epochs?\W*$", re.I)
_TRAINING = re.compile(r"epoch|train|progress|step|iter|fit|total|overall|batch", re.I)
_ELSE = re.compile(r"valid|val\b|eval|test|predict|sanity|load|download|prepar|map|token", re.I)

_ROUND = re.compile(r"\[(\d{1,9})\]\t(?=\S[^\t]{0,100}:)")
_ROUND_METRIC = re.compile(rf"([^\t:]{{1,100}}):\s?({NUMBER})(?:\s?\+\s?{NUMBER})?(?=\t|$)")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def bar_in(text: str) -> Bar | None:
    """The bar that `text` draws; None if there is none."""
    if "/" not in text and "it [" not in text:
        return None  # as with most lines, and quickly
    if "%|" in text and (found := _TQDM.search(text)):
        about, rest = text[: found.start()], text[found.end() :]
        rate, unit = _tqdm_rate(rest)
        return Bar(int(found[2]), int(found[3]), _of(about), rest, rate=rate, unit=unit)
    if found := _KERAS.match(text):
        rest = text[found.end() :]
        rate, unit = _keras_rate(rest)
        return Bar(int(found[1]), int(found[2]), "training", rest, rate=rate, unit=unit, keras=True)
    if "━" in text and (found := _RICH.match(text)):
        return _rich(found, text[found.end() :])
    if found := _TQDM_UNKNOWN.search(text):
        return Bar(0, 0, "else", text[found.end() :])
    return None


def read_round(text: str, found: Found) -> bool:
    """Read a round of boosting (XGBoost, LightGBM) into `found`; whether `text` is one."""
    counted = _ROUND.match(text)
    if counted is None:
        return False
    found.step = int(counted[1])
    for key, digits in _ROUND_METRIC.findall(text[counted.end() :]):
        value = number_of(digits)
        if value is not None:
            found.metrics[metric_name(key.replace("'s ", "_"))] = value
    return True


def _of(about: str) -> Of:
    if _EPOCHS.search(about):
        return "epochs"
    if _ELSE.search(about) or (about.strip() and not _TRAINING.search(about)):
        return "else"
    return "training"


def _tqdm_rate(rest: str) -> tuple[float | None, str | None]:
    found = _TQDM_RATE.match(rest)
    if found is None:
        return None, None
    number = number_of(found[1] or found[3])
    if found[1]:
        return number, found[2]
    return (1 / number if number else None), found[4]


def _keras_rate(rest: str) -> tuple[float | None, str | None]:
    found = _KERAS_RATE.search(rest[:60])
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    return (1 / seconds, found[3]) if found and seconds else (None, None)


def _rich(found: re.Match[str], rest: str) -> Bar:
    about = found["about"]
    rate = _RICH_RATE.search(rest[:80])
    named = _LIGHTNING_EPOCH.search(about)
    return Bar(
        int(found[2]),
        int(found[3]),
        _of(about),
        rest,
        # Lightning counts from 0 and names its last epoch behind the slash.
        epoch=int(named[1]) + 1 if named else None,
        epochs=int(named[2]) + 1 if named else None,
        rate=(number_of(rate[1]) or None) if rate else None,
        unit=rate[2] if rate else None,
    )
