#include "backend/common/ref.h"

#include <algorithm>

namespace rlx::backend {
namespace {

using Rule = Bounds::Rule;

// Lower than any index that means something, high enough for arithmetic.
constexpr int64_t kAnyIndex = -(int64_t{1} << 31);

Dim clamped(const Dim& x, const Dim& extent) { return min(max(x, 0), extent - 1); }

// ..., 2, 1, 0, 1, 2, ..., extent - 1, extent - 2, ...
Dim reflected(const Dim& x, const Dim& extent) {
  const Dim period = max(extent * 2 - 2, 1);
  const Dim folded = mod(x, period);
  return min(folded, extent * 2 - 2 - folded);
}

int checked_axes(const Access& a) {
  int n = 0;
  for (const Bounds& b : a.bounds) n += b.rule == Rule::kChecked;
  return n;
}

int checked_axes(const Stage& s) {
  int n = 0;
  for (const Access& a : s.reads) n += checked_axes(a);
  for (const Access& a : s.writes) n += checked_axes(a);
  return n;
}

// Resolves the accesses of one stage, in order.
class Resolver {
 public:
  Resolver(const Kernel& k, const Stage& s, const RefOptions& options)
      : kernel_(k), options_(options), next_loop_(k.loop_count) {
    for (const Stage& earlier : k.stages) {
      if (&earlier == &s) break;
      next_site_ += checked_axes(earlier);
    }
    const RangeOf loops = loop_ranges(k, &s);
    const uint32_t first_expr = k.loop_count;
    range_ = [loops, first_expr](const Atom& a) {
      const bool expr = a.kind == Atom::Kind::kLoop && a.loop.index >= first_expr;
      return expr ? DimRange{.lo = kAnyIndex} : loops(a);
    };
  }

  Ref resolve(const Access& a) {
    const bool local = a.of == Access::Of::kLocal;
    Ref r{.of = a.of, .tensor = a.tensor, .combine = a.combine};
    if (local && in_register(kernel_.locals[a.tensor])) {
      r.dtype = kernel_.locals[a.tensor].dtype;
      r.in_register = true;
      r.stride = 0;
      return r;
    }
    if (local) {
      const Local& l = kernel_.locals[a.tensor];
      resolve_in(r, a, local_storage(l));
      if (options_.locals_per_lane && l.carry.empty()) spread_over_lanes(r);
    } else {
      resolve_in(r, a, kernel_.args[a.tensor]);
    }
    return r;
  }

 private:
  void resolve_in(Ref& r, const Access& a, const Arg& arg) {
    r.dtype = arg.dtype;
    Access plain = a;
    for (size_t axis = 0; axis < a.index.size(); ++axis) {
      AxisIndex& index = plain.index[axis];
      if (index.expr) index = {.dim = expr_index(r, index, arg.shape[axis])};
    }
    const bool filled = covered_by_halo(plain, arg, range_);
    Access inside = plain;
    for (size_t axis = 0; axis < a.index.size(); ++axis) {
      if (filled && a.bounds[axis].rule == Rule::kFill) continue;
      inside.index[axis].dim = bounded(r, plain.index[axis].dim, arg.shape[axis], a.bounds[axis]);
    }
    set_address(r, address_of(inside, arg, range_));
    prefer_masks(r, plain, inside, arg);
    set_padding(r, plain, arg);
  }

  Dim expr_index(Ref& r, const AxisIndex& index, const Dim& extent) {
    const LoopId loop(next_loop_++);
    r.exprs.push_back({loop, *index.expr, std::nullopt});
    if (index.from_end) r.exprs.back().from_end = extent;
    return Dim::loop(loop);
  }

  // The index to use for x; guards say where that is not x.
  Dim bounded(Ref& r, const Dim& x, const Dim& extent, const Bounds& bounds) {
    switch (bounds.rule) {
      case Rule::kProven: return x;
      case Rule::kChecked:
        r.guards.push_back({.index = x, .extent = extent, .site = next_site_++});
        return clamped(x, extent);
      case Rule::kFill:
        r.guards.push_back({.index = x, .extent = extent, .fill = bounds.fill});
        return clamped(x, extent);
      case Rule::kClamp: return clamped(x, extent);
      case Rule::kReflect: return reflected(x, extent);
      case Rule::kWrap: return mod(x, max(extent, 1));
    }
    return x;
  }

  void set_address(Ref& r, Dim address) {
    r.address = std::move(address);
    r.stride = 0;
    if (options_.lanes > 1) r.stride = lane_stride(r.address, options_.lane_loop, options_.lanes);
  }

  // Where clamping breaks a contiguous run of lanes, masks keep it whole. An index that is the same in all
  // lanes stays clamped.
  void prefer_masks(Ref& r, const Access& plain, const Access& inside, const Arg& arg) {
    if (options_.lanes == 1 || r.contiguous() || r.uniform() || !r.exprs.empty()) return;
    if (!masks_can_fill(r, plain)) return;
    Access raw = inside;
    Ref masked = r;
    // Each axis with a fill has a guard.
    for (size_t axis = 0, guard = 0; axis < plain.index.size(); ++axis) {
      if (plain.bounds[axis].rule != Rule::kFill) continue;
      const Dim& index = plain.index[axis].dim;
      Guard& g = masked.guards[guard++];
      g.masked = uses_loop(index, options_.lane_loop);
      if (g.masked) raw.index[axis].dim = index;
    }
    set_address(masked, address_of(raw, arg, range_));
    if (masked.contiguous()) r = std::move(masked);
  }

  static bool has_mask(const Ref& r) {
    return std::any_of(r.guards.begin(), r.guards.end(), [](const Guard& g) { return g.masked; });
  }

  static bool masks_can_fill(const Ref& r, const Access& plain) {
    auto fills = [](const Bounds& b) { return b.rule == Rule::kProven || b.rule == Rule::kFill; };
    auto same = [&](const Guard& g) { return g.fill == r.guards[0].fill; };
    return !r.guards.empty() && std::all_of(plain.bounds.begin(), plain.bounds.end(), fills) &&
           std::all_of(r.guards.begin(), r.guards.end(), same);
  }

  // Padding without a stated fill may be touched in locals alone.
  void set_padding(Ref& r, const Access& plain, const Arg& arg) {
    if (!r.contiguous() || has_mask(r)) return;
    if (r.of == Access::Of::kArg && !arg.storage.fill) return;
    const LoopId v = options_.lane_loop;
    for (size_t axis = 0; axis < plain.index.size(); ++axis) {
      const Dim& index = plain.index[axis].dim;
      if (!uses_loop(index, v)) continue;
      if (index.as_loop() != v) return;
      r.whole = holds_whole_vectors(arg, static_cast<int>(axis));
      if (r.whole) r.padding = arg.storage.fill;
    }
  }

  // Whether lanes that pass the axis's end stay in its padding.
  bool holds_whole_vectors(const Arg& arg, int axis) const {
    auto a = static_cast<size_t>(axis);
    DimRange loop = range_(Dim::loop(options_.lane_loop).terms()[0].factors[0]);
    if (!loop.hi || *loop.hi + 1 != arg.shape[a]) return false;
    const Dim vectors = ceil_div(arg.shape[a], options_.lanes) * options_.lanes;
    const Dim room = padded_extent(arg.storage, arg.shape, axis) - arg.storage.padding[a].lo;
    return proven_nonnegative(room - vectors, range_);
  }

  // Each lane has an element of its own, beside those of the other lanes.
  void spread_over_lanes(Ref& r) {
    const bool varies = uses_loop(r.address, options_.lane_loop);
    r.address = r.address * options_.lanes;
    r.stride = 1;
    r.whole = true;
    if (!varies) return;
    r.address = r.address + mod(Dim::loop(options_.lane_loop), options_.lanes);
    r.stride = std::nullopt;
  }

  const Kernel& kernel_;
  const RefOptions& options_;
  uint32_t next_loop_;
  int next_site_ = 0;
  RangeOf range_;
};

}  // namespace

StageRefs resolve(const Kernel& k, const Stage& s, const RefOptions& options) {
  Resolver resolver(k, s, options);
  StageRefs refs{&s, {}, {}};
  for (const Access& a : s.reads) refs.reads.push_back(resolver.resolve(a));
  for (const Access& a : s.writes) refs.writes.push_back(resolver.resolve(a));
  return refs;
}

bool in_register(const Local& l) { return l.shape.empty() && l.carry.empty(); }

Arg local_storage(const Local& l) {
  Arg arg;
  arg.dtype = l.dtype;
  arg.shape = l.shape;
  arg.written = true;
  arg.storage = Storage::row_major(static_cast<int>(l.shape.size()));
  if (!arg.storage.padding.empty()) arg.storage.padding.back().multiple = kRowMultiple;
  return arg;
}

RangeOf loop_ranges(const Kernel& k, const Stage* s) {
  return ranges_of(k, s, [](const Atom&) { return DimRange{}; });
}

Vec<image::Site> sites_of(const Kernel& k) {
  Vec<image::Site> sites;
  auto add = [&](const Stage& s, const Access& a) {
    for (size_t axis = 0; axis < a.bounds.size(); ++axis) {
      if (a.bounds[axis].rule != Rule::kChecked) continue;
      std::string node = s.origin.empty() ? s.name : s.origin.front();
      sites.push_back({std::move(node), "index out of range of axis " + std::to_string(axis)});
    }
  };
  for (const Stage& s : k.stages) {
    for (const Access& a : s.reads) add(s, a);
    for (const Access& a : s.writes) add(s, a);
  }
  return sites;
}

}  // namespace rlx::backend
