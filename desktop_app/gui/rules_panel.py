"""The person's alert rules: how they stand, a line to add one, and buttons for the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from collectors.market_calendar import utc_now
from desktop_app.alert_rows import RuleRow
from desktop_app.alert_rules import ARMED, KINDS, MOST_DAYS, RANGES, REMOVED, SIDES, SNOOZED
from desktop_app.gui.desk import Desk
from desktop_app.gui.tables import Column, RecordModel, label, table_of
from desktop_app.store_rules import add_rule, set_rule_state
from resources.language import tr

EVERYONE = tr("Every watched ticker")
SNOOZE_DAYS = 7
FEW_LETTERS = 12  # of a title that are always shown
COLUMNS = (
    Column[RuleRow](tr("Ticker"), lambda row: row.rule.ticker or EVERYONE),
    Column[RuleRow](tr("Tell me when"), lambda row: row.rule.sentence, stretch=True),
    Column[RuleRow](tr("Then quiet for"), lambda row: row.quiet, right=True),
    Column[RuleRow](tr("State"), lambda row: row.state),
    Column[RuleRow](tr("Fired last"), lambda row: row.last),
)


class RulesPanel(QWidget):
    """A table of rules and the line to add one; everything that changes goes through the desk."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, tr("Alert rules"))
        self.table.selectionModel().currentRowChanged.connect(self._enable)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(
            label(
                tr(
                    "A rule looks at each session that closes after it was set, on prices also at quotes "
                    "while the exchange is open. It counts against no budget. "
                    "Several that fire on one session of a ticker make one alert."
                ),
                "muted",
                wrap=True,
            )
        )
        layout.addWidget(self.table, 1)
        layout.addLayout(self._line_of_buttons())
        layout.addLayout(self._line_to_add())
        self._show_kind()
        self._enable()

    def show_rules(self, rows: Sequence[RuleRow], tickers: Sequence[str]) -> None:
        """Replace the rules, and the tickers that one may be set for."""
        self.model.show_rows(rows)
        chosen = self.ticker.currentText()
        self.ticker.clear()
        self.ticker.addItems([EVERYONE, *tickers])
        self.ticker.setCurrentIndex(max(self.ticker.findText(chosen), 0))
        self._enable()

    def add(self) -> None:
        """Keep the rule that the line describes."""
        ticker = "" if self.ticker.currentIndex() <= 0 else self.ticker.currentText()
        job = partial(
            add_rule,
            kind=self.kind.currentData(),
            threshold=self.range.currentData() if self.range.isVisibleTo(self) else self.threshold.value(),
            now=utc_now(),
            ticker=ticker,
            side=self.side.currentData() if self.side.isVisibleTo(self) else "either",
            cool_down_days=self.quiet.value(),
        )
        self.desk.write("rule", job)

    def snooze(self) -> None:
        """Let the chosen rule say nothing for a week."""
        until = (date.fromisoformat(utc_now()[:10]) + timedelta(days=SNOOZE_DAYS)).isoformat()
        self._set(SNOOZED, until)

    def arm(self) -> None:
        """Let the chosen rule listen at once, whatever it was."""
        self._set(ARMED)

    def remove(self) -> None:
        """Take the chosen rule away; what it raised stays."""
        self._set(REMOVED)

    def _set(self, state: str, until: str = "") -> None:
        row = self._current()
        if row is not None:
            job = partial(set_rule_state, rule_id=row.rule.rule_id, state=state, now=utc_now(), until=until)
            self.desk.write("rule", job)

    def _line_of_buttons(self) -> QHBoxLayout:
        line = QHBoxLayout()
        self.buttons = {
            "snooze": QPushButton(tr("Snooze for a week")),
            "arm": QPushButton(tr("Arm anew")),
            "remove": QPushButton(tr("Remove")),
        }
        for button, act in zip(self.buttons.values(), (self.snooze, self.arm, self.remove), strict=True):
            button.clicked.connect(act)
            line.addWidget(button)
        line.addStretch()
        return line

    def _line_to_add(self) -> QHBoxLayout:
        self.ticker, self.kind, self.side, self.range = (QComboBox() for _ in range(4))
        for box in (self.ticker, self.kind):  # whose titles would set the least width of the window
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(FEW_LETTERS)
            box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.ticker.addItem(EVERYONE)
        for name, kind in KINDS.items():
            self.kind.addItem(kind.title, name)
        for name, title in SIDES.items():
            self.side.addItem(tr(title), name)
        for share in RANGES:
            self.range.addItem(f"{share:g} %", share)
        self.threshold, self.quiet = QDoubleSpinBox(), QSpinBox()
        self.threshold.setRange(0.01, 1e6)
        self.threshold.setDecimals(2)
        self.quiet.setRange(0, MOST_DAYS)
        self.quiet.setValue(5)
        self.quiet.setSuffix(tr(" days quiet"))
        self.unit = label("", "muted")
        self.kind.currentIndexChanged.connect(self._show_kind)
        add = QPushButton(tr("Add the rule"))
        add.setProperty("role", "primary")
        add.clicked.connect(self.add)
        line = QHBoxLayout()
        for widget, name in (
            (self.ticker, tr("Ticker of the rule")),
            (self.kind, tr("What the rule looks at")),
            (self.threshold, tr("Threshold")),
            (self.range, tr("Forecast range")),
            (self.unit, tr("Unit")),
            (self.side, tr("Which way")),
            (self.quiet, tr("Days of quiet after it fired")),
        ):
            widget.setAccessibleName(name)
            line.addWidget(widget, 3 if widget is self.kind else 1 if widget is self.ticker else 0)
        line.addWidget(add)
        return line

    def _show_kind(self) -> None:
        """Show what the chosen kind needs: a number in its unit or a range, and a way where it has one."""
        name = self.kind.currentData()
        kind, ranged = KINDS[name], name == "range"
        self.threshold.setVisible(not ranged)
        self.threshold.setValue(kind.default)
        self.range.setVisible(ranged)
        self.range.setCurrentIndex(self.range.findData(90.0))
        self.unit.setText(tr("of outcomes") if ranged else kind.unit)
        self.side.setVisible(kind.sided)

    def _current(self) -> RuleRow | None:
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def _enable(self, *_: object) -> None:
        for button in self.buttons.values():
            button.setEnabled(self._current() is not None)
