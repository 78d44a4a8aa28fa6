"""What may not be called where: full names of functions, and prefixes of them ending in a dot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class Table:
    """Full names, and prefixes that end in a dot."""

    def __init__(self, *names: str) -> None:
        self._names = frozenset(name for name in names if not name.endswith("."))
        self._prefixes = tuple(name for name in names if name.endswith("."))

    def __contains__(self, name: str) -> bool:
        return name in self._names or name.startswith(self._prefixes)


_PATH_METHODS = (
    "absolute", "chmod", "cwd", "exists", "glob", "home", "is_dir", "is_file", "iterdir", "mkdir", "open",
    "read_bytes", "read_text", "rename", "replace", "resolve", "rglob", "rmdir", "stat", "touch", "unlink",
    "walk", "write_bytes", "write_text",
)  # fmt: skip

FORBIDDEN_IN_BODY: Final[Mapping[str, Table]] = {
    "body-clock": Table(
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        *(
            f"time.{name}"
            for name in (
                "clock_gettime", "clock_gettime_ns", "ctime", "gmtime", "localtime", "monotonic",
                "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "process_time_ns", "sleep",
                "time", "time_ns",
            )
        ),
    ),
    "body-randomness": Table(
        "builtins.hash",
        "builtins.id",
        "numpy.random.",
        "os.getrandom",
        "os.urandom",
        "random.",
        "secrets.",
        "uuid.getnode",
        "uuid.uuid1",
        "uuid.uuid4",
    ),
    "body-foreign-await": Table(
        "aiofiles.",
        "anyio.",
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
        "asyncio.open_connection",
        "asyncio.open_unix_connection",
        "asyncio.run",
        "asyncio.run_coroutine_threadsafe",
        "asyncio.start_server",
        "asyncio.start_unix_server",
        "asyncio.to_thread",
        "trio.",
    ),
    "body-network": Table(
        "aiohttp.", "anthropic.", "asyncpg.", "boto3.", "ftplib.", "http.client.", "httpx.", "imaplib.",
        "openai.", "paramiko.", "poplib.", "psycopg.", "psycopg2.", "redis.", "requests.", "smtplib.",
        "socket.", "sqlite3.", "ssl.", "urllib.request.", "urllib3.", "websockets.",
    ),
    "body-file": Table(
        "builtins.open",
        "glob.",
        "io.open",
        "os.chdir",
        "os.listdir",
        "os.makedirs",
        "os.mkdir",
        "os.open",
        "os.path.exists",
        "os.path.getmtime",
        "os.path.getsize",
        "os.path.isdir",
        "os.path.isfile",
        "os.remove",
        "os.rename",
        "os.replace",
        "os.rmdir",
        "os.scandir",
        "os.stat",
        "os.unlink",
        "os.walk",
        *(f"pathlib.Path.{name}" for name in _PATH_METHODS),
        "shutil.",
        "tempfile.",
    ),
    "body-process": Table(
        "multiprocessing.", "os.fork", "os.kill", "os.popen", "os.posix_spawn", "os.system", "subprocess."
    ),
    "body-thread": Table("_thread.", "concurrent.futures.", "threading."),
    "body-environment": Table(
        "os.cpu_count", "os.getcwd", "os.getenv", "os.getlogin", "os.getpid", "os.putenv", "os.uname",
        "os.unsetenv", "platform.",
    ),
    "body-terminal": Table(
        "builtins.input", "builtins.print", "sys.stderr.write", "sys.stdin.", "sys.stdout.write"
    ),
}  # fmt: skip
"""Code -> what a body may not call."""

SILENT_TYPES: Final = frozenset({"random.Random"})
"""What they give depends on how they were made, and that call is looked at: with a seed it is as good as any."""

_VERBS = ("delete", "patch", "post", "put")
_CLIENTS = (
    "aiohttp.ClientSession", "httpx", "httpx.AsyncClient", "httpx.Client", "requests", "requests.Session",
    "requests.session",
)  # fmt: skip

WRITES: Final = Table(
    *(f"{client}.{verb}" for client in _CLIENTS for verb in _VERBS),
    "shutil.rmtree",
    "smtplib.SMTP.send_message",
    "smtplib.SMTP.sendmail",
    "smtplib.SMTP_SSL.send_message",
    "smtplib.SMTP_SSL.sendmail",
)
"""What changes something outside, whatever its arguments."""

REQUESTS: Final = frozenset(f"{client}.{name}" for client in _CLIENTS for name in ("request", "stream"))
"""What changes something outside when its first argument is one of `WRITE_METHODS`."""

WRITE_METHODS: Final = frozenset({"DELETE", "PATCH", "POST", "PUT"})

STARTS: Final = Table(
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "os.popen",
    "os.system",
    "subprocess.",
)
"""What starts a command; it changes something outside when the command is one of `WRITE_COMMANDS`."""

WRITE_COMMANDS: Final = frozenset(
    {
        ("cargo", "publish"), ("docker", "push"), ("gh", "pr"), ("gh", "release"), ("git", "push"),
        ("helm", "install"), ("helm", "upgrade"), ("kubectl", "apply"), ("kubectl", "delete"),
        ("npm", "publish"), ("terraform", "apply"), ("terraform", "destroy"), ("twine", "upload"),
    }
)  # fmt: skip

MUTATORS: Final = frozenset(
    {
        "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft",
        "remove", "reverse", "setdefault", "sort", "update",
    }
)  # fmt: skip
