"""From a signal's place (`ema-cross`, an entry point, `path.py:Class`) to the signal, and its hash.

An edge: it reads files and runs the user's module. The hash covers the source, with the modules of
the user's own folder that it imports, the name, the instruments and the settings: two processes
with equal hashes decide alike. Where the file lies is not part of it.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import json
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

import msgspec

from pipelines.strategy.book_imbalance import BookImbalance
from pipelines.strategy.ema_cross import EmaCross
from pipelines.strategy.signal import LoadedSignal
from pipelines.strategy.sources import imported_by, module_of, sources_of
from schemas.errors import TapeError

ENTRY_POINTS: Final = "tape.signals"
OURS: Final[dict[str, type[Any]]] = {"ema-cross": EmaCross, "book-imbalance": BookImbalance}
PARTS: Final = ("reads", "initial", "row")


class SignalNotLoaded(TapeError):
    """A signal's file, class or settings are wrong; the line says which and how."""


class Found(NamedTuple):
    """A signal's class and the file it is in; imports are followed within `root`."""

    kind: type[Any]
    file: Path
    root: Path


def load_signal(
    name: str,
    uses: str,
    options: Mapping[str, Any],
    instruments: Sequence[str] = (),
    folder: Path | None = None,
) -> LoadedSignal:
    """The signal that `uses` names, with its settings; a relative path starts at `folder`.

    Raises `SignalNotLoaded`.
    """
    try:
        found = _find(uses, folder or Path.cwd())
        signal = _with_settings(found.kind, options)
        digest = _digest(found, name, sorted(instruments), signal)
    except SignalNotLoaded as error:
        raise SignalNotLoaded(f"signal {name}: {error}") from None
    return LoadedSignal(name, signal, digest, frozenset(instruments))


def _find(uses: str, folder: Path) -> Found:
    path, colon, class_name = uses.rpartition(":")
    if colon:
        return _in_file(folder / Path(path).expanduser(), class_name)
    if uses in OURS:
        file = Path(inspect.getfile(OURS[uses])).resolve()
        return Found(OURS[uses], file, file.parent)  # the pipeline's version covers the rest
    return _entry_point(uses)


def _in_file(path: Path, class_name: str) -> Found:
    if not path.is_file():
        raise SignalNotLoaded(f"there is no file {path}")
    module = _import_file(path.resolve())
    kind = getattr(module, class_name, None)
    if not isinstance(kind, type):
        own = [n for n, v in vars(module).items() if _is_own_class(v, module)]
        raise SignalNotLoaded(
            f"{path} has no class {class_name}; it has {', '.join(own) or 'none'}"
        )
    return Found(kind, path.resolve(), path.resolve().parent)


def _import_file(path: Path) -> ModuleType:
    """Runs the file as a module, with its folder on the path as Python does for a script."""
    name = f"tape_signal_{sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SignalNotLoaded(f"{path} is not a Python file")
    modules = _beside(path)
    _check_names(modules)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where typing looks up the names of annotations
    with _importing(str(path), path.parent):
        spec.loader.exec_module(module)
        for each in modules:  # those that a function imports, too: what is hashed is what runs
            importlib.import_module(each)
    _check_names(modules)
    return module


def _beside(file: Path) -> dict[str, Path]:
    """The modules of its own folder that a file imports, by their names; itself, if one of them
    imports it.
    """
    root, sources = file.parent, _sources(file, file.parent)
    found = {module_of(each): root / each for each in sources if each != file.name}
    if any(file in imported_by(body, root / each, root) for each, body in sources.items()):
        found[file.stem] = file
    return found


def _sources(file: Path, root: Path) -> dict[str, bytes]:
    with _importing(str(file)):
        return sources_of(file, root)


def _check_names(modules: Mapping[str, Path]) -> None:
    """A process has one module of a name: another file's would run in place of what is hashed."""
    for name, file in modules.items():
        loaded = sys.modules.get(name)
        if loaded and Path(getattr(loaded, "__file__", None) or "").resolve() != file.resolve():
            raise SignalNotLoaded(f"{file} is hidden by {loaded!r}: rename one of the two")
        if other := _elsewhere(name, file):
            raise SignalNotLoaded(f"{file} would hide {other}, which others import: rename it")


def _elsewhere(name: str, file: Path) -> str | None:
    """What the name stands for without the file's folder, where it has not been imported yet."""
    top = name.partition(".")[0]
    spec = None if top in sys.modules else importlib.util.find_spec(top)
    if spec is None:
        return None
    places = [spec.origin] if spec.origin else spec.submodule_search_locations or []
    own = file.parents[name.count(".") + (file.name == "__init__.py")].resolve()
    return next((each for each in places if own not in Path(each).resolve().parents), None)


@contextmanager
def _importing(what: str, folder: Path | None = None) -> Iterator[None]:
    """Turns whatever the user's code raises into one line with the place in it."""
    before = list(sys.path)
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        yield
    except (Exception, SystemExit) as error:  # a script that ends itself must not end a pipeline
        raise SignalNotLoaded(f"{what} cannot be imported: {_cause(error)}") from None
    finally:
        sys.path[:] = before


def _cause(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"line {error.lineno} of {Path(error.filename).name}: {error.msg}"
    ours = str(Path(__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith(("<", ours))]
    place = f"line {own[-1].lineno} of {Path(own[-1].filename).name}: " if own else ""
    return f"{place}{type(error).__name__}: {error}"


def _is_own_class(value: object, module: ModuleType) -> bool:
    return isinstance(value, type) and value.__module__ == module.__name__


def _entry_point(uses: str) -> Found:
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if uses not in found:
        known = ", ".join([*OURS, *sorted(found)])
        raise SignalNotLoaded(f"{uses} is none of {known}; a file is named as path.py:Class")
    with _importing(f"entry point {uses} ({found[uses].value})"):
        kind = found[uses].load()
    if not isinstance(kind, type):
        raise SignalNotLoaded(f"entry point {uses} ({found[uses].value}) is not a class")
    file = Path(inspect.getfile(kind)).resolve()
    package = kind.__module__.count(".") + (file.name == "__init__.py")
    return Found(kind, file, file.parents[package])


def _with_settings(kind: type[Any], options: Mapping[str, Any]) -> Any:
    fields = _settings_of(kind)
    if missing := [part for part in PARTS if not hasattr(kind, part)]:
        raise SignalNotLoaded(f"{kind.__name__} is not a signal: it has no {', '.join(missing)}")
    if unknown := sorted(options.keys() - fields):
        known = ", ".join(sorted(fields)) or "none"
        raise SignalNotLoaded(f"{kind.__name__} has no option {unknown[0]}; it has {known}")
    try:
        return msgspec.convert(dict(options), kind)
    except msgspec.ValidationError as error:
        raise SignalNotLoaded(f"options: {error}".replace("`$.", "`")) from None
    except Exception as error:  # of the class's own code, or of its annotations
        raise SignalNotLoaded(f"{kind.__name__}: {_cause(error)}") from None


def _settings_of(kind: type[Any]) -> set[str]:
    """The fields of a frozen Struct or dataclass: one that changes itself is not a function."""
    if issubclass(kind, msgspec.Struct) and kind.__struct_config__.frozen:
        return set(kind.__struct_fields__)
    own = vars(kind).get("__dataclass_params__")  # a class below a dataclass need not be one
    if own is not None and own.frozen:
        return {field.name for field in dataclasses.fields(kind)}
    raise SignalNotLoaded(f"{kind.__name__} must be a frozen msgspec.Struct or dataclass")


def _digest(found: Found, name: str, instruments: list[str], signal: Any) -> bytes:
    hasher = sha256()
    for path, body in _sources(found.file, found.root).items():
        hasher.update(f"{path} {len(body)}\n".encode() + body)
    # By name: of a dataclass msgspec writes only what was set.
    chosen = {each: getattr(signal, each, None) for each in _settings_of(found.kind)}
    settings = msgspec.json.encode(chosen, order="sorted", enc_hook=_named).decode()
    what = [name, found.kind.__name__, instruments, settings]
    hasher.update(json.dumps(what).encode())
    return hasher.digest()


def _named(value: object) -> str:
    """What JSON has no form for, a function perhaps: where it comes from is in the source."""
    return str(getattr(value, "__qualname__", type(value).__qualname__))
