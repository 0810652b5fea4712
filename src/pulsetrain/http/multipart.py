"""File uploads from forms, handed on while they arrive: memory stays small however large the file."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from pulsetrain.model.errors import BadRequest, TooLarge

_OVERHEAD = 64 * 1024
"""Bytes that a form may have around its file."""
_PATIENCE_SECONDS = 20.0
"""How long the rest of a refused upload is listened to."""

_HINT = "Send multipart/form-data with one file in the field 'file'."


class UploadedFile:
    """The file of a form: its name, and its content as it arrives."""

    def __init__(self, filename: str, chunks: AsyncIterator[bytes]) -> None:
        self.filename = filename
        self.chunks = chunks


async def uploaded_file(request: Request, too_large: TooLarge, limit: int) -> UploadedFile:
    """The file in the field `file`. Returns as soon as its name is known.

    Raises `too_large` before anything is read where the request itself says that it has more than `limit` bytes, and
    BadRequest for what is no form or has no file. Reading the chunks may raise BadRequest for a torn form.
    """
    request.state.body = request.stream()
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit + _OVERHEAD:
        raise too_large
    form = _Form(request)
    filename = await form.next_file()
    if filename is None:
        raise BadRequest("The form has no file.", hint=_HINT)
    return UploadedFile(filename, form.content())


class Refused(Response):
    """The refusal of an upload whose rest is still on its way.

    A connection that is closed while the other end sends is reset, and browsers then show no answer at all. So the
    answer goes out at once, and what still comes is thrown away for a while.
    """

    def __init__(self, answer: Response, request: Request) -> None:
        super().__init__()
        self._answer = answer
        self._rest: AsyncGenerator[bytes, None] = request.state.body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._answer.headers["connection"] = "close"

        async def keep_open(message: Message) -> None:
            await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

        await self._answer(scope, receive, keep_open)
        with contextlib.suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                async for _ in self._rest:
                    pass
        await send({"type": "http.response.body", "body": b""})


class _Form:
    """A form that is read only as far as somebody asks for. Parts before the file are skipped."""

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type"))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadRequest("The body is not a form with a file.", hint=_HINT)
        self._stream: AsyncGenerator[bytes, None] = request.state.body
        self._header_name = self._header_value = b""
        self._disposition = b""
        self._in_file = False
        self._filename: str | None = None
        self._ready: deque[bytes] = deque()
        self._file_ended = self._form_ended = False
        self._around = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value_part,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    async def next_file(self) -> str | None:
        """Read up to the beginning of the file; its name, or None if the form ends before."""
        while self._filename is None and not self._form_ended:
            if not await self._read():
                break
            if self._around > _OVERHEAD:
                raise BadRequest("The form has too much before its file.", hint=_HINT)
        return self._filename

    async def content(self) -> AsyncIterator[bytes]:
        """The file's bytes. What follows it in the form is not read."""
        while True:
            while self._ready:
                yield self._ready.popleft()
            if self._file_ended:
                return
            if not await self._read():
                raise BadRequest("The form ends in the middle of its file.", hint="Send it again.")

    async def _read(self) -> bool:
        chunk = await anext(self._stream, b"")
        if not chunk:
            return False
        try:
            self._parser.write(chunk)
        except FormParserError as problem:
            raise BadRequest(f"The form is broken: {problem}.", hint=_HINT) from None
        return True

    # ---- what the parser calls ----

    def _part_begin(self) -> None:
        self._disposition = b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._count(end - start)

    def _header_value_part(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._count(end - start)

    def _header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name, filename = options.get(b"name"), options.get(b"filename")
        if name == b"file" and filename is not None and self._filename is None:
            # Browsers write names in UTF-8; a byte that is not becomes a mark, and the rest stays a name.
            self._filename = filename.decode("utf-8", "replace")
            self._in_file = True

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._ready.append(data[start:end])
        else:
            self._count(end - start)

    def _part_end(self) -> None:
        if self._in_file:
            self._in_file, self._file_ended = False, True

    def _end(self) -> None:
        self._form_ended = True

    def _count(self, size: int) -> None:
        self._around += size
        if self._around > 2 * _OVERHEAD:
            raise FormParserError("too much beside the file")
