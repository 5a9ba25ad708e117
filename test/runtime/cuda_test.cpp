// What runs on a GPU, on one that is none: what is copied, what is kept, what is told the driver.
#include <cmath>

#include "runtime/codes.h"
#include "test/runtime/fake_gpu.h"
#include "test/runtime/growing.h"

namespace rlx::runtime {
namespace {

// z = reversed(x + 1) + x: three commands, of which one writes what lies between them.
ImageBuilder three_commands() {
  ImageBuilder b;
  b.image().symbols[0].max = 1'000'000;
  const uint32_t x = b.input("x"), z = b.output("z"), y = b.arena(0, 1);
  b.image().buffers[y].slot = -1;
  const uint32_t one = b.kernel("add_one", add_one), reverse = b.kernel("reverse", add_reversed);
  b.launch(one, {y, x});
  b.launch(reverse, {z, x, y}, {0});
  return b;
}

Vec<HostTensor> rows_of(int64_t rows) {
  return {floats("x", {rows, ImageBuilder::kColumns}, ramp(rows * ImageBuilder::kColumns))};
}

TEST_CASE("a run on a GPU gives what it gives on the CPU") {
  FakeGpu gpu;
  auto on_gpu = gpu.load(three_commands());
  auto on_cpu = three_commands().load();
  for (const int64_t rows : {4, 0, 7, 4}) {
    INFO(rows);
    CHECK(value_of(on_gpu->run(rows_of(rows))) == value_of(on_cpu->run(rows_of(rows))));
  }
  CHECK(on_gpu->device_facts().keeps);
}

TEST_CASE("nothing is left on the GPU, nor pinned") {
  FakeGpu gpu;
  auto session = gpu.load(three_commands());
  REQUIRE(session->run(rows_of(100'000)).ok());
  auto looped = gpu.load(growing());
  REQUIRE(looped->feed(kAll).ok());
  REQUIRE(looped->step(Vec<HostTensor>{past_of(2), x_of(1, 1), count_of(0)}).ok());
  CHECK(gpu.allocations() > 0);
  session.reset();
  looped.reset();
  CHECK(gpu.allocations() == 0);
  CHECK(gpu.pins() == 0);
}

TEST_CASE("a loop whose state stays on the GPU gives what the CPU's gives") {
  for (const auto& [past, rows] : Vec<std::pair<int64_t, Vec<int64_t>>>{
           {0, Vec<int64_t>(70, 1)}, {3, {1, 2, 0, 3, 40, 1, 1, 0, 90, 1, 5}}, {16, {0, 1, 1}}}) {
    FakeGpu gpu;
    check_loop(*gpu.load(growing()), *growing().load(), past, rows);
  }
}

TEST_CASE("a step moves what is given in, what is not fed out, and nothing of the state") {
  FakeGpu gpu;
  auto session = gpu.load(growing());
  REQUIRE(session->feed(kAll).ok());
  REQUIRE(session->step(Vec<HostTensor>{past_of(5), x_of(1, 1), count_of(0)}).ok());
  (void)gpu.take();
  const size_t x_bytes = kBatch * kWidth * 4, sum_bytes = kBatch * 4;
  // Up to what there is room for.
  for (int64_t past = 6; past < 16; ++past) {
    INFO(past);
    REQUIRE(session->step(Vec<HostTensor>{x_of(1, 2)}).ok());
    const FakeGpu::Counts c = gpu.take();
    CHECK(c.up == x_bytes);
    CHECK(c.down == sum_bytes);
    CHECK(c.pinned_up == c.up);
    CHECK(c.pinned_down == c.down);
    CHECK(c.allocations == 0);
    CHECK(c.graphs == 0);
    CHECK(c.changes == 3);
    CHECK(c.graph_starts == 1);
    CHECK(c.launches == 3);
  }
  // It grows where it lies.
  REQUIRE(session->step(Vec<HostTensor>{x_of(1, 2)}).ok());
  const FakeGpu::Counts grown = gpu.take();
  CHECK(grown.up == x_bytes);
  CHECK(grown.down == sum_bytes);
  CHECK(grown.graphs == 0);
  // And comes back when it is asked for.
  CHECK(value_of(session->fed_outputs())[0].shape == Vec<int64_t>{kBatch, 17, kWidth});
  CHECK(gpu.take().down == kBatch * 32 * kWidth * 4 + 4);
}

TEST_CASE("a first step that fails can be made again") {
  FakeGpu gpu;
  auto session = gpu.load(growing()), want = growing().load();
  const Vec<HostTensor> first = {past_of(5), x_of(1, 1), count_of(0)};
  REQUIRE(session->feed(kAll).ok());
  REQUIRE(want->feed(kAll).ok());
  for (const char* call : {"cuMemAlloc", "cuGraphLaunch", "cuStreamSynchronize"}) {
    gpu.fails = call;
    CHECK(!session->step(first).ok());
  }
  gpu.fails = "";
  CHECK(value_of(session->step(first)) == value_of(want->step(first)));
  // Nor does a later one that fails move on.
  gpu.fails = "cuStreamSynchronize";
  CHECK(!session->step(Vec<HostTensor>{x_of(1, 3)}).ok());
  gpu.fails = "";
  CHECK(value_of(session->step(Vec<HostTensor>{x_of(2, 4)})) ==
        value_of(want->step(Vec<HostTensor>{x_of(2, 4)})));
  CHECK(value_of(session->fed_outputs()) == value_of(want->fed_outputs()));
}

TEST_CASE("launches are told what is different, and made anew only where others run") {
  FakeGpu gpu;
  auto session = gpu.load(three_commands());
  REQUIRE(session->run(rows_of(4)).ok());
  CHECK(gpu.take().graphs == 1);
  REQUIRE(session->run(rows_of(4)).ok());
  FakeGpu::Counts c = gpu.take();
  CHECK(c.graphs == 0);
  CHECK(c.changes == 0);
  REQUIRE(session->run(rows_of(3)).ok());
  c = gpu.take();
  CHECK(c.graphs == 0);
  CHECK(c.changes == 2);
  // No row, nothing to start: another graph.
  REQUIRE(session->run(rows_of(0)).ok());
  CHECK(gpu.take().graphs == 1);
  REQUIRE(session->run(rows_of(3)).ok());
  CHECK(gpu.take().graphs == 1);
  // What the driver does not change is made.
  gpu.fails = "cuGraphExecKernelNodeSetParams";
  CHECK(session->run(rows_of(2)).ok());
  CHECK(gpu.take().graphs == 1);
}

TEST_CASE(
    "large tensors are pinned while they are bound, and copied all the same where that fails") {
  FakeGpu gpu;
  auto session = gpu.load(three_commands());
  const Vec<HostTensor> inputs = rows_of(100'000);
  const size_t bytes = inputs[0].data.size();
  REQUIRE(session->run(inputs).ok());
  FakeGpu::Counts c = gpu.take();
  CHECK(c.pinned_up == bytes);
  CHECK(c.pinned_down == bytes);
  CHECK(gpu.pins() == 0);
  REQUIRE(session->bind(inputs).ok());
  CHECK(gpu.pins() == 2);
  REQUIRE(session->run_bound().ok());
  session->unbind();
  CHECK(gpu.pins() == 0);
  (void)gpu.take();
  gpu.fails = "cuMemHostRegister";
  REQUIRE(session->run(inputs).ok());
  c = gpu.take();
  CHECK(c.up == bytes);
  CHECK(c.pinned_up == 0);
  gpu.fails = "";
  // Nor is anything pinned after a run that failed.
  gpu.fails = "cuGraphLaunch";
  CHECK(!session->run(inputs).ok());
  CHECK(gpu.pins() == 0);
}

TEST_CASE("weights go up once, pinned where they lie") {
  const int64_t half = 1 << 20;
  const AlignedBytes weights = floats("w", {half / 2}, ramp(half / 2)).data;
  ImageBuilder b = three_commands();
  for (const int64_t offset : {int64_t{0}, half}) {
    b.buffer({.kind = Buffer::Kind::kConstant,
              .bytes = Extent::constant(half),
              .blob = sha256(bytes_of("w")),
              .offset = offset});
  }
  FakeGpu gpu;
  auto session = gpu.load(
      b, {}, [&](const Digest&) -> Result<Blob> { return Blob{weights.bytes(), nullptr}; });
  const FakeGpu::Counts c = gpu.take();
  CHECK(c.up == 2 * half);
  CHECK(c.pinned_up == c.up);
  CHECK(gpu.pins() == 0);
}

// What a cache would keep.
struct Made {
  std::map<Digest, std::string> code;

  DeviceOptions options() {
    const auto find = [this](const Digest& name) {
      const auto found = code.find(name);
      return found == code.end() ? std::nullopt : std::optional(found->second);
    };
    const auto keep = [this](const Digest& name, const std::string& made) { code[name] = made; };
    return {.made_code = {find, keep}};
  }
};

TEST_CASE("machine code that the driver makes is kept, and taken where it fits") {
  FakeGpu gpu;
  Made made;
  CHECK(gpu.load(three_commands(), made.options())->run(rows_of(2)).ok());
  FakeGpu::Counts c = gpu.take();
  CHECK(c.links == 1);
  CHECK(c.cubins == 1);
  CHECK(c.ptx == 0);
  REQUIRE(made.code.size() == 1);
  // A warm start compiles nothing.
  CHECK(gpu.load(three_commands(), made.options())->run(rows_of(2)).ok());
  c = gpu.take();
  CHECK(c.links == 0);
  CHECK(c.cubins == 1);
  // What the driver does not take any more is made again.
  gpu.machine = "ELF other";
  CHECK(gpu.load(three_commands(), made.options())->run(rows_of(2)).ok());
  CHECK(gpu.take().links == 1);
  // Another driver has another name for it, and without a keeper the driver has PTX.
  gpu.version = 13000;
  (void)gpu.load(three_commands(), made.options());
  CHECK(gpu.take().links == 1);
  CHECK(made.code.size() == 2);
  (void)gpu.load(three_commands());
  c = gpu.take();
  CHECK(c.links == 0);
  CHECK(c.ptx == 1);
}

TEST_CASE("PTX that the driver's compiler refuses is an error in its words") {
  FakeGpu gpu;
  Made made;
  gpu.fails = "cuLinkComplete";
  const auto session = gpu.try_load(three_commands(), made.options());
  REQUIRE(!session.ok());
  CHECK(session.error().first().code == kGpuFailed);
  CHECK(session.error().first().message.starts_with("compiling: as the test wants it"));
  CHECK(made.code.empty());
}

TEST_CASE("a kernel that fails is named where each is waited for") {
  for (const bool check : {false, true}) {
    FakeGpu gpu;
    ImageBuilder b = three_commands();
    b.image().commands[1].origin = {"/layer/add", "/layer/flip"};
    auto session = gpu.load(b, {.check_kernels = check});
    REQUIRE(session->run(rows_of(4)).ok());
    CHECK(gpu.take().graph_starts == (check ? 0 : 1));
    gpu.faulty_kernel = "reverse";
    const auto failed = session->run(rows_of(4));
    REQUIRE(!failed.ok());
    const Diagnostic& d = failed.error().first();
    CHECK(d.code == kKernelFailed);
    CHECK(failed.error().exit_code() == static_cast<int>(Exit::kUnusable));
    CHECK(d.message.starts_with("kernel 'reverse': running on the GPU") == check);
    CHECK(d.node == (check ? "/layer/add, /layer/flip" : ""));
    // Nothing works any more, and nothing breaks.
    CHECK(!session->run(rows_of(4)).ok());
  }
}

// Of one row more than there are.
void write_beside(void* const* buffers, const int64_t* symbols, int64_t first, int64_t last,
                  void* scratch) {
  add_one(buffers, symbols, first, last, scratch);
  row(buffers[0], symbols[0])[0] = 1;
}

// Whether it reads what nobody has written: to = from + 1 where that is a number.
void leave_out(void* const* buffers, const int64_t*, int64_t, int64_t last, void*) {
  for (int64_t r = 1; r < last; ++r) row(buffers[0], r)[0] = row(buffers[1], r)[0] + 1;
}

TEST_CASE("what is written beside a buffer is found, and whose kernel it was") {
  const DeviceOptions checked{.check_memory = true};
  for (const int64_t rows : {0, 1, 5}) {
    FakeGpu gpu;
    CHECK(value_of(gpu.load(three_commands(), checked)->run(rows_of(rows))) ==
          value_of(three_commands().load()->run(rows_of(rows))));
    check_loop(*gpu.load(growing(), checked), *growing().load(), rows, {1, 2, 3, 40, 1});
  }
  ImageBuilder b;
  const uint32_t x = b.input("x"), y = b.output("y");
  b.launch(b.kernel("beside", write_beside), {y, x});
  FakeGpu gpu;
  const auto failed = gpu.load(b, checked)->run(rows_of(3));
  REQUIRE(!failed.ok());
  CHECK(failed.error().first().code == kKernelFailed);
  CHECK(failed.error().first().message == "kernel 'beside': something was written beside buffer 1");
}

TEST_CASE("what nobody has written is NaN where memory is checked") {
  ImageBuilder b;
  const uint32_t x = b.input("x"), y = b.output("y");
  b.launch(b.kernel("leave_out", leave_out), {y, x});
  FakeGpu gpu;
  auto session = gpu.load(b, {.check_memory = true});
  for (int round = 0; round < 2; ++round) {
    const Vec<float> values = values_of(value_of(session->run(rows_of(2)))[0]);
    CHECK(std::isnan(values[0]));
    CHECK(values[ImageBuilder::kColumns] == ImageBuilder::kColumns + 1);
  }
}

TEST_CASE("times are taken kernel by kernel") {
  FakeGpu gpu;
  auto session = gpu.load(three_commands());
  Profile profile;
  REQUIRE(session->run(rows_of(4), &profile).ok());
  CHECK(profile.items.size() == 2);
  CHECK(gpu.take().graph_starts == 0);
}

}  // namespace
}  // namespace rlx::runtime
