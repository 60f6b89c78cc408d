"""The pictures of a training: which parts of the matrix, how they are kept, and that a reader never trips."""

from __future__ import annotations

import dataclasses
import weakref
from pathlib import Path

import numpy as np
import pytest

from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings, RatingScale
from autorec_core.snapshots import (
    AT_RANDOM,
    KINDS,
    MOST_BYTES,
    NEWEST,
    PARTS,
    TOP,
    UNKNOWN,
    Album,
    Look,
    Scene,
    Watched,
    blocks_of,
    from_bytes,
    thinned,
    to_bytes,
)
from autorec_core.splits import Split, random_split

SCALE = RatingScale(0.5, 5.0, 0.5)
NO_WEIGHTS = {
    name: np.zeros(0, np.float32)
    for name in (
        *("encoder_weights", "encoder_bias", "decoder_weights", "decoder_bias", "codes"),
        *("population_mean", "population_covariance"),
    )
}


def look(epoch: int, fill: int = 7) -> Look:
    return Look(
        epoch=epoch,
        blocks=(np.full((3, 4), fill, dtype=np.uint8), np.full((2, 2), UNKNOWN, dtype=np.uint8)),
        quantiles={"codes": (0.0, 0.1, 0.2, 0.5, 0.7, 0.8, 1.0)},
        unit_means=np.arange(5, dtype=np.float32),
        unit_spreads=np.ones(5, dtype=np.float32),
        num_dead=1,
        num_saturated=2,
        movement=0.25,
        gradient_norm=None,
    )


@pytest.fixture
def split(low_rank: tuple[Ratings, np.ndarray]) -> Split:
    return random_split(low_rank[0], seed=3)


@pytest.fixture
def scene(split: Split) -> Scene:
    train = split.train
    return Scene(
        scale=train.scale,
        hyperparameters=Hyperparameters(hidden_units=5),
        items=train.items,
        user_ids=train.user_ids,
        offsets=np.zeros(train.num_items, dtype=np.float32),
        item_means=np.full(train.num_items, 3.0, dtype=np.float32),
        item_counts=train.by_item.counts,
        global_mean=3.0,
        blocks=blocks_of(split),
    )


class TestBytes:
    def test_every_rating_of_a_scale_comes_back_within_half_a_step_of_a_byte(self) -> None:
        ratings = np.arange(0.5, 5.01, 0.01)
        assert np.abs(from_bytes(to_bytes(ratings, SCALE), SCALE) - ratings).max() <= SCALE.span / 508 + 1e-9

    def test_what_is_no_number_is_unknown_and_comes_back_as_none(self) -> None:
        values = to_bytes(np.array([np.nan, np.inf, 3.0]), SCALE)
        assert values[0] == UNKNOWN
        assert np.isnan(from_bytes(values, SCALE)[0])
        assert values[2] != UNKNOWN

    def test_what_leaves_the_scale_is_laid_to_its_end(self) -> None:
        assert to_bytes(np.array([-3.0, 9.0]), SCALE).tolist() == [0, 254]


class TestBlocks:
    def test_the_first_is_of_the_most_rated_and_the_most_active(self, split: Split) -> None:
        block = blocks_of(split)[0]
        counts, activity = split.train.by_item.counts, split.train.by_user.counts
        assert block.name == TOP
        assert (np.diff(counts[block.items]) <= 0).all()
        assert counts[block.items].min() >= np.delete(counts, block.items).max()
        assert (np.diff(activity[block.users]) <= 0).all()

    def test_each_cell_says_which_part_holds_it_and_what_was_given(self, split: Split) -> None:
        for block in blocks_of(split):
            for number, part in enumerate((split.train, split.valid, split.test), start=1):
                dense = np.full((part.num_users, part.num_items), np.nan)
                dense[part.by_user.rows, part.by_user.indices] = part.by_user.values
                own = dense[np.ix_(block.users, block.items)]
                assert ((block.parts == number) == np.isfinite(own)).all(), PARTS[number]
                there = block.parts == number
                assert np.allclose(from_bytes(block.given, part.scale)[there], own[there], atol=0.01)
            assert ((block.given == UNKNOWN) == (block.parts == 0)).all()

    def test_a_genre_makes_a_block_of_its_own_movies(self, split: Split) -> None:
        genres = tuple(("Noir",) if index % 2 else ("Rare",) if index == 0 else () for index in range(80))
        items = dataclasses.replace(split.train.items, genres=genres)
        named = dataclasses.replace(split, train=dataclasses.replace(split.train, items=items))
        found = {block.name: block for block in blocks_of(named)}
        assert set(found) == {TOP, AT_RANDOM, "Noir"}
        assert (found["Noir"].items % 2 == 1).all()

    def test_ratings_smaller_than_a_block_make_a_smaller_one(self, toy: Ratings) -> None:
        block = blocks_of(random_split(toy, seed=0))[0]
        assert 0 < len(block.users) <= 6
        assert 0 < len(block.items) <= 5


class TestThinned:
    def test_few_are_all_kept(self) -> None:
        assert thinned([0, 4, 9], 3, 1) == [0, 4, 9]

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_long_run_keeps_its_first_and_its_newest_and_no_wide_gap(self, kind: str) -> None:
        kept: list[int] = []
        for epoch in range(1_000):
            kept = thinned([*kept, epoch], KINDS[kind], NEWEST[kind])
        assert len(kept) == KINDS[kind]
        assert kept[0] == 0
        assert kept[-NEWEST[kind] :] == list(range(1_000 - NEWEST[kind], 1_000))
        even = 1_000 / (KINDS[kind] - NEWEST[kind])
        assert max(np.diff(kept)) <= 4 * even

    def test_one_alone_is_the_newest(self) -> None:
        assert thinned([1, 2, 3], 1, 4) == [3]


class TestAlbum:
    def test_a_look_comes_back_as_it_went(self, tmp_path: Path) -> None:
        album = Album(tmp_path)
        album.save_look(look(3))
        back = album.look(3)
        assert back is not None
        for field in dataclasses.fields(Look):
            given, found = getattr(look(3), field.name), getattr(back, field.name)
            if field.name == "blocks":
                assert all((a == b).all() for a, b in zip(given, found, strict=True))
            elif isinstance(given, np.ndarray):
                assert (given == found).all()
            else:
                assert given == found, field.name

    def test_a_scene_comes_back_as_it_went(self, tmp_path: Path, scene: Scene) -> None:
        Album(tmp_path).save_scene(scene)
        back = Album(tmp_path).scene()
        assert back is not None
        assert back.items.titles.tolist() == scene.items.titles.tolist()
        assert back.items.genres == scene.items.genres
        assert back.user_ids.tolist() == scene.user_ids.tolist()
        assert back.hyperparameters == scene.hyperparameters
        assert back.scale == scene.scale
        assert [block.name for block in back.blocks] == [block.name for block in scene.blocks]
        assert (back.blocks[1].given == scene.blocks[1].given).all()

    def test_nothing_half_written_or_damaged_is_read(self, tmp_path: Path) -> None:
        album = Album(tmp_path)
        assert (album.epochs("look"), album.scene(), album.look(1)) == ([], None, None)
        album.save_look(look(1))
        path = album.folder / "look-000001.safetensors"
        path.write_bytes(path.read_bytes()[:40])
        (album.folder / "scene.safetensors").write_bytes(b"nothing")
        (album.folder / ".look-000002.part").write_bytes(b"half")
        assert album.look(1) is None
        assert album.scene() is None
        assert album.epochs("look") == [1]

    def test_going_on_from_an_epoch_drops_what_came_after_it(self, tmp_path: Path) -> None:
        album = Album(tmp_path)
        for epoch in range(6):
            album.save_look(look(epoch))
            album.save("checkpoint", epoch, {"a": np.zeros(1)}, {})
        album.cut_back(3)
        assert album.epochs("look") == album.epochs("checkpoint") == [0, 1, 2, 3]

    def test_what_all_files_take_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(MOST_BYTES, "checkpoint", 3_500)
        album = Album(tmp_path)
        for epoch in range(9):
            album.save("checkpoint", epoch, {"a": np.zeros(100)}, {})  # 800 bytes and a header each
        assert 1 <= len(album.epochs("checkpoint")) <= 4
        assert album.epochs("checkpoint")[-1] == 8


class TestWatched:
    def test_a_look_that_was_written_anew_is_read_anew(self, tmp_path: Path) -> None:
        album, watched = Album(tmp_path), Watched(tmp_path)
        album.save_look(look(1, fill=7))
        first = watched.looks()[1]
        assert watched.looks()[1] is first
        album.save_look(look(1, fill=9))
        assert watched.looks()[1].blocks[0][0, 0] == 9

    def test_the_model_of_an_epoch_is_the_newest_up_to_it(self, tmp_path: Path, scene: Scene) -> None:
        album, watched = Album(tmp_path), Watched(tmp_path)
        assert watched.model_at(9) is None
        album.save_scene(scene)
        for epoch in (2, 5):
            album.save(
                "model", epoch, NO_WEIGHTS | {"codes": np.full(1, epoch, np.float16)}, {"residual_variance": 1.0}
            )
        assert watched.model_at(1) is None
        assert watched.model_at(4) == (2, album.age("model", 2))
        found = watched.model(2)
        assert found is not None
        assert found.codes[0] == 2.0
        assert watched.model(3) is None  # it has made room meanwhile

    def test_a_model_is_not_held_once_nobody_has_it(self, tmp_path: Path, scene: Scene) -> None:
        album, watched = Album(tmp_path), Watched(tmp_path)
        album.save_scene(scene)
        album.save("model", 2, NO_WEIGHTS, {"residual_variance": 1.0})
        found = weakref.ref(watched.model(2))  # type: ignore[arg-type]
        assert found() is None
