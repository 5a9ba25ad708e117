#include "runtime/binding.h"

#include "test/runtime/images.h"

namespace rlx::runtime {
namespace {

// ids: i64[batch, seq], mask: f32[batch, seq], past: f32[batch, seq * 2, 8]; batch is even, seq to 16.
Image model() {
  Image image;
  Extent batch = symbol(0), seq = symbol(1);
  image.symbols = {{.name = "batch", .input = 0, .axis = 0, .min = 2, .max = 8, .multiple_of = 2},
                   {.name = "seq", .input = 0, .axis = 1, .min = 1, .max = 16}};
  image.inputs = {{"ids", DType::kI64, {batch, seq}, 0},
                  {"mask", DType::kF32, {batch, seq}, 1},
                  {"past", DType::kF32, {batch, times(seq, 2), Extent::constant(8)}, 2}};
  Extent equal = batch;
  equal.steps.insert(equal.steps.end(), {seq.steps[0], {Extent::Op::kEq, 0}});
  image.guards = {{equal, "batch must equal seq", "/add"}};
  return image;
}

HostTensor tensor(std::string name, DType dtype, Vec<int64_t> shape) {
  return {std::move(name), dtype, std::move(shape)};
}

Vec<HostTensor> good() {
  return {tensor("past", DType::kF32, {4, 6, 8}), tensor("ids", DType::kI64, {4, 3}),
          tensor("mask", DType::kF32, {4, 3})};
}

// All messages, "; " between them.
std::string problems_of(const Vec<HostTensor>& inputs) {
  auto binding = bind_inputs(model(), pointers_to(inputs), {});
  if (binding) return "";
  CHECK(binding.error().exit_code() == static_cast<int>(Exit::kShape));
  std::string text;
  for (const Diagnostic& d : binding.error().items) {
    text += (text.empty() ? "" : "; ") + d.message;
    if (!d.hint.empty()) text += " (" + d.hint + ")";
  }
  return text;
}

TEST_CASE("inputs are sorted and give the symbols") {
  Vec<HostTensor> inputs = good();
  auto binding = bind_inputs(model(), pointers_to(inputs), {});
  REQUIRE(binding.ok());
  CHECK(binding->inputs == Vec<const HostTensor*>{&inputs[1], &inputs[2], &inputs.front()});
  CHECK(binding->symbols == Vec<int64_t>{4, 3});
}

TEST_CASE("an element of an input is the difference of two symbols") {
  Image image;
  image.inputs = {{"shape", DType::kI64, {Extent::constant(2)}, 0}};
  for (int32_t element : {0, 1}) {
    for (int32_t sign : {1, -1}) {
      std::string name = "shape" + std::to_string(element) + (sign < 0 ? "-" : "+");
      image.symbols.push_back({.name = name, .input = 0, .element = element, .sign = sign});
    }
  }
  HostTensor shape = tensor("shape", DType::kI64, {2});
  const auto symbols_for = [&](int64_t first, int64_t second) {
    const int64_t elements[] = {first, second};
    shape.data = AlignedBytes({reinterpret_cast<const std::byte*>(elements), sizeof elements});
    auto binding = bind_inputs(image, pointers_to({&shape, 1}), {});
    return binding ? binding->symbols : Vec<int64_t>{};
  };
  CHECK(symbols_for(7, -1) == Vec<int64_t>{7, 0, 0, 1});
  CHECK(symbols_for(0, INT64_MAX) == Vec<int64_t>{0, 0, INT64_MAX, 0});
  // It has no opposite.
  CHECK(symbols_for(0, INT64_MIN).empty());
  // Of another extent than the model's nothing is read.
  shape = tensor("shape", DType::kI64, {0});
  CHECK(!bind_inputs(image, pointers_to({&shape, 1}), {}).ok());
}

TEST_CASE("names: unknown, missing, twice") {
  Vec<HostTensor> inputs = good();
  inputs[2].name = "maks";
  CHECK(problems_of(inputs) ==
        "the model has no input 'maks' (did you mean \"mask\"? known are ids, mask, past); input "
        "'mask' is missing");
  inputs[2].name = "attention_weights";
  CHECK(problems_of(inputs) ==
        "the model has no input 'attention_weights' (known are ids, mask, past); "
        "input 'mask' is missing");
  inputs[2].name = "ids";
  CHECK(problems_of(inputs) == "input 'ids' is given twice; input 'mask' is missing");
}

TEST_CASE("dtype and rank") {
  Vec<HostTensor> inputs = good();
  inputs[1].dtype = DType::kI32;
  inputs[2].shape = {4};
  CHECK(problems_of(inputs) ==
        "input 'ids' is i32, wanted i64; input 'mask' has 1 axes, wanted 2; its shape is [4]");
}

TEST_CASE("extents say who wants what") {
  Vec<HostTensor> inputs = good();
  inputs[2].shape = {4, 5};
  CHECK(problems_of(inputs) ==
        "input 'mask': axis 1 is 5, wanted 3 (seq; seq is axis 1 of input 'ids')");
  inputs = good();
  inputs[0].shape = {4, 7, 9};
  CHECK(problems_of(inputs) ==
        "input 'past': axis 1 is 7, wanted 6 (seq * 2; seq is axis 1 of input 'ids'); "
        "input 'past': axis 2 is 9, wanted 8");
}

TEST_CASE("ranges") {
  Vec<HostTensor> inputs = good();
  inputs[1].shape = {3, 17};
  CHECK(problems_of(inputs) ==
        "input 'ids': axis 0, batch, is 3, wanted a multiple of 2; "
        "input 'ids': axis 1, seq, is 17, wanted at most 16");
  inputs[1].shape = {0, 1};
  CHECK(problems_of(inputs) == "input 'ids': axis 0, batch, is 0, wanted at least 2");
}

TEST_CASE("symbols without an input are given or missing") {
  Image image;
  image.symbols = {{.name = "steps", .min = 1, .max = 4}};
  auto binding = bind_inputs(image, {}, {{"steps", 3}});
  REQUIRE(binding.ok());
  CHECK(binding->symbols == Vec<int64_t>{3});
  auto missing = bind_inputs(image, {}, {});
  REQUIRE(!missing.ok());
  CHECK(missing.error().first().message == "no input gives the dim 'steps'");
  CHECK(missing.error().first().hint == "give it a value: --dim steps=N");
  auto big = bind_inputs(image, {}, {{"steps", 5}});
  REQUIRE(!big.ok());
  CHECK(big.error().first().message == "dim steps is 5, wanted at most 4");
}

TEST_CASE("guards name the node and the values") {
  CHECK(check_guards(model(), {3, 3}).ok());
  auto status = check_guards(model(), {4, 3});
  REQUIRE(!status.ok());
  CHECK(status.error().first().message == "batch must equal seq, but batch = 4, seq = 3");
  CHECK(status.error().first().node == "/add");
}

TEST_CASE("shapes of outputs") {
  Image image = model();
  CHECK(*shape_of(image, image.inputs[2], {4, 3}) == Vec<int64_t>{4, 6, 8});
  CHECK(!shape_of(image, image.inputs[2], {4, INT64_MAX}).ok());
  CHECK(signature(image, image.inputs[2]) == "past: f32[batch, seq * 2, 8]");
}

}  // namespace
}  // namespace rlx::runtime
