// Accesses made ready for code: bounds rules turned into index arithmetic and guards, storages into
// addresses, and how each address moves along the lanes. LLVM-free.
#pragma once
#include "image/image.h"
#include "kernel/address.h"

namespace rlx::backend {

// An index that must be inside of its axis: 0 <= index < extent.
struct Guard {
  Dim index, extent;
  // What is read outside; none: outside is the user's error, `site` of the kernel's.
  std::optional<Scalar> fill = std::nullopt;
  int site = -1;
  // Lanes outside have addresses outside of the tensor: they must not be touched.
  bool masked = false;
};

// The value of an Expr used as an index stands in Dims as a loop of its own.
struct ExprIndex {
  LoopId loop;
  ExprId expr;
  // Negative values count from the end of an axis of this extent.
  std::optional<Dim> from_end = std::nullopt;
};

struct Ref {
  Access::Of of = Access::Of::kArg;
  // Into Kernel::args or Kernel::locals.
  uint32_t tensor = 0;
  DType dtype = DType::kF32;
  Combine combine = Combine::kSet;
  // A local that is held as a value, never in memory; a write may keep the value and store it as well.
  bool in_register = false;
  bool keep = false;
  // In elements, over loops, symbols and expr indexes.
  Dim address = {};
  Vec<ExprIndex> exprs = {};
  Vec<Guard> guards = {};
  // Change of the address per lane: 0 uniform, 1 contiguous; none: not affine.
  std::optional<Dim> stride = std::nullopt;
  // Lanes past the end of their loop lie in padding of the tensor: they may be read, and a write puts
  // `padding` there (anything, where there is none).
  bool whole = false;
  std::optional<Scalar> padding = std::nullopt;

  bool uniform() const { return stride && stride->is(0); }
  bool contiguous() const { return stride && stride->is(1); }
};

struct StageRefs {
  const Stage* stage = nullptr;
  Vec<Ref> reads, writes;
};

// How a kernel's accesses are to be resolved.
struct RefOptions {
  // The loop over the lanes of vectors, and how many of them; none: scalar code.
  LoopId lane_loop = {};
  int lanes = 1;
  // Locals in memory hold an element per lane, lanes innermost: a grid loop runs over the lanes.
  bool locals_per_lane = false;
};

// The refs of a stage of k.
StageRefs resolve(const Kernel& k, const Stage& s, const RefOptions& options);
// Where an index can be found wrong at run time, in the order of stages, reads, writes and axes.
Vec<image::Site> sites_of(const Kernel& k);

// Elements that the rows of locals are padded to: the widest vector of any machine.
inline constexpr int kRowMultiple = 16;

// Whether l is a value at each grid point; else it has memory in scratch.
bool in_register(const Local& l);
// The memory of a local as an argument: row-major, rows padded to whole vectors.
Arg local_storage(const Local& l);
// Ranges of the kernel's and the stage's loops (null: the grid alone); nothing is known of symbols.
RangeOf loop_ranges(const Kernel& k, const Stage* s);

}  // namespace rlx::backend
