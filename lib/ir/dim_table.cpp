// The names, factors and nodes that Dims are made of, each held once.
#include "ir/dim.h"
#include "support/intern.h"

namespace rlx {

// ---- Hashes: where something lies in a table, and nothing else ---------------------------------

namespace {

uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  return hash ^ (hash >> 32);
}

uint64_t address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

}  // namespace

struct DimHash {
  static uint64_t of(std::span<const Atom> atoms) {
    uint64_t hash = 1;
    for (const Atom& a : atoms) {
      hash = mixed(hash, static_cast<uint64_t>(a.kind) << 32 | a.loop.index);
      hash = mixed(hash, address(a.symbol.text_));
      for (const Dim& arg : a.args) hash = mixed(hash, arg.bits_);
    }
    return hash;
  }

  static uint64_t of(std::span<const Term> terms) {
    uint64_t hash = 1;
    for (const Term& t : terms) {
      hash = mixed(hash, static_cast<uint64_t>(t.coefficient));
      hash = mixed(hash, address(t.factors.atoms_));
    }
    return hash;
  }
};

// ---- Names ------------------------------------------------------------------------------------

namespace {

struct HeldName {
  explicit HeldName(std::string_view name) : text(name) {}
  bool holds(std::string_view name) const { return text == name; }

  std::string text;
};

constinit InternTable<HeldName, std::string_view> held_names;

}  // namespace

SymbolName::SymbolName(std::string_view text) {
  if (text.empty()) return;
  text_ = &held_names.find_or_add(std::hash<std::string_view>()(text), text)->text;
}

const std::string& SymbolName::text() const {
  static const std::string empty;
  return text_ ? *text_ : empty;
}

// ---- Factors ----------------------------------------------------------------------------------

namespace {

struct HeldFactors {
  explicit HeldFactors(std::span<const Atom> sorted) : atoms(sorted.begin(), sorted.end()) {}
  bool holds(std::span<const Atom> sorted) const { return std::ranges::equal(atoms, sorted); }

  Vec<Atom> atoms;
};

constinit InternTable<HeldFactors, std::span<const Atom>> held_factors;

}  // namespace

Factors::Factors(std::span<const Atom> sorted) {
  if (sorted.empty()) return;
  atoms_ = &held_factors.find_or_add(DimHash::of(sorted), sorted)->atoms;
}

// ---- Dims -------------------------------------------------------------------------------------

namespace {

constinit InternTable<DimNode, std::span<const Term>> held_dims;

}  // namespace

static_assert(sizeof(uint64_t) == sizeof(const DimNode*) && alignof(DimNode) > 1);

DimNode::DimNode(std::span<const Term> all) : terms(all.begin(), all.end()) {
  for (const Term& t : all) {
    ++size;
    for (const Atom& a : t.factors) {
      ++size;
      loops |= a.kind == Atom::Kind::kLoop;
      operators |= !a.args.empty();
      for (const Dim& arg : a.args) {
        size += arg.size();
        loops |= arg.has_loops();
      }
    }
  }
}

Dim Dim::of(std::span<const Term> terms) {
  if (terms.empty()) return 0;
  if (terms.size() == 1 && terms[0].factors.empty()) return terms[0].coefficient;
  Dim d;
  d.bits_ = address(held_dims.find_or_add(DimHash::of(terms), terms));
  return d;
}

uint64_t Dim::large_bits(int64_t c) {
  const Term term{c};
  const std::span<const Term> terms(&term, 1);
  return address(held_dims.find_or_add(DimHash::of(terms), terms));
}

std::optional<int64_t> Dim::large_constant() const {
  if (is_overflow()) return std::nullopt;
  const Term& first = node()->terms[0];
  return first.factors.empty() ? std::optional(first.coefficient) : std::nullopt;
}

Dim Dim::overflow() {
  Dim d;
  d.bits_ = kOverflow;
  return d;
}

Terms Terms::of_overflow() {
  Terms t(0);
  t.owns_ = true;
  return t;
}

int Dim::size() const {
  if (node()) return node()->size;
  return is(0) ? 0 : 1;
}

}  // namespace rlx
