"""What every object store and every staging area must do, whatever stands behind it."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.kernel.clock import now
from shared.kernel.errors import Conflict, Invalid, NotFound
from shared.storage import PART_SIZE, ObjectStore, Staging, StoredObject, part_count

LEADING_ELSEWHERE = (
    "", "/a", "a/", "a//b", ".", "..", "a/../b", "../a", "a/./b", "a\\b", "a\x00b",
)  # fmt: skip
FOREIGN_NAMES = (
    ".hidden", "a/.b", "a.", "a b", "档案", "a/b\n", "a:b", "a*b", "é",
    "/".join("abcdefghijklm"), "x" * 201,
)  # fmt: skip
PUZZLING_NAMES = (*LEADING_ELSEWHERE, *FOREIGN_NAMES)  # fmt: skip


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: ObjectStore, name: str, content: bytes) -> StoredObject:
    return store.put(name, io.BytesIO(content), sha256=sha256(content), size=len(content))


def get(store: ObjectStore, name: str) -> bytes:
    with store.open(name) as stream:
        return stream.read()


class StoreContract:
    """Derive, and give a fixture `store`: an empty store."""

    @pytest.mark.parametrize("size", [0, 1, 4096, 3 * 1024 * 1024 + 7])
    def test_what_is_put_can_be_read_back(self, store: ObjectStore, size: int) -> None:
        content = bytes(range(256)) * (size // 256 + 1)
        content = content[:size]
        stored = put(store, "a1/b2/object_1.bin", content)
        assert stored == StoredObject("a1/b2/object_1.bin", size, sha256(content))
        assert get(store, "a1/b2/object_1.bin") == content
        assert store.stat("a1/b2/object_1.bin") == stored
        assert store.exists("a1/b2/object_1.bin")

    def test_a_part_of_an_object_can_be_read_alone(self, store: ObjectStore) -> None:
        put(store, "a/b", bytes(range(200)))
        with store.open("a/b") as stream:
            assert stream.seek(0, io.SEEK_END) == 200
            stream.seek(120)
            assert stream.read(3) == bytes((120, 121, 122))

    def test_the_same_bytes_twice_are_fine(self, store: ObjectStore) -> None:
        assert put(store, "x", b"same") == put(store, "x", b"same")
        assert get(store, "x") == b"same"

    def test_other_bytes_under_a_taken_name_are_a_conflict(self, store: ObjectStore) -> None:
        put(store, "x", b"first")
        with pytest.raises(Conflict):
            put(store, "x", b"second")
        assert get(store, "x") == b"first"

    def test_what_points_to_the_newest_can_be_replaced(self, store: ObjectStore) -> None:
        for content in (b"first", b"second", b"second"):
            replaced = store.replace("a/b/inventory.json", content)
            assert replaced == store.stat("a/b/inventory.json")
            assert get(store, "a/b/inventory.json") == content
        assert list(store.names()) == ["a/b/inventory.json"]

    @pytest.mark.parametrize(
        ("content", "claimed", "field"),
        [
            (b"short", b"short and more", "size"),
            (b"too long", b"too", "size"),
            (b"abcd", b"abce", "sha256"),
        ],
    )
    def test_a_stream_that_is_not_what_it_claims_leaves_nothing(
        self, store: ObjectStore, content: bytes, claimed: bytes, field: str
    ) -> None:
        with pytest.raises(Invalid) as caught:
            store.put("x", io.BytesIO(content), sha256=sha256(claimed), size=len(claimed))
        assert caught.value.field == field
        assert not store.exists("x")
        assert list(store.names()) == []
        put(store, "x", b"now right")

    def test_a_wrong_stream_is_told_also_for_an_object_that_is_there(
        self, store: ObjectStore
    ) -> None:
        put(store, "x", b"right")
        with pytest.raises(Invalid):
            store.put("x", io.BytesIO(b"wrong"), sha256=sha256(b"right"), size=5)
        assert get(store, "x") == b"right"

    def test_a_stream_that_breaks_leaves_nothing(self, store: ObjectStore) -> None:
        class Broken(io.RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: object) -> int:
                raise ValueError("line went down")

        with pytest.raises(ValueError, match="line went down"):
            store.put("x", Broken(), sha256="0" * 64, size=5)
        assert list(store.names()) == []

    @pytest.mark.parametrize("name", LEADING_ELSEWHERE)
    def test_names_that_lead_elsewhere_are_refused(self, store: ObjectStore, name: str) -> None:
        for act in (
            lambda: put(store, name, b""),
            lambda: store.replace(name, b""),
            lambda: store.open(name),
            lambda: store.stat(name),
            lambda: store.exists(name),
            lambda: store.delete(name),
        ):
            with pytest.raises(Invalid):
                act()

    def test_under_foreign_names_nothing_is_put_and_anything_can_be_asked_for(
        self, store: ObjectStore
    ) -> None:
        for name in FOREIGN_NAMES:
            with pytest.raises(Invalid):
                put(store, name, b"")
            with pytest.raises(Invalid):
                store.replace(name, b"")
            assert not store.exists(name)
            with pytest.raises(NotFound):
                store.open(name)
            store.delete(name)

    def test_claims_that_no_bytes_can_have_are_refused(self, store: ObjectStore) -> None:
        with pytest.raises(Invalid):
            store.put("x", io.BytesIO(b""), sha256="ABC", size=0)
        with pytest.raises(Invalid):
            store.put("x", io.BytesIO(b""), sha256="0" * 64, size=-1)

    def test_absent_objects_are_not_found(self, store: ObjectStore) -> None:
        put(store, "a/b", b"")
        for name in ("x", "a", "a/c"):
            assert not store.exists(name)
            with pytest.raises(NotFound):
                store.open(name)
            with pytest.raises(NotFound):
                store.stat(name)

    def test_names_come_in_the_order_of_their_code_points(self, store: ObjectStore) -> None:
        names = ["a-b/1", "a/1", "a/2/x", "a/2-x", "a0", "b", "A", "0=ocfl_1.1"]
        for name in names:
            put(store, name, name.encode())
        assert list(store.names()) == sorted(names)
        for prefix in ("a", "a/", "a/2", "a/2/", "a-", "b", "zz", "a/2/xy"):
            wanted = sorted(name for name in names if name.startswith(prefix))
            assert list(store.names(prefix)) == wanted

    def test_a_level_has_what_lies_right_below_and_when_it_came(self, store: ObjectStore) -> None:
        for name in ("a-b/1", "a/1", "a/2/x", "b"):
            put(store, name, b"")
        for folder, there in (("", {"a-b/", "a/", "b"}), ("a/", {"a/1", "a/2/"}), ("c/", set())):
            level = {each.name: each.modified for each in store.level(folder)}
            assert set(level) == there
            for name, modified in level.items():
                assert (modified is None) is name.endswith("/")
                assert modified is None or abs(now() - modified) < timedelta(minutes=5)

    def test_deleting_twice_is_fine(self, store: ObjectStore) -> None:
        put(store, "a/b/c", b"1")
        put(store, "a/d", b"2")
        store.delete("a/b/c")
        store.delete("a/b/c")
        store.delete("never/was")
        assert list(store.names()) == ["a/d"]
        put(store, "a/b/c", b"another")

    def test_many_writers_of_one_name_agree_on_one(self, store: ObjectStore) -> None:
        contents = [bytes([number]) * 100_000 for number in range(8)]
        outcomes = _at_once([lambda each=each: put(store, "same", each) for each in contents])
        won = [each for each in outcomes if isinstance(each, StoredObject)]
        lost = [each for each in outcomes if isinstance(each, Conflict)]
        assert (len(won), len(lost)) == (1, 7)
        assert sha256(get(store, "same")) == won[0].sha256

    def test_many_writers_of_the_same_bytes_all_succeed(self, store: ObjectStore) -> None:
        content = b"z" * 200_000
        outcomes = _at_once([lambda: put(store, "same", content)] * 8)
        assert all(isinstance(each, StoredObject) for each in outcomes)

    def test_putting_and_deleting_side_by_side(self, store: ObjectStore) -> None:
        def work(number: int) -> Callable[[], None]:
            def act() -> None:
                for turn in range(30):
                    put(store, f"deep/er/{number}", b"x" * turn)
                    store.delete(f"deep/er/{number}")

            return act

        outcomes = _at_once([work(number) for number in range(6)])
        assert outcomes == [None] * 6
        assert list(store.names()) == []


class StagingContract:
    """Derive, and give a fixture `staging`: an empty staging area."""

    content = bytes(range(251)) * (3 * PART_SIZE // 251)  # two whole parts and a rest

    def begin(self, staging: Staging, upload: str = "u-1", content: bytes | None = None) -> None:
        content = self.content if content is None else content
        staging.begin(upload, size=len(content), sha256=sha256(content))

    def part(self, staging: Staging, number: int, upload: str = "u-1") -> None:
        piece = self.content[(number - 1) * PART_SIZE : number * PART_SIZE]
        staging.put_part(upload, number, io.BytesIO(piece), size=len(piece), sha256=sha256(piece))

    def stretch(self, staging: Staging, number: int, count: int) -> None:
        piece = self.content[(number - 1) * PART_SIZE :][: count * PART_SIZE]
        staging.put_part("u-1", number, io.BytesIO(piece), size=len(piece), sha256=sha256(piece))

    def whole(self, staging: Staging, upload: str = "u-1") -> bytes:
        with staging.open_whole(upload) as stream:
            return stream.read()

    def test_parts_in_any_order_make_the_whole(self, staging: Staging) -> None:
        self.begin(staging)
        for number in (3, 1, 2):
            self.part(staging, number)
        assert staging.parts("u-1") == [1, 2, 3]
        assert self.whole(staging) == self.content

    def test_an_upload_goes_on_where_it_stopped(self, staging: Staging) -> None:
        self.begin(staging)
        self.part(staging, 2)
        self.begin(staging)  # the node starts again, and asks what is there
        assert staging.parts("u-1") == [2]
        with pytest.raises(Invalid, match="缺第 1、3 片"):
            staging.open_whole("u-1")
        self.part(staging, 1)
        self.part(staging, 3)
        assert self.whole(staging) == self.content

    def test_a_single_part_can_be_read_again(self, staging: Staging) -> None:
        self.begin(staging)
        self.part(staging, 2)
        with staging.open_part("u-1", 2) as stream:
            assert stream.read() == self.content[PART_SIZE : 2 * PART_SIZE]
        for upload, number in (("u-1", 1), ("other", 2)):
            with pytest.raises(NotFound):
                staging.open_part(upload, number)

    def test_parts_that_come_together_and_alone_make_the_whole(self, staging: Staging) -> None:
        self.begin(staging)
        self.stretch(staging, 2, 2)
        assert staging.parts("u-1") == [2, 3]
        self.part(staging, 1)
        self.part(staging, 2)  # the line was cut before the answer: it comes once more, alone
        assert staging.parts("u-1") == [1, 2, 3]
        assert self.whole(staging) == self.content
        with staging.open_part("u-1", 3) as stream:
            assert stream.read() == self.content[2 * PART_SIZE :]
        with staging.open_whole("u-1") as stream:
            stream.seek(2 * PART_SIZE - 3)
            assert stream.read(6) == self.content[2 * PART_SIZE - 3 : 2 * PART_SIZE + 3]

    @pytest.mark.parametrize("cut", [0, 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE - 1])
    def test_a_cut_in_parts_that_come_together_loses_these_and_spoils_none(
        self, staging: Staging, cut: int
    ) -> None:
        self.begin(staging)
        self.part(staging, 1)
        piece = self.content[: 2 * PART_SIZE]
        for torn in (piece[:cut], piece[:cut] + bytes(len(piece) - cut)):
            with pytest.raises(Invalid):
                staging.put_part("u-1", 1, io.BytesIO(torn), size=len(piece), sha256=sha256(piece))
        assert staging.parts("u-1") == [1]
        self.stretch(staging, 1, 2)
        with pytest.raises(Invalid):  # nor what lies there whole
            staging.put_part("u-1", 1, io.BytesIO(torn), size=len(piece), sha256=sha256(piece))
        self.part(staging, 3)
        assert self.whole(staging) == self.content

    def test_another_upload_under_the_same_id_is_a_conflict(self, staging: Staging) -> None:
        self.begin(staging)
        with pytest.raises(Conflict):
            self.begin(staging, content=b"other")

    def test_a_torn_part_is_never_counted(self, staging: Staging) -> None:
        self.begin(staging)
        piece = self.content[:PART_SIZE]
        for torn in (piece[:-1], piece[:-1] + b"\x00", piece + b"more"):
            with pytest.raises(Invalid):
                staging.put_part("u-1", 1, io.BytesIO(torn), size=PART_SIZE, sha256=sha256(piece))
        assert staging.parts("u-1") == []

    @pytest.mark.parametrize(
        ("number", "size"),
        [
            (0, PART_SIZE),
            (4, 10),
            (-1, PART_SIZE),
            (1, 10),
            (3, PART_SIZE),
            (1, 0),
            (1, PART_SIZE + 1),
            (2, 2 * PART_SIZE),
        ],
    )
    def test_parts_that_cannot_be_are_refused(
        self, staging: Staging, number: int, size: int
    ) -> None:
        self.begin(staging)
        with pytest.raises(Invalid):
            staging.put_part(
                "u-1", number, io.BytesIO(b"x" * size), size=size, sha256=sha256(b"x" * size)
            )
        assert staging.parts("u-1") == []

    def test_a_part_sent_again_replaces_the_first(self, staging: Staging) -> None:
        self.begin(staging)
        wrong = b"w" * PART_SIZE
        staging.put_part("u-1", 1, io.BytesIO(wrong), size=PART_SIZE, sha256=sha256(wrong))
        for number in (1, 2, 3):
            self.part(staging, number)
        assert self.whole(staging) == self.content

    def test_the_last_bytes_of_a_wrong_whole_are_never_handed_out(self, staging: Staging) -> None:
        staging.begin("u-1", size=len(self.content), sha256=sha256(b"something else"))
        for number in (1, 2, 3):
            self.part(staging, number)
        handed: list[bytes] = []
        with staging.open_whole("u-1") as stream, pytest.raises(Invalid) as caught:
            handed.extend(iter(lambda: stream.read(65536), b""))
        assert caught.value.field == "sha256"
        assert sum(map(len, handed)) < len(self.content)

    def test_a_part_of_the_whole_can_be_read_alone(self, staging: Staging) -> None:
        self.begin(staging)
        for number in (1, 2, 3):
            self.part(staging, number)
        with staging.open_whole("u-1") as stream:
            assert stream.seek(0, io.SEEK_END) == len(self.content)
            for start in (2 * PART_SIZE - 5, 7, PART_SIZE):
                stream.seek(start)
                assert stream.read(10) == self.content[start : start + 10]
            stream.seek(0)
            assert stream.read() == self.content

    @pytest.mark.parametrize("size", [0, 1, PART_SIZE, PART_SIZE + 1])
    def test_sizes_at_the_edge_of_a_part(self, staging: Staging, size: int) -> None:
        content = b"e" * size
        self.begin(staging, content=content)
        for number in range(1, part_count(size) + 1):
            piece = content[(number - 1) * PART_SIZE : number * PART_SIZE]
            staging.put_part(
                "u-1", number, io.BytesIO(piece), size=len(piece), sha256=sha256(piece)
            )
        assert self.whole(staging) == content

    def test_an_empty_upload_must_have_the_digest_of_nothing(self, staging: Staging) -> None:
        staging.begin("u-1", size=0, sha256=sha256(b"not empty"))
        with pytest.raises(Invalid), staging.open_whole("u-1") as stream:
            stream.read()

    def test_unknown_and_aborted_uploads_are_not_found(self, staging: Staging) -> None:
        self.begin(staging)
        self.part(staging, 1)
        staging.abort("u-1")
        staging.abort("u-1")
        for act in (
            lambda: self.part(staging, 1),
            lambda: staging.parts("u-1"),
            lambda: staging.open_whole("u-1"),
        ):
            with pytest.raises(NotFound):
                act()
        self.begin(staging)
        assert staging.parts("u-1") == []

    def test_sweeping_takes_what_nobody_touches(self, staging: Staging) -> None:
        self.begin(staging, "old")
        assert staging.sweep(now() - timedelta(hours=1)) == []
        self.begin(staging, "new")
        assert staging.sweep(now() + timedelta(hours=1)) == ["new", "old"]
        with pytest.raises(NotFound):
            staging.parts("old")

    @pytest.mark.parametrize("upload", ["", "..", "a/b", ".a", "a\x00", "x" * 201, "上传"])
    def test_ids_that_lead_elsewhere_are_refused(self, staging: Staging, upload: str) -> None:
        with pytest.raises(Invalid):
            staging.begin(upload, size=1, sha256="0" * 64)
        with pytest.raises(Invalid):
            staging.abort(upload)

    def test_parts_side_by_side(self, staging: Staging) -> None:
        self.begin(staging)
        outcomes = _at_once(
            [lambda number=number: self.part(staging, number) for number in (1, 2, 3) * 3]
        )
        assert outcomes == [None] * 9
        assert self.whole(staging) == self.content


def _at_once(acts: list[Callable[[], object]]) -> list[object]:
    """What each of these, started at the same moment, returned or raised."""
    outcomes: list[object] = [None] * len(acts)
    gate = threading.Barrier(len(acts))

    def run(place: int) -> None:
        gate.wait()
        try:
            outcomes[place] = acts[place]()
        except Exception as error:  # noqa: BLE001 - handed to the test
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
