"""A server that answers each path with bytes of the test's choice, over a real socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

Answers = dict[str, Iterable[bytes]]


def head(*lines: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", *lines, "Connection: close", "", "")).encode()


@contextmanager
def hostile(answers: Answers, pause: float = 0.0) -> Iterator[str]:
    """Serve `answers` by path; other paths get the answer of ''."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=600)

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(30)
            asked = b""
            while b"\r\n\r\n" not in asked:
                piece = connection.recv(65_536)
                if not piece:
                    return
                asked += piece
            path = asked.split(b" ")[1].decode().partition("?")[0]
            for piece in answers.get(path, answers.get("", ())):
                connection.sendall(piece)
                if pause:
                    time.sleep(pause)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
