#include "frontend/hir_json/writer.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "frontend/codes.h"
#include "frontend/hir_json/reader.h"
#include "ir/attributes.h"
#include "ir/constant_text.h"
#include "ir/order.h"
#include "support/json.h"

namespace rlx::hir_json {
namespace {

using Layout = JsonWriter::Layout;

constexpr size_t kMostInlineBytes = 4096;

template <class T>
T number_of(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// One element as the text form has it: a number or a boolean, or what no number is (nan, inf, bits).
void write_element(JsonWriter& out, std::string_view text, DType dtype) {
  if (dtype == DType::kBool) return out.value(text == "true");
  const bool is_number = text.back() >= '0' && text.back() <= '9' && !text.starts_with("0x");
  if (!is_number) return out.value(text);
  if (dtype == DType::kF32) return out.value(number_of<float>(text));
  if (is_float(dtype)) return out.value(number_of<double>(text));
  if (is_unsigned(dtype)) return out.value(number_of<uint64_t>(text));
  out.value(number_of<int64_t>(text));
}

// "[1, 2]", or the one element that all are.
void write_elements(JsonWriter& out, std::string_view text, DType dtype) {
  if (!text.starts_with('[')) return write_element(out, text, dtype);
  constexpr std::string_view kBetween = ", ";
  text = text.substr(1, text.size() - 2);
  out.begin_array();
  while (!text.empty()) {
    const size_t end = std::min(text.find(kBetween), text.size());
    write_element(out, text.substr(0, end), dtype);
    text.remove_prefix(std::min(end + kBetween.size(), text.size()));
  }
  out.end_array();
}

class ModelWriter {
 public:
  ModelWriter(const Graph& g, std::string_view weights)
      : g_(g), weights_name_(weights), order_(definition_order(g)), ids_(g.values.size()) {
    name_values();
  }

  Result<WrittenModel> run() && {
    RLX_TRY_VOID(find_weights());
    out_.begin_object(Layout::kLines);
    out_.member("schema", kSchema);
    out_.member("name", g_.name);
    if (!weights_.empty()) out_.member("weights", weights_name_);
    lines("symbols", g_.symbols, [&](const Symbol& s) { symbol(s); });
    lines("inputs", g_.inputs(), [&](ValueId v) { definition(v); });
    lines("constants", constants(), [&](ValueId v) { constant(v); });
    body(g_.top());
    out_.key("outputs");
    out_.begin_array(Layout::kLines);
    for (size_t i = 0; i < g_.outputs().size(); ++i) output(i);
    out_.end_array();
    out_.end_object();
    return WrittenModel{out_.take() + "\n", std::move(weights_)};
  }

 private:
  // The model's own names, where they are nobody else's.
  void name_values() {
    std::set<std::string_view> taken = {"", kMetadata};
    for (size_t i = 0; i < order_.values.size(); ++i) {
      const ValueId v = order_.values[i];
      const std::string& name = g_[v].name;
      const bool is_own = !name.starts_with('%') && taken.insert(name).second;
      ids_[v.index] = is_own ? name : "%" + std::to_string(i);
    }
  }

  Values constants() const {
    Values found;
    for (const ValueId v : order_.values) {
      const ValueDef::Kind kind = g_[v].def.kind;
      const bool is_constant = kind == ValueDef::Kind::kConstant || kind == ValueDef::Kind::kDims;
      if (is_constant) found.push_back(v);
    }
    return found;
  }

  Status find_weights() {
    for (const ValueId v : constants()) {
      const Constant* c = g_.constant_of(v);
      if (!c || !stands_apart(*c)) continue;
      if (c->dtype == DType::kString) {
        return Error(kUnsupportedType, "constant " + ids_[v.index] + " holds strings");
      }
      StoredTensor tensor{c->dtype, c->shape, c->data};
      if (is_sub_byte(c->dtype)) {
        tensor.dtype = DType::kU8;
        tensor.shape = {static_cast<int64_t>(c->data.bytes().size())};
      }
      weights_.push_back({ids_[v.index], std::move(tensor)});
    }
    return {};
  }

  // Also one that the text form writes as the element that all are: the reader makes only so much of a text.
  static bool stands_apart(const Constant& c) {
    return c.data.bytes().size() > kMostInlineBytes || elements_text(c).starts_with("sha256:");
  }

  // ---- Parts ----

  template <class List, class F>
  void lines(std::string_view key, const List& items, F write) {
    if (items.size() == 0) return;
    out_.key(key);
    out_.begin_array(Layout::kLines);
    for (const auto& item : items) write(item);
    out_.end_array();
  }

  void texts(std::string_view key, const Vec<std::string>& all) {
    out_.key(key);
    out_.values(std::span<const std::string>(all));
  }

  void uses(std::string_view key, const Values& values) {
    out_.key(key);
    out_.begin_array();
    for (const ValueId v : values) {
      if (v.valid()) out_.value(ids_[v.index]);
      if (!v.valid()) out_.null();
    }
    out_.end_array();
  }

  // Members that differ from what the reader takes where they are left out.
  void symbol(const Symbol& s) {
    const Symbol usual;
    const auto number = [&](std::string_view key, int64_t value, int64_t otherwise) {
      if (value != otherwise) out_.member(key, value);
    };
    out_.begin_object();
    out_.member("name", s.name);
    if (s.source == Symbol::Source::kData) out_.member("source", "data");
    number("input", s.input, usual.input);
    number("axis", s.axis, usual.axis);
    number("element", s.element, usual.element);
    number("sign", s.sign, usual.sign);
    number("min", s.min, usual.min);
    number("max", s.max, usual.max);
    number("multiple_of", s.multiple_of, usual.multiple_of);
    out_.end_object();
  }

  void fact(const Fact& f) {
    out_.begin_object();
    out_.member("a", to_text(f.a));
    out_.member("relation", f.relation == Fact::Relation::kEqual ? "==" : "<=");
    out_.member("b", to_text(f.b));
    if (!f.node.empty()) out_.member("node", f.node);
    out_.end_object();
  }

  // Opens an object; id and name of a value.
  void begin_value(ValueId v) {
    const std::string& id = ids_[v.index];
    out_.begin_object();
    out_.member("id", id);
    const bool follows = id.starts_with('%') ? g_[v].name.empty() : id == g_[v].name;
    if (!follows) out_.member("name", g_[v].name);
  }

  void type(ValueId v) {
    if (g_[v].type.kind != Type::Kind::kUnknown) out_.member("type", to_text(g_[v].type));
  }

  void definition(ValueId v) {
    begin_value(v);
    type(v);
    out_.end_object();
  }

  void constant(ValueId v) {
    begin_value(v);
    if (const Constant* c = g_.constant_of(v)) {
      type(v);
      elements(v, *c);
    } else {
      dims(v);
    }
    out_.end_object();
  }

  void elements(ValueId v, const Constant& c) {
    if (stands_apart(c)) return out_.member("tensor", ids_[v.index]);
    out_.key("value");
    write_elements(out_, elements_text(c), c.dtype);
  }

  void dims(ValueId v) {
    Vec<std::string> elements;
    for (const Dim& d : g_[v].def.dims) elements.push_back(to_text(d));
    if (g_[v].type.rank() == 0) return out_.member("dims", elements[0]);
    texts("dims", elements);
  }

  // What the graph itself and its regions have.
  void body(const Region& region) {
    lines("nodes", region.nodes, [&](NodeId n) { node(n); });
    lines("facts", region.facts, [&](const Fact& f) { fact(f); });
  }

  void node(NodeId id) {
    const Node& node = g_[id];
    out_.begin_object();
    out_.member("op", node.op_name());
    if (node.op().version != 1) out_.member("version", node.op().version);
    uses("inputs", node.inputs);
    out_.key("outputs");
    out_.begin_array();
    for (const ValueId v : node.outputs) definition(v);
    out_.end_array();
    if (!changed_attributes(node.attrs).empty()) {
      out_.key("attributes");
      write_json(out_, node.attrs);
    }
    lines("regions", node.regions, [&](RegionId r) { region(g_[r]); });
    texts("origin", node.origin);
    out_.end_object();
  }

  void region(const Region& region) {
    out_.begin_object(Layout::kLines);
    lines("arguments", region.arguments, [&](ValueId v) { definition(v); });
    uses("captures", region.captures);
    body(region);
    uses("results", region.results);
    out_.end_object();
  }

  void output(size_t i) {
    out_.begin_object();
    out_.member("name", g_.output_names[i]);
    out_.member("value", ids_[g_.outputs()[i].index]);
    out_.end_object();
  }

  const Graph& g_;
  std::string_view weights_name_;
  DefinitionOrder order_;
  // By value: how the text calls it.
  Vec<std::string> ids_;
  Vec<NamedTensor> weights_;
  JsonWriter out_;
};

}  // namespace

Result<WrittenModel> write_model(const Graph& g, std::string_view weights) {
  return ModelWriter(g, weights).run();
}

}  // namespace rlx::hir_json
