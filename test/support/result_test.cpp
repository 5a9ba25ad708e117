#include "support/result.h"

#include <catch2/catch.hpp>

namespace rlx {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error(5001, "odd number", "give an even one");
  return n / 2;
}

Result<int> quarter(int n) {
  RLX_TRY(int h, half(n));
  RLX_TRY(int q, half(h));
  return q;
}

Status check_half(int n) {
  RLX_TRY_VOID(half(n));
  return {};
}

TEST_CASE("a diagnostic says what, where, with which shapes and how to cure it") {
  Diagnostic d{.code = 4012,
               .message = "unsupported equation",
               .node = "/enc/0",
               .op = "Einsum",
               .opset = 17,
               .shapes = {"X: f32[2]", "Y: f32[3]"},
               .hint = "use MatMul"};
  CHECK(to_text(d) ==
        "error RLX-E4012: unsupported equation [node /enc/0, Einsum, opset 17] "
        "(X: f32[2], Y: f32[3]); hint: use MatMul");
  CHECK(to_text(Diagnostic{.code = 3001, .message = "cannot open x"}) ==
        "error RLX-E3001: cannot open x");
}

TEST_CASE("an error is one line per diagnostic and exits with the thousands of its code") {
  Error e(Vec<Diagnostic>{{.code = 4001, .message = "a"}, {.code = 5002, .message = "b"}});
  CHECK(to_text(e) == "error RLX-E4001: a\nerror RLX-E5002: b\n");
  CHECK(e.exit_code() == 4);
}

TEST_CASE("RLX_TRY goes on with the value or returns the error") {
  CHECK(*quarter(8) == 2);
  CHECK(quarter(6).error().first().message == "odd number");
  CHECK(check_half(2).ok());
  CHECK(check_half(1).error().first().hint == "give an even one");
}

}  // namespace
}  // namespace rlx
