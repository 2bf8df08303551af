"""Build resources/sample from the public data sets that its NOTICE names: same input, same bytes.

python scripts/build_sample.py ../shared/data
"""

from __future__ import annotations

import argparse
import codecs
import csv
import gzip
import hashlib
import html
import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from collectors.archives.post_layouts import clean
from collectors.archives.values import instant_of
from collectors.market_calendar import session_after, session_of
from collectors.mentions import find_mentions
from collectors.universe import load_universe

TICKERS = (
    *(
        "AAPL",
        "AMD",
        "AMZN",
        "BA",
        "BAC",
        "CAT",
        "CVX",
        "DIS",
        "FB",
        "GE",
        "GOOGL",
        "GS",
        "HD",
        "INTC",
        "JNJ",
    ),
    *("JPM", "KO", "MCD", "MSFT", "NFLX", "NVDA", "PEP", "PFE", "PG", "T", "TSLA", "UNH", "V", "WMT", "XOM"),
)
FUND = "SPY"
FIRST_SESSION = "2005-01-03"
LAST_SESSION = "2021-03-30"  # SPY's bar of 2021-03-31 holds a part of the session's volume
FIRST_MACRO_DAY = "2004-01-01"
MACRO = (
    *("CPIAUCSL", "DGS10", "DGS2", "FEDFUNDS", "ICSA", "INDPRO"),
    *("M2SL", "PAYEMS", "T10Y2Y", "UNRATE", "USREC"),
)
PRICE_SCALE = 10_000  # the unadjusted SPY file holds prices x 10,000
TWEETS_A_DAY = 5  # per ticker and session
BEST_LENGTH = (30, 1500)  # characters of a post that says something and is still read

# Words that keep a post out, in rot13 so that nobody has to read them; STEMS anywhere in a word.
UNFIT_WORDS = frozenset(
    codecs.decode(
        """
        nobegvba ns nypbubyvp nany nahf nefr nefrubyr nff nffrf nffubyr nffubyrf nhgvfz nhgvfg
        nhgvfgvp nhgvfgf ontubyqre onyyf onyyfnpx onat onatvat onfgneq onfgneqf orre os ovxvav ovgpu
        ovgpurf ow oyrrq oybj oybjwbo obzo obare obbo obbovrf obbof ohyyfuvg ohggubyr puvax pvnyvf
        pbpx pbpxf pbba penc phpx phpxf phz phzzvat phag phagf qnqql qnza qrnq qvnzbaqunaqrqergneq
        qvpx qvpxf qvr qvrf qvyqb qbat qehax qhzonff qhzoshpx qlxr rarzn rerpgvba rfpbeg rfpbegf snt
        snttbg sntf snc spx shpx shx tnat tnatonat tnatfgn tnatfgre tnl ts tveysevraq tbb ungr ungrf
        uryy uragnv uvgyre ub ubr ubrf ubybpnhfg ubzb ubbxre ubbxref ubeal vaprfg vaahraqb vaahraqbf
        vafgntenz vfvf wrex wrexvat wrfhf wrj wrjf wvmm xvxr xvyy xvyyrq xvyyvat xvaxl yrfovna
        yvatrevr yznb yzsnb znfgheongr znfgheongvat zvys zvabe zbyrfg zbgureshpxre zhqre zheqre
        zheqrerq zhfyvz zhfyvzf anxrq anmv arteb avttn avttre afsj ahqr ahqrf baylsnaf betnfz betl
        cnxv crqb crqbcuvyr cravf cvff cvffrq cbea cbeab cbeal cebfgvghgr chffl dhrre enpvfg encr
        encrq encvfg ergneq ergneqrq ergneqf fpuybat frzra frk frkhny frkl fuvg fuvgubyr fuvggl
        fynir fynirf fyhg fyhgf fzq fzhg fcvp fgsh fgbarq fgevccre fhpx fhpxf fhtne fhvpvqr gneq
        gneqf greebevfg grfgvpyr grfgvpyrf gubat gvg gvgf gvggvrf gvggl genaal gjng intvan ivnten
        jnax jnaxre jrrq juber juberf jvsr jvsrf jgs kkk
        """,
        "rot13",
    ).split()
)
UNFIT_STEMS = re.compile(
    "|".join(
        codecs.decode(
            """
            nffubyr nhgvf ovgpu obbo pbpx phag qvpx sntt shpx uvgyre ubeal wrex znfgheo anmv avtt cravf cbea
            chffl encr ergneq fuvg fyhg fhvpvq gneq gvgf jnax juber
            """,
            "rot13",
        ).split()
    )
)
LINK = re.compile(r"https?:\S*|\bwww\.\S+|\b\S+\.(?:com|ly|co|net|org)/\S*")
MARKDOWN_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
USER = re.compile(r"(?<![\w/])(?:@\w+|/?u/[\w\-]+)")
RETWEET = re.compile(r"^\W*(?:RT|MT)\b|\b(?:RT|MT|via)\b\s*:?\s*@", re.IGNORECASE)
WORD = re.compile(r"[a-z']+")
TAG = re.compile(r"[$#@][\w.]+")
ADVERTISING = re.compile(
    r"penny ?stock|newsletter|next pick|research on|message board|must see|view now|get (?:more|free)|"
    r"subscri|chat ?room|sign up|join |promo|day low|52wk|last trade|ex-div|max pain|reports? (?:on|you)|"
    r"stock forum|% change|investor opinions|financialnews|watch ?list|stock ideas|trending|check out$|"
    r"must have|keeping my eye|showing on my|rate_limit|buzz|last price|bid size|see how|stock alerts|"
    r"picks|stocks? (?:to|you should)|click$|opinions updated|news updated"
)
# A line of cashtags below the text, as robots write; a user name in front.
BOT = re.compile(r"\n\$[\w.]+ \$[\w.]+ \$|^(?:#?\$[\w.]+ )?[A-Za-z]\w{3,}: |\ufffd")
SPACE = re.compile(r"[ \t\u200b\xa0]+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with prices/, macro/ and posts/")
    parser.add_argument("--out", type=Path, default=Path("resources/sample"))
    arguments = parser.parse_args()
    data, out = arguments.data, arguments.out
    write_table(out / "prices" / "bars.csv.gz", PRICE_HEADER, price_rows(data / "prices"))
    for series in MACRO:
        rows = list(csv.reader((data / "macro" / f"{series}.csv").read_text().splitlines()))
        kept = [row for row in rows[1:] if row[0] >= FIRST_MACRO_DAY]
        write_table(out / "macro" / f"{series}.csv.gz", rows[0], kept)
    write_posts(out / "posts" / "tweets_2014_2015.jsonl.gz", tweets(data / "posts"))
    write_posts(out / "posts" / "wallstreetbets_2020_2021.jsonl.gz", reddit_posts(data / "posts"))
    for path in sorted(out.rglob("*.gz")):
        print(f"{path.stat().st_size:>9,} bytes  {path}")


# Prices -------------------------------------------------------------------------------------------

PRICE_HEADER = ["ticker", "date", "open", "high", "low", "close", "volume", "dividend", "split"]


def price_rows(folder: Path) -> Iterator[list[str]]:
    """Yield bars as traded, by ticker and session."""
    for ticker in TICKERS:
        with gzip.open(folder / "us_daily" / f"{ticker}.csv.gz", "rt") as file:
            for row in csv.DictReader(file):
                if FIRST_SESSION <= row["timestamp"] <= LAST_SESSION:
                    prices = [row[name] for name in ("timestamp", "open", "high", "low", "close", "volume")]
                    yield [
                        ticker,
                        *prices,
                        unless(row["dividend_amount"], 0),
                        unless(row["split_coefficient"], 1),
                    ]
    yield from spy_rows(folder / "unadjusted_with_factors")


def unless(text: str, nothing: float) -> str:
    """Return a number's text, or '' where it says that there was no action."""
    return "" if float(text) == nothing else text


def spy_rows(folder: Path) -> Iterator[list[str]]:
    """Yield SPY's bars; dividends follow from the factor file."""
    dividends = spy_dividends((folder / "spy_factors.csv").read_text())
    with zipfile.ZipFile(folder / "spy.zip") as archive:
        text = archive.read("spy.csv").decode()
    for moment, *prices, volume in csv.reader(text.splitlines()):
        session = f"{moment[:4]}-{moment[4:6]}-{moment[6:8]}"
        if FIRST_SESSION <= session <= LAST_SESSION:
            in_usd = [f"{int(price) / PRICE_SCALE:.10g}" for price in prices]
            yield [FUND, session, *in_usd, volume, dividends.get(session, ""), ""]


def spy_dividends(text: str) -> dict[str, str]:
    """Return USD per share by ex-dividend session.

    A row holds a day, the factor on all prices up to that day, and that day's close. Each factor is the
    next one x (1 - dividend / close), and the ex-dividend session is the one behind the row's day.
    """
    rows = [line.split(",") for line in text.split()]
    dividends = {}
    for (day, factor, _, close), (_, later, _, _) in pairwise(rows):
        amount = float(close) * (1 - float(factor) / float(later))
        if amount > 0.001:
            dividends[session_after(f"{day[:4]}-{day[4:6]}-{day[6:]}", 1)] = f"{amount:.3f}"
    return dividends


# Posts --------------------------------------------------------------------------------------------


def tweets(folder: Path) -> list[dict[str, object]]:
    """Return a few tweets per ticker and session, without retweets, user names and links."""
    tickers: dict[str, set[str]] = defaultdict(set)
    texts: dict[str, tuple[str, str]] = {}
    with gzip.open(folder / "stocknet_tweets_2014_2015.jsonl.gz", "rt") as file:
        for line in file:
            tweet = json.loads(line)
            ticker = "GOOGL" if tweet["ticker"] == "GOOG" else tweet["ticker"]
            if ticker not in TICKERS or RETWEET.search(tweet["text"]) or tweet["created_at"] >= "2016":
                continue
            if len(ticker) > 1 or re.search(rf"(?<![\w$])\${ticker}(?![\w.])", tweet["text"]):
                tickers[tweet["id"]].add(ticker)
                texts[tweet["id"]] = (tweet["created_at"], plain(tweet["text"]))
    kept: dict[tuple[str, str], int] = defaultdict(int)
    seen: set[str] = set()
    posts = []
    for number in sorted(texts, key=digest):
        created_at, text = texts[number]
        session = session_of(created_at)
        if signature(text) in seen or not fit(text):
            continue
        wanted = {t for t in tickers[number] if kept[t, session] < TWEETS_A_DAY}
        if wanted:
            seen.add(signature(text))
            for ticker in wanted:
                kept[ticker, session] += 1
            posts.append(
                post(f"stocknet-{number}", "stocknet", "twitter", "", text, created_at, tickers[number])
            )
    return posts


def reddit_posts(folder: Path) -> list[dict[str, object]]:
    """Return decent posts and comments of r/wallstreetbets that speak of a ticker of the sample."""
    universe = load_universe()
    posts: dict[str, dict[str, object]] = {}  # by the beginning of their words: many were posted twice
    for title, body, at in reddit_texts(folder):
        title, body = plain(title), plain(body)
        mentioned = find_mentions(f"{title}\n{body}", universe) & {*TICKERS, FUND}
        if mentioned and fit(f"{title} {body}") and body not in ("[removed]", "[deleted]"):
            created_at = instant_of(at)
            number = f"reddit-{at}-{title}-{body}"
            posts.setdefault(
                signature(title + body),
                post(number, "reddit", "wallstreetbets", title, body, created_at, mentioned),
            )
    return list(posts.values())


def reddit_texts(folder: Path) -> Iterator[tuple[str, str, str]]:
    for name in ("wallstreetbets_2020_2021", "wallstreetbets_big_2020_2021"):
        for row in read_csv(folder / f"{name}.csv.gz"):
            yield row["title"], row["text"], row["date"]
    for row in read_csv(folder / "wsb_io_2020_2021.csv.gz"):
        yield "", row["title"], row["created_utc"]


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def plain(text: str) -> str:
    """Return a text without links, and with @user for every user name."""
    text = MARKDOWN_LINK.sub(r"\1", clean(text))
    text = USER.sub("@user", LINK.sub("", text))
    lines = (SPACE.sub(" ", line).strip() for line in html.unescape(text).splitlines())
    return "\n".join(line for line in lines if line)


def signature(text: str) -> str:
    """Return the first letters of a text: many were posted several times with another link."""
    return re.sub(r"[^a-z]", "", text.lower())[:60]


def fit(text: str) -> bool:
    """Tell whether a text is decent, no advertisement, says something, and is written in English letters."""
    words = [word.strip("'") for word in WORD.findall(text.lower().replace("’", "'"))]
    if not BEST_LENGTH[0] <= len(text) <= BEST_LENGTH[1] or len(WORD.findall(TAG.sub("", text).lower())) < 5:
        return False
    if re.search(r"\w\*+\w|🌈|🍆|🍑|💦", text):  # a word hidden behind asterisks or signs
        return False
    if (
        ADVERTISING.search(text.lower())
        or BOT.search(text)
        or sum(c.isalpha() and not c.isascii() for c in text) > 2
    ):
        return False
    return not (UNFIT_WORDS.intersection(words) or UNFIT_STEMS.search(" ".join(words)))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def post(
    number: str, source: str, community: str, title: str, body: str, created_at: str, tickers: Iterable[str]
) -> dict[str, object]:
    """Return a record of the import's generic layout; the id leads to no author."""
    return {
        "post_id": f"sample:{digest(number)}",
        "source": source,
        "community": community,
        "title": title,
        "body": body,
        "created_at": created_at,
        "tickers": sorted(tickers),
    }


# Writing ------------------------------------------------------------------------------------------


def write_posts(path: Path, posts: list[dict[str, object]]) -> None:
    posts.sort(key=lambda record: (str(record["created_at"]), str(record["post_id"])))
    write(path, lambda file: file.writelines(json.dumps(p, ensure_ascii=False) + "\n" for p in posts))
    print(f"{len(posts):>9,} posts  {path}")


def write_table(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    def fill(file: io.TextIOBase) -> None:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])

    write(path, fill)


def write(path: Path, fill: Callable[[io.TextIOBase], None]) -> None:
    """Write a gzip file without a time stamp or a name in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as file,
    ):
        fill(file)


if __name__ == "__main__":
    main()
