#include "frontend/hir_json/reader.h"

#include <algorithm>
#include <initializer_list>

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/data_files.h"
#include "frontend/hir_json/safetensors.h"
#include "ir/attributes.h"
#include "ir/constant_text.h"
#include "ir/number_text.h"
#include "ir/verifier.h"
#include "support/names.h"
#include "support/sort_uniquely.h"

namespace rlx::hir_json {
namespace {

// ---- Words ------------------------------------------------------------------------------------

// A member that nobody reads is a mistake of whoever wrote it.
Status allow_members(const JsonReader& in, std::initializer_list<std::string_view> names) {
  const auto* members = in.json().object();
  if (!members) return in.wrong(fmt::format("expected an object, found {}", in.json().kind()));
  for (const Json::Member& m : *members) {
    if (std::ranges::find(names, m.name) != names.end()) continue;
    Error e = in.wrong("there is no member '" + m.name + "' here");
    e.items[0].hint = hint_for(m.name, Vec<std::string>(names.begin(), names.end()));
    return e;
  }
  return {};
}

// What is wrong with the text inside is wrong at its place in the file.
template <class T>
Result<T> placed(const JsonReader& in, Result<T> result) {
  if (result) return result;
  return in.wrong(result.error().first().message);
}

Result<std::string> text_or(const JsonReader& in, std::string_view key, std::string otherwise) {
  const auto member = in.maybe(key);
  return member ? member->string() : Result<std::string>(std::move(otherwise));
}

Result<int64_t> number_or(const JsonReader& in, std::string_view key, int64_t otherwise) {
  const auto member = in.maybe(key);
  return member ? member->integer() : Result<int64_t>(otherwise);
}

Result<Vec<JsonReader>> items_or_none(const JsonReader& in, std::string_view key) {
  const auto member = in.maybe(key);
  return member ? member->items() : Result<Vec<JsonReader>>(Vec<JsonReader>());
}

Result<Dim> dim_of(const JsonReader& in) {
  if (const int64_t* number = in.json().integer()) return Dim(*number);
  RLX_TRY(const std::string text, in.string());
  return placed(in, parse_dim(text));
}

Result<Dim> dim_member(const JsonReader& in, std::string_view key) {
  RLX_TRY(const JsonReader member, in.get(key));
  return dim_of(member);
}

// Unknown where there is none.
Result<Type> type_of(const JsonReader& in) {
  const auto member = in.maybe("type");
  if (!member) return Type::unknown();
  RLX_TRY(const std::string text, member->string());
  return placed(*member, parse_type(text));
}

// ---- Elements ---------------------------------------------------------------------------------

bool is_one_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.';
  });
}

// As the text form has it.
Result<std::string> element_of(const JsonReader& in) {
  const Json& json = in.json();
  if (const bool* truth = json.boolean()) return std::string(*truth ? "true" : "false");
  if (const int64_t* number = json.integer()) return std::to_string(*number);
  if (const auto number = json.natural()) return std::to_string(*number);
  // NaN, infinities, and the bits of floats that no number names.
  if (const std::string* text = json.string(); text && is_one_word(*text)) return *text;
  if (const auto number = json.number()) return float_text(*number);
  return in.wrong("an element is a number, a boolean, or a text: nan, inf, -inf, 0x3c00");
}

Result<std::string> elements_of(const JsonReader& in) {
  if (!in.json().array()) return element_of(in);
  RLX_TRY(const Vec<JsonReader> items, in.items());
  std::string text;
  for (const JsonReader& item : items) {
    RLX_TRY(const std::string element, element_of(item));
    text += (text.empty() ? "" : ", ") + element;
  }
  return "[" + text + "]";
}

Result<Constant> written_constant(const JsonReader& value, const Type& type) {
  if (!constant_shape(type)) {
    return value.wrong("it needs a type with known extents, as in \"type\": \"f32[2, 3]\"");
  }
  RLX_TRY(const std::string elements, elements_of(value));
  const std::string text = elements + " : " + to_text(type);
  Cursor in(text);
  return placed(value, parse_constant(in, {}));
}

// ---- The model --------------------------------------------------------------------------------

using Weights = std::map<std::string, StoredTensor>;

// A short text must not ask for more memory than a machine has, by constants whose elements are all the same.
constexpr size_t kMostWrittenBytes = size_t{1} << 28;

class ModelReader {
 public:
  ModelReader(const JsonReader& in, const std::string& folder) : in_(in), folder_(folder) {}

  Result<ModelFile> run() && {
    RLX_TRY_VOID(allow_members(in_, {"schema", "name", "weights", "symbols", "inputs", "constants",
                                     "nodes", "outputs", "facts"}));
    RLX_TRY_VOID(check_schema());
    RLX_TRY(g_.name, text_or(in_, "name", ""));
    RLX_TRY_VOID(open_weights());
    RLX_TRY_VOID(each(in_, "symbols", [&](const JsonReader& s) { return symbol(s); }));
    RLX_TRY_VOID(each(in_, "inputs", [&](const JsonReader& i) { return input(i); }));
    RLX_TRY_VOID(each(in_, "constants", [&](const JsonReader& c) { return constant(c); }));
    RLX_TRY_VOID(body(in_, Graph::kTop));
    RLX_TRY_VOID(each(in_, "outputs", [&](const JsonReader& o) { return output(o); }));
    declare_input_symbols(g_);
    out_.graph = std::move(g_);
    return std::move(out_);
  }

 private:
  template <class F>
  Status each(const JsonReader& in, std::string_view key, F read) {
    RLX_TRY(const Vec<JsonReader> items, items_or_none(in, key));
    for (const JsonReader& item : items) RLX_TRY_VOID(read(item));
    return {};
  }

  Status check_schema() {
    RLX_TRY(const JsonReader schema, in_.get("schema"));
    RLX_TRY(const std::string text, schema.string());
    if (text == kSchema) return {};
    return Error(kUnsupportedFormat, fmt::format("a model of schema \"{}\" is not supported", text),
                 fmt::format("models are \"schema\": \"{}\", as docs/hir-json.md says", kSchema));
  }

  Status open_weights() {
    const auto member = in_.maybe("weights");
    if (!member) return {};
    RLX_TRY(const std::string path, member->string());
    RLX_TRY(auto file, open_beside(folder_, path));
    RLX_TRY(weights_, read_safetensors(file));
    out_.files.push_back(std::move(file));
    return {};
  }

  // ---- Symbols and facts ----

  Status symbol(const JsonReader& in) {
    RLX_TRY_VOID(allow_members(
        in, {"name", "source", "input", "axis", "element", "sign", "min", "max", "multiple_of"}));
    Symbol s;
    RLX_TRY(s.name, in.string("name"));
    if (g_.find_symbol(s.name)) return in.wrong("this symbol is declared twice");
    RLX_TRY(const std::string source, text_or(in, "source", "input"));
    if (source != "input" && source != "data") return in.wrong("a source is input or data");
    if (source == "data") s.source = Symbol::Source::kData;
    RLX_TRY(s.input, place(in, "input", s.input));
    RLX_TRY(s.axis, place(in, "axis", s.axis));
    RLX_TRY(s.element, place(in, "element", s.element));
    RLX_TRY(s.sign, place(in, "sign", s.sign));
    RLX_TRY(s.min, number_or(in, "min", s.min));
    RLX_TRY(s.max, number_or(in, "max", s.max));
    RLX_TRY(s.multiple_of, number_or(in, "multiple_of", s.multiple_of));
    g_.symbols.push_back(std::move(s));
    return {};
  }

  static Result<int> place(const JsonReader& in, std::string_view key, int otherwise) {
    RLX_TRY(const int64_t n, number_or(in, key, otherwise));
    if (n < -1 || n > INT32_MAX) return in.wrong(std::string(key) + " is out of range");
    return static_cast<int>(n);
  }

  Status fact(const JsonReader& in, RegionId region) {
    RLX_TRY_VOID(allow_members(in, {"a", "relation", "b", "node"}));
    Fact f;
    RLX_TRY(f.a, dim_member(in, "a"));
    RLX_TRY(const std::string relation, in.string("relation"));
    if (relation != "==" && relation != "<=") return in.wrong("a relation is == or <=");
    if (relation == "<=") f.relation = Fact::Relation::kLessEqual;
    RLX_TRY(f.b, dim_member(in, "b"));
    RLX_TRY(f.node, text_or(in, "node", ""));
    g_[region].facts.push_back(std::move(f));
    return {};
  }

  // ---- Values ----

  struct Definition {
    std::string id, name;
    Type type;
  };

  // "h", or an object; ids like %5 are no names.
  static Result<Definition> definition(const JsonReader& in) {
    Definition d;
    if (const std::string* id = in.json().string()) {
      d.id = *id;
    } else {
      RLX_TRY(d.id, in.string("id"));
      RLX_TRY(d.type, type_of(in));
    }
    if (d.id.empty()) return in.wrong("an id is empty");
    RLX_TRY(d.name, text_or(in, "name", d.id.starts_with('%') ? "" : d.id));
    return d;
  }

  Status define(const JsonReader& in, const std::string& id, ValueId v) {
    if (ids_.emplace(id, Defined{v, open_.size()}).second) return {};
    return in.wrong(quoted(id) + " is defined twice");
  }

  // Values of outer regions are captured by all regions between.
  Result<ValueId> use(const JsonReader& in) {
    RLX_TRY(const std::string id, in.string());
    const auto found = ids_.find(id);
    if (found == ids_.end()) return undefined(in, id);
    const auto [v, depth] = found->second;
    const ValueDef::Kind kind = g_[v].def.kind;
    if (kind == ValueDef::Kind::kConstant || kind == ValueDef::Kind::kDims) return v;
    for (size_t i = depth; i < open_.size(); ++i) {
      Values& captures = g_[open_[i]].captures;
      if (std::ranges::find(captures, v) == captures.end()) captures.push_back(v);
    }
    return v;
  }

  Error undefined(const JsonReader& in, const std::string& id) const {
    constexpr size_t kMostNamed = 64;
    Error e = in.wrong(quoted(id) + " is not defined before its use");
    Vec<std::string> known;
    for (const auto& [name, defined] : ids_) known.push_back(name);
    if (known.size() <= kMostNamed) e.items[0].hint = hint_for(id, known);
    return e;
  }

  Result<Values> uses(const JsonReader& in, std::string_view key, bool may_lack) {
    RLX_TRY(const Vec<JsonReader> items, items_or_none(in, key));
    Values values;
    for (const JsonReader& item : items) {
      if (may_lack && item.json().is_null()) {
        values.emplace_back();
        continue;
      }
      RLX_TRY(const ValueId v, use(item));
      values.push_back(v);
    }
    return values;
  }

  Status input(const JsonReader& in) {
    RLX_TRY_VOID(allow_members(in, {"id", "name", "type"}));
    RLX_TRY(Definition d, definition(in));
    if (d.type.kind == Type::Kind::kUnknown) return in.wrong("an input needs a type");
    return define(in, d.id, g_.add_input(std::move(d.type), std::move(d.name)));
  }

  Status constant(const JsonReader& in) {
    RLX_TRY_VOID(allow_members(in, {"id", "name", "type", "value", "tensor", "dims"}));
    RLX_TRY(Definition d, definition(in));
    const auto value = in.maybe("value"), tensor = in.maybe("tensor"), dims = in.maybe("dims");
    if (value.has_value() + tensor.has_value() + dims.has_value() != 1) {
      return in.wrong("a constant has a value, a tensor (of the weights) or dims");
    }
    if (dims) return solved(*dims, d);
    RLX_TRY(Constant c,
            value ? written_constant(*value, d.type) : stored_constant(*tensor, d.type));
    if (value) written_bytes_ += c.data.bytes().size();
    if (written_bytes_ > kMostWrittenBytes) {
      return in.wrong("the constants that are written in the file take too much: 256 MiB at most");
    }
    return define(in, d.id, g_.add_constant(std::move(c), std::move(d.name)));
  }

  Result<Constant> stored_constant(const JsonReader& in, const Type& type) {
    RLX_TRY(const std::string name, in.string());
    const auto found = weights_.find(name);
    if (found == weights_.end()) {
      return Error(kNoWeights,
                   fmt::format("{}: tensor \"{}\" is in no file of weights", in.where(), name),
                   "name the safetensors file that has it as \"weights\"");
    }
    const StoredTensor& t = found->second;
    Constant c{
        .digest = sha256(t.data.bytes()), .dtype = t.dtype, .shape = t.shape, .data = t.data};
    if (type.kind == Type::Kind::kUnknown) return c;
    const auto shape = constant_shape(type);
    if (!shape || !is_stored_as(t, type.dtype, *shape)) {
      return Error(kInvalidTensor,
                   fmt::format("{}: tensor \"{}\" is {}[{}] in its file and {} here", in.where(),
                               name, rlx::name(t.dtype), fmt::join(t.shape, ", "), to_text(type)));
    }
    c.dtype = type.dtype;
    c.shape = *shape;
    return c;
  }

  static bool is_stored_as(const StoredTensor& t, DType dtype, const Vec<int64_t>& shape) {
    if (!is_sub_byte(dtype)) return t.dtype == dtype && t.shape == shape;
    return t.dtype == DType::kU8 && t.shape.size() == 1 && byte_size(dtype, shape) == t.shape[0];
  }

  Status solved(const JsonReader& in, Definition& d) {
    Vec<JsonReader> items{in};
    const int rank = in.json().array() ? 1 : 0;
    if (rank == 1) {
      RLX_TRY(items, in.items());
    }
    Vec<Dim> elements;
    for (const JsonReader& item : items) {
      RLX_TRY(Dim e, dim_of(item));
      elements.push_back(std::move(e));
    }
    if (d.type.kind != Type::Kind::kUnknown && !fits_dims(d.type, elements.size())) {
      return in.wrong("the type of dims is i64, one a Dim");
    }
    return define(in, d.id, g_.add_dims(std::move(elements), rank, std::move(d.name)));
  }

  // "h", or {"name": "y", "value": "h"}.
  Status output(const JsonReader& in) {
    std::optional<JsonReader> value = in;
    std::string name;
    if (in.json().object()) {
      RLX_TRY_VOID(allow_members(in, {"name", "value"}));
      RLX_TRY(name, in.string("name"));
      RLX_TRY(value, in.get("value"));
    } else {
      RLX_TRY(name, in.string());
    }
    RLX_TRY(const ValueId v, use(*value));
    g_.output_names.push_back(std::move(name));
    g_.top().results.push_back(v);
    return {};
  }

  // ---- Nodes ----

  Status body(const JsonReader& in, RegionId region) {
    RLX_TRY_VOID(each(in, "nodes", [&](const JsonReader& n) { return node(n, region); }));
    return each(in, "facts", [&](const JsonReader& f) { return fact(f, region); });
  }

  Status node(const JsonReader& in, RegionId region) {
    RLX_TRY_VOID(allow_members(
        in, {"op", "version", "inputs", "outputs", "attributes", "regions", "origin"}));
    RLX_TRY(const OpDef* op, operator_of(in));
    Attrs attrs(op);
    if (const auto member = in.maybe("attributes")) RLX_TRY_VOID(read_json(*member, attrs));
    RLX_TRY(Values inputs, uses(in, "inputs", true));
    RLX_TRY(const Vec<JsonReader> items, items_or_none(in, "outputs"));
    Vec<Definition> outputs;
    for (const JsonReader& item : items) {
      if (item.json().object()) RLX_TRY_VOID(allow_members(item, {"id", "name", "type"}));
      RLX_TRY(Definition d, definition(item));
      outputs.push_back(std::move(d));
    }
    RLX_TRY(Origin origin, origin_of(in, outputs.empty() ? std::string(op->name) : outputs[0].id));
    const NodeId id = g_.add_node(region, std::move(attrs), std::move(inputs),
                                  Types(outputs.size()), std::move(origin));
    RLX_TRY_VOID(each(in, "regions", [&](const JsonReader& r) { return region_of(r, id); }));
    for (size_t i = 0; i < outputs.size(); ++i) {
      const ValueId v = g_[id].outputs[i];
      // What is written is what was inferred once, or what somebody believes.
      g_[v].declared = outputs[i].type;
      g_[v].type = std::move(outputs[i].type);
      g_[v].name = std::move(outputs[i].name);
      RLX_TRY_VOID(define(items[i], outputs[i].id, v));
    }
    return {};
  }

  static Result<const OpDef*> operator_of(const JsonReader& in) {
    RLX_TRY(const std::string name, in.string("op"));
    const OpDef* op = find_op(name);
    if (!op) {
      Vec<std::string> known;
      for (const OpDef* def : all_ops()) known.emplace_back(def->name);
      return Error(kUnsupportedOperator,
                   fmt::format("{}: no operator is called \"{}\"", in.where(), name),
                   hint_for(name, known));
    }
    RLX_TRY(const int64_t version, number_or(in, "version", 1));
    if (op->version == version) return op;
    return Error(kUnsupportedOperator, fmt::format("{}: {} is version {} here, the file has {}",
                                                   in.where(), name, op->version, version));
  }

  static Result<Origin> origin_of(const JsonReader& in, std::string otherwise) {
    const auto member = in.maybe("origin");
    if (!member) return Origin{std::move(otherwise)};
    RLX_TRY(Origin origin, member->strings());
    if (origin.empty()) return member->wrong("an origin names a node");
    sort_uniquely(origin);
    return origin;
  }

  Status region_of(const JsonReader& in, NodeId owner) {
    RLX_TRY_VOID(allow_members(in, {"arguments", "captures", "nodes", "results", "facts"}));
    const RegionId r = g_.add_region();
    g_[owner].regions.push_back(r);
    // Before it is open: they are what the regions around it see.
    RLX_TRY(g_[r].captures, uses(in, "captures", false));
    open_.push_back(r);
    RLX_TRY_VOID(each(in, "arguments", [&](const JsonReader& a) { return argument(a, r); }));
    RLX_TRY_VOID(body(in, r));
    RLX_TRY(g_[r].results, uses(in, "results", false));
    open_.pop_back();
    return {};
  }

  Status argument(const JsonReader& in, RegionId region) {
    if (in.json().object()) RLX_TRY_VOID(allow_members(in, {"id", "name", "type"}));
    RLX_TRY(Definition d, definition(in));
    return define(in, d.id, g_.add_argument(region, std::move(d.type), std::move(d.name)));
  }

  struct Defined {
    ValueId value;
    // How many regions were open.
    size_t depth;
  };

  const JsonReader& in_;
  const std::string& folder_;
  ModelFile out_{.format = "json"};
  Graph g_;
  Weights weights_;
  size_t written_bytes_ = 0;
  std::map<std::string, Defined> ids_;
  // Inside of the graph itself, the innermost last.
  Vec<RegionId> open_;
};

}  // namespace

Result<ModelFile> read_model(std::string_view text, const std::string& folder) {
  RLX_TRY(const Json json, Json::parse(text));
  const JsonReader in(json, "model");
  RLX_TRY(ModelFile model, ModelReader(in, folder).run());
  Status valid = verify(model.graph, Level::kHir);
  if (valid) return model;
  // To the verifier it is a bug of rlx, here it is the file's.
  for (Diagnostic& d : valid.error().items) d.code = kInvalidModel;
  return std::move(valid.error());
}

Result<ModelFile> read_model(std::shared_ptr<const MappedFile> file) {
  const Bytes all = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  RLX_TRY(ModelFile model, read_model(text, folder_of_model(file->stamp().path)));
  model.files.insert(model.files.begin(), std::move(file));
  return model;
}

}  // namespace rlx::hir_json
