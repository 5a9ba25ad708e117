#include "ir/dim_text.h"

#include <algorithm>
#include <array>

#include "ir/dim_terms.h"

namespace rlx {
namespace {

using Kind = Atom::Kind;

constexpr std::string_view kNameExtra = ".:/-";
constexpr std::array<std::string_view, 5> kKeywords{"floordiv", "ceildiv", "mod", "min", "max"};

// The loop that the name stands for: "i3".
std::optional<LoopId> loop_named(std::string_view name) {
  if (name.size() < 2 || name[0] != 'i' || name.size() > 10) return std::nullopt;
  uint64_t index = 0;
  for (const char c : name.substr(1)) {
    if (c < '0' || c > '9') return std::nullopt;
    index = index * 10 + static_cast<uint64_t>(c - '0');
  }
  return index < LoopId::kNone ? std::optional(LoopId(index)) : std::nullopt;
}

bool is_keyword(std::string_view name) {
  return std::find(kKeywords.begin(), kKeywords.end(), name) != kKeywords.end();
}

// The name at the cursor without quotes, not taken; // ends it, being a division.
std::string_view plain_name(Cursor in) {
  const char first = in.peek();
  if ((first >= '0' && first <= '9') || kNameExtra.find(first) != std::string_view::npos) return {};
  const std::string_view run = in.run_of(kNameExtra);
  return run.substr(0, run.find("//"));
}

}  // namespace

std::string symbol_text(const std::string& name) {
  const bool plain = !name.empty() && plain_name(Cursor(name)) == name;
  return plain && !is_keyword(name) && !loop_named(name) ? name : quoted(name);
}

namespace {

// ---- Printing ---------------------------------------------------------------------------------

std::string operand_text(const Dim& d) {
  const bool simple = d.constant().value_or(-1) >= 0 || d.as_symbol() || d.as_loop();
  return simple ? to_text(d) : "(" + to_text(d) + ")";
}

std::string call_text(std::string_view name, const Operands& args) {
  return std::string(name) + "(" + to_text(args[0]) + ", " + to_text(args[1]) + ")";
}

std::string infix_text(std::string_view name, const Operands& args) {
  return operand_text(args[0]) + " " + std::string(name) + " " + operand_text(args[1]);
}

std::string atom_text(const Atom& a) {
  switch (a.kind) {
    case Kind::kSymbol: return symbol_text(a.symbol);
    case Kind::kLoop: return "i" + std::to_string(a.loop.index);
    case Kind::kFloorDiv: return infix_text("floordiv", a.args);
    case Kind::kMod: return infix_text("mod", a.args);
    case Kind::kMin: return call_text("min", a.args);
    case Kind::kMax: return call_text("max", a.args);
  }
  return {};
}

std::string factor_text(const Atom& a) {
  const bool infix = a.kind == Kind::kFloorDiv || a.kind == Kind::kMod;
  return infix ? "(" + atom_text(a) + ")" : atom_text(a);
}

// The factors, then the coefficient where it is not 1.
std::string product_text(const Factors& factors, const std::string& coefficient) {
  std::string out;
  for (const Atom& a : factors) out += (out.empty() ? "" : " * ") + factor_text(a);
  if (out.empty()) return coefficient;
  return coefficient == "1" ? out : out + " * " + coefficient;
}

void append_term(std::string& out, const Term& t) {
  // The magnitude of INT64_MIN is no int64_t, so that the sign stays with it.
  const bool minus = t.coefficient < 0 && t.coefficient != INT64_MIN;
  if (!out.empty()) out += minus ? " - " : " + ";
  if (out.empty() && minus) out += "-";
  out += product_text(t.factors, std::to_string(minus ? -t.coefficient : t.coefficient));
}

}  // namespace

std::string to_text(const Dim& d) {
  if (auto c = d.constant()) return std::to_string(*c);
  if (d.is_overflow()) return "overflow";
  const Term first = d.terms()[0];
  const bool lone = first.coefficient == 1 && first.factors.size() == 1;
  std::string out = lone ? atom_text(first.factors[0]) : std::string();
  for (size_t i = lone ? 1 : 0; i < d.terms().size(); ++i) append_term(out, d.terms()[i]);
  return out;
}

std::string to_text(const Vec<Dim>& dims) {
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) out += (i == 0 ? "" : ", ") + to_text(dims[i]);
  return out + "]";
}

// ---- Parsing ----------------------------------------------------------------------------------

namespace {

// What a text may at most ask of the parser: it may come from anywhere.
constexpr int kMaxDimDepth = 64;
constexpr int kMaxFactors = 1024;
constexpr size_t kMaxTerms = 256;
constexpr size_t kMaxDegree = 64;

// sum     = product { (+ | -) product }
// product = factor { (* | floordiv | // | ceildiv | mod | %) factor }
//           // and % on the line of what they divide: comments and names of values begin with them
// factor  = - factor | number | name | "name" | (min | max) ( sum , sum ) | ( sum )
class DimParser {
 public:
  explicit DimParser(Cursor& in) : in_(in) {}

  Result<Dim> sum() {
    RLX_TRY(Dim total, product());
    while (true) {
      if (in_.eat("+")) {
        RLX_TRY(const Dim next, product());
        RLX_TRY(total, bounded(checked_add(total, next)));
      } else if (in_.eat("-")) {
        RLX_TRY(const Dim next, product());
        RLX_TRY(total, bounded(dims::checked_sub(total, next)));
      } else {
        return total;
      }
    }
  }

 private:
  Result<Dim> product() {
    RLX_TRY(Dim total, factor());
    while (true) {
      if (in_.eat("floordiv") || in_.eat_here("//")) {
        RLX_TRY(const Dim divisor, this->divisor());
        total = floor_div(total, divisor);
      } else if (in_.eat("ceildiv")) {
        RLX_TRY(const Dim divisor, this->divisor());
        RLX_TRY(total, ceiling(total, divisor));
      } else if (in_.eat("mod") || in_.eat_here("%")) {
        RLX_TRY(const Dim divisor, this->divisor());
        total = mod(total, divisor);
      } else if (in_.eat("*")) {
        RLX_TRY(const Dim next, factor());
        RLX_TRY(total, bounded(checked_mul(total, next)));
      } else {
        return total;
      }
    }
  }

  Result<Dim> factor() {
    if (++factors_ > kMaxFactors) return in_.error("this extent is too long");
    const char first = in_.peek();
    if (first >= '0' && first <= '9') return number();
    if (first == '-') return negative();
    if (first == '"') return quoted_name();
    if (first == '(') return enclosed();
    return name();
  }

  Result<Dim> number() {
    RLX_TRY(const int64_t value, in_.integer());
    return Dim(value);
  }

  // The lowest number has no positive counterpart, so that a sign goes with the digits.
  Result<Dim> negative() {
    Cursor after = in_;
    after.eat("-");
    const char digit = after.peek();
    if (digit >= '0' && digit <= '9') return number();
    in_ = after;
    if (++depth_ > kMaxDimDepth) return in_.error("this extent is nested too deep");
    RLX_TRY(const Dim d, factor());
    --depth_;
    return bounded(checked_mul(d, -1));
  }

  Result<Dim> quoted_name() {
    RLX_TRY(const std::string name, in_.string());
    return Dim::symbol(name);
  }

  Result<Dim> enclosed() {
    if (++depth_ > kMaxDimDepth) return in_.error("this extent is nested too deep");
    RLX_TRY_VOID(in_.expect("("));
    RLX_TRY(Dim d, sum());
    RLX_TRY_VOID(in_.expect(")"));
    --depth_;
    return d;
  }

  Result<Dim> name() {
    const std::string_view name = plain_name(in_);
    if (name.empty()) return in_.error("an extent is missing here");
    if (name == "min" || name == "max") return extremum(name);
    if (is_keyword(name)) return in_.error("an operand is missing here");
    in_.eat(name);
    if (auto loop = loop_named(name)) return Dim::loop(*loop);
    return Dim::symbol(name);
  }

  Result<Dim> extremum(std::string_view name) {
    if (++depth_ > kMaxDimDepth) return in_.error("this extent is nested too deep");
    in_.eat(name);
    RLX_TRY_VOID(in_.expect("("));
    RLX_TRY(const Dim a, sum());
    RLX_TRY_VOID(in_.expect(","));
    RLX_TRY(const Dim b, sum());
    RLX_TRY_VOID(in_.expect(")"));
    --depth_;
    return name == "min" ? min(a, b) : max(a, b);
  }

  Result<Dim> divisor() {
    RLX_TRY(Dim d, factor());
    if (d.constant().value_or(1) <= 0) return in_.error("the divisor of an extent is not positive");
    return d;
  }

  Result<Dim> ceiling(const Dim& a, const Dim& b) {
    auto sum = checked_add(a, b);
    auto numerator = sum ? checked_add(*sum, -1) : std::nullopt;
    RLX_TRY(const Dim d, bounded(std::move(numerator)));
    return floor_div(d, b);
  }

  Result<Dim> bounded(std::optional<Dim> d) {
    if (!d) return in_.error("this extent does not fit 64 bits");
    const bool small =
        d->terms().size() <= kMaxTerms && (d->is(0) || d->terms()[0].factors.size() <= kMaxDegree);
    if (!small) return in_.error("this extent is too long");
    return std::move(*d);
  }

  Cursor& in_;
  int depth_ = 0;
  int factors_ = 0;
};

}  // namespace

Result<Dim> parse_dim(Cursor& in) { return DimParser(in).sum(); }

Result<std::string> parse_symbol(Cursor& in) {
  if (in.next_is("\"")) return in.string();
  std::string name(plain_name(in));
  if (name.empty() || is_keyword(name) || loop_named(name)) {
    return in.error("a symbol's name is missing here");
  }
  in.eat(name);
  return name;
}

Result<Vec<Dim>> parse_dims(Cursor& in) {
  Vec<Dim> dims;
  RLX_TRY_VOID(in.expect("["));
  if (in.eat("]")) return dims;
  do {
    RLX_TRY(Dim d, parse_dim(in));
    dims.push_back(std::move(d));
  } while (in.eat(","));
  RLX_TRY_VOID(in.expect("]"));
  return dims;
}

Result<Dim> parse_dim(std::string_view text) {
  Cursor in(text);
  RLX_TRY(Dim d, parse_dim(in));
  if (!in.done()) return in.error("this extent goes on unexpectedly");
  return d;
}

}  // namespace rlx
