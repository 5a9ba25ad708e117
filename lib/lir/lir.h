// LIR: the optimised graph with its plan. The waist between deciding and emitting: plain data that prints
// as JSON into the cache; kernels are derived from it by replay(), plan/plan.h, and never stored.
#pragma once
#include "ir/graph.h"
#include "ir/text.h"
#include "target/menu.h"

namespace rlx {

// The kernel that runs `writer` and the one that runs `reader` become one.
struct Fusion {
  NodeId writer, reader;

  bool operator==(const Fusion&) const = default;
};

// The accumulators of runs between the two kernels of a split. No node names the value.
struct Accumulator {
  ValueId value;
  Type type;

  bool operator==(const Accumulator&) const = default;
};

// The kernel whose first node this is becomes two: one reduces the runs of its first stage, the other merges them.
struct Split {
  NodeId node;
  Vec<Accumulator> accumulators = {};

  bool operator==(const Split&) const = default;
};

// Makes the values of the split, whose ids have to be free: behind the graph's, or read with it.
void add_accumulators(Graph& g, const Split& split);

// Where a value lies that is a box of another one.
struct Inside {
  // Into Lir::placed; lies in no other.
  uint32_t container = 0;
  // Of the box, per axis.
  Vec<Dim> start = {};

  bool operator==(const Inside&) const = default;
};

// A value in memory, in one storage. Copy 0 is what its producer writes (or the input, or the constant's
// first form); other copies are the same value in another storage.
struct Placed {
  ValueId value;
  int copy = 0;
  // Of a box: as storage_of() says, kernel/storage.h.
  Storage storage = {};
  // The buffer it lies in: a box's is its container's, any other value has one of its own.
  uint32_t buffer = 0;
  std::optional<Inside> inside = std::nullopt;

  bool operator==(const Placed&) const = default;
};

// A graph input that a graph output holds from its beginning along an axis: what went by, and more behind it. The
// memory of each has room for more along that axis, as much as a symbol says. Where the output is fed back to the input
// both lie in one memory, and copying the one into the other is nothing to do.
struct State {
  ValueId input, output;
  uint32_t axis = 0;
  // Symbols of no graph. Each is at least the extent of its value, which it is where nothing is fed back.
  std::string input_capacity, output_capacity;

  bool operator==(const State&) const = default;
};

// One item of the plan: a kernel, or a node that owns regions, which has a block of items for each.
//
// Items are a tree, written in the order in which control may come to them: the blocks of an item stand behind it, one
// after the other. Only what stands in the block that is taken runs.
struct Group {
  std::string name;
  // Nodes whose results it makes, or the first of those of a split where it reduces the runs; empty where it copies
  // Nodes whose results it makes, or the first of those of a split where it reduces the runs; empty where it copies
  // a value into another storage or a state's input into its output, or gives one to another, whose extents are told
  // later: with memory for it (is_given). Of an item with blocks the one that owns the regions.
  Vec<NodeId> nodes = {};
  // Into Lir::placed, one per Kernel::args. Of an item with blocks: the node's inputs, what its regions capture, and
  // its outputs, which the blocks write.
  Vec<uint32_t> args = {};
  Choice choice = {};
  // Where each block ends: the item behind its last one. The first block begins with the next item, each other where
  // the one before ends.
  Vec<uint32_t> ends = {};

  bool operator==(const Group&) const = default;
};

struct LirBuffer {
  enum class Role : uint8_t { kInput, kOutput, kTemporary, kConstant };

  Role role = Role::kTemporary;
  DType dtype = DType::kF32;
  // In elements of dtype, padding included.
  Dim elements;
  // Groups between which a temporary is live, inclusive.
  uint32_t first = 0, last = 0;
  // Buffers that share memory for good and keep their fill; -1: placed by lifetime. One with a fill has it put into its
  // border (border_of) in each run then.
  int32_t slot = -1;
  std::optional<Scalar> fill = std::nullopt;
  // kConstant: digest of the packed bytes, and where they are: at `offset` of a blob of the store.
  Digest packed = {};
  Digest blob = {};
  int64_t offset = 0;

  bool operator==(const LirBuffer&) const = default;
};

struct Lir {
  Graph graph;
  std::string target;
  // Sorted (name, value) pairs of what was asked.
  Vec<std::pair<std::string, std::string>> options;
  Vec<Fusion> fusions;
  // After all fusions.
  Vec<Split> splits;
  Vec<Placed> placed;
  Vec<Group> groups;
  Vec<LirBuffer> buffers;
  // By output.
  Vec<State> states = {};
};

// The graph's, and those of capacities.
Vec<std::string> symbol_names(const Lir& lir);
// What the memory of a value has room for: its shape, but for a state's along its axis. Of copy 0, in no other value.
Vec<Dim> room_of(const Lir& lir, const Placed& p);

// Whether it is what a state's output holds of its input.
bool is_copied_by_state(const Lir& lir, const Placed& p);

// A constant's bytes in one storage. One that every kernel wants transformed is placed as it is too, for who
// binds dims and plans again.
struct PackedConstant {
  Digest digest;
  ConstantData data;
};

// Where a constant's bytes are in the store, and in which storage.
struct StoredConstant {
  // Without data.
  Constant constant;
  Storage storage;
  Digest blob;
  int64_t offset = 0;
};
using StoredSource = std::function<Result<ConstantData>(const StoredConstant&)>;

// Goes over the items in order and tells which block each one stands in.
class BlockWalk {
 public:
  explicit BlockWalk(const Lir& lir) : lir_(lir) {}

  // To the next item, after the first one; its own blocks are entered with the one after it.
  void enter(uint32_t item);
  // Of the block in which the item stands.
  RegionId region() const;
  // The items whose blocks these are, outermost first.
  const Vec<uint32_t>& owners() const { return owners_; }

 private:
  const Lir& lir_;
  uint32_t item_ = 0;
  Vec<uint32_t> owners_;
};

// Whether the item gives the value of its first argument, and memory for it, to that of its second.
bool is_given(const Lir& lir, const Group& g);
// The one that lies in no other, where these elements are.
uint32_t container_of(const Lir& lir, uint32_t placed);
// Whether an element of one may be an element of the other.
bool may_overlap(const Lir& lir, uint32_t a, uint32_t b);

std::string to_json(const Lir& lir);
// `source` gives the dense bytes of constants; without it they have none (enough to list and to lower, not
// to fold or pack).
Result<Lir> lir_from_json(std::string_view text, const StoredSource& source);
// Ids in range, storages of their values' rank, boxes inside of their containers, lifetimes in order, blocks inside of
// each other and one a region.
Status verify(const Lir& lir);

}  // namespace rlx
