// Random models over every operator: views before, between and after products and rows, values with
// several readers, several outputs, open extents. Values stay where all right computations agree, so that
// every difference is a fault.
#pragma once
#include <optional>

#include "ir/op_def.h"
#include "test/random/model.h"

namespace rlx::random {

// What an emitter makes of a value: another value, or nothing where it does not fit.
using Made = std::optional<int>;

class Generator {
 public:
  explicit Generator(uint64_t seed);

  Model make();

  // For emitters.
  Random random;
  Model m;

  const Value& at(int v) const { return m.values[static_cast<size_t>(v)]; }
  Value& at(int v) { return m.values[static_cast<size_t>(v)]; }
  int rank(int v) const { return static_cast<int>(at(v).shape.size()); }
  int64_t number(const Dim& d) const { return evaluate(d, binding_).value(); }
  int64_t elements(const Vec<Dim>& shape) const;
  bool closed(const Vec<Dim>& dims) const;
  // Whether d >= least holds, and is kept from here on.
  bool need(const Dim& d, int64_t least);
  // One of the model's extents, or a number.
  Dim extent();
  int axis(int v) { return static_cast<int>(random.below(at(v).shape.size())); }

  int input(DType t, Vec<Dim> shape, Fill fill);
  int constant(DType t, Vec<Dim> shape, Fill fill);
  // A constant i64 vector, or a scalar.
  int integers(const Vec<int64_t>& elements, bool scalar = false);
  // An i64 vector of extents: a constant, or computed from the shapes of what has them.
  Made extents(const Vec<Dim>& elements);
  // An input or a constant with moderate elements, |x| <= big.
  int fresh(DType t, Vec<Dim> shape, double big = 2);
  // The same, often a value that is there already.
  int operand(DType t, const Vec<Dim>& shape, double big = 2);
  // One scalar constant.
  int scalar(DType t, double value);

  struct Result {
    DType dtype;
    Vec<Dim> shape;
    double big = 1;
    double error = 0;
    bool exact = false;
    bool whole = false;
  };
  // Appends a node of one output; nothing where the value would be too large to be worth its time.
  Made node(std::string_view op, Vec<int> inputs, Result r,
            Vec<std::pair<std::string, Setting>> attributes = {});
  // A node that gives what is opaque, as so many outputs of the type, of the first input's where there is none.
  Vec<int> opaque(std::string_view op, Vec<int> inputs, const Vec<DType>& outputs,
                  Vec<std::pair<std::string, Setting>> attributes = {});
  // The same of one sequence or optional.
  int list(std::string_view op, Vec<int> inputs,
           Vec<std::pair<std::string, Setting>> attributes = {});
  // A view of v's elements.
  Made view(std::string_view op, int v, Vec<int> others, Vec<Dim> shape,
            Vec<std::pair<std::string, Setting>> attributes = {});
  // Values of one type, whose shapes differ along the axis alone, one behind the other.
  Made together(const Vec<int>& parts, int axis);
  // A node with several outputs; all of them take part from here on.
  Vec<int> nodes(std::string_view op, Vec<int> inputs, const Vec<Result>& results,
                 Vec<std::pair<std::string, Setting>> attributes = {});
  bool fits(const Result& r) const;
  // Of one rounding to the type.
  static double unit(DType t);
  // v with smaller elements, positive ones.
  Made bounded(int v, double big);
  Made positive(int v, double least = 0.5);
  // Any value of the model.
  int any() { return pool_[random.below(pool_.size())]; }
  // A value of that type and shape; -1: none.
  int find(DType t, const Vec<Dim>& shape, int other_than = -1);

 private:
  int add(Value v);
  void make_extents();
  void make_first();
  bool step();
  bool meeting();
  bool siblings();
  bool twins();
  // Of two values of one type and shape.
  Made sum(int a, int b);
  bool tower();
  bool dense();
  // A value through a sequence or an optional.
  bool listed();
  // A value made from v that can stand behind it along the axis.
  Made beside(int v, int axis);
  int of_rank(size_t rank, bool exact);
  void choose_outputs();
  int made_view_of(int v);
  // Loops, in emit_loop.cpp.
  struct Past;
  void begin_loop();
  void end_loop();
  void add_pasts(const std::string& symbol, int64_t first);
  void add_past(Past p, DType type, Vec<Dim> shape);
  Made grown(const Past& p);
  Made rows_of(const Past& p);
  Made turned(const Past& p, int more);
  Made padded(const Past& p);
  Made anew(int x);
  int alike(int v);
  int limited(int v, int past);
  void read(int v);
  enum class Class : uint8_t { kZero, kOne, kSmall, kVector, kTile };
  int64_t extent_value(Class c);

  // Of a loop's last step.
  Binding binding_;
  // What further nodes may read.
  Vec<int> pool_;
  // What the loop takes, until there is what it gives.
  struct Past {
    int value = 0;
    // Of what grows: the axis, and by how much in each step.
    std::optional<int> axis = std::nullopt;
    Dim more = 0;
    bool doubles = false;
  };
  Vec<Past> pasts_;
  Vec<int> presents_;
};

enum class Family : uint8_t { kView, kProduct, kRow, kElementwise, kList, kOther };

struct Emitter {
  // rlx's name of the operator.
  std::string_view op;
  // What the table of pairs calls it; empty: the operator.
  std::string_view kind;
  Family family;
  Made (*emit)(Generator& g, int v);
};

Vec<Emitter> list_emitters();
Vec<Emitter> told_emitters();
Vec<Emitter> image_emitters();
Vec<Emitter> signal_emitters();
Vec<Emitter> view_emitters();
Vec<Emitter> product_emitters();
Vec<Emitter> row_emitters();
Vec<Emitter> elementwise_emitters();
Vec<Emitter> quantised_emitters();
Vec<Emitter> equation_emitters();
const Vec<Emitter>& emitters();
const Emitter& random_emitter(Random& random);
// From here on no graph has the operator; false if none could have. A seed's graphs are then those of
// before the operator came.
bool leave_out(std::string_view op);
// An axis, now and then counted from the end.
int64_t spelled(Generator& g, int axis, int rank);
// Attention of new queries over keys and values: of one shape, rows by depth in its last two axes.
Made attention_over(Generator& g, int keys, int values);
// A convolution whose output is as large as v.
Made same_conv(Generator& g, int v);
// Operators that no emitter makes: there should be none.
Vec<std::string> operators_without_emitter();
// "IsNaN" of "is_nan".
std::string onnx_name(std::string_view op);

}  // namespace rlx::random
