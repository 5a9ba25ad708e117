#include <algorithm>

#include <catch2/catch.hpp>

#include "ir/op_def.h"

namespace rlx {
namespace {

// "conv 1: auto_pad, dilations, ...": what cache keys depend on.
std::string line_of(const OpDef& op) {
  std::string line = std::string(op.name) + " " + std::to_string(op.version) + ":";
  Attrs attrs(&op);
  attrs.each([&](std::string_view name, AttrRef) { line += " " + std::string(name); });
  return line;
}

// A change here changes the keys of all models that use the operator.
const Vec<std::string> kGolden = {};

}  // namespace

TEST_CASE("names, versions and attributes of operators are pinned") {
  Vec<std::string> lines;
  for (const OpDef* op : all_ops()) lines.push_back(line_of(*op));
  CHECK(lines == kGolden);
}

TEST_CASE("operators are found by name") {
  for (const OpDef* op : all_ops()) CHECK(find_op(op->name) == op);
  CHECK(find_op("") == nullptr);
  CHECK(find_op("zzz") == nullptr);
}

TEST_CASE("operators are sorted, no two share a name") {
  const Vec<const OpDef*>& ops = all_ops();
  auto not_below = [](const OpDef* a, const OpDef* b) { return a->name >= b->name; };
  CHECK(std::adjacent_find(ops.begin(), ops.end(), not_below) == ops.end());
}

TEST_CASE("every operator lowers or expands, and says what it takes") {
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK((op->lower != nullptr) != (op->expand != nullptr));
    CHECK(op->infer != nullptr);
    CHECK(op->dtypes.bits != 0);
    CHECK(op->arity.in + op->arity.optional > 0);
  }
}

}  // namespace rlx
