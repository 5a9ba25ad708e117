#include "driver/run_feed.h"

#include <algorithm>

#include <fmt/format.h>

#include "driver/run_codes.h"
#include "runtime/codes.h"
#include "support/names.h"

namespace rlx::driver {
namespace {

// Text with at most one "*".
struct Pattern {
  std::string before, after;
  bool has_star = false;

  static Pattern of(const std::string& text) {
    const size_t star = text.find('*');
    if (star == std::string::npos) return {text, "", false};
    return {text.substr(0, star), text.substr(star + 1), true};
  }

  // What the "*" is in the name; nullopt where it does not fit.
  std::optional<std::string> match(const std::string& name) const {
    if (!has_star) return name == before ? std::optional<std::string>("") : std::nullopt;
    const bool fits = name.size() >= before.size() + after.size() && name.starts_with(before) &&
                      name.ends_with(after);
    if (!fits) return std::nullopt;
    return name.substr(before.size(), name.size() - before.size() - after.size());
  }

  std::string with(const std::string& star) const {
    return has_star ? before + star + after : before;
  }
};

struct FeedPattern {
  Pattern output, input;
};

Result<FeedPattern> parse_feed(const std::string& text) {
  const size_t equals = text.find('=');
  const auto bad = [&] {
    return Error(kBadFeed, fmt::format("--feed: \"{}\" is not OUTPUT=INPUT", text),
                 "with one * in both, or in none: --feed 'present_*=past_*'");
  };
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) return bad();
  FeedPattern p{Pattern::of(text.substr(0, equals)), Pattern::of(text.substr(equals + 1))};
  if (p.output.has_star != p.input.has_star || p.output.after.find('*') != std::string::npos ||
      p.input.after.find('*') != std::string::npos) {
    return bad();
  }
  return p;
}

Vec<std::string> names_of(const Vec<image::Tensor>& tensors) {
  Vec<std::string> names;
  for (const image::Tensor& t : tensors) names.push_back(t.name);
  return names;
}

}  // namespace

Result<Vec<runtime::Feed>> feeds_of(const image::Image& image, const Vec<std::string>& texts) {
  Vec<runtime::Feed> feeds;
  for (const std::string& text : texts) {
    RLX_TRY(const FeedPattern pattern, parse_feed(text));
    const size_t before = feeds.size();
    for (const image::Tensor& output : image.outputs) {
      const auto star = pattern.output.match(output.name);
      if (star) feeds.push_back({output.name, pattern.input.with(*star)});
    }
    if (feeds.size() > before) continue;
    const std::string output = text.substr(0, text.find('='));
    return Error(runtime::kUnknownFeed, fmt::format("the model has no output '{}' to feed", output),
                 hint_for(output, names_of(image.outputs)));
  }
  return feeds;
}

}  // namespace rlx::driver
