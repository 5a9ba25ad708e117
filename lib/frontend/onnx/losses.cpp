#include "frontend/onnx/losses.h"

#include <fmt/format.h>

#include "frontend/codes.h"
#include "frontend/onnx/compose.h"
#include "op/gather_elements.h"
#include "op/log_softmax.h"

namespace rlx::onnx {
namespace {

// Inputs: logarithms[n, c, ...], labels[n, ...], weights[c], which may be left out.
class Loss {
 public:
  Loss(Call& c, ValueId logarithms)
      : c_(c), logarithms_(logarithms), type_(float_type_of(c, c.inputs[0])) {}

  Result<ValueId> value() {
    RLX_TRY_VOID(find_labels());
    RLX_TRY(const std::string_view reduction, take_text(c_, "reduction", "mean"));
    const ValueId losses = of_labels();
    if (reduction == "none") return losses;
    if (reduction == "sum") return reduced(c_, "reduce_sum", losses);
    if (reduction == "mean") return mean(losses);
    return c_.error(kInvalidModel, fmt::format("there is no reduction \"{}\"", reduction));
  }

 private:
  // What is ignored has a label out of bounds, often: 0 stands in its place.
  Status find_labels() {
    labels_ = cast_to(c_, DType::kI64, c_.inputs[1]);
    const bool ignores = c_.find("ignore_index") != nullptr;
    RLX_TRY(const int64_t index, take_int(c_, "ignore_index", 0));
    if (!ignores) return {};
    const ValueId ignored_label = integer(c_, index);
    ignored_ = c_.add_node("equal", {labels_, ignored_label});
    const ValueId zero = integer(c_, 0);
    labels_ = c_.add_node("where", {ignored_, zero, labels_});
    return {};
  }

  ValueId zero_where_ignored(ValueId v) {
    if (!ignored_.valid()) return v;
    const ValueId zero = number(c_, type_, 0);
    return c_.add_node("where", {ignored_, zero, v});
  }

  ValueId of_labels() {
    const ValueId axis = c_.add_integers({1});
    const ValueId places = c_.add_node("unsqueeze", {labels_, axis});
    const ValueId columns =
        c_.add_node(attrs(ops::GatherElements{.axis = 1}), {logarithms_, places});
    const ValueId likely = c_.add_node("squeeze", {columns, axis});
    ValueId losses = c_.add_node("neg", {likely});
    if (c_.has_input(2)) losses = c_.add_node("mul", {losses, weights()});
    return zero_where_ignored(losses);
  }

  ValueId weights() { return c_.add_node("gather", {c_.inputs[2], labels_}); }

  // Over what counts, by its weight.
  ValueId mean(ValueId losses) {
    if (!c_.has_input(2) && !ignored_.valid()) return reduced(c_, "reduce_mean", losses);
    const ValueId total = reduced(c_, "reduce_sum", losses);
    const ValueId count = reduced(c_, "reduce_sum", zero_where_ignored(weights_or_ones()));
    return c_.add_node("div", {total, count});
  }

  ValueId weights_or_ones() {
    if (c_.has_input(2)) return weights();
    const ValueId one = number(c_, type_, 1);
    const ValueId shape = c_.add_node("shape", {labels_});
    return c_.add_node("expand", {one, shape});
  }

  Call& c_;
  ValueId logarithms_;
  DType type_;
  // Invalid: nothing is ignored.
  ValueId labels_, ignored_;
};

}  // namespace

Status convert_nll_loss(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 2));
  RLX_TRY(const ValueId loss, Loss(c, c.inputs[0]).value());
  c.results = {loss};
  return {};
}

Status convert_softmax_cross_entropy(Call& c) {
  RLX_TRY_VOID(need_inputs(c, 2));
  const ValueId logarithms = c.add_node(attrs(ops::LogSoftmax{.axis = 1}), {c.inputs[0]});
  RLX_TRY(const ValueId loss, Loss(c, logarithms).value());
  c.results = {loss, logarithms};
  return {};
}

}  // namespace rlx::onnx
