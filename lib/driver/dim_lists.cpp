#include "driver/dim_lists.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "driver/codes.h"

namespace rlx::driver {
namespace {

constexpr const char* kForms =
    "a list is of numbers and of ranges: 1,2 or 16..2048:*2 or 64..512:+64";

std::optional<int64_t> number_of(std::string_view text) {
  int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Range {
  int64_t first = 0, last = 0, step = 0;
  bool multiplies = false;

  bool grows() const { return multiplies ? step > 1 && first > 0 : step > 0; }
  // nullopt behind the last one.
  std::optional<int64_t> after(int64_t value) const {
    int64_t next = 0;
    const bool overflows = multiplies ? __builtin_mul_overflow(value, step, &next)
                                      : __builtin_add_overflow(value, step, &next);
    if (overflows || next > last) return std::nullopt;
    return next;
  }
};

// Of "16..2048:*2".
std::optional<Range> range_of(std::string_view text) {
  const size_t dots = text.find(".."), colon = text.find(':');
  if (dots == std::string_view::npos || colon == std::string_view::npos) return std::nullopt;
  if (colon < dots || colon + 2 > text.size()) return std::nullopt;
  const auto first = number_of(text.substr(0, dots));
  const auto last = number_of(text.substr(dots + 2, colon - dots - 2));
  const auto step = number_of(text.substr(colon + 2));
  const char kind = text[colon + 1];
  if (!first || !last || !step || (kind != '*' && kind != '+')) return std::nullopt;
  return Range{*first, *last, *step, kind == '*'};
}

class ListReader {
 public:
  explicit ListReader(const std::string& text) : text_(text) {}

  Result<DimList> read() {
    const size_t at = text_.find('=');
    if (at == std::string::npos || at == 0) return wrong("--dim takes NAME=POINTS", kForms);
    list_.name = text_.substr(0, at);
    std::string_view rest = std::string_view(text_).substr(at + 1);
    while (true) {
      const size_t comma = rest.find(',');
      RLX_TRY_VOID(add(rest.substr(0, comma)));
      if (comma == std::string_view::npos) return std::move(list_);
      rest.remove_prefix(comma + 1);
    }
  }

 private:
  Error wrong(const std::string& what, std::string hint) const {
    return Error(kBadDimList, fmt::format("{}, got {}", what, text_), std::move(hint));
  }

  Status add(std::string_view item) {
    if (item.find("..") != std::string_view::npos) return add_range(item);
    const auto number = number_of(item);
    if (number) return add(*number);
    return wrong(fmt::format("--dim takes NAME=NUMBER,...: \"{}\" is none", item), kForms);
  }

  Status add_range(std::string_view item) {
    const auto range = range_of(item);
    if (!range && item.find(':') == std::string_view::npos) {
      return wrong(fmt::format("the range {} has no step", item),
                   fmt::format("{0}:*2 or {0}:+64", item));
    }
    if (!range) return wrong(fmt::format("{} is no range", item), kForms);
    if (range->first > range->last) {
      return wrong(fmt::format("the range {} is empty", item), "the smaller number comes first");
    }
    if (!range->grows()) {
      return wrong(fmt::format("the step of {} does not grow", item),
                   "*2 or more, of a number above 0; or +1 or more");
    }
    for (auto value = std::optional(range->first); value; value = range->after(*value)) {
      RLX_TRY_VOID(add(*value));
    }
    return {};
  }

  Status add(int64_t value) {
    if (std::ranges::find(list_.values, value) != list_.values.end()) {
      return wrong(fmt::format("{} is there twice", value), "leave one out");
    }
    if (list_.values.size() == kMostVariants) {
      return wrong(fmt::format("there are more than {} values", kMostVariants), "a larger step");
    }
    list_.values.push_back(value);
    return {};
  }

  const std::string& text_;
  DimList list_;
};

}  // namespace

Result<Vec<DimList>> parse_dim_lists(const std::vector<std::string>& texts) {
  Vec<DimList> lists;
  for (const std::string& text : texts) {
    RLX_TRY(DimList list, ListReader(text).read());
    const auto other = std::ranges::find(lists, list.name, &DimList::name);
    if (other != lists.end()) {
      return Error(kBadDimList, fmt::format("--dim {} is given twice", list.name),
                   "one list: --dim NAME=1,2");
    }
    lists.push_back(std::move(list));
  }
  return lists;
}

size_t count_of(const Vec<DimList>& lists) {
  size_t count = 1;
  for (const DimList& list : lists) {
    if (__builtin_mul_overflow(count, list.values.size(), &count)) {
      return std::numeric_limits<size_t>::max();
    }
  }
  return count;
}

std::optional<Vec<Dims>> combinations(const Vec<DimList>& lists, size_t most) {
  if (count_of(lists) > most) return std::nullopt;
  Vec<Dims> all{{}};
  for (const DimList& list : lists) {
    Vec<Dims> longer;
    for (const Dims& dims : all) {
      for (const int64_t value : list.values) {
        longer.push_back(dims);
        longer.back().emplace_back(list.name, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

std::string to_text(const Dims& dims) {
  if (dims.empty()) return "template";
  std::string text;
  for (const auto& [name, value] : dims) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  }
  return text;
}

}  // namespace rlx::driver
