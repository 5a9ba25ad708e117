#include "runtime/device.h"

#include "test/runtime/images.h"
#include "test/runtime/null_device.h"

// What a session asks of its device, and which device an image gets.
namespace rlx::runtime {
namespace {

using Calls = Vec<std::string>;

// y = x + 1, over rows that are no more than 1,000.
ImageBuilder one_command() {
  ImageBuilder b;
  uint32_t x = b.input("x"), y = b.output("y");
  uint32_t k = b.kernel("add_one", add_one);
  b.image().kernels[k].sites = {{"/gather", "index out of range for axis 0"}};
  b.launch(k, {y, x});
  Extent small = symbol(0);
  small.steps.push_back({Extent::Op::kConst, 1000});
  small.steps.push_back({Extent::Op::kLe, 0});
  b.image().guards = {{.predicate = small, .text = "rows are few", .node = "/few"}};
  return b;
}

class NullSession {
 public:
  explicit NullSession(const ImageBuilder& b = one_command()) {
    auto loaded = Session::load(b.image(), no_blobs, std::make_unique<NullDevice>(log_));
    REQUIRE(loaded.ok());
    session_ = std::move(*loaded);
    CHECK(log_.take() == Calls{"load"});
  }

  NullLog& log() { return log_; }
  Session& operator*() { return *session_; }
  Session* operator->() { return session_.get(); }
  void end() { session_.reset(); }

  Result<Vec<HostTensor>> run(int64_t rows, Profile* profile = nullptr) {
    inputs_.assign(1, floats("x", {rows, 8}, ramp(rows * 8)));
    return session_->run(inputs_, profile);
  }
  Status bind(int64_t rows) {
    inputs_.assign(1, floats("x", {rows, 8}, ramp(rows * 8)));
    return session_->bind(inputs_);
  }
  // The calls that a run of so many rows makes.
  Calls calls_of(int64_t rows) {
    REQUIRE(run(rows).ok());
    return log_.take();
  }

 private:
  NullLog log_;
  std::unique_ptr<Session> session_;
  Vec<HostTensor> inputs_;
};

TEST_CASE("a run places, binds, submits and finishes, and gives what the device wrote") {
  NullSession session;
  auto outputs = session.run(4);
  REQUIRE(outputs.ok());
  CHECK(session.log().take() ==
        Calls{"wake", "place 4", "bind 4: x -> y[4,8]", "submit 4", "finish 4"});
  REQUIRE(outputs->size() == 1);
  const AlignedBytes& data = (*outputs)[0].data;
  CHECK(data.size() == 4 * 8 * sizeof(float));
  CHECK(std::ranges::all_of(data.bytes(), [](std::byte b) { return b == std::byte{1}; }));
  CHECK(session->device_facts().threads == 7);
}

TEST_CASE("dims seen before are not placed again") {
  NullSession session;
  const Calls again = {"wake", "bind 4: x -> y[4,8]", "submit 4", "finish 4"};
  (void)session.calls_of(4);
  CHECK(session.calls_of(4) == again);
  CHECK(session.calls_of(5)[1] == "place 5");
  CHECK(session.calls_of(4) == again);
}

TEST_CASE("what is bound once is submitted again and again") {
  NullSession session;
  REQUIRE(session.bind(4).ok());
  CHECK(session.log().take() == Calls{"wake", "place 4", "bind 4: x -> y[4,8]"});
  for (int i = 0; i < 3; ++i) {
    REQUIRE(session->run_bound().ok());
    CHECK(session.log().take() == Calls{"submit 4", "finish 4"});
  }
}

TEST_CASE("times are taken where they are asked for") {
  NullSession session;
  Profile profile;
  REQUIRE(session.run(4, &profile).ok());
  CHECK(session.log().take()[3] == "submit 4 timed");
  REQUIRE(profile.items.size() == 1);
  CHECK(profile.items[0].ns == 5);
}

TEST_CASE("the runs used last are kept") {
  NullSession session;
  for (int64_t rows = 1; rows <= 64; ++rows) (void)session.calls_of(rows);
  CHECK(session.calls_of(1).size() == 4);
  Calls one_more = session.calls_of(65);
  CHECK(one_more ==
        Calls{"wake", "place 65", "drop 2", "bind 65: x -> y[65,8]", "submit 65", "finish 65"});
  CHECK(session.calls_of(1).size() == 4);
  CHECK(session.calls_of(3).size() == 4);
  CHECK(session.calls_of(2)[2] == "drop 4");
}

TEST_CASE("what the device cannot do is an error, and the session goes on") {
  for (const char* call : {"place", "bind", "finish"}) {
    INFO(call);
    NullSession session;
    session.log().fails = call;
    for (int i = 0; i < 2; ++i) {
      auto failed = session.run(4);
      REQUIRE(!failed.ok());
      CHECK(failed.error().first().message == std::string("the null device cannot ") + call);
    }
    session.log().fails = "";
    auto outputs = session.run(4);
    REQUIRE(outputs.ok());
    CHECK((*outputs)[0].data.data()[0] == std::byte{1});
    size_t placed = std::ranges::count(session.log().take(), "place 4");
    CHECK(placed == (call == std::string("place") ? 3 : 1));
  }
}

TEST_CASE("a run that is bound may fail and be submitted again") {
  NullSession session;
  REQUIRE(session.bind(4).ok());
  session.log().fails = "finish";
  CHECK(!session->run_bound().ok());
  session.log().fails = "";
  CHECK(session->run_bound().ok());
}

TEST_CASE("a device that cannot load leaves no session") {
  NullLog log{.fails = "load"};
  auto session = Session::load(one_command().image(), no_blobs, std::make_unique<NullDevice>(log));
  REQUIRE(!session.ok());
  CHECK(session.error().first().message == "the null device cannot load");
  CHECK(log.calls == Calls{"load", "drop device"});
}

TEST_CASE("bad data is told in the words of the site") {
  NullSession session;
  session.log().trap = Trapped{.command = 0, .trap = {.site = 1, .value = 9, .extent = 4}};
  auto outputs = session.run(4);
  REQUIRE(!outputs.ok());
  CHECK(outputs.error().first().message == "index out of range for axis 0: got 9, the extent is 4");
  CHECK(outputs.error().first().node == "/gather");
  session.log().trap.reset();
  CHECK(session.run(4).ok());
}

TEST_CASE("what the session refuses does not reach the device") {
  NullSession session;
  Vec<HostTensor> wrong = {floats("z", {1, 8}, ramp(8))};
  CHECK(!session->run(wrong).ok());
  CHECK(!session.run(1001).ok());
  CHECK(session.log().take() == Calls{"wake", "wake"});
  ImageBuilder b = one_command();
  b.image().buffers[0].bytes = Extent::constant(7);
  NullSession damaged(b);
  CHECK(!damaged.run(4).ok());
  CHECK(damaged.log().take() == Calls{"wake", "place 4"});
}

TEST_CASE("runs go before their module, the module before its device") {
  NullSession session;
  REQUIRE(session.run(4).ok());
  (void)session.log().take();
  session.end();
  CHECK(session.log().take() == Calls{"drop 4", "drop module", "drop device"});
}

TEST_CASE("an image gets the device that it was made for, or is refused") {
  ImageBuilder b = one_command();
  auto device = device_for(b.image(), {.threads = 2});
  REQUIRE(device.ok());
  CHECK((*device)->facts().threads == 2);
  b.image().target = "npu:1";
  auto other = device_for(b.image(), {});
  REQUIRE(!other.ok());
  CHECK(other.error().first().message == "this was compiled for npu:1, which this rlx cannot run");
  CHECK(other.error().exit_code() == static_cast<int>(Exit::kUnusable));
  b.image().target = "cpu:x86-64-v3";
  b.image().commands[0].device = 3;
  auto second = device_for(b.image(), {});
  REQUIRE(!second.ok());
  CHECK(second.error().first().message == "commands on device 3 are not supported");
}

}  // namespace
}  // namespace rlx::runtime
