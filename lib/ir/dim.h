// Symbolic extents and indexes.
//
// A Dim is an integer polynomial over atoms: named symbols, loop indexes (in kernels only), and floordiv,
// mod, min, max of Dims. It is kept in a canonical form (like terms added, terms and factors sorted), so
// equal polynomials are equal values, on every machine. Symbols are identified by name; the table of a
// Graph says what is known of each. Values of symbols are never negative.
//
// Files name any number. Arithmetic that leaves int64_t gives Dim::overflow(), which stays itself under
// all further arithmetic and has no value; inference refuses it (kTooLarge), so nobody else meets it.
#pragma once
#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "support/ids.h"
#include "support/result.h"

namespace rlx {

// What a tensor's bytes, and so its extents and indexes, stay below: more than a 64-bit address space
// holds, and far enough from overflow for sums of them.
inline constexpr int64_t kMostBytes = int64_t{1} << 47;

// A symbol's name; equal names are one string.
class SymbolName {
 public:
  SymbolName() = default;
  SymbolName(std::string_view text);

  const std::string& text() const;
  operator const std::string&() const { return text(); }
  size_t hash() const { return std::hash<const void*>()(text_); }

  std::strong_ordering operator<=>(const SymbolName& o) const;
  bool operator==(const SymbolName& o) const = default;
  bool operator==(std::string_view text) const { return this->text() == text; }

 private:
  friend struct DimHash;

  // Null: "".
  const std::string* text_ = nullptr;
};

// For unordered containers.
struct HashOf {
  size_t operator()(const auto& value) const { return value.hash(); }
};

struct Atom;
struct Term;
struct DimNode;
class Terms;

// As large as a pointer and copied like one: small numbers stand in it, all else is a node that equal Dims
// share. Nodes live as long as the process, and so do the names and factors in them; there are only as many
// as different expressions were met, a few for each extent of a model, however many tensors have it.
class Dim {
 public:
  constexpr Dim() = default;
  constexpr Dim(int64_t constant)
      : bits_(is_small(constant) ? small_bits(constant) : large_bits(constant)) {}
  constexpr Dim(int constant) : bits_(small_bits(constant)) {}
  static Dim symbol(std::string_view name);
  static Dim loop(LoopId id);
  static Dim atom(const Atom& a);
  // The sum of terms in any order, like ones too; nullopt on overflow.
  static std::optional<Dim> sum(Vec<Term> terms);
  // What arithmetic gives that leaves int64_t.
  static Dim overflow();
  bool is_overflow() const { return bits_ == kOverflow; }

  // The value where it is one.
  std::optional<int64_t> constant() const {
    return is_small() ? std::optional(small_value()) : large_constant();
  }
  bool is(int64_t value) const { return *this == Dim(value); }
  // The single loop that this is, alone and with factor 1.
  std::optional<LoopId> as_loop() const;
  std::optional<SymbolName> as_symbol() const;
  // Of higher degree first, then by factors; no coefficient is 0, but for the one of overflow().
  Terms terms() const;

  // Whether loops stand in it, and whether anything but symbols and loops.
  bool has_loops() const;
  bool has_operators() const;
  // Terms and factors, those inside others too.
  int size() const;

  // For tables that nobody walks: it differs from run to run.
  size_t hash() const { return (bits_ ^ bits_ >> 32) * 0x9E3779B1U; }
  // By the terms, not by where they lie: the same on every machine.
  std::strong_ordering operator<=>(const Dim& o) const;
  bool operator==(const Dim& o) const = default;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  // For operands that nobody has bounded: nullopt on overflow.
  friend std::optional<Dim> checked_add(const Dim& a, const Dim& b);
  friend std::optional<Dim> checked_mul(const Dim& a, const Dim& b);

 private:
  friend struct DimHash;

  static constexpr uint64_t kOverflow = 0;

  static constexpr bool is_small(int64_t c) { return c >= INT64_MIN / 2 && c <= INT64_MAX / 2; }
  static constexpr uint64_t small_bits(int64_t c) { return static_cast<uint64_t>(c) << 1 | 1; }
  static uint64_t large_bits(int64_t c);
  // Of terms in canonical form, none of them overflow()'s.
  static Dim of(std::span<const Term> terms);

  bool is_small() const { return (bits_ & 1) != 0; }
  int64_t small_value() const { return static_cast<int64_t>(bits_) >> 1; }
  std::optional<int64_t> large_constant() const;
  // Null where no node stands for it.
  const DimNode* node() const {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a handle is a number or an address.
    return is_small() ? nullptr : reinterpret_cast<const DimNode*>(bits_);
  }

  // A small number times two plus 1, the address of a node, or kOverflow.
  uint64_t bits_ = small_bits(0);
};

// The two operands of floordiv, mod, min, max; none of others.
class Operands {
 public:
  Operands() = default;
  Operands(Dim a, Dim b) : items_{a, b}, size_(2) {}

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const Dim* begin() const { return items_.data(); }
  const Dim* end() const { return begin() + size_; }
  const Dim& operator[](size_t i) const { return items_[i]; }

  std::strong_ordering operator<=>(const Operands& o) const;
  bool operator==(const Operands& o) const = default;

 private:
  std::array<Dim, 2> items_ = {};
  uint32_t size_ = 0;
};

// One factor of a term.
struct Atom {
  enum class Kind : uint8_t { kSymbol, kLoop, kFloorDiv, kMod, kMin, kMax };

  Kind kind = Kind::kSymbol;
  LoopId loop = {};
  SymbolName symbol = {};
  Operands args = {};

  std::strong_ordering operator<=>(const Atom& o) const;
  bool operator==(const Atom& o) const = default;
};

// The factors of a term, sorted; equal ones are one list.
class Factors {
 public:
  Factors() = default;
  explicit Factors(std::span<const Atom> sorted);

  bool empty() const { return atoms_ == nullptr; }
  size_t size() const { return atoms_ ? atoms_->size() : 0; }
  const Atom* begin() const { return atoms_ ? atoms_->data() : nullptr; }
  const Atom* end() const { return begin() + size(); }
  const Atom& operator[](size_t i) const { return (*atoms_)[i]; }

  // Higher degree first, so that constants come last; multiplying by a term keeps this order.
  std::strong_ordering operator<=>(const Factors& o) const;
  bool operator==(const Factors& o) const = default;

 private:
  friend struct DimHash;

  // Null: none.
  const Vec<Atom>* atoms_ = nullptr;
};

// coefficient * product of factors; no factors: a constant.
struct Term {
  int64_t coefficient = 0;
  Factors factors = {};

  std::strong_ordering operator<=>(const Term& o) const;
  bool operator==(const Term& o) const = default;
};

// What a Dim is the sum of. A number's term stands in here, so that it must outlive its iterators.
class Terms {
 public:
  explicit Terms(std::span<const Term> shared) : shared_(shared) {}
  // 0 has none.
  explicit Terms(int64_t constant) : own_{constant}, owns_(constant != 0) {}
  static Terms of_overflow();

  bool empty() const { return size() == 0; }
  size_t size() const { return owns_ ? 1 : shared_.size(); }
  const Term* begin() const& { return owns_ ? &own_ : shared_.data(); }
  const Term* end() const& { return begin() + size(); }
  const Term* begin() const&& = delete;
  const Term* end() const&& = delete;
  Term operator[](size_t i) const { return begin()[i]; }
  Term front() const { return *begin(); }
  Term back() const { return *(end() - 1); }

 private:
  std::span<const Term> shared_ = {};
  Term own_ = {};
  bool owns_ = false;
};

// What equal Dims share.
struct DimNode {
  explicit DimNode(std::span<const Term> all);
  bool holds(std::span<const Term> others) const { return std::ranges::equal(terms, others); }

  Vec<Term> terms;
  int size = 0;
  bool loops = false;
  bool operators = false;
};

inline bool Dim::has_loops() const { return node() && node()->loops; }
inline bool Dim::has_operators() const { return node() && node()->operators; }

inline Terms Dim::terms() const {
  if (is_small()) return Terms(small_value());
  return node() ? Terms(node()->terms) : Terms::of_overflow();
}

// Division rounds to minus infinity, a remainder is never negative. A divisor that is not positive
// leaves an expression without a value (has_no_value).
Dim floor_div(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);
Dim mod(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);
Dim product(const Vec<Dim>& dims);
// a / b where b divides a as a polynomial.
std::optional<Dim> exact_div(const Dim& a, const Dim& b);

// Whether d has no value whatever the symbols are: it overflows, or divides by a number below 1.
bool has_no_value(const Dim& d);

// Calls f for every atom of d, those inside others too.
void each_atom(const Dim& d, const std::function<void(const Atom&)>& f);
bool uses_loop(const Dim& d, LoopId loop);
// Replaces atoms for which f gives a Dim, innermost first.
Dim substitute(const Dim& d, const std::function<std::optional<Dim>(const Atom&)>& f);
Dim substitute_symbols(const Dim& d, const std::map<std::string, Dim>& values);

// What simplify may assume of a symbol or loop (it derives the rest): lo <= atom <= hi, both inclusive,
// hi may be symbolic or unknown.
struct DimRange {
  Dim lo = 0;
  std::optional<Dim> hi = std::nullopt;
};
using RangeOf = std::function<DimRange(const Atom&)>;

// False where no values of the symbols make them equal.
bool can_equal(const Dim& a, const Dim& b, const RangeOf& range);
// Whether an axis of extent `in` that is broadcast to `out` has to be 1: it is never as long as `out`, or 1
// at most where `out` may be longer.
bool repeats(const Dim& in, const Dim& out, const RangeOf& range);

// Whether d >= 0 follows from the ranges; false: not shown.
bool proven_nonnegative(const Dim& d, const RangeOf& range);
// Removes divisions and remainders that the ranges decide: (h * 64 + d) floordiv 64 = h for 0 <= d < 64.
Dim simplify(const Dim& d, const RangeOf& range);

// "batch * 64 + 1", "s0 floordiv 2", "max(a, b)"; loops print as "i3".
std::string to_text(const Dim& d);
std::string to_text(const Vec<Dim>& dims);
// Reads what to_text prints, and `ceildiv`. Names are [A-Za-z_][A-Za-z0-9_.:/-]* unless quoted with "".
Result<Dim> parse_dim(std::string_view text);

// The value of d with every symbol given; nullopt where one is missing or a divisor is not positive.
std::optional<int64_t> evaluate(const Dim& d, const std::map<std::string, int64_t>& symbols);

}  // namespace rlx
