"""Keys of the sources: in the system's keyring; where it has none, in the environment or a private file."""

from __future__ import annotations

import json
import logging
import os
import stat
from pathlib import Path

from collectors.errors import ConfigurationError
from resources.language import mark, tr

logger = logging.getLogger(__name__)

SERVICE = "barograph"
SHORTEST_HIDDEN = 8  # a shorter text is no key, and would blank out words
REDDIT_ORIGIN = mark(
    "https://www.reddit.com/prefs/apps, once Reddit has approved your request for access "
    "(https://support.reddithelp.com/hc/articles/42728983564564); archives of posts need no key"
)
SECRET_NAMES = {
    "FRED_API_KEY": mark("https://fredaccount.stlouisfed.org/apikeys (free)"),
    "REDDIT_CLIENT_ID": REDDIT_ORIGIN,
    "REDDIT_CLIENT_SECRET": REDDIT_ORIGIN,
}
BROKER_SECRETS = {  # asked for where the settings name that broker
    "ALPACA_API_KEY": mark("https://app.alpaca.markets/paper/dashboard/overview (keys of a paper account)"),
    "ALPACA_SECRET_KEY": mark(
        "https://app.alpaca.markets/paper/dashboard/overview (keys of a paper account)"
    ),
}


_read: set[str] = set()  # every key that this process has read, so that none is ever written


def load_secret(name: str) -> str | None:
    """Return a key from the keyring, else from its environment variable, else from the key file, else None.

    Raises
    ------
    ConfigurationError
        The key file can be read by others, or is no JSON object of texts.
    """
    for origin in (_from_keyring, _from_environment, _from_file):
        if value := origin(name):
            _read.add(value)
            return value
    return None


def where_kept(name: str) -> str:
    """Return where a key comes from, in words; empty where it is missing."""
    if _from_keyring(name):
        return tr("the keyring")
    if _from_environment(name):
        return tr("the environment variable {name}, which this account's programs can read", name=name)
    return tr("the file {path}, which is not encrypted", path=key_file()) if _from_file(name) else ""


def hide_keys(text: str) -> str:
    """Blank out every key that was read, wherever it stands."""
    for value in sorted(_read, key=len, reverse=True):
        if len(value) >= SHORTEST_HIDDEN:
            text = text.replace(value, "***")
    return text


def key_file() -> Path:
    """Return the file of keys for machines without a keyring: JSON, readable by its owner alone."""
    import platformdirs

    return Path(platformdirs.user_config_dir("barograph", appauthor=False)) / "keys.json"


def require_secret(name: str) -> str:
    """Return a key.

    Raises
    ------
    ConfigurationError
        It is neither in the keyring nor in the environment; the message says where to get it.
    """
    value = load_secret(name)
    if value is None:
        origin = (SECRET_NAMES | BROKER_SECRETS).get(name, "the source's own site")
        raise ConfigurationError(
            f"the key {name} is missing; keep it in the keyring, or set the environment variable {name}. "
            f"You get it at {origin}"
        )
    return value


def save_secret(name: str, value: str) -> None:
    """Put a key into the keyring.

    Raises
    ------
    ConfigurationError
        The system has no usable keyring.
    """
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, name, value)
    except KeyringError as error:
        raise ConfigurationError(
            f"this system has no usable keyring ({type(error).__name__}); "
            f"set the environment variable {name} instead, or put it into {key_file()} (mode 600)"
        ) from error


def delete_secret(name: str) -> bool:
    """Take a key out of the keyring; return whether it was there."""
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.delete_password(SERVICE, name)
    except KeyringError:  # keyring has no other word for "not there"
        return False
    return True


def _from_environment(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None


def _from_file(name: str) -> str | None:
    path = key_file()
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(f"{path} can be read by others; run: chmod 600 '{path}'")
        kept = json.loads(path.read_text("utf-8"))
        return str(kept[name]).strip() if name in kept else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        what = type(error).__name__  # its text may hold a part of the file
        raise ConfigurationError(
            f'{path} cannot be read ({what}); expected an object like {{"FRED_API_KEY": "..."}}'
        ) from None


def _from_keyring(name: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, name)
    except KeyringError as error:
        logger.debug("No keyring to read %s from: %s", name, type(error).__name__)
        return None
