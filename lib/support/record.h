// Records: plain structs whose members' names and addresses are known without a list that could
// miss one.
//
//   struct Softmax { int64_t axis = -1; bool log = false; };
//   each_member(s, [](std::string_view name, auto& member) { ... });   // "axis", then "log"
//
// A record is an aggregate without bases; every member has an initialiser, none is a C array
// (std::array is fine), at most 16 of them. Printing, parsing, JSON, hashes and equality are made
// from each_member, so that a new member is in all of them, the cache key included.
//
// How: the number of members is the longest brace initialisation that compiles, their addresses
// come from structured bindings, their names from the compiler's spelling of a pointer to a member
// of an object that is declared and never defined. Only complete types work: use it after the
// struct, not inside.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace rlx {
namespace record {

// Converts to whatever a member needs, in unevaluated code only. Not constexpr: an optional member
// would then warn.
struct Any {
  template <class T>
  operator T() const;
};

// How many members T has.
template <class T, class... Found>
consteval size_t count() {
  if constexpr (requires { T{Found{}..., Any{}}; }) {
    return count<T, Found..., Any>();
  } else {
    return sizeof...(Found);
  }
}

// A tuple of pointers to the members of t, in order.
template <class T>
constexpr auto tie(T& t) {
  constexpr size_t kCount = count<std::remove_const_t<T>>();
  static_assert(kCount <= 16, "a record has at most 16 members");
  constexpr auto addresses = [](auto&... members) { return std::tuple(&members...); };
#define RLX_TIE(n, ...)             \
  else if constexpr (kCount == n) { \
    auto& [__VA_ARGS__] = t;        \
    return addresses(__VA_ARGS__);  \
  }
  // clang-format off
  if constexpr (kCount == 0) { return std::tuple(); }
  RLX_TIE(1, a)
  RLX_TIE(2, a, b)
  RLX_TIE(3, a, b, c)
  RLX_TIE(4, a, b, c, d)
  RLX_TIE(5, a, b, c, d, e)
  RLX_TIE(6, a, b, c, d, e, f)
  RLX_TIE(7, a, b, c, d, e, f, g)
  RLX_TIE(8, a, b, c, d, e, f, g, h)
  RLX_TIE(9, a, b, c, d, e, f, g, h, i)
  RLX_TIE(10, a, b, c, d, e, f, g, h, i, j)
  RLX_TIE(11, a, b, c, d, e, f, g, h, i, j, k)
  RLX_TIE(12, a, b, c, d, e, f, g, h, i, j, k, l)
  RLX_TIE(13, a, b, c, d, e, f, g, h, i, j, k, l, m)
  RLX_TIE(14, a, b, c, d, e, f, g, h, i, j, k, l, m, n)
  RLX_TIE(15, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
  RLX_TIE(16, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
  // clang-format on
#undef RLX_TIE
}

template <class T>
struct Ghost {
  const T value;
};

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
// Never defined: only the addresses of its members are named.
template <class T>
extern const Ghost<T> kGhost;

template <class T>
struct Pointer {
  const T* to;
};
template <class T>
Pointer(const T*) -> Pointer<T>;

// The last name in the compiler's spelling of `member`.
// g++: "... [with auto member = Pointer<long>{(& kGhost<S>.Ghost<S>::value.S::axis)}; ...]"
// clang: "... [member = Pointer<long>{&kGhost.value.axis}]"
template <auto member>
consteval std::string_view member_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  // Not the first brace: g++ spells an unnamed namespace "{anonymous}".
  const size_t end = text.find(")}");
  text = text.substr(0, end == std::string_view::npos ? text.find('}') : end);
  return text.substr(text.find_last_of(":.") + 1);
}

template <class T, size_t... I>
consteval auto member_names(std::index_sequence<I...>) {
  return std::array<std::string_view, sizeof...(I)>{
      member_name<Pointer{std::get<I>(tie(kGhost<T>.value))}>()...};
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

}  // namespace record

// The names of T's members, in order.
template <class T>
inline constexpr auto kMemberNames =
    record::member_names<T>(std::make_index_sequence<record::count<T>()>{});

// Calls f(name, member) for each member of t, in order.
template <class T, class F>
void each_member(T& t, F f) {
  auto visit = [&f, i = size_t{0}](auto*... members) mutable {
    (f(kMemberNames<std::remove_const_t<T>>[i++], *members), ...);
  };
  std::apply(visit, record::tie(t));
}

template <class T>
bool equal_members(const T& x, const T& y) {
  auto same = [&](auto*... p) {
    return std::apply([&](auto*... q) { return ((*p == *q) && ...); }, record::tie(y));
  };
  return std::apply(same, record::tie(x));
}

}  // namespace rlx
