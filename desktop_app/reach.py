"""Which of a home's sources answer, and whether this computer's clock agrees with theirs: complaints."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median

from collectors import reach
from collectors.errors import BadInput
from desktop_app.complaint import Complaint
from desktop_app.secrets import load_secret
from desktop_app.settings import Settings, load_settings

CLOCK_MAY_ERR_S = 60.0  # a minute's error puts no post into another session but at its very close
MENDS = {
    "Yahoo": "barograph collect prices",
    "FRED": "barograph collect macro",
    "Reddit": "barograph collect posts",
    "the SEC's EDGAR": "barograph collect earnings",
}


def examine_sources(home: Path) -> list[Complaint]:
    """Ask the sources that a home uses whether they are there; return what is wrong with them."""
    return complaints_of(reach.ask_sources(_in_use(home)))


def _in_use(home: Path) -> dict[str, str]:
    """Return the addresses of the sources that a home collects from: those without a key or contact not."""
    try:
        settings = load_settings(home)
    except BadInput:  # the doctor tells of it
        settings = Settings()
    used = {
        "FRED": load_secret("FRED_API_KEY"),
        "Reddit": load_secret("REDDIT_CLIENT_ID"),
        "the SEC's EDGAR": settings.contact,
    }
    return {source: url for source, url in reach.ADDRESSES.items() if used.get(source, True)}


def complaints_of(replies: Sequence[reach.Reply]) -> list[Complaint]:
    """Say what is wrong with some replies."""
    silent = [reply for reply in replies if reply.problem]
    complaints = []
    if silent and len(silent) == len(replies):
        reasons = "; ".join(f"{reply.source}: {reply.problem}" for reply in silent)
        complaints.append(
            Complaint(
                "network",
                f"No source can be reached ({reasons}).",
                "check the network, a firewall or a proxy; what is stored can be used meanwhile",
            )
        )
    else:
        complaints += [
            Complaint(
                "network",
                f"{reply.source[0].upper()}{reply.source[1:]} cannot be reached: {reply.problem}.",
                f"wait, and then {MENDS[reply.source]}",
            )
            for reply in silent
        ]
    ahead = [reply.ahead_s for reply in replies if reply.ahead_s is not None]
    if ahead and abs(median(ahead)) > CLOCK_MAY_ERR_S:
        complaints.append(_of_clock(median(ahead), [r.source for r in replies if r.ahead_s is not None]))
    return complaints


def _of_clock(ahead_s: float, sources: Sequence[str]) -> Complaint:
    by = timedelta(seconds=round(abs(ahead_s)))
    return Complaint(
        "clock",
        f"This computer's clock is {by} {'ahead of' if ahead_s > 0 else 'behind'} that of "
        f"{', '.join(sources)} (hours, minutes, seconds): what it records is dated wrongly.",
        "let the system set its clock by the network, and check its time zone",
    )
