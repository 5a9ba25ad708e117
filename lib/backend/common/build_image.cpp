#include "backend/common/build_image.h"

#include <algorithm>
#include <set>

#include "backend/common/border_fills.h"
#include "ir/order.h"
#include "ir/tellers.h"
#include "support/sort_uniquely.h"

namespace rlx {
namespace {

using Op = image::Extent::Op;

// Place of each symbol.
using SymbolIndex = std::map<std::string, int64_t>;

SymbolIndex index_of(const Vec<std::string>& symbols) {
  SymbolIndex index;
  for (size_t i = 0; i < symbols.size(); ++i) index.emplace(symbols[i], i);
  return index;
}

class Postfix {
 public:
  explicit Postfix(const SymbolIndex& symbols) : symbols_(symbols) {}

  void dim(const Dim& d) {
    if (d.terms().empty()) push(Op::kConst, 0);
    for (size_t t = 0; t < d.terms().size(); ++t) {
      term(d.terms()[t]);
      if (t > 0) push(Op::kAdd);
    }
  }

  void push(Op op, int64_t operand = 0) { out_.steps.push_back({op, operand}); }
  image::Extent take() { return std::move(out_); }

 private:
  void term(const Term& t) {
    push(Op::kConst, t.coefficient);
    for (const Atom& a : t.factors) {
      atom(a);
      push(Op::kMul);
    }
  }

  void atom(const Atom& a) {
    if (a.kind == Atom::Kind::kSymbol) return push(Op::kSymbol, symbol(a.symbol));
    RLX_CHECK(a.kind != Atom::Kind::kLoop, "a loop in an image's extent");
    dim(a.args[0]);
    dim(a.args[1]);
    push(operation(a.kind));
  }

  static Op operation(Atom::Kind kind) {
    switch (kind) {
      case Atom::Kind::kFloorDiv: return Op::kFloorDiv;
      case Atom::Kind::kMod: return Op::kMod;
      case Atom::Kind::kMin: return Op::kMin;
      case Atom::Kind::kMax: return Op::kMax;
      case Atom::Kind::kSymbol:
      case Atom::Kind::kLoop: break;
    }
    RLX_CHECK(false, "an atom without operands");
    return Op::kConst;
  }

  int64_t symbol(const std::string& name) const {
    auto it = symbols_.find(name);
    RLX_CHECK(it != symbols_.end(), "unknown symbol " + name);
    return it->second;
  }

  const SymbolIndex& symbols_;
  image::Extent out_;
};

class Builder {
 public:
  Builder(const Lir& lir, const Vec<PlannedKernel>& kernels)
      : lir_(lir),
        g_(lir.graph),
        kernels_(kernels),
        symbols_(index_of(symbol_names(lir))),
        buffer_of_(lir.graph.values.size()) {
    for (const Placed& p : lir.placed) {
      if (p.copy == 0) buffer_of_[p.value.index] = p.buffer;
    }
    for (uint32_t i = 0; i < lir.groups.size(); ++i) {
      if (!lir.groups[i].ends.empty()) owners_.push_back(i);
    }
  }

  image::Image run(Code code) {
    out_.target = lir_.target;
    out_.isa = code.isa;
    out_.code = std::move(code.blob);
    for (const Symbol& s : g_.symbols) {
      // The sign of what a command tells stands with the command.
      const int sign = s.element < 0 ? 1 : s.sign;
      out_.symbols.push_back(
          {s.name, s.input, s.axis, s.element, sign, s.min, s.max, s.multiple_of});
    }
    const Vec<std::string> names = symbol_names(lir_);
    for (size_t i = out_.symbols.size(); i < names.size(); ++i) {
      out_.symbols.push_back({.name = names[i]});
    }
    for (const LirBuffer& b : lir_.buffers) out_.buffers.push_back(buffer(b));
    add_signature();
    add_guards();
    for (const PlannedKernel& k : kernels_) {
      if (k.kernel.stages.empty()) continue;
      out_.kernels.push_back(kernel(k.kernel, code.entries[out_.kernels.size()]));
    }
    add_commands();
    add_states();
    return std::move(out_);
  }

 private:
  image::Extent extent(const Dim& d) const {
    Postfix p(symbols_);
    p.dim(d);
    return p.take();
  }

  image::Buffer buffer(const LirBuffer& b) const {
    image::Buffer out{.bytes = extent(bytes_of(b.dtype, b.elements)),
                      .first = b.first,
                      .last = b.last,
                      .slot = b.slot};
    switch (b.role) {
      case LirBuffer::Role::kInput: out.kind = image::Buffer::Kind::kInput; break;
      case LirBuffer::Role::kOutput: out.kind = image::Buffer::Kind::kOutput; break;
      case LirBuffer::Role::kTemporary:
        out.kind = image::Buffer::Kind::kArena;
        if (b.fill) out.pattern = bytes_of_scalar(*b.fill, b.dtype);
        break;
      case LirBuffer::Role::kConstant:
        out.kind = image::Buffer::Kind::kConstant;
        out.blob = b.blob;
        out.offset = b.offset;
        break;
    }
    return out;
  }

  static std::string bytes_of_scalar(const Scalar& s, DType type) {
    std::string bytes(static_cast<size_t>(size_of(type)), '\0');
    const Scalar fill =
        is_float(type) ? Scalar::of(type, s.as_double()) : Scalar::of_int(type, s.i);
    to_bytes(fill, reinterpret_cast<std::byte*>(bytes.data()));
    return bytes;
  }

  image::Tensor tensor(ValueId v, const std::string& name) const {
    image::Tensor t{
        .name = name, .dtype = g_[v].type.dtype, .shape = {}, .buffer = buffer_of_[v.index]};
    for (const Dim& d : g_[v].type.shape) t.shape.push_back(extent(d));
    return t;
  }

  void add_signature() {
    for (const ValueId v : g_.inputs()) out_.inputs.push_back(tensor(v, g_[v].name));
    for (size_t i = 0; i < g_.outputs().size(); ++i) {
      out_.outputs.push_back(tensor(g_.outputs()[i], g_.output_names[i]));
    }
  }

  // Of the graph itself, and then of each block's region.
  void add_guards() {
    add_guards(Graph::kTop, 0);
    for (uint32_t i = 0; i < lir_.groups.size(); ++i) {
      const Group& item = lir_.groups[i];
      uint32_t begin = i + 1;
      for (size_t block = 0; block < item.ends.size(); ++block) {
        if (begin < item.ends[block]) add_guards(g_[item.nodes[0]].regions[block], begin);
        begin = item.ends[block];
      }
    }
  }

  void add_guards(RegionId region, uint32_t command) {
    for (const Fact& f : g_[region].facts) {
      Postfix p(symbols_);
      p.dim(f.a);
      p.dim(f.b);
      const bool equal = f.relation == Fact::Relation::kEqual;
      p.push(equal ? Op::kEq : Op::kLe);
      out_.guards.push_back(
          {p.take(), to_text(f.a) + (equal ? " == " : " <= ") + to_text(f.b), f.node, command});
    }
  }

  image::Kernel kernel(const Kernel& k, const CodeEntry& entry) const {
    return {k.name, entry.offset, extent(entry.tiles), extent(entry.scratch_bytes), entry.sites};
  }

  void add_states() {
    for (const State& s : lir_.states) {
      out_.states.push_back({.input = place_in(g_.inputs(), s.input),
                             .output = place_in(g_.outputs(), s.output),
                             .axis = s.axis,
                             .input_capacity = number_of(s.input_capacity),
                             .output_capacity = number_of(s.output_capacity),
                             .copies = copies_of(s)});
    }
  }

  static uint32_t place_in(const Values& values, ValueId v) {
    return static_cast<uint32_t>(std::ranges::find(values, v) - values.begin());
  }

  uint32_t number_of(const std::string& symbol) const {
    return static_cast<uint32_t>(symbols_.at(symbol));
  }

  Vec<uint32_t> copies_of(const State& s) const {
    Vec<uint32_t> copies;
    for (uint32_t i = 0; i < lir_.groups.size(); ++i) {
      const Group& item = lir_.groups[i];
      if (!item.nodes.empty() || lir_.placed[item.args[0]].value != s.input) continue;
      if (is_copied_by_state(lir_, lir_.placed[item.args[1]])) copies.push_back(i);
    }
    return copies;
  }

  void add_commands() {
    uint32_t launched = 0;
    for (uint32_t i = 0; i < kernels_.size(); ++i) {
      if (!kernels_[i].kernel.stages.empty()) {
        out_.commands.push_back(launch(i, launched++));
      } else if (lir_.groups[i].nodes.empty()) {
        out_.commands.push_back(give(i));
      } else {
        const bool tells = g_[lir_.groups[i].nodes[0]].op().tells;
        out_.commands.push_back(tells ? tell(i) : choice(i));
      }
    }
  }

  image::Command launch(uint32_t i, uint32_t number) {
    image::Command c{.kernel = number};
    const Kernel& k = kernels_[i].kernel;
    const Vec<uint32_t>& args = lir_.groups[i].args;
    for (size_t a = 0; a < args.size(); ++a) {
      c.buffers.push_back(lir_.placed[args[a]].buffer);
      add_waits(c, {args[a], i, k.args[a].written});
    }
    sort_uniquely(c.waits);
    for (size_t a = 0; a < args.size(); ++a) {
      uses_[c.buffers[a]].push_back({args[a], i, k.args[a].written});
    }
    for (const Stage& s : k.stages) {
      c.origin.insert(c.origin.end(), s.origin.begin(), s.origin.end());
    }
    sort_uniquely(c.origin);
    return c;
  }

  image::Command give(uint32_t i) {
    const Placed& from = lir_.placed[lir_.groups[i].args[0]];
    const Type& type = g_[from.value].type;
    image::Command c{.kind = image::Command::Kind::kGive,
                     .room = {extent(bytes_of(type.dtype, type.elements()))},
                     .origin = g_.origin_of(from.value)};
    const Vec<Arg>& args = kernels_[i].kernel.args;
    use(c, i, args[1].value, true);
    use(c, i, args[0].value, false);
    sort_uniquely(c.waits);
    return c;
  }

  image::Command tell(uint32_t i) {
    const Node& node = g_[lir_.groups[i].nodes[0]];
    image::Command c{.kind = image::Command::Kind::kTell, .origin = node.origin};
    use(c, i, node.inputs[0], false);
    const Vec<SymbolName> names = told_names(node);
    const auto elements = static_cast<size_t>(*g_[node.inputs[0]].type.elements().constant());
    for (size_t n = 0; n < names.size(); ++n) {
      // A symbol that nothing speaks of is gone.
      const Symbol* s = g_.find_symbol(names[n]);
      if (!s) continue;
      const bool has_parts = names.size() > elements;
      c.told.push_back({.symbol = static_cast<uint32_t>(symbols_.at(s->name)),
                        .buffer = 0,
                        .element = static_cast<uint32_t>(n % elements),
                        .sign = has_parts ? s->sign : 0});
    }
    sort_uniquely(c.waits);
    return c;
  }

  // An if or a loop.
  image::Command choice(uint32_t i) {
    const Node& node = g_[lir_.groups[i].nodes[0]];
    const Region& first = g_[node.regions[0]];
    const bool loops = first.is_loop_body();
    image::Command c{.kind = loops ? image::Command::Kind::kLoop : image::Command::Kind::kIf,
                     .ends = lir_.groups[i].ends,
                     .origin = node.origin};
    use(c, i, node.inputs[0], false);
    if (loops) add_operands(c, i, node, first);
    sort_uniquely(c.waits);
    return c;
  }

  void add_operands(image::Command& c, uint32_t i, const Node& loop, const Region& body) {
    use(c, i, loop.inputs[1], false);
    use(c, i, body.arguments[0], true);
    use(c, i, body.arguments[1], true);
    use(c, i, body.results[0], false);
    for (size_t s = loop.inputs.size() - 2; s < loop.outputs.size(); ++s) {
      use(c, i, body.results[1 + s], false);
      use(c, i, loop.outputs[s], true);
    }
  }

  // v is one of the item's arguments.
  void use(image::Command& c, uint32_t i, ValueId v, bool written) {
    const Vec<Arg>& args = kernels_[i].kernel.args;
    const auto arg = std::ranges::find(args, v, &Arg::value);
    RLX_CHECK(arg != args.end(), "an item does not name what it uses");
    const Use use{lir_.groups[i].args[static_cast<size_t>(arg - args.begin())], i, written};
    c.buffers.push_back(lir_.placed[use.placed].buffer);
    add_waits(c, use);
    uses_[c.buffers.back()].push_back(use);
  }

  struct Use {
    uint32_t placed = 0;
    uint32_t command = 0;
    bool written = false;
  };

  // For all who wrote a part of what the command uses, and all who read a part of what it writes.
  void add_waits(image::Command& c, const Use& use) const {
    auto earlier = uses_.find(lir_.placed[use.placed].buffer);
    if (earlier == uses_.end()) return;
    for (const Use& e : earlier->second) {
      if (!e.written && !use.written) continue;
      if (!may_overlap(lir_, use.placed, e.placed)) continue;
      if (const auto wait = wait_for(e.command, use.command)) c.waits.push_back(*wait);
    }
  }

  // What to wait for in place of an earlier command: the outermost item whose blocks hold it and have ended. Of two
  // blocks of one item only one runs.
  std::optional<uint32_t> wait_for(uint32_t earlier, uint32_t command) const {
    for (const uint32_t i : owners_) {
      const Vec<uint32_t>& ends = lir_.groups[i].ends;
      if (i >= earlier) break;
      if (ends.back() <= earlier) continue;
      if (ends.back() <= command) return i;
      const auto block = std::ranges::upper_bound(ends, earlier);
      if (*block <= command) return std::nullopt;
    }
    return earlier;
  }

  const Lir& lir_;
  const Graph& g_;
  const Vec<PlannedKernel>& kernels_;
  SymbolIndex symbols_;
  // By value: where its producer writes it.
  Vec<uint32_t> buffer_of_;
  // Items with blocks.
  Vec<uint32_t> owners_;
  // By buffer, in the order of the commands.
  std::map<uint32_t, Vec<Use>> uses_;
  image::Image out_;
};

}  // namespace

Result<image::Image> build_image(const Lir& lir, const Vec<PlannedKernel>& kernels, Code code) {
  const Tellers tellers = tellers_of(lir.graph, definition_order(lir.graph).nodes);
  for (const Symbol& s : lir.graph.symbols) {
    if (s.source != Symbol::Source::kData) continue;
    const auto teller = tellers.find(s.key());
    if (teller != tellers.end() && lir.graph[teller->second.back()].op().tells) continue;
    return Error(4040, "the extent " + s.name + " depends on the data, which is not supported yet",
                 "bind the inputs that it depends on as constants");
  }
  image::Image image = Builder(lir, kernels).run(std::move(code));
  add_border_fills(lir, image);
  return image;
}

}  // namespace rlx
