// A unit is a kernel on its way through planning, with the nodes that it runs; or control: a node that owns regions
// or tells extents, with what it reads and gives as a kernel without stages, which nothing is merged with.
#pragma once
#include "ir/graph.h"
#include "kernel/substitute.h"

namespace rlx {

struct Unit {
  Kernel kernel;
  // Whose results it makes, in the order of fusion. A copy that became an index leaves no trace here.
  Vec<NodeId> nodes;
  // In which the nodes stand.
  RegionId region = Graph::kTop;
  // That the node owns.
  Vec<RegionId> regions = {};
  // Whether no kernel runs: the node owns regions, or tells extents.
  bool is_control = false;
  // Of control: a value that stands for the symbols that it tells; else invalid.
  ValueId tells = {};
  // Those of units before it that tell what this one speaks of.
  Vec<ValueId> awaits = {};
};

// Whether nothing is left to run.
bool is_gone(const Unit& u);

// The argument that holds v, or null.
const Arg* arg_of(const Kernel& k, ValueId v);
// Whether the access is of an argument that holds v.
bool is_of(const Kernel& k, const Access& a, ValueId v);
// Whether any stage reads v from memory.
bool reads(const Kernel& k, ValueId v);
// Whether any stage is a contract or a conv.
bool has_product(const Kernel& k);
bool is_product(const Stage& s);
// Whether each index moves by the same step along each loop.
bool is_affine(const Access& a);
// Whether it does along the loops of a product's rows, columns and sums, as products need it of their operands: along
// those of its batch, as where heads share keys, it goes where it likes.
bool is_even(const Stage& product, const Access& a);
// The index of v's argument, added from `like` where it is not there yet.
uint32_t find_or_add_arg(Kernel& k, const Arg& like);

}  // namespace rlx
