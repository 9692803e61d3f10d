"""What an app does with MlpKeras, in Python: `python example.py photo.jpg` prints its answer as JSON.

Needs ai-edge-litert, numpy, pillow and the files beside this folder.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

FOLDER = Path(__file__).resolve().parents[1]


def load(path):
    """Takes and gives arrays by name; an example a call."""
    return Interpreter(str(path)).get_signature_runner("serving_default")


def lines(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


# Takes image: uint8 (1, 8, 8, 1),
# gives probabilities: float32 (1, 10).
run = load(FOLDER / "model_dynamic.tflite")
labels = lines(FOLDER / "labels.txt")


def pixels(path):
    """uint8 (1, 8, 8, 1) in [0, 255]: the whole picture, stretched; the model normalizes."""
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    picture = picture.resize((8, 8), Image.Resampling.BILINEAR)
    return np.asarray(picture.convert("L"), "uint8")[None, ..., None]


def best(probabilities):
    order = np.argsort(-probabilities, kind="stable")[:3]
    return [{"class": labels[index], "probability": float(probabilities[index])} for index in order]


def answer(argument):
    return {"classes": best(run(image=pixels(argument))["probabilities"][0])}


def teach(photos, label, rounds=5, learning_rate=0.1):
    """Trains `model_personal.tflite` on photos of one class; 10 and above are new ones.

    Returns the two arrays that an app keeps; they are put back with `restore`.
    """
    interpreter = Interpreter(str(FOLDER / "model_personal.tflite"))
    train, infer, weights, restore = map(
        interpreter.get_signature_runner, ("train", "infer", "weights", "restore")
    )
    for _ in range(rounds):
        for photo in photos:
            train(
                image=pixels(photo),
                label=np.array([label], np.int32),
                learning_rate=np.float32(learning_rate),
            )
    kept = weights()
    restore(**kept)
    return kept, [infer(image=pixels(photo))["probabilities"][0].tolist() for photo in photos]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--teach"]:
        print(json.dumps(teach(sys.argv[3:], int(sys.argv[2]))[1]))
        sys.exit()
    for each in sys.argv[1:]:
        print(json.dumps(answer(each), ensure_ascii=False))
