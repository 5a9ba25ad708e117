#include "runtime/session.h"

#include <atomic>

#include "runtime/codes.h"
#include "test/runtime/images.h"

namespace rlx::runtime {
namespace {

constexpr int64_t kColumns = ImageBuilder::kColumns;

HostTensor x_of(int64_t rows) { return floats("x", {rows, kColumns}, ramp(rows * kColumns)); }

std::string problem_of(const Error& error) { return error.first().message; }

Vec<HostTensor> outputs_of(Session& session, const Vec<HostTensor>& inputs) {
  auto outputs = session.run(inputs);
  INFO((outputs ? "" : to_text(outputs.error())));
  REQUIRE(outputs.ok());
  return std::move(*outputs);
}

Vec<DeviceOptions> every_way() {
  Vec<DeviceOptions> ways;
  for (int threads : {1, 2, 4}) {
    for (bool check : {false, true}) ways.push_back({.threads = threads, .check_memory = check});
  }
  return ways;
}

// Many steps, each reading rows that other threads made: y[r] = a sum that is known.
ImageBuilder long_chain() {
  ImageBuilder b;
  constexpr uint32_t kSteps = 24;
  uint32_t from = b.input("x"), y = b.output("y");
  uint32_t one = b.kernel("add_one", add_one), both = b.kernel("add_reversed", add_reversed);
  for (uint32_t i = 0; i < kSteps; i += 2) {
    Vec<uint32_t> before = i == 0 ? Vec<uint32_t>{} : Vec<uint32_t>{i - 1};
    uint32_t next = b.arena(i, i + 1);
    b.launch(one, {next, from}, before);
    uint32_t to = i + 2 == kSteps ? y : b.arena(i + 1, i + 2);
    b.launch(both, {to, next, next}, {i});
    from = to;
  }
  return b;
}

Vec<float> long_chain_by_hand(int64_t rows) {
  Vec<float> now = ramp(rows * kColumns);
  for (int step = 0; step < 12; ++step) {
    Vec<float> next = now;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < kColumns; ++c) {
        next[r * kColumns + c] = now[r * kColumns + c] + 1 + now[(rows - 1 - r) * kColumns + c] + 1;
      }
    }
    now = next;
  }
  return now;
}

TEST_CASE("a chain of commands gives the same for any threads, checked or not") {
  for (const DeviceOptions& options : every_way()) {
    auto session = long_chain().load(options);
    for (int64_t rows : {16, 1, 3, 16, 0, 64}) {
      auto outputs = outputs_of(*session, {x_of(rows)});
      REQUIRE(outputs.size() == 1);
      CHECK(outputs[0].name == "y");
      CHECK(outputs[0].shape == Vec<int64_t>{rows, kColumns});
      CHECK(values_of(outputs[0]) == long_chain_by_hand(rows));
    }
  }
}

TEST_CASE("many runs in a row") {
  auto session = long_chain().load({.threads = 2});
  Vec<HostTensor> inputs = {x_of(8)};
  for (int run = 0; run < 200; ++run) {
    CHECK(values_of(outputs_of(*session, inputs)[0]) == long_chain_by_hand(8));
  }
}

TEST_CASE("what is bound can be run again and again") {
  auto session = long_chain().load({.threads = 2});
  Vec<HostTensor> inputs = {x_of(8)};
  REQUIRE(session->bind(inputs).ok());
  for (int run = 0; run < 10; ++run) CHECK(session->run_bound().ok());
}

TEST_CASE("copies and fills") {
  for (const DeviceOptions& options : every_way()) {
    ImageBuilder b;
    uint32_t x = b.input("x"), copied = b.output("copied"), filled = b.output("filled");
    b.image().buffers[filled].pattern = std::string("\0\0\x80\x3f\0\0\0\x40", 8);
    b.command({.kind = Command::Kind::kCopy, .buffers = {copied, x}});
    b.command({.kind = Command::Kind::kFill, .buffers = {filled}});
    auto session = b.load(options);
    auto outputs = outputs_of(*session, {x_of(5000)});
    CHECK(values_of(outputs[0]) == ramp(5000 * kColumns));
    Vec<float> ones_and_twos = values_of(outputs[1]);
    for (size_t i = 0; i < ones_and_twos.size(); ++i) {
      if (ones_and_twos[i] != (i % 2 == 0 ? 1.0F : 2.0F)) FAIL("wrong at " << i);
    }
  }
}

// A slot whose first float stays what the pattern says, while the others are written.
void write_all_but_first(void* const* buffers, const int64_t*, int64_t first, int64_t last, void*) {
  for (int64_t r = first; r < last; ++r) row(buffers[0], r)[1] = 5;
}

void copy_rows(void* const* buffers, const int64_t*, int64_t first, int64_t last, void*) {
  for (int64_t r = first; r < last; ++r) {
    std::memcpy(row(buffers[0], r), row(buffers[1], r), kColumns * sizeof(float));
  }
}

TEST_CASE("a pattern holds over runs and changes of dims") {
  for (const DeviceOptions& options : every_way()) {
    ImageBuilder b;
    b.input("x");
    uint32_t y = b.output("y");
    uint32_t halo = b.buffer({.bytes = b.bytes(),
                              .first = 0,
                              .last = 1,
                              .slot = 0,
                              .pattern = std::string("\0\0\x80\x3f", 4)});
    b.launch(b.kernel("write", write_all_but_first), {halo});
    b.launch(b.kernel("copy", copy_rows), {y, halo}, {0});
    auto session = b.load(options);
    for (int64_t rows : {4, 4, 9, 4}) {
      Vec<float> got = values_of(outputs_of(*session, {x_of(rows)})[0]);
      for (int64_t i = 0; i < rows * kColumns; ++i) CHECK(got[i] == (i % kColumns == 1 ? 5 : 1));
    }
  }
}

void write_all(void* const* buffers, const int64_t*, int64_t first, int64_t last, void*) {
  for (int64_t r = first; r < last; ++r) std::fill_n(row(buffers[0], r), kColumns, 7.0F);
}

// Writes what is not border below: all rows but the first and the last one, all columns but two.
void write_inside(void* const* buffers, const int64_t*, int64_t first, int64_t last, void*) {
  for (int64_t r = first; r < last; ++r) {
    std::fill_n(row(buffers[0], r + 1) + 1, kColumns - 2, 5.0F);
  }
}

TEST_CASE("a border is filled in each run, in memory that others have used") {
  constexpr int64_t kRow = ImageBuilder::kColumns * sizeof(float);
  for (const int64_t rows : {2, 3, 1500}) {
    for (const DeviceOptions& options : every_way()) {
      ImageBuilder b;
      b.input("x");
      const uint32_t y = b.output("y");
      const uint32_t dirty = b.arena(0, 0);
      const uint32_t inside = b.kernel("inside", write_inside);
      b.image().kernels[inside].tiles = Extent::constant(rows - 2);
      const uint32_t halo = b.buffer(
          {.bytes = Extent::constant(rows * kRow),
           .first = 1,
           .last = 3,
           .pattern = std::string("\0\0\x80\x3f", 4),
           .border = {{.offset = 0, .bytes = kRow}, {.offset = (rows - 1) * kRow, .bytes = kRow}}});
      Vec<image::BorderRun>& border = b.image().buffers[halo].border;
      if (rows > 2) {
        border.push_back({.offset = kRow, .bytes = 4, .repeats = {{rows - 2, kRow}}});
        border.push_back({.offset = 2 * kRow - 4, .bytes = 4, .repeats = {{rows - 2, kRow}}});
      }
      b.launch(b.kernel("write", write_all), {dirty});
      b.command({.kind = Command::Kind::kFill, .buffers = {halo}});
      b.launch(inside, {halo});
      b.launch(b.kernel("copy", copy_rows), {y, halo}, {1, 2});
      auto session = b.load(options);
      for (int run = 0; run < 3; ++run) {
        const Vec<float> got = values_of(outputs_of(*session, {x_of(rows)})[0]);
        for (int64_t i = 0; i < rows * kColumns; ++i) {
          const int64_t r = i / kColumns, c = i % kColumns;
          const bool is_border = r == 0 || r == rows - 1 || c == 0 || c == kColumns - 1;
          if (got[i] != (is_border ? 1 : 5)) FAIL("wrong at " << i << " of " << rows << " rows");
        }
      }
    }
  }
}

TEST_CASE("constants come from blobs, aligned or not") {
  AlignedBytes blob = floats("w", {64}, ramp(64)).data;
  int asked = 0;
  auto source = [&](const Digest& digest) -> Result<Blob> {
    ++asked;
    CHECK(digest == sha256(bytes_of("weights")));
    return Blob{blob.bytes(), nullptr};
  };
  for (int64_t offset : {0, 64, 4}) {
    for (const DeviceOptions& options : every_way()) {
      asked = 0;
      ImageBuilder b;
      b.input("x");
      uint32_t y = b.output("y");
      auto constant = [&](int64_t at) {
        return b.buffer({.kind = Buffer::Kind::kConstant,
                         .bytes = Extent::constant(32),
                         .blob = sha256(bytes_of("weights")),
                         .offset = at});
      };
      uint32_t w = constant(offset);
      constant(0);
      b.launch(b.kernel("copy", copy_rows), {y, w});
      auto session = b.load(options, source);
      CHECK(asked == 1);
      CHECK(values_of(outputs_of(*session, {x_of(1)})[0])[0] == static_cast<float>(offset) / 4);
    }
  }
}

TEST_CASE("a constant outside its blob, and a blob that is not there, are errors") {
  ImageBuilder b;
  b.buffer({.kind = Buffer::Kind::kConstant, .bytes = Extent::constant(32), .offset = 1});
  auto source = [](const Digest&) -> Result<Blob> { return Blob{bytes_of("short"), nullptr}; };
  b.input("x");
  auto outside = b.try_load({}, source);
  REQUIRE(!outside.ok());
  CHECK(outside.error().exit_code() == static_cast<int>(Exit::kCache));
  auto missing = b.try_load({}, no_blobs);
  REQUIRE(!missing.ok());
  CHECK(problem_of(missing.error()) == "there are no blobs here");
}

TEST_CASE("outputs may lie in inputs, constants and one another") {
  for (const DeviceOptions& options : every_way()) {
    ImageBuilder b;
    uint32_t x = b.input("x"), y = b.output("y");
    b.output_in("x_again", x);
    b.output_in("y_again", y);
    b.launch(b.kernel("add_one", add_one), {y, x});
    auto session = b.load(options);
    auto outputs = outputs_of(*session, {x_of(2)});
    CHECK(values_of(outputs[1]) == ramp(2 * kColumns));
    CHECK(values_of(outputs[2]) == values_of(outputs[0]));
    CHECK(outputs[2].data.data() != outputs[0].data.data());
  }
}

// Reports every row whose first value is above 2.
void check_rows(void* const* buffers, const int64_t*, int64_t first, int64_t last, void* scratch) {
  auto* trap = static_cast<image::Trap*>(scratch);
  for (int64_t r = first; r < last; ++r) {
    if (row(buffers[1], r)[0] > 2) *trap = {.site = 2, .value = r, .extent = 2};
    row(buffers[0], r)[0] = 0;
  }
}

ImageBuilder trapping() {
  ImageBuilder b;
  uint32_t x = b.input("x"), y = b.output("y"), z = b.output("z");
  uint32_t k = b.kernel("check", check_rows);
  b.image().kernels[k].sites = {{"/other", "other"}, {"/gather", "index out of range for axis 0"}};
  b.launch(b.kernel("add_one", add_one), {y, x});
  b.launch(k, {z, x});
  b.launch(
      b.kernel("late", [](void* const*, const int64_t*, int64_t, int64_t,
                          void* scratch) { *static_cast<image::Trap*>(scratch) = {.site = 1}; }),
      {y});
  b.image().kernels[2].sites = {{"/late", "too late"}};
  return b;
}

// y = x + 1 where c, else x reversed and doubled; then y + 1. The counters say what ran.
std::atomic<int> then_ran, else_ran;

void in_then(void* const* buffers, const int64_t* symbols, int64_t first, int64_t last,
             void* scratch) {
  then_ran += static_cast<int>(last - first);
  add_one(buffers, symbols, first, last, scratch);
}

void in_else(void* const* buffers, const int64_t* symbols, int64_t first, int64_t last,
             void* scratch) {
  else_ran += static_cast<int>(last - first);
  add_reversed(buffers, symbols, first, last, scratch);
}

ImageBuilder branching() {
  ImageBuilder b;
  const uint32_t x = b.input("x"), y = b.output("y");
  const uint32_t c = b.buffer({.kind = Buffer::Kind::kInput, .bytes = Extent::constant(1)});
  b.image().inputs.push_back({"c", DType::kBool, {}, c});
  const uint32_t one = b.kernel("add_one", add_one);
  const uint32_t before = b.arena(0, 3), after = b.arena(1, 4);
  b.launch(one, {before, x});
  b.command({.kind = Command::Kind::kIf, .buffers = {c}, .ends = {3, 4}});
  b.launch(b.kernel("then", in_then), {after, before}, {0});
  b.launch(b.kernel("else", in_else), {after, before, before}, {0});
  b.launch(one, {y, after}, {1});
  return b;
}

HostTensor flag(bool value) {
  const std::byte bytes[] = {std::byte{value}};
  return {"c", DType::kBool, {}, AlignedBytes(std::span(bytes))};
}

TEST_CASE("of two branches the one that is taken runs, and no other, for any threads") {
  for (const DeviceOptions& options : every_way()) {
    auto session = branching().load(options);
    for (const bool taken : {true, false, true}) {
      constexpr int64_t kRows = 37;
      then_ran = else_ran = 0;
      const Vec<float> got = values_of(outputs_of(*session, {x_of(kRows), flag(taken)})[0]);
      CHECK(then_ran == (taken ? kRows : 0));
      CHECK(else_ran == (taken ? 0 : kRows));
      const Vec<float> x = ramp(kRows * kColumns);
      Vec<float> want = x;
      for (int64_t r = 0; r < kRows; ++r) {
        for (int64_t k = 0; k < kColumns; ++k) {
          const float mine = x[r * kColumns + k] + 1, other = x[(kRows - 1 - r) * kColumns + k] + 1;
          want[r * kColumns + k] = (taken ? mine + 1 : mine + other) + 1;
        }
      }
      CHECK(got == want);
    }
    Profile profile;
    REQUIRE(session->run(Vec<HostTensor>{x_of(3), flag(false)}, &profile).ok());
    Vec<uint32_t> ran;
    for (const Profile::Item& item : profile.items) ran.push_back(item.command);
    CHECK(ran == Vec<uint32_t>{0, 3, 4});
  }
}

// y = x + trips, and the first element of y after each trip; the body writes the condition of the next one.
std::atomic<int64_t> stop_after;

void count_on(void* const* buffers, const int64_t*, int64_t first, int64_t, void*) {
  if (first != 0) return;
  *static_cast<uint8_t*>(buffers[0]) = *static_cast<const int64_t*>(buffers[1]) + 1 < stop_after;
  *static_cast<float*>(buffers[2]) = row(buffers[3], 0)[0];
}

ImageBuilder looping(int64_t room) {
  ImageBuilder b;
  const uint32_t x = b.input("x"), y = b.output("y");
  const auto small = [&](Buffer::Kind kind, int64_t bytes) {
    return b.buffer({.kind = kind, .bytes = Extent::constant(bytes), .first = 0, .last = 4});
  };
  const uint32_t most = small(Buffer::Kind::kInput, 8), yes = small(Buffer::Kind::kInput, 1);
  b.image().inputs.push_back({"most", DType::kI64, {}, most});
  b.image().inputs.push_back({"c", DType::kBool, {}, yes});
  const uint32_t number = small(Buffer::Kind::kArena, 8), now = small(Buffer::Kind::kArena, 1);
  const uint32_t next = small(Buffer::Kind::kArena, 1), slice = small(Buffer::Kind::kArena, 4);
  const uint32_t all = small(Buffer::Kind::kOutput, 4 * room), more = b.arena(0, 4);
  b.image().buffers[all].pattern = std::string(1, '\0');
  b.image().outputs.push_back({"all", DType::kF32, {Extent::constant(room)}, all});
  b.command({.kind = Command::Kind::kCopy, .buffers = {y, x}});
  b.command({.kind = Command::Kind::kLoop,
             .buffers = {most, yes, number, now, next, slice, all},
             .ends = {5}});
  b.launch(b.kernel("add_one", add_one), {more, y});
  b.launch(b.kernel("count", count_on), {next, number, slice, more}, {2});
  b.command({.kind = Command::Kind::kCopy, .buffers = {y, more}, .waits = {2, 3}});
  return b;
}

HostTensor trips_of(int64_t most) {
  return {"most", DType::kI64, {}, AlignedBytes(std::as_bytes(std::span(&most, 1)))};
}

TEST_CASE("a loop runs as often as it is told, ten thousand times too, for any threads") {
  constexpr int64_t kRoom = 10000;
  for (const DeviceOptions& options : every_way()) {
    auto session = looping(kRoom).load(options);
    struct Case {
      int64_t most, stop, ran;
      bool first;
    };
    for (const Case& c : {Case{kRoom, INT64_MAX, kRoom, true}, Case{0, INT64_MAX, 0, true},
                          Case{7, INT64_MAX, 0, false}, Case{INT64_MAX, 12, 12, true}}) {
      if (options.check_memory && c.ran > 100) continue;
      stop_after = c.stop;
      auto outputs = outputs_of(*session, {x_of(3), trips_of(c.most), flag(c.first)});
      Vec<float> want = ramp(3 * kColumns), all(kRoom);
      for (float& v : want) v += static_cast<float>(c.ran);
      for (int64_t i = 0; i < c.ran; ++i) all[i] = static_cast<float>(i + 1);
      CHECK(values_of(outputs[0]) == want);
      CHECK(values_of(outputs[1]) == all);
    }
  }
}

TEST_CASE("bad data ends a loop that would not end") {
  ImageBuilder b = looping(1);
  stop_after = INT64_MAX;
  b.image().commands.insert(b.image().commands.begin() + 4, Command{.kernel = 2});
  b.image().commands[5].waits = {2, 3};
  b.image().commands[1].ends = {6};
  for (Buffer& buffer : b.image().buffers) buffer.last = 5;
  b.kernel("trap", [](void* const*, const int64_t*, int64_t, int64_t, void* scratch) {
    *static_cast<image::Trap*>(scratch) = {.site = 1};
  });
  b.image().kernels[2].sites = {{"/trap", "bad"}};
  for (const DeviceOptions& options : every_way()) {
    auto session = b.load(options);
    auto outputs = session->run(Vec<HostTensor>{x_of(3), trips_of(INT64_MAX), flag(true)});
    REQUIRE(!outputs.ok());
    CHECK(outputs.error().first().node == "/trap");
  }
}

TEST_CASE("what a branch needs of dims is asked where it is taken") {
  ImageBuilder b = branching();
  Extent least = b.rows();
  least.steps.push_back({Extent::Op::kConst, 8});
  least.steps.push_back({Extent::Op::kLe, 0});
  b.image().guards = {{least, "rows <= 8", "/then", 2}};
  for (const DeviceOptions& options : every_way()) {
    auto session = b.load(options);
    CHECK(session->run(Vec<HostTensor>{x_of(8), flag(true)}).ok());
    CHECK(session->run(Vec<HostTensor>{x_of(9), flag(false)}).ok());
    then_ran = 0;
    auto refused = session->run(Vec<HostTensor>{x_of(9), flag(true)});
    REQUIRE(!refused.ok());
    CHECK(problem_of(refused.error()) == "rows <= 8, but rows = 9");
    CHECK(refused.error().first().node == "/then");
    CHECK(then_ran == 0);
    CHECK(session->run(Vec<HostTensor>{x_of(8), flag(true)}).ok());
  }
}

TEST_CASE("a branch whose extents have no value is no hindrance to the other one") {
  ImageBuilder b = branching();
  // rows - 4 rows.
  Extent less = b.rows();
  less.steps.push_back({Extent::Op::kConst, 4});
  less.steps.push_back({Extent::Op::kSub, 0});
  const uint32_t inner =
      b.buffer({.bytes = times(less, kColumns * sizeof(float)), .first = 2, .last = 2});
  b.image().commands[2].buffers.push_back(inner);
  for (const DeviceOptions& options : every_way()) {
    auto session = b.load(options);
    CHECK(session->run(Vec<HostTensor>{x_of(5), flag(true)}).ok());
    CHECK(session->run(Vec<HostTensor>{x_of(3), flag(false)}).ok());
    CHECK(session->run(Vec<HostTensor>{x_of(3), flag(true)}).error().first().code == kGuardFailed);
  }
}

TEST_CASE("bad data is reported alike for any threads: the first command, its last trap") {
  for (const DeviceOptions& options : every_way()) {
    auto session = trapping().load(options);
    Vec<HostTensor> inputs = {x_of(7)};
    auto outputs = session->run(inputs);
    REQUIRE(!outputs.ok());
    CHECK(problem_of(outputs.error()) == "index out of range for axis 0: got 6, the extent is 2");
    CHECK(outputs.error().first().node == "/gather");
    CHECK(outputs.error().exit_code() == static_cast<int>(Exit::kShape));
  }
}

TEST_CASE("a run after one with bad data is right") {
  ImageBuilder b = trapping();
  b.image().commands.pop_back();
  auto session = b.load({.threads = 2});
  Vec<HostTensor> bad = {x_of(7)}, good = {floats("x", {7, kColumns}, Vec<float>(7 * kColumns))};
  CHECK(!session->run(bad).ok());
  CHECK(session->run(good).ok());
  CHECK(!session->run(bad).ok());
}

// Writes into all of its scratch; the trap at its start was zero.
void use_scratch(void* const* buffers, const int64_t*, int64_t first, int64_t last, void* scratch) {
  const auto* trap = static_cast<const image::Trap*>(scratch);
  auto* sums = reinterpret_cast<float*>(static_cast<std::byte*>(scratch) + image::kTrapBytes);
  bool clean = trap->site == 0 && trap->value == 0 && trap->extent == 0;
  for (int64_t r = first; r < last; ++r) {
    for (int64_t c = 0; c < kColumns; ++c) sums[c] = row(buffers[1], r)[c] + (clean ? 2 : 0);
    std::memcpy(row(buffers[0], r), sums, kColumns * sizeof(float));
  }
}

TEST_CASE("every thread has scratch of its own, with a clean trap") {
  for (const DeviceOptions& options : every_way()) {
    ImageBuilder b;
    uint32_t x = b.input("x"), y = b.output("y"), a = b.arena(0, 1);
    uint32_t k = b.kernel("use", use_scratch);
    b.image().kernels[k].scratch = Extent::constant(image::kTrapBytes + kColumns * 4);
    b.launch(k, {a, x});
    b.launch(k, {y, a}, {0});
    auto session = b.load(options);
    Vec<float> got = values_of(outputs_of(*session, {x_of(50)})[0]);
    for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == static_cast<float>(i) + 4);
  }
}

TEST_CASE("checked memory is NaN where nothing is stated") {
  ImageBuilder b;
  b.input("x");
  uint32_t y = b.output("y"), never_written = b.arena(0, 0);
  b.launch(b.kernel("copy", copy_rows), {y, never_written});
  auto session = b.load({.check_memory = true});
  for (int run = 0; run < 2; ++run) {
    for (float v : values_of(outputs_of(*session, {x_of(2)})[0])) CHECK(v != v);
  }
}

TEST_CASE("floats are plain whatever the caller has set") {
  unsigned before = __builtin_ia32_stmxcsr();
  // Flush to zero, subnormals are zero.
  __builtin_ia32_ldmxcsr(before | 0x8040);
  auto halve = [](void* const* buffers, const int64_t*, int64_t first, int64_t last, void*) {
    for (int64_t r = first; r < last; ++r) {
      volatile float v = row(buffers[1], r)[0];
      v = v / 2;
      row(buffers[0], r)[0] = v;
    }
  };
  ImageBuilder b;
  uint32_t x = b.input("x"), y = b.output("y");
  b.launch(b.kernel("halve", halve), {y, x});
  auto session = b.load({.threads = 2});
  Vec<float> tiny(2 * kColumns, 1.5e-38F);
  Vec<HostTensor> inputs = {floats("x", {2, kColumns}, tiny)};
  Vec<float> got = values_of(outputs_of(*session, inputs)[0]);
  unsigned after = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before);
  CHECK((after & 0x8040) == 0x8040);
  CHECK(got[0] == 7.5e-39F);
  CHECK(got[kColumns] == 7.5e-39F);
}

TEST_CASE("profiles have an item a command") {
  auto session = long_chain().load({.threads = 2});
  Vec<HostTensor> inputs = {x_of(8)};
  Profile profile;
  auto outputs = session->run(inputs, &profile);
  REQUIRE(outputs.ok());
  CHECK(values_of((*outputs)[0]) == long_chain_by_hand(8));
  REQUIRE(profile.items.size() == 24);
  CHECK(profile.items[23].command == 23);
  CHECK(profile.items[0].ns >= 0);
}

TEST_CASE("many shapes, more than are remembered") {
  auto session = long_chain().load({.threads = 2});
  for (int round = 0; round < 2; ++round) {
    for (int64_t rows = 1; rows <= 70; ++rows) {
      CHECK(values_of(outputs_of(*session, {x_of(rows)})[0]) == long_chain_by_hand(rows));
    }
  }
}

TEST_CASE("symbols of inputs") {
  auto session = long_chain().load();
  Vec<HostTensor> inputs = {x_of(5)};
  auto symbols = session->symbols_of(inputs);
  REQUIRE(symbols.ok());
  CHECK(*symbols == Vec<int64_t>{5});
  inputs[0].name = "z";
  CHECK(!session->symbols_of(inputs).ok());
}

TEST_CASE("images for other machines say what is missing") {
  ImageBuilder b = long_chain();
  b.image().target = "cpu:x86-64-v9";
  b.image().isa = {"sse4.2", "avx4096"};
  auto session = b.try_load();
  REQUIRE(!session.ok());
  CHECK(problem_of(session.error()) ==
        "this was compiled for cpu:x86-64-v9 and uses sse4.2, avx4096; this CPU lacks avx4096");
  CHECK(session.error().exit_code() == static_cast<int>(Exit::kUnusable));
}

TEST_CASE("an input that does not fit its buffer is a damaged image") {
  ImageBuilder b = long_chain();
  b.image().buffers[0].bytes = Extent::constant(7);
  auto session = b.load();
  Vec<HostTensor> inputs = {x_of(5)};
  auto outputs = session->run(inputs);
  REQUIRE(!outputs.ok());
  CHECK(outputs.error().exit_code() == static_cast<int>(Exit::kCache));
}

}  // namespace
}  // namespace rlx::runtime
