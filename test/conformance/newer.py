"""ONNX's operator cases of a newer release than the system's, made by the Python package.

    newer.py DIR

Writes each case of ONNX's own operators whose operator set rlx reads into DIR, as libonnx-testdata has them.
"""
import pathlib
import sys
import warnings

LAST_SET = 25


def is_read(case):
    return all(entry.domain == "" and entry.version <= LAST_SET for entry in case.model.opset_import)


def write(case, folder):
    sets = folder / "test_data_set_0"
    sets.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    for kind, infos, values in (("input", case.model.graph.input, case.data_sets[0][0]),
                                ("output", case.model.graph.output, case.data_sets[0][1])):
        for number, (info, value) in enumerate(zip(infos, values)):
            (sets / f"{kind}_{number}.pb").write_bytes(message_of(info, value).SerializeToString())


def message_of(info, value):
    from onnx import TensorProto, numpy_helper
    if isinstance(value, TensorProto):
        return value
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name)
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name)
    return numpy_helper.from_array(value, info.name)


def write_all(to):
    with warnings.catch_warnings():
        # Of overflows that the cases are about.
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases
        cases = [case for case in collect_testcases(None) if case.model and is_read(case)]
    for case in cases:
        write(case, to / case.name)
    return len(cases)


if __name__ == "__main__":
    print(write_all(pathlib.Path(sys.argv[1])))
