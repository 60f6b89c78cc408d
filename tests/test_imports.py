"""What other sites export is read as they export it, and what is broken or hostile ends in one clear sentence."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zipfile

import pytest

from autorec_core import imports
from autorec_core.errors import InvalidRatingsError
from autorec_core.imports import History, read_history

LETTERBOXD = "Date,Name,Year,Letterboxd URI,Rating\n2021-03-04,Amélie,2001,https://boxd.it/1,4.5\n"


def read(text: str | bytes, name: str = "ratings.csv") -> History:
    return read_history(name, text.encode() if isinstance(text, str) else text)


def told(history: History) -> list[tuple[str, int, float]]:
    return [(entry.title, entry.year, entry.rating) for entry in history.entries]


def packed(files: dict[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


class TestLetterboxd:
    def test_ratings_are_read_with_title_year_and_day(self) -> None:
        history = read(LETTERBOXD)
        assert history.site == "Letterboxd"
        assert str(history.scale) == "0.5 to 5"
        assert told(history) == [("Amélie", 2001, 4.5)]
        assert history.entries[0].rated_at == 1614816000.0  # 2021-03-04 00:00 UTC

    def test_of_the_zip_only_the_current_ratings_are_read(self) -> None:
        other = LETTERBOXD.replace("Amélie", "Deleted")
        files = {
            "deleted/ratings.csv": other,
            "orphaned/ratings.csv": other,
            "profile.csv": b"\xff\x00 never to be read",
            "watched.csv": "Date,Name,Year,Letterboxd URI\n2021-03-04,Alien,1979,x\n",
            "lists/ratings.csv": other,
            "ratings.csv": LETTERBOXD,
        }
        assert told(read(packed(files), "letterboxd-me.zip")) == [("Amélie", 2001, 4.5)]
        inside = {f"letterboxd-me-2024/{name}": text for name, text in files.items()}
        assert told(read(packed(inside), "letterboxd-me.zip")) == [("Amélie", 2001, 4.5)]

    def test_a_list_with_its_banner_says_that_it_holds_no_ratings(self) -> None:
        text = (
            "Letterboxd list export v7\nDate,Name,Tags,URL,Description\n2021-01-01,My list,,x,\n\n"
            "Position,Name,Year,URL,Description\n1,Alien,1979,x,\n"
        )
        with pytest.raises(InvalidRatingsError, match=r"without ratings.*ratings\.csv"):
            read(text, "my-list.csv")

    def test_a_list_with_ratings_is_read_below_its_banner(self) -> None:
        text = "Letterboxd list export v7\n\nPosition,Name,Year,URL,Rating\n1,Alien,1979,x,4\n"
        history = read(text)
        assert told(history) == [("Alien", 1979, 4.0)]
        assert history.entries[0].row == 4

    def test_a_row_is_counted_as_an_editor_counts_lines_whatever_stands_in_its_cells(self) -> None:
        text = (
            "Date,Name,Year,Letterboxd URI,Rating,Review\n"
            '2021-01-01,Alien,1979,x,4,"two\nlines"\n2021-01-01,Heat,1995,x,9,\n'
        )
        history = read(text)
        assert [entry.row for entry in history.entries] == [2]
        assert [(row.row, row.title) for row in history.skipped] == [(4, "Heat")]


IMDB_LAYOUTS = {
    "2017": (
        "Const,Your Rating,Date Rated,Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres,Num Votes\n"
        "tt0078748,9,2019-05-06,Alien,x,movie,8.5,117,1979,Horror,1\n"
        "tt0903747,10,2019-05-06,Breaking Bad,x,tvSeries,9.5,,2008,Drama,1\n"
    ),
    "2024": (
        "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Year\n"
        "tt0078748,9,2019-05-06,Alien,Alien - original,x,Movie,8.5,1979\n"
        "tt0903747,10,2019-05-06,Breaking Bad,Breaking Bad,x,TV Series,9.5,2008\n"
        "tt0113277,,2019-05-06,Heat,Heat,x,Movie,8.3,1995\n"
    ),
    "old": (
        '"position","const","created","modified","description","Title","Title type","Directors","You rated",'
        '"IMDb Rating","Year"\n'
        '"1","tt0078748","Mon May  6 00:00:00 2019","","","Alien","Feature Film","Ridley Scott","9","8.5","1979"\n'
        '"2","tt0903747","Mon May  6 00:00:00 2019","","","Breaking Bad","TV Series","","10","9.5","2008"\n'
    ),
    "resaved": (
        "Title;Year;Title Type;Const;Date Rated;Your Rating;IMDb Rating\n"
        "Alien;1979;movie;tt0078748;06/05/2019;9;8,5\nBreaking Bad;2008;tvSeries;tt0903747;06/05/2019;10;9,5\n"
    ),
}


class TestImdb:
    @pytest.mark.parametrize("layout", IMDB_LAYOUTS)
    def test_each_layout_gives_the_own_rating_of_movies_alone(self, layout: str) -> None:
        history = read(IMDB_LAYOUTS[layout])
        assert history.site == "IMDb"
        assert str(history.scale) == "1 to 10"
        assert told(history) == [("Alien", 1979, 9.0)]
        assert history.entries[0].imdb_id == 78748
        assert "is no movie but" in history.skipped[0].why

    def test_days_before_months_are_told_from_months_before_days(self) -> None:
        day_first = read(IMDB_LAYOUTS["resaved"]).entries[0].rated_at
        assert day_first == 1557100800.0  # 6 May 2019
        month_first = IMDB_LAYOUTS["resaved"].replace("06/05/2019;10", "05/16/2019;10").replace("06/05", "05/06")
        assert read(month_first).entries[0].rated_at == day_first

    def test_an_empty_rating_is_set_aside(self) -> None:
        assert [row.why for row in read(IMDB_LAYOUTS["2024"]).skipped] == ["is no movie but TV Series", "has no rating"]

    def test_the_original_title_is_kept_as_another(self) -> None:
        assert read(IMDB_LAYOUTS["2024"]).entries[0].other_title == "Alien - original"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
    def test_every_encoding_that_exports_were_seen_in_is_read(self, encoding: str) -> None:
        text = IMDB_LAYOUTS["2017"].replace("Alien", "Amélie")
        assert read(text.encode(encoding)).entries[0].title == "Amélie"


def test_movielens_gives_the_own_rating_and_not_the_average() -> None:
    history = read(
        "movie_id,imdb_id,tmdb_id,rating,average_rating,title\n"
        "1,0114709,862,3.5,3.89,Toy Story (1995)\n2,tt0113497,8844.0,4,3.3,Jumanji (1995)\n"
    )
    assert history.site == "MovieLens"
    assert told(history) == [("Toy Story", 1995, 3.5), ("Jumanji", 1995, 4.0)]
    assert [(entry.movielens_id, entry.imdb_id, entry.tmdb_id) for entry in history.entries] == [
        ("1", 114709, 862),
        ("2", 113497, 8844),
    ]


def test_tmdb_gives_your_rating_and_not_the_rating() -> None:
    history = read(
        "TMDb ID,IMDb ID,Type,Name,Release Date,Season Number,Episode Number,Rating,Your Rating,Date Rated\n"
        "348,tt0078748,movie,Alien,1979-05-25T00:00:00Z,,,8.1,9,2020-01-02T03:04:05Z\n"
        "1396,tt0903747,tv,Breaking Bad,2008-01-20T00:00:00Z,,,8.9,10,2020-01-02T03:04:05Z\n"
    )
    assert history.site == "TMDB"
    assert told(history) == [("Alien", 1979, 9.0)]
    assert (history.entries[0].tmdb_id, history.entries[0].imdb_id) == (348, 78748)


def test_trakt_is_read_as_csv_and_as_json() -> None:
    text = (
        "rated_at,type,title,year,trakt_id,imdb_id,tmdb_id,rating\n"
        "2020-01-02T03:04:05Z,movie,Alien,1979,1,tt0078748,348,9\n"
    )
    listed = [
        {
            "rated_at": "2020-01-02T03:04:05.000Z",
            "rating": 9,
            "type": "movie",
            "movie": {"title": "Alien", "year": 1979, "ids": {"trakt": 1, "imdb": "tt0078748", "tmdb": 348}},
        }
    ]
    for history in (read(text), read(json.dumps(listed), "ratings-movies.json")):
        assert history.site == "Trakt"
        entry = history.entries[0]
        assert (entry.title, entry.year, entry.rating, entry.imdb_id, entry.tmdb_id) == ("Alien", 1979, 9.0, 78748, 348)
        assert entry.rated_at == 1577934245.0


def test_all_pages_of_a_long_trakt_history_are_read() -> None:
    def page(title: str) -> str:
        return json.dumps([{"rating": 9, "type": "movie", "movie": {"title": title, "year": 1979, "ids": {}}}])

    content = packed({"me/ratings-movies-1.json": page("Alien"), "me/ratings-movies-2.json": page("Heat")})
    assert [entry.title for entry in read(content, "trakt.zip").entries] == ["Alien", "Heat"]


class TestHostileInput:
    @pytest.mark.parametrize("rating", ["NaN", "inf", "-inf", "1e999", "eleven", "11", "0", "-3", "9" * 5000])
    def test_a_rating_that_is_none_is_set_aside_and_the_others_go_on(self, rating: str) -> None:
        history = read(f"Const,Your Rating,Title,Year\ntt1,{rating},Alien,1979\ntt2,8,Heat,1995\n")
        assert told(history) == [("Heat", 1995, 8.0)]
        assert history.skipped[0].row == 2

    @pytest.mark.parametrize("rating", ["NaN", "Infinity", "1" * 5000, '"x"', "null", "true", "[]", "{}"])
    def test_a_json_rating_that_is_none_is_set_aside(self, rating: str) -> None:
        movie = '"type": "movie", "movie": {"title": "Alien"}'
        text = f'[{{"rating": {rating}, {movie}}}, {{"rating": 8, {movie}}}]'
        assert [entry.rating for entry in read(text, "ratings-movies.json").entries] == [8.0]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "is empty"),
            (b"\xef\xbb\xbf \n", "is empty"),
            (b"a,b\n1,2\n", "is no export of"),
            (b"\x00\x01\x02\x03", "not a text file"),
            (b"\xff\xfe\x00\xd8", "not text|not a text file|no export"),
            (b"Const,Your Rating\n", "holds no rating"),
            (b"Const,Your Rating,Title\ntt1,,Alien\n", "has no rating"),
            (b'Const,Your Rating,Title\ntt1,"' + b"x" * 200_000 + b'",Alien\n', "can't be read as CSV"),
            (b"[" * 100_000, "can't be read as JSON"),
            (b'{"rating": 3}', "no list of ratings"),
            (b"[1, 2, 3]", "no list of ratings"),
            (b"[]", "no list of ratings"),
            (b'[{"rating": ', "can't be read as JSON"),
            (b"PK\x03\x04 and then nothing", "can't be unpacked"),
        ],
    )
    def test_a_file_that_cannot_be_used_says_why(self, content: bytes, words: str) -> None:
        with pytest.raises(InvalidRatingsError, match=words):
            read(content)

    def test_a_zip_bomb_is_not_unpacked(self) -> None:
        bomb = packed({"ratings.csv": b"0" * (imports.MOST_BYTES + 1)})
        assert len(bomb) < 100_000
        with pytest.raises(InvalidRatingsError, match="at most 20 MB"):
            read(bomb, "bomb.zip")

    def test_a_zip_that_lies_about_a_size_gives_no_more_than_it_declares(self) -> None:
        bomb = bytearray(packed({"ratings.csv": b"0" * (imports.MOST_BYTES + 1)}))
        directory = bomb.rindex(b"PK\x01\x02")
        bomb[directory + 24 : directory + 28] = struct.pack("<I", 1000)
        with pytest.raises(InvalidRatingsError, match="can't be unpacked"):
            read(bytes(bomb), "bomb.zip")

    def test_a_zip_in_a_zip_is_not_opened(self) -> None:
        with pytest.raises(InvalidRatingsError, match="another zip"):
            read(packed({"inside.zip": packed({"ratings.csv": LETTERBOXD})}), "outside.zip")

    def test_a_zip_of_very_many_files_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imports, "MOST_MEMBERS", 3)
        with pytest.raises(InvalidRatingsError, match="holds 5 files"):
            read(packed({f"{place}.csv": "" for place in range(5)}), "many.zip")

    def test_a_zip_without_ratings_tells_what_it_holds(self) -> None:
        with pytest.raises(InvalidRatingsError, match=r"holds diary.csv, watched.csv\."):
            read(packed({"watched.csv": "", "diary.csv": ""}), "some.zip")

    def test_too_large_a_file_and_too_many_rows_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(InvalidRatingsError, match="at most 20 MB"):
            read(b"x" * (imports.MOST_BYTES + 1))
        monkeypatch.setattr(imports, "MOST_ROWS", 2)
        with pytest.raises(InvalidRatingsError, match="more than 2 rows"):
            read("Const,Your Rating,Title\n" + "tt1,8,Alien\n" * 3)

    @pytest.mark.parametrize("flipped", range(0, 200, 7))
    def test_a_damaged_zip_is_read_or_refused_but_never_breaks(self, flipped: int) -> None:
        content = bytearray(packed({"ratings.csv": LETTERBOXD * 3}))
        content[flipped % len(content)] ^= 0xFF
        found = []
        with contextlib.suppress(InvalidRatingsError):
            found = [entry.title for entry in read(bytes(content), "broken.zip").entries]
        assert found in ([], ["Amélie"] * 3)

    def test_a_long_name_and_control_characters_do_not_reach_the_message_whole(self) -> None:
        with pytest.raises(InvalidRatingsError) as caught:
            read(b"a,b\n", "x" * 500 + "\n\x1b[31m.csv")
        assert len(str(caught.value)) < 400
        assert "\x1b" not in str(caught.value)
