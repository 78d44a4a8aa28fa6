"""Making an embedded database ready to be served: programs, first initialisation, version, stale leftovers.

Everything here runs while the caller holds the house's starter, watcher and server locks, so that no Postgres process
of this house is alive. What takes several steps is made aside and moved in with one rename; what a killed predecessor
left aside is removed first.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from actum.errors import DatabaseUnavailable
from actum.store.embedded_house import WAY_OUT, House, bare_environment, sync_folder

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
}
DISPOSABLE = {"fsync": "off", "full_page_writes": "off"}
"""Settings of a server whose data nobody would miss after a power cut."""
SYNC = (
    ["--sync-method=syncfs"] if platform.system() == "Linux" else []
)  # one call, not one for each of 900 files
LOCALE = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
INITDB_SECONDS = 300.0
ROOM_FOR_NEW = (
    48 * 1024 * 1024
)  # bytes of an empty database; initdb does not end well on a disk that fills up
ROOM_NEEDED = 16 * 1024 * 1024  # bytes: one segment of the write-ahead log


def prepare_cluster(house: House, installed: Path, settings: Mapping[str, str]) -> list[str]:
    """Brings the house to where its server can start, and returns the server's command line.

    `installed` is the folder of the programs, `settings` stand above ours. A second call finds everything in place. Raises `DatabaseUnavailable`
    for a database of another major version (which stays untouched), a server started by hand, a full disk.
    """
    version = _version(installed)
    _check_major(house, version)
    _refuse_foreign_server(house)
    programs = _reachable_programs(house, installed, version)
    if not house.data.exists():
        _initialise(house, programs)
    (house.data / "postmaster.pid").unlink(missing_ok=True)
    return [str(programs / "postgres"), "-D", str(house.data), *_settings(house, settings)]


def running_pid(house: House) -> int | None:
    """The pid in `postmaster.pid`, if that process really is a server on this data, and not a later stranger."""
    try:
        pid = int((house.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 0 and _serves(pid, house.data) else None


def failure(house: House, what: str, words: str) -> DatabaseUnavailable:
    """The error for something Postgres could not do, with its last words; a full disk gets its own sentence."""
    full = any(sign in words for sign in ("No space left", "free disk space", "Disk quota exceeded"))
    if full or shutil.disk_usage(house.root).free < ROOM_NEEDED:
        return full_disk(house.root)
    tail = "\n".join(words.strip().splitlines()[-8:])
    return DatabaseUnavailable(
        f"{what}. Postgres said:\n{tail or '(nothing)'}\nIf that does not help, {WAY_OUT}."
    )


def full_disk(place: Path) -> DatabaseUnavailable:
    """The error for a disk without room."""
    return DatabaseUnavailable(f"The disk that holds {place} is full: free some space there, or {WAY_OUT}.")


def _settings(house: House, settings: Mapping[str, str]) -> list[str]:
    """The settings as options, which stand above postgresql.conf, and the files that say who may connect."""
    hba, ident = house.root / "hba.conf", house.root / "ident.conf"
    people = {"root" if os.geteuid() == 0 else house.account.name, house.account.name}
    _write(hba, "local all all peer map=actum\n")
    _write(ident, "".join(f'actum "{person}" all\n' for person in sorted(people)))
    own = {
        "hba_file": str(hba),
        "ident_file": str(ident),
        "unix_socket_directories": str(house.socket_folder),
    }
    return [
        word for name, value in {**SETTINGS, **settings, **own}.items() for word in ("-c", f"{name}={value}")
    ]


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.replace(path)


def _version(programs: Path) -> str:
    """The version of the installed server, such as `18.6`."""
    try:
        said = subprocess.run(
            [programs / "postgres", "--version"],
            capture_output=True,
            text=True,
            env=bare_environment(),
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise DatabaseUnavailable(
            f"The Postgres server in {programs} does not run on this system ({error}): "
            "set ACTUM_DATABASE_URL to a Postgres server."
        ) from error
    return said.stdout.split()[-1]


def _check_major(house: House, version: str) -> None:
    if not house.data.exists():
        return
    ours = version.split(".")[0]
    try:
        theirs = (house.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise DatabaseUnavailable(
            f"{house.data} is not a Postgres database (it has no PG_VERSION): move it away, or {WAY_OUT}."
        ) from None
    if theirs != ours:
        raise DatabaseUnavailable(
            f"The database in {house.data} was made by Postgres {theirs}, and this Actum brings Postgres {ours}: "
            f"dump it with the Actum that made it (`actum db dump`) and load it into a new folder, or {WAY_OUT}. "
            "Nothing was changed."
        )
    owner = os.stat(house.data).st_uid
    if owner != house.account.uid or owner == 0:
        raise DatabaseUnavailable(
            f"{house.data} belongs to uid {owner}, and the server would run as {house.account.name}: "
            f"give it back to the account that made it, or {WAY_OUT}."
        )


def _refuse_foreign_server(house: House) -> None:
    """A server that somebody started by hand on our data holds none of our locks, and is left alone."""
    pid = running_pid(house)
    if pid is not None:
        raise DatabaseUnavailable(
            f"A Postgres server that Actum did not start (pid {pid}) runs on {house.data}: stop it, or {WAY_OUT}."
        )


def _serves(pid: int, data: Path) -> bool:
    if platform.system() == "Linux":
        with suppress(OSError):
            return Path(os.readlink(f"/proc/{pid}/cwd")) == data
        return False
    said = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "postgres" in said.stdout


def _initialise(house: House, programs: Path) -> None:
    """Makes the database aside, durable, and moves it in: after a crash there is a whole one or none."""
    _sweep(house.root, "data.new-")
    if shutil.disk_usage(house.root).free < ROOM_FOR_NEW:
        raise full_disk(house.root)
    fresh = house.root / f"data.new-{secrets.token_hex(6)}"
    fresh.mkdir(0o700)
    if house.account.changes:
        os.chown(fresh, house.account.uid, house.account.gid)
    command = [
        str(programs / "initdb"),
        "-D",
        str(fresh),
        "-U",
        "actum",
        "--auth=reject",
        "--no-instructions",
    ]
    made = house.account.run([*command, *LOCALE, *SYNC], seconds=INITDB_SECONDS)
    if made.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise failure(house, f"No database could be made in {house.root}", made.stdout + made.stderr)
    fresh.rename(house.data)
    sync_folder(house.root)  # or a power cut could take the name from a database that has confirmed commits


def _reachable_programs(house: House, installed: Path, version: str) -> Path:
    """The programs where the server's account can run them: as installed, or copied into the house once."""
    if _usable(house, installed):
        return installed
    copy = house.root / f"server-{version}"
    programs = copy / installed.parent.parent.name / installed.parent.name / "bin"
    if not copy.exists():
        _sweep(house.root, "server-")
        _copy_programs(installed.parent.parent, copy)
    if not _usable(house, programs):
        raise DatabaseUnavailable(
            f"Root's server runs as {house.account.name}, who can run neither {installed} nor its copy in {copy}: "
            f"check that the disk allows programs, or {WAY_OUT}."
        )
    return programs


def _usable(house: House, programs: Path) -> bool:
    if not house.account.changes:
        return True
    question = 'test -x "$1/postgres" && test -r "$1/../share/postgres.bki" && "$1/initdb" --version'
    return house.account.run(["/bin/sh", "-c", question, "sh", str(programs)]).returncode == 0


def _copy_programs(package: Path, copy: Path) -> None:
    """Copies the package's server and the libraries beside it, readable for all, and makes the copy durable."""
    fresh = copy.with_name(f"{copy.name}.new-{secrets.token_hex(6)}")
    leave = shutil.ignore_patterns("*.py", "__pycache__", "include", "*.a", "doc")
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, fresh / part.name, ignore=leave)
    for folder, _, files in os.walk(fresh):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            file.chmod(0o755 if os.access(file, os.X_OK) else 0o644)
    os.sync()  # before the rename says that it is whole
    fresh.rename(copy)


def _sweep(folder: Path, prefix: str) -> None:
    """Removes what a killed predecessor, or an earlier version, left under a name that only we give."""
    for left in folder.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
