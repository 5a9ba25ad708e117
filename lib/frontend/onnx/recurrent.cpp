#include "frontend/onnx/recurrent.h"

#include <algorithm>

#include "frontend/codes.h"
#include "frontend/onnx/compose.h"
#include "frontend/onnx/names.h"
#include "op/concat.h"
#include "op/gather.h"
#include "op/loop.h"
#include "op/split.h"
#include "op/transpose.h"

namespace rlx::onnx {
namespace {

// What the three have in common: x[time, batch, in], W[direction, gates * hidden, in], R[direction, gates * hidden,
// hidden], B[direction, 2 * gates * hidden].
struct Form {
  // Of the operator: gates in W, states that are carried, and where P stands.
  int64_t gates = 1;
  size_t states = 1;
  int64_t hidden = 0;
  // Of each direction: whether time runs backwards.
  Vec<bool> reverse;
  // rlx's names, those of all directions one after the other.
  Vec<std::string> activations;
  bool batch_first = false;
  bool linear_before_reset = false;
};

Status refuse_others(Call& c) {
  for (const std::string_view name : {"activation_alpha", "activation_beta", "clip"}) {
    if (c.find(name)) {
      return c.error(kUnsupportedAttribute, std::string(name) + " is not supported",
                     "export the model with the default activations, without clipping");
    }
  }
  const std::optional<AttributeProto> coupled = c.take("input_forget");
  if (!coupled || coupled->i == 0) return {};
  return c.error(kUnsupportedAttribute, "coupled gates are not supported",
                 "export the model without them");
}

Result<Vec<std::string>> take_activations(Call& c, const Vec<std::string>& usual,
                                          size_t directions) {
  Vec<std::string> names;
  const std::optional<AttributeProto> given = c.take("activations");
  if (given && given->strings.size() != usual.size() * directions) {
    return c.error(kInvalidModel, "activations has not one name for each gate");
  }
  for (size_t i = 0; i < usual.size() * directions; ++i) {
    names.push_back(given ? rlx_name(given->strings[i]) : usual[i % usual.size()]);
    const bool known =
        std::ranges::count(Vec<std::string>{"sigmoid", "tanh", "relu"}, names.back());
    if (!known) {
      return c.error(kUnsupportedAttribute, "activation " + names.back() + " is not supported");
    }
  }
  return names;
}

Result<Form> take_form(Call& c) {
  const bool lstm = c.op_type == "LSTM", gru = c.op_type == "GRU";
  Form f{.gates = lstm  ? 4
                  : gru ? 3
                        : 1,
         .states = lstm ? size_t{2} : 1,
         .reverse = {},
         .activations = {}};
  RLX_TRY_VOID(refuse_others(c));
  const std::optional<AttributeProto> hidden = c.take("hidden_size");
  if (!hidden || hidden->i < 1) return c.error(kInvalidModel, "hidden_size is missing");
  f.hidden = hidden->i;
  const std::optional<AttributeProto> direction = c.take("direction");
  const std::string_view way = direction ? direction->s : "forward";
  if (way == "bidirectional") f.reverse = {false, true};
  if (way == "forward") f.reverse = {false};
  if (way == "reverse") f.reverse = {true};
  if (f.reverse.empty()) return c.error(kInvalidModel, "there is no direction of that name");
  const Vec<std::string> usual = lstm  ? Vec<std::string>{"sigmoid", "tanh", "tanh"}
                                 : gru ? Vec<std::string>{"sigmoid", "tanh"}
                                       : Vec<std::string>{"tanh"};
  RLX_TRY(f.activations, take_activations(c, usual, f.reverse.size()));
  const std::optional<AttributeProto> layout = c.take("layout");
  f.batch_first = layout && layout->i == 1;
  const std::optional<AttributeProto> linear = c.take("linear_before_reset");
  f.linear_before_reset = linear && linear->i != 0;
  return f;
}

// One direction of one call.
class Direction {
 public:
  Direction(Call& c, const Form& f, size_t d, ValueId x, ValueId trips)
      : c_(c), f_(f), d_(static_cast<int64_t>(d)), x_(x), trips_(trips) {
    const size_t each = f.activations.size() / f.reverse.size();
    for (size_t i = 0; i < each; ++i) activations_.push_back(f.activations[d * each + i]);
  }

  // The last states, then those of all steps, [time, batch, hidden].
  Values run() {
    const ValueId r = weights(2);
    recurrent_ = c_.add_node("transpose", {r});
    before_ = inputs_of_gates();
    Values inputs{trips_, c_.add_constant(make_constant(DType::kBool, {}, "\1"))};
    for (size_t s = 0; s < f_.states; ++s) inputs.push_back(first_state(5 + s));
    if (c_.has_input(4)) lengths_ = lengths();
    if (f_.gates == 4 && c_.has_input(7)) peepholes_ = split(c_, weights(7), 0, 3);
    const RegionId body = c_.add_region();
    c_.capture(body, {before_, recurrent_, trips_, recurrent_bias_, lengths_});
    c_.capture(body, peepholes_);
    write_body(body);
    Values all = c_.add_node(attrs(ops::Loop{}), std::move(inputs), body, f_.states + 1);
    if (f_.reverse[static_cast<size_t>(d_)]) all.back() = reversed(all.back());
    if (lengths_.valid()) clear_of_empty(all);
    return all;
  }

 private:
  // Of this direction, without its axis.
  ValueId weights(size_t input) { return part(c_.inputs[input], 0); }
  ValueId part(ValueId v, int64_t axis) {
    const ValueId at = c_.add_constant(make_i64({d_}, 0));
    return c_.add_node(attrs(ops::Gather{.axis = axis}), {v, at});
  }

  // x W^T + biases: what of the gates does not hang on the state. A bias within the reset gate's reach stays apart.
  ValueId inputs_of_gates() {
    const ValueId w = weights(1);
    const ValueId columns = c_.add_node("transpose", {w});
    ValueId gates = c_.add_node("matmul", {x_, columns});
    if (!c_.has_input(3)) return gates;
    const Values halves = split(c_, weights(3), 0, 2);
    gates = c_.add_node("add", {gates, halves[0]});
    if (f_.linear_before_reset) {
      recurrent_bias_ = halves[1];
      return gates;
    }
    return c_.add_node("add", {gates, halves[1]});
  }

  static Values split(Call& c, ValueId v, int64_t axis, int64_t parts) {
    return c.add_node(attrs(ops::Split{.axis = axis, .num_outputs = parts}), {v},
                      static_cast<size_t>(parts));
  }

  // [batch, 1].
  ValueId lengths() { return reshaped(c_, cast_to(c_, DType::kI64, c_.inputs[4]), {-1, 1}); }

  DType dtype() const {
    const Type& type = c_.graph()[c_.inputs[1]].type;
    return type.is_tensor() ? type.dtype : DType::kF32;
  }

  ValueId first_state(size_t input) {
    if (c_.has_input(input)) return part(c_.inputs[input], f_.batch_first ? 1 : 0);
    const ValueId one = c_.add_constant(make_i64({1}, 1));
    const ValueId shape = c_.add_node("shape", {x_});
    const ValueId batch = c_.add_node("gather", {shape, one});
    const ValueId hidden = c_.add_constant(make_i64({f_.hidden}, 1));
    const ValueId extents = c_.add_node(attrs(ops::Concat{.axis = 0}), {batch, hidden});
    return c_.add_node("expand", {nothing(c_), extents});
  }

  // A sequence without elements has no last state: it is 0, as onnxruntime has it.
  void clear_of_empty(Values& all) {
    const ValueId has_elements = c_.add_node("greater", {lengths_, integer(c_, 0)});
    for (size_t s = 0; s < f_.states; ++s) {
      all[s] = c_.add_node("where", {has_elements, all[s], nothing(c_)});
    }
  }

  ValueId nothing(Call& c) const {
    const std::string zero(static_cast<size_t>(size_of(dtype())), '\0');
    return c.add_constant(make_constant(dtype(), {}, zero));
  }

  ValueId reversed(ValueId v) {
    const ValueId start = c_.add_integers({-1}), end = c_.add_integers({INT64_MIN});
    const ValueId axis = c_.add_integers({0}), step = c_.add_integers({-1});
    return c_.add_node("slice", {v, start, end, axis, step});
  }

  void write_body(RegionId body) {
    Call b = c_.inside(body);
    ValueId step = b.add_argument(body);
    const ValueId goes_on = b.add_argument(body);
    Values states;
    for (size_t s = 0; s < f_.states; ++s) states.push_back(b.add_argument(body));
    if (f_.reverse[static_cast<size_t>(d_)]) {
      const ValueId left = b.add_node("sub", {trips_, step});
      const ValueId one = b.add_constant(make_i64({1}, 0));
      step = b.add_node("sub", {left, one});
    }
    const ValueId gates = b.add_node("gather", {before_, step});
    Values next = f_.gates == 4   ? lstm(b, gates, states)
                  : f_.gates == 3 ? Values{gru(b, gates, states[0])}
                                  : Values{rnn(b, gates, states[0])};
    ValueId shown = next[0];
    if (lengths_.valid()) shown = keep_behind_end(b, step, states, next);
    Values results{goes_on};
    results.insert(results.end(), next.begin(), next.end());
    results.push_back(shown);
    b.give(body, std::move(results));
  }

  // Where a sequence has ended states stay, and nothing is shown, which is returned.
  ValueId keep_behind_end(Call& b, ValueId step, const Values& states, Values& next) {
    const ValueId is_inside = b.add_node("less", {step, lengths_});
    const ValueId shown = b.add_node("where", {is_inside, next[0], nothing(b)});
    for (size_t s = 0; s < next.size(); ++s) {
      next[s] = b.add_node("where", {is_inside, next[s], states[s]});
    }
    return shown;
  }

  ValueId rnn(Call& b, ValueId gates, ValueId h) {
    const ValueId product = b.add_node("matmul", {h, recurrent_});
    const ValueId sum = b.add_node("add", {gates, product});
    return b.add_node(activations_[0], {sum});
  }

  // Gates in the order input, output, forget, cell.
  Values lstm(Call& b, ValueId gates, const Values& states) {
    const ValueId product = b.add_node("matmul", {states[0], recurrent_});
    const ValueId sum = b.add_node("add", {gates, product});
    const Values parts = split(b, sum, 1, 4);
    const auto gate = [&](size_t i, ValueId cell) {
      return b.add_node(activations_[0], {peeped(b, parts[i], i, cell)});
    };
    const ValueId in = gate(0, states[1]);
    // With peepholes it sees the cell as it will be.
    ValueId out = peepholes_.empty() ? gate(1, {}) : ValueId();
    const ValueId forget = gate(2, states[1]);
    const ValueId fresh = b.add_node(activations_[1], {parts[3]});
    const ValueId kept = b.add_node("mul", {forget, states[1]});
    const ValueId added = b.add_node("mul", {in, fresh});
    const ValueId cell = b.add_node("add", {kept, added});
    if (!out.valid()) out = gate(1, cell);
    const ValueId shown = b.add_node(activations_[2], {cell});
    const ValueId h = b.add_node("mul", {out, shown});
    return {h, cell};
  }

  // A gate that sees the cell: peephole 0 is the input's, 1 the output's, 2 that of forgetting.
  ValueId peeped(Call& b, ValueId gate, size_t i, ValueId cell) {
    if (peepholes_.empty()) return gate;
    const ValueId seen = b.add_node("mul", {peepholes_[i], cell});
    return b.add_node("add", {gate, seen});
  }

  // Gates in the order update, reset, hidden.
  ValueId gru(Call& b, ValueId gates, ValueId h) {
    const Values x = split(b, gates, 1, 3);
    const Values r = split(b, recurrent_, 1, 3);
    Values bias(3);
    if (recurrent_bias_.valid()) bias = split(b, recurrent_bias_, 0, 3);
    const ValueId update = gate(b, x[0], h, r[0], bias[0]);
    const ValueId reset = gate(b, x[1], h, r[1], bias[1]);
    const ValueId fresh = f_.linear_before_reset ? linear(b, x[2], h, r[2], bias[2], reset)
                                                 : reset_first(b, x[2], h, r[2], reset);
    // h + (1 - update) (fresh - h), as (1 - update) fresh + update h.
    const ValueId kept = b.add_node("mul", {update, h});
    const ValueId dropped = b.add_node("mul", {update, fresh});
    const ValueId taken = b.add_node("sub", {fresh, dropped});
    return b.add_node("add", {taken, kept});
  }

  ValueId product(Call& b, ValueId h, ValueId r, ValueId bias) {
    const ValueId p = b.add_node("matmul", {h, r});
    return bias.valid() ? b.add_node("add", {p, bias}) : p;
  }

  ValueId gate(Call& b, ValueId x, ValueId h, ValueId r, ValueId bias) {
    const ValueId p = product(b, h, r, bias);
    const ValueId sum = b.add_node("add", {x, p});
    return b.add_node(activations_[0], {sum});
  }

  ValueId linear(Call& b, ValueId x, ValueId h, ValueId r, ValueId bias, ValueId reset) {
    const ValueId p = product(b, h, r, bias);
    const ValueId let = b.add_node("mul", {reset, p});
    const ValueId sum = b.add_node("add", {x, let});
    return b.add_node(activations_[1], {sum});
  }

  ValueId reset_first(Call& b, ValueId x, ValueId h, ValueId r, ValueId reset) {
    const ValueId left = b.add_node("mul", {reset, h});
    const ValueId p = b.add_node("matmul", {left, r});
    const ValueId sum = b.add_node("add", {x, p});
    return b.add_node(activations_[1], {sum});
  }

  Call& c_;
  const Form& f_;
  const int64_t d_;
  ValueId x_, trips_, recurrent_, before_, recurrent_bias_ = {}, lengths_ = {};
  // Of the input, the output, and forgetting; none.
  Values peepholes_;
  Vec<std::string> activations_;
};

// What all directions give, along a new axis.
ValueId stacked(Call& c, const Values& parts, int64_t axis) {
  Values all;
  const ValueId at = c.add_integers({axis});
  for (const ValueId v : parts) all.push_back(c.add_node("unsqueeze", {v, at}));
  return all.size() == 1 ? all[0] : c.add_node(attrs(ops::Concat{.axis = axis}), all);
}

}  // namespace

Status convert_recurrent(Call& c) {
  RLX_TRY(const Form f, take_form(c));
  RLX_TRY_VOID(need_inputs(c, 3));
  ValueId x = c.inputs[0];
  if (f.batch_first) x = c.add_node(attrs(ops::Transpose{.perm = {1, 0, 2}}), {x});
  const ValueId shape = c.add_node("shape", {x});
  const ValueId zero = c.add_constant(make_i64({0}, 0));
  const ValueId trips = c.add_node("gather", {shape, zero});
  // By result: of each direction.
  Vec<Values> made(f.states + 1);
  for (size_t d = 0; d < f.reverse.size(); ++d) {
    const Values all = Direction(c, f, d, x, trips).run();
    for (size_t i = 0; i < all.size(); ++i) made[i].push_back(all[i]);
  }
  ValueId y = stacked(c, made.back(), 1);
  if (f.batch_first) y = c.add_node(attrs(ops::Transpose{.perm = {2, 0, 1, 3}}), {y});
  c.results = {y};
  for (size_t s = 0; s < f.states; ++s) {
    c.results->push_back(stacked(c, made[s], f.batch_first ? 1 : 0));
  }
  return {};
}

}  // namespace rlx::onnx
