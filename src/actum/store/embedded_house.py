"""The house of an embedded database: where it lies on disk, whose it is, and where its socket is.

    <folder>/postgres/        ours: 0700, or 0711 when root opened it, so that the server's account can pass through
        locks/                users, starter, watcher, server: held, never read
        data/                 the database: 0700, owned by the account that runs the server
        server.log, .log.1    what the server says
        hba.conf, ident.conf  who may connect; written anew at each start
        server-18.6/          a copy of the programs, only where the account cannot reach the installed ones
    /tmp/actum-<uid>-<hash>/  the socket: 0700, owned by the account, on a path that always fits

The permissions of folders that were there before are never changed. Where root's server account cannot pass through
to the folder, `postgres` becomes a link into `/var/lib/actum`.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from actum.errors import DatabaseUnavailable

ROOT_PLACE = Path("/var/lib/actum")
SOCKET_PLACE = Path("/tmp")  # noqa: S108 - short on every system, and what we make in it is checked for its owner
SERVER_ACCOUNTS = ("postgres", "_postgres", "nobody", "daemon")
LONGEST_PATH = 900  # bytes; Postgres refuses 1024, and needs room for its own file names
WAY_OUT = "choose another folder with ACTUM_HOME, or set ACTUM_DATABASE_URL to a Postgres server"


@dataclass(frozen=True, slots=True)
class Account:
    """The operating-system account that runs a server; `changes` when it is not our own."""

    name: str
    uid: int
    gid: int
    changes: bool

    def run(self, command: list[str], *, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Runs a program as this account, with nothing of our environment, and returns its words."""
        return subprocess.run(
            command,
            user=self.uid if self.changes else None,
            group=self.gid if self.changes else None,
            extra_groups=[] if self.changes else None,
            cwd="/",
            env=bare_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            umask=0o077,
            timeout=seconds,
        )

    def reaches(self, place: Path) -> bool:
        """Whether this account can enter a folder, asked of the system itself: modes alone do not tell."""
        return not self.changes or self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(place)]).returncode == 0


@dataclass(frozen=True, slots=True)
class House:
    """One embedded database's place on disk; `root` is the real path, links resolved."""

    root: Path
    account: Account

    @property
    def data(self) -> Path:
        """The database itself; it is there complete or not at all."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.root / "server.log"

    def lock(self, name: str) -> Path:
        """The file of one of the four locks: users, starter, watcher, server."""
        return self.root / "locks" / name

    @property
    def socket_folder(self) -> Path:
        """Where the server listens: one short path for each database and place, so that a restart keeps the DSN."""
        with open(self.data / "global" / "pg_control", "rb") as control:
            identifier = control.read(8)
        digest = hashlib.sha256(os.fsencode(self.data) + b"\0" + identifier).hexdigest()[:12]
        return SOCKET_PLACE / f"actum-{self.account.uid}-{digest}"


def bare_environment() -> dict[str, str]:
    """An environment in which no variable of the caller steers Postgres."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder outlive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def default_folder() -> Path:
    """`$ACTUM_HOME`, or `.actum` in the working directory."""
    return Path(os.environ.get("ACTUM_HOME") or ".actum")


def find_house(folder: Path) -> House:
    """Finds the house in `folder`, or builds an empty one; safe when several processes do so at once.

    Raises `DatabaseUnavailable` where it cannot be: another's folder, a path too long, no account for root's server.
    """
    folder = Path(os.path.abspath(folder))
    if len(os.fsencode(folder)) > LONGEST_PATH:
        raise DatabaseUnavailable(
            f"The folder {str(folder)[:60]}… has a path of {len(os.fsencode(folder))} bytes, and Postgres takes "
            f"{LONGEST_PATH} at most: choose a shorter one with ACTUM_HOME."
        )
    folder.mkdir(parents=True, exist_ok=True)
    entrance = folder / "postgres"
    if not os.path.lexists(entrance):
        _build(entrance, _server_account(None))
    root = _enter(entrance)
    account = _server_account(root / "data")
    if not account.reaches(root):
        raise DatabaseUnavailable(
            f"Root's server runs as {account.name}, who cannot enter {root}: "
            f"let others pass through the folders above it, or {WAY_OUT}."
        )
    return House(root, account)


def prepare_socket_folder(house: House) -> Path:
    """Makes the socket's folder and makes sure that only the server's account can enter it.

    Called while no server of this house lives. Raises `DatabaseUnavailable` when somebody else took the name.
    """
    place = house.socket_folder
    with suppress(FileExistsError):
        os.mkdir(place, 0o700)
    found = os.lstat(place)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (house.account.uid, os.geteuid()):
        raise DatabaseUnavailable(
            f"{place}, the place of the database's socket, belongs to {_owner(found.st_uid)}: have it removed, "
            f"or {WAY_OUT}."
        )
    os.chmod(place, 0o700)
    if found.st_uid != house.account.uid:
        os.chown(place, house.account.uid, house.account.gid)
    for left in place.iterdir():  # a killed server's; its recorded pid may be a stranger's by now
        left.unlink()
    return place


def _build(entrance: Path, account: Account) -> None:
    """Builds a house aside and moves it in with one rename; whoever comes second finds the first one's."""
    if account.reaches(entrance.parent):
        place = entrance.with_name(f"postgres.new-{secrets.token_hex(6)}")
    else:
        if not ROOT_PLACE.exists():
            ROOT_PLACE.mkdir(parents=True)
            ROOT_PLACE.chmod(0o755)
        place = ROOT_PLACE / secrets.token_hex(6)
    place.mkdir(0o700)
    (place / "locks").mkdir(0o700)
    (place / ".gitignore").write_text("*\n")
    if account.changes:
        place.chmod(0o711)
    try:
        if place.parent == entrance.parent:
            place.rename(entrance)
        else:
            entrance.symlink_to(place)
    except OSError:
        shutil.rmtree(place)
        if not os.path.lexists(entrance):
            raise
    for parent in {entrance.parent, place.parent}:
        sync_folder(parent)


def _enter(entrance: Path) -> Path:
    """The house behind its entrance, unless the entrance or the house is somebody else's."""
    mine = os.geteuid()
    for owner in (os.lstat(entrance).st_uid, _stat_house(entrance).st_uid):
        if owner != mine:
            raise DatabaseUnavailable(
                f"The database in {entrance} belongs to {_owner(owner)} and this process runs as {_owner(mine)}: "
                f"run it as {_owner(owner)}, or {WAY_OUT}."
            )
    root = entrance.resolve(strict=True)
    (root / "locks").mkdir(0o700, exist_ok=True)
    return root


def _stat_house(entrance: Path) -> os.stat_result:
    try:
        return os.stat(entrance / ".")
    except FileNotFoundError:
        raise DatabaseUnavailable(
            f"{entrance} leads to {os.readlink(entrance)}, which is gone: bring it back, or remove the link "
            "to begin with an empty database."
        ) from None


def _server_account(data: Path | None) -> Account:
    """Our own account, or for root the one that owns the data already, or else the first that exists here."""
    mine = os.geteuid()
    if mine != 0:
        return _account(mine, changes=False)
    if data is not None and data.exists():
        return _account(os.stat(data).st_uid, changes=True)
    for name in SERVER_ACCOUNTS:
        with suppress(KeyError):
            return _account(pwd.getpwnam(name).pw_uid, changes=True)
    raise DatabaseUnavailable(
        f"Postgres refuses to run as root, and none of the accounts {', '.join(SERVER_ACCOUNTS)} exists here: "
        "run as another user, or set ACTUM_DATABASE_URL to a Postgres server."
    )


def _account(uid: int, *, changes: bool) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise DatabaseUnavailable(
            f"Postgres needs a named account, and uid {uid} has no entry in the user database: give it one, "
            "or set ACTUM_DATABASE_URL to a Postgres server."
        ) from None
    return Account(entry.pw_name, uid, entry.pw_gid, changes)


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
