// Axes as ONNX gives them: a negative one counts from the end.
#pragma once
#include "ir/infer_ctx.h"
#include "kernel/builder.h"

namespace rlx {

// Of an axis that inference has accepted.
inline int axis_of(int64_t axis, int rank) {
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

// The axis in [0, rank), or an error.
Result<int> checked_axis(const InferCtx& c, int64_t axis, int rank);
// As checked_axis for each, sorted; one named twice is an error.
Result<Vec<int>> checked_axes(const InferCtx& c, const Vec<int64_t>& axes, int rank);

// Refuses an axis that is empty: what the operator picks of it does not exist.
Status require_elements(InferCtx& c, const Dim& extent, std::string_view what);
// d / by where that leaves no rest; whether it does is assumed of symbols.
Result<Dim> divided(InferCtx& c, const Dim& d, int64_t by, std::string_view what);
// Refuses an input that is not one element.
Status require_scalar(const InferCtx& c, int i, std::string_view what);

// Refuses an input that broadcasts to a larger shape than this one.
Status require_broadcast_to(InferCtx& c, int i, const Vec<Dim>& shape, std::string_view message);

// The integers of input i, for inputs that decide the output's shape: an error where the compiler
// does not know them. `what` names the input in the message. nullopt where the input is left out.
Result<std::optional<Vec<int64_t>>> known_integers(const InferCtx& c, int i, std::string_view what);
// The same where the elements may be symbolic.
Result<Vec<Dim>> known_dims(const InferCtx& c, int i, std::string_view what);
// The same of extents: that the elements of inputs among them are not negative is assumed.
Result<Vec<Dim>> known_extents(InferCtx& c, int i, std::string_view what);
// Of an input that inference has accepted; empty where it is left out.
Vec<int64_t> integers_at(const KernelBuilder& b, int i);

// 0, 1, ..., n - 1, from `first` on.
Vec<int> iota(int first, int last);
bool contains(const Vec<int>& axes, int axis);
// Those of `dims` whose axis is in `axes`, or is not.
Vec<Dim> select_axes(const Vec<Dim>& dims, const Vec<int>& axes);
Vec<Dim> without_axes(const Vec<Dim>& dims, const Vec<int>& axes);
// An index of full rank: `inner` at the given axes, `outer` at the others, both in order.
Vec<Dim> interleave(const Vec<int>& axes, const Vec<Dim>& inner, const Vec<Dim>& outer);

}  // namespace rlx
