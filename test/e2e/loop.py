#!/usr/bin/env python3
"""A loop in one process gives what as many processes give, of which each is given what the one before gave.

    loop.py RLX_RUN MODEL.mir FOLDER

MODEL.mir has the inputs past_key, past_value: f32[b, 2, p, 4], x: f32[b, 2, n, 4] and count: f32[], and outputs for
all but x. Ends with 1 where an output of the last step differs by a bit. Needs nothing but Python's own library.
"""
import array
import pathlib
import struct
import subprocess
import sys
import zipfile

STEPS = 25


def npy(shape, values):
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + array.array("f", values).tobytes()


def write(path, arrays):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in arrays.items():
            archive.writestr(name + ".npy", data)


def read(path):
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}


def ramp(shape, scale):
    count = 1
    for extent in shape:
        count *= extent
    return npy(shape, [scale * ((7 * i) % 11 - 5) for i in range(count)])


def main():
    tool, model, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    folder.mkdir(exist_ok=True)
    inputs, first, outputs = folder / "in.npz", folder / "first.npz", folder / "out.npz"
    run = [tool, "run", model, "--on-miss=template", "--cache-dir", str(folder / "cache"), "--outputs", str(outputs)]
    x = ramp((3, 2, 2, 4), 0.25)
    write(first, {"x": x, "count": npy((), [0.5]), "past_key": ramp((3, 2, 5, 4), 0.5),
                  "past_value": ramp((3, 2, 5, 4), 0.125)})
    inputs.write_bytes(first.read_bytes())
    for _ in range(STEPS):
        subprocess.run([*run, "--inputs", str(inputs)], check=True, stdout=subprocess.DEVNULL)
        got = read(outputs)
        write(inputs, {"x": x, "count": got["counted"], "past_key": got["present_key"],
                       "past_value": got["present_value"]})
    loop = ["--feed", "present_*=past_*", "--feed", "counted=count", "--steps", str(STEPS)]
    for way in (["--threads", "1"], ["--threads", "2"], ["--threads", "2", "--check-memory"]):
        subprocess.run([*run, "--inputs", str(first), *loop, *way], check=True, stdout=subprocess.DEVNULL)
        different = [name for name, data in read(outputs).items() if data != got[name]]
        if different:
            sys.exit(f"after {STEPS} steps {', '.join(different)} differ with {' '.join(way)}")
    # What is not given begins empty.
    nothing, left_out = folder / "nothing.npz", folder / "left_out.npz"
    write(left_out, {"x": x, "count": npy((), [0.5])})
    write(nothing, {"x": x, "count": npy((), [0.5]), "past_key": ramp((3, 2, 0, 4), 1), "past_value": ramp((3, 2, 0, 4), 1)})
    results = []
    for inputs in (nothing, left_out):
        subprocess.run([*run, "--inputs", str(inputs), *loop], check=True, stdout=subprocess.DEVNULL)
        results.append(read(outputs))
    if results[0] != results[1]:
        sys.exit("a state that is not given does not begin empty")


if __name__ == "__main__":
    main()
