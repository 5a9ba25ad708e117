#!/usr/bin/env python3
"""Trains a classifier of the digits with nothing but rlx-run: each step runs the compiled gradient.

    training.py RLX_RUN... MODEL.mir IMAGES.npz LABELS.npy FOLDER

Prints the loss before and after, and how many of the digits are right. Needs nothing but Python's own library.
"""
import array
import io
import math
import pathlib
import struct
import subprocess
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).parent / "digits"))
import accuracy  # noqa: E402

STEPS = 12
RATE = 1.0


def write_npz(path, arrays):
    with zipfile.ZipFile(path, "w") as archive:
        for name, (shape, values) in arrays.items():
            header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)}).encode()
            header += b" " * (-(len(header) + 11) % 64) + b"\n"
            data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
            archive.writestr(name + ".npy", data + array.array("f", values).tobytes())


def read_npz(path):
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): accuracy.read_npy(io.BytesIO(archive.read(name)))
                for name in archive.namelist()}


def main():
    *run, model, images, labels, folder = sys.argv[1:]
    shape, pixels = accuracy.read_first(images)
    count, label = shape[0], accuracy.read_first(labels)[1]
    truth = [float(label[i] == k) / count for i in range(count) for k in range(10)]
    weights = {"w": ([64, 10], [0.0] * 640), "b": ([10], [0.0] * 10)}
    given, made = pathlib.Path(folder) / "in.npz", pathlib.Path(folder) / "out.npz"
    losses = []
    for _ in range(STEPS):
        write_npz(given, {"x": (shape, pixels), "truth": ([count, 10], truth), **weights})
        subprocess.run([*run, "run", model, "--grad=loss:w,b", "-i", given, "-o", made],
                       check=True, stdout=subprocess.DEVNULL)
        out = read_npz(made)
        losses.append(out["loss"][1][0])
        for name, (extents, values) in weights.items():
            grad = out["grad_" + name][1]
            weights[name] = (extents, [v - RATE * g for v, g in zip(values, grad)])
    # All classes are as likely before the first step.
    if not math.isclose(losses[0], math.log(10), rel_tol=1e-5):
        sys.exit(f"training: the first loss is {losses[0]}, not ln 10")
    if any(b >= a for a, b in zip(losses, losses[1:])):
        sys.exit(f"training: the loss does not fall: {losses}")
    print(f"training: loss {losses[0]:.3f} to {losses[-1]:.3f}")


if __name__ == "__main__":
    main()
