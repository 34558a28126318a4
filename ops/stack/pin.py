"""Writes `checksums.txt`: resolves the stack's dependency trees and pins every file in them.

Run `python -m ops.stack.pin` after changing a version here; the diff is what is to be reviewed.
Kafka's own jars bring no back end for its logging, hence slf4j-simple, of slf4j-api's version.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from ops.stack.artifacts import PINNED
from ops.stack.download import Artifact

KAFKA = "org.apache.kafka:kafka_2.13:4.3.0"
LOGGING = "org.slf4j:slf4j-simple:1.7.36"
REGISTRY = "io/apicurio/apicurio-registry-app/3.3.3/apicurio-registry-app-3.3.3-all.tar.gz"

_HEAD = f"""\
# The local stack, pinned: SHA-256, size in bytes, place in a Maven repository.
# {KAFKA} and {LOGGING} with their dependencies, and the registry.
# Written by `python -m ops.stack.pin`.
"""


def main() -> None:
    """Resolves, fetches and hashes everything anew, trusting nothing that is cached."""
    with tempfile.TemporaryDirectory() as folder:
        rows = sorted([*_jars(Path(folder)), _registry()], key=lambda row: row.path)
    lines = [f"{row.sha256} {row.size:>9} {row.path}\n" for row in rows]
    PINNED.write_text(_HEAD + "".join(lines))
    print(f"{len(rows)} files, {sum(row.size for row in rows) >> 20} MB: {PINNED}")


def _jars(cache: Path) -> list[Artifact]:
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext
    from jgo.parse import Coordinate

    context = MavenContext(repo_cache=cache, remote_repos={"central": MAVEN_CENTRAL_URL})
    wanted = [
        context.create_dependency(replace(Coordinate.parse(name), scope="compile"))
        for name in (KAFKA, LOGGING)
    ]
    direct, further = context.resolver.resolve(wanted)
    scoped = [item for item in further if item.scope in ("compile", "runtime")]
    files = {Path(item.artifact.resolve()) for item in [*direct, *scoped]}
    return [_row(path, path.relative_to(cache).as_posix()) for path in files]


def _row(file: Path, path: str) -> Artifact:
    body = file.read_bytes()
    return Artifact(hashlib.sha256(body).hexdigest(), len(body), path)


def _registry() -> Artifact:
    import httpx
    from jgo.constants import MAVEN_CENTRAL_URL

    digest, size = hashlib.sha256(), 0
    with httpx.stream("GET", f"{MAVEN_CENTRAL_URL.rstrip('/')}/{REGISTRY}") as response:
        response.raise_for_status()
        for chunk in response.iter_bytes():
            digest.update(chunk)
            size += len(chunk)
    return Artifact(digest.hexdigest(), size, REGISTRY)


if __name__ == "__main__":
    main()
