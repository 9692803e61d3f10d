"""`predict` on the rows of a table."""

import keras
import numpy as np
import pytest

import suite
from suite.answers import columns
from suite.cli import main
from suite.deploy.runtime import load_artifact
from suite.runs.export_file import export_file

PRICES = "price;Fläche (m²);class;note\n1;100,5;3;big\n2;80;2;small\n3;;2;no area\n4;1.020;1;\n"


def linear(outputs, activation=None):
    """Takes an area and a number of rooms, under the names that an export gives such columns."""
    area, rooms = keras.Input((1,), name="Flache_m2"), keras.Input((1,), name="class_")
    layer = keras.layers.Dense(outputs, activation, name="probabilities" if activation else "price")
    model = keras.Model([area, rooms], layer(keras.layers.Concatenate()([area, rooms])))
    kernel = np.float32([[3, -3], [1, -1]])[:, :outputs]
    layer.set_weights([kernel, np.zeros(outputs, np.float32)])
    return model


@pytest.fixture
def prices(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(PRICES)
    return path


@pytest.fixture
def reader(tmp_path):
    """How a model answers that is not in a bundle."""

    def read(model):
        model.save(tmp_path / "model.keras")
        return columns.table(load_artifact(tmp_path / "model.keras"))

    return read


def test_each_row_has_an_estimate(prices, tmp_path, capsys):
    linear(1).save(tmp_path / "model.keras")
    folder = export_file(
        tmp_path / "model.keras", tmp_path / "bundle", task="regressor", precisions="float32"
    )
    capsys.readouterr()
    for name in ("model.keras", "saved_model", "model.onnx", "model.tflite"):
        (row,) = suite.predict(folder / name, prices)
        assert row["file"] == str(prices)
        assert [each["row"] for each in row["rows"]] == ["prices.csv:2", "prices.csv:3", "prices.csv:5"]
        assert [each["price"] for each in row["rows"]] == pytest.approx([304.5, 242, 3061], rel=1e-4)
    assert capsys.readouterr().err.count("1 row without a number in each column, first prices.csv:4") == 4
    assert main.execute(["predict", str(folder), str(prices)]) == 0
    said = capsys.readouterr()
    assert "3 rows\n  prices.csv:2: price 304.5\n" in said.out and "next: suite benchmark" in said.out


def test_each_row_has_a_class(prices, reader, tmp_path):
    (tmp_path / "labels.txt").write_text("dear\ncheap\n")
    said = reader(linear(2, "softmax"))(str(prices), 1).to_json()
    assert [each["classes"][0]["class"] for each in said["rows"]] == ["dear"] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rooms;class\n1;2\n", "a column for each input of the model in .*, received none named Flache_m2"),
        (
            "Fläche (m²),class\n,2\nbig,2\n",
            "a row with a number in each of Flache_m2, class_ in .*, received",
        ),
    ],
)
def test_a_table_without_what_the_model_takes(text, message, reader, tmp_path):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(ValueError, match=f"^expected {message}"):
        reader(linear(1))(str(tmp_path / "rows.csv"), 1)


def test_a_regressor_of_vectors_is_not_asked_of_tables(reader):
    inputs = keras.Input((3,), name="x")
    with pytest.raises(
        ValueError, match="^expected a model that takes a number of each column, .* takes x: fl"
    ):
        reader(keras.Model(inputs, keras.layers.Dense(1)(inputs)))
