"""HTTP/1.1 by hand, for the one request that is made many times a second beside training.

The standard library's parser of headers costs more than all the rest of such a request. What is not as plain as our own
server's answers (a proxy may make chunks of them) is left to the standard library.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

_LARGEST_HEAD = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n")
_NOT_PLAIN = (b"\r\ntransfer-encoding:", b"\r\ncontent-encoding:")


class NotPlain(Exception):
    """The answer is of a form that is not read here. The connection is of no use any more."""


def ask(
    connection: socket.socket, method: str, host: str, target: str, body: bytes, headers: Mapping[str, str]
) -> tuple[int, bytes, bool]:
    """Make a request; status and body of the answer, and whether the connection can be kept.

    Raises OSError or NotPlain.
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    data = _more(connection, b"")
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > _LARGEST_HEAD:
            raise NotPlain
        data = _more(connection, data)
    head, rest = data[: end + 2].lower(), data[end + 4 :]
    length = _LENGTH.search(head)
    if not head.startswith(b"http/1.1 ") or length is None or any(one in head for one in _NOT_PLAIN):
        raise NotPlain
    status = int(head[9:12])
    if not 200 <= status <= 599:
        raise NotPlain
    while len(rest) < int(length[1]):
        rest = _more(connection, rest)
    return status, rest, b"\r\nconnection: close" not in head


def _more(connection: socket.socket, data: bytes) -> bytes:
    piece = connection.recv(64 * 1024)
    if not piece:
        raise ConnectionResetError("the server closed the connection")
    return data + piece
