"""One event to many readers: pulsetrain beside nginx + nchan, Starlette, websockets, Redis and a loop in C.

    python benchmarks/fanout/run.py [SCENARIO…] [--servers TEXT…] [--readers N…] [--out FOLDER]

Scenarios: saturation, latency, idle, deflate, replay, restart; all of them without a name. `--servers pulsetrain C`
measures those whose name begins so. Each server has one core to itself (taskset), with all its threads and its disk
syncs; the readers (load/, in C) and the publisher share another one. README.md says what the figures mean.

Needs two cores, cc with zlib, taskset; Debian's nginx with libnginx-mod-nchan and redis-server. A server that is not
there is named and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from machine import machine  # noqa: E402
from readers import Faulty, Programs  # noqa: E402
from report import markdown  # noqa: E402
from scenarios import SCENARIOS, Choice  # noqa: E402
from servers import CLIENT_CORE, SERVERS, missing  # noqa: E402

_FILES = 16_384
"""Descriptors that 10,000 connections need; servers and readers inherit the limit."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=" ".join(SCENARIOS))
    parser.add_argument("--servers", nargs="+", default=[""], help="names, or how they begin")
    parser.add_argument("--readers", nargs="+", type=int, default=[100, 1000, 5000])
    parser.add_argument("--idle-readers", type=int, default=10_000)
    parser.add_argument("--idle-seconds", type=float, default=40.0)
    parser.add_argument("--out", type=Path, default=HERE.parent / "results")
    asked = parser.parse_args()
    if unknown := set(asked.scenarios) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    _prepare()
    absent = {name: what for name in SERVERS if (what := missing(name))}
    for name, what in absent.items():
        print(f"{name} is left out: this machine lacks {what}.")
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs.build(Path(folder))
        os.environ["YARDSTICK"] = str(programs.yardstick)
        choice = Choice(programs, asked.readers, asked.idle_readers, asked.idle_seconds)
        for scenario in asked.scenarios or SCENARIOS:
            names = [n for n in SCENARIOS[scenario][1] if n not in absent and n.startswith(tuple(asked.servers))]
            _keep(asked.out, scenario, {"machine": machine(), "missing": absent, "rows": _run(scenario, names, choice)})
    print("\n" + (asked.out / "fanout.md").read_text())


def _prepare() -> None:
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("Two cores are needed: one for the server, one for its readers.")
    os.sched_setaffinity(0, {int(CLIENT_CORE)})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        if hard != resource.RLIM_INFINITY and hard < _FILES:
            raise SystemExit(f"{_FILES} open files are needed; this machine allows {hard} (`ulimit -n`).")
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))


def _run(scenario: str, names: list[str], choice: Choice) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name in names:
        try:
            for row in SCENARIOS[scenario][0](name, choice):
                rows.append({"server": name, **row})
                print(f"{scenario:10} {name:28} {row}", flush=True)
        except (Faulty, OSError) as problem:
            rows.append({"server": name, "failed": str(problem)})
            print(f"{scenario:10} {name:28} {problem}", flush=True)
    return rows


def _keep(folder: Path, scenario: str, result: dict[str, Any]) -> None:
    """Put one scenario's result beside those of the others."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "fanout.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    report = {name: known[name] for name in SCENARIOS if name in known} | {scenario: result}
    file.write_text(json.dumps(report, indent=1) + "\n")
    (folder / "fanout.md").write_text(markdown(report))


if __name__ == "__main__":
    main()
