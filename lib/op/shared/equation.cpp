#include "op/shared/equation.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace rlx {
namespace {

// What stands for an operand or the output: its letters, and before which of them an ellipsis stands.
struct Subscripts {
  Vec<Label> letters;
  std::optional<size_t> ellipsis;
};

std::optional<Subscripts> parse_subscripts(std::string_view text) {
  Subscripts term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "...") {
      if (term.ellipsis) return std::nullopt;
      term.ellipsis = term.letters.size();
      i += 2;
      continue;
    }
    if (std::isalpha(static_cast<unsigned char>(text[i])) == 0) return std::nullopt;
    term.letters.push_back(text[i]);
  }
  return term;
}

std::optional<Vec<Subscripts>> parse_all_subscripts(std::string_view text) {
  Vec<Subscripts> terms;
  while (true) {
    const size_t end = text.find(',');
    std::optional<Subscripts> term = parse_subscripts(text.substr(0, end));
    if (!term) return std::nullopt;
    terms.push_back(std::move(*term));
    if (end == std::string_view::npos) return terms;
    text.remove_prefix(end + 1);
  }
}

// With as many axes for its ellipsis.
Vec<Label> labels_of(const Subscripts& term, int64_t axes) {
  Vec<Label> labels = term.letters;
  if (!term.ellipsis) return labels;
  Vec<Label> more;
  for (int64_t k = axes; k > 0; --k) more.push_back(static_cast<Label>(-k));
  labels.insert(labels.begin() + static_cast<int64_t>(*term.ellipsis), more.begin(), more.end());
  return labels;
}

// The letters that stand once, in order.
Subscripts implied_output(const Vec<Subscripts>& terms) {
  Vec<Label> all;
  for (const Subscripts& t : terms) all.insert(all.end(), t.letters.begin(), t.letters.end());
  std::ranges::sort(all);
  Subscripts out;
  out.ellipsis = 0;
  for (const Label l : all) {
    if (std::ranges::count(all, l) == 1) out.letters.push_back(l);
  }
  return out;
}

bool is_output_of(const Equation& e) {
  return std::ranges::all_of(e.output, [&](Label l) {
    const auto has = [&](const Vec<Label>& operand) { return has_label(operand, l); };
    return std::ranges::count(e.output, l) == 1 && std::ranges::any_of(e.operands, has);
  });
}

}  // namespace

bool has_label(const Vec<Label>& labels, Label l) {
  return std::ranges::find(labels, l) != labels.end();
}

std::optional<Equation> parse_equation(std::string_view text, const Vec<int>& ranks) {
  std::string dense(text);
  std::erase(dense, ' ');
  const size_t arrow = dense.find("->");
  std::optional<Vec<Subscripts>> terms =
      parse_all_subscripts(std::string_view(dense).substr(0, arrow));
  if (!terms || terms->size() != ranks.size()) return std::nullopt;
  std::optional<Subscripts> out = implied_output(*terms);
  if (arrow != std::string::npos) out = parse_subscripts(std::string_view(dense).substr(arrow + 2));
  if (!out) return std::nullopt;
  Equation e;
  int64_t most = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    const Subscripts& t = (*terms)[i];
    const int64_t more = ranks[i] - static_cast<int64_t>(t.letters.size());
    if (more < 0 || (more > 0 && !t.ellipsis)) return std::nullopt;
    most = std::max(most, t.ellipsis ? more : 0);
    e.operands.push_back(labels_of(t, more));
  }
  e.output = labels_of(*out, most);
  return is_output_of(e) ? std::optional(std::move(e)) : std::nullopt;
}

}  // namespace rlx
