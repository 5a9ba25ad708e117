"""compare_ort.py MODEL FOLDER OUTPUTS.npz: exit 9 where onnxruntime gives other outputs for the inputs of a case's folder,
3 where it gives none; in a process of its own, since it may crash. Says which output, and by how much."""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime


def inputs_of(session, folder):
    """By their places, as the folder numbers them."""
    arrays = {}
    for number, info in enumerate(session.get_inputs()):
        tensor = onnx.TensorProto.FromString((folder / f"input_{number}.pb").read_bytes())
        arrays[info.name] = onnx.numpy_helper.to_array(tensor)
    return arrays


def worst(want, got):
    """Of the largest finite value wanted; infinite where shapes or what is not finite differ."""
    if want.shape != got.shape or want.dtype != got.dtype:
        return np.inf
    want, got = want.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(want)
    if not np.array_equal(finite, np.isfinite(got)):
        return np.inf
    scale = max(np.abs(want[finite]).max(initial=0), 1e-3)
    return np.abs(want[finite] - got[finite]).max(initial=0) / scale


def main():
    model, folder, outputs = sys.argv[1:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        names = [info.name for info in session.get_outputs()]
        wanted = dict(zip(names, session.run(names, inputs_of(session, pathlib.Path(folder)))))
    except Exception:  # whatever it is that it does not take
        return 3
    given = np.load(outputs)
    for name, want in wanted.items():
        if isinstance(want, np.ndarray) and want.dtype != object and (off := worst(want, given[name])) > 1e-2:
            print(f"{name} is off by {off:.3g} of its scale")
            return 9
    return 0


if __name__ == "__main__":
    sys.exit(main())
