"""Keys from a file encrypted with age (https://age-encryption.org), read with an identity file as
`age-keygen` writes it: one `AGE-SECRET-KEY-1...` a line, comments begin with `#`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyrage

from connectors.gateway.keys import KeyRefused
from schemas.secret import Secret


def decrypted(path: Path, identity_path: Path | None) -> Secret:
    """The text of an age file. Raises `KeyRefused`, which names files and never shows what is in
    them.
    """
    if identity_path is None:
        raise KeyRefused(f"age:{path} needs TAPE_AGE_IDENTITY: the path of an identity file")
    try:
        text: bytes = pyrage.decrypt(path.read_bytes(), _identities(identity_path))
        return Secret(text.decode())
    except OSError as error:
        raise KeyRefused(f"{error.filename} cannot be read: {error.strerror}") from None
    except (pyrage.DecryptError, UnicodeDecodeError):
        raise KeyRefused(f"age:{path} does not open with {identity_path}") from None


def _identities(path: Path) -> list[Any]:
    try:
        lines = [line.strip() for line in path.read_text("ascii").splitlines()]
        found = [line for line in lines if line and not line.startswith("#")]
        return [pyrage.x25519.Identity.from_str(line) for line in found]
    except (ValueError, pyrage.IdentityError):
        raise KeyRefused(f"{path} is not a file of age identities") from None
