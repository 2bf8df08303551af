"""What the checks of prices find, miss and raise falsely, on files of vendors that really were wrong.

    python benchmarks/data_quality.py [FOLDER]

FOLDER (default ../shared/data/prices) holds `dirty_with_repairs` (yfinance's test data: files as Yahoo gave
them, and their repaired twins), `us_daily` (AlphaVantage layout) and `unadjusted_with_factors` (of Lean).
"""

from __future__ import annotations

import argparse
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from collectors.archives.prices import _split
from collectors.market_calendar import sessions_between
from collectors.quality import NOTED_KINDS, Bars, Fault, find_faults

PRICES = ["open", "high", "low", "close"]
TICK = 0.01  # USD


def main() -> None:
    """Print the four tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/data/prices"))
    folder = parser.parse_args().folder
    if not folder.is_dir():
        raise SystemExit(f"there is no folder {folder}; give the one that holds dirty_with_repairs")
    repaired_twins(folder / "dirty_with_repairs")
    many_bars(folder / "us_daily")
    two_vendors(folder)
    splits_to_the_last_digit(folder)


# Yahoo's faults and their repairs -------------------------------------------------------------------


def repaired_twins(folder: Path) -> None:
    """Print a row per kind of fault: how many are found, and what repaired files raise."""
    faults, found, files, missed = Counter(), Counter(), defaultdict(set), []
    alarms, bars_clean = defaultdict(Counter), 0
    for path in sorted(folder.glob("*-1d-*.csv")):  # daily bars alone are what is collected
        if path.stem.endswith("-fixed") or "no-bad" in path.stem:
            clean, flags = read_yahoo(path), flags_of(read_yahoo(path))
            bars_clean += len(clean)
            for flag in flags:
                alarms[flag.kind][path.stem.removesuffix("-fixed")] += 1
            continue
        dirty, fixed = read_yahoo(path), read_yahoo(path.with_name(f"{path.stem}-fixed.csv"))
        flagged = {flag.session for flag in flags_of(dirty)}
        for kind, sessions in known_faults(dirty, fixed):
            faults[kind] += 1
            files[kind].add(path.stem.partition("-1d")[0])
            if flagged & sessions:
                found[kind] += 1
            else:
                missed.append(f"{path.stem}: {kind} at {min(sessions)}")
    print("\nFaults of Yahoo's files (a fault is a run of wrong bars, or one wrong dividend)\n")
    print("| fault | files | faults | found | missed |\n|---|---|---|---|---|")
    for kind in sorted(faults):
        there = faults[kind]
        print(f"| {kind} | {len(files[kind])} | {there} | {found[kind]} | {there - found[kind]} |")
    print("\nRaised on the repaired files and those without fault,")
    print(f"{bars_clean:,} bars\n\n| kind | raised | in |\n|---|---|---|")
    for kind in sorted(alarms):
        where = ", ".join(
            f"{file.partition('-1d')[0]} {number}" for file, number in alarms[kind].most_common(6)
        )
        print(f"| {kind} | {alarms[kind].total()} | {where} |")
    print("missed:", *missed, sep="\n    ")


def read_yahoo(path: Path) -> pd.DataFrame:
    """Return a file of yfinance as traded, by day; a row without a price is left out."""
    frame = pd.read_csv(path)
    frame.index = pd.Index(frame[frame.columns[0]].str[:10], name="day")
    frame.columns = [name.lower() for name in frame.columns]
    frame = frame[~frame.index.duplicated()].sort_index().dropna(subset=PRICES)
    split = frame["stock splits"].astype(float).replace(0.0, 1.0)
    later = split[::-1].cumprod()[::-1] / split  # new shares per share held at the end of the day
    frame[PRICES] = frame[PRICES].astype(float).mul(later, axis=0)
    frame["adj close"] = frame["adj close"].astype(float)
    frame["volume"] = frame["volume"] / later
    frame["dividends"] = frame["dividends"].astype(float) * later
    return frame.assign(split=split, later=later)


def flags_of(frame: pd.DataFrame) -> list[Fault]:
    days = tuple(frame.index)
    return find_faults(
        Bars(days, *(frame[name].to_numpy(float) for name in (*PRICES, "volume"))),
        dict(frame["split"][frame["split"] != 1]),
        dict(frame["dividends"][frame["dividends"] > 0]),
        adjusted_close=dict(frame["adj close"]),
    )


def known_faults(dirty: pd.DataFrame, fixed: pd.DataFrame) -> Iterable[tuple[str, set[str]]]:
    """Yield each fault that the repair mended: its kind, and the days at which a flag counts as found."""
    both = dirty.index.intersection(fixed.index)
    dirty, fixed = dirty.loc[both], fixed.loc[both]
    ratio = (dirty["close"] / fixed["close"]).to_numpy()
    wrong = np.abs(np.log(ratio)) > 0.01
    for start in np.flatnonzero(wrong & ~np.roll(wrong, 1) | (wrong & (np.arange(len(wrong)) == 0))):
        stop = start
        while stop < len(wrong) and wrong[stop]:
            stop += 1
        off_by_100 = abs(abs(np.log(ratio[start])) - np.log(100)) < 0.01
        yield "prices 100 times off" if off_by_100 else "split not applied", set(both[start : stop + 1])
    steps = [allowed_for(frame) for frame in (dirty, fixed)]
    for day in both[(dirty["dividends"] > 0) | (fixed["dividends"] > 0)]:
        paid, real = dirty["dividends"][day], fixed["dividends"][day]
        if real == 0 and paid > 0:
            yield "dividend that never was", set(both[max(0, both.get_loc(day) - 1) :][:3])
        elif paid > real * 1.01:
            yield f"dividend {paid / real:.0f} times too large", {day}
        elif paid < real * 0.99:
            yield "dividend 100 times too small", {day}
        elif abs(steps[0][day] - steps[1][day]) > 0.002:
            yield "adjusted close without, or twice with, the dividend", {day}


def allowed_for(frame: pd.DataFrame) -> pd.Series:
    """Return the share of the price that the adjusted close takes off, by day."""
    factor = frame["adj close"] * frame["later"] / frame["close"]
    return 1 - factor.shift(1) / factor


# Large US companies ---------------------------------------------------------------------------------


def many_bars(folder: Path) -> None:
    """Print what is raised on 541,683 bars, and which of their splits are missed when left out."""
    kinds, settled, bars, tickers, lines = Counter(), Counter(), 0, 0, []
    splits = found = 0
    missed = []
    for path in sorted(folder.glob("*.csv.gz")):
        ticker, frame = path.name.removesuffix(".csv.gz"), read_alphavantage(path)
        series, split = bars_of(frame), split_of(frame)
        paid = dict(frame["dividend_amount"][frame["dividend_amount"] > 0])
        calendar = sessions_between(series.sessions[0], series.sessions[-1])
        adjusted = dict(frame["adjusted_close"])
        flags = find_faults(series, split, paid, calendar=calendar, adjusted_close=adjusted)
        kinds.update(flag.kind for flag in flags)
        settled.update(flag.kind for flag in flags if flag.settled_on)
        lines += [f"    {ticker} {flag.session} {flag.kind}: {flag.detail}" for flag in flags]
        bars, tickers = bars + len(frame), tickers + 1
        for day, ratio in split.items():
            if max(ratio, 1 / ratio) < 1.4:
                continue
            without = find_faults(series, {d: r for d, r in split.items() if d != day}, paid)
            splits += 1
            if any(flag.session == day for flag in without):
                found += 1
            else:
                missed.append(f"{ticker} {day} {ratio:g}:1")
    print(f"\n{tickers} large US companies, {bars:,} bars\n")
    print("| kind | raised | settled by the next session | held back |\n|---|---|---|---|")
    for kind, number in sorted(kinds.items()):
        held = "no, noted" if kind in NOTED_KINDS else number - settled[kind]
        print(f"| {kind} | {number} | {settled[kind] or ''} | {held} |")
    print(f"\nSplits of 1.4:1 and more left out one at a time: {splits}, found {found}; missed:", missed)
    print(*lines, sep="\n")


def read_alphavantage(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, index_col="timestamp").sort_index()


def bars_of(frame: pd.DataFrame) -> Bars:
    return Bars(tuple(frame.index), *(frame[name].to_numpy(float) for name in (*PRICES, "volume")))


def split_of(frame: pd.DataFrame) -> dict[str, float]:
    """Return the splits as an import stores them."""
    ratios = {day: _split(str(ratio)) for day, ratio in frame["split_coefficient"].items()}
    return {str(day): ratio for day, ratio in ratios.items() if ratio != 1.0}


# Two vendors of Apple -------------------------------------------------------------------------------


def two_vendors(folder: Path) -> None:
    """Print by how much two vendors differ, and what each one's checks say of the days where they do."""
    ours, theirs = read_alphavantage(folder / "us_daily/AAPL.csv.gz"), read_lean(folder, "aapl")
    both = ours.index.intersection(theirs.index)
    print(f"\nAAPL from two vendors, {len(both):,} sessions of {both[0]} to {both[-1]}\n")
    print("| price | the same | within a tick | within 0.5 % | further apart |\n|---|---|---|---|---|")
    for name in PRICES:
        apart = (ours.loc[both, name] - theirs.loc[both, name]).abs()
        share = apart / ours.loc[both, name]
        near = apart <= TICK + 1e-9
        print(
            f"| {name} | {(apart < TICK / 2).sum():,} | {near.sum():,} | {(near | (share <= 0.005)).sum():,} "
            f"| {(~near & (share > 0.005)).sum():,} |"
        )
    lean = bars_of(theirs.loc[both])
    for vendor, bars in (("AlphaVantage", bars_of(ours.loc[both])), ("Lean", lean)):
        flags = find_faults(bars, split_of(ours), {})
        raised = Counter(flag.kind for flag in flags)
        print(f"{vendor}: {dict(raised) or 'nothing raised'}")
        print(*(f"    {flag.session} {flag.kind}: {flag.detail}" for flag in flags), sep="\n")
    scaled = lean.close.copy()
    scaled[1000] *= 100
    raised = find_faults(replace(lean, close=scaled), split_of(ours), {})
    print("Lean with one close times 100:", [flag.kind for flag in raised if flag.session == both[1000]])


def read_lean(folder: Path, ticker: str) -> pd.DataFrame:
    with zipfile.ZipFile(folder / f"unadjusted_with_factors/{ticker}.zip") as archive:
        name = archive.namelist()[0]
        frame = pd.read_csv(archive.open(name), header=None, names=["at", *PRICES, "volume"])
    day = frame["at"].astype(str)
    frame.index = pd.Index(day.str[:4] + "-" + day.str[4:6] + "-" + day.str[6:8])
    frame[PRICES] = frame[PRICES] / 10_000
    return frame


def splits_to_the_last_digit(folder: Path) -> None:
    """Print Lean's split factors beside the product of ours, to the six digits that Lean gives."""
    names = ["day", "price", "split", "reference"]
    factors = pd.read_csv(folder / "unadjusted_with_factors/aapl_factors.csv", header=None, names=names)
    ours = split_of(read_alphavantage(folder / "us_daily/AAPL.csv.gz"))
    print("\n| through | Lean's factor | 1 / product of our later splits | equal |\n|---|---|---|---|")
    for factor, rows in factors.groupby("split"):
        last = str(rows["day"].max())
        day = f"{last[:4]}-{last[4:6]}-{last[6:]}"
        later = float(np.prod([ratio for session, ratio in ours.items() if session > day]))
        print(f"| {day} | {factor:g} | {1 / later:.8g} | {f'{factor:.6g}' == f'{1 / later:.6g}'} |")


if __name__ == "__main__":
    main()
