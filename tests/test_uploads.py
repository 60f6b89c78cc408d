"""Own ratings: columns as agreed, faults by row, kept whole, for the owner alone, and gone when deleted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autorec_core import uploads
from autorec_core.errors import InvalidRatingsError, NotFoundError
from autorec_core.ratings import RatingScale
from autorec_core.runs import RunConfig, Source
from autorec_core.uploads import UploadStore, guess_columns, preview, read

OWNER, OTHER = "a1b2c3d4e5f60718", "ffffffffffffffff"


def csv_of(header: str = "who,what,stars,when", rows: int = 40) -> bytes:
    lines = [f"u{n % 8},m{n // 8},{n % 5 + 1},{1000 + n}" for n in range(rows)]
    return "\n".join([header, *lines]).encode()


COLUMNS = {"user": "who", "item": "what", "rating": "stars", "timestamp": "when"}


@pytest.fixture
def store(tmp_path: Path) -> UploadStore:
    return UploadStore(tmp_path / "uploads")


# -- looking ----------------------------------------------------------------------------------------------------------


def test_a_preview_has_the_header_the_first_rows_and_what_they_seem_to_be() -> None:
    seen = preview("mine.csv", csv_of("userId;Film;Rating;Date".replace(";", ",")))
    assert seen.columns == ("userId", "Film", "Rating", "Date")
    assert len(seen.rows) == 5
    assert seen.rows[0] == ("u0", "m0", "1", "1000")
    assert seen.guesses == {"user": "userId", "item": None, "rating": "Rating", "timestamp": None}


def test_other_separators_and_a_byte_order_mark_are_no_hindrance() -> None:
    assert preview("a.csv", b"\xef\xbb\xbfuser;item;rating\n1;2;3").columns == ("user", "item", "rating")
    assert preview("a.tsv", b"user\titem\trating\n1\t2\t3").rows == (("1", "2", "3"),)


def test_what_has_no_header_has_no_columns_to_choose() -> None:
    assert preview("u.data", b"1\t2\t3\t4\n").columns == ()
    assert preview("set.zip", b"PK").columns == ()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00\x01", b"a" * 300_000])
def test_a_preview_of_anything_raises_nothing_but_what_a_person_can_read(content: bytes) -> None:
    assert preview("x.csv", content).guesses["user"] is None


def test_a_file_that_is_no_text_says_so() -> None:
    with pytest.raises(InvalidRatingsError, match="UTF-8"):
        preview("x.csv", b"\xff\xfe\x00")


def test_a_file_that_is_too_large_says_how_large_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGEST", 10)
    for look in (preview, read):
        with pytest.raises(InvalidRatingsError, match="at most"):
            look("x.csv", csv_of())


def test_guesses_go_by_the_names_that_files_are_read_by() -> None:
    assert guess_columns(("User ID", "MOVIE_ID", "score", "ts")) == {
        "user": "User ID",
        "item": "MOVIE_ID",
        "rating": "score",
        "timestamp": "ts",
    }


# -- reading ----------------------------------------------------------------------------------------------------------


def test_columns_are_what_the_visitor_says_they_are() -> None:
    ratings = read("mine.csv", csv_of(), columns=COLUMNS)
    assert (ratings.num_ratings, ratings.num_users, ratings.num_items) == (40, 8, 5)
    assert set(ratings.user_ids) == {f"u{n}" for n in range(8)}
    assert ratings.timestamps is not None
    turned = read("mine.csv", csv_of(), columns={**COLUMNS, "user": "what", "item": "who", "timestamp": None})
    assert (turned.num_users, turned.num_items, turned.timestamps) == (5, 8, None)


def test_a_column_that_looks_like_a_role_but_was_not_chosen_is_left_out() -> None:
    content = csv_of("user,movie,rating,score")
    ratings = read("mine.csv", content, columns={"user": "user", "item": "movie", "rating": "score", "timestamp": None})
    assert ratings.by_user.values.min() >= 1000


def test_faults_keep_the_row_numbers_of_the_file() -> None:
    lines = csv_of().split(b"\n")
    lines[16] = b"u1,m1,many,3"
    with pytest.raises(InvalidRatingsError, match="Row 17"):
        read("mine.csv", b"\r\n".join(lines), columns=COLUMNS)


def test_faulty_rows_are_left_out_where_the_visitor_says_so() -> None:
    lines = csv_of().split(b"\n")
    lines[16], lines[20] = b"u1,m1,many,3", b"u1,m1"
    with pytest.raises(InvalidRatingsError) as caught:
        read("mine.csv", b"\n".join(lines), columns=COLUMNS)
    assert caught.value.rows == (17, 21)
    ratings = read("mine.csv", b"\n".join(lines), columns=COLUMNS, leave_out=caught.value.rows)
    assert ratings.num_ratings == 38
    few = b"\n".join(lines[:22])
    with pytest.raises(InvalidRatingsError, match="holds 19 ratings"):
        read("mine.csv", few, columns=COLUMNS, leave_out=(17, 21))


def test_a_scale_that_was_said_is_held_against_every_row() -> None:
    with pytest.raises(InvalidRatingsError, match="outside"):
        read("mine.csv", csv_of(), columns=COLUMNS, scale=RatingScale(1, 3, 1))
    assert read("mine.csv", csv_of(), columns=COLUMNS, scale=RatingScale(1, 10, 1)).scale.high == 10


@pytest.mark.parametrize(
    ("columns", "match"),
    [({**COLUMNS, "item": "who"}, "only one"), ({**COLUMNS, "item": "nowhere"}, "no column nowhere")],
)
def test_columns_that_make_no_sense_are_refused(columns: dict[str, str | None], match: str) -> None:
    with pytest.raises(InvalidRatingsError, match=match):
        read("mine.csv", csv_of(), columns=columns)


def test_too_few_ratings_to_learn_from_are_refused() -> None:
    with pytest.raises(InvalidRatingsError, match="20 ratings or more"):
        read("mine.csv", csv_of(rows=12), columns=COLUMNS)


def test_a_name_with_folders_in_it_writes_nowhere_else(tmp_path: Path) -> None:
    assert read(f"{tmp_path}/evil.csv", csv_of(), columns=COLUMNS).num_ratings == 40
    assert list(tmp_path.iterdir()) == []


# -- keeping ----------------------------------------------------------------------------------------------------------


def test_what_is_kept_comes_back_as_it_was_read(store: UploadStore) -> None:
    titles = b"item,title,genres,year\nm0,\"One, two\",Drama|Noir,1950\nm1,=HYPERLINK(1),,\nm2,''=1,-,\n"
    ratings = read("mine.csv", csv_of(), titles=titles, columns=COLUMNS)
    kept = store.keep(OWNER, "../mine.csv", ratings)
    assert (kept.name, kept.num_ratings) == ("mine.csv", 40)
    assert store.of(OWNER) == [kept] == [store.get(OWNER, kept.id)]
    back, _ = store.source(OWNER, kept.id).load()
    np.testing.assert_array_equal(back.by_user.values, ratings.by_user.values)
    np.testing.assert_array_equal(back.by_user.indices, ratings.by_user.indices)
    np.testing.assert_array_equal(back.timestamps, ratings.timestamps)
    assert back.user_ids.tolist() == ratings.user_ids.tolist()
    assert back.items.titles.tolist() == ratings.items.titles.tolist()
    assert back.items.genres == ratings.items.genres
    assert back.items.years.tolist() == ratings.items.years.tolist()
    assert back.scale == ratings.scale


def test_a_run_trains_on_what_was_kept(store: UploadStore) -> None:
    kept = store.keep(OWNER, "mine.csv", read("mine.csv", csv_of(), columns=COLUMNS))
    split = RunConfig(source=store.source(OWNER, kept.id)).split()
    assert split.train.num_ratings + split.valid.num_ratings + split.test.num_ratings == 40


def test_nobody_else_finds_a_set_by_its_id_or_by_a_path(store: UploadStore) -> None:
    kept = store.keep(OWNER, "mine.csv", read("mine.csv", csv_of(), columns=COLUMNS))
    assert store.of(OTHER) == []
    for owner, name in [(OTHER, kept.id), (OTHER, f"../{OWNER}/{kept.id}"), (OWNER, ""), (OWNER, "."), ("..", kept.id)]:
        for act in (store.get, store.source, store.delete):
            with pytest.raises(NotFoundError):
                act(owner, name)
    assert store.of(OWNER) == [kept]


def test_a_deleted_set_is_gone_from_the_disk(store: UploadStore) -> None:
    kept = store.keep(OWNER, "mine.csv", read("mine.csv", csv_of(), columns=COLUMNS))
    store.delete(OWNER, kept.id)
    assert store.of(OWNER) == []
    assert [path for path in store.folder.rglob("*") if path.is_file()] == []
    with pytest.raises(NotFoundError):
        store.source(OWNER, kept.id)


def test_more_sets_than_are_accepted_are_refused(store: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOREC_MAX_UPLOADS", "2")
    ratings = read("mine.csv", csv_of(), columns=COLUMNS)
    for _ in range(2):
        store.keep(OWNER, "mine.csv", ratings)
    with pytest.raises(InvalidRatingsError, match="Delete one"):
        store.keep(OWNER, "mine.csv", ratings)


def test_a_damaged_description_hides_its_set_and_no_other(store: UploadStore) -> None:
    ratings = read("mine.csv", csv_of(), columns=COLUMNS)
    first, second = (store.keep(OWNER, "mine.csv", ratings) for _ in range(2))
    for text in ("{", "[]", json.dumps({"id": 1}), "[" * 100_000):
        (store.folder / OWNER / first.id / "upload.json").write_text(text)
        assert store.of(OWNER) == [second]


def test_a_source_names_files_only(store: UploadStore) -> None:
    kept = store.keep(OWNER, "mine.csv", read("mine.csv", csv_of(), columns=COLUMNS))
    source = store.source(OWNER, kept.id)
    assert isinstance(source, Source)
    assert source.dataset is None
    assert Path(source.ratings or "").is_file()
    assert source.scale == (1.0, 5.0, 1.0)
    assert source.title == "mine.csv"  # and not what the store calls the file
