#include "op/shared/list_ctx.h"

#include "op/shared/codes.h"

namespace rlx {

bool ListCtx::has(int i) const {
  return static_cast<size_t>(i) < node().inputs.size() && in(i).valid();
}

Result<Values> ListCtx::list(int i) const {
  if (auto found = lists_.find(in(i)); found != lists_.end()) return found->second;
  return error(kBadInput, "input " + std::to_string(i) + " is no sequence, and no optional");
}

Result<Type> ListCtx::type(int i) const {
  const Type& t = graph_[in(i)].type;
  if (t.is_tensor()) return t;
  return error(kBadInput, "input " + std::to_string(i) + " is no tensor");
}

Result<int64_t> ListCtx::integer(int i) const {
  const Known known = known_elements(graph_, in(i), known_);
  const auto number = known && known->size() == 1 ? known->front().constant() : std::nullopt;
  if (number) return *number;
  return error(kMustBeKnown,
               "input " + std::to_string(i) +
                   " has to be known when the model is compiled: it says "
                   "which elements of a sequence are meant",
               "make it a constant, or bind the dims, or the input, that it depends on");
}

Result<size_t> ListCtx::place(int i, size_t places, size_t elements) const {
  RLX_TRY(const int64_t given, integer(i));
  const int64_t at = given < 0 ? given + static_cast<int64_t>(elements) : given;
  if (at >= 0 && at < static_cast<int64_t>(places)) return static_cast<size_t>(at);
  return error(kBadInput, "a sequence of " + std::to_string(elements) + " elements has no place " +
                              std::to_string(given));
}

Error ListCtx::error(int code, std::string message, std::string hint) const {
  Diagnostic d = diagnostic_of(graph_, node_, code, std::move(message));
  d.hint = std::move(hint);
  return Error(std::move(d));
}

Values ListCtx::add(Attrs attrs, Values inputs, size_t outputs) {
  // Copied: a new node moves the others.
  Origin origin = node().origin;
  const NodeId id = graph_.add_node(region_, std::move(attrs), std::move(inputs),
                                    Types(outputs, Type::unknown()), std::move(origin));
  return graph_[id].outputs;
}

}  // namespace rlx
