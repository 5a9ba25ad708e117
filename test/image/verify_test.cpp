#include <catch2/catch.hpp>

#include "test/image/sample.h"

namespace rlx::image {
namespace {

// What verify() says to the sample after a change.
std::string after(void (*change)(Image&)) {
  Image image = sample();
  change(image);
  Status status = verify(image);
  if (status) return "";
  CHECK(status.error().exit_code() == static_cast<int>(Exit::kCache));
  std::string message = status.error().first().message;
  return message.substr(message.find(": ") + 2);
}

TEST_CASE("the sample is right") {
  CHECK(after([](Image&) {}) == "");
}

TEST_CASE("names are there and unique") {
  CHECK(after([](Image& i) { i.inputs[0].name = ""; }) == "inputs[0]: its name is empty or taken");
  CHECK(after([](Image& i) { i.outputs[1].name = "y"; }) ==
        "outputs[1]: its name is empty or taken");
  CHECK(after([](Image& i) { i.symbols[1].name = "batch"; }) ==
        "symbols[1]: its name is empty or taken");
}

// The second symbol is that element of the input, negated.
void use_element(Image& i, int32_t number) {
  i.symbols[1] = {.name = "e", .input = 0, .element = number, .sign = -1};
  i.inputs[0].dtype = DType::kI64;
  i.inputs[0].shape = {Extent::constant(4)};
  i.symbols[0].input = i.symbols[0].axis = -1;
}

TEST_CASE("symbols have a source and a range") {
  CHECK(after([](Image& i) { i.symbols[0].input = 1; }) == "symbols[0]: its source is unknown");
  CHECK(after([](Image& i) { i.symbols[0].axis = 2; }) == "symbols[0]: its source is unknown");
  CHECK(after([](Image& i) { i.symbols[0].axis = -1; }) == "symbols[0]: its source is unknown");
  // An element is one of an i64 vector whose extent is a number.
  CHECK(after([](Image& i) { i.symbols[1].element = 0; }) == "symbols[1]: its source is unknown");
  CHECK(after([](Image& i) { i.symbols[0].element = 0; }) == "symbols[0]: its source is unknown");
  CHECK(after([](Image& i) { i.symbols[0].sign = -1; }) == "symbols[0]: its source is unknown");
  CHECK(after([](Image& i) { use_element(i, 3); }) == "");
  CHECK(after([](Image& i) { use_element(i, 4); }) == "symbols[1]: its source is unknown");
  CHECK(after([](Image& i) { i.symbols[0].min = 65; }) == "symbols[0]: its range is empty");
  CHECK(after([](Image& i) { i.symbols[0].multiple_of = 0; }) == "symbols[0]: its range is empty");
}

TEST_CASE("tensors know their dtype, shape and buffer") {
  CHECK(after([](Image& i) { i.inputs[0].dtype = static_cast<DType>(99); }) ==
        "inputs[0]: its dtype is unknown");
  CHECK(after([](Image& i) { i.inputs[0].buffer = 6; }) == "inputs[0]: its buffer is unknown");
  CHECK(after([](Image& i) { i.inputs[0].buffer = 1; }) ==
        "inputs[0]: it has no input buffer of its own");
  CHECK(after([](Image& i) { i.outputs[0].buffer = 3; }) == "outputs[0]: it lies in the arena");
  CHECK(after([](Image& i) { i.outputs[0].shape[0] = symbol(2); }) ==
        "outputs[0]: its shape is malformed");
}

TEST_CASE("buffers fit their kind") {
  CHECK(after([](Image& i) { i.buffers[3].kind = static_cast<Buffer::Kind>(4); }) ==
        "buffers[3]: its kind is unknown");
  CHECK(after([](Image& i) { i.buffers[3].last = 4; }) == "buffers[3]: it does not live");
  CHECK(after([](Image& i) { i.buffers[3].bytes.steps.clear(); }) ==
        "buffers[3]: its size is malformed");
  CHECK(after([](Image& i) { i.buffers[5].pattern = "x"; }) ==
        "buffers[5]: only arena and output buffers have patterns");
  CHECK(after([](Image& i) { i.buffers[5].slot = 0; }) ==
        "buffers[5]: only arena buffers have slots");
  CHECK(after([](Image& i) { i.buffers[5].offset = -1; }) ==
        "buffers[5]: its slot or offset is negative");
  CHECK(after([](Image& i) { i.buffers[5].kind = Buffer::Kind::kInput; }) ==
        "buffers[5]: no input belongs to it");
  CHECK(after([](Image& i) { i.buffers[3].slot = 5; }) ==
        "buffers[4]: its slot has another size or pattern");
}

// What verify() says to the image with a border after a change of the border's buffer.
std::string after_border(void (*change)(Buffer&)) {
  Image image = bordered();
  change(image.buffers[4]);
  Status status = verify(image);
  if (status) return "";
  const std::string message = status.error().first().message;
  return message.substr(message.find(": ") + 2);
}

TEST_CASE("a border lies in its buffer and is filled first") {
  const std::string outside = "buffers[4]: its border is not within it";
  const std::string none = "buffers[4]: it cannot have a border";
  CHECK(after_border([](Buffer&) {}) == "");
  CHECK(after_border([](Buffer& b) { b.slot = 5; }) == none);
  CHECK(after_border([](Buffer& b) { b.pattern = ""; }) == none);
  CHECK(after_border([](Buffer& b) { b.bytes = times(symbol(0), 256); }) == none);
  CHECK(after_border([](Buffer& b) { b.first = 2; }) ==
        "buffers[4]: its border is not filled first");
  CHECK(after_border([](Buffer& b) { b.bytes = Extent::constant(252); }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[0].offset = -4; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[0].bytes = 0; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[0].bytes = 260; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[0].offset = INT64_MAX - 3; }) == outside);
  // Parts of patterns.
  CHECK(after_border([](Buffer& b) { b.border[0].bytes = 62; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[0].offset = 2; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[1].repeats[0].step = 62; }) == outside);
  // Too many, none, or one over the other.
  CHECK(after_border([](Buffer& b) { b.border[1].repeats[0].count = 4; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[1].repeats[1].count = INT64_MAX; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[1].repeats[1].count = 0; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[1].repeats[1].step = 4; }) == outside);
  CHECK(after_border([](Buffer& b) { b.border[1].repeats[0].step = 36; }) == outside);
}

TEST_CASE("a border is listed") {
  CHECK(to_text(bordered())
            .find("lives 3..3, holds 000080ff at 0 + 64, 88 + 8 x 3 / 64 x 2 / 32\n") !=
        std::string::npos);
}

TEST_CASE("kernels lie in the code") {
  CHECK(after([](Image& i) { i.kernels[0].entry = 128; }) == "kernels[0]: its entry is outside");
  CHECK(after([](Image& i) { i.kernels[0].tiles = {}; }) ==
        "kernels[0]: its tiles or scratch are malformed");
  CHECK(after([](Image& i) { i.guards[0].predicate = {}; }) ==
        "guards[0]: its predicate is malformed");
}

TEST_CASE("commands use what there is, when it is there") {
  CHECK(after([](Image& i) { i.commands[0].kernel = 2; }) == "commands[0]: its kernel is unknown");
  CHECK(after([](Image& i) { i.commands[0].buffers[0] = 6; }) ==
        "commands[0]: its buffer is unknown");
  CHECK(after([](Image& i) { i.commands[2].buffers[1] = 3; }) ==
        "commands[2]: buffer 3 is not alive");
  CHECK(after([](Image& i) { i.commands[1].waits = {1}; }) ==
        "commands[1]: it waits for a later command");
  CHECK(after([](Image& i) { i.commands[2].buffers = {2}; }) ==
        "commands[2]: a copy needs two buffers, to and from");
  CHECK(after([](Image& i) { i.commands[2].buffers = {5, 0}; }) ==
        "commands[2]: a copy needs two buffers, to and from");
  CHECK(after([](Image& i) { i.commands[3].buffers = {1}; }) ==
        "commands[3]: its buffer has no pattern");
  // One after the last.
  CHECK(after([](Image& i) { i.commands[3].kind = static_cast<Command::Kind>(7); }) ==
        "commands[3]: its kind is unknown");
  CHECK(after([](Image& i) { i.commands[3].kind = static_cast<Command::Kind>(255); }) ==
        "commands[3]: its kind is unknown");
}

// if (condition) { relu } else { copy }, then a fill.
Image branching(const std::function<void(Image&)>& change = {}) {
  Image i = sample();
  i.buffers.push_back(
      {.kind = Buffer::Kind::kArena, .bytes = Extent::constant(1), .first = 0, .last = 3});
  i.commands.insert(i.commands.begin() + 1,
                    {.kind = Command::Kind::kIf, .buffers = {6}, .waits = {0}, .ends = {3, 4}});
  i.buffers[3].last = 2;
  i.buffers[4].last = 4;
  i.guards.push_back({Extent::constant(1), "1", "/relu", 2});
  if (change) change(i);
  return i;
}

TEST_CASE("blocks stand inside of each other, and nobody waits for one that has ended") {
  auto problem = [](const std::function<void(Image&)>& change) {
    const Status status = verify(branching(change));
    return status ? std::string() : status.error().first().message.substr(27);
  };
  CHECK(problem([](Image&) {}).empty());
  CHECK(decode(bytes_of(encode(branching()))).ok());
  CHECK(to_text(branching())
            .find("  1 if (6) after 0, blocks to 3, 4\n"
                  "    2 launch relu (3, 1) after 0 [/relu]\n"
                  "  else\n"
                  "    3 copy (2, 0) [/identity]\n"
                  "  4 fill (4) [/pad]\n") != std::string::npos);
  CHECK(problem([](Image& i) { i.commands[1].ends = {3}; }) ==
        "commands[1]: its blocks are too many or too few");
  CHECK(problem([](Image& i) { i.commands[2].ends = {3}; }) ==
        "commands[2]: its blocks are too many or too few");
  CHECK(problem([](Image& i) { i.commands[1].ends = {3, 6}; }) ==
        "commands[1]: a block ends elsewhere");
  CHECK(problem([](Image& i) { i.commands[1].ends = {4, 3}; }) ==
        "commands[1]: a block ends elsewhere");
  CHECK(problem([](Image& i) { i.commands[1].ends = {1, 3}; }) ==
        "commands[1]: a block ends elsewhere");
  CHECK(problem([](Image& i) { i.commands[1].buffers = {6, 6}; }) ==
        "commands[1]: an if has one condition");
  CHECK(problem([](Image& i) { i.buffers[6].last = 2; }) == "commands[1]: buffer 6 is not alive");
  CHECK(problem([](Image& i) { i.commands[4].waits = {2}; }) ==
        "commands[4]: it waits for what may not run");
  CHECK(problem([](Image& i) { i.commands[3].waits = {2}; }) ==
        "commands[3]: it waits for what may not run");
  CHECK(problem([](Image& i) { i.commands[4].waits = {1}; }).empty());
  CHECK(problem([](Image& i) { i.guards[1].command = 4; }) == "guards[1]: it belongs to no block");
  CHECK(problem([](Image& i) { i.guards[1].command = 9; }) == "guards[1]: it belongs to no block");
  CHECK(problem([](Image& i) { i.guards[1].command = 3; }).empty());
}

TEST_CASE("a state is of two tensors that are alike, in memory of their own") {
  auto problem = [](void (*change)(State&, Image&)) {
    Image i = stateful();
    change(i.states[0], i);
    const Status status = verify(i);
    return status ? std::string() : status.error().first().message.substr(27);
  };
  CHECK(problem([](State&, Image&) {}).empty());
  CHECK(problem([](State& s, Image&) { s.input = 1; }) == "states[0]: its input is unknown");
  CHECK(problem([](State& s, Image&) { s.output = 2; }) == "states[0]: its output is unknown");
  CHECK(problem([](State& s, Image&) { s.axis = 2; }) == "states[0]: its axis is unknown");
  CHECK(problem([](State& s, Image&) { s.axis = 1; }) == "states[0]: its types differ");
  CHECK(problem([](State&, Image& i) { i.outputs[0].dtype = DType::kF64; }) ==
        "states[0]: its types differ");
  CHECK(problem([](State&, Image& i) { i.outputs[0].shape.pop_back(); }) ==
        "states[0]: its types differ");
  CHECK(problem([](State&, Image& i) { i.outputs[0].shape[1] = Extent::constant(8); }) ==
        "states[0]: its types differ");
  const std::string no_symbol = "states[0]: its capacity is no symbol of its own";
  CHECK(problem([](State& s, Image&) { s.input_capacity = 9; }) == no_symbol);
  CHECK(problem([](State& s, Image&) { s.input_capacity = 3; }) == no_symbol);
  CHECK(problem([](State& s, Image&) { s.output_capacity = 0; }) == no_symbol);
  CHECK(problem([](State&, Image& i) { i.outputs[1].shape[0] = symbol(3); }) == no_symbol);
  const std::string no_buffer = "states[0]: its output has no buffer of its own";
  CHECK(problem([](State&, Image& i) { i.buffers[1].pattern = "x"; }) == no_buffer);
  CHECK(problem([](State&, Image& i) { i.outputs[1].buffer = 1; }) == no_buffer);
  CHECK(problem([](State&, Image& i) { i.outputs[0].buffer = 5; }) == no_buffer);
  const std::string no_copy = "states[0]: what copies it is no copy";
  CHECK(problem([](State& s, Image&) { s.copies = {5}; }) == no_copy);
  CHECK(problem([](State& s, Image&) { s.copies = {1}; }) == no_copy);
  CHECK(problem([](State& s, Image&) { s.copies = {3}; }) == no_copy);
  CHECK(problem([](State& s, Image& i) { i.states.push_back(s); }) ==
        "states[1]: its input or output stands in another state");
}

TEST_CASE("a loop has its buffers and one block") {
  auto problem = [](const std::function<void(Command&, Image&)>& change) {
    Image i = sample();
    for (const int64_t bytes : {8, 1, 8, 1, 1}) {
      i.buffers.push_back({.bytes = Extent::constant(bytes), .first = 0, .last = 3});
    }
    i.commands.insert(i.commands.begin() + 1,
                      {.kind = Command::Kind::kLoop, .buffers = {6, 7, 8, 9, 10}, .ends = {4}});
    i.buffers[3].last = 2;
    i.buffers[4].last = 4;
    change(i.commands[1], i);
    const Status status = verify(i);
    return status ? std::string() : status.error().first().message.substr(27);
  };
  CHECK(problem([](Command&, Image&) {}).empty());
  CHECK(problem([](Command& c, Image&) { c.buffers.pop_back(); }) ==
        "commands[1]: a loop has five buffers, and pairs of more");
  CHECK(problem([](Command& c, Image&) { c.buffers.push_back(6); }) ==
        "commands[1]: a loop has five buffers, and pairs of more");
  CHECK(problem([](Command& c, Image&) { c.buffers.insert(c.buffers.end(), {6, 0}); }) ==
        "commands[1]: a loop writes where it may not");
  CHECK(problem([](Command& c, Image&) { c.buffers[3] = 5; }) ==
        "commands[1]: a loop writes where it may not");
  CHECK(problem([](Command& c, Image&) { c.ends = {3, 4}; }) ==
        "commands[1]: its blocks are too many or too few");
  CHECK(problem([](Command&, Image& i) { i.buffers[10].last = 2; }) ==
        "commands[1]: buffer 10 is not alive");
}

}  // namespace
}  // namespace rlx::image
