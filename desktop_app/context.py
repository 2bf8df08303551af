"""What every command gets (home, database, voice), and the options and reports that commands share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import update_wrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from collectors.errors import ConfigurationError
from collectors.market_calendar import utc_now
from desktop_app import store as choices
from desktop_app.starter import end_with_input
from desktop_app.terminal import RedactingFormatter, Voice

if TYPE_CHECKING:
    import sqlite3

LOGS = "logs"
TURN_S = 30.0  # how long a collection waits for another one, of the schedule for example
SESSION = click.DateTime(formats=["%Y-%m-%d"])


@dataclass
class Context:
    """What every command gets: where the home is, and how to speak."""

    home: Path
    voice: Voice
    exit_code: int = 0  # what a long command ends with after its result was told

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The home's database, for reading and writing."""
        with closing(choices.open_home(self.home)) as db:
            yield db

    @contextmanager
    def collecting(self, command: str) -> Iterator[sqlite3.Connection]:
        """The home's database for a collection: one at a time, so another's end is waited for a while."""
        from collectors.locks import COLLECTOR, holding

        with (
            holding(self.home, COLLECTOR, f"barograph {command}", wait_s=TURN_S, waiting=self.voice.tell),
            closing(choices.open_home_to_collect(self.home, utc_now())) as db,
        ):
            yield db

    @property
    def models(self) -> Path:
        """Folder of checkpoints and of FinBERT."""
        return self.home / choices.MODELS_FOLDER


NEGATIVE_NUMBERS = {"ignore_unknown_options": True}  # of a command: -5 is a number then, and no option

csv_option = click.option(
    "--csv", "out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the rows as CSV."
)


def default_home() -> Path:
    """Return the platform's data folder for Barograph."""
    import platformdirs

    return Path(platformdirs.user_data_dir("barograph", appauthor=False))


def long_command(function: Callable[..., Any]) -> Callable[..., None]:
    """Give a command ``--progress json`` and a log file; what it returns is the result."""

    @click.option("--progress", type=click.Choice(["json"]), help="Report progress as JSON lines.")
    @click.option("--until-eof", is_flag=True, hidden=True, help="Stop when standard input ends.")
    @click.pass_context
    def command(
        click_context: click.Context, /, *args: Any, progress: str | None, until_eof: bool, **options: Any
    ) -> None:
        if until_eof:
            end_with_input()
        context: Context = click_context.obj
        context.voice.progress_json = progress == "json"
        log_to(context.home)
        with context.voice.progress() as tell:
            result = function(context, tell, *args, **options)
        context.voice.finish(result)
        if context.exit_code:
            raise click.exceptions.Exit(context.exit_code)

    return cast("Callable[..., None]", update_wrapper(command, function))


def log_to(home: Path) -> None:
    """Log to the home's log file as well.

    Raises
    ------
    ConfigurationError
        The home cannot be written.
    """
    try:
        (home / LOGS).mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(home / LOGS / "barograph.log", maxBytes=1_000_000, backupCount=3)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {home} cannot be written ({error}); choose another one with --home"
        ) from error
    logging.getLogger().addHandler(redacting(handler))


def redacting(handler: logging.Handler) -> logging.Handler:
    """Return the handler with a formatter that blanks keys out."""
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


def as_of_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--as-of SESSION``."""
    return click.option("--as-of", type=SESSION, help="A trading session; default: the newest one stored.")(
        function
    )


def chosen_session(value: Any) -> str | None:
    """Return the session that an option of type SESSION names, or None."""
    return None if value is None else value.strftime("%Y-%m-%d")


def names_in(text: str | None) -> list[str]:
    """Return the parts of a comma-separated option; none where it was not given."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def whole_number(text: str, option: str) -> int:
    """Return the number that a text says.

    Raises
    ------
    click.UsageError
        It is none; the message names the option.
    """
    try:
        return int(text)
    except ValueError:
        raise click.UsageError(f"{option} takes whole numbers like 1,5,20, not {text!r}") from None
