"""The Portfolio page: holdings stated, changed and imported; suggestions beside them, with their sentence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pytestqt.qtbot import QtBot

from desktop_app.gui.main_window import MainWindow
from desktop_app.gui.portfolio_page import PortfolioPage
from desktop_app.store import load_holding_changes, load_holdings, open_home, open_home_reader
from fusion_model.portfolio_findings import (
    FrontierPoint,
    PortfolioFindings,
    PortfolioRun,
    PortfolioSuggestion,
    SuggestedWeight,
    WalkScore,
)
from fusion_model.store_portfolio import save_portfolio
from tests.desktop_app.facts import NOW, fill_home
from tests.desktop_app.gui.at_window import script

OpenWindow = Callable[..., MainWindow]
RUN = PortfolioRun(
    "2021-03-16", 20, "2021-04-14", "v1", 2000, 0.0, 0.5, 1.0, 1.0, 0.001, 0.005, "2016-03-16", "2021-03-16",
    63, 0.4, "",
)  # fmt: skip
FOUND = PortfolioFindings(
    run=RUN,
    suggestions=tuple(
        PortfolioSuggestion(method, 0.08, 0.04, 2.0, None, None, 0.5, 0.001, 0.1, beats, sentence)
        for method, beats, sentence in (
            ("min_cvar", False, "It did not beat 1/N."),
            ("equal_weight", None, "This is 1/N."),
        )
    ),
    weights=(
        SuggestedWeight("min_cvar", "AAA", 0.0, 0.3, 0.2, 0.4),
        SuggestedWeight("min_cvar", "BBB", 0.0, 0.7, 0.6, 0.8),
        SuggestedWeight("equal_weight", "AAA", 0.0, 0.5, 0.5, 0.5),
        SuggestedWeight("equal_weight", "BBB", 0.0, 0.5, 0.5, 0.5),
    ),
    frontier=(FrontierPoint("trading", 0, 0.0, 0.1, 0.05, 2.0, None),),
    walk=(WalkScore("min_cvar", 0.1, 0.14, 0.7, 0.1, 1.3, 0.3, 0.02, 1.5, 0.2, -3.0, -0.4, 0.3, 0.6),),
)


def opened(qtbot: QtBot, window: MainWindow) -> PortfolioPage:
    page = window.page("portfolio")
    assert isinstance(page, PortfolioPage)
    with qtbot.waitSignal(page.completed, timeout=5000):
        window.open_page("portfolio")
    return page


def typed(page: PortfolioPage, ticker: str, shares: str, cost: str) -> None:
    for edit, text in ((page.ticker, ticker), (page.shares, shares), (page.cost, cost)):
        edit.setText(text)


def test_a_holding_is_stated_changed_and_removed_and_every_statement_stays(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path)))
    assert page.worth.text() == "Nothing is stated yet."
    assert not page.keep_button.isEnabled()
    typed(page, "aaa", "10", "$50")
    page.keep_button.click()
    qtbot.waitUntil(lambda: page.worth.text() == "Worth $606.00 in all.")
    page.holding_table.selectRow(0)
    assert (page.ticker.text(), page.shares.text(), page.cost.text()) == ("AAA", "10", "50")
    page.shares.setText("20")
    page.keep_button.click()
    qtbot.waitUntil(lambda: page.worth.text() == "Worth $1,212 in all.")
    page.ticker.setText("AAA")
    page.remove_button.click()
    qtbot.waitUntil(lambda: page.worth.text() == "Nothing is stated yet.")
    with closing(open_home_reader(tmp_path)) as db:
        assert [change.shares for change in load_holding_changes(db)] == [10.0, 20.0, 0.0]


def test_what_is_no_holding_is_said_and_changes_nothing(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    window = open_window(fill_home(tmp_path))
    page = opened(qtbot, window)
    typed(page, "AAA", "many", "")
    page.keep_button.click()
    assert "the number of shares is 'many'; expected a number above 0" in window.status.message.text()
    with closing(open_home_reader(tmp_path)) as db:
        assert load_holdings(db) == []


def test_a_list_is_imported_and_the_lines_left_out_are_named(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    page = opened(qtbot, open_window(fill_home(tmp_path / "home")))
    path = tmp_path / "positions.csv"
    path.write_text("Symbol,Quantity,Average Cost\nAAA,10,50\nBBB,many,1\nBBB,5,\n", "utf-8")
    page.import_file(path)
    qtbot.waitUntil(lambda: [row.ticker for row in page.rows.holdings] == ["AAA", "BBB"])
    assert page.left_out.text() == "Line 3 was left out: shares is 'many', not a number"
    assert page.left_out.isVisible()


def test_a_file_that_is_no_list_is_said(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    window = open_window(fill_home(tmp_path / "home"))
    page = opened(qtbot, window)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", "utf-8")
    page.import_file(tmp_path / "x.csv")
    qtbot.waitUntil(lambda: "no header with a ticker" in window.status.message.text())


def test_suggestions_stand_beside_with_their_sentence_and_follow_the_method(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    with closing(open_home(fill_home(tmp_path))) as db:
        save_portfolio(db, FOUND, NOW)
    page = opened(qtbot, open_window(tmp_path))
    assert page.sentence.text() == "It did not beat 1/N."
    assert page.limits.text().startswith(
        "At most 50 % of one ticker. Costs of 10 bp"
    )  # the others limit nothing
    assert [row[:4] for row in page.weights.rows] == [
        ("BBB", "0.0 %", "70.0 %", "+70.0 %"),
        ("AAA", "0.0 %", "30.0 %", "+30.0 %"),
    ]
    assert page.methods.rows[0][-1] == "no"
    assert page.walk.rows[0][4] == "−0.40 to +0.30"
    page.method.setCurrentIndex(page.method.findData("equal_weight"))
    assert page.sentence.text() == "This is 1/N."
    page.method.setCurrentIndex(page.method.findData("equal_risk"))
    assert page.sentence.text().endswith("suggest anew.")


def test_suggest_anew_runs_the_command(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    program = script(
        tmp_path,
        f"open({str(told)!r}, 'w').write(' '.join(sys.argv[1:]))\nprint(json.dumps({{'result': {{}}}}))\n",
    )
    window = open_window(fill_home(tmp_path / "home"), program)
    page = opened(qtbot, window)
    assert "Nothing was suggested yet" in page.stale.text()
    page.suggest_button.click()
    qtbot.waitUntil(lambda: told.exists() and bool(told.read_text()), timeout=10_000)
    qtbot.waitUntil(lambda: not window.desk.command.running, timeout=10_000)
    assert "portfolio suggest" in told.read_text()
