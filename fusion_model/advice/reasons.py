"""How an unusual session is told to a person: how often such a thing was expected, and what came with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_model.dataset.panel import Panel

SESSIONS_OF_A_YEAR = 252
NEXT_TO_IMPOSSIBLE = 1e-5  # below that, "once in four hundred years" says more than anyone knows
REACTS = 0.4  # share of a reaction to a report from which a session counts as one
RELEASE_HABIT = 120  # sessions
RARE = 0.4  # share of them with news, above which a series is one of every day and no news
QUOTED = 140  # characters of a post
WORD = re.compile(r"[a-z]{4,}")
NOISE = re.compile(r"^RT @user:?|\bhttps?\b\S*|@user\b:?")
FEWEST_WORDS, MOST_TAGS = 4, 3  # of a post that is quoted

RELEASES = {
    "CPIAUCSL": "consumer prices",
    "UNRATE": "the unemployment rate",
    "PAYEMS": "payrolls",
    "INDPRO": "industrial production",
    "ICSA": "jobless claims",
    "M2SL": "the money supply",
    "FEDFUNDS": "the federal funds rate",
    "UMCSENT": "consumer sentiment",
    "GDP": "gross domestic product",
    "GDPC1": "real gross domestic product",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one measure saw of one ticker; ``beside`` names the related stocks, where it is about them."""

    measure: str
    observed: float
    expected: float
    p_value: float
    low: float = float("nan")
    high: float = float("nan")
    posts: int = 0
    beside: tuple[str, ...] = ()


def how_often(p_value: float) -> str:
    """Say a probability per session as a person would."""
    if p_value < NEXT_TO_IMPOSSIBLE:
        return "was thought next to impossible"
    sessions = 1.0 / p_value
    if sessions < SESSIONS_OF_A_YEAR:
        return f"was expected once in {sessions:.0f} sessions"
    years = sessions / SESSIONS_OF_A_YEAR
    return f"was expected once in {years:,.0f} {'year' if round(years) == 1 else 'years'}"


def percent(log_return: float) -> str:
    """Return a log return as a signed change in percent; what rounds to nothing has no sign."""
    change = round(float(np.expm1(log_return)) * 100, 1)
    return f"{change:+.1f} %".replace("-", "−") if change else "0.0 %"


def sentence(ticker: str, seen: Seen) -> str:
    """Say in full what one measure saw."""
    often = how_often(seen.p_value)
    match seen.measure:
        case "return":
            return (
                f"The price moved {percent(seen.observed)} (dividends included). The evening before, nine in "
                f"ten outcomes were expected between {percent(seen.low)} and {percent(seen.high)}; "
                f"a move this far out {often}."
            )
        case "range":
            return (
                f"Between low and high lay {np.expm1(seen.observed) * 100:.1f} %, {_times(seen)} the usual "
                f"{np.expm1(seen.expected) * 100:.1f} % of the last month; so wide a range {often}."
            )
        case "volume":
            return (
                f"{seen.observed:,.0f} shares changed hands, {_times(seen)} the usual "
                f"{seen.expected:,.0f} of the last month; so many {often}."
            )
        case "spread":
            return (
                f"The price moved {percent(seen.observed)}, where the moves of its related stocks "
                f"({', '.join(seen.beside)}) let expect {percent(seen.expected)}; such a gap {often}."
            )
        case "post_count":
            return (
                f"{seen.observed:.0f} posts spoke of {ticker}, against {seen.expected:.1f} on an average of "
                f"the last three months; so many {often}."
            )
        case "sentiment":
            return (
                f"The {seen.posts} posts were more {_leaning(seen)} than usual: {seen.observed:+.2f}, on a "
                f"scale from -1 to +1, against {seen.expected:+.2f} of the last three months; "
                f"such a turn {often}."
            )
    raise ValueError(f"there is no measure called {seen.measure}")


def joint_sentence(
    seen: Sequence[Seen], moved: float, p_value: float, beside: Sequence[str], said: str = ""
) -> str:
    """Say what the unusual measures of a session saw, what came with it, and how rare it was together.

    Parameters
    ----------
    seen : sequence of Seen
        The measures worth a word, least probable first.
    moved : float
        Log return of the session.
    beside : sequence of str
        Sentences on reports and releases.
    said : str
        What a post of the session said; empty: nothing is quoted.
    """
    told = f"The price moved {percent(moved)}" if np.isfinite(moved) else "No return is known"
    if percent(moved) == percent(0.0):
        told = "The price ended where it was"
    apart = "".join(f", {_clause(one)}" for one in seen if one.measure == "spread")
    clauses = [_clause(one) for one in seen if one.measure not in ("return", "spread")]
    parts = [f"{told}{apart}{', with ' if clauses else ''}{_listed(clauses)}.", *beside]
    if said:
        parts.append(f"A post said: “{_shortened(said)}”")
    parts.append(f"Taken together, a session as odd as this {how_often(p_value)}.")
    return " ".join(parts)


def most_telling(texts: Sequence[str]) -> str:
    """Return the post that says what most say: how many share each of its words, by the root of its length.

    What is repeated counts once. Lists of tickers or hashtags, and texts of a few words, are left out where
    others are there; of equal ones the first is taken.
    """
    plain = list(dict.fromkeys(" ".join(NOISE.sub(" ", text).split()) for text in texts))
    spoken = [frozenset(WORD.findall(text.lower())) for text in plain]
    shared = Counter(word for words in spoken for word in words)
    telling = [
        k
        for k, text in enumerate(plain)
        if len(spoken[k]) >= FEWEST_WORDS and text.count("$") + text.count("#") <= MOST_TAGS
    ]
    chosen = max(
        telling or range(len(plain)),
        key=lambda k: sum(shared[word] for word in spoken[k]) / max(len(spoken[k]), 1) ** 0.5,
        default=None,
    )
    return "" if chosen is None else plain[chosen]


def market_sentence(rose: int, fell: int, middle: float, distance: float, p_value: float) -> str:
    """Say how all stocks moved together."""
    return (
        f"{rose} stocks rose and {fell} fell, {percent(middle)} in the middle. Beside how strongly they move "
        f"of late, and which of them move together, that is {distance:.1f} times the usual distance from an "
        f"ordinary session; such a session {how_often(p_value)}."
    )


def reports_and_releases(panel: Panel, row: int, column: int | None = None) -> list[str]:
    """Return sentences on the earnings report of a ticker and the macro figures that a session brought."""
    found = []
    if column is not None and panel.earnings is not None:
        if panel.earnings[row, column, 0] >= REACTS:
            found.append("An earnings report came out for this session.")
        elif row and panel.earnings[row - 1, column, 1] >= REACTS:
            found.append("An earnings report was expected for this session.")
    released = [RELEASES.get(series, series) for series in _released(panel, row)]
    if released:
        found.append(f"Released for this session: {_listed(released)}.")
    return found


def _released(panel: Panel, row: int) -> list[str]:
    """Return the series of which a session was the first to know a figure, without those of every day."""
    if row == 0 or not panel.macro_series:
        return []
    rows = panel.macro[max(0, row - RELEASE_HABIT) : row + 1]
    news = ((rows[1:] != rows[:-1]) & np.isfinite(rows[1:])).any(axis=2)
    rare = news.mean(axis=0) < RARE
    return [series for m, series in enumerate(panel.macro_series) if news[-1, m] and rare[m]]


def _clause(seen: Seen) -> str:
    match seen.measure:
        case "range":
            return f"a range {_times(seen)} the usual"
        case "volume":
            return f"{_times(seen)} the usual volume"
        case "spread":
            side = "above" if seen.observed > seen.expected else "below"
            gap = abs(np.expm1(seen.observed) - np.expm1(seen.expected)) * 100
            return f"{gap:.1f} % {side} what its related stocks ({', '.join(seen.beside)}) let expect"
        case "post_count":
            return f"{seen.observed:.0f} posts against {seen.expected:.1f} usual"
    return f"{seen.posts} posts more {_leaning(seen)} than usual"


def _leaning(seen: Seen) -> str:
    return "positive" if seen.observed > seen.expected else "negative"


def _times(seen: Seen) -> str:
    return f"{seen.observed / seen.expected:.1f} times"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTED else flat[: QUOTED - 1].rstrip() + "…"
