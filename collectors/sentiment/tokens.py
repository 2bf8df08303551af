"""Texts to rows of numbers: each distinct word is looked up once, the rest is arithmetic on arrays.

Letters in lower case, typographic apostrophes made plain; a number is ``0``, a cashtag ``$ticker``; each of
``! ? % $``, each emoji and each emoticon of the lexicon is a token of its own; other punctuation goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from collectors.sentiment.lexicon import Lexicon

TOKEN = re.compile(
    r"(?P<cashtag>\$[a-z]+(?:\.[a-z])?(?!\w))|(?P<number>\d+(?:[.,]\d+)*(?![\w-]))|"
    r"\w+(?:['&-]\w+)*|[!?%$]|[^\w\s\x00-\x7f]"
)
# Stripped from a word's ends, these leave its tokens as they are: none of them begins or ends a token.
AT_THE_ENDS = "\"#&'()*+,-./:;<=>@[\\]^`{|}~"
EDGE = 0  # the token before the first and behind the last word of every text
NEGATION_ENDING = "n't"
# Distinct words kept in memory; a forum's typing errors have no end.
VOCABULARY_LIMIT = 200_000

Hashes = NDArray[np.uint32]

COLUMNS = (np.uint32, float, float, bool, bool, bool)  # of the table: TokenRows from hashes on


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Texts as one row of tokens, W with the edges between them; text k begins at its edge ``starts[k]``."""

    starts: NDArray[np.int64]
    text: NDArray[np.int64]  # (W,) which text a token belongs to
    hashes: Hashes  # (W,)
    valence: NDArray[np.float64]  # (W,)
    booster: NDArray[np.float64]  # (W,)
    is_negation: NDArray[np.bool_]  # (W,)
    is_but: NDArray[np.bool_]  # (W,)
    is_exclamation: NDArray[np.bool_]  # (W,)


class _RowsOfWords(dict[str, tuple[int, ...]]):
    """A word as written -> rows of the table, found out at first sight."""

    def __init__(self, find_out: Callable[[str], tuple[int, ...]]) -> None:
        super().__init__()
        self._find_out = find_out

    def __missing__(self, word: str) -> tuple[int, ...]:
        rows = self[word] = self._find_out(word)
        return rows


class Vocabulary:
    """Remembers what each distinct written word becomes."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._clear()

    def _clear(self) -> None:
        self._rows_of_words = _RowsOfWords(self._rows_of_word)
        self._row_of: dict[str, int] = {}
        self._table: list[tuple[int, float, float, bool, bool, bool]] = []
        self._arrays: list[NDArray[np.generic]] = [np.empty(0, dtype) for dtype in COLUMNS]
        self._row("")  # EDGE

    def split(self, text: str) -> list[int]:
        """Return the tokens of a text as rows of the table."""
        return list(chain.from_iterable(map(self._rows_of_words.__getitem__, text.split())))

    def rows(self, texts: Sequence[Sequence[int]]) -> TokenRows:
        """Return split texts as arrays."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        ids = np.array([*chain.from_iterable((EDGE, *text) for text in texts), EDGE])
        starts = np.cumsum(lengths) - lengths
        text = np.repeat(np.arange(len(texts) + 1), [*lengths, 1])
        hashes, *columns = (column[ids] for column in self._columns())
        return TokenRows(starts, text, hashes, *columns)

    def make_room(self) -> None:
        """Forget all words once there are too many; what was split before is void."""
        if len(self._rows_of_words) > VOCABULARY_LIMIT:
            self._clear()

    def _rows_of_word(self, word: str) -> tuple[int, ...]:
        return tuple(map(self._row, tokens_of(word, self._lexicon)))

    def _row(self, token: str) -> int:
        row = self._row_of.get(token)
        if row is None:
            row = self._row_of[token] = len(self._table)
            self._table.append(
                (
                    token_hash(token),
                    self._lexicon.words.get(token, self._lexicon.emoji.get(token, 0.0)),
                    self._lexicon.boosters.get(token, 0.0),
                    token in self._lexicon.negations or token.endswith(NEGATION_ENDING),
                    token == "but",  # noqa: S105
                    token == "!",  # noqa: S105
                )
            )
        return row

    def _columns(self) -> list[NDArray[np.generic]]:
        if new := self._table[len(self._arrays[0]) :]:
            added = zip(self._arrays, zip(*new, strict=True), strict=True)
            self._arrays = [np.append(column, np.array(values, column.dtype)) for column, values in added]
        return self._arrays


def tokens_of(word: str, lexicon: Lexicon) -> list[str]:
    """Return the tokens of one written word."""
    word = word.lower().replace("’", "'")
    if word in lexicon.words:
        return [word]
    bare = word.strip(AT_THE_ENDS)
    if bare.isalpha():  # three distinct words of four need no pattern
        return [bare]
    tokens = []
    for match in TOKEN.finditer(word):
        token = {"cashtag": "$ticker", "number": "0"}.get(match.lastgroup or "", match.group())
        parts = [token] if token in lexicon.words else token.split("-")
        tokens += ["0" if part.isdigit() else part for part in parts]
    return tokens


def token_hash(token: str) -> int:
    return crc32(token.encode("utf-8", "surrogatepass"))


def pair_hash(first: Hashes, second: Hashes) -> Hashes:
    """Return the hash of two neighbours: other than that of the same two turned round."""
    mixed: Hashes = (first * np.uint32(0x9E3779B1)) ^ (second * np.uint32(0x85EBCA6B) + np.uint32(0x27D4EB2F))
    return mixed
