"""A judge's endpoint on this machine that answers as it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from imap_fast.judge import CRITERIA


def judgement(score: int = 4, reason: str = "the heat follows the square") -> dict[str, Any]:
    """The same score by every criterion."""
    return {name: {"reason": reason, "score": score} for name in CRITERIA}


def completion(content: Any) -> dict[str, Any]:
    """A reply with status 200 whose message is `content`; what is no text is written as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    return {"json": {"choices": [{"message": {"role": "assistant", "content": text}}]}}


def failure(status: int, message: str = "no", **headers: str) -> dict[str, Any]:
    """A reply that complains as OpenAI's endpoint does."""
    return {"status": status, "json": {"error": {"message": message}}, "headers": headers}


SILENCE: dict[str, Any] = {"silent": True}
"""No reply before the server stops."""


@dataclass
class StandIn:
    """What it will answer, and what it was sent.

    Attributes:
        replies: in turn; the last one again and again.
        requests: path, headers and body of each request.
        silent: whether a request is left without a reply.
    """

    url: str
    replies: list[dict[str, Any]] = field(default_factory=lambda: [completion(judgement())])
    requests: list[dict[str, Any]] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """A server on 127.0.0.1, until the block ends."""
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
            reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
            if reply.get("silent"):
                server.silent.set()
                stopping.wait()
                return
            content = reply["raw"] if "raw" in reply else json.dumps(reply["json"]).encode()
            self.send_response(reply.get("status", 200))
            for name, value in reply.get("headers", {}).items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        server = StandIn(f"http://127.0.0.1:{listening.server_port}/v1")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            stopping.set()
            listening.shutdown()
            thread.join()
