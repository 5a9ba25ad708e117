#include "ir/number_text.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace rlx {
namespace {

template <class Float>
std::string text_of(Float value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // Shorter than any fixed notation that to_chars prefers to an exponent.
  char buffer[128];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  const std::string text(buffer, end);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

template <class Float>
Result<Float> parse(Cursor& in) {
  using Limits = std::numeric_limits<Float>;
  if (in.eat("nan")) return Limits::quiet_NaN();
  if (in.eat("inf")) return Limits::infinity();
  if (in.eat("-inf")) return -Limits::infinity();
  Cursor ahead = in;
  const std::string_view text = ahead.run_of(".+-");
  Float value = 0;
  auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status == std::errc::result_out_of_range) return in.error("this number is out of range");
  if (status != std::errc()) return in.error("a number is missing here");
  in.eat(text.substr(0, static_cast<size_t>(rest - text.data())));
  return value;
}

}  // namespace

std::string float_text(float value) { return text_of(value); }
std::string float_text(double value) { return text_of(value); }
Result<float> parse_float(Cursor& in) { return parse<float>(in); }
Result<double> parse_double(Cursor& in) { return parse<double>(in); }

}  // namespace rlx
