"""Settings: every choice of desktop_app.settings in groups, and the keys of the sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any

from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop_app.gui.desk import Desk
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import label, rule, set_role
from desktop_app.secrets import (
    BROKER_SECRETS,
    SECRET_NAMES,
    delete_secret,
    save_secret,
    where_kept,
)
from desktop_app.setting_words import CHOICE_NAMES, GROUPS, SettingWords, text_of, value_of
from desktop_app.settings import TRANSLATIONS, Settings
from resources.language import ENGLISH, languages, tr

KEY_SUBJECTS = ("keys", "network", "reddit", "fred", "broker")  # complaints of the doctor that a key explains

ANSWERS = {
    "accepted": tr("✓ accepted by {source}"),
    "refused": tr("✕ refused by {source}"),
    "unknown": tr("{source} did not tell whether it accepts it"),
}
ALL_WELL = tr("No key is missing, every source in use can be reached, and each accepts its key.")


class SettingsPage(Page):
    """A form that is kept at once where an entry is usable, and says below an entry what was expected."""

    title = tr("Settings")
    lead = tr(
        "Kept in settings.json of the home as soon as an entry is usable. Keys go to the system's keyring."
    )
    needs_record = False

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.editors: dict[str, QWidget] = {}
        self.problems: dict[str, Any] = {}
        self._filling = False
        self._testing = False
        content = QWidget()
        content.setProperty("role", "page")
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(10)
        for name, group in GROUPS.items():
            layout.addWidget(label(name, "heading"))
            layout.addLayout(self._form(group))
            layout.addWidget(rule())
        layout.addWidget(label(tr("Keys of the sources"), "heading"))
        origins = SECRET_NAMES | BROKER_SECRETS
        self.keys = {name: KeyRow(desk, name, tr(origin)) for name, origin in origins.items()}
        for row in self.keys.values():
            layout.addWidget(row)
        self.test = QPushButton(tr("Test sources and keys"))
        self.test.setToolTip(
            tr(
                "Asks which keys are missing, and each source in use whether it is there and accepts its key "
                "(barograph doctor)"
            )
        )
        self.test.clicked.connect(self.test_keys)
        self.tested = label("", "muted", wrap=True)
        layout.addWidget(self.test, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.tested)
        layout.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName(tr("All settings"))
        scroll.setWidget(content)
        page_layout(self).addWidget(scroll)
        desk.command.succeeded.connect(self._show_test)
        desk.command.failed.connect(
            lambda problem: self._show_test({"complaints": [{"subject": "keys", "sentence": problem}]})
        )
        desk.work_changed.connect(lambda working: self.test.setEnabled(not working))

    def _form(self, group: tuple[SettingWords, ...]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(2, 1)
        for row, words in enumerate(group):
            title = label(words.title)
            editor = self._editor(words)
            editor.setAccessibleName(words.title)
            problem = label(words.hint, "muted", wrap=True)
            grid.addWidget(title, row, 0)
            grid.addWidget(editor, row, 1)
            grid.addWidget(problem, row, 2)
            self.editors[words.name], self.problems[words.name] = editor, problem
        grid.setColumnMinimumWidth(0, 210)
        grid.setColumnMinimumWidth(1, 300)
        return grid

    def _editor(self, words: SettingWords) -> QWidget:
        if words.many:
            return ChoicesEditor(words.choices, partial(self._take, words))
        names = self._languages() if words.name == "language" else {}
        names |= {choice: CHOICE_NAMES[choice] for choice in words.choices}
        if names:
            box = QComboBox()
            for choice, name in names.items():
                box.addItem(name, choice)
            box.currentIndexChanged.connect(lambda _at: self._take(words, str(box.currentData())))
            return box
        line = QLineEdit()
        line.editingFinished.connect(lambda: self._take(words, line.text()))
        return line

    def _languages(self) -> dict[str, str]:
        """Return the languages to choose from by their own names; one that was chosen and is gone is told."""
        names = {
            name: QLocale(name).nativeLanguageName() or name
            for name in languages((self.desk.home / TRANSLATIONS,))
        } | {ENGLISH: "English"}  # Qt knows it as American
        chosen = self.desk.settings.language
        return names if chosen in names else {**names, chosen: tr("{name} (missing)", name=chosen)}

    # Keeping --------------------------------------------------------------------------------------

    def _take(self, words: SettingWords, text: str) -> None:
        """Keep an entry where it is usable, else say below it what was expected."""
        if self._filling:
            return
        said = self.problems[words.name]
        try:
            value = value_of(words.name, text)
        except ValueError as problem:
            said.setText(str(problem))
            set_role(said, "warning")
            return
        said.setText(words.hint)
        set_role(said, "muted")
        if value != getattr(self.desk.settings, words.name):
            self.desk.change_settings(replace(self.desk.settings, **{words.name: value}))
            self.desk.say(tr("{title}: kept", title=words.title))

    def read_again(self) -> None:
        super().read_again()
        self._fill(self.desk.settings)
        self.show_body()
        self.completed.emit()
        for row in self.keys.values():
            row.look()

    def _fill(self, settings: Settings) -> None:
        self._filling = True
        for field in fields(settings):
            editor, value = self.editors.get(field.name), getattr(settings, field.name)
            if isinstance(editor, QComboBox):
                editor.setCurrentIndex(editor.findData(value))
            elif isinstance(editor, ChoicesEditor):
                editor.show_chosen(value)
            elif isinstance(editor, QLineEdit) and not editor.hasFocus():
                editor.setText(text_of(value))
                editor.setCursorPosition(0)
        self._filling = False

    # Keys -----------------------------------------------------------------------------------------

    def test_keys(self) -> None:
        """Let the doctor ask every source."""
        self._testing = self.desk.start(("doctor",))
        if self._testing:
            self.tested.setText(tr("Asking the sources …"))

    def _show_test(self, result: dict[str, Any]) -> None:
        if not self._testing:
            return
        self._testing = False
        said = [
            str(one.get("sentence", ""))
            for one in result.get("complaints", [])
            if one.get("subject") in KEY_SUBJECTS
        ]
        for answer in result.get("keys", []):
            for name in answer["names"]:
                self.keys[name].show_answer(str(answer["source"]), str(answer["state"]))
        self.tested.setText("\n".join(said) or ALL_WELL)
        set_role(self.tested, "warning" if said else "")


class ChoicesEditor(QWidget):
    """Several of a few values, as boxes to tick."""

    def __init__(self, choices: tuple[str, ...], changed: Callable[[str], None]) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._boxes = {choice: QCheckBox(CHOICE_NAMES[choice]) for choice in choices}
        for box in self._boxes.values():
            box.toggled.connect(lambda _on: changed(", ".join(self.chosen())))
            layout.addWidget(box)
        layout.addStretch()

    def chosen(self) -> list[str]:
        """Return what is ticked."""
        return [choice for choice, box in self._boxes.items() if box.isChecked()]

    def show_chosen(self, chosen: tuple[str, ...]) -> None:
        """Tick some."""
        for choice, box in self._boxes.items():
            box.setChecked(choice in chosen)


class KeyRow(QWidget):
    """One key: where it is kept, a line to type another into, and buttons to keep it and to remove it."""

    def __init__(self, desk: Desk, name: str, origin: str) -> None:
        super().__init__()
        self._desk, self._name = desk, name
        self._answer = ("", "")  # the source, and what it said to the key
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setColumnMinimumWidth(0, 210)
        grid.setColumnMinimumWidth(1, 300)
        grid.setColumnStretch(4, 1)
        self.line = QLineEdit()
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.line.setPlaceholderText(tr("Type a key to keep it"))
        self.line.setAccessibleName(name)
        self.keep, self.remove = QPushButton(tr("Keep")), QPushButton(tr("Remove"))
        self.line.textChanged.connect(lambda text: self.keep.setEnabled(bool(text.strip())))
        self.keep.setAccessibleName(tr("Keep {name}", name=name))
        self.remove.setAccessibleName(tr("Remove {name} from the keyring", name=name))
        self.keep.setEnabled(False)
        self.keep.clicked.connect(self._keep)
        self.remove.clicked.connect(self._remove)
        self.state = label("", "muted", wrap=True)
        self.state.setToolTip(tr("Get it at {origin}", origin=origin))
        self._origin = origin
        grid.addWidget(label(name), 0, 0)
        grid.addWidget(self.line, 0, 1)
        grid.addWidget(self.keep, 0, 2)
        grid.addWidget(self.remove, 0, 3)
        grid.addWidget(self.state, 0, 4)

    def look(self) -> None:
        """Ask the keyring on the reading thread where the key is kept."""
        self._desk.do(tr("key {name}", name=self._name), partial(where_kept, self._name), self._show)

    def _show(self, where: str) -> None:
        kept = (
            tr("from {where}", where=where)
            if where
            else tr("missing; get it at {origin}", origin=self._origin)
        )
        source, state = self._answer
        self.state.setText(f"{kept} · {ANSWERS[state].format(source=source)}" if where and state else kept)
        set_role(self.state, "warning" if where and state == "refused" else "muted")
        self.remove.setEnabled(where == tr("the keyring"))

    def show_answer(self, source: str, state: str) -> None:
        """Say whether the source accepted the key, until another one is kept."""
        self._answer = (source, state)
        self.look()

    def _keep(self) -> None:
        value = self.line.text().strip()
        self.line.clear()
        self._answer = ("", "")
        self._desk.do(
            tr("keep {name}", name=self._name), lambda: save_secret(self._name, value), lambda _: self.look()
        )

    def _remove(self) -> None:
        self._desk.do(
            tr("remove {name}", name=self._name), lambda: delete_secret(self._name), lambda _: self.look()
        )
