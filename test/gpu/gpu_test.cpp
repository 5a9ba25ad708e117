// The corpus of kernels on a GPU, every row of the menu, against the interpreter, bit by bit. Without a driver it says
// so, and tests nothing.
//
//   test_gpu              one line a kernel and row; those that differ again at the end, then counts and the device
//   RLX_PTX=DIR test_gpu "[.ptx]"    writes the PTX of the corpus for each architecture: test/gpu/ptxas.py
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <future>

#include "backend/cuda/cuda.h"
#include "test/backend/matrices.h"
#include "test/gpu/driver.h"

namespace rlx::test {

namespace {

namespace cuda = backend::cuda;

constexpr unsigned kRandom = 60;
// The driver compiles so many kernels at once.
constexpr size_t kOfModule = 24;

// ---- Modules ----------------------------------------------------------------------------------

// A kernel and a row of its menu.
struct Try {
  const Case* source = nullptr;
  Choice choice;
};

Vec<Try> tries_of(const Vec<Case>& cases, const Target& target) {
  Vec<Try> tries;
  for (const Case& c : cases) {
    auto rows = cuda::menu(c.kernel, target);
    if (!rows) FAIL(to_text(rows.error()));
    for (const Alternative& row : *rows) {
      const bool fits = find_alternative(*rows, c.kernel, row.choice.algorithm) != nullptr;
      if (fits && row.exact) tries.push_back({&c, row.choice});
    }
  }
  return tries;
}

// Each in two ways: drivers take long to compile them.
Vec<Try> tries_of_matrices(const Vec<Case>& cases, const Target&) {
  Vec<Try> tries;
  for (size_t i = 0; i < cases.size(); ++i) {
    const Vec<Choice> choices = matrix_choices(cases[i].kernel);
    for (const size_t more : {size_t{0}, choices.size() / 2}) {
      tries.push_back({&cases[i], choices[(i + more) % choices.size()]});
    }
  }
  return tries;
}

struct Built {
  std::span<const Try> tries;
  // One a try, and what its function is called among all of them.
  Vec<cuda::Module> modules;
  Vec<std::string> names;
  // Of all of them.
  std::string ptx;
};

// Numbers behind the names that a module of one kernel has.
std::string renamed(const std::string& text, const std::string& from, const std::string& to) {
  std::string out;
  size_t at = 0;
  for (size_t next = 0; (next = text.find(from, at)) != std::string::npos;
       at = next + from.size()) {
    out += text.substr(at, next - at) + to;
  }
  return out + text.substr(at);
}

// Every kernel has symbols of its own, so that it is compiled by itself, and they become one text.
Result<Built> built(std::span<const Try> tries, const Target& target) {
  Built b{.tries = tries};
  for (const Try& t : tries) {
    const Vec<std::string> symbols = symbols_of(t.source->kernel);
    RLX_TRY(cuda::Module m, cuda::compile({{t.source->kernel, t.choice}}, symbols, target));
    const std::string number = std::to_string(b.modules.size()) + "_";
    const std::string name = "rlx_" + number + m.launches[0].function.substr(4);
    const std::string text = renamed(m.ptx, m.launches[0].function, name);
    // The header is said once.
    const size_t body = text.find('\n', text.find(".address_size"));
    b.ptx += b.modules.empty() ? text : text.substr(body);
    b.modules.push_back(std::move(m));
    b.names.push_back(name);
  }
  return b;
}

Vec<std::future<Result<Built>>> all_built(const Vec<Try>& tries, const Target& target) {
  Vec<std::future<Result<Built>>> all;
  for (size_t i = 0; i < tries.size(); i += kOfModule) {
    const std::span<const Try> some(&tries[i], std::min(kOfModule, tries.size() - i));
    all.push_back(std::async(std::launch::async, [=] { return built(some, target); }));
  }
  return all;
}

// ---- Runs -------------------------------------------------------------------------------------

// Buffers of one kernel on the GPU.
class OnGpu {
 public:
  explicit OnGpu(Gpu& gpu) : gpu_(gpu) {}
  ~OnGpu() {
    for (const Gpu::Address a : allocated_) (void)gpu_.free(a);
  }

  Result<Gpu::Address> add(std::span<const std::byte> bytes) {
    RLX_TRY(const Gpu::Address a, allocate(bytes.size()));
    RLX_TRY_VOID(gpu_.write(a, bytes));
    return a;
  }

  Result<Gpu::Address> add(size_t bytes, uint8_t filled_with) {
    RLX_TRY(const Gpu::Address a, allocate(bytes));
    RLX_TRY_VOID(gpu_.fill(a, filled_with, bytes));
    return a;
  }

 private:
  Result<Gpu::Address> allocate(size_t bytes) {
    RLX_TRY(const Gpu::Address a, gpu_.allocate(bytes));
    allocated_.push_back(a);
    return a;
  }

  Gpu& gpu_;
  Vec<Gpu::Address> allocated_;
};

// Runs it over the buffers.
Status run(Gpu& gpu, const Case& c, const cuda::Launch& launch, Vec<Memory>& buffers) {
  OnGpu memory(gpu);
  Vec<uint64_t> params, addresses;
  for (Memory& m : buffers) {
    RLX_TRY(const Gpu::Address a, memory.add(m.span()));
    addresses.push_back(a);
  }
  for (const size_t m : memories_of(c.kernel)) params.push_back(addresses[m]);
  for (const std::string& s : symbols_of(c.kernel)) {
    params.push_back(static_cast<uint64_t>(c.symbols.at(s)));
  }
  RLX_TRY(const Gpu::Address trap, memory.add(image::kTrapRoom, 0));
  const auto scratch_bytes = static_cast<size_t>(value_of(launch.scratch_bytes, c.symbols));
  RLX_TRY(const Gpu::Address scratch, memory.add(scratch_bytes, 0xff));
  params.push_back(trap);
  params.push_back(scratch);
  const int64_t blocks = value_of(launch.blocks, c.symbols);
  if (blocks > 0) {
    RLX_TRY_VOID(gpu.run(launch.function, blocks, launch.threads, launch.shared_bytes, params));
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    RLX_TRY_VOID(gpu.read(buffers[i].span(), addresses[i]));
  }
  return {};
}

// What is wrong with it; nullopt: nothing.
std::optional<std::string> wrong(Gpu& gpu, const Case& c, const cuda::Launch& launch) {
  Vec<Memory> want = interpreted(c.kernel, c.symbols, c.fill);
  Vec<Memory> got = buffers_of(c.kernel, c.symbols, c.fill);
  if (Status status = run(gpu, c, launch, got); !status) {
    std::string what = status.error().first().message;
    if (Status again = gpu.reset(); !again) what += "; " + again.error().first().message;
    return what;
  }
  return difference(c.kernel, got, want);
}

class Report {
 public:
  void add(const Try& t, const std::optional<std::string>& what) {
    const std::string name = t.source->name + ", " + t.choice.algorithm;
    std::printf("%s: %s\n", name.c_str(), what ? what->c_str() : "ok");
    // Of a kernel that never ends, nothing else would be known.
    std::fflush(stdout);
    ++(what ? failed : passed);
    if (what) again_.push_back(name + ": " + *what);
  }

  void end(const Gpu& gpu, double seconds) const {
    constexpr size_t kMost = 40;
    for (size_t i = 0; i < std::min(kMost, again_.size()); ++i) {
      std::printf("DIFFERS %s\n", again_[i].c_str());
    }
    std::printf("%d ok, %d differ, %.1f s, on %s (sm_%d)\n", passed, failed, seconds,
                gpu.name().c_str(), gpu.capability());
  }

  int passed = 0, failed = 0;

 private:
  Vec<std::string> again_;
};

void run_module(Gpu& gpu, const Built& b, Report& report) {
  bool together = gpu.load(b.ptx).ok();
  for (size_t i = 0; i < b.tries.size(); ++i) {
    const Case& c = *b.tries[i].source;
    cuda::Launch launch = b.modules[i].launches[0];
    if (together) {
      launch.function = b.names[i];
      const auto what = wrong(gpu, c, launch);
      report.add(b.tries[i], what);
      // A fault took the module as well.
      if (what) together = gpu.load(b.ptx).ok();
      continue;
    }
    // The driver does not take one of them.
    const Status loaded = gpu.load(b.modules[i].ptx);
    report.add(b.tries[i], loaded ? wrong(gpu, c, launch) : loaded.error().first().message);
  }
}

const char* target_of(int capability) {
  if (capability >= 100) return "cuda:sm_100";
  return capability >= 90 ? "cuda:sm_90" : "cuda:sm_80";
}

}  // namespace

namespace {

// Of tries_of(cases), where there is a GPU.
void check_on_gpu(const Vec<Case>& cases, Vec<Try> (*tries_of)(const Vec<Case>&, const Target&)) {
  auto gpu = Gpu::open();
  if (!gpu) {
    std::printf("skipped: %s\n", gpu.error().first().message.c_str());
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  const Target target = *parse_target(target_of((*gpu)->capability()));
  const Vec<Try> tries = tries_of(cases, target);
  Report report;
  for (auto& next : all_built(tries, target)) {
    const Result<Built> b = next.get();
    if (!b) FAIL(to_text(b.error()));
    run_module(**gpu, *b, report);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  report.end(**gpu, seconds.count());
  CHECK(report.passed > 0);
  CHECK(report.failed == 0);
}

}  // namespace

TEST_CASE("every kernel of the corpus has the interpreter's bits on the GPU") {
  check_on_gpu(corpus(kernels_asked_for(kRandom)), tries_of);
}

TEST_CASE("products in another order have the interpreter's bits where sums are exact") {
  check_on_gpu(matrix_cases(), tries_of_matrices);
}

TEST_CASE("the PTX of the corpus", "[.ptx]") {
  const char* folder = std::getenv("RLX_PTX");
  REQUIRE(folder);
  const Vec<Case> cases = corpus(kernels_asked_for(kRandom)), matrices = matrix_cases();
  for (const std::string arch : {"sm_80", "sm_90", "sm_100"}) {
    const Target target = *parse_target("cuda:" + arch);
    Vec<Try> tries = tries_of(cases, target);
    const Vec<Try> all = tries_of_matrices(matrices, target);
    // ptxas takes half a second for each.
    for (size_t m = 0; m < all.size(); m += 9) tries.push_back(all[m]);
    size_t number = 0;
    for (auto& next : all_built(tries, target)) {
      const Result<Built> b = next.get();
      if (!b) FAIL(to_text(b.error()));
      std::ofstream out(std::string(folder) + "/" + arch + "." + std::to_string(number++) + ".ptx");
      out << b->ptx;
      REQUIRE(out.good());
    }
  }
}

}  // namespace rlx::test
