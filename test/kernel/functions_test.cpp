// The table of scalar functions: derivatives against finite differences, and what docs/numerics.md says.
#include "kernel/functions.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <random>
#include <regex>

#include "kernel/eval.h"

namespace rlx {
namespace {

// A function of f64 with its partial derivatives, as one body.
class Derived {
 public:
  explicit Derived(const Function& f) : f_(f) {
    Vec<Real> x;
    for (int i = 0; i < f.operands; ++i) x.push_back(operand(static_cast<uint32_t>(i)));
    Expr call{.fn = f.fn, .type = DType::kF64};
    for (Real operand : x) call.args.push_back(operand.id);
    Real value{&body_, add(body_, call)};
    roots_ = {value.id};
    for (Real partial : f.derive(x, value)) roots_.push_back(partial.id);
    expand_math(body_, roots_);
  }

  bool is_condition(int i) const { return f_.fn == Fn::kSelect && i == 0; }
  size_t partials() const { return roots_.size() - 1; }

  // The value, then the partials.
  Vec<double> operator()(const Vec<double>& x) const {
    Vec<Scalar> values;
    for (const Expr& e : body_) values.push_back(value_of(e, x, values));
    Vec<double> out;
    for (ExprId root : roots_) out.push_back(values[root.index].f);
    return out;
  }

 private:
  Real operand(uint32_t i) {
    DType type = is_condition(static_cast<int>(i)) ? DType::kBool : DType::kF64;
    return {&body_, add(body_, {.fn = Fn::kLoad, .type = type, .index = i})};
  }

  static Scalar value_of(const Expr& e, const Vec<double>& x, const Vec<Scalar>& values) {
    if (e.fn == Fn::kConst) return e.scalar;
    if (e.fn == Fn::kLoad) {
      return Scalar::of(e.type, e.type == DType::kBool ? x[0] > 0 : x[e.index]);
    }
    std::byte memory[4][8];
    Vec<const std::byte*> args;
    for (size_t i = 0; i < e.args.size(); ++i) {
      to_bytes(values[e.args[i].index], memory[i]);
      args.push_back(memory[i]);
    }
    eval(e.fn, values[e.args.back().index].dtype, e.type, args, memory[3], 1);
    return scalar_at(e.type, memory[3]);
  }

  const Function& f_;
  Body body_;
  Vec<ExprId> roots_;
};

// The worst partial derivative at x against a central difference, relative to 1 + its size; nothing
// where the function is not defined around x.
std::optional<double> error_at(const Derived& f, const Vec<double>& x) {
  Vec<double> all = f(x);
  double worst = 0;
  size_t operand = x.size() - f.partials();
  for (size_t p = 1; p < all.size(); ++p, ++operand) {
    double step = 1e-5 * std::max(std::fabs(x[operand]), 1e-3);
    Vec<double> below = x, above = x;
    below[operand] -= step;
    above[operand] += step;
    double difference = (f(above)[0] - f(below)[0]) / (above[operand] - below[operand]);
    if (!std::isfinite(difference)) return std::nullopt;
    double error = std::fabs(all[p] - difference) / (1 + std::fabs(difference));
    worst = error <= worst ? worst : error;
  }
  return worst;
}

// The first number of each cell behind the row that names the function in its first.
std::optional<std::pair<double, double>> told_errors(const std::string& page,
                                                     std::string_view name) {
  std::regex row("\\n\\|[^|\\n]*`" + std::string(name) +
                 "`[^|\\n]*\\| ([0-9.]+)[^|\\n]*\\| ([0-9.]+)");
  std::smatch match;
  if (!std::regex_search(page, match, row)) return std::nullopt;
  return std::pair(std::stod(match[1]), std::stod(match[2]));
}

}  // namespace

TEST_CASE("derivatives are those of finite differences") {
  for (int fn = 0; fn < kFnCount; ++fn) {
    const Function& function = function_of(static_cast<Fn>(fn));
    INFO(function.name);
    CHECK((function.derive || !function.expand));
    if (!function.derive) continue;
    Derived f(function);
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> at(-3, 3);
    int points = 0;
    for (int i = 0; i < 400; ++i) {
      Vec<double> x;
      for (int operand = 0; operand < function.operands; ++operand) x.push_back(at(random));
      auto error = error_at(f, x);
      if (!error) continue;
      INFO("at " << Catch::rangeToString(x));
      CHECK(*error < 1e-5);
      ++points;
    }
    CHECK(points >= 80);
  }
}

TEST_CASE("docs/numerics.md tells the errors of the table") {
  std::ifstream in(RLX_TEST_SOURCE_DIR "/../docs/numerics.md");
  std::string page((std::istreambuf_iterator<char>(in)), {});
  for (int fn = kCoreFnCount; fn < kFnCount; ++fn) {
    const Function& f = function_of(static_cast<Fn>(fn));
    INFO(f.name);
    CHECK(told_errors(page, f.name) == std::pair(f.ulp_f32, f.ulp_f64));
  }
}

}  // namespace rlx
