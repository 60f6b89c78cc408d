"""Reading ratings: every layout, and every fault by its row."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autorec_core.errors import AutoRecError, InvalidRatingsError, NotFoundError
from autorec_core.rating_files import read_ratings
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.scales import COMMON_SCALES, guess_scale

HEADER = "user,item,rating,timestamp"
ROWS = tuple(
    f"{user},{item},{1 + (user * item) % 5},{1000 + 10 * user + item}" for user in (1, 2, 3) for item in range(10, 20)
)
"""30 rows on 1 to 5: row 17 of the file is `ROWS[15]`."""

MOVIES_CSV = (
    "movieId,title,genres\r\n"
    '1,"Matrix, The (1999)",Action|Sci-Fi\r\n'
    "2,Amélie (2001),Comedy\r\n"
    "3,Untitled,(no genres listed)\r\n"
    "4,Never rated (1950),Drama\r\n"
)
RATINGS_CSV = "userId,movieId,rating,timestamp\r\n1,1,4.5,964982703\r\n1,2,3.0,964981247\r\n2,3,0.5,964982224\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "ml-tiny"
    place.mkdir()
    return place


def csv_text(*rows: str, header: str = HEADER) -> str:
    return "\n".join((header, *rows)) + "\n"


def written(folder: Path, content: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def faults(path: Path, **how: object) -> tuple[str, ...]:
    with pytest.raises(InvalidRatingsError) as caught:
        read_ratings(path, **how)  # type: ignore[arg-type]
    return caught.value.faults


def triples(ratings: Ratings) -> list[tuple[object, object, float]]:
    users = ratings.user_ids[ratings.by_user.rows].tolist()
    items = ratings.items.ids[ratings.by_user.indices].tolist()
    return list(zip(users, items, ratings.by_user.values.tolist(), strict=True))


TINY = [(1, 1, 4.5), (1, 2, 3.0), (2, 3, 0.5)]


class TestMovieLensLayouts:
    def assert_has_titles(self, ratings: Ratings) -> None:
        assert ratings.items.titles.tolist() == ["Matrix, The", "Amélie", "Untitled"]
        assert ratings.items.years.tolist() == [1999, 2001, 0]
        assert ratings.items.genres == (("Action", "Sci-Fi"), ("Comedy",), ())

    def test_a_folder_with_ratings_csv_and_movies_csv(self, folder: Path) -> None:
        written(folder, RATINGS_CSV, "ratings.csv")
        written(folder, MOVIES_CSV, "movies.csv")
        ratings = read_ratings(folder)
        assert triples(ratings) == TINY
        assert ratings.timestamps is not None
        assert ratings.timestamps.tolist() == [964982703, 964981247, 964982224]
        assert (ratings.name, ratings.scale) == ("ml-tiny", RatingScale(0.5, 5, 0.5))
        self.assert_has_titles(ratings)

    def test_ratings_dat_with_latin_1_titles(self, folder: Path) -> None:
        written(folder, "1::1::5::978300760\n1::2::3::978302109\n2::3::1::978301968\n", "ratings.dat")
        movies = "1::Matrix, The (1999)::Action|Sci-Fi\n2::Amélie (2001)::Comedy\n3::Untitled::\n"
        written(folder, movies.encode("latin-1"), "movies.dat")
        ratings = read_ratings(folder)
        assert triples(ratings) == [(1, 1, 5.0), (1, 2, 3.0), (2, 3, 1.0)]
        assert ratings.scale == RatingScale(1, 5, 1)
        assert ratings.timestamps is not None
        assert ratings.timestamps[2] == 978301968
        self.assert_has_titles(ratings)

    def test_movies_dat_in_utf_8_as_in_movielens_10m(self, folder: Path) -> None:
        written(folder, "1::1::0.5::8\n1::2::3::8\n2::3::1::8\n", "ratings.dat")
        written(folder, "1::Matrix, The (1999)::Action|Sci-Fi\n2::Amélie (2001)::Comedy\n3::Untitled::\n", "movies.dat")
        ratings = read_ratings(folder)
        assert ratings.scale == RatingScale(0.5, 5, 0.5)
        self.assert_has_titles(ratings)

    def test_u_data_with_the_genre_flags_of_u_item(self, folder: Path) -> None:
        written(folder, "1\t1\t5\t874965758\n1\t2\t3\t876893171\n2\t3\t1\t878542960\n", "u.data")
        flags = {1: "0|1|0|0|0|0|0|0|0|0|0|0|0|0|0|1|0|0|0", 2: "0|0|0|0|0|1" + "|0" * 13, 3: "1" + "|0" * 18}
        names = {1: "Matrix, The (1999)", 2: "Amélie (2001)", 3: "Untitled"}
        lines = [f"{n}|{names[n]}|01-Jan-1999||http://example.org/{n}|{flags[n]}" for n in (1, 2, 3)]
        written(folder, "\n".join(lines).encode("latin-1"), "u.item")
        ratings = read_ratings(folder)
        assert triples(ratings) == [(1, 1, 5.0), (1, 2, 3.0), (2, 3, 1.0)]
        assert ratings.scale == RatingScale(1, 5, 1)
        self.assert_has_titles(ratings)

    @pytest.mark.parametrize("name", ["u.data", "u1.base", "ua.test"])
    def test_one_file_of_movielens_100k_finds_its_titles_beside_it(self, folder: Path, name: str) -> None:
        path = written(folder, "1\t1\t5\t8\n1\t2\t3\t9\n", name)
        written(folder, "1|Toy Story (1995)|||\n2|GoldenEye (1995)|||\n", "u.item")
        assert read_ratings(path).items.titles.tolist() == ["Toy Story", "GoldenEye"]

    def test_a_parquet_file_with_movies_dat_beside_it(self, folder: Path) -> None:
        columns = {"user": [1, 1, 2], "item": [1, 2, 3], "rating": pa.array([5, 3, 1], pa.uint8())}
        pq.write_table(pa.table(columns), folder / "ratings.parquet")
        written(folder, "1::Matrix, The (1999)::Action\n", "movies.dat")
        for ratings in (read_ratings(folder), read_ratings(folder / "ratings.parquet")):
            assert triples(ratings) == [(1, 1, 5.0), (1, 2, 3.0), (2, 3, 1.0)]
            assert ratings.items.titles.tolist() == ["Matrix, The", "2", "3"]
            assert ratings.scale == RatingScale(1, 5, 1)
            assert ratings.timestamps is None

    def test_a_zip_of_such_a_folder_gives_the_same_ratings(self, folder: Path, tmp_path: Path) -> None:
        written(folder, RATINGS_CSV, "ratings.csv")
        written(folder, MOVIES_CSV, "movies.csv")
        archive_path = tmp_path / "tiny.zip"
        with zipfile.ZipFile(archive_path, "w") as archive:
            for name in ("ratings.csv", "movies.csv"):
                archive.write(folder / name, f"ml-tiny/{name}")
            archive.writestr("ml-tiny/old/ratings.csv", "nonsense")
        zipped = read_ratings(archive_path)
        assert zipped.fingerprint == read_ratings(folder).fingerprint
        assert zipped.name == "tiny"
        self.assert_has_titles(zipped)

    def test_a_folder_or_zip_without_ratings_says_what_it_looked_for(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match=r"ml-tiny holds none of ratings\.csv, ratings\.dat, u\.data"):
            read_ratings(folder)
        with zipfile.ZipFile(tmp_path / "bare.zip", "w") as archive:
            archive.writestr("readme.txt", "hello")
        with pytest.raises(NotFoundError, match=r"bare\.zip holds none of"):
            read_ratings(tmp_path / "bare.zip")

    def test_one_stray_rating_in_movielens_own_columns_is_a_slip(self, folder: Path) -> None:
        path = written(folder, "userId,movieId,rating\n1,1,5\n1,2,7\n2,1,4.5\n2,2,3\n")
        assert faults(path) == (
            "Row 3 of mine.csv: rating 7 is outside 0.5 to 5. Choose the scale 1 to 10 or correct the row.",
        )


class TestOwnFiles:
    @pytest.mark.parametrize(
        "header",
        [
            "user,item,rating,timestamp",
            "userId,movieId,rating,timestamp",
            "USER,ITEM,RATING,TIMESTAMP",
            "User ID, Movie ID, Rating, Time",
            "user_id,item_id,score,ts",
            '"userid","movieid","stars","unix_time"',
        ],
    )
    def test_a_column_is_known_by_any_of_its_names(self, folder: Path, header: str) -> None:
        ratings = read_ratings(written(folder, csv_text(*ROWS, header=header)))
        assert (ratings.num_ratings, ratings.num_users, ratings.num_items) == (30, 3, 10)
        assert ratings.timestamps is not None

    def test_columns_may_stand_in_any_order_with_others_between(self, folder: Path) -> None:
        path = written(folder, "note,rating,item,mood,user\nfine,3,7,x,1\n,5,8,,2\n")
        assert triples(read_ratings(path)) == [(1, 7, 3.0), (2, 8, 5.0)]

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    @pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
    def test_whatever_a_spreadsheet_writes(self, folder: Path, separator: str, newline: str, mark: bytes) -> None:
        text = csv_text(*ROWS).replace(",", separator).replace("\n", newline)
        plain = read_ratings(written(folder, csv_text(*ROWS), "plain.csv"))
        assert read_ratings(written(folder, mark + text.encode())).fingerprint == plain.fingerprint

    def test_ids_may_be_text(self, folder: Path) -> None:
        path = written(folder, csv_text("ann,tt0133093,4", "bob é,tt0211915,5", header="user,item,rating"))
        ratings = read_ratings(path)
        assert ratings.user_ids.tolist() == ["ann", "bob é"]
        assert ratings.items.ids.tolist() == ["tt0133093", "tt0211915"]

    def test_whole_numbers_written_as_floats_are_the_same_ids(self, folder: Path) -> None:
        path = written(folder, csv_text("1.0,10.0,4", "2.0,10.0,5", header="user,item,rating"))
        assert triples(read_ratings(path)) == [(1, 10, 4.0), (2, 10, 5.0)]

    def test_blank_lines_and_spaces_do_not_matter(self, folder: Path) -> None:
        path = written(folder, csv_text("1, 10 ,4", "", "  , ,  ", " 2,10, 5 ", header="user,item,rating"))
        assert triples(read_ratings(path)) == [(1, 10, 4.0), (2, 10, 5.0)]

    def test_a_closer_look_keeps_the_timestamps(self, folder: Path) -> None:
        path = written(folder, csv_text("1.0,10,4,77", "2.0,10,5,88"))
        timestamps = read_ratings(path).timestamps
        assert timestamps is not None
        assert timestamps.tolist() == [77, 88]

    def test_timestamps_that_are_no_seconds_are_left_out(self, folder: Path) -> None:
        path = written(folder, csv_text("1,10,4,2020-01-01", "2,10,5,2021-01-01"))
        assert read_ratings(path).timestamps is None

    def test_titles_come_from_an_own_file(self, folder: Path) -> None:
        items = written(folder, "item;title;genres;year\n10;Heat;Crime, Drama;1995\n11;Alien (1979);Horror;\n", "t.csv")
        ratings = read_ratings(written(folder, csv_text(*ROWS)), items=items)
        assert ratings.items.titles[:3].tolist() == ["Heat", "Alien", "12"]
        assert ratings.items.years[:3].tolist() == [1995, 1979, 0]
        assert ratings.items.genres[:2] == (("Crime", "Drama"), ("Horror",))

    def test_titles_are_found_where_only_some_ids_are_numbers(self, folder: Path) -> None:
        items = written(folder, "movieId,title\n10,Heat (1995)\n", "t.csv")
        path = written(folder, csv_text("1,10,4", "1,x,3", header="user,item,rating"))
        assert read_ratings(path, items=items).items.titles.tolist() == ["Heat", "x"]

    def test_a_strangers_movies_csv_beside_an_own_file_is_not_taken(self, folder: Path) -> None:
        written(folder, MOVIES_CSV, "movies.csv")
        path = written(folder, csv_text("1,1,4", "1,2,3", header="user,item,rating"))
        assert read_ratings(path).items.titles.tolist() == ["1", "2"]

    def test_a_catalogue_is_made_from_the_content(self, folder: Path) -> None:
        first = read_ratings(written(folder, csv_text(*ROWS))).catalogue
        again = read_ratings(written(folder, csv_text(*ROWS))).catalogue
        other = read_ratings(written(folder, csv_text(*ROWS[1:]))).catalogue
        assert first == again != other
        assert first.startswith("file:mine-")
        assert len(first) == len("file:mine-") + 8

    def test_name_scale_and_catalogue_can_be_given(self, folder: Path) -> None:
        scale = RatingScale(0, 10, 1)
        ratings = read_ratings(written(folder, csv_text(*ROWS)), name="ours", catalogue="movielens", scale=scale)
        assert (ratings.name, ratings.catalogue, ratings.scale) == ("ours", "movielens", scale)

    def test_very_long_titles_are_cut_and_very_long_ids_refused(self, folder: Path) -> None:
        items = written(folder, f"item,title\n10,{'x' * 100_000}\n", "t.csv")
        assert len(read_ratings(written(folder, csv_text(*ROWS)), items=items).items.titles[0]) == 400
        path = written(folder, csv_text("9" * 5000 + ",10,4", *ROWS))
        assert faults(path) == (
            "Row 2 of mine.csv: the user has 5,000 characters; at most 100 are accepted. Shorten it or delete the row.",
        )


class TestFaults:
    def with_row_17(self, folder: Path, row: str) -> Path:
        return written(folder, csv_text(*ROWS[:15], row, *ROWS[16:]))

    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ("9,9,abc,1", "rating 'abc' is not a number. Correct it or delete the row."),
            ('9,9,"4,5",1', "rating '4,5' is not a number. Write it with a point."),
            ("9,9,1_0,1", "rating '1_0' is not a number. Correct it or delete the row."),
            ("9,9,0x5,1", "rating '0x5' is not a number. Correct it or delete the row."),
            ("9,9,,1", "the rating is missing. Fill it in or delete the row."),
            (",9,3,1", "the user is missing. Fill it in or delete the row."),
            ("9,  ,3,1", "the item is missing. Fill it in or delete the row."),
            ("9,9,nan,1", "rating nan is not a finite number. Delete the row if there is no rating."),
            ("9,9,-Inf,1", "rating -Inf is not a finite number. Delete the row if there is no rating."),
            ("9,9,1e999,1", "rating 1e999 is not a finite number. Correct it or delete the row."),
            ("9,9,7,1", "rating 7 is outside 1 to 5. Choose the scale 1 to 10 or correct the row."),
            ("1,10,4,1", "user 1 rated item 10 already in row 2. Keep one of the two."),
            ("9,9", "it has 2 of 4 columns. Complete or delete the row."),
            ("9,9,3,1,5", "it has 5 columns, not 4. Put quotes around a cell that holds a separator."),
        ],
    )
    def test_one_bad_row_is_named_as_an_editor_counts_it(self, folder: Path, row: str, says: str) -> None:
        path = self.with_row_17(folder, row)
        assert path.read_text().splitlines()[17 - 1] == row
        assert faults(path) == (f"Row 17 of mine.csv: {says}",)

    def test_a_given_scale_is_held_to(self, folder: Path) -> None:
        path = self.with_row_17(folder, "9,9,7,1")
        assert faults(path, scale=RatingScale(0.5, 5)) == (
            "Row 17 of mine.csv: rating 7 is outside 0.5 to 5. Choose the scale 1 to 10 or correct the row.",
        )
        assert read_ratings(path, scale=RatingScale(1, 10, 1)).num_ratings == 30
        low = self.with_row_17(folder, "9,9,0.5,1")
        assert faults(low, scale=RatingScale(1, 5, 1)) == (
            "Row 17 of mine.csv: rating 0.5 is outside 1 to 5. Choose the scale 0.5 to 5 or correct the row.",
        )

    def test_all_faults_are_told_at_once_in_the_order_of_the_rows(self, folder: Path) -> None:
        path = written(folder, csv_text(*ROWS, "1,10,4,1", "9,9,x,1", "9,,3,1", "9,8,99,1", "9,7,3"))
        told = faults(path)
        assert [fault.split(" of ")[0] for fault in told] == ["Row 32", "Row 33", "Row 34", "Row 35"]
        assert "already in row 2" in told[0]
        assert "99 is outside 1 to 5" in told[3]

    def test_of_many_faults_twenty_are_shown_and_the_others_counted(self, folder: Path) -> None:
        path = written(folder, csv_text(*(f"{n},1,bad,1" for n in range(50))))
        with pytest.raises(InvalidRatingsError) as caught:
            read_ratings(path)
        assert len(caught.value.faults) == 50
        assert str(caught.value).endswith("… and 30 more such faults.")

    @pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
    def test_a_file_is_read_without_the_rows_that_are_wrong_with_it(self, folder: Path, name: str) -> None:
        wrong = ["1,10,4,1", "9,9,x,1", "9,,3,1", "9,8,99,1"]
        path = written(folder, csv_text(*ROWS[:10], *wrong, *ROWS[10:]))
        if name.endswith(".parquet"):
            rows = [row.split(",") for row in path.read_text().splitlines()]
            path = folder / name
            table = pa.table(dict(zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True)))
            pq.write_table(table, path)
        with pytest.raises(InvalidRatingsError) as caught:
            read_ratings(path)
        first = 12 if name.endswith(".csv") else 11
        assert caught.value.rows == tuple(range(first, first + 4))
        ratings = read_ratings(path, leave_out=caught.value.rows)
        clean = read_ratings(written(folder, csv_text(*ROWS), "clean.csv"))
        assert triples(ratings) == triples(clean)
        assert ratings.scale == clean.scale

    def test_what_is_left_out_is_no_slip_any_more_and_the_scale_holds_the_others(self, folder: Path) -> None:
        # 94 of 100 are from 1 to 5, and six are 8, too many for slips: 1 to 10. It stays so when two of the six go.
        rows = [f"{n},1,{1 + n % 5},1" for n in range(94)] + [f"{n},1,8,1" for n in range(94, 100)]
        path = written(folder, csv_text(*rows, "100,1,99,1", "101,1,x,1"))
        with pytest.raises(InvalidRatingsError) as caught:
            read_ratings(path)
        ratings = read_ratings(path, leave_out=[*caught.value.rows, 96, 97])
        assert (ratings.num_ratings, ratings.scale) == (98, RatingScale(1, 10, 1))

    def test_rows_that_are_still_wrong_are_told(self, folder: Path) -> None:
        path = written(folder, csv_text(*ROWS, "9,9,x,1", "9,8,y,1"))
        with pytest.raises(InvalidRatingsError) as caught:
            read_ratings(path, leave_out=[32])
        assert caught.value.rows == (33,)
        with pytest.raises(InvalidRatingsError, match="no ratings"):
            read_ratings(path, leave_out=range(1, 40))

    @pytest.mark.parametrize("tail", ["2,3,4,1\n" * 3, "2,3,4,1\n" * 30_000])
    def test_what_an_open_quote_swallows_can_not_be_left_out_unseen(self, folder: Path, tail: str) -> None:
        path = written(folder, csv_text(*ROWS, '9,"9,3,1') + tail)
        with pytest.raises(InvalidRatingsError, match="Row 32") as caught:
            read_ratings(path)
        assert caught.value.rows == ()

    def test_rows_are_lines_even_after_blank_ones_and_quoted_line_breaks(self, folder: Path) -> None:
        path = written(folder, 'user,item,note,rating\n1,1,"two\nlines",3\n\n1,2,,bad\n')
        assert faults(path) == ("Row 5 of mine.csv: rating 'bad' is not a number. Correct it or delete the row.",)

    def test_the_same_pair_written_differently_is_still_the_same(self, folder: Path) -> None:
        path = written(folder, csv_text("007,1,3", "7,1.0,4", header="user,item,rating"))
        assert faults(path) == ("Row 3 of mine.csv: user 7 rated item 1 already in row 2. Keep one of the two.",)

    def test_a_missing_column_says_which_there_are_and_which_are_accepted(self, folder: Path) -> None:
        told = faults(written(folder, csv_text("1,2,3", header="userId,film,when")))
        assert told == (
            "mine.csv has no column for the item. Its columns are userId, film, when; accepted are movieId, itemId, "
            "item, movie, iid, mid, productId.",
            "mine.csv has no column for the rating. Its columns are userId, film, when; accepted are rating, ratings, "
            "score, stars.",
        )

    def test_a_file_without_header_is_told_what_to_put_there(self, folder: Path) -> None:
        (told,) = faults(written(folder, "\n".join(ROWS)))
        assert told.startswith("mine.csv has no header: its first row is 1, 10, 1, 1020. Put user,item,rating or")

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "mine.csv is empty. It needs a header and at least one rating."),
            (b"\xef\xbb\xbf \r\n", "mine.csv is empty. It needs a header and at least one rating."),
            (b"user,item,rating\n", "mine.csv has a header but no ratings. At least one is needed."),
            (b"\nuser,item,rating\n", "Row 1 of mine.csv is empty."),
            (bytes(range(256)), "mine.csv is not a text file. Save the ratings as CSV in UTF-8."),
            ("user,item,rating\n1,2,3\n".encode("utf-16"), "mine.csv is not a text file."),
            (b"\x89PNG\r\n\xff\xd8\xff", "Row 1 of mine.csv is not UTF-8 text. Save the file as CSV in UTF-8."),
            ("user,item,rating\n1,a,3\n1,é,4\n".encode("latin-1"), "Row 3 of mine.csv is not UTF-8 text."),
        ],
        ids=["empty", "blank", "header alone", "blank first", "binary", "utf-16", "png", "latin-1"],
    )
    def test_a_file_that_is_no_ratings_is_told_so(self, folder: Path, content: bytes, says: str) -> None:
        (told,) = faults(written(folder, content))
        assert told.startswith(says)

    def test_too_large_a_file_is_not_even_read(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = folder / "mine.csv"
        with path.open("wb") as file:
            file.truncate(100_000_000)  # a hole: it takes no room on the disk
        monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
        assert faults(path, max_bytes=5_000_000) == (
            "mine.csv has 100.0 MB; at most 5.0 MB are accepted. Give a file with fewer rows.",
        )

    def test_a_zip_is_measured_by_what_it_unpacks_to(self, folder: Path) -> None:
        with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("ratings.csv", b"user,item,rating\n" + b"0" * 20_000_000)
        assert (folder / "bomb.zip").stat().st_size < 100_000
        assert faults(folder / "bomb.zip", max_bytes=5_000_000) == (
            "ratings.csv has 20.0 MB; at most 5.0 MB are accepted. Give a file with fewer rows.",
        )

    def test_a_file_that_is_not_there_is_not_found(self, folder: Path) -> None:
        for missing in (
            {"path": folder / "no.csv"},
            {"path": written(folder, csv_text(*ROWS)), "items": folder / "no.csv"},
        ):
            with pytest.raises(NotFoundError, match=r"There is no file .*no\.csv"):
                read_ratings(**missing)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "t.csv is empty."),
            (b"item,name\n1,x\n", "t.csv needs a column for the id (movieId, itemId"),
            ("item,title\n1,a\n2,é\n".encode("latin-1"), "Row 3 of t.csv is not UTF-8 text."),
        ],
        ids=["empty", "no title", "latin-1"],
    )
    def test_a_titles_file_that_is_none_is_told_so(self, folder: Path, content: bytes, says: str) -> None:
        (told,) = faults(written(folder, csv_text(*ROWS)), items=written(folder, content, "t.csv"))
        assert told.startswith(says)

    def test_files_without_header_count_their_first_rating_as_row_1(self, folder: Path) -> None:
        assert faults(written(folder, "1\t2\t3\t4\n1\t3\tx\t4\n", "u.data")) == (
            "Row 2 of u.data: rating 'x' is not a number. Correct it or delete the row.",
        )
        assert faults(written(folder, "1::2::3::4\n1::2::3::4\n", "ratings.dat")) == (
            "Row 2 of ratings.dat: user 1 rated item 2 already in row 1. Keep one of the two.",
        )

    def test_a_parquet_file_is_looked_at_by_row_as_well(self, folder: Path) -> None:
        table = pa.table({"user": ["a", "a", None], "item": [1, 1, 2], "rating": [3.0, 4.0, float("nan")]})
        pq.write_table(table, folder / "mine.parquet")
        assert faults(folder / "mine.parquet") == (
            "Row 2 of mine.parquet: user a rated item 1 already in row 1. Keep one of the two.",
            "Row 3 of mine.parquet: the user is missing. Fill it in or delete the row.",
        )

    def test_a_parquet_file_that_is_none_or_has_other_columns_is_told_so(self, folder: Path) -> None:
        (told,) = faults(written(folder, b"PAR1 not really PAR1", "mine.parquet"))
        assert told.startswith("mine.parquet is not a Parquet file")
        pq.write_table(pa.table({"user": [1], "item": [2]}), folder / "mine.parquet")
        (told,) = faults(folder / "mine.parquet")
        assert told.startswith("mine.parquet has no column for the rating. Its columns are user, item;")

    def test_a_broken_or_locked_zip_is_told_so(self, folder: Path) -> None:
        (told,) = faults(written(folder, b"PK\x03\x04 nonsense", "mine.zip"))
        assert told.startswith("mine.zip can't be unpacked")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("ratings.csv", csv_text(*ROWS))
        locked = bytearray(buffer.getvalue())
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            locked[locked.index(signature) + offset] |= 1  # the flag that says: encrypted
        (told,) = faults(written(folder, bytes(locked), "mine.zip"))
        assert told.startswith("mine.zip can't be unpacked")
        assert "encrypted" in told


class TestScales:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([1, 2, 5], RatingScale(1, 5, 1)),
            ([3], RatingScale(1, 5, 1)),
            ([0.5, 5], RatingScale(0.5, 5, 0.5)),
            ([3.5, 4], RatingScale(0.5, 5, 0.5)),
            ([1, 7, 10], RatingScale(1, 10, 1)),
            ([0, 1, 1, 0], RatingScale(0, 1, 1)),
            ([0, 5], RatingScale(0, 5, 1)),
            ([0, 7, 10], RatingScale(0, 10, 1)),
            ([0, 33, 100], RatingScale(0, 100, 1)),
            ([-1, 1], RatingScale(-1, 1, 2)),
            ([-10, 10, 0], RatingScale(-10, 10, 10)),
        ],
    )
    def test_the_first_common_scale_that_holds_all_is_taken(self, values: list[float], expected: RatingScale) -> None:
        assert guess_scale(np.array(values, dtype=float)) == expected

    def test_ratings_between_the_steps_keep_the_ends_of_a_common_scale(self) -> None:
        scale = guess_scale(np.array([1.25, 3.5, 4.75]))
        assert (scale.low, scale.high, scale.step) == (1, 5, 1.25)

    def test_one_in_twenty_may_be_a_slip_and_more_are_another_scale(self) -> None:
        ordinary = [1.0, 2.0, 3.0, 4.0, 5.0] * 4
        assert guess_scale(np.array([*ordinary[:-1], 7.0])) == RatingScale(1, 5, 1)
        assert guess_scale(np.array([*ordinary[:-2], 7.0, 7.0])) == RatingScale(1, 10, 1)

    @given(st.sampled_from(COMMON_SCALES), st.data())
    def test_values_of_a_common_scale_are_held_by_the_guess(self, scale: RatingScale, draw: st.DataObject) -> None:
        steps = st.lists(st.integers(0, round(scale.span / scale.step)), min_size=1, max_size=60)
        values = np.array([scale.low + step * scale.step for step in draw.draw(steps)])
        guessed = guess_scale(values, may_be_slips=0.0)
        assert guessed.low <= values.min()
        assert values.max() <= guessed.high


pairs = st.dictionaries(
    st.tuples(st.integers(-5, 10**12), st.text("abcXYZ 019éß.-", max_size=6)),
    st.integers(2, 10),
    min_size=1,
    max_size=25,
)


class TestAnything:
    """Whatever the bytes are, the answer is ratings or a sentence."""

    def attempt(self, path: Path, **how: object) -> None:
        try:
            ratings = read_ratings(path, **how)  # type: ignore[arg-type]
        except AutoRecError as error:
            assert str(error).strip()  # noqa: PT017
        else:
            values = ratings.by_user.values
            assert len(values) >= 1
            assert ratings.scale.low <= values.min()
            assert values.max() <= ratings.scale.high

    @settings(max_examples=150)
    @given(
        content=st.binary(max_size=200), name=st.sampled_from(["a.csv", "u.data", "ratings.dat", "a.parquet", "a.zip"])
    )
    def test_arbitrary_bytes(self, tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
        self.attempt(written(tmp_path_factory.getbasetemp(), content, name))

    @settings(max_examples=200)
    @given(
        header=st.sampled_from(["user,item,rating", "userId;movieId;rating;timestamp", "rating\titem\tuser"]),
        rows=st.lists(st.lists(st.text('019.-+einfa",;\t\r\n é\u2028', max_size=5), max_size=5), max_size=8),
        separator=st.sampled_from(",;\t"),
    )
    def test_arbitrary_rows_below_a_good_header(
        self, tmp_path_factory: pytest.TempPathFactory, header: str, rows: list[list[str]], separator: str
    ) -> None:
        text = "\n".join([header, *(separator.join(row) for row in rows)])
        self.attempt(written(tmp_path_factory.getbasetemp(), text))

    @settings(max_examples=100)
    @given(content=st.binary(max_size=120), name=st.sampled_from(["movies.csv", "movies.dat", "u.item"]))
    def test_arbitrary_titles(self, tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
        folder = tmp_path_factory.mktemp("any")
        written(folder, csv_text(*ROWS), "ratings.csv")
        written(folder, content, name)
        self.attempt(folder)

    @settings(max_examples=100)
    @given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
    def test_a_damaged_zip(self, tmp_path_factory: pytest.TempPathFactory, place: int, byte: int) -> None:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("ratings.csv", csv_text(*ROWS))
        content = bytearray(buffer.getvalue())
        content[place % len(content)] = byte
        self.attempt(written(tmp_path_factory.getbasetemp(), bytes(content), "a.zip"), max_bytes=1_000_000)

    @settings(max_examples=100)
    @given(known=pairs, crlf=st.booleans())
    def test_good_rows_come_back_as_they_were(
        self, tmp_path_factory: pytest.TempPathFactory, known: dict[tuple[int, str], int], crlf: bool
    ) -> None:
        # A letter in front keeps the items text, whatever else they hold.
        named = {(user, f"i{item}".strip()): value / 2 for (user, item), value in known.items()}
        lines = [f'{user},"{item}",{value}' for (user, item), value in named.items()]
        text = csv_text(*lines, header="user,item,rating")
        path = written(tmp_path_factory.getbasetemp(), text.replace("\n", "\r\n") if crlf else text)
        read = triples(read_ratings(path, scale=RatingScale(1, 5, 0.5)))
        assert {(user, item): value for user, item, value in read} == named


def test_reading_imports_neither_torch_nor_streamlit_nor_pandas(folder: Path) -> None:
    path = written(folder, csv_text(*ROWS))
    script = (
        "import sys; from autorec_core.rating_files import read_ratings; read_ratings(sys.argv[1]); "
        "print([name for name in ('torch', 'streamlit', 'pandas') if name in sys.modules])"
    )
    root = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    answer = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    assert answer.stdout.strip() == "[]"
