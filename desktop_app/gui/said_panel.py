"""One past day in words: what was promised, what came, and how often the promise held at all."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from desktop_app.gui.tables import label, rule, set_role
from desktop_app.said_then import Outcome, Past, SaidThen, day_in_words, outcome_in_words
from desktop_app.words import PriceForecast, count, day, horizon_title, weekday
from fusion_model.findings import HORIZONS
from resources.language import tr


class SaidPanel(QScrollArea):
    """Labels that are built once, so that a dragged day changes texts alone."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("What was said and what came, in words"))
        self.setMinimumWidth(260)
        page = QWidget()
        page.setProperty("role", "page")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(10, 0, 10, 0)
        layout.setSpacing(8)
        self._title, self.made = label("", "title"), label("", "muted", wrap=True)
        layout.addWidget(self._title)
        layout.addWidget(self.made)
        self.blocks = {horizon: HorizonBlock(horizon) for horizon in HORIZONS}
        for block in self.blocks.values():
            layout.addWidget(block)
        layout.addWidget(rule())
        self._all = label("", "heading")
        layout.addWidget(self._all)
        self.summaries = {horizon: label("", wrap=True) for horizon in HORIZONS}
        for text in self.summaries.values():
            layout.addWidget(text)
        self.how = label("", "muted", wrap=True)
        layout.addWidget(self.how)
        layout.addWidget(
            label(tr("Outcomes count dividends, as the ranges do; candles do not."), "muted", wrap=True)
        )
        layout.addStretch()
        self.setWidget(page)

    def show_past(self, past: Past) -> None:
        """Tell what there is on a ticker in all."""
        self._all.setText(tr("All that was said of {ticker}", ticker=past.ticker))
        for horizon, text in past.summaries.items():
            self.summaries[horizon].setText(
                tr("{count} ahead: {text}", count=count(horizon, "session").capitalize(), text=text)
            )
        self.how.setText(past.made)

    def show_day(self, then: SaidThen) -> None:
        """Tell of one day what was said and what came."""
        self._title.setText(f"{weekday(then.session)} {day(then.session)}")
        self.made.setText(day_in_words(then))
        set_role(self.made, "heading" if then.live else "muted")
        for block in self.blocks.values():
            block.hide()
        for said, outcome in zip(then.forecasts, then.outcomes, strict=True):
            self.blocks[said.horizon].show_outcome(said, outcome)


class HorizonBlock(QWidget):
    """One horizon: the range of nine in ten, what came, and the verdict."""

    def __init__(self, horizon: int) -> None:
        super().__init__()
        self._title = horizon_title(horizon)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        right = Qt.AlignmentFlag.AlignRight
        self._when, self.promise, self.came = label("", "muted"), label(), label("", "heading")
        self.verdict = label()
        grid.addWidget(rule(), 0, 0, 1, 2)
        grid.addWidget(label(self._title, "heading"), 1, 0)
        grid.addWidget(self._when, 1, 1, right)
        for row, (name, figure) in enumerate(
            ((tr("9 of 10 times"), self.promise), (tr("It came"), self.came)), start=2
        ):
            grid.addWidget(label(name, "muted"), row, 0)
            grid.addWidget(figure, row, 1, right)
        grid.addWidget(self.verdict, 4, 0, 1, 2, right)

    def show_outcome(self, said: PriceForecast, outcome: Outcome) -> None:
        """Tell what came of one forecast."""
        self._when.setText(f"{weekday(outcome.target_session)} {day(outcome.target_session)}")
        promise, came, verdict = outcome_in_words(said, outcome)
        for figure, text in ((self.promise, promise), (self.came, came), (self.verdict, verdict)):
            figure.setText(text)
            figure.setAccessibleName(f"{self._title}: {text}")
        set_role(self.verdict, "warning" if outcome.known and not outcome.held else "")
        self.show()
