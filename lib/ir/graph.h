// The graph of HIR and MIR: SSA values in vectors addressed by typed ids, nodes in execution order inside
// regions. The level is which operators may appear; ir/verifier.h checks that.
//
// A value is defined by a node, by a region (its argument), by a constant, or by a list of Dims (shape
// arithmetic that inference solved: an i64 vector, or an i64 scalar, whose elements are known expressions).
// Nodes that stand in no region, and what only they define or use, are dead: nothing looks at them.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "ir/op_def.h"
#include "support/hash.h"
#include "support/keyed_list.h"

namespace rlx {

// Names of the source model's nodes that a node stands for, sorted, no repeats; never empty.
using Origin = Vec<std::string>;
Origin merge(const Origin& a, const Origin& b);

// Keeps bytes alive: a mapped file or owned memory.
class ConstantData {
 public:
  // No bytes: of a constant that is only looked at.
  ConstantData() = default;
  static ConstantData owned(std::string bytes);
  static ConstantData view(Bytes bytes, std::shared_ptr<const void> keeper) {
    return {bytes, std::move(keeper)};
  }

  Bytes bytes() const { return bytes_; }

 private:
  ConstantData(Bytes bytes, std::shared_ptr<const void> keeper)
      : bytes_(bytes), keeper_(std::move(keeper)) {}

  Bytes bytes_;
  std::shared_ptr<const void> keeper_;
};

// A tensor known at compile time: digest of its dense row-major little-endian bytes, and the bytes by
// reference. Views (transposes) of it are Storage's business, so data is never rewritten in the graph.
struct Constant {
  Digest digest;
  DType dtype = DType::kF32;
  Vec<int64_t> shape = {};
  ConstantData data;

  int64_t elements() const;
};

struct ValueDef {
  enum class Kind : uint8_t { kNode, kArgument, kConstant, kDims };

  Kind kind = Kind::kNode;
  NodeId node = {};
  RegionId region = {};
  // Which output of node, or which argument of region.
  uint32_t index = 0;
  ConstantId constant = {};
  // The elements of an i64 vector (rank 1) or scalar (one Dim, rank 0).
  Vec<Dim> dims = {};
};

struct Value {
  Type type;
  // The model's name for it; may be empty.
  std::string name;
  ValueDef def;
  // What the model's file says the type is, symbols "?" where it names no number; the first inference
  // compares it with what it finds (kDeclaredMismatch). Unknown: nothing, or compared.
  Type declared = {};
};

struct Node {
  Attrs attrs;
  Values inputs;
  Values outputs;
  Vec<RegionId> regions = {};
  Origin origin;

  const OpDef& op() const { return *attrs.op(); }
  std::string_view op_name() const { return attrs.op()->name; }
};

struct Symbol {
  enum class Source : uint8_t { kInput, kData };
  using Key = SymbolName;

  std::string name;
  Source source = Source::kInput;
  // Index of the graph input and its axis that give the value, with source kInput.
  int input = -1;
  int axis = -1;
  // In place of the axis: which element of that input, an i64 vector or scalar, gives the value. Values are
  // never negative, so an element is the difference of two symbols: of sign 1, max(element, 0), and of sign
  // -1, max(-element, 0).
  int element = -1;
  int sign = 1;
  int64_t min = 0;
  int64_t max = INT32_MAX;
  int64_t multiple_of = 1;

  Key key() const { return Key(name); }
  bool operator==(const Symbol&) const = default;
};

// a == b or a <= b: what the model does not prove is assumed, and becomes a guard of the image.
struct Fact {
  enum class Relation : uint8_t { kEqual, kLessEqual };

  // What it says, whoever needs it.
  struct Key {
    Relation relation;
    Dim a, b;

    size_t hash() const { return (a.hash() * 31 + b.hash()) * 2 + static_cast<size_t>(relation); }
    bool operator==(const Key&) const = default;
  };

  Relation relation = Relation::kEqual;
  Dim a = {}, b = {};
  // The model's node that needs it.
  std::string node = {};

  Key key() const { return {relation, a, b}; }
  bool operator==(const Fact&) const = default;
};

// Nodes run in order. Values that enclosing regions define are used only through captures; constants and
// dims belong to no region and are used everywhere.
struct Region {
  Values arguments = {};
  Values captures = {};
  Vec<NodeId> nodes = {};
  Values results = {};
  // What its nodes need of symbols: it holds here and in the regions inside, and is asked where control comes here.
  KeyedList<Fact> facts = {};

  // A branch has no arguments.
  bool is_loop_body() const { return !arguments.empty(); }
};

class Graph {
 public:
  Graph() : regions(1) {}

  std::string name;
  Vec<Value> values;
  Vec<Node> nodes;
  // regions[0] is the graph itself: its arguments are the inputs, its results the outputs.
  Vec<Region> regions;
  Vec<Constant> constants;
  KeyedList<Symbol> symbols;
  // The outputs' names, by position (one value may be two outputs); inputs are named by their values.
  Vec<std::string> output_names;

  static constexpr RegionId kTop{0};

  Value& operator[](ValueId id) { return values[id.index]; }
  const Value& operator[](ValueId id) const { return values[id.index]; }
  Node& operator[](NodeId id) { return nodes[id.index]; }
  const Node& operator[](NodeId id) const { return nodes[id.index]; }
  Region& operator[](RegionId id) { return regions[id.index]; }
  const Region& operator[](RegionId id) const { return regions[id.index]; }
  const Constant& operator[](ConstantId id) const { return constants[id.index]; }

  Region& top() { return regions[0]; }
  const Region& top() const { return regions[0]; }
  const Values& inputs() const { return regions[0].arguments; }
  const Values& outputs() const { return regions[0].results; }

  ValueId add_input(Type type, std::string name);
  ValueId add_argument(RegionId region, Type type, std::string name = {});
  // Adds the same constant once.
  ValueId add_constant(Constant constant, std::string name = {});
  // Lets add_constant know the constants of values that were written directly.
  void index_constants();
  // rank 1, or rank 0 with one Dim.
  ValueId add_dims(Vec<Dim> dims, int rank, std::string name = {});
  // Appends a node with outputs of these types to region.
  NodeId add_node(RegionId region, Attrs attrs, Values inputs, Types outputs, Origin origin);
  RegionId add_region();
  // Gives the node one more output, as the at-th.
  ValueId insert_output(NodeId n, size_t at, Type type);

  // Null where v is not that.
  const Constant* constant_of(ValueId v) const;
  const Node* node_of(ValueId v) const;
  // Of its node; of an input or a constant its name.
  Origin origin_of(ValueId v) const;
  const Symbol* find_symbol(std::string_view name) const { return symbols.find(name); }
  const Symbol* find_symbol(SymbolName name) const { return symbols.find(name); }
  // Adds it where there is none.
  Symbol& symbol(std::string_view name);

  // Every use of a key becomes a use of its value (followed through chains), in nodes, captures, results.
  void replace_uses(const std::map<ValueId, ValueId>& replacement);
  // Uses by nodes and as results, over all regions that are not dead, indexed by value.
  Vec<int> count_uses() const;
  // The regions that are not dead, each after the one around it.
  Vec<RegionId> live_regions() const;
  // By region: the node that owns it; invalid: it is the graph itself, or dead.
  Vec<NodeId> region_owners() const;
  // By node: the region in which it stands; invalid: it is dead.
  Vec<RegionId> node_regions() const;
  // The range of a symbol for simplify(), as long as this graph lives; loops have lo 0.
  RangeOf symbol_ranges() const;

 private:
  ValueId add_value(Type type, std::string name, ValueDef def);

  // Values of constants, by what they hold.
  std::multimap<Digest, ValueId> constant_values_;
};

// Adds symbols that are extents of inputs and stand in no table yet.
void declare_input_symbols(Graph& g);

// In the order of the graph, which is that of the `symbols` argument of every kernel.
Vec<std::string> symbol_names(const Graph& g);

// By value: whether others than kernels look at it. Outputs of the graph; of regions, what they are given and give; what
// nodes that own regions read, inside too, and give; what nodes that tell read.
Vec<bool> kept_values(const Graph& g);

// Whether the shapes are the same whatever the symbols are.
bool are_same(const Graph& g, const Vec<Dim>& a, const Vec<Dim>& b);

// The graph without what is dead; ids are dense and in the order in which the text form defines them.
Graph compacted(const Graph& g);

// A small constant's elements as integers; nullopt where it is none, is no integer or bool tensor, or has
// more than 4,096 elements.
std::optional<Vec<int64_t>> integers_of(const Constant& c);
Constant make_constant(DType dtype, Vec<int64_t> shape, std::string bytes);
Constant make_i64(const Vec<int64_t>& elements, int rank);

}  // namespace rlx
