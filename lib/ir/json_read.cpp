#include "ir/attributes.h"
#include "ir/constant_text.h"
#include "ir/cursor.h"
#include "ir/text.h"
#include "ir/verifier.h"

namespace rlx {
namespace {

// Ids take memory before anything defines them; no model has more.
constexpr size_t kMostIds = size_t{1} << 20;

Result<std::string> bytes_from(const JsonReader& in) {
  RLX_TRY(std::string hex, in.string());
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    const int high = hex_value(hex[i]), low = hex_value(hex[i + 1]);
    if (high < 0 || low < 0) return in.wrong("these are no hexadecimal digits");
    bytes += static_cast<char>(high * 16 + low);
  }
  if (hex.size() % 2 != 0) return in.wrong("a digit is missing");
  return bytes;
}

// The text inside is at fault where it cannot be read; its own place is added.
template <class T>
Result<T> located(const JsonReader& in, Result<T> result) {
  if (result) return result;
  return in.wrong(result.error().first().message);
}

Result<Type> type_at(const JsonReader& in) {
  RLX_TRY(const JsonReader member, in.get("type"));
  RLX_TRY(const std::string text, member.string());
  return located(member, parse_type(text));
}

Result<Dim> dim_from(const JsonReader& in) {
  RLX_TRY(const std::string text, in.string());
  return located(in, parse_dim(text));
}

Result<Dim> dim_at(const JsonReader& in, std::string_view key) {
  RLX_TRY(const JsonReader member, in.get(key));
  return dim_from(member);
}

Result<std::string> name_at(const JsonReader& in) {
  auto name = in.maybe("name");
  return name ? name->string() : Result<std::string>(std::string());
}

Result<Vec<JsonReader>> items_at(const JsonReader& in, std::string_view key) {
  RLX_TRY(const JsonReader member, in.get(key));
  return member.items();
}

Result<Vec<std::string>> strings_at(const JsonReader& in, std::string_view key) {
  RLX_TRY(const JsonReader member, in.get(key));
  return member.strings();
}

class GraphReader {
 public:
  GraphReader(const JsonReader& in, const ConstantSource& source) : in_(in), source_(source) {}

  Result<Graph> run() && {
    RLX_TRY(g_.name, in_.string("name"));
    RLX_TRY_VOID(sizes());
    RLX_TRY_VOID(each("symbols", [&](const JsonReader& s) { return symbol(s); }));
    RLX_TRY_VOID(each("facts", [&](const JsonReader& f) { return fact(f); }));
    RLX_TRY_VOID(each("constants", [&](const JsonReader& c) { return constant(c); }));
    RLX_TRY_VOID(each("dims", [&](const JsonReader& d) { return dims(d); }));
    RLX_TRY_VOID(each("regions", [&](const JsonReader& r) { return region(r); }));
    RLX_TRY(g_.output_names, strings_at(in_, "output_names"));
    RLX_TRY_VOID(located(in_, verify_structure(g_)));
    g_.index_constants();
    return std::move(g_);
  }

 private:
  template <class F>
  Status each(std::string_view key, F read) {
    RLX_TRY(const Vec<JsonReader> items, items_at(in_, key));
    for (const JsonReader& item : items) RLX_TRY_VOID(read(item));
    return {};
  }

  // ---- Ids ----

  Status sizes() {
    RLX_TRY(const size_t values, size("value_count"));
    RLX_TRY(const size_t nodes, size("node_count"));
    RLX_TRY(const size_t regions, size("region_count"));
    if (regions == 0) return in_.wrong("a graph has a region");
    g_.values.resize(values);
    g_.nodes.resize(nodes);
    g_.regions.resize(regions);
    defined_values_.resize(values);
    defined_nodes_.resize(nodes);
    defined_regions_.resize(regions);
    return {};
  }

  Result<size_t> size(std::string_view key) {
    RLX_TRY(const JsonReader member, in_.get(key));
    RLX_TRY(const uint64_t count, member.natural());
    if (count > kMostIds) return member.wrong("so many are not read");
    return static_cast<size_t>(count);
  }

  static Result<size_t> index(const JsonReader& in, size_t size) {
    RLX_TRY(const uint64_t i, in.natural());
    if (i >= size) return in.wrong("no such id");
    return static_cast<size_t>(i);
  }

  // The id of what is defined here, for the first time.
  static Result<size_t> definition(const JsonReader& in, Vec<bool>& defined) {
    RLX_TRY(const JsonReader member, in.get("id"));
    RLX_TRY(const size_t i, index(member, defined.size()));
    if (defined[i]) return member.wrong("this id is defined twice");
    defined[i] = true;
    return i;
  }

  Result<Values> uses_at(const JsonReader& in, std::string_view key) {
    RLX_TRY(const Vec<JsonReader> items, items_at(in, key));
    Values values;
    for (const JsonReader& item : items) {
      if (item.json().is_null()) {
        values.emplace_back();
        continue;
      }
      RLX_TRY(const size_t i, index(item, g_.values.size()));
      values.emplace_back(i);
    }
    return values;
  }

  Result<ValueId> value(const JsonReader& in, ValueDef def) {
    RLX_TRY(const size_t i, definition(in, defined_values_));
    RLX_TRY(Type type, type_at(in));
    RLX_TRY(std::string name, name_at(in));
    g_.values[i] = {std::move(type), std::move(name), std::move(def)};
    return ValueId(i);
  }

  Result<Values> definitions(const JsonReader& in, std::string_view key, ValueDef def) {
    RLX_TRY(const Vec<JsonReader> items, items_at(in, key));
    Values values;
    for (const JsonReader& item : items) {
      def.index = static_cast<uint32_t>(values.size());
      RLX_TRY(const ValueId v, value(item, def));
      values.push_back(v);
    }
    return values;
  }

  // ---- Parts ----

  Status symbol(const JsonReader& in) {
    Symbol s;
    RLX_TRY(s.name, in.string("name"));
    RLX_TRY(s.source, symbol_source(in));
    RLX_TRY(s.input, small(in, "input"));
    RLX_TRY(s.axis, small(in, "axis"));
    RLX_TRY(s.element, small(in, "element"));
    RLX_TRY(s.sign, small(in, "sign"));
    RLX_TRY(s.min, in.integer("min"));
    RLX_TRY(s.max, in.integer("max"));
    RLX_TRY(s.multiple_of, in.integer("multiple_of"));
    g_.symbols.push_back(std::move(s));
    return {};
  }

  static Result<Symbol::Source> symbol_source(const JsonReader& in) {
    RLX_TRY(const std::string source, in.string("source"));
    if (source == "input") return Symbol::Source::kInput;
    if (source == "data") return Symbol::Source::kData;
    return in.wrong("no source of symbols is called " + quoted(source));
  }

  static Result<int> small(const JsonReader& in, std::string_view key) {
    RLX_TRY(const int64_t n, in.integer(key));
    if (n < -1 || n > INT32_MAX) return in.wrong(std::string(key) + " is out of range");
    return static_cast<int>(n);
  }

  Status fact(const JsonReader& in) {
    Fact f;
    RLX_TRY(f.a, dim_at(in, "a"));
    RLX_TRY(const std::string relation, in.string("relation"));
    if (relation != "==" && relation != "<=") return in.wrong("a relation is == or <=");
    if (relation == "<=") f.relation = Fact::Relation::kLessEqual;
    RLX_TRY(f.b, dim_at(in, "b"));
    RLX_TRY(f.node, in.string("node"));
    RegionId region = Graph::kTop;
    if (const auto member = in.maybe("region")) {
      RLX_TRY(const size_t i, index(*member, g_.regions.size()));
      region = RegionId(i);
    }
    g_[region].facts.push_back(std::move(f));
    return {};
  }

  Status constant(const JsonReader& in) {
    ValueDef def{.kind = ValueDef::Kind::kConstant, .constant = ConstantId(g_.constants.size())};
    RLX_TRY(const ValueId v, value(in, std::move(def)));
    auto shape = constant_shape(g_[v].type);
    if (!shape) return in.wrong("the type of a constant is a tensor of known extents");
    RLX_TRY(Constant c, constant_of(in, g_[v].type.dtype, std::move(*shape)));
    g_.constants.push_back(std::move(c));
    return {};
  }

  Result<Constant> constant_of(const JsonReader& in, DType dtype, Vec<int64_t> shape) {
    RLX_TRY(const std::string hex, in.string("digest"));
    auto digest = Digest::from_hex(hex);
    if (!digest) return in.wrong("a digest has 64 hexadecimal digits");
    auto data = in.maybe("bytes");
    if (!data) return fetch_constant(*digest, dtype, std::move(shape), source_);
    RLX_TRY(std::string bytes, bytes_from(*data));
    if (sha256(bytes_of(bytes)) != *digest) return data->wrong("these bytes have another digest");
    Constant c{.digest = *digest, .dtype = dtype, .shape = std::move(shape), .data = {}};
    const bool fits = static_cast<int64_t>(bytes.size()) == bytes_of(dtype, c.elements());
    if (!fits && dtype != DType::kString) return data->wrong("these bytes do not fit the type");
    c.data = ConstantData::owned(std::move(bytes));
    return c;
  }

  Status dims(const JsonReader& in) {
    RLX_TRY(const Vec<JsonReader> items, items_at(in, "elements"));
    ValueDef def{.kind = ValueDef::Kind::kDims};
    for (const JsonReader& item : items) {
      RLX_TRY(Dim d, dim_from(item));
      def.dims.push_back(std::move(d));
    }
    RLX_TRY(const ValueId v, value(in, std::move(def)));
    return fits_dims(g_[v].type, g_[v].def.dims.size())
               ? Status()
               : Status(in.wrong("the type of dims is i64, one a Dim"));
  }

  Status region(const JsonReader& in) {
    RLX_TRY(const size_t i, definition(in, defined_regions_));
    ValueDef def{.kind = ValueDef::Kind::kArgument, .region = RegionId(i)};
    RLX_TRY(Values arguments, definitions(in, "arguments", std::move(def)));
    RLX_TRY(Values captures, uses_at(in, "captures"));
    Region region{.arguments = std::move(arguments),
                  .captures = std::move(captures),
                  .facts = std::move(g_.regions[i].facts)};
    RLX_TRY(const Vec<JsonReader> nodes, items_at(in, "nodes"));
    for (const JsonReader& item : nodes) {
      RLX_TRY(const NodeId n, node(item));
      region.nodes.push_back(n);
    }
    RLX_TRY(region.results, uses_at(in, "results"));
    g_.regions[i] = std::move(region);
    return {};
  }

  Result<NodeId> node(const JsonReader& in) {
    RLX_TRY(const size_t i, definition(in, defined_nodes_));
    RLX_TRY(const OpDef* op, op_at(in));
    Node node{.attrs = Attrs(op), .inputs = {}, .outputs = {}, .origin = {}};
    RLX_TRY(node.inputs, uses_at(in, "inputs"));
    RLX_TRY(node.outputs, definitions(in, "outputs", {.node = NodeId(i)}));
    RLX_TRY(const JsonReader attributes, in.get("attributes"));
    RLX_TRY_VOID(read_json(attributes, node.attrs));
    RLX_TRY(node.regions, regions_of(in));
    RLX_TRY(node.origin, strings_at(in, "origin"));
    g_.nodes[i] = std::move(node);
    return NodeId(i);
  }

  static Result<const OpDef*> op_at(const JsonReader& in) {
    RLX_TRY(const std::string name, in.string("op"));
    RLX_TRY(const int64_t version, in.integer("version"));
    const OpDef* op = find_op(name);
    if (!op) return in.wrong("no operator is called " + quoted(name));
    if (op->version != version) return in.wrong(name + " has another version here");
    return op;
  }

  Result<Vec<RegionId>> regions_of(const JsonReader& in) {
    Vec<RegionId> regions;
    auto member = in.maybe("regions");
    if (!member) return regions;
    RLX_TRY(const Vec<JsonReader> items, member->items());
    for (const JsonReader& item : items) {
      RLX_TRY(const size_t i, index(item, g_.regions.size()));
      regions.emplace_back(i);
    }
    return regions;
  }

  const JsonReader& in_;
  const ConstantSource& source_;
  Graph g_;
  Vec<bool> defined_values_, defined_nodes_, defined_regions_;
};

}  // namespace

Result<Graph> read_json(const JsonReader& in, const ConstantSource& source) {
  return GraphReader(in, source).run();
}

}  // namespace rlx
