"""Answers that are read by hand, and those that are left to the standard library."""

from __future__ import annotations

import socket
import threading

import pytest

from pulsetrain.supervisor.link import Link
from pulsetrain.supervisor.quick import NotPlain, ask


def answered(*pieces: bytes) -> tuple[int, bytes, bool]:
    """What `ask` makes of an answer that comes in `pieces`, before which the request is read whole."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)
        found = ask(ours, "POST", "host:1", "/x", b"body", {"A": "b"})
        assert theirs.recv(4096) == b"POST /x HTTP/1.1\r\nHost: host:1\r\nContent-Length: 4\r\nA: b\r\n\r\nbody"
    return found


def test_an_answer_in_any_pieces_is_read() -> None:
    whole = b'HTTP/1.1 409 Conflict\r\nContent-Type: x\r\ncontent-length: 7\r\n\r\n{"a":1}'
    assert answered(whole) == (409, b'{"a":1}', True)
    assert answered(*[whole[place : place + 1] for place in range(len(whole))]) == (409, b'{"a":1}', True)
    assert answered(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n") == (200, b"", False)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
    ],
)
def test_what_is_not_plain_is_left_to_others(answer: bytes) -> None:
    with pytest.raises(NotPlain):
        answered(answer)


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with pytest.raises(ConnectionResetError):
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")


def test_chunks_of_a_proxy_are_understood_all_the_same() -> None:
    """The request is made again, by the standard library, and from then on always."""
    chunked = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"n": 1}\r\n0\r\n\r\n'
    seen: list[int] = []

    def serve(listener: socket.socket) -> None:
        for number in range(2):
            connection, _ = listener.accept()
            with connection:
                for _ in range(number + 1):
                    data = b""
                    while not data.endswith(b"END"):
                        data += connection.recv(4096)
                    seen.append(number)
                    connection.sendall(chunked)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        link = Link(f"http://127.0.0.1:{listener.getsockname()[1]}", "r_a", "token")
        assert [link.records(b"END") for _ in range(2)] == [{"n": 1}, {"n": 1}]
        link.close()
        server.join()
    assert seen == [0, 1, 1]
