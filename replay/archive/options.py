"""How an archive in S3 is reached, and what of it is kept here. Credentials and the region come
from AWS's own variables and files, as for every boto3 program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connectors.cache_folder import cache_folder
from replay.archive.errors import ArchiveError

PREFIX: Final = "TAPE_ARCHIVE__"
ENCRYPTIONS: Final = ("AES256", "aws:kms")


@dataclass(frozen=True)
class S3Options:
    """`endpoint_url` None: AWS. `encryption` None: what the bucket does by itself; `kms_key` is the
    id or ARN of a key for `aws:kms`. `cache`: the folder of the local copies, which take
    `cache_bytes` at most. Every request is made `attempts` times at most, each with `timeout_s`.
    """

    endpoint_url: str | None = None
    encryption: str | None = None
    kms_key: str | None = None
    cache: Path | None = None
    cache_bytes: int = 20_000_000_000
    attempts: int = 6
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Raises `ArchiveError`."""
        if self.encryption not in (None, *ENCRYPTIONS):
            raise ArchiveError(f"an archive's encryption is {' or '.join(ENCRYPTIONS)}")
        if self.kms_key is not None and self.encryption != "aws:kms":
            raise ArchiveError("an archive's kms_key goes with the encryption aws:kms")

    @property
    def folder(self) -> Path:
        """Where the local copies lie."""
        return (self.cache or cache_folder() / "archive").expanduser().absolute()


def of_environment(environment: Mapping[str, str]) -> S3Options:
    """For programs that have no other settings. Raises `ArchiveError`."""
    given: dict[str, Any] = {
        name: environment[variable]
        for name in ("endpoint_url", "encryption", "kms_key")
        if (variable := f"{PREFIX}{name.upper()}") in environment
    }
    cache = environment.get(f"{PREFIX}CACHE")
    try:
        bytes_max = int(environment.get(f"{PREFIX}CACHE_BYTES", S3Options.cache_bytes))
    except ValueError:
        raise ArchiveError(f"{PREFIX}CACHE_BYTES is a number of bytes") from None
    return S3Options(**given, cache=Path(cache) if cache else None, cache_bytes=bytes_max)
