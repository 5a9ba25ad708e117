// Bad input is a Result, a bug of ours is an RLX_CHECK.
//
// A Diagnostic is one thing wrong with what the user gave, in the user's own terms; an Error is one
// or more of them, so that all problems of a model are told at once. Codes are RLX-E<exit><nnn>:
// the thousands are the exit code of the tool (docs/cli.md), hence `Code / 1000` is all that a tool
// needs.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace rlx {

template <class T>
using Vec = std::vector<T>;

// Exit codes of every tool, the thousands of each Code.
enum class Exit : int {
  kOk = 0,
  kInternal = 1,
  kUsage = 2,
  kModel = 3,
  kUnsupported = 4,
  kShape = 5,
  kMiss = 6,
  kUnusable = 7,
  kCache = 8,
  kDiffers = 9,
  kSlower = 10,
  kLimit = 11,
  kDevice = 12,
  kNothing = 13,
};

struct Diagnostic {
  // For example 4012, printed RLX-E4012.
  int code = 1000;
  // Lower case, no full stop.
  std::string message;
  // The model's own node and operator; empty where none is to blame.
  std::string node = {};
  std::string op = {};
  int64_t opset = 0;
  // "X: f32[batch, 3]": name and type of what the node sees.
  Vec<std::string> shapes = {};
  // The cure.
  std::string hint = {};

  bool operator==(const Diagnostic&) const = default;
};

// "error RLX-E4012: message [node /enc/0, Einsum, opset 17] (X: f32[2]); hint: ..."
std::string to_text(const Diagnostic& d);

struct [[nodiscard]] Error {
  Vec<Diagnostic> items;

  Error(int code, std::string message, std::string hint = {})
      : items{Diagnostic{.code = code, .message = std::move(message), .hint = std::move(hint)}} {}
  explicit Error(Diagnostic d) : items{std::move(d)} {}
  explicit Error(Vec<Diagnostic> all) : items(std::move(all)) {}

  const Diagnostic& first() const { return items.front(); }
  int exit_code() const { return first().code / 1000; }
};

// One line per diagnostic.
std::string to_text(const Error& e);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() { return *std::get_if<0>(&state_); }
  const T& operator*() const { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  Error& error() { return *std::get_if<1>(&state_); }
  const Error& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  Error& error() { return *error_; }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& message);

}  // namespace rlx

// Aborts with what to report: for what only a bug of rlx can cause.
#define RLX_CHECK(condition, ...) \
  ((condition) ? void()           \
               : ::rlx::check_failed(__FILE__, __LINE__, #condition, std::string{__VA_ARGS__}))

#define RLX_CONCAT_(a, b) a##b
#define RLX_CONCAT(a, b) RLX_CONCAT_(a, b)

// RLX_TRY(auto x, f()): x is the value, or the function returns f's error.
#define RLX_TRY(decl, ...)                                                               \
  auto RLX_CONCAT(try_, __LINE__) = (__VA_ARGS__);                                       \
  if (!RLX_CONCAT(try_, __LINE__)) return std::move(RLX_CONCAT(try_, __LINE__).error()); \
  decl = std::move(*RLX_CONCAT(try_, __LINE__))

// RLX_TRY_VOID(f()): goes on, or the function returns f's error.
#define RLX_TRY_VOID(...) \
  if (auto try_status = (__VA_ARGS__); !try_status) return std::move(try_status.error())
