"""The schema registry: Apicurio on an H2 database in a file.

Ids of schemas are part of every record, so the database writes through at once (H2 would let half
a second go by) and survives the process. The management listener, which nobody asks, takes any
port the system gives.

It runs from one class path, without the class loader that its `quarkus-run.jar` brings: classes of
a loader of its own cannot be kept linked (`ops.stack.learned`), and those are nearly all.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from ops.stack import learned, processes
from ops.stack.java import temporary
from ops.stack.ports import HOST, is_taken

HEAP = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
)
MAIN = (
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--enable-native-access=ALL-UNNAMED",
    "@class-path",
    "io.quarkus.runner.GeneratedMain",
)
API = "/apis/ccompat/v7"
GRACE_S = 60.0  # a run that learns writes what it learned
_HEADER = "Tape-Part"


class Registry(NamedTuple):
    """Where the registry works and what it is started with."""

    folder: Path
    java: Path
    program: Path
    port: int
    learn: bool = False

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder / "registry.log"

    @property
    def address(self) -> str:
        """The Confluent-compatible API."""
        return f"http://{HOST}:{self.port}{API}"


def options(registry: Registry) -> dict[str, str]:
    """The configuration, as the environment variables that Apicurio and Quarkus read."""
    database = registry.folder.resolve() / "registry"
    return {
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "h2",
        "APICURIO_DATASOURCE_URL": f"jdbc:h2:file:{database};WRITE_DELAY=0",
        "QUARKUS_HTTP_HOST": HOST,
        "QUARKUS_HTTP_PORT": str(registry.port),
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        "QUARKUS_MANAGEMENT_HOST": HOST,
        "QUARKUS_MANAGEMENT_PORT": "0",
    }


def class_path(program: Path) -> str:
    """All jars; first what was generated and changed while the program was built."""
    first = [program / "quarkus" / f"{name}-bytecode.jar" for name in ("generated", "transformed")]
    rest = [one for part in ("app", "lib/boot", "lib/main") for one in (program / part).glob("*")]
    return os.pathsep.join(map(str, [*first, *sorted(rest)]))


def launch(registry: Registry) -> subprocess.Popen[bytes]:
    """Starts the registry; variables of the caller's that Apicurio would read do not reach it."""
    registry.folder.mkdir(parents=True, exist_ok=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("APICURIO_", "QUARKUS_", "REGISTRY_"))
    }
    mark = processes.marker(registry.folder)
    named = f'-Dquarkus.http.header."{_HEADER}".value={name_of(registry.folder)}'
    (registry.folder / "class-path").write_text(f'-cp "{class_path(registry.program)}"\n')
    quicker = learned.use("registry")
    if registry.learn and not quicker:
        quicker = learned.learn("registry", registry.folder)
    command = [str(registry.java), *HEAP, temporary(registry.folder), *quicker, mark, named, *MAIN]
    return processes.spawn(command, registry.folder, registry.log, {**kept, **options(registry)})


def name_of(folder: Path) -> str:
    """What the registry of this folder calls itself in each answer."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def answers(registry: Registry) -> bool:
    """Whether the registry lists its subjects: this one, not another that took its port while it
    started.
    """
    if not is_taken(registry.port):
        return False
    connection = http.client.HTTPConnection(HOST, registry.port, timeout=2)
    try:
        connection.request("GET", f"{API}/subjects")
        answer = connection.getresponse()
        return answer.status == 200 and answer.headers[_HEADER] == name_of(registry.folder)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
