"""Runs models through onnxruntime for random_graphs.

Reads from stdin, again and again: the model's length in 8 bytes, the model, the inputs' length, the inputs
as .npz. Answers on stdout: 0 or 1 in one byte, a length in 8 bytes, and the outputs as .npz, or why not.
"""
import io
import struct
import sys

import numpy as np
import onnxruntime as ort

options = ort.SessionOptions()
# As the file has it: what is compared is the operators' meaning.
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
options.log_severity_level = 4
ort.set_default_logger_severity(4)


def read(n):
    data = sys.stdin.buffer.read(n)
    if len(data) < n:
        sys.exit(0)
    return data


def read_block():
    return read(struct.unpack("<Q", read(8))[0])


def answer(status, data):
    sys.stdout.buffer.write(struct.pack("<BQ", status, len(data)) + data)
    sys.stdout.buffer.flush()


def outputs_of(model, inputs):
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    arrays = dict(np.load(io.BytesIO(inputs))) if inputs else {}
    feed = {name: array for name, array in arrays.items() if name in wanted}
    names = [o.name for o in session.get_outputs()]
    # With positions, since a name need not be a file's.
    results = session.run(names, feed)
    out = io.BytesIO()
    np.savez(out, **{f"o{i}": np.asarray(r) for i, r in enumerate(results)})
    return out.getvalue()


while True:
    model, inputs = read_block(), read_block()
    try:
        answer(0, outputs_of(model, inputs))
    except Exception as error:  # whatever it is, it is the answer
        answer(1, str(error).replace("\n", " ")[:400].encode())
