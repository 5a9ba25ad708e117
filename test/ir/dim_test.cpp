#include "ir/dim.h"

#include <catch2/catch.hpp>
#include <random>
#include <thread>

namespace rlx {
namespace {

Dim operator""_d(const char* text, size_t size) {
  auto d = parse_dim(std::string_view(text, size));
  INFO(std::string(text, size));
  if (!d) FAIL(to_text(d.error()));
  return *d;
}

// Loops i0, i1, ... run over these extents; symbols are at least 1.
RangeOf ranges_of(const Vec<Dim>& extents) {
  return [extents](const Atom& a) -> DimRange {
    if (a.kind == Atom::Kind::kSymbol) return {.lo = 1, .hi = INT32_MAX};
    return {.lo = 0, .hi = extents.at(a.loop.index) - 1};
  };
}

std::string simplified(const Dim& d, const Vec<Dim>& extents = {}) {
  return to_text(simplify(d, ranges_of(extents)));
}

}  // namespace

TEST_CASE("polynomials have one form") {
  CHECK("b * (a + 1) - b"_d == "a * b"_d);
  CHECK("(a + b) * (a - b)"_d == "a * a - b * b"_d);
  CHECK(("a"_d - "a"_d).is(0));
  CHECK("2 * 3 + 4"_d.is(10));
  CHECK("a + 0 * b"_d.as_symbol() == "a");
  CHECK(Dim::loop(LoopId(3)).as_loop() == LoopId(3));
  CHECK(product({2, "a"_d, 3}) == "a * 6"_d);
  CHECK(Dim(INT64_MIN).constant() == INT64_MIN);
}

TEST_CASE("what leaves 64 bits has no value, and stays without") {
  const Dim most = INT64_MAX, least = INT64_MIN, n = "n"_d;
  const Vec<Dim> gone = {most + 1,
                         least - 1,
                         most * 2,
                         n * most * 2,
                         Dim(0) - least,
                         ceil_div(most, 2),
                         product({n, most, 4}),
                         mod(least - 1, 7),
                         max(n, most + 1)};
  for (const Dim& d : gone) {
    CHECK(d.is_overflow());
    const Dim same = d;
    for (const Dim& made : {d + 1, d - same, d * 0, floor_div(d, 2), mod(n, d), min(d, 1)}) {
      CHECK(made.is_overflow());
    }
    CHECK(!d.constant());
    CHECK(!evaluate(d, {{"n", 1}}));
    CHECK(has_no_value(d));
    CHECK(to_text(d) == "overflow");
    CHECK(d == substitute_symbols(d, {{"n", 2}}));
    CHECK(!proven_nonnegative(d, ranges_of({})));
    CHECK(simplify(d, ranges_of({})) == d);
  }
  // These stay.
  CHECK(mod(least, 3) == 1);
  CHECK(floor_div(least, 3) == Dim(-3074457345618258603));
  CHECK(floor_div(n + least, 3) == floor_div(n + 1, 3) - Dim(3074457345618258603));
  CHECK(most + least == -1);
}

TEST_CASE("numbers that no pointer holds are numbers") {
  for (int64_t c : {INT64_MAX, INT64_MAX / 2 + 1, INT64_MIN / 2 - 1, INT64_MIN}) {
    CHECK(Dim(c) == Dim(c));
    CHECK(Dim(c).is(c));
    CHECK(Dim(c).constant() == c);
    CHECK(Dim(c).terms().size() == 1);
    CHECK((Dim(c) + "n"_d) - "n"_d == c);
  }
  CHECK(Dim(INT64_MAX / 2) + 1 == INT64_MAX / 2 + 1);
  CHECK(Dim(INT64_MAX) - INT64_MAX / 2 == INT64_MAX / 2 + 1);
}

TEST_CASE("dims are ordered by their terms") {
  const Vec<Dim> ordered = {0,
                            "a * b"_d,
                            "a * b + 1"_d,
                            "a"_d,
                            "a + 1"_d,
                            "2 * a"_d,
                            "b"_d,
                            Dim::loop(LoopId(0)),
                            Dim::loop(LoopId(1)),
                            "a floordiv 2"_d,
                            INT64_MIN,
                            -1,
                            Dim::overflow(),
                            1,
                            INT64_MAX};
  for (size_t i = 0; i < ordered.size(); ++i) {
    for (size_t j = 0; j < ordered.size(); ++j) {
      INFO(to_text(ordered[i]) + ", " + to_text(ordered[j]));
      CHECK((ordered[i] <=> ordered[j]) == (i <=> j));
    }
  }
}

TEST_CASE("threads that make the same dims get the same") {
  constexpr int kThreads = 4, kDims = 2000;
  Vec<Vec<Dim>> made(kThreads);
  Vec<std::thread> threads;
  for (Vec<Dim>& mine : made) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < kDims; ++i) {
        const Dim n = Dim::symbol("thread" + std::to_string(i));
        mine.push_back(floor_div(n * n + i, 7) + Dim::loop(LoopId(size_t(i))));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const Vec<Dim>& mine : made) CHECK(mine == made[0]);
}

TEST_CASE("a divisor that is none leaves an expression without a value") {
  const Dim n = "n"_d;
  for (const Dim& d : {floor_div(n, 0), mod(n, 0), floor_div(6, -2), floor_div(n, 0) + 3,
                       max(mod(4, 0), n), substitute_symbols(floor_div(6, n), {{"n", 0}})}) {
    CHECK(has_no_value(d));
    CHECK(!d.constant());
    CHECK(!evaluate(d, {{"n", 1}}));
    simplify(d, ranges_of({}));
  }
  CHECK(!has_no_value(floor_div(6, n)));
}

TEST_CASE("dims print as they are read") {
  CHECK(to_text("64*batch + 1"_d) == "batch * 64 + 1");
  CHECK(to_text("1 - batch"_d) == "-batch + 1");
  CHECK(to_text("s0 // 2"_d) == "s0 floordiv 2");
  CHECK(to_text("(s0 // 2) * 3 - 4"_d) == "(s0 floordiv 2) * 3 - 4");
  CHECK(to_text("0 - s0 mod 2"_d) == "-(s0 mod 2)");
  CHECK(to_text("max(a, min(b, 3))"_d) == "max(a, min(b, 3))");
  CHECK(to_text("(s0 + 1) % n"_d) == "(s0 + 1) mod n");
  CHECK(to_text(Dim::loop(LoopId(3)) * 2) == "i3 * 2");
  CHECK(to_text("a ceildiv 2"_d) == "(a + 1) floordiv 2");
  CHECK(to_text(Vec<Dim>{"batch"_d, 3}) == "[batch, 3]");
}

TEST_CASE("names that mean something else are quoted") {
  for (const char* name : {"", "i3", "mod", "a b", "3d", "\"", "?", "s0//2", "x\n", "-a"}) {
    Dim d = Dim::symbol(name) * 2;
    CHECK(to_text(d)[0] == '"');
    CHECK(parse_dim(to_text(d)).ok());
    CHECK(*parse_dim(to_text(d)) == d);
  }
  for (const char* name : {"a-b", "x.0", "unk__1", "/enc/s:0", "in", "i3x", "model"}) {
    if (name[0] == '/') continue;
    CHECK(to_text(Dim::symbol(name)) == name);
    CHECK("a-b"_d.as_symbol() == "a-b");
  }
}

TEST_CASE("texts that are no dims are refused with the place") {
  for (const char* text : {"", "a +", "a b", "(a", "a floordiv 0", "a mod -1", "mod", "min(a)",
                           "9223372036854775808", "9223372036854775807 * 9", "\"a", "\"\\q\"",
                           "4611686018427387904 * a + 4611686018427387904 * a"}) {
    INFO(text);
    auto d = parse_dim(text);
    REQUIRE_FALSE(d.ok());
    CHECK(d.error().first().message.starts_with("line 1, column "));
  }
  CHECK_FALSE(parse_dim(std::string(1000, '(')).ok());
  CHECK_FALSE(parse_dim(std::string(1000, '-') + "a").ok());
  CHECK("-9223372036854775808"_d.is(INT64_MIN));
  CHECK(to_text("a - 9223372036854775807 - 1"_d) == "a + -9223372036854775808");
}

TEST_CASE("divisions are solved where no range is needed") {
  CHECK("(a * 64) floordiv 64"_d == "a"_d);
  CHECK("(a * 64 + b) floordiv 64"_d == "a + b floordiv 64"_d);
  CHECK("(a * 64 + b + 65) floordiv 64"_d == "a + 1 + (b + 1) floordiv 64"_d);
  CHECK("(a - 1) floordiv 2 + 1"_d == "a ceildiv 2"_d);
  CHECK("(-7) floordiv 2"_d.is(-4));
  CHECK("(-7) mod 2"_d.is(1));
  CHECK("(a * b + c * b) floordiv b"_d == "a + c"_d);
  CHECK("(a floordiv 2) floordiv 3"_d == "a floordiv 6"_d);
  CHECK("((h + 1) floordiv 2 + 1) floordiv 2"_d == "(h + 3) floordiv 4"_d);
  CHECK("(a * 4 + 2) floordiv 8"_d == "a floordiv 2"_d);
  CHECK("(a * 4 + 2) mod 8"_d == "(a mod 2) * 4 + 2"_d);
  CHECK("(i * s + i * t + j) floordiv (s + t)"_d == "i + j floordiv (s + t)"_d);
  CHECK("(i * s + i * t + j) mod (s + t)"_d == "j mod (s + t)"_d);
  CHECK("(a * 128 + b) mod 64"_d == "b mod 64"_d);
  CHECK("(a mod 128 + b) mod 64"_d == "(a + b) mod 64"_d);
  CHECK("a mod 1"_d.is(0));
  CHECK("0 floordiv n"_d.is(0));
  CHECK("(a * n * 3) floordiv (n * 2)"_d == "a + a floordiv 2"_d);
}

TEST_CASE("min and max keep what can be the answer") {
  CHECK("min(3, 5)"_d.is(3));
  CHECK("max(a, a)"_d == "a"_d);
  CHECK("min(a + 1, a)"_d == "a"_d);
  CHECK("max(max(a, 3), max(5, a))"_d == "max(a, 5)"_d);
  CHECK("min(b, a)"_d == "min(a, b)"_d);
  CHECK("min(min(c, a), b)"_d == "min(a, min(b, c))"_d);
}

TEST_CASE("exact division of polynomials") {
  CHECK(exact_div("a * 6 + b * 9"_d, 3) == "a * 2 + b * 3"_d);
  CHECK(exact_div("a * b + b"_d, "b"_d) == "a + 1"_d);
  CHECK(exact_div("a * a - b * b"_d, "a + b"_d) == "a - b"_d);
  CHECK(exact_div("a * 3"_d, -3) == "-a"_d);
  CHECK_FALSE(exact_div("a + 1"_d, "a"_d));
  CHECK_FALSE(exact_div("a"_d, 2));
  CHECK_FALSE(exact_div("a"_d, 0));
}

TEST_CASE("indexes of reshapes and transposes come apart") {
  // i0: batch, i1: heads, i2: seq, i3: 64.
  Vec<Dim> extents{"batch"_d, "heads"_d, "seq"_d, 64};
  CHECK(simplified("(i1 * 64 + i3) floordiv 64"_d, extents) == "i1");
  CHECK(simplified("(i1 * 64 + i3) mod 64"_d, extents) == "i3");
  CHECK(simplified("(i0 * seq + i2) floordiv seq"_d, extents) == "i0");
  CHECK(simplified("(i0 * seq + i2) mod seq"_d, extents) == "i2");
  CHECK(simplified("(i0 * seq * 64 + i2 * 64 + i3) floordiv (seq * 64)"_d, extents) == "i0");
  CHECK(simplified("(i0 * seq * 64 + i2 * 64 + i3) mod (seq * 64)"_d, extents) == "i2 * 64 + i3");
  CHECK(simplified("(i2 * 64 + i3) floordiv (seq * 64)"_d, extents) == "0");
  Dim flat = "((i0 * heads + i1) * seq + i2) * 64 + i3"_d;
  CHECK(simplified(mod(floor_div(flat, 64), "heads * seq"_d), extents) == "seq * i1 + i2");
  CHECK(simplified(mod(floor_div(flat, "seq * 64"_d), "heads"_d), extents) == "i1");
  CHECK(simplified(mod(floor_div(flat, 64), "seq"_d), extents) == "i2");
  CHECK(simplified("(i1 * 64 + i3) floordiv 128"_d, extents) == "i1 floordiv 2");
  CHECK(simplified("(i1 * 64 + i3) mod 128"_d, extents) == "i3 + (i1 mod 2) * 64");
}

TEST_CASE("a quotient and its remainder join again") {
  Vec<Dim> extents{"n"_d, 64};
  CHECK(simplified("(i0 floordiv 7) * 7 + i0 mod 7"_d, extents) == "i0");
  CHECK(simplified("(i0 mod 7) * 3 + (i0 floordiv 7) * 21 + 5"_d, extents) == "i0 * 3 + 5");
  CHECK(simplified("(i0 floordiv s) * s + i0 mod s"_d, extents) == "i0");
  CHECK(simplified("((i0 floordiv 3) floordiv 5) * 5 + (i0 floordiv 3) mod 5"_d, extents) ==
        "i0 floordiv 3");
  Dim x = "i0 * 64 + i1"_d;
  CHECK(simplified(floor_div(x, 128) * 128 + mod(x, 128), extents) == "i0 * 64 + i1");
  CHECK(simplified("((i0 floordiv 7) * 7 + i0 mod 7) floordiv n"_d, extents) == "0");
}

TEST_CASE("ranges decide min and max") {
  Vec<Dim> extents{"n"_d, 64};
  CHECK(simplified("max(i0, 0)"_d, extents) == "i0");
  CHECK(simplified("min(i0, n)"_d, extents) == "i0");
  CHECK(simplified("max(n, 1)"_d, extents) == "n");
  CHECK(simplified("min(i1, 40)"_d, extents) == "min(i1, 40)");
  CHECK(simplified("max(a, b)"_d, extents) == "max(a, b)");
}

TEST_CASE("what is not negative") {
  Vec<Dim> extents{"n"_d, 64, "(n + 1) floordiv 2"_d, "n floordiv 2"_d};
  auto proven = [&](const Dim& d) { return proven_nonnegative(d, ranges_of(extents)); };
  CHECK(proven("a * b - a - b + 1"_d));
  CHECK(proven("n * 64 - 1 - i0 * 64 - i1"_d));
  CHECK(proven("n floordiv 2 - 1 - i3"_d));
  CHECK(proven("n - 2 * (n floordiv 2)"_d));
  CHECK(proven("n - i3 * 2 - 2"_d));
  CHECK(proven("n - i2 * 2 - 1"_d));
  CHECK(proven("9 - (i1 * 10) floordiv 64"_d));
  CHECK(proven("6 - i0 mod 7"_d));
  CHECK(proven("n - 1 - (i0 * 64 + i1) floordiv 64"_d));
  CHECK(proven("min(a, b) * min(c, 3)"_d));
  CHECK(proven("a - min(a, b)"_d));
  CHECK(proven("max(a, b) - a"_d));
  CHECK_FALSE(proven("a - b"_d));
  CHECK_FALSE(proven("n - 2"_d));
  CHECK_FALSE(proven("n floordiv 2 - 1"_d));
  CHECK_FALSE(proven("-a"_d));
  // Bounds of products that do not fit 64 bits end the proof, not the process.
  CHECK_FALSE(proven("1 - a * b * c * d * e"_d));
}

TEST_CASE("substitution folds again") {
  std::map<std::string, Dim> values{{"n", 8}, {"m", "n + 1"_d}};
  CHECK(substitute_symbols("(a * n + 3) floordiv n"_d, values) == "a + 3 floordiv 8"_d);
  CHECK(substitute_symbols("(m * 2) floordiv 2"_d, values) == "n + 1"_d);
  CHECK(substitute_symbols("max(n, 9) + n mod 3"_d, values).is(11));
  int seen = 0;
  each_atom("max(a, b mod 3) * c"_d, [&](const Atom&) { ++seen; });
  CHECK(seen == 5);
}

TEST_CASE("evaluation says where it has no answer") {
  CHECK(evaluate("a * 2 - 7 floordiv b"_d, {{"a", 5}, {"b", 2}}) == 7);
  CHECK_FALSE(evaluate("a"_d, {}));
  CHECK_FALSE(evaluate("3 floordiv b"_d, {{"b", 0}}));
  CHECK_FALSE(evaluate("a * a"_d, {{"a", INT64_MAX}}));
  CHECK_FALSE(evaluate(Dim::loop(LoopId(0)), {}));
}

// ---- Random expressions -----------------------------------------------------------------------

namespace {

class RandomDims {
 public:
  explicit RandomDims(uint32_t seed) : random_(seed) {}

  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }

  // The symbols a, b, c, d.
  Dim leaf() {
    if (below(3) == 0) return below(200) - 60;
    return Dim::symbol(std::string(1, static_cast<char>('a' + below(4))));
  }

  Dim positive() { return below(2) == 0 ? Dim(1 + below(12)) : max(leaf(), 1); }

  Dim expression(int depth) {
    if (depth == 0) return leaf();
    Dim x = expression(depth - 1), y = below(2) == 0 ? leaf() : expression(depth - 1);
    switch (below(9)) {
      case 0:
      case 1: return x + y;
      case 2: return x - y;
      case 3: return x * leaf();
      case 4: return floor_div(x, positive());
      case 5: return mod(x, positive());
      case 6: return min(x, y);
      case 7: return max(x, y);
    }
    return ceil_div(x, positive());
  }

  std::map<std::string, int64_t> symbols() {
    std::map<std::string, int64_t> values;
    for (const char* name : {"a", "b", "c", "d"}) values[name] = 1 + below(40);
    return values;
  }

 private:
  std::mt19937 random_;
};

DimRange up_to_forty(const Atom&) { return {.lo = 1, .hi = 40}; }

}  // namespace

TEST_CASE("random dims survive printing and parsing") {
  RandomDims random(1);
  for (int i = 0; i < 3000; ++i) {
    Dim d = random.expression(1 + i % 4);
    auto parsed = parse_dim(to_text(d));
    INFO(to_text(d));
    REQUIRE(parsed.ok());
    REQUIRE(*parsed == d);
  }
}

TEST_CASE("simplification keeps every value") {
  RandomDims random(2);
  for (int i = 0; i < 3000; ++i) {
    Dim d = random.expression(1 + i % 4), s = simplify(d, up_to_forty);
    INFO(to_text(d) << "   ->   " << to_text(s));
    for (int k = 0; k < 8; ++k) {
      auto values = random.symbols();
      auto value = evaluate(d, values);
      REQUIRE(value);
      REQUIRE(evaluate(s, values) == value);
    }
  }
}

TEST_CASE("what is proven holds") {
  RandomDims random(3);
  int proven = 0;
  for (int i = 0; i < 3000; ++i) {
    Dim d = random.expression(1 + i % 4) + random.below(100);
    if (!proven_nonnegative(d, up_to_forty)) continue;
    ++proven;
    INFO(to_text(d));
    for (int k = 0; k < 20; ++k) REQUIRE(evaluate(d, random.symbols()).value() >= 0);
  }
  CHECK(proven > 300);
}

TEST_CASE("operations keep the values of their operands") {
  RandomDims random(4);
  for (int i = 0; i < 3000; ++i) {
    Dim a = random.expression(i % 3), b = random.expression(i % 3);
    int64_t n = 1 + random.below(20);
    auto values = random.symbols();
    int64_t x = *evaluate(a, values), y = *evaluate(b, values);
    INFO(to_text(a) << " and " << to_text(b) << ", divisor " << n);
    REQUIRE(evaluate(a + b, values) == x + y);
    REQUIRE(evaluate(a - b, values) == x - y);
    REQUIRE(evaluate(a * b, values) == x * y);
    REQUIRE(evaluate(min(a, b), values) == std::min(x, y));
    REQUIRE(evaluate(max(a, b), values) == std::max(x, y));
    int64_t quotient = (x - (x % n + n) % n) / n;
    REQUIRE(evaluate(floor_div(a, n), values) == quotient);
    REQUIRE(evaluate(mod(a, n), values) == x - quotient * n);
    REQUIRE(floor_div(a * b + a * n, max(b + n, 1)) == floor_div(a * n + b * a, max(n + b, 1)));
  }
}

TEST_CASE("equal polynomials are equal however they are built") {
  RandomDims random(5);
  for (int i = 0; i < 1000; ++i) {
    Dim x = random.expression(1), y = random.expression(1), z = random.expression(2);
    REQUIRE((x + y) * z == z * y + z * x);
    REQUIRE((x + y) + z == x + (z + y));
    REQUIRE(x - (y - z) == x + z - y);
    REQUIRE(((x + y + z) - y - z) == x);
    REQUIRE(exact_div(x * z, z) == (z.is(0) ? std::nullopt : std::optional(x)));
  }
}

}  // namespace rlx
