"""Ratings kept as they stand in memory come back as they were, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from autorec_core import datasets, kept_ratings, rating_files, storage
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings, RatingScale


def assert_same(found: Ratings, expected: Ratings) -> None:
    assert found.fingerprint == expected.fingerprint
    assert (found.name, found.catalogue, found.scale) == (expected.name, expected.catalogue, expected.scale)
    np.testing.assert_array_equal(found.items.titles, expected.items.titles)
    np.testing.assert_array_equal(found.items.years, expected.items.years)
    assert found.items.genres == expected.items.genres
    assert (found.timestamps is None) == (expected.timestamps is None)
    if found.timestamps is not None and expected.timestamps is not None:
        np.testing.assert_array_equal(found.timestamps, expected.timestamps)
    for one, other in zip(arrays(found), arrays(expected), strict=True):
        assert one.dtype == other.dtype
        assert not one.flags.writeable


def arrays(ratings: Ratings) -> list[np.ndarray]:
    by_user, items = ratings.by_user, ratings.items
    return [ratings.user_ids, items.ids, items.titles, items.years, by_user.indptr, by_user.indices, by_user.values]


def test_they_come_back_as_they_were(toy: Ratings, tmp_path: Path) -> None:
    kept_ratings.keep(toy, tmp_path / "toy.arrow", "these files")
    found = kept_ratings.fetch(tmp_path / "toy.arrow", "these files")
    assert found is not None
    assert_same(found, toy)


def test_ids_of_text_and_no_times_come_back_too(tmp_path: Path) -> None:
    ratings = Ratings.from_triples(["ann", "bob"], ["x", "y"], [1, 2], name="few", scale=RatingScale(1, 5, 1))
    kept_ratings.keep(ratings, tmp_path / "few.arrow", "")
    found = kept_ratings.fetch(tmp_path / "few.arrow", "")
    assert found is not None
    assert_same(found, ratings)


def test_what_was_made_from_something_else_is_not_taken(toy: Ratings, tmp_path: Path) -> None:
    kept_ratings.keep(toy, tmp_path / "toy.arrow", "these files")
    assert kept_ratings.fetch(tmp_path / "toy.arrow", "others") is None
    assert kept_ratings.fetch(tmp_path / "none.arrow", "these files") is None


def test_a_damaged_file_is_not_taken(toy: Ratings, tmp_path: Path) -> None:
    path = tmp_path / "toy.arrow"
    kept_ratings.keep(toy, path, "")
    whole = path.read_bytes()
    for content in (b"", b"nothing", whole[: len(whole) // 2], whole[:-200]):
        path.write_bytes(content)
        assert kept_ratings.fetch(path, "") is None
    indices = toy.by_user.indices.tobytes()
    assert whole.count(indices) == 1
    path.write_bytes(whole.replace(indices, np.full(15, 5, dtype=np.int32).tobytes()))  # there are movies 0 to 4
    assert kept_ratings.fetch(path, "") is None


def test_a_large_set_is_read_from_its_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "WORTH_KEEPING", 2)
    folder = storage.datasets_folder() / "ml-25m"
    folder.mkdir(parents=True)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,5,4.5,1000\n2,5,0.5,1001\n")
    (folder / "movies.csv").write_text("movieId,title,genres\n5,Heat (1995),Crime\n")
    first = datasets.load("ml-25m")
    reads: list[Path] = []

    def noted(path: Path, **arguments: object) -> Ratings:
        reads.append(path)
        return read_ratings(path, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(datasets, "read_ratings", noted)
    assert_same(datasets.load("ml-25m"), first)
    assert reads == []
    (folder / "movies.csv").write_text("movieId,title,genres\n5,Heats (1995),Crime\n")
    os.utime(folder / "movies.csv", (1, 1))
    assert datasets.load("ml-25m").items.titles.tolist() == ["Heats"]
    assert reads == [folder]


def test_a_small_set_leaves_no_file() -> None:
    folder = storage.datasets_folder() / "ml-25m"
    folder.mkdir(parents=True)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,5,4.5,1000\n2,5,0.5,1001\n")
    datasets.load("ml-25m")
    assert not list(storage.datasets_folder().glob("*.arrow"))


class TestInPieces:
    """A large text is read in pieces, and comes to the same."""

    ROWS = tuple(
        (user, 3 * item, 0.5 + (user * item) % 10 / 2, 10**9 + user) for user in range(1, 60) for item in (7, 2, 9)
    )

    @pytest.fixture(autouse=True)
    def _small_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rating_files.pieces, "_PIECE", 257)  # a piece ends in the middle of a row

    def both(self, path: Path, monkeypatch: pytest.MonkeyPatch, scale: RatingScale | None = None) -> Ratings:
        whole = read_ratings(path, scale=scale)
        monkeypatch.setattr(rating_files, "LARGE", 1)
        monkeypatch.setattr(rating_files, "_by_arrow", lambda *_: pytest.fail("It was not read in pieces."))
        found = read_ratings(path, scale=scale)
        assert_same(found, whole)
        return found

    @pytest.mark.parametrize("scale", [None, RatingScale(0.5, 5, 0.5)], ids=["guessed", "given"])
    @pytest.mark.parametrize(
        ("name", "header", "mark"),
        [
            ("ratings.csv", "userId,movieId,rating,timestamp\n", ","),
            ("ratings.dat", "", "::"),
            ("u.data", "", "\t"),
            ("own.csv", "\ufeffstars; who;item\r\n", ";"),
        ],
    )
    def test_every_layout(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        header: str,
        mark: str,
        scale: RatingScale | None,
    ) -> None:
        if name == "own.csv":
            header = header.replace(" who", "user")
            rows = [f"{rating};{user};{item}" for user, item, rating, _ in self.ROWS]
        else:
            rows = [mark.join(map(str, row)) for row in self.ROWS]
        (tmp_path / name).write_text(header + "\n".join(rows) + "\n", encoding="utf-8")
        found = self.both(tmp_path / name, monkeypatch, scale)
        assert found.num_ratings == len(self.ROWS)
        assert found.scale == RatingScale(0.5, 5, 0.5)

    def test_a_member_of_a_zip(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = "userId,movieId,rating,timestamp\n" + "\n".join(",".join(map(str, row)) for row in self.ROWS)
        with rating_files.zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            archive.writestr("set/ratings.csv", text)
            archive.writestr("set/movies.csv", "movieId,title,genres\n6,Heat (1995),Crime\n")
        found = self.both(tmp_path / "set.zip", monkeypatch)
        assert found.items.titles.tolist() == ["Heat", "21", "27"]

    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ("60,x,9,1", r"Row 179 of ratings\.csv: rating 9 is outside 0\.5 to 5"),
            ("60,3,,1", "Row 179 of ratings.csv: the rating is missing"),
            ("60,3,nan,1", "is not a finite number"),
            ("1,21,4,1", "Row 179 of ratings.csv: user 1 rated item 21 already in row 2"),
            ("60,3,\0,1", "is not a text file"),
        ],
    )
    def test_a_fault_is_told_by_its_row_as_ever(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, says: str
    ) -> None:
        monkeypatch.setattr(rating_files, "LARGE", 1)
        text = "userId,movieId,rating,timestamp\n" + "\n".join(",".join(map(str, row)) for row in self.ROWS)
        (tmp_path / "ratings.csv").write_text(f"{text}\n{row}\n")
        with pytest.raises(ValueError, match=says):
            read_ratings(tmp_path / "ratings.csv", scale=RatingScale(0.5, 5, 0.5))

    def test_ids_of_text_are_read_the_other_way(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rating_files, "LARGE", 1)
        (tmp_path / "own.csv").write_text("user,item,rating\n1,2,3\nann,2,4\n")
        assert read_ratings(tmp_path / "own.csv").user_ids.tolist() == ["1", "ann"]


def test_ratings_that_come_in_order_are_those_that_do_not() -> None:
    users, items, values = [1, 1, 2, 3], [4, 9, 4, 9], [1.0, 2.0, 3.0, 4.0]
    in_order = Ratings.from_triples(users, items, values, name="a", timestamps=[1, 2, 3, 4])
    turned = Ratings.from_triples(users[::-1], items[::-1], values[::-1], name="a", timestamps=[4, 3, 2, 1])
    assert_same(turned, in_order)
    given = np.array(values, dtype=np.float32)
    Ratings.from_triples(users, items, given, name="a")
    assert given.flags.writeable, "the caller's own array stays theirs"
