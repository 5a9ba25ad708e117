#include "ir/graph.h"

#include <algorithm>
#include <cstring>

namespace rlx {

Origin merge(const Origin& a, const Origin& b) {
  Origin merged;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(merged));
  return merged;
}

ConstantData ConstantData::owned(std::string bytes) {
  auto keeper = std::make_shared<const std::string>(std::move(bytes));
  return {bytes_of(*keeper), keeper};
}

int64_t Constant::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

// ---- Adding -----------------------------------------------------------------------------------

ValueId Graph::add_value(Type type, std::string name, ValueDef def) {
  ValueId id(values.size());
  values.push_back({std::move(type), std::move(name), std::move(def)});
  return id;
}

ValueId Graph::add_input(Type type, std::string name) {
  return add_argument(kTop, std::move(type), std::move(name));
}

ValueId Graph::add_argument(RegionId region, Type type, std::string name) {
  Values& arguments = (*this)[region].arguments;
  ValueDef def{.kind = ValueDef::Kind::kArgument,
               .region = region,
               .index = static_cast<uint32_t>(arguments.size())};
  ValueId id = add_value(std::move(type), std::move(name), std::move(def));
  arguments.push_back(id);
  return id;
}

ValueId Graph::add_constant(Constant constant, std::string name) {
  auto [begin, end] = constant_values_.equal_range(constant.digest);
  for (auto it = begin; it != end; ++it) {
    const Constant* known = constant_of(it->second);
    if (known && known->digest == constant.digest && known->dtype == constant.dtype &&
        known->shape == constant.shape) {
      return it->second;
    }
  }
  Vec<Dim> shape(constant.shape.begin(), constant.shape.end());
  ValueDef def{.kind = ValueDef::Kind::kConstant, .constant = ConstantId(constants.size())};
  Type type = Type::tensor(constant.dtype, std::move(shape));
  ValueId id = add_value(std::move(type), std::move(name), std::move(def));
  constant_values_.emplace(constant.digest, id);
  constants.push_back(std::move(constant));
  return id;
}

void Graph::index_constants() {
  constant_values_.clear();
  for (size_t i = 0; i < values.size(); ++i) {
    if (const Constant* c = constant_of(ValueId(i))) {
      constant_values_.emplace(c->digest, ValueId(i));
    }
  }
}

ValueId Graph::add_dims(Vec<Dim> dims, int rank, std::string name) {
  RLX_CHECK(rank == 1 || (rank == 0 && dims.size() == 1), "dims are a vector or one scalar");
  Vec<Dim> shape;
  if (rank == 1) shape.emplace_back(static_cast<int64_t>(dims.size()));
  ValueDef def{.kind = ValueDef::Kind::kDims, .dims = std::move(dims)};
  return add_value(Type::tensor(DType::kI64, std::move(shape)), std::move(name), std::move(def));
}

NodeId Graph::add_node(RegionId region, Attrs attrs, Values inputs, Types outputs, Origin origin) {
  NodeId id(nodes.size());
  Values results;
  for (Type& type : outputs) {
    ValueDef def{.node = id, .index = static_cast<uint32_t>(results.size())};
    results.push_back(add_value(std::move(type), {}, std::move(def)));
  }
  nodes.push_back({.attrs = std::move(attrs),
                   .inputs = std::move(inputs),
                   .outputs = std::move(results),
                   .origin = std::move(origin)});
  (*this)[region].nodes.push_back(id);
  return id;
}

ValueId Graph::insert_output(NodeId n, size_t at, Type type) {
  const ValueId v = add_value(std::move(type), {}, {.node = n});
  Values& outputs = (*this)[n].outputs;
  outputs.insert(outputs.begin() + static_cast<ptrdiff_t>(at), v);
  for (size_t i = at; i < outputs.size(); ++i) {
    (*this)[outputs[i]].def.index = static_cast<uint32_t>(i);
  }
  return v;
}

RegionId Graph::add_region() {
  regions.emplace_back();
  return RegionId(regions.size() - 1);
}

// ---- Asking -----------------------------------------------------------------------------------

const Constant* Graph::constant_of(ValueId v) const {
  const ValueDef& def = (*this)[v].def;
  return def.kind == ValueDef::Kind::kConstant ? &(*this)[def.constant] : nullptr;
}

const Node* Graph::node_of(ValueId v) const {
  const ValueDef& def = (*this)[v].def;
  // A value that a reader could not make has no node either.
  const bool is_made = def.kind == ValueDef::Kind::kNode && def.node.valid();
  return is_made ? &(*this)[def.node] : nullptr;
}

Origin Graph::origin_of(ValueId v) const {
  const Node* node = node_of(v);
  return node ? node->origin : Origin{(*this)[v].name};
}

Symbol& Graph::symbol(std::string_view name) {
  if (Symbol* s = symbols.find(name)) return *s;
  symbols.push_back({.name = std::string(name)});
  return symbols.back();
}

RangeOf Graph::symbol_ranges() const {
  return [this](const Atom& a) -> DimRange {
    const Symbol* s = a.kind == Atom::Kind::kSymbol ? find_symbol(a.symbol) : nullptr;
    if (!s) return {};
    return {.lo = s->min, .hi = s->max};
  };
}

Vec<RegionId> Graph::live_regions() const {
  Vec<RegionId> live{kTop};
  for (size_t i = 0; i < live.size(); ++i) {
    for (const NodeId n : (*this)[live[i]].nodes) {
      const Node& node = (*this)[n];
      live.insert(live.end(), node.regions.begin(), node.regions.end());
    }
  }
  return live;
}

Vec<NodeId> Graph::region_owners() const {
  Vec<NodeId> owners(regions.size());
  for (const RegionId r : live_regions()) {
    for (const NodeId n : (*this)[r].nodes) {
      for (const RegionId inner : (*this)[n].regions) owners[inner.index] = n;
    }
  }
  return owners;
}

Vec<RegionId> Graph::node_regions() const {
  Vec<RegionId> regions_of(nodes.size());
  for (const RegionId r : live_regions()) {
    for (const NodeId n : (*this)[r].nodes) regions_of[n.index] = r;
  }
  return regions_of;
}

Vec<int> Graph::count_uses() const {
  Vec<int> uses(values.size());
  auto count = [&](const Values& used) {
    for (const ValueId v : used) {
      if (v.valid()) ++uses[v.index];
    }
  };
  for (const RegionId r : live_regions()) {
    for (const NodeId n : (*this)[r].nodes) count((*this)[n].inputs);
    count((*this)[r].results);
  }
  return uses;
}

// ---- Replacing --------------------------------------------------------------------------------

namespace {

// The end of each key's chain.
std::map<ValueId, ValueId> ends_of(const std::map<ValueId, ValueId>& replacement) {
  std::map<ValueId, ValueId> ends;
  for (auto [from, to] : replacement) {
    size_t steps = 0;
    for (auto next = replacement.find(to); next != replacement.end(); next = replacement.find(to)) {
      to = next->second;
      RLX_CHECK(++steps <= replacement.size(), "replaced values replace each other");
    }
    ends.emplace_hint(ends.end(), from, to);
  }
  return ends;
}

// Whether it belongs to no region.
bool is_free(const Graph& g, ValueId v) {
  const ValueDef::Kind kind = g[v].def.kind;
  return kind == ValueDef::Kind::kConstant || kind == ValueDef::Kind::kDims;
}

void drop_repeats(Values& values) {
  auto end = values.begin();
  for (const ValueId v : values) {
    if (std::find(values.begin(), end, v) == end) *end++ = v;
  }
  values.erase(end, values.end());
}

}  // namespace

void Graph::replace_uses(const std::map<ValueId, ValueId>& replacement) {
  if (replacement.empty()) return;
  const std::map<ValueId, ValueId> ends = ends_of(replacement);
  auto replace = [&](Values& used) {
    for (ValueId& v : used) {
      if (auto found = ends.find(v); found != ends.end()) v = found->second;
    }
  };
  for (const RegionId r : live_regions()) {
    Region& region = (*this)[r];
    for (const NodeId n : region.nodes) replace((*this)[n].inputs);
    replace(region.results);
    replace(region.captures);
    std::erase_if(region.captures, [&](ValueId v) { return is_free(*this, v); });
    drop_repeats(region.captures);
  }
}

// ---- Constants --------------------------------------------------------------------------------

namespace {

constexpr int64_t kMostIntegers = 4096;

template <class T>
Vec<int64_t> widened(Bytes bytes) {
  Vec<int64_t> out;
  out.reserve(bytes.size() / sizeof(T));
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T element;
    std::memcpy(&element, bytes.data() + i, sizeof element);
    out.push_back(static_cast<int64_t>(element));
  }
  return out;
}

}  // namespace

void declare_input_symbols(Graph& g) {
  for (size_t i = 0; i < g.inputs().size(); ++i) {
    const Vec<Dim>& shape = g[g.inputs()[i]].type.shape;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const auto name = shape[axis].as_symbol();
      if (!name || g.find_symbol(*name)) continue;
      g.symbols.push_back(
          {.name = *name, .input = static_cast<int>(i), .axis = static_cast<int>(axis)});
    }
  }
}

Vec<std::string> symbol_names(const Graph& g) {
  Vec<std::string> names;
  for (const Symbol& s : g.symbols) names.push_back(s.name);
  return names;
}

namespace {

bool tells_extents(const Graph& g) {
  return std::ranges::any_of(g.symbols,
                             [](const Symbol& s) { return s.source == Symbol::Source::kData; });
}

}  // namespace

Vec<bool> kept_values(const Graph& g) {
  Vec<bool> kept(g.values.size());
  const auto keep = [&](const Values& values) {
    for (const ValueId v : values) {
      if (v.valid()) kept[v.index] = true;
    }
  };
  for (const RegionId r : g.live_regions()) {
    keep(g[r].results);
    keep(g[r].captures);
    if (r != Graph::kTop) keep(g[r].arguments);
    // Most graphs have no node that owns regions, and none that tells.
    if (g.regions.size() == 1 && !tells_extents(g)) break;
    for (const NodeId n : g[r].nodes) {
      if (g[n].regions.empty() && !g[n].op().tells) continue;
      keep(g[n].inputs);
      keep(g[n].outputs);
    }
  }
  return kept;
}

bool are_same(const Graph& g, const Vec<Dim>& a, const Vec<Dim>& b) {
  if (a == b) return true;
  const RangeOf range = g.symbol_ranges();
  return std::ranges::equal(
      a, b, [&](const Dim& x, const Dim& y) { return simplify(x, range) == simplify(y, range); });
}

std::optional<Vec<int64_t>> integers_of(const Constant& c) {
  if (c.elements() > kMostIntegers) return std::nullopt;
  const Bytes bytes = c.data.bytes();
  if (static_cast<int64_t>(bytes.size()) != bytes_of(c.dtype, c.elements())) return std::nullopt;
  switch (c.dtype) {
    case DType::kBool:
    case DType::kU8: return widened<uint8_t>(bytes);
    case DType::kI8: return widened<int8_t>(bytes);
    case DType::kI16: return widened<int16_t>(bytes);
    case DType::kU16: return widened<uint16_t>(bytes);
    case DType::kI32: return widened<int32_t>(bytes);
    case DType::kU32: return widened<uint32_t>(bytes);
    case DType::kI64: return widened<int64_t>(bytes);
    case DType::kU64: return widened<uint64_t>(bytes);
    case DType::kI4:
    case DType::kU4:
    case DType::kF16:
    case DType::kBF16:
    case DType::kF32:
    case DType::kF64:
    case DType::kString: return std::nullopt;
  }
  return std::nullopt;
}

Constant make_constant(DType dtype, Vec<int64_t> shape, std::string bytes) {
  Constant c{.digest = sha256(bytes_of(bytes)),
             .dtype = dtype,
             .shape = std::move(shape),
             .data = ConstantData::owned(std::move(bytes))};
  auto size = static_cast<int64_t>(c.data.bytes().size());
  RLX_CHECK(dtype == DType::kString || size == bytes_of(dtype, c.elements()),
            "a constant's bytes do not fit its shape");
  return c;
}

Constant make_i64(const Vec<int64_t>& elements, int rank) {
  RLX_CHECK(rank == 1 || (rank == 0 && elements.size() == 1), "a vector or one scalar");
  std::string bytes(elements.size() * sizeof(int64_t), '\0');
  if (!elements.empty()) std::memcpy(bytes.data(), elements.data(), bytes.size());
  Vec<int64_t> shape;
  if (rank == 1) shape.push_back(static_cast<int64_t>(elements.size()));
  return make_constant(DType::kI64, std::move(shape), std::move(bytes));
}

}  // namespace rlx
