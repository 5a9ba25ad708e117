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
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "support/ids.h"
#include "support/result.h"

namespace rlx {

// What a tensor's bytes, and so its extents and indexes, stay below: more than a 64-bit address space
// holds, and far enough from overflow for sums of them.
inline constexpr int64_t kMostBytes = int64_t{1} << 47;

struct Atom;
struct Term;

class Dim {
 public:
  Dim() = default;
  Dim(int64_t constant);
  Dim(int constant);
  static Dim symbol(std::string_view name);
  static Dim loop(LoopId id);
  static Dim atom(Atom a);
  // The sum of terms in any order, like ones too; nullopt on overflow.
  static std::optional<Dim> sum(Vec<Term> terms);
  // What arithmetic gives that leaves int64_t.
  static Dim overflow();
  bool is_overflow() const;

  // The value where it is one.
  std::optional<int64_t> constant() const;
  bool is(int64_t value) const { return constant() == value; }
  // The single loop that this is, alone and with factor 1.
  std::optional<LoopId> as_loop() const;
  std::optional<std::string> as_symbol() const;
  const Vec<Term>& terms() const { return terms_; }

  std::strong_ordering operator<=>(const Dim& o) const;
  bool operator==(const Dim& o) const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  // For operands that nobody has bounded: nullopt on overflow.
  friend std::optional<Dim> checked_add(const Dim& a, const Dim& b);
  friend std::optional<Dim> checked_mul(const Dim& a, const Dim& b);

 private:
  // Of higher degree first, then by factors; no coefficient is 0, but for the one of overflow().
  Vec<Term> terms_;
};

// One factor of a term.
struct Atom {
  enum class Kind : uint8_t { kSymbol, kLoop, kFloorDiv, kMod, kMin, kMax };

  Kind kind = Kind::kSymbol;
  std::string symbol = {};
  LoopId loop = {};
  // The two operands of floordiv, mod, min, max.
  Vec<Dim> args = {};

  std::strong_ordering operator<=>(const Atom& o) const;
  bool operator==(const Atom& o) const;
};

// coefficient * product of factors; no factors: a constant.
struct Term {
  int64_t coefficient = 0;
  Vec<Atom> factors = {};

  std::strong_ordering operator<=>(const Term& o) const;
  bool operator==(const Term& o) const;
};

inline Dim::Dim(int constant) : Dim(static_cast<int64_t>(constant)) {}

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
