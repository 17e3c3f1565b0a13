"""Tests of what keeps the landing and the journal: the folder of a home, and a store of objects beside it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest
from installation import Installation
from published import differing, tables

from pipedrive_graph.common import locks
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.decisions.journal import Journal
from pipedrive_graph.errors import BusyError
from pipedrive_graph.landing.storage import FolderStorage, Storage


@dataclass
class ObjectStorage:
    """Keeps files as objects in a dictionary: what a store on another machine would do.

    Attributes:
        scratch: a folder of this machine, for drafts and for files that DuckDB opens.
        prefix: the names of all its objects begin with it.
        objects: the content of every object, by its whole name.
    """

    scratch: Path
    prefix: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)

    def _key(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def _parts(self, below: str = "") -> Iterator[list[str]]:
        start = f"{self.prefix}{below}/" if below else self.prefix
        yield from (key.removeprefix(start).split("/") for key in self.objects if key.startswith(start))

    def within(self, name: str) -> ObjectStorage:
        return ObjectStorage(self.scratch, f"{self.prefix}{name}/", self.objects)

    def path(self, name: str = "") -> Path:
        return Path(f"/objects/{self.prefix}{name}")

    def exists(self) -> bool:
        return any(self._parts())

    def folders(self) -> list[str]:
        return sorted({parts[0] for parts in self._parts() if len(parts) > 1})

    def names(self, below: str = "") -> list[str]:
        return sorted(parts[0] for parts in self._parts(below) if len(parts) == 1)

    def has(self, name: str) -> bool:
        return self._key(name) in self.objects

    def size(self, name: str) -> int:
        return len(self.objects[self._key(name)])

    def digest(self, name: str) -> str:
        return hashlib.sha256(self.objects[self._key(name)]).hexdigest()

    def read(self, name: str) -> bytes:
        if not self.has(name):
            raise FileNotFoundError(name)
        return self.objects[self._key(name)]

    def write(self, name: str, content: bytes) -> None:
        self.objects[self._key(name)] = content

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        file = io.BytesIO()
        yield file
        self.write(name, file.getvalue())

    def extend(self, name: str, content: bytes, *, at: int) -> None:
        self.write(name, self.objects.get(self._key(name), b"")[:at] + content)

    def rename(self, name: str, new: str) -> None:
        self.write(new, self.objects.pop(self._key(name)))

    def copy(self, name: str, source: Storage) -> None:
        self.write(name, source.read(name))

    def local(self, name: str) -> Path:
        path = self.scratch / "local" / self._key(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.read(name))
        return path

    def workspace(self, name: str = "") -> Path:
        return self.scratch / "workspace" / self.prefix / name

    def lock(
        self, name: str, *, doing: str, on_wait: Callable[[str], None] | None = None
    ) -> AbstractContextManager[None]:
        return locks.lock(self.scratch / "locks" / self.prefix / name, doing=doing, on_wait=on_wait)


@pytest.fixture(params=["folder", "objects"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """An empty storage of each kind."""
    return FolderStorage(tmp_path) if request.param == "folder" else ObjectStorage(tmp_path)


def test_nothing_is_kept_in_a_new_storage(storage: Storage) -> None:
    part = storage.within("landing")
    assert (part.exists(), part.folders(), part.names(), part.has("a")) == (False, [], [], False)
    with pytest.raises(FileNotFoundError):
        part.read("a")


def test_files_are_kept_by_name(storage: Storage) -> None:
    part = storage.within("landing")
    part.write("b/2.json", b"two")
    with part.writing("b/1.json") as file:
        file.write(b"o")
        file.write(b"ne")
    part.write("a/3.json", b"three")
    part.write("top.json", b"top")

    assert (part.exists(), part.folders(), part.names(), part.names("b")) == (
        True, ["a", "b"], ["top.json"], ["1.json", "2.json"],
    )  # fmt: skip
    assert (part.read("b/1.json"), part.size("b/1.json")) == (b"one", 3)
    assert part.digest("b/1.json") == hashlib.sha256(b"one").hexdigest()
    assert part.local("a/3.json").read_bytes() == b"three"
    assert part.within("b").read("2.json") == storage.read("landing/b/2.json") == b"two"
    assert part.path("b/2.json").as_posix().endswith("landing/b/2.json")


def test_a_file_is_replaced_and_renamed(storage: Storage) -> None:
    storage.write("a/old", b"one")
    storage.write("a/old", b"two")
    storage.rename("a/old", "a/new")
    assert (storage.names("a"), storage.read("a/new")) == (["new"], b"two")


def test_a_block_that_fails_leaves_the_earlier_content(storage: Storage) -> None:
    storage.write("a", b"whole")
    with suppress(ZeroDivisionError), storage.writing("a") as file:
        file.write(b"ha")
        _ = 1 / 0
    assert storage.read("a") == b"whole"


def test_what_a_crash_tore_off_is_replaced(storage: Storage) -> None:
    storage.extend("lines", b"one\n", at=0)
    storage.extend("lines", b"two\nthr", at=4)
    storage.extend("lines", b"three\n", at=8)
    assert storage.read("lines") == b"one\ntwo\nthree\n"


def test_a_file_is_kept_in_a_second_storage(storage: Storage, tmp_path: Path) -> None:
    storage.write("a/file", b"content")
    for other in (FolderStorage(tmp_path / "other"), ObjectStorage(tmp_path)):
        other.copy("a/file", storage)
        assert other.read("a/file") == b"content"


def test_a_lock_keeps_others_out(storage: Storage) -> None:
    with (
        storage.lock("acme/.lock", doing="collecting"),
        pytest.raises(BusyError, match=r"Another process \(\d+\) is collecting; wait until it has ended"),
        storage.lock("acme/.lock", doing="collecting"),
    ):
        pass
    with storage.lock("acme/.lock", doing="collecting"):
        pass


@pytest.mark.slow
def test_nights_on_a_store_of_objects_give_the_tables_of_a_home_folder(
    tmp_path: Path, serve: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = serve(users=20)
    on_disk = Installation.of(tmp_path / "disk", simulator)
    in_store = Installation.of(tmp_path / "store", simulator)
    objects = ObjectStorage(tmp_path / "scratch")
    chosen = Settings.storage.fget
    monkeypatch.setattr(
        Settings,
        "storage",
        property(lambda settings: objects if settings.folder == in_store.home else chosen(settings)),
    )

    for night in range(2):
        for installation in (on_disk, in_store):
            installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = str(date(2026, 11, 2) + timedelta(days=night))
            code = installation.command("sync").code
            assert code == 0
            if not night:
                (finding, *_) = installation.command("findings", "--json").objects
                reasons = ("--reason", "known", "--owner", "ann@example.com", "--until", "2026-12-01")
                assert installation.command("waive", finding["finding_id"][:12], *reasons).code == 0
    assert in_store.command("verify").code == 0
    assert in_store.command("rebuild").code == 0

    assert not [path.name for path in in_store.home.iterdir() if path.name in {"landing", "journal"}]
    assert in_store.landing().path == Path("/objects/landing/default")
    assert [line.kind for line in Journal.of(in_store.settings, "default").lines()] == [
        line.kind for line in Journal.of(on_disk.settings, "default").lines()
    ]
    compared = (tables(each.published, clock=False, without=["read_at"]) for each in (on_disk, in_store))
    assert differing(*compared) == {}
