"""Texts in a person's language: what is found, what is not, and what a broken translation does."""

from __future__ import annotations

import gettext
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop_app.cli import language_of
from resources import language
from resources.language import languages, speak, tr, tr_many
from scripts import catalogue

GERMAN = """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "Prices"
msgstr "Kurse"

msgid "Not now"
msgstr ""

msgid "{days} days ago"
msgstr "vor {days} Tagen"

msgid "post"
msgid_plural "posts"
msgstr[0] "Beitrag"
msgstr[1] "Beiträge"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of languages with German in it; English is spoken again afterwards."""
    source = tmp_path / "de.po"
    source.write_text(GERMAN, "utf-8")
    catalogue.compiled(source, tmp_path)
    yield tmp_path
    speak("en")


def test_what_is_translated_is_said_in_the_language_and_the_rest_in_english(folder: Path) -> None:
    assert languages((folder,)) == ("en", "de")
    assert speak("de", (folder,)) == ""
    assert tr("Prices") == "Kurse"
    assert tr("Not now") == "Not now"
    assert tr("{days} days ago", days=3) == "vor 3 Tagen"
    assert [tr_many("post", "posts", n) for n in (0, 1, 1.5, 2)] == [
        "Beiträge",
        "Beitrag",
        "Beiträge",
        "Beiträge",
    ]
    assert speak("en", (folder,)) == ""
    assert tr("{days} days ago", days=3) == "3 days ago"
    assert [tr_many("post", "posts", n) for n in (0, 1, 2)] == ["posts", "post", "posts"]


def test_a_language_that_is_not_there_or_cannot_be_read_is_told_and_english_is_spoken(folder: Path) -> None:
    assert "'fr'" in speak("fr", (folder,))
    broken = folder / "fr" / "LC_MESSAGES" / "barograph.mo"
    broken.parent.mkdir(parents=True)
    for content in (b"", b"no catalogue at all", (folder / "de/LC_MESSAGES/barograph.mo").read_bytes()[:60]):
        broken.write_bytes(content)
        assert str(broken) in speak("fr", (folder,))
        assert tr("Prices") == "Prices"


def test_a_translation_with_a_field_that_is_not_there_gives_way_to_english_once_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong(gettext.NullTranslations):
        def gettext(self, message: str) -> str:
            return "vor {tage} Tagen"

    monkeypatch.setattr(language, "_catalogue", Wrong())
    assert [tr("{days} days ago", days=days) for days in (3, 4)] == ["3 days ago", "4 days ago"]
    assert len(caplog.records) == 1


def test_a_translation_with_other_fields_than_its_text_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "de.po"
    source.write_text(GERMAN.replace("vor {days}", "vor {tage}"), "utf-8")
    with pytest.raises(catalogue.Unusable, match="tage"):
        catalogue.compiled(source, tmp_path)
    source.write_text(GERMAN.replace("vor {days}", "vor {days"), "utf-8")
    with pytest.raises(catalogue.Unusable, match="vor"):
        catalogue.compiled(source, tmp_path)
    (tmp_path / "klingon7.po").write_text(GERMAN, "utf-8")
    with pytest.raises(catalogue.Unusable, match="klingon7"):
        catalogue.compiled(tmp_path / "klingon7.po", tmp_path)
    assert not list(tmp_path.rglob("*.mo"))


def test_a_text_that_is_put_together_where_it_is_used_cannot_be_in_a_catalogue() -> None:
    for source in ('tr(f"{n} days")', 'tr("a" + name)', "mark(name)", 'tr_many("post", plural, n)'):
        with pytest.raises(catalogue.Unusable, match=r"desktop_app/x\.py:1"):
            list(catalogue.texts_in(source, "desktop_app/x.py"))
    assert list(catalogue.texts_in('tr(TITLES[name]); tr("a" "b"); count(n, "day")', "desktop_app/x.py")) == [
        (1, "ab"),
        (1, ("day", "days")),
    ]


def test_settings_that_cannot_be_read_leave_the_language_english(tmp_path: Path) -> None:
    assert language_of(tmp_path) == "en"
    (tmp_path / "settings.json").write_text('{"language": "pt_BR"}', "utf-8")
    assert language_of(tmp_path) == "pt_BR"
    (tmp_path / "settings.json").write_text('{"language": "../de"}', "utf-8")
    assert language_of(tmp_path) == "en"
