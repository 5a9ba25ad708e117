// The LIR as JSON: one item a line, keys in a fixed order, ids as they are in memory.
#include "lir/codes.h"
#include "lir/lir.h"

namespace rlx {
namespace {

constexpr std::string_view kSchema = "rlx.lir/2";

using Layout = JsonWriter::Layout;

std::string_view name(LirBuffer::Role role) {
  switch (role) {
    case LirBuffer::Role::kInput: return "input";
    case LirBuffer::Role::kOutput: return "output";
    case LirBuffer::Role::kTemporary: return "temporary";
    case LirBuffer::Role::kConstant: return "constant";
  }
  return "";
}

std::optional<LirBuffer::Role> role_named(std::string_view text) {
  using Role = LirBuffer::Role;
  for (Role r : {Role::kInput, Role::kOutput, Role::kTemporary, Role::kConstant}) {
    if (name(r) == text) return r;
  }
  return std::nullopt;
}

void write(JsonWriter& out, const Scalar& s) {
  out.begin_array();
  out.value(std::string(name(s.dtype)));
  if (is_float(s.dtype)) {
    out.value(s.f);
  } else {
    out.value(s.i);
  }
  out.end_array();
}

void write(JsonWriter& out, const Storage& s) {
  out.begin_object();
  out.key("dims");
  out.begin_array();
  for (const PhysicalDim& d : s.dims) {
    const int64_t triple[] = {d.axis, d.div, d.mod};
    out.values(std::span<const int64_t>(triple));
  }
  out.end_array();
  out.key("padding");
  out.begin_array();
  for (const AxisPadding& p : s.padding) {
    const int64_t triple[] = {p.lo, p.hi, p.multiple};
    out.values(std::span<const int64_t>(triple));
  }
  out.end_array();
  if (s.fill) {
    out.key("fill");
    write(out, *s.fill);
  }
  if (s.form != Form::kElements) out.member("form", std::string(name(s.form)));
  out.end_object();
}

void write(JsonWriter& out, const Fusion& f) {
  const int64_t pair[] = {f.writer.index, f.reader.index};
  out.values(std::span<const int64_t>(pair));
}

void write(JsonWriter& out, const Split& s) {
  out.begin_object();
  out.member("node", static_cast<int64_t>(s.node.index));
  out.key("accumulators");
  out.begin_array();
  for (const Accumulator& a : s.accumulators) {
    out.begin_object();
    out.member("value", static_cast<int64_t>(a.value.index));
    out.member("type", to_text(a.type));
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void write(JsonWriter& out, const Inside& i) {
  out.begin_object();
  out.member("container", static_cast<int64_t>(i.container));
  out.key("start");
  out.begin_array();
  for (const Dim& d : i.start) out.value(to_text(d));
  out.end_array();
  out.end_object();
}

void write(JsonWriter& out, const Placed& p) {
  out.begin_object();
  out.member("value", static_cast<int64_t>(p.value.index));
  out.member("copy", p.copy);
  out.member("buffer", static_cast<int64_t>(p.buffer));
  out.key("storage");
  write(out, p.storage);
  if (p.inside) {
    out.key("inside");
    write(out, *p.inside);
  }
  out.end_object();
}

void write(JsonWriter& out, const Group& g) {
  out.begin_object();
  out.member("name", g.name);
  Vec<int64_t> nodes, args(g.args.begin(), g.args.end());
  for (NodeId n : g.nodes) nodes.push_back(n.index);
  out.key("nodes");
  out.values(std::span<const int64_t>(nodes));
  out.key("args");
  out.values(std::span<const int64_t>(args));
  out.member("algorithm", g.choice.algorithm);
  out.key("tile");
  out.values(std::span<const int64_t>(g.choice.tile));
  if (!g.ends.empty()) {
    const Vec<int64_t> ends(g.ends.begin(), g.ends.end());
    out.key("ends");
    out.values(std::span<const int64_t>(ends));
  }
  out.end_object();
}

void write(JsonWriter& out, const LirBuffer& b) {
  out.begin_object();
  out.member("role", std::string(name(b.role)));
  out.member("dtype", std::string(name(b.dtype)));
  out.member("elements", to_text(b.elements));
  out.member("first", static_cast<int64_t>(b.first));
  out.member("last", static_cast<int64_t>(b.last));
  out.member("slot", static_cast<int64_t>(b.slot));
  if (b.fill) {
    out.key("fill");
    write(out, *b.fill);
  }
  if (b.role == LirBuffer::Role::kConstant) {
    out.member("packed", b.packed.hex());
    out.member("blob", b.blob.hex());
    out.member("offset", b.offset);
  }
  out.end_object();
}

void write(JsonWriter& out, const State& s) {
  out.begin_object();
  out.member("input", static_cast<int64_t>(s.input.index));
  out.member("output", static_cast<int64_t>(s.output.index));
  out.member("axis", static_cast<int64_t>(s.axis));
  out.member("input_capacity", s.input_capacity);
  out.member("output_capacity", s.output_capacity);
  out.end_object();
}

template <class T>
void write_list(JsonWriter& out, std::string_view key, const Vec<T>& items) {
  out.key(key);
  out.begin_array(Layout::kLines);
  for (const T& item : items) write(out, item);
  out.end_array();
}

Error malformed(const JsonReader& in, std::string_view what) {
  return Error(kBrokenLir, in.where() + ": " + std::string(what));
}

Result<int64_t> bounded(const JsonReader& in, int64_t lo, int64_t hi) {
  RLX_TRY(const int64_t v, in.integer());
  if (v < lo || v > hi) return malformed(in, "out of range");
  return v;
}

Result<int64_t> bounded(const JsonReader& in, std::string_view key, int64_t lo, int64_t hi) {
  RLX_TRY(const JsonReader member, in.get(key));
  return bounded(member, lo, hi);
}

Result<DType> read_dtype(const JsonReader& in) {
  RLX_TRY(const std::string text, in.string());
  std::optional<DType> t = dtype_named(text);
  if (!t) return malformed(in, "unknown element type " + text);
  return *t;
}

Result<Scalar> read_scalar(const JsonReader& in) {
  RLX_TRY(Vec<JsonReader> pair, in.items());
  if (pair.size() != 2) return malformed(in, "a scalar is a type and a value");
  RLX_TRY(const DType type, read_dtype(pair[0]));
  if (!is_float(type)) {
    RLX_TRY(const int64_t i, pair[1].integer());
    return Scalar::of_int(type, i);
  }
  RLX_TRY(const double f, pair[1].number());
  return Scalar::of(type, f);
}

Result<Vec<int64_t>> read_triple(const JsonReader& in) {
  RLX_TRY(Vec<int64_t> triple, in.integers());
  if (triple.size() != 3) return malformed(in, "three numbers are wanted");
  return triple;
}

template <class T, class F>
Result<Vec<T>> read_list(const JsonReader& in, std::string_view key, F read) {
  RLX_TRY(const JsonReader list, in.get(key));
  RLX_TRY(const Vec<JsonReader> items, list.items());
  Vec<T> out;
  for (const JsonReader& item : items) {
    RLX_TRY(T one, read(item));
    out.push_back(std::move(one));
  }
  return out;
}

constexpr int64_t kMaxRank = 64;
constexpr int64_t kMaxPadding = 1 << 20;

bool fits(int64_t v, int64_t lo, int64_t hi) { return lo <= v && v <= hi; }

Result<Storage> read_storage(const JsonReader& in) {
  Storage s;
  RLX_TRY(const JsonReader dims, in.get("dims"));
  RLX_TRY(const Vec<JsonReader> dim_items, dims.items());
  for (const JsonReader& item : dim_items) {
    RLX_TRY(Vec<int64_t> d, read_triple(item));
    if (!fits(d[0], 0, kMaxRank) || !fits(d[1], 1, kMaxPadding) || !fits(d[2], 0, kMaxPadding)) {
      return malformed(item, "out of range");
    }
    s.dims.push_back({static_cast<int>(d[0]), d[1], d[2]});
  }
  RLX_TRY(const JsonReader padding, in.get("padding"));
  RLX_TRY(const Vec<JsonReader> padding_items, padding.items());
  for (const JsonReader& item : padding_items) {
    RLX_TRY(Vec<int64_t> p, read_triple(item));
    if (!fits(p[0], 0, kMaxPadding) || !fits(p[1], 0, kMaxPadding) || !fits(p[2], 1, kMaxPadding)) {
      return malformed(item, "out of range");
    }
    s.padding.push_back({p[0], p[1], p[2]});
  }
  if (std::optional<JsonReader> fill = in.maybe("fill")) {
    RLX_TRY(s.fill, read_scalar(*fill));
  }
  if (std::optional<JsonReader> form = in.maybe("form")) {
    RLX_TRY(const std::string text, form->string());
    const std::optional<Form> known = form_named(text);
    if (!known) return malformed(in, "unknown form " + text);
    s.form = *known;
  }
  return s;
}

Result<Fusion> read_fusion(const JsonReader& in) {
  RLX_TRY(Vec<int64_t> pair, in.integers());
  if (pair.size() != 2 || !fits(pair[0], 0, INT32_MAX) || !fits(pair[1], 0, INT32_MAX)) {
    return malformed(in, "two nodes are wanted");
  }
  return Fusion{NodeId(static_cast<size_t>(pair[0])), NodeId(static_cast<size_t>(pair[1]))};
}

Result<Accumulator> read_accumulator(const JsonReader& in) {
  RLX_TRY(const int64_t value, bounded(in, "value", 0, INT32_MAX));
  RLX_TRY(const std::string text, in.string("type"));
  RLX_TRY(Type type, parse_type(text));
  if (!type.is_tensor()) return malformed(in, "a tensor is wanted");
  return Accumulator{ValueId(static_cast<size_t>(value)), std::move(type)};
}

Result<Split> read_split(const JsonReader& in) {
  Split s;
  RLX_TRY(const int64_t node, bounded(in, "node", 0, INT32_MAX));
  s.node = NodeId(static_cast<size_t>(node));
  RLX_TRY(s.accumulators, (read_list<Accumulator>(in, "accumulators", read_accumulator)));
  return s;
}

// The graph, with the values that the splits add to it.
Result<Graph> read_graph(const JsonReader& in, const Vec<Split>& splits,
                         const ConstantSource& source) {
  RLX_TRY(const JsonReader graph, in.get("graph"));
  RLX_TRY(Graph g, read_json(graph, source));
  for (const Split& s : splits) {
    if (s.node.index >= g.nodes.size()) return malformed(in, "a split of no node");
    for (const Accumulator& a : s.accumulators) {
      const bool free = a.value.index < g.values.size() && g[a.value].type == Type::unknown();
      if (!free) return malformed(in, "a split adds a value that is there");
    }
    add_accumulators(g, s);
  }
  return g;
}

Result<Inside> read_inside(const JsonReader& in) {
  Inside i;
  RLX_TRY(const int64_t container, bounded(in, "container", 0, INT32_MAX));
  RLX_TRY(const JsonReader start, in.get("start"));
  RLX_TRY(const Vec<JsonReader> items, start.items());
  for (const JsonReader& item : items) {
    RLX_TRY(const std::string text, item.string());
    RLX_TRY(Dim d, parse_dim(text));
    i.start.push_back(std::move(d));
  }
  i.container = static_cast<uint32_t>(container);
  return i;
}

Result<Placed> read_placed(const JsonReader& in) {
  Placed p;
  RLX_TRY(const int64_t value, bounded(in, "value", 0, INT32_MAX));
  RLX_TRY(const int64_t copy, bounded(in, "copy", 0, INT32_MAX));
  RLX_TRY(const int64_t buffer, bounded(in, "buffer", 0, INT32_MAX));
  RLX_TRY(const JsonReader storage, in.get("storage"));
  RLX_TRY(p.storage, read_storage(storage));
  p.value = ValueId(static_cast<size_t>(value));
  p.copy = static_cast<int>(copy);
  p.buffer = static_cast<uint32_t>(buffer);
  if (std::optional<JsonReader> inside = in.maybe("inside")) {
    RLX_TRY(p.inside, read_inside(*inside));
  }
  return p;
}

Result<Vec<uint32_t>> read_indexes(const JsonReader& in) {
  RLX_TRY(const Vec<int64_t> numbers, in.integers());
  Vec<uint32_t> indexes;
  for (const int64_t n : numbers) {
    if (!fits(n, 0, INT32_MAX)) return malformed(in, "out of range");
    indexes.push_back(static_cast<uint32_t>(n));
  }
  return indexes;
}

Result<Group> read_group(const JsonReader& in) {
  Group g;
  RLX_TRY(g.name, in.string("name"));
  RLX_TRY(const JsonReader nodes, in.get("nodes"));
  RLX_TRY(const Vec<uint32_t> node_ids, read_indexes(nodes));
  for (const uint32_t n : node_ids) g.nodes.emplace_back(size_t{n});
  RLX_TRY(const JsonReader args, in.get("args"));
  RLX_TRY(g.args, read_indexes(args));
  if (std::optional<JsonReader> ends = in.maybe("ends")) {
    RLX_TRY(g.ends, read_indexes(*ends));
  }
  RLX_TRY(g.choice.algorithm, in.string("algorithm"));
  RLX_TRY(const JsonReader tile, in.get("tile"));
  RLX_TRY(g.choice.tile, tile.integers());
  return g;
}

Result<Digest> read_digest(const JsonReader& in, std::string_view key) {
  RLX_TRY(const std::string text, in.string(key));
  std::optional<Digest> d = Digest::from_hex(text);
  if (!d) return malformed(in, "no digest: " + text);
  return *d;
}

Result<LirBuffer> read_buffer(const JsonReader& in) {
  LirBuffer b;
  RLX_TRY(const std::string role, in.string("role"));
  std::optional<LirBuffer::Role> known = role_named(role);
  if (!known) return malformed(in, "unknown role " + role);
  b.role = *known;
  RLX_TRY(const JsonReader dtype, in.get("dtype"));
  RLX_TRY(b.dtype, read_dtype(dtype));
  RLX_TRY(const std::string elements, in.string("elements"));
  RLX_TRY(b.elements, parse_dim(elements));
  RLX_TRY(const int64_t first, bounded(in, "first", 0, INT32_MAX));
  RLX_TRY(const int64_t last, bounded(in, "last", 0, INT32_MAX));
  RLX_TRY(const int64_t slot, bounded(in, "slot", -1, INT32_MAX));
  b.first = static_cast<uint32_t>(first);
  b.last = static_cast<uint32_t>(last);
  b.slot = static_cast<int32_t>(slot);
  if (std::optional<JsonReader> fill = in.maybe("fill")) {
    RLX_TRY(b.fill, read_scalar(*fill));
  }
  if (b.role != LirBuffer::Role::kConstant) return b;
  RLX_TRY(b.packed, read_digest(in, "packed"));
  RLX_TRY(b.blob, read_digest(in, "blob"));
  RLX_TRY(b.offset, bounded(in, "offset", 0, INT64_MAX));
  return b;
}

Result<State> read_state(const JsonReader& in) {
  State s;
  RLX_TRY(const int64_t input, bounded(in, "input", 0, INT32_MAX));
  RLX_TRY(const int64_t output, bounded(in, "output", 0, INT32_MAX));
  RLX_TRY(const int64_t axis, bounded(in, "axis", 0, kMaxRank));
  RLX_TRY(s.input_capacity, in.string("input_capacity"));
  RLX_TRY(s.output_capacity, in.string("output_capacity"));
  s.input = ValueId(static_cast<size_t>(input));
  s.output = ValueId(static_cast<size_t>(output));
  s.axis = static_cast<uint32_t>(axis);
  return s;
}

Result<Vec<std::pair<std::string, std::string>>> read_options(const JsonReader& in) {
  Vec<std::pair<std::string, std::string>> out;
  RLX_TRY(const JsonReader options, in.get("options"));
  const Vec<Json::Member>* members = options.json().object();
  if (!members) return malformed(options, "an object is wanted");
  for (const auto& [key, value] : *members) {
    if (!value.string()) return malformed(options, "options are strings");
    out.emplace_back(key, *value.string());
  }
  return out;
}

}  // namespace

std::string to_json(const Lir& lir) {
  JsonWriter out;
  out.begin_object(Layout::kLines);
  out.member("schema", kSchema);
  out.member("target", lir.target);
  out.key("options");
  out.begin_object();
  for (const auto& [key, value] : lir.options) out.member(key, value);
  out.end_object();
  out.key("graph");
  write_json(out, lir.graph);
  write_list(out, "fusions", lir.fusions);
  write_list(out, "splits", lir.splits);
  write_list(out, "groups", lir.groups);
  write_list(out, "placed", lir.placed);
  write_list(out, "buffers", lir.buffers);
  if (!lir.states.empty()) write_list(out, "states", lir.states);
  out.end_object();
  return out.take() + "\n";
}

Result<Lir> lir_from_json(std::string_view text, const StoredSource& source) {
  RLX_TRY(const Json json, Json::parse(text));
  const JsonReader in(json, "lir");
  RLX_TRY(const std::string schema, in.string("schema"));
  if (schema != kSchema) {
    return Error(kForeignLir, "lir: schema " + schema + " is not " + std::string(kSchema));
  }
  Lir lir;
  RLX_TRY(lir.target, in.string("target"));
  RLX_TRY(lir.options, read_options(in));
  RLX_TRY(lir.fusions, (read_list<Fusion>(in, "fusions", read_fusion)));
  RLX_TRY(lir.splits, (read_list<Split>(in, "splits", read_split)));
  RLX_TRY(lir.groups, (read_list<Group>(in, "groups", read_group)));
  RLX_TRY(lir.placed, (read_list<Placed>(in, "placed", read_placed)));
  RLX_TRY(lir.buffers, (read_list<LirBuffer>(in, "buffers", read_buffer)));
  if (in.maybe("states")) {
    RLX_TRY(lir.states, (read_list<State>(in, "states", read_state)));
  }
  // The graph is read twice where its constants' bytes are wanted: their shapes say how to unpack them.
  RLX_TRY(lir.graph, read_graph(in, lir.splits, {}));
  RLX_TRY_VOID(verify(lir));
  if (!source) return lir;
  std::map<Digest, StoredConstant> forms;
  for (const Placed& p : lir.placed) {
    const Constant* c = lir.graph.constant_of(p.value);
    if (c && p.storage.form == Form::kElements) {
      forms.emplace(c->digest, StoredConstant{*c, p.storage, lir.buffers[p.buffer].blob,
                                              lir.buffers[p.buffer].offset});
    }
  }
  auto by_digest = [&](const Digest& d, int64_t) -> Result<ConstantData> {
    auto it = forms.find(d);
    if (it == forms.end()) return Error(kNoConstant, "lir: no stored form of constant " + d.hex());
    return source(it->second);
  };
  RLX_TRY(lir.graph, read_graph(in, lir.splits, by_digest));
  return lir;
}

}  // namespace rlx
