"""Rules that a person sets, and which of them fire on a session: pure, as what is read and kept is not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from collectors.errors import BadInput
from desktop_app.words import day, money, money_range, percent
from resources.language import mark, tr

ARMED, SNOOZED, REMOVED = "armed", "snoozed", "removed"
EITHER, UP, DOWN = "either", "up", "down"
SIDES = {EITHER: mark("either way"), UP: mark("up"), DOWN: mark("down")}
MOST_DAYS = 365
MIN_POSTS = 3  # before a tone is one


@dataclass(frozen=True, slots=True)
class RuleKind:
    """What a rule looks at: a sentence with its threshold, the unit of that, and a default that works."""

    said: str
    measured_in: str
    default: float
    sided: bool

    @property
    def title(self) -> str:
        """The sentence in the person's language."""
        return tr(self.said)

    @property
    def unit(self) -> str:
        """The unit in the person's language."""
        return tr(self.measured_in)


KINDS = {
    "return": RuleKind(mark("The price moves by at least"), "%", 5.0, sided=True),
    "volume": RuleKind(mark("The volume is at least"), mark("times the usual"), 3.0, sided=False),
    "post_count": RuleKind(mark("Posts are at least"), mark("times the usual"), 5.0, sided=False),
    "sentiment": RuleKind(
        mark("The tone of posts turns by at least"), mark("of a scale from -1 to +1"), 0.3, sided=True
    ),
    "range": RuleKind(
        mark("The close leaves the forecast range of"), mark("% of outcomes"), 90.0, sided=True
    ),
    "price": RuleKind(mark("The close crosses"), mark("USD"), 100.0, sided=True),
    "forecast": RuleKind(
        mark("The next session's range becomes wider or narrower by"), "%", 30.0, sided=True
    ),
}
RANGES = (50.0, 80.0, 90.0, 95.0, 98.0)  # whose ends are among the stored quantiles


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One wish: ``ticker`` empty stands for every watched one; ``threshold`` is in the unit of the kind.

    After it fired for a ticker it is quiet for ``cool_down_days`` days, unless it is armed anew. ``state``
    is ARMED, SNOOZED up to and including the day ``until``, or REMOVED; it holds since ``changed_at``.
    """

    rule_id: int
    ticker: str
    kind: str
    side: str
    threshold: float
    cool_down_days: int
    created_at: str
    state: str = ARMED
    until: str = ""
    changed_at: str = ""

    @property
    def sentence(self) -> str:
        """Return what it waits for."""
        kind = KINDS[self.kind]
        amount = money(self.threshold) if self.kind == "price" else f"{self.threshold:g} {kind.unit}"
        side = f", {tr(SIDES[self.side])}" if kind.sided and self.side != EITHER else ""
        return f"{kind.title} {amount}{side}"


@dataclass(frozen=True, slots=True)
class RuleAlert:
    """A rule that fired on a session of a ticker, with the sentence that says so."""

    rule_id: int
    ticker: str
    session: str
    reason: str
    raised_at: str = ""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What rules look at in one session; NaN where it is not known.

    ``close`` and ``close_before`` are per share of today, ``move`` the total return. ``ranges`` maps a share
    of outcomes to its lower and upper price, as the evening before expected; ``width`` and ``width_before``
    are the widths of the 90 % range of the session after this one and of this one, over the close.
    """

    ticker: str
    session: str
    closed_at: str
    close: float
    close_before: float
    move: float
    volume: float
    usual_volume: float
    posts: float
    usual_posts: float
    tone: float
    usual_tone: float
    ranges: dict[float, tuple[float, float]]
    width: float
    width_before: float


def checked(kind: str, side: str, threshold: float, cool_down_days: int) -> None:
    """Refuse a rule that could never fire, or never stop.

    Raises
    ------
    BadInput
    """
    if kind not in KINDS:
        raise BadInput(
            tr("there is no rule on '{kind}'; there are {kinds}", kind=kind, kinds=", ".join(KINDS))
        )
    if side not in SIDES or (side != EITHER and not KINDS[kind].sided):
        raise BadInput(
            tr(
                "a rule on '{kind}' cannot look '{side}'; expected {either}",
                kind=kind,
                side=side,
                either=EITHER,
            )
        )
    if not (math.isfinite(threshold) and threshold > 0):
        raise BadInput(
            tr(
                "the threshold is {threshold}; expected a number above 0 ({unit})",
                threshold=f"{threshold:g}",
                unit=KINDS[kind].unit,
            )
        )
    if kind == "range" and threshold not in RANGES:
        ranges = ", ".join(f"{share:g}" for share in RANGES)
        raise BadInput(
            tr(
                "there is no stored range of {threshold} % of outcomes; there are {ranges}",
                threshold=f"{threshold:g}",
                ranges=ranges,
            )
        )
    if kind == "sentiment" and threshold > 2:
        raise BadInput(
            tr("a tone cannot turn by {threshold}: the scale is 2 long", threshold=f"{threshold:g}")
        )
    if not 0 <= cool_down_days <= MOST_DAYS:
        raise BadInput(tr("{days} days of quiet; expected 0 to {most}", days=cool_down_days, most=MOST_DAYS))


def fired(
    rules: Iterable[AlertRule], facts: Sequence[SessionFacts], before: Iterable[RuleAlert]
) -> list[RuleAlert]:
    """Return the alerts that rules raise on sessions, oldest first, that were not raised before.

    A rule looks at sessions that closed after it was set. Each session is looked at as if it were the newest:
    what comes later, quiet after a later alert included, changes nothing of it.

    Parameters
    ----------
    facts : sequence of SessionFacts
        In any order.
    before : iterable of RuleAlert
        Everything that was ever raised.
    """
    raised = list(before)
    known = {(alert.rule_id, alert.ticker, alert.session) for alert in raised}
    found: list[RuleAlert] = []
    for one in sorted(facts, key=lambda one: (one.session, one.ticker)):
        for rule in rules:
            if rule.ticker not in ("", one.ticker) or one.closed_at <= rule.created_at:
                continue
            if (rule.rule_id, one.ticker, one.session) in known or not _listens(rule, one, raised):
                continue
            reason = _reason(rule, one)
            if reason:
                alert = RuleAlert(rule.rule_id, one.ticker, one.session, reason)
                raised.append(alert)
                found.append(alert)
                known.add((rule.rule_id, one.ticker, one.session))
    return found


def _listens(rule: AlertRule, one: SessionFacts, raised: Iterable[RuleAlert]) -> bool:
    """Whether a rule is armed on a session: not removed, snoozed, or quiet after it fired."""
    if rule.state == REMOVED or (rule.state == SNOOZED and one.session <= rule.until):
        return False
    last = max(
        (
            alert.session
            for alert in raised
            if alert.rule_id == rule.rule_id and alert.ticker == one.ticker and alert.session < one.session
        ),
        default="",
    )
    if not last:
        return True
    quiet_until = (date.fromisoformat(last) + timedelta(days=rule.cool_down_days)).isoformat()
    armed_anew = rule.state == ARMED and last < rule.changed_at[:10] <= one.session
    return one.session > quiet_until or armed_anew


def _reason(rule: AlertRule, one: SessionFacts) -> str:
    """Return the sentence of a rule that fires, else an empty text; what is not known never fires."""
    match rule.kind:
        case "return":
            if _far(one.move * 100, rule):
                moved = percent(one.move, signed=True)
                return f"The price moved {moved}; you asked from {rule.threshold:g} % on."
        case "volume":
            if one.volume >= rule.threshold * one.usual_volume > 0:
                return f"{one.volume / one.usual_volume:.1f} times the usual volume of the last month."
        case "post_count":
            if one.posts >= max(rule.threshold * one.usual_posts, MIN_POSTS) and one.usual_posts > 0:
                return f"{one.posts:.0f} posts, {one.posts / one.usual_posts:.1f} times the usual number."
        case "sentiment":
            if one.posts >= MIN_POSTS and _far(one.tone - one.usual_tone, rule):
                return (
                    f"The tone of {one.posts:.0f} posts is {one.tone:+.2f}, usual is {one.usual_tone:+.2f}."
                )
        case "range":
            return _left_range(rule, one)
        case "price":
            return _crossed(rule, one)
        case "forecast":
            change = one.width / one.width_before - 1 if one.width_before > 0 else math.nan
            if _far(change * 100, rule):
                return f"The range of the next session is {percent(abs(change), 0)} " + (
                    "wider than the evening before." if change > 0 else "narrower than the evening before."
                )
    return ""


def _far(value: float, rule: AlertRule) -> bool:
    """Whether a signed value is beyond the threshold on the side that the rule looks at."""
    return (rule.side != DOWN and value >= rule.threshold) or (rule.side != UP and value <= -rule.threshold)


def _left_range(rule: AlertRule, one: SessionFacts) -> str:
    low, high = one.ranges.get(rule.threshold, (math.nan, math.nan))
    if (rule.side != DOWN and one.close > high) or (rule.side != UP and one.close < low):
        return (
            f"The price of {money(one.close)} lies outside of {money_range(low, high)}, where "
            f"{rule.threshold:g} % of outcomes were expected."
        )
    return ""


def _crossed(rule: AlertRule, one: SessionFacts) -> str:
    level = rule.threshold
    rose, fell = one.close_before < level <= one.close, one.close_before > level >= one.close
    if (rose and rule.side != DOWN) or (fell and rule.side != UP):
        way = "rose" if rose else "fell"
        return f"The price {way} from {money(one.close_before)} to {money(one.close)}, across {money(level)}."
    return ""


def state_in_words(rule: AlertRule, last_session: str) -> str:
    """Say whether a rule is armed."""
    if rule.state == SNOOZED and last_session <= rule.until:
        return tr("snoozed until {until}", until=day(rule.until))
    return "armed"
