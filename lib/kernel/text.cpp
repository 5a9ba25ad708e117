#include "kernel/text.h"

#include <algorithm>

#include <fmt/format.h>

#include "kernel/detail.h"

namespace rlx {

std::optional<DType> implied_type(const Kernel& k, const Stage& s, const Expr& e) {
  auto at = [](const auto& items, size_t i) { return i < items.size() ? &items[i] : nullptr; };
  if (e.fn == Fn::kIndex) return DType::kI64;
  if (e.fn == Fn::kLoad) {
    const Access* a = at(s.reads, e.index);
    if (!a) return std::nullopt;
    const Local* local = a->of == Access::Of::kLocal ? at(k.locals, a->tensor) : nullptr;
    const Arg* arg = a->of == Access::Of::kArg ? at(k.args, a->tensor) : nullptr;
    if (local) return local->dtype;
    return arg ? std::optional(arg->dtype) : std::nullopt;
  }
  if (e.fn == Fn::kAcc) {
    const Vec<DType> types = accumulator_types(s);
    const DType* type = at(types, e.index);
    return type ? std::optional(*type) : std::nullopt;
  }
  Vec<DType> operands;
  for (const ExprId a : e.args) {
    const Expr* operand = at(s.body, a.index);
    if (!operand) return std::nullopt;
    operands.push_back(operand->type);
  }
  return result_type(e.fn, operands);
}

ValueId implied_value(std::string_view arg_name) {
  bool digits = arg_name.size() > 1 && arg_name.size() < 10 && arg_name[0] == '%';
  uint32_t id = 0;
  for (const char c : arg_name.substr(digits ? 1 : arg_name.size())) {
    digits &= c >= '0' && c <= '9';
    id = id * 10 + static_cast<uint32_t>(c - '0');
  }
  return digits ? ValueId(id) : ValueId();
}

uint32_t implied_loop_count(const Kernel& k) {
  uint32_t count = 0;
  auto count_loops = [&](const Vec<Loop>& loops) {
    for (const Loop& l : loops) count = std::max(count, l.id.index + 1);
  };
  count_loops(k.grid);
  for (const Stage& s : k.stages) count_loops(s.loops);
  return count;
}

std::string_view assignment(Combine c) {
  switch (c) {
    case Combine::kSet: return "=";
    case Combine::kAdd: return "+=";
    case Combine::kMax: return "max=";
    case Combine::kMin: return "min=";
    case Combine::kMul: return "*=";
  }
  return {};
}

std::string_view word(Bounds::Rule rule) {
  switch (rule) {
    case Bounds::Rule::kProven: return "";
    case Bounds::Rule::kChecked: return "checked";
    case Bounds::Rule::kFill: return "fill";
    case Bounds::Rule::kClamp: return "clamp";
    case Bounds::Rule::kReflect: return "reflect";
    case Bounds::Rule::kWrap: return "wrap";
  }
  return {};
}

namespace {

template <class T, class F>
std::string joined(const Vec<T>& items, F text_of) {
  std::string text;
  for (const T& item : items) text += (text.empty() ? "" : ", ") + text_of(item);
  return text;
}

std::string loop_text(LoopId id) { return fmt::format("i{}", id.index); }
std::string loops_text(const Vec<LoopId>& ids) { return "[" + joined(ids, loop_text) + "]"; }
std::string node_text(ExprId id) { return fmt::format("v{}", id.index); }

// As it is where the parser takes it for a name.
std::string name_text(const std::string& name) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";
  const bool plain = name.size() > 1 && name[0] == '%' && name.find("//") == std::string::npos &&
                     name.find_first_not_of(kLetters, 1) == std::string::npos;
  return plain ? name : quoted(name);
}

std::string loop_text(const Loop& l) {
  return fmt::format("i{} in {}{}", l.id.index, to_text(l.extent),
                     l.sequential ? " sequential" : "");
}

std::string loops_text(std::string_view keyword, const Vec<Loop>& loops) {
  if (loops.empty()) return {};
  auto text_of = [](const Loop& l) { return loop_text(l); };
  return fmt::format("{} {}", keyword, joined(loops, text_of));
}

std::string frame_text(const ArgFrame& f) {
  return fmt::format(" in m{}{} {} at {}", f.memory, to_text(f.shape), to_text(f.storage),
                     to_text(f.start));
}

std::string arg_text(const Arg& a) {
  std::string text = fmt::format("arg {} : {}{} {}", name_text(a.name), name(a.dtype),
                                 to_text(a.shape), to_text(a.storage));
  if (a.frame) text += frame_text(*a.frame);
  if (a.value != implied_value(a.name)) text += fmt::format(" value {}", a.value.index);
  if (a.written) text += " written";
  if (a.constant) text += " constant";
  return text;
}

std::string local_text(const Local& l, size_t i) {
  auto carry_text = [](const Carry& c) { return loop_text(c.loop) + " = " + to_text(c.init); };
  const std::string text = fmt::format("local l{} : {}{}", i, name(l.dtype), to_text(l.shape));
  return l.carry.empty() ? text : text + " carry " + joined(l.carry, carry_text);
}

// ---- Stages -----------------------------------------------------------------------------------

class StagePrinter {
 public:
  StagePrinter(const Kernel& k, const Stage& s) : k_(k), s_(s) {}

  std::string text() {
    text_ = fmt::format("  {} {}", name(s_.kind()), name_text(s_.name));
    if (!s_.loops.empty()) text_ += " " + loops_text("for", s_.loops);
    if (s_.relaxed) text_ += " relaxed";
    if (!s_.origin.empty()) text_ += " @ [" + joined(s_.origin, quoted) + "]";
    text_ += " {\n";
    std::visit([&](const auto& d) { print(d); }, s_.detail);
    for (size_t i = 0; i < s_.body.size(); ++i) print_node(i);
    declare_reads(s_.reads.size());
    std::visit([&](const auto& d) { print_nodes(d); }, s_.detail);
    print_writes();
    return text_ + "  }\n";
  }

 private:
  void line(const std::string& text) { text_ += "    " + text + "\n"; }

  // ---- Details --------------------------------------------------------------------------------

  void print_accumulators(const Vec<DType>& acc, const Vec<Scalar>& init) {
    for (size_t i = 0; i < acc.size(); ++i) {
      line(fmt::format("acc{} : {} = {}", i, name(acc[i]), to_text(init[i])));
    }
  }

  // Where it is not the one of its kind.
  void print(const Order& order, const Order& usual) {
    if (order == usual) return;
    std::string text = "order";
    const bool lanes = order.inner == Order::Inner::kLanes;
    if (order.inner != usual.inner) text += lanes ? " lanes" : " sequence";
    if (order.is_cut()) text += " parts " + to_text(order.parts);
    if (order.run) text += " run " + to_text(*order.run);
    line(text);
  }

  void print(const Map&) {}

  void print(const Reduction& r) {
    Vec<LoopId> all;
    for (const Loop& l : s_.loops) all.push_back(l.id);
    if (r.over != all) line("over " + loops_text(r.over));
    print(r.order, Reduction().order);
    print_accumulators(r.acc, r.init);
  }

  void print(const Scan& s) {
    line(fmt::format("over {}{}{}", loop_text(s.over), s.exclusive ? " exclusive" : "",
                     s.reverse ? " reverse" : ""));
    print_accumulators(s.acc, s.init);
  }

  void print(const Sort& s) {
    line(fmt::format("rank {} over {}", loop_text(s.rank), loop_text(s.over)));
    line(fmt::format("acc0 : {}", name(s.acc)));
  }

  void print(const Contract& c) {
    line(fmt::format("batch {} m {} n {} k {}", loops_text(c.batch), loops_text(c.m),
                     loops_text(c.n), loops_text(c.k)));
    print(c.order, Contract().order);
    line(fmt::format("acc0 : {}", name(c.acc)));
  }

  void print(const Conv& c) {
    line(fmt::format("batch {} out {} in {} pixel {} window {}", loop_text(c.batch),
                     loop_text(c.out_channel), loop_text(c.in_channel), loops_text(c.pixel),
                     loops_text(c.window)));
    line(fmt::format("acc0 : {}", name(c.acc)));
  }

  // The nodes that a detail names.
  void print_nodes(const Map&) {}
  void print_nodes(const Reduction& r) { print_next_values(r.combine); }
  void print_nodes(const Scan& s) { print_next_values(s.combine); }
  void print_nodes(const Sort& s) { line("key = " + node_text(s.key)); }

  void print_nodes(const Contract& c) {
    line("a = " + node_text(c.a));
    line("b = " + node_text(c.b));
  }

  void print_nodes(const Conv& c) {
    line("x = " + node_text(c.x));
    line("w = " + node_text(c.w));
  }

  void print_next_values(const Vec<ExprId>& next) {
    for (size_t i = 0; i < next.size(); ++i) {
      line(fmt::format("acc{} = {}", i, node_text(next[i])));
    }
  }

  // ---- Accesses -------------------------------------------------------------------------------

  std::string tensor_text(const Access& a) const {
    if (a.of == Access::Of::kLocal) return fmt::format("l{}", a.tensor);
    return a.tensor < k_.args.size() ? name_text(k_.args[a.tensor].name) : "?";
  }

  static std::string axis_text(const AxisIndex& index, const Bounds& b) {
    std::string text = index.expr ? "at " + node_text(*index.expr) : to_text(index.dim);
    if (index.from_end) text += " from end";
    if (b.rule != Bounds::Rule::kProven) text += fmt::format(" {}", word(b.rule));
    return b.rule == Bounds::Rule::kFill ? text + " " + to_text(b.fill) : text;
  }

  std::string access_text(const Access& a) const {
    std::string axes;
    for (size_t i = 0; i < a.index.size(); ++i) {
      axes += (i == 0 ? "" : ", ") +
              axis_text(a.index[i], i < a.bounds.size() ? a.bounds[i] : Bounds{});
    }
    return tensor_text(a) + "[" + axes + "]";
  }

  void declare_reads(size_t end) {
    for (; declared_ < end; ++declared_) {
      line(fmt::format("r{} = {}", declared_, access_text(s_.reads[declared_])));
    }
  }

  void print_writes() {
    for (size_t i = 0; i < s_.writes.size(); ++i) {
      std::string value = i < s_.results.size() ? " " + node_text(s_.results[i]) : "";
      const Access& a = s_.writes[i];
      line(fmt::format("{} {}{}", access_text(a), assignment(a.combine), value));
    }
  }

  // ---- Nodes ----------------------------------------------------------------------------------

  void print_node(size_t i) {
    const Expr& e = s_.body[i];
    std::string value = value_text(e);
    std::string type = implied_type(k_, s_, e) == e.type ? "" : fmt::format(" : {}", name(e.type));
    line(fmt::format("v{}{} = {}", i, type, value));
  }

  std::string value_text(const Expr& e) {
    switch (e.fn) {
      case Fn::kConst: return "const " + to_text(e.scalar);
      case Fn::kIndex: return "index " + to_text(e.dim);
      case Fn::kAcc: return fmt::format("acc{}", e.index);
      case Fn::kLoad: return load_text(e.index);
      default: return fmt::format("{}({})", name(e.fn), joined(e.args, node_text));
    }
  }

  // A read is declared where it is loaded, if that keeps the order of reads.
  std::string load_text(uint32_t read) {
    if (read < s_.reads.size()) declare_reads(read);
    if (read != declared_ || read >= s_.reads.size()) return fmt::format("load r{}", read);
    ++declared_;
    return "load " + access_text(s_.reads[read]);
  }

  const Kernel& k_;
  const Stage& s_;
  std::string text_;
  // Reads that have a number by now.
  size_t declared_ = 0;
};

}  // namespace

std::string to_text(const Kernel& k) {
  std::string text = fmt::format("kernel {} {{\n", quoted(k.name));
  for (const Arg& a : k.args) text += "  " + arg_text(a) + "\n";
  for (size_t i = 0; i < k.locals.size(); ++i) text += "  " + local_text(k.locals[i], i) + "\n";
  if (!k.grid.empty()) text += "  " + loops_text("grid", k.grid) + "\n";
  if (k.loop_count != implied_loop_count(k)) text += fmt::format("  loops {}\n", k.loop_count);
  for (const Stage& s : k.stages) text += StagePrinter(k, s).text();
  return text + "}\n";
}

std::string to_text(const Vec<Kernel>& kernels) {
  std::string text;
  for (const Kernel& k : kernels) text += (text.empty() ? "" : "\n") + to_text(k);
  return text;
}

}  // namespace rlx
