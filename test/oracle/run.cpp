#include "test/oracle/run.h"

#include <catch2/catch.hpp>

#include "ir/text.h"
#include "kernel/storage.h"
#include "passes/expand_blocks.h"
#include "passes/infer_types.h"

namespace rlx::test {

Tensor bools(Vec<int64_t> shape, const Vec<bool>& elements) {
  Tensor t{DType::kBool, std::move(shape), {}};
  for (bool b : elements) t.bytes.push_back(b ? 1 : 0);
  return t;
}

Tensor random_f32(Vec<int64_t> shape, uint32_t seed) {
  Tensor t{DType::kF32, std::move(shape), {}};
  Vec<float> elements(static_cast<size_t>(t.elements()));
  uint32_t state = seed * 2654435761U + 1;
  for (float& e : elements) {
    state = state * 1664525U + 1013904223U;
    e = static_cast<float>(state >> 8) / static_cast<float>(1 << 23) - 1;
  }
  return f32(t.shape, elements);
}

float at(const Tensor& t, const Vec<int64_t>& index) {
  int64_t flat = 0;
  for (size_t i = 0; i < index.size(); ++i) flat = flat * t.shape[i] + index[i];
  float value = 0;
  std::memcpy(&value, t.bytes.data() + flat * 4, 4);
  return value;
}

void each_index(const Vec<int64_t>& shape, const std::function<void(const Vec<int64_t>&)>& f) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  for (int64_t i = 0; i < count; ++i) {
    Vec<int64_t> index(shape.size());
    int64_t rest = i;
    for (size_t axis = shape.size(); axis-- > 0; rest /= shape[axis]) {
      index[axis] = rest % shape[axis];
    }
    f(index);
  }
}

namespace {

std::string first_line(const Error& e) { return rlx::to_text(e.first()); }

}  // namespace

Result<Graph> graph_of(std::string_view lines) {
  RLX_TRY(Graph g, parse_graph("graph \"test\" {\n" + std::string(lines) + "\n}\n"));
  RLX_TRY_VOID(infer_types(g));
  return g;
}

Tensor run(std::string_view lines, const Vec<Tensor>& inputs) {
  auto g = graph_of(lines);
  INFO(lines);
  if (!g) FAIL(rlx::to_text(g.error()));
  REQUIRE(expand_blocks(*g).ok());
  auto outputs = interpret(*g, inputs);
  if (!outputs) FAIL(rlx::to_text(outputs.error()));
  return outputs->front();
}

std::string inferred(std::string_view lines) {
  auto g = graph_of(lines);
  return g ? rlx::to_text((*g)[g->outputs()[0]].type) : first_line(g.error());
}

std::string known(std::string_view lines) {
  auto g = graph_of(lines);
  if (!g) return first_line(g.error());
  const ValueId v = g->outputs()[0];
  if ((*g)[v].def.kind == ValueDef::Kind::kDims) return rlx::to_text((*g)[v].def.dims);
  const Constant* c = g->constant_of(v);
  auto integers = c ? integers_of(*c) : std::nullopt;
  return integers ? rlx::to_text(Vec<Dim>(integers->begin(), integers->end())) : "unknown";
}

// ---- Comparing --------------------------------------------------------------------------------

namespace {

Vec<double> numbers(const Tensor& t) {
  Vec<double> result;
  const auto* data = reinterpret_cast<const std::byte*>(t.bytes.data());
  for (int64_t i = 0; i < t.elements(); ++i) {
    result.push_back(scalar_at(t.dtype, data + bytes_of(t.dtype, i)).as_double());
  }
  return result;
}

bool near(double got, double want, double tolerance) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  if (got == want) return true;
  return std::fabs(got - want) <= tolerance * std::max(1.0, std::fabs(want));
}

}  // namespace

bool near(const Tensor& got, const Tensor& want, double tolerance) {
  bool same = got.dtype == want.dtype && got.shape == want.shape;
  const Vec<double> a = numbers(got);
  const Vec<double> b = numbers(want);
  for (size_t i = 0; same && i < a.size(); ++i) same = near(a[i], b[i], tolerance);
  UNSCOPED_INFO("got " << to_text(got) << "\nwant " << to_text(want));
  return same;
}

std::string to_text(const Tensor& t) {
  std::string text(name(t.dtype));
  text += "[";
  for (int64_t extent : t.shape) text += std::to_string(extent) + " ";
  text += "]:";
  for (double d : numbers(t)) text += " " + Catch::StringMaker<double>::convert(d);
  return text;
}

}  // namespace rlx::test
