// Loops that feed outputs back, against the same runs with every tensor given.
#include "runtime/feedback.h"

#include "runtime/codes.h"
#include "test/runtime/images.h"

namespace rlx::runtime {
namespace {

constexpr int64_t kBatch = 3, kWidth = 2;

// The order of the image's symbols.
enum Symbols : uint8_t { kPast, kNew, kPastRoom, kPresentRoom };

float* place(void* buffer, int64_t batch, int64_t room, int64_t at) {
  return static_cast<float*>(buffer) + (batch * room + at) * kWidth;
}

// present[b, 0 .. past] = past[b]
void copy_past(void* const* buffers, const int64_t* s, int64_t first, int64_t last, void*) {
  for (int64_t b = first; b < last; ++b) {
    std::memcpy(place(buffers[1], b, s[kPresentRoom], 0), place(buffers[0], b, s[kPastRoom], 0),
                s[kPast] * kWidth * sizeof(float));
  }
}

// present[b, past ..] = x[b] + count[0]
void append_new(void* const* buffers, const int64_t* s, int64_t first, int64_t last, void*) {
  const float count = *static_cast<const float*>(buffers[2]);
  for (int64_t b = first; b < last; ++b) {
    for (int64_t i = 0; i < s[kNew] * kWidth; ++i) {
      place(buffers[1], b, s[kPresentRoom], s[kPast])[i] =
          place(buffers[0], b, s[kNew], 0)[i] + count;
    }
  }
}

// sum[b] = all of present[2 - b] and, once more, of past[b]: what other threads wrote.
void sum_up(void* const* buffers, const int64_t* s, int64_t first, int64_t last, void*) {
  for (int64_t b = first; b < last; ++b) {
    float sum = 0;
    for (int64_t i = 0; i < (s[kPast] + s[kNew]) * kWidth; ++i) {
      sum += place(buffers[0], kBatch - 1 - b, s[kPresentRoom], 0)[i];
    }
    for (int64_t i = 0; i < s[kPast] * kWidth; ++i) {
      sum += place(buffers[1], b, s[kPastRoom], 0)[i];
    }
    static_cast<float*>(buffers[2])[b] = sum;
  }
}

void count_up(void* const* buffers, const int64_t*, int64_t, int64_t, void*) {
  *static_cast<float*>(buffers[1]) = *static_cast<const float*>(buffers[0]) + 1;
}

// past, x, count -> present = past and x + count behind it, sum, counted = count + 1.
ImageBuilder growing() {
  ImageBuilder b;
  Image& i = b.image();
  const Extent batch = Extent::constant(kBatch), width = Extent::constant(kWidth);
  const auto plus = [](Extent a, const Extent& c) {
    a.steps.insert(a.steps.end(), c.steps.begin(), c.steps.end());
    a.steps.push_back({Extent::Op::kAdd, 0});
    return a;
  };
  const auto bytes = [](const Extent& rows) { return times(rows, kBatch * kWidth * 4); };
  i.symbols = {{.name = "past", .input = 0, .axis = 1},
               {.name = "new", .input = 1, .axis = 1},
               {.name = "past_room"},
               {.name = "present_room"}};
  const auto in = Buffer::Kind::kInput, out = Buffer::Kind::kOutput;
  const Extent sums = Extent::constant(kBatch * 4), one = Extent::constant(4);
  const uint32_t past = b.buffer({.kind = in, .bytes = bytes(symbol(kPastRoom))});
  const uint32_t x = b.buffer({.kind = in, .bytes = bytes(symbol(kNew))});
  const uint32_t count = b.buffer({.kind = in, .bytes = one});
  const uint32_t present = b.buffer({.kind = out, .bytes = bytes(symbol(kPresentRoom))});
  const uint32_t sum = b.buffer({.kind = out, .bytes = sums});
  const uint32_t counted = b.buffer({.kind = out, .bytes = one});
  i.inputs = {{"past", DType::kF32, {batch, symbol(kPast), width}, past},
              {"x", DType::kF32, {batch, symbol(kNew), width}, x},
              {"count", DType::kF32, {}, count}};
  i.outputs = {{"present", DType::kF32, {batch, plus(symbol(kPast), symbol(kNew)), width}, present},
               {"sum", DType::kF32, {batch}, sum},
               {"counted", DType::kF32, {}, counted}};
  i.states = {{.input = 0,
               .output = 0,
               .axis = 1,
               .input_capacity = kPastRoom,
               .output_capacity = kPresentRoom,
               .copies = {0}}};
  const auto kernel = [&](const char* name, cpu::KernelFunction function, int64_t tiles) {
    const uint32_t k = b.kernel(name, function);
    i.kernels[k].tiles = Extent::constant(tiles);
    return k;
  };
  const uint32_t copies = kernel("copy_past", copy_past, kBatch);
  const uint32_t appends = kernel("append_new", append_new, kBatch);
  const uint32_t sums_up = kernel("sum_up", sum_up, kBatch);
  const uint32_t counts = kernel("count_up", count_up, 1);
  b.launch(copies, {past, present});
  b.launch(appends, {x, present, count});
  b.launch(sums_up, {present, past, sum}, {0, 1});
  b.launch(counts, {count, counted});
  return b;
}

HostTensor past_of(int64_t rows) {
  return floats("past", {kBatch, rows, kWidth}, ramp(kBatch * rows * kWidth));
}
HostTensor x_of(int64_t rows, float value) {
  return floats("x", {kBatch, rows, kWidth}, Vec<float>(kBatch * rows * kWidth, value));
}
HostTensor count_of(float count) { return floats("count", {}, {count}); }

const Vec<Feed> kAll = {{"present", "past"}, {"counted", "count"}};

template <class T>
T value_of(Result<T> result) {
  INFO((result ? "" : to_text(result.error())));
  REQUIRE(result.ok());
  return std::move(*result);
}

HostTensor renamed(const HostTensor& t, std::string name) {
  HostTensor copy = t;
  copy.name = std::move(name);
  return copy;
}

// Steps of both, of `rows` rows, from a past of `past`: the loop against runs that are given all that the one before
// gave.
void check_loop(const DeviceOptions& options, int64_t past, const Vec<int64_t>& rows) {
  auto looped = growing().load(options), given = growing().load(options);
  REQUIRE(looped->feed(kAll).ok());
  HostTensor all = past_of(past), count = count_of(5);
  for (size_t step = 0; step < rows.size(); ++step) {
    const HostTensor x = x_of(rows[step], static_cast<float>(step));
    const Vec<HostTensor> want = value_of(given->run(Vec<HostTensor>{all, x, count}));
    const Vec<HostTensor> first = {x, count, all}, later = {x};
    const Vec<HostTensor> got = value_of(looped->step(step == 0 ? first : later));
    REQUIRE(got.size() == 1);
    CHECK(got[0] == want[1]);
    const Vec<HostTensor> fed = value_of(looped->fed_outputs());
    REQUIRE(fed.size() == 2);
    CHECK(fed[0] == want[0]);
    CHECK(fed[1] == want[2]);
    all = renamed(want[0], "past");
    count = renamed(want[2], "count");
  }
}

TEST_CASE("what is fed back gives what it gives where it is given, over every growth") {
  for (int threads : {1, 2}) {
    for (bool check : {false, true}) {
      const DeviceOptions options{.threads = threads, .check_memory = check};
      check_loop(options, 0, Vec<int64_t>(70, 1));
      check_loop(options, 3, {1, 2, 0, 3, 40, 1, 1, 0, 90, 1, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1});
      // As much as there is room for at least.
      check_loop(options, 16, {0, 1, 1});
      check_loop(options, 40, {0, 0, 1, 1});
    }
  }
}

// The names of commands that ran.
Vec<std::string> commands_of(Session& session, const Vec<HostTensor>& inputs, bool loops) {
  Profile profile;
  REQUIRE((loops ? session.step(inputs, &profile) : session.run(inputs, &profile)).ok());
  Vec<std::string> names;
  for (const Profile::Item& item : profile.items) {
    const image::Image& i = session.image();
    names.push_back(i.kernels[i.commands[item.command].kernel].name);
  }
  return names;
}

TEST_CASE("what is there already is not copied, and is where a run needs it") {
  auto session = growing().load();
  const Vec<HostTensor> inputs = {past_of(2), x_of(0, 1), count_of(0)};
  REQUIRE(session->feed(kAll).ok());
  CHECK(commands_of(*session, inputs, true) ==
        Vec<std::string>{"append_new", "sum_up", "count_up"});
  // Of the same dims, 16 rows and room for 16, fed and not.
  const Vec<HostTensor> full = {past_of(16), x_of(0, 1), count_of(0)};
  for (int round = 0; round < 2; ++round) {
    REQUIRE(session->feed(kAll).ok());
    CHECK(commands_of(*session, full, true).size() == 3);
    CHECK(commands_of(*session, full, false).size() == 4);
    auto outputs = value_of(session->run(full));
    CHECK(values_of(outputs[0]) == values_of(full[0]));
  }
}

TEST_CASE("an output that goes elsewhere, or alone, is fed by changing places") {
  for (const bool check : {false, true}) {
    auto session = growing().load({.threads = 2, .check_memory = check});
    REQUIRE(session->feed(Vec<Feed>{{"counted", "count"}}).ok());
    const HostTensor x = x_of(1, 1), past = past_of(2);
    for (int step = 0; step < 5; ++step) {
      Vec<HostTensor> inputs = {x, past};
      if (step == 0) inputs.push_back(count_of(0));
      const Vec<HostTensor> outputs = value_of(session->step(inputs));
      REQUIRE(outputs.size() == 2);
      CHECK(outputs[0].shape == Vec<int64_t>{kBatch, 3, kWidth});
      CHECK(values_of(value_of(session->fed_outputs())[0]) == Vec<float>{float(step + 1)});
    }
    // Of more rows with every step.
    REQUIRE(session->feed(Vec<Feed>{{"present", "x"}}).ok());
    for (int step = 0; step < 5; ++step) {
      Vec<HostTensor> inputs = {past, count_of(0)};
      if (step == 0) inputs.push_back(x);
      REQUIRE(session->step(inputs).ok());
      CHECK(value_of(session->fed_outputs())[0].shape ==
            Vec<int64_t>{kBatch, 1 + 2 * (step + 1), kWidth});
    }
  }
}

TEST_CASE("states of one capacity are appended to together, or not at all") {
  ImageBuilder b = growing();
  Image& i = b.image();
  const Extent one = Extent::constant(4);
  // A second state of the same symbols, which nobody feeds.
  i.inputs.push_back(
      {"other", DType::kF32, {}, b.buffer({.kind = Buffer::Kind::kInput, .bytes = one})});
  i.inputs.back().shape = {symbol(kPast)};
  i.buffers.back().bytes = times(symbol(kPastRoom), 4);
  i.outputs.push_back(
      {"others", DType::kF32, {}, b.buffer({.kind = Buffer::Kind::kOutput, .bytes = one})});
  i.outputs.back().shape = {i.outputs[0].shape[1]};
  i.buffers.back().bytes = times(symbol(kPresentRoom), 4);
  i.states.push_back(i.states[0]);
  i.states[1].input = i.states[1].output = 3;
  i.states[1].axis = 0;
  i.states[1].copies = {};
  auto session = b.load();
  REQUIRE(session->feed(kAll).ok());
  const HostTensor other = floats("other", {2}, {1, 2});
  const Vec<HostTensor> inputs = {past_of(2), x_of(1, 1), count_of(0), other};
  CHECK(commands_of(*session, inputs, true).size() == 4);
  CHECK(value_of(session->fed_outputs())[0].shape == Vec<int64_t>{kBatch, 3, kWidth});
  // It stays behind.
  auto second = session->step(Vec<HostTensor>{x_of(1, 1), other});
  REQUIRE(!second.ok());
  CHECK(second.error().first().code == kWrongExtent);
}

std::string problem_with(const Vec<Feed>& feeds, int code) {
  auto session = growing().load();
  const Status status = session->feed(feeds);
  REQUIRE(!status.ok());
  CHECK(status.error().first().code == code);
  return status.error().first().message;
}

TEST_CASE("feeds that no loop can have") {
  CHECK(problem_with({{"presents", "past"}}, kUnknownFeed) ==
        "the model has no output 'presents' to feed");
  CHECK(problem_with({{"present", "sum"}}, kUnknownFeed) == "the model has no input 'sum' to feed");
  CHECK(problem_with({{"present", "past"}, {"present", "x"}}, kFedTwice) ==
        "output 'present' is fed twice");
  CHECK(problem_with({{"present", "past"}, {"sum", "past"}}, kFedTwice) ==
        "input 'past' is fed twice");
  CHECK(problem_with({{"present", "count"}}, kFeedMismatch) ==
        "output 'present' does not fit input 'count'");
}

TEST_CASE("a state that is not given begins empty") {
  for (const bool check : {false, true}) {
    auto session = growing().load({.check_memory = check}), given = growing().load();
    REQUIRE(session->feed(kAll).ok());
    REQUIRE(given->feed(kAll).ok());
    const Vec<HostTensor> first = {x_of(2, 3), count_of(1)}, later = {x_of(1, 4)};
    const Vec<HostTensor> all = {x_of(2, 3), count_of(1), past_of(0)};
    CHECK(value_of(session->step(first)) == value_of(given->step(all)));
    CHECK(value_of(session->step(later)) == value_of(given->step(later)));
    CHECK(value_of(session->fed_outputs()) == value_of(given->fed_outputs()));
  }
}

TEST_CASE("a tensor without its bytes is not copied") {
  auto session = growing().load();
  REQUIRE(session->feed(kAll).ok());
  HostTensor cut = past_of(5);
  cut.data = AlignedBytes(size_t{8});
  auto outputs = session->step(Vec<HostTensor>{cut, x_of(1, 1), count_of(0)});
  REQUIRE(!outputs.ok());
  CHECK(outputs.error().first().code == kDamagedImage);
}

TEST_CASE("a step is given what is not fed, and no more") {
  auto session = growing().load();
  REQUIRE(session->feed(kAll).ok());
  auto missing = session->step(Vec<HostTensor>{x_of(1, 1), past_of(1)});
  REQUIRE(!missing.ok());
  CHECK(missing.error().first().code == kMissingInput);
  const Vec<HostTensor> all = {past_of(1), x_of(1, 1), count_of(0)};
  REQUIRE(session->step(all).ok());
  auto again = session->step(all);
  REQUIRE(!again.ok());
  CHECK(again.error().first().code == kGivenAndFed);
  // Nothing has moved on.
  REQUIRE(session->step(Vec<HostTensor>{all[1]}).ok());
  CHECK(value_of(session->fed_outputs())[0].shape == Vec<int64_t>{kBatch, 3, kWidth});
}

}  // namespace
}  // namespace rlx::runtime
