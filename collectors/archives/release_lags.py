"""How long after the observed day a macro figure is public, where a file gives no vintage.

Lags are the longest of ordinary years, in days from ``observed_on`` (the first day of a month's or quarter's
figure), so that nothing is known too early; the price is that most months count as known some days late.
Government shutdowns (October 2013, January 2019) delayed single releases further. Exact dates are in ALFRED's
vintages, which is why those are read too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from statistics import median

RELEASE_LAG_DAYS = {
    # Daily market figures appear on the next business day (Federal Reserve H.15, Cboe, ICE BofA via FRED).
    "DGS2": 1,
    "DGS10": 1,
    "T10Y2Y": 1,
    "VIXCLS": 1,
    "BAMLH0A0HYM2": 1,
    # Monthly average of H.15, on the first business days of the next month.
    "FEDFUNDS": 35,
    # BLS, Consumer Price Index: by the 16th of the next month; January's, with new weights, as late as
    # 26 February (2015).
    "CPIAUCSL": 57,
    # BLS, Employment Situation: the first Friday of the next month, December's as late as 10 January.
    "UNRATE": 41,
    "PAYEMS": 41,
    # Federal Reserve G.17: by the 18th of the next month.
    "INDPRO": 48,
    # Federal Reserve H.6: by the fourth Tuesday of the next month.
    "M2SL": 58,
    # Department of Labor: the Thursday after the week, which ends on the observed Saturday.
    "ICSA": 5,
    # University of Michigan: the final figure, by the month's end.
    "UMCSENT": 30,
    # NBER's committee dates turning points late: the trough of March 1991 on 22 December 1992, that of
    # November 2001 on 17 July 2003. 21 months after the month in question nothing has been redated so far.
    "USREC": 645,
}

# (median days between observations up to, lag in days): for a series that is not in the table.
LAG_BY_SPACING = ((4, 2), (10, 10), (45, 60), (100, 120))
LAG_OF_YEARLY = 450


def release_lag(series_id: str, observed: Sequence[str]) -> int:
    """Return the days from an observation to its release; unknown series are judged by their spacing."""
    if series_id in RELEASE_LAG_DAYS:
        return RELEASE_LAG_DAYS[series_id]
    days = sorted({date.fromisoformat(day).toordinal() for day in observed})
    spacing = median(later - earlier for earlier, later in pairwise(days)) if len(days) > 1 else 31
    return next((lag for longest, lag in LAG_BY_SPACING if spacing <= longest), LAG_OF_YEARLY)
