// einsum against one loop over all labels.
#include <catch2/catch.hpp>

#include <map>

#include "test/oracle/run.h"

namespace rlx::test {
namespace {

// Letters only.
struct Case {
  Vec<std::string> operands;
  std::string output;
  std::map<char, int64_t> extents;

  Vec<int64_t> shape(const std::string& letters) const {
    Vec<int64_t> dims;
    for (const char c : letters) dims.push_back(extents.at(c));
    return dims;
  }
};

int64_t place(const Case& c, const std::string& letters, const std::map<char, int64_t>& at) {
  int64_t i = 0;
  for (const char l : letters) i = i * c.extents.at(l) + at.at(l);
  return i;
}

// The next index of all labels; false after the last one.
bool advance(const Case& c, std::map<char, int64_t>& at) {
  for (auto& [label, i] : at) {
    if (++i < c.extents.at(label)) return true;
    i = 0;
  }
  return false;
}

Tensor summed(const Case& c, const Vec<Tensor>& inputs) {
  Tensor out = counted(c.shape(c.output));
  Vec<float> sums(out.as<float>().size(), 0);
  std::map<char, int64_t> at;
  for (const auto& [label, extent] : c.extents) at[label] = 0;
  do {
    float term = 1;
    for (size_t i = 0; i < inputs.size(); ++i) {
      term *= inputs[i].as<float>()[static_cast<size_t>(place(c, c.operands[i], at))];
    }
    sums[static_cast<size_t>(place(c, c.output, at))] += term;
  } while (advance(c, at));
  return f32(out.shape, sums);
}

std::string type_of(const Vec<int64_t>& shape) {
  std::string text = "f32[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

std::string lines_of(const Vec<Vec<int64_t>>& shapes, const std::string& equation) {
  std::string lines, names;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string name = "x" + std::to_string(i);
    lines += "%" + name + " = input \"" + name + "\" : " + type_of(shapes[i]) + "\n";
    names += (i == 0 ? "%" : ", %") + name;
  }
  return lines + "%y = einsum(" + names + ") {equation = \"" + equation + "\"}\noutput \"y\" = %y";
}

Tensor run_equation(const std::string& equation, const Vec<Tensor>& inputs) {
  Vec<Vec<int64_t>> shapes;
  for (const Tensor& t : inputs) shapes.push_back(t.shape);
  return run(lines_of(shapes, equation), inputs);
}

void check(const std::string& equation, const Case& c) {
  Vec<Tensor> inputs;
  for (size_t i = 0; i < c.operands.size(); ++i) {
    inputs.push_back(random_f32(c.shape(c.operands[i]), static_cast<uint32_t>(i + 1)));
  }
  INFO(equation);
  CHECK(near(run_equation(equation, inputs), summed(c, inputs)));
}

std::string fault_of(const Vec<Vec<int64_t>>& shapes, const std::string& equation) {
  return inferred(lines_of(shapes, equation));
}

}  // namespace

TEST_CASE("einsum of one operand") {
  const std::map<char, int64_t> e = {{'i', 3}, {'j', 4}, {'k', 2}};
  check("ijk->kji", {{"ijk"}, "kji", e});
  check("ijk -> j", {{"ijk"}, "j", e});
  check("ijk->", {{"ijk"}, "", e});
  check("kji", {{"kji"}, "ijk", e});
  check("iji->ij", {{"iji"}, "ij", {{'i', 3}, {'j', 4}}});
  check("ii", {{"ii"}, "", {{'i', 3}}});
  check("iji->j", {{"iji"}, "j", {{'i', 3}, {'j', 4}}});
  check("iii->i", {{"iii"}, "i", {{'i', 3}}});
}

TEST_CASE("einsum of several operands") {
  const std::map<char, int64_t> e = {{'b', 2}, {'i', 3}, {'j', 4}, {'k', 5}, {'l', 2}};
  check("bij,bjk,kl->bli", {{"bij", "bjk", "kl"}, "bli", e});
  check("bij,bjk->", {{"bij", "bjk"}, "", {{'b', 2}, {'i', 3}, {'j', 4}, {'k', 5}}});
  check("bkij,bjlk->lbi", {{"bkij", "bjlk"}, "lbi", e});
  check("ij,ij->ij", {{"ij", "ij"}, "ij", {{'i', 3}, {'j', 4}}});
  check("i,j,k->kij", {{"i", "j", "k"}, "kij", {{'i', 3}, {'j', 4}, {'k', 5}}});
  check("ij,k->i", {{"ij", "k"}, "i", {{'i', 3}, {'j', 4}, {'k', 5}}});
  check(",i->i", {{"", "i"}, "i", {{'i', 3}}});
  check("ij,jB", {{"ij", "jB"}, "Bi", {{'i', 3}, {'j', 4}, {'B', 5}}});
}

TEST_CASE("einsum with an ellipsis") {
  // One operand has more of its axes than the other, and one of extent 1.
  const Tensor a = random_f32({2, 1, 3, 4}, 1), b = random_f32({5, 4, 2}, 2);
  const Tensor got = run_equation("...ij,...jk->k...i", {a, b});
  REQUIRE(got.shape == Vec<int64_t>{2, 2, 5, 3});
  const Vec<float> x = a.as<float>(), y = b.as<float>(), z = got.as<float>();
  for (size_t k = 0; k < 2; ++k) {
    for (size_t m = 0; m < 2 * 5 * 3; ++m) {
      const size_t outer = m / 15, inner = m / 3 % 5, i = m % 3;
      float sum = 0;
      for (size_t j = 0; j < 4; ++j) sum += x[(outer * 3 + i) * 4 + j] * y[(inner * 4 + j) * 2 + k];
      CHECK(z[k * 30 + m] == Approx(sum).margin(1e-5));
    }
  }
}

TEST_CASE("einsum refuses what is no equation of its operands") {
  for (const char* equation : {"ij->k", "ij->ii", "i->i", "ij,j->i", "i.j->i", "i1->i", "...->i",
                               "ij->i->j", "i...j...->i"}) {
    INFO(equation);
    CHECK_THAT(fault_of({{2, 3}}, equation), Catch::Contains("is none of these operands"));
  }
  CHECK_THAT(fault_of({{2, 3}}, "ii->i"), Catch::Contains("RLX-E"));
  CHECK_THAT(fault_of({{2, 3}, {2, 4}}, "ij,ij->i"), Catch::Contains("RLX-E"));
}

}  // namespace rlx::test
