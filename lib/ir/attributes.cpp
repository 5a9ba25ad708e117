#include "ir/attributes.h"

#include <algorithm>
#include <bit>

#include "ir/number_text.h"

namespace rlx {
namespace {

// What an attribute is made of: T for T, Vec<T> and std::optional<T>.
template <class T>
struct Shape {
  static constexpr bool list = false, optional = false;
  using Element = T;
};
template <class T>
struct Shape<Vec<T>> {
  static constexpr bool list = true, optional = false;
  using Element = T;
};
template <class T>
struct Shape<std::optional<T>> {
  static constexpr bool list = false, optional = true;
  using Element = T;
};

// ---- Equality ---------------------------------------------------------------------------------

template <class T>
bool same_value(const T& a, const T& b) {
  if constexpr (Shape<T>::list) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value<typename T::value_type>);
  } else if constexpr (Shape<T>::optional) {
    return a.has_value() == b.has_value() && (!a || same_value(*a, *b));
  } else if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
  } else {
    return a == b;
  }
}

// ---- Text -------------------------------------------------------------------------------------

std::string attribute_text(int64_t v) { return std::to_string(v); }
std::string attribute_text(float v) { return float_text(v); }
std::string attribute_text(bool v) { return v ? "true" : "false"; }
std::string attribute_text(DType v) { return std::string(name(v)); }
std::string attribute_text(const std::string& v) { return quoted(v); }

template <class T>
std::string attribute_text(const std::optional<T>& v) {
  return v ? attribute_text(*v) : "none";
}

template <class T>
std::string attribute_text(const Vec<T>& items) {
  std::string out = "[";
  for (const T& item : items) out += (out.size() == 1 ? "" : ", ") + attribute_text(item);
  return out + "]";
}

template <class T>
Result<T> element_from(Cursor& in) {
  if constexpr (std::is_same_v<T, int64_t>) {
    return in.integer();
  } else if constexpr (std::is_same_v<T, float>) {
    return parse_float(in);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return in.string();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (in.eat("true")) return true;
    if (in.eat("false")) return false;
    return in.error("true or false is missing here");
  } else {
    auto dtype = dtype_named(in.word());
    if (!dtype) return in.error("an element type is missing here");
    return *dtype;
  }
}

template <class T>
Status parse_into(Cursor& in, T& into) {
  using Element = typename Shape<T>::Element;
  if constexpr (Shape<T>::list) {
    into.clear();
    RLX_TRY_VOID(in.expect("["));
    if (in.eat("]")) return {};
    do {
      RLX_TRY(Element e, element_from<Element>(in));
      into.push_back(std::move(e));
    } while (in.eat(","));
    return in.expect("]");
  } else {
    if (Shape<T>::optional && in.eat("none")) {
      into = T();
      return {};
    }
    RLX_TRY(into, element_from<Element>(in));
    return {};
  }
}

// ---- JSON -------------------------------------------------------------------------------------

void write_value(JsonWriter& out, int64_t v) { out.value(v); }
void write_value(JsonWriter& out, float v) { out.value(v); }
void write_value(JsonWriter& out, bool v) { out.value(v); }
void write_value(JsonWriter& out, DType v) { out.value(name(v)); }
void write_value(JsonWriter& out, const std::string& v) { out.value(v); }

template <class T>
void write_value(JsonWriter& out, const std::optional<T>& v) {
  if (v) return write_value(out, *v);
  out.null();
}

template <class T>
void write_value(JsonWriter& out, const Vec<T>& items) {
  out.begin_array();
  for (const T& item : items) write_value(out, item);
  out.end_array();
}

template <class T>
Result<T> element_from(const JsonReader& in) {
  if constexpr (std::is_same_v<T, int64_t>) {
    return in.integer();
  } else if constexpr (std::is_same_v<T, float>) {
    // The shortest text of a float is read as a double, which rounds to that float again.
    RLX_TRY(const double v, in.number());
    return static_cast<float>(v);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return in.string();
  } else if constexpr (std::is_same_v<T, bool>) {
    return in.boolean();
  } else {
    RLX_TRY(const std::string text, in.string());
    auto dtype = dtype_named(text);
    if (!dtype) return in.wrong("no element type is called " + quoted(text));
    return *dtype;
  }
}

template <class T>
Status read_into(const JsonReader& in, T& into) {
  using Element = typename Shape<T>::Element;
  if constexpr (Shape<T>::list) {
    into.clear();
    RLX_TRY(const Vec<JsonReader> items, in.items());
    for (const JsonReader& item : items) {
      RLX_TRY(Element e, element_from<Element>(item));
      into.push_back(std::move(e));
    }
    return {};
  } else {
    if (Shape<T>::optional && in.json().is_null()) {
      into = T();
      return {};
    }
    RLX_TRY(into, element_from<Element>(in));
    return {};
  }
}

// ---- Hash -------------------------------------------------------------------------------------

template <class T>
void hash_value(Hasher& h, std::string_view tag, const T& v) {
  if constexpr (Shape<T>::list) {
    h.field(tag, static_cast<uint64_t>(v.size()));
    for (const auto& item : v) hash_value(h, tag, item);
  } else if constexpr (Shape<T>::optional) {
    h.field(tag, v.has_value());
    if (v) hash_value(h, tag, *v);
  } else if constexpr (std::is_same_v<T, std::string>) {
    h.field(tag, std::string_view(v));
  } else if constexpr (std::is_same_v<T, DType>) {
    h.field(tag, name(v));
  } else {
    h.field(tag, v);
  }
}

const Attribute* find(const Vec<Attribute>& all, std::string_view name) {
  for (const Attribute& a : all) {
    if (a.name == name) return &a;
  }
  return nullptr;
}

std::string missing(const Attrs& attrs, std::string_view name) {
  return std::string(attrs.op()->name) + " has no attribute " + quoted(name);
}

}  // namespace

Vec<Attribute> attributes_of(Attrs& attrs) {
  Vec<Attribute> all;
  attrs.each([&](std::string_view name, AttrRef value) { all.push_back({name, value}); });
  return all;
}

Vec<Attribute> attributes_of(const Attrs& attrs) {
  Vec<Attribute> all;
  attrs.each([&](std::string_view name, AttrRef value) { all.push_back({name, value}); });
  return all;
}

bool same(const AttrRef& a, const AttrRef& b) {
  if (a.index() != b.index()) return false;
  return std::visit([&](auto* x) { return same_value(*x, **std::get_if<decltype(x)>(&b)); }, a);
}

Vec<Attribute> changed_attributes(const Attrs& attrs) {
  Attrs fresh(attrs.op());
  Vec<Attribute> all = attributes_of(attrs), defaults = attributes_of(fresh), changed;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!same(all[i].value, defaults[i].value)) changed.push_back(all[i]);
  }
  return changed;
}

std::string to_text(const AttrRef& value) {
  return std::visit([](auto* v) { return attribute_text(*v); }, value);
}

Status parse_attribute(Cursor& in, const AttrRef& into) {
  return std::visit([&](auto* v) { return parse_into(in, *v); }, into);
}

Status parse_attributes(Cursor& in, Attrs& attrs) {
  if (!in.eat("{")) return {};
  const Vec<Attribute> all = attributes_of(attrs);
  do {
    const Cursor at = in;
    const std::string_view name = in.word();
    const Attribute* a = find(all, name);
    if (!a) return at.error(missing(attrs, name));
    RLX_TRY_VOID(in.expect("="));
    RLX_TRY_VOID(parse_attribute(in, a->value));
  } while (in.eat(","));
  return in.expect("}");
}

void write_json(JsonWriter& out, const Attrs& attrs) {
  out.begin_object();
  for (const Attribute& a : changed_attributes(attrs)) {
    out.key(a.name);
    std::visit([&](auto* v) { write_value(out, *v); }, a.value);
  }
  out.end_object();
}

Status read_json(const JsonReader& in, Attrs& attrs) {
  const auto* members = in.json().object();
  if (!members) return in.wrong("attributes are an object");
  const Vec<Attribute> all = attributes_of(attrs);
  for (const auto& [name, json] : *members) {
    const Attribute* a = find(all, name);
    if (!a) return in.wrong(missing(attrs, name));
    JsonReader value(json, in.where() + "." + name);
    RLX_TRY_VOID(std::visit([&](auto* v) { return read_into(value, *v); }, a->value));
  }
  return {};
}

void hash(Hasher& hasher, const Attrs& attrs) {
  hasher.field("op", attrs.op()->name);
  hasher.field("version", static_cast<int64_t>(attrs.op()->version));
  for (const Attribute& a : attributes_of(attrs)) {
    std::visit([&](auto* v) { hash_value(hasher, a.name, *v); }, a.value);
  }
}

}  // namespace rlx
