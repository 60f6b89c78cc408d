"""Data sets: one is bundled and true to its description, the others are fetched whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from served_files import MOVIES, RATINGS, TINY_ZIP, Server, zipped

from autorec_core import datasets, fetching, storage
from autorec_core.datasets import BUNDLED, DATASETS, Dataset, find, is_ready, load
from autorec_core.errors import DownloadCancelledError, DownloadError, NotFoundError, StorageError
from autorec_core.ratings import Ratings, RatingScale


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetching, "_SECONDS_BETWEEN", 0.0)
    running = Server()
    yield running
    running.close()


@pytest.fixture
def tiny(server: Server, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A data set "ml-tiny" that is on `server`."""
    return registered(monkeypatch, server.url, hashlib.md5(TINY_ZIP).hexdigest())


def registered(monkeypatch: pytest.MonkeyPatch, url: str, checksum: str | None) -> Dataset:
    dataset = dataclasses.replace(
        DATASETS["ml-25m"],
        name="ml-tiny",
        title="MovieLens Tiny",
        num_ratings=3,
        download=url,
        checksum=checksum,
        size_mb=0.001,
    )
    monkeypatch.setitem(DATASETS, "ml-tiny", dataset)
    return dataset


def after(num_bytes: int, name: str) -> Callable[[], bool]:
    """Stops a download when so many bytes have come."""
    part = storage.datasets_folder() / f"{name}.zip.part"
    return lambda: part.exists() and part.stat().st_size >= num_bytes


def left_in_cache() -> list[str]:
    """What there is in the cache, hidden files of the lock left out."""
    cache = storage.datasets_folder()
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") if cache.exists() else []


@pytest.fixture(scope="module")
def bundled() -> Ratings:
    return load(BUNDLED)


class TestBundled:
    def test_it_is_what_its_description_says(self, bundled: Ratings) -> None:
        dataset = DATASETS[BUNDLED]
        counts = (bundled.num_ratings, bundled.num_users, bundled.num_items)
        assert counts == (dataset.num_ratings, dataset.num_users, dataset.num_items) == (100_004, 671, 9_066)
        assert (bundled.name, bundled.catalogue, bundled.scale) == (BUNDLED, "movielens", RatingScale(0.5, 5, 0.5))
        assert bundled.timestamps is not None

    def test_every_rating_is_a_half_star_of_the_scale(self, bundled: Ratings) -> None:
        assert np.unique(bundled.by_user.values).tolist() == [0.5 * n for n in range(1, 11)]
        assert bundled.mean == pytest.approx(3.54361, abs=1e-5)

    def test_movies_have_their_titles_years_and_genres(self, bundled: Ratings) -> None:
        matrix = bundled.items.index(2571)
        assert bundled.items.titles[matrix] == "Matrix, The"
        assert bundled.items.years[matrix] == 1999
        assert bundled.items.genres[matrix] == ("Action", "Sci-Fi", "Thriller")
        assert len(bundled.items.genre_names) == 19
        assert "(no genres listed)" not in bundled.items.genre_names
        assert not any(
            title.isdigit() and title == str(item_id)
            for title, item_id in zip(bundled.items.titles.tolist(), bundled.items.ids.tolist(), strict=True)
        )

    def test_it_is_ready_and_makes_no_folder(self, autorec_home: Path) -> None:
        assert is_ready(BUNDLED)
        load(BUNDLED)
        assert not autorec_home.exists()

    def test_the_archive_is_small_and_its_terms_lie_beside_it(self) -> None:
        folder = Path(datasets.__file__).parent / "bundled"
        assert (folder / f"{BUNDLED}.zip").stat().st_size < 1_000_000
        terms = (folder / f"LICENSE-{BUNDLED}.txt").read_text(encoding="utf-8")
        for word in ("GroupLens", "Harper", "Konstan", "passed on", "endorses", "commercial", "same terms"):
            assert word in terms

    def test_loading_it_imports_neither_torch_nor_streamlit_nor_pandas(self) -> None:
        script = (
            "import sys; from autorec_core import datasets; datasets.load(datasets.BUNDLED); "
            "print([name for name in ('torch', 'streamlit', 'pandas') if name in sys.modules])"
        )
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        answer = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
        )
        assert answer.stdout.strip() == "[]"


class TestRegistry:
    def test_one_is_bundled_and_every_other_has_an_address(self) -> None:
        assert [dataset.name for dataset in DATASETS.values() if dataset.bundled] == [BUNDLED]
        for name, dataset in DATASETS.items():
            assert dataset.name == name
            assert dataset.source.startswith("https://grouplens.org/datasets/movielens/")
            if not dataset.bundled:
                assert dataset.download == f"https://files.grouplens.org/datasets/movielens/{name}.zip"

    def test_the_bundled_one_comes_first_and_then_they_grow(self) -> None:
        names = list(DATASETS)
        assert names == [BUNDLED, "ml-100k", "ml-latest-small", *(f"ml-{size}m" for size in (1, 10, 20, 25, 32))]
        sizes = [DATASETS[name].num_ratings for name in names[1:]]
        assert sizes == sorted(sizes)

    def test_what_never_changes_has_a_checksum(self) -> None:
        for name, dataset in DATASETS.items():
            if "latest" in name:
                assert dataset.checksum is None
            else:
                assert dataset.checksum is not None
                assert len(bytes.fromhex(dataset.checksum)) == 16
        checksums = [dataset.checksum for dataset in DATASETS.values() if dataset.checksum]
        assert len(set(checksums)) == len(checksums) == 6

    def test_only_movielens_100k_has_ids_of_its_own(self) -> None:
        assert {name for name, dataset in DATASETS.items() if dataset.catalogue != "movielens"} == {"ml-100k"}

    def test_each_licence_is_one_sentence_that_says_whether_it_may_be_passed_on(self) -> None:
        for dataset in DATASETS.values():
            assert dataset.licence.count(".") == 1
            assert "passed on" in dataset.licence
        free = {name for name, dataset in DATASETS.items() if "may be passed on" in dataset.licence}
        assert free == {BUNDLED, "ml-latest-small", "ml-32m"}

    @pytest.mark.parametrize(
        ("wrong", "right"), [("ml100k", "ml-100k"), ("ML-1M", "ml-1m"), ("ml-latest-smal", "ml-latest-small")]
    )
    def test_a_misspelt_name_is_answered_with_the_nearest_one(self, wrong: str, right: str) -> None:
        for ask in (find, is_ready, load):
            with pytest.raises(NotFoundError, match=rf"No data set is called '{wrong}'\. Did you mean {right}\?"):
                ask(wrong)

    def test_an_unknown_name_is_answered_with_those_there_are(self) -> None:
        with pytest.raises(NotFoundError, match=f"called 'netflix'. There are {BUNDLED}, "):
            find("netflix")

    def test_asking_whether_one_is_ready_makes_no_folder(self, autorec_home: Path) -> None:
        assert not is_ready("ml-1m")
        assert not autorec_home.exists()


class TestDownload:
    def test_it_is_fetched_once_and_kept(self, tiny: Dataset, server: Server) -> None:
        assert not is_ready("ml-tiny")
        ratings = load("ml-tiny")
        assert (ratings.num_ratings, ratings.scale, ratings.catalogue) == (3, tiny.scale, "movielens")
        assert ratings.items.titles.tolist() == ["Matrix, The", "Heat"]
        assert is_ready("ml-tiny")
        assert load("ml-tiny").fingerprint == ratings.fingerprint
        assert server.requests == 1

    def test_only_what_is_read_is_kept(self, tiny: Dataset) -> None:
        load(tiny.name)
        assert left_in_cache() == ["ml-tiny"]
        assert sorted(os.listdir(storage.datasets_folder() / "ml-tiny")) == ["movies.csv", "ratings.csv"]

    def test_progress_counts_up_to_the_whole(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        server.content = zipped(ratings_dot_csv=RATINGS, tags_dot_csv=os.urandom(200_000))
        registered(monkeypatch, server.url, None)
        told: list[tuple[int, int]] = []
        load("ml-tiny", lambda come, total: told.append((come, total)))
        assert len(told) >= 3
        assert [come for come, _ in told] == sorted(come for come, _ in told)
        assert {total for _, total in told} == {len(server.content)}
        assert told[-1][0] == len(server.content)

    def test_a_wrong_checksum_keeps_nothing(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        registered(monkeypatch, server.url, "0" * 32)
        with pytest.raises(DownloadError, match="is not MovieLens Tiny as published: its MD5 is"):
            load("ml-tiny")
        assert left_in_cache() == []
        assert not is_ready("ml-tiny")

    def test_a_connection_that_breaks_is_taken_up_where_it_broke(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.content = zipped(ratings_dot_csv=RATINGS, tags_dot_csv=os.urandom(200_000))
        registered(monkeypatch, server.url, hashlib.md5(server.content).hexdigest())
        server.breaks_after, server.breaks = 70_000, 2
        assert load("ml-tiny").num_ratings == 3
        assert server.asked == ["", "bytes=70000-", "bytes=140000-"]
        assert left_in_cache() == ["ml-tiny"]

    def test_a_connection_that_breaks_for_good_is_told_and_what_came_is_gone_on_with(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.content = zipped(ratings_dot_csv=RATINGS, tags_dot_csv=os.urandom(200_000))
        dataset = registered(monkeypatch, server.url, hashlib.md5(server.content).hexdigest())
        server.breaks_after, server.breaks, server.status_after_breaks = 100_000, 1, 503
        with pytest.raises(DownloadError) as caught:
            load("ml-tiny")
        assert f"Can't fetch MovieLens Tiny from {dataset.download}: the server answers 503" in str(caught.value)
        assert "The 0.1 MB that came are kept." in str(caught.value)
        assert server.asked == ["", *["bytes=100000-"] * fetching.ATTEMPTS]
        assert not is_ready("ml-tiny")
        assert datasets.come_so_far("ml-tiny") == 100_000
        server.status = 200
        server.asked.clear()
        told: list[tuple[int, int]] = []
        assert load("ml-tiny", lambda come, total: told.append((come, total))).num_ratings == 3
        assert server.asked == ["bytes=100000-"]
        assert told[0] == (100_000, len(server.content))

    def test_another_version_on_the_server_is_fetched_whole(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.content = zipped(ratings_dot_csv=RATINGS, tags_dot_csv=os.urandom(200_000))
        registered(monkeypatch, server.url, None)
        with pytest.raises(DownloadCancelledError):
            datasets.fetch("ml-tiny", is_cancelled=after(100_000, "ml-tiny"))
        kept = datasets.come_so_far("ml-tiny")
        assert kept >= 100_000
        server.content, server.version = zipped(ratings_dot_csv=RATINGS, tags_dot_csv=os.urandom(50_000)), '"two"'
        assert load("ml-tiny").num_ratings == 3
        assert server.asked == ["", f"bytes={kept}-"]

    def test_without_a_version_it_begins_anew(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        server.content = zipped(ratings_dot_csv=RATINGS, tags_dot_csv=os.urandom(200_000))
        server.version = ""
        registered(monkeypatch, server.url, None)
        with pytest.raises(DownloadCancelledError):
            datasets.fetch("ml-tiny", is_cancelled=after(100_000, "ml-tiny"))
        assert datasets.come_so_far("ml-tiny") == 0
        assert load("ml-tiny").num_ratings == 3
        assert server.asked == ["", ""]

    def test_what_has_all_come_but_was_not_unpacked_is_not_fetched_again(
        self, tiny: Dataset, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(fetching, "unpack", full)
            with pytest.raises(StorageError):
                load("ml-tiny")
        assert datasets.come_so_far("ml-tiny") == len(TINY_ZIP)
        assert load("ml-tiny").num_ratings == 3
        assert server.asked == ["", f"bytes={len(TINY_ZIP)}-"]

    def test_a_checksum_beside_the_file_is_held_against_it(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registered(monkeypatch, server.url, None)
        server.md5 = b"MD5 (ml-tiny.zip) = " + b"0" * 32 + b"\n"
        with pytest.raises(DownloadError, match=f"MD5 is {hashlib.md5(TINY_ZIP).hexdigest()}, not {'0' * 32}"):
            load("ml-tiny")
        assert left_in_cache() == []
        server.md5 = f"{hashlib.md5(TINY_ZIP).hexdigest().upper()}  ml-tiny.zip".encode()
        assert load("ml-tiny").num_ratings == 3

    def test_a_disk_without_room_is_told_before_anything_is_asked_for(
        self, tiny: Dataset, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 5_000))
        with pytest.raises(StorageError, match=r"MovieLens Tiny needs 10 MB in .*, and 0 MB are free. Make room"):
            load("ml-tiny")
        assert server.requests == 0

    def test_an_answer_without_end_is_cut_off(self, tiny: Dataset, server: Server) -> None:
        server.content = bytes(12_000_000)
        with pytest.raises(DownloadError, match=r"sends more than 10 MB, and MovieLens Tiny has less"):
            load("ml-tiny")
        assert left_in_cache() == []

    @pytest.mark.parametrize("status", [404, 503])
    def test_a_server_that_refuses_is_told(self, tiny: Dataset, server: Server, status: int) -> None:
        server.status = status
        with pytest.raises(DownloadError, match=r"Can't fetch MovieLens Tiny from http"):
            load("ml-tiny")
        assert left_in_cache() == []

    def test_offline_the_error_says_what_works_without_network(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = server.url
        server.http.server_close()  # nobody listens there any more
        registered(monkeypatch, url, None)
        with pytest.raises(DownloadError) as caught:
            load("ml-tiny")
        text = str(caught.value)
        assert text.startswith(f"Can't fetch MovieLens Tiny from {url}: ")
        assert f"use {BUNDLED}, which needs no network" in text
        assert str(storage.datasets_folder() / "ml-tiny") in text
        assert "\n" not in text
        assert "Errno" not in text

    def test_whoever_gives_up_in_between_leaves_what_can_be_gone_on_with(self, tiny: Dataset) -> None:
        def impatient(come: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            load("ml-tiny", impatient)
        assert left_in_cache() == ["ml-tiny.zip.part", "ml-tiny.zip.part.json"]
        assert load("ml-tiny").num_ratings == 3
        assert left_in_cache() == ["ml-tiny"]

    def test_what_an_earlier_process_left_half_done_does_not_matter(self, tiny: Dataset) -> None:
        cache = storage.datasets_folder()
        (cache / ".ml-tiny.unpacking").mkdir(parents=True)
        (cache / ".ml-tiny.unpacking" / "ratings.csv").write_text("half")
        (cache / "ml-tiny.zip.part").write_text("half")
        assert not is_ready("ml-tiny")
        assert load("ml-tiny").num_ratings == 3
        assert left_in_cache() == ["ml-tiny"]

    def test_two_that_want_it_at_once_fetch_it_once(self, tiny: Dataset, server: Server) -> None:
        got: list[Ratings] = []
        threads = [threading.Thread(target=lambda: got.append(load("ml-tiny"))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert [ratings.num_ratings for ratings in got] == [3, 3, 3, 3]
        assert server.requests == 1

    def test_a_cache_that_can_not_be_written_is_a_storage_error(
        self, tiny: Dataset, autorec_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(datasets.os, "replace", full)
        with pytest.raises(StorageError, match=r"Can't keep MovieLens Tiny in .*: No space left on device. Make room"):
            load("ml-tiny")
        assert not is_ready("ml-tiny")
        assert [name for name in left_in_cache() if not name.startswith("ml-tiny")] == []

    def test_own_files_in_its_folder_are_not_thrown_away(self, tiny: Dataset) -> None:
        folder = storage.datasets_folder() / "ml-tiny"
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text("mine")
        load("ml-tiny")
        assert (folder / "notes.txt").read_text() == "mine"


def with_member(name: str, content: bytes = b"evil") -> bytes:
    buffer = io.BytesIO(TINY_ZIP)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def with_link() -> bytes:
    member = zipfile.ZipInfo("ml-tiny/ratings.csv")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def too_large_when_unpacked() -> bytes:
    return zipped(ratings_dot_csv=RATINGS, movies_dot_csv=bytes(101_000_000))


class TestHostileArchives:
    @pytest.mark.parametrize(
        "name",
        ["../../outside.csv", "/tmp/ratings.csv", "ml-tiny/../../ratings.csv", "..\\ratings.csv", "C:\\ratings.csv"],
    )
    def test_a_name_that_reaches_outside_is_refused(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
    ) -> None:
        server.content = with_member(name)
        registered(monkeypatch, server.url, None)
        with pytest.raises(DownloadError, match="reaches outside its folder"):
            load("ml-tiny")
        assert left_in_cache() == []
        assert not list(tmp_path.rglob("*.csv"))

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda: b"<html>Not found</html>", "is not a sound zip file: File is not a zip file"),
            (lambda: TINY_ZIP[:-40], "is not a sound zip file"),
            (lambda: TINY_ZIP.replace(TINY_ZIP[80:90], bytes(10), 1), "is not a sound zip file"),
            (lambda: zipped(README_dot_txt=b"nothing else"), "it holds no ratings"),
            (lambda: zipped(movies_dot_csv=MOVIES), "it holds no ratings"),
            (too_large_when_unpacked, "it unpacks to more than 100 MB"),
        ],
        ids=["a web page", "cut off", "damaged", "no ratings", "titles alone", "a bomb"],
    )
    def test_what_is_no_release_is_refused(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes], says: str
    ) -> None:
        server.content = make()
        registered(monkeypatch, server.url, None)
        with pytest.raises(DownloadError, match=says):
            load("ml-tiny")
        assert left_in_cache() == []
        assert not is_ready("ml-tiny")

    def test_a_link_is_unpacked_as_the_text_it_is(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        server.content = with_link()
        registered(monkeypatch, server.url, None)
        with pytest.raises(ValueError, match=r"ratings\.csv has no column for the user"):
            load("ml-tiny")
        path = storage.datasets_folder() / "ml-tiny" / "ratings.csv"
        assert not path.is_symlink()
        assert path.read_text() == "/etc/passwd"


class TestPutThereByHand:
    U_DATA = "1\t1\t5\t874965758\n1\t2\t3\t876893171\n2\t1\t1\t878542960\n"

    @pytest.mark.parametrize("inside", ["", "ml-100k"], ids=["as it should be", "with the archive's own folder"])
    def test_a_folder_is_found_without_network(self, inside: str) -> None:
        folder = storage.datasets_folder() / "ml-100k" / inside
        folder.mkdir(parents=True)
        (folder / "u.data").write_text(self.U_DATA)
        (folder / "u.item").write_bytes("1|Toy Story (1995)|||\n2|Amélie (2001)|||\n".encode("latin-1"))
        assert is_ready("ml-100k")
        ratings = load("ml-100k")
        assert (ratings.num_ratings, ratings.catalogue, ratings.scale) == (3, "ml-100k", RatingScale(1, 5, 1))
        assert ratings.items.titles.tolist() == ["Toy Story", "Amélie"]

    def test_the_zip_itself_is_taken_as_well(self) -> None:
        cache = storage.datasets_folder()
        cache.mkdir(parents=True)
        with zipfile.ZipFile(cache / "ml-100k.zip", "w") as archive:
            archive.writestr("ml-100k/u.data", self.U_DATA)
        assert is_ready("ml-100k")
        assert load("ml-100k").num_ratings == 3

    def test_an_empty_folder_is_not_ready(self) -> None:
        (storage.datasets_folder() / "ml-100k").mkdir(parents=True)
        assert not is_ready("ml-100k")

    def test_files_that_are_something_else_are_told_by_row(self) -> None:
        folder = storage.datasets_folder() / "ml-100k"
        folder.mkdir(parents=True)
        (folder / "u.data").write_text(self.U_DATA + "2\t2\t9\t1\n")
        with pytest.raises(ValueError, match=r"Row 4 of u\.data: rating 9 is outside 1 to 5"):
            load("ml-100k")


def test_links_of_a_data_set_that_is_here_lead_from_other_sites_to_the_catalogue() -> None:
    assert datasets.links("movielens") == {"imdb": {}, "tmdb": {}}
    folder = storage.datasets_folder() / "ml-latest-small"
    folder.mkdir(parents=True)
    (folder / "ratings.csv").write_text("userId,movieId,rating\n1,1,4\n")
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\r\n1,0114709,862\r\n2,0113497,\r\n,x,y\r\n")
    assert datasets.links("movielens") == {"imdb": {114709: "1", 113497: "2"}, "tmdb": {862: "1"}}
    assert datasets.links("ml-100k") == {"imdb": {}, "tmdb": {}}
    (folder / "links.csv").write_bytes(b"\xff\xfe\x00")
    assert datasets.links("movielens") == {"imdb": {}, "tmdb": {}}
