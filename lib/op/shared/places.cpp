#include "op/shared/places.h"

#include "op/cum_sum.h"
#include "op/scatter_elements.h"
#include "op/tell.h"

namespace rlx {

Wire counted(Formula& f, const Dim& n) {
  const Wire first = f.number(DType::kI64, Dim(0));
  const Wire end = f.number(DType::kI64, n);
  const Wire step = f.number(DType::kI64, Dim(1));
  return f.make("range", {first, end, step});
}

Wire true_places(Wire flags, const Dim& count) {
  Formula& f = *flags.formula;
  const Dim n = flags.shape()[0];
  const Wire ones = cast(flags, DType::kI64);
  const std::optional<SymbolName> name = count.as_symbol();
  const Symbol* symbol = name ? f.builder().graph().find_symbol(*name) : nullptr;
  RLX_CHECK(symbol, "a number of places that is no symbol");
  f.make(attrs(ops::Tell{.above = {symbol->name}}), {sum(ones, {0})});
  const Wire until = f.make("cum_sum", {ones, f.integers(Vec<Dim>{0})});
  const Wire behind = f.number(DType::kI64, n);
  const Wire to = f.make("where", {flags, until - f.number(DType::kI64, Dim(1)), behind});
  const Wire nowhere = f.full(DType::kI64, {n + 1}, 0);
  const Wire places = counted(f, n);
  const Wire all = f.make("scatter_elements", {nowhere, to, places});
  // That there are no more places than flags, the compiler has to be told.
  return reshape(slice(all, 0, 0, count), {count});
}

}  // namespace rlx
