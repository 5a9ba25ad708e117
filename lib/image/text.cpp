#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "image/told.h"

namespace rlx::image {
namespace {

std::string_view name(Buffer::Kind kind) {
  switch (kind) {
    case Buffer::Kind::kInput: return "input";
    case Buffer::Kind::kOutput: return "output";
    case Buffer::Kind::kArena: return "arena";
    case Buffer::Kind::kConstant: return "constant";
  }
  return "?";
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (char c : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return text;
}

std::string range_of(const Symbol& symbol) {
  std::string text = fmt::format("{}..", symbol.min);
  if (symbol.max != INT64_MAX) text += std::to_string(symbol.max);
  return symbol.multiple_of == 1 ? text : fmt::format("{} % {}", text, symbol.multiple_of);
}

// Builds the listing, a line an item under a head line per table.
class Listing {
 public:
  explicit Listing(const Image& image) : image_(image) {}

  std::string take() {
    text_ = fmt::format("image {}\nisa {}\n", image_.target, fmt::join(image_.isa, " "));
    table("symbols", image_.symbols);
    table("inputs", image_.inputs);
    table("outputs", image_.outputs);
    table("states", image_.states);
    table("buffers", image_.buffers);
    table("guards", image_.guards);
    table("kernels", image_.kernels);
    commands();
    text_ += fmt::format("code {} bytes\n", image_.code.size());
    return std::move(text_);
  }

 private:
  template <class T>
  void table(std::string_view head, const Vec<T>& items) {
    if (items.empty()) return;
    text_ += fmt::format("{}\n", head);
    for (size_t i = 0; i < items.size(); ++i) text_ += fmt::format("  {} {}\n", i, line(items[i]));
  }

  // A block is indented; "else" stands before the second one of a command.
  void commands() {
    if (!image_.commands.empty()) text_ += "commands\n";
    // The commands whose blocks are open, and where the blocks that are to come end, the next one last.
    Vec<Vec<uint32_t>> open;
    for (uint32_t i = 0; i < image_.commands.size(); ++i) {
      while (!open.empty() && open.back().back() == i) {
        open.back().pop_back();
        if (open.back().empty()) {
          open.pop_back();
        } else {
          text_ += fmt::format("{:{}}else\n", "", 2 * open.size());
        }
      }
      const Command& c = image_.commands[i];
      text_ += fmt::format("{:{}}{} {}\n", "", 2 + 2 * open.size(), i, line(c));
      if (!c.ends.empty()) open.emplace_back(c.ends.rbegin(), c.ends.rend());
    }
  }

  std::string of(const Extent& extent) const { return to_text(extent, image_.symbols); }

  std::string line(const Symbol& s) const {
    const auto index = static_cast<size_t>(&s - image_.symbols.data());
    if (is_capacity_[index]) return fmt::format("{} = room of a state", s.name);
    if (s.input < 0) {
      return fmt::format("{} = {}, {}", s.name, is_told_[index] ? "told" : "given", range_of(s));
    }
    const bool element = s.element >= 0;
    std::string_view kind = !element ? "axis" : s.sign < 0 ? "minus element" : "element";
    return fmt::format("{} = input {} {} {}, {}", s.name, s.input, kind,
                       element ? s.element : s.axis, range_of(s));
  }
  std::string line(const Tensor& t) const {
    Vec<std::string> shape;
    for (const Extent& extent : t.shape) shape.push_back(of(extent));
    return fmt::format("{}: {}[{}] in buffer {}", t.name, rlx::name(t.dtype),
                       fmt::join(shape, ", "), t.buffer);
  }
  std::string line(const State& s) const {
    return fmt::format("{} holds {} along axis {}, room {} and {}, copied by {}",
                       name_in(image_.outputs, s.output), name_in(image_.inputs, s.input), s.axis,
                       name_in(image_.symbols, s.output_capacity),
                       name_in(image_.symbols, s.input_capacity), fmt::join(s.copies, ", "));
  }
  template <class T>
  static std::string_view name_in(const Vec<T>& items, uint32_t index) {
    return index < items.size() ? std::string_view(items[index].name) : "?";
  }
  std::string line(const Buffer& b) const {
    std::string text = fmt::format("{} {} bytes", name(b.kind), of(b.bytes));
    if (b.kind == Buffer::Kind::kArena) text += fmt::format(", lives {}..{}", b.first, b.last);
    if (b.slot >= 0) text += fmt::format(", slot {}", b.slot);
    if (!b.pattern.empty()) text += fmt::format(", holds {}", hex(b.pattern));
    for (size_t i = 0; i < b.border.size(); ++i) {
      text += (i == 0 ? " at " : ", ") + line(b.border[i]);
    }
    if (b.kind == Buffer::Kind::kConstant) {
      text += fmt::format(", {} + {}", b.blob.hex().substr(0, 12), b.offset);
    }
    return text;
  }
  // "128 + 64 x 7 / 4096 x 2 / 512": bytes, and the repeats' counts and steps.
  static std::string line(const BorderRun& run) {
    std::string text = fmt::format("{} + {}", run.offset, run.bytes);
    for (const BorderRun::Repeat& r : run.repeats) {
      text += fmt::format(" x {} / {}", r.count, r.step);
    }
    return text;
  }
  std::string line(const Guard& g) const {
    const std::string text = fmt::format("{}: {} [{}]", of(g.predicate), g.text, g.node);
    return g.command == 0 ? text : fmt::format("{} before {}", text, g.command);
  }
  std::string line(const Kernel& k) const {
    std::string text = fmt::format("{} at {:#x}, {} tiles, {} bytes of scratch", k.name, k.entry,
                                   of(k.tiles), of(k.scratch));
    for (const Site& site : k.sites) text += fmt::format(", checks {} [{}]", site.text, site.node);
    return text;
  }
  std::string line(const Command& c) const {
    std::string text(image::name(c.kind));
    if (c.kind == Command::Kind::kLaunch) {
      text += fmt::format(" {}", name_in(image_.kernels, c.kernel));
    }
    text += fmt::format(" ({})", fmt::join(c.buffers, ", "));
    for (const Told& t : c.told) text += told(c, t);
    for (const Extent& bytes : c.room) text += fmt::format(" {} bytes", of(bytes));
    if (!c.waits.empty()) text += fmt::format(" after {}", fmt::join(c.waits, ", "));
    if (!c.ends.empty()) text += fmt::format(", blocks to {}", fmt::join(c.ends, ", "));
    if (c.device != 0 || c.stream != 0) text += fmt::format(" on {}.{}", c.device, c.stream);
    if (!c.origin.empty()) text += fmt::format(" [{}]", fmt::join(c.origin, ", "));
    return text;
  }
  // " u0 = 3[1]", " u0 = -3[1]".
  std::string told(const Command& c, const Told& t) const {
    return fmt::format(" {} = {}{}[{}]", image_.symbols[t.symbol].name, t.sign < 0 ? "-" : "",
                       c.buffers[t.buffer], t.element);
  }

  const Image& image_;
  // By symbol.
  const Vec<bool> is_capacity_ = capacities(image_), is_told_ = told_symbols(image_);
  std::string text_;
};

}  // namespace

std::string_view name(Command::Kind kind) {
  switch (kind) {
    case Command::Kind::kLaunch: return "launch";
    case Command::Kind::kCopy: return "copy";
    case Command::Kind::kFill: return "fill";
    case Command::Kind::kIf: return "if";
    case Command::Kind::kLoop: return "loop";
    case Command::Kind::kTell: return "tell";
    case Command::Kind::kGive: return "give";
  }
  return "?";
}

std::string to_text(const Image& image) { return Listing(image).take(); }

}  // namespace rlx::image
