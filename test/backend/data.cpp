#include "test/backend/data.h"

#include <sys/mman.h>

#include <catch2/catch.hpp>

#include <cstring>
#include <random>
#include <set>

#include "kernel/detail.h"
#include "kernel/element.h"

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

// ---- Symbols ----------------------------------------------------------------------------------

namespace {

void add_symbols(const Dim& d, std::set<std::string>& names) {
  each_atom(d, [&](const Atom& a) {
    if (a.kind == Atom::Kind::kSymbol) names.insert(a.symbol);
  });
}

}  // namespace

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
    for (const Expr& e : s.body) add_symbols(e.dim, names);
  }
  return {names.begin(), names.end()};
}

int64_t value_of(const Dim& d, const Symbols& symbols) { return evaluate(d, symbols).value(); }

unsigned kernels_asked_for(unsigned otherwise) {
  const char* asked = std::getenv("RLX_RANDOM_KERNELS");
  return asked ? static_cast<unsigned>(std::atoi(asked)) : otherwise;
}

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

}  // namespace

Vec<Memory> buffers_of(const Kernel& k, const Symbols& symbols, const Fill& fill) {
  Vec<Memory> buffers;
  for (const Arg& a : k.args) buffers.push_back(buffer_of(a, symbols, fill));
  return buffers;
}

Vec<Memory> interpreted(const Kernel& k, const Symbols& symbols, const Fill& fill) {
  Vec<Memory> buffers = buffers_of(k, symbols, fill);
  Vec<std::span<std::byte>> spans;
  for (const size_t memory : memories_of(k)) spans.push_back(buffers[memory].span());
  auto status = interpret(k, symbols, spans);
  if (!status) FAIL(to_text(status.error()));
  return buffers;
}

std::optional<std::string> difference(const Kernel& k, Vec<Memory>& got, Vec<Memory>& want) {
  for (size_t i = 0; i < k.args.size(); ++i) {
    const DType type = k.args[i].dtype;
    const int64_t at = first_difference(type, got[i].span(), want[i].span());
    if (at < 0) continue;
    const auto offset = static_cast<size_t>(at * size_of(type));
    return k.args[i].name + " element " + std::to_string(at) + " is " +
           to_text(scalar_at(type, got[i].data() + offset)) + ", not " +
           to_text(scalar_at(type, want[i].data() + offset));
  }
  return std::nullopt;
}

void compare(const Kernel& k, Vec<Memory>& got, Vec<Memory>& want, const std::string& how) {
  if (auto what = difference(k, got, want)) FAIL(how + ": " + *what + "\n" + to_text(k));
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

Fill random_bits(unsigned seed) {
  return [=](const Arg& arg, std::span<std::byte> dense) {
    if (arg.dtype == DType::kBool) return random_values(seed)(arg, dense);
    std::mt19937 random(seed);
    for (std::byte& b : dense) b = static_cast<std::byte>(random() >> 8);
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

}  // namespace rlx::test
