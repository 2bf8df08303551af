"""A paper account kept over years of real prices, on automatic: worth, trades, costs, what disagrees.

    python -m benchmarks.paper_account HOME BACKTEST.csv [BACKTEST.csv ...] --from 2014-01-02 --to 2016-12-30

HOME holds the prices (it is copied, not changed), the backtests one-session forecasts of the model "fusion".
Each session one pass runs half an hour after the close; with `protective`, the close is told as a quote a
minute before it, and what is proposed on it is filled at the next opening. Buy and hold buys the same shares
for as much at the first opening, with the same costs, and keeps the dividends as cash.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from collectors import store as facts
from collectors.market_calendar import instant, session_close, sessions_between
from collectors.records import Quote
from desktop_app.account import deposit, every_decision_of, keep_account, on_quotes, terms_of, turn
from desktop_app.settings import Settings
from desktop_app.store import DATABASE_NAME, open_home, unwatch, watch
from desktop_app.store_journal import AUTOMATIC_SWITCH
from fusion_model.advice.fills import Costs
from fusion_model.advice.paper_account import derive_account
from fusion_model.evaluation.scorecard import read_backtest
from fusion_model.findings import FUSION_MODEL, Fill, Forecast
from fusion_model.store import save_forecasts
from fusion_model.store_orders import load_fills
from fusion_model.trading.books import load_account
from fusion_model.trading.reconcile import find_discrepancies

VARIANTS = {"rebalance": ("rebalance",), "and protective": ("rebalance", "protective")}
CASH = 100_000.0


def main() -> None:
    """Print a line per variant, and one for buy and hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("home", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--from", dest="first", default="2014-01-02")
    parser.add_argument("--to", dest="last", default="2016-12-30")
    parser.add_argument("--tickers", default="AAPL,MSFT,KO,JPM,XOM,JNJ,PG,WMT,GE,DIS")
    chosen = parser.parse_args()
    tickers = chosen.tickers.split(",")
    sessions = sessions_between(chosen.first, chosen.last)
    forecasts = [said for file in chosen.files for said in forecasts_of(file, set(tickers), sessions)]
    print(f"{len(tickers)} tickers, {len(sessions)} sessions, {sessions[0]} to {sessions[-1]}")
    print(f"{'variant':<16} {'worth':>9}  {'a year':>7}  {'volatility':>10}  {'drawdown':>8}  {'fills':>5}  "
          f"{'costs':>6}  {'dividends':>9}  discrepancies")  # fmt: skip
    for name, strategies in VARIANTS.items():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(chosen.home / DATABASE_NAME, folder)
            keep(Path(folder), name, strategies, tickers, sessions, forecasts)
            if name == "rebalance":
                with closing(open_home(Path(folder))) as db:
                    hold(db, tickers, sessions)


def forecasts_of(file: Path, tickers: set[str], sessions: list[str]) -> list[Forecast]:
    """Return the one-session forecasts of some tickers in a backtest's file."""
    table, wanted = read_backtest(file), set(sessions)
    rows = np.flatnonzero((table.model == FUSION_MODEL) & (table.horizon == 1))
    return [
        Forecast(
            FUSION_MODEL, "backtest", str(table.ticker[i]), str(table.as_of_session[i]), 1,
            str(table.target_session[i]), float(table.last_close[i]), tuple(map(float, table.quantiles[i])),
            float(table.mean[i]), float(table.prob_up[i]), 0.01,
        )
        for i in rows
        if str(table.ticker[i]) in tickers and str(table.as_of_session[i]) in wanted
    ]  # fmt: skip


def keep(
    home: Path,
    name: str,
    strategies: tuple[str, ...],
    tickers: list[str],
    sessions: list[str],
    forecasts: list[Forecast],
) -> None:
    """Keep an account through the sessions, and print how it did."""
    settings = Settings(paper_cash=CASH, paper_strategies=strategies)
    with closing(open_home(home)) as db:
        unwatch(db, facts.load_tickers(db))
        watch(db, tickers, sessions[0])
        save_forecasts(db, forecasts, sessions[0])
        at = minutes(session_close(sessions[0]), 1)
        deposit(db, settings, None, "", at)
        turn(db, settings, AUTOMATIC_SWITCH, True, "", at)
        closes = {
            (ticker, session): close
            for ticker, session, _, _, _, close, _ in facts.load_bars(db, "9999", tickers, sessions[0])
        }
        worth = []
        for session in sessions:
            if "protective" in strategies:
                before = minutes(session_close(session), -1)
                quotes = [
                    Quote(t, closes[t, session], before, "close", before)
                    for t in tickers
                    if (t, session) in closes
                ]
                on_quotes(db, settings, quotes, before)
            now = minutes(session_close(session), 30)
            keep_account(db, settings, now)
            worth.append(load_account(db, terms_of(db, settings), now).equity)
        now = minutes(session_close(sessions[-1]), 40)
        account = load_account(db, terms_of(db, settings), now)
        wrong = find_discrepancies(db, terms_of(db, settings), every_decision_of(db), now)
        say(name, worth, len(load_fills(db)), account.costs, account.dividends, len(wrong))
        for sentence in wrong[:5]:
            print(f"    {sentence}")


def hold(db: object, tickers: list[str], sessions: list[str]) -> None:
    """Print how the same cash did in equal parts, bought at the second session's opening and kept."""
    bars = facts.load_bars(db, "9999", tickers, sessions[0])  # type: ignore[arg-type]
    actions = facts.load_actions(db, "9999", tickers)  # type: ignore[arg-type]
    costs, second = Costs(), sessions[1]
    opened = {ticker: open_ for ticker, session, open_, _, _, _, _ in bars if session == second}
    fills = []
    for ticker, price in opened.items():
        shares = float(int(CASH / len(opened) / costs.buying(price)))
        paid = costs.traded_at("buy", price)
        fee = costs.fee(shares * paid)
        fills.append(
            Fill(
                ticker, "hold", ticker, "buy", shares, price, paid, fee, second, f"{second}T14:30:00Z", "open"
            )
        )
    closes: dict[str, dict[str, float]] = {}
    for ticker, session, _, _, _, close, _ in bars:
        closes.setdefault(session, {})[ticker] = close
    held = [
        derive_account(
            "hold",
            paid_in=[("", CASH)],
            fills=fills,
            actions=actions,
            prices=closes[session],
            session=session,
        )
        for session in sessions
    ]
    say("buy and hold", [one.equity for one in held], len(fills), held[-1].costs, held[-1].dividends, 0)


def say(name: str, worth: list[float], fills: int, costs: float, dividends: float, wrong: int) -> None:
    """Print one line."""
    path = np.array(worth)
    moves = np.diff(np.log(path))
    year = (path[-1] / path[0]) ** (252 / len(moves)) - 1
    fall = float((1 - path / np.maximum.accumulate(path)).max())
    print(
        f"{name:<16} {path[-1]:>9,.0f}  {year:>7.2%}  {moves.std() * np.sqrt(252):>10.2%}  {fall:>8.2%}  "
        f"{fills:>5}  {costs:>6,.0f}  {dividends:>9,.0f}  {wrong}",
        flush=True,
    )


def minutes(at: str, later: int) -> str:
    """Return an instant so many minutes later."""
    return instant(datetime.fromisoformat(at) + timedelta(minutes=later))


if __name__ == "__main__":
    main()
