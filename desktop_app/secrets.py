"""Keys of the sources: kept in the system's keyring, read from the environment where it has none."""

from __future__ import annotations

import logging
import os

from collectors.errors import ConfigurationError

logger = logging.getLogger(__name__)

SERVICE = "barograph"
REDDIT_ORIGIN = (
    "https://www.reddit.com/prefs/apps, once Reddit has approved your request for access "
    "(https://support.reddithelp.com/hc/articles/42728983564564); archives of posts need no key"
)
SECRET_NAMES = {
    "FRED_API_KEY": "https://fredaccount.stlouisfed.org/apikeys (free)",
    "REDDIT_CLIENT_ID": REDDIT_ORIGIN,
    "REDDIT_CLIENT_SECRET": REDDIT_ORIGIN,
}


def load_secret(name: str) -> str | None:
    """Return a key from the keyring, else from the environment variable of its name, else None."""
    return _from_keyring(name) or os.environ.get(name, "").strip() or None


def require_secret(name: str) -> str:
    """Return a key.

    Raises
    ------
    ConfigurationError
        It is neither in the keyring nor in the environment; the message says where to get it.
    """
    value = load_secret(name)
    if value is None:
        origin = SECRET_NAMES.get(name, "the source's own site")
        raise ConfigurationError(
            f"the key {name} is missing; get it at {origin} and set the environment variable {name}"
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
            f"set the environment variable {name} instead"
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


def _from_keyring(name: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, name)
    except KeyringError as error:
        logger.debug("No keyring to read %s from: %s", name, type(error).__name__)
        return None
