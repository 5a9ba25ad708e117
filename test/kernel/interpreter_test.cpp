#include "kernel/interpreter.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "test/kernel/run.h"

namespace rlx {
namespace {

// A kernel over %x and %y, both f32[n], with this body.
std::string row(std::string_view body) {
  return "kernel \"k\" {\n  arg %x : f32[n] row_major\n  arg %y : f32[n] row_major written\n"
         "  grid i0 in n\n  map %y.0 {\n" +
         std::string(body) + "  }\n}\n";
}

}  // namespace

TEST_CASE("a map over more points than a strip has") {
  Vec<float> x(5000), y(5000);
  std::iota(x.begin(), x.end(), 0.0F);
  check_run(row("    v0 = load %x[n - 1 - i0]\n    v1 = add(v0, v0)\n    %y[i0] = v1\n"),
            {{"n", 5000}}, x, y);
  for (size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == 2 * x[4999 - i]);
}

TEST_CASE("nothing happens without points") {
  Vec<float> x, y;
  check_run(row("    v0 = load %x[i0]\n    %y[i0] = v0\n"), {{"n", 0}}, x, y);
}

TEST_CASE("indexes of many loops") {
  Vec<float> x(2 * 3 * 700), y(x.size());
  std::iota(x.begin(), x.end(), 0.0F);
  check_run(R"(kernel "transpose" {
  arg %x : f32[2, 3, 700] row_major
  arg %y : f32[700, 2, 3] row_major written
  grid i0 in 700, i1 in 2
  map %y.0 for i2 in 3 {
    v0 = load %x[i1, i2, i0]
    v1 = index (i0 * 6 + i1 * 3 + i2) floordiv 6
    v2 : f32 = cast(v1)
    v3 = add(v0, v2)
    %y[i0, i1, i2] = v3
  }
}
)",
            {}, x, y);
  for (size_t i = 0; i < 700; ++i) {
    for (size_t j = 0; j < 6; ++j) REQUIRE(y[i * 6 + j] == x[j * 700 + i] + static_cast<float>(i));
  }
}

TEST_CASE("bounds rules") {
  Vec<float> x{0, 1, 2, 3}, y(4);
  auto read = [&](std::string_view index) {
    check_run(row("    v0 = load %x[" + std::string(index) + "]\n    %y[i0] = v0\n"), {{"n", 4}}, x,
              y);
    return y;
  };
  CHECK(read("i0 + 2 fill -1.5") == Vec<float>{2, 3, -1.5F, -1.5F});
  CHECK(read("i0 - 2 clamp") == Vec<float>{0, 0, 0, 1});
  CHECK(read("i0 - 2 reflect") == Vec<float>{2, 1, 0, 1});
  CHECK(read("i0 + 2 reflect") == Vec<float>{2, 3, 2, 1});
  CHECK(read("i0 * 5 - 7 reflect") == Vec<float>{1, 2, 3, 2});
  CHECK(read("i0 + 2 wrap") == Vec<float>{2, 3, 0, 1});
  CHECK(read("i0 * 3 - 5 wrap") == Vec<float>{3, 2, 1, 0});
  CHECK(read("n - 1 - i0 checked") == Vec<float>{3, 2, 1, 0});
  Vec<float> one{7}, out(1);
  check_run(row("    v0 = load %x[i0 + 3 reflect]\n    %y[i0] = v0\n"), {{"n", 1}}, one, out);
  CHECK(out[0] == 7);
}

TEST_CASE("data that indexes outside is the user's error") {
  Kernel k = kernel_of(row("    v0 = load %x[i0 + 1 checked]\n    %y[i0] = v0\n"));
  k.stages[0].origin = {"/a", "/b"};
  Vec<float> x(3), y(3);
  auto status = run(k, {{"n", 3}}, x, y);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().first().code == kIndexOutside);
  CHECK(status.error().first().node == "/a, /b");
  CHECK(status.error().first().message ==
        "index 3 is outside of axis 0 of %x, which has 3 elements");
}

TEST_CASE("a false proof is found") {
  Vec<float> x(3), y(3);
  auto status =
      run(kernel_of(row("    v0 = load %x[i0 * 2]\n    %y[i0] = v0\n")), {{"n", 3}}, x, y);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().first().code == kInvalidKernel);
}

TEST_CASE("gather and scatter") {
  Vec<float> table(40), y(12), want(12);
  std::iota(table.begin(), table.end(), 0.0F);
  Vec<int64_t> rows{4, 7, 4};
  check_run(kScatter, {{"n", 3}}, table, rows, y);
  for (int64_t row : rows) {
    for (int64_t j = 0; j < 4; ++j) {
      want[static_cast<size_t>(row % 3 * 4 + j)] += table[static_cast<size_t>(row * 4 + j)];
    }
  }
  CHECK(y == want);
  Vec<int64_t> outside{10, -1};
  CHECK_FALSE(run(kernel_of(kScatter), {{"n", 1}}, table, outside, y).ok());
}

TEST_CASE("data may count from the end") {
  Vec<float> x{5, 6, 7}, y(3);
  check_run(row("    v0 = index -i0\n    v1 = load %x[at v0 from end checked]\n    %y[i0] = v1\n"),
            {{"n", 3}}, x, y);
  CHECK(y == Vec<float>{5, 7, 6});
}

TEST_CASE("combining writes") {
  Vec<float> x{3, -1, 2}, y{1, 1, 1};
  for (auto [assignment, want] :
       {std::pair("+=", Vec<float>{4, 0, 3}), std::pair("max=", Vec<float>{3, 1, 2}),
        std::pair("min=", Vec<float>{1, -1, 1}), std::pair("*=", Vec<float>{3, -1, 2})}) {
    Vec<float> out = y;
    check_run(row("    v0 = load %x[i0]\n    %y[i0] " + std::string(assignment) + " v0\n"),
              {{"n", 3}}, x, out);
    CHECK(out == want);
  }
}

TEST_CASE("softmax") {
  Vec<float> x = random_floats(37 * 64), y(x.size());
  check_run(kSoftmax, {{"rows", 37}}, x, y);
  for (size_t r = 0; r < 37; ++r) {
    double sum = 0;
    for (size_t i = 0; i < 64; ++i) sum += std::exp(static_cast<double>(x[r * 64 + i]));
    for (size_t i = 0; i < 64; ++i) {
      CHECK(y[r * 64 + i] ==
            Approx(std::exp(static_cast<double>(x[r * 64 + i])) / sum).epsilon(1e-6));
    }
  }
}

TEST_CASE("sums run in lanes, exactly so") {
  constexpr std::string_view kSum = R"(kernel "sum" {
  arg %x : f32[m, n] row_major
  arg %y : f32[m] row_major written
  grid i0 in m
  reduce %y.0 for i1 in n {
    acc0 : f32 = 0.0
    v0 = load %x[i0, i1]
    v1 = acc0
    v2 = add(v1, v0)
    acc0 = v2
    %y[i0] = v1
  }
}
)";
  for (size_t n : {0, 1, 7, 16, 17, 32, 33, 100, 2000}) {
    Vec<float> x = random_floats(5 * n), y(5);
    check_run(kSum, {{"m", 5}, {"n", static_cast<int64_t>(n)}}, x, y);
    for (size_t i = 0; i < 5; ++i) CHECK(y[i] == lane_sum(x.data() + i * n, n));
  }
}

TEST_CASE("lanes run on over outer loops, and results have a tail") {
  Vec<float> x = random_floats(3 * 4 * 40), y(3);
  check_run(R"(kernel "mean" {
  arg %x : f32[3, 4, 40] row_major
  arg %y : f32[3] row_major written
  reduce %y.0 for i0 in 3, i1 in 4, i2 in 40 {
    over [i1, i2]
    acc0 : f32 = 0.0
    v0 = load %x[i0, i1, i2]
    v1 = acc0
    v2 = fma(v0, v0, v1)
    v3 : f32 = const 0.5
    v4 = mul(v1, v3)
    acc0 = v2
    %y[i0] = v4
  }
}
)",
            {}, x, y);
  for (size_t i = 0; i < 3; ++i) {
    float lanes[32] = {};
    for (size_t j = 0; j < 160; ++j) {
      float v = x[i * 160 + j], &lane = lanes[j % 40 % 32];
      lane = std::fma(v, v, lane);
    }
    for (size_t half = 16; half > 0; half /= 2) {
      for (size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
    }
    CHECK(y[i] == lanes[0] * 0.5F);
  }
}

TEST_CASE("accumulators that need each other run in sequence") {
  Vec<float> x{3, 9, 2, 9, 1, 4, 4, 0};
  Vec<int64_t> y(2);
  check_run(R"(kernel "argmax" {
  arg %x : f32[2, 4] row_major
  arg %y : i64[2] row_major written
  grid i0 in 2
  reduce %y.0 for i1 in 4 {
    order sequence
    acc0 : f32 = -inf
    acc1 : i64 = 0
    v0 = load %x[i0, i1]
    v1 = acc0
    v2 = acc1
    v3 = gt(v0, v1)
    v4 = index i1
    v5 = select(v3, v4, v2)
    v6 = select(v3, v0, v1)
    acc0 = v6
    acc1 = v5
    %y[i0] = v2
  }
}
)",
            {}, x, y);
  CHECK(y == Vec<int64_t>{1, 1});
}

TEST_CASE("scans") {
  Vec<float> x(24), y(24);
  std::iota(x.begin(), x.end(), 1.0F);
  auto scan = [&](std::string_view how) {
    std::string text(kCumsum);
    text.replace(text.find(" exclusive reverse"), 18, how);
    check_run(text, {}, x, y);
    return Vec<float>(y.begin() + 6, y.begin() + 12);
  };
  CHECK(scan("") == Vec<float>{7, 15, 24, 34, 45, 57});
  CHECK(scan(" exclusive") == Vec<float>{0, 7, 15, 24, 34, 45});
  CHECK(scan(" reverse") == Vec<float>{57, 50, 42, 33, 23, 12});
  CHECK(scan(" exclusive reverse") == Vec<float>{50, 42, 33, 23, 12, 0});
}

TEST_CASE("sorts give the places of the least, of equal ones the first") {
  Vec<int32_t> x = {5, 1, 4, 1, 0, 9, 7, 7, 7, 7, 7, 7, 6, 5, 4, 3, 2, 1, -1, 1, -2, 2, -2, 0};
  Vec<int64_t> y(12);
  check_run(std::string(kSmallest), {}, x, y);
  CHECK(y == Vec<int64_t>{4, 1, 3, 0, 1, 2, 5, 4, 3, 2, 4, 0});
}

TEST_CASE("a contraction is a chain of fma") {
  for (int64_t m : {1, 3, 400}) {
    Vec<float> a = random_floats(static_cast<size_t>(m) * 7), b = random_floats(35, 2);
    Vec<float> y(static_cast<size_t>(m) * 5);
    check_run(kMatmul, {{"m", m}}, a, b, y);
    for (size_t i = 0; i < static_cast<size_t>(m); ++i) {
      for (size_t j = 0; j < 5; ++j) {
        float sum = 0;
        for (size_t k = 0; k < 7; ++k) sum = std::fma(a[i * 7 + k], b[k * 5 + j], sum);
        REQUIRE(y[i * 5 + j] == sum);
      }
    }
  }
}

TEST_CASE("a contraction of narrow integers") {
  Vec<uint8_t> a{200, 3};
  Vec<int8_t> b{-128, 100};
  Vec<int32_t> y(1);
  check_run(R"(kernel "dot" {
  arg %a : u8[2] row_major
  arg %b : i8[2] row_major
  arg %y : i32[] row_major written
  contract %y.0 for i0 in 2 {
    batch [] m [] n [] k [i0]
    acc0 : i32
    v0 = load %a[i0]
    v1 : i32 = cast(v0)
    v2 = load %b[i0]
    v3 : i32 = cast(v2)
    v4 = acc0
    a = v1
    b = v3
    %y[] = v4
  }
}
)",
            {}, a, b, y);
  CHECK(y[0] == 200 * -128 + 300);
}

TEST_CASE("the operands of a contraction are expressions") {
  Vec<uint8_t> a{10, 20, 30, 40, 50, 60};
  Vec<int32_t> zero{7};
  Vec<float> b{1, -2, 3, -4, 5, -6}, scale{0.5, 2}, y(4);
  check_run(R"(kernel "dequantised" {
  arg %a : u8[2, 3] row_major
  arg %zero : i32[] row_major
  arg %b : f32[3, 2] row_major
  arg %scale : f32[2] row_major
  arg %y : f32[2, 2] row_major written
  grid i0 in 2, i1 in 2
  contract %y.0 for i2 in 3 {
    batch [] m [i0] n [i1] k [i2]
    acc0 : f32
    v0 = load %a[i0, i2]
    v1 : i32 = cast(v0)
    v2 = load %zero[]
    v3 = sub(v1, v2)
    v4 : f32 = cast(v3)
    v5 = load %b[i2, i1]
    v6 : f32 = const 0.0
    v7 = max(v5, v6)
    v8 = load %scale[i1]
    v9 = mul(v7, v8)
    v10 = acc0
    a = v4
    b = v9
    %y[i0, i1] = v10
  }
}
)",
            {}, a, zero, b, scale, y);
  // Columns 0 and 1 of max(b, 0) scaled are 0.5, 1.5, 2.5 and 0, 0, 0.
  CHECK(y == Vec<float>{3 * 0.5F + 13 * 1.5F + 23 * 2.5F, 0, 33 * 0.5F + 43 * 1.5F + 53 * 2.5F, 0});
}

TEST_CASE("a convolution sums the window outside, channels inside") {
  Vec<float> image = random_floats(2 * 3 * 8 * 8), w = random_floats(5 * 27, 2), y(2 * 5 * 16);
  Kernel k = kernel_of(kConv);
  Vec<float> x(static_cast<size_t>(buffer_bytes(k.args[0], {{"n", 2}})) / 4);
  CHECK(x.size() == 2 * 10 * 10 * 16);
  REQUIRE(pack(std::as_bytes(std::span(image)), memory_of(x), DType::kF32, {2, 3, 8, 8},
               k.args[0].storage));
  check_run(kConv, {{"n", 2}}, x, w, y);
  auto pixel = [&](size_t n, size_t c, size_t r, size_t q) {
    return r - 1 < 8 && q - 1 < 8 ? image[((n * 3 + c) * 8 + r - 1) * 8 + q - 1] : 0.0F;
  };
  for (size_t i = 0; i < y.size(); ++i) {
    size_t n = i / 80, oc = i / 16 % 5, r = i / 4 % 4, q = i % 4;
    float sum = 0;
    for (size_t tap = 0; tap < 9; ++tap) {
      for (size_t c = 0; c < 3; ++c) {
        float v = pixel(n, c, r * 2 + tap / 3, q * 2 + tap % 3);
        sum = std::fma(v, w[oc * 27 + c * 9 + tap], sum);
      }
    }
    REQUIRE(y[i] == sum);
  }
  // Through the halo instead of the bounds.
  std::string proven(kConv);
  for (size_t at; (at = proven.find(" fill 0.0,")) != std::string::npos;) proven.erase(at, 9);
  proven.erase(proven.find(" fill 0.0]"), 9);
  Vec<float> again(y.size());
  check_run(proven, {{"n", 2}}, x, w, again);
  CHECK(again == y);
}

TEST_CASE("carried locals keep their value from step to step") {
  Vec<float> x(2 * 5 * 3), y(x.size());
  std::iota(x.begin(), x.end(), 1.0F);
  check_run(R"(kernel "sum" {
  arg %x : f32[2, 5, 3] row_major
  arg %y : f32[2, 5, 3] row_major written
  local l0 : f32[] carry i1 = 100.0
  grid i0 in 2, i1 in 5 sequential, i2 in 3
  map %y.0 {
    v0 = load l0[]
    v1 = load %x[i0, i1, i2]
    v2 = add(v0, v1)
    l0[] = v2
    %y[i0, i1, i2] = v2
  }
}
)",
            {}, x, y);
  for (size_t b = 0; b < 2; ++b) {
    for (size_t i = 0; i < 3; ++i) {
      float sum = 100;
      for (size_t t = 0; t < 5; ++t) {
        sum += x[(b * 5 + t) * 3 + i];
        CHECK(y[(b * 5 + t) * 3 + i] == sum);
      }
    }
  }
}

TEST_CASE("a step reads through a buffer what others wrote in the step before") {
  Vec<float> y(4 * 3);
  check_run(R"(kernel "rotate" {
  arg %y : f32[4, 3] row_major written
  grid i0 in 4 sequential, i1 in 3
  map %y.0 {
    v0 = load %y[i0 - 1 fill 1.0, (i1 + 1) mod 3]
    v1 = index i1
    v2 : f32 = cast(v1)
    v3 = add(v0, v2)
    %y[i0, i1] = v3
  }
}
)",
            {}, y);
  CHECK(y == Vec<float>{1, 2, 3, 2, 4, 3, 4, 4, 4, 4, 5, 6});
}

TEST_CASE("16-bit floats and bools") {
  Vec<uint16_t> x{0x3C00, 0x3C01, 0x7C00}, y(3);
  Vec<uint8_t> b{0, 1, 2};
  check_run(R"(kernel "k" {
  arg %x : f16[3] row_major
  arg %b : bool[3] row_major
  arg %y : bf16[3] row_major written
  grid i0 in 3
  map %y.0 {
    v0 = load %x[i0]
    v1 : f32 = cast(v0)
    v2 = load %b[i0]
    v3 = neg(v1)
    v4 = select(v2, v3, v1)
    v5 : bf16 = cast(v4)
    %y[i0] = v5
  }
}
)",
            {}, x, b, y);
  CHECK(y == Vec<uint16_t>{0x3F80, 0xBF80, 0xFF80});
}

TEST_CASE("loops that the interpreter refuses") {
  Vec<float> y(9);
  auto status = run(kernel_of("kernel \"k\" {\n  arg %y : f32[3, 3] row_major written\n"
                              "  grid i0 in 3\n  map %y.0 for i1 in i0 + 1 {\n"
                              "    v0 : f32 = const 1.0\n    %y[i0, i1] = v0\n  }\n}\n"),
                    {}, y);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().first().code == kNotInterpreted);
  CHECK(status.error().first().message == "a loop's extent changes: i0 + 1");
}

TEST_CASE("packing and unpacking") {
  for (auto [text, shape] :
       {std::pair("row_major", Vec<int64_t>{3, 5}), std::pair("[1, 0]", Vec<int64_t>{3, 5}),
        std::pair("[1/4, 0, 1%4] pad {0: lo 1 hi 2, 1: to 4} fill -2.5", Vec<int64_t>{3, 5}),
        std::pair("[0, 2, 3, 1] pad {1: to 16, 2: lo 1 hi 1}", Vec<int64_t>{2, 3, 4, 5}),
        std::pair("[]", Vec<int64_t>{}), std::pair("[0] pad {0: to 8}", Vec<int64_t>{0})}) {
    for (DType type : {DType::kF32, DType::kBF16, DType::kF64}) {
      INFO(text << " of " << name(type));
      auto storage = parse_storage(text, static_cast<int>(shape.size()), type);
      REQUIRE(storage.ok());
      Vec<Dim> dims(shape.begin(), shape.end());
      int64_t elements = product(dims).constant().value(), size = size_of(type);
      int64_t stored = storage_elements(*storage, dims).constant().value();
      Vec<uint8_t> dense(static_cast<size_t>(elements * size)),
          packed(static_cast<size_t>(stored * size), 0xEE);
      for (size_t i = 0; i < dense.size(); ++i) dense[i] = static_cast<uint8_t>(i * 37 + 1);
      REQUIRE(pack(std::as_bytes(std::span(dense)), memory_of(packed), type, shape, *storage).ok());
      Vec<uint8_t> back(dense.size());
      REQUIRE(
          unpack(std::as_bytes(std::span(packed)), memory_of(back), type, shape, *storage).ok());
      CHECK(back == dense);
      // What is no element holds the fill.
      Scalar fill = storage->fill.value_or(Scalar::of(type, 0));
      Vec<uint8_t> unit(static_cast<size_t>(size));
      to_bytes(fill, memory_of(unit).data());
      int64_t fills = 0;
      for (size_t i = 0; i < packed.size(); i += unit.size()) {
        fills += std::memcmp(&packed[i], unit.data(), unit.size()) == 0;
      }
      CHECK(fills >= stored - elements);
    }
  }
  Vec<float> x(6), y(5);
  CHECK_FALSE(
      pack(std::as_bytes(std::span(x)), memory_of(y), DType::kF32, {6}, Storage::row_major(1))
          .ok());
}

TEST_CASE("sizes of buffers") {
  Arg a{.name = "%x", .dtype = DType::kF16, .shape = {Dim::symbol("n"), 5}};
  a.storage = *parse_storage("[0, 1] pad {0: lo 1, 1: to 16}", 2, DType::kF16);
  CHECK(buffer_bytes(a, {{"n", 3}}) == 4 * 16 * 2);
}

}  // namespace rlx
