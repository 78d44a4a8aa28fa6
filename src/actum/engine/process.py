"""What a process is on its machine: enough to know later, from the same machine, that it is dead.

A pid alone proves nothing, because it is used again; a pid with its start instant does. A machine is its boot and its
pid namespace, so that two containers of one host never judge each other's pids.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def default_name() -> str:
    """Return what this process is called in logs and events unless it is given a name: its machine and its pid."""
    return f"{platform.node()}-{os.getpid()}"


def machine() -> str:
    """Return the name of this boot of this machine, as far as pids are concerned."""
    boot = _read("/proc/sys/kernel/random/boot_id") or _ask("sysctl", "-n", "kern.boottime") or "unknown-boot"
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = "pid"
    return f"{platform.node()}/{boot}/{namespace}"


def started(pid: int) -> str | None:
    """Return when process `pid` started, as text to compare; None when there is no such process, or only its remains."""
    stat = _read(f"/proc/{pid}/stat")
    if stat is not None:
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in ("Z", "X") else fields[19]
    if Path("/proc/self/stat").exists():
        return None
    return _ask("ps", "-o", "lstart=", "-p", str(pid))


def is_dead(pid: int, start: str) -> bool:
    """Whether the process that had `pid` and `start` on this machine is certainly gone; what cannot be told is not."""
    if not start:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    now = started(pid)
    return now != start if now is not None else is_remains(pid)


def is_remains(pid: int) -> bool:
    """Whether `pid` is a process that has ended and waits for its parent to notice."""
    stat = _read(f"/proc/{pid}/stat")
    return stat is not None and stat.rpartition(")")[2].split()[0] in ("Z", "X")


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return None


def _ask(*command: str) -> str | None:
    try:
        plain = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False, env=plain)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
