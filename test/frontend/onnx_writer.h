// Writes ONNX files for tests, field by field.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rlx::test {

// A protobuf message under construction.
class Message {
 public:
  Message& number(int field, int64_t value);
  Message& real(int field, float value);
  Message& text(int field, std::string_view value);
  Message& add(int field, const Message& value) { return text(field, value.bytes); }
  // A packed field of numbers.
  Message& packed(int field, const std::vector<int64_t>& values);

  std::string bytes;
};

// Of ONNX's element types.
enum : int {
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kHalf = 10
};

// -1: an extent without value or name.
using Extent = std::variant<int64_t, std::string>;

Message value_info(std::string_view name, int type, const std::vector<Extent>& shape);
// Without data.
Message tensor(std::string_view name, int type, const std::vector<int64_t>& dims);
Message raw_tensor(std::string_view name, int type, const std::vector<int64_t>& dims,
                   std::string_view data);
Message attribute(std::string_view name, int64_t value);
Message attribute(std::string_view name, float value);
Message attribute(std::string_view name, std::string_view value);
Message attribute(std::string_view name, const std::vector<int64_t>& values);
Message tensor_attribute(std::string_view name, const Message& value);
Message graph_attribute(std::string_view name, const Message& value);

struct NodeSpec {
  std::string_view op;
  std::vector<std::string_view> inputs, outputs;
  std::vector<Message> attributes = {};
  std::string_view name = {};
  std::string_view domain = {};
};
Message node(const NodeSpec& spec);

struct GraphSpec {
  std::vector<Message> inputs, outputs, nodes;
  std::vector<Message> initializers = {};
  std::string_view name = "g";
};
Message graph(const GraphSpec& spec);

// In a function's body: the value of one of its attributes.
Message attribute_reference(std::string_view name, std::string_view of);

struct FunctionSpec {
  std::string_view domain, name;
  std::vector<std::string_view> inputs, outputs;
  std::vector<Message> nodes;
  std::vector<std::string_view> attributes = {};
  std::vector<Message> defaults = {};
  // Of ONNX's own domain; 0: it imports none.
  int64_t opset = 17;
};
Message function(const FunctionSpec& spec);

std::string model(const Message& graph, int64_t opset = 17, int64_t ir_version = 8,
                  const std::vector<Message>& functions = {});

}  // namespace rlx::test
