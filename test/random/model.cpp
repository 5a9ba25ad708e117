#include "test/random/model.h"

#include <cstring>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "kernel/element.h"
#include "support/sub_byte.h"
#include "test/frontend/onnx_writer.h"

namespace rlx::random {
namespace {

using test::Message;

// ONNX's numbers for element types.
int onnx_type(DType t) {
  switch (t) {
    case DType::kF32: return 1;
    case DType::kU8: return 2;
    case DType::kI8: return 3;
    case DType::kU16: return 4;
    case DType::kI16: return 5;
    case DType::kI32: return 6;
    case DType::kI64: return 7;
    case DType::kString: return 8;
    case DType::kBool: return 9;
    case DType::kF16: return 10;
    case DType::kF64: return 11;
    case DType::kU32: return 12;
    case DType::kU64: return 13;
    case DType::kBF16: return 16;
    case DType::kU4: return 21;
    case DType::kI4: return 22;
  }
  return 0;
}

int64_t value_of(const Dim& d, const Binding& binding) {
  auto value = evaluate(d, binding);
  RLX_CHECK(value.has_value(), "no value for " + rlx::to_text(d));
  return *value;
}

void put(DType t, double value, std::byte* to) {
  with_type(t, [&]<class T>() {
    T v = convert<T>(value);
    std::memcpy(to, &v, sizeof v);
  });
}

int64_t elements_in(const Vec<int64_t>& shape) {
  int64_t n = 1;
  for (int64_t extent : shape) n *= extent;
  return n;
}

double element_of(const Value& v, int64_t i, const Binding& binding, Random& random) {
  const Fill& f = v.fill;
  switch (f.kind) {
    case Fill::Kind::kReal: return random.real(f.lo, f.hi);
    case Fill::Kind::kWhole:
      return static_cast<double>(
          random.between(static_cast<int64_t>(f.lo), static_cast<int64_t>(f.hi)));
    case Fill::Kind::kIndex: {
      int64_t n = std::max<int64_t>(1, value_of(f.extent, binding));
      return static_cast<double>(random.between(f.from_zero ? 0 : -n, n - 1));
    }
    case Fill::Kind::kDims:
      return static_cast<double>(value_of(f.elements[static_cast<size_t>(i)], binding));
  }
  return 0;
}

std::string bytes_of_value(const Model& m, const Value& v, const Binding& binding,
                           int64_t step = 0) {
  int64_t n = elements_in(shape_of(v, binding));
  const int64_t size = size_of(v.dtype);
  std::string bytes(static_cast<size_t>(bytes_of(v.dtype, n)), '\0');
  auto* to = reinterpret_cast<std::byte*>(bytes.data());
  uint64_t stream = 0;
  for (char c : v.name) stream = stream * 31 + static_cast<uint64_t>(c);
  Random random(mixed(m.seed + static_cast<uint64_t>(step), stream));
  for (int64_t i = 0; i < n; ++i) {
    std::byte element[8];
    put(v.dtype, element_of(v, i, binding, random), element);
    if (is_sub_byte(v.dtype)) {
      set_sub_byte(to, i, element[0]);
    } else {
      std::memcpy(to + i * size, element, static_cast<size_t>(size));
    }
  }
  return bytes;
}

Binding closed_binding(const Model& m) {
  Binding b;
  for (const Extent& e : m.extents) {
    if (!e.open) b[e.name] = e.value;
  }
  return b;
}

test::Extent written(const Dim& d, const Binding& closed) {
  if (auto value = evaluate(d, closed)) return *value;
  std::map<std::string, Dim> known;
  for (const auto& [name, value] : closed) known.emplace(name, value);
  return rlx::to_text(substitute_symbols(d, known));
}

Message value_info(const Value& v, const Binding& closed) {
  std::vector<test::Extent> shape;
  for (const Dim& d : v.shape) shape.push_back(written(d, closed));
  return test::value_info(v.name, onnx_type(v.dtype), shape);
}

Message number_attribute(const std::string& name, const Number& n) {
  std::string bytes(static_cast<size_t>(size_of(n.dtype)), '\0');
  put(n.dtype, n.value, reinterpret_cast<std::byte*>(bytes.data()));
  return test::tensor_attribute(name, test::raw_tensor("", onnx_type(n.dtype), {1}, bytes));
}

Message attribute(const std::string& name, const Setting& s, const Binding& closed) {
  if (auto* n = std::get_if<Number>(&s)) return number_attribute(name, *n);
  if (auto* d = std::get_if<Dim>(&s)) return test::attribute(name, value_of(*d, closed));
  if (auto* i = std::get_if<int64_t>(&s)) return test::attribute(name, *i);
  if (auto* f = std::get_if<float>(&s)) return test::attribute(name, *f);
  if (auto* t = std::get_if<std::string>(&s)) return test::attribute(name, std::string_view(*t));
  return test::attribute(name, std::get<Vec<int64_t>>(s));
}

// The names of values are those that `name_of` says.
template <class Namer>
Message written_node(const Node& n, size_t index, const Binding& closed, const Namer& name_of) {
  Vec<std::string> names;
  for (const Vec<int>* values : {&n.inputs, &n.outputs}) {
    for (const int i : *values) names.push_back(i < 0 ? std::string() : name_of(i));
  }
  test::NodeSpec spec{.op = n.op};
  spec.inputs.assign(names.begin(), names.begin() + static_cast<ptrdiff_t>(n.inputs.size()));
  spec.outputs.assign(names.begin() + static_cast<ptrdiff_t>(n.inputs.size()), names.end());
  for (const auto& [name, setting] : n.attributes) {
    spec.attributes.push_back(attribute(name, setting, closed));
  }
  std::string name = fmt::format("/{}_{}", n.op, index);
  spec.name = name;
  return test::node(spec);
}

constexpr std::string_view kCondition = "condition_of_branches";
constexpr std::string_view kTrips = "trips_of_loops";

// Odd: what alternates is at its end what it was before.
int64_t trips_of(const Model& m) { return m.seed / 2 % 2 == 0 ? 1 : 3; }

// Nodes [first, last), as they stand in the file.
class RegionWriter {
 public:
  RegionWriter(const Model& m, size_t first, size_t last, const Binding& closed)
      : m_(m), first_(first), last_(last), closed_(closed), random_(mixed(m.seed, first)) {
    for (size_t n = first; n < last; ++n) {
      made_.insert(m.nodes[n].outputs.begin(), m.nodes[n].outputs.end());
    }
    results_ = used_outside();
  }

  std::vector<Message> write() {
    const Around around = m_.nodes[first_].around;
    if (around == Around::kNothing) return nodes("");
    if (around == Around::kLoop) return loop("");
    return {branches(around == Around::kLoopInIf)};
  }

 private:
  const Value& value(int v) const { return m_.values[static_cast<size_t>(v)]; }

  Vec<int> used_outside() const {
    std::set<int> used(m_.outputs.begin(), m_.outputs.end());
    for (size_t n = 0; n < m_.nodes.size(); ++n) {
      const bool inside = first_ <= n && n < last_;
      if (!inside) used.insert(m_.nodes[n].inputs.begin(), m_.nodes[n].inputs.end());
    }
    Vec<int> results;
    std::ranges::set_intersection(made_, used, std::back_inserter(results));
    return results;
  }

  // What they make has a name of its own in each region.
  std::vector<Message> nodes(const std::string& suffix, int renamed = -1,
                             const std::string& name = {}) const {
    const auto name_of = [&](int v) {
      if (v == renamed) return name;
      return made_.contains(v) ? value(v).name + suffix : value(v).name;
    };
    std::vector<Message> written;
    for (size_t n = first_; n < last_; ++n) {
      written.push_back(written_node(m_.nodes[n], n, closed_, name_of));
    }
    return written;
  }

  Message info(const Value& like, const std::string& name) const {
    Value v = like;
    v.name = name;
    return value_info(v, closed_);
  }

  Message branches(bool loops) {
    test::NodeSpec spec{.op = "If", .inputs = {kCondition}};
    for (const int v : results_) spec.outputs.push_back(value(v).name);
    for (const auto& [name, suffix] :
         {std::pair("then_branch", "_then"), {"else_branch", "_else"}}) {
      test::GraphSpec g;
      g.nodes = loops ? loop(suffix) : nodes(suffix);
      for (const int v : results_) g.outputs.push_back(info(value(v), value(v).name + suffix));
      spec.attributes.push_back(test::graph_attribute(name, test::graph(g)));
    }
    const std::string name = fmt::format("/If_{}", first_);
    spec.name = name;
    return test::node(spec);
  }

  // ---- Loops ----

  // A float that is read from outside; -1: none.
  int alternating() const {
    for (size_t n = first_; n < last_; ++n) {
      for (const int v : m_.nodes[n].inputs) {
        const bool fits = v >= 0 && !made_.contains(v) && !value(v).is_opaque &&
                          value(v).role != Value::Role::kConstant &&
                          (value(v).dtype == DType::kF32 || value(v).dtype == DType::kF64);
        if (fits) return v;
      }
    }
    return -1;
  }

  static Message simple(std::string_view op, std::vector<std::string_view> inputs,
                        const std::string& output) {
    const std::string name = "/" + output;
    return test::node({.op = op, .inputs = std::move(inputs), .outputs = {output}, .name = name});
  }

  static Message constant(const std::string& name, DType type, int64_t n) {
    std::string bytes(static_cast<size_t>(size_of(type)), '\0');
    put(type, static_cast<double>(n), reinterpret_cast<std::byte*>(bytes.data()));
    const Message tensor = test::raw_tensor("", onnx_type(type), {}, bytes);
    return test::node({.op = "Constant",
                       .outputs = {name},
                       .attributes = {test::tensor_attribute("value", tensor)}});
  }

  // A loop that is being written.
  struct Parts {
    std::string region, id = {};
    // What stands before it.
    std::vector<Message> written = {};
    Vec<std::string> inputs = {}, outputs = {};
    test::GraphSpec body = {};
  };

  // The nodes run once before the loop, which gives what is carried a shape, and anew in each trip. A value that they read
  // is that of the model in the first trip, the third and so on, and its negative in between: two carried values change
  // places. The last trip is an odd one, as a number says, or the condition.
  std::vector<Message> loop(const std::string& region) {
    Parts l{.region = region, .id = fmt::format("loop{}{}", first_, region)};
    const bool ends_early = random_.percent(30), is_open = random_.percent(40);
    begin(l, ends_early, is_open);
    const int a = alternating();
    std::vector<Message> own = nodes(region + "_trip", a, l.id + "_p");
    std::ranges::move(own, std::back_inserter(l.body.nodes));
    if (a >= 0) alternate(l, value(a));
    for (const int v : results_) {
      const std::string& name = value(v).name;
      carry(l, value(v),
            {name + region + "_before", name + region + "_old", name + region + "_trip",
             name + region});
    }
    // Of slices it has to be known how many there are.
    const bool has_slices = !results_.empty() && !ends_early && !is_open && random_.percent(50);
    if (has_slices) add_slices(l, value(results_[0]));
    l.written.push_back(node_of(l));
    if (has_slices) take_slice(l, value(results_[0]));
    return std::move(l.written);
  }

  // Trips and conditions.
  void begin(Parts& l, bool ends_early, bool is_open) const {
    l.written = nodes(l.region + "_before");
    l.written.push_back(constant(l.id + "_yes", DType::kBool, 1));
    l.written.push_back(constant(l.id + "_trips", DType::kI64, ends_early ? 5 : trips_of(m_)));
    const bool is_told = is_open && !ends_early;
    l.inputs = {is_told ? std::string(kTrips) : l.id + "_trips", l.id + "_yes"};
    l.body.inputs = {test::value_info(l.id + "_i", onnx_type(DType::kI64), {}),
                     test::value_info(l.id + "_goes_on", onnx_type(DType::kBool), {})};
    l.body.nodes = {constant(l.id + "_last", DType::kI64, trips_of(m_) - 1),
                    ends_early ? simple("Less", {l.id + "_i", l.id + "_last"}, l.id + "_next")
                               : simple("Identity", {l.id + "_goes_on"}, l.id + "_next")};
    l.body.outputs = {test::value_info(l.id + "_next", onnx_type(DType::kBool), {})};
  }

  struct Carried {
    std::string first, argument, result, last;
  };
  void carry(Parts& l, const Value& like, const Carried& names) const {
    l.inputs.push_back(names.first), l.outputs.push_back(names.last);
    l.body.inputs.push_back(info(like, names.argument));
    l.body.outputs.push_back(info(like, names.result));
  }

  void alternate(Parts& l, const Value& a) const {
    l.written.push_back(simple("Neg", {a.name}, l.id + "_negative"));
    l.body.nodes.push_back(simple("Identity", {l.id + "_q"}, l.id + "_q_on"));
    l.body.nodes.push_back(simple("Identity", {l.id + "_p"}, l.id + "_p_on"));
    carry(l, a, {a.name, l.id + "_p", l.id + "_q_on", l.id + "_p_last"});
    carry(l, a, {l.id + "_negative", l.id + "_q", l.id + "_p_on", l.id + "_q_last"});
  }

  // v is a slice in place of what is carried: that of the last trip.
  void add_slices(Parts& l, const Value& v) const {
    std::ranges::replace(l.outputs, v.name + l.region, l.id + "_unused");
    l.body.nodes.push_back(simple("Identity", {v.name + l.region + "_trip"}, l.id + "_slice"));
    l.body.outputs.push_back(info(v, l.id + "_slice"));
    l.outputs.push_back(l.id + "_slices");
  }

  void take_slice(Parts& l, const Value& v) const {
    l.written.push_back(constant(l.id + "_at", DType::kI64, trips_of(m_) - 1));
    l.written.push_back(simple("Gather", {l.id + "_slices", l.id + "_at"}, v.name + l.region));
  }

  static Message node_of(const Parts& l) {
    const std::string name = "/" + l.id;
    test::NodeSpec spec{.op = "Loop", .name = name};
    spec.inputs.assign(l.inputs.begin(), l.inputs.end());
    spec.outputs.assign(l.outputs.begin(), l.outputs.end());
    spec.attributes = {test::graph_attribute("body", test::graph(l.body))};
    return test::node(spec);
  }

  const Model& m_;
  size_t first_, last_;
  const Binding& closed_;
  Random random_;
  std::set<int> made_;
  Vec<int> results_;
};

}  // namespace

Binding Model::binding() const {
  Binding b;
  for (const Extent& e : extents) b[e.name] = e.value;
  return b;
}

bool Model::is_open(const Dim& d) const {
  bool open = false;
  each_atom(d, [&](const Atom& a) {
    if (a.kind != Atom::Kind::kSymbol) return;
    for (const Extent& e : extents) open |= e.open && e.name == a.symbol;
  });
  return open;
}

bool Model::has(Around around) const {
  return std::ranges::any_of(nodes, [&](const Node& n) { return n.around == around; });
}

bool Model::has_open() const { return std::ranges::any_of(extents, &Extent::open); }

bool Model::allows(const Binding& binding) const {
  return std::ranges::all_of(
      needs, [&](const auto& need) { return value_of(need.first, binding) >= need.second; });
}

Vec<int64_t> shape_of(const Value& v, const Binding& binding) {
  Vec<int64_t> shape;
  for (const Dim& d : v.shape) shape.push_back(value_of(d, binding));
  return shape;
}

Model pruned(const Model& m) {
  std::set<int> wanted(m.outputs.begin(), m.outputs.end());
  Model out{.extents = m.extents,
            .outputs = m.outputs,
            .needs = m.needs,
            .steps = m.steps,
            .seed = m.seed};
  for (size_t i = m.nodes.size(); i-- > 0;) {
    const Node& n = m.nodes[i];
    bool used =
        std::any_of(n.outputs.begin(), n.outputs.end(), [&](int v) { return wanted.contains(v); });
    if (!used) continue;
    wanted.insert(n.inputs.begin(), n.inputs.end());
    wanted.insert(n.outputs.begin(), n.outputs.end());
    out.nodes.insert(out.nodes.begin(), n);
  }
  std::map<int, int> moved{{-1, -1}};
  for (int v : wanted) {
    if (v < 0) continue;
    moved[v] = static_cast<int>(out.values.size());
    out.values.push_back(m.values[static_cast<size_t>(v)]);
  }
  for (int& v : out.outputs) v = moved.at(v);
  for (Node& n : out.nodes) {
    for (int& v : n.inputs) v = moved.at(v);
    for (int& v : n.outputs) v = moved.at(v);
  }
  return out;
}

namespace {

// Numbers may decide extents, which a region would leave to the run; of lists a file would have to say the type.
bool stays_outside(const Model& m, const Node& n) {
  return std::ranges::any_of(n.outputs, [&](int v) {
    const Value& made = m.values[static_cast<size_t>(v)];
    return is_integer(made.dtype) || made.is_opaque;
  });
}

}  // namespace

void put_in_regions(Model& m) {
  Random own(mixed(m.seed, 0x1f));
  if (!own.percent(40)) return;
  const Around around = own.pick({Around::kIf, Around::kLoop, Around::kLoop, Around::kLoopInIf});
  const size_t first = own.below(m.nodes.size());
  for (size_t i = first; i < m.nodes.size() && (i == first || own.percent(80)); ++i) {
    if (stays_outside(m, m.nodes[i])) return;
    m.nodes[i].around = around;
  }
}

Model told(Model m) {
  for (Extent& e : m.extents) {
    bool given = false;
    for (const Value& v : m.values) {
      if (v.role != Value::Role::kInput) continue;
      for (const Dim& d : v.shape) given |= d.as_symbol() == e.name;
    }
    e.open &= given;
  }
  return m;
}

std::string to_onnx(const Model& m) {
  const Binding closed = closed_binding(m);
  test::GraphSpec g;
  for (const Value& v : m.values) {
    if (v.role == Value::Role::kInput) g.inputs.push_back(value_info(v, closed));
    if (v.role != Value::Role::kConstant) continue;
    g.initializers.push_back(test::raw_tensor(v.name, onnx_type(v.dtype), shape_of(v, closed),
                                              bytes_of_value(m, v, closed)));
  }
  if (m.has_branches()) {
    g.inputs.push_back(test::value_info(kCondition, onnx_type(DType::kBool), {}));
  }
  if (m.has_loops()) g.inputs.push_back(test::value_info(kTrips, onnx_type(DType::kI64), {}));
  for (size_t i = 0; i < m.nodes.size();) {
    size_t last = i + 1;
    while (last < m.nodes.size() && m.nodes[last].around == m.nodes[i].around) ++last;
    for (Message& n : RegionWriter(m, i, last, closed).write()) g.nodes.push_back(std::move(n));
    i = last;
  }
  for (int v : m.outputs) g.outputs.push_back(value_info(m.values[static_cast<size_t>(v)], closed));
  return test::model(test::graph(g), 20, 9);
}

Vec<HostTensor> inputs_of(const Model& m, const Binding& binding, int64_t step) {
  Vec<HostTensor> inputs;
  for (const Value& v : m.values) {
    if (v.role != Value::Role::kInput) continue;
    std::string bytes = bytes_of_value(m, v, binding, step);
    inputs.push_back({v.name, v.dtype, shape_of(v, binding), AlignedBytes(bytes_of(bytes))});
  }
  if (m.has_branches()) {
    const std::byte taken[] = {std::byte{m.seed % 2 == 0}};
    inputs.push_back({std::string(kCondition), DType::kBool, {}, AlignedBytes(std::span(taken))});
  }
  if (m.has_loops()) {
    const int64_t trips[] = {trips_of(m)};
    inputs.push_back(
        {std::string(kTrips), DType::kI64, {}, AlignedBytes(std::as_bytes(std::span(trips)))});
  }
  return inputs;
}

Vec<double> tolerances_of(const Model& m) {
  Vec<double> all;
  for (int i : m.outputs) {
    const Value& v = m.values[static_cast<size_t>(i)];
    // Whole numbers that all agree on have no tolerance.
    all.push_back(is_float(v.dtype) ? v.error * 4 : 0);
  }
  return all;
}

std::string to_text(const Model& m) {
  const Binding b = m.binding();
  auto shown = [&](int i) {
    if (i < 0) return std::string("_");
    const Value& v = m.values[static_cast<size_t>(i)];
    const char* role = v.role == Value::Role::kNode    ? ""
                       : v.role == Value::Role::kInput ? "?"
                                                       : "!";
    return fmt::format("{}{}:{}[{}]", v.name, role, name(v.dtype), fmt::join(shape_of(v, b), ","));
  };
  std::string text;
  for (const Extent& e : m.extents) {
    if (e.open) text += fmt::format("open {} = {}\n", e.name, e.value);
  }
  for (const Node& n : m.nodes) {
    Vec<std::string> in, out;
    for (int v : n.inputs) in.push_back(shown(v));
    for (int v : n.outputs) out.push_back(shown(v));
    if (n.around != Around::kNothing) text += n.around == Around::kIf ? "  if: " : "  loop: ";
    text += fmt::format("{} = {}({})\n", fmt::join(out, ", "), n.op, fmt::join(in, ", "));
  }
  Vec<std::string> out;
  for (int v : m.outputs) out.push_back(shown(v));
  return text + fmt::format("outputs {}\n", fmt::join(out, ", "));
}

}  // namespace rlx::random
