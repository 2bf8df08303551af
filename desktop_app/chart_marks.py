"""What happened on the bars of a chart, and where on its fan the next report falls: plain rows to draw."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from operator import itemgetter

from desktop_app.alerts import Alert
from desktop_app.macro_words import SERIES, figure
from desktop_app.words import day, money, next_report, report_day
from fusion_model.dataset.earnings import Announcement, past_reactions
from fusion_model.findings import HORIZONS, ExpectedReport
from resources.language import tr

MARK_KINDS = {  # by what a person may switch on and off: its sign in the legend, and its name
    "unusual": ("▼", tr("Unusual days")),
    "report": ("◆", tr("Earnings reports")),
    "dividend": ("●", tr("Dividends")),
    "split": ("■", tr("Splits")),
    "macro": ("✚", tr("Macro releases, monthly and rarer")),
}
HIDDEN_AT_FIRST = frozenset({"macro"})  # kinds that a person switches on
RELEASES = "releases"  # among the lines that a person wants: macro releases are read where they are shown
RARE_DAYS = 20  # between the observations of a series whose releases are events
CROWDED = {
    "report": 21,
    "dividend": 21,
    "macro": 5,
}  # sessions a candle beyond which there is one on every candle


@dataclass(frozen=True, slots=True)
class ChartMark:
    """One thing that happened on a bar; ``kind`` is one of MARK_KINDS, ``slot`` counts those of its side.

    Unusual days stand above their bar, the others below it.
    """

    position: int
    kind: str
    slot: int
    text: str


@dataclass(frozen=True, slots=True)
class ReportMark:
    """The next earnings report on the fan: the session that is expected to react to it.

    ``announced`` tells a date that the company gave from one expected by habit; ``caption`` is short,
    ``text`` a sentence.
    """

    position: int
    announced: bool
    caption: str
    text: str


def report_mark(report: ExpectedReport | None, position: int) -> ReportMark | None:
    """Return the mark of a report inside the fan that begins at a bar."""
    if report is None or not 0 < report.sessions_ahead <= HORIZONS[-1]:
        return None
    announced = report.certainty == "announced"
    return ReportMark(
        position=position + report.sessions_ahead,
        announced=announced,
        caption=("◆ " if announced else "◇ ~") + day(report.report_on, year=False),
        text=next_report(report),
    )


def past_marks(
    sessions: Sequence[str],
    closes: Sequence[str],
    *,
    actions: Iterable[tuple[str, str, float]],
    shares: Mapping[str, float],
    announcements: Iterable[Announcement],
    alerts: Iterable[Alert],
    releases: Iterable[tuple[str, str, float, str]] = (),
) -> tuple[ChartMark, ...]:
    """Return the marks of a ticker's bars, by position.

    Parameters
    ----------
    sessions, closes
        Of the bars, with their closing instants.
    actions : iterable of (session, kind, ratio or amount)
    shares : mapping
        How many of today's shares one share of a dividend's session became, where it is not 1.
    releases : iterable of (series, observed on, value, available at)
        Each macro observation as it was released first, by series and observation.
    """
    at = {session: position for position, session in enumerate(sessions)}
    found: list[tuple[int, str, str]] = [
        (at[alert.session], "unusual", alert.sentence) for alert in alerts if alert.session in at
    ]
    found += [
        (row, "report", tr("Earnings report of {report_day}", report_day=report_day(on, time_of_day)))
        for row, on, time_of_day in past_reactions(announcements, sessions, closes)
    ]
    for session, kind, amount in actions:
        if session in at:
            text = (
                tr("Split, {amount} for 1", amount=f"{amount:g}")
                if kind == "split"
                else tr("Dividend of {amount} a share", amount=money(amount / shares.get(session, 1.0)))
            )
            found.append((at[session], kind, text))
    found += [(row, "macro", text) for row, text in _releases(releases, closes)]
    order = list(MARK_KINDS)
    found.sort(key=lambda one: (one[0], order.index(one[1])))
    return _in_slots(found)


def _releases(
    releases: Iterable[tuple[str, str, float, str]], closes: Sequence[str]
) -> list[tuple[int, str]]:
    """Return what each bar was the first to know of series rare enough to be events, a text a bar."""
    told: dict[int, list[str]] = defaultdict(list)
    for series, rows in groupby(releases, key=itemgetter(0)):
        observed = list(rows)
        days = [date.fromisoformat(row[1]).toordinal() for row in observed]
        if len(days) < 2 or (days[-1] - days[0]) / (len(days) - 1) < RARE_DAYS:
            continue
        title, unit = SERIES.get(series, (series, ""))
        newest: dict[int, str] = {}  # where many came at once, the newest of them
        for (_, _, before, _), (_, on, value, at) in pairwise(observed):
            place = bisect_left(closes, at)
            if place < len(closes) and at > (closes[place - 1] if place else closes[0]):
                newest[place] = tr(
                    "{title} {figure} for {on}, {former} before",
                    title=title,
                    figure=figure(value, unit),
                    on=day(on),
                    former=figure(before, unit),
                )
        for place, text in newest.items():
            told[place].append(text)
    return [(place, "; ".join(texts)) for place, texts in told.items()]


def _in_slots(found: Sequence[tuple[int, str, str]]) -> tuple[ChartMark, ...]:
    """Put marks of one bar and side beside each other; several unusual measures of a day share one shape."""
    marks: list[ChartMark] = []
    below: dict[int, int] = defaultdict(int)
    for position, kind, text in found:
        slot = 0
        if kind != "unusual":
            slot = below[position]
            below[position] += 1
        marks.append(ChartMark(position, kind, slot, text))
    return tuple(marks)
