// The image reader: whatever it accepts encodes to the same bytes, and lists. What the runtime does with it before kernels
// run, and between them, ends well or with an error: symbols are bound, memory is placed, commands become a program, what
// commands tell is read and sizes more memory, and states get room in a loop of three steps.
#include <algorithm>
#include <cstring>

#include "image/gpu_code.h"
#include "image/pack.h"
#include "runtime/binding.h"
#include "runtime/cpu/program.h"
#include "runtime/feedback.h"
#include "runtime/told_symbols.h"

namespace {

using namespace rlx;
using image::Image;

// Placement takes the square of the number of buffers, and is asked for what the cache vouches for.
constexpr size_t kMostBuffers = 64, kMostCommands = 256;
constexpr int64_t kMostBytes = 1 << 16;

// The least value that the symbol may have, or the next ones.
int64_t value_of(const image::Symbol& symbol, int64_t more) {
  const int64_t multiple = symbol.multiple_of;
  const int64_t least = std::clamp<int64_t>(symbol.min, 0, kMostBytes) + more;
  return multiple > kMostBytes ? 0 : (least + multiple - 1) / multiple * multiple;
}

// All elements are that number where they are i64.
AlignedBytes filled(int64_t bytes, int64_t number) {
  AlignedBytes data(static_cast<size_t>(bytes));
  for (int64_t i = 0; i + 8 <= bytes; i += 8) std::memcpy(data.data() + i, &number, 8);
  return data;
}

// Nothing where it takes too much memory for a quick test, or extents have no value.
std::optional<HostTensor> tensor_of(const Image& image, const image::Tensor& t,
                                    const Vec<int64_t>& symbols, int64_t number) {
  auto shape = runtime::shape_of(image, t, symbols);
  if (!shape) return std::nullopt;
  int64_t extents = 8;
  for (const int64_t e : *shape) {
    if (e > kMostBytes / extents) return std::nullopt;
    extents *= std::max<int64_t>(e, 1);
  }
  const int64_t bytes = static_cast<int64_t>(*tensor_bytes(t.dtype, *shape));
  return HostTensor{t.name, t.dtype, std::move(*shape), filled(bytes, number)};
}

// Buffers that live at one time lie apart.
void check_placement(const Image& image, const image::Placement& placement) {
  const auto is_placed = [&](size_t b) {
    return image.buffers[b].kind == image::Buffer::Kind::kArena && placement.offsets[b] >= 0 &&
           placement.bytes[b] > 0;
  };
  for (size_t a = 0; a < image.buffers.size(); ++a) {
    for (size_t b = 0; is_placed(a) && b < a; ++b) {
      const image::Buffer &x = image.buffers[a], &y = image.buffers[b];
      const bool meet = x.first <= y.last && y.first <= x.last;
      const bool share = x.slot >= 0 && x.slot == y.slot;
      if (!is_placed(b) || !meet || share) continue;
      RLX_CHECK(placement.offsets[a] + placement.bytes[a] <= placement.offsets[b] ||
                    placement.offsets[b] + placement.bytes[b] <= placement.offsets[a],
                "buffers overlap");
    }
  }
}

// A run without its kernels, whose data is one number throughout.
class Walk {
 public:
  Walk(const Image& image, int64_t number)
      : image_(image), number_(number), told_(image), pointers_(image.buffers.size()) {}

  Status run(Vec<int64_t> symbols) {
    symbols_ = std::move(symbols);
    RLX_TRY_VOID(runtime::check_guards(image_, symbols_));
    RLX_TRY(placement_, image::place(image_, symbols_));
    RLX_CHECK(placement_.offsets.size() == image_.buffers.size());
    told_.forget(symbols_, placement_);
    RLX_TRY_VOID(make_program());
    // What is told anew in another trip of a loop is forgotten first.
    for (int trip = 0; trip < 2; ++trip) {
      for (const auto& [command, telling] : told_.extents().commands) RLX_TRY_VOID(tell(command));
    }
    return {};
  }

 private:
  Status tell(uint32_t command) {
    for (const uint32_t b : image_.commands[command].buffers) {
      if (placement_.bytes[b] > kMostBytes) return Error(1, "too large for a quick test");
      memory_.push_back(filled(std::max<int64_t>(placement_.bytes[b], 0), number_));
      pointers_[b] = memory_.back().data();
    }
    const auto element = [&](uint32_t buffer, int64_t offset) -> Result<int64_t> {
      int64_t value = 0;
      std::memcpy(&value, static_cast<const std::byte*>(pointers_[buffer]) + offset, sizeof value);
      return value;
    };
    RLX_TRY_VOID(told_.read(command, element, placement_, symbols_));
    RLX_TRY_VOID(told_.check_guards(command, symbols_));
    RLX_TRY(const int64_t bytes,
            place_told(image_, told_.extents(), command, symbols_, placement_));
    RLX_CHECK(bytes >= 0);
    for (uint32_t b = 0; b < image_.buffers.size(); ++b) {
      if (!told_.extents().is_given[b]) continue;
      RLX_TRY(placement_.bytes[b], bytes_of(image_, image_.buffers[b], symbols_));
    }
    return make_program();
  }

  Status make_program() {
    check_placement(image_, placement_);
    const runtime::cpu::FunctionTable none(image_.kernels.size());
    RLX_TRY(auto program,
            runtime::cpu::make_program(image_, placement_, symbols_, told_.extents(), none, 2));
    RLX_CHECK(program.steps.size() >= image_.commands.size());
    return {};
  }

  const Image& image_;
  const int64_t number_;
  runtime::ToldSymbols told_;
  image::Placement placement_;
  Vec<int64_t> symbols_;
  Vec<AlignedBytes> memory_;
  Vec<void*> pointers_;
};

Vec<runtime::Feed> feeds_of(const Image& image) {
  Vec<runtime::Feed> feeds;
  for (const image::State& s : image.states) {
    feeds.push_back({image.outputs[s.output].name, image.inputs[s.input].name});
  }
  return feeds;
}

// Steps of a loop in which all states go round.
Status loop(const Image& image, Vec<HostTensor> given) {
  RLX_TRY(auto feedback, runtime::Feedback::make(image, feeds_of(image)));
  for (int step = 0; step < 3; ++step) {
    RLX_TRY(const Vec<const HostTensor*> inputs, feedback.inputs(given));
    RLX_TRY(runtime::Binding binding, runtime::bind_inputs(image, inputs, {}));
    for (const image::State& s : image.states) {
      if (!tensor_of(image, image.outputs[s.output], binding.symbols, 0)) return {};
    }
    RLX_TRY_VOID(feedback.make_room(binding.symbols));
    for (const image::State& s : image.states) {
      RLX_CHECK(binding.symbols[s.input_capacity] == binding.symbols[s.output_capacity] ||
                !feedback.fed().front().in_place);
    }
    RLX_TRY_VOID(Walk(image, 0).run(std::move(binding.symbols)));
    feedback.advance();
    RLX_TRY_VOID(feedback.copies());
    std::erase_if(given, [&](const HostTensor& t) {
      return std::ranges::any_of(feedback.fed(), [&](const auto& f) { return f.input == t.name; });
    });
  }
  return {};
}

// With inputs of the least extents, or of greater ones.
void run(const Image& image, int64_t more) {
  Vec<int64_t> least;
  Vec<std::pair<std::string, int64_t>> dims;
  for (const image::Symbol& s : image.symbols) {
    least.push_back(value_of(s, more));
    if (s.input < 0) dims.emplace_back(s.name, least.back());
  }
  Vec<HostTensor> inputs;
  for (const image::Tensor& t : image.inputs) {
    auto input = tensor_of(image, t, least, more);
    if (!input) return;
    inputs.push_back(std::move(*input));
  }
  auto binding = runtime::bind_inputs(image, runtime::pointers_to(inputs), dims);
  if (!binding) return;
  // Whether it goes well hangs on the image; that it ends does not.
  (void)Walk(image, more).run(std::move(binding->symbols)).ok();
  if (!image.states.empty()) (void)loop(image, std::move(inputs)).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto image = image::decode(bytes_of(text));
  if (!image) return 0;
  RLX_CHECK(image::encode(*image) == text, "an image has two spellings");
  RLX_CHECK(!image::to_text(*image).empty());
  if (auto code = image::gpu_code_of(*image)) {
    RLX_CHECK(image::encode(*code) == image->code, "code for a GPU has two spellings");
  }
  const bool is_small =
      image->buffers.size() <= kMostBuffers && image->commands.size() <= kMostCommands;
  for (const int64_t more : {0, 1, 3}) {
    if (is_small) run(*image, more);
  }
  return 0;
}
