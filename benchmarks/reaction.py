"""From the arrival of quotes to alerts and proposed orders on disk: seconds a batch, on a real SQLite file.

    python benchmarks/reaction.py [--tickers 500] [--history 250] [--batches 120] [--seed 0]

Fills a home with made-up prices, forecasts of every session of the history, twenty years of dividends, and an
account that holds every ticker; then lets batches of quotes arrive as the watch hands them over: a quiet
session (one price in 2,000 out of its range), a stormy one (one in ten), and a crash in which every ticker
leaves it at once.
Measured is what serve does with a batch: save the quotes, fill what was approved, raise alerts, propose.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from collectors.market_calendar import instant, session_close, sessions_between
from collectors.records import CorporateAction, PriceBar, Quote
from collectors.store import save_corporate_actions, save_price_bars, save_quotes
from desktop_app.account import on_quotes
from desktop_app.settings import Settings
from desktop_app.store import open_home, watch
from desktop_app.store_journal import ApprovalRule, CashMovement, save_cash_movement, save_rule
from fusion_model.advice.orders import BUY, Occasion, propose
from fusion_model.findings import HORIZONS, QUANTILE_LEVELS, Fill, Forecast
from fusion_model.store import save_forecasts
from fusion_model.store_orders import load_fills, load_orders, save_orders, save_outcomes

LAST, TODAY = "2020-12-17", "2020-12-18"
SETTINGS = Settings(paper_most_orders=1000)
SIGMA = 0.02


def fill_home(home: Path, tickers: list[str], history: int) -> None:
    """Bars and forecasts of every session, and an account that bought ten shares of each ticker."""
    from scipy.special import ndtri

    sessions = sessions_between("2015-01-02", LAST)[-history:]
    quantiles = tuple(float(q) for q in SIGMA * ndtri(np.array(QUANTILE_LEVELS)))
    with closing(open_home(home)) as db:
        watch(db, tickers, "2020-01-01T00:00:00Z")
        for session, target in zip(sessions, [*sessions[1:], TODAY], strict=True):
            at = session_close(session)
            save_price_bars(
                db, [PriceBar(t, session, 50, 51, 49, 50, 1e6, "made up", at) for t in tickers], at
            )
            said = [
                Forecast("fusion", "v1", t, session, h, target, 50.0, quantiles, 0.0, 0.5, SIGMA)
                for t in tickers
                for h in HORIZONS
            ]
            save_forecasts(db, said, at)
        paid = [
            CorporateAction(ticker, session, "dividend", 0.2, "made up", session_close(session))
            for session in sessions_between("2000-01-03", LAST)[::63]
            for ticker in tickers
        ]
        save_corporate_actions(db, paid, opened := session_close(sessions[0]))
        save_cash_movement(db, CashMovement("paper", 1e6, "", opened))
        save_rule(db, ApprovalRule("protect", "protective", "", 1e9), opened)
        occasion = Occasion("paper", sessions[0], opened, session_close(sessions[1]))
        orders = [propose(occasion, "own", t, BUY, 10.0, opened, 50.0, "made up", None) for t in tickers]
        save_orders(db, orders)
        at = instant_of(sessions[1], 0)
        save_outcomes(
            db,
            [
                Fill(one.order_id, "paper", one.ticker, BUY, 10.0, 50.0, 50.0, 0.0, sessions[1], at, "open")
                for one in orders
            ],
            [],
            at,
        )


def instant_of(session: str, second: int) -> str:
    """Return an instant so many seconds after the opening of a winter session."""
    from datetime import datetime, timedelta

    return instant(datetime.fromisoformat(f"{session}T14:30:00Z") + timedelta(seconds=second))


def let_arrive(
    home: Path, tickers: list[str], batches: int, outside: float, seed: int
) -> tuple[list[float], int, int]:
    """Return the seconds of each batch, and how many orders were proposed and filled."""
    random, seconds = np.random.default_rng(seed), []
    with closing(open_home(home)) as db:
        before = len(load_orders(db)), len(load_fills(db))
        for batch in range(batches):
            at = instant_of(TODAY, 60 * (batch + 1))
            far = random.random(len(tickers)) < outside
            moves = np.where(far, -3.5 * SIGMA, SIGMA * random.uniform(-1, 1, len(tickers)))
            quotes = [
                Quote(t, float(50 * np.exp(move)), at, "made up", at)
                for t, move in zip(tickers, moves, strict=True)
            ]
            begun = time.perf_counter()
            save_quotes(db, quotes)
            on_quotes(db, SETTINGS, quotes, at)
            seconds.append(time.perf_counter() - begun)
        after = len(load_orders(db)), len(load_fills(db))
    return seconds, after[0] - before[0], after[1] - before[1]


def main() -> None:
    """Print a line a scenario."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tickers", type=int, default=500)
    parser.add_argument("--history", type=int, default=250)
    parser.add_argument("--batches", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    tickers = [f"T{n:03d}" for n in range(chosen.tickers)]
    print(
        f"{chosen.tickers} tickers, all held; {chosen.history} sessions of bars and forecasts\n"
        f"{'scenario':<22} batches  first s  median s  95 % s  worst s  proposed  filled"
    )
    scenarios = {"quiet": (chosen.batches, 0.0005), "stormy": (chosen.batches, 0.1), "crash": (3, 1.0)}
    with tempfile.TemporaryDirectory() as folder:
        fill_home(Path(folder) / "0", tickers, chosen.history)
        for name, (batches, outside) in scenarios.items():
            home = Path(folder) / name
            home.mkdir()
            for file in (Path(folder) / "0").iterdir():
                (home / file.name).write_bytes(file.read_bytes())
            seconds, proposed, filled = let_arrive(home, tickers, batches, outside, chosen.seed)
            warm = np.array(seconds[1:])
            print(
                f"{name:<22} {batches:>7}  {seconds[0]:7.3f}  {np.median(warm):8.3f}  "
                f"{np.quantile(warm, 0.95):6.3f}  {warm.max():7.3f}  {proposed:>8}  {filled:>6}",
                flush=True,
            )


if __name__ == "__main__":
    main()
