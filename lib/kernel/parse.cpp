// Reads the text of kernels: docs/kernel-text.md.
#include <array>

#include <fmt/format.h>

#include "ir/dim_text.h"
#include "ir/type_text.h"
#include "kernel/text.h"

namespace rlx {
namespace {

constexpr std::array kCombines{Combine::kSet, Combine::kAdd, Combine::kMax, Combine::kMin,
                               Combine::kMul};
constexpr std::array kRules{Bounds::Rule::kChecked, Bounds::Rule::kFill, Bounds::Rule::kClamp,
                            Bounds::Rule::kReflect, Bounds::Rule::kWrap};

// ---- Pieces -----------------------------------------------------------------------------------

// The number of the name `letter`<number> where it comes next.
std::optional<uint32_t> numbered(Cursor& in, std::string_view letter) {
  Cursor ahead = in;
  const std::string_view word = ahead.word();
  const std::string_view digits = word.substr(std::min(word.size(), letter.size()));
  if (!word.starts_with(letter) || digits.empty() || digits.size() > 10) return std::nullopt;
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  uint64_t number = *Cursor(digits).natural();
  if (number > UINT32_MAX) return std::nullopt;
  in = ahead;
  return static_cast<uint32_t>(number);
}

Result<uint32_t> expect_numbered(Cursor& in, std::string_view letter) {
  auto number = numbered(in, letter);
  if (!number) return in.error(fmt::format("'{}' and a number are missing here", letter));
  return *number;
}

Result<LoopId> parse_loop(Cursor& in) {
  RLX_TRY(const uint32_t id, expect_numbered(in, "i"));
  return LoopId(id);
}

Result<ExprId> parse_node(Cursor& in) {
  RLX_TRY(const uint32_t id, expect_numbered(in, "v"));
  return ExprId(id);
}

// The next of a list of things that number themselves.
Status expect_next(Cursor& in, std::string_view letter, uint32_t number, size_t next) {
  if (number == next) return {};
  return in.error(fmt::format("{}{} comes next, not {}{}", letter, next, letter, number));
}

Result<DType> parse_dtype(Cursor& in) {
  auto type = dtype_named(in.word());
  if (!type) return in.error("an element type is missing here");
  return *type;
}

// "[" item, ... "]".
template <class T, class F>
Result<Vec<T>> parse_list(Cursor& in, F item) {
  Vec<T> items;
  RLX_TRY_VOID(in.expect("["));
  while (!in.eat("]")) {
    if (!items.empty()) RLX_TRY_VOID(in.expect(","));
    RLX_TRY(T next, item(in));
    items.push_back(std::move(next));
  }
  return items;
}

Result<Vec<LoopId>> parse_loops(Cursor& in) { return parse_list<LoopId>(in, parse_loop); }

bool starts_name(Cursor& in) { return in.peek() == '%' || in.peek() == '"'; }

// %name, or any name in quotes.
Result<std::string> parse_name(Cursor& in) {
  if (in.peek() == '"') return in.string();
  RLX_TRY_VOID(in.expect("%"));
  return "%" + std::string(in.run_of("./-"));
}

// i0 in rows, i1 in 64 sequential
Result<Vec<Loop>> parse_nest(Cursor& in) {
  Vec<Loop> loops;
  do {
    Loop l;
    RLX_TRY(l.id, parse_loop(in));
    RLX_TRY_VOID(in.expect("in"));
    RLX_TRY(l.extent, parse_dim(in));
    l.sequential = in.eat("sequential");
    loops.push_back(std::move(l));
  } while (in.eat(","));
  return loops;
}

// ---- Stages -----------------------------------------------------------------------------------

class StageParser {
 public:
  StageParser(Cursor& in, const Kernel& k, Detail detail) : in_(in), k_(k) {
    s_.detail = std::move(detail);
  }

  Result<Stage> stage() {
    RLX_TRY(s_.name, parse_name(in_));
    if (in_.eat("for")) {
      RLX_TRY(s_.loops, parse_nest(in_));
    }
    s_.relaxed = in_.eat("relaxed");
    if (in_.eat("@")) {
      RLX_TRY(s_.origin, parse_list<std::string>(in_, [](Cursor& c) { return c.string(); }));
    }
    // Unless the text says another.
    if (auto* r = std::get_if<Reduction>(&s_.detail)) r->over = own_loops();
    RLX_TRY_VOID(in_.expect("{"));
    for (in_.skip_comments(); !in_.eat("}"); in_.skip_comments()) RLX_TRY_VOID(statement());
    return std::move(s_);
  }

 private:
  Vec<LoopId> own_loops() const {
    Vec<LoopId> ids;
    for (const Loop& l : s_.loops) ids.push_back(l.id);
    return ids;
  }

  Status statement() {
    if (auto number = numbered(in_, "acc")) return accumulator(*number);
    if (auto number = numbered(in_, "v")) return node(*number);
    if (auto number = numbered(in_, "r")) return read(*number);
    if (is_access()) return write();
    return std::visit([&](auto& d) { return detail(d); }, s_.detail);
  }

  // ---- Details --------------------------------------------------------------------------------

  Status detail(Map&) { return in_.error("a statement is missing here"); }

  Status detail(Reduction& r) {
    if (in_.eat("order")) return order(r.order);
    RLX_TRY_VOID(in_.expect("over"));
    RLX_TRY(r.over, parse_loops(in_));
    return {};
  }

  Status detail(Scan& s) {
    RLX_TRY_VOID(in_.expect("over"));
    RLX_TRY(s.over, parse_loop(in_));
    s.exclusive = in_.eat("exclusive");
    s.reverse = in_.eat("reverse");
    return {};
  }

  Status detail(Sort& s) {
    if (in_.eat("key")) return operand(s.key);
    if (in_.eat("over")) return loop(s.over);
    RLX_TRY_VOID(in_.expect("rank"));
    return loop(s.rank);
  }

  Status detail(Contract& c) {
    if (in_.eat("batch")) return loops(c.batch);
    if (in_.eat("m")) return loops(c.m);
    if (in_.eat("n")) return loops(c.n);
    if (in_.eat("a")) return operand(c.a);
    if (in_.eat("b")) return operand(c.b);
    if (in_.eat("order")) return order(c.order);
    RLX_TRY_VOID(in_.expect("k"));
    return loops(c.k);
  }

  Status detail(Conv& c) {
    if (in_.eat("batch")) return loop(c.batch);
    if (in_.eat("out")) return loop(c.out_channel);
    if (in_.eat("in")) return loop(c.in_channel);
    if (in_.eat("pixel")) return loops(c.pixel);
    if (in_.eat("window")) return loops(c.window);
    if (in_.eat("x")) return operand(c.x);
    RLX_TRY_VOID(in_.expect("w"));
    return operand(c.w);
  }

  Status order(Order& o) {
    if (in_.eat("lanes")) o.inner = Order::Inner::kLanes;
    if (in_.eat("sequence")) o.inner = Order::Inner::kSequence;
    if (in_.eat("parts")) {
      RLX_TRY(o.parts, parse_dim(in_));
    }
    if (in_.eat("run")) {
      RLX_TRY(o.run, parse_dim(in_));
    }
    return {};
  }

  Status operand(ExprId& id) {
    RLX_TRY_VOID(in_.expect("="));
    RLX_TRY(id, parse_node(in_));
    return {};
  }

  Status loop(LoopId& id) {
    RLX_TRY(id, parse_loop(in_));
    return {};
  }

  Status loops(Vec<LoopId>& ids) {
    RLX_TRY(ids, parse_loops(in_));
    return {};
  }

  // acc0 : f32 = 0.0 declares, acc0 = v3 gives the next value.
  Status accumulator(uint32_t number) {
    return std::visit([&](auto& d) { return accumulator(number, d); }, s_.detail);
  }

  Status accumulator(uint32_t, Map&) { return in_.error("this kind of stage has no accumulators"); }
  Status accumulator(uint32_t number, Reduction& r) {
    return accumulator(number, r.acc, r.init, r.combine);
  }
  Status accumulator(uint32_t number, Scan& s) {
    return accumulator(number, s.acc, s.init, s.combine);
  }
  Status accumulator(uint32_t number, Sort& s) { return sum(number, s.acc); }
  Status accumulator(uint32_t number, Contract& c) { return sum(number, c.acc); }
  Status accumulator(uint32_t number, Conv& c) { return sum(number, c.acc); }

  Status sum(uint32_t number, DType& acc) {
    RLX_TRY_VOID(expect_next(in_, "acc", number, 0));
    RLX_TRY_VOID(in_.expect(":"));
    RLX_TRY(acc, parse_dtype(in_));
    return {};
  }

  Status accumulator(uint32_t number, Vec<DType>& acc, Vec<Scalar>& init, Vec<ExprId>& combine) {
    const bool declares = in_.eat(":");
    RLX_TRY_VOID(expect_next(in_, "acc", number, declares ? acc.size() : combine.size()));
    if (declares) {
      RLX_TRY(const DType type, parse_dtype(in_));
      RLX_TRY_VOID(in_.expect("="));
      RLX_TRY(const Scalar first, parse_scalar(in_, type));
      acc.push_back(type);
      init.push_back(first);
      return {};
    }
    RLX_TRY_VOID(in_.expect("="));
    RLX_TRY(const ExprId next, parse_node(in_));
    combine.push_back(next);
    return {};
  }

  // ---- Accesses -------------------------------------------------------------------------------

  bool is_access() {
    Cursor ahead = in_;
    return starts_name(ahead) || numbered(ahead, "l");
  }

  Status tensor(Access& a, DType& type) {
    if (auto local = numbered(in_, "l")) {
      if (*local >= k_.locals.size()) return in_.error("no such local");
      a.of = Access::Of::kLocal;
      a.tensor = *local;
      type = k_.locals[*local].dtype;
      return {};
    }
    RLX_TRY(const std::string name, parse_name(in_));
    for (size_t i = 0; i < k_.args.size(); ++i) {
      if (k_.args[i].name != name) continue;
      a.tensor = static_cast<uint32_t>(i);
      type = k_.args[i].dtype;
      return {};
    }
    return in_.error("no argument is named " + name);
  }

  Result<Access> access() {
    Access a;
    DType type = DType::kF32;
    RLX_TRY_VOID(tensor(a, type));
    RLX_TRY_VOID(in_.expect("["));
    while (!in_.eat("]")) {
      if (!a.index.empty()) RLX_TRY_VOID(in_.expect(","));
      RLX_TRY(AxisIndex index, axis_index());
      RLX_TRY(const Bounds bounds, this->bounds(type));
      a.index.push_back(std::move(index));
      a.bounds.push_back(bounds);
    }
    return a;
  }

  // A Dim, or the value of a node: at v3 from end.
  Result<AxisIndex> axis_index() {
    AxisIndex index;
    Cursor ahead = in_;
    if (!ahead.eat("at") || !numbered(ahead, "v")) {
      RLX_TRY(index.dim, parse_dim(in_));
      return index;
    }
    in_.eat("at");
    RLX_TRY(index.expr, parse_node(in_));
    if (in_.eat("from")) {
      RLX_TRY_VOID(in_.expect("end"));
      index.from_end = true;
    }
    return index;
  }

  Result<Bounds> bounds(DType type) {
    Bounds b;
    for (const Bounds::Rule rule : kRules) {
      if (b.rule == Bounds::Rule::kProven && in_.eat(word(rule))) b.rule = rule;
    }
    if (b.rule == Bounds::Rule::kFill) {
      RLX_TRY(b.fill, parse_scalar(in_, type));
    }
    return b;
  }

  Status read(uint32_t number) {
    RLX_TRY_VOID(expect_next(in_, "r", number, s_.reads.size()));
    RLX_TRY_VOID(in_.expect("="));
    RLX_TRY(Access a, access());
    s_.reads.push_back(std::move(a));
    return {};
  }

  Status write() {
    RLX_TRY(Access a, access());
    RLX_TRY(a.combine, assignment());
    s_.writes.push_back(std::move(a));
    RLX_TRY(const ExprId value, parse_node(in_));
    s_.results.push_back(value);
    return {};
  }

  Result<Combine> assignment() {
    for (const Combine c : kCombines) {
      if (in_.eat(rlx::assignment(c))) return c;
    }
    return in_.error("'=' is missing here");
  }

  // ---- Nodes ----------------------------------------------------------------------------------

  Status node(uint32_t number) {
    RLX_TRY_VOID(expect_next(in_, "v", number, s_.body.size()));
    std::optional<DType> stated;
    if (in_.eat(":")) {
      RLX_TRY(stated, parse_dtype(in_));
    }
    RLX_TRY_VOID(in_.expect("="));
    Expr e{.type = stated.value_or(DType::kF32)};
    RLX_TRY_VOID(value(e));
    auto type = stated ? stated : implied_type(k_, s_, e);
    if (!type) return in_.error(fmt::format("{} like this needs a stated type", name(e.fn)));
    e.type = *type;
    s_.body.push_back(std::move(e));
    return {};
  }

  Status value(Expr& e) {
    if (auto number = numbered(in_, "acc")) {
      e.fn = Fn::kAcc;
      e.index = *number;
      return {};
    }
    auto fn = fn_named(in_.word());
    if (!fn) return in_.error("a function is missing here");
    e.fn = *fn;
    switch (e.fn) {
      case Fn::kConst: return constant(e);
      case Fn::kIndex: return index(e);
      case Fn::kLoad: return load(e);
      default: return operands(e);
    }
  }

  Status constant(Expr& e) {
    RLX_TRY(e.scalar, parse_scalar(in_, e.type));
    return {};
  }

  Status index(Expr& e) {
    RLX_TRY(e.dim, parse_dim(in_));
    return {};
  }

  // Of a declared read, or of an access, which declares one.
  Status load(Expr& e) {
    if (auto number = numbered(in_, "r")) {
      e.index = *number;
      return {};
    }
    e.index = static_cast<uint32_t>(s_.reads.size());
    RLX_TRY(Access a, access());
    s_.reads.push_back(std::move(a));
    return {};
  }

  Status operands(Expr& e) {
    RLX_TRY_VOID(in_.expect("("));
    while (!in_.eat(")")) {
      if (!e.args.empty()) RLX_TRY_VOID(in_.expect(","));
      RLX_TRY(const ExprId a, parse_node(in_));
      e.args.push_back(a);
    }
    return {};
  }

  Cursor& in_;
  const Kernel& k_;
  Stage s_;
};

// ---- Kernels ----------------------------------------------------------------------------------

class KernelParser {
 public:
  explicit KernelParser(Cursor& in) : in_(in) {}

  Result<Kernel> kernel() {
    RLX_TRY_VOID(in_.expect("kernel"));
    RLX_TRY(k_.name, in_.string());
    RLX_TRY_VOID(in_.expect("{"));
    std::optional<uint32_t> loop_count;
    for (in_.skip_comments(); !in_.eat("}"); in_.skip_comments()) {
      if (in_.eat("loops")) {
        RLX_TRY(loop_count, count());
      } else {
        RLX_TRY_VOID(item());
      }
    }
    k_.loop_count = loop_count.value_or(implied_loop_count(k_));
    return std::move(k_);
  }

 private:
  Result<uint32_t> count() {
    auto n = in_.natural();
    if (!n || *n > UINT32_MAX) return in_.error("a number of loops is missing here");
    return static_cast<uint32_t>(*n);
  }

  Status item() {
    if (in_.eat("arg")) return arg();
    if (in_.eat("local")) return local();
    if (in_.eat("grid")) return grid();
    Detail detail;
    if (eat_kind(detail)) return stage(std::move(detail));
    return in_.error("arg, local, grid or a stage is missing here");
  }

  // f32[rows, 64]
  Status tensor_type(DType& type, Vec<Dim>& shape) {
    RLX_TRY_VOID(in_.expect(":"));
    RLX_TRY(type, parse_dtype(in_));
    RLX_TRY(shape, parse_dims(in_));
    return {};
  }

  Status arg() {
    Arg a;
    RLX_TRY(a.name, parse_name(in_));
    a.value = implied_value(a.name);
    RLX_TRY_VOID(tensor_type(a.dtype, a.shape));
    RLX_TRY(a.storage, parse_storage(in_, static_cast<int>(a.shape.size()), a.dtype));
    if (in_.eat("in")) {
      RLX_TRY(a.frame, frame(a));
    }
    if (in_.eat("value")) {
      RLX_TRY(const uint32_t id, count());
      a.value = ValueId(id);
    }
    a.written = in_.eat("written");
    a.constant = in_.eat("constant");
    k_.args.push_back(std::move(a));
    return {};
  }

  // m0[rows, 96] row_major at [0, 32]
  Result<ArgFrame> frame(const Arg& a) {
    ArgFrame f;
    RLX_TRY(f.memory, expect_numbered(in_, "m"));
    RLX_TRY(f.shape, parse_dims(in_));
    RLX_TRY(f.storage, parse_storage(in_, static_cast<int>(f.shape.size()), a.dtype));
    RLX_TRY_VOID(in_.expect("at"));
    RLX_TRY(f.start, parse_dims(in_));
    return f;
  }

  Status local() {
    Local l;
    RLX_TRY(const uint32_t number, expect_numbered(in_, "l"));
    RLX_TRY_VOID(expect_next(in_, "l", number, k_.locals.size()));
    RLX_TRY_VOID(tensor_type(l.dtype, l.shape));
    if (in_.eat("carry")) {
      do {
        Carry c;
        RLX_TRY(c.loop, parse_loop(in_));
        RLX_TRY_VOID(in_.expect("="));
        RLX_TRY(c.init, parse_scalar(in_, l.dtype));
        l.carry.push_back(c);
      } while (in_.eat(","));
    }
    k_.locals.push_back(std::move(l));
    return {};
  }

  Status grid() {
    RLX_TRY(k_.grid, parse_nest(in_));
    return {};
  }

  // Takes the name of a kind where one comes next.
  template <class... Kinds>
  bool eat_kind(std::variant<Kinds...>& detail) {
    auto eat = [&](auto none) {
      if (!in_.eat(name(none.kKind))) return false;
      detail = std::move(none);
      return true;
    };
    return (eat(Kinds{}) || ...);
  }

  Status stage(Detail detail) {
    RLX_TRY(Stage s, StageParser(in_, k_, std::move(detail)).stage());
    k_.stages.push_back(std::move(s));
    return {};
  }

  Cursor& in_;
  Kernel k_;
};

}  // namespace

Result<Vec<Kernel>> parse_kernels(std::string_view text) {
  Cursor in(text);
  Vec<Kernel> kernels;
  for (in.skip_comments(); !in.done(); in.skip_comments()) {
    RLX_TRY(Kernel k, KernelParser(in).kernel());
    kernels.push_back(std::move(k));
  }
  return kernels;
}

}  // namespace rlx
