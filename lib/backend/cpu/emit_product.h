// The sums of one product of a register tile: its operands' addresses, its staged rows, its loops over the depth.
#pragma once
#include "backend/cpu/machine.h"
#include "backend/cpu/tile_shape.h"
#include "backend/llvm/emit_access.h"

namespace rlx::backend::cpu {

class ProductEmitter {
 public:
  // The loops of a tile's row, by its number in the tile.
  using RowAt = std::function<Point(llvm::Value* row)>;

  // `number` of TileShape::products; its stage with lanes along the columns. Everything given outlives this.
  ProductEmitter(Function& f, const X86& machine, const TileShape& shape, size_t number,
                 const StageRefs& refs);

  // Where the left operand is read as it lies: elements between the rows of a tile, if that is a constant for
  // all tiles whose rows all exist.
  std::optional<int64_t> row_step() const { return row_step_; }

  // The rows of a new tile. `even`: they all exist, and row_step() is between them.
  void begin_rows(const Point& batch, llvm::Value* row_tile, const RowAt& at, bool even);
  // Sums of the tile's rows and `vectors` panels from p on, by row and vector; `remaining` columns of a last
  // panel, null: all.
  Regs sums(llvm::Value* p, int64_t vectors, llvm::Value* remaining);
  // Sums wait in scratch until all products of the tile are summed up.
  void park(const Regs& sums);
  // Those of vector `index` of the tile.
  llvm::Value* sum_at(llvm::Value* index);

 private:
  // One loop of the sum, with what a step adds to the addresses of the left operand and of each read of the
  // right one.
  struct Depth {
    Dim extent;
    Vec<Dim> steps;

    // Whether `inner` goes on where a step of this loop leads.
    bool continues(const Depth& inner) const;
  };

  // The left operand where it is not staged, and the i-th read of the right one.
  const Ref& left() const { return refs_.reads[p_.left[0]]; }
  const Ref& right(size_t i) const { return refs_.reads[p_.right[i]]; }
  bool is_grouped() const { return p_.group > 1; }
  bool moves_with_columns() const { return p_.run != 0; }
  llvm::Value* dim(const Dim& d);

  void collect_depth();
  Depth depth_at(size_t level) const;
  Dim step_along(const Ref& r, LoopId loop) const;
  static Dim in_memory(const Ref& r, const Dim& elements);
  Dim staged_step(size_t level) const;
  void decide_rows();
  bool nests(const Vec<Loop>& loops) const;

  void point_ahead(llvm::Value* p, int64_t vectors);
  void look_ahead(llvm::Value* offset);
  llvm::Value* parked(llvm::Value* index);
  void point_at_rows(llvm::Value* column);
  Point at_depth_start(Point at);
  llvm::Value* pointer(const Ref& r, const Point& at);
  llvm::Value* moved(const Ref& r, llvm::Value* p, llvm::Value* offset);

  void stage_rows(const RowAt& row_at);
  void stage_row(size_t level, const Point& at, llvm::Value* index);
  void stage_zero(llvm::Value* r, const Point& at);
  void stage_vectors(const Loop& l, const Point& at, llvm::Value* index);
  void stage_vector(const Point& at, llvm::Value* row, llvm::Value* i);
  llvm::Value* grouped(const Point& at, llvm::Value* values);
  llvm::Value* scratch_at(const Dim& offset);
  llvm::Value* staged(llvm::Value* index);
  llvm::Value* zero_of(llvm::Value* row);

  Regs sum(size_t level, const Regs& offsets, const Vec<Regs>& panels, const Regs& sums);
  Regs innermost(const Depth& d, const Regs& offsets, const Vec<Regs>& panels, const Regs& sums);
  Regs stepped(Regs offsets, const Depth& d, llvm::Value* steps);
  Regs step(const Regs& at, const Vec<Regs>& panels, Regs sums);
  void correct(Regs& sums, size_t vectors);
  llvm::Value* dot(llvm::Value* sums, llvm::Value* x, llvm::Value* right);

  llvm::Value* left_factor(size_t r, llvm::Value* offset);
  llvm::Value* left_lanes(llvm::Value* first);
  llvm::Value* right_factor(const Regs& p, const Regs& at);
  llvm::Value* load_right(const Ref& r, llvm::Value* p);
  llvm::Value* load_halves(const Ref& r, llvm::Value* p);
  llvm::Instruction* load_groups(const Ref& r, llvm::Value* p);
  llvm::Instruction* load_one(const Ref& r, llvm::Value* p);
  llvm::Instruction* load_columns(const Ref& r, llvm::Value* p);
  llvm::Instruction* gather(const Ref& r, llvm::Value* p, llvm::Type* vector);
  llvm::Value* repeated(llvm::Value* columns);

  llvm::Type* sum_type() { return value_type(f_, s_.loops.acc); }
  llvm::Type* sums_type() { return vector_of(sum_type()); }
  llvm::Type* grouped_type();
  llvm::Type* groups_of(llvm::Type* element);
  llvm::Type* vector_of(llvm::Type* element);
  llvm::Align sum_align() const;

  Function& f_;
  const X86& machine_;
  const TileShape& s_;
  const Product& p_;
  const ProductShape& shape_;
  const Stage& stage_;
  int columns_;
  RangeOf range_;
  const StageRefs& refs_;
  // The stage with its lanes along the depth.
  StageRefs staged_;
  Vec<Depth> depth_;
  std::optional<int64_t> row_step_;
  // Of the tile being written: its batch; pointers to the left operand's rows, one where they are a constant step apart,
  // else one a row; that step; columns of a last panel.
  Regs rows_;
  Point batch_;
  RowAt row_at_;
  std::optional<int64_t> step_;
  llvm::Value* remaining_ = nullptr;
  // Its number among the row tiles; its part of the next block.
  llvm::Value *row_tile_ = nullptr, *ahead_ = nullptr;
};

}  // namespace rlx::backend::cpu
