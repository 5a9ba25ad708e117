#include "test/random/table.h"

#include <set>

#include <fmt/format.h>

#include "test/random/generate.h"

namespace rlx::random {
namespace {

const Vec<std::string> kClasses = {"0", "1", "small", "vector", "tile"};

std::string class_of(const Vec<int64_t>& shape) {
  for (int64_t n : shape) {
    if (n == 0) return "0";
  }
  int64_t last = shape.empty() ? 1 : shape.back();
  if (last == 1) return "1";
  if (last < 8) return "small";
  return last == 8 || last == 16 ? "vector" : "tile";
}

bool steps_back(const Model& m, const Node& n) {
  if (n.op != "Slice" || n.inputs.size() < 5) return false;
  return std::ranges::any_of(m.values[static_cast<size_t>(n.inputs[4])].fill.elements,
                             [](const Dim& step) { return step.constant().value_or(1) < 0; });
}

// What the table calls a node, by ONNX's name.
std::string kind_of(const Model& m, const Node& n, bool view) {
  if (steps_back(m, n)) return view ? "slice_back" : "";
  for (const Emitter& e : emitters()) {
    if ((e.family == Family::kView) == view && e.family != Family::kOther &&
        onnx_name(e.op) == n.op) {
      return std::string(e.kind);
    }
  }
  return {};
}

}  // namespace

Vec<Meeting> meetings_of(const Model& m) {
  const Binding b = m.binding();
  std::map<int, std::string> views;
  Vec<Meeting> all;
  for (const Node& n : m.nodes) {
    std::string view = kind_of(m, n, true), reader = kind_of(m, n, false);
    if (!view.empty()) {
      for (int v : n.outputs) views[v] = view;
    }
    if (reader.empty()) continue;
    for (int v : n.inputs) {
      auto seen = views.find(v);
      if (seen == views.end()) continue;
      all.emplace_back(seen->second, reader,
                       class_of(shape_of(m.values[static_cast<size_t>(v)], b)));
    }
  }
  return all;
}

Vec<Meeting> possible_meetings() {
  std::set<std::string> views, readers;
  for (const Emitter& e : emitters()) {
    if (e.kind.empty() || e.family == Family::kOther) continue;
    (e.family == Family::kView ? views : readers).insert(std::string(e.kind));
  }
  Vec<Meeting> all;
  for (const std::string& view : views) {
    for (const std::string& reader : readers) {
      // A matrix has no windows.
      if (view == "flatten" && (reader == "conv" || reader == "pool")) continue;
      for (const std::string& extents : kClasses) all.emplace_back(view, reader, extents);
    }
  }
  return all;
}

int64_t Table::count(const Meeting& m) const {
  auto found = counts_.find(m);
  return found == counts_.end() ? 0 : found->second;
}

std::string Table::text() const {
  std::string text = fmt::format("{:12} {:12}", "view", "reader");
  for (const std::string& c : kClasses) text += fmt::format(" {:>7}", c);
  std::string row;
  for (const Meeting& m : possible_meetings()) {
    auto& [view, reader, extents] = m;
    std::string next = view + " " + reader;
    if (next != row) text += fmt::format("\n{:12} {:12}", view, reader);
    row = next;
    text += fmt::format(" {:>7}", count(m));
  }
  return text + "\n";
}

Vec<std::string> Table::rare(int64_t least) const {
  Vec<std::string> all;
  for (const Meeting& m : possible_meetings()) {
    auto& [view, reader, extents] = m;
    if (count(m) < least) {
      all.push_back(fmt::format("{} -> {} of extents {}: {}", view, reader, extents, count(m)));
    }
  }
  return all;
}

}  // namespace rlx::random
