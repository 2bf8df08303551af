"""Price files: every layout as traded, every bad line named, nothing twice."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import sqlite3
import zipfile
from pathlib import Path

import pytest

from collectors import store
from collectors.archives import BadLine, import_prices, prices
from collectors.errors import BadInput

EXCERPTS = Path(__file__).parents[1] / "resources" / "archives"
US_DAILY = Path(__file__).parents[3] / "shared" / "data" / "prices" / "us_daily"
NOW = "2021-04-22T00:00:00Z"
HEADER = "ticker,date,open,high,low,close,volume"


def bars(db: sqlite3.Connection) -> list[tuple[object, ...]]:
    return db.execute("SELECT ticker, session, close, volume, source FROM price_bar ORDER BY 1, 2").fetchall()


def table(tmp_path: Path, *rows: str, header: str = HEADER, name: str = "prices.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


GOOD = "KO,2020-01-02,55.3,55.4,54.8,54.99,1000"


# Layouts ------------------------------------------------------------------------------------------


def test_alphavantage_newest_first_is_stored_as_traded_with_its_split(db: sqlite3.Connection) -> None:
    report = import_prices(db, [EXCERPTS / "alphavantage"], now=NOW)
    assert (report.rows_saved, report.actions_saved, report.bad_lines) == (8, 1, 0)
    assert ("AAPL", "2014-06-06", 645.57, 12497800.0, "alphavantage_csv") in bars(db)
    assert store.load_actions(db, NOW) == [("AAPL", "2014-06-09", "split", 7.0)]


def test_a_bar_is_known_since_the_close_of_its_session(db: sqlite3.Connection) -> None:
    import_prices(db, [EXCERPTS / "alphavantage"], now=NOW)
    assert not [bar for bar in store.load_bars(db, "2014-06-06T19:59:59Z") if bar[1] == "2014-06-06"]
    assert [bar[1] for bar in store.load_bars(db, "2014-06-06T20:00:00Z")][-1] == "2014-06-06"


def test_yfinance_splits_are_undone_to_what_alphavantage_saw_traded(db: sqlite3.Connection) -> None:
    import_prices(db, [EXCERPTS / "yfinance", EXCERPTS / "alphavantage"], now=NOW)
    restored = store.load_source_bars(db, "AAPL", "yfinance_csv")
    traded = store.load_source_bars(db, "AAPL", "alphavantage_csv")
    assert restored.keys() == traded.keys()
    for session, bar in traded.items():
        assert restored[session] == pytest.approx(bar, rel=2e-4)


def test_dividends_before_a_split_are_paid_per_share_of_their_time(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    header = "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits"
    table(
        tmp_path,
        "2020-01-02,10,10,10,10,9,400,0.25,0.0",
        "2020-01-03,10,10,10,10,9,400,0.5,4.0",
        header=header,
        name="XYZ.csv",
    )
    import_prices(db, [tmp_path / "XYZ.csv"], now=NOW)
    assert store.load_actions(db, NOW) == [
        ("XYZ", "2020-01-02", "dividend", 1.0),
        ("XYZ", "2020-01-03", "dividend", 0.5),
        ("XYZ", "2020-01-03", "split", 4.0),
    ]


def test_yahoo_without_splits_is_stored_as_given(db: sqlite3.Connection) -> None:
    import_prices(db, [EXCERPTS / "yahoo"], now=NOW)
    assert ("AAPL", "2014-06-06", 92.224289, 87484600.0, "yahoo_csv") in bars(db)


@pytest.mark.parametrize("name", ["aapl.us.txt", "aapl_us_d.csv"])
def test_both_layouts_of_stooq_are_read(db: sqlite3.Connection, name: str) -> None:
    report = import_prices(db, [EXCERPTS / "stooq" / name], now=NOW)
    assert (report.rows_saved, report.bad_lines) == (8, 0)
    assert bars(db)[3] == ("AAPL", "2014-06-06", 92.224289, 87484600.0, "stooq_csv")


def test_any_table_with_a_ticker_is_read_in_any_case_and_order(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    path = table(
        tmp_path,
        "1000,2,0.4,brk-b,2020-01-03,10,11,9,10.5",
        "900,,,BRK.B,2020-01-02,20,21,19,20.5",
        header="Volume,Split,Dividend,Symbol,DATE,Open,High,Low,Close",
    )
    import_prices(db, [path], now=NOW)
    assert bars(db) == [
        ("BRK.B", "2020-01-02", 20.5, 900.0, "csv"),
        ("BRK.B", "2020-01-03", 10.5, 1000.0, "csv"),
    ]
    assert [action[2:] for action in store.load_actions(db, NOW)] == [("dividend", 0.4), ("split", 2.0)]


def test_prices_adjusted_for_dividends_are_refused(db: sqlite3.Connection, tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "2020-01-02,1,1,1,1,1,0,0",
        header="Date,Open,High,Low,Close,Volume,Dividends,Stock Splits",
        name="KO.csv",
    )
    with pytest.raises(BadInput, match="auto_adjust=False"):
        import_prices(db, [path], now=NOW)


# Containers ---------------------------------------------------------------------------------------


def test_folders_zips_and_gz_are_opened_and_notices_passed_over(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    source = (EXCERPTS / "alphavantage" / "AAPL.csv").read_bytes()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "BRK.B.csv.gz").write_bytes(gzip.compress(source))
    (tmp_path / "LICENSE").write_text("MIT")
    (tmp_path / "README.txt").write_text("Read me")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("x/GOOG.csv", source)
        archive.writestr("__MACOSX/x/._GOOG.csv", b"\0\1")
    report = import_prices(db, [tmp_path], now=NOW)
    assert (report.files, report.rows_saved, report.bad_lines) == (2, 16, 0)
    assert store.load_tickers(db) == ["BRK.B", "GOOG"]


# Twice, in parts, killed --------------------------------------------------------------------------


def test_importing_twice_adds_no_row(db: sqlite3.Connection) -> None:
    import_prices(db, [EXCERPTS / "alphavantage", EXCERPTS / "yfinance"], now=NOW)
    again = import_prices(db, [EXCERPTS / "alphavantage", EXCERPTS / "yfinance"], now="2021-05-01T00:00:00Z")
    assert (again.rows_read, again.rows_saved, again.actions_saved) == (16, 0, 0)


def test_a_second_copy_that_differs_cannot_take_turns_with_the_first(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    first = table(tmp_path, GOOD, name="a.csv")
    second = table(tmp_path, GOOD.replace("54.99", "54.90"), "KO,2020-01-03,55,55,54,54,1", name="b.csv")
    report = import_prices(db, [first, second], now=NOW)
    assert (report.rows_saved, report.bad_lines) == (2, 1)
    assert import_prices(db, [first, second], now="2021-05-01T00:00:00Z").rows_saved == 0


def test_a_file_that_breaks_off_leaves_nothing_of_itself(db: sqlite3.Connection, tmp_path: Path) -> None:
    rows = [f"T{n:04},2020-01-{d:02},{n},{n},{n},{n},{n}" for n in range(10, 2000) for d in (2, 3)]
    packed = gzip.compress("\n".join([HEADER, *rows]).encode())
    (tmp_path / "broken.csv.gz").write_bytes(packed[: len(packed) // 2])
    table(tmp_path, GOOD)
    report = import_prices(db, [tmp_path], now=NOW)
    assert (report.files, report.rows_saved, report.bad_lines) == (1, 1, 1)
    assert [(bad.line, Path(bad.file).name) for bad in report.examples if bad.line == 0] == [
        (0, "broken.csv.gz")
    ]


def test_a_batch_that_is_killed_leaves_nothing(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "save_corporate_actions", killed)
    with pytest.raises(KeyboardInterrupt):
        import_prices(db, [EXCERPTS / "alphavantage"], now=NOW)
    assert bars(db) == []
    assert not db.in_transaction


# Bad lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("KO,2020-01-03,x,55,54,54.5,1", "open is 'x', not a number"),
        ("KO,2020-01-03,null,null,null,null,null", "open is 'null', not a number"),
        ("KO,2020-01-03,54.5,nan,54,54.5,1", "high is nan; a price is a positive number"),
        ("KO,2020-01-03,54.5,55,54,0,1", "close is 0; a price is a positive number"),
        ("KO,2020-01-03,54.5,55,-54,54.5,1", "low is -54; a price is a positive number"),
        ("KO,2020-01-03,54.5,inf,54,54.5,1", "high is inf; a price is a positive number"),
        ("KO,2020-01-03,54.5,55,54,54.5,-1", "volume is -1; expected a number of shares"),
        ("KO,2020-01-03,54.5,54,55,54.5,1", "high 54 is below low 55"),
        ("KO,2020-01-03,54.5,55,54,60,1", "close 60 lies outside low 54 .. high 55"),
        ("KO,2020-01-04,54.5,55,54,54.5,1", "'2020-01-04' is no trading session; expected YYYY-MM-DD"),
        ("KO,03/01/2020,54.5,55,54,54.5,1", "'03/01/2020' is no trading session; expected YYYY-MM-DD"),
        ("KO,2020-01-03 10:00:00,1,1,1,1,1", "'2020-01-03 10:00:00' is a time within the day"),
        ("KO,2021-04-22,54.5,55,54,54.5,1", "2021-04-22 had not closed at 2021-04-22T00:00:00Z"),
        ("KO,2020-01-02,55.3,55.4,54.8,54.98,1000", "2020-01-02 was given before with other values"),
        ("KO,2020-01-03,54.5,55,54", "has 5 columns, the header has 7"),
        ('KO,2020-01-03,"54.5,55,54,54.5,1', "broken quotes"),
        ("K O,2020-01-03,54.5,55,54,54.5,1", "'K O' is no ticker"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(
    db: sqlite3.Connection, tmp_path: Path, row: str, reason: str
) -> None:
    path = table(tmp_path, GOOD, row, "KO,2020-01-06,54,55,54,55,7")
    report = import_prices(db, [path], now=NOW)
    assert (report.rows_read, report.rows_saved, report.bad_lines) == (3, 2, 1)
    assert (report.examples[0].file, report.examples[0].line) == (str(path), 3)
    assert reason in report.examples[0].reason


def test_rounding_and_prints_outside_the_range_are_kept_as_given(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    path = table(tmp_path, "KO,2020-01-02,55.0,55.0,55.001,55.0,1", "KO,2020-01-03,55.2,55.0,54,54.5,0")
    assert import_prices(db, [path], now=NOW).bad_lines == 0
    assert store.load_bars(db, NOW)[1][2] == 55.2


def test_an_exact_duplicate_is_passed_over_and_counted(db: sqlite3.Connection, tmp_path: Path) -> None:
    report = import_prices(db, [table(tmp_path, GOOD, GOOD)], now=NOW)
    assert (report.rows_saved, report.passed_over, report.bad_lines) == (1, 1, 0)


def test_bytes_that_are_no_utf8_cost_their_line_alone(db: sqlite3.Connection, tmp_path: Path) -> None:
    path = table(tmp_path, GOOD)
    path.write_bytes(path.read_bytes() + b"\xff\xfe,2020-01-03,1,1,1,1,1\n")
    assert import_prices(db, [path], now=NOW).examples == (BadLine(str(path), 3, "is no text in UTF-8"),)


# Nothing usable -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEADER.encode(), "has a header and no rows"),
        (b"a,b\n1,2\n", "recognised price layouts:"),
        (b"PK\x03\x04\0\0\0", "is no text in UTF-8"),
        (f"{HEADER}\nKO,2020-01-04,1,1,1,1,1\n".encode(), "none of 1 lines could be used"),
    ],
)
def test_a_file_without_anything_usable_is_refused(
    db: sqlite3.Connection, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "KO.csv").write_bytes(content)
    with pytest.raises(BadInput, match=message) as refused:
        import_prices(db, [tmp_path / "KO.csv"], now=NOW)
    assert str(tmp_path / "KO.csv") in str(refused.value)
    assert bars(db) == []


def test_a_missing_path_stops_the_import_before_it_begins(db: sqlite3.Connection, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no file or folder .*absent\.csv; nothing was imported"):
        import_prices(db, [table(tmp_path, GOOD), tmp_path / "absent.csv"], now=NOW)
    assert bars(db) == []


def test_a_folder_without_data_is_refused(db: sqlite3.Connection, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no data file was found"):
        import_prices(db, [tmp_path / "empty"], now=NOW)


@pytest.mark.parametrize("name", ["KO.csv.gz", "all.zip", "dump.csv.zst"])
def test_what_only_claims_to_be_packed_is_refused(db: sqlite3.Connection, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(f"{HEADER}\n{GOOD}\n")
    with pytest.raises(BadInput, match="cannot be read"):
        import_prices(db, [tmp_path / name], now=NOW)


def test_a_file_without_ticker_column_must_be_named_after_one(db: sqlite3.Connection, tmp_path: Path) -> None:
    shutil.copy(EXCERPTS / "alphavantage" / "AAPL.csv", tmp_path / "my prices.csv")
    with pytest.raises(BadInput, match=r"call it TICKER\.csv"):
        import_prices(db, [tmp_path / "my prices.csv"], now=NOW)


def test_progress_ends_at_its_total(db: sqlite3.Connection) -> None:
    seen: list[tuple[int, int]] = []
    import_prices(
        db,
        [EXCERPTS / "alphavantage"],
        now=NOW,
        progress=lambda _, done, total, message="": seen.append((done, total)),
    )
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] == (EXCERPTS / "alphavantage" / "AAPL.csv").stat().st_size


@pytest.mark.skipif(not US_DAILY.is_dir(), reason="needs ../shared/data/prices/us_daily")
def test_a_real_file_of_twenty_years_has_no_bad_line(db: sqlite3.Connection) -> None:
    report = import_prices(db, [US_DAILY / "AAPL.csv.gz"], now=NOW)
    assert (report.rows_saved, report.passed_over, report.bad_lines) == (5402, 0, 0)


# Fast and careful reading -------------------------------------------------------------------------

ODD_LINES = [
    "KO,20200106,55.3,55.4,54.8,54.99,1000",
    "KO,2020-01-07,55.4001,55.4,54.8,54.99,1000",
    "KO,2020-01-08,nan,55.4,54.8,54.99,1000",
    "KO,2020-01-09,55.3,55.4,54.8,54.99,-1",
    "KO,2020-01-11,55.3,55.4,54.8,54.99,1000",
    "ko.us,2020-01-13,1e1,1_1,9,10,1000",
    "K!,2020-01-14,55.3,55.4,54.8,54.99,1000",
    "KO,2021-04-22,55.3,55.4,54.8,54.99,1000",
    "KO,2020-01-02,55.3,55.4,54.8,54.99,1000",
    "KO,2020-01-02,55.3,55.4,54.8,55.0,1000",
]


@pytest.mark.parametrize("odd", ODD_LINES)
def test_a_line_has_the_same_fate_whatever_stands_beside_it(tmp_path: Path, odd: str) -> None:
    def told(name: str, *lines: str) -> tuple[object, ...]:
        with contextlib.closing(store.open_database(tmp_path / f"{name}.db")) as db:
            report = import_prices(db, [table(tmp_path, GOOD, odd, *lines)], now=NOW)
            reasons = [(bad.line, bad.reason) for bad in report.examples if bad.line < 4]
            return bars(db), report.passed_over, reasons

    assert told("by_column") == told("by_line", '"KO",x')  # a quote: every line is read by itself


def test_a_long_file_is_read_in_blocks_and_its_lines_keep_their_numbers(
    db: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "BLOCK", 60)
    again = "KO,2020-01-02,55.3,55.4,54.8,54.9,1000"
    days = [f"KO,2020-01-{day:02},55.3,55.4,54.8,54.99,1000\r" for day in range(6, 11)]
    report = import_prices(db, [table(tmp_path, GOOD, *days, GOOD, again)], now=NOW)
    assert (report.rows_saved, report.passed_over, len(bars(db))) == (6, 1, 6)
    assert [(bad.line, bad.reason) for bad in report.examples] == [
        (9, "2020-01-02 was given before with other values; the first stays")
    ]
