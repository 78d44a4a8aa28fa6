"""A small service on the loopback for the tests of HTTP effects, in a process of its own; it ends with its parent.

It makes things: POST /things makes one, POST /keyed/things at most one for each operation key, DELETE removes one, and
GET finds one by key, /things/by-key/KEY (KEY is one segment) or /things/by-key?key=KEY, decoded once as usual. Before a test acts it plans how the next requests that write are met: POST /plan with a list of

    ok               act and answer
    STATUS           do not act, answer with that status and the text that the test gives
    drop             act, then close the connection without an answer
    hang             act, then answer nothing until the test POSTs /release
    cut              act, then close in the middle of the answer
    twice            act, then send the answer two times
    raw              act, then send bytes that are no HTTP

Several tests ask the same process, one after the other: POST /begin gives each a world in which nothing happened.
"""

from __future__ import annotations

import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class World:
    """What the service did, what reached it, and how it will behave."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.things: dict[str, dict[str, Any]] = {}
        self.seen: list[dict[str, Any]] = []
        self.acts = 0
        self.plan: list[str] = []
        self.text = ""
        self.location = ""
        self.pause = ""
        self.released = threading.Event()

    def act(self, key: str, body: object, is_keyed: bool) -> dict[str, Any]:
        with self.lock:
            if is_keyed:
                for thing in self.things.values():
                    if thing["key"] == key:
                        return thing
            self.acts += 1
            thing = {"id": str(self.acts), "key": key, "body": body}
            self.things[thing["id"]] = thing
            return thing

    def remove(self, thing_id: str) -> bool:
        with self.lock:
            gone = self.things.pop(thing_id, None)
            self.acts += gone is not None
            return gone is not None


class Handler(BaseHTTPRequestHandler):
    world: ClassVar[World] = World()
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        world = self.world
        if self.path == "/seen":
            self.answer(200, {"acts": world.acts, "seen": world.seen, "things": list(world.things.values())})
        elif self.path.startswith(("/things/by-key/", "/things/by-key?key=")):
            wanted = urllib.parse.unquote(self.path[len("/things/by-key/") :].removeprefix("key="))
            is_one_segment = "?" in self.path or "/" not in self.path.removeprefix("/things/by-key/")
            found = [one for one in world.things.values() if is_one_segment and one["key"] == wanted]
            self.answer(200, found[0]) if found else self.answer(404, {"error": "no such thing"})
        elif self.path.startswith("/status/"):
            self.answer(int(self.path.removeprefix("/status/")), {"error": "as asked"})
        elif self.path == "/large":
            self.answer(200, ["x" * 1024] * 600)
        else:
            self.answer(404, {"error": "no such place"})

    def do_POST(self) -> None:
        body = self.body()
        world = self.world
        match self.path:
            case "/plan":
                world.plan, world.text = body["plan"], body.get("text", "")
                world.location, world.pause = body.get("location", ""), body.get("pause", "")
                self.answer(204, None)
            case "/release":
                world.released.set()
                self.answer(204, None)
            case "/begin":
                world.released.set()
                Handler.world = World()
                self.answer(204, None)
            case _:
                self.written(body)

    def do_PUT(self) -> None:
        self.written(self.body())

    def do_DELETE(self) -> None:
        self.written(None)

    def written(self, body: object) -> None:
        world, key = self.world, self.headers.get("Idempotency-Key", "")
        sent = dict(self.headers.items())
        world.seen.append(
            {"method": self.command, "path": self.path, "key": key, "body": body, "headers": sent}
        )
        how = world.plan.pop(0) if world.plan else "ok"
        if how.isdigit():
            self.answer(int(how), {"error": world.text}, pause=world.pause)
            return
        if self.command == "DELETE":
            status = 200 if world.remove(self.path.rpartition("/")[2]) else 404
            answer: dict[str, Any] = {"removed": status == 200}
        else:
            status, answer = 201, world.act(key, body, self.path.startswith("/keyed/"))
        match how:
            case "drop":
                self.close_connection = True
            case "hang":
                world.released.wait(60)
                self.close_connection = True
            case "cut":
                self.head(status, 10_000)
                self.wfile.write(b'{"id":')
                self.close_connection = True
            case "raw":
                self.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
                self.close_connection = True
            case "twice":
                self.answer(status, answer)
                self.answer(status, {"id": "another"})
                self.close_connection = True
            case _:
                self.answer(status, answer)

    def body(self) -> Any:
        size = int(self.headers.get("Content-Length") or 0)
        return json.loads(self.rfile.read(size)) if size else None

    def head(self, status: int, size: int, location: str = "", pause: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(size))
        if location:
            self.send_header("Location", location)
        if pause:
            self.send_header("Retry-After", pause)
        self.end_headers()

    def answer(self, status: int, value: Any, pause: str = "") -> None:
        content = b"" if value is None else json.dumps(value).encode()
        made = f"/things/{value['id']}" if isinstance(value, dict) and "id" in value else ""
        self.head(status, len(content), self.world.location or made, pause)
        self.wfile.write(content)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()  # until the parent closes the pipe, or is gone


if __name__ == "__main__":
    main()
