// Every alternative of the menu on random products, convolutions and rows: what an operator's `lower`
// writes, with an epilogue, in the storages that the alternative asks for and any others where it asks for
// none, against the interpreter.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include "backend/cpu/algorithm.h"
#include "test/backend/program.h"
#include "test/backend/random_node.h"

namespace rlx::test {
namespace {

// Storages that no row of the algorithm means are refused, and nothing aborts. How many were.
int64_t refuses_others(const Machine& m, Kernel k, const Vec<Alternative>& rows,
                       const Alternative& row, RandomNode& random) {
  int64_t refused = 0;
  for (size_t i = 0; i < k.args.size(); ++i) {
    const Arg right = k.args[i];
    k.args[i].frame.reset();
    k.args[i].storage = random.storage(k.args[i]);
    if (!find_alternative(rows, k, row.choice.algorithm)) {
      Vec<std::string> symbols;
      for (const auto& [name, value] : random.symbols()) symbols.push_back(name);
      auto code = backend::cpu::compile({{k, row.choice}}, symbols, m.target, 1);
      CHECK_FALSE(code.ok());
      ++refused;
    }
    k.args[i] = right;
  }
  return refused;
}

// Of values up to 8, for what rows that are not exact may add to a sum. A wrong factor is much more.
double tolerance_of(const Kernel& k) {
  double terms = 1;
  for (const Loop& l : k.stages[0].loops) terms *= static_cast<double>(*l.extent.constant());
  return 1e-5 * 8 * 8 * terms;
}

// The first cells of the table of rows that are not exact.
std::set<std::string> listed_inexact() {
  std::ifstream in(RLX_TEST_SOURCE_DIR "/../docs/numerics.md");
  REQUIRE(in.good());
  std::set<std::string> names;
  std::string line;
  while (std::getline(in, line) && !line.starts_with("## Rows of the menu")) {
  }
  while (std::getline(in, line) && !line.starts_with("## ")) {
    if (line.starts_with("| `")) names.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return names;
}

}  // namespace

TEST_CASE("every alternative of the menu on random nodes") {
  std::map<std::string, int64_t> offered;
  std::map<int64_t, int64_t> groups;
  std::set<std::string> inexact;
  int64_t refused = 0, frames = 0, in_place = 0;
  Vec<Machine> targets = machines();
  targets.push_back(machine_of("cpu:x86-64-v4,+avx512bf16,+avx512vnni"));
  targets.push_back(machine_of("cpu:x86-64-v4,+avx512vbmi"));
  const unsigned tried = kernels_asked_for(50);
  for (unsigned seed = 0; seed < std::max(50u, tried); ++seed) {
    RandomNode random(seed);
    Kernel plain = random.make();
    for (Stage& s : plain.stages) s.relaxed = !operands(s).empty();
    INFO("seed " << seed << "\n" << to_text(plain));
    auto valid = verify(plain);
    if (!valid) FAIL(to_text(valid.error()));
    for (const Machine& m : targets) {
      auto rows = backend::cpu::menu(plain, m.target);
      if (!rows) FAIL(to_text(rows.error()));
      for (const Alternative& row : *rows) {
        ++offered[row.choice.algorithm];
        // Which rows are offered is asked of all nodes; it is compiling and running them that takes long.
        if (seed >= tried) continue;
        Kernel k = plain;
        for (size_t i = 0; i < k.args.size(); ++i) {
          k.args[i].storage = random.storage(k.args[i], row.needs[i]);
        }
        random.add_frames(k, row.needs);
        random.replace_an_operand(k, row);
        if (auto framed = verify(k); !framed) FAIL(to_text(framed.error()) << to_text(k));
        for (const Arg& a : k.args) {
          frames += a.frame.has_value();
          in_place += a.written && a.frame && a.frame->memory == 200;
        }
        INFO(m.target.text << " " << row.choice.algorithm << "\n" << to_text(k));
        if (!row.exact) inexact.insert(row.choice.algorithm);
        if (row.exact) {
          check_same_on(m, k, random.symbols(), random_values(seed), row.choice);
        } else {
          check_near_on(m, k, random.symbols(), random_values(seed), row.choice, tolerance_of(k));
        }
        if (row.choice.tile.size() == 3) ++groups[row.choice.tile[2]];
        refused += refuses_others(m, k, *rows, row, random);
      }
    }
  }
  CHECK(std::ranges::includes(listed_inexact(), inexact));
  CHECK(refused > 0);
  CHECK(frames > 0);
  CHECK(in_place > 0);
  for (const auto& [algorithm, n] : offered) {
    std::printf("%s: %lld rows\n", algorithm.c_str(), static_cast<long long>(n));
  }
  for (const auto& [group, n] : groups) {
    std::printf("groups of %lld: %lld kernels\n", static_cast<long long>(group),
                static_cast<long long>(n));
  }
  for (const Machine& m : targets) {
    std::printf("%s: %lld kernels on %s instructions\n", m.target.text.c_str(),
                static_cast<long long>(kernels_run()[m.target.text]), m.real ? "real" : "narrower");
  }
  for (const backend::cpu::Algorithm& a : backend::cpu::algorithms()) {
    INFO(a.name);
    CHECK(offered[std::string(a.name)] > 0);
  }
}

}  // namespace rlx::test
