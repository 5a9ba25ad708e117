#include "test/backend/program.h"

#include <sys/mman.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <random>
#include <set>

#include "kernel/detail.h"
#include "kernel/element.h"
#include "support/cpu_features.h"

namespace rlx::test {

// ---- Memory -----------------------------------------------------------------------------------

namespace {

constexpr size_t kPage = 4096;

size_t rounded_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

}  // namespace

Memory::Memory(size_t bytes) : bytes_(bytes) {
  size_t usable = rounded_up(std::max<size_t>(bytes, 1), kPage);
  mapped_ = usable + kPage;
  void* p = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(p != MAP_FAILED);
  map_ = static_cast<std::byte*>(p);
  REQUIRE(mprotect(map_ + usable, kPage, PROT_NONE) == 0);
  data_ = map_ + usable - rounded_up(bytes, 64);
}

Memory::~Memory() {
  if (map_) munmap(map_, mapped_);
}

Memory::Memory(Memory&& o) noexcept
    : bytes_(o.bytes_), mapped_(o.mapped_), map_(std::exchange(o.map_, nullptr)), data_(o.data_) {}

void Memory::make_executable() {
  REQUIRE(mprotect(map_, mapped_ - kPage, PROT_READ | PROT_EXEC) == 0);
}

// ---- Programs ---------------------------------------------------------------------------------

namespace {

void add_symbols(const Dim& d, std::set<std::string>& names) {
  each_atom(d, [&](const Atom& a) {
    if (a.kind == Atom::Kind::kSymbol) names.insert(a.symbol);
  });
}

Vec<std::string> symbols_of(const Kernel& k) {
  std::set<std::string> names;
  for (const Arg& a : k.args) {
    for (const Dim& d : a.shape) add_symbols(d, names);
    if (!a.frame) continue;
    for (const Dim& d : a.frame->shape) add_symbols(d, names);
    for (const Dim& d : a.frame->start) add_symbols(d, names);
  }
  for (const Loop& l : k.grid) add_symbols(l.extent, names);
  for (const Stage& s : k.stages) {
    for (const Loop& l : s.loops) add_symbols(l.extent, names);
    visit_detail(s, [&](const Dim& d) { add_symbols(d, names); });
  }
  return {names.begin(), names.end()};
}

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

// By argument: whose buffer it lies in, its own or that of the first one in the same memory.
Vec<size_t> memories_of(const Kernel& k) {
  Vec<size_t> memory_of;
  for (const Arg& a : k.args) {
    auto shares = [&](const Arg& b) {
      return &a == &b || (a.frame && b.frame && a.frame->memory == b.frame->memory);
    };
    memory_of.push_back(static_cast<size_t>(std::ranges::find_if(k.args, shares) - k.args.begin()));
  }
  return memory_of;
}

int64_t value_of(const Dim& d, const Symbols& symbols) { return evaluate(d, symbols).value(); }

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

// ---- Data -------------------------------------------------------------------------------------

namespace {

void put_number(DType t, double value, std::byte* to) {
  with_type(t, [&]<class T>() {
    T v = convert<T>(value);
    std::memcpy(to, &v, sizeof v);
  });
}

double random_number(DType t, std::mt19937& random) {
  switch (random() % 16) {
    case 0: return 0;
    case 1: return is_float(t) ? -0.0 : 1;
    default: break;
  }
  double v = std::uniform_real_distribution<double>(-8, 8)(random);
  if (is_float(t)) return v;
  return t == DType::kBool ? random() % 2 : std::floor(v * 12);
}

Vec<int64_t> shape_of(const Arg& a, const Symbols& symbols) {
  Vec<int64_t> shape;
  for (const Dim& d : a.shape) shape.push_back(value_of(d, symbols));
  return shape;
}

// What the argument's memory holds.
Arg whole_of(const Arg& a) {
  if (!a.frame) return a;
  return {.name = a.name, .dtype = a.dtype, .shape = a.frame->shape, .storage = a.frame->storage};
}

// A buffer with an input's packed elements, or with the fill that an output's padding starts with.
Memory buffer_of(const Arg& arg, const Symbols& symbols, const Fill& fill) {
  const Arg a = whole_of(arg);
  Memory m(static_cast<size_t>(buffer_bytes(a, symbols)));
  Vec<int64_t> shape = shape_of(a, symbols);
  int64_t elements = 1;
  for (int64_t n : shape) elements *= n;
  Vec<std::byte> dense(static_cast<size_t>(bytes_of(a.dtype, elements)));
  fill(a, dense);
  REQUIRE(pack(dense, m.span(), a.dtype, shape, a.storage));
  return m;
}

Vec<Memory> buffers_of(const Kernel& k, const Symbols& symbols, const Fill& fill) {
  Vec<Memory> buffers;
  for (const Arg& a : k.args) buffers.push_back(buffer_of(a, symbols, fill));
  return buffers;
}

bool is_nan_at(DType t, const std::byte* at) {
  if (!is_float(t)) return false;
  return with_type(t, [&]<class T>() {
    T v;
    std::memcpy(&v, at, sizeof v);
    double d = convert<double>(v);
    return d != d;
  });
}

// The first element that differs; -1: none.
int64_t first_difference(DType t, std::span<std::byte> a, std::span<std::byte> b) {
  auto size = static_cast<size_t>(size_of(t));
  for (size_t i = 0; i + size <= a.size(); i += size) {
    if (std::memcmp(&a[i], &b[i], size) == 0) continue;
    if (!is_nan_at(t, &a[i]) || !is_nan_at(t, &b[i])) return static_cast<int64_t>(i / size);
  }
  return -1;
}

void compare(const Kernel& k, Vec<Memory>& got, Vec<Memory>& want, const std::string& how) {
  for (size_t i = 0; i < k.args.size(); ++i) {
    int64_t at = first_difference(k.args[i].dtype, got[i].span(), want[i].span());
    if (at < 0) continue;
    auto size = static_cast<size_t>(size_of(k.args[i].dtype));
    auto offset = static_cast<size_t>(at) * size;
    Scalar g = scalar_at(k.args[i].dtype, got[i].data() + offset);
    Scalar w = scalar_at(k.args[i].dtype, want[i].data() + offset);
    FAIL(how + ": " + k.args[i].name + " element " + std::to_string(at) + " is " + to_text(g) +
         ", not " + to_text(w) + "\n" + to_text(k));
  }
}

}  // namespace

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

unsigned kernels_asked_for(unsigned otherwise) {
  const char* asked = std::getenv("RLX_RANDOM_KERNELS");
  return asked ? static_cast<unsigned>(std::atoi(asked)) : otherwise;
}

std::map<std::string, int64_t>& kernels_run() {
  static std::map<std::string, int64_t> counts;
  return counts;
}

Fill random_values(unsigned seed) {
  return [seed](const Arg& arg, std::span<std::byte> dense) {
    std::mt19937 random(seed);
    auto size = static_cast<size_t>(size_of(arg.dtype));
    for (size_t i = 0; i < dense.size(); i += size) {
      put_number(arg.dtype, random_number(arg.dtype, random), &dense[i]);
    }
  };
}

Fill random_indexes(unsigned seed, int64_t lo, int64_t hi) {
  return [=](const Arg& arg, std::span<std::byte> dense) {
    if (arg.dtype != DType::kI64 || hi <= lo) return random_values(seed)(arg, dense);
    std::mt19937 random(seed);
    for (size_t i = 0; i < dense.size(); i += 8) {
      int64_t v = lo + static_cast<int64_t>(random() % static_cast<uint64_t>(hi - lo));
      std::memcpy(&dense[i], &v, sizeof v);
    }
  };
}

Kernel parse_kernel(std::string_view text) {
  auto kernels = parse_kernels(text);
  if (!kernels) FAIL(to_text(kernels.error()));
  REQUIRE(kernels->size() == 1);
  auto valid = verify(kernels->front());
  if (!valid) FAIL(to_text(valid.error()));
  return std::move(kernels->front());
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
  const Kernel plain = untransformed(k);
  Vec<Memory> want = buffers_of(plain, symbols, fill);
  Vec<std::span<std::byte>> spans;
  for (const size_t memory : memories_of(plain)) spans.push_back(want[memory].span());
  auto status = interpret(plain, symbols, spans);
  if (!status) FAIL(to_text(status.error()));
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
}

void check_same_on(const Machine& m, const Kernel& k, const Symbols& symbols, const Fill& fill,
                   const Choice& choice) {
  const std::string& text = m.target.text;
  Vec<Memory> want = buffers_of(k, symbols, fill);
  Vec<std::span<std::byte>> spans;
  for (const size_t memory : memories_of(k)) spans.push_back(want[memory].span());
  auto status = interpret(k, symbols, spans);
  if (!status) FAIL(to_text(status.error()));
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
