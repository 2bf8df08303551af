"""The window in a made-up language: every text that is ours comes from the catalogue."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo

from desktop_app.gui.pages import PAGES
from desktop_app.settings import TRANSLATIONS
from desktop_app.store import open_home, save_holding
from fusion_model.store_portfolio import save_portfolio
from scripts import catalogue
from tests.desktop_app.facts import NOW, fill_home
from tests.desktop_app.gui.test_orders_page import fill as fill_orders
from tests.desktop_app.gui.test_portfolio_page import FOUND
from tests.desktop_app.gui.test_risk_page import fill_risk
from tests.desktop_app.gui.test_why_page import fill_reasons

LANGUAGE = "eo"
WORD = re.compile(r"[A-Za-z]{2,}")
NAMES = re.compile(
    r"""<[^>]*>|&\w+;                                   # markup
    |(?:https?://|support\.|www\.)[^\s<)]+             # addresses
    |(?<!\w)/[\w/.-]+|\b[A-Z]+_[A-Z_]+\b                # paths, names of keys
    |\b(?:AAA|BBB|CCC|DDD|EEE|SPY)\b                   # tickers
    |\b(?:CPIAUCSL|DGS2|DGS10|FEDFUNDS|ICSA|INDPRO|M2SL|PAYEMS|UNRATE|USD|UTC)\b
    |\b(?:Ctrl|Shift|Esc|Del|Return|Enter)\b             # keys as Qt names them, in its own translation
    |\bBarograph\b|\bEnglish\b|\bEsperanto\b   # languages by their own names
    |^(?:Export(?:\.\.\.)?|Scroll\ (?:Left|Right))$      # hidden controls of Qt and pyqtgraph
    """,
    re.VERBOSE,
)
STORED = re.compile(  # facts of the record, and sentences that were stored with them in English
    r"=?after the (?:last )?close| traded nine times as much\.|compact 1|reddit|test|fusion-1"
    r"|It did not beat 1/N\.|The market: never so low\."
    r"| is 0\.0 % of the account; by equal weights.*",
)
ACCENTED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "åƀçđéƒğħîĵķļɱñöþɋřšţûṽŵẋýžÅƁÇĐÉƑĞĦÎĴĶĻṀÑÖÞɊŘŠŢÛṼŴẊÝŽ",
)


def spoken_as(text: str) -> str:
    """Return a text in the made-up language, whose words have no plain letter."""
    kept = re.split(r"(\{[^}]*\}|<[^>]*>|&\w+;)", text)
    return "".join(part if i % 2 else part.translate(ACCENTED) for i, part in enumerate(kept))


def foreign(folder: Path) -> Path:
    """Write the made-up translation into a folder of languages; return the folder."""
    catalog = catalogue.template()
    for message in catalog:
        forms = message.id if isinstance(message.id, tuple) else (message.id,)
        if message.id:
            said = tuple(spoken_as(form) for form in forms)
            message.string = said if isinstance(message.id, tuple) else said[0]
    target = folder / LANGUAGE / "LC_MESSAGES" / "barograph.mo"
    target.parent.mkdir(parents=True)
    with target.open("wb") as file:
        write_mo(file, catalog)
    return folder


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The texts of each page in the made-up language: of a full record, and of one with a paper account."""
    folder = tmp_path_factory.mktemp("spoken")
    full, paper = fill_home(folder / "full"), folder / "paper"
    fill_reasons(full)
    fill_risk(full)
    with closing(open_home(full)) as db:
        save_portfolio(db, FOUND, NOW)
        save_holding(db, "AAA", 12.5, 40.0, NOW)
    fill_orders(paper)
    running = []
    for home in (full, paper):
        foreign(home / TRANSLATIONS)
        report = home.with_suffix(".json")
        program = [
            sys.executable,
            str(Path(__file__).with_name("spoken.py")),
            str(home),
            str(report),
            LANGUAGE,
        ]
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        running.append(
            (report, subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True))
        )
    found: dict[str, list[str]] = {}
    for report, process in running:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        for page, texts in json.loads(report.read_text("utf-8")).items():
            found[page] = found.get(page, []) + texts
    return found


@pytest.mark.parametrize("name", [*(entry.name for entry in PAGES), "dialogs"])
def test_a_page_says_nothing_that_is_not_in_the_catalogue(shown: dict[str, list[str]], name: str) -> None:
    assert untranslated(shown[name]) == {}


def untranslated(texts: Iterable[str]) -> dict[str, list[str]]:
    """Return the English words of texts, by text, that no fact explains."""
    found = {text: WORD.findall(STORED.sub(" ", NAMES.sub(" ", text))) for text in texts}
    return {text: words for text, words in found.items() if words}


def test_a_text_past_the_catalogue_is_found() -> None:
    assert untranslated(["AAA: Ŵħý", "Prices are old", "AAA ļåšţ seen"]) == {
        "Prices are old": ["Prices", "are", "old"],
        "AAA ļåšţ seen": ["seen"],
    }
    assert spoken_as("{count} of <b>{total}</b>&nbsp;seen") == "{count} öƒ <b>{total}</b>&nbsp;šééñ"


def test_the_catalogue_in_the_program_has_every_text() -> None:
    assert catalogue.TEMPLATE.read_bytes() == catalogue.written(catalogue.template()), (
        "run python scripts/catalogue.py"
    )
