#include "plan/views.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/tellers.h"
#include "plan/box_copy.h"

namespace rlx {

std::optional<View> Views::of(ValueId v) const {
  std::optional<View> at = direct_[v.index];
  while (at && contains(at->container)) {
    const View& outer = *direct_[at->container.index];
    for (size_t axis = 0; axis < at->start.size(); ++axis) {
      at->start[axis] = at->start[axis] + outer.start[axis];
    }
    at->container = outer.container;
  }
  return at;
}

void Views::add(ValueId v, View view) {
  has_parts_[view.container.index] = true;
  direct_[v.index] = std::move(view);
}

namespace {

bool is_all_zero(const Vec<Dim>& start) {
  return std::ranges::all_of(start, [](const Dim& d) { return d.is(0); });
}

class ViewFinder {
 public:
  ViewFinder(Vec<Unit>& units, const Graph& g)
      : units_(units),
        g_(g),
        symbols_(g.symbol_ranges()),
        views_(g.values.size()),
        is_kept_(kept_values(g)) {
    for (size_t u = 0; u < units_.size(); ++u) {
      if (!has_product(units_[u].kernel)) continue;
      for (const Arg& a : units_[u].kernel.args) products_[a.value].push_back(u);
    }
  }

  // The last concatenation first: it holds those before it.
  Views run() {
    for (size_t u = units_.size(); u-- > 0;) visit(units_[u].kernel);
    std::erase_if(units_, is_gone);
    return std::move(views_);
  }

 private:
  void visit(Kernel& k) {
    const Vec<BoxCopy> copies = box_copies_of(k);
    if (copies.empty()) return;
    std::set<size_t> gone;
    for (size_t first = 0; first < copies.size(); ++first) {
      const ValueId to = copies[first].to;
      const bool seen = std::any_of(copies.begin(), copies.begin() + static_cast<ptrdiff_t>(first),
                                    [&](const BoxCopy& c) { return c.to == to; });
      if (!seen) take(k, to, copies, gone);
    }
    remove_stages(k, gone);
  }

  // Removes what it can of the copies to this value.
  void take(const Kernel& k, ValueId to, const Vec<BoxCopy>& all, std::set<size_t>& gone) {
    Vec<Vec<BoxCopy>> parts;
    size_t stages = 0;
    for (const BoxCopy& c : all) {
      if (c.to != to) continue;
      ++stages;
      auto same = [&](const Vec<BoxCopy>& p) {
        return p[0].from == c.from && p[0].shift() == c.shift();
      };
      auto part = std::ranges::find_if(parts, same);
      if (part == parts.end()) part = parts.insert(part, Vec<BoxCopy>());
      part->push_back(c);
    }
    const bool is_all = stages == writes_of(k, to);
    if (is_all && (lies_in_operand(parts) || lies_beside(to, parts))) {
      for (const Vec<BoxCopy>& p : parts) note(p, gone);
      return;
    }
    for (const Vec<BoxCopy>& p : parts) {
      if (holds(to, p)) note(p, gone);
    }
  }

  static void note(const Vec<BoxCopy>& part, std::set<size_t>& gone) {
    for (const BoxCopy& c : part) gone.insert(c.stage);
  }

  static size_t writes_of(const Kernel& k, ValueId v) {
    size_t writes = 0;
    for (const Stage& s : k.stages) {
      for (const Access& a : s.writes) writes += is_of(k, a, v);
    }
    return writes;
  }

  // A slice: all of it is a box of one operand.
  bool lies_in_operand(const Vec<Vec<BoxCopy>>& parts) {
    const BoxCopy& c = parts[0][0];
    if (parts.size() != 1 || parts[0].size() != 1) return false;
    if (!is_all_zero(c.to_start) || c.shape != shape_of(c.to)) return false;
    return lay(c.to, {c.from, c.from_start});
  }

  // Parts that lie in one value already as they would lie in this one.
  bool lies_beside(ValueId v, const Vec<Vec<BoxCopy>>& parts) {
    std::optional<View> common;
    for (const Vec<BoxCopy>& p : parts) {
      std::optional<View> at = views_.of(p[0].from);
      if (!at || !reads_all(p, shape_of(p[0].from))) return false;
      const Vec<Dim> shift = p[0].shift();
      for (size_t axis = 0; axis < shift.size(); ++axis) {
        at->start[axis] = at->start[axis] - shift[axis];
      }
      if (common && (common->container != at->container || common->start != at->start)) {
        return false;
      }
      common = std::move(at);
    }
    return lay(v, std::move(*common));
  }

  // A concatenation: all of the part becomes a box of it.
  bool holds(ValueId v, const Vec<BoxCopy>& part) {
    const ValueId from = part[0].from;
    if (g_[from].def.kind != ValueDef::Kind::kNode) return false;
    return reads_all(part, shape_of(from)) && lay(from, {v, part[0].shift()});
  }

  bool lay(ValueId v, View view) {
    if (is_kept_[v.index] || views_.contains(v)) return false;
    const std::optional<View> outer = views_.of(view.container);
    if (view.container == v || (outer && outer->container == v)) return false;
    const ValueDef::Kind kind = g_[view.container].def.kind;
    if (kind == ValueDef::Kind::kConstant || kind == ValueDef::Kind::kDims) return false;
    if (is_crossed(v, outer ? outer->container : view.container)) return false;
    const Box box{view.start, shape_of(v)};
    if (!is_inside(box, shape_of(view.container), symbols_)) return false;
    if (is_sized_later(view.container, v)) return false;
    views_.add(v, std::move(view));
    return true;
  }

  // Whether a product reads one of them and writes the other, of which its algorithm may write elements twice.
  bool is_crossed(ValueId v, ValueId container) const {
    auto found = products_.find(container);
    if (found == products_.end()) return false;
    return std::ranges::any_of(found->second, [&](size_t u) {
      const Arg *part = arg_of(units_[u].kernel, v), *whole = arg_of(units_[u].kernel, container);
      return part && whole && part->written != whole->written;
    });
  }

  // Whether the run tells of the container what v, which may be made before that, does not speak of.
  bool is_sized_later(ValueId container, ValueId v) const {
    Vec<SymbolName> known;
    for (const Dim& d : shape_of(v)) each_symbol(d, [&](SymbolName s) { known.push_back(s); });
    bool later = false;
    for (const Dim& d : shape_of(container)) {
      each_symbol(d, [&](SymbolName name) {
        const Symbol* s = g_.find_symbol(name);
        const bool told = s && s->source == Symbol::Source::kData;
        later = later || (told && std::ranges::count(known, name) == 0);
      });
    }
    return later;
  }

  const Vec<Dim>& shape_of(ValueId v) const { return g_[v].type.shape; }

  Vec<Unit>& units_;
  const Graph& g_;
  RangeOf symbols_;
  Views views_;
  // By value.
  Vec<bool> is_kept_;
  // Units with a product that read or write the value.
  std::map<ValueId, Vec<size_t>> products_;
};

}  // namespace

namespace {

// The arguments of a loop's body but the number of the trip and the condition.
Values carried_in(const Region& body) { return {body.arguments.begin() + 2, body.arguments.end()}; }

}  // namespace

void lay_results(Views& views, const Vec<Unit>& units, const Graph& g) {
  for (const Unit& u : units) {
    for (const RegionId r : u.regions) {
      const Region& region = g[r];
      const Values& outputs = g[u.nodes[0]].outputs;
      const Values results = region.is_loop_body() ? carried_in(region) : region.results;
      for (size_t i = 0; i < results.size(); ++i) {
        const Vec<Dim>& shape = g[outputs[i]].type.shape;
        if (!are_same(g, g[results[i]].type.shape, shape)) continue;
        views.add(results[i], {outputs[i], Vec<Dim>(shape.size(), 0)});
      }
    }
  }
}

Views take_views(Vec<Unit>& units, const Graph& g) { return ViewFinder(units, g).run(); }

std::optional<Kernel> left_by_views(const Kernel& k, const Graph& g) {
  if (box_copies_of(k).empty()) return std::nullopt;
  Vec<Unit> units = {{k, {}}};
  ViewFinder(units, g).run();
  return units.empty() ? Kernel{.name = k.name} : std::move(units[0].kernel);
}

}  // namespace rlx
