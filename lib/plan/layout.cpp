#include "plan/layout.h"

#include <algorithm>
#include <map>

#include "plan/in_place.h"

namespace rlx {
namespace {

// One storage for both readers, if their orders and fills agree.
std::optional<Storage> widened(const Storage& a, const Storage& b) {
  if (a.dims != b.dims) return std::nullopt;
  if (a.fill && b.fill && a.fill != b.fill) return std::nullopt;
  Storage out = a.fill ? a : b;
  for (size_t i = 0; i < out.padding.size(); ++i) {
    out.padding[i].lo = std::max(a.padding[i].lo, b.padding[i].lo);
    out.padding[i].hi = std::max(a.padding[i].hi, b.padding[i].hi);
    out.padding[i].multiple = std::max(a.padding[i].multiple, b.padding[i].multiple);
  }
  return out;
}

// The same order of axes without padding.
Storage bare(const Storage& s) {
  Storage out = s;
  for (AxisPadding& p : out.padding) p = {};
  out.fill.reset();
  return out;
}

class Layouter {
 public:
  Layouter(Lir& lir, const Vec<Unit>& units, const Views& views, const Vec<Alternative>& choices,
           bool in_place)
      : lir_(lir),
        g_(lir.graph),
        units_(units),
        views_(views),
        choices_(choices),
        in_place_(in_place),
        copies_(g_.values.size()),
        is_kept_(kept_values(g_)),
        needs_(g_.values.size()) {
    last_reader_.resize(g_.values.size());
    for (size_t u = 0; u < units_.size(); ++u) {
      note_needs(u);
      units_of_[units_[u].region].push_back(u);
      for (const Arg& a : units_[u].kernel.args) {
        if (!a.written) last_reader_[a.value.index] = u;
      }
    }
  }

  void run() {
    for (const ValueId v : g_.inputs()) place(v, Storage::row_major(g_[v].type.rank()));
    for (const State& s : lir_.states) begin_state(s);
    enter(Graph::kTop);
    while (!open_.empty()) step();
    for (size_t v = 0; v < copies_.size(); ++v) keep_elements(ValueId(v));
  }

 private:
  // A region that is being laid out: units before `next` are.
  struct Block {
    RegionId region;
    size_t next = 0;
  };

  void enter(RegionId r) { open_.push_back({r}); }

  void step() {
    Block& block = open_.back();
    const Vec<size_t>& units = units_of_[block.region];
    if (block.next == units.size()) return leave();
    const size_t u = units[block.next++];
    lay_out_unit(u);
    if (units_[u].regions.empty()) return;
    owners_.emplace_back(lir_.groups.size() - 1, u);
    enter(units_[u].regions[0]);
  }

  void leave() {
    if (!owners_.empty()) hand_over(owners_.back().second);
    open_.pop_back();
    if (open_.empty()) return;
    const auto [item, u] = owners_.back();
    Vec<uint32_t>& ends = lir_.groups[item].ends;
    ends.push_back(static_cast<uint32_t>(lir_.groups.size()));
    if (ends.size() < units_[u].regions.size()) return enter(units_[u].regions[ends.size()]);
    owners_.pop_back();
  }

  bool is_loop(size_t u) const {
    const Vec<RegionId>& regions = units_[u].regions;
    return !regions.empty() && g_[regions[0]].is_loop_body();
  }

  // What is carried begins where the loop's outputs lie: there the first trip finds it.
  void begin_carrying(size_t u) {
    const Node& loop = g_[units_[u].nodes[0]];
    for (size_t i = 2; i < loop.inputs.size(); ++i) carry(loop.inputs[i], loop.outputs[i - 2]);
  }

  // What a block gives that does not lie where it belongs.
  void hand_over(size_t u) {
    if (is_loop(u)) return carry_on(u);
    const Node& node = g_[units_[u].nodes[0]];
    const Values& results = g_[open_.back().region].results;
    for (size_t i = 0; i < results.size(); ++i) {
      const bool fits = are_same(g_, shape_of(results[i]), shape_of(node.outputs[i]));
      if (!fits) carry(results[i], node.outputs[i]);
    }
  }

  void carry_on(size_t u) {
    const Node& loop = g_[units_[u].nodes[0]];
    const Values& results = g_[loop.regions[0]].results;
    for (size_t i = 2; i < loop.inputs.size(); ++i) carry(results[i - 1], loop.outputs[i - 2]);
  }

  void carry(ValueId from, ValueId to) {
    const uint32_t args[] = {operand(from, {}), copies_[to.index][0]};
    const bool gives = !are_same(g_, shape_of(from), shape_of(to));
    lir_.groups.push_back(
        {.name = (gives ? "give" : "carry") + std::to_string(args[1]), .args = {args[0], args[1]}});
  }

  // Copies what the output holds of the input, before anybody can read it there.
  void begin_state(const State& s) {
    const Storage storage = Storage::row_major(g_[s.input].type.rank());
    const uint32_t output = place(s.output, storage);
    const Vec<Dim> start(g_[s.input].type.shape.size(), 0);
    const uint32_t to = place(s.input, storage, Inside{output, start});
    const uint32_t from = copies_[s.input.index][0];
    lir_.groups.push_back({.name = "append" + std::to_string(to), .args = {from, to}});
  }

  void note_needs(size_t u) {
    const Vec<Arg>& args = units_[u].kernel.args;
    for (size_t a = 0; a < args.size(); ++a) {
      if (const Need& need = choices_[u].needs[a];
          !args[a].written && need.kind == Need::Kind::kLike) {
        note_need(args[a].value, need);
      }
    }
  }

  // What is asked of a box is asked of its container, where that can give it.
  void note_need(ValueId v, const Need& need) {
    const std::optional<View> view = views_.of(v);
    const ValueId holder = view ? view->container : v;
    const Storage& wanted = need.storage;
    if ((view || views_.has_parts(v)) && !wanted.is_plain()) return;
    if (view && storage_of(box_of(v, *view), wanted, shape_of(holder)) != wanted) return;
    needs_[holder.index].push_back(&need);
  }

  uint32_t place(ValueId v, Storage s, std::optional<Inside> inside = std::nullopt) {
    Vec<uint32_t>& copies = copies_[v.index];
    const auto id = static_cast<uint32_t>(lir_.placed.size());
    lir_.placed.push_back({v, static_cast<int>(copies.size()), std::move(s), 0, std::move(inside)});
    made_in_.push_back(open_.empty() ? Graph::kTop : open_.back().region);
    copies.push_back(id);
    return id;
  }

  // In its container, which is placed.
  uint32_t place_view(ValueId v, const View& view) {
    const uint32_t container = copies_[view.container.index][0];
    Storage own =
        storage_of(box_of(v, view), lir_.placed[container].storage, shape_of(view.container));
    return place(v, std::move(own), Inside{container, view.start});
  }

  // Of a constant: dims that are bound later want them (lir/lir.h).
  void keep_elements(ValueId v) {
    const Vec<uint32_t>& copies = copies_[v.index];
    const bool lost = std::ranges::all_of(
        copies, [&](uint32_t id) { return lir_.placed[id].storage.form != Form::kElements; });
    if (!copies.empty() && lost) place(v, Storage::row_major(g_[v].type.rank()));
  }

  void lay_out_unit(size_t u) {
    const Kernel& k = units_[u].kernel;
    Group group{.name = k.name, .nodes = units_[u].nodes, .choice = choices_[u].choice};
    group.args.resize(k.args.size());
    for (size_t a = 0; a < k.args.size(); ++a) {
      if (!k.args[a].written) group.args[a] = operand(k.args[a].value, choices_[u].needs[a]);
    }
    for (size_t a = 0; a < k.args.size(); ++a) {
      if (k.args[a].written) group.args[a] = result(u, a, group.args);
    }
    if (is_loop(u)) begin_carrying(u);
    lir_.groups.push_back(std::move(group));
  }

  // The placed copy of v that a reader with this need reads.
  uint32_t operand(ValueId v, const Need& need) {
    const std::optional<View> view = views_.of(v);
    if (view && copies_[v.index].empty()) place_view(v, *view);
    for (const uint32_t id : copies_[v.index]) {
      if (is_seen(id) && need.is_met_by(lir_.placed[id].storage)) return id;
    }
    Storage wanted = need.wanted(g_[v].type.rank());
    if (g_[v].def.kind == ValueDef::Kind::kConstant) return place(v, std::move(wanted));
    RLX_CHECK(!copies_[v.index].empty(), "a value is read before it is written");
    uint32_t from = copies_[v.index][0];
    uint32_t to = place(v, std::move(wanted));
    lir_.groups.push_back({.name = "copy" + std::to_string(to), .args = {from, to}});
    return to;
  }

  // What a kernel of another block has copied may not be there, or not any more.
  bool is_seen(uint32_t placed) const {
    const Placed& p = lir_.placed[placed];
    return p.copy == 0 || g_.constant_of(p.value) || made_in_[placed] == open_.back().region;
  }

  // Where a unit writes: in a container that is placed with the first part of it, or where one of its operands,
  // which are placed, lies.
  uint32_t result(size_t u, size_t a, const Vec<uint32_t>& placed) {
    const ValueId v = units_[u].kernel.args[a].value;
    const std::optional<View> view = views_.of(v);
    const ValueId holder = view ? view->container : v;
    if (copies_[holder.index].empty()) {
      Storage s = result_storage(holder, u, a);
      std::optional<Inside> inside;
      if (holder == v) inside = replaced(u, a, s, placed);
      place(holder, std::move(s), std::move(inside));
    }
    return view ? place_view(v, *view) : copies_[v.index][0];
  }

  // The operand that result a, in this storage, takes the place of.
  std::optional<Inside> replaced(size_t u, size_t a, const Storage& s,
                                 const Vec<uint32_t>& placed) {
    const Kernel& k = units_[u].kernel;
    const ValueId v = k.args[a].value;
    if (!in_place_ || !choices_[u].writes_once || is_kept_[v.index] || views_.has_parts(v)) {
      return std::nullopt;
    }
    for (size_t i = 0; i < k.args.size(); ++i) {
      const Arg& operand = k.args[i];
      const bool alike = !operand.written && operand.dtype == k.args[a].dtype &&
                         operand.shape == k.args[a].shape && lir_.placed[placed[i]].storage == s;
      if (!alike || !dies(u, placed[i]) || !may_replace(k, i, a)) continue;
      const uint32_t container = container_of(lir_, placed[i]);
      heir_of_[container] = v;
      return Inside{container, Vec<Dim>(operand.shape.size(), 0)};
    }
    return std::nullopt;
  }

  // Whether nobody needs the memory of this operand after unit u, nor another result of it takes it.
  bool dies(size_t u, uint32_t placed) const {
    const Placed& p = lir_.placed[placed];
    const Placed& outer = lir_.placed[container_of(lir_, placed)];
    const bool is_users = outer.copy == 0 && (is_kept_[outer.value.index] ||
                                              g_[outer.value].def.kind != ValueDef::Kind::kNode);
    if (is_users || g_[p.value].def.kind == ValueDef::Kind::kConstant) return false;
    if (views_.contains(p.value) || views_.has_parts(p.value)) return false;
    auto heir = heir_of_.find(container_of(lir_, placed));
    return last_reader_[p.value.index] == u && (heir == heir_of_.end() || heir->second == p.value);
  }

  // Of v, of which the unit writes at least a part.
  Storage result_storage(ValueId v, size_t u, size_t a) const {
    if (is_kept_[v.index]) return Storage::row_major(g_[v].type.rank());
    if (std::optional<Storage> s = wanted_by(needs_[v.index])) return *s;
    const Need& own = choices_[u].needs[a];
    if (own.kind != Need::Kind::kPrefers) return followed(u, a);
    if (!views_.has_parts(v)) return own.storage;
    return own.storage.is_plain() ? bare(own.storage) : followed(u, a);
  }

  Box box_of(ValueId v, const View& view) const { return {view.start, shape_of(v)}; }
  const Vec<Dim>& shape_of(ValueId v) const { return g_[v].type.shape; }

  // The order of an operand of the same shape.
  Storage followed(size_t u, size_t a) const {
    const Kernel& k = units_[u].kernel;
    for (size_t i = 0; i < k.args.size(); ++i) {
      if (k.args[i].written || k.args[i].shape.size() != k.args[a].shape.size()) continue;
      if (g_[k.args[i].value].def.kind == ValueDef::Kind::kConstant) continue;
      const Storage& s = lir_.placed[copies_[k.args[i].value.index][0]].storage;
      if (!s.is_row_major() &&
          s.dims != Storage::row_major(static_cast<int>(k.args[a].shape.size())).dims) {
        return bare(s);
      }
    }
    return Storage::row_major(static_cast<int>(k.args[a].shape.size()));
  }

  Lir& lir_;
  const Graph& g_;
  const Vec<Unit>& units_;
  const Views& views_;
  const Vec<Alternative>& choices_;
  const bool in_place_;
  // Placed ids of each value.
  Vec<Vec<uint32_t>> copies_;
  // By placed value.
  Vec<RegionId> made_in_;
  std::map<RegionId, Vec<size_t>> units_of_;
  Vec<Block> open_;
  // The items whose blocks are open, and their units.
  Vec<std::pair<size_t, size_t>> owners_;
  // By value.
  Vec<bool> is_kept_;
  // By value: the storages that its readers ask for, in their order.
  Vec<Vec<const Need*>> needs_;
  // By value: the last unit that reads it.
  Vec<size_t> last_reader_;
  // By placed value whose memory changed hands: who has it now.
  std::map<uint32_t, ValueId> heir_of_;
};

}  // namespace

std::optional<Storage> wanted_by(const Vec<const Need*>& needs) {
  std::optional<Storage> wanted;
  for (const Need* need : needs) {
    if (need->kind != Need::Kind::kLike) continue;
    wanted = wanted ? widened(*wanted, need->storage).value_or(*wanted) : need->storage;
  }
  return wanted;
}

void lay_out(Lir& lir, const Vec<Unit>& units, const Views& views, const Vec<Alternative>& choices,
             bool in_place) {
  Layouter(lir, units, views, choices, in_place).run();
}

Kernel copy_kernel(const Graph& g, ValueId v, const Storage& from, const Storage& to) {
  const Type& t = g[v].type;
  Kernel k;
  k.name = "copy";
  k.args = {{.name = "from", .value = v, .dtype = t.dtype, .shape = t.shape, .storage = from},
            {.name = "to",
             .value = v,
             .dtype = t.dtype,
             .shape = t.shape,
             .storage = to,
             .written = true}};
  Access at{.of = Access::Of::kArg, .tensor = 0};
  for (const Dim& extent : t.shape) {
    const LoopId id(k.loop_count++);
    k.grid.push_back({id, extent});
    at.index.push_back({Dim::loop(id)});
    at.bounds.push_back({});
  }
  Stage s{.name = "copy",
          .reads = {at},
          .body = {{.fn = Fn::kLoad, .type = t.dtype}},
          .results = {ExprId(0)}};
  at.tensor = 1;
  s.writes = {at};
  s.origin = g.origin_of(v);
  k.stages = {std::move(s)};
  return k;
}

Cost cost_of_copy(const Graph& g, ValueId v, const Storage& to, const Target& target, Menu menu) {
  const Storage from = Storage::row_major(g[v].type.rank());
  const auto rows = menu(copy_kernel(g, v, from, to), target);
  return rows ? cheapest(*rows).cost : Cost();
}

}  // namespace rlx
