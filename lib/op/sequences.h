// Operators on sequences of tensors and on optionals, which are sequences of at most one. None has a kernel: inference
// knows what each list holds, and writes the graph without them (docs/design/014-sequences.md).
#pragma once
#include "op/concat.h"
#include "op/op.h"
#include "op/shared/list_ctx.h"
#include "op/split.h"
#include "op/squeeze.h"
#include "op/unsqueeze.h"

namespace rlx::ops {

// More elements than this are data.
inline constexpr int64_t kMostElements = 1024;

// A sequence of these values.
struct SequenceConstruct {
  static constexpr std::string_view name = "sequence_construct";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 0, .optional = 1, .variadic = true};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const SequenceConstruct&, ListCtx& c) {
    for (const ValueId v : c.inputs()) {
      if (!v.valid()) return c.error(kBadInput, "an element of the sequence is left out");
    }
    return ListResult{.values = c.inputs()};
  }
};
RLX_OP(SequenceConstruct);

// Inputs: a sequence, a value, where it comes to stand: at the end where that is left out.
struct SequenceInsert {
  static constexpr std::string_view name = "sequence_insert";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const SequenceInsert&, ListCtx& c) {
    RLX_TRY(Values list, c.list(0));
    size_t at = list.size();
    if (c.has(2)) {
      RLX_TRY(at, c.place(2, list.size() + 1, list.size()));
    }
    if (c.is_list(1)) return c.error(kBadInput, "input 1 is no tensor");
    list.insert(list.begin() + static_cast<ptrdiff_t>(at), c.in(1));
    return ListResult{.values = std::move(list)};
  }
};
RLX_OP(SequenceInsert);

// Inputs: a sequence, which element it loses: the last one where that is left out.
struct SequenceErase {
  static constexpr std::string_view name = "sequence_erase";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const SequenceErase&, ListCtx& c) {
    RLX_TRY(Values list, c.list(0));
    if (list.empty()) return c.error(kBadInput, "the sequence is empty");
    size_t at = list.size() - 1;
    if (c.has(1)) {
      RLX_TRY(at, c.place(1, list.size(), list.size()));
    }
    list.erase(list.begin() + static_cast<ptrdiff_t>(at));
    return ListResult{.values = std::move(list)};
  }
};
RLX_OP(SequenceErase);

// Inputs: a sequence, which element.
struct SequenceAt {
  static constexpr std::string_view name = "sequence_at";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 2};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const SequenceAt&, ListCtx& c) {
    RLX_TRY(const Values list, c.list(0));
    RLX_TRY(const size_t at, c.place(1, list.size(), list.size()));
    return ListResult::one(list[at]);
  }
};
RLX_OP(SequenceAt);

struct SequenceLength {
  static constexpr std::string_view name = "sequence_length";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const SequenceLength&, ListCtx& c) {
    RLX_TRY(const Values list, c.list(0));
    const Constant length = make_i64({std::ssize(list)}, 0);
    return ListResult::one(c.constant(length));
  }
};
RLX_OP(SequenceLength);

// Inputs: data, the extents of the parts, or one for all (the last part may be smaller), or 1.
struct SplitToSequence {
  static constexpr std::string_view name = "split_to_sequence";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t axis = 0;
  // Of parts of extent 1: whether they keep the axis.
  int64_t keepdims = 1;

  static Result<ListResult> on_lists(const SplitToSequence& o, ListCtx& c) {
    RLX_TRY(const Type data, c.type(0));
    if (o.axis < -data.rank() || o.axis >= data.rank()) {
      return c.error(kBadAttribute, "there is no axis " + std::to_string(o.axis));
    }
    RLX_TRY(const Sizes sizes, sizes_of(o, c, data));
    if (sizes.count > kMostElements) {
      return c.error(kUnsupportedForm, "a sequence of " + std::to_string(sizes.count) + " parts",
                     "more than " + std::to_string(kMostElements) + " are not supported");
    }
    if (sizes.count == 0) return ListResult{};
    const auto count = static_cast<size_t>(sizes.count);
    Values parts = c.add(attrs(Split{.axis = o.axis}), {c.in(0), sizes.extents}, count);
    if (c.has(1) || o.keepdims != 0) return ListResult{.values = std::move(parts)};
    const ValueId axes = c.constant(make_i64({o.axis}, 1));
    for (ValueId& part : parts) part = c.add(attrs(Squeeze{}), {part, axes})[0];
    return ListResult{.values = std::move(parts)};
  }

 private:
  // Of the parts: how many, and a vector of their extents.
  struct Sizes {
    int64_t count = 0;
    ValueId extents;
  };

  static Result<Sizes> sizes_of(const SplitToSequence& o, ListCtx& c, const Type& data) {
    if (!c.has(1)) return equal_sizes(o, c, data, 1);
    RLX_TRY(const Type sizes, c.type(1));
    if (sizes.rank() > 1) return c.error(kBadInput, "the extents of the parts are no vector");
    if (sizes.rank() == 1 && sizes.shape[0].constant()) {
      return Sizes{.count = *sizes.shape[0].constant(), .extents = c.in(1)};
    }
    if (sizes.rank() == 1) {
      return c.error(kMustBeKnown, "how many parts there are is not known", kCure);
    }
    RLX_TRY(const int64_t size, c.integer(1));
    if (size < 1) return c.error(kBadInput, "parts of extent " + std::to_string(size));
    return equal_sizes(o, c, data, size);
  }

  static Result<Sizes> equal_sizes(const SplitToSequence& o, ListCtx& c, const Type& data,
                                   int64_t size) {
    const int64_t axis = o.axis < 0 ? o.axis + data.rank() : o.axis;
    const auto extent = data.shape[static_cast<size_t>(axis)].constant();
    if (!extent) return c.error(kMustBeKnown, "how many parts there are is not known", kCure);
    const int64_t count = *extent / size + (*extent % size != 0);
    if (count > kMostElements) return Sizes{.count = count};
    Vec<int64_t> extents(static_cast<size_t>(count), size);
    if (count > 0) extents.back() = *extent - (count - 1) * size;
    return Sizes{.count = count, .extents = c.constant(make_i64(extents, 1))};
  }

  static constexpr const char* kCure =
      "bind the dims, so that the extent of the axis is known when the model is compiled";
};
RLX_OP(SplitToSequence);

// The elements of a sequence one after the other along an axis, or along one of their own.
struct ConcatFromSequence {
  static constexpr std::string_view name = "concat_from_sequence";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;

  int64_t axis = 0;
  int64_t new_axis = 0;

  static Result<ListResult> on_lists(const ConcatFromSequence& o, ListCtx& c) {
    RLX_TRY(Values list, c.list(0));
    if (list.empty()) {
      return c.error(kBadInput, "the sequence is empty, so that the result has no shape");
    }
    if (o.new_axis != 0) {
      const ValueId axes = c.constant(make_i64({o.axis}, 1));
      for (ValueId& v : list) v = c.add(attrs(Unsqueeze{}), {v, axes})[0];
    }
    return ListResult::one(c.add(attrs(Concat{.axis = o.axis}), list)[0]);
  }
};
RLX_OP(ConcatFromSequence);

// The region once an element of the sequences, whose lengths are the same; tensors among the inputs are the same each
// time. Outputs: a sequence of each result.
struct SequenceMap {
  static constexpr std::string_view name = "sequence_map";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1, .out = 1024, .variadic = true};
  static constexpr DTypes dtypes = kAnyDType;
  static constexpr int regions = 1;

  static Result<Types> infer(const SequenceMap&, InferCtx& c) {
    return Types(static_cast<size_t>(c.outputs()), Type::unknown());
  }
};
RLX_OP(SequenceMap);

// An optional that holds this value, or nothing.
struct Optional {
  static constexpr std::string_view name = "optional";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 0, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const Optional&, ListCtx& c) {
    ListResult held{.kind = Type::Kind::kOptional};
    if (c.has(0)) held.values.push_back(c.in(0));
    return held;
  }
};
RLX_OP(Optional);

// What an optional holds; a tensor or a sequence holds itself.
struct OptionalGetElement {
  static constexpr std::string_view name = "optional_get_element";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 1};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const OptionalGetElement&, ListCtx& c) {
    if (!c.is_optional(0)) return ListResult::one(c.in(0));
    RLX_TRY(const Values list, c.list(0));
    if (list.size() == 1) return ListResult::one(list[0]);
    return c.error(kBadInput, "the optional holds nothing");
  }
};
RLX_OP(OptionalGetElement);

// Whether there is something in an optional; in a tensor or a sequence there is, in an input left out there is not.
struct OptionalHasElement {
  static constexpr std::string_view name = "optional_has_element";
  static constexpr int version = 1;
  static constexpr Arity arity{.in = 0, .optional = 1};
  static constexpr DTypes dtypes = kAnyDType;

  static Result<ListResult> on_lists(const OptionalHasElement&, ListCtx& c) {
    bool has = c.has(0);
    if (c.is_optional(0)) {
      RLX_TRY(const Values list, c.list(0));
      has = !list.empty();
    }
    const std::string byte(1, has ? '\1' : '\0');
    return ListResult::one(c.constant(make_constant(DType::kBool, {}, byte)));
  }
};
RLX_OP(OptionalHasElement);

}  // namespace rlx::ops
