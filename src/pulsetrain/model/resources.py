"""What a run asks of a machine: what its trainer declares, and what whoever starts it says instead."""

from __future__ import annotations

import math

import msgspec

from .errors import BadParameters, DoesNotFit
from .queue import Machine, Need, misfit
from .runs import Resources

_MOST_CORES = 4096


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the run shall have other than its trainer declares."""

    cores: float | None = None
    memory_bytes: int | None = None
    gpus: int | None = None
    gpu_indices: list[int] | None = None


def resolve(declared: Resources, wanted: Wanted | None, machine: Machine | None) -> Resources:
    """What the run takes. A trainer's cores are a wish, cut to those there are; what a person says is not.

    Raises BadParameters, or DoesNotFit where `machine` can never have it free.
    """
    wanted = wanted or Wanted()
    cores = wanted.cores
    if cores is None:
        cores = declared.cores if machine is None else min(declared.cores, machine.cores)
    named = wanted.gpu_indices
    if named is None and wanted.gpus is None:
        named = declared.gpu_indices
    gpus = len(named) if named is not None else declared.gpus if wanted.gpus is None else wanted.gpus
    memory = declared.memory_bytes if wanted.memory_bytes is None else wanted.memory_bytes
    resources = Resources(cores, memory, gpus, named)
    if problems := _problems(resources):
        raise BadParameters(" ".join(problems))
    if machine is not None and (reason := misfit(Need.of(resources), machine)) is not None:
        raise DoesNotFit(f"The run can never start. {reason}")
    return resources


def _problems(resources: Resources) -> list[str]:
    problems: list[str] = []
    if not (math.isfinite(resources.cores) and 0 < resources.cores <= _MOST_CORES):
        problems.append(f"cores is a number above 0; it is {resources.cores:g}.")
    if resources.memory_bytes is not None and resources.memory_bytes < 0:
        problems.append("memory_bytes is not below 0.")
    if resources.gpus < 0:
        problems.append("gpus is not below 0.")
    named = resources.gpu_indices or []
    if any(index < 0 for index in named) or len(set(named)) != len(named):
        problems.append("gpu_indices are different whole numbers from 0.")
    return problems
