#include "test/backend/program.h"

#include <catch2/catch.hpp>

#include <cstring>

#include "kernel/element.h"
#include "support/cpu_features.h"
#include "test/backend/shim.h"

namespace rlx::test {

// ---- Programs ---------------------------------------------------------------------------------

namespace {

Code compiled(const Kernel& k, const Vec<std::string>& symbols, const Target& target,
              Choice choice) {
  auto code = backend::cpu::compile({{k, std::move(choice)}}, symbols, target, 1);
  if (!code) FAIL(to_text(code.error()));
  return std::move(*code);
}

Memory executable(const Code& code) {
  Memory m(code.blob.size());
  std::memcpy(m.data(), code.blob.data(), code.blob.size());
  m.make_executable();
  return m;
}

using Entered = void (*)(void* const* buffers, const int64_t* symbols, int64_t first, int64_t last,
                         void* scratch);

}  // namespace

Program::Program(const Kernel& k, const Target& target, Choice choice)
    : symbols_(symbols_of(k)),
      memory_of_(memories_of(k)),
      code_(compiled(k, symbols_, target, std::move(choice))),
      memory_(executable(code_)) {}

int64_t Program::tiles(const Symbols& symbols) const { return value_of(entry().tiles, symbols); }

image::Trap Program::run(Vec<Memory>& buffers, const Symbols& symbols, int64_t first,
                         int64_t last) {
  Vec<void*> pointers;
  for (const size_t m : memory_of_) pointers.push_back(buffers[m].data());
  Vec<int64_t> values;
  for (const std::string& s : symbols_) values.push_back(symbols.at(s));
  Memory scratch(static_cast<size_t>(value_of(entry().scratch_bytes, symbols)));
  // Code may not count on what scratch holds, the trap aside.
  std::memset(scratch.data() + image::kTrapBytes, 0xff, scratch.span().size() - image::kTrapBytes);
  auto function = reinterpret_cast<Entered>(memory_.data() + entry().offset);
  function(pointers.data(), values.data(), first, last, scratch.data());
  image::Trap trap;
  std::memcpy(&trap, scratch.data(), sizeof trap);
  return trap;
}

Machine machine_of(std::string_view text) {
  Target t = *parse_target(text);
  auto& facts = std::get<CpuTarget>(t.facts);
  if (missing_on_host(facts.features).empty()) return {std::move(t), true};
  const Target v3 = *parse_target("cpu:x86-64-v3");
  facts.cpu = v3.cpu().cpu;
  facts.features = v3.cpu().features;
  t.text += " tiles with x86-64-v3 instructions";
  return {std::move(t), false};
}

const Vec<Machine>& machines() {
  static const Vec<Machine> all = {machine_of("cpu:x86-64-v3"), machine_of("cpu:x86-64-v4")};
  return all;
}

std::map<std::string, int64_t>& kernels_run() {
  static std::map<std::string, int64_t> counts;
  return counts;
}

namespace {

// With all constants as their elements.
Kernel untransformed(Kernel k) {
  for (Arg& a : k.args) {
    if (a.storage.form == Form::kElements) continue;
    a.storage = Storage::row_major(static_cast<int>(a.shape.size()));
  }
  return k;
}

void compare_near(const Kernel& k, Vec<Memory>& got, Vec<Memory>& want, double tolerance) {
  for (size_t i = 0; i < k.args.size(); ++i) {
    const Arg& a = k.args[i];
    const auto size = static_cast<size_t>(size_of(a.dtype));
    for (size_t at = 0; a.written && at + size <= got[i].span().size(); at += size) {
      const double g = scalar_at(a.dtype, got[i].data() + at).as_double();
      const double w = scalar_at(a.dtype, want[i].data() + at).as_double();
      // Results of 16 bits may round to the other side.
      const double allowed = tolerance + (size == 2 ? std::abs(w) / 128 : 0);
      if (!(std::abs(g - w) <= allowed)) FAIL(a.name << " is " << g << ", not " << w);
    }
  }
}

}  // namespace

void check_near_on(const Machine& m, const Kernel& k, const Symbols& symbols, const Fill& fill,
                   const Choice& choice, double tolerance) {
  Vec<Memory> want = interpreted(untransformed(k), symbols, fill);
  Program p(k, m.target, choice);
  const int64_t tiles = p.tiles(symbols);
  Vec<Memory> whole = buffers_of(k, symbols, fill), pieces = buffers_of(k, symbols, fill);
  p.run(whole, symbols, 0, tiles);
  compare_near(k, whole, want, tolerance);
  for (int64_t tile = tiles; tile-- > 0;) p.run(pieces, symbols, tile, tile + 1);
  compare(k, pieces, whole, "tile by tile");
  ++kernels_run()[m.target.text];
}

void check_same(const Kernel& k, const Symbols& symbols, const Fill& fill, const Choice& choice) {
  for (const Machine& m : machines()) check_same_on(m, k, symbols, fill, choice);
  if (choice == Choice()) check_shim(k, symbols, fill);
}

void check_same_on(const Machine& m, const Kernel& k, const Symbols& symbols, const Fill& fill,
                   const Choice& choice) {
  const std::string& text = m.target.text;
  Vec<Memory> want = interpreted(k, symbols, fill);
  Program p(k, m.target, choice);
  int64_t tiles = p.tiles(symbols);
  Vec<Memory> whole = buffers_of(k, symbols, fill);
  p.run(whole, symbols, 0, tiles);
  compare(k, whole, want, text);
  Vec<Memory> pieces = buffers_of(k, symbols, fill);
  for (int64_t tile = tiles; tile-- > 0;) p.run(pieces, symbols, tile, tile + 1);
  compare(k, pieces, want, text + ", tile by tile");
  ++kernels_run()[text];
}

}  // namespace rlx::test
