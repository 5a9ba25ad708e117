// Walks what the kinds of stages add, without naming a kind: a new one is walked as soon as it is
// in Detail.
#pragma once
#include <concepts>

#include "kernel/kernel.h"
#include "support/record.h"

namespace rlx {

// What the members of a detail are, alone or in lists: loops, nodes of the body (next values of
// accumulators), types of accumulators and their initial values; of an Order, its Dims.
// Whoever adds another type looks at all who call visit_detail().
template <class T>
concept DetailPart = std::same_as<T, LoopId> || std::same_as<T, ExprId> || std::same_as<T, DType> ||
                     std::same_as<T, Scalar> || std::same_as<T, Dim> || std::same_as<T, bool>;

template <class T, class F>
  requires DetailPart<std::remove_const_t<T>>
void visit_part(T& part, F& f) {
  if constexpr (std::is_invocable_v<F&, T&>) f(part);
}

template <class T, class F>
  requires std::same_as<std::remove_const_t<T>, Order>
void visit_part(T& order, F& f) {
  visit_part(order.parts, f);
  if (order.run) visit_part(*order.run, f);
}

template <class T, class F>
void visit_part(Vec<T>& parts, F& f) {
  for (T& part : parts) visit_part(part, f);
}

template <class T, class F>
void visit_part(const Vec<T>& parts, F& f) {
  for (const T& part : parts) visit_part(part, f);
}

// Calls f with each part of the stage's detail that it takes: [](LoopId& id) {...} sees its loops.
template <class StageType, class F>
void visit_detail(StageType& s, F f) {
  auto walk = [&](auto& detail) {
    each_member(detail, [&](std::string_view, auto& member) { visit_part(member, f); });
  };
  std::visit(walk, s.detail);
}

}  // namespace rlx
