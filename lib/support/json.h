// JSON: a writer that fixes order and spelling, and a small tree read through simdjson.
//
// The writer keeps the caller's order of keys. Floats are the shortest text that reads back, with a
// point or an exponent, so that they stay floats; NaN and infinities are the strings "nan", "inf",
// "-inf". Bytes that are not UTF-8 become U+FFFD. Arrays and objects opened with Layout::kLines
// hold one item a line, which keeps big files diffable; others stand on one line.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "support/result.h"

namespace rlx {

class JsonWriter {
 public:
  enum class Layout { kInline, kLines };

  void begin_object(Layout layout = Layout::kInline);
  void end_object();
  void begin_array(Layout layout = Layout::kInline);
  void end_array();
  // The next value's name; only inside an object.
  void key(std::string_view name);
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(int64_t number);
  void value(uint64_t number);
  void value(int number) { value(static_cast<int64_t>(number)); }
  void value(double number);
  // As the shortest text that reads back as a float.
  void value(float number);
  void value(bool truth);
  void null();
  template <class T>
  void member(std::string_view name, const T& v) {
    key(name);
    value(v);
  }
  template <class T>
  void values(std::span<const T> items) {
    begin_array();
    for (const T& item : items) value(item);
    end_array();
  }

  // The text so far; whole once everything begun is ended.
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  struct Open {
    bool lines;
    bool empty;
  };
  void before_value();
  void new_line();
  void begin(char bracket, Layout layout);
  void end(char bracket);
  void quote(std::string_view text);
  template <class Float>
  void value_of_float(Float number);

  std::string text_;
  Vec<Open> open_;
  bool after_key_ = false;
};

// A read JSON value. Objects keep their order of keys; a repeated key is an error at parsing.
class Json {
 public:
  struct Member;

  // Whole text is one value, of depth 256 at most; the error says what is wrong.
  static Result<Json> parse(std::string_view text);

  bool is_null() const { return held.index() == 0; }
  // Each returns null where the value is of another kind.
  const bool* boolean() const { return std::get_if<bool>(&held); }
  const int64_t* integer() const { return std::get_if<int64_t>(&held); }
  // Integers from 0 to 2^64 - 1.
  std::optional<uint64_t> natural() const;
  // Integers too, and the strings that the writer makes of NaN and infinities.
  std::optional<double> number() const;
  const std::string* string() const { return std::get_if<std::string>(&held); }
  const Vec<Json>* array() const { return std::get_if<Vec<Json>>(&held); }
  const Vec<Member>* object() const { return std::get_if<Vec<Member>>(&held); }
  // The member of that name; null where there is none or this is no object.
  const Json* find(std::string_view name) const;
  // "an object": what the value is, for messages.
  std::string_view kind() const;

  // An integer is a uint64_t only where it is above INT64_MAX.
  std::variant<std::monostate, bool, int64_t, double, std::string, Vec<Json>, Vec<Member>, uint64_t>
      held;
};

struct Json::Member {
  std::string name;
  Json value;
};

// Typed reads that say what is wrong: `where` names the place in messages ("meta.lir").
class JsonReader {
 public:
  JsonReader(const Json& value, std::string where) : value_(&value), where_(std::move(where)) {}

  Result<JsonReader> get(std::string_view name) const;
  std::optional<JsonReader> maybe(std::string_view name) const;
  Result<int64_t> integer() const;
  Result<uint64_t> natural() const;
  Result<double> number() const;
  Result<bool> boolean() const;
  Result<std::string> string() const;
  Result<Vec<JsonReader>> items() const;
  Result<Vec<int64_t>> integers() const;
  Result<Vec<double>> numbers() const;
  Result<Vec<std::string>> strings() const;
  // The member's value, where both its absence and another type are errors.
  Result<int64_t> integer(std::string_view name) const;
  Result<double> number(std::string_view name) const;
  Result<bool> boolean(std::string_view name) const;
  Result<std::string> string(std::string_view name) const;
  // An error at this place.
  Error wrong(std::string_view what) const;
  const Json& json() const { return *value_; }
  const std::string& where() const { return where_; }

 private:
  Error unexpected(std::string_view wanted) const;
  std::string inside(std::string_view name) const;

  const Json* value_;
  std::string where_;
};

}  // namespace rlx
