// The table of all operators: those of the headers that ops.def includes, and the rows of the
// tables.
#define RLX_OP_TABLE
#include "op/op.h"

namespace rlx::ops {
constexpr int kFirst = __COUNTER__ + 1;
}
#include "op/ops.def"
namespace rlx::ops {
constexpr int kLast = __COUNTER__;
}

#include <algorithm>

#include "op/elementwise.h"
#include "op/reductions.h"

namespace rlx {
namespace {

template <int... number>
Vec<const OpDef*> listed_ops(std::integer_sequence<int, number...>) {
  return {op<typename ops::Listed<ops::kFirst + number>::Struct>()...};
}

bool has_lower_name(const OpDef* a, const OpDef* b) { return a->name < b->name; }

Vec<const OpDef*> make_table() {
  Vec<const OpDef*> table = listed_ops(std::make_integer_sequence<int, ops::kLast - ops::kFirst>());
  for (const OpDef* row : elementwise_ops()) table.push_back(row);
  for (const OpDef* row : reduction_ops()) table.push_back(row);
  std::sort(table.begin(), table.end(), has_lower_name);
  return table;
}

}  // namespace

const Vec<const OpDef*>& all_ops() {
  static const Vec<const OpDef*> table = make_table();
  return table;
}

const OpDef* find_op(std::string_view name) {
  const Vec<const OpDef*>& table = all_ops();
  auto at = std::lower_bound(table.begin(), table.end(), name,
                             [](const OpDef* op, std::string_view n) { return op->name < n; });
  return at != table.end() && (*at)->name == name ? *at : nullptr;
}

}  // namespace rlx
