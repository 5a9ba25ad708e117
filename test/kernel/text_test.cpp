#include "kernel/kernel.h"

#include "test/kernel/kernels.h"

namespace rlx {
namespace {

// Text that is printed as it was written, and sound.
void check_exact(std::string_view text) {
  Kernel k = kernel_of(text);
  CHECK(to_text(k) == text);
  CHECK(kernel_of(to_text(k)) == k);
}

std::string error_of(std::string_view text) {
  auto kernels = parse_kernels(text);
  REQUIRE_FALSE(kernels.ok());
  return kernels.error().first().message;
}

// A map over one row with these lines as its body.
std::string row_text(std::string_view body) {
  return "kernel \"k\" {\n  arg %x : f32[8] row_major\n  arg %y : f32[8] row_major written\n"
         "  grid i0 in 8\n  map %y.0 {\n" +
         std::string(body) + "  }\n}\n";
}

}  // namespace

TEST_CASE("kernel text reads back") {
  for (auto text : {kSoftmax, kConv, kMatmul, kCumsum, kSmallest, kScatter}) {
    check_exact(text);
    auto sound = verify(kernel_of(text));
    INFO(text);
    if (!sound) FAIL(to_text(sound.error()));
  }
}

TEST_CASE("what the text says is what the kernel holds") {
  Kernel k = kernel_of(kSoftmax);
  CHECK(k.name == "softmax");
  CHECK(k.loop_count == 5);
  CHECK(k.args[1].written);
  CHECK_FALSE(k.args[0].value.valid());
  CHECK(k.grid == Vec<Loop>{{LoopId(0), Dim::symbol("rows")}});
  const Stage& s = k.stages[0];
  CHECK(s.kind() == Kind::kReduce);
  CHECK(s.name == "%y.0");
  CHECK(s.origin == Origin{"/softmax"});
  CHECK(s.reduction().over == Vec<LoopId>{LoopId(1)});
  CHECK(s.reduction().combine == Vec<ExprId>{ExprId(2)});
  CHECK(s.results == Vec<ExprId>{ExprId(1)});
  CHECK(s.body[2].type == DType::kF32);
}

TEST_CASE("a write behind an index is no division") {
  check_exact(
      "kernel \"k\" {\n  arg %y : i64[8] row_major written\n  grid i0 in 8\n  map %y.0 {\n"
      "    v0 = index n + i0\n    %y[i0] = v0\n  }\n}\n");
}

TEST_CASE("blanks, comments and stated types are free") {
  Kernel k = kernel_of(row_text("    v0 = load %x[i0]\n    v1 = neg(v0)\n    %y[i0] = v1\n"));
  CHECK(k == kernel_of(R"(
    // A comment.
    kernel "k" {
      arg %x:f32[8]row_major
      arg %y : f32[8] [0] written
      grid i0 in 8
      map "%y.0" {
        // The same, spelt out.
        v0 : f32 = load %x[i0]   v1 : f32 = neg(v0)
        "%y"[i0] = v1
      }
    })"));
}

TEST_CASE("every form of an access") {
  check_exact(
      row_text("    v0 = load %x[i0 * 2 checked]\n"
               "    v1 = load %x[i0 - 1 fill -inf]\n"
               "    v2 = load %x[i0 + 1 clamp]\n"
               "    v3 = load %x[i0 + 2 reflect]\n"
               "    v4 = load %x[i0 + 3 wrap]\n"
               "    v5 = index i0 floordiv 2\n"
               "    v6 = load %x[at v5]\n"
               "    v7 = load %x[at v5 from end clamp]\n"
               "    %y[i0] += v0\n"
               "    %y[i0] max= v1\n"
               "    %y[i0] min= v2\n"
               "    %y[i0] *= v3\n"
               "    %y[at v5 checked] = v4\n"));
}

TEST_CASE("reads are declared where their order asks for it") {
  check_exact(
      row_text("    r0 = %x[i0]\n"
               "    v0 = load %x[-i0 + 7]\n"
               "    v1 = load r0\n"
               "    v2 = load r1\n"
               "    r2 = %x[0]\n"
               "    %y[i0] = v1\n"));
}

TEST_CASE("types that the operands do not tell are stated") {
  check_exact(
      row_text("    v0 : i32 = const -3\n"
               "    v1 : f32 = cast(v0)\n"
               "    v2 : i32 = bitcast(v1)\n"
               "    v3 = eq(v0, v2)\n"
               "    v4 = select(v3, v1, v1)\n"
               // A wrong type is kept too.
               "    v5 : f64 = neg(v4)\n"
               "    %y[i0] = v4\n"));
}

TEST_CASE("rare parts of a kernel") {
  check_exact(R"(kernel "a \"b\"" {
  arg %12 : bf16[n, 3] [1, 0] value 4 constant
  arg "an odd//name" : u8["i3" + 1] row_major written
  arg %13 : f32[n, 3] [1, 0] pad {0: lo 1} fill 0.0 in m2[n, m + 3] [1, 0] pad {0: lo 1} fill 0.0 at [0, m]
  local l0 : i32[] carry i0 = 5, i1 = -6
  local l1 : f32[n, max(n, 2)]
  grid i0 in max(n, 2) sequential, i1 in n sequential, i2 in 4
  loops 17
  map "a name" for i3 in i2 + 1 @ ["a", "b, c"] {
    v0 : u8 = const 200
    "an odd//name"[i3] = v0
  }
  map %3.1 {
    v0 : i32 = const 3
    r0 = %12[0, 0]
    l0[] = v0
  }
  reduce %4.0 for i4 in 2, i5 in 3 {
    over [i5]
    order sequence parts max(n, 2) run i2
    acc0 : f32 = 0.0
    acc1 : i64 = 7
    v0 = acc0
    v1 = acc1
    acc0 = v0
    acc1 = v1
    l1[i4, 0] = v0
  }
}
)");
  CHECK(kernel_of("kernel \"k\" {\n  arg %7 : f32[] row_major\n}\n").args[0].value == ValueId(7));
}

TEST_CASE("an order is printed where it is not the one of its kind") {
  auto order = [](std::string_view said) {
    const std::string_view acc = "    acc0 : f32 = -inf\n";
    std::string text(kSoftmax);
    text.replace(text.find(acc), acc.size(), std::string(said) + std::string(acc));
    return kernel_of(text);
  };
  CHECK(to_text(order("    order lanes parts 1\n")) == kSoftmax);
  const Kernel k = order("    order sequence parts 4\n");
  CHECK(k.stages[0].reduction().order == Order{.parts = 4});
  CHECK(kernel_of(to_text(k)) == k);
}

TEST_CASE("several kernels in a text") {
  auto kernels = parse_kernels(std::string(kSoftmax) + std::string(kConv));
  REQUIRE(kernels.ok());
  CHECK(kernels->size() == 2);
  auto again = parse_kernels(to_text(*kernels));
  REQUIRE(again.ok());
  CHECK(*again == *kernels);
  CHECK(parse_kernels("// nothing\n")->empty());
}

TEST_CASE("errors of kernel text name the place") {
  CHECK(error_of("kernel") == "line 1, column 7: a string in double quotes is missing here");
  CHECK(error_of(row_text("    v1 = load %x[i0]\n")) == "line 6, column 7: v0 comes next, not v1");
  CHECK(error_of(row_text("    v0 = const 1.0\n")) ==
        "line 6, column 19: const like this needs a stated type");
  CHECK(error_of(row_text("    v0 = sum(v0)\n")) ==
        "line 6, column 13: a function is missing here");
  CHECK(error_of(row_text("    v0 = load %z[i0]\n")) ==
        "line 6, column 17: no argument is named %z");
  CHECK(error_of(row_text("    over [i0]\n")) == "line 6, column 5: a statement is missing here");
  CHECK(error_of(row_text("    acc0 = v0\n")) ==
        "line 6, column 9: this kind of stage has no accumulators");
  CHECK(error_of(row_text("    l0[] = v0\n")) == "line 6, column 7: no such local");
}

TEST_CASE("any cut of a kernel's text is an error, and none is more") {
  for (auto text : {kSoftmax, kConv, kScatter}) {
    for (size_t end = 1; end + 2 < text.size(); ++end) {
      CHECK_FALSE(parse_kernels(text.substr(0, end)).ok());
    }
  }
}

}  // namespace rlx
