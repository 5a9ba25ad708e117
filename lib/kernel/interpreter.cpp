#include "kernel/interpreter.h"

#include <cstring>

#include "kernel/codes.h"
#include "kernel/element.h"
#include "kernel/eval.h"

namespace rlx {
namespace {

// One element of any dtype.
struct Cell {
  alignas(8) std::byte bytes[8] = {};
};

Cell cell_of(const Scalar& s) {
  Cell c;
  with_type(s.dtype, [&]<class T>() {
    T v{};
    if constexpr (std::is_floating_point_v<T>)
      v = static_cast<T>(s.f);
    else if constexpr (std::is_integral_v<T>)
      v = static_cast<T>(s.i);
    else
      v = convert<T>(static_cast<float>(s.f));
    std::memcpy(c.bytes, &v, sizeof v);
  });
  return c;
}

Cell eval_cell(Fn fn, DType operand, DType result, std::initializer_list<const Cell*> args) {
  Vec<const std::byte*> pointers;
  for (const Cell* a : args) pointers.push_back(a->bytes);
  Cell out;
  eval(fn, operand, result, pointers, out.bytes, 1);
  return out;
}

int64_t as_index(const Cell& c) {
  int64_t v = 0;
  std::memcpy(&v, c.bytes, sizeof v);
  return v;
}

// The values of loops by id.
using Loops = Vec<int64_t>;

int64_t value_of(const Dim& d, const Loops& loops);

int64_t value_of(const Atom& a, const Loops& loops) {
  if (a.kind == Atom::Kind::kLoop) return loops[a.loop.index];
  RLX_CHECK(a.kind != Atom::Kind::kSymbol, "a symbol without a value");
  int64_t x = value_of(a.args[0], loops), y = value_of(a.args[1], loops);
  switch (a.kind) {
    case Atom::Kind::kFloorDiv: return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
    case Atom::Kind::kMod: return (x % y + y) % y;
    case Atom::Kind::kMin: return std::min(x, y);
    case Atom::Kind::kMax: return std::max(x, y);
    case Atom::Kind::kSymbol:
    case Atom::Kind::kLoop: break;
  }
  return 0;
}

int64_t value_of(const Dim& d, const Loops& loops) {
  int64_t sum = 0;
  for (const Term& t : d.terms()) {
    int64_t product = t.coefficient;
    for (const Atom& a : t.factors) product *= value_of(a, loops);
    sum += product;
  }
  return sum;
}

// Every symbol of the kernel replaced by its value.
Kernel with_numbers(Kernel k, const std::map<std::string, int64_t>& symbols) {
  std::map<std::string, Dim> values(symbols.begin(), symbols.end());
  auto bind = [&](Dim& d) { d = substitute_symbols(d, values); };
  for (Arg& a : k.args)
    for (Dim& d : a.shape) bind(d);
  for (Local& l : k.locals)
    for (Dim& d : l.shape) bind(d);
  for (Loop& l : k.grid) bind(l.extent);
  for (Stage& s : k.stages) {
    for (Loop& l : s.loops) bind(l.extent);
    for (Vec<Access>* list : {&s.reads, &s.writes})
      for (Access& a : *list)
        for (AxisIndex& i : a.index) bind(i.dim);
    for (Expr& e : s.body)
      if (e.fn == Fn::kIndex) bind(e.dim);
    expand_math(s);
  }
  return k;
}

int64_t number(const Dim& d) {
  std::optional<int64_t> c = d.constant();
  RLX_CHECK(c.has_value(), "an extent without a value: " + to_text(d));
  return *c;
}

// A tensor's bytes and how indexes become offsets.
struct Memory {
  std::byte* data = nullptr;
  DType dtype = DType::kF32;
  Vec<int64_t> shape;
  Storage storage;
  Vec<int64_t> strides;

  Memory(std::byte* bytes, DType type, const Vec<Dim>& dims, const Storage& s)
      : data(bytes), dtype(type), storage(s) {
    for (const Dim& d : dims) shape.push_back(number(d));
    for (const Dim& d : physical_strides(s, dims)) strides.push_back(number(d));
  }

  std::byte* at(const Vec<int64_t>& index) const {
    int64_t offset = 0;
    for (size_t p = 0; p < strides.size(); ++p) {
      const PhysicalDim& d = storage.dims[p];
      int64_t c =
          (index[static_cast<size_t>(d.axis)] + storage.padding[static_cast<size_t>(d.axis)].lo) /
          d.div;
      offset += strides[p] * (d.mod != 0 ? c % d.mod : c);
    }
    return data + offset * size_of(dtype);
  }
};

class Machine {
 public:
  Machine(const Kernel& k, const std::map<std::string, int64_t>& symbols,
          const Vec<std::span<std::byte>>& buffers)
      : k_(with_numbers(k, symbols)), loops_(k.loop_count) {
    for (size_t a = 0; a < k_.args.size(); ++a)
      args_.emplace_back(buffers[a].data(), k_.args[a].dtype, k_.args[a].shape, k_.args[a].storage);
    for (const Local& l : k_.locals) {
      int64_t elements = number(product(l.shape));
      local_bytes_.emplace_back(static_cast<size_t>(elements * size_of(l.dtype)));
      locals_.emplace_back(local_bytes_.back().data(), l.dtype, l.shape,
                           Storage::row_major(static_cast<int>(l.shape.size())));
    }
  }

  Status run() {
    each_point(k_.grid, [&] { point(); });
    if (problem_) return std::move(*problem_);
    return {};
  }

 private:
  // Runs body at each point of the loops, outermost first.
  template <class F>
  void each_point(std::span<const Loop> loops, F body) {
    if (problem_) return;
    if (loops.empty()) return body();
    int64_t extent = number(loops[0].extent);
    for (int64_t i = 0; i < extent && !problem_; ++i) {
      loops_[loops[0].id.index] = i;
      each_point(loops.subspan(1), body);
    }
  }

  void point() {
    start_carried();
    for (const Stage& s : k_.stages) stage(s);
  }

  void start_carried() {
    for (size_t l = 0; l < k_.locals.size(); ++l)
      for (const Carry& c : k_.locals[l].carry) {
        if (loops_[c.loop.index] != 0) continue;
        Cell init = cell_of(c.init);
        size_t size = static_cast<size_t>(size_of(k_.locals[l].dtype));
        for (size_t i = 0; i < local_bytes_[l].size(); i += size)
          std::memcpy(local_bytes_[l].data() + i, init.bytes, size);
      }
  }

  void stage(const Stage& s) {
    cells_.assign(s.body.size(), {});
    switch (s.kind) {
      case Kind::kMap: return each_point(s.loops, [&] { finish(s, {}); });
      case Kind::kReduce: return reduce(s);
      case Kind::kScan: return scan(s);
      case Kind::kContract: return product_sum(s, s.loops, s.contract().acc);
      case Kind::kConv: return product_sum(s, window_first(s), s.conv().acc);
      case Kind::kAttention:
      case Kind::kSort:
      case Kind::kCall: break;
    }
    problem_ =
        Error(kNotInterpreted, "the interpreter has no stage of kind " + std::string(name(s.kind)));
  }

  static Vec<Loop> window_first(const Stage& s) {
    Vec<Loop> loops;
    for (LoopId id : s.conv().window)
      for (const Loop& l : s.loops)
        if (l.id == id) loops.push_back(l);
    for (const Loop& l : s.loops)
      if (l.id == s.conv().in_channel) loops.push_back(l);
    return loops;
  }

  void reduce(const Stage& s) {
    const Reduction& r = s.reduction();
    std::span<const Loop> loops = s.loops;
    size_t outer = loops.size() - r.over.size();
    std::optional<Vec<Fn>> merge = lane_merge(s);
    size_t lanes = merge && !r.over.empty() ? kReductionLanes : 1;
    each_point(loops.first(outer), [&] {
      Vec<Vec<Cell>> acc(lanes);
      for (Vec<Cell>& lane : acc)
        for (const Scalar& init : r.init) lane.push_back(cell_of(init));
      each_point(loops.subspan(outer), [&] {
        size_t lane = lanes == 1 ? 0 : static_cast<size_t>(loops_[s.loops.back().id.index]) % lanes;
        step(s, r.combine, acc[lane]);
      });
      for (size_t half = lanes / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; ++i)
          for (size_t a = 0; a < r.acc.size(); ++a)
            acc[i][a] = eval_cell((*merge)[a], r.acc[a], r.acc[a], {&acc[i][a], &acc[i + half][a]});
      finish(s, acc[0]);
    });
  }

  void scan(const Stage& s) {
    const Scan& c = std::get<Scan>(s.detail);
    std::span<const Loop> loops = s.loops;
    int64_t extent = number(loops.back().extent);
    each_point(loops.first(loops.size() - 1), [&] {
      Vec<Cell> acc;
      for (const Scalar& init : c.init) acc.push_back(cell_of(init));
      for (int64_t i = 0; i < extent && !problem_; ++i) {
        loops_[loops.back().id.index] = c.reverse ? extent - 1 - i : i;
        if (c.exclusive) finish(s, acc);
        step(s, c.combine, acc);
        if (!c.exclusive) finish(s, acc);
      }
    });
  }

  void step(const Stage& s, const Vec<ExprId>& combine, Vec<Cell>& acc) {
    evaluate(s, combine, acc);
    Vec<Cell> next;
    for (ExprId c : combine) next.push_back(cells_[c.index]);
    acc = std::move(next);
  }

  // acc = fma(a, b, acc) over the loops in order.
  void product_sum(const Stage& s, const Vec<Loop>& loops, DType type) {
    Cell acc = cell_of(is_float(type) ? Scalar::of(type, 0) : Scalar::of_int(type, 0));
    each_point(loops, [&] {
      Cell a = operand(s, 0, type), b = operand(s, 1, type);
      acc = eval_cell(Fn::kFma, type, type, {&a, &b, &acc});
    });
    finish(s, {acc});
  }

  Cell operand(const Stage& s, uint32_t read, DType type) {
    Cell x = load(s, s.reads[read]);
    DType from = memory(s.reads[read]).dtype;
    return from == type ? x : eval_cell(Fn::kCast, from, type, {&x});
  }

  void finish(const Stage& s, const Vec<Cell>& acc) {
    evaluate(s, s.results, acc);
    for (size_t w = 0; w < s.writes.size() && !problem_; ++w)
      store(s, s.writes[w], s.body[s.results[w].index].type, cells_[s.results[w].index]);
  }

  const Vec<bool>& needed_for(const Stage& s, const Vec<ExprId>& roots) {
    auto key = std::pair(&s, &roots);
    auto it = needed_.find(key);
    if (it == needed_.end()) it = needed_.emplace(key, needed(s, roots)).first;
    return it->second;
  }

  void evaluate(const Stage& s, const Vec<ExprId>& roots, const Vec<Cell>& acc) {
    const Vec<bool>& wanted = needed_for(s, roots);
    for (size_t n = 0; n < s.body.size() && !problem_; ++n)
      if (wanted[n]) cells_[n] = node(s, s.body[n], acc);
  }

  Cell node(const Stage& s, const Expr& e, const Vec<Cell>& acc) {
    if (e.fn == Fn::kConst) return cell_of(e.scalar);
    if (e.fn == Fn::kAcc) return acc[e.index];
    if (e.fn == Fn::kLoad) return load(s, s.reads[e.index]);
    if (e.fn == Fn::kIndex) return cell_of(Scalar::of_int(DType::kI64, value_of(e.dim, loops_)));
    const std::byte* args[4] = {};
    for (size_t a = 0; a < e.args.size(); ++a) args[a] = cells_[e.args[a].index].bytes;
    // A select's operands are its branches.
    DType operand = s.body[e.args[e.fn == Fn::kSelect ? 1 : 0].index].type;
    Cell out;
    eval(e.fn, operand, e.type, std::span(args, e.args.size()), out.bytes, 1);
    return out;
  }

  const Memory& memory(const Access& a) const {
    return a.of == Access::Of::kLocal ? locals_[a.tensor] : args_[a.tensor];
  }

  // Fills index_; what a fill bounds rule says where the element is outside.
  std::optional<Cell> locate(const Stage& s, const Access& a) {
    const Memory& m = memory(a);
    index_.resize(a.index.size());
    std::optional<Cell> outside;
    for (size_t i = 0; i < a.index.size() && !problem_; ++i) {
      int64_t extent = m.shape[i];
      int64_t v = a.index[i].expr ? as_index(cells_[a.index[i].expr->index])
                                  : value_of(a.index[i].dim, loops_);
      if (a.index[i].from_end && v < 0) v += extent;
      index_[i] = bounded(s, a.bounds[i], v, extent, outside);
    }
    return outside;
  }

  int64_t bounded(const Stage& s, const Bounds& b, int64_t v, int64_t extent,
                  std::optional<Cell>& outside) {
    if (v >= 0 && v < extent) return v;
    switch (b.rule) {
      case Bounds::Rule::kProven:
        RLX_CHECK(false, "an index proven inside is outside, in stage " + s.name);
        break;
      case Bounds::Rule::kChecked: report(s, v, extent); break;
      case Bounds::Rule::kFill: outside = cell_of(b.fill); break;
      case Bounds::Rule::kClamp: return std::clamp<int64_t>(v, 0, extent - 1);
      case Bounds::Rule::kReflect: {
        int64_t period = std::max<int64_t>(1, 2 * (extent - 1));
        int64_t r = (v % period + period) % period;
        return std::min(r, period - r);
      }
      case Bounds::Rule::kWrap: return (v % extent + extent) % extent;
    }
    return 0;
  }

  void report(const Stage& s, int64_t v, int64_t extent) {
    Diagnostic d{.code = kIndexOutside,
                 .message = "index " + std::to_string(v) + " is out of range for an axis of " +
                            std::to_string(extent)};
    d.node = s.origin.empty() ? s.name : s.origin.front();
    problem_ = Error(std::move(d));
  }

  Cell load(const Stage& s, const Access& a) {
    std::optional<Cell> outside = locate(s, a);
    if (outside) return *outside;
    Cell c;
    if (!problem_)
      std::memcpy(c.bytes, memory(a).at(index_), static_cast<size_t>(size_of(memory(a).dtype)));
    return c;
  }

  static Fn function_of(Combine c) {
    switch (c) {
      case Combine::kAdd: return Fn::kAdd;
      case Combine::kMax: return Fn::kMax;
      case Combine::kMin: return Fn::kMin;
      case Combine::kMul: return Fn::kMul;
      case Combine::kSet: break;
    }
    return Fn::kAdd;
  }

  void store(const Stage& s, const Access& a, DType type, Cell value) {
    if (locate(s, a) || problem_) return;
    std::byte* to = memory(a).at(index_);
    size_t size = static_cast<size_t>(size_of(memory(a).dtype));
    if (a.combine != Combine::kSet) {
      Cell old;
      std::memcpy(old.bytes, to, size);
      value = eval_cell(function_of(a.combine), type, type, {&old, &value});
    }
    std::memcpy(to, value.bytes, size);
  }

  Kernel k_;
  Loops loops_;
  Vec<Memory> args_, locals_;
  Vec<Vec<std::byte>> local_bytes_;
  // Of the stage's body at the point.
  Vec<Cell> cells_;
  Vec<int64_t> index_;
  std::map<std::pair<const Stage*, const Vec<ExprId>*>, Vec<bool>> needed_;
  std::optional<Error> problem_;
};

}  // namespace

Status interpret(const Kernel& k, const std::map<std::string, int64_t>& symbols,
                 const Vec<std::span<std::byte>>& buffers) {
  return Machine(k, symbols, buffers).run();
}

int64_t buffer_bytes(const Arg& arg, const std::map<std::string, int64_t>& symbols) {
  std::map<std::string, Dim> values(symbols.begin(), symbols.end());
  return number(substitute_symbols(storage_elements(arg.storage, arg.shape), values)) *
         size_of(arg.dtype);
}

}  // namespace rlx
