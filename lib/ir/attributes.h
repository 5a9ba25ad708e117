// Attributes of operators as text and fields, whatever their operator is.
#pragma once
#include "ir/cursor.h"
#include "ir/op_def.h"
#include "support/hash.h"
#include "support/json.h"

namespace rlx {

struct Attribute {
  std::string_view name;
  AttrRef value;
};

// In the struct's order; the values point into attrs.
Vec<Attribute> attributes_of(Attrs& attrs);
// The same, not to be written through.
Vec<Attribute> attributes_of(const Attrs& attrs);
// Those whose values differ from a fresh object's.
Vec<Attribute> changed_attributes(const Attrs& attrs);
// Whether two attributes of one type are the same; floats by their bits.
bool same(const AttrRef& a, const AttrRef& b);

// "-1", "0.5", "true", "f32", "\"same\"", "[1, 2]", "none".
std::string to_text(const AttrRef& value);
// Reads what to_text prints into the attribute.
Status parse_attribute(Cursor& in, const AttrRef& into);
// "{axis = -1, pads = [1, 1]}", or nothing, into attrs that have their defaults.
Status parse_attributes(Cursor& in, Attrs& attrs);

// The changed attributes as one object.
void write_json(JsonWriter& out, const Attrs& attrs);
Status read_json(const JsonReader& in, Attrs& attrs);

// Name, version and every attribute of the operator.
void hash(Hasher& hasher, const Attrs& attrs);

}  // namespace rlx
