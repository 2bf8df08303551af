"""The posts behind a day, with how each was read."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from desktop_app.gui.tables import Column, EmptyState, RecordModel, label, table_of
from desktop_app.snapshot import PostRow, post_in_full, reading
from resources.language import tr

COLUMNS = (
    Column[PostRow]("UTC", lambda row: row.post.created_at[11:16]),
    Column[PostRow](tr("Read as"), reading),
    Column[PostRow](tr("Text"), lambda row: " ".join(row.text.split())[:240], stretch=True),
)


class PostsPanel(QFrame):
    """A table of posts beside the whole text of the chosen one."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.model = RecordModel(COLUMNS)
        self.table = table_of(self.model, tr("Posts of the day"))
        self.table.selectionModel().currentRowChanged.connect(self._read)
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setAccessibleName(tr("Text of the post"))
        self._text.setPlaceholderText(tr("Choose a post to read it whole."))
        self._heading = label("", "heading")
        self._said = ""
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.table)
        split.addWidget(self._text)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setHandleWidth(8)
        split.setChildrenCollapsible(False)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(8, 6, 6, 6)
        layout.addWidget(self._heading)
        layout.addWidget(split, 1)
        self.empty = EmptyState(
            tr("Posts behind a day"), tr("Click a day on the chart to read what was written.")
        )
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(page)

    def show_posts(self, heading: str, posts: Sequence[PostRow]) -> None:
        """Replace the posts; without any, the heading says so."""
        self.model.show_rows(posts)
        self._text.clear()
        self._said = heading
        self._heading.setText(heading)
        if not posts:
            self.empty.say(heading, tr("No posts on this ticker are stored for that day."))
        self._stack.setCurrentIndex(1 if posts else 0)
        if posts:
            self.table.selectRow(0)

    def heading(self) -> str:
        """Return what the posts shown are."""
        return self._said

    def _read(self) -> None:
        row = self.table.currentIndex().row()
        if 0 <= row < len(self.model.rows):
            self._text.setPlainText(post_in_full(self.model.rows[row]))
