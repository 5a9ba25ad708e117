// The waist: small loop programs that every backend compiles and no operator looks behind.
//
// A Kernel runs its stages in order at each point of its grid. Grid points are independent
// (parallel loops) or carried in order (sequential loops). A stage has loops of its own inside a
// grid point. Locals live for one grid point. Stages read and write arguments (buffers) and locals
// through Accesses only.
#pragma once
#include <functional>
#include <variant>

#include "ir/graph.h"
#include "kernel/expr.h"

namespace rlx {

struct Loop {
  LoopId id;
  Dim extent;
  bool sequential = false;

  bool operator==(const Loop&) const = default;
};

// A local carried over a sequential grid loop starts as init and keeps its value from step to step.
struct Carry {
  LoopId loop;
  Scalar init;

  bool operator==(const Carry&) const = default;
};

// Shape [] is one register's worth; other shapes live in L1 or scratch.
struct Local {
  DType dtype = DType::kF32;
  Vec<Dim> shape = {};
  Vec<Carry> carry = {};

  bool operator==(const Local&) const = default;
};

// The tensor that an argument is a box of, in whose memory it lies: a concatenation of which it is a part, what
// a slice was taken from.
struct ArgFrame {
  // Arguments of a kernel whose frames have the same number lie in one memory; others never overlap.
  uint32_t memory = 0;
  Vec<Dim> shape = {};
  // Plain. The argument's own is storage_of() the box.
  Storage storage = {};
  // Where the box begins.
  Vec<Dim> start = {};

  bool operator==(const ArgFrame&) const = default;
};

// A tensor that a kernel reads or writes: its `value` in the graph, and how it lies in memory.
struct Arg {
  // For text: "%12".
  std::string name;
  ValueId value;
  DType dtype = DType::kF32;
  Vec<Dim> shape = {};
  Storage storage = {};
  bool written = false;
  // Bytes known at compile time: storage is the packed form.
  bool constant = false;
  // None: its memory is its own.
  std::optional<ArgFrame> frame = std::nullopt;

  bool operator==(const Arg&) const = default;
};

enum class Combine : uint8_t { kSet, kAdd, kMax, kMin, kMul };

// What an index outside of its axis means.
struct Bounds {
  enum class Rule : uint8_t { kProven, kChecked, kFill, kClamp, kReflect, kWrap };

  Rule rule = Rule::kProven;
  // With kFill.
  Scalar fill = {};

  bool operator==(const Bounds&) const = default;
};

// Which axis index: an expression over loops and symbols, or the value of an i64 Expr of the
// stage's body (a gather). A negative Expr index counts from the end where `from_end`.
struct AxisIndex {
  Dim dim = {};
  std::optional<ExprId> expr = std::nullopt;
  bool from_end = false;

  bool operator==(const AxisIndex&) const = default;
};

struct Access {
  enum class Of : uint8_t { kArg, kLocal };

  Of of = Of::kArg;
  // Into Kernel::args or Kernel::locals.
  uint32_t tensor = 0;
  // One per logical axis.
  Vec<AxisIndex> index = {};
  Vec<Bounds> bounds = {};
  Combine combine = Combine::kSet;

  bool operator==(const Access&) const = default;
};

// ---- What the kinds of stages add -------------------------------------------------------------
//
// Each struct says its kind, and is a record whose members generic code walks by their types:
// visit_detail() in kernel/detail.h.

enum class Kind : uint8_t { kMap, kReduce, kScan, kContract, kConv, kSort };

std::string_view name(Kind kind);

// The results at each point of the stage's loops.
struct Map {
  static constexpr Kind kKind = Kind::kMap;

  bool operator==(const Map&) const = default;
};

// In which order a stage sums up, or reduces: a part of what the kernel means, so that every algorithm gives the
// same bits. It follows from extents, never from a target.
//
// The outermost loop summed over is cut into `parts` runs of the same length, the last of them shorter or empty
// (steps_of_run). Each run is reduced by itself, from init and in the inner order; then the runs' accumulators are
// merged, one after the other (merges_of).
//
// kSequence: one accumulator, loops from outermost to innermost.
// kLanes: 32 lanes, each of which starts as init. Element i of the innermost loop goes to lane i mod 32; outer
// loops run in sequence on the same lanes. At the end lanes merge pairwise: i with i + 16, then + 8, + 4, + 2, + 1.
// (32 are two vectors of 512 bits: a processor adds to one while the sum of the other is under way.)
struct Order {
  enum class Inner : uint8_t { kSequence, kLanes };

  Inner inner = Inner::kSequence;
  Dim parts = 1;
  // The number of the one run that a grid point reduces, and whose accumulators its results use; none: all runs.
  std::optional<Dim> run = std::nullopt;

  // Whether there is more than one run, or only a part of the steps is taken.
  bool is_cut() const { return run || !parts.is(1); }
  bool operator==(const Order&) const = default;
};

// acc = init; for each point of `over`, in the stated order: acc = combine(acc, values); then the
// results. `over` are the innermost loops of the stage; the results are written at each point of
// the others.
struct Reduction {
  static constexpr Kind kKind = Kind::kReduce;

  Vec<LoopId> over = {};
  // One entry per accumulator: type, initial value, next value (reads kAcc; an id of Stage::body).
  Vec<DType> acc = {};
  Vec<Scalar> init = {};
  Vec<ExprId> combine = {};
  Order order = {.inner = Order::Inner::kLanes};

  bool operator==(const Reduction&) const = default;
};

// out[batch, m, n] = sum over k of a[batch, m, k] * b[batch, k, n]: nodes of the body, of type acc;
// k are the innermost stage loops, the others loops of the grid or the stage. Per element:
// acc = fma(a, b, acc) from 0, in the stated order, whose inner is kSequence. kAcc 0 is the sum; the
// results may use it (and nothing else).
struct Contract {
  static constexpr Kind kKind = Kind::kContract;

  Vec<LoopId> m = {}, n = {}, k = {}, batch = {};
  ExprId a = {}, b = {};
  DType acc = DType::kF32;
  Order order = {};

  bool operator==(const Contract&) const = default;
};

// out[n, oc, pixel] = sum over ic and window of x[n, first + ic, start + window * dilation] * w[oc, ic,
// window]: nodes of the body, of type acc, whose first loads are these elements, on whatever axes; what else
// they load uses no loop of pixels or window, or is read at the same place. Each loop summed over stands in one
// axis of x and one of w, moves it by the same step, and has no other such loop beside it. `start` uses
// pixels (pixel * stride - pad, as a rule), `first` the out_channel (the group's first channel), w anything but
// batch. These numbers are nowhere but in the accesses: conv_geometry() reads them.
// Grid: batch, out_channel, pixels; stage loops: in_channel, window. Per element: acc = fma(x, w, acc)
// from 0, window loops as listed from outermost to innermost, in_channel innermost, in sequence; a fill
// that is read takes part.
struct Conv {
  static constexpr Kind kKind = Kind::kConv;

  LoopId batch, out_channel, in_channel;
  Vec<LoopId> pixel = {}, window = {};
  ExprId x = {}, w = {};
  DType acc = DType::kF32;

  bool operator==(const Conv&) const = default;
};

// `reduce` in sequence, but every step's accumulator is written: results per point of the loop,
// from before the step where exclusive; from the last point to the first where reverse. `over` is
// the innermost loop.
struct Scan {
  static constexpr Kind kKind = Kind::kScan;

  LoopId over;
  bool exclusive = false, reverse = false;
  // As in Reduction.
  Vec<DType> acc = {};
  Vec<Scalar> init = {};
  Vec<ExprId> combine = {};

  bool operator==(const Scan&) const = default;
};

// The first elements of `over` in ascending order of their keys, of equal ones the lower index first: `rank` counts
// them, no further than there are elements. kAcc 0 is the index of that element; results use it, most of them as
// the index of what they load. The innermost loops are `rank` and then `over`. The key is an i32 or i64 that does
// not use `rank`: op/shared/sort_key.h makes it of any number, and a descending order by the complement.
struct Sort {
  static constexpr Kind kKind = Kind::kSort;

  LoopId rank, over;
  ExprId key = {};
  DType acc = DType::kI64;

  bool operator==(const Sort&) const = default;
};

using Detail = std::variant<Map, Reduction, Scan, Contract, Conv, Sort>;

struct Stage {
  Detail detail = {};
  // "%12.0": the node and the stage's place in its lowering.
  std::string name = {};
  // Inside a grid point, outermost first.
  Vec<Loop> loops = {};
  Vec<Access> reads = {}, writes = {};
  Body body = {};
  // One per write.
  Vec<ExprId> results = {};
  Origin origin = {};
  // A product that may round otherwise than its kind says, within the bounds of docs/numerics.md: rows of the menu
  // that are not exact may run it. The interpreter does as the kind says.
  bool relaxed = false;

  Kind kind() const {
    return std::visit([](const auto& d) { return d.kKind; }, detail);
  }
  const Reduction& reduction() const { return std::get<Reduction>(detail); }
  const Contract& contract() const { return std::get<Contract>(detail); }
  const Conv& conv() const { return std::get<Conv>(detail); }
  const Scan& scan() const { return std::get<Scan>(detail); }
  const Sort& sort() const { return std::get<Sort>(detail); }
  bool operator==(const Stage&) const = default;
};

struct Kernel {
  std::string name = {};
  Vec<Arg> args = {};
  Vec<Loop> grid = {};
  Vec<Local> locals = {};
  Vec<Stage> stages = {};
  // Next free LoopId: ids are unique in a kernel.
  uint32_t loop_count = 0;

  bool operator==(const Kernel&) const = default;
};

// The argument as a box of its frame.
Box box_of(const Arg& framed);
// Whether an element of one may be an element of the other.
bool may_overlap(const Arg& a, const Arg& b);
// Elements that the memory behind the argument has.
Dim memory_elements(const Arg& arg);

// Ranges of loops (0 <= i < extent) and, through `symbols` (empty: not negative), of the rest: what
// simplify() needs. `stage` may be null: the grid's loops alone.
RangeOf ranges_of(const Kernel& k, const Stage* stage, RangeOf symbols);

// The function that merges two values of each accumulator (add, mul, min, max, and, or, xor): that of lanes and runs.
// nullopt where one accumulator has none: the stage then goes over its steps in sequence, in one run.
// A reduction merges where combine is that function (or fma) of the accumulator and something free of accumulators,
// and init is its identity; products add.
std::optional<Vec<Fn>> merges_of(const Stage& s);
// What merging starts from: merge(identity, x) is x, bit for bit.
Scalar identity_of(Fn merge, DType type);
inline constexpr int64_t kReductionLanes = 32;

// Whether all of its products are relaxed.
bool is_relaxed(const Kernel& k);

// In which order the stage sums up or reduces; null for kinds that have none.
const Order* order_of(const Stage& s);
// Says so where nothing is left to merge: folding can leave a combine that is its accumulator, and then one
// run in sequence gives the same.
void settle_order(Stage& s);
// Steps [first, last) of the outermost loop summed over.
struct Steps {
  Dim first, last;
};
// Of run number `run`. Where no other loop is summed over, runs begin at multiples of the lanes.
Steps steps_of_run(const Stage& s, const Dim& run);

// What messages call it: the node that it was lowered from, the first of several, or else its name.
const std::string& node_of(const Kernel& k);
// Loops of the stage that have ended when its results are written, in the order in which they run.
Vec<LoopId> ended_loops(const Stage& s);
Vec<DType> accumulator_types(const Stage& s);
// The loop of that id, or null.
const Loop* find_loop(const Vec<Loop>& loops, LoopId id);
Vec<LoopId> ids_of(const Vec<Loop>& loops);
bool uses_any(const Dim& d, const Vec<LoopId>& loops);
// The two factors of a contract or conv, left one first; none for other kinds.
Vec<ExprId> operands(const Stage& s);
// The reads that the root needs, each once, in the order of their first loads.
Vec<uint32_t> loaded_reads(const Stage& s, ExprId root);
// The nodes that the roots need, those behind the indexes of loads included.
Vec<bool> needed(const Stage& s, const Vec<ExprId>& roots);
// Calls f with every ExprId that the stage holds outside of its body's nodes: results, combine,
// indexes.
void each_root(Stage& s, const std::function<void(ExprId&)>& f);
// expand_math of the body; every id of the stage is updated.
void expand_math(Stage& s);
// Removes nodes, reads, locals and arguments that nothing uses. Written arguments stay.
void remove_unused(Kernel& k);
// Removes arguments and locals that no stage reads or writes, and says of the others who is written.
void drop_unused(Kernel& k);

// Text form: parse(print(k)) == k (kernel/text.cpp). `--emit=kernel` prints it, backend tests read
// it.
std::string to_text(const Kernel& k);
std::string to_text(const Vec<Kernel>& kernels);
Result<Vec<Kernel>> parse_kernels(std::string_view text);

// Ids in range, loops used where they are in scope, one writer per element, geometry of contract
// and conv against their accesses, dtypes of every Expr. A violation is a bug of the lowering or of
// a test's text.
Status verify(const Kernel& k);

}  // namespace rlx
