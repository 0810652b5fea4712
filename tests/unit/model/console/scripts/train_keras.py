"""A small network on made rows with Keras' own `fit`, once with its bar and once with a line for each epoch."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

keras.utils.set_random_seed(0)
chance = np.random.default_rng(0)
rows = chance.normal(size=(3_000, 20)).astype("float32")
labels = (np.abs(rows[:, 0]) + rows[:, 1] > 0.8).astype("float32")


def model():
    made = keras.Sequential([keras.Input((20,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(1, "sigmoid")])
    made.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return made


first = model()
first.fit(rows, labels, epochs=3, batch_size=32, validation_split=0.2)
print(first.evaluate(rows[:500], labels[:500]))
model().fit(rows, labels, epochs=3, batch_size=64, validation_split=0.2, verbose=2)
