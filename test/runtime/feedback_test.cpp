// Loops that feed outputs back, against the same runs with every tensor given.
#include "runtime/feedback.h"

#include "runtime/codes.h"
#include "test/runtime/growing.h"

namespace rlx::runtime {
namespace {

TEST_CASE("what is fed back gives what it gives where it is given, over every growth") {
  for (int threads : {1, 2}) {
    for (bool check : {false, true}) {
      const DeviceOptions options{.threads = threads, .check_memory = check};
      const auto check_loop = [&](int64_t past, const Vec<int64_t>& rows) {
        runtime::check_loop(*growing().load(options), *growing().load(options), past, rows);
      };
      check_loop(0, Vec<int64_t>(70, 1));
      check_loop(3, {1, 2, 0, 3, 40, 1, 1, 0, 90, 1, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1});
      // As much as there is room for at least.
      check_loop(16, {0, 1, 1});
      check_loop(40, {0, 0, 1, 1});
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
