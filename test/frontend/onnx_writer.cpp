#include "test/frontend/onnx_writer.h"

namespace rlx::test {
namespace {

constexpr uint64_t kVarint = 0, kLengthDelimited = 2, kFixed32 = 5;

void append_varint(std::string& out, uint64_t value) {
  for (; value > 0x7f; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void append_key(std::string& out, int field, uint64_t wire_type) {
  append_varint(out, static_cast<uint64_t>(field) << 3 | wire_type);
}

Message attribute_of(std::string_view name, int type) {
  return Message().text(1, name).number(20, type);
}

Message dimension(const Extent& extent) {
  Message m;
  if (auto* name = std::get_if<std::string>(&extent)) return m.text(2, *name);
  int64_t value = std::get<int64_t>(extent);
  return value < 0 ? m : m.number(1, value);
}

}  // namespace

Message& Message::number(int field, int64_t value) {
  append_key(bytes, field, kVarint);
  append_varint(bytes, static_cast<uint64_t>(value));
  return *this;
}

Message& Message::real(int field, float value) {
  append_key(bytes, field, kFixed32);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  return *this;
}

Message& Message::text(int field, std::string_view value) {
  append_key(bytes, field, kLengthDelimited);
  append_varint(bytes, value.size());
  bytes += value;
  return *this;
}

Message& Message::packed(int field, const std::vector<int64_t>& values) {
  std::string payload;
  for (int64_t v : values) append_varint(payload, static_cast<uint64_t>(v));
  return text(field, payload);
}

Message value_info(std::string_view name, int type, const std::vector<Extent>& shape) {
  Message dims;
  for (const Extent& extent : shape) dims.add(1, dimension(extent));
  Message tensor_type = Message().number(1, type).add(2, dims);
  return Message().text(1, name).add(2, Message().add(1, tensor_type));
}

Message tensor(std::string_view name, int type, const std::vector<int64_t>& dims) {
  return Message().packed(1, dims).number(2, type).text(8, name);
}

Message raw_tensor(std::string_view name, int type, const std::vector<int64_t>& dims,
                   std::string_view data) {
  return tensor(name, type, dims).text(9, data);
}

Message attribute(std::string_view name, int64_t value) {
  return attribute_of(name, 2).number(3, value);
}
Message attribute(std::string_view name, float value) {
  return attribute_of(name, 1).real(2, value);
}
Message attribute(std::string_view name, std::string_view value) {
  return attribute_of(name, 3).text(4, value);
}
Message attribute(std::string_view name, const std::vector<int64_t>& values) {
  return attribute_of(name, 7).packed(8, values);
}
Message tensor_attribute(std::string_view name, const Message& value) {
  return attribute_of(name, 4).add(5, value);
}
Message graph_attribute(std::string_view name, const Message& value) {
  return attribute_of(name, 5).add(6, value);
}

Message node(const NodeSpec& spec) {
  Message m;
  for (std::string_view input : spec.inputs) m.text(1, input);
  for (std::string_view output : spec.outputs) m.text(2, output);
  if (!spec.name.empty()) m.text(3, spec.name);
  m.text(4, spec.op);
  for (const Message& a : spec.attributes) m.add(5, a);
  if (!spec.domain.empty()) m.text(7, spec.domain);
  return m;
}

Message graph(const GraphSpec& spec) {
  Message m;
  for (const Message& n : spec.nodes) m.add(1, n);
  m.text(2, spec.name);
  for (const Message& t : spec.initializers) m.add(5, t);
  for (const Message& v : spec.inputs) m.add(11, v);
  for (const Message& v : spec.outputs) m.add(12, v);
  return m;
}

Message attribute_reference(std::string_view name, std::string_view of) {
  return attribute_of(name, 1).text(21, of);
}

Message function(const FunctionSpec& spec) {
  Message m;
  m.text(1, spec.name);
  for (std::string_view input : spec.inputs) m.text(4, input);
  for (std::string_view output : spec.outputs) m.text(5, output);
  for (std::string_view a : spec.attributes) m.text(6, a);
  for (const Message& n : spec.nodes) m.add(7, n);
  if (spec.opset != 0) m.add(9, Message().number(2, spec.opset));
  m.text(10, spec.domain);
  for (const Message& a : spec.defaults) m.add(11, a);
  return m;
}

std::string model(const Message& graph, int64_t opset, int64_t ir_version,
                  const std::vector<Message>& functions) {
  Message m;
  m.number(1, ir_version).add(7, graph).add(8, Message().number(2, opset));
  for (const Message& f : functions) m.add(25, f);
  return m.bytes;
}

}  // namespace rlx::test
