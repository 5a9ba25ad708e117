// attention and rotary_embedding against plain loops over heads, queries and keys, in double.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

struct Attending {
  int64_t batch = 2, query_heads = 4, heads = 4, queries = 3, keys = 5, size = 6, value_size = 7;
  // Of the keys, those that are given as past ones.
  int64_t past = 0;
  double scale = 0, softcap = 0;
  bool causal = false;
  int64_t left = -1, right = -1;
  // Heads stand beside each other in the last axis.
  bool flat = false;

  int64_t now() const { return keys - past; }
  double factor() const { return scale == 0 ? 1 / std::sqrt(static_cast<double>(size)) : scale; }
};

// What is added to a score; -infinity: the key is not seen.
using Mask = std::function<double(int64_t b, int64_t h, int64_t i, int64_t j)>;

constexpr double kHidden = -std::numeric_limits<double>::infinity();

double no_mask(int64_t, int64_t, int64_t, int64_t) { return 0; }

// Numbers without a pattern, of about 1.
Vec<float> numbers(int64_t count, uint32_t seed) {
  Vec<float> all;
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    all.push_back(static_cast<float>(seed >> 8) / static_cast<float>(1 << 23) - 1);
  }
  return all;
}

// [batch, heads, positions, size], addressed by name.
struct Heads {
  int64_t heads, positions, size;
  Vec<float> elements;

  float at(int64_t b, int64_t h, int64_t i, int64_t e) const {
    return elements[static_cast<size_t>(((b * heads + h) * positions + i) * size + e)];
  }
  Tensor tensor(int64_t batch) const { return f32({batch, heads, positions, size}, elements); }
  // Positions from `first` to before `end`.
  Heads part(int64_t batch, int64_t first, int64_t end) const {
    Heads out{heads, end - first, size, {}};
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t h = 0; h < heads; ++h) {
        for (int64_t i = first; i < end; ++i) {
          for (int64_t e = 0; e < size; ++e) out.elements.push_back(at(b, h, i, e));
        }
      }
    }
    return out;
  }
  // [batch, positions, heads * size].
  Tensor beside(int64_t batch) const {
    Vec<float> out;
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t i = 0; i < positions; ++i) {
        for (int64_t h = 0; h < heads; ++h) {
          for (int64_t e = 0; e < size; ++e) out.push_back(at(b, h, i, e));
        }
      }
    }
    return f32({batch, positions, heads * size}, out);
  }
};

Heads random_heads(int64_t batch, int64_t heads, int64_t positions, int64_t size, uint32_t seed) {
  return {heads, positions, size, numbers(batch * heads * positions * size, seed)};
}

bool is_seen(const Attending& c, int64_t i, int64_t j) {
  const int64_t place = c.past + i;
  return (!c.causal || j <= place) && (c.left < 0 || j >= place - c.left) &&
         (c.right < 0 || j <= place + c.right);
}

Heads attended(const Attending& c, const Heads& q, const Heads& k, const Heads& v,
               const Mask& mask) {
  Heads y{c.query_heads, c.queries, c.value_size, {}};
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t h = 0; h < c.query_heads; ++h) {
      const int64_t own = h / (c.query_heads / c.heads);
      for (int64_t i = 0; i < c.queries; ++i) {
        Vec<double> shares;
        double sum = 0;
        for (int64_t j = 0; j < c.keys; ++j) {
          double score = 0;
          for (int64_t e = 0; e < c.size; ++e)
            score += double{q.at(b, h, i, e)} * k.at(b, own, j, e);
          score *= c.factor();
          if (c.softcap > 0) score = c.softcap * std::tanh(score / c.softcap);
          shares.push_back(is_seen(c, i, j) ? std::exp(score + mask(b, h, i, j)) : 0);
          sum += shares.back();
        }
        for (int64_t e = 0; e < c.value_size; ++e) {
          double element = 0;
          for (int64_t j = 0; j < c.keys; ++j) {
            element += shares[static_cast<size_t>(j)] * v.at(b, own, j, e);
          }
          y.elements.push_back(static_cast<float>(sum == 0 ? 0 : element / sum));
        }
      }
    }
  }
  return y;
}

std::string attributes_of(const Attending& c) {
  std::string text = fmt::format("is_causal = {}, left_window_size = {}, right_window_size = {}",
                                 c.causal ? 1 : 0, c.left, c.right);
  text += fmt::format(", scale = {:.4f}, softcap = {:.4f}", c.scale, c.softcap);
  if (c.flat) text += fmt::format(", q_num_heads = {}, kv_num_heads = {}", c.query_heads, c.heads);
  return " {" + text + "}";
}

std::string input_line(const std::string& name, const Tensor& t) {
  std::string shape;
  for (const int64_t n : t.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(n);
  return fmt::format("%{0} = input \"{0}\" : {1}[{2}]\n", name, rlx::name(t.dtype), shape);
}

// Of the operator, with the mask's tensor as it is given.
Tensor run_case(const Attending& c, const Heads& q, const Heads& k, const Heads& v,
                const Tensor* mask) {
  const auto given = [&](const Heads& x) { return c.flat ? x.beside(c.batch) : x.tensor(c.batch); };
  Vec<Tensor> inputs = {given(q), given(k.part(c.batch, c.past, c.keys)),
                        given(v.part(c.batch, c.past, c.keys))};
  Vec<std::string> names = {"q", "k", "v"};
  std::string operands = "%q, %k, %v";
  if (mask) {
    inputs.push_back(*mask);
    names.push_back("m");
    operands += ", %m";
  }
  if (c.past > 0) {
    inputs.push_back(k.part(c.batch, 0, c.past).tensor(c.batch));
    inputs.push_back(v.part(c.batch, 0, c.past).tensor(c.batch));
    names.insert(names.end(), {"past_k", "past_v"});
    operands += mask ? ", %past_k, %past_v" : ", _, %past_k, %past_v";
  }
  std::string lines;
  for (size_t i = 0; i < names.size(); ++i) lines += input_line(names[i], inputs[i]);
  return run(lines + "%y = attention(" + operands + ")" + attributes_of(c) + "\noutput \"y\" = %y",
             inputs);
}

void check(const Attending& c, const Tensor* mask = nullptr, const Mask& meaning = no_mask) {
  const Heads q = random_heads(c.batch, c.query_heads, c.queries, c.size, 1);
  const Heads k = random_heads(c.batch, c.heads, c.keys, c.size, 2);
  const Heads v = random_heads(c.batch, c.heads, c.keys, c.value_size, 3);
  const Heads want = attended(c, q, k, v, meaning);
  const Tensor expected = c.flat ? want.beside(c.batch) : want.tensor(c.batch);
  const Tensor got = run_case(c, q, k, v, mask);
  INFO(attributes_of(c) << "\n" << to_text(got) << "\n" << to_text(expected));
  CHECK(near(got, expected, 1e-5));
}

}  // namespace

TEST_CASE("attention of heads on an axis of their own and beside each other") {
  // As many heads as positions: nothing about the layout may be guessed.
  for (const bool flat : {false, true}) {
    check({.queries = 4, .keys = 4, .flat = flat});
    check({.batch = 1, .query_heads = 1, .heads = 1, .queries = 1, .keys = 1, .flat = flat});
    check({.queries = 2, .past = 3, .flat = flat});
  }
}

TEST_CASE("attention sees what its masks let it see") {
  check({.causal = true});
  check({.past = 2, .causal = true});
  // The window takes in the key at its end.
  check({.queries = 5, .causal = true, .left = 1});
  check({.queries = 5, .left = 0, .right = 0});
  check({.queries = 3, .past = 2, .left = 1, .right = 1});
}

TEST_CASE("attention adds masks of numbers and hides by booleans") {
  const Attending c{.query_heads = 2, .heads = 2};
  const Vec<float> added = numbers(2 * 2 * 3 * 5, 9);
  const Tensor bias = f32({2, 2, 3, 5}, added);
  check(c, &bias, [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    return double{added[static_cast<size_t>(((b * 2 + h) * 3 + i) * 5 + j)]};
  });
  // Keys of a batch that are padding.
  const Tensor kept{DType::kBool, {2, 1, 1, 5}, {1, 1, 1, 0, 0, 1, 0, 1, 1, 1}};
  check(c, &kept, [&](int64_t b, int64_t, int64_t, int64_t j) {
    return kept.bytes[static_cast<size_t>(b * 5 + j)] != 0 ? 0 : kHidden;
  });
  // A row that sees nothing is 0, and the others are as they were.
  const Tensor rows{DType::kBool, {3, 5}, {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1}};
  check(c, &rows, [&](int64_t, int64_t, int64_t i, int64_t j) {
    return rows.bytes[static_cast<size_t>(i * 5 + j)] != 0 ? 0 : kHidden;
  });
}

TEST_CASE("attention scales and caps its scores") {
  check({.scale = 2.5});
  check({.softcap = 0.5});
  check({.scale = 0.25, .softcap = 3, .causal = true});
}

TEST_CASE("attention keeps the smallest shares") {
  // Shares down to 1e-26.
  const Vec<float> added = {0, -20, -40, -60, 0};
  const Tensor bias = f32({1, 5}, added);
  const Tensor values = f32({1, 1, 5, 1}, {0, 1, 0, 0, 0});
  const Tensor y =
      run(input_line("q", f32({1, 1, 1, 1}, {0})) + input_line("k", f32({1, 1, 5, 1}, {})) +
              input_line("v", values) + input_line("m", bias) +
              "%y = attention(%q, %k, %v, %m)\noutput \"y\" = %y",
          {f32({1, 1, 1, 1}, {0}), f32({1, 1, 5, 1}, {0, 0, 0, 0, 0}), values, bias});
  CHECK(y.as<float>()[0] == Approx(std::exp(-20.0) / 2).epsilon(1e-5));
}

TEST_CASE("query heads share keys and values") {
  for (const bool flat : {false, true}) {
    check({.query_heads = 6, .heads = 2, .past = 2, .causal = true, .flat = flat});
    check({.query_heads = 4, .heads = 1, .flat = flat});
  }
  const Attending c{.query_heads = 6, .heads = 3};
  const Vec<float> added = numbers(6 * 5, 4);
  const Tensor bias = f32({6, 1, 5}, added);
  check(c, &bias, [&](int64_t, int64_t h, int64_t, int64_t j) {
    return double{added[static_cast<size_t>(h * 5 + j)]};
  });
}

TEST_CASE("what attention refuses") {
  const auto code = [](const std::string& q, const std::string& k, const std::string& node) {
    return inferred("%q = input \"q\" : " + q + "\n%k = input \"k\" : " + k + "\n%y = " + node +
                    "\noutput \"y\" = %y");
  };
  CHECK(code("f32[b, s, 64]", "f32[b, s, 64]", "attention(%q, %k, %k)").find("RLX-E3201") !=
        std::string::npos);
  CHECK(code("f32[b, 3, s, 8]", "f32[b, 2, s, 8]", "attention(%q, %k, %k)").find("RLX-E3202") !=
        std::string::npos);
  CHECK(code("f32[b, h, s, 8]", "f32[b, h, s, 8]", "attention(%q, %k, %k)").find("RLX-E4201") !=
        std::string::npos);
  CHECK(code("f32[b, 2, s, 8]", "f32[b, 2, t, 8]", "attention(%q, %k, %k)") == "f32[b, 2, s, 8]");
}

// ---- Rotary embeddings -----------------------------------------------------------------------------

namespace {

// By tables of 7 positions; `at` are those of the tokens.
Heads turned(const Heads& x, int64_t batch, const Vec<float>& cosine, const Vec<float>& sine,
             const Vec<int64_t>& at, int64_t part, bool interleaved) {
  Heads y = x;
  const int64_t pairs = part / 2;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t h = 0; h < x.heads; ++h) {
      for (int64_t i = 0; i < x.positions; ++i) {
        for (int64_t p = 0; p < pairs; ++p) {
          const int64_t first = interleaved ? 2 * p : p,
                        second = interleaved ? first + 1 : p + pairs;
          const auto angle =
              static_cast<size_t>(at[static_cast<size_t>(b * x.positions + i)] * pairs + p);
          const auto place = static_cast<size_t>(((b * x.heads + h) * x.positions + i) * x.size);
          const float u = x.at(b, h, i, first), v = x.at(b, h, i, second);
          y.elements[place + static_cast<size_t>(first)] = u * cosine[angle] - v * sine[angle];
          y.elements[place + static_cast<size_t>(second)] = u * sine[angle] + v * cosine[angle];
        }
      }
    }
  }
  return y;
}

void check_rotary(int64_t part, bool interleaved, bool flat) {
  const int64_t batch = 2, positions = 3, size = 8;
  const Heads x = random_heads(batch, 2, positions, size, 5);
  const int64_t pairs = (part == 0 ? size : part) / 2;
  const Vec<float> cosine = numbers(7 * pairs, 6), sine = numbers(7 * pairs, 7);
  const Vec<int64_t> at = {0, 1, 2, 6, 3, 3};
  const Vec<Tensor> inputs = {flat ? x.beside(batch) : x.tensor(batch), f32({7, pairs}, cosine),
                              f32({7, pairs}, sine), i64({batch, positions}, at)};
  std::string lines;
  for (size_t i = 0; i < inputs.size(); ++i)
    lines += input_line("i" + std::to_string(i), inputs[i]);
  lines += fmt::format(
      "%y = rotary_embedding(%i0, %i1, %i2, %i3) {{interleaved = {}, num_heads = {}, "
      "rotary_embedding_dim = {}}}\noutput \"y\" = %y",
      interleaved ? 1 : 0, flat ? 2 : 0, part);
  const Heads y = turned(x, batch, cosine, sine, at, 2 * pairs, interleaved);
  INFO(lines);
  CHECK(near(run(lines, inputs), flat ? y.beside(batch) : y.tensor(batch)));
}

}  // namespace

TEST_CASE("rotary embeddings of halves and neighbours, of all of a head and a part") {
  for (const int64_t part : {0, 4, 8}) {
    for (const bool interleaved : {false, true}) {
      for (const bool flat : {false, true}) check_rotary(part, interleaved, flat);
    }
  }
}

TEST_CASE("rotary embeddings by the angles of each token") {
  const Heads x = random_heads(1, 1, 2, 4, 8);
  const Vec<float> cosine = numbers(4, 1), sine = numbers(4, 2);
  const Heads y = turned(x, 1, cosine, sine, {0, 1}, 4, false);
  CHECK(near(
      run("%x = input \"x\" : f32[b, 1, s, 4]\n%c = input \"c\" : f32[b, s, 2]\n%s = input \"s\" : "
          "f32[b, s, 2]\n%y = rotary_embedding(%x, %c, %s)\noutput \"y\" = %y",
          {x.tensor(1), f32({1, 2, 2}, cosine), f32({1, 2, 2}, sine)}),
      y.tensor(1)));
}

}  // namespace rlx::test
