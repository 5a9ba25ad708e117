#include "kernel/kernel.h"

#include "kernel/conv_geometry.h"
#include "test/kernel/kernels.h"

namespace rlx {
namespace {

// What verify says of a kernel whose text has `from` replaced by `to`.
std::string broken(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  size_t at = changed.find(from);
  REQUIRE(at != std::string::npos);
  changed.replace(at, from.size(), to);
  auto sound = verify(kernel_of(changed));
  INFO(changed);
  REQUIRE_FALSE(sound.ok());
  CHECK(sound.error().first().code == kInvalidKernel);
  return sound.error().first().message;
}

}  // namespace

TEST_CASE("arguments are checked") {
  CHECK(broken(kSoftmax, "arg %y", "arg %x : f32[1] row_major\n  arg %y") ==
        "kernel softmax, argument %x: another argument has this name");
  CHECK(broken(kSoftmax, "[rows, 64] row_major\n", "[rows, i0] row_major\n") ==
        "kernel softmax, argument %x: i0 is out of scope in i0");
}

TEST_CASE("frames are checked") {
  auto framed = [](const std::string& frame) {
    return broken(kSoftmax, "[rows, 64] row_major\n", "[rows, 64] row_major in " + frame + "\n");
  };
  const std::string x = "kernel softmax, argument %x: ";
  CHECK(framed("m0[96] row_major at [0]") == x + "its frame has another rank");
  CHECK(framed("m0[rows, 96] row_major at [0]") == x + "its frame has another rank");
  CHECK(framed("m0[rows, 96] row_major at [0, 33]") == x + "it leaves its frame");
  CHECK(framed("m0[rows, 96] row_major at [0, -1]") == x + "it leaves its frame");
  CHECK(framed("m0[rows, 96] [1, 0] at [0, 32]") == x + "it does not lie as its frame does");
  CHECK(framed("m0[rows, 64] [0, 1] pad {1: hi 1} at [0, 0]") ==
        x + "it does not lie as its frame does");
  CHECK(framed("m0[rows, 96] [1/16, 0, 1%16] at [0, 0]") == x + "its frame is blocked");
  CHECK(framed("m0[rows, i0] row_major at [0, 0]") == x + "i0 is out of scope in i0");
}

TEST_CASE("arguments of one memory agree on it") {
  auto pair = [](const std::string& a, const std::string& b) {
    return "kernel \"k\" {\n  arg %x : f32[4] row_major in m0[12] row_major at [" + a +
           "] written\n  arg %y : f32[4] row_major in m0" + b + "\n}\n";
  };
  auto problem = [](const std::string& text) {
    auto kernels = parse_kernels(text);
    REQUIRE(kernels);
    const Status sound = verify(kernels->front());
    return sound ? std::string() : sound.error().first().message;
  };
  CHECK(problem(pair("0", "[12] row_major at [4] written")).empty());
  CHECK(problem(pair("0", "[12] row_major at [0]")).empty());
  CHECK(problem(pair("0", "[12] row_major at [3] written")) ==
        "kernel k, argument %x: another argument is written there");
  CHECK(problem(pair("0", "[11] row_major at [4]")) ==
        "kernel k, argument %x: its memory is another tensor's too");
}

TEST_CASE("loops are checked") {
  CHECK(broken(kSoftmax, "for i1 in 64", "for i0 in 64") ==
        "kernel softmax, stage %y.0: loop i0 is there twice");
  CHECK(broken(kSoftmax, "for i1 in 64", "for i1 in i4") ==
        "kernel softmax, stage %y.0: i4 is out of scope in i4");
  CHECK(broken(kSoftmax, "load %x[i0, i2]", "load %x[i0, i1]") ==
        "kernel softmax, stage %y.1: i1 is out of scope in i1");
}

TEST_CASE("only products are relaxed") {
  CHECK(broken(kSoftmax, "for i1 in 64", "for i1 in 64 relaxed") ==
        "kernel softmax, stage %y.0: it is relaxed, but no product");
}

TEST_CASE("accesses are checked") {
  CHECK(broken(kSoftmax, "load %x[i0, i1]", "load %x[i0]") ==
        "kernel softmax, stage %y.0: an access does not index each axis once");
  CHECK(broken(kSoftmax, "row_major written", "row_major") ==
        "kernel softmax, stage %y.3: %y is not marked as written");
  CHECK(broken(kSoftmax, "load %x[i0, i2]", "load %y[i0, i2]") ==
        "kernel softmax, stage %y.1: %y is read and written");
  CHECK(broken(kSoftmax, "load l0[]", "load l2[]") ==
        "kernel softmax, stage %y.1: l2 is read before it is written");
  CHECK(broken(kSoftmax, "%y[i0, i4]", "%y[i0, i4 clamp]") ==
        "kernel softmax, stage %y.3: the index of a write is neither proven nor checked");
  CHECK(broken(kScatter, "v3 = rem(v0, v2)", "v3 : i32 = cast(v0)") ==
        "kernel scatter, stage %y.0: an index is no i64");
}

TEST_CASE("bodies are checked") {
  CHECK(broken(kSoftmax, "v2 = sub(v0, v1)", "v2 : f32 = sub(v0, v3)") ==
        "kernel softmax, stage %y.1: v2 = sub: an operand does not come before it");
  CHECK(broken(kSoftmax, "v2 = max(v1, v0)", "v2 : f32 = max(v1)") ==
        "kernel softmax, stage %y.0: v2 = max: a wrong number of operands");
  CHECK(broken(kSoftmax, "v2 = div(v0, v1)", "v2 : f64 = cast(v0)") ==
        "kernel softmax, stage %y.3: a result has another dtype than what it is written to");
  CHECK(broken(kSoftmax, "v2 = sub(v0, v1)", "v2 : f32 = acc0") ==
        "kernel softmax, stage %y.1: v2 = acc: no such accumulator");
  CHECK(broken(kSoftmax, "v0 = load l1[i4]", "v0 : f32 = load r9") ==
        "kernel softmax, stage %y.3: v0 = load: no such read");
}

TEST_CASE("reductions are checked") {
  CHECK(broken(kSoftmax, "l0[] = v1", "l0[] = v0") ==
        "kernel softmax, stage %y.0: v0 uses a loop that has ended");
  CHECK(broken(kSoftmax, "acc0 : f32 = -inf", "over [i0]\n    acc0 : f32 = -inf") ==
        "kernel softmax, stage %y.0: it does not reduce over its innermost loops");
  CHECK(broken(kSoftmax, "    acc0 = v2\n", "") ==
        "kernel softmax, stage %y.0: an accumulator lacks its type, initial or next value");
  CHECK(broken(kCumsum, "over i1", "over i0") ==
        "kernel cumsum, stage %y.0: it does not scan over its innermost loop");
}

TEST_CASE("sorts are checked") {
  const auto refused = [](std::string_view from, std::string_view to, std::string_view problem) {
    return broken(kSmallest, from, to) == "kernel smallest, stage %y.0: " + std::string(problem);
  };
  CHECK(refused("rank i1 over i2", "rank i2 over i1", "it does not sort its innermost loop"));
  CHECK(refused("i1 in 3, i2 in 6", "i1 in 3, i2 in 2", "it has more ranks than elements"));
  CHECK(refused("key = v0", "key = v1", "its key uses the index"));
  CHECK(refused("x[i0, i2]", "x[i0, i1]", "its key uses the rank"));
  CHECK(refused("%x : i32", "%x : i16", "its key is neither an i32 nor an i64"));
  CHECK(refused("[i0, i1] = v1", "[i0, i2 mod 3] = v1", "a write uses a loop that has ended"));
}

TEST_CASE("orders are checked") {
  const auto refused = [](std::string_view from, std::string_view to) {
    return broken(kSoftmax, from, to);
  };
  const std::string nothing =
      "kernel softmax, stage %y.0: its order has lanes or runs that nothing merges";
  CHECK(refused("max(v1, v0)", "sub(v1, v0)") == nothing);
  CHECK(refused("acc0 : f32 = -inf", "order sequence parts 2\n    acc0 : f32 = 0.0") == nothing);
  CHECK(refused("acc0 : f32 = -inf", "order parts 0\n    acc0 : f32 = -inf") ==
        "kernel softmax, stage %y.0: its order has no run");
  CHECK(refused("acc0 : f32 = -inf", "order parts 2 run i1\n    acc0 : f32 = -inf") ==
        "kernel softmax, stage %y.0: i1 is out of scope in i1");
  CHECK(broken(kMatmul, "k [i2]", "k [i2]\n    order lanes") ==
        "kernel matmul, stage %y.0: products are not summed up in lanes");
  Kernel steps = kernel_of(kSoftmax);
  steps.grid[0].sequential = true;
  CHECK(
      broken(to_text(steps), "acc0 : f32 = -inf", "order parts 2 run i0\n    acc0 : f32 = -inf") ==
      "kernel softmax, stage %y.0: a run is a step of a sequential loop");
}

TEST_CASE("a detail names loops in scope") {
  CHECK(broken(kMatmul, "m [i0]", "m [i0, i7]") ==
        "kernel matmul, stage %y.0: its detail names i7, out of scope");
  CHECK(broken(kConv, "batch i0", "batch i9") ==
        "kernel conv, stage %y.0: its detail names i9, out of scope");
}

TEST_CASE("contractions are checked") {
  CHECK(broken(kMatmul, "%a[i0, i2]", "%a[i1, i2]") ==
        "kernel matmul, stage %y.0: the first operand uses a loop of n");
  CHECK(broken(kMatmul, "k [i2]", "k []") ==
        "kernel matmul, stage %y.0: loop i2 is none of its detail's");
  CHECK(broken(kMatmul, "= v2", "= v0") ==
        "kernel matmul, stage %y.0: v0 uses a loop that has ended");
  CHECK(broken(kMatmul, "v2 = acc0", "v2 = load %b[0, i1]") ==
        "kernel matmul, stage %y.0: v2 uses more than the sum");
}

TEST_CASE("the operands of a product are checked") {
  CHECK(broken(kMatmul, "b = v1", "b = v7") ==
        "kernel matmul, stage %y.0: an operand is no node of the body");
  CHECK(broken(kMatmul, "    b = v1\n", "") ==
        "kernel matmul, stage %y.0: an operand is no node of the body");
  CHECK(broken(kMatmul, "b = v1", "b = v2") ==
        "kernel matmul, stage %y.0: an operand uses the sum");
  CHECK(broken(kMatmul, "%a : f32", "%a : f64") ==
        "kernel matmul, stage %y.0: an operand has another dtype than the sum");
  CHECK(broken(kConv, "w = v1", "w = v2") == "kernel conv, stage %y.0: an operand uses the sum");
  CHECK(broken(kConv, "v1 = load %w[i1, i4, i5, i6]", "v1 : f32 = const 1.0") ==
        "kernel conv, stage %y.0: an operand reads no tensor");
  const std::string twice =
      "v1 = load %w[i1, i4, i5, i6]\n    v2 = load %w[i1, i4, 0, i6]\n"
      "    v3 = mul(v1, v2)\n    v4 = acc0\n    x = v0\n    w = v3\n"
      "    %y[i0, i1, i2, i3] = v4\n";
  CHECK(broken(kConv,
               "v1 = load %w[i1, i4, i5, i6]\n    v2 = acc0\n    x = v0\n    w = v1\n"
               "    %y[i0, i1, i2, i3] = v2\n",
               twice) == "kernel conv, stage %y.0: an operand is read at two places of its window");
}

TEST_CASE("the geometry of a convolution is read off its accesses") {
  const Kernel k = kernel_of(kConv);
  const ConvGeometry g = *conv_geometry(k.stages[0]);
  CHECK(g.channels == 1);
  CHECK(g.run.is(0));
  REQUIRE(g.axes.size() == 2);
  CHECK(g.axes[1].axis == 3);
  CHECK(g.axes[1].stride == 2);
  CHECK(g.axes[1].dilation == 1);
  CHECK(g.axes[1].pad.is(1));
  CHECK(to_text(g.axes[1].start) == "i3 * 2 - 1");
  const Kernel grouped = kernel_of(kGrouped);
  CHECK(conv_geometry(grouped.stages[0])->run.is(2));
}

TEST_CASE("windows may start anywhere, on any axes") {
  const auto geometry = [](const std::string& from, const std::string& to) {
    std::string text(kConv);
    text.replace(text.find(from), from.size(), to);
    const Vec<Kernel> kernels = *parse_kernels(text);
    return *conv_geometry(kernels[0].stages[0]);
  };
  const ConvGeometry crossed =
      geometry("i2 * 2 + i5 - 1 fill 0.0, i3 * 2 + i6", "i3 * 3 + i6 * 4 - n fill 0.0, i2 + i5");
  CHECK(crossed.axes[0].axis == 3);
  CHECK(crossed.axes[1].axis == 2);
  CHECK(crossed.axes[1].stride == 3);
  CHECK(crossed.axes[1].dilation == 4);
  CHECK(to_text(crossed.axes[1].pad) == "n");
  const ConvGeometry phases = geometry("i2 * 2 + i5 - 1", "(i2 + 1) floordiv 2 + i5 - 1");
  CHECK_FALSE(phases.axes[0].stride);
  CHECK(to_text(phases.axes[0].start) == "(i2 + 1) floordiv 2 - 1");
  CHECK(phases.axes[0].pad.is(1));
}

TEST_CASE("the accesses of a convolution are checked") {
  CHECK(broken(kConv, "i3 * 2 + i6 - 1", "i3 * 2 - 1") ==
        "kernel conv, stage %y.0: i6 does not stand in x");
  CHECK(broken(kConv, "i3 * 2 + i6 - 1", "i3 * 2 + i6 * i6 - 1") ==
        "kernel conv, stage %y.0: i6 has no factor in x");
  CHECK(broken(kConv, "i3 * 2 + i6 - 1", "i3 * 2 + i6 + i5 - 1") ==
        "kernel conv, stage %y.0: i5 stands in two axes of x");
  CHECK(broken(kConv, "i3 * 2 + i6 - 1", "i1 * 2 + i6 - 1") ==
        "kernel conv, stage %y.0: a window of x moves with more than its pixels");
  CHECK(broken(kConv, "%x[i0, i4,", "%x[i2, i4,") ==
        "kernel conv, stage %y.0: a pixel stands outside of x's window");
  CHECK(broken(kConv, "%x[i0, i4,", "%x[i0, 2 - i4,") ==
        "kernel conv, stage %y.0: the channels of x do not follow each other");
  CHECK(broken(kConv, "%w[i1, i4, i5, i6]", "%w[i1, i4, i5, 2 - i5]") ==
        "kernel conv, stage %y.0: i5 stands in two axes of w");
  CHECK(broken(kConv, "%w[i1, i4,", "%w[i1, 0,") ==
        "kernel conv, stage %y.0: i4 does not stand in w");
  CHECK(broken(kConv, "%w[i1, i4,", "%w[0, i4,") ==
        "kernel conv, stage %y.0: w is not read at its out_channel");
  CHECK(broken(kConv, "%w[i1, i4,", "%w[i1 + i0, i4,") ==
        "kernel conv, stage %y.0: w differs from image to image");
}

TEST_CASE("one point writes an element") {
  CHECK(broken(kSoftmax, "%y[i0, i4]", "%y[i0, 0]") ==
        "kernel softmax, stage %y.3: every i4 writes the same element of %y");
  CHECK(broken(kMatmul, "%y[i0, i1]", "%y[0, i1]") ==
        "kernel matmul, stage %y.0: every i0 writes the same element of %y");
}

TEST_CASE("a proven index stays inside of its axis") {
  CHECK(broken(kSoftmax, "load %x[i0, i2]", "load %x[i0, i2 + 1]") ==
        "kernel softmax, stage %y.1: i2 + 1 leaves an axis of 64");
  CHECK(broken(kSoftmax, "load %x[i0, i2]", "load %x[i0 - 1, i2]") ==
        "kernel softmax, stage %y.1: i0 - 1 leaves an axis of rows");
  CHECK(broken(kSoftmax, "for i2 in 64", "for i2 in 65") ==
        "kernel softmax, stage %y.1: i2 leaves an axis of 64");
}

TEST_CASE("all problems are told") {
  std::string text(kSoftmax);
  for (auto from : {"acc0 = v2", "acc0 = v2"}) text.replace(text.find(from), 9, "acc0 = v9");
  auto sound = verify(kernel_of(text));
  REQUIRE_FALSE(sound.ok());
  CHECK(sound.error().items.size() == 2);
}

TEST_CASE("carried locals") {
  constexpr std::string_view kCarried = R"(kernel "sum" {
  arg %x : f32[t, 4] row_major
  arg %y : f32[t, 4] row_major written
  local l0 : f32[] carry i0 = 0.0
  grid i0 in t sequential, i1 in 4
  map %y.0 {
    v0 = load l0[]
    v1 = load %x[i0, i1]
    v2 = add(v0, v1)
    l0[] = v2
    %y[i0, i1] = v2
  }
}
)";
  CHECK(verify(kernel_of(kCarried)).ok());
  CHECK(broken(kCarried, " sequential", "") ==
        "kernel sum, local l0: it is carried over what is no sequential loop of the grid");
  CHECK(broken(kCarried, " carry i0 = 0.0", "") ==
        "kernel sum, stage %y.0: l0 is read before it is written");
}

TEST_CASE("lanes merge where the combiner allows it") {
  Kernel k = kernel_of(kSoftmax);
  CHECK(merges_of(k.stages[0]) == Vec<Fn>{Fn::kMax});
  CHECK(merges_of(k.stages[2]) == Vec<Fn>{Fn::kAdd});
  auto merge = [](std::string_view from, std::string_view to) {
    std::string text(kSoftmax);
    text.replace(text.find(from), from.size(), to);
    return merges_of(kernel_of(text).stages[0]);
  };
  // Not the identity, not a merge of its own accumulator, twice the accumulator.
  CHECK_FALSE(merge("-inf", "0.0").has_value());
  CHECK_FALSE(merge("max(v1, v0)", "sub(v1, v0)").has_value());
  CHECK_FALSE(merge("max(v1, v0)", "max(v1, v1)").has_value());
  CHECK(merge("-inf\n    v0 = load %x[i0, i1]\n    v1 = acc0\n    v2 = max(v1, v0)",
              "0.0\n    v0 = load %x[i0, i1]\n    v1 = acc0\n    v2 = fma(v0, v0, v1)") ==
        Vec<Fn>{Fn::kAdd});
  CHECK_FALSE(merge("-inf\n    v0 = load %x[i0, i1]\n    v1 = acc0\n    v2 = max(v1, v0)",
                    "0.0\n    v0 = load %x[i0, i1]\n    v1 = acc0\n    v2 = fma(v0, v1, v0)")
                  .has_value());
}

TEST_CASE("what nothing uses goes") {
  Kernel k = kernel_of(R"(kernel "k" {
  arg %a : f32[8] row_major
  arg %x : f32[8] row_major
  arg %y : f32[8] row_major written
  local l0 : f32[]
  local l1 : f32[]
  grid i0 in 8
  map %y.0 {
    v0 = load %a[i0]
    v1 = load %x[i0]
    v2 = neg(v1)
    v3 = exp(v0)
    l0[] = v3
    l1[] = v2
  }
  map %y.1 {
    v0 = index i0
    v1 = load %a[at v0]
    v2 = load l1[]
    %y[i0] = v2
  }
}
)");
  remove_unused(k);
  CHECK(verify(k).ok());
  CHECK(to_text(k) == R"(kernel "k" {
  arg %x : f32[8] row_major
  arg %y : f32[8] row_major written
  local l0 : f32[]
  grid i0 in 8
  map %y.0 {
    v0 = load %x[i0]
    v1 = neg(v0)
    l0[] = v1
  }
  map %y.1 {
    v0 = load l0[]
    %y[i0] = v0
  }
}
)");
  for (auto text : {kSoftmax, kConv, kMatmul, kCumsum, kSmallest, kScatter}) {
    Kernel whole = kernel_of(text);
    remove_unused(whole);
    CHECK(to_text(whole) == text);
  }
}

}  // namespace rlx
