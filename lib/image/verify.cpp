// What an image must be to run:
//
// - names of symbols, inputs and outputs are there, and none is used twice in its list
// - every index (of a symbol, input, axis, buffer, kernel, command, of code) is in range, every enum known
// - every extent is well-formed; ranges of symbols are not empty
// - each input has an input buffer of its own; an output lies in an output, input or constant buffer
// - a state's input and output are alike but for the extent along its axis, stand in no other state, and each has a buffer
//   to itself that holds no pattern; its capacities have no source, and no tensor's shape names one; what copies it
//   are launches that use its buffers alone
// - arena buffers are used within their lifetimes; buffers of one slot agree in size and pattern
// - only arena and output buffers have patterns; copies and fills write neither inputs nor constants
// - an if has a condition and two blocks, a loop its five buffers, pairs of more, and a block; they live as long as the
//   blocks do, which stand inside of each other
// - commands wait for earlier ones only, and for none of a block that has ended
// - symbols that commands tell: verify_told.cpp
// - a guard belongs to the whole or to the first command of a block
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "image/codec.h"
#include "image/codes.h"
#include "image/told.h"

namespace rlx::image {
namespace {

using BufferKind = Buffer::Kind;
using CommandKind = Command::Kind;

// "inputs[3]", for messages.
std::string at(std::string_view list, size_t index) { return fmt::format("{}[{}]", list, index); }

Error wrong(std::string_view where, std::string_view what) {
  return Error(kDamaged, fmt::format("the image is inconsistent: {}: {}", where, what));
}

// The name is there, and new to its list.
class Names {
 public:
  bool accept(const std::string& name) { return !name.empty() && seen_.insert(name).second; }

 private:
  std::unordered_set<std::string_view> seen_;
};

bool is_known(BufferKind kind) { return kind <= BufferKind::kConstant; }
bool is_known(CommandKind kind) { return kind <= CommandKind::kGive; }
bool is_known(DType t) { return std::find(kDTypes.begin(), kDTypes.end(), t) != kDTypes.end(); }

// Of an i64 scalar, or of a vector whose extent is a number.
bool has_element(const Tensor& input, int32_t element) {
  if (input.dtype != DType::kI64) return false;
  if (input.shape.empty()) return element == 0;
  const Vec<Extent::Step>& steps = input.shape[0].steps;
  return input.shape.size() == 1 && steps.size() == 1 && steps[0].op == Extent::Op::kConst &&
         element < steps[0].operand;
}

bool has_source(const Image& image, const Symbol& symbol) {
  if (symbol.sign != 1 && (symbol.sign != -1 || symbol.element < 0)) return false;
  if (symbol.input == -1) return symbol.axis == -1 && symbol.element == -1;
  if (static_cast<uint32_t>(symbol.input) >= image.inputs.size()) return false;
  if (symbol.element >= 0) {
    return symbol.axis == -1 && has_element(image.inputs[symbol.input], symbol.element);
  }
  return symbol.element == -1 &&
         static_cast<uint32_t>(symbol.axis) < image.inputs[symbol.input].shape.size();
}

Status verify_symbols(const Image& image) {
  Names names;
  for (size_t i = 0; i < image.symbols.size(); ++i) {
    const Symbol& symbol = image.symbols[i];
    const std::string where = at("symbols", i);
    if (!names.accept(symbol.name)) return wrong(where, "its name is empty or taken");
    if (symbol.min > symbol.max || symbol.multiple_of < 1) {
      return wrong(where, "its range is empty");
    }
    if (!has_source(image, symbol)) return wrong(where, "its source is unknown");
  }
  return {};
}

bool may_hold_output(BufferKind kind) { return kind != BufferKind::kArena; }

Status verify_tensors(const Image& image, const Vec<Tensor>& tensors, std::string_view list) {
  Names names;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = tensors[i];
    if (!names.accept(tensor.name)) return wrong(at(list, i), "its name is empty or taken");
    if (!is_known(tensor.dtype)) return wrong(at(list, i), "its dtype is unknown");
    if (tensor.buffer >= image.buffers.size()) return wrong(at(list, i), "its buffer is unknown");
    for (const Extent& extent : tensor.shape) {
      if (well_formed(extent, image.symbols.size())) continue;
      return wrong(at(list, i), "its shape is malformed");
    }
  }
  return {};
}

Status verify_input_buffers(const Image& image) {
  std::unordered_set<uint32_t> taken;
  for (size_t i = 0; i < image.inputs.size(); ++i) {
    const uint32_t buffer = image.inputs[i].buffer;
    const bool fits =
        image.buffers[buffer].kind == BufferKind::kInput && taken.insert(buffer).second;
    if (!fits) return wrong(at("inputs", i), "it has no input buffer of its own");
  }
  for (size_t i = 0; i < image.buffers.size(); ++i) {
    const bool is_input = image.buffers[i].kind == BufferKind::kInput;
    if (is_input && !taken.contains(i)) return wrong(at("buffers", i), "no input belongs to it");
  }
  return {};
}

Status verify_output_buffers(const Image& image) {
  for (size_t i = 0; i < image.outputs.size(); ++i) {
    if (may_hold_output(image.buffers[image.outputs[i].buffer].kind)) continue;
    return wrong(at("outputs", i), "it lies in the arena");
  }
  return {};
}

bool names(const Extent& extent, uint32_t symbol) {
  return std::ranges::any_of(extent.steps, [&](const Extent::Step& step) {
    return step.op == Extent::Op::kSymbol && step.operand == symbol;
  });
}

// A symbol that only the memory of states depends on.
bool is_capacity(const Image& image, uint32_t symbol) {
  if (symbol >= image.symbols.size() || image.symbols[symbol].input != -1) return false;
  const auto is_named = [&](const Tensor& tensor) {
    return std::ranges::any_of(tensor.shape, [&](const Extent& e) { return names(e, symbol); });
  };
  return std::ranges::none_of(image.inputs, is_named) &&
         std::ranges::none_of(image.outputs, is_named);
}

// Whether the launch uses these two buffers and no others.
bool copies_between(const Image& image, uint32_t command, uint32_t from, uint32_t to) {
  if (command >= image.commands.size()) return false;
  const Command& copy = image.commands[command];
  return copy.kind == CommandKind::kLaunch &&
         std::ranges::all_of(copy.buffers, [&](uint32_t b) { return b == from || b == to; });
}

// What is wrong with the state, of whose tensors the buffers are known; empty: nothing.
std::string_view problem_of(const Image& image, const State& state) {
  if (state.input >= image.inputs.size()) return "its input is unknown";
  if (state.output >= image.outputs.size()) return "its output is unknown";
  const Tensor &in = image.inputs[state.input], &out = image.outputs[state.output];
  if (in.dtype != out.dtype || in.shape.size() != out.shape.size()) return "its types differ";
  if (state.axis >= in.shape.size()) return "its axis is unknown";
  for (uint32_t axis = 0; axis < in.shape.size(); ++axis) {
    if (axis != state.axis && in.shape[axis] != out.shape[axis]) return "its types differ";
  }
  if (!is_capacity(image, state.input_capacity) || !is_capacity(image, state.output_capacity) ||
      state.input_capacity == state.output_capacity) {
    return "its capacity is no symbol of its own";
  }
  const Buffer& memory = image.buffers[out.buffer];
  if (std::ranges::count(image.outputs, out.buffer, &Tensor::buffer) != 1 ||
      memory.kind != BufferKind::kOutput || !memory.pattern.empty()) {
    return "its output has no buffer of its own";
  }
  const bool are_copies = std::ranges::all_of(state.copies, [&](uint32_t command) {
    return copies_between(image, command, in.buffer, out.buffer);
  });
  return are_copies ? "" : "what copies it is no copy";
}

Status verify_states(const Image& image) {
  std::unordered_set<uint32_t> inputs, outputs;
  for (size_t i = 0; i < image.states.size(); ++i) {
    const State& state = image.states[i];
    const std::string_view problem = problem_of(image, state);
    if (!problem.empty()) return wrong(at("states", i), problem);
    if (inputs.insert(state.input).second && outputs.insert(state.output).second) continue;
    return wrong(at("states", i), "its input or output stands in another state");
  }
  return {};
}

// Whether each is within so many bytes, whole patterns, and without overlap in itself.
bool fits(const BorderRun& run, int64_t bytes, int64_t pattern) {
  if (run.offset < 0 || run.bytes <= 0 || run.offset > bytes || run.bytes > bytes - run.offset) {
    return false;
  }
  bool is_whole = run.offset % pattern == 0 && run.bytes % pattern == 0;
  int64_t span = run.bytes;
  for (size_t i = run.repeats.size(); i-- > 0;) {
    const auto [count, step] = run.repeats[i];
    if (count < 1 || step < span || count - 1 > (bytes - run.offset - span) / step) return false;
    is_whole &= step % pattern == 0;
    span += (count - 1) * step;
  }
  return is_whole;
}

std::string_view problem_of_border(const Image& image, const Buffer& buffer) {
  const bool sized =
      buffer.bytes.steps.size() == 1 && buffer.bytes.steps[0].op == Extent::Op::kConst;
  const bool shares = buffer.kind == BufferKind::kArena && buffer.slot == -1;
  if (!sized || !shares || buffer.pattern.empty()) return "it cannot have a border";
  const auto pattern = static_cast<int64_t>(buffer.pattern.size());
  for (const BorderRun& run : buffer.border) {
    if (!fits(run, buffer.bytes.steps[0].operand, pattern)) return "its border is not within it";
  }
  if (buffer.first >= image.commands.size()) return "";
  const Command& first = image.commands[buffer.first];
  const bool filled = first.kind == CommandKind::kFill && first.buffers.size() == 1 &&
                      first.buffers[0] == static_cast<uint32_t>(&buffer - image.buffers.data());
  return filled ? "" : "its border is not filled first";
}

// What is wrong with the buffer by itself; empty: nothing.
std::string_view problem_of(const Image& image, const Buffer& buffer) {
  if (!is_known(buffer.kind)) return "its kind is unknown";
  if (!well_formed(buffer.bytes, image.symbols.size())) return "its size is malformed";
  if (buffer.slot < -1 || buffer.offset < 0) return "its slot or offset is negative";
  const bool in_arena = buffer.kind == BufferKind::kArena;
  if (!in_arena && buffer.slot != -1) return "only arena buffers have slots";
  if (!in_arena && buffer.kind != BufferKind::kOutput && !buffer.pattern.empty()) {
    return "only arena and output buffers have patterns";
  }
  const std::string_view border = buffer.border.empty() ? "" : problem_of_border(image, buffer);
  if (!border.empty()) return border;
  const bool lives = buffer.first <= buffer.last && buffer.last < image.commands.size();
  return in_arena && !lives ? "it does not live" : "";
}

Status verify_buffers(const Image& image) {
  std::unordered_map<int32_t, const Buffer*> slots;
  for (size_t i = 0; i < image.buffers.size(); ++i) {
    const Buffer& buffer = image.buffers[i];
    const std::string_view problem = problem_of(image, buffer);
    if (!problem.empty()) return wrong(at("buffers", i), problem);
    if (buffer.slot == -1) continue;
    const Buffer& first = *slots.try_emplace(buffer.slot, &buffer).first->second;
    const bool agrees = first.bytes == buffer.bytes && first.pattern == buffer.pattern;
    if (!agrees) return wrong(at("buffers", i), "its slot has another size or pattern");
  }
  return {};
}

Status verify_kernels(const Image& image) {
  const size_t symbols = image.symbols.size();
  for (size_t i = 0; i < image.kernels.size(); ++i) {
    const Kernel& kernel = image.kernels[i];
    if (kernel.entry >= image.code.size()) return wrong(at("kernels", i), "its entry is outside");
    const bool fits = well_formed(kernel.tiles, symbols) && well_formed(kernel.scratch, symbols);
    if (!fits) return wrong(at("kernels", i), "its tiles or scratch are malformed");
  }
  return {};
}

Status verify_guards(const Image& image, const BlockEdges& edges) {
  for (size_t i = 0; i < image.guards.size(); ++i) {
    const Guard& guard = image.guards[i];
    if (!well_formed(guard.predicate, image.symbols.size())) {
      return wrong(at("guards", i), "its predicate is malformed");
    }
    const bool belongs = guard.command == 0 ||
                         (guard.command < image.commands.size() && edges.begins[guard.command]);
    if (!belongs) return wrong(at("guards", i), "it belongs to no block");
  }
  return {};
}

bool is_written_by_commands(BufferKind kind) {
  return kind == BufferKind::kArena || kind == BufferKind::kOutput;
}

// What is wrong with a command whose buffers are in range; empty: nothing.
std::string_view problem_of(const Image& image, const Command& command) {
  auto writes_to = [&](size_t i) {
    return is_written_by_commands(image.buffers[command.buffers[i]].kind);
  };
  auto writes = [&] { return writes_to(0); };
  switch (command.kind) {
    case CommandKind::kLaunch:
      return command.kernel < image.kernels.size() ? "" : "its kernel is unknown";
    case CommandKind::kCopy:
      return command.buffers.size() == 2 && writes() ? "" : "a copy needs two buffers, to and from";
    case CommandKind::kFill:
      if (command.buffers.size() != 1 || !writes()) return "a fill needs one buffer to write";
      return image.buffers[command.buffers[0]].pattern.empty() ? "its buffer has no pattern" : "";
    case CommandKind::kIf: return command.buffers.size() == 1 ? "" : "an if has one condition";
    case CommandKind::kLoop:
      if (command.buffers.size() < 5 || command.buffers.size() % 2 == 0) {
        return "a loop has five buffers, and pairs of more";
      }
      for (size_t i = 2; i < command.buffers.size(); i = i == 3 ? 6 : i == 2 ? 3 : i + 2) {
        if (!writes_to(i)) return "a loop writes where it may not";
      }
      return "";
    case CommandKind::kTell: return command.buffers.empty() ? "it tells nothing" : "";
    case CommandKind::kGive: {
      if (command.buffers.size() != 2 || !writes()) return "it gives nothing, or to nobody";
      const Buffer& to = image.buffers[command.buffers[0]];
      return to.slot == -1 && to.pattern.empty() ? "" : "it gives to what has memory of its own";
    }
  }
  return "its kind is unknown";
}

size_t blocks_of(CommandKind kind) {
  switch (kind) {
    case CommandKind::kIf: return 2;
    case CommandKind::kLoop: return 1;
    case CommandKind::kLaunch:
    case CommandKind::kCopy:
    case CommandKind::kFill:
    case CommandKind::kTell:
    case CommandKind::kGive: break;
  }
  return 0;
}

// Where the innermost block around each command ends.
using BlockEnds = Vec<uint32_t>;

// Fills in `around`.
Status verify_blocks(const Image& image, BlockEnds& around) {
  Vec<uint32_t> open{static_cast<uint32_t>(image.commands.size())};
  for (uint32_t i = 0; i < image.commands.size(); ++i) {
    while (open.back() == i) open.pop_back();
    around.push_back(open.back());
    const Command& command = image.commands[i];
    const size_t blocks = blocks_of(command.kind);
    if (command.ends.size() != blocks) {
      return wrong(at("commands", i), "its blocks are too many or too few");
    }
    uint32_t begin = i + 1;
    for (const uint32_t end : command.ends) {
      if (end < begin || end > open.back()) {
        return wrong(at("commands", i), "a block ends elsewhere");
      }
      begin = end;
    }
    open.insert(open.end(), command.ends.rbegin(), command.ends.rend());
  }
  return {};
}

// A command with blocks uses its buffers until they end.
size_t last_use(const Command& command, size_t index) {
  return command.ends.empty() ? index : std::max<size_t>(index + 1, command.ends.back()) - 1;
}

Status verify_command(const Image& image, const BlockEnds& around, size_t index) {
  const Command& command = image.commands[index];
  for (uint32_t b : command.buffers) {
    if (b >= image.buffers.size()) return wrong(at("commands", index), "its buffer is unknown");
    const Buffer& buffer = image.buffers[b];
    const bool alive = buffer.first <= index && last_use(command, index) <= buffer.last;
    if (buffer.kind == BufferKind::kArena && !alive) {
      return wrong(at("commands", index), fmt::format("buffer {} is not alive", b));
    }
  }
  for (const uint32_t earlier : command.waits) {
    if (earlier >= index) return wrong(at("commands", index), "it waits for a later command");
    if (around[earlier] <= index) {
      return wrong(at("commands", index), "it waits for what may not run");
    }
  }
  const std::string_view problem = problem_of(image, command);
  return problem.empty() ? Status() : wrong(at("commands", index), problem);
}

}  // namespace

Vec<bool> capacities(const Image& image) {
  Vec<bool> is_capacity(image.symbols.size());
  for (const State& s : image.states) {
    is_capacity[s.input_capacity] = is_capacity[s.output_capacity] = true;
  }
  return is_capacity;
}

BlockEdges block_edges(const Image& image) {
  const size_t commands = image.commands.size() + 1;
  BlockEdges edges{Vec<bool>(commands), Vec<bool>(commands)};
  for (size_t i = 0; i < image.commands.size(); ++i) {
    size_t begin = i + 1;
    for (const uint32_t end : image.commands[i].ends) {
      if (begin < end) edges.begins[begin] = true;
      edges.ended[end] = true;
      begin = end;
    }
  }
  return edges;
}

Status verify(const Image& image) {
  for (size_t i = 0; i < image.commands.size(); ++i) {
    if (!is_known(image.commands[i].kind)) return wrong(at("commands", i), "its kind is unknown");
  }
  BlockEnds around;
  RLX_TRY_VOID(verify_blocks(image, around));
  RLX_TRY_VOID(verify_tensors(image, image.inputs, "inputs"));
  RLX_TRY_VOID(verify_tensors(image, image.outputs, "outputs"));
  RLX_TRY_VOID(verify_symbols(image));
  RLX_TRY_VOID(verify_buffers(image));
  RLX_TRY_VOID(verify_input_buffers(image));
  RLX_TRY_VOID(verify_output_buffers(image));
  RLX_TRY_VOID(verify_states(image));
  RLX_TRY_VOID(verify_guards(image, block_edges(image)));
  RLX_TRY_VOID(verify_kernels(image));
  for (size_t i = 0; i < image.commands.size(); ++i) RLX_TRY_VOID(verify_command(image, around, i));
  return verify_told(image);
}

}  // namespace rlx::image
