// A sort stage at one point of its outer loops: a heap of the elements that come first, the last of them on top
// (Williams, Algorithm 232, 1964), which each element displaces that comes before it; then the heap is taken apart
// from its end. With n elements and k ranks n + k log n steps where few displace, and never more than n log k: the
// same code ranks a few of many and sorts all. Keys with their indexes are totally ordered, so that any algorithm
// has the result.
#pragma once
#include "backend/llvm/emit_access.h"

namespace rlx::backend {

class Sorter {
 public:
  // Memory for as many keys and i64 indexes as there are ranks.
  Sorter(Function& f, const StageRefs& s, llvm::Value* keys, llvm::Value* indexes);

  // Writes the results of all ranks at the point.
  void emit(const Point& at, Regs& locals);

 private:
  // A key and its index, in registers.
  struct Item {
    llvm::Value *key, *index;
  };

  void fill_up(llvm::Value* ranks);
  void take_all(const Point& at, const Regs& locals, llvm::Value* ranks);
  void take_apart(llvm::Value* ranks);
  void sift_down(const Item& item, llvm::Value* size);
  llvm::Value* later_child(llvm::Value* hole, llvm::Value* size);
  llvm::Value* is_later(const Item& a, const Item& b);
  Item load(llvm::Value* place);
  void store(llvm::Value* place, const Item& item);
  llvm::Value* extent(LoopId loop, const Point& at);

  Function& f_;
  const StageRefs& s_;
  llvm::Value *keys_, *indexes_;
  llvm::Type* key_type_;
};

}  // namespace rlx::backend
