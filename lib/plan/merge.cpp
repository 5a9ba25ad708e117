#include "plan/merge.h"

#include <algorithm>

#include "kernel/detail.h"
#include "support/sort_uniquely.h"

namespace rlx {
namespace {

constexpr size_t kMostArgs = 64;
constexpr size_t kMostNodes = 192;

size_t nodes_of(const Kernel& k) {
  size_t nodes = 0;
  for (const Stage& s : k.stages) nodes += 1 + s.body.size();
  return nodes;
}

void rename(LoopId& id, const LoopNames& names) {
  if (auto it = names.find(id); it != names.end()) id = it->second;
}

void rename_detail(Stage& s, const LoopNames& names) {
  visit_detail(s, [&](LoopId& id) { rename(id, names); });
}

void rename_loops(Kernel& k, const LoopNames& names) {
  LoopMap map;
  for (auto [from, to] : names) map.emplace(from, Dim::loop(to));
  for (Loop& l : k.grid) rename(l.id, names);
  for (Local& l : k.locals) {
    for (Carry& c : l.carry) rename(c.loop, names);
  }
  for (Stage& s : k.stages) {
    for (Loop& l : s.loops) rename(l.id, names);
    substitute_loops(s, map);
    rename_detail(s, names);
  }
}

// Whether a carried local or a convolution names the loop.
bool is_needed(const Kernel& k, LoopId loop) {
  bool needed = false;
  for (const Local& l : k.locals) {
    for (const Carry& c : l.carry) needed |= c.loop == loop;
  }
  for (const Stage& s : k.stages) {
    if (s.kind() != Kind::kConv) continue;
    const Conv& c = s.conv();
    needed |= c.batch == loop || c.out_channel == loop || std::ranges::count(c.pixel, loop) != 0;
  }
  return needed;
}

void erase_loops(Vec<LoopId>& from, const LoopMap& gone) {
  std::erase_if(from, [&](LoopId id) { return gone.contains(id); });
}

// Where a loop that moves into the stage stands: innermost, but outside of the loops that it sums over.
size_t place_of_moved(const Stage& s) {
  switch (s.kind()) {
    case Kind::kReduce: return s.loops.size() - s.reduction().over.size();
    case Kind::kScan: return s.loops.size() - 1;
    case Kind::kSort: return s.loops.size() - 2;
    case Kind::kContract: return s.loops.size() - s.contract().k.size();
    case Kind::kMap:
    case Kind::kConv: break;
  }
  return s.loops.size();
}

}  // namespace

Error refuse(std::string why) { return Error(0, std::move(why)); }

Status check_size(const Kernel& a, const Kernel& b) {
  if (a.args.size() + b.args.size() > kMostArgs) {
    return refuse("the kernel would have too many arguments");
  }
  if (nodes_of(a) + nodes_of(b) > kMostNodes) return refuse("the kernel would be too long");
  return {};
}

void rename_apart(Kernel& k, LoopNames names, uint32_t& loop_count) {
  auto name = [&](const Loop& l) {
    if (!names.contains(l.id)) names[l.id] = LoopId(loop_count++);
  };
  for (const Loop& l : k.grid) name(l);
  for (const Stage& s : k.stages) {
    for (const Loop& l : s.loops) name(l);
  }
  rename_loops(k, names);
}

void demote(Kernel& k, LoopId loop) {
  const Loop moved = *find_loop(k.grid, loop);
  std::erase_if(k.grid, [&](const Loop& l) { return l.id == loop; });
  for (Local& l : k.locals) l.shape.push_back(moved.extent);
  for (Stage& s : k.stages) {
    LoopId own(k.loop_count++);
    for (Vec<Access>* list : {&s.reads, &s.writes}) {
      for (Access& a : *list) {
        if (a.of != Access::Of::kLocal) continue;
        a.index.push_back({Dim::loop(own)});
        a.bounds.push_back({});
      }
    }
    s.loops.insert(s.loops.begin() + static_cast<std::ptrdiff_t>(place_of_moved(s)),
                   {own, moved.extent});
    substitute_loops(s, {{loop, Dim::loop(own)}});
    rename_detail(s, {{loop, own}});
  }
}

std::optional<Kernel> without_unit_loops(const Kernel& k) {
  LoopMap start;
  for (const Loop& l : k.grid) {
    if (l.extent.is(1) && !l.sequential && !is_needed(k, l.id)) start[l.id] = 0;
  }
  if (start.empty()) return std::nullopt;
  Kernel out = k;
  std::erase_if(out.grid, [&](const Loop& l) { return start.contains(l.id); });
  for (Stage& s : out.stages) {
    substitute_loops(s, start);
    auto* product = std::get_if<Contract>(&s.detail);
    if (!product) continue;
    for (Vec<LoopId>* axes : {&product->m, &product->n, &product->batch}) erase_loops(*axes, start);
  }
  return out;
}

void append(Kernel& to, Kernel from) {
  Vec<uint32_t> args, locals;
  for (const Arg& a : from.args) args.push_back(find_or_add_arg(to, a));
  for (Local& l : from.locals) {
    locals.push_back(static_cast<uint32_t>(to.locals.size()));
    to.locals.push_back(std::move(l));
  }
  for (Stage& s : from.stages) {
    for (Vec<Access>* list : {&s.reads, &s.writes}) {
      for (Access& a : *list) a.tensor = (a.of == Access::Of::kArg ? args : locals)[a.tensor];
    }
    to.stages.push_back(std::move(s));
  }
}

Result<Unit> merged_unit(Kernel k, const Unit& first, const Unit& second) {
  if (Status sound = verify(k); !sound) {
    return refuse("unsound: " + sound.error().first().message);
  }
  Unit out{std::move(k), first.nodes, first.region};
  out.nodes.insert(out.nodes.end(), second.nodes.begin(), second.nodes.end());
  out.awaits = first.awaits;
  out.awaits.insert(out.awaits.end(), second.awaits.begin(), second.awaits.end());
  sort_uniquely(out.awaits);
  return out;
}

}  // namespace rlx
