"""Runs commands in turn, measures wall time and memory, and prints the ratios beside what was promised of them."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

KPICLI = str(Path(sysconfig.get_path("scripts"), "kpicli"))
PYTHON = sys.executable
_TICK = 0.02
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Command:
    """One command line, run as it is in a process of its own."""

    name: str
    argv: Sequence[str | Path]
    before: Callable[[], object] = lambda: None
    """Makes the ground ready before each run; takes no part in its time."""
    rounds: int | None = None
    """At most so many rounds, for what is slow; such a command is not warmed up and its memory is not measured."""


@dataclass
class Measured:
    """What the runs of one command gave."""

    peak: float | None = None
    """Most MB (10^6 bytes) that all processes of the command held together."""
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Processor time of all processes of the command; tells the work apart from a busy machine."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Promise:
    """A measured value and the bound it was promised to keep."""

    what: str
    value: float | None
    bound: float
    aim: float | None = None
    at_least: bool = False
    unit: str = "x"

    def row(self) -> list[str]:
        sign = ">=" if self.at_least else "<="
        bounds = f"{sign} {self.bound:g} {self.unit}"
        if self.aim is not None:
            bounds += f" (aim {self.aim:g}: {self._verdict(self.aim)})"
        value = "-" if self.value is None else f"{self.value:.2f} {self.unit}"
        return [self.what, value, bounds, self._verdict(self.bound)]

    def _verdict(self, bound: float) -> str:
        if self.value is None:
            return "not measured"
        return "held" if (self.value >= bound if self.at_least else self.value <= bound) else "MISSED"


def measure(commands: Sequence[Command], rounds: int) -> dict[str, Measured]:
    """Run each command once for its memory, which also warms it up, then all in turn (A B C A B C) for their time."""
    measured = {command.name: Measured() for command in commands}
    for command in commands:
        if command.rounds is None:
            _say(f"memory of {command.name}")
            measured[command.name].peak = _peak_memory(command)
    for number in range(rounds):
        _say(f"round {number + 1} of {rounds}")
        for command in commands:
            if command.rounds is None or number < command.rounds:
                _time(command, measured[command.name])
    _say("")
    return measured


def ratio(measured: dict[str, Measured], one: str, other: str) -> float | None:
    """The median time of `one` over that of `other`."""
    if one not in measured or other not in measured:
        return None
    return measured[one].median / measured[other].median


def show(title: str, measured: dict[str, Measured], promises: Sequence[Promise]) -> None:
    """Print the machine, the times and memory of the commands, and the promises."""
    print(f"# {title}\n\n{_machine()}\n")
    print("Medians of commands run in turn. Wall and processor seconds; MB is the peak of all processes together.")
    if not _can_see_memory():
        print("Memory is read from /proc and was not measured: this is not Linux.")
    rows = [
        [name, f"{m.median:.3f}", f"{min(m.seconds):.3f} - {max(m.seconds):.3f}", _cpu(m), str(len(m.seconds)), _mb(m)]
        for name, m in measured.items()
    ]
    _table(["command", "wall", "range", "processor", "rounds", "peak MB"], rows)
    _table(["promised", "measured", "bound", ""], [promise.row() for promise in promises])


def _time(command: Command, measured: Measured) -> None:
    _make_ready(command)
    before, start = os.times(), time.perf_counter()
    subprocess.run(command.argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    measured.seconds.append(time.perf_counter() - start)
    after = os.times()
    measured.cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)


def _peak_memory(command: Command) -> float | None:
    _make_ready(command)
    peak = 0
    with subprocess.Popen(command.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(_memory, _tree(process.pid))))
            time.sleep(_TICK)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command.argv)
    return peak / 1e6 if _can_see_memory() else None


def _make_ready(command: Command) -> None:
    command.before()
    if hasattr(os, "sync"):
        os.sync()  # what this wrote is not to be waited for by the command


def _tree(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            words = children.read_text().split()
        except OSError:  # it ended meanwhile
            continue
        for word in words:
            yield from _tree(int(word))


def _memory(pid: int) -> int:
    """Bytes a process holds; what it shares with others is divided among them (Pss)."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:  # it ended meanwhile
        pass
    return 0


def _can_see_memory() -> bool:
    return Path("/proc/self/smaps_rollup").exists()


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    text = f"Machine: {platform.system()} {platform.machine()}, {cores} cores; Python {platform.python_version()}"
    if not hasattr(os, "getloadavg"):
        return text
    load = os.getloadavg()[0]
    busy = "; others were at work, so that wall times and their ratios say little" if load > cores + 1 else ""
    return f"{text}; load {load:.1f}{busy}"


def _cpu(measured: Measured) -> str:
    cpu = statistics.median(measured.cpu)
    return f"{cpu:.2f}" if cpu else "-"  # Windows does not tell


def _mb(measured: Measured) -> str:
    return "-" if measured.peak is None else f"{measured.peak:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print()
    for row in (head, ["-" * width for width in widths], *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _say(text: str) -> None:
    """Tell on a terminal what is under way."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
