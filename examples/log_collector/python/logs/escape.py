"""Bytes as one line of printable UTF-8, and back."""

import re

# Control characters (but the tab), U+0080 to U+009F, bytes that are no UTF-8 (which Python's
# "surrogateescape" reads as U+DC80 to U+DCFF), and a backslash that would read as an escape.
_SPECIAL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\udc80-\udcff]|\\(?=x[0-9a-fA-F]{2})")
_ESCAPE = re.compile(rb"\\x([0-9a-fA-F]{2})")


def escape(line: bytes) -> str:
    r"""Each special byte becomes ``\xNN``."""
    text = line.decode("utf-8", "surrogateescape")
    return _SPECIAL.sub(_escaped, text) if _SPECIAL.search(text) else text


def unescape(text: str) -> bytes:
    """The bytes that `escape` was given."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text.encode())


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape"))
