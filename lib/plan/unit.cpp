#include "plan/unit.h"

#include <algorithm>

namespace rlx {

bool is_gone(const Unit& u) { return u.kernel.stages.empty() && !u.is_control; }

const Arg* arg_of(const Kernel& k, ValueId v) {
  for (const Arg& a : k.args) {
    if (a.value == v) return &a;
  }
  return nullptr;
}

bool is_of(const Kernel& k, const Access& a, ValueId v) {
  return a.of == Access::Of::kArg && k.args[a.tensor].value == v;
}

bool reads(const Kernel& k, ValueId v) {
  for (const Stage& s : k.stages) {
    for (const Access& a : s.reads) {
      if (is_of(k, a, v)) return true;
    }
  }
  return false;
}

bool is_product(const Stage& s) { return s.kind() == Kind::kContract || s.kind() == Kind::kConv; }

bool has_product(const Kernel& k) { return std::ranges::any_of(k.stages, is_product); }

bool is_affine(const Access& a) {
  return std::ranges::all_of(a.index, [](const AxisIndex& i) {
    bool affine = !i.expr;
    each_atom(i.dim, [&](const Atom& atom) {
      affine &= atom.kind == Atom::Kind::kLoop || atom.kind == Atom::Kind::kSymbol;
    });
    return affine;
  });
}

bool is_even(const Stage& product, const Access& a) {
  const Vec<LoopId>& batch = product.contract().batch;
  const auto is_free = [&](const Dim& part) {
    bool free = true;
    each_atom(part, [&](const Atom& x) {
      free &= x.kind != Atom::Kind::kLoop || std::ranges::count(batch, x.loop) != 0;
    });
    return free;
  };
  return std::ranges::all_of(a.index, [&](const AxisIndex& i) {
    bool even = !i.expr;
    each_atom(i.dim, [&](const Atom& x) {
      if (x.kind == Atom::Kind::kLoop || x.kind == Atom::Kind::kSymbol) return;
      even &= std::ranges::all_of(x.args, is_free);
    });
    return even;
  });
}

uint32_t find_or_add_arg(Kernel& k, const Arg& like) {
  for (size_t i = 0; i < k.args.size(); ++i) {
    if (k.args[i].value != like.value) continue;
    k.args[i].written |= like.written;
    return static_cast<uint32_t>(i);
  }
  k.args.push_back(like);
  return static_cast<uint32_t>(k.args.size() - 1);
}

}  // namespace rlx
