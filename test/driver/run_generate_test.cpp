#include "driver/run_generate.h"

#include <cmath>

#include "test/driver/run_tensors.h"

namespace rlx::driver {
namespace {

using image::Extent;

image::Image model() {
  Extent batch{{{Extent::Op::kSymbol, 0}}}, wide = Extent::constant(1000);
  image::Image image;
  image.symbols = {{.name = "batch", .input = 0, .axis = 0}};
  image.inputs = {{"ids", DType::kI64, {batch, wide}},
                  {"attention_mask", DType::kI64, {batch, wide}},
                  {"token_type_ids", DType::kI32, {batch, wide}},
                  {"pixels", DType::kF32, {batch, wide}},
                  {"halves", DType::kF16, {batch, wide}},
                  {"flags", DType::kBool, {batch, wide}},
                  {"Mask2", DType::kBool, {batch, wide}}};
  return image;
}

TensorSet made(uint64_t seed, int64_t batch = 2) {
  auto set = generate_inputs(model(), {{"batch", batch}}, seed);
  REQUIRE(set.ok());
  return std::move(*set);
}

Vec<double> values(const HostTensor& t) {
  Vec<double> all;
  each_element(t, [&](int64_t, Wide v) { all.push_back(static_cast<double>(v)); });
  return all;
}

TEST_CASE("shapes and dtypes are the model's") {
  TensorSet set = made(1, 3);
  image::Image image = model();
  REQUIRE(set.tensors.size() == image.inputs.size());
  for (size_t i = 0; i < set.tensors.size(); ++i) {
    CHECK(set.tensors[i].name == image.inputs[i].name);
    CHECK(set.tensors[i].dtype == image.inputs[i].dtype);
    CHECK(set.tensors[i].shape == Vec<int64_t>{3, 1000});
  }
}

TEST_CASE("values are sane for what they are called") {
  TensorSet set = made(1);
  for (double v : values(set.tensors[0])) CHECK((v >= 0 && v < 10));
  for (size_t i : {1, 6}) {
    for (double v : values(set.tensors[i])) CHECK(v == 1);
  }
  for (double v : values(set.tensors[2])) CHECK(v == 0);
  for (size_t i : {3, 4}) {
    Vec<double> normal = values(set.tensors[i]);
    double sum = 0, squares = 0;
    for (double v : normal) sum += v, squares += v * v;
    CHECK(std::abs(sum / 2000) < 0.1);
    CHECK(std::abs(squares / 2000 - 1) < 0.1);
  }
  CHECK(summarise(set.tensors[5]).mean == Approx(0.5).margin(0.1));
}

TEST_CASE("a seed fixes them, for each input by itself") {
  CHECK(made(1).tensors == made(1).tensors);
  CHECK(!(made(1).tensors[3] == made(2).tensors[3]));
  image::Image fewer = model();
  fewer.inputs.erase(fewer.inputs.begin());
  auto set = generate_inputs(fewer, {{"batch", 2}}, 1);
  REQUIRE(set.ok());
  CHECK(set->tensors[2] == made(1).tensors[3]);
  // Pinned: every machine makes these.
  CHECK(values(made(1).tensors[0])[0] == 5);
  CHECK(values(made(1).tensors[3])[0] == Approx(-0.011258753));
}

TEST_CASE("dims that are missing are listed") {
  auto set = generate_inputs(model(), {{"seq", 2}}, 1);
  REQUIRE(!set.ok());
  CHECK(set.error().first().message == "to make up inputs, values are needed for batch");
  CHECK(set.error().first().hint == "--dim batch=N, or give inputs");
  CHECK(!generate_inputs(model(), {{"batch", INT64_MAX / 8}}, 1).ok());
  CHECK(!generate_inputs(model(), {{"batch", -1}}, 1).ok());
}

}  // namespace
}  // namespace rlx::driver
