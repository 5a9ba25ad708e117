#include "test/backend/corpus.h"

#include "kernel/functions.h"
#include "test/backend/kernels.h"
#include "test/backend/random_kernel.h"
#include "test/backend/random_node.h"

namespace rlx::test {

namespace {

class Corpus {
 public:
  void add(std::string name, const std::string& text, Symbols symbols = {},
           Fill fill = random_values(1)) {
    cases_.push_back({std::move(name), parse_kernel(text), std::move(symbols), std::move(fill)});
  }
  void add(Case c) { cases_.push_back(std::move(c)); }
  Vec<Case> take() { return std::move(cases_); }

 private:
  Vec<Case> cases_;
};

// ---- Scalar functions -------------------------------------------------------------------------

// y = BODY(x0, x1), of n elements.
std::string map_of(const std::string& from, const std::string& to, const std::string& body) {
  const char* const text = R"(
kernel "map" {
  arg %0 : FROM[n] row_major
  arg %1 : FROM[n] row_major
  arg %2 : GIVES[n] row_major written
  grid i0 in n
  map %2.0 {
    v0 = load %0[i0]
    v1 = load %1[n - 1 - i0]
    BODY
    %2[i0] = v2
  }
})";
  return filled(text, {{"FROM", from}, {"GIVES", to}, {"BODY", body}});
}

std::string type_given(const Function& f, DType operand) {
  return std::string(rlx::name(f.gives == Function::Gives::kBool ? DType::kBool : operand));
}

void add_functions(Corpus& c) {
  for (int id = 0; id < kFnCount; ++id) {
    const Function& f = function_of(Fn{static_cast<uint8_t>(id)});
    // Of one type.
    const bool is_plain = f.fn != Fn::kCast && f.fn != Fn::kBitcast && f.fn != Fn::kSelect;
    if (f.operands == 0 || !is_plain) continue;
    const char* const operands[] = {"v0", "v0, v1", "v0, v1, v0"};
    const std::string body = "v2 = " + std::string(f.name) + "(" + operands[f.operands - 1] + ")";
    for (const DType t : all_dtypes()) {
      if (!f.takes.has(t)) continue;
      const std::string from(rlx::name(t));
      const std::string name = std::string(f.name) + " of " + from;
      const std::string text = map_of(from, type_given(f, t), body);
      c.add(name, text, {{"n", 3000}});
      if (is_float(t)) c.add(name + ", any bits", text, {{"n", 30000}}, random_bits(2));
    }
  }
}

void add_casts(Corpus& c) {
  const std::string types[] = {"bool", "i8",  "i16", "i32",  "i64", "u8", "u16",
                               "u32",  "u64", "f16", "bf16", "f32", "f64"};
  for (const std::string& from : types) {
    for (const std::string& to : types) {
      c.add("cast of " + from + " to " + to, map_of(from, to, "v2 : " + to + " = cast(v0)"),
            {{"n", 20000}}, random_bits(3));
    }
  }
}

// ---- Accesses ---------------------------------------------------------------------------------

void add_accesses(Corpus& c) {
  for (const std::string rule : {"fill 2.5", "clamp", "reflect", "wrap"}) {
    c.add("bounds " + rule, bounds_text(rule), {{"h", 50}, {"w", 117}});
  }
  c.add("gather", R"(
kernel "embed" {
  arg %0 : f32[v, d] row_major
  arg %1 : i64[t] row_major
  arg %2 : f32[t, d] row_major written
  grid i0 in t, i1 in d
  map %2.0 @ ["/embed"] {
    v0 = load %1[i0]
    v1 = load %0[at v0 from end checked, i1]
    %2[i0, i1] = v1
  }
})",
        {{"v", 1000}, {"t", 77}, {"d", 300}}, random_indexes(3, -1000, 1000));
  c.add("transpose", R"(
kernel "t" {
  arg %0 : f16[n, m] row_major
  arg %1 : f16[m, n] row_major written
  grid i0 in m, i1 in n
  map %1.0 {
    v0 = load %0[i1, i0]
    %1[i0, i1] = v0
  }
})",
        {{"n", 200}, {"m", 311}});
  c.add("scatter", R"(
kernel "scatter" {
  arg %0 : f32[n] row_major
  arg %1 : i64[n] row_major
  arg %2 : f32[16] row_major written
  grid i0 in n
  map %2.0 {
    v0 = load %0[i0]
    v1 = load %1[i0]
    %2[at v1 checked] += v0
  }
})",
        {{"n", 300}}, random_indexes(4, 0, 16));
}

// ---- Rows and sums ----------------------------------------------------------------------------

void add_rows(Corpus& c) {
  for (const int64_t m : {1, 31, 128, 1000, 20000}) {
    const std::string closed = std::to_string(m);
    c.add("softmax of rows of " + closed, softmax_text("n", closed), {{"n", 20}});
    c.add("softmax of open rows of " + closed, softmax_text("n", "m"), {{"n", 20}, {"m", m}});
    c.add("layer norm of rows of " + closed, layer_norm_text("9", closed));
  }
  for (const std::string type : {"f32", "f64", "i8", "i64", "u16"}) {
    for (const std::string order : {"lanes", "sequence", "parts 3", "parts p"}) {
      c.add("sum of " + type + ", " + order,
            filled(R"(
kernel "r" {
  arg %0 : TYPE[n, 7, m] row_major
  arg %1 : TYPE[n] row_major written
  grid i0 in n
  reduce %1.0 for i1 in 7, i2 in m {
    order ORDER
    acc0 : TYPE = 0
    v0 = acc0
    v1 = load %0[i0, i1, i2]
    v2 = add(v0, v1)
    acc0 = v2
    %1[i0] = v0
  }
})",
                   {{"TYPE", type}, {"ORDER", order}}),
            {{"n", 5}, {"m", 1234}, {"p", 4}});
    }
  }
  c.add("sums of columns", kColumnSums, {{"a", 100}, {"c", 300}});
  c.add("greatest and least", R"(
kernel "r" {
  arg %0 : f32[6, 500] row_major
  arg %1 : f32[6] row_major written
  arg %2 : f32[6] row_major written
  grid i0 in 6
  reduce %1.0 for i1 in 500 {
    acc0 : f32 = -inf
    acc1 : f32 = inf
    v0 = acc0
    v1 = acc1
    v2 = load %0[i0, i1]
    v3 = max(v0, v2)
    v4 = min(v2, v1)
    acc0 = v3
    acc1 = v4
    %1[i0] = v0
    %2[i0] = v1
  }
})",
        {}, random_bits(5));
  c.add("scan", R"(
kernel "s" {
  arg %0 : f32[30, n] row_major
  arg %1 : f32[30, n] row_major written
  grid i0 in 30
  scan %1.0 for i1 in n {
    over i1
    acc0 : f32 = 0.0
    v0 = acc0
    v1 = load %0[i0, i1]
    v2 = add(v0, v1)
    acc0 = v2
    %1[i0, i1] = v0
  }
})",
        {{"n", 200}});
  for (const std::string type : {"f32", "f64", "i32"}) {
    c.add("product of " + type,
          filled(R"(
kernel "matmul" {
  arg %0 : TYPE[m, k] row_major
  arg %1 : TYPE[k, n] row_major
  arg %2 : TYPE[m, n] row_major written
  grid i0 in m, i1 in n
  contract %2.0 for i2 in k {
    batch [] m [i0] n [i1] k [i2]
    acc0 : TYPE
    v0 = load %0[i0, i2]
    v1 = load %1[i2, i1]
    a = v0
    b = v1
    v2 = acc0
    %2[i0, i1] = v2
  }
})",
                 {{"TYPE", type}}),
          {{"m", 100}, {"n", 130}, {"k", 300}});
  }
}

// In any storages, some of its tensors parts of others, now and then its result where an operand is.
Case random_node(unsigned seed) {
  RandomNode random(seed);
  Kernel k = random.make();
  for (Arg& a : k.args) a.storage = random.storage(a);
  const Alternative any{.needs = Vec<Need>(k.args.size()), .writes_once = true};
  random.add_frames(k, any.needs);
  random.replace_an_operand(k, any);
  return {"random node " + std::to_string(seed), std::move(k), random.symbols(),
          random_values(seed)};
}

}  // namespace

Vec<Case> corpus(unsigned random) {
  Corpus c;
  add_functions(c);
  add_casts(c);
  add_accesses(c);
  add_rows(c);
  for (unsigned seed = 0; seed < random; ++seed) {
    RandomKernel kernel(seed);
    Kernel k = kernel.make();
    c.add({"random kernel " + std::to_string(seed), std::move(k), kernel.symbols(),
           random_values(seed)});
    c.add(random_node(seed));
  }
  return c.take();
}

}  // namespace rlx::test
