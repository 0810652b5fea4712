"""Values of a training script as what the log can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LARGEST = 2**63


def number(value: Any) -> float | int | None:
    """`value` as a number, or None. NumPy scalars and tensors of one element are numbers, and so is True."""
    kind = value.__class__
    if kind is float:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return int(value)
    if kind is int:
        return value if -_LARGEST <= value < _LARGEST else _float(value)
    if value is None or isinstance(value, str | bytes):
        return None
    item = getattr(value, "item", None)
    if callable(item):
        try:
            value = item()
        except Exception:  # noqa: BLE001  # a tensor of many elements, a deleted one, a failed CUDA kernel: no number
            return None
        return number(value) if value.__class__ in (float, int, bool) else None
    return _float(value) if hasattr(value, "__float__") else None


def _float(value: Any) -> float | None:
    try:
        return float(value)
    except Exception:  # noqa: BLE001  # whatever a foreign __float__ may raise
        return None


def numbers(values: Mapping[Any, Any], prefix: str = "", depth: int = 0) -> tuple[dict[str, float | int], list[str]]:
    """The numbers in `values`, and the names of what is none. Mappings inside are named `outer/inner`."""
    good: dict[str, float | int] = {}
    bad: list[str] = []
    for key, value in values.items():
        name = prefix + text(key)
        if isinstance(value, Mapping) and depth < 4:
            inner, rest = numbers(value, name + "/", depth + 1)
            good.update(inner)
            bad.extend(rest)
            continue
        found = number(value)
        if found is None:
            bad.append(name)
        else:
            good[name] = found
    return good, bad


def whole(value: Any) -> int | None:
    """`value` as a whole number, or None."""
    found = number(value)
    if found is None or found != found or abs(found) >= _LARGEST:
        return None
    return int(found) if found == int(found) else None


def finite(value: Any) -> float | None:
    """`value` as a finite number, or None."""
    found = number(value)
    return None if found is None or found - found != 0 else float(found)


def count(value: Any) -> int | None:
    """`value` as a whole number that is not negative, or None."""
    found = whole(value)
    return None if found is None or found < 0 else found


def text(value: Any) -> str:
    """`value` as text that has an encoding."""
    return str(value).encode("utf-8", "replace").decode()


def plain(value: Any, depth: int = 0) -> Any:
    """`value` as what JSON can say; what has no form there becomes its text. Not for the hot path."""
    if value is None or isinstance(value, bool | float):
        return value if value is None or isinstance(value, bool) else float(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, int):
        return int(value) if -_LARGEST <= value < _LARGEST else text(value)
    if depth > 16:
        return text(value)
    if isinstance(value, Mapping):
        return {text(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in value]
    found = number(value)
    if found is not None:
        return found
    fields = getattr(value, "__dict__", None)
    if isinstance(fields, dict) and type(value).__module__ in ("argparse", "types"):
        return plain(fields, depth + 1)
    return text(value)
