"""What a day's posts say of a stock: tone, disagreement, bulls against bears, what is new, and how many."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

POST_FEATURES = ("tone", "dispersion", "bull_bear", "novelty", "volume_surprise")
HABIT_SESSIONS = 22

# (ticker, available_at, positive, neutral, negative, said): its text was said for the ``said``-th time.
ReadPost = tuple[str, str, float, float, float, int]


def post_features(
    posts: Sequence[ReadPost], closes: Sequence[str], tickers: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return POST_FEATURES of the posts that each close was the first to know, (T, N, 5), and their number.

    tone            mean of positive - negative; a text said for the k-th time weighs 1 / k
    dispersion      standard deviation of the same, weighed alike
    bull_bear       ln((1 + bulls) / (1 + bears)), posts by likeliest label (Antweiler & Frank, 2004)
    novelty         share of posts whose text nobody had said before
    volume_surprise ln(1 + posts) less its mean over the 22 sessions before, or as many as there are

    The first, second and fourth are NaN without posts, the last is NaN in the first session. A row knows
    nothing of later ones, and a column nothing of other tickers.

    Parameters
    ----------
    posts
        In any order. Those before the first session's span are not asked for, later ones are left out.
    closes
        Closing instants of the T sessions, oldest first; a post later than a close belongs to the next.
    """
    column_of = {ticker: n for n, ticker in enumerate(tickers)}
    T, N = len(closes), len(tickers)
    weight, total, squares, bulls, bears, new, count = np.zeros((7, T, N))
    for ticker, available_at, positive, neutral, negative, said in sorted(posts):
        place = bisect_left(closes, available_at), column_of.get(ticker, -1)
        if place[0] == T or place[1] < 0:
            continue
        tone = positive - negative
        weight[place] += 1 / said
        total[place] += tone / said
        squares[place] += tone * tone / said
        bulls[place] += positive > max(neutral, negative)
        bears[place] += negative > max(neutral, positive)
        new[place] += said == 1
        count[place] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        tone_of_day = total / weight
        dispersion = np.sqrt(np.maximum(squares / weight - tone_of_day**2, 0.0))
        novelty = new / count
    bull_bear = np.log1p(bulls) - np.log1p(bears)
    surprise = _surprise(np.log1p(count))
    return np.stack([tone_of_day, dispersion, bull_bear, novelty, surprise], axis=2), count


def _surprise(size: FloatArray) -> FloatArray:
    """Return each session's value less the mean of the sessions before it, (T, N)."""
    surprise = np.full(size.shape, np.nan)
    for t in range(1, len(size)):
        surprise[t] = size[t] - size[max(0, t - HABIT_SESSIONS) : t].mean(axis=0)
    return surprise
