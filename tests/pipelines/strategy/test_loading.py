"""Loading a signal: from a file, an entry point or by name; what its hash covers; every refusal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.strategy.ema_cross import EmaCross
from pipelines.strategy.loading import SignalNotLoaded, load_signal
from pipelines.strategy.logic import StrategyLogic
from pipelines.strategy.sources import sources_of

SIGNAL = """
from __future__ import annotations
from decimal import Decimal
from typing import NamedTuple
import msgspec
from pipelines.strategy.signal import Columns, check_size, quantity
from schemas.events import TradePrinted

class Seen(NamedTuple):
    trades: int

class Always(msgspec.Struct, frozen=True):
    size: Decimal = Decimal(1)
    count: int = 1

    @property
    def reads(self) -> type[TradePrinted]:
        return TradePrinted

    def initial(self) -> Seen:
        return Seen(0)

    def row(self, state: Seen, event: TradePrinted) -> tuple[Seen, Decimal]:
        return Seen(state.trades + 1), self.size

class Loose(msgspec.Struct):
    reads = initial = row = None

class Half(msgspec.Struct, frozen=True):
    def initial(self) -> None: ...

number = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "signals.py").write_text(SIGNAL)
    return tmp_path


@pytest.fixture(autouse=True)
def _modules_as_before() -> Iterator[None]:
    before = dict(sys.modules)
    yield
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


def digest(folder: Path, **changes: Any) -> bytes:
    settings = {"name": "a", "uses": "signals.py:Always", "options": {}, **changes}
    return load_signal(**settings, folder=folder).digest


def beside(folder: Path, helper: str, name: str = "common") -> Path:
    """A folder whose signal takes its size from a module beside it."""
    folder.mkdir()
    (folder / f"{name}.py").write_text(helper)
    text = SIGNAL.replace("size: Decimal = Decimal(1)", f"size: Decimal = Decimal({name}.SIZE)")
    (folder / "signals.py").write_text(text.replace("import msgspec", f"import msgspec, {name}"))
    return folder


def options_of(signal: Any) -> Any:
    return signal


def test_a_signal_in_a_file(folder: Path) -> None:
    path = list(sys.path)
    loaded = load_signal("mine", "signals.py:Always", {"size": "0.5"}, ["X.Y"], folder)
    assert loaded.name == "mine"
    assert options_of(loaded.signal).size == Decimal("0.5")
    assert loaded.follows("X.Y")
    assert not loaded.follows("Z.Y")
    assert sys.path == path
    StrategyLogic([loaded])


def test_an_absolute_path_is_taken_as_it_is(folder: Path) -> None:
    uses = f"{folder / 'signals.py'}:Always"
    assert load_signal("a", uses, {}).digest == digest(folder)


def test_our_own_by_name() -> None:
    loaded = load_signal("ema", "ema-cross", {"fast_span": 3})
    assert loaded.signal == EmaCross(fast_span=3)


def test_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, metadata = tmp_path / "mydesk", tmp_path / "mydesk-1.dist-info"
    package.mkdir()
    metadata.mkdir()
    (package / "__init__.py").touch()
    (package / "signals.py").write_text(SIGNAL + "from mydesk.sizes import ONE\n")
    (package / "sizes.py").write_text("ONE = 1\n")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mydesk\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[tape.signals]\nalways = mydesk.signals:Always\n")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = load_signal("mine", "always", {})
    assert options_of(loaded.signal).size == 1
    (package / "sizes.py").write_text("ONE = 2\n")
    assert load_signal("mine", "always", {}).digest != loaded.digest
    with pytest.raises(SignalNotLoaded, match=r"nothing is none of ema-cross, .*always; a file"):
        load_signal("mine", "nothing", {})
    with (package / "signals.py").open("a") as file:
        file.write("def later():\n    import mydesk.broken\n")
    (package / "broken.py").write_text("x = (")
    with pytest.raises(SignalNotLoaded, match=r"^signal mine: .*line 1 of broken\.py: "):
        load_signal("mine", "always", {})


AS_DATACLASS = SIGNAL.replace(
    "class Always(msgspec.Struct, frozen=True)",
    "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Always",
)


@pytest.mark.parametrize("text", [SIGNAL, AS_DATACLASS], ids=["struct", "dataclass"])
def test_the_hash_covers_what_decides(folder: Path, text: str) -> None:
    (folder / "signals.py").write_text(text)
    base = digest(folder)
    assert digest(folder) == base
    assert digest(folder, options={"count": 1}) == base, "a default, said aloud"
    others = [
        digest(folder, options={"size": "2"}),
        digest(folder, name="b"),
        digest(folder, instruments=["X.Y"]),
    ]
    (folder / "signals.py").write_text(text + "\n")
    others.append(digest(folder))
    assert len({base, *others}) == 5


def test_the_hash_covers_a_default_that_comes_from_elsewhere(
    folder: Path, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = tmp_path_factory.mktemp("installed")
    monkeypatch.syspath_prepend(desk)
    text = AS_DATACLASS.replace("import msgspec", "import msgspec, desk_sizes")
    text = text.replace("Decimal(1)", "desk_sizes.SIZE")
    (folder / "signals.py").write_text(text)
    found = []
    for size in ("1", "25"):
        sys.modules.pop("desk_sizes", None)
        (desk / "desk_sizes.py").write_text(f"from decimal import Decimal\nSIZE = Decimal({size})")
        found.append(digest(folder))
    assert found[0] != found[1]


def test_the_hash_does_not_cover_the_place(folder: Path, tmp_path_factory: Any) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "signals.py").write_text(SIGNAL)
    assert digest(other) == digest(folder)


def test_the_hash_follows_imports_within_the_folder(folder: Path) -> None:
    (folder / "signals.py").write_text(SIGNAL + "import sizes\nfrom rules.inner import x\n")
    (folder / "sizes.py").write_text("def later():\n    import rules.deep\n")
    (folder / "rules").mkdir()
    (folder / "rules" / "__init__.py").touch()
    (folder / "rules" / "inner.py").write_text("from . import near\nfrom .near import y\nx = 1\n")
    (folder / "rules" / "near.py").write_text("y = 1\n")
    (folder / "rules" / "deep.py").write_text("")
    (folder / "unrelated.py").write_text("")
    assert list(sources_of(folder / "signals.py", folder)) == [
        "rules/__init__.py",
        "rules/deep.py",
        "rules/inner.py",
        "rules/near.py",
        "signals.py",
        "sizes.py",
    ]
    base = digest(folder)
    (folder / "rules" / "near.py").write_text("y = 2\n")
    assert digest(folder) != base


@pytest.mark.parametrize(
    ("uses", "options", "says"),
    [
        ("gone.py:Always", {}, "there is no file .*gone.py"),
        ("signals.py:Gone", {}, r"has no class Gone; it has Seen, Always, Loose, Half"),
        ("signals.py:number", {}, "has no class number"),
        ("signals.py:Loose", {}, "Loose must be a frozen msgspec.Struct or dataclass"),
        ("signals.py:Seen", {}, "Seen must be a frozen"),
        ("signals.py:Half", {}, "Half is not a signal: it has no reads, row"),
        ("signals.py:Always", {"sise": 1}, "Always has no option sise; it has count, size"),
        ("signals.py:Always", {"count": "x"}, "options: Expected `int`, got `str` - at `count`"),
        ("signals.py", {}, "signals.py is none of ema-cross, book-imbalance; a file is named as"),
        ("ema-cross", {"fast_span": 0}, "options: fast_span must be at least 1"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, uses: str, options: Any, says: str) -> None:
    with pytest.raises(SignalNotLoaded, match=f"^signal mine: .*{says}") as caught:
        load_signal("mine", uses, options, (), folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("class Mine(Base): ...", "Mine must be a frozen msgspec.Struct or dataclass"),
        ("    def __post_init__(self): assert 0, 'no'", "line 8 of odd.py: AssertionError: no"),
        ("    size: Decimal = 1", "Base: .*NameError: name 'Decimal' is not defined"),
    ],
)
def test_a_class_that_makes_no_signal(folder: Path, text: str, says: str) -> None:
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
    body = "@dataclass(frozen=True)\nclass Base:\n    reads = initial = row = None\n\n"
    (folder / "odd.py").write_text(f"{head}{body}{text}\n")
    kind = "Mine" if "Mine" in text else "Base"
    with pytest.raises(SignalNotLoaded, match=f"^signal mine: .*{says}") as caught:
        load_signal("mine", f"odd.py:{kind}", {}, (), folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nothing_like_it\n", "line 1 of signals.py: ModuleNotFoundError: No module named"),
        ("x = 1\nx = (\n", r"line 2 of signals.py: '\(' was never closed"),
        ("\n1 / 0\n", "line 2 of signals.py: ZeroDivisionError"),
        ("import helper\n", "line 1 of helper.py: ValueError: no"),
        ("import sys\nsys.exit()\n", "line 2 of signals.py: SystemExit"),
    ],
)
def test_a_file_that_does_not_import(folder: Path, text: str, says: str) -> None:
    (folder / "helper.py").write_text("raise ValueError('no')")
    (folder / "signals.py").write_text(text)
    with pytest.raises(SignalNotLoaded, match=f"signals.py cannot be imported: {says}"):
        digest(folder)


@pytest.mark.parametrize("more", ["", "from common import MORE\n"])
def test_a_module_of_a_name_that_is_taken_is_refused(tmp_path: Path, more: str) -> None:
    first = beside(tmp_path / "first", "SIZE = 1")
    assert digest(first) == digest(first), "the same signal twice"
    second = beside(tmp_path / "second", "SIZE = MORE = 2")
    with (second / "signals.py").open("a") as file:
        file.write(more)
    says = "second/common.py is hidden by <module 'common' .*first/common.py'>: rename one of"
    with pytest.raises(SignalNotLoaded, match=f"^signal a: .*{says}"):
        digest(second)


@pytest.mark.parametrize("name", ["types", "time"])
def test_a_module_with_the_name_of_one_of_pythons_is_refused(tmp_path: Path, name: str) -> None:
    folder = beside(tmp_path / "mine", "SIZE = 1", name)
    with pytest.raises(
        SignalNotLoaded, match=f"/{name}.py is hidden by <module '{name}' .*: rename"
    ):
        digest(folder)


@pytest.mark.parametrize("name", ["wave", "replay"])
def test_a_module_that_would_hide_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever imports that one later would get the signal's."""
    for loaded in [each for each in sys.modules if each.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, loaded)
    folder = beside(tmp_path / "mine", "SIZE = 1", name)
    with pytest.raises(SignalNotLoaded, match=f"/{name}.py would hide .*{name}.*: rename it"):
        digest(folder)
    assert name not in sys.modules


def test_a_module_may_lie_where_python_looks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "rules").mkdir()
    (folder / "rules" / "inner.py").write_text("")
    (folder / "signals.py").write_text(f"{SIGNAL}\nimport rules.inner\n")
    apart = digest(folder)
    del sys.modules["rules"], sys.modules["rules.inner"]
    monkeypatch.syspath_prepend(folder)
    assert digest(folder) == apart


def test_two_folders_may_share_a_module(tmp_path: Path) -> None:
    first = beside(tmp_path / "first", "SIZE = 1")
    second = beside(tmp_path / "second", "SIZE = 2")
    (second / "common.py").unlink()
    (second / "common.py").symlink_to(first / "common.py")
    assert digest(first) == digest(second)


def late(folder: Path, helper: str) -> Path:
    """A signal that imports a module only when it decides."""
    (folder / "helper.py").write_text(helper)
    text = SIGNAL.replace(
        "        return Seen(state.", "        import helper\n        return Seen(state."
    )
    (folder / "signals.py").write_text(text.replace(", self.size", ", helper.SIZE"))
    return folder


def test_a_module_that_a_function_imports_is_there_when_it_runs(folder: Path) -> None:
    loaded = load_signal("a", "signals.py:Always", {}, (), late(folder, "SIZE = 7"))
    (folder / "helper.py").unlink()
    assert loaded.signal.row(loaded.signal.initial(), None)[1] == 7


@pytest.mark.parametrize(
    ("helper", "says"),
    [
        ("SIZE = (", r"line 1 of helper.py: '\(' was never closed"),
        ("\nimport nothing_like_it", "line 2 of helper.py: ModuleNotFoundError: No module named"),
    ],
)
def test_a_module_that_a_function_cannot_import_is_said(
    folder: Path, helper: str, says: str
) -> None:
    with pytest.raises(
        SignalNotLoaded, match=f"^signal a: .*signals.py cannot be imported: {says}"
    ):
        digest(late(folder, helper))


def circular(folder: Path, helper: str, size: int) -> Path:
    """A signal whose helper looks at the signal's own file, which is not all there at first."""
    folder.mkdir()
    (folder / f"{helper}.py").write_text("def size():\n    import signals\n    return signals.SIZE")
    text = SIGNAL.replace("import msgspec", f"import msgspec, {helper}\nSIZE = {size}")
    (folder / "signals.py").write_text(text.replace(", self.size", f", {helper}.size()"))
    return folder


def test_a_helper_may_import_the_signals_own_file(tmp_path: Path) -> None:
    loaded = load_signal("a", "signals.py:Always", {}, (), circular(tmp_path / "one", "first", 7))
    assert loaded.signal.row(loaded.signal.initial(), None)[1] == 7
    other = circular(tmp_path / "two", "second", 8)
    with pytest.raises(SignalNotLoaded, match=r"two/signals.py is hidden by .*one/signals.py"):
        load_signal("b", "signals.py:Always", {}, (), other)
