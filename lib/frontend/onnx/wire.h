// Reading protobuf messages with protozero. What it throws is caught at the edge of this folder: nothing
// but proto.cpp and tensor.cpp sees an exception.
#pragma once
#include <exception>
#include <string>
#include <string_view>

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "frontend/codes.h"

namespace rlx::onnx {

using Fields = protozero::pbf_reader;

// A message that cannot be read: thrown by the functions below, caught by `guarded`.
struct Broken : std::exception {
  Broken(std::string_view from, std::string reason) : rest(from), why(std::move(reason)) {}

  // The file from the place on.
  std::string_view rest;
  std::string why;
};

// Calls visit(fields) at each field of a message; errors name the place and the field.
template <class F>
void each_field(std::string_view message, const char* type, F visit) {
  Fields fields(message.data(), message.size());
  try {
    while (fields.next()) visit(fields);
  } catch (const protozero::exception& e) {
    auto rest = fields.data();
    throw Broken({rest.data(), rest.size()},
                 "field " + std::to_string(fields.tag()) + " of " + type + ": " + e.what());
  }
}

// protozero itself takes a field for whatever it is asked for.
inline void expect(Fields& f, protozero::pbf_wire_type type) {
  if (f.wire_type() != type) throw protozero::unknown_pbf_wire_type_exception();
}

inline std::string_view bytes(Fields& f) {
  expect(f, protozero::pbf_wire_type::length_delimited);
  auto view = f.get_view();
  return {view.data(), view.size()};
}

inline int64_t integer(Fields& f) {
  expect(f, protozero::pbf_wire_type::varint);
  return f.get_int64();
}

inline float real(Fields& f) {
  expect(f, protozero::pbf_wire_type::fixed32);
  return f.get_float();
}

// A repeated number comes packed or one by one, in any mixture.
template <class F>
void each_integer(Fields& f, F visit) {
  if (f.wire_type() == protozero::pbf_wire_type::varint) return visit(f.get_int64());
  expect(f, protozero::pbf_wire_type::length_delimited);
  for (const int64_t v : f.get_packed_int64()) visit(v);
}

template <class F>
void each_float(Fields& f, F visit) {
  if (f.wire_type() == protozero::pbf_wire_type::fixed32) return visit(f.get_float());
  expect(f, protozero::pbf_wire_type::length_delimited);
  for (const float v : f.get_packed_float()) visit(v);
}

template <class F>
void each_double(Fields& f, F visit) {
  if (f.wire_type() == protozero::pbf_wire_type::fixed64) return visit(f.get_double());
  expect(f, protozero::pbf_wire_type::length_delimited);
  for (const double v : f.get_packed_double()) visit(v);
}

// The edge: read()'s value, or what is broken as an error with its offset in the file.
template <class F>
auto guarded(std::string_view file, F read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (const Broken& e) {
    const std::string at = std::to_string(e.rest.data() - file.data());
    return Error(kBrokenFile, "the file is damaged at byte " + at + ": " + e.why);
  }
}

}  // namespace rlx::onnx
