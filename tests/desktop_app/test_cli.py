"""The command line: what it says, in words and in JSON, and the exit code it ends with."""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collectors.errors import ConfigurationError
from collectors.locks import COLLECTOR, SCHEDULE, holder_of, holding
from collectors.progress import CollectReport
from collectors.schedule import Job
from desktop_app.cli import run
from desktop_app.store import DATABASE_NAME, open_home
from desktop_app.terminal import INTERRUPTED, redact
from tests.builders import SMALL, sessions_from

BARS = """ticker,date,open,high,low,close,volume
AAA,2020-01-02,10,11,9,10.5,1000
AAA,2020-01-03,10.5,11,10,10.7,1200
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in before:
            handler.close()
    root.handlers[:] = before
    root.setLevel(level)


Barograph = Callable[..., tuple[int, str, str]]


@pytest.fixture
def barograph(home: Path, capsys: pytest.CaptureFixture[str]) -> Barograph:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["--home", str(home), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    return path


def test_import_tells_what_is_new_and_a_second_time_nothing_is(barograph: Barograph, bars: Path) -> None:
    assert barograph("import", "prices", str(bars))[:2] == (0, "1 files, 2 rows read, 2 new\n")
    assert barograph("import", "prices", str(bars))[:2] == (0, "1 files, 2 rows read, 0 new\n")


def test_import_as_json_is_one_document(barograph: Barograph, bars: Path) -> None:
    code, out, _ = barograph("--json", "import", "prices", str(bars))
    assert code == 0
    assert json.loads(out)["rows_saved"] == 2


def test_progress_json_ends_with_the_result(barograph: Barograph, bars: Path) -> None:
    code, out, _ = barograph("import", "prices", str(bars), "--progress", "json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert set(lines[0]) == {"stage", "done", "total", "message"}
    assert lines[-1]["result"]["rows_saved"] == 2


def test_a_bad_line_is_named_and_the_rest_goes_on(barograph: Barograph, bars: Path) -> None:
    bars.write_text(BARS + "AAA,2020-01-06,-1,11,10,10.7,1200\n")
    code, out, _ = barograph("import", "prices", str(bars))
    assert code == 0
    assert f"{bars}:4:" in out


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "empty"), ("a,b\n1,2\n", "layout"), ("ticker,date,open,high,low,close,volume\n", "")],
)
def test_a_file_that_cannot_be_used_is_bad_input(
    barograph: Barograph, bars: Path, home: Path, content: str, said: str
) -> None:
    bars.write_text(content)
    code, _, err = barograph("import", "prices", str(bars))
    assert code == 4
    assert str(bars) in err
    assert said in err
    with closing(open_home(home)) as db:
        assert db.execute("SELECT count(*) FROM price_bar").fetchone() == (0,)


def test_an_unknown_option_is_wrong_usage(barograph: Barograph) -> None:
    code, _, err = barograph("train", "--speed", "fast")
    assert code == 2
    assert "--speed" in err


def test_a_part_that_the_model_does_not_have_is_wrong_usage(barograph: Barograph) -> None:
    code, _, err = barograph("train", "--parts", "sentiment,astrology")
    assert code == 2
    assert "astrology" in err


def test_finbert_is_made_fast_only_with_posts_to_check_it_on(barograph: Barograph) -> None:
    code, _, err = barograph("models", "quantise")
    assert code == 3
    assert "of which there are 0; collect or import at least 240" in err


@pytest.mark.parametrize("command", ["train", "refresh"])
def test_nothing_stored_tells_what_to_do(barograph: Barograph, command: str) -> None:
    code, _, err = barograph(command)
    assert code == 4
    assert "barograph import prices" in err


def test_too_little_history_is_told_with_numbers(barograph: Barograph, bars: Path) -> None:
    barograph("import", "prices", str(bars))
    code, _, err = barograph("train")
    assert code == 4
    assert "2 sessions are stored" in err


def test_no_model_tells_to_train(barograph: Barograph, bars: Path) -> None:
    barograph("import", "prices", str(bars))
    code, _, err = barograph("refresh")
    assert code == 3
    assert "barograph train" in err


@pytest.mark.parametrize(
    ("as_of", "said"), [("2020-01-04", "not a trading session"), ("2020-01-06", "newest")]
)
def test_a_session_that_is_none_is_bad_input(barograph: Barograph, bars: Path, as_of: str, said: str) -> None:
    barograph("import", "prices", str(bars))
    code, _, err = barograph("train", "--as-of", as_of)
    assert code == 4
    assert said in err


def test_an_error_of_a_user_is_a_sentence_and_no_traceback(home: Path) -> None:
    """A command without a log file once printed the whole stack before its sentence."""
    command = [
        sys.executable,
        "-m",
        "desktop_app",
        "--home",
        str(home),
        "export",
        "forecasts",
        "--out",
        "x.csv",
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 4
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_key_says_which_and_where_to_get_it(
    barograph: Barograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    code, _, err = barograph("collect", "macro")
    assert code == 3
    assert "FRED_API_KEY" in err
    assert "fred" in err.lower()


def test_what_came_is_told_beside_what_did_not(barograph: Barograph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices had come, and all that was said of the collection was that it had not worked."""

    def missing(_db: sqlite3.Connection, _now: str) -> CollectReport:
        raise ConfigurationError("the key is missing")

    jobs = [Job("prices", (), lambda _db, _now: CollectReport(rows=3)), Job("macro", (), missing)]
    monkeypatch.setattr("desktop_app.daily.daily_jobs", lambda _home, _tell: jobs)
    code, _, err = barograph("collect", "prices", "macro")
    assert code == 3
    assert "prices came, not all else: macro: the key is missing" in err


def test_earnings_dates_need_a_contact_for_the_sec(barograph: Barograph) -> None:
    assert barograph("watch", "add", "AAPL")[0] == 0
    code, _, err = barograph("collect", "earnings")
    assert code == 3
    assert '"contact" in settings.json' in err


def test_an_empty_watchlist_says_how_to_fill_it(barograph: Barograph) -> None:
    code, _, err = barograph("collect", "prices")
    assert code == 3
    assert "barograph watch add" in err


def test_watch_adds_lists_and_removes(barograph: Barograph) -> None:
    assert barograph("watch", "add", "msft", "AAPL")[:2] == (0, "AAPL\nMSFT\n")
    assert barograph("watch", "remove", "MSFT")[:2] == (0, "AAPL\n")
    assert barograph("watch", "add", "no ticker")[0] == 4


def test_a_locked_database_is_busy(
    barograph: Barograph, bars: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.store.BUSY_TIMEOUT_S", 0.1)
    with closing(open_home(home)):
        pass
    with closing(sqlite3.connect(home / DATABASE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, _, err = barograph("import", "prices", str(bars))
    assert code == 5
    assert "another program" in err


@pytest.mark.parametrize(("name", "command"), [(SCHEDULE, "serve"), (COLLECTOR, "collect")])
def test_a_second_collector_is_busy_and_says_who_is_first(
    barograph: Barograph, home: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    monkeypatch.setattr("desktop_app.context.TURN_S", 0.1)
    with holding(home, name, "barograph serve"):
        code, _, err = barograph(command)
    assert code == 5
    assert f"by process {os.getpid()} on " in err


def test_a_file_that_is_no_database_is_told(barograph: Barograph, home: Path) -> None:
    home.mkdir()
    (home / DATABASE_NAME).write_text("this is no database, whatever its name says, and it is long enough")
    code, _, err = barograph("status")
    assert code == 3
    assert "no Barograph database" in err


def test_nothing_to_export_is_told(barograph: Barograph, tmp_path: Path) -> None:
    code, _, err = barograph("export", "forecasts", "--out", str(tmp_path / "out.csv"))
    assert code == 4
    assert not (tmp_path / "out.csv").exists()
    assert "forecast" in err


def test_scorecard_of_another_file_is_bad_input(barograph: Barograph, bars: Path) -> None:
    code, _, err = barograph("scorecard", str(bars))
    assert code == 4
    assert str(bars) in err


def test_detail_needs_the_single_forecasts_of_a_file(barograph: Barograph) -> None:
    code, _, err = barograph("scorecard", "--detail")
    assert code == 2
    assert "needs a backtest's FILE" in err


def test_backtest_names_an_unknown_model(barograph: Barograph, bars: Path, tmp_path: Path) -> None:
    barograph("import", "prices", str(bars))
    span = ("--from", "2020-01-03", "--to", "2020-01-03", "--out", str(tmp_path / "b.csv"))
    code, _, err = barograph("backtest", *span, "--models", "oracle")
    assert code == 4
    assert "oracle" in err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--workers", "0"], 2, "--workers"),
        (["--workers", "two"], 2, "--workers"),
        (["--workers", "2", "--cluster", "tcp://127.0.0.1:8786"], 2, "--cluster"),
        (["--cluster", "tcp://127.0.0.1:8786"], 3, 'pip install "barograph[cluster]"'),
    ],
)
def test_who_computes_a_backtest_is_checked_before_any_work(
    barograph: Barograph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    span = ("--from", "2020-01-03", "--to", "2020-01-03", "--out", str(tmp_path / "b.csv"))
    found, _, err = barograph("backtest", *span, *options)
    assert (found, said in err) == (code, True)


def test_unfinished_work_of_another_backtest_is_put_aside_and_told(
    barograph: Barograph, long_bars: Path, tmp_path: Path
) -> None:
    barograph("import", "prices", str(long_bars))
    (tmp_path / "b.csv.part").write_bytes(b'{"backtest": "of another span"}\n{"lines": []}\n')
    session = sessions_from("2016-01-04", 640)[-1]
    span = ("--from", session, "--to", session, "--out", str(tmp_path / "b.csv"))
    code, out, _ = barograph("backtest", *span, "--models", "persistence_ewma")
    assert (code, "put aside as b.csv.part-" in out) == (0, True)
    assert [path.read_bytes()[:12] for path in tmp_path.glob("b.csv.part*")] == [b'{"backtest":']


def test_the_window_needs_a_display(barograph: Barograph, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    code, _, err = barograph("app")
    assert code == 3
    assert "no display" in err


def test_a_missing_library_of_the_system_is_named_with_its_packages(
    barograph: Barograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without libxcb-icccm4 Qt once aborted the process with a message about reinstalling."""
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("desktop_app.cli.X11_LIBRARIES", ("libnot-there.so.9",))
    code, _, err = barograph("app")
    assert code == 3
    assert "libnot-there.so.9 is not installed" in err
    assert "sudo apt install libegl1" in err


def test_status_as_json_tells_coverage(barograph: Barograph, bars: Path) -> None:
    barograph("import", "prices", str(bars))
    code, out, _ = barograph("--json", "status")
    assert code == 0
    assert json.loads(out)["coverage"][0]["rows"] == 2


def test_status_tells_who_runs_the_schedule(barograph: Barograph, home: Path) -> None:
    assert "\nThe schedule is not running; `barograph service install` runs it" in barograph("status")[1]
    with holding(home, SCHEDULE, "barograph serve"):
        assert f"by process {os.getpid()} on " in barograph("status")[1]
        assert json.loads(barograph("--json", "status")[1])["schedule"]["pid"] == os.getpid()


def test_the_service_tells_its_state_and_what_runs_next(
    barograph: Barograph, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    code, out, _ = barograph("--json", "service", "status")
    told = json.loads(out)
    assert (code, told["installed"], told["running"], told["last_runs"]) == (0, False, None, {})
    assert set(told["next_runs"]) == {"prices", "posts", "macro", "earnings"}
    assert barograph("service", "uninstall")[:2] == (0, "No service is installed.\n")


def test_a_system_without_services_ends_with_what_is_missing(
    barograph: Barograph, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("PATH", "")
    code, _, err = barograph("service", "install")
    assert code == 3
    assert "start `barograph serve` at login by a means of this system instead" in err
    assert not (home / "config").exists()


def test_keys_never_reach_a_message_or_a_log() -> None:
    assert redact("GET /fred?api_key=abcdef123&x=1") == "GET /fred?api_key=***&x=1"


def test_the_module_runs_as_a_program(home: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "desktop_app", "--home", str(home), "status"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert result.returncode == 0, result.stderr
    assert "Nothing is stored." in result.stdout


@pytest.fixture
def long_bars(tmp_path: Path) -> Path:
    """Three tickers over 640 sessions, in the generic layout."""
    random = np.random.default_rng(1)
    path = tmp_path / "long.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ticker", "date", "open", "high", "low", "close", "volume"])
        for ticker in ("AAA", "BBB", "CCC"):
            close = 50.0
            for session in sessions_from("2016-01-04", 640):
                opening, close = close, close * float(np.exp(random.standard_t(4) * 0.01))
                high, low = max(opening, close) * 1.002, min(opening, close) * 0.998
                volume = int(1e6 * float(np.exp(random.normal())))
                writer.writerow([ticker, session, opening, high, low, close, volume])
    return path


def test_the_whole_way_by_commands(
    barograph: Barograph, long_bars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(SMALL, validation_sessions=0, held_out_sessions=0, stacking_sessions=150)
    monkeypatch.setattr("desktop_app.cli._config", lambda context, parts: config)
    sessions = sessions_from("2016-01-04", 640)
    assert barograph("import", "prices", str(long_bars))[0] == 0
    code, out, _ = barograph("train", "--as-of", sessions[-11])
    assert (code, out.startswith("Trained fusion-")) == (0, True)
    share = r"\d+% / \d+% / \d+% are"
    told = rf"at 1 / 5 / 20 sessions {share} the networks', {share} GJR-GARCH's"
    assert re.search(told, out)
    code, out, err = barograph("refresh", "--progress", "json")
    assert (code, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["result"]["forecasts"] == 9
    code, out, _ = barograph("refresh")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:5]] == ["AAA", "AAA", "AAA"]
    forecasts = tmp_path / "forecasts.csv"
    assert barograph("export", "forecasts", "--out", str(forecasts))[:2] == (0, f"9 rows: {forecasts}\n")
    assert barograph("export", "track-record", "--out", str(tmp_path / "record.csv"))[0] == 0
    backtest = tmp_path / "backtest.csv"
    span = ("--from", sessions[-80], "--to", sessions[-1], "--refit", "never")
    models = ("--models", "fusion,persistence_ewma", "--horizons", "1,5")
    code, out, _ = barograph("backtest", *span, *models, "--workers", "2", "--out", str(backtest))
    assert (code, out) == (0, f"960 forecasts of 80 sessions: {backtest}\n")
    alone = tmp_path / "alone.csv"
    assert barograph("backtest", *span, *models, "--workers", "1", "--out", str(alone))[0] == 0
    assert alone.read_bytes() == backtest.read_bytes()
    assert backtest.read_text().splitlines()[0].startswith("model,ticker,as_of_session,horizon,")
    code, out, _ = barograph("scorecard", str(backtest))
    assert code == 0
    assert "persistence_ewma" in out
    code, out, _ = barograph("scorecard", str(backtest), "--detail")
    assert code == 0
    assert "By calendar year" in out
    code, out, _ = barograph("--json", "scorecard", str(backtest))
    assert {row["model"] for row in json.loads(out)["detail"]["shapes"]} == {"fusion", "persistence_ewma"}
    code, out, _ = barograph("--json", "scorecard")
    assert code == 0
    rows = json.loads(out)["rows"]
    assert {row["model"] for row in rows} == {"fusion", "persistence_ewma"}
    assert next(row for row in rows if row["model"] == row["baseline"])["dm_t"] is None
    assert barograph("status")[0] == 0


@pytest.mark.parametrize("command", [("account", "deposit"), ("alerts", "list")])
def test_a_csv_that_no_command_would_write_is_refused(
    barograph: Barograph, tmp_path: Path, command: tuple[str, str]
) -> None:
    group, name = command
    code, _, err = barograph(group, "--csv", str(tmp_path / "rows.csv"), name)
    assert (code, "--csv stands behind" in err) == (2, True)


def test_a_group_of_the_watchlist_is_filled_shown_and_emptied(barograph: Barograph) -> None:
    assert barograph("watch", "add", "AAPL", "MSFT", "--group", "Tech")[0] == 0
    assert barograph("watch", "list", "--group", "Tech")[1] == "AAPL\nMSFT\n"
    assert barograph("watch", "list", "--group", " Tech ")[1] == "AAPL\nMSFT\n"
    code, out, _ = barograph("--json", "watch", "remove", "AAPL", "--group", "Tech")
    assert (code, json.loads(out)) == (0, {"watchlist": ["AAPL", "MSFT"], "groups": {"Tech": ["MSFT"]}})
    assert barograph("watch", "add", "AAPL", "--group", " ")[0] == 4


def test_doctor_lists_what_to_mend_and_ends_well(
    barograph: Barograph, bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_app.secrets._from_keyring", lambda name: None)
    monkeypatch.delenv("FRED_API_KEY", raising=False)
    barograph("import", "prices", str(bars))
    code, out, _ = barograph("doctor")
    assert code == 0
    assert "    barograph collect prices\n" in out
    code, out, _ = barograph("--json", "doctor")
    assert code == 0
    complaints = json.loads(out)["complaints"]
    assert {"prices", "posts", "macro"} <= set(json.loads(out)["next_runs"])
    assert {"watchlist", "prices", "posts", "macro", "model", "keys"} <= {c["subject"] for c in complaints}
    assert set(complaints[0]) == {"subject", "sentence", "mend"}


def test_doctor_says_so_where_nothing_is_to_mend(
    barograph: Barograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desktop_app.doctor.examine", lambda home, now: [])
    assert barograph("doctor")[:2] == (0, "Nothing to mend.\n")
    code, out, _ = barograph("--json", "doctor")
    assert (code, json.loads(out)["complaints"]) == (0, [])


def test_doctor_sounds_the_leak_alarms_on_what_is_stored(barograph: Barograph, long_bars: Path) -> None:
    barograph("import", "prices", str(long_bars))
    code, out, _ = barograph("doctor", "--leaks")
    assert code == 0
    assert (
        "Leak alarms on 3 tickers, 4 Jan 2016 to 18 Jul 2018, the last 80 sessions scored; fusion in" in out
    )
    for model in ("fusion", "persistence_ewma", "historical_simulation", "ewma_fhs", "gjr_garch_t"):
        assert f"{model}: 7 of 7 alarms silent" in out


def test_a_leak_ends_the_doctor_with_the_code_of_a_defect(
    barograph: Barograph, long_bars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fusion_model import pipeline
    from tests.fusion_model.evaluation.test_leak_alarms import PeeksAtTheNextRow

    monkeypatch.setattr(pipeline, "forecasters", lambda config, trees: {"peeking": PeeksAtTheNextRow})
    barograph("import", "prices", str(long_bars))
    code, out, _ = barograph("--json", "doctor", "--leaks")
    assert code == 1
    alarms = json.loads(out)["leaks"]["alarms"]["peeking"]
    assert [alarm["name"] for alarm in alarms if alarm["fired"]] == [
        "future truncated",
        "future corrupted",
        "labels shuffled",
        "random walk",
    ]
    code, out, _ = barograph("doctor", "--leaks")
    assert code == 1
    assert "peeking: 3 of 7 alarms silent\n    FIRED, future truncated: Of 27 forecasts" in out


def test_leak_alarms_need_a_history(barograph: Barograph, bars: Path) -> None:
    barograph("import", "prices", str(bars))
    code, _, err = barograph("doctor", "--leaks")
    assert code == 4
    assert "leak alarms score at least 60 sessions" in err


def test_explain_says_why_in_words_and_json_and_csv(barograph: Barograph, home: Path, tmp_path: Path) -> None:
    """On stored reasons; what finds them is tested with the pipeline."""
    from desktop_app.store import MODELS_FOLDER
    from fusion_model.store_reasons import save_reasons
    from tests.desktop_app.facts import NOW, fill_home
    from tests.desktop_app.test_why import reasons

    with closing(open_home(fill_home(home))) as db:
        save_reasons(db, [reasons()], NOW)
    assert not (home / MODELS_FOLDER).exists()
    code, out, _ = barograph("explain", "aaa")
    assert code == 0
    assert "wider than on an ordinary day of AAA" in out
    assert "Report expected on Tue 23 Mar    adds 60 %" in out
    code, out, _ = barograph("--json", "explain", "AAA", "--csv", str(tmp_path / "a.csv"))
    assert (code, len(json.loads(out)["attributions"]), json.loads(out)["rows"]) == (0, 8, 10)
    assert barograph("explain", "ZZZ")[0] == 4
    assert barograph("explain", "AAA", "--as-of", "2021-03-12")[0] == 3  # no model is stored


def test_a_command_whose_reader_has_seen_enough_ends_well(tmp_path: Path) -> None:
    """As in `barograph doctor | head -1`; it once ended as a defect, with the rest of its work undone."""
    command = [sys.executable, "-m", "desktop_app", "--home", str(tmp_path), "doctor", "--offline"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(("ends", "until_eof"), [(True, ("--until-eof",)), (False, ())])
def test_a_schedule_ends_with_its_input_only_where_the_window_asked_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bool, until_eof: tuple[str, ...]
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody is there
    command = [sys.executable, "-m", "desktop_app", "--home", str(tmp_path), "serve", *until_eof]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as serving:
        if ends:
            assert serving.wait(timeout=60) == INTERRUPTED
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                serving.wait(timeout=3)
            serving.terminate()
    assert holder_of(tmp_path, SCHEDULE) is None


def test_a_long_command_whose_listener_is_gone_is_interrupted(home: Path, bars: Path) -> None:
    """It once ended as a defect, of a broken pipe."""
    command = [sys.executable, "-m", "desktop_app", "--home", str(home), "import", "prices", str(bars)]
    with subprocess.Popen([*command, "--progress", "json"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == INTERRUPTED
