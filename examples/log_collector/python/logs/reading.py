"""The lines of a file, decompressed where it is gzip'd."""

import os
import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO

GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 128 << 10


class ReadError(Exception):
    """The reason alone: "No such file or directory"."""


class LineReader:
    """Iterates over (line without its newline, its size with the newline).

    Raises `ReadError` when made or at the end of all that could be read.
    """

    def __init__(self, path: bytes) -> None:
        try:
            # Without O_NONBLOCK a FIFO would wait here for a writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise ReadError(error.strerror) from None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise ReadError("Not a regular file")
        self.modified = status.st_mtime_ns // 10**9
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115

    def __enter__(self) -> "LineReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        rest = b""
        error = None
        try:
            for chunk in _chunks(self._file):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line, len(line) + 1
        except OSError as failure:
            error = failure.strerror
        except (zlib.error, EOFError) as failure:
            error = f"Damaged gzip file: {str(failure).partition(': ')[2] or failure}"
        if rest:
            yield rest, len(rest)
        if error:
            raise ReadError(error)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    chunk = file.read(_CHUNK)
    if chunk.startswith(GZIP_MAGIC):
        yield from _decompressed(chunk, file)
        return
    while chunk:
        yield chunk
        chunk = file.read(_CHUNK)


def _decompressed(chunk: bytes, file: BinaryIO) -> Iterator[bytes]:
    """A gzip'd file may be many, one behind the other; what else follows is passed over."""
    stream = zlib.decompressobj(wbits=31)
    while chunk:
        before = stream.copy()
        try:
            yield stream.decompress(chunk)
        except zlib.error:
            yield _up_to_the_damage(before, chunk)
            raise
        if stream.eof:
            chunk = stream.unused_data or file.read(_CHUNK)
            if not chunk.startswith(GZIP_MAGIC):
                return
            stream = zlib.decompressobj(wbits=31)
        else:
            chunk = file.read(_CHUNK)
    raise EOFError("unexpected end of file")


def _up_to_the_damage(stream: "zlib._Decompress", chunk: bytes) -> bytes:
    """What a chunk holds before the place where it is damaged, byte by byte."""
    decompressed = bytearray()
    try:
        while chunk:
            decompressed += stream.decompress(chunk, 1)
            chunk = stream.unconsumed_tail
    except zlib.error:
        pass
    return bytes(decompressed)
