#!/usr/bin/env python3
"""Counts how many rows of scores have their maximum at the right label.

    accuracy.py OUT.npz LABELS.npy [--min=0.95]

Prints the accuracy of the first array in OUT.npz and fails if it is below the minimum.
Needs nothing but Python's own library, so that a bare machine can run it.
"""

import argparse
import array
import ast
import io
import math
import struct
import sys
import zipfile

TYPES = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q", "|u1": "B", "|i1": "b"}


def read_npy(file):
    """The shape and the flat values of a .npy file (format 1 to 3)."""
    if file.read(6) != b"\x93NUMPY":
        raise ValueError("not a .npy file")
    version = file.read(2)[0]
    size_format = "<H" if version == 1 else "<I"
    (size,) = struct.unpack(size_format, file.read(struct.calcsize(size_format)))
    header = ast.literal_eval(file.read(size).decode())
    if header["fortran_order"]:
        raise ValueError("rows are not contiguous")
    values = array.array(TYPES[header["descr"]], file.read())
    if len(values) != math.prod(header["shape"]):
        raise ValueError("the data does not fill the shape")
    return header["shape"], values


def read_first(path):
    """The only array of a .npy file, or the first one of a .npz file."""
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            return read_npy(file)
    with zipfile.ZipFile(path) as archive:
        return read_npy(io.BytesIO(archive.read(archive.namelist()[0])))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores")
    parser.add_argument("labels")
    parser.add_argument("--min", type=float, default=0.95)
    arguments = parser.parse_args()

    (rows, classes), scores = read_first(arguments.scores)
    (count,), labels = read_first(arguments.labels)
    if rows != count or any(math.isnan(score) for score in scores):
        sys.exit(f"accuracy: {rows} rows of scores for {count} labels, or scores that are no numbers")

    right = 0
    for row, label in enumerate(labels):
        of_row = scores[row * classes : (row + 1) * classes]
        right += of_row.index(max(of_row)) == label
    print(f"accuracy: {right} of {count} held-out samples right, {right / count:.1%}")
    if right < arguments.min * count:
        sys.exit(f"accuracy: below {arguments.min:.0%}")


if __name__ == "__main__":
    main()
