"""Which tickers a text speaks of: cashtags, tickers in capitals, company names and nicknames."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.universe import Company


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words in capitals that mean something else far more often than the stock: only a cashtag counts.
# Tickers of one letter never count without one.
WORDS_NOT_TICKERS = _words(
    """
    AI ALL AM AN AND ANY ARE AS AT ATH ATM BE BEST BIG BIT BRO BUY BY CALL CAN CASH CAT CEO CFO COO COST CPI
    CTO CUT DD DE DO DTE EAT ED EDIT EL EOD EOW EPS ER ES ET ETF EV EVER FANG FAST FD FED FOR FREE FUN FUND
    FYI GAIN GD GDP GO GOLD GOOD HAS HD HE HES HIGH HOLD HOLY HOPE HUGE ICE IMO IN IP IPO IQ IRS IT ITM JAN
    JOB KEY KEYS KIDS LAND LIFE LMAO LOL LOVE LOW MA MAIN MAN MARK MD MOD MOM MOON NEW NEXT NICE NOW NYSE
    OG OI OK OLD ON ONE OP OPEN OR OTC OTM OUT PAY PC PE PEAK PH PLAY PLUS PM POST PPL PR PSA PT PUMP PUT PUTS
    RE REAL RH RIDE RIP ROI ROPE RUN SAFE SAVE SEC SEE SELL SHE SI SO STAY SUB SUN TA TD TEAM TELL THE TLDR
    TO TRUE TV TWO UK UP US USA USB USD VERY WAS WELL WH WORK WSB YOLO YOU
    """
)

# Names that are everyday words: they count only when written with one leading capital.
EVERYDAY_NAMES = _words(
    """
    ally block booking boss carnival chase citizens discover dow equity garden gap general global key
    king live lucid match nucleus opendoor oracle pioneer principal progressive prudential public range
    realty snap snowflake south southern square stem target travelers trade unity universal visa waters
    """
)

LEGAL_ENDINGS = _words(
    "inc incorporated corp corporation co company companies ltd limited plc nv sa group holdings holding com"
)

CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,5})(?:[.\-/]([A-Za-z]))?(?!\w)")
WORD = re.compile(r"[^\W_]+(?:&[^\W_]+)*")
LINK = re.compile(r"(?:https?://|www\.)\S+")


@dataclass(frozen=True, slots=True)
class _Index:
    """What to look for in one universe."""

    universe: dict[str, Company]
    exact: dict[str, str]  # a word as written -> ticker
    former: dict[str, str]  # a cashtag in capitals that is no ticker of the universe -> ticker
    phrases: dict[str, list[tuple[tuple[str, ...], str]]]  # first word -> (all words, ticker), longest first


_newest_index = _Index({}, {}, {}, {})


def find_mentions(text: str, universe: Mapping[str, Company]) -> frozenset[str]:
    """Return the tickers of the universe that a text speaks of.

    A cashtag counts in any case (``$gme``, ``$BRK.B``), that of a former ticker too, a ticker alone only
    in capitals and unless it is an everyday word (WORDS_NOT_TICKERS), a company's name or nickname in any
    case, as whole words. Links are not read.
    """
    index = _index_of(universe)
    if "&amp;" in text:
        text = text.replace("&amp;", "&")
    if "://" in text or "www." in text:
        text = LINK.sub(" ", text)
    found: set[str] = set()
    if "$" in text:
        for symbol, share_class in CASHTAG.findall(text):
            full = f"{symbol}.{share_class}".upper() if share_class else symbol.upper()
            found.update(ticker for ticker in (full, symbol.upper()) if ticker in index.universe)
            if full in index.former:
                found.add(index.former[full])
        text = CASHTAG.sub(" ", text)
    found.update(index.exact[word] for word in index.exact.keys() & WORD.findall(text))
    words = WORD.findall(text.lower())
    if not index.phrases.keys().isdisjoint(words):
        found.update(_phrases_in(words, index))
    return frozenset(found)


def _phrases_in(words: list[str], index: _Index) -> list[str]:
    """Return the tickers named in a row of lower-case words, the longest name first at each place."""
    found = []
    position = 0
    while position < len(words):
        step = 1
        for phrase, ticker in index.phrases.get(words[position], ()):
            if tuple(words[position : position + len(phrase)]) == phrase:
                found.append(ticker)
                step = len(phrase)
                break
        position += step
    return found


def _index_of(universe: Mapping[str, Company]) -> _Index:
    """Return the index of a universe; the newest is kept, as long as the contents are the same."""
    global _newest_index
    index = _newest_index  # one read: another thread may put its own in the meantime
    if index.universe != universe:
        index = _newest_index = _build_index(dict(universe))
    return index


def _build_index(universe: dict[str, Company]) -> _Index:
    exact: dict[str, str] = {}
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for ticker, company in universe.items():
        if ticker.isalnum() and len(ticker) > 1 and ticker not in WORDS_NOT_TICKERS:
            exact[ticker] = ticker
        for phrase in _spoken_names(company):
            if len(phrase) == 1 and phrase[0] in EVERYDAY_NAMES:
                exact[phrase[0].capitalize()] = ticker
            else:
                phrases.setdefault(phrase[0], []).append((phrase, ticker))
    for candidates in phrases.values():
        candidates.sort(key=lambda candidate: -len(candidate[0]))
    former = {  # aliases written as tickers are, such as PCLN of Booking
        alias: ticker
        for ticker, company in universe.items()
        for alias in company.aliases
        if alias.isalpha() and alias.isupper() and alias not in universe
    }
    return _Index(universe, exact, former, phrases)


def _spoken_names(company: Company) -> set[tuple[str, ...]]:
    """Return a company's names as rows of lower-case words, with and without "The" and "Inc."."""
    names = {tuple(WORD.findall(name.lower())) for name in (company.name, *company.aliases)}
    names.add(_without_legal_words(tuple(WORD.findall(company.name.lower()))))
    if not company.ticker.isalnum():  # BRK.B, also written BRK-B or brk b
        names.add(tuple(WORD.findall(company.ticker.lower())))
    return {name for name in names if name and len("".join(name)) > 1}


def _without_legal_words(name: tuple[str, ...]) -> tuple[str, ...]:
    while len(name) > 1 and name[-1] in LEGAL_ENDINGS:
        name = name[:-1]
    return name[1:] if len(name) > 1 and name[0] == "the" else name
