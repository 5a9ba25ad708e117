#include "runtime/binding.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "image/told.h"
#include "runtime/codes.h"
#include "support/names.h"

namespace rlx::runtime {
namespace {

using image::Image;
using image::Symbol;
using image::Tensor;

// Fills a Binding and collects what is wrong on the way.
class Binder {
 public:
  Binder(const Image& image, std::span<const HostTensor* const> given)
      : image_(image), is_told_(told_symbols(image)), given_(given) {}

  Result<Binding> bind(const Vec<std::pair<std::string, int64_t>>& dims) {
    binding_.inputs.resize(image_.inputs.size());
    for (const HostTensor* tensor : given_) match(*tensor);
    for (size_t i = 0; i < image_.inputs.size(); ++i) check_type(i);
    if (!problems_.empty()) return Error(std::move(problems_));
    set_symbols(dims);
    if (!problems_.empty()) return Error(std::move(problems_));
    for (size_t i = 0; i < image_.inputs.size(); ++i) check_extents(i);
    if (!problems_.empty()) return Error(std::move(problems_));
    for (const image::State& state : image_.states) set_capacities(state);
    return std::move(binding_);
  }

 private:
  void report(int code, std::string message, std::string hint = {}, Vec<std::string> shapes = {}) {
    problems_.push_back({.code = code,
                         .message = std::move(message),
                         .shapes = std::move(shapes),
                         .hint = std::move(hint)});
  }

  void match(const HostTensor& tensor) {
    auto found = std::ranges::find(image_.inputs, tensor.name, &Tensor::name);
    if (found == image_.inputs.end()) {
      return report(kUnknownInput, fmt::format("the model has no input '{}'", tensor.name),
                    hint_for(tensor.name, input_names()));
    }
    const HostTensor*& place = binding_.inputs[found - image_.inputs.begin()];
    if (place != nullptr) {
      return report(kRepeatedInput, fmt::format("input '{}' is given twice", tensor.name));
    }
    place = &tensor;
  }

  Vec<std::string> input_names() const {
    Vec<std::string> names;
    for (const Tensor& input : image_.inputs) names.push_back(input.name);
    return names;
  }

  void check_type(size_t index) {
    const Tensor& wanted = image_.inputs[index];
    const HostTensor* got = binding_.inputs[index];
    const Vec<std::string> shapes = {signature(image_, wanted)};
    if (got == nullptr) {
      return report(kMissingInput, fmt::format("input '{}' is missing", wanted.name), {}, shapes);
    }
    if (got->dtype != wanted.dtype) {
      report(kWrongDType,
             fmt::format("input '{}' is {}, wanted {}", wanted.name, name(got->dtype),
                         name(wanted.dtype)),
             {}, shapes);
    }
    if (got->shape.size() == wanted.shape.size()) return;
    report(kWrongRank,
           fmt::format("input '{}' has {} axes, wanted {}; its shape is [{}]", wanted.name,
                       got->shape.size(), wanted.shape.size(), fmt::join(got->shape, ", ")),
           {}, shapes);
  }

  void set_symbols(const Vec<std::pair<std::string, int64_t>>& dims) {
    const Vec<bool> is_capacity = capacities(image_);
    for (size_t i = 0; i < image_.symbols.size(); ++i) {
      binding_.symbols.push_back(is_capacity[i] ? 0 : value_of(image_.symbols[i], dims));
    }
  }

  // An extent without a value is for who makes the tensor to tell.
  void set_capacities(const image::State& s) {
    const auto extent = [&](const Tensor& t) {
      return std::max<int64_t>(evaluate(t.shape[s.axis], binding_.symbols).value_or(0), 0);
    };
    binding_.symbols[s.input_capacity] = extent(image_.inputs[s.input]);
    binding_.symbols[s.output_capacity] = extent(image_.outputs[s.output]);
  }

  int64_t value_of(const Symbol& symbol, const Vec<std::pair<std::string, int64_t>>& dims) {
    if (symbol.input >= 0) {
      const HostTensor& input = *binding_.inputs[symbol.input];
      const int64_t value =
          symbol.element < 0 ? input.shape[symbol.axis] : element_of(input, symbol);
      check_range(symbol, value);
      return value;
    }
    if (is_told_[static_cast<size_t>(&symbol - image_.symbols.data())]) {
      return image::kUntold;
    }
    auto given = std::ranges::find(dims, symbol.name, &std::pair<std::string, int64_t>::first);
    if (given == dims.end()) {
      report(kNoValue, fmt::format("no input gives the dim '{}'", symbol.name),
             fmt::format("give it a value: --dim {}=N", symbol.name));
      return 0;
    }
    check_range(symbol, given->second);
    return given->second;
  }

  static int64_t element_of(const HostTensor& input, const Symbol& symbol) {
    // That the input is shorter is said of its extents.
    if (symbol.element >= input.elements()) return 0;
    int64_t value = 0;
    std::memcpy(&value, input.data.data() + sizeof value * symbol.element, sizeof value);
    if (symbol.sign > 0) return std::max<int64_t>(value, 0);
    // The least number has no opposite: out of every range.
    return value == INT64_MIN ? value : std::max<int64_t>(-value, 0);
  }

  void check_range(const Symbol& symbol, int64_t value) {
    std::string wanted = wanted_of(symbol, value);
    if (wanted.empty()) return;
    std::string subject = fmt::format("dim {}", symbol.name);
    if (symbol.element >= 0) {
      subject = fmt::format("input '{}': {}element {}, {},", image_.inputs[symbol.input].name,
                            symbol.sign < 0 ? "minus " : "", symbol.element, symbol.name);
    } else if (symbol.input >= 0) {
      subject = fmt::format("input '{}': axis {}, {},", image_.inputs[symbol.input].name,
                            symbol.axis, symbol.name);
    }
    report(kOutOfRange, fmt::format("{} is {}, wanted {}", subject, value, wanted));
  }

  void check_extents(size_t index) {
    const Tensor& input = image_.inputs[index];
    for (size_t axis = 0; axis < input.shape.size(); ++axis) {
      int64_t got = binding_.inputs[index]->shape[axis];
      const std::optional<int64_t> wanted = evaluate(input.shape[axis], binding_.symbols);
      if (wanted == got) continue;
      report(kWrongExtent,
             fmt::format("input '{}': axis {} is {}, wanted {}", input.name, axis, got,
                         explain(input.shape[axis], wanted)),
             {}, {signature(image_, input)});
    }
  }

  // "16 (seq, which is axis 1 of input 'ids')".
  std::string explain(const image::Extent& extent, std::optional<int64_t> wanted) const {
    std::string value = wanted ? std::to_string(*wanted) : "nothing that could be computed";
    const std::string text = to_text(extent, image_.symbols);
    if (text == value) return value;
    std::string reason = text;
    for (const image::Extent::Step step : extent.steps) {
      if (step.op == image::Extent::Op::kSymbol) reason += source_of(image_.symbols[step.operand]);
    }
    return fmt::format("{} ({})", value, reason);
  }

  std::string source_of(const Symbol& symbol) const {
    if (symbol.input < 0) return fmt::format("; {} is given", symbol.name);
    const bool element = symbol.element >= 0;
    return fmt::format("; {} is {} {} of input '{}'", symbol.name, element ? "element" : "axis",
                       element ? symbol.element : symbol.axis, image_.inputs[symbol.input].name);
  }

  const Image& image_;
  const Vec<bool> is_told_;
  std::span<const HostTensor* const> given_;
  Binding binding_;
  Vec<Diagnostic> problems_;
};

// "batch = 2, seq = 7": those that the extent speaks of.
std::string values_in(const Image& image, const image::Extent& extent,
                      const Vec<int64_t>& symbols) {
  Vec<std::string> texts;
  for (const image::Extent::Step step : extent.steps) {
    if (step.op != image::Extent::Op::kSymbol) continue;
    std::string text =
        fmt::format("{} = {}", image.symbols[step.operand].name, symbols[step.operand]);
    if (std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

std::string wanted_of(const Symbol& symbol, int64_t value) {
  if (value < symbol.min) return fmt::format("at least {}", symbol.min);
  if (value > symbol.max) return fmt::format("at most {}", symbol.max);
  if (value % symbol.multiple_of == 0) return "";
  return fmt::format("a multiple of {}", symbol.multiple_of);
}

Result<Binding> bind_inputs(const Image& image, std::span<const HostTensor* const> inputs,
                            const Vec<std::pair<std::string, int64_t>>& given) {
  return Binder(image, inputs).bind(given);
}

Vec<const HostTensor*> pointers_to(std::span<const HostTensor> tensors) {
  Vec<const HostTensor*> pointers;
  for (const HostTensor& t : tensors) pointers.push_back(&t);
  return pointers;
}

Diagnostic failed_guard(const Image& image, const image::Guard& guard,
                        const Vec<int64_t>& symbols) {
  return {
      .code = kGuardFailed,
      .message = fmt::format("{}, but {}", guard.text, values_in(image, guard.predicate, symbols)),
      .node = guard.node};
}

Status check_guards(const Image& image, const Vec<int64_t>& symbols) {
  Vec<Diagnostic> problems;
  for (const image::Guard& guard : image.guards) {
    const bool is_later = guard.command != 0 || is_untold(guard.predicate, symbols);
    const bool holds = is_later || evaluate(guard.predicate, symbols).value_or(0) != 0;
    if (!holds) problems.push_back(failed_guard(image, guard, symbols));
  }
  return problems.empty() ? Status() : Status(Error(std::move(problems)));
}

Result<Vec<int64_t>> shape_of(const Image& image, const Tensor& tensor,
                              const Vec<int64_t>& symbols) {
  Vec<int64_t> shape;
  for (const image::Extent& extent : tensor.shape) {
    std::optional<int64_t> value = evaluate(extent, symbols);
    if (!value || *value < 0) {
      return Error(kWrongExtent, fmt::format("'{}' has no shape for these dims: {} = {}",
                                             tensor.name, to_text(extent, image.symbols),
                                             value ? std::to_string(*value) : "?"));
    }
    shape.push_back(*value);
  }
  return shape;
}

std::string signature(const Image& image, const Tensor& tensor) {
  Vec<std::string> shape;
  for (const image::Extent& extent : tensor.shape) shape.push_back(to_text(extent, image.symbols));
  return fmt::format("{}: {}[{}]", tensor.name, name(tensor.dtype), fmt::join(shape, ", "));
}

}  // namespace rlx::runtime
