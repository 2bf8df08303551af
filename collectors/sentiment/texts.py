"""The one rule that turns a post into the text that is scored.

In this order: UTF-8 that was read as cp1252 is repaired (``donâ€™t`` -> ``don’t``); HTML entities are
unescaped, twice because Reddit's dumps escape twice (``&amp;#x200B;``); a title or body that only says
that the text was removed counts as empty; title and body are joined by a blank, a body that repeats its
title is left out; a Markdown link becomes its words and ``http``, every other link ``http``; ``@name``
and ``u/name`` become ``@user``; invisible characters go; whitespace collapses. Case, punctuation, cashtags
and emoji stay, because both scorers read them.
"""

from __future__ import annotations

import html
import re

REMOVED = frozenset(
    {
        "[removed]",
        "[deleted]",
        "[deleted by user]",
        "[removed by reddit]",
        "[ removed by reddit ]",
        "removed",
        "deleted",
    }
)

# What each byte from 0x80 on looks like when it is read as cp1252; the five bytes that cp1252 leaves
# undefined come through as control characters, as browsers do it.
UNDEFINED_IN_CP1252 = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
BYTE_OF = {
    (chr(byte) if byte in UNDEFINED_IN_CP1252 else bytes([byte]).decode("cp1252")): byte
    for byte in range(0x80, 0x100)
}
CONTINUATION = "[" + re.escape("".join(char for char, byte in BYTE_OF.items() if byte < 0xC0)) + "]"
# Two-byte sequences are taken from Latin-1's letters alone (lead bytes C2, C3): others are seen in
# sound text, as in a name in capitals before a typographic apostrophe.
MISREAD = re.compile(
    f"[\u00c2\u00c3]{CONTINUATION}|[\u00e0-\u00ef]{CONTINUATION}{{2}}|[\u00f0-\u00f4]{CONTINUATION}{{3}}"
)

MARKDOWN_LINK = re.compile(r"\[([^\]\[]*)\]\(\s*(?:https?://|www\.|/)[^)\s]*\)")
LINK = re.compile(r"(?:https?://|www\.)\S*", re.IGNORECASE)
USER = re.compile(r"(?<![\w@/.])@[A-Za-z_]\w*|(?<![\w/])/?u/[\w-]+")
# Zero-width characters, byte-order marks, text direction marks and control characters.
INVISIBLE = re.compile("[\u200b\u200c\u200e\u200f\u202a-\u202e\u2060\ufeff\x00-\x08\x0e-\x1f\x7f-\x9f]")
STAND_INS = re.compile(r"http\b|@user\b")


def post_text(title: str, body: str) -> str:
    """Return the text of a post that is scored; empty where nothing was said or nothing is left."""
    head, rest = plain_text(title), plain_text(body)
    if head and rest.startswith(head):
        return rest
    return f"{head} {rest}".strip()


def plain_text(raw: str) -> str:
    """Return one text by the rule above; empty for a text that was removed."""
    text = html.unescape(html.unescape(repair_encoding(raw)))
    if text.strip().lower() in REMOVED:
        return ""
    text = MARKDOWN_LINK.sub(r"\1 http", text)
    if "://" in text or "www." in text.lower():  # the guards save half of the time
        text = LINK.sub("http", text)
    if "@" in text or "u/" in text:
        text = USER.sub("@user", text)
    return " ".join(INVISIBLE.sub("", text).split())


def is_scorable(text: str) -> bool:
    """Return whether a text by the rule says anything: more than links and names."""
    return text.lower() not in REMOVED and bool(STAND_INS.sub("", text).strip())


def repair_encoding(text: str) -> str:
    """Return a text whose UTF-8 was read as cp1252 as it was written.

    Only sequences whose bytes are sound UTF-8 are touched, so that sound text stays as it is.
    """
    return text if text.isascii() else MISREAD.sub(_reread, text)


def _reread(match: re.Match[str]) -> str:
    try:
        return bytes(BYTE_OF[char] for char in match.group()).decode("utf-8")
    except UnicodeDecodeError:
        return match.group()
