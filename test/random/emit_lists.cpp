// Sequences and optionals, which are taken apart again: values go through them as they are.
#include "test/random/generate.h"

namespace rlx::random {

Vec<int> Generator::opaque(std::string_view op, Vec<int> inputs, const Vec<DType>& outputs,
                           Vec<std::pair<std::string, Setting>> attributes) {
  Vec<int> made;
  for (const DType t : outputs) made.push_back(add({.dtype = t, .is_opaque = true}));
  m.nodes.push_back({.op = std::string(op),
                     .inputs = std::move(inputs),
                     .outputs = made,
                     .attributes = std::move(attributes)});
  return made;
}

int Generator::list(std::string_view op, Vec<int> inputs,
                    Vec<std::pair<std::string, Setting>> attributes) {
  const DType type = at(inputs[0]).dtype;
  return opaque(op, std::move(inputs), {type}, std::move(attributes))[0];
}

namespace {

Generator::Result like(const Value& x) {
  return {x.dtype, x.shape, x.big, x.error, x.exact, x.whole};
}

// A place among so many, now and then counted from the end.
int place(Generator& g, size_t at, size_t count) {
  const auto i = static_cast<int64_t>(at);
  return g.integers({g.random.percent(40) ? i - static_cast<int64_t>(count) : i}, true);
}

// v among others of its type.
Vec<int> some(Generator& g, int v) {
  Vec<int> parts = {v};
  const size_t more = g.random.below(3);
  for (size_t i = 0; i < more; ++i) {
    Vec<Dim> shape = g.at(v).shape;
    if (!shape.empty() && g.random.percent(50)) shape[0] = g.extent();
    const int part = g.operand(g.at(v).dtype, shape, g.at(v).big);
    parts.insert(g.random.percent(50) ? parts.begin() : parts.end(), part);
  }
  return parts;
}

Made element(Generator& g, int list, const Vec<int>& parts) {
  const size_t at = g.random.below(parts.size());
  const int index = place(g, at, parts.size());
  return g.node("SequenceAt", {list, index}, like(g.at(parts[at])));
}

Made list_construct(Generator& g, int v) {
  const Vec<int> parts = some(g, v);
  return element(g, g.list("SequenceConstruct", parts), parts);
}

Made list_insert(Generator& g, int v) {
  Vec<int> parts = some(g, v);
  const int list = g.list("SequenceConstruct", parts);
  const int more = g.operand(g.at(v).dtype, g.at(v).shape, g.at(v).big);
  if (g.random.percent(30)) {
    parts.push_back(more);
    return element(g, g.list("SequenceInsert", {list, more}), parts);
  }
  const size_t at = g.random.below(parts.size());
  const int where = place(g, at, parts.size());
  parts.insert(parts.begin() + static_cast<ptrdiff_t>(at), more);
  return element(g, g.list("SequenceInsert", {list, more, where}), parts);
}

Made list_erase(Generator& g, int v) {
  Vec<int> parts = some(g, v);
  if (parts.size() == 1) return std::nullopt;
  const int list = g.list("SequenceConstruct", parts);
  if (g.random.percent(30)) {
    parts.pop_back();
    return element(g, g.list("SequenceErase", {list}), parts);
  }
  const size_t at = g.random.below(parts.size());
  const int where = place(g, at, parts.size());
  parts.erase(parts.begin() + static_cast<ptrdiff_t>(at));
  return element(g, g.list("SequenceErase", {list, where}), parts);
}

Made list_length(Generator& g, int v) {
  const Vec<int> parts = some(g, v);
  const int list = g.list("SequenceConstruct", parts);
  return g.node("SequenceLength", {list},
                {.dtype = DType::kI64, .shape = {}, .big = 4, .exact = true, .whole = true});
}

// A part along an axis.
Made list_split(Generator& g, int v) {
  if (g.rank(v) == 0) return std::nullopt;
  const int axis = g.axis(v);
  const Dim extent = g.at(v).shape[static_cast<size_t>(axis)];
  const int64_t first = g.random.between(0, std::max<int64_t>(1, g.number(extent) / 2));
  if (!g.need(extent, first)) return std::nullopt;
  const Vec<Dim> sizes = {Dim(first), extent - first};
  const Made given = g.extents(sizes);
  if (!given) return std::nullopt;
  const int list = g.list("SplitToSequence", {v, *given}, {{"axis", spelled(g, axis, g.rank(v))}});
  const size_t at = g.random.below(2);
  Generator::Result part = like(g.at(v));
  part.shape[static_cast<size_t>(axis)] = sizes[at];
  return g.node("SequenceAt", {list, place(g, at, 2)}, std::move(part));
}

// Values of one shape along an axis, or along one of their own.
Made list_concat(Generator& g, int v) {
  const bool is_new = g.rank(v) == 0 || g.random.percent(50);
  const int rank = g.rank(v) + (is_new ? 1 : 0);
  const auto axis = static_cast<int>(g.random.below(static_cast<size_t>(rank)));
  const int other = g.operand(g.at(v).dtype, g.at(v).shape, g.at(v).big);
  Generator::Result r = like(g.at(v));
  const Value& x = g.at(other);
  r.big = std::max(r.big, x.big), r.error = std::max(r.error, x.error);
  r.exact = r.exact && x.exact, r.whole = r.whole && x.whole;
  const auto at = r.shape.begin() + axis;
  if (is_new) {
    r.shape.insert(at, Dim(2));
  } else {
    *at = *at * 2;
  }
  const int list = g.list("SequenceConstruct", {v, other});
  return g.node(
      "ConcatFromSequence", {list}, std::move(r),
      {{"axis", spelled(g, axis, rank)}, {"new_axis", static_cast<int64_t>(is_new ? 1 : 0)}});
}

Made optional(Generator& g, int v) {
  return g.node("OptionalGetElement", {g.list("Optional", {v})}, like(g.at(v)));
}

Made has_element(Generator& g, int v) {
  return g.node("OptionalHasElement", {g.list("Optional", {v})},
                {.dtype = DType::kBool, .shape = {}, .big = 1, .exact = true, .whole = true});
}

}  // namespace

Vec<Emitter> list_emitters() {
  return {
      {"concat_from_sequence", "", Family::kList, list_concat},
      {"optional", "", Family::kList, optional},
      {"optional_get_element", "", Family::kList, optional},
      {"optional_has_element", "", Family::kList, has_element},
      {"sequence_at", "", Family::kList, list_construct},
      {"sequence_construct", "", Family::kList, list_construct},
      {"sequence_erase", "", Family::kList, list_erase},
      {"sequence_insert", "", Family::kList, list_insert},
      {"sequence_length", "", Family::kList, list_length},
      {"split_to_sequence", "", Family::kList, list_split},
  };
}

}  // namespace rlx::random
