// Symbols that commands tell: what is sized by them, given room for, and asked of them.
#include "runtime/codes.h"
#include "test/runtime/images.h"

namespace rlx::runtime {
namespace {

HostTensor rows_of(int64_t rows) {
  return floats("x", {rows, ImageBuilder::kColumns}, ramp(rows * ImageBuilder::kColumns));
}

HostTensor number(std::string name, int64_t value) {
  return {std::move(name), DType::kI64, {}, AlignedBytes(std::as_bytes(std::span(&value, 1)))};
}

Vec<DeviceOptions> all_ways() {
  Vec<DeviceOptions> ways;
  for (int threads : {1, 3}) {
    for (bool check : {false, true}) ways.push_back({.threads = threads, .check_memory = check});
  }
  return ways;
}

Extent bytes_of_kept() { return times(symbol(1), ImageBuilder::kColumns * sizeof(float)); }

uint32_t number_input(ImageBuilder& b, const std::string& name) {
  const uint32_t at = b.buffer({.kind = Buffer::Kind::kInput, .bytes = Extent::constant(8)});
  b.image().inputs.push_back({name, DType::kI64, {}, at});
  return at;
}

uint32_t kept_output(ImageBuilder& b) {
  const uint32_t y = b.buffer({.kind = Buffer::Kind::kOutput, .bytes = bytes_of_kept()});
  b.image().outputs.push_back(
      {"y", DType::kF32, {symbol(1), Extent::constant(ImageBuilder::kColumns)}, y});
  return y;
}

uint32_t kept_kernel(ImageBuilder& b) {
  const uint32_t k = b.kernel("add_one", add_one);
  b.image().kernels[k].tiles = symbol(1);
  return k;
}

// y = the first `kept` rows of x, plus 2.
ImageBuilder first_rows() {
  ImageBuilder b;
  b.image().symbols.push_back({.name = "kept", .min = 0, .max = 100});
  const uint32_t x = b.input("x"), count = number_input(b, "count");
  const uint32_t y = kept_output(b), one = kept_kernel(b);
  const uint32_t between = b.buffer({.bytes = bytes_of_kept(), .first = 1, .last = 2});
  b.command({.kind = Command::Kind::kTell, .buffers = {count}, .told = {{.symbol = 1}}});
  b.launch(one, {between, x}, {0});
  b.launch(one, {y, between}, {1});
  b.image().guards = {{{{{Extent::Op::kSymbol, 1}, {Extent::Op::kSymbol, 0}, {Extent::Op::kLe, 0}}},
                       "kept <= rows",
                       "/first"}};
  return b;
}

Vec<float> plus_two(int64_t rows) {
  Vec<float> want = ramp(rows * ImageBuilder::kColumns);
  for (float& v : want) v += 2;
  return want;
}

TEST_CASE("what data tells sizes buffers, tiles and outputs, for any dims and threads") {
  for (const DeviceOptions& options : all_ways()) {
    auto session = first_rows().load(options);
    struct Case {
      int64_t rows, kept;
    };
    for (const Case& c : {Case{8, 3}, Case{8, 8}, Case{20, 8}, Case{8, 8}, Case{20, 8}, Case{8, 0},
                          Case{0, 0}, Case{70, 64}}) {
      auto outputs = session->run(Vec<HostTensor>{rows_of(c.rows), number("count", c.kept)});
      REQUIRE(outputs.ok());
      CHECK((*outputs)[0].shape == Vec<int64_t>{c.kept, ImageBuilder::kColumns});
      CHECK(values_of((*outputs)[0]) == plus_two(c.kept));
    }
  }
}

TEST_CASE("what is told and holds a fill holds it after runs with other dims") {
  for (const DeviceOptions& options : all_ways()) {
    ImageBuilder b = first_rows();
    b.image().buffers[3].pattern = std::string(4, '\0');
    auto session = b.load(options);
    for (const int64_t rows : {8, 20, 8, 9, 8}) {
      auto outputs = session->run(Vec<HostTensor>{rows_of(rows), number("count", rows - 3)});
      REQUIRE(outputs.ok());
      CHECK(values_of((*outputs)[0]) == plus_two(rows - 3));
    }
  }
}

TEST_CASE("a run that is bound once tells anew each time") {
  for (const DeviceOptions& options : all_ways()) {
    auto session = first_rows().load(options);
    const Vec<HostTensor> inputs{rows_of(9), number("count", 5)};
    REQUIRE(session->bind(inputs).ok());
    for (int i = 0; i < 3; ++i) CHECK(session->run_bound(nullptr).ok());
  }
}

TEST_CASE("what cannot be an extent, or is against the model's word, is an error") {
  auto problem = [](Session& session, int64_t rows, int64_t kept) {
    auto outputs = session.run(Vec<HostTensor>{rows_of(rows), number("count", kept)});
    return outputs ? std::string() : outputs.error().first().message;
  };
  for (const DeviceOptions& options : all_ways()) {
    auto session = first_rows().load(options);
    CHECK(problem(*session, 8, -1) == "the data tells that kept is -1, wanted at least 0");
    CHECK(problem(*session, 8, INT64_MIN).find("wanted at least 0") != std::string::npos);
    CHECK(problem(*session, 8, 101) == "the data tells that kept is 101, wanted at most 100");
    CHECK(problem(*session, 8, 9) == "kept <= rows, but kept = 9, rows = 8");
    CHECK(problem(*session, 8, 8).empty());
  }
}

TEST_CASE("a symbol may be the part of a number above 0, or below") {
  for (const DeviceOptions& options : all_ways()) {
    ImageBuilder b = first_rows();
    b.image().commands[0].told[0].sign = -1;
    auto session = b.load(options);
    for (const auto& [given, kept] : {std::pair(-4, 4), std::pair(7, 0)}) {
      auto outputs = session->run(Vec<HostTensor>{rows_of(9), number("count", given)});
      REQUIRE(outputs.ok());
      CHECK(values_of((*outputs)[0]) == plus_two(kept));
    }
  }
}

// y = x in room that is made for it, and what it told of its size, plus 1.
ImageBuilder given() {
  ImageBuilder b;
  b.image().symbols.push_back({.name = "kept", .min = 0});
  const uint32_t x = b.input("x"), count = number_input(b, "count");
  const uint32_t kept = b.buffer({.bytes = bytes_of_kept(), .first = 0, .last = 2});
  const uint32_t y = kept_output(b), one = kept_kernel(b);
  b.command({.kind = Command::Kind::kGive, .buffers = {kept, x}, .room = {b.bytes()}});
  b.command({.kind = Command::Kind::kTell, .buffers = {count}, .told = {{.symbol = 1}}});
  b.launch(one, {y, kept}, {0});
  return b;
}

TEST_CASE("what is given room has as much as it holds, and no more may be told of it") {
  for (const DeviceOptions& options : all_ways()) {
    auto session = given().load(options);
    for (const int64_t rows : {3, 50, 3, 0}) {
      auto outputs = session->run(Vec<HostTensor>{rows_of(rows), number("count", rows)});
      REQUIRE(outputs.ok());
      Vec<float> want = ramp(rows * ImageBuilder::kColumns);
      for (float& v : want) v += 1;
      CHECK(values_of((*outputs)[0]) == want);
    }
    auto refused = session->run(Vec<HostTensor>{rows_of(3), number("count", 4)});
    REQUIRE(!refused.ok());
    CHECK(refused.error().first().code == kDamagedImage);
  }
}

}  // namespace
}  // namespace rlx::runtime
