// The CUDA backend without a GPU: its menu, its PTX, and the LLVM IR behind that, run on the CPU (shim.h). Kernels
// that other tests here compile go through the shim too: check_same().
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "backend/cuda/algorithm.h"
#include "ir/text.h"
#include "kernel/estimate.h"
#include "passes/pipeline.h"
#include "plan/plan.h"
#include "test/backend/corpus.h"
#include "test/backend/kernels.h"
#include "test/backend/matrices.h"
#include "test/backend/shim.h"

namespace rlx::test {

namespace {

namespace cuda = backend::cuda;

Target sm(const char* arch) { return *parse_target(std::string("cuda:") + arch); }

Vec<std::string> offered(const std::string& text) {
  auto rows = cuda::menu(parse_kernel(text), sm("sm_90"));
  if (!rows) FAIL(to_text(rows.error()));
  Vec<std::string> names;
  for (const Alternative& row : *rows) names.push_back(row.choice.algorithm);
  return names;
}

}  // namespace

TEST_CASE("rows are offered blocks, maps are not") {
  CHECK(offered(softmax_text("n", "100")) == Vec<std::string>{"blocks", "loops"});
  CHECK(offered(kTake) == Vec<std::string>{"loops"});
}

TEST_CASE("long rows are cheaper in blocks, short ones in loops") {
  auto cheaper = [](const std::string& n, const std::string& m) {
    return cheapest(*cuda::menu(parse_kernel(softmax_text(n, m)), sm("sm_90"))).choice.algorithm;
  };
  CHECK(cheaper("64", "1000") == "blocks");
  CHECK(cheaper("1000000", "2") == "loops");
}

TEST_CASE("products are offered tiles where nothing else is summed up or carried") {
  const char* const product = R"(
kernel "matmul" {
  arg %0 : f32[m, 64] row_major
  arg %1 : f32[64, n] row_major
  arg %2 : f32[m, n] row_major written
  grid i0 in m, i1 in n
  contract %2.0 for i2 in 64 {
    batch [] m [i0] n [i1] k [i2]
    ORDER
    acc0 : f32
    v0 = load %0[i0, i2]
    v1 = load %1[i2, i1]
    v2 = acc0
    a = v0
    b = v1
    %2[i0, i1] = v2
  }
})";
  const auto with = [&](const char* order) { return offered(filled(product, {{"ORDER", order}})); };
  CHECK(with("") == Vec<std::string>{"contract.shared", "blocks", "loops"});
  CHECK(with("order parts 2") == Vec<std::string>{"blocks", "loops"});
}

TEST_CASE("a choice that is not on the menu is refused") {
  const Kernel k = parse_kernel(softmax_text("n", "100"));
  for (const Choice& c :
       {Choice{"blocks", {48}}, Choice{"blocks", {2048}}, Choice{"blocks", {}},
        Choice{"loops", {1}}, Choice{"contract.panel", {}}, Choice{"contract.shared", {4}}}) {
    INFO(c.algorithm);
    auto made = cuda::compile({{k, c}}, {"n"}, sm("sm_80"));
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().exit_code() == 1);
  }
}

TEST_CASE("what parameters have no room for is refused") {
  constexpr int kMany = 300;
  std::string args, loads;
  for (int i = 0; i < kMany; ++i) {
    const std::string n = std::to_string(i);
    args += "  arg %" + n + " : f32[8] row_major\n";
    loads += "    v" + n + " = load %" + n + "[i0]\n";
  }
  const Kernel k = parse_kernel("kernel \"many\" {\n" + args +
                                "  arg %y : f32[8] row_major written\n  grid i0 in 8\n"
                                "  map %y.0 @ [\"/many\"] {\n" +
                                loads + "    %y[i0] = v0\n  }\n}");
  auto rows = cuda::menu(k, sm("sm_90"));
  REQUIRE_FALSE(rows.ok());
  CHECK(rows.error().first().code == 4032);
  CHECK(rows.error().first().node == "/many");
  Vec<std::string> symbols;
  for (int i = 0; i < kMany; ++i) symbols.push_back("s" + std::to_string(i));
  auto made = cuda::compile({{parse_kernel(kTake), {}}}, symbols, sm("sm_90"));
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().first().code == 4032);
}

TEST_CASE("an index out of range leaves a trap on a GPU") {
  const Kernel k = parse_kernel(kTake);
  Shim shim(k, sm("sm_80"), {});
  const Symbols symbols{{"t", 700}};
  Vec<Memory> buffers;
  for (size_t bytes : {40, 5600, 2800}) buffers.emplace_back(bytes);
  auto* index = reinterpret_cast<int64_t*>(buffers[1].data());
  for (int64_t i = 0; i < 700; ++i) index[i] = i % 10;
  CHECK(shim.run(buffers, symbols, false).site == 0);
  // Who comes first leaves it.
  index[300] = 77;
  index[600] = 78;
  const image::Trap trap = shim.run(buffers, symbols, false);
  CHECK(trap.site == 1);
  CHECK(trap.value == 77);
  CHECK(trap.extent == 10);
  CHECK(shim.run(buffers, symbols, true).value == 78);
}

TEST_CASE("rows beyond shared memory lie in scratch") {
  const Kernel k = parse_kernel(softmax_text("3", "20000"));
  const auto made = cuda::compile({{k, {"blocks", {128}}}}, {}, sm("sm_90"));
  REQUIRE(made.ok());
  CHECK(made->launches[0].scratch_bytes == Dim(3 * (20000 * 4 + 2 * 64)));
  CHECK(
      cuda::compile({{parse_kernel(softmax_text("3", "2000")), {"blocks", {128}}}}, {}, sm("sm_90"))
          ->launches[0]
          .scratch_bytes.is(0));
}

namespace {

// What the interpreter and fibers do in a moment, and whose indexes are all inside.
bool is_tried(const Kernel& k) {
  // An item with blocks.
  if (k.stages.empty()) return false;
  constexpr double kMostWork = 3e6;
  double work = 0;
  for (const Stage& s : k.stages) {
    work += estimated_work(k, s);
    for (const Vec<Access>* list : {&s.reads, &s.writes}) {
      for (const Access& a : *list) {
        const auto checked = [](const Bounds& b) { return b.rule == Bounds::Rule::kChecked; };
        if (std::ranges::any_of(a.bounds, checked)) return false;
      }
    }
  }
  return work < kMostWork;
}

}  // namespace

TEST_CASE("kernels that plans make for a GPU go through the shim") {
  int64_t kernels = 0;
  for (const auto& file : std::filesystem::directory_iterator(RLX_TEST_SOURCE_DIR "/plan")) {
    if (file.path().extension() != ".mir") continue;
    INFO(file.path());
    std::ifstream in(file.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    auto graph = parse_graph(text);
    if (!graph) FAIL(to_text(graph.error()));
    auto optimised = optimise(std::move(*graph), {});
    if (!optimised) FAIL(to_text(optimised.error()));
    REQUIRE(own_outputs(*optimised));
    auto planned = plan(std::move(*optimised), sm("sm_90"), cuda::menu, {});
    if (!planned) FAIL(to_text(planned.error()));
    for (const PlannedKernel& p : planned->kernels) {
      if (!is_tried(p.kernel)) continue;
      INFO(to_text(p.kernel));
      Symbols symbols;
      for (const std::string& name : symbols_of(p.kernel)) symbols[name] = 24;
      // Room for more than the two parts that an output has.
      for (const State& state : planned->lir.states) {
        symbols[state.input_capacity] = symbols[state.output_capacity] = 60;
      }
      check_shim(p.kernel, symbols, random_values(7));
      ++kernels;
    }
  }
  std::printf("%lld planned kernels\n", static_cast<long long>(kernels));
  CHECK(kernels > 50);
}

namespace {

void check_products_in_another_order() {
  const Vec<Case> cases = matrix_cases();
  // Fibers are slow: each kernel in one way, or as many of them as are asked for.
  const size_t step = std::max<size_t>(1, cases.size() / kernels_asked_for(1000));
  for (size_t i = 0; i < cases.size(); i += step) {
    const Case& c = cases[i];
    const Vec<Choice> choices = matrix_choices(c.kernel);
    const Choice& choice = choices[i % choices.size()];
    INFO(c.name << ", " << choice.algorithm << " " << choice.tile[0] << "\n" << to_text(c.kernel));
    check_shim(c.kernel, choice, c.symbols, c.fill);
  }
}

}  // namespace

TEST_CASE("GPU kernels through the shim") {
  for (const Case& c : corpus(kernels_asked_for(100))) {
    INFO(c.name << "\n" << to_text(c.kernel));
    check_shim(c.kernel, c.symbols, c.fill);
  }
  check_products_in_another_order();
  for (const cuda::Algorithm& a : cuda::algorithms()) {
    const int64_t n = shims_run()[std::string(a.name)];
    std::printf("%s: %lld GPU kernels\n", std::string(a.name).c_str(), static_cast<long long>(n));
    CHECK(n > 0);
  }
}

}  // namespace rlx::test
