// The hooks of operators that make graphs of graphs: gradients and tangents against central differences, what is
// batched against the stack of its runs. What is made is compiled and run; what it is compared with is the model
// itself in the interpreter, node by node.
#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "driver/compile.h"
#include "ir/text.h"
#include "passes/expand_blocks.h"
#include "passes/infer_types.h"
#include "runtime/session.h"
#include "test/driver/hook_cases.h"
#include "test/oracle/run.h"

#if RLX_WITH_LLVM

namespace rlx::test {
namespace {

using Inputs = Vec<std::pair<std::string, Tensor>>;
using Numbers = Vec<double>;

// ---- Models -----------------------------------------------------------------------------------

struct Input {
  std::string name;
  // As it stands in the type.
  std::string shape;
  Vec<int64_t> extents;
};

int64_t extent_of(const std::string& text) {
  if (text == "n") return 3;
  if (text == "m") return 4;
  return std::stoll(text);
}

// "x[n, 5] w[]"
Vec<Input> inputs_of(const std::string& text) {
  Vec<Input> inputs;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find('[', at), close = text.find(']', at);
    Input in{text.substr(at, open - at), text.substr(open, close - open + 1), {}};
    std::string dims = text.substr(open + 1, close - open - 1);
    std::replace(dims.begin(), dims.end(), ',', ' ');
    std::istringstream words(dims);
    for (std::string word; words >> word;) in.extents.push_back(extent_of(word));
    inputs.push_back(std::move(in));
    at = text.find_first_not_of(' ', close + 1);
  }
  return inputs;
}

Tensor real(const Vec<int64_t>& shape, const Numbers& elements, DType type = DType::kF64) {
  Tensor t{type, shape, {}};
  for (const double e : elements) {
    std::byte bytes[8];
    to_bytes(Scalar::of(type, e), bytes);
    t.bytes.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size_of(type)));
  }
  return t;
}

Numbers numbers(const Tensor& t) {
  Numbers out;
  const auto* data = reinterpret_cast<const std::byte*>(t.bytes.data());
  for (int64_t i = 0; i < t.elements(); ++i) {
    out.push_back(scalar_at(t.dtype, data + i * size_of(t.dtype)).as_double());
  }
  return out;
}

// The case's node as %y, summed up with weights to a loss.
class Model {
 public:
  Model(const HookCase& c, unsigned seed) : case_(c), random_(seed), inputs_(inputs_of(c.inputs)) {
    text_ = "graph \"test\" {\n";
    for (const Input& in : inputs_) {
      text_ += fmt::format("  %{0} = input \"{0}\" : f64{1}\n", in.name, in.shape);
    }
    text_ += std::string(c.lines) + "\n";
    auto shape = parse_graph(text_ + "  output \"y\" = %y\n}\n");
    if (!shape) FAIL(rlx::to_text(shape.error()));
    if (auto typed = infer_types(*shape); !typed) FAIL(rlx::to_text(typed.error()));
    const Type& type = (*shape)[shape->outputs()[0]].type;
    text_ += fmt::format("  %weights = input \"weights\" : {}\n", rlx::to_text(type));
    text_ += "  %weighted = mul(%y, %weights)\n  %loss = reduce_sum(%weighted) {keepdims = 0}\n";
    text_ += "  output \"loss\" = %loss\n  output \"y\" = %y\n}\n";
    INFO(text_);
    forward_ = parsed(DType::kF64);
    if (auto typed = infer_types(forward_); !typed) FAIL(rlx::to_text(typed.error()));
    REQUIRE(expand_blocks(forward_).ok());
    Inputs given = drawn(1);
    given.emplace_back("weights", real(shape_of(type), Numbers(elements(shape_of(type)), 1)));
    weights_shape_ = run(given)[1].shape;
  }

  Graph parsed(DType type) const {
    std::string text = text_;
    for (size_t at = 0; type != DType::kF64 && (at = text.find("f64", at)) != std::string::npos;) {
      text.replace(at, 3, std::string(name(type)));
    }
    auto g = parse_graph(text);
    if (!g) FAIL(rlx::to_text(g.error()));
    return std::move(*g);
  }

  const std::string& text() const { return text_; }
  const Vec<Input>& inputs() const { return inputs_; }

  // "x,w"
  std::string names() const {
    std::string names;
    for (const Input& in : inputs_) names += (names.empty() ? "" : ",") + in.name;
    return names;
  }

  Inputs values() {
    Inputs given = drawn(1);
    given.emplace_back("weights", uniform(weights_shape_, -1, 1));
    return given;
  }
  Inputs tangents() {
    Inputs given;
    for (const Input& in : inputs_) given.emplace_back(in.name, uniform(in.extents, -1, 1));
    return given;
  }

  // Loss and y.
  Vec<Tensor> run(const Inputs& given) const {
    Vec<Tensor> ordered;
    for (const auto& [name, tensor] : given) ordered.push_back(tensor);
    auto out = interpret(forward_, ordered);
    if (!out) FAIL(rlx::to_text(out.error()));
    return std::move(*out);
  }

 private:
  static size_t elements(const Vec<int64_t>& shape) {
    size_t n = 1;
    for (const int64_t extent : shape) n *= static_cast<size_t>(extent);
    return n;
  }

  static Vec<int64_t> shape_of(const Type& t) {
    Vec<int64_t> shape;
    for (const Dim& d : t.shape) shape.push_back(evaluate(d, {{"n", 3}, {"m", 4}}).value());
    return shape;
  }

  Tensor uniform(const Vec<int64_t>& shape, double lo, double hi) {
    std::uniform_real_distribution<double> draw(lo, hi);
    Numbers values(elements(shape));
    for (double& v : values) v = draw(random_);
    return real(shape, values);
  }

  Inputs drawn(int) {
    Inputs given;
    for (const Input& in : inputs_) {
      given.emplace_back(in.name, uniform(in.extents, case_.lo, case_.hi));
    }
    return given;
  }

  const HookCase& case_;
  std::mt19937 random_;
  Vec<Input> inputs_;
  std::string text_;
  Graph forward_;
  Vec<int64_t> weights_shape_;
};

// ---- Compiled ---------------------------------------------------------------------------------

HostTensor host(const std::string& name, const Tensor& t) {
  HostTensor h{name, t.dtype, t.shape};
  h.data = AlignedBytes(t.bytes.size());
  if (!t.bytes.empty()) std::memcpy(h.data.data(), t.bytes.data(), t.bytes.size());
  return h;
}

std::map<std::string, Tensor> compiled_run(Graph g, const driver::Options& options,
                                           const Inputs& given, const driver::Dims& dims = {}) {
  auto c = driver::compile(std::move(g),
                           {.target = *parse_target("host"), .dims = dims, .options = options});
  if (!c) FAIL(rlx::to_text(c.error()));
  const runtime::BlobSource source = [&](const Digest& d) -> Result<runtime::Blob> {
    const auto at = std::ranges::find(c->constants.blobs, d, [](const auto& b) { return b.first; });
    REQUIRE(at != c->constants.blobs.end());
    return runtime::Blob{at->second.bytes(), nullptr};
  };
  auto device = runtime::device_for(c->image, {.threads = 2, .check_memory = true});
  REQUIRE(device.ok());
  auto session = runtime::Session::load(c->image, source, std::move(*device));
  REQUIRE(session.ok());
  Vec<HostTensor> inputs;
  for (const auto& [name, tensor] : given) inputs.push_back(host(name, tensor));
  auto outputs = (*session)->run(inputs);
  if (!outputs) FAIL(rlx::to_text(outputs.error()));
  std::map<std::string, Tensor> named;
  for (const HostTensor& t : *outputs) {
    const Bytes b = t.data.bytes();
    named.emplace(t.name, Tensor{t.dtype, t.shape,
                                 std::string(reinterpret_cast<const char*>(b.data()), b.size())});
  }
  return named;
}

// ---- Differences ------------------------------------------------------------------------------

constexpr double kStep = 1e-5;

Inputs moved(Inputs given, size_t input, const Numbers& by, double factor) {
  Numbers values = numbers(given[input].second);
  for (size_t i = 0; i < values.size(); ++i) values[i] += factor * by[i];
  given[input].second = real(given[input].second.shape, values);
  return given;
}

// Of the loss by each element of an input.
Numbers differences(const Model& m, const Inputs& given, size_t input) {
  Numbers slopes;
  const size_t count = numbers(given[input].second).size();
  for (size_t i = 0; i < count; ++i) {
    Numbers unit(count);
    unit[i] = 1;
    const double high = numbers(m.run(moved(given, input, unit, kStep))[0])[0];
    const double low = numbers(m.run(moved(given, input, unit, -kStep))[0])[0];
    slopes.push_back((high - low) / (2 * kStep));
  }
  return slopes;
}

void check_near(const Tensor& got, const Numbers& want, double tolerance) {
  const Numbers have = numbers(got);
  REQUIRE(have.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    INFO("element " << i << " is " << have[i] << ", not " << want[i]);
    CHECK(std::abs(have[i] - want[i]) <= tolerance * std::max(1.0, std::abs(want[i])));
  }
}

Tensor stacked(const Vec<Tensor>& all) {
  Tensor t = all[0];
  t.shape.insert(t.shape.begin(), static_cast<int64_t>(all.size()));
  t.bytes.clear();
  for (const Tensor& one : all) t.bytes += one.bytes;
  return t;
}

bool has(const HookCase& c, std::string_view hook) {
  return c.without.find(hook) == std::string_view::npos;
}

// Each seed draws other numbers.
unsigned seed() {
  const char* text = std::getenv("RLX_HOOKS_SEED");
  return text ? static_cast<unsigned>(std::stoul(text)) : 1;
}

bool is_chosen(const HookCase& c) {
  const char* only = std::getenv("RLX_ONLY");
  return !only || std::string_view(c.lines).find(only) != std::string_view::npos;
}

void check_gradient(const HookCase& c) {
  Model m(c, seed());
  INFO(m.text());
  const Inputs given = m.values();
  const auto got = compiled_run(m.parsed(DType::kF64), {{"grad", "loss:" + m.names()}}, given);
  check_near(got.at("loss"), numbers(m.run(given)[0]), 1e-9);
  for (size_t i = 0; i < m.inputs().size(); ++i) {
    INFO("by " << m.inputs()[i].name);
    const Tensor& grad = got.at("grad_" + m.inputs()[i].name);
    CHECK(grad.shape == m.inputs()[i].extents);
    check_near(grad, differences(m, given, i), 2e-6);
  }
}

void check_tangent(const HookCase& c) {
  Model m(c, seed() + 1);
  INFO(m.text());
  const Inputs given = m.values(), tangents = m.tangents();
  Inputs high = given, low = given, all = given;
  for (size_t i = 0; i < tangents.size(); ++i) {
    high = moved(high, i, numbers(tangents[i].second), kStep);
    low = moved(low, i, numbers(tangents[i].second), -kStep);
    all.emplace_back("tangent_" + tangents[i].first, tangents[i].second);
  }
  const auto got = compiled_run(m.parsed(DType::kF64), {{"jvp", "y:" + m.names()}}, all);
  const Numbers above = numbers(m.run(high)[1]), below = numbers(m.run(low)[1]);
  Numbers want;
  for (size_t i = 0; i < above.size(); ++i) want.push_back((above[i] - below[i]) / (2 * kStep));
  check_near(got.at("tangent_y"), want, 2e-6);
}

// Weights of a convolution over an axis are groups, whose number is known.
bool needs_number(const HookCase& c) {
  return std::string_view(c.lines).find("conv(%x, %w") != std::string_view::npos;
}

// Over an axis of the inputs that `batched` says; the others are those of every index.
void check_batch(const HookCase& c, const Vec<bool>& batched) {
  constexpr size_t kExtent = 3;
  Model m(c, seed() + 2);
  INFO(m.text());
  const Inputs first = m.values();
  Vec<Inputs> runs(kExtent, first);
  std::string names;
  for (size_t i = 0; i < m.inputs().size(); ++i) {
    if (!batched[i]) continue;
    names += (names.empty() ? "" : ",") + m.inputs()[i].name;
    for (Inputs& run : runs) run[i] = m.values()[i];
  }
  INFO("over " << names);
  Inputs given = first;
  for (size_t i = 0; i < m.inputs().size(); ++i) {
    Vec<Tensor> all;
    for (const Inputs& run : runs) all.push_back(run[i].second);
    if (batched[i]) given[i].second = stacked(all);
  }
  Vec<Tensor> want;
  for (const Inputs& run : runs) want.push_back(m.run(run)[1]);
  const auto got = compiled_run(m.parsed(DType::kF64),
                                {{"batch", (needs_number(c) ? "3:" : "examples:") + names}}, given);
  CHECK(got.at("y").shape == stacked(want).shape);
  check_near(got.at("y"), numbers(stacked(want)), 1e-9);
}

// What 16 bits hold of the gradient that f64 has.
void check_narrow(const HookCase& c, DType type) {
  Model m(c, seed());
  INFO(m.text());
  const Inputs given = m.values();
  Inputs narrow;
  for (const auto& [name, tensor] : given) {
    narrow.emplace_back(name, real(tensor.shape, numbers(tensor), type));
  }
  const driver::Options options = {{"grad", "loss:" + m.names()}};
  const auto got = compiled_run(m.parsed(type), options, narrow);
  for (const Input& in : m.inputs()) CHECK(got.at("grad_" + in.name).dtype == type);
}

// ---- Random graphs ----------------------------------------------------------------------------

// From a value of [n, 6] to another: # is the number of the step, IN the value, OTHER one that is there already,
// or an input that broadcasts with it.
constexpr const char* kSteps[] = {
    "%v# = tanh(IN)",
    "%v# = gelu(IN)",
    "%v# = softplus(IN)",
    "%v# = softmax(IN) {axis = 0}",
    "%v# = log_softmax(IN)",
    "%v# = add(IN, OTHER)",
    "%v# = mul(OTHER, IN)",
    "%v# = sub(IN, OTHER)",
    "%v# = max(IN, OTHER)",
    "%a# = matmul(IN, %k)\n%v# = sigmoid(%a#)",
    "%a# = transpose(IN)\n%b# = matmul(IN, %a#)\n%c# = tanh(%b#)\n%v# = matmul(%c#, IN)",
    ("%p# = constant [3, 3] : i64[2]\n%a#, %b# = split(IN, %p#) {axis = 1}\n%c# = sin(%b#)\n"
     "%v# = concat(%c#, %a#) {axis = 1}"),
    "%i# = constant [1] : i64[1]\n%a# = reduce_mean(IN, %i#)\n%v# = sub(IN, %a#)",
    "%i# = constant [0] : i64[1]\n%a# = reduce_max(IN, %i#)\n%v# = add(OTHER, %a#)",
    "%i# = constant 1 : i64[]\n%a# = cum_sum(IN, %i#)\n%v# = tanh(%a#)",
    "%i# = constant [5, 0, 0, 3, -2, 1] : i64[6]\n%v# = gather(IN, %i#) {axis = 1}",
    ("%i# = constant [0, 2, 3] : i64[3]\n%a# = reshape(IN, %i#)\n%b# = softmax(%a#) {axis = 1}\n"
     "%f# = flatten(%b#)\n%v# = mul(%f#, IN)"),
    "%i# = constant [0, 2, 0, -2] : i64[4]\n%a# = pad(IN, %i#)\n%v# = mul(%a#, OTHER)",
    "%l# = less(IN, OTHER)\n%v# = where(%l#, OTHER, IN)",
};

std::string random_lines(unsigned seed, int steps) {
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return random() % n; };
  Vec<std::string> values = {"%x"};
  std::string lines;
  for (int step = 0; step < steps; ++step) {
    const Vec<std::string> inputs = {"%w", "%u", "%x"};
    const std::string in = values[values.size() - 1 - below(std::min<size_t>(2, values.size()))];
    const std::string other =
        below(2) == 0 ? inputs[below(inputs.size())] : values[below(values.size())];
    std::string text = kSteps[below(std::size(kSteps))];
    for (const auto& [mark, word] : {std::pair<std::string, std::string>("OTHER", other),
                                     {"IN", in},
                                     {"#", std::to_string(step)}}) {
      for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += word.size()) {
        text.replace(at, mark.size(), word);
      }
    }
    lines += text + "\n";
    values.push_back("%v" + std::to_string(step));
  }
  return lines + "%y = tanh(" + values.back() + ")";
}

// Words before an open bracket.
std::set<std::string> operators_of(const std::string& lines) {
  std::set<std::string> names;
  for (size_t at = lines.find('('); at != std::string::npos; at = lines.find('(', at + 1)) {
    const size_t begin = lines.find_last_of(" =\n", at) + 1;
    names.insert(lines.substr(begin, at - begin));
  }
  return names;
}

}  // namespace

TEST_CASE("gradients are what differences say") {
  for (const HookCase& c : hook_cases()) {
    if (is_chosen(c) && has(c, "grad")) check_gradient(c);
  }
}

TEST_CASE("gradients and tangents of random graphs") {
  constexpr unsigned kGraphs = 12;
  for (unsigned i = 0; i < kGraphs; ++i) {
    const std::string lines = random_lines(seed() * kGraphs + i, 3 + static_cast<int>(i % 5));
    const HookCase c{"x[n, 6] w[6] u[n, 1] k[6, 6]", lines.c_str()};
    check_gradient(c);
    check_tangent(c);
  }
}

TEST_CASE("tangents are what differences say") {
  for (const HookCase& c : hook_cases()) {
    if (is_chosen(c) && has(c, "jvp")) check_tangent(c);
  }
}

TEST_CASE("what is batched is the stack of its runs") {
  for (const HookCase& c : hook_cases()) {
    if (!is_chosen(c) || !has(c, "batch")) continue;
    const size_t inputs = inputs_of(c.inputs).size();
    check_batch(c, Vec<bool>(inputs, true));
    for (size_t i = 0; inputs > 1 && i < inputs; ++i) {
      Vec<bool> one(inputs);
      one[i] = true;
      check_batch(c, one);
    }
  }
}

TEST_CASE("gradients of 16-bit floats have their type") {
  for (const HookCase& c : hook_cases()) {
    // Text has constants of 16 bits as bits.
    const bool has_constant = std::string_view(c.lines).find(": f64") != std::string_view::npos;
    if (is_chosen(c) && has(c, "f16") && !has_constant) check_narrow(c, DType::kF16);
  }
}

TEST_CASE("a tangent of a gradient is a Hessian times a vector") {
  const HookCase c{"x[n, 4]", "%e = exp(%x)\n%s = softmax(%e)\n%y = mul(%s, %x)"};
  Model m(c, seed());
  const Inputs given = m.values();
  const Inputs tangents = m.tangents();
  Inputs all = given;
  all.emplace_back("tangent_x", tangents[0].second);
  const auto got =
      compiled_run(m.parsed(DType::kF64), {{"grad", "loss:x"}, {"jvp", "grad_x:x"}}, all);
  const auto grad_at = [&](double factor) {
    const Inputs there = moved(given, 0, numbers(tangents[0].second), factor * kStep);
    return numbers(compiled_run(m.parsed(DType::kF64), {{"grad", "loss:x"}}, there).at("grad_x"));
  };
  const Numbers above = grad_at(1), below = grad_at(-1);
  Numbers want;
  for (size_t i = 0; i < above.size(); ++i) want.push_back((above[i] - below[i]) / (2 * kStep));
  check_near(got.at("tangent_grad_x"), want, 2e-6);
}

// Where two branches meet, differences see their mean.
TEST_CASE("gradients at 0") {
  struct Corner {
    const char* lines;
    double slope;
  };
  for (const Corner& c : {Corner{"%y = relu(%x)", 0},
                          {"%y = abs(%x)", 1},
                          {"%y = celu(%x)", 1},
                          {"%y = elu(%x)", 1},
                          {"%y = softsign(%x)", 1},
                          {"%y = sign(%x)", 0},
                          {"%y = celu(%x) {alpha = 0.5}", 1},
                          {"%y = gelu(%x)", 0.5},
                          {"%y = reduce_l2(%x)", 0},
                          {"%y = reduce_l1(%x)", 0}}) {
    INFO(c.lines);
    const HookCase one{"x[1]", c.lines};
    Model m(one, seed());
    const Inputs given = {{"x", real({1}, {0})}, {"weights", real({1}, {1})}};
    const auto got = compiled_run(m.parsed(DType::kF64), {{"grad", "loss:x"}}, given);
    check_near(got.at("grad_x"), {c.slope}, 1e-12);
    Inputs along = given;
    along.emplace_back("tangent_x", real({1}, {1}));
    check_near(compiled_run(m.parsed(DType::kF64), {{"jvp", "y:x"}}, along).at("tangent_y"),
               {c.slope}, 1e-12);
  }
}

// What comes back is infinite where relu is flat: nothing of it goes on.
TEST_CASE("gradients choose") {
  const HookCase c{"x[2]", "%r = relu(%x)\n%y = reciprocal(%r)"};
  Model m(c, seed());
  const Inputs given = {{"x", real({2}, {-1, 2})}, {"weights", real({2}, {1, 1})}};
  const auto got = compiled_run(m.parsed(DType::kF64), {{"grad", "loss:x"}}, given);
  check_near(got.at("grad_x"), {0, -0.25}, 1e-12);
}

// Weights have the axis in the gradient alone, so that the number of examples has to be known.
TEST_CASE("gradients over an axis are those of each example") {
  const HookCase c{"x[1, 2, 6, 5] w[3, 2, 3, 3]",
                   "%z = conv(%x, %w) {pads = [1, 1, 1, 1], strides = [2, 1]}\n%y = tanh(%z)"};
  Model m(c, seed());
  Inputs given = m.values();
  Vec<Tensor> images, want;
  for (int i = 0; i < 3; ++i) {
    images.push_back(m.values()[0].second);
    given[0].second = images.back();
    want.push_back(compiled_run(m.parsed(DType::kF64), {{"grad", "loss:w"}}, given).at("grad_w"));
  }
  given[0].second = stacked(images);
  const driver::Options options = {{"batch", "examples:x"}, {"grad", "loss:w"}};
  const auto got = compiled_run(m.parsed(DType::kF64), options, given, {{"examples", 3}});
  CHECK(got.at("loss").shape == Vec<int64_t>{3});
  check_near(got.at("grad_w"), numbers(stacked(want)), 1e-9);
}

// A row of the unit matrix for each index of the axis.
TEST_CASE("tangents over an axis are a Jacobian") {
  const HookCase c{"x[5]", "%y = softmax(%x)"};
  Model m(c, seed());
  Inputs given = m.values();
  const Numbers y = numbers(m.run(given)[1]);
  Numbers unit, want;
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = 0; j < 5; ++j) {
      unit.push_back(i == j ? 1 : 0);
      want.push_back(y[j] * ((i == j ? 1 : 0) - y[i]));
    }
  }
  given.emplace_back("tangent_x", real({5, 5}, unit));
  const auto got =
      compiled_run(m.parsed(DType::kF64), {{"batch", "k:tangent_x"}, {"jvp", "y:x"}}, given);
  check_near(got.at("tangent_y"), want, 1e-9);
}

TEST_CASE("every operator with a gradient is tried") {
  std::set<std::string> tried;
  for (const HookCase& c : hook_cases()) tried.merge(operators_of(c.lines));
  // What takes or gives no floats has none to try; the difference of a cast to f32 is not of f64.
  const std::set<std::string> without = {"cast",   "equal",  "greater", "greater_or_equal",
                                         "is_inf", "is_nan", "less",    "less_or_equal"};
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    const bool has_floats = (op->dtypes.bits & kFloats.bits) != 0;
    CHECK((!op->grad || !has_floats || without.contains(std::string(op->name)) ||
           tried.contains(std::string(op->name))));
  }
}

}  // namespace rlx::test

#endif
