"""Models by name, the shapes that they are tried and timed with, inputs for them, and ONNX Runtime.

Needs numpy, onnx and onnxruntime.
"""

import pathlib

import numpy as np
import onnx


def image(batch=1, size=224):
    return {"image": (batch, 3, size, size)}


def text(batch, length):
    return dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), (batch, length))


def decoder(layers, heads, width, length, past):
    """A step of a language model with its keys and values of `past` tokens."""
    kept = {f"past_{i}_{what}": (1, heads, past, width) for i in range(layers) for what in ("key", "value")}
    return {"input_ids": (1, length), "position_ids": (1, length), "attention_mask": (1, length + past), **kept}


# What it is called: the file's stem, the shape of each input.
CASES = {
    "resnet50 b1": ("resnet50", image()),
    "mobilenet_v2 b1": ("mobilenet_v2", image()),
    "mobilenet_v3_large b1": ("mobilenet_v3_large", image()),
    "efficientnet_b0 b1": ("efficientnet_b0", image()),
    "vit_b_16 b1": ("vit_b_16", image()),
    "bert_base s128": ("bert_base", text(1, 128)),
    "minilm_l6 s32": ("minilm_l6", text(1, 32)),
    "minilm_l6 b8 s128": ("minilm_l6", text(8, 128)),
    "gpt2 step after 256": ("gpt2", decoder(12, 12, 64, 1, 256)),
    "gpt2 prompt of 128": ("gpt2", decoder(12, 12, 64, 128, 2)),
    "llama_135m step after 256": ("llama_135m", decoder(30, 3, 64, 1, 256)),
    "ppocr_det 640": ("ch_PP-OCRv4_det_infer", {"x": (1, 3, 640, 640)}),
    "ppocr_rec 320": ("ch_PP-OCRv4_rec_infer", {"x": (1, 3, 48, 320)}),
    "ppocr_cls": ("ch_ppocr_mobile_v2.0_cls_infer", {"x": (1, 3, 48, 192)}),
    "magika b1": ("magika", {"bytes": (1, 2048)}),
    "silero_vad": ("silero_vad_op18_ifless", {"input": (1, 576), "sr": (), "state": (2, 1, 128)}),
}


# The forms of one detector of speech, its own package's and the one in openWakeWord.
SPEECH = {"input": (1, 576), "state": (2, 1, 128)}
CASES |= {
    "silero_vad 8k and 16k": ("silero_vad", {**SPEECH, "sr": ()}),
    "silero_vad op15": ("silero_vad_16k_op15", {**SPEECH, "sr": ()}),
    "silero_vad half": ("silero_vad_half", SPEECH),
    "silero_vad openvino": ("silero_vad_openvino_16k", SPEECH),
    "silero_vad sequence": ("silero_vad_16k_sequence", {"input": (5, 576), "h": (1, 1, 128), "c": (1, 1, 128)}),
    "silero_vad v4": ("oww_silero_vad", {"input": (1, 1536), "sr": (), "h": (2, 1, 64), "c": (2, 1, 64)}),
}
# What has to be bound besides the inputs' dims: a branch is left of an If whose branches have different ranks.
BOUND = {"silero_vad 8k and 16k": ("--dim", "sr.0=16000")}
# openWakeWord: sound to spectrogram, to embedding, to words.
CASES |= {f"openWakeWord {name}": (f"oww_{name}", shapes) for name, shapes in {
    "melspectrogram": {"input": (1, 1760)},
    "embedding_model": {"input_1": (1, 76, 32, 1)},
    "alexa_v0.1": {"onnx::Flatten_0": (1, 16, 96)},
    "hey_jarvis_v0.1": {"x.1": (1, 16, 96)},
    "hey_marvin_v0.1": {"onnx::Flatten_0": (1, 16, 96)},
    "hey_mycroft_v0.1": {"input_1": (1, 16, 96)},
    "timer_v0.1": {"onnx::Flatten_0": (1, 34, 96)},
    "weather_v0.1": {"onnx::Flatten_0": (1, 22, 96)},
}.items()}
# Whether a speaker has ended: a transformer of 8 bits, quantised and dequantised between its layers.
CASES["smart_turn b1"] = ("smart-turn-v3.2-cpu", {"input_features": (1, 80, 800)})
# How far outputs may be from what is wanted where a model rounds between its layers, as a sum in another order puts what
# is near a half on the other side: two steps of the last rounding, which goes through a sigmoid of slope 1/4 at most.
ROUNDED = {"smart_turn b1": 2 * 0.0394 / 4}


def shape_options(shapes):
    """Options of the tools that say the shapes of inputs."""
    return [word for name, shape in shapes.items()
            for word in ("--shape", f"{name}={','.join(map(str, shape)) or '[]'}")]


def chosen_cases(folders, words):
    """Cases whose model is there, with one of the words in their names; without words all."""
    for label, (name, shapes) in CASES.items():
        if words and not any(word in label for word in words):
            continue
        if model := find_model(name, folders):
            yield label, model, shapes


def find_model(name, folders):
    """The first NAME.onnx of the folders, or None."""
    paths = (pathlib.Path(folder, f"{name}.onnx") for folder in folders)
    return next((path for path in paths if path.exists()), None)


def values_of(name, dtype, shape, shapes, rng):
    """Values that make sense for an input of that name."""
    if "mask" in name:
        values = np.ones(shape)
        if len(shape) == 2 and shape[1] > 8 and "position_ids" not in shapes:
            # The last tokens of a text are padding.
            values[:, -3:] = 0
        return values
    if name == "position_ids":
        first = next(other[2] for past, other in shapes.items() if past.startswith("past_"))
        return np.broadcast_to(np.arange(first, first + shape[1]), shape)
    if name == "sr":
        return np.asarray(16000)
    if np.issubdtype(dtype, np.integer):
        return rng.integers(0, 2 if "type" in name else 250, shape)
    return rng.standard_normal(shape)


def inputs_of(path, shapes, seed=0):
    """Arrays for the inputs that `shapes` names."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for info in onnx.load(path, load_external_data=False).graph.input:
        if info.name in shapes:
            dtype = onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
            values = values_of(info.name, dtype, shapes[info.name], shapes, rng)
            arrays[info.name] = np.asarray(values).astype(dtype)
    return arrays


def reference_session(path, threads=1):
    """ONNX Runtime on the CPU: a function from inputs to outputs by name."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs)))


def worst_error(want, got):
    """The largest |got - want| / max(1, max |want|) over all outputs; NaN where one is missing, has
    another shape or type, or has NaN or infinity in another place."""
    worst = 0.0
    for name, wanted in want.items():
        if name not in got or got[name].shape != wanted.shape or got[name].dtype != wanted.dtype:
            return float("nan")
        w, g = wanted.astype(np.float64), got[name].astype(np.float64)
        finite = np.isfinite(w)
        if not np.array_equal(w[~finite], g[~finite], equal_nan=True) or not np.isfinite(g[finite]).all():
            return float("nan")
        if finite.any():
            scale = max(1.0, np.abs(w[finite]).max())
            worst = max(worst, float(np.abs(g[finite] - w[finite]).max() / scale))
    return worst
