"""One command per workflow: where arguments become calls, and results become words."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collectors.errors import BadInput, CollectorError, ConfigurationError
from collectors.market_calendar import utc_now
from desktop_app import store as choices
from desktop_app.commands.account import account
from desktop_app.commands.alerts import alerts
from desktop_app.commands.explain import explain
from desktop_app.commands.journal import journal
from desktop_app.commands.orders import orders
from desktop_app.commands.portfolio import portfolio
from desktop_app.commands.risk import risk
from desktop_app.context import (
    SESSION,
    Context,
    as_of_option,
    chosen_session,
    default_home,
    log_to,
    long_command,
    names_in,
    redacting,
    whole_number,
)
from desktop_app.settings import PARTS, TRANSLATIONS, load_settings
from desktop_app.terminal import DEFECT, INTERRUPTED, Voice, exit_code_of, table
from fusion_model.findings import HORIZONS
from resources.language import ENGLISH, speak

if TYPE_CHECKING:
    from collectors.progress import Progress
    from fusion_model.forecasting.fusion_network import FusionConfig

logger = logging.getLogger(__name__)

EXPORTS = "exports"
WORKERS_UNASKED = 4  # processes of a backtest; more cores than that rarely have a GB of memory each
GLANCE_S = 1.0  # `status` holds a lock for an instant when it looks who has it
X11_LIBRARIES = (  # what Qt 6's xcb plugin links to beyond libX11
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-image.so.0",
    "libxcb-keysyms.so.1",
    "libxcb-render-util.so.0",
    "libxcb-xkb.so.1",
    "libxkbcommon-x11.so.0",
)
DEBIAN_PACKAGES = (
    "libegl1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xkb1 "
    "libxkbcommon-x11-0"
)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of database, models, logs."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
@click.option("-v", "--verbose", is_flag=True, help="Log details to standard error.")
@click.version_option(package_name="barograph")
@click.pass_context
def barograph(context: click.Context, home: Path | None, as_json: bool, verbose: bool) -> None:
    """Honest forecasts of stock prices: calibrated ranges, with a track record that can't be rewritten."""
    logging.basicConfig(
        level=logging.INFO,
        handlers=[redacting(logging.StreamHandler() if verbose else logging.NullHandler())],
    )
    context.obj = Context(
        home=home or default_home(),
        voice=Voice(as_json=as_json, progress_json=False),
    )
    if context.invoked_subcommand is None:
        context.invoke(app)


# Window and demo ----------------------------------------------------------------------------------


@barograph.command()
@click.pass_obj
def app(context: Context) -> None:
    """Open the window."""
    log_to(context.home)
    open_window(context.home)


def open_window(home: Path) -> None:
    """Run the window until it is closed.

    Raises
    ------
    ConfigurationError
        There is no display, or a library that Qt draws with is missing.
    """
    if not has_display():
        raise ConfigurationError(
            "there is no display to open a window on; use `barograph export forecasts --out FILE.csv`, "
            "or any other command of `barograph --help`"
        )
    missing = missing_display_libraries()
    try:
        if missing:
            raise ImportError(f"{missing[0]} is not installed")
        # Before the window's modules are loaded: some of their constants are texts.
        trouble = speak(language_of(home), (home / TRANSLATIONS,))
        from desktop_app.gui.main_window import run_app
    except ImportError as error:
        raise ConfigurationError(
            f"the window needs libraries of the system that are missing ({error}); on Debian and Ubuntu: "
            f"sudo apt install {DEBIAN_PACKAGES}"
        ) from error
    code = run_app(home, trouble)
    if code:
        sys.exit(code)


def language_of(home: Path) -> str:
    """Return the language of the window's texts: English where the settings cannot be read."""
    try:
        return load_settings(home).language
    except BadInput:
        return ENGLISH


def missing_display_libraries() -> list[str]:
    """Return what Qt's plugin for X11 needs and this Linux does not have; Qt itself would abort."""
    import ctypes
    import os

    on_x11 = sys.platform == "linux" and not (
        os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM")
    )
    missing = []
    for name in X11_LIBRARIES if on_x11 else ():
        try:
            ctypes.CDLL(name)
        except OSError:
            missing.append(name)
    return missing


def has_display() -> bool:
    """Tell whether a window can be shown."""
    import os

    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@barograph.command()
@click.option("--headless", is_flag=True, help="Print the forecasts instead of opening the window.")
@long_command
def demo(context: Context, tell: Progress, headless: bool) -> dict[str, Any]:
    """Fill a home of its own from the embedded sample, train, forecast; then open the window."""
    from desktop_app.demo import fill_home
    from desktop_app.export import export_forecasts
    from fusion_model import store as findings

    if context.home == default_home():
        context.home = default_home().with_name("barograph-demo")
    with context.database() as db:
        last = fill_home(db, context.home, now=utc_now(), progress=tell)
        out = context.home / EXPORTS / f"forecasts-{last}.csv"
        out.parent.mkdir(parents=True, exist_ok=True)
        rows = export_forecasts(db, out, as_of=last)
        forecasts = findings.load_forecasts(db, last)
    # The window runs in a process of its own, which never loads torch.
    window = [sys.executable, "-m", "desktop_app", "--home", str(context.home), "app"]
    if headless or not has_display() or subprocess.call(window) != 0:  # noqa: S603
        context.voice.say(forecast_table(forecasts))
        context.voice.say(f"\nForecasts as of {last}, with all quantiles: {out}")
    return {"home": str(context.home), "as_of_session": last, "forecasts": rows, "csv": str(out)}


def forecast_table(forecasts: Sequence[Any]) -> str:
    """Lay out forecasts in currency: median, 50 % and 90 % range, chance of a rise, by horizon."""
    import math

    from fusion_model.findings import QUANTILE_NAMES

    def price(forecast: Any, name: str) -> str:
        return f"{forecast.last_close * math.exp(forecast.quantiles[QUANTILE_NAMES.index(name)]):,.2f}"

    rows = [
        (
            forecast.ticker,
            str(forecast.horizon),
            forecast.target_session,
            f"{forecast.last_close:,.2f}",
            price(forecast, "q50"),
            f"{price(forecast, 'q25')} - {price(forecast, 'q75')}",
            f"{price(forecast, 'q05')} - {price(forecast, 'q95')}",
            f"{forecast.prob_up * 100:.0f} %",
        )
        for forecast in forecasts
    ]
    header = (
        "ticker",
        "sessions",
        "until",
        "close",
        "median",
        "half of outcomes",
        "9 of 10 outcomes",
        "rise",
    )
    return table(header, rows)


# Facts --------------------------------------------------------------------------------------------


SOURCES = ("prices", "posts", "macro", "earnings")


@barograph.command(name="import")
@click.argument("kind", type=click.Choice(SOURCES))
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@long_command
def import_(context: Context, tell: Progress, kind: str, paths: tuple[Path, ...]) -> object:
    """Read files or folders that you already have; importing twice changes nothing."""
    from collectors import archives
    from collectors.universe import load_universe

    now = utc_now()
    with context.collecting("import") as db:
        if kind == "prices":
            report = archives.import_prices(db, paths, now=now, progress=tell)
        elif kind == "posts":
            report = archives.import_posts(db, paths, universe=load_universe(), now=now, progress=tell)
        elif kind == "macro":
            report = archives.import_macro(db, paths, now=now, progress=tell)
        else:
            report = archives.import_earnings(db, paths, now=now, progress=tell)
    context.voice.say(f"{report.files:,} files, {report.rows_read:,} rows read, {report.rows_saved:,} new")
    if report.actions_saved:
        context.voice.say(f"{report.actions_saved:,} splits and dividends new")
    if report.passed_over:
        context.voice.say(f"{report.passed_over:,} rows passed over: removed, empty, or read before")
    if report.bad_lines:
        context.voice.say(f"{report.bad_lines:,} bad lines left out, among them:")
        for bad in report.examples:
            context.voice.say(f"  {bad.file}:{bad.line}: {bad.reason}")
    return report


@barograph.command()
@click.argument("kinds", type=click.Choice(SOURCES), nargs=-1)
@long_command
def collect(context: Context, tell: Progress, kinds: tuple[str, ...]) -> dict[str, Any]:
    """Collect from the sources now; without a name: from all of them."""
    from collectors.schedule import run_job
    from desktop_app.daily import daily_jobs

    jobs = {job.name: job for job in daily_jobs(context.home, tell)}
    runs = []
    with context.collecting("collect") as db:
        for kind in kinds or SOURCES:
            run = run_job(db, kind, jobs[kind].run)
            context.voice.say(f"{run.job}: {run.outcome}, {run.rows:,} rows. {run.message}".rstrip())
            runs.append(run)
    failed = [run for run in runs if run.outcome != "done"]
    if failed:
        came = ", ".join(run.job for run in runs if run.outcome == "done")
        told = "; ".join(f"{run.job}: {run.message}" for run in failed)
        raise ConfigurationError(f"{came} came, not all else: {told}" if came else told)
    return {"runs": runs}


@barograph.command()
@click.option(
    "--text-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="CSV with a `text` column.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV to write, with --text-file."
)
@click.option(
    "--finbert", type=click.Path(path_type=Path, file_okay=False), help="A local folder with FinBERT."
)
@long_command
def score(
    context: Context, tell: Progress, text_file: Path | None, out: Path | None, finbert: Path | None
) -> dict[str, Any]:
    """Score posts that have no score yet, or the texts of a file."""
    from collectors.sentiment.scoring import choose_scorer, score_new_posts, score_text_file

    if (text_file is None) != (out is None):
        raise click.UsageError("--text-file and --out go together")
    scorer = choose_scorer(context.models, finbert)
    if text_file is not None and out is not None:
        told = score_text_file(text_file, out, scorer, progress=tell)
        left_out = f"; {told.without:,} say nothing and have no score" if told.without else ""
        context.voice.say(f"{told.scored:,} texts scored by {scorer.name}: {out}{left_out}")
        if told.encoding == "cp1252":
            context.voice.say(f"{text_file} is no UTF-8: it was read as cp1252; look at accents and quotes")
        return {"scorer": scorer.name, **asdict(told)}
    with context.collecting("score") as db:
        scored = score_new_posts(db, scorer, now=utc_now(), progress=tell)
    context.voice.say(f"{scored:,} posts scored by {scorer.name}")
    return {"scorer": scorer.name, "scored": scored}


@barograph.group()
def models() -> None:
    """FinBERT, the sentiment model that is downloaded on demand."""


@models.command(name="fetch")
@long_command
def models_fetch(context: Context, tell: Progress) -> dict[str, Any]:
    """Download FinBERT (438 MB); until it is there, the embedded compact scorer does the work."""
    from collectors.sentiment.finbert_fetch import fetch_finbert

    folder = fetch_finbert(context.models, progress=tell)
    context.voice.say(f"FinBERT is in {folder}; `barograph score` uses it from now on")
    return {"folder": str(folder)}


@models.command(name="quantise")
@long_command
def models_quantise(context: Context, tell: Progress) -> dict[str, Any]:
    """Make FinBERT fast (8 bits); it is used from then on if 99 % of the labels of your posts agree."""
    from collectors.sentiment.finbert_fast import quantise_finbert
    from collectors.sentiment.scoring import load_texts_to_compare

    with context.database() as db:
        texts = load_texts_to_compare(db)
    report = quantise_finbert(context.models, texts, progress=tell)
    context.voice.say(
        f"{report.agreement:.1%} of the labels of {report.texts} posts agree; "
        + (
            f"`barograph score` uses {report.scorer} from now on"
            if report.switched
            else "FinBERT stays as it is"
        )
    )
    return asdict(report)


# Findings -----------------------------------------------------------------------------------------


def parts_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--parts``: what the fusion model reads beside prices."""
    return click.option(
        "--parts",
        help="Comma-separated: sentiment, macro, graph, trees; or none. Default: the settings' model_parts.",
    )(function)


def _config(context: Context, parts: str | None) -> FusionConfig:
    from fusion_model.forecasting.fusion_network import FusionConfig

    chosen = load_settings(context.home).model_parts if parts is None else tuple(names_in(parts))
    if chosen == ("none",):
        chosen = ()
    unknown = set(chosen) - set(PARTS)
    if unknown:
        raise click.UsageError(f"--parts takes {', '.join(PARTS)} or none, not {sorted(unknown)[0]}")
    return FusionConfig(
        use_sentiment="sentiment" in chosen,
        use_macro="macro" in chosen,
        use_graph="graph" in chosen,
        use_trees="trees" in chosen,
    )


@barograph.command()
@as_of_option
@parts_option
@click.option(
    "--warm", is_flag=True, help="Begin at the newest model: quicker, and not the same as from anew."
)
@long_command
def train(context: Context, tell: Progress, as_of: Any, parts: str | None, warm: bool) -> object:
    """Fit and calibrate on what was known at a close."""
    from fusion_model import pipeline

    config = _config(context, parts)
    with context.database() as db:
        trained = pipeline.train(
            db,
            context.models,
            as_of=chosen_session(as_of),
            now=utc_now(),
            config=config,
            warm=warm,
            progress=tell,
        )
    context.voice.say(
        f"Trained {trained.model_version} on what was known at the close of {trained.as_of_session}"
    )
    shares = json.loads(trained.summary)["shares"]
    if shares is not None:
        sides = {"networks": "the networks'", "trees": "boosted trees'", "gjr_garch": "GJR-GARCH's"}
        heard = [
            f"{' / '.join(f'{share:.0%}' for share in shares[side])} are {whose}"
            for side, whose in sides.items()
            if side != "trees" or any(shares[side])
        ]
        context.voice.say(
            f"Of the volatility at {' / '.join(map(str, HORIZONS))} sessions {', '.join(heard)}"
        )
    return trained


@barograph.command()
@as_of_option
@click.option(
    "--sessions", type=click.IntRange(1, 5000), default=1, show_default=True, help="Also the sessions before."
)
@long_command
def refresh(context: Context, tell: Progress, as_of: Any, sessions: int) -> dict[str, Any]:
    """Forecast as of a close, and judge that session against what had been forecast for it."""
    from desktop_app.alerts import load_alerts
    from desktop_app.daily import held_shares, pass_over_account
    from fusion_model import pipeline

    with context.database() as db:
        report = pipeline.refresh(
            db,
            context.models,
            as_of=chosen_session(as_of),
            sessions=sessions,
            shares=held_shares(db) if as_of is None else {},
            now=utc_now(),
            progress=tell,
        )
        done = pass_over_account(db, context.home, utc_now())
        last = report.sessions[-1]
        alerts = [
            alert
            for alert in load_alerts(db, load_settings(context.home), first_session=last)
            if alert.session == last
        ]
    context.voice.say(forecast_table([f for f in report.forecasts if f.as_of_session == last]))
    for alert in alerts:
        context.voice.say(f"Unusual: {alert.ticker}, {alert.reason}")
    for unseen in report.risk.unseen:
        context.voice.say(unseen.sentence)
    for note in report.notes:
        context.voice.say(note)
    for order in done.proposals.orders:
        context.voice.say(f"Proposed: {order.reason}")
    return {
        "as_of_session": last,
        "sessions": len(report.sessions),
        "forecasts": len(report.forecasts),
        "anomalies": len(report.anomalies),
        "alerts": [
            {
                "ticker": alert.ticker,
                "measure": alert.measure,
                "p_value": None if isnan(alert.p_value) else alert.p_value,
                "reason": alert.reason,
            }
            for alert in alerts
        ],
        "risk_reports": len(report.risk.reports),
        "unseen_inputs": len(report.risk.unseen),
        "notes": report.notes,
        "orders": len(done.proposals.orders),
        "model_version": report.model_version,
    }


barograph.add_command(explain)


@barograph.command()
@click.option("--from", "first", type=SESSION, required=True, help="First session to forecast from.")
@click.option("--to", "last", type=SESSION, required=True, help="Last session to forecast from.")
@click.option("--tickers", help="Comma-separated; default: all that are stored.")
@click.option("--horizons", default="1,5,20", show_default=True, help="Comma-separated sessions ahead.")
@click.option(
    "--models",
    "names",
    help="Comma-separated; default: fusion and every baseline. Only when named: chronos2 (foundation model).",
)
@click.option(
    "--refit", type=click.Choice(["yearly", "quarterly", "never"]), default="yearly", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="CSV to write.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Processes that share the work, about 1 GB of memory each; default: the cores, at most 4.",
)
@click.option("--cluster", metavar="ADDRESS", help="Hand the work to a Dask scheduler, as tcp://HOST:8786.")
@parts_option
@long_command
def backtest(
    context: Context,
    tell: Progress,
    first: Any,
    last: Any,
    tickers: str | None,
    horizons: str,
    names: str | None,
    refit: Any,
    out: Path,
    workers: int | None,
    cluster: str | None,
    parts: str | None,
) -> object:
    """Forecast each session of a span as if it were today, beside every baseline; resumable."""
    from fusion_model import pipeline
    from fusion_model.evaluation.workers import cluster_workers, local_workers, usable_cores

    if workers and cluster:
        raise click.UsageError("--workers counts processes of this machine; with --cluster its own are used")
    with ExitStack() as stack:
        if cluster:
            hire = stack.enter_context(cluster_workers(cluster))
        else:
            hire = partial(local_workers, workers or min(usable_cores(), WORKERS_UNASKED))
        db = stack.enter_context(context.database())
        report = pipeline.backtest(
            db,
            first=first.strftime("%Y-%m-%d"),
            last=last.strftime("%Y-%m-%d"),
            out=out,
            models=names_in(names) or list(pipeline.forecasters()),
            refit=refit,
            tickers=names_in(tickers) or None,
            horizons=[whole_number(text, "--horizons") for text in names_in(horizons)],
            config=_config(context, parts),
            models_folder=context.models,
            hire=hire,
            progress=tell,
        )
    if report.put_aside:
        context.voice.say(
            f"Unfinished work of another backtest was put aside as {report.put_aside.name}; "
            "it is taken up when that one is asked for again"
        )
    context.voice.say(f"{report.rows:,} forecasts of {report.sessions:,} sessions: {report.out}")
    return report


@barograph.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option(
    "--detail", is_flag=True, help="Also CRPS, PIT, tails, rank IC, single tickers, years, regimes."
)
@long_command
def scorecard(context: Context, tell: Progress, file: Path | None, detail: bool) -> dict[str, Any]:
    """Skill against every baseline, coverage, significance: of a backtest's CSV, else the last one shown."""
    from fusion_model import store as findings
    from fusion_model.evaluation.scorecard import read_backtest, scorecard_text
    from fusion_model.evaluation.scorecard import score as score_table
    from fusion_model.evaluation.scorecard_detail import score_in_detail
    from fusion_model.evaluation.scorecard_tables import detail_text

    if detail and file is None:
        raise click.UsageError(
            "--detail needs a backtest's FILE: the stored scorecard has no single forecasts"
        )
    result: dict[str, Any] = {}
    with context.database() as db:
        if file is None:
            rows = findings.load_scores(db)
            if not rows:
                raise BadInput(
                    "no scorecard is stored; run `barograph backtest` and `barograph scorecard FILE.csv`"
                )
        else:
            tell("scoring", 0, 1)
            forecasts = read_backtest(file)
            rows = score_table(forecasts)
            findings.save_scores(db, rows, run=file.name, scored_at=utc_now())
            if detail or context.voice.as_json:
                result["detail"] = score_in_detail(forecasts)
            tell("scoring", 1, 1)
    context.voice.say(scorecard_text(rows))
    if detail:
        context.voice.say("\n" + detail_text(result["detail"]))
    return {"rows": rows, **result}


@barograph.command()
@click.argument(
    "what",
    type=click.Choice(["forecasts", "reasons", "anomalies", "posts", "track-record", "orders", "journal"]),
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="CSV to write.")
@as_of_option
@click.option("--excel", is_flag=True, help="Begin with a byte-order mark, so that Excel reads UTF-8.")
@click.pass_obj
def export(context: Context, what: str, out: Path, as_of: Any, excel: bool) -> None:
    """Write what is stored as CSV."""
    from desktop_app import export as exports
    from desktop_app.export_orders import export_journal, export_orders

    with context.database() as db:
        if what not in ("forecasts", "reasons") and as_of is not None:
            raise click.UsageError("--as-of goes with forecasts and reasons")
        if what == "forecasts":
            rows = exports.export_forecasts(db, out, as_of=chosen_session(as_of), excel=excel)
        elif what == "reasons":
            rows = exports.export_reasons(db, out, as_of=chosen_session(as_of), excel=excel)
        elif what == "anomalies":
            rows = exports.export_anomalies(db, out, excel=excel)
        elif what == "posts":
            rows = exports.export_posts(db, out, excel=excel)
        elif what == "orders":
            rows = export_orders(db, out, load_settings(context.home), utc_now(), excel=excel)
        elif what == "journal":
            rows = export_journal(db, out, load_settings(context.home), utc_now(), excel=excel)
        else:
            rows = exports.export_track_record(db, out, excel=excel)
    context.voice.say(f"{rows:,} rows: {out}")
    context.voice.finish({"rows": rows, "csv": str(out)})


# Choices and the state of things ------------------------------------------------------------------


@barograph.command()
@click.argument("action", type=click.Choice(["add", "remove", "list"]))
@click.argument("tickers", nargs=-1)
@click.option("--group", help="Put them into this group of yours too, or take them out of it alone.")
@click.pass_obj
def watch(context: Context, action: str, tickers: tuple[str, ...], group: str | None) -> None:
    """Change or show the watchlist, or one group of it."""
    if (action == "list") == bool(tickers):
        raise click.UsageError("`add` and `remove` take tickers, `list` takes none")
    named = sorted(set(map(choices.ticker_of, tickers)))
    group = None if group is None else choices.group_of(group)
    with context.database() as db:
        if action == "add":
            if group is not None:
                choices.put_into_group(db, group, named, utc_now())
            choices.watch(db, named, utc_now())
        elif action == "remove" and group is not None:
            choices.take_out_of_group(db, group, named)
        elif action == "remove":
            choices.unwatch(db, named)
        watched, groups = choices.load_watchlist(db), choices.load_groups(db)
    if group is not None:
        context.voice.say("\n".join(groups.get(group, [])) or f"There is nobody in the group {group}")
    else:
        context.voice.say("\n".join(watched) or "The watchlist is empty; `barograph watch add AAPL` fills it")
    context.voice.finish({"watchlist": watched, "groups": groups})


@barograph.command()
@click.pass_obj
def status(context: Context) -> None:
    """What is stored, and how fresh it is."""
    from collectors import store as facts
    from collectors.locks import SCHEDULE, holder_of
    from desktop_app.secrets import BROKER_SECRETS, SECRET_NAMES, where_kept
    from fusion_model import store as findings

    holder = holder_of(context.home, SCHEDULE)
    with context.database() as db:
        coverage = facts.load_coverage(db)
        scores = facts.count_scores(db)
        trained = findings.load_trained_model(db)
        forecast = findings.last_forecast_session(db)
        runs = facts.load_last_runs(db)
        watched = choices.load_watchlist(db)
    rows = [(c.kind, c.source, f"{c.rows:,}", c.first[:10], c.last[:10]) for c in coverage]
    context.voice.say(f"Home: {context.home}")
    context.voice.say(
        table(("kind", "source", "rows", "first", "last"), rows, left=2) if rows else "Nothing is stored."
    )
    for scorer, count in scores.items():
        context.voice.say(f"Scored by {scorer}: {count:,} posts")
    for name in (*SECRET_NAMES, *BROKER_SECRETS):
        if kept := where_kept(name):
            context.voice.say(f"Key {name}: from {kept}")
    context.voice.say(f"Watchlist: {len(watched)} tickers")
    context.voice.say(f"Model: {trained.model_version if trained else 'none; run `barograph train`'}")
    context.voice.say(f"Newest forecasts: as of {forecast or 'never'}")
    context.voice.say(schedule_in_words(holder))
    for run in runs.values():
        context.voice.say(
            f"Last {run.job}: {run.outcome} at {run.finished_at}, {run.rows:,} rows {run.message}".rstrip()
        )
    context.voice.finish(
        {
            "home": str(context.home),
            "coverage": coverage,
            "scores": scores,
            "watchlist": watched,
            "model": trained,
            "last_forecast_session": forecast,
            "schedule": holder,
            "jobs": list(runs.values()),
        }
    )


@barograph.command()
@click.option("--leaks", is_flag=True, help="Sound the leak alarms on the forecasters (half a minute).")
@click.option("--repair", is_flag=True, help="Set a damaged database aside and restore its newest backup.")
@click.option(
    "--offline", is_flag=True, help="Do not ask the sources whether they can be reached and take their keys."
)
@long_command
def doctor(context: Context, tell: Progress, leaks: bool, repair: bool, offline: bool) -> dict[str, Any]:
    """What is wrong, and how to mend it; with --leaks: whether any forecaster sees what it may not."""
    from desktop_app.doctor import examine, leaks_in_words
    from desktop_app.key_check import check_keys, complaints_of_keys
    from desktop_app.reach import examine_sources
    from desktop_app.repair import repair_home

    if repair:
        context.voice.say("\n".join(repair_home(context.home, now=utc_now())))
    complaints = examine(context.home, now=utc_now())
    answers = [] if offline else check_keys()
    complaints += [] if offline else [*examine_sources(context.home), *complaints_of_keys(answers)]
    for complaint in complaints:
        context.voice.say(f"{complaint.sentence}\n    {complaint.mend}")
    if not complaints:
        context.voice.say("Nothing to mend.")
    found = {"complaints": complaints, "keys": answers, "next_runs": _next_runs(context)}
    if not leaks:
        return found
    from fusion_model import pipeline

    with context.database() as db:
        report = pipeline.look_for_leaks(db, progress=tell)
    for line in leaks_in_words(report):
        context.voice.say(line)
    context.exit_code = DEFECT if report.fired else 0
    return {**found, "leaks": report}


def _next_runs(context: Context) -> dict[str, str]:
    """Return when the schedule would run each job; none where there is no record, or no usable setting."""
    from desktop_app.daily import next_runs

    try:
        with closing(choices.open_home_reader(context.home)) as db:
            return next_runs(db, context.home, utc_now())
    except CollectorError:  # examine tells of it
        return {}


@barograph.command()
@long_command
def serve(context: Context, tell: Progress) -> dict[str, Any]:
    """Run the schedule in the foreground until interrupted."""
    from collectors.locks import COLLECTOR, SCHEDULE, holding
    from collectors.quote_watch import watching
    from collectors.schedule import Schedule
    from collectors.schedule import serve as keep
    from desktop_app.daily import daily_jobs, quote_watch, react_to_quotes

    with holding(context.home, SCHEDULE, "barograph serve", wait_s=GLANCE_S):
        choices.open_home(context.home).close()  # upgraded once, before two threads open it
        schedule = Schedule(
            lambda: daily_jobs(context.home, tell),
            lambda: choices.open_home_to_collect(context.home, utc_now()),
            turn=lambda: holding(context.home, COLLECTOR, "barograph serve"),
        )
        context.voice.say("Collecting on schedule; stop with Ctrl+C")
        with watching(quote_watch(context.home, react_to_quotes(context.home))):
            keep(schedule)
    return {}


@barograph.group()
def service() -> None:
    """The schedule at login, by the system's own means."""


@service.command(name="install")
@click.pass_obj
def service_install(context: Context) -> None:
    """Let the system run the schedule from now on, and after each login."""
    from desktop_app import service as services

    ours = services.service_of(context.home, default_home=default_home())
    log_to(context.home)
    services.install(ours)
    context.voice.say(f"{ours.system} runs the schedule of {context.home} from now on. {ours.hint}".rstrip())
    context.voice.finish({"system": ours.system, "home": str(context.home), "files": list(ours.files)})


@service.command(name="uninstall")
@click.pass_obj
def service_uninstall(context: Context) -> None:
    """Stop that, and remove what was written for it."""
    from desktop_app import service as services

    ours = services.service_of(context.home, default_home=default_home())
    removed = services.uninstall(ours)
    context.voice.say(
        f"{ours.system} no longer runs the schedule of {context.home}"
        if removed
        else "No service is installed."
    )
    context.voice.finish({"system": ours.system, "home": str(context.home), "removed": removed})


@service.command(name="status")
@click.pass_obj
def service_status(context: Context) -> None:
    """Whether it is installed, who runs the schedule, and the last and the next run of each job."""
    from collectors import store as facts
    from collectors.locks import SCHEDULE, holder_of
    from desktop_app import service as services
    from desktop_app.daily import next_runs

    ours = services.service_of(context.home, default_home=default_home())
    holder = holder_of(context.home, SCHEDULE)
    with context.database() as db:
        last, following = facts.load_last_runs(db), next_runs(db, context.home, utc_now())
    context.voice.say(
        f"Installed for {ours.system}: {', '.join(map(str, ours.files))}"
        if ours.installed
        else f"Not installed for {ours.system}; `barograph service install` does it"
    )
    context.voice.say(schedule_in_words(holder))
    rows = [
        (
            job,
            f"{last[job].outcome} {last[job].finished_at}" if job in last else "never",
            following.get(job, ""),
        )
        for job in dict.fromkeys([*following, *last])
    ]
    context.voice.say(table(("job", "last run", "next run"), rows, left=3))
    context.voice.finish(
        {
            "system": ours.system,
            "installed": ours.installed,
            "files": list(ours.files),
            "running": holder,
            "last_runs": last,
            "next_runs": following,
        }
    )


def schedule_in_words(holder: object | None) -> str:
    """Say who runs the schedule, or how to have it run."""
    if holder is None:
        return "The schedule is not running; `barograph service install` runs it from now on"
    return f"The schedule is running {holder}"


# Commands of their own files -----------------------------------------------------------------------


barograph.add_command(account)
barograph.add_command(journal)
barograph.add_command(alerts)
barograph.add_command(orders)
barograph.add_command(portfolio)
barograph.add_command(risk)


# Running ------------------------------------------------------------------------------------------


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    voice = Voice(
        as_json="--json" in arguments,
        progress_json="--progress=json" in arguments or ("--progress" in arguments and "json" in arguments),
    )
    try:
        code = barograph.main(args=arguments, prog_name="barograph", standalone_mode=False)
    except click.Abort:
        voice.fail(KeyboardInterrupt())
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return 2
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BaseException as error:
        logger.error("Command failed: %s", error, exc_info=error)
        voice.fail(error)
        return exit_code_of(error)
    return code if isinstance(code, int) else 0  # commands return nothing; click returns what one exits with


def main() -> None:
    """Entry point of the console script; a polite kill is an interruption."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    sys.exit(run())
