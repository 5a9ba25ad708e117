"""The models that gpu.py times: as torch modules with seeded weights, and as ONNX files with the same weights.

Needs torch, torchvision, numpy and onnx; nothing is downloaded.
"""
import pathlib

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper

SEED = 20260


class Bert(torch.nn.Module):
    """BERT's encoder with its embeddings: what it says of each token, and of the first."""

    def __init__(self, width=768, layers=12, heads=12, words=30522, positions=512):
        super().__init__()
        self.heads = heads
        self.word, self.place = torch.nn.Embedding(words, width), torch.nn.Embedding(positions, width)
        self.kind, self.norm = torch.nn.Embedding(2, width), torch.nn.LayerNorm(width, 1e-12)
        self.layers = torch.nn.ModuleList(BertLayer(width, heads) for _ in range(layers))
        self.pool = torch.nn.Linear(width, width)

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.norm(self.word(input_ids) + self.place(places) + self.kind(token_type_ids))
        # What is not to be seen is far below all else.
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pool(x[:, 0]))


class BertLayer(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.o = (torch.nn.Linear(width, width) for _ in range(4))
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)
        self.after_attention, self.after_mlp = torch.nn.LayerNorm(width, 1e-12), torch.nn.LayerNorm(width, 1e-12)

    def forward(self, x, mask):
        b, s, w = x.shape
        q, k, v = (f(x).view(b, s, self.heads, w // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.after_attention(x + self.o(a.transpose(1, 2).reshape(b, s, w)))
        return self.after_mlp(x + self.down(F.gelu(self.up(x))))


class Llama(torch.nn.Module):
    """A step of one token: what is past lies in buffers of one position more, which the step writes."""

    def __init__(self, width=2048, layers=16, heads=32, kept_heads=8, inner=8192, words=128256):
        super().__init__()
        self.width, self.count, self.heads, self.kept, self.inner = width, layers, heads, kept_heads, inner
        self.words, self.size = words, width // heads
        # So that logits are of the order of 1.
        self.embedding = torch.nn.Parameter(torch.randn(words, width) * width ** -0.5)
        self.layers = torch.nn.ParameterList(torch.nn.ParameterDict(self.layer()) for _ in range(layers))
        self.norm = torch.nn.Parameter(torch.ones(width))
        self.register_buffer("frequencies", frequencies(self.size), persistent=False)

    @staticmethod
    def drawn(*shape):
        return torch.randn(shape) * shape[-2] ** -0.5

    def layer(self):
        w, kept = self.width, self.kept * self.size
        return {"before_attention": torch.ones(w), "q": self.drawn(w, w), "k": self.drawn(w, kept), "v": self.drawn(w, kept),
                "o": self.drawn(w, w), "before_mlp": torch.ones(w), "gate": self.drawn(w, self.inner),
                "up": self.drawn(w, self.inner), "down": self.drawn(self.inner, w)}

    @staticmethod
    def rms(x, weight):
        y = x.float()
        return (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * weight

    def turned(self, x, cos, sin):
        y = x.float()
        first, second = y.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1).to(x.dtype)

    def forward(self, ids, keys, values):
        """ids [b, 1]; keys and values, each by layer [b, kept heads, past + 1, size], of which the last is written."""
        b, past = ids.shape[0], keys[0].shape[2] - 1
        angle = past * self.frequencies
        cos, sin = angle.cos(), angle.sin()
        x = F.embedding(ids, self.embedding)
        for layer, k, v in zip(self.layers, keys, values):
            y = self.rms(x, layer["before_attention"])
            q = self.turned((y @ layer["q"]).view(b, self.kept, self.heads // self.kept, self.size), cos, sin)
            k[:, :, past:] = self.turned((y @ layer["k"]).view(b, self.kept, 1, self.size), cos, sin)
            v[:, :, past:] = (y @ layer["v"]).view(b, self.kept, 1, self.size)
            # Heads of a group ask the same keys: as many queries of one head.
            x = x + F.scaled_dot_product_attention(q, k, v).reshape(b, 1, self.width) @ layer["o"]
            y = self.rms(x, layer["before_mlp"])
            x = x + (F.silu(y @ layer["gate"]) * (y @ layer["up"])) @ layer["down"]
        return self.rms(x, self.norm) @ self.embedding.t()


class Cast(torch.nn.Module):
    """A model whose floats are of another type inside, as --precision=bf16 has it: both ends are the caller's."""

    def __init__(self, module, dtype):
        super().__init__()
        self.module, self.dtype = module, dtype

    def forward(self, *given):
        out = self.module(*(t.to(self.dtype) if t.is_floating_point() else t for t in given))
        return out.float() if torch.is_tensor(out) else tuple(t.float() for t in out)


def frequencies(size, base=500000.0):
    return base ** (-torch.arange(0, size, 2).float() / size)


def make(name, **sizes):
    """The module, on the CPU, in fp32."""
    torch.manual_seed(SEED)
    if name == "bert_base":
        return Bert(**sizes).eval()
    if name == "llama_1b":
        return Llama(**sizes).eval()
    import torchvision
    made = {"resnet50": torchvision.models.resnet50, "vit_b_16": torchvision.models.vit_b_16}[name](weights=None, **sizes)
    # A head of zeros, as it is made for training, would say nothing.
    for p in made.parameters():
        if p.dim() == 2 and not p.any():
            torch.nn.init.normal_(p, std=0.02)
    return made.eval()


def inputs_of(name, batch):
    """Arrays by name."""
    rng = np.random.default_rng(SEED)
    if name == "bert_base":
        shape = (batch, 128)
        return {"input_ids": rng.integers(0, 30000, shape), "attention_mask": np.ones(shape, np.int64),
                "token_type_ids": np.zeros(shape, np.int64)}
    return {"image": rng.standard_normal((batch, 3, 224, 224)).astype(np.float32)}


OUTPUTS = {"bert_base": ["last_hidden_state", "pooler_output"], "resnet50": ["logits"], "vit_b_16": ["logits"]}


def export(name, module, path):
    """An ONNX file of a module that takes any batch."""
    arrays = inputs_of(name, 2)
    names = OUTPUTS[name]
    # One operator of torch's own that ONNX has not.
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        torch.onnx.export(module, tuple(map(torch.from_numpy, arrays.values())), str(path), dynamo=False, opset_version=17,
                          input_names=list(arrays), output_names=names,
                          dynamic_axes={n: {0: "batch"} for n in [*arrays, *names]})
    torch.backends.mha.set_fastpath_enabled(True)


# ---- Llama as ONNX, in bf16 ----------------------------------------------------------------------------


class Writer:
    """Nodes and weights, these in a file beside the model's."""

    def __init__(self, path):
        self.path, self.weights = path, open(path.with_suffix(".weights"), "wb")
        self.nodes, self.initializers, self.known = [], [], {}

    def __call__(self, op, *inputs, outputs=None, **attributes):
        out = outputs or [f"v{len(self.nodes)}"]
        self.nodes.append(helper.make_node(op, list(inputs), out, **attributes))
        return out[0]

    def weight(self, name, tensor):
        data = tensor.detach().to(torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes()
        made = TensorProto(name=name, data_type=TensorProto.BFLOAT16, dims=tensor.shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", self.path.with_suffix(".weights").name), ("offset", self.weights.tell()),
                           ("length", len(data))):
            made.external_data.add(key=key, value=str(value))
        self.weights.write(data)
        self.weights.write(bytes(-len(data) % 4096))
        self.initializers.append(made)
        return name

    def number(self, array):
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            self.known[key] = f"c{len(self.known)}"
            self.initializers.append(onnx.numpy_helper.from_array(array, self.known[key]))
        return self.known[key]

    def ints(self, *values):
        return self.number(np.array(values, np.int64))

    def cast(self, x, to):
        return self("Cast", x, to=to)

    def save(self, inputs, outputs):
        self.weights.close()
        graph = helper.make_graph(self.nodes, "llama", inputs, outputs, self.initializers)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(self.path))


def write_llama(module, path, batch):
    """ids and past_LAYER_key and _value to logits and present_LAYER_key and _value."""
    m, w = module, Writer(path)
    one, two = TensorProto.FLOAT, TensorProto.BFLOAT16

    def rms(x, weight):
        y = w.cast(x, one)
        mean = w("ReduceMean", w("Mul", y, y), w.ints(-1), keepdims=1)
        root = w("Sqrt", w("Add", mean, w.number(np.float32(1e-5))))
        return w("Mul", w.cast(w("Div", y, root), two), weight)

    def turned(x, cos, sin):
        y, half = w.cast(x, one), m.size // 2
        first = w("Slice", y, w.ints(0), w.ints(half), w.ints(-1))
        second = w("Slice", y, w.ints(half), w.ints(m.size), w.ints(-1))
        left = w("Sub", w("Mul", first, cos), w("Mul", second, sin))
        right = w("Add", w("Mul", second, cos), w("Mul", first, sin))
        return w.cast(w("Concat", left, right, axis=-1), two)

    def product(x, weight, *shape):
        y = w("MatMul", x, weight)
        return w("Reshape", y, w.ints(0, *shape)) if shape else y

    past = w("Gather", w("Shape", "past_0_key"), w.ints(2))
    angle = w("Mul", w.cast(past, one), w.number(m.frequencies.numpy()))
    cos, sin = w("Cos", angle), w("Sin", angle)
    table = w.weight("embedding", m.embedding)
    x = w("Gather", table, "ids")
    inputs, outputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, [batch, 1])], []
    scale = w.number(np.float32(m.size ** -0.5))
    for i, layer in enumerate(m.layers):
        at = {n: w.weight(f"layer_{i}.{n}", p) for n, p in layer.items()}
        y = rms(x, at["before_attention"])
        q = turned(product(y, at["q"], m.kept, m.heads // m.kept, m.size), cos, sin)
        k = turned(product(y, at["k"], m.kept, 1, m.size), cos, sin)
        v = product(y, at["v"], m.kept, 1, m.size)
        for what, new in (("key", k), ("value", v)):
            w("Concat", f"past_{i}_{what}", new, outputs=[f"present_{i}_{what}"], axis=2)
            inputs.append(helper.make_tensor_value_info(f"past_{i}_{what}", two, [batch, m.kept, "past", m.size]))
            outputs.append(helper.make_tensor_value_info(f"present_{i}_{what}", two, [batch, m.kept, "present", m.size]))
        scores = w("MatMul", q, w("Transpose", f"present_{i}_key", perm=[0, 1, 3, 2]))
        share = w("Softmax", w("Mul", w.cast(scores, one), scale), axis=-1)
        a = w("MatMul", w.cast(share, two), f"present_{i}_value")
        x = w("Add", x, w("MatMul", w("Reshape", a, w.ints(0, 1, m.width)), at["o"]))
        y = rms(x, at["before_mlp"])
        gate = product(y, at["gate"])
        x = w("Add", x, product(w("Mul", w("Mul", gate, w("Sigmoid", gate)), product(y, at["up"])), at["down"]))
    last = rms(x, w.weight("norm", m.norm))
    w("MatMul", last, w("Transpose", table, perm=[1, 0]), outputs=["logits"])
    logits = helper.make_tensor_value_info("logits", two, [batch, 1, m.words])
    w.save(inputs, [logits, *outputs])


def write(name, module, path, batch):
    """Of any batch, but for llama_1b: as loops run with open dims, what does not change is a number."""
    if name == "llama_1b":
        write_llama(module, pathlib.Path(path), batch)
    else:
        export(name, module, path)
