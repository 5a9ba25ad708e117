#include "driver/run_model.h"

#include "runtime/io/npz.h"
#include "test/driver/run_tensors.h"

namespace rlx::driver {
namespace {

using image::Extent;

// y = x, of any length: a copy, which needs no code.
image::Image identity() {
  Extent length{{{Extent::Op::kSymbol, 0}}};
  Extent bytes{{{Extent::Op::kSymbol, 0}, {Extent::Op::kConst, 4}, {Extent::Op::kMul, 0}}};
  image::Image image{.target = "cpu:x86-64-v3"};
  image.symbols = {{.name = "length", .input = 0, .axis = 0, .max = 1000}};
  image.inputs = {{"x", DType::kF32, {length}, 0}};
  image.outputs = {{"y", DType::kF32, {length}, 1}};
  image.buffers = {{.kind = image::Buffer::Kind::kInput, .bytes = bytes},
                   {.kind = image::Buffer::Kind::kOutput, .bytes = bytes}};
  image.commands = {{.kind = image::Command::Kind::kCopy, .buffers = {1, 0}, .origin = {"/id"}}};
  return image;
}

// A compile side that always has the identity, and remembers what it was asked for.
struct FakeLoader {
  Vec<LoadRequest> asked;

  Loader get() {
    return [this](const LoadRequest& request) -> Result<Loaded> {
      asked.push_back(request);
      if (request.model_or_key == "missing") return Error(6001, "not in the cache");
      return Loaded{
          .image = identity(),
          .blobs = [](const Digest&) -> Result<runtime::Blob> { return Error(8001, "none"); },
          .key = "identity-1",
          .state = "hit",
          .load_ms = {{"image", 0.25}}};
    };
  }
};

struct Done {
  Vec<RunItem> items;
  Status status;

  std::string problem() const { return status ? "" : status.error().first().message; }
};

Done run(const RunRequest& request) {
  FakeLoader loader;
  Done done;
  Loader load = loader.get();
  done.status = run_model(request, load, done.items);
  return done;
}

void save(const std::string& path, const Vec<HostTensor>& tensors) {
  REQUIRE(write_npz(path, tensors).ok());
}

Vec<HostTensor> loaded(const std::string& path) {
  auto tensors = read_npz(path);
  REQUIRE(tensors.ok());
  return std::move(*tensors);
}

TEST_CASE("a set goes in, its outputs come out in a file") {
  TestFolder folder;
  save(folder.at("in.npz"), {floats("x", {1, 2, 3})});
  Done done = run({.inputs = {folder.at("in.npz")}, .outputs = folder.at("out.npz"), .threads = 1});
  CHECK(done.problem() == "");
  REQUIRE(done.items.size() == 1);
  CHECK(loaded(folder.at("out.npz")) == Vec<HostTensor>{floats("y", {1, 2, 3})});
  const RunItem& item = done.items[0];
  CHECK(item.set == "in");
  CHECK(item.key == "identity-1");
  CHECK(item.dims == Vec<std::pair<std::string, int64_t>>{{"length", 3}});
  CHECK(item.load_ms.contains("image"));
  CHECK(item.load_ms.contains("session"));
  CHECK(to_text(item) == "y  f32[3]  min 1  max 3  mean 2  [1, 2, 3]\n");
}

TEST_CASE("many sets: a session for each shape, a file for each set") {
  TestFolder folder;
  save(folder.at("in/a.npz"), {floats("x", {1, 2})});
  save(folder.at("in/b.npz"), {floats("x", {3})});
  save(folder.at("in/c.npz"), {floats("x", {4, 5})});
  FakeLoader loader;
  Loader load = loader.get();
  Vec<RunItem> items;
  RunRequest request{.inputs = {folder.at("in")}, .outputs = folder.at("out/deep"), .threads = 2};
  REQUIRE(run_model(request, load, items).ok());
  CHECK(items.size() == 3);
  REQUIRE(loader.asked.size() == 2);
  CHECK(loader.asked[0].input_shapes[0] == std::pair<std::string, Vec<int64_t>>{"x", {2}});
  CHECK(loader.asked[1].input_shapes[0].second == Vec<int64_t>{1});
  CHECK(loaded(folder.at("out/deep/c.npz")) == Vec<HostTensor>{floats("y", {4, 5})});
}

TEST_CASE("inputs are made up where none are given") {
  RunRequest request{.seed = 3, .check_memory = true};
  request.load.dims = {{"length", 5}};
  Done done = run(request);
  CHECK(done.problem() == "");
  REQUIRE(done.items.size() == 1);
  CHECK(done.items[0].outputs[0].shape == Vec<int64_t>{5});
}

TEST_CASE("outputs that are as expected, from a file or the inputs' own folder") {
  TestFolder folder;
  save(folder.at("a.npz"), {floats("x", {1, 2}), floats("y", {1, 2.00001})});
  for (const std::string& expect : {folder.at("a.npz"), folder.root()}) {
    Done done = run({.inputs = {folder.at("a.npz")}, .expect = expect});
    CHECK(done.problem() == "");
    CHECK(done.items[0].outputs[0].comparison.has_value());
  }
}

TEST_CASE("outputs that differ are reported for all sets, and written") {
  TestFolder folder;
  save(folder.at("in/a.npz"), {floats("x", {1, 2})});
  save(folder.at("in/b.npz"), {floats("x", {3})});
  save(folder.at("want/a.npz"), {floats("y", {1, 4})});
  save(folder.at("want/b.npz"), {floats("y", {3, 3})});
  Done done =
      run({.inputs = {folder.at("in")}, .outputs = folder.at("out"), .expect = folder.at("want")});
  REQUIRE(!done.status.ok());
  CHECK(done.status.error().exit_code() == static_cast<int>(Exit::kDiffers));
  REQUIRE(done.status.error().items.size() == 2);
  CHECK(done.problem() ==
        "output 'y' of set 'a' differs in 1 of 2 elements, first at [1]: 2, wanted 4");
  CHECK(done.status.error().items[0].hint == "it would pass with --rtol 0.4 --atol 0.4");
  CHECK(done.status.error().items[1].message == "output 'y' of set 'b' is f32[1], wanted f32[2]");
  CHECK(done.items.size() == 2);
  CHECK(loaded(folder.at("out/b.npz")).size() == 1);
}

TEST_CASE("what is expected must be there and be an output") {
  TestFolder folder;
  save(folder.at("in.npz"), {floats("x", {1})});
  save(folder.at("typo.npz"), {floats("yy", {1})});
  save(folder.at("other.npz"), {floats("x", {1})});
  CHECK(run({.inputs = {folder.at("in.npz")}, .expect = folder.at("typo.npz")}).problem() ==
        "the model has no output 'yy' to expect");
  CHECK(run({.inputs = {folder.at("in.npz")}, .expect = folder.at("other.npz")}).problem() ==
        folder.at("other.npz") + " has no output of the model to compare");
  CHECK(run({.inputs = {folder.at("in.npz")}, .expect = folder.at("none.npz")}).problem() != "");
}

TEST_CASE("one file cannot serve several sets") {
  TestFolder folder;
  save(folder.at("a.npz"), {floats("x", {1})});
  Vec<std::string> twice = {folder.at("a.npz"), folder.at("a.npz")};
  Done done = run({.inputs = twice, .outputs = folder.at("out.npz")});
  REQUIRE(!done.status.ok());
  CHECK(done.status.error().exit_code() == static_cast<int>(Exit::kUsage));
  CHECK(run({.inputs = twice, .expect = folder.at("a.npz")}).problem() != "");
}

TEST_CASE("a wrong input ends the run; what was done before stays") {
  TestFolder folder;
  save(folder.at("a.npz"), {floats("x", {1})});
  save(folder.at("b.npz"), {floats("z", {1})});
  Done done = run({.inputs = {folder.at("a.npz"), folder.at("b.npz")}});
  CHECK(done.problem() == "the model has no input 'z'");
  CHECK(done.items.size() == 1);
  RunRequest missing{.inputs = {folder.at("a.npz")}};
  missing.load.model_or_key = "missing";
  CHECK(run(missing).problem() == "not in the cache");
}

TEST_CASE("bench and profile measure") {
  TestFolder folder;
  save(folder.at("a.npz"), {floats("x", {1, 2})});
  RunRequest request{.inputs = {folder.at("a.npz")}, .threads = 1};
  request.bench = {.min_time = std::chrono::microseconds(100)};
  request.profile = true;
  Done done = run(request);
  CHECK(done.problem() == "");
  const RunItem& item = done.items[0];
  REQUIRE(item.latency.has_value());
  CHECK(item.latency->n >= 5);
  REQUIRE(item.profile.size() == 1);
  CHECK(item.profile[0].kernel == "copy");
  CHECK(item.profile[0].origin == Vec<std::string>{"/id"});
}

TEST_CASE("a report is JSON with all of it") {
  RunItem item{.set = "in", .key = "k", .state = "built", .target = "cpu:x86-64-v3"};
  item.dims = {{"length", 2}};
  item.load_ms = {{"image", 0.5}};
  item.threads = 2;
  item.latency = latency_of({100, 200, 300});
  item.profile = {{"copy", {"/id"}, 42}};
  HostTensor y = floats("y", {1, 2}), want = floats("y", {1, 5});
  item.outputs = {{"y", y.dtype, y.shape, summarise(y), compare(y, want, {})}};
  JsonWriter out;
  write_json(out, item);
  auto json = Json::parse(out.text());
  REQUIRE(json.ok());
  JsonReader root(*json, "item");
  CHECK(*root.string("key") == "k");
  CHECK(*root.string("state") == "built");
  CHECK(*root.string("verdict") == "noisy");
  CHECK(*root.get("load_ms")->number("image") == 0.5);
  CHECK(*root.get("latency_ns")->number("median") == 200);
  CHECK(*root.get("latency_ns")->integer("n") == 3);
  auto outputs = root.get("outputs")->items();
  REQUIRE(outputs.ok());
  const JsonReader& first = (*outputs)[0];
  CHECK(*first.string("dtype") == "f32");
  CHECK(*first.get("shape")->integers() == Vec<int64_t>{2});
  CHECK(*first.boolean("ok") == false);
  CHECK(*first.get("first_bad")->integers() == Vec<int64_t>{1});
  CHECK(*first.number("passes_at") == Approx(0.5));
}

TEST_CASE("lines to read") {
  RunItem item;
  HostTensor y = floats("y", {1, 2, 3, 4, 5}), want = floats("y", {1, 2, 3, 4, 6});
  HostTensor empty = floats("longer", {}), nan = floats("n", {NAN});
  item.outputs = {{"y", y.dtype, y.shape, summarise(y), compare(y, want, {})},
                  {"longer", y.dtype, {0}, summarise(empty), {}},
                  {"n", y.dtype, {1}, summarise(nan), compare(nan, nan, {})}};
  item.latency = latency_of({1500, 2500000, 3500});
  CHECK(to_text(item) ==
        "y       f32[5]  min 1  max 5  mean 3  [1, 2, 3, 4, ...]  differs in 1 of 5 elements, "
        "first at [4]: 5, wanted 6; max abs 1, max rel 0.17, passes at 0.15\n"
        "longer  f32[0]\n"
        "n       f32[1]  min 0  max 0  mean 0  [nan]  1 NaN  ok, max abs 0, max rel 0\n"
        "median 3.5 us (1.5 us to 2.5 ms)  min 1.5 us  mean 835 us  p90 2 ms  p99 2.45 ms  "
        "max 2.5 ms  3 runs  noisy\n");
}

}  // namespace
}  // namespace rlx::driver
