"""The live panels as values: what the browser is told, and what the pictures draw."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from test_snapshots import look

from autorec_core.events import HyperparametersChanged
from autorec_core.hyperparameters import Hyperparameters
from autorec_core.ratings import Ratings
from autorec_core.runs import RunConfig, RunStore
from autorec_core.snapshots import Scene, blocks_of
from autorec_core.splits import random_split
from autorec_core.training import CHANGEABLE
from pages.shared import inside, matrix, palette, transport


@pytest.fixture
def scene(toy: Ratings) -> Scene:
    split = random_split(toy, seed=0)
    return Scene(
        scale=toy.scale,
        hyperparameters=Hyperparameters(hidden_units=5),
        items=toy.items,
        user_ids=toy.user_ids,
        offsets=np.zeros(5, dtype=np.float32),
        item_means=np.full(5, 3.0, dtype=np.float32),
        item_counts=split.train.by_item.counts,
        global_mean=3.0,
        blocks=blocks_of(split),
    )


class TestMatrix:
    def test_each_cell_is_a_byte_and_titles_are_written_as_people_do(self, scene: Scene) -> None:
        told = matrix.as_json("run", scene, scene.blocks[0])
        cells = len(told["rows"]) * len(told["columns"])
        assert len(base64.b64decode(told["given"])) == len(base64.b64decode(told["parts"])) == cells
        assert "Toy Story (1995)" in told["columns"]
        assert "The Matrix (1999)" in told["columns"]
        json.dumps(told)

    def test_colours_of_ratings_grow_lighter_in_even_steps(self) -> None:
        def lab(colour: str) -> np.ndarray:
            channels = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
            linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
            cones = np.array(
                [
                    [0.4122214708, 0.5363325363, 0.0514459929],
                    [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005],
                ]
            )
            to_lab = np.array(
                [
                    [0.2104542553, 0.7936177850, -0.0040720468],
                    [1.9779984951, -2.4285922050, 0.4505937099],
                    [0.0259040371, 0.7827717662, -0.8086757660],
                ]
            )
            return np.asarray(to_lab @ np.cbrt(cones @ linear))

        colours = np.array([lab(colour) for colour in palette.RATINGS])
        steps = np.linalg.norm(np.diff(colours, axis=0), axis=1)
        assert (np.diff(colours[:, 0]) > 0.05).all()  # eyes without a kind of cone still have lightness
        assert steps.max() / steps.min() < 1.25


class TestInside:
    def test_a_picture_keeps_its_text_while_its_numbers_change(self) -> None:
        for name in inside.SENTENCES:
            few, more = (inside.rows_of({epoch: look(epoch) for epoch in range(n)}, 99) for n in (0, 30))
            texts = []
            for rows in (few, more):
                made = inside.specification(name, rows[name], 30, "#fff")
                table = pa.ipc.open_stream(made.pop("datasets")[name]).read_all()
                assert set(table.column_names) == set(rows[name])
                texts.append(json.dumps(made))
            assert texts[0] == texts[1]

    def test_only_what_came_up_to_the_shown_epoch_is_drawn_and_never_too_much(self) -> None:
        looks = {epoch: look(epoch) for epoch in range(90)}
        assert inside.rows_of(looks, 4)["units"]["epoch"].tolist() == [0, 1, 2, 3, 4]
        drawn = inside.rows_of(looks, 89)["units"]["epoch"]
        assert len(drawn) == inside.MOST_POINTS
        assert (drawn[0], drawn[-1]) == (0, 89)

    def test_units_are_told_as_shares(self) -> None:
        rows = inside.rows_of({0: look(0)}, 0)["units"]
        assert (rows["dead"][0], rows["saturated"][0]) == (20.0, 40.0)


class TestTransport:
    def test_what_can_be_changed_is_what_a_training_lets_change(self) -> None:
        assert set(transport.CHANGEABLE) == CHANGEABLE

    def test_changes_add_up(self, tmp_path: Path) -> None:
        run = RunStore(tmp_path).create(RunConfig())
        changes = [
            HyperparametersChanged(epoch=1, changes={"learning_rate": 0.5, "regularization": 3.0}),
            HyperparametersChanged(epoch=4, changes={"learning_rate": 0.25}),
        ]
        now = transport.now(run, changes)
        assert (now.learning_rate, now.regularization) == (0.25, 3.0)
        assert transport.now(run, []) == run.config.hyperparameters

    def test_a_restart_begins_as_the_run_began(self) -> None:
        config = RunConfig(seed=7, kind="starter", fork_of="a run", fork_epoch=3)
        made = transport.anew(config, "me")
        assert (made.seed, made.hyperparameters, made.owner) == (7, config.hyperparameters, "me")
        assert (made.kind, made.fork_of, made.fork_epoch) == ("visitor", None, 0)
