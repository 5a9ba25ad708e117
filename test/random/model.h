// A random model before it is a file: all extents are expressions over named ones, constants included, so
// that the same model can be written with other extents. That is how dims are bound to 1 and to 0, and how
// extents shrink.
#pragma once
#include <map>
#include <string>
#include <variant>

#include "ir/dim.h"
#include "runtime/io/host_tensor.h"
#include "test/random/random.h"

namespace rlx::random {

// Extents by name.
using Binding = std::map<std::string, int64_t>;

struct Extent {
  std::string name;
  int64_t value = 1;
  // The file names it instead of its value.
  bool open = false;
};

// How the elements of an input or a constant are made.
struct Fill {
  enum class Kind : uint8_t { kReal, kWhole, kIndex, kDims };

  Kind kind = Kind::kReal;
  // Of kReal: [lo, hi). Of kWhole: [lo, hi].
  double lo = -1, hi = 1;
  // Of kIndex: in [-extent, extent), or from 0.
  Dim extent = {};
  bool from_zero = false;
  // Of kDims.
  Vec<Dim> elements = {};
};

struct Value {
  enum class Role : uint8_t { kInput, kConstant, kNode };

  std::string name;
  DType dtype = DType::kF32;
  Vec<Dim> shape = {};
  Role role = Role::kNode;
  Fill fill = {};
  // No element is farther from 0, nearly always.
  double big = 1;
  // How far two right computations of it may lie apart.
  double error = 0;
  // Every right computation gives the same bits: what rounds may tell such elements apart.
  bool exact = true;
  // All elements are whole numbers, so that sums and products of them are exact.
  bool whole = false;
  // A sequence or an optional of tensors, or a tensor whose extents only the run knows: the next nodes make values of it.
  bool is_opaque = false;
};

// A number of an attribute that is made for the type.
struct Number {
  DType dtype = DType::kF32;
  double value = 0;
};
using Setting = std::variant<int64_t, float, std::string, Dim, Vec<int64_t>, Number>;

// An If has them in both of its branches; its condition is one more input. A Loop has them in its body, where they are
// computed anew in each trip; its number of trips may be one more input.
enum class Around : uint8_t { kNothing, kIf, kLoop, kLoopInIf };

struct Node {
  // ONNX's name.
  std::string op;
  // Indexes of values; -1: left out.
  Vec<int> inputs, outputs;
  Vec<std::pair<std::string, Setting>> attributes = {};
  // Neighbours of which this is the same are written inside of it.
  Around around = Around::kNothing;
};

struct Model {
  Vec<Extent> extents;
  Vec<Value> values;
  Vec<Node> nodes;
  Vec<int> outputs;
  // What a binding must keep: the first is at least the second.
  Vec<std::pair<Dim, int64_t>> needs;
  // More than one: of a loop, in which present_K is fed back as past_K.
  int64_t steps = 1;
  // Decides all elements.
  uint64_t seed = 0;

  Binding binding() const;
  bool is_open(const Dim& d) const;
  bool has_open() const;
  bool has(Around around) const;
  bool has_branches() const { return has(Around::kIf) || has(Around::kLoopInIf); }
  bool has_loops() const { return has(Around::kLoop) || has(Around::kLoopInIf); }
  bool allows(const Binding& binding) const;
};

// The extents of a value.
Vec<int64_t> shape_of(const Value& v, const Binding& binding);
// Without nodes and values that no output needs.
Model pruned(const Model& m);
// With those open extents closed that no input gives by itself.
Model told(Model m);
// Of two graphs in five, some neighbours into an If or a Loop. What is random here has a source of its own: the graphs are what they
// are without.
void put_in_regions(Model& m);
// The file. Open extents are named, others are numbers.
std::string to_onnx(const Model& m);
// Each step of a loop has other elements.
Vec<HostTensor> inputs_of(const Model& m, const Binding& binding, int64_t step = 0);
// How far each output may be from another right computation.
Vec<double> tolerances_of(const Model& m);
// A line a node, for people.
std::string to_text(const Model& m);

}  // namespace rlx::random
