"""Orders and the paper account: what waits for the person, what is held, and how to stop all of it."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QTabWidget, QVBoxLayout, QWidget

from collectors.market_calendar import utc_now
from desktop_app.account import decide, deposit, turn
from desktop_app.gui.desk import Desk
from desktop_app.gui.page import Page, page_layout
from desktop_app.gui.tables import Column, RecordModel, label, set_role, table_of
from desktop_app.gui.workers import Read
from desktop_app.order_rows import (
    STATUS_NAMES,
    STRATEGY_NAMES,
    OrderRow,
    OrdersPageRows,
    PositionRow,
    gain,
    load_orders_page,
    order_in_words,
    price_shown,
    prices_of,
    range_shown,
)
from desktop_app.store_journal import AUTOMATIC_SWITCH, KILL_SWITCH
from desktop_app.words import moment, money, percent
from resources.language import tr

EMBEDDED = "paper"
IDLE = tr("Orders are proposed in the evening, after the forecasts, and on prices out of their range.")
WAITING_COLUMNS = (
    Column[OrderRow](tr("Order"), order_in_words, tooltip=lambda row: row.order.reason),
    Column[OrderRow](tr("Why"), lambda row: STRATEGY_NAMES[row.order.strategy]),
    Column[OrderRow](tr("Triggered at"), lambda row: money(row.order.price), right=True),
    Column[OrderRow](
        tr("Price now"), lambda row: "" if row.price_now is None else money(row.price_now), right=True
    ),
    Column[OrderRow](tr("Today's 95 % range"), range_shown, right=True),
    Column[OrderRow](tr("Decide by"), lambda row: moment(row.order.valid_until), stretch=True),
)
EARLIER_COLUMNS = (
    Column[OrderRow](tr("Proposed"), lambda row: moment(row.order.proposed_at)),
    Column[OrderRow](tr("Order"), order_in_words, tooltip=lambda row: row.order.reason),
    Column[OrderRow](tr("State"), lambda row: STATUS_NAMES[row.status]),
    Column[OrderRow](tr("Decided by"), lambda row: row.decided_by, tooltip=lambda row: row.note),
    Column[OrderRow](
        tr("What became of it"), lambda row: row.outcome, tooltip=lambda row: row.outcome, stretch=True
    ),
)
POSITION_COLUMNS = (
    Column[PositionRow](tr("Ticker"), lambda row: row.ticker, stretch=True),
    Column[PositionRow](tr("Shares"), lambda row: f"{row.shares:,.6g}", right=True),
    Column[PositionRow](tr("Average cost"), lambda row: money(row.average_cost), right=True),
    Column[PositionRow](tr("Price"), lambda row: money(row.price), right=True),
    Column[PositionRow](tr("Worth"), lambda row: money(row.value), right=True),
    Column[PositionRow](tr("Of the account"), lambda row: percent(row.weight), right=True),
    Column[PositionRow](tr("Unrealised"), lambda row: gain(row.unrealised), right=True),
)


class OrdersPage(Page):
    """The account on top, then what waits with its reason, then holdings and earlier orders."""

    title = tr("Orders and paper account")
    lead = tr(
        "Orders on paper, filled at the next price after you approve them, with spread and fees. None knows "
        "where a price goes; they answer how much is at risk."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.headline, self.figures = label("", "figure", wrap=True), label("", "muted", wrap=True)
        self.mode = label("", "muted", wrap=True)
        self.waiting, self.earlier = RecordModel(WAITING_COLUMNS), RecordModel(EARLIER_COLUMNS)
        self.positions = RecordModel(POSITION_COLUMNS)
        self.waiting_table = table_of(self.waiting, tr("Orders that wait for you"))
        self.waiting_table.selectionModel().currentRowChanged.connect(self._show_reason)
        self._idle, self._killed = IDLE, False
        self.waiting_heading = label(tr("Waiting for you"), "heading")
        self.reason = label("", wrap=True)
        layout = page_layout(self)
        for widget in (self.headline, self.figures):
            layout.addWidget(widget)
        layout.addLayout(self._switches())
        layout.addSpacing(6)
        layout.addWidget(self.waiting_heading)
        layout.addWidget(self.waiting_table, 3)
        layout.addWidget(self.reason)
        layout.addLayout(self._decision())
        layout.addSpacing(6)
        layout.addWidget(self._tabs(), 4)

    def _switches(self) -> QHBoxLayout:
        line = QHBoxLayout()
        self.automatic, self.kill = QPushButton(tr("Automatic")), QPushButton(tr("Stop everything"))
        self.run = QPushButton(tr("One pass now"))
        self.automatic.setCheckable(True)
        self.automatic.setToolTip(tr("Approve orders within your limits without asking; each is recorded"))
        self.run.setToolTip(
            tr("Fill what was approved where a price has come, and propose from the last close")
        )
        self.automatic.clicked.connect(self.turn_automatic)
        self.kill.clicked.connect(self.turn_kill)
        self.run.clicked.connect(lambda: self.desk.start(("orders", "run")))
        line.addWidget(self.mode, 1)
        for button in (self.run, self.automatic, self.kill):
            line.addWidget(button)
        return line

    def _decision(self) -> QHBoxLayout:
        line = QHBoxLayout()
        self.note = QLineEdit()
        self.note.setPlaceholderText(tr("Why (optional, kept in the journal)"))
        self.note.setAccessibleName(tr("Note on the decision"))
        self.approve, self.reject = QPushButton(tr("Approve")), QPushButton(tr("Reject"))
        self.approve.setProperty("role", "primary")
        self.approve.clicked.connect(partial(self.decide, True))
        self.reject.clicked.connect(partial(self.decide, False))
        line.addWidget(self.note, 1)
        line.addWidget(self.approve)
        line.addWidget(self.reject)
        return line

    def _tabs(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.addTab(table_of(self.positions, tr("What the account holds")), tr("Held on paper"))
        self.tabs.addTab(table_of(self.earlier, tr("Earlier orders")), tr("Earlier orders"))
        layout.addWidget(self.tabs)
        return holder

    def reading(self) -> Read:
        now = utc_now()
        self.show_as_of(tr("As of {moment}", moment=moment(now)))
        return partial(load_orders_page, settings=self.desk.settings, now=now)

    def show_rows(self, rows: OrdersPageRows) -> None:
        if not rows.view.opened:
            self.show_empty(
                tr("No paper account yet"),
                tr(
                    "A paper account tries orders out on prices that really come, without money. Orders are "
                    "then proposed each evening, and nothing is filled that you have not approved."
                ),
                tr("Open one with {paper_cash} on paper", paper_cash=money(self.desk.settings.paper_cash)),
                self.open_account,
            )
            return
        self.headline.setText(rows.view.headline)
        self.figures.setText(rows.figures)
        self.mode.setText(rows.mode)
        set_role(self.mode, "warning" if rows.view.killed else "muted")
        self.automatic.setChecked(rows.view.automatic)
        self.kill.setText(tr("Resume") if rows.view.killed else tr("Stop everything"))
        self._killed = rows.view.killed
        self.waiting_heading.setText(
            tr("Waiting for you ({waiting})", waiting=len(rows.waiting))
            if rows.waiting
            else tr("Nothing waits for you")
        )
        for widget in (self.waiting_table, self.note, self.approve, self.reject):
            widget.setVisible(bool(rows.waiting))
        self._idle = rows.stale or IDLE
        self.waiting.show_rows(rows.waiting)
        self.earlier.show_rows(rows.earlier)
        self.positions.show_rows(rows.view.positions)
        if rows.waiting:
            self.waiting_table.selectRow(0)
        self._show_reason()

    def open_account(self) -> None:
        """Open the account with the cash of the settings."""
        settings, now = self.desk.settings, utc_now()
        opened = partial(deposit, settings=settings, amount=None, note="", now=now)
        self.desk.write("account", opened, self._first_pass)

    def _first_pass(self, _paid: object) -> None:
        self.desk.start(("orders", "run"))

    def decide(self, approve: bool) -> None:
        """Record the decision on the chosen order, with the note and what is on the screen."""
        row = self._current()
        if row is None:
            return
        decision = partial(
            decide,
            orders=[row.order],
            approve=approve,
            note=self.note.text().strip(),
            now=utc_now(),
            prices=prices_of([row]),
        )
        self.note.clear()
        said = f"{tr('Approved') if approve else tr('Rejected')}: {order_in_words(row)}"

        def decided(_entries: object) -> None:
            self.desk.say(said)
            self._tell_broker()

        self.desk.write("decision", decision, decided)

    def turn_automatic(self, on: bool) -> None:
        """Approve without asking from now on, or ask again."""
        self._turn(AUTOMATIC_SWITCH, on)

    def turn_kill(self) -> None:
        """Stop everything, or resume."""
        self._turn(KILL_SWITCH, not self._killed)

    def _turn(self, switch: str, on: bool) -> None:
        settings, now = self.desk.settings, utc_now()
        switched = partial(turn, settings=settings, switch=switch, on=on, note="", now=now)
        self.desk.write("switch", switched, lambda _: self._tell_broker())

    def _tell_broker(self) -> None:
        """Make a pass at once where orders lie at a broker; the embedded account needs none."""
        if self.desk.settings.broker != EMBEDDED:
            self.desk.start(("orders", "run"))

    def _current(self) -> OrderRow | None:
        row = self.waiting_table.currentIndex().row()
        return self.waiting.rows[row] if 0 <= row < len(self.waiting.rows) else None

    def _show_reason(self, *_: object) -> None:
        row = self._current()
        self.reason.setText(f"{row.order.reason}\n{price_shown(row)}." if row is not None else self._idle)
