"""Text made harmless: what came from outside cannot be made to say something else, nor to hide what it says.

Inputs, messages, names and model output may hold control characters, ANSI sequences, marks that turn the direction of
writing, or characters that take no room: they are shown as escapes.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_UNSEEN: Final = frozenset(
    (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10))
)
"""Letters and marks that Unicode has ignored by default: fillers, joiners and variation selectors."""
_SELECTORS: Final = range(0xE0100, 0xE01F0)


def neutral(text: object) -> str:
    """Return text as one harmless line: whatever cannot be seen, line ends included, is a visible escape."""
    return "".join(_shown(char) for char in str(text))


def _shown(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    code = ord(char)
    if unicodedata.category(char) not in _HIDDEN and code not in _UNSEEN and code not in _SELECTORS:
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
